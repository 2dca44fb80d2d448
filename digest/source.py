"""Which of arXiv's services answers for which date, and what is done when one does not.

    date | kept already? | listing or catch-up | else recent, feed, records, worked out | witnesses | Announcement

The newest date is asked of `/new`, one of the last 90 days of `/catchup`; these decide which papers belong to it. Where
they fail, what comes next is asked: the list of the last five dates, the feed, OAI-PMH, the query API. A date that no
service states any more is worked out. What the others know besides (versions, licences, moments) is filled in by witnesses,
which also say whether they agree; they never decide, and their failing never fails a run.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from digest.arxiv import feed, pages
from digest.arxiv.answers import Answers, Fetch, fingerprint
from digest.arxiv.client import Answer
from digest.arxiv.pages import FILE_ADVICE, LEAVE_OUT, OLDER_ADVICE, Pages, Reading
from digest.athand import AtHand
from digest.core import checks
from digest.core.announcements import FIRST_DATE, ITHACA, Calendar, announcement_instant
from digest.core.domain import Announcement, Entry, Kind, Provenance
from digest.errors import (
    ForbiddenError,
    IncompleteError,
    LayoutError,
    NotYetError,
    OutOfReachError,
    SourceError,
    StaleError,
    UnreachableError,
    UsageError,
)
from digest.services import Services
from digest.witnesses import JOIN, Witnesses
from digest.worked import Worked

REACH = timedelta(days=90)
"""How far `/catchup` goes back."""
RECENT = 5
"""How many dates `/recent` lists."""
_OFFLINE = 2
_ENOUGH = 5
_REPEATED = 0.5
"""A page whose new papers are for the most part those of the last edition is that edition's."""
_NAMES = {
    "listing": "the listing",
    "catchup": "the catch-up page",
    "recent": "the list of the last five dates",
    "feed": "the feed",
    "oai": "OAI-PMH",
    "api": "the query API",
    "month": "the list of the month",
}
FROM_PAGES = frozenset({"listing", "catchup", "recent", "month"})


def _no_editions(_category: str, _day: date) -> frozenset[str]:
    return frozenset()


