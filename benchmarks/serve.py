"""How fast the server is with the papers of nine years in its database: the page of a date, searches, a crowd and slow clients.

    python benchmarks/serve.py [--papers N] [--keep PATH] [--seconds N]

The store is that of `benchmarks/store.py`, which makes it unless there is one at the path that ``--keep`` names. The server is the
program itself, in a process of its own, on loopback. Pages are asked for by wrk where it is installed, else by a small client of our
own, in another process; a search is asked for once in each form, so that no answer is ready. Exit status: 0 if every goal is
reached, else 1.
"""

import os
import sys
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy is imported

import argparse
import http.client
import json
import multiprocessing
import re
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http import HTTPStatus
from itertools import product
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from speed import Line

ROOT = Path(__file__).resolve().parent.parent
CONNECTIONS, CROWD = 32, 200
ROUNDS = 2
_CSS = "/assets/site.css"


@contextmanager
def serving(path: Path, log: Path) -> Iterator[tuple[int, int]]:
    """Run the program; yield its port and its process."""
    command = [sys.executable, "-m", "digest", "serve", "--port", "0", "--database", str(path), "--data", str(path.parent), "--log", "text"]
    with log.open("wb") as told:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=told, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        try:
            line = process.stdout.readline() if process.stdout else ""
            yield int(line.strip().rpartition(":")[2].strip("/")), process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def asked(connection: http.client.HTTPConnection, path: str) -> tuple[int, bytes, float]:
    """Ask for a path; return status, body, and how many milliseconds that took."""
    begin = time.perf_counter()
    connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    body = answer.read()
    return answer.status, body, 1000 * (time.perf_counter() - begin)


def opened(port: int) -> http.client.HTTPConnection:
    """Open a connection."""
    return http.client.HTTPConnection("127.0.0.1", port, timeout=120)


def rate(port: int, path: str, seconds: int) -> float:
    """Return how many times a second a path is answered."""
    if wrk := shutil.which("wrk"):
        command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-H", "Accept-Encoding: gzip", f"http://127.0.0.1:{port}{path}"]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found = re.search(r"Requests/sec: +([\d.]+)", told)
        if found is None or "Non-2xx" in told:
            raise SystemExit(told)
        return float(found[1])
    counts: multiprocessing.SimpleQueue[int] = multiprocessing.SimpleQueue()
    process = multiprocessing.Process(target=_clients, args=(port, path, seconds, counts))
    process.start()
    count = counts.get()
    process.join()
    return count / seconds


def _clients(port: int, path: str, seconds: int, counts: "multiprocessing.SimpleQueue[int]") -> None:
    """Ask over several connections for some seconds, and tell how often that was."""
    told: list[int] = []

    def ask() -> None:
        with closing(opened(port)) as connection:
            end, count = time.perf_counter() + seconds, 0
            while time.perf_counter() < end:
                count += asked(connection, path)[0] == HTTPStatus.OK
            told.append(count)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts.put(sum(told))


def searches(port: int, path: str) -> dict[str, list[float]]:
    """Ask for every search with every filter; return how many milliseconds each took, by kind."""
    from store import FILTERS, SEARCHES

    names = {"first": "from", "last": "to"}
    found: dict[str, list[float]] = {}
    with closing(opened(port)) as connection:
        for turn in range(ROUNDS):
            for kind, texts in SEARCHES.items():
                for text, filters in product(texts, FILTERS):
                    asks: dict[str, Any] = {names.get(name, name): str(value) for name, value in filters.items() if name != "subtopic"}
                    if "subtopic" in filters:
                        asks["topic"] = f"{filters['topic']}/{filters['subtopic']}"
                    # Each in another form than before: else the answer would be ready.
                    asks |= {"page": turn + 1} if path == "/search" else {"limit": 20 - turn}
                    status, _, took = asked(connection, f"{path}?{urlencode({'q': text, **asks})}")
                    if status != HTTPStatus.OK:
                        msg = f"{path} answers {status}: {text} {filters}"
                        raise SystemExit(msg)
                    found.setdefault(kind, []).append(took)
    return found


