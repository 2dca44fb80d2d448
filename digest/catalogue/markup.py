"""A list's Markdown and HTML, however broken: text in, pieces out, each a heading, an item, a table row or a plain line.

Curated lists are no clean Markdown: list items run into paragraphs, tables and links are half HTML, and rank is shown by
bold type. A CommonMark parser (markdown-it-py was tried) folds "1. Title" and the link lines below it into one paragraph,
treats whole HTML tables as opaque, and is ten times slower. So lines are read one by one, and a block ends where its line,
or an HTML tag that breaks the line, ends. Everything in here takes time in proportion to the text.
"""

import html
import re
from collections.abc import Iterator
from typing import NamedTuple

from digest.core.text import trim_url

LONGEST = 20_000
"""A piece with more letters than this is no entry of a list, and nothing in it is looked for but arXiv ids."""
_JOINED_LINES = 6
_FENCE_LINES = 300
_COMMENT_LINES = 5_000
_FRONT_MATTER_LINES = 100
_TAG = re.compile(r"<(?P<end>/?)(?P<name>[A-Za-z][A-Za-z0-9]*)(?P<rest>(?:[\s/][^<>]*)?)>")
_BREAKS = frozenset(
    {
        "br",
        "p",
        "tr",
        "td",
        "th",
        "table",
        "tbody",
        "thead",
        "div",
        "ul",
        "ol",
        "center",
        "hr",
        "blockquote",
        "figure",
        "dd",
        "dl",
        "li",
        "summary",
        "details",
    }
)
_BOLD = frozenset({"b", "strong"})
_ATTRIBUTE = re.compile(r"(?i:\b(?P<name>href|title)\s*=\s*(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<bare>[^\s\"'>]+)))")
_MARKER = re.compile(
    r"(?P<indent>[ \t\u3000]*)(?:(?P<quote>>)|(?P<heading>\#{1,6})(?:(?=[ \t\u3000])|(?<=\#\#)(?!\#)|(?=\d)|$)"
    r"|(?P<bullet>[-+*\u2022\u00b7\u25cf\u25aa])(?:[ \t\u3000]+|(?=\[))|"
    r"(?P<number>\[\d{1,4}\](?=\s*[^\s(\[])|\d{1,4}[ ]?(?:[.\u3001)\uff09\uff0e])(?:(?!\d)|(?=[2-6]D\b)))[ \t]*)?"
)
_SEPARATOR = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)+\|?[ \t]*$|[ \t]*\|[ \t]*:?-+:?[ \t]*\|[ \t]*$")
_UNDERLINE = re.compile(r"(?:={3,}|-{3,})[ \t]*$")
_LINE_END = re.compile(r"\r?\n|\r")


class Piece(NamedTuple):
    """A part of a list that reads as one: a line, or what stands between two tags that break it."""

    line: int
    kind: str
    """One of heading, item, plain, quote, header, row, summary, end (of what a summary opened), hidden (a comment, code)."""
    rank: int
    """The level of a heading, the indent of an item."""
    text: str
    """Markdown without HTML; a row's cells are parted by line feeds."""
    first: bool = True
    """Whether the piece begins its line."""
    blank: bool = False
    """Whether an empty line stands before it."""
    block: int = 0
    """Counts the rows of HTML tables, 0 outside of them."""


class Link(NamedTuple):
    """A link inside a piece."""

    before: str
    """The text between the link before and this one."""
    anchor: str
    url: str


class _Lines:
    """The lines of a text with their numbers, and a look at the next one."""

    def __init__(self, text: str) -> None:
        self._lines = _LINE_END.split(text)
        self.number = 0

    def next(self) -> str | None:
        if self.number >= len(self._lines):
            return None
        self.number += 1
        return self._lines[self.number - 1]

    def peek(self, ahead: int = 0) -> str:
        at = self.number + ahead
        return self._lines[at] if at < len(self._lines) else ""

    def at_end(self) -> bool:
        return self.number >= len(self._lines)


def pieces(text: str) -> Iterator[Piece]:
    """Yield the pieces of *text* in their order."""
    return _Reader(text).run()


