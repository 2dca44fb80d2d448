"""Editions: what was made of an announcement, with the bytes of each published file.

An edition is prepared in the transaction that keeps its announcement, and published when its files are on the disk. One that
was prepared and not published was broken off, and is published by whoever comes next.
"""

import hashlib
import json
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from digest.core.domain import Kind
from digest.errors import DamagedError, StoreError
from digest.ledger import Note, note_object, note_of
from digest.store import days
from digest.store.papers import indexed
from digest.store.schema import announcements, editions, entries, files, models, papers, versions
from digest.store.schema import days as days_table

PREPARED, PUBLISHED = "prepared", "published"


@dataclass(frozen=True, slots=True)
class File:
    """One file of an edition."""

    role: str
    """``page`` or ``json``."""
    path: str
    """Below the folder of the digests, with slashes."""
    sha256: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """An edition as it is kept."""

    key: int
    category: str
    date: date
    number: int
    """1 for the first edition of a date."""
    announcement: int
    """The key of what was announced."""
    model: str
    """The name of the model, or nothing."""
    layout: str
    include: str
    published: bool
    changes: tuple[str, ...]
    """What is different from the edition before, each a sentence without its full stop."""
    made: datetime
    note: Note
    """What is to be known of its date as soon as it is published."""
    files: tuple[File, ...] = ()

    def file(self, role: str) -> File | None:
        """Return the file of a role; None if there is none, as for the page of a date without an announcement."""
        return next((file for file in self.files if file.role == role), None)


def prepare(  # noqa: PLR0913 - an edition is made of this much
    connection: sa.Connection,
    *,
    category: str,
    day: date,
    number: int,
    announcement: int,
    model: int | None,
    layout: str,
    include: str,
    changes: Sequence[str],
    contents: Mapping[str, tuple[str, bytes]],
    note: Note,
    made: datetime,
) -> Stored:
    """Keep an edition whose files are not on the disk yet; *contents* gives path and bytes of each by its role.

    *note* is what is to be known of its date once they are.
    """
    values = {
        "category": category,
        "date": day,
        "number": number,
        "announcement": announcement,
        "model": model,
        "layout": layout,
        "include": include,
        "state": PREPARED,
        "changes": list(changes),
        "note": note_object(note),
        "made": made,
    }
    key = int(connection.execute(sa.insert(editions).values(values).returning(editions.c.id)).scalar_one())
    rows = [
        {"edition": key, "role": role, "path": path, "sha256": hashlib.sha256(content).hexdigest(), "content": zlib.compress(content)}
        for role, (path, content) in contents.items()
    ]
    connection.execute(sa.insert(files), rows)
    return load(connection, key)


def published(connection: sa.Connection, edition: Stored, now: datetime) -> None:
    """Note that all files of an edition are on the disk, and what is known of its date now.

    Raises:
        StoreError: there is a newer one, see `foremost`.

    """
    foremost(connection, edition)
    days.write(connection, edition.note)
    ours = editions.c.category == edition.category, editions.c.date == edition.date, editions.c.state == PREPARED
    # One before it that was broken off will never be published any more.
    connection.execute(sa.delete(editions).where(*ours, editions.c.number < edition.number))
    key = edition.key
    connection.execute(sa.update(editions).where(editions.c.id == key).values(state=PUBLISHED, published=now))


def foremost(connection: sa.Connection, edition: Stored) -> None:
    """See that an edition is the newest of its date.

    Raises:
        StoreError: another run has made a newer one, because this one stood still for so long that it lost its turn.

    """
    number = numbers(connection, edition.category, edition.date, edition.date).get(edition.date, 0)
    if number > edition.number:
        msg = f"another run has made edition {number} of {edition.date} meanwhile, which stands; edition {edition.number} is not published"
        raise StoreError(msg)


