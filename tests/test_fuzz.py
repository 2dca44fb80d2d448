"""Documents that something has happened to: no parser breaks on one, and what a parser takes out of one is well-formed.

What arXiv answers is mutated (`tests.mutations`), each document by its number, so that a failure is made again by that. The
recorded answers are cut down to a few entries each, so that many of them can be read; where there are none, the invented
ones serve.
"""

import dataclasses
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from digest import resources
from digest.arxiv import api, document, feed, listing, mailing, oai
from digest.arxiv.answers import Answers
from digest.arxiv.client import Answer
from digest.arxiv.pages import Pages
from digest.athand import AtHand
from digest.core.domain import Entry, Kind, Paper
from digest.errors import DigestError
from tests import feeds, mailings, oaipmh, pages, rss
from tests.feeds import Row
from tests.mailings import Item
from tests.mutations import mutated
from tests.pages import Fake
from tests.reference import at_hand, shared

IN_ALL, AT_ONCE = 20_000, 400
DAY = date(2026, 11, 20)
_LARGEST = 12_000
_ID = re.compile(r"(?:[0-9]{4}\.[0-9]{4,5}|[a-z-]{2,20}(?:\.[A-Z]{2})?/[0-9]{7})")
_TURNS_TEXT = re.compile("[\u202a-\u202e\u2066-\u2069]")


# -- what is mutated -------------------------------------------------------------------------------------------------


def _short(page: bytes, count: int = 2) -> bytes:
    """Return a listing page with its first *count* entries of each list, and with counts that fit."""
    content = page[max(page.find(b"<div id='dlpage'"), 0) : page.rfind(b"</dl>") + len(b"</dl>")]
    found = 0

    def shorter(match: re.Match[bytes]) -> bytes:
        nonlocal found
        kept = re.findall(rb"<dt>.*?</dd>", match[0], re.DOTALL)[:count]
        head = re.sub(rb"showing .*? entries", b"showing %d of %d entries" % (len(kept), len(kept)), match[0].partition(b"<dt>")[0])
        found += len(kept)
        return head + b"\n".join(kept) + b"</dl>"

    content = re.sub(rb"<dl.*?</dl>", shorter, content, flags=re.DOTALL)
    content = re.sub(rb"Total of \d+ entries[^<]*<span>[^<]*</span>", b"Total of %d entries" % found, content)
    content = re.sub(rb"Total of \d+ entries", b"Total of %d entries" % found, content)
    return b"<!DOCTYPE html><html><body>" + content + b"</div></body></html>\n"


FAKES = (
    Fake("2611.00003", "Boats & Birds", "Two.\nSee https://example.org/a_b?c=1.", comments="12 pages", journal_ref="J. 1 (2026)"),
    Fake("2611.00002", kind="cross", categories=("cs.RO", "cs.CV")),
    Fake("cs/0703101", kind="replaced-cross", categories=("cs.GR", "cs.CV")),
)
ITEMS = (
    Item("2611.00003", comments="12 pages", more="DOI: 10.1/x\nLicense: http://example.org/by\n"),
    Item("2611.00002", categories="cs.RO cs.CV", cross=True),
    Item("cs/0703101", categories="cs.CV", replaced=True),
)


def _recorded(*patterns: str) -> Iterator[Path]:
    if at_hand():
        for pattern in patterns:
            yield from sorted((shared() / "arxiv" / "recorded").glob(pattern))


@cache
def _pages() -> tuple[bytes, ...]:
    days = {DAY: FAKES[:1], date(2026, 11, 18): FAKES[1:]}
    made = (
        pages.new(FAKES, DAY),
        pages.new((), DAY),
        pages.new(FAKES, DAY, skip=1, show=1),
        pages.catchup(FAKES, DAY, following=date(2026, 11, 23)),
        pages.recent(days),
        pages.month(FAKES, DAY),
        pages.month((), DAY),
        pages.old(FAKES, DAY),
    )
    real = [_short(path.read_bytes()) for path in _recorded("*/html_list_*.html", "*/html_catchup_cs*.html", "*/html_seed_*.html")]
    small = [body for path in _recorded("nov2026/html_error_*") if len(body := path.read_bytes()) < _LARGEST]
    return (*made, *real, *small)


