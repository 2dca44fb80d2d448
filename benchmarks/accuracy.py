"""How often the bundled model is right on papers that it has never seen.

    python benchmarks/accuracy.py

The labelled corpus is looked for in the folder that CVDIGEST_SHARED names, else in ``../shared`` beside the project. The
papers are the fifth that `digest.training.is_test` leaves out of every training. Exit status: 0 if the goal is reached (or
the corpus is not there, which is said), 1 if it is not, or if the model may have seen a test paper.
"""

import hashlib
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digest import resources, training
from digest.classify import model
from digest.core.domain import Classification

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("CVDIGEST_SHARED") or ROOT.parent / "shared")
GOAL = 0.82
TEST_ROWS = 3854
"""How many test papers the corpus holds; the goal was set for these."""
BINS = 10


@dataclass(frozen=True, slots=True)
class Judged:
    """A test paper: what the curators say, and what the model thinks."""

    row: dict[str, Any]
    opinion: Classification

    @property
    def right(self) -> bool:
        """Say whether the model's best topic is the curators'."""
        return bool(self.opinion.best.topic == self.row["topic"])

    @property
    def right_shelf(self) -> bool:
        """Say whether topic and subtopic are."""
        return self.right and self.opinion.best.subtopic == self.row["subtopic"]

    @property
    def agreed(self) -> bool:
        """Say whether two curators or more file the paper, and all of them under this topic."""
        return bool(self.row["unanimous"]) and self.row["curators"] >= 2


@dataclass(frozen=True, slots=True)
class OfTopic:
    """How well one topic is told from the others."""

    name: str
    count: int
    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Return the harmonic mean of precision and recall."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def main() -> int:
    """Print the figures and return the exit status."""
    path = SHARED / "corpus" / "labelled.jsonl.gz"
    if not path.is_file():
        print("accuracy: skipped, because the labelled corpus is not there (CVDIGEST_SHARED names the folder it is in)")
        return 0
    folder = resources.folder("models") / "default"
    judge = model.load(folder)
    corpus = list(training.rows(path))
    test = [row for row in corpus if training.is_test(row)]
    faults = unseen_faults(json.loads((folder / "manifest.json").read_text("utf-8"))["about"], corpus, test)
    if len(test) != TEST_ROWS:
        faults.append(f"the test papers are not those that the goal was set for: {len(test):,} instead of {TEST_ROWS:,}")
    opinions = judge.classify([(row["title"], row["abstract"]) for row in test])
    judged = [Judged(row, opinion) for row, opinion in zip(test, opinions, strict=True)]
    reached = report(judge.info.name, judged)
    for fault in faults:
        print(f"FAULT: {fault}")
    if not faults:
        print("No test paper was in training: the manifest's sha256 of the titles is that of the other papers, and no title is in both.")
    return 0 if reached and not faults else 1


def unseen_faults(about: dict[str, Any], corpus: Sequence[dict[str, Any]], test: Sequence[dict[str, Any]]) -> list[str]:
    """Return what speaks against the claim that the model of this manifest has seen none of the *test* papers."""
    known = {topic for topic, _ in resources.taxonomy().shelves()}
    kept = [row["title"] for row in corpus if row["topic"] in known and not training.is_test(row)]
    faults = []
    if about["titles_sha256"] != hashlib.sha256("\n".join(sorted(kept)).encode()).hexdigest():
        faults.append("the model was trained on other papers than those of this corpus that may train (titles_sha256 differs)")
    if about["papers"] != len(kept):
        faults.append(f"the model was trained on {about['papers']:,} papers; {len(kept):,} of this corpus may train")
    if twice := {normal(row["title"]) for row in test} & set(map(normal, kept)):
        faults.append(f"{len(twice)} titles are in both parts, for example {min(twice)!r}")
    return faults


def normal(title: str) -> str:
    """Return *title* with nothing but its letters and digits, in lower case."""
    return re.sub(r"[^a-z0-9]", "", title.lower())


def report(name: str, judged: Sequence[Judged]) -> bool:
    """Print all figures; return whether the goal is reached."""
    with_subtopic = [item for item in judged if item.row["subtopic"]]
    sure = [item for item in judged if not item.opinion.unsure]
    agreed = [item for item in judged if item.agreed]
    topics = per_topic(judged)
    accuracy = share([item.right for item in judged])
    print(f"Accuracy of the model {name} on {len(judged):,} test papers\n")
    print(f"{'figure':<58} {'papers':>7} {'value':>7}")
    for label, count, value in (
        ("topic: accuracy", len(judged), accuracy),
        ("topic: macro F1", len(judged), sum(topic.f1 for topic in topics) / len(topics)),
        ("topic and subtopic: accuracy", len(with_subtopic), share([item.right_shelf for item in with_subtopic])),
        ("topic: accuracy on those it is sure of", len(sure), share([item.right for item in sure])),
        ("share that it is unsure of", len(judged), 1 - len(sure) / len(judged)),
        ("topic: accuracy where two or more curators agree", len(agreed), share([item.right for item in agreed])),
        (f"expected calibration error ({BINS} bins)", len(judged), calibration_error(judged)),
    ):
        print(f"{label:<58} {count:>7,} {value:>7.4f}")
    print(f"\n{'topic':<58} {'papers':>7} {'precis.':>7} {'recall':>7}")
    for topic in topics:
        print(f"{topic.name:<58} {topic.count:>7,} {topic.precision:>7.3f} {topic.recall:>7.3f}")
    reached = accuracy >= GOAL
    print(
        f"\nGoal: topic accuracy of at least {GOAL}; measured {accuracy:.4f}, {accuracy / GOAL:.3f} of it: {'ok' if reached else 'MISSED'}"
    )
    return reached


def per_topic(judged: Sequence[Judged]) -> list[OfTopic]:
    """Return count, precision and recall of each topic that has a test paper, in the catalogue's order."""
    topics = []
    for slug, name in resources.taxonomy().names().items():
        count = sum(item.row["topic"] == slug for item in judged)
        named = sum(item.opinion.best.topic == slug for item in judged)
        hits = sum(item.right and item.row["topic"] == slug for item in judged)
        if count:
            topics.append(OfTopic(name, count, hits / named if named else 0.0, hits / count))
    return topics


def calibration_error(judged: Sequence[Judged]) -> float:
    """Return how far the stated probability is from the share of right answers, on average over bins of equal width."""
    bins: list[list[Judged]] = [[] for _ in range(BINS)]
    for item in judged:
        bins[min(int(item.opinion.best.probability * BINS), BINS - 1)].append(item)
    gaps = (abs(sum(item.right - item.opinion.best.probability for item in held)) for held in bins)
    return sum(gaps) / len(judged)


def share(answers: Sequence[bool]) -> float:
    """Return the share of *answers* that are true."""
    return sum(answers) / len(answers) if answers else 0.0


if __name__ == "__main__":
    sys.exit(main())
