"""The clock: every date is made once, when it is out, whatever the machine, its clock and arXiv did in between."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from apscheduler.events import EVENT_JOB_MISSED, JobExecutionEvent

from digest import cli, heartbeat, scheduling
from digest.clock import Clock
from digest.core.announcements import announcement_instant
from digest.core.domain import State
from digest.core.due import Known, Standing
from digest.errors import ClockError, DamagedError, ForbiddenError, IncompleteError, LayoutError, PublishError, StoreError, UnreachableError
from digest.heartbeat import Heartbeat
from digest.polling import Poll
from digest.scheduling import JOB, Clockwork, Watch
from digest.store import editions
from digest.store.locks import FileLeadership
from tests import pages, servers, ticking, truth, weeks
from tests.pages import Fake
from tests.reference import ROOT, clean_environment
from tests.servers import eventually
from tests.ticking import CALENDAR, World

FRIDAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ZONES = ("UTC", "Asia/Kathmandu", "Pacific/Apia", "America/New_York", "Australia/Lord_Howe", "Europe/London")

# -- through the real APScheduler, with a clock of ours --------------------------------------------------------------------


@pytest.fixture
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Let the machine be in another time zone."""
    name: str = request.param
    with monkeypatch.context() as patch:
        patch.setenv("TZ", name)
        time.tzset()
        yield name
    time.tzset()


def tick_through(first: datetime, last: datetime, minutes: float, publishing: int) -> None:
    """See that each date of these years is made once, in order, and soon after its pages are complete."""
    late: list[timedelta] = []

    class Timed(World):
        def run(self, day: date) -> None:
            super().run(day)
            late.append(datetime.now(UTC) - truth.announced(day) - self.publishing(day))

    world = Timed(publishing=lambda day: timedelta(minutes=day.toordinal() * 37 % publishing))
    with ticking.ticking(first, world, minutes=minutes) as ours:
        newest = max(day for day in truth.dates(first.date() - DAY * 7, first.date() + DAY) if truth.announced(day) <= first)
        ours.play(last)

        assert ours.world.made == ours.world.expected(newest, last)
        assert ours.alarms == []
        assert max(late[1:]) <= 15 * MINUTE
        asked = len(ours.world.asked) / len(ours.world.made)
        assert asked < 10, "arXiv was asked too often"


@pytest.mark.parametrize("zone", ["America/New_York"], indirect=True)
def test_two_years_of_ticks(zone: str) -> None:
    """Two years, four clock changes and all holidays in them: no date is missed, none is made twice."""
    assert time.tzname[0] == "EST", zone
    tick_through(datetime(2024, 12, 20, 12, tzinfo=UTC), datetime(2026, 12, 20, 12, tzinfo=UTC), 720, 20)


@pytest.mark.slow
@pytest.mark.parametrize("zone", ZONES, indirect=True)
def test_twenty_years_of_ticks(zone: str) -> None:
    """Every announcement from 2016 to 2036, wherever the machine is."""
    assert zone in ZONES
    tick_through(datetime(2016, 1, 4, 12, tzinfo=UTC), datetime(2036, 12, 31, 12, tzinfo=UTC), 601, 45)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "asleep", "last"),
    [
        ("2026-10-29T12:00Z", "2026-11-10T00:30Z", "2026-12-03T12:00Z"),  # the autumn change; Thanksgiving in the sleep
        ("2026-02-19T12:00Z", "2026-03-03T00:30Z", "2026-03-27T12:00Z"),  # the spring change in the sleep
    ],
)
def test_what_is_due_follows_from_the_states_of_the_dates(tmp_path: Path, first: str, asleep: str, last: str) -> None:
    """With the notes and pages of the program itself, through changes of the clock, holidays and three weeks of sleep.

    Each date has one edition, which was asked for until it was confirmed; a program that is started again has nothing left to do.
    """
    world = ticking.Kept(tmp_path / "out")
    start, end = datetime.fromisoformat(first), datetime.fromisoformat(last)
    with ticking.ticking(start, world, minutes=720) as ours:
        ours.play(datetime.fromisoformat(asleep))
        before = len(world.made)
        ours.leap(21 * DAY)
        ours.step()
        caught_up = world.made[before:]
        ours.play(end)
        expected = world.expected(world.made[0], end)

        assert (world.made, ours.alarms) == (expected, [])
        assert len(caught_up) >= 13
        assert caught_up == sorted(caught_up)
        assert len(world.asked) < 10 * len(world.made)
    again = ticking.Kept(tmp_path / "out")
    again.database, again.days, again.editions = world.database, world.days, world.editions
    with ticking.ticking(end, again) as ours:
        ours.play(end + HOUR)
        assert again.asked == []
    assert {day: state for day, state in states(world, expected[0], expected[-1]).items() if state is not State.NONE} == dict.fromkeys(
        expected, State.PUBLISHED
    )
    with world.database.read() as connection:
        assert [len(editions.of_date(connection, "cs.CV", day)) for day in expected] == [1] * len(expected)


