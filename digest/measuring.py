"""Measure a model on labelled papers and on daily ones: files in, an accuracy card out.

It also looks for proof that the model was taught none of the papers that measure it.
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digest import training
from digest.catalogue import daily
from digest.catalogue.daily import Label
from digest.classify import card as cards
from digest.classify import evaluation
from digest.classify.card import Card, Figure
from digest.classify.evaluation import Judged, Votes
from digest.classify.model import Model
from digest.errors import UsageError

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Corpus:
    """The labelled papers, and which of them measure."""

    path: Path
    rows: list[Row]
    test: list[Row]

    def votes(self) -> Iterator[Votes]:
        """Yield the votes on every paper."""
        return map(votes, self.rows)


@dataclass(frozen=True, slots=True)
class Dailies:
    """Daily papers with a reader's label, those that are in the file at *path*."""

    path: Path
    labels: list[Label]
    papers: list[tuple[str, str]]
    """Title and abstract of each."""
    lacking: int
    """How many labelled papers the file lacks."""


# -- reading -----------------------------------------------------------------------------------------------------------


def corpus(path: Path, topics: Collection[str]) -> Corpus:
    """Read the labelled papers at *path*; those that measure have one of the *topics*.

    Raises:
        UsageError: it cannot be read, or none of its papers can measure.

    """
    rows = list(_whole(path, training.rows(path)))
    test = [row for row in rows if row["topic"] in topics and training.is_test(row)]
    if not test:
        msg = f"{path} holds no paper that may measure a model: none of the fifth that no training sees has a topic of the catalogue"
        raise UsageError(msg)
    return Corpus(path, rows, test)


def texts(path: Path, wanted: Collection[str]) -> dict[str, tuple[str, str]]:
    """Find title and abstract of the papers *wanted* in the JSON lines at *path*: ``arxiv_id``, ``title``, ``abstract``.

    Raises:
        UsageError: it cannot be read.

    """
    found: dict[str, tuple[str, str]] = {}
    for row in _whole(path, _papers(path)):
        if row["arxiv_id"] in wanted:
            found.setdefault(row["arxiv_id"], (row["title"], row["abstract"]))
    return found


def dailies(path: Path, labels: Sequence[Label], texts: Mapping[str, tuple[str, str]]) -> Dailies:
    """Bring daily papers' labels together with their *texts*, which were read from *path*.

    Raises:
        UsageError: there is no text of any of them.

    """
    found = [label for label in labels if label.arxiv_id in texts]
    if not found:
        msg = f"{path} holds none of the {len(labels)} labelled daily papers"
        raise UsageError(msg)
    return Dailies(path, found, [texts[label.arxiv_id] for label in found], len(labels) - len(found))


def _papers(path: Path) -> Iterator[Row]:
    """Yield papers that need no label."""
    number = 0
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                row = json.loads(line)
                if not all(isinstance(row[key], str) for key in ("title", "abstract")) or "arxiv_id" not in row:
                    msg = f"{path}:{number}: not a paper (it must have arxiv_id, title and abstract)"
                    raise UsageError(msg)
                yield row
    except (OSError, EOFError, ValueError, KeyError, TypeError) as exc:
        msg = f"{path}:{number}: not a paper ({exc or type(exc).__name__})"
        raise UsageError(msg) from exc


