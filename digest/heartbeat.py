"""A sign of life of each category's daemon: what it did last, what it does next and what is open, in a small file of the data folder.

It is written whole. One that is not there, cannot be read or is not of this program's making is none.
"""

import json
import os
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from digest import __version__, files
from digest.files import write_whole

FILES = "heartbeat-*.json"
"""Those of all categories, in the data folder."""
EVERY = 30.0
"""Seconds between two of them."""
FORMAT = 1
LEADER, STANDBY, STOPPED = "leader", "standby", "stopped"
_FRESH = timedelta(seconds=4 * EVERY)
_LARGEST = 2**20
_MOST = 100
"""Open dates that are told."""
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One sign of life."""

    category: str
    role: str
    """``leader``, ``standby``, or ``stopped`` for one that ended in good order."""
    at: datetime
    last_run: datetime | None = None
    """When the last look began."""
    next_poll: datetime | None = None
    open: tuple[tuple[date, str], ...] = ()
    """The dates that are announced and not settled, and why."""
    pid: int = field(default_factory=os.getpid)
    host: str = field(default_factory=files.host)
    version: str = __version__

    def fresh(self, now: datetime) -> bool:
        """Say whether whoever gave it is alive, as far as it tells."""
        return abs(now - self.at) <= _FRESH

    def ours(self) -> bool:
        """Say whether this process gave it."""
        return (self.pid, self.host) == (os.getpid(), files.host())


def file(data: Path, category: str) -> Path:
    """Return where the sign of life of a category's daemon lies."""
    return data / FILES.replace("*", category)


def write(data: Path, beat: Heartbeat) -> None:
    """Leave a sign of life in the folder *data*. A standby does not write over a leader's that is fresh.

    Raises:
        OSError: it cannot be written.

    """
    if beat.role != LEADER:
        other = read(data, beat.category)
        if other is not None and not other.ours() and other.role == LEADER and other.fresh(beat.at):
            return
    facts = {
        "format": FORMAT,
        "pid": beat.pid,
        "host": beat.host,
        "role": beat.role,
        "version": beat.version,
        "category": beat.category,
        "at": beat.at.isoformat(),
        "last_run": beat.last_run.isoformat() if beat.last_run else None,
        "next_poll": beat.next_poll.isoformat() if beat.next_poll else None,
        "open": [{"date": str(day), "why": why[:_LONGEST]} for day, why in beat.open[:_MOST]],
    }
    write_whole(file(data, beat.category), (json.dumps(facts, ensure_ascii=False, indent=1) + "\n").encode(errors="replace"))


def read(data: Path, category: str) -> Heartbeat | None:
    """Return the last sign of life of a category's daemon in the folder *data*; None if there is none that can be understood."""
    try:
        with file(data, category).open("rb") as opened:
            facts = json.loads(opened.read(_LARGEST))
        if facts["format"] != FORMAT or facts["role"] not in (LEADER, STANDBY, STOPPED):
            return None
        at = _moment(facts["at"])
        if at is None or type(facts["pid"]) is not int:
            return None
        return Heartbeat(
            str(facts["category"]),
            facts["role"],
            at,
            _moment(facts["last_run"]),
            _moment(facts["next_poll"]),
            tuple((date.fromisoformat(one["date"]), str(one["why"])) for one in facts["open"]),
            facts["pid"],
            str(facts["host"]),
            str(facts["version"]),
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _moment(text: Any) -> datetime | None:  # noqa: ANN401 - whatever JSON holds
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        msg = "a moment without a time zone"
        raise ValueError(msg)
    return moment