@dataclass(slots=True)
class Source:
    """Finds the announcement of a date."""

    fetch: Fetch
    answers: Answers
    calendar: Calendar
    base: str
    """The base URL of the listing pages: ``https://arxiv.org``, or that of a replay."""
    say: Callable[[str], None] = lambda _line: None
    categories: frozenset[str] = frozenset()
    """The categories that are known, for telling a slip of the keyboard from a page that is missing."""
    services: Services | None = None
    """arXiv's other services; without them there are the listing pages alone."""
    earlier: Callable[[str, date], frozenset[str]] = _no_editions
    """Gives the new papers of the last edition of a category before a date, as far as there is one."""
    second_opinion: bool = True
    """Whether the other services are asked also where the listing says it all."""
    _remarks: list[str] = field(default_factory=list)
    _label: str = ""
    _newest_stated: date = FIRST_DATE
    """The date under which an answer about several dates is kept."""

    def announcement(self, category: str, day: date | None, now: datetime, source: str = "auto") -> Announcement:
        """Return what was announced in *category* on *day* (None: the newest date that arXiv states).

        Of several categories, joined with ``+``, each paper comes once, as the first of them lists it.

        Raises:
            UsageError: the date lies in the future or before arXiv, or arXiv knows no such category.
            NotYetError: the date is not announced yet, or what arXiv shows is stale or incomplete.
            OutOfReachError: the service that was named does not reach so far back.
            UnreachableError: arXiv cannot be reached.
            SourceError: arXiv answered something that cannot be used.

        """
        self._remarks, self._label, self._newest_stated = [], category, self.calendar.newest(now)
        if source.startswith("file:"):
            at_hand = AtHand(self._pages).from_file(category, day, Path(source.removeprefix("file:")))
            return self._heard(at_hand, now, ask=False) if any(entry.paper.pending for entry in at_hand.entries) else at_hand
        found: list[Announcement] = []
        asked = False
        for one in category.split(JOIN):
            # Where one category has papers, the date is one with an announcement, whatever the calendar says.
            known = any(part.entries for part in found)
            part, fresh = self._of_one(one, found[0].date if found else day, now, source, announced=known)
            found.append(part)
            asked = asked or fresh
        merged = _merged(category, found)
        if not merged.entries:
            return merged
        return self._heard(merged, now, ask=asked)

    def from_bytes(self, category: str, body: bytes, *, service: str, name: str) -> Announcement:
        """Return the announcement that the bytes called *name* hold."""
        return AtHand(self._pages).from_bytes(category, None, body, service=service, name=name)

    def plan(self, category: str, day: date, now: datetime, source: str = "auto") -> tuple[tuple[str, str], ...]:
        """Return which services would be asked for *day*, with the first address of each; nothing for a date that is kept."""
        planned: list[tuple[str, str]] = []
        if source.startswith("file:"):
            return ()
        for one in category.split(JOIN):
            try:
                if self._known_without_asking(one, day, now, asked=source != "auto"):
                    continue
            except SourceError:
                continue
            names = self._order(day, now) if source == "auto" else (source,)
            if not names or self._from_store(one, day, source):
                continue
            planned.append((names[0], self._address(names[0], one, day)))
            if names[0] == "month":
                planned.append(("api", self.services.around(one, day, self.calendar) if self.services else ""))
        if planned and self.services and self.second_opinion and planned[0][0] != "month":
            planned.extend(Witnesses(self.services, self.answers, self.calendar, self.say).plan(category, day, now))
        return tuple(planned)

    # -- one category ----------------------------------------------------------------------------------------------------

    def _of_one(self, category: str, day: date | None, now: datetime, source: str, *, announced: bool) -> tuple[Announcement, bool]:
        """Return the announcement of one category, and whether arXiv was asked for it."""
        named = source != "auto" or announced
        if day is not None and (settled := self._known_without_asking(category, day, now, asked=named)):
            return settled, False
        due = day or self.calendar.newest(now)
        names = self._order(due, now) if source == "auto" else (source,)
        if kept := self._from_store(category, due, source):
            self.say(f"{due}: arXiv's answer is kept from before")
            return self._made(category, kept), False
        return self._asked(names, category, day, now), True

    def _asked(self, names: Sequence[str], category: str, day: date | None, now: datetime) -> Announcement:
        """Ask one service after another until one answers; the failure of the first is what is said if none does."""
        due = day or self.calendar.newest(now)
        first: SourceError | None = None
        silent: set[str] = set()
        for name in names:
            # What lies behind a door that stays shut need not be knocked at again; if two stay shut, this machine is offline.
            host = "pages" if name in FROM_PAGES else name
            if host in silent or len(silent) == _OFFLINE:
                continue
            try:
                found = self._ask(name, category, day, now)
            except ForbiddenError:
                raise
            except SourceError as exc:
                if len(names) == 1:
                    raise
                exc.advice = _unnamed(exc)
                self.say(f"{_NAMES[name]}: {exc}")
                first = first or exc
                silent.update([host] if type(exc) is UnreachableError else [])
                if _final(name, exc, due):
                    break
            else:
                if first is not None:
                    self._remarks.append(f"{_NAMES[names[0]]} could not be used, so this is from {_NAMES[name]} ({first.message})")
                return replace(found, remarks=(*self._remarks, *found.remarks))
        if first is not None:
            raise first
        msg = f"{due} is more than {REACH.days} days ago, further back than arXiv's pages reach"
        raise OutOfReachError(msg, advice=FILE_ADVICE)

    def _order(self, day: date, now: datetime) -> tuple[str, ...]:
        """Return which services to ask for *day*, the best first."""
        newest = self.calendar.newest(now)
        today = now.astimezone(ITHACA).date()
        last = newest
        for _ in range(RECENT - 1):
            last = self.calendar.previous_date(last)
        if day >= newest:
            # Only what states the announcement: anything that has to be worked out may not be announced yet.
            order = ["listing", "catchup", "recent", *(["feed"] if day == today else [])]
        elif day >= last:
            order = ["catchup", "recent", "month", "oai", "api"]
        elif today - day <= REACH:
            order = ["catchup", "month", "api"]
        else:
            order = ["month", "api"]
        if self.services is None:
            order = [name for name in order if name in ("listing", "catchup", "recent")]
        return tuple(order)

    def _address(self, name: str, category: str, day: date) -> str:
        match name:
            case "listing":
                return pages.newest(self.base, category).url
            case "catchup":
                return pages.caught_up(self.base, category, day).url
            case "recent":
                return pages.recent(self.base, category).url
            case "month":
                return Worked.listing(self.base, category, day).url
            case _:
                return self.services.address(name, category, day, self.calendar) if self.services else ""

    def _ask(self, name: str, category: str, day: date | None, now: datetime) -> Announcement:
        due = day or self.calendar.newest(now)
        match name:
            case "listing":
                return self._newest(category, day, now)
            case "catchup":
                return self._catchup(category, due, now)
            case "recent":
                return self._recent(category, due, now)
            case _ if self.services is None:
                msg = f"--source {name} is not to be had here"
                raise UsageError(msg)
            case "feed":
                return self._feed(category, due, now)
            case _:
                worked = Worked(self.services, self.answers, self.calendar, self._pages, self.base, self.say)
                return worked.announcement(name, category, due, now)

    @property
    def _pages(self) -> Pages:
        return Pages(self.fetch, self.answers, self.calendar, self.say, self.categories)

    def _from_store(self, category: str, day: date, source: str) -> Reading | None:
        """Return the whole answer of a listing that states it all, if it is kept from before."""
        wanted = {"listing": pages.newest(self.base, category), "catchup": pages.caught_up(self.base, category, day)}
        chosen = wanted.values() if source == "auto" else [wanted[source]] if source in wanted else []
        return next((kept for one in chosen if (kept := self._pages.kept(category, one, day))), None)

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

    # -- each service ----------------------------------------------------------------------------------------------------

    def _newest(self, category: str, day: date | None, now: datetime) -> Announcement:
        wanted = pages.newest(self.base, category)

        def doubt(reading: Reading) -> None:
            if reading.pages[0].total == 0:
                # A page that was emptied too early stood for ten hours on 25 June 2026: on /new, nothing is not an answer.
                msg = f"{wanted.url} has no updates for {reading.day} so far"
                raise NotYetError(msg, advice="try again later, or ask for an older date with --date")
            self._doubt(reading)

        reading = self._pages.read(category, wanted, day, now, doubt)
        due = self.calendar.newest(now)
        if reading.day < due:
            self._remarks.append(f"a newer announcement, that of {due}, is due by now; arXiv still shows {reading.day}")
        return self._fresh(category, reading, now)

    def _catchup(self, category: str, day: date, now: datetime) -> Announcement:
        def doubt(reading: Reading) -> None:
            page = reading.pages[0]
            if page.total == 0 and not pages.passed(page, day) and not self.calendar.closure(day):
                msg = f"arXiv has no updates for {day}, and has announced no later date yet"
                raise NotYetError(msg, advice="try again later")
            self._doubt(reading)

        return self._fresh(category, self._pages.read(category, pages.caught_up(self.base, category, day), day, now, doubt), now)

    def _recent(self, category: str, day: date, now: datetime) -> Announcement:
        wanted, newest = pages.recent(self.base, category), self.calendar.newest(now)

        def doubt(reading: Reading) -> None:
            if not reading.dates:
                msg = f"{wanted.url} lists no dates"
                raise LayoutError(msg, advice="try again later")
            self._not_repeated(day, reading.of(day), reading.provenance)

        reading = self._pages.kept(category, wanted, newest) or self._pages.read(category, wanted, None, now, doubt)
        latest, oldest = max(reading.dates), min(reading.dates)
        if day > latest:
            msg = f"{wanted.url} goes up to {latest}, and {day} is not there yet"
            raise pages.stale(msg, latest, advice="try again later")
        if day < oldest:
            msg = f"{wanted.url} goes back to {oldest} only"
            raise OutOfReachError(msg, advice=OLDER_ADVICE)
        entries = reading.of(day)
        if not entries and day == latest:
            msg = f"{wanted.url} has no papers of {day} so far"
            raise NotYetError(msg, advice="try again later")
        if not entries:
            # There may be replacements, which this list does not have.
            following = min(found for found in reading.dates if found > day)
            return replace(pages.nothing(category, day, reading.provenance, self.calendar, following), reconstructed=True)
        self._maybe_publishing(day, now)
        waiting = tuple(replace(entry, paper=replace(entry.paper, pending=True)) for entry in entries)
        unknown = (f"The list of the last five dates names no replacements, so those of {day} are not known.",)
        return Announcement(category, day, waiting, reading.provenance, unknown=unknown)

    def _feed(self, category: str, day: date, now: datetime) -> Announcement:
        services = self._services()
        kept = self.answers.find(services.feed_url(category), day)
        if kept and (found := feed.read_as(kept.body, category)).date == day:
            self.say(f"{day}: arXiv's feed is kept from before")
            answer = Answer(kept.url, 200, kept.body, kept.fetched)
        else:  # a witness may have kept one of another date, because that is what it said
            found, answer = services.feed(category, self.answers, now, self.say)
        provenance = Provenance("feed", (answer.url,), (fingerprint(answer.body),))
        if found.date != day:
            msg = f"the feed is that of {found.date}, not of {day}: it shows the present date in Ithaca alone"
            if found.date > day:
                raise OutOfReachError(msg, advice=OLDER_ADVICE)
            raise pages.stale(msg, found.date, advice="try again after midnight in Ithaca")
        if not found.entries:
            if self.calendar.closure(day):
                return pages.nothing(category, day, provenance, self.calendar)
            msg = f"the feed has no entries for {day} so far"
            raise NotYetError(msg, advice="try again later")
        if found.full:
            msg = f"the feed of {category} holds {found.rows} entries, which is the most that a feed has, so there may be more"
            raise IncompleteError(msg, advice=f"the listing has all of them: {LEAVE_OUT}")
        self._not_repeated(day, found.entries, provenance)
        self.answers.keep(answer, day)
        remarks = tuple(f"the feed's entry of {name} could not be read: {what}" for name, what in found.faults)
        return Announcement(category, day, found.entries, provenance, remarks=remarks)

    def _services(self) -> Services:
        if self.services is None:
            msg = "arXiv's other services are not to be had here"
            raise UsageError(msg)
        return self.services

    def _doubt(self, reading: Reading) -> None:
        """Refuse a reading that is the last edition's under another date."""
        self._not_repeated(reading.day, reading.entries, reading.provenance)

    def _not_repeated(self, day: date, entries: Sequence[Entry], provenance: Provenance) -> None:
        before = self.earlier(self._label, day)
        share = checks.repeated(entries, before)
        if share > _REPEATED:
            where = provenance.urls[0] if provenance.urls else "the answer"
            msg = f"{share:.0%} of the new papers on {where} were new in the last edition before {day} already"
            raise pages.stale(msg, day, advice="arXiv may show an old list under a new date: try again later")

    def _fresh(self, category: str, reading: Reading, now: datetime) -> Announcement:
        if not reading.pages[0].empty:
            self._maybe_publishing(reading.day, now)
        return self._made(category, reading)

    def _maybe_publishing(self, day: date, now: datetime) -> None:
        settled = self._pages.settled(day)
        if now < settled:
            self._remarks.append(f"arXiv may still be publishing {day}; run again after {settled:%H:%M} UTC to be sure")

    def _made(self, category: str, reading: Reading) -> Announcement:
        first = reading.pages[0]
        if first.total == 0:
            return pages.nothing(category, reading.day, reading.provenance, self.calendar, first.next_date)
        return Announcement(category, reading.day, reading.entries, reading.provenance)

    # -- second opinions -------------------------------------------------------------------------------------------------

    def _heard(self, announcement: Announcement, now: datetime, *, ask: bool) -> Announcement:
        """Return *announcement* with what other services say and know."""
        order = (
            None
            if announcement.reconstructed
            else checks.after_the_last(announcement.entries, self.earlier(self._label, announcement.date))
        )
        # Only what disagrees is told: the same page must not change because an older one was made meanwhile.
        if order and not order.agrees:
            announcement = replace(announcement, checks=(order, *announcement.checks))
        pending = any(entry.paper.pending for entry in announcement.entries)
        if self.services is None or not (self.second_opinion or pending):
            return announcement
        witnesses = Witnesses(self.services, self.answers, self.calendar, self.say)
        heard = witnesses.heard(announcement, now, ask=ask and self.second_opinion, complete=pending)
        if announcement.date == self.calendar.newest(now):  # the page of an older date is asked for by its date
            self._of_its_window(heard)
        stated = announcement.provenance.service.split(JOIN)
        if ask and not {"listing", "catchup"}.isdisjoint(stated) and (more := [check for check in heard.checks if check.besides]):
            # The listing decides; but it may not have been all there yet, so the next run reads it again.
            self._forget(heard)
            self.answers.forget(self.services.feed_url(heard.category), heard.date)
            named = " and ".join(check.service for check in more)
            return replace(heard, remarks=(*heard.remarks, f"the {named} has more papers of {heard.date}; run again later to be sure"))
        return heard

    def _forget(self, announcement: Announcement) -> None:
        """Take the answers that an announcement was read from out of the store."""
        for url in announcement.provenance.urls:
            for kept in (announcement.date, self._newest_stated):
                self.answers.forget(url, kept)

    def _of_its_window(self, announcement: Announcement) -> None:
        """Refuse papers that all came in too early for the date: arXiv shows an old list under it."""
        day, service = announcement.date, announcement.provenance.service
        if announcement.reconstructed or self.calendar.closure(day):
            return
        last = checks.newest_submission(announcement.entries)
        window, before = self.calendar.window(day), self.calendar.window(self.calendar.previous_date(day))
        new = [entry.paper.submitted for entry in announcement.entries if entry.kind is Kind.NEW]
        old = sum(moment is not None and before.start <= moment < before.end for moment in new)
        # A few papers may all have been held back by moderators; but not most of them for one day.
        if last is None or last >= window.start or old < _ENOUGH or old * 2 < len(new):
            return
        # The feed that was heard beside it may be as old, and would be heard again.
        self._forget(announcement)
        if self.services:
            self.answers.forget(self.services.feed_url(announcement.category), day)
        msg = f"the newest paper on the {service} of {day} came in on {last:%Y-%m-%d %H:%M} UTC, before that date's first submissions"
        raise pages.stale(msg, day, advice="arXiv may show an old list under a new date: try again later")


