"""What was chosen is kept as JSON, and comes back as it was; nothing else does."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import tzdata
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.core.domain import Kind
from digest.core.subscription import (
    LANGUAGES,
    LONGEST_WORDS,
    MOST_AUTHORS,
    MOST_PAPERS,
    MOST_SHELVES,
    MOST_WORDS,
    Choice,
    Frequency,
    Standing,
    Subscriber,
    choice_object,
    choice_of,
    kept_choice,
    kinds_named,
    names_of,
    zone_names,
)
from digest.core.text import plain

_WORD = st.text(max_size=30).map(lambda text: plain(text).strip()).filter(lambda text: any(map(str.isalnum, text)))


def _several(strategy: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(strategy, max_size=4, unique=True).map(tuple)


CHOICES = st.builds(
    Choice,
    shelves=_several(st.sampled_from(("3d", "3d/slam", "video", "medical/ct"))),
    include=_several(_WORD),
    exclude=_several(_WORD),
    authors=_several(_WORD),
    kinds=st.sets(st.sampled_from(("new", "cross", "replaced")), min_size=1).map(lambda names: kinds_named(sorted(names))),
    frequency=st.sampled_from(Frequency),
    most=st.integers(0, MOST_PAPERS),
    sure=st.booleans(),
    language=st.sampled_from(LANGUAGES),
    zone=st.sampled_from(("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/Argentina/Buenos_Aires", "Etc/GMT+5")),
    hour=st.integers(0, 23),
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_NAMES = st.sampled_from(("shelves", "include", "exclude", "authors", "kinds", "frequency", "most", "sure", "language", "zone", "hour"))


@settings(max_examples=30, deadline=None)
@given(CHOICES)
def test_a_choice_comes_back(choice: Choice) -> None:
    """Through JSON and back it is the same."""
    assert choice_of(json.loads(json.dumps(choice_object(choice)))) == choice


def test_what_is_usual_is_not_kept() -> None:
    """A new default is then what everybody has who chose nothing."""
    assert choice_object(Choice()) == {}
    assert choice_of({}) == Choice()
    assert choice_object(Choice(shelves=("3d",), hour=0)) == {"shelves": ["3d"], "hour": 0}


@settings(max_examples=60, deadline=None)
@given(st.one_of(_JSON, st.dictionaries(_NAMES, _JSON, max_size=3)))
def test_any_json_is_a_choice_or_refused(found: Any) -> None:
    """No text, number or list that somebody sends makes anything but an error that says what to choose."""
    try:
        choice = choice_of(found)
    except ValueError:
        return

    assert choice_of(choice_object(choice)) == choice


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([], "an object"),
        (None, "an object"),
        ("shelves", "an object"),
        ({"colour": "red"}, "nothing called 'colour'"),
        ({"shelves": "3d"}, "topics: not a list"),
        ({"shelves": [["3d"]]}, "topics: not a list"),
        ({"shelves": ["4d"]}, "no topic '4d'"),
        ({"shelves": ["../3d"]}, "no topic"),
        ({"shelves": [str(number) for number in range(MOST_SHELVES + 1)]}, "too many"),
        ({"include": [str(number) for number in range(MOST_WORDS + 1)]}, "too many"),
        ({"include": ["a" * (LONGEST_WORDS + 1)]}, "too long"),
        ({"include": ["nerf", "!?"]}, "neither a letter nor a digit"),
        ({"exclude": ["\U0001f600"]}, "neither a letter nor a digit"),
        ({"authors": ["."]}, "neither a letter nor a digit"),
        ({"authors": [f"A. Example {number}" for number in range(MOST_AUTHORS + 1)]}, "too many"),
        ({"kinds": []}, "choose one"),
        ({"kinds": ["new", "old"]}, "'old' is none"),
        ({"kinds": ["replaced-cross"]}, "is none"),
        ({"frequency": "hourly"}, "daily or weekly"),
        ({"frequency": ["daily"]}, "daily or weekly"),
        ({"most": -1}, "a number from 0"),
        ({"most": MOST_PAPERS + 1}, "a number from 0"),
        ({"most": True}, "a number from 0"),
        ({"most": 1.0}, "a number from 0"),
        ({"most": "5"}, "a number from 0"),
        ({"sure": 1}, "yes or no"),
        ({"sure": "true"}, "yes or no"),
        ({"language": "tlh"}, "can be written in"),
        ({"language": {}}, "can be written in"),
        ({"zone": ""}, "no time zone"),
        ({"zone": "Mars/Olympus"}, "no time zone"),
        ({"zone": "../../etc/passwd"}, "no time zone"),
        ({"zone": "/etc/localtime"}, "no time zone"),
        ({"zone": "Europe"}, "no time zone"),
        ({"zone": "right/UTC"}, "no time zone"),
        ({"zone": "posix/Europe/Berlin"}, "no time zone"),
        ({"zone": ["UTC"]}, "no time zone"),
        ({"zone": "UTC\x00"}, "no time zone"),
        ({"zone": "\udcff"}, "no time zone"),
        ({"zone": "U" * 1_000_000}, "no time zone"),
        ({"zone": None}, "no time zone"),
        ({"hour": 24}, "the hour"),
        ({"hour": None}, "the hour"),
        ({"hour": 10**400}, "the hour"),
    ],
)
def test_what_cannot_be_chosen(found: Any, said: str) -> None:
    """The message is for whoever chose, and of a length that can be read."""
    with pytest.raises(ValueError, match=said) as caught:
        choice_of(found, frozenset({"3d", "3d/slam"}))

    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("wrong", [None, [], {"zone": 1}, {"zone": "right/UTC", "hour": 24}])
def test_what_cannot_have_been_kept(wrong: Any) -> None:
    """Nothing but a name of a zone is passed over."""
    with pytest.raises(ValueError, match=r"object|zone|hour"):
        kept_choice(wrong)


def test_zones_are_those_that_every_machine_has() -> None:
    """Whatever the system knows besides cannot be chosen; and what was chosen elsewhere counts as UTC."""
    package = (Path(tzdata.__file__).parent / "zones").read_text("utf-8").split()

    assert zone_names() == {"UTC", *(name for name in package if "/" in name)}
    assert kept_choice({"zone": "right/UTC", "hour": 7}) == Choice(hour=7)
    assert kept_choice({"zone": "Asia/Tokyo"}) == Choice(zone="Asia/Tokyo")


def test_texts_are_cleaned() -> None:
    """Line feeds, marks that nobody sees, blanks and what was typed twice go; a text of nothing else goes as well."""
    found = choice_of(
        {"include": [" gaussian\r\nsplatting ", "gaussian splatting", "", " ", "ne\u200brf\u202e"], "authors": ["Ada\x00 Example"]}
    )

    assert found.include == ("gaussian splatting", "nerf")
    assert found.authors == ("Ada Example",)


def test_kinds_have_the_names_that_people_use() -> None:
    """A replaced paper may be one of another category."""
    assert kinds_named(["replaced", "new"]) == {Kind.NEW, Kind.REPLACED, Kind.REPLACED_CROSS}
    assert names_of(frozenset(Kind)) == ("new", "cross", "replaced")


def test_what_links_are_made_of_is_not_shown() -> None:
    """The nonce of a subscriber stands in no log."""
    subscriber = Subscriber(1, "ada@example.org", Standing.PENDING, Choice(), "secret-nonce", datetime(2026, 11, 20, tzinfo=UTC))

    assert "secret-nonce" not in repr(subscriber)
