"""What stands in letters: papers and what is around them in, pieces of a letter out, encoded as they go over the wire.

    paper | HTML and plain text | css-inline, once for each piece | quoted-printable | bytes that a letter is joined of

Mail programs drop style sheets, so that each element carries its own style; the sheet for dark screens stays, for those that read it.
Nothing in a letter is loaded from anywhere. Mathematics stays TeX: mail programs show no MathML.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import jinja2
from markupsafe import Markup

from digest.core.domain import Kind
from digest.core.edition import Item
from digest.core.links import is_address
from digest.core.site import paper_path
from digest.core.text import MATH, URL, plain, trim_url
from digest.errors import MailError
from digest.render.html import web
from digest.render.markdown import CASED, LABELS, THANKS
from digest.wire import hard, soft

COLUMNS = 72
"""Of the plain text."""
_INDENT = 5
_AUTHORS, _LINKS = 10, 12
"""How many of a paper are told."""
_LONGEST_TITLE, _LONGEST_ABSTRACT, _LONGEST_NAME, _LONGEST_URL = 400, 5_000, 100, 500
"""Letters; no abstract of arXiv has more than 2,000."""
_ARXIV = "https://arxiv.org"
_MARK = re.compile(r"%%([a-z]+)%%")
_WORDS = r"\\(?:text(?:bf|it|sc|tt|rm|sf)|emph|underline|url)\{([^{}$\\]*)\}"
_TEX = re.compile(rf"(?P<math>{MATH})|{_WORDS}")
_NUMBER = re.compile(r"\$([+-]?\d[\d.,]*(?:\\?%)?|\\?%|[<>=/+])\$")
_WEB = re.compile(URL)
_ADDRESS = re.compile(r"(?i:https?)://[!-~]+")
"""In a text that is written without blanks, an address goes as far as its letters are those of one (RFC 3986)."""
_END = hard("</p>")
_WIDE = frozenset("WF")
_PATTERNS = {"en": ("en_GB", "EEE d MMM y", "EEEE, d MMMM y")}
"""Of English, how dates are written: as in ``Fri 20 Nov 2026``. Of other languages, as they are written there."""


class Both(NamedTuple):
    """A piece of a letter, encoded for the plain text and for the HTML."""

    text: bytes
    html: bytes


class Printed(NamedTuple):
    """A paper, with all that is told of it and with its title alone."""

    full: Both
    brief: Both


class Entry(NamedTuple):
    """A line of the contents: a section, or a day."""

    name: str
    papers: int
    url: str = ""
    """Of a day's page, if there is one."""


class Contents(NamedTuple):
    """What a letter has of a day; of one day alone, or of days without their sections, without a name."""

    entries: Sequence[Entry]
    day: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around the papers of a letter. All are texts."""

    subject: str
    preheader: str
    """What a list of letters shows beside the subject."""
    before: str
    """What stands before the date."""
    date: str
    language: str
    """Of dates, if it is not the letter's own; else empty."""
    count: str
    web: str
    """The address of the same on the web."""
    why: str
    manage: str
    unsubscribe: str
    contents: Sequence[Contents]
    notices: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Paper:
    """What is told of a paper. All are texts."""

    number: int
    url: str
    title: str
    authors: str
    shelves: Sequence[str]
    marks: Sequence[str]
    venue: str
    abstract: Sequence[str]
    cut: bool
    links: Sequence[tuple[str, str]]

    @property
    def facts(self) -> str:
        return " \u00b7 ".join(filter(None, (*self.shelves, *self.marks, self.venue)))


@dataclass(frozen=True, slots=True)
class _Form:
    """A piece with gaps in it, encoded: whatever is filled in stands on lines of its own."""

    parts: Sequence[bytes | str]
    """Bytes as they are; a text is the name of what is to be filled in."""

    @classmethod
    def of(cls, html: str) -> "_Form":
        *parts, last = _MARK.split(html)
        return cls([*(part if place % 2 else soft(part) for place, part in enumerate(parts)), hard(last)])

    def filled(self, values: Mapping[str, Sequence[bytes]]) -> list[bytes]:
        """Return its pieces, each gap filled with what ends in a soft line break or a line's end."""
        found: list[bytes] = []
        for part in self.parts:
            if isinstance(part, bytes):
                found.append(part)
            else:
                found += values[part]
        return found


