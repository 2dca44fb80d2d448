"""The papers of an edition that somebody chose: an edition in, laid out as bits, and for each choice a number out.

    edition | a bit for each paper, the first paper's the lowest | masks by kind, shelf, stem and name | and, or, not

What a choice means is said at `digest.core.subscription.Choice`. Words and phrases fit as they do in a search (see
`digest.core.matching`), in a title or an abstract. A hundred thousand choices are made of few words, shelves and names, so that the
mask of each is kept.

A followed author is found as `is_called` says: by the family name, and the given names as far as both sides tell them.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from heapq import merge
from itertools import chain, islice

from digest.core.domain import Kind
from digest.core.edition import Edition, Item
from digest.core.matching import stems
from digest.core.query import Term, phrase
from digest.core.subscription import Choice
from digest.core.words import fold

_KEPT = 1 << 14
"""Masks of words, and of names, that are kept for an edition."""

Name = tuple[str, ...]
"""The parts of a name without accents and capitals, the family name last."""

# -- names --------------------------------------------------------------------------------------------------------------

_PART = re.compile(r"[^\W_]+")
_APOSTROPHES = str.maketrans(dict.fromkeys("'`\u2018\u2019\u02bb\u02bc\u00b4"))
_LETTERS = str.maketrans(
    {
        "\u00f8": "o",
        "\u0142": "l",
        "\u0111": "d",
        "\u00f0": "d",
        "\u00fe": "th",
        "\u00df": "ss",
        "\u00e6": "ae",
        "\u0153": "oe",
        "\u0131": "i",
    }
)
"""What people write in place of letters that have no accent to leave out."""
_AFTER = frozenset({"jr", "sr", "ii", "iii", "iv", "phd"})
"""What follows a family name and is none."""


@lru_cache(maxsize=1 << 16)
def name_parts(name: str) -> Name:
    """Return the parts of a name; ``Example, Ada`` is read as ``Ada Example``. A text without a letter has none."""
    family, comma, given = name.partition(",")
    if comma and (rest := _parts(given)) and not _AFTER.issuperset(rest):
        return (*rest, *_parts(family))
    return _parts(name)


def _parts(name: str) -> Name:
    parts = _PART.findall(fold(name.translate(_APOSTROPHES)).translate(_LETTERS))
    while len(parts) > 2 and parts[-1] in _AFTER:  # noqa: PLR2004 - a name of two parts is left whole
        parts.pop()
    return tuple(parts)


def is_called(author: Name, wanted: Name) -> bool:
    """Say whether an author of a paper may be who is *wanted*.

    Family names are the same, and so are the first given names, one of which may be an initial: ``Ada Example`` is found as
    ``A. Example``, and ``A. Example`` as ``Ada Example``. Of further given names the one side may leave out some of the other's, but
    not have different ones: ``Ada Example`` is ``Ada B. Example``, who is not ``Ada C. Example``. It does not matter how given names are
    joined: ``Jean-Pierre``, ``Jean Pierre``, ``Jeanpierre``. A family name alone is whoever has it.
    """
    if not wanted or author[-1:] != wanted[-1:]:
        return False
    own, other = author[:-1], wanted[:-1]
    if not other or "".join(own) == "".join(other):
        return True
    if not own or not _alike(own[0], other[0]):
        return False
    shorter, longer = sorted((own[1:], other[1:]), key=len)
    rest = iter(longer)
    return all(any(_alike(one, another) for another in rest) for one in shorter)


def _alike(one: str, other: str) -> bool:
    return one == other or (1 in (len(one), len(other)) and one[0] == other[0])


# -- papers -------------------------------------------------------------------------------------------------------------


class Sieve:
    """An edition laid out. A mask is a number with a bit for each of its `items`: that of ``items[0]`` is 1."""

    def __init__(self, edition: Edition) -> None:
        self.items: tuple[Item, ...] = edition.items
        self.all = (1 << len(self.items)) - 1
        self._kinds: dict[Kind, int] = defaultdict(int)
        self._shelves: dict[str, int] = defaultdict(int)
        self._stems: dict[str, int] = defaultdict(int)
        self._papers: dict[str, int] = {}
        self._texts: list[str] = []
        self._families: dict[str, list[tuple[Name, int]]] = defaultdict(list)
        self._unsure = 0
        for place, item in enumerate(self.items):
            self._lay(item, 1 << place)
        self._ordered = sorted(self._stems)
        sure = [(sureness(item), 1 << place) for place, item in enumerate(self.items)]
        self._surest = sorted(sure, key=lambda one: -one[0])
        # Of each edition, so that they go when it goes.
        self._with_word = lru_cache(maxsize=_KEPT)(self._find_word)
        self._by_author = lru_cache(maxsize=_KEPT)(self._find_author)

    def _lay(self, item: Item, bit: int) -> None:
        """Put one paper in."""
        paper = item.entry.paper
        self._papers[paper.id] = bit
        self._kinds[item.entry.kind] |= bit
        topic, subtopic = item.place or ("", "")
        if topic:
            self._shelves[topic] |= bit
        if topic and subtopic:
            self._shelves[f"{topic}/{subtopic}"] |= bit
        if is_unsure(item):
            self._unsure |= bit
        text = stems(paper.title) + stems(paper.abstract)  # two blanks lie between them, over which no phrase goes
        self._texts.append(text)
        for stem in set(text.split(" ")):  # at blanks alone: stems of other letters than English ones hold bytes that are white space
            self._stems[stem] |= bit
        for author in paper.authors:
            if name := name_parts(author):
                self._families[name[-1]].append((name, bit))

    def mask(self, choice: Choice) -> int:
        """Return the papers that a letter with this choice tells, were there no bound to their number."""
        found = 0
        for kind in choice.kinds:
            found |= self._kinds.get(kind, 0)
        if choice.shelves:
            shelved = 0
            for shelf in choice.shelves:
                shelved |= self._shelves.get(shelf, 0)
            found &= shelved
        if choice.include:
            found &= self._any_word(choice.include)
        found |= self.followed(choice)
        if choice.exclude:
            found &= ~self._any_word(choice.exclude)
        return found & ~self._unsure if choice.sure else found

    def followed(self, choice: Choice) -> int:
        """Return the papers of the authors that are followed, whatever else was chosen."""
        found = 0
        for author in choice.authors:
            found |= self._by_author(author)
        return found

    def of(self, papers: Iterable[str]) -> int:
        """Return the papers with these identifiers, as far as the edition has them."""
        found = 0
        for paper in papers:
            found |= self._papers.get(paper, 0)
        return found

    def papers(self, mask: int) -> tuple[Item, ...]:
        """Return the papers of a mask in the page's order."""
        return tuple(self.items[place] for place in _places(mask))

    def limited(self, mask: int, choice: Choice) -> int:
        """Return the papers of a mask that there is room for: the followed authors' first, then the surest; see `Choice.most`."""
        return limited([(self, mask)], choice)[0]

    def surest(self, mask: int) -> Iterator[tuple[float, int]]:
        """Yield how sure each paper of a mask is and its bit, the surest first; of equal ones, that first which stands first."""
        return ((sure, bit) for sure, bit in self._surest if bit & mask)

    # -- what is kept ---------------------------------------------------------------------------------------------------

    def _any_word(self, texts: Sequence[str]) -> int:
        found = 0
        for text in texts:
            found |= self._with_word(text)
        return found

    def _find_word(self, text: str) -> int:
        """Return the papers with a word or a phrase in their title or abstract; none for a text without a word."""
        term = phrase(text)
        return self._find(term) if term else 0

    def _find(self, term: Term) -> int:
        wanted = stems(" ".join(term.words))
        parts = list(filter(None, wanted.split(" ")))
        if not parts:
            return 0
        found = self._beginning(parts[-1]) if term.begins else self._stems.get(parts[-1], 0)
        for stem in parts[:-1]:
            found &= self._stems.get(stem, 0)
        if len(parts) == 1:
            return found
        text = wanted.removesuffix(" ") if term.begins else wanted
        return sum(1 << place for place in _places(found) if text in self._texts[place])

    def _beginning(self, start: str) -> int:
        found = 0
        for place in range(bisect_left(self._ordered, start), len(self._ordered)):
            stem = self._ordered[place]
            if not stem.startswith(start):
                break
            found |= self._stems[stem]
        return found

    def _find_author(self, text: str) -> int:
        wanted = name_parts(text)
        found = 0
        for name, bit in self._families.get(wanted[-1], ()) if wanted else ():
            if not found & bit and is_called(name, wanted):
                found |= bit
        return found


