"""A range of dates in, each of them made, the oldest first; what is settled already is not asked for again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from digest.core.announcements import announcement_instant
from digest.core.domain import State
from digest.days import Days
from digest.errors import DigestError, ForbiddenError, NotYetError, PublishError, SourceError, UnreachableError
from digest.ledger import Note

_SILENCES = 2
"""After so many dates in a row for which arXiv could not be reached, nobody asks on."""


@dataclass(frozen=True, slots=True)
class Result:
    """What is known of each date after a backfill."""

    notes: tuple[Note, ...]
    asked: frozenset[date]
    """The dates that were asked for this time."""
    settled: frozenset[date]
    stopped: DigestError | None = None
    """Why it ended before its last date."""

    @property
    def exit_status(self) -> int:
        """0 if every date is settled; else the status of what is worst."""
        if self.stopped:
            return self.stopped.exit_status
        if any(note.state is State.FAILED for note in self.notes):
            return SourceError.exit_status
        return 0 if len(self.settled) == len(self.notes) else NotYetError.exit_status


@dataclass(frozen=True, slots=True)
class Backfill:
    """Makes the dates of a range."""

    days: Days
    run: Callable[[date], object]
    """Makes one date, and notes what became of it."""
    clock: Callable[[], datetime]

    def open(self, notes: list[Note], now: datetime) -> list[date]:
        """Return which of the dates are to be asked for: they are out, and not settled."""
        return [note.date for note in notes if not self.days.settled(note, now) and announcement_instant(note.date) <= now]

    def go(self, first: date, last: date, begun: Callable[[int], None], done: Callable[[Note], None]) -> Result:
        """Make what is not settled from *first* to *last*, both included.

        *begun* is told how many dates there are to ask for, *done* what became of each. A date that fails or has to wait
        does not keep the others from being made.

        Raises:
            UsageError: no date of the category can be asked for.

        """
        notes = {note.date: note for note in self.days.all_known(first, last, self.clock())}
        wanted = self.open(list(notes.values()), self.clock())
        begun(len(wanted))
        asked, silences = set[date](), 0
        stopped: DigestError | None = None
        for day in wanted:
            try:
                self.run(day)
                silences = 0
            except (ForbiddenError, PublishError) as exc:
                stopped = exc
            except UnreachableError as exc:
                silences += 1
                stopped = exc if silences == _SILENCES else None
            except SourceError:
                silences = 0
            asked.add(day)
            notes[day] = self.days.known(day, self.clock())
            done(notes[day])
            if stopped:
                break
        settled = frozenset(day for day, note in notes.items() if self.days.settled(note, self.clock()))
        return Result(tuple(notes.values()), frozenset(asked), settled, stopped)
