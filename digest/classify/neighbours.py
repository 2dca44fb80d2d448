"""The curated papers nearest to a paper, by TF-IDF cosine between its text and their titles.

A model's folder may hold ``papers.tsv``, facts about the papers that it was trained on: arXiv identifier (perhaps empty),
topic, subtopic (perhaps empty) and title, one paper a line, tabs between them. Titles only, never abstracts. If the manifest
names the file, its size and its sha256 must be those of the manifest.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digest.classify.features import full_text
from digest.core.text import plain
from digest.errors import ModelError
from digest.files import write_whole

FILE = "papers.tsv"
_LARGEST = 8 * 2**20
_LARGEST_MANIFEST = 2**24
_COLUMNS = 4


@dataclass(frozen=True, slots=True)
class Curated:
    """One paper that curators have filed."""

    id: str
    """Empty where it is not known."""
    topic: str
    subtopic: str
    title: str


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A curated paper, and how near it is: 1 for the same words, 0 for none in common."""

    paper: Curated
    nearness: float


def write_papers(folder: Path, rows: Iterable[tuple[str, str, str, str]]) -> dict[str, Any]:
    """Write (identifier, topic, subtopic, title) of the papers that a model was trained on into its *folder*.

    The same papers in any order give the same bytes. Returns what belongs under ``files`` in the manifest, by `FILE`.

    Raises:
        OSError: the file cannot be written.

    """
    lines = sorted({"\t".join(plain(part).replace("\t", " ") for part in row) for row in rows})
    content = "".join(f"{line}\n" for line in lines).encode()
    write_whole(folder / FILE, content)
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def load_papers(folder: Path) -> tuple[Curated, ...] | None:
    """Return the papers that the model in *folder* was trained on; None if it does not tell.

    Raises:
        ModelError: the file is damaged, too large, or not the one that the manifest names.

    """
    try:
        content = _read(folder / FILE, _LARGEST)
        if content is None:
            return None
        manifest = json.loads(_read(folder / "manifest.json", _LARGEST_MANIFEST) or b"{}")
        named = manifest.get("files", {}).get(FILE)
        return _parsed(content, None if named is None else (named["bytes"], named["sha256"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        msg = f"{folder / FILE} cannot be used: {exc}"
        raise ModelError(msg) from exc


def _parsed(content: bytes, named: tuple[int, str] | None) -> tuple[Curated, ...]:
    if named and (len(content), hashlib.sha256(content).hexdigest()) != named:
        msg = "it is not the file that the manifest names"
        raise ValueError(msg)
    rows = [line.split("\t") for line in content.decode().split("\n")[:-1]]
    if any(len(row) != _COLUMNS for row in rows):
        msg = "a line of it is no paper"
        raise ValueError(msg)
    return tuple(Curated(*row) for row in rows)


def _read(path: Path, limit: int) -> bytes | None:
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except FileNotFoundError:
        return None
    if len(content) > limit:
        msg = f"{path.name} is larger than {limit} bytes"
        raise ValueError(msg)
    return content


def nearest(papers: Sequence[Curated], title: str, abstract: str, count: int = 5) -> list[Neighbour]:
    """Return the *count* of *papers* whose titles are nearest to a text, the nearest first; those with no word in common are none.

    N-grams are weighed by how rare they are among the titles; a word of the paper's own title counts more often than one
    of its abstract, because it stands in both.
    """
    numbers: dict[str, int] = {}
    words = [[numbers.setdefault(word, len(numbers) + 1) for word in _words(paper.title.lower())] for paper in papers]
    base = len(numbers) + 1
    owners, codes = _codes(words, base)
    grams, columns, found_in = np.unique(codes, return_inverse=True, return_counts=True)
    rarity = np.log((1 + len(papers)) / (1 + found_in)) + 1
    own, counts = _counted([numbers.get(word, 0) for word in _words(full_text(title, abstract).lower())], base)
    asked = np.zeros(len(grams))
    _, places, ours = np.intersect1d(grams, own, assume_unique=True, return_indices=True)
    asked[places] = (1 + np.log(counts[ours])) * rarity[places]
    lengths_squared = np.bincount(owners, weights=rarity[columns] ** 2, minlength=len(papers))
    products = np.bincount(owners, weights=rarity[columns] * asked[columns], minlength=len(papers))
    nearness = products / np.maximum(np.sqrt(lengths_squared) * np.linalg.norm(asked), 1e-12)
    order = np.argsort(-nearness, kind="stable")[:count].tolist()
    return [Neighbour(papers[row], min(1.0, float(nearness[row]))) for row in order if nearness[row] > 0]


def _codes(texts: Sequence[Sequence[int]], base: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the n-grams of texts that are given as numbers of words, each once per text: which text, and a code.

    The code of a word is its number, that of a pair of neighbours the first number times *base* plus the second. A number 0
    is no word, and parts its neighbours.
    """
    numbers = np.array([number for text in texts for number in (*text, 0)], dtype=np.int64)
    owners = np.repeat(np.arange(len(texts)), [len(text) + 1 for text in texts])
    pair = (numbers[:-1] > 0) & (numbers[1:] > 0)
    codes = np.concatenate((numbers[numbers > 0], (numbers[:-1] * base + numbers[1:])[pair]))
    both = np.unique(np.concatenate((owners[numbers > 0], owners[:-1][pair])) * base * base + codes)
    return both // (base * base), both % (base * base)


def _counted(text: Sequence[int], base: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the codes of one text, and how often each stands there."""
    numbers = np.array([*text, 0], dtype=np.int64)
    pair = (numbers[:-1] > 0) & (numbers[1:] > 0)
    codes = np.concatenate((numbers[numbers > 0], (numbers[:-1] * base + numbers[1:])[pair]))
    return np.unique(codes, return_counts=True)


_words = re.compile(r"\b\w\w+\b").findall
