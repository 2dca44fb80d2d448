"""``cvdigest doctor``: each thing that can break is found, named, and comes with what to do."""

import json
import os
import socket
import subprocess
import sys
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from digest import cli, doctor, heartbeat, resources
from digest.doctor import FAILED, OK, WARNING, Finding
from digest.errors import SettingsError
from digest.settings import Settings, read, secret, secrets
from tests import pages, servers
from tests.pages import Fake
from tests.reference import ROOT, clean_environment
from tests.test_alerts import hook

NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)


@dataclass
class Doctor:
    """The command, in a folder and an environment of its own."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str) -> tuple[int, dict[str, dict[str, str]]]:
        """Return its exit status, and its findings by what they are about."""
        self.capsys.readouterr()
        status = cli.main(["doctor", "--json", *arguments])
        told = json.loads(self.capsys.readouterr().out)
        assert told["ok"] is (status == 0)
        return status, {each["what"]: each for each in told["checks"]}


@pytest.fixture
def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Doctor:
    """Return the command."""
    for name in [name for name in os.environ if name.startswith("CVDIGEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("CVDIGEST_DATA", "state")
    monkeypatch.setenv("CVDIGEST_CONTACT", "you@example.org")
    return Doctor(tmp_path, capsys)


@pytest.fixture
def arxiv() -> Iterator[servers.Arxiv]:
    """Play arXiv."""
    with servers.arxiv() as state:
        state.pages["/list/cs.CV/new"] = pages.new([Fake("2611.00001")], date(2026, 11, 20))
        yield state


def only(found: list[Finding]) -> tuple[str, str, str]:
    """Return the grade, the words and the advice of the only finding."""
    (finding,) = found
    return finding.grade, finding.how, finding.advice


# -- the command -----------------------------------------------------------------------------------------------------------


def test_all_is_well(look: Doctor, arxiv: servers.Arxiv) -> None:
    """Where nothing is wrong the status is 0, arXiv was asked once, and nothing is left behind but what its pace needs."""
    status, found = look("--arxiv-url", arxiv.url, "--quiet")

    assert status == 0
    # The release of Python and the room on the disk are those of the machine that the test runs on.
    assert {each["grade"] for name, each in found.items() if name != "python" and "disk" not in name} == {OK}
    assert set(found) >= {
        "python",
        "time zones",
        "settings",
        "clock",
        "data disk",
        "data folder",
        "out folder",
        "database",
        "model",
        "arXiv",
    }
    assert arxiv.asked == ["/list/cs.CV/new"]
    assert not (look.folder / "digests").exists()
    assert {path.name for path in look.folder.rglob("*")} <= {"state", "arxiv.lock"}


def test_offline_asks_nobody(look: Doctor, arxiv: servers.Arxiv) -> None:
    """With --offline neither arXiv nor a mail server is asked."""
    (look.folder / "cvdigest.toml").write_text(
        f'operator = "you@example.org"\nmail-server = "smtp://127.0.0.1:9"\narxiv-url = "{arxiv.url}"', "utf-8"
    )
    status, found = look("--offline")

    assert (status, arxiv.asked, "arXiv" in found) == (0, [], False)
    assert found["mail"]["how"] == "it is set up"
    status, found = look()
    assert (status, found["mail"]["grade"]) == (1, FAILED)


@pytest.mark.usefixtures("look")
def test_lines_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """Without --json there is a line for each: grade, thing, how it is; what to do."""
    assert cli.main(["doctor", "--offline", "--model", "nowhere"]) == 1
    lines = capsys.readouterr().out.splitlines()

    assert any(line.startswith("ok       data folder   state can be written") for line in lines)
    assert [line.split()[:2] for line in lines if line.startswith("failed")] == [["failed", "model"]]


def test_a_mistake_in_the_settings(look: Doctor) -> None:
    """A settings file that cannot be read is a finding with its line, and the rest is looked at."""
    (look.folder / "cvdigest.toml").write_text("\nlayout = 'round'\n", "utf-8")
    status, found = look("--offline")

    assert (status, found["settings"]["grade"], found["out disk"]["grade"]) == (1, FAILED, OK)
    assert found["settings"]["how"].startswith("cvdigest.toml:2: layout: ")


def test_folders_that_cannot_be_written(look: Doctor) -> None:
    """A file stands where a folder should be."""
    (look.folder / "state").write_bytes(b"")
    (look.folder / "file").write_bytes(b"")
    status, found = look("--offline", "--out", "file/digests")

    assert status == 1
    for name, option in (("data folder", "--data"), ("out folder", "--out")):
        assert found[name]["grade"] == FAILED
        assert option in found[name]["advice"]


def test_a_model_that_is_damaged(look: Doctor, tmp_path: Path) -> None:
    """A byte that fell over is found by the checksums."""
    folder = tmp_path / "model"
    folder.mkdir()
    for path in (resources.folder("models") / "default").iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    content = bytearray((folder / "vocabulary.txt").read_bytes())
    content[100] ^= 1
    (folder / "vocabulary.txt").write_bytes(content)
    status, found = look("--offline", "--model", str(folder))

    assert (status, found["model"]["grade"]) == (1, FAILED)
    assert "vocabulary.txt" in found["model"]["how"]


def test_arxiv_that_is_not_there(look: Doctor, arxiv: servers.Arxiv) -> None:
    """A server that is down, or does not know the category."""
    arxiv.pages["/list/cs.CV/new"] = (404, b"nothing", {})
    assert look("--arxiv-url", arxiv.url)[1]["arXiv"]["how"].startswith("it answered 404")
    status, found = look("--arxiv-url", "http://127.0.0.1:9")

    assert (status, found["arXiv"]["grade"]) == (1, FAILED)


def test_a_refusal_is_remembered(look: Doctor, arxiv: servers.Arxiv) -> None:
    """After 403 nobody is asked for a day, by the doctor neither."""
    arxiv.pages["/list/cs.CV/new"] = (403, b"no", {})
    first, second = look("--arxiv-url", arxiv.url), look("--arxiv-url", arxiv.url)

    assert [status for status, _ in (first, second)] == [1, 1]
    assert len(arxiv.asked) == 1
    assert "is not asked again before" in second[1]["arXiv"]["how"]


def test_a_test_of_the_alerts(look: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test goes out by the web-hook; if it is not taken, or there is none, that is a failure."""
    assert look("--offline", "--alert-test")[1]["alerts"]["grade"] == FAILED
    with hook() as state:
        monkeypatch.setenv("CVDIGEST_WEBHOOK", state.url)
        assert look("--offline")[1]["webhook"]["grade"] == OK
        assert state.told == []
        assert look("--offline", "--alert-test")[0] == 0
        assert state.events == [("test", "test", None)]
        state.status = 500
        status, found = look("--offline", "--alert-test")

    assert (status, found["webhook test"]["grade"]) == (1, FAILED)
    assert "secret" not in str(found)


