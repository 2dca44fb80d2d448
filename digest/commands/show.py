"""``cvdigest show``: one paper's whole path."""

import argparse
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from digest.commands.console import Console, command, read_settings, write_json, write_text, writing
from digest.core.identifiers import identifier
from digest.errors import UsageError


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = command(commands, "show", run, "show a paper's whole path: announced, fetched, classified, published")
    parser.add_argument("paper", metavar="ID", help="the paper's arXiv identifier, or its address")
    parser.add_argument("--category", metavar="CAT", help="only in digests of this category (default: in all)")
    parser.add_argument("--out", metavar="DIR", help="where your digests are (default: ./digests)")
    parser.add_argument("--data", metavar="DIR", help="where arXiv's answers are kept (default: the user's data folder)")
    parser.add_argument(
        "--database", metavar="DATABASE", help="where it is kept what was made: a path or a URL (default: in the data folder)"
    )
    parser.add_argument("--json", action="store_const", const=True, help="print all of it as JSON")


def run(options: argparse.Namespace, console: Console) -> int:
    """Find the paper in the digests, and print its path."""
    from digest import app, tracing

    settings = read_settings(options, console)
    name = identifier(options.paper)
    if name is None:
        msg = f"{options.paper[:200]!r} is no arXiv identifier"
        raise UsageError(msg, advice="they look like 2004.00614 or cs/0703101")
    data = app.data_folder(settings)
    category = settings.category if options.category is not None else None
    with app.App(settings, settings.now or datetime.now(UTC), console.say, console.warn) as program:
        places = tracing.Places(program.database(make=False), settings.out, data, category, console.warn)
        editions = tracing.trace(name, places)
        correction = program.corrections().get(name)
    if settings.json:
        shelf = {"topic": correction[0], "subtopic": correction[1] or None} if correction else None
        with writing():
            write_json(json.dumps({"id": name, "editions": editions, "correction": shelf}, ensure_ascii=False, indent=1) + "\n")
        return 0
    lines = [f"{name}  {editions[-1]['title']}"]
    for edition in editions:
        lines += ["", *_lines(edition)]
    if correction:
        lines += ["", f"Corrected by you to {'/'.join(filter(None, correction))}: a digest that is made from now on shows it there."]
    write_text("".join(f"{line}\n" for line in lines))
    return 0


def _lines(edition: dict[str, Any]) -> Iterator[str]:
    """Yield where a paper stands in one edition, one fact a line."""
    version = f", version {edition['version']}" if edition["version"] else ""
    sample = " (the sample, whose papers are invented)" if edition["sample"] else ""
    yield f"{edition['date']} {edition['category']}{sample}"
    yield f"  announced   as {edition['kind']}{version}; primary category {edition['primary']}"
    if edition["late"]:
        yield "              it came after the first page of this date was made"
    for name in ("submitted", "updated", "licence", "doi", "journal_ref"):
        if name in edition:
            yield f"  {name.replace('_', ' '):<11} {edition[name]}"
    yield f"  source      {edition['service']}{' (reconstructed)' if edition['reconstructed'] else ''}"
    for answer in edition["answers"]:
        yield f"  fetched     {answer['fetched'] or 'the answer is not kept'}  {answer['url']}"
    if edition["pending"]:
        yield "  abstract    could not be had so far; the next run completes it"
    if not edition["listed"]:
        yield f"  published   not on the page {edition['page']}, which does not list what is {edition['kind']}"
        return
    yield f"  classified  {_shelf(edition)}"
    line = f", line {edition['line']}" if edition["line"] else " (the page is not there)"
    again = f" (edition {edition['edition']})" if edition["edition"] > 1 else ""
    yield f"  published   {edition['page']}{again}, number {edition['number']}{line}"
    for step in edition["editions"]:
        place = _shelf({**step, "model": None}) if step["listed"] else "not listed"
        why = f": {'. '.join(step['changes'])}" if step["changes"] else ""
        yield f"  edition {step['edition']:<3} {place}{why}"


def _shelf(edition: dict[str, Any]) -> str:
    if edition["topic"] is None:
        return "not at all: there was no model"
    place = "/".join(filter(None, (edition["topic"], edition["subtopic"])))
    by = f", by the model {edition['model']}" if edition["model"] else ""
    if edition["corrected"]:
        return f"{place}, corrected by you"
    return f"{place} {edition['probability']:.2f}{' (unsure)' if edition['unsure'] else ''}{by}"
