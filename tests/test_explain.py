"""Why a paper is where it is: contributions that add up, the nearest curated papers, and the command."""

import json
import re
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.classify.explain import explain
from digest.classify.features import full_text, ngrams
from digest.classify.features import texts as field_texts
from digest.classify.model import Model, load
from digest.classify.neighbours import FILE, Curated, load_papers, nearest, write_papers
from digest.errors import ModelError
from digest.resources import folder
from tests import pages, servers
from tests.pages import Fake
from tests.test_cli import Program, arxiv, check_failure, program
from tests.test_model import toy

__all__ = ["arxiv", "program", "toy"]  # fixtures
MODEL = folder("models") / "default"
WORDS = st.sampled_from(
    (
        *("gait", "recognition", "of", "pedestrians", "3d", "point", "cloud", "depth", "estimation", "the", "image"),
        *("object", "detection", "video", "transformer", "zzz", "diffusion"),
    )
)
TEXTS = st.lists(WORDS, max_size=40).map(" ".join)
ROWS = (
    ("2004.00001", "pose-action", "action", "Action Recognition without Objects"),
    ("", "3d", "point-cloud", "Point Clouds at Night"),
    ("cs/0703101", "ocr", "", "Reading Receipts"),
    ("2004.00002", "pose-action", "human-pose", "Human Pose from Shadows"),
)


@pytest.fixture(scope="module")
def bundled() -> Model:
    """Return the model that comes with the program."""
    return load(MODEL)


def scores(known: Model, title: str, abstract: str) -> dict[str, float]:
    """Return the score of every topic, from the margins and the calibration alone."""
    margins = known.margins([(title, abstract)])[0]
    count = len(known.topics)
    result = {}
    for number, topic in enumerate(known.topics):
        own = [float(margins[count + column]) for column, (parent, _) in enumerate(known.subtopics) if parent == topic]
        result[topic] = float(margins[number]) + known.calibration.subtopic_share * max([-1.0, *own])
    return result


@given(title=TEXTS, abstract=TEXTS)
@settings(deadline=None, max_examples=60)
def test_contributions_add_up(bundled: Model, title: str, abstract: str) -> None:
    """Terms and constant add up to the difference of the two scores, which are the two highest; shares add up to one."""
    why = explain(bundled, title, abstract)
    expected = scores(bundled, title, abstract)
    assert why.runner_up is not None
    best, second = why.classification.best.topic, why.runner_up.topic

    assert {round(expected[best], 4), round(expected[second], 4)} == {round(score, 4) for score in sorted(expected.values())[-2:]}
    assert why.difference == pytest.approx(expected[best] - expected[second], abs=1e-4)
    assert sum(term.contribution for term in why.terms) + why.constant == pytest.approx(why.difference, abs=1e-4)
    assert sum(abs(term.share) for term in why.terms) == pytest.approx(1 if why.terms else 0, abs=1e-4)
    assert [term.contribution for term in why.terms] == sorted((term.contribution for term in why.terms), reverse=True)
    assert why.difference >= 0


@given(title=TEXTS, abstract=TEXTS)
@settings(deadline=None, max_examples=30)
def test_terms_are_the_papers_own(bundled: Model, title: str, abstract: str) -> None:
    """Every term stands in the paper, in the field that it names, and none is told twice."""
    why = explain(bundled, title, abstract)
    stops = frozenset(json.loads((MODEL / "manifest.json").read_text("utf-8"))["stop_words"])
    texts = dict(zip(("text", "title", "opening"), field_texts(title, abstract), strict=True))

    assert len({(term.field, term.gram) for term in why.terms}) == len(why.terms)
    for term in why.terms:
        assert term.gram in ngrams(texts[term.field], stops)


def test_the_runner_up_is_the_second_likeliest(bundled: Model) -> None:
    """Its probability is that of the model, and each topic's terms are what one would expect."""
    title, abstract = "Gait Recognition from 3D Point Clouds", "We recognise pedestrians by their gait in LiDAR point clouds."
    why = explain(bundled, title, abstract)
    of_topic, _ = bundled.probabilities(bundled.margins([(title, abstract)]))

    assert why.runner_up is not None
    assert (why.classification.best.topic, why.runner_up.topic) == ("person-reid", "3d")
    assert why.runner_up.probability == pytest.approx(float(np.sort(of_topic[0])[-2]), abs=1e-4)
    assert "gait" in {term.gram for term in why.terms[:3]}
    assert {"point", "point clouds", "point cloud", "clouds"} & {term.gram for term in why.for_runner_up[:5]}


