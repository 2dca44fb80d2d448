"""Why papers stand where they stand, many at once: the figures of `explain`, and papers that are really other ones."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.classify.explain import explain
from digest.classify.model import Model, load
from digest.classify.neighbours import FILE, Curated, Titles, load_papers, nearest, write_papers
from digest.explaining import PLACES
from digest.reasons import Reasons
from digest.resources import folder
from tests.test_model import toy

__all__ = ["toy"]  # a fixture
MODEL = folder("models") / "default"
PAPERS = (
    ("Gait Recognition from 3D Point Clouds", "We recognise pedestrians by their gait in LiDAR point clouds."),
    ("", ""),
    ("Crumpled Receipts", "Reading text on receipts. We read text and detect words, with a transformer for text recognition."),
    ("Zzz", "qqq"),
    ("Diffusion of Videos", "Video generation by diffusion models, and depth of the videos."),
)
WORDS = st.sampled_from(
    ("gait", "of", "the", "point", "clouds", "depth", "a", "I", "image", "naïve", "Öl", "zzz", "diffusion", "with", "3d")
)
TEXTS = st.lists(WORDS, max_size=12).map(" ".join)


@pytest.fixture(scope="module")
def bundled() -> Model:
    """Return the model that comes with the program."""
    return load(MODEL)


@pytest.fixture(scope="module")
def reasons() -> Reasons:
    """Return the reasons of the model that comes with the program."""
    return Reasons(MODEL)


def test_the_figures_of_explain(bundled: Model, reasons: Reasons) -> None:
    """Many papers at once get the very terms, shares, runner-ups and related papers that each gets by itself."""
    curated = load_papers(MODEL) or ()
    for (title, abstract), reason in zip(PAPERS, reasons.of(bundled.info, PAPERS), strict=True):
        why = explain(bundled, title, abstract)
        expected = [(term.gram + PLACES.get(term.field, ""), term.share) for term in why.terms if term.contribution > 0]
        assert reason is not None
        assert list(reason.terms) == expected[:6]
        assert reason.runner_up == why.runner_up
        if title not in dict(PAPERS[:2]):  # to lay out all curated titles again takes half a second
            continue
        near = [one for one in nearest(curated, title, abstract, 4) if one.paper.title != title][:3]
        assert [(one.title, one.topic, one.nearness) for one in reason.related] == [
            (one.paper.title, one.paper.topic, round(one.nearness, 4)) for one in near
        ]


def test_only_of_the_model_that_was_used(bundled: Model, reasons: Reasons, tmp_path: Path) -> None:
    """Another model's papers, those of none, and those of a model that is not there have no reason."""
    assert reasons.of(None, PAPERS) == [None] * len(PAPERS)
    assert reasons.of(replace(bundled.info, sha256="0" * 64), PAPERS) == [None] * len(PAPERS)
    assert Reasons(tmp_path).of(bundled.info, PAPERS) == [None] * len(PAPERS)
    assert reasons.of(bundled.info, []) == []


def test_no_paper_is_related_to_itself(toy: tuple[Path, Model], tmp_path: Path) -> None:
    """Neither to itself under another punctuation, nor twice to one that stands on two shelves; no list of papers is no error."""
    where = tmp_path / "model"
    shutil.copytree(toy[0], where)
    manifest = json.loads((where / "manifest.json").read_text("utf-8"))
    manifest["files"].pop(FILE, None)
    (where / FILE).unlink(missing_ok=True)
    (where / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    asked = [("About: the Apple", "Red crisp apple.")]
    info = load(where).info
    assert [one.related for one in Reasons(where).of(info, asked) if one] == [()]

    write_papers(where, [(name, "fruit", part, title) for name, part, title in (
        ("2004.00001", "", "About the apple"), ("2004.00002", "a", "Red Apple"), ("2004.00002", "b", "Red Apple"), ("", "", "Crisp"),
    )])  # fmt: skip
    found = Reasons(where).of(info, asked)[0]
    assert found is not None
    assert [(one.id, one.title) for one in found.related] == [("2004.00002", "Red Apple"), ("", "Crisp")]

    (where / FILE).write_bytes(b"damaged")
    assert [one.related for one in Reasons(where).of(info, asked) if one] == [()]


@given(st.lists(TEXTS, max_size=150), st.lists(st.tuples(TEXTS, TEXTS), max_size=4), st.integers(0, 6))
@settings(deadline=None, max_examples=40)
def test_the_nearest_of_many(titles: list[str], papers: list[tuple[str, str]], count: int) -> None:
    """Leaving titles out that cannot be near enough changes nothing: each is what looking at every title gives."""
    curated = [Curated("", "3d", "", title) for title in titles]
    for (title, abstract), found in zip(papers, Titles(curated).nearest(papers, count), strict=True):
        everything = nearest(curated, title, abstract, len(curated))
        assert [(one.paper, one.nearness) for one in found] == [(one.paper, one.nearness) for one in everything[:count]]
