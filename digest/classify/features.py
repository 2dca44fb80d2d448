"""From a title and an abstract to the n-grams that the model weighs.

Two fields are kept apart, because a word in a title says more than the same word in an abstract: the whole text, and the
title alone, whose n-grams carry the prefix ``title:``. Tokens are runs of two or more letters and digits, in lower case;
stop words are taken out before pairs are made, so that "state of the art" gives "state art".
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

TITLE = "title:"
_UNKNOWN, _STOP = -1, -2
_tokens = re.compile(r"\b\w\w+\b").findall


def ngrams(text: str, stop_words: frozenset[str]) -> list[str]:
    """Return the words of *text* and the pairs of neighbours, in order."""
    words = [word for word in _tokens(text.lower()) if word not in stop_words]
    return words + [f"{first} {second}" for first, second in pairwise(words)]


def stop_words(texts: Sequence[str], share: float) -> frozenset[str]:
    """Return the words that stand in more than *share* of the *texts*: what everybody writes tells nobody apart."""
    counts: dict[str, int] = {}
    for text in texts:
        for word in set(_tokens(text.lower())):
            counts[word] = counts.get(word, 0) + 1
    return frozenset(word for word, count in counts.items() if count > share * len(texts))


def full_text(title: str, abstract: str) -> str:
    """Return the text of the first field."""
    return f"{title}\n{abstract}"


@dataclass(frozen=True, slots=True)
class Field:
    """The n-grams of one field that a model knows, laid out for speed: `columns` finds what `ngrams` would name.

    A pair is looked up by the numbers of its two words, all pairs of a text at once, so that no text is built for the many
    pairs that the model does not know.
    """

    words: Mapping[str, int]
    """The column of each word; stop words have a mark of their own."""
    pairs: NDArray[np.int64]
    """Ascending: first word's column times `base`, plus the second word's."""
    pair_columns: NDArray[np.int64]
    base: int

    @classmethod
    def build(cls, vocabulary: Mapping[str, int], stop_words: frozenset[str]) -> "Field":
        """Lay out a *vocabulary*, which gives the column of each n-gram.

        Raises:
            ValueError: a pair has a word that is not in the vocabulary by itself.

        """
        words = dict.fromkeys((*stop_words, *_SINGLE), _STOP) | {gram: column for gram, column in vocabulary.items() if " " not in gram}
        base = max(vocabulary.values(), default=0) + 1
        keys = {}
        for gram, column in vocabulary.items():
            first, space, second = gram.partition(" ")
            if space:
                if min(words.get(first, _UNKNOWN), words.get(second, _UNKNOWN)) < 0:
                    msg = f"the pair {gram!r} has a word of which nothing is known"
                    raise ValueError(msg)
                keys[words[first] * base + words[second]] = column
        order = sorted(keys)
        return cls(words, np.array(order, dtype=np.int64), np.array([keys[key] for key in order], dtype=np.int64), base)

    def columns(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return every known n-gram of the *texts* as two arrays: which text it stands in, and its column.

        An n-gram is returned as often as it stands in a text; the texts follow each other in order only within the words
        and within the pairs.
        """
        words = self.words
        numbers: list[int] = []
        lengths = []
        for text in texts:
            before = len(numbers)
            numbers.extend([words.get(word, _UNKNOWN) for word in _words(text)])
            numbers.append(_UNKNOWN)  # no pair reaches from one text into the next
            lengths.append(len(numbers) - before)
        found = np.array(numbers, dtype=np.int64)
        rows = np.repeat(np.arange(len(texts)), lengths)
        kept = found != _STOP
        found, rows = found[kept], rows[kept]
        single = found >= 0
        if not len(self.pairs):
            return rows[single], found[single]
        both = single[:-1] & single[1:]
        wanted = found[:-1][both] * self.base + found[1:][both]
        places = np.searchsorted(self.pairs, wanted)
        places[places == len(self.pairs)] = 0
        known = self.pairs[places] == wanted
        return (
            np.concatenate((rows[single], rows[:-1][both][known])),
            np.concatenate((found[single], self.pair_columns[places[known]])),
        )


def _words(text: str) -> list[str]:
    """Return what `_tokens` finds, and single characters besides; those are stop words to a `Field`."""
    text = text.lower()
    return text.translate(_TO_SPACES).split() if text.isascii() else _tokens(text)


_SINGLE = "abcdefghijklmnopqrstuvwxyz0123456789_"
_TO_SPACES = {code: " " for code in range(128) if chr(code) not in _SINGLE}
