"""What is known of each date, kept on disk: one small file for each category and date.

    days/cs.CV/2026-11-20.json      of one category        days/cs.CV+eess.IV/2026-11-20.json      of several in one digest

A note is written whole or not at all. One that cannot be understood is named and taken for none; it stays as it is until the
date is asked for again.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from digest.core.domain import State
from digest.errors import PublishError
from digest.files import write_whole

FOLDER = "days"
FORMAT = 1
_LARGEST = 2**22
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Note:
    """What is known of one date of a category."""

    category: str
    """As the announcement has it: several are joined with ``+``."""
    date: date
    state: State
    reason: str = ""
    """Why it waits, failed or has no announcement; of a published date, why the last attempt to renew it failed."""
    advice: str = ""
    """What to do about that."""
    service: str = ""
    """Which service gave the announcement."""
    reconstructed: bool = False
    entries: int = 0
    """How many entries were announced ..."""
    listed: int = 0
    """... and how many of them are on the page."""
    pending: tuple[str, ...] = ()
    """The papers whose abstract could not be had so far."""
    disagreements: tuple[str, ...] = ()
    """What services say that do not agree with the announcement."""
    late: tuple[str, ...] = ()
    """The papers that came after the first page of this date was made, in the order in which they came."""
    provisional: bool = False
    """Whether arXiv was read before it had finished publishing this date."""
    model: str = ""
    page: str = ""
    """The path of the page."""
    at: datetime | None = None
    """When it was tried last; None if nobody has asked."""
    attempts: int = 0
    asked_again_after: datetime | None = None
    """From when on it is worth asking again, if that is known."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """All notes, in a folder of their own below the data folder."""

    data: Path
    warn: Callable[[str], None] = lambda _line: None
    """Is told which note cannot be understood."""

    @contextmanager
    def turn(self, category: str, waiting: Callable[[], None]) -> Iterator[None]:
        """Hold off other runs of *category*, so that of two at once the later one finds what the first has made.

        *waiting* is called if another run is at work already. The lock ends with the process that holds it.
        """
        lock = FileLock(self.data / f"{category}.lock")
        try:
            Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                waiting()
                lock.acquire()
        except OSError:  # where nothing can be written, there is nothing to be found either
            yield
            return
        try:
            yield
        finally:
            lock.release()

    def read(self, category: str, day: date) -> Note | None:
        """Return the note of a date, None if there is none that can be understood."""
        path = self._path(category, day)
        try:
            with path.open("rb") as file:
                note = _note(json.loads(file.read(_LARGEST)))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as exc:
            self.warn(f"{path} is no note of a date ({exc or type(exc).__name__}); taken for none")
            return None
        if (note.category, note.date) != (category, day):
            self.warn(f"{path} is the note of {note.category} {note.date}; taken for none")
            return None
        return note

    def between(self, category: str, first: date, last: date) -> Iterator[Note]:
        """Yield the notes of the dates from *first* to *last*, both included, the oldest first."""
        try:
            names = sorted(path.stem for path in self._path(category, first).parent.glob("[0-9]*-[0-9]*-[0-9]*.json"))
        except OSError:
            return
        for name in names:
            try:
                day = date.fromisoformat(name)
            except ValueError:
                continue
            if first <= day <= last and (note := self.read(category, day)):
                yield note

    def write(self, note: Note) -> None:
        """Keep a note, in place of an older one of the same date.

        Raises:
            PublishError: it cannot be written; the older one is still there.

        """
        path = self._path(note.category, note.date)
        try:
            write_whole(path, (json.dumps({"format": FORMAT, **note_object(note)}, ensure_ascii=False, indent=1) + "\n").encode())
        except OSError as exc:
            msg = f"{path} cannot be written: {exc.strerror or exc}"
            raise PublishError(msg, advice="choose another data folder with --data") from exc

    def _path(self, category: str, day: date) -> Path:
        return self.data / FOLDER / category / f"{day}.json"


def note_object(note: Note) -> dict[str, Any]:
    """Return a note as what JSON can hold, always in the same order."""
    return {
        "category": note.category,
        "date": note.date.isoformat(),
        "state": note.state.value,
        "reason": note.reason,
        "advice": note.advice,
        "service": note.service,
        "reconstructed": note.reconstructed,
        "entries": note.entries,
        "listed": note.listed,
        "pending": list(note.pending),
        "disagreements": list(note.disagreements),
        "late": list(note.late),
        "provisional": note.provisional,
        "model": note.model,
        "page": note.page,
        "at": note.at.isoformat() if note.at else None,
        "attempts": note.attempts,
        "asked_again_after": note.asked_again_after.isoformat() if note.asked_again_after else None,
    }


def _note(facts: Any) -> Note:  # noqa: ANN401 - whatever JSON holds
    """Return the note that *facts* are.

    Raises:
        ValueError, KeyError, TypeError: they are none.

    """
    if facts["format"] != FORMAT:
        msg = f"of format {facts['format']!r}"
        raise ValueError(msg)

    def of(kind: type[_T], name: str) -> _T:
        found = facts[name]
        if type(found) is not kind:
            msg = f"{name} is {found!r}"[:200]
            raise ValueError(msg)
        return found

    def texts(name: str) -> tuple[str, ...]:
        found = of(list, name)
        if not all(isinstance(text, str) for text in found):
            msg = f"{name} holds more than texts"
            raise ValueError(msg)
        return tuple(found)

    def moment(name: str) -> datetime | None:
        if facts[name] is None:
            return None
        found = datetime.fromisoformat(of(str, name))
        if found.tzinfo is None:
            msg = f"{name} has no time zone"
            raise ValueError(msg)
        return found

    return Note(
        of(str, "category"),
        date.fromisoformat(of(str, "date")),
        State(of(str, "state")),
        of(str, "reason"),
        of(str, "advice"),
        of(str, "service"),
        of(bool, "reconstructed"),
        of(int, "entries"),
        of(int, "listed"),
        texts("pending"),
        texts("disagreements"),
        texts("late"),
        of(bool, "provisional"),
        of(str, "model"),
        of(str, "page"),
        moment("at"),
        of(int, "attempts"),
        moment("asked_again_after"),
    )
