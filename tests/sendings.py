"""Letters that are queued, in the database of a test, and what hands them over."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from digest import resources
from digest.addresses import mail_server
from digest.core.subscription import Choice, Handling, Standing, choice_object
from digest.handover import Session
from digest.relaylog import RelayLog
from digest.sending import Sending, message_id
from digest.store import outbox, schema, subscribers
from digest.store.database import Connection, Database
from digest.store.outbox import Claimed
from tests import postbox, stores

NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
DOMAIN = "digest.example.org"
SENT = Handling.SENT


@dataclass(frozen=True)
class Plain:
    """A letter that says little."""

    content: bytes
    sender: str
    to: str


def identify(row: Claimed) -> str:
    """Return the Message-ID of a row."""
    return message_id(row, DOMAIN)


def envelope(row: Claimed) -> str:
    """Return the envelope sender of a row."""
    assert row.subscriber
    return f"bounce+{row.subscriber.key}@{DOMAIN}"


def compose(row: Claimed, _now: datetime) -> Plain:
    """Return a letter for a row."""
    assert row.subscriber
    head = f"Message-ID: {identify(row)}\r\nTo: {row.subscriber.address}\r\nSubject: x\r\n\r\n"
    return Plain(f"{head}Words.\r\n".encode(), envelope(row), row.subscriber.address)


def fill(connection: Connection, people: int) -> None:
    """Keep a published edition, and queue it for so many people, who want it at once."""
    choice = Choice(hour=3)
    chosen = {"choice": choice_object(choice), "frequency": choice.frequency.value, "zone": choice.zone, "hour": choice.hour}
    when = {"standing": Standing.CONFIRMED.value, "made": NOW, "confirmed": NOW}
    named = [
        {"address": f"r{number}@example.org", "canonical": f"r{number}@example.org", "nonce": f"n{number}"} for number in range(people)
    ]
    connection.execute(sa.insert(schema.subscribers), [{**one, **chosen, **when} for one in named])
    stores.keep(connection, stores.announcement())
    outbox.queue(connection, "cs.CV", stores.DAY, NOW, calendar=resources.calendar())


def keys(connection: Connection) -> list[int]:
    """Return the keys of all subscribers."""
    found: list[int] = []
    while some := subscribers.listed(connection, after=found[-1] if found else 0):
        found += [one.key for one in some]
    return found


@dataclass
class World:
    """A sender, its database, and what it says."""

    database: Database
    now: datetime = NOW
    said: list[str] = field(default_factory=list)

    def sending(self, port: int, *, log: Path | None = None, read: float = 4, final: float = 4, **facts: object) -> Sending:
        """Return a sender to the server at a port."""
        place = mail_server(f"smtp://127.0.0.1:{port}")
        context = postbox.trusting()
        made = Sending(
            self.database,
            lambda: Session(place, context, read, 6, final),
            compose,
            lambda: self.now,
            self.said.append,
            self.said.append,
            identify,
            log=RelayLog(log) if log else None,
            category="cs.CV",
            envelope=envelope,
        )
        return replace(made, **facts)  # type: ignore[arg-type]

    def counts(self) -> dict[str, int]:
        """Return how many rows are handled in which way, but for those ways in which none are."""
        with self.database.read() as connection:
            return {handling.value: count for handling, count in outbox.counts(connection).items() if count}

    def rows(self, keys: Iterable[int]) -> list[Claimed]:
        """Return what is queued for some subscribers."""
        with self.database.read() as connection:
            return [outbox.of_subscriber(connection, key)[0] for key in keys]


def world(database: Database, people: int) -> World:
    """Return a sender with letters for so many people."""
    with database.write() as connection:
        fill(connection, people)
    return World(database)