def states(world: ticking.Kept, first: date, last: date) -> dict[date, State]:
    """Return the state of each date."""
    return {note.date: note.state for note in world.days.all_known(first, last, datetime.combine(last + DAY, NOON.timetz()))}


@pytest.mark.parametrize("sleep", [HOUR, 3 * DAY, 21 * DAY])
def test_asleep(sleep: timedelta) -> None:
    """What was missed in a sleep is made up at once, the oldest first; the scheduler's own wait slept too."""
    start = datetime(2026, 11, 3, 0, 50, tzinfo=UTC)
    with ticking.ticking(start) as ours:
        ours.play(start)
        before = list(ours.world.made)
        ours.leap(sleep)
        ours.step()

        assert before == [date(2026, 11, 2)]
        assert ours.world.made == ours.world.expected(date(2026, 11, 2), start + sleep)
        assert any("the clock went forward" in line for line in ours.said)
        assert ours.alarms == []


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (-DAY, "went back by 1 day"),
        (20 * DAY, "went forward by 20 days"),
        pytest.param(365 * DAY, "went forward by 365 days", marks=pytest.mark.slow),
        (-50 * 365 * DAY, "went back by 18250 days"),
    ],
)
def test_a_clock_that_is_set(by: timedelta, expected: str) -> None:
    """Set back a day or 50 years, forward weeks or a year: nothing is made twice or before its time, and all is well once it is right."""
    start = datetime(2026, 11, 10, 12, tzinfo=UTC)
    with ticking.ticking(start) as ours:
        ours.play(start)
        ours.leap(by)
        ours.world.error = by
        ours.play(start + by + HOUR)
        made = list(ours.world.made)
        ours.play(start + by + 14 * HOUR)
        in_truth = start + 14 * HOUR
        out = [day for day in ours.world.made if truth.announced(day) > in_truth]
        ours.leap(-by)
        ours.world.error = timedelta()
        ours.play(start + 5 * DAY)

        assert made == [date(2026, 11, 10)]
        assert out == []
        assert ours.world.made == ours.world.expected(date(2026, 11, 10), start + 5 * DAY)
        assert any(expected in line for line in ours.said)
        assert [kind for kind, _ in ours.alarms] == ["clock"]


@pytest.mark.parametrize("late", [timedelta(seconds=5), 3 * HOUR])
def test_a_look_that_comes_late(late: timedelta) -> None:
    """The machine was busy, or asleep without a watch: the look is made all the same, once however many of them were left out."""
    with ticking.ticking(NOON) as ours:
        ours.step()
        looks: list[datetime] = []
        ours.clockwork.after = lambda _outcome: looks.append(ours.now)
        now = ours.scheduler.next_run_time + late
        ours.traveller.move_to(now)
        ours.step()
        ours.step()

        assert looks == [now]
        assert ours.scheduler.next_run_time > now
        assert ours.alarms == []


def test_a_look_that_was_left_out() -> None:
    """With unlimited patience APScheduler leaves none out; if it ever says that it did, the operator is told."""
    with ticking.ticking(NOON) as ours:
        ours.scheduler._dispatch_event(JobExecutionEvent(EVENT_JOB_MISSED, JOB, "default", NOON))

        assert ours.alarms == [("job-missed", "a look at what is due was left out; looking again later")]


def test_starting_in_1970() -> None:
    """A machine without a battery begins in 1970: nothing is asked, and all is well once its clock is set."""
    with ticking.ticking(datetime(1970, 1, 1, 0, 1, tzinfo=UTC)) as ours:
        ours.play(datetime(1970, 1, 2, tzinfo=UTC))
        assert ours.world.asked == []
        ours.leap(NOON - datetime(1970, 1, 2, tzinfo=UTC))
        ours.step()

        assert ours.world.made == [FRIDAY]


