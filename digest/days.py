"""What is known of dates: notes what became of each attempt, and says in which state each date is.

    settled? made already | asked for | announced? compared with the page from before | made | noted

A date that nobody has asked for has a state too: arXiv's schedule gives it.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from digest import publish
from digest.core.announcements import FIRST_DATE, ITHACA, Calendar, announcement_instant
from digest.core.domain import Announcement, State
from digest.daily import Draft, Made
from digest.editions import Editions
from digest.errors import ClockError, DigestError, IncompleteError, NotYetError, PublishError, StoreError, UnreachableError, UsageError
from digest.failpoints import reach
from digest.ledger import UNSORTED, Note
from digest.source import REACH
from digest.store import announcements, days, editions, runs
from digest.store.answers import Raw
from digest.store.database import Database
from digest.witnesses import JOIN

_IN_PART = frozenset({"recent", "feed"})
"""Services that do not state it all: one has no replacements, the other may lack an entry that cannot be read."""
_DOUBTED = timedelta(days=2)
_LARGEST = 64 * 2**20
_APART = timedelta(minutes=5)
"""Two readings of a date that is still being published count as two if they are so far apart."""
_RECENT = timedelta(days=14)
_LONGEST = 500
_TOLD = 10
"""How many identifiers a warning names."""


class Ask(Protocol):
    """Asks arXiv what was announced."""

    def __call__(self, *, opinions: bool) -> Announcement:
        """Return it; without *opinions*, the other services are not asked what they say to that."""


@dataclass(frozen=True, slots=True)
class Work:
    """The tools with which a date is made."""

    ask: Ask
    draft: Callable[[Announcement], Draft]
    raw: Callable[[], Sequence[Raw]]
    """Tells which answers of arXiv came in meanwhile."""
    editions: Editions
    say: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Before:
    """What an edition holds that is about to be written over."""

    ids: dict[str, None] = field(default_factory=dict)
    kinds: frozenset[str] = frozenset()
    """The kinds that it would list if there were any: of others it cannot be said what is new."""
    stated: bool = True
    """Whether a service of arXiv stated it, so that it was not worked out."""
    papers: bool = True
    """Whether there was an announcement at all."""


@dataclass(frozen=True, slots=True)
class Days:
    """The dates of one category, and the pages below one folder."""

    category: str
    out: Path
    database: Database
    calendar: Calendar
    warn: Callable[[str], None]
    named: bool = False
    """Whether the service to ask was named, so that no other one can be hoped for."""

    # -- one attempt ---------------------------------------------------------------------------------------------------

    def run(  # noqa: PLR0913 - each says another thing about one attempt
        self, day: date | None, now: datetime, work: Work, *, own: bool = False, again: bool = False, patient: bool = False
    ) -> Made:
        """Make *day* (None: the newest), unless it is settled, and note what became of it.

        With *own*, what is asked is no service but a file of the user's: one that cannot be used says nothing about a date.
        With *again*, a date that is settled is made again too. Who is *patient* waits until arXiv has finished publishing.

        Raises:
            DigestError: whatever goes wrong.

        """
        wanted = day or self.calendar.newest(now)
        with self._attempt(None if own else wanted, now):
            work.editions.recover(now, lambda other, exc: self._left(other, wanted, now, exc))
            if not (own or again) and self._at_rest(wanted, now) and (made := work.editions.existing(wanted, now)):
                work.say(f"{wanted} is made already: edition {made.edition.number}")
                return made
            announcement = None if own or again else self._unsorted(wanted, now, work.editions)
            confirmed = announcement is not None
            if announcement is None:
                if patient and self._early(wanted, now):
                    self._confirmed(work.ask(opinions=False), now)  # the other services are asked once it is all there
                announcement = work.ask(opinions=True)
        reach("fetched")
        with self._attempt(announcement.date, now):
            before = self._before(announcement.date, work.editions)
            self._not_worse(announcement, before)
            confirmed = confirmed or (patient and self._confirmed(announcement, now))
            draft = work.draft(announcement)
            late = self._compared(announcement, before)
            made = work.editions.make(draft, now, work.raw(), lambda made: self._note(made, now, late, confirmed=confirmed))
        if again and not made.new:
            work.say(f"nothing is different; it is still edition {made.edition.number}")
        return made

    @contextmanager
    def _attempt(self, day: date | None, now: datetime) -> Iterator[None]:
        """Note of *day* (None: of no date) whatever goes wrong, as far as the database can be written.

        Whatever is not noted is due at once again in the next process, and newer dates never have their turn.
        """
        try:
            yield
        except UsageError:  # nobody was asked, and it says nothing about the date
            raise
        except Exception as exc:
            if day is not None:
                with suppress(StoreError):
                    self._note_failure(day, now, exc)
            raise

    def _left(self, day: date, wanted: date, now: datetime, error: DigestError) -> None:
        """Say and note that an edition that was broken off cannot be finished; that of another date holds nothing up.

        Raises:
            DigestError: it is that of the date that is wanted.

        """
        if day == wanted:
            raise error
        self.warn(f"the digest of {day} was broken off while it was written, and cannot be finished: {error}")
        self._note_failure(day, now, error)

    def _unsorted(self, day: date, now: datetime, made: Editions) -> Announcement | None:
        """Return what was announced on a date, if nothing but a model was lacking when it was made."""
        note = self._noted(day)
        if note is None or note.model or not self._at_rest(day, now, model=False):
            return None
        return made.announcement(day)

    def _at_rest(self, day: date, now: datetime, *, model: bool = True) -> bool:
        """Say whether nothing is left to be asked about a date that somebody has asked for; see `settled`."""
        note = self._noted(day)
        return note is not None and note.attempts > 0 and self.settled(note, now, model=model)

    def _early(self, day: date, now: datetime) -> bool:
        """Say whether arXiv may not have finished publishing a date."""
        return not self.calendar.closure(day) and now < self.calendar.window(day).settled

    def _confirmed(self, announcement: Announcement, now: datetime) -> bool:
        """See that arXiv has finished publishing a date: that it is late enough, or that it was read so before.

        Returns whether it was read so before.

        Raises:
            IncompleteError: neither; what was read now is kept, to be compared with.

        """
        day = announcement.date
        if not self._early(day, now):
            return False
        with self.database.write() as connection:
            first = announcements.confirmed(connection, announcement)
            announcements.keep(connection, announcement, now)
        if first is not None and now - first >= _APART:
            return True
        count = len(announcement.entries)
        msg = f"arXiv is still publishing {day} ({count} entr{'y' if count == 1 else 'ies'} so far)"
        raise IncompleteError(msg, advice="two equal readings, or an hour and a half, will settle it")

    def _not_worse(self, announcement: Announcement, before: _Before | None) -> None:
        """See that a page that arXiv stated is not written over by one that was worked out, unless that was asked for."""
        if announcement.reconstructed and before is not None and before.stated and not self.named:
            kept = "the page from before, which arXiv stated," if before.papers else "arXiv's word from before, that there is none,"
            msg = f"{announcement.date} could only be worked out now, so {kept} is kept"
            raise IncompleteError(msg, advice="try again later")

    def _note(self, made: Made, now: datetime, late: Sequence[str], *, confirmed: bool) -> Note:
        """Return what is known of a date that was made."""
        announcement, edition = made.announcement, made.edition
        day = announcement.date
        previous = self._noted(day)
        settled = None if self.calendar.closure(day) else self.calendar.window(day).settled
        # While another service has more papers, the page may not have been all there yet.
        doubted = any(check.besides for check in announcement.checks) and now - announcement_instant(day) < _DOUBTED
        early = settled is not None and now < settled and not confirmed
        provisional = announcement.state is State.PUBLISHED and (early or doubted)
        # What a reconstruction did not find did not come later: arXiv had announced it all the while.
        if announcement.reconstructed or (previous is not None and previous.reconstructed):
            late = ()
        return Note(
            self.category,
            day,
            announcement.state,
            announcement.reason or (UNSORTED if edition.items and edition.model is None else ""),
            service=announcement.provenance.service,
            reconstructed=announcement.reconstructed,
            entries=len(announcement.entries),
            listed=len(edition.items),
            pending=tuple(dict.fromkeys(entry.paper.id for entry in announcement.entries if entry.paper.pending)),
            disagreements=tuple(f"{check.service}: {check.says}" for check in announcement.checks if not check.agrees),
            late=tuple(dict.fromkeys((*(previous.late if previous else ()), *late))),
            provisional=provisional,
            model=edition.model.name if edition.model else "",
            page=str(made.path) if made.path else "",
            at=now,
            attempts=_attempts(previous),
            asked_again_after=settled if early and provisional else None,
        )

    def _note_failure(self, day: date, now: datetime, error: Exception) -> None:
        previous = self._noted(day) or self._of_edition(day)
        coming = not self.calendar.closure(day) and announcement_instant(day) > now
        waits = isinstance(error, NotYetError | UnreachableError | ClockError)
        note = Note(self.category, day, State.WAITING if waits else State.FAILED)
        if previous and previous.state is State.NONE and not previous.reconstructed:
            note = replace(previous, at=now, attempts=_attempts(previous))  # arXiv's word from before is final
        else:
            if previous and previous.state is State.PUBLISHED and (self._page(day).is_file() or self._kept(day)):
                # An attempt to renew it that fails takes nothing away. A page without a note may not be all there.
                note = replace(previous, provisional=previous.provisional or not previous.attempts)
            elif previous:
                note = replace(note, late=previous.late)
            after = announcement_instant(day) if coming else note.asked_again_after
            reason, advice = f"an error of this program ({type(error).__name__}: {error})"[:_LONGEST], ""
            if isinstance(error, DigestError):
                reason, advice = error.message, error.advice
            note = replace(note, reason=reason, advice=advice, at=now, attempts=_attempts(previous), asked_again_after=after)
        self._write(note)

    def _kept(self, day: date) -> bool:
        """Say whether the database holds an edition of a date that was published, in whichever folder."""
        with self.database.read() as connection:
            return any(stored.published for stored in editions.of_date(connection, self.category, day))

    def _write(self, note: Note) -> None:
        with self.database.write() as connection:
            days.write(connection, note)

    def _noted(self, day: date) -> Note | None:
        with self.database.read() as connection:
            return days.read(connection, self.category, day)

    # -- papers that come later ----------------------------------------------------------------------------------------

    def _compared(self, announcement: Announcement, before: _Before | None) -> list[str]:
        """Return the papers that the edition from before lacked, and say so; say also which ones have gone."""
        if before is None:
            return []
        now = {entry.paper.id for entry in announcement.entries}
        comes = (entry.paper.id for entry in announcement.entries if entry.kind.value in before.kinds)
        more = list(dict.fromkeys(paper for paper in comes if paper not in before.ids))
        gone = [paper for paper in before.ids if paper not in now]
        guessed = announcement.reconstructed or not before.stated
        if more:
            said = f"{'was' if len(more) == 1 else 'were'} not known before" if guessed else "came later"
            self.warn(f"{_papers(more)} of {announcement.date} {said}: {_some(more)}")
        if gone:
            self.warn(f"{_papers(gone)} of {announcement.date} {'is' if len(gone) == 1 else 'are'} not announced any more: {_some(gone)}")
        return more

    def _before(self, day: date, made: Editions) -> _Before | None:
        """Return what the edition of a date holds so far; None if there is none that can be read."""
        try:
            edition = made.document(day)
            if edition is None:
                return None
            if edition["state"] == State.NONE.value:
                return _Before(stated=not edition.get("reconstructed"), papers=False)
            entries = {str(entry["id"]): str(entry["kind"]) for entry in edition["entries"]}
            kinds = {str(kind) for kind, count in edition["counts"].items() if not count or kind in entries.values()}
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
        return _Before(dict.fromkeys(entries), frozenset(kinds), stated=not edition.get("reconstructed"))

    # -- what is known -------------------------------------------------------------------------------------------------

    def known(self, day: date, now: datetime) -> Note:
        """Return what is known of *day*: its note, or else what its edition or arXiv's schedule says.

        A published date whose page is not below the folder (any more) waits.
        """
        return self._known(day, now, self._noted(day))

    def all_known(self, first: date, last: date, now: datetime) -> list[Note]:
        """Return what is known of every date from *first* to *last*, both included, the oldest first."""
        with self.database.read() as connection:
            notes = {note.date: note for note in days.between(connection, self.category, first, last)}
        return [self._known(day, now, notes.get(day)) for day in dates(first, last)]

    def watched_since(self, newest: date) -> date:
        """Return the first date that a schedule looks after: the newest one of its first look, kept before anything is asked.

        Where digests were made without a schedule, it goes on after the last of them, if that is not long ago; where pages lie
        below the folder that the database does not know, it was lost, and it goes on after those.
        """
        with self.database.read() as connection:
            found = runs.fact(connection, self._watched)
            since = date.fromisoformat(found) if found else None
            if since is not None and since <= newest:  # one that lies ahead was kept by a clock gone wrong
                return since
            traces = [note.date for note in days.between(connection, self.category, newest - _RECENT, newest)]
            page = self._last_page(newest)
            if page is not None and days.read(connection, self.category, page) is None:
                traces.append(page)
        since = max(traces, default=newest)
        self.watch_from(since)
        return since

    def watch_from(self, day: date) -> None:
        """Keep the first date that a schedule looks after."""
        with self.database.write() as connection:
            runs.note_fact(connection, self._watched, day.isoformat())

    @property
    def _watched(self) -> str:
        return f"watched since {self.category}"

    def _last_page(self, newest: date) -> date | None:
        """Return the date of the last page below the folder, if there is one."""
        with suppress(PublishError):
            return next((day for day, category, _ in publish.editions(self.out) if category == self.category and day <= newest), None)
        return None

    def unpublished(self) -> list[date]:
        """Return the dates with an edition that is kept and could not be written to the folder, the oldest first."""
        with self.database.read() as connection:
            return [stored.date for stored in editions.unpublished(connection, self.category, contents=False)]

    def settled(self, note: Note, now: datetime, *, model: bool = True) -> bool:
        """Say whether nothing is left to be asked about a date, and unless *model* is False, no model was lacking.

        That an attempt to renew it failed takes nothing away. What was worked out, or read from a list that does not state it
        all, is asked for again as long as arXiv still states it somewhere.
        """
        if note.state is State.PUBLISHED:
            settled = note.attempts > 0 and not (note.provisional or note.pending or (model and note.listed and not note.model))
        else:
            settled = note.state is State.NONE
        partly = note.reconstructed or not _IN_PART.isdisjoint(note.service.split(JOIN))
        reached = now.astimezone(ITHACA).date() - note.date <= REACH
        return settled and (self.named or not (partly and reached))

    def _known(self, day: date, now: datetime, note: Note | None) -> Note:
        page = self._page(day)
        if note is not None:
            if note.state is State.PUBLISHED and not page.is_file():
                return replace(note, state=State.WAITING, reason=f"{page} is not there", advice="", provisional=False)
            return note
        if (found := self._of_edition(day)) is not None:
            return found
        if closure := self.calendar.closure(day):
            why = "it is a weekend" if closure == "weekend" else "arXiv had a holiday the evening before"
            return Note(self.category, day, State.NONE, why, service="calendar")
        if day < FIRST_DATE:
            return Note(self.category, day, State.NONE, "it is before arXiv's first announcement", service="calendar")
        announced = announcement_instant(day)
        if announced > now:
            reason = f"arXiv announces it on {announced:%Y-%m-%d at %H:%M} UTC"
            return Note(self.category, day, State.WAITING, reason, asked_again_after=announced)
        return Note(self.category, day, State.WAITING, "not asked for yet")

    def _of_edition(self, day: date) -> Note | None:
        """Return what an edition tells that was made without a note, or whose note is damaged."""
        page = self._page(day)
        try:
            edition = _edition(page.with_suffix(".json"))
            state = State(edition["state"])
            if (edition["category"], edition["date"]) != (self.category, str(day)) or (state is State.PUBLISHED and not page.is_file()):
                return None
            return Note(
                self.category,
                day,
                state,
                str(edition.get("reason", "")),
                service=str(edition["source"]["service"]),
                reconstructed=bool(edition.get("reconstructed")),
                entries=sum(edition["counts"].values()),
                listed=len(edition["entries"]),
                model=str(edition["model"]["name"]) if edition["model"] else "",
                page=str(page) if state is State.PUBLISHED else "",
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    def _page(self, day: date) -> Path:
        return publish.page_path(self.out, day, self.category)


def dates(first: date, last: date) -> list[date]:
    """Return the dates from *first* to *last*, both included."""
    return [first + timedelta(days=days) for days in range((last - first).days + 1)]


def _edition(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        edition: dict[str, Any] = json.loads(file.read(_LARGEST))
    return edition


def _attempts(previous: Note | None) -> int:
    return 1 + (previous.attempts if previous else 0)


def _papers(ids: Sequence[str]) -> str:
    return "1 paper" if len(ids) == 1 else f"{len(ids)} papers"


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:_TOLD]) + (", ..." if len(ids) > _TOLD else "")