@dataclass(frozen=True, slots=True)
class Look:
    """What is the same in all letters of a list."""

    name: str
    """What the list is called."""
    category: str
    topics: Mapping[str, str]
    subtopics: Mapping[tuple[str, str], str]
    site: str = ""
    """The address of the site, with a slash at its end; empty if there is none."""


class LetterPress:
    """Prints the pieces of letters by the templates of one folder.

    Raises:
        MailError: a package that letters need is not there.

    """

    def __init__(self, templates: Path, look: Look) -> None:
        self._html, self._text = _environments(templates / "letters")
        self._look = look
        self._parts = self._html.get_template("parts.html.j2").module
        light, dark = (Path(templates, "letters", f"{name}.css").read_text("utf-8") for name in ("light", "dark"))
        self._inliner = _inliner(light)
        shown = Markup(" ".join(dark.split()))  # noqa: S704 - our own file
        frame = self._inliner.inline(self._html.get_template("letter.html.j2").render(dark=shown, sited=bool(look.site), thanks=THANKS))
        self._before, self._after = map(_Form.of, frame.split("%%papers%%"))
        self._head, self._foot = (self._text.get_template(f"{name}.txt.j2") for name in ("head", "foot"))
        # One cache for each press, and none of `self`: a cache of a method would keep it for ever.
        self.heading = lru_cache(maxsize=4096)(self._heading)
        self.date = lru_cache(maxsize=4096)(self._date)
        self.more = lru_cache(maxsize=4096)(self._more)
        self._entries = lru_cache(maxsize=16384)(self._entry)
        self._days = lru_cache(maxsize=4096)(self._day)
        self._when = lru_cache(maxsize=256)(self._dated)
        self._notice = lru_cache(maxsize=64)(lambda text: self._inlined(self._part("notice", text)))

    def paper(self, item: Item, within: str = "", *, weekly: bool = False) -> Printed:
        """Return a paper of the section *within*, under the number that it has on the page; its title is a heading of that letter."""
        told = {"paper": self._told(item, within), "heading": "h4" if weekly else "h3"}
        full, brief = (self._both(name, told) for name in ("paper", "brief"))
        return Printed(full, brief)

    def _both(self, name: str, told: Mapping[str, object]) -> Both:
        text, html = self._text.get_template(f"{name}.txt.j2"), self._html.get_template(f"{name}.html.j2")
        return Both(hard(text.render(told)), self._inlined(html.render(told)))

    def _more(self, count: int, url: str) -> Both:
        """Return where the papers are that there is no room for."""
        where = "the web" if self._look.site else "arXiv"
        return Both(hard(f"{count} more on {where}:\n  {url}\n\n"), self._inlined(self._part("more", count, where, url)))

    def around(self, about: Around) -> tuple[bytes, bytes]:
        """Return what stands before the papers and after them in the plain text."""
        sited = bool(self._look.site)
        head = self._head.render(
            name=self._look.name, date=about.before + about.date, count=about.count, web=about.web, sited=sited,
            contents=about.contents, notices=about.notices,
        )  # fmt: skip
        foot = self._foot.render(why=about.why, manage=about.manage, unsubscribe=about.unsubscribe, web=about.web, sited=sited)
        return hard(head), hard(foot)

    def frame(self, about: Around) -> tuple[list[bytes], list[bytes]]:
        """Return what stands before the papers and after them in the HTML."""
        contents = [self._notice(notice) for notice in about.notices]
        for one in about.contents:
            contents += self._contents(one, about.language)
        values = {
            "name": self._look.name, "subject": about.subject, "preheader": about.preheader, "before": about.before, "count": about.count,
            "web": about.web, "why": about.why, "manage": about.manage, "unsubscribe": about.unsubscribe,
        }  # fmt: skip
        pieces = {name: [_softened(value)] for name, value in values.items()}
        pieces |= {"date": [self._when(about.date, about.language)], "contents": contents}
        return self._before.filled(pieces), self._after.filled(pieces)

    def confirmation(self, address: str, link: str, chosen: Sequence[str], until: str, manage: str = "") -> list[bytes]:
        """Return the text of the letter that asks to confirm; *manage* is a link for who is subscribed already."""
        template = self._text.get_template("confirm.txt.j2")
        return [hard(template.render(name=self._look.name, address=address, link=link, chosen=chosen, until=until, manage=manage))]

    # -- its pieces -------------------------------------------------------------------------------------------------

    def _heading(self, name: str, count: int, *, weekly: bool = False) -> Both:
        return Both(hard(f"{_ruled(name, count)}\n\n"), self._inlined(self._part("heading", name, count, "h3" if weekly else "h2")))

    def _date(self, name: str, count: int, url: str, language: str) -> Both:
        where = f"  {url}\n" if url else ""
        html = self._part("date", name, count, url, language)
        return Both(hard(f"{_ruled(name, count, '=')}\n{where}\n"), self._inlined(html))

    def _contents(self, told: Contents, language: str) -> list[bytes]:
        """Return the contents of a day; those of one day alone, which has no name, stand out more."""
        in_week, entries = bool(told.day), told.entries
        marks = [" \u00b7" if in_week else ""] * (len(entries) - 1) + [""]
        found = [self._entries(entry, language if entry.url else "", mark, in_week) for entry, mark in zip(entries, marks, strict=True)]
        return [self._days(told.day, told.url, language), *found, _END]

    def _entry(self, entry: Entry, language: str, mark: str, in_week: bool) -> bytes:
        """Return a section of the contents, or a day, with the *mark* after it."""
        whole = self._inliner.inline_fragment(self._part("entry", *entry, language, mark, in_week), "")
        return soft(whole.strip() + " ")

    def _day(self, name: str, url: str, language: str) -> bytes:
        """Return the beginning of the contents of a day."""
        whole = self._inliner.inline_fragment(self._part("contents", name, url, language), "")
        return soft(whole[: whole.rindex("</p>")].rstrip())

    def _dated(self, name: str, language: str) -> bytes:
        """Return a date that stands in a line."""
        return soft(self._part("when", name, language).strip())

    def _part(self, name: str, *values: object) -> str:
        return str(getattr(self._parts, name)(*values))

    def _inlined(self, html: str) -> bytes:
        return hard(self._inliner.inline_fragment(html, ""))

    # -- a paper ----------------------------------------------------------------------------------------------------

    def url(self, identifier: str) -> str:
        """Return where a paper is told in full."""
        return f"{self._look.site}{paper_path(identifier)}" if self._look.site else f"{_ARXIV}/abs/{identifier}"

    def title(self, item: Item) -> str:
        """Return the title of a paper."""
        return _short(item.entry.paper.title, _LONGEST_TITLE) or "(no title)"

    def _told(self, item: Item, within: str) -> _Paper:
        paper = item.entry.paper
        abstract = _read(paper.abstract[: 4 * _LONGEST_ABSTRACT], paragraphs=True)
        cut = len(abstract) > _LONGEST_ABSTRACT
        if cut:
            abstract = f"{abstract[:_LONGEST_ABSTRACT].rpartition(' ')[0] or abstract[:_LONGEST_ABSTRACT]}\u2026"
        if not abstract:
            abstract = "(The abstract could not be had yet.)" if paper.pending else "(no abstract)"
        names = [found for name in paper.authors[:_AUTHORS] if (found := _short(name, _LONGEST_NAME))]
        others = len(paper.authors) - _AUTHORS
        return _Paper(
            item.number,
            self.url(paper.id),
            self.title(item),
            ", ".join(names) + (f" and {others:,} other{'s' if others > 1 else ''}" if others > 0 else ""),
            self._shelves(item, within),
            self._marks(item),
            _short(item.venue, _LONGEST_NAME),
            abstract.split("\n"),
            cut,
            [(LABELS.get(one.kind, "link"), one.url) for one in item.links[:_LINKS] if web(one.url) and len(one.url) <= _LONGEST_URL],
        )

    def _shelves(self, item: Item, within: str) -> list[str]:
        opinion = item.classification.shelves if item.classification else ()
        places = [item.corrected] if item.corrected else [(shelf.topic, shelf.subtopic) for shelf in opinion]
        return list(filter(None, [self.shelf(*place, within) for place in places]))

    def shelf(self, topic: str, subtopic: str, within: str = "") -> str:
        """Return what a place of the catalogue is called; of a place in the topic *within*, what it is called there, if anything."""
        name, part = _short(self._look.topics.get(topic, topic), _LONGEST_NAME), self._look.subtopics.get((topic, subtopic), "")
        if part.casefold() in ("", name.casefold()):
            return "" if topic == within else name
        return part if topic == within else f"{name} \u203a {part}"

    def _marks(self, item: Item) -> list[str]:
        paper = item.entry.paper
        corrected = "corrected" if item.corrected else ""
        unsure = "unsure" if item.classification and item.classification.unsure and not corrected else ""
        kind = CASED[item.entry.kind] if item.entry.kind is not Kind.NEW else ""
        primary = _short(paper.primary, _LONGEST_NAME) if paper.primary != self._look.category else ""
        return [one for one in (corrected, unsure, kind, primary) if one]


