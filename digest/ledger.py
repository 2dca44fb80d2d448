"""What is known of a date of a category: a note. The store keeps them (`digest.store.days`).

The first releases kept each in a small file, ``days/cs.CV/2026-11-20.json``; these are read when a store is new.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

from digest.core.domain import State

FOLDER = "days"
FORMAT = 1
UNSORTED = "no model: unclassified"
"""Why a published date is not settled whose papers no model has seen."""
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


def old_notes(data: Path, warn: Callable[[str], None]) -> Iterator[Note]:
    """Yield the notes that lie in small files below *data*, as the first releases kept them; *warn* is told which are damaged."""
    for path in sorted(data.glob(f"{FOLDER}/*/[0-9]*-[0-9]*-[0-9]*.json")):
        try:
            with path.open("rb") as file:
                note = note_of(json.loads(file.read(_LARGEST)))
            if (note.category, str(note.date)) != (path.parent.name, path.stem):
                msg = f"it is that of {note.category} {note.date}"
                raise ValueError(msg)  # noqa: TRY301 - one kind of damage like any other
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as exc:
            warn(f"{path} is no note of a date ({exc or type(exc).__name__}); taken for none")
            continue
        yield note


def storable(text: str) -> str:
    """Return a text as a database takes it: a path of a file system may hold bytes that are no text."""
    return text.encode("utf-8", "backslashreplace").decode()


def note_object(note: Note) -> dict[str, Any]:
    """Return a note as what JSON can hold, always in the same order."""
    return {
        "category": note.category,
        "date": note.date.isoformat(),
        "state": note.state.value,
        "reason": storable(note.reason),
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
        "page": storable(note.page),
        "at": note.at.isoformat() if note.at else None,
        "attempts": note.attempts,
        "asked_again_after": note.asked_again_after.isoformat() if note.asked_again_after else None,
    }


def note_of(facts: Any) -> Note:  # noqa: ANN401 - whatever JSON holds
    """Return the note that *facts* are: those of `note_object`, perhaps with a format.

    Raises:
        ValueError, KeyError, TypeError: they are none.

    """
    if not isinstance(facts, dict) or facts.get("format", FORMAT) != FORMAT:
        msg = "of an unknown format"
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
