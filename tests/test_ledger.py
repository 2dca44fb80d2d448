"""The memory of dates: what was noted is read again, and what is damaged is never believed."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.core.domain import State
from digest.errors import PublishError
from digest.ledger import Ledger, Note, note_object

DAY = date(2026, 11, 20)
NOTE = Note(
    "cs.CV",
    DAY,
    State.PUBLISHED,
    service="listing",
    entries=5,
    listed=3,
    pending=("2611.00001",),
    disagreements=("feed: it lacks 2611.00001",),
    late=("2611.00002", "2611.00001"),
    provisional=True,
    model="default",
    page="digests/2026/2026-11-20-cs.CV.md",
    at=datetime(2026, 11, 20, 1, 30, tzinfo=UTC),
    attempts=2,
    asked_again_after=datetime(2026, 11, 20, 2, 30, tzinfo=UTC),
)


@pytest.mark.parametrize("category", ["cs.CV", "cs.CV+eess.IV", "hep-th"])
def test_what_is_written_is_read(tmp_path: Path, category: str) -> None:
    """A note comes back as it was, in a file of its category and date; writing it again leaves the same bytes."""
    ledger = Ledger(tmp_path)
    note = Note(category, DAY, State.FAILED, "arXiv answered 404", "try \u00e4gain")
    ledger.write(note)
    path = tmp_path / "days" / category / "2026-11-20.json"
    first = path.read_bytes()
    ledger.write(note)

    assert ledger.read(category, DAY) == note
    assert path.read_bytes() == first


def test_all_of_a_note(tmp_path: Path) -> None:
    """Every field is kept."""
    Ledger(tmp_path).write(NOTE)

    assert Ledger(tmp_path).read("cs.CV", DAY) == NOTE


@given(reason=st.text(), late=st.lists(st.text()), entries=st.integers(0, 10**6), provisional=st.booleans())
def test_any_texts(tmp_path_factory: pytest.TempPathFactory, reason: str, late: list[str], entries: int, provisional: bool) -> None:
    """Whatever letters a reason holds, it is kept."""
    if any("\ud800" <= letter <= "\udfff" for letter in reason + "".join(late)):
        return  # no text of ours has half a letter: what comes from outside is made plain
    folder = tmp_path_factory.mktemp("notes")
    note = Note("cs.CV", DAY, State.WAITING, reason, late=tuple(late), entries=entries, provisional=provisional)
    Ledger(folder).write(note)

    assert Ledger(folder).read("cs.CV", DAY) == note


def test_between(tmp_path: Path) -> None:
    """A range of notes comes the oldest first; other categories, dates and files are left out."""
    ledger = Ledger(tmp_path)
    for day in (20, 9, 13, 21):
        ledger.write(Note("cs.CV", date(2026, 11, day), State.NONE, "nothing"))
    ledger.write(Note("cs.LG", date(2026, 11, 10), State.NONE, "nothing"))
    (tmp_path / "days" / "cs.CV" / "2026-11-31.json").write_text("{}", "utf-8")

    assert [note.date.day for note in ledger.between("cs.CV", date(2026, 11, 9), DAY)] == [9, 13, 20]
    assert list(ledger.between("cs.GR", date(2026, 11, 9), DAY)) == []


def test_no_note(tmp_path: Path) -> None:
    """A date without a note is no reason to warn."""
    said: list[str] = []

    assert Ledger(tmp_path, said.append).read("cs.CV", DAY) is None
    assert said == []


GOOD = {"format": 1, **note_object(NOTE)}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        json.dumps({**GOOD, "format": 2}).encode(),
        json.dumps({**GOOD, "state": "lost"}).encode(),
        json.dumps({**GOOD, "late": "2611.00001"}).encode(),
        json.dumps({**GOOD, "late": [1]}).encode(),
        json.dumps({**GOOD, "entries": True}).encode(),
        json.dumps({**GOOD, "provisional": 1}).encode(),
        json.dumps({**GOOD, "at": "2026-11-20T01:30:00"}).encode(),
        json.dumps({**GOOD, "at": "yesterday"}).encode(),
        json.dumps({**GOOD, "date": "2026-11-19"}).encode(),
        json.dumps({**GOOD, "category": "cs.LG"}).encode(),
        json.dumps({name: value for name, value in GOOD.items() if name != "reason"}).encode(),
    ],
)
def test_a_damaged_note(tmp_path: Path, content: bytes) -> None:
    """A note that cannot be understood is named, taken for none, and left as it is."""
    path = tmp_path / "days" / "cs.CV" / "2026-11-20.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    said: list[str] = []

    assert Ledger(tmp_path, said.append).read("cs.CV", DAY) is None
    assert [str(path) in line for line in said] == [True]
    assert path.read_bytes() == content


def test_every_cut_note_is_damaged(tmp_path: Path) -> None:
    """A file that was cut at any byte is never half believed."""
    Ledger(tmp_path).write(NOTE)
    path = tmp_path / "days" / "cs.CV" / "2026-11-20.json"
    whole = path.read_bytes().rstrip()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert Ledger(tmp_path).read("cs.CV", DAY) is None


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """It is named, with what to do."""
    (tmp_path / "days").write_text("in the way", "utf-8")

    with pytest.raises(PublishError, match=r"2026-11-20\.json cannot be written.*--data"):
        Ledger(tmp_path).write(NOTE)
