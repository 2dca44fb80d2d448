r"""arXiv's e-mail announcements: bytes in, entries out. No network in here.

Read are the daily mail of an archive (``cs daily 346 new + 55 crosses received``), of a category (``astro-ph.CO daily
Subj-class mailing``) or of those that a subscriber has chosen (``cs daily Subj-class mailing``), as plain text or as a saved
message (mbox or .eml, quoted-printable or base64), and the file of the past week, which strings several announcements together
without their abstracts. A mail is in sections: new papers, then ``%-%-`` and cross-lists, then ``%%--%%--`` and replacements,
then ``%%%---%%%---``, the end mark. An item stands between rules of dashes::

    \\
    arXiv:2611.00001 (*cross-listing*)
    Date: Wed, 18 Nov 2026 19:00:02 GMT   (3197kb,D)

    Title: A title, whose further lines
      are indented
    Categories: cs.RO cs.CV
    \\
      The abstract; an indented line begins a paragraph.
    \\ ( https://arxiv.org/abs/2611.00001 ,  3197kb)
"""

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from digest.arxiv import message
from digest.arxiv.listing import belongs, same_category
from digest.core.announcements import ITHACA
from digest.core.domain import Entry, Kind, Paper
from digest.core.text import plain
from digest.errors import IncompleteError, LayoutError, StaleError

_RULE = re.compile(r"-{70,}")
_CROSSES = re.compile(r"(?:%-){30,}%?")
_REPLACEMENTS = re.compile(r"(?:%%--){15,}%*")
_END = "%%%---" * 13
_OPEN = "\\\\"
_CLOSE = "\\\\ ("
_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: number for number, name in enumerate(_NAMES, 1)}
_MOMENT = (
    r"(?P<day>\d{1,2})\s+(?P<month>[A-Z][a-z]{2})\s+(?P<year>\d{4}|\d\d)\s+"
    r"(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d))?\s+(?P<zone>GMT|UTC|[+-]\d{4})"
)
_STAMP = re.compile(rf"\s*(?:[A-Z][a-z]{{2}},?\s+)?{_MOMENT}", re.ASCII)
_WINDOW = re.compile(r"\s*received from(?P<start>\s.{20,40}?GMT)\s+to(?P<end>\s.{20,40}?GMT)\s*", re.ASCII)
_WEEKDAY = re.compile(r"/\* [A-Z][a-z]{2}, +(?P<day>\d{1,2}) (?P<month>[A-Z][a-z]{2}) (?P<year>\d{4}) \*/", re.ASCII)
_COUNTS = re.compile(r"(?P<name>\S{2,20}) daily +(?P<new>\d{0,6}) *new \+ *(?P<crosses>\d{0,6}) *cross(?:es)? received\b.*", re.ASCII)
_SUBJECT_CLASS = re.compile(r"(?P<name>\S{2,20}) daily Subj-class mailing\b.*", re.ASCII)
_ITEM = re.compile(
    r"arXiv:(?:(?P<archive>[a-z-]{2,20})(?:\.[A-Za-z-]{2,3})?/(?P<old>\d{7})|(?P<new>\d{4}\.\d{4,5}))(?:v(?P<version>\d{1,3}))?"
    r"(?P<cross> +\(\*cross-listing\*\))?\s*",
    re.ASCII,
)
_FIELD = re.compile(
    r"(?P<name>Title|Authors?|Categories|Comments|Journal-ref|DOI|License|[A-Z][A-Za-z]{1,12}-[a-z]{2,8}|From): ?(?P<value>.*)"
)
_REPLACED = "replaced with revised version "
_ABS = re.compile(r"\\\\ \(\s*https?://(?:[a-z]+\.)?arxiv\.org/abs/(?P<id>\S+)", re.ASCII)
_CODE = re.compile(r"[a-z][a-z-]{1,18}(?:\.[A-Za-z][A-Za-z-]{1,18})?")
_PARAGRAPH = re.compile(r"\n[ \t]+")
_PARENTHESES = re.compile(r"\([^()]*\)")
_NESTED = 5
"""How deep parentheses are looked for in each other."""
_BETWEEN_AUTHORS = re.compile(r"\s*[,;]\s*(?:and\s+)?|\s+and\s+")
_SUFFIXES = frozenset({"Jr.", "Jr", "Sr.", "Sr", "II", "III", "IV"})
_FREEZE = dt.timedelta(hours=14)
_LONGEST_WAY = dt.timedelta(days=4)
"""From the end of the window to the mail: at most a week-end."""
_SATURDAY = 5
_MOST_FAULTS = 0.05
_MOST_LINES = 500_000
"""The file of a week has some 30,000."""