def test_a_mail_server_without_an_operator(look: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody would get the letters."""
    monkeypatch.setenv("CVDIGEST_MAIL_SERVER", "smtp://127.0.0.1:9")

    assert look("--offline")[1]["alerts"]["how"] == "a mail server is set, and no mail address of the operator"


def test_no_time_zone_data_at_all(tmp_path: Path) -> None:
    """Without any data the doctor still says what is lacking, though hardly a module can be loaded (fault 35)."""
    (tmp_path / "tzdata.py").write_text("raise ImportError\n", "utf-8")
    (tmp_path / "doctor.py").write_text(
        "from digest.cli import main\nassert main(['status']) == 1\nraise SystemExit(main(['doctor', '--offline']))\n", "utf-8"
    )
    environment = clean_environment(
        tmp_path,
        PYTHONPATH=f"{tmp_path}:{ROOT}",
        PYTHONTZPATH="",
        CVDIGEST_DATA=str(tmp_path / "state"),
        CVDIGEST_CONTACT="you@example.org",
    )
    command = [sys.executable, "doctor.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 1
    assert "failed   time zones    there is no data for America/New_York" in done.stdout
    assert done.stderr.startswith("cvdigest: this machine has no data about the time zone America/New_York")
    assert len(done.stderr.splitlines()) == 1


# -- single checks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "grade"),
    [((3, 11, 9), WARNING), ((3, 11, 10), OK), ((3, 12, 4), WARNING), ((3, 12, 5), OK), ((3, 13, 0), OK), ((3, 15, 0), OK)],
)
def test_releases_of_python(version: tuple[int, int, int], grade: str) -> None:
    """Releases that lack the fixes for letters are named."""
    assert only(doctor.python(version))[0] == grade


def test_old_time_zone_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Data of years ago is a warning; data without Ithaca's summer a failure."""
    folder = tmp_path / "America"
    folder.mkdir()
    (folder / "New_York").write_bytes(_zone("EST5EDT,M3.2.0,M11.1.0"))
    (tmp_path / "tzdata.zi").write_bytes(b"# version 2019c\n")
    monkeypatch.setattr(zoneinfo, "TZPATH", (str(tmp_path),))
    assert only(doctor.zones(NOW))[:2] == (WARNING, "the data is of 2019c")

    monkeypatch.setattr(zoneinfo, "ZoneInfo", lambda _name: UTC)
    assert only(doctor.zones(NOW))[0] == FAILED


def _zone(rule: str) -> bytes:
    head = b"TZif2" + bytes(15)
    block = (0).to_bytes(4, "big") * 3 + (0).to_bytes(4, "big") + (1).to_bytes(4, "big") + (4).to_bytes(4, "big")
    data = (-18000).to_bytes(4, "big", signed=True) + b"\0\0" + b"EST\0"
    return head + block + data + head + block + data + f"\n{rule}\n".encode()


@pytest.mark.parametrize(
    ("now", "grade"), [(NOW, OK), (datetime(1970, 1, 1, tzinfo=UTC), FAILED), (datetime(2300, 1, 1, tzinfo=UTC), FAILED)]
)
def test_a_clock_that_cannot_be_right(now: datetime, grade: str) -> None:
    """A clock from before this program was written is wrong (fault 37)."""
    assert only(doctor.clock(now))[0] == grade


@pytest.mark.parametrize(
    ("apart", "expected"),
    [
        (timedelta(minutes=9), []),
        (timedelta(minutes=-9), []),
        (timedelta(minutes=30), [(WARNING, "it is 30 min ahead of arXiv's")]),
        (timedelta(days=-1), [(FAILED, "it is 24 h behind arXiv's")]),
    ],
)
def test_the_clock_beside_that_of_arxiv(apart: timedelta, expected: list[tuple[str, str]]) -> None:
    """What differs by more than minutes is said."""
    found = doctor.drift({"date": format_datetime(NOW - apart, usegmt=True)}, NOW)

    assert [(each.grade, each.how) for each in found] == expected
    assert doctor.drift({"date": "yesterday"}, NOW) == doctor.drift({}, NOW) == []


@pytest.mark.parametrize(
    ("mebibytes", "names", "grade"),
    [
        (99, None, FAILED),
        (100, None, WARNING),
        (1023, 10**6, WARNING),
        (1024, None, OK),
        (5000, 999, FAILED),
        (5000, 9999, WARNING),
        (5000, 10_000, OK),
    ],
)
def test_room_on_the_disk(mebibytes: int, names: int | None, grade: str) -> None:
    """Too few bytes, or too few names for files."""
    assert doctor.room("out", Path("/x"), mebibytes * 2**20, names).grade == grade


def test_a_database(look: Doctor) -> None:
    """What is in it is told; a damaged one is a failure, and is left as it is."""
    path = look.folder / "state" / "cvdigest.db"
    _, found = look("--offline")
    assert (found["database"]["grade"], path.exists()) == (OK, False)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"no database at all" * 99)
    status, found = look("--offline")

    assert (status, found["database"]["grade"]) == (1, FAILED)
    assert "cvdigest db restore" in found["database"]["advice"]
    assert path.read_bytes() == b"no database at all" * 99


