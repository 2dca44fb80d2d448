"""A paper's identifier in, its whole path out: where it was announced, by whom that was said, and where it stands."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from digest import publish
from digest.arxiv.answers import Answers
from digest.errors import DigestError
from digest.ledger import Ledger

_LARGEST = 64 * 2**20
_KNOWN = ("submitted", "updated", "licence", "doi", "journal_ref")
"""Fields of an entry that are told if they are there and say something."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where to look."""

    out: Path
    data: Path
    category: str | None
    """None for all of them."""
    warn: Callable[[str], None]


def trace(name: str, where: Places) -> list[dict[str, Any]]:
    """Return every edition that holds the paper *name*, the oldest first, as what JSON can hold; the sample comes last.

    Raises:
        DigestError: none does.

    """
    found: list[dict[str, Any]] = []
    looked: list[date] = []
    for folder in (where.out, where.out / "sample"):
        for day, category, page in reversed(publish.editions(folder)):
            if where.category is not None and category != where.category:
                continue
            looked.append(day)
            path = (folder / page).with_suffix(".json")
            try:
                with path.open("rb") as file:
                    content = file.read(_LARGEST)
                if f'"{name}"'.encode() not in content:  # reading them all as JSON would take long after some years
                    continue
                edition = json.loads(content)
                found.extend(_place(edition, entry, folder / page, where) for entry in edition["entries"] if entry["id"] == name)
            except FileNotFoundError:
                continue
            except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
                where.warn(f"{path} is passed over, because it cannot be used: {exc or type(exc).__name__}")
    if found:
        return found
    of = f" of {where.category}" if where.category else ""
    span = f"{len(looked)} looked at, {min(looked)} to {max(looked)}" if looked else "there is none"
    msg = f"no edition{of} below {where.out} lists {name} ({span})"
    raise DigestError(msg, advice="cvdigest status tells which dates are made; name another folder with --out")


def _place(edition: dict[str, Any], entry: dict[str, Any], page: Path, where: Places) -> dict[str, Any]:
    """Return one place where a paper stands: *entry* of *edition*, whose page is at *page*."""
    day, category = date.fromisoformat(edition["date"]), str(edition["category"])
    source, model, sample = edition["source"], edition["model"], bool(edition["sample"])
    moments = Answers(where.data).fetched(day)
    answers = [
        {"url": url, "fetched": moments[sha256].isoformat() if sha256 in moments else None}
        for url, sha256 in zip(source["urls"], source["sha256"], strict=True)
    ]
    note = None if sample else Ledger(where.data, where.warn).read(category, day)
    return {
        "date": str(day),
        "category": category,
        "sample": sample,
        "kind": entry["kind"],
        "version": entry["version"],
        "title": entry["title"],
        "primary": entry["primary"],
        **{name: entry[name] for name in _KNOWN if entry.get(name)},
        "topic": entry["topic"],
        "subtopic": entry["subtopic"],
        "probability": entry["probability"],
        "unsure": entry["unsure"],
        "corrected": entry["corrected"],
        "model": model["name"] if model else None,
        "service": source["service"],
        "answers": answers,
        "reconstructed": note is not None and note.reconstructed,
        "late": note is not None and entry["id"] in note.late,
        "pending": bool(entry.get("pending")) or (note is not None and entry["id"] in note.pending),
        "page": str(page),
        "number": entry["number"],
        "line": _line(page, entry),
    }


def _line(page: Path, entry: dict[str, Any]) -> int | None:
    """Return the line on which a paper begins on its page."""
    try:
        text = page.read_text("utf-8")
    except (OSError, ValueError):
        return None
    begins = f"### {entry['number']}."
    return next((number for number, line in enumerate(text.splitlines(), 1) if line.startswith(begins)), None)
