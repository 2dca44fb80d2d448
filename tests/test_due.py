"""Which dates are due: worked out from what is known of each, never from a trigger."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import polling, publish, resources
from digest.core.announcements import announcement_instant
from digest.core.domain import State
from digest.core.due import Standing, agenda, horizon
from digest.days import Days
from digest.ledger import Note
from digest.store import days as store_days
from digest.store.database import in_memory

CALENDAR = resources.calendar()
FRIDAY = date(2026, 11, 20)
ANNOUNCED = announcement_instant(FRIDAY)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def due(*standings: Standing, at: datetime) -> tuple[date, ...]:
    """Return what is due."""
    return agenda(standings, CALENDAR, at, 0).due


def test_a_date_is_due_from_its_announcement_on() -> None:
    """At 20:00 in Ithaca, the evening before, and not a second earlier."""
    assert datetime(2026, 11, 20, 1, tzinfo=UTC) == ANNOUNCED
    assert due(Standing(FRIDAY), at=ANNOUNCED - timedelta(seconds=1)) == ()
    assert due(Standing(FRIDAY), at=ANNOUNCED) == (FRIDAY,)


@pytest.mark.parametrize("day", [date(2026, 11, 21), date(2026, 11, 22), date(2026, 11, 27), date(1991, 8, 13)])
def test_dates_without_an_announcement_are_never_due(day: date) -> None:
    """Weekends, arXiv's holidays, and what is before its first announcement."""
    assert due(Standing(day), at=announcement_instant(day) + 30 * DAY) == ()


@pytest.mark.parametrize(
    ("tried", "published", "pause"),
    [
        (timedelta(), False, 5 * MINUTE),
        (30 * MINUTE, False, 5 * MINUTE),
        (HOUR, False, 10 * MINUTE),
        (12 * HOUR, False, 2 * HOUR),
        (10 * DAY, False, 6 * HOUR),
        (timedelta(), True, HOUR),
        (12 * HOUR, True, 2 * HOUR),
        (10 * DAY, True, DAY),
        (-3 * DAY, False, 5 * MINUTE),
    ],
)
def test_the_back_off(tried: timedelta, *, published: bool, pause: timedelta) -> None:
    """After an attempt one waits a sixth of the age of the announcement, within bounds; the next look is set to that."""
    standing = Standing(FRIDAY, published, ANNOUNCED + tried)
    moment = max(ANNOUNCED, ANNOUNCED + tried + pause)
    before = moment - timedelta(seconds=1)

    assert (due(standing, at=before), due(standing, at=moment)) == ((), (FRIDAY,))
    if before >= ANNOUNCED:
        found = agenda([standing], CALENDAR, before, 0)
        assert found.waiting == ((FRIDAY, moment),)
        assert found.next_look == min(moment, CALENDAR.following(before).announced)
        jittered = agenda([standing], CALENDAR, before, 1).next_look
        assert moment < jittered <= moment + pause / 10 or jittered == CALENDAR.following(before).announced + MINUTE / 2


def test_an_attempt_in_the_future_says_nothing() -> None:
    """A clock gone wrong has noted it: it neither holds a date up, nor is it asked for twice because of a second's correction."""
    now = ANNOUNCED + DAY

    assert due(Standing(FRIDAY, tried=now + 365 * DAY), at=now) == (FRIDAY,)
    assert due(Standing(FRIDAY, tried=now + timedelta(seconds=2)), at=now) == ()


def test_not_worth_asking_before() -> None:
    """A date that says when it is worth asking again waits until then."""
    standing = Standing(FRIDAY, published=True, tried=ANNOUNCED, not_before=ANNOUNCED + 90 * MINUTE)

    assert agenda([standing], CALENDAR, ANNOUNCED + HOUR, 0).next_look == ANNOUNCED + 90 * MINUTE


@pytest.mark.parametrize(
    ("first", "newest", "expected"),
    [
        (None, FRIDAY, FRIDAY),
        (FRIDAY - 20 * DAY, FRIDAY, FRIDAY - 20 * DAY),
        (date(1999, 1, 4), FRIDAY, FRIDAY - 365 * DAY),
        (FRIDAY + 365 * DAY, FRIDAY, FRIDAY),
    ],
)
def test_the_first_date_that_is_looked_at(first: date | None, newest: date, expected: date) -> None:
    """The first one known, a year back at most; of a new store the newest, and nothing that a clock gone wrong has noted."""
    assert horizon(first, newest) == expected


