"""``cvdigest db``: what is printed, with which status, and what is on the disk afterwards."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.cli import main
from digest.store import locks
from digest.store import schema as tables
from digest.store.database import Database
from tests.postgres import Server
from tests.stores import DAY, announcement, keep, write_files

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Stand in a folder without settings, at a moment that is known."""
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE", "DATA", "OUT", "KEEP_ANSWERS"):
        monkeypatch.delenv(f"CVDIGEST_{name}", raising=False)
    monkeypatch.setenv("CVDIGEST_NOW", "2026-11-20T03:00Z")


def told(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    """Run the command; return its status, and what it printed on standard output and on standard error."""
    status = main(["db", *map(str, arguments)])
    out, err = capsys.readouterr()
    return status, out, err


def test_a_round(database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Check, backup, restore, upgrade and prune work on both kinds of database, and say in JSON what they did."""
    with database.write() as connection:
        write_files(tmp_path / "digests", keep(connection, announcement()))
    url = database.url.render_as_string(hide_password=False)
    common = ("--json", "--data", tmp_path, "--database", url)
    checked = told(capsys, "check", "--out", "digests", *common)
    kept = told(capsys, "backup", *common)
    database.close()
    with database.write() as connection:
        keep(connection, announcement(DAY + timedelta(days=3)))
    database.close()
    made = json.loads(kept[1])
    restored = told(capsys, "restore", made["backup"], *([] if database.sqlite else ["--replace"]), *common)
    again = told(capsys, "check", *common)
    upgraded = told(capsys, "upgrade", *common)
    pruned = told(capsys, "prune", "--vacuum", *common)

    assert [one[0] for one in (checked, kept, restored, again, upgraded, pruned)] == [0] * 6
    assert [one["problems"] for one in json.loads(checked[1])["checks"]] == [[]] * (9 if database.sqlite else 8)
    assert json.loads(checked[1])["whole"] is True
    assert (made["editions"], made["newest"], made["schema"]) == (1, str(DAY), tables.HEAD)
    assert Path(made["backup"]).name.startswith("cvdigest-20261120T030000Z.")
    assert {"database": database.name, **json.loads(restored[1])["backup"]} == made
    assert json.loads(restored[1])["moved"]
    assert [one["count"] for one in json.loads(again[1])["checks"] if one["what"] == "editions"] == [1]
    assert json.loads(upgraded[1]) == {"database": database.name, "from": tables.HEAD, "to": tables.HEAD, "backup": None}
    assert json.loads(pruned[1]) == {"answers": 0, "bytes": 0, "runs": 0, "left": 0, "dry_run": False}


def test_in_plain_words(file: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --json each line says what was done; damage is named and ends with 1."""
    with file.write() as connection:
        keep(connection, announcement())
    status, out, err = told(capsys, "check", "--data", tmp_path)
    assert (status, err) == (0, "")
    assert "versions of papers: 5 looked at, whole\n" in out
    assert "published files" not in out
    status, out, err = told(capsys, "backup", tmp_path / "b.db", "--data", tmp_path)
    assert (status, out) == (0, f"{tmp_path}/b.db\n")
    assert "1 edition, the newest date 2026-11-20" in err
    assert told(capsys, "backup", tmp_path / "b.db", "--data", tmp_path)[0] == 1
    with file.write() as connection:
        connection.execute(sa.update(tables.versions).where(tables.versions.c.id == 3).values(title="Forged \x1b[31m"))
    status, out, err = told(capsys, "check", "--data", tmp_path)
    assert status == 1
    assert "  problem: what is said about 2611.00003 (version row 3) is not what was kept\n" in out
    assert "cvdigest db restore brings a backup back" in err
    file.close()
    status, out, err = told(capsys, "restore", tmp_path / "b.db", "--data", tmp_path)
    assert status == 0
    assert f"{tmp_path}/cvdigest.db.before-restore-20261120T030000Z\n" in out
    assert told(capsys, "check", "--data", tmp_path, "--quiet")[0] == 0
    assert "there is nothing to do" in told(capsys, "upgrade", "--data", tmp_path)[1]
    assert "would be thrown away" in told(capsys, "prune", "--dry-run", "--data", tmp_path)[1]


@pytest.mark.parametrize("name", ["check", "backup", "upgrade", "prune"])
def test_where_there_is_no_database(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """A mistake in the name of a database makes no new one."""
    status, out, err = told(capsys, name, "--database", tmp_path / "none" / "x.db", "--data", tmp_path)

    assert (status, out) == (1, "")
    assert "there is no database at" in err
    assert list(tmp_path.iterdir()) == []


def test_an_older_one(file: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A database of an older release is upgraded after a backup, and checked only then."""
    file.close()
    assert file.path is not None
    file.path.write_bytes(b"")
    with file.write() as connection:
        file.migrate(connection, tables.REVISIONS[0])
    file.close()
    refused = told(capsys, "check", "--data", tmp_path)
    done = told(capsys, "upgrade", "--data", tmp_path)

    assert refused[0] == 1
    assert "cvdigest db upgrade" in refused[2]
    assert done[0] == 0
    assert done[1].endswith(
        f"had schema 0001 and has {tables.HEAD} now; the backup from before is {tmp_path}/backups/cvdigest-20261120T030000Z.db\n"
    )


def test_refused(file: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be is said in one line: a run at work, options that do not fit, a password that is nobody's business."""
    assert told(capsys, "backup", tmp_path / "b.db", "--data", tmp_path)[0] == 0
    with locks.turn(file, tmp_path, "cs.CV", lambda: None):
        status, _, err = told(capsys, "restore", tmp_path / "b.db", "--data", tmp_path)
    assert status == 1
    assert "a run of cs.CV is at work" in err
    assert told(capsys, "restore", tmp_path / "b.db", "--replace", "--data", tmp_path)[0] == 2
    assert told(capsys, "backup", "--keep", "0", "--data", tmp_path)[0] == 2
    assert told(capsys, "prune", "--keep-answers", "-1", "--data", tmp_path)[0] == 2
    url = "postgresql://somebody:secret@127.0.0.1:1/nothing"
    status, _, err = told(capsys, "check", "--database", url, "--data", tmp_path)
    assert status == 1
    assert "secret" not in err
    assert told(capsys, "check", "--database", "mysql://somebody:secret@127.0.0.1/nothing", "--data", tmp_path)[0] == 2


def test_a_password_is_told_nowhere(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither output has the passwords of the database's URL, whether the command succeeds or not."""
    lent = server.lend()
    plain = lent.url.set(drivername="postgresql", password=None).render_as_string()
    url = f"{plain.replace('@', ':S3cretPw99@')}?password=S3cretPw98"
    found = [
        told(capsys, *words, "--data", tmp_path, "--database", url) for words in (["check", "--json"], ["backup", "--json"], ["upgrade"])
    ]
    gone = url.replace("/cvdigest_", "/gone_")
    failed = told(capsys, "check", "--json", "--data", tmp_path, "--database", gone)
    server.give_back(lent)

    assert "S3cretPw99" in gone
    assert "S3cretPw98" in gone
    assert [status for status, _, _ in (*found, failed)] == [0, 0, 0, 1]
    assert [text for _, out, err in (*found, failed) for text in (out, err) if "S3cret" in text] == []


def test_half_a_password_is_no_host(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An @ in a password that is not percent-encoded is named, and what follows it is not said as the name of a host."""
    status, out, err = told(capsys, "check", "--data", tmp_path, "--database", "postgresql://me:half@S3cret@127.0.0.1:1/nothing")

    assert (status, out) == (2, "")
    assert "percent-encode" in err
    assert "S3cret" not in err
