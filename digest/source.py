"""Which of arXiv's services answers for which date, and whether the answer is whole.

    date | which service | kept already? | ask | whole? of this date? | keep | Announcement

The newest date is asked of `/list/<category>/new`, an older one of `/catchup/<category>/<date>`, which reaches 90 days
back. Which date an answer belongs to, and whether it is complete, is decided by what the page states about itself; the
schedule is only a hint about what to expect.
"""

import difflib
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from digest.arxiv import listing
from digest.arxiv.answers import Answers, Fetch, Kept, fingerprint
from digest.arxiv.client import Answer
from digest.core.announcements import FIRST_DATE, ITHACA, Calendar, announcement_instant
from digest.core.domain import Announcement, Provenance
from digest.core.text import plain
from digest.errors import (
    DigestError,
    IncompleteError,
    LayoutError,
    NotYetError,
    OutOfReachError,
    SourceError,
    StaleError,
    UsageError,
)

REACH = timedelta(days=90)
"""How far `/catchup` goes back."""
_OK, _BAD_REQUEST, _NOT_FOUND = 200, 400, 404
_MAX_PAGES = 40
_MAX_FILE = 16 * 2**20
_HEADLINE = re.compile(rb"<h1[^>]*>(.*?)</h1>", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Service:
    """One of arXiv's services, for one category and date."""

    name: str
    url: str
    following: Callable[[str, list[listing.Page]], str]
    """Gives the address of the page after those that are in."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """The pages of one announcement, found complete, and the date that they state."""

    day: date
    pages: list[listing.Page]
    provenance: Provenance


@dataclass(slots=True)
class Source:
    """Finds the announcement of a date."""

    fetch: Fetch
    answers: Answers
    calendar: Calendar
    base: str
    """The base URL of every address: ``https://arxiv.org``, or that of a replay."""
    say: Callable[[str], None] = lambda _line: None
    categories: frozenset[str] = frozenset()
    """The categories that are known, for telling a slip of the keyboard from a page that is missing."""
    _remarks: list[str] = field(default_factory=list)

    def announcement(self, category: str, day: date | None, now: datetime, source: str = "auto") -> Announcement:
        """Return what was announced in *category* on *day* (None: the newest date that arXiv states).

        Raises:
            UsageError: the date lies in the future or before arXiv, or arXiv knows no such category.
            NotYetError: the date is not announced yet, or its page is stale or incomplete.
            OutOfReachError: the date is older than arXiv's pages reach.
            UnreachableError: arXiv cannot be reached.
            SourceError: arXiv answered something that is no listing page.

        """
        self._remarks = []
        if source.startswith("file:"):
            return self._from_file(category, day, Path(source.removeprefix("file:")).expanduser())
        if day is not None and (settled := self._known_without_asking(category, day, now, asked=source != "auto")):
            return settled
        due = self.calendar.newest(now)
        listed = _Service("listing", f"{self.base}/list/{category}/new", _next_listing)
        caught = _Service("catchup", f"{self.base}/catchup/{category}/{day or due}?abs=True", _next_catchup)
        usable = {"listing": (listed,), "catchup": (caught,)}.get(source, (listed, caught))
        for service in usable:
            if kept := self._kept(category, service, day or due):
                self.say(f"{day or due}: arXiv's answer is kept from before")
                return self._made(category, kept)
        if source == "catchup" or (source == "auto" and not self._is_newest(day, now)):
            return self._catchup(category, caught, day or due, now)
        try:
            return self._newest(category, listed, day, now)
        except StaleError as exc:
            if source == "auto" and day is not None and exc.stated is not None and exc.stated > day:
                return self._catchup(category, caught, day, now)
            raise

    def _known_without_asking(self, category: str, day: date, now: datetime, *, asked: bool) -> Announcement | None:
        """Return the announcement of a date that needs no question: none, because of a weekend or a holiday."""
        following = self.calendar.following(now)
        if day < FIRST_DATE:
            msg = f"{day} is before arXiv's first announcement, of {FIRST_DATE}"
            raise UsageError(msg)
        if day != following.date and announcement_instant(day) > now:
            msg = f"{day} lies in the future"
            raise UsageError(
                msg, advice=f"the next announcement is that of {following.date}, on {following.announced:%Y-%m-%d at %H:%M} UTC"
            )
        if day == following.date:
            msg = f"{day} is not announced yet"
            raise NotYetError(msg, advice=f"arXiv announces it on {following.announced:%Y-%m-%d at %H:%M} UTC")
        if asked:  # a service that is named is asked, whatever is known
            return None
        closure = self.calendar.closure(day)
        if closure:
            reason = f"{day:%A} {day} is a date without an announcement: " + (
                "arXiv never announces for a Saturday or a Sunday" if closure == "weekend" else "arXiv had a holiday the evening before"
            )
            return Announcement(category, day, (), Provenance("calendar"), reason=reason)
        return None

    def _is_newest(self, day: date | None, now: datetime) -> bool:
        """Say whether `/new` is the page to ask for *day*; if not, `/catchup` must reach it."""
        if day is None or day == self.calendar.newest(now):
            return True
        if now.astimezone(ITHACA).date() - day > REACH:
            msg = f"{day} is more than {REACH.days} days ago, further back than arXiv's pages reach"
            raise OutOfReachError(msg, advice="a page that you have kept can be read with --source file:PATH")
        return False

    def _newest(self, category: str, service: "_Service", day: date | None, now: datetime) -> Announcement:
        reading = self._read(category, service, day, now)
        if reading.pages[0].total == 0:
            # A page that was emptied too early stood for ten hours on 25 June 2026: on /new, nothing is not an answer.
            msg = f"{service.url} has no updates for {reading.day} so far"
            raise NotYetError(msg, advice="try again later, or ask for an older date with --date")
        due = self.calendar.newest(now)
        if reading.day < due:
            self._remarks.append(f"a newer announcement, that of {due}, is due by now; arXiv still shows {reading.day}")
        return self._made(category, reading)

    def _catchup(self, category: str, service: "_Service", day: date, now: datetime) -> Announcement:
        reading = self._read(category, service, day, now)
        self._confirm(reading.pages[0], day)
        return self._made(category, reading)

    def _confirm(self, page: listing.Page, day: date) -> None:
        """Refuse a page without updates unless it is final: arXiv has passed the date, or never announces on it."""
        if page.total == 0 and not _passed(page, day) and not self.calendar.closure(day):
            msg = f"arXiv has no updates for {day}, and has announced no later date yet"
            raise NotYetError(msg, advice="try again later")

    def _nothing(self, category: str, day: date, provenance: Provenance, following: date | None = None) -> Announcement:
        closure = self.calendar.closure(day)
        why = {"weekend": "it is a weekend", "holiday": "arXiv had a holiday"}.get(closure, "arXiv's page says that there are no updates")
        after = f", and the next announcement is that of {following}" if following else ""
        reason = f"{day:%A} {day} is a date without an announcement in {category}: {why}{after}"
        return Announcement(category, day, (), provenance, reason=reason)

    # -- asking, checking, keeping -------------------------------------------------------------------------------------

    def _read(self, category: str, service: "_Service", day: date | None, now: datetime) -> "_Reading":
        """Ask for all pages of *service*, check and keep them. With *day*, they must be of that date."""
        pages: list[listing.Page] = []
        answers: list[Answer] = []
        url = service.url
        try:
            while not _enough(pages):
                self.say(f"asking {url}")
                # The run's own clock, so that a replay of a day leaves the same store behind.
                answer = replace(self.fetch(url), fetched=now)
                answers.append(answer)
                self._judge(category, answer)
                pages.append(listing.parse(answer.body, category=category))
                self._check(category, pages)
                url = service.following(service.url, pages)
            if lack := listing.missing(pages):
                msg = f"the page is not complete: {lack}"
                raise IncompleteError(msg)
            stated = pages[0].date
            if stated is None:
                msg = f"{service.url} states no date of its own"
                raise LayoutError(msg)
            if day is not None and stated != day:
                msg = f"{service.url} shows the announcement of {stated}, not that of {day}"
                later = "arXiv may not have announced it yet: try again later" if stated < day else "ask for it with --source catchup"
                stale = StaleError(msg, advice=later)
                stale.stated = stated
                raise stale
        except SourceError as exc:
            self._keep_for_study(exc, url, answers)
            raise
        for answer in answers:
            self.answers.keep(answer, stated)
        if not pages[0].empty and now < self._settled(stated):
            self._remarks.append(f"arXiv may still be publishing {stated}; run again after {self._settled(stated):%H:%M} UTC to be sure")
        return _Reading(stated, pages, Provenance(service.name, tuple(a.url for a in answers), tuple(fingerprint(a.body) for a in answers)))

    def _kept(self, category: str, service: "_Service", day: date) -> "_Reading | None":
        """Return the pages of a date out of the store, if they are all there, whole, and from after its publication."""
        pages: list[listing.Page] = []
        found: list[Kept] = []
        url = service.url
        try:
            while not _enough(pages):
                item = self.answers.find(url, day)
                if item is None:
                    return None
                found.append(item)
                pages.append(listing.parse(item.body, category=category))
                self._check(category, pages)
                url = service.following(service.url, pages)
        except SourceError:
            return None
        whole = pages[0].date == day and not listing.missing(pages) and found[0].fetched >= self._settled(day)
        if not whole or (pages[0].total == 0 and not _passed(pages[0], day)):
            return None
        return _Reading(day, pages, Provenance(service.name, tuple(item.url for item in found), tuple(item.sha256 for item in found)))

    def _judge(self, category: str, answer: Answer) -> None:
        """Refuse an answer that is no page, by what arXiv says in it."""
        if answer.status == _OK:
            return
        url = answer.url
        headline = _HEADLINE.search(answer.body)
        said = plain((headline[1] if headline else answer.body[:160]).decode("utf-8", "replace"))[:160]
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
            raise OutOfReachError(msg, advice="a page that you have kept can be read with --source file:PATH")
        msg = f"arXiv answered {answer.status} to {url}" + (f": {said}" if said else "")
        raise SourceError(msg)

    def _check(self, category: str, pages: list[listing.Page]) -> None:
        """Refuse a page of another category, and pages that do not belong together."""
        first, last = pages[0], pages[-1]
        if (first.date, first.total) != (last.date, last.total):
            msg = f"arXiv's pages changed while they were read (from {first.date}, {first.total} entries, to {last.date}, {last.total})"
            raise IncompleteError(msg, advice="try again later")
        if last.rows and not last.abstracts:
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

    def _settled(self, stated: date) -> datetime:
        """Return from when on a page of a date is complete."""
        if self.calendar.closure(stated):  # nothing is published then; or the table is wrong, and the page is right
            return datetime(stated.year, stated.month, stated.day, tzinfo=UTC)
        return self.calendar.window(stated).settled

    def _made(self, category: str, reading: "_Reading") -> Announcement:
        first = reading.pages[0]
        if first.total == 0:
            return self._nothing(category, reading.day, reading.provenance, first.next_date)
        entries = tuple(entry for page in reading.pages for section in page.sections for entry in section.entries)
        return Announcement(category, reading.day, entries, reading.provenance, remarks=tuple(self._remarks))

    # -- file:PATH -----------------------------------------------------------------------------------------------------

    def _from_file(self, category: str, day: date | None, path: Path) -> Announcement:
        try:
            with path.open("rb") as file:
                body = file.read(_MAX_FILE + 1)
        except OSError as exc:
            msg = f"{path} cannot be read: {exc.strerror}"
            raise UsageError(msg) from exc
        return self.from_bytes(category, day, body, service="file", name=path.name)

    def from_bytes(self, category: str, day: date | None, body: bytes, *, service: str, name: str) -> Announcement:
        """Return the announcement on one page that is at hand: a file, or the bundled sample."""
        if body.startswith(b"\x1f\x8b"):
            body = _decompressed(body, name)
        if len(body) > _MAX_FILE:
            msg = f"{name} is larger than {_MAX_FILE // 2**20} MiB"
            raise SourceError(msg)
        try:
            page = listing.parse(body, category=category)
            self._check(category, [page])
            lack = "" if page.empty else listing.missing([page])
        except DigestError as exc:
            exc.message = f"{name}: {exc.message}"
            raise
        if lack:
            msg = f"{name} is not complete: {lack}"
            raise IncompleteError(msg, advice="save the whole announcement as one page")
        if page.date is None:
            msg = f"{name} states no date of its own"
            raise LayoutError(msg, advice="save /list/<category>/new or /catchup/<category>/<date>?abs=True")
        if day is not None and page.date != day:
            msg = f"{name} is the announcement of {page.date}, not of {day}"
            raise StaleError(msg)
        self._confirm(page, page.date)
        return self._made(category, _Reading(page.date, [page], Provenance(service, (name,), (fingerprint(body),))))


def _decompressed(body: bytes, name: str) -> bytes:
    decoder = zlib.decompressobj(wbits=31)
    try:
        text = decoder.decompress(body, _MAX_FILE + 1)
    except zlib.error as exc:
        msg = f"{name} is no valid gzip file: {exc}"
        raise IncompleteError(msg) from exc
    if len(text) <= _MAX_FILE and not decoder.eof:
        msg = f"{name} is cut: its gzip stream has no end"
        raise IncompleteError(msg)
    return text


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


def _passed(page: listing.Page, day: date) -> bool:
    """Say whether arXiv has announced a later date than *day*, so that no updates for it are final."""
    return page.next_date is not None and page.next_date > day


def _next_listing(url: str, pages: list[listing.Page]) -> str:
    """Return the address of the page after *pages* of `/list/<category>/new`."""
    return f"{url}?skip={sum(page.rows for page in pages)}&show={pages[0].per_page}"


def _next_catchup(url: str, pages: list[listing.Page]) -> str:
    """Return the address of the page after *pages* of `/catchup`."""
    return f"{url}&page={len(pages) + 1}"
