"""Who makes digests unattended waits until arXiv has finished publishing; and what an operator was told is kept in the database."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from digest.alerts import Alert, FileMemory
from digest.app import App
from digest.daily import Made
from digest.errors import IncompleteError
from digest.settings import Settings
from digest.store.alerts import StoreMemory
from digest.store.database import Database, address
from tests import servers, weeks
from tests.weeks import LAST, play

SINCE = datetime(2026, 11, 20, 1, 5, tzinfo=UTC)


@pytest.fixture
def arxiv() -> Iterator[servers.Arxiv]:
    """Play two weeks of arXiv."""
    with servers.arxiv() as state:
        play(state)
        yield state


def patiently(folder: Path, arxiv: servers.Arxiv, hour: int, minute: int) -> Made:
    """Make the newest date at an instant of 20 November, in UTC; arXiv announced it at one o'clock."""
    settings = Settings(out=folder / "out", data=folder / "data", model=folder, arxiv_url=arxiv.url, second_opinion=False)
    now = datetime(2026, 11, 20, hour, minute, tzinfo=UTC)
    with App(settings, now, lambda _line: None, lambda _line: None) as program:
        return program.run(LAST, patient=True)


def noted(folder: Path, arxiv: servers.Arxiv) -> tuple[str, bool, int]:
    """Return the state of that date, whether it is provisional, and how often it was tried."""
    settings = Settings(out=folder / "out", data=folder / "data", arxiv_url=arxiv.url)
    now = datetime(2026, 11, 20, 6, tzinfo=UTC)
    with App(settings, now, lambda _line: None, lambda _line: None) as program:
        note = program.days().known(LAST, now)
    return note.state.value, note.provisional, note.attempts


def test_two_equal_readings(tmp_path: Path, arxiv: servers.Arxiv) -> None:
    """While arXiv publishes, a date is made when it was read twice alike, five minutes apart; and that is final."""
    for minute in (5, 8):
        with pytest.raises(IncompleteError, match=r"still publishing 2026-11-20 \(4 entries so far"):
            patiently(tmp_path, arxiv, 1, minute)
    assert noted(tmp_path, arxiv) == ("waiting", False, 2)
    made = patiently(tmp_path, arxiv, 1, 10)

    assert (made.edition.number, len(made.edition.items)) == (1, 3)
    assert noted(tmp_path, arxiv) == ("published", False, 3)


def test_a_part_first(tmp_path: Path, arxiv: servers.Arxiv) -> None:
    """A page that grows is read again until it does not."""
    whole = arxiv.pages[weeks.address(LAST)]
    arxiv.pages[weeks.address(LAST)] = weeks.page(LAST, weeks.fakes(LAST)[:1])
    with pytest.raises(IncompleteError):
        patiently(tmp_path, arxiv, 1, 5)
    arxiv.pages[weeks.address(LAST)] = whole
    with pytest.raises(IncompleteError):
        patiently(tmp_path, arxiv, 1, 15)

    assert len(patiently(tmp_path, arxiv, 1, 20).edition.items) == 3


def test_when_arxiv_has_finished(tmp_path: Path, arxiv: servers.Arxiv) -> None:
    """An hour and a half after the announcement, one reading is enough."""
    assert len(patiently(tmp_path, arxiv, 2, 30).edition.items) == 3
    assert noted(tmp_path, arxiv) == ("published", False, 1)


def test_alerts_in_the_database(tmp_path: Path) -> None:
    """They are what they were for the next process; where the database fails, a file stands in for it."""
    database = Database(address("", tmp_path)).open()
    memory = StoreMemory(database, FileMemory(tmp_path, lambda _line: None))
    alert = Alert("failed", "cs.CV", date(2026, 11, 20), "arXiv answered 404", SINCE, ("webhook",))
    other = Alert("clock", "cs.CV", None, "the clock was set back", SINCE.replace(minute=6), (), SINCE.replace(minute=7))
    for one in (alert, other, alert):
        memory.remember(one)
    database.close()
    again = StoreMemory(Database(address("", tmp_path)).open(), FileMemory(tmp_path, lambda _line: None))
    assert list(again.open_alerts()) == [alert, other]
    again.forget(*other.key)
    assert list(again.open_alerts()) == [alert]

    again.database.close()
    (tmp_path / "cvdigest.db").write_bytes(b"damaged" * 1000)
    third = Alert("store", "cs.CV", None, "the database is damaged", SINCE)
    again.remember(third)
    assert list(again.open_alerts()) == [third]
    assert list(FileMemory(tmp_path, lambda _line: None).open_alerts()) == [third]