def unpublished(connection: sa.Connection, category: str, *, contents: bool = True) -> list[Stored]:
    """Return the editions that were prepared and never published, the oldest first; of each date the last one only.

    They come with their files unless *contents* is False.
    """
    chosen = (
        sa.select(sa.func.max(editions.c.id))
        .where(editions.c.category == category, editions.c.state == PREPARED)
        .group_by(editions.c.date)
        .order_by(editions.c.date)
    )
    return [load(connection, key, contents=contents) for key in connection.execute(chosen).scalars().all()]


def newest(connection: sa.Connection, category: str, day: date, *, contents: bool = True) -> Stored | None:
    """Return the last edition of a date, with its files unless *contents* is False; None if there is none."""
    chosen = sa.select(editions.c.id).where(editions.c.category == category, editions.c.date == day).order_by(editions.c.number.desc())
    key = connection.execute(chosen.limit(1)).scalar()
    return None if key is None else load(connection, key, contents=contents)


def of_date(connection: sa.Connection, category: str, day: date) -> list[Stored]:
    """Return all editions of a date without their files, the first one first."""
    chosen = sa.select(editions.c.id).where(editions.c.category == category, editions.c.date == day).order_by(editions.c.number)
    return [load(connection, key, contents=False) for key in connection.execute(chosen).scalars().all()]


def load(connection: sa.Connection, key: int, *, contents: bool = True) -> Stored:
    """Return an edition by its key.

    Raises:
        DamagedError: a file's bytes are not those that were kept, or its note is none.

    """
    joined = sa.select(editions, models.c.name.label("model_name")).outerjoin(models, models.c.id == editions.c.model)
    row = connection.execute(joined.where(editions.c.id == key)).one()
    lines = connection.execute(sa.select(files).where(files.c.edition == key).order_by(files.c.role)).all() if contents else []
    kept = [File(line.role, line.path, line.sha256, unpacked(line.content, line.sha256, line.path)) for line in lines]
    try:
        note = note_of(row.note)
    except (ValueError, KeyError, TypeError) as problem:
        msg = f"the database is damaged: what it holds of edition {row.number} of {row.date} is no note"
        raise DamagedError(msg, advice="cvdigest db restore brings a backup back") from problem
    return Stored(
        key,
        row.category,
        row.date,
        row.number,
        row.announcement,
        row.model_name or "",
        row.layout,
        row.include,
        row.state == PUBLISHED,
        tuple(row.changes),
        row.made,
        note,
        tuple(kept),
    )


def unpacked(content: bytes, sha256: str, path: str) -> bytes:
    """Return the bytes of a file as they were kept.

    Raises:
        DamagedError: they are others.

    """
    try:
        found = zlib.decompress(content)
    except zlib.error:
        found = b""
    if hashlib.sha256(found).hexdigest() != sha256:
        msg = f"the database is damaged: what it holds of {path} is not what was kept"
        raise DamagedError(msg, advice="cvdigest db restore brings a backup back")
    return found


def digests(connection: sa.Connection, category: str, first: date, last: date) -> dict[date, dict[str, str]]:
    """Return path and sha256 of each file of the last edition of each date from *first* to *last*, if it is published."""
    newest = (
        sa.select(editions.c.date, sa.func.max(editions.c.number).label("number"))
        .where(editions.c.category == category, editions.c.date.between(first, last))
        .group_by(editions.c.date)
        .subquery()
    )
    chosen = (
        sa.select(editions.c.date, files.c.path, files.c.sha256)
        .join(newest, sa.and_(newest.c.date == editions.c.date, newest.c.number == editions.c.number))
        .join(files, files.c.edition == editions.c.id)
        .where(editions.c.category == category, editions.c.state == PUBLISHED)
        .order_by(editions.c.date, files.c.role)
    )
    found: dict[date, dict[str, str]] = {}
    for row in connection.execute(chosen):
        found.setdefault(row.date, {})[row.path] = row.sha256
    return found