def _whole(path: Path, rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the rows of a file, and say plainly if it is not there or its compression is damaged."""
    if not path.is_file():
        msg = f"there is no file {path}"
        raise UsageError(msg)
    try:
        yield from rows
    except zlib.error as exc:
        msg = f"{path} is damaged ({exc})"
        raise UsageError(msg) from exc


def votes(row: Row) -> Votes:
    """Return the topics under which each curator files a paper."""
    return {curator: frozenset(topics) for curator, topics in row["votes"].items()}


# -- judging -----------------------------------------------------------------------------------------------------------


def judge(model: Model, rows: Sequence[Row]) -> list[Judged]:
    """Return what the model thinks of labelled papers."""
    opinions = model.classify([(row["title"], row["abstract"]) for row in rows])
    return [Judged(row["topic"], row["subtopic"], opinion, votes=votes(row)) for row, opinion in zip(rows, opinions, strict=True)]


def judge_dailies(model: Model, found: Dailies) -> list[Judged]:
    """Return what the model thinks of daily papers."""
    return [
        Judged(*label.shelf, opinion, frozenset(topic for topic, _ in label.accepted))
        for label, opinion in zip(found.labels, model.classify(found.papers), strict=True)
    ]


def measure(  # noqa: PLR0913 - what a card is made of
    model: Model,
    folder: Path,
    topics: Sequence[str],
    *,
    known: Corpus | None,
    found: Dailies | None,
    faults: Sequence[str],
) -> Card:
    """Return the card of the *model* in *folder*; of *known* and *found*, what is None is not measured.

    *faults* speak against the claim that it was taught none of these papers; see `unseen_faults`.
    """
    figures = held_out(folder, model)
    by_chance: dict[str, float] = {}
    sources: dict[str, str] = {}
    curators: list[evaluation.OfCurator] = []
    of_topics: list[evaluation.OfTopic] = []
    confusions: list[evaluation.Confusion] = []
    if known:
        judged = judge(model, known.test)
        curators = evaluation.curators(known.votes(), judged)
        of_topics, confusions = evaluation.per_topic(judged, topics), evaluation.confusions(judged)
        figures |= cards.fifth_figures(judged, curators)
        by_chance["calibration_error"] = round(evaluation.calibration_by_chance(judged), 3)
        sources["corpus"] = fingerprint(known.path)
    if found:
        judged = judge_dailies(model, found)
        figures |= cards.daily_figures(judged)
        by_chance["daily_calibration_error"] = round(evaluation.calibration_by_chance(judged), 3)
        halves = {label.half for label in found.labels}
        sources |= {"daily": fingerprint(found.path), "half": " and ".join(sorted(halves))}
    unseen = not faults
    return Card(model.info, sources, figures, by_chance, tuple(curators), tuple(of_topics), tuple(confusions), unseen)


def held_out(folder: Path, model: Model) -> dict[str, Figure]:
    """Return the figures of the held-out venue that `benchmarks/held_out_venue.py` left beside this very model, or none."""
    try:
        kept = json.loads((folder / cards.VENUE).read_text("utf-8"))
        return cards.figures(kept["figures"]) if kept["model_sha256"] == model.info.sha256 else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def fingerprint(path: Path) -> str:
    """Return the sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


# -- proof -------------------------------------------------------------------------------------------------------------


def unseen_faults(
    about: Row, known: Corpus | None, found: Dailies | None, topics: Collection[str], taught: Sequence[Sequence[str]] = ((),)
) -> list[str]:
    """Return what speaks against the claim that the model whose manifest says *about* was taught no paper that measures it.

    A manifest with ``checksums`` lists the `checksum` of every title that was taught, perhaps shortened: no paper that
    measures may be among them. One with ``titles_sha256`` only fixes all titles together; it proves the same if it is that of
    the labelled papers that may train, with one of the lists of further titles in *taught*, and none of them measures.
    """
    measuring = {training.checksum(row["title"]): row["title"] for row in known.test} if known else {}
    measuring |= {training.checksum(title): title for title, _ in found.papers} if found else {}
    if isinstance(listed := about.get("checksums"), list) and listed:
        length = len(str(listed[0]))
        shortened = {key[:length]: title for key, title in measuring.items()}
        return _seen([shortened[key] for key in set(map(str, listed)) & set(shortened)])
    if known is None:
        return ["without the labelled corpus the manifest does not tell which papers the model was taught"]
    kept = [row["title"] for row in known.rows if row["topic"] in topics and not training.is_test(row)]
    for further in taught:
        titles = [*kept, *further]
        if hashlib.sha256("\n".join(sorted(titles)).encode()).hexdigest() == about.get("titles_sha256"):
            return _seen([measuring[key] for key in set(map(training.checksum, titles)) & set(measuring)])
    return ["the model was taught other papers than those of this corpus that may train (titles_sha256 differs)"]


def _seen(titles: Sequence[str]) -> list[str]:
    return [f"the model was taught {len(titles)} of the papers that measure it, for example {min(titles)!r}"] if titles else []


def about(folder: Path) -> Row:
    """Return what the manifest of a loaded model says it was taught."""
    said = json.loads((folder / "manifest.json").read_text("utf-8")).get("about")
    return said if isinstance(said, dict) else {}


def of_half(labels: Iterable[Label], half: str) -> list[Label]:
    """Return the labels of one half.

    Raises:
        UsageError: there are none, or no such half.

    """
    if half not in daily.HALVES:
        msg = f"--half: {half!r} is no half of the reference"
        raise UsageError(msg, advice=f"it is {' or '.join(daily.HALVES)}")
    chosen = [label for label in labels if label.half == half]
    if not chosen:
        msg = f"the reference of daily papers has none in the half {half!r}"
        raise UsageError(msg)
    return chosen
