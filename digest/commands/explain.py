"""``cvdigest explain``: why the model puts a paper where it does."""

import argparse
import json
from pathlib import Path

from digest.commands.console import Console, command, read_settings, write_json, write_text, writing
from digest.core.identifiers import identifier
from digest.errors import UsageError


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = command(commands, "explain", run, "tell why the model puts a paper where it does")
    parser.add_argument("paper", metavar="ID", nargs="?", help="the arXiv identifier of a paper in one of your digests")
    parser.add_argument("--file", metavar="FILE", help="look for the paper in these JSON lines")
    parser.add_argument("--title", metavar="TEXT", help="explain a paper of this title")
    parser.add_argument("--abstract", metavar="TEXT", help="and of this abstract")
    parser.add_argument("--json", action="store_const", const=True, help="print all of it as JSON")
    parser.add_argument("--out", metavar="DIR", help="where your digests are (default: ./digests)")
    parser.add_argument("--model", metavar="DIR", help="another model than the bundled one")
    parser.add_argument("--data", metavar="DIR", help="where corrections are kept (default: the user's data folder)")
    parser.add_argument("--database", metavar="DATABASE", help="which database: a path or a URL (default: cvdigest.db in the data folder)")


def run(options: argparse.Namespace, console: Console) -> int:
    """Find the paper, and print why."""
    from digest import app, explaining, resources

    settings = read_settings(options, console)
    name = identifier(options.paper) if options.paper is not None else ""
    if name is None:
        msg = f"{options.paper!r} is no arXiv identifier"
        raise UsageError(msg, advice="they look like 2004.00614 or cs/0703101")
    if options.title is None and (not name or options.abstract is not None):
        msg = "explain takes a paper's identifier, or --title and --abstract"
        raise UsageError(msg, advice="cvdigest explain 2004.00614")
    if options.title is not None and options.file is not None:
        msg = "a paper is either in a file or given by its title"
        raise UsageError(msg, advice="leave --file or --title out")
    if options.title is not None:
        found = explaining.Found(name, options.title, options.abstract or "", "")
    elif options.file is not None:
        found = explaining.in_file(Path(options.file), name)
    else:
        found = explaining.in_editions(settings.out, name, console.warn)
    corrected = None
    if name:
        with app.correcting(settings, console.say, console.warn) as known:
            corrected = known.in_force().get(name)
    told = explaining.report(found, app.model_folder(settings), corrected, console.warn)
    if settings.json:
        with writing():
            write_json(json.dumps(told, ensure_ascii=False, indent=1) + "\n")
        return 0
    names, parts = resources.taxonomy().names(), resources.taxonomy().subtopic_names()

    def called(topic: str, subtopic: str | None) -> str:
        part = parts.get((topic, subtopic or ""), subtopic or "")
        return names.get(topic, topic) + (f" \u203a {part}" if part else "")

    write_text(explaining.as_text(told, called))
    return 0
