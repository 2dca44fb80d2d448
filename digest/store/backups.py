"""Backups of the database: made while others go on writing, checked, whole or not at all; and brought back.

A backup of SQLite is a database of SQLite. That of PostgreSQL is a zip archive:

    tables/papers.copy ...      what COPY gives of each table, all of one moment
    manifest.json               schema, and of each table the columns, rows and sha256; the last one written
"""

import errno
import hashlib
import json
import os
import re
import shutil
import sqlite3
import stat
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from digest import files
from digest.errors import DamagedError, SchemaError, StoreError
from digest.failpoints import reach
from digest.recipients import address_hash
from digest.store import locks, outbox
from digest.store.database import Database, read_only
from digest.store.schema import APPLICATION, HEAD, REVISIONS, days, editions, mailings, metadata, revision, subscribers
from digest.store.subscribers import Departures, depart, departures

FOLDER = "backups"
KEPT = 10
"""How many backups under a name of our own are kept, if nothing else is said."""
LONGEST = 3600.0
"""Seconds after which a backup is given up."""
_STAMP = "%Y%m%dT%H%M%SZ"
_OURS = re.compile(r"cvdigest-\d{8}T\d{6}Z(?:-\d+)?\.(?:db|zip)")
_PAGES = 2048
_WRITING = (sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_TRUNCATE)
_CHUNK = 2**20
_LARGEST_MANIFEST = 2**20
_FORMAT = 1
_TABLES = tuple(table for table in metadata.sorted_tables if table is not revision)


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was found whole."""

    path: Path
    schema: str
    size: int
    """In bytes."""
    editions: int
    newest: str
    """The newest date that it knows anything of, as YYYY-MM-DD; empty if it knows none."""


def make(database: Database, path: Path) -> Backup:
    """Make a backup at *path*, of one moment, while others may write; check it.

    Raises:
        StoreError: there is something at *path*, or it cannot be written; nothing is left behind.
        DamagedError: the database is damaged.

    """
    if path.exists():
        msg = f"{path} is there already"
        raise StoreError(msg, advice="a backup is never written over another file; name another one")
    with _aside(path) as aside:
        _no_more_readable(aside, database)  # before anything is in it
        if database.sqlite:
            _copy(database, aside)
        else:
            _dump(database, aside)
        found = examine(aside)
        with aside.open("rb") as file:
            os.fsync(file.fileno())
        reach("backup-copied")
        try:
            os.link(aside, path)  # unlike a rename, this never takes the place of another file
        except FileExistsError as problem:
            msg = f"{path} is there already"
            raise StoreError(msg, advice="a backup is never written over another file; name another one") from problem
        except OSError:  # a file system without links
            aside.replace(path)
        reach("backup-named")
        files.flush_folder(path.parent)
    return replace(found, path=path)


def make_own(database: Database, data: Path, now: datetime, keep: int = KEPT) -> Backup:
    """Make a backup under a name of our own below the folder *data*; of those, the newest *keep* stay.

    Raises:
        StoreError: it cannot be made; DamagedError if that is because the database is damaged.

    """
    folder = data / FOLDER
    ending = "db" if database.sqlite else "zip"
    names = (f"cvdigest-{now:{_STAMP}}{f'-{number}' if number else ''}.{ending}" for number in range(1000))
    made = make(database, next(folder / name for name in names if not (folder / name).exists()))
    for old in own(data)[max(keep, 1) :]:
        if old != made.path:
            with suppress(OSError):
                old.unlink()
    return made


def sweep(database: Database, data: Path) -> list[Path]:
    """Remove the half-made copies that killed processes left beside the database and among the backups; return what was removed."""
    folders = {data / FOLDER, *([database.path.parent] if database.path else [])}
    return [path for folder in sorted(folders) for path in files.sweep(folder, deep=False)]


def own(data: Path) -> list[Path]:
    """Return the backups under names of our own, the newest first."""
    found = [path for path in (data / FOLDER).glob("cvdigest-*") if _OURS.fullmatch(path.name)]

    def age(path: Path) -> tuple[str, int]:
        stamp, _, number = path.stem.removeprefix("cvdigest-").partition("-")
        return stamp, int(number or 0)

    return sorted(found, key=age, reverse=True)


def all_own(database: Database, data: Path) -> list[Path]:
    """Return all files below *data*, or beside the database, that hold what it held: backups, and what was there before a restore."""
    place = database.path
    moved = (
        [] if place is None else [path for path in place.parent.glob(f"{place.name}.before-restore-*") if not path.name.endswith("-wal")]
    )
    return [*own(data), *sorted(moved, reverse=True)]


def before_upgrade(data: Path, now: datetime, say: Callable[[str], None]) -> Callable[[Database], Path]:
    """Return what `Database.open` is to call before it takes a step from an older schema."""

    def back_up(database: Database) -> Path:
        made = make_own(database, data, now)
        say(f"a backup was made before the upgrade: {made.path}")
        return made.path

    return back_up


def examine(path: Path) -> Backup:
    """Return what a backup is of, once all of it was read and found whole.

    Raises:
        StoreError: it cannot be read, or is no backup.
        DamagedError: it is damaged.
        SchemaError: it was made by a newer release.

    """
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as problem:
        msg = f"the backup {path} cannot be read: {problem.strerror or problem}"
        raise StoreError(msg) from problem
    if head.startswith(b"PK"):
        return _examine_zip(path)
    if head == b"SQLite format 3\0":
        return _examine_file(path)
    msg = f"{path} is no backup of a database{'' if head else ': it is empty'}"
    raise StoreError(msg, advice="cvdigest db backup makes one")


def restore(database: Database, data: Path, path: Path, now: datetime, *, replacing: bool = False) -> tuple[Backup, str]:
    """Put a backup in the place of the database; return what it is of, and where the present one was moved.

    A file of SQLite is moved aside, never deleted. A database of PostgreSQL must be empty, or with *replacing* its present
    tables are moved into another schema.

    Raises:
        StoreError: somebody uses the database, or the backup is of another kind, damaged, or of a newer schema.

    """
    found = examine(path)
    database.check_owner()
    if (path.suffix == ".zip" or zipfile.is_zipfile(path)) == database.sqlite:
        msg = f"the backup {path} is of {'PostgreSQL' if database.sqlite else 'SQLite'}, and the database {database.name} is not"
        raise StoreError(msg, advice="name a database of the same kind with --database")
    stamp = f"before-restore-{now:{_STAMP}}"
    if database.sqlite:
        with locks.nobody(database, data):
            moved = _put_back(database, path, stamp, now)
    else:
        with locks.nobody(database, data):
            moved = _load(database, path, found, stamp if replacing else "", now)
    return found, moved


# -- SQLite -------------------------------------------------------------------------------------------------------------


def _copy(database: Database, aside: Path) -> None:
    """Copy a file of SQLite through its own means, as of one moment."""
    assert database.path is not None  # noqa: S101 - what is in memory is not backed up
    given_up = time.monotonic() + LONGEST

    def watch(_status: int, _remaining: int, _total: int) -> None:
        if time.monotonic() > given_up:
            msg = f"the backup was given up after {LONGEST:.0f} seconds"
            raise StoreError(msg)

    with database.errors(), _connected(database.path, read_only(database.path)) as source:
        # Within a transaction that reads, what others write meanwhile does not make the copy begin again.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        with _connected(aside) as target:
            try:
                source.backup(target, pages=_PAGES, progress=watch)
            except sqlite3.Error as problem:
                # Nobody else is written to: the disk of the backup is meant, and the database is well.
                if problem.sqlite_errorcode == sqlite3.SQLITE_FULL:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from problem
                if problem.sqlite_errorcode in _WRITING:
                    raise OSError(errno.EIO, str(problem)) from problem
                raise
            target.execute("PRAGMA journal_mode=DELETE")  # one file, that can be read where nothing can be written


def _examine_file(path: Path) -> Backup:
    damaged = f"the backup {path} is damaged"
    try:
        # A backup is never written to, and there is no log beside it.
        with _connected(path, "?mode=ro&immutable=1") as connection:
            if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
                msg = f"{path} is a database of another program"
                raise StoreError(msg)
            found = [row[0] for row in connection.execute("PRAGMA integrity_check(10)")]
            if found != ["ok"]:
                raise DamagedError(damaged + f": {str(found[0])[:200]}", advice="choose another one")
            if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
                raise DamagedError(damaged + ": rows are missing in it", advice="choose another one")
            schema = _known_schema(path, [row[0] for row in connection.execute("SELECT version_num FROM alembic_version")])
            count = connection.execute("SELECT count(*) FROM editions").fetchone()[0]
            newest = connection.execute("SELECT max(date) FROM days").fetchone()[0] or ""
    except sqlite3.Error as problem:
        raise DamagedError(damaged + f": {problem}", advice="choose another one") from problem
    return Backup(path, schema, path.stat().st_size, int(count), str(newest))


def _put_back(database: Database, path: Path, stamp: str, now: datetime) -> str:
    """Put a copy of the backup in the database's place; return where the present one is now, or nothing."""
    assert database.path is not None  # noqa: S101 - what is in memory is not restored
    place = database.path
    database.close()
    moved = ""
    with _aside(place) as aside:
        aside.chmod(stat.S_IMODE(aside.stat().st_mode) & stat.S_IMODE(path.stat().st_mode))
        shutil.copyfile(path, aside)
        with aside.open("rb") as file:
            os.fsync(file.fileno())
        if examine(aside).size != path.stat().st_size:
            msg = f"the backup {path} changed while it was read"
            raise StoreError(msg)
        gone = _departures(database, place)
        copy = Database(sa.URL.create("sqlite", database=str(aside)))
        try:
            with copy.write() as connection:
                _keep_letters_back(database, connection, gone, now)
        finally:
            copy.close()
        _make_alike(place, aside)
        reach("restore-copied")
        if place.exists() or Path(f"{place}-wal").exists():
            # A restore that was killed has left such a name too.
            names = (f"{place}.{stamp}{f'-{number}' if number else ''}" for number in range(1000))
            moved = next(name for name in names if not (Path(name).exists() or Path(f"{name}-wal").exists()))
            # A second name first: at no moment is there no database, in whose place an empty one could be made.
            for rest in ("", "-wal"):
                if Path(f"{place}{rest}").exists():
                    _second_name(Path(f"{place}{rest}"), Path(f"{moved}{rest}"))
            files.flush_folder(place.parent)
            for rest in ("-wal", "-shm"):  # those of the present one, which would spoil the restored one
                Path(f"{place}{rest}").unlink(missing_ok=True)
        reach("restore-moved")
        aside.replace(place)
        files.flush_folder(place.parent)
    return moved


