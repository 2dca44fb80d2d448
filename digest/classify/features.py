"""From a title and an abstract to the n-grams that the model weighs.

Three fields are kept apart, because the same word says more in some places than in others: the whole text; the title, whose
n-grams carry the prefix ``title:``; and the abstract's first sentence, which names the task before the method, with the
prefix ``opening:``. Tokens are runs of two or more letters and digits, in lower case, without the plural's ending; stop
words are taken out before pairs are made, so that "state of the art" gives "state art".
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_UNKNOWN, _STOP = -1, -2
_MOST_WORDS = 500_000
"""So many distinct words are remembered at most, whatever is classified."""
_tokens = re.compile(r"\b\w\w+\b").findall
_sentence_end = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")

FIELDS: tuple[tuple[str, float], ...] = (("", 1.0), ("title:", 1.0), ("opening:", 0.5))
"""The prefix of each field's n-grams, and the length of its part of a paper's vector."""


def full_text(title: str, abstract: str) -> str:
    """Return the text of the first field."""
    return f"{title}\n{abstract}"


def texts(title: str, abstract: str) -> tuple[str, str, str]:
    """Return the text of each of the `FIELDS`."""
    return full_text(title, abstract), title, _sentence_end.split(abstract, 1)[0]


def stem(word: str) -> str:
    """Return *word*, in lower case, without the ending of an English plural; words that only look like one are left alone."""
    if len(word) > 4 and word.endswith("ies"):  # noqa: PLR2004 - "ties" and "dies" are too short to tell
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):  # noqa: PLR2004 - "gas", "bus"
        return word[:-1]
    return word


def words(text: str, stop_words: frozenset[str]) -> list[str]:
    """Return the stems of the words of *text* that are no stop words, in order."""
    return [word for word in map(stem, _tokens(text.lower())) if word not in stop_words]


def ngrams(text: str, stop_words: frozenset[str]) -> list[str]:
    """Return the words of *text* and the pairs of neighbours, in order."""
    found = words(text, stop_words)
    return found + [f"{first} {second}" for first, second in pairwise(found)]


def stop_words(texts: Sequence[str], share: float) -> frozenset[str]:
    """Return the stems that stand in more than *share* of the *texts*: what everybody writes tells nobody apart."""
    counts: dict[str, int] = {}
    for text in texts:
        for word in set(map(stem, _tokens(text.lower()))):
            counts[word] = counts.get(word, 0) + 1
    return frozenset(word for word, count in counts.items() if count > share * len(texts))


class _Numbers(dict[str, int]):
    """The number of each word; that of one seen for the first time is its stem's, and is kept."""

    def __missing__(self, word: str) -> int:
        number = self.get(stem(word), _UNKNOWN)
        if len(self) < _MOST_WORDS:
            self[word] = number
        return number


@dataclass(frozen=True, slots=True)
class Field:
    """The n-grams of one field that a model knows, laid out for speed: `columns` finds what `ngrams` would name.

    A pair is looked up by the numbers of its two words, all pairs of a text at once, so that no text is built for the many
    pairs that the model does not know. A word of a known pair need not be known by itself.
    """

    words: Mapping[str, int]
    """The number of each word; stop words have a mark of their own."""
    columns_of: NDArray[np.int64]
    """The column of each word by its number; -1 for one that is known in pairs only."""
    pairs: NDArray[np.int64]
    """Ascending: first word's number times `base`, plus the second word's."""
    pair_columns: NDArray[np.int64]
    base: int

    @classmethod
    def build(cls, vocabulary: Mapping[str, int], stop_words: frozenset[str]) -> "Field":
        """Lay out a *vocabulary*, which gives the column of each n-gram."""
        numbers = _Numbers()
        columns: list[int] = []
        keys: list[tuple[int, int, int]] = []
        for gram, column in vocabulary.items():
            if " " not in gram:
                numbers[gram] = len(columns)
                columns.append(column)
        for gram, column in vocabulary.items():
            first, space, second = gram.partition(" ")
            if space:
                for word in (first, second):
                    if word not in numbers:
                        numbers[word] = len(columns)
                        columns.append(_UNKNOWN)
                keys.append((numbers[first], numbers[second], column))
        base = max(len(columns), 1)
        numbers.update(dict.fromkeys((*stop_words, *_SINGLE), _STOP))
        order = sorted((first * base + second, column) for first, second, column in keys)
        return cls(
            numbers,
            np.array(columns, dtype=np.int64),
            np.array([key for key, _ in order], dtype=np.int64),
            np.array([column for _, column in order], dtype=np.int64),
            base,
        )

    def columns(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return every known n-gram of the *texts* as two arrays: which text it stands in, and its column.

        An n-gram is returned as often as it stands in a text; the texts follow each other in order only within the words
        and within the pairs.
        """
        numbers: list[int] = []
        lengths = []
        number_of = self.words.__getitem__
        for text in texts:
            before = len(numbers)
            numbers.extend(map(number_of, _words(text)))
            numbers.append(_UNKNOWN)  # no pair reaches from one text into the next
            lengths.append(len(numbers) - before)
        found = np.array(numbers, dtype=np.int64)
        rows = np.repeat(np.arange(len(texts)), lengths)
        kept = found != _STOP
        found, rows = found[kept], rows[kept]
        known = found >= 0
        if not len(self.columns_of):
            return rows[known], found[known]
        columns = self.columns_of[found[known]]
        single = columns >= 0
        if not len(self.pairs):
            return rows[known][single], columns[single]
        both = known[:-1] & known[1:]
        wanted = found[:-1][both] * self.base + found[1:][both]
        places = np.searchsorted(self.pairs, wanted)
        places[places == len(self.pairs)] = 0
        paired = self.pairs[places] == wanted
        return (
            np.concatenate((rows[known][single], rows[:-1][both][paired])),
            np.concatenate((columns[single], self.pair_columns[places[paired]])),
        )


def _words(text: str) -> list[str]:
    """Return what `_tokens` finds, and single characters besides; those are stop words to a `Field`."""
    text = text.lower()
    return text.translate(_TO_SPACES).split() if text.isascii() else _tokens(text)


_SINGLE = "abcdefghijklmnopqrstuvwxyz0123456789_"
_TO_SPACES = {code: " " for code in range(128) if chr(code) not in _SINGLE}
