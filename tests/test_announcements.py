"""When arXiv announces: 35 known announcements, and laws for all the others."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import resources
from digest.core.announcements import Calendar, announcement_instant
from tests import truth
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


SUMMER = (
    "2016-03-14", "2016-11-04", "2021-03-15", "2021-11-05", "2023-07-04", "2025-06-19", "2026-03-09", "2026-07-03", "2026-10-30",
    "2027-03-15", "2027-11-05", "2032-03-15", "2032-11-05", "2036-03-10", "2036-10-31",
)  # fmt: skip
WINTER = (
    "2016-03-11", "2016-11-07", "2016-11-24", "2018-12-27", "2020-12-29", "2021-03-12", "2021-11-08", "2026-01-01", "2026-03-06",
    "2026-11-02", "2026-11-30", "2027-03-12", "2027-11-08", "2032-03-12", "2032-11-08", "2036-03-07", "2036-11-03",
)  # fmt: skip


def test_announcements_around_changes_of_the_clock() -> None:
    """The Fridays before and the Mondays after a change, and dates beside holidays: 20:00 in Ithaca is 00:00 or 01:00 UTC."""
    found = {str(day): announcement_instant(day) for day in map(date.fromisoformat, (*SUMMER, *WINTER))}

    assert found == {day: moment(f"{day}T00:00Z") for day in SUMMER} | {day: moment(f"{day}T01:00Z") for day in WINTER}
    assert [day for day in found if CALENDAR.closure(date.fromisoformat(day))] == []
    assert [CALENDAR.window(date.fromisoformat(day)).announced for day in found] == list(found.values())


COUNTS = {
    2016: 258, 2017: 259, 2018: 256, 2019: 257, 2020: 256, 2021: 261, 2022: 260, 2023: 251, 2024: 253, 2025: 252, 2026: 253,
    2027: 260, 2028: 260, 2029: 261, 2030: 261, 2031: 261, 2032: 262, 2033: 260, 2034: 260, 2035: 261, 2036: 262,
}  # fmt: skip
"""Mondays to Fridays of a year without those whose evening before is in the table of holidays."""


@pytest.mark.parametrize("year", COUNTS)
def test_the_announcements_of_a_year(year: int) -> None:
    """The dates of a year, and each instant, are those that follow from the rules without any data about time zones."""
    expected = truth.dates(date(year, 1, 1), date(year, 12, 31))
    found, day = [], CALENDAR.next_date(date(year - 1, 12, 31))
    while day.year == year:
        found.append(day)
        day = CALENDAR.next_date(day)

    assert len(found) == COUNTS[year]
    assert found == expected
    assert [announcement_instant(day) for day in found] == [truth.announced(day) for day in expected]


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
