"""Curated lists of papers, as their curators write them: text in, records out, and the lines that could not be read.

What is a heading in one list is a title in the next: "### Some Name" may open a section or, with "- Paper: ..." below it, be
a paper; so may a bold line, a list item, the summary of something to unfold. Therefore such a line waits as a `_Draft` until
the next one tells what it was.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from digest.catalogue import entries, markup, tables, words
from digest.catalogue.markup import Piece
from digest.catalogue.records import Reading, Record, Unread, arxiv_ids, placed_ids, title_key
from digest.core.links import Link
from digest.core.text import plain

_EXCERPT = 160
_HEADINGS = 6
_BOLD_RANK = 7
_SUMMARY_RANK = 8
_ITEM_RANK = 10
_SHORT_PROSE = 40
_SHORT_NAME = 2
"""So many words may name a method, as in "A Whole Title [FooNet](...)"."""
_LONGEST_HEADING = 200
_BOLD = re.compile(r"[^\w\[(<*]*(?::[a-z_]+:\s*)*\*\*(?P<text>(?:(?!\*\*).)+)\*\*(?P<rest>.*)$")
_COLON = re.compile(r"[:\uff1a|]")
_LABEL = re.compile(r"\s*[\w/]+(?: [\w/]+)?\s*[:\uff1a]\s*$")
_WORD = re.compile(r"\w+")


def read(text: str, *, source: str = "", venue: str = "") -> Reading:
    """Read a list in Markdown, HTML or both, or in CSV if *source* ends in ".csv".

    *venue* is that of papers which the list itself gives none.
    """
    lister = _Lister(source, venue)
    if source.lower().endswith(".csv"):
        lister.read_csv(text)
    else:
        lister.read_pieces(text)
    return Reading(source, *lister.result(text))


@dataclass(slots=True)
class _Draft:
    """A line that may be a paper, with what was found for it so far."""

    piece: Piece
    kind: str
    title: str
    links: list[Link] = field(default_factory=list)
    venue: str = ""
    oral: bool = False
    rating: str = ""
    remark: str = ""
    cited: bool = False
    told: bool = False
    """Something below the line spoke of a paper: a link, or that there is none."""
    introduced: bool = False
    """The line is an item of a list that a sentence introduces."""

    def notes(self, text: str) -> None:
        """Take over what *text*, which is no title, says about the paper."""
        self.oral = self.oral or words.is_oral(text)
        self.venue = self.venue or words.venue(text)


class _Lister:
    def __init__(self, source: str, venue: str) -> None:
        self._source = source
        self._venue = venue
        self._stack: list[tuple[float, str]] = []
        self._draft: _Draft | None = None
        self._records: list[Record] = []
        self._unread: list[Unread] = []
        self._where: dict[tuple[str, tuple[str, ...]], int] = {}
        self._hidden: set[str] = set()
        self._columns: list[str] = []
        self._block = 0
        self._introduced = False
        self._prose_above = False

    # -- results

    def result(self, text: str) -> tuple[tuple[Record, ...], tuple[Unread, ...]]:
        """Return the records and what was not read; whatever arXiv id *text* names is in one of them."""
        listed = {record.arxiv_id for record in self._records if not record.cited}
        records = tuple(record for record in self._records if not record.cited or record.arxiv_id not in listed)
        read = {record.arxiv_id for record in records} | {ident for entry in self._unread for ident in entry.arxiv_ids}
        line, end = 1, 0
        for ident, start in placed_ids(text):
            if ident in read:
                continue
            read.add(ident)
            line += text.count("\n", end, start)
            end = start
            reason = "it stands in a comment, in code or in a very long line" if ident in self._hidden else "an arXiv id without a title"
            begin = text.rfind("\n", max(0, start - _EXCERPT), start) + 1 or max(0, start - _EXCERPT)
            stop = text.find("\n", start, start + _EXCERPT)
            self._unread.append(Unread(line, reason, plain(text[begin : stop if stop > 0 else start + _EXCERPT])[:_EXCERPT], (ident,)))
        return records, tuple(sorted(self._unread, key=lambda entry: entry.line))

    def _add(self, draft: _Draft, section: tuple[str, ...] | None = None) -> None:
        """Make a record of *draft*."""
        links = tuple(dict.fromkeys(draft.links))
        ids = [ident for link in sorted(links, key=lambda link: link.kind != "paper") for ident in arxiv_ids(link.url)]
        ids = ids or list(arxiv_ids(draft.piece.text))[:1]
        path = self._path() if section is None else section
        venue = draft.venue or next(filter(None, (words.venue_of(link.url) for link in links)), "") or self._venue
        record = Record(
            draft.title, ids[0] if ids else "", links, path, venue, draft.oral, draft.rating, draft.remark,
            self._source, draft.piece.line, draft.cited,
        )  # fmt: skip
        key = (record.arxiv_id or title_key(record.title) or record.title, path)
        if key in self._where:
            first = self._records[self._where[key]]
            merged = replace(
                first,
                title=record.title if first.cited and not record.cited else first.title,
                links=tuple(dict.fromkeys(first.links + record.links)), oral=first.oral or record.oral,
                rating=first.rating or record.rating, remark=first.remark or record.remark, cited=first.cited and record.cited,
            )  # fmt: skip
            self._records[self._where[key]] = merged
            return
        self._where[key] = len(self._records)
        self._records.append(record)

    def _lost(self, piece: Piece, reason: str) -> None:
        text = plain(piece.text.replace("\n", " | "))
        self._unread.append(Unread(piece.line, reason, text[:_EXCERPT], tuple(dict.fromkeys(arxiv_ids(piece.text)))))

    # -- sections

    def _path(self) -> tuple[str, ...]:
        stack = self._stack
        if len(stack) > 1 and stack[0][0] == 1 and stack[1][0] <= _HEADINGS:  # the title of the document, or of one of its parts
            stack = stack[1:]
        return tuple(text for _, text in stack if text)

    def _pop(self, rank: float) -> None:
        while self._stack and self._stack[-1][0] >= rank:
            self._stack.pop()

    def _push(self, rank: float, text: str) -> None:
        self._pop(rank)
        self._stack.append((rank, words.heading(text)[:_LONGEST_HEADING]))

    # -- pieces

    def read_pieces(self, text: str) -> None:
        """Read Markdown."""
        for piece in markup.pieces(text):
            self._read(piece)
        self._settle(None)

    def _read(self, piece: Piece) -> None:
        kind = piece.kind
        if kind == "hidden":
            self._hidden.update(arxiv_ids(piece.text))
            return
        if kind == "end":
            self._settle(piece)
            self._pop(_SUMMARY_RANK) if any(rank == _SUMMARY_RANK for rank, _ in self._stack) else None
            return
        if kind in ("header", "row"):
            self._settle(piece)
            self._row(piece)
            return
        rating, remark, text = entries.mark(piece.text)
        links, tail = markup.links(text)
        if any(link.url.startswith("#") for link in links):
            if kind != "heading" and all(link.url.startswith("#") for link in links):
                return  # a line of the list's own table of contents
            links, tail = entries.without_inner(links, tail)
        if kind == "quote":
            self._prose(piece, links)
        elif self._is_attribute(piece, links, tail):
            self._attribute(piece, links, tail)
        elif not links:
            self._candidate(piece, text, rating, remark)
        else:
            self._entry(piece, links, tail, rating, remark)
        self._prose_above = kind == "plain" and (not piece.first or not links or len(words.inline(tail)) > 1) and "**" not in text

    def _is_attribute(self, piece: Piece, links: Sequence[markup.Link], tail: str) -> bool:
        """Return whether the piece says something about the paper above it, and names none itself."""
        if words.is_about(piece.text.lstrip("*-• ")) and piece.kind != "heading":
            return True
        if piece.kind in ("heading", "summary"):
            return False
        if not links and not _COLON.search(piece.text):
            # "- CVPR 2020 Oral" tells about a paper, while "- Other" has papers below it.
            return self._draft is not None and words.role(piece.text) == "" and (words.is_oral(piece.text) or bool(words.venue(piece.text)))
        if self._draft is not None and self._draft.told and links and not words.is_paper(links[0].url) and _LABEL.match(links[0].before):
            return True
        for index, link in enumerate(links):
            label = words.role(link.before)
            if label is None:
                return False
            anchor = words.inline(link.anchor)
            named = bool(label) and link.before.rstrip(" *").endswith((":", "\uff1a", "|"))
            speaks = not anchor or "://" in anchor or words.role(anchor) is not None or not words.is_title(anchor)
            if not speaks and index and not words.reads_as_title(anchor):
                continue
            if (
                not speaks
                and not (named and (label != "paper" or self._draft is not None))
                and not (index and not words.is_paper(link.url))
            ):
                return False
        if words.role(tail) is not None:
            return True
        # "Code: https://... (this is the authors' own)" is as good.
        return bool(links) and bool(words.role(links[0].before)) and len(tail) < 2 * _SHORT_PROSE

    def _attribute(self, piece: Piece, links: Sequence[markup.Link], tail: str) -> None:
        draft = self._draft
        if draft is None:
            if any(words.is_paper(link.url) for link in links):
                self._lost(piece, "links without a title")
            return
        found = [Link(entries.role(link), link.url) for link in links]
        known = {ident for link in draft.links for ident in arxiv_ids(link.url) if link.kind == "paper"}
        fresh = {ident for link in found for ident in arxiv_ids(link.url) if link.kind == "paper"}
        if known and fresh and not known & fresh:
            self._lost(piece, "a second paper under one title")
            return
        draft.links += found
        draft.told = draft.told or not words.is_about(piece.text.lstrip("*-• "))
        draft.notes(" ".join(link.before for link in links) + " " + tail)

    def _prose(self, piece: Piece, links: Sequence[markup.Link]) -> None:
        """Note which papers running text mentions."""
        for link in links:
            name = words.title(link.anchor)
            if words.is_title(name) and any(arxiv_ids(link.url)):
                self._add(_Draft(piece._replace(text=""), "cited", name, [Link("paper", link.url)], cited=True))

    def _candidate(self, piece: Piece, text: str, rating: str, remark: str) -> None:
        """Let a line without a link wait for what follows it."""
        kind, name = piece.kind, words.title(text)
        bold = _BOLD.match(text)
        if kind == "plain" and piece.block and piece.block == self._block:
            if self._draft is not None:
                self._draft.notes(text[: 2 * words.LONGEST_TITLE])
            return
        if kind == "plain" and bold and not piece.block and len(words.inline(bold["rest"])) <= _SHORT_PROSE:
            kind = "bold"
        if kind == "plain" and piece.block and len(_WORD.findall(name)) > 2:  # noqa: PLR2004
            self._block, kind = piece.block, "row"
        elif kind == "plain":
            draft = self._draft
            if (
                draft is not None
                and (draft.links or draft.kind != "plain")
                and not (piece.first and words.reads_as_title(name) and words.title_cased(name))
            ):
                draft.notes(text[: 2 * words.LONGEST_TITLE])
                return
            if draft is not None and draft.kind in ("row", "item", "heading", "summary", "bold") and not draft.links and not piece.blank:
                return
            if not (words.reads_as_title(name) and words.title_cased(name)):
                return
        self._open(piece, kind, name, rating, remark)

    def _open(self, piece: Piece, kind: str, name: str, rating: str, remark: str) -> _Draft:
        """Begin a draft, and settle what the one before was."""
        self._settle(piece, kind)
        if kind == "heading":
            self._pop(piece.rank)
        elif kind == "item":
            self._pop(_ITEM_RANK + piece.rank)
        if kind != "item":
            self._introduced = False
        elif self._prose_above:
            self._introduced = True
        self._draft = _Draft(piece, kind, name, rating=rating, remark=remark, introduced=self._introduced)
        return self._draft

    def _entry(self, piece: Piece, links: Sequence[markup.Link], tail: str, rating: str, remark: str) -> None:
        """Read a line that names one or several papers, or mentions them."""
        named = [index for index, link in enumerate(links) if entries.names_paper(link, first=index == 0)]
        first = named[0] if named else 0
        before = words.title("".join(link.before for link in links[: first + 1])) if named else ""
        prose = piece.kind == "plain" and len(words.inline(tail)) > 2 * _SHORT_PROSE
        if named and not rating and (len(before) > _SHORT_PROSE or prose):
            self._mentions(piece, links, tail, before)
            return
        if not named:
            self._by_text(piece, links, tail, rating, remark)
            return
        for index, until in zip(named, [*named[1:], len(links)], strict=True):
            draft = self._open(piece, piece.kind, words.title(links[index].anchor), rating, remark)
            draft.links = [Link("paper", links[index].url)]
            draft.links += [
                Link(entries.role(link), link.url) for link in links[0 if index == first else index + 1 : until] if link is not links[index]
            ]
            notes = [link.before for link in links[index + 1 : until]] + ([tail] if until == len(links) else [])
            draft.notes(" ".join([links[index].before, *notes])[: 2 * words.LONGEST_TITLE])
            draft.told = True
            rating = remark = ""

    def _by_text(self, piece: Piece, links: Sequence[markup.Link], tail: str, rating: str, remark: str) -> None:
        """Read a line whose title is none of its links."""
        outside = " ".join([link.before for link in links] + [tail])
        if (bold := _BOLD.match(outside)) and len(bold["text"].split()) > 3:  # noqa: PLR2004
            outside = bold["text"]
        name = words.title(entries.without_roles(outside))
        roles = [(words.role(words.inline(link.anchor)), link) for link in links]
        speaks = [link for said, link in roles if said is not None or "://" in link.anchor]
        if (
            speaks
            and words.is_title(name)
            and (piece.kind != "plain" or words.title_cased(name) or bold)
            and len(name) < words.LONGEST_TITLE
        ):
            draft = self._open(piece, piece.kind if piece.kind != "plain" else "bold", name, rating, remark)
            draft.links = [Link(entries.role(link), link.url) for link in links]
            draft.notes(outside)
            draft.told = True
            return
        anchor = words.title(links[0].anchor)
        if (
            piece.kind in ("item", "heading")
            and words.reads_as_title(anchor)
            and words.title_cased(anchor)
            and not words.title(links[0].before)
        ):
            draft = self._open(piece, piece.kind, anchor, rating, remark)
            draft.links = [Link(entries.role(link), link.url) for link in links]
            draft.notes(outside)
            draft.told = words.kind(links[0].url) == "project"
            return
        if piece.kind in ("heading", "summary"):
            self._open(piece, piece.kind, anchor, rating, remark)
            return
        if piece.kind == "item":
            self._settle(piece, "item")
        self._prose(piece, links)

    def _mentions(self, piece: Piece, links: Sequence[markup.Link], tail: str, before: str) -> None:
        """Read running text with links; an item of several words before a short name is a title all the same."""
        if (
            piece.kind == "item"
            and len(links) == 1
            and len(links[0].anchor.split()) <= _SHORT_NAME
            and words.title_cased(before)
            and words.reads_as_title(before)
        ):
            draft = self._open(piece, "item", before, "", "")
            draft.links, draft.told = [Link("paper", links[0].url)], True
            draft.notes(tail)
            return
        if piece.kind == "item":
            self._settle(piece, "item")
        self._prose(piece, links)

    # -- what a draft was

    def _settle(self, following: Piece | None, kind: str = "") -> None:
        """Say what the waiting line was, now that the one *following* it is there."""
        draft, self._draft = self._draft, None
        if draft is None:
            return
        papers = any(link.kind in ("paper", "code") for link in draft.links)
        named = words.is_title(draft.title) and (papers or words.reads_as_title(draft.title))
        if draft.told and named and (draft.kind != "heading" or draft.links):
            self._add(draft)
            return
        if draft.kind in ("heading", "summary", "bold"):
            rank = {"heading": draft.piece.rank, "summary": _SUMMARY_RANK}.get(draft.kind, _BOLD_RANK)
            if (
                draft.kind == "bold"
                and kind in ("bold", "heading")
                and words.reads_as_title(draft.title)
                and words.title_cased(draft.title)
            ):
                self._add(draft)
                return
            self._push(rank, entries.bare(draft.piece.text))
        elif draft.kind == "item":
            if following is not None and following.kind == "item" and following.rank > draft.piece.rank:
                self._push(_ITEM_RANK + draft.piece.rank, entries.bare(draft.piece.text))
            elif not draft.introduced and words.reads_as_title(draft.title):
                self._add(draft)

    # -- tables

    def _row(self, piece: Piece) -> None:
        cells = piece.text.split("\n")
        if piece.kind == "header":
            self._columns = tables.columns(cells)
            return
        found = tables.row(cells, self._columns if len(self._columns) == len(cells) else [])
        if not found.title:
            if any(link.kind == "paper" for link in found.links):
                self._lost(piece, "a table's row without a title")
            return
        self._add(_of_row(found, piece), (*self._path(), found.section) if found.section else None)

    def read_csv(self, text: str) -> None:
        """Read CSV, whose first row names the columns."""
        rows = csv.reader(_lines(text))
        self._columns = []
        line = 1
        try:
            for cells in rows:
                if not self._columns:
                    self._columns = tables.columns(cells)
                elif cells:
                    self._csv_row(Piece(line, "row", 0, "\n".join(cells)), cells)
                line = rows.line_num + 1
        except csv.Error as exc:
            self._unread.append(Unread(line, f"no CSV from here on ({exc})", ""))

    def _csv_row(self, piece: Piece, cells: Sequence[str]) -> None:
        found = tables.row(cells, self._columns)
        if words.is_title(found.title):
            self._add(_of_row(found, piece), (found.section,) if found.section else ())
        else:
            self._lost(piece, "a row without a title")


def _of_row(found: tables.Row, piece: Piece) -> _Draft:
    return _Draft(piece, "row", found.title, found.links, found.venue, found.oral)


def _lines(text: str) -> Iterator[str]:
    """Yield the lines of *text* with their ends, as a CSV reader wants them."""
    yield from text.splitlines(keepends=True)
