"""How fast arXiv's XML is read, beside what else one would read it with.

    python benchmarks/parsers.py

Each kind of document is one `Document` in `documents`: its bytes, our parser, and rivals that must find the same papers or
say what they do not do. All are measured in turn, again and again on one core, in time of the processor; figures are medians,
and ratios those of one turn. Exit status: 0 if every goal is reached, else 1.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for the invented papers in `tests`

import gc
import re
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import feedparser
from lxml import etree
from speed import Line, invented
from timing import one_core

from digest.arxiv import api, feed, oai
from digest.core.domain import Paper
from digest.core.text import plain
from digest.errors import LayoutError
from tests import feeds, oaipmh, rss

ENTRIES, RUNS = 1000, 5
DAY = date(2026, 11, 20)
NESTED = b"<a>" * 200_000 + b"</a>" * 200_000
"""1.4 MB of nothing."""


@dataclass(frozen=True, slots=True)
class Rival:
    """Another way to read the same document."""

    name: str
    read: Callable[[bytes], object]
    goal: float | None = None
    """How many times as fast as it ours should at least be."""
    same: bool = True
    """Whether it gives the same papers as ours."""


@dataclass(frozen=True, slots=True)
class Document:
    """One kind of document, and who reads it."""

    name: str
    body: bytes
    ours: Callable[[bytes], Sequence[Paper]]
    rivals: tuple[Rival, ...]


def documents() -> Iterator[Document]:
    """Yield every kind of document that is measured."""
    fakes = invented(ENTRIES)
    for name, make in (("RSS", rss.rss), ("Atom", rss.atom)):
        yield Document(
            name,
            make(fakes, DAY),
            feed_papers,
            (
                Rival("feedparser alone, nothing cleaned", bare_feedparser, 0.7, same=False),
                Rival("feedparser with its sanitiser", default_feedparser, same=False),
                Rival("feedparser, the same papers", feedparser_papers, 0.75),
                Rival("lxml, the same papers", lxml_rss_papers if name == "RSS" else lxml_atom_papers),
            ),
        )

    yield Document(
        "query API",
        feeds.feed([feeds.Row(fake.id, fake.title, fake.abstract, fake.authors, fake.categories) for fake in fakes]),
        lambda body: api.parse(body).papers,
        (
            Rival("feedparser alone, nothing cleaned", bare_feedparser, 0.7, same=False),
            Rival("lxml alone, its texts as they are", bare_lxml, same=False),
        ),
    )
    rows = [oaipmh.Row(fake.id, fake.title, fake.abstract, ", ".join(fake.authors), categories=" ".join(fake.categories)) for fake in fakes]
    yield Document(
        "OAI-PMH",
        oaipmh.answer(rows),
        lambda body: [record.paper for record in oai.parse(body).records],
        (Rival("lxml alone, its texts as they are", bare_lxml, 0.04, same=False),),
    )


def main() -> int:
    """Measure everything, print the table, return the exit status."""
    print(f"{'measure':<58} {'figure':>9} {'':<12} {'goal':>10} {'ratio to goal':>13}  ok")
    lines = []
    with one_core():
        for line in (line for part in (*map(compared, documents()), refused()) for line in part):
            print(line, flush=True)
            lines.append(line)
    missed = [line.measure.strip() for line in lines if not line.ok]
    print(f"\n{len(missed)} goals missed: {', '.join(missed)}" if missed else "\nEvery goal is reached.")
    return 1 if missed else 0


def compared(document: Document) -> Iterator[Line]:
    """Measure one kind of document."""
    papers = document.ours(document.body)
    for rival in document.rivals:
        found = rival.read(document.body)
        if rival.same and list(papers) != found:
            msg = f"{rival.name} and this program do not read the same papers out of {document.name}"
            raise RuntimeError(msg)
    rounds = [[seconds(read, document.body) for read in (document.ours, *(rival.read for rival in document.rivals))] for _ in range(RUNS)]
    ours, *theirs = map(statistics.median, zip(*rounds, strict=True))
    yield Line(f"{document.name}, {len(papers):,} entries, {len(document.body) / 1e6:.1f} MB", len(papers) / ours, "entries/s")
    for place, (rival, median) in enumerate(zip(document.rivals, theirs, strict=True), start=1):
        ratio = statistics.median(took[place] / took[0] for took in rounds)
        yield Line(f"  {rival.name}", len(papers) / median, "entries/s")
        yield Line(f"  {document.name}, ours / {rival.name}", ratio, "times", rival.goal)


def seconds(read: Callable[[bytes], object], body: bytes) -> float:
    """Return how much of the processor's time it takes to read *body* once."""
    gc.collect()
    begin = time.process_time()
    read(body)
    return time.process_time() - begin


