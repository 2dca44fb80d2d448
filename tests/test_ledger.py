"""The memory of dates: what was noted is read again, and what is damaged is never believed."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.core.domain import State
from digest.ledger import Note, note_object, note_of, old_notes

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


def old(folder: Path, content: bytes) -> Path:
    """Write a note as the first releases kept it; return its file."""
    path = folder / "days" / "cs.CV" / "2026-11-20.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_all_of_a_note() -> None:
    """Every field comes back out of what JSON holds."""
    assert note_of(json.loads(json.dumps(note_object(NOTE)))) == NOTE


@given(reason=st.text(), late=st.lists(st.text()), entries=st.integers(0, 10**6), provisional=st.booleans())
def test_any_texts(reason: str, late: list[str], entries: int, provisional: bool) -> None:
    """Whatever letters a reason holds, it is kept."""
    note = Note("cs.CV", DAY, State.WAITING, reason, late=tuple(late), entries=entries, provisional=provisional)

    assert note_of(json.loads(json.dumps(note_object(note)))) == note


def test_notes_of_the_first_releases(tmp_path: Path) -> None:
    """They are read, all of them; other files beside them are left out without a word."""
    path = old(tmp_path, json.dumps(GOOD).encode())
    path.with_name("notes.txt").write_text("mine", "utf-8")
    said: list[str] = []

    assert list(old_notes(tmp_path, said.append)) == [NOTE]
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
    path = old(tmp_path, content)
    said: list[str] = []

    assert list(old_notes(tmp_path, said.append)) == []
    assert [str(path) in line for line in said] == [True]
    assert path.read_bytes() == content


def test_every_cut_note_is_damaged(tmp_path: Path) -> None:
    """A file that was cut at any byte is never half believed."""
    whole = json.dumps(GOOD).encode()
    for length in range(len(whole)):
        old(tmp_path, whole[:length])
        assert list(old_notes(tmp_path, lambda _line: None)) == []
