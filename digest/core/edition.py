"""An announcement and what a model thinks of it, put together: what stands where, in which order, under which number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from digest.catalogue.taxonomy import Taxonomy
from digest.core.domain import Announcement, Classification, Entry, Kind, ModelInfo, Provenance, State
from digest.core.links import Link, links, venue

LAYOUTS = ("topics", "classic")
_LAST = UNSURE, UNCLASSIFIED = "unsure", "unclassified"
_RANK = {kind: rank for rank, kind in enumerate(Kind)}
_OLD_STYLE_DIGITS = 7


@dataclass(frozen=True, slots=True)
class Item:
    """One numbered entry of an edition."""

    number: int
    entry: Entry
    classification: Classification | None
    """None without a model."""
    links: tuple[Link, ...]
    venue: str


@dataclass(frozen=True, slots=True)
class Section:
    """One heading of an edition, with the items under it."""

    slug: str
    """That of a topic, ``unsure``, ``unclassified``, or ``all`` in the classic layout."""
    name: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Edition:
    """The digest of one category on one date."""

    category: str
    date: date
    state: State
    layout: str
    counts: Mapping[str, int]
    """What was announced, by kind, whether it is listed or not."""
    sections: tuple[Section, ...]
    taxonomy: Taxonomy
    model: ModelInfo | None
    source: Provenance
    reason: str = ""
    sample: bool = False

    @property
    def items(self) -> tuple[Item, ...]:
        """All items in the order of their numbers."""
        return tuple(item for section in self.sections for item in section.items)


def chosen(announcement: Announcement, include: frozenset[Kind]) -> tuple[Entry, ...]:
    """Return the entries to be listed, each paper once, in the page's order.

    New submissions come first, then cross-lists, then replacements, each by descending identifier. A paper that is
    announced in two ways on one day (new and replaced, say) is listed the first way.
    """
    ranked = sorted(announcement.entries, key=lambda entry: (_RANK[entry.kind], *(-part for part in _age(entry.paper.id))))
    first: dict[str, Entry] = {}
    for entry in ranked:
        first.setdefault(entry.paper.id, entry)
    return tuple(entry for entry in first.values() if entry.kind in include)


def compose(  # noqa: PLR0913 - an edition is made of this much
    announcement: Announcement,
    entries: Sequence[Entry],
    opinions: Sequence[Classification] | None,
    taxonomy: Taxonomy,
    *,
    layout: str = "topics",
    model: ModelInfo | None = None,
) -> Edition:
    """Sort *entries* (see `chosen`) into sections and number them through; nothing is lost and nothing stands twice.

    *opinions* belong to the entries one by one; None means that there is no model. In the ``topics`` layout the sections
    follow the catalogue, empty ones are left out and the unsure ones are last; ``classic`` is one flat list.
    """
    shelves: dict[str, list[tuple[Entry, Classification | None]]] = {}
    names = taxonomy.names()
    for index, entry in enumerate(entries):
        opinion = opinions[index] if opinions is not None else None
        shelves.setdefault(_shelf(opinion, layout), []).append((entry, opinion))
    # A topic that the catalogue does not have is no reason to lose a paper.
    order = dict.fromkeys(("all", *names, *(shelf for shelf in shelves if shelf not in _LAST), *_LAST))
    headings = {**names, "all": "All papers", UNSURE: "Unsure", UNCLASSIFIED: "Unclassified"}
    sections = []
    number = 0
    for slug in order:
        if slug not in shelves:
            continue
        items = []
        for entry, opinion in shelves[slug]:
            number += 1
            items.append(Item(number, entry, opinion, links(entry.paper), venue(entry.paper.comments)))
        sections.append(Section(slug, headings.get(slug, slug), tuple(items)))
    return Edition(
        announcement.category,
        announcement.date,
        announcement.state,
        layout,
        {kind.value: announcement.count(kind) for kind in Kind},
        tuple(sections),
        taxonomy,
        model,
        announcement.provenance,
        announcement.reason,
        sample=announcement.provenance.service == "sample",
    )


def _shelf(opinion: Classification | None, layout: str) -> str:
    if layout == "classic":
        return "all"
    if opinion is None:
        return UNCLASSIFIED
    return UNSURE if opinion.unsure else opinion.best.topic


def _age(identifier: str) -> tuple[int, int]:
    """Return (month, number) of an identifier, in the order of time: ``9912`` of the old style is before ``0704``."""
    _, slash, rest = identifier.rpartition("/")
    if slash and len(rest) == _OLD_STYLE_DIGITS:
        year, month, number = int(rest[:2]), int(rest[2:4]), int(rest[4:])
        return (1900 + year if year > 90 else 2000 + year) * 100 + month, number  # noqa: PLR2004 - arXiv began in 1991
    month_part, _, number_part = identifier.partition(".")
    return 200000 + int(month_part), int(number_part)