def test_a_model_of_one_topic_has_no_runner_up(toy: tuple[Path, Model]) -> None:
    """With two topics there is a runner-up, with one there is none; nothing breaks in either."""
    known = toy[1]
    assert explain(known, "About the apple", "red crisp apple").runner_up is not None

    keep = [0, *(len(known.topics) + column for column, (topic, _) in enumerate(known.subtopics) if topic == known.topics[0])]
    one = Model(
        known.info, known.topics[:1], tuple(pair for pair in known.subtopics if pair[0] == known.topics[0]), known.fields,
        known.idf, known.weights[:, keep], known.intercepts[keep], known.calibration,
    )  # fmt: skip
    why = explain(one, "About the apple", "red crisp apple")
    assert (why.runner_up, why.for_runner_up) == (None, ())
    assert sum(term.contribution for term in why.terms) + why.constant == pytest.approx(why.difference, abs=1e-4)


# -- the nearest curated papers ---------------------------------------------------------------------------------------------


def test_papers_are_written_and_read(tmp_path: Path) -> None:
    """What was written is read again; the order of the rows leaves no trace; a title stays on its line."""
    entry = write_papers(tmp_path, ROWS)
    first = (tmp_path / FILE).read_bytes()
    assert write_papers(tmp_path, [*reversed(ROWS), ROWS[0]]) == entry
    assert ((tmp_path / FILE).read_bytes(), entry["bytes"]) == (first, len(first))
    assert set(load_papers(tmp_path) or ()) == {Curated(*row) for row in ROWS}

    write_papers(tmp_path, [("", "3d", "", "A\tTitle\nof\u2028two \x1b[2Jlines\r")])
    assert load_papers(tmp_path) == (Curated("", "3d", "", "A Title of two [2Jlines"),)


def test_no_papers_are_no_error(tmp_path: Path) -> None:
    """A model need not tell what it was trained on."""
    assert load_papers(tmp_path) is None
    write_papers(tmp_path, [])
    assert load_papers(tmp_path) == ()
    assert nearest((), "A Title", "") == []


@pytest.mark.parametrize(
    ("content", "manifest"),
    [
        (b"a\tb\n", {}),
        (b"\xff\ta\tb\tc\n", {}),
        (b"x\n" * (5 * 2**20), {}),
        (b"\t3d\t\tA Title\n", {"files": {FILE: {"bytes": 14, "sha256": "0" * 64}}}),
        (b"\t3d\t\tA Title\n", {"files": {FILE: {}}}),
        (b"\t3d\t\tA Title\n", {"files": {FILE: 7}}),
        (b"\t3d\t\tA Title\n", []),
    ],
)
def test_damaged_papers_are_refused(tmp_path: Path, content: bytes, manifest: Any) -> None:
    """What is not what the manifest names, or no list of papers, is named and not used."""
    (tmp_path / FILE).write_bytes(content)
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), "utf-8")

    with pytest.raises(ModelError, match=r"papers\.tsv cannot be used"):
        load_papers(tmp_path)


def test_papers_that_the_manifest_names(tmp_path: Path) -> None:
    """The entry that the writer returns is what the reader checks."""
    (tmp_path / "manifest.json").write_text(json.dumps({"files": {FILE: write_papers(tmp_path, ROWS)}}), "utf-8")

    assert len(load_papers(tmp_path) or ()) == 4


@given(st.lists(st.tuples(st.just(""), st.just("3d"), st.just(""), TEXTS), max_size=8), TEXTS, TEXTS)
@settings(deadline=None)
def test_nearness(rows: list[tuple[str, str, str, str]], title: str, abstract: str) -> None:
    """It is between 0 and 1 and falls; only papers with a word in common are near; the same title alone is nearest of all."""
    papers = [Curated(*row) for row in rows]
    found = nearest(papers, title, abstract, count=3)
    near = [one.nearness for one in found]

    assert near == sorted(near, reverse=True)
    assert all(0 < value <= 1 for value in near)
    words = set(ngrams(full_text(title, abstract), frozenset()))
    assert len(found) == min(3, sum(bool(set(ngrams(paper.title, frozenset())) & words) for paper in papers))


def test_the_nearest_is_the_one_about_the_same() -> None:
    """Rare words in common count more than frequent ones."""
    papers = [Curated(*row) for row in ROWS]

    assert nearest(papers, "Reading Crumpled Receipts", "We read.")[0].paper.title == "Reading Receipts"
    assert nearest(papers, "Action Recognition without Objects", "")[0].nearness == pytest.approx(1)


