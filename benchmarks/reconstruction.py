"""How often a reconstructed date is wrong, beside the plain window of submissions that one would ask the query API for.

    python benchmarks/reconstruction.py

First in an invented arXiv, which knows the truth (`tests/world.py`): the share of papers that a date should show and does not,
and of those that it shows and should not, by how many papers moderators hold back and by where these stand in the run of
their announcement. Real mailings have them where they were released; that they all stood first is what would be worst. Three
ways are compared: all papers submitted in the date's window, the block, and the block after asking for witnesses.

Then on the recorded month of the reference material, which is looked for in the folder that CVDIGEST_SHARED names, else in
``../shared`` beside the project: what each of its eight dates should show is what arXiv's pages of these dates say.

Exit status: 0 if every goal is reached (without the recordings: those of the invented arXiv), else 1.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for the invented arXiv in `tests`

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import chain

from digest import resources
from digest.core.domain import Kind
from digest.core.reconstruction import Span, block, month_of, settled, span, worth_asking
from tests.world import Place, Rates, World, world

ROOT = Path(__file__).resolve().parent.parent
RECORDED = Path(os.environ.get("CVDIGEST_SHARED") or ROOT.parent / "shared") / "arxiv" / "recorded" / "nov2026"
CALENDAR = resources.calendar()
FIRST, LAST, MARGIN = date(2026, 2, 2), date(2026, 4, 20), 15
"""The invented weeks: a change of the clocks and the ends of two months. At both ends so many dates are not judged."""
DAILY = 600
SEED = 20200402
WORLDS = ((Place.RELEASED, 0.03), (Place.RELEASED, 0.0), (Place.RELEASED, 0.1), (Place.FIRST, 0.03))
"""Where held papers stand, and how many are held. The goals are for the first of these worlds."""
BLOCK_GOAL, SETTLED_GOAL = 0.002, 0.0005
FREEZES = {9: (5, 6), 10: (6, 9), 11: (9, 10), 12: (10, 11), 13: (11, 12), 17: (12, 16), 18: (16, 17), 20: (18, 19)}
"""Of the recorded dates in November 2026: the days of the freezes that begin and end their windows, each at 18:00 UTC."""
LATE_CROSS = "2603.04592"
"""Announced in March, cross-listed on the recorded 10 November: nothing tells."""
_ID = re.compile(r'id="(\d{4}\.\d{5})"')


@dataclass(slots=True)
class Tally:
    """How many papers of all dates are missed, and how many are shown on a date that is not theirs."""

    papers: int = 0
    missed: int = 0
    wrong: int = 0
    doubtful: int = 0
    asked: list[int] = field(default_factory=list)
    """How many questions each date took."""

    def add(self, truth: set[str], shown: set[str], doubtful: Sequence[str] = ()) -> None:
        """Count one date."""
        self.papers += len(truth)
        self.missed += len(truth - shown)
        self.wrong += len(shown - truth)
        self.doubtful += len(doubtful)

    @property
    def rate(self) -> float:
        """The share of papers that are missed."""
        return self.missed / self.papers

    def __str__(self) -> str:
        return f"{self.rate:>8.3%} {self.wrong / self.papers:>8.3%}"


def main() -> int:
    """Print the figures and return the exit status."""
    reached = invented()
    if not RECORDED.is_dir():
        print("recorded month: skipped, because the recordings are not there (CVDIGEST_SHARED names the folder they are in)")
        return int(not reached)
    return int(not (recorded_month() and reached))


def invented() -> bool:
    """Print how often each way is wrong in the invented arXiv, and return whether the goals are reached."""
    print(f"invented arXiv of {DAILY} submissions in 24 hours; missed and wrong, in shares of the papers announced")
    heads = f"{'window':>17} {'block':>17} {'with witnesses':>17}"
    print(f"{'held papers stand':<18} {'held':>5} {'category':<9} {'papers':>6} {heads}  left in doubt, questions")
    reached, late = False, 0.0
    for place, held in WORLDS:
        arxiv = world(SEED, FIRST, LAST, calendar=CALENDAR, rates=Rates(daily=DAILY, held=held), place=place)
        for category in ("cs.CV", "eess.IV"):
            plain, alone, asked = tallies(arxiv, category)
            questions = f"{asked.doubtful}, {sum(asked.asked) / len(asked.asked):.1f} a date, at most {max(asked.asked)}"
            print(f"{place:<18} {held:>5.0%} {category:<9} {plain.papers:>6} {plain} {alone} {asked}  {questions}")
            if (place, held, category) == (*WORLDS[0], "cs.CV"):
                reached = alone.rate <= BLOCK_GOAL and asked.rate <= SETTLED_GOAL
                late = late_crosses(arxiv, category)
    verdict = "reached" if reached else "MISSED"
    print(f"goal: in the first of these, cs.CV misses at most {BLOCK_GOAL:.2%}, with witnesses {SETTLED_GOAL:.2%}: {verdict}")
    print(f"late cross-lists, which nothing tells, are {late:.2%} of the new and cross-listed papers there")
    print()
    return reached


def tallies(arxiv: World, category: str) -> tuple[Tally, Tally, Tally]:
    """Return how good the plain window, the block and the block with witnesses are over the judged dates of a world."""
    plain, alone, asked = Tally(), Tally(), Tally()
    for day in judged(arxiv):
        ids = list(chain(*arxiv.month(category, month_of(day))))
        truth = {work.id for work in arxiv.run(category, day)}
        known, where = arxiv.submitted(category, *worth_asking(CALENDAR, day)), span(CALENDAR, day)
        counted = Counted(arxiv.moments)
        first, second = block(known, ids, where), settled(known, ids, where, counted)
        plain.add(truth, set(arxiv.submitted(category, where.start, where.end)))
        alone.add(truth, set(first.ids), first.doubtful)
        asked.add(truth, set(second.ids), second.doubtful)
        asked.asked.append(counted.calls)
    return plain, alone, asked


@dataclass(slots=True)
class Counted:
    """Asks, and counts how often."""

    ask: Callable[[Sequence[str]], Mapping[str, datetime]]
    calls: int = 0

    def __call__(self, names: Sequence[str]) -> Mapping[str, datetime]:
        """Return the moments of *names*."""
        self.calls += 1
        return self.ask(names)


def judged(arxiv: World) -> list[date]:
    """Return the dates of a world that are not at its ends."""
    return list(arxiv.windows)[MARGIN:-MARGIN]


def late_crosses(arxiv: World, category: str) -> float:
    """Return the share of new and cross-listed papers whose cross-list was added on a date after their announcement."""
    listed = late = 0
    for day in judged(arxiv):
        truth = {name for name, kind in arxiv.truth(category, day).items() if kind in {Kind.NEW, Kind.CROSS}}
        listed += len(truth)
        late += len(truth - {work.id for work in arxiv.run(category, day)})
    return late / listed


def recorded_month() -> bool:
    """Print what each recorded date gets right, and return whether only the late cross-list is missing."""
    ids = _ID.findall((RECORDED / "html_list_cs.CV_2026-06_skip=0_show=2000.html").read_text("utf-8"))
    known = dict(submissions())
    print(f"recorded month: {len(ids)} identifiers, {len(known)} moments")
    heads = " ".join(f"{head:>{width}} {'missed':>6} {'wrong':>5}" for head, width in (("block: right", 12), ("window: right", 13)))
    print(f"{'date':<10} {'papers':>6} {heads}  misplaced by the block")
    misplaced: set[str] = set()
    for day, freezes in FREEZES.items():
        start, end = (datetime(2026, 11, freeze, 18, tzinfo=UTC) for freeze in freezes)
        truth = stated(day)
        shown = set(block(known, ids, Span(start, end)).ids)
        plain = {name for name, moment in known.items() if start <= moment < end}
        misplaced |= truth ^ shown
        counts = (f"{len(truth & way):>{width}} {len(truth - way):>6} {len(way - truth):>5}" for way, width in ((shown, 12), (plain, 13)))
        print(f"2026-11-{day:02} {len(truth):>6} {' '.join(counts)}  {', '.join(sorted(truth ^ shown)) or 'none'}")
    print(f"goal: nothing is misplaced but the late cross-list {LATE_CROSS}: {'reached' if misplaced <= {LATE_CROSS} else 'MISSED'}")
    return misplaced <= {LATE_CROSS}


def submissions() -> Iterator[tuple[str, datetime]]:
    """Yield the recorded papers and when their first version was submitted."""
    for line in (RECORDED / "api_entries.jsonl").read_text("utf-8").splitlines():
        entry = json.loads(line)
        yield entry["id"].partition("v")[0], datetime.fromisoformat(entry["published"])


def stated(day: int) -> set[str]:
    """Return what arXiv's page of a date lists as new and as cross-listed."""
    name = f"cs.CV_2026-11-{day:02}_abs=True.html"
    path = next(path for path in (RECORDED / f"html_catchup_{name}", RECORDED / f"html_catchup_catchup_{name}") if path.is_file())
    return set(_ID.findall(path.read_text("utf-8").partition("<h3>Replacement submissions")[0]))


if __name__ == "__main__":
    sys.exit(main())
