"""Why the model thinks so: the terms that decided between its best topic and the runner-up.

The score of a topic is a sum over the n-grams of a paper: the value of each times its weight for the topic, plus a share of
that for the topic's best subtopic, and a constant. So the difference between two topics is a sum over the n-grams too, and
what each of them contributed can be told exactly.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digest.classify.features import FIELDS
from digest.classify.model import Model
from digest.core.domain import Classification, Shelf

Floats = NDArray[np.floating[Any]]
_BATCH = 256


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
class Decision:
    """The same in short."""

    runner_up: Shelf | None
    terms: tuple[Term, ...]
    """The first of those of an `Explanation`, as far as they speak for the best topic."""


class _Names:
    """The names of a model's columns, field by field. The only place here that knows which fields a model has."""

    def __init__(self, known: Model) -> None:
        self._fields = []
        for (prefix, _), field in zip(FIELDS, known.fields, strict=True):
            words: dict[int, str] = {}
            for word, number in field.words.items():  # the stem first, then words that were found to have it
                words.setdefault(number, word)
            single = {column: words[number] for number, column in enumerate(field.columns_of.tolist()) if column >= 0}
            pairs = dict(zip(field.pair_columns.tolist(), field.pairs.tolist(), strict=True))
            self._fields.append((prefix.removesuffix(":") or "text", words, single, pairs, field.base))

    def of(self, field: int, column: int) -> tuple[str, str]:
        """Return the name of a field and the n-gram of one of its columns."""
        name, words, single, pairs, base = self._fields[field]
        if column in single:
            return name, single[column]
        first, second = divmod(pairs[column], base)
        return name, f"{words[first]} {words[second]}"


@dataclass(frozen=True, slots=True)
class _Values:
    """What the model sees of a paper."""

    names: _Names
    ends: list[int]
    """Where the columns of each field end."""
    columns: NDArray[np.int64]
    values: Floats

    @classmethod
    def of(cls, names: _Names, fields: Sequence[tuple[NDArray[np.int64], Floats]]) -> "_Values":
        """Put the fields of a paper one after another."""
        columns, values = zip(*fields, strict=True)
        return cls(names, np.cumsum([len(own) for own in columns]).tolist(), np.concatenate(columns), np.concatenate(values))

    def name(self, place: int) -> tuple[str, str]:
        """Return the field and the n-gram of the column at a place."""
        return self.names.of(bisect_right(self.ends, place), int(self.columns[place]))


def explain(known: Model, title: str, abstract: str) -> Explanation:
    """Return why *known* thinks of a paper what it thinks."""
    classification = known.classify([(title, abstract)])[0]
    fields, margins = next(known.seen([(title, abstract)]))
    of_topic, within = known.probabilities(margins[None])
    best = known.topics.index(classification.best.topic)
    seen, parts = _Values.of(_Names(known), fields), known.children()
    weights, constant, score = _score(known, margins, best, parts[best], seen.columns)
    second = _second(of_topic[0], best)
    if second is None:
        return Explanation(classification, None, _terms(seen, seen.values * weights), constant, score, ())
    rival_weights, rival_constant, rival_score = _score(known, margins, second, parts[second], seen.columns)
    return Explanation(
        classification,
        _shelf(known, second, parts[second], of_topic[0], within[0]),
        _terms(seen, seen.values * (weights - rival_weights)),
        constant - rival_constant,
        score - rival_score,
        _terms(seen, seen.values * rival_weights),
    )


class Decisions:
    """What decided about papers, by one model, which is laid out for it once."""

    def __init__(self, known: Model) -> None:
        self.model = known
        self._names, self._parts = _Names(known), known.children()

    def of(self, papers: Sequence[tuple[str, str]], most: int) -> Iterator[Decision]:
        """Yield what decided about each (title, abstract), in order: the figures of `explain`, the *most* first terms at most."""
        known, parts = self.model, self._parts
        for start in range(0, len(papers), _BATCH):
            all_seen = list(known.seen(papers[start : start + _BATCH]))
            probabilities = known.probabilities(np.stack([margins for _, margins in all_seen]))
            for (fields, margins), of_topic, within in zip(all_seen, *probabilities, strict=True):
                best = int(of_topic.argmax())
                seen = _Values.of(self._names, fields)
                weights = _score(known, margins, best, parts[best], seen.columns)[0]
                second = _second(of_topic, best)
                rival = None
                if second is not None:
                    rival = _shelf(known, second, parts[second], of_topic, within)
                    weights = weights - _score(known, margins, second, parts[second], seen.columns)[0]
                terms = _terms(seen, seen.values * weights, most)
                yield Decision(rival, tuple(term for term in terms if term.contribution > 0))


def _second(of_topic: Floats, best: int) -> int | None:
    """Return the likeliest topic but the best; None if there is no other."""
    return next((topic for topic in np.argsort(-of_topic, kind="stable").tolist() if topic != best), None)


def _shelf(known: Model, topic: int, parts: list[int], of_topic: Floats, within: Floats) -> Shelf:
    likeliest = known.subtopics[parts[int(within[parts].argmax())]][1] if parts else ""
    return Shelf(known.topics[topic], likeliest, round(float(of_topic[topic]), 4))


def _score(known: Model, margins: Floats, topic: int, parts: list[int], columns: NDArray[np.int64]) -> tuple[Floats, float, float]:
    """Return the weights of *columns* and the constant that make the score of a topic, and the score, for a paper's *margins*.

    *parts* are the topic's subtopics (see `Model.children`).
    """
    share, count = known.calibration.subtopic_share, len(known.topics)
    best = max((count + part for part in parts), key=lambda column: float(margins[column]), default=None)
    weights, constant = known.weights[columns, topic], float(known.intercepts[topic])
    if best is None or margins[best] <= -1:  # see `Model.probabilities`: no subtopic is taken to be worse than that
        return weights, constant - share, float(margins[topic]) - share
    score = float(margins[topic]) + share * float(margins[best])
    return weights + share * known.weights[columns, best], constant + share * float(known.intercepts[best]), score


def _terms(seen: _Values, contributions: Floats, most: int | None = None) -> tuple[Term, ...]:
    """Return the *most* first terms by their contributions, the strongest first."""
    total = float(np.abs(contributions).sum()) or 1.0
    terms = []
    for place in np.argsort(-contributions, kind="stable")[:most].tolist():
        field, gram = seen.name(place)
        contribution = float(contributions[place])
        terms.append(Term(gram, field, contribution, contribution / total))
    return tuple(terms)
