"""What a user types into a search: text in, words and phrases out, and what each is to be looked for in.

    gaussian splatting            both words          "gaussian splatting"     these words one after the other
    nerf OR splatting             either              -medical                 papers without it
    title:segment  author:ito     in that field       segment*                 words that begin so

``OR`` stands between two terms and joins no more than these: ``nerf OR splatting depth`` is depth, and one of the two.
Whatever else is typed is words. Letters and digits make a word; all else only parts words, so that ``state-of-the-art`` is
four words in a row.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from digest.errors import UsageError

_MOST_TERMS = 32
_MOST_WORDS = 64
"""In a phrase; what follows is not looked for."""
_LONGEST = 100
"""Letters of a word; the longest words of papers are shorter."""
_SHORTEST = 3
"""Letters of a beginning; with less, most papers would fit, and it is taken for a word."""
_TERM = re.compile(r'(?P<minus>-?)(?:(?P<field>title|abstract|author):)?(?:"(?P<phrase>[^"]*)(?:"|$)|(?P<bare>[^\s"]+))', re.IGNORECASE)


class Where(StrEnum):
    """The field that a term is looked for in."""

    ANYWHERE = ""
    TITLE = "title"
    ABSTRACT = "abstract"
    AUTHORS = "authors"


_FIELDS = {"": Where.ANYWHERE, "title": Where.TITLE, "abstract": Where.ABSTRACT, "author": Where.AUTHORS}


@dataclass(frozen=True, slots=True)
class Term:
    """Words that stand one after the other in one field."""

    words: tuple[str, ...]
    """At least one; letters and digits only."""
    where: Where = Where.ANYWHERE
    begins: bool = False
    """Whether the last word may go on."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for: at least one term of each of *groups*, and none of *without*."""

    groups: tuple[tuple[Term, ...], ...]
    without: tuple[Term, ...] = ()


def parse(text: str, author: str = "") -> Query:
    """Return what *text* asks for; *author* is one more name that must be among the authors.

    Raises:
        UsageError: there is no word to look for, or there are too many.

    """
    groups: list[list[Term]] = []
    without: list[Term] = []
    joined = False
    for match in _TERM.finditer(text):
        if match["bare"] == "OR" and not match["minus"] and not match["field"]:
            joined = bool(groups)
            continue
        term = _term(match)
        if term is None:
            continue
        if match["minus"]:
            without.append(term)
        elif joined:
            groups[-1].append(term)
        else:
            groups.append([term])
        joined = False
    if name := _words(author):
        groups.append([Term(name, Where.AUTHORS)])
    if not groups:
        msg = "there is no word to look for"
        raise UsageError(msg, advice="""cvdigest search '"gaussian splatting" -medical'""")
    if sum(map(len, groups)) + len(without) > _MOST_TERMS:
        msg = f"a search takes {_MOST_TERMS} words and phrases at most"
        raise UsageError(msg)
    return Query(tuple(tuple(group) for group in groups), tuple(without))


def phrase(text: str) -> Term | None:
    """Return what is looked for where *text* is one word or phrase by itself, whose last word may end with ``*``; None without a word."""
    words = _words(text)
    return Term(words, begins=text.endswith("*") and len(words[-1]) >= _SHORTEST) if words else None


def _term(match: re.Match[str]) -> Term | None:
    quoted = match["phrase"] is not None
    text = match["phrase"] if quoted else match["bare"]
    words = _words(text)
    if not words:
        return None
    return Term(words, _FIELDS[(match["field"] or "").lower()], not quoted and text.endswith("*") and len(words[-1]) >= _SHORTEST)


def _words(text: str) -> tuple[str, ...]:
    """Return the words of a text: runs of letters and digits, each with the accents that follow it."""
    parts = "".join(letter if _of_a_word(letter) else " " for letter in unicodedata.normalize("NFC", text)).split()
    words = (word.lstrip(_accents(word)) for word in parts)
    return tuple(word[:_LONGEST] for word in words if word)[:_MOST_WORDS]


def _of_a_word(letter: str) -> bool:
    return unicodedata.category(letter)[0] in "LNM"


def _accents(word: str) -> str:
    """Return the accents that *word* begins with, on no letter."""
    count = next((place for place, letter in enumerate(word) if unicodedata.category(letter)[0] != "M"), len(word))
    return word[:count]


# -- what is shown of what was found -------------------------------------------------------------------------------------

BEGIN, END = "\x02", "\x03"
"""What a database puts around the words that it found; no plain text has them (see `digest.core.text`)."""
_WIDTH = 240


@dataclass(frozen=True, slots=True)
class Snippet:
    """A part of a text, and where in it the words stand that were looked for."""

    text: str
    marks: tuple[tuple[int, int], ...]
    """Where each begins and ends, in order; none overlap."""
    before: bool
    """Whether the text has more before it ..."""
    after: bool
    """... and after it."""


def marked(text: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Return a text without the marks of a database, and where they stood."""
    plain, marks, length = [], [], 0
    begun = None
    for part in re.split(f"([{BEGIN}{END}])", text):
        if part == BEGIN:
            begun = length
        elif part == END:
            if begun is not None and begun < length:
                marks.append((begun, length))
            begun = None
        else:
            plain.append(part)
            length += len(part)
    return "".join(plain), tuple(marks)


def snippet(text: str, marks: tuple[tuple[int, int], ...] = (), width: int = _WIDTH) -> Snippet:
    """Return the part of *text* of at most *width* letters that has the most of the marks, cut between words."""
    if len(text) <= width:
        return Snippet(text, marks, before=False, after=False)
    room = width // 4  # so that the first word that was found does not stand at the very beginning
    starts = [max(0, min(begin - room, len(text) - width)) for begin, _ in marks] or [0]
    start = max(starts, key=lambda one: sum(one <= begin and end <= one + width for begin, end in marks))
    end = start + width
    if start and not text[start - 1].isspace():
        start = next((place + 1 for place in range(start, end) if text[place].isspace()), start)
    if end < len(text) and not text[end].isspace():
        end = next((place for place in range(end - 1, start, -1) if text[place].isspace()), end)
    inside = tuple((max(one, start) - start, min(other, end) - start) for one, other in marks if one < end and other > start)
    return Snippet(text[start:end], inside, before=start > 0, after=end < len(text))
