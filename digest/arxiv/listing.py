"""arXiv's listing pages: bytes in, sections of entries out. No network in here.

Read are ``/list/<category>/new``, ``/catchup/<category>/<date>?abs=True`` and, without abstracts, ``/list/<category>/recent``,
whole or in pages, as arXiv's own program (arxiv-browse, templates ``list/base.html`` and ``catchup.html``) writes them in
2026. Everything a page states about itself (its date, "showing X of Y", "Total of N entries") is read beside its entries,
so that `missing` can tell whether anything lacks.
"""

import datetime as dt
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

from digest.core.domain import Entry, Kind, Paper
from digest.core.text import plain
from digest.errors import IncompleteError, LayoutError

_LONG_DATE = re.compile(r"listings for \w+, (\d{1,2} \w+ \d{4})")  # Friday, 20 November 2026
_SHORT_DATE = re.compile(r"\b\w{3}, (\d{1,2} \w{3} \d{4})\b")  # Fri, 20 Nov 2026
_SHOWING = re.compile(r"\((continued, )?showing (?:(?:first|last) )?(\d+) of (\d+) entries ?\)")
_NOTHING = re.compile(r"No (?:further )?updates")
_TOTAL = re.compile(r"Total of (\d+) entries")
_PER_PAGE = re.compile(r"Showing up to (\d+) entries per page")
_CODE = re.compile(r"[a-z-]+(?:\.[A-Za-z-]+)?\)")
_ID = re.compile(r"/abs/((?:[a-z-]+(?:\.[A-Z]{2})?/\d{7})|\d{4}\.\d{4,5})(?:v\d+)?$")
_NEXT_DAY = re.compile(r"/catchup/[^/]+/(\d{4}-\d{2}-\d{2})\?")
_SECTIONS = (("New", Kind.NEW), ("Cross", Kind.CROSS), ("Replacement", Kind.REPLACED))
_PARENTHESES = re.compile(r"\([^()]*\)")
_ALIASES = {"cs.NA": "math.NA", "cs.SY": "eess.SY", "math.IT": "cs.IT", "math.MP": "math-ph", "stat.TH": "math.ST", "q-fin.EC": "econ.GN"}
"""Categories that arXiv prints under another one's name (arXiv category taxonomy)."""


@dataclass(frozen=True, slots=True)
class Section:
    """One ``<dl>`` of a page with what its heading states."""

    kind: Kind | None
    """None on `/recent`, where a section is a date and not a kind."""
    date: dt.date | None
    entries: tuple[Entry, ...]
    shown: int
    """How many entries the heading says stand here ..."""
    total: int
    """... of how many in all pages."""


@dataclass(frozen=True, slots=True)
class Page:
    """A listing page, and what it states about itself."""

    heading: str
    """The ``<h1>``: the name of the category, on catch-up pages inside a sentence."""
    date: dt.date | None
    """The date of the announcement; None on `/recent`, whose sections have one each."""
    sections: tuple[Section, ...]
    total: int
    """"Total of N entries", over all pages."""
    per_page: int
    empty: bool
    """The page says that there are no updates."""
    next_date: dt.date | None
    """On catch-up pages: the next date that has an announcement, if arXiv knows one."""
    abstracts: bool
    """Whether the page gives abstracts at all; one of a paper may be empty all the same."""
    names: tuple[tuple[str, str], ...]
    """The full name and the code of each category that the entries name."""

    @property
    def rows(self) -> int:
        """How many entries stand on this page."""
        return sum(len(section.entries) for section in self.sections)


