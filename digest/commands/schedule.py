"""``cvdigest schedule``: makes every digest when it is due. Also one look, for those who have a scheduler of their own."""

import argparse
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from digest.clock import Clock
from digest.commands.console import Console, add_settings, command, read_settings, silence, told_to_end
from digest.errors import DigestError, PublishError, StoreError, UsageError

if TYPE_CHECKING:
    from digest.alerts import Alerts
    from digest.app import App
    from digest.core.due import Known
    from digest.daily import Made
    from digest.polling import Alarm, Outcome, Poll
    from digest.settings import Settings

_DAY_MINUTES = 24 * 60
_TIDY = 3600.0
"""Seconds between two times that what was broken off is looked for."""
_QUICKEST = 1.0
"""Real seconds: where the clock runs faster, the net is not finer than that."""


class PutOut(Protocol):
    """Writes what was made to standard output."""

    def __call__(self, made: "Made", *, json: bool, quiet: bool, say: Callable[[str], None] | None = None) -> None:
        """Write it; with *say*, tell it there as one line instead."""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", put_out: PutOut) -> None:
    """Add the command to the parser."""
    what = "make every digest when it is due, until stopped"
    parser = command(commands, "schedule", lambda options, console: run(options, console, put_out), what)
    parser.set_defaults(unattended=True)  # so it writes a log where no terminal reads along
    parser.add_argument("--every", metavar="MINUTES", default="15", help="look at least so often whether a date is due (default: 15)")
    parser.add_argument("--once", action="store_true", help="look once, make what is due, and end; for a scheduler of your own")
    parser.add_argument("--speed", metavar="TIMES", help="let the clock run so many times as fast from --now on, for replays")
    add_settings(parser)


def run(options: argparse.Namespace, console: Console, put_out: PutOut) -> int:
    """Make what is due, until told to end."""
    settings = read_settings(options, console)
    try:
        minutes = float(options.every)
    except ValueError:
        minutes = 0
    if not 1 / 60 <= minutes <= _DAY_MINUTES:
        msg = f"--every: {options.every!r} is no number of minutes"
        raise UsageError(msg, advice="a second to a day will do")
    if settings.speed and settings.now is None:
        msg = "--speed: the clock can run faster only from an instant of yours"
        raise UsageError(msg, advice="give --now too")
    if settings.speed and not settings.loopback:
        msg = "--speed: arXiv itself is not asked faster than the clock goes"
        raise UsageError(msg, advice="a replay has a server on this machine: give --arxiv-url too")
    if options.once:
        return once(settings, console, put_out)

    with told_to_end() as told:  # before anything that takes time: who ends it early has ended it all the same
        from digest import app

        clock = Clock(settings.now, settings.speed)
        with app.App(settings, clock.now(), console.say, console.warn, command="schedule") as program:
            _opened(program, clock, console)
            _work(program, clock, console, put_out, minutes, told)
    return 0


def _opened(program: "App", clock: Clock, console: Console) -> None:
    """Open the database and look through it; the operator is told if that fails, for nobody may read the error.

    Raises:
        StoreError: it fails.

    """
    from digest import alarms, app
    from digest.store.upkeep import quick_check

    try:
        quick_check(program.database())
    except StoreError as exc:
        alerts = app.alerts(program.settings, os.environ, clock.now, console.warn)
        alerts.raise_(alarms.STORE, program.settings.category, None, str(exc))
        raise


def _work(  # noqa: PLR0913, PLR0917 - the program, what it says, and how it ends
    program: "App", clock: Clock, console: Console, put_out: PutOut, minutes: float, told: socket.socket
) -> None:
    """Make what is due until SIGTERM."""
    from digest import alarms, app, heartbeat
    from digest.core.subscription import Handling
    from digest.hooks import beside
    from digest.scheduling import Clockwork

    settings = program.settings
    alerts = app.alerts(settings, os.environ, clock.now, console.warn, program.database())

    def alarm(kind: str, text: str) -> None:
        alerts.raise_(kind, settings.category, None, text)

    poll = _poll(program, clock, console, put_out, alarm)
    data = app.data_folder(settings)
    ends = threading.Event()
    hooks = program.hooks(clock.now, ends) if settings.hooks else None
    mails = settings.mail_list and (settings.mail_server or settings.mail_server_file)
    courier = program.courier(os.environ, clock.now, ends) if mails else None
    returns = program.returns(os.environ) if mails else None

    def send() -> None:
        if returns is not None:  # before letters go to those who are stopped
            returns.round(clock.now())
        with beside(hooks) as told_hooks:
            try:
                report = courier.round() if courier is not None else None
            except StoreError as exc:
                if courier is not None:
                    alarms.ring_mail(alerts, settings.category, courier.failures, str(exc), 0)
                raise
        if courier is not None and report is not None:
            alarms.ring_mail(alerts, settings.category, courier.failures, report.trouble, report.counts[Handling.SENT])
        alarms.ring_hooks(alerts, settings.category, told_hooks[Handling.REFUSED], told_hooks[Handling.SENT])

    clockwork = Clockwork(
        poll,
        clock,
        program.leadership(),
        console.say,
        console.warn,
        alarm,
        lambda beat: heartbeat.write(data, beat),
        settings.category,
        max(minutes * 60 / settings.speed, _QUICKEST) if settings.speed else minutes * 60,
        after=lambda outcome: _after(alerts, program, outcome, clock.now()),
        send=send if hooks or courier else None,
        sending_ends=ends,
    )
    console.say(f"looking what is due, at least every {minutes:g} minutes")
    clockwork.run(told)


