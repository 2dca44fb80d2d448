"""Arguments in, exit status out.

Results go to standard output; progress, warnings and errors to standard error. What is heavy is imported when a command
needs it, so that ``cvdigest --help`` answers at once.
"""

import argparse
import io
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from digest import __version__
from digest.commands import backfill, classify, correct, evaluate, explain, lists, show, status, train
from digest.commands.console import Console as _Console
from digest.commands.console import add_settings, read_settings, silence, write_json, writing
from digest.commands.console import command as _command
from digest.errors import DigestError, NotYetError, UsageError

if TYPE_CHECKING:
    from digest.daily import Made

INTERRUPTED = 130
_DAY_MINUTES = 24 * 60


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(arguments)
    console = _Console(quiet=bool(options.quiet))
    if isinstance(sys.stdout, io.TextIOWrapper):  # a letter that the terminal does not have is no reason to fail
        sys.stdout.reconfigure(errors="replace")
    try:
        status: int = options.command(options, console)
    except DigestError as exc:
        if options.debug:
            traceback.print_exc()
        console.error(str(exc))
        return exc.exit_status
    except KeyboardInterrupt:
        console.error("interrupted; run it again to go on")
        return INTERRUPTED
    except BrokenPipeError:
        silence()  # whoever read our output has gone
        return 0
    except Exception as exc:
        if options.debug:
            raise
        console.error(f"an error of this program ({type(exc).__name__}: {exc}); run it again with --debug and report what it prints")
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cvdigest",
        description="arXiv's daily computer-vision announcement, sorted by the field's own table of contents.",
        epilog="Exit status: 0 done (also for a date without an announcement), 1 failed, 2 wrong use or settings, "
        "69 arXiv cannot be reached, 75 not announced yet: try later.",
    )
    parser.add_argument("--version", action="version", version=f"cvdigest {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_run(commands)
    _add_schedule(commands)
    backfill.add(commands)
    status.add(commands)
    show.add(commands)
    train.add(commands)
    classify.add(commands)
    explain.add(commands)
    correct.add(commands)
    lists.add(commands)
    evaluate.add(commands)
    return parser


def _add_run(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    run = _command(commands, "run", _run, "make the digest of a date, by default of the newest announcement")
    run.add_argument("--date", metavar="YYYY-MM-DD", help="the date that arXiv prints (default: the newest that it states)")
    run.add_argument("--sample", action="store_const", const=True, help="make the digest of the bundled, invented announcement")
    run.add_argument("--json", action="store_const", const=True, help="print the edition as JSON and nothing else")
    add_settings(run)


def _add_schedule(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    schedule = _command(commands, "schedule", _schedule, "make every digest when it is due, until stopped")
    schedule.add_argument("--every", metavar="MINUTES", default="15", help="how often to look whether a date is due (default: 15)")
    schedule.add_argument("--once", action="store_true", help="look once, make what is due, and end; for a scheduler of your own")
    add_settings(schedule)


def _run(options: argparse.Namespace, console: _Console) -> int:
    from digest import app

    read = read_settings(options, console)
    if options.sample and (options.date or options.category or options.source):
        msg = "--sample has a date, a category and a source of its own"
        raise UsageError(msg, advice="leave --date, --category and --source out")
    program = app.App(read, read.now or datetime.now(UTC), console.say, console.warn)
    made = program.run_sample() if read.sample else program.run(read.date)
    _put_out(made, json=read.json, quiet=read.quiet)
    return 0


def _put_out(made: "Made", *, json: bool, quiet: bool) -> None:
    """Write what was made to standard output, if there is one."""
    if sys.stdout is None:
        return
    with writing("the files are made all the same"):
        if json:
            write_json(made.json)
        elif not quiet:
            _report(made)


def _schedule(options: argparse.Namespace, console: _Console) -> int:
    from digest import app
    from digest.scheduling import Clockwork

    read = read_settings(options, console)
    try:
        minutes = float(options.every)
    except ValueError:
        minutes = 0
    if not 1 / 60 <= minutes <= _DAY_MINUTES:
        msg = f"--every: {options.every!r} is no number of minutes"
        raise UsageError(msg, advice="a second to a day will do")

    def clock() -> datetime:
        return read.now or datetime.now(UTC)

    def make(day: date) -> None:
        made = app.App(read, clock(), console.say, console.warn).run(day)
        _put_out(made, json=False, quiet=read.quiet)

    clockwork = Clockwork(app.calendar(), read.out, read.category, make, console.warn)
    if options.once:
        return 0 if clockwork.tick(clock()) else NotYetError.exit_status
    console.say(f"looking every {minutes:g} minutes for what is due")
    clockwork.run(minutes, clock)
    return 0


def _report(made: "Made") -> None:
    """Print what was made: on a terminal a table of topics, elsewhere plain lines."""
    edition = made.edition
    if made.path is None:
        print(edition.reason)
        return
    counts = edition.counts
    replaced = counts["replaced"] + counts["replaced-cross"]
    # Of a date that was worked out, no service tells the replacements.
    last = f", {replaced} replaced" if replaced or not edition.unknown else ""
    announced = f"{counts['new']} new, {counts['cross']} cross-listed{last}"
    print(f"{edition.category} {edition.date}: {announced}; {len(edition.items)} listed")
    if sys.stdout.isatty():
        width = max((len(section.name) for section in edition.sections), default=0)
        most = max((len(section.items) for section in edition.sections), default=1)
        for section in edition.sections:
            count = len(section.items)
            print(f"  {section.name:<{width}}  {count:>4}  {'█' * max(1, round(24 * count / most))}")
    print(made.path)
