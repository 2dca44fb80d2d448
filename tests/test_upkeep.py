"""The store is looked after: what is not what was kept is found, and backups bring it back."""

import hashlib
import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.core.subscription import Choice, Standing
from digest.errors import DamagedError, SchemaError, StoreError
from digest.failpoints import OF_BACKUPS, VARIABLE
from digest.files import keep_private, write_whole
from digest.recipients import address_hash
from digest.store import answers, backups, editions, runs, subscribers, upkeep
from digest.store import schema as tables
from digest.store.answers import Raw
from digest.store.database import Database, address
from tests import children
from tests.stores import DAY, NOW, announcement, blank, keep, write_files

pytestmark = pytest.mark.slow


def filled(database: Database, *, number: int = 3) -> Database:
    """Return the database with some dates in it."""
    with database.write() as connection:
        for index in range(number):
            keep(connection, announcement(DAY - timedelta(days=index), first=1 + 3 * index))
    return database


def older(place: sa.URL) -> Database:
    """Return a new database of the first schema."""
    database = blank(place)
    with database.write() as connection:
        database.migrate(connection, tables.REVISIONS[0])
    database.close()
    return database


def found(database: Database, **facts: Path) -> tuple[list[str], list[str]]:
    """Return the problems and the remarks of a check."""
    checked = list(upkeep.check(database, **facts))  # type: ignore[arg-type]
    return [line for one in checked for line in one.problems], [line for one in checked for line in one.remarks]


def rows(database: Database) -> dict[str, list[str]]:
    """Return all that a database holds."""
    with database.read() as connection:
        return {table.name: sorted(map(repr, connection.execute(sa.select(table)))) for table in tables.metadata.sorted_tables}


# -- check --------------------------------------------------------------------------------------------------------------


def test_what_is_whole_is_found_whole(database: Database, tmp_path: Path) -> None:
    """Of a whole database nothing is told but how much was looked at."""
    with database.write() as connection:
        stored = keep(connection, announcement())
        keep(connection, announcement(DAY - timedelta(days=3), count=0, reason="a holiday"))
        write_files(tmp_path / "out", stored)
    with database.write() as connection:
        connection.execute(sa.update(tables.days).where(tables.days.c.date != DAY).values(state="none"))
    with database.read() as connection:
        for key in connection.execute(sa.select(tables.editions.c.id)).scalars().all():
            write_files(tmp_path / "out", editions.load(connection, key))
    checked = list(upkeep.check(database, data=tmp_path, out=tmp_path / "out"))

    assert [one for one in checked if one.problems or one.remarks] == []
    assert {one.what: one.count for one in checked if one.what in ("versions of papers", "editions", "published files")} == {
        "versions of papers": 5,
        "editions": 2,
        "published files": 4,
    }


