"""APScheduler itself, stepped by hand through years of a clock that is ours, and an arXiv that announces by the rules of Ithaca."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import time_machine
from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers.base import BaseScheduler

from digest import resources
from digest.clock import Clock
from digest.core import due
from digest.core.announcements import Calendar
from digest.core.domain import Announcement, Classification, Kind, ModelInfo, Shelf
from digest.core.due import Known, Standing
from digest.daily import Daily, Draft
from digest.days import Days, Work
from digest.editions import Editions
from digest.errors import NotYetError
from digest.heartbeat import Heartbeat
from digest.polling import Poll, known
from digest.render.markdown import Renderer
from digest.scheduling import JOB, Clockwork, Watch
from digest.store.database import Database, address
from tests import truth
from tests.stores import announcement

CALENDAR = resources.calendar()


class Later(DebugExecutor):  # type: ignore[misc]  # APScheduler has no types
    """Runs jobs in the thread that says so, once the scheduler has let go of them, as a pool of threads would."""

    def __init__(self) -> None:
        super().__init__()
        self.submitted: list[tuple[Any, Any]] = []

    def _do_submit_job(self, job: Any, run_times: Any) -> None:
        self.submitted.append((job, run_times))

    def flush(self) -> None:
        """Run what was submitted."""
        submitted, self.submitted = self.submitted, []
        for job, run_times in submitted:
            super()._do_submit_job(job, run_times)


class Stepped(BaseScheduler):  # type: ignore[misc]  # APScheduler has no types
    """A scheduler without a thread of its own."""

    def __init__(self) -> None:
        self.later = Later()
        super().__init__(timezone=UTC, executors={"default": self.later})

    def wakeup(self) -> None:
        """Do nothing: whoever steps looks anyway."""

    def shutdown(self, wait: bool = True) -> None:  # noqa: FBT002 - the base class names it so
        super().shutdown(wait)

    def process(self) -> None:
        """Submit what is due."""
        self._process_jobs()

    @property
    def next_run_time(self) -> datetime:
        """When the job runs next."""
        moment: datetime = self.get_job(JOB).next_run_time
        return moment


@dataclass
class World:
    """What arXiv announces in truth (see `tests.truth`), and what is known of it here."""

    calendar: Calendar = CALENDAR
    """That of the program."""
    error: timedelta = timedelta()
    """How far our clock is ahead of the truth."""
    publishing: Callable[[date], timedelta] = lambda day: timedelta(minutes=day.toordinal() * 37 % 80)
    """How long after the announcement of a date its pages are complete."""
    while_making: Callable[[date], None] = lambda _day: None
    asked: list[date] = field(default_factory=list)
    made: list[date] = field(default_factory=list)
    settled: set[date] = field(default_factory=set)
    tried: dict[date, datetime] = field(default_factory=dict)
    first: date | None = None
    low: date | None = None
    """From the first date up to this one, it excluded, nothing is left to be asked."""

    def tell(self, now: datetime) -> Known:
        """Return what is known of each date that is looked at."""
        newest = self.calendar.newest(now)
        first = due.horizon(self.first, newest)
        while self.low is not None and (self.low in self.settled or (self.low < newest and self.calendar.closure(self.low))):
            self.low += timedelta(days=1)
        days = map(date.fromordinal, range(max(first, self.low or first).toordinal(), newest.toordinal() + 1))
        return Known(first, [Standing(day, tried=self.tried.get(day)) for day in days if day not in self.settled])

    def run(self, day: date) -> None:
        """Ask for a date, and make it if it is announced."""
        now = datetime.now(UTC)
        self.asked.append(day)
        self.while_making(day)
        self.tried[day] = now
        if self.first is None or day < self.first:
            self.first = self.low = day
        if not truth.carried(day) or now - self.error < truth.announced(day) + self.publishing(day):
            msg = f"{day} is not announced yet"
            raise NotYetError(msg)
        self.made.append(day)
        self.settled.add(day)

    def expected(self, first: date, now: datetime) -> list[date]:
        """Return the dates from *first* on whose pages are complete at *now*."""
        days = truth.dates(first, now.date() + timedelta(days=1))
        return [day for day in days if truth.announced(day) + self.publishing(day) <= now]


class Kept(World):
    """The same arXiv, and a program that keeps what it knows: states of dates in a database, pages below a folder."""

    def __init__(self, out: Path) -> None:
        super().__init__()
        self.database = Database(address("", out.parent / "data")).open()
        self.warned: list[str] = []
        daily = Daily(resources.taxonomy(), _Judge, Renderer(resources.folder("templates")), _hush, _hush)
        self.days = Days("cs.CV", out, self.database, self.calendar, self.warned.append)
        self.editions = Editions(self.database, daily, "cs.CV", out, "topics", "new", self.warned.append, real=False)

    def tell(self, now: datetime) -> Known:
        """Return what the states of the dates say."""
        return known(self.days, now)

    def run(self, day: date) -> None:
        """Ask for a date, and make its page if it is announced."""
        now = datetime.now(UTC)
        self.asked.append(day)

        def ask(*, opinions: bool) -> Announcement:  # noqa: ARG001 - there is nobody else to be asked
            if not truth.carried(day) or now < truth.announced(day) + self.publishing(day):
                msg = f"{day} is not announced yet"
                raise NotYetError(msg)
            return announcement(day, 1, day.toordinal() % 100_000)

        def draft(said: Announcement) -> Draft:
            return self.editions.daily.draft(said, layout="topics", include=frozenset({Kind.NEW}))

        self.days.run(day, now, Work(ask, draft, tuple, self.editions, _hush), patient=True)
        self.made.append(day)


class _Judge:
    """Puts every paper onto one shelf."""

    info = ModelInfo("invented", "1" * 64)
    topics = ("other",)
    taxonomy = None

    @staticmethod
    def classify(papers: Sequence[tuple[str, str]]) -> list[Classification]:
        """Return the same for each."""
        return [Classification((Shelf("other", "", 0.9),), unsure=False) for _ in papers]


def _hush(_line: str) -> None:
    """Say nothing."""


class Alone:
    """Leads for ever."""

    def acquire(self) -> bool:
        """Lead."""
        return True

    held = acquire

    def release(self) -> None:
        """Do nothing."""


@dataclass
class Ticking:
    """A clockwork whose time passes when a test says so."""

    world: World
    traveller: time_machine.Traveller
    scheduler: Stepped = field(default_factory=Stepped)
    minutes: float = 15
    share: float = 0.5
    said: list[str] = field(default_factory=list)
    alarms: list[tuple[str, str]] = field(default_factory=list)
    beats: list[Heartbeat] = field(default_factory=list)
    awake: float = 0.0
    """Seconds that the machine was awake: what its monotonic clock shows."""
    clockwork: Clockwork = field(init=False)

    def __post_init__(self) -> None:
        """Put it together, and begin."""
        clock = Clock()
        poll = Poll(self.world.tell, self.run, self.world.calendar, clock, self.said.append, self.alarm, lambda: self.share)
        self.clockwork = Clockwork(
            poll,
            clock,
            Alone(),
            self.said.append,
            self.said.append,
            self.alarm,
            self.beats.append,
            "cs.CV",
            self.minutes * 60,
            Watch(self.wall, lambda: self.awake),
            scheduler=self.scheduler,
        )
        self.clockwork.begin()
        self.scheduler.start()
        self.clockwork.watch_once()

    def run(self, day: date) -> None:
        """Make a date; a test may put another world in place."""
        self.world.run(day)

    def alarm(self, kind: str, text: str) -> None:
        """Note what the operator is told."""
        self.alarms.append((kind, text))

    @property
    def now(self) -> datetime:
        """What the machine's clock shows."""
        return datetime.now(UTC)

    def wall(self) -> float:
        """Return the same in seconds since 1970."""
        return self.now.timestamp()

    def step(self) -> None:
        """Let the scheduler do what is due now."""
        self.scheduler.process()
        self.scheduler.later.flush()

    def play(self, until: datetime) -> None:
        """Let time pass until *until*, from one look to the next."""
        self.step()
        while (moment := self.scheduler.next_run_time) <= until:
            moment = max(moment, self.now + timedelta(seconds=0.001))
            self.awake += (moment - self.now).total_seconds()
            self.traveller.move_to(moment)
            self.step()
        self.awake += max((until - self.now).total_seconds(), 0)
        self.traveller.move_to(max(until, self.now))

    def leap(self, by: timedelta) -> None:
        """Let the machine's clock show another time, all at once: it slept, or somebody set it. Then the watch looks."""
        self.traveller.shift(by)
        self.clockwork.watch_once()


@contextmanager
def ticking(start: datetime, world: World | None = None, *, minutes: float = 15) -> Iterator[Ticking]:
    """Begin to tick at *start*."""
    with time_machine.travel(start, tick=False) as traveller:
        found = Ticking(world or World(), traveller, minutes=minutes)
        yield found
        found.clockwork.end()