def test_a_look_that_takes_longer_than_the_time_between_two() -> None:
    """No two looks overlap, those in between are left out and told, and what became due meanwhile is made in the same look."""
    with ticking.ticking(datetime(2026, 11, 19, 23, tzinfo=UTC)) as ours:
        nested: list[int] = []

        def while_making(_day: date) -> None:
            for _ in range(9):
                ours.traveller.shift(16 * 60)
                ours.scheduler.process()
                nested.append(len(ours.scheduler.later.submitted))

        ours.world.while_making = while_making
        ours.step()

        assert nested == [0] * 18
        assert ours.world.made == [date(2026, 11, 19), FRIDAY]
        assert {kind for kind, _ in ours.alarms} == {"job-overlap"}
        ours.world.while_making = lambda _day: None
        ours.play(datetime(2026, 11, 24, 3, tzinfo=UTC))
        assert ours.world.made == [date(2026, 11, 19), FRIDAY, date(2026, 11, 23), date(2026, 11, 24)]


def test_an_error_in_one_date() -> None:
    """A mistake of this program with one date is told; the other dates are made, and this one is tried again."""
    broken = {date(2026, 11, 18)}

    class Broken(World):
        def run(self, day: date) -> None:
            if day in broken:
                self.asked.append(day)
                msg = "list index out of range"
                raise IndexError(msg)
            super().run(day)

    with ticking.ticking(datetime(2026, 11, 17, 12, tzinfo=UTC), Broken()) as ours:
        ours.step()
        ours.leap(3 * DAY)
        ours.step()
        made = list(ours.world.made)
        asked = ours.world.asked.count(date(2026, 11, 18))
        ours.play(NOON + HOUR)
        broken.clear()
        ours.play(NOON + DAY)

    assert made == [date(2026, 11, 17), date(2026, 11, 19), FRIDAY]
    assert (asked, ours.world.asked.count(date(2026, 11, 18))) == (1, 2)
    assert ours.world.made == [*made, date(2026, 11, 18)]
    assert ours.alarms == [("job-error", "2026-11-18: an error of this program (IndexError: list index out of range)")]


def test_an_error_in_the_job_itself() -> None:
    """What fails outside a date is told by APScheduler, and the next look comes all the same."""
    with ticking.ticking(NOON) as ours:

        def fail(_now: datetime) -> Known:
            msg = "out of ideas"
            raise RuntimeError(msg)

        well, ours.clockwork.poll.known = ours.clockwork.poll.known, fail
        ours.step()
        ours.clockwork.poll.known = well
        ours.play(NOON + 15 * MINUTE)

    assert [kind for kind, _ in ours.alarms] == ["job-error"]
    assert "RuntimeError: out of ideas" in ours.alarms[0][1]
    assert ours.world.made == [FRIDAY]


def test_an_operator_who_cannot_be_told() -> None:
    """An alarm that fails, and a sign of life that cannot be left, end nothing."""
    with ticking.ticking(NOON) as ours:

        def fail(*_: object) -> None:
            msg = "no route to host"
            raise OSError(msg)

        ours.clockwork.alarm = ours.clockwork.beat = ours.clockwork.poll.alarm = fail
        ours.leap(-HOUR)
        ours.play(NOON + HOUR)

    assert ours.world.made == [FRIDAY]
    assert sum("the operator cannot be told (OSError" in line for line in ours.said) == 1
    assert sum("no sign of life can be left (OSError" in line for line in ours.said) == 1


# -- one look ----------------------------------------------------------------------------------------------------------------


def poll(raises: Mapping[date, Exception], asked: list[date], said: list[str], clock: Clock, *days: int) -> Poll:
    """Return a look at some dates of November of which nothing is known, that notes nothing."""
    open_now = tuple(Standing(date(2026, 11, day), why="not asked for yet") for day in days)

    def run(day: date) -> None:
        asked.append(day)
        if day in raises:
            raise raises[day]

    alarms: Callable[[str, str], None] = lambda kind, _text: said.append(f"alarm: {kind}")  # noqa: E731 - it is one line
    return Poll(lambda _now: Known(open_now[0].date, open_now), run, CALENDAR, clock, said.append, alarms, lambda: 0.0)


