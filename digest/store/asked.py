"""How often something was asked for in a span of time: a row for each who asked, which is swept away when the span is over.

Whoever is counted stands here as a keyed hash, which tells nobody who it was.
"""

from datetime import datetime

import sqlalchemy as sa

from digest.store.schema import asked


def hour(now: datetime) -> str:
    """Return the name of an hour; it sorts after its day, and before the next one."""
    return f"{now:%Y-%m-%dT%H}"


def day(now: datetime) -> str:
    """Return the name of a day."""
    return f"{now:%Y-%m-%d}"


def times(connection: sa.Connection, bucket: str, window: str) -> int:
    """Return how often it was asked for."""
    found = connection.execute(sa.select(asked.c.count).where(asked.c.bucket == bucket, asked.c.window == window)).scalar()
    return int(found or 0)


def count(connection: sa.Connection, bucket: str, window: str) -> int:
    """Count once more; return how often it was. One writes after the other: see `Database.write`."""
    own = asked.c.bucket == bucket, asked.c.window == window
    found = connection.execute(sa.update(asked).where(*own).values(count=asked.c.count + 1).returning(asked.c.count)).scalar()
    if found is None:
        connection.execute(sa.insert(asked).values(bucket=bucket, window=window, count=1))
    return int(found or 1)


def sweep(connection: sa.Connection, now: datetime) -> None:
    """Throw away what was counted before the day of *now*."""
    connection.execute(sa.delete(asked).where(asked.c.window < day(now)))
