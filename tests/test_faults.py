"""What a network can do to us: each fault leaves the date waiting or failed, nothing half behind, and the next run whole.

The numbers are those of the faults in the design: 1 to 22 and 31; those of what a day's answers say are in
`tests.test_day_faults`. Each is run through the client and through `Source`.
"""

import gzip
import json
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import requests.adapters
import trustme

from digest.arxiv.client import Client
from digest.arxiv.exchange import Limits
from digest.core.domain import Announcement, State
from digest.errors import DigestError, ForbiddenError, IncompleteError, LayoutError, NotYetError, SourceError, UnreachableError
from tests import faults, pages, servers
from tests.pages import Fake
from tests.reference import ROOT

FRIDAY = date(2026, 11, 20)
FAKES = tuple(Fake(f"2611.0000{number}", kind=kind, authors=("Zoë Example",)) for number, kind in enumerate(("new", "cross", "replaced")))
BODY = pages.new(FAKES, FRIDAY)
WAITING = {75, 69}
"""The exit statuses of a date that is asked for again; any other error is final until somebody looks."""
linux = pytest.mark.skipif(sys.platform != "linux", reason="the bound on memory is one of Linux")


def check_whole(found: Announcement) -> None:
    """Assert that *found* is the whole announcement."""
    assert (found.date, found.state) == (FRIDAY, State.PUBLISHED)
    assert [(entry.paper.id, entry.kind.value) for entry in found.entries] == [(fake.id, fake.kind) for fake in FAKES]


def check_refused(
    folder: Path,
    script: servers.Script,
    error: type[DigestError] | tuple[type[DigestError], ...],
    said: str,
    *,
    limits: Limits = faults.QUICK,
    passes: bool = False,
    context: ssl.SSLContext | None = None,
) -> servers.Raw:
    """Assert that a fault is refused with *error*, which says *said*, that nothing is kept, and that the next run has it all.

    What the client *passes*, `Source` must refuse.
    """
    with servers.raw(script, context) as server:
        for ask in (faults.announcement,) if passes else (faults.page, faults.announcement):
            started = time.monotonic()
            with pytest.raises(error, match=said) as caught:
                ask(server.url, folder, limits)
            waits = all(issubclass(each, UnreachableError | NotYetError) for each in (error if isinstance(error, tuple) else (error,)))
            assert (caught.value.exit_status in WAITING) == waits
            assert time.monotonic() - started < limits.all_tries + 1
        assert faults.kept(folder) == []
        faulty = server.connections

        if context is None:
            server.script = faults.script("whole", BODY)
            check_whole(faults.announcement(server.url, folder))
            assert faults.kept(folder) != []
            assert server.connections == faulty + 1
    server.connections = faulty
    return server


def check_retried(folder: Path, script: servers.Script) -> None:
    """Assert that a fault that comes once costs a second try and nothing else."""
    for ask in (faults.page, faults.announcement):
        with servers.raw(servers.in_turn([script, faults.script("whole", BODY)])) as server:
            found = ask(server.url, folder / ask.__name__)
            assert server.connections == 2
            if isinstance(found, Announcement):
                check_whole(found)


def test_the_server_without_a_fault(tmp_path: Path) -> None:
    """Without a fault there is the whole announcement."""
    with servers.raw(faults.script("whole", BODY)) as server:
        assert faults.page(server.url, tmp_path).body == BODY
        check_whole(faults.announcement(server.url, tmp_path))


# -- 1 to 3: no connection -----------------------------------------------------------------------------------------------


def test_01_no_such_name(tmp_path: Path) -> None:
    """1, DNS failure: the date waits."""
    for ask in (faults.page, faults.announcement):
        with pytest.raises(UnreachableError, match="cannot be reached") as caught:
            ask("http://nx.invalid", tmp_path)
        assert caught.value.exit_status in WAITING
    assert faults.kept(tmp_path) == []


def test_01_a_name_that_is_looked_up_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """1, DNS failure: a look-up has no time-out of its own; the deadline holds all the same."""
    over = threading.Event()

    def stalled(*_args: Any, **_kwargs: Any) -> Any:
        over.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "gone")

    monkeypatch.setattr(socket, "getaddrinfo", stalled)
    limits = Limits(connect=0.3, read=1, total=2, tries=2, back_off=0.01)
    for ask in (faults.page, faults.announcement):
        started = time.monotonic()
        with pytest.raises(UnreachableError, match=r"within 0\.3 s"):
            ask("http://slow.invalid", tmp_path, limits)
        assert time.monotonic() - started < 1
    over.set()


