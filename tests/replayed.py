"""arXiv as it was recorded: answers what is in the reference material, by the rules of the `replay.py` that lies there.

Two addresses are the same if they differ only in the order of their parameters or in asking for the first page (`page=1`,
`skip=0`). The query API answers any list of identifiers and any window of submission out of the recorded entries. What
was not recorded is a 404 that says so.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from tests import feeds, servers
from tests.reference import recorded, shared

SHOWN = frozenset({("page", "1"), ("skip", "0")})
"""Parameters that ask for what comes first anyway."""


@dataclass(frozen=True)
class Recording:
    """One recorded answer."""

    file: str
    """Its path among the recordings; the folder is the dataset."""
    service: str
    """``html``, ``feed``, ``oai``, ``api`` or ``mail``."""
    path: str
    """Path and query of its address; empty for a mail, which has none."""
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    clock: str = ""
    """What the clock showed, where that matters."""

    @property
    def body(self) -> bytes:
        """What arXiv answered."""
        return recorded(self.file)

    @property
    def answer(self) -> servers.Answer:
        """The same with its status and headers."""
        return self.status, self.body, dict(self.headers)


def manifest() -> dict[str, tuple[Recording, ...]]:
    """Return all recorded answers by dataset."""
    return {
        dataset: tuple(
            Recording(row["file"], row["service"], _path(row["url_path"]), row["status"] or 0, row["headers"] or {}, row.get("clock") or "")
            for row in rows
        )
        for dataset, rows in json.loads(recorded("manifest.json")).items()
    }


def _path(url: str | None) -> str:
    parts = urlsplit(url or "")
    return f"{parts.path}?{parts.query}".rstrip("?")


def key(path: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return what two addresses have in common that are answered in the same way."""
    parts = urlsplit(path)
    return parts.path, tuple(sorted(pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair not in SHOWN))


@dataclass(frozen=True)
class Row:
    """A recorded entry of the query API."""

    id: str
    submitted: str
    text: str

    @property
    def categories(self) -> list[str]:
        """Return all categories."""
        return re.findall(r'<category term="([^"]+)"', self.text)

    def xml(self) -> str:
        """Return the entry as it was recorded."""
        return self.text


class Replay:
    """What was recorded of some datasets; of two answers to one address, that of the dataset named first."""

    def __init__(self, *datasets: str) -> None:
        self.answers: dict[tuple[str, tuple[tuple[str, str], ...]], Recording] = {}
        everything = manifest()
        for dataset in reversed(datasets):
            self.answers |= {key(answer.path): answer for answer in everything[dataset]}
        self.rows: dict[str, Row] = {}
        for dataset in datasets:
            if (shared() / "arxiv" / "recorded" / dataset / "api_entries.jsonl").exists():
                entries = map(json.loads, recorded(f"{dataset}/api_entries.jsonl").splitlines())
                self.rows |= {bare(entry["id"]): Row(bare(entry["id"]), entry["published"], entry["xml"]) for entry in entries}

    def answer(self, path: str) -> servers.Answer:
        """Answer a request."""
        if found := self.answers.get(key(path)):
            return found.answer
        parts = urlsplit(path)
        if parts.path.endswith("/api/query") and self.rows:
            body = self.queried(dict(parse_qsl(parts.query)))
            return 200, body, {"Content-Type": "application/atom+xml; charset=utf-8"}
        return 404, f"not recorded: {path}\n".encode(), {"Content-Type": "text/plain; charset=utf-8"}

    def queried(self, query: Mapping[str, str]) -> bytes:
        """Return what the query API says, by identifiers in their order or by submission, the newest first if not asked otherwise."""
        start, size = int(query.get("start", 0)), int(query.get("max_results", 10))
        if names := query.get("id_list"):
            found = [self.rows[name] for name in map(bare, names.split(",")) if name in self.rows]
        else:
            found = sorted(self.rows.values(), key=lambda row: row.submitted)
            if window := re.search(r"submittedDate:\[(\d{12}) TO (\d{12})\]", query.get("search_query", "")):
                found = [row for row in found if window[1] <= re.sub(r"\D", "", row.submitted)[:12] <= window[2]]
            if query.get("sortOrder", "descending") == "descending":
                found.reverse()
        return feeds.feed(found[start : start + size], total=len(found), start=start, size=size)


def bare(name: str) -> str:
    """Return an identifier without its version."""
    return re.sub(r"v[0-9]+$", "", name.strip())


@contextmanager
def replay(*datasets: str) -> Iterator[servers.Arxiv]:
    """Run a server that plays the recorded arXiv: all four services behind one port."""
    recordings = Replay(*datasets)
    with servers.arxiv() as state:
        state.other = recordings.answer
        yield state
