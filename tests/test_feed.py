"""arXiv's feeds: what they say, in each of their forms, and what is none of them."""

import doctest
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.arxiv import feed, listing
from digest.core.domain import Announcement, Entry, Kind, Paper, Provenance
from digest.core.edition import chosen
from digest.errors import IncompleteError, LayoutError, QueryError, SourceError
from tests import pages, rss
from tests.mutations import mutated
from tests.pages import Fake
from tests.reference import recorded
from tests.rss import Item

DAY = date(2026, 11, 20)
FORMS: dict[str, Callable[..., bytes]] = {"rss": rss.rss, "atom": rss.atom, "rdf": rss.rdf}
every_form = pytest.mark.parametrize("make", FORMS.values(), ids=FORMS)
both_forms = pytest.mark.parametrize("make", [rss.rss, rss.atom], ids=["rss", "atom"])


def one(body: bytes) -> Entry:
    """Return the only entry of a feed."""
    read = feed.parse(body)
    assert read.faults == ()
    (entry,) = read.entries
    return entry


def numbered(count: int) -> list[Item]:
    """Return so many papers."""
    return [Item(f"2611.{number:05}") for number in range(1, count + 1)]


# -- fields ------------------------------------------------------------------------------------------------------------


@both_forms
def test_an_entry(make: Callable[..., bytes]) -> None:
    """Every field of an entry arrives in its place."""
    item = Item(
        "2611.00001", "A Title", "One.\nTwo.", "cross", ("Ada Example", "Ben Example"), ("cs.RO", "cs.CV"), journal_ref="J. 1 (2026)",
        version=12, doi="10.1000/x",
    )  # fmt: skip

    assert one(make([item], DAY)) == Entry(
        Paper(
            "2611.00001", "A Title", "One.\nTwo.", ("Ada Example", "Ben Example"), ("cs.RO", "cs.CV"), "", "J. 1 (2026)",
            version=12, doi="10.1000/x", licence=rss.LICENCE,
        ),
        Kind.CROSS,
    )  # fmt: skip


def test_an_entry_of_the_old_form() -> None:
    """RDF tells the version and the primary category, but neither the others nor a DOI."""
    item = Item("1805.00001", "Is This a Title?", "One.\nTwo.", "new", ("Ada Example", "Ben Example"), ("cs.CV", "cs.RO"), version=1)

    assert one(rss.rdf([item], date(2018, 5, 24))) == Entry(
        Paper("1805.00001", "Is This a Title?", "One.\nTwo.", ("Ada Example", "Ben Example"), ("cs.CV",), version=1), Kind.NEW
    )


def test_what_a_feed_states_about_itself() -> None:
    """Title, categories, form, date, the moment it was built, and the days on which it is always empty."""
    read = feed.parse(rss.rss([], DAY, codes=("cs.CV", "eess"), built=datetime(2026, 11, 20, 5, 0, 1, tzinfo=UTC)))

    assert read == feed.Feed(
        title="cs.CV, eess updates on arXiv.org",
        categories=("cs.CV", "eess"),
        form="rss",
        date=DAY,
        built=datetime(2026, 11, 20, 5, 0, 1, tzinfo=UTC),
        entries=(),
        faults=(),
        rows=0,
    )


@both_forms
@pytest.mark.parametrize("codes", [("cs.CV",), ("cs.CV", "cs.LG"), ("cs",), ("astro-ph.GA", "math-ph", "q-bio")])
def test_categories(make: Callable[..., bytes], codes: Sequence[str]) -> None:
    """A feed says what it is about: one category, several, or an archive."""
    assert feed.parse(make(numbered(1), DAY, codes=codes)).categories == codes


