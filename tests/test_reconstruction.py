"""What arXiv announced on an old date: laws in an invented arXiv, and eight recorded dates."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest import resources
from digest.core.announcements import Calendar
from digest.core.domain import Kind
from digest.core.identifiers import age
from digest.core.reconstruction import Block, Span, block, caveats, month_of, settled, span, witnesses, worth_asking
from tests.reference import recorded
from tests.world import CATEGORIES, Place, Rates, Work, World, first_ones, punctual, world

CALENDAR = resources.calendar()
NOON = datetime(2020, 4, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SPAN = Span(NOON, NOON + DAY)
MARGIN = 12
"""How many dates of a world at its beginning and at its end are not judged: there the world is not whole."""
STARTS = (
    date(2026, 10, 12),  # the clocks go back
    date(2026, 2, 16),  # the clocks go forward
    date(2025, 12, 8),  # holidays
    date(2020, 12, 7),  # Christmas on a Friday takes a Sunday's announcement
    date(2016, 12, 5),  # the hour of the freeze changes
    date(2014, 12, 1),  # identifiers get a digit more
    date(2007, 3, 12),  # identifiers of archives end
    date(2003, 9, 15),  # identifiers of archives
)


@dataclass(frozen=True, slots=True)
class Question:
    """All that is known of a category on a date, and what is to be found."""

    ids: Sequence[str]
    known: dict[str, datetime]
    span: Span
    truth: Sequence[Work]

    def answer(self) -> Block:
        """Return what is worked out without witnesses."""
        return block(self.known, self.ids, self.span)


def question(arxiv: World, category: str, day: date, *, everything: bool = False) -> Question:
    """Return what arXiv still tells about a date: with *everything*, all moments of the month instead of those worth asking for."""
    ids = list(chain(*arxiv.month(category, month_of(day))))
    known = arxiv.moments(ids) if everything else arxiv.submitted(category, *worth_asking(CALENDAR, day))
    return Question(ids, known, span(CALENDAR, day), arxiv.run(category, day))


def judged(arxiv: World) -> list[date]:
    """Return the dates of a world that are not at its ends."""
    return list(arxiv.windows)[MARGIN:-MARGIN]


def spell(seed: int, start: date, rates: Rates, place: Place = Place.RELEASED) -> World:
    """Return nine weeks of arXiv."""
    return world(seed, start, start + 63 * DAY, calendar=CALENDAR, rates=rates, place=place)


def names(works: Sequence[Work]) -> set[str]:
    """Return the identifiers of papers."""
    return {work.id for work in works}


def moments(*hours: float, first: int = 1) -> dict[str, datetime]:
    """Return papers with ascending numbers, submitted so many hours after the window's start."""
    return {f"2004.{number:05d}": NOON + timedelta(hours=after) for number, after in enumerate(hours, first)}


def at(*numbers: int) -> tuple[str, ...]:
    """Return identifiers of April 2020."""
    return tuple(f"2004.{number:05d}" for number in numbers)


@pytest.mark.parametrize("start", STARTS, ids=str)
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_exact_without_held_papers(start: date, seed: int) -> None:
    """Where moderators hold nothing, every date comes out paper by paper, in each category and with the right kinds."""
    arxiv = spell(seed, start, Rates(daily=60, held=0))
    for category in ("cs.CV", "cs.LG", "hep-th"):
        for day in judged(arxiv):
            asked = question(arxiv, category, day)
            primary, _ = arxiv.month(category, month_of(day))

            found = asked.answer()

            assert found == Block(tuple(work.id for work in sorted(asked.truth, key=order)), doubtful=found.doubtful), day
            known_at_once = {name: kind for name, kind in arxiv.truth(category, day).items() if name in found.ids}
            assert {name: Kind.NEW if name in primary else Kind.CROSS for name in known_at_once} == known_at_once


def order(work: Work) -> tuple[str, tuple[int, int]]:
    """Return where a paper stands in a block: by archive, then by number."""
    return archive(work.id), age(work.id)


