"""``cvdigest lists``: what stands in the curated lists of others."""

import argparse
import json
import shutil
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from digest.commands.console import Console, command, read_settings, write_json, write_text, writing

if TYPE_CHECKING:
    from digest.catalogue.records import Reading, Record
    from digest.catalogue.sections import Sections

_WIDTH = 120
"""Of what is not written to a terminal."""
_LONGEST = {"arXiv": 16, "Venue": 10, "Oral": 4, "Mark": 6, "Links": 18}
"""What is longer is cut; the other columns share what is left, the title two parts of it."""
_LEAST = 8


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the group of commands to the parser."""
    what = "read the curated lists of others"
    group = commands.add_parser("lists", help=what, description=f"{what[0].upper()}{what[1:]}.")
    below = group.add_subparsers(title="commands", required=True, metavar="COMMAND")
    show = command(below, "show", run, "show the papers that stand in a curated list, and the lines that cannot be read")
    show.add_argument("list", metavar="FILE|URL", help="a list in Markdown, HTML or CSV, on this machine or behind https://")
    show.add_argument("--json", action="store_const", const=True, help="print all of it as one JSON document")
    show.add_argument("--data", metavar="DIR", help="where the time of the last request is kept (default: the user's data folder)")


def run(options: argparse.Namespace, console: Console) -> int:
    """Read one list and print it."""
    from digest import app, resources

    settings = read_settings(options, console)
    reading = app.curated_list(settings, options.list, console.say)
    rules = resources.sections()
    if settings.json:
        with writing():
            write_json(json.dumps(as_json(reading, rules), ensure_ascii=False, indent=1) + "\n")
        return 0
    write_text(as_text(reading, rules, shutil.get_terminal_size((_WIDTH, 24)).columns))
    return 0


def as_json(reading: "Reading", rules: "Sections") -> dict[str, object]:
    """Return a reading as what JSON can hold."""
    found = []
    for record in reading.records:
        topic, subtopic = _shelf(record, rules)
        found.append(
            {
                "title": record.title,
                "arxiv_id": record.arxiv_id or None,
                "section": list(record.section),
                "topic": topic,
                "subtopic": subtopic,
                "venue": record.venue or None,
                "oral": record.oral,
                "rating": record.rating or None,
                "remark": record.remark or None,
                "links": [{"kind": link.kind, "url": link.url} for link in record.links],
                "line": record.line,
                "cited": record.cited,
            }
        )
    unread = [
        {"line": entry.line, "reason": entry.reason, "text": entry.text, "arxiv_ids": list(entry.arxiv_ids)} for entry in reading.unread
    ]
    return {"source": reading.source, "records": found, "unread": unread}


def as_text(reading: "Reading", rules: "Sections", width: int) -> str:
    """Return a reading as a table of at most *width* columns, with what could not be read below it."""
    rows = [
        {
            "arXiv": record.arxiv_id,
            "Title": record.title,
            "Section": " \u203a ".join(record.section),
            "Shelf": "/".join(filter(None, _shelf(record, rules))),
            "Venue": record.venue,
            "Oral": "oral" if record.oral else "",
            "Mark": record.rating,
            "Links": " ".join(dict.fromkeys(link.kind for link in record.links)),
        }
        for record in reading.records
    ]
    lines = _table(rows, width) if rows else []
    for entry in reading.unread:
        lines.append(_cut(f"line {entry.line}: {entry.reason}: {entry.text}", width))
    lines.append(f"{len(reading.records)} papers, {len(reading.unread)} lines that look like papers and could not be read")
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _shelf(record: "Record", rules: "Sections") -> tuple[str | None, str | None]:
    shelf = rules.shelf(record.section)
    return (shelf.topic, shelf.subtopic) if shelf else (None, None)


def _table(rows: Sequence[dict[str, str]], width: int) -> list[str]:
    """Return the rows below their heads; a column in which nothing stands is left out."""
    names = [name for name in rows[0] if any(row[name] for row in rows)]
    widths = {name: min(_LONGEST.get(name, width), max(_width(text) for text in (name, *(row[name] for row in rows)))) for name in names}
    left = width - sum(widths[name] + 2 for name in names if name in _LONGEST)
    flexible = [name for name in names if name not in _LONGEST]
    left -= 2 * (len(flexible) - 1)
    parts = 1 + len(flexible)
    for name in reversed(flexible):  # what the others do not need is the title's, which comes last here
        share = left - sum(widths[other] for other in flexible if other != name) if name == "Title" else left // parts
        widths[name] = max(_LEAST, min(widths[name], share))
    return [_line(names, widths, {name: name for name in names}), *(_line(names, widths, row) for row in rows)]


def _line(names: Iterable[str], widths: dict[str, int], row: dict[str, str]) -> str:
    return "  ".join(_padded(_cut(row[name], widths[name]), widths[name]) for name in names)


def _width(text: str) -> int:
    """Return how many columns of a terminal *text* takes: Chinese letters take two."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text)


def _cut(text: str, width: int) -> str:
    if _width(text) <= width:
        return text
    while text and _width(text) > width - 1:
        text = text[:-1] if len(text) <= width else text[:width]
    return f"{text}\u2026"


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))
