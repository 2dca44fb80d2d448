"""arXiv's feeds: bytes in, the entries of one announcement out. No network in here.

Read are RSS 2.0 and Atom as rss.arxiv.org gives them since 2024 (arxiv-feed), of one category, of several joined with ``+``,
or of a whole archive; and the RSS 1.0 (RDF) of the years before, of which only kept files are left. (The RSS 0.91 and 2.0 of
those years are refused: no file that shows their form was at hand.) The texts come out as
`digest.arxiv.listing` gives those of a listing page. A feed has no comments, and in the old form no categories but the
primary one.

A feed is read whole or not at all, but for single entries that lack something: those are left out and named.
"""

import datetime as dt
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any

from digest.arxiv import document
from digest.arxiv.api import ID, bare, read
from digest.arxiv.fields import abstract, names
from digest.arxiv.listing import belongs, same_category
from digest.core.announcements import ITHACA
from digest.core.domain import Entry, Kind, Paper
from digest.core.text import plain
from digest.errors import IncompleteError, LayoutError, QueryError

_FORMS = {"rss": "rss", "feed": "atom", "rdf:RDF": "rdf"}
_KINDS = {"new": Kind.NEW, "cross": Kind.CROSS, "replace": Kind.REPLACED, "replace-cross": Kind.REPLACED_CROSS}
_NOTES = {"": Kind.NEW, "CROSS LISTED": Kind.CROSS, "UPDATED": Kind.REPLACED}
_MOST = 2000
_WORST = 20
"""A feed is refused if more than one in so many of its entries cannot be read."""
_NAMED = 3
_EVENING = 20
"""The hour in Ithaca from which on an announcement carries the next day's date."""
_TITLE = re.compile(r"(?P<codes>[A-Za-z.,+ -]{1,4000}) updates on arXiv\.org")
_CODE = re.compile(r"[a-z-]+(?:\.[A-Za-z-]+)?")
_GUID = "oai:arXiv.org:"
_ABS = re.compile(r"https?://(?:export\.)?arxiv\.org/abs/")
_HEAD = re.compile(r"arXiv:\S+\s+Announce Type:\s+\S+(?:\s+Abstract:)?")
_SUFFIX = re.compile(r"(?P<id>\S+) \[(?P<primary>[^\[\]]+)\](?: (?P<note>[A-Z -]+))?\)")
_HIDDEN = re.compile(r"<a\s([^<>]*)>\s*this https? URL\s*</a>")
_TARGET = re.compile(r"href=\"([^\"]*)\"")
_NEW_LINE = re.compile(r"</p>|<br\s*/?>")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed, and what it states about itself."""

    title: str
    categories: tuple[str, ...]
    """What it is about: the codes in its title, in its order; an archive such as ``cs`` stands for all of its categories."""
    form: str
    """``rss``, ``atom`` or ``rdf``."""
    date: dt.date
    """The date of the announcement, as arXiv prints it.

    RSS states it as its ``pubDate`` and Atom in its entries, as midnight in Ithaca. Atom without entries states only when it
    was built, and that day in Ithaca is meant. RDF states the evening on which it was announced (``20:30:00-05:00``,
    whatever the season), and the announcement carries the date of the day after.
    """
    built: dt.datetime
    """When arXiv made the feed, in UTC. Its entries may be older all the same."""
    entries: tuple[Entry, ...]
    """In the order of the feed; none on a day without an announcement. A paper may stand here once for each kind."""
    faults: tuple[tuple[str, str], ...]
    """What was left out: identifier, or ``?``, and what is wrong with that entry."""
    rows: int
    """How many entries stand in the feed, those that were left out and doubles among them."""

    @property
    def full(self) -> bool:
        """Whether it holds as many entries as arXiv puts into a feed at most, so that more may have been announced."""
        return self.rows >= _MOST


class _FaultError(Exception):
    """What is wrong with one entry."""


def parse(body: bytes, *, category: str = "cs.CV") -> Feed:
    """Read one feed that was asked for as *category* (one, or several joined with ``+``).

    The new forms say of each entry what kind it is. RDF says of a replacement only that it is one: of another category than
    *category* it is a replaced cross-list, as on a listing page.

    Raises:
        QueryError: arXiv answers with a feed that is an error.
        IncompleteError: the feed ends before its root does, or states several dates.
        LayoutError: this is no feed of arXiv's, or too many of its entries cannot be read.

    """
    form = _FORMS[document.check(body, *_FORMS)]
    found = read(body)
    title = plain(_text(found.feed, "title"))
    if title.startswith("Feed error for query:"):
        msg = f"arXiv's feeds answered with an error: {plain(_text(found.feed, 'subtitle'))[:300] or 'without a reason'}"
        raise QueryError(msg, body=body)
    named = _TITLE.fullmatch(title)
    codes = tuple(re.split(r"[,+ ]+", named["codes"])) if named else ()
    if not codes or not all(_CODE.fullmatch(code) for code in codes):
        msg = f"the answer is none of arXiv's feeds (its title is {title[:120]!r})"
        raise LayoutError(msg, body=body)
    rows: list[dict[str, Any]] = found.entries
    day, built = _dates(form, found.feed, rows, body)
    entries, faults = _entries(form, rows, category.split("+"))
    if len(faults) * _WORST > len(rows):
        some = "; ".join(f"{name}: {fault}" for name, fault in faults[:_NAMED])
        msg = f"{len(faults)} of the feed's {len(rows)} entries cannot be read ({some}{'; ...' if len(faults) > _NAMED else ''})"
        raise LayoutError(msg, body=body)
    return Feed(title, codes, form, day, built, entries, faults, len(rows))


def read_as(body: bytes, category: str) -> Feed:
    """Read one feed, kept or new, and see its entries from *category*, or from several joined with ``+``.

    Raises:
        QueryError, IncompleteError, LayoutError: as `parse` and `seen_from` do.

    """
    found = parse(body, category=category)
    return replace(found, entries=seen_from(found, category))


def seen_from(found: Feed, category: str) -> tuple[Entry, ...]:
    """Return the entries of a feed that are of *category*, or of one of several joined with ``+``.

    In a feed of more categories than one, or of a whole archive, a paper is new where it is a cross-list for one of them;
    then its primary category says what it is for *category*.

    Raises:
        LayoutError: the feed is not about *category*.

    """
    wanted = category.split("+")
    for one in wanted:
        if not any(_same(code, one) or belongs(one.lower(), code.lower()) for code in found.categories):
            msg = f"the feed is that of {', '.join(found.categories) or 'no category'}, not of {one}"
            raise LayoutError(msg)
    same = all(any(_same(code, one) for code in found.categories) for one in wanted)
    if same and len(wanted) == len(found.categories):
        return found.entries
    return tuple(
        Entry(entry.paper, _SEEN[entry.kind][any(belongs(entry.paper.primary, one) for one in wanted)])
        for entry in found.entries
        if any(belongs(code, one) for code in entry.paper.categories for one in wanted)
    )


def _same(one: str, other: str) -> bool:
    return same_category(one, other) or one.lower() == other.lower()


_SEEN = {
    Kind.NEW: (Kind.CROSS, Kind.NEW),
    Kind.CROSS: (Kind.CROSS, Kind.NEW),
    Kind.REPLACED: (Kind.REPLACED_CROSS, Kind.REPLACED),
    Kind.REPLACED_CROSS: (Kind.REPLACED_CROSS, Kind.REPLACED),
}
"""What an entry is where its primary category is another one, and where it is this one."""


def _entries(form: str, rows: Sequence[dict[str, Any]], own: Sequence[str]) -> tuple[tuple[Entry, ...], tuple[tuple[str, str], ...]]:
    """Return what can be read, each paper once for each kind, and what is wrong with the rest."""
    entries: dict[tuple[str, Kind], Entry] = {}
    faults = []
    for row in rows:
        try:
            entry = _old_entry(row, own) if form == "rdf" else _entry(row)
        except _FaultError as fault:
            faults.append((_identifier(row), str(fault)))
        else:
            entries.setdefault((entry.paper.id, entry.kind), entry)
    return tuple(entries.values()), tuple(faults)


def _entry(row: dict[str, Any]) -> Entry:
    """Return an entry of the form since 2024."""
    guid = _text(row, "id").strip()
    found = ID.fullmatch(guid.removeprefix(_GUID))
    if not found or not guid.startswith(_GUID):
        msg = f"it has no identifier, but {plain(guid)[:60]!r}" if guid else "it has no identifier"
        raise _FaultError(msg)
    announced = plain(_required(row, "arxiv_announce_type", "announce_type"))
    kind = _KINDS.get(announced)
    if kind is None:
        msg = f"its announce_type is unknown: {announced[:60]!r}"
        raise _FaultError(msg)
    if not (codes := tuple(filter(None, (plain(_text(tag, "term")) for tag in row.get("tags", ()))))):
        msg = "it has no category"
        raise _FaultError(msg)
    if not (title := plain(_text(row, "title"))):
        msg = "it has no title"
        raise _FaultError(msg)
    summary = _required(row, "summary", "description")
    head = _HEAD.match(summary)
    paper = Paper(
        id=bare(found),
        title=title,
        abstract=abstract(summary[head.end() :] if head else summary),
        authors=names(_required(row, "author", "creator")),
        categories=tuple(dict.fromkeys(codes)),
        journal_ref=plain(_text(row, "arxiv_journal_reference")),
        version=int(found["version"]) if found["version"] else None,
        doi=plain(_text(row, "arxiv_doi")),
        licence=licence if (licence := plain(_text(row, "rights"))).startswith(("http://", "https://")) else "",
    )
    return Entry(paper, kind)


def _old_entry(row: dict[str, Any], own: Sequence[str]) -> Entry:
    """Return an entry of RDF, whose title ends in ``(arXiv:1805.06430v2 [nucl-th] UPDATED)``."""
    title, _, ending = plain(_text(row, "title")).rpartition("(arXiv:")
    suffix = _SUFFIX.fullmatch(ending)
    found = ID.fullmatch(suffix["id"]) if suffix else None
    if suffix is None or found is None or bare(found) != _identifier(row):
        msg = "its title does not end as arXiv's do"
        raise _FaultError(msg)
    kind = _NOTES.get(suffix["note"] or "")
    if kind is None:
        msg = f"its kind is unknown: {suffix['note'][:60]!r}"
        raise _FaultError(msg)
    # arXiv set a full stop after each title, after a question mark too.
    title = title.strip().removesuffix(".")
    if not title:
        msg = "it has no title"
        raise _FaultError(msg)
    primary = plain(suffix["primary"])
    if kind is Kind.REPLACED and not any(belongs(primary, category) for category in own):
        kind = Kind.REPLACED_CROSS
    authors = names(_unmarked(_required(row, "author", "creator")))
    paper = Paper(
        id=bare(found),
        title=title,
        abstract=abstract(_unmarked(_required(row, "summary", "description"))),
        authors=tuple(name for name in authors if name != "et al."),  # "... (909 additional authors not shown)"
        categories=(primary,),
        version=int(found["version"]) if found["version"] else None,
    )
    return Entry(paper, kind)


def _unmarked(text: str) -> str:
    """Return the text of a field that is HTML, a link as its address, with a new paragraph as in arXiv's own records."""

    def address(hidden: re.Match[str]) -> str:
        target = _TARGET.search(hidden[1])
        return target[1] if target else hidden[0]

    return html.unescape(_TAG.sub("", _NEW_LINE.sub("\n  ", _HIDDEN.sub(address, text))))