@given(
    at=st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
    ages=st.lists(st.tuples(st.integers(-5, 400), st.booleans(), st.none() | st.integers(-10_000, 600_000)), max_size=8),
    share=st.floats(0, 1),
)
def test_what_holds_always(at: datetime, ages: list[tuple[int, bool, int | None]], share: float) -> None:
    """Each date is due, or waits, or is not there yet; the next look lies ahead, before the next announcement has been out for long."""
    days = sorted({at.date() - age * DAY: (published, tried) for age, published, tried in ages}.items())
    standings = [Standing(day, published, None if tried is None else at - tried * MINUTE) for day, (published, tried) in days]
    found = agenda(standings, CALENDAR, at, share)
    waiting = [day for day, _ in found.waiting]

    assert list(found.due) == sorted(found.due)
    assert not set(found.due) & set(waiting)
    assert all(announcement_instant(day) <= at and not CALENDAR.closure(day) for day in (*found.due, *waiting))
    assert at < found.next_look <= CALENDAR.following(at).announced + MINUTE


def test_what_is_known_of_real_dates(tmp_path: Path) -> None:
    """Notes become standings: only what is not settled, from the first date that is watched on, without weekends; and why it is open."""
    database = in_memory()
    days = Days("cs.CV", tmp_path / "out", database, CALENDAR, pytest.fail)
    now = datetime(2026, 11, 20, 6, tzinfo=UTC)
    assert polling.known(days, now).open == [Standing(FRIDAY, why="not asked for yet")]

    made = publish.page_path(tmp_path / "out", date(2026, 11, 17), "cs.CV")
    made.parent.mkdir(parents=True)
    made.touch()
    notes = (
        Note("cs.CV", date(2026, 11, 12), State.FAILED, "a new layout", at=now - DAY, attempts=1),
        Note("cs.CV", date(2026, 11, 13), State.NONE, service="catchup", attempts=1),
        Note("cs.CV", date(2026, 11, 17), State.PUBLISHED, provisional=True, at=now, attempts=1, asked_again_after=now),
    )
    with database.write() as connection:
        for note in notes:
            store_days.write(connection, note)
    days.watch_from(date(2026, 11, 12))
    found = polling.known(days, now)

    assert found.first == date(2026, 11, 12)
    assert [(one.date.day, one.published, one.tried, one.why) for one in found.open] == [
        (12, False, now - DAY, "a new layout"),
        (16, False, None, "not asked for yet"),
        (17, True, now, "provisional"),
        (18, False, None, "not asked for yet"),
        (19, False, None, "not asked for yet"),
        (20, False, None, "not asked for yet"),
    ]
    assert polling.known(days, datetime(1970, 1, 1, tzinfo=UTC)).open == ()


def test_no_date_is_left_out_silently(tmp_path: Path) -> None:
    """Who slept for more than a year is told which dates are too old; those that are settled are let go without a word."""
    days = Days("cs.CV", tmp_path, in_memory(), CALENDAR, pytest.fail)
    now = datetime(2026, 11, 20, 6, tzinfo=UTC)
    days.watch_from(date(2025, 11, 17))
    found = polling.known(days, now)

    assert (found.first, found.left_out) == (date(2025, 11, 20), (date(2025, 11, 17), date(2025, 11, 18), date(2025, 11, 19)))
    assert "3 dates from 2025-11-17 to 2025-11-19 are not made" in polling.told_of(found.left_out)
    with days.database.write() as connection:
        for day in found.left_out:
            store_days.write(connection, Note("cs.CV", day, State.NONE, attempts=1))
    assert polling.known(days, now).left_out == ()
    assert days.watched_since(FRIDAY) == date(2025, 11, 20)


def test_an_old_date_of_the_users_is_not_where_the_schedule_begins(tmp_path: Path) -> None:
    """One that was made long ago, or by a clock gone wrong, adds no date to the list; nor does one that lies ahead."""
    days = Days("cs.CV", tmp_path, in_memory(), CALENDAR, pytest.fail)
    with days.database.write() as connection:
        store_days.write(connection, Note("cs.CV", date(2026, 3, 2), State.NONE, attempts=1))
    days.watch_from(FRIDAY + 365 * DAY)

    assert (days.watched_since(FRIDAY), days.watched_since(FRIDAY + 5 * DAY)) == (FRIDAY, FRIDAY)