# -- dates, in the reader's language ----------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def short_date(day: date, language: str) -> str:
    """Return a date for a subject: ``Fri 20 Nov 2026``."""
    from babel.dates import format_date, format_skeleton

    if language in _PATTERNS:
        locale, pattern, _ = _PATTERNS[language]
        return format_date(day, pattern, locale)
    return format_skeleton("yMMMEd", day, locale=language)


@lru_cache(maxsize=1024)
def long_date(day: date, language: str) -> str:
    """Return a date in full: ``Friday, 20 November 2026``."""
    from babel.dates import format_date

    locale, _, pattern = _PATTERNS.get(language, (language, "", "full"))
    return format_date(day, pattern, locale)


def instant(moment: datetime, language: str, zone: str) -> str:
    """Return an instant as it is told in a time zone: ``Friday, 20 November 2026, 06:00 (Europe/Berlin)``."""
    local = moment.astimezone(ZoneInfo(zone))
    return f"{long_date(local.date(), language)}, {local:%H:%M} ({zone})"


# -- texts ------------------------------------------------------------------------------------------------------------


def _read(text: str, *, paragraphs: bool = False) -> str:
    """Return an untrusted text as it is read: clean, without TeX around mere words and numbers."""
    text = plain(text, paragraphs=paragraphs)
    return _TEX.sub(_untex, text) if "$" in text or "\\" in text else text


