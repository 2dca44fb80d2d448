"""The clock: every date is made once, when it is out, whatever the machine did in between."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from digest import publish, resources
from digest.errors import UnreachableError
from digest.scheduling import Clockwork
from tests import pages, servers
from tests.pages import Fake
from tests.reference import ROOT

FRIDAY = date(2026, 11, 20)
CALENDAR = resources.calendar()


def clockwork(folder: Path, made: list[date], said: list[str]) -> Clockwork:
    """Return a clockwork that makes a date by writing its file."""

    def make(day: date) -> None:
        made.append(day)
        publish.write([(publish.page_path(folder, day, "cs.CV").with_suffix(".json"), "{}")])

    return Clockwork(CALENDAR, folder, "cs.CV", make, said.append)


def test_a_year_of_ticks(tmp_path: Path) -> None:
    """Ticking through a year, clock changes and holidays included, makes every date of it exactly once, in order."""
    made: list[date] = []
    ticking = clockwork(tmp_path, made, [])
    now = datetime(2026, 1, 5, 12, tzinfo=UTC)
    while now < datetime(2027, 1, 5, 12, tzinfo=UTC):
        ticking.tick(now)
        now += timedelta(minutes=97)

    expected = [FRIDAY - timedelta(days=days) for days in range(400, -60, -1)]
    assert made == [day for day in expected if date(2026, 1, 5) <= day <= date(2027, 1, 5) and not CALENDAR.closure(day)]


def test_nothing_is_made_while_arxiv_publishes(tmp_path: Path) -> None:
    """A date is due when its pages are complete, not before."""
    ticking = clockwork(tmp_path, [], [])

    assert ticking.due(datetime(2026, 11, 20, 2, 29, tzinfo=UTC)) == date(2026, 11, 19)
    assert ticking.due(datetime(2026, 11, 20, 2, 30, tzinfo=UTC)) == FRIDAY


def test_what_fails_is_tried_again(tmp_path: Path) -> None:
    """An error is said, and the next tick tries the same date."""
    tries: list[date] = []
    said: list[str] = []

    def make(day: date) -> None:
        tries.append(day)
        msg = "arXiv cannot be reached"
        raise UnreachableError(msg)

    ticking = Clockwork(CALENDAR, tmp_path, "cs.CV", make, said.append)
    now = datetime(2026, 11, 20, 6, tzinfo=UTC)

    assert [ticking.tick(now), ticking.tick(now)] == [False, False]
    assert tries == [FRIDAY, FRIDAY]
    assert "trying again at the next tick" in said[0]


@pytest.fixture
def arxiv() -> Iterator[servers.Arxiv]:
    """Play arXiv with one small announcement."""
    with servers.arxiv() as state:
        state.pages["/list/cs.CV/new"] = pages.new([Fake("2611.00001")], FRIDAY)
        yield state


def arguments(folder: Path, arxiv: servers.Arxiv) -> list[str]:
    """Return the settings of a scheduler that lives in *folder*."""
    options = {"out": folder / "out", "data": folder / "data", "arxiv-url": arxiv.url, "now": "2026-11-20T06:00Z"}
    return [f"--{name}={value}" for name, value in options.items()]


def test_the_scheduler_runs_and_ends(tmp_path: Path, arxiv: servers.Arxiv) -> None:
    """`scheduler.py` makes what is due at once, goes on waiting, and ends cleanly when it is told to."""
    with subprocess.Popen(
        [sys.executable, ROOT / "scheduler.py", *arguments(tmp_path, arxiv)], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert "1 new" in process.stdout.readline()
        assert "2026-11-20-cs.CV.md" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)

        assert process.wait(20) == 0
    assert (tmp_path / "out" / "2026" / "2026-11-20-cs.CV.md").exists()


def test_once(tmp_path: Path, arxiv: servers.Arxiv) -> None:
    """--once makes what is due and ends; a second one finds nothing to do and asks nobody."""
    command = [sys.executable, "-m", "digest", "schedule", "--once", *arguments(tmp_path, arxiv)]
    for _ in range(2):
        assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0

    assert arxiv.asked.count("/list/cs.CV/new") == 1


def test_a_refusal_ends_the_schedule(tmp_path: Path, arxiv: servers.Arxiv) -> None:
    """After 403 nobody asks again: the schedule ends with 69."""
    arxiv.pages["/list/cs.CV/new"] = (403, b"", {})
    command = [sys.executable, "-m", "digest", "schedule", "--every=0.02", *arguments(tmp_path, arxiv)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=30)

    assert (done.returncode, len(arxiv.asked)) == (69, 1)
    assert "refuses to serve us" in done.stderr


def test_an_edition_that_was_not_finished(tmp_path: Path, arxiv: servers.Arxiv) -> None:
    """A page that could not be written is made at the next look."""
    page = tmp_path / "out" / "2026" / "2026-11-20-cs.CV.md"
    page.mkdir(parents=True)
    command = [sys.executable, "-m", "digest", "schedule", "--once", *arguments(tmp_path, arxiv)]
    first = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    page.rmdir()
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (first.returncode, second.returncode, page.is_file()) == (75, 0, True)
    assert "cannot be written" in first.stderr


@pytest.mark.parametrize("every", ["0", "-1", "often", "nan", "1e9"])
def test_an_interval_that_is_none(every: str) -> None:
    """An interval that makes no sense is wrong use."""
    command = [sys.executable, "-m", "digest", "schedule", f"--every={every}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, "no number of minutes" in done.stderr) == (2, True)
