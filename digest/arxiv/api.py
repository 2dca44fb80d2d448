"""arXiv's query API: identifiers or a span of time in, the address that asks for them out; bytes of an answer (Atom) in, papers out.

No network in here. The texts come out as `digest.arxiv.listing` gives those of a listing page, so that a model learns from
one what it will see in the other. What is not well-formed, or brings a document type and so perhaps entities that explode,
never reaches the feed parser, which would do its best with anything.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import feedparser

from digest.arxiv import document, fields
from digest.core.domain import Paper
from digest.core.text import plain
from digest.errors import LayoutError, QueryError

_ARXIV = "http://arxiv.org/schemas/atom"
_ABS = re.compile(r"https?://(?:export\.)?arxiv\.org/abs/")
ID = re.compile(
    r"(?:(?P<archive>[a-z-]{2,20})(?:\.[A-Za-z-]{2,3})?/(?P<old>[0-9]{7})|(?P<new>[0-9]{4}\.[0-9]{4,5}))(?:v(?P<version>[0-9]{1,3}))?"
)
"""An identifier with or without its version: its groups are ``archive`` and ``old``, or ``new``, and ``version``."""


@dataclass(frozen=True, slots=True)
class Results:
    """One answer."""

    papers: tuple[Paper, ...]
    rows: int
    """How many entries stand in the answer; one that arXiv gives without a title is no paper."""
    total: int
    """How many results there are, arXiv says, in this answer and those that would follow it."""
    start: int = 0
    """How many of them come before the first one of this answer."""
    asked: int = 0
    """How many this answer could hold at most, arXiv says; 0 where it does not."""


def identifier(text: str) -> str | None:
    """Return an identifier as arXiv writes it today, without its version; None if *text* is none.

    >>> [identifier(text) for text in ("2004.00622v3", "arXiv:math.GT/0309136", "CVPR2020")]
    ['2004.00622', 'math/0309136', None]
    """
    found = ID.fullmatch(text.strip().removeprefix("arXiv:").strip())
    return bare(found) if found else None


def query(service: str, ids: Sequence[str]) -> str:
    """Return the address under which *service* answers for *ids*."""
    return f"{service}?{urlencode({'id_list': ','.join(ids), 'start': 0, 'max_results': len(ids)}, safe=',/')}"


def window(  # noqa: PLR0913 - a question has as many parts
    service: str, category: str, start: datetime, end: datetime, *, skip: int = 0, size: int = 500
) -> str:
    """Return the address under which *service* answers for what was submitted to *category* from *start* to *end*, oldest first.

    arXiv counts in whole minutes and includes both ends, so the minute of *end* is asked for too: who needs the exact
    instant must cut by `Paper.submitted`. The answer begins after *skip* results and holds *size* at most. Of several
    categories joined with ``+``, each paper of any of them is asked for, and of an archive those in all of its categories.
    """
    first, last = (moment.astimezone(UTC).strftime("%Y%m%d%H%M") for moment in (start, end))
    # An archive (cs) has papers in its categories alone, or in itself (hep-th), or in both (astro-ph, which was divided).
    terms = [term for name in category.split("+") for term in ([f"cat:{name}"] if "." in name else [f"cat:{name}", f"cat:{name}.*"])]
    where = terms[0] if len(terms) == 1 else f"({' OR '.join(terms)})"
    fields = {
        "search_query": f"{where} AND submittedDate:[{first} TO {last}]",
        "sortBy": "submittedDate",
        "sortOrder": "ascending",
        "start": skip,
        "max_results": size,
    }
    return f"{service}?{urlencode(fields, safe=':')}"


def parse(body: bytes) -> Results:
    """Read one answer of the query API.

    Raises:
        QueryError: arXiv answers that it cannot answer, in its entry titled "Error".
        IncompleteError: the answer ends before the feed does.
        LayoutError: the answer is no feed of arXiv's query API.

    """
    document.check(body, "feed")
    feed = read(body)
    if not feed.version.startswith("atom"):
        msg = "the answer is not an Atom feed"
        raise LayoutError(msg, body=body)
    entries = feed.entries
    # Its address is not always that of the page about errors: some lead into the manual.
    if len(entries) == 1 and _text(entries[0], "title").strip() == "Error" and not _ABS.match(_text(entries[0], "id").strip()):
        msg = f"arXiv's API answered with an error: {plain(_text(entries[0], 'summary'))[:300] or 'without a reason'}"
        raise QueryError(msg, body=body)
    total, start, asked = (_number(feed.feed, f"opensearch_{name}") for name in ("totalresults", "startindex", "itemsperpage"))
    if total is None:
        msg = "the feed does not state how many results there are, so it is none of arXiv's query API"
        raise LayoutError(msg, body=body)
    papers = tuple(paper for entry in entries if (paper := _paper(entry)))
    return Results(papers, len(entries), total, start or 0, asked or 0)


def _paper(entry: dict[str, Any]) -> Paper | None:
    """Return the paper of one entry; None for one without a title, which arXiv gives for a few broken records."""
    address = _text(entry, "id").strip()
    found = ID.fullmatch(_ABS.sub("", address, count=1))
    if not found or not _ABS.match(address):
        msg = f"an entry has no identifier: {plain(address)[:120]!r}"
        raise LayoutError(msg)
    title = plain(_text(entry, "title"))
    if not title:
        return None
    terms = [_text(tag, "term") for tag in entry.get("tags", ()) if _text(tag, "scheme") in (_ARXIV, "")]
    primary = _text(entry.get("arxiv_primary_category") or {}, "term")
    return Paper(
        id=bare(found),
        title=title,
        abstract=fields.abstract(_text(entry, "summary")),
        authors=tuple(filter(None, (plain(_text(author, "name")) for author in entry.get("authors", ())))),
        categories=tuple(dict.fromkeys(plain(term) for term in (primary, *terms) if term)),
        comments=plain(_text(entry, "arxiv_comment")),
        journal_ref=plain(_text(entry, "arxiv_journal_ref")),
        version=int(found["version"]) if found["version"] else None,
        doi=plain(_text(entry, "arxiv_doi")),
        submitted=_moment(_text(entry, "published")),
        # Asked for what is not there, feedparser gives `published` for `updated`.
        updated=_moment(_text(entry, "updated")) if "updated" in entry else None,
    )


def read(body: bytes) -> feedparser.FeedParserDict:
    """Return what feedparser makes of a document that `digest.arxiv.document.check` let through, its texts untouched.

    Raises:
        LayoutError: feedparser cannot read it.

    """
    # From an object with `read`, because bytes could name a file; and in the encoding that was checked, whatever the document
    # says of itself.
    source = SimpleNamespace(read=lambda: body)
    utf8 = {"content-type": "application/xml; charset=utf-8"}
    try:
        found = feedparser.parse(source, response_headers=utf8, sanitize_html=False, resolve_relative_uris=False)
    except Exception as exc:  # it raises whatever it stumbles over: a KeyError for a category in a strange place
        msg = f"the answer is a feed that feedparser cannot read ({type(exc).__name__})"
        raise LayoutError(msg, body=body) from exc
    if found.bozo:
        msg = f"the answer is a feed that feedparser cannot read ({plain(str(found.bozo_exception))[:120]})"
        raise LayoutError(msg, body=body)
    return found


def bare(found: re.Match[str]) -> str:
    """Return the identifier without version that `ID` has *found*."""
    # "math.GT/0309136" and "math/0309136" are one paper, and arXiv answers with the short form.
    return found["new"] or f"{found['archive']}/{found['old']}"


def _moment(text: str) -> datetime | None:
    """Return the instant that arXiv writes as ``2026-11-18T19:22:36Z``; None for anything that is none."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _number(element: dict[str, Any], name: str) -> int | None:
    text = _text(element, name).strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < len("1000000000") else None


def _text(element: dict[str, Any], name: str) -> str:
    value = element.get(name)
    return value if isinstance(value, str) else ""
