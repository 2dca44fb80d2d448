"""Any number of papers onto their shelves: JSON lines in, the same lines in the same order out, with what a model thinks.

Lines are worked on in chunks, so that memory stays flat. A short input is done in this process, which starts quickly; for
a long one processes share the chunks in turn. Each has one chunk at a time and answers before it gets the next: the order
is that of the input, what is in flight is bounded, and neither side can wait for the other for ever.
"""

import json
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol, Self

from digest.classify import model
from digest.core.domain import Classification, Shelf
from digest.errors import DigestError, UsageError
from digest.paperlines import LineError, paper, text_of

MOST_JOBS = 256
_LINES, _BYTES = 256, 2**20
"""A chunk ends with whichever is reached first."""
_ALONE = 8
"""Chunks that are done before other processes are started: those take as long to start as these take to do."""
_FAREWELL = 5.0


class Judge(Protocol):
    """What classifies papers: `digest.classify.model.Model`, or a stand-in."""

    def classify(self, papers: Iterable[tuple[str, str]]) -> list[Classification]:
        """Return what it thinks of each (title, abstract), in order."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive lines of the input."""

    first: int
    """The number of the first line."""
    content: bytes
    fault: str = ""
    """Why the input cannot be read on after these lines."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a chunk."""

    content: bytes
    papers: int
    without_abstract: list[int]
    """The numbers of lines whose abstract is null."""
    fault: str = ""
    """Why the line after these is no paper, beginning with its number."""


def chunks(lines: Iterable[bytes]) -> Iterator[Chunk]:
    """Yield *lines* in chunks; a fault of the input is told in the last one."""
    held: list[bytes] = []
    first, size, fault = 1, 0, ""
    try:
        for line in lines:
            held.append(line)
            size += len(line)
            if len(held) == _LINES or size >= _BYTES:
                yield Chunk(first, b"".join(held))
                first += len(held)
                held, size = [], 0
    except LineError as exc:
        fault = f"{first + len(held)}: {exc}"
    if held or fault:
        yield Chunk(first, b"".join(held), fault)


def shelved(judge: Judge, chunk: Chunk) -> Done:
    """Return the lines of *chunk* with what *judge* thinks, up to the first that is no paper."""
    found: list[tuple[str, dict[str, Any]]] = []
    without: list[int] = []
    fault = chunk.fault
    for number, line in enumerate(chunk.content.split(b"\n"), chunk.first):
        try:
            if text := text_of(line):
                found.append((text, paper(text)))
                if found[-1][1]["abstract"] is None:
                    without.append(number)
        except LineError as exc:
            fault = f"{number}: {exc}"
            break
    opinions = judge.classify([(row["title"], row["abstract"] or "") for _, row in found])
    written = [_written(text, row, opinion) for (text, row), opinion in zip(found, opinions, strict=True)]
    return Done(b"".join(written), len(found), without, fault)


def _written(text: str, row: dict[str, Any], opinion: Classification) -> bytes:
    """Return the line of a paper with what the model thinks of it at the end; the rest stays as it was to the letter."""
    best = opinion.best
    told = {**_told(best), "topics": [_told(shelf) for shelf in opinion.shelves], "unsure": opinion.unsure}
    if row.keys().isdisjoint(told):
        return f"{text[:-1].rstrip()}, {json.dumps(told)[1:]}\n".encode()
    kept = {name: value for name, value in row.items() if name not in told} | told
    try:
        return f"{json.dumps(kept, ensure_ascii=False)}\n".encode()
    except UnicodeEncodeError:  # half of a pair of surrogates, which JSON can name and UTF-8 cannot
        return f"{json.dumps(kept)}\n".encode()


def _told(shelf: Shelf) -> dict[str, Any]:
    return {"topic": shelf.topic, "subtopic": shelf.subtopic or None, "probability": shelf.probability}


