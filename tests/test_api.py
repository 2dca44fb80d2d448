"""arXiv's query API: what its answers say, and what is none of its answers."""

import doctest
import json
import re

import pytest

from digest.arxiv import api, listing
from digest.core.domain import Paper
from digest.errors import IncompleteError, LayoutError, QueryError, SourceError
from tests import feeds
from tests.feeds import Row
from tests.reference import recorded, shared


def one(row: Row) -> Paper:
    """Return what is read of one entry."""
    (paper,) = api.parse(feeds.feed([row])).papers
    return paper


def test_an_entry() -> None:
    """Every field of an entry arrives in its place."""
    row = Row("2611.00001", "A Title", "An abstract.", ("Ada Example",), ("cs.RO", "cs.CV"), "Accepted at an invented venue", "v12")

    assert one(row) == Paper(
        "2611.00001", "A Title", "An abstract.", ("Ada Example",), ("cs.RO", "cs.CV"), "Accepted at an invented venue", version=12
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("one\ntwo", "one two"),
        ("  one   two\n", "one two"),
        ("one\n  two", "one\ntwo"),
        ("a < b > c & d", "a < b > c & d"),
        ("a &lt; b &amp; c &eacute;", "a &lt; b &amp; c &eacute;"),
        ("<b>bold</b> <script>alert(1)</script>", "<b>bold</b> <script>alert(1)</script>"),
        ("Schr\\\"odinger's $\\alpha$", "Schrödinger's $\\alpha$"),
        ("caf\u00e9 \u201cquoted\u201d \u65e5\u672c", "caf\u00e9 \u201cquoted\u201d \u65e5\u672c"),
        ("see ./relative and //example.org", "see ./relative and //example.org"),
        ("hid\u200bden \u202eturned", "hidden turned"),
    ],
)
def test_texts_are_plain(written: str, read: str) -> None:
    """A text comes out as a listing page would give it: nothing is taken for HTML, nothing is unescaped twice."""
    assert one(Row("2611.00001", abstract=written)).abstract == read
    assert one(Row("2611.00001", title=written)).title == read.replace("\n", " ")


def test_old_identifiers() -> None:
    """Identifiers from before 2007 hold a slash."""
    assert one(Row("math/0309136", version="v2")).id == "math/0309136"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2004.00622", "2004.00622"),
        (" 2004.00622v3\n", "2004.00622"),
        ("arXiv:0704.0001", "0704.0001"),
        ("math.GT/0309136v1", "math/0309136"),
        ("cs/0703101", "cs/0703101"),
        ("2004.00622,2004.00623", None),
        ("2004.00622&start=5", None),
        ("٢٠٠٤.00622", None),
        ("10.1109/1234567", None),
        ("", None),
    ],
)
def test_identifiers(text: str, expected: str | None) -> None:
    """An identifier has one form here, and what is none cannot get into an address."""
    assert api.identifier(text) == expected


def test_the_question() -> None:
    """All identifiers of a batch are asked for in one address, and as many results."""
    assert api.query("https://example.org/api/query", ["2611.00001", "cs/0703101"]) == (
        "https://example.org/api/query?id_list=2611.00001,cs/0703101&start=0&max_results=2"
    )


def test_nothing_found() -> None:
    """An empty feed is an answer."""
    assert api.parse(feeds.feed([])) == api.Results((), 0, 0)


def test_more_than_is_shown() -> None:
    """What the feed states and what it holds are told apart."""
    results = api.parse(feeds.feed([Row("2611.00001"), Row("2611.00002", title=" ")], total=7))

    assert ([paper.id for paper in results.papers], results.rows, results.total) == (["2611.00001"], 2, 7)


def test_a_paper_called_error() -> None:
    """A paper may be titled "Error" and is no error."""
    assert one(Row("2611.00001", title="Error")).title == "Error"


def test_an_error() -> None:
    """An error comes with arXiv's own reason."""
    with pytest.raises(QueryError, match="incorrect id format for foo"):
        api.parse(feeds.error("incorrect id format for foo"))


