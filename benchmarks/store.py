"""How fast the store is with the papers of nine years in it: keeping, searching, judging anew; how large it is.

    python benchmarks/store.py [--papers N] [--keep PATH]

A store of 200,000 papers is made by the project's own functions: announcements of some 150 papers with their entries,
classifications and editions. The papers are those of the corpus, again and again under new identifiers; it is looked for in
the folder that CVDIGEST_SHARED names, else in ``../shared`` beside the project, and without it the papers are invented. Each
part is a process of its own, so that its memory can be told. With ``--keep`` the store stays at that path, and one that is
there already is not made again. Exit status: 0 if every goal is reached, else 1.
"""

import os
import sys
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy is imported
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for the invented papers in `tests`

import argparse
import gzip
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import cycle, islice, product
from typing import TYPE_CHECKING, Any

from digest import resources
from digest.classify import model
from digest.core.domain import Announcement, Classification, Entry, Kind, ModelInfo, Paper, Provenance, Shelf, State
from digest.core.edition import chosen, compose
from digest.core.query import parse
from digest.ledger import Note
from digest.render import jsonfile
from digest.render.markdown import Renderer
from digest.store import announcements, editions, papers, search
from digest.store.database import Database, address

if TYPE_CHECKING:
    from speed import Line

ROOT = Path(__file__).resolve().parent.parent
CORPUS = Path(os.environ.get("CVDIGEST_SHARED") or ROOT.parent / "shared") / "corpus"
CATEGORY = "cs.CV"
PAPERS, DAILY = 200_000, 154
"""So that there are 1,300 dates."""
FIRST = date(2021, 11, 1)
MODEL = ModelInfo("invented", "0" * 64)
OTHERS = ("cs.LG", "cs.AI", "cs.RO", "cs.GR", "cs.CL", "eess.IV", "stat.ML", "cs.MM")


# -- what is kept ------------------------------------------------------------------------------------------------------


def texts() -> Iterator[tuple[str, str, tuple[str, ...], str, str]]:
    """Yield title, abstract, authors, topic and subtopic of papers without end; a paper without a topic gets one."""
    chance = random.Random(5)  # noqa: S311 - nobody is to be kept from guessing it
    shelves: list[tuple[str, str]] = list(resources.taxonomy().shelves())
    names = [path for name in ("labelled", "unlabelled") if (path := CORPUS / f"{name}.jsonl.gz").is_file()]
    if not names:
        from speed import invented

        for fake in cycle(invented(2000)):
            yield fake.title, fake.abstract, fake.authors, *chance.choice(shelves)
    invented_names = [
        f"{first} {last}" for first in ("Ada", "Björn", "Chen", "Devi", "Émile") for last in ("Example", "Muster", "Pérez", "Li")
    ]
    for path in cycle(names):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                shelf = row.get("topic"), row.get("subtopic") or ""
                if shelf[0]:
                    shelves.append(shelf)  # so that topics are as frequent as they are
                    del shelves[:-5000]
                authors = tuple(row.get("authors") or chance.sample(invented_names, chance.randint(2, 8)))
                yield row["title"], row["abstract"] or "", authors, *(shelf if shelf[0] else chance.choice(shelves))


def dated(count: int) -> Iterator[tuple[date, list[tuple[Paper, str, str]]]]:
    """Yield dates and the papers that are announced on them, with their topics and subtopics: *count* papers in all."""
    chance = random.Random(7)  # noqa: S311 - nobody is to be kept from guessing it
    day, number, month = FIRST, 0, ""
    source = islice(texts(), count)
    while papers_of_day := list(islice(source, chance.randint(DAILY - 60, DAILY + 60))):
        submitted = datetime(day.year, day.month, day.day, 17, 30, tzinfo=UTC) - timedelta(days=1)
        found = []
        for title, abstract, authors, topic, subtopic in papers_of_day:
            number = number + 1 if month == f"{day:%y%m}" else 1
            month = f"{day:%y%m}"
            categories = (CATEGORY, *chance.sample(OTHERS, chance.choice((0, 0, 1, 2))))
            comments = f"{chance.randint(5, 40)} pages, {chance.randint(3, 20)} figures"
            paper = Paper(
                f"{month}.{number:05}", title, abstract, authors, categories, comments, version=1,
                licence="http://creativecommons.org/licenses/by/4.0/", submitted=submitted, updated=submitted,
            )  # fmt: skip
            found.append((paper, topic, subtopic))
        yield day, found
        day += timedelta(days=3 if day.weekday() == 4 else 1)


