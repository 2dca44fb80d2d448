"""The clock in: look when something may be due, and make it. The only APScheduler of the project.

    started | leader? | look | what is due is made | next look worked out | wait

The trigger never decides which day it is (APScheduler's cron trigger leaves out a Monday every spring in New York's time): it
ticks in UTC as a net, and after each look the next one is set to the moment that `digest.core.due` works out. APScheduler knows
moments of the machine's clock, and waits by another clock that stands still while the machine sleeps; so a watch looks at both,
and wakes the scheduler when they went apart.
"""

import logging
import os
import select
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.triggers.interval import IntervalTrigger

from digest.alarms import CLOCK, JOB_ERROR, JOB_MISSED, OVERLAP
from digest.clock import Clock
from digest.errors import DigestError
from digest.heartbeat import EVERY, LEADER, STANDBY, STOPPED, Heartbeat
from digest.polling import Alarm, Outcome, Poll

# What it has to tell comes as events (see `Clockwork._heard`), and so into our own log.
logging.getLogger("apscheduler").addHandler(logging.NullHandler())

JOB = "poll"
PATIENCE = 10.0
"""Seconds that a step in hand may take to its end once the program is told to end."""
_GLANCE = 2.0
"""Seconds; where a signal does not end a wait, the main thread sees it after that."""
_STANDBY_PERIOD = 1.0
_JUMP = 10.0
"""Seconds by which two clocks may differ more than before until somebody is said to have set one of them."""


class Leadership(Protocol):
    """Who of several daemons does the work."""

    def acquire(self) -> bool:
        """Lead, if nobody else does; never waits."""

    def held(self) -> bool:
        """Say whether we still lead."""

    def release(self) -> None:
        """Let another one lead."""


@dataclass(slots=True)
class Watch:
    """Notices that the machine slept, or that its clock was set: then the wall clock and the monotonic one went apart."""

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    _apart: float | None = field(default=None, init=False)

    def jumped(self) -> float:
        """Return by how many seconds the wall clock was set since the last look, 0 if it was not."""
        apart = self.wall() - self.monotonic()
        before, self._apart = self._apart, apart
        by = 0.0 if before is None else apart - before
        return by if abs(by) > _JUMP else 0.0


