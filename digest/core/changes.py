"""Two editions of one date in, what is different in the later one out."""

from collections.abc import Mapping, Sequence
from typing import Any

_TEXTS = (
    "title",
    "abstract",
    "authors",
    "comments",
    "categories",
    "kind",
    "version",
    "journal_ref",
    "doi",
    "licence",
    "submitted",
    "updated",
)
_OF_THE_PAGE = frozenset(("number", "probability", "topics", "unsure", "corrected"))
"""What says how an entry came to stand where it stands, and not what it says or where that is."""
_TOLD = 5
Document = Mapping[str, Any]
"""An edition as its JSON file has it."""


def changes(before: Document, after: Document) -> tuple[str, ...]:
    """Return what is different in *after*, each a sentence without its full stop; nothing if they say the same."""
    said: list[str] = []
    if before["state"] != after["state"]:
        said.append(
            "arXiv has no announcement of this date, it says now" if after["state"] == "none" else "arXiv has an announcement after all"
        )
    if before.get("reconstructed") != after.get("reconstructed"):
        said.append("The date is reconstructed now" if after.get("reconstructed") else "arXiv stated what had been reconstructed before")
    if before["layout"] != after["layout"]:
        said.append(f"The layout is {after['layout']} instead of {before['layout']}")
    if (was := _model(before)) != (is_now := _model(after)):
        said.append(f"The papers are sorted by {is_now} instead of {was}")
    old, new = ({entry["id"]: entry for entry in edition["entries"]} for edition in (before, after))
    said += _papers([name for name in new if name not in old], "came in", "came in")
    said += _papers([name for name in old if name not in new], "is gone", "are gone")
    both = [name for name in new if name in old]
    said += _papers([name for name in both if _place(old[name]) != _place(new[name])], "has another topic", "have other topics")
    said += _papers([name for name in both if _differs(old[name], new[name])], "is told otherwise", "are told otherwise")
    if before["counts"] != after["counts"]:
        said.append("arXiv announced other numbers of papers")
    if before["checks"] != after["checks"]:
        said.append("Other services of arXiv say something else")
    if not said and _core(before) != _core(after):
        said.append("Facts about how it was made are different")
    return tuple(said)


def retold(before: Document, after: Document) -> frozenset[str]:
    """Return the papers (identifiers) that came in, or of which a reader is told something else: not their numbers and probabilities."""
    old = {entry["id"]: _told(entry) for entry in before["entries"]}
    return frozenset(entry["id"] for entry in after["entries"] if old.get(entry["id"]) != _told(entry))


def same(before: Document, after: Document) -> bool:
    """Say whether two editions say the same, whatever their numbers."""
    return _core(before) == _core(after)


def _core(edition: Document) -> dict[str, Any]:
    return {name: value for name, value in edition.items() if name not in ("edition", "changes")}


def _model(edition: Document) -> str:
    return str(edition["model"]["name"]) if edition["model"] else "no model"


def _place(entry: Document) -> tuple[object, ...]:
    return entry["topic"], entry["subtopic"], entry["unsure"], entry["corrected"]


def _told(entry: Document) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in _OF_THE_PAGE}


def _differs(old: Document, new: Document) -> bool:
    return any(old.get(name) != new.get(name) for name in _TEXTS)


def _papers(names: Sequence[str], one: str, more: str) -> list[str]:
    if not names:
        return []
    told = ", ".join(names[:_TOLD]) + (f" and {len(names) - _TOLD} more" if len(names) > _TOLD else "")
    return [f"{len(names)} paper{'s' * (len(names) > 1)} {more if len(names) > 1 else one}: {told}"]
