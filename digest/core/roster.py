"""A file of subscribers: CSV or JSON lines in, people or reasons why not out; and the other way round.

    address, standing, made, confirmed, ended | topics, include, exclude, authors, kinds, frequency, most, sure, language, zone, hour

The address is enough. In CSV the first line names the columns, and several texts in a cell have a semicolon between them; a file
without such a line is a list of addresses. In JSON lines each line is an object with the same names, and lists are lists.

What is written to CSV is opened by spreadsheets, which take a cell for a formula that begins in a certain way, and part cells at
semicolons in some countries. So an apostrophe stands before such a beginning, in a cell and after a semicolon.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from typing import Any

from digest.core.subscription import Choice, Standing, Subscriber, choice_object, choice_of
from digest.recipients import Recipient, recipient

FORMATS = ("csv", "jsonl")
_STATE = ("address", "standing", "made", "confirmed", "ended")
_LISTS = ("topics", "include", "exclude", "authors", "kinds")
_SLUGS = ("topics", "kinds")
"""Lists of words without blanks, which people part by commas too."""
_NUMBERS = ("most", "hour")
_CHOICES = (*_LISTS, "frequency", "most", "sure", "language", "zone", "hour")
COLUMNS = (*_STATE, *_CHOICES)
_YES, _NO = ("yes", "true", "1"), ("no", "false", "0")
_ACTS = "=+-@\t\r\uff1d\uff0b\uff0d\uff20"
"""What makes a spreadsheet take a cell for a formula; the last four are wide forms of the first."""
_ESCAPED = {"\\": "\\\\", ";": "\\,"}
_PIECE = re.compile(r"(?:[^;\\]|\\.?)+", re.DOTALL)
_LONGEST, _MOST_SHOWN = 80, 8
_SEPARATORS = (",", ";", "\t")
_ENDS = "\r\n"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in a file."""

    line: int
    recipient: Recipient
    choice: Choice
    standing: Standing | None = None
    """As the file has it; None if it does not say."""
    made: datetime | None = None
    confirmed: datetime | None = None
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A line of a file that nobody can be made of."""

    line: int
    why: str
    """For whoever wrote the file."""


# -- in ----------------------------------------------------------------------------------------------------------------


def read(lines: Iterable[str], shelves: frozenset[str], now: datetime) -> Iterator[Person | Refused]:
    """Yield who stands in the *lines* of a file, each of which has its end; *shelves* are the topics and subtopics that there are."""
    make = _Maker(shelves, now)
    for number, row in _rows(lines):
        if isinstance(row, str):
            yield Refused(number, row)
            continue
        try:
            yield make.person(number, row)
        except ValueError as problem:
            yield Refused(number, str(problem))


def _rows(lines: Iterable[str]) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    """Yield the number of each line and what stands there: values by their names, or what is wrong with it."""
    begun = iter(lines)
    for blank, line in enumerate(begun):
        if line.strip():
            rest = chain([line], begun)
            yield from _json_rows(rest, blank) if line.lstrip().startswith("{") else _csv_rows(rest, blank)
            return


def _json_rows(lines: Iterable[str], blank: int) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    for number, line in enumerate(lines, blank + 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as problem:
            yield number, f"that is no JSON: {str(problem)[:_LONGEST]}"
            continue
        yield number, found if isinstance(found, dict) else "that is no object"


def _csv_rows(lines: Iterable[str], blank: int) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    names: list[str] = []
    separator = _SEPARATORS[0]
    for number, line in enumerate(lines, blank + 1):
        text = f"{line.rstrip(_ENDS)}\n"
        try:
            separator = separator if names else _separator(text)
            row = next(csv.reader([text], delimiter=separator))
        except csv.Error as problem:
            yield number, f"that is no CSV: {problem}"
            continue
        # Each line by itself: else a quotation mark that nobody closed takes all who follow for the rest of a cell.
        if any("\n" in cell for cell in row):
            yield number, "a quotation mark is not closed on this line: everybody stands on one line, and no cell has two"
            continue
        if not any(cell.strip() for cell in row):
            continue
        if not names:
            names = [cell.strip().lower() for cell in row]
            if not any("@" in cell for cell in row):
                if wrong := _misnamed(names):
                    yield number, wrong
                    return
                continue
            names = ["address"]
        while len(row) > len(names) and not row[-1].strip():  # as spreadsheets fill lines up
            row.pop()
        if len(row) > len(names):
            yield number, f"there are {len(row)} cells, and {len(names)} columns"
            continue
        cells = {name: _plain_cell(cell) if name not in _LISTS else cell for name, cell in zip(names, row, strict=False)}
        yield number, {name: _of_cell(name, cell) for name, cell in cells.items() if cell.strip()}


def _separator(line: str) -> str:
    """Return what stands between the cells of a file, by its first line: spreadsheets write a semicolon in half of the world."""
    for one in _SEPARATORS:
        if "address" in [cell.strip().lower() for cell in next(csv.reader([line], delimiter=one))]:
            return one
    return _SEPARATORS[0]


def _misnamed(names: Sequence[str]) -> str:
    """Return what is wrong with the names of columns; empty if nothing is."""
    there_are = f"columns are {', '.join(COLUMNS)}"
    if "address" not in names:
        found = ", ".join(repr(name[:40]) for name in names[:_MOST_SHOWN] if name)
        return f"no column is called address: the first line holds {found}; {there_are}"
    if strange := next((name for name in names if name and name not in COLUMNS), None):
        return f"there is no column {strange[:40]!r}, and no line of this file is taken; {there_are}"
    twice = next((name for place, name in enumerate(names) if name and name in names[:place]), None)
    return f"two columns are called {twice}, and no line of this file is taken" if twice else ""


class _Maker:
    """Makes people of rows."""

    def __init__(self, shelves: frozenset[str], now: datetime) -> None:
        self._now = now
        self._seen: dict[str, int] = {}
        # A file names few choices many times.
        self._choice = lru_cache(maxsize=4096)(lambda text: _choice(json.loads(text), shelves))

    def person(self, number: int, row: Mapping[str, Any]) -> Person:
        """Return who a row is about.

        Raises:
            ValueError: nobody; the message says why.

        """
        if strange := next((name for name in row if name not in COLUMNS), None):
            msg = f"there is no column {str(strange)[:40]!r}; columns are {', '.join(COLUMNS)}"
            raise ValueError(msg)
        address = row.get("address")
        if not isinstance(address, str) or not address.strip():
            msg = "there is no address"
            raise ValueError(msg)
        who = recipient(address)
        choice = self._choice(json.dumps({name: row[name] for name in _CHOICES if row.get(name) is not None}, sort_keys=True))
        standing = row.get("standing")
        if standing is not None and standing not in [*Standing]:
            msg = f"{str(standing)[:40]!r} is no standing; there are {', '.join(Standing)}"
            raise ValueError(msg)
        moments = [self._moment(name, row.get(name)) for name in ("made", "confirmed", "ended")]
        if first := self._seen.get(who.canonical):
            msg = f"{who.address} stands in line {first} already"
            raise ValueError(msg)
        self._seen[who.canonical] = number
        return Person(number, who, choice, None if standing is None else Standing(standing), *moments)

    def _moment(self, name: str, value: object) -> datetime | None:
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(str(value)[:_LONGEST])
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            msg = f"{name}: {str(value)[:40]!r} is no instant (2026-11-20T06:00:00Z, say)"
            raise ValueError(msg) from None
        if moment > self._now:
            msg = f"{name}: {moment:%Y-%m-%d %H:%M} UTC has not come yet"
            raise ValueError(msg)
        return moment


def _choice(row: Mapping[str, Any], shelves: frozenset[str]) -> Choice:
    return choice_of({"shelves" if name == "topics" else name: value for name, value in row.items()}, shelves)


def _of_cell(name: str, cell: str) -> Any:  # noqa: ANN401 - what a choice takes, which looks at it
    """Return the value of a cell as JSON would hold it."""
    if name in _LISTS:
        cell = cell.replace(",", ";") if name in _SLUGS else cell
        return [_whole(_plain_cell(piece)) for piece in map(str.strip, _PIECE.findall(cell)) if piece]
    cell = cell.strip()
    if name in _NUMBERS and cell.isascii() and cell.isdecimal() and len(cell) < _LONGEST:
        return int(cell)
    if name == "sure" and cell.lower() in (*_YES, *_NO):
        return cell.lower() in _YES
    return cell


def _plain_cell(cell: str) -> str:
    """Return a cell without the apostrophe that kept it from being a formula."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] and cell[1:2] in f"{_ACTS}'" else cell


