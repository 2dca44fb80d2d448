"""``cvdigest train``: teach a model."""

import argparse
from pathlib import Path

from digest.commands.console import Console, command, read_settings, write_text, writing
from digest.errors import UsageError

_TERMS = ("catalogue", "headings")


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = command(commands, "train", run, "teach a model from curated lists and labelled papers")
    parser.add_argument(
        "--lists", metavar="PATH", action="append", default=[], help="a curated list, Markdown or CSV, or a folder of them; again for more"
    )
    parser.add_argument(
        "--abstracts", metavar="FILE", action="append", default=[], help="JSON lines with title and abstract; .gz too; again for more"
    )
    parser.add_argument("--fetch", action="store_true", help="fetch the public lists, and the abstracts from arXiv; goes on where it was")
    parser.add_argument("--terms", metavar="TERMS", help="catalogue, or headings: a list's own (default: headings for single files)")
    parser.add_argument("--out", metavar="DIR", help="the folder to write the model to (default: ./model)")
    parser.add_argument("--name", default="own", help="the model's name (default: own)")
    parser.add_argument("--data", metavar="DIR", help="where corrections and what was fetched are kept (default: the user's data folder)")
    parser.add_argument("--database", metavar="DATABASE", help="which database: a path or a URL (default: cvdigest.db in the data folder)")
    parser.add_argument("--arxiv-url", metavar="URL", help="one base URL for all of arXiv's addresses, for replays")
    parser.add_argument("--pace", metavar="SECONDS", help="least time between two requests to arXiv (default: 3, the API's own)")
    parser.add_argument("--contact", metavar="WHO", help="an address for arXiv to reach you, sent in the User-Agent")


def run(options: argparse.Namespace, console: Console) -> int:
    """Teach the model and say where it is."""
    from digest import app

    lists, abstracts = [Path(path) for path in options.lists], [Path(path) for path in options.abstracts]
    out = Path(options.out or "model")
    options.out = None  # the settings know it as the folder of digests
    settings = read_settings(options, console)
    if not lists and not abstracts and not options.fetch:
        msg = "there is nothing to learn from"
        raise UsageError(msg, advice="give --lists, --abstracts or --fetch")
    terms = options.terms or ("headings" if lists and not options.fetch and all(path.is_file() for path in lists) else "catalogue")
    if terms not in _TERMS:
        msg = f"--terms: {terms!r} is neither catalogue nor headings"
        raise UsageError(msg)
    what = app.Lessons(lists, abstracts, fetch=options.fetch, own=terms == "headings")
    about = app.train(settings, what, out, name=options.name, say=console.say, warn=console.warn)
    with writing():
        write_text(f"{out}: trained on {about['papers']:,} papers\n")
    console.say(f"cvdigest run --model {out} uses it")
    return 0
