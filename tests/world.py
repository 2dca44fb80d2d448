"""An invented arXiv over some months: what is submitted, held back, announced, cross-listed and replaced, and what it answers.

The world is plain data. The same seed gives the same world. It knows the truth of each date, which arXiv itself forgets
after 90 days, and it answers what arXiv still answers: the listing of a month, the moments of submission.
"""

import random
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from digest.core.announcements import Calendar, Window
from digest.core.domain import Kind

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
NEW_STYLE_SINCE, LONG_SINCE = date(2007, 4, 1), date(2015, 1, 1)
CATEGORIES = {
    "astro-ph.GA": 8,
    "cond-mat.mtrl-sci": 14,
    "cs.CL": 8,
    "cs.CV": 12,
    "cs.LG": 14,
    "cs.RO": 3,
    "eess.IV": 1,
    "hep-th": 8,
    "math.AG": 10,
    "quant-ph": 10,
}
"""The primary categories of the world, and how frequent they are."""
CROSSED = 0.06
"""How often a paper is cross-listed in a category that is not its own."""


class Place(StrEnum):
    """Where in the run of its announcement a held paper gets its number."""

    RELEASED = "released"
    """Where it was released, among the papers submitted at that time. So it is in real mailings."""
    FIRST = "first"
    """At the beginning, because its moment of submission is the oldest."""


@dataclass(frozen=True, slots=True)
class Rates:
    """How busy the world is, and how much goes another way than the plain one. Shares are of all papers."""

    daily: int = 120
    """Submissions in 24 hours, in all of arXiv."""
    held: float = 0.03
    """Held back by moderators, from an hour to weeks."""
    withdrawn: float = 0.01
    """Withdrawn before they are announced: they never get a number."""
    edge: float = 0.01
    """Submitted at the very instant of a freeze, or in the last second before it."""
    late_cross: float = 0.02
    """Cross-listed in one more category on a date after their announcement."""
    replaced: float = 0.2
    """Replaced by a second version on a date after their announcement."""


@dataclass(frozen=True, slots=True)
class Work:
    """A paper of the world."""

    id: str
    categories: tuple[str, ...]
    """As they are today, the primary one first; one that was added late stands last."""
    submitted: datetime
    released: datetime
    """When moderators let it go; the moment of submission if nobody held it."""
    announced: date
    late_cross: date | None = None
    """When the last of its categories was added."""
    replaced: date | None = None

    @property
    def held(self) -> bool:
        """Whether it was held back at all, be it only for an hour."""
        return self.released > self.submitted

    def kind(self, category: str) -> Kind:
        """Return how it was announced in *category*, by its categories of today."""
        return Kind.NEW if category == self.categories[0] else Kind.CROSS


@dataclass(frozen=True, slots=True)
class World:
    """Everything that happened."""

    windows: Mapping[date, Window] = field(repr=False)
    """Of each date with an announcement, in order."""
    works: Mapping[str, Work] = field(repr=False)
    """All announced papers, in the order in which they got their numbers."""

    def truth(self, category: str, day: date) -> dict[str, Kind]:
        """Return what arXiv announced in *category* on *day*, replacements and late cross-lists too."""
        said: dict[str, Kind] = {}
        for work in self.works.values():
            if category not in work.categories:
                continue
            late = work.late_cross is not None and category == work.categories[-1]
            if work.announced == day and not late:
                said[work.id] = work.kind(category)
            elif late and work.late_cross == day:
                said[work.id] = Kind.CROSS
            elif work.replaced == day and not (late and work.late_cross is not None and work.late_cross > day):
                said[work.id] = Kind.REPLACED if work.kind(category) is Kind.NEW else Kind.REPLACED_CROSS
        return said

    def run(self, category: str, day: date) -> list[Work]:
        """Return the papers that got their numbers on *day* and stand in *category* today: the most that can be reconstructed."""
        return [work for work in self.works.values() if work.announced == day and category in work.categories]

    def month(self, category: str, month: str) -> tuple[list[str], list[str]]:
        """Return the listing of a month (``2020-04``): the identifiers of primary papers, and those of cross-listed ones."""
        inside = [work for work in self.works.values() if category in work.categories and f"{work.announced - DAY:%Y-%m}" == month]
        kinds = {work.id: work.kind(category) for work in inside}
        return [name for name in kinds if kinds[name] is Kind.NEW], [name for name in kinds if kinds[name] is Kind.CROSS]

    def submitted(self, category: str, start: datetime, end: datetime) -> dict[str, datetime]:
        """Return the papers of *category* that were submitted from *start* until before *end*, with their moments."""
        return {work.id: work.submitted for work in self.works.values() if category in work.categories and start <= work.submitted < end}

    def moments(self, ids: Iterable[str]) -> dict[str, datetime]:
        """Return when papers were submitted, without those that do not exist."""
        return {name: self.works[name].submitted for name in ids if name in self.works}


