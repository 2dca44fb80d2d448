"""Daily papers with the shelves that readers gave them: text in, labels out.

Two tab-separated files with a header. The reference measures the model and never trains it::

    arxiv_id  half  shelf  accepted

and the papers that may train it have no half. A shelf is ``topic/subtopic``; ``accepted`` names further shelves that a
careful reader would take for the right one, with spaces between them, and may be empty. The half is no choice: it follows
from the identifier (see `half_of`), so that nobody can move a paper from one to the other.
"""

import hashlib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from digest.errors import SettingsError

Shelf = tuple[str, str]
"""The slugs of a topic and of a subtopic."""

CHOOSE, REPORT = "choose", "report"
"""The half by which choices about the model are made, and the half by which it is reported how good they were."""
HALVES = (CHOOSE, REPORT)
_REFERENCE = ("arxiv_id", "half", "shelf", "accepted")
_TRAINING = ("arxiv_id", "shelf", "accepted")
_IDENTIFIER = re.compile(r"\d{2}(?:0[1-9]|1[0-2])\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Label:
    """Where one daily paper belongs."""

    arxiv_id: str
    shelf: Shelf
    accepted: tuple[Shelf, ...]
    """Other shelves that will do."""

    @property
    def half(self) -> str:
        """Return the half of the reference that this paper is in, if it is in the reference."""
        return half_of(self.arxiv_id)


def half_of(arxiv_id: str) -> str:
    """Return the half of a paper: ``choose`` where the sha1 of its identifier is even, ``report`` where it is odd."""
    return HALVES[hashlib.sha1(arxiv_id.encode(), usedforsecurity=False).digest()[-1] % 2]


def reference(text: str, shelves: Collection[Shelf], *, source: str = "reference.tsv") -> tuple[Label, ...]:
    """Read the papers that measure the model; *source* is the name that errors give the text.

    Raises:
        SettingsError: a line is malformed, or its half is not that of its identifier; the message names the line.

    """
    labels = []
    for number, (arxiv_id, half, shelf, accepted) in _rows(text, _REFERENCE, source):
        label = _label(arxiv_id, shelf, accepted, shelves, f"{source}:{number}")
        if half != label.half:
            _fail(f"{source}:{number}: {arxiv_id} is in the half {label.half!r}, not {half!r}")
        labels.append(label)
    return _single(labels, source)


def training(text: str, shelves: Collection[Shelf], reserved: Collection[str] = (), *, source: str = "training.tsv") -> tuple[Label, ...]:
    """Read the papers that may train the model; *reserved* holds the identifiers of the reference.

    Raises:
        SettingsError: a line is malformed, or names a paper of the reference; the message names the line.

    """
    labels = []
    for number, (arxiv_id, shelf, accepted) in _rows(text, _TRAINING, source):
        labels.append(_label(arxiv_id, shelf, accepted, shelves, f"{source}:{number}"))
        if arxiv_id in reserved:
            _fail(f"{source}:{number}: {arxiv_id} is in the reference, so it must not train")
    return _single(labels, source)


def _rows(text: str, header: tuple[str, ...], source: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the fields of each line after the header."""
    # Not splitlines(): it also ends lines at characters that an editor shows inside one, and the numbers would be wrong.
    lines = text.removesuffix("\n").split("\n")
    if tuple(lines[0].rstrip("\r").split("\t")) != header:
        _fail(f"{source}:1: the header must be {', '.join(header)}, with tabs between them")
    for number, line in enumerate(lines[1:], 2):
        fields = line.rstrip("\r").split("\t")
        if len(fields) != len(header):
            _fail(f"{source}:{number}: {len(fields)} fields instead of {len(header)}")
        yield number, fields


def _label(arxiv_id: str, shelf: str, accepted: str, shelves: Collection[Shelf], place: str) -> Label:
    """Return the label of one line, which stands at *place*."""
    if not _IDENTIFIER.fullmatch(arxiv_id):
        _fail(f"{place}: {arxiv_id!r} is no arXiv identifier without a version")
    named = [_shelf(name, shelves, place) for name in (shelf, *accepted.split())]
    if len(set(named)) < len(named):
        _fail(f"{place}: a shelf of {arxiv_id} stands twice")
    return Label(arxiv_id, named[0], tuple(named[1:]))


def _shelf(name: str, shelves: Collection[Shelf], place: str) -> Shelf:
    topic, _, subtopic = name.partition("/")
    if (topic, subtopic) not in shelves:
        _fail(f"{place}: {name!r} is no shelf of the catalogue")
    return topic, subtopic


def _single(labels: list[Label], source: str) -> tuple[Label, ...]:
    """Return the *labels* if no paper stands twice."""
    first: dict[str, int] = {}
    for number, label in enumerate(labels, 2):
        if label.arxiv_id in first:
            _fail(f"{source}:{number}: {label.arxiv_id} stands in line {first[label.arxiv_id]} already")
        first[label.arxiv_id] = number
    return tuple(labels)


def _fail(message: str) -> None:
    raise SettingsError(message)
