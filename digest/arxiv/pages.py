"""arXiv's listing pages, asked for, followed to their last one, found whole, and kept.

    kept already? | ask | judge what arXiv says | parse | whole? of this date? | keep | Reading

Four listings are read: the newest announcement (`/new`), that of a date (`/catchup`, 90 days back), the last five dates
(`/recent`) and a whole month (`/YYYY-MM`). The last two have no abstracts. Which date an answer belongs to, and whether
it is complete, is decided by what the page states about itself.
"""

import datetime as dt
import difflib
import html
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from digest.arxiv import listing
from digest.arxiv.answers import Answers, Fetch, Kept, fingerprint
from digest.arxiv.client import Answer
from digest.core.announcements import Calendar
from digest.core.domain import Announcement, Entry, Provenance
from digest.core.text import plain
from digest.errors import IncompleteError, LayoutError, NotYetError, OutOfReachError, SourceError, StaleError, UsageError

_OK, _BAD_REQUEST, _NOT_FOUND = 200, 400, 404
_MAX_PAGES = 40
_SHOW = 2000
_CROSS_LISTED_LATE = timedelta(days=7)
_HEADLINE = re.compile(rb"<h1[^>]*>(.*?)</h1>", re.DOTALL | re.IGNORECASE)
LEAVE_OUT = "leave --source out"
OLDER_ADVICE = f"{LEAVE_OUT}, so that the right one is asked"
FILE_ADVICE = "a page that you have kept can be read with --source file:PATH"


@dataclass(frozen=True, slots=True)
class Listing:
    """One of arXiv's listings, for one category."""

    name: str
    url: str
    following: Callable[[str, list[listing.Page]], str]
    """Gives the address of the page after those that are in."""
    dated: bool = True
    """Whether it is that of one date, and has abstracts."""
    month: str | None = None
    """The month that it states, ``2020-04``, if it is that of a month."""


def newest(base: str, category: str) -> Listing:
    """Return the listing of the newest announcement."""
    return Listing("listing", f"{base}/list/{category}/new", _next_listing)


def caught_up(base: str, category: str, day: date) -> Listing:
    """Return the listing of a date, which arXiv gives for 90 days."""
    return Listing("catchup", f"{base}/catchup/{category}/{day}?abs=True", _next_catchup)


def recent(base: str, category: str) -> Listing:
    """Return the listing of the last five dates: new and cross-listed papers, no abstracts."""
    return Listing("recent", f"{base}/list/{category}/recent?skip=0&show={_SHOW}", _next_skipped, dated=False)


def monthly(base: str, category: str, month: str) -> Listing:
    """Return the listing of a *month* (``2020-04``) of announcements: new and cross-listed papers, no abstracts, no dates."""
    return Listing("month", f"{base}/list/{category}/{month}?skip=0&show={_SHOW}", _next_skipped, dated=False, month=month)


