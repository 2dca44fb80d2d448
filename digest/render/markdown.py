"""An edition as a Markdown page, and the index of all editions.

Escaping is the rule and not something to remember: whatever a template puts out is escaped on its way, unless it is
`Markdown` already.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import jinja2

from digest.core.domain import Kind, Paper
from digest.core.edition import Edition, Item
from digest.core.text import escape_markdown

THANKS = "Thank you to arXiv for use of its open access interoperability."
"""The acknowledgement that arXiv's API terms of use ask for."""
CASED = {Kind.NEW: "new", Kind.CROSS: "cross-listed", Kind.REPLACED: "replaced", Kind.REPLACED_CROSS: "replaced cross-list"}
"""How each kind is called on a page."""


_REPLACEMENTS_KNOWN = frozenset({"listing", "catchup", "feed", "oai", "file", "sample", "calendar"})
"""The services that tell which papers were replaced."""


class Markdown(str):
    """Text that is Markdown already."""

    __slots__ = ()


def _finalize(value: object) -> str:
    return value if isinstance(value, Markdown) else escape_markdown(str(value))


def paragraphs(text: str) -> Markdown:
    """Return a text whose line feeds part paragraphs, for a place where a paragraph begins."""
    if not text:
        return Markdown("(no abstract)")
    if "\n" not in text:
        return Markdown(escape_markdown(text, line_start=True))
    return Markdown(" <br>".join(escape_markdown(part, line_start=True) for part in text.split("\n")))


def abstract(paper: Paper) -> Markdown:
    """Return the abstract of *paper*, or what stands for one that could not be had."""
    if paper.pending and not paper.abstract:
        return Markdown("(The abstract could not be had yet. The next run asks for it again.)")
    return paragraphs(paper.abstract)


def day(value: date) -> str:
    """Return a date as arXiv prints it: ``Thu, 2 Apr 2020``, in English whatever the locale."""
    names = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    return f"{names[value.weekday()]}, {value.day} {months[value.month - 1]} {value.year}"


def anchor(heading: str) -> str:
    """Return the anchor that GitHub gives to a heading, so that a link works there and elsewhere."""
    kept = "".join(letter for letter in heading.lower() if letter.isalnum() or letter in " -_")
    return kept.replace(" ", "-")


def address(url: str) -> Markdown:
    """Return *url* for the round brackets of a link: nothing in it can end them."""
    url = url.translate(_ENCODED)
    return Markdown(_ENTITY.sub("&amp;", url) if "&" in url else url)


_ENCODED = {ord(letter): f"%{ord(letter):02X}" for letter in " ()<>[]\\\"'`*|"}
_ENTITY = re.compile(r"&(?=\#?\w+;)")  # a renderer reads "&lt;" as one letter in an address too


class Renderer:
    """Writes pages by the templates of one folder."""

    def __init__(self, templates: Path) -> None:
        """Use the templates in *templates*, which are read when they are first needed."""
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(templates / "markdown"),
            undefined=jinja2.StrictUndefined,
            autoescape=False,  # noqa: S701 - what is escaped for Markdown, by `finalize`, must not be escaped for HTML too
            finalize=_finalize,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            auto_reload=False,  # one that was read stays in its cache
        )
        self._facts: tuple[Edition, _Facts] | None = None
        self._environment.filters.update(md=Markdown, abstract=abstract, paragraphs=paragraphs, day=day, anchor=anchor, address=address)

    def page(self, edition: Edition) -> str:
        """Return the page of an edition, in its own layout."""
        facts = _Facts(edition)
        values = {"edition": edition, "facts": facts, "thanks": THANKS, "counts": counts(edition), "kinds": kinds(edition)}
        return self._template(f"{edition.layout}.md.j2").render(values)

    def paper(self, item: Item, edition: Edition) -> str:
        """Return one paper of an edition by itself, for somebody's notes."""
        kept = self._facts
        if kept is None or kept[0] is not edition:  # its papers are asked for one after the other
            kept = self._facts = edition, _Facts(edition)
        return self._template("paper.md.j2").render(item=item, paper=item.entry.paper, facts=kept[1])

    def index(self, editions: Sequence[tuple[date, str, Path]]) -> str:
        """Return the page that lists all editions."""
        rows = [{"date": when, "category": category, "path": path.as_posix()} for when, category, path in editions]
        return self._template("index.md.j2").render(rows=rows, thanks=THANKS)

    def _template(self, name: str) -> jinja2.Template:
        return self._environment.get_template(name)


class _Facts:
    """What stands between a title and its abstract."""

    def __init__(self, edition: Edition) -> None:
        self._category = edition.category
        self._topics = edition.taxonomy.names()
        self._subtopics: Mapping[Any, str] = edition.taxonomy.subtopic_names()

    def line(self, item: Item) -> Markdown:
        """Return the facts of one item, those that it has, parted by middle dots."""
        paper = item.entry.paper
        parts: list[str] = []
        if item.corrected:
            parts.append(self._correction(item))
        elif item.classification:
            parts.extend(f"{self._shelf(shelf.topic, shelf.subtopic)} {shelf.probability:.2f}" for shelf in item.classification.shelves)
        if item.entry.kind is not Kind.NEW:
            parts.append(CASED[item.entry.kind])
        if paper.primary and paper.primary != self._category:
            parts.append(escape_markdown(paper.primary, line_start=True))
        if item.venue:
            parts.append(f"**{escape_markdown(item.venue)}**")
        parts.extend(f"[{LABELS[link.kind]}]({address(link.url)})" for link in item.links)
        return Markdown(" · ".join(parts))

    def _correction(self, item: Item) -> str:
        """Return where the reader put an item, and where the model would have put it, if that is elsewhere."""
        topic, subtopic = item.place or ("", "")
        text = f"{self._shelf(topic, subtopic)} corrected"
        best = item.classification.best if item.classification else None
        if best is None or (best.topic, best.subtopic) == (topic, subtopic):
            return text
        return f"{text} from {self._shelf(best.topic, best.subtopic)} {best.probability:.2f}"

    def _shelf(self, topic: str, subtopic: str) -> str:
        name = escape_markdown(self._topics.get(topic, topic))
        part = self._subtopics.get((topic, subtopic), "")
        if part.casefold() not in ("", name.casefold()):
            name += f" \u203a {escape_markdown(part)}"
        return f"*{name}*"


LABELS = {"arxiv": "arXiv", "pdf": "PDF", "code": "code", "project": "project", "video": "video", "data": "data", "other": "link"}
"""How each kind of link is called on a page."""


def counts(edition: Edition) -> dict[str, int | None]:
    """Return how many papers of each kind were announced, and how many are listed; None where that is not known."""
    known = _REPLACEMENTS_KNOWN.issuperset(edition.source.service.split("+"))
    return {
        "new": edition.counts[Kind.NEW],
        "cross": edition.counts[Kind.CROSS],
        "replaced": edition.counts[Kind.REPLACED] + edition.counts[Kind.REPLACED_CROSS] if known else None,
        "listed": len(edition.items),
    }


def kinds(edition: Edition) -> str:
    """Return which kinds of papers an edition lists, in words: ``new and cross-listed papers``."""
    listed = {item.entry.kind for item in edition.items}
    words = list(dict.fromkeys(CASED[kind].removesuffix(" cross-list") for kind in Kind if kind in listed))
    return f"{', '.join(words[:-1])}{' and ' if len(words) > 1 else ''}{words[-1]} papers" if words else "papers"
