"""What is known of each date of a category."""

from datetime import date
from typing import Any

import sqlalchemy as sa

from digest.core.domain import State
from digest.ledger import Note, storable
from digest.store.schema import days

_LISTS = ("pending", "disagreements", "late")


def read(connection: sa.Connection, category: str, day: date) -> Note | None:
    """Return the note of a date; None if there is none."""
    row = connection.execute(sa.select(days).where(days.c.category == category, days.c.date == day)).mappings().first()
    return None if row is None else _note(row)


def between(connection: sa.Connection, category: str, first: date, last: date) -> list[Note]:
    """Return the notes of the dates from *first* to *last*, both included, the oldest first."""
    chosen = sa.select(days).where(days.c.category == category, days.c.date.between(first, last)).order_by(days.c.date)
    return [_note(row) for row in connection.execute(chosen).mappings()]


def write(connection: sa.Connection, note: Note) -> None:
    """Keep a note, in place of an older one of the same date."""
    connection.execute(sa.delete(days).where(days.c.category == note.category, days.c.date == note.date))
    connection.execute(sa.insert(days).values({column.name: _value(note, column.name) for column in days.c}))


def _value(note: Note, name: str) -> object:
    value = getattr(note, name)
    if isinstance(value, State):
        return value.value
    if isinstance(value, str):
        return storable(value)
    return list(value) if name in _LISTS else value


def _note(row: sa.RowMapping) -> Note:
    facts: dict[str, Any] = {name: tuple(row[name]) if name in _LISTS else row[name] for name in row}
    return Note(**{**facts, "state": State(row["state"])})