def _whole(piece: str) -> str:
    back = {written[1]: letter for letter, written in _ESCAPED.items()}
    return re.sub(r"\\(.)", lambda found: back.get(found[1], found[0]), piece, flags=re.DOTALL)


# -- out ---------------------------------------------------------------------------------------------------------------


def written(people: Iterable[Subscriber], form: str) -> Iterator[str]:
    """Yield the lines of a file in one of `FORMATS`, each with its end."""
    if form == "csv":
        yield _csv_line(COLUMNS)
    for person in people:
        row = row_of(person)
        if form == "csv":
            yield _csv_line([_cell(row.get(name, "")) for name in COLUMNS])
        else:
            yield f"{json.dumps(row, ensure_ascii=False)}\n"


def row_of(person: Subscriber) -> dict[str, Any]:
    """Return somebody as a file tells them: what is not the default."""
    moments = {"made": person.made, "confirmed": person.confirmed, "ended": person.ended}
    return {
        "address": person.address,
        "standing": person.standing.value,
        **{name: moment.isoformat().replace("+00:00", "Z") for name, moment in moments.items() if moment is not None},
        **{"topics" if name == "shelves" else name: value for name, value in choice_object(person.choice).items()},
    }


def _cell(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(_guarded("".join(_ESCAPED.get(letter, letter) for letter in one)) for one in value)
    return _guarded("yes" if value is True else str(value))


def _guarded(text: str) -> str:
    acts = text[:1] and (text[:1] in _ACTS or (text[:1] == "'" and text[1:2] and text[1:2] in f"{_ACTS}'"))
    return f"'{text}" if acts else text


def _csv_line(cells: Sequence[str]) -> str:
    line = _Line()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return "".join(line)


class _Line(list[str]):
    """What a writer writes to."""

    write = list.append
