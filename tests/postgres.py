"""A server of PostgreSQL that the tests start themselves, on loopback, in a folder of its own.

Where the variable CVDIGEST_TEST_POSTGRES holds a URL, that server is used instead, with databases of our own on it.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa
from tenacity import Retrying, stop_after_delay, wait_fixed

from digest.errors import StoreError
from digest.store.database import Database
from digest.store.schema import HEAD, metadata, revision

VARIABLE = "CVDIGEST_TEST_POSTGRES"
_PATIENCE = 60
_FAST = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "autovacuum=off",
    "shared_buffers=16MB",
    "max_connections=60",
    "jit=off",
    "wal_level=minimal",
    "max_wal_senders=0",
)
"""What a server does not need whose data are thrown away."""


@dataclass(slots=True)
class Server:
    """A server that is running."""

    url: sa.URL
    process: "subprocess.Popen[bytes] | None" = None
    folder: Path | None = None
    _template: str = field(default="", repr=False)
    _free: list[Database] = field(default_factory=list, repr=False)

    def empty(self) -> sa.URL:
        """Return the URL of a new database without any table."""
        return self._new("template1")

    def made(self) -> sa.URL:
        """Return the URL of a new database with our tables, and nothing in them."""
        if not self._template:
            url = self.empty()
            Database(url).open().close()
            self._template = str(url.database)
        return self._new(self._template)

    def lend(self) -> Database:
        """Return an empty database of the present schema, which is to be given back: to connect anew takes longer than a test."""
        return self._free.pop() if self._free else Database(self.made(), patience=5)

    def give_back(self, database: Database) -> None:
        """Take back what was lent: emptied, it serves the next test."""
        try:
            with database.write() as connection:
                connection.exec_driver_sql("SET LOCAL lock_timeout = '1s'")
                strange = "SELECT count(*) FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN ('public', 'information_schema')"
                whole = connection.execute(sa.select(revision)).scalars().all() == [HEAD]
                if whole and not connection.exec_driver_sql(strange).scalar():
                    for table in reversed(metadata.sorted_tables):  # TRUNCATE would make a hundred files anew
                        if table is not revision:
                            connection.execute(sa.delete(table))
                    self._free.append(database)
                    return
        except StoreError:
            pass
        database.close()
        self.drop(database.url)

    def drop(self, url: sa.URL) -> None:
        """Throw a database away, whoever still uses it."""
        self._run(f'DROP DATABASE IF EXISTS "{url.database}" WITH (FORCE)')

    def end(self) -> None:
        """End the server, if it is ours."""
        for database in self._free:
            database.close()
        if self.process is None:
            for name in (*(database.url.database for database in self._free), self._template):
                self.drop(self.url.set(database=name))
        else:
            self.process.send_signal(signal.SIGQUIT)  # at once: nobody wants its data any more
            try:
                self.process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def restart(self) -> None:
        """End it at once, as a failing machine does, and start it again; for a server of one's own."""
        assert self.process is not None
        assert self.folder is not None
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(_PATIENCE)
        self.process = _started(self.folder, int(self.url.port or 0))

    def _new(self, template: str) -> sa.URL:
        name = f"cvdigest_{uuid.uuid4().hex[:16]}"
        self._run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url.set(database=name)

    def _run(self, statement: str) -> None:
        engine = sa.create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)


def missing() -> str:
    """Return why there is no PostgreSQL to be had; nothing if there is."""
    if os.environ.get(VARIABLE) or _binaries() is not None:
        return ""
    return f"PostgreSQL is not installed (nor does {VARIABLE} name a server)"


@contextmanager
def running(*, own: bool = False) -> Iterator[Server]:
    """Yield a server, and end it afterwards; with *own*, one that may be restarted and that nobody else uses."""
    if (given := os.environ.get(VARIABLE)) and not own:
        server = Server(sa.make_url(given).set(drivername="postgresql+psycopg"))
    else:
        if _binaries() is None:
            pytest.skip(f"PostgreSQL is not installed (nor does {VARIABLE} name a server)")
        server = _start()
    try:
        yield server
    finally:
        server.end()


def _binaries() -> Path | None:
    """Return the folder with initdb and postgres, the newest release first."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name.zfill(4), reverse=True)
    if found := shutil.which("initdb"):
        folders.append(Path(found).resolve().parent)
    return next((folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists()), None)


def _who() -> dict[str, object]:
    """Return as whom a server is started: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            found = pwd.getpwnam(name)
            return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
    pytest.skip("PostgreSQL does not run as root, and there is no other user")


def _start() -> Server:
    binaries = _binaries()
    assert binaries is not None
    who = _who()
    # Not among pytest's own folders: nobody but their owner can enter those. And a socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="cvdigest-postgres-"))
    try:
        if who:
            os.chown(folder, int(str(who["user"])), int(str(who["group"])))
        arguments = ["-D", folder / "data", "-A", "trust", "-U", "cvdigest", "-E", "UTF8", "--locale=C", "-N", "--no-instructions"]
        made = subprocess.run(
            [binaries / "initdb", *arguments],
            cwd=folder,
            capture_output=True,
            check=False,
            timeout=_PATIENCE,
            **who,  # type: ignore[call-overload]
        )
        assert made.returncode == 0, made.stderr.decode()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        process = _started(folder, port)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    url = sa.URL.create("postgresql+psycopg", username="cvdigest", host="127.0.0.1", port=port, database="postgres")
    return Server(url, process, folder)


def _started(folder: Path, port: int) -> "subprocess.Popen[bytes]":
    binaries = _binaries()
    assert binaries is not None
    settings = [f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={folder}", *_FAST]
    with (folder / "log").open("ab") as log:
        process: subprocess.Popen[bytes] = subprocess.Popen(
            [binaries / "postgres", "-D", folder / "data", *(word for setting in settings for word in ("-c", setting))],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # a Ctrl-C is for the tests, which then end it
            **_who(),  # type: ignore[call-overload]
        )
    url = sa.URL.create("postgresql+psycopg", username="cvdigest", host="127.0.0.1", port=port, database="postgres")
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)

    def ask() -> None:
        assert process.poll() is None, (folder / "log").read_text("utf-8", "replace")
        with engine.connect():
            pass

    try:
        Retrying(stop=stop_after_delay(_PATIENCE), wait=wait_fixed(0.05), reraise=True)(ask)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process
