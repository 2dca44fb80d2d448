"""The store looked after: is all of it what was kept, and what is old enough to be thrown away.

Each question is asked by itself, so that what is damaged in one place does not hide what is damaged in another.
"""

import hashlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path, PurePosixPath

import sqlalchemy as sa

from digest.core.domain import State
from digest.errors import DamagedError, StoreError
from digest.store import announcements as readings
from digest.store import editions as made
from digest.store import papers as said
from digest.store.database import Database
from digest.store.schema import announcements, answers, days, editions, entries, files, metadata, papers, runs, versions

KEEP_ANSWERS = 400
"""Days for which arXiv's raw answers are kept, if nothing else is said."""
KEEP_RUNS = 365
"""Days for which it is kept what the program did."""
LARGEST_QUICK = 2**30
"""Bytes up to which a file is looked through each time that it is opened by who stays for long."""
LONGEST_QUICK = 20.0
"""Seconds after which such a look is given up."""
_AT_ONCE = 500
_TOLD = 20
"""How many problems of one kind are told one by one."""
_LARGEST_FILE = 2**28
_STEPS = 100_000


@dataclass(frozen=True, slots=True)
class Checked:
    """One question about the store, and its answer."""

    what: str
    count: int
    """How many were looked at."""
    problems: tuple[str, ...] = ()
    """What is wrong, each a sentence without its full stop."""
    remarks: tuple[str, ...] = ()
    """What is worth knowing, and no error."""


class _Findings:
    """Problems and remarks of one question; beyond some, they are only counted."""

    def __init__(self) -> None:
        self.count = 0
        self._lines: dict[bool, list[str]] = {True: [], False: []}
        self._more = {True: 0, False: 0}

    def problem(self, line: str) -> None:
        self._add(line, wrong=True)

    def remark(self, line: str) -> None:
        self._add(line, wrong=False)

    def told(self, *, wrong: bool) -> tuple[str, ...]:
        more = self._more[wrong]
        return (*self._lines[wrong], *([f"and {more} more"] if more else []))

    def _add(self, line: str, *, wrong: bool) -> None:
        if len(self._lines[wrong]) < _TOLD:
            self._lines[wrong].append(line)
        else:
            self._more[wrong] += 1


_Question = Callable[[sa.Connection, _Findings], None]


def check(database: Database, *, data: Path | None = None, out: Path | None = None, host: str = "") -> Iterator[Checked]:
    """Yield the answer to each question about a database that is open, as soon as it is known.

    With *data*, the raw answers that this machine (*host*) keeps are looked at too; with *out*, the published files.

    Raises:
        StoreError: the database cannot be asked at all.

    """
    if database.sqlite:
        yield _asked(database, "file", _whole_file)
        yield _asked(database, "index of words", _words, write=True)
    else:
        yield _asked(database, "tables", _tables)
    questions: list[tuple[str, _Question]] = [
        ("versions of papers", _versions),
        ("papers", _papers),
        ("announcements", _announcements),
        ("editions", _editions),
        ("dates", _days),
    ]
    if data is not None:
        questions.append(("raw answers", lambda connection, found: _answers(connection, found, data, host)))
    if out is not None:
        questions.append(("published files", lambda connection, found: _published(connection, found, out)))
    for what, question in questions:
        yield _asked(database, what, question)


def quick_check(database: Database) -> None:
    """See that a file of SQLite is whole, within seconds; a large one is taken as it is.

    Called once by who opens the database and stays for long: the clock, before its first poll.

    Raises:
        DamagedError: it is damaged.

    """
    if database.path is None or not database.path.exists() or database.path.stat().st_size > LARGEST_QUICK:
        return
    given_up = time.monotonic() + LONGEST_QUICK
    with database.errors(), database.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - that of SQLite
        driver.set_progress_handler(lambda: time.monotonic() > given_up, _STEPS)
        try:
            found = [row[0] for row in driver.execute("PRAGMA quick_check(1)")]
        except sqlite3.OperationalError as problem:
            if "interrupted" not in str(problem):
                raise
            return
        finally:
            driver.set_progress_handler(None, 0)
    if found != ["ok"]:
        msg = f"the database {database.name} is damaged: {_line(found[0])}"
        raise DamagedError(msg, advice="cvdigest db check tells more, and cvdigest db restore brings a backup back")


