"""What breaks a database: damage, other programs, a full disk, a kill. It is named, and never replaced by an empty one."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.errors import DamagedError, SchemaError, StoreError
from digest.files import write_whole
from digest.store import backups, days, editions, papers, runs, upkeep
from digest.store import schema as tables
from digest.store.database import Database, address
from digest.store.schema import APPLICATION
from tests import postgres, servers, weeks
from tests.stores import DAY, NOW, announcement, blank, keep, paper

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
PAGE = 4096


@pytest.fixture(scope="module")
def whole(template: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the bytes of a database with two dates in it, in one file."""
    path = tmp_path_factory.mktemp("whole") / "cvdigest.db"
    shutil.copy(template, path)
    database = Database(address(str(path), path.parent))
    with database.write() as connection:
        keep(connection, announcement())
        keep(connection, announcement(count=3), 2)
    database.close()
    return path.read_bytes()


def put(path: Path, content: bytes) -> Database:
    """Return a database whose file holds *content*, and that has no log."""
    for rest in ("-wal", "-shm"):
        Path(f"{path}{rest}").unlink(missing_ok=True)
    path.write_bytes(content)
    return Database(address(str(path), path.parent), patience=0.5)


Contents = tuple[frozenset[tuple[object, ...]], int]


def use(database: Database) -> Contents:
    """Open it, read and check all of it, write a note; return the texts and the files that it holds, and how many problems were found."""
    try:
        database.open()
        problems = sum(len(checked.problems) for checked in upkeep.check(database))
        versions = tables.versions.c
        with database.write() as connection:
            texts = connection.execute(
                sa.select(tables.papers.c.arxiv_id, versions.title, versions.abstract, versions.sha256).join(
                    tables.versions, versions.paper == tables.papers.c.id
                )
            )
            found = {tuple(row) for row in texts}
            keys = connection.execute(sa.select(tables.editions.c.id)).scalars().all()
            for edition in (editions.load(connection, key) for key in keys):
                found |= {(edition.number, file.path, file.content) for file in edition.files}
            days.read(connection, "cs.CV", DAY)
            papers.keep(connection, [paper(77)], NOW)
        return frozenset(found), problems
    finally:
        database.close()


def survives(path: Path, content: bytes, expected: Contents) -> str:
    """Return whether a database of these bytes is as it was, has problems that are named, or is refused with advice."""
    database = put(path, content)
    try:
        found = use(database)
    except StoreError as problem:
        assert problem.message  # noqa: PT017 - one of several good ends
        if isinstance(problem, DamagedError):
            assert "cvdigest db restore" in str(problem)  # noqa: PT017 - the same
        assert path.stat().st_size >= min(len(content), 1)
        return "refused"
    return "as it was" if found == expected else "named" if found[1] else "LOST"


def flips(content: bytes, positions: Iterator[int]) -> Iterator[bytes]:
    """Yield the bytes with one of them changed, position by position."""
    for position in positions:
        yield content[:position] + bytes([content[position] ^ (1 << position % 8)]) + content[position + 1 :]


def _flip_everywhere(path: Path, content: bytes, positions: Iterator[int]) -> dict[str, int]:
    expected = use(put(path, content))
    ends: dict[str, int] = {}
    for changed in flips(content, positions):
        end = survives(path, changed, expected)
        ends[end] = ends.get(end, 0) + 1
    return ends


def test_what_is_compared(tmp_path: Path, whole: bytes) -> None:
    """A title, an abstract or a file that is another one would be seen, if nothing else was different."""
    (found, problems) = use(put(tmp_path / "cvdigest.db", whole))
    texts = [row for row in found if len(row) == 4]

    assert problems == 0
    assert len([row for row in found if len(row) == 3 and isinstance(row[2], bytes)]) == 4
    assert {(row[1], row[2]) for row in texts} >= {(one.title, one.abstract) for one in map(paper, range(1, 6))}