@every_form
def test_kinds(make: Callable[..., bytes]) -> None:
    """Each kind is told from the others, and the entries stay in the order of the feed."""
    items = [
        Item("2611.00002"),
        Item("2611.00001"),
        Item("2610.00003", kind="cross", categories=("cs.RO", "cs.CV")),
        Item("2609.00004", kind="replaced", version=2),
        Item("2608.00005", kind="replaced-cross", categories=("cs.RO", "cs.CV"), version=3),
    ]

    assert [(entry.paper.id, entry.kind, entry.paper.version) for entry in feed.parse(make(items, DAY)).entries] == [
        ("2611.00001", Kind.NEW, 1),
        ("2611.00002", Kind.NEW, 1),
        ("2610.00003", Kind.CROSS, 1),
        ("2609.00004", Kind.REPLACED, 2),
        ("2608.00005", Kind.REPLACED_CROSS, 3),
    ]


@pytest.mark.parametrize(
    ("category", "kind"),
    [("cs.CV", Kind.REPLACED_CROSS), ("cs.CV+cs.RO", Kind.REPLACED), ("cs", Kind.REPLACED), ("eess.IV", Kind.REPLACED_CROSS)],
)
def test_whose_replacement_it_is(category: str, kind: Kind) -> None:
    """In RDF a replacement is the category's own if its primary category belongs to what was asked for."""
    body = rss.rdf([Item("1805.00001", kind="replaced", categories=("cs.RO",), version=2)], date(2018, 5, 24))

    assert [entry.kind for entry in feed.parse(body, category=category).entries] == [kind]


@both_forms
@pytest.mark.parametrize(
    ("creator", "authors"),
    [
        ("Ada Example, Ben Example", ("Ada Example", "Ben Example")),
        (" The X Collaboration, A. One (CERN, Geneva), B. Two", ("The X Collaboration", "A. One", "B. Two")),
        ("A. One (1), B. Two (1 and 2) ((1) Here, (2) There)", ("A. One", "B. Two")),
        ("Jos\\'e \\L{}owe, Nguy\\~{\\^e}n, O'Neil Jr.", ("José Łowe", "Nguyễn", "O'Neil Jr.")),
        ("Ada <b>Example</b> & Co, 日本", ("Ada <b>Example</b> & Co", "日本")),
        ("Ada Example (ada@example.org), Ben", ("Ada Example", "Ben")),
    ],
)
def test_authors(make: Callable[..., bytes], creator: str, authors: tuple[str, ...]) -> None:
    """Authors stand in one text; what is in parentheses is no author and parts none."""
    assert one(make([Item("2611.00001", creator=creator)], DAY)).paper.authors == authors


def test_examples_in_the_documentation() -> None:
    """What the docstrings show is so."""
    assert doctest.testmod(listing).failed == 0


def test_a_hundred_authors() -> None:
    """All of them are read."""
    authors = tuple(f"Ada Example {number}" for number in range(150))

    assert one(rss.rss([Item("2611.00001", authors=authors)], DAY)).paper.authors == authors


def test_authors_of_the_old_form() -> None:
    """In RDF authors are links, with their affiliations after them, and few of very many."""
    names = '<a href="http://arxiv.org/find/x">The X collaboration</a>: <a href="y">J. O&#x27;Neil</a> (CERN)'
    creator = f"{names}, et al. (909 additional authors not shown)"

    assert one(rss.rdf([Item("1805.00001", creator=creator)], date(2018, 5, 24))).paper.authors == ("The X collaboration", "J. O'Neil")


def test_links_of_the_old_form() -> None:
    """In RDF an address in an abstract was hidden behind words, as on listing pages."""
    body = rss.rdf([Item("1805.00001", abstract="Code is at LINK now.")], date(2018, 5, 24))
    link = b"&lt;a href=&quot;https://example.org/a?b=1&amp;amp;c=2&quot;&gt;this https URL&lt;/a&gt;"

    assert one(body.replace(b"LINK", link)).paper.abstract == "Code is at https://example.org/a?b=1&c=2 now."


@both_forms
def test_a_licence_that_is_no_address(make: Callable[..., bytes]) -> None:
    """Only the address of a page is one."""
    assert one(make([Item("2611.00001", licence="javascript:alert(1)")], DAY)).paper.licence == ""


