"""The bundled model beside what else one would use: the same papers, the same split, the same classifier.

    python benchmarks/anchors.py

The labelled corpus is looked for in the folder that CVDIGEST_SHARED names, else in ``../shared`` beside the project. Each
anchor is scikit-learn's TF-IDF with one linear support vector machine per topic, as the bundled model has, taught the papers
that may train it and measured on the fifth that may not:

- the features of arxiv-sanity-lite (karpathy/arxiv-sanity-lite d7a303b, ``compute.py``), with its settings to the letter; its
  text has the authors' names besides, which the corpus has not;
- a plain baseline: TF-IDF of words and pairs, of the title and of title with abstract, sublinear, English stop words.

The anchors name a topic only; the bundled model names topic, subtopic and probabilities. If the bundled model was taught
daily papers besides, the anchors were not: those have no place in the anchors' own way of being made. Rates are the best of several
repeats on one core. Exit status: 0 if the bundled model is more often right than both and faster than both (or the corpus is
not there, which is said), else 1.
"""

import os
import sys
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy is imported

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC
from timing import best, one_core

from digest import measuring, resources, training
from digest.classify import evaluation, model

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("CVDIGEST_SHARED") or ROOT.parent / "shared")
SEED = 20200402
REPEATS = 3
_PEER_TOKENS = r"(?u)\b[a-zA-Z_][a-zA-Z0-9_]+\b"

Papers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Found:
    """How good and how fast one way of sorting papers is."""

    name: str
    right: evaluation.Share
    rate: float
    """Papers in a second."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """One way of making features: vectorisers, each with the texts that it reads."""

    name: str
    parts: tuple[tuple[TfidfVectorizer, Callable[[tuple[str, str]], str]], ...]

    def features(self, papers: Papers, *, fit: bool = False) -> Any:  # noqa: ANN401 - SciPy's sparse matrices have no type of their own
        """Return the features of *papers*, side by side."""
        blocks = []
        for vectorizer, read in self.parts:
            texts = [read(paper) for paper in papers]
            blocks.append(vectorizer.fit_transform(texts) if fit else vectorizer.transform(texts))
        return scipy.sparse.hstack(blocks).tocsr() if len(blocks) > 1 else blocks[0]


def both(paper: tuple[str, str]) -> str:
    """Return title and abstract as one text."""
    return " ".join(paper)


def title(paper: tuple[str, str]) -> str:
    """Return the title."""
    return paper[0]


def sanity_lite() -> Anchor:
    """Return the features of arxiv-sanity-lite."""
    vectorizer = TfidfVectorizer(
        input="content", encoding="utf-8", decode_error="replace", strip_accents="unicode", lowercase=True, analyzer="word",
        stop_words="english", token_pattern=_PEER_TOKENS, ngram_range=(1, 2), max_features=20000,
        norm="l2", use_idf=True, smooth_idf=True, sublinear_tf=True, max_df=0.1, min_df=5,
    )  # fmt: skip
    return Anchor("arxiv-sanity-lite's features", ((vectorizer, both),))


def plain() -> Anchor:
    """Return the plain baseline; words and pairs that stand in a single paper are left out, as they cost memory and tell nothing."""
    parts = tuple(
        (TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, stop_words="english", min_df=2, dtype=np.float32), read)
        for read in (title, both)
    )
    return Anchor("plain TF-IDF, title and whole text", parts)


def main() -> int:
    """Print the figures and return the exit status."""
    path = SHARED / "corpus" / "labelled.jsonl.gz"
    if not path.is_file():
        print("anchors: skipped, because the labelled corpus is not there (CVDIGEST_SHARED names the folder it is in)")
        return 0
    topics = resources.taxonomy().names()
    corpus = measuring.corpus(path, topics)
    kept = [row for row in corpus.rows if row["topic"] in topics and not training.is_test(row)]
    taught, unseen = ([(row["title"], row["abstract"]) for row in rows] for rows in (kept, corpus.test))
    labels, truth = (np.array([row["topic"] for row in rows]) for rows in (kept, corpus.test))
    print(f"taught {len(taught):,} papers, measured on {len(unseen):,}\n")
    print(f"{'':<38} {'topic right':>11} {'papers/s':>9} {'bundled/this: right':>20} {'speed':>6}", flush=True)
    judge = model.load(resources.folder("models") / "default")
    with one_core():
        right = sum(opinion.best.topic == topic for opinion, topic in zip(judge.classify(unseen), truth, strict=True))
        ours = Found(
            f"the bundled model, {judge.info.name}",
            evaluation.Share(right, len(unseen)),
            len(unseen) / best(REPEATS, lambda: judge.classify(unseen)),
        )
        show(ours, ours)
        anchors = []
        for anchor in (sanity_lite(), plain()):
            anchors.append(measure(anchor, taught, labels, unseen, truth))
            show(anchors[-1], ours)
    behind = [found.name for found in anchors if found.right.value >= ours.right.value or found.rate >= ours.rate]
    print(f"\nMISSED: not better and faster than {', '.join(behind)}" if behind else "\nBetter and faster than both.")
    return 1 if behind else 0


def measure(anchor: Anchor, taught: Papers, labels: Any, unseen: Papers, truth: Any) -> Found:  # noqa: ANN401 - NumPy's arrays of texts
    """Teach the classifier an anchor's features, and measure it."""
    machine = LinearSVC(C=0.2, class_weight="balanced", random_state=SEED).fit(anchor.features(taught, fit=True), labels)
    right = int((machine.predict(anchor.features(unseen)) == truth).sum())
    took = best(REPEATS, lambda: machine.predict(anchor.features(unseen)))
    return Found(anchor.name, evaluation.Share(right, len(unseen)), len(unseen) / took)


def show(found: Found, ours: Found) -> None:
    """Print one line of the table."""
    ratio, speed = ours.right.value / found.right.value, ours.rate / found.rate
    print(f"{found.name:<38} {found.right.value:>11.4f} {found.rate:>9,.0f} {ratio:>20.3f} {speed:>6.2f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