def beat(folder: Path, category: str = "cs.CV", **facts: Any) -> None:
    """Write a heartbeat."""
    whole = {"pid": os.getpid(), "host": socket.gethostname(), "role": "leader", "at": NOW.isoformat(), **facts}
    heartbeat.file(folder, category).write_text(json.dumps(whole), "utf-8")


def test_a_daemon_that_is_alive(tmp_path: Path) -> None:
    """A heartbeat of a moment ago, of a process that is there; or no daemon at all; or one that was stopped."""
    assert only(doctor.heartbeat(tmp_path, NOW))[:2] == (OK, "none is known here")
    beat(tmp_path)
    assert only(doctor.heartbeat(tmp_path, NOW + timedelta(seconds=40)))[0] == OK
    assert only(doctor.heartbeat(tmp_path, None))[0] == OK
    beat(tmp_path, role="stopped")
    assert only(doctor.heartbeat(tmp_path, NOW + timedelta(days=9)))[0] == OK


def test_a_daemon_that_is_silent(tmp_path: Path) -> None:
    """It hangs, has died without a word, or left something that is no heartbeat."""
    beat(tmp_path)
    assert only(doctor.heartbeat(tmp_path, NOW + timedelta(minutes=6)))[0] == FAILED
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    beat(tmp_path, pid=ended.pid)
    assert "has ended" in only(doctor.heartbeat(tmp_path, NOW))[1]
    beat(tmp_path, host="elsewhere", pid=1)
    assert only(doctor.heartbeat(tmp_path, NOW))[0] == OK
    heartbeat.file(tmp_path, "cs.CV").write_bytes(b"[]")
    assert only(doctor.heartbeat(tmp_path, NOW))[0] == WARNING


