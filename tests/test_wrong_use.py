"""What is typed wrong is refused at once, with a line that says what to type instead and holds no secret."""

import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from digest import addresses, cli
from digest.core.domain import State
from digest.ledger import Note
from digest.store import days
from digest.store.database import Database, address
from tests.reference import ROOT
from tests.stores import DAY, NOW, announcement, keep


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Stand in an empty folder, with settings of its own."""
    for name in [name for name in os.environ if name.startswith("CVDIGEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("CVDIGEST_DATA", str(tmp_path / "state"))
    monkeypatch.setenv("CVDIGEST_NOW", "2026-11-20T06:00Z")


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run the program; return its status, and what it said."""
    capsys.readouterr()
    try:
        status = cli.main(arguments)
    except SystemExit as ended:
        status = int(ended.code or 0)
    return status, *capsys.readouterr()


# -- addresses of databases ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "place",
    [
        "postgresql:/postgres:geheim@host/rv1",
        "postgresql//postgres:geheim@host/rv1",
        "Postgres:geheim@host/rv1",
        "host=h password=geheim dbname=x",
        "host=h PASSWORD = geheim dbname=x",
        "ada:geheim@host/x",
        "//ada:geheim@host/x",
        "postgres://ada:geheim@host/x",
        "mysql://ada:geheim@host/x",
        " postgresql://ada:geheim@host/x",
        "sqlite://ada:geheim@host/x",
        "postgresql://ada:geheim@127.0.0.1:59x9/x",
        "postgresql://ada:geheim@127.0.0.1:99999/x",
        "postgresql://ada:geheim@[::1/x",
        "postgresql://ada:geheim/2@host/x",
        "postgresql://ada:geheim@2@host/x",
        "postgresql://ada:geheim#2@host/x",
        "postgresql://ada:geheim?2@host/x",
    ],
)
def test_what_is_no_database(place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistyped URL is wrong use, wherever it is written; it is never quoted, and no file gets its name."""
    monkeypatch.setenv("CVDIGEST_DATABASE", place)
    by_variable = said(capsys, "status")
    monkeypatch.delenv("CVDIGEST_DATABASE")
    by_option = said(capsys, "run", "--database", place, "--arxiv-url", "http://127.0.0.1:9", "--debug")

    for status, out, err in (by_variable, by_option):
        assert (status, out) == (2, "")
        assert "geheim" not in err
        assert "postgresql://host" in err or "percent-encode" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "place",
    [
        "digests.db",
        "/srv/a b/my@home.db",
        "./postgres.db",
        "sqlite:///digests.db",
        "sqlite:////srv/digests.db",
        "postgresql://host/x",
        "postgresql:///x?host=/run/postgresql",
        "postgresql://ada@host:5432/x",
        "postgresql://ada:ge%2Fh%40eim@[::1]:5432/x?sslmode=require",
        "postgresql+psycopg://ada:ge:heim@host/x",
    ],
)
def test_what_is_a_database(place: str) -> None:
    """Paths and well-formed URLs are taken as they are."""
    assert addresses.database(place) == place


@pytest.mark.parametrize(
    ("error", "step"),
    [
        ('connection to server failed: FATAL:  database "x" does not exist', "createdb"),
        ('connection to server failed: FATAL:  role "ada" does not exist', "createuser"),
        ("connection failed: Connection refused", "the server runs"),
        ('FATAL:  password authentication failed for user "ada"', "password are right"),
    ],
)
def test_an_error_of_postgresql_has_a_next_step(error: str, step: str, tmp_path: Path) -> None:
    """What PostgreSQL says comes with what to do."""
    database = Database(address("postgresql://ada@host/x", tmp_path))

    with pytest.raises(Exception, match=step), database.errors():
        raise sqlite3.OperationalError(error)


# -- search ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["***"], """cvdigest search '"gaussian splatting" -medical'"""),
        (["splatting", "-medical"], """'"gaussian splatting" -medical'"""),
        (["--author", ""], "--author: there is no name"),
        (["splatting", "--author", "***"], "--author: there is no name"),
        (["splatting", "--category", "foo"], "no category foo"),
        (["splatting", "--category", "cs.CX"], "did you mean"),
    ],
)
def test_searches_that_cannot_be(arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A search without a word, name or category that can be is wrong use."""
    status, out, err = said(capsys, "search", *arguments)

    assert (status, out) == (2, "")
    assert hint in err


# -- run and schedule ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["run", "--due", "--again"], "--again out"),
        (["schedule", "--speed", "10"], "--arxiv-url"),
        (["schedule", "--every", "never", "--log", "json"], "cvdigest: --every"),
    ],
)
def test_what_does_not_go_together(arguments: list[str], hint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is refused before anything is done, by a plain line, also where a log is written."""
    status, out, err = said(capsys, *arguments)

    assert (status, out, list(tmp_path.iterdir())) == (2, "", [])
    assert err.startswith("cvdigest: ")
    assert hint in err


# -- doctor ----------------------------------------------------------------------------------------------------------------


def test_a_doctor_passes_over_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the settings that are wrong are left out: the rest is looked at where it was said to be."""
    monkeypatch.setenv("CVDIGEST_PACE", "quick")
    (tmp_path / "cvdigest.toml").write_text('layout = "none"\ncolour = "red"\nout = "pages"\n')
    status, out, _ = said(capsys, "doctor", "--offline", "--json")
    found = json.loads(out)["checks"]
    told = {each["what"]: each["how"] for each in found}

    assert status == 1
    assert [each["how"].split(":")[0] for each in found if each["what"] == "settings"] == [
        "cvdigest.toml",
        "cvdigest.toml",
        "CVDIGEST_PACE",
    ]
    assert str(tmp_path / "state") in told["data folder"]
    assert told["out folder"].startswith("pages ")


def test_a_doctor_looks_nowhere_else(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is not known at what to look, the settings are all there is to say."""
    monkeypatch.setenv("CVDIGEST_ARXIV_URL", "ftp://nowhere")
    status, out, _ = said(capsys, "doctor", "--json")

    assert (status, [each["what"] for each in json.loads(out)["checks"]][-1]) == (1, "settings")


def test_a_quiet_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    """It prints what is not well, and nothing else."""
    loud = said(capsys, "doctor", "--offline")[1].splitlines()
    quiet = said(capsys, "doctor", "--offline", "--quiet")[1].splitlines()

    assert [line for line in loud if not line.startswith("ok ")] == quiet
    assert any("contact" in line for line in quiet)


# -- backups ---------------------------------------------------------------------------------------------------------------


def test_a_database_of_another_program_is_not_replaced(database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`db restore` leaves alone what `run` leaves alone."""
    url = database.url.render_as_string(hide_password=False)
    assert said(capsys, "db", "backup", str(tmp_path / "kept"), "--database", url)[0] == 0
    other = url
    if database.sqlite:
        other = str(tmp_path / "other.db")
        with sqlite3.connect(other) as connection:
            connection.execute("CREATE TABLE theirs (x)")
        connection.close()
    else:
        with database.write() as connection_:
            connection_.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE theirs (x int)")
    database.close()
    options = [] if database.sqlite else ["--replace"]
    status, _, err = said(capsys, "db", "restore", str(tmp_path / "kept"), "--database", other, *options)

    assert status == 1
    assert "of another program" in err or "holds something else" in err
    assert [path.name for path in tmp_path.glob("*before-restore*")] == []


def test_a_backup_by_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str], template: Path) -> None:
    """A backup in the data folder is found by its name alone, and one edition is one."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "cvdigest.db").write_bytes(template.read_bytes())
    database = Database(address("", tmp_path / "state"))
    with database.write() as connection:
        keep(connection, announcement())
    database.close()
    made = said(capsys, "db", "backup")
    status, out, _ = said(capsys, "db", "restore", Path(made[1].strip()).name)

    assert (made[0], status) == (0, 0)
    assert "of 1 edition, " in made[2]
    assert "is the backup of 1 edition, " in out


def test_a_backup_for_which_there_is_no_room(tmp_path: Path, capsys: pytest.CaptureFixture[str], template: Path) -> None:
    """The backup is named then, and not the database, which is well; nothing is left behind."""
    (tmp_path / "away").mkdir()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, before[1]))
    try:
        status, _, err = said(capsys, "db", "backup", "away/b.db", "--database", str(template))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert status == 1
    assert err.startswith("cvdigest: away/b.db cannot be written: ")
    assert str(template) not in err
    assert list((tmp_path / "away").iterdir()) == []


# -- who is told -----------------------------------------------------------------------------------------------------------


def test_a_run_warns_that_nobody_could_be_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that cannot be read is no reason to make no digest, and not passed over in silence."""
    monkeypatch.setenv("CVDIGEST_WEBHOOK_FILE", str(tmp_path / "none"))
    status, _, err = said(capsys, "run", "--sample", "--model", str(tmp_path / "none"))

    assert status == 0
    assert "warning: nobody could be told of a failure: webhook_file: " in err


