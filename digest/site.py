"""A site: which paths there are and what stands at each, made from an archive. Asked for one page or for many."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Protocol

from digest.archive import Archive
from digest.catalogue.taxonomy import Subtopic, Topic
from digest.core.domain import ModelInfo
from digest.core.edition import Edition, Item
from digest.core.identifiers import identifier
from digest.core.site import (
    ABOUT,
    CALENDAR,
    FEEDS,
    INDEX,
    NOT_FOUND,
    SCRIPT,
    SEARCH,
    SEARCHING,
    STYLE,
    THEME,
    AboutPage,
    CalendarPage,
    Content,
    DayPage,
    FeedLink,
    Frame,
    Issue,
    PaperPage,
    Reason,
    SearchPage,
    TopicPage,
    day_path,
    index_path,
    month_of,
    paper_path,
    topic_path,
)

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""What a host is to send with every page; `_headers` tells those that read it (Netlify, Cloudflare)."""
HTML, JSON, TEXT = "text/html; charset=utf-8", "application/json", "text/plain; charset=utf-8"
_DAY = re.compile(r"days/(\d{4}-\d{2}-\d{2})\.html", re.ASCII)
_PAPER = re.compile(r"papers/([A-Za-z0-9.-]+)/([0-9.]+)\.html", re.ASCII)
_TOPIC = re.compile(r"topics/([a-z0-9-]+)(?:/([a-z0-9-]+))?/(index|\d{4}-\d{2})\.html", re.ASCII)
_WORDS = re.compile(r"search/(\d{4}-\d{2})\.json", re.ASCII)


class Pages(Protocol):
    """Writes pages."""

    def day(self, frame: Frame, page: DayPage, /) -> str:
        """Return the page of a date, or the first page."""

    def paper(self, frame: Frame, page: PaperPage, /) -> str:
        """Return the page of a paper."""

    def topic(self, frame: Frame, page: TopicPage, /) -> str:
        """Return the page of a topic or a subtopic."""

    def calendar(self, frame: Frame, page: CalendarPage, /) -> str:
        """Return the calendar."""

    def search(self, frame: Frame, page: SearchPage, /) -> str:
        """Return the search page."""

    def about(self, frame: Frame, page: AboutPage, /) -> str:
        """Return the page that tells how the site is made."""

    def feeds(self, frame: Frame, links: Sequence[FeedLink], /) -> str:
        """Return the page that lists all feeds."""

    def not_found(self, frame: Frame, /) -> str:
        """Return the page that is shown where there is none."""

    def asset(self, path: str, /) -> bytes:
        """Return the style sheet or a script, by its path."""


class Reasons(Protocol):
    """Tells why papers stand where they stand."""

    def of(self, model: ModelInfo | None, papers: Sequence[tuple[str, str]], /) -> list[Reason | None]:
        """Return the reason of each (title, abstract) that *model* has sorted, in order."""


class Feeding(Protocol):
    """Makes feeds."""

    def paths(self) -> Iterable[str]:
        """Return the path of each file."""

    def content(self, path: str, /) -> Content | None:
        """Return the file at a path; None if there is none."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a site is made with."""

    pages: Pages
    reasons: Reasons
    cite: Callable[[Item, Edition], tuple[str, str]]
    """Returns the BibTeX entry of a paper, and its Markdown."""
    words: Callable[[Sequence[tuple[date, Sequence[Item]]]], bytes]
    """Returns the words of the papers of a month, by their dates, for the search page."""
    feeds: Callable[[Archive, Frame], Feeding]
    links: tuple[FeedLink, ...]
    about: AboutPage


@dataclass(frozen=True, slots=True)
class Job:
    """Pages of the archive that are to be made."""

    papers: Mapping[date, Collection[str]]
    """By the newest date that lists them."""
    days: Sequence[date]
    topics: Sequence[str]
    """Months of which the pages of all topics are made ..."""
    words: Sequence[str]
    """... and of which the words are."""


