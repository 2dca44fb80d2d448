"""Whether the program survives: killed at instants that nobody chose, many daemons and runs at once, a thousand looks.

    python benchmarks/crashes.py --kills 1000 --rounds 500 --seed 7

An invented arXiv on loopback is asked by processes of their own. After each kill the program is started again, and then all that
it keeps is looked at: database, pages, JSON, index, notes, temporary files. Exit status: 0 if every goal is reached, else 1.
"""

import argparse
import itertools
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for the invented arXiv in `tests`

import os
import resource
import secrets
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from random import Random

from speed import Line

from digest import app
from digest.arxiv.answers import fingerprint
from digest.clock import Clock
from digest.polling import Poll, known
from digest.settings import Settings
from tests import children, servers, weeks
from tests.children import Nursery
from tests.crowds import crowd
from tests.weeks import LAST, Program, fakes
from tests.wholeness import DOUBLED, HALF, LEFT, LOST, OTHER, look

EARLY, CLOSED = "2026-11-20T01:30Z", date(2026, 11, 19)
LOOKS, WARM = 1000, 100
ASKED = "asked again"
KINDS = (LOST, DOUBLED, HALF, LEFT, ASKED, OTHER)


def main() -> int:
    """Measure everything, print the table, return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    options = parser.parse_args()
    print(f"seed {options.seed}\n{'measure':<58} {'figure':>9} {'':<12} {'goal':>10} {'ratio to goal':>13}  ok")
    missed = []
    chosen, met = Random(options.seed), Random(options.seed)  # noqa: S311 - instants are no secrets
    with children.nursery() as nursery, servers.arxiv() as arxiv, tempfile.TemporaryDirectory() as folder:
        weeks.play(arxiv)
        place = Path(folder)
        for part in (
            kills(nursery, arxiv, place, chosen, options.kills),
            rounds(nursery, arxiv, place, met, options.rounds),
            looks(arxiv, place),
        ):
            for line in part:
                print(line, flush=True)
                missed += [] if line.ok else [line.measure]
    print(f"\n{len(missed)} goals missed: {', '.join(missed)}" if missed else "\nEvery goal is reached.")
    return 1 if missed else 0


def kills(nursery: Nursery, arxiv: servers.Arxiv, folder: Path, random: Random, count: int) -> Iterator[Line]:
    """Kill runs: first editions, editions that replace another one, dates without an announcement, in turn."""
    earlier = first_edition(nursery, folder / "earlier")
    took = duration(nursery, arxiv, folder / "whole")
    wrong, killed, began = Counter[str](), 0, time.monotonic()
    for number in itertools.count():
        if killed >= count:
            break
        program = Program(folder / "killed", arxiv.url, lambda: None)
        case = number % 3
        if case == 1:
            shutil.copytree(earlier, program.folder)
        else:
            program.folder.mkdir()
        day = CLOSED if case == 2 else LAST
        arguments = ["run", *program.options("run"), "--date", str(day)]
        asked = len(arxiv.asked)
        child = nursery.start(arguments)
        child.ended(random.uniform(0, took * 1.05))
        child.signal(signal.SIGKILL)
        killed += child.wait() == -signal.SIGKILL
        found = kept(program, day, arxiv)
        done = nursery.run(arguments)
        problems = [(OTHER, done.err)] if done.wait() else look(program, day, number=2 if case == 1 else 1)
        problems += [(ASKED, str(arxiv.asked[asked:]))] if len(arxiv.asked) - asked > (1 if found else 2) else []
        for kind, text in problems:
            print(f"kill {number}: {kind}: {text}", file=sys.stderr)
        wrong.update({kind for kind, _ in problems})
        shutil.rmtree(program.folder)
    seconds = time.monotonic() - began
    yield Line(f"kills at random instants, of {number:,} runs (the others were quicker)", killed, "kills", count)
    for kind in KINDS:
        yield Line(f"editions {kind}" if kind != LEFT else "temporary files left over", wrong[kind], "kills", 0, at_least=False)
    yield Line("kills, each with its recovery and a look at all of it", killed / seconds, "kills/s")


def kept(program: Program, day: date, arxiv: servers.Arxiv) -> bool:
    """Say whether what arXiv says of *day* now is kept with its description, so that nobody has to ask again."""
    page = arxiv.pages[weeks.address(day)]
    found = (program.folder / "data" / "answers" / str(day)).glob("*.html")
    return any(path.read_bytes() == page and fingerprint(path.read_bytes()) in described(path) for path in found)


def described(path: Path) -> str:
    """Return the description of an answer; nothing if there is none."""
    about = path.with_suffix(".json")
    return about.read_text("utf-8") if about.exists() else ""


def first_edition(nursery: Nursery, folder: Path) -> Path:
    """Make an edition while arXiv is publishing, and return its folder."""
    folder.mkdir()
    with servers.arxiv() as state:
        state.pages[weeks.address(LAST)] = weeks.page(LAST, fakes(LAST)[:2])
        program = Program(folder, state.url, lambda: None, now=EARLY)
        done = nursery.run(["run", *program.options("run")])
    if done.wait() or look(program, LAST):
        msg = f"the first edition is not made: {done.err}"
        raise RuntimeError(msg)
    return folder


def duration(nursery: Nursery, arxiv: servers.Arxiv, folder: Path) -> float:
    """Return the seconds that a run takes that nobody kills."""
    taken = []
    for number in range(3):
        program = Program(folder / str(number), arxiv.url, lambda: None)
        program.folder.mkdir(parents=True)
        began = time.monotonic()
        nursery.run(["run", *program.options("run")])
        taken.append(time.monotonic() - began)
    return min(taken)


def rounds(nursery: Nursery, arxiv: servers.Arxiv, folder: Path, random: Random, count: int) -> Iterator[Line]:
    """Start two to eight daemons and as many runs at once, and kill the leader every other time."""
    wrong, taken, began = Counter[str](), [], time.monotonic()
    for number in range(count):
        program = Program(folder / "crowd", arxiv.url, lambda: None)
        program.folder.mkdir()
        found = crowd(nursery, program, arxiv, random, random.randint(2, 8), random.randint(2, 8), kill=number % 2 == 1)
        for kind, text in found.wrong:
            print(f"round {number}: {kind}: {text}", file=sys.stderr)
        wrong.update({kind for kind, _ in found.wrong})
        taken += [found.taken_over] if found.taken_over is not None else []
        shutil.rmtree(program.folder)
    yield Line("rounds of two to eight daemons and as many runs", count, "rounds", count)
    yield Line("rounds with anything wrong", wrong.total(), "rounds", 0, at_least=False)
    if taken:
        yield Line(f"until another one leads, slowest of {len(taken)} deaths", max(taken), "s", 10, at_least=False)
    yield Line("rounds", count / (time.monotonic() - began), "rounds/s")


def looks(arxiv: servers.Arxiv, folder: Path) -> Iterator[Line]:
    """Look what is due, over and over in one process, as a daemon does for weeks; now and then a date is made again."""
    now = datetime(2026, 11, 20, 6, tzinfo=UTC)
    settings = Settings(out=folder / "out", data=folder / "data", arxiv_url=arxiv.url, second_opinion=False, now=now)
    with app.App(settings, now, lambda _line: None, lambda _line: None) as program:
        clock, days = Clock(now), program.days()
        poll = Poll(lambda at: known(days, at), program.run, days.calendar, clock, lambda _line: None, lambda _kind, _text: None)
        before = 0
        began = time.monotonic()
        for number in range(WARM + LOOKS):
            if number == WARM:
                before = resident()
            poll.go()
            if number % 10 == 0:
                program.run(LAST, again=True)
    yield Line(f"memory, growth over {LOOKS:,} looks", (resident() - before) / 2**20, "MB", 4, at_least=False)
    yield Line("looks", (WARM + LOOKS) / (time.monotonic() - began), "looks/s")


def resident() -> int:
    """Return the bytes of memory that this process has now, or had at most where the system tells no more."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    sys.exit(main())
