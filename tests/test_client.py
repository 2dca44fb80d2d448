"""The client: gets what is there, and is not to be hurt by what answers. All servers are real, on loopback."""

import gzip
import socket
import threading
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from digest.arxiv.client import Answer
from digest.arxiv.exchange import Limits
from digest.errors import DigestError, IncompleteError, SourceError, UnreachableError
from tests import pages, servers
from tests.clients import QUICK, Clock, client
from tests.pages import Fake

BODY = pages.new([Fake("2611.00001"), Fake("2611.00002", kind="cross", categories=("cs.RO", "cs.CV"))], date(2026, 11, 20))
GZIPPED = gzip.compress(BODY, mtime=0)


def once(folder: Path, script: servers.Script, limits: Limits = QUICK) -> Answer:
    """Return what the client makes of a server's bytes, without a second try."""
    with servers.raw(script) as server:
        one = Limits(limits.connect, limits.read, limits.total, 1, limits.back_off, limits.patience)
        return client(folder, limits=one).get(server.url + "/list/cs.CV/new")


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
    answer = once(tmp_path, servers.sends(content))

    assert (answer.status, answer.body) == (200, BODY)


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
        (servers.response(b"", status="302 Found", headers=("Location: http://127.0.0.1:99999/list/cs.CV/new",)), SourceError),
        (servers.response(b"", status="304 Not Modified"), SourceError),
    ],
    ids=[
        "short body", "short chunk", "gzip cut by 1", "gzip cut by 8", "gzip checksum", "gzip twice", "not gzip", "brotli", "empty",
        "garbage", "many headers", "long header", "redirect to a file", "redirect to a private address", "redirect away", "redirect loop",
        "redirect nowhere", "redirect to no port", "304 unasked",
    ],
)  # fmt: skip
def test_broken_answers(tmp_path: Path, content: bytes, error: type[DigestError]) -> None:
    """A broken answer is an error of its kind, and never half a page."""
    with pytest.raises(error):
        once(tmp_path, servers.sends(content))


def test_an_answer_that_explodes(tmp_path: Path) -> None:
    """A gzip bomb stops at the cap, long before it has unpacked."""
    with pytest.raises(SourceError, match="larger than 16 MiB"):
        once(tmp_path, servers.sends(servers.response(servers.bomb(), headers=("Content-Encoding: gzip",))))


def test_an_answer_without_end(tmp_path: Path) -> None:
    """An endless body stops at the cap."""

    def endless(connection: socket.socket) -> None:
        connection.sendall(servers.response(b"", length=False))
        while True:
            connection.sendall(bytes(2**20))

    with pytest.raises(SourceError, match="larger than 16 MiB"):
        once(tmp_path, endless)


@pytest.mark.parametrize("content", [servers.response(BODY), b"HTTP/1.1 200 OK\r\nX-Slow: " + b"y" * 4000], ids=["body", "headers"])
def test_an_answer_that_drips(tmp_path: Path, content: bytes) -> None:
    """The total deadline holds where the time-out of each read never comes."""
    started = time.monotonic()
    with pytest.raises(SourceError, match=r"(longer than|silent for) 1 s"):
        once(tmp_path, servers.drips(content), Limits(connect=2, read=1, total=1, tries=1, back_off=0, patience=5))

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
    with servers.raw(servers.sends(servers.response(BODY))) as server, pytest.raises(UnreachableError):
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


@pytest.mark.parametrize("status", [406, 408, 425, 429, 500, 502, 503, 504, 520])
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


@pytest.mark.parametrize("status", [400, 401, 404, 410, 418, 451])
def test_answers_that_stay_what_they_are(tmp_path: Path, status: int) -> None:
    """Errors that do not pass are handed over at once."""
    with servers.arxiv() as arxiv:
        arxiv.pages["/"] = (status, b"never", {})

        assert client(tmp_path).get(arxiv.url + "/").status == status
        assert len(arxiv.asked) == 1


def test_not_modified(tmp_path: Path) -> None:
    """304 is an answer to who asked under a condition."""
    with servers.arxiv() as arxiv:
        arxiv.pages["/"] = (304, b"", {})

        assert client(tmp_path).get(arxiv.url + "/", {"If-None-Match": '"1"'}).status == 304


# -- redirects -----------------------------------------------------------------------------------------------------------


def test_redirects_within_arxiv(tmp_path: Path) -> None:
    """A redirect on the same host is followed."""
    with servers.arxiv() as arxiv:
        arxiv.pages["/old"] = (301, b"", {"Location": "/new"})
        arxiv.pages["/new"] = BODY

        assert client(tmp_path).get(arxiv.url + "/old").body == BODY


@pytest.mark.parametrize(
    ("target", "followed"),
    [
        ("http://export.arxiv.org/new", True),
        ("//www.arxiv.org/new", True),
        ("http://notarxiv.org/new", False),
        ("http://arxiv.org.example/new", False),
        ("http://arxiv.org@example.org/new", False),
        ("http://:secret@arxiv.org/new", False),
        ("ftp://arxiv.org/new", False),
    ],
)
def test_redirects_between_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, *, followed: bool) -> None:
    """A redirect may lead from one of arXiv's hosts to another one, and nowhere else."""
    with servers.arxiv() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        proxy.pages["http://arxiv.org/old"] = (302, b"", {"Location": target})
        proxy.other = lambda _path: BODY
        asking = client(tmp_path, loopback=False)
        if followed:
            assert asking.get("http://arxiv.org/old").body == BODY
        else:
            with pytest.raises(SourceError, match="redirect away from arXiv"):
                asking.get("http://arxiv.org/old")
        assert len(proxy.asked) == 1 + followed


def test_a_connection_that_comes_too_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a name is found only after the client has given up, nothing is sent: it may be somebody else's turn by now."""
    found, given_up = threading.Event(), threading.Event()
    real = socket.getaddrinfo

    def late(*args: Any, **kwargs: Any) -> Any:
        given_up.wait(10)
        found.set()
        return real(*args, **kwargs)

    with servers.arxiv() as arxiv:
        arxiv.pages["/"] = BODY
        monkeypatch.setattr(socket, "getaddrinfo", late)
        with pytest.raises(UnreachableError, match=r"did not take the connection within 0\.2 s"):
            client(tmp_path, limits=Limits(connect=0.2, read=1, total=3, tries=1)).get(arxiv.url + "/")
        given_up.set()
        assert found.wait(10)
        for thread in [thread for thread in threading.enumerate() if thread.name == "arxiv"]:
            thread.join(10)

        assert arxiv.asked == []