def _untex(match: re.Match[str]) -> str:
    if not match["math"]:
        return match[2] or ""
    number = _NUMBER.fullmatch(match["math"])
    return number[1].replace("\\", "").replace("-", "\u2212") if number else match[0]


def _short(text: str, most: int) -> str:
    """Return one line of an untrusted text, of a sane length, with a mark where it was cut."""
    text = _read(text[: 4 * most])
    return text if len(text) <= most else f"{text[: most - 1]}\u2026"


def _html(value: str, *, links: bool = False) -> Markup:
    """Return an untrusted text as HTML, its addresses as links if *links*."""
    if not links or "://" not in value:
        return Markup(escape(value))  # noqa: S704 - escaped here
    parts, end = [], 0
    for match in _WEB.finditer(value):
        url = trim_url(match[0])
        if is_address(url) and web(url) and len(url) <= _LONGEST_URL:
            parts += [escape(value[end : match.start()]), f'<a href="{escape(url)}">{escape(url)}</a>']
            end = match.start() + len(url)
    return Markup("".join([*parts, escape(value[end:])]))  # noqa: S704 - every part is escaped here


@lru_cache(maxsize=256)
def _softened(text: str) -> bytes:
    """Return a text for the HTML; most of a letter's are those of the letter before."""
    return soft(escape(text))


