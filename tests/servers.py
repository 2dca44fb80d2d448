"""Real servers on loopback: one that plays arXiv, one that answers with whatever bytes it is told to, one that looks at its watch."""

import itertools
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, bytes, dict[str, str]]


@dataclass
class Arxiv:
    """Pages by path and query, and a record of what was asked."""

    url: str = ""
    pages: dict[str, bytes | Answer | Callable[[], Answer]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    other: Callable[[str], bytes | Answer] = lambda path: (404, f"nothing at {path}\n".encode(), {})
    """What answers for a path that is none of `pages`."""

    def answer(self, path: str) -> Answer:
        """Return the status, the body and the headers for *path*."""
        page = self.pages[path] if path in self.pages else self.other(path)
        if callable(page):
            page = page()
        return page if isinstance(page, tuple) else (200, page, {})


@contextmanager
def arxiv() -> Iterator[Arxiv]:
    """Run a server that plays arXiv."""
    state = Arxiv()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            state.headers.append(dict(self.headers.items()))
            status, body, headers = state.answer(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the base class gives it
            pass

    with _served(Handler) as state.url:
        yield state


@contextmanager
def _served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Run a server with a thread for each connection; give its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


Script = Callable[[socket.socket], None]
TLS_HELLO = b"\x16"
"""What TLS begins with: a server that speaks plain HTTP answers to that at once, for it is no request."""


@dataclass
class Raw:
    """A server that hands each connection to `script`, after it has read the request."""

    script: Script
    url: str = ""
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)
    """When each request was there."""
    stopped: threading.Event = field(default_factory=threading.Event)


@contextmanager
def raw(script: Script, context: ssl.SSLContext | None = None) -> Iterator[Raw]:
    """Run a server whose answers are bytes, well-formed or not; over TLS, if there is a *context*."""
    listener = socket.create_server(("127.0.0.1", 0))
    state = Raw(script, f"{'https' if context else 'http'}://127.0.0.1:{listener.getsockname()[1]}")

    def serve(plain: socket.socket) -> None:
        with plain, suppress(OSError), context.wrap_socket(plain, server_side=True) if context else plain as connection:
            request = b""
            while b"\r\n\r\n" not in request and request[:1] != TLS_HELLO:
                piece = connection.recv(65536)
                if not piece:
                    return
                request += piece
            state.moments.append(time.monotonic())
            state.requests.append(request)
            state.script(connection)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                state.connections += 1
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield state
    finally:
        state.stopped.set()
        listener.close()


def response(body: bytes, *, status: str = "200 OK", length: bool = True, headers: tuple[str, ...] = ()) -> bytes:
    """Return the bytes of an answer; without *length* only the end of the connection ends it."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: text/html; charset=utf-8", "Connection: close", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def sends(content: bytes) -> Script:
    """Return a script that sends *content* and hangs up."""
    return lambda connection: connection.sendall(content)


def bomb() -> bytes:
    """Return 2 MB of gzip that become 2 GiB of zeros."""
    packer = zlib.compressobj(9, wbits=31)
    first = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    # After a full flush nothing refers to what was before, so that one piece can stand for all that follow.
    piece = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + piece * 2047 + packer.flush()


def in_turn(scripts: Iterable[Script]) -> Script:
    """Return a script that does with each connection what the next of *scripts* does."""
    remaining = iter(scripts)

    def script(connection: socket.socket) -> None:
        next(remaining)(connection)

    return script


def drips(content: bytes, *, size: int = 3, every: float = 0.1) -> Script:
    """Return a script that sends *size* bytes *every* few tenths of a second, so that no read ever times out."""

    def script(connection: socket.socket) -> None:
        connection.settimeout(every)
        for number in range(0, len(content), size):
            connection.sendall(content[number : number + size])
            with suppress(TimeoutError):
                if not connection.recv(1):
                    return

    return script


def eventually(holds: Callable[[], bool], seconds: float = 60) -> bool:
    """Wait until something holds; say whether it does.

    The bound is generous: only a failing test waits for so long.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        threading.Event().wait(0.02)
    return True


# -- a server that looks at its watch ------------------------------------------------------------------------------------


@dataclass(frozen=True, order=True)
class Visit:
    """One request, from its arrival to just before its last byte was sent; seconds."""

    start: float
    end: float
    path: str


@dataclass
class Politeness:
    """A record of who came when."""

    url: str = ""
    visits: list[Visit] = field(default_factory=list)

    def overlaps(self) -> list[tuple[Visit, Visit]]:
        """Return which requests came before the one before them was answered."""
        return [(one, other) for one, other in itertools.pairwise(sorted(self.visits)) if other.start < one.end]

    def gaps(self, path: str | tuple[str, ...] = "/") -> list[float]:
        """Return the times between the arrivals of requests whose path begins with *path*, or with one of several."""
        starts = sorted(visit.start for visit in self.visits if visit.path.startswith(path))
        return [later - earlier for earlier, later in itertools.pairwise(starts)]


@contextmanager
def politeness(answer: Callable[[str], bytes | Answer] = lambda _path: b"hello", *, takes: float = 0.02) -> Iterator[Politeness]:
    """Run a server that gives the *answer* to a path, *takes* so many seconds for it and records who came when."""
    state = Politeness()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            start = time.monotonic()
            threading.Event().wait(takes)
            found = answer(self.path)
            status, body, headers = found if isinstance(found, tuple) else (200, found, {})
            lines = tuple(f"{name}: {value}" for name, value in headers.items())
            state.visits.append(Visit(start, time.monotonic(), self.path))
            self.wfile.write(response(body, status=f"{status} Status", headers=lines))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the base class gives it
            pass

    with _served(Handler) as state.url:
        yield state
