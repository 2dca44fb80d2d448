"""arXiv's OAI-PMH: a category and dates in, the address that asks for them out; bytes of an answer in, records out.

No network in here. Read are the records of ListRecords and GetRecord in two formats. ``arXivRaw`` has raw TeX and every
version with its moment. ``arXiv`` has the names of the authors apart, and two dates that are easily mistaken: its
``created`` is when the present version came in and its ``updated`` when that was announced, so nothing is made of either.

A datestamp is the date, in UTC, on which a record was last changed. For a paper that nobody touched since it is the date of
its announcement; which kind of an entry it was there, no record tells.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from lxml import etree

from digest.arxiv import document, fields
from digest.core.domain import Paper
from digest.core.identifiers import identifier
from digest.core.text import plain
from digest.errors import LayoutError, QueryError, UsageError

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_OAI, _ARXIV, _RAW = "{http://www.openarchives.org/OAI/2.0/}", "{http://arxiv.org/OAI/arXiv/}", "{http://arxiv.org/OAI/arXivRaw/}"
_PREFIX = "oai:arXiv.org:"
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_RESPONSE = re.compile(rf"{_DAY.pattern}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}Z")
_MOMENT = re.compile(r"[A-Z][a-z]{2}, [0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT")
_VERSION = re.compile(r"v[1-9][0-9]{0,2}")
_WITHDRAWN = re.compile(
    r"\bthis (?:arxiv )?(?:paper|article|submission|manuscript|preprint|work) (?:has been|was|is) (?:\w+ )?withdrawn\b(?! from\b)"
    r"|\A\W*(?:(?:paper|article|submission|manuscript) )?withdrawn(?:\W*\Z| by (?:the )?(?:arxiv|authors?|submitters?)\b)",
    re.IGNORECASE,
)
"""What arXiv's administrators write into the comments, and what its form proposes to authors."""
_CATEGORY = re.compile(r"[a-z]+(?:-[a-z]+)?(?:\.[A-Za-z]+(?:-[a-z]+)?)?")
_PHYSICS = frozenset(
    {
        "astro-ph",
        "cond-mat",
        "gr-qc",
        "hep-ex",
        "hep-lat",
        "hep-ph",
        "hep-th",
        "math-ph",
        "nlin",
        "nucl-ex",
        "nucl-th",
        "physics",
        "quant-ph",
    }
)
"""The archives of arXiv's group of that name; each other archive is a group of its own."""
_MOST_RECORDS = 20_000
_LONGEST_TOKEN = 4000
_BAD_SHARE = 0.05


class TokenError(QueryError):
    """arXiv does not know the resumption token, or not any more: the harvest must begin anew."""


@dataclass(frozen=True, slots=True)
class Record:
    """What one record says about a paper."""

    paper: Paper
    """Its `version` and its moments are known in the format arXivRaw only."""
    datestamp: date
    """When the record was last changed, in UTC."""
    versions: tuple[datetime, ...]
    """When each version that is listed came in, in UTC, the first one first; empty in the format arXiv."""
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class Harvest:
    """One answer."""

    records: tuple[Record, ...]
    """In arXiv's order."""
    token: str
    """What to ask for the records that follow, as arXiv wrote it; empty if there are none."""
    deleted: tuple[str, ...]
    """The identifiers of the records that are marked as deleted."""
    faults: tuple[tuple[str, str], ...]
    """The identifier of each record that cannot be read, and why."""
    responded: datetime
    """When arXiv answered, in UTC, by its own clock."""
    none: bool = False
    """arXiv says that no records match."""


def set_of(category: str) -> str:
    """Return the set that holds the papers of *category*, which may be an archive.

    >>> [set_of(category) for category in ("cs.CV", "cs", "hep-lat", "cond-mat.str-el", "physics")]
    ['cs:cs:CV', 'cs', 'physics:hep-lat', 'physics:cond-mat:str-el', 'physics:physics']

    Raises:
        UsageError: *category* is not written as arXiv writes categories.

    """
    if not _CATEGORY.fullmatch(category):
        msg = f"{category!r} is no category of arXiv"
        raise UsageError(msg, advice="see https://arxiv.org/category_taxonomy")
    archive, _, subject = category.partition(".")
    if archive in _PHYSICS:
        return f"physics:{archive}:{subject}" if subject else f"physics:{archive}"
    return f"{archive}:{archive}:{subject}" if subject else archive