def _asked(database: Database, what: str, question: _Question, *, write: bool = False) -> Checked:
    found = _Findings()
    try:
        with database.write() if write else database.read() as connection:
            question(connection, found)
    except DamagedError as problem:
        found.problem(problem.message)
    except StoreError as problem:
        if write:  # where nothing can be written just now, there is nothing wrong yet
            found.remark(f"not looked at: {problem.message}")
        else:
            found.problem(problem.message)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as problem:
        # What a row holds is not what its column can hold.
        found.problem(f"a row cannot be understood: {_line(problem)}")
    return Checked(what, found.count, found.told(wrong=True), found.told(wrong=False))


# -- the questions ------------------------------------------------------------------------------------------------------


def _whole_file(connection: sa.Connection, found: _Findings) -> None:
    found.count = 1
    for (line,) in connection.exec_driver_sql(f"PRAGMA integrity_check({_TOLD})"):
        if line != "ok":
            found.problem(_line(line))
    for table, row, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(_TOLD):
        found.problem(f"row {row} of {table} belongs to a row of {parent} that is not there")


def _words(connection: sa.Connection, found: _Findings) -> None:
    found.count = int(connection.execute(sa.select(sa.func.count()).select_from(papers)).scalar_one())
    try:
        # 1: held against the texts too.
        connection.exec_driver_sql("INSERT INTO words (words, rank) VALUES ('integrity-check', 1)")
    except sa.exc.DatabaseError as problem:
        if "malformed" not in str(problem.orig):
            raise
        found.problem("the index of words does not agree with the texts")


def _tables(connection: sa.Connection, found: _Findings) -> None:
    for table in metadata.sorted_tables:
        found.count += 1
        # Each row is read, and for each of its columns.
        connection.execute(sa.select(sa.func.count(), *(sa.func.count(column) for column in table.c)))
    for (line,) in connection.exec_driver_sql("SELECT conrelid::regclass || ': ' || conname FROM pg_constraint WHERE NOT convalidated"):
        found.problem(f"a constraint does not hold: {_line(line)}")
    invalid = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid AND indrelid::regclass::text = ANY(%s)"
    for (line,) in connection.exec_driver_sql(invalid, ([table.name for table in metadata.sorted_tables],)):
        found.problem(f"an index is not whole: {_line(line)}")


def _versions(connection: sa.Connection, found: _Findings) -> None:
    chosen = sa.select(versions, papers.c.arxiv_id).join(papers, papers.c.id == versions.c.paper)
    for row in connection.execution_options(yield_per=_AT_ONCE).execute(chosen).mappings():
        found.count += 1
        try:
            whole = said.fingerprint(said.paper_of(row)) == row["sha256"]
        except (ValueError, TypeError, AttributeError):
            whole = False
        if not whole:
            found.problem(f"what is said about {_line(row['arxiv_id'])} (version row {row['id']}) is not what was kept")


def _papers(connection: sa.Connection, found: _Findings) -> None:
    chosen = sa.select(papers.c.arxiv_id, versions.c.paper, papers.c.id).outerjoin(versions, versions.c.id == papers.c.latest)
    for name, of, key in connection.execution_options(yield_per=_AT_ONCE).execute(chosen):
        found.count += 1
        if of != key:
            found.problem(f"{_line(name)} has {'no latest version' if of is None else 'a latest version that is of another paper'}")


def _announcements(connection: sa.Connection, found: _Findings) -> None:
    keys = connection.execute(sa.select(announcements.c.id).order_by(announcements.c.id)).scalars().all()
    for key in keys:
        found.count += 1
        row = connection.execute(
            sa.select(announcements.c.category, announcements.c.date, announcements.c.sha256).where(announcements.c.id == key)
        ).one()
        name = f"the announcement of {_line(row.category)} {row.date} (row {key})"
        positions = connection.execute(sa.select(entries.c.position).where(entries.c.announcement == key).order_by(entries.c.position))
        if positions.scalars().all() != list(range(_length(connection, key))):
            found.problem(f"{name} has gaps among its entries")
            continue
        try:
            loaded, _ = readings.load(connection, key)
            whole = readings.fingerprint(loaded) == row.sha256
        except (DamagedError, ValueError, TypeError, KeyError, AttributeError):
            whole = False
        if not whole:
            found.problem(f"{name} is not what was kept")


