"""Copies of a list are found, independent lists are not taken for copies, and most curators decide."""

import random
from collections.abc import Sequence

import pytest

from digest.catalogue import lists, merge, records
from digest.catalogue.merge import Filed
from digest.catalogue.records import title_key
from tests.reference import shared

PAPERS = [(f"2611.{number:05}", f"Section {number // 10}") for number in range(60)]
List = list[tuple[str, str]]


def translated(papers: Sequence[tuple[str, str]]) -> List:
    """Return a list with its headings in another language."""
    return [(key, f"第{section.split()[1]}章") for key, section in papers]


def independent(seed: int) -> List:
    """Return how another curator files the same papers: in an order and in sections of their own."""
    chance = random.Random(seed)  # noqa: S311 - nobody is to be kept from guessing it
    papers = [(key, f"Part {chance.randrange(8)}") for key, _ in PAPERS]
    chance.shuffle(papers)
    return sorted(papers, key=lambda paper: paper[1])


@pytest.mark.parametrize(
    "copy",
    [
        PAPERS,
        translated(PAPERS),
        [paper for number, paper in enumerate(PAPERS) if number % 3],
        translated(PAPERS[:40]),
        [*PAPERS[:30], ("2611.90000", "Section 3"), *PAPERS[30:50]],
    ],
    ids=["whole", "translated", "every third left out", "translated and cut", "one more"],
)
def test_copies_are_found(copy: List) -> None:
    """Whatever language the headings are in, and though papers are missing, a copy keeps order and partition."""
    found = merge.copies({"a": PAPERS, "b": copy})

    assert len(found) == 1
    assert found.items() <= {("a", "b"), ("b", "a")}
    assert (found == {"b": "a"}) == (len(copy) <= len(PAPERS))


@pytest.mark.parametrize("seed", range(5))
def test_independent_lists_are_no_copies(seed: int) -> None:
    """Two curators of one venue share its papers, but not their order and their sections."""
    assert merge.copies({"a": PAPERS, "b": independent(seed)}) == {}
    assert merge.copies({"a": PAPERS, "b": [(key, f"Part {number % 7}") for number, (key, _) in enumerate(PAPERS)]}) == {}
    assert merge.copies({"a": PAPERS, "b": PAPERS[:19]}) == {}


def test_lists_without_sections_are_not_compared() -> None:
    """Two lists by the alphabet have the same order, whoever made them."""
    flat = [(key, "") for key, _ in PAPERS]

    assert merge.copies({"a": flat, "b": flat[:50]}) == {}


def test_a_copy_of_a_copy_is_one_of_the_original() -> None:
    """Among three of a kind the largest is the original."""
    assert merge.copies({"a": PAPERS[:50], "b": PAPERS, "c": translated(PAPERS[:40])}) == {"a": "b", "c": "b"}


def filed(curator: str, shelf: str, *, title: str = "A Title", arxiv_id: str = "2611.00001") -> Filed:
    """Return one curator's word."""
    topic, _, subtopic = shelf.partition("/")
    return Filed(curator, title, arxiv_id, topic, subtopic or None)


def test_most_curators_decide() -> None:
    """Two against one; the subtopic is that of those who chose the topic."""
    found = merge.merge([filed("a", "detection/3d"), filed("b", "detection"), filed("c", "video/tracking")])

    assert [(paper.topic, paper.subtopic) for paper in found] == [("detection", "3d")]
    assert found[0].votes == {"a": (("detection", "3d"),), "b": (("detection", None),), "c": (("video", "tracking"),)}


def test_a_tie_is_none() -> None:
    """One against one decides nothing, and neither do two subtopics."""
    assert merge.merge([filed("a", "detection"), filed("b", "video")])[0].topic is None
    found = merge.merge([filed("a", "detection/3d"), filed("b", "detection/2d")])[0]
    assert (found.topic, found.subtopic) == ("detection", None)


def test_a_curator_has_one_vote() -> None:
    """Who files a paper twice shares the vote out, and cannot outvote another by it."""
    found = merge.merge([filed("a", "video"), filed("a", "detection"), filed("a", "video"), filed("b", "detection")])

    assert found[0].topic == "detection"
    assert found[0].votes["a"] == (("video", None), ("detection", None))


def test_papers_are_joined_by_identifier_and_by_title() -> None:
    """One identifier is one paper whatever its title; without one the letters and digits of the title decide."""
    found = merge.merge(
        [
            filed("a", "video", title="Old Title"),
            filed("b", "video", title="New Title"),
            filed("c", "video", title="NEW: title!", arxiv_id=""),
            filed("a", "video", title="Else", arxiv_id=""),
            filed("b", "video", title="else", arxiv_id="2611.00002"),
            filed("c", "video", title="Else", arxiv_id="2611.00003"),
        ]
    )

    assert [(paper.title, paper.arxiv_id, len(paper.votes)) for paper in found] == [
        ("Old Title", "2611.00001", 3),
        ("Else", "2611.00002", 2),
        ("Else", "2611.00003", 1),
    ]


def test_titles_without_latin_letters_stay_apart() -> None:
    """Two Chinese titles have no letter in common by which they could be compared."""
    assert len(merge.merge([filed("a", "video", title="目标检测", arxiv_id=""), filed("b", "video", title="图像分割", arxiv_id="")])) == 2


@pytest.mark.slow
def test_the_copies_among_the_real_lists() -> None:
    """Three known lists are copies: a translation of the first seed, and two forks; no two others are."""
    papers = {}
    for folder, pattern in (("lists", "*.md"), ("lists", "*.csv"), ("seeds", "*.txt")):
        for path in sorted((shared() / folder).glob(pattern)):
            found = lists.read(records.decode(path.read_bytes()), source=path.name).records
            papers[path.stem] = [(record.arxiv_id or title_key(record.title), record.section) for record in found]

    assert merge.copies(papers) == {
        "ea_CVPR2020": "000_2c34b06d5400d757",
        "ea_CVPR2022": "gbstack_CVPR2022",
        "kjerk_CVPR2020": "amusi_CVPR2020",
    }
