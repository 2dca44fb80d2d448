"""Listing pages: what stands on them is read, what lacks is noticed."""

import re
from collections import Counter
from datetime import date

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.arxiv import listing
from digest.core.domain import Announcement, Entry, Kind, Provenance
from digest.core.edition import chosen
from digest.errors import IncompleteError, LayoutError, SourceError
from tests import pages
from tests.pages import Fake
from tests.reference import recorded, shared

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


def test_names_of_categories_are_plain() -> None:
    """The name of a category goes through the same cleaning as every text."""
    page = listing.parse(pages.new(FAKES, DAY).replace(b"Robotics", "Rob\u202eo\ntics\x07".encode()))

    assert dict(page.names)["Robo tics"] == "cs.RO"


def test_digits_of_other_scripts() -> None:
    """An identifier is written in ASCII, whatever else Unicode calls a digit."""
    with pytest.raises(LayoutError, match="no identifier"):
        listing.parse(pages.new(FAKES, DAY).replace(b'"/abs/2611.00003"', '"/abs/2611.0000\u0663"'.encode()))


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


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (', CC, <a href="/x">Ben Example</a>', ("Ada Example", "CC", "Ben Example")),
        (' (1), <a href="/x">Ben Example</a> (1 and 2) ((1) Here, (2) There)', ("Ada Example", "Ben Example")),
        (': <a href="/x">Ben Example</a> and Cleo Example', ("Ada Example", "Ben Example", "Cleo Example")),
    ],
)
def test_authors_without_a_link(written: str, read: tuple[str, ...]) -> None:
    """An author whose name arXiv makes no link of is an author too, and what stands in parentheses is none."""
    body = pages.new([Fake("2611.00001", authors=("Ada Example",))], date(2026, 11, 20))
    body = body.replace(b"Ada Example</a>", f"Ada Example</a>{written}".encode())

    assert listing.parse(body).sections[0].entries[0].paper.authors == read


# -- the last five dates, a month, and how it was before 2024 ---------------------------------------------------------

LISTED = tuple(
    Fake(f"2611.{number:05}", kind="cross" if number % 3 == 0 else "new", categories=("cs.RO", "cs.CV") if number % 3 == 0 else ("cs.CV",))
    for number in range(1, 12)
)
DATES = {DAY: LISTED[6:], date(2026, 11, 19): (), date(2026, 11, 18): LISTED[:6]}


def test_recent_dates() -> None:
    """A section of `/recent` is a date, with the new papers before the cross-lists; a date may be without papers."""
    page = listing.parse(pages.recent(DATES))

    assert (page.date, page.month, page.total, page.abstracts) == (None, None, 11, False)
    assert [(section.date, section.kind, section.shown) for section in page.sections] == [(day, None, len(DATES[day])) for day in DATES]
    assert [(entry.paper.id[-2:], entry.kind.value) for entry in page.sections[2].entries] == [
        ("05", "new"),
        ("04", "new"),
        ("02", "new"),
        ("01", "new"),
        ("06", "cross"),
        ("03", "cross"),
    ]
    assert listing.missing([page]) == ""


def test_a_month() -> None:
    """The list of a month says which month, and is one section, which no heading counts."""
    page = listing.parse(pages.month(LISTED, date(2026, 11, 1)))

    assert (page.month, page.date, page.total, page.rows, page.empty) == ("2026-11", None, 11, 11, False)
    assert [(section.kind, section.date, section.counted) for section in page.sections] == [(None, None, False)]
    assert Counter(entry.kind for entry in entries(page)) == {Kind.NEW: 8, Kind.CROSS: 3}
    assert listing.missing([page]) == ""


def test_a_month_without_papers() -> None:
    """An empty month is a page like any."""
    page = listing.parse(pages.month((), date(2026, 11, 1)))

    assert (page.month, page.total, page.rows, page.empty, listing.missing([page])) == ("2026-11", 0, 0, True, "")


def test_a_year() -> None:
    """The list of a year is told from that of a month."""
    body = pages.month(LISTED, date(2026, 11, 1)).replace(b"for November 2026", b"for 2026")

    assert listing.parse(body).month == "2026"


