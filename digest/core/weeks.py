"""Which dates a weekly letter tells, and when a letter is due: pure arithmetic over the calendar of announcements.

A week is that of ISO 8601, Monday to Sunday. It ends with its last announcement, Friday's as a rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from digest.core.announcements import Calendar, announcement_instant

_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
LATEST = timedelta(days=7)
"""So long after its announcement a date is news still, and people are written to about it."""
REACH = timedelta(days=14)
"""So long after a date was made a weekly letter tells it still: one of the week before that was made after its letter, say."""

GRACE = timedelta(hours=12)
"""A letter is sent at once if the hour at which its reader wants it was less than so long before the announcement."""


@dataclass(frozen=True, slots=True)
class Queued:
    """A mailing, as far as it counts for what a later one tells."""

    key: int
    """Higher than those of all mailings before."""
    date: date
    weekly: bool
    queued: datetime


def monday(day: date) -> date:
    """Return the first day of the week of *day*."""
    return day - day.weekday() * _DAY


def last_date(calendar: Calendar, day: date) -> date | None:
    """Return the last date with an announcement in the week of *day*; None for a week without any."""
    last = calendar.previous_date(monday(day) + _WEEK)
    return last if last >= monday(day) else None


def ends_week(calendar: Calendar, day: date) -> bool:
    """Say whether no later date of the week of *day* carries an announcement.

    Also one that the calendar knows nothing of ends its week, if arXiv announces on it after all.
    """
    last = last_date(calendar, day)
    return last is None or day >= last


def untold(queued: Sequence[Queued], until: date, now: datetime) -> list[Queued]:
    """Return the dates, up to *until*, that a weekly letter of *now* tells after all that was *queued*, the first date first.

    Each date is told by the first weekly letter that is queued after it and does not end before it: so none is told by two, and none is
    left out, in whatever order dates are made.
    """
    letters = [one for one in queued if one.weekly]
    found = [
        one
        for one in queued
        if not one.weekly
        and one.date <= until
        and now - one.queued <= REACH
        and not any(letter.key > one.key and letter.date >= one.date for letter in letters)
    ]
    return sorted(found, key=lambda one: one.date)


def is_news(day: date, now: datetime) -> bool:
    """Say whether *day* was announced by now, and not so long ago that nobody is written to about it any more."""
    return timedelta() <= now - announcement_instant(day) <= LATEST


def due(day: date, zone: str, hour: int, now: datetime) -> datetime:
    """Return from when on a letter about *day* may be sent to somebody who wants it at *hour* o'clock in *zone*, in UTC.

    It comes at that hour, or up to twelve hours later if the announcement comes later (`GRACE`): so who wants letters at six o'clock
    in Tokyo, where papers are announced at ten, has them at ten. *now* is returned if that has passed. An hour that is left out in
    spring is taken for the one after it. A zone that this machine does not know is taken for UTC.
    """
    earliest = announcement_instant(day) - GRACE
    try:
        local = ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        local = ZoneInfo("UTC")
    there = earliest.astimezone(local).date()
    moments = (_clock(there + days * _DAY, hour, local, fold) for days in range(3) for fold in (0, 1))
    return max(now.astimezone(UTC), next(moment for moment in moments if moment > earliest))


def _clock(day: date, hour: int, zone: ZoneInfo, fold: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=zone, fold=fold).astimezone(UTC)
