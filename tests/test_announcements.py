"""When arXiv announces: 35 known announcements, and laws for all the others."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import resources
from digest.core.announcements import Calendar
from tests.reference import shared

CALENDAR = resources.calendar()
MOMENTS = st.datetimes(datetime(1995, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - bounds of the strategy
DATES = st.dates(date(1995, 1, 1), date(2037, 12, 31))


def moment(text: str) -> datetime:
    """Return an instant written as 2026-11-20T01:00Z."""
    return datetime.fromisoformat(text)


def test_known_announcements() -> None:
    """Instant and window of every announcement that is known from arXiv's own words come out to the second."""
    vectors = json.loads((shared() / "arxiv" / "schedule_vectors.json").read_text("utf-8"))["vectors"]
    assert len(vectors) == 35
    for vector in vectors:
        window = CALENDAR.window(date.fromisoformat(vector["D"]))

        expected = (moment(vector["announced"]), moment(vector["start"]), moment(vector["end"]))
        assert expected == (window.announced, window.start, window.end), vector


@pytest.mark.parametrize(
    ("day", "start", "end"),
    [
        ("2020-04-02", "2020-03-31T18:00Z", "2020-04-01T18:00Z"),  # summer time
        ("2026-11-20", "2026-11-18T19:00Z", "2026-11-19T19:00Z"),  # winter time
        ("2026-11-23", "2026-11-19T19:00Z", "2026-11-20T19:00Z"),  # a Monday holds Thursday's and Friday's papers
        ("2023-03-13", "2023-03-09T19:00Z", "2023-03-10T19:00Z"),  # the clocks went forward on the Sunday before
        ("2016-11-28", "2016-11-23T21:00Z", "2016-11-25T21:00Z"),  # the freeze was at 16:00, and Thanksgiving on Thursday
    ],
)
def test_windows(day: str, start: str, end: str) -> None:
    """A date holds what was submitted between two freezes."""
    window = CALENDAR.window(date.fromisoformat(day))

    assert (moment(start), moment(end)) == (window.start, window.end)


@pytest.mark.parametrize(
    ("now", "newest", "following"),
    [
        ("2026-11-20T00:59Z", "2026-11-19", "2026-11-20"),
        ("2026-11-20T01:00Z", "2026-11-20", "2026-11-23"),
        ("2026-11-21T12:00Z", "2026-11-20", "2026-11-23"),
        ("2026-11-23T01:00Z", "2026-11-23", "2026-11-24"),
        ("2026-11-26T12:00Z", "2026-11-26", "2026-11-30"),  # no Friday after Thanksgiving
        ("2026-07-02T00:00Z", "2026-07-02", "2026-07-03"),  # in summer an hour earlier
    ],
)
def test_newest_and_following(now: str, newest: str, following: str) -> None:
    """The newest date changes at 20:00 in Ithaca."""
    assert CALENDAR.newest(moment(now)) == date.fromisoformat(newest)
    assert CALENDAR.following(moment(now)).date == date.fromisoformat(following)


@pytest.mark.parametrize(
    ("day", "closure"),
    [("2026-11-21", "weekend"), ("2026-11-22", "weekend"), ("2026-11-27", "holiday"), ("2026-06-22", "holiday"), ("2026-11-20", "")],
)
def test_closures(day: str, closure: str) -> None:
    """A weekend and the day after a holiday have no announcement, and a Friday holiday takes the Monday."""
    assert CALENDAR.closure(date.fromisoformat(day)) == closure


@pytest.mark.parametrize("day", ["2025-06-20", "2025-07-07", "2026-06-22"])
def test_dates_that_had_no_listing(day: str) -> None:
    """Dates that real daily listings skipped are skipped."""
    with pytest.raises(ValueError, match="no announcement"):
        CALENDAR.window(date.fromisoformat(day))


@given(MOMENTS)
def test_an_announcement_is_out_or_comes(now: datetime) -> None:
    """At every instant the newest announcement is out, the following one is not, and nothing lies between them."""
    newest, following = CALENDAR.newest(now), CALENDAR.following(now)

    assert CALENDAR.window(newest).announced <= now < following.announced
    assert CALENDAR.next_date(newest) == following.date
    assert CALENDAR.previous_date(following.date) == newest


@given(MOMENTS, st.timedeltas(timedelta(0), timedelta(days=400)))
def test_time_passes(now: datetime, later: timedelta) -> None:
    """The newest date never goes back, clock changes included."""
    assert CALENDAR.newest(now) <= CALENDAR.newest(now + later)


@given(DATES)
def test_windows_meet(day: date) -> None:
    """Each submission falls into exactly one window: where one ends, the next begins, and a window is never empty."""
    first = CALENDAR.window(CALENDAR.next_date(day))
    second = CALENDAR.window(CALENDAR.next_date(first.date))

    assert first.start < first.end == second.start
    assert first.end <= first.announced <= first.settled


@given(DATES)
def test_the_date_that_arxiv_prints_is_a_working_day(day: date) -> None:
    """Without holidays every Monday to Friday has an announcement, and nothing else has."""
    assert (Calendar().closure(day) == "") == (day.weekday() < 5)
