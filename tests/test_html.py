"""The pages of a site: their bytes, their shape, where their links lead, and that nothing an author writes changes them."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import pytest

from digest.catalogue.taxonomy import Subtopic, Taxonomy, Topic
from digest.core import site
from digest.core.domain import Announcement, Check, Classification, Entry, Kind, ModelInfo, Paper, Provenance, Shelf, State
from digest.core.edition import Edition, chosen, compose
from digest.core.query import Snippet
from digest.core.site import Frame, Listing, Reason, Related, Results, Standing, month_of
from digest.core.text import plain
from digest.render.html import Pages, licence, text
from digest.render.markdown import THANKS
from digest.render.mathml import mathml
from digest.resources import folder

GOLDEN = Path(__file__).resolve().parent / "golden" / "html"
TAXONOMY = Taxonomy(
    (
        Topic("detection", "Object detection", "Detection", (Subtopic("2d", "2D & open"), Subtopic("lanes", "lanes")), by_subtopic=True),
        Topic("depth", "Depth, stereo / RGB-D (3D)", "Depth", (Subtopic("stereo", "stereo"), Subtopic("depth", "depth maps"))),
        Topic("tracking", "Tracking", "Tracking", (Subtopic("tracking", "tracking"),)),
    )
)
FRAME = Frame("A digest", "cs.CV", TAXONOMY, days=(date(2026, 11, 20), date(2026, 11, 18)))
MODEL = ModelInfo("test-model", "0123456789abcdef" * 4)
DAY = date(2026, 11, 20)
PAGES = Pages(folder("templates"))
CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'"
)


def paper(number: int, title: str, abstract: str = "An abstract.", **fields: object) -> Paper:
    """Return an invented paper."""
    known = {"authors": ("Ada Example", "Bo Exemplar"), "categories": ("cs.CV",), "version": 1}
    return Paper(f"2611.{number:05}", title, abstract, **{**known, **fields})  # type: ignore[arg-type]


def shelves(*given: tuple[str, str, float], unsure: bool = False) -> Classification:
    """Return an opinion."""
    return Classification(tuple(Shelf(*one) for one in given), unsure)


def typical() -> list[tuple[Entry, Classification]]:
    """Return papers of all kinds."""
    return [
        (
            Entry(
                paper(
                    1,
                    "Doors in $\\mathbb{R}^3$",
                    "We open doors at 30 % less cost. The code is at https://github.com/example/doors.\nA second paragraph.",
                    comments="Accepted at ECCV 2026",
                    submitted=datetime(2026, 11, 18, 9, 5, tzinfo=UTC),
                    doi="10.1000/1<2",
                    licence="https://licence.example/by/4.0/",
                ),
                Kind.NEW,
            ),
            shelves(("detection", "2d", 0.91), ("depth", "stereo", 0.2)),
        ),
        (Entry(paper(2, "Lanes", "Lanes of \\textbf{every} kind."), Kind.NEW), shelves(("detection", "lanes", 0.7))),
        (
            Entry(paper(3, "Deep & Deeper", categories=("cs.RO", "cs.CV"), authors=tuple(f"A. Uthor {n}" for n in range(40))), Kind.CROSS),
            shelves(("depth", "depth", 0.8)),
        ),
        (Entry(paper(4, "A Guess", "", pending=True), Kind.NEW), shelves(("tracking", "tracking", 0.21), unsure=True)),
        (Entry(replace(paper(5, "An Old One"), id="cs/0703101"), Kind.REPLACED), shelves(("tracking", "tracking", 0.66))),
        (Entry(paper(6, "Mended", "$\\unreadable{x}$ stays."), Kind.NEW), shelves(("depth", "stereo", 0.5))),
    ]


def edition(papers: list[tuple[Entry, Classification]] | None = None, **changes: object) -> Edition:
    """Return the edition of some papers."""
    opinions = {entry.paper.id: opinion for entry, opinion in papers or typical()}
    announcement = Announcement(
        "cs.CV",
        DAY,
        tuple(entry for entry, _ in papers or typical()),
        Provenance("listing", ("https://arxiv.example/list/cs.CV/new",), ("ab" * 32,)),
        checks=(Check("feed", agrees=False, says="The feed has one paper more"),),
    )
    entries = chosen(announcement, frozenset(Kind))
    made = compose(
        announcement,
        entries,
        [opinions[one.paper.id] for one in entries],
        TAXONOMY,
        model=MODEL,
        corrections={"2611.00006": ("detection", "")},
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def single(identifier: str, made: Edition | None = None) -> str:
    """Return the page of one paper."""
    made = made or edition()
    item = next(one for one in made.items if one.entry.paper.id == identifier)
    related = (Related("2401.00001", "Related to $x$", "depth", "stereo", 0.61), Related("", "Nameless", "tracking", "tracking", 0.3))
    reason = Reason((("open doors", 0.4), ("doors", 0.25)), Shelf("depth", "stereo", 0.2), related)
    listings = (Listing(DAY, item.entry.kind), Listing(date(2026, 11, 18), Kind.NEW))
    return PAGES.paper(FRAME, site.PaperPage(item, made, listings, reason, "@misc{x,\n  title = {A <Title>}\n}", "- [A](b)"))


def topic(sub: Subtopic | None = None, *, index: bool = True) -> str:
    """Return the page of a topic."""
    items = tuple(one for one in edition().items if one.place and one.place[0] == "detection" and (not sub or one.place[1] == sub.slug))
    page = site.TopicPage(TAXONOMY.topics[0], sub, "2026-11", ("2026-11", "2026-10"), ((DAY, items),), index)
    return PAGES.topic(FRAME, page)


def calendar() -> str:
    """Return the page of all dates."""
    standings = (
        Standing(date(2026, 11, 21), State.WAITING, "", 0),
        Standing(DAY, State.PUBLISHED, "", 6),
        Standing(date(2026, 11, 19), State.FAILED, 'arXiv did not <answer> "at all"', 0),
        Standing(date(2026, 11, 18), State.NONE, "there was no announcement", 0),
        Standing(date(2025, 12, 31), State.PUBLISHED, "", 1),
    )
    return PAGES.calendar(FRAME, site.CalendarPage(standings))


def found() -> str:
    """Return what a server of ours answers to a search."""
    hit = site.Hit(edition().items[0].entry.paper, DAY, "detection", "2d", Snippet("open <doors> at", ((5, 12),), before=True, after=False))
    results = Results("doors & <more>", "detection", "2026-11-01", "", (hit,), 45, 20, 2, more=True)
    return PAGES.search(replace(FRAME, served=True), site.SearchPage(()), results)


FIGURE = {"papers": 225, "value": 0.8667, "interval": [0.816, 0.905], "goal": 0.88, "reached": False}
CARD = {"figures": {"daily_topic_accuracy": FIGURE, "calibration_error": {**FIGURE, "value": 0.062, "interval": None, "goal": 0.03}}}
LINKS = (site.FeedLink("The digest", "digest", "feeds/digest"), site.FeedLink("Lanes", "detection", "feeds/topics/detection/lanes"))
EMPTY = site.TopicPage(TAXONOMY.topics[2], None, "", (), (), index=True)


@cache
def made() -> Mapping[str, tuple[str, str]]:
    """Return path and text of each page of a small site, by a name of ours."""
    day = site.DayPage(edition(), date(2026, 11, 18), None)
    changed = edition(
        number=2, changes=("1 paper came in: 2611.00001",), reconstructed=True, unknown=("Which were replaced is not known.",)
    )
    return {
        "day": (site.day_path(DAY), PAGES.day(FRAME, day)),
        "index": (site.INDEX, PAGES.day(replace(FRAME, url="https://digest.example/"), replace(day, newest=True))),
        "second": (site.day_path(DAY), PAGES.day(replace(FRAME, sample=True), replace(day, edition=replace(changed, sample=True)))),
        "classic": (site.day_path(DAY), PAGES.day(FRAME, replace(day, edition=classic()))),
        "nothing": (site.day_path(DAY), PAGES.day(FRAME, replace(day, edition=edition(sections=())))),
        "paper": (site.paper_path("2611.00001"), single("2611.00001")),
        "old-paper": (site.paper_path("cs/0703101"), single("cs/0703101")),
        "corrected": (site.paper_path("2611.00006"), single("2611.00006")),
        "topic": (site.topic_path("detection"), topic()),
        "subtopic": (site.topic_path("detection", "lanes", "2026-11"), topic(TAXONOMY.topics[0].subtopics[1], index=False)),
        "empty-topic": (site.topic_path("tracking"), PAGES.topic(FRAME, EMPTY)),
        "calendar": (site.CALENDAR, calendar()),
        "search": (site.SEARCH, PAGES.search(FRAME, site.SearchPage((("2026-11", 6), ("2026-10", 1))))),
        "found": (site.SEARCH, found()),
        "about": (site.ABOUT, PAGES.about(FRAME, site.AboutPage(CARD, "test-model", MODEL.sha256))),
        "feeds": (site.FEEDS, PAGES.feeds(FRAME, LINKS)),
        "404": (site.NOT_FOUND, PAGES.not_found(FRAME)),
    }


def classic(papers: list[tuple[Entry, Classification]] | None = None) -> Edition:
    """Return an edition without topics, made without a model."""
    announcement = Announcement("cs.CV", DAY, tuple(entry for entry, _ in papers or typical()), Provenance("feed"))
    return compose(announcement, chosen(announcement, frozenset(Kind)), None, TAXONOMY, layout="classic")


NAMES = (
    "day", "index", "second", "classic", "nothing", "paper", "old-paper", "corrected", "topic", "subtopic", "empty-topic", "calendar",
    "search", "found", "about", "feeds", "404",
)  # fmt: skip


class Elements(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    VOID = frozenset({"meta", "link", "input", "br", "hr", "img"})

    def __init__(self, page: str) -> None:
        """Read a page."""
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.crossed: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.crossed.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        """Return the attributes of each element of a kind."""
        return [attributes for name, attributes in self.found if name == tag]

    @property
    def text(self) -> str:
        """All text, with single spaces."""
        return " ".join(" ".join(self.texts).split())


@pytest.mark.parametrize("name", ["day", "second", "paper", "corrected", "topic", "calendar", "search", "found", "about", "feeds", "404"])
def test_the_page_is_the_golden_one(name: str, *, update_golden: bool) -> None:
    """Every letter of the pages is as it was read and agreed; ``--update-golden`` writes them anew."""
    path, page = GOLDEN / f"{name}.html", made()[name][1]
    if update_golden:
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(page, "utf-8", newline="\n")

    assert page == path.read_text("utf-8")


def test_every_page_is_looked_at() -> None:
    """The names that the tests go through are those of all pages."""
    assert set(NAMES) == set(made())


@pytest.mark.parametrize("name", NAMES)
def test_every_page_has_what_a_page_needs(name: str) -> None:
    """Policy, language, title, one heading of the first order, landmarks, a link past the navigation, and thanks to arXiv."""
    page = made()[name][1]
    seen = Elements(page)
    metas = {one.get("http-equiv") or one.get("name") or "charset": one.get("content") for one in seen.all("meta")}

    assert page.startswith("<!DOCTYPE html>\n")
    assert page.endswith("</html>\n")
    assert seen.crossed == []
    assert seen.open == []
    assert metas["Content-Security-Policy"] == CSP
    assert metas["referrer"] == "no-referrer"
    assert seen.all("html") == [{"lang": "en"}]
    assert len(seen.all("title")) == len(seen.all("h1")) == len(seen.all("main")) == len(seen.all("header")) == len(seen.all("footer")) == 1
    assert {"href": "#main", "class": "skip"} in seen.all("a")
    assert THANKS in seen.text
    assert "not affiliated with arXiv" in seen.text


@pytest.mark.parametrize("name", NAMES)
def test_no_page_has_a_script_or_a_style_of_its_own(name: str) -> None:
    """What the policy forbids is not there either, and nothing is loaded from another host."""
    seen = Elements(made()[name][1])

    assert [one for one in seen.all("script") if not one.get("src")] == seen.all("style") == []
    assert [names for _, names in seen.found if "style" in names or any(one.startswith("on") for one in names)] == []
    for loaded in [*(one["src"] for one in seen.all("script")), *(one["href"] for one in seen.all("link") if one["rel"] == "stylesheet")]:
        assert not urlsplit(loaded).netloc
    assert seen.all("img") == seen.all("iframe") == []
    for one in seen.all("a"):
        parts = urlsplit(one["href"])
        assert parts.scheme in {"", "http", "https"}
        assert not parts.scheme or one.get("rel") == "noreferrer"


@pytest.mark.parametrize("name", NAMES)
def test_no_anchor_stands_twice_and_each_that_is_led_to_is_there(name: str) -> None:
    """Ids are unique; links within a page and labels find theirs."""
    seen = Elements(made()[name][1])
    ids = [attributes["id"] for _, attributes in seen.found if "id" in attributes]
    led = [one["href"][1:] for one in seen.all("a") if one["href"].startswith("#")]

    assert [one for one, times in Counter(ids).items() if times > 1] == []
    assert set(led) <= set(ids)
    assert {attributes["aria-labelledby"] for _, attributes in seen.found if "aria-labelledby" in attributes} <= set(ids)


DATES, MONTHS = (date(2026, 11, 20), date(2026, 11, 18), date(2025, 12, 31)), ("2026-11", "2026-10")


def paths() -> Iterator[str]:
    """Yield every path that a page of the small site may lead to."""
    yield from (
        site.INDEX,
        site.CALENDAR,
        site.SEARCH,
        site.ABOUT,
        site.FEEDS,
        site.STYLE,
        site.THEME,
        site.SCRIPT,
        site.SEARCHING,
        "search",
    )
    yield from map(site.day_path, DATES)
    yield from (site.paper_path(entry.paper.id) for entry, _ in typical())
    for one in TAXONOMY.topics:
        for sub in ("", *(part.slug for part in one.subtopics)):
            yield from (site.topic_path(one.slug, sub, month) for month in ("", *MONTHS))
    feeds = ("feeds/digest", "feeds/papers", *(f"feeds/topics/{'/'.join(one)}" for one in TAXONOMY.shelves()))
    feeds += tuple(f"feeds/topics/{one.slug}" for one in TAXONOMY.topics)
    yield from (f"{feed}{ending}" for feed in feeds for ending in (".atom.xml", ".rss.xml", ".json"))


@pytest.mark.parametrize("name", NAMES)
def test_every_link_inside_leads_to_a_path_of_the_site(name: str) -> None:
    """Addresses are relative to the page, wherever it lies, and name what `digest.core.site` names."""
    path, page = made()[name]
    seen, known = Elements(page), set(paths())
    addresses = [one.get("href") or one.get("src") or "" for tag in ("a", "link", "script") for one in seen.all(tag)]
    inside = [urlsplit(one) for one in addresses if not urlsplit(one).scheme and not one.startswith("#")]

    assert inside
    for one in inside:
        if name == "404":
            assert one.path.startswith("/")
            found = one.path.removeprefix("/")
        else:
            parts = list(PurePosixPath(path).parent.parts)
            for part in PurePosixPath(unquote(one.path)).parts:
                parts = parts[:-1] if part == ".." else [*parts, part]
            found = "/".join(parts)
        assert found in known


def test_the_first_page_names_the_page_that_stays() -> None:
    """The newest edition stands at two addresses, and says which of them it will keep."""
    seen = Elements(made()["index"][1])

    assert {"rel": "canonical", "href": "https://digest.example/days/2026-11-20.html"} in seen.all("link")
    assert [one["href"] for one in seen.all("a") if one.get("aria-current")] == ["index.html"]


def test_a_day_holds_to_what_the_script_expects() -> None:
    """Each paper carries its facts as attributes; filters and tools are hidden until there is a script."""
    seen = Elements(made()["day"][1])
    papers = {one["data-id"]: one for one in seen.all("article")}

    assert list(papers) == [one.entry.paper.id for one in edition().items]
    assert papers["2611.00001"] == {
        "class": "paper", "id": "p2611.00001", "data-id": "2611.00001", "data-topic": "detection", "data-subtopic": "2d",
        "data-kind": "new", "data-code": "yes",
    }  # fmt: skip
    assert papers["cs/0703101"]["id"] == "pcs-0703101"
    assert papers["cs/0703101"]["data-kind"] == "replaced"
    assert papers["2611.00004"]["data-topic"] == "unsure"
    assert [one["data-topic"] for one in seen.all("section") if "topic" in one.get("class", "")] == [
        "detection",
        "depth",
        "tracking",
        "unsure",
    ]
    assert all("hidden" in one for one in seen.all("form") if one.get("id") == "filters")
    assert all("hidden" in one for one in seen.all("p") if one.get("class") == "tools")
    assert [one["value"] for one in seen.all("option")][:5] == ["", "detection", "depth", "tracking", "unsure"]


def test_a_day_says_how_it_came_to_be() -> None:
    """Counts, notices, reasons, sources, checks, number and changes of an edition stand on its page."""
    said = Elements(made()["second"][1]).text

    for part in (
        "The sample holds 4 new, 1 cross-listed and 1 replaced papers", "This is a sample.", "This date is reconstructed.",
        "Which were replaced is not known.", "This is edition 2 of this date. 1 paper came in: 2611.00001.", "test-model",
        "0123456789abcdef", "https://arxiv.example/list/cs.CV/new", "abababababababab", "Disagreement: The feed has one paper more.",
        "no topic likely enough", "The abstract could not be had yet", "corrected from", "cross-listed", "cs.RO", "ECCV 2026", "29 more",
        "Lanes of every kind.",
    ):  # fmt: skip
        assert part in said
    assert "There was no model" in Elements(made()["classic"][1]).text or "No model was there" in Elements(made()["classic"][1]).text
    assert "None of them is of a kind that this page lists." in Elements(made()["nothing"][1]).text


def test_a_paper_says_why_it_stands_where_it_stands() -> None:
    """Probabilities, terms with their shares, the runner-up and related papers; the reader's word where there is one."""
    page = made()["paper"][1]
    said, corrected = Elements(page).text, Elements(made()["corrected"][1]).text

    for part in ("0.91", "open doors 0.40", "against the runner-up", "Related to", "0.61", "18 November 2026, 09:05 UTC", "10.1000/1<2"):
        assert part in said
    assert "The reader put it under" in corrected
    assert "title = {A &lt;Title&gt;}" in page
    assert "A. Uthor 39" in Elements(single("2611.00003")).text
    assert "more" not in Elements(single("2611.00003")).text.split("arXiv")[1].split("An abstract")[0]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://creativecommons.org/licenses/by/4.0/", "CC BY 4.0"),
        ("https://creativecommons.org/licenses/by-nc-nd/4.0/", "CC BY-NC-ND 4.0"),
        ("http://creativecommons.org/publicdomain/zero/1.0/", "CC0 1.0"),
        ("http://arxiv.org/licenses/nonexclusive-distrib/1.0/", "arXiv non-exclusive 1.0"),
        ("https://licence.example/by/4.0/", "https://licence.example/by/4.0/"),
        ("https://licence.example/creativecommons.org/licenses/by/4.0/", "https://licence.example/creativecommons.org/licenses/by/4.0/"),
    ],
)
def test_a_licence_has_a_name(url: str, name: str) -> None:
    """Those that arXiv offers are called by their names, and any other by its address."""
    assert licence(url) == name


