"""How fast the parts and the whole are, each beside its goal, and beside what else one would use.

    python benchmarks/speed.py

Rates inside this process are the best of several repeats on one core, because a busy machine can only make them worse;
figures of whole processes are medians. Recorded pages and the replay are looked for in the folder that CVDIGEST_SHARED
names, else in ``../shared`` beside the project; without them an invented page is measured, and the run from the replay is
skipped. Exit status: 0 if every goal is reached, else 1.
"""

import os
import sys
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy is imported
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for the invented papers in `tests`

import json
import re
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import islice

import numpy as np
from bs4 import BeautifulSoup, Tag
from sklearn.feature_extraction.text import TfidfVectorizer
from timing import best, one_core

from digest import resources, training
from digest.arxiv import listing
from digest.classify import model
from digest.core.domain import Announcement, Kind, Paper, Provenance
from digest.core.edition import Edition, chosen, compose
from digest.core.text import plain
from digest.render import jsonfile
from digest.render.markdown import Renderer
from tests.pages import Fake, catchup

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("CVDIGEST_SHARED") or ROOT.parent / "shared")
PAGE = SHARED / "arxiv" / "recorded" / "nov2026" / "html_catchup_cs.CV_2026-11-17_abs=True.html"
REPLAY = SHARED / "arxiv" / "replay.py"
CORPUS = SHARED / "corpus" / "labelled.jsonl.gz"
ENTRIES = 301
"""On the largest recorded page, and on the invented one that stands in for it."""
DAY, DAY_ENTRIES, NOW = "2026-11-20", 104, "2026-11-21T12:00Z"
TEXTS = 2000
RUNS, STARTS = 7, 11

# A process inherits the peak memory of the one that started it, so a small one must start what is to be measured.
LAUNCHER = """
import json, os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
print(json.dumps([process.returncode, time.perf_counter() - start, usage.ru_maxrss, usage.ru_utime + usage.ru_stime]))
"""
HEAVY = """
import sys
from digest.cli import main
try:
    main(["--help"])
except SystemExit:
    print(" ".join({"numpy", "scipy", "sklearn"} & set(sys.modules)), file=sys.stderr)
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table. Without a goal it is told for comparison."""

    measure: str
    figure: float
    unit: str
    goal: float | None = None
    at_least: bool = True

    @property
    def ok(self) -> bool:
        """Say whether the goal, if there is one, is reached."""
        return self.goal is None or (self.figure >= self.goal if self.at_least else self.figure <= self.goal)

    def __str__(self) -> str:
        if self.goal is None:
            return f"{self.measure:<58} {number(self.figure):>9} {self.unit}"
        goal = f"{'>=' if self.at_least else '<='} {number(self.goal)}"
        ratio = f"{self.figure / self.goal:.2f}" if self.goal else "-"
        return f"{self.measure:<58} {number(self.figure):>9} {self.unit:<12} {goal:>10} {ratio:>13}  {'ok' if self.ok else 'MISSED'}"


def main() -> int:
    """Measure everything, print the table, return the exit status."""
    print(f"{'measure':<58} {'figure':>9} {'':<12} {'goal':>10} {'ratio to goal':>13}  ok")
    lines = []
    for part in (inside, whole_run, start):
        for line in part():
            print(line, flush=True)
            lines.append(line)
    missed = [line.measure for line in lines if not line.ok]
    print(f"\n{len(missed)} goals missed: {', '.join(missed)}" if missed else "\nEvery goal is reached.")
    return 1 if missed else 0


# -- inside this process -----------------------------------------------------------------------------------------------


def inside() -> Iterator[Line]:
    """Measure parsing, classification and rendering, on one core."""
    body = page()
    with one_core():
        yield from parsing(body)
        judge = model.load(resources.folder("models") / "default")
        yield from classification(judge)
        yield from rendering(body, judge)


def parsing(body: bytes) -> Iterator[Line]:
    """Measure our parser beside BeautifulSoup, which must find the same."""
    papers = [entry.paper for section in listing.parse(body).sections for entry in section.entries]
    if soup_papers(body) != papers:
        msg = "BeautifulSoup and this program do not read the same papers out of the page"
        raise RuntimeError(msg)
    ours = len(papers) / best(100, lambda: listing.parse(body))
    theirs = len(papers) / best(3, lambda: soup_papers(body))
    yield Line(f"parsing, a page of {len(papers)} entries", ours, "entries/s", 15_000)
    yield Line("  BeautifulSoup with html.parser, the same fields", theirs, "entries/s")
    yield Line("  ours / BeautifulSoup", ours / theirs, "times")