def shelve(  # noqa: PLR0913 - where from, where to, with what, and what to say
    lines: Iterable[bytes], folder: Path, jobs: int, *, name: str, write: Callable[[bytes], object], warn: Callable[[str], None]
) -> int:
    """Classify *lines* by the model in *folder* with up to *jobs* processes, write them, and return how many papers they are.

    Raises:
        UsageError: a line is no paper; the message begins with *name* and the number. Those before it are written.
        DigestError: a process ended before its work was done.

    """
    papers, without = 0, 0
    with closing(_shared(chunks(lines), folder, jobs)) as results:
        for done in results:
            write(done.content)
            papers += done.papers
            if done.without_abstract and not without:
                warn(f"{name}:{done.without_abstract[0]}: the abstract is null, so the title alone decides")
            without += len(done.without_abstract)
            if done.fault:
                msg = f"{name}:{done.fault}"
                raise UsageError(msg, advice="the lines before it are done")
    if without > 1:
        warn(f"{name}: the abstract is null in {without} lines")
    return papers


def _shared(source: Iterator[Chunk], folder: Path, jobs: int) -> Generator[Done, None, None]:
    """Yield what comes of each chunk, in order."""
    judge = model.load(folder)
    for number, chunk in enumerate(source, 1):
        yield shelved(judge, chunk)
        if number == _ALONE and jobs > 1:
            break
    following = next(source, None)
    if following is None:
        return
    with ExitStack() as stack:
        with _deaf():
            workers = [stack.enter_context(_Worker(folder)) for _ in range(jobs)]
        busy: deque[_Worker] = deque()
        free = deque(workers)
        while following:
            if not free:
                yield busy[0].answer()
                free.append(busy.popleft())
            busy.append(free.popleft())
            busy[-1].ask(following)
            following = next(source, None)
        while busy:
            yield busy.popleft().answer()


@contextmanager
def _deaf() -> Iterator[None]:
    """Start processes that do not hear Ctrl-C: it reaches all at once, and this one sees to the others."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Worker:
    """Another process with the same model."""

    def __init__(self, folder: Path) -> None:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # one process a core is enough; NumPy reads this when it starts
        context = multiprocessing.get_context("spawn")  # a fork would copy the threads of NumPy half
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, str(folder)), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()  # which is how it learns that there is no more to do
        self._process.join(_FAREWELL)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def ask(self, chunk: Chunk) -> None:
        """Hand over *chunk*."""
        try:
            self._pipe.send_bytes(_packed({"first": chunk.first, "fault": chunk.fault}, chunk.content))
        except OSError as exc:
            raise self._gone() from exc

    def answer(self) -> Done:
        """Wait for what came of the chunk."""
        try:
            about, content = _unpacked(self._pipe.recv_bytes())
        except (EOFError, OSError) as exc:
            raise self._gone() from exc
        return Done(content, **about)

    def _gone(self) -> DigestError:
        self._process.join(_FAREWELL)
        msg = f"a process that helped has ended too early (exit status {self._process.exitcode})"
        return DigestError(msg, advice="if memory is short, try again with --jobs 1")


def _work(pipe: Connection, folder: str) -> None:
    """Do chunks until there are no more, or nobody is there to answer."""
    judge = model.load(Path(folder))
    with suppress(EOFError, OSError):
        while True:
            about, content = _unpacked(pipe.recv_bytes())
            done = shelved(judge, Chunk(content=content, **about))
            about = {"papers": done.papers, "without_abstract": done.without_abstract, "fault": done.fault}
            pipe.send_bytes(_packed(about, done.content))


def _packed(about: dict[str, Any], content: bytes) -> bytes:
    """Return a message between processes: a line of JSON, and bytes as they are."""
    return json.dumps(about).encode() + b"\n" + content


def _unpacked(message: bytes) -> tuple[dict[str, Any], bytes]:
    about, _, content = message.partition(b"\n")
    return json.loads(about), content
