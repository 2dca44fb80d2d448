"""The client: polite to arXiv, and not to be hurt by what answers. All servers are real, on loopback."""

import gzip
import socket
import time
import zlib
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from digest.arxiv.client import Answer, Client, retry_after
from digest.arxiv.exchange import Limits
from digest.errors import DigestError, ForbiddenError, IncompleteError, PublishError, SourceError, UnreachableError
from tests import pages, servers
from tests.pages import Fake

BODY = pages.new([Fake("2611.00001"), Fake("2611.00002", kind="cross", categories=("cs.RO", "cs.CV"))], date(2026, 11, 20))
GZIPPED = gzip.compress(BODY, mtime=0)
QUICK = Limits(connect=2, read=1, total=3, tries=3, back_off=0.01, patience=5)


class Clock:
    """A clock that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def client(folder: Path, *, clock: Clock | None = None, pace: float = 0, limits: Limits = QUICK, contact: str = "") -> Client:
    """Return a client on a clock of its own."""
    clock = clock or Clock()
    return Client(pace, folder, contact, loopback=True, limits=limits, sleep=clock.sleep, clock=clock)


def once(folder: Path, script: servers.Script, limits: Limits = QUICK) -> Answer:
    """Return what the client makes of a server's bytes, without a second try."""
    with servers.raw(script) as server:
        one = Limits(limits.connect, limits.read, limits.total, 1, limits.back_off, limits.patience)
        return client(folder, limits=one).get(server.url + "/list/cs.CV/new")


def sends(content: bytes) -> servers.Script:
    """Return a script that sends *content* and hangs up."""
    return lambda connection: connection.sendall(content)


@pytest.mark.parametrize(
    "content",
    [
        servers.response(BODY),
        servers.response(BODY, length=False),
        servers.response(GZIPPED, headers=("Content-Encoding: gzip",)),
        servers.response(GZIPPED, length=False, headers=("Content-Encoding: gzip",)),
        servers.response(b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY), length=False, headers=("Transfer-Encoding: chunked",)),
        servers.response(BODY, headers=("Content-Type: text/plain",)),
    ],
    ids=["length", "close", "gzip", "gzip, close", "chunked", "another type"],
)
def test_whole_answers(tmp_path: Path, content: bytes) -> None:
    """However a whole answer is transported, it arrives."""
    answer = once(tmp_path, sends(content))

    assert (answer.status, answer.body) == (200, BODY)


def bomb() -> bytes:
    """Return a small gzip stream that becomes 256 MiB."""
    packer = zlib.compressobj(9, wbits=31)
    piece = bytes(2**20)
    return b"".join([packer.compress(piece) for _ in range(256)]) + packer.flush()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (servers.response(BODY)[:-20], IncompleteError),
        (servers.response(b"ffff\r\n" + BODY, length=False, headers=("Transfer-Encoding: chunked",)), IncompleteError),
        (servers.response(GZIPPED[:-1], headers=("Content-Encoding: gzip",)), IncompleteError),
        (servers.response(GZIPPED[:-8], headers=("Content-Encoding: gzip",)), IncompleteError),
        (servers.response(GZIPPED[:-8] + bytes(8), headers=("Content-Encoding: gzip",)), IncompleteError),
        (servers.response(GZIPPED + GZIPPED, headers=("Content-Encoding: gzip",)), IncompleteError),
        (servers.response(BODY, headers=("Content-Encoding: gzip",)), IncompleteError),
        (servers.response(BODY, headers=("Content-Encoding: br",)), SourceError),
        (b"", UnreachableError),
        (b"\x00\x01garbage\r\n\r\n", UnreachableError),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000 + b"\r\n", UnreachableError),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 2**20 + b"\r\n\r\n", UnreachableError),
        (servers.response(b"", status="302 Found", headers=("Location: file:///etc/hostname",)), SourceError),
        (servers.response(b"", status="302 Found", headers=("Location: http://169.254.169.254/",)), SourceError),
        (servers.response(b"", status="302 Found", headers=("Location: https://arxiv.org/list/cs.CV/new",)), SourceError),
        (servers.response(b"", status="301 Moved", headers=("Location: /list/cs.CV/new",)), SourceError),
        (servers.response(b"", status="302 Found", headers=("Location: http://[::1/list/cs.CV/new",)), SourceError),
    ],
    ids=[
        "short body", "short chunk", "gzip cut by 1", "gzip cut by 8", "gzip checksum", "gzip twice", "not gzip", "brotli", "empty",
        "garbage", "many headers", "long header", "redirect to a file", "redirect to a private address", "redirect away", "redirect loop",
        "redirect nowhere",
    ],
)  # fmt: skip
def test_broken_answers(tmp_path: Path, content: bytes, error: type[DigestError]) -> None:
    """A broken answer is an error of its kind, and never half a page."""
    with pytest.raises(error):
        once(tmp_path, sends(content))