@pytest.mark.parametrize(
    ("error", "asked", "status", "minutes"),
    [
        (IncompleteError("the page is cut"), 3, 75, 10),
        (LayoutError("no listing page"), 3, 1, 10),
        (PublishError("the folder is not to be written"), 3, 1, 10),
        (StoreError("the database is locked"), 1, 1, 5),
        (ClockError("the clock is wrong"), 1, 1, 5),
        (UnreachableError("no route to host"), 2, 69, 5),
        (ForbiddenError("403"), 1, 69, 5),
        (ZeroDivisionError("division by zero"), 3, 1, 10),
    ],
)
def test_what_each_error_does(error: Exception, asked: int, status: int, minutes: int) -> None:
    """Whatever a date raises, the look ends well; it goes on with the next date where that may fare better."""
    asking: list[date] = []
    said: list[str] = []
    days = [date(2026, 11, day) for day in (18, 19, 20)]
    now = announcement_instant(FRIDAY) + HOUR
    outcome = poll(dict.fromkeys(days, error), asking, said, Clock(now), 18, 19, 20).go()

    assert (asking, outcome.exit_status, outcome.next_look - now) == (days[:asked], status, minutes * MINUTE)
    assert [one.date for one in outcome.open] == days
    assert any(str(error) in line for line in said)
    kinds = {ForbiddenError: "forbidden", ZeroDivisionError: "job-error", StoreError: "store", ClockError: "clock"}
    expected = [f"alarm: {kinds[type(error)]}"] * asked if type(error) in kinds else []
    assert [line for line in said if line.startswith("alarm")] == expected


def test_a_refusal_ends_one_look() -> None:
    """A refusal of one address holds up no other date for longer: the client knows what it may ask, and each date has its back-off."""
    real = [0.0]
    asked: list[date] = []
    looks = poll({date(2026, 11, 18): ForbiddenError("403")}, asked, [], Clock(NOON, 1, lambda: real[0]), 18, 20)
    outcomes = [looks.go()]
    for real[0] in (300.0, 6.5 * 3600):
        outcomes.append(looks.go())

    assert [outcome.asked for outcome in outcomes] == [(date(2026, 11, 18),), (FRIDAY,), (date(2026, 11, 18),)]
    assert outcomes[0].next_look == NOON + 5 * MINUTE


def test_an_error_of_the_store_about_one_date() -> None:
    """Where the attempt could be noted, the database is not lost, and the next date has its turn."""
    tried: dict[date, datetime] = {}

    def run(day: date) -> None:
        tried[day] = NOON
        msg = "what is kept of it is damaged"
        raise DamagedError(msg)

    days = [date(2026, 11, day) for day in (18, 19, 20)]
    known: Callable[[datetime], Known] = lambda _now: Known(days[0], [Standing(day, tried=tried.get(day)) for day in days])  # noqa: E731 - one line
    said: list[str] = []
    outcome = Poll(known, run, CALENDAR, Clock(NOON), said.append, lambda _kind, _text: None).go()

    assert (list(outcome.asked), outcome.exit_status) == (days, 1)


def test_what_cannot_be_noted_is_remembered() -> None:
    """Where no note can be written, the clock itself remembers its attempts, and arXiv is not asked at each look."""
    real = [0.0]
    asked: list[date] = []
    looks = poll({}, asked, [], Clock(announcement_instant(FRIDAY), 1, lambda: real[0]), 20)
    for real[0] in range(0, 1800, 20):
        looks.go()

    assert len(asked) == 30 / 5


def test_told_to_stop() -> None:
    """Between two dates it is asked whether to go on."""
    asked: list[date] = []
    poll({}, asked, [], Clock(NOON), 18, 19, 20).go(lambda: len(asked) == 2)

    assert asked == [date(2026, 11, 18), date(2026, 11, 19)]


# -- who leads, and the sign of life --------------------------------------------------------------------------------------------


def test_one_leads(tmp_path: Path) -> None:
    """Of two on one file one leads; when it lets go, the other one can."""
    first, second = FileLeadership(tmp_path / "new" / "lock"), FileLeadership(tmp_path / "new" / "lock")

    assert (first.held(), first.acquire(), first.acquire(), second.acquire(), second.held()) == (False, True, True, False, False)
    first.release()
    assert (first.held(), second.acquire(), second.held(), first.acquire()) == (False, True, True, False)
    second.release()