def limited(found: Sequence[tuple[Sieve, int]], choice: Choice) -> tuple[int, ...]:
    """Return the masks of several editions that are told in one letter, with no more papers in all than there is room for.

    The followed authors' come first, then the surest, whichever edition they are of.
    """
    masks = tuple(mask for _, mask in found)
    if not choice.most or sum(mask.bit_count() for mask in masks) <= choice.most:
        return masks
    followed = tuple(sieve.followed(choice) & mask for sieve, mask in found)
    others = tuple(mask & ~own for mask, own in zip(masks, followed, strict=True))
    kept = [0] * len(found)
    for _, number, bit in islice(chain(_surest(found, followed), _surest(found, others)), choice.most):
        kept[number] |= bit
    return tuple(kept)


def _surest(found: Sequence[tuple[Sieve, int]], masks: Sequence[int]) -> Iterator[tuple[float, int, int]]:
    """Yield the papers of some masks, the surest first, each as how unsure it is, the number of its edition, and its bit."""
    return merge(*(_numbered(sieve, number, mask) for number, ((sieve, _), mask) in enumerate(zip(found, masks, strict=True))))


def _numbered(sieve: Sieve, number: int, mask: int) -> Iterator[tuple[float, int, int]]:
    return ((-sure, number, bit) for sure, bit in sieve.surest(mask))


def sureness(item: Item) -> float:
    """Return how sure it is where a paper belongs: 1 if a reader said so, else the model's probability, less 1 where it was unsure."""
    if item.corrected:
        return 1.0
    if item.classification is None:
        return -1.0
    return item.classification.best.probability - item.classification.unsure


def is_unsure(item: Item) -> bool:
    """Say whether a paper is left out where only sure ones are wanted. Without a model there is nothing that it was unsure of."""
    return item.classification is not None and item.classification.unsure and not item.corrected


def _places(mask: int) -> Iterator[int]:
    """Yield the places of the bits of a mask, the lowest first."""
    while mask:
        bit = mask & -mask
        yield bit.bit_length() - 1
        mask ^= bit
