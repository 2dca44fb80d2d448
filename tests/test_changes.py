"""What is different between two editions, and that an edition read back is the one that was written."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.core.changes import changes, retold, same
from digest.core.domain import Announcement, Check, Classification, Entry, Kind, Paper, Provenance, Shelf
from digest.core.edition import LAYOUTS, Edition, chosen, compose
from digest.core.text import plain
from digest.render import jsonfile
from tests.test_markdown import DIVIDED, HOSTILE, MODEL, TAXONOMY, edition, page, typical

TEXTS = st.sampled_from([plain(text) for text in HOSTILE.values()])
NAMES = st.sampled_from([f"2611.{number:05}" for number in range(30)] + ["cs/0703101", "math.AG/0309136"])
MOMENTS = st.one_of(st.none(), st.integers(0, 2**31).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)))
PAPERS = st.builds(
    Paper, NAMES, TEXTS, TEXTS, st.lists(TEXTS.filter(bool), max_size=3).map(tuple), st.sampled_from([("cs.CV",), ("cs.RO", "cs.CV")]),
    st.sampled_from(["", "Accepted to ECCV 2026", "https://github.com/a/b"]), TEXTS, st.one_of(st.none(), st.integers(1, 9)), TEXTS, TEXTS,
    MOMENTS, MOMENTS, st.booleans(),
)  # fmt: skip
PLACES = st.sampled_from([("detection", "2d"), ("detection", ""), ("depth", "stereo"), ("tracking", "tracking"), ("strange", "er")])
SHELVES = st.builds(lambda place, likely: Shelf(place[0], place[1], likely), PLACES, st.floats(0, 1).map(lambda likely: round(likely, 4)))
OPINIONS = st.builds(Classification, st.lists(SHELVES, min_size=1, max_size=3).map(tuple), st.booleans())


@st.composite
def editions(draw: st.DrawFn) -> Edition:
    """Return an edition of any shape."""
    entries = draw(st.lists(st.builds(Entry, PAPERS, st.sampled_from(Kind)), max_size=6))
    reason = draw(st.sampled_from(["", "it is a weekend"])) if not entries else ""
    checks = draw(st.lists(st.builds(Check, st.just("oai"), st.booleans(), TEXTS.filter(bool)), max_size=2))
    announcement = Announcement(
        "cs.CV", date(2026, 11, 20), tuple(entries), Provenance("listing", ("https://arxiv.org/list/cs.CV/new",), ("ab" * 32,)), reason,
        (), tuple(checks), draw(st.booleans()), draw(st.sampled_from([(), ("One thing is not known.",)])),
    )  # fmt: skip
    listed = chosen(announcement, draw(st.sampled_from([frozenset(Kind), frozenset({Kind.NEW, Kind.CROSS})])))
    opinions = draw(st.one_of(st.none(), st.lists(OPINIONS, min_size=len(listed), max_size=len(listed))))
    corrected = draw(st.dictionaries(NAMES, PLACES, max_size=3))
    made = compose(
        announcement, listed, opinions, draw(st.sampled_from([TAXONOMY, DIVIDED])), layout=draw(st.sampled_from(LAYOUTS)),
        model=MODEL if opinions is not None else None, corrections=corrected,
    )  # fmt: skip
    number = draw(st.integers(1, 3))
    return replace(made, number=number, changes=("The layout is classic instead of topics",) if number > 1 else ())


@pytest.mark.slow
@settings(max_examples=25)
@given(editions())
def test_an_edition_read_back_is_the_one_that_was_written(made: Edition) -> None:
    """Whatever its shape: the JSON that is written again is the same, and so is the page; and nothing is different in it."""
    text = jsonfile.text(made)
    found = jsonfile.read(json.loads(text), made.taxonomy)

    assert text == json.dumps(jsonfile.edition_object(made), ensure_ascii=False, indent=1) + "\n"
    assert jsonfile.text(found) == text
    assert page(found) == page(made)
    assert changes(json.loads(text), jsonfile.edition_object(found)) == ()


@settings(max_examples=25)
@given(editions(), editions())
def test_what_is_different_is_told_and_nothing_else(one: Edition, other: Edition) -> None:
    """Something is told exactly where two editions differ, in plain sentences without a word of the papers."""
    before, after = jsonfile.edition_object(one), jsonfile.edition_object(other)
    told = changes(before, after)

    assert bool(told) is not same(before, after)
    assert all(set("[]<>#`\n\\|*").isdisjoint(sentence) and not sentence.endswith(".") for sentence in told)


TOLD = (
    "title", "abstract", "authors", "comments", "categories", "kind", "version", "journal_ref", "doi", "licence", "submitted", "updated",
)  # fmt: skip


def first(document: dict[str, Any], **facts: object) -> dict[str, Any]:
    """Return an edition whose first entry has other facts."""
    return document | {"entries": [document["entries"][0] | facts, *document["entries"][1:]]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda it: it | {"state": "none"}, "arXiv has no announcement of this date, it says now"),
        (lambda it: it | {"reconstructed": True}, "The date is reconstructed now"),
        (lambda it: it | {"layout": "classic"}, "The layout is classic instead of topics"),
        (lambda it: it | {"model": None}, "The papers are sorted by no model instead of test-model"),
        (lambda it: it | {"entries": it["entries"][1:]}, "1 paper is gone: 2611.00001"),
        (lambda it: it | {"entries": [*it["entries"], it["entries"][0] | {"id": "2611.00099"}]}, "1 paper came in: 2611.00099"),
        (lambda it: first(it, topic="depth"), "1 paper has another topic: 2611.00001"),
        (lambda it: first(it, unsure=True), "1 paper has another topic: 2611.00001"),
        (lambda it: first(it, corrected=True), "1 paper has another topic: 2611.00001"),
        *((lambda it, name=name: first(it, **{name: "other"}), "1 paper is told otherwise: 2611.00001") for name in TOLD),
        (lambda it: it | {"counts": it["counts"] | {"new": 99}}, "arXiv announced other numbers of papers"),
        (lambda it: it | {"checks": [{"service": "oai", "agrees": True, "says": "x"}]}, "Other services of arXiv say something else"),
        (lambda it: it | {"source": {"service": "feed", "urls": [], "sha256": []}}, "Facts about how it was made are different"),
    ],
)  # fmt: skip
def test_each_kind_of_difference(change: Callable[[dict[str, Any]], dict[str, Any]], said: str) -> None:
    """Each is told by a sentence of its own, and alone."""
    before = jsonfile.edition_object(edition([typical()[0]]))

    assert changes(before, change(before)) == (said,)


def test_many_papers_are_counted() -> None:
    """Five of them are named."""
    before, after = (
        jsonfile.edition_object(edition(papers)) for papers in ([], [replace(typical()[0], id=f"2611.{n:05}") for n in range(9)])
    )
    told = changes(before, after)[0]

    assert told.startswith("9 papers came in: 2611.0000")
    assert (told.count("2611."), told[-11:]) == (5, " and 4 more")


def test_what_is_told_anew_of_a_paper() -> None:
    """A paper is told anew if it came in, moved or says something else; not for its number, nor for what the model thinks of it."""
    before = json.loads(jsonfile.text(edition(typical())))
    names = [entry["id"] for entry in before["entries"]]
    after = json.loads(json.dumps(before))
    assert retold(before, after) == frozenset()

    for number, entry in enumerate(after["entries"]):
        entry |= {"number": number + 40, "probability": 0.01, "topics": [], "unsure": not entry["unsure"], "corrected": True}
    assert retold(before, after) == frozenset()
    after["entries"][0]["topic"] = "another"
    after["entries"][1]["comments"] = "another"
    assert retold(before, after) == set(names[:2])
    before["entries"] = before["entries"][:-1]
    assert retold(before, after) == {*names[:2], names[-1]}