@both_forms
def test_old_identifiers(make: Callable[..., bytes]) -> None:
    """Identifiers from before 2007 hold a slash."""
    assert one(make([Item("math/0309136", kind="replaced", version=2)], DAY)).paper.id == "math/0309136"


# -- texts -------------------------------------------------------------------------------------------------------------


TEXTS = [
    "for all $x<y$ and $y>z$",
    "<mask> tokens, <b>bold</b> and <script>alert(1)</script>",
    "J&F, a &amp; b, &lt;i&gt; and &eacute;",
    "Schr\\\"odinger's $\\alpha_{i}$ in \\emph{Krak\\'ow}",
    "caf\u00e9 \u201cquoted\u201d \u65e5\u672c",
    "see ./relative and //example.org",
    "hid\u200bden \u202eturned",
    "a\ttab and   spaces",
    "one\ntwo\nthree",
    "![image](x) and [link](javascript:alert(1))",
]


def as_listed(item: Fake) -> Paper:
    """Return a paper as it is read from a listing page."""
    (section,) = listing.parse(pages.new([item], DAY)).sections
    return section.entries[0].paper


@every_form
@pytest.mark.parametrize("text", TEXTS)
def test_texts_are_plain(make: Callable[..., bytes], text: str) -> None:
    """Title and abstract come out as from a listing page: nothing is taken for HTML, nothing is unescaped twice."""
    item = Item("2611.00001", title=text.replace("\n", " "), abstract=text)
    paper = one(make([item], DAY)).paper

    assert (paper.title, paper.abstract) == (as_listed(item).title, as_listed(item).abstract)


@given(text=st.text(alphabet="ab<>&;#$\\{}[]()_^'\"`=!-* \n.,1\u00e9\u2192", min_size=1, max_size=60))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_any_text_is_plain(text: str) -> None:
    """Whatever an author writes, a feed and a listing page give the same."""
    item = Item("2611.00001", title=f"T {text}".replace("\n", " "), abstract=f"A {text}")
    expected = as_listed(item)

    for make in (rss.rss, rss.atom):
        paper = one(make([item], DAY)).paper
        assert (paper.title, paper.abstract) == (expected.title, expected.abstract)


@both_forms
def test_lines_of_a_title(make: Callable[..., bytes]) -> None:
    """A title that arXiv broke into lines is one line."""
    assert one(make([Item("2611.00001", title="A Title\n  in Two Lines")], DAY)).paper.title == "A Title in Two Lines"


@both_forms
def test_no_abstract(make: Callable[..., bytes]) -> None:
    """A paper may have no abstract, and is no fault."""
    assert one(make([Item("2611.00001", abstract="")], DAY)).paper.abstract == ""


@every_form
@pytest.mark.parametrize("encoding", ["iso-8859-1", "windows-1252", "utf-16", "nonsense"])
def test_encodings_that_are_not_so(make: Callable[..., bytes], encoding: str) -> None:
    """What is UTF-8 is read as UTF-8, whatever the document says of itself."""
    body = make([Item("2611.00001", title="caf\u00e9 \u65e5\u672c")], DAY)

    assert one(re.sub(rb"UTF-8", encoding.encode(), body, count=1)).paper.title == "caf\u00e9 \u65e5\u672c"


# -- dates -------------------------------------------------------------------------------------------------------------


@both_forms
@pytest.mark.parametrize("day", [date(2026, 7, 1), date(2026, 11, 2), date(2026, 3, 9), date(2026, 12, 31)])
def test_the_date(make: Callable[..., bytes], day: date) -> None:
    """The date is that of midnight in Ithaca, in summer, in winter and beside the changes of the clock."""
    assert feed.parse(make(numbered(1), day)).date == day


