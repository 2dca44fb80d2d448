"""Why the model thinks so: the terms that decided between its best topic and the runner-up.

The score of a topic is a sum over the n-grams of a paper: the value of each times its weight for the topic, plus a share of
that for the topic's best subtopic, and a constant. So the difference between two topics is a sum over the n-grams too, and
what each of them contributed can be told exactly.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digest.classify.features import FIELDS, Field
from digest.classify.model import Model
from digest.core.domain import Classification, Shelf

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Term:
    """An n-gram of the paper, and what it contributed."""

    gram: str
    field: str
    """Where it stands: ``text`` (title and abstract), ``title``, or ``opening``, the abstract's first sentence."""
    contribution: float
    """In units of the score; positive for, negative against."""
    share: float
    """The same as a part of all that was contributed, whatever its sign: these add up to 1 without their signs."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a paper is where it is."""

    classification: Classification
    runner_up: Shelf | None
    """The second likeliest topic; None if the model knows one topic only."""
    terms: tuple[Term, ...]
    """Every n-gram by its contribution to the difference between the two, the strongest for the best topic first."""
    constant: float
    """What the model contributed without looking at the paper."""
    difference: float
    """Of the scores of the two topics: the contributions and the constant add up to it."""
    for_runner_up: tuple[Term, ...]
    """Every n-gram by what it contributed to the runner-up's own score, the strongest first."""


@dataclass(frozen=True, slots=True)
class _Values:
    """What the model sees of a paper."""

    grams: list[tuple[str, str]]
    """Field and n-gram."""
    columns: NDArray[np.int64]
    values: Floats


def _values(known: Model, title: str, abstract: str) -> _Values:
    """Return the n-grams of a paper. The only place here that knows which fields a model has."""
    grams: list[tuple[str, str]] = []
    columns: list[NDArray[np.int64]] = []
    values: list[Floats] = []
    for (prefix, _), field, (own, weights, _) in zip(FIELDS, known.fields, known.features([(title, abstract)]), strict=True):
        grams.extend((prefix.removesuffix(":") or "text", gram) for gram in _names(field, own))
        columns.append(own)
        values.append(weights)
    return _Values(grams, np.concatenate(columns), np.concatenate(values))


def _names(field: Field, columns: NDArray[np.int64]) -> list[str]:
    """Return the n-grams of some columns of a field."""
    words: dict[int, str] = {}
    for word, number in field.words.items():  # the stem first, then words that were found to have it
        words.setdefault(number, word)
    single = {column: words[number] for number, column in enumerate(field.columns_of.tolist()) if column >= 0}
    pairs = dict(zip(field.pair_columns.tolist(), field.pairs.tolist(), strict=True))
    names = []
    for column in columns.tolist():
        if column in single:
            names.append(single[column])
        else:
            first, second = divmod(pairs[column], field.base)
            names.append(f"{words[first]} {words[second]}")
    return names


def explain(known: Model, title: str, abstract: str) -> Explanation:
    """Return why *known* thinks of a paper what it thinks."""
    classification = known.classify([(title, abstract)])[0]
    margins = known.margins([(title, abstract)])
    of_topic, within = known.probabilities(margins)
    best = known.topics.index(classification.best.topic)
    seen = _values(known, title, abstract)
    weights, constant, score = _score(known, margins[0], best)
    others = [topic for topic in np.argsort(-of_topic[0], kind="stable").tolist() if topic != best]
    if not others:
        return Explanation(classification, None, _terms(seen, seen.values * weights[seen.columns]), constant, score, ())
    second = others[0]
    own = known.children()[second]
    likeliest = known.subtopics[own[int(within[0, own].argmax())]][1] if own else ""
    rival = Shelf(known.topics[second], likeliest, round(float(of_topic[0, second]), 4))
    rival_weights, rival_constant, rival_score = _score(known, margins[0], second)
    return Explanation(
        classification,
        rival,
        _terms(seen, seen.values * (weights - rival_weights)[seen.columns]),
        constant - rival_constant,
        score - rival_score,
        _terms(seen, seen.values * rival_weights[seen.columns]),
    )


def _score(known: Model, margins: Floats, topic: int) -> tuple[Floats, float, float]:
    """Return the weights and the constant that make the score of a topic for the paper of these *margins*, and the score."""
    share, count = known.calibration.subtopic_share, len(known.topics)
    own = [count + column for column in known.children()[topic]]
    best = max(own, key=lambda column: float(margins[column]), default=None)
    weights, constant = known.weights[:, topic], float(known.intercepts[topic])
    if best is None or margins[best] <= -1:  # see `Model.probabilities`: no subtopic is taken to be worse than that
        return weights, constant - share, float(margins[topic]) - share
    score = float(margins[topic]) + share * float(margins[best])
    return weights + share * known.weights[:, best], constant + share * float(known.intercepts[best]), score


def _terms(seen: _Values, contributions: Floats) -> tuple[Term, ...]:
    total = float(np.abs(contributions).sum()) or 1.0
    order = np.argsort(-contributions, kind="stable").tolist()
    told = contributions.tolist()
    return tuple(Term(seen.grams[place][1], seen.grams[place][0], told[place], told[place] / total) for place in order)
