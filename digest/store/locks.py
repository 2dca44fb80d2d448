"""Who works: only one run of a category at a time, and only one leader of several daemons.

On SQLite a lock of the kernel beside the database, on PostgreSQL a lock of a transaction on a connection of its own. Either
ends with the process that holds it, however it ends; no stale one can stay behind.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from filelock import FileLock, Timeout
from sqlalchemy import exc

from digest.errors import StoreError
from digest.store.database import Database, lock_number

_IN_USE = lock_number("in use")
_ALL = ".whole"
"""The end of the name of the file that is locked by who wants a database of SQLite for himself."""
_GLANCE = 2.0
"""Seconds; two runs that look at it at once wait for each other."""
_LEADS = lock_number("leads")
"""Shared by the leaders of all categories."""
_CLOCK = "the clock (cvdigest schedule)"
_HERE = ("pg_backend_pid() <> locks.pid", "database = (SELECT oid FROM pg_database WHERE datname = current_database())")


Held = Callable[[], bool]
"""Says whether the turn is still ours: on a server it ends with the connection, which others can cut."""


@contextmanager
def turn(database: Database, data: Path, category: str, waiting: Callable[[], None]) -> Iterator[Held]:
    """Hold off other runs of *category*, so that of two at once the later one finds what the first has made.

    *waiting* is called once if another run is at work already. On SQLite the lock is a file beside the database; *data* is where
    that is for one in memory. Yielded is what says whether the turn is still held.

    Raises:
        StoreError: the server cannot be asked.

    """
    with (_turn_of_file if database.sqlite else _turn_of_server)(database, data, category, waiting) as held:
        yield held


@contextmanager
def nobody(database: Database, data: Path) -> Iterator[None]:
    """Hold off everybody: all runs, and any leader. Never waits.

    Raises:
        StoreError: somebody is at work, or leads; says who.

    """
    with ExitStack() as held:
        if database.sqlite:
            _nobody_of_file(database, data, held)
        else:
            _nobody_of_server(database, held)
        yield


def _whole(database: Database, data: Path) -> Path:
    return Path(f"{database.path or data / 'cvdigest.db'}{_ALL}")


def _beside(database: Database, data: Path, category: str, kind: str) -> Path:
    """Return the file beside a database of SQLite that is locked for a category: ``cvdigest.db.cs.CV.leader``."""
    return Path(f"{database.path or data / 'cvdigest.db'}.{category}.{kind}")


# -- SQLite -------------------------------------------------------------------------------------------------------------


@contextmanager
def _turn_of_file(database: Database, data: Path, category: str, waiting: Callable[[], None]) -> Iterator[Held]:
    path = _beside(database, data, category, "lock")
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            waiting()
            lock.acquire()
        try:
            FileLock(_whole(database, data), timeout=_GLANCE).acquire().lock.release()
        except Timeout as problem:
            lock.release()
            msg = f"the database {database.name} is being restored"
            raise StoreError(msg, advice="try again when that is done") from problem
    except OSError as problem:
        msg = f"{path} cannot be locked: {problem.strerror or problem}"
        raise StoreError(msg, advice="choose another folder with --data, or another database with --database") from problem
    try:
        yield lambda: True  # the kernel takes it from nobody who lives
    finally:
        lock.release()


def _nobody_of_file(database: Database, data: Path, held: ExitStack) -> None:
    advice = "end it, and try again"
    own = database.path or data / "cvdigest.db"
    # Its own lock first: a run whose lock does not exist yet looks at that one (see `_turn_of_file`).
    for path in (_whole(database, data), *sorted((*own.parent.glob(f"{own.name}.*.leader"), *own.parent.glob(f"{own.name}.*.lock")))):
        try:
            held.enter_context(FileLock(path, timeout=0))
        except Timeout as problem:
            if path.name.endswith(_ALL):
                msg = f"the database {database.name} is being restored already"
                raise StoreError(msg, advice="try again when that is done") from problem
            category = path.name.removeprefix(f"{own.name}.").removesuffix(path.suffix)
            who = f"the clock of {category} (cvdigest schedule)" if path.suffix == ".leader" else f"a run of {category}"
            msg = f"the database {database.name} is in use: {who} is at work"
            raise StoreError(msg, advice=advice) from problem
        except OSError as problem:
            msg = f"{path} cannot be locked: {problem.strerror or problem}"
            raise StoreError(msg, advice="see that the folder can be written") from problem


# -- PostgreSQL ---------------------------------------------------------------------------------------------------------


@contextmanager
def _held_transaction(database: Database) -> Iterator[sa.Connection]:
    """Yield a connection in a transaction that may stay open for days; what cannot be closed any more is lost anyway."""
    own = Database(database.url)  # no other one gets this connection, and none closes it
    try:
        with database.errors():
            connection = own.engine.connect()
            _stay(connection)
        try:
            yield connection
        finally:
            with suppress(exc.SQLAlchemyError):
                connection.close()
    finally:
        own.close()


def _stay(connection: sa.Connection) -> None:
    for setting, value in (
        ("idle_in_transaction_session_timeout", "0"),
        ("lock_timeout", "0"),
        ("statement_timeout", "0"),
        # A machine that is gone without a word is noticed, and what it held is free again.
        ("tcp_keepalives_idle", "10"),
        ("tcp_keepalives_interval", "5"),
        ("tcp_keepalives_count", "3"),
    ):
        connection.exec_driver_sql(f"SET LOCAL {setting} = {value}")


@contextmanager
def _turn_of_server(database: Database, _data: Path, category: str, waiting: Callable[[], None]) -> Iterator[Held]:
    number = lock_number(f"turn {category}")
    with _held_transaction(database) as connection:
        with database.errors():
            # Shared with all other runs, so that who wants the database for himself finds that it is in use.
            if not _try(connection, "pg_try_advisory_xact_lock_shared", _IN_USE):
                msg = f"the database {database.name} is being restored"
                raise StoreError(msg, advice="try again when that is done")
            if not _try(connection, "pg_try_advisory_xact_lock", number):
                waiting()
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))
        yield lambda: _answers(connection)


def _nobody_of_server(database: Database, held: ExitStack) -> None:
    connection = held.enter_context(_held_transaction(database))
    with database.errors():
        for number, who in ((_LEADS, _CLOCK), (_IN_USE, "a run")):
            if not _try(connection, "pg_try_advisory_xact_lock", number):
                where = _holders(connection, number)
                msg = f"the database {database.name} is in use: {who} is at work{f', from {where}' if where else ''}"
                raise StoreError(msg, advice="end it, and try again")


def _try(connection: sa.Connection, function: str, number: int) -> bool:
    return bool(connection.execute(sa.select(getattr(sa.func, function)(number))).scalar())


def _holders(connection: sa.Connection, number: int) -> str:
    """Return from which machines a lock is held."""
    found = connection.execute(
        sa.text(
            "SELECT DISTINCT coalesce(host(client_addr), 'this machine') FROM pg_locks AS locks JOIN pg_stat_activity USING (pid)"  # noqa: S608 - our own text
            f" WHERE locktype = 'advisory' AND granted AND {' AND '.join(_HERE)}"
            " AND ((locks.classid::bigint << 32) | locks.objid::bigint) = :number ORDER BY 1 LIMIT 5"
        ),
        {"number": number},
    )
    return ", ".join(found.scalars())


def _answers(connection: sa.Connection) -> bool:
    """Say whether a transaction still is open on the server, and so the locks that are its own."""
    try:
        connection.exec_driver_sql("SELECT 1")
    except exc.SQLAlchemyError:
        return False
    return True


@dataclass(slots=True)
class FileLeadership:
    """Leadership by a lock on a file; `acquire` and `release` may be called by different threads."""

    path: Path
    _lock: FileLock = field(init=False, repr=False)
    _file: tuple[int, int] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self._lock = FileLock(self.path, thread_local=False)

    def acquire(self) -> bool:
        """Lead, if nobody else does; say whether we lead. Never waits.

        Raises:
            StoreError: the file cannot be written.

        """
        if self._file is not None:
            return self.held()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            return False
        except OSError as exc:
            msg = f"{self.path} cannot be locked: {exc.strerror or exc}"
            raise StoreError(msg, advice="choose another data folder with --data, or another database with --database") from exc
        self._file = self._identity()
        return self.held()

    def held(self) -> bool:
        """Say whether we still lead. Who loses the file itself may have a rival on another file of its name."""
        if self._file is None or self._identity() != self._file:
            self.release()
            return False
        return True

    def release(self) -> None:
        """Let another one lead."""
        self._file = None
        with suppress(OSError):
            self._lock.release(force=True)

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self.path)  # noqa: PTH116 - nothing else of the path is wanted
        except OSError:
            return None
        return found.st_dev, found.st_ino


@dataclass(slots=True)
class PostgresLeadership:
    """Leadership by a lock of the server; `acquire` and `release` may be called by different threads, not at once.

    A server that was started again has forgotten it: `held` says so, and `acquire` asks anew.
    """

    database: Database
    category: str
    _open: ExitStack | None = field(default=None, init=False, repr=False)
    _connection: sa.Connection | None = field(default=None, init=False, repr=False)

    def acquire(self) -> bool:
        """Lead, if nobody else does; say whether we lead. Never waits for another leader.

        Raises:
            StoreError: the server cannot be asked.

        """
        if self._connection is not None:
            return self.held()
        with ExitStack() as opening:
            connection = opening.enter_context(_held_transaction(self.database))
            with self.database.errors():
                if not _try(connection, "pg_try_advisory_xact_lock", lock_number(f"leader {self.category}")):
                    return False
                if not _try(connection, "pg_try_advisory_xact_lock_shared", _LEADS):  # the database is being restored
                    return False
            self._connection, self._open = connection, opening.pop_all()
        return True

    def held(self) -> bool:
        """Say whether we still lead: the server is asked."""
        if self._connection is None:
            return False
        if not _answers(self._connection):
            self.release()
            return False
        return True

    def release(self) -> None:
        """Let another one lead."""
        opened, self._open, self._connection = self._open, None, None
        if opened is not None:
            opened.close()


def leadership(database: Database, data: Path, category: str) -> FileLeadership | PostgresLeadership:
    """Return what tells who leads, of all daemons that make the digests of a category and keep them in this database."""
    if database.sqlite:
        return FileLeadership(_beside(database, data, category, "leader"))
    return PostgresLeadership(database, category)