@both_forms
@pytest.mark.parametrize(
    ("built", "day"),
    [
        (datetime(2026, 11, 21, 4, 59, tzinfo=UTC), date(2026, 11, 20)),
        (datetime(2026, 11, 21, 5, 1, tzinfo=UTC), date(2026, 11, 21)),
        (datetime(2026, 7, 4, 3, 59, tzinfo=UTC), date(2026, 7, 3)),
        (datetime(2026, 7, 4, 4, 1, tzinfo=UTC), date(2026, 7, 4)),
    ],
)
def test_the_date_of_an_empty_feed(make: Callable[..., bytes], built: datetime, day: date) -> None:
    """A feed without entries has a date, which changes at midnight in Ithaca."""
    read = feed.parse(make([], day, built=built))

    assert (read.date, read.entries, read.built) == (day, (), built)


@pytest.mark.parametrize(
    ("at", "day"),
    [("20:30:00-05:00", 24), ("20:00:00-04:00", 24), ("19:59:00-05:00", 23), ("00:00:00-05:00", 23)],
)
def test_the_date_of_the_old_form(at: str, day: int) -> None:
    """RDF states the evening on which it was announced, in the same zone all year; arXiv prints the day after."""
    assert feed.parse(rss.rdf(numbered(1), date(2018, 5, 24), at=at)).date == date(2018, 5, day)


def test_two_dates() -> None:
    """A feed that states two dates is between two announcements: come back later."""
    with pytest.raises(IncompleteError, match=r"2026-11-19, 2026-11-20"):
        feed.parse(rss.rss(numbered(2), DAY, dated=date(2026, 11, 19)))


def test_no_date() -> None:
    """A feed without any date is none."""
    body = re.sub(rb"<(?:pubDate|lastBuildDate)>.*?</\w+>", b"", rss.rss(numbered(2), DAY))

    with pytest.raises(LayoutError, match="does not state a date"):
        feed.parse(body)


@pytest.mark.parametrize(
    "stated", ["9999-12-31T20:30:00Z", "9999-12-31T20:30:00-05:00", "0001-01-01T00:00:00+05:00", "2018-05-24T25:00:00Z", ""]
)
def test_dates_that_cannot_be(stated: str) -> None:
    """A date at the end of time, or outside of it, is none."""
    body = re.sub(rb"<dc:date>.*?<", f"<dc:date>{stated}<".encode(), rss.rdf(numbered(2), DAY))

    with pytest.raises(LayoutError, match="does not state a date"):
        feed.parse(body)


def test_dates_that_are_none() -> None:
    """What is no date counts as if it lacked."""
    body = rss.rss(numbered(2), DAY)

    assert feed.parse(re.sub(rb"<lastBuildDate>.*?<", b"<lastBuildDate>soon<", body)).built == datetime(2026, 11, 20, 5, tzinfo=UTC)
    with pytest.raises(LayoutError, match="does not state a date"):
        feed.parse(re.sub(rb"<(pubDate|lastBuildDate)>.*?<", rb"<\1>Mon, 99 Foo 9999 00:00:00 +9999<", body))


# -- faults ------------------------------------------------------------------------------------------------------------


FAULTS = [
    (rb"<title>A Title</title>", b"", "it has no title"),
    (rb"<title>A Title</title>", "<title>\u200b</title>".encode(), "it has no title"),
    (rb"<description>arXiv.*?</description>|<summary>.*?</summary>", b"", "it has no description"),
    (rb"<dc:creator>.*?</dc:creator>", b"", "it has no creator"),
    (rb"<category>.*?</category>|<category term=.*?/>", b"", "it has no category"),
    (rb"<arxiv:announce_type>.*?</arxiv:announce_type>", b"", "it has no announce_type"),
    (rb"(?<=announce_type>)new", b"withdrawn", "its announce_type is unknown: 'withdrawn'"),
    (rb"oai:arXiv.org:2611.00001v1", b"oai:arXiv.org:none", "it has no identifier, but 'oai:arXiv.org:none'"),
    (rb"<guid.*?</guid>|<id>oai:.*?</id>", b"", "it has no identifier"),
]  # fmt: skip


