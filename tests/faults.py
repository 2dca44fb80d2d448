"""A small faulty server: the faults of a network, each by its name; and what is run against it.

    with servers.raw(faults.script("trunc_cl", body)) as server:
        faults.announcement(server.url, folder)

Run as a program, it asks within a bound on its memory: ``python -m tests.faults ADDRESS FOLDER`` for the pages alone, and with
``ADDRESS FOLDER NAME ...`` for a day of which all services say something, at each ``ADDRESS/NAME``.
"""

import gzip
import json
import re
import socket
import struct
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

from digest import resources
from digest.arxiv.answers import Answers
from digest.arxiv.client import Answer, Client
from digest.arxiv.exchange import Limits
from digest.core.domain import Announcement
from digest.errors import DigestError
from digest.services import Services
from digest.source import Source
from tests import servers
from tests.servers import Script, response

MEMORY = 256 * 2**20
"""Bytes that one answer may cost, the program itself included."""
EVENING = datetime(2026, 11, 20, 6, tzinfo=UTC)
"""The announcement of Friday, 20 November 2026 has been out for five hours."""
PATH = "/list/cs.CV/new"
QUICK = Limits(connect=2, read=1, total=2, tries=2, back_off=0.01, patience=5, all_tries=3)


# -- faults --------------------------------------------------------------------------------------------------------------

_GZIP = ("Content-Encoding: gzip",)
_CHUNKED = ("Transfer-Encoding: chunked",)


def script(name: str, body: bytes) -> Script:
    """Return what a server does in whose way of serving *body* there is the fault *name*."""
    return MODES[name](body)


def resets(content: bytes) -> Script:
    """Return a script that sends *content* and resets the connection."""

    def run(connection: socket.socket) -> None:
        connection.sendall(content)
        # To linger for no time at all means to end with a reset and not with an end of file.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return run


