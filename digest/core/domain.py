"""The nouns.

All are frozen and slotted. Dates are `datetime.date` and mean *the date that arXiv prints*; moments are aware
`datetime` objects in UTC. Sequences are tuples.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class Kind(StrEnum):
    """How a paper stands in an announcement, in arXiv's own words (the ``announce_type`` of its feeds)."""

    NEW = "new"
    CROSS = "cross"
    REPLACED = "replaced"
    REPLACED_CROSS = "replaced-cross"


class State(StrEnum):
    """What is known of a date of a category; each date is in exactly one of these states."""

    PUBLISHED = "published"
    NONE = "none"
    """There is no announcement: a weekend, a holiday, or nothing in this category."""
    WAITING = "waiting"
    """Not announced yet, or what arXiv shows is stale or incomplete; or nobody has asked so far."""
    FAILED = "failed"
    """It was asked for, and could not be made."""


@dataclass(frozen=True, slots=True)
class Paper:
    """What arXiv says about a paper. Texts are plain: no HTML, no Markdown, TeX only where it is mathematics."""

    id: str
    """The arXiv identifier without version: ``2004.00622`` or ``cs/0703101``."""
    title: str
    abstract: str
    """Paragraphs are separated by one line feed; a link stands as its bare URL."""
    authors: tuple[str, ...]
    categories: tuple[str, ...]
    """All categories, the primary one first."""
    comments: str = ""
    journal_ref: str = ""
    version: int | None = None
    """None where the source does not tell: listing pages print no versions."""
    doi: str = ""
    licence: str = ""
    """The address of the licence."""
    submitted: datetime | None = None
    """When the first version came in, in UTC; None where the source does not tell."""
    updated: datetime | None = None
    """When this version came in."""
    pending: bool = False
    """Whether its abstract could not be had so far, so that the next run is to complete it."""

    @property
    def primary(self) -> str:
        """The primary category, or an empty string if the source gives none."""
        return self.categories[0] if self.categories else ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an announcement: a paper, and how it stands in there."""

    paper: Paper
    kind: Kind


@dataclass(frozen=True, slots=True)
class Provenance:
    """Which service said so, and the fingerprints of its answers."""

    service: str
    """``listing``, ``catchup``, ``recent``, ``feed``, ``api``, ``oai``, ``month``, ``file``, ``sample`` or ``calendar``."""
    urls: tuple[str, ...] = ()
    sha256: tuple[str, ...] = ()
    """Of the decoded body of each answer, in the order of `urls`."""


@dataclass(frozen=True, slots=True)
class Check:
    """What one of arXiv's services says about an announcement that another one gave."""

    service: str
    agrees: bool
    says: str
    """A sentence without its full stop."""
    besides: tuple[str, ...] = ()
    """The papers that it has and the announcement has not."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """Everything that arXiv announced in a category on a date."""

    category: str
    """One category, or several joined with ``+`` in the order in which they were asked for."""
    date: date
    entries: tuple[Entry, ...]
    provenance: Provenance
    reason: str = ""
    """Why there is nothing, for a date without an announcement; empty otherwise."""
    remarks: tuple[str, ...] = ()
    """What the reader should know about how this came to be, each a sentence."""
    checks: tuple[Check, ...] = ()
    """What other services say."""
    reconstructed: bool = False
    """Whether no service states any more what was announced, so that it was worked out."""
    unknown: tuple[str, ...] = ()
    """What cannot be known about a reconstructed date, each a sentence."""

    @property
    def state(self) -> State:
        """``none`` for a date without an announcement, else ``published``."""
        return State.NONE if self.reason else State.PUBLISHED

    def count(self, kind: Kind) -> int:
        """Return how many entries are of *kind*."""
        return sum(entry.kind is kind for entry in self.entries)


@dataclass(frozen=True, slots=True)
class Shelf:
    """One place of the catalogue that a paper belongs in."""

    topic: str
    subtopic: str
    probability: float


@dataclass(frozen=True, slots=True)
class Classification:
    """What a model thinks of one paper."""

    shelves: tuple[Shelf, ...]
    """At least one, the likeliest first."""
    unsure: bool

    @property
    def best(self) -> Shelf:
        """The primary shelf: always the best guess, also when the model is unsure."""
        return self.shelves[0]


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which model classified an edition."""

    name: str
    sha256: str
    """Of the model's manifest, which in turn names the sha256 of each of its files."""