WHOLE = feeds.feed([Row("2611.00001"), Row("2611.00002")])
BOMB = b"<!DOCTYPE feed [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;&b;&b;&b;'>]>"
OUTSIDE = b"<!DOCTYPE feed [<!ENTITY a SYSTEM 'file:///etc/hostname'>]>"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (WHOLE[: len(WHOLE) // 2], IncompleteError),
        (WHOLE[:-9], IncompleteError),
        (WHOLE.partition(b"  <entry>")[0], IncompleteError),
        (b"", IncompleteError),
        (b"Rate exceeded.", LayoutError),
        (b"<!doctype html><html><title>arXiv is down</title></html>", LayoutError),
        (b'<?xml version="1.0"?><rss version="2.0"><channel><title>x</title></channel></rss>', SourceError),
        (WHOLE.replace(b"totalResults>2<", b"totalResults>many<"), LayoutError),
        (WHOLE.replace(b"http://arxiv.org/abs/", b"http://example.org/abs/"), LayoutError),
        (WHOLE.replace(b"<entry>", b"<entry><unclosed>", 1), LayoutError),
        (WHOLE.replace(b"invented abstract", b"\xff abstract"), LayoutError),
        (WHOLE.decode().encode("utf-16"), LayoutError),
        (WHOLE.replace(b"<feed", BOMB + b"<feed", 1).replace(b"An Invented Title", b"&c;"), LayoutError),
        (WHOLE.replace(b"<feed", OUTSIDE + b"<feed", 1).replace(b"An Invented Title", b"&a;"), LayoutError),
        (WHOLE.replace(b"An Invented Title", b"&undefined;"), LayoutError),
    ],
    ids=[
        "half", "last tag", "head only", "empty", "plain text", "HTML", "RSS", "no total", "strangers", "tags", "not UTF-8", "UTF-16",
        "entities that explode", "an entity from outside", "an entity that is none",
    ],
)  # fmt: skip
def test_what_is_no_answer(body: bytes, error: type[SourceError]) -> None:
    """What is cut, or is no feed of the query API, is an error of its kind and never half an answer."""
    with pytest.raises(error):
        api.parse(body)


def test_every_cut_is_noticed() -> None:
    """Wherever an answer ends too early, no paper comes out of it."""
    for end in range(0, len(WHOLE.rstrip()), 7):
        with pytest.raises(SourceError):
            api.parse(WHOLE[:end])


def test_examples_in_the_documentation() -> None:
    """What the docstrings show is so."""
    assert doctest.testmod(api).failed == 0


# -- arXiv's own answers ---------------------------------------------------------------------------------------------


def test_recorded_answers_are_read() -> None:
    """Every recorded answer of the query API gives papers or arXiv's own error."""
    papers = errors = 0
    folder = shared() / "arxiv" / "recorded"
    for path in [*folder.glob("production-api/*.xml"), *folder.glob("nov2026/api_*.xml")]:
        try:
            results = api.parse(path.read_bytes())
        except QueryError:
            errors += 1
        else:
            assert len(results.papers) == results.rows <= results.total, path.name
            papers += results.rows

    assert (papers, errors) == (428, 12)


def test_texts_are_those_of_the_listing_pages() -> None:
    """For the papers of a real date, the query API and the listing page give the same titles, and the same abstracts.

    But for links without ``http://``, which only the page completes.
    """
    lines = recorded("nov2026/api_entries.jsonl").decode().splitlines()
    entries = "".join(json.loads(line)["xml"] for line in lines)
    count = f"<opensearch:totalResults>{len(lines)}</opensearch:totalResults>"
    found = {paper.id: paper for paper in api.parse(f"{feeds.HEAD}{count}{entries}</feed>".encode()).papers}
    page = listing.parse(recorded("nov2026/html_list_list_cs.CV_new.html"))
    pairs = [(found[entry.paper.id], entry.paper) for section in page.sections for entry in section.entries if entry.paper.id in found]
    completed = re.compile(r"http://(?=[\w.]+)")

    assert len(pairs) > 90
    for ours, theirs in pairs:
        assert (ours.title, ours.categories) == (theirs.title, theirs.categories)
        assert completed.sub("", ours.abstract) == completed.sub("", theirs.abstract)
