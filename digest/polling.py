"""One look: which dates are due is worked out anew before each, and they are made one after another, the oldest first.

    what is known of each date | due? | made | again, until nothing is due | when to look next

A look at which nothing is due asks nobody. Whatever goes wrong with one date is said, and does not end the program.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from digest.alarms import CLOCK, FORBIDDEN, JOB_ERROR, STORE
from digest.clock import Clock
from digest.core import due
from digest.core.announcements import FIRST_DATE, Calendar
from digest.core.domain import State
from digest.core.due import Known, Standing
from digest.days import Days
from digest.errors import ClockError, DigestError, ForbiddenError, NotYetError, StoreError, UnreachableError, UsageError
from digest.ledger import Note

Alarm = Callable[[str, str], None]
"""Tells the operator: the kind of what is wrong, and a line about it."""
_SILENCES = 2
"""After so many dates in a row for which arXiv could not be reached, nobody asks on in the same look."""
_MOST = 366
"""Dates that are made in one look."""


def known(days: Days, now: datetime) -> Known:
    """Return what the clock has to know of the dates of *days*."""
    newest = days.calendar.newest(now)
    if newest < FIRST_DATE:  # no clock that is right shows that
        return Known(newest, ())
    since = days.watched_since(newest)
    first = due.horizon(since, newest)
    notes = days.all_known(since, newest, now)
    found = [note for note in notes if not (days.calendar.closure(note.date) or days.settled(note, now))]
    left_out = tuple(note.date for note in found if note.date < first)
    if since < first and not left_out:
        days.watch_from(first)
    return Known(first, [_standing(note) for note in found if note.date >= first], left_out)


def told_of(left_out: tuple[date, ...]) -> str:
    """Return a line about dates that are too old to be looked at."""
    dates = f"{len(left_out)} dates from {left_out[0]} to {left_out[-1]} are" if len(left_out) > 1 else f"{left_out[0]} is"
    one = "them" if len(left_out) > 1 else "it"
    return f"{dates} not made, and left out, more than a year old; cvdigest backfill --from {left_out[0]} --to {left_out[-1]} makes {one}"


def _standing(note: Note) -> Standing:
    published = note.state is State.PUBLISHED
    why = note.reason or ("provisional" if note.provisional else "not complete yet" if published else "")
    return Standing(note.date, published, note.at, note.asked_again_after, why)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a look led to."""

    asked: tuple[date, ...]
    """The dates that were asked for, in this order."""
    open: tuple[Standing, ...]
    """What is announced and not settled after it."""
    waiting: tuple[tuple[date, datetime], ...]
    """Which of these are asked for again, and from when on."""
    next_look: datetime
    errors: tuple[Exception, ...] = ()
    """What went wrong, but for dates that are simply not there yet."""
    left_out: tuple[date, ...] = ()
    """What is not made and too old to be looked at."""

    @property
    def exit_status(self) -> int:
        """0 if every announced date has its page or needs none; else the status of what is worst."""
        if any(isinstance(error, UsageError) for error in self.errors):
            return UsageError.exit_status
        if any(isinstance(error, UnreachableError) for error in self.errors):
            return UnreachableError.exit_status
        if self.errors:
            return DigestError.exit_status
        return NotYetError.exit_status if any(not one.published for one in self.open) else 0


