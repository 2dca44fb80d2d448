"""Whatever authors write stays text, wherever it is put out: the page of a hostile paper has the skeleton of a harmless one."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import zip_longest
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from pybtex.database import parse_string
from selectolax.lexbor import LexborHTMLParser, LexborNode

from digest import building, resources
from digest.archive import Held
from digest.commands import console, show
from digest.commands.search import _lines
from digest.core.domain import Check, Kind, ModelInfo, Paper
from digest.core.edition import Edition
from digest.core.query import Snippet
from digest.core.site import Reason, Related, paper_path
from digest.core.text import MATH, URL, plain, trim_url
from digest.publishing import publish
from digest.render import jsonfile
from digest.render.markdown import Renderer
from digest.settings import Settings
from digest.site import Site
from digest.store.search import Hit
from tests import browsing
from tests.browsing import shelved
from tests.renderers import see
from tests.test_markdown import skeleton as markdown_skeleton

DAY = date(2026, 11, 20)
CORPUS = (
    "<script>alert(1)</script>",
    "</title></textarea></style></script></pre></bdi><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)" x="',
    "' onfocus='alert(1)' autofocus='",
    "<svg/onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "javascript:alert(1)",
    "[click](javascript:alert(1))",
    "data:text/html,<script>alert(1)</script>",
    "![x](data:image/png;base64,AAAA)",
    'http://e.example/"onclick=alert(1)',
    "https://e.example/'><b>",
    "https://user@e.example/ http://[::1",
    "https://e.example/?a=1&lt;b&amp;c",
    "&lt;script&gt; &#60;b&#62; &amp;amp; &nosuch;",
    "]]>",
    "<![CDATA[ x ]]>",
    "<!-- no end",
    "--> <?xml version='1.0'?> <!DOCTYPE x [<!ENTITY y 'z'>]> &y;",
    "Heading\n===",
    "# Heading",
    "[x]: http://e.example/ 'y'",
    "```\ncode",
    "~~~",
    "| a | b |\n|---|---|",
    "> quoted",
    "- item",
    "1. item",
    "---",
    "{{7*7}} {% raw %} {# gone #} ${7*7} #{7*7} <%= 7*7 %>",
    "{% endblock %}{% include '/etc/passwd' %}",
    "\x00\x01\x08\x0b\x0c\x1b[2J\x1b]0;mine\x07\x7f\x9b31m",
    "\u202egnp.exe\u2066\u2067\u200f\u061c",
    "\ufeff\u200b\xad\ufffe\uffff\U000e0041",
    "a\u2028b\u2029c\rd\te",
    "z̀́̂̃z̀́̂̃z̀́̂̃z̀́̂̃z̀́̂̃z̀́̂̃z̀́̂̃z̀́̂̃z̀́̂̃z̀́̂̃z̀́̂̃z̀́̂̃z̀́̂̃z̀́̂̃z̀́̂̃z̀́̂̃z̀́̂̃z̀́̂̃z̀́̂̃z̀́̂̃",
    "\ud800 \udfff",
    "=cmd|'/c calc'!A1",
    "=?UTF-8?Q?=0A?=Bcc: x@example.org",
    "$<script>alert(1)</script>$",
    "$\\href{javascript:alert(1)}{x}$",
    "$\\text{</mtext></math><img src=x onerror=alert(1)>}$",
    "$x]]>$ and $a<b$",
    "$\\unicode{x3c}$ $\\style{x:url(//e.example)}{y}$ $\\class{x}{y}$ $\\require{html}$",
    "$$\\input{/etc/passwd}$$",
    "$",
    "\\",
    "$\\$",
    "}}",
    "@misc{x,",
    "../../etc/passwd",
    "%00%0a%3cscript%3e",
    "\\u003cscript\\u003e",
    "\U0001f600\U0001f3f3\ufe0f\u200d\U0001f308",
    "",
    " ",
)
TEXTS = st.lists(st.sampled_from(CORPUS) | st.text(st.characters(), max_size=8), max_size=4).map(" ".join)
ELEMENTS = frozenset(
    (
        "html", "head", "meta", "title", "link", "script", "body", "a", "header", "nav", "ul", "ol", "li", "details", "summary",
        "button", "main", "div", "h1", "h2", "h3", "h4", "p", "span", "b", "strong", "time", "form", "input", "select",
        "option", "label", "output", "section", "article", "bdi", "code", "pre", "dl", "dt", "dd", "dialog", "kbd", "footer",
        "small", "table", "caption", "thead", "tbody", "tr", "th", "td", "meter", "noscript", "math", "semantics", "annotation",
    )
)  # fmt: skip


def twin(text: str) -> str:
    """Return a harmless text of the same make: mathematics and what touches it, addresses and line feeds stay, all else is letters."""
    parts, end = [], 0
    for match in re.finditer(f"(?P<math>[(\\[]?(?:{MATH})[)\\].,;:!?%-]?)|(?P<url>{URL})", text):
        kept = match[0] if match["math"] else trim_url(match[0])
        parts += [_letters(text[end : match.start()]), kept]
        end = match.start() + len(kept)
    return "".join([*parts, _letters(text[end:])])


def _letters(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9 \n]", "^", text)  # which no address goes on with


@dataclass(frozen=True, slots=True)
class _Saying:
    """Gives each paper a reason that says the same."""

    text: str

    def of(self, _model: ModelInfo | None, papers: Sequence[tuple[str, str]]) -> list[Reason | None]:
        """See `digest.site.Reasons`."""
        return [Reason(((self.text, 0.5),), None, (Related("2004.00001", self.text, "3d", "depth-stereo", 0.5),)) for _ in papers]


@dataclass(frozen=True, slots=True)
class Said:
    """All that others write, in one paper."""

    title: str
    abstract: str
    authors: tuple[str, ...]
    other: str
    """Comments, journal, categories, the DOI; what another service says, curated titles, n-grams."""
    licence: str = ""

    def through(self, change: Callable[[str], str]) -> "Said":
        """Return the same with each text changed."""
        return Said(
            change(self.title), "\n".join(map(change, self.abstract.split("\n"))), tuple(map(change, self.authors)), change(self.other)
        )

    def edition(self) -> Edition:
        """Return an edition that says it wherever it can."""
        paper = Paper(
            "2611.01234",
            self.title,
            self.abstract,
            self.authors,
            ("cs.CV", self.other),
            f"Code: {self.other}",
            self.other,
            1,
            self.other,
            self.licence,
        )
        made = browsing.edition(DAY, [shelved(paper), shelved(Paper("cs/0703101", "A Title", "Text.", ("A",), ("cs.CV",)), Kind.CROSS)])
        checks = (Check("feed", agrees=False, says=self.other), Check("api", agrees=True, says=self.other))
        return replace(made, checks=checks, unknown=(self.other,), changes=(self.other,), number=2, model=ModelInfo(self.other, "0" * 64))

    def site(self) -> Site:
        """Return the site of that edition."""
        archive = Held("cs.CV", resources.taxonomy(), [self.edition()])
        told = replace(Settings(), site_url="https://digest.example.org/", site_title="Papers")
        site = building.site(told, Path("no-model"), archive)
        site.parts = replace(site.parts, reasons=_Saying(self.other))
        return site


PAGES = (
    "index.html",
    "days/2026-11-20.html",
    paper_path("2611.01234"),
    "topics/3d/index.html",
    "topics/3d/depth-stereo/2026-11.html",
    "calendar.html",
)
FEEDS = tuple(f"feeds/{name}{ending}" for name in ("digest", "papers", "topics/3d") for ending in (".atom.xml", ".rss.xml", ".json"))


def body(site: Site, path: str) -> bytes:
    """Return what stands at a path."""
    found = site.contents(path)
    assert found is not None, path
    return found.body


def nodes(html: bytes) -> Iterator[LexborNode]:
    """Yield the elements of a page in order, as a browser builds them."""
    root = LexborHTMLParser(html.decode()).root
    assert root is not None
    yield from (node for node in root.traverse() if node.tag and not node.tag.startswith("-"))


def skeleton(html: bytes) -> list[tuple[str, ...]]:
    """Return the elements of a page in order, each with the names of its attributes."""
    return [(str(node.tag), *sorted(node.attributes)) for node in nodes(html)]


def harmful(html: bytes) -> list[str]:
    """Return what no page may have: elements that are not ours, event handlers, styles, addresses that run something."""
    found = []
    for node in nodes(html):
        tag = str(node.tag)
        if tag not in ELEMENTS and not re.fullmatch(r"m[a-z]+", tag):
            found.append(tag)
        for name, value in node.attributes.items():
            scheme = re.match(r"\s*([a-z][a-z0-9+.-]*):", value or "", re.IGNORECASE) if name in ("href", "src", "action") else None
            if name.startswith("on") or name in ("style", "srcdoc", "xlink:href"):
                found.append(f"{tag} {name}")
            elif scheme and not (value or "").startswith(("https://", "http://", "data:image/svg+xml,")):
                found.append(f"{tag} {value}")
        if tag == "script" and node.attributes.get("src") is None:
            found.append("script")
    return found


def elements(xml: bytes) -> list[tuple[str, ...]]:
    """Return the elements of a feed in order, each with the names of its attributes; it is well-formed."""
    root = etree.fromstring(xml, etree.XMLParser(resolve_entities=False, huge_tree=True))
    return [(str(one.tag), *sorted(map(str, one.attrib))) for one in root.iter()]


def shape(value: object) -> object:
    """Return a JSON document without its texts and numbers."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    return [shape(one) for one in value] if isinstance(value, list) else type(value)