def classification(judge: model.Model) -> Iterator[Line]:
    """Measure the model beside scikit-learn's vectoriser with as many weights."""
    papers = abstracts(2 * TEXTS)
    fitted, measured = papers[:TEXTS], papers[TEXTS:]
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, dtype=np.float32)
    vectorizer.fit([f"{title}\n{abstract}" for title, abstract in fitted])
    weights = np.ones((len(vectorizer.vocabulary_), judge.weights.shape[1]), dtype=np.float32)
    texts = [f"{title}\n{abstract}" for title, abstract in measured]
    ours = len(measured) / best(5, lambda: judge.classify(measured))
    theirs = len(measured) / best(3, lambda: vectorizer.transform(texts) @ weights)
    yield Line("classification, one core", ours, "abstracts/s", 5_000)
    yield Line(f"  TfidfVectorizer ({len(weights):,} words and pairs) and product", theirs, "abstracts/s")
    yield Line("  ours / TfidfVectorizer", ours / theirs, "times")


def rendering(body: bytes, judge: model.Model) -> Iterator[Line]:
    """Measure how fast an edition becomes a page and a JSON file, with the templates loaded."""
    renderer = Renderer(resources.folder("templates"))
    for layout in ("topics", "classic"):
        edition = composed(body, judge, layout)
        seconds = best(100, partial(renderer.page, edition))
        yield Line(f"rendering, Markdown, layout {layout}", len(edition.items) / seconds, "entries/s", 15_000)
    edition = composed(body, judge, "topics")
    yield Line("rendering, JSON", len(edition.items) / best(100, lambda: jsonfile.text(edition)), "entries/s", 15_000)


def composed(body: bytes, judge: model.Model, layout: str) -> Edition:
    """Return the edition of a page."""
    read = listing.parse(body)
    entries = tuple(entry for section in read.sections for entry in section.entries)
    announcement = Announcement("cs.CV", read.date or date.min, entries, Provenance("catchup", ("https://arxiv.org/",), ("0" * 64,)))
    listed = chosen(announcement, frozenset(Kind))
    opinions = judge.classify([(entry.paper.title, entry.paper.abstract) for entry in listed])
    return compose(announcement, listed, opinions, resources.taxonomy(), layout=layout, model=judge.info)


# -- whole processes ---------------------------------------------------------------------------------------------------


def whole_run() -> Iterator[Line]:
    """Measure `cvdigest run` of one day, again and again from nothing, against the replay."""
    if not REPLAY.is_file():
        print("the whole run: skipped, because the replay is not there (CVDIGEST_SHARED names the folder it is in)")
        return
    took, peaks = [], []
    with replay() as url, tempfile.TemporaryDirectory() as folder:
        for run in range(RUNS + 1):
            out = Path(folder) / str(run)
            options = ["--date", DAY, "--now", NOW, "--arxiv-url", url, "--out", str(out), "--data", str(out / "data"), "--quiet"]
            seconds, peak = process([sys.executable, "-m", "digest", "run", *options], Path(folder))
            made = json.loads((out / DAY[:4] / f"{DAY}-cs.CV.json").read_text("utf-8"))
            if len(made["entries"]) != DAY_ENTRIES or made["model"] is None:
                msg = f"the run listed {len(made['entries'])} entries with the model {made['model']}"
                raise RuntimeError(msg)
            if run:  # the first one warms the disk
                took.append(seconds)
                peaks.append(peak)
    yield Line(f"cvdigest run, {DAY_ENTRIES} entries, wall, median of {RUNS}", statistics.median(took), "s", 2, at_least=False)
    yield Line(f"cvdigest run, {DAY_ENTRIES} entries, peak memory, median of {RUNS}", statistics.median(peaks), "MB", 300, at_least=False)


def start() -> Iterator[Line]:
    """Measure `cvdigest --help`, and count what is heavy among what it imports."""
    command = shutil.which("cvdigest", path=str(Path(sys.executable).parent))
    with tempfile.TemporaryDirectory() as folder:
        arguments = [command, "--help"] if command else [sys.executable, "-m", "digest", "--help"]
        took = [process(arguments, Path(folder))[0] for _ in range(STARTS + 1)][1:]
        done = subprocess.run([sys.executable, "-c", HEAVY], cwd=folder, env=environment(), capture_output=True, text=True, check=True)
    heavy = done.stderr.split()
    yield Line(f"cvdigest --help, wall, median of {STARTS}", statistics.median(took), "s", 0.25, at_least=False)
    yield Line("cvdigest --help, of NumPy, SciPy, scikit-learn imported", len(heavy), "modules", 0, at_least=False)


