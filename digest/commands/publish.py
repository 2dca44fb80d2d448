"""``cvdigest publish``: brings the site up to date, out of what is stored."""

import argparse
import json
from dataclasses import asdict
from datetime import UTC, datetime
from time import monotonic

from digest.commands.console import Console, add_site, command, counted, read_settings, write_json, write_report, writing
from digest.errors import PublishError, UsageError


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = command(commands, "publish", run, "bring the site up to date: pages and feeds of all that is stored, in a folder")
    parser.add_argument("--all", action="store_true", help="make every page again, and write those that are not as they should be")
    parser.add_argument("--json", action="store_const", const=True, help="print what was done as JSON and nothing else")
    parser.add_argument("--category", metavar="CAT", help="any arXiv category (default: cs.CV)")
    parser.add_argument("--out", metavar="DIR", help="where your digests are (default: ./digests)")
    add_site(parser)
    parser.add_argument("--data", metavar="DIR", help="where the database is (default: the user's data folder)")
    parser.add_argument("--database", metavar="DATABASE", help="which database: a path or a URL (default: cvdigest.db in the data folder)")
    parser.add_argument("--model", metavar="DIR", help="another model than the bundled one, for the reasons on the pages of papers")


def run(options: argparse.Namespace, console: Console) -> int:
    """Bring the site up to date, and print what was done."""
    from digest import app
    from digest.core.domain import State

    settings = read_settings(options, console)
    if settings.no_site:
        msg = "no site is to be made (no-site)"
        raise UsageError(msg, advice="leave that setting out")
    begin = monotonic()
    with app.App(settings, settings.now or datetime.now(UTC), console.say, console.warn, "publish") as program:
        archive = program.site().archive
        if not (archive.issues() or any(one.state is State.NONE for one in archive.standings())):
            msg = f"no edition of {settings.category} is stored"
            raise PublishError(msg, advice="cvdigest run makes one; perhaps --data or --database is not that of your runs")
        report = program.publish(again=options.all)
    seconds = monotonic() - begin
    where = settings.site_folder
    if settings.json:
        with writing("the site is made all the same"):
            write_json(
                json.dumps({"site": str(where), **asdict(report), "seconds": round(seconds, 3)}, ensure_ascii=False, indent=1) + "\n"
            )
    elif not settings.quiet:
        removed = f", {report.removed:,} removed" if report.removed else ""
        done = f"{counted(report.written, 'file')} written, {report.unchanged:,} unchanged{removed}"
        done = done if report.written or report.removed else "nothing to write: the site is up to date"
        write_report(f"{done}, {seconds:.1f} s\n{where}\n")
    return 0
