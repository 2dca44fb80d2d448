"""Files of subscribers: what is written is read again as it was, and nothing in it acts in a spreadsheet."""

import csv
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.core.roster import COLUMNS, FORMATS, Person, Refused, read, written
from digest.core.subscription import Choice, Frequency, Standing, Subscriber
from digest.recipients import recipient
from tests.test_subscription import CHOICES

NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
SHELVES = frozenset({"3d", "3d/slam", "video", "medical/ct"})
ACTS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
_MOMENTS = st.none() | st.integers(0, 10**9).map(lambda seconds: NOW - timedelta(seconds=seconds, microseconds=seconds % 10**6))
_WORDS = st.lists(
    st.sampled_from(("=cmd|' /C calc'!A0", "+1 a", "-x", "@sum(a)", "a;=b", "a\\;b", "'=x", "'t Hooft", "\uff1d1+1", 'a"b', "a,b"))
)
_LOCALS = st.sampled_from(("ada", "=ada", "+ada", "'=ada", "'ada", "a|b", "{ada}"))


@st.composite
def people(draw: st.DrawFn) -> Subscriber:
    """Return somebody with any choice."""
    choice = draw(CHOICES)
    extra = tuple(dict.fromkeys((*choice.include, *draw(_WORDS))))
    choice = Choice(
        choice.shelves, extra, choice.exclude, extra[::-1], choice.kinds, choice.frequency, choice.most, choice.sure, "de", "UTC", 3
    )
    address = recipient(f"{draw(_LOCALS)}{draw(st.integers(0, 10**6))}@example.org").address
    return Subscriber(1, address, draw(st.sampled_from(Standing)), choice, "n", NOW, draw(_MOMENTS), draw(_MOMENTS))


@settings(max_examples=25, deadline=None)
@given(person=people(), form=st.sampled_from(FORMATS))
def test_it_comes_back(person: Subscriber, form: str) -> None:
    """Whatever somebody chose, in both forms."""
    found = next(iter(read(written([person], form), SHELVES, NOW)))

    assert isinstance(found, Person), found
    assert found.recipient.address == person.address
    assert found.choice == person.choice
    assert (found.standing, found.made, found.confirmed, found.ended) == (person.standing, person.made, person.confirmed, person.ended)


