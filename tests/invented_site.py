"""A site for those who serve one: a database with real editions of invented papers, and pages that are no more than texts."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from digest import resources
from digest.core.domain import Announcement, Entry, Kind, ModelInfo, Paper
from digest.core.edition import chosen, compose
from digest.core.site import Content, Results, day_path
from digest.ledger import Note
from digest.render import jsonfile
from digest.store import announcements, editions, papers, runs
from digest.store.database import Database, address
from digest.web.application import Answered
from digest.web.caching import Cache
from digest.web.holdings import Holdings
from tests.stores import DAY, announcement, opinion, paper

MODEL = ModelInfo("invented", "1" * 64)
PAGE = "<!DOCTYPE html><title>A page</title><p>It is long enough to be packed.</p>\n" * 20


@dataclass
class Pages:
    """A site of texts."""

    texts: dict[str, str]
    asked: list[str] = field(default_factory=list)

    def contents(self, path: str) -> Content | None:
        self.asked.append(path)
        if path not in self.texts:
            return None
        return Content(self.texts[path].encode(), "text/css; charset=utf-8" if path.endswith(".css") else "text/html; charset=utf-8")


def results(found: Results) -> str:
    """Return what was found, a line each."""
    lines = [found.problem, str(found.total), f"page {found.page}", f"more {found.more}"]
    return "\n".join([*lines, *(f"{hit.paper.id} {hit.paged} {hit.paper.title}" for hit in found.hits)])


def site(day: date = DAY) -> Pages:
    """Return pages of a date."""
    return Pages({
        "index.html": PAGE, day_path(day): PAGE.replace("A page", str(day)), "404.html": "<p>Nothing here.</p>", "assets/site.css": "a{}",
    })  # fmt: skip


@dataclass
class Log:
    """What is told."""

    requests: list[Answered] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def holdings(database: Database, open_site: Pages | None = None) -> Holdings:
    """Return what is served of a database."""
    pages = open_site or site()
    return Holdings(database, "cs.CV", resources.taxonomy(), resources.categories(), lambda: pages, results, Cache(10_000_000))


def keep(database: Database, day: date = DAY, papers_of_day: Sequence[Paper] = (), *, number: int = 1, reason: str = "") -> bytes:
    """Keep a published edition as a run does; return its JSON."""
    entries = tuple(Entry(one, Kind.NEW) for one in papers_of_day)
    said = Announcement("cs.CV", day, entries, announcement(day).provenance, reason)
    listed = chosen(said, frozenset({Kind.NEW}))
    edition = replace(compose(said, listed, [opinion() for _ in listed], resources.taxonomy(), model=MODEL), number=number)
    text = jsonfile.text(edition).encode()
    now = datetime(day.year, day.month, day.day, 1, 30, number, tzinfo=UTC)
    name = f"{day.year}/{day}-cs.CV"
    files = {"json": (f"{name}.json", text)} | ({} if reason else {"page": (f"{name}.md", b"# A page\n")})
    with database.write() as connection:
        key, versions = announcements.keep(connection, said, now)
        model = papers.model_key(connection, MODEL)
        papers.keep_opinions(connection, model, {version: opinion() for version in dict.fromkeys(versions)})
        note = Note("cs.CV", day, said.state, reason, entries=len(entries), listed=len(listed), at=now)
        stored = editions.prepare(
            connection, category="cs.CV", day=day, number=number, announcement=key, model=model, layout="topics", include="new",
            changes=(), contents=files, note=note, made=now,
        )  # fmt: skip
        papers.place(connection, [(one.id, "3d", "view-synthesis", day) for one in papers_of_day])
        editions.published(connection, stored, now + timedelta(seconds=5))
        run = runs.begin(connection, command="run", category="cs.CV", host="here", pid=1, program="0", began=now, date=day)
        runs.end(connection, run, ended=now, status=0)
    return text


def filled(database: Database) -> bytes:
    """Keep a few dates; return the JSON of the newest."""
    keep(database, date(2026, 11, 18), [paper(number, title=f"Older Splatting {number}") for number in range(30, 33)])
    keep(database, date(2026, 11, 19), reason="arXiv has a holiday")
    return keep(database, DAY, [paper(number) for number in range(1, 26)])


def copied(template: Path, folder: Path) -> Database:
    """Open a copy of an empty database."""
    shutil.copy(template, folder / "cvdigest.db")
    return Database(address(str(folder / "cvdigest.db"), folder), patience=5)
