"""What somebody chose of an edition, laid out as bits, is what a look at each paper finds."""

import random
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest import resources
from digest.core.domain import Announcement, Classification, Entry, Kind, Paper, Provenance, Shelf
from digest.core.edition import Edition, Item, chosen, compose
from digest.core.matching import fits, words
from digest.core.query import Query, Where, phrase
from digest.core.selection import Sieve, is_called, limited, name_parts
from digest.core.subscription import Choice, kinds_named
from tests.stores import DAY

PAPERS = (
    ("Gaussian Splatting of Cafés", "We splat gaussians for state-of-the-art rendering of an image.", ("José Pérez", "Ada B. Example")),
    ("Detecting Objects", "An object detector for images of roads.\nA second paragraph flies.", ("J. Perez", "Wei Li")),
    ("Segmentation Meshes", "A mesh for the art of the state; Gaussian noise in scans.", ("Ada Example", "Øyvind Ås")),
    ("Splatting", "Nothing but $O(n^2)$ at https://example.org/object_detection.", ("Jean-Pierre O'Neil Jr.",)),
    ("三维 重建 with Ёлки", "", ("李明", "Nguyễn Văn A")),
    ("Gaussian", "Splatting stands here, and not beside the word of the title.", ("A. C. Example",)),
    ("Cross Roads", "Roads of a city from above à la carte.", ("NVIDIA",)),
    ("Roads Again", "Splatted roads, again.", ("Xiao-Ming Wang", "Ada Example")),
    ("", "", ()),
)
_PLACES = (
    "3d/view-synthesis", "recognition/object-detection", "3d/slam", "3d", "video", "video/video-generation", "3d/view-synthesis",
    "recognition/object-detection", "video",
)  # fmt: skip
_KINDS = (Kind.NEW, Kind.NEW, Kind.NEW, Kind.CROSS, Kind.NEW, Kind.REPLACED, Kind.REPLACED_CROSS, Kind.CROSS, Kind.NEW)
TOPICS = ("3d", "recognition", "video")


def edition(*, model: bool = True) -> Edition:
    """Return the papers above in an edition; every other opinion is unsure, and a reader has put one paper elsewhere."""
    entries = tuple(
        Entry(Paper(f"2611.{number:05}", title, abstract, authors, ("cs.CV",)), kind)
        for number, ((title, abstract, authors), kind) in enumerate(zip(PAPERS, _KINDS, strict=True))
    )
    said = Announcement("cs.CV", DAY, entries, Provenance("file"))
    listed = chosen(said, frozenset(Kind))
    opinions = []
    for place, entry in enumerate(listed):
        topic, _, subtopic = _PLACES[int(entry.paper.id[5:])].partition("/")
        opinions.append(Classification((Shelf(topic, subtopic, 0.5 + place / 20),), unsure=place % 2 == 1))
    return compose(said, listed, opinions if model else None, resources.taxonomy(), corrections={listed[1].paper.id: ("medical", "")})


@pytest.fixture(scope="module")
def sieve() -> Sieve:
    """Lay the edition out once for all tests."""
    return Sieve(edition())


def told(sieve: Sieve, choice: Choice) -> list[int]:
    """Return which of the papers above a choice tells."""
    return sorted(int(item.entry.paper.id[5:]) for item in sieve.papers(sieve.mask(choice)))


EVERY = kinds_named(("new", "cross", "replaced"))


# -- each paper by itself -----------------------------------------------------------------------------------------------


def has(item: Item, texts: tuple[str, ...]) -> bool:
    """Say whether one of some words is in the title or the abstract, as a search would."""
    terms = [term for term in map(phrase, texts) if term]
    groups = [(replace(term, where=Where.TITLE), replace(term, where=Where.ABSTRACT)) for term in terms]
    return any(fits(Query((group,)), words(item.entry.paper)) for group in groups)


def fit(item: Item, choice: Choice) -> bool:
    """Say whether a choice tells a paper: what the nouns say about it, word by word."""
    topic, subtopic = item.place or ("", "")
    own = {topic} if topic and not subtopic else {topic, f"{topic}/{subtopic}"} if topic else set()
    on_shelf = not choice.shelves or bool(own.intersection(choice.shelves))
    wanted = item.entry.kind in choice.kinds and on_shelf and (not choice.include or has(item, choice.include))
    followed = any(is_called(name_parts(author), name_parts(name)) for author in item.entry.paper.authors for name in choice.authors)
    doubtful = item.classification is not None and item.classification.unsure and not item.corrected
    return (wanted or followed) and not has(item, choice.exclude) and not (choice.sure and doubtful)


