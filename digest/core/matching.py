"""Papers that are in memory, found by their words as the index of the database would find them.

    text | words without accents and capitals | stems by Porter's algorithm | compared one after the other

The stems are those of SQLite's FTS5: M. F. Porter, "An algorithm for suffix stripping", Program 14(3), 1980, with the two
later changes of its author (``bli`` and ``logi``).
"""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from digest.core.domain import Paper
from digest.core.query import Query, Term, Where

_SHORTEST, _LONGEST = 3, 64
"""Bytes of a word that is stemmed."""


class Words(NamedTuple):
    """The stems of a paper, field by field, each with a blank before it and after it."""

    title: str
    abstract: str
    authors: str


def words(paper: Paper) -> Words:
    """Return the stems of a paper."""
    return Words(stems(paper.title), stems(paper.abstract), stems(" ".join(paper.authors)))


def fits(query: Query, found: Words) -> bool:
    """Say whether a paper with these words is one that *query* looks for."""
    return all(any(_has(found, term) for term in group) for group in query.groups) and not any(_has(found, term) for term in query.without)


def _has(found: Words, term: Term) -> bool:
    wanted = _wanted(term.words)
    if term.begins:
        wanted = wanted.removesuffix(" ")
    return any(wanted in text for text in _fields(found, term.where))


def _fields(found: Words, where: Where) -> tuple[str, ...]:
    if where is Where.ANYWHERE:
        return found
    return ({Where.TITLE: found.title, Where.ABSTRACT: found.abstract, Where.AUTHORS: found.authors}[where],)


@lru_cache(maxsize=1024)
def _wanted(parts: tuple[str, ...]) -> str:
    return stems(" ".join(parts))


def stems(text: str) -> str:
    """Return the stems of a text with a blank around each; a text without a word has no more than blanks."""
    text = text.lower()
    if not text.isascii():
        text = unicodedata.normalize("NFD", text)
    return f" {' '.join(map(stem, text.translate(_LETTERS).split()))} "


class _Letters(dict[int, str | None]):
    """What becomes of each letter of a text in small letters: accents are left out, and what is no letter and no digit is a blank."""

    def __missing__(self, code: int) -> str | None:
        letter = chr(code)
        kept = self[code] = None if "\u0300" <= letter <= "\u036f" else letter if unicodedata.category(letter)[0] in "LN" else " "
        return kept


_LETTERS = _Letters()


# -- Porter's algorithm ---------------------------------------------------------------------------------------------------

_STEP_2 = {
    "ational": "ate", "tional": "tion", "enci": "ence", "anci": "ance", "izer": "ize", "logi": "log", "bli": "ble", "alli": "al",
    "entli": "ent", "eli": "e", "ousli": "ous", "ization": "ize", "ation": "ate", "ator": "ate", "alism": "al", "iveness": "ive",
    "fulness": "ful", "ousness": "ous", "aliti": "al", "iviti": "ive", "biliti": "ble",
}  # fmt: skip
_STEP_3 = {"icate": "ic", "ative": "", "alize": "al", "iciti": "ic", "ical": "ic", "ful": "", "ness": ""}
_STEP_4 = dict.fromkeys(
    (
        "al",
        "ance",
        "ence",
        "er",
        "ic",
        "able",
        "ible",
        "ant",
        "ement",
        "ment",
        "ent",
        "ion",
        "ou",
        "ism",
        "ate",
        "iti",
        "ous",
        "ive",
        "ize",
    ),
    "",
)
_SUFFIX_2, _SUFFIX_3, _SUFFIX_4 = (
    # The longest ending that fits is the one that counts, and something must stand before it.
    re.compile(f"(?<=.)(?:{'|'.join(sorted(step, key=len, reverse=True))})$", re.DOTALL)
    for step in (_STEP_2, _STEP_3, _STEP_4)
)


_SHAPES = str.maketrans({chr(code): "v" if chr(code) in "aeiou" else "y" if chr(code) == "y" else "c" for code in range(256)})


@lru_cache(maxsize=1 << 17)
def stem(word: str) -> str:
    """Return what the forms of an English word have in common: ``segment`` of ``segmentation`` and ``segmented``.

    *word* is in small letters and without accents. Of other letters than English ones, each byte counts as a consonant.
    """
    if not word.isascii():
        word = word.encode("utf-8", "replace").decode("latin-1")
    if not _SHORTEST <= len(word) <= _LONGEST:
        return word
    word = _past(_plural(word))
    if word.endswith("y") and "v" in _shape(word[:-1]):
        word = f"{word[:-1]}i"
    word = _step(word, _SUFFIX_2, _STEP_2, 1)
    word = _step(word, _SUFFIX_3, _STEP_3, 1)
    word = _step(word, _SUFFIX_4, _STEP_4, 2)
    if word.endswith("e"):
        measure = _measure(word[:-1])
        if measure > 1 or (measure == 1 and not _closed(word[:-1])):
            word = word[:-1]
    return word[:-1] if word.endswith("ll") and _measure(word[:-1]) > 1 else word


def _shape(word: str) -> str:
    """Return a word with ``v`` for each vowel and ``c`` for each other letter; ``y`` is a vowel after a consonant."""
    shape = word.translate(_SHAPES)
    while (place := shape.find("y")) >= 0:
        shape = f"{shape[:place]}{'v' if place and shape[place - 1] == 'c' else 'c'}{shape[place + 1 :]}"
    return shape


def _measure(word: str) -> int:
    """Return how often vowels are followed by a consonant."""
    return _shape(word).count("vc")


def _closed(word: str) -> bool:
    """Say whether a word ends with consonant, vowel and consonant, the last none of w, x and y."""
    return word[-1:] not in ("w", "x", "y") and _shape(word).endswith("cvc")


def _plural(word: str) -> str:
    if not word.endswith("s") or word.endswith("ss"):
        return word
    if word.endswith("es"):
        return (
            word[:-2]
            if (word.endswith("sses") and len(word) > len("sses")) or (word.endswith("ies") and len(word) > len("ies"))
            else word[:-1]
        )
    return word[:-1]


def _past(word: str) -> str:
    if word.endswith("eed") and len(word) > len("eed"):
        return word[:-1] if _measure(word[:-3]) else word
    for suffix in ("ed", "ing"):
        if word.endswith(suffix) and len(word) > len(suffix):
            rest = word[: -len(suffix)]
            return _whole(rest) if "v" in _shape(rest) else word
    return word


def _whole(word: str) -> str:
    """Return a word as it was before ``ed`` or ``ing``."""
    if word.endswith(("at", "bl", "iz")) and len(word) > len("at"):
        return f"{word}e"
    if len(word) > 1 and word[-1] == word[-2] and word[-1] not in "aeioulsz":
        return word[:-1]
    return f"{word}e" if _measure(word) == 1 and _closed(word) else word


def _step(word: str, suffixes: re.Pattern[str], step: dict[str, str], least: int) -> str:
    match = suffixes.search(word)
    if match is None or _measure(word[: match.start()]) < least or (match[0] == "ion" and word[match.start() - 1] not in "st"):
        return word
    return word[: match.start()] + step[match[0]]