@pytest.mark.slow
def test_the_world_is_one_to_learn_from() -> None:
    """The world has every trouble that the reconstruction is to survive."""
    arxiv = spell(1, STARTS[0], Rates(daily=200))
    works = arxiv.works.values()

    assert sum(not punctual(arxiv, work) for work in works) > 50
    assert {work.submitted for work in works} & {window.start for window in arxiv.windows.values()}
    said = [kind for day in arxiv.windows for kind in arxiv.truth("cs.CV", day).values()]
    assert set(said) == set(Kind)
    assert len(set(arxiv.works)) == len(arxiv.works)
    assert spell(1, STARTS[0], Rates(daily=200)).works == arxiv.works


CASES = st.tuples(
    st.integers(0, 10**6),
    st.sampled_from(STARTS),
    st.builds(Rates, daily=st.sampled_from([8, 30, 60]), held=st.sampled_from([0.03, 0.1, 0.4]), edge=st.sampled_from([0, 0.3])),
    st.sampled_from(Place),
)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, derandomize=True)
@given(CASES, st.sampled_from(sorted(CATEGORIES)))
def test_exact_where_runs_begin_with_punctual_papers(case: tuple[int, date, Rates, Place], category: str) -> None:
    """However many papers are held, a block is exact if its first paper and the first one after it came out at once."""
    arxiv = spell(*case)
    for day in judged(arxiv):
        asked = question(arxiv, category, day, everything=True)
        if begins_well(arxiv, category, day, asked.span):
            assert set(asked.answer().ids) == names(asked.truth), day


def begins_well(arxiv: World, category: str, day: date, where: Span) -> bool:
    """Whether the run of a date and the next one of the month begin with punctual papers, in each sequence of numbers."""
    of_month = [later for later in arxiv.windows if later > day and month_of(later) == month_of(day)]
    own = first_ones(arxiv.run(category, day))
    following = first_ones(list(chain.from_iterable(arxiv.run(category, later) for later in of_month)))
    return (where.opens or all(punctual(arxiv, work) for work in own.values())) and all(
        punctual(arxiv, work) for work in following.values()
    )


@pytest.mark.slow
@settings(max_examples=25, deadline=None, derandomize=True)
@given(CASES, st.sampled_from(sorted(CATEGORIES)))
def test_what_is_misplaced_is_named(case: tuple[int, date, Rates, Place], category: str) -> None:
    """A misplaced paper was held, and is doubtful, unless a run from its own on has a held paper younger than all runs before it."""
    arxiv = spell(*case)
    for day in judged(arxiv):
        asked = question(arxiv, category, day, everything=True)
        found = asked.answer()
        for work in (arxiv.works[name] for name in (set(found.ids) ^ names(asked.truth)) - set(found.doubtful)):
            sequence = [arxiv.works[name] for name in asked.ids if archive(name) == archive(work.id)]
            assert not punctual(arxiv, work)
            assert any(other.announced >= work.announced and unseen(arxiv, other, sequence) for other in sequence)


def unseen(arxiv: World, work: Work, sequence: Sequence[Work]) -> bool:
    """Whether a paper was held and is as young as all that came in the runs before its own, so that it looks punctual."""
    return not punctual(arxiv, work) and all(other.submitted <= work.submitted for other in sequence if other.announced < work.announced)


def archive(name: str) -> str:
    """Return what names the sequence of an identifier."""
    return name.rpartition("/")[0]


@settings(max_examples=15, deadline=None, derandomize=True)
@given(CASES, st.sampled_from(sorted(CATEGORIES)))
def test_each_paper_has_one_date(case: tuple[int, date, Rates, Place], category: str) -> None:
    """Over the dates of a month no paper is shown twice, and none is lost."""
    arxiv = spell(*case)
    months = [month_of(day) for day in judged(arxiv)]
    for month in {month for month in months if months.count(month) == sum(month_of(day) == month for day in arxiv.windows)}:
        days = [day for day in arxiv.windows if month_of(day) == month]
        shown = [name for day in days for name in question(arxiv, category, day, everything=True).answer().ids]

        assert sorted(shown) == sorted(chain(*arxiv.month(category, month)))