@given(st.integers(0, 11), st.integers(1, 12), st.sampled_from(["recent", "month", "old"]))
def test_pages_of_lists_add_up(count: int, show: int, shape: str) -> None:
    """However such a list is cut into pages, the pages together are whole, and any part of them is not."""
    fakes = LISTED[:count]
    makers = {
        "recent": lambda skip: pages.recent({DAY: fakes[5:], date(2026, 11, 18): fakes[:5]}, skip=skip, show=show),
        "month": lambda skip: pages.month(fakes, date(2026, 11, 1), skip=skip, show=show),
        "old": lambda skip: pages.old(fakes, DAY, skip=skip, show=show),
    }
    parsed = [listing.parse(makers[shape](skip)) for skip in range(0, count, show)]

    assert Counter(entry.paper.id for page in parsed for entry in entries(page)) == Counter(fake.id for fake in fakes)
    if parsed:
        assert listing.missing(parsed) == ""
    if len(parsed) > 1:
        assert listing.missing(parsed[:-1]) != ""
        assert listing.missing([*parsed[:-1], parsed[0]]) != ""


@pytest.mark.parametrize("body", [pages.month(LISTED, date(2026, 11, 1)), pages.old(LISTED, DAY), pages.month(LISTED, DAY, skip=4, show=4)])
def test_a_list_that_has_lost_an_entry(body: bytes) -> None:
    """Where no heading counts, the page says which range of entries it shows, or how many there are."""
    start, end = body.index(b"<dt>"), body.index(b"</dd>") + len(b"</dd>")

    with pytest.raises(IncompleteError, match="the page states"):
        listing.parse(body[:start] + body[end:])


def test_a_month_that_has_lost_its_list() -> None:
    """A month that states entries and shows none is not an empty one."""
    body = re.sub(rb"<dt>.*</dd>", b"", pages.month(LISTED, date(2026, 11, 1)), flags=re.DOTALL)

    with pytest.raises(IncompleteError, match="states 11 entries and holds 0"):
        listing.parse(body)


def test_pages_from_before_2024() -> None:
    """An archived page reads like one of today: the same fields, kinds and date."""
    fakes = (*FAKES, Fake("2611.00004", abstract="First.\nSecond: http://example.org."))
    then, now = listing.parse(pages.old(fakes, DAY)), listing.parse(pages.new(fakes, DAY))

    assert entries(then) == entries(now)
    assert (then.date, then.total, then.names, then.per_page, then.abstracts) == (now.date, now.total, now.names, 2000, True)
    assert listing.missing([then]) == ""


@pytest.mark.parametrize("note", [b"<!-- FILE ARCHIVED -->", b"\n<!--\n a > b -- c -->\n<!-- x -->\n\n"])
def test_what_an_archive_adds(note: bytes) -> None:
    """The notes that an archive puts after a page do not make it a cut one; a cut note does."""
    assert listing.parse(pages.old(FAKES, DAY) + note) == listing.parse(pages.old(FAKES, DAY))
    with pytest.raises(IncompleteError):
        listing.parse(pages.old(FAKES, DAY) + note.rstrip()[:-1])


def test_the_single_digit_of_an_old_date() -> None:
    """The day of an old heading is set with a space, and its year has two digits."""
    assert listing.parse(pages.old(LISTED, date(2020, 4, 2))).date == date(2020, 4, 2)


def test_counts_in_an_old_heading() -> None:
    """Where an old heading does count, it is held to what it states."""
    body = pages.old(LISTED[:2], DAY).replace(b"20 Nov 26</h3>", b"20 Nov 26 (showing 2 of 2 entries)</h3>")

    assert listing.parse(body).sections[0].counted
    with pytest.raises(IncompleteError, match="states 3 entries and holds 2"):
        listing.parse(body.replace(b"showing 2 of 2", b"showing 3 of 3"))


def test_two_dates_on_an_old_page() -> None:
    """A page put together out of two days is none."""
    with pytest.raises(LayoutError, match="several dates: 2026-11-19, 2026-11-20"):
        listing.parse(pages.old(LISTED, DAY).replace(b"Cross-lists for Fri, 20", b"Cross-lists for Thu, 19"))


@pytest.mark.parametrize("body", [pages.recent(DATES), pages.month(LISTED, DAY), pages.month((), DAY), pages.old(LISTED, DAY)])
def test_every_cut_of_a_list_is_refused(body: bytes) -> None:
    """Wherever such a page is cut, nothing comes out of it."""
    for length in range(0, len(body.rstrip()), 13):
        with pytest.raises((IncompleteError, LayoutError)):
            listing.parse(body[:length])


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


CATCHUP = {day: f"nov2026/html_catchup_cs.CV_2026-11-{day}_abs=True.html" for day in (12, 13, 17, 18, 20)}
CATCHUP[20] = "nov2026/html_catchup_cs.CV_2026-11-20_abs=True_page=1.html"