@cache
def _mails() -> tuple[bytes, ...]:
    made = mailings.mailing(ITEMS)
    mails = [made, mailings.mailing((), name="cs.CV", subjects=["Vision"]), mailings.week({DAY: ITEMS[:2], date(2026, 11, 18): ITEMS[:1]})]
    mails += [body for path in _recorded("mailings/*") if len(body := path.read_bytes()) < _LARGEST]
    wrapped = [mailings.message(mail, encoding=coding, mailbox=True) for mail in mails[:2] for coding in ("base64", "quoted-printable")]
    return (*mails, *wrapped)


@cache
def _answers() -> tuple[bytes, ...]:
    rows = [Row("2611.00001"), Row("cs/0703101", "Title of \\'e & <b>", "One.\n  Two.", comments="12 pages", version="v12")]
    made = (feeds.feed(rows), feeds.feed([], total=7), feeds.error("incorrect id format for foo"))
    real = [path.read_bytes() for path in _recorded("production-api/*.xml", "nov2026/api_*.xml")]
    return (*made, *(body for body in real if len(body) < _LARGEST))


def _whole(body: bytes, entry: bytes, count: int = 2) -> bytes:
    """Return a document of many entries (``item``, ``record``) with its first *count* alone."""
    entries = list(re.finditer(rb"<%b[ >].*?</%b>\s*" % (entry, entry), body, re.DOTALL))
    return body[: entries[count].start()] + body[entries[-1].end() :] if len(entries) > count else body


@cache
def _feeds() -> tuple[bytes, ...]:
    items = (
        rss.Item("2611.00003", "Boats &amp; <b>Birds</b>", "Two.\nLines &lt;", doi="10.1000/x", journal_ref="J. 1 (2026)", version=3),
        rss.Item("2611.00002", kind="cross", categories=("cs.RO", "cs.CV"), creator="The X Collaboration: A. One (1), B. Two ((1) CERN)"),
        rss.Item("cs/0703101", kind="replaced", version=12),
    )
    made = [make(chosen, DAY) for make in (rss.rss, rss.atom, rss.rdf) for chosen in (items, items[:1], ())]
    made += [rss.rss(items, DAY, codes=("cs.CV", "cs.RO")), *(rss.error("no such feed", kind=kind) for kind in ("rss", "atom"))]
    real = [path.read_bytes() for path in _recorded("*/feed_*.xml", "feed-clock/*.xml")]
    short = (_whole(_whole(body, b"item"), b"entry") for body in real)
    return (*made, *(body for body in short if len(body) < _LARGEST))


@cache
def _harvests() -> tuple[bytes, ...]:
    rows = [
        oaipmh.Row("2611.00001", "Title of \\'e & <b>", "One.\n  Two.", comments="12 pages"),
        oaipmh.Row("cs/0703101", versions=(("v1", "Wed, 18 Nov 2026 18:00:00 GMT", "D"), ("v3", "Thu, 19 Nov 2026 18:00:00 GMT", "I"))),
        oaipmh.Row("2611.00002", deleted=True),
    ]
    made = [oaipmh.answer(rows, prefix=prefix, token=token) for prefix in (oaipmh.RAW, oaipmh.ARXIV) for token in (None, "", "verb%3Dx")]
    made += [oaipmh.NONE, oaipmh.error("badResumptionToken", "gone"), oaipmh.error("badArgument", "what")]
    real = [_whole(path.read_bytes(), b"record") for path in _recorded("*/oai_*.xml", "oai-paged/*.xml")]
    return (*made, *(body for body in real if len(body) < _LARGEST))


def _documents() -> tuple[bytes, ...]:
    return (*_answers(), *_feeds(), *_harvests())


@cache
def _all() -> tuple[bytes, ...]:
    """Return some of everything: for what must find out itself what it has before it."""
    return (*_answers()[::3], *_feeds()[::3], *_harvests()[::3], *_pages()[::3], *_mails()[::2])


def _listing(body: bytes) -> object:
    """Read a page, and say what lacks in it."""
    page = listing.parse(body)
    return page, listing.missing([page])


