"""What time it is: the machine's clock, one that stands still, one that runs faster."""

import math
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from digest import cli
from digest.clock import Clock
from tests import weeks
from tests.reference import clean_environment

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_the_clock_of_the_machine() -> None:
    """Without an instant of its own it shows the machine's time, in UTC."""
    before = datetime.now(UTC)
    clock = Clock()

    assert before <= clock.now() <= datetime.now(UTC)
    assert clock.now().utcoffset() == timedelta()
    assert 3590 < clock.seconds_until(datetime.now(UTC) + timedelta(hours=1)) <= 3600


def test_a_clock_that_stands_still() -> None:
    """An instant stays what it is; what lies ahead of it never comes."""
    clock = Clock(NOON)

    assert (clock.now(), clock.seconds_until(NOON)) == (NOON, 0)
    assert clock.seconds_until(NOON + timedelta(seconds=1)) == math.inf


def test_a_clock_that_runs_faster() -> None:
    """It runs so many times as fast, and tells real seconds."""
    real = [50.0]
    clock = Clock(NOON, 60, lambda: real[0])
    real[0] += 10

    assert clock.now() == NOON + timedelta(minutes=10)
    assert clock.seconds_until(NOON + timedelta(minutes=40)) == 30
    assert clock.seconds_until(NOON) == 0
    real[0] += 1e12
    assert clock.now().year == 9999


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--speed=0", "--now=2026-11-20T06:00Z"], "no speed"),
        (["--speed=-1", "--now=2026-11-20T06:00Z"], "no speed"),
        (["--speed=nan", "--now=2026-11-20T06:00Z"], "no speed"),
        (["--speed=quick", "--now=2026-11-20T06:00Z"], "no speed"),
        (["--speed=10"], "give --now too"),
    ],
)
def test_speeds_that_are_none(
    arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A speed that makes no sense, or has no instant to begin from, is wrong use."""
    weeks.program(tmp_path, "", capsys, monkeypatch)

    assert cli.main(["schedule", "--once", *arguments]) == 2
    assert says in capsys.readouterr().err


def child(*arguments: str, folder: Path, first: str = "", **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the program in a process of its own, *first* some code."""
    code = f"import sys\n{first}\nfrom digest.cli import main\nsys.exit(main(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env=clean_environment(folder, **environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


BLOCKED = "sys.modules['tzdata'] = None"


@pytest.mark.parametrize("command", [pytest.param(("schedule",), marks=pytest.mark.slow), ("run", "--due")])
def test_without_time_zone_data(tmp_path: Path, command: tuple[str, ...]) -> None:
    """A machine that does not know the time zone of Ithaca is told so at the start, in plain words, and nothing is asked."""
    options = [f"--data={tmp_path / 'data'}", f"--out={tmp_path / 'out'}", "--arxiv-url=http://127.0.0.1:9"]
    done = child(*command, *options, folder=tmp_path, first=BLOCKED, PYTHONTZPATH="")

    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "this machine has no data about the time zone America/New_York, by which arXiv announces; python -m pip install tzdata" in line


def test_help_without_time_zone_data(tmp_path: Path) -> None:
    """What needs no time zone works without one."""
    assert child("--version", folder=tmp_path, first=BLOCKED, PYTHONTZPATH="").returncode == 0