@dataclass(frozen=True, slots=True)
class Mailing:
    """One announcement out of a mail."""

    archive: str
    """Whose mail it is: ``cs``; an empty string where that is not told, in the file of a week."""
    category: str
    """``cs.CV`` where the mail is that of one category; an empty string for a whole archive."""
    subjects: tuple[str, ...]
    """The names under "Submissions to:": what a subscriber has chosen out of an archive."""
    date: dt.date
    """The date that arXiv prints for this announcement."""
    start: dt.datetime | None
    """The submissions from this instant on ..."""
    end: dt.datetime | None
    """... and before this one, in UTC, where the mail tells."""
    stated: tuple[int, int] | None
    """How many new papers and cross-lists the subject states, those of the whole archive."""
    entries: tuple[Entry, ...]
    """Those of the category that was asked for, with their kinds as seen from it."""
    faults: tuple[str, ...]
    """What could not be read, each a sentence without its full stop."""
    dates: tuple[dt.date, ...]
    """All the dates in this file, in its order: the newest first."""
    sealed: bool
    """Whether an end mark, or another date after it, shows that nothing lacks at the end."""


@dataclass(frozen=True, slots=True)
class _Part:
    """The blocks of one section, or of one date in the file of a week."""

    kind: Kind
    blocks: tuple[tuple[str, ...], ...]


def parse(body: bytes, *, category: str = "cs.CV", day: dt.date | None = None) -> Mailing:
    """Read the announcement of *category*, or of an archive, of *day* (by default the newest) out of a mail.

    Raises:
        IncompleteError: the mail ends before its end mark, or holds fewer papers than its subject states.
        StaleError: there is no announcement of *day* in it.
        LayoutError: this is no announcement of arXiv's, or that of another category, or more than 5 % of it cannot be read.

    """
    if not body.strip():
        msg = "the mail is empty"
        raise IncompleteError(msg, body=body)
    try:
        headers, text = message.unwrapped(body)
        if text.count("\n") > _MOST_LINES:
            msg = f"the mail has more than {_MOST_LINES} lines, which arXiv's never have"
            raise LayoutError(msg)  # noqa: TRY301 - given its body with the others
        lines = [line.rstrip() for line in text.rstrip().split("\n")]
        if _is_week(lines):
            return _week(lines, category, day)
        return _daily(headers, lines, category, day)
    except (IncompleteError, LayoutError) as exc:
        exc.body = body
        raise


# -- a daily mail ----------------------------------------------------------------------------------------------------


def _daily(headers: dict[str, str], lines: list[str], category: str, day: dt.date | None) -> Mailing:
    own, start = message.headers(lines)
    headers = headers | own  # a mail that was passed on has arXiv's own headers inside
    window = next((index for index in range(start, len(lines)) if _WINDOW.fullmatch(lines[index])), None)
    end = next((index for index in range(start, len(lines)) if lines[index].strip() == _END), None)
    if end is None or window is None or window > end:
        known = "daily" in headers.get("subject", "") or any(_RULE.fullmatch(line) for line in lines)
        if end is None and known:
            msg = f"the mail ends after {len(lines)} lines, before its end mark"
            raise IncompleteError(msg)
        msg = f"this is not an announcement of arXiv's (it begins with {plain(chr(32).join(lines[:3]))[:60]!r})"
        raise LayoutError(msg)
    archive, own_category, stated = _subject(headers.get("subject", ""))
    _refuse_others(archive, own_category, category)
    first, last = _window(lines[window])
    stated_date = _date(headers.get("date", ""), last)
    if day is not None and day != stated_date:
        _stale(stated_date, day)
    parts = tuple(_sections(lines[window + 1 : end]))
    if stated is not None:
        found = tuple(sum(len(part.blocks) for part in parts if part.kind is kind) for kind in (Kind.NEW, Kind.CROSS))
        if found != stated:
            msg = f"the mail states {stated[0]} new papers and {stated[1]} cross-lists, and holds {found[0]} and {found[1]}"
            raise IncompleteError(msg)
    items, faults = _items(parts)
    subjects = _subjects(lines[start:window])
    if subjects and not own_category:
        _refuse_unless_subscribed(items, subjects, category)
    return Mailing(
        archive=archive,
        category=own_category,
        subjects=subjects,
        date=stated_date,
        start=first,
        end=last,
        stated=stated,
        entries=_seen_from(category, items),
        faults=faults,
        dates=(stated_date,),
        sealed=True,
    )