def _unnamed(error: SourceError) -> str:
    """Return the advice of an error where no source was named, so that none can be left out."""
    if LEAVE_OUT not in error.advice:
        return error.advice
    return FILE_ADVICE if isinstance(error, OutOfReachError) else ""


def _final(name: str, error: SourceError, day: date) -> bool:
    """Say whether *error* settles that there is nothing to be had yet, so that no further service is asked.

    The listing and the catch-up page know which dates are announced. One alone may be an old copy; both are not.
    """
    early = isinstance(error, StaleError) and error.stated is not None and error.stated <= day
    return name == "catchup" and (early or type(error) is NotYetError)


def _merged(label: str, found: Sequence[Announcement]) -> Announcement:
    """Return the announcements of several categories as one: each paper as the first category has it that lists it."""
    if len(found) == 1:
        return found[0]
    published = [one for one in found if one.entries]
    reasons = [one.reason for one in found if one.reason]
    seen: set[str] = set()
    entries: list[Entry] = []
    for one in published:
        entries.extend(entry for entry in one.entries if entry.paper.id not in seen)
        seen.update(entry.paper.id for entry in one.entries)
    provenance = Provenance(
        "+".join(dict.fromkeys(one.provenance.service for one in found)),
        tuple(url for one in found for url in one.provenance.urls),
        tuple(sha for one in found for sha in one.provenance.sha256),
    )
    return Announcement(
        label,
        found[0].date,
        tuple(entries),
        provenance,
        reason="" if published else "; ".join(dict.fromkeys(one.reason for one in found)),
        remarks=tuple(dict.fromkeys((*(reasons if published else ()), *(line for one in found for line in one.remarks)))),
        checks=tuple(check for one in found for check in one.checks),
        reconstructed=any(one.reconstructed for one in found),
        unknown=tuple(dict.fromkeys(line for one in found for line in one.unknown)),
    )
