"""Two invented weeks of arXiv, 9 to 20 November 2026, and the program towards the server that plays them."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from digest import cli
from digest.ledger import note_object, note_of
from digest.store import database as stores
from digest.store import days, schema
from digest.store.database import Database
from tests import pages, servers
from tests.pages import Fake
from tests.reference import clean_environment

FIRST, LAST = date(2026, 11, 9), date(2026, 11, 20)
ANNOUNCED = tuple(date(2026, 11, day) for day in (9, 10, 11, 12, 13, 17, 18, 20))
WITHOUT = (date(2026, 11, 16), date(2026, 11, 19))
"""Dates whose page says that there are no updates."""
NOW = "2026-11-20T06:00Z"


def address(day: date) -> str:
    """Return the path at which arXiv is asked for a date: the newest has a page of its own."""
    return "/list/cs.CV/new" if day == LAST else f"/catchup/cs.CV/{day}?abs=True"


def fakes(day: date) -> list[Fake]:
    """Return the papers of a date: two new ones, a cross-list and a replacement."""
    number = day.day * 10
    return [
        Fake(f"2611.{number:05}", f"Detecting Objects on Day {day.day}", "We detect objects with a detector of bounding boxes."),
        Fake(f"2611.{number + 1:05}", f"Gardens of Day {day.day}", "A radiance field reconstructs the scene in 3D."),
        Fake(f"2611.{number + 2:05}", "A Robot Reads", kind="cross", categories=("cs.RO", "cs.CV")),
        Fake(f"2610.{number:05}", "Again", kind="replaced"),
    ]


def page(day: date, papers: list[Fake] | None = None) -> bytes:
    """Return arXiv's page of a date."""
    papers = fakes(day) if papers is None else papers
    return pages.new(papers, day) if day == LAST else pages.catchup(papers, day, following=LAST)


def play(state: servers.Arxiv) -> None:
    """Let a server show the two weeks."""
    for day in ANNOUNCED:
        state.pages[address(day)] = page(day)
    for day in WITHOUT:
        state.pages[address(day)] = page(day, [])


@dataclass
class Result:
    """What a run left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)

    @property
    def states(self) -> dict[int, str]:
        """The states in the JSON on standard output, by the day of the month."""
        return {date.fromisoformat(one["date"]).day: one["state"] for one in self.json["dates"]}


@dataclass
class Program:
    """The program in an empty folder, with arguments of its own."""

    folder: Path
    url: str
    captured: Callable[[], Any]
    now: str = NOW

    def __call__(self, command: str, *arguments: str) -> Result:
        """Run a command; what it says is caught."""
        own = self.options(command)
        self.captured()
        status = cli.main([command, *own, *arguments])
        said = self.captured()
        return Result(status, said.out, said.err)

    def options(self, command: str) -> list[str]:
        """Return the arguments of its own for a command."""
        own = ["--out", str(self.folder / "out"), "--data", str(self.folder / "data")]
        if command not in ("show", "publish"):
            own += ["--now", self.now]
        if command in ("run", "backfill"):
            own += ["--arxiv-url", self.url]
        return own

    def command(self, command: str, *arguments: str) -> list[str]:
        """Return the command line that runs it in a process of its own."""
        return [sys.executable, "-m", "digest", command, *self.options(command), *arguments]

    def environment(self) -> dict[str, str]:
        """Return the environment for a process of its own; no setting of whoever runs the test reaches it."""
        return clean_environment(self.folder / "config", CVDIGEST_SECOND_OPINION="no")  # these servers have listing pages alone

    def database(self) -> Database:
        """Return the database in which it keeps what it knows."""
        return Database(stores.address("", self.folder / "data"))

    def noted(self, day: date, category: str = "cs.CV") -> dict[str, Any]:
        """Return what is noted of a date, as JSON has it; nothing if nothing is."""
        database = self.database()
        if database.path is None or not database.path.exists():
            return {}
        try:
            with database.read() as connection:
                note = days.read(connection, category, day)
        finally:
            database.close()
        return note_object(note) if note else {}

    def note_down(self, day: date, **facts: Any) -> None:
        """Change what is noted of a date."""
        note = note_of({**self.noted(day), **facts})
        database = self.database()
        try:
            with database.write() as connection:
                days.write(connection, note)
        finally:
            database.close()

    def forget(self, day: date) -> None:
        """Forget all that is known of a date but its files."""
        database = self.database()
        try:
            with database.write() as connection:
                for table in (schema.days, schema.editions, schema.announcements):
                    connection.execute(table.delete().where(table.c.date == day))
        finally:
            database.close()

    def page(self, day: date) -> Path:
        """Return where the page of a date lies."""
        return self.folder / "out" / f"{day:%Y}" / f"{day}-cs.CV.md"

    def files(self) -> dict[str, bytes]:
        """Return every file that the program has written."""
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in sorted(self.folder.rglob("*")) if path.is_file()}


def program(folder: Path, url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Program:
    """Return the program, towards a server; no setting of whoever runs the test reaches it."""
    for name in [name for name in os.environ if name.startswith("CVDIGEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    monkeypatch.setenv("CVDIGEST_SECOND_OPINION", "no")  # these servers have listing pages alone
    monkeypatch.setenv("CVDIGEST_NO_SITE", "yes")  # it has tests of its own
    monkeypatch.chdir(folder)
    return Program(folder, url, capsys.readouterr)