class Made:
    """What is made of one date, outside of the store."""

    def __init__(self) -> None:
        self.renderer = Renderer(resources.folder("templates"))
        self.taxonomy = resources.taxonomy()

    def of(self, day: date, lines: list[tuple[Paper, str, str]]) -> tuple[Announcement, list[Classification], str, str]:
        """Return the announcement, what is thought of each of its papers, the page and the JSON."""
        entries = tuple(Entry(paper, Kind.NEW if paper.id[-1] < "8" else Kind.CROSS) for paper, _, _ in lines)
        said = Announcement(CATEGORY, day, entries, Provenance("listing", ("https://arxiv.org/list/cs.CV/new",), ("0" * 64,)))
        thought = [
            Classification((Shelf(topic, subtopic, 0.8), Shelf("other", "applications", 0.1)), unsure=False) for _, topic, subtopic in lines
        ]
        order = {entry.paper.id: opinion for entry, opinion in zip(entries, thought, strict=True)}
        listed = chosen(said, frozenset({Kind.NEW, Kind.CROSS}))
        edition = compose(said, listed, [order[entry.paper.id] for entry in listed], self.taxonomy, model=MODEL)
        return said, thought, self.renderer.page(edition), jsonfile.text(edition)


def keep(database: Database, made: tuple[Announcement, list[Classification], str, str]) -> None:
    """Keep a date as a run does: one transaction before the files are written, and one after."""
    said, thought, page, text = made
    now = datetime(said.date.year, said.date.month, said.date.day, 1, 30, tzinfo=UTC)
    path = f"{said.date:%Y/%m}/{said.date}-{said.category}"
    with database.write() as connection, papers.indexed(connection, [entry.paper.id for entry in said.entries]):
        key, versions = announcements.keep(connection, said, now)
        judge = papers.model_key(connection, MODEL)
        papers.keep_opinions(connection, judge, dict(zip(versions, thought, strict=True)))
        kept = editions.prepare(
            connection, category=said.category, day=said.date, number=1, announcement=key, model=judge, layout="topics",
            include="new,cross", changes=(), contents={"page": (f"{path}.md", page.encode()), "json": (f"{path}.json", text.encode())},
            note=Note(said.category, said.date, State.PUBLISHED, service="listing", entries=len(said.entries), at=now), made=now,
        )  # fmt: skip
        papers.place(
            connection,
            [(entry.paper.id, one.best.topic, one.best.subtopic, said.date) for entry, one in zip(said.entries, thought, strict=True)],
        )
    with database.write() as connection:
        editions.published(connection, kept, now)


# -- what is measured ----------------------------------------------------------------------------------------------------

SEARCHES: dict[str, tuple[str, ...]] = {
    "rare words": ("plenoptic", "sudoku", "stereographic", "zoology"),
    "words": ("gaussian", "pedestrian", "splatting", "diffusion"),
    "very common words": ("image", "model", "method", "the"),
    "phrases": ('"gaussian splatting"', '"semantic segmentation"', '"state of the art"', '"object detection"'),
    "two words": ("gaussian image", "image model", "object detection", "detection OR segmentation"),
    "three words": ("video diffusion model", "deep neural network", "image retrieval -medical"),
    "beginnings": ("segment*", "splat*", "transf*"),
}
FILTERS: tuple[dict[str, Any], ...] = (
    {},
    {"order": "date"},
    {"topic": "3d"},
    {"topic": "person-reid", "subtopic": "gait"},
    {"first": date(2025, 1, 1), "last": date(2025, 12, 31)},
    {"first": date(2023, 3, 1), "last": date(2023, 3, 31), "order": "date"},
    {"topic": "3d", "first": date(2024, 6, 1)},
    {"category": "cs.MM"},
)


def build(database: Database, count: int) -> dict[str, float]:
    """Make the store; return how many papers were kept in a second."""
    made = Made()
    took, kept = 0.0, 0
    for day, lines in dated(count):
        one = made.of(day, lines)
        begin = time.perf_counter()
        keep(database, one)
        took += time.perf_counter() - begin
        kept += len(lines)
    return {"rate": kept / took, "papers": kept}


def another_day(database: Database, count: int) -> dict[str, float]:
    """Keep dates on top of what is there, papers that were never seen; return what the middle one took."""
    made = Made()
    took = []
    with database.read() as connection:
        newest = announcements.dates(connection, CATEGORY, date.min, date.max)[-1][0]
    for day, lines in islice(dated(count), 11):
        ours = [
            (replace(paper, id=f"{newest:%y%m}.{newest.day}{day.day:02}{number:05}"), topic, subtopic)
            for number, (paper, topic, subtopic) in enumerate(lines)
        ]
        one = made.of(newest + (day - FIRST) + timedelta(days=1), ours)
        begin = time.perf_counter()
        keep(database, one)
        took.append(time.perf_counter() - begin)
    return {"seconds": statistics.median(took)}


