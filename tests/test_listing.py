"""Listing pages: what stands on them is read, what lacks is noticed."""

from collections import Counter
from datetime import date

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.arxiv import listing
from digest.core.domain import Entry, Kind
from digest.errors import IncompleteError, LayoutError, SourceError
from tests import pages
from tests.pages import Fake
from tests.reference import recorded

DAY = date(2026, 11, 20)
FAKES = (
    Fake(
        "2611.00003",
        "Boats & Birds",
        "Two <b>bold</b> claims.\nSee https://example.org/a_b?c=1&d=2.",
        comments="Code: https://code.example.com/x",
    ),
    Fake(
        "2611.00001",
        'A "quoted" $x<y$ title',
        authors=("Zoë Exämple", "O'Neil Test"),
        categories=("cs.CV", "cs.LG"),
        journal_ref="J. 1 (2026)",
    ),
    Fake("2611.00002", kind="cross", categories=("cs.RO", "cs.CV")),
    Fake("2610.00009", kind="replaced"),
    Fake("cs/0703101", kind="replaced-cross", categories=("cs.GR", "cs.CV")),
)


def entries(page: listing.Page) -> list[Entry]:
    """Return all entries of a page."""
    return [entry for section in page.sections for entry in section.entries]


def test_every_field_is_read() -> None:
    """Text comes out plain: entities, breaks and "this https URL" are what they stand for."""
    page = listing.parse(pages.new(FAKES, DAY))
    papers = {entry.paper.id: entry.paper for entry in entries(page)}

    assert (page.date, page.total, page.heading) == (DAY, 5, "Computer Vision and Pattern Recognition")
    assert [entry.kind for entry in entries(page)] == [Kind.NEW, Kind.NEW, Kind.CROSS, Kind.REPLACED, Kind.REPLACED_CROSS]
    boats = papers["2611.00003"]
    assert boats.title == "Boats & Birds"
    assert boats.abstract == "Two <b>bold</b> claims.\nSee https://example.org/a_b?c=1&d=2."
    assert boats.comments == "Code: https://code.example.com/x"
    quoted = papers["2611.00001"]
    assert quoted.title == 'A "quoted" $x<y$ title'
    assert quoted.authors == ("Zoë Exämple", "O'Neil Test")
    assert (quoted.categories, quoted.primary, quoted.journal_ref) == (("cs.CV", "cs.LG"), "cs.CV", "J. 1 (2026)")
    assert quoted.version is None
    assert papers["cs/0703101"].primary == "cs.GR"
    assert listing.missing([page]) == ""


def test_catchup_reads_the_same() -> None:
    """A catch-up page holds the same entries, and names the next date."""
    page = listing.parse(pages.catchup(FAKES, DAY, following=date(2026, 11, 23)))

    assert entries(page) == entries(listing.parse(pages.new(FAKES, DAY)))
    assert (page.date, page.next_date) == (DAY, date(2026, 11, 23))


def test_a_date_without_updates() -> None:
    """An empty page says so, and is not an error."""
    page = listing.parse(pages.catchup((), DAY))

    assert (page.empty, page.total, page.rows, page.date) == (True, 0, 0, DAY)


@given(st.integers(1, 12), st.integers(1, 12))
def test_pages_add_up(count: int, show: int) -> None:
    """However a day is cut into pages, the pages together are whole, and any part of them is not."""
    kinds = ("new", "cross", "replaced")
    fakes = [
        Fake(f"2611.{number:05}", kind=kinds[number % 3], categories=("cs.RO", "cs.CV") if number % 3 == 1 else ("cs.CV",))
        for number in range(count)
    ]
    parsed = [listing.parse(pages.new(fakes, DAY, skip=skip, show=show)) for skip in range(0, count, show)]

    assert listing.missing(parsed) == ""
    assert Counter(entry.paper.id for page in parsed for entry in entries(page)) == Counter(fake.id for fake in fakes)
    if len(parsed) > 1:
        assert listing.missing(parsed[:-1]) != ""
        assert listing.missing([*parsed[:-1], parsed[0]]) != ""


def test_fewer_rows_than_stated() -> None:
    """A section that has lost an entry makes no digest."""
    page = pages.new(FAKES, DAY)
    start, end = page.index(b"<dt>"), page.index(b"</dd>") + len(b"</dd>")

    with pytest.raises(IncompleteError, match="states 2 entries and holds 1"):
        listing.parse(page[:start] + page[end:])


def test_a_section_that_is_gone() -> None:
    """A page whose sections do not add up to its own total is not complete."""
    page = pages.new(FAKES, DAY)
    start = page.index(b"<dl id='articles'>\n    <h3>Cross")
    end = page.index(b"</dl>", start) + len(b"</dl>")

    assert listing.missing([listing.parse(page[:start] + page[end:])]) == "the page states 5 entries in all, its sections 4"


