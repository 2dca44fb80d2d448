"""``cvdigest correct``: puts a paper where it belongs, for the next digest and for training."""

import argparse
import sys
from datetime import UTC, datetime

from digest.commands.console import Console, command, read_settings, write_text
from digest.commands.shelves import shelf
from digest.core.identifiers import identifier
from digest.errors import UsageError


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = command(commands, "correct", run, "put a paper under the topic that it belongs to, for the next digest and for training")
    parser.add_argument("paper", metavar="ID", nargs="?", help="the paper's arXiv identifier")
    parser.add_argument("shelf", metavar="TOPIC[/SUBTOPIC]", nargs="?", help="where it belongs, by the slugs of the catalogue")
    parser.add_argument("--remove", metavar="ID", help="forget the correction of a paper")
    parser.add_argument("--list", action="store_true", help="print all corrections, the newest last")
    parser.add_argument("--data", metavar="DIR", help="where corrections are kept (default: the user's data folder)")
    parser.add_argument("--database", metavar="DATABASE", help="which database: a path or a URL (default: cvdigest.db in the data folder)")


def run(options: argparse.Namespace, console: Console) -> int:
    """Keep, forget or list corrections."""
    from digest import app, corrections, resources

    settings = read_settings(options, console)
    wanted = (options.paper is not None, options.remove is not None, options.list)
    if sum(wanted) != 1 or (options.paper is None) != (options.shelf is None):
        msg = "correct takes a paper and its topic, or --remove and a paper, or --list"
        raise UsageError(msg, advice="cvdigest correct 2004.00614 pose-action/human-pose")
    today = (settings.now or datetime.now(UTC)).date()
    if options.list:
        with app.correcting(settings, console.say, console.warn) as known:
            listed = known.listed()
        if sys.stdout is not None:
            write_text("".join(f"{kept}\n" for kept in listed), kept="\n\t")
        return 0
    if options.remove is not None:
        paper = _identifier(options.remove)
        with app.correcting(settings, console.say, console.warn) as known:
            if not known.remove(paper, today):
                console.warn(f"there is no correction of {paper}")
        return 0
    paper = _identifier(options.paper)
    kept = corrections.Correction(paper, *shelf(options.shelf, resources.taxonomy()), today)
    with app.correcting(settings, console.say, console.warn) as known:
        known.add(kept)
    console.say(f"{paper} belongs to {kept.shelf}; the next digest that is made shows it there")
    return 0


def _identifier(text: str) -> str:
    found = identifier(text)
    if found is None:
        msg = f"{text!r} is no arXiv identifier"
        raise UsageError(msg, advice="they look like 2004.00614 or cs/0703101")
    return found
