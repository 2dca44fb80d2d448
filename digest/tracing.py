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
from digest.store import announcements, answers, days, editions
from digest.store.database import Database

_LARGEST = 64 * 2**20
_KNOWN = ("submitted", "updated", "licence", "doi", "journal_ref")
"""Fields of an entry that are told if they are there and say something."""


_NOWHERE = {"topic": None, "subtopic": None, "probability": None, "unsure": False, "corrected": False, "number": None}
"""Where a paper stands that no page lists."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where to look."""

    database: Database
    out: Path
    data: Path
    category: str | None
    """None for all of them."""
    warn: Callable[[str], None]


def trace(name: str, where: Places) -> list[dict[str, Any]]:
    """Return where the paper *name* stands on every date on which it was announced, the oldest first, as what JSON can hold.

    The sample comes last. If its place changed from one edition of a date to the next, ``editions`` says where it stood in each.

    Raises:
        DigestError: none does.

    """
    with where.database.read() as connection:
        kept = set(editions.dates(connection, where.category))
        announced = editions.path_of(connection, name, where.category)
    found = [_stored(name, keys, where) for keys in announced]
    looked = [day for _, day in kept]
    # The sample is never kept, and pages that an earlier release made, or whose database is lost, are not either.
    for folder in (where.out, where.out / "sample"):
        for day, category, page in reversed(publish.editions(folder)):
            if (where.category is not None and category != where.category) or (folder == where.out and (category, day) in kept):
                continue
            looked.append(day)
            path = (folder / page).with_suffix(".json")
            try:
                with path.open("rb") as opened:
                    content = opened.read(_LARGEST)
                if f'"{name}"'.encode() not in content:  # reading them all as JSON would take long after some years
                    continue
                document = json.loads(content)
                found.extend(_place(document, entry, folder / page, where) for entry in document["entries"] if entry["id"] == name)
            except FileNotFoundError:
                continue
            except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
                where.warn(f"{path} is passed over, because it cannot be used: {exc or type(exc).__name__}")
    found.sort(key=lambda place: (place["sample"], place["date"], place["category"]))
    if found:
        return found
    of = f" of {where.category}" if where.category else ""
    span = f"{len(looked)} looked at, {min(looked)} to {max(looked)}" if looked else "there is none"
    msg = f"no edition{of} below {where.out} lists {name} ({span})"
    raise DigestError(msg, advice="cvdigest status tells which dates are made; name another folder with --out")


def _stored(name: str, keys: list[int], where: Places) -> dict[str, Any]:
    """Return where a paper stands in the last edition of a date that lists it, by the *keys* of the date's editions."""
    with where.database.read() as connection:
        stored = [editions.load(connection, key) for key in keys]
    files = [edition.file("json") for edition in stored]
    documents = [json.loads(file.content) for file in files if file]
    entries = [next((entry for entry in document["entries"] if entry["id"] == name), None) for document in documents]
    page = publish.page_path(where.out, stored[-1].date, stored[-1].category)
    listed = [number for number, entry in enumerate(entries) if entry]
    if listed:
        place = _place(documents[listed[-1]], entries[listed[-1]] or {}, page, where)
    else:
        place = _place(documents[-1], _announced(name, [edition.announcement for edition in stored], where), page, where)
    path = [_step(document, entry) for document, entry in zip(documents, entries, strict=True)]
    places = {(step["listed"], step["topic"], step["subtopic"], step["unsure"], step["corrected"]) for step in path}
    return {**place, "editions": path if len(places) > 1 else []}


def _step(document: dict[str, Any], entry: dict[str, Any] | None) -> dict[str, Any]:
    """Return where a paper stands in one of several editions of a date."""
    facts = {name: entry[name] if entry else None for name in ("topic", "subtopic", "probability", "unsure", "corrected")}
    return {"edition": document["edition"], "listed": entry is not None, **facts, "changes": document["changes"]}


def _announced(name: str, keys: list[int], where: Places) -> dict[str, Any]:
    """Return what was announced about a paper that no page lists, by the *keys* of what was announced on its date."""
    with where.database.read() as connection:
        read = (announcements.load(connection, key)[0] for key in reversed(dict.fromkeys(keys)))
        said = next(entry for announcement in read for entry in announcement.entries if entry.paper.id == name)
    paper = said.paper
    facts = {"licence": paper.licence, "doi": paper.doi, "journal_ref": paper.journal_ref}
    moments = {"submitted": paper.submitted, "updated": paper.updated}
    return {
        "id": name,
        "kind": said.kind.value,
        "version": paper.version,
        "title": paper.title,
        "primary": paper.primary,
        **facts,
        **{what: f"{moment:%Y-%m-%dT%H:%M:%SZ}" for what, moment in moments.items() if moment},
        **_NOWHERE,
    }


def _place(edition: dict[str, Any], entry: dict[str, Any], page: Path, where: Places) -> dict[str, Any]:
    """Return one place where a paper stands: *entry* of *edition*, whose page is at *page*."""
    day, category = date.fromisoformat(edition["date"]), str(edition["category"])
    source, model, sample = edition["source"], edition["model"], bool(edition["sample"])
    with where.database.read() as connection:
        note = None if sample else days.read(connection, category, day)
        moments = {**Answers(where.data).fetched(day), **answers.fetched(connection, source["sha256"])}
    said = [
        {"url": url, "fetched": moments[sha256].isoformat() if sha256 in moments else None}
        for url, sha256 in zip(source["urls"], source["sha256"], strict=True)
    ]
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
        "answers": said,
        "reconstructed": note is not None and note.reconstructed,
        "late": note is not None and entry["id"] in note.late,
        "pending": bool(entry.get("pending")) or (note is not None and entry["id"] in note.pending),
        "page": str(page),
        "edition": edition.get("edition", 1),
        "listed": entry["number"] is not None,
        "number": entry["number"],
        "line": _line(page, entry) if entry["number"] else None,
        "editions": [],
    }


def _line(page: Path, entry: dict[str, Any]) -> int | None:
    """Return the line on which a paper begins on its page."""
    try:
        text = page.read_text("utf-8")
    except (OSError, ValueError):
        return None
    begins = f"### {entry['number']}."
    return next((number for number, line in enumerate(text.splitlines(), 1) if line.startswith(begins)), None)
