"""arXiv's listing pages: bytes in, sections of entries out. No network in here.

Read are ``/list/<category>/new``, ``/catchup/<category>/<date>?abs=True`` and, without abstracts, ``/list/<category>/recent``
and ``/list/<category>/<month>``, whole or in pages, as arXiv's own program (arxiv-browse, templates ``list/base.html`` and
``catchup.html``) writes them in 2026; and, for copies in archives, as arXiv wrote them before 2024, with a heading before each
``<dl>`` and no counts in it. Everything a page states about itself (its date, "showing X of Y", "Total of N entries") is read
beside its entries, so that `missing` can tell whether anything lacks.
"""

import datetime as dt
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate, islice
from operator import sub

from selectolax.lexbor import LexborHTMLParser, LexborNode

from digest.arxiv import fields
from digest.core.domain import Entry, Kind, Paper
from digest.core.text import plain
from digest.errors import IncompleteError, LayoutError

_LONG_DATE = re.compile(r"listings for \w+, (\d{1,2} \w+ \d{4})")  # Friday, 20 November 2026
_OLD_DATE = re.compile(r"^(?:New submissions|Cross-lists|Replacements) for \w{3},\s+(\d{1,2} \w{3} \d{2})\b")  # Thu,  2 Apr 20
_PERIOD = re.compile(r"Authors and titles for (?:[a-z][A-Za-z.-]{1,20} in )?(?:(\w{3,9}) )?(\d{4})\b")  # June 2026
_SHORT_DATE = re.compile(r"\b\w{3}, (\d{1,2} \w{3} \d{4})\b")  # Fri, 20 Nov 2026
_SHOWING = re.compile(r"[(\[] ?(continued, )?showing (?:(?:first|last) )?(\d+) of (\d+) entries ?[)\]]")
_NOTHING = re.compile(r"No (?:further )?updates")
_TOTAL = re.compile(r"Total of (\d+) entries")
_OLD_TOTAL = re.compile(r"total of (\d+) entries")
_MONTH = re.compile(r"(\w{3} \d{4})")
_RANGE = re.compile(r"(\d{1,7})-(\d{1,7})")
_PER_PAGE = re.compile(r"howing up to (\d+) entries per page")
_CODE = re.compile(r"[a-z-]+(?:\.[A-Za-z-]+)?\)")
_ID = re.compile(r"/abs/((?:[a-z-]+(?:\.[A-Z]{2})?/\d{7})|\d{4}\.\d{4,5})(?:v\d+)?$", re.ASCII)
_COMMENTED = re.compile(rb"</html>\s*(?:<!--(?:(?!-->).)*+-->\s*)+", re.DOTALL)  # archives add theirs after the page
_NEXT_DAY = re.compile(r"/catchup/[^/]+/(\d{4}-\d{2}-\d{2})\?")
_TAG = re.compile(rb"<(/?)(?!(?:a|br|dd|dt|hr|img|input|li|link|meta|p)\b)[a-z]", re.IGNORECASE)  # of what must be closed
_DEEPEST, _MOST_TAGS = 500, 100_000
"""A page of 2000 entries nests 17 deep and has some 60,000 tags; the parser takes time with the square of the depth."""
_SECTIONS = (("New", Kind.NEW), ("Cross", Kind.CROSS), ("Replacement", Kind.REPLACED))
_ALIASES = {"cs.NA": "math.NA", "cs.SY": "eess.SY", "math.IT": "cs.IT", "math.MP": "math-ph", "stat.TH": "math.ST", "q-fin.EC": "econ.GN"}
"""Categories that arXiv prints under another one's name (arXiv category taxonomy)."""


@dataclass(frozen=True, slots=True)
class Section:
    """One ``<dl>`` of a page with what its heading states."""

    kind: Kind | None
    """None on `/recent`, where a section is a date and not a kind, and on the list of a month, which is one section."""
    date: dt.date | None
    """On `/recent`: the date of the announcement."""
    entries: tuple[Entry, ...]
    shown: int
    """How many entries the heading says stand here ..."""
    total: int
    """... of how many in all pages."""
    counted: bool = True
    """False for the list of a month and before 2024, where no heading states it: then both are what stands here."""


