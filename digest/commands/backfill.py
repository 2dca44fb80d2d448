"""``cvdigest backfill``: makes every digest of a range of dates. The only tqdm."""

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from digest.commands import dates
from digest.commands.console import Console, add_settings, command, read_settings, write_json, write_report, write_text, writing
from digest.errors import UsageError

if TYPE_CHECKING:
    from tqdm import tqdm

    from digest.app import App
    from digest.backfill import Backfill
    from digest.ledger import Note

_HOST = re.compile(r"https?://[^/]*")
_BESIDE = 40
"""Letters beside the bar."""
_MINUTE, _HOUR = 60, 3600


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = command(commands, "backfill", run, "make every digest of a range of dates that is not made yet, the oldest first")
    dates.add_range(parser, first="", last="the newest announcement")
    parser.add_argument("--dry-run", action="store_true", help="tell what would be asked, without asking or writing anything")
    parser.add_argument("--json", action="store_const", const=True, help="print the summary as JSON and nothing else")
    add_settings(parser)


def run(options: argparse.Namespace, console: Console) -> int:
    """Make the dates, and print what became of each."""
    from digest import app
    from digest.backfill import Backfill
    from digest.ledger import note_object

    settings = read_settings(options, console)
    if settings.source.startswith("file:"):
        msg = "a file holds one date, and backfill makes many"
        raise UsageError(msg, advice="cvdigest run makes the date of a file")

    def clock() -> datetime:
        return settings.now or datetime.now(UTC)

    first, last = dates.read_range(options, app.calendar().newest(clock()))
    app.check_alerts(settings, os.environ, console.warn)
    with _progress(console) as progress, app.App(settings, clock(), progress.say, progress.warn, "backfill") as program:
        days = program.days(make=not options.dry_run)
        backfill = Backfill(days, lambda day: replace(program, now=clock()).run(day), clock)
        if options.dry_run:
            return _dry_run(program, backfill, days.all_known(first, last, clock()), settings.category)
        result = backfill.go(first, last, progress.begin, progress.step)
        program.renew_site()
    if settings.json:
        told = [{**note_object(note), "settled": note.date in result.settled, "asked": note.date in result.asked} for note in result.notes]
        _print_json(
            {"category": settings.category, "from": str(first), "to": str(last), "dates": told, "totals": dates.totals(result.notes)}
        )
    elif not settings.quiet:
        write_report(f"{dates.listed(result.notes)}{dates.total_line(result.notes)}\n")
    if result.stopped:
        console.error(f"stopped, and the dates after that are left as they are: {result.stopped}")
    return result.exit_status


def _dry_run(program: "App", backfill: "Backfill", notes: list["Note"], category: str) -> int:
    """Print what would be asked."""
    from digest.source import FROM_PAGES

    wanted = set(backfill.open(notes, program.now))
    plans = {note.date: program.plan(note.date) if note.date in wanted else () for note in notes}
    # The list of a month is asked for once for all of its dates; the papers of each date are other ones.
    addresses = {(service, url, day if url.endswith("...") else None) for day, plan in plans.items() for service, url in plan}
    requests = len(addresses)
    # The other services are asked between two pages.
    seconds = max(0, sum(service in FROM_PAGES for service, _, _ in addresses) - 1) * program.settings.seconds_between
    if program.settings.json:
        told = [
            {"date": str(note.date), "state": note.state.value, "reason": note.reason, "asked": note.date in wanted,
             "requests": [{"service": service, "url": url} for service, url in plans[note.date]]}
            for note in notes
        ]  # fmt: skip
        _print_json({"category": category, "dates": told, "requests": requests, "seconds": seconds})
        return 0
    lines = []
    for note in notes:
        lines.append(dates.line(note) if note.date not in wanted else f"{dates.line(note)}; would be made")
        lines += [f"  would ask {service}: {url}" for service, url in plans[note.date]]
    lines.append(f"{len(wanted)} of {len(notes)} dates to make, {requests} requests or more, at least {_time(seconds)} at this pace")
    write_text("".join(f"{line}\n" for line in lines))
    return 0


def _print_json(told: dict[str, Any]) -> None:
    with writing():
        write_json(json.dumps(told, ensure_ascii=False, indent=1) + "\n")


@dataclass(slots=True)
class _Progress:
    """How far it is, on standard error: a bar on a terminal, plain lines elsewhere."""

    console: Console
    terminal: bool
    total: int = 0
    done: int = 0
    began: float = field(default_factory=time.monotonic)
    bar: "tqdm[Any] | None" = None

    def begin(self, total: int) -> None:
        """Note how many dates there are to ask for."""
        self.total = total
        if self.terminal and total and not self.console.quiet:
            from tqdm import tqdm

            self.bar = tqdm(total=total, unit="date", file=sys.stderr, dynamic_ncols=True, leave=False, mininterval=0)

    def step(self, note: "Note") -> None:
        """Tell what became of a date, and how long the rest will take."""
        self.done += 1
        if self.bar is not None:
            self.bar.update()
            return
        left = (time.monotonic() - self.began) / self.done * (self.total - self.done)
        rest = f", about {_time(left)} left" if self.done < self.total else ""
        self.console.say(f"{self.done} of {self.total}{rest}; {dates.line(note)}")

    def say(self, line: str) -> None:
        """Tell how it goes: beside the bar, if there is one."""
        if self.bar is None:
            self.console.say(line)
        else:
            text = "".join(letter if letter.isprintable() else " " for letter in line)
            self.bar.set_postfix_str(_HOST.sub("", text)[:_BESIDE])

    def warn(self, line: str) -> None:
        """Tell what the user should know, above the bar."""
        if self.bar is not None:
            self.bar.clear()
        self.console.warn(line)
        if self.bar is not None:
            self.bar.refresh()


@contextmanager
def _progress(console: Console) -> Iterator[_Progress]:
    """Yield what shows how far it is, and take it off the terminal at the end."""
    progress = _Progress(console, sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb")
    try:
        yield progress
    finally:
        if progress.bar is not None:
            progress.bar.close()


def _time(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.1f} h"
