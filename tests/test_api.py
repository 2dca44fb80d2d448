"""arXiv's query API: what its answers say, and what is none of its answers."""

import doctest
import json
import re
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qs, urlsplit

import pytest

from digest.arxiv import api, listing
from digest.core.domain import Paper
from digest.errors import IncompleteError, LayoutError, QueryError, SourceError
from tests import feeds
from tests.feeds import Row
from tests.reference import recorded


def one(row: Row) -> Paper:
    """Return what is read of one entry."""
    (paper,) = api.parse(feeds.feed([row])).papers
    return paper


def test_an_entry() -> None:
    """Every field of an entry arrives in its place."""
    common = ("2611.00001", "A Title", "An abstract.", ("Ada Example",), ("cs.RO", "cs.CV"), "Accepted at an invented venue")
    row = Row(*common, "v12", "2026-11-18T17:59:51Z", "2026-11-19T08:00:00Z", "10.5555/invented.1")

    assert one(row) == Paper(
        *common,
        version=12,
        doi="10.5555/invented.1",
        submitted=datetime(2026, 11, 18, 17, 59, 51, tzinfo=UTC),
        updated=datetime(2026, 11, 19, 8, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-11-18T18:00:00+02:00", datetime(2026, 11, 18, 16, tzinfo=UTC)),
        (" 2026-11-18T18:00:00Z\n", datetime(2026, 11, 18, 18, tzinfo=UTC)),
        ("2026-11-18T18:00:00", None),
        ("2026-11-31T18:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_moments(written: str, read: datetime | None) -> None:
    """A moment is one in UTC; what is none, or has no zone, is left out and spoils nothing else."""
    paper = one(Row("2611.00001", submitted=written, updated=written))

    assert (paper.submitted, paper.updated, paper.title) == (read, read, "An Invented Title")


def test_moments_that_lack() -> None:
    """Neither of the two moments is taken for the other one."""
    body = feeds.feed([Row("2611.00001")])
    (without_updated,) = api.parse(re.sub(rb" *<updated>.*</updated>\n", b"", body)).papers
    (without_submitted,) = api.parse(re.sub(rb" *<published>.*</published>\n", b"", body)).papers

    assert (without_updated.updated, without_submitted.submitted) == (None, None)
    assert without_updated.submitted == without_submitted.updated == datetime(2026, 11, 18, 18, tzinfo=UTC)


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


START, END = datetime(2026, 11, 18, 19, 0, 59, tzinfo=UTC), datetime(2026, 11, 19, 18, 59, tzinfo=UTC)


def test_the_question_for_a_window() -> None:
    """A window is asked for in whole minutes of UTC, oldest first, in pages."""
    there = timezone(timedelta(hours=-5))

    assert api.window("https://example.org/api/query", "cs.CV", START.astimezone(there), END, skip=500) == (
        "https://example.org/api/query?search_query=cat:cs.CV+AND+submittedDate:%5B202611181900+TO+202611191859%5D"
        "&sortBy=submittedDate&sortOrder=ascending&start=500&max_results=500"
    )


def test_the_question_for_several_categories() -> None:
    """A paper of any of the categories is asked for."""
    question = parse_qs(urlsplit(api.window("https://example.org/api/query", "cs.CV+eess.IV", START, END)).query)

    assert question["search_query"] == ["(cat:cs.CV OR cat:eess.IV) AND submittedDate:[202611181900 TO 202611191859]"]


def test_the_window_of_an_archive() -> None:
    """Of an archive, the papers in itself and in all of its categories are asked for."""
    start = datetime(2026, 11, 18, 19, tzinfo=UTC)

    assert "(cat:astro-ph+OR+cat:astro-ph.%2A)+AND" in api.window("https://example.org/q", "astro-ph", start, start).replace(
        "%28", "("
    ).replace("%29", ")")


def test_nothing_found() -> None:
    """An empty feed is an answer."""
    assert api.parse(feeds.feed([])) == api.Results((), 0, 0, 0, 100)


def test_more_than_is_shown() -> None:
    """What the feed states and what it holds are told apart."""
    results = api.parse(feeds.feed([Row("2611.00001"), Row("2611.00002", title=" ")], total=7, start=5, size=50))

    assert ([paper.id for paper in results.papers], results.rows, results.total) == (["2611.00001"], 2, 7)
    assert (results.start, results.asked) == (5, 50)


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


def test_an_encoding_that_is_not_so() -> None:
    """What is UTF-8 is read as UTF-8, whatever the document says of itself."""
    body = feeds.feed([Row("2611.00001", title="caf\u00e9 \u65e5\u672c")]).replace(b"'UTF-8'", b"'iso-8859-1'")

    assert api.parse(body).papers[0].title == "caf\u00e9 \u65e5\u672c"


def test_what_the_library_stumbles_over() -> None:
    """A line separator inside of the address of a name space makes feedparser raise a ValueError, which is ours to answer for."""
    with pytest.raises(LayoutError, match="feedparser cannot read"):
        api.parse(WHOLE.replace(b"-/spec/opensearch/1.1/", "-/spec/open\u2028search/1.1/".encode()))


def test_every_cut_is_noticed() -> None:
    """Wherever an answer ends too early, no paper comes out of it."""
    for end in range(0, len(WHOLE.rstrip()), 7):
        with pytest.raises(SourceError):
            api.parse(WHOLE[:end])


def test_examples_in_the_documentation() -> None:
    """What the docstrings show is so."""
    assert doctest.testmod(api).failed == 0


# -- arXiv's own answers ---------------------------------------------------------------------------------------------


def test_the_recorded_question_for_a_window() -> None:
    """arXiv's own program was asked with the address that is made here."""
    manifest = json.loads(recorded("manifest.json"))

    assert api.window("/api/query", "cs.CV", START, END, size=200) in {answer["url_path"] for answer in manifest["nov2026"]}


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