def _subject(subject: str) -> tuple[str, str, tuple[int, int] | None]:
    """Return the archive, the category and the two counts that a subject states."""
    counts, of_class = _COUNTS.fullmatch(subject), _SUBJECT_CLASS.fullmatch(subject)
    name = (counts or of_class or {"name": ""})["name"]
    if not _CODE.fullmatch(name):
        msg = f"the subject of the mail is none of arXiv's announcements: {subject[:120]!r}"
        raise LayoutError(msg)
    archive, dot, _ = name.partition(".")
    # "13 new +  crosses received": where there is none, arXiv writes no number.
    stated = (int(counts["new"] or 0), int(counts["crosses"] or 0)) if counts else None
    return archive, name if dot else "", stated


def _refuse_others(archive: str, own: str, category: str) -> None:
    """Refuse the mail of another archive or category: what it says of *category* is only a part."""
    if not same_category(own, category) if own else archive != category.partition(".")[0]:
        msg = f"the mail is that of {own or archive}, not of {category}"
        raise LayoutError(msg)


def _window(line: str) -> tuple[dt.datetime, dt.datetime]:
    found = _WINDOW.fullmatch(line)
    first, last = (_moment(found[name]) for name in ("start", "end")) if found else (None, None)
    if first is None or last is None or first >= last:
        msg = f"the mail does not state its submission window: {plain(line)[:120]!r}"
        raise LayoutError(msg)
    return first, last


def _date(stamp: str, end: dt.datetime) -> dt.date:
    """Return the date of the announcement that was mailed at *stamp*: the day after its evening in Ithaca."""
    sent = _moment(stamp)
    if sent is None:
        msg = f"the mail states no date of its own: {stamp[:120]!r}"
        raise LayoutError(msg)
    if not dt.timedelta() <= sent - end <= _LONGEST_WAY:
        msg = f"the mail of {sent:%Y-%m-%d %H:%M} UTC cannot be that of the submissions up to {end:%Y-%m-%d %H:%M} UTC"
        raise LayoutError(msg)
    # A mail that is late, after midnight, is still that of the evening: nothing is announced before the freeze.
    evening = (sent.astimezone(ITHACA).replace(tzinfo=None) - _FREEZE).date()
    stated = evening + dt.timedelta(days=1)
    if stated.weekday() >= _SATURDAY:
        msg = f"the mail of {sent:%Y-%m-%d %H:%M} UTC would be the announcement of a {stated:%A}, and arXiv makes none"
        raise LayoutError(msg)
    return stated


def _moment(text: str) -> dt.datetime | None:
    """Return the moment that *text* begins with, in UTC; None if it is none."""
    found = _STAMP.match(text)
    if not found:
        return None
    year = int(found["year"])
    if len(found["year"]) == len("23"):
        year += 1900 if year > 90 else 2000  # noqa: PLR2004 - arXiv began in 1991
    zone = dt.UTC
    try:
        if found["zone"][0] in "+-":
            sign = -1 if found["zone"][0] == "-" else 1
            zone = dt.timezone(sign * dt.timedelta(hours=int(found["zone"][1:3]), minutes=int(found["zone"][3:])))
        day, hour, minute, second = (int(found[name] or 0) for name in ("day", "hour", "minute", "second"))
        return dt.datetime(year, _MONTHS[found["month"]], day, hour, minute, second, tzinfo=zone).astimezone(dt.UTC)
    except (ValueError, KeyError, OverflowError):
        return None


def _subjects(lines: Iterable[str]) -> tuple[str, ...]:
    names: list[str] | None = None
    for line in lines:
        if names is not None:
            names.append(plain(line))
        elif line.strip() == "Submissions to:":
            names = []
    return tuple(filter(None, names or ()))


def _refuse_unless_subscribed(items: Iterable[Entry], subjects: Sequence[str], category: str) -> None:
    """Refuse the mail to a subscriber who has not chosen *category*: it holds only what is in the chosen ones too.

    The chosen categories stand in there by their names. But a paper is new in a mail only if its primary category was chosen.
    """
    own = {item.kind for item in items if belongs(item.paper.primary, category)}
    if "." not in category or Kind.CROSS in own or Kind.NEW not in own:
        msg = f"nothing shows that the mail is that of {category} (it lists submissions to {', '.join(subjects)[:200]})"
        raise LayoutError(msg)


def _stale(stated: dt.date, day: dt.date) -> None:
    msg = f"the mail is the announcement of {stated}, not of {day}"
    stale = StaleError(msg)
    stale.stated = stated
    raise stale


# -- the file of a week ----------------------------------------------------------------------------------------------