def _length(connection: sa.Connection, key: int) -> int:
    return int(connection.execute(sa.select(sa.func.count()).where(entries.c.announcement == key)).scalar_one())


def _editions(connection: sa.Connection, found: _Findings) -> None:
    chosen = sa.select(editions.c.id, editions.c.category, editions.c.date, editions.c.number, editions.c.state)
    for row in connection.execute(chosen.order_by(editions.c.id)).all():
        found.count += 1
        name = f"edition {row.number} of {_line(row.category)} {row.date}"
        if row.state not in (made.PREPARED, made.PUBLISHED):
            found.problem(f"{name} is in no state that there is: {_line(row.state)}")
        elif row.state == made.PREPARED:
            found.remark(f"{name} is prepared and not published yet; the next run publishes it")
        for path, sha256, content in connection.execute(
            sa.select(files.c.path, files.c.sha256, files.c.content).where(files.c.edition == row.id).order_by(files.c.role)
        ):
            try:
                made.unpacked(content, sha256, path)
            except DamagedError:
                found.problem(f"{name}: what is held of {_line(path)} is not what was kept")


def _days(connection: sa.Connection, found: _Findings) -> None:
    joined = (
        sa.select(editions.c.category, editions.c.date, sa.func.max(announcements.c.reason), days.c.state)
        .join(announcements, announcements.c.id == editions.c.announcement)
        .outerjoin(days, sa.and_(days.c.category == editions.c.category, days.c.date == editions.c.date))
        .where(editions.c.state == made.PUBLISHED, editions.c.number == _last_number())
        .group_by(editions.c.category, editions.c.date, days.c.state)
    )
    for category, day, reason, state in connection.execute(joined):
        expected = State.NONE if reason else State.PUBLISHED
        if state is None:
            found.problem(f"there is an edition of {_line(category)} {day}, and nothing is known of that date")
        elif state != expected.value:
            found.problem(f"there is an edition of {_line(category)} {day}, and the date is said to be {_line(state)}")
    of_day = editions.c.category == days.c.category, editions.c.date == days.c.date
    without = (
        sa.select(sa.func.count()).select_from(days).where(days.c.state == State.PUBLISHED.value, ~sa.exists(sa.select(1).where(*of_day)))
    )
    found.count = int(connection.execute(sa.select(sa.func.count()).select_from(days)).scalar_one())
    if count := connection.execute(without).scalar_one():
        found.remark(f"of {count} published dates there is a note only: their editions are older than the database")
    for state in connection.execute(sa.select(days.c.state).distinct()).scalars():
        if state not in set(State):
            found.problem(f"a date is in no state that there is: {_line(state)}")


def _last_number() -> sa.ScalarSelect[int]:
    other = editions.alias("other")
    return (
        sa.select(sa.func.max(other.c.number))
        .where(other.c.category == editions.c.category, other.c.date == editions.c.date, other.c.state == made.PUBLISHED)
        .scalar_subquery()
    )


def _answers(connection: sa.Connection, found: _Findings, data: Path, host: str) -> None:
    here = sa.select(answers.c.url, answers.c.date, answers.c.path, answers.c.sha256).where(answers.c.path != "")
    if host:
        here = here.where(answers.c.host == host)
    missing = 0
    for url, day, name, sha256 in connection.execute(here.order_by(answers.c.date, answers.c.url)):
        found.count += 1
        hashed = _hash_below(data, name)
        if hashed is None:
            missing += 1
        elif hashed != sha256:
            found.problem(f"the answer to {_line(url)} of {day} in {_line(name)} is not what came in")
    if missing:
        found.remark(f"{missing} raw answers are not there any more; digests do not need them")