def test_an_answer_that_explodes(tmp_path: Path) -> None:
    """A gzip bomb stops at the cap, long before it has unpacked."""
    with pytest.raises(SourceError, match="larger than 16 MiB"):
        once(tmp_path, sends(servers.response(bomb(), headers=("Content-Encoding: gzip",))))


def test_an_answer_without_end(tmp_path: Path) -> None:
    """An endless body stops at the cap."""

    def endless(connection: socket.socket) -> None:
        connection.sendall(servers.response(b"", length=False))
        while True:
            connection.sendall(bytes(2**20))

    with pytest.raises(SourceError, match="larger than 16 MiB"):
        once(tmp_path, endless)


def drip(stopped: Callable[[], bool], content: bytes) -> servers.Script:
    """Return a script that sends a few bytes every tenth of a second, so that no read ever times out."""

    def script(connection: socket.socket) -> None:
        connection.settimeout(0.1)
        for number in range(0, len(content), 3):
            connection.sendall(content[number : number + 3])
            try:
                if not connection.recv(1):
                    return
            except TimeoutError:
                pass
            if stopped():
                return

    return script


@pytest.mark.parametrize("content", [servers.response(BODY), b"HTTP/1.1 200 OK\r\nX-Slow: " + b"y" * 4000], ids=["body", "headers"])
def test_an_answer_that_drips(tmp_path: Path, content: bytes) -> None:
    """The total deadline holds where the time-out of each read never comes."""
    started = time.monotonic()
    with pytest.raises(SourceError, match=r"(longer than|silent for) 1 s"):
        once(tmp_path, drip(lambda: False, content), Limits(connect=2, read=1, total=1, tries=1, back_off=0, patience=5))

    assert time.monotonic() - started < 5


def test_a_server_that_says_nothing(tmp_path: Path) -> None:
    """Silence at first contact is said after one read's time-out, without further tries."""

    def silent(connection: socket.socket) -> None:
        connection.recv(1)

    with servers.raw(silent) as server:
        with pytest.raises(UnreachableError, match="silent for 1 s"):
            client(tmp_path).get(server.url)

        assert server.connections == 1


def test_nobody_there(tmp_path: Path) -> None:
    """A closed port is said at once and not tried again; a later run need not wait for a request that never left."""
    clock = Clock()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    started = time.monotonic()
    for _ in range(2):
        with pytest.raises(UnreachableError, match="cannot be reached"):
            client(tmp_path, clock=clock, pace=15).get(f"http://127.0.0.1:{port}/")

    assert clock.slept == []
    assert time.monotonic() - started < QUICK.connect


def test_a_name_that_does_not_exist(tmp_path: Path) -> None:
    """A host without an address is unreachable."""
    with pytest.raises(UnreachableError, match="cannot be reached"):
        client(tmp_path).get("http://arxiv.invalid/list/cs.CV/new")


def test_no_tls_where_tls_should_be(tmp_path: Path) -> None:
    """A server that speaks plain HTTP where TLS belongs is never talked to without it."""
    with servers.raw(sends(servers.response(BODY))) as server, pytest.raises(UnreachableError):
        client(tmp_path).get(server.url.replace("http:", "https:"))


def test_who_asks(tmp_path: Path) -> None:
    """Each request names the program, where it comes from and how to reach whoever runs it, and carries no more."""
    with servers.arxiv() as arxiv:
        arxiv.pages["/"] = BODY
        client(tmp_path, contact="librarian@example.org").get(arxiv.url + "/")

        sent = arxiv.headers[0]
    assert sent["User-Agent"].startswith("cvdigest/")
    assert "https://" in sent["User-Agent"]
    assert "contact: librarian@example.org" in sent["User-Agent"]
    assert "text/html" in sent["Accept"]
    assert sent["Accept-Encoding"] == "gzip"
    assert {name.lower() for name in sent} <= {"host", "user-agent", "accept", "accept-encoding", "connection"}


@pytest.mark.parametrize("status", [406, 408, 429, 500, 502, 503, 504])
def test_another_try(tmp_path: Path, status: int) -> None:
    """Errors that pass are tried again, with longer and longer waits."""
    answers: list[servers.Answer] = [(status, b"busy", {}), (status, b"busy", {}), (200, BODY, {})]
    clock = Clock()
    with servers.arxiv() as arxiv:
        arxiv.pages["/"] = lambda: answers.pop(0)

        assert client(tmp_path, clock=clock).get(arxiv.url + "/").body == BODY
    assert clock.slept == [0.01, 0.02]


def test_a_dropped_connection(tmp_path: Path) -> None:
    """A connection that ends in the middle is worth another try."""
    contents = [servers.response(BODY)[:-9], servers.response(BODY)]
    with servers.raw(lambda connection: connection.sendall(contents.pop(0))) as server:
        assert client(tmp_path).get(server.url).body == BODY