def _after(alerts: "Alerts", program: "App", outcome: "Outcome", now: datetime) -> None:
    """Do what comes after a look: bring the site up to date if anything was made or tried, and ring."""
    if outcome.asked:
        replace(program, now=now).renew_site()
    _ring(alerts, program, outcome, now)


def _ring(alerts: "Alerts", program: "App", outcome: "Outcome", now: datetime) -> None:
    """Tell the operator of dates that failed or wait for long, and of what is over; and again what could not be told."""
    from digest import alarms
    from digest.polling import told_of

    days = program.days()
    if outcome.left_out:
        alerts.raise_(alarms.LEFT_OUT, days.category, outcome.left_out[-1], told_of(outcome.left_out))
        days.watch_from(outcome.left_out[-1] + timedelta(days=1))
    unpublished = days.unpublished()
    asked = {*outcome.asked, *(one.date for one in outcome.open), *unpublished}
    told = {alert.day for alert in alerts.open() if alert.day is not None and alert.category == days.category}
    notes = [days.known(day, now) for day in sorted(asked | told)]
    alarms.ring(alerts, notes, now, timedelta(hours=program.settings.alert_after), unpublished)
    # What the clock itself had to tell is over when a look went well; one at which nobody was asked shows it only if nothing is open.
    if not outcome.errors and (outcome.asked or not outcome.open):
        for alert in alerts.open():
            if alert.day is None and alert.category == days.category and alert.kind not in alarms.OF_SENDING:
                alerts.resolve(*alert.key)
    alerts.retry()


def once(settings: "Settings", console: Console, put_out: PutOut) -> int:
    """Look once, and make what is due; return the exit status."""
    from digest import app

    clock = Clock(settings.now, settings.speed)
    with app.App(settings, clock.now(), console.say, console.warn, command="run --due") as program:
        _opened(program, clock, console)
        alerts = app.alerts(settings, os.environ, clock.now, console.warn, program.database())

        def alarm(kind: str, text: str) -> None:
            alerts.raise_(kind, settings.category, None, text)

        outcome = _poll(program, clock, console, put_out, alarm).go()
        _after(alerts, program, outcome, clock.now())
    if not (outcome.asked or outcome.errors):
        console.say(f"nothing is due; the next look: {outcome.next_look:%Y-%m-%d %H:%M} UTC")
    moments = dict(outcome.waiting)
    for one in outcome.open:
        if not one.published:
            when = (
                f"; asked for again from {moments[one.date]:%Y-%m-%d %H:%M} UTC on; cvdigest run asks at once"
                if one.date in moments
                else ""
            )
            console.say(f"{one.date} waits: {one.why or 'not asked for yet'}{when}")
    return outcome.exit_status


def _poll(program: "App", clock: Clock, console: Console, put_out: PutOut, alarm: "Alarm") -> "Poll":
    from digest.polling import Poll, known

    settings = program.settings
    if settings.source.startswith("file:"):
        msg = "a file holds one date, and a schedule makes many"
        raise UsageError(msg, advice="cvdigest run makes the date of a file")
    days = program.days()
    days.calendar.newest(clock.now())  # without time zone data nothing can be due, and that is to be known at once

    def make(day: date) -> None:
        made = replace(program, now=clock.now()).run(day, patient=True)
        try:
            put_out(made, json=False, quiet=settings.quiet, say=console.say if console.logs else None)
        except PublishError as exc:  # the files are there all the same
            console.warn(str(exc))
        except BrokenPipeError:
            silence()

    tidied: list[float] = []

    def look(now: datetime) -> "Known":
        """Tell what is known; at the first look, which a daemon has when it begins to lead, and then each hour, after tidying up."""
        replace(program, now=now).check_clock()  # by a clock that is wrong, nothing is known of any date
        if not tidied or monotonic() - tidied[0] >= _TIDY:
            tidied[:] = [monotonic()]
            try:
                replace(program, now=now).tidy()
            except DigestError as exc:  # what is due is looked for all the same
                console.warn(str(exc))
        return known(days, now)

    return Poll(look, make, days.calendar, clock, console.warn, alarm)