def test_an_operator_without_a_mail_server(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`doctor` says that no letter would come."""
    monkeypatch.setenv("CVDIGEST_OPERATOR", "you@example.org")
    found = {each["what"]: each for each in json.loads(said(capsys, "doctor", "--offline", "--json")[1])["checks"]}

    assert (found["alerts"]["grade"], found["alerts"]["advice"]) == ("warning", "set mail_server too")


def test_nothing_is_due(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says so, and when the next look is."""
    monkeypatch.setenv("CVDIGEST_NOW", "2026-11-21T06:00Z")
    database = Database(address("", tmp_path / "state"))
    with database.open().write() as connection:
        days.write(connection, Note("cs.CV", DAY, State.NONE, "a holiday", service="listing", at=NOW, attempts=1))
    database.close()
    status, _, err = said(capsys, "run", "--due", "--arxiv-url", "http://127.0.0.1:9")

    assert status == 0
    assert "nothing is due; the next look: 2026-11-23 01:00 UTC" in err


# -- a data folder that cannot be written ----------------------------------------------------------------------------------

_READING = """
import os, sys
from digest import cli
from tests import machine

data, away = sys.argv[1:]
READING = (["status"], ["search", "paper"], ["db", "check"], ["db", "backup"])
for command in READING:  # what Python loads lies where another user may not look
    cli.main([*command, "--data", f"{away}/copy", "--quiet", "--json"])
if os.geteuid() == 0:
    machine.become(65534)
print()
READING[-1].append(f"{away}/b.db")
for command in (*READING, ["run", "--date", "2026-11-20"]):
    print("ended", command[0], cli.main([*command, "--data", data]))
"""


@pytest.mark.slow
def test_a_data_folder_that_is_only_read(template: Path) -> None:
    """Whoever only reads can do so where nothing can be written; whoever would write is told."""
    with tempfile.TemporaryDirectory() as name:
        top, state = Path(name), Path(name) / "state"
        state.mkdir()
        (top / "away").mkdir()
        shutil.copy(template, state / "cvdigest.db")
        database = Database(address("", state))
        with database.write() as connection:
            keep(connection, announcement())
        database.close()
        shutil.copytree(state, top / "away" / "copy")
        (state / "cvdigest.db").chmod(0o444)
        (top / "away").chmod(0o777)
        state.chmod(0o555)
        top.chmod(0o755)
        try:
            done = subprocess.run(
                [sys.executable, "-c", _READING, str(state), str(top / "away")],
                cwd=top, capture_output=True, text=True, timeout=60, check=False,
                env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": name, "CVDIGEST_ARXIV_URL": "http://127.0.0.1:9"},
            )  # fmt: skip
            left = sorted(path.name for path in state.iterdir())
        finally:
            state.chmod(0o755)

    ended = [line for line in done.stdout.splitlines() if line.startswith("ended ")]
    assert ended == ["ended status 0", "ended search 0", "ended db 0", "ended db 0", "ended run 1"], done.stderr
    assert left == ["cvdigest.db"]
