"""Why papers stand where they stand, many of them at once: what `cvdigest explain` tells, in short, for the pages of papers."""

import re
import unicodedata
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path

from digest.classify import model, neighbours
from digest.classify.explain import Decisions, Term
from digest.classify.neighbours import Neighbour, Titles
from digest.core.domain import ModelInfo
from digest.core.site import Reason, Related
from digest.errors import ModelError
from digest.explaining import PLACES

_TERMS, _RELATED = 6, 3
_SAID = re.compile(r"[^\W_]+")


class Reasons:
    """The reasons of the model in a folder, which is read when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, made_by: ModelInfo | None, papers: Sequence[tuple[str, str]]) -> list[Reason | None]:
        """Return why each (title, abstract) stands where the model that is called *made_by* put it, in order.

        All are None where that is not the model in the folder, or where there is none: what another model would say of a
        paper is no reason.
        """
        known = self._decisions
        if made_by is None or known is None or made_by.sha256 != known.model.info.sha256:
            return [None] * len(papers)
        decisions = known.of(papers, _TERMS)
        # One more than is told, and as many again: a paper is not related to itself, nor is another one told twice.
        near = self._titles.nearest(papers, 2 * (_RELATED + 1)) if self._titles else ([] for _ in papers)
        return [
            Reason(tuple((_named(term), term.share) for term in decision.terms), decision.runner_up, _related(title, nearest))
            for (title, _), decision, nearest in zip(papers, decisions, near, strict=True)
        ]

    @cached_property
    def _decisions(self) -> Decisions | None:
        try:
            return Decisions(model.load(self._folder))
        except ModelError:
            return None

    @cached_property
    def _titles(self) -> Titles | None:
        try:
            curated = neighbours.load_papers(self._folder)
        except ModelError:
            return None
        return None if curated is None else Titles(curated)


def _named(term: Term) -> str:
    return f"{term.gram}{PLACES.get(term.field, '')}"


def _related(title: str, nearest: Sequence[Neighbour]) -> tuple[Related, ...]:
    told, found = {_same(title)}, []
    for one in nearest:
        paper = one.paper
        same = _same(paper.title)
        if same not in told:
            told.add(same)
            found.append(Related(paper.id, paper.title, paper.topic, paper.subtopic, round(one.nearness, 4)))
            if len(found) == _RELATED:
                break
    return tuple(found)


@lru_cache(maxsize=20_000)  # as many as the lists have: the same ones are near to many papers
def _same(title: str) -> str:
    """Return a title without what two copies of it may differ in: case, punctuation and spaces."""
    return "".join(_SAID.findall((title if title.isascii() else unicodedata.normalize("NFKC", title)).casefold()))