@both_forms
@pytest.mark.parametrize(("found", "put", "fault"), FAULTS, ids=[fault for _, _, fault in FAULTS])
def test_an_entry_that_lacks_something(make: Callable[..., bytes], found: bytes, put: bytes, fault: str) -> None:
    """One entry that cannot be read is left out and named, and the others are there."""
    body = re.sub(found, put, make(numbered(25), DAY), count=1, flags=re.DOTALL)
    read = feed.parse(body)

    assert [entry.paper.id for entry in read.entries] == [item.id for item in numbered(25)[1:]]
    ((identifier, said),) = read.faults
    # Without a guid, feedparser puts the link of an Atom entry in its place.
    assert (identifier, said.partition(", but 'http")[0]) == ("2611.00001", fault)
    assert read.rows == 25


@pytest.mark.parametrize(
    ("found", "put", "fault"),
    [
        (rb"<title>A Title. \(.*?</title>", b"<title>A Title</title>", "its title does not end as arXiv's do"),
        (rb"v1 \[cs.CV\]", b"v1 [cs.CV] WITHDRAWN", "its kind is unknown: 'WITHDRAWN'"),
        (rb"\(arXiv:2611.00001", b"(arXiv:2611.00002", "its title does not end as arXiv's do"),
        (rb"A Title. \(", b"(", "it has no title"),
        (rb"<dc:creator>.*?</dc:creator>", b"", "it has no creator"),
    ],
)
def test_an_old_entry_that_lacks_something(found: bytes, put: bytes, fault: str) -> None:
    """It is the same with RDF."""
    read = feed.parse(re.sub(found, put, rss.rdf(numbered(25), DAY), count=1, flags=re.DOTALL))

    assert (len(read.entries), read.faults) == (24, (("2611.00001", fault),))


def test_an_entry_about_nothing() -> None:
    """An entry that names no paper anywhere is named by a question mark."""
    body = rss.rss(numbered(25), DAY)
    lost = re.sub(rb"<link>https://arxiv.org/abs/2611.00007</link>", b"", body).replace(b"oai:arXiv.org:2611.00007v1", b"?")

    assert feed.parse(lost).faults == (("?", "it has no identifier, but '?'"),)


@every_form
@pytest.mark.parametrize(("count", "bad", "read"), [(20, 1, True), (40, 2, True), (39, 2, False), (19, 1, False), (1, 1, False)])
def test_too_many_faults(make: Callable[..., bytes], count: int, bad: int, *, read: bool) -> None:
    """If more than one in twenty entries cannot be read, the feed is refused, with some of them named."""
    body = re.sub(rb"<dc:creator>.*?</dc:creator>", b"", make(numbered(count), DAY), count=bad)

    if read:
        assert len(feed.parse(body).entries) == count - bad
    else:
        with pytest.raises(LayoutError, match=rf"{bad} of the feed's {count} entries cannot be read \(2611.00001: it has no creator"):
            feed.parse(body)


def test_many_faults_are_not_all_named() -> None:
    """The message stays short."""
    with pytest.raises(LayoutError, match=r"2611.00003: it has no creator; \.\.\.\)") as caught:
        feed.parse(re.sub(rb"<dc:creator>.*?</dc:creator>", b"", rss.rss(numbered(300), DAY)))

    assert len(str(caught.value)) < 200


@both_forms
def test_doubles(make: Callable[..., bytes]) -> None:
    """A paper stands once for each kind, and the first of two is the one."""
    items = [Item("2611.00001", title="First"), Item("2611.00001", title="Second"), Item("2611.00001", kind="replaced", version=2)]
    read = feed.parse(make(items, DAY))

    assert [(entry.paper.title, entry.kind) for entry in read.entries] == [("First", Kind.NEW), ("A Title", Kind.REPLACED)]
    assert (read.rows, read.faults) == (3, ())


@pytest.mark.slow
def test_a_full_feed() -> None:
    """A feed that holds as many entries as arXiv gives at most says so: there may be more."""
    assert [feed.parse(rss.rss(numbered(count), DAY)).full for count in (10, 2000)] == [False, True]


