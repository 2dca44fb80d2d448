"""What readers corrected, on all machines that share the database.

People edit a file (`digest.corrections`); what counts is the table. The database remembers what each file said when it was
looked at last, so that it is known what has been changed in it since.
"""

import json
from collections.abc import Sequence
from datetime import date

import sqlalchemy as sa

from digest.corrections import Correction
from digest.store import runs
from digest.store.schema import corrections

_SEEN = "corrections of "


def in_force(connection: sa.Connection) -> list[Correction]:
    """Return the corrections that count, those without a date first, then the oldest."""
    chosen = sa.select(corrections).where(~corrections.c.withdrawn).order_by(corrections.c.made, corrections.c.arxiv_id)
    rows = [_correction(row) for row in connection.execute(chosen)]
    return sorted(rows, key=lambda kept: kept.made or date.min)  # where those without a date stand differs from database to database


def is_taken_over(connection: sa.Connection, file: str, listed: Sequence[Correction]) -> bool:
    """Say whether the file of that name says what it said when it was taken over last."""
    seen = _seen(connection, file)
    return {kept.id: str(kept) for kept in listed} == {name: line for name, line in seen.items() if line}


def take_over(connection: sa.Connection, file: str, listed: Sequence[Correction]) -> list[Correction]:
    """Follow what has been changed in a file since it was taken over last; return the lines that newer ones of others outdo.

    A new line counts unless somebody else has corrected the paper since; one without a date never outdoes somebody else's.
    A line that is gone is withdrawn, unless somebody else has corrected the paper since.
    """
    seen = _seen(connection, file)
    rows = {row.arxiv_id: row for row in connection.execute(sa.select(corrections))}
    outdone = []
    for kept in listed:
        row = rows.get(kept.id)
        if seen.get(kept.id) == str(kept) or (row is not None and not row.withdrawn and _correction(row) == kept):
            continue
        if row is None or _left_by(row, seen) or (kept.made is not None and (row.made is None or kept.made >= row.made)):
            _write(connection, kept, withdrawn=False)
        else:
            outdone.append(kept)
    now = {kept.id: str(kept) for kept in listed}
    for name in seen.keys() - now.keys():
        row = rows.get(name)
        if row is not None and _left_by(row, seen):
            _write(connection, _correction(row), withdrawn=True)
            now[name] = ""
    runs.note_fact(connection, _SEEN + file, json.dumps(now, sort_keys=True))
    return outdone


def withdraw(connection: sa.Connection, file: str, paper: str, today: date) -> bool:
    """Let the correction of a paper count no more, whoever made it; return whether there was one."""
    row = connection.execute(sa.select(corrections).where(corrections.c.arxiv_id == paper)).first()
    if row is None or row.withdrawn:
        return False
    _write(connection, Correction(paper, row.topic, row.subtopic, today), withdrawn=True)
    runs.note_fact(connection, _SEEN + file, json.dumps({**_seen(connection, file), paper: ""}, sort_keys=True))
    return True


def _seen(connection: sa.Connection, file: str) -> dict[str, str]:
    """Return the line of each paper in a file when it was taken over last; an empty one for what was withdrawn through it."""
    found: dict[str, str] = json.loads(runs.fact(connection, _SEEN + file) or "{}")
    return found


def _left_by(row: sa.Row[tuple[object, ...]], seen: dict[str, str]) -> bool:
    """Say whether a row is as the file has left it: nobody else has changed it since."""
    return row.arxiv_id in seen and seen[row.arxiv_id] == ("" if row.withdrawn else str(_correction(row)))


def _correction(row: sa.Row[tuple[object, ...]]) -> Correction:
    return Correction(row.arxiv_id, row.topic, row.subtopic, row.made)


def _write(connection: sa.Connection, kept: Correction, *, withdrawn: bool) -> None:
    connection.execute(sa.delete(corrections).where(corrections.c.arxiv_id == kept.id))
    values = {"arxiv_id": kept.id, "topic": kept.topic, "subtopic": kept.subtopic, "made": kept.made, "withdrawn": withdrawn}
    connection.execute(sa.insert(corrections).values(values))