def test_bytes_flipped(tmp_path: Path, whole: bytes) -> None:
    """One flipped bit in the head or in any page: nothing is wrong with what is kept, or it is named; never a traceback."""
    positions = iter([*range(0, 100, 16), *range(100, len(whole), len(whole) // 25), whole.index(b"CREATE TABLE papers") + 3])
    ends = _flip_everywhere(tmp_path / "cvdigest.db", whole, positions)

    assert not ends.get("LOST")
    assert ends.get("named", 0) + ends.get("refused", 0) > 3


@pytest.mark.slow
def test_bytes_flipped_at_many_places(tmp_path: Path, whole: bytes) -> None:
    """The same, for each byte of the head and some twenty of each page."""
    positions = iter([*range(100), *range(100, len(whole), 211)])
    ends = _flip_everywhere(tmp_path / "cvdigest.db", whole, positions)

    assert not ends.get("LOST")


def test_cut_at_each_page(tmp_path: Path, whole: bytes) -> None:
    """A file that was cut is refused or named, wherever it was cut."""
    path = tmp_path / "cvdigest.db"
    expected = use(put(path, whole))
    cuts = [*range(PAGE, len(whole), 4 * PAGE), len(whole) - PAGE, 99, 100, PAGE + 1]

    assert {survives(path, whole[:cut], expected) for cut in cuts} <= {"refused", "named"}


@pytest.mark.parametrize("content", [b"", b"x", b"not a database" * 1000, b"SQLite format 3\0", bytes(8192)])
def test_what_is_no_database(tmp_path: Path, content: bytes) -> None:
    """A file that is no database is damage, and is not touched."""
    path = tmp_path / "cvdigest.db"
    with pytest.raises(DamagedError, match="cvdigest db restore"):
        use(put(path, content))

    assert path.read_bytes() == content


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    """A folder is no database either."""
    with pytest.raises(StoreError, match="cannot be opened"):
        Database(address(str(tmp_path), tmp_path)).open()


@pytest.mark.parametrize("mark", [0, 7])
def test_a_database_of_another_program(tmp_path: Path, mark: int) -> None:
    """Another program's database is refused, and nothing is added to it."""
    path = tmp_path / "cvdigest.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE things (name TEXT)")
    other.execute(f"PRAGMA application_id = {mark}")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        Database(address(str(path), tmp_path)).open()

    assert path.read_bytes() == before


def test_a_path_below_a_file(tmp_path: Path) -> None:
    """Where no folder can be made, the error names the path."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match=r"file/cvdigest\.db cannot be opened"):
        Database(address("", tmp_path / "file")).open()


def test_a_log_that_is_gone(tmp_path: Path, template: Path) -> None:
    """A database whose log was lost is as it was at an earlier moment, and works."""
    live = tmp_path / "live.db"
    shutil.copy(template, live)
    database = Database(address(str(live), tmp_path))
    with database.write() as connection:
        keep(connection, announcement())
    assert Path(f"{live}-wal").stat().st_size > 0
    shutil.copy(live, tmp_path / "cvdigest.db")
    database.close()

    assert use(Database(address(str(tmp_path / "cvdigest.db"), tmp_path))) == (frozenset(), 0)


def test_a_file_that_is_gone_and_its_log_is_there(tmp_path: Path, template: Path) -> None:
    """Where only the log is left, no empty database is made beside it."""
    live = tmp_path / "cvdigest.db"
    shutil.copy(template, live)
    database = Database(address(str(live), tmp_path))
    with database.write() as connection:
        keep(connection, announcement())
    log = Path(f"{live}-wal").read_bytes()
    database.close()
    live.unlink()
    Path(f"{live}-wal").write_bytes(log)
    with pytest.raises(DamagedError, match="is gone, but its log"):
        Database(address(str(live), tmp_path)).open()

    assert not live.exists()
    assert Path(f"{live}-wal").read_bytes() == log


# -- other programs -----------------------------------------------------------------------------------------------------

_HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("holds", flush=True)
sys.stdin.readline()
connection.execute("COMMIT")
"""


@contextmanager
def holder(path: Path) -> "Iterator[subprocess.Popen[str]]":
    """Yield a process that has the database for itself until it is told to let it go."""
    with subprocess.Popen([sys.executable, "-c", _HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holds\n"
        try:
            yield process
        finally:
            process.kill()


def let_go(process: "subprocess.Popen[str]") -> None:
    """Let the database go."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


@pytest.mark.slow
def test_locked_for_a_while(file: Database) -> None:
    """Who must wait for longer than a moment says so, and goes on as soon as the other program lets go."""
    assert file.path is not None
    said: list[str] = []
    with holder(file.path) as process:

        def heard(line: str) -> None:
            said.append(line)
            let_go(process)

        file.say = heard
        file.patience = 30
        with file.write() as connection:
            keep(connection, announcement())

    assert len(said) == 1
    assert "is locked by another program; waiting" in said[0]


@pytest.mark.slow
def test_locked_for_good(file: Database) -> None:
    """Who waits in vain says what to do; reading goes on, and so does writing afterwards."""
    assert file.path is not None
    file.patience = 0.1
    with holder(file.path):
        with pytest.raises(StoreError, match="stayed locked by another program; end that program"), file.write():
            pytest.fail("two write at once")
        with file.read() as connection:
            assert days.read(connection, "cs.CV", DAY) is None
    with file.write() as connection:
        keep(connection, announcement())


@pytest.mark.slow
def test_locked_for_a_minute(file: Database) -> None:
    """A backup program that holds the database for a minute is waited for."""
    assert file.path is not None
    said: list[str] = []
    file.say, file.patience = said.append, 90
    with holder(file.path) as process:
        timer = threading.Timer(60, let_go, [process])
        timer.start()
        with file.write() as connection:
            keep(connection, announcement())
        timer.join()

    assert len(said) == 1


_MAKER = """
import sys
from pathlib import Path
import sqlalchemy as sa
from digest.store import papers, runs
from digest.store.database import Database
from tests import postgres
from tests.stores import NOW, paper
print("ready", flush=True)
sys.stdin.readline()
database = Database(sa.make_url(sys.argv[1])).open()
with database.write() as connection:
    papers.keep(connection, [paper(int(sys.argv[2]))], NOW)
database.close()
"""


def _all_at_once(place: sa.URL, count: int) -> None:
    url = place.render_as_string(hide_password=False)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _MAKER, url, str(number)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for number in range(count)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        let_go(process)
    for process in processes:
        process.communicate(timeout=60)
    database = Database(place)
    with database.read() as connection:
        found = connection.execute(sa.select(sa.func.count()).select_from(tables.papers)).scalar()
    problems = [line for checked in upkeep.check(database) for line in checked.problems]
    database.close()

    assert [process.returncode for process in processes] == [0] * count
    assert found == count
    assert problems == []


@pytest.mark.slow
def test_made_by_many_at_once(place: sa.URL) -> None:
    """Eight processes that make the same new database make one, and each finds its own place in it."""
    _all_at_once(place, 8)


_STEPPER = """
import os, signal, sys
import sqlalchemy as sa
from digest.store.database import Database
database = Database(sa.make_url(sys.argv[1]))
left = [int(sys.argv[2])]
def executed(*_):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
sa.event.listen(database.engine, "before_cursor_execute", executed)
sa.event.listen(database.engine, "commit", executed)
database.open()
database.close()
"""


def _killed_within_a_step(place: sa.URL, statement: int) -> int:
    """Start an upgrade that is killed before its n-th statement; return how it ended."""
    url = place.render_as_string(hide_password=False)
    return subprocess.run([sys.executable, "-c", _STEPPER, url, str(statement)], cwd=ROOT, check=False, timeout=60).returncode


def _after_a_kill(place: sa.URL, statement: int) -> bool:
    """Kill an upgrade, see that the schema is the old or the new one, and that the next one is whole; say whether it was killed."""
    database = blank(place)
    with database.write() as connection:
        database.migrate(connection, tables.REVISIONS[0])
    database.close()
    ended = _killed_within_a_step(place, statement)
    old = Database(place)
    with old.read() as connection:
        views = sa.inspect(connection).get_view_names() if old.sqlite else []
    assert (old.revision(), bool(views)) in ((tables.REVISIONS[0], False), (tables.HEAD, old.sqlite))
    old.open()
    assert old.revision() == tables.HEAD
    assert [line for checked in upkeep.check(old) for line in checked.problems] == []
    old.close()
    assert ended in (0, -signal.SIGKILL)
    return ended != 0


@pytest.mark.slow
@pytest.mark.parametrize("statement", [3, 6, 8, 9, 10, 11, 12, 14])
def test_killed_within_a_step_on_postgresql(server: postgres.Server, statement: int) -> None:
    """An upgrade that is killed half-way leaves the old schema, and the next one goes through."""
    url = server.empty()
    _after_a_kill(url, statement)
    server.drop(url)


@pytest.mark.parametrize(
    ("statement", "read"),
    [
        ("UPDATE days SET date = '2026-11-99'", lambda connection: days.between(connection, "cs.CV", DAY, DAY.replace(month=12))),
        ("UPDATE days SET at = 'soon'", lambda connection: days.read(connection, "cs.CV", DAY)),
        ("UPDATE days SET late = '[1'", lambda connection: days.read(connection, "cs.CV", DAY)),
        ("UPDATE versions SET title = CAST(x'ff41' AS TEXT)", lambda connection: papers.load(connection, [1])),
        ("""UPDATE editions SET note = '{"format": 1}'""", lambda connection: editions.newest(connection, "cs.CV", DAY)),
    ],
)
def test_a_value_that_cannot_be_understood(file: Database, statement: str, read: Callable[[sa.Connection], object]) -> None:
    """A value that is no date, no moment, no JSON or no text is damage, whoever comes upon it."""
    with file.write() as connection:
        keep(connection, announcement())
        connection.exec_driver_sql(statement)
    with pytest.raises(DamagedError, match="cvdigest db restore"), file.read() as connection:
        read(connection)


def test_errors_of_others_are_theirs(file: Database) -> None:
    """A mistake of whoever uses the database is not taken for damage."""
    with pytest.raises(ValueError, match="theirs"), file.read():
        int("theirs")


@pytest.mark.slow
def test_killed_before_each_statement(tmp_path: Path) -> None:
    """The same on SQLite, before each statement of an upgrade, to its end."""
    for statement in range(1, 200):
        if not _after_a_kill(address(str(tmp_path / f"{statement}.db"), tmp_path), statement):
            break
    else:
        pytest.fail("there is no end")

    assert statement > 8


def test_newer_and_older(file: Database, tmp_path: Path) -> None:
    """A newer schema is refused with what to do; so is a database that does not say which it has."""
    with file.write() as connection:
        connection.execute(sa.update(tables.revision).values(version_num="9999"))
    with pytest.raises(SchemaError, match="newer release"):
        file.open(before_upgrade=backups.before_upgrade(tmp_path, NOW, lambda _line: None))
    with file.write() as connection:
        connection.execute(sa.delete(tables.revision))
    with pytest.raises(DamagedError, match="does not say which schema"):
        file.open()


# -- a disk that is full, or cannot be written --------------------------------------------------------------------------


@contextmanager
def mounted(path: Path, *options: str) -> Iterator[Path]:
    """Yield a folder that is a disk of its own; skipped where this machine lets nobody make one."""
    path.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *options, path], capture_output=True, check=False) if os.geteuid() == 0 else None
    if done is None or done.returncode != 0:
        pytest.skip("this machine lets nobody mount a small disk")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", path], check=True, capture_output=True)


def _fill_a_small_disk(folder: Path, size: int, template: Path) -> str:
    """Write into a database until the disk is full; see that it is whole, and works when there is room; say what was told."""
    path = folder / "cvdigest.db"
    ballast = folder / "ballast"
    told = ""
    database = Database(address(str(path), folder))
    try:
        try:
            if template.stat().st_size < size // 2:
                shutil.copy(template, path)
            database.open()
            for batch in range(400):
                with database.write() as connection:
                    papers.keep(connection, [paper(batch * 20 + index) for index in range(20)], NOW)
        except StoreError as problem:
            told = problem.message
        except OSError:
            return "no room for an empty one"
        if path.exists():
            with database.read() as connection:
                before = connection.execute(sa.select(sa.func.count()).select_from(tables.papers)).scalar()
            assert before is not None
            assert before % 20 == 0
            with pytest.raises(StoreError, match=r"cannot be (written|used)"):
                backups.make_own(database, folder, NOW)
            assert list((folder / "backups").iterdir()) == []
    finally:
        database.close()
        ballast.unlink(missing_ok=True)
    return told


@pytest.mark.parametrize("size", [768])
def test_a_full_disk(tmp_path: Path, template: Path, size: int) -> None:
    """On a full disk a write fails as a whole and says so; the database is whole, no backup is left half, and with room it works."""
    _full(tmp_path, template, size)


@pytest.mark.slow
@pytest.mark.parametrize("size", [64, 128, 200, 256, 320, 400, 512, 640, 1024, 1536, 2048])
def test_full_disks(tmp_path: Path, template: Path, size: int) -> None:
    """The same for disks of many sizes, in kilobytes, also where not even an empty database has room."""
    _full(tmp_path, template, size)


def _full(tmp_path: Path, template: Path, size: int) -> None:
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", f"size={size}k", "none") as folder:
        told = _fill_a_small_disk(folder, size * 1024, template)
        assert told
        path = folder / "cvdigest.db"
        if path.exists():
            subprocess.run(["mount", "-o", f"remount,size={size + 8192}k", folder], check=True)
            database = Database(address(str(path), folder))
            assert [line for checked in upkeep.check(database.open()) for line in checked.problems] == []
            with database.write() as connection:
                papers.keep(connection, [paper(99_999)], NOW)
            database.close()


_LIMITED = """
import resource, signal, sys
import sqlalchemy as sa
from digest.errors import StoreError
from digest.store import papers, runs
from digest.store.database import Database
from tests import postgres
from tests.stores import NOW, paper
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
database = Database(sa.make_url(sys.argv[1]))
try:
    database.open()
    for batch in range(400):
        with database.write() as connection:
            papers.keep(connection, [paper(batch * 20 + index) for index in range(20)], NOW)
except StoreError as problem:
    print(problem)
    sys.exit(7)
"""


@pytest.mark.slow
def test_files_that_may_not_grow(file: Database) -> None:
    """Where files may not grow beyond a limit (``ulimit -f``), the write fails as a whole, and works without the limit."""
    assert file.path is not None
    file.close()
    arguments = [sys.executable, "-c", _LIMITED, str(file.url), str(600 * 1024)]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)

    assert (done.returncode, done.stderr) == (7, "")
    assert "cannot be used" in done.stdout
    assert [line for checked in upkeep.check(file) for line in checked.problems] == []
    with file.write() as connection:
        papers.keep(connection, [paper(99_999)], NOW)


def test_a_disk_that_cannot_be_written(tmp_path: Path, template: Path) -> None:
    """In a folder that cannot be written, each thing that would write fails with the path named, and nothing is left there."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    shutil.copy(template, folder / "cvdigest.db")
    with mounted(folder, "--bind", str(folder)):
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        database = Database(address("", folder), patience=0.2)
        with pytest.raises(StoreError, match=str(folder)), database.open().write() as connection:
            papers.keep(connection, [paper(1)], NOW)
        database.close()
        with pytest.raises(StoreError, match=str(folder)):
            Database(address(str(folder / "new.db"), folder)).open()
        with pytest.raises(StoreError, match=str(folder)):
            backups.make_own(Database(address("", folder)), folder, NOW)

    assert [one.name for one in folder.iterdir()] == ["cvdigest.db"]


def test_53_a_file_that_is_removed_in_use(file: Database) -> None:
    """Nothing is written into a file without a name, or beside another one of that name: it is said, at the first use."""
    assert file.path is not None
    with file.read() as connection:
        assert runs.latest(connection) is None
    file.path.rename(file.path.with_name("elsewhere.db"))
    with pytest.raises(StoreError, match="was removed while it was in use"), file.write():
        pytest.fail("it is written")
    Database(file.url).open().close()
    with pytest.raises(StoreError, match="was replaced while it was in use"), file.read():
        pytest.fail("it is read")


# -- what is on the disk --------------------------------------------------------------------------------------------------


def test_how_a_database_is_opened(file: Database) -> None:
    """What is committed is on the disk when the power fails; readers do not wait; no row refers to nothing."""
    expected = {"synchronous": 2, "journal_mode": "wal", "foreign_keys": 1}
    with file.write() as connection:
        assert {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in expected} == expected
    with file.read() as first, file.read() as second:  # a connection of the pool is as good as the next one
        for connection in (first, second):
            assert {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in expected} == expected


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is flushed with all its bytes, then renamed, then its folder is flushed. The operating system is played here."""
    path = tmp_path / "new" / "page.md"
    calls: list[tuple[str, object]] = []
    fsync, replace = os.fsync, os.replace

    def flushed(handle: int) -> None:
        found = os.fstat(handle)
        calls.append(("folder", None) if os.path.samestat(found, path.parent.stat()) else ("file", found.st_size))
        fsync(handle)

    def renamed(old: Path, new: Path) -> None:
        calls.append(("rename", Path(new)))
        replace(old, new)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "replace", renamed)
    write_whole(path, b"whole")

    assert calls == [("file", 5), ("rename", path), ("folder", None)]
    assert path.read_bytes() == b"whole"


# -- the program -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["run", "status"])
def test_55_the_program_makes_a_backup_before_it_upgrades(
    arxiv: servers.Arxiv, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Whatever command comes first after the program was renewed: the old database is in ``backups/``, and the schema is the new one."""
    program = weeks.program(tmp_path, arxiv.url, capsys, monkeypatch)
    (tmp_path / "data").mkdir()
    database = blank(program.database().url)
    with database.write() as connection:
        database.migrate(connection, tables.REVISIONS[0])
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION}")
    database.close()
    done = program(command)

    assert done.status == 0, done.err
    assert database.revision() == tables.HEAD
    database.close()
    (kept,) = (tmp_path / "data" / "backups").iterdir()
    assert backups.examine(kept).schema == tables.REVISIONS[0]


def test_53_a_damaged_page_is_found_before_anything_is_asked(
    arxiv: servers.Arxiv, whole: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock looks through its database first: damage that opening does not see ends it, the operator is told, nobody is asked."""
    program = weeks.program(tmp_path, arxiv.url, capsys, monkeypatch)
    monkeypatch.setenv("CVDIGEST_WEBHOOK", "http://127.0.0.1:9/nobody")  # so that the alert stays open
    (tmp_path / "data").mkdir()
    database = put(tmp_path / "data" / "cvdigest.db", whole)
    with database.read() as connection:
        number = connection.exec_driver_sql("SELECT rootpage FROM sqlite_master WHERE name = 'classifications'").scalar_one()
    database.close()
    put(tmp_path / "data" / "cvdigest.db", whole[: (number - 1) * PAGE] + bytes(PAGE) + whole[number * PAGE :]).open().close()
    done = program("schedule", "--once", "--arxiv-url", arxiv.url)

    assert (done.status, arxiv.asked) == (1, [])
    assert "is damaged" in done.err.splitlines()[-1]
    assert "cvdigest db restore" in done.err.splitlines()[-1]
    (alert,) = json.loads((tmp_path / "data" / "alerts.json").read_bytes())["alerts"]
    assert (alert["kind"], alert["category"], alert["date"]) == ("store", "cs.CV", None)
    assert "is damaged" in alert["text"]
