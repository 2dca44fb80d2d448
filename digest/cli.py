"""Arguments in, exit status out.

Results go to standard output; progress, warnings and errors to standard error. What is heavy is imported when a command
needs it, so that ``cvdigest --help`` answers at once.
"""

import argparse
import io
import os
import sys
import zoneinfo
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from digest import __version__
from digest.commands import (
    backfill,
    classify,
    correct,
    db,
    doctor,
    evaluate,
    explain,
    feed,
    lists,
    mail,
    publish,
    reclassify,
    schedule,
    search,
    send,
    serve,
    show,
    status,
    subscribers,
    train,
)
from digest.commands.console import Console as _Console
from digest.commands.console import add_settings, read_settings, silence, write_json, writing
from digest.commands.console import command as _command
from digest.errors import DigestError, UsageError

if TYPE_CHECKING:
    from digest.daily import Made

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parsed(arguments)
    console = _Console(quiet=bool(options.quiet))
    if isinstance(sys.stdout, io.TextIOWrapper):  # a letter that the terminal does not have is no reason to fail
        sys.stdout.reconfigure(errors="replace")
    try:
        status: int = options.command(options, console)
    except DigestError as exc:
        if options.debug:
            console.traceback()
        console.error(str(exc), plain=isinstance(exc, UsageError) and options.called == "schedule")
        return exc.exit_status
    except KeyboardInterrupt:
        console.error("interrupted; run it again to go on")
        return INTERRUPTED
    except BrokenPipeError:
        silence()  # whoever read our output has gone
        return 0
    except Exception as exc:
        if options.debug:
            console.traceback()
        console.error(_unexpected(exc))
        return 1
    return status


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        minus = options.called == "search" and any(word[:1] == "-" != word[1:2] for word in unknown)
        hint = """; put the whole search between quotes: '"gaussian splatting" -medical'""" if minus else ""
        parser.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
    return options


def _unexpected(error: Exception) -> str:
    """Return in one line what nobody expected: what the machine could not do, or a mistake of ours."""
    if isinstance(error, zoneinfo.ZoneInfoNotFoundError):
        return "there is no time zone data; install the package tzdata again, or that of the system (see cvdigest doctor)"
    if isinstance(error, MemoryError):
        return "there is not enough memory; run it again when there is"
    if isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        return f"this machine could not go on ({error.strerror or error}{where}); mend that, and run it again"
    return f"an error of this program ({type(error).__name__}: {error}); run it again with --debug and report what it prints"


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
    schedule.add(commands, _put_out)
    backfill.add(commands)
    reclassify.add(commands)
    publish.add(commands)
    status.add(commands)
    doctor.add(commands)
    show.add(commands)
    search.add(commands)
    serve.add(commands)
    feed.add(commands)
    mail.add(commands)
    subscribers.add(commands)
    send.add(commands)
    train.add(commands)
    classify.add(commands)
    explain.add(commands)
    correct.add(commands)
    lists.add(commands)
    evaluate.add(commands)
    db.add(commands)
    return parser


def _add_run(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    run = _command(commands, "run", _run, "make the digest of a date, by default of the newest announcement")
    run.add_argument("--date", metavar="YYYY-MM-DD", help="the date that arXiv prints (default: the newest that it states)")
    run.add_argument(
        "--due", action="store_true", help="make every date that is due, the oldest first, and end; for a scheduler of your own"
    )
    run.add_argument("--sample", action="store_const", const=True, help="make the digest of the bundled, invented announcement")
    run.add_argument("--again", action="store_true", help="make a date that is made already once more, as a new edition if it is different")
    run.add_argument("--json", action="store_const", const=True, help="print the edition as JSON and nothing else")
    add_settings(run)


def _run(options: argparse.Namespace, console: _Console) -> int:
    from digest import app

    read = read_settings(options, console)
    if options.sample and (options.date or options.category or options.source):
        msg = "--sample has a date, a category and a source of its own"
        raise UsageError(msg, advice="leave --date, --category and --source out")
    if options.due:
        if read.date or read.sample or read.json or options.again:
            msg = "--due finds the dates itself, and makes any number of them that are not made yet"
            raise UsageError(msg, advice="leave --date, --sample, --json and --again out")
        return schedule.once(read, console, _put_out)
    app.check_alerts(read, os.environ, console.warn)
    with app.App(read, read.now or datetime.now(UTC), console.say, console.warn) as program:
        made = program.run_sample() if read.sample else program.run(read.date, again=options.again)
        program.renew_site()
    _put_out(made, json=read.json, quiet=read.quiet)
    return 0


def _put_out(made: "Made", *, json: bool, quiet: bool, say: Callable[[str], None] | None = None) -> None:
    """Write what was made to standard output, if there is one; with *say*, tell it there as one line instead."""
    if say is not None:
        say("; ".join(_lines(made)))
        return
    if sys.stdout is None:
        return
    with writing("the files are made all the same"):
        if json:
            write_json(made.json)
        elif not quiet:
            for line in _lines(made, table=sys.stdout.isatty()):
                print(line)


def _lines(made: "Made", *, table: bool = False) -> list[str]:
    """Return what is told of a digest, with a *table* of its topics or without."""
    edition = made.edition
    if made.path is None:
        return [edition.reason]
    counts = edition.counts
    replaced = counts["replaced"] + counts["replaced-cross"]
    # Of a date that was worked out, no service tells the replacements.
    last = f", {replaced} replaced" if replaced or not edition.unknown else ""
    announced = f"{counts['new']} new, {counts['cross']} cross-listed{last}"
    lines = [f"{edition.category} {edition.date}: {announced}; {len(edition.items)} listed"]
    if edition.number > 1 and made.new:
        lines.append(f"edition {edition.number}: {'. '.join(edition.changes)}.")
    if table:
        width = max((len(section.name) for section in edition.sections), default=0)
        most = max((len(section.items) for section in edition.sections), default=1)
        for section in edition.sections:
            count = len(section.items)
            lines.append(f"  {section.name:<{width}}  {count:>4}  {'█' * max(1, round(24 * count / most))}")
    return [*lines, str(made.path)]
