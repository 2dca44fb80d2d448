"""What training needs from the network: the public curated lists, and the abstracts of the papers that they name.

Both can be stopped at any moment and go on where they were: a list is there whole or as it was before, and abstracts are
added to their file batch by batch. What fails is named; nothing is left out in silence.

    abstracts.jsonl   {"arxiv_id": "2004.00622", "title": "...", "abstract": "..."}
                      {"arxiv_id": "2004.99999", "unknown": true}        arXiv does not know it: not asked for again
"""

import hashlib
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from digest.arxiv import api, lookup
from digest.arxiv.client import Answer
from digest.arxiv.exchange import safe
from digest.catalogue.sources import Format, Source
from digest.core.domain import Paper
from digest.errors import IncompleteError, LayoutError, PublishError, SettingsError, SourceError, UnreachableError, UsageError
from digest.files import append, write_whole

Say = Callable[[str], None]
Get = Callable[[str], Answer]
GetIfNew = Callable[[str, Mapping[str, str]], Answer]
"""Both are `digest.arxiv.client.Client.get`, or a stand-in."""

_OK, _NOT_MODIFIED = 200, 304


def _unwritable(path: Path, error: OSError) -> PublishError:
    msg = f"{path} cannot be written: {error.strerror or error}"
    return PublishError(msg, advice="make room or choose another folder; what is there already is kept")


# -- curated lists ---------------------------------------------------------------------------------------------------

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_SUFFIX = {Format.MARKDOWN: ".md", Format.CSV: ".csv"}
_PATIENCE = 3
"""So many lists of a host that cannot be reached, one after another, and it is not asked for the others."""


@dataclass(frozen=True, slots=True)
class Lists:
    """What is there of the lists, from this time or an earlier one."""

    paths: tuple[Path, ...]
    """In the order of the sources."""
    failed: tuple[str, ...]
    """The names of those that could not be fetched now."""


def lists(sources: Sequence[Source], folder: Path, get: GetIfNew, say: Say) -> Lists:
    """Fetch each list into *folder* as ``<name>.md`` or ``<name>.csv``; one that cannot be fetched stays as it is.

    Raises:
        SettingsError: a name cannot be that of a file, or would be that of two.
        UnreachableError: no list is there, from this time or an earlier one.
        PublishError: the folder cannot be written.

    """
    files = _files(sources, folder)
    failed: dict[str, str] = {}
    silent: Counter[str] = Counter()
    for number, (source, path) in enumerate(files.items(), 1):
        host = urlsplit(source.url).netloc
        say(f"list {number} of {len(files)}: {source.name}")
        try:
            if silent[host] >= _PATIENCE:
                msg = f"{host} was not asked, because it does not answer"
                raise SourceError(msg)  # noqa: TRY301 - it is reported with the others
            _fetch_list(source, path, get)
        except SourceError as exc:
            silent[host] = silent[host] + 1 if isinstance(exc, UnreachableError) else silent[host]
            failed[source.name] = exc.message
            rest = "the copy from before is kept" if path.exists() else "it is left out"
            say(f"{source.name} could not be fetched ({exc.message}); {rest}")
        except OSError as exc:
            raise _unwritable(path, exc) from exc
        else:
            silent[host] = 0
    there = tuple(path for path in files.values() if path.exists())
    if not there:
        msg = f"none of the {len(files)} lists could be fetched ({next(iter(failed.values()), 'there is none')})"
        raise UnreachableError(msg, advice="is this machine online?")
    if failed:
        say(f"{len(failed)} of {len(files)} lists could not be fetched: {', '.join(failed)}")
    return Lists(there, tuple(failed))


def _files(sources: Sequence[Source], folder: Path) -> dict[Source, Path]:
    """Return where each list goes, after a look at the names: they come out of a file."""
    found: dict[str, Source] = {}
    for source in sources:
        if not _NAME.fullmatch(source.name):
            msg = f"a list cannot be kept under the name {source.name[:120]!r}"
            raise SettingsError(msg, advice="letters, digits, dots, hyphens and underscores will do")
        # Some file systems take capitals for small letters.
        if (other := found.setdefault(source.name.lower(), source)) is not source:
            msg = f"two lists would be kept under one name: {other.name} and {source.name}"
            raise SettingsError(msg)
    return {source: folder / f"{source.name}{_SUFFIX[source.format]}" for source in sources}