def test_02_connection_refused(tmp_path: Path) -> None:
    """2, connection refused: the date waits."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    for ask in (faults.page, faults.announcement):
        with pytest.raises(UnreachableError, match="Connection refused") as caught:
            ask(url, tmp_path)
        assert caught.value.exit_status in WAITING
    assert faults.kept(tmp_path) == []


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """Make an authority that the client trusts."""
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(tmp_path / "authority.pem"))
    return made


def shows(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """Return what makes a server show *certificate*."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def test_03_tls_as_it_should_be(tmp_path: Path, authority: trustme.CA) -> None:
    """3, TLS: a good certificate is accepted, so that the tests below speak of nothing but what is wrong with theirs."""
    with servers.raw(faults.script("whole", BODY), shows(authority.issue_cert("127.0.0.1"))) as server:
        assert server.url.startswith("https:")
        check_whole(faults.announcement(server.url, tmp_path))


@pytest.mark.parametrize(
    ("certificate", "said"),
    [
        (lambda ca: ca.issue_cert("127.0.0.1", not_after=datetime(2025, 1, 1, tzinfo=UTC)), "certificate has expired"),
        (lambda ca: ca.issue_cert("127.0.0.1", not_before=datetime(2090, 1, 1, tzinfo=UTC)), "certificate is not yet valid"),
        (lambda ca: ca.issue_cert("arxiv.example"), "certificate is not valid for|doesn't match|mismatch"),
        (lambda _ca: trustme.CA().issue_cert("127.0.0.1"), "unable to get local issuer certificate"),
    ],
    ids=["expired", "not yet", "wrong host", "another authority"],
)
def test_03_tls_refused(tmp_path: Path, authority: trustme.CA, certificate: Callable[[trustme.CA], trustme.LeafCert], said: str) -> None:
    """3, TLS: a certificate that is expired, another host's or nobody's is refused, by its name, and nothing is sent."""
    context = shows(certificate(authority))
    server = check_refused(tmp_path, faults.script("whole", BODY), UnreachableError, f"reached safely: .*({said})", context=context)

    assert server.requests == []


def test_03_tls_self_signed(tmp_path: Path) -> None:
    """3, TLS: a certificate that a server wrote for itself is refused."""
    own = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (tmp_path / "own.pem").write_bytes(own.private_key_pem.bytes() + own.cert_pem.bytes())
    context.load_cert_chain(tmp_path / "own.pem")
    server = check_refused(
        tmp_path, faults.script("whole", BODY), UnreachableError, "reached safely: .*self[- ]signed certificate", context=context
    )

    assert server.requests == []


def test_03_plain_http_where_tls_should_be(tmp_path: Path) -> None:
    """3, plain HTTP on 443: refused, and never talked to without TLS."""
    with servers.raw(faults.script("whole", BODY)) as server:
        for ask in (faults.page, faults.announcement):
            with pytest.raises(UnreachableError, match="reached safely"):
                ask(server.url.replace("http:", "https:"), tmp_path)

        assert {request[:1] for request in server.requests} == {servers.TLS_HELLO}
    assert faults.kept(tmp_path) == []


# -- 4 to 9: half an answer ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["reset_head", "reset_mid"])
def test_04_reset(tmp_path: Path, name: str) -> None:
    """4, reset in the middle: tried again; no part of a day."""
    check_retried(tmp_path, faults.script(name, BODY))
    server = check_refused(tmp_path / "always", faults.script(name, BODY), (UnreachableError, IncompleteError), "cut|dropped")

    assert server.connections == 2 * faults.QUICK.tries


def reset_everywhere(folder: Path, content: bytes, offsets: range) -> None:
    """Serve *content*, reset at each of *offsets*: only at its very end may there be an announcement, and that is the whole."""
    limits = Limits(connect=2, read=2, total=4, tries=1)
    with servers.raw(servers.in_turn(faults.resets(content[:offset]) for offset in offsets)) as server:
        for offset in offsets:
            fresh = folder / str(offset)
            try:
                check_whole(faults.announcement(server.url, fresh, limits))
            except (NotYetError, UnreachableError):
                assert faults.kept(fresh) == [], offset
            else:
                assert offset >= len(content), offset


RESET = (servers.response(BODY), servers.response(gzip.compress(BODY, mtime=0), headers=("Content-Encoding: gzip",)))


