"""The words of a month's papers, for the search page of a site that no server answers for: papers in, one small file out.

The file is JSON. ``ids``, ``titles``, ``authors``, ``day``, ``place``, ``kinds`` and ``code`` have one thing for each paper,
the newest first: its identifier, its title, its authors in one text, the number of its date in ``days`` and of its topic and
subtopic in ``places``, a letter for its kind, and ``y`` if there is code.

Titles and authors are searched as they are. ``words`` are the words of the abstracts that are not in the title or among the
authors of the same paper, ascending, each written as the number of letters (base 36) that it shares with the word before,
and the rest. ``postings`` tells, for each of them, which papers have it: bits in base 64, the highest first. First comes how many
papers there are (Elias gamma), then the gaps between their numbers, less one, in the code of Rice whose parameter `rice`
gives. Words that say nothing, the ``stop`` words, are in no list, and a search leaves them out.
"""

import json
import re
import unicodedata
from base64 import b64encode
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from functools import lru_cache
from operator import sub

from digest.core.domain import Kind
from digest.core.edition import Item

FORMAT = 1
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_KINDS = {Kind.NEW: "n", Kind.CROSS: "c", Kind.REPLACED: "r", Kind.REPLACED_CROSS: "r"}
_MOST_LETTERS, _MOST_NAMES = 20_000, 200
"""Of an abstract or a title, and authors; no paper of arXiv has an abstract of more than 2,000 letters."""
_LONGEST = 40
"""Letters of a word; what follows is left out, here and in what is looked for."""
_NO_PLURAL = ("ss", "us", "is")
_WORD = re.compile(rf"([^\W_]{{1,{_LONGEST}}})[^\W_]*")
_TO_SPACES = {code: " " for code in range(128) if not chr(code).isalnum()}


class _Letters(dict[int, int | None]):
    """What becomes of each letter: a mark is left out."""

    def __missing__(self, code: int) -> int | None:
        kept = self[code] = None if unicodedata.category(chr(code))[0] == "M" else code
        return kept


_LETTERS = _Letters()


