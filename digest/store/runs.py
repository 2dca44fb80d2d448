"""What the program did, run by run; and the last moment at which it did anything."""

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from digest.store.schema import editions, meta, papers, runs

_LATEST = "latest event"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a command."""

    key: int
    command: str
    category: str
    host: str
    pid: int
    began: datetime
    ended: datetime | None
    """None while it goes on, and for ever if it was killed."""
    date: date | None
    edition: int | None
    status: int | None
    """Its exit status."""
    message: str


def begin(connection: sa.Connection, **facts: object) -> int:
    """Note that a run begins: command, category, host, pid, program, began, and date if there is one; return its key."""
    return int(connection.execute(sa.insert(runs).values(**facts).returning(runs.c.id)).scalar_one())


def end(connection: sa.Connection, key: int, **facts: object) -> None:
    """Note how a run ended: ended, status, and date, edition and message if there are any."""
    connection.execute(sa.update(runs).where(runs.c.id == key).values(**facts))


def forget(connection: sa.Connection, key: int) -> None:
    """Let a run not have been."""
    connection.execute(sa.delete(runs).where(runs.c.id == key))


def last(connection: sa.Connection, category: str | None = None, most: int = 1) -> list[Run]:
    """Return the last runs, the newest first: in the order in which they began, whatever the clock showed."""
    columns = [runs.c[name if name != "key" else "id"] for name in Run.__dataclass_fields__]
    chosen = sa.select(*columns).order_by(runs.c.id.desc()).limit(most)
    if category is not None:
        chosen = chosen.where(runs.c.category == category)
    return [Run(*row) for row in connection.execute(chosen)]


def counts(connection: sa.Connection) -> dict[str, int]:
    """Return how many papers and editions there are."""
    tables = {"papers": papers, "editions": editions}
    return {name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() for name, table in tables.items()}


def fact(connection: sa.Connection, name: str) -> str | None:
    """Return a fact about the store by its name; None if it is not known."""
    found = connection.execute(sa.select(meta.c.value).where(meta.c.name == name)).scalar()
    return None if found is None else str(found)


def note_fact(connection: sa.Connection, name: str, value: str) -> None:
    """Keep a fact about the store, in place of what it was before."""
    connection.execute(sa.delete(meta).where(meta.c.name == name))
    connection.execute(sa.insert(meta).values(name=name, value=value))


def latest(connection: sa.Connection) -> datetime | None:
    """Return the last moment at which anything was recorded by the machine's own clock; None if nothing was."""
    found = fact(connection, _LATEST)
    return None if found is None else datetime.fromisoformat(found)


def happened(connection: sa.Connection, now: datetime) -> None:
    """Record that something happened at *now*."""
    before = latest(connection)
    if before is None or now > before:
        note_fact(connection, _LATEST, now.isoformat())
