"""How fast stored papers are sorted again by another model: `cvdigest reclassify` on a database of many dates.

    python benchmarks/reclassify.py [PAPERS]

The texts are those of the labelled corpus, in the folder that CVDIGEST_SHARED names, else in ``../shared`` beside the
project; they are repeated under invented identifiers. Measured are, each as a process of its own: nothing different,
another model, the same once more. Exit status: 0 if the goals are reached, else 1.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for those who run it in a checkout

import gzip
import json
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count, cycle, islice

from digest import app, resources
from digest.core.domain import Announcement, Entry, Kind, Paper, Provenance, State
from digest.daily import Made
from digest.ledger import Note
from digest.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("CVDIGEST_SHARED") or ROOT.parent / "shared")
CORPUS = SHARED / "corpus" / "labelled.jsonl.gz"
A_DATE = 300
NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
GOAL = 700
"""Papers a second with all that belongs to it: 200,000 in less than five minutes."""
MOST_MEMORY = 500


def texts() -> Iterator[tuple[str, str]]:
    """Yield titles and abstracts for ever."""
    with gzip.open(CORPUS, "rt", encoding="utf-8") as file:
        yield from cycle([(paper["title"], paper["abstract"]) for paper in map(json.loads, file)])


def fill(folder: Path, papers: int) -> None:
    """Make a database of so many papers, with the editions of their dates."""
    settings = Settings(out=folder / "out", data=folder / "data", now=NOW)
    source, numbers = texts(), count()
    with app.App(settings, NOW, lambda _line: None, print) as program:
        daily = program._daily()  # noqa: SLF001 - what a run does, without a network
        editions = program._editions(daily)  # noqa: SLF001 - as above
        calendar, day = resources.calendar(), date(2016, 1, 4)
        for _ in range(papers // A_DATE):
            while calendar.closure(day):
                day += timedelta(days=1)
            said = []
            for number, (title, abstract) in zip(islice(numbers, A_DATE), source, strict=False):
                kind = Kind.CROSS if number % 3 == 2 else Kind.NEW
                said.append(
                    Entry(
                        Paper(f"{1601 + number // 90000}.{number % 90000:05}", title, abstract, ("Ada Example", "Bo Example"), ("cs.CV",)),
                        kind,
                    )
                )
            found = Announcement("cs.CV", day, tuple(said), Provenance("catchup", ("https://arxiv.org/catchup",), ("0" * 64,)))
            draft = daily.draft(found, layout="topics", include=settings.include)

            def note(made: Made) -> Note:
                return Note("cs.CV", made.edition.date, State.PUBLISHED, attempts=1, at=NOW)

            editions.make(draft, NOW, (), note)
            day += timedelta(days=1)


def another_model(folder: Path) -> None:
    """Copy the bundled model under another name: its opinions are the same, and none of them is known."""
    shutil.copytree(ROOT / "models" / "default", folder)
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"name": "another"}), "utf-8")


def main() -> int:
    """Measure, and print a line for each figure."""
    papers = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    good = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = time.perf_counter()
        fill(folder, papers)
        seconds = time.perf_counter() - start
        print(f"made                {papers:>8,} papers in {seconds:6.1f} s, {papers / seconds:8,.0f} a second")
        size = sum(path.stat().st_size for path in (folder / "data").glob("cvdigest.db*"))
        print(f"database            {size / 2**20:8.1f} MiB, {size / papers:,.0f} bytes a paper")
        another_model(folder / "model")
        for what, model in (
            ("nothing different", ()),
            ("another model", ("--model", folder / "model")),
            ("once more", ("--model", folder / "model")),
        ):
            command = [sys.executable, "-m", "digest", "reclassify", "--quiet", "--out", folder / "out", "--data", folder / "data", *model]
            start = time.perf_counter()
            subprocess.run(command, check=True, cwd=ROOT)
            seconds = time.perf_counter() - start
            memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            reached = papers / seconds >= GOAL and memory <= MOST_MEMORY
            good = good and reached
            print(f"{what:<19} {papers:>8,} papers in {seconds:6.1f} s, {papers / seconds:8,.0f} a second, {memory:,.0f} MiB at most")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