def fold(text: str) -> str:
    """Return *text* in small letters without accents, compatible forms as their plain ones: ``Naïve`` as ``naive``."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).lower()).translate(_LETTERS)


def words(text: str) -> list[str]:
    """Return the folded words of *text*, in order: runs of letters and digits, without the ending of an English plural."""
    return list(map(_singular, _runs(fold(text))))


def _runs(folded: str) -> list[str]:
    if folded.isascii():  # which takes a third of the time
        return [word[:_LONGEST] for word in folded.translate(_TO_SPACES).split()]
    return _WORD.findall(folded)


@lru_cache(maxsize=2**16)
def _singular(word: str) -> str:
    if word[-1] != "s" or word[-2:] in _NO_PLURAL or len(word) <= len("gas"):
        return word
    return f"{word[:-3]}y" if word.endswith("ies") and len(word) > len("dies") else word[:-1]


STOP = tuple(
    dict.fromkeys(
        words(
            """
            a about above across after all almost along also although among an and any are as at be because been before
            being between both but by can could did do does during each either especially etc even every few for from
            further furthermore had has have having hence here how however if in into is it its itself just less many
            may moreover most much must nor not of often on one only onto or other others our out over own per rather s
            same several should since so some such t than that the their them then there thereby therefore these they
            this those through throughout thus to together too toward towards two under until up upon us very via was we
            well were what when where whereas whether which while who whose why will with within without would yet
            """
        )
    )
)
_STOP = frozenset(STOP)


def rice(papers: int, found: int) -> int:
    """Return how many low bits of a gap are written as they are, for a word that *found* of *papers* have."""
    return max(0, (papers * 2 // (3 * found)).bit_length() - 1)


def month_index(days: Sequence[tuple[date, Sequence[Item]]]) -> bytes:
    """Return the file for one month; a paper that is listed on several dates is found on the newest of them."""
    items: dict[str, tuple[date, Item]] = {}
    for day, listed in sorted(days, key=lambda one: one[0], reverse=True):
        for item in listed:
            items.setdefault(item.entry.paper.id, (day, item))
    dates = list(dict.fromkeys(day for day, _ in items.values()))
    places = sorted({_place(item) for _, item in items.values()})
    numbers, rows = {place: number for number, place in enumerate(places)}, {day: number for number, day in enumerate(dates)}
    papers = [item.entry.paper for _, item in items.values()]
    postings = _postings(papers_words(item) for _, item in items.values())
    found = sorted(postings)
    document = {
        "format": FORMAT,
        "days": [str(day) for day in dates],
        "places": places,
        "ids": list(items),
        "day": [rows[day] for day, _ in items.values()],
        "place": [numbers[_place(item)] for _, item in items.values()],
        "kinds": "".join(_KINDS[item.entry.kind] for _, item in items.values()),
        "code": "".join("y" if any(link.kind == "code" for link in item.links) else "n" for _, item in items.values()),
        "titles": [paper.title[:_MOST_LETTERS] for paper in papers],
        "authors": [", ".join(paper.authors[:_MOST_NAMES]) for paper in papers],
        "stop": STOP,
        "words": _front_coded(found),
        "postings": _bits(len(papers), [postings[word] for word in found]),
    }
    # What is not printable is escaped, lone surrogates among it, which UTF-8 cannot have.
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return _NOT_UTF8.sub(lambda match: f"\\u{ord(match[0]):04x}", text).encode() + b"\n"


_NOT_UTF8 = re.compile("[\ud800-\udfff]")


def papers_words(item: Item) -> frozenset[str]:
    """Return the words of an abstract that are to be found by it, and by nothing else of the paper."""
    paper = item.entry.paper
    return _words_of(paper.title[:_MOST_LETTERS], paper.abstract[:_MOST_LETTERS], paper.authors[:_MOST_NAMES])


@lru_cache(maxsize=4096)
def _words_of(title: str, abstract: str, authors: tuple[str, ...]) -> frozenset[str]:
    """Remember them: the file of a month is written each day, and most of its papers are those of the day before."""
    found = frozenset(map(_singular, set(_runs(fold(abstract)))))
    return found.difference(words(" ".join((title, *authors))), _STOP)


def _place(item: Item) -> str:
    topic, subtopic = item.place or ("", "")
    return f"{topic}/{subtopic}" if subtopic else topic


def _postings(papers: Iterable[Collection[str]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for number, own in enumerate(papers):
        for word in own:
            found[word].append(number)
    return found


def _front_coded(ascending: Sequence[str]) -> str:
    parts, before = [], ""
    for word in ascending:
        shared = 0
        for one, other in zip(word[: len(_DIGITS) - 1], before, strict=False):
            if one != other:
                break
            shared += 1
        parts.append(_DIGITS[shared] + word[shared:])
        before = word
    return " ".join(parts)


class _Codes(dict[int, str]):
    """The code of Rice of each gap, for the parameter *low*."""

    def __init__(self, low: int) -> None:
        self._low = low

    def __missing__(self, gap: int) -> str:
        low, more = self._low, gap - 1
        code = self[gap] = "1" * (more >> low) + "0" + (f"{more & (1 << low) - 1:0{low}b}" if low else "")
        return code


def _bits(papers: int, postings: Sequence[Sequence[int]]) -> str:
    """Return the numbers of the papers of each word, as the page reads them."""
    parts: list[str] = []
    codes = [_Codes(low) for low in range(rice(papers, 1) + 1)]
    for numbers in postings:
        count = f"{len(numbers):b}"
        parts.append("0" * (len(count) - 1) + count)
        parts.extend(map(codes[rice(papers, len(numbers))].__getitem__, map(sub, numbers, (-1, *numbers))))
    bits = "".join(parts)
    bits += "0" * (-len(bits) % 8)
    return b64encode(int(bits, 2).to_bytes(len(bits) // 8)).decode() if bits else ""
