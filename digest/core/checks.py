"""What one of arXiv's services says, held against what another one says. Nothing is asked for in here.

The listing decides which papers belong to a date; the others check it and fill in what it does not tell. They never add a
paper, take one away or change a text that the listing gives.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from digest.core.domain import Announcement, Check, Entry, Kind, Paper
from digest.core.identifiers import age

_NAMED = 12


def membership(entries: Sequence[Entry], others: Sequence[Entry], service: str, *, kinds: bool = True) -> Check:
    """Compare identifiers, and *kinds* too, with a service that lists what was announced."""
    ours, theirs = _first_kinds(entries), _first_kinds(others)
    lacking = [name for name in ours if name not in theirs]
    besides = [name for name in theirs if name not in ours]
    otherwise = [name for name in ours if kinds and name in theirs and theirs[name] is not ours[name]]
    if not (lacking or besides or otherwise):
        same = f"the {service} lists the same {len(ours)} papers" + (", of the same kinds" if kinds else "")
        return Check(service, agrees=True, says=same)
    parts = []
    if lacking:
        parts.append(f"lacks {_named(lacking)}")
    if besides:
        parts.append(f"has {_named(besides)} besides")
    if otherwise:
        parts.append(f"gives another kind for {_named(otherwise)}")
    return Check(service, agrees=False, says=f"of {len(ours)} papers, the {service} {' and '.join(parts)}", besides=tuple(besides))


def known(entries: Sequence[Entry], ids: Iterable[str], service: str, name: str) -> Check:
    """Compare identifiers with a *service* that knows papers, of this date and of others; *name* is what it is called."""
    ours = list(dict.fromkeys(entry.paper.id for entry in entries))
    there = set(ids)
    lacking = [paper for paper in ours if paper not in there]
    if not lacking:
        return Check(service, agrees=True, says=f"{name} knows all {len(ours)} papers")
    return Check(service, agrees=False, says=f"of {len(ours)} papers, {name} does not know {_named(lacking)}")


def after_the_last(entries: Sequence[Entry], earlier: Iterable[str]) -> Check | None:
    """Compare the newest identifier with that of the edition before (its new papers are *earlier*); None if one has none."""
    ours, theirs = _newest(entry.paper.id for entry in entries if entry.kind is Kind.NEW), _newest(earlier)
    if not ours or not theirs:
        return None
    if age(ours) > age(theirs):
        return Check("edition", agrees=True, says=f"the newest paper, {ours}, comes after that of the last edition, {theirs}")
    return Check("edition", agrees=False, says=f"the newest paper, {ours}, does not come after that of the last edition, {theirs}")


def repeated(entries: Sequence[Entry], earlier: Iterable[str]) -> float:
    """Return the share of the new papers that the edition before had as new papers already."""
    new = {entry.paper.id for entry in entries if entry.kind is Kind.NEW}
    return len(new & set(earlier)) / len(new) if new else 0.0


def newest_submission(entries: Iterable[Entry]) -> datetime | None:
    """Return when the last of the new papers came in, as far as that is known."""
    return max((entry.paper.submitted for entry in entries if entry.kind is Kind.NEW and entry.paper.submitted), default=None)


def completed(announcement: Announcement, found: Mapping[str, Paper]) -> Announcement:
    """Return *announcement* with the fields that it lacks out of *found*, papers by identifier."""
    return replace(announcement, entries=tuple(replace(entry, paper=_filled(entry.paper, found)) for entry in announcement.entries))


def _filled(paper: Paper, found: Mapping[str, Paper]) -> Paper:
    other = found.get(paper.id)
    if other is None:
        return paper
    pending = paper.pending and not other.abstract
    return replace(
        paper,
        abstract=other.abstract if paper.pending and other.abstract else paper.abstract,
        pending=pending,
        authors=paper.authors or other.authors,
        categories=paper.categories or other.categories,
        comments=paper.comments or other.comments,
        journal_ref=paper.journal_ref or other.journal_ref,
        version=paper.version or other.version,
        doi=paper.doi or other.doi,
        licence=paper.licence or other.licence,
        submitted=paper.submitted or other.submitted,
        updated=paper.updated or other.updated,
    )


def _first_kinds(entries: Iterable[Entry]) -> dict[str, Kind]:
    """Return the kind of each paper; that of one which is announced in two ways is the first of them."""
    ranks = {kind: rank for rank, kind in enumerate(Kind)}
    found: dict[str, Kind] = {}
    for entry in entries:
        if entry.paper.id not in found or ranks[entry.kind] < ranks[found[entry.paper.id]]:
            found[entry.paper.id] = entry.kind
    return found


def _newest(ids: Iterable[str]) -> str:
    # Identifiers of the old style are in as many orders as there were archives.
    return max((name for name in ids if "/" not in name), key=age, default="")


def _named(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return f"{len(ids)} ({', '.join(ids[:_NAMED])}{more})"
