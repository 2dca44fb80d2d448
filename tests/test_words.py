"""The words of a month: each paper is found by each of its words, and by no other; the same papers give the same bytes."""

import gzip
import json
import random
from base64 import b64decode
from datetime import date
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from digest.core.domain import Classification, Entry, Kind, Paper, Shelf
from digest.core.edition import Item
from digest.core.links import links
from digest.core.words import STOP, fold, month_index, papers_words, rice, words

DAY = date(2026, 11, 20)


def item(number: int, title: str = "A Title", abstract: str = "", authors: tuple[str, ...] = (), kind: Kind = Kind.NEW) -> Item:
    """Return an invented paper on a shelf."""
    paper = Paper(f"2611.{number:05}", title, abstract, authors, ("cs.CV",))
    return Item(number, Entry(paper, kind), Classification((Shelf("3d", "depth-stereo", 0.5),), unsure=False), links(paper), "")


def postings(document: dict[str, Any]) -> dict[str, list[int]]:
    """Return the papers of each word, decoded as the format is described."""
    found: dict[str, list[int]] = {}
    bits = "".join(f"{byte:08b}" for byte in b64decode(document["postings"]))
    place, word = 0, ""

    def read(count: int) -> int:
        nonlocal place
        place += count
        return int(bits[place - count : place] or "0", 2)

    for part in document["words"].split(" ") if document["words"] else []:
        word = word[: int(part[0], 36)] + part[1:]
        zeros = bits.index("1", place) - place
        place += zeros
        count = read(zeros + 1)
        low, number = rice(len(document["ids"]), count), -1
        found[word] = []
        for _ in range(count):
            high = bits.index("0", place) - place
            place += high + 1
            number += 1 + (high << low) + read(low)
            found[word].append(number)
    assert len(bits) - place < 8
    assert set(bits[place:]) <= {"0"}
    return found


ODD = st.sampled_from(("gaussian", "Gaussians", "café", "the", "3D", "ß", "İ", "ﬁne", "-", "Ω", "深度", "x" * 60, "\ud800"))
TEXTS = st.lists(ODD | st.text(max_size=6), max_size=12)


@given(st.lists(st.tuples(TEXTS.map(" ".join), TEXTS.map(" ".join)), max_size=20))
@settings(max_examples=25, deadline=None)
def test_each_paper_by_each_word(papers: list[tuple[str, str]]) -> None:
    """What is written is what was there, whatever letters the words have."""
    items = [item(number, title, abstract) for number, (title, abstract) in enumerate(papers)]
    document = json.loads(month_index([(DAY, items)]))
    found = postings(document)

    assert list(found) == sorted(found)
    assert [{word for word, own in found.items() if number in own} for number in range(len(items))] == [papers_words(one) for one in items]
    assert all(one < other for own in found.values() for one, other in pairwise(own))
    assert not set(found) & set(STOP)


def test_what_is_told_of_a_paper() -> None:
    """The newest listing of a paper counts; whatever the page shows of it is there."""
    first = item(2, "Depth", "See https://github.com/a/b for code.", ("Ada Example", "Jo Doe"))
    again = item(2, "Depth 2", kind=Kind.REPLACED)
    document = json.loads(month_index([(date(2026, 11, 19), [first, item(1)]), (DAY, [item(3), again])]))

    assert document["ids"] == ["2611.00003", "2611.00002", "2611.00001"]
    assert [document["days"][row] for row in document["day"]] == ["2026-11-20", "2026-11-20", "2026-11-19"]
    assert document["titles"] == ["A Title", "Depth 2", "A Title"]
    assert (document["kinds"], document["code"]) == ("nrn", "nnn")
    assert {document["places"][row] for row in document["place"]} == {"3d/depth-stereo"}
    alone = json.loads(month_index([(DAY, [first])]))
    assert (alone["authors"], alone["code"], list(postings(alone))) == (
        ["Ada Example, Jo Doe"],
        "y",
        ["b", "code", "com", "github", "http", "see"],
    )
    assert json.loads(month_index([]))["ids"] == []


def test_folding() -> None:
    """Accents, case, compatible forms and plurals make no difference; a stop word is folded like any other."""
    assert words("Naïve NAIVE ＮＡＩＶＥ naives") == ["naive"] * 4
    assert words("Gaussians, bus gas analysis class queries ties") == ["gaussian", "bus", "gas", "analysis", "class", "query", "tie"]
    assert fold("İstanbul Çağ") == "istanbul cag"
    assert words(" ".join(STOP)) == list(STOP)


def test_small_and_the_same() -> None:
    """A month is no burden: words by Zipf's law, as many as real abstracts have, stay small; order and time leave no trace."""
    dice = random.Random(7)  # noqa: S311 - invented papers, not secrets
    vocabulary = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=dice.randint(3, 10))) for _ in range(8_000)]
    weights = [1 / rank for rank in range(1, len(vocabulary) + 1)]
    items = [
        item(number, " ".join(dice.choices(vocabulary, weights, k=9)), " ".join(dice.choices(vocabulary, weights, k=120)))
        for number in range(300)
    ]
    made = month_index([(DAY, items[:150]), (date(2026, 11, 19), items[150:])])

    assert made == month_index([(date(2026, 11, 19), items[150:]), (DAY, items[:150])])
    assert len(gzip.compress(made)) < 60_000
