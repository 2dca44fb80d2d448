"""What a site is made of: the path of each page and feed, and what stands on each page.

Paths are below the site's folder and have slashes; every link in a page is relative, so that a site can be served from any
address and be read from a disk. They never change: who keeps a link to one finds it again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from digest.catalogue.taxonomy import Subtopic, Taxonomy, Topic
from digest.core.domain import Kind, Paper, Shelf, State
from digest.core.edition import Edition, Item
from digest.core.query import Snippet

INDEX, CALENDAR, SEARCH, ABOUT, FEEDS, NOT_FOUND = (
    "index.html", "calendar.html", "search.html", "about.html", "feeds.html", "404.html",
)  # fmt: skip
SUBSCRIBE = "subscribe"
STYLE, OPML = "assets/site.css", "feeds.opml"
THEME, SCRIPT, SEARCHING = "assets/theme.js", "assets/site.js", "assets/search.js"
"""What each page loads before it is shown, what each page loads, and what the search page of a site without a server loads."""


def day_path(day: date) -> str:
    """Return where the page of a date is: ``days/2026-11-20.html``."""
    return f"days/{day}.html"


def paper_path(identifier: str) -> str:
    """Return where the page of a paper is: ``papers/2611/2611.01234.html``, ``papers/cs/0703101.html``."""
    folder, slash, _ = identifier.partition("/")
    return f"papers/{identifier}.html" if slash else f"papers/{folder[:4]}/{identifier}.html"


def topic_path(topic: str, subtopic: str = "", month: str = "") -> str:
    """Return where the page of a topic or a subtopic is; that of a *month* (``2026-11``), or the newest one's, which never moves."""
    return "/".join(("topics", *filter(None, (topic, subtopic)), f"{month or 'index'}.html"))


def index_path(month: str) -> str:
    """Return where the words of a month's papers are, for the search page: ``search/2026-11.json``."""
    return f"search/{month}.json"


def month_of(day: date) -> str:
    """Return the month of a date: ``2026-11``."""
    return f"{day:%Y-%m}"


class Issue(NamedTuple):
    """The newest published edition of a date that lists papers."""

    date: date
    number: int
    sha256: str
    """Of its JSON file."""
    made: datetime | None = None
    """When; None where that is not kept."""


class Standing(NamedTuple):
    """What is known of one date, for the calendar."""

    date: date
    state: State
    reason: str
    listed: int


class Listing(NamedTuple):
    """One edition that lists a paper."""

    date: date
    kind: Kind


@dataclass(frozen=True, slots=True)
class Related:
    """A paper that curators have filed, and how near it is to another one."""

    id: str
    """Empty where it is not known."""
    title: str
    topic: str
    subtopic: str
    nearness: float


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a paper stands where it stands."""

    terms: tuple[tuple[str, float], ...]
    """The n-grams that decided for its topic and against the runner-up, and the share of each; the strongest first."""
    runner_up: Shelf | None
    related: tuple[Related, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """What is the same on all pages of a site."""

    title: str
    category: str
    taxonomy: Taxonomy
    url: str = ""
    """The address that the site is served from, with a slash at its end; empty if that is not known."""
    sample: bool = False
    """Whether its papers are invented."""
    served: bool = False
    """Whether a server of ours answers, and searches."""
    days: tuple[date, ...] = ()
    """The newest dates that have a page, the newest first, a few."""
    subscribe: str = ""
    """The address of the form by which people subscribe, or `SUBSCRIBE` if it is served here; empty if there is none."""


@dataclass(frozen=True, slots=True)
class DayPage:
    """The page of a date."""

    edition: Edition
    previous: date | None
    following: date | None
    newest: bool = False
    """Whether it stands on the site's first page."""


@dataclass(frozen=True, slots=True)
class PaperPage:
    """The page of a paper."""

    item: Item
    """As the newest edition that lists it has it."""
    edition: Edition
    """That edition."""
    listings: tuple[Listing, ...]
    """All that list it, the newest first."""
    reason: Reason | None
    """None if the model that made the edition is not at hand, or if there was none."""
    bibtex: str
    markdown: str


@dataclass(frozen=True, slots=True)
class TopicPage:
    """The page of a topic or a subtopic in one month."""

    topic: Topic
    subtopic: Subtopic | None
    month: str
    months: tuple[str, ...]
    """This one and those beside it that have a page, the newest first; at the address that never moves all that have one."""
    days: tuple[tuple[date, tuple[Item, ...]], ...]
    """The newest date first; each date's items in the order of its page."""
    index: bool = False
    """Whether this is the page at the address that never moves."""


@dataclass(frozen=True, slots=True)
class CalendarPage:
    """All dates from the first one that is known to the last, the newest first."""

    standings: tuple[Standing, ...]


@dataclass(frozen=True, slots=True)
class SearchPage:
    """The search page of a site that no server of ours answers for: it loads the words of one month after another."""

    months: tuple[tuple[str, int], ...]
    """Each month that has an index, and how many papers it has; the newest first."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A paper that a server of ours found."""

    paper: Paper
    announced: date | None
    """The newest date on which it was listed."""
    topic: str
    subtopic: str
    snippet: Snippet
    """Of its abstract."""
    paged: bool = True
    """Whether it has a page here."""


@dataclass(frozen=True, slots=True)
class Results:
    """What a server of ours was asked for, as it was typed, and what it found."""

    query: str = ""
    topic: str = ""
    """A slug, or ``topic/subtopic``."""
    first: str = ""
    last: str = ""
    """Dates, ``2026-11-20``."""
    hits: tuple[Hit, ...] = ()
    total: int | None = None
    """How many papers fit; None where they are too many to be counted, or nothing was asked for."""
    start: int = 0
    """How many papers come before these."""
    page: int = 1
    more: bool = False
    """Whether another page follows."""
    problem: str = ""
    """What is wrong with what was typed, a sentence; empty if nothing is."""
    order: str = ""
    """``date`` for the newest first, else the likeliest."""


@dataclass(frozen=True, slots=True)
class AboutPage:
    """How the site is made."""

    card: Mapping[str, object]
    """What `models/default/card.json` says of the model, if that is the model; else empty."""
    model: str
    model_sha256: str


@dataclass(frozen=True, slots=True)
class FeedLink:
    """A feed, in all its formats."""

    title: str
    group: str
    """``digest``, ``papers``, the slug of a topic, or ``own``."""
    path: str
    """Without its ending, which is one of ``.atom.xml``, ``.rss.xml`` and ``.json``: ``feeds/topics/3d``."""


@dataclass(frozen=True, slots=True)
class OwnFeed:
    """A feed that the settings name: the papers of a search, of an author or of a topic, or of those together."""

    name: str
    """Small letters, digits and hyphens: its path is ``feeds/own/NAME``."""
    title: str
    search: str = ""
    """As `digest.core.query.parse` reads it."""
    author: str = ""
    topic: str = ""
    """``TOPIC`` or ``TOPIC/SUBTOPIC``, by their slugs."""


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of one file of a site."""

    body: bytes
    media_type: str