def endless(head: bytes) -> Script:
    """Return a script that sends *head* and after it bytes without end."""

    def run(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(bytes(2**20))

    return run


def slow(body: bytes) -> Script:
    """Return a script that sends the head at once, and of the body a byte every tenth of a second."""

    def run(connection: socket.socket) -> None:
        connection.sendall(response(body)[: -len(body)])
        servers.drips(body, size=1)(connection)

    return run


def to(location: str, body: bytes = b"", *headers: str) -> bytes:
    """Return a redirect."""
    return response(body, status="302 Found", headers=(f"Location: {location}", *headers))


def _packed(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


def _served(change: Callable[[bytes], bytes]) -> Callable[[bytes], Script]:
    """Return a fault that is in the bytes that are sent."""
    return lambda body: servers.sends(change(body))


MODES: dict[str, Callable[[bytes], Script]] = {
    "whole": _served(response),
    "reset_head": lambda _body: resets(b""),
    "reset_mid": lambda body: resets(response(body)[: -len(body) // 2]),
    "trunc_cl": _served(lambda body: response(body)[: -len(body) // 2]),
    "trunc_nocl": _served(lambda body: response(body, length=False)[: -len(body) // 2]),
    "trunc_chunk": _served(lambda body: response(b"%x\r\n%s" % (len(body), body[:-9]), length=False, headers=_CHUNKED)),
    "trunc_last_chunk": _served(lambda body: response(b"%x\r\n%s\r\n" % (len(body), body), length=False, headers=_CHUNKED)),
    "gz_trunc": _served(lambda body: response(_packed(body)[: len(_packed(body)) // 2], headers=_GZIP)),
    "gz_trunc8": _served(lambda body: response(_packed(body)[:-8], headers=_GZIP)),
    "gz_trunc1": _served(lambda body: response(_packed(body)[:-1], headers=_GZIP)),
    "gz_badcrc": _served(lambda body: response(_packed(body)[:-8] + bytes(8), headers=_GZIP)),
    "gz_not": _served(lambda body: response(body, headers=_GZIP)),
    "gz_twice": _served(lambda body: response(_packed(body) + _packed(body), headers=_GZIP)),
    "gz_in_gz": _served(lambda body: response(_packed(_packed(body)), headers=_GZIP)),
    "br": _served(lambda body: response(body, headers=("Content-Encoding: br",))),
    "bomb": lambda _body: servers.sends(response(servers.bomb(), headers=_GZIP)),
    "bomb_redirect": lambda _body: servers.sends(to(PATH, servers.bomb(), *_GZIP)),
    "endless": lambda _body: endless(response(b"", length=False)),
    "endless_redirect": lambda _body: endless(to(PATH).replace(b"Content-Length: 0\r\n", b"")),
    "endless_chunks": lambda _body: endless(response(b"7fffffffffffffff\r\n", length=False, headers=_CHUNKED)),
    "slow": slow,
    "slowhdr": lambda body: servers.drips(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"y" * len(body)),
    "slowtrailer": lambda body: servers.drips(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * len(body), size=999
    ),
    "manyhdr": lambda _body: servers.sends(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000 + b"\r\n"),
    "longhdr": lambda _body: servers.sends(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 2**20 + b"\r\n\r\n"),
    "endlesshdr": lambda _body: endless(b"HTTP/1.1 200 OK\r\nX: "),
    "garbage": lambda _body: servers.sends(b"\x00\x01garbage\r\n\r\n" * 50),
    "empty": lambda _body: servers.sends(b""),
    "html200": lambda _body: servers.sends(response(b"<html><body><h1>Down for maintenance</h1></body></html>")),
    "type": _served(lambda body: response(body).replace(b"text/html; charset=utf-8", b"application/pdf")),
    "loop": lambda _body: servers.sends(to(PATH)),
    "tofile": lambda _body: servers.sends(to("file:///etc/hostname")),
    "to169": lambda _body: servers.sends(to("http://169.254.169.254/latest/meta-data/")),
    "tohost": lambda _body: servers.sends(to("https://example.org/list/cs.CV/new")),
    "tonowhere": lambda _body: servers.sends(to("http://[::1/")),
    "unmodified": lambda _body: servers.sends(response(b"", status="304 Not Modified")),
}
"""What becomes of a body, by the name of the fault."""


# -- what is run against them --------------------------------------------------------------------------------------------


def page(url: str, folder: Path, limits: Limits = QUICK) -> Answer:
    """Ask for one page with a fresh client, as one run of the program does."""
    return Client(0, folder, loopback=True, limits=limits).get(url + PATH)


def announcement(url: str, folder: Path, limits: Limits = QUICK) -> Announcement:
    """Ask for the newest announcement, as one run of the program does; all tests of faults come through here."""
    client = Client(0, folder, loopback=True, limits=limits)
    return Source(client.get, Answers(folder), resources.calendar(), url).announcement("cs.CV", None, EVENING, "listing")


def kept(folder: Path) -> list[Path]:
    """Return the answers that the store holds for good."""
    return [path for path in folder.glob("answers/**/*") if path.is_file()]


def day(
    url: str,
    folder: Path,
    when: date | None = None,
    *,
    now: datetime = EVENING,
    source: str = "auto",
    earlier: frozenset[str] = frozenset(),
    limits: Limits = QUICK,
) -> Announcement:
    """Ask for a date with all of arXiv's services at *url*, as one run of the program does; *earlier* is the last edition."""
    client = Client(0, folder, loopback=True, limits=limits)
    services = Services(client.get, url, url, url, back_off=0.01)
    made = Source(client.get, Answers(folder), resources.calendar(), url, services=services, earlier=lambda _category, _day: earlier)
    return made.announcement("cs.CV", when, now, source)


def main(url: str, folder: str, *names: str) -> None:
    """Ask within the bound on memory; write what came of each question as JSON."""
    import resource  # not on every system

    # What it may write to; not its addresses, of which the allocator reserves 64 MiB for each thread and uses hardly any.
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    limits = Limits(back_off=0.01)
    asked: dict[str, Callable[[], object]] = {
        "page": lambda: page(url, Path(folder), limits),
        "announcement": lambda: announcement(url, Path(folder), limits),
    }
    if names:
        asked = {
            f"{name} {source}": partial(day, f"{url}/{name}", Path(folder, name, source), source=source, limits=limits)
            for name in names
            for source in ("auto", "feed", "api", "oai")
        }
    found = {}
    for name, ask in asked.items():
        started = time.monotonic()
        entries = 0
        try:
            answer = ask()
        except DigestError as exc:
            error, said = type(exc).__name__, str(exc)
        else:
            error = said = ""
            entries = len(answer.entries) if isinstance(answer, Announcement) else 0
        seconds = time.monotonic() - started
        found[name] = {"error": error, "said": said, "entries": entries, "seconds": seconds, "peak": _peak()}
    sys.stdout.write(json.dumps(found))


def _peak() -> int:
    """Return the most memory that this process has held, in bytes; 0 where the system does not tell.

    Not what `getrusage` says: that begins with what the process held that started this one.
    """
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text("ascii")) if status.exists() else None
    return int(found[1]) * 1024 if found else 0


if __name__ == "__main__":
    main(*sys.argv[1:])