# -- the command ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_paper_of_the_newest_digest(program: Program, arxiv: servers.Arxiv) -> None:
    """The newest digest that holds the paper is used; a correction is told; nothing steers the terminal."""
    arxiv.pages["/catchup/cs.CV/2026-11-19?abs=True"] = pages.catchup(
        [Fake("2611.00001", "An Older Title", "Text."), Fake("2611.00009", "Only Then", "Depth.")], date(2026, 11, 19)
    )
    program("run", "--date", "2026-11-19")
    program("run")
    program("correct", "2611.00001", "3d/depth-stereo")
    done = program("explain", "arXiv:2611.00001v2")

    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("2611.00001  Detecting Objects in Fog\nObject detection › ")
    assert "\ncorrected by you to: 3D vision › depth and stereo\n" in done.out
    assert re.search(r"^What spoke for Object detection, against .+\n +\+\d+\.\d%  ", done.out, re.MULTILINE)
    assert "Runner-up: " in done.out
    assert "(the model does not tell which papers it was trained on)" in done.out or "Nearest curated papers" in done.out
    assert program("explain", "2611.00009").out.startswith("2611.00009  Only Then\n")


@pytest.mark.slow
def test_explain_as_json(program: Program, tmp_path: Path) -> None:
    """All terms are told, they add up, and the nearest papers are there if the model tells them."""
    shutil.copytree(MODEL, tmp_path / "model")
    manifest = json.loads((tmp_path / "model" / "manifest.json").read_text("utf-8"))
    manifest["files"][FILE] = write_papers(tmp_path / "model", ROWS)
    (tmp_path / "model" / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    (tmp_path / "p.jsonl").write_text('\n{"id": "2004.00002v1", "title": "Human Pose", "abstract": null}\n', "utf-8")
    done = program("explain", "2004.00002", "--file", "p.jsonl", "--json", "--model", "model")
    told = json.loads(done.out)

    assert (done.err, told["topic"], told["subtopic"], told["id"]) == ("", "pose-action", "human-pose", "2004.00002")
    terms = [*told["for"], *told["against"]]
    assert sum(term["contribution"] for term in terms) + told["constant"] == pytest.approx(told["difference"], abs=1e-4)
    assert told["nearest"][0]["title"] == "Human Pose from Shadows"
    assert "0." in program("explain", "--title", "Human \x1b[2J Pose", "--model", "model").out

    (tmp_path / "model" / FILE).write_bytes(b"changed")
    done = program("explain", "--title", "Human \x1b[2J Pose", "--model", "model")
    assert (done.status, "\x1b" in done.out) == (0, False)
    assert "papers.tsv cannot be used: it is not the file that the manifest names" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "takes a paper's identifier"),
        (("--abstract", "x"), "takes a paper's identifier"),
        (("2004.0614",), "is no arXiv identifier"),
        (("2004.00614",), "no digest below digests holds 2004.00614"),
        (("2004.00614", "--file", "nowhere"), "nowhere cannot be read"),
        (("2004.00614", "--file", "p.jsonl"), r"p\.jsonl:2: there is no abstract"),
        (("--title", "x", "--file", "p.jsonl"), "either in a file or given by its title"),
        (("2611.00001", "--file", "p.jsonl", "--abstract", "x"), "takes a paper's identifier"),
    ],
)
def test_wrong_use(program: Program, arguments: tuple[str, ...], said: str) -> None:
    """What cannot be is said in one line."""
    (program.folder / "p.jsonl").write_text('{"id": 7, "title": "", "abstract": ""}\n{"title": ""}\n', "utf-8")

    check_failure(program("explain", *arguments), 2, said)


@pytest.mark.slow
def test_a_damaged_digest_is_passed_over(program: Program) -> None:
    """A digest that is no JSON is named, and the search goes on."""
    program("run", "--sample")
    sample = program.folder / "digests" / "sample" / "2026" / "2026-01-06-cs.CV.json"
    newer = sample.with_name("2026-01-07-cs.CV.json")
    newer.write_text('{"id": "2601.90020"', "utf-8")
    newer.with_suffix(".md").write_text("", "utf-8")
    done = program("explain", "2601.90020")

    assert done.status == 0
    assert "2026-01-07-cs.CV.json is passed over" in done.err
