"""Teach a model from labelled papers. The only file that imports scikit-learn.

TF-IDF of words and pairs of words in three fields (`digest.classify.features`); on top of it one linear support vector
machine per topic and per subtopic, one against the rest (LIBLINEAR, Fan et al. 2008). A paper that curators or readers also
accept on a shelf is no counter-example for that shelf: it is left out of that machine's training. First all n-grams are
weighed, then the machines are trained again with those alone that matter most, which keeps the file small. Everything is
seeded, so that the same rows give the same bytes however many processes there are.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Self

import numpy as np
import scipy.sparse
import sklearn
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.isotonic import IsotonicRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

from digest.classify.features import FIELDS, ngrams, stop_words, texts
from digest.classify.model import Calibration, reliable, save, softmax
from digest.errors import UsageError

SEED = 20200402
_ENOUGH_DAILY = 1000
_CURVE_POINTS = 20
_SURE_ENOUGH = 0.9
"""Nobody is unsure who is this sure, even where all papers held out were surer."""
_TOPICS_WORTH = 1.5
_WORTH_A_PROCESS = 500_000
"""So many weights in the matrix of papers and n-grams make other processes worth their start."""
_UNSURE_SHARE = 0.1
"""The tenth of the papers that the model is least sure of is marked unsure."""

Matrix = NDArray[np.floating[Any]]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is taught; what was tried besides, and what it gave, is in models/EXPERIMENTS.md."""

    stop_share: float = 0.3
    """A word that stands in a larger share of the papers is a stop word."""
    min_papers: tuple[int, int, int] = (3, 2, 3)
    """An n-gram is weighed when it stands in this many papers, by field."""
    most_grams: int = 40_000
    """So many n-grams are kept."""
    cost: float = 0.2
    """LIBLINEAR's C."""
    balance: float = 0.7
    """The examples of a class count (papers / classes / its papers) to this power: 0 is as they are, 1 is balanced."""
    subtopic_share: float = 0.3
    """How much of its best subtopic's margin is added to a topic's."""
    folds: int = 3
    """Probabilities are fitted on papers held out in so many parts; below 2 they are not fitted."""


USUAL = Recipe()


@dataclass(frozen=True, slots=True)
class Labelled:
    """One paper and the shelf that curators or readers put it on."""

    title: str
    abstract: str
    topic: str
    subtopic: str | None
    accepted: frozenset[tuple[str, str | None]] = frozenset()
    """Other shelves, topic and subtopic, that some curator or reader would take."""
    weight: float = 1.0
    """How much the paper counts."""
    daily: bool = False
    """Whether it is of the kind that is classified later on; probabilities are fitted on these if there are enough."""


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

    def save(
        self,
        folder: Path,
        *,
        name: str,
        about: dict[str, Any],
        taxonomy: Sequence[dict[str, Any]] | None = None,
        listed: Mapping[str, dict[str, Any]] | None = None,
    ) -> None:
        """Write the model into *folder*; the arguments are those of `digest.classify.model.save`."""
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
            taxonomy=taxonomy,
            listed=listed or {},
        )


@dataclass(frozen=True, slots=True)
class _Targets:
    """What the machines are to tell apart: the topics, or the subtopics."""

    labels: NDArray[Any]
    """The class of each paper, -1 for none."""
    spared: Flags
    """Shape (papers, classes): where a paper is no counter-example."""
    weights: Matrix

    @property
    def count(self) -> int:
        return int(self.spared.shape[1])

    def rows(self, kept: NDArray[Any]) -> "_Targets":
        return _Targets(self.labels[kept], self.spared[kept], self.weights[kept])


