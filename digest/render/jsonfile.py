"""An edition as JSON: the file beside the page, and what ``--json`` prints. Described by `models/edition.schema.json`."""

import json
from datetime import datetime
from typing import Any

from digest.core.edition import Edition, Item

FORMAT = 1


def edition_object(edition: Edition) -> dict[str, Any]:
    """Return *edition* as plain dictionaries, lists, texts and numbers."""
    return {
        "format": FORMAT,
        "date": edition.date.isoformat(),
        "category": edition.category,
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
    return json.dumps(edition_object(edition), ensure_ascii=False, indent=1) + "\n"


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
