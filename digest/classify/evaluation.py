"""How good a model's opinions are: papers with their true shelves in, figures out. Pure arithmetic.

What is right is what a reference says: for labelled papers the topic of most curators, for daily papers the shelf that a
reader chose, with others that the reader accepts. A figure of no papers at all is 0, and its interval is from 0 to 1.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import pi, sqrt

from digest.core.domain import Classification

BINS = 10
"""Of the expected calibration error; all of equal width."""
MIN_SHARED = 100
"""A curator that shares fewer papers with others is not compared with them."""
_Z = 1.959963984540054
"""The standard normal distribution has 95 % of its mass between minus this and this."""

Votes = Mapping[str, frozenset[str]]
"""The topics under which each curator files a paper: nearly always one, sometimes two or three."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A paper, where it belongs, and what the model thinks."""

    topic: str
    subtopic: str | None
    opinion: Classification
    accepted: frozenset[str] = frozenset()
    """Further topics that the reference accepts."""
    votes: Votes = field(default_factory=dict)

    @property
    def right(self) -> bool:
        """Say whether the model's best topic is the paper's."""
        return self.opinion.best.topic == self.topic

    @property
    def acceptable(self) -> bool:
        """Say whether the model's best topic is the paper's or one that is accepted."""
        return self.right or self.opinion.best.topic in self.accepted

    @property
    def right_shelf(self) -> bool:
        """Say whether topic and subtopic are the paper's."""
        return self.right and self.opinion.best.subtopic == self.subtopic

    @property
    def agreed(self) -> bool:
        """Say whether two curators or more file the paper, and each of them under its topic."""
        return len(self.votes) > 1 and all(self.topic in vote for vote in self.votes.values())


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many."""

    hits: float
    papers: int

    @property
    def value(self) -> float:
        """Return the share itself."""
        return self.hits / self.papers if self.papers else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Return the bounds of Wilson's 95 % interval (Wilson 1927)."""
        if not self.papers:
            return 0.0, 1.0
        count, value = self.papers, self.value
        middle = value + _Z**2 / (2 * count)
        reach = _Z * sqrt(value * (1 - value) / count + _Z**2 / (4 * count**2))
        scale = 1 + _Z**2 / count
        return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


@dataclass(frozen=True, slots=True)
class OfTopic:
    """How well one topic is told from the others."""

    topic: str
    papers: int
    named: int
    """How many papers the model puts there."""
    hits: int

    @property
    def precision(self) -> float:
        """Return how many of the papers that the model puts there belong there."""
        return self.hits / self.named if self.named else 0.0

    @property
    def recall(self) -> float:
        """Return how many of the papers that belong there the model puts there."""
        return self.hits / self.papers if self.papers else 0.0

    @property
    def f1(self) -> float:
        """Return the harmonic mean of precision and recall."""
        return 2 * self.hits / (self.papers + self.named) if self.papers + self.named else 0.0


@dataclass(frozen=True, slots=True)
class OfCurator:
    """How often others agree with one curator: the other curators, and the model. See `curators`."""

    name: str
    others: Share
    """The other curators' agreement with it, on all papers of the corpus that it shares with any of them."""
    others_on_test: Share
    """The same, on those of these papers that no training sees."""
    model_on_shared: Share
    """The model's agreement with it, on exactly those."""
    model: Share
    """The model's agreement with it, on all papers with its vote that no training sees."""

    @property
    def above(self) -> bool:
        """Say whether the model agrees with it more often than the other curators do."""
        return self.model_on_shared.papers > 0 and self.model_on_shared.value > self.others.value


@dataclass(frozen=True, slots=True)
class Confusion:
    """How many papers of one topic the model puts under another."""

    topic: str
    named: str
    papers: int


# -- shares ------------------------------------------------------------------------------------------------------------


def topic_accuracy(judged: Iterable[Judged]) -> Share:
    """Return how often the topic is right."""
    return _share(judged, lambda item: item.right)


def accepted_accuracy(judged: Iterable[Judged]) -> Share:
    """Return how often the topic is right or accepted."""
    return _share(judged, lambda item: item.acceptable)


def shelf_accuracy(judged: Iterable[Judged]) -> Share:
    """Return how often topic and subtopic are right, among the papers that have a subtopic."""
    return _share((item for item in judged if item.subtopic), lambda item: item.right_shelf)


def subtopic_accuracy(judged: Iterable[Judged]) -> Share:
    """Return how often the subtopic is right where the topic is, among the papers that have a subtopic."""
    return _share((item for item in judged if item.subtopic and item.right), lambda item: item.right_shelf)


def agreed_accuracy(judged: Iterable[Judged]) -> Share:
    """Return how often the topic is right where two curators or more agree about it."""
    return topic_accuracy(item for item in judged if item.agreed)