def searches(database: Database, _count: int) -> dict[str, float]:
    """Search for everything with every filter; return the 95th percentile in milliseconds, by kind, and of all but beginnings of words."""
    found: dict[str, list[float]] = {}
    for _ in range(3):
        for kind, texts_of_kind in SEARCHES.items():
            for text, filters in product(texts_of_kind, FILTERS):
                with database.read() as connection:
                    begin = time.perf_counter()
                    search.search(connection, parse(text), **filters)
                    found.setdefault(kind, []).append(1000 * (time.perf_counter() - begin))
    every = [one for kind, some in found.items() for one in some if kind != "beginnings"]
    return {**{kind: percentile(some) for kind, some in found.items()}, "all": percentile(every), "median": statistics.median(every)}


def percentile(some: list[float]) -> float:
    """Return the 95th percentile."""
    return statistics.quantiles(some, n=20)[-1]


def judge_anew(database: Database, _count: int) -> dict[str, float]:
    """Load papers out of the store, classify them with the bundled model, and keep what it thinks; return papers in a second."""
    judge = model.load(resources.folder("models") / "default")
    with database.read() as connection:
        days_read = announcements.dates(connection, CATEGORY, date.min, date.max)[:40]
    begin, done = time.perf_counter(), 0
    for _, key in days_read:
        with database.read() as connection:
            said, versions = announcements.load(connection, key)
        thought = judge.classify([(entry.paper.title, entry.paper.abstract) for entry in said.entries])
        with database.write() as connection:
            papers.keep_opinions(connection, papers.model_key(connection, judge.info), dict(zip(versions, thought, strict=True)))
        done += len(versions)
    return {"rate": done / (time.perf_counter() - begin)}


PARTS: dict[str, Callable[[Database, int], dict[str, float]]] = {
    "keep": build, "day": another_day, "search": searches, "judge": judge_anew,
}  # fmt: skip


def part(name: str, path: str, count: int, report: str) -> int:
    """Run one part in this process, and write what it measured to the file *report*."""
    begin = time.perf_counter()
    database = Database(address(path, Path())).open()
    opened = time.perf_counter() - begin
    Path(report).write_text(json.dumps({**PARTS[name](database, count), "opened": opened}), "utf-8")
    database.close()
    return 0


def main() -> int:
    """Measure everything, print the table, return the exit status."""
    parser = argparse.ArgumentParser(description="Measures the store.")
    parser.add_argument("--papers", type=int, default=PAPERS, help=f"how many it holds (default: {PAPERS:,})")
    parser.add_argument("--keep", help="where the store is to stay, or is already")
    parser.add_argument("--part", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        name, path, report = options.part
        return part(name, path, options.papers, report)
    print(f"{'measure':<58} {'figure':>9} {'':<12} {'goal':>10} {'ratio to goal':>13}  ok")
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        for line in lines(Path(options.keep or f"{folder}/store.db").resolve(), options.papers, Path(folder)):
            print(line, flush=True)
            missed += [] if line.ok else [line.measure]
    print(f"\n{len(missed)} goals missed: {', '.join(missed)}" if missed else "\nEvery goal is reached.")
    return 1 if missed else 0


def lines(path: Path, count: int, folder: Path) -> Iterator["Line"]:
    """Yield what each part took, each in a process of its own."""
    from speed import Line, usage  # it brings scikit-learn, which would count as memory of the parts

    def run(name: str) -> tuple[dict[str, float], float]:
        report = folder / f"{name}.json"
        command = [sys.executable, str(Path(__file__).resolve()), "--papers", str(count), "--part", name, str(path), str(report)]
        _, megabytes, _ = usage(command, folder)
        return json.loads(report.read_text("utf-8")), megabytes

    if not path.exists():
        kept, megabytes = run("keep")
        yield Line(f"kept, {kept['papers']:,.0f} papers with their editions", kept["rate"], "papers/s", 500)
        yield Line("kept, peak memory", megabytes, "MB", 300, at_least=False)
        size = sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))
        yield Line("size, with index, classifications and editions", size / kept["papers"] / 1000, "kB/paper", 8, at_least=False)
    day, megabytes = run("day")
    yield Line(f"one more date of some {DAILY} papers", 1000 * day["seconds"], "ms", 1000, at_least=False)
    yield Line("one more date, peak memory", megabytes, "MB", 300, at_least=False)
    found, megabytes = run("search")
    for kind in SEARCHES:
        yield Line(f"search, {kind}, 95th percentile", found[kind], "ms")
    yield Line("search, median of all but beginnings", found["median"], "ms")
    yield Line("search, 95th percentile of all but beginnings", found["all"], "ms", 50, at_least=False)
    yield Line("search, peak memory", megabytes, "MB", 300, at_least=False)
    yield Line("open", 1000 * found["opened"], "ms", 250, at_least=False)
    judged, megabytes = run("judge")
    yield Line("judged anew: loaded, classified, kept", judged["rate"], "papers/s", 400)
    yield Line("judged anew, peak memory", megabytes, "MB", 300, at_least=False)


if __name__ == "__main__":
    sys.exit(main())