def test_a_lock_whose_file_is_gone(tmp_path: Path) -> None:
    """Somebody removed the file, so another one may lead by a new one: who led does no more, and can come again."""
    first, second = FileLeadership(tmp_path / "lock"), FileLeadership(tmp_path / "lock")
    assert first.acquire()
    (tmp_path / "lock").unlink()

    assert (second.acquire(), first.held(), first.acquire()) == (True, False, False)
    second.release()
    assert first.acquire()
    first.release()


def test_a_lock_that_cannot_be_had(tmp_path: Path) -> None:
    """A folder that cannot be made is an error of ours."""
    (tmp_path / "file").touch()

    with pytest.raises(StoreError, match="cannot be locked"):
        FileLeadership(tmp_path / "file" / "lock").acquire()


def test_a_standby_makes_nothing(tmp_path: Path) -> None:
    """Who does not lead says so once, asks nobody, and takes over when the leader ends; who loses the lock stands by."""
    leader = FileLeadership(tmp_path / "lock")
    assert leader.acquire()
    with ticking.ticking(NOON) as ours:
        ours.clockwork.leadership = FileLeadership(tmp_path / "lock")
        ours.clockwork.watch_once()
        ours.said.clear()
        ours.play(NOON + HOUR)
        ours.clockwork.watch_once()
        assert (ours.world.asked, ours.said) == ([], [])
        assert ours.beats[-1].role == "standby"

        leader.release()
        ours.clockwork.watch_once()
        ours.step()
        assert ours.world.made == [FRIDAY]
        assert ours.said[0] == "the leader has ended; leading now"
        assert (ours.beats[-1].role, ours.beats[-1].last_run) == ("leader", ours.now)

        (tmp_path / "lock").unlink()
        assert leader.acquire()
        ours.play(NOON + 4 * DAY)
        assert ours.world.made == [FRIDAY]
        assert ours.said[2:] == ["another one may lead by now; standing by"]
    leader.release()


BEAT = Heartbeat("cs.CV", "leader", NOON, NOON - HOUR, NOON + HOUR, ((FRIDAY, "arXiv is still publishing\ud800"),))


def test_a_sign_of_life(tmp_path: Path) -> None:
    """What is written is read, whole; it is fresh for two minutes."""
    heartbeat.write(tmp_path / "new", BEAT)
    found = heartbeat.read(tmp_path / "new", "cs.CV")

    assert found == replace(BEAT, open=((FRIDAY, "arXiv is still publishing?"),))
    assert (found.ours(), found.fresh(NOON + 2 * MINUTE), found.fresh(NOON + 3 * MINUTE)) == (True, True, False)


def test_a_standby_does_not_hide_the_leader(tmp_path: Path) -> None:
    """A standby leaves the leader's sign alone while it is fresh."""
    heartbeat.write(tmp_path, replace(BEAT, pid=1))
    heartbeat.write(tmp_path, replace(BEAT, role="standby"))
    heartbeat.write(tmp_path, replace(BEAT, role="standby", at=NOON + MINUTE))
    first = heartbeat.read(tmp_path, "cs.CV")
    heartbeat.write(tmp_path, replace(BEAT, role="standby", at=NOON + HOUR))
    second = heartbeat.read(tmp_path, "cs.CV")

    assert first is not None
    assert second is not None
    assert (first.role, second.role) == ("leader", "standby")


def test_two_categories(tmp_path: Path) -> None:
    """The daemons of two categories with one data folder do not write over each other's sign."""
    heartbeat.write(tmp_path, replace(BEAT, open=()))
    heartbeat.write(tmp_path, replace(BEAT, category="cs.LG", pid=7, open=()))
    found = [heartbeat.read(tmp_path, category) for category in ("cs.CV", "cs.LG", "cs.RO")]

    assert [one and (one.category, one.pid) for one in found] == [("cs.CV", BEAT.pid), ("cs.LG", 7), None]


