"""Only one works at a time: turns and leaders, in processes of their own, on both databases."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.core.domain import ModelInfo
from digest.errors import StoreError
from digest.store import announcements, backups, locks, papers
from digest.store.database import Database
from tests import postgres
from tests.stores import DAY, NOW, announcement

ROOT = Path(__file__).resolve().parent.parent
_CHILD = """
import sys
from pathlib import Path
from digest.store import locks
from digest.store.database import Database
import sqlalchemy as sa

what, url, data, category = sys.argv[1:]
database = Database(sa.make_url(url))
def say(line):
    print(line, flush=True)
if what == "turn":
    with locks.turn(database, Path(data), category, lambda: say("waits")):
        say("holds")
        sys.stdin.readline()
    say("done")
else:
    leader = locks.PostgresLeadership(database, "cs.CV")
    while not leader.acquire():
        say("stands by")
        sys.stdin.readline()
    say("leads")
    sys.stdin.readline()
    say(f"still leads: {leader.held()}")
"""


@contextmanager
def child(database: Database, data: Path, what: str, category: str = "cs.CV") -> "Iterator[subprocess.Popen[str]]":
    """Yield a process that takes a turn, or tries to lead, and says how it goes on, line by line."""
    url = database.url.render_as_string(hide_password=False)
    process = subprocess.Popen(
        [sys.executable, "-c", _CHILD, what, url, str(data), category],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            stream.close()


def hears(process: "subprocess.Popen[str]") -> str:
    """Return the next line that a process says."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: "subprocess.Popen[str]") -> None:
    """Let a process go on."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_one_turn_at_a_time(database: Database, tmp_path: Path) -> None:
    """The second run of a category waits, is told so once, and goes on when the first is killed; another category need not wait."""
    said: list[str] = []
    with child(database, tmp_path, "turn") as first:
        assert hears(first) == "holds"
        with locks.turn(database, tmp_path, "cs.LG", lambda: said.append("waits")):
            pass
        with child(database, tmp_path, "turn") as second:
            assert hears(second) == "waits"
            first.send_signal(signal.SIGKILL)
            assert hears(second) == "holds"
            tell(second)
            assert hears(second) == "done"
    with locks.turn(database, tmp_path, "cs.CV", lambda: said.append("waits")):
        pass

    assert said == []


def test_a_turn_that_is_lost(database: Database, tmp_path: Path) -> None:
    """A server that ends the connection takes the turn away, which is told then; a lock of the kernel is nobody's to take."""
    with locks.turn(database, tmp_path, "cs.CV", lambda: pytest.fail("it is free")) as held:
        assert held()
        if not database.sqlite:
            with database.read() as connection:
                connection.execute(
                    sa.text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND state LIKE 'idle in%'"
                    )
                )
        assert held() == database.sqlite
        with locks.turn(database, tmp_path, "cs.LG" if database.sqlite else "cs.CV", lambda: pytest.fail("it is free")) as other:
            assert (other(), held()) == (True, database.sqlite)


def test_a_turn_ends_with_an_error(database: Database, tmp_path: Path) -> None:
    """What a turn is taken for may fail: the turn is free again, and the error is that of the work."""
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), locks.turn(database, tmp_path, "cs.CV", lambda: pytest.fail("it is free")):
            raise ZeroDivisionError


def test_nobody_may_be_at_work(database: Database, tmp_path: Path) -> None:
    """A database is restored only while nobody works with it; the error says who does."""
    path = backups.make(database, tmp_path / "backup").path
    with (
        locks.turn(database, tmp_path, "cs.CV", lambda: None),
        pytest.raises(StoreError, match=r"in use: a run.* is at work"),
    ):
        backups.restore(database, tmp_path, path, NOW, replacing=True)
    with ExitStack() as held:
        leader = locks.leadership(database, tmp_path, "cs.CV")
        assert leader.acquire()
        held.callback(leader.release)
        with pytest.raises(StoreError, match=r"the clock .* is at work"):
            backups.restore(database, tmp_path, path, NOW, replacing=True)
    backups.restore(database, tmp_path, path, NOW, replacing=True)