class _Reader:
    def __init__(self, text: str) -> None:
        self._lines = _Lines(text)
        self._blank = True
        self._above = ""
        """The line above, if it is no empty one."""
        self._in_table = False
        self._block = 0
        self._blocks = 0
        self._heading = 0
        self._summary = False
        self._lists = 0

    def run(self) -> Iterator[Piece]:
        yield from self._front_matter()
        while (line := self._lines.next()) is not None:
            number = self._lines.number
            if not line.strip():
                self._blank, self._in_table, self._above = True, False, ""
                continue
            if "<!--" in line:
                line, hidden = self._without_comment(line)
                if hidden:
                    yield Piece(number, "hidden", 0, hidden, blank=self._blank)
                if not line.strip():
                    continue
            if line.lstrip().startswith(("```", "~~~")):
                yield from self._fence(line)
            else:
                yield from self._whole_line(line, number)

    def _whole_line(self, line: str, number: int) -> Iterator[Piece]:
        """Yield the pieces of a line, of those on which it goes on, and of the rule that underlines it."""
        if len(line) < LONGEST and ("[" in line or "<" in line):
            line = self._joined(line)
        if "|" in line and (row := self._row(line, number)) is not None:
            if row.kind:
                yield row
            return
        if _UNDERLINE.match(line) and not self._above:
            return
        following = self._lines.peek()
        if following and _UNDERLINE.match(following) and (self._blank or not self._above) and _plain(line):
            self._lines.next()
            yield Piece(number, "heading", 1 if following[0] == "=" else 2, line.strip(), blank=self._blank)
            self._blank = False
            return
        yield from self._line(line, number)
        self._above, self._blank = line, False

    def _front_matter(self) -> Iterator[Piece]:
        """Step over the settings that a page generator reads."""
        if self._lines.peek().rstrip() != "---":
            return
        for length in range(1, _FRONT_MATTER_LINES):
            if self._lines.peek(length).rstrip() == "---":
                for _ in range(length + 1):
                    if (line := self._lines.next()) and "rxiv" in line:
                        yield Piece(self._lines.number, "hidden", 0, line)
                return

    def _without_comment(self, line: str) -> tuple[str, str]:
        """Return *line* without the comment that begins in it, and the comment; later lines are used up."""
        before, _, rest = line.partition("<!--")
        hidden = []
        for _ in range(_COMMENT_LINES):
            inside, end, after = rest.partition("-->")
            hidden.append(inside)
            if end:
                return f"{before} {after}", "\n".join(hidden)
            following = self._lines.next()
            if following is None:
                break
            rest = following
        return before, "\n".join(hidden)

    def _fence(self, opening: str) -> Iterator[Piece]:
        """Yield the lines of a code block as hidden ones; a fence that nothing closes is no fence."""
        mark = opening.lstrip()[:3]
        length = next((n for n in range(_FENCE_LINES) if self._lines.peek(n).lstrip().startswith(mark)), None)
        for _ in range(0 if length is None else length + 1):
            line = self._lines.next()
            yield Piece(self._lines.number, "hidden", 0, line or "")

    def _joined(self, line: str) -> str:
        """Return *line* with the lines after it on which its last tag or link goes on."""
        for _ in range(_JOINED_LINES):
            following = self._lines.peek()
            if self._lines.at_end() or not following.strip() or len(line) + len(following) > LONGEST or not _goes_on(line, following):
                break
            self._lines.next()
            inside = line.rfind("](") > line.rfind(")")
            line = line.rstrip() + ("" if inside else " ") + following.strip()
        return line

    def _row(self, line: str, number: int) -> Piece | None:
        """Return a line of a Markdown table, one of kind "" for the rule below its head, None if it is no such line."""
        if _SEPARATOR.match(line):
            self._in_table = True
            return Piece(number, "", 0, "")
        stripped = line.strip()
        framed = stripped.startswith("|") and stripped.count("|") > 1
        is_head = _SEPARATOR.match(self._lines.peek()) is not None
        if not (framed or is_head or self._in_table) or len(line) > LONGEST:
            return None
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", stripped.removeprefix("|").removesuffix("|"))]
        text = "\n".join(" ".join(piece.text for piece in self._line(cell, number)) if "<" in cell else cell for cell in cells)
        return Piece(number, "header" if is_head else "row", len(cells), text, blank=self._blank)

    def _line(self, line: str, number: int) -> Iterator[Piece]:
        """Yield the pieces of one line."""
        if "<" not in line:
            yield from self._piece(line, number, first=True)
            return
        text: list[str] = []
        target: str | None = None
        first, end = True, 0
        item = ""
        for tag in _TAG.finditer(line):
            text.append(line[end : tag.start()])
            end = tag.end()
            name, closing = tag["name"].lower(), bool(tag["end"])
            if name == "a":
                if target is not None:
                    text.append(f"]({target})")
                target = None if closing else _target(tag["rest"])
                text.append("" if target is None else "[")
                continue
            if target is not None or not _breaks(name):
                text.append("**" if name in _BOLD else " " if name in ("img", "sup", "sub", "br") else "")
                continue
            for piece in self._piece(item + "".join(text), number, first=first):
                yield piece
                first = False
            text, item = [], "  " * self._lists + "- " if name == "li" and not closing else ""
            first = first and name != "br"
            self._tag(name, closing=closing)
            if name == "details" and closing:
                yield Piece(number, "end", 0, "", first=False)
        text.append(line[end:])
        if target is not None:
            text.append(f"]({target})")
        yield from self._piece(item + "".join(text), number, first=first)

    def _tag(self, name: str, *, closing: bool) -> None:
        if name == "tr":
            self._blocks += 1
            self._block = 0 if closing else self._blocks
        elif name == "table":
            self._block = 0
        elif name in ("ul", "ol"):
            self._lists = max(0, min(self._lists + (-1 if closing else 1), 20))
        elif name == "summary":
            self._summary = not closing
        elif name[0] == "h" and name[1:].isdigit():
            self._heading = 0 if closing else min(int(name[1:]), 6)

    def _piece(self, text: str, number: int, *, first: bool) -> Iterator[Piece]:
        """Yield *text* as one piece, if there is anything in it."""
        if not text.strip():
            return
        if "&" in text:
            text = html.unescape(text)
        blank, block = self._blank, self._block
        if len(text) > LONGEST:
            yield Piece(number, "hidden", 0, text, first, blank, block)
            return
        if self._heading or self._summary:
            kind = "heading" if self._heading else "summary"
            yield Piece(number, kind, self._heading, text.strip(), first, blank, block)
            return
        kind, rank = "plain", 0
        if first:
            kind, rank, text = _marked(text)
        if text.strip(" \t\u3000#"):
            yield Piece(number, kind, rank, text.strip(), first, blank, block)


