"""``cvdigest correct``: puts a paper where it belongs, for the next digest and for training."""

import argparse
import sys
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING

from digest.commands.console import Console, command, read_settings, write_text
from digest.core.identifiers import identifier
from digest.errors import UsageError

if TYPE_CHECKING:
    from digest.catalogue.taxonomy import Taxonomy


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = command(commands, "correct", run, "put a paper under the topic that it belongs to, for the next digest and for training")
    parser.add_argument("paper", metavar="ID", nargs="?", help="the paper's arXiv identifier")
    parser.add_argument("shelf", metavar="TOPIC[/SUBTOPIC]", nargs="?", help="where it belongs, by the slugs of the catalogue")
    parser.add_argument("--remove", metavar="ID", help="forget the correction of a paper")
    parser.add_argument("--list", action="store_true", help="print all corrections, the newest last")
    parser.add_argument("--data", metavar="DIR", help="where corrections are kept (default: the user's data folder)")


def run(options: argparse.Namespace, console: Console) -> int:
    """Keep, forget or list corrections."""
    from digest import app, corrections, resources

    settings = read_settings(options, console)
    data = app.data_folder(settings)
    wanted = (options.paper is not None, options.remove is not None, options.list)
    if sum(wanted) != 1 or (options.paper is None) != (options.shelf is None):
        msg = "correct takes a paper and its topic, or --remove and a paper, or --list"
        raise UsageError(msg, advice="cvdigest correct 2004.00614 pose-action/human-pose")
    if options.list:
        if sys.stdout is not None:
            write_text("".join(f"{kept}\n" for kept in corrections.listed(data)), kept="\n\t")
        return 0
    if options.remove is not None:
        paper = _identifier(options.remove)
        if not corrections.remove(data, paper):
            console.warn(f"there is no correction of {paper}")
        return 0
    paper = _identifier(options.paper)
    topic, subtopic = _shelf(options.shelf, resources.taxonomy())
    made = (settings.now or datetime.now(UTC)).date()
    kept = corrections.Correction(paper, topic, subtopic, made)
    corrections.add(data, kept)
    console.say(f"{paper} belongs to {kept.shelf}; the next digest that is made shows it there")
    return 0


def _identifier(text: str) -> str:
    found = identifier(text)
    if found is None:
        msg = f"{text!r} is no arXiv identifier"
        raise UsageError(msg, advice="they look like 2004.00614 or cs/0703101")
    return found


def _shelf(text: str, taxonomy: "Taxonomy") -> tuple[str, str]:
    """Return topic and subtopic (perhaps empty) as the user wrote them, if the catalogue has them."""
    topic, slash, subtopic = text.partition("/")
    if topic in taxonomy.names() and (not slash or (topic, subtopic) in taxonomy.shelves()):
        return topic, subtopic
    if topic not in taxonomy.names():
        what = f"there is no topic {topic!r}"
        slugs = [*taxonomy.names(), *("/".join(shelf) for shelf in taxonomy.shelves())]
        near = (
            ["/".join(shelf) for shelf in taxonomy.shelves() if shelf[1] in (topic, subtopic)] or _near(text, slugs) or _near(topic, slugs)
        )
        advice = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(taxonomy.names())}"
    else:
        what = f"{topic} has no subtopic {subtopic!r}"
        own = [slug for parent, slug in taxonomy.shelves() if parent == topic]
        near = [f"{topic}/{slug}" for slug in _near(subtopic, own)]
        near += ["/".join(shelf) for shelf in taxonomy.shelves() if shelf[1] == subtopic]
        advice = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(own)}"
    raise UsageError(what, advice=advice)


def _near(word: str, slugs: list[str]) -> list[str]:
    return get_close_matches(word.lower(), slugs, n=3, cutoff=0.6)