def crowd(port: int, paths: list[str], seconds: int) -> tuple[Counter[int], float]:
    """Let many clients ask at once, beside as many that begin a request and do not go on; return statuses and the slowest answer."""
    statuses: Counter[int] = Counter()
    slowest: list[float] = []

    def ask(number: int) -> None:
        end, own = time.monotonic() + seconds, Counter[int]()
        longest = 0.0
        with closing(opened(port)) as connection:
            while time.monotonic() < end:
                number += 1
                status, _, took = asked(connection, paths[number % len(paths)])
                own[status] += 1
                longest = max(longest, took)
        statuses.update(own)
        slowest.append(longest)

    with ExitStack() as held:
        for _ in range(CROWD):
            slow = held.enter_context(closing(socket.create_connection(("127.0.0.1", port))))
            slow.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(CROWD)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return statuses, max(slowest)


def peak(process: int) -> float:
    """Return the most memory that a process has had so far, in megabytes."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text("ascii"))
    except OSError:
        return 0.0
    return int(found[1]) / 1000 if found else 0.0


def percentile(some: list[float]) -> float:
    """Return the 95th percentile."""
    return statistics.quantiles(some, n=20)[-1]


def lines(path: Path, folder: Path, seconds: int) -> Iterator["Line"]:
    """Yield what each part took."""
    from speed import Line

    begin = time.perf_counter()
    with serving(path, folder / "log") as (port, process), closing(opened(port)) as connection:
        yield Line("started, with a database to be looked at", 1000 * (time.perf_counter() - begin), "ms")
        newest = json.loads(asked(connection, "/healthz")[1])["newest"]
        day = f"/days/{newest}.html"
        _, body, took = asked(connection, day)
        yield Line("the page of a date, made anew", took, "ms")
        yield Line("the page of a date, packed", len(body) / 1000, "kB", 350, at_least=False)
        yield Line("the page of a date, ready", rate(port, day, seconds), "requests/s", 500)
        yield Line("the style sheet", rate(port, _CSS, seconds), "requests/s")
        for name, where in (("/api/papers", "/api/papers"), ("/search", "/search")):
            found = searches(port, where)
            every = [one for kind, some in found.items() if kind != "beginnings" for one in some]
            for kind, some in found.items():
                yield Line(f"{name}, {kind}, 95th percentile", percentile(some), "ms")
            yield Line(f"{name}, median of all but beginnings", statistics.median(every), "ms")
            yield Line(f"{name}, 95th percentile of all but beginnings", percentile(every), "ms", 80, at_least=False)
        paths = [day, "/", "/search?q=gaussian", "/api/papers?q=image", "/calendar.html", "/healthz"]
        statuses, slowest = crowd(port, paths, seconds)
        yield Line(f"{CROWD} clients beside {CROWD} slow ones", sum(statuses.values()) / seconds, "requests/s")
        yield Line("of these, the slowest answer", slowest, "ms")
        yield Line(
            "of these, not 200",
            float(sum(count for status, count in statuses.items() if status != HTTPStatus.OK)),
            "answers",
            0,
            at_least=False,
        )
        yield Line("peak memory", peak(process), "MB", 400, at_least=False)


def main() -> int:
    """Measure everything, print the table, return the exit status."""
    parser = argparse.ArgumentParser(description="Measures the server.")
    parser.add_argument("--papers", type=int, default=200_000, help="how many the store holds (default: 200,000)")
    parser.add_argument("--keep", help="where the store is to stay, or is already")
    parser.add_argument("--seconds", type=int, default=10, help="for how long pages are asked for (default: 10)")
    options = parser.parse_args()
    print(f"{'measure':<58} {'figure':>9} {'':<12} {'goal':>10} {'ratio to goal':>13}  ok")
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(options.keep or f"{folder}/store.db").resolve()
        if not path.exists():
            store = [sys.executable, str(ROOT / "benchmarks" / "store.py"), "--papers", str(options.papers)]
            subprocess.run([*store, "--part", "keep", str(path), f"{folder}/kept"], check=True)
        for line in lines(path, Path(folder), options.seconds):
            print(line, flush=True)
            missed += [] if line.ok else [line.measure]
    print(f"\n{len(missed)} goals missed: {', '.join(missed)}" if missed else "\nEvery goal is reached.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