@settings(max_examples=25, deadline=None)
@given(person=people())
def test_no_cell_is_a_formula(person: Subscriber) -> None:
    """Neither as a file with commas, nor in a country where a semicolon parts cells and quotes within one are letters."""
    lines = list(written([person], "csv"))
    cells = next(csv.reader(lines[1:]))

    assert not [cell for cell in cells if cell[:1] and cell[0] in ACTS]
    assert not [cell for cell in lines[1].split(";") if cell.strip(' "')[:1] and cell.strip(' "')[0] in ACTS]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.text(max_size=40) | st.sampled_from(("address,topics", "a@example.org", '{"address": "a@example.org"}', '"')), max_size=5)
)
def test_any_text_is_read_or_refused(lines: list[str]) -> None:
    """Each line is somebody, or there is a reason why it is nobody."""
    for found in read([f"{line}\n" for line in lines], SHELVES, NOW):
        assert found.line >= 1
        assert isinstance(found, Person) or (found.why and len(found.why) < 500)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,topics\nada,3d\n", "1: no column is called address: the first line holds 'name', 'topics'; columns are address"),
        ("address,colour\na@example.org,red\nb@example.org,blue\n", "1: there is no column 'colour', and no line"),
        ("address,topics,Address\na@example.org,,b@example.org\n", "1: two columns are called address, and no line"),
        ("address,topics\na@example.org,4d\n", "2: there is no topic '4d'"),
        ("address\na@example.org,3d\n", "2: there are 2 cells, and 1 columns"),
        ("address,hour\n\n\na@example.org,24\n", "4: the hour"),
        ("address,hour\na@example.org,early\n", "2: the hour"),
        ("address,sure\na@example.org,perhaps\n", "2: only sure ones"),
        ("address,standing\na@example.org,sleeping\n", "2: 'sleeping' is no standing"),
        ("address,confirmed\na@example.org,yesterday\n", "2: confirmed: 'yesterday' is no instant"),
        ("address,confirmed\na@example.org,2027-01-01\n", "2: confirmed: 2027-01-01 00:00 UTC has not come"),
        ("address,topics\n,3d\n", "2: there is no address"),
        ("address\na@example.org\nA@Example.org\n", "3: A@example.org stands in line 2 already"),
        ("Ada <a@example.org>\n", "1: .* is no mail address"),
        ('{"address": "a@example.org"}\n{"address": 3}\n', "2: there is no address"),
        ('{"address": "a@example.org"}\n[1]\n', "2: that is no object"),
        ('{"address": "a@example.org"}\n{"address"\n', "2: that is no JSON"),
        ('{"address": "a@example.org", "topics": "3d"}\n', "1: topics: not a list"),
        ("\n\n" + "[" * 9 + "\n", "3: no column"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    """It is told by its line, and why."""
    found = [f"{one.line}: {one.why}" for one in read(text.splitlines(keepends=True), SHELVES, NOW) if isinstance(one, Refused)]

    assert len(found) == 1
    assert re.match(said, found[0])


def test_what_people_write_by_hand() -> None:
    """A list of addresses is enough, columns may stand in any order, and commas part topics too."""
    plain = list(read(["a@example.org\n", "\n", "b@Example.ORG\n"], SHELVES, NOW))
    table = list(read(["Hour, topics,ADDRESS\n", '7,"3d, video",a@example.org\n', "'7,,b@example.org\n"], SHELVES, NOW))

    assert [one.recipient.address for one in plain if isinstance(one, Person)] == ["a@example.org", "b@example.org"]
    assert isinstance(table[0], Person)
    assert (table[0].choice, table[0].line) == (Choice(shelves=("3d", "video"), hour=7), 2)
    assert isinstance(table[1], Refused)


def test_a_quotation_mark_that_nobody_closed() -> None:
    """It takes away nobody who follows: each line is told or somebody."""
    lines = [
        "address,include,hour",
        'a@example.org,"event camera,7',
        "b@example.org,nerf,",
        'c@example.org,"slam",',
        '"d@example.org',
        '"e"',
    ]
    found = list(read([f"{line}\r\n" for line in lines], SHELVES, NOW))

    assert [(one.line, isinstance(one, Person)) for one in found] == [(2, False), (3, True), (4, True), (5, False), (6, False)]
    assert [one.why.partition(" on this")[0] for one in found if isinstance(one, Refused)][:2] == ["a quotation mark is not closed"] * 2


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_what_spreadsheets_write(separator: str) -> None:
    """Whatever stands between cells, and with empty cells at the end of lines."""
    lines = [("Topics", "Address", "hour", ""), ('"3d;video"', "a@example.org", "7", "", ""), ("3d", "b@example.org")]
    found = list(read([f"{separator.join(cells)}\n" for cells in lines], SHELVES, NOW))

    assert [(one.recipient.address, one.choice) for one in found if isinstance(one, Person)] == [
        ("a@example.org", Choice(("3d", "video"), hour=7)), ("b@example.org", Choice(("3d",))),
    ]  # fmt: skip


def test_columns_name_all_that_can_be_chosen() -> None:
    """A choice that a file cannot hold would be lost on the way to another machine."""
    choice = Choice(
        ("3d",), ("a",), ("b",), ("c",), frozenset(), Frequency.WEEKLY, 5, sure=True, language="de", zone="Europe/Berlin", hour=7
    )
    line = list(written([Subscriber(1, "a@example.org", Standing.ENDED, choice, "n", NOW, NOW, NOW)], "csv"))

    assert all(next(csv.reader(line[1:]))[place] for place, name in enumerate(COLUMNS) if name != "kinds")