@pytest.mark.slow
@pytest.mark.parametrize(("category", "bound"), [("cs.CV", 0.002), ("eess.IV", 0.01)])
def test_how_often_it_is_wrong(category: str, bound: float) -> None:
    """With three papers in a hundred held, few are misplaced, none with witnesses; the plain window misplaces far more."""
    counts = {"papers": 0, "window": 0, "block": 0, "settled": 0}
    for seed, start in enumerate(STARTS[:4]):
        arxiv = spell(seed, start, Rates(daily=200, held=0.03))
        for day in judged(arxiv):
            asked = question(arxiv, category, day)
            truth, window = names(asked.truth), arxiv.windows[day]
            counts["papers"] += len(truth)
            counts["window"] += len(truth - arxiv.submitted(category, window.start, window.end).keys())
            counts["block"] += len(truth - set(asked.answer().ids))
            counts["settled"] += len(truth ^ set(settled(asked.known, asked.ids, asked.span, arxiv.moments).ids))

    assert counts["block"] / counts["papers"] <= bound
    assert counts["window"] / counts["papers"] >= 0.01
    assert counts["settled"] == 0


def test_held_papers_that_stand_first() -> None:
    """If held papers stood first in their runs, the block would be no better than the plain window, but it names nearly all of them."""
    arxiv = spell(1, STARTS[0], Rates(daily=200, held=0.03), Place.FIRST)
    papers, misplaced, unnamed = 0, 0, 0
    for day in judged(arxiv):
        asked = question(arxiv, "cs.CV", day)
        found = asked.answer()
        papers += len(asked.truth)
        misplaced += len(names(asked.truth) - set(found.ids))
        unnamed += len(names(asked.truth) - set(found.ids) - set(found.doubtful))

    assert 0 < misplaced / papers <= 0.03
    assert unnamed <= misplaced / 5


def test_real_papers_that_were_held() -> None:
    """In a real mailing whose window holds six of its thirteen new papers, all thirteen are of one block."""
    mailing = recorded("mailings/email_q-fin_listings_new.txt").decode("utf-8", "replace").partition("%-%-%")[0]
    rows = re.findall(r"arXiv:(\d{4}\.\d{5})\s*\n\s*Date: (.*?) GMT", mailing)
    known = {name: datetime.strptime(f"{moment} +0000", "%a, %d %b %Y %H:%M:%S %z") for name, moment in rows}
    window = CALENDAR.window(date(2023, 3, 17))

    found = block(known, known, span(CALENDAR, window.date))

    assert len(found.ids) == len(known) == 13
    assert len(found.held) == sum(moment < window.start for moment in known.values()) == 7


def test_an_edge_belongs_to_the_next_date() -> None:
    """What comes in at the very instant of the freeze is announced a date later."""
    known = moments(-0.001, 0, 23.999, 24)

    assert block(known, known, SPAN) == Block(at(2, 3))


def test_held_papers_inside() -> None:
    """A held paper in the midst of a run belongs to it, and one that was held longer does not."""
    known = moments(-1, 1, -300, -2, 5, 25, 4, 26)

    assert block(known, known, SPAN) == Block(at(2, 3, 4, 5), held=at(3, 4), later=at(7))


def test_held_papers_at_the_edges() -> None:
    """Beside an edge nothing tells where a held paper belongs: it is counted to the earlier date, and named."""
    known = moments(-1, -30, 1, 23, 3, 25)

    assert block(known, known, SPAN) == Block(at(3, 4, 5), doubtful=at(2, 5))


def test_a_date_without_papers_of_its_own() -> None:
    """If nothing of the category was punctual on a date, held papers may still be its own."""
    known = moments(-1, -30, 25)

    assert block(known, known, SPAN) == Block((), doubtful=at(2))


def test_the_ends_of_a_month() -> None:
    """The first run of a month begins with its first number, whenever that paper was submitted; the last one ends with its last."""
    known = moments(-30, -40, 1, 2, 1)
    ids = [*known, *at(6)]

    assert block(known, ids, Span(NOON, NOON + DAY, opens=True)).ids == at(1, 2, 3, 4, 5)
    assert block(known, ids, Span(NOON, NOON + DAY, closes=True)).ids == at(3, 4, 5, 6)
    assert block(known, ids, Span(NOON, NOON + DAY, opens=True, closes=True)).doubtful == ()


