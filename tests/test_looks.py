"""Looks at what is due, one after another, while something is broken: no date is lost, and none starves another one."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from digest import resources
from digest.alerts import FileMemory
from digest.days import Days, Work
from digest.errors import ClockError, DamagedError
from digest.store.alerts import StoreMemory
from digest.store.database import in_memory
from tests import servers, weeks
from tests.test_again import small_model
from tests.weeks import LAST, Program, Result, address

NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
TUESDAY, WEDNESDAY = date(2026, 11, 17), date(2026, 11, 18)


@pytest.fixture
def arxiv() -> Iterator[servers.Arxiv]:
    """Play arXiv with two weeks."""
    with servers.arxiv() as state:
        weeks.play(state)
        yield state


@pytest.fixture
def program(tmp_path: Path, arxiv: servers.Arxiv, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Program:
    """Return the program, towards that server, with a small model."""
    found = weeks.program(tmp_path, arxiv.url, capsys, monkeypatch)
    monkeypatch.setenv("CVDIGEST_MODEL", str(small_model(tmp_path / "model", "plain", 0.0)))
    monkeypatch.setenv("CVDIGEST_SECOND_OPINION", "no")
    return found


def look(program: Program, now: str = weeks.NOW) -> Result:
    """Look once what is due."""
    return replace(program, now=now)("schedule", "--once", "--arxiv-url", program.url)


def open_alerts(program: Program) -> set[tuple[str, date | None]]:
    """Return kind and date of the alerts that are open."""
    database = program.database()
    try:
        found = StoreMemory(database, FileMemory(program.folder, pytest.fail)).open_alerts()
        return {(alert.kind, alert.day) for alert in found}
    finally:
        database.close()


def test_an_edition_that_cannot_be_finished(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said, the operator is told, its page stands, and the dates after it are made."""
    program("run", "--date", str(WEDNESDAY))
    with monkeypatch.context() as patch:
        patch.setenv("CVDIGEST_FAILPOINT", "prepared:raise")
        program("run", "--date", str(WEDNESDAY), "--again", "--layout", "classic")
    file = program.page(WEDNESDAY).with_suffix(".json")
    file.unlink()
    file.mkdir()
    found = look(program)

    assert program.page(LAST).is_file()
    assert "cannot be finished" in found.err
    assert program.noted(WEDNESDAY)["state"] == "published"
    assert ("date-unpublished", WEDNESDAY) in open_alerts(program)


@pytest.mark.parametrize("error", [KeyError("odd page"), DamagedError("damaged"), ClockError("the clock is wrong")])
def test_every_attempt_is_noted(tmp_path: Path, error: Exception) -> None:
    """Whatever was raised, the date is not due at once again in the next process."""
    days = Days("cs.CV", tmp_path, in_memory(), resources.calendar(), pytest.fail)

    class Nothing:
        recover = announcement = staticmethod(lambda *_: None)

    def ask(*, opinions: bool) -> None:
        del opinions
        raise error

    with pytest.raises(type(error)):
        days.run(LAST, NOW, Work(ask, None, list, Nothing(), pytest.fail))  # type: ignore[arg-type]
    note = days.known(LAST, NOW)

    assert (note.at, note.attempts) == (NOW, 1)
    assert str(error) in note.reason


def test_an_attempt_that_fails_takes_nothing_away(program: Program, arxiv: servers.Arxiv) -> None:
    """A settled date stays so if it cannot be made again, below whichever folder; why is shown."""
    program("run")
    arxiv.pages[address(LAST)] = (404, b"", {})
    shutil.rmtree(program.folder / "data" / "answers")
    program("run", "--again", "--out", str(program.folder / "b"))
    note = program.noted(LAST)

    assert (note["state"], note["attempts"], bool(note["reason"])) == ("published", 2, True)
    assert "is made already: edition 1" in program("run").err


def test_the_first_look_is_remembered(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """A date that was never asked for to the end is made at the next start, though it is not the newest any more."""
    with monkeypatch.context() as patch:
        patch.setenv("CVDIGEST_FAILPOINT", "fetched:raise")
        look(program, "2026-11-18T06:00Z")
    program.forget(WEDNESDAY)
    look(program)

    assert [program.page(day).is_file() for day in (WEDNESDAY, LAST)] == [True, True]


def test_a_lost_database(program: Program) -> None:
    """The schedule goes on after the last page that lies below the folder."""
    program("run", "--date", str(TUESDAY))
    for path in (program.folder / "data").glob("cvdigest.db*"):
        path.unlink()
    look(program)

    assert [program.page(day).is_file() for day in (WEDNESDAY, LAST)] == [True, True]


def test_a_night_without_a_model(program: Program, arxiv: servers.Arxiv, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told, and mended from what is kept as soon as the model is back."""
    with monkeypatch.context() as patch:
        patch.setenv("CVDIGEST_MODEL", str(program.folder / "nowhere"))
        look(program)
    asked = list(arxiv.asked)
    assert ("date-unclassified", LAST) in open_alerts(program)
    look(program, "2026-11-20T12:00Z")
    note = program.noted(LAST)

    assert (note["model"], note["reason"], note["attempts"]) == ("plain", "", 2)
    assert arxiv.asked == asked
    assert open_alerts(program) == set()