def _is_week(lines: Sequence[str]) -> bool:
    head = [line for line in lines[:6] if line and not _RULE.fullmatch(line)]
    return len(head) > 1 and head[0] == _OPEN and head[1].startswith("/*")


def _week(lines: list[str], category: str, day: dt.date | None) -> Mailing:
    """Read a file without headers and without an end mark, in which a block of its own opens each date."""
    days: dict[dt.date, list[tuple[str, ...]]] = {}
    current: list[tuple[str, ...]] = []
    for block in _blocks(lines):
        if len(block) > 1 and block[1].startswith("/*"):
            stated = _printed(block[1])
            if days and stated >= min(days):
                msg = f"the dates of the file are not in order at {stated}"
                raise LayoutError(msg)
            current = days[stated] = []
        else:
            current.append(block)
    if lines[-1] != _OPEN:
        msg = f"the file ends after {len(lines)} lines, within an entry"
        raise IncompleteError(msg)
    dates = tuple(days)
    if not dates:
        msg = "the file states no date"
        raise LayoutError(msg)
    chosen = dates[0] if day is None else day
    if chosen not in days:
        _stale(dates[0], chosen)
    items, faults = _items((_Part(Kind.NEW, tuple(days[chosen])),), week=True)
    archive = category.partition(".")[0]
    for item in items:
        if not any(code.partition(".")[0] == archive for code in item.paper.categories):
            msg = f"the file is not that of {archive}: {item.paper.id} is in {' '.join(item.paper.categories)}"
            raise LayoutError(msg)
    return Mailing("", "", (), chosen, None, None, None, _seen_from(category, items), faults, dates, sealed=chosen != dates[-1])


def _printed(line: str) -> dt.date:
    found = _WEEKDAY.fullmatch(line)
    try:
        if found:
            return dt.date(int(found["year"]), _MONTHS[found["month"]], int(found["day"]))
    except (ValueError, KeyError):
        pass
    msg = f"a date of the file is none: {plain(line)[:120]!r}"
    raise LayoutError(msg)


# -- sections, blocks, items -----------------------------------------------------------------------------------------


def _sections(lines: list[str]) -> Iterator[_Part]:
    """Yield the three sections, as the lines of percent signs part them."""
    kind, start = Kind.NEW, 0
    for index, line in enumerate(lines):
        following = Kind.CROSS if _CROSSES.fullmatch(line) else Kind.REPLACED if _REPLACEMENTS.fullmatch(line) else None
        if following is None:
            continue
        if kind is Kind.REPLACED or kind is following:
            msg = "the sections of the mail are not in their order"
            raise LayoutError(msg)
        yield _Part(kind, tuple(_blocks(lines[start:index])))
        kind, start = following, index + 1
    yield _Part(kind, tuple(_blocks(lines[start:])))


def _blocks(lines: list[str]) -> Iterator[tuple[str, ...]]:
    """Yield what stands between two rules. A rule counts only before an item: an abstract may hold one."""
    block: list[str] = []
    for index, line in enumerate(lines):
        after = lines[index + 1] if index + 1 < len(lines) else _OPEN
        if _RULE.fullmatch(line) and (after == _OPEN or _RULE.fullmatch(after)):
            if any(block):
                yield tuple(block)
            block = []
        else:
            block.append(line)
    if any(block):
        yield tuple(block)


def _items(parts: Iterable[_Part], *, week: bool = False) -> tuple[list[Entry], tuple[str, ...]]:
    """Return what could be read, and what could not."""
    items: list[Entry] = []
    faults: list[str] = []
    for part in parts:
        seen: set[str] = set()
        for block in part.blocks:
            item = _item(block, part.kind, week=week)
            if isinstance(item, str):
                faults.append(item)
            elif item.paper.id in seen:
                faults.append(f"{item.paper.id} stands there twice")
            else:
                seen.add(item.paper.id)
                items.append(item)
    if len(faults) > _MOST_FAULTS * (len(items) + len(faults)):
        msg = f"of {len(items) + len(faults)} entries, {len(faults)} cannot be read, the first because {faults[0]}"
        raise LayoutError(msg)
    return items, tuple(faults)


