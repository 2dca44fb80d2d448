"""Dates on the command line: a range of them in, and what is known of each as a line out."""

import argparse
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from digest.core.domain import State
from digest.errors import UsageError
from digest.settings import day

if TYPE_CHECKING:
    from digest.ledger import Note

LONGEST = timedelta(days=3653)
"""Ten years."""
_WIDTH = 120


def add_range(parser: argparse.ArgumentParser, *, first: str, last: str) -> None:
    """Add ``--from`` and ``--to``; *first* and *last* say which dates they are by default, *first* nothing if it must be given."""
    default = f" (default: {first})" if first else ""
    parser.add_argument("--from", dest="first", metavar="YYYY-MM-DD", required=not first, help=f"the first date{default}")
    parser.add_argument("--to", dest="last", metavar="YYYY-MM-DD", help=f"the last date (default: {last})")


def read_range(options: argparse.Namespace, newest: date, days: int = 1) -> tuple[date, date]:
    """Return the first and the last date; by default the last is *newest*, and there are so many *days*.

    Raises:
        UsageError: one of them is no date, or they make no range.

    """
    from digest.core.announcements import FIRST_DATE  # late, for it cannot be loaded without time zone data

    last = day("to", options.last) if options.last is not None else newest
    first = day("from", options.first) if options.first is not None else last - timedelta(days=days - 1)
    if first > last:
        of = "" if options.last is not None else ", the newest date"
        msg = f"--from: {first} is after {last}{of}"
        raise UsageError(msg)
    if first < FIRST_DATE:
        msg = f"--from: {first} is before arXiv's first announcement, of {FIRST_DATE}"
        raise UsageError(msg)
    if last - first >= LONGEST:
        msg = f"{first} to {last} is more than ten years"
        raise UsageError(msg, advice="ask for less at a time")
    return first, last


def facts(note: "Note", edition: int = 1) -> str:
    """Return what is to be said about a date besides its state; *edition* is the number of its last edition."""
    said = [f"edition {edition}"] if edition > 1 else []
    if note.state is State.PUBLISHED:
        said.append(f"{note.entries} announced, {note.listed} listed")
        if note.service:
            said.append(f"from {note.service}")
        if note.reconstructed:
            said.append("reconstructed")
        if note.provisional:
            after = f": ask again after {_moment(note.asked_again_after)}" if note.asked_again_after else ""
            said.append(f"provisional{after}")
        if note.pending:
            said.append(f"{len(note.pending)} without abstract so far")
        if note.late:
            said.append(f"{len(note.late)} came later")
        said.extend(f"disagreement: {one}" for one in note.disagreements)
        if note.reason:
            said.append(f"the last attempt failed: {note.reason}")
        elif not note.attempts:
            said.append("made without a note")
    else:
        said.append(f"{note.reason}; {note.advice}" if note.advice else note.reason)
        if note.at and note.state is not State.NONE:
            said.append(f"last tried {_moment(note.at)}")
    return "; ".join(said)


def line(note: "Note", edition: int = 1) -> str:
    """Return what is known of a date as one plain line."""
    return f"{note.date} {note.state.value}: {facts(note, edition)}"


def listed(notes: Sequence["Note"], editions: Mapping[date, int] | None = None) -> str:
    """Return a line for each date: on a terminal a table that fits into it, elsewhere plain lines.

    *editions* are the numbers of their last editions.
    """
    number = editions or {}
    if sys.stdout is None or not sys.stdout.isatty():
        return "".join(f"{line(note, number.get(note.date, 1))}\n" for note in notes)
    width = shutil.get_terminal_size((_WIDTH, 24)).columns
    rows = [
        ("Date", "State", "Papers", "About"),
        *((_day(note), note.state.value, _count(note), facts(note, number.get(note.date, 1))) for note in notes),
    ]
    lines = (f"{one:<14}  {state:<9}  {count:>6}  {about}" for one, state, count, about in rows)
    return "".join(f"{_cut(text, width).rstrip()}\n" for text in lines)


def totals(notes: Iterable["Note"]) -> dict[str, int]:
    """Return how many dates are in each state, and how many papers were announced on them."""
    found = {state.value: 0 for state in State}
    entries = 0
    for note in notes:
        found[note.state.value] += 1
        entries += note.entries if note.state is State.PUBLISHED else 0
    return {**found, "entries": entries}


def total_line(notes: Sequence["Note"]) -> str:
    """Return the totals as one plain line."""
    found = totals(notes)
    entries = found.pop("entries")
    states = ", ".join(f"{count} {state}" for state, count in found.items() if count)
    return f"{len(notes)} date{'s' * (len(notes) != 1)}: {states}; {entries:,} papers announced"


def _day(note: "Note") -> str:
    return f"{note.date:%a} {note.date}"


def _count(note: "Note") -> str:
    return str(note.entries) if note.state is State.PUBLISHED else ""


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}\u2026"
