"""Papers and what a model thinks of them: each thing that was ever said about a paper is kept once."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from digest.core.domain import Classification, ModelInfo, Paper, Shelf
from digest.store.schema import classifications, models, papers, versions

_AT_ONCE = 500
"""How many values one statement names: SQLite takes some 32,000, PostgreSQL 65,535."""
_SEARCHABLE = "SELECT id, title, abstract, authors, facts FROM searchable WHERE arxiv_id IN (SELECT value FROM json_each(?))"
_INDEXED = "cvdigest.indexed"
_INDEX = "INSERT INTO words (rowid, title, abstract, authors, facts, words) VALUES (?, ?, ?, ?, ?, ?)"
_T = TypeVar("_T")


def fingerprint(paper: Paper) -> str:
    """Return the sha256 of all that *paper* says but its identifier and whether it is complete."""
    said = _row(paper)
    return hashlib.sha256(json.dumps(said, ensure_ascii=False, sort_keys=True, default=_plain).encode()).hexdigest()


def keep(connection: sa.Connection, said: Sequence[Paper], seen: datetime) -> list[int]:
    """Keep what is said about papers; return the key of each version, in order.

    What was said before is not kept again. A paper's newest version is the one that is searched and shown, unless it is
    known to be older or has no abstract where the one before has.
    """
    hashes = [fingerprint(paper) for paper in said]
    keys = _paper_keys(connection, [paper.id for paper in said])
    there = _known(connection, {keys[paper.id] for paper in said})
    rows = {}
    for paper, sha256 in zip(said, hashes, strict=True):
        pair = keys[paper.id], sha256
        if pair not in there and pair not in rows:
            rows[pair] = {"paper": pair[0], "sha256": sha256, "seen": seen, **_row(paper)}
    for some in _batches(list(rows.values())):
        made = connection.execute(sa.insert(versions).returning(versions.c.id, versions.c.paper, versions.c.sha256), some)
        there |= {(row.paper, row.sha256): row.id for row in made}
    found = [there[keys[paper.id], sha256] for paper, sha256 in zip(said, hashes, strict=True)]
    _renew(connection, {keys[paper.id]: (key, paper) for key, paper in zip(found, said, strict=True)})
    return found


def load(connection: sa.Connection, keys: Sequence[int], pending: Sequence[bool] | None = None) -> list[Paper]:
    """Return what versions say, in the order of their *keys*; *pending* tells which of them lack their abstract."""
    found: dict[int, sa.RowMapping] = {}
    for some in _batches(list(dict.fromkeys(keys))):
        joined = sa.select(versions, papers.c.arxiv_id).join(papers, papers.c.id == versions.c.paper).where(versions.c.id.in_(some))
        found |= {row["id"]: row for row in connection.execute(joined).mappings()}
    lacking = pending or [False] * len(keys)
    return [paper_of(found[key], pending=one) for key, one in zip(keys, lacking, strict=True)]


def paper_of(row: Mapping[str, object] | sa.RowMapping, *, pending: bool = False) -> Paper:
    """Return the paper that a row of versions, with its ``arxiv_id``, is about."""
    facts: dict[str, object] = dict(row)
    return Paper(
        str(facts["arxiv_id"]),
        str(facts["title"]),
        str(facts["abstract"]),
        tuple(name for name in str(facts["authors"]).split("\n") if name),
        tuple(str(facts["categories"]).split()),
        str(facts["comments"]),
        str(facts["journal_ref"]),
        facts["version"],  # type: ignore[arg-type] # by the schema
        str(facts["doi"]),
        str(facts["licence"]),
        facts["submitted"],  # type: ignore[arg-type] # by the schema
        facts["updated"],  # type: ignore[arg-type] # by the schema
        pending,
    )


def place(connection: sa.Connection, places: Iterable[tuple[str, str, str, object]]) -> None:
    """Note where papers stand in the newest edition that lists them: identifier, topic, subtopic, date."""
    rows: list[dict[str, object]] = [
        {"of": name, "topic_is": topic, "subtopic_is": subtopic, "date_is": day} for name, topic, subtopic, day in places
    ]
    if rows:
        newer = sa.or_(papers.c.announced.is_(None), papers.c.announced <= sa.bindparam("date_is", type_=sa.Date))
        change = sa.update(papers).where(papers.c.arxiv_id == sa.bindparam("of"), newer)
        values = {
            "topic": sa.bindparam("topic_is"),
            "subtopic": sa.bindparam("subtopic_is"),
            "announced": sa.bindparam("date_is", type_=sa.Date),
        }
        with indexed(connection, [str(row["of"]) for row in rows]):
            connection.execute(change.values(values), rows)


@contextmanager
def indexed(connection: sa.Connection, names: Iterable[str]) -> Iterator[None]:
    """Let the index of words follow whatever is changed of these papers meanwhile; that of PostgreSQL does so by itself.

    Within another such block, papers that are its own are left to that one: so they are indexed once, not at each step.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    others: frozenset[str] = connection.info.get(_INDEXED, frozenset())
    ours = set(names) - others
    connection.info[_INDEXED] = others | ours
    try:
        before = _searchable(connection, ours)
        yield
        after = _searchable(connection, ours)
    finally:
        connection.info[_INDEXED] = others
    # The index keeps no texts of its own, so it must be told the words that it is to forget. What comes in the order of its
    # rows it writes at once.
    changes = [*((*row, "delete") for row in before - after), *((*row, None) for row in after - before)]
    if changes:
        connection.exec_driver_sql(_INDEX, sorted(changes, key=lambda row: (row[0], row[-1] is None)))