def test_one_paper_twice() -> None:
    """A paper that stands twice among the new ones has taken another one's place."""
    page = pages.new(FAKES, DAY).replace(b"2611.00003", b"2611.00001")

    assert listing.missing([listing.parse(page)]) == "of 2 new entries, 1 stand there twice"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", IncompleteError),
        (b"   \n", IncompleteError),
        (b"<!DOCTYPE html><html><body>cut in the midd", IncompleteError),
        (b"Service unavailable\n", LayoutError),
        (b"{}", LayoutError),
        (b"\x00\xff\xfe" * 99, LayoutError),
        (b"<!DOCTYPE html><html><body><h1>Rate exceeded</h1></body></html>", LayoutError),
        (b"<html><body><div id='dlpage'><dl><h3>Something else (showing 1 of 1 entries)</h3></dl></div></body></html>", LayoutError),
        (pages.new(FAKES, DAY).replace(b"/abs/2611.00003", b"/abs/nonsense"), LayoutError),
        (pages.new(FAKES, DAY).replace(b"list-title", b"list-headline"), LayoutError),
        (pages.new(FAKES, DAY).replace(b"(cs.CV)", b""), LayoutError),
    ],
)
def test_what_is_no_listing(body: bytes, error: type[SourceError]) -> None:
    """A cut answer and a foreign page are told apart, and neither is read as a short day."""
    with pytest.raises(error):
        listing.parse(body)


def test_bytes_that_are_not_utf8() -> None:
    """A wrong byte costs one letter and not the page."""
    page = listing.parse(pages.new(FAKES, DAY).replace(b"Boats", b"B\xffats"))

    assert "B\ufffdats & Birds" in {entry.paper.title for entry in entries(page)}


@given(st.integers(0, len(pages.new(FAKES, DAY))))
def test_a_cut_page_is_never_a_short_day(length: int) -> None:
    """Wherever a page is cut: it is refused, or only white space was lost."""
    whole = pages.new(FAKES, DAY)
    if whole[length:].strip():
        with pytest.raises((IncompleteError, LayoutError)):
            listing.parse(whole[:length])
    else:
        assert listing.parse(whole[:length]) == listing.parse(whole)


# -- on arXiv's own answers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "count"),
    [(9, 71), (10, 263), (11, 94), (12, 85), (13, 104), (17, 301), (18, 118), (20, 104)],
)
def test_recorded_days(day: int, count: int) -> None:
    """Every recorded day is whole, with as many new and cross-listed papers as its page states."""
    name = {10: "catchup_catchup_cs.CV_2026-11-10_abs=True", 20: "list_list_cs.CV_new"}.get(day, f"catchup_cs.CV_2026-11-{day:02}_abs=True")
    page = listing.parse(recorded(f"nov2026/html_{name}.html"))
    listed = [entry.paper.id for entry in entries(page) if entry.kind in (Kind.NEW, Kind.CROSS)]

    assert page.date == date(2026, 11, day)
    assert listing.missing([page]) == ""
    assert len(listed) == len(set(listed)) == count


def test_recorded_pages() -> None:
    """A page out of the middle is read, with what it continues, and is not taken for the whole."""
    page = listing.parse(recorded("nov2026/html_list_list_cs.CV_new_skip=90_show=25.html"))

    assert [(section.kind, section.shown, section.total) for section in page.sections] == [
        (Kind.NEW, 4, 94),
        (Kind.CROSS, 10, 10),
        (Kind.REPLACED, 11, 36),
    ]
    assert (page.total, page.per_page, page.rows) == (140, 25, 25)
    assert listing.missing([page]) == "4 of 94 new entries are there"


def test_recorded_recent() -> None:
    """The list of recent dates is read by date; its pages state how much of a date they show."""
    page = listing.parse(recorded("nov2026/html_list_list_cs.CV_recent_skip=104_show=50.html"))
    whole = listing.parse(recorded("nov2026/html_list_cs.CV_recent_skip=0_show=2000.html"))

    assert [(section.date, section.shown, section.total) for section in page.sections] == [(date(2026, 11, 18), 50, 118)]
    assert [(section.date and section.date.day, section.total) for section in whole.sections] == [
        (20, 104),
        (18, 118),
        (17, 301),
        (13, 104),
        (12, 85),
    ]
    assert listing.missing([whole]) == ""


def test_kinds_agree_with_the_feed() -> None:
    """arXiv's RSS feed of the same day announces the same papers in the same ways."""
    feed = feedparser.parse(recorded("nov2026/feed_rss_cs.CV.xml"), sanitize_html=False, resolve_relative_uris=False)
    announced = {item.link.rpartition("/abs/")[2]: item.arxiv_announce_type.replace("replace", "replaced") for item in feed.entries}
    page = listing.parse(recorded("nov2026/html_list_list_cs.CV_new.html"))

    assert len(announced) == 140
    assert {entry.paper.id: entry.kind.value for entry in entries(page)} == announced
