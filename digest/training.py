"""Teach the model: who says what belongs where, whose abstract is whose, and which papers no model may ever see.

Three kinds of papers are learnt from: those of curated lists, by the vote of their curators; those of a corpus that carries
labels of its own, where no list names them; and daily papers that readers filed (models/daily), which is what the lists of
conferences lack. Abstracts come from files of JSON lines, gzipped or not, with ``title`` and ``abstract`` and, where they are
known, ``arxiv_id``, ``topic``, ``subtopic`` and ``votes`` (which curator files it where). A list's paper finds its abstract
by its identifier, else by the letters and digits of its title.
"""

import gzip
import hashlib
import json
import shutil
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from digest.catalogue.daily import Label
from digest.catalogue.merge import Filed, merge
from digest.catalogue.records import title_key
from digest.classify import train
from digest.classify.model import load
from digest.classify.neighbours import FILE as NEIGHBOURS
from digest.classify.neighbours import write_papers
from digest.errors import PublishError, UsageError

DAILY_WEIGHT = 2.0
"""What a daily paper counts beside one of a conference (models/EXPERIMENTS.md)."""
_CHECKSUM_LETTERS = 8
FEW = 5
"""A topic with fewer papers is named: nothing reliable is learnt from so few."""
_LONGEST_LINE = 2**20

Shelf = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is learnt from, and the shelves that are learnt."""

    shelves: Sequence[tuple[str, str]]
    abstracts: Sequence[Path]
    filed: Iterable[Filed] = ()
    """What curated lists say."""
    daily: Sequence[Label] = ()
    """What readers of daily papers say."""
    reserved: frozenset[str] = frozenset()
    """The identifiers of papers that measure the model."""
    corrections: Mapping[str, Shelf] = field(default_factory=dict)
    """What the model's user says, by identifier: it outweighs everybody else."""
    own: bool = False
    """Whether the shelves are those of the user's own list: then the catalogue's labels mean nothing."""
    without_abstracts: bool = False
    """Whether papers without an abstract are learnt from by their titles."""
    taxonomy: Sequence[dict[str, Any]] | None = None
    """Names of shelves that are not the catalogue's."""
    recipe: train.Recipe = train.USUAL


def is_test(row: dict[str, Any]) -> bool:
    """Say whether a labelled paper is one of the fifth that measures the model and never trains it.

    It has a topic, a curator's vote besides a venue's own session names (``official``), and a title whose sha1, letters
    and digits only and in lower case, is divisible by five.
    """
    if not row.get("topic") or not set(row.get("votes") or {}) - {"official"}:
        return False
    return int(checksum(row["title"]), 16) % 5 == 0