def gone(connection: sa.Connection, category: str, day: date, listed: Collection[str]) -> list[str]:
    """Return the papers that stand under a date, were announced on it at one time, and are not *listed* by identifier any more."""
    said = (
        sa.select(versions.c.paper)
        .join(entries, entries.c.version == versions.c.id)
        .join(announcements, announcements.c.id == entries.c.announcement)
        .where(announcements.c.category == category, announcements.c.date == day)
    )
    chosen = sa.select(papers.c.arxiv_id).where(papers.c.announced == day, papers.c.id.in_(said)).order_by(papers.c.arxiv_id)
    return [name for name in connection.execute(chosen).scalars() if name not in listed]


def move(connection: sa.Connection, names: Sequence[str], category: str, day: date) -> None:
    """Let papers that an edition does not list any more stand where the next newest edition has them, or nowhere."""
    documents: dict[int, dict[str, tuple[str, str]]] = {}
    with indexed(connection, names):
        for name in names:
            place: dict[str, object] = {"announced": None, "topic": "", "subtopic": ""}
            last = {
                (row.category, row.date): row.id for row in connection.execute(_listing(name).order_by(editions.c.date, editions.c.number))
            }
            for (other, when), key in reversed(last.items()):
                if key not in documents:
                    documents[key] = _places(load(connection, key))
                if (other, when) != (category, day) and name in documents[key]:
                    topic, subtopic = documents[key][name]
                    place = {"announced": when, "topic": topic, "subtopic": subtopic}
                    break
            connection.execute(sa.update(papers).where(papers.c.arxiv_id == name).values(place))


def _listing(name: str) -> sa.Select[tuple[int, str, date]]:
    """Select the editions of the dates on which a paper was announced."""
    said = (
        sa.select(announcements.c.category, announcements.c.date)
        .join(entries, entries.c.announcement == announcements.c.id)
        .join(versions, versions.c.id == entries.c.version)
        .join(papers, papers.c.id == versions.c.paper)
        .where(papers.c.arxiv_id == name)
    )
    return sa.select(editions.c.id, editions.c.category, editions.c.date).where(sa.tuple_(editions.c.category, editions.c.date).in_(said))


def _places(edition: Stored) -> dict[str, tuple[str, str]]:
    """Return where each paper of an edition stands: topic and subtopic."""
    file = edition.file("json")
    found = json.loads(file.content)["entries"] if file else []
    return {one["id"]: (one["topic"] or "", one["subtopic"] or "") for one in found}


def path_of(connection: sa.Connection, arxiv_id: str, category: str | None = None) -> list[list[int]]:
    """Return the keys of the published editions of each date on which a paper was announced, the oldest first."""
    said = (
        sa.select(editions.c.category, editions.c.date)
        .join(entries, entries.c.announcement == editions.c.announcement)
        .join(versions, versions.c.id == entries.c.version)
        .join(papers, papers.c.id == versions.c.paper)
        .where(papers.c.arxiv_id == arxiv_id, editions.c.state == PUBLISHED)
    )
    if category is not None:
        said = said.where(editions.c.category == category)
    chosen = (
        sa.select(editions.c.id, editions.c.category, editions.c.date)
        .where(editions.c.state == PUBLISHED, sa.tuple_(editions.c.category, editions.c.date).in_(said))
        .order_by(editions.c.date, editions.c.category, editions.c.number)
    )
    found: dict[tuple[str, date], list[int]] = {}
    for row in connection.execute(chosen):
        found.setdefault((row.category, row.date), []).append(row.id)
    return list(found.values())


def dates(connection: sa.Connection, category: str | None = None) -> list[tuple[str, date]]:
    """Return category and date of all that has an edition, the oldest first."""
    chosen = sa.select(editions.c.category, editions.c.date).distinct().order_by(editions.c.date, editions.c.category)
    if category is not None:
        chosen = chosen.where(editions.c.category == category)
    return [(row.category, row.date) for row in connection.execute(chosen)]


