"""Curated lists on disk in; who files which paper where out.

A list's headings mean topics of the catalogue by the rules of models/sections.toml, or they are the topics themselves, for
those who bring a list of their own.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digest.catalogue import lists
from digest.catalogue.merge import Filed, copies
from digest.catalogue.records import LARGEST, Record, decode, title_key
from digest.catalogue.sections import Sections
from digest.catalogue.sources import Source
from digest.errors import UsageError

_SUFFIXES = (".md", ".csv", ".markdown", ".txt")
_NOT_WORD = re.compile(r"[^\w]+")
_TOPICS = 2
"""Fewer are nothing to tell apart."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Own:
    """What a user's own lists teach: their shelves, and the names of these in the shape that a taxonomy is built from."""

    filed: tuple[Filed, ...]
    taxonomy: tuple[dict[str, Any], ...]

    @property
    def shelves(self) -> tuple[tuple[str, str], ...]:
        """Return the slugs of every topic and subtopic."""
        return tuple((topic["slug"], sub["slug"]) for topic in self.taxonomy for sub in topic["subtopics"])


def files(paths: Iterable[Path]) -> list[Path]:
    """Return the lists at *paths*: the files themselves, and those in folders, in the order of their names.

    Raises:
        UsageError: there is nothing there.

    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(entry for entry in path.iterdir() if entry.suffix in _SUFFIXES and entry.is_file())
            if not inside:
                msg = f"{path} holds no list ({', '.join(_SUFFIXES)})"
                raise UsageError(msg)
            found.extend(inside)
        elif path.is_file():
            found.append(path)
        else:
            msg = f"there is no list at {path}"
            raise UsageError(msg)
    return found


def read(paths: Sequence[Path], known: Sequence[Source], say: Say) -> dict[str, list[Record]]:
    """Return the papers of each list, by its name; a copy of another list by another curator is left out, and named.

    Raises:
        UsageError: a list cannot be read, or the only one holds no paper.
        ListError: a list is too large, or no text in UTF-8.

    """
    found: dict[str, list[Record]] = {}
    for path in paths:
        try:
            with path.open("rb") as file:
                body = file.read(LARGEST + 1)  # more would be refused
        except OSError as exc:
            msg = f"{path} cannot be read: {exc.strerror or exc}"
            raise UsageError(msg) from exc
        reading = lists.read(decode(body, source=str(path)), source=path.name)
        found[path.stem] = [record for record in reading.records if not record.cited]
        if not found[path.stem] and len(paths) == 1:
            msg = f"no paper can be read in {path}"
            raise UsageError(msg, advice=f"cvdigest lists show {path} tells what it looks like")
    curators = curators_of(found, known)
    for copy, original in copies({name: [(_key(record), record.section) for record in own] for name, own in found.items()}).items():
        if curators[copy] != curators[original]:
            say(f"{copy} is a copy of {original}, and counts once with it")
            del found[copy]
    return found


def curators_of(names: Iterable[str], known: Sequence[Source]) -> dict[str, str]:
    """Return who keeps each list; one that nobody knows has a curator of its own."""
    curators = {source.name: source.curator for source in known}
    return {name: curators.get(name, name) for name in names}


def by_catalogue(found: Mapping[str, Sequence[Record]], known: Sequence[Source], sections: Sections) -> list[Filed]:
    """Return what the lists say in the catalogue's terms; papers under headings that mean no topic are left out."""
    curators = curators_of(found, known)
    filed = []
    for name, records in found.items():
        for record in records:
            shelf = sections.shelf(record.section)
            if shelf is not None:
                filed.append(Filed(curators[name], record.title, record.arxiv_id, shelf.topic, shelf.subtopic))
    return filed


def by_headings(found: Mapping[str, Sequence[Record]], warn: Say, *, few: int) -> Own:
    """Return what the lists say in their own terms: the outer headings are the topics, the next ones their subtopics.

    Headings that stand above all papers of a list, such as the venue's name, are none of them. A topic of fewer than *few*
    papers is named.

    Raises:
        UsageError: there are no headings, or hardly two papers under the same one.

    """
    placed = [(name, record, path) for name, records in found.items() for record, path in _inner(records)]
    counts = Counter(slug(path[0]) for _, _, path in placed if path)
    if not counts:
        msg = "the list has no headings, so there is nothing to sort papers by"
        raise UsageError(msg, advice="put a heading above the papers of each topic")
    if sum(count >= few for count in counts.values()) < _TOPICS:
        msg = f"no two headings have {few} papers or more: {len(counts):,} headings for {len(placed):,} papers are no topics"
        raise UsageError(msg, advice="give topics more papers, or fewer headings")
    topics: dict[str, dict[str, Any]] = {}
    filed = []
    for name, record, path in placed:
        if not path:
            continue
        topic = slug(path[0])
        entry = topics.setdefault(topic, {"slug": topic, "name": path[0], "subtopics": {}})
        label = path[1] if len(path) > 1 else path[0]
        entry["subtopics"].setdefault(slug(label), label)
        filed.append(Filed(name, record.title, record.arxiv_id, topic, slug(label)))
    if left := len(placed) - len(filed):
        warn(f"{left:,} papers stand under no heading and are left out")
    taxonomy = tuple(
        {**topic, "subtopics": [{"slug": sub, "name": label} for sub, label in topic["subtopics"].items()]} for topic in topics.values()
    )
    return Own(tuple(filed), taxonomy)


def slug(heading: str) -> str:
    """Return a heading as it stands in files and addresses: letters and digits in lower case, with hyphens between words."""
    return _NOT_WORD.sub("-", unicodedata.normalize("NFKC", heading).casefold()).strip("-_") or "untitled"


def _inner(records: Sequence[Record]) -> list[tuple[Record, tuple[str, ...]]]:
    """Return the records with their headings, without those that all of them stand under."""
    paths = [record.section for record in records]
    shared = 0
    while paths and all(len(path) > shared for path in paths) and len({path[shared] for path in paths}) == 1:
        shared += 1
    return [(record, record.section[shared:]) for record in records]


def _key(record: Record) -> str:
    return record.arxiv_id or title_key(record.title)