@pytest.mark.parametrize("content", RESET, ids=["plain", "gzip"])
def test_04_reset_here_and_there(tmp_path: Path, content: bytes) -> None:
    """4, reset at some bytes: here at steps of 97."""
    reset_everywhere(tmp_path, content, range(0, len(content) + 97, 97))


@pytest.mark.slow
@pytest.mark.parametrize("content", RESET, ids=["plain", "gzip"])
def test_04_reset_at_every_byte(tmp_path: Path, content: bytes) -> None:
    """4, reset at every byte."""
    assert len(content) < 10_000
    reset_everywhere(tmp_path, content, range(len(content) + 1))


def test_05_short_body_with_a_length(tmp_path: Path) -> None:
    """5, a body that is shorter than stated: tried again; no part of a day."""
    check_retried(tmp_path, faults.script("trunc_cl", BODY))
    check_refused(tmp_path / "always", faults.script("trunc_cl", BODY), IncompleteError, "cut")


def test_06_short_body_without_a_length(tmp_path: Path) -> None:
    """6, a body that ends with the connection: HTTP cannot tell, but the page has no end."""
    check_refused(tmp_path, faults.script("trunc_nocl", BODY), IncompleteError, "before the page does", passes=True)


@pytest.mark.parametrize("name", ["trunc_chunk", "trunc_last_chunk"])
def test_07_truncated_chunks(tmp_path: Path, name: str) -> None:
    """7, chunks without their end: tried again; no part of a day, not even if only the very last chunk is missing."""
    check_retried(tmp_path, faults.script(name, BODY))
    check_refused(tmp_path / "always", faults.script(name, BODY), IncompleteError, "cut")


@pytest.mark.parametrize("name", ["gz_trunc", "gz_trunc8", "gz_trunc1"])
def test_08_truncated_gzip(tmp_path: Path, name: str) -> None:
    """8, gzip without its end, be it the last byte: refused, though the stated length fits."""
    check_refused(tmp_path, faults.script(name, BODY), IncompleteError, "cut: its gzip stream has no end")


def test_08_gzip_truncated_anywhere(tmp_path: Path) -> None:
    """8, gzip cut anywhere, with a length that fits: there is no announcement; here at steps of 23 bytes."""
    packed = gzip.compress(BODY, mtime=0)
    limits = Limits(connect=2, read=2, total=4, tries=1)
    cut = [servers.response(packed[:length], headers=("Content-Encoding: gzip",)) for length in range(0, len(packed), 23)]
    with servers.raw(servers.in_turn(servers.sends(content) for content in cut)) as server:
        for _ in cut:
            with pytest.raises(IncompleteError):
                faults.announcement(server.url, tmp_path, limits)
    assert faults.kept(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("gz_badcrc", IncompleteError, "incorrect data check"),
        ("gz_not", IncompleteError, "incorrect header check"),
        ("gz_twice", IncompleteError, "goes on after its end"),
        ("br", SourceError, "encoded as 'br'"),
    ],
)
def test_09_wrong_encoding(tmp_path: Path, name: str, error: type[DigestError], said: str) -> None:
    """9, a checksum that is wrong, no gzip at all, two streams in one, br that was not asked for: refused."""
    check_refused(tmp_path, faults.script(name, BODY), error, said)


def test_09_gzip_in_gzip(tmp_path: Path) -> None:
    """9, gzip in gzip: what is inside is no page."""
    check_refused(tmp_path, faults.script("gz_in_gz", BODY), LayoutError, "not an HTML page", passes=True)


# -- 10 to 15: too much, too slow, nonsense ------------------------------------------------------------------------------


@linux
@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("bomb", "SourceError", "larger than 16 MiB"),
        ("bomb_redirect", "SourceError", "more than 5 redirects"),
        ("endless", "SourceError", "larger than 16 MiB"),
        pytest.param("endless_chunks", "SourceError", "larger than 16 MiB", marks=pytest.mark.slow),
        ("endless_redirect", "SourceError", "more than 5 redirects"),
        ("manyhdr", "LaterError", "dropped: .*headers"),
        ("longhdr", "LaterError", "dropped"),
        pytest.param("endlesshdr", "LaterError", "dropped", marks=pytest.mark.slow),
    ],
    ids=[
        "10 bomb", "10 bomb on a redirect", "11 endless body", "11 endless chunks", "11 endless redirect", "14 5,000 headers",
        "14 a header of 1 MB", "14 an endless header",
    ],
)  # fmt: skip
def test_10_11_14_too_much(tmp_path: Path, name: str, error: str, said: str) -> None:
    """10, 11 and 14, bombs, bodies and headers without end: a clean error, with the program's real limits, in little memory."""
    with servers.raw(faults.script(name, BODY)) as server:
        # In a process of its own, because a bound on memory holds for a whole process.
        done = subprocess.run(
            [sys.executable, "-m", "tests.faults", server.url, tmp_path], capture_output=True, text=True, check=False, cwd=ROOT
        )
    assert done.returncode == 0, done.stderr
    for found in json.loads(done.stdout).values():
        assert found["error"] == error
        assert re.search(said, found["said"])
        assert found["peak"] <= faults.MEMORY
        assert found["seconds"] <= 60
    assert faults.kept(tmp_path) == []