def numbers(connection: sa.Connection, category: str, first: date, last: date) -> dict[date, int]:
    """Return the number of the last edition of each date from *first* to *last* that has one."""
    chosen = (
        sa.select(editions.c.date, sa.func.max(editions.c.number).label("number"))
        .where(editions.c.category == category, editions.c.date.between(first, last))
        .group_by(editions.c.date)
    )
    return {row.date: row.number for row in connection.execute(chosen)}


def earlier(connection: sa.Connection, category: str, before: date, first: date) -> frozenset[str]:
    """Return the new papers of the last edition of a category from *first* on and before a date; nothing if there is none.

    What was worked out may be wrong, and must not speak against what arXiv states.
    """
    chosen = (
        sa.select(editions.c.announcement, announcements.c.reconstructed)
        .join(announcements, announcements.c.id == editions.c.announcement)
        .where(editions.c.category == category, editions.c.date < before, editions.c.date >= first, announcements.c.reason == "")
        .order_by(editions.c.date.desc(), editions.c.number.desc())
        .limit(1)
    )
    last = connection.execute(chosen).first()
    if last is None or last.reconstructed:
        return frozenset()
    found = (
        sa.select(papers.c.arxiv_id)
        .join(versions, versions.c.paper == papers.c.id)
        .join(entries, entries.c.version == versions.c.id)
        .where(entries.c.announcement == last.announcement, entries.c.kind == "new")
    )
    return frozenset(connection.execute(found).scalars())


# -- what is published ---------------------------------------------------------------------------------------------------

_AT_ONCE = 500
"""How many papers one statement names."""
_RANK = {kind.value: rank for rank, kind in enumerate(Kind)}
"""On a date on which a paper is announced in two ways, the first one counts: see `digest.core.edition.chosen`."""


class Newest(NamedTuple):
    """The last edition of a date that was published."""

    key: int
    date: date
    number: int
    made: datetime
    sha256: str
    """Of its JSON file."""


def issues(connection: sa.Connection, category: str, day: date | None = None) -> list[Newest]:
    """Return the last published edition of each date with an announcement, or of *day* alone, the newest date first."""
    span = {"first": day or date.min, "last": day or date.max}
    return [Newest(*row) for row in connection.execute(_issues(), {"of": category, **span})]


@cache
def _issues() -> sa.Select[Any]:
    return (
        sa.select(editions.c.id, editions.c.date, editions.c.number, editions.c.made, files.c.sha256)
        .join(announcements, announcements.c.id == editions.c.announcement)
        .join(files, sa.and_(files.c.edition == editions.c.id, files.c.role == "json"))
        .where(announcements.c.reason == "", editions.c.date.between(sa.bindparam("first"), sa.bindparam("last")), *_last_published())
        .order_by(editions.c.date.desc())
    )


def _last_published() -> tuple[sa.ColumnElement[bool], ...]:
    """Return what holds for an edition of a category that is the last published one of its date."""
    later = editions.alias()
    same = later.c.category == editions.c.category, later.c.date == editions.c.date
    newer = sa.exists().where(*same, later.c.state == PUBLISHED, later.c.number > editions.c.number)
    return editions.c.category == sa.bindparam("of"), editions.c.state == PUBLISHED, ~newer


def document(connection: sa.Connection, key: int) -> bytes:
    """Return the JSON file of an edition by its key.

    Raises:
        DamagedError: its bytes are not those that were kept.

    """
    row = connection.execute(sa.select(files).where(files.c.edition == key, files.c.role == "json")).one()
    return unpacked(row.content, row.sha256, row.path)


def documents(connection: sa.Connection, category: str, day: date) -> list[tuple[datetime, bytes]]:
    """Return when each edition of a date was made that was published, the first one first, and its JSON file.

    Raises:
        DamagedError: the bytes of one are not those that were kept.

    """
    chosen = (
        sa.select(editions.c.made, files.c.content, files.c.sha256, files.c.path)
        .join(files, sa.and_(files.c.edition == editions.c.id, files.c.role == "json"))
        .where(editions.c.category == category, editions.c.date == day, editions.c.state == PUBLISHED)
        .order_by(editions.c.number)
    )
    return [(row.made, unpacked(row.content, row.sha256, row.path)) for row in connection.execute(chosen)]