@dataclass(slots=True)
class Clockwork:
    """Polls, as long as it leads, until it is told to end."""

    poll: Poll
    clock: Clock
    leadership: Leadership
    say: Callable[[str], None]
    warn: Callable[[str], None]
    alarm: Alarm
    beat: Callable[[Heartbeat], None]
    category: str
    seconds: float = 900.0
    """The net: it is looked at least so often, in real seconds."""
    watch: Watch = field(default_factory=Watch)
    period: float = EVERY
    """Seconds between two looks of the watch, for one who leads."""
    scheduler: BaseScheduler = field(default_factory=lambda: BackgroundScheduler(timezone=UTC))
    after: Callable[[Outcome], None] = lambda _outcome: None
    """Is told what a look led to."""
    send: Callable[[], object] | None = None
    """Hands over the letters that are due, and what it can of those once `sending_ends` is set; None where there are none."""
    sending_ends: threading.Event = field(default_factory=threading.Event)
    minute: float = 60.0
    """Seconds between two times that letters are sent."""
    _leads: bool = field(default=False, init=False)
    _told: bool = field(default=False, init=False)
    """Whether it was said that another one leads."""
    _puzzled: bool = field(default=False, init=False)
    """Whether it was said that nobody can tell who leads."""
    _ends: threading.Event = field(default_factory=threading.Event, init=False)
    _looked: threading.Event = field(default_factory=threading.Event, init=False)
    _posts: threading.Thread | None = field(default=None, init=False)
    _idle: threading.Event = field(default_factory=threading.Event, init=False)
    _last: datetime | None = field(default=None, init=False)
    _outcome: Outcome | None = field(default=None, init=False)
    _beaten: float = field(default=-float("inf"), init=False)
    _long: bool = field(default=False, init=False)
    """Whether it was said that the look in hand takes long."""
    _deaf: bool = field(default=False, init=False)
    """Whether it was said that no sign of life can be left."""

    # -- the scheduler -------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Put the job into the scheduler, to run at once; for whoever starts the scheduler itself."""
        self._idle.set()
        self.scheduler.add_job(
            self.look,
            IntervalTrigger(seconds=self.seconds, timezone=UTC),
            id=JOB,
            next_run_time=datetime.now(UTC),
            # APScheduler's own defaults drop a job that is a second late.
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
        )
        self.scheduler.add_listener(self._heard, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)

    def look(self) -> None:
        """Look once, if we lead, and set the moment of the next look: this is the job."""
        if not self._leads or self._ends.is_set():
            return
        self._idle.clear()
        self._long = False
        try:
            self._last = self.clock.now()
            outcome = self.poll.go(lambda: self._ends.is_set() or not self._still_leads())
            self._outcome = outcome
            self._tell_after(outcome)
            if outcome.asked:
                self.say(f"nothing more is due until {outcome.next_look:%Y-%m-%d %H:%M} UTC")
            self._wake_in(self.clock.seconds_until(outcome.next_look))
        finally:
            self._idle.set()
            self._looked.set()
        self._give_sign()

    def _tell_after(self, outcome: Outcome) -> None:
        try:
            self.after(outcome)
        except Exception as exc:  # noqa: BLE001 - what comes after a look must not keep the next one from being set
            self.warn(f"the operator cannot be told ({type(exc).__name__}: {exc})")

    def _wake_in(self, seconds: float) -> None:
        """Set when the scheduler looks next; the net, an interval after that moment, goes on from there."""
        wait = timedelta(seconds=min(max(seconds, 0.0), self.seconds))
        with suppress(LookupError):  # the scheduler may have ended meanwhile
            self.scheduler.modify_job(JOB, next_run_time=datetime.now(UTC) + wait)

    def _heard(self, event: JobEvent) -> None:
        if event.code == EVENT_JOB_ERROR:
            kind, text = JOB_ERROR, f"an error of this program ({type(event.exception).__name__}: {event.exception})"
        elif event.code == EVENT_JOB_MISSED:
            kind, text = JOB_MISSED, "a look at what is due was left out"
        else:
            if self._long:  # it was said of this look
                return
            self._long = True
            kind, text = OVERLAP, "a look at what is due takes longer than the time between two; the next one was left out"
        self._raise(kind, f"{text}; looking again later")

    def _raise(self, kind: str, text: str) -> None:
        self.warn(text)
        try:
            self.alarm(kind, text)
        except Exception as exc:  # noqa: BLE001 - who cannot be told must not end the program
            self.warn(f"the operator cannot be told ({type(exc).__name__}: {exc})")

    # -- the watch -----------------------------------------------------------------------------------------------------

    def watch_once(self) -> None:
        """Look after what the scheduler cannot see: the clocks, who leads, and the sign of life."""
        if by := self.watch.jumped():
            self.say(f"the clock went {'forward' if by > 0 else 'back'} by {timedelta(seconds=round(abs(by)))}; looking what is due")
            if by < 0:
                self._raise(CLOCK, f"the clock of this machine was set back by {timedelta(seconds=round(-by))}")
            self._wake_in(0)
        if not self._still_leads():
            self.try_to_lead()
        if time.monotonic() - self._beaten >= self.period:
            self._give_sign()

    def _still_leads(self) -> bool:
        if self._leads and not self._ask(self.leadership.held):
            self._leads = False
            self.warn("another one may lead by now; standing by")
        return self._leads

    def try_to_lead(self) -> None:
        """Begin to lead, if nobody else does."""
        answer = self._ask(self.leadership.acquire)
        if answer:
            self._leads = True
            self.say("the leader has ended; leading now" if self._told else "no other daemon does this work; leading now")
            self._told = False
            self._wake_in(0)
            self._give_sign()
        elif answer is not None and not self._told:
            self._told = True
            self.say("another daemon does this work already; standing by")
            self._give_sign()

    def _ask(self, question: Callable[[], bool]) -> bool | None:
        """Return the answer about who leads; None if there is none, which is said once."""
        try:
            answer = question()
        except DigestError as exc:
            if not self._puzzled:
                self.warn(f"nobody can tell who leads, so nothing is made: {exc}")
            self._puzzled = True
            return None
        self._puzzled = False
        return answer

    def _give_sign(self, role: str = "") -> None:
        """Leave a sign of life; not being able to is said once."""
        self._beaten = time.monotonic()
        found = self._outcome
        beat = Heartbeat(
            self.category,
            role or (LEADER if self._leads else STANDBY),
            self.clock.now(),
            self._last,
            found.next_look if found and self._leads else None,
            tuple((one.date, one.why) for one in found.open) if found and self._leads else (),
        )
        try:
            self.beat(beat)
        except Exception as exc:  # noqa: BLE001 - a sign of life is not worth a life
            if not self._deaf:
                self.warn(f"no sign of life can be left ({type(exc).__name__}: {exc})")
            self._deaf = True
        else:
            self._deaf = False

    def _watch(self) -> None:
        while not self._ends.wait(self.period if self._leads else min(self.period, _STANDBY_PERIOD)):
            try:
                self.watch_once()
            except Exception as exc:  # noqa: BLE001 - the watch outlives what it sees
                self._raise(JOB_ERROR, f"an error of this program ({type(exc).__name__}: {exc})")

    # -- letters -------------------------------------------------------------------------------------------------------

    def _post(self, send: Callable[[], object]) -> None:
        """Send letters after each look, and every minute, as long as we lead."""
        while not self._ends.is_set():
            self._looked.wait(self.minute)
            self._looked.clear()
            if self._leads and not self._ends.is_set():
                try:
                    send()
                except Exception as exc:  # noqa: BLE001 - letters stay in the queue, and digests are made all the same
                    self.warn(f"letters are not sent ({type(exc).__name__}: {exc}); they stay in the queue")

    # -- from start to end ---------------------------------------------------------------------------------------------

    def run(self, told: socket.socket) -> None:
        """Work until *told* is readable, at SIGTERM or SIGINT.

        A step in hand is finished, within ten seconds; else the process ends without it.

        Any step can be left: to start again is the recovery. A second signal ends the process at once.
        """
        if select.select([told], [], [], 0)[0]:
            self.say("told to end; nothing was begun")
            return
        self.begin()
        self.watch.jumped()
        self.try_to_lead()
        self.scheduler.start()
        watch = threading.Thread(target=self._watch, name="watch", daemon=True)
        watch.start()
        if self.send is not None:
            self._posts = threading.Thread(target=self._post, args=(self.send,), name="post", daemon=True)
            self._posts.start()
        while not select.select([told], [], [], _GLANCE)[0]:
            pass
        self.end(watch)

    def end(self, watch: threading.Thread | None = None) -> None:
        """Begin nothing more, wait for the step in hand, and let another one lead."""
        deadline = time.monotonic() + PATIENCE
        self._ends.set()
        self.sending_ends.set()
        self._looked.set()
        if self.scheduler.running:
            self.scheduler.shutdown(wait=False)
        finished = self._idle.wait(PATIENCE)
        if watch is not None:
            watch.join(max(deadline - time.monotonic(), 0.5))
        if self._posts is not None:  # the letters in hand
            self._posts.join(max(deadline - time.monotonic(), 0.5))
            finished = finished and not self._posts.is_alive()
        if not finished:
            self.say("the step in hand is left; the next start goes on from there")
            self._give_sign(STOPPED)
            for stream in (sys.stdout, sys.stderr):
                with suppress(Exception):
                    stream.flush()
            os._exit(0)  # a thread that still works would hold up an orderly end
        self._give_sign(STOPPED)
        self.leadership.release()
        self.say("told to end; all that was begun is done")