def listed(url: str, get: GetIfNew, known: Mapping[str, str] | None = None) -> Answer:
    """Return the answer that holds the list at *url*, or says that it is as *known*, the headers of a condition, say.

    Raises:
        SourceError: the address leads nowhere over HTTPS, or the answer is no list.

    """
    if not safe(url):
        msg = f"{url[:200]!r} does not lead anywhere over HTTPS"
        raise SourceError(msg)
    answer = get(url, known or {})
    if answer.status == _NOT_MODIFIED and known:
        return answer
    if answer.status != _OK:
        msg = f"the server answered {answer.status}"
        raise SourceError(msg)
    if "html" in answer.headers.get("content-type", "") or not answer.body.strip() or b"\0" in answer.body:
        msg = "the server answered with something else than a list"
        raise LayoutError(msg)
    return answer


def _fetch_list(source: Source, path: Path, get: GetIfNew) -> None:
    """Bring one list up to date."""
    note = path.with_name(f"{path.name}.json")
    answer = listed(source.url, get, _conditions(source, path, note))
    if answer.status == _NOT_MODIFIED:
        return
    write_whole(path, answer.body)
    about = {"url": source.url, "sha256": hashlib.sha256(answer.body).hexdigest()}
    about |= {name: answer.headers[name] for name in ("etag", "last-modified") if name in answer.headers}
    write_whole(note, json.dumps(about, indent=1).encode() + b"\n")