def _flip_page(connection: sa.Connection) -> None:
    content = connection.execute(sa.select(tables.files.c.content).where(tables.files.c.role == "page")).scalars().first()
    assert content is not None
    flipped = bytearray(content)
    flipped[len(flipped) // 2] ^= 1
    connection.execute(sa.update(tables.files).where(tables.files.c.role == "page").values(content=bytes(flipped)))


def _forge_page(connection: sa.Connection) -> None:
    connection.execute(sa.update(tables.files).where(tables.files.c.role == "page").values(content=zlib.compress(b"forged")))


def _change(table: sa.Table, **values: object) -> Callable[[sa.Connection], None]:
    def change(connection: sa.Connection) -> None:
        key = connection.execute(sa.select(next(iter(table.primary_key)))).scalars().first()
        connection.execute(sa.update(table).where(next(iter(table.primary_key)) == key).values(**values))

    return change


def _drop_entry(connection: sa.Connection) -> None:
    connection.execute(sa.delete(tables.entries).where(tables.entries.c.position == 2))


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (_flip_page, "edition 1 of cs.CV 2026-11-20: what is held of 2026/2026-11-20-cs.CV.md"),
        (_forge_page, "edition 1 of cs.CV 2026-11-20: what is held of 2026/2026-11-20-cs.CV.md"),
        (_change(tables.versions, abstract="We looj at it."), "what is said about 2611.00001"),
        (_change(tables.versions, submitted=NOW), "what is said about 2611.00001"),
        (_change(tables.papers, latest=99), "2611.00001 has no latest version"),
        (_change(tables.papers, latest=2), "2611.00001 has a latest version that is of another paper"),
        (_change(tables.announcements, unknown=["x"]), "the announcement of cs.CV 2026-11-20 (row 1) is not what was kept"),
        (_change(tables.entries, kind="nonsense"), "(row 1) is not what was kept"),
        (_drop_entry, "(row 1) has gaps among its entries"),
        (_change(tables.editions, state="lost"), "edition 1 of cs.CV 2026-11-20 is in no state"),
        (_change(tables.days, state="failed"), "there is an edition of cs.CV 2026-11-20, and the date is said to be failed"),
        (lambda connection: connection.execute(sa.delete(tables.days)), "2026-11-20, and nothing is known of that date"),
    ],
)
def test_what_is_damaged_is_named(file: Database, damage: Callable[[sa.Connection], None], expected: str) -> None:
    """Whatever is not what was kept is found, though the database itself takes it for whole."""
    filled(file, number=1)
    with file.write() as connection:
        damage(connection)
    problems, _ = found(file)

    assert any(expected in line for line in problems), problems


def test_damage_of_many_kinds(database: Database) -> None:
    """What is damaged in one place does not hide what is damaged in another."""
    filled(database, number=1)
    with database.write() as connection:
        for damage in (_flip_page, _change(tables.versions, abstract=""), _change(tables.papers, latest=99), _drop_entry):
            damage(connection)

    wrong = {one.what for one in upkeep.check(database) if one.problems}
    assert wrong - {"index of words"} == {"versions of papers", "papers", "announcements", "editions"}


def test_an_index_of_other_words_is_found(file: Database) -> None:
    """The index of words is held against the texts."""
    filled(file, number=1)
    with file.write() as connection:
        connection.exec_driver_sql("INSERT INTO words (words) VALUES ('delete-all')")

    assert found(file)[0] == ["the index of words does not agree with the texts"]


def test_a_row_that_nobody_can_read(file: Database) -> None:
    """A row that holds what its column cannot hold is a problem of its own, and the other questions are asked all the same."""
    filled(file, number=1)
    with file.write() as connection:
        connection.exec_driver_sql("UPDATE announcements SET date = 'yesterday'")
    problems, _ = found(file)

    assert any("cannot be understood" in line for line in problems)
    assert len(list(upkeep.check(file))) == 7


def test_published_files(database: Database, tmp_path: Path) -> None:
    """Files on the disk that are missing or others than the newest edition's are named."""
    with database.write() as connection:
        write_files(tmp_path, keep(connection, announcement()))
        newest = keep(connection, announcement(), 2)
        keep(connection, announcement(DAY + timedelta(days=3)), published=False)
    page, json = (tmp_path / one.path for one in (newest.file("page"), newest.file("json")) if one)
    json.unlink()
    problems, remarks = found(database, out=tmp_path)

    assert [line.partition(" is ")[::2] for line in problems] == [
        (str(json), "missing; the next run of its date writes it again"),
        (str(page), "not as it was published; the next run of its date writes it again"),
    ]
    assert remarks == ["edition 1 of cs.CV 2026-11-23 is prepared and not published yet; the next run publishes it"]


