"""arXiv's query API: identifiers in, the address that asks for them out; bytes of an answer (Atom) in, papers out.

No network in here. The texts come out as `digest.arxiv.listing` gives those of a listing page, so that a model learns from
one what it will see in the other. What is not well-formed, or brings a document type and so perhaps entities that explode,
never reaches the feed parser, which would do its best with anything.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import feedparser

from digest.arxiv import document
from digest.core.domain import Paper
from digest.core.text import plain
from digest.errors import LayoutError, QueryError

_ARXIV = "http://arxiv.org/schemas/atom"
_ABS = re.compile(r"https?://(?:export\.)?arxiv\.org/abs/")
_ID = re.compile(
    r"(?:(?P<archive>[a-z-]{2,20})(?:\.[A-Za-z-]{2,3})?/(?P<old>[0-9]{7})|(?P<new>[0-9]{4}\.[0-9]{4,5}))(?:v(?P<version>[0-9]{1,3}))?"
)
_BREAK = re.compile(r"\n[ \t]+")


@dataclass(frozen=True, slots=True)
class Results:
    """One answer."""

    papers: tuple[Paper, ...]
    rows: int
    """How many entries stand in the answer; one that arXiv gives without a title is no paper."""
    total: int
    """How many results there are, arXiv says, in this answer and those that would follow it."""


def identifier(text: str) -> str | None:
    """Return an identifier as arXiv writes it today, without its version; None if *text* is none.

    >>> [identifier(text) for text in ("2004.00622v3", "arXiv:math.GT/0309136", "CVPR2020")]
    ['2004.00622', 'math/0309136', None]
    """
    found = _ID.fullmatch(text.strip().removeprefix("arXiv:").strip())
    return _bare(found) if found else None


def query(service: str, ids: Sequence[str]) -> str:
    """Return the address under which *service* answers for *ids*."""
    return f"{service}?{urlencode({'id_list': ','.join(ids), 'start': 0, 'max_results': len(ids)}, safe=',/')}"


def parse(body: bytes) -> Results:
    """Read one answer of the query API.

    Raises:
        QueryError: arXiv answers that it cannot answer, in its entry titled "Error".
        IncompleteError: the answer ends before the feed does.
        LayoutError: the answer is no feed of arXiv's query API.

    """
    document.check(body, "feed")
    feed = feedparser.parse(body, sanitize_html=False, resolve_relative_uris=False)
    if feed.bozo or not feed.version.startswith("atom"):
        msg = "the answer is not an Atom feed"
        raise LayoutError(msg, body=body)
    entries = feed.entries
    # Its address is not always that of the page about errors: some lead into the manual.
    if len(entries) == 1 and _text(entries[0], "title").strip() == "Error" and not _ABS.match(_text(entries[0], "id").strip()):
        msg = f"arXiv's API answered with an error: {plain(_text(entries[0], 'summary'))[:300] or 'without a reason'}"
        raise QueryError(msg, body=body)
    total = _text(feed.feed, "opensearch_totalresults").strip()
    if not (total.isascii() and total.isdecimal() and len(total) < len("1000000000")):
        msg = "the feed does not state how many results there are, so it is none of arXiv's query API"
        raise LayoutError(msg, body=body)
    papers = tuple(paper for entry in entries if (paper := _paper(entry)))
    return Results(papers, len(entries), int(total))


def _paper(entry: dict[str, Any]) -> Paper | None:
    """Return the paper of one entry; None for one without a title, which arXiv gives for a few broken records."""
    address = _text(entry, "id").strip()
    found = _ID.fullmatch(_ABS.sub("", address, count=1))
    if not found or not _ABS.match(address):
        msg = f"an entry has no identifier: {plain(address)[:120]!r}"
        raise LayoutError(msg)
    title = plain(_text(entry, "title"))
    if not title:
        return None
    terms = [_text(tag, "term") for tag in entry.get("tags", ()) if _text(tag, "scheme") in (_ARXIV, "")]
    primary = _text(entry.get("arxiv_primary_category") or {}, "term")
    return Paper(
        id=_bare(found),
        title=title,
        abstract=_abstract(_text(entry, "summary")),
        authors=tuple(filter(None, (plain(_text(author, "name")) for author in entry.get("authors", ())))),
        categories=tuple(dict.fromkeys(plain(term) for term in (primary, *terms) if term)),
        comments=plain(_text(entry, "arxiv_comment")),
        journal_ref=plain(_text(entry, "arxiv_journal_ref")),
        version=int(found["version"]) if found["version"] else None,
    )


def _abstract(text: str) -> str:
    """Return an abstract as on a listing page, where a line that begins with white space begins a paragraph."""
    # Every other line end is white space like any.
    parts = (part.replace("\n", " ") for part in _BREAK.split(text.strip()))
    return plain("\n".join(parts), paragraphs=True)


def _bare(found: re.Match[str]) -> str:
    # "math.GT/0309136" and "math/0309136" are one paper, and arXiv answers with the short form.
    return found["new"] or f"{found['archive']}/{found['old']}"


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""