def _columns(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(letter) in _WIDE else 0 if unicodedata.combining(letter) else 1 for letter in text)


def _lines(text: str, columns: int) -> list[str]:
    """Return a text in lines of no more than so many columns; a word that is longer is broken, unless it is an address."""
    lines, line, used = [], "", 0
    for word in text.split():
        blank = " "
        for piece in _pieces(word, columns):
            width = _columns(piece)
            if line and used + len(blank) + width > columns:
                lines.append(line)
                line, used = piece, width
            else:
                line, used = (f"{line}{blank}{piece}", used + len(blank) + width) if line else (piece, width)
            blank = ""
    return [*lines, line]


def _pieces(word: str, columns: int) -> Iterator[str]:
    """Yield a word, or what it is broken into: what stands around an address, which stays whole, is broken where a line is full."""
    if len(word) <= columns // 2 or _columns(word) <= columns:
        yield word
        return
    end = 0
    for match in _ADDRESS.finditer(word) if "://" in word else ():
        url = trim_url(match[0])
        yield from _broken(word[end : match.start()], columns)
        yield url
        end = match.start() + len(url)
    yield from _broken(word[end:], columns)


def _broken(text: str, columns: int) -> Iterator[str]:
    begin, used = 0, 0
    for place, letter in enumerate(text):
        width = _columns(letter)
        if used + width > columns:
            yield text[begin:place]
            begin, used = place, 0
        used += width
    if begin < len(text):
        yield text[begin:]


@lru_cache(maxsize=256)
def _filled(text: str, indent: str = "") -> str:
    return "\n".join(indent + line for line in _lines(text, COLUMNS - len(indent)))


def _wrapped(text: str, number: int | None = None) -> str:
    """Return a paragraph of a paper, indented; the first one after its number."""
    found = _filled(text, " " * _INDENT)
    return found if number is None else f"{number:>{_INDENT - 2}}. {found[_INDENT:]}"


@lru_cache(maxsize=4096)
def _dotted(name: str, count: int) -> str:
    """Return a line of the contents."""
    room = COLUMNS - 4 - len(str(count)) - _columns(name)
    return f"{name} {'.' * max(room, 2)} {count}"


def _ruled(name: str, count: int, line: str = "-") -> str:
    return f"{name} ({count})\n{line * COLUMNS}"


@lru_cache(maxsize=4)
def _environments(folder: Path) -> tuple[jinja2.Environment, jinja2.Environment]:
    """Return what fills in the templates of HTML and those of plain text, each read once."""
    loader = jinja2.FileSystemLoader(folder)
    options: dict[str, Any] = {
        "undefined": jinja2.StrictUndefined,
        "trim_blocks": True,
        "lstrip_blocks": True,
        "keep_trailing_newline": True,
        "auto_reload": False,
    }
    html = jinja2.Environment(loader=loader, autoescape=True, **options)
    html.filters["html"] = _html
    text = jinja2.Environment(loader=loader, autoescape=False, **options)  # noqa: S701 - plain text has nothing to escape
    text.filters.update(wrap=_wrapped, fill=_filled, dots=_dotted)
    text.globals.update(thanks=THANKS, rule="-" * COLUMNS)
    return html, text


def _inliner(css: str) -> Any:  # noqa: ANN401 - an object of a package that may not be there
    try:
        import babel  # noqa: F401 - asked for here, before anything is composed
        from css_inline import CSSInliner
    except ImportError as exc:
        msg = f"letters cannot be made, because the package {exc.name} is not there"
        raise MailError(msg, advice='pip install "cvdigest[mail]"') from exc
    return CSSInliner(inline_style_tags=False, keep_style_tags=True, load_remote_stylesheets=False, extra_css=css)
