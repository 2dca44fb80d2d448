"""Editions that another one got ahead of: by a run that lost its turn, in a database that was restored, in a second folder."""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from digest import cli, resources
from digest.app import App
from digest.core.domain import Announcement
from digest.daily import Daily
from digest.editions import Editions
from digest.errors import ModelError, StoreError
from digest.ledger import note_object
from digest.render.markdown import Renderer
from digest.settings import Settings
from digest.store import editions, runs, schema
from digest.store.database import Database
from digest.store.editions import Stored
from digest.store.schema import papers
from tests import servers, stores, weeks
from tests.pages import Fake
from tests.stores import DAY, NOW, announcement
from tests.test_again import document, plain
from tests.weeks import LAST, Program, fakes

__all__ = ["plain"]
CLASSIC = ("--again", "--layout", "classic")


@pytest.fixture
def arxiv() -> Iterator[servers.Arxiv]:
    """Serve two weeks."""
    with servers.arxiv() as state:
        weeks.play(state)
        yield state


@pytest.fixture
def program(
    tmp_path: Path, arxiv: servers.Arxiv, plain: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Program:
    """Return the program, towards that server, with a small model."""
    found = weeks.program(tmp_path, arxiv.url, capsys, monkeypatch)
    monkeypatch.setenv("CVDIGEST_MODEL", str(plain))
    return found


def broken_off(program: Program, patch: pytest.MonkeyPatch, point: str, *arguments: str) -> None:
    """Run the program with an error of the machine at a point."""
    with patch.context() as within:
        within.setenv("CVDIGEST_FAILPOINT", f"{point}:raise")
        assert program("run", *arguments).status == 1


def tidy(program: Program, out: str = "out") -> list[str]:
    """Tidy up, as a daemon does; return what was warned of."""
    said: list[str] = []
    settings = Settings(out=program.folder / out, data=program.folder / "data", now=datetime.fromisoformat(program.now))
    with App(settings, datetime.fromisoformat(program.now), said.append, said.append) as found:
        found.tidy()
    return said


def numbers(program: Program) -> list[tuple[int, bool]]:
    """Return the editions of the last date, and whether each is published."""
    database = program.database()
    try:
        with database.read() as connection:
            return [(one.number, one.published) for one in editions.of_date(connection, "cs.CV", LAST)]
    finally:
        database.close()


# -- a run that lost its turn ----------------------------------------------------------------------------------------------


class Meanwhile(Renderer):
    """Writes pages; while the list of them is being written, another run comes."""

    def __init__(self) -> None:
        super().__init__(resources.folder("templates"))
        self.comes: list[Any] = []

    def index(self, editions: Sequence[tuple[date, str, Path]]) -> str:
        """Return the list as it was when it was asked for."""
        listed = super().index(editions)
        while self.comes:
            self.comes.pop()()
        return listed


def _no_model() -> Any:
    msg = "there is none"
    raise ModelError(msg)


@pytest.fixture
def meanwhile() -> Meanwhile:
    """Return what writes pages."""
    return Meanwhile()


@pytest.fixture
def kept(file: Database, tmp_path: Path, meanwhile: Meanwhile) -> Editions:
    """Return the editions below a folder, kept in an empty database."""
    daily = Daily(resources.taxonomy(), _no_model, meanwhile, lambda _line: None, lambda _line: None)
    return Editions(file, daily, "cs.CV", tmp_path / "out", "topics", "cross,new", lambda _line: None)


def keep(database: Database, number: int, said: Announcement | None = None, *, published: bool = False) -> Stored:
    """Keep an edition."""
    with database.write() as connection:
        return stores.keep(connection, said or announcement(), number, published=published)


def lies(kept: Editions) -> bytes:
    """Return the page below the folder."""
    return (kept.out / "2026" / f"{DAY}-cs.CV.md").read_bytes()


def test_an_older_edition_is_not_written_over_a_newer_one(kept: Editions) -> None:
    """A run that stood still while another one made the next edition leaves that one alone."""
    first = keep(kept.database, 1)
    second = keep(kept.database, 2)
    kept.publish(second, NOW)
    with pytest.raises(StoreError, match="another run has made edition 2"):
        kept.publish(first, NOW)

    assert lies(kept) == stores.page(announcement(), 2)


def test_an_older_edition_that_was_written_over_a_newer_one(kept: Editions, meanwhile: Meanwhile) -> None:
    """A run that stood still while it wrote puts the newer edition back when it goes on."""
    first = keep(kept.database, 1)
    meanwhile.comes.append(lambda: kept.publish(keep(kept.database, 2), NOW))
    older = lambda: (kept.out / first.files[1].path).write_bytes(first.files[1].content)  # noqa: E731 - what it does as it goes on
    meanwhile.comes.insert(0, older)
    with pytest.raises(StoreError, match="another run has made edition 2"):
        kept.publish(first, NOW)

    assert lies(kept) == stores.page(announcement(), 2)


def test_who_has_lost_the_turn_writes_nothing(kept: Editions) -> None:
    """The edition stays prepared, and is finished by whoever has the turn."""
    stored = keep(kept.database, 1)
    with pytest.raises(StoreError, match="the turn"):
        replace(kept, held=lambda: False).publish(stored, NOW)
    assert not kept.out.exists()

    assert [one.number for one in kept.recover(NOW)] == [1]
    assert lies(kept) == stores.page(announcement(), 1)


def test_the_list_lacks_no_page_of_another_category(kept: Editions, meanwhile: Meanwhile) -> None:
    """A run that stood still before it put the list of pages in its place lists what came meanwhile."""
    other = replace(kept, category="cs.LG")
    later = announcement(category="cs.LG")
    meanwhile.comes.append(lambda: other.publish(keep(kept.database, 1, later), NOW))
    kept.publish(keep(kept.database, 1), NOW)
    listed = (kept.out / "README.md").read_text("utf-8")

    assert [name in listed for name in (f"{DAY}-cs.CV.md", f"{DAY}-cs.LG.md")] == [True, True]


# -- a restored database ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def forgotten(tmp_path_factory: pytest.TempPathFactory, plain: Path) -> Program:
    """Make edition 2 below a folder whose database knows of edition 1, to be copied."""
    folder = tmp_path_factory.mktemp("forgotten")
    with servers.arxiv() as state, pytest.MonkeyPatch.context() as patch:
        weeks.play(state)
        patch.setenv("CVDIGEST_SECOND_OPINION", "no")
        patch.setenv("CVDIGEST_MODEL", str(plain))
        found = Program(folder, state.url, lambda: weeks.Result(0, "", ""))
        found("run")
        shutil.copytree(folder / "data", folder / "saved")
        found("run", *CLASSIC)
    shutil.rmtree(folder / "data")
    (folder / "saved").rename(folder / "data")
    return found


@pytest.fixture
def restored(program: Program, forgotten: Program) -> Program:
    """Return the program with them. Their server is gone: arXiv's answer is kept, and has its address."""
    shutil.copytree(forgotten.folder, program.folder, dirs_exist_ok=True)
    return replace(program, url=forgotten.url)


@pytest.mark.slow
def test_a_newer_edition_that_the_database_has_forgotten(restored: Program) -> None:
    """It is kept again as it lies there, by a run and by a daemon; what is made then has the next number."""
    before = restored.page(LAST).read_bytes()
    done = restored("run")

    assert (done.status, restored.page(LAST).read_bytes(), numbers(restored)) == (0, before, [(1, True), (2, True)])
    assert "edition 2 of 2026-11-20 lay below" in done.err
    restored("run", "--again")
    assert (document(restored)["edition"], document(restored)["changes"]) == (3, ["The layout is topics instead of classic"])


def test_a_newer_edition_that_cannot_be_taken_over(restored: Program) -> None:
    """One whose page was changed is not written over by an older number: what is made then has a higher one."""
    with restored.page(LAST).open("ab") as page:
        page.write(b"mine\n")
    assert tidy(restored) == []
    assert document(restored)["edition"] == 2
    done = restored("run")

    assert done.status == 0
    assert (document(restored)["edition"], numbers(restored)) == (3, [(1, True), (3, True)])


def test_made_again_by_a_database_that_has_forgotten(restored: Program) -> None:
    """What would be edition 1 once more gets number 3, for 2 is taken."""
    restored("run", "--again")

    assert (document(restored)["edition"], numbers(restored)) == (3, [(1, True), (3, True)])


# -- broken off ------------------------------------------------------------------------------------------------------------


def test_a_look_finishes_what_was_broken_off(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at which nothing is due finishes it all the same, once; that is no run."""
    program("run")
    broken_off(program, monkeypatch, "written-page", *CLASSIC)
    assert numbers(program) == [(1, True), (2, False)]
    looked = program("schedule", "--once", "--arxiv-url", program.url)

    assert (looked.status, numbers(program), document(program)["edition"]) == (0, [(1, True), (2, True)], 2)
    assert looked.err.count('it is finished now"') == 1
    assert tidy(program) == []
    with program.database().read() as connection:
        assert [one.command for one in runs.last(connection, "cs.CV", 5)] == ["run", "run"]


def test_finished_below_another_folder(kept: Editions) -> None:
    """That is said, and what is noted then is the page that there is."""
    said: list[str] = []
    with kept.database.write() as connection:
        stored = stores.keep(connection, announcement(), published=False)
        values = {"note": {**note_object(stored.note), "page": "elsewhere"}}
        connection.execute(schema.editions.update().values(values))
    replace(kept, warn=said.append).recover(NOW)

    assert [line.partition(";")[2] for line in said] == [f" it is finished now, below {kept.out} and not where it was begun"]


def test_two_folders(program: Program) -> None:
    """A folder that has an older edition, or a file that was changed, gets the newest one; one that has none gets none."""
    program("run")
    assert cli.main(["correct", "2611.00200", "person-reid/gait", "--data", str(program.folder / "data")]) == 0
    program("reclassify", "--out", str(program.folder / "other"))
    shutil.rmtree(program.folder / "other")
    assert document(program)["edition"] == 1
    assert tidy(program) == [f"edition 2 of 2026-11-20 was not written below {program.folder / 'out'} yet; it is now"]
    assert document(program)["edition"] == 2
    program.page(LAST).write_bytes(b"mine\n")
    assert tidy(program) == ["the files of 2026-11-20 were changed, and are written again as they were made"]
    assert program.page(LAST).read_bytes().count(b"edition 2") == 1
    tidy(program, "other")
    assert not (program.folder / "other").exists()


# -- what the search knows, and paths that are no text --------------------------------------------------------------------


def test_a_paper_that_left_an_announcement(arxiv: servers.Arxiv, program: Program) -> None:
    """It stands under that date no more: under the one before that lists it, or nowhere."""
    wednesday = date(2026, 11, 18)
    program("run", "--date", str(wednesday))
    both = fakes(wednesday)[0]
    arxiv.pages[weeks.address(LAST)] = weeks.page(LAST, [*fakes(LAST), both, Fake("2611.09999", "A Garden")])
    program.now = "2026-11-20T01:30Z"
    program("run")
    with program.database().read() as connection:
        assert [row.announced for row in places(connection, both.id, "2611.09999")] == [LAST, LAST]
    arxiv.pages[weeks.address(LAST)] = weeks.page(LAST)
    program.now = "2026-11-20T06:00Z"
    program("run")

    with program.database().read() as connection:
        again, gone = places(connection, both.id, "2611.09999")
    entry = next(one for one in document(program, wednesday)["entries"] if one["id"] == both.id)
    assert (again.announced, again.topic, again.subtopic) == (wednesday, entry["topic"], entry["subtopic"] or "")
    assert (gone.announced, gone.topic, gone.subtopic) == (None, "", "")


def places(connection: sa.Connection, *names: str) -> Sequence[Any]:
    """Return where papers stand."""
    rows = {row.arxiv_id: row for row in connection.execute(sa.select(papers))}
    return [rows[name] for name in names]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere paths are text")
def test_a_folder_whose_name_is_no_text(program: Program) -> None:
    """Its digests are made as any other's, and what is noted of them can be kept."""
    out = os.fsdecode(os.fsencode(program.folder) + b"/o\xff")
    first, again = program("run", "--out", out), program("run", *CLASSIC, "--out", out)

    assert (first.status, again.status, "damaged" in first.err + again.err) == (0, 0, False)
    assert program.noted(LAST)["page"].endswith("/o\\udcff/2026/2026-11-20-cs.CV.md")
    assert program("status", "--out", out).status == 0
