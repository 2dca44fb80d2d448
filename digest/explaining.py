"""Find a paper, and put together why the model thinks of it what it thinks."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digest import publish
from digest.classify import model, neighbours
from digest.classify.explain import Term, explain
from digest.core.domain import Shelf
from digest.core.identifiers import identifier
from digest.errors import ModelError, UsageError
from digest.paperlines import LineError, opened, paper, raw_lines, text_of

_LARGEST = 64 * 2**20
TOLD_FOR, TOLD_AGAINST = 10, 5


@dataclass(frozen=True, slots=True)
class Found:
    """A paper to be explained."""

    id: str
    title: str
    abstract: str
    where: str
    """The file that it stands in; empty if the user gave it."""


PLACES = {"title": " (in the title)", "opening": " (in the first sentence)"}


def in_editions(out: Path, name: str, warn: Callable[[str], None]) -> Found:
    """Return a paper out of the newest digest below *out* that holds it; real digests come before the sample.

    Raises:
        UsageError: none does.

    """
    for folder in (out, out / "sample"):
        for _, _, page in publish.editions(folder):
            path = (folder / page).with_suffix(".json")
            try:
                with path.open("rb") as file:
                    content = file.read(_LARGEST)
                if f'"{name}"'.encode() not in content:  # reading them all as JSON would take long after some years
                    continue
                for entry in json.loads(content)["entries"]:
                    if entry["id"] == name:
                        return Found(name, str(entry["title"]), str(entry["abstract"]), str(path))
            except FileNotFoundError:
                continue
            except (OSError, ValueError, KeyError, TypeError, RecursionError) as exc:
                warn(f"{path} is passed over, because it cannot be used: {exc or type(exc).__name__}")
    msg = f"no digest below {out} holds {name}"
    raise UsageError(msg, advice="name another folder with --out, a file with --file, or give --title and --abstract")


def in_file(path: Path, name: str) -> Found:
    """Return a paper out of a file of JSON lines.

    Raises:
        UsageError: it is not in there, or a line before it is no paper.

    """
    number = 0
    with opened(path) as stream:
        try:
            for line in raw_lines(stream):
                text = text_of(line)
                row = paper(text) if text else {}
                if row and identifier(str(row.get("id", ""))) == name:
                    return Found(name, row["title"], row["abstract"] or "", str(path))
                number += 1
        except LineError as exc:
            msg = f"{path}:{number + 1}: {exc}"
            raise UsageError(msg) from exc
    msg = f"{path} does not hold {name}"
    raise UsageError(msg, advice='a line of it is found by its field "id"')


def report(found: Found, folder: Path, corrected: tuple[str, str] | None, warn: Callable[[str], None]) -> dict[str, Any]:
    """Return why the model in *folder* thinks of a paper what it thinks, as plain dictionaries, lists, texts and numbers."""
    known = model.load(folder)
    why = explain(known, found.title, found.abstract)
    near = None
    try:
        curated = neighbours.load_papers(folder)
        if curated is not None:
            near = [
                {"id": one.paper.id or None, "topic": one.paper.topic, "subtopic": one.paper.subtopic or None,
                 "title": one.paper.title, "nearness": round(one.nearness, 4)}
                for one in neighbours.nearest(curated, found.title, found.abstract)
            ]  # fmt: skip
    except ModelError as exc:
        warn(str(exc))
    best = why.classification.best
    return {
        "id": found.id or None,
        "title": found.title,
        "found_in": found.where or None,
        "model": {"name": known.info.name, "sha256": known.info.sha256},
        **_shelf(best),
        "unsure": why.classification.unsure,
        "corrected": {"topic": corrected[0], "subtopic": corrected[1] or None} if corrected else None,
        "runner_up": _shelf(why.runner_up) if why.runner_up else None,
        "difference": why.difference,
        "constant": why.constant,
        "for": [_term(term) for term in why.terms if term.contribution > 0],
        "against": [_term(term) for term in reversed(why.terms) if term.contribution < 0],
        "for_runner_up": [_term(term) for term in why.for_runner_up if term.contribution > 0],
        "nearest": near,
    }


def _shelf(shelf: Shelf) -> dict[str, Any]:
    return {"topic": shelf.topic, "subtopic": shelf.subtopic or None, "probability": shelf.probability}


def _term(term: Term) -> dict[str, Any]:
    return {"term": term.gram, "field": term.field, "contribution": term.contribution, "share": term.share}


def as_text(told: dict[str, Any], name: Callable[[str, str | None], str]) -> str:
    """Return a report as lines for a person; *name* gives the name of a topic and its subtopic."""
    place, rival = name(told["topic"], told["subtopic"]), told["runner_up"]
    lines = [f"{told['id']}  {told['title']}" if told["id"] else told["title"]]
    lines.append(f"{place}  {told['probability']:.2f}{'  (unsure)' if told['unsure'] else ''}")
    if told["corrected"]:
        lines.append(f"corrected by you to: {name(told['corrected']['topic'], told['corrected']['subtopic'])}")
    against = f", against {name(rival['topic'], None)}" if rival else ""
    lines += ["", f"What spoke for {name(told['topic'], None)}{against}", *_table(told["for"][:TOLD_FOR])]
    lines += ["", "What spoke against it", *_table(told["against"][:TOLD_AGAINST])]
    if rival:
        lines += ["", f"Runner-up: {name(rival['topic'], rival['subtopic'])}  {rival['probability']:.2f}, for which spoke"]
        lines += _table(told["for_runner_up"][:TOLD_AGAINST])
    lines += ["", "Nearest curated papers, by their titles"]
    if told["nearest"] is None:
        lines.append("  (the model does not tell which papers it was trained on)")
    for one in told["nearest"] or []:
        lines.append(f"  {one['nearness']:.2f}  {one['id'] or '':<12}  {one['title']}  [{name(one['topic'], one['subtopic'])}]")
    lines += ["", f"Model: {told['model']['name']} (sha256 {told['model']['sha256'][:16]})"]
    return "".join(f"{line}\n" for line in lines)


def _table(terms: list[dict[str, Any]]) -> list[str]:
    """Return terms one a line with their shares; a term of the title alone says so."""
    return [f"  {term['share']:+7.1%}  {term['term']}{PLACES.get(term['field'], '')}" for term in terms] or ["  nothing"]