SIGN = {
    "format": 1, "pid": 1, "host": "h", "role": "leader", "version": "1", "category": "cs.CV", "at": "2026-11-20T12:00Z",
    "last_run": None, "next_poll": None, "open": [],
}  # fmt: skip
WRONG: tuple[dict[str, Any], ...] = (
    {"role": "king"}, {"at": None}, {"at": "2026-11-20T12:00"}, {"pid": "1"}, {"open": [{}]}, {"open": 1}, {"last_run": 3},
)  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\x00",
        b"[]",
        b"{}",
        b'{"format": 1}',
        b"[" * 10_000,
        b'{"format": 2}',
        *(json.dumps(SIGN | wrong).encode() for wrong in WRONG),
    ],
)
def test_a_sign_that_is_none(tmp_path: Path, content: bytes) -> None:
    """A file that cannot be understood, or is not ours, is no sign of life; the one that they all differ from is one."""
    heartbeat.file(tmp_path, "cs.CV").write_text(json.dumps(SIGN), "utf-8")
    assert heartbeat.read(tmp_path, "cs.CV") is not None
    heartbeat.file(tmp_path, "cs.CV").write_bytes(content)

    assert heartbeat.read(tmp_path, "cs.CV") is None


def test_the_watch_thread(tmp_path: Path) -> None:
    """A real scheduler that waits a day, because its clock was set back, is woken; it ends within its time."""
    wall = [NOON.timestamp()]
    looked = threading.Semaphore(0)
    said: list[str] = []

    def known(_now: datetime) -> Known:
        looked.release()
        return Known(FRIDAY, ())

    clock = Clock(NOON, 1)
    looks = Poll(known, lambda _day: None, CALENDAR, clock, said.append, lambda _kind, _text: None)
    ours = Clockwork(
        looks, clock, FileLeadership(tmp_path / "lock"), said.append, said.append, lambda _kind, _text: None, lambda _beat: None,
        "cs.CV", 86400, Watch(lambda: wall[0], lambda: 0.0), period=0.02,
    )  # fmt: skip
    with running(ours):
        assert looked.acquire(timeout=20)
        wall[0] -= 86400
        assert looked.acquire(timeout=20)

    assert "the clock went back by 1 day, 0:00:00; looking what is due" in said
    assert [thread.name for thread in threading.enumerate() if thread.name == "watch"] == []


@contextmanager
def running(ours: Clockwork) -> Iterator[None]:
    """Run a clockwork in this process, and end it as its own signal would."""
    watch = threading.Thread(target=ours._watch, name="watch")
    ours.begin()
    ours.watch_once()
    ours.scheduler.start()
    watch.start()
    try:
        yield
    finally:
        ours.end(watch)
    assert not watch.is_alive()


# -- the program itself -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def arxiv() -> Iterator[servers.Arxiv]:
    """Play arXiv with one small announcement."""
    with servers.arxiv() as state:
        state.pages["/list/cs.CV/new"] = pages.new([Fake("2611.00001")], FRIDAY)
        yield state


def arguments(folder: Path, url: str, now: str = "2026-11-20T06:00Z") -> list[str]:
    """Return the settings of a scheduler that lives in *folder*."""
    options = {"out": folder / "out", "data": folder / "data", "arxiv-url": url, "now": now, "second-opinion": "no"}
    return [f"--{name}={value}" for name, value in options.items()]


def edition(folder: Path, day: date = FRIDAY) -> Path:
    """Return where the page of a date is written."""
    return folder / "out" / "2026" / f"{day}-cs.CV.md"


