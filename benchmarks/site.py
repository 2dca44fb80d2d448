"""How fast the site of a year is made, and how fast a new day is added to it, each beside its goal.

    python benchmarks/site.py [--days N] [--keep FOLDER]

Some 154 papers a day are kept as runs keep them, out of labelled papers with abstracts, or invented ones, as benchmarks/store.py
does. Then the site is made by the command, in two processes; a day is added, by a process that has done so before and by the
command; and the command is run where nothing is new. With ``--keep`` all that stays in that folder, and what is there already is not
made again. Exit status: 0 if every goal is reached, else 1.
"""

import os
import sys
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy is imported
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for the invented papers in `tests`

import argparse
import gzip
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

import store

from digest import resources
from digest.app import App
from digest.classify import model
from digest.core.site import SCRIPT, STYLE, THEME
from digest.settings import Settings
from digest.store.database import Database, address

if TYPE_CHECKING:
    from speed import Line

DAYS, ADDED = 250, 7
LOADED = (STYLE, THEME, SCRIPT)
"""What the page of a date loads; nothing of it is needed to read it."""
NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)


def settings(folder: Path) -> Settings:
    """Return the settings of the site in a folder."""
    return Settings(out=folder / "out", data=folder / "data", now=NOW, site_url="https://example.org/papers/")


def command(folder: Path) -> list[str]:
    """Return the command that brings the site up to date."""
    own = settings(folder)
    return [
        sys.executable,
        "-m",
        "digest",
        "publish",
        "--out",
        str(own.out),
        "--data",
        str(own.data),
        "--site-url",
        own.site_url,
        "--quiet",
    ]


def keep(folder: Path, first: int, last: int) -> int:
    """Keep the days with these numbers, the last one not included; return how many papers they have."""
    # As if the bundled model had sorted them, so that it gives its reasons.
    store.MODEL = model.load(resources.folder("models") / "default").info
    made = store.Made()
    kept = 0
    database = Database(address("", folder / "data")).open()
    for day, lines in islice(store.dated(last * 300), first, last):
        store.keep(database, made.of(day, lines))
        kept += len(lines)
    database.close()
    return kept


def add(folder: Path, days: int) -> dict[str, float]:
    """Add days to a site, one after the other in this process; return what the middle one took, and how many files it wrote."""
    took, files = [], []
    with App(settings(folder), NOW, lambda _line: None, lambda line: print(line, file=sys.stderr)) as program:
        for number in range(ADDED - 1):
            keep(folder, days + number, days + number + 1)
            begin = time.perf_counter()
            report = program.publish()
            took.append(time.perf_counter() - begin)
        files.append(report.written)
    return {"seconds": statistics.median(took[1:]), "first": took[0], "slowest": max(took[1:]), "files": statistics.median(files)}


def packed(*paths: Path) -> float:
    """Return how many kB some files take on their way to a browser, as a host packs them."""
    return sum(len(gzip.compress(path.read_bytes(), 6)) for path in paths) / 1000


def lines(folder: Path, days: int) -> Iterator["Line"]:
    """Yield what each part took, each in a process of its own."""
    from speed import Line, usage

    def part(name: str) -> tuple[dict[str, float], float]:
        report = folder / f"{name}.json"
        arguments = [sys.executable, str(Path(__file__).resolve()), "--days", str(days), "--part", name, str(folder), str(report)]
        _, megabytes, _ = usage(arguments, folder)
        return json.loads(report.read_text("utf-8")), megabytes

    if not (folder / "data").exists():
        part("keep")
    root = settings(folder).site_folder
    root.parent.mkdir(parents=True, exist_ok=True)
    if root.exists():
        shutil.rmtree(root)
    os.chdir(Path(__file__).resolve().parent.parent)
    seconds, megabytes, busy = usage(command(folder), Path.cwd())
    sizes = [path.stat().st_size for path in root.rglob("*") if path.is_file()]
    yield Line(f"site of {days} days, made in two processes", seconds, "s", 60, at_least=False)
    yield Line("... of one core's time", busy, "s")
    yield Line("... files in a second", len(sizes) / seconds, "files/s")
    yield Line("... files", len(sizes), "files")
    yield Line("... size of all files", sum(sizes) / 1e6, "MB")
    largest = max((root / "days").iterdir(), key=lambda path: path.stat().st_size)
    yield Line("the largest page of a date, its papers", largest.read_bytes().count(b"<article "), "papers")
    yield Line("... packed, with the style and the scripts", packed(largest, *(root / path for path in LOADED)), "kB", 350, at_least=False)
    yield Line("... peak memory of the larger process", megabytes, "MB", 400, at_least=False)
    seconds, _, _ = usage(command(folder), Path.cwd())
    yield Line("nothing new, the whole command", seconds, "s", 2, at_least=False)
    found, megabytes = part("add")
    yield Line("a new day, in a process that has done so before", found["seconds"], "s", 2, at_least=False)
    yield Line("... the slowest of them", found["slowest"], "s")
    yield Line("... the first of a process", found["first"], "s")
    yield Line("... files written", found["files"], "files")
    yield Line("... peak memory", megabytes, "MB", 400, at_least=False)
    part("another")
    seconds, megabytes, _ = usage(command(folder), Path.cwd())
    yield Line("a new day, the whole command", seconds, "s")


def main() -> int:
    """Measure everything, print the table, return the exit status."""
    parser = argparse.ArgumentParser(description="Measures the site.")
    parser.add_argument("--days", type=int, default=DAYS, help=f"how many it holds (default: {DAYS})")
    parser.add_argument("--keep", help="a folder in which all of it is to stay, or is already")
    parser.add_argument("--part", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        name, folder, report = options.part[0], Path(options.part[1]), Path(options.part[2])
        if name == "add":
            told = add(folder, options.days)
        else:
            span = (0, options.days) if name == "keep" else (options.days + ADDED - 1, options.days + ADDED)
            told = {"papers": keep(folder, *span)}
        report.write_text(json.dumps(told), "utf-8")
        return 0
    print(f"{'measure':<58} {'figure':>9} {'':<12} {'goal':>10} {'ratio to goal':>13}  ok")
    missed = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.keep or temporary).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        for line in lines(folder, options.days):
            print(line, flush=True)
            missed += [] if line.ok else [line.measure]
    print(f"\n{len(missed)} goals missed: {', '.join(missed)}" if missed else "\nEvery goal is reached.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
