"""An edition as JSON: the file beside the page, and what ``--json`` prints. Described by `models/edition.schema.json`."""

import json
from datetime import UTC, date, datetime
from json.encoder import encode_basestring
from typing import Any

from digest.catalogue.taxonomy import Taxonomy
from digest.core.domain import Check, Classification, Entry, Kind, ModelInfo, Paper, Provenance, Shelf, State
from digest.core.edition import Edition, Item, sectioned
from digest.core.links import Link

FORMAT = 1


def edition_object(edition: Edition) -> dict[str, Any]:
    """Return *edition* as plain dictionaries, lists, texts and numbers."""
    return {
        "format": FORMAT,
        "date": edition.date.isoformat(),
        "category": edition.category,
        "edition": edition.number,
        "changes": list(edition.changes),
        "state": edition.state.value,
        **({"reason": edition.reason} if edition.reason else {}),
        "sample": edition.sample,
        "layout": edition.layout,
        "counts": dict(edition.counts),
        "model": {"name": edition.model.name, "sha256": edition.model.sha256} if edition.model else None,
        "reconstructed": edition.reconstructed,
        "unknown": list(edition.unknown),
        "checks": [{"service": check.service, "agrees": check.agrees, "says": check.says} for check in edition.checks],
        "source": {"service": edition.source.service, "urls": list(edition.source.urls), "sha256": list(edition.source.sha256)},
        "entries": [_entry(item) for item in edition.items],
    }


def text(edition: Edition) -> str:
    """Return *edition* as the text of a JSON file, with a final line feed."""
    return _written(edition_object(edition), "\n") + "\n"


def read(document: dict[str, Any], taxonomy: Taxonomy) -> Edition:
    """Return the edition that a JSON file holds, as far as it tells: what a corrected paper's model thought is left as it is there.

    Raises:
        ValueError, KeyError, TypeError: it is no edition.

    """
    items = [_item(entry) for entry in document["entries"]]
    model, source = document["model"], document["source"]
    return Edition(
        document["category"],
        date.fromisoformat(document["date"]),
        State(document["state"]),
        document["layout"],
        dict(document["counts"]),
        sectioned(items, document["layout"], taxonomy),
        taxonomy,
        ModelInfo(model["name"], model["sha256"]) if model else None,
        Provenance(source["service"], tuple(source["urls"]), tuple(source["sha256"])),
        document.get("reason", ""),
        document["sample"],
        tuple(Check(check["service"], check["agrees"], check["says"]) for check in document["checks"]),
        document["reconstructed"],
        tuple(document["unknown"]),
        document["edition"],
        tuple(document["changes"]),
    )


def _written(value: object, margin: str) -> str:
    """Return what ``json.dumps(value, ensure_ascii=False, indent=1)`` does, several times as fast: that has no C for an indent."""
    if isinstance(value, str):
        return encode_basestring(value)
    inner = f"{margin} "
    if isinstance(value, dict) and value:
        return f"{{{inner}{f',{inner}'.join(f'{encode_basestring(key)}: {_written(one, inner)}' for key, one in value.items())}{margin}}}"
    if isinstance(value, list) and value:
        return f"[{inner}{f',{inner}'.join(_written(one, inner) for one in value)}{margin}]"
    return json.dumps(value)


def _item(entry: dict[str, Any]) -> Item:
    paper = Paper(
        entry["id"],
        entry["title"],
        entry["abstract"],
        tuple(entry["authors"]),
        tuple(entry["categories"]),
        entry["comments"],
        entry["journal_ref"],
        entry["version"],
        entry["doi"],
        entry["licence"],
        _instant(entry["submitted"]),
        _instant(entry["updated"]),
        entry["pending"],
    )
    shelves = tuple(Shelf(shelf["topic"], shelf["subtopic"] or "", shelf["probability"]) for shelf in entry["topics"])
    return Item(
        entry["number"],
        Entry(paper, Kind(entry["kind"])),
        Classification(shelves, entry["unsure"]) if shelves else None,
        tuple(Link(link["kind"], link["url"]) for link in entry["links"]),
        entry["venue"],
        (entry["topic"], entry["subtopic"] or "") if entry["corrected"] else None,
    )


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def _moment(value: datetime | None) -> str | None:
    return f"{value:%Y-%m-%dT%H:%M:%SZ}" if value else None


def _entry(item: Item) -> dict[str, Any]:
    paper, opinion = item.entry.paper, item.classification
    topic, subtopic = item.place or (None, None)
    # A correction has no probability: it is what the reader knows. What the model thinks stays in `topics`.
    probability = opinion.best.probability if opinion and not item.corrected else None
    shelves = opinion.shelves if opinion else ()
    return {
        "number": item.number,
        "id": paper.id,
        "version": paper.version,
        "kind": item.entry.kind.value,
        "title": paper.title,
        "authors": list(paper.authors),
        "abstract": paper.abstract,
        "pending": paper.pending,
        "categories": list(paper.categories),
        "primary": paper.primary,
        "comments": paper.comments,
        "journal_ref": paper.journal_ref,
        "doi": paper.doi,
        "licence": paper.licence,
        "submitted": _moment(paper.submitted),
        "updated": _moment(paper.updated),
        "venue": item.venue,
        "topic": topic,
        "subtopic": subtopic or None,
        "probability": probability,
        "topics": [{"topic": s.topic, "subtopic": s.subtopic or None, "probability": s.probability} for s in shelves],
        "unsure": not item.corrected and (opinion.unsure if opinion else True),
        "corrected": item.corrected is not None,
        "links": [{"kind": link.kind, "url": link.url} for link in item.links],
    }