def _dates(form: str, feed: dict[str, Any], rows: Sequence[dict[str, Any]], body: bytes) -> tuple[dt.date, dt.datetime]:
    """Return the date that the feed is about, and when it was built."""
    published, updated = _moment(_text(feed, "published")), _moment(_text(feed, "updated"))
    built = updated or published
    if form == "rdf" and updated:
        day = updated.date() + dt.timedelta(days=updated.hour >= _EVENING)
        return day, updated.astimezone(dt.UTC)
    stated = {_moment(text) for text in {_text(row, "published") for row in rows}} | {published}
    days = sorted({moment.astimezone(ITHACA).date() for moment in stated if moment} or {built.astimezone(ITHACA).date()} if built else ())
    if built is None or not days:
        msg = "the feed does not state a date"
        raise LayoutError(msg, body=body)
    if len(days) > 1:
        msg = f"the feed states several dates ({', '.join(map(str, days[:3]))}), so arXiv is just renewing it"
        raise IncompleteError(msg, body=body)
    return days[0], built.astimezone(dt.UTC)


def _moment(text: str) -> dt.datetime | None:
    """Return the instant that *text* states, with the zone that is written in it; None if it is none."""
    for understand in (dt.datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = understand(text.strip())
            moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
            moment.astimezone(ITHACA), moment.astimezone(dt.UTC)
        except (ValueError, TypeError, OverflowError):
            continue
        return moment if moment.year < dt.MAXYEAR else None  # there is a day after it
    return None


def _identifier(row: dict[str, Any]) -> str:
    """Return which paper an entry seems to be about; ``?`` if nothing in it tells."""
    for name in ("id", "link"):
        text = _text(row, name).strip().removeprefix(_GUID)
        if found := ID.fullmatch(_ABS.sub("", text, count=1)):
            return bare(found)
    return "?"


def _required(row: dict[str, Any], name: str, called: str) -> str:
    if text := _text(row, name).strip():
        return text
    msg = f"it has no {called}"
    raise _FaultError(msg)


def _text(fields: dict[str, Any], name: str) -> str:
    # Not by the mapping's own `get`, which takes one field for another where one lacks.
    value = dict.get(fields, name)
    return value if isinstance(value, str) else ""