@pytest.mark.parametrize("layout", ["topics", "classic"])
def test_an_abstract_without_end_does_not_fill_a_page(layout: str) -> None:
    """A list shows its beginning and leads to the rest, the page of the paper shows far more; neither shows millions of letters."""
    endless = [(Entry(paper(1, "Endless", "word " * 200_000), Kind.NEW), shelves(("depth", "stereo", 0.5)))]
    made = edition(endless) if layout == "topics" else classic(endless)
    day, own = PAGES.day(FRAME, site.DayPage(made, None, None)), single("2611.00001", made)

    assert 4_900 < day.count("word ") * len("word ") < 5_100
    assert '<p class="abstract">\u2026 <a href="../papers/2611/2611.00001.html">the rest</a></p>' in day
    assert 99_000 < own.count("word ") * len("word ") < 101_000
    assert "the rest" not in own


def test_dates_without_a_page_say_why() -> None:
    """A calendar has a link for each date that has a page, and words for each that has none."""
    page = calendar()
    said = Elements(page).text

    assert [one["href"] for one in Elements(page).all("a") if one["href"].startswith("days/")] == [
        "days/2026-11-20.html", "days/2025-12-31.html",
    ]  # fmt: skip
    for part in ("failed: arXiv did not <answer>", "waiting: nobody has asked so far", "none: there was no announcement", "November 2026"):
        assert part in said