@dataclass(frozen=True, slots=True)
class Page:
    """A listing page, and what it states about itself."""

    heading: str
    """The ``<h1>``: the name of the category, on catch-up pages inside a sentence."""
    date: dt.date | None
    """The date of the announcement; None on `/recent`, whose sections have one each, and on the list of a month."""
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
    month: str | None = None
    """``2026-06`` on the list of a month, ``2026`` on that of a year, None on all others."""

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
    if not body.rstrip().endswith(b"</html>") and not _COMMENTED.fullmatch(body, body.rfind(b"</html>")):
        if b"<title>Redirecting...<" in body[:200]:
            msg = "the answer is not a listing page but a redirection"
            raise LayoutError(msg)
        if b"<html" in body[:2048].lower() or not body.strip():
            msg = f"the answer ends after {len(body)} bytes, before the page does"
            raise IncompleteError(msg, body=body)
        msg = f"the answer is not an HTML page (it begins with {plain(body[:60].decode('utf-8', 'replace'))!r})"
        raise LayoutError(msg)
    _refuse_depths(body)
    tree = LexborHTMLParser(_utf8(body))
    root = tree.css_first("#dlpage")
    heading = tree.css_first("#dlpage h1") or tree.css_first("h1")
    title = plain(heading.text()) if heading else ""
    if root is None:
        msg = f"the answer is not a listing page (it says {title[:120]!r})"
        raise LayoutError(msg)
    names: dict[str, str] = {}
    month = _month(root)
    # A month without entries has its "No updates for this time period" in a list of its own.
    lists = [dl for dl in root.css("dl") if month is None or dl.css_first("dt")]
    sections = tuple(_section(dl, category, names, month) for dl in lists)
    for section in sections:
        if len(section.entries) != section.shown:
            msg = f"a section states {section.shown} entries and holds {len(section.entries)}"
            raise IncompleteError(msg, body=body)
    stated = root.text()
    total = _TOTAL.search(stated) or _OLD_TOTAL.search(stated)  # two patterns, because `re` leaps to a plain letter only
    if not sections and not _NOTHING.search(stated) and (total is None or total[1] == "0"):
        msg = "the page holds no entries and does not say that there are none"
        raise LayoutError(msg)
    if sections and not total:
        msg = "the page does not state how many entries there are in all"
        raise LayoutError(msg)
    if total and (month or not all(section.counted for section in sections)):
        _count(root, total, sum(len(section.entries) for section in sections), body)
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
        month=month,
    )


def _refuse_depths(body: bytes) -> None:
    """Refuse a page whose elements would take the parser minutes."""
    steps = [-1 if tag[1] else 1 for tag in islice(_TAG.finditer(body), _MOST_TAGS + 1)]
    depths = list(accumulate(steps, initial=0))
    # From the lowest point before it, for closing tags that close nothing count for nothing.
    if len(steps) > _MOST_TAGS or max(map(sub, depths, accumulate(depths, min))) > _DEEPEST:
        msg = f"the page has more than {_MOST_TAGS} elements, or nests them deeper than {_DEEPEST} times, which arXiv's never do"
        raise LayoutError(msg)


def missing(pages: list[Page]) -> str:
    """Say what lacks in the *pages* of one announcement, in order; an empty string if they are complete.

    Complete means: each kind, or each date on `/recent`, shows as many entries as its heading states, no paper stands in it
    twice, and all add up to the page's own total. In the list of a month there is but that total.
    """
    stated: dict[Kind | dt.date | None, int] = {}
    ids: dict[Kind | dt.date | None, list[str]] = {}
    for page in pages:
        for section in page.sections:
            key = section.kind or section.date
            if not section.counted:
                stated[key] = stated.get(key, 0) + section.total
            elif stated.setdefault(key, section.total) != section.total:
                return f"the pages disagree about the number of {key} entries ({stated[key]} and {section.total})"
            ids.setdefault(key, []).extend(entry.paper.id for entry in section.entries)
    for key, total in stated.items():
        name = key or "listed"
        if len(set(ids[key])) != len(ids[key]):
            return f"of {len(ids[key])} {name} entries, {len(ids[key]) - len(set(ids[key]))} stand there twice"
        if len(ids[key]) != total:
            return f"{len(ids[key])} of {total} {name} entries are there"
    if (total := pages[0].total) != (found := sum(stated.values())):
        return f"the page states {total} entries in all, its sections {found}"
    return ""


def _section(dl: LexborNode, category: str, names: dict[str, str], month: str | None) -> Section:
    heading = dl.css_first("h3")
    outside = heading is None
    if heading is None and month is None:
        heading = _before(dl)
    text = " ".join(heading.text().split()) if heading else ""
    showing = _SHOWING.search(text)
    kind = next((kind for word, kind in _SECTIONS if text.startswith(word)), None)
    day = None if kind else _date(_SHORT_DATE, text, "%d %b %Y")
    if kind is None and day is None and (month is None or heading):
        msg = f"a section of the page has a heading that is not known: {plain(text)[:120]!r}"
        raise LayoutError(msg)
    if kind and not showing and not (outside and _OLD_DATE.match(text)):
        msg = f"a section does not state how many entries it shows: {plain(text)[:120]!r}"
        raise LayoutError(msg)
    entries = tuple(_entries(dl, kind, category, names))
    if not showing and outside:
        return Section(kind, day, entries, len(entries), len(entries), counted=False)
    # On `/recent`, a date with no entries has its bare date for a heading.
    shown, total = (int(showing[2]), int(showing[3])) if showing else (0, 0)
    return Section(kind, day, entries, shown, total)