class _Workers:
    """Processes that teach machines side by side, where there is enough to do; they are started when first needed.

    Not threads: LIBLINEAR draws from one generator of random numbers per process, and threads would draw in any order.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self._count = os.cpu_count() or 1
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def teach(self, matrix: Any, machines: Sequence[tuple[_Targets, int]]) -> list[tuple[NDArray[Any], float]]:  # noqa: ANN401 - see `_deciding`
        """Return weights and intercept of each machine, in order; how many processes there are makes no difference."""
        if self._count == 1 or matrix.nnz < _WORTH_A_PROCESS:
            return _machines(matrix, machines, self.recipe)
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self._count, get_context("spawn"))
        parts = [self._pool.submit(_machines, matrix, machines[start :: self._count], self.recipe) for start in range(self._count)]
        dealt = [part.result() for part in parts]
        return [dealt[number % self._count][number // self._count] for number in range(len(machines))]


def teach(
    papers: Sequence[Labelled],
    shelves: Sequence[tuple[str, str]],
    say: Callable[[str], None] = lambda _line: None,
    recipe: Recipe = USUAL,
) -> Taught:
    """Teach a model of the *shelves*, pairs of topic and subtopic in the catalogue's order.

    Topics and subtopics without a paper are left out. Progress is told to *say*.
    """
    present = {paper.topic for paper in papers}
    filled = {(paper.topic, paper.subtopic) for paper in papers}
    topics = [topic for topic in dict.fromkeys(topic for topic, _ in shelves) if topic in present]
    subtopics = [shelf for shelf in shelves if shelf in filled]
    # With few topics, a word that all papers of one have is in a large share of all of them.
    share = max(recipe.stop_share, _TOPICS_WORTH / len(topics))
    stops = stop_words([f"{paper.title}\n{paper.abstract}" for paper in papers], share)
    features, grams, idf = _features(papers, stops, recipe.min_papers)
    targets = _targets(papers, topics, subtopics)
    say(f"{len(papers):,} papers, {len(grams):,} n-grams, {len(topics)} topics, {len(subtopics)} subtopics")
    daily = np.array([paper.daily for paper in papers])
    with _Workers(recipe) as workers:
        calibration = _calibrate(features, grams, targets, topics, subtopics, daily, workers)
        say("probabilities fitted on papers held out")
        features, kept, weights, intercepts = _fit_deciding(features, np.arange(len(papers)), grams, targets, workers)
    grams, idf = [grams[column] for column in kept.tolist()], idf[kept]
    say(f"{len(grams):,} n-grams kept")
    scales = np.abs(weights).max(axis=0) / 127
    scales[scales == 0] = 1
    arrays = {"idf": idf, "weights": np.rint(weights / scales).astype(np.int8), "scales": scales, "intercepts": intercepts}
    facts = {
        "papers": len(papers),
        "estimator": f"TfidfVectorizer + LinearSVC(C={recipe.cost}), one against the rest",
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
        "seed": SEED,
    }
    return Taught(grams, arrays, topics, subtopics, stops, calibration, facts)


def _features(papers: Sequence[Labelled], stops: frozenset[str], min_papers: Sequence[int]) -> tuple[Any, list[str], Matrix]:
    """Return the TF-IDF matrix, shape (papers, n-grams), the n-grams and their inverse document frequencies."""
    blocks, weights = [], []
    grams: list[str] = []
    by_field = zip(*(texts(paper.title, paper.abstract) for paper in papers), strict=True)
    for (prefix, length), own, least in zip(FIELDS, by_field, min_papers, strict=True):
        vectorizer = TfidfVectorizer(
            analyzer=lambda text: ngrams(text, stops), sublinear_tf=True, min_df=min(least, len(papers)), dtype=np.float32
        )
        try:
            blocks.append(vectorizer.fit_transform(own) * np.float32(length))
        except ValueError:  # a field in which no n-gram is common enough, such as the opening where there are no abstracts
            continue
        grams.extend(prefix + gram for gram in vectorizer.get_feature_names_out())
        weights.append(vectorizer.idf_.astype(np.float32))
    if not blocks:
        msg = "there is nothing to learn from: no word stands in two papers"
        raise UsageError(msg)
    return scipy.sparse.hstack(blocks).tocsr(), grams, np.concatenate(weights)


def _deciding(features: Any, weights: Matrix, most: int) -> NDArray[Any]:  # noqa: ANN401 - SciPy's sparse matrices have no type of their own
    """Return the columns of the n-grams that move some class most, by weight and by how much they are used."""
    used = np.sqrt(np.asarray(features.multiply(features).sum(axis=0)).ravel())
    order = np.argsort(-np.abs(weights).max(axis=1) * used, kind="stable")
    return np.sort(order[:most])


def _lengths(features: Any, grams: Sequence[str]) -> Any:  # noqa: ANN401 - see `_deciding`
    """Return *features* with each field of each paper at its length again, after columns were taken out."""
    prefixes = np.array([gram.partition(":")[0] + ":" if ":" in gram else "" for gram in grams])
    blocks = []
    for prefix, length in FIELDS:
        block = features[:, np.flatnonzero(prefixes == prefix)]
        norms = np.sqrt(np.asarray(block.multiply(block).sum(axis=1)).ravel())
        blocks.append(scipy.sparse.diags_array(np.divide(length, norms, out=np.zeros_like(norms), where=norms > 0)) @ block)
    return scipy.sparse.hstack(blocks).tocsr().astype(np.float32)


def _targets(papers: Sequence[Labelled], topics: list[str], subtopics: list[tuple[str, str]]) -> tuple[_Targets, _Targets]:
    """Return what the topics' and the subtopics' machines are to tell apart."""
    of_topic = {topic: position for position, topic in enumerate(topics)}
    of_shelf: dict[tuple[str, str | None], int] = {shelf: position for position, shelf in enumerate(subtopics)}
    spared_topics = np.zeros((len(papers), len(topics)), dtype=bool)
    spared_subtopics = np.zeros((len(papers), len(subtopics)), dtype=bool)
    for row, paper in enumerate(papers):
        for shelf in paper.accepted:
            if shelf[0] in of_topic:
                spared_topics[row, of_topic[shelf[0]]] = True
            if shelf in of_shelf:
                spared_subtopics[row, of_shelf[shelf]] = True
    weights = np.array([paper.weight for paper in papers])
    return (
        _Targets(np.array([of_topic[paper.topic] for paper in papers]), spared_topics, weights),
        _Targets(np.array([of_shelf.get((paper.topic, paper.subtopic), -1) for paper in papers]), spared_subtopics, weights),
    )


def _fit_deciding(
    features: Any,  # noqa: ANN401 - see `_deciding`
    rows: NDArray[Any],
    grams: Sequence[str],
    targets: tuple[_Targets, _Targets],
    workers: _Workers,
) -> tuple[Any, NDArray[Any], Matrix, Matrix]:
    """Teach on some *rows*; return all rows' features by the n-grams kept, these n-grams' columns, weights and intercepts."""
    weights, intercepts = _fit(features[rows], targets, workers)
    columns = np.arange(len(grams))
    if len(grams) > workers.recipe.most_grams:
        columns = _deciding(features[rows], weights, workers.recipe.most_grams)
        features = _lengths(features[:, columns], [grams[column] for column in columns.tolist()])
        weights, intercepts = _fit(features[rows], targets, workers)
    return features, columns, weights, intercepts


def _fit(features: Any, targets: tuple[_Targets, _Targets], workers: _Workers) -> tuple[Matrix, Matrix]:  # noqa: ANN401 - see `_deciding`
    """Return weights, shape (n-grams, topics + subtopics), and intercepts."""
    matrix = features.astype(np.float64)  # LIBLINEAR's own type; or each machine would make it anew
    machines = [(target, label) for target in targets for label in range(target.count)]
    parts = workers.teach(matrix, machines)
    return np.stack([weights for weights, _ in parts], axis=1), np.array([bias for _, bias in parts], dtype=np.float32)


def _machines(matrix: Any, machines: Sequence[tuple[_Targets, int]], recipe: Recipe) -> list[tuple[NDArray[Any], float]]:  # noqa: ANN401 - see `_deciding`
    return [_machine(matrix, target, label, recipe) for target, label in machines]


def _machine(features: Any, target: _Targets, label: int, recipe: Recipe) -> tuple[NDArray[Any], float]:  # noqa: ANN401 - see `_deciding`
    """Return the weights, float32, and the intercept that tell the papers of class *label* from the others."""
    known = target.labels >= 0
    own = target.labels == label
    if own.sum() in {0, known.sum()}:  # a class without papers is never chosen, one without others always
        return np.zeros(features.shape[1], dtype=np.float32), 1.0 if own.any() else -1.0
    kept = np.flatnonzero(own | (known & ~target.spared[:, label]))
    if own[kept].all():
        kept = np.flatnonzero(known)
    classes = len(np.unique(target.labels[known]))
    weights = target.weights * np.where(own, (known.sum() / (classes * own.sum())) ** recipe.balance, 1.0)
    machine = LinearSVC(C=recipe.cost, random_state=SEED).fit(features[kept], own[kept], weights[kept])
    return machine.coef_[0].astype(np.float32), float(machine.intercept_[0])


def _calibrate(  # noqa: PLR0913, PLR0917 - what was learnt from, and how it is sorted
    features: Any,  # noqa: ANN401 - see `_deciding`
    grams: Sequence[str],
    targets: tuple[_Targets, _Targets],
    topics: list[str],
    subtopics: list[tuple[str, str]],
    daily: Flags,
    workers: _Workers,
) -> Calibration:
    """Fit the temperatures on margins of papers that were held out in turn, and find where the unsure ones end."""
    of_topic, of_subtopic = targets[0].labels, targets[1].labels
    recipe = workers.recipe
    folds = min(recipe.folds, int(np.bincount(of_topic).min()))
    if folds < 2:  # noqa: PLR2004 - a fold holds out something and keeps something
        return Calibration(recipe.subtopic_share, 1.0, 1.0, 0.0)
    margins = np.zeros((len(of_topic), len(topics) + len(subtopics)), dtype=np.float32)
    for kept, held in StratifiedKFold(folds, shuffle=True, random_state=SEED).split(of_topic, of_topic):
        own_targets = (targets[0].rows(kept), targets[1].rows(kept))
        chosen, _, weights, intercepts = _fit_deciding(features, kept, grams, own_targets, workers)
        margins[held] = chosen[held] @ weights + intercepts
    if daily.sum() >= _ENOUGH_DAILY:
        margins, of_topic, of_subtopic = margins[daily], of_topic[daily], of_subtopic[daily]
    owners = np.array([topics.index(topic) for topic, _ in subtopics], dtype=np.int64)
    detail = margins[:, len(topics) :]
    best = np.stack([detail[:, owners == topic].max(axis=1, initial=-1.0) for topic in range(len(topics))], axis=1)
    scores = margins[:, : len(topics)] + recipe.subtopic_share * best
    topic_scale = _temperature(scores, of_topic)
    known = np.flatnonzero(of_subtopic >= 0)
    subtopic_scale = 1.0
    if len(known):
        siblings = np.where(owners[None, :] == owners[of_subtopic[known]][:, None], detail[known], -np.inf).astype(np.float32)
        subtopic_scale = _temperature(siblings, of_subtopic[known])
    likely = softmax(scores * topic_scale)
    curve = _reliability(likely.max(axis=1), likely.argmax(axis=1) == of_topic)
    surest = reliable(likely, curve).max(axis=1)
    return Calibration(
        recipe.subtopic_share, topic_scale, subtopic_scale, min(_SURE_ENOUGH, round(float(np.quantile(surest, _UNSURE_SHARE)), 3)), curve
    )


def _reliability(stated: Matrix, right: Flags) -> tuple[tuple[float, float], ...]:
    """Return how likely a best topic truly is, as a rising curve of points (stated, true), over bins of equally many papers."""
    order = np.argsort(stated, kind="stable")
    bins = [part for part in np.array_split(order, _CURVE_POINTS) if len(part)]
    means = [float(stated[part].mean()) for part in bins]
    shares = [float(right[part].mean()) for part in bins]
    rising = IsotonicRegression().fit(means, shares, sample_weight=[len(part) for part in bins]).predict(means)
    return tuple((round(mean, 4), round(float(share), 4)) for mean, share in zip(means, rising, strict=True))


def _temperature(scores: Matrix, labels: NDArray[Any]) -> float:
    """Return the factor of *scores* that makes the *labels* likeliest, to two decimals."""
    rows = np.arange(len(labels))
    candidates = np.round(np.geomspace(0.5, 12, 60), 2)
    losses = [-np.log(np.maximum(softmax(scores * scale)[rows, labels], 1e-9)).mean() for scale in candidates.astype(np.float32)]
    return float(candidates[int(np.argmin(losses))])