def unsure(judged: Iterable[Judged]) -> Share:
    """Return how many papers the model marks unsure."""
    return _share(judged, lambda item: item.opinion.unsure)


def surest(judged: Sequence[Judged], percent: int = 80) -> Share:
    """Return how often the topic is right on the *percent* of the papers that the model is surest of, rounded up.

    Of papers with the same probability at the border, the first ones count.
    """
    count = -(-len(judged) * percent // 100)
    return topic_accuracy(sorted(judged, key=lambda item: -item.opinion.best.probability)[:count])


def _share(judged: Iterable[Judged], holds: Callable[[Judged], bool]) -> Share:
    answers = [holds(item) for item in judged]
    return Share(sum(answers), len(answers))


# -- other figures -----------------------------------------------------------------------------------------------------


def per_topic(judged: Sequence[Judged], topics: Sequence[str]) -> list[OfTopic]:
    """Return the figures of each topic that has a paper, in the order of *topics*."""
    papers = Counter(item.topic for item in judged)
    named = Counter(item.opinion.best.topic for item in judged)
    hits = Counter(item.topic for item in judged if item.right)
    return [OfTopic(topic, papers[topic], named[topic], hits[topic]) for topic in topics if papers[topic]]


def macro_f1(judged: Sequence[Judged]) -> float:
    """Return the mean of F1 over the topics that have a paper, each counting the same however large it is."""
    topics = per_topic(judged, sorted({item.topic for item in judged}))
    return sum(topic.f1 for topic in topics) / len(topics) if topics else 0.0


def calibration_error(judged: Sequence[Judged]) -> float:
    """Return how far the stated probability is from the share of right topics, on average over bins of equal width."""
    gaps = [0.0] * BINS
    for item in judged:
        gaps[_bin(item)] += item.right - item.opinion.best.probability
    return sum(map(abs, gaps)) / len(judged) if judged else 0.0


def calibration_by_chance(judged: Sequence[Judged]) -> float:
    """Return about how large `calibration_error` is when every stated probability is true.

    It is not 0, because so many papers are right by chance; among few papers it is large. By the normal approximation the
    mean gap of a bin is sqrt(2/pi) of its standard deviation.
    """
    variances = [0.0] * BINS
    for item in judged:
        probability = item.opinion.best.probability
        variances[_bin(item)] += probability * (1 - probability)
    return sum(sqrt(2 / pi * variance) for variance in variances) / len(judged) if judged else 0.0


def _bin(item: Judged) -> int:
    return min(int(item.opinion.best.probability * BINS), BINS - 1)


def confusions(judged: Iterable[Judged], count: int = 10) -> list[Confusion]:
    """Return the *count* pairs of topics that are mistaken for each other most often, the worst first."""
    pairs = Counter((item.topic, item.opinion.best.topic) for item in judged if not item.right)
    return [Confusion(*pair, papers) for pair, papers in sorted(pairs.items(), key=lambda entry: (-entry[1], entry[0]))[:count]]


# -- curators ----------------------------------------------------------------------------------------------------------


def curators(corpus: Iterable[Votes], judged: Sequence[Judged], at_least: int = MIN_SHARED) -> list[OfCurator]:
    """Compare the model with curators; *corpus* holds the votes on all labelled papers, *judged* the unseen ones.

    A paper is shared by a curator if another one files it too. On each shared paper the others agree with the curator as
    far as the share of their votes that name its topic; the mean of these shares is their agreement. The model agrees if
    its best topic is the curator's. Two votes agree if they have a topic in common, because a few name two or three.
    Curators with *at_least* so many shared papers are compared, in the order of their number.
    """
    everywhere, unseen = _agreement(corpus), _agreement(item.votes for item in judged)
    found = []
    for name, others in everywhere.items():
        if others.papers < at_least:
            continue
        own = [item for item in judged if name in item.votes]
        agrees = _agrees_with(name)
        found.append(
            OfCurator(
                name,
                others,
                unseen.get(name, Share(0, 0)),
                _share((item for item in own if len(item.votes) > 1), agrees),
                _share(own, agrees),
            )
        )
    return sorted(found, key=lambda curator: (-curator.others.papers, curator.name))


def _agrees_with(name: str) -> Callable[[Judged], bool]:
    return lambda item: item.opinion.best.topic in item.votes[name]


def _agreement(papers: Iterable[Votes]) -> dict[str, Share]:
    """Return for each curator how far the others agree with it on the papers that it shares with them."""
    hits: dict[str, float] = {}
    counts: Counter[str] = Counter()
    for votes in papers:
        if len(votes) > 1:
            for name, own in votes.items():
                agreeing = sum(bool(own & vote) for other, vote in votes.items() if other != name)
                hits[name] = hits.get(name, 0.0) + agreeing / (len(votes) - 1)
                counts[name] += 1
    return {name: Share(hits[name], count) for name, count in counts.items()}
