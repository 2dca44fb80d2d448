"""The figures of an evaluation: as computed by hand, and as scikit-learn computes them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

from digest.classify import evaluation
from digest.classify.evaluation import Confusion, Judged, Share
from digest.core.domain import Classification, Shelf

TOPICS = ("fruit", "tool", "animal")


def judged(topic: str, named: str, probability: float = 0.9, **changes: Any) -> Judged:
    """Return a paper of *topic* that the model puts under *named*, both with the subtopic ``a`` unless told otherwise."""
    shelf = Shelf(named, changes.pop("named_subtopic", "a"), probability)
    votes = {name: frozenset(topics) for name, topics in changes.pop("votes", {}).items()}
    opinion = Classification((shelf,), unsure=changes.pop("unsure", False))
    return Judged(topic, changes.pop("subtopic", "a"), opinion, frozenset(changes.pop("accepted", ())), votes)


def test_shares_by_hand() -> None:
    """Topic, topic or accepted, topic and subtopic, subtopic under its topic, unsure."""
    papers = [
        judged("fruit", "fruit"),
        judged("fruit", "fruit", named_subtopic="b"),
        judged("fruit", "tool", accepted={"tool"}),
        judged("tool", "fruit", accepted={"animal"}, unsure=True),
        judged("tool", "tool", subtopic=None),
    ]

    assert evaluation.topic_accuracy(papers) == Share(3, 5)
    assert evaluation.accepted_accuracy(papers) == Share(4, 5)
    assert evaluation.shelf_accuracy(papers) == Share(1, 4)
    assert evaluation.subtopic_accuracy(papers) == Share(1, 2)
    assert evaluation.unsure(papers) == Share(1, 5)


def test_the_right_subtopic_of_the_wrong_topic_is_wrong() -> None:
    """Topics may have subtopics of the same name."""
    assert evaluation.shelf_accuracy([judged("fruit", "tool")]) == Share(0, 1)


@pytest.mark.parametrize(
    ("hits", "papers", "low", "high"),
    [
        (0, 10, 0.0, 0.277533),
        (10, 10, 0.722467, 1.0),
        (5, 10, 0.236593, 0.763407),
        (81, 263, 0.255261, 0.366187),  # Newcombe 1998, the example of Wilson's interval: 0.2553 to 0.3662
        (0, 0, 0.0, 1.0),
    ],
)
def test_wilson(hits: int, papers: int, low: float, high: float) -> None:
    """The interval is that of Wilson, and never leaves 0 to 1."""
    assert Share(hits, papers).interval == pytest.approx((low, high), abs=5e-5)


def test_the_surest_are_the_most_probable() -> None:
    """Four of five papers are the surest 80 %, and of six it is five, because it is rounded up."""
    papers = [judged("fruit", "tool", 0.3), *(judged("fruit", "fruit", p) for p in (0.9, 0.8, 0.7)), judged("fruit", "tool", 0.95)]

    assert evaluation.surest(papers) == Share(3, 4)
    assert evaluation.surest([*papers, judged("fruit", "fruit", 0.1)]).papers == 5


def test_calibration_error_by_hand() -> None:
    """Two bins: 0.9 stated and 0.5 true, 0.6 stated and 1 true; a probability of 1 is in the last bin."""
    papers = [judged("fruit", "fruit", 0.9), judged("fruit", "tool", 0.9), judged("fruit", "fruit", 0.6), judged("tool", "tool", 0.6)]

    assert evaluation.calibration_error(papers) == pytest.approx((2 * 0.4 + 2 * 0.4) / 4)
    assert evaluation.calibration_error([judged("fruit", "fruit", 1.0)]) == 0
    assert evaluation.calibration_error([]) == 0


def test_calibration_by_chance_by_hand() -> None:
    """One bin of a hundred papers at one half: the mean gap of as many throws of a coin is about 0.04."""
    papers = [judged("fruit", "fruit", 0.5)] * 100

    assert evaluation.calibration_by_chance(papers) == pytest.approx(0.0399, abs=1e-4)
    assert evaluation.calibration_by_chance([]) == 0


def test_agreed_papers() -> None:
    """Two curators or more, each of them with the paper's topic among theirs."""
    one = judged("fruit", "fruit", votes={"x": {"fruit"}})
    both = judged("fruit", "fruit", votes={"x": {"fruit"}, "y": {"fruit", "tool"}})
    apart = judged("fruit", "tool", votes={"x": {"fruit"}, "y": {"tool"}})
    wrong = judged("fruit", "tool", votes={"x": {"fruit"}, "y": {"fruit"}})

    assert [paper.agreed for paper in (one, both, apart, wrong)] == [False, True, False, True]
    assert evaluation.agreed_accuracy([one, both, apart, wrong]) == Share(1, 2)