def test_papers_without_a_moment() -> None:
    """They belong where those around them belong, are doubtful beside an edge, and are not shown where nothing is known after them."""
    known = moments(-1, 1, 2, 25)
    known = {at(2)[0]: known[at(1)[0]], at(4)[0]: known[at(2)[0]], at(6)[0]: known[at(3)[0]], at(8)[0]: known[at(4)[0]]}

    assert block(known, at(*range(1, 10)), SPAN) == Block(at(4, 5, 6, 7), doubtful=at(3, 7))
    assert block(moments(-1, 1), at(1, 2, 3), SPAN) == Block(at(2), doubtful=at(3))
    assert block({}, at(1, 2), SPAN) == Block((), doubtful=at(1, 2))
    assert block({}, (), SPAN) == Block(())


def test_witnesses_decide() -> None:
    """Papers of other categories show on which side of the edge a doubtful one stands; those of other months say nothing."""
    known = moments(-3, -30, 1)
    others = {"2003.09999": NOON + 2 * DAY, "2005.00001": NOON}

    assert block(known | others, known, SPAN) == Block(at(3), doubtful=at(2))
    arxiv = {at(10)[0]: NOON - 3 * DAY, at(12)[0]: NOON, at(14)[0]: NOON - 9 * DAY, at(20)[0]: NOON + DAY / 2, at(30)[0]: NOON + DAY}
    ids = at(10, 14, 20, 30)
    alone = {name: moment for name, moment in arxiv.items() if name in ids}
    assert block(alone, ids, SPAN) == Block(at(20), doubtful=at(14))
    assert block(arxiv, ids, SPAN) == Block(at(14, 20), held=at(14))


def test_a_held_paper_that_looks_punctual() -> None:
    """Without witnesses a held paper that is younger than the run before its own is misplaced without a sign; they show it."""
    truth = moments(-20, -19, 0.1, 0.2, -1, 0.3, 0.4, 23, 24.1, 25)
    ids = at(1, 5, 8, 10)
    known = {name: truth[name] for name in ids}

    assert block(known, ids, SPAN) == Block(at(8))
    assert settled(known, ids, SPAN, lambda asked: {name: truth[name] for name in asked if name in truth}) == Block(at(5, 8), held=at(5))


def test_archives_before_april_2007() -> None:
    """Identifiers of the old style run in a sequence for each archive, and the rule holds in each."""
    cs = {f"cs/0309{number:03d}": NOON + timedelta(hours=after) for number, after in enumerate([-1, 1, 23, 25], 1)}
    math = {f"math/0309{number:03d}": NOON + timedelta(hours=after) for number, after in enumerate([-9, 22, -50, 23.5, 26], 136)}

    assert block(cs | math, cs | math, SPAN) == Block(
        ("cs/0309002", "cs/0309003", "math/0309137", "math/0309138", "math/0309139"), held=("math/0309138",)
    )


@pytest.mark.slow
@settings(max_examples=20, deadline=None, derandomize=True)
@given(CASES, st.sampled_from(sorted(CATEGORIES)))
def test_asking_comes_to_an_end(case: tuple[int, date, Rates, Place], category: str) -> None:
    """Even if nothing is known at first, a few questions of a hundred papers each lead to a block, and each asks for something new."""
    arxiv = spell(*case)
    for day in judged(arxiv)[::7]:
        asked = question(arxiv, category, day)
        known: dict[str, datetime] = {}
        tried: set[str] = set()
        rounds = 0
        while more := witnesses(known, asked.ids, asked.span, asked=tried):
            assert len(more) <= 100
            assert not tried & set(more)
            tried.update(more)
            known |= arxiv.moments(more)
            rounds += 1
        assert rounds <= 12


