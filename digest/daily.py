"""One day's work, from an announcement to the bytes of its files.

    announcement | edition.chosen | model.classify | edition.compose | render

Every step can be repeated: a run that broke half-way is mended by running it again, and a second run leaves the same bytes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from digest import publish
from digest.catalogue.taxonomy import Taxonomy
from digest.core.domain import Announcement, Classification, Entry, Kind, ModelInfo, State
from digest.core.edition import Edition, chosen, compose
from digest.errors import ModelError
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


_ROUNDS = 10
"""So often the list of editions is written at most, where others write pages all the while."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a run has made."""

    edition: Edition
    path: Path | None
    """The page; None for a date without an announcement."""
    announcement: Announcement
    json: str
    """The edition as the JSON file has it."""
    new: bool = True
    """Whether it was not there before."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An announcement sorted, before it has a number."""

    announcement: Announcement
    entries: tuple[Entry, ...]
    """Those that are listed."""
    opinions: Sequence[Classification] | None
    """What the model thinks of each; None without a model."""
    edition: Edition
    include: frozenset[Kind]


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

    def draft(self, announcement: Announcement, *, layout: str, include: frozenset[Kind]) -> "Draft":
        """Sort *announcement* into an edition, as if it were the first of its date."""
        for line in (*announcement.remarks, *(check.says for check in announcement.checks if not check.agrees)):
            self.warn(line)
        entries = chosen(announcement, include)
        judge, opinions = None, None
        if announcement.state is State.PUBLISHED:
            judge, opinions = self._classified([(entry.paper.title, entry.paper.abstract) for entry in entries])
        corrected = self.corrected((judge and judge.taxonomy) or self.taxonomy)
        return self.sort(announcement, include, entries, judge, opinions, corrected, layout=layout)

    def sort(  # noqa: PLR0913, PLR0917 - a draft is made of this much
        self,
        announcement: Announcement,
        include: frozenset[Kind],
        entries: tuple[Entry, ...],
        judge: Judge | None,
        opinions: Sequence[Classification] | None,
        corrected: Mapping[str, tuple[str, str]],
        *,
        layout: str,
    ) -> "Draft":
        """Sort *entries* of an announcement into an edition, by what *judge* thinks of them and by the reader's corrections."""
        taxonomy = (judge and judge.taxonomy) or self.taxonomy
        model = judge.info if judge else None
        edition = compose(announcement, entries, opinions, taxonomy, layout=layout, model=model, corrections=corrected)
        return Draft(announcement, entries, opinions, edition, include)

    def judge(self) -> Judge:
        """Return the model.

        Raises:
            ModelError: it cannot be used, or does not fit the catalogue.

        """
        return self._fitting(self.load_model())

    def contents(self, edition: Edition) -> dict[str, tuple[Path, bytes]]:
        """Return path (below the folder of the digests) and bytes of each file of an edition, by its role: page and json."""
        page = publish.page_path(Path(), edition.date, edition.category)
        text = {"json": (page.with_suffix(".json"), jsonfile.text(edition).encode())}
        return text if edition.state is State.NONE else {"page": (page, self.page(edition)), **text}

    def page(self, edition: Edition) -> bytes:
        """Return the bytes of the page of an edition."""
        return self.renderer.page(edition).encode()

    def index(self, out: Path) -> None:
        """Write the list of all editions below *out*.

        Raises:
            PublishError: it cannot be written.

        """
        # Who lists another category may have written a page and its list meanwhile, and ours lacks it. So each looks again after
        # it has written: the last one to write sees all pages. That needs no lock, and nobody waits for one who stands still.
        for _ in range(_ROUNDS):
            listed = publish.editions(out)
            publish.write([(out / "README.md", self.renderer.index(listed).encode())], "index")
            if publish.editions(out) == listed:
                return

    def run(self, announcement: Announcement, *, out: Path, layout: str, include: frozenset[Kind]) -> Made:
        """Make the digest of *announcement* below *out*, and keep nothing of it: that of the sample.

        Raises:
            PublishError: a file cannot be written.

        """
        edition = self.draft(announcement, layout=layout, include=include).edition
        contents = self.contents(edition)
        for role, (path, content) in contents.items():
            publish.write([(out / path, content)], role)
        self.index(out)
        return Made(edition, out / contents["page"][0] if "page" in contents else None, announcement, jsonfile.text(edition))

    def corrected(self, taxonomy: Taxonomy) -> dict[str, tuple[str, str]]:
        """Return the corrections that the catalogue has a place for; those that cannot be used are no reason to make no page."""
        kept = self.corrections()
        places = {*taxonomy.shelves(), *((topic, "") for topic in taxonomy.names())}
        if strange := [f"{paper} ({'/'.join(filter(None, place))})" for paper, place in kept.items() if place not in places]:
            self.warn(f"the catalogue has no such place for {', '.join(strange)[:200]}; not corrected")
        return {paper: place for paper, place in kept.items() if place in places}

    def _classified(self, papers: list[tuple[str, str]]) -> tuple[Judge | None, list[Classification] | None]:
        try:
            judge = self.judge()
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