@both_forms
def test_seen_from_a_category(make: Callable[..., bytes]) -> None:
    """A feed of several categories, or of an archive, is seen from one of them: its papers, in the kinds that they have there."""
    items = [
        Item("2611.00001", categories=("cs.CV", "cs.CL")),
        Item("2611.00002", categories=("cs.CL", "cs.CV")),
        Item("2611.00003", categories=("cs.CL",)),
        Item("2611.00004", kind="cross", categories=("math.OC", "cs.CV")),
        Item("2610.00005", kind="replaced", categories=("cs.CL", "cs.CV")),
    ]
    seen = [("2611.00001", Kind.NEW), ("2611.00002", Kind.CROSS), ("2611.00004", Kind.CROSS), ("2610.00005", Kind.REPLACED_CROSS)]
    for codes in (("cs.CL", "cs.CV"), ("cs",)):
        read = feed.read_as(make(items, DAY, codes=codes), "cs.CV")
        assert [(entry.paper.id, entry.kind) for entry in read.entries] == seen

    own = feed.parse(make(items, DAY, codes=("cs",)))
    assert feed.read_as(make(items, DAY, codes=("cs",)), "cs").entries == own.entries


@pytest.mark.parametrize("category", ["cs.CV", "cs", "cs.CL+cs.CV"])
def test_the_feed_of_another_category(category: str) -> None:
    """It is not seen from this one, nor is that of a part taken for the whole."""
    with pytest.raises(LayoutError, match=r"the feed is that of cs\.CL, not of cs"):
        feed.read_as(rss.rss(numbered(2), DAY, codes=("cs.CL",)), category)


def test_two_names_of_one_category() -> None:
    """The feed of math.MP is that of math-ph."""
    items = [Item("2611.00001", categories=("math-ph", "math.MP"))]

    assert [entry.kind for entry in feed.read_as(rss.rss(items, DAY, codes=("math-ph",)), "math.MP").entries] == [Kind.NEW]


# -- what is none ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["rss", "atom"])
def test_an_error(kind: str) -> None:
    """An error comes with arXiv's own reason."""
    with pytest.raises(QueryError, match="Bad subject class 'XX' <of> many"):
        feed.parse(rss.error("Bad subject class 'XX' <of> many", kind=kind))


WHOLE = rss.rss(numbered(2), DAY)
OTHER = WHOLE.replace(b"cs.CV updates on arXiv.org", b"News of the World")
BOMB = b"<!DOCTYPE rss [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;&b;&b;&b;'>]>"
OUTSIDE = b"<!DOCTYPE rss [<!ENTITY a SYSTEM 'file:///etc/hostname'>]>"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (WHOLE[: len(WHOLE) // 2], IncompleteError),
        (WHOLE[:-9], IncompleteError),
        (WHOLE.partition(b"    <item>")[0], IncompleteError),
        (b"", IncompleteError),
        (b"Status: GOOD Version: 1.1", LayoutError),
        (b"No archive specified. Archives are: <a href='https://example.org/'>here</a>.", LayoutError),
        (b"<!doctype html><html><title>cs.CV updates on arXiv.org</title></html>", LayoutError),
        (OTHER, LayoutError),
        (WHOLE.replace(b"<title>cs.CV updates", b"<title>All my updates"), LayoutError),
        (WHOLE.replace(b"<title>cs.CV updates on arXiv.org</title>", b"", 1), LayoutError),
        (WHOLE.replace(b"<item>", b"<item><unclosed>", 1), LayoutError),
        (WHOLE.replace(b"An abstract", b"\xff abstract"), LayoutError),
        (WHOLE.decode().encode("utf-16"), LayoutError),
        (WHOLE.replace(b"<rss", BOMB + b"<rss", 1).replace(b"A Title", b"&c;"), LayoutError),
        (WHOLE.replace(b"<rss", OUTSIDE + b"<rss", 1).replace(b"A Title", b"&a;"), LayoutError),
        (WHOLE.replace(b"A Title", b"&undefined;"), LayoutError),
        (WHOLE.replace(b"A Title", b"<b>" * 200_000 + b"</b>" * 200_000), LayoutError),
    ],
    ids=[
        "half", "last tag", "head only", "empty", "status", "help", "HTML", "another site", "no codes", "no title", "tags", "not UTF-8",
        "UTF-16", "entities that explode", "an entity from outside", "an entity that is none", "deep",
    ],
)  # fmt: skip
def test_what_is_no_feed(body: bytes, error: type[SourceError]) -> None:
    """What is cut, or is no feed of arXiv's, is an error of its kind and never a short day."""
    with pytest.raises(error):
        feed.parse(body)


