"""Teach a model from labelled papers. The only file that imports scikit-learn.

TF-IDF of words and pairs of words, of the text and of the title; on top of it one linear support vector machine per topic
and per subtopic, one against the rest (LIBLINEAR, Fan et al. 2008). Everything is seeded and runs in one thread, so that
the same rows give the same bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
import sklearn
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

from digest.classify.features import TITLE, full_text, ngrams, stop_words
from digest.classify.model import Calibration, save, softmax

SEED = 20200402
_STOP_SHARE = 0.3
_MIN_PAPERS = 8
_COST = 0.2
_FOLDS = 3
_SHARE = 0.3
_UNSURE_SHARE = 0.1
"""The tenth of the papers that the model is least sure of is marked unsure."""

Matrix = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Labelled:
    """One paper and the shelf that curators put it on."""

    title: str
    abstract: str
    topic: str
    subtopic: str | None


@dataclass(frozen=True, slots=True)
class Taught:
    """What `teach` returns: the parts of a model."""

    vocabulary: list[str]
    arrays: dict[str, NDArray[Any]]
    topics: list[str]
    subtopics: list[tuple[str, str]]
    stop_words: frozenset[str]
    calibration: Calibration
    facts: dict[str, Any]

    def save(self, folder: Path, *, name: str, about: dict[str, Any]) -> None:
        """Write the model into *folder*; *about* says what it was trained on."""
        save(
            folder,
            name=name,
            vocabulary=self.vocabulary,
            arrays=self.arrays,
            topics=self.topics,
            subtopics=self.subtopics,
            stop_words=self.stop_words,
            calibration=self.calibration,
            about=self.facts | about,
        )


def teach(papers: Sequence[Labelled], shelves: Sequence[tuple[str, str]]) -> Taught:
    """Teach a model of the *shelves*, pairs of topic and subtopic in the catalogue's order.

    Topics and subtopics without a paper are left out.
    """
    present = {paper.topic for paper in papers}
    filled = {(paper.topic, paper.subtopic) for paper in papers}
    topics = [topic for topic in dict.fromkeys(topic for topic, _ in shelves) if topic in present]
    subtopics = [shelf for shelf in shelves if shelf in filled]
    stops = stop_words([full_text(paper.title, paper.abstract) for paper in papers], _STOP_SHARE)
    features, grams, idf = _features(papers, stops)
    topic_of = np.array([topics.index(paper.topic) for paper in papers])
    index = {shelf: position for position, shelf in enumerate(subtopics)}
    subtopic_of = np.array([index.get((paper.topic, paper.subtopic or ""), -1) for paper in papers])
    calibration = _calibrate(features, topic_of, subtopic_of, topics, subtopics)
    weights, intercepts = _fit(features, topic_of, subtopic_of, len(topics), len(subtopics))
    scales = np.abs(weights).max(axis=0) / 127
    scales[scales == 0] = 1
    arrays = {"idf": idf, "weights": np.rint(weights / scales).astype(np.int8), "scales": scales, "intercepts": intercepts}
    facts = {
        "papers": len(papers),
        "estimator": f"TfidfVectorizer + LinearSVC(C={_COST}, class_weight='balanced')",
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
        "seed": SEED,
    }
    return Taught(grams, arrays, topics, subtopics, stops, calibration, facts)


def _features(papers: Sequence[Labelled], stops: frozenset[str]) -> tuple[Any, list[str], Matrix]:
    """Return the TF-IDF matrix, shape (papers, n-grams), the n-grams and their inverse document frequencies."""
    blocks, weights = [], []
    grams: list[str] = []
    for prefix, texts in (
        ("", [full_text(paper.title, paper.abstract) for paper in papers]),
        (TITLE, [paper.title for paper in papers]),
    ):
        vectorizer = TfidfVectorizer(
            analyzer=lambda text: ngrams(text, stops), sublinear_tf=True, min_df=min(_MIN_PAPERS, len(papers)), dtype=np.float32
        )
        blocks.append(vectorizer.fit_transform(texts))
        grams.extend(prefix + gram for gram in vectorizer.get_feature_names_out())
        weights.append(vectorizer.idf_.astype(np.float32))
    return scipy.sparse.hstack(blocks).tocsr(), grams, np.concatenate(weights)


def _fit(features: Any, topic_of: NDArray[Any], subtopic_of: NDArray[Any], topics: int, subtopics: int) -> tuple[Matrix, Matrix]:  # noqa: ANN401 - SciPy's sparse matrices have no type of their own
    """Return weights, shape (n-grams, topics + subtopics), and intercepts."""
    known = subtopic_of >= 0
    parts = [_columns(features, topic_of, topics), _columns(features[known], subtopic_of[known], subtopics)]
    return np.hstack([weights for weights, _ in parts]).astype(np.float32), np.hstack([bias for _, bias in parts]).astype(np.float32)


def _columns(features: Any, labels: NDArray[Any], count: int) -> tuple[Matrix, Matrix]:  # noqa: ANN401 - see `_fit`
    """Return one column per label; a label that no paper has gets a column that is never chosen."""
    weights = np.zeros((features.shape[1], count), dtype=np.float32)
    intercepts = np.full(count, -1.0, dtype=np.float32)
    seen = np.unique(labels)
    if len(seen) == 1:
        intercepts[seen] = 1.0
        return weights, intercepts
    machine = LinearSVC(C=_COST, class_weight="balanced", random_state=SEED).fit(features, labels)
    if len(seen) == 2:  # noqa: PLR2004 - scikit-learn keeps one column for two classes
        weights[:, seen] = np.vstack([-machine.coef_[0], machine.coef_[0]]).T
        intercepts[seen] = -machine.intercept_[0], machine.intercept_[0]
    else:
        weights[:, seen] = machine.coef_.T
        intercepts[seen] = machine.intercept_
    return weights, intercepts


def _calibrate(
    features: Any,  # noqa: ANN401 - see `_fit`
    topic_of: NDArray[Any],
    subtopic_of: NDArray[Any],
    topics: list[str],
    subtopics: list[tuple[str, str]],
) -> Calibration:
    """Fit the temperatures on margins of papers that were held out in turn, and find where the unsure ones end."""
    folds = min(_FOLDS, int(np.bincount(topic_of).min()))
    if folds < 2:  # noqa: PLR2004 - a fold holds out something and keeps something
        return Calibration(_SHARE, 1.0, 1.0, 0.0)
    margins = np.zeros((len(topic_of), len(topics) + len(subtopics)), dtype=np.float32)
    for kept, held in StratifiedKFold(folds, shuffle=True, random_state=SEED).split(features, topic_of):
        weights, intercepts = _fit(features[kept], topic_of[kept], subtopic_of[kept], len(topics), len(subtopics))
        margins[held] = features[held] @ weights + intercepts
    owners = np.array([topics.index(topic) for topic, _ in subtopics])
    detail = margins[:, len(topics) :]
    best = np.stack([detail[:, owners == topic].max(axis=1, initial=-1.0) for topic in range(len(topics))], axis=1)
    scores = margins[:, : len(topics)] + _SHARE * best
    topic_scale = _temperature(scores, topic_of)
    known = np.flatnonzero(subtopic_of >= 0)
    siblings = np.where(owners[None, :] == owners[subtopic_of[known]][:, None], detail[known], -np.inf).astype(np.float32)
    subtopic_scale = _temperature(siblings, subtopic_of[known])
    surest = softmax(scores * topic_scale).max(axis=1)
    return Calibration(_SHARE, topic_scale, subtopic_scale, round(float(np.quantile(surest, _UNSURE_SHARE)), 3))


def _temperature(scores: Matrix, labels: NDArray[Any]) -> float:
    """Return the factor of *scores* that makes the *labels* likeliest, to two decimals."""
    rows = np.arange(len(labels))
    candidates = np.round(np.geomspace(0.5, 12, 60), 2)
    losses = [-np.log(np.maximum(softmax(scores * scale)[rows, labels], 1e-9)).mean() for scale in candidates.astype(np.float32)]
    return float(candidates[int(np.argmin(losses))])
