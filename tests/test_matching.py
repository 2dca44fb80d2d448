"""A paper in memory fits a query as the index of the database says."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from digest.core.domain import Paper
from digest.core.matching import fits, stem, words
from digest.core.query import parse
from digest.errors import UsageError
from digest.store import papers, search
from digest.store.database import Database, in_memory

PAPERS = (
    Paper(
        "2611.00001", "Gaussian Splatting of Cafés", "We splat gaussians for state-of-the-art rendering of an image.",
        ("José Pérez", "Ada B. Example"), ("cs.CV", "eess.IV"),
    ),
    Paper(
        "2611.00002", "Detecting Objects", "An object detector for images of roads. It is not naïve.\nA second paragraph flies.",
        ("Jose Perez Jr", "Li Wei"), ("cs.CV",),
    ),
    Paper(
        "2611.00003", "Segmentation Meshes", "A mesh for the art of the state, and Gaussian noise in medical scans.",
        ("Ada Example", "Øyvind Ås"), ("cs.GR", "cs.CV"),
    ),
    Paper("2611.00004", "Splatting", "Nothing but $O(n^2)$ at https://example.org/object_detection.", ("Mesh Author",), ("cs.CV",)),
    Paper("2611.00005", "三维 重建 with Ёлки", "", ("Ян Ли", "Nguyễn Văn"), ("cs.CV",)),
)  # fmt: skip
ASKED = (
    "gaussian", "GAUSSIANS", "gaussian splatting", "splat", "cafe", "CAFÉ", "naive", "images", '"state of the art"', "state-of-the-art",
    "state art", "title:splatting", "title:image", "abstract:splatting", "title:image OR title:mesh", "author:perez",
    'author:"jose perez"', 'author:"ada example"', 'author:"jr li"', "perez", "mesh", "-abstract:splat splatting", "gaussian -medical",
    'splatting -"gaussian splatting"', "segm* OR detect*", "object -title:objects", "object_detection", "n^2", "csCV", "cs.CV", "zebra",
    "zebra OR mesh gaussian", "fly", '"paragraph fly"', '"roads it"', "segmentation*", "三维", "重*", "ёлки", "author:nguyen", "as",
    '"naive a"', "splat* -caf*",
)  # fmt: skip


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    """Give a database with the papers above."""
    made = in_memory()
    with made.write() as connection:
        papers.keep(connection, PAPERS, datetime(2026, 11, 20, 3, tzinfo=UTC))
        papers.place(connection, [(paper.id, "3d", "", date(2026, 11, 20)) for paper in PAPERS])
    yield made
    made.close()


def searched(database: Database, text: str) -> list[str]:
    """Return the papers that a search of the database finds."""
    with database.read() as connection:
        return sorted(hit.paper.id for hit in search.search(connection, parse(text)).papers)


def matched(text: str) -> list[str]:
    """Return the papers in memory that fit."""
    return [paper.id for paper in PAPERS if fits(parse(text), words(paper))]


@pytest.mark.parametrize("text", ASKED)
def test_it_agrees_with_the_search(database: Database, text: str) -> None:
    """Each way to ask finds in memory what the database finds."""
    assert matched(text) == searched(database, text)


_KNOWN = sorted({word for paper in PAPERS for word in f"{paper.title} {paper.abstract} {' '.join(paper.authors)}".split()})
_TERM = st.builds(
    lambda minus, field, text: f"{minus}{field}{text}",
    st.sampled_from(("", "", "-")),
    st.sampled_from(("", "", "title:", "abstract:", "author:")),
    st.one_of(
        st.sampled_from(_KNOWN),
        st.sampled_from(_KNOWN).map(lambda word: f"{word[:4]}*"),
        st.lists(st.sampled_from(_KNOWN), min_size=2, max_size=2).map(lambda pair: f'"{" ".join(pair)}"'),
        st.just("OR"),
    ),
)


@settings(max_examples=40)
@given(st.lists(_TERM, min_size=1, max_size=5).map(" ".join))
def test_it_agrees_whatever_is_asked(database: Database, text: str) -> None:
    """So does whatever is put together of the papers' own words."""
    try:
        parse(text)
    except UsageError:
        return

    assert matched(text) == searched(database, text)


_ENDINGS = (
    "ational", "tional", "enci", "anci", "izer", "logi", "bli", "alli", "entli", "eli", "ousli", "ization", "ation", "ator", "alism",
    "iveness", "fulness", "ousness", "aliti", "iviti", "biliti", "icate", "ative", "alize", "iciti", "ical", "ful", "ness", "al", "ance",
    "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "sion", "ou", "ism", "ate", "iti", "ous", "ive", "ize", "s",
    "es", "ies", "sses", "ed", "eed", "ing", "at", "bl", "iz", "y", "ll", "e",
)  # fmt: skip


@settings(max_examples=15)
@given(st.lists(st.tuples(st.text("aeiouybcdtslwx", max_size=5), *[st.sampled_from(["", *_ENDINGS])] * 2), min_size=20, max_size=100))
@example([("", "s", "ies"), ("", "ies", ""), ("s", "ses", ""), ("ag", "r", "eed")])
def test_stems_are_those_of_sqlite(parts: list[tuple[str, str, str]]) -> None:
    """Words of every shape, with the endings that Porter's algorithm knows, have the stems that FTS5 gives them."""
    texts = [text for text in map("".join, parts) if text]
    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE VIRTUAL TABLE texts USING fts5(text, tokenize='porter unicode61 remove_diacritics 2')")
        connection.execute("CREATE VIRTUAL TABLE found USING fts5vocab(texts, 'instance')")
        connection.executemany("INSERT INTO texts(rowid, text) VALUES (?, ?)", enumerate(texts))
        truth = dict(connection.execute("SELECT doc, term FROM found"))
    connection.close()

    assert {number: stem(text) for number, text in enumerate(texts)} == truth
