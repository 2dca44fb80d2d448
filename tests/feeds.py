"""Answers of arXiv's query API, as it writes them in 2026, about invented papers."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

HEAD = (
    "<?xml version='1.0' encoding='UTF-8'?>\n"
    '<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom"'
    ' xmlns="http://www.w3.org/2005/Atom">\n'
)


class Entry(Protocol):
    """A paper as the API knows it."""

    @property
    def id(self) -> str: ...
    @property
    def categories(self) -> Sequence[str]: ...
    @property
    def submitted(self) -> str: ...
    def xml(self) -> str: ...


@dataclass(frozen=True)
class Row:
    """An invented paper."""

    id: str
    title: str = "An Invented Title"
    abstract: str = "An invented abstract."
    authors: Sequence[str] = ("Ada Example", "Ben Example")
    categories: Sequence[str] = ("cs.CV", "cs.LG")
    comments: str = ""
    version: str = "v1"
    submitted: str = "2026-11-18T18:00:00Z"
    updated: str = "2026-11-18T18:00:00Z"
    doi: str = ""

    def xml(self) -> str:
        """Return the entry."""
        categories = "".join(f'    <category term="{name}" scheme="http://arxiv.org/schemas/atom"/>\n' for name in self.categories)
        authors = "".join(f"    <author>\n      <name>{escape(name)}</name>\n    </author>\n" for name in self.authors)
        comment = f"    <arxiv:comment>{escape(self.comments)}</arxiv:comment>\n" if self.comments else ""
        doi = f"    <arxiv:doi>{escape(self.doi)}</arxiv:doi>\n" if self.doi else ""
        return (
            f"  <entry>\n    <id>http://arxiv.org/abs/{self.id}{self.version}</id>\n    <title>{escape(self.title)}</title>\n"
            f"    <updated>{self.updated}</updated>\n"
            f'    <link href="https://arxiv.org/abs/{self.id}{self.version}" rel="alternate" type="text/html"/>\n'
            f"    <summary>{escape(self.abstract)}</summary>\n{categories}    <published>{self.submitted}</published>\n"
            f'{comment}{doi}    <arxiv:primary_category term="{self.categories[0]}"/>\n{authors}  </entry>\n'
        )


def feed(rows: Sequence[Entry], *, total: int | None = None, start: int = 0, size: int = 100) -> bytes:
    """Return a whole answer; *total* is what it states, by default what it holds."""
    counts = (
        f"  <title>arXiv Query</title>\n  <opensearch:itemsPerPage>{size}</opensearch:itemsPerPage>\n"
        f"  <opensearch:totalResults>{len(rows) if total is None else total}</opensearch:totalResults>\n"
        f"  <opensearch:startIndex>{start}</opensearch:startIndex>\n"
    )
    return (HEAD + counts + "".join(row.xml() for row in rows) + "</feed>\n").encode()


def error(reason: str) -> bytes:
    """Return the answer that is an error."""
    return (
        HEAD + "  <title>arXiv Search Results</title>\n  <opensearch:totalResults>1</opensearch:totalResults>\n  <entry>\n"
        "    <id>https://arxiv.org/api/errors#reason</id>\n    <title>Error</title>\n"
        f"    <summary>{escape(reason)}</summary>\n    <author>\n      <name>arXiv api core</name>\n    </author>\n  </entry>\n</feed>\n"
    ).encode()


def asked(path: str) -> list[str]:
    """Return the identifiers that a request asks for."""
    return parse_qs(urlsplit(path).query)["id_list"][0].split(",")


# -- the whole service -----------------------------------------------------------------------------------------------

Answer = tuple[int, bytes, dict[str, str]]


@dataclass(frozen=True)
class Question:
    """What a request asks for."""

    ids: tuple[str, ...]
    """Empty if a query is asked."""
    query: str
    start: int
    size: int

    @classmethod
    def of(cls, path: str) -> "Question":
        """Read the address of a request."""
        fields = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        ids = tuple(filter(None, fields.get("id_list", "").split(",")))
        return cls(ids, fields.get("search_query", ""), int(fields.get("start", 0)), int(fields.get("max_results", 10)))


@dataclass
class Api:
    """arXiv's query API: what it knows, what it was asked, and how it misbehaves."""

    rows: Sequence[Entry] = ()
    faults: dict[int, Callable[["Api", Question], bytes | Answer]] = field(default_factory=dict)
    """What answers instead, by the number of the request: 0 is the first one."""
    always: Callable[["Api", Question], bytes | Answer] | None = None
    asked: list[Question] = field(default_factory=list)

    def answer(self, path: str) -> bytes | Answer:
        """Answer a request."""
        question = Question.of(path)
        self.asked.append(question)
        fault = self.always or self.faults.get(len(self.asked) - 1)
        return fault(self, question) if fault else self.page(question)

    def page(self, question: Question) -> bytes | Answer:
        """Return what arXiv answers when it is well."""
        if question.start // question.size + 1 > 10000 // question.size:
            return 500, error("The server encountered an internal error"), {}
        found = self.found(question)
        return self.feed(question, found[question.start : question.start + question.size], len(found))

    def found(self, question: Question) -> list[Entry]:
        """Return all results, the oldest first; of a list of identifiers, in its order."""
        if question.ids:
            known = {row.id: row for row in self.rows}
            return [known[bare] for name in question.ids if (bare := re.sub(r"v[0-9]+$", "", name)) in known]
        categories = set(re.findall(r"cat:([^\s()]+)", question.query))
        first, last = re.findall(r"[0-9]{12}", question.query)
        rows = (row for row in self.rows if first <= re.sub("[^0-9]", "", row.submitted)[:12] <= last)
        return sorted((row for row in rows if categories & set(row.categories)), key=lambda row: row.submitted)

    def feed(self, question: Question, rows: Sequence[Entry], total: int) -> bytes:
        """Return an answer that holds *rows*, whatever was asked for."""
        return feed(rows, total=total, start=question.start, size=question.size)

    def empty(self, question: Question) -> bytes:
        """Return a page without rows that states as many results as there are."""
        return self.feed(question, (), len(self.found(question)))

    def nothing(self, question: Question) -> bytes:
        """Return a page that knows of no result."""
        return self.feed(question, (), 0)

    def short(self, question: Question) -> bytes:
        """Return a page without its last row."""
        found = self.found(question)
        return self.feed(question, found[question.start : question.start + question.size][:-1], len(found))

    def changed(self, question: Question) -> bytes:
        """Return a page that states one result less than there is."""
        found = self.found(question)
        return self.feed(question, found[question.start : question.start + question.size], len(found) - 1)

    def overlapping(self, question: Question) -> bytes:
        """Return a page that begins a row too early."""
        found = self.found(question)
        start = max(0, question.start - 1)
        return self.feed(question, found[start : start + min(question.size, len(found) - question.start)], len(found))

    def overhanging(self, question: Question) -> bytes:
        """Return a page that holds a row of each of its neighbours besides its own."""
        found = self.found(question)
        return self.feed(question, found[max(0, question.start - 1) : question.start + question.size + 1], len(found))

    def cut(self, question: Question) -> bytes:
        """Return a page that ends in the middle."""
        whole = self.page(question)
        assert isinstance(whole, bytes)
        return whole[: len(whole) // 2]
