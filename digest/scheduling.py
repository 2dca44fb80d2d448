"""The clock in: look every few minutes whether a date is due, and make it. The only APScheduler of the project.

    tick | which date is settled? | made already? | run

The trigger never decides which day it is (APScheduler's cron trigger leaves out a Monday every spring in New York's time):
it ticks in UTC, and arXiv's schedule and the files on disk say what is due. So a tick that comes late, twice or not at all
does no harm, and a machine that slept makes the newest date when it wakes up.
"""

import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.interval import IntervalTrigger

from digest import publish
from digest.core.announcements import PUBLISHING, Calendar
from digest.errors import DigestError, ForbiddenError


@dataclass(frozen=True, slots=True)
class Clockwork:
    """What a tick needs."""

    calendar: Calendar
    out: Path
    category: str
    make: Callable[[date], None]
    warn: Callable[[str], None]

    def due(self, now: datetime) -> date | None:
        """Return the date to be made at *now*: the newest whose pages are complete, unless it has been made."""
        day = self.calendar.newest(now - PUBLISHING)
        return None if publish.page_path(self.out, day, self.category).with_suffix(".json").exists() else day

    def tick(self, now: datetime) -> bool:
        """Make the date that is due, if one is. What fails is said, and tried again at the next tick.

        Returns whether nothing is left to be done.

        Raises:
            ForbiddenError: arXiv refuses us; whoever goes on asking is taken for an attacker.

        """
        day = self.due(now)
        if day is None:
            return True
        try:
            self.make(day)
        except ForbiddenError:
            raise
        except DigestError as exc:
            self.warn(f"{day}: {exc}; trying again at the next tick")
            return False
        return True

    def run(self, minutes: float, clock: Callable[[], datetime]) -> None:
        """Tick now and every so many *minutes* until SIGTERM or SIGINT; a date that is being made is finished first.

        Raises:
            ForbiddenError: arXiv refuses us.

        """
        refusals: list[ForbiddenError] = []

        def job() -> None:
            try:
                self.tick(clock())
            except ForbiddenError as exc:
                refusals.append(exc)
                scheduler.shutdown(wait=False)

        scheduler = BlockingScheduler(timezone=UTC)
        scheduler.add_job(
            job,
            IntervalTrigger(minutes=minutes, timezone=UTC),
            next_run_time=datetime.now(UTC),
            # APScheduler's own defaults drop a job that is a second late.
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
        )
        scheduler.add_listener(self._failed, EVENT_JOB_ERROR)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: scheduler.shutdown(wait=False))
        scheduler.start()
        if refusals:
            raise refusals[0]

    def _failed(self, event: JobExecutionEvent) -> None:
        self.warn(f"an error of this program ({type(event.exception).__name__}: {event.exception}); trying again at the next tick")