def world(
    seed: int,
    first: date,
    last: date,
    *,
    calendar: Calendar | None = None,
    rates: Rates | None = None,
    place: Place = Place.RELEASED,
) -> World:
    """Return the world whose announcements carry the dates from *first* to *last*."""
    calendar, rates = calendar or Calendar(), rates or Rates()
    chance = random.Random(seed)  # noqa: S311 - nobody is to be kept from guessing it
    days = (first + n * DAY for n in range((last - first).days + 1))
    windows = {day: calendar.window(day) for day in days if not calendar.closure(day)}
    waiting = [draft for window in windows.values() for draft in _submissions(chance, window, rates)]
    works: dict[str, Work] = {}
    numbers: dict[tuple[str, str], int] = defaultdict(int)
    for day, window in windows.items():
        due = [draft for draft in waiting if draft.released < window.end]
        waiting = [draft for draft in waiting if draft.released >= window.end]
        due.sort(key=lambda draft: draft.released if place is Place.RELEASED else draft.submitted)
        later = [other for other in windows if other > day]
        for draft in due:
            name = _identifier(numbers, draft.categories[0], day - DAY)
            works[name] = _announced(chance, draft, name, [day, *later], rates)
    return World(windows, works)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A submission that has no number yet."""

    submitted: datetime
    released: datetime
    categories: tuple[str, ...]


def _submissions(chance: random.Random, window: Window, rates: Rates) -> list[_Draft]:
    """Return what is submitted within a window and will be announced some day."""
    seconds = int((window.end - window.start) / SECOND)
    found = []
    for _ in range(max(1, round(rates.daily * seconds / 86400 * chance.uniform(0.7, 1.3)))):
        submitted = window.start + chance.randrange(seconds) * SECOND
        if chance.random() < rates.edge:
            submitted = chance.choice([window.start, window.end - SECOND])
        hours = min(chance.lognormvariate(3, 1.5), 1500) if chance.random() < rates.held else 0
        (primary,) = chance.choices(list(CATEGORIES), list(CATEGORIES.values()))
        crossed = sorted(other for other in CATEGORIES if other != primary and chance.random() < CROSSED)
        if chance.random() >= rates.withdrawn:
            released = submitted + int(hours * 3600) * SECOND
            found.append(_Draft(submitted, released, (primary, *crossed)))
    return found


def _announced(chance: random.Random, draft: _Draft, name: str, days: list[date], rates: Rates) -> Work:
    """Return a paper as it stands today: announced on the first of *days*, and perhaps touched on one of the others."""
    day, *later = days
    categories, late, replaced = draft.categories, None, None
    others = sorted(CATEGORIES.keys() - set(categories))
    if later and others and chance.random() < rates.late_cross:
        categories, late = (*categories, chance.choice(others)), chance.choice(later[:10])
    if later and chance.random() < rates.replaced:
        replaced = chance.choice(later)
    return Work(name, categories, draft.submitted, draft.released, day, late, replaced)


def _identifier(numbers: dict[tuple[str, str], int], primary: str, evening: date) -> str:
    """Return the next number of its sequence: that of the archive until March 2007, since then that of all arXiv."""
    month = f"{evening:%y%m}"
    archive = "" if evening >= NEW_STYLE_SINCE else primary.partition(".")[0]
    numbers[archive, month] += 1
    number = numbers[archive, month]
    if archive:
        assert number < 1000, "a month of an archive had three digits"
        return f"{archive}/{month}{number:03d}"
    return f"{month}.{number:05d}" if evening >= LONG_SINCE else f"{month}.{number:04d}"


def punctual(world: World, work: Work) -> bool:
    """Whether a paper was announced on the first occasion after its submission."""
    window = world.windows[work.announced]
    return window.start <= work.submitted < window.end


def first_ones(works: Collection[Work]) -> dict[str, Work]:
    """Return the first paper of each sequence of numbers."""
    found: dict[str, Work] = {}
    for work in works:
        found.setdefault(work.id.rpartition("/")[0], work)
    return found
