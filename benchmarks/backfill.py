"""How fast `cvdigest backfill` makes many dates, and whether its memory stays flat in the number of dates.

    python benchmarks/backfill.py

An invented arXiv in a process of its own serves some 170 papers a date, with all its services; each backfill is a process
of its own, from nothing, with second opinions. The eight recorded dates are made from the replay, which is looked for in the
folder that CVDIGEST_SHARED names, else in ``../shared`` beside the project; without it that part is skipped. Exit status: 0
if every goal is reached, else 1.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for the invented arXiv in `tests`

import json
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from speed import REPLAY, Line, replay, usage

from digest import resources
from tests.universe import universe
from tests.world import Rates, World, world

CATEGORY = "cs.CV"
NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
FIRST, LAST = date(2026, 8, 10), date(2026, 11, 20)
DATES = (15, 30, 60)
ENTRIES = 10_000
"""At least so many are announced on the most dates."""
DAILY = 560
"""Submissions to all of this arXiv in 24 hours."""
WORDS = 190
"""In an abstract, as in real ones."""
RECORDED = (date(2026, 11, 9), date(2026, 11, 20), "2026-11-21T12:00Z", 8)
"""The first and the last date of the replay, an instant after it, and how many of its dates have an announcement."""


@dataclass(frozen=True, slots=True)
class Made:
    """What one backfill made, and what it took."""

    dates: int
    entries: int
    seconds: float
    """Of the clock."""
    megabytes: float
    busy: float
    """Seconds of the processor."""


def main() -> int:
    """Measure everything, print the table, return the exit status."""
    if sys.argv[1:] == ["--serve"]:
        serve()
        return 0
    print(f"{'measure':<58} {'figure':>9} {'':<12} {'goal':>10} {'ratio to goal':>13}  ok")
    missed = []
    for part in (invented, recorded):
        for line in part():
            print(line, flush=True)
            missed += [] if line.ok else [line.measure]
    print(f"\n{len(missed)} goals missed: {', '.join(missed)}" if missed else "\nEvery goal is reached.")
    return 1 if missed else 0


def invented() -> Iterator[Line]:
    """Measure backfills of more and more dates of the invented arXiv."""
    played = played_world()
    today = NOW.date()
    reachable = [day for day in played.windows if timedelta(0) < today - day <= timedelta(days=89)]
    found = []
    with arxiv() as url:
        for count in DATES:
            days = reachable[:count]
            made = backfill(url, days[0], days[-1], f"{NOW:%Y-%m-%dT%H:%MZ}")
            expected = sum(len(played.truth(CATEGORY, day)) for day in days)
            if (made.dates, made.entries) != (count, expected):
                msg = f"{made.entries} entries of {made.dates} dates were made, and {expected} of {count} were announced"
                raise RuntimeError(msg)
            found.append(made)
            yield from told(f"{count} dates", made)
    few, most = found[0], found[-1]
    yield Line(f"backfill, {most.dates} dates, entries announced", most.entries, "entries", ENTRIES)
    yield Line(f"peak memory, {most.dates} dates / {few.dates} dates", most.megabytes / few.megabytes, "times", 1.15, at_least=False)
    rates = [made.entries / made.busy for made in (few, most)]
    yield Line(f"entries per second, processor, {most.dates} dates / {few.dates} dates", rates[1] / rates[0], "times", 0.85)


def recorded() -> Iterator[Line]:
    """Measure a backfill of the recorded dates."""
    if not REPLAY.is_file():
        print("the recorded dates: skipped, because the replay is not there (CVDIGEST_SHARED names the folder it is in)")
        return
    first, last, now, count = RECORDED
    with replay() as url:
        made = backfill(url, first, last, now)
    if made.dates != count:
        msg = f"{made.dates} of {count} recorded dates were made"
        raise RuntimeError(msg)
    yield from told(f"{count} recorded dates", made)


def told(what: str, made: Made) -> Iterator[Line]:
    """Yield what a backfill took. Whoever shares the machine changes the time of the clock, but hardly that of the processor."""
    yield Line(f"backfill, {what}, {made.entries:,} entries, wall", made.entries / made.seconds, "entries/s")
    yield Line(f"backfill, {what}, processor", made.entries / made.busy, "entries/s")
    yield Line(f"backfill, {what}, peak memory", made.megabytes, "MB", 300, at_least=False)


def backfill(url: str, first: date, last: date, now: str) -> Made:
    """Make all dates from *first* to *last* in a process of its own, and count what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        options: Sequence[str] = (
            *("--from", str(first), "--to", str(last), "--now", now, "--category", CATEGORY, "--arxiv-url", url),
            *("--out", str(out), "--data", str(Path(folder) / "data"), "--quiet"),
        )
        seconds, megabytes, busy = usage([sys.executable, "-m", "digest", "backfill", *options], Path(folder))
        editions = [json.loads(path.read_text("utf-8")) for path in out.glob("[0-9]*/*.json")]
    published = [edition["counts"] for edition in editions if edition["state"] == "published"]
    return Made(len(published), sum(sum(counts.values()) for counts in published), seconds, megabytes, busy)


# -- the invented arXiv ------------------------------------------------------------------------------------------------


def played_world() -> World:
    """Return the world, the same one in each process."""
    return world(11, FIRST, LAST, calendar=resources.calendar(), rates=Rates(daily=DAILY))


def serve() -> None:
    """Serve the world until standard input ends."""
    with universe(played_world(), NOW) as served:
        served.length = WORDS
        for day in served.dates[-max(DATES) - 10 :]:  # or the first backfill would wait for what the others find ready
            served.fakes(served.truth(CATEGORY, day), "catchup")
        print(served.url, flush=True)
        sys.stdin.read()


@contextmanager
def arxiv() -> Iterator[str]:
    """Run the invented arXiv in a process of its own, and give its base URL."""
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield server.stdout.readline().strip() if server.stdout else ""
        finally:
            server.terminate()


if __name__ == "__main__":
    sys.exit(main())
