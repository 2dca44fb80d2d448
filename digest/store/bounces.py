"""Which of the letters that came back have been counted."""

from datetime import datetime

import sqlalchemy as sa

from digest.store.schema import bounces


def note(connection: sa.Connection, sha256: str, now: datetime) -> bool:
    """Note a message by its SHA-256; say whether it is the first time. This is for a transaction beside which nobody else writes."""
    if connection.execute(sa.select(bounces.c.sha256).where(bounces.c.sha256 == sha256)).first() is not None:
        return False
    connection.execute(sa.insert(bounces).values(sha256=sha256, seen=now))
    return True


def forget(connection: sa.Connection, before: datetime) -> int:
    """Forget what was noted before an instant; return how many that were."""
    return connection.execute(sa.delete(bounces).where(bounces.c.seen < before)).rowcount