def test_a_search_stays_as_it_was_typed() -> None:
    """The form of a server keeps the query, and its pages lead to each other; a site without a server says what it needs."""
    served, still = Elements(found()), Elements(made()["search"][1])

    assert next(one["value"] for one in served.all("input") if one["name"] == "q") == "doors & <more>"
    assert [one["href"] for one in served.all("a") if one.get("rel") in {"prev", "next"}] == [
        "search?q=doors+%26+%3Cmore%3E&topic=detection&from=2026-11-01",
        "search?q=doors+%26+%3Cmore%3E&topic=detection&from=2026-11-01&page=3",
    ]
    assert served.all("mark") == [{}]
    assert "45 papers were found." in served.text
    assert next(one for one in still.all("form"))["data-months"] == '["2026-11", "2026-10"]'
    assert "needs JavaScript" in still.text


HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)>\"'>",
    "</article></main><h1>Mine</h1>",
    "[x](javascript:alert(1)) <a href=javascript:alert(1)>",
    "{{ 7 * 7 }} {% include 'x' %} &lt;b&gt; &#x3c;i> ]]> -->",
    "$\\href{javascript:alert(1)}{<script>}$ $\\text{</math><img src=x>}$ $\\style{x}{y}$",
    'https://e.example/"onmouseover=x https://good.example@e.example/ javascript:alert(1)',
    "\u202eturned\u202c \x00\x0b\ud800 end",
)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_authors_write_adds_no_element(hostile: str) -> None:
    """A page of hostile papers has the elements of a harmless one, but for formulas, code and links to where they say."""

    def page(words: str) -> tuple[Elements, Elements]:
        words = plain(words)
        one = Paper("2611.00009", words, words, (words, words), (words,), words, words, 1, words, words)
        papers = [(Entry(one, Kind.CROSS), shelves((words, words, 0.5), ("detection", words, 0.2)))]
        hostile_edition = edition(papers, number=2, changes=(words,), unknown=(words,), checks=(Check("feed", agrees=False, says=words),))
        item = hostile_edition.items[0]
        reason = Reason(((words, 0.4),), Shelf(words, words, 0.2), (Related("", words, words, words, 0.1),))
        paper_page = site.PaperPage(item, hostile_edition, (Listing(DAY, Kind.CROSS),), reason, words, words)
        day = PAGES.day(replace(FRAME, title=words), site.DayPage(hostile_edition, None, None))
        return Elements(day), Elements(PAGES.paper(replace(FRAME, title=words), paper_page))

    ours = {"math", "mrow", "mi", "mo", "mn", "mtext", "code", "a", "bdi"}
    for bad, good in zip(page(hostile), page("Harmless words"), strict=True):
        assert [tag for tag, _ in bad.found if tag not in ours] == [tag for tag, _ in good.found if tag not in ours]
        assert bad.crossed == []
        assert all(urlsplit(one["href"]).scheme in {"", "https", "http"} and "@" not in one["href"] for one in bad.all("a"))
        assert {name for _, names in bad.found for name in names} <= {name for _, names in good.found for name in names} | {"tabindex"}


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (r"$\mathbb{R}^2$", "<math><msup><mi>\u211d</mi><mn>2</mn></msup></math>"),
        (r"$\frac{a}{b}$", "<math><mfrac><mi>a</mi><mi>b</mi></mfrac></math>"),
        (r"$\mathrm{mIoU}_{50}$", "<math><msub><mrow><mi>mIoU</mi></mrow><mn>50</mn></msub></math>"),
        (r"$\mathcal{L}\sim 10%$", "<math><mi>\u2112</mi><mo>\u223c</mo><mn>10</mn><mi>%</mi></math>"),
        (r"$a\not= b$", "<math><mi>a</mi><mo>\u2260</mo><mi>b</mi></math>"),
        (r"$\href{javascript:alert(1)}{x}$", "<math><mi>x</mi></math>"),
        (r"$\color{red}{x}$", "<math><mstyle><mi>x</mi></mstyle></math>"),
        (r"$\text{<script>&lt;&#x3c;}$", "<math><mtext>&lt;script&gt;&amp;lt;&lt;</mtext></math>"),
        (r"$$x$$", '<math display="block"><mi>x</mi></math>'),
    ],
)
def test_a_formula_is_mathml(formula: str, expected: str) -> None:
    """A formula is elements of mathematics and text, and letters of another kind are letters of their own."""
    assert mathml(formula) == expected


