"""``cvdigest search``: papers by their words."""

import argparse
import difflib
import json
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from digest.commands.console import Console, command, read_settings, write_json, write_text, writing
from digest.commands.shelves import shelf
from digest.errors import UsageError

if TYPE_CHECKING:
    from digest.core.query import Snippet
    from digest.store.search import Found, Hit

_MOST, _AT_MOST = 20, 1000
_NAMES = 4
"""Authors that are named before the others are counted."""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = command(commands, "search", run, "find the papers of your digests by the words of titles, abstracts and authors")
    parser.add_argument("words", metavar="WORDS", nargs="*", help='words, "a phrase", title:word, author:name, word*, this OR that, -not')
    parser.add_argument("--topic", metavar="TOPIC[/SUBTOPIC]", help="only papers of this topic, by the slugs of the catalogue")
    parser.add_argument("--from", dest="first", metavar="YYYY-MM-DD", help="only papers announced on this date or later")
    parser.add_argument("--to", dest="last", metavar="YYYY-MM-DD", help="only papers announced on this date or earlier")
    parser.add_argument("--category", metavar="CAT", help="only papers with this arXiv category, primary or not")
    parser.add_argument("--author", metavar="NAME", help="only papers with an author of this name")
    parser.add_argument("--order", choices=("relevance", "date"), default="relevance", help="the likeliest or the newest first")
    parser.add_argument("--most", metavar="N", default=str(_MOST), help=f"how many to print (default: {_MOST})")
    parser.add_argument("--json", action="store_const", const=True, help="print what is found as JSON")
    parser.add_argument("--database", metavar="PLACE", help="the file or the URL of the database (default: in the data folder)")
    parser.add_argument("--data", metavar="DIR", help="where the database is (default: the user's data folder)")


def run(options: argparse.Namespace, console: Console) -> int:
    """Find papers, and print them."""
    from digest import app, resources
    from digest.core.query import parse
    from digest.render.found import found_object
    from digest.settings import day
    from digest.store.search import search

    settings = read_settings(options, console)
    if options.author is not None and not any(map(str.isalnum, options.author)):
        msg = "--author: there is no name"
        raise UsageError(msg)
    query = parse(" ".join(options.words), options.author or "")
    topic, subtopic = shelf(options.topic, resources.taxonomy(), begins=True) if options.topic is not None else ("", "")
    first = day("from", options.first) if options.first is not None else None
    last = day("to", options.last) if options.last is not None else None
    if first and last and first > last:
        msg = f"--from: {first} is after {last}"
        raise UsageError(msg)
    if "+" in (category := settings.category if options.category is not None else ""):
        msg = f"--category: {category} is more than one category"
        raise UsageError(msg, advice="search for one at a time")
    if category and category not in (known := resources.categories()):
        alike = difflib.get_close_matches(category, sorted(known), 3)
        msg = f"--category: arXiv has no category {category}"
        raise UsageError(msg, advice=f"did you mean {' or '.join(alike)}?" if alike else "see https://arxiv.org/category_taxonomy")
    most = _number(options.most)
    with app.App(settings, settings.now or datetime.now(UTC), console.say, console.warn) as program:
        database = program.database(make=False)
        if database.sqlite and database.path is None:
            console.warn("there is no database yet; cvdigest run and cvdigest backfill fill it")
        with database.read() as connection:
            found = search(
                connection, query, topic=topic or None, subtopic=subtopic or None, first=first, last=last,
                category=category or None, order=options.order, most=most,
            )  # fmt: skip
    if settings.json:
        with writing():
            write_json(json.dumps(found_object(found), ensure_ascii=False, indent=1) + "\n")
        return 0
    bold = sys.stdout is not None and sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and "NO_COLOR" not in os.environ
    lines = [line for number, hit in enumerate(found.papers, 1) for line in (*_lines(number, hit, bold=bold), "")]
    # What an author wrote is made harmless piece by piece; the only controls that are left are ours.
    write_text("".join(f"{line}\n" for line in lines[:-1] or ["no paper is found"]), kept="\n\x1b")
    if found.papers:
        console.say(_summary(found, order=options.order))
    return 0


def _number(text: str) -> int:
    try:
        found = int(text)
    except ValueError:
        found = 0
    if not 1 <= found <= _AT_MOST:
        msg = f"--most: {text!r} is no number of papers"
        raise UsageError(msg, advice=f"1 to {_AT_MOST:,} will do")
    return found


def _summary(found: "Found", *, order: str) -> str:
    from digest.store.search import RANKED

    of = f"more than {RANKED:,} papers" if found.total is None else f"{found.total:,} paper{'s' * (found.total != 1)}"
    ranked = f"; the newest {RANKED:,} are ranked" if order == "relevance" and (found.total is None or found.total > RANKED) else ""
    return f"{len(found.papers)} of {of}{ranked}"


def _lines(number: int, hit: "Hit", *, bold: bool) -> list[str]:
    """Return a paper as a person reads it; nothing in it steers a terminal but the bold type of what was looked for."""
    paper = hit.paper
    names = ", ".join(paper.authors[:_NAMES])
    if len(paper.authors) > _NAMES:
        names += f" and {len(paper.authors) - _NAMES} more"
    place = "/".join(filter(None, (hit.topic, hit.subtopic)))
    facts = "; ".join(filter(None, (names, str(hit.announced or ""), place)))
    lines = [
        f"{number:>3}  {_harmless(paper.title)}",
        *(f"     {_harmless(text)}" for text in (facts, f"https://arxiv.org/abs/{paper.id}")),
    ]
    return [*lines, f"     {_shown(hit.snippet, bold=bold)}"] if hit.snippet.text else lines


def _shown(snippet: "Snippet", *, bold: bool) -> str:
    text, parts, end = _harmless(snippet.text), [], 0
    for begin, until in snippet.marks if bold else ():
        parts += [text[end:begin], "\x1b[1m", text[begin:until], "\x1b[0m"]
        end = until
    return f"{'... ' * snippet.before}{''.join(parts)}{text[end:]}{' ...' * snippet.after}"


def _harmless(text: str) -> str:
    """Return *text*, letter for letter, with a blank for what is not printed."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