@pytest.mark.slow
def test_no_turn_while_it_is_restored(database: Database, tmp_path: Path) -> None:
    """Who comes while the database is being restored waits for it, or is told to try again; nobody works meanwhile."""
    with locks.nobody(database, tmp_path), pytest.raises(StoreError), locks.nobody(database, tmp_path):
        pytest.fail("two restore at once")
    with (
        locks.nobody(database, tmp_path),
        pytest.raises(StoreError, match="being restored"),
        locks.turn(database, tmp_path, "cs.CV", lambda: None),
    ):
        pytest.fail("a run works on what is being restored")


@pytest.fixture
def other(server: postgres.Server) -> Iterator[Database]:
    """Open an empty database of PostgreSQL."""
    opened = server.lend()
    yield opened
    server.give_back(opened)


def test_one_leader(other: Database, tmp_path: Path) -> None:
    """Of two there is one leader; the second one leads as soon as the first is killed, or gives it up."""
    with child(other, tmp_path, "leader") as first:
        assert hears(first) == "leads"
        ours = locks.PostgresLeadership(other, "cs.CV")
        assert not ours.acquire()
        assert not ours.held()
        first.send_signal(signal.SIGKILL)
        first.wait()
        with child(other, tmp_path, "leader") as second:
            while (line := hears(second)) == "stands by":  # the server has not noticed yet
                tell(second)
            assert line == "leads"
            assert not ours.acquire()
            tell(second)
            assert hears(second) == "still leads: True"
            second.wait()
            assert ours.acquire()
            assert ours.acquire()
            assert ours.held()
            ours.release()
            assert not ours.held()
            ours.release()


@pytest.mark.slow
def test_a_leader_whose_connection_is_cut(other: Database) -> None:
    """A leader that the server has forgotten says that it does not lead any more, and can lead again."""
    leader = locks.PostgresLeadership(other, "cs.CV")
    assert leader.acquire()
    with other.write() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )

    assert not leader.held()
    assert leader.acquire()
    leader.release()


@pytest.mark.slow
def test_a_server_that_is_started_again() -> None:
    """When the server fails, the leader notices; while it is away, errors are plain; then somebody leads again."""
    with postgres.running(own=True) as server:
        database = Database(server.made())
        leader = locks.PostgresLeadership(database, "cs.CV")
        assert leader.acquire()
        server.restart()
        assert not leader.held()
        assert leader.acquire()
        leader.release()
        database.close()
        away = Database(server.url.set(port=1))
        with pytest.raises(StoreError, match="cannot be used"):
            locks.PostgresLeadership(away, "cs.CV").acquire()
        away.close()


def test_two_machines_keep_the_same_paper(other: Database) -> None:
    """Whoever comes second, with another category say, finds what the first has kept."""
    said, failed, begun = announcement(), list[BaseException](), threading.Event()

    def second() -> None:
        own = Database(other.url)
        try:
            begun.set()
            with own.write() as connection:
                announcements.keep(connection, replace(said, category="cs.LG"), NOW)
                papers.model_key(connection, ModelInfo("invented", "1" * 64))
        except BaseException as exc:  # noqa: BLE001 - told below
            failed.append(exc)
        finally:
            own.close()

    thread = threading.Thread(target=second)
    with other.write() as connection:
        announcements.keep(connection, said, NOW)
        papers.model_key(connection, ModelInfo("invented", "1" * 64))
        thread.start()
        assert begun.wait(20)
    thread.join(20)

    assert (failed, thread.is_alive()) == ([], False)
    with other.read() as connection:
        assert [len(announcements.dates(connection, category, DAY, DAY)) for category in ("cs.CV", "cs.LG")] == [1, 1]
