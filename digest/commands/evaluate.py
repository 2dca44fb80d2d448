"""``cvdigest evaluate``: how accurate the model is."""

import argparse
from pathlib import Path

from digest.commands.console import Console, command, read_settings, write_json, write_text, writing
from digest.errors import UsageError


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = command(commands, "evaluate", run, "show how accurate the model is, or measure it again")
    parser.add_argument("--corpus", metavar="FILE", help="labelled papers, as for train: measure on the fifth that no training sees")
    parser.add_argument("--daily", metavar="FILE", help="JSON lines with arxiv_id, title, abstract: measure on the daily papers")
    parser.add_argument("--reference", metavar="FILE", help="where the daily papers belong (default: the bundled reference)")
    parser.add_argument("--half", metavar="HALF", default="report", help="of the reference: choose or report (default: report)")
    parser.add_argument("--write", action="store_true", help="keep the figures as the card in the model's folder")
    parser.add_argument("--model", metavar="DIR", help="another model than the bundled one")
    parser.add_argument("--json", action="store_const", const=True, help="print the figures as JSON and nothing else")


def run(options: argparse.Namespace, console: Console) -> int:
    """Print the card of the model in use, or measure it again and print that."""
    from digest import app
    from digest.classify import card

    read = read_settings(options, console)
    corpus, daily, reference = (Path(name) if name else None for name in (options.corpus, options.daily, options.reference))
    if not corpus and not daily and (options.write or reference or options.half != "report"):
        msg = "--write, --reference and --half are for measuring again"
        raise UsageError(msg, advice="name the papers with --corpus, --daily or both")
    if options.write and options.half != "report":
        msg = "a card is measured on the half of the daily papers by which no choice was made"
        raise UsageError(msg, advice="leave --half or --write out")
    if corpus or daily:
        with_what = app.Measurement(corpus, daily, reference, options.half)
        found, page = app.evaluate(read.model, with_what, console.warn, write=options.write)
    else:
        found, page = app.card(read.model)
    with writing():
        if read.json:
            write_json(card.as_json(found))
        else:
            write_text(page)
    return 0