def refused() -> Iterator[Line]:
    """Measure how long it takes to refuse what is nested too deeply to be of arXiv's."""
    body = rss.rss(invented(1), DAY).replace(b"<item>", b"<item>" + NESTED, 1)
    yield Line(f"refusing {len(body) / 1e6:.1f} MB of nested tags", seconds(refusal, body), "s", 0.1, at_least=False)
    yield Line("  feedparser, which reads it", seconds(bare_feedparser, body), "s")


def refusal(body: bytes) -> None:
    """Read what is refused.

    Raises:
        RuntimeError: it is not.

    """
    try:
        feed.parse(body)
    except LayoutError:
        return
    msg = "a document that nests too deeply was read"
    raise RuntimeError(msg)


# -- ours --------------------------------------------------------------------------------------------------------------


def feed_papers(body: bytes) -> list[Paper]:
    """Read a feed as this program does."""
    return [entry.paper for entry in feed.parse(body).entries]


# -- the same with feedparser ------------------------------------------------------------------------------------------


def bare_feedparser(body: bytes) -> list[Mapping[str, Any]]:
    """Read a feed with feedparser and do nothing with it."""
    return list(feedparser.parse(body, sanitize_html=False, resolve_relative_uris=False).entries)


def default_feedparser(body: bytes) -> list[Mapping[str, Any]]:
    """Read a feed with feedparser as its documentation begins; what looks like a tag is then lost from the texts."""
    return list(feedparser.parse(body).entries)


def feedparser_papers(body: bytes) -> list[Paper]:
    """Read the papers out of a feed as one would with feedparser, cleaned as this program cleans them."""
    return [paper(entry, [tag["term"] for tag in entry["tags"]]) for entry in bare_feedparser(body)]


# -- the same with lxml ------------------------------------------------------------------------------------------------

_ATOM = "{http://www.w3.org/2005/Atom}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_SHARED = {"author": f"{_DC}creator", "rights": f"{_DC}rights"}
_RSS_FIELDS = {"id": "guid", "title": "title", "summary": "description", **_SHARED}
_ATOM_FIELDS = {"id": f"{_ATOM}id", "title": f"{_ATOM}title", "summary": f"{_ATOM}summary", **_SHARED}


def bare_lxml(body: bytes) -> list[str]:
    """Read all texts of a document with lxml and do nothing with them."""
    return [element.text or "" for element in etree.fromstring(body).iter()]


def lxml_rss_papers(body: bytes) -> list[Paper]:
    """Read the papers out of an RSS feed as one would with lxml."""
    return [
        paper(
            {name: item.findtext(path) or "" for name, path in _RSS_FIELDS.items()},
            [category.text or "" for category in item.findall("category")],
        )
        for item in etree.fromstring(body).iter("item")
    ]


def lxml_atom_papers(body: bytes) -> list[Paper]:
    """Read the papers out of an Atom feed as one would with lxml."""
    return [
        paper(
            {name: entry.findtext(path) or "" for name, path in _ATOM_FIELDS.items()},
            [str(category.get("term")) for category in entry.findall(f"{_ATOM}category")],
        )
        for entry in etree.fromstring(body).iter(f"{_ATOM}entry")
    ]


def paper(fields: Mapping[str, str], categories: Sequence[str]) -> Paper:
    """Return a paper, its texts cleaned as this program cleans them."""
    identifier, _, version = fields["id"].removeprefix("oai:arXiv.org:").rpartition("v")
    text = re.sub(r"\n[ \t]+", "\0", fields["summary"].partition("Abstract:")[2].strip()).replace("\n", " ").replace("\0", "\n")
    return Paper(
        identifier,
        plain(fields["title"]),
        plain(text, paragraphs=True),
        tuple(filter(None, (plain(name) for name in re.sub(r"\([^()]*\)", "", fields["author"]).split(",")))),
        tuple(categories),
        version=int(version),
        licence=fields["rights"],
    )


if __name__ == "__main__":
    sys.exit(main())
