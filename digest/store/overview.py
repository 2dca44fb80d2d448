"""What there is, in a few numbers and lists: for those who show it to others."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from digest.core import query as queries
from digest.core.domain import State
from digest.store import runs
from digest.store.editions import PUBLISHED, File, unpacked
from digest.store.papers import paper_of
from digest.store.schema import days, editions, entries, files, papers, versions
from digest.store.search import COUNTED, Found, Hit

_RUNS = 10
"""So many of the last runs may still go on, or have been killed."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How much there is of a category."""

    newest: date | None
    """The newest date that has a page; None if there is none."""
    number: int
    """Of its edition; 0 if there is none."""
    editions: int
    """Those that are published."""
    papers: int
    """Of all categories."""
    open_dates: int
    """Those that wait or failed."""
    last_status: int | None
    """The exit status of the last run that ended; None if there was none."""
    last_ended: datetime | None


@dataclass(frozen=True, slots=True)
class Line:
    """The newest published edition of a date, without its files."""

    date: date
    number: int
    state: str
    reason: str
    listed: int
    made: datetime
    sha256: str
    """Of its JSON file."""


def figures(connection: sa.Connection, category: str) -> Figures:
    """Return how much there is of a category."""
    ours = editions.c.category == category, editions.c.state == PUBLISHED
    paged = sa.select(editions.c.date, editions.c.number).join(files, files.c.edition == editions.c.id).where(*ours, files.c.role == "page")
    newest = connection.execute(paged.order_by(editions.c.date.desc(), editions.c.number.desc()).limit(1)).first()
    waiting = sa.select(sa.func.count()).where(days.c.category == category, days.c.state.in_((State.WAITING.value, State.FAILED.value)))
    ended = next((one for one in runs.last(connection, category, _RUNS) if one.status is not None), None)
    return Figures(
        newest.date if newest else None,
        newest.number if newest else 0,
        connection.execute(sa.select(sa.func.count()).select_from(editions).where(*ours)).scalar_one(),
        connection.execute(sa.select(sa.func.count()).select_from(papers)).scalar_one(),
        connection.execute(waiting).scalar_one(),
        ended.status if ended else None,
        ended.ended if ended else None,
    )


def listed(  # noqa: PLR0913 - a list has this many bounds
    connection: sa.Connection, category: str, *, first: date | None, last: date | None, most: int, start: int
) -> tuple[list[Line], int]:
    """Return *most* of the newest published editions of each date, after the first *start*, the newest first; and how many there are."""
    ours = [editions.c.category == category, editions.c.state == PUBLISHED]
    ours += [editions.c.date >= first] if first else []
    ours += [editions.c.date <= last] if last else []
    newest = sa.select(editions.c.date, sa.func.max(editions.c.number).label("number")).where(*ours).group_by(editions.c.date).subquery()
    total = connection.execute(sa.select(sa.func.count()).select_from(newest)).scalar_one()
    columns = editions.c.date, editions.c.number, editions.c.note, editions.c.made, files.c.sha256
    chosen = (
        sa.select(*columns)
        .join(newest, sa.and_(newest.c.date == editions.c.date, newest.c.number == editions.c.number))
        .join(files, sa.and_(files.c.edition == editions.c.id, files.c.role == "json"))
        .where(*ours)
        .order_by(editions.c.date.desc())
    )
    rows = connection.execute(chosen.limit(most).offset(start))
    return [Line(row.date, row.number, *_of(row.note), row.made, row.sha256) for row in rows], total


def _of(note: dict[str, object]) -> tuple[str, str, int]:
    """Return state, reason, and how many papers are listed, out of the note of an edition."""
    return str(note["state"]), str(note["reason"]), int(str(note["listed"]))


def document(connection: sa.Connection, category: str, day: date) -> File | None:
    """Return the JSON file of the newest published edition of a date; None if there is none.

    Raises:
        DamagedError: its bytes are not those that were kept.

    """
    chosen = (
        sa.select(files)
        .join(editions, editions.c.id == files.c.edition)
        .where(editions.c.category == category, editions.c.date == day, editions.c.state == PUBLISHED, files.c.role == "json")
        .order_by(editions.c.number.desc())
    )
    row = connection.execute(chosen.limit(1)).first()
    return None if row is None else File(row.role, row.path, row.sha256, unpacked(row.content, row.sha256, row.path))


def paged(connection: sa.Connection, category: str, names: Collection[str]) -> frozenset[str]:
    """Return which of some papers (identifiers) a published edition of a category has."""
    said = (
        sa.select(papers.c.arxiv_id, entries.c.announcement)
        .join(versions, versions.c.paper == papers.c.id)
        .join(entries, entries.c.version == versions.c.id)
        .where(papers.c.arxiv_id.in_(names), papers.c.announced.is_not(None))
    )
    found = connection.execute(said).all()
    # Two questions: SQLite would begin the one with the editions, of which there are thousands.
    ours = editions.c.category == category, editions.c.state == PUBLISHED, editions.c.announcement.in_({row.announcement for row in found})
    made = frozenset(connection.execute(sa.select(editions.c.announcement).where(*ours)).scalars())
    return frozenset(row.arxiv_id for row in found if row.announcement in made)


def newest(  # noqa: PLR0913 - a list has this many bounds
    connection: sa.Connection,
    *,
    topic: str | None = None,
    subtopic: str | None = None,
    first: date | None = None,
    last: date | None = None,
    most: int = 20,
    start: int = 0,
) -> Found:
    """Return what `search` does where no word is looked for: *most* of the papers that editions list, the newest first."""
    ours: list[sa.ColumnElement[bool]] = [papers.c.announced.is_not(None)]
    ours += [papers.c.topic == topic] if topic is not None else []
    ours += [papers.c.subtopic == subtopic] if subtopic is not None else []
    ours += [papers.c.announced >= first] if first is not None else []
    ours += [papers.c.announced <= last] if last is not None else []
    some = sa.select(papers.c.id).where(*ours).limit(COUNTED + 1).subquery()
    total = connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()
    order = papers.c.announced.desc(), papers.c.id.desc()
    place = sa.select(papers.c.id).where(*ours).order_by(*order).limit(most).offset(start).subquery()
    columns = versions, papers.c.arxiv_id, papers.c.announced, papers.c.topic, papers.c.subtopic
    chosen = sa.select(*columns).join(papers, papers.c.latest == versions.c.id).join(place, place.c.id == papers.c.id).order_by(*order)
    hits = [
        Hit(paper_of(row), row["announced"], row["topic"], row["subtopic"], queries.snippet(row["abstract"]))
        for row in connection.execute(chosen).mappings()
    ]
    return Found(tuple(hits), total if total <= COUNTED else None)
