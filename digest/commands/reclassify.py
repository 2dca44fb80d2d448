"""``cvdigest reclassify``: what is stored, sorted again by another model."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from digest.commands.console import Console, add_site, command, read_settings, write_json, write_report, writing
from digest.errors import UsageError
from digest.settings import day

if TYPE_CHECKING:
    from digest.reclassify import Changed, Result

_TOLD = 10
"""How many dates a warning names."""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = command(commands, "reclassify", run, "sort the stored papers again by the present model, without asking anybody")
    parser.add_argument("--from", dest="first", metavar="YYYY-MM-DD", help="the first date (default: the oldest that is stored)")
    parser.add_argument("--to", dest="last", metavar="YYYY-MM-DD", help="the last date (default: the newest that is stored)")
    parser.add_argument("--dry-run", action="store_true", help="tell what would be different, without keeping or writing anything")
    parser.add_argument("--json", action="store_const", const=True, help="print the summary as JSON and nothing else")
    parser.add_argument("--category", metavar="CAT", help="any arXiv category (default: cs.CV)")
    parser.add_argument("--model", metavar="DIR", help="another model than the bundled one")
    parser.add_argument("--out", metavar="DIR", help="where your digests are (default: ./digests)")
    add_site(parser)
    parser.add_argument("--data", metavar="DIR", help="where the database is (default: the user's data folder)")
    parser.add_argument("--database", metavar="DATABASE", help="which database: a path or a URL (default: cvdigest.db in the data folder)")
    parser.add_argument("--now", metavar="INSTANT", help="take this instant for now: 2026-11-20T03:00Z")


def run(options: argparse.Namespace, console: Console) -> int:
    """Sort the dates again, and print what became of each that is different."""
    from digest import app

    settings = read_settings(options, console)
    first = day("from", options.first) if options.first is not None else None
    last = day("to", options.last) if options.last is not None else None
    if first is not None and last is not None and first > last:
        msg = f"--from: {first} is after {last}"
        raise UsageError(msg)
    lines = not settings.json and not settings.quiet

    def step(done: int, total: int) -> None:
        if done < total:
            console.say(f"{done} of {total} dates")

    def changed(one: "Changed") -> None:
        if lines:
            write_report(f"{one.date} edition {one.number}: {'. '.join(one.changes)}.\n")

    with app.App(settings, settings.now or datetime.now(UTC), console.say, console.warn, "reclassify") as program:
        result = program.reclassify(first, last, step, changed, dry=options.dry_run)
        if not options.dry_run:
            program.renew_site()
    if result.without:
        count = len(result.without)
        console.warn(f"no announcement is stored of {count} date{'s' * (count > 1)}: {_some(result.without)}; cvdigest backfill makes them")
    if settings.json:
        told = {"category": settings.category, "dry_run": options.dry_run, **asdict(result)}
        with writing():
            write_json(json.dumps(told, ensure_ascii=False, indent=1, default=str) + "\n")
    elif lines:
        write_report(f"{_totals(result, dry=options.dry_run)}\n")
    return 0


def _totals(result: "Result", *, dry: bool) -> str:
    count, new = result.dates, len(result.changed)
    would = "would get" if dry else "got"
    return (
        f"{result.listed:,} papers of {count} date{'s' * (count != 1)} sorted by {result.model}, "
        f"{result.classified:,} of them classified now; "
        f"{new} date{'s' * (new != 1)} {would} a new edition"
    )


def _some(dates: Sequence[date]) -> str:
    return ", ".join(map(str, dates[:_TOLD])) + (", ..." if len(dates) > _TOLD else "")