@contextmanager
def replay() -> Iterator[str]:
    """Run the replay on a free port and give its base URL."""
    with subprocess.Popen(
        [sys.executable, str(REPLAY), "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            yield server.stdout.readline().strip() if server.stdout else ""
        finally:
            server.terminate()


def process(arguments: Sequence[str], folder: Path) -> tuple[float, float]:
    """Run one process in *folder* and return its wall time in seconds and its peak memory in megabytes."""
    return usage(arguments, folder)[:2]


def usage(arguments: Sequence[str], folder: Path) -> tuple[float, float, float]:
    """Do as `process`, and return the seconds of the processor besides."""
    launched = [sys.executable, "-S", "-c", LAUNCHER, *arguments]
    done = subprocess.run(launched, cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True, check=True)
    status, seconds, peak, busy = json.loads(done.stdout)
    if status:
        msg = f"{' '.join(arguments)} ended with status {status}"
        raise RuntimeError(msg)
    return seconds, peak * (1 if sys.platform == "darwin" else 1024) / 1e6, busy


def environment() -> dict[str, str]:
    """Return the environment of a user who has set nothing."""
    return {key: value for key, value in os.environ.items() if not key.startswith("CVDIGEST_") and key != "OPENBLAS_NUM_THREADS"}


# -- what is measured with ---------------------------------------------------------------------------------------------


def number(value: float) -> str:
    """Return *value* with as many digits as say something."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def page() -> bytes:
    """Return the largest recorded page, or an invented one of the same length."""
    if PAGE.is_file():
        return PAGE.read_bytes()
    print("the recorded pages are not there (CVDIGEST_SHARED names the folder they are in): an invented page is measured")
    return catchup(invented(ENTRIES), date(2026, 11, 17))


def abstracts(count: int) -> list[tuple[str, str]]:
    """Return title and abstract of labelled papers, or of invented ones."""
    if CORPUS.is_file():
        return [(row["title"], row["abstract"]) for row in islice(training.rows(CORPUS), count)]
    return [(fake.title, fake.abstract) for fake in invented(count)]


WORDS = re.findall(
    r"\w+",
    "we present a method for detection of small objects in aerial video that learns dense features from few labels while "
    "diffusion transformers generate consistent views and segmentation masks under weak supervision with contrastive losses "
    "across domains our benchmark shows robust pose tracking depth estimation image retrieval captioning compression",
)


def invented(count: int) -> list[Fake]:
    """Return papers about nothing, as long as real ones, with a link and some mathematics."""
    papers = []
    for item in range(count):
        words = [WORDS[(item * 31 + place * place * 7 + place * (item % 13 + 1)) % len(WORDS)] for place in range(190)]
        words[60:60] = [f"$x_{{{item}}} < y^*$"]
        papers.append(
            Fake(
                f"2611.{item + 1:05}",
                title=" ".join(words[:9]).title(),
                abstract=f"{' '.join(words)}. Code is at https://github.com/example/paper_{item}.",
                authors=tuple(f"Ada {word.title()}" for word in words[20:26]),
                categories=("cs.CV", "cs.LG", "cs.AI")[: item % 3 + 1],
                comments=f"{item % 30 + 5} pages, accepted to CVPR 2027" if item % 2 else "",
            )
        )
    return papers


# -- the same with BeautifulSoup ---------------------------------------------------------------------------------------


def soup_papers(body: bytes) -> list[Paper]:
    """Read the papers out of a page as one would with BeautifulSoup, cleaned as this program cleans them."""
    soup = BeautifulSoup(body, "html.parser")
    papers = []
    for term, node in zip(soup.find_all("dt"), soup.find_all("dd"), strict=True):
        link = term.find("a", title="Abstract")
        subjects = soup_field(node, ".list-subjects", "Subjects:")
        papers.append(
            Paper(
                str(link["href"]).removeprefix("/abs/") if link else "",
                soup_field(node, ".list-title", "Title:"),
                soup_field(node, "p.mathjax", "", paragraphs=True),
                tuple(plain(name) for name in soup_field(node, ".list-authors", "").split(",")),
                tuple(re.findall(r"\(([a-z-]+(?:\.[A-Za-z-]+)?)\)(?:;|$)", subjects)),
                soup_field(node, ".list-comments", "Comments:"),
                soup_field(node, ".list-journal-ref", "Journal-ref:"),
            )
        )
    return papers


def soup_field(node: Tag, selector: str, descriptor: str, *, paragraphs: bool = False) -> str:
    """Return one field of an entry as plain text, with addresses for the words that stand for them."""
    field = node.select_one(selector)
    if field is None:
        return ""
    parts: list[str] = []
    for child in field.children:
        if not isinstance(child, Tag):
            parts.append(str(child).replace("\n", " "))
        elif child.name == "br":
            parts.append("\n")
        elif child.name == "a" and child.get_text().startswith("this http"):
            host = str(child["href"]).partition("://")[2]
            # arXiv takes two sentences without a space between them for a host; see `digest.arxiv.listing`.
            parts.append(host if "/" not in host and host.rpartition(".")[2][:1].isupper() else str(child["href"]))
        else:
            parts.append(child.get_text())
    return plain("".join(parts).strip().removeprefix(descriptor), paragraphs=paragraphs)


if __name__ == "__main__":
    sys.exit(main())