def query(service: str, category: str, first: date, until: date, *, prefix: str = "arXivRaw") -> str:
    """Return the address of the records in *category* with a datestamp from *first* to *until*, both included.

    Raises:
        UsageError: *category* is not written as arXiv writes categories.

    """
    asked = {"verb": "ListRecords", "metadataPrefix": prefix, "set": set_of(category), "from": first, "until": until}
    return f"{service}?{urlencode(asked, safe=':')}"


def more(service: str, token: str) -> str:
    """Return the address of the records that follow; a *token* is a percent-encoded text already, and is encoded again."""
    return f"{service}?verb=ListRecords&resumptionToken={quote(token, safe='')}"


def parse(body: bytes) -> Harvest:
    """Read one answer to ListRecords or GetRecord.

    Raises:
        TokenError: arXiv does not know the resumption token.
        QueryError: arXiv answers with another error than that no records match, and with its reason.
        IncompleteError: the answer ends before the document does.
        LayoutError: the answer is none of OAI-PMH with records in a format that is read, or more than 5 % of them are bad.

    """
    document.check(body, "OAI-PMH")
    root = _tree(body)
    responded = _text(root, f"{_OAI}responseDate").strip()
    if not _RESPONSE.fullmatch(responded):
        msg = "the answer does not state when it was given, so it is none of OAI-PMH"
        raise LayoutError(msg, body=body)
    try:
        moment = datetime.fromisoformat(responded)
    except ValueError as exc:
        msg = f"the answer states {responded!r} as its time"
        raise LayoutError(msg, body=body) from exc
    if _says_none(root, body):
        return Harvest((), "", (), (), moment, none=True)
    listed = root.find(f"{_OAI}ListRecords")
    if listed is None:
        listed = root.find(f"{_OAI}GetRecord")
    elements = listed.findall(f"{_OAI}record") if listed is not None else []
    if listed is None or not elements or len(elements) > _MOST_RECORDS:
        names = ", ".join(plain(str(etree.QName(child).localname))[:40] for child in list(root)[:5])
        msg = f"the answer is no list of up to {_MOST_RECORDS} records (it holds {names})"
        raise LayoutError(msg, body=body)
    token = _text(listed, f"{_OAI}resumptionToken").strip()
    if len(token) > _LONGEST_TOKEN:
        msg = f"the answer has a resumption token of {len(token)} characters"
        raise LayoutError(msg, body=body)
    if not (token.isascii() and token.isprintable()):
        msg = f"the answer has a resumption token that is no text of arXiv's ({plain(token)[:80]!r})"
        raise LayoutError(msg, body=body)
    records, deleted, faults = _sorted(elements)
    if len(faults) > _BAD_SHARE * len(elements):
        msg = f"{len(faults)} of {len(elements)} records cannot be read ({faults[0][0]}: {faults[0][1]})"
        raise LayoutError(msg, body=body)
    return Harvest(records, token, deleted, faults, moment)


def _tree(body: bytes) -> "Element":
    # The encoding is given because `check` read the bytes as UTF-8, whatever the document itself claims.
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as exc:
        msg = f"the answer is not well-formed ({plain(str(exc))[:160]})"
        raise LayoutError(msg, body=body) from exc
    if root.tag != f"{_OAI}OAI-PMH":
        msg = f"the answer is none of OAI-PMH 2.0 (its root is {plain(str(root.tag))[:80]!r})"
        raise LayoutError(msg, body=body)
    return root


def _says_none(root: "Element", body: bytes) -> bool:
    """Say whether arXiv says that no records match.

    Raises:
        QueryError: arXiv says that anything else is wrong.
        LayoutError: an error has no code, or stands beside records.

    """
    errors = root.findall(f"{_OAI}error")
    codes = [plain(error.get("code", ""))[:40] for error in errors]
    for error, code in zip(errors, codes, strict=True):
        if code == "noRecordsMatch":
            continue
        # arXiv begins with the same sentence for each code, and then says what it is about.
        reason = plain("".join(map(str, error.itertext())))
        msg = f"arXiv's OAI-PMH answered {code}: {reason.rpartition('Reason: ')[2][:300] or 'without a reason'}"
        if not code:
            raise LayoutError(msg, body=body)
        raise (TokenError if code == "badResumptionToken" else QueryError)(msg, body=body)
    if errors and (root.find(f"{_OAI}ListRecords") is not None or root.find(f"{_OAI}GetRecord") is not None):
        msg = "the answer says that no records match, and lists some"
        raise LayoutError(msg, body=body)
    return bool(errors)


class _FaultError(Exception):
    """One record cannot be read; the message says why."""


