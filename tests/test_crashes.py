"""Ended by force at any instant, the program needs nothing but another start. Faults 41 to 43, 47 and 48.

The children are real processes, killed with SIGKILL, so that nothing of ours runs when they end. What is looked at afterwards is
`tests.wholeness`.
"""

import shutil
import signal
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from random import Random

import pytest

from digest import heartbeat
from digest.failpoints import POINTS, VARIABLE
from tests import servers, weeks
from tests.children import BOUND, Child, Nursery
from tests.crowds import SOON, crowd
from tests.postgres import Server
from tests.servers import eventually
from tests.weeks import LAST, Program, fakes
from tests.wholeness import Elsewhere, look

CLOSED = date(2026, 11, 19)
"""A date of which arXiv says that there are no updates."""
EARLY, LATE = "2026-11-20T01:30Z", weeks.NOW
"""arXiv is publishing Friday's announcement; it has."""
SOON_ENOUGH = ("answer-kept", "prepared", "written-page", "publish-commit")
"""The points at which a kill leaves something else behind than at the one before: of a first edition, the others are slow tests."""
WITHOUT_PAGE = tuple(point for point in POINTS if "-page" not in point and "-index" not in point)


def run(nursery: Nursery, program: Program, *arguments: str, point: str = "") -> Child:
    """Run the program in a process of its own, to its end."""
    return nursery.run(["run", *program.options("run"), *arguments], {VARIABLE: point} if point else {})


def check(program: Program, day: date = LAST, number: int = 1) -> None:
    """Assert that all of a date is there, once, and nothing else."""
    assert look(program, day, number=number) == []


class Reader:
    """Reads files over and over, as a web server would, and remembers each content that it saw."""

    def __init__(self, *paths: Path) -> None:
        self.seen: dict[Path, set[bytes]] = {path: set() for path in paths}
        self.times = 0
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def _read(self) -> None:
        while not self._ends.wait(0.001):
            self.times += 1
            for path, contents in self.seen.items():
                try:
                    contents.add(path.read_bytes())
                except FileNotFoundError:
                    continue

    @contextmanager
    def reading(self) -> Iterator["Reader"]:
        """Read meanwhile."""
        self._thread.start()
        try:
            yield self
        finally:
            self._ends.set()
            self._thread.join()


# -- 41, 42, 43: killed at every step -----------------------------------------------------------------------------------


@pytest.mark.parametrize("point", [pytest.param(point, marks=() if point in SOON_ENOUGH else pytest.mark.slow) for point in POINTS])
def test_41_42_43_killed_in_a_first_edition(program: Program, nursery: Nursery, arxiv: servers.Arxiv, point: str) -> None:
    """Killed at any step, a run leaves what the next one finishes: one edition, whole, and arXiv is not asked twice."""
    assert run(nursery, program, point=f"{point}:kill").wait() == -signal.SIGKILL
    done = run(nursery, program)

    assert done.wait() == 0, done.err
    check(program)
    assert arxiv.asked == [weeks.address(LAST)]


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory, nursery: Nursery) -> Path:
    """Return a folder with a first edition of two papers, made while arXiv was publishing."""
    folder = tmp_path_factory.mktemp("earlier")
    with servers.arxiv() as state:
        state.pages[weeks.address(LAST)] = weeks.page(LAST, fakes(LAST)[:2])
        first = Program(folder, state.url, lambda: None, now=EARLY)
        assert run(nursery, first).wait() == 0
        check(first)
    return folder


def renewed(earlier: Path, program: Program) -> None:
    """Let the program begin with the edition from before, whose answers came from elsewhere and count for nothing now."""
    shutil.copytree(earlier, program.folder, dirs_exist_ok=True)


@pytest.mark.slow
@pytest.mark.parametrize("point", [point for point in POINTS if point != "write-index-before-rename"])  # the index stays as it is
def test_42_killed_while_an_edition_is_replaced(
    program: Program, nursery: Nursery, arxiv: servers.Arxiv, earlier: Path, point: str
) -> None:
    """A reader sees the old page or the new one at each moment; the next run finishes the new edition."""
    renewed(earlier, program)
    paths = program.page(LAST), program.page(LAST).with_suffix(".json")
    old = [path.read_bytes() for path in paths]
    with Reader(*paths).reading() as reader:
        assert run(nursery, program, point=f"{point}:kill").wait() == -signal.SIGKILL
        done = run(nursery, program)

    assert done.wait() == 0, done.err
    check(program, number=2)
    assert all(reader.seen[path] <= {before, path.read_bytes()} for path, before in zip(paths, old, strict=True))
    assert reader.times > 10
    assert [path.read_bytes() for path in paths] != old
    assert len(arxiv.asked) == 1


