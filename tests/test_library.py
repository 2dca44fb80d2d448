"""The archive in a database against one in memory: whatever was announced, in whatever order, both say the same of it."""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from digest.archive import Held
from digest.core.announcements import Calendar
from digest.core.changes import retold
from digest.core.domain import Announcement, Entry, Kind, Provenance, State
from digest.core.edition import Edition
from digest.core.site import Listing
from digest.library import Library
from digest.render import jsonfile
from digest.store import editions
from digest.store.database import Database
from tests.sites import MOST, TAXONOMY, Press
from tests.stores import KINDS, lent, paper

DAYS = [date(2026, month, day) for month, day in ((10, 29), (10, 30), (11, 2), (11, 3), (11, 5))]
NAMES = [*(f"2610.{number:05}" for number in range(1, 9)), "cs/0703101"]
CATEGORIES = ("cs.CV", "cs.LG")
INCLUDES = (MOST, frozenset(Kind), frozenset({Kind.NEW}), frozenset({Kind.REPLACED, Kind.REPLACED_CROSS}), frozenset[Kind]())


@pytest.fixture(params=KINDS)
def stored(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Lend an empty database."""
    with lent(request) as found:
        yield found


def library(database: Database, category: str = "cs.CV") -> Library:
    """Return the archive of a category."""
    return Library(database, category, TAXONOMY, Calendar())


def entry(name: str, kind: Kind = Kind.NEW, title: str = "Seeing") -> Entry:
    """Return an invented paper as it is announced."""
    return Entry(replace(paper(1), id=name, title=f"{title} {name}"), kind)


def announced(*entries: Entry, day: date = DAYS[0], category: str = "cs.CV") -> Announcement:
    """Return what was announced: nothing, where there are no entries."""
    return Announcement(category, day, entries, Provenance("listing"), "" if entries else "there were no updates")


@dataclass
class History:
    """What a press has published, and when."""

    press: Press
    chance: random.Random
    published: dict[tuple[str, date], list[tuple[datetime, Edition]]] = field(default_factory=dict)
    _numbers: dict[tuple[str, date], int] = field(default_factory=dict)
    _said: dict[tuple[str, date], Announcement] = field(default_factory=dict)

    def go_on(self) -> tuple[str, bool]:
        """Let something happen, and return the category that it happened in, and whether it was published."""
        chance = self.chance
        where = category, day = chance.choice(CATEGORIES), chance.choice(DAYS)
        if where not in self._said or chance.random() < 0.7:
            # In two ways at once, and with nothing at all, as arXiv does now and then.
            pairs = {(chance.choice(NAMES), chance.choice(list(Kind))): None for _ in range(chance.randint(0, 9))}
            entries = [entry(name, kind, chance.choice(["Seeing", "Knowing"])) for name, kind in pairs]
            self._said[where] = announced(*entries, day=day, category=category)
        self._numbers[where] = self._numbers.get(where, 0) + 1
        is_published = chance.random() < 0.8
        edition = self.press.keep(
            self._said[where], include=chance.choice(INCLUDES), number=self._numbers[where], place=chance.randint(0, 1),
            published=is_published,
        )  # fmt: skip
        if is_published:
            self.published.setdefault(where, []).append((self.press.moment, edition))
        return category, is_published

    def held(self, category: str) -> Held:
        """Return the archive of a category as it has to be."""
        return Held(category, TAXONOMY, [made[-1][1] for (one, _), made in self.published.items() if one == category])

    def retold(self, category: str, day: date) -> Mapping[str, datetime]:
        """Return when each paper of a date was last told anew."""
        found: dict[str, datetime] = {}
        for (_, before), (moment, after) in pairwise(self.published[category, day]):
            found |= dict.fromkeys(retold(jsonfile.edition_object(before), jsonfile.edition_object(after)), moment)
        return found


@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 30))])
def test_the_database_says_what_the_editions_list(seed: int, stored: Database, tmp_path: Path) -> None:
    """Papers announced twice, kinds left out, renewed and unpublished editions, two categories: contents, listings and all agree."""
    history = History(Press(stored, tmp_path), random.Random(seed))  # noqa: S311 - an example
    kept = {category: library(stored, category) for category in CATEGORIES}
    for _ in range(history.chance.randint(3, 16)):
        stamps = {category: one.stamp() for category, one in kept.items()}
        category, is_published = history.go_on()
        changed = [name for name, one in kept.items() if one.stamp() != stamps[name]]
        assert changed == ([category] if is_published else [])
        for name, one in kept.items():  # one that was asked before says what is so now
            agree(one, history.held(name))
    for category in CATEGORIES:
        agree(library(stored, category), history.held(category))
        for issue in kept[category].issues():
            assert kept[category].retold(issue.date) == history.retold(category, issue.date)


def agree(found: Library, held: Held) -> None:
    """Assert that an archive says the same as another one."""
    issues = found.issues()
    dates = [issue.date for issue in issues]
    assert [issue[:3] for issue in issues] == [issue[:3] for issue in held.issues()]
    shown = {day: found.edition(day) for day in dates}
    assert {day: jsonfile.text(one) for day, one in shown.items()} == {day: jsonfile.text(held.edition(day)) for day in dates}

    contents = found.contents(DAYS)
    assert {day: contents[day] for day in dates} == {
        day: tuple(sorted(item.entry.paper.id for item in one.items)) for day, one in shown.items()
    }
    assert contents.keys() == set(dates)
    assert all(found.contents([day]) == {day: contents[day]} for day in dates)
    listings = found.listings(NAMES)
    assert listings == held.listings(NAMES)
    assert {day: {name for name, some in listings.items() if day in {one.date for one in some}} for day in dates} == {
        day: set(names) for day, names in contents.items()
    }

    standings = {one.date: one for one in found.standings()}
    assert [standings[one.date] for one in held.standings()] == list(held.standings())
    made = {one.date for one in held.editions}
    assert all(one.state in (State.WAITING, State.NONE) and not one.listed for day, one in standings.items() if day not in made)
    for day in set(DAYS) - set(dates):
        with pytest.raises(KeyError):
            found.edition(day)
        assert found.retold(day) == {}


def test_many_papers_and_dates(stored: Database, tmp_path: Path) -> None:
    """More papers than one question names are all answered for; who is listed nowhere is left out, and nobody asked is nobody told."""
    press = Press(stored, tmp_path)
    days = [date.fromordinal(DAYS[0].toordinal() + number) for number in range(3)]
    names = [[f"2610.{number:05}" for number in range(first, first + 300)] for first in (1, 201, 401)]
    for day, some in zip(days, names, strict=True):
        press.add(day, some)
    found = library(stored)
    everyone = sorted({name for some in names for name in some})
    listings = found.listings([*everyone, "2610.09999"])

    assert len(everyone) > editions._AT_ONCE
    assert found.contents(days) == {day: tuple(some) for day, some in zip(days, names, strict=True)}
    assert sorted(listings) == everyone
    assert listings["2610.00250"] == (Listing(days[1], Kind.NEW), Listing(days[0], Kind.NEW))
    assert (found.listings([]), found.contents([])) == ({}, {})


def test_an_edition_that_lists_nothing_of_what_was_announced(stored: Database, tmp_path: Path) -> None:
    """A date of replacements alone has a page where they are left out: nobody is listed on it, and it counts as published."""
    press = Press(stored, tmp_path)
    press.keep(announced(entry(NAMES[0], Kind.REPLACED), entry(NAMES[1], Kind.REPLACED_CROSS)))
    found = library(stored)

    assert [issue.date for issue in found.issues()] == [DAYS[0]]
    assert found.edition(DAYS[0]).items == ()
    assert found.contents(DAYS) == {DAYS[0]: ()}
    assert found.listings(NAMES) == {}
    assert [(one.state, one.listed) for one in found.standings()] == [(State.PUBLISHED, 0)]


def test_what_was_never_published_says_nothing(stored: Database, tmp_path: Path) -> None:
    """An edition that was broken off hides neither the one before it, nor is there a date where it is the only one."""
    press = Press(stored, tmp_path)
    first = press.keep(announced(entry(NAMES[0]), entry(NAMES[1])))
    press.keep(announced(entry(NAMES[2])), number=2, published=False)
    press.keep(announced(entry(NAMES[3]), day=DAYS[1]), published=False)
    found = library(stored)

    assert jsonfile.text(found.edition(DAYS[0])) == jsonfile.text(first)
    assert found.contents(DAYS) == {DAYS[0]: tuple(NAMES[:2])}
    assert found.listings(NAMES) == dict.fromkeys(NAMES[:2], (Listing(DAYS[0], Kind.NEW),))
    assert [one.date for one in found.standings()] == [DAYS[0]]
    with stored.read() as connection:
        kept = [json.loads(content)["edition"] for _, content in editions.documents(connection, "cs.CV", DAYS[0])]
    assert kept == [1]