_WORDS = st.lists(
    st.one_of(
        st.sampled_from(sorted({word for title, abstract, _ in PAPERS for word in f"{title} {abstract}".split()})),
        st.sampled_from(
            (
                "state of the art", "Gaussian splatting", "gaussian splat", "image", "object_detection", "roads again", "splatting nothing",
                "caf*", "the art of the st*", "三维 重建", "三*", "ЁЛКИ", "a la carte", "title:roads", '"roads"', "-roads", "OR", "...", "",
                "É", "zebra*",
            )
        ),
        st.text(max_size=8),
    ),
    max_size=3,
).map(tuple)  # fmt: skip
_NAMES = st.lists(
    st.sampled_from(
        (
            "Ada Example", "A. Example", "Example", "Example, Ada", "ada b example", "Jose Perez", "PEREZ", "Oyvind As", "Jeanpierre ONeil",
            "李明",
            "Nvidia", "X. Wang", "Xiaoming Wang", "Nobody", "van A", "", ",",
        )
    ),
    max_size=2,
).map(tuple)  # fmt: skip
_SHELVES = (*TOPICS, "medical", "3d/slam", "3d/view-synthesis", "recognition/object-detection", "3d/", "", "4d")
_CHOICES = st.builds(
    Choice,
    shelves=st.lists(st.sampled_from(_SHELVES), max_size=3).map(tuple),
    include=_WORDS,
    exclude=_WORDS,
    authors=_NAMES,
    kinds=st.sets(st.sampled_from(Kind)).map(frozenset),
    sure=st.booleans(),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(choice=_CHOICES, model=st.booleans())
def test_bits_agree_with_papers(sieves: dict[bool, Sieve], choice: Choice, *, model: bool) -> None:
    """The mask has the bit of each paper that fits, and no other; asked again, it is the same."""
    found = sieves[model]
    expected = tuple(item for item in found.items if fit(item, choice))

    assert found.papers(found.mask(choice)) == expected
    assert found.papers(found.mask(choice)) == expected


@pytest.fixture(scope="module")
def sieves(sieve: Sieve) -> dict[bool, Sieve]:
    """Give an edition with a model and one without."""
    return {True: sieve, False: Sieve(edition(model=False))}


# -- what it means ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (Choice(), [0, 1, 2, 4, 8]),
        (Choice(kinds=EVERY), list(range(9))),
        (Choice(kinds=kinds_named(["replaced"])), [5, 6]),
        (Choice(include=("gaussian",)), [0, 2]),
        (Choice(include=("gaussian splatting",)), [0]),
        (Choice(include=("gaussian", "object detectors"), kinds=EVERY), [0, 1, 2, 5]),
        (Choice(include=("object detection",), kinds=EVERY), [3]),
        (Choice(include=("cafe",)), [0]),
        (Choice(include=("state-of-the-art",)), [0]),
        (Choice(include=("segm*",)), [2]),
        (Choice(include=("zebra",)), []),
        (Choice(exclude=("gaussian noise", "objects")), [0, 4, 8]),
        (Choice(include=("zebra",), authors=("Ada Example",)), [0, 2, 5, 7]),
        (Choice(include=("zebra",), authors=("Ada Example",), exclude=("road",)), [0, 2, 5]),
        (Choice(include=("zebra",), authors=("A. Example",)), [0, 2, 5, 7]),
        (Choice(include=("zebra",), authors=("Example, Ada", "li ming", "李明")), [0, 2, 4, 5, 7]),
        (Choice(include=("Example",)), []),
    ],
)
def test_what_is_told(sieve: Sieve, choice: Choice, expected: list[int]) -> None:
    """Kinds, shelves and words are each to fit; a followed author counts by himself; what is excluded goes whoever wrote it."""
    assert told(sieve, choice) == expected


def test_a_topic_has_its_subtopics(sieve: Sieve) -> None:
    """A topic is all of its papers, a subtopic those of its own, and the reader's word counts before the model's."""
    places = {int(item.entry.paper.id[5:]): item.place for item in sieve.items}
    topic = told(sieve, Choice(shelves=("3d",), kinds=EVERY))

    assert topic == sorted(number for number, place in places.items() if place and place[0] == "3d")
    assert told(sieve, Choice(shelves=("3d/view-synthesis",), kinds=EVERY)) == [0, 6]
    assert set(told(sieve, Choice(shelves=("3d/view-synthesis", "3d/slam"), kinds=EVERY))) < set(topic)
    corrected = next(item for item in sieve.items if item.corrected)
    assert told(sieve, Choice(shelves=("medical",), kinds=EVERY)) == [int(corrected.entry.paper.id[5:])]