@every_form
def test_every_cut_is_noticed(make: Callable[..., bytes]) -> None:
    """Wherever a feed ends too early, nothing comes out of it, and it is to be asked for again."""
    whole = make(numbered(2), DAY).rstrip()

    for end in range(0, len(whole), 3):
        with pytest.raises(SourceError):
            feed.parse(whole[:end])
    assert len(feed.parse(whole).entries) == 2


@pytest.mark.slow
@pytest.mark.parametrize("make", FORMS.values(), ids=FORMS)
def test_damaged_feeds(make: Callable[..., bytes]) -> None:
    """Whatever is wrong with a feed, it is read or refused with an error of the project's own, and of every kind there is some."""
    items = [
        Item("2611.00001", doi="10.1000/x", journal_ref="J. 1"),
        Item("2611.00002", kind="replaced", version=2, abstract="a <b\nc & d"),
    ]
    bodies = (make(items, DAY), rss.error("no such feed"))
    found = Counter[str]()
    for number in range(400):
        try:
            found[feed.parse(mutated(bodies, number)).form] += 1
        except SourceError as exc:
            found[type(exc).__name__] += 1

    assert set(found) >= {make.__name__, "LayoutError", "QueryError", "IncompleteError"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("-" * 20_000, "longer words"),
        ("<b/>".join(["-" * 1000] * 20), "longer words"),
        ("<!-- x -->".join(["&#45;" * 1000] * 20), "longer words"),
        (" ".join(["a@b." * 300] * 200), "longer words"),
        ("\n" * 500_000, "more than 500000 pieces"),
        ("&#10;" * 500_000, "more than 500000 pieces"),
        ("<b/>" * 500_000, "more than 500000 pieces"),
    ],
    ids=["a long word", "in elements", "in references", "many long words", "lines", "references", "elements"],
)
def test_what_would_take_minutes(text: str, said: str) -> None:
    """What feedparser would spend minutes on is refused before it sees it: it takes the square of the length of a word."""
    body = WHOLE.replace(b"<dc:creator>", b"<dc:creator>" + text.encode(), 1)

    with pytest.raises(LayoutError, match=said):
        feed.parse(body)


def test_long_words_that_may_be() -> None:
    """A word of some thousand letters, which nobody else would write either, is no reason to refuse a feed."""
    assert "x" * 5000 in one(rss.rss([Item("2611.00001", abstract="x" * 5000, title="-" * 5000)], DAY)).paper.abstract


def test_what_feedparser_stumbles_over() -> None:
    """An entry within a category is a KeyError inside of feedparser, and here a layout that is not known."""
    body = WHOLE.replace(b"<category>cs.CV", b"<category><item>x</item>cs.CV", 1)

    with pytest.raises(LayoutError, match=r"feedparser cannot read \(KeyError\)"):
        feed.parse(body)