def _departures(database: Database, place: Path) -> Departures | None:
    """Return who has left, as far as the present file can be read; None if it cannot, or is of a schema without subscribers."""
    if not place.exists():
        return None
    # It may be damaged, and is what a rescue would begin with: nothing of it is touched.
    where = f"{place.resolve().as_uri()}{read_only(place) or '?mode=ro'}"
    present = sa.create_engine("sqlite://", creator=lambda: sqlite3.connect(where, uri=True))
    try:
        with present.connect() as connection:
            return departures(connection)
    except sa.exc.SQLAlchemyError:
        database.say("the present database cannot be read: see that nobody is written to who has unsubscribed since the backup was made")
        return None
    finally:
        present.dispose()


def _no_more_readable(new: Path, database: Database) -> None:
    """Let nobody read a backup who cannot read the database; of a server's with subscribers, that is its owner alone."""
    if database.path is not None:
        with suppress(FileNotFoundError):
            new.chmod(stat.S_IMODE(new.stat().st_mode) & (stat.S_IMODE(database.path.stat().st_mode) | stat.S_IWUSR))
        return
    with database.read() as connection:
        there = sa.inspect(connection).has_table(subscribers.name)
        if there and connection.execute(sa.select(subscribers.c.id).limit(1)).first() is not None:
            files.keep_private(new)


