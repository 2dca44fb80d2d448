"""What Markdown renderers make of a page: which elements, which text, which links."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser

import cmarkgfm
from cmarkgfm.cmark import Options
from markdown_it import MarkdownIt

_COMMONMARK = MarkdownIt("commonmark")
_GFM_LIKE = MarkdownIt("gfm-like", {"linkify": False})


def _github(text: str) -> str:
    return str(cmarkgfm.github_flavored_markdown_to_html(text, options=Options.CMARK_OPT_UNSAFE))


RENDERERS: Mapping[str, Callable[[str], str]] = {
    "commonmark": _COMMONMARK.render,
    "gfm-like": _GFM_LIKE.render,
    "cmarkgfm": _github,
}
"""All of them with raw HTML switched on: a page must not rely on a renderer that takes it out."""


@dataclass
class Seen:
    """A rendered page, as a reader and a browser see it."""

    text: str = ""
    """All text, with single spaces."""
    tags: list[str] = field(default_factory=list)
    """Every element that is opened, in order."""
    links: list[tuple[str, str]] = field(default_factory=list)
    """Address and text of every link."""
    headings: list[tuple[str, str]] = field(default_factory=list)
    """Element and text of every heading."""
    ids: list[str] = field(default_factory=list)
    """Every anchor that can be led to."""
    odd: list[str] = field(default_factory=list)
    """Comments, declarations and event handlers: none of them belongs on a page."""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen = Seen()
        self._data: list[str] = []
        self._open: dict[str, tuple[int, str]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.seen.tags.append(tag)
        self.seen.odd.extend(name for name in given if name not in {"href", "id"})
        self._open[tag] = (len(self._data), given.get("href") or "")
        if given.get("id"):
            self.seen.ids.append(given["id"] or "")

    def handle_endtag(self, tag: str) -> None:
        start, href = self._open.get(tag, (len(self._data), ""))
        text = " ".join("".join(self._data[start:]).split())
        if tag == "a" and href:
            self.seen.links.append((href, text))
        if tag in {"h1", "h2", "h3", "h4", "h5", "h6"}:
            self.seen.headings.append((tag, text))

    def handle_data(self, data: str) -> None:
        self._data.append(data)

    def handle_comment(self, data: str) -> None:
        self.seen.odd.append(data)

    def handle_decl(self, decl: str) -> None:
        self.seen.odd.append(decl)

    def handle_pi(self, data: str) -> None:
        self.seen.odd.append(data)

    def unknown_decl(self, data: str) -> None:
        self.seen.odd.append(data)

    def finish(self) -> Seen:
        self.close()
        self.seen.text = " ".join("".join(self._data).split())
        return self.seen


def see(renderer: str, markdown: str) -> Seen:
    """Return what one renderer makes of a Markdown text."""
    reader = _Reader()
    reader.feed(RENDERERS[renderer](markdown))
    return reader.finish()
