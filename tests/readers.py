"""Readers of feeds that nobody here wrote, and a server that they fetch from.

Each runs as a process of its own with a bound on its time. What they say is returned as `Read`: what a user of that reader
would be shown, and what it would show as new.
"""

import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Protocol

import pytest

from tests import servers

BOUND = 120
"""Seconds that a reader may take."""
_TYPES = {".atom.xml": "application/atom+xml", ".rss.xml": "application/rss+xml", ".json": "application/feed+json"}


@dataclass
class Shelf:
    """What a static host serves, and what it was asked."""

    url: str = ""
    bodies: dict[str, bytes] = field(default_factory=dict)
    """By path, without the slash before it."""
    times: dict[str, datetime] = field(default_factory=dict)
    """When each was written."""
    asked: list[tuple[str, int]] = field(default_factory=list)
    """Path and status."""

    def put(self, bodies: Mapping[str, bytes], moment: datetime) -> None:
        """Write those files that have other bytes than before."""
        for path, body in bodies.items():
            if self.bodies.get(path) != body:
                self.bodies[path], self.times[path] = body, moment

    def statuses(self) -> list[int]:
        """Return the statuses of all answers so far, and forget them."""
        found = [status for _, status in self.asked]
        self.asked.clear()
        return found


@contextmanager
def static() -> Iterator[Shelf]:
    """Run a server that does as a static host: an ETag, and 304 to those who have it."""
    shelf = Shelf()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.lstrip("/")
            body = shelf.bodies.get(path)
            etag = f'"{hashlib.sha256(body or b"").hexdigest()[:32]}"'
            status = 404 if body is None else 304 if self.headers.get("If-None-Match") == etag else 200
            shelf.asked.append((path, status))
            self.send_response(status)
            if body is not None:
                self.send_header("ETag", etag)
                self.send_header("Last-Modified", format_datetime(shelf.times[path], usegmt=True))
            if status == 200:
                self.send_header("Content-Type", next(kind for ending, kind in _TYPES.items() if path.endswith(ending)))
            self.send_header("Content-Length", str(len(body or b"")) if status == 200 else "0")
            self.end_headers()
            if status == 200 and body is not None:
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the base class gives it
            pass

    with servers._served(Handler) as shelf.url:
        yield shelf


@dataclass(frozen=True)
class Read:
    """What a reader shows of one feed."""

    titles: Mapping[str, str]
    """By identifier."""
    shown: int
    """How many items it shows in all."""
    news: int
    """How many it would show as new since it was last asked."""


class Reader(Protocol):
    """A reader of one feed, that keeps what it knows in a folder."""

    def fetch(self) -> Read:
        """Look at the feed once."""


def need(program: str) -> str:
    """Return the path of a program, or skip the test that needs it."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def run(*command: str, cwd: Path, given: bytes = b"") -> bytes:
    """Run a reader in a folder, which is its home too; return what it writes."""
    environment = {"HOME": str(cwd), "PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TERM": "dumb"}
    done = subprocess.run(command, cwd=cwd, env=environment, input=given, capture_output=True, timeout=BOUND, check=False)
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}: {done.stderr.decode()[-2000:]}"
    return done.stdout


class Newsboat:
    """Debian's newsboat: reloads, and keeps items in a database of SQLite."""

    def __init__(self, folder: Path, url: str) -> None:
        self._program, self._folder = need("newsboat"), folder
        (folder / "urls").write_text(f"{url}\n", "utf-8")
        (folder / "config").write_text("reload-threads 1\nmax-items 0\n", "utf-8")

    def fetch(self) -> Read:
        """Reload the feed; then mark all as read, as a user would."""
        run(self._program, "-C", "config", "-u", "urls", "-c", "cache.db", "-x", "reload", cwd=self._folder)
        with closing(sqlite3.connect(self._folder / "cache.db")) as database:
            rows = database.execute("SELECT guid, title, unread FROM rss_item").fetchall()
            database.execute("UPDATE rss_item SET unread = 0")
            database.commit()
        return Read({row[0]: row[1] for row in rows}, len(rows), sum(row[2] for row in rows))


class Rss2email:
    """Debian's rss2email: a letter for each item that it has not seen."""

    def __init__(self, folder: Path, url: str) -> None:
        self._program, self._folder = need("r2e"), folder
        self._letters = folder / "letters"
        self._letters.mkdir()
        script = folder / "sendmail"
        script.write_text(f'#!/bin/sh\nexec cat > "$(mktemp {self._letters}/XXXXXXXXXX)"\n', "utf-8")
        script.chmod(0o755)
        (folder / "config").write_text(
            f"[DEFAULT]\nfrom = reader@example.test\nto = reader@example.test\nemail-protocol = sendmail\nsendmail = {script}\n"
            "html-mail = True\ndate-header = True\n",
            "utf-8",
        )
        self._r2e("add", "feed", url)

    def _r2e(self, *command: str) -> None:
        run(self._program, "-c", "config", "-d", "data.json", *command, cwd=self._folder)

    def fetch(self) -> Read:
        """Fetch the feed, and take the letters out of the box."""
        self._r2e("run")
        letters = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in sorted(self._letters.iterdir())]
        for path in self._letters.iterdir():
            path.unlink()
        return Read({str(one["X-RSS-ID"]): str(one["Subject"]) for one in letters}, len(letters), len(letters))


class PythonReader:
    """The library `reader`, as its users run it: a database, and updates."""

    _SCRIPT = """
import json, sys, warnings
warnings.simplefilter("ignore")
from reader import make_reader
with make_reader("reader.db") as reader:
    if not list(reader.get_feeds()):
        reader.add_feed(sys.argv[1], allow_invalid_url=True)
    counted = reader.update_feed(sys.argv[1])
    found = {one.id: one.title for one in reader.get_entries()}
    news = sum(not one.read for one in reader.get_entries())
    for one in reader.get_entries(read=False):
        reader.mark_entry_as_read(one)
    print(json.dumps([found, reader.get_entry_counts().total, news]))
"""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder, self._url = folder, url

    def fetch(self) -> Read:
        """Update the feed; then mark all as read."""
        return Read(*json.loads(run(sys.executable, "-c", self._SCRIPT, self._url, cwd=self._folder)))


def sfeed(folder: Path, body: bytes) -> list[tuple[str, str]]:
    """Return identifier and title of each item that Debian's sfeed sees in a feed."""
    lines = run(need("sfeed"), cwd=folder, given=body).decode("utf-8").splitlines()
    return [(fields[5], fields[1]) for fields in (line.split("\t") for line in lines)]


READERS: Mapping[str, Callable[[Path, str], Reader]] = {"newsboat": Newsboat, "rss2email": Rss2email, "reader": PythonReader}
