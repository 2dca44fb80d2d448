"""The curated papers nearest to a paper, by TF-IDF cosine between its text and their titles.

A model's folder may hold ``papers.tsv``, facts about the papers that it was trained on: arXiv identifier (perhaps empty),
topic, subtopic (perhaps empty) and title, one paper a line, tabs between them. Titles only, never abstracts. If the manifest
names the file, its size and its sha256 must be those of the manifest.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
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
_FREQUENT = 0.08
"""An n-gram that is in more than this share of the titles tells little."""
_BLOCK = 64
_BATCH = 256
_TINY, _SLACK = 1e-12, 1e-4

Floats = NDArray[np.floating[Any]]


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
    return next(Titles(papers).nearest([(title, abstract)], count))


class Titles:
    """The titles of curated papers, laid out so that the nearest to many texts are found fast."""

    def __init__(self, papers: Sequence[Curated]) -> None:
        """Lay out *papers*, which takes about a second for 20,000 of them."""
        self._papers = papers
        self._numbers: dict[str, int] = {}
        numbers = self._numbers
        words = [[numbers.setdefault(word, len(numbers) + 1) for word in _words(paper.title.lower())] for paper in papers]
        self._base = len(numbers) + 1
        owners, codes = _codes(words, self._base)
        self._grams, self._columns, found_in = np.unique(codes, return_inverse=True, return_counts=True)
        self._rarity = np.log((1 + len(papers)) / (1 + found_in)) + 1
        """How much each n-gram counts."""
        self._rows = np.searchsorted(owners, np.arange(len(papers) + 1))
        """Where the n-grams of each title stand in `_columns`."""
        by_gram = np.argsort(self._columns, kind="stable")
        self._owners = owners[by_gram]
        self._postings = np.concatenate(([0], np.cumsum(found_in)))
        """Where the titles of each n-gram stand in `_owners`."""
        squares = self._rarity[self._columns] ** 2
        self._lengths = np.sqrt(np.bincount(owners, weights=squares, minlength=len(papers)))
        self._inverse = (1 / np.maximum(self._lengths, _TINY)).astype(np.float32)
        self._frequent = found_in > max(1, _FREQUENT * len(papers))
        """Which n-grams are in so many titles that they are looked at last."""
        in_frequent = np.bincount(owners, weights=np.where(self._frequent[self._columns], squares, 0), minlength=len(papers))
        self._at_most = in_frequent.astype(np.float32) * self._inverse
        """How near a title can be by its frequent n-grams alone, to a text of length 1 that has each of them once."""
        self._asked = np.zeros(len(self._grams))
        """How much the present text asks for each n-gram; nothing between two texts."""

    def nearest(self, papers: Sequence[tuple[str, str]], count: int = 5) -> Iterator[list[Neighbour]]:
        """Yield the *count* nearest of each (title, abstract), in order; see `nearest`."""
        for start in range(0, len(papers), _BATCH):
            texts = [full_text(*paper).lower() for paper in papers[start : start + _BATCH]]
            places, counts, bounds = self._counted(texts)
            factors = 1 + np.log(counts)
            for own in map(slice, bounds[:-1], bounds[1:]):
                yield self._nearest(places[own], factors[own], count) if count > 0 and own.start < own.stop else []

    def _counted(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64], list[int]]:
        """Return the places in `_grams` of the n-grams of some texts, how often each stands there, and where each text's begin."""
        numbers, lengths = [], []
        number_of = self._numbers.get
        for text in texts:
            found = [number_of(word, 0) for word in _words(text)]
            numbers += found
            numbers.append(0)  # no pair reaches from one text into the next
            lengths.append(len(found) + 1)
        words, rows = np.array(numbers, dtype=np.int64), np.repeat(np.arange(len(texts)), lengths)
        known = words > 0
        pair = known[:-1] & known[1:]
        codes = np.concatenate((words[known], words[:-1][pair] * self._base + words[1:][pair]))
        places = np.searchsorted(self._grams, codes)
        places[places == len(self._grams)] = 0
        there = self._grams[places] == codes if len(self._grams) else known[:0]
        owners = np.concatenate((rows[known], rows[:-1][pair]))
        width = len(self._grams) or 1
        keys, counts = np.unique((owners * width + places)[there], return_counts=True)
        return keys % width, counts, np.searchsorted(keys // width, np.arange(len(texts) + 1)).tolist()

    def _nearest(self, places: NDArray[np.int64], factors: Floats, count: int) -> list[Neighbour]:
        asked = factors * self._rarity[places]
        rows = self._perhaps(places, asked, factors, count)
        # Each product is summed up in the order of its title's n-grams, whichever titles are looked at: the same to the bit.
        entries, lengths = _ranges(self._rows[rows], self._rows[rows + 1])
        columns = self._columns[entries]
        self._asked[places] = asked
        weights = self._rarity[columns] * self._asked[columns]
        self._asked[places] = 0
        products = np.bincount(np.repeat(np.arange(len(rows)), lengths), weights=weights, minlength=len(rows))
        nearness = products / np.maximum(self._lengths[rows] * np.sqrt(asked @ asked), _TINY)
        order = np.argsort(-nearness, kind="stable")[:count]
        return [
            Neighbour(self._papers[row], min(1.0, near))
            for row, near in zip(rows[order].tolist(), nearness[order].tolist(), strict=True)
            if near > 0
        ]

    def _perhaps(self, places: NDArray[np.int64], asked: Floats, factors: Floats, count: int) -> NDArray[np.int64]:
        """Return the titles that can be among the *count* nearest, ascending: those that surely are, and all that could be as near.

        First only n-grams that are in few titles are counted. What the frequent ones can add to a title is bounded by those
        that it has (MaxScore, Turtle and Flood 1995), and few titles come near the best by them alone.
        """
        frequent = self._frequent[places]
        rare = places[~frequent]
        starts, ends = self._postings[rare], self._postings[rare + 1]
        owners = [self._owners[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
        weights = np.repeat(asked[~frequent] * self._rarity[rare], ends - starts)
        found = np.concatenate([self._owners[:0], *owners])
        least = np.bincount(found, weights=weights, minlength=len(self._papers)).astype(np.float32) * self._inverse
        # The best of each block of titles: as many are at least as near as the bar, and it is found without sorting them all.
        best = np.sort(np.maximum.reduceat(least, np.arange(0, len(least), _BLOCK)))
        bar = best[-count] if count <= len(best) else 0
        return np.flatnonzero(least + self._at_most * np.float32(factors[frequent].max(initial=0)) >= bar * (1 - _SLACK))


def _ranges(starts: NDArray[np.int64], ends: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return all numbers of some ranges, one range after another, and the length of each."""
    lengths = ends - starts
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(lengths.sum()), lengths


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


_words = re.compile(r"\b\w\w+\b").findall