def test_only_sure_ones(sieve: Sieve) -> None:
    """Left out is what the model was unsure of, also of a followed author, and not what a reader has put right."""
    left = {item.entry.paper.id for item in sieve.items} - {
        item.entry.paper.id for item in sieve.papers(sieve.mask(Choice(kinds=EVERY, sure=True)))
    }

    assert left == {
        item.entry.paper.id for item in sieve.items if item.classification and item.classification.unsure and not item.corrected
    }
    assert len(left) == 3
    everybody = Choice(kinds=frozenset(), authors=("Example", "Perez", "Wang", "Nvidia", "李明"), sure=True)
    assert not left & {item.entry.paper.id for item in sieve.papers(sieve.mask(everybody))}


def test_without_a_model(sieves: dict[bool, Sieve]) -> None:
    """No paper stands on a shelf but those that a reader put there, and nothing was unsure."""
    found = sieves[False]

    assert found.mask(Choice(kinds=EVERY, sure=True)) == found.all
    assert found.mask(Choice(kinds=EVERY, shelves=TOPICS)) == 0
    assert found.mask(Choice(kinds=EVERY, shelves=("medical",))).bit_count() == 1


def test_papers_by_their_identifiers(sieve: Sieve) -> None:
    """What a reader was told already can be left out."""
    mask = sieve.of(["2611.00000", "2611.00007", "9999.99999"])

    assert [item.entry.paper.id for item in sieve.papers(mask)] == ["2611.00000", "2611.00007"]


def test_no_papers() -> None:
    """A date without an announcement has nothing for anybody."""
    said = Announcement("cs.CV", DAY, (), Provenance("calendar"), "arXiv has a holiday")
    sieve = Sieve(compose(said, (), (), resources.taxonomy()))

    assert (sieve.all, sieve.mask(Choice(include=("a",), authors=("A. Example",))), sieve.papers(0)) == (0, 0, ())


# -- how many -----------------------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(choice=_CHOICES, most=st.integers(0, 12))
def test_the_best_are_kept(sieve: Sieve, choice: Choice, most: int) -> None:
    """They are of those that fit, as many as there is room for, and none that is left out is better than one that is kept."""
    choice = replace(choice, most=most)
    mask = sieve.mask(choice)
    kept = sieve.limited(mask, choice)

    assert kept & ~mask == 0
    assert kept.bit_count() == min(most or len(sieve.items), mask.bit_count())
    own = sieve.followed(choice)

    def rank(bit: int) -> tuple[bool, float]:
        (item,) = sieve.papers(bit)
        opinion = item.classification
        sure = 1.0 if item.corrected else opinion.best.probability - opinion.unsure if opinion else -1.0
        return bool(bit & own), sure

    bits = [1 << place for place in range(len(sieve.items))]
    assert all(rank(one) >= rank(other) for one in bits if one & kept for other in bits if other & mask & ~kept)


def test_several_editions_share_a_letter() -> None:
    """Of a week, the surest of all days are told, the followed authors' before them."""
    first, second = Sieve(edition()), Sieve(edition())
    choice = Choice(kinds=EVERY, authors=("Nvidia",), most=5)
    one, other = limited([(first, first.all), (second, second.mask(Choice()))], choice)

    assert one.bit_count() + other.bit_count() == 5
    assert one & first.of(["2611.00006"])  # by the followed author
    assert other & ~second.mask(Choice()) == 0
    assert limited([(first, 1), (second, 2)], choice) == (1, 2)
    assert limited([], choice) == ()


@pytest.mark.slow
def test_a_large_edition_takes_no_time() -> None:
    """300 papers are laid out in 150 ms, and a usual choice takes 50 microseconds once its words are known."""
    known = [
        f"{first}{second}{ending}" for first in "bcdfglmnprst" for second in ("ata", "ede", "olon") for ending in ("", "ing", "ation", "s")
    ]
    rng = random.Random(1)  # noqa: S311 - invented papers need no secrets
    entries = tuple(
        Entry(
            Paper(
                f"2611.{number:05}", " ".join(rng.choices(known, k=10)), " ".join(rng.choices(known, k=200)),
                tuple(f"{rng.choice(known).title()} {rng.choice(known).title()}" for _ in range(6)), ("cs.CV",),
            ),
            Kind.NEW,
        )
        for number in range(300)
    )  # fmt: skip
    said = Announcement("cs.CV", DAY, entries, Provenance("file"))
    places = [place.split("/") for place in _PLACES if "/" in place]
    opinions = [Classification((Shelf(topic, subtopic, 0.9),), unsure=False) for topic, subtopic in rng.choices(places, k=300)]
    large = compose(said, entries, opinions, resources.taxonomy())
    begun = time.process_time()
    sieve = Sieve(large)
    laid = time.process_time() - begun
    choice = Choice(
        shelves=("3d", "video/video-generation", "recognition"), include=("batas", "cedes dolon", "fata*"), exclude=("golonation tede",),
        authors=("Bata Cedes", "B. Dolon", "Lata"), most=20,
    )  # fmt: skip
    sieve.mask(choice)
    begun = time.process_time()
    for _ in range(1000):
        sieve.mask(choice)
    asked = (time.process_time() - begun) / 1000

    assert sieve.mask(choice)
    assert laid < 0.15
    assert asked < 50e-6