def check(said: Said) -> None:
    """Hold the outputs of a paper against those of its twin."""
    bad, good = said.site(), said.through(twin).site()
    for path in PAGES:
        html = body(bad, path)
        assert harmful(html) == [], path
        for one, other in zip_longest(skeleton(html), skeleton(body(good, path))):
            assert one == other, path
    for path in FEEDS:
        if path.endswith(".json"):
            assert shape(json.loads(body(bad, path))) == shape(json.loads(body(good, path))), path
        else:
            assert elements(body(bad, path)) == elements(body(good, path)), path
    elements(body(bad, "feeds.opml"))
    words = json.loads(body(bad, "search/2026-11.json"))
    assert words["ids"] == ["2611.01234", "cs/0703101"]
    page = LexborHTMLParser(body(bad, paper_path("2611.01234")).decode())
    cited = page.css_first("#bibtex")
    assert cited is not None
    assert len(parse_string(cited.text(), "bibtex").entries) == 1


def check_terminal(said: Said, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing that is printed steers a terminal, begins a line or is left out."""
    edition = said.edition()
    paper = edition.items[0].entry.paper
    for line in _lines(1, Hit(paper, DAY, "3d", "", Snippet(said.abstract, (), before=False, after=False)), bold=True):
        assert line.isprintable()
    entry = jsonfile.edition_object(edition)["entries"][0]
    told = {**entry, "date": str(DAY), "category": "cs.CV", "sample": False, "late": False, "service": said.other, "reconstructed": False,
            "answers": [{"url": said.other, "fetched": None}], "listed": True, "model": said.other, "page": "p", "line": 1, "edition": 1,
            "editions": []}  # fmt: skip
    console.write_text("".join(f"{line}\n" for line in show._lines(told)))
    assert capsys.readouterr().out.replace("\n", "").isprintable()


@pytest.mark.slow
@pytest.mark.parametrize("number", range(0, len(CORPUS), 8))
def test_the_corpus(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Each text of the corpus, in each place, as it is after it was read."""
    for text in CORPUS[number : number + 8]:
        said = Said(text, f"{text}\n{text}", (text, "Ada Example", text), text).through(plain)
        check(said)
        check_terminal(said, capsys)
        licensed = replace(said, licence=said.title).site()
        assert harmful(body(licensed, paper_path("2611.01234"))) == []


@given(TEXTS, TEXTS, st.lists(TEXTS, max_size=3).map(tuple), TEXTS)
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_text(title: str, abstract: str, authors: tuple[str, ...], other: str) -> None:
    """Any mixture of them."""
    check(Said(title, abstract, authors, other).through(plain))


@given(TEXTS, TEXTS, st.lists(TEXTS, max_size=3).map(tuple), TEXTS)
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
def test_text_that_nobody_made_plain(title: str, abstract: str, authors: tuple[str, ...], other: str) -> None:
    """The second belt: even what was not cleaned when it was read stays text. UTF-8 has no lone surrogates, so these cannot be stored."""
    check(Said(title, abstract, authors, other).through(lambda text: text.encode(errors="ignore").decode()))


def test_markdown() -> None:
    """The page of the day and that of a paper, for a renderer that makes HTML of what looks like it."""
    renderer = Renderer(resources.folder("templates"))
    for text in CORPUS:
        said = Said(text, f"{text}\n{text}", (text, "Ada Example"), text).through(plain)
        bad, good = (replace(one.edition(), unknown=()) for one in (said, said.through(twin)))  # those sentences are ours
        for write in (renderer.page, lambda one: renderer.paper(one.items[0], one)):
            found = see("cmarkgfm", write(bad))
            assert markdown_skeleton(found) == markdown_skeleton(see("cmarkgfm", write(good))), text
            assert found.odd == []
            assert not set(found.tags) & {"script", "img", "iframe", "svg", "table"}
            assert not [url for url, _ in found.links if not url.startswith(("http://", "https://", "mailto:", "#"))]


def test_very_much_of_it() -> None:
    """An abstract of 5 MB and 10,000 authors make no page, feed or index that nobody can open."""
    said = Said("A <b> Title", "Text & more. " * 400_000, tuple(f"Author <{number}>" for number in range(10_000)), "x").through(plain)
    site = said.site()
    for path in ("topics/3d/index.html", *FEEDS, "search/2026-11.json"):
        assert len(body(site, path)) < 400_000, path
    page = body(site, "days/2026-11-20.html")
    assert harmful(page) == []
    assert len(page) < 7_000_000


@pytest.mark.slow
def test_in_a_browser(tmp_path: Path) -> None:
    """A browser runs nothing, asks nobody and says nothing, on any page, and what is copied and found is text too."""
    papers = []
    for number, text in enumerate(CORPUS, 1):
        clean = text.encode(errors="ignore").decode()
        papers.append(
            shelved(Paper(f"2611.{number:05}", clean, f"{clean}\n{clean}", (clean, "Ada"), ("cs.CV",), clean, clean, 1, "", clean))
        )
    archive = Held("cs.CV", resources.taxonomy(), [browsing.edition(DAY, papers)])
    site = building.site(replace(Settings(), site_title="Papers <b>"), tmp_path / "no-model", archive)
    site.parts = replace(site.parts, reasons=_Saying(CORPUS[1]))
    publish(site, tmp_path / "web" / browsing.BASE, "key")
    with (
        browsing.launched() as browser,
        browsing.served(tmp_path / "web") as address,
        browsing.reading(browser, address + browsing.BASE) as reader,
    ):
        page = reader.page()
        page.fill("#filter-text", "<script>")
        page.fill("#filter-text", "")
        page.click("#abstracts")
        for place in range(0, len(CORPUS), 9):
            page.goto(f"{reader.home}papers/2611/2611.{place + 1:05}.html")
            for summary in page.locator("#cite summary").all():
                summary.click()
        page.goto(f"{reader.home}topics/3d/index.html")
        page.keyboard.press("j")
        page.keyboard.press("?")
        page.goto(f"{reader.home}search.html?q=%3Cscript%3Ealert&topic=%22%3E%3Cb%3E")
        page.fill("#q", "alert OR heading OR x OR title")
        page.press("#q", "Enter")
        page.wait_for_function("document.querySelectorAll('#results li').length > 20")
        assert page.locator("#results :is(script, img, svg, iframe, b)").count() == 0
