"""Which dates a weekly letter tells, and when letters are due."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.core import weeks
from digest.core.announcements import Calendar, announcement_instant

FRIDAY = date(2026, 11, 20)
THANKSGIVING = Calendar(frozenset({date(2026, 11, 25), date(2026, 11, 26)}))
"""No announcement carries the Thursday and the Friday of the last week of November."""
CLOSED = Calendar(frozenset(date(2026, 11, 15) + timedelta(days=number) for number in range(5)))
ZONES = ("UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Australia/Lord_Howe")


@pytest.mark.parametrize(
    ("calendar", "day", "last"),
    [
        (Calendar(), date(2026, 11, 16), FRIDAY),
        (Calendar(), date(2026, 11, 22), FRIDAY),
        (THANKSGIVING, date(2026, 11, 23), date(2026, 11, 25)),
        (CLOSED, date(2026, 11, 18), None),
    ],
)
def test_the_last_date_of_a_week(calendar: Calendar, day: date, last: date | None) -> None:
    """It is the last one that carries an announcement; a week without any has none."""
    assert weeks.last_date(calendar, day) == last


def test_what_ends_a_week() -> None:
    """Its last date, by the calendar or after it."""
    assert [day for day in range(16, 21) if weeks.ends_week(Calendar(), date(2026, 11, day))] == [20]
    assert [day for day in range(23, 28) if weeks.ends_week(THANKSGIVING, date(2026, 11, day))] == [25, 26, 27]


def test_what_a_week_tells() -> None:
    """All that was made before its letter, and that no letter told before; nothing that was made two weeks before."""
    day = timedelta(days=1)

    def queued(*rows: tuple[int, bool]) -> list[weeks.Queued]:
        """Return mailings of November in that order, of which some are weekly, each made on its day."""
        return [
            weeks.Queued(key, date(2026, 11, number), weekly, announcement_instant(date(2026, 11, number)))
            for key, (number, weekly) in enumerate(rows)
        ]

    def told(rows: list[weeks.Queued], until: int, later: int = 0) -> list[int]:
        """Return the days that a letter tells."""
        now = announcement_instant(date(2026, 11, until)) + later * day
        return [one.date.day for one in weeks.untold(rows, date(2026, 11, until), now)]

    late = queued((16, False), (18, False), (20, False), (20, True), (17, False), (23, False), (27, False))
    assert told(late[:3], 20) == [16, 18, 20]
    assert told(late, 27) == [17, 23, 27]
    assert told(late, 20) == [17]
    assert told(queued((18, False), (23, False), (20, True), (27, False)), 27) == [23, 27]
    assert told(queued((18, False), (20, False)), 20, 13) == [20]


def test_what_is_news() -> None:
    """From the announcement on, for a week."""
    announced = announcement_instant(FRIDAY)

    assert [weeks.is_news(FRIDAY, announced + timedelta(hours=hours)) for hours in (-1, 0, 168, 169)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("zone", "hour", "due"),
    [
        ("UTC", 6, "2026-11-20T06:00Z"),
        ("UTC", 1, "2026-11-20T01:00Z"),
        ("UTC", 0, "2026-11-20T01:00Z"),
        ("UTC", 14, "2026-11-20T01:00Z"),
        ("UTC", 13, "2026-11-20T13:00Z"),
        ("Europe/Berlin", 6, "2026-11-20T05:00Z"),
        ("America/New_York", 6, "2026-11-20T11:00Z"),
        ("America/Los_Angeles", 18, "2026-11-20T02:00Z"),
        ("America/Los_Angeles", 6, "2026-11-20T01:00Z"),
        ("Asia/Tokyo", 6, "2026-11-20T01:00Z"),
        ("Asia/Kolkata", 7, "2026-11-20T01:30Z"),
        ("Nowhere/Atlantis", 6, "2026-11-20T06:00Z"),
    ],
)
def test_when_a_letter_is_due(zone: str, hour: int, due: str) -> None:
    """It is at the hour that was chosen, or at once if that was less than twelve hours before the announcement."""
    assert weeks.due(FRIDAY, zone, hour, announcement_instant(FRIDAY)) == datetime.fromisoformat(due)


def test_late_letters_are_due_now() -> None:
    """An edition that is made after the hour is told at once."""
    now = datetime(2026, 11, 20, 15, tzinfo=UTC)

    assert weeks.due(FRIDAY, "Europe/Berlin", 6, now) == now


@given(st.dates(date(2020, 1, 1), date(2035, 1, 1)), st.sampled_from(ZONES), st.integers(0, 23))
@settings(max_examples=150, deadline=None)
def test_a_letter_comes_at_its_hour(day: date, zone: str, hour: int) -> None:
    """Whatever the clocks do, it comes at once or within 13 hours, at that hour or, where that is left out, the next."""
    announced = announcement_instant(day)
    due = weeks.due(day, zone, hour, announced)

    assert timedelta() <= due - announced <= timedelta(hours=13)
    local = due.astimezone(ZoneInfo(zone))
    if due > announced:
        before = (due - timedelta(hours=2)).astimezone(ZoneInfo(zone))
        assert local.hour == hour or local.utcoffset() != before.utcoffset()
    else:
        ago = [(due - timedelta(minutes=30 * half)).astimezone(ZoneInfo(zone)).hour for half in range(25)]
        assert hour in ago or hour - 1 in ago