def parse(body: bytes, *, category: str = "cs.CV") -> Page:
    """Read one listing page of *category*.

    Raises:
        LayoutError: this is no listing page.
        IncompleteError: the page ends before its closing tag, or shows fewer entries than its headings state.

    """
    if not body.rstrip().endswith(b"</html>"):
        if b"<html" in body[:2048].lower() or not body.strip():
            msg = f"the answer ends after {len(body)} bytes, before the page does"
            raise IncompleteError(msg, body=body)
        msg = f"the answer is not an HTML page (it begins with {plain(body[:60].decode('utf-8', 'replace'))!r})"
        raise LayoutError(msg)
    tree = LexborHTMLParser(_utf8(body))
    root = tree.css_first("#dlpage")
    heading = tree.css_first("#dlpage h1") or tree.css_first("h1")
    title = plain(heading.text()) if heading else ""
    if root is None:
        msg = f"the answer is not a listing page (it says {title[:120]!r})"
        raise LayoutError(msg)
    names: dict[str, str] = {}
    sections = tuple(_section(dl, category, names) for dl in root.css("dl"))
    for section in sections:
        if len(section.entries) != section.shown:
            msg = f"a section states {section.shown} entries and holds {len(section.entries)}"
            raise IncompleteError(msg, body=body)
    stated = root.text()
    total = _TOTAL.search(stated)
    if not sections and not _NOTHING.search(stated) and (total is None or total[1] == "0"):
        msg = "the page holds no entries and does not say that there are none"
        raise LayoutError(msg)
    if sections and not total:
        msg = "the page does not state how many entries there are in all"
        raise LayoutError(msg)
    per_page = _PER_PAGE.search(stated)
    return Page(
        heading=title,
        date=_page_date(root, title),
        sections=sections,
        total=int(total[1]) if total else 0,
        per_page=int(per_page[1]) if per_page else 2000,
        empty="No updates" in stated and not sections,
        next_date=_next_date(root),
        abstracts=root.css_first("p.mathjax") is not None,
        names=tuple(names.items()),
    )


def missing(pages: list[Page]) -> str:
    """Say what lacks in the *pages* of one announcement, in order; an empty string if they are complete.

    Complete means: each kind shows as many entries as its heading states, no paper stands twice in a kind, and the kinds
    add up to the page's own total.
    """
    stated: dict[Kind | dt.date | None, int] = {}
    ids: dict[Kind | dt.date | None, list[str]] = {}
    for page in pages:
        for section in page.sections:
            key = section.kind or section.date
            if stated.setdefault(key, section.total) != section.total:
                return f"the pages disagree about the number of {key} entries ({stated[key]} and {section.total})"
            ids.setdefault(key, []).extend(entry.paper.id for entry in section.entries)
    for key, total in stated.items():
        if len(set(ids[key])) != len(ids[key]):
            return f"of {len(ids[key])} {key} entries, {len(ids[key]) - len(set(ids[key]))} stand there twice"
        if len(ids[key]) != total:
            return f"{len(ids[key])} of {total} {key} entries are there"
    if (total := pages[0].total) != (found := sum(stated.values())):
        return f"the page states {total} entries in all, its sections {found}"
    return ""


def _section(dl: LexborNode, category: str, names: dict[str, str]) -> Section:
    heading = dl.css_first("h3")
    text = " ".join(heading.text().split()) if heading else ""
    showing = _SHOWING.search(text)
    kind = next((kind for word, kind in _SECTIONS if text.startswith(word)), None)
    day = None if kind else _date(_SHORT_DATE, text, "%d %b %Y")
    if kind is None and day is None:
        msg = f"a section of the page has a heading that is not known: {plain(text)[:120]!r}"
        raise LayoutError(msg)
    if kind and not showing:
        msg = f"a section does not state how many entries it shows: {plain(text)[:120]!r}"
        raise LayoutError(msg)
    entries = tuple(_entries(dl, kind, category, names))
    # On `/recent`, a date with no entries has its bare date for a heading.
    shown, total = (int(showing[2]), int(showing[3])) if showing else (0, 0)
    return Section(kind, day, entries, shown, total)


def _entries(dl: LexborNode, kind: Kind | None, category: str, names: dict[str, str]) -> Iterator[Entry]:
    term: LexborNode | None = None
    for node in dl.iter():
        tag = node.tag
        if tag == "dt":
            term = node
        elif tag == "dd" and term is not None:
            yield _entry(term, node, kind, category, names)
            term = None


def _entry(  # noqa: C901 - one case per field
    term: LexborNode, node: LexborNode, kind: Kind | None, category: str, names: dict[str, str]
) -> Entry:
    identifier = _identifier(term)
    meta = next(node.iter(), None)  # the only child, <div class="meta">
    abstract = comments = journal_ref = ""
    title: str | None = None
    categories: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    for child in meta.iter() if meta else ():
        match child.attributes.get("class"):
            case "list-title mathjax" | "list-title":
                title = plain(child.text().strip().removeprefix("Title:"))
            case "list-authors":
                authors = _authors(child)
            case "list-subjects":
                categories = _categories(child.text().strip().removeprefix("Subjects:"), names)
            case "list-comments mathjax" | "list-comments":
                comments = plain(_text(child).strip().removeprefix("Comments:"))
            case "list-journal-ref":
                journal_ref = plain(_text(child).strip().removeprefix("Journal-ref:"))
            case "mathjax":
                abstract = plain(_text(child), paragraphs=True)
            case _:  # whatever arXiv may add some day
                continue
    if title is None or not categories:
        msg = f"{identifier} has no title or no subjects"
        raise LayoutError(msg)
    if kind is None:
        kind = Kind.CROSS if "cross-list from" in term.text() else Kind.NEW
    elif kind is Kind.REPLACED and not _belongs(categories[0], category):
        kind = Kind.REPLACED_CROSS
    return Entry(Paper(identifier, title, abstract, authors, categories, comments, journal_ref), kind)


