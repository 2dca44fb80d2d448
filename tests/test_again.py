"""Editions made once more: by `run --again`, because something came later, and by `reclassify`."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digest import cli
from digest.classify import model
from tests import servers, weeks
from tests.pages import Fake
from tests.test_cli import edition
from tests.weeks import ANNOUNCED, LAST, Program, address, fakes, page

TUESDAY = date(2026, 11, 17)


@pytest.fixture
def arxiv() -> Iterator[servers.Arxiv]:
    """Play arXiv with two weeks."""
    with servers.arxiv() as state:
        weeks.play(state)
        yield state


def small_model(folder: Path, name: str, unsure_below: float) -> Path:
    """Make a model of three words and of three topics of the catalogue, which loads in no time."""
    topics = ("object-detection", "3d", "other")
    calibration = model.Calibration(0.0, 1.0, 1.0, unsure_below)
    arrays = {
        "idf": np.ones(3),
        "weights": np.diag((3, 3, 3)),
        "scales": np.ones(3),
        "intercepts": np.array([0.0, 0.0, 0.5]),
    }
    model.save(
        folder, name=name, vocabulary=["detecting", "garden", "robot"], arrays=arrays, topics=topics, subtopics=(),
        stop_words=frozenset(), calibration=calibration, about={},
    )  # fmt: skip
    return folder


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a model."""
    return small_model(tmp_path_factory.mktemp("plain"), "plain", 0.0)


