"""Papers are found by their words, on SQLite and on PostgreSQL alike."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.core.domain import Paper
from digest.core.query import parse
from digest.errors import UsageError
from digest.store import papers, search
from digest.store.database import Database
from tests import stores

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)
DAY = date(2026, 11, 20)
PAPERS = (
    Paper(
        "2611.00001", "Gaussian Splatting of Cafés", "We splat gaussians for state-of-the-art rendering of an image.",
        ("José Pérez", "Ada B. Example"), ("cs.CV", "eess.IV"),
    ),
    Paper(
        "2611.00002", "Detecting Objects", "An object detector for images of roads. It is not naïve.",
        ("Jose Perez Jr", "Li Wei"), ("cs.CV",),
    ),
    Paper(
        "2611.00003", "Segmentation Meshes", "A mesh for the art of the state, and Gaussian noise in medical scans.",
        ("Ada Example",), ("cs.GR", "cs.CV"),
    ),
    Paper(
        "2611.00004", "Splatting", "Nothing but $O(n^2)$ at https://example.org/object_detection.",
        ("Mesh Author",), ("cs.CV",),
    ),
)  # fmt: skip
PLACES = (
    ("2611.00001", "3d", "view-synthesis", DAY),
    ("2611.00002", "object-detection", "detection", DAY - timedelta(days=1)),
    ("2611.00003", "3d", "3d-segmentation", DAY - timedelta(days=2)),
)


@pytest.fixture(params=stores.KINDS)
def empty(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Give an empty database of each kind."""
    with stores.lent(request) as database:
        yield database


