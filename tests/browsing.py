"""A real browser on a real site: Debian's Chromium, a folder served on loopback, and a note of all that must not happen."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Error, Page, Request, sync_playwright

from digest import building, resources
from digest.archive import Held
from digest.core.domain import Announcement, Classification, Entry, Kind, Paper, Provenance, Shelf
from digest.core.edition import Edition, compose
from digest.publishing import publish
from digest.settings import Settings
from digest.site import HEADERS

BASE = "some/base/"
"""A site stands below any address."""


def shelved(paper: Paper, kind: Kind = Kind.NEW, topic: str = "3d", subtopic: str = "depth-stereo") -> tuple[Entry, Classification]:
    """Return a paper as it is announced, and what a model could think of it."""
    return Entry(paper, kind), Classification((Shelf(topic, subtopic, 0.75),), unsure=False)


def edition(day: date, papers: Sequence[tuple[Entry, Classification]]) -> Edition:
    """Return the digest of a date."""
    entries = tuple(entry for entry, _ in papers)
    announced = Announcement("cs.CV", day, entries, Provenance("listing"))
    return compose(announced, entries, [opinion for _, opinion in papers], resources.taxonomy())


def build(root: Path, editions: Sequence[Edition]) -> None:
    """Write the site of some editions into a folder, as `cvdigest publish` does."""
    archive = Held("cs.CV", resources.taxonomy(), editions)
    publish(building.site(replace(Settings(), site_title="Papers"), root / "no-model", archive), root, "key")


class _Quiet(SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the library
        """Say nothing."""


@contextmanager
def served(root: Path) -> Iterator[str]:
    """Serve a folder on loopback, and give its address with a slash at the end."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(root))) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def launched() -> Iterator[Browser]:
    """Start Debian's Chromium, or skip the tests that need it, visibly."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        except Error as exc:
            pytest.skip(f"Chromium does not start: {str(exc).splitlines()[0]}")
        with browser:
            yield browser


@dataclass
class Reader:
    """One reader with a browser of their own: nothing kept from another."""

    context: BrowserContext
    home: str
    complaints: list[str] = field(default_factory=list)
    """Errors of scripts and of the console (a breach of the Content-Security-Policy is one), dialogs, requests to other hosts."""

    def page(self, path: str = "") -> Page:
        """Open a page of the site."""
        page = self.context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("request", self._requested)
        page.on("dialog", self._asked)
        page.on("popup", lambda _: self.complaints.append("a window"))
        page.goto(self.home + path)
        return page

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"console: {message.text}")

    def _asked(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _requested(self, request: Request) -> None:
        if not request.url.startswith((self.home, "data:image/svg+xml")):
            self.complaints.append(f"request: {request.url}")


@contextmanager
def reading(browser: Browser, home: str, *, scripts: bool = True, width: int = 1280) -> Iterator[Reader]:
    """Lend a browser to a reader; whatever must not happen fails the test."""
    context = browser.new_context(java_script_enabled=scripts, viewport={"width": width, "height": 800}, locale="en-GB")
    if not home.startswith("file:"):  # which has no origin that anything could be granted to
        context.grant_permissions(["clipboard-read", "clipboard-write"], origin=home.rstrip("/").rsplit("/some", 1)[0])
    reader = Reader(context, home)
    try:
        yield reader
    finally:
        context.close()
    assert reader.complaints == []