@pytest.fixture(scope="session")
def doubtful(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a model that is unsure about every paper, and like the other one otherwise."""
    return small_model(tmp_path_factory.mktemp("doubtful"), "doubtful", 2.0)


@pytest.fixture
def program(
    tmp_path: Path, arxiv: servers.Arxiv, plain: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Program:
    """Return the program, towards that server, with a small model."""
    found = weeks.program(tmp_path, arxiv.url, capsys, monkeypatch)
    monkeypatch.setenv("CVDIGEST_MODEL", str(plain))
    return found


def pages(program: Program) -> dict[str, bytes]:
    """Return the pages and their JSON."""
    return {name: content for name, content in program.files().items() if name.startswith("out/")}


def document(program: Program, day: date = LAST) -> dict[str, Any]:
    """Return the JSON of a date, after it was found to be an edition."""
    return edition(program.page(day).with_suffix(".json").read_text("utf-8"))


# -- run --again ------------------------------------------------------------------------------------------------------------


def test_nothing_different(program: Program, arxiv: servers.Arxiv) -> None:
    """Made again, a date whose answer is kept asks nobody and stays the edition that it is, to the byte."""
    program("run")
    before, asked = pages(program), len(arxiv.asked)
    again = program("run", "--again")

    assert (again.status, pages(program), len(arxiv.asked)) == (0, before, asked)
    assert (document(program)["edition"], document(program)["changes"]) == (1, [])
    assert "edition" not in again.out


def test_without_again_a_date_is_not_made_again(program: Program, doubtful: Path) -> None:
    """A date that is settled stays as it is, whatever is asked for; that it is another layout is said."""
    program("run")
    before = pages(program)
    done = program("run", "--layout", "classic", "--model", str(doubtful))

    assert pages(program) == before
    assert "edition 1 of 2026-11-20 was made in the layout topics, of cross,new; --again makes it as you ask for it now" in done.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--layout", "classic"), "The layout is classic instead of topics"),
        (("--include", "new"), "1 paper is gone: 2611.00202"),
        (("--include", "new,cross,replaced"), "1 paper came in: 2610.00200"),
    ],
)
def test_another_wish_is_another_edition(program: Program, options: tuple[str, ...], said: str) -> None:
    """Edition 2 tells what has changed: on the page, in its JSON and on the console; made so again, it stays edition 2."""
    program("run")
    done = program("run", "--again", *options)

    assert (document(program)["edition"], document(program)["changes"]) == (2, [said])
    assert f"This is edition 2 of this date. {said}.\n" in program.page(LAST).read_text("utf-8")
    assert done.out.splitlines()[1] == f"edition 2: {said}."
    before = pages(program)
    program("run", "--again", *options)
    assert pages(program) == before


def test_another_model_and_back(program: Program, doubtful: Path) -> None:
    """Sorted by another model, it is what a run makes; the first model again makes edition 3, which is the first but for its number."""
    program("run")
    first = document(program)
    program("reclassify", "--model", str(doubtful))
    second, before = document(program), pages(program)
    program("run", "--again", "--model", str(doubtful))
    assert pages(program) == before
    program("run", "--again")
    third = document(program)

    name = first["model"]["name"]
    assert second["changes"][0] == f"The papers are sorted by doubtful instead of {name}"
    assert second["changes"][1].startswith("3 papers have other topics: 2611.00")
    assert third["changes"][0] == f"The papers are sorted by {name} instead of doubtful"
    assert third == first | {"edition": 3, "changes": third["changes"]}


def test_what_came_later(program: Program, arxiv: servers.Arxiv) -> None:
    """A paper that came while arXiv was publishing makes a new edition, which names it."""
    program.now = "2026-11-20T01:30Z"
    program("run")
    arxiv.pages[address(LAST)] = page(LAST, [*fakes(LAST), Fake("2611.09999", "Late")])
    program.now = "2026-11-20T06:00Z"
    done = program("run")

    assert document(program)["changes"] == ["1 paper came in: 2611.09999", "arXiv announced other numbers of papers"]
    assert "edition 2: 1 paper came in: 2611.09999. arXiv announced other numbers of papers." in done.out.splitlines()


def test_a_page_that_becomes_a_date_without_announcement(program: Program) -> None:
    """Its page is taken away, edition 2 says why, and the index does not list it any more."""
    saved = program.folder / "saved.html"
    saved.write_bytes(page(TUESDAY, []))
    program("run", "--date", str(TUESDAY))
    done = program("run", "--date", str(TUESDAY), "--source", f"file:{saved}")
    found = document(program, TUESDAY)

    assert (done.status, found["state"], found["edition"]) == (0, "none", 2)
    assert found["changes"][0] == "arXiv has no announcement of this date, it says now"
    assert not program.page(TUESDAY).exists()
    assert "2026-11-17" not in (program.folder / "out" / "README.md").read_text("utf-8")


# -- what is told of them ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_status_tells_the_edition_and_the_last_run(program: Program) -> None:
    """The number of an edition that is not the first, and how the last run ended; a run that was killed is told too."""
    assert program("status", "--json").json["run"] is None
    program("run")
    program("run", "--again", "--layout", "classic")
    told = program("status")
    lines = told.out.splitlines()
    assert lines[0] == "last run: 2026-11-20 06:00 UTC, run of 2026-11-20: done, edition 2"
    assert lines[-1].startswith("2026-11-20 published: edition 2; 4 announced, 3 listed; ")
    program("run", "--date", "2026-11-18", "--source", "recent")
    failed = program("status", "--json").json
    assert (failed["run"]["state"], failed["dates"][-1]["edition"], failed["dates"][-2]["edition"]) == ("failed", 2, None)

    environment = {**program.environment(), "CVDIGEST_FAILPOINT": "prepared:kill"}
    command = program.command("run", "--date", "2026-11-17")
    subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60, cwd=program.folder)
    assert program("status").out.startswith("last run: 2026-11-20 06:00 UTC, run of 2026-11-17: broken off; the next run finishes it\n")


def test_the_last_run_is_the_one_that_began_last(program: Program) -> None:
    """Also if the clock showed an earlier moment then."""
    program("run")
    program("run", "--date", str(TUESDAY), "--now", "2026-11-18T06:00Z")

    assert program("status").out.startswith("last run: 2026-11-18 06:00 UTC, run of 2026-11-17: done, edition 1\n")


def test_show_tells_where_a_paper_stood(program: Program, doubtful: Path) -> None:
    """Where its place changed from edition to edition, each is told with why; else only the last is."""
    program("run")
    program("run", "--again", "--layout", "classic")
    assert "edition 1" not in program("show", "2611.00201").out
    program("run", "--again", "--model", str(doubtful))
    done = program("show", "2611.00201").out.splitlines()

    assert [line[:13].strip() for line in done[-4:]] == ["published", "edition 1", "edition 2", "edition 3"]
    assert re.fullmatch(r"  edition 1   3d 0\.\d\d", done[-3])
    assert re.fullmatch(r"  edition 3   3d 0\.\d\d \(unsure\): The layout is topics instead of classic\. The papers are .*", done[-1])
    told = program("show", "2611.00201", "--json").json["editions"][0]
    assert [step["unsure"] for step in told["editions"]] == [False, False, True]


def test_show_tells_what_the_page_does_not_list(program: Program) -> None:
    """A replaced paper that the page does not list is told from the announcement; listed later, its path is told."""
    program("run")
    done = program("show", "2610.00200")
    assert done.status == 0
    assert "  announced   as replaced" in done.out
    assert done.out.splitlines()[-1].endswith("2026-11-20-cs.CV.md, which does not list what is replaced")
    assert program("show", "2610.00200", "--json").json["editions"][0]["listed"] is False

    program("run", "--again", "--include", "replaced")
    lines = program("show", "2610.00200").out.splitlines()
    assert lines[-2] == "  edition 1   not listed"
    assert lines[-1].endswith(": 1 paper came in: 2610.00200. 3 papers are gone: 2611.00200, 2611.00201, 2611.00202")


# -- reclassify -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def weeks_made(tmp_path_factory: pytest.TempPathFactory, plain: Path) -> Path:
    """Make the editions of two weeks, two of them of an own kind; return their folder, to be copied."""
    folder = tmp_path_factory.mktemp("made")
    with servers.arxiv() as state, pytest.MonkeyPatch.context() as patch:
        weeks.play(state)
        patch.setenv("CVDIGEST_SECOND_OPINION", "no")
        patch.setenv("CVDIGEST_MODEL", str(plain))
        found = Program(folder, state.url, lambda: weeks.Result(0, "", ""))
        found("run", "--date", str(ANNOUNCED[0]), "--layout", "classic")
        found("run", "--date", str(ANNOUNCED[1]), "--include", "new,cross,replaced")
        found("backfill", "--from", "2026-11-09")
    return folder


@pytest.fixture
def made(program: Program, weeks_made: Path) -> Program:
    """Return the program with those editions."""
    shutil.copytree(weeks_made, program.folder, dirs_exist_ok=True)
    return program


@pytest.mark.slow
def test_by_the_same_model(made: Program, arxiv: servers.Arxiv) -> None:
    """Nothing is different: nothing is written and nobody is asked."""
    before, asked = pages(made), len(arxiv.asked)
    done = made("reclassify")
    count = 3 * len(ANNOUNCED) + 1

    assert (done.status, pages(made), len(arxiv.asked)) == (0, before, asked)
    assert done.out.startswith(f"{count} papers of {len(ANNOUNCED)} dates sorted by ")
    assert done.out.endswith(", 0 of them classified now; 0 dates got a new edition\n")


def test_by_another_model(made: Program, arxiv: servers.Arxiv, doubtful: Path) -> None:
    """Each date gets edition 2, in its own layout and of its own kinds; what is known of it stays."""
    notes, asked = [made.noted(day) for day in ANNOUNCED], len(arxiv.asked)
    done = made("reclassify", "--model", str(doubtful))
    lines = done.out.splitlines()

    assert (done.status, len(arxiv.asked), len(lines)) == (0, asked, len(ANNOUNCED) + 1)
    assert lines[0].startswith(f"{ANNOUNCED[0]} edition 2: The papers are sorted by doubtful instead of ")
    assert lines[-1].endswith(f"{3 * len(ANNOUNCED) + 1} of them classified now; {len(ANNOUNCED)} dates got a new edition")
    assert [document(made, day)["edition"] for day in ANNOUNCED] == [2] * len(ANNOUNCED)
    assert (document(made, ANNOUNCED[0])["layout"], len(document(made, ANNOUNCED[1])["entries"])) == ("classic", 4)
    assert [made.noted(day) for day in ANNOUNCED] == [note | {"model": "doubtful"} for note in notes]


def test_a_dry_run(made: Program, doubtful: Path) -> None:
    """It tells the same, and neither a file nor the database is different afterwards."""
    before = made.files()
    dry = made("reclassify", "--model", str(doubtful), "--from", "2026-11-17", "--to", "2026-11-18", "--dry-run", "--json")
    assert {name: content for name, content in made.files().items() if "db-" not in name} == {
        name: content for name, content in before.items() if "db-" not in name
    }
    real = made("reclassify", "--model", str(doubtful), "--from", "2026-11-17", "--to", "2026-11-18", "--json")

    assert dry.json == real.json | {"dry_run": True}
    assert [one["date"] for one in real.json["changed"]] == ["2026-11-17", "2026-11-18"]
    assert (real.json["classified"], real.json["listed"], real.json["without"]) == (6, 6, [])


def test_corrections_count(made: Program) -> None:
    """A correction moves its paper on the page that is there already."""
    assert cli.main(["correct", "2611.00170", "person-reid/gait", "--data", str(made.folder / "data")]) == 0
    done = made("reclassify")

    assert done.out.splitlines()[0] == "2026-11-17 edition 2: 1 paper has another topic: 2611.00170."
    assert len(done.out.splitlines()) == 2


@pytest.mark.slow
def test_broken_off(made: Program, doubtful: Path) -> None:
    """Killed between keeping and publishing, it is run again: each edition is there once, and no paper is classified twice."""
    command = made.command("reclassify", "--model", str(doubtful))
    environment = {**made.environment(), "CVDIGEST_FAILPOINT": "written-page:kill"}
    killed = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60, cwd=made.folder)
    assert killed.returncode == -9
    done = made("reclassify", "--model", str(doubtful))

    assert "was broken off while it was written; it is finished now" in done.err
    assert done.out.endswith(", 0 of them classified now; 0 dates got a new edition\n")
    assert [document(made, day)["edition"] for day in ANNOUNCED] == [2] * len(ANNOUNCED)


@pytest.mark.slow
def test_in_batches(made: Program, doubtful: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many papers it takes at a time, the same comes out, and it tells how far it is."""
    monkeypatch.setattr("digest.reclassify._AT_ONCE", 5)
    done = made("reclassify", "--model", str(doubtful))

    assert len(done.out.splitlines()) == len(ANNOUNCED) + 1
    assert f"2 of {len(ANNOUNCED) + 2} dates" in done.err


def test_dates_of_which_nothing_is_stored(program: Program) -> None:
    """They are named: those on which arXiv announced papers, and no others."""
    program("run", "--date", "2026-11-10")
    program("run", "--date", "2026-11-18")
    done = program("reclassify", "--from", "2026-11-07")

    assert "no announcement is stored of 6 dates: 2026-11-09, 2026-11-11, 2026-11-12, 2026-11-13, 2026-11-16, 2026-11-17;" in done.err
    assert done.out.startswith("6 papers of 2 dates")


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (("--from", "2026-11-20", "--to", "2026-11-19"), 2, "--from: 2026-11-20 is after 2026-11-19"),
        (("--from", "yesterday"), 2, "yesterday"),
        (("--from", "2026-11-21"), 1, "the database holds no edition of cs.CV of these dates"),
        (("--category", "cs.LG"), 1, "the database holds no edition of cs.LG"),
        (("--model", "nowhere"), 1, "the model in nowhere cannot be used"),
    ],
)
def test_what_cannot_be(program: Program, options: tuple[str, ...], status: int, said: str) -> None:
    """What cannot be done is an error that says so; an unclassified digest is no result here."""
    program("run")
    before = pages(program)
    done = program("reclassify", *options)

    assert (done.status, done.out, pages(program)) == (status, "", before)
    assert said in done.err


def test_without_a_database(program: Program) -> None:
    """There is nothing to sort, and nothing is made."""
    done = program("reclassify")

    assert (done.status, program.files()) == (1, {})
    assert "there is no database in" in done.err