def test_tries_end(tmp_path: Path) -> None:
    """Tries are bounded, and the error says what arXiv said."""
    with servers.arxiv() as arxiv:
        arxiv.pages["/"] = (503, b"busy", {})
        with pytest.raises(UnreachableError, match="answered 503"):
            client(tmp_path).get(arxiv.url + "/")

        assert len(arxiv.asked) == 3


def test_forbidden(tmp_path: Path) -> None:
    """403 ends at once: asking on would be an attack."""
    with servers.arxiv() as arxiv:
        arxiv.pages["/"] = (403, b"no", {})
        with pytest.raises(ForbiddenError, match="refuses"):
            client(tmp_path).get(arxiv.url + "/")

        assert len(arxiv.asked) == 1


def test_a_wait_that_arxiv_asks_for(tmp_path: Path) -> None:
    """A short Retry-After is waited for."""
    answers: list[servers.Answer] = [(503, b"", {"Retry-After": "4"}), (200, BODY, {})]
    clock = Clock()
    with servers.arxiv() as arxiv:
        arxiv.pages["/"] = lambda: answers.pop(0)
        client(tmp_path, clock=clock).get(arxiv.url + "/")

    assert clock.slept == [4]


def test_a_long_wait_is_remembered(tmp_path: Path) -> None:
    """A Retry-After beyond our patience ends the run, and the next run does not ask before it is over."""
    clock = Clock()
    with servers.arxiv() as arxiv:
        arxiv.pages["/"] = (429, b"", {"Retry-After": "300"})
        with pytest.raises(UnreachableError, match="wait 300 s"):
            client(tmp_path, clock=clock).get(arxiv.url + "/")
        with pytest.raises(UnreachableError, match="asked not to be asked before"):
            client(tmp_path, clock=clock).get(arxiv.url + "/")
        assert len(arxiv.asked) == 1

        clock.now += 301
        arxiv.pages["/"] = BODY
        assert client(tmp_path, clock=clock).get(arxiv.url + "/").body == BODY


def test_notes_that_cannot_be_written(tmp_path: Path) -> None:
    """Where the pace cannot be noted it could not be kept, and that is said as an error of ours."""
    with servers.arxiv() as arxiv:
        arxiv.pages["/"] = BODY
        (tmp_path / f"last-request-{arxiv.url.rpartition('/')[2].replace(':', '-')}").mkdir()
        with pytest.raises(PublishError, match="data folder"):
            client(tmp_path, pace=15).get(arxiv.url + "/")


def test_hosts_are_apart(tmp_path: Path) -> None:
    """What a replay asks for is nothing to arXiv, and the reverse."""
    clock = Clock()
    with servers.arxiv() as busy, servers.arxiv() as free:
        busy.pages["/"] = (429, b"", {"Retry-After": "3600"})
        free.pages["/"] = BODY
        with pytest.raises(UnreachableError):
            client(tmp_path, clock=clock).get(busy.url + "/")

        assert client(tmp_path, clock=clock).get(free.url + "/").body == BODY


def test_the_pace(tmp_path: Path) -> None:
    """Requests keep their distance, also those of two programs that follow each other."""
    clock = Clock()
    with servers.arxiv() as arxiv:
        arxiv.pages["/"] = BODY
        for _ in range(3):
            client(tmp_path, clock=clock, pace=15).get(arxiv.url + "/")

    assert clock.slept == [pytest.approx(15, abs=0.01), pytest.approx(15, abs=0.01)]


def test_a_clock_that_goes_back(tmp_path: Path) -> None:
    """A clock that was set back by a year does not make anybody wait for one."""
    clock = Clock()
    with servers.arxiv() as arxiv:
        arxiv.pages["/"] = BODY
        client(tmp_path, clock=clock, pace=15).get(arxiv.url + "/")
        clock.now -= 365 * 86400
        client(tmp_path, clock=clock, pace=15).get(arxiv.url + "/")

    assert sum(clock.slept) <= 15


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("120", 120),
        ("0", 1),
        ("-5", 1),
        ("1e9", 6 * 3600),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("Fri, 20 Nov 2026 01:02:00 GMT", 120),
        ("Thu, 19 Nov 2026 01:00:00 GMT", 1),
        ("Fri, 20 Nov 2099 01:00:00 GMT", 6 * 3600),
    ],
)
def test_retry_after(value: str, expected: float | None) -> None:
    """Both forms of Retry-After are understood, a date by the server's own clock, and bounded."""
    headers = {"retry-after": value, "date": "Fri, 20 Nov 2026 01:00:00 GMT"}

    assert retry_after(headers, datetime(2030, 1, 1, tzinfo=UTC)) == expected


def test_redirects_within_arxiv(tmp_path: Path) -> None:
    """A redirect on the same host is followed."""
    with servers.arxiv() as arxiv:
        arxiv.pages["/old"] = (301, b"", {"Location": "/new"})
        arxiv.pages["/new"] = BODY

        assert client(tmp_path).get(arxiv.url + "/old").body == BODY