def _make_alike(there: Path, new: Path) -> None:
    """Let whoever owns, reads and writes the file that is there do so with the new one."""
    with suppress(FileNotFoundError):
        was = there.stat()
        if hasattr(os, "chown"):
            with suppress(PermissionError):  # only root gives a file away
                os.chown(new, was.st_uid, was.st_gid)
        new.chmod(stat.S_IMODE(was.st_mode))


def _second_name(there: Path, name: Path) -> None:
    try:
        os.link(there, name)
    except OSError:  # a file system without links
        shutil.copyfile(there, name)


@contextmanager
def _connected(path: Path, how: str = "") -> Iterator[sqlite3.Connection]:
    """Yield a connection of SQLite's own, without SQLAlchemy; it is closed at the end."""
    connection = sqlite3.connect(f"{path.resolve().as_uri()}{how}", uri=True, isolation_level=None, timeout=10)
    try:
        connection.execute("PRAGMA trusted_schema=OFF")
        yield connection
    finally:
        connection.close()


# -- PostgreSQL ---------------------------------------------------------------------------------------------------------


def _dump(database: Database, aside: Path) -> None:
    """Write all tables as of one moment into an archive."""
    tables: dict[str, Any] = {}
    with (
        zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive,
        database.errors(),
        database.engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as connection,
        connection.begin(),
    ):
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(LONGEST * 1000)}")
        schema = database.revision(connection)
        if schema is None:
            msg = f"the database {database.name} is empty"
            raise StoreError(msg)
        there = sa.inspect(connection)
        names = set(there.get_table_names())
        for table in _TABLES:
            if table.name in names:
                # What is worked out from other columns is worked out again.
                columns = [column["name"] for column in there.get_columns(table.name) if not column.get("computed")]
                tables[table.name] = {"columns": columns, **_dump_table(connection, archive, table.name, columns)}
        newest = connection.execute(sa.select(sa.func.max(days.c.date))).scalar()
        manifest = {
            "format": _FORMAT,
            "schema": schema,
            "editions": connection.execute(sa.select(sa.func.count()).select_from(editions)).scalar(),
            "newest": str(newest or ""),
            "tables": tables,
        }
        archive.writestr("manifest.json", json.dumps(manifest, indent=1))