@linux
def test_10_the_bomb_is_one(tmp_path: Path) -> None:
    """10, the bomb: who unpacks it without a bound does run out of the same memory, and requests does that with a redirect unasked."""
    code = (
        "import sys, resource, requests; resource.setrlimit(resource.RLIMIT_AS, (2**28, 2**28))\n"
        "requests.get(sys.argv[1], timeout=9, stream=True, allow_redirects=False)"
    )
    with servers.raw(faults.script("bomb_redirect", BODY)) as server:
        done = subprocess.run([sys.executable, "-c", code, server.url], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "MemoryError" in done.stderr


@pytest.mark.parametrize("name", ["slow", "slowhdr", "slowtrailer"])
def test_12_13_too_slow(tmp_path: Path, name: str) -> None:
    """12 and 13, a body, headers or an end that drip: the deadline holds, though no read ever waits for long."""
    limits = Limits(connect=1, read=0.5, total=0.5, tries=4, back_off=0.01, all_tries=1)
    check_refused(tmp_path, faults.script(name, BODY), UnreachableError, "longer than|silent for", limits=limits)


@pytest.mark.parametrize("name", ["slow", "slowhdr"])
def test_12_13_too_slow_again_and_again(tmp_path: Path, name: str) -> None:
    """12 and 13: all tries together have one deadline, also where arXiv was there a moment ago and another try is worth it."""
    limits = Limits(connect=1, read=0.6, total=0.6, tries=9, back_off=0.05, all_tries=1.1)
    with servers.raw(faults.script("whole", BODY)) as server:
        client = Client(0, tmp_path, loopback=True, limits=limits)
        client.get(server.url)
        server.script = faults.script(name, BODY)
        started = time.monotonic()
        # The last try has only what the one before it has left.
        with pytest.raises(UnreachableError, match=r"(longer than|silent for) 0\.[0-4]"):
            client.get(server.url)

        assert 0.9 <= time.monotonic() - started < 1.1 + 1
        assert server.connections == 3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["slow", "slowhdr"])
def test_12_13_too_slow_for_the_real_limits(tmp_path: Path, name: str) -> None:
    """12 and 13: with the limits that the program has, a page is given up after a minute."""
    with servers.raw(faults.script("whole", BODY)) as server:
        client = Client(0, tmp_path, loopback=True)
        client.get(server.url)
        server.script = faults.script(name, BODY * 9)
        started = time.monotonic()
        with pytest.raises(UnreachableError):
            client.get(server.url)

        assert time.monotonic() - started < 61


@pytest.mark.parametrize("name", ["garbage", "empty"])
def test_15_garbage_and_nothing(tmp_path: Path, name: str) -> None:
    """15, garbage and an empty reply: tried again, then a clean error."""
    check_retried(tmp_path, faults.script(name, BODY))
    server = check_refused(tmp_path / "always", faults.script(name, BODY), UnreachableError, "dropped")

    assert server.connections == 2 * faults.QUICK.tries


# -- 16 to 18: what arXiv says by its status -----------------------------------------------------------------------------


def answers(status: str, *headers: str) -> servers.Script:
    """Return a script that answers with *status* and a word about it."""
    return servers.sends(servers.response(b"<html><body><h1>Because of this</h1></body></html>", status=status, headers=headers))


def test_16_a_wait_that_is_asked_for(tmp_path: Path) -> None:
    """16, Retry-After: no request before it is over, as the server's own record shows."""
    with servers.raw(servers.in_turn([answers("503 Busy", "Retry-After: 1"), faults.script("whole", BODY)])) as server:
        check_whole(faults.announcement(server.url, tmp_path))

        assert server.moments[1] - server.moments[0] >= 1