@dataclass(slots=True)
class Poll:
    """Looks what is due, and makes it."""

    known: Callable[[datetime], Known]
    """Tells what is known of the dates, at an instant."""
    run: Callable[[date], object]
    """Makes one date, and notes what became of it."""
    calendar: Calendar
    clock: Clock
    warn: Callable[[str], None]
    alarm: Alarm
    share: Callable[[], float] = random.random
    """Gives the share of the jitter that the next look gets, from 0 to 1."""
    _tried: dict[date, datetime] = field(default_factory=dict, init=False)
    """The last attempt at each date: notes cannot always be written."""
    _left_out: tuple[date, ...] = field(default=(), init=False)
    """The dates of which it was said that they are left out."""

    def go(self, stop: Callable[[], bool] = lambda: False) -> Outcome:
        """Make what is due. *stop* is asked before each date whether to go on with it.

        Whatever is raised on the way, foreign errors too, is told and comes back in the outcome.
        """
        asked, errors, silences = list[date](), list[Exception](), 0
        ended = False
        try:
            while True:
                now = self.clock.now()
                found = self.known(now)
                self._say_left_out(found.left_out)
                open_now = self._open(found, now)
                agenda = due.agenda(open_now, self.calendar, now, self.share())
                day = next((day for day in agenda.due if day not in asked), None)
                if day is None or ended or len(asked) == _MOST or stop():
                    # What is still due was not tried, because the look ended before its turn.
                    next_look = min(agenda.next_look, now + due.SOONEST) if agenda.due else agenda.next_look
                    standings = tuple(due.announced(open_now, self.calendar, now))
                    return Outcome(tuple(asked), standings, agenda.waiting, next_look, tuple(errors), found.left_out)
                asked.append(day)
                error = self._make(day)
                silences = silences + 1 if isinstance(error, UnreachableError) else 0
                if error is not None and not isinstance(error, NotYetError):
                    errors.append(error)
                ended = silences == _SILENCES or isinstance(error, ForbiddenError | ClockError)
                ended = ended or (isinstance(error, StoreError) and not self._is_noted(day))
        except DigestError as exc:  # it cannot be told what is due
            self.warn(str(exc))
            self._tell(CLOCK if isinstance(exc, ClockError) else STORE, str(exc))
            return Outcome(tuple(asked), (), (), self.clock.now() + due.SOONEST, (*errors, exc))

    def _say_left_out(self, left_out: tuple[date, ...]) -> None:
        if left_out and left_out != self._left_out:
            self.warn(told_of(left_out))
        self._left_out = left_out

    def _is_noted(self, day: date) -> bool:
        """Say whether the last attempt at a date could be noted: if not, the database cannot be written, and no date will fare better."""
        now = self.clock.now()
        standing = next((one for one in self.known(now).open if one.date == day), None)
        return standing is None or _noted(standing, self._tried[day], now)

    def _make(self, day: date) -> Exception | None:
        """Make a date; return what was raised."""
        self._tried[day] = self.clock.now()
        try:
            self.run(day)
        except ForbiddenError as exc:
            self.warn(f"{day}: {exc}")
            self._tell(FORBIDDEN, f"{day}: {exc}")
            return exc
        except DigestError as exc:
            self.warn(f"{day}: {exc}")
            if isinstance(exc, ClockError | StoreError):
                self._tell(CLOCK if isinstance(exc, ClockError) else STORE, str(exc))
            return exc
        except Exception as exc:  # noqa: BLE001 - a program that runs for years outlives its own mistakes
            text = f"{day}: an error of this program ({type(exc).__name__}: {exc})"
            self.warn(text)
            self._tell(JOB_ERROR, text)
            return exc
        return None

    def _tell(self, kind: str, text: str) -> None:
        try:
            self.alarm(kind, text)
        except Exception as exc:  # noqa: BLE001 - who cannot be told must not end the program
            self.warn(f"the operator cannot be told ({type(exc).__name__}: {exc})")

    def _open(self, found: Known, now: datetime) -> list[Standing]:
        """Return the dates that are not settled, with our own memory of attempts that could not be noted."""
        open_now = {one.date: one for one in found.open}
        for day, tried in list(self._tried.items()):
            if day < found.first:  # a date that was tried stays one, also if nothing is noted and it is not the newest any more
                open_now[day] = Standing(day, tried=tried)
            elif day not in open_now:
                del self._tried[day]
            elif not _noted(open_now[day], tried, now):
                open_now[day] = replace(open_now[day], tried=tried)
        return [open_now[day] for day in sorted(open_now)]


def _noted(one: Standing, tried: datetime, now: datetime) -> bool:
    """Say whether the note of a date tells of this attempt or a later one."""
    return one.tried is not None and tried <= one.tried <= now