def _before(dl: LexborNode) -> LexborNode | None:
    """Return the heading before a list, where arXiv wrote it before 2024."""
    node = dl.prev
    while node is not None and node.tag not in ("h3", "dl"):
        node = node.prev
    return node if node is not None and node.tag == "h3" else None


def _count(root: LexborNode, total: re.Match[str], found: int, body: bytes) -> None:
    """Refuse a page that shows other than the range of entries that it states ("51-100", in bold before 2024), or than all."""
    ranges = [span for node in root.css(".paging span, small b, p b") if (span := _RANGE.fullmatch(node.text().strip()))]
    alone = _RANGE.match(total.string[total.end() :].lstrip(" :\n")) if not ranges else None
    span = ranges[0] if ranges else alone
    expected = int(span[2]) - int(span[1]) + 1 if span else int(total[1])
    if found != expected:
        msg = f"the page states {expected} entries and holds {found}"
        raise IncompleteError(msg, body=body)


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
    elif kind is Kind.REPLACED and not belongs(categories[0], category):
        kind = Kind.REPLACED_CROSS
    return Entry(Paper(identifier, title, abstract, authors, categories, comments, journal_ref), kind)


def _identifier(term: LexborNode) -> str:
    for child in term.iter():
        if found := _ID.search(child.attributes.get("href") or ""):
            return found[1]
    for child in term.css("span a"):  # where the links stood before 2024
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
    # Not its links alone: a name without a forename has none, nor do those of "The X Collaboration: A. One (1) ((1) CERN)".
    return fields.names(node.text().strip().removeprefix("Authors:"))


def _categories(subjects: str, names: dict[str, str]) -> tuple[str, ...]:
    codes = []
    for subject in subjects.split(";"):
        name, _, code = subject.strip().rpartition(" (")
        if _CODE.fullmatch(code):
            codes.append(code[:-1])
            if name not in names:
                names.setdefault(plain(name), code[:-1])
    return tuple(codes)


def _utf8(body: bytes) -> bytes | str:
    """Return *body* as the parser reads it fastest: bytes if they are UTF-8, else text with the wrong ones replaced."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("utf-8", "replace")
    return body


def belongs(primary: str, category: str) -> bool:
    """Say whether papers of *primary* are *category*'s own; an archive such as ``cs`` owns all of its categories."""
    return primary in (category, _ALIASES.get(category)) or primary.startswith(category + ".")


def _page_date(root: LexborNode, title: str) -> dt.date | None:
    old: set[dt.date] = set()
    for heading in root.css("h3"):
        text = heading.text()
        if found := _date(_LONG_DATE, text, "%d %B %Y"):
            return found
        if found := _date(_OLD_DATE, text.strip(), "%d %b %y"):
            old.add(found)
    if len(old) > 1:
        msg = f"the page states several dates: {', '.join(map(str, sorted(old)))}"
        raise LayoutError(msg)
    if old:
        return old.pop()
    return _date(_SHORT_DATE, title, "%d %b %Y") if title.startswith("Catchup") else None


def _month(root: LexborNode) -> str | None:
    for heading in root.css("h2"):
        found = _PERIOD.match(" ".join(heading.text().split()))
        if found and not found[1]:
            return found[2]
        if found and (month := _date(_MONTH, f"{found[1][:3]} {found[2]}", "%b %Y")):
            return f"{month:%Y-%m}"
    return None


def _date(pattern: re.Pattern[str], text: str, layout: str) -> dt.date | None:
    found = pattern.search(text)
    try:
        return dt.datetime.strptime(found[1], layout).date() if found else None  # noqa: DTZ007 - a printed date has no zone
    except ValueError:
        return None


def _next_date(root: LexborNode) -> dt.date | None:
    for anchor in root.css('a[href*="/catchup/"]'):
        if anchor.text().startswith("Continue to the next day") and (found := _NEXT_DAY.search(anchor.attributes.get("href") or "")):
            with suppress(ValueError):
                return dt.date.fromisoformat(found[1])
    return None


def same_category(one: str, other: str) -> bool:
    """Say whether two codes name one category (``math.MP`` is ``math-ph``)."""
    return one == other or _ALIASES.get(one) == other or _ALIASES.get(other) == one