def test_16_a_wait_beyond_our_patience(tmp_path: Path) -> None:
    """16, Retry-After: 120: the date waits, and no later run asks before it is over, or says anything but until when."""
    with servers.raw(answers("503 Busy", "Retry-After: 120")) as server:
        with pytest.raises(UnreachableError, match="asks to wait 120 s"):
            faults.announcement(server.url, tmp_path)
        for ask in (faults.page, faults.announcement):
            with pytest.raises(UnreachableError, match=r"asked not to be asked before 20\d\d-\d\d-\d\d \d\d:\d\d UTC; try again then"):
                ask(server.url, tmp_path)

        assert server.connections == 1
    assert faults.kept(tmp_path) == []


@pytest.mark.parametrize(
    ("date_header", "value", "wait"),
    [
        ("Thu, 19 Nov 2026 01:00:00 GMT", "Thu, 19 Nov 2026 01:05:00 GMT", "300 s"),
        ("Sat, 21 Nov 2026 01:00:00 GMT", "Sat, 21 Nov 2026 01:05:00 GMT", "300 s"),
        ("Sat, 21 Nov 2026 01:00:00 GMT", "1e9", "21600 s"),
        ("Sat, 21 Nov 2026 01:00:00 GMT", "Mon, 21 Nov 2050 01:00:00 GMT", "21600 s"),
    ],
)
def test_17_a_wait_told_otherwise(tmp_path: Path, date_header: str, value: str, wait: str) -> None:
    """17, Retry-After as a date, by a server whose clock is off, or huge: bounded, and obeyed by the next run."""
    with servers.raw(answers("429 Too Many", f"Date: {date_header}", f"Retry-After: {value}")) as server:
        with pytest.raises(UnreachableError, match=f"asks to wait {wait}"):
            faults.announcement(server.url, tmp_path)
        with pytest.raises(UnreachableError, match="asked not to be asked"):
            faults.announcement(server.url, tmp_path)

        assert server.connections == 1


@pytest.mark.parametrize("value", ["soon", "Fri, 99 Nov 2026 01:00:00 GMT", "nan", ""])
def test_17_a_wait_that_is_nonsense(tmp_path: Path, value: str) -> None:
    """17, a Retry-After that says nothing: as if there were none."""
    check_retried(tmp_path, answers("503 Busy", f"Retry-After: {value}"))


@pytest.mark.parametrize(
    "status", ["408 Slow", "425 Early", "429 Many", "500 Oops", "501 What", "502 Bad", "503 Busy", "504 Late", "520 Odd"]
)
def test_18_a_status_that_passes(tmp_path: Path, status: str) -> None:
    """18, 5xx and 408, 425, 429: tried again, then the date waits."""
    check_retried(tmp_path, answers(status))
    server = check_refused(tmp_path / "always", answers(status), UnreachableError, f"answered {status[:3]}")

    assert server.connections == 2 * faults.QUICK.tries


@pytest.mark.parametrize("status", ["400 Bad", "401 Who", "404 None", "410 Gone", "451 Law"])
def test_18_a_status_that_stays(tmp_path: Path, status: str) -> None:
    """18, 4xx: not tried again; the date failed, and the error has arXiv's own words."""
    server = check_refused(tmp_path, answers(status), SourceError, f"answered {status[:3]}.*Because of this", passes=True)

    assert server.connections == 1


def test_18_refused(tmp_path: Path) -> None:
    """18, 403: not tried again, not by the next run either."""
    with servers.raw(answers("403 Forbidden")) as server:
        for ask in (faults.announcement, faults.page, faults.announcement):
            with pytest.raises(ForbiddenError, match="403"):
                ask(server.url, tmp_path)

        assert server.connections == 1
    assert faults.kept(tmp_path) == []


# -- 19 to 22, 31: answers that are not what they should be ---------------------------------------------------------------


def test_19_an_error_page_with_status_200(tmp_path: Path) -> None:
    """19, 200 with an error page: refused, and the error says what the page says."""
    check_refused(tmp_path, faults.script("html200", BODY), LayoutError, "not a listing page .it says 'Down for maintenance'", passes=True)