def _dump_table(connection: sa.Connection, archive: zipfile.ZipFile, table: str, columns: list[str]) -> dict[str, object]:
    hashed, rows = hashlib.sha256(), 0
    with (
        archive.open(f"tables/{table}.copy", "w", force_zip64=True) as file,
        _cursor(connection) as cursor,
        cursor.copy(f"COPY {_quoted(table)} ({', '.join(map(_quoted, columns))}) TO STDOUT") as copy,
    ):
        for block in copy:
            hashed.update(block)
            rows += bytes(block).count(b"\n")
            file.write(block)
    return {"rows": rows, "sha256": hashed.hexdigest()}


def _examine_zip(path: Path) -> Backup:
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = _manifest(archive)
            schema = _known_schema(path, [str(manifest["schema"])])
            for name, said in manifest["tables"].items():
                hashed = hashlib.sha256()
                with archive.open(f"tables/{name}.copy") as file:
                    while block := file.read(_CHUNK):
                        hashed.update(block)
                if hashed.hexdigest() != said["sha256"]:
                    msg = f"the backup {path} is damaged: the table {name} is not what was kept"
                    raise DamagedError(msg, advice="choose another one")
            return Backup(path, schema, path.stat().st_size, int(manifest["editions"]), str(manifest["newest"]))
    # A method of compression that is not known is an error of its own kind (NotImplementedError).
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, ValueError, KeyError, TypeError, AttributeError, NotImplementedError) as exc:
        msg = f"the backup {path} is damaged: {exc}"
        raise DamagedError(msg, advice="choose another one") from exc


def _manifest(archive: zipfile.ZipFile) -> dict[str, Any]:
    """Return what an archive says about itself.

    Raises:
        ValueError, KeyError, TypeError: it says nothing that can be understood.

    """
    with archive.open("manifest.json") as file:
        found = json.loads(file.read(_LARGEST_MANIFEST))
    known, names = {table.name for table in _TABLES}, set(found["tables"])
    if found["format"] != _FORMAT or not names <= known or (found["schema"] == HEAD and names != known):
        msg = "its manifest is of another kind"
        raise ValueError(msg)
    return dict(found)


