"""When arXiv announces, worked out once more: without the program's calendar, and without anybody's data about time zones.

In Ithaca it is summer from the second Sunday of March to the first Sunday of November, at two in the morning (Energy Policy Act
of 2005, in force since 2007). 20:00 there is 00:00 UTC of the next day in summer, and 01:00 in winter.
"""

import tomllib
from datetime import UTC, date, datetime, timedelta

from digest import resources

DAY = timedelta(days=1)
SKIPPED: frozenset[date] = frozenset(tomllib.loads((resources.folder("models") / "holidays.toml").read_text("utf-8"))["skipped"])
"""The evenings without an announcement."""


def sunday(year: int, month: int, number: int) -> date:
    """Return the first, second, ... Sunday of a month."""
    first = date(year, month, 1)
    return first + DAY * ((6 - first.weekday()) + 7 * (number - 1))


def summer(evening: date) -> bool:
    """Say whether it is summer in Ithaca on an evening from 2007 on."""
    return sunday(evening.year, 3, 2) <= evening < sunday(evening.year, 11, 1)


def announced(day: date) -> datetime:
    """Return when the announcement that carries a date comes out, if there is one."""
    return datetime(day.year, day.month, day.day, 0 if summer(day - DAY) else 1, tzinfo=UTC)


def carried(day: date) -> bool:
    """Say whether an announcement carries a date."""
    return day.weekday() < 5 and day - DAY not in SKIPPED


def dates(first: date, last: date) -> list[date]:
    """Return the dates that an announcement carries between two, both included."""
    return [day for day in map(date.fromordinal, range(first.toordinal(), last.toordinal() + 1)) if carried(day)]
