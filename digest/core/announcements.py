"""When arXiv announces: pure arithmetic over dates and instants.

The rule, as arXiv's pages "Availability of submissions" and "arXiv operating hours" give it: papers are announced from
Sunday to Thursday at 20:00 in Ithaca (America/New_York), and each announcement holds what was submitted up to that day's
freeze at 14:00 (on a Sunday: the freeze of the Friday before). The date that arXiv prints is the day *after* the
announcement, so that it is always a Monday to Friday. On arXiv's holidays there is no announcement; a holiday on a Friday
takes away the one of the Sunday after it. Until the end of 2016 the freeze was at 16:00.

The rule is a hint about what to expect. arXiv defers announcements without notice, and then its own pages decide.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from digest.errors import DigestError


class _Unknown(tzinfo):
    """A time zone that this machine knows nothing of: whoever needs it is told so."""

    def utcoffset(self, _moment: datetime | None) -> timedelta:
        msg = "this machine has no data about the time zone America/New_York, by which arXiv announces"
        raise DigestError(msg, advice="python -m pip install tzdata")

    dst = tzname = utcoffset  # type: ignore[assignment]


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:
        return _Unknown()


ITHACA = _zone("America/New_York")
FIRST_DATE = date(1991, 8, 14)
"""No announcement is older than arXiv itself."""

_ANNOUNCED_AT = time(20)
_FREEZE, _OLD_FREEZE = time(14), time(16)
_FREEZE_CHANGED = date(2017, 1, 2)
PUBLISHING = timedelta(minutes=90)
"""How long arXiv takes to put out an announcement (the allowance in arXiv's own program)."""
_SATURDAY, _SUNDAY = 5, 6
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """When an announcement comes out and which submissions it holds, as moments in UTC."""

    date: date
    announced: datetime
    start: datetime
    """Submissions at or after this instant ..."""
    end: datetime
    """... and before this one."""

    @property
    def settled(self) -> datetime:
        """From when on the pages of this date are complete: publishing takes up to an hour and a half."""
        return self.announced + PUBLISHING


@dataclass(frozen=True, slots=True)
class Calendar:
    """The rule, with the evenings on which arXiv is known not to announce."""

    skipped: frozenset[date] = frozenset()
    """The evenings (dates in Ithaca, Sunday to Thursday) without an announcement."""
    complete_from: date = FIRST_DATE
    """From when on all of these are known."""

    def closure(self, day: date) -> str:
        """Return why no announcement carries the date *day*: ``weekend``, ``holiday``, or an empty string if one does."""
        if day.weekday() >= _SATURDAY:
            return "weekend"
        return "holiday" if day - _DAY in self.skipped else ""

    def window(self, day: date) -> Window:
        """Return the announcement that carries the date *day*.

        Raises:
            ValueError: no announcement carries that date.

        """
        if closure := self.closure(day):
            msg = f"{day}: no announcement ({closure})"
            raise ValueError(msg)
        evening = day - _DAY
        before = next(self._dates(day - _DAY, -1)) - _DAY
        return Window(day, announcement_instant(day), _freeze(before), _freeze(evening))

    def newest(self, now: datetime) -> date:
        """Return the date of the newest announcement that is out at the instant *now*."""
        return next(day for day in self._dates(_tomorrow(now), -1) if announcement_instant(day) <= now)

    def following(self, now: datetime) -> Window:
        """Return the first announcement that is not out yet at the instant *now*."""
        first = _tomorrow(now) - _DAY
        return self.window(next(day for day in self._dates(first, 1) if announcement_instant(day) > now))

    def previous_date(self, day: date) -> date:
        """Return the last date before *day* that has an announcement."""
        return next(self._dates(day - _DAY, -1))

    def next_date(self, day: date) -> date:
        """Return the first date after *day* that has an announcement."""
        return next(self._dates(day + _DAY, 1))

    def _dates(self, day: date, step: int) -> Iterator[date]:
        """Yield the dates with an announcement from *day* on, forwards or backwards."""
        while True:
            if not self.closure(day):
                yield day
            day += step * _DAY


def announcement_instant(day: date) -> datetime:
    """Return when an announcement that carries the date *day* comes out, if there is one: the evening before at 20:00."""
    return _instant(day - _DAY, _ANNOUNCED_AT)


def _tomorrow(now: datetime) -> date:
    """Return the latest date that an announcement made up to *now* can carry."""
    return now.astimezone(ITHACA).date() + _DAY


def _instant(day: date, at: time) -> datetime:
    return datetime.combine(day, at, ITHACA).astimezone(UTC)


def _freeze(evening: date) -> datetime:
    """Return the instant at which the announcement of *evening* was closed to submissions."""
    day = evening - 2 * _DAY if evening.weekday() == _SUNDAY else evening
    return _instant(day, _FREEZE if day >= _FREEZE_CHANGED else _OLD_FREEZE)