@contextmanager
def daemon(folder: Path, url: str, *more: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the scheduler in a process of its own; whatever happens, it does not stay behind."""
    line = [sys.executable, str(ROOT / "scheduler.py"), *arguments(folder, url), *more]
    environment = clean_environment(folder)
    with (
        (folder / "said").open("ab") as said,
        subprocess.Popen(line, cwd=folder, env=environment, stdout=said, stderr=said) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def test_the_scheduler_runs_and_ends(tmp_path: Path, arxiv: servers.Arxiv) -> None:
    """`scheduler.py` makes what is due at once, leaves a sign of life, goes on waiting, and ends cleanly when it is told to."""
    with daemon(tmp_path, arxiv.url) as process:
        assert eventually(lambda: (beat := heartbeat.read(tmp_path / "data", "cs.CV")) is not None and beat.next_poll is not None)
        process.send_signal(signal.SIGTERM)

        assert process.wait(60) == 0
    beat = heartbeat.read(tmp_path / "data", "cs.CV")
    assert beat is not None
    assert (beat.pid, beat.role, beat.open) == (process.pid, heartbeat.STOPPED, ())
    assert edition(tmp_path).exists()
    assert "cs.CV 2026-11-20: 1 new" in (tmp_path / "said").read_text("utf-8")


@dataclass
class Program:
    """The program in this process."""

    folder: Path
    url: str
    captured: Callable[[], Any]

    def __call__(self, *line: str, now: str = "2026-11-20T06:00Z") -> tuple[int, str]:
        """Run a command; return its status, and what it said on standard error."""
        self.captured()
        status = cli.main([*line, *arguments(self.folder, self.url, now)])
        return status, self.captured().err


@pytest.fixture
def program(tmp_path: Path, arxiv: servers.Arxiv, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Program:
    """Return the program, towards a server; no setting of whoever runs the test reaches it."""
    weeks.program(tmp_path, arxiv.url, capsys, monkeypatch)
    return Program(tmp_path, arxiv.url, capsys.readouterr)


@pytest.mark.parametrize("command", [("schedule", "--once"), ("run", "--due")])
def test_once(program: Program, arxiv: servers.Arxiv, command: tuple[str, ...]) -> None:
    """One look makes what is due and ends; a second one finds nothing to do and asks nobody."""
    assert [program(*command)[0] for _ in range(2)] == [0, 0]
    assert arxiv.asked == ["/list/cs.CV/new"]


@pytest.mark.parametrize("wrong", [["--date=2026-11-20"], ["--sample"], ["--json"], ["--source=file:page.html"]])
def test_due_finds_the_dates_itself(program: Program, wrong: list[str]) -> None:
    """What names one date, or prints one edition, does not go with all that is due."""
    assert program("run", "--due", *wrong)[0] == 2


@pytest.mark.slow
def test_a_refusal_does_not_end_the_schedule(tmp_path: Path, arxiv: servers.Arxiv, program: Program) -> None:
    """After 403 the daemon lives on, and nobody is asked again; one look ends with 69."""
    arxiv.pages["/list/cs.CV/new"] = (403, b"", {})
    with daemon(tmp_path, arxiv.url, "--every=0.02") as process:
        assert eventually(lambda: (beat := heartbeat.read(tmp_path / "data", "cs.CV")) is not None and beat.next_poll is not None)
        first = heartbeat.read(tmp_path / "data", "cs.CV")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    status, _ = program("schedule", "--once", now="2026-11-20T07:00Z")

    assert first is not None
    assert first.next_poll is not None
    assert timedelta() < first.next_poll - datetime(2026, 11, 20, 6, tzinfo=UTC) < 2 * HOUR
    assert (status, len(arxiv.asked)) == (69, 1)
    assert "refuses to serve us" in (tmp_path / "said").read_text("utf-8")


def test_an_edition_that_was_not_finished(tmp_path: Path, program: Program, arxiv: servers.Arxiv) -> None:
    """A page that could not be written is written by the next program that looks, which need not ask for it again."""
    page = edition(tmp_path)
    page.mkdir(parents=True)
    first = program("schedule", "--once", now="2026-11-20T06:00Z")
    page.rmdir()
    asked = len(arxiv.asked)
    second = program("schedule", "--once", now="2026-11-20T06:01Z")

    assert ([first[0], second[0]], page.is_file(), len(arxiv.asked)) == ([1, 0], True, asked)
    assert "cannot be written" in first[1]
    assert "it is finished now" in second[1]


@pytest.mark.parametrize("every", ["0", "often", "nan", "1e9"])
def test_an_interval_that_is_none(program: Program, every: str) -> None:
    """An interval that makes no sense is wrong use."""
    status, said = program("schedule", f"--every={every}")

    assert (status, "no number of minutes" in said) == (2, True)


@contextmanager
def slow_arxiv() -> Iterator[tuple[servers.Arxiv, threading.Event, threading.Event]]:
    """Play an arXiv that answers when it is told to; give what is set when it was asked, and what lets it answer."""
    asked, answers = threading.Event(), threading.Event()
    with servers.arxiv() as state:
        page = pages.new([Fake("2611.00001")], FRIDAY)

        def wait() -> servers.Answer:
            asked.set()
            answers.wait(60)
            return 200, page, {}

        state.pages["/list/cs.CV/new"] = wait
        try:
            yield state, asked, answers
        finally:
            answers.set()


@pytest.mark.slow
def test_told_to_end_during_a_step(tmp_path: Path) -> None:
    """SIGTERM while arXiv is being asked: the step is finished, the page is there, and the status is 0."""
    with slow_arxiv() as (state, asked, answers), daemon(tmp_path, state.url) as process:
        assert asked.wait(30)
        process.send_signal(signal.SIGTERM)
        assert process.poll() is None
        answers.set()

        assert process.wait(60) == 0
    assert edition(tmp_path).exists()


@pytest.mark.slow
def test_a_step_that_takes_too_long_is_left(tmp_path: Path) -> None:
    """After ten seconds (`scheduling.PATIENCE`) the step is left, the status is 0, and the next start makes the date."""
    with slow_arxiv() as (state, asked, _), daemon(tmp_path, state.url) as process:
        assert asked.wait(30)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)

        assert process.wait(60) == 0
        assert scheduling.PATIENCE - 1 < time.monotonic() - began < scheduling.PATIENCE + 20
    assert "the step in hand is left" in (tmp_path / "said").read_text("utf-8")
    with servers.arxiv() as arxiv:
        arxiv.pages["/list/cs.CV/new"] = pages.new([Fake("2611.00001")], FRIDAY)
        command = [sys.executable, "-m", "digest", "schedule", "--once", *arguments(tmp_path, arxiv.url)]
        assert subprocess.run(command, cwd=tmp_path, env=clean_environment(tmp_path), capture_output=True, check=False).returncode == 0


@pytest.mark.slow
def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    """Whoever cannot wait says it twice."""
    with slow_arxiv() as (state, asked, _), daemon(tmp_path, state.url) as process:
        assert asked.wait(30)
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:  # two signals at once are one to the kernel
            process.send_signal(signal.SIGTERM)
            threading.Event().wait(0.05)

        assert process.wait(60) == -signal.SIGTERM  # and not 0, after ten seconds


@pytest.mark.slow
def test_stopped_and_continued(tmp_path: Path, arxiv: servers.Arxiv) -> None:
    """A daemon that was stopped over its next look makes up for it once it goes on."""
    thursday = date(2026, 11, 19)
    arxiv.pages["/list/cs.CV/new"] = pages.new([Fake("2611.00000")], thursday)
    with daemon(tmp_path, arxiv.url, "--now=2026-11-20T00:40Z", "--speed=60") as process:
        began = time.monotonic()
        assert eventually(edition(tmp_path, thursday).exists)
        process.send_signal(signal.SIGSTOP)
        arxiv.pages["/list/cs.CV/new"] = pages.new([Fake("2611.00001")], FRIDAY)
        asked = len(arxiv.asked)
        threading.Event().wait(22 - (time.monotonic() - began))  # then 20:00 in Ithaca is over for it, whatever the jitter
        assert len(arxiv.asked) == asked
        process.send_signal(signal.SIGCONT)

        assert eventually(edition(tmp_path).exists)


@pytest.mark.slow
def test_told_to_end_while_it_begins(tmp_path: Path, arxiv: servers.Arxiv) -> None:
    """SIGTERM before anything is loaded or opened ends it as well as a later one."""
    with daemon(tmp_path, arxiv.url) as process:
        status = Path(f"/proc/{process.pid}/status")

        def catches() -> bool:
            found = dict(line.split(":", 1) for line in status.read_text("utf-8").splitlines())
            return bool(int(found["SigCgt"], 16) >> (signal.SIGTERM - 1) & 1)

        assert eventually(catches)
        assert not (tmp_path / "data" / "cvdigest.db").exists()
        process.send_signal(signal.SIGTERM)

        assert process.wait(20) == 0
    assert arxiv.asked == []


@pytest.mark.slow
def test_two_daemons(tmp_path: Path, arxiv: servers.Arxiv) -> None:
    """Two on one data folder: one makes the edition, the other says that it stands by, and leads soon after the first was killed."""
    with daemon(tmp_path, arxiv.url) as first:
        assert eventually(edition(tmp_path).exists)
        with daemon(tmp_path, arxiv.url) as second:
            said = tmp_path / "said"
            assert eventually(lambda: "another daemon does this work already; standing by" in said.read_text("utf-8"))
            first.kill()
            assert eventually(lambda: "the leader has ended; leading now" in said.read_text("utf-8"))
            assert eventually(lambda: (beat := heartbeat.read(tmp_path / "data", "cs.CV")) is not None and beat.pid == second.pid)
            second.send_signal(signal.SIGTERM)

            assert second.wait(20) == 0
    assert arxiv.asked == ["/list/cs.CV/new"]
    assert [path.name for path in (tmp_path / "data").glob(".*")] == []
