"""What was announced on a date, each time that it was read differently."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime
from itertools import takewhile

import sqlalchemy as sa

from digest.core.domain import Announcement, Check, Entry, Kind, Provenance
from digest.store import papers
from digest.store.schema import announcements, entries


@dataclass(frozen=True, slots=True)
class Reading:
    """One way in which a date was read."""

    key: int
    first: datetime
    """When it was read so first ..."""
    last: datetime
    """... and last."""


def keep(connection: sa.Connection, announcement: Announcement, now: datetime) -> tuple[int, list[int]]:
    """Keep an announcement; return its key, and that of each entry's version, in order.

    One that says the same as the last one of its date is that one, read again.
    """
    found = papers.keep(connection, [entry.paper for entry in announcement.entries], now)
    sha256 = fingerprint(announcement)
    said = {
        "remarks": list(announcement.remarks),
        "checks": [[check.service, check.agrees, check.says, list(check.besides)] for check in announcement.checks],
        "service": announcement.provenance.service,
        "urls": list(announcement.provenance.urls),
        "answers": list(announcement.provenance.sha256),
        "read_again": now,
    }
    ours = announcements.c.category == announcement.category, announcements.c.date == announcement.date
    newest = sa.select(announcements.c.id, announcements.c.sha256).where(*ours).order_by(announcements.c.id.desc()).limit(1)
    last = connection.execute(newest).first()
    if last is not None and last.sha256 == sha256:
        connection.execute(sa.update(announcements).where(announcements.c.id == last.id).values(said))
        return last.id, found
    values = {
        **said,
        "category": announcement.category,
        "date": announcement.date,
        "sha256": sha256,
        "members": members(announcement),
        "reason": announcement.reason,
        "reconstructed": announcement.reconstructed,
        "unknown": list(announcement.unknown),
        "read": now,
    }
    key = int(connection.execute(sa.insert(announcements).values(values).returning(announcements.c.id)).scalar_one())
    if announcement.entries:
        rows = [
            {"announcement": key, "position": position, "version": version, "kind": entry.kind.value, "pending": entry.paper.pending}
            for position, (entry, version) in enumerate(zip(announcement.entries, found, strict=True))
        ]
        connection.execute(sa.insert(entries), rows)
    return key, found


def load(connection: sa.Connection, key: int) -> tuple[Announcement, list[int]]:
    """Return an announcement as it was kept, and the key of each entry's version."""
    row = connection.execute(sa.select(announcements).where(announcements.c.id == key)).one()
    lines = connection.execute(sa.select(entries).where(entries.c.announcement == key).order_by(entries.c.position)).all()
    keys = [line.version for line in lines]
    said = papers.load(connection, keys, [line.pending for line in lines])
    found = Announcement(
        row.category,
        row.date,
        tuple(Entry(paper, Kind(line.kind)) for paper, line in zip(said, lines, strict=True)),
        Provenance(row.service, tuple(row.urls), tuple(row.answers)),
        row.reason,
        tuple(row.remarks),
        tuple(Check(service, agrees, says, tuple(besides)) for service, agrees, says, besides in row.checks),
        row.reconstructed,
        tuple(row.unknown),
    )
    return found, keys


def confirmed(connection: sa.Connection, announcement: Announcement) -> datetime | None:
    """Return since when the same papers of the same kinds were read for this date, and nothing else meanwhile.

    None if the last reading was another one; or if one of them had more papers: who shows fewer may show an old copy.
    """
    ours = announcements.c.category == announcement.category, announcements.c.date == announcement.date
    count = sa.select(sa.func.count()).where(entries.c.announcement == announcements.c.id).scalar_subquery()
    chosen = sa.select(announcements.c.read, announcements.c.members, count.label("papers")).where(*ours)
    readings = connection.execute(chosen.order_by(announcements.c.id.desc())).all()
    if any(reading.papers > len(announcement.entries) for reading in readings):
        return None
    wanted = members(announcement)
    unbroken = list(takewhile(lambda reading: reading.members == wanted, readings))
    return unbroken[-1].read if unbroken else None


def dates(connection: sa.Connection, category: str, first: date, last: date) -> list[tuple[date, int]]:
    """Return the dates from *first* to *last* that were ever read, with the key of the last reading, the oldest first."""
    chosen = (
        sa.select(announcements.c.date, sa.func.max(announcements.c.id))
        .where(announcements.c.category == category, announcements.c.date.between(first, last))
        .group_by(announcements.c.date)
        .order_by(announcements.c.date)
    )
    return [(day, key) for day, key in connection.execute(chosen)]


def members(announcement: Announcement) -> str:
    """Return the sha256 of identifiers and kinds, whatever their order."""
    said = sorted(f"{entry.paper.id} {entry.kind.value}" for entry in announcement.entries)
    return hashlib.sha256("\n".join([announcement.reason and "none", *said]).encode()).hexdigest()


def fingerprint(announcement: Announcement) -> str:
    """Return the sha256 of all that an announcement says, but for checks and remarks."""
    said = [
        announcement.reason,
        announcement.reconstructed,
        list(announcement.unknown),
        [[entry.paper.id, entry.kind.value, entry.paper.pending, papers.fingerprint(entry.paper)] for entry in announcement.entries],
    ]
    return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()