def test_raw_answers(database: Database, tmp_path: Path) -> None:
    """A raw answer that is another one is a problem; one that is gone is a remark, and one of another machine is not looked for."""
    kept = tmp_path / "answers" / str(DAY) / "a.html"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"what came in")
    one = Raw("https://arxiv.org/a", DAY, hashlib.sha256(b"what came in").hexdigest(), 12, "here", f"answers/{DAY}/a.html", NOW)
    gone = replace(one, url="https://arxiv.org/b", path=f"answers/{DAY}/b.html")
    with database.write() as connection:
        answers.keep(connection, [one, gone, replace(gone, url="https://arxiv.org/c", host="elsewhere")])
    whole = [checked for checked in upkeep.check(database, data=tmp_path, host="here") if checked.what == "raw answers"]
    kept.write_bytes(b"something else")
    with database.write() as connection:
        answers.keep(connection, [replace(one, url="https://arxiv.org/d", path="../secret")])
    problems, _ = found(database, data=tmp_path)

    assert whole == [upkeep.Checked("raw answers", 2, (), ("1 raw answers are not there any more; digests do not need them",))]
    assert len(problems) == 2
    assert "https://arxiv.org/a" in problems[0]
    assert "../secret" in problems[1]


def test_a_quick_look(file: Database) -> None:
    """Who stays for long looks through the file first: a whole one passes, a damaged one is refused."""
    filled(file)
    upkeep.quick_check(file)
    file.close()
    path = file.path
    assert path is not None
    content = bytearray(path.read_bytes())
    page = int.from_bytes(content[16:18], "big")
    content[5 * page : 6 * page] = bytes(page)
    path.write_bytes(content)

    with pytest.raises(DamagedError, match="cvdigest db restore"):
        upkeep.quick_check(file)


# -- backup and restore -------------------------------------------------------------------------------------------------


def test_a_backup_brings_all_of_it_back(database: Database, tmp_path: Path) -> None:
    """What is restored is all that was there when the backup was made; what came later is moved aside, not lost."""
    before = rows(filled(database, number=2))
    made = backups.make_own(database, tmp_path, NOW)
    with database.write() as connection:
        keep(connection, announcement(DAY + timedelta(days=3)))
    later = rows(database)
    restored, moved = backups.restore(database, tmp_path, made.path, NOW, replacing=True)

    assert (restored.editions, restored.newest, restored.schema) == (2, str(DAY), tables.HEAD)
    assert rows(database) == before
    assert found(database) == ([], [])
    if database.sqlite:
        aside = Database(address(moved, tmp_path))
        assert rows(aside) == later
        aside.close()
    else:
        with database.read() as connection:
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {moved}.editions").scalar() == 3  # noqa: S608 - our own name
    with database.write() as connection:
        keep(connection, announcement(DAY + timedelta(days=4), first=50))  # new keys do not collide with restored ones


def test_who_has_left_stays_away(database: Database, tmp_path: Path) -> None:
    """A backup brings nobody back who has unsubscribed, or was stopped or erased, since it was made; who came back since is there."""
    names, keys = ("ada", "bob", "cid", "dan", "eve"), dict[str, int]()
    with database.write() as connection:
        for name in names:
            address = f"{name}@example.org"
            keys[name] = subscribers.add(connection, address, address, Choice(), Standing.CONFIRMED, "0" * 32, NOW).key
    made = backups.make(database, tmp_path / "backup")
    later = NOW + timedelta(days=1)
    with database.write() as connection:
        subscribers.end(connection, keys["ada"], later)
        subscribers.erase(connection, keys["bob"], address_hash("bob@example.org"), later)
        subscribers.stop(connection, keys["cid"], later)
        subscribers.end(connection, keys["dan"], later)
        subscribers.confirm(connection, keys["dan"], "1" * 32, later)

    backups.restore(database, tmp_path, made.path, later + timedelta(days=1), replacing=True)

    with database.read() as connection:
        found = {one.address.partition("@")[0]: one.standing.value for one in subscribers.listed(connection)}
        assert subscribers.is_stranger(connection, address_hash("bob@example.org"))
    assert found == {"ada": "ended", "cid": "stopped", "dan": "confirmed", "eve": "confirmed"}


def test_a_backup_without_rows(database: Database, tmp_path: Path) -> None:
    """A database in which nothing is yet can be backed up and brought back too."""
    made = backups.make(database, tmp_path / "backup")
    backups.restore(database, tmp_path, made.path, NOW, replacing=True)

    assert (made.editions, made.newest) == (0, "")
    assert sum(map(len, rows(database).values())) == 1