@dataclass(frozen=True, slots=True)
class Reading:
    """The pages of one listing, found complete."""

    day: date
    """The date that they state; for a month its first day."""
    pages: tuple[listing.Page, ...]
    provenance: Provenance
    kept: bool = False
    """Whether it came out of the store, without asking."""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All entries in the order of the pages."""
        return tuple(entry for page in self.pages for section in page.sections for entry in section.entries)

    def of(self, day: date) -> tuple[Entry, ...]:
        """Return the entries under one of the dates of `/recent`."""
        return tuple(entry for page in self.pages for section in page.sections if section.date == day for entry in section.entries)

    @property
    def dates(self) -> tuple[date, ...]:
        """The dates of `/recent`, as they stand there."""
        return tuple(dict.fromkeys(section.date for page in self.pages for section in page.sections if section.date))


def _trusting(_reading: Reading) -> None:
    """Have no doubts about a reading."""


@dataclass(frozen=True, slots=True)
class Pages:
    """Asks for listing pages."""

    fetch: Fetch
    answers: Answers
    calendar: Calendar
    say: Callable[[str], None] = lambda _line: None
    categories: frozenset[str] = frozenset()
    """The categories that are known, for telling a slip of the keyboard from a page that is missing."""

    def read(
        self, category: str, wanted: Listing, day: date | None, now: datetime, doubt: Callable[[Reading], None] = _trusting
    ) -> Reading:
        """Ask for all pages of *wanted*, check and keep them. With *day*, a dated listing must be of that date.

        *doubt* looks at the reading before it is kept, and raises what speaks against it.

        Raises:
            UsageError: arXiv knows no such category.
            NotYetError: the listing is stale, incomplete, or of a date that is not announced yet.
            OutOfReachError: the date is older than arXiv's pages reach.
            UnreachableError: arXiv cannot be reached.
            SourceError: arXiv answered something that is no listing page.

        """
        pages: list[listing.Page] = []
        answers: list[Answer] = []
        url = wanted.url
        try:
            while not _enough(pages):
                self.say(f"asking {url}")
                # The run's own clock, so that a replay of a day leaves the same store behind.
                answer = replace(self.fetch(url), fetched=now)
                answers.append(answer)
                self._judge(category, answer)
                pages.append(listing.parse(answer.body, category=category))
                self._check(category, wanted, pages)
                url = wanted.following(wanted.url, pages)
            if lack := listing.missing(pages):
                msg = f"the page is not complete: {lack}"
                raise IncompleteError(msg)
            stated = self._stated(wanted, pages, day, now)
            if wanted.dated and day is not None and stated != day:
                msg = f"{wanted.url} shows the announcement of {stated}, not that of {day}"
                if stated > day:
                    raise OutOfReachError(msg, advice=OLDER_ADVICE)
                raise stale(msg, stated, advice="arXiv may not have announced it yet: try again later")
            provenance = Provenance(wanted.name, tuple(a.url for a in answers), tuple(fingerprint(a.body) for a in answers))
            reading = Reading(stated, tuple(pages), provenance)
            doubt(reading)
        except SourceError as exc:
            self._keep_for_study(exc, url, answers)
            raise
        if wanted.month is None or pages[0].total:  # an empty month is too much to be believed for ever
            for answer in answers:
                self.answers.keep(answer, stated)
        return reading

    def kept(self, category: str, wanted: Listing, day: date) -> Reading | None:
        """Return the pages of a date out of the store, if they are all there, whole, and from after its publication."""
        pages: list[listing.Page] = []
        found: list[Kept] = []
        url = wanted.url
        try:
            while not _enough(pages):
                item = self.answers.find(url, day)
                if item is None:
                    return None
                found.append(item)
                pages.append(listing.parse(item.body, category=category))
                self._check(category, wanted, pages)
                url = wanted.following(wanted.url, pages)
        except SourceError:
            return None
        # Pages that were not fetched together may be those of two announcements.
        whole = not listing.missing(pages) and {item.fetched for item in found} == {found[0].fetched}
        whole = whole and found[0].fetched >= self._final(wanted, day)
        if wanted.dated:
            whole = whole and pages[0].date == day and (pages[0].total > 0 or passed(pages[0], day))
        if not whole:
            return None
        provenance = Provenance(wanted.name, tuple(item.url for item in found), tuple(item.sha256 for item in found))
        return Reading(day, tuple(pages), provenance, kept=True)

    def settled(self, stated: date) -> datetime:
        """Return from when on a page of a date is complete."""
        if self.calendar.closure(stated):  # nothing is published then; or the table is wrong, and the page is right
            return datetime(stated.year, stated.month, stated.day, tzinfo=UTC)
        return self.calendar.window(stated).settled

    def page_at_hand(self, category: str, body: bytes) -> listing.Page:
        """Return what one page says that is at hand: a file, or the bundled sample.

        Raises:
            SourceError: it is no page of one announcement of *category*.

        """
        page = listing.parse(body, category=category)
        self._check(category, Listing("file", "", _next_listing), [page])
        return page

    def _final(self, wanted: Listing, day: date) -> datetime:
        """Return from when on an answer is not to change any more."""
        if wanted.month is None:
            return self.settled(day)
        following = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        return datetime.combine(following, dt.time(), UTC) + _CROSS_LISTED_LATE

    def _stated(self, wanted: Listing, pages: list[listing.Page], day: date | None, now: datetime) -> date:
        """Return the date that an answer belongs to: its own, or that under which it is kept."""
        stated = pages[0].date
        if wanted.name == "recent":
            stated = max((section.date for page in pages for section in page.sections if section.date), default=None)
        elif not wanted.dated:
            stated = day or now.date()
        if stated is None:
            msg = f"{wanted.url} states no date of its own"
            raise LayoutError(msg)
        return stated

    def _judge(self, category: str, answer: Answer) -> None:
        """Refuse an answer that is no page, by what arXiv says in it."""
        if answer.status == _OK:
            return
        url = answer.url
        headline = _HEADLINE.search(answer.body)
        said = plain(html.unescape((headline[1] if headline else answer.body[:160]).decode("utf-8", "replace")))[:160]
        unknown = bool(self.categories) and category not in self.categories
        if "Invalid archive" in said or "Invalid subject" in said or (unknown and answer.status == _NOT_FOUND):
            alike = difflib.get_close_matches(category, sorted(self.categories), 3)
            msg = f"arXiv knows no category {category!r} (it says {said!r} to {url})"
            raise UsageError(msg, advice=f"did you mean {' or '.join(alike)}?" if alike else "see https://arxiv.org/category_taxonomy")
        if answer.status == _BAD_REQUEST and "later than today" in said:
            msg = f"arXiv says {said!r}"
            raise NotYetError(msg, advice="try again later")
        if answer.status == _BAD_REQUEST and "90 days" in said:
            msg = f"arXiv says {said!r}"
            raise OutOfReachError(msg, advice=FILE_ADVICE)
        msg = f"arXiv answered {answer.status} to {url}" + (f": {said}" if said else "")
        raise SourceError(msg)

    def _check(self, category: str, wanted: Listing, pages: list[listing.Page]) -> None:
        """Refuse a page of another category, and pages that do not belong together."""
        first, last = pages[0], pages[-1]
        if (first.date, first.total) != (last.date, last.total):
            msg = f"arXiv's pages changed while they were read (from {first.date}, {first.total} entries, to {last.date}, {last.total})"
            raise IncompleteError(msg, advice="try again later")
        if last.month != wanted.month:
            msg = f"the page is the list of {last.month or 'no month'}, not of {wanted.month or 'a date'}"
            raise LayoutError(msg)
        if wanted.dated and last.rows and not last.abstracts:
            msg = "the page gives no abstracts"
            raise LayoutError(msg, advice="a catch-up page has them when it is asked for with ?abs=True")
        names = dict(last.names)
        heading = last.heading.removeprefix("Catchup results for ").partition(" on ")[0]
        code = names.get(heading, category)
        if code != category and "." in category and not listing.same_category(code, category):
            msg = f"the page is that of {code}, not of {category}"
            raise LayoutError(msg)

    def _keep_for_study(self, error: SourceError, url: str, answers: list[Answer]) -> None:
        """Keep what came in last, and say in the error where it lies."""
        if not error.advice:
            error.advice = (
                "try again later" if isinstance(error, NotYetError) else "if arXiv has changed its pages, this program must be updated"
            )
        if error.body and (not answers or answers[-1].body != error.body):
            answers = [Answer(url, 0, error.body, datetime.now(UTC).replace(microsecond=0))]
        if answers and (path := self.answers.refuse(answers[-1], error.message)):
            error.message += f"; the page is kept as {path}"


def nothing(category: str, day: date, provenance: Provenance, calendar: Calendar, following: date | None = None) -> Announcement:
    """Return the announcement of a date of which arXiv says that there is none."""
    closure = calendar.closure(day)
    why = {"weekend": "it is a weekend", "holiday": "arXiv had a holiday"}.get(closure, "arXiv's page says that there are no updates")
    after = f", and the next announcement is that of {following}" if following else ""
    reason = f"{day:%A} {day} is a date without an announcement in {category}: {why}{after}"
    return Announcement(category, day, (), provenance, reason=reason)


def stale(message: str, stated: date, *, advice: str) -> StaleError:
    """Return the error of a page that belongs to another date."""
    error = StaleError(message, advice=advice)
    error.stated = stated
    return error


def passed(page: listing.Page, day: date) -> bool:
    """Say whether arXiv has announced a later date than *day*, so that no updates for it are final."""
    return page.next_date is not None and page.next_date > day


def _enough(pages: list[listing.Page]) -> bool:
    """Say whether the *pages* hold as many entries as they state.

    Raises:
        IncompleteError: they do not, and no page after them will.

    """
    if not pages:
        return False
    if sum(page.rows for page in pages) >= pages[0].total:
        return True
    if len(pages) == _MAX_PAGES or pages[-1].rows == 0:
        msg = f"arXiv's pages end before their {pages[0].total} entries do"
        raise IncompleteError(msg)
    return False


def _next_listing(url: str, pages: list[listing.Page]) -> str:
    """Return the address of the page after *pages* of `/list/<category>/new`."""
    return f"{url}?skip={sum(page.rows for page in pages)}&show={pages[0].per_page}"


def _next_skipped(url: str, pages: list[listing.Page]) -> str:
    """Return the address of the page after *pages* of `/recent` or of a month."""
    return f"{url.partition('?')[0]}?skip={sum(page.rows for page in pages)}&show={_SHOW}"


def _next_catchup(url: str, pages: list[listing.Page]) -> str:
    """Return the address of the page after *pages* of `/catchup`."""
    return f"{url}&page={len(pages) + 1}"
