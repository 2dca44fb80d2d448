"""Which dates are to be asked for at an instant, and when to look again: pure arithmetic over what is known of each date.

A date is due if it is announced, not settled, and its own back-off is over. After an attempt the next one comes after a sixth
of the time since the announcement, at least five minutes and at most six hours: while arXiv publishes, one asks often, and for
what is old seldom. A date whose page is there already, but not all of it for certain, is asked for less often.
No trigger decides which day it is; a look that comes late, twice or not at all does no harm.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from digest.core.announcements import FIRST_DATE, Calendar, announcement_instant

SOONEST = timedelta(minutes=5)
"""No date is asked for again sooner after an attempt."""
_LATEST = timedelta(hours=6)
_PUBLISHED_SOONEST, _PUBLISHED_LATEST = timedelta(hours=1), timedelta(hours=24)
_PART = 6
_JITTER = 0.1
_SLACK = timedelta(minutes=10)
"""A clock may be corrected by so much without being taken for wrong."""
_REACH = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the clock has to know of a date that is not settled."""

    date: date
    published: bool = False
    """Whether its page is there."""
    tried: datetime | None = None
    """When it was asked for last."""
    not_before: datetime | None = None
    """Before this moment it is not worth asking, if that is known."""
    why: str = ""
    """Why it is not settled."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the dates of a category."""

    first: date
    """The first date that is looked at."""
    open: Sequence[Standing]
    """Those from there on about which something is left to be asked, the oldest first."""
    left_out: tuple[date, ...] = ()
    """Those before it that are not settled either, and are too old to be looked at."""


@dataclass(frozen=True, slots=True)
class Agenda:
    """What is to be done at an instant."""

    due: tuple[date, ...]
    """The dates to be asked for now, the oldest first."""
    waiting: tuple[tuple[date, datetime], ...]
    """The announced dates whose back-off is not over, and when it is, the oldest first."""
    next_look: datetime
    """When to look again, if what is due now has been asked for by then."""


def horizon(first_known: date | None, newest: date) -> date:
    """Return the first date that is looked at: the first one known, but no more than a year back; of a new store the newest."""
    return max(min(first_known or newest, newest), newest - _REACH)


def agenda(standings: Iterable[Standing], calendar: Calendar, now: datetime, share: float) -> Agenda:
    """Return what is to be done at *now* about dates that are not settled, of which the oldest comes first.

    *share*, from 0 to 1, is how much of the jitter the next look gets, so that many installations do not ask at the same second.
    """
    due, waiting = list[date](), list[tuple[date, datetime]]()
    next_look = calendar.following(now).announced + share * _JITTER * SOONEST
    for standing in announced(standings, calendar, now):
        instant = announcement_instant(standing.date)
        pause = timedelta() if standing.tried is None else _pause(standing.tried - instant, published=standing.published)
        moment = _next_try(standing, instant, pause, now)
        if moment <= now:
            due.append(standing.date)
        else:
            waiting.append((standing.date, moment))
            next_look = min(next_look, moment + share * _JITTER * max(pause, SOONEST))
    return Agenda(tuple(due), tuple(waiting), next_look)


def announced(standings: Iterable[Standing], calendar: Calendar, now: datetime) -> list[Standing]:
    """Return those that are announced by now, as far as the calendar can tell."""
    out = (one for one in standings if one.date >= FIRST_DATE and announcement_instant(one.date) <= now)
    return [one for one in out if not calendar.closure(one.date)]


def _pause(age: timedelta, *, published: bool) -> timedelta:
    """Return how long to wait after an attempt that was made so long after the announcement."""
    soonest, latest = (_PUBLISHED_SOONEST, _PUBLISHED_LATEST) if published else (SOONEST, _LATEST)
    return min(max(age / _PART, soonest), latest)


def _next_try(standing: Standing, announced: datetime, pause: timedelta, now: datetime) -> datetime:
    moment = max(announced, standing.not_before or announced)
    # An attempt that lies ahead was noted by a clock gone wrong, and says nothing.
    if standing.tried is not None and standing.tried <= now + _SLACK:
        moment = max(moment, standing.tried + pause)
    return moment
