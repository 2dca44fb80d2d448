"""Real servers on loopback: one that plays arXiv, and one that answers with whatever bytes it is told to."""

import socket
import threading
from collections.abc import Callable, Iterator
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

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


Script = Callable[[socket.socket], None]


@dataclass
class Raw:
    """A server that hands each connection to `script`, after it has read the request."""

    script: Script
    url: str = ""
    connections: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)


@contextmanager
def raw(script: Script) -> Iterator[Raw]:
    """Run a server whose answers are bytes, well-formed or not."""
    listener = socket.create_server(("127.0.0.1", 0))
    state = Raw(script, f"http://127.0.0.1:{listener.getsockname()[1]}")

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            request = b""
            while b"\r\n\r\n" not in request:
                piece = connection.recv(65536)
                if not piece:
                    return
                request += piece
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