def test_a_backup_is_of_one_moment(database: Database, tmp_path: Path) -> None:
    """What is being written while a backup is made is in it whole or not at all, and the writer need not wait."""
    filled(database, number=1)
    with database.write() as connection:
        keep(connection, announcement(DAY + timedelta(days=3)))
        made = backups.make(database, tmp_path / "backup")

    assert made.editions == 1
    assert backups.make(database, tmp_path / "after").editions == 2


def test_no_backup_over_another_file(database: Database, tmp_path: Path) -> None:
    """A file that is there is not touched, and nothing is left beside it."""
    (tmp_path / "room").mkdir()
    path = tmp_path / "room" / "precious"
    path.write_bytes(b"precious")
    with pytest.raises(StoreError, match="is there already"):
        backups.make(database, path)

    assert path.read_bytes() == b"precious"
    assert list(path.parent.iterdir()) == [path]


def test_the_newest_backups_stay(file: Database, tmp_path: Path) -> None:
    """Of backups under names of our own the newest stay, two of one second too; a file under another name is not ours."""
    strange = tmp_path / "backups" / "cvdigest-mine.db"
    strange.parent.mkdir()
    strange.write_bytes(b"mine")
    made = [backups.make_own(file, tmp_path, NOW + timedelta(seconds=index // 2), keep=3).path for index in range(6)]

    assert backups.own(tmp_path) == list(reversed(made))[:3]
    assert sorted(strange.parent.iterdir()) == sorted([*made[-3:], strange])
    assert made[1].name == "cvdigest-20261120T013000Z-1.db"


@pytest.mark.parametrize("kind", ["flipped", "newer"])
def test_a_damaged_or_newer_backup_is_refused(database: Database, tmp_path: Path, kind: str) -> None:
    """A backup that is damaged, or of a newer release, is refused."""
    refused(database, tmp_path, kind)


@pytest.mark.parametrize("kind", ["cut", "empty", "other", "missing"])
def test_a_backup_that_is_none_is_refused(file: Database, tmp_path: Path, kind: str) -> None:
    """A file that was cut, is empty, is another program's or is not there is refused."""
    refused(file, tmp_path, kind)


def refused(database: Database, tmp_path: Path, kind: str) -> None:
    """See that what is not a whole backup is never put in the place of anything: the database is as it was."""
    before = rows(filled(database, number=1))
    path = backups.make(database, tmp_path / "backup").path
    content = path.read_bytes()
    if kind == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif kind == "flipped":
        position = content.index(b"tables/versions.copy") + 60 if not database.sqlite else 5 * 4096 + 3
        path.write_bytes(content[:position] + bytes([content[position] ^ 0x55]) + content[position + 1 :])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "other":
        path.unlink()
        other = sqlite3.connect(path)
        other.execute("CREATE TABLE things (name TEXT)")
        other.commit()
        other.close()
    elif kind == "missing":
        path.unlink()
    elif database.sqlite:
        change = sqlite3.connect(path)
        change.execute("UPDATE alembic_version SET version_num = '9999'")
        change.commit()
        change.close()
    else:
        with zipfile.ZipFile(path) as archive, zipfile.ZipFile(tmp_path / "newer", "w") as changed:
            for name in archive.namelist():
                changed.writestr(name, archive.read(name).replace(f'"schema": "{tables.HEAD}"'.encode(), b'"schema": "9999"'))
        path = tmp_path / "newer"
    with pytest.raises(SchemaError if kind == "newer" else StoreError):
        backups.restore(database, tmp_path, path, NOW, replacing=True)

    assert rows(database) == before


def test_an_older_backup_is_brought_up_to_date(place: sa.URL, tmp_path: Path) -> None:
    """A backup of the first schema can be restored, and what finds words is there then."""
    old = older(place)
    with old.write() as connection:
        connection.execute(sa.insert(tables.papers).values(arxiv_id="2611.00001", latest=1))
        connection.execute(sa.insert(tables.versions).values(paper=1, sha256="0", title="Penguins", seen=NOW))
    path = backups.make(old, tmp_path / "backup").path
    restored, _ = backups.restore(old, tmp_path, path, NOW, replacing=True)
    old.open()

    assert restored.schema == tables.REVISIONS[0]
    assert old.revision() == tables.HEAD
    with old.read() as connection:
        if old.sqlite:
            assert connection.exec_driver_sql("SELECT rowid FROM words WHERE words MATCH 'penguin'").scalars().all() == [1]
        else:
            assert connection.exec_driver_sql("SELECT id FROM versions WHERE words @@ 'penguin'::tsquery").scalars().all() == [1]
    old.close()


def test_an_upgrade_makes_a_backup_first(place: sa.URL, tmp_path: Path) -> None:
    """Opening a database of an older schema brings it up to date, and leaves a backup of how it was."""
    database = older(place)
    with pytest.raises(SchemaError, match="cvdigest db upgrade"):
        database.open(upgrade=False)
    said: list[str] = []
    database.open(before_upgrade=backups.before_upgrade(tmp_path, NOW, said.append))

    assert database.revision() == tables.HEAD
    (kept,) = backups.own(tmp_path)
    assert backups.examine(kept).schema == tables.REVISIONS[0]
    assert str(kept) in said[0]
    database.open(before_upgrade=backups.before_upgrade(tmp_path, NOW, said.append))
    assert backups.own(tmp_path) == [kept]
    database.close()


def test_a_step_that_fails_changes_nothing(place: sa.URL, tmp_path: Path) -> None:
    """If an upgrade fails, the database is of the schema that it was, and the error names the backup."""
    database = older(place)
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE words (x TEXT)" if database.sqlite else "ALTER TABLE versions ADD COLUMN words TEXT")
    with pytest.raises(SchemaError, match=r"it is as it was.*backups/cvdigest-2026"):
        database.open(before_upgrade=backups.before_upgrade(tmp_path, NOW, lambda _line: None))

    assert database.revision() == tables.REVISIONS[0]
    with database.read() as connection:
        assert "searchable" not in sa.inspect(connection).get_view_names()
    database.close()


def test_a_newer_schema_is_refused(database: Database) -> None:
    """A database of a newer release is refused, and stays as it is."""
    with database.write() as connection:
        connection.execute(sa.update(tables.revision).values(version_num="9999"))
    before = rows(database)
    with pytest.raises(SchemaError, match="9999"):
        database.open()

    assert rows(database) == before


def test_a_full_database_is_not_written_over(database: Database, tmp_path: Path) -> None:
    """PostgreSQL's tables are moved aside only where that is asked for; a backup of another kind is refused."""
    path = backups.make(database, tmp_path / "backup").path
    if database.sqlite:
        with pytest.raises(StoreError, match="of SQLite"):
            backups.restore(Database(address("postgresql://nobody@127.0.0.1:1/none", tmp_path)), tmp_path, path, NOW)
        return
    with pytest.raises(StoreError, match="--replace"):
        backups.restore(database, tmp_path, path, NOW)
    with pytest.raises(StoreError, match="of PostgreSQL"):
        backups.restore(Database(address(str(tmp_path / "x.db"), tmp_path)), tmp_path, path, NOW)

    assert not (tmp_path / "x.db").exists()
    assert database.revision() == tables.HEAD


def test_restored_where_there_is_nothing(place: sa.URL, file: Database, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A backup can be put where there is no database yet."""
    server = None if place.get_backend_name() == "sqlite" else request.getfixturevalue("server")
    source = filled(server.lend() if server else file, number=1)
    path = backups.make(source, tmp_path / "backup").path
    fresh = Database(address(str(tmp_path / "elsewhere" / "x.db"), tmp_path) if source.sqlite else place)
    _, moved = backups.restore(fresh, tmp_path / "data", path, NOW)

    assert moved == ""
    assert rows(fresh) == rows(source)
    fresh.close()
    if server:
        server.give_back(source)


def test_a_damaged_database_is_kept_beside_the_restored_one(file: Database, tmp_path: Path) -> None:
    """What is damaged is moved aside with its log, byte for byte, and the log never meets the restored file."""
    before = rows(filled(file, number=1))
    backup = backups.make(file, tmp_path / "backup").path
    file.close()
    path = file.path
    assert path is not None
    path.write_bytes(b"nonsense")
    Path(f"{path}-wal").write_bytes(b"log")
    _, moved = backups.restore(file, tmp_path, backup, NOW)

    assert Path(moved).read_bytes() == b"nonsense"
    assert Path(f"{moved}-wal").read_bytes() == b"log"
    assert rows(file) == before


def mode(path: Path) -> int:
    """Return who may do what with a file."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(("mask", "expected"), [(0o022, 0o644), (0o027, 0o640), (0o002, 0o664)])
def test_who_may_read_is_for_the_umask_to_say(tmp_path: Path, mask: int, expected: int) -> None:
    """The database, its backups and whatever is written whole can be read by whom the umask lets, and by nobody else."""
    before = os.umask(mask)
    try:
        database = Database(address(str(tmp_path / "x.db"), tmp_path)).open()
        backup = backups.make(database, tmp_path / "backup").path
        database.close()
        write_whole(tmp_path / "page.md", b"a page")
    finally:
        os.umask(before)

    assert [mode(path) for path in (tmp_path / "x.db", backup, tmp_path / "page.md")] == [expected] * 3


def test_addresses_of_people_are_for_the_owner_alone(database: Database, tmp_path: Path) -> None:
    """Where there are subscribers, nobody else reads the backup, or the database that it becomes."""
    with database.write() as connection:
        subscribers.add(connection, "a@example.org", "a@example.org", Choice(), Standing.PENDING, "0" * 32, NOW)
    if database.path is not None:
        database.path.chmod(0o644)
        keep_private(database.path)
        assert mode(database.path) == 0o600
    path = backups.make(database, tmp_path / "backup").path
    assert mode(path) == 0o600

    if database.path is not None:
        other = Database(address("", tmp_path / "other"))
        backups.restore(other, tmp_path / "other", path, NOW)
        assert other.path is not None
        assert mode(other.path) == 0o600


def test_a_restored_database_is_as_readable_as_before(file: Database, tmp_path: Path) -> None:
    """Who could read the database, or could not, is not changed by a restore; nor is whose it is."""
    path = backups.make(file, tmp_path / "backup").path
    path.chmod(0o600)
    assert file.path is not None
    file.path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(file.path, 12345, 23456)
    was = file.path.stat()
    backups.restore(file, tmp_path, path, NOW)

    now = file.path.stat()
    assert (now.st_mode, now.st_uid, now.st_gid) == (was.st_mode, was.st_uid, was.st_gid)
    assert now.st_ino != was.st_ino


def test_what_a_killed_process_left_is_swept(file: Database, tmp_path: Path) -> None:
    """A half-made copy, with what SQLite puts beside it, goes with the next look; that of another machine may be at work still."""
    done = subprocess.run([sys.executable, "-c", _ASIDE, tmp_path / "cvdigest.db"], check=True, capture_output=True, text=True)
    left = Path(done.stdout.strip())
    Path(f"{left}-journal").write_bytes(b"")
    elsewhere = left.with_name(re.sub(r"[0-9a-f]{8}-", "00000000-", left.name, count=1))
    elsewhere.write_bytes(b"")

    assert sorted(backups.sweep(file, tmp_path / "data")) == [left, Path(f"{left}-journal")]
    assert sorted(path.name for path in tmp_path.glob(".*")) == [elsewhere.name]


_ASIDE = """
import sys
from pathlib import Path
from digest.files import new_aside
path = Path(sys.argv[1])
print(new_aside(str(path.parent), path.name)[1])
"""


@pytest.mark.slow
def test_killed_at_each_point(tmp_path: Path) -> None:
    """A backup, a restore and an upgrade that are killed leave nothing half-made; to ask again is all that is needed."""
    with children.nursery() as nursery:

        def db(folder: Path, *arguments: object, point: str = "") -> int:
            return nursery.run(["db", *map(str, arguments), "--data", str(folder)], {VARIABLE: point} if point else {}).wait()

        for point in OF_BACKUPS:
            folder = tmp_path / point
            first = Database(address("", folder)).open()
            before = rows(first)
            kept = backups.make(first, folder / "kept.db").path
            filled(first, number=1).close()
            asked = ("restore", kept) if point.startswith("restore") else ("backup",)
            assert db(folder, *asked, point=f"{point}:kill") == -signal.SIGKILL
            assert list(folder.rglob(".*.part*"))
            assert db(folder, "check") == 0  # whole, and swept
            assert list(folder.rglob(".*.part*")) == []
            assert [backups.examine(path).editions for path in backups.own(folder)] == ([1] if point == "backup-named" else [])
            assert db(folder, *asked) == 0
            if point.startswith("restore"):
                assert rows(first) == before
                first.close()

        folder = tmp_path / "upgrade"
        folder.mkdir()
        older(address("", folder)).close()
        assert db(folder, "upgrade", point="backup-copied:kill") == -signal.SIGKILL
        assert list(folder.rglob(".*.part"))
        assert db(folder, "upgrade") == 0
        assert list(folder.rglob(".*.part*")) == []
        assert len(backups.own(folder)) == 1


# -- prune --------------------------------------------------------------------------------------------------------------


def test_prune(database: Database, tmp_path: Path) -> None:
    """Raw answers and runs that are old go, with what describes them; editions and what is young stay."""
    old, young = date(2025, 1, 2), DAY
    for day in (old, young):
        folder = tmp_path / "answers" / str(day)
        folder.mkdir(parents=True)
        for ending in ("html", "json"):
            (folder / f"a.{ending}").write_bytes(b"12345")
    (tmp_path / "refused").mkdir()
    for name in ("20250102T010203-ab.html", "20261120T010203-ab.html", "notes.txt"):
        (tmp_path / "refused" / name).write_bytes(b"123")
    with database.write() as connection:
        keep(connection, announcement(old))
        answers.keep(
            connection, [Raw("https://arxiv.org/a", day, "0" * 64, 5, "here", f"answers/{day}/a.html", NOW) for day in (old, young)]
        )
        for began in (NOW - timedelta(days=366), NOW):
            runs.begin(connection, command="run", category="cs.CV", host="here", pid=1, program="0", began=began)
    dry = upkeep.prune(database, tmp_path, NOW, dry=True)
    assert (tmp_path / "answers" / str(old) / "a.html").exists()
    never = upkeep.prune(database, tmp_path, NOW, keep_answers=0, dry=True)
    done = upkeep.prune(database, tmp_path, NOW, host="here")
    upkeep.vacuum(database)

    assert dry == done == upkeep.Pruned(3, 13, 1, 0)
    assert never == upkeep.Pruned(0, 0, 1, 0)
    assert upkeep.prune(database, tmp_path, NOW) == upkeep.Pruned()
    assert sorted(path.name for path in (tmp_path / "refused").iterdir()) == ["20261120T010203-ab.html", "notes.txt"]
    assert [path.name for path in (tmp_path / "answers").iterdir()] == [str(young)]
    with database.read() as connection:
        assert [one.path for one in answers.of_date(connection, old)] == [""]
        assert [one.path for one in answers.of_date(connection, young)] == [f"answers/{young}/a.html"]
        assert len(runs.last(connection, most=5)) == 1
    assert found(database) == ([], [])


def test_a_copy_is_found_whole_too(file: Database, tmp_path: Path) -> None:
    """A backup of SQLite is a database itself, in one file, and can be read where nothing can be written."""
    filled(file, number=1)
    path = backups.make(file, tmp_path / "a" / "backup.db").path
    shutil.copy(path, tmp_path / "b.db")

    assert [one.name for one in path.parent.iterdir()] == ["backup.db"]
    assert found(Database(address(str(tmp_path / "b.db"), tmp_path))) == ([], [])
