"""What the store tells of the program itself: its last run, and which edition of each date there is."""

import os
from datetime import date, datetime
from pathlib import Path
from typing import Any

from digest import heartbeat
from digest.core.subscription import Handling
from digest.files import host
from digest.store import editions, outbox, runs
from digest.store.database import Database
from digest.store.runs import Run

_TOLD = 5


def last_run(database: Database, category: str) -> dict[str, Any] | None:
    """Return the last run of a category as what JSON can hold; None if there was none.

    Its ``state`` is ``done``, ``failed``, ``running``, ``killed``, or ``unknown``: another machine began it, and did not end it.
    """
    with database.read() as connection:
        found = next(iter(runs.last(connection, category)), None)
    if found is None:
        return None
    return {
        "command": found.command,
        "state": _state(found),
        "began": found.began.isoformat(),
        "ended": found.ended.isoformat() if found.ended else None,
        "date": str(found.date) if found.date else None,
        "edition": found.edition,
        "status": found.status,
        "message": found.message,
        "host": found.host,
        "pid": found.pid,
    }


def run_line(run: dict[str, Any]) -> str:
    """Return what `last_run` found as one plain line."""
    began = datetime.fromisoformat(run["began"])
    what = f"{run['command']} of {run['date']}" if run["date"] else run["command"]
    how = {
        "done": f"done, edition {run['edition']}" if run["edition"] else "done",
        "failed": f"failed: {run['message']}",
        "running": f"going on, process {run['pid']}",
        "killed": "broken off; the next run finishes it",
        "unknown": f"not ended, on {run['host']}",
    }
    return f"last run: {began:%Y-%m-%d %H:%M} UTC, {what}: {how[run['state']]}"


def daemon(data: Path, category: str, now: datetime) -> dict[str, Any] | None:
    """Return what the daemon of a category said last as what JSON can hold; None if there is none, or it is another category's."""
    beat = heartbeat.read(data, category)
    if beat is None or beat.category != category:
        return None
    return {
        "role": beat.role,
        "alive": beat.fresh(now),
        "host": beat.host,
        "pid": beat.pid,
        "at": beat.at.isoformat(),
        "last_look": beat.last_run.isoformat() if beat.last_run else None,
        "next_look": beat.next_poll.isoformat() if beat.next_poll else None,
        "open": [{"date": str(day), "why": why} for day, why in beat.open],
    }


def daemon_line(found: dict[str, Any]) -> str:
    """Return what `daemon` found as one plain line."""
    who = f"daemon: process {found['pid']} on {found['host']}"
    if found["role"] == heartbeat.STOPPED:
        return f"{who}, ended {_minute(found['at'])}"
    if not found["alive"]:
        return f"{who}, silent since {_minute(found['at'])}"
    said = [who, "leads" if found["role"] == heartbeat.LEADER else "stands by"]
    said += [f"{name} look {_minute(found[key])}" for name, key in (("last", "last_look"), ("next", "next_look")) if found[key]]
    if waiting := [one["date"] for one in found["open"]]:
        said.append(f"open: {', '.join(waiting[:_TOLD])}{', ...' if waiting[_TOLD:] else ''}")
    return ", ".join(said)


def _minute(moment: str) -> str:
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M} UTC"


def queue(database: Database, category: str) -> dict[str, Any]:
    """Return how many letters, and messages to web-hooks, are still to be handed over, as what JSON can hold."""
    with database.read() as connection:
        counts = outbox.counts(connection, Handling.NEW, Handling.DEFERRED, Handling.UNCERTAIN, category=category)
        due = outbox.next_due(connection, category=category)
    return {
        "waiting": counts[Handling.NEW],
        "put_off": counts[Handling.DEFERRED],
        "uncertain": counts[Handling.UNCERTAIN],
        "due": due.isoformat() if due else None,
    }


def queue_line(found: dict[str, Any], now: datetime) -> str:
    """Return what `queue` found as one plain line."""
    said = f"letters: {found['waiting']} wait, {found['put_off']} put off, {found['uncertain']} uncertain"
    if not found["due"]:
        return said
    when = "now" if datetime.fromisoformat(found["due"]) <= now else _minute(found["due"])
    return f"{said}; the next is due {when}"


def edition_numbers(database: Database, category: str, first: date, last: date) -> dict[date, int]:
    """Return the number of the last edition of each date that has one."""
    with database.read() as connection:
        return editions.numbers(connection, category, first, last)


def _state(run: Run) -> str:
    if run.ended is not None:
        return "failed" if run.status else "done"
    if run.host != host():
        return "unknown"
    return "running" if _lives(run.pid) else "killed"


def _lives(pid: int) -> bool:
    """Say whether a process of this machine is there; this one, which has begun nothing, is not the one that is meant."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