def _conditions(source: Source, path: Path, note: Path) -> dict[str, str]:
    """Return the headers that ask for a list only if it is another one than the copy that is there, whole, from before."""
    try:
        about = json.loads(note.read_text("utf-8"))
        whole = about["url"] == source.url and about["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        pairs = (("If-None-Match", about.get("etag")), ("If-Modified-Since", about.get("last-modified")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return {name: value for name, value in pairs if isinstance(value, str) and value.isascii() and value.isprintable()} if whole else {}


# -- abstracts -------------------------------------------------------------------------------------------------------

_NAMED = 30
_START = b'{"arxiv_id": "'


@dataclass(frozen=True, slots=True)
class Service:
    """arXiv's query API, and how to wait for it."""

    url: str = "https://export.arxiv.org/api/query"
    back_off: float = 10.0
    """Seconds before a batch is asked for again because its answer was no good; then twice as long."""
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


QUERY_API = Service()


@dataclass(frozen=True, slots=True)
class Abstracts:
    """What is there of the abstracts that were asked for, from this time or an earlier one."""

    path: Path
    papers: int
    unknown: tuple[str, ...]
    """What arXiv does not know, as it was asked for."""


def abstracts(ids: Iterable[str], path: Path, get: Get, say: Say, service: Service = QUERY_API) -> Abstracts:
    """Add the titles and abstracts of *ids* to the file at *path*, but for those that stand there already.

    Raises:
        UnreachableError: arXiv does not answer, or not now; what has come so far is kept, and the next run goes on there.
        IncompleteError, LayoutError, QueryError: arXiv's answers are no good, again and again; likewise.
        UsageError: the file at *path* is none of abstracts.
        PublishError: it cannot be written.

    """
    store = _Store(path)
    store.open(say)
    wanted = {text: api.identifier(text) for text in ids}
    strange = [text for text, bare in wanted.items() if bare is None]
    store.add_unknown([text for text in strange if text not in store.unknown], say)
    known = dict.fromkeys(bare for bare in wanted.values() if bare)
    todo = [bare for bare in known if bare not in store.papers and bare not in store.unknown]
    _Asking(get, say, service, store).run(todo, before=len(known) - len(todo))
    unknown = tuple(text for text, bare in wanted.items() if (bare or text) in store.unknown)
    return Abstracts(path, sum(bare in store.papers for bare in known), unknown)


def read(path: Path) -> Iterator[dict[str, str]]:
    """Yield ``arxiv_id``, ``title`` and ``abstract`` of each paper in a file that `abstracts` has written, each once."""
    seen: set[str] = set()
    with path.open("rb") as lines:
        for line in lines:
            row = _row(line)
            if row and not row.get("unknown") and row["arxiv_id"] not in seen:
                seen.add(row["arxiv_id"])
                yield {name: str(row[name]) for name in ("arxiv_id", "title", "abstract")}


def _row(line: bytes) -> dict[str, Any] | None:
    """Return what a line says, None if it is no line of ours or only a part of one."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    if not isinstance(row, dict) or not isinstance(row.get("arxiv_id"), str):
        return None
    return row if row.get("unknown") is True or all(isinstance(row.get(name), str) for name in ("title", "abstract")) else None


@dataclass(slots=True)
class _Store:
    """The file of abstracts: what is in it, and how more gets there."""

    path: Path
    papers: dict[str, None] = field(default_factory=dict)
    """In order: the newest last."""
    unknown: set[str] = field(default_factory=set)

    def open(self, say: Say) -> None:
        """Read what is there; cut out what a crash has left of a line."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as exc:
            msg = f"{self.path} cannot be read: {exc.strerror or exc}"
            raise UsageError(msg) from exc
        if not content.startswith(_START) and not _START.startswith(content):
            msg = f"{self.path} is no file of abstracts"
            raise UsageError(msg, advice="move it away or choose another folder")
        lines = content.split(b"\n")
        whole = [line for line in lines[:-1] if self._take(_row(line))]
        if len(whole) < len(lines) - 1 or lines[-1]:
            say(f"{self.path} was not written to its end; the papers that are lost are asked for again")
            try:
                write_whole(self.path, b"".join(line + b"\n" for line in whole))
            except OSError as exc:
                raise _unwritable(self.path, exc) from exc

    def _take(self, row: dict[str, Any] | None) -> bool:
        if row is None:
            return False
        if row.get("unknown"):
            self.unknown.add(row["arxiv_id"])
        else:
            self.papers[row["arxiv_id"]] = None
        return True

    def add(self, papers: Iterable[Paper]) -> None:
        """Keep papers."""
        self._append([{"arxiv_id": paper.id, "title": paper.title, "abstract": paper.abstract} for paper in papers])

    def add_unknown(self, ids: Sequence[str], say: Say) -> None:
        """Note and name what arXiv does not know."""
        self._append([{"arxiv_id": name, "unknown": True} for name in ids])
        if ids:
            more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
            say(f"arXiv does not know {', '.join(name[:40] for name in ids[:_NAMED])}{more}; noted in {self.path}")

    def _append(self, rows: Sequence[dict[str, Any]]) -> None:
        if not rows:
            return
        try:
            append(self.path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf-8", "replace"))
        except OSError as exc:
            raise _unwritable(self.path, exc) from exc
        for row in rows:
            self._take(row)


@dataclass(slots=True)
class _Asking:
    """Asks for batch after batch."""

    get: Get
    say: Say
    service: Service
    store: _Store
    doubtful: list[str] = field(default_factory=list)
    """What lacked in an answer that looked whole: asked for once more before arXiv is said not to know it."""

    def run(self, todo: Sequence[str], *, before: int) -> None:
        """Ask for all of *todo*; *before* is how many of the same were there already."""
        if before and todo:
            self.say(f"{before} abstracts are there already, {len(todo)} are not")
        started = self.service.clock()
        for start in range(0, len(todo), lookup.BATCH):
            batch = todo[start : start + lookup.BATCH]
            try:
                found = self._ask(batch)
            except lookup.NothingError:
                found = {}
            self.store.add(found.values())
            self.doubtful += [name for name in batch if name not in found and name not in self.store.unknown]
            if not found:  # whether the service works at all is to be known before it is asked for everything else
                self._confirm()
            done = start + len(batch)
            left = (self.service.clock() - started) / done * (len(todo) - done)
            self.say(f"abstracts: {before + done} of {before + len(todo)}{_left(left) if done < len(todo) else ''}")
        self._confirm()

    def _confirm(self) -> None:
        """Ask once more for what is doubtful, together with a paper that arXiv knows: if that one comes, arXiv was well."""
        while self.doubtful:
            batch = self.doubtful[: lookup.BATCH - 1]
            witness = next(reversed(self.store.papers), None)
            if witness is None:
                msg = f"arXiv's API gives nothing for any of {len(batch)} identifiers"
                raise IncompleteError(msg, advice="try again later")
            found = self._ask([*batch, witness], witness)
            found.pop(witness, None)
            self.store.add(found.values())
            self.store.add_unknown([name for name in batch if name not in found and name not in self.store.unknown], self.say)
            del self.doubtful[: len(batch)]

    def _ask(self, batch: Sequence[str], witness: str = "") -> dict[str, Paper]:
        """Return what arXiv knows of *batch*; an answer that is no good is asked for again."""
        asked = lookup.Api(self.get, self.service.url, self.say, self.service.back_off, self.service.sleep)
        return asked.batch(batch, partial(self.store.add_unknown, say=self.say), witness)[1]


def _left(seconds: float) -> str:
    return f"; about {seconds / 60:.0f} min left" if seconds >= 90 else f"; about {seconds:.0f} s left"  # noqa: PLR2004