def test_beginnings_of_words_take_no_time() -> None:
    """As many as a choice may hold are found among 60,000 words in 10 ms, and are the words that begin so."""
    letters = "bcdfghklmnprtvwz"
    known = [f"{a}{b}{c}{d}" for a in letters for b in letters for c in letters for d in letters][:60_000]
    entries = tuple(Entry(Paper(f"2611.{number:05}", "", " ".join(known[number::50]), (), ("cs.CV",)), Kind.NEW) for number in range(50))
    large = Sieve(compose(Announcement("cs.CV", DAY, entries, Provenance("file")), entries, None, resources.taxonomy()))
    choice = Choice(include=tuple(f"{a}{b}{c}*" for a in "bcd" for b in "fgh" for c in "klmnp")[:49])
    begun = time.process_time()
    found = large.mask(choice)
    asked = time.process_time() - begun

    wanted = tuple(text.removesuffix("*") for text in choice.include)
    assert {item.entry.paper.id for item in large.papers(found)} == {
        entry.paper.id for entry in entries if any(word.startswith(wanted) for word in entry.paper.abstract.split())
    }
    assert asked < 0.01


# -- names --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("author", "wanted"),
    [
        ("Ada Example", "Ada Example"),
        ("Ada Example", "ada  EXAMPLE"),
        ("Ada Example", "Example, Ada"),
        ("Ada Example", "Example"),
        ("A. Example", "Ada Example"),
        ("Ada Example", "A. Example"),
        ("Ada Example", "A Example"),
        ("Ada B. Example", "Ada Example"),
        ("Ada Example", "Ada B. Example"),
        ("A. B. Example", "Ada Bea Example"),
        ("AB Example", "A. B. Example"),
        ("Ada Bea Cleo Example", "Ada C. Example"),
        ("Jan van der Example", "J. Example"),
        ("José Pérez", "Jose Perez"),
        ("Jose\u0301 Perez", "JOSÉ PÉREZ"),
        ("Łukasz Ørsted", "Lukasz Orsted"),
        ("Jörg Weiß", "Jorg Weiss"),
        ("Xiao-Ming Wang", "Xiaoming Wang"),
        ("Xiao Ming Wang", "Xiao-Ming Wang"),
        ("J.-P. Example", "Jean-Pierre Example"),
        ("Shaun O'Neil", "Shaun O\u2019Neil"),
        ("Ada Example Jr.", "Ada Example"),
        ("Ada Example III", "Ada Example, Jr"),
        ("李明", "李明"),
        ("NVIDIA", "nvidia"),
        ("Ｗｅｉ Li", "Wei Li"),
    ],
)
def test_who_may_be_meant(author: str, wanted: str) -> None:
    """The family name and what both sides tell of the given ones agree."""
    assert is_called(name_parts(author), name_parts(wanted))


@pytest.mark.parametrize(
    ("author", "wanted"),
    [
        ("Ada Example", "Ada Exampl"),
        ("Ada Example", "Bea Example"),
        ("A. Example", "B. Example"),
        ("Ada B. Example", "Ada C. Example"),
        ("Ada B. Example", "B. Example"),
        ("Wen Li", "Wei Li"),
        ("Li Wei", "Wei Li"),
        ("Example", "Ada Example"),
        ("Ada Example", "Ada"),
        ("Ada Example", "Adam Example"),
        ("Ada Example-Smith", "Ada Example"),
        ("Ada Example", ""),
        ("", "Ada Example"),
        ("", ""),
        ("...", "-"),
    ],
)
def test_who_is_somebody_else(author: str, wanted: str) -> None:
    """Where the names differ, they are two people."""
    assert not is_called(name_parts(author), name_parts(wanted))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_any_name_can_be_followed(author: str, wanted: str) -> None:
    """A name is found as itself, and to look for one breaks nothing."""
    own, other = name_parts(author), name_parts(wanted)

    assert is_called(own, own) == bool(own)
    assert not (is_called(own, other) and own[-1] != other[-1])
    assert is_called(own, other) == is_called(other, own) or len(own) == 1 or len(other) == 1