@pytest.mark.slow
@pytest.mark.parametrize("point", WITHOUT_PAGE)
def test_41_42_43_killed_on_a_date_without_an_announcement(program: Program, nursery: Nursery, arxiv: servers.Arxiv, point: str) -> None:
    """The same holds for a date of which arXiv says that there is nothing."""
    arguments = "--date", str(CLOSED)
    assert run(nursery, program, *arguments, point=f"{point}:kill").wait() == -signal.SIGKILL
    done = run(nursery, program, *arguments)

    assert done.wait() == 0, done.err
    check(program, CLOSED)
    assert len(arxiv.asked) == 1


def test_the_json_comes_after_the_page(program: Program, nursery: Nursery) -> None:
    """Killed between the two, a run leaves the page without its JSON: where the JSON lies, the edition is whole."""
    assert run(nursery, program, point="written-page:kill").wait() == -signal.SIGKILL

    assert program.page(LAST).exists()
    assert not program.page(LAST).with_suffix(".json").exists()


@pytest.mark.parametrize("command", ["run", "run --due"])
def test_42_another_date_finishes_the_one_that_was_broken_off(
    program: Program, nursery: Nursery, arxiv: servers.Arxiv, command: str
) -> None:
    """What was prepared for one date is published by the next run, whichever date that makes; arXiv is not asked for it again."""
    broken = date(2026, 11, 18)
    assert run(nursery, program, "--date", str(broken), point="prepared:kill").wait() == -signal.SIGKILL
    assert not program.page(broken).exists()
    asked = list(arxiv.asked)
    done = run(nursery, program, *(("--due",) if command == "run --due" else ()))

    assert done.wait() == 0, done.err
    assert f"the digest of {broken} was broken off while it was written; it is finished now" in done.err
    check(program, broken)
    check(program)
    assert not set(asked) & set(arxiv.asked[len(asked) :])


# -- an error at every step ---------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_an_error_at_every_step(program: Program, nursery: Nursery, arxiv: servers.Arxiv, point: str) -> None:
    """An error of the machine is one clear line and status 1; the next run makes what was asked for."""
    failed = run(nursery, program, point=f"{point}:raise")
    # An answer that cannot be kept costs a second request, not the digest.
    assert failed.wait() == (0 if point == "answer-kept" else 1)
    assert "Traceback" not in failed.err
    assert [line for line in failed.err.splitlines() if line.startswith("cvdigest:")] == (
        [] if point == "answer-kept" else [failed.err.splitlines()[-1]]
    )
    done = run(nursery, program)

    assert done.wait() == 0, done.err
    check(program)
    assert len(arxiv.asked) == 1


# -- killed at any instant ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_killed_at_any_instant(tmp_path: Path, nursery: Nursery, arxiv: servers.Arxiv) -> None:
    """Forty runs, each killed at an instant between its request and its end that nobody chose: the next one makes all whole.

    `benchmarks/crashes.py` does 300, or as many as it is told.
    """
    asked = threading.Event()
    page = weeks.page(LAST)

    def answer() -> servers.Answer:
        asked.set()
        return 200, page, {}

    arxiv.pages[weeks.address(LAST)] = answer

    def started(name: str) -> tuple[Program, Child]:
        """Start a run in an empty folder, and wait until it asks arXiv."""
        program = Program(tmp_path / name, arxiv.url, lambda: None)
        program.folder.mkdir()
        asked.clear()
        child = nursery.start(["run", *program.options("run")])
        assert asked.wait(BOUND)
        return program, child

    lengths = []
    for number in range(5):
        _, child = started(f"undisturbed {number}")
        began = time.monotonic()
        assert child.wait() == 0
        lengths.append(time.monotonic() - began)
    length = statistics.median(lengths)
    random = Random(20)  # noqa: S311 - instants are no secrets
    within = 0
    for number in range(40):
        program, child = started(str(number))
        child.ended(random.uniform(0, length))
        child.signal(signal.SIGKILL)
        status = child.wait()
        assert status in (-signal.SIGKILL, 0)
        within += status != 0 and any((program.folder / "data" / "answers").glob("*/*.json"))
        done = run(nursery, program)
        assert done.wait() == 0, done.err
        check(program)
    assert within >= 10, f"{within} of 40 kills fell between the kept answer and the end, {length:.3f} s after the request"