def _load(database: Database, path: Path, found: Backup, aside: str, now: datetime) -> str:
    """Load an archive into an empty database, in one transaction; return the schema into which the present tables were moved."""
    moved, gone = "", None
    with database.write() as connection, zipfile.ZipFile(path) as archive:
        database.alone(connection, "schema")
        if sa.inspect(connection).get_table_names():
            if not aside:
                msg = f"the database {database.name} is not empty"
                raise StoreError(msg, advice="name an empty one, or move the present tables aside with --replace")
            with suppress(DamagedError):
                database.revision(connection)  # those of another program are not moved
            gone = departures(connection) if sa.inspect(connection).has_table(subscribers.name) else None
            present = _quoted(str(connection.execute(sa.select(sa.func.current_schema())).scalar_one()))
            moved = aside.replace("-", "_").lower()
            connection.exec_driver_sql(f"ALTER SCHEMA {present} RENAME TO {_quoted(moved)}")
            connection.exec_driver_sql(f"CREATE SCHEMA {present}")
        database.migrate(connection, found.schema)
        manifest = _manifest(archive)
        for table in _TABLES:
            if said := manifest["tables"].get(table.name):
                _load_table(connection, archive, table, said)
        database.migrate(connection, HEAD)
        _keep_letters_back(database, connection, gone, now)
    return moved


def _load_table(connection: sa.Connection, archive: zipfile.ZipFile, table: sa.Table, said: dict[str, Any]) -> None:
    hashed = hashlib.sha256()
    columns = ", ".join(_quoted(str(name)) for name in said["columns"])
    with (
        archive.open(f"tables/{table.name}.copy") as file,
        _cursor(connection) as cursor,
        cursor.copy(f"COPY {_quoted(table.name)} ({columns}) FROM STDIN") as copy,
    ):
        while block := file.read(_CHUNK):
            hashed.update(block)
            copy.write(block)
    if hashed.hexdigest() != said["sha256"]:
        msg = f"the backup changed while its table {table.name} was read"
        raise DamagedError(msg)
    if "id" in table.c:
        # The next key comes after the last one.
        name = _quoted(table.name)
        connection.exec_driver_sql(
            f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT max(id) FROM {name})) WHERE EXISTS (SELECT FROM {name})"  # noqa: S608 - our own names
        )


def _cursor(connection: sa.Connection) -> Any:  # noqa: ANN401 - psycopg's, which need not be installed
    driver: Any = connection.connection.driver_connection
    return driver.cursor()


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


# -- both ---------------------------------------------------------------------------------------------------------------


def _keep_letters_back(database: Database, connection: sa.Connection, gone: Departures | None, now: datetime) -> None:
    """See that nobody is sent again what was sent since a backup was made, and nobody anything who has left since."""
    if not sa.inspect(connection).has_table(mailings.name):
        return
    if gone is not None and (count := depart(connection, gone, address_hash, now)):
        database.say(
            f"{count} subscriber{'s have' if count > 1 else ' has'} left since the backup was made, and stay{'' if count > 1 else 's'} away"
        )
    if count := outbox.restored(connection, now):
        database.say(
            f"{count} letter{'s were' if count > 1 else ' was'} to be sent when the backup was made; as they may have been, none is"
        )


def _known_schema(path: Path, found: list[str]) -> str:
    if len(found) != 1:
        msg = f"the backup {path} does not say which schema it has"
        raise DamagedError(msg, advice="choose another one")
    if found[0] not in REVISIONS:
        msg = f"the backup {path} has schema {found[0]}, and this program knows none newer than {HEAD}"
        raise SchemaError(msg, advice="use the newer release of cvdigest that made it")
    return found[0]


@contextmanager
def _aside(path: Path) -> Iterator[Path]:
    """Yield a new name beside *path*; whatever is left under it at the end is taken away.

    Raises:
        StoreError: nothing can be written there.

    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.sweep(path.parent, deep=False)
        handle, name = files.new_aside(str(path.parent), path.name)
        os.close(handle)
    except OSError as problem:
        msg = f"{path} cannot be written: {problem.strerror or problem}"
        raise StoreError(msg, advice="name another file, in a folder that can be written") from problem
    aside = Path(name)
    try:
        yield aside
    except OSError as problem:
        msg = f"{path} cannot be written: {problem.strerror or problem}"
        raise StoreError(msg, advice="see that there is room on the disk") from problem
    finally:
        for rest in ("", "-journal", "-wal", "-shm"):
            with suppress(OSError):
                Path(f"{aside}{rest}").unlink(missing_ok=True)
