"""An announcement and what a model thinks of it, put together: what stands where, in which order, under which number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import count, groupby
from typing import NamedTuple

from digest.catalogue.taxonomy import Taxonomy, Topic
from digest.core.domain import Announcement, Check, Classification, Entry, Kind, ModelInfo, Provenance, State
from digest.core.identifiers import age
from digest.core.links import Link, links, venue

LAYOUTS = ("topics", "classic")
_LAST = UNSURE, UNCLASSIFIED = "unsure", "unclassified"
NO_SUBTOPIC = "no-subtopic"
_RANK = {kind: rank for rank, kind in enumerate(Kind)}


class _Standing(NamedTuple):
    """An entry before it has a number."""

    entry: Entry
    opinion: Classification | None
    corrected: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Item:
    """One numbered entry of an edition."""

    number: int
    entry: Entry
    classification: Classification | None
    """None without a model."""
    links: tuple[Link, ...]
    venue: str
    corrected: tuple[str, str] | None = None
    """Topic and subtopic (perhaps empty) that the reader put it under; what the model thinks stays in `classification`."""

    @property
    def place(self) -> tuple[str, str] | None:
        """Topic and subtopic that it belongs to, as far as is known: the reader's word before the model's."""
        return self.corrected or _best(self.classification)


@dataclass(frozen=True, slots=True)
class Part:
    """One heading inside a section: the items of a subtopic."""

    slug: str
    """That of the subtopic, or ``no-subtopic``."""
    name: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One heading of an edition, with the items under it."""

    slug: str
    """That of a topic, ``unsure``, ``unclassified``, or ``all`` in the classic layout."""
    name: str
    items: tuple[Item, ...]
    parts: tuple[Part, ...] = ()
    """The same items subtopic by subtopic, for a topic that is listed so; empty for any other section."""


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
    checks: tuple[Check, ...] = ()
    reconstructed: bool = False
    unknown: tuple[str, ...] = ()
    number: int = 1
    """1 for the first edition of a date."""
    changes: tuple[str, ...] = ()
    """What is different from the edition before, each a sentence without its full stop."""

    @property
    def items(self) -> tuple[Item, ...]:
        """All items in the order of their numbers."""
        return tuple(item for section in self.sections for item in section.items)


def chosen(announcement: Announcement, include: frozenset[Kind]) -> tuple[Entry, ...]:
    """Return the entries to be listed, each paper once, in the page's order.

    New submissions come first, then cross-lists, then replacements, each by descending identifier. A paper that is
    announced in two ways on one day (new and replaced, say) is listed the first way.
    """
    ranked = sorted(announcement.entries, key=lambda entry: (_RANK[entry.kind], *(-part for part in age(entry.paper.id))))
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
    corrections: Mapping[str, tuple[str, str]] | None = None,
) -> Edition:
    """Sort *entries* (see `chosen`) into sections and number them through; nothing is lost and nothing stands twice.

    *opinions* belong to the entries one by one; None means that there is no model. In the ``topics`` layout the sections
    follow the catalogue, empty ones are left out and the unsure ones are last; a topic that is listed by subtopic has
    parts, which follow the catalogue too. ``classic`` is one flat list.

    *corrections* give topic and subtopic of papers by identifier, and are followed whatever the model thinks. Where they
    leave the subtopic open, it is the topic's only one, or the one that the model names in that topic, if any.
    """
    shelves: dict[str, list[_Standing]] = {}
    names = taxonomy.names()
    for index, entry in enumerate(entries):
        opinion = opinions[index] if opinions is not None else None
        corrected = _settled((corrections or {}).get(entry.paper.id), opinion, taxonomy)
        shelves.setdefault(_shelf(opinion, corrected, layout), []).append(_Standing(entry, opinion, corrected))
    # A topic that the catalogue does not have is no reason to lose a paper.
    order = dict.fromkeys(("all", *names, *(shelf for shelf in shelves if shelf not in _LAST), *_LAST))
    headings = {**names, "all": "All papers", UNSURE: "Unsure", UNCLASSIFIED: "Unclassified"}
    divided = {topic.slug: topic for topic in taxonomy.topics if topic.by_subtopic}
    sections: list[Section] = []
    numbers = count(1)
    for slug in order:
        if slug not in shelves:
            continue
        topic = divided.get(slug)
        items = tuple(
            Item(next(numbers), entry, opinion, links(entry.paper), venue(entry.paper.comments), corrected)
            for entry, opinion, corrected in (_by_subtopic(shelves[slug], topic) if topic else shelves[slug])
        )
        sections.append(Section(slug, headings.get(slug, slug), items, _parts(items, topic) if topic else ()))
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
        checks=announcement.checks,
        reconstructed=announcement.reconstructed,
        unknown=announcement.unknown,
    )


def sectioned(items: Sequence[Item], layout: str, taxonomy: Taxonomy) -> tuple[Section, ...]:
    """Return the sections of an edition whose numbered *items* are at hand, in order."""
    headings = {**taxonomy.names(), "all": "All papers", UNSURE: "Unsure", UNCLASSIFIED: "Unclassified"}
    divided = {topic.slug: topic for topic in taxonomy.topics if topic.by_subtopic}
    found = []
    for slug, group in groupby(items, lambda item: _shelf(item.classification, item.corrected, layout)):
        own = tuple(group)
        found.append(Section(slug, headings.get(slug, slug), own, _parts(own, divided[slug]) if slug in divided else ()))
    return tuple(found)


def _settled(correction: tuple[str, str] | None, opinion: Classification | None, taxonomy: Taxonomy) -> tuple[str, str] | None:
    """Return a correction with a subtopic, as far as there is one to be known."""
    if correction is None or correction[1]:
        return correction
    own = [subtopic for topic, subtopic in taxonomy.shelves() if topic == correction[0]]
    if len(own) == 1:
        return correction[0], own[0]
    likely = next((shelf.subtopic for shelf in (opinion.shelves if opinion else ()) if shelf.topic == correction[0]), "")
    return correction[0], likely


def _best(opinion: Classification | None) -> tuple[str, str] | None:
    return (opinion.best.topic, opinion.best.subtopic) if opinion else None


def _shelf(opinion: Classification | None, corrected: tuple[str, str] | None, layout: str) -> str:
    if layout == "classic":
        return "all"
    if corrected:
        return corrected[0]
    if opinion is None:
        return UNCLASSIFIED
    return UNSURE if opinion.unsure else opinion.best.topic


def _by_subtopic(standing: Sequence[_Standing], topic: Topic) -> list[_Standing]:
    """Return the entries of a topic in the order of its subtopics; those of none, or of an unknown one, are last."""
    ranks = {sub.slug: rank for rank, sub in enumerate(topic.subtopics)}

    def rank(one: _Standing) -> tuple[int, str]:
        slug = _part(one.corrected or _best(one.opinion))
        return ranks.get(slug, len(ranks)), slug

    return sorted(standing, key=rank)


def _parts(items: Sequence[Item], topic: Topic) -> tuple[Part, ...]:
    """Return the parts of a section whose *items* are in the order of `_by_subtopic`."""
    names = {NO_SUBTOPIC: "No subtopic"} | {sub.slug: sub.name[:1].upper() + sub.name[1:] for sub in topic.subtopics}
    return tuple(Part(slug, names.get(slug, slug), tuple(own)) for slug, own in groupby(items, lambda item: _part(item.place)))


def _part(place: tuple[str, str] | None) -> str:
    return (place[1] if place else "") or NO_SUBTOPIC