def _mailing(body: bytes) -> object:
    """Read a mail as that of its own category: every other one is refused before much of it is read."""
    category = re.search(rb"q-fin\.[A-Z]{2}|math\.AG", body)
    return mailing.parse(body, category=category[0].decode() if category else "cs.CV")


def _nobody(url: str) -> Answer:
    msg = f"{url} was asked for"
    raise AssertionError(msg)


def _at_hand(body: bytes) -> object:
    """Read a file of which nothing but its bytes says what it is."""
    reader = AtHand(Pages(_nobody, Answers(Path("nowhere")), resources.calendar()))
    return reader.from_bytes("cs.CV", None, body, service="file", name="file").entries


@dataclass(frozen=True)
class Parser:
    """A parser, and the documents that it is to read."""

    read: Callable[[bytes], object]
    documents: Callable[[], Sequence[bytes]]


PARSERS = {
    "listing": Parser(_listing, _pages),
    "mailing": Parser(_mailing, _mails),
    "api": Parser(api.parse, _answers),
    "feed": Parser(feed.parse, _feeds),
    "oai": Parser(oai.parse, _harvests),
    "document": Parser(
        lambda body: document.check(body, "feed", "rss", "rdf:RDF", "OAI-PMH"), lambda: (*_answers(), *_feeds(), *_harvests())
    ),
    "file": Parser(_at_hand, _all),
}
"""One line for each parser; what it returns is looked through whatever it is made of."""


# -- what must hold --------------------------------------------------------------------------------------------------


def _parts(value: object) -> Iterator[object]:
    """Yield what *value* is made of."""
    yield value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            # The only text of more than one line.
            inside = getattr(value, field.name)
            yield from _parts(inside.replace("\n", " ") if field.name == "abstract" and isinstance(inside, str) else inside)
    elif isinstance(value, tuple | list | set | frozenset):
        for item in value:
            yield from _parts(item)
    elif isinstance(value, dict):
        yield from _parts(list(value.items()))


def check(read: object) -> None:
    """Fail if something in what was *read* is not as a parser may return it."""
    for part in _parts(read):
        match part:
            case Kind():
                assert part in set(Kind)
            case str():
                assert not any(unicodedata.category(letter) in ("Cc", "Cs") for letter in part), part
                assert not _TURNS_TEXT.search(part), part
            case Paper():
                assert _ID.fullmatch(part.id), part.id
                assert all(part.categories), part.categories
                assert all(part.authors), part.authors
                assert part.version is None or 0 <= part.version < 1000
            case Entry():
                assert isinstance(part.kind, Kind)


def outcomes(name: str, numbers: range) -> Counter[str]:
    """Let a parser read the documents of these *numbers*; return how many it took and how many it refused."""
    parser = PARSERS[name]
    documents = parser.documents()
    found: Counter[str] = Counter()
    for number in numbers:
        body = mutated(documents, number)
        try:
            check(parser.read(body))
        except DigestError:
            found["refused"] += 1
        except Exception as exc:
            exc.add_note(f"document {number} of {name}: {body[:200]!r} ...")
            raise
        else:
            found["taken"] += 1
    return found


@pytest.mark.parametrize("name", PARSERS)
def test_what_is_not_mutated(name: str) -> None:
    """The documents themselves are taken or refused like any, and most parsers take most of theirs."""
    parser = PARSERS[name]
    taken = 0
    for body in parser.documents():
        try:
            check(parser.read(body))
        except DigestError:
            continue
        taken += 1

    assert taken


@pytest.mark.parametrize("name", PARSERS)
def test_some_mutations(name: str) -> None:
    """No parser breaks; it takes what it can answer for, and refuses the rest with an error of the project's."""
    found = outcomes(name, range(AT_ONCE // len(PARSERS)))

    assert found["taken"]
    assert found["refused"]


@pytest.mark.slow
@pytest.mark.parametrize("name", PARSERS)
def test_many_mutations(name: str) -> None:
    """The same holds for twenty thousand documents in all."""
    found = outcomes(name, range(AT_ONCE, AT_ONCE + IN_ALL // len(PARSERS)))

    assert found.total() == IN_ALL // len(PARSERS)
    assert found["taken"]
