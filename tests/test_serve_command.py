"""``cvdigest serve``: the command, the real site over HTTP, crowds and slow clients, and what a fuzzer finds."""

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from html import unescape
from pathlib import Path
from urllib.parse import urldefrag, urljoin
from urllib.request import urlopen

import pytest

from digest.cli import main
from digest.store.database import Database, address
from tests import invented_site as invented
from tests.children import Nursery
from tests.reference import ROOT, clean_environment
from tests.stores import DAY, paper

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[tuple[str, int]]:
    """Start the program in a process of its own on what a folder holds; yield its address and port, and see that it ends well."""
    command = [sys.executable, "-m", "digest", "serve", "--port", "0", "--data", str(folder), *options]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=clean_environment(folder), stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert url, (folder / "log").read_text("utf-8")
            yield url, int(url.rpartition(":")[2].strip("/"))
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.kill()
            process.communicate()


@pytest.fixture
def filled(tmp_path: Path, template: Path) -> Path:
    """Return a data folder with a few dates."""
    database = invented.copied(template, tmp_path)
    invented.filled(database)
    database.close()
    return tmp_path


def get(port: int, path: str) -> tuple[int, bytes]:
    """Ask for a path on a connection of its own."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--port", "x"], "--port"), (["--port", "70000"], "--port"), (["--threads", "0"], "--threads"), (["--cache", "²"], "--cache"),
        (["--port", "9" * 5000], "--port"),
    ],
)  # fmt: skip
def test_options_out_of_bounds(tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str) -> None:
    """A number that is none is wrong use."""
    assert main(["serve", "--data", str(tmp_path), *options]) == 2
    assert said in capsys.readouterr().err


def test_without_a_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing to serve, and the error says how there will be; no database is made."""
    assert main(["serve", "--data", str(tmp_path)]) == 1
    assert "cvdigest run" in capsys.readouterr().err
    assert not (tmp_path / "cvdigest.db").exists()


@pytest.mark.parametrize("library", ["flask", "waitress", "prometheus_client"])
def test_without_the_extra(filled: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    """Who has not installed what serving needs is told how to."""
    for name in [name for name in sys.modules if name.startswith("digest.web.")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)

    assert main(["serve", "--data", str(filled), "--port", "0"]) == 1
    assert "pip install 'cvdigest[serve]'" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end(filled: Path, nursery: Nursery, number: signal.Signals) -> None:
    """It tells where it listens, answers, logs each request in a line, and ends with 0."""
    child = nursery.start(["serve", "--port", "0", "--data", str(filled), "--log", "json"])
    for _ in range(3000):
        if ((child.folder / "out").exists() and child.out.endswith("\n")) or child.ended(0.01):
            break
    port = int(child.out.strip().rpartition(":")[2].strip("/"))
    assert get(port, "/healthz")[0] == 200
    page = get(port, f"/days/{DAY}.html")
    child.signal(number)

    assert child.wait() == 0
    assert page[0] == 200
    assert b"Seeing Number 1" in page[1]
    lines = [json.loads(line) for line in child.err.splitlines()]
    (told,) = [line for line in lines if line["event"] == f"GET /days/{DAY}.html"]
    assert (told["level"], told["status"], told["bytes"], told["command"]) == ("info", 200, len(page[1]), "serve")


@pytest.mark.slow
def test_all_of_the_site(filled: Path) -> None:
    """Every page that a page links to is there, also those of results; what the store gets meanwhile is seen within seconds."""
    with serving(filled) as (url, port):
        seen, left = set[str](), ["/", "/search?q=seeing", "/search?q=nothing+of+the+kind", "/feeds.html", "/calendar.html"]
        while left and len(seen) < 200:
            path = left.pop(0)
            status, body = get(port, path)
            assert status == 200, path
            seen.add(path)
            base = f"{url.rstrip('/')}{path}"
            left += [one for one in _links(body.decode(), base, url) if one not in seen and one not in left]
        assert any(path.startswith("/papers/2611/") for path in seen)
        assert any(path.startswith("/search?") and "page=2" in path for path in seen)

        database = Database(address("", filled))
        invented.keep(database, DAY.replace(day=23), [paper(40)])
        database.close()
        begun = time.monotonic()
        while b"2026-11-23" not in get(port, "/healthz")[1] or b"Seeing Number 40" not in get(port, "/")[1]:
            assert time.monotonic() < begun + 20


def _links(text: str, base: str, url: str) -> list[str]:
    """Return the paths of the pages of the site that a page links to."""
    if not text.lstrip().startswith("<!DOCTYPE"):
        return []
    found = (urldefrag(urljoin(base, unescape(target)))[0] for target in re.findall(r'(?:href|src)="([^"]+)"', text))
    return list(dict.fromkeys(f"/{one.removeprefix(url)}" for one in found if one.startswith(url)))


@pytest.mark.slow
def test_a_crowd_and_slow_clients(filled: Path) -> None:
    """Two hundred connections at once, beside as many that begin a request and do not go on, are all answered, and none with a 5xx."""
    with serving(filled) as (_, port), ExitStack() as opened:
        for number in range(200):
            slow = opened.enter_context(closing(socket.create_connection(("127.0.0.1", port), timeout=60)))
            slow.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" if number % 2 else b"")
        statuses: list[int] = []
        paths = ("/", f"/days/{DAY}.html", "/search?q=seeing", "/api/papers?q=number", "/none")

        def ask(number: int) -> None:
            statuses.extend(get(port, paths[(number + turn) % len(paths)])[0] for turn in range(5))

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)

    assert len(statuses) == 1000
    assert set(statuses) == {200, 404}


@pytest.mark.slow
@pytest.mark.skipif(not SCHEMATHESIS.exists(), reason="schemathesis is not installed")
def test_what_a_fuzzer_finds(filled: Path) -> None:
    """Asked whatever its description allows, and what it does not, the server answers as described, and never with a 5xx."""
    with serving(filled) as (url, _):
        done = subprocess.run(
            [str(SCHEMATHESIS), "run", f"{url}openapi.json", "--url", url, "--checks", "all", "--max-examples", "20", "--seed", "6",
             "--max-time", "60", "--suppress-health-check", "all", "--phases", "examples,coverage,fuzzing", "--workers", "2"],
            cwd=filled, capture_output=True, text=True, timeout=400, check=False,
        )  # fmt: skip

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


@pytest.mark.slow
def test_out_of_postgresql(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """A database of PostgreSQL is served alike."""
    server = request.getfixturevalue("server")
    database = server.lend()
    text = invented.filled(database)
    url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        with serving(tmp_path, "--database", url) as (address, port):
            assert get(port, f"/api/editions/{DAY}") == (200, text)
            assert json.loads(get(port, "/api/papers?q=splatting")[1])["total"] == 3
            assert json.loads(get(port, "/api/papers?topic=3d&limit=5")[1])["total"] == 28
            assert json.loads(get(port, "/api/papers?category=cs.LG&limit=5")[1])["total"] == 28
            assert get(port, "/search?q=seeing")[0] == get(port, f"/days/{DAY}.html")[0] == 200
            with urlopen(f"{address}metrics", timeout=30) as metrics:
                assert b"\ncvdigest_database_up 1.0\n" in metrics.read()
    finally:
        server.give_back(database)