@pytest.mark.parametrize(
    "formula",
    [
        r"$\unreadable{x}$", r"$\frac{a}$", r"$a_$", r"$\hspace{999em}x$", r"$\rule{9em}{999em}$", r"$\def\x{\x\x}\x$",
        r"$\newcommand{\x}{y}\x$", r"$\unicode{x202e}$", r"$\cancel{x}$", "$" + "{" * 40 + "x" + "}" * 40 + "$",
        "$" + "x^{" * 40 + "x" + "}" * 40 + "$",
        "$" + "x" * 900 + "$", "$" + "xy" * 390 + "$", r"$\text{&#x202e;}$", r"$\text{&#xffffff;}$", "$ $",
    ],
)  # fmt: skip
def test_a_formula_that_cannot_be_shown_stays_as_it_is(formula: str) -> None:
    """What is unknown, defines something, takes much room or is very large is not made into anything."""
    assert mathml(formula) is None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("a < b & c", "a &lt; b &amp; c"),
        ("costs $5 and $6", "costs $5 and $6"),
        ("$12.5\\%$ and $-3$", "12.5% and \u22123"),
        ("$\\unreadable{<}$", '<code class="tex">$\\unreadable{&lt;}$</code>'),
        ("see https://e.example/a_b.", 'see <a href="https://e.example/a_b" rel="noreferrer">https://e.example/a_b</a>.'),
        ("\\emph{see \\textbf{it}}", "\\emph{see it}"),
        ("\\url{https://e.example/}", '<a href="https://e.example/" rel="noreferrer">https://e.example/</a>'),
        ("https://a.example@b.example/", "https://a.example@b.example/"),
        ("ftp://e.example/ javascript:x", "ftp://e.example/ javascript:x"),
    ],
)
def test_a_paragraph_is_text_with_formulas_and_links(words: str, expected: str) -> None:
    """Every letter is escaped; http addresses are links, and prices are no formulas."""
    assert text(words) == expected
    assert "<a " not in text(words, links=False)


