"""Feeds: Atom 1.0 (RFC 4287), RSS 2.0 and JSON Feed 1.1, and the OPML 2.0 that lists them.

An item stands in several feeds, and is the same in each: it is rendered once in each format, and feeds are joined of what
was rendered. Texts stand between their tags escaped, without the characters that XML forbids; mathematics stays TeX.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import jinja2

from digest.core.site import FeedLink

ATOM, RSS, JSON = ".atom.xml", ".rss.xml", ".json"
MEDIA_TYPES = MappingProxyType(
    {ATOM: "application/atom+xml; charset=utf-8", RSS: "application/rss+xml; charset=utf-8", JSON: "application/feed+json"}
)
"""What each format is served as, by the ending of its path."""
OPML_TYPE = "text/x-opml; charset=utf-8"
_DOT = " \u00b7 "
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r"))


def legal(text: str) -> str:
    """Return *text* without what no XML document may hold: it may be empty then."""
    return text if text.isprintable() else _bytes(text).decode()


class Tag(NamedTuple):
    """What an item is filed under."""

    term: str
    label: str
    scheme: str = ""


class Section(NamedTuple):
    """A heading of a digest, with the papers under it: title, address and authors."""

    name: str
    papers: Sequence[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class PaperText:
    """What is shown of a paper."""

    abstract: str
    """With a line feed between two paragraphs."""
    facts: tuple[str, ...]
    comments: str
    links: tuple[tuple[str, str], ...]
    """Label and address."""


@dataclass(frozen=True, slots=True, eq=False)
class FeedItem:
    """One item of a feed."""

    id: str
    """A URN that never changes."""
    title: str
    url: str
    """Where to read on."""
    published: datetime
    updated: datetime
    content: PaperText | tuple[Section, ...]
    related: str = ""
    """A second address."""
    summary: str = ""
    """A sentence for those that show no more; empty where the content is short."""
    authors: tuple[str, ...] = ()
    tags: tuple[Tag, ...] = ()
    rendered: dict[str, bytes] = field(default_factory=dict)
    """By format, as soon as it was asked for."""


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """A feed, in no format yet."""

    id: str
    title: str
    description: str
    home: str
    """The page that shows the same."""
    updated: datetime
    items: Sequence[FeedItem]
    address: str = ""
    """Where it is served, without the ending of a format; empty if that is not known."""


class Feeds:
    """Writes feeds by the templates of one folder."""

    def __init__(self, templates: Path) -> None:
        """Use the templates in *templates*, which are read when they are first needed."""
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(templates / "feeds"),
            undefined=jinja2.StrictUndefined,
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            auto_reload=False,  # one that was read stays in its cache
        )
        self._environment.filters.update(instant=_instant, rfc822=_rfc822, html=_escaped)

    def atom(self, feed: Feed) -> bytes:
        """Return a feed as Atom 1.0."""
        return self._joined(ATOM, feed, b"</feed>\n")

    def rss(self, feed: Feed) -> bytes:
        """Return a feed as RSS 2.0."""
        return self._joined(RSS, feed, b"</channel>\n</rss>\n")

    def json_feed(self, feed: Feed) -> bytes:
        """Return a feed as JSON Feed 1.1."""
        head = {
            "version": "https://jsonfeed.org/version/1.1",
            "title": feed.title,
            "home_page_url": feed.home,
            **({"feed_url": f"{feed.address}{JSON}"} if feed.address else {}),
            "description": feed.description,
            "language": "en",
        }
        items = b",\n".join([_piece(JSON, item) for item in feed.items])
        return b"".join((_bytes(_json(head)[:-1]), b', "items": [\n', items, b"\n]}\n"))

    def opml(self, title: str, groups: Iterable[tuple[str, Sequence[tuple[FeedLink, str]]]], url: str) -> bytes:
        """Return the list of feeds that stand at *url*, in named groups, each feed with the page that shows the same."""
        return _bytes(self._environment.get_template("feeds.opml.j2").render(title=title, groups=groups, url=url))

    def _joined(self, form: str, feed: Feed, end: bytes) -> bytes:
        head = self._environment.get_template(f"head{form}.j2").render(feed=feed)
        return b"".join([_bytes(head), *[_piece(form, item) for item in feed.items], end])


def _piece(form: str, item: FeedItem) -> bytes:
    """Return an item in one format. It is written in all of them at once: who asks for one will ask for the others."""
    kept = item.rendered
    if not kept:
        html = _bytes(_paper(item.content) if isinstance(item.content, PaperText) else _digest(item.content)).decode()
        escaped = _escaped(html)
        kept[ATOM], kept[RSS], kept[JSON] = (
            _bytes(text) for text in (_atom_item(item, escaped), _rss_item(item, escaped), _json_item(item, html))
        )
    return kept[form]


def _paper(shown: PaperText) -> str:
    """Return what a reader shows of a paper, as HTML. Every value is text and is escaped here; the feed escapes the whole once more."""
    parts = ["<p>", _between([shown.abstract], "</p>\n<p>"), "</p>\n"]
    if shown.facts:
        parts += ["<p>", _between(shown.facts, _DOT), "</p>\n"]
    if shown.comments:
        parts.append(f"<p>{_escaped(shown.comments)}</p>\n")
    links = [f'<a href="{_escaped(url)}">{_escaped(label)}</a>' for label, url in shown.links]
    return "".join([*parts, f"<p>{_DOT.join(links)}</p>"])


def _digest(sections: Iterable[Section]) -> str:
    """Return what a reader shows of a day, as HTML."""
    parts = []
    for section in sections:
        parts.append(f"<h3>{_escaped(section.name)} ({len(section.papers)})</h3>\n<ul>\n")
        parts += [
            f'<li><a href="{_escaped(url)}">{_escaped(title)}</a><br/>{_escaped(authors)}</li>\n' for title, url, authors in section.papers
        ]
        parts.append("</ul>\n")
    return "".join(parts)


def _atom_item(item: FeedItem, html: str) -> str:
    related = f'<link rel="related" type="text/html" href="{_escaped(item.related)}"/>\n' if item.related else ""
    names = _between(item.authors, "</name></author>\n<author><name>")
    authors = f"<author><name>{names}</name></author>\n" if item.authors else ""
    summary = f'<summary type="text">{_escaped(item.summary)}</summary>\n' if item.summary else ""
    return (
        f'<entry>\n<id>{_escaped(item.id)}</id>\n<title type="text">{_escaped(item.title)}</title>\n'
        f"<published>{_instant(item.published)}</published>\n<updated>{_instant(item.updated)}</updated>\n"
        f'<link rel="alternate" type="text/html" href="{_escaped(item.url)}"/>\n{related}{authors}{_atom_tags(item.tags)}'
        f'{summary}<content type="html">{html}</content>\n</entry>\n'
    )


def _rss_item(item: FeedItem, html: str) -> str:
    names = _between(item.authors, "</dc:creator>\n<dc:creator>")
    authors = f"<dc:creator>{names}</dc:creator>\n" if item.authors else ""
    text = f"<description>{html}</description>\n"
    if item.summary:
        text = f"<description>{_escaped(_escaped(item.summary))}</description>\n<content:encoded>{html}</content:encoded>\n"
    return (
        f"<item>\n<title>{_escaped(item.title)}</title>\n<link>{_escaped(item.url)}</link>\n"
        f'<guid isPermaLink="false">{_escaped(item.id)}</guid>\n<pubDate>{_rfc822(item.published)}</pubDate>\n'
        f"{authors}{_rss_tags(item.tags)}{text}</item>\n"
    )


@lru_cache(maxsize=4096)
def _atom_tags(tags: tuple[Tag, ...]) -> str:
    """Return tags; most items have those of another one."""
    return "".join([
        f'<category term="{_escaped(one.term)}"{_attribute("scheme", one.scheme)} label="{_escaped(one.label)}"/>\n' for one in tags
    ])  # fmt: skip


@lru_cache(maxsize=4096)
def _rss_tags(tags: tuple[Tag, ...]) -> str:
    return "".join([f"<category{_attribute('domain', one.scheme)}>{_escaped(one.label)}</category>\n" for one in tags])


def _attribute(name: str, value: str) -> str:
    return f' {name}="{_escaped(value)}"' if value else ""


def _bytes(text: str) -> bytes:
    """Return *text* in UTF-8, without what no XML document may hold."""
    return text.encode("utf-8", "ignore").translate(None, _CONTROLS).replace(b"\xef\xbf\xbe", b"").replace(b"\xef\xbf\xbf", b"")


def _escaped(text: str) -> str:
    """Return a text as `markupsafe.escape` does, in a third of the time."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;").replace("'", "&#39;")


def _between(texts: Iterable[str], mark: str) -> str:
    """Return texts, escaped all at once, with *mark*, which is none, between two of them."""
    return _escaped("\n".join(texts)).replace("\n", mark)


@lru_cache
def _instant(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


@lru_cache
def _rfc822(moment: datetime) -> str:
    """Return a moment as e-mails and RSS have it, in English whatever the locale."""
    return format_datetime(moment, usegmt=True)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _json_item(item: FeedItem, html: str) -> str:
    found = {
        "id": item.id,
        "url": item.url,
        **({"external_url": item.related} if item.related else {}),
        "title": item.title,
        "content_html": html,
        **({"summary": item.summary} if item.summary else {}),
        "date_published": _instant(item.published),
        "date_modified": _instant(item.updated),
        **({"authors": [{"name": name} for name in item.authors]} if item.authors else {}),
        **({"tags": [tag.label for tag in item.tags]} if item.tags else {}),
    }
    return _json(found)
