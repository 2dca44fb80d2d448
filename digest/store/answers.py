"""Which of arXiv's answers are kept, with their fingerprints, and where."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from digest.store.schema import answers


@dataclass(frozen=True, slots=True)
class Raw:
    """One answer, as it came."""

    url: str
    date: date
    """That it states."""
    sha256: str
    size: int
    """In bytes."""
    host: str
    """The name of the machine that keeps it."""
    path: str
    """The file, below the data folder of that machine; empty once it is thrown away."""
    fetched: datetime


def keep(connection: sa.Connection, kept: Sequence[Raw]) -> None:
    """Note where answers are kept, in place of older ones to the same address about the same date."""
    for one in kept:
        connection.execute(sa.delete(answers).where(answers.c.url == one.url, answers.c.date == one.date))
        connection.execute(sa.insert(answers).values({column.name: getattr(one, column.name) for column in answers.c}))


def of_date(connection: sa.Connection, day: date) -> list[Raw]:
    """Return the answers that state a date, the oldest first."""
    rows = connection.execute(sa.select(answers).where(answers.c.date == day).order_by(answers.c.fetched, answers.c.url)).mappings()
    return [Raw(**row) for row in rows]


def fetched(connection: sa.Connection, sha256: Sequence[str]) -> dict[str, datetime]:
    """Return when answers came in, by their sha256."""
    rows = connection.execute(sa.select(answers.c.sha256, answers.c.fetched).where(answers.c.sha256.in_(sha256)))
    return {row.sha256: row.fetched for row in rows}