def test_recent_agrees_with_catchup() -> None:
    """The five recorded dates hold the papers that the catch-up pages of these dates announce as new and as cross-lists."""
    whole = listing.parse(recorded("nov2026/html_list_cs.CV_recent_skip=0_show=2000.html"))

    assert [section.date and section.date.day for section in whole.sections] == sorted(CATCHUP, reverse=True)
    for section in whole.sections:
        assert section.date is not None
        announced = entries(listing.parse(recorded(CATCHUP[section.date.day])))
        theirs = {
            entry.paper.id: (entry.kind, entry.paper.title, entry.paper.categories, entry.paper.authors)
            for entry in announced
            if entry.kind in (Kind.NEW, Kind.CROSS)
        }
        ours = {entry.paper.id: (entry.kind, entry.paper.title, entry.paper.categories, entry.paper.authors) for entry in section.entries}
        assert ours == theirs


def test_recorded_month() -> None:
    """The recorded month is whole, and its pages are parts of it."""
    month = listing.parse(recorded("nov2026/html_list_cs.CV_2026-06_skip=0_show=2000.html"))
    ids = [entry.paper.id for entry in entries(month)]
    part = listing.parse(recorded("nov2026/html_list_list_cs.CV_2026-06_skip=50_show=100.html"))

    assert (month.month, month.total, len(set(ids)), listing.missing([month])) == ("2026-06", 1139, 1139, "")
    assert {name[:5] for name in ids} == {"2606."}
    assert [entry.paper.id for entry in entries(part)] == ids[50:150]
    assert listing.missing([part]) == "the page states 1139 entries in all, its sections 100"
    assert listing.parse(recorded("nov2026/html_list_list_cs.CV_2026.html")).month == "2026"


@pytest.mark.parametrize("name", ["cs.CV_2026-11_skip=0_show=2000", "list_cs.CV_current"])
def test_recorded_empty_month(name: str) -> None:
    """A real month without papers says which one it is."""
    page = listing.parse(recorded(f"nov2026/html_list_{name}.html"))

    assert (page.month, page.total, page.empty, listing.missing([page])) == ("2026-11", 0, True, "")


@pytest.mark.parametrize(
    "name",
    [
        "html_seed_list_cs.CV_new",
        "html_seed_catchup_cs.CV_2020-04-02_abs=True",
        "html_catchup_cs.CV_2020-04-02_abs=True_page=1",
        "html_seed_list_cs.CV_recent_show=100",
        "html_list_cs.CV_recent_skip=0_show=2000",
        "html_list_cs.CV_2020-04_skip=0_show=2000",
    ],
)
def test_the_seed_day(name: str) -> None:
    """Whichever page it comes from, the day of the seed has the seed's papers in the seed's order."""
    seed = next((shared() / "seeds").glob("002_*")).read_text("utf-8")
    page = listing.parse(recorded(f"seed-2020-04-02/{name}.html"))
    announcement = Announcement("cs.CV", date(2020, 4, 2), tuple(entries(page)), Provenance("file"))
    listed = [entry.paper.id for entry in chosen(announcement, frozenset((Kind.NEW, Kind.CROSS)))]

    assert listing.missing([page]) == ""
    assert len(listed) == 64
    assert listed == re.findall(r"arxiv\.org/pdf/([\d.]+)\.pdf", seed)


# -- pages that would take minutes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"<div>" * 20_000,
        b"<div>" * 20_000 + b"</div>" * 20_000,
        b"</x>" * 20_000 + b"<dl>" * 20_000,
        b"<b></b>" * 60_000,
        b"<b><!-- </b> -->" * 60_000,
    ],
    ids=["deep", "deep and closed", "closed before", "many", "hidden ends"],
)
@pytest.mark.parametrize("place", [b"An abstract", b"<!DOCTYPE html>", b"Showing new listings"])
def test_a_page_without_measure(content: bytes, place: bytes) -> None:
    """A page that nests as no page of arXiv's does is refused before the HTML parser sees it: that takes the square of the depth."""
    body = pages.new([Fake("2611.00001", abstract="An abstract")], date(2026, 11, 20)).replace(place, place + content, 1)

    with pytest.raises(LayoutError, match="nests them deeper than 500 times"):
        listing.parse(body)


def test_a_page_as_large_as_they_come() -> None:
    """2000 entries with all that an entry may have, and as many breaks and links as authors like, are read."""
    authors = tuple(f"A. Example {number}" for number in range(30))
    fakes = [Fake(f"2611.{number:05}", "T", "x\ny\nz", "new", authors, ("cs.CV", "cs.LG"), "12 pages", "J. 1") for number in range(2000)]

    assert listing.parse(pages.new(fakes, date(2026, 11, 20))).rows == 2000