def test_20_a_wrong_type(tmp_path: Path) -> None:
    """20, a wrong Content-Type with the right body: accepted."""
    with servers.raw(faults.script("type", BODY)) as server:
        answer = faults.page(server.url, tmp_path)
        assert (answer.headers["content-type"], answer.body) == ("application/pdf", BODY)
        check_whole(faults.announcement(server.url, tmp_path))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("loop", "more than 5 redirects"),
        ("tofile", "away from arXiv"),
        ("to169", "away from arXiv"),
        ("tohost", "away from arXiv"),
        ("tonowhere", "to no address"),
    ],
)
def test_21_redirects(tmp_path: Path, name: str, said: str) -> None:
    """21, redirects in a loop, to a file, to a private address, to another host: refused."""
    server = check_refused(tmp_path, faults.script(name, BODY), SourceError, said)

    assert server.connections == 2 * (6 if name == "loop" else 1)


@pytest.mark.parametrize(("hops", "followed"), [(5, True), (6, False)])
def test_21_the_number_of_redirects(tmp_path: Path, hops: int, *, followed: bool) -> None:
    """21, five redirects are followed, a sixth is not."""
    with servers.arxiv() as arxiv:
        arxiv.pages[faults.PATH] = (302, b"", {"Location": "/hop1"})
        arxiv.pages.update({f"/hop{number}": (307, b"", {"Location": f"/hop{number + 1}"}) for number in range(1, hops)})
        arxiv.pages[f"/hop{hops}"] = BODY
        if followed:
            check_whole(faults.announcement(arxiv.url, tmp_path))
        else:
            with pytest.raises(SourceError, match="more than 5 redirects"):
                faults.announcement(arxiv.url, tmp_path)


def test_21_a_redirect_without_tls(tmp_path: Path, authority: trustme.CA) -> None:
    """21, from HTTPS to HTTP: refused, and nothing is asked without TLS."""
    with servers.raw(faults.script("whole", BODY)) as plain:
        script = servers.sends(faults.to(plain.url + faults.PATH))
        context = shows(authority.issue_cert("127.0.0.1"))
        check_refused(tmp_path, script, SourceError, "away from arXiv", context=context)

        assert plain.connections == 0


def test_22_not_modified_without_asking(tmp_path: Path) -> None:
    """22, 304 without our asking: a clear error, and no empty day."""
    check_refused(tmp_path, faults.script("unmodified", BODY), SourceError, "304 .not modified. .*not asked for under a condition")


def test_22_not_modified(tmp_path: Path) -> None:
    """22, 304 to who asked under a condition: handed over, for the one who has the body."""
    with servers.raw(faults.script("unmodified", BODY)) as server:
        client = Client(0, tmp_path, loopback=True, limits=faults.QUICK)
        for condition in ("If-None-Match", "if-modified-since"):
            assert client.get(server.url, {condition: "x"}).status == 304


@contextmanager
def declared(body: bytes, charset: str) -> Iterator[str]:
    """Serve *body* as text in *charset*; give the address."""
    with servers.raw(servers.sends(servers.response(body).replace(b"utf-8", charset.encode()))) as server:
        yield server.url


@pytest.mark.parametrize(
    ("body", "charset", "author"),
    [
        (BODY, "iso-8859-1", "Zoë Example"),
        (b"\xef\xbb\xbf" + BODY, "utf-8", "Zoë Example"),
        (BODY.decode().encode("latin-1"), "utf-8", "Zo\ufffd Example"),
        (BODY.replace("ë".encode(), b"\xff\xfe"), "utf-8", "Zo\ufffd\ufffd Example"),
        (BODY.replace("ë".encode(), b"\xc3"), "utf-8", "Zo\ufffd Example"),
        (BODY.replace("ë".encode(), b"\xed\xa0\x80"), "utf-8", "Zo\ufffd\ufffd\ufffd Example"),
    ],
    ids=["utf-8 as latin-1", "with a mark", "latin-1 as utf-8", "invalid bytes", "half a letter", "half a pair"],
)
def test_31_encodings_that_lie(tmp_path: Path, body: bytes, charset: str, author: str) -> None:
    """31, another encoding than declared: read as UTF-8, with a mark in the place of each byte that is none."""
    with declared(body, charset) as url:
        found = faults.announcement(url, tmp_path)

    check_whole(found)
    assert {name for entry in found.entries for name in entry.paper.authors} == {author}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp037"])
def test_31_encodings_that_are_refused(tmp_path: Path, encoding: str) -> None:
    """31, UTF-16, UTF-32 and EBCDIC: refused, not a day without papers."""
    with declared(BODY.decode().encode(encoding), encoding) as url, pytest.raises((LayoutError, NotYetError)):
        faults.announcement(url, tmp_path)
    assert faults.kept(tmp_path) == []
