"""One day's work.

    source.announcement | edition.chosen | model.classify | edition.compose | render | publish

Every step can be repeated: a run that broke half-way is mended by running it again, and a second run leaves the same bytes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from digest import publish
from digest.catalogue.taxonomy import Taxonomy
from digest.core.domain import Announcement, Classification, Kind, ModelInfo, State
from digest.core.edition import Edition, chosen, compose
from digest.errors import ModelError, SettingsError
from digest.render import jsonfile
from digest.render.markdown import Renderer


class Judge(Protocol):
    """What classifies papers: `digest.classify.model.Model`, or a stand-in."""

    @property
    def info(self) -> ModelInfo:
        """Which model it is."""

    @property
    def topics(self) -> Sequence[str]:
        """The slugs of the topics that it sorts into."""

    @property
    def taxonomy(self) -> Taxonomy | None:
        """Its own topics, if they are not the catalogue's."""

    def classify(self, papers: Sequence[tuple[str, str]]) -> list[Classification]:
        """Return what it thinks of each (title, abstract), in order."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a run has made."""

    edition: Edition
    path: Path | None
    """The page; None for a date without an announcement."""
    announcement: Announcement
    json: str
    """The edition as the JSON file has it."""


@dataclass(frozen=True, slots=True)
class Daily:
    """One day's work, with its tools laid out."""

    taxonomy: Taxonomy
    load_model: Callable[[], Judge]
    renderer: Renderer
    say: Callable[[str], None]
    warn: Callable[[str], None]
    corrections: Callable[[], Mapping[str, tuple[str, str]]] = dict
    """Reads topic and subtopic of the papers that the reader has corrected, by identifier."""

    def run(self, announcement: Announcement, *, out: Path, layout: str, include: frozenset[Kind]) -> Made:
        """Make the digest of *announcement* below *out*.

        Raises:
            PublishError: a file cannot be written.

        """
        for line in (*announcement.remarks, *(check.says for check in announcement.checks if not check.agrees)):
            self.warn(line)
        entries = chosen(announcement, include)
        judge, opinions = None, None
        if announcement.state is State.PUBLISHED:
            judge, opinions = self._classified([(entry.paper.title, entry.paper.abstract) for entry in entries])
        taxonomy = (judge and judge.taxonomy) or self.taxonomy
        edition = compose(
            announcement, entries, opinions, taxonomy,
            layout=layout, model=judge.info if judge else None, corrections=self._corrections(taxonomy),
        )  # fmt: skip
        if edition.sample:
            out /= "sample"  # invented papers never stand among real ones
        page = publish.page_path(out, edition.date, edition.category)
        text = jsonfile.text(edition)
        if edition.state is State.NONE:
            publish.write([(page.with_suffix(".json"), text)])
            if publish.remove(page):  # it was worked out, say, before arXiv said that there was nothing
                publish.write([(out / "README.md", self.renderer.index(publish.editions(out)))])
            return Made(edition, None, announcement, text)
        # The JSON after the page: where it lies, the edition is whole.
        publish.write([(page, self.renderer.page(edition)), (page.with_suffix(".json"), text)])
        publish.write([(out / "README.md", self.renderer.index(publish.editions(out)))])
        self.say(f"{len(edition.items)} papers written")
        return Made(edition, page, announcement, text)

    def _corrections(self, taxonomy: Taxonomy) -> dict[str, tuple[str, str]]:
        """Return the corrections that the catalogue has a place for; those that cannot be used are no reason to make no page."""
        try:
            kept = self.corrections()
        except SettingsError as exc:
            self.warn(f"{exc}; nothing is corrected in this digest")
            return {}
        places = {*taxonomy.shelves(), *((topic, "") for topic in taxonomy.names())}
        if strange := [f"{paper} ({'/'.join(filter(None, place))})" for paper, place in kept.items() if place not in places]:
            self.warn(f"the catalogue has no such place for {', '.join(strange)[:200]}; not corrected")
        return {paper: place for paper, place in kept.items() if place in places}

    def _classified(self, papers: list[tuple[str, str]]) -> tuple[Judge | None, list[Classification] | None]:
        try:
            judge = self._fitting(self.load_model())
        except ModelError as exc:
            self.warn(f"{exc}; every paper is unclassified")
            return None, None
        opinions = judge.classify(papers)
        self.say(f"{len(papers)} papers classified by {judge.info.name}")
        return judge, opinions

    def _fitting(self, judge: Judge) -> Judge:
        if strange := set(judge.topics) - set((judge.taxonomy or self.taxonomy).names()):
            msg = f"the model sorts into topics that the catalogue does not have ({', '.join(sorted(strange))[:80]})"
            raise ModelError(msg)
        return judge