@pytest.mark.parametrize(
    ("day", "month", "opens", "closes"),
    [
        ("2020-04-01", "2020-03", False, True),  # announced on 31 March
        ("2020-04-02", "2020-04", True, False),
        ("2019-01-01", "2018-12", False, True),
        ("2019-01-03", "2019-01", True, False),  # none on the evening of 1 January
        ("2021-02-01", "2021-01", False, True),  # a Monday: announced on Sunday, 31 January
        ("2026-11-20", "2026-11", False, False),
    ],
)
def test_the_month_is_that_of_the_evening(day: str, month: str, opens: bool, closes: bool) -> None:
    """A date's identifiers are those of the month of the evening before."""
    when = date.fromisoformat(day)

    assert month_of(when) == month
    assert (span(CALENDAR, when).opens, span(CALENDAR, when).closes) == (opens, closes)


def test_what_to_ask_for() -> None:
    """The moments of three windows tell: the one before, its own, the one after."""
    assert worth_asking(CALENDAR, date(2020, 4, 2)) == (datetime(2020, 3, 30, 18, tzinfo=UTC), datetime(2020, 4, 2, 18, tzinfo=UTC))


def test_a_holiday_that_nobody_knows() -> None:
    """If the calendar lacks a holiday, its papers are shown a date early and that date looks like any other: the caveat says so."""
    holiday, after = date(2026, 10, 28), date(2026, 10, 29)
    arxiv = world(1, date(2026, 10, 5), date(2026, 11, 20), calendar=Calendar(frozenset([holiday - DAY])), rates=Rates(daily=80, held=0))
    both = arxiv.run("cs.CV", after)

    early, late = (question(arxiv, "cs.CV", day).answer() for day in (holiday, after))

    assert arxiv.run("cs.CV", holiday) == []
    assert early.ids
    assert {*early.ids, *late.ids} == names(both)
    assert any("next one" in sentence for sentence in caveats(holiday, date(2027, 1, 1)))


@pytest.mark.parametrize(
    ("day", "holidays", "freeze"),
    [("2023-01-03", False, False), ("2022-12-30", True, False), ("2001-09-25", True, False), ("2001-09-24", True, True)],
)
def test_caveats(day: str, holidays: bool, freeze: bool) -> None:
    """Each date is told what cannot be known about it, and nothing else."""
    said = caveats(date.fromisoformat(day), date(2023, 1, 1))

    assert any("before 2023" in sentence for sentence in said) is holidays
    assert any("24 September 2001" in sentence for sentence in said) is freeze
    assert all(sentence.endswith(".") for sentence in said)
    assert len(said) == 4 + holidays + freeze
    assert caveats(date.fromisoformat(day), date(2023, 1, 1), at(7, 5))[-1].endswith(": 2004.00005, 2004.00007.")


FREEZES = {9: (5, 6), 10: (6, 9), 11: (9, 10), 12: (10, 11), 13: (11, 12), 17: (12, 16), 18: (16, 17), 20: (18, 19)}
"""Of the recorded dates in November 2026: the days of the freezes that begin and end their windows, each at 18:00 UTC."""
PAGES = {10: "catchup_", 20: "catchup_"}
"""What stands in the file names of some recordings."""


@pytest.mark.parametrize("day", FREEZES)
def test_a_recorded_month(day: int) -> None:
    """Each recorded date comes out paper by paper from the month's listing; only the late cross-list of 10 November is missing."""
    ids = re.findall(r'id="(\d{4}\.\d{5})"', recorded("nov2026/html_list_cs.CV_2026-06_skip=0_show=2000.html").decode())
    entries = map(json.loads, recorded("nov2026/api_entries.jsonl").decode().splitlines())
    known = {entry["id"].partition("v")[0]: datetime.fromisoformat(entry["published"]) for entry in entries}
    page = recorded(f"nov2026/html_catchup_{PAGES.get(day, '')}cs.CV_2026-11-{day:02}_abs=True.html").decode()
    stated = set(re.findall(r'id="(\d{4}\.\d{5})"', page.partition("<h3>Replacement submissions")[0]))
    start, end = (datetime(2026, 11, freeze, 18, tzinfo=UTC) for freeze in FREEZES[day])

    found = block(known, ids, Span(start, end))

    assert len(ids) == 1139
    assert stated - set(found.ids) == ({"2603.04592"} if day == 10 else set())
    assert set(found.ids) <= stated
    assert (found.held, found.doubtful, found.later) == ((), (), ())
