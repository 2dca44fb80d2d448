"""A database opened: SQLite by default, PostgreSQL by URL; the one place that knows what differs between them.

    url | there? | ours? | whole? | of which schema? | read() and write()

A new SQLite file is made aside and then renamed, so that no empty database ever stands where a damaged one was. One of an
older schema is brought up to date, after a backup; one of a newer schema is refused.
"""

import hashlib
import json
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from filelock import FileLock
from sqlalchemy import event, exc
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from digest.errors import DamagedError, SchemaError, StoreError
from digest.files import flush_folder
from digest.store.schema import APPLICATION, HEAD, REVISIONS, SEARCH, metadata, revision

Connection = sa.Connection
"""For those who hand one on, and know nothing of SQLAlchemy."""
PATIENCE = 90.0
"""Seconds that a writer waits for another program that holds the database, a backup say."""
_TRY = 2.0
_DAMAGE = ("malformed", "not a database", "disk image", "corrupt", "could not decode")
_LINK = {
    "application_name": "cvdigest",
    "connect_timeout": 15,
    # A server that is gone without a word is noticed: in seconds between questions, and in milliseconds within one.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""How PostgreSQL is connected to."""
_STEPS = {
    r"database .* does not exist": "createdb makes it; or correct its name",
    r"role .* does not exist": "createuser makes it; or correct the user's name",
    r"password|authentication": "see that the user and the password are right, and that pg_hba.conf lets them in",
    r"connect|resolve|timeout|server": "see that the server runs and can be reached at that host and port",
}
"""What an error of PostgreSQL says, and what to do then; the first that fits."""
_RESTORE = "cvdigest db check tells more, and cvdigest db restore brings a backup back"


def address(database: str, data: Path) -> sa.URL:
    """Return the URL of the database that the setting names: a path, a URL, or nothing for a file in the folder *data*.

    Raises:
        StoreError: it is no URL of SQLite or PostgreSQL.

    """
    if "://" not in database:
        return sa.URL.create("sqlite", database=str(Path(database).expanduser() if database else data / "cvdigest.db"))
    try:
        url = sa.make_url(database)
    except exc.ArgumentError as problem:
        msg = "the database's URL cannot be understood"
        raise StoreError(msg, advice="postgresql://user@host/name, sqlite:///path, or a path") from problem
    if "@" in (url.host or ""):  # half of a password that is not quoted, which would be said as the host's name
        msg = "the database's URL cannot be understood"
        raise StoreError(msg, advice="in a password, letters such as @ and / are percent-encoded")
    kind = url.get_backend_name()
    if kind == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if kind != "sqlite":
        msg = f"{kind} is no database that digests are kept in"
        raise StoreError(msg, advice="SQLite and PostgreSQL are")
    return url.set(drivername="sqlite")


@dataclass(slots=True)
class Database:
    """A database that is open and of the present schema."""

    url: sa.URL
    say: Callable[[str], None] = lambda _line: None
    patience: float = PATIENCE
    _engine: sa.Engine | None = field(default=None, repr=False)
    _file: tuple[int, int] | None = field(default=None, repr=False)
    """Device and inode of the file of SQLite that is in use."""

    @property
    def name(self) -> str:
        """What it is called in messages: its path, or its URL without the password and the query, which may hold one too."""
        if self.sqlite:
            return self.url.database or "memory"
        return self.url.set(drivername="postgresql", query={}).render_as_string(hide_password=True)

    @property
    def sqlite(self) -> bool:
        """Whether it is a file of SQLite."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def path(self) -> Path | None:
        """The file of SQLite; None for PostgreSQL, and for one in memory."""
        return Path(self.url.database) if self.sqlite and self.url.database else None

    @property
    def engine(self) -> sa.Engine:
        """SQLAlchemy's engine.

        Raises:
            StoreError: the driver is not installed.

        """
        if self._engine is None:
            self._engine = _engine(self.url)
        return self._engine

    # -- opening and closing -------------------------------------------------------------------------------------------

    def open(self, *, before_upgrade: "Callable[[Database], Path] | None" = None, upgrade: bool = True) -> "Database":
        """See that it is there, ours and of the present schema; make it if it is not there; return it.

        *before_upgrade* is called before a step is taken from an older schema: it makes a backup, and returns its path. With
        *upgrade* False, an older schema is refused.

        Raises:
            StoreError: it cannot be used.
            DamagedError: it is damaged.
            SchemaError: it was made by a newer program, or a step from an older schema failed.

        """
        if self.path is not None:
            self._make_file(self.path)
        with self.errors():
            found = self.revision()
        if found is None:
            with self.write() as connection:
                self.alone(connection, "schema")
                if self.revision(connection) is None:
                    _create(connection)
            found = HEAD
        if found == HEAD:
            return self
        if found not in REVISIONS:
            msg = f"the database {self.name} has schema {found}, and this program knows none newer than {HEAD}"
            raise SchemaError(msg, advice="use the newer release of cvdigest that made it")
        if not upgrade:
            msg = f"the database {self.name} has the older schema {found}; the present one is {HEAD}"
            raise SchemaError(msg, advice="cvdigest db upgrade brings it up to date, after a backup")
        self.upgrade(None if before_upgrade is None else before_upgrade(self))
        return self

    def schema(self) -> str:
        """Return the schema of a database that is there; make nothing.

        Raises:
            StoreError: there is none, or it is not ours.
            DamagedError: it is damaged.

        """
        if self.path is not None:
            if not self.path.exists() and not self.path.is_symlink():
                msg = f"there is no database at {self.path}"
                raise StoreError(msg, advice="name it with --database, or its folder with --data")
            self._make_file(self.path)
        with self.errors():
            found = self.revision()
        if found is None:
            msg = f"the database {self.name} is empty"
            raise StoreError(msg, advice="a run fills it, or cvdigest db restore")
        return found

    def upgrade(self, backup: object = None) -> None:
        """Bring an older schema up to date, in one transaction; *backup* is where one was made before.

        Raises:
            SchemaError: a step failed; everything is as it was.

        """
        try:
            with self.write() as connection:
                self.alone(connection, "schema")
                self.migrate(connection, HEAD)
        except DamagedError:
            raise
        except Exception as problem:
            why = problem.message if isinstance(problem, StoreError) else _first_line(problem)
            msg = f"the database {self.name} cannot be brought up to date: {why}"
            kept = f"; a backup from before is {backup}" if backup else ""
            raise SchemaError(msg, advice=f"it is as it was; keep using the release of cvdigest that made it{kept}") from problem
        self.say(f"the database {self.name} has schema {HEAD} now")

    def migrate(self, connection: sa.Connection, schema: str) -> None:
        """Take the steps up to *schema*, in the transaction of the connection."""
        # Imported here because it is needed once in years.
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", "digest.store:migrations")
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, schema)

    def close(self) -> None:
        """Give the connections back."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = self._file = None

    def revision(self, connection: sa.Connection | None = None) -> str | None:
        """Return the name of its schema; None where it has no tables at all.

        Raises:
            StoreError: it has tables, and not ours.

        """
        if connection is None:
            with self.engine.connect() as own:
                return self.revision(own)
        names = set(sa.inspect(connection).get_table_names())
        if revision.name in names:
            found = connection.execute(sa.select(revision.c.version_num)).scalars().all()
            if len(found) == 1:
                return str(found[0])
            msg = f"the database {self.name} does not say which schema it has"
            raise DamagedError(msg, advice=_RESTORE)
        if names:
            msg = f"the database {self.name} holds something else: {', '.join(sorted(names))[:100]}"
            raise StoreError(msg, advice="name another one with --database")
        return None

    def _make_file(self, path: Path) -> None:
        """Make a new file of SQLite aside, and put it in its place, unless there is one.

        Raises:
            DamagedError: what is there is no whole database.
            StoreError: it cannot be made.

        """
        try:
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                with FileLock(f"{path}.lock"):
                    if not path.exists():
                        self._new(path)
                        return
            with path.open("rb") as file:
                head = file.read(100)
        except OSError as problem:
            msg = f"the database {path} cannot be opened: {problem.strerror or problem}"
            raise StoreError(msg, advice="choose another folder with --data, or another database with --database") from problem
        if len(head) < 100 or not head.startswith(b"SQLite format 3\0"):  # noqa: PLR2004 - the length of its head
            msg = f"the database {path} is damaged: it {'is empty' if not head else 'does not begin as a database does'}"
            raise DamagedError(msg, advice=_RESTORE)
        self._check_mark(head)

    def check_owner(self) -> None:
        """See that the file of SQLite, if it is there and can be understood, is not another program's.

        Raises:
            StoreError: it is.

        """
        if self.path is not None:
            try:
                with self.path.open("rb") as file:
                    head = file.read(100)
            except OSError:
                return
            if len(head) == 100 and head.startswith(b"SQLite format 3\0"):  # noqa: PLR2004 - the length of its head
                self._check_mark(head)

    def _check_mark(self, head: bytes) -> None:
        if int.from_bytes(head[68:72], "big") != APPLICATION:
            msg = f"{self.path} is a database of another program"
            raise StoreError(msg, advice="name another one with --database")

    def _new(self, path: Path) -> None:
        """Make it; the lock of its place is held."""
        log = path.with_name(f"{path.name}-wal")
        if log.exists() and log.stat().st_size:
            msg = f"the database {path} is gone, but its log {log.name} is there"
            raise DamagedError(msg, advice="move the log away if nothing is to be saved; else cvdigest db restore")
        aside = path.with_name(f"{path.name}.new")
        for rest in ("", "-wal", "-shm", "-journal"):
            Path(f"{aside}{rest}").unlink(missing_ok=True)  # of a process that was killed
        aside.touch(exist_ok=False)  # SQLite would not let others write whom the umask lets
        fresh = Database(sa.URL.create("sqlite", database=str(aside)))
        try:
            with fresh.errors():
                connection = fresh.engine.connect().execution_options(write=True)
                with connection, connection.begin():
                    _create(connection)
                fresh.close()
                with fresh.engine.connect() as connection:  # which gives it a log, now that it is ours: see `_pragmas`
                    connection.execute(sa.text("SELECT count(*) FROM sqlite_master"))  # needs room beside the log, to share it
        finally:
            fresh.close()
        with suppress(FileNotFoundError):  # a log is left only where it could not be written back
            if Path(f"{aside}-wal").stat().st_size:
                msg = f"the database {path} cannot be made: its log is not written back"
                raise StoreError(msg)
        aside.replace(path)
        flush_folder(path.parent)

    # -- using ---------------------------------------------------------------------------------------------------------

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Yield a connection that sees one state of the database, whatever is written meanwhile.

        Raises:
            StoreError: it cannot be read.

        """
        with self.errors(), self._connected() as connection:
            # SQLite reads so in any case; PostgreSQL would show with each statement what was written meanwhile.
            seen = connection if self.sqlite else connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with seen.begin():
                yield seen

    @contextmanager
    def write(self, *, turns: bool = True, patience: float | None = None) -> Iterator[sa.Connection]:
        """Yield a connection in a transaction: all of it is kept on the disk at the end, or, after an error, nothing.

        One writes after the other; without *turns*, as those may who lock the rows that they change, several at once where
        the database can. *patience* is another one than the database's, in seconds.

        Raises:
            StoreError: it cannot be written.

        """
        with self.errors(), self._connected() as plain:
            connection = plain.execution_options(write=True)
            transaction = self._begin(connection, self.patience if patience is None else patience)
            with transaction:
                # Two that add the same paper at once, for two categories say, would break each other; SQLite has one writer anyway.
                if turns:
                    self.alone(connection, "write")
                yield connection

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        """Yield a connection to the file that was opened first.

        Raises:
            StoreError: another one stands in its place by now, or none; what is written into a file without a name is lost.

        """
        with self.engine.connect() as connection:
            if self.path is not None:
                try:
                    found = self.path.stat()
                except OSError:
                    found = None
                there = (found.st_dev, found.st_ino) if found else None
                if self._file is None:
                    self._file = there
                elif there != self._file:
                    msg = f"the database {self.name} was {'replaced' if there else 'removed'} while it was in use"
                    raise StoreError(msg, advice="start the program again")
            yield connection

    def alone(self, connection: sa.Connection, what: str) -> None:
        """Wait, on PostgreSQL, until no other transaction does *what*, and keep others from it to the end of this one.

        SQLite has one writer anyway.
        """
        if not self.sqlite:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(lock_number(what))))

    def _begin(self, connection: sa.Connection, patience: float) -> sa.RootTransaction:
        """Begin to write, as soon as nobody else does."""
        try:
            return connection.begin()
        except exc.OperationalError as problem:
            if not _locked(problem) or not patience:
                raise
        # SQLite waits by itself for a moment (see `_TRY`); what a backup holds for longer is worth telling.
        self.say(f"the database {self.name} is locked by another program; waiting for it")
        stop = stop_after_delay(patience)
        return Retrying(retry=retry_if_exception(_locked), stop=stop, wait=wait_fixed(0.2), reraise=True)(connection.begin)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Translate what SQLAlchemy and the drivers raise.

        Raises:
            StoreError: or `DamagedError`.

        """
        try:
            yield
        except exc.DBAPIError as problem:
            raise self._translated(problem.orig or problem) from problem
        except exc.SQLAlchemyError as problem:
            raise self._translated(problem) from problem
        except sqlite3.Error as problem:
            raise self._translated(problem) from problem
        except (ValueError, TypeError) as problem:  # what a row holds is no date, say, or no text
            if isinstance(problem, UnicodeEncodeError):
                msg = f"the database {self.name} cannot keep a text with letters that are none"
                raise StoreError(msg, advice="report this") from problem
            if not (isinstance(problem, UnicodeDecodeError) or _raised_by_sqlalchemy(problem)):
                raise
            msg = f"the database {self.name} is damaged: it holds what cannot be understood ({_first_line(problem)})"
            raise DamagedError(msg, advice=_RESTORE) from problem

    def _translated(self, problem: BaseException) -> StoreError:
        text = _first_line(problem)
        if self.sqlite and any(word in text.lower() for word in _DAMAGE):
            return DamagedError(f"the database {self.name} is damaged: {text}", advice=_RESTORE)
        if self.sqlite and _locked(problem):
            return StoreError(f"the database {self.name} stayed locked by another program", advice="end that program, and try again")
        if isinstance(problem, sqlite3.IntegrityError):
            return StoreError(f"the database {self.name} does not take what is to be kept: {text}", advice="report this")
        if self.path is not None and not self.path.exists():
            return StoreError(f"there is no database at {self.path} any more", advice=_RESTORE)
        if self.path is not None and not self.path.stat().st_size:
            return DamagedError(f"the database {self.name} is damaged: it is empty", advice=_RESTORE)
        advice = "see that there is room on the disk, and that the file and its folder can be written" if self.sqlite else _next_step(text)
        return StoreError(f"the database {self.name} cannot be used: {text}", advice=advice)


def _next_step(text: str) -> str:
    """Return what to do about an error of PostgreSQL; empty where only its own words help."""
    for pattern, advice in _STEPS.items():
        if re.search(pattern, text, re.IGNORECASE):
            return advice
    return ""


def lock_number(name: str) -> int:
    """Return the number by which PostgreSQL knows the lock *name*: 64 bits with a sign."""
    return int.from_bytes(hashlib.sha256(f"cvdigest {name}".encode()).digest()[:8], "big", signed=True)


def in_memory() -> Database:
    """Return an empty database that is kept nowhere, for those who only ask."""
    database = Database(sa.URL.create("sqlite"))
    with database.write() as connection:
        _create(connection)
    return database


def _engine(url: sa.URL) -> sa.Engine:
    options: dict[str, Any] = {"json_serializer": _json, "json_deserializer": _unjson}
    if url.get_backend_name() == "sqlite":
        memory = not url.database
        kept: dict[str, Any] = {"poolclass": sa.pool.StaticPool if memory else sa.pool.QueuePool}
        given: dict[str, Any] = {"timeout": _TRY, "check_same_thread": False}
        how = "" if memory else read_only(Path(str(url.database)))  # for those who only read; whoever would write is told so by SQLite
        if not memory:  # by URI: else SQLite would make a file where there is none any more
            place = f"{Path(str(url.database)).absolute().as_uri()}{how or '?mode=rw'}"
            kept["creator"] = lambda: sqlite3.connect(place, uri=True, **given)
        engine = sa.create_engine(url, connect_args=given if memory else {}, **kept, **options)
        event.listen(engine, "connect", _pragmas_of_reading if how else _pragmas)
        event.listen(engine, "begin", _begin)
        return engine
    try:
        return sa.create_engine(url, connect_args=_LINK, pool_pre_ping=True, **options)
    except ImportError as problem:
        msg = "PostgreSQL needs psycopg, which is not installed"
        raise StoreError(msg, advice="pip install 'cvdigest[postgres]'") from problem


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _unjson(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError as problem:
        msg = f"the database is damaged: it holds what is no JSON ({_first_line(problem)})"
        raise DamagedError(msg, advice=_RESTORE) from problem


def _pragmas(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # we begin ourselves (see `_begin`), so that DDL is part of a transaction too
    cursor = connection.cursor()
    try:
        for pragma in ("synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF", "cell_size_check=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        if cursor.execute("PRAGMA application_id").fetchone() == (APPLICATION,):  # else it would be written into an empty file
            cursor.execute("PRAGMA journal_mode=WAL")
    finally:
        cursor.close()


def _pragmas_of_reading(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    for pragma in ("trusted_schema=OFF", "cell_size_check=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def read_only(path: Path) -> str:
    """Return how SQLite is to open a file that we may not write, or whose folder we may not: the query of its URI; "" if we may."""
    if not path.exists() or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        return ""
    # Without a log nobody writes just now, and SQLite need not make the files that it could not make here.
    return "?mode=ro" if Path(f"{path}-wal").exists() else "?mode=ro&immutable=1"


def _begin(connection: sa.Connection) -> None:
    # Who reads first and writes then could find that another one has written in between, and no waiting would help.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("write") else "BEGIN")


def _create(connection: sa.Connection) -> None:
    """Make all tables, on a connection in a transaction."""
    kind = connection.dialect.name
    metadata.create_all(connection, checkfirst=False)
    for statement in SEARCH[kind]:
        connection.exec_driver_sql(statement)
    connection.execute(sa.insert(revision).values(version_num=HEAD))
    if kind == "sqlite":
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION}")


def _locked(problem: BaseException) -> bool:
    original = getattr(problem, "orig", None) or problem
    return isinstance(original, sqlite3.OperationalError) and "locked" in str(original)


def _raised_by_sqlalchemy(problem: BaseException) -> bool:
    trace = problem.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and str(trace.tb_frame.f_globals.get("__name__")).startswith("sqlalchemy.")


def _first_line(problem: BaseException) -> str:
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0][:200]