@pytest.fixture
def elsewhere(tmp_path: Path, arxiv: servers.Arxiv, server: Server) -> Iterator[Elsewhere]:
    """Return the program, in an empty folder, with an empty database on a server."""
    url = server.empty()
    yield Elsewhere(tmp_path, arxiv.url, lambda: None, address=url.set(drivername="postgresql").render_as_string(hide_password=False))
    server.drop(url)


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_41_42_43_killed_with_a_database_elsewhere(elsewhere: Program, nursery: Nursery, arxiv: servers.Arxiv, point: str) -> None:
    """On PostgreSQL a run that is killed is finished by the next one too."""
    assert run(nursery, elsewhere, point=f"{point}:kill").wait() == -signal.SIGKILL
    done = run(nursery, elsewhere)

    assert done.wait() == 0, done.err
    check(elsewhere)
    assert len(arxiv.asked) == 1


# -- 47, 48: many at once -----------------------------------------------------------------------------------------------


def test_47_two_runs_at_once(program: Program, nursery: Nursery, arxiv: servers.Arxiv) -> None:
    """Of two runs that begin together on nothing, one makes the edition and the other finds it."""
    found = crowd(nursery, program, arxiv, Random(2), 0, 2)  # noqa: S311 - nothing is chosen

    assert found.wrong == []
    assert arxiv.asked == [weeks.address(LAST)]


@pytest.mark.slow
@pytest.mark.parametrize("number", range(10))
def test_47_48_a_crowd(program: Program, nursery: Nursery, arxiv: servers.Arxiv, number: int) -> None:
    """Two to eight daemons and runs at once, the leader killed in some rounds: one edition, each page asked for once.

    `benchmarks/crashes.py` does 30 rounds, and as many as it is told.
    """
    random = Random(number)  # noqa: S311 - numbers of daemons are no secrets
    found = crowd(nursery, program, arxiv, random, random.randint(2, 8), random.randint(2, 8), kill=number % 2 == 1)

    assert found.wrong == []


@pytest.mark.slow
@pytest.mark.parametrize("number", range(6))
def test_47_48_a_crowd_with_a_database_elsewhere(elsewhere: Program, nursery: Nursery, arxiv: servers.Arxiv, number: int) -> None:
    """On PostgreSQL the same holds: its locks end with the connection of who held them."""
    random = Random(number)  # noqa: S311 - numbers of daemons are no secrets
    found = crowd(nursery, elsewhere, arxiv, random, random.randint(2, 8), random.randint(2, 8), kill=number % 2 == 1)

    assert found.wrong == []


@pytest.mark.slow
def test_47_two_machines(elsewhere: Elsewhere, nursery: Nursery, arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """Two machines that share nothing but a database: one leads, the other one after its death, and both have the page at the end."""
    machines = [Elsewhere(tmp_path / name, arxiv.url, lambda: None, address=elsewhere.address) for name in ("one", "other")]
    daemons = {}
    for machine in machines:
        machine.folder.mkdir()
        daemons[machine.folder] = nursery.start(["schedule", *machine.options("run")])

    def leaders() -> list[Path]:
        beats = {machine.folder: heartbeat.read(machine.folder / "data", "cs.CV") for machine in machines}
        return [folder for folder, beat in beats.items() if beat is not None and beat.role == heartbeat.LEADER]

    assert eventually(
        lambda: len(leaders()) == 1 and all(heartbeat.file(machine.folder / "data", "cs.CV").exists() for machine in machines), 30
    )
    first = leaders()[0]
    daemons[first].signal(signal.SIGKILL)
    assert eventually(lambda: len(leaders()) == 2, SOON)  # the first one's last sign of life stays
    second = next(child for folder, child in daemons.items() if folder != first)
    second.signal(signal.SIGTERM)
    assert second.wait() == 0, second.err
    ended = [nursery.start(["run", *machine.options("run")]) for machine in machines]

    assert [child.wait() for child in ended] == [0, 0]
    assert [look(machine, LAST) for machine in machines] == [[], []]
    assert len(arxiv.asked) <= 2
