"""Several curators' lists made one: copies of a list count once, and a paper that many file goes where most of them put it."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from digest.catalogue.records import title_key

Shelf = tuple[str, str | None]
"""The slugs of a topic and of a subtopic; the subtopic may be unknown."""

_ENOUGH_SHARED = 20
_MOSTLY = 0.95
_OF_SMALLER = 0.6


@dataclass(frozen=True, slots=True)
class Filed:
    """One curator's word on one paper."""

    curator: str
    title: str
    arxiv_id: str
    """Empty where the list does not give it."""
    topic: str
    subtopic: str | None


@dataclass(frozen=True, slots=True)
class Merged:
    """One paper, and where its curators put it."""

    title: str
    arxiv_id: str
    votes: Mapping[str, tuple[Shelf, ...]]
    """The shelves of each curator, in the order of the lists."""
    topic: str | None
    """That of most curators; None where they tie."""
    subtopic: str | None
    """Of those who chose the topic and name a subtopic, that of most; None where they tie."""


def copies(lists: Mapping[str, Sequence[tuple[str, Hashable]]]) -> dict[str, str]:
    """Return which of the *lists* is a copy of which: name by name, the smaller one first.

    A list is given as its papers in order, each a key and the section it stands in. Two independent curators may well share
    most papers of a venue, but never their order and their partition into sections too: of two lists that share at least 20
    papers and three fifths of the smaller one, one is a copy if 95 % of the neighbours among the shared papers come in the
    same order in both, and as many are together, or apart, in both. Where the shared papers stand in one section only, nothing
    can be said: two curators may well both go by the alphabet.
    """
    found: dict[str, str] = {}
    ordered = sorted(lists, key=lambda name: (-len(lists[name]), name))
    places = {name: {key: (place, section) for place, (key, section) in reversed(list(enumerate(lists[name])))} for name in ordered}
    for larger, smaller in combinations(ordered, 2):
        if larger in found or smaller in found:
            continue
        shared = [key for key in places[larger] if key in places[smaller]]
        if len(shared) < max(_ENOUGH_SHARED, _OF_SMALLER * len(places[smaller])):
            continue
        one, other = places[larger], places[smaller]
        shared.sort(key=lambda key: one[key][0])
        if len({one[key][1] for key in shared}) == 1:
            continue
        steps = list(pairwise(shared))
        in_order = sum(other[first][0] < other[second][0] for first, second in steps)
        together = sum((one[first][1] == one[second][1]) == (other[first][1] == other[second][1]) for first, second in steps)
        if min(in_order, together) >= _MOSTLY * len(steps):
            found[smaller] = larger
    return found


def merge(filed: Iterable[Filed]) -> list[Merged]:
    """Return each paper once, with its curators' votes, in the order in which the papers are first named.

    Papers are the same if their identifiers are, or, where one has none, if the letters and digits of their titles are. Each
    curator has one vote, shared out if it names several topics.
    """
    papers: list[tuple[list[Filed], set[str]]] = []
    by_key: dict[str, int] = {}
    for entry in filed:
        title = title_key(entry.title)
        index = by_key.get(entry.arxiv_id) if entry.arxiv_id else None
        if index is None and title:
            index = by_key.get(title)
            if index is not None and entry.arxiv_id and papers[index][1] - {entry.arxiv_id}:
                index = None  # one title, two identifiers: two papers
        if index is None:
            index = len(papers)
            papers.append(([], set()))
        papers[index][0].append(entry)
        if entry.arxiv_id:
            papers[index][1].add(entry.arxiv_id)
            by_key[entry.arxiv_id] = index
        if title:
            by_key.setdefault(title, index)
    return [_merged(entries) for entries, _ in papers]


def _merged(entries: Sequence[Filed]) -> Merged:
    votes: dict[str, list[Shelf]] = {}
    for entry in entries:
        own = votes.setdefault(entry.curator, [])
        if (entry.topic, entry.subtopic) not in own:
            own.append((entry.topic, entry.subtopic))
    topics: Counter[str] = Counter()
    for own in votes.values():
        named = dict.fromkeys(topic for topic, _ in own)
        topics.update(dict.fromkeys(named, 60 // len(named)))
    topic = _most(topics)
    subtopics = Counter(sub for own in votes.values() for parent, sub in own if parent == topic and sub)
    return Merged(
        entries[0].title,
        next((entry.arxiv_id for entry in entries if entry.arxiv_id), ""),
        {curator: tuple(own) for curator, own in votes.items()},
        topic,
        _most(subtopics),
    )


def _most(counts: Counter[str]) -> str | None:
    """Return the most common one; None where there is none or two are."""
    ranked = counts.most_common(2)
    if not ranked or (len(ranked) > 1 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]