def test_a_formula_stays_with_the_signs_that_touch_it() -> None:
    """No line ends in an opening bracket, or begins with a comma; words around it go where there is room."""
    x = "<math><mi>x</mi></math>"
    assert text("a $x$ (as $x$), $x$-ray") == f'a {x} (as <span class="joined">{x}),</span> <span class="joined">{x}-</span>ray'
    assert text("($x$ in") == f'<span class="joined">({x}</span> in'
    many = "([" * 100_000  # to try each of them as the first one would take an hour
    assert text(f"$x$ {many}") == f"{x} {many}"
    assert text("($" + "x+" * 30 + "x$)").startswith('(<span class="formula"')


def test_a_long_formula_scrolls_in_itself() -> None:
    """Who has no mouse reaches it by the keyboard."""
    assert text("$" + "x+" * 30 + "x$").startswith('<span class="formula" tabindex="0"><math>')


def test_the_style_loads_nothing() -> None:
    """The style sheet names no other file, and minds what the reader has set."""
    style = PAGES.asset(site.STYLE).decode()

    assert not re.search(r"url\(|@import|@font-face", style)
    for part in ("prefers-color-scheme: dark", 'data-theme="dark"', "prefers-reduced-motion", "@media print", ":focus-visible"):
        assert part in style


def test_a_page_of_a_month_is_named_by_it() -> None:
    """Pages of a topic tell their month, and which of the others is at hand."""
    seen = Elements(made()["subtopic"][1])

    assert [one["href"] for one in seen.all("a") if one.get("aria-current")] == ["../../../topics/detection/lanes/2026-11.html"]
    assert "1 paper in November 2026" in seen.text
    assert month_of(DAY) in made()["subtopic"][0]