def test_confusions() -> None:
    """The worst pair stands first, pairs as bad in the order of their names, and right papers in none."""
    papers = [judged("tool", "fruit"), judged("fruit", "tool"), judged("tool", "animal"), judged("tool", "animal"), judged("tool", "tool")]

    assert evaluation.confusions(papers) == [Confusion("tool", "animal", 2), Confusion("fruit", "tool", 1), Confusion("tool", "fruit", 1)]
    assert evaluation.confusions(papers, 1) == [Confusion("tool", "animal", 2)]


def test_curators_by_hand() -> None:
    """A curator's own vote never counts for the others, and each paper counts the same however many file it."""
    corpus: list[dict[str, frozenset[str]]] = [
        {"x": frozenset({"fruit"}), "y": frozenset({"fruit"}), "z": frozenset({"tool"})},
        {"x": frozenset({"fruit"}), "y": frozenset({"tool"})},
        {"x": frozenset({"fruit"})},
        {"x": frozenset({"fruit", "tool"}), "z": frozenset({"tool"})},
    ]
    tests = [
        judged("fruit", "fruit", votes=corpus[0]),
        judged("fruit", "tool", votes=corpus[2]),
        judged("fruit", "tool", votes=corpus[3]),
    ]
    found = {curator.name: curator for curator in evaluation.curators(corpus, tests, at_least=2)}

    assert list(found) == ["x", "y", "z"]
    assert found["x"].others == Share(0.5 + 0 + 1, 3)
    assert found["x"].others_on_test == Share(0.5 + 1, 2)
    assert found["x"].model_on_shared == Share(2, 2)
    assert found["x"].model == Share(2, 3)
    assert found["x"].above
    assert (found["y"].others, found["y"].model_on_shared) == (Share(0.5, 2), Share(1, 1))
    assert (found["z"].others, found["z"].model_on_shared) == (Share(0 + 1, 2), Share(1, 2))
    assert not found["z"].above
    assert [curator.name for curator in evaluation.curators(corpus, tests, at_least=3)] == ["x"]
    assert not evaluation.curators(corpus, [], at_least=3)[0].above


PAIRS = st.lists(st.tuples(st.sampled_from(TOPICS), st.sampled_from(TOPICS)), min_size=1, max_size=40)


@given(PAIRS)
def test_figures_are_those_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    """Accuracy, macro F1 over the topics that have papers, precision and recall."""
    papers = [judged(*pair) for pair in pairs]
    truth, named = zip(*pairs, strict=True)
    present = [topic for topic in TOPICS if topic in truth]
    ours = evaluation.per_topic(papers, TOPICS)
    precision, recall, f1, support = precision_recall_fscore_support(truth, named, labels=present, zero_division=0)

    assert evaluation.topic_accuracy(papers).value == pytest.approx(accuracy_score(truth, named))
    assert evaluation.macro_f1(papers) == pytest.approx(f1_score(truth, named, labels=present, average="macro", zero_division=0))
    assert [topic.topic for topic in ours] == present
    for theirs, kind in ((precision, "precision"), (recall, "recall"), (f1, "f1"), (support, "papers")):
        assert [getattr(topic, kind) for topic in ours] == pytest.approx(list(theirs))


def test_nothing_at_all() -> None:
    """Without papers every figure is 0, and nothing divides by it."""
    assert evaluation.macro_f1([]) == 0
    assert evaluation.surest([]) == Share(0, 0)
    assert evaluation.topic_accuracy([]).value == 0