@pytest.fixture(scope="module", params=stores.KINDS)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Give a database of each kind with the papers above, which nobody changes."""
    with stores.lent(request) as made:
        with made.write() as connection:
            papers.keep(connection, PAPERS, NOW)
            papers.place(connection, PLACES)
        yield made


def found(database: Database, text: str, author: str = "", **filters: Any) -> list[str]:
    """Return the last digits of the papers that a search finds, in order of their identifiers."""
    with database.read() as connection:
        result = search.search(connection, parse(text, author), **filters)
    assert result.total == len(result.papers)
    return sorted(hit.paper.id[-1] for hit in result.papers)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gaussian", "13"),
        ("GAUSSIANS", "13"),
        ("gaussian splatting", "1"),
        ("splat", "14"),
        ("cafe", "1"),
        ("CAFÉ", "1"),
        ("naive", "2"),
        ("images", "12"),
        ('"state of the art"', "1"),
        ("state-of-the-art", "1"),
        ("state art", "13"),
        ("the", "13"),
        ("title:splatting", "14"),
        ("title:image", ""),
        ("abstract:splatting", "1"),
        ("title:image OR title:mesh", "3"),
        ("author:perez", "12"),
        ('author:"jose perez"', "12"),
        ('author:"ada example"', "3"),
        ("perez", "12"),
        ("mesh", "34"),
        ("-abstract:splat splatting", "4"),
        ("gaussian -medical", "1"),
        ('splatting -"gaussian splatting"', "4"),
        ("segm* OR detect*", "234"),
        ("object -title:objects", "4"),
        ("object_detection", "4"),
        ("n^2", "4"),
        ("csCV", ""),
        ("cs.CV", ""),
        ("zebra", ""),
        ("zebra OR mesh gaussian", "3"),
    ],
)
def test_words_find_papers(database: Database, text: str, expected: str) -> None:
    """Each way to ask finds the papers that it says, on both databases."""
    assert found(database, text) == list(expected)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"topic": "3d"}, "13"),
        ({"topic": "3d", "subtopic": "view-synthesis"}, "1"),
        ({"topic": "face"}, ""),
        ({"first": DAY - timedelta(days=1)}, "12"),
        ({"last": DAY - timedelta(days=1)}, "23"),
        ({"first": DAY - timedelta(days=1), "last": DAY - timedelta(days=1)}, "2"),
        ({"category": "eess.IV"}, "1"),
        ({"category": "cs.CV"}, "1234"),
        ({"category": "cs.GR", "topic": "3d", "first": date(2026, 1, 1)}, "3"),
    ],
)
def test_filters(database: Database, filters: dict[str, Any], expected: str) -> None:
    """Topic, subtopic, dates and category restrict what is found."""
    assert found(database, "gaussian OR object OR splatting", **filters) == list(expected)


def test_an_author_alone(database: Database) -> None:
    """An author may be all that is asked for; the words of a name stand one after the other."""
    assert found(database, "", "Pérez") == ["1", "2"]
    assert found(database, "mesh", "ada example") == ["3"]


def test_order(database: Database) -> None:
    """By date the newest comes first and what no edition lists last; by relevance a title counts more than an abstract."""
    with database.read() as connection:
        by_date = search.search(connection, parse("mesh OR splatting OR object"), order="date")
        by_rank = search.search(connection, parse("splatting"), topic=None)

    assert [hit.paper.id[-1] for hit in by_date.papers] == ["1", "2", "3", "4"]
    assert [hit.announced for hit in by_date.papers] == [DAY, DAY - timedelta(days=1), DAY - timedelta(days=2), None]
    assert {hit.paper.id[-1] for hit in by_rank.papers} == {"1", "4"}


def test_a_title_counts_more(database: Database) -> None:
    """Of two papers, the one whose title has the word comes first, however new the other is."""
    with database.read() as connection:
        result = search.search(connection, parse("mesh OR noise OR detector"), topic="3d")
        splat = search.search(connection, parse("gaussian"))

    assert [hit.paper for hit in result.papers] == [PAPERS[2]]
    assert [hit.paper.id[-1] for hit in splat.papers] == ["1", "3"]


@pytest.mark.parametrize("text", ['"state of the art"', 'mesh "state of the art"', '"state of the art" abstract:mesh -zebra'])
@pytest.mark.parametrize("filters", [{}, {"topic": "3d"}, {"last": DAY}, {"category": "cs.CV"}])
def test_a_phrase_that_is_everywhere(empty: Database, monkeypatch: pytest.MonkeyPatch, text: str, filters: dict[str, Any]) -> None:
    """On SQLite, papers with a very common phrase in their titles come first, then the others; of both the newest first."""
    monkeypatch.setattr(search, "_EVERYWHERE", 1)
    titles = ["Other", "State-of-the-Art", "Other", "Other", "State of the Art", "Other", "Other", "Other"]
    some = [Paper(f"2611.0000{n}", title, "State of the art mesh.", ("Ada",), ("cs.CV",)) for n, title in enumerate(titles)]
    with empty.write() as connection:
        papers.keep(connection, some, NOW)
        papers.place(connection, [(paper.id, "3d", "", DAY - timedelta(days=9 - n)) for n, paper in enumerate(some)])
    with empty.read() as connection:
        hits = search.search(connection, parse(text), **filters).papers

    found = [hit.paper.id[-1] for hit in hits]
    assert sorted(found) == list("01234567")
    if empty.sqlite:  # PostgreSQL ranks everything by its one formula
        assert found == list("41765320")


def test_a_hit_is_the_whole_paper(database: Database) -> None:
    """A hit has the paper as it was kept, where and when it stood, and the words in its abstract."""
    with database.read() as connection:
        (hit,) = search.search(connection, parse("gaussians cafe")).papers

    assert (hit.paper, hit.announced, hit.topic, hit.subtopic) == (PAPERS[0], DAY, "3d", "view-synthesis")
    assert [hit.snippet.text[begin:end] for begin, end in hit.snippet.marks] == ["gaussians"]


@pytest.mark.parametrize(
    ("text", "expected"), [("splat*", ["splat"]), ("title:gaussian", []), ("author:ada", []), ("gaussian -zebra", ["gaussians"])]
)
def test_only_what_was_looked_for_is_marked(database: Database, text: str, expected: list[str]) -> None:
    """What was looked for in another field is not marked in the abstract."""
    with database.read() as connection:
        hits = search.search(connection, parse(text), category="eess.IV").papers

    assert [hit.snippet.text[begin:end] for hit in hits for begin, end in hit.snippet.marks] == expected


@given(text=st.one_of(st.text(max_size=60), st.text(alphabet="ab²é\u0301가\"'*:-()^{}+&|!<>\\\0% ORNTEAtile_", max_size=60)))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_that_is_typed_troubles_the_database(database: Database, text: str) -> None:
    """Whatever is typed is either nothing to look for or a search; it is never an error of the database."""
    try:
        query = parse(text, text[::-1])
    except UsageError:
        return
    with database.read() as connection:
        result = search.search(connection, query, category=text, topic=None)

    assert result.total == len(result.papers) <= len(PAPERS)


@pytest.mark.parametrize(
    "text",
    [
        "' OR 1=1 --",
        '"q" OR ""',
        "NEAR(a, b)",
        "title : x",
        "{title abstract} : x",
        "a AND NOT b",
        "x':*",
        "a & !b",
        "%s %(x)s :x ?",
        "a" * 5000,
    ],
)
def test_syntax_of_a_database_is_words(database: Database, text: str) -> None:
    """What FTS5 or PostgreSQL would take for an operator is words like any other, which no paper has."""
    assert found(database, text) == []


def test_a_newer_version_replaces_what_is_found(empty: Database) -> None:
    """Only the last that was said of a paper is searched; an older version that comes late changes nothing."""
    first = replace(PAPERS[0], version=1)
    second = replace(first, title="Meshes", abstract="Other words.", authors=("Grace Other",), categories=("cs.RO",), version=2)
    with empty.write() as connection:
        papers.keep(connection, [first], NOW)
        papers.keep(connection, [second], NOW)
        papers.keep(connection, [first], NOW)

    assert found(empty, "mesh") == found(empty, "author:grace") == ["1"]
    assert found(empty, "gaussian OR splatting OR author:perez") == []
    assert found(empty, "mesh", category="cs.RO") == ["1"]
    assert found(empty, "mesh", category="cs.CV") == []


def test_a_correction_moves_what_is_found(empty: Database) -> None:
    """A paper is found under the topic of the newest edition that lists it."""
    with empty.write() as connection:
        papers.keep(connection, PAPERS[:1], NOW)
        papers.place(connection, [PLACES[0]])
        papers.place(connection, [("2611.00001", "face", "gaze-eye", DAY)])
        papers.place(connection, [("2611.00001", "video", "", DAY - timedelta(days=9))])

    assert found(empty, "gaussian", topic="face", first=DAY) == ["1"]
    assert found(empty, "gaussian", topic="3d") == found(empty, "gaussian", topic="video") == []


def test_what_is_done_in_one_block_is_found_as_it_ends(empty: Database) -> None:
    """Papers that are kept, placed and changed within one block are found as they are at its end, also if another block failed."""

    def broken_off() -> None:
        with empty.write() as connection, papers.indexed(connection, [PAPERS[0].id]):
            papers.keep(connection, PAPERS[:1], NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken_off()
    with empty.write() as connection, papers.indexed(connection, [PAPERS[0].id, "2611.00009"]):
        papers.keep(connection, PAPERS[:2], NOW)
        papers.place(connection, PLACES[:2])
        papers.keep(connection, [replace(PAPERS[0], title="Meshes", version=2)], NOW)
        papers.place(connection, [("2611.00001", "tracking", "tracking-3d", DAY + timedelta(days=1))])
    with empty.write() as connection:
        papers.place(connection, [("2611.00002", "video", "", DAY)])
        if empty.sqlite:
            connection.exec_driver_sql("INSERT INTO words (words, rank) VALUES ('integrity-check', 1)")

    assert found(empty, "title:mesh OR object") == ["1", "2"]
    assert found(empty, "mesh", topic="tracking", subtopic="tracking-3d", first=DAY + timedelta(days=1)) == ["1"]
    assert (
        found(empty, "gaussian", topic="track") == found(empty, "gaussian", subtopic="tracking") == found(empty, "gaussian", last=DAY) == []
    )
    assert found(empty, "object", topic="video", subtopic="", last=DAY) == ["2"]
    assert found(empty, "tracking OR video OR track") == []


@pytest.mark.parametrize("order", ["relevance", "date"])
def test_pages_have_no_gaps(empty: Database, monkeypatch: pytest.MonkeyPatch, order: search.Order) -> None:
    """Page after page gives each paper once, also beyond those that are ranked and counted; kept in any order of dates."""
    monkeypatch.setattr(search, "RANKED", 20)
    monkeypatch.setattr(search, "COUNTED", 40)
    many = [Paper(f"2611.{number:05}", f"Mesh {'mesh ' * (number % 5)}", "A mesh.", ("Ada Example",), ("cs.CV",)) for number in range(90)]
    with empty.write() as connection:
        papers.keep(connection, many, NOW)
        papers.place(connection, [(paper.id, "3d", "", DAY - timedelta(days=n * 7 % 23)) for n, paper in enumerate(many[:80])])
    with empty.read() as connection:
        pages = [search.search(connection, parse("mesh"), order=order, most=7, start=start) for start in range(0, 98, 7)]
        few = search.search(connection, parse("mesh"), order=order, first=DAY - timedelta(days=3), most=90)
        none = search.search(connection, parse("mesh"), order=order, topic="3d", first=DAY + timedelta(days=1))
    hits = [hit for page in pages for hit in page.papers]

    assert {page.total for page in pages} == {None}
    assert len(hits) == len({hit.paper.id for hit in hits}) == 90
    dated = [hit.announced or date.min for hit in hits[20 if order == "relevance" else 0 :]]
    assert dated == sorted(dated, reverse=True)
    assert few.total == len(few.papers) == sum(n * 7 % 23 <= 3 for n in range(80))
    assert (none.total, none.papers) == (0, ())