def _sorted(elements: "list[Element]") -> tuple[tuple[Record, ...], tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Return the records, the identifiers of those that are deleted, and the faults."""
    records: list[Record] = []
    deleted: list[str] = []
    faults: list[tuple[str, str]] = []
    for number, element in enumerate(elements, 1):
        header = element.find(f"{_OAI}header")
        stated = _text(header, f"{_OAI}identifier").strip()
        bare = stated.removeprefix(_PREFIX)
        if header is None or not stated.startswith(_PREFIX) or identifier(bare) != bare:
            faults.append((plain(bare)[:60] or f"record {number}", "it has no identifier"))
            continue
        try:
            if header.get("status") == "deleted":
                deleted.append(bare)
            else:
                records.append(_record(element, bare, _day(_text(header, f"{_OAI}datestamp").strip())))
        except _FaultError as fault:
            faults.append((bare, str(fault)))
    return tuple(records), tuple(deleted), tuple(faults)


def _record(element: "Element", bare: str, datestamp: date) -> Record:
    metadata = element.find(f"{_OAI}metadata")
    content = metadata[0] if metadata is not None and len(metadata) == 1 else None
    if content is None or content.tag not in (f"{_ARXIV}arXiv", f"{_RAW}arXivRaw"):
        msg = f"it is in another format than arXiv and arXivRaw ({plain(str(content.tag))[:80] if content is not None else 'none'})"
        raise _FaultError(msg)
    raw = content.tag == f"{_RAW}arXivRaw"
    space = _RAW if raw else _ARXIV

    def text(name: str) -> str:
        return _text(content, f"{space}{name}")

    title = plain(text("title"))
    categories = tuple(dict.fromkeys(map(plain, text("categories").split())))
    if text("id").strip() != bare:
        msg = f"its metadata are those of {plain(text('id'))[:60]!r}"
        raise _FaultError(msg)
    if not title or not categories:
        msg = f"it has no {'categories' if title else 'title'}"
        raise _FaultError(msg)
    versions = _versions(content) if raw else []
    comments = plain(text("comments"))
    paper = Paper(
        id=bare,
        title=title,
        abstract=fields.abstract(text("abstract")),
        authors=fields.names(text("authors")) if raw else _authors(content),
        categories=categories,
        comments=comments,
        journal_ref=plain(text("journal-ref")),
        version=versions[-1][0] if versions else None,
        doi=plain(text("doi")),
        licence=plain(text("license")),
        submitted=versions[0][1] if versions and versions[0][0] == 1 else None,
        updated=versions[-1][1] if versions else None,
    )
    return Record(paper, datestamp, tuple(moment for _, moment in versions), _is_withdrawn(content, comments))


def _authors(content: "Element") -> tuple[str, ...]:
    """Return the authors of the format arXiv, as a listing page would write them."""
    parts = ("forenames", "keyname", "suffix")
    authors = content.findall(f"{_ARXIV}authors/{_ARXIV}author")
    return tuple(filter(None, (plain(" ".join(_text(author, f"{_ARXIV}{part}") for part in parts)) for author in authors)))


def _versions(content: "Element") -> list[tuple[int, datetime]]:
    """Return the number of each version of the format arXivRaw and when it came in; numbers may be left out."""
    versions: list[tuple[int, datetime]] = []
    for element in content.findall(f"{_RAW}version"):
        written = element.get("version", "")
        if not _VERSION.fullmatch(written) or (versions and int(written[1:]) <= versions[-1][0]):
            msg = f"its versions are not in order (the version {plain(written)[:20]!r} is number {len(versions) + 1})"
            raise _FaultError(msg)
        stated = _text(element, f"{_RAW}date").strip()
        moment = None
        with suppress(ValueError):
            moment = parsedate_to_datetime(stated) if _MOMENT.fullmatch(stated) else None
        if moment is None:
            msg = f"a version states {plain(stated)[:60]!r} as its time"
            raise _FaultError(msg)
        versions.append((int(written[1:]), moment.astimezone(UTC)))
    if not versions:
        msg = "it has no versions"
        raise _FaultError(msg)
    return versions


def _is_withdrawn(content: "Element", comments: str) -> bool:
    types = [_text(element, f"{_RAW}source_type").strip() for element in content.findall(f"{_RAW}version")]
    return bool((types and types[-1] == "I") or _WITHDRAWN.search(comments))


def _day(text: str) -> date:
    with suppress(ValueError):
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    msg = f"its datestamp is {plain(text)[:40]!r}"
    raise _FaultError(msg)


def _text(parent: "Element | None", name: str) -> str:
    """Return the text of the first child called *name*, with all that is inside; an empty one if there is none."""
    child = parent.find(name) if parent is not None else None
    return "".join(map(str, child.itertext())) if child is not None else ""