def _searchable(connection: sa.Connection, names: Iterable[str]) -> set[tuple[Any, ...]]:
    """Return what the index of SQLite is to have of papers."""
    return {tuple(row) for row in connection.exec_driver_sql(_SEARCHABLE, (json.dumps(sorted(names)),))}


# -- what a model thinks ------------------------------------------------------------------------------------------------


def known_model(connection: sa.Connection, info: ModelInfo) -> int | None:
    """Return the key of a model; None if nothing was classified by it yet."""
    known = connection.execute(sa.select(models.c.id).where(models.c.sha256 == info.sha256)).scalar()
    return None if known is None else int(known)


def model_key(connection: sa.Connection, info: ModelInfo) -> int:
    """Return the key of a model, which is known by the sha256 of its manifest."""
    known = known_model(connection, info)
    if known is not None:
        return known
    return int(connection.execute(sa.insert(models).values(name=info.name, sha256=info.sha256).returning(models.c.id)).scalar_one())


def keep_opinions(connection: sa.Connection, model: int, opinions: Mapping[int, Classification]) -> None:
    """Keep what a model thinks of versions, by their keys, in place of what it thought before."""
    for some in _batches(list(opinions)):
        connection.execute(sa.delete(classifications).where(classifications.c.model == model, classifications.c.version.in_(some)))
        connection.execute(
            sa.insert(classifications),
            [
                {
                    "version": key,
                    "model": model,
                    "shelves": [[shelf.topic, shelf.subtopic, shelf.probability] for shelf in opinions[key].shelves],
                    "unsure": opinions[key].unsure,
                }
                for key in some
            ],
        )


def opinions(connection: sa.Connection, model: int, keys: Sequence[int]) -> dict[int, Classification]:
    """Return what a model is known to think of versions, by their keys."""
    found = {}
    for some in _batches(list(dict.fromkeys(keys))):
        chosen = sa.select(classifications).where(classifications.c.model == model, classifications.c.version.in_(some))
        for row in connection.execute(chosen):
            found[row.version] = Classification(tuple(Shelf(*shelf) for shelf in row.shelves), row.unsure)
    return found


# -- inside -------------------------------------------------------------------------------------------------------------


def _row(paper: Paper) -> dict[str, object]:
    return {
        "version": paper.version,
        "title": paper.title,
        "abstract": paper.abstract,
        "authors": "\n".join(paper.authors),
        "categories": " ".join(paper.categories),
        "comments": paper.comments,
        "journal_ref": paper.journal_ref,
        "doi": paper.doi,
        "licence": paper.licence,
        "submitted": paper.submitted,
        "updated": paper.updated,
    }


def _plain(value: object) -> str:
    assert isinstance(value, datetime)  # noqa: S101 - the only field that JSON does not know
    return value.isoformat()


def _batches(values: Sequence[_T]) -> Iterable[Sequence[_T]]:
    return (values[start : start + _AT_ONCE] for start in range(0, len(values), _AT_ONCE))


def _paper_keys(connection: sa.Connection, names: Sequence[str]) -> dict[str, int]:
    """Return the key of each paper by its identifier; one that is not known yet becomes known."""
    found: dict[str, int] = {}
    for some in _batches(list(dict.fromkeys(names))):
        rows = connection.execute(sa.select(papers.c.arxiv_id, papers.c.id).where(papers.c.arxiv_id.in_(some)))
        found |= {row.arxiv_id: row.id for row in rows}
        if new := [{"arxiv_id": name, "latest": 0} for name in some if name not in found]:
            made = connection.execute(sa.insert(papers).returning(papers.c.arxiv_id, papers.c.id), new)
            found |= {row.arxiv_id: row.id for row in made}
    return found


def _known(connection: sa.Connection, keys: set[int]) -> dict[tuple[int, str], int]:
    """Return the keys of the versions of papers by paper and sha256."""
    found: dict[tuple[int, str], int] = {}
    for some in _batches(sorted(keys)):
        rows = connection.execute(sa.select(versions.c.id, versions.c.paper, versions.c.sha256).where(versions.c.paper.in_(some)))
        found |= {(row.paper, row.sha256): row.id for row in rows}
    return found


def _renew(connection: sa.Connection, newest: Mapping[int, tuple[int, Paper]]) -> None:
    """Let papers point to their newest versions."""
    before: dict[int, Any] = {}
    for some in _batches(sorted(newest)):
        fields = (papers.c.id, papers.c.latest, versions.c.version, versions.c.abstract)
        joined = papers.outerjoin(versions, versions.c.id == papers.c.latest)
        before |= {row.id: row for row in connection.execute(sa.select(*fields).select_from(joined).where(papers.c.id.in_(some)))}
    moved = {
        paper.id: {"of": key, "is": version}
        for key, (version, paper) in newest.items()
        if before[key].latest != version and not (before[key].latest and _worse(paper, before[key]))
    }
    if moved:
        with indexed(connection, list(moved)):
            connection.execute(
                sa.update(papers).where(papers.c.id == sa.bindparam("of")).values(latest=sa.bindparam("is")), list(moved.values())
            )


def _worse(paper: Paper, old: Any) -> bool:  # noqa: ANN401 - a row
    older = paper.version is not None and old.version is not None and paper.version < old.version
    return older or (not paper.abstract and bool(old.abstract))