def contents(connection: sa.Connection, category: str, dates: Collection[date]) -> dict[date, set[str]]:
    """Return the papers that the last published edition of each of some dates lists: what `listings` says, asked the other way."""
    kinds: dict[date, dict[str, tuple[str, str]]] = {}
    wanted = sorted(set(dates))
    for start in range(0, len(wanted), _AT_ONCE):
        for day, include, name, kind in connection.execute(_listed(), {"of": category, "dates": wanted[start : start + _AT_ONCE]}):
            own = kinds.setdefault(day, {})
            if name not in own or _RANK[kind] < _RANK[own[name][0]]:
                own[name] = kind, include
    return {day: {name for name, (kind, include) in own.items() if kind in include.split(",")} for day, own in kinds.items()}


@cache
def _listed() -> sa.Select[Any]:
    return (
        sa.select(editions.c.date, editions.c.include, papers.c.arxiv_id, entries.c.kind)
        .join(entries, entries.c.announcement == editions.c.announcement)
        .join(versions, versions.c.id == entries.c.version)
        .join(papers, papers.c.id == versions.c.paper)
        .where(editions.c.date.in_(sa.bindparam("dates", expanding=True)), *_last_published())
    )


def listings(connection: sa.Connection, category: str, names: Collection[str]) -> dict[str, list[tuple[date, str]]]:
    """Return date and kind of each edition that lists one of some papers, the newest first: the last published one of a date counts."""
    found: dict[str, dict[date, tuple[str, str]]] = {}
    wanted = sorted(set(names))
    for start in range(0, len(wanted), _AT_ONCE):
        said = connection.execute(_said(), {"names": wanted[start : start + _AT_ONCE]}).all()
        # Two questions: SQLite would begin the one with the editions, of which there are thousands.
        keys = sorted({row.announcement for row in said})
        made = {row.announcement: row for row in connection.execute(_made(), {"of": category, "announcements": keys})}
        for name, kind, announcement in said:
            if announcement not in made:
                continue
            _, day, include = made[announcement]
            before = found.setdefault(name, {}).get(day)
            if before is None or _RANK[kind] < _RANK[before[0]]:
                found[name][day] = kind, include
    told = {
        name: [(day, kind) for day, (kind, include) in sorted(dates.items(), reverse=True) if kind in include.split(",")]
        for name, dates in found.items()
    }
    return {name: some for name, some in told.items() if some}


@cache
def _said() -> sa.Select[Any]:
    """Select where some papers were announced."""
    return (
        sa.select(papers.c.arxiv_id, entries.c.kind, entries.c.announcement)
        .join(versions, versions.c.paper == papers.c.id)
        .join(entries, entries.c.version == versions.c.id)
        .where(papers.c.arxiv_id.in_(sa.bindparam("names", expanding=True)))
    )


@cache
def _made() -> sa.Select[Any]:
    """Select what was made last of some announcements: at most one edition of each, since each is of one date."""
    return sa.select(editions.c.announcement, editions.c.date, editions.c.include).where(
        editions.c.announcement.in_(sa.bindparam("announcements", expanding=True)), *_last_published()
    )


def stamp(connection: sa.Connection, category: str) -> str:
    """Return a text that is another one as soon as an edition of a category is published, or something else is known of a date."""
    chosen = sa.select(sa.func.count(), sa.func.max(editions.c.id), sa.func.max(editions.c.published))
    published = connection.execute(chosen.where(editions.c.category == category, editions.c.state == PUBLISHED)).one()
    noted = connection.execute(
        sa.select(sa.func.count(), sa.func.max(days_table.c.at), sa.func.sum(days_table.c.attempts)).where(
            days_table.c.category == category
        )
    ).one()
    return " ".join(map(str, (*published, *noted)))