def checksum(title: str) -> str:
    """Return the sha1 of a title's letters and digits in lower case."""
    return hashlib.sha1(title_key(title).encode(), usedforsecurity=False).hexdigest()


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the papers of a corpus.

    Raises:
        UsageError: the file cannot be read, or a line of it is no paper; the message names the line.

    """
    number = 0
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            while line := lines.readline(_LONGEST_LINE):
                number += 1
                if line.isspace():
                    continue
                row = json.loads(line)
                _check(row, f"{path}:{number}")
                yield row
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zlib.error) as exc:
        msg = f"{path}:{number}: not a paper with title and abstract ({exc or type(exc).__name__})"
        raise UsageError(msg) from exc


def _check(row: dict[str, Any], where: str) -> None:
    """Give a paper what it may leave out, an abstract, a shelf and votes, and refuse one that is none."""
    row["abstract"] = row["abstract"] or ""
    row["votes"] = row.get("votes") or {}
    row["topic"], row["subtopic"] = row.get("topic"), row.get("subtopic")
    may_lack = (row["topic"], row["subtopic"], row.get("arxiv_id"))
    votes = row["votes"]
    if not (
        isinstance(row["title"], str)
        and isinstance(row["abstract"], str)
        and all(value is None or isinstance(value, str) for value in may_lack)
        and isinstance(votes, dict)
        and all(isinstance(named, list) and all(isinstance(topic, str) for topic in named) for named in votes.values())
    ):
        msg = f"{where}: title and abstract must be texts, topic, subtopic and arxiv_id too where they stand, votes an object of lists"
        raise UsageError(msg)


def teach(
    lesson: Lesson,
    folder: Path,
    *,
    name: str,
    say: Callable[[str], None] = lambda _line: None,
    warn: Callable[[str], None] = lambda _line: None,
) -> dict[str, Any]:
    """Train on what the *lesson* holds, and write the model into *folder*; return what the manifest says it was trained on.

    Raises:
        UsageError: there is nothing to learn from, or a file is no corpus.

    """
    ready(folder)  # before the work, and not after it
    pupils = _Gathering(lesson)
    papers = pupils.papers(say, warn)
    if len({paper.topic for paper in papers}) < 2:  # noqa: PLR2004 - there must be something to tell apart
        given = ", ".join(path.name for path in lesson.abstracts) or "no file of abstracts"
        msg = f"there is nothing to learn from: with {given}, fewer than two topics have a paper whose text is known"
        raise UsageError(msg, advice="give more lists, or more abstracts")
    blank = sum(not paper.abstract.strip() for paper in papers)
    if blank * 4 > len(papers):
        warn(f"{blank:,} of {len(papers):,} papers are learnt from by their titles alone: their abstracts are not known")
    for topic, count in sorted(Counter(paper.topic for paper in papers).items()):
        if count < FEW:
            warn(f"{topic}: only {count} paper{'s' * (count > 1)}; the model will hardly ever be right about this topic")
    taught = train.teach(papers, lesson.shelves, say, lesson.recipe)
    about = {
        "corpus": [{"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()} for path in lesson.abstracts],
        "checksums": sorted(checksum(paper.title)[:_CHECKSUM_LETTERS] for paper in papers),
        "from": dict(sorted(pupils.counts.items())),
        "left_out": "titles whose sha1 is divisible by 5 and that a curator's vote files (digest.training.is_test), "
        "and the daily papers of models/daily/reference.tsv",
    }
    with replacing(folder) as fresh:
        listed = {NEIGHBOURS: write_papers(fresh, pupils.known)}
        taught.save(fresh, name=name, about=about, taxonomy=lesson.taxonomy, listed=listed)
        load(fresh)  # a model that cannot be used must not take the place of one that can
    return taught.facts | about


def ready(folder: Path) -> Path:
    """Return where a model that is to be written to *folder* will lie, after a look whether it may.

    A swap that was cut short is mended: then the folder is gone, and what was in it lies beside it.

    Raises:
        UsageError: there is something else than a model.

    """
    folder = folder.resolve()
    old = folder.with_name(f".{folder.name}.old")
    if old.is_dir() and not folder.exists():
        old.rename(folder)
    if folder.exists() and not folder.is_dir():
        msg = f"{folder} is no folder"
        raise UsageError(msg)
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "manifest.json").is_file():
        msg = f"{folder} has other things in it than a model"
        raise UsageError(msg, advice="name an empty folder, or one that is not there yet")
    return folder


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Hand out an empty folder that takes the place of *folder* when all went well; else *folder* stays as it was.

    What else lies in the old folder is taken over, such as notes of the user's.

    Raises:
        PublishError: the folder cannot be written.
        UsageError: there is something else than a model.

    """
    folder = ready(folder)
    fresh, old = (folder.with_name(f".{folder.name}.{kind}") for kind in ("new", "old"))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        yield fresh
        if folder.exists():
            for path in folder.iterdir():
                if not (fresh / path.name).exists():
                    (shutil.copytree if path.is_dir() else shutil.copy2)(path, fresh / path.name)
            shutil.rmtree(old, ignore_errors=True)
            folder.rename(old)
        fresh.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as exc:
        msg = f"the model cannot be written to {folder}: {exc.strerror or exc}"
        raise PublishError(msg) from exc
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