@dataclass(slots=True)
class Site:
    """A site as its archive is when it is first asked."""

    archive: Archive
    frame: Frame
    """Without its `days`: pages that stay as they are for years do not name them, and all share what is remembered of a frame."""
    parts: Parts
    _issues: tuple[Issue, ...] | None = field(default=None, init=False, repr=False)
    _dates: dict[str, list[date]] | None = field(default=None, init=False, repr=False)
    _feeding: Feeding | None = field(default=None, init=False, repr=False)
    _month: tuple[str, dict[tuple[str, str], dict[date, list[Item]]]] = field(default=("", {}), init=False, repr=False)

    # -- what there is -------------------------------------------------------------------------------------------------

    def issues(self) -> tuple[Issue, ...]:
        """Return the editions that have a page, the newest first."""
        if self._issues is None:
            self._issues = self.archive.issues()
        return self._issues

    def months(self) -> tuple[str, ...]:
        """Return the months that have a page, the newest first."""
        return tuple(self._by_month())

    def shelves(self) -> tuple[tuple[Topic, Subtopic | None], ...]:
        """Return the topics and subtopics: each has a page."""
        return tuple((topic, sub) for topic in self.frame.taxonomy.topics for sub in (None, *topic.subtopics))

    def contents(self, path: str) -> Content | None:
        """Return what stands at a path; None if nothing does.

        Raises:
            StoreError: the archive cannot be read.

        """
        if path in self._front():
            return self._front()[path]()
        if match := _DAY.fullmatch(path):
            return self._known_day(match[1])
        if match := _PAPER.fullmatch(path):
            return self._known_paper(path, match[1], match[2])
        if match := _TOPIC.fullmatch(path):
            return self._known_topic(match[1], match[2] or "", match[3])
        if match := _WORDS.fullmatch(path):
            return self.words(match[1]) if match[1] in self.months() else None
        return self._feeds().content(path)

    def _known_day(self, text: str) -> Content | None:
        try:
            day = date.fromisoformat(text)
        except ValueError:
            return None
        return self.day(day) if any(issue.date == day for issue in self.issues()) else None

    def _known_paper(self, path: str, folder: str, number: str) -> Content | None:
        for name in (number, f"{folder}/{number}"):
            if identifier(name) == name and paper_path(name) == path and (found := self.archive.listings([name])):
                return next((content for _, content in self.papers({found[name][0].date: [name]})), None)
        return None

    def _known_topic(self, topic: str, subtopic: str, month: str) -> Content | None:
        for one, sub in self.shelves():
            if (one.slug, sub.slug if sub else "") == (topic, subtopic) and (month == "index" or month in self.months()):
                return self.topic(one, sub, "" if month == "index" else month)
        return None

    # -- pages of the archive ------------------------------------------------------------------------------------------

    def pages(self, job: Job) -> Iterator[tuple[str, Content]]:
        """Yield path and content of pages of the archive: month by month, of each those that are linked to before those that link.

        An edition is read once for all pages of its month.
        """
        months = {*map(month_of, job.papers), *map(month_of, job.days), *job.topics, *job.words}
        for month in sorted(months, reverse=True):
            yield from self.papers({day: names for day, names in job.papers.items() if month_of(day) == month})
            if month in job.words:
                yield index_path(month), self.words(month)
            if month in job.topics:
                for one, sub in self.shelves():
                    yield topic_path(one.slug, sub.slug if sub else "", month), self.topic(one, sub, month)
            yield from ((day_path(day), self.day(day)) for day in job.days if month_of(day) == month)

    def papers(self, wanted: Mapping[date, Collection[str]]) -> Iterator[tuple[str, Content]]:
        """Yield path and content of the pages of papers, by the newest date that lists them."""
        for day, names in wanted.items():
            edition = self.archive.edition(day)
            items = [item for item in edition.items if item.entry.paper.id in names]
            listings = self.archive.listings([item.entry.paper.id for item in items])
            reasons = self.parts.reasons.of(edition.model, [(item.entry.paper.title, item.entry.paper.abstract) for item in items])
            for item, reason in zip(items, reasons, strict=True):
                name = item.entry.paper.id
                page = PaperPage(item, edition, listings.get(name, ()), reason, *self.parts.cite(item, edition))
                yield paper_path(name), _html(self.parts.pages.paper(self.frame, page))

    def day(self, day: date, *, newest: bool = False) -> Content:
        """Return the page of a date; of the *newest* one also the first page of the site."""
        dates = [issue.date for issue in self.issues()]
        place = dates.index(day)
        previous = dates[place + 1] if place + 1 < len(dates) else None
        page = DayPage(self.archive.edition(day), previous, dates[place - 1] if place else None, newest)
        return _html(self.parts.pages.day(self.frame, page))

    def topic(self, topic: Topic, subtopic: Subtopic | None, month: str = "") -> Content:
        """Return the page of a topic or a subtopic in a month; without one that of the newest, at the address that never moves.

        The latter names all months. The others name those before and after, so that they need not change with each month.
        """
        months = self.months()
        own = month or (months[0] if months else "")
        place = months.index(own) if own else 0
        named = months[max(0, place - 1) : place + 2] if month else months
        found = self._of_month(own).get((topic.slug, subtopic.slug if subtopic else ""), {})
        days = tuple((day, tuple(items)) for day, items in found.items())
        page = TopicPage(topic, subtopic, own, named, days, index=not month)
        return _html(self.parts.pages.topic(self.frame, page))

    def words(self, month: str) -> Content:
        """Return the words of the papers that are listed in a month."""
        return Content(self.parts.words([(day, self.archive.edition(day).items) for day in self._by_month().get(month, ())]), JSON)

    def _of_month(self, month: str) -> dict[tuple[str, str], dict[date, list[Item]]]:
        """Return the items of a month by topic and subtopic, and by date: the newest first."""
        kept, found = self._month
        if kept != month:
            found = {}
            for day in self._by_month().get(month, ()):
                for item in self.archive.edition(day).items:
                    topic, subtopic = item.place or ("", "")
                    for shelf in dict.fromkeys(((topic, ""), (topic, subtopic))):
                        found.setdefault(shelf, {}).setdefault(day, []).append(item)
            self._month = month, found
        return found

    def _by_month(self) -> Mapping[str, Sequence[date]]:
        """Return the dates of each month, the newest first."""
        if self._dates is None:
            self._dates = {}
            for issue in self.issues():
                self._dates.setdefault(month_of(issue.date), []).append(issue.date)
        return self._dates

    # -- pages in front of it ------------------------------------------------------------------------------------------

    def front(self, counts: Mapping[str, int]) -> Iterator[tuple[str, Content]]:
        """Yield path and content of all other pages, the first page of the site last; *counts* tells how many papers a month has."""
        for topic, sub in self.shelves():
            yield topic_path(topic.slug, sub.slug if sub else ""), self.topic(topic, sub)
        yield from self.feeds()
        for path, make in self._front().items():
            yield path, self._search(counts) if path == SEARCH else make()

    def names(self) -> frozenset[str]:
        """Return the paths of all pages in front of the archive."""
        topics = (topic_path(topic.slug, sub.slug if sub else "") for topic, sub in self.shelves())
        return frozenset((*topics, *self._feeds().paths(), *self._front()))

    def _front(self) -> dict[str, Callable[[], Content]]:
        """Return what makes each page that there is one of, by its path; the first page of the site last."""
        pages, told = self.parts.pages, "".join(f"  {name}: {value}\n" for name, value in HEADERS.items())
        return {
            STYLE: lambda: Content(pages.asset(STYLE), "text/css; charset=utf-8"),
            **{path: partial(self._script, path) for path in (THEME, SCRIPT, SEARCHING)},
            "robots.txt": lambda: Content(b"User-agent: *\nAllow: /\n", TEXT),
            "_headers": lambda: Content(f"/*\n{told}".encode(), TEXT),
            ".nojekyll": lambda: Content(b"", TEXT),
            CALENDAR: self.calendar,
            SEARCH: lambda: self._search({}),
            ABOUT: lambda: _html(pages.about(self.frame, self.parts.about)),
            FEEDS: lambda: _html(pages.feeds(self.frame, self.parts.links)),
            NOT_FOUND: lambda: _html(pages.not_found(self.frame)),
            INDEX: self.index,
        }

    def _script(self, path: str) -> Content:
        return Content(self.parts.pages.asset(path), "text/javascript; charset=utf-8")

    def index(self) -> Content:
        """Return the first page: that of the newest date, or the calendar as long as there is none."""
        return self.day(self.issues()[0].date, newest=True) if self.issues() else self.calendar()

    def calendar(self) -> Content:
        """Return the calendar."""
        return _html(self.parts.pages.calendar(self.frame, CalendarPage(self.archive.standings())))

    def feeds(self) -> Iterator[tuple[str, Content]]:
        """Yield path and content of each feed."""
        for path in self._feeds().paths():
            if found := self._feeds().content(path):
                yield path, found

    def _feeds(self) -> Feeding:
        if self._feeding is None:
            self._feeding = self.parts.feeds(self.archive, self.frame)
        return self._feeding

    def _search(self, counts: Mapping[str, int]) -> Content:
        months = () if self.frame.served else tuple((month, counts.get(month, 0)) for month in self.months())
        return _html(self.parts.pages.search(self.frame, SearchPage(months)))


def _html(text: str) -> Content:
    return Content(text.encode(), HTML)