def _marked(text: str) -> tuple[str, int, str]:
    """Return what the mark at the beginning of a line makes of it, its rank, and the rest of the line."""
    kind, rank = "plain", 0
    for depth in range(3):
        match = _MARKER.match(text)
        if match is None or not (mark := match.lastgroup) or mark == "indent":
            break
        if mark == "heading":
            if depth == 0 or kind == "item":
                return "heading", len(match["heading"]), text[match.end() :].strip().rstrip("#").strip()
            break
        if mark == "quote":
            return "quote", 0, text[match.end() :]
        if depth == 0:
            kind, rank = "item", len(match["indent"].expandtabs(4))
        text = text[match.end() :]
    return kind, rank, text


def _plain(line: str) -> bool:
    """Return whether a line may be the text of a heading that is underlined."""
    match = _MARKER.match(line)
    return (match is None or match.lastgroup in (None, "indent")) and "](" not in line and "|" not in line and "://" not in line


def _breaks(name: str) -> bool:
    """Return whether a tag of this name ends what stands before it."""
    return name in _BREAKS or (name[0] == "h" and name[1:].isdigit())


def _target(attributes: str) -> str | None:
    """Return where a tag leads, as it can stand between the brackets of a link."""
    url = _attributes(attributes).get("href")
    return (re.sub(r"[\s()<>]+", "", url) if "(" not in url else url.strip()) if url else None


def _attributes(text: str) -> dict[str, str]:
    return {
        match["name"].lower(): html.unescape(match["double"] or match["single"] or match["bare"] or "")
        for match in _ATTRIBUTE.finditer(text)
    }