def test_daemons_of_two_categories(tmp_path: Path) -> None:
    """Each leaves a file of its own, so that one that is silent is not hidden by the other."""
    beat(tmp_path)
    beat(tmp_path, "cs.LG", at=(NOW - timedelta(hours=1)).isoformat())
    one, other = doctor.heartbeat(tmp_path, NOW)

    assert (one.grade, one.how[:7], other.grade, other.how[:7]) == (OK, "cs.CV: ", FAILED, "cs.LG: ")


def test_a_check_that_breaks_is_a_finding() -> None:
    """An error of a check does not keep the others from being made."""

    def check() -> list[Finding]:
        return [Finding("", OK, str(1 // 0))]

    assert only(doctor.ended("disk", check))[0] == FAILED


# -- secrets of the settings -----------------------------------------------------------------------------------------------

HOOK = "https://hooks.example.org/services/secret-path"


def with_file(tmp_path: Path, content: str, mode: int = 0o600) -> Settings:
    """Return settings whose web-hook is in a file."""
    path = tmp_path / "webhook"
    path.write_text(content, "utf-8")
    path.chmod(mode)
    return read({}, {"CVDIGEST_WEBHOOK_FILE": str(path)}, ())


def test_a_secret_in_a_file(tmp_path: Path) -> None:
    """It is read when it is needed, and hidden from then on."""
    found = with_file(tmp_path, f"{HOOK}\n")

    assert secret(found, "webhook", {}) == HOOK
    assert "services/secret-path" in secrets(found, {})
    assert "secret-path" not in repr(found)


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (HOOK, 0o640, "others than its owner"),
        (HOOK, 0o604, "others than its owner"),
        ("http://example.org/secret-path", 0o600, "begins with https"),
        ("", 0o600, "no address"),
        ("x" * 9000, 0o600, "no address"),
    ],
)
def test_a_file_with_a_secret_that_is_refused(tmp_path: Path, content: str, mode: int, said: str) -> None:
    """A file that others can read is refused, and so is one with something else in it; the error quotes nothing of it."""
    with pytest.raises(SettingsError, match=said) as caught:
        secret(with_file(tmp_path, content, mode), "webhook", {})

    assert "secret-path" not in str(caught.value)


def test_a_credential_of_systemd(tmp_path: Path) -> None:
    """systemd's own folder is closed to others, whatever the mode of the files in it."""
    found = with_file(tmp_path, HOOK, 0o440)

    assert secret(found, "webhook", {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == HOOK


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('webhook = ["https://hooks.example.org/secret22"]', "webhook cannot be a list"),
        ('mail-server = "smtp://u:secret22@127.0.0.1"', "no password is sent without TLS"),
        ('operator = "a@x, b@y"', "no mail address"),
        ("alert-after = 0", "no number of hours"),
        ("alert-after = true", "no number of hours"),
        ('log = "xml"', "no way to tell progress"),
    ],
)
def test_settings_that_are_refused(tmp_path: Path, text: str, said: str) -> None:
    """Each is named with its line, and without its secrets."""
    path = tmp_path / "cvdigest.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(SettingsError, match=rf"cvdigest\.toml:1: .*{said}") as caught:
        read({}, {}, (path,))

    assert "secret22" not in str(caught.value)


def test_settings_show_no_secret() -> None:
    """Who prints the settings prints no secret, and knows which there are."""
    found = read({}, {"CVDIGEST_WEBHOOK": HOOK, "CVDIGEST_MAIL_SERVER": "smtps://u:pa55word@h"}, ())

    assert not [word for word in ("secret-path", "pa55word") if word in repr(found)]
    assert {"services/secret-path", "pa55word"} <= set(secrets(found, {}))


def test_a_database_in_a_file(tmp_path: Path) -> None:
    """The URL is read from the file that only its owner can read; what is typed wins over it, and two settings of it are one too many."""
    path = tmp_path / "database"
    path.write_text("postgresql://me:pa55word@db.example.org/digests\n", "utf-8")
    path.chmod(0o600)
    there = {"CVDIGEST_DATABASE_FILE": str(path)}
    found = read({}, there, ())

    assert found.database == "postgresql://me:pa55word@db.example.org/digests"
    assert "pa55word" in secrets(found, {})
    assert "pa55word" not in repr(found)
    assert read({"database": "x.db"}, there, ()).database == "x.db"
    with pytest.raises(SettingsError, match="both set"):
        read({}, {**there, "CVDIGEST_DATABASE": "x.db"}, ())
    path.chmod(0o640)
    with pytest.raises(SettingsError, match="others than its owner"):
        read({}, there, ())