class _Gathering:
    """Papers found for a lesson, each once."""

    def __init__(self, lesson: Lesson) -> None:
        self._lesson = lesson
        self._topics = {topic for topic, _ in lesson.shelves}
        self._shelves = set(lesson.shelves)
        self._papers: list[train.Labelled] = []
        self._seen: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.known: list[tuple[str, str, str, str]] = []
        """Identifier, topic, subtopic and title of each curated paper learnt from."""

    def papers(self, say: Callable[[str], None], warn: Callable[[str], None]) -> list[train.Labelled]:
        """Return what is to be learnt."""
        lesson = self._lesson
        by_id, by_title, corpus = self._abstracts()
        measuring = [] if lesson.own else [row for row in corpus if is_test(row)]
        for row in (*measuring, *(row for identifier, row in by_id.items() if identifier in lesson.reserved)):
            self._seen.update((title_key(row["title"]), title_key(row["abstract"])))
        self._seen.discard("")  # papers without an abstract are not all the same
        for identifier, (topic, subtopic) in lesson.corrections.items():
            if identifier in by_id and identifier not in lesson.reserved:
                self._add("corrections", by_id[identifier], topic, subtopic, frozenset(), DAILY_WEIGHT, daily=True)
        self._lists(by_id, by_title, say, warn)
        if not lesson.own:
            for row in corpus:
                if row["topic"] in self._topics:
                    others = frozenset((topic, None) for votes in row["votes"].values() for topic in votes if topic != row["topic"])
                    self._add("corpus", row, row["topic"], row["subtopic"], others, 1.0, daily=False)
            self._daily(by_id, warn)
        return self._papers

    def _lists(
        self,
        by_id: Mapping[str, dict[str, Any]],
        by_title: Mapping[str, dict[str, Any]],
        say: Callable[[str], None],
        warn: Callable[[str], None],
    ) -> None:
        lesson = self._lesson
        merged = merge(lesson.filed)
        missing = 0
        for paper in merged:
            if paper.arxiv_id in lesson.reserved:
                continue
            row = by_id.get(paper.arxiv_id) or by_title.get(title_key(paper.title))
            if row is None:
                missing += 1
                if not lesson.without_abstracts:
                    continue
                row = {"title": paper.title, "abstract": "", "arxiv_id": paper.arxiv_id}
            if paper.topic is not None:
                others = frozenset(shelf for votes in paper.votes.values() for shelf in votes if shelf[0] != paper.topic)
                self._add("lists", row, paper.topic, paper.subtopic, others, 1.0, daily=False)
        if missing:
            learnt = "are learnt from by their titles alone" if lesson.without_abstracts else "are left out"
            tell = warn if missing * 4 > len(merged) else say
            tell(f"{missing:,} of the lists' {len(merged):,} papers have no abstract in the files given and {learnt}")

    def _abstracts(self) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]], list[dict[str, Any]]]:
        """Return the papers whose abstracts are known, by identifier and by title, and those that carry a label."""
        by_id: dict[str, dict[str, Any]] = {}
        by_title: dict[str, dict[str, Any]] = {}
        labelled = []
        for path in self._lesson.abstracts:
            for row in rows(path):
                if row.get("arxiv_id"):
                    by_id.setdefault(row["arxiv_id"], row)
                by_title.setdefault(title_key(row["title"]), row)
                if row["topic"] and row.get("votes"):
                    labelled.append(row)
        return by_id, by_title, labelled

    def _daily(self, by_id: Mapping[str, dict[str, Any]], warn: Callable[[str], None]) -> None:
        missing = 0
        for label in self._lesson.daily:
            row = by_id.get(label.arxiv_id)
            if row is None:
                missing += 1
            elif label.arxiv_id not in self._lesson.reserved:
                self._add("daily", row, *label.shelf, frozenset(label.accepted), DAILY_WEIGHT, daily=True)
        if missing:
            warn(f"{missing:,} of {len(self._lesson.daily):,} daily papers that readers filed have no abstract in the files given")

    def _add(  # noqa: PLR0913, PLR0917 - this is what is known of a paper
        self, origin: str, row: dict[str, Any], topic: str, subtopic: str | None, others: frozenset[Shelf], weight: float, *, daily: bool
    ) -> None:
        """Learn from the paper *row*, unless it was there before, measures the model, or has no shelf here."""
        key = title_key(row["title"])
        # One paper may stand there under two titles; its abstract gives it away.
        if not key or key in self._seen or title_key(row["abstract"]) in self._seen or topic not in self._topics:
            return
        self._seen.add(key)
        if (topic, subtopic or "") not in self._shelves:
            subtopic = None
        self._papers.append(train.Labelled(row["title"], row["abstract"], topic, subtopic, others, weight, daily))
        if not daily:
            self.known.append((row.get("arxiv_id") or "", topic, subtopic or "", row["title"]))
        self.counts[origin] += 1