# -- arXiv's own feeds -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["rss", "atom"])
def test_a_feed_is_the_listing_page(form: str) -> None:
    """For a real date, a feed says what the listing page says, in the same order.

    But for the comments, which no feed has, and for links without ``http://``, which only the page completes.
    """
    read = feed.parse(recorded(f"nov2026/feed_{form}_cs.CV.xml"))
    page = listing.parse(recorded("nov2026/html_list_list_cs.CV_new.html"))
    listed = [entry for section in page.sections for entry in section.entries]

    assert (read.date, read.form, len(read.entries)) == (page.date, form, 140)
    assert any(entry.paper.comments for entry in listed)
    assert [known(entry) for entry in read.entries] == [known(entry) for entry in listed]
    assert {entry.paper.licence[:4] for entry in read.entries} == {"http"}


def known(entry: Entry) -> Entry:
    """Return what both a feed and a listing page know of an entry."""
    abstract = re.sub(r"https?://(?=[\w.]+)", "", entry.paper.abstract)
    return replace(entry, paper=replace(entry.paper, abstract=abstract, comments="", version=None, licence="", doi=""))


def test_joined_feeds_and_archives() -> None:
    """Several categories in one feed are de-duplicated by arXiv, and what is new is so from their common point of view."""
    alone, joined, archive = (feed.parse(recorded(f"nov2026/feed_{name}.xml")) for name in ("atom_cs.CV", "atom_cs.CL_cs.CV", "rss_cs"))
    ids = {entry.paper.id for entry in alone.entries}

    assert (joined.categories, archive.categories) == (("cs.CL", "cs.CV"), ("cs",))
    assert {entry.paper.id for entry in joined.entries} == {entry.paper.id for entry in archive.entries} == ids
    counts = [Counter(entry.kind for entry in read.entries) for read in (alone, joined, archive)]
    assert [count[Kind.NEW] for count in counts] == [94, 97, 104]
    assert [count[Kind.CROSS] for count in counts] == [10, 7, 0]


CLOCK = {
    "": (date(2026, 11, 21), 0),
    "076_": (date(2026, 11, 22), 0),
    "078_": (date(2026, 11, 16), 0),
    "080_": (date(2026, 11, 19), 0),
    "082_": (date(2026, 11, 20), 140),
}


@pytest.mark.parametrize("name", CLOCK, ids=["Saturday", "Sunday", "no announcement", "before midnight", "after midnight"])
def test_the_clock(name: str) -> None:
    """Feeds of a Saturday, a Sunday, a weekday without an announcement, and one minute before and after midnight in Ithaca.

    In the recordings, arXiv's program was shown another date than its server's clock, which an Atom feed without entries
    states; so only whether those are empty is compared.
    """
    day, count = CLOCK[name]
    read = feed.parse(recorded(f"feed-clock/{name}feed_clock_rss_cs.CV.xml"))
    beside = f"{int(name[:3]) + 1:03}_" if name else ""
    other = feed.parse(recorded(f"feed-clock/{beside}feed_clock_atom_cs.CV.xml"))

    assert (read.date, len(read.entries)) == (day, count)
    assert other.entries == read.entries
    assert other.date == (day if count else other.built.astimezone(rss.ITHACA).date())


@pytest.mark.parametrize("form", ["rss", "atom"])
def test_the_seed(form: str) -> None:
    """The feeds of 2 April 2020 have the 64 papers of the listing of that date, which are put into the same order."""
    read = feed.parse(recorded(f"seed-2020-04-02/feed_seed_{form}_cs.CV.xml"))
    recent = listing.parse(recorded("seed-2020-04-02/html_seed_list_cs.CV_recent_show=100.html"))
    (section,) = [section for section in recent.sections if section.date == date(2020, 4, 2)]
    announcement = Announcement("cs.CV", read.date, read.entries, Provenance("feed"))

    assert read.date == date(2020, 4, 2)
    assert len(read.entries) == 64
    assert [entry.paper.id for entry in chosen(announcement, frozenset(Kind))] == [entry.paper.id for entry in section.entries]
    ids = [[entry.paper.id for entry in read.entries if entry.kind is kind] for kind in (Kind.NEW, Kind.CROSS)]
    assert [len(some) for some in ids] == [59, 5]
    assert ids == [sorted(some) for some in ids]
