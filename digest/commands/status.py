"""``cvdigest status``: in which state each date is, and why."""

import argparse
import json
from datetime import UTC, datetime

from digest.commands import dates
from digest.commands.console import Console, command, read_settings, write_json, write_text, writing

_DAYS = 14


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = command(commands, "status", run, "tell in which state each date is, and why; asks nobody")
    dates.add_range(parser, first="thirteen days before the last", last="today, or the newest announcement")
    parser.add_argument("--category", metavar="CAT", help="any arXiv category (default: cs.CV)")
    parser.add_argument("--out", metavar="DIR", help="where your digests are (default: ./digests)")
    parser.add_argument("--data", metavar="DIR", help="where the states are kept (default: the user's data folder)")
    parser.add_argument("--database", metavar="DATABASE", help="where they are kept: a path or a URL (default: in the data folder)")
    parser.add_argument("--now", metavar="INSTANT", help="take this instant for now: 2026-11-20T03:00Z")
    parser.add_argument("--json", action="store_const", const=True, help="print all of it as JSON")


def run(options: argparse.Namespace, console: Console) -> int:
    """Print what is known of each date."""
    from digest import app, standing
    from digest.core.announcements import ITHACA
    from digest.ledger import note_object

    settings = read_settings(options, console)
    now = settings.now or datetime.now(UTC)
    with app.App(settings, now, console.say, console.warn) as program:
        days = program.days(make=False)
        today = max(days.calendar.newest(now), now.astimezone(ITHACA).date())
        first, last = dates.read_range(options, today, _DAYS)
        notes = days.all_known(first, last, now)
        numbers = standing.edition_numbers(days.database, days.category, first, last)
        run = standing.last_run(days.database, days.category)
        letters = standing.queue(days.database, days.category) if settings.mail_list or settings.hooks else None
    daemon = standing.daemon(app.data_folder(settings), days.category, now)
    if settings.json:
        told = {
            "category": days.category,
            "from": str(first),
            "to": str(last),
            "dates": [{**note_object(note), "settled": days.settled(note, now), "edition": numbers.get(note.date)} for note in notes],
            "totals": dates.totals(notes),
            "run": run,
            "daemon": daemon,
            "letters": letters,
        }
        with writing():
            write_json(json.dumps(told, ensure_ascii=False, indent=1) + "\n")
    else:
        about = [*([standing.daemon_line(daemon)] if daemon else []), *([standing.run_line(run)] if run else [])]
        about += [standing.queue_line(letters, now)] if letters else []
        write_text("".join(f"{line}\n" for line in about) + dates.listed(notes, numbers))
    return 0