def _goes_on(line: str, following: str) -> bool:
    """Return whether a tag or a link that begins on *line* ends on the line *following* it."""
    opened = line.rfind("<")
    if opened > line.rfind(">") and line[opened + 1 : opened + 2].isalpha() and len(line) - opened < LONGEST // 10:
        return True
    lowered = line.lower()
    if "<a " in lowered and lowered.rfind("<a ") > lowered.rfind("</a>") and "href" in lowered[lowered.rfind("<a ") :]:
        return True
    if (bracket := line.rfind("](")) > line.rfind(")") and " " not in line[bracket:].strip():
        return ")" in following and not _SPACED.search(following.strip().partition(")")[0])
    if line.rstrip().endswith("]") and following.lstrip().startswith(("(http", "( http")):
        return True
    opened = line.rfind("[")
    if opened <= line.rfind("]"):
        return False
    closing = following.find("](")
    return closing > 0 and "[" not in following[:closing] and _marked(following)[0] == "plain"


_SPACED = re.compile(r"\s")

# -- inside a piece --------------------------------------------------------------------------------------------------

_BRACKET = re.compile(r"[\[\]]")
_TARGET = re.compile(
    r"\]\s?[(\uff08]\s*<?(?P<url>(?:[^\s()<>\uff08\uff09]|\([^\s()<>\uff08\uff09]*+\))*+)>?(?:\s+(?:\"[^\"]*+\"|'[^']*+'))?\s*(?P<end>[)\uff09])?"
)
_BROKEN = re.compile(r"\]\(\s*(?P<url>http[^()\[\]<>]{0,400})\)")
"""An address with spaces in it, where a word was broken: ``(https://example.org/a- b)``."""
_BARE = re.compile(
    r"(?i:https?\s?[:\uff1a]//|(?<![\w./:])(?:www\.|arxiv\.org/(?=abs|pdf)))[^\s<>\"'`\\^{}|\[\]\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]+"
)


def links(text: str) -> tuple[list[Link], str]:
    """Return the links of a piece, written in Markdown or bare, and the text after the last of them."""
    found: list[tuple[int, int, str, str]] = []
    opened: list[int] = []
    end = 0
    if "](" in text or "] (" in text or "]\uff08" in text:
        for bracket in _BRACKET.finditer(text):
            at = bracket.start()
            if at < end:
                continue  # inside an address
            if text[at] == "[":
                opened.append(at)
                continue
            if not opened:
                continue
            start = opened.pop()
            target = _TARGET.match(text, at)
            if target is None or (text[at + 1] == " " and not target["url"].lower().startswith("http")):
                continue
            if not target["end"] and not target["url"].startswith(("http", "#")):
                continue
            end, url = target.end(), target["url"]
            if not target["end"] and (broken := _BROKEN.match(text, at)):
                end, url = broken.end(), re.sub(r"\s+", "", broken["url"])
            anchor = text[start + 1 : at]
            image = start > 0 and text[start - 1] == "!"
            while found and found[-1][0] > start:
                inner = found.pop()
                anchor = "" if not inner[3] else anchor  # a picture that links somewhere
            found.append((start - image, end, "" if image else anchor, "" if image else url))
    return _with_bare(text, found)


def _with_bare(text: str, found: list[tuple[int, int, str, str]]) -> tuple[list[Link], str]:
    """Return the links *found* by their brackets and those that are not written in brackets."""
    if "://" in text or "www." in text or "rxiv.org/" in text or "\uff1a//" in text:
        spans = iter([*found, (len(text), len(text), "", "")])
        start = 0
        bare = []
        for until, end, _, _ in spans:
            for match in _BARE.finditer(text, start, until):
                url = trim_url(match[0])
                bare.append((match.start(), match.start() + len(url), "", _schemed(url)))
            start = end
        found = sorted([*found, *bare])
    result = []
    end = 0
    before = ""
    for start, stop, anchor, url in found:
        before += text[end:start]
        end = stop
        if url:
            result.append(Link(before, anchor.strip(), _schemed(url) if url[:1] != "#" else url))
            before = ""
    return result, before + text[end:]


def _schemed(url: str) -> str:
    """Return *url* as an address with its scheme."""
    url = url.replace("\uff1a//", "://").replace(" ", "")
    return url if "://" in url or url[:1] in "#/.@" or not url.lower().startswith(("www.", "arxiv.org")) else f"https://{url}"
