"""Databases for tests, of both kinds, and what is put into them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.core.domain import Announcement, Classification, Entry, Kind, ModelInfo, Paper, Provenance, Shelf, State
from digest.ledger import Note
from digest.store import announcements, editions, papers, runs
from digest.store.database import Connection, Database, address, in_memory
from digest.store.editions import Stored
from tests import postgres

DAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
KINDS = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    """Start a server of PostgreSQL for the first test that asks for it."""
    if reason := postgres.missing():
        pytest.skip(reason)
    with postgres.running() as found:
        yield found


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a new database of SQLite, for copies."""
    path = tmp_path_factory.mktemp("template") / "cvdigest.db"
    Database(address(str(path), path.parent)).open().close()
    return path


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.URL]:
    """Say where a database may be made: there is no table there yet, and no file."""
    if request.param == "sqlite":
        yield address(str(tmp_path / "cvdigest.db"), tmp_path)
        return
    found: postgres.Server = request.getfixturevalue("server")
    url = found.empty()
    yield url
    found.drop(url)


def blank(url: sa.URL) -> Database:
    """Return a database without a table: of SQLite, an empty file."""
    database = Database(url, patience=5)
    if database.path is not None:
        database.path.touch(exist_ok=False)
    return database


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Open an empty database of the present schema."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("template"), tmp_path / "cvdigest.db")
        opened = Database(address(str(tmp_path / "cvdigest.db"), tmp_path), patience=5)
        yield opened
        opened.close()
        return
    found: postgres.Server = request.getfixturevalue("server")
    opened = found.lend()
    yield opened
    found.give_back(opened)


@contextmanager
def lent(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Lend an empty database of the kind that is the parameter of a fixture, which may serve many tests."""
    if request.param == "sqlite":
        found = in_memory()
        yield found
        found.close()
        return
    server: postgres.Server = request.getfixturevalue("server")
    opened = server.lend()
    yield opened
    server.give_back(opened)


@pytest.fixture
def file(template: Path, tmp_path: Path) -> Iterator[Database]:
    """Open an empty database of SQLite, of the present schema."""
    shutil.copy(template, tmp_path / "cvdigest.db")
    opened = Database(address(str(tmp_path / "cvdigest.db"), tmp_path), patience=5)
    yield opened
    opened.close()


def paper(number: int, **facts: object) -> Paper:
    """Return an invented paper; *facts* are what it says differently."""
    found = Paper(
        f"2611.{number:05}",
        f"Seeing Number {number}",
        f"We look at the number {number} from all sides.\nIt looks back.",
        ("Ada Example", f"B. Écrivain-{number}"),
        ("cs.CV", "cs.LG"),
        "10 pages, accepted",
        "J. Ex. 1",
        1,
        f"10.1000/{number}",
        "http://creativecommons.org/licenses/by/4.0/",
        datetime(2026, 11, 18, 12, 0, number % 60, tzinfo=UTC),
        datetime(2026, 11, 19, 12, 0, number % 60, tzinfo=UTC),
    )
    return replace(found, **facts)  # type: ignore[arg-type]


def announcement(day: date = DAY, count: int = 5, first: int = 1, **facts: object) -> Announcement:
    """Return an invented announcement of a date."""
    kinds = (Kind.NEW, Kind.NEW, Kind.CROSS, Kind.REPLACED, Kind.REPLACED_CROSS)
    found = Announcement(
        "cs.CV",
        day,
        tuple(Entry(paper(first + index), kinds[index % len(kinds)]) for index in range(count)),
        Provenance("listing", ("https://arxiv.org/list/cs.CV/new",), ("0" * 64,)),
    )
    return replace(found, **facts)  # type: ignore[arg-type]


def opinion(topic: str = "3d", probability: float = 0.75) -> Classification:
    """Return what a model could think."""
    return Classification((Shelf(topic, "neural-rendering", probability), Shelf("other", "", 0.1)), unsure=False)


def note(said: Announcement) -> Note:
    """Return what is to be known of an announcement's date."""
    return Note(said.category, said.date, State.PUBLISHED, entries=len(said.entries), listed=len(said.entries), at=NOW)


def keep(connection: sa.Connection, said: Announcement, number: int = 1, *, published: bool = True, now: datetime = NOW) -> Stored:
    """Keep all that a run keeps of a date: announcement, opinions, an edition with its files, and the note."""
    key, versions = announcements.keep(connection, said, now)
    model = papers.model_key(connection, ModelInfo("invented", "1" * 64))
    papers.keep_opinions(connection, model, {version: opinion() for version in dict.fromkeys(versions)})
    name = f"{said.date.year}/{said.date}-{said.category}"
    stored = editions.prepare(
        connection,
        category=said.category,
        day=said.date,
        number=number,
        announcement=key,
        model=model,
        layout="topics",
        include="new,cross",
        changes=() if number == 1 else ("one paper more",),
        contents={"page": (f"{name}.md", page(said, number)), "json": (f"{name}.json", b'{"edition": %d}\n' % number)},
        note=note(said),
        made=now,
    )
    if published:
        editions.published(connection, stored, now + timedelta(seconds=5))
        runs.happened(connection, now)
    return stored


def page(said: Announcement, number: int = 1) -> bytes:
    """Return the bytes of a page."""
    return f"# {said.category} {said.date}, edition {number}\n".encode() + b"".join(
        f"- {entry.paper.title}\n".encode() for entry in said.entries
    )


def write_files(out: Path, stored: Stored) -> None:
    """Write the files of an edition, as a run does."""
    for one in stored.files:
        path = out / one.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(one.content)


@pytest.fixture(scope="module", params=KINDS)
def kept(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Return a database for all tests of this file."""
    with lent(request) as database:
        yield database


@pytest.fixture
def connection(kept: Database) -> Iterator[Connection]:
    """Yield a connection whose changes are thrown away."""
    with kept.engine.connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()