def _published(connection: sa.Connection, found: _Findings, out: Path) -> None:
    chosen = (
        sa.select(files.c.path, files.c.sha256)
        .join(editions, editions.c.id == files.c.edition)
        .where(editions.c.state == made.PUBLISHED, editions.c.number == _last_number())
        .order_by(files.c.path)
    )
    for name, sha256 in connection.execute(chosen):
        found.count += 1
        hashed = _hash_below(out, name)
        if hashed is None:
            found.problem(f"{_line(out / name)} is missing; the next run of its date writes it again")
        elif hashed != sha256:
            found.problem(f"{_line(out / name)} is not as it was published; the next run of its date writes it again")


def _hash_below(folder: Path, name: str) -> str | None:
    """Return the sha256 of a file below a folder; None if there is none, and something else if it may not be looked at."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        return "outside"
    hashed = hashlib.sha256()
    try:
        with (folder / path).open("rb") as file:
            if (folder / path).stat().st_size > _LARGEST_FILE:
                return "too large"
            while block := file.read(2**20):
                hashed.update(block)
    except FileNotFoundError:
        return None
    except OSError:
        return "unreadable"
    return hashed.hexdigest()


def _line(text: object) -> str:
    return (str(text).strip().splitlines() or [type(text).__name__])[0][:200]


# -- what is old --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was thrown away, or would be."""

    answers: int = 0
    """Files of raw answers, with those that describe them."""
    size: int = 0
    """Their bytes."""
    runs: int = 0
    kept: int = 0
    """Files that could not be thrown away."""


def prune(  # noqa: PLR0913 - each is a choice of the user's
    database: Database, data: Path, now: datetime, *, keep_answers: int = KEEP_ANSWERS, dry: bool = False, host: str = ""
) -> Pruned:
    """Throw away raw answers older than *keep_answers* days (0: none), and what is known of runs beyond a year.

    Editions, papers and announcements stay. With *dry*, nothing is thrown away.

    Raises:
        StoreError: the database cannot be written.

    """
    oldest = now.date() - timedelta(days=keep_answers) if keep_answers else None
    old = runs.c.began < now - timedelta(days=KEEP_RUNS)
    with database.read() as connection:
        count = int(connection.execute(sa.select(sa.func.count()).select_from(runs).where(old)).scalar_one())
    if not dry:
        # First forgotten, then thrown away: what is left after a crash is thrown away next time.
        with database.write() as connection:
            connection.execute(sa.delete(runs).where(old))
            if oldest is not None:
                change = sa.update(answers).where(answers.c.date < oldest, answers.c.path != "")
                connection.execute((change.where(answers.c.host == host) if host else change).values(path=""))
    thrown = size = kept = 0
    for path in _old_files(data, oldest) if oldest is not None else ():
        try:
            bytes_ = path.lstat().st_size
            if not dry:
                path.unlink()
        except OSError:
            kept += 1
            continue
        thrown, size = thrown + 1, size + bytes_
    if not dry and oldest is not None:
        for folder in (data / "answers").glob("????-??-??"):
            if (day := _day(folder.name)) is not None and day < oldest:
                with suppress(OSError):
                    folder.rmdir()  # unless something is in it
    return Pruned(thrown, size, count, kept)


def vacuum(database: Database) -> None:
    """Give the room of what was thrown away back to the disk; takes as much room again meanwhile.

    Raises:
        StoreError: there is no room, or others use the database.

    """
    with database.errors():
        if database.sqlite:
            with database.engine.connect() as connection:
                driver = connection.connection.driver_connection
                assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - that of SQLite
                driver.execute("VACUUM")
                driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM (ANALYZE)")


def _old_files(data: Path, oldest: date) -> Iterator[Path]:
    """Yield the files of raw answers that state a date before *oldest*, or that were refused before it."""
    for folder in sorted((data / "answers").glob("????-??-??")):
        day = _day(folder.name)
        if day is not None and day < oldest and not folder.is_symlink():
            yield from sorted(path for path in folder.iterdir() if path.is_file())
    for path in sorted((data / "refused").glob("????????T??????-*")):
        day = _day(f"{path.name[:4]}-{path.name[4:6]}-{path.name[6:8]}")
        if day is not None and day < oldest and path.is_file():
            yield path


def _day(name: str) -> date | None:
    try:
        return date.fromisoformat(name)
    except ValueError:
        return None