def _item(block: Sequence[str], kind: Kind, *, week: bool) -> Entry | str:
    """Return the paper of one block, or what is wrong with it."""
    block = [line for index, line in enumerate(block) if line or index]
    found = _ITEM.fullmatch(block[1]) if len(block) > 1 and block[0] == _OPEN else None
    if not found:
        return f"a block is no entry: {plain(chr(32).join(block[:3]))[:80]!r}"
    name = found["new"] or f"{found['archive']}/{found['old']}"
    try:
        close = next(index for index in range(2, len(block)) if block[index] == _OPEN or block[index].startswith(_CLOSE))
    except StopIteration:
        return f"{name} has no end"
    fields, stamps = _fields(block[2:close])
    end = close
    if not week and block[close] == _OPEN:
        end = next((index for index in range(len(block) - 1, close, -1) if block[index].startswith(_CLOSE)), 0)
        if not end:
            return f"{name} has no end"
    if any(block[end + 1 :]):
        return f"{name} is followed by what is no entry: {plain(chr(32).join(block[end + 1 :]))[:80]!r}"
    address = _ABS.match(block[end])
    if address and address["id"] not in block[1]:
        return f"{name} ends as {plain(address['id'])[:40]}"
    title, categories = plain(fields.get("Title", "")), tuple(dict.fromkeys(fields.get("Categories", "").split()))
    if not title or not categories or not all(map(_CODE.fullmatch, categories)):
        return f"{name} has no title or no categories"
    if (kind is Kind.REPLACED) != ("replaced" in stamps):
        return f"{name} stands among the {kind} ones, and says otherwise"
    if not week and kind is not Kind.REPLACED and (kind is Kind.CROSS) != bool(found["cross"]):
        return f"{name} stands among the {kind} ones, and says otherwise"
    paper = Paper(
        id=name,
        title=title,
        abstract=_abstract(block[close + 1 : end]),
        authors=_authors(fields.get("Authors") or fields.get("Author", "")),
        categories=categories,
        comments=plain(fields.get("Comments", "")),
        journal_ref=plain(fields.get("Journal-ref", "")),
        doi=plain(fields.get("DOI", "")),
        licence=plain(fields.get("License", "")),
        version=int(found["version"]) if found["version"] else None,
        # The date of a cross-list may be that of a later version: only a new paper has but one.
        submitted=stamps.get("date") if kind is Kind.NEW and not found["cross"] else None,
        updated=stamps.get("replaced"),
    )
    return Entry(paper, Kind.REPLACED_CROSS if found["cross"] and kind is Kind.REPLACED else Kind.CROSS if found["cross"] else kind)


def _fields(lines: Iterable[str]) -> tuple[dict[str, str], dict[str, dt.datetime | None]]:
    """Return the fields by their names, and the moments: ``date``, and ``replaced`` where the paper was."""
    fields: dict[str, list[str]] = {}
    stamps: dict[str, dt.datetime | None] = {}
    name = ""
    for line in lines:
        if line.startswith("Date: "):
            stamps.setdefault("date", _moment(line.removeprefix("Date: ")))
        elif line.startswith(_REPLACED):
            stamps["replaced"] = _moment(line.removeprefix(_REPLACED))
        elif (field := _FIELD.fullmatch(line)) and field["name"] not in fields:
            name = field["name"]
            fields[name] = [field["value"]]
        elif name and line:
            fields[name].append(line.strip())
    return {name: " ".join(parts) for name, parts in fields.items()}, stamps


def _abstract(lines: Sequence[str]) -> str:
    parts = (part.replace("\n", " ") for part in _PARAGRAPH.split("\n".join(lines).strip()))
    return plain("\n".join(parts), paragraphs=True)


def _authors(text: str) -> tuple[str, ...]:
    """Return the names in "The X Collaboration: A. One (1), B. Two (1 and 2), and C. Three ((1) CERN, Geneva)"."""
    text = plain(text).replace(": ", ", ")
    for _ in range(_NESTED):
        text = _PARENTHESES.sub("", text)
    names: list[str] = []
    for name in filter(None, (plain(part) for part in _BETWEEN_AUTHORS.split(text))):
        if name in _SUFFIXES and names:
            names[-1] += f", {name}"
        else:
            names.append(name)
    return tuple(names)


def _seen_from(category: str, items: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return the entries of *category* with their kinds as seen from it, in the order of the kinds.

    In the mail of an archive, "new" means new in the archive: the paper of one category that is listed in another one of the
    archive too stands there but once. A whole archive is taken as the mail says.
    """
    entries: list[Entry] = []
    for item in items:
        codes = item.paper.categories
        if "." not in category:
            entries.append(item)
        elif any(belongs(code, category) for code in codes):
            replaced = item.kind in (Kind.REPLACED, Kind.REPLACED_CROSS)
            own, other = (Kind.REPLACED, Kind.REPLACED_CROSS) if replaced else (Kind.NEW, Kind.CROSS)
            entries.append(Entry(item.paper, own if belongs(codes[0], category) else other))
    order = list(Kind)
    return tuple(sorted(entries, key=lambda entry: order.index(entry.kind)))