def _identifier(term: LexborNode) -> str:
    for child in term.iter():
        if found := _ID.search(child.attributes.get("href") or ""):
            return found[1]
    msg = f"an entry has no identifier: {plain(term.text())[:120]!r}"
    raise LayoutError(msg)


def _text(node: LexborNode) -> str:
    """Return a field's text with its breaks as line feeds and its links as their real targets."""
    child = node.child
    if child is None or child.next is None:
        return node.text().replace("\n", " ")
    parts: list[str] = []
    while child is not None:
        match child.tag:
            case "-text":
                # arXiv breaks a line of the source only where it writes <br>; all other line ends are white space.
                parts.append((child.text_content or "").replace("\n", " "))
            case "br":
                parts.append("\n")
            case "a":
                parts.append(_target(child))
            case _:
                parts.append(_text(child))
        child = child.next
    return "".join(parts)


def _target(anchor: LexborNode) -> str:
    """Return what an anchor stands for: the address behind "this https URL", otherwise its text."""
    text = anchor.text()
    if not text.startswith("this http"):
        return text
    url = anchor.attributes.get("href") or text
    host = url.partition("://")[2]
    # arXiv's program takes "tasks.Existing", two sentences without a space between them, for the name of a host.
    return host if "/" not in host and host.rpartition(".")[2][:1].isupper() else url


def _authors(node: LexborNode) -> tuple[str, ...]:
    names = [plain(child.text()) for child in node.iter() if child.tag == "a"]
    if not names:  # "The X Collaboration: A. One (1), B. Two (1 and 2) ((1) CERN, Geneva)"
        text = node.text().removeprefix("Authors:").replace(": ", ", ")
        while text != (text := _PARENTHESES.sub("", text)):
            pass
        names = [plain(name) for name in text.split(",")]
    return tuple(filter(None, names))


def _categories(subjects: str, names: dict[str, str]) -> tuple[str, ...]:
    codes = []
    for subject in subjects.split(";"):
        name, _, code = subject.strip().rpartition(" (")
        if _CODE.fullmatch(code):
            codes.append(code[:-1])
            names.setdefault(name, code[:-1])
    return tuple(codes)


def _utf8(body: bytes) -> bytes | str:
    """Return *body* as the parser reads it fastest: bytes if they are UTF-8, else text with the wrong ones replaced."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("utf-8", "replace")
    return body


def _belongs(primary: str, category: str) -> bool:
    """Say whether papers of *primary* are *category*'s own; an archive such as ``cs`` owns all of its categories."""
    return primary in (category, _ALIASES.get(category)) or primary.startswith(category + ".")


def _page_date(root: LexborNode, title: str) -> dt.date | None:
    for heading in root.css("h3"):
        if found := _date(_LONG_DATE, heading.text(), "%d %B %Y"):
            return found
    return _date(_SHORT_DATE, title, "%d %b %Y") if title.startswith("Catchup") else None


def _date(pattern: re.Pattern[str], text: str, layout: str) -> dt.date | None:
    found = pattern.search(text)
    try:
        return dt.datetime.strptime(found[1], layout).date() if found else None  # noqa: DTZ007 - a printed date has no zone
    except ValueError:
        return None


def _next_date(root: LexborNode) -> dt.date | None:
    for anchor in root.css("a"):
        if anchor.text().startswith("Continue to the next day") and (found := _NEXT_DAY.search(anchor.attributes.get("href") or "")):
            with suppress(ValueError):
                return dt.date.fromisoformat(found[1])
    return None


def same_category(one: str, other: str) -> bool:
    """Say whether two codes name one category (``math.MP`` is ``math-ph``)."""
    return one == other or _ALIASES.get(one) == other or _ALIASES.get(other) == one
