"""What arXiv announced on a date that none of its services states any more, worked out from identifiers and moments.

arXiv gives identifiers when it announces, in one run of numbers per announcement over all of arXiv (until March 2007: over
each archive). Within a run they follow the order of submission, but a paper that moderators held back stands where it was
released: its moment is older than those around it. So **over ascending identifiers the running maximum of the moments of
submission passes a freeze exactly where one announcement ends and the next one begins**, and held papers do not move it.

Real mailings of March 2023 show it: seven of thirteen papers of a day were submitted up to six weeks before its window, and
stand in the middle of the run. A record of February 2011 agrees; of older years there is none.

What is given:

- the identifiers of the category in one month, that of the evening of the announcement in Ithaca (`month_of`);
- when the first versions of as many of them as possible were submitted, best from the freeze *before* the one that begins
  the window to the one after its end. Moments of other papers of arXiv from the same month are welcome: they are witnesses
  that show more closely where the run begins and ends (`settled` asks for the most telling ones).

When the answer is exact. Call a paper *punctual* if it was announced on the first occasion after its submission. The block
is exact if the first paper of the run is punctual, and the first paper of the next run too, among the papers of the category
and the witnesses whose moments are known; where the run is the first of its month or the last one, nothing is asked of that
end. It does not matter how many other papers were held, nor where in the run they stand.

When it is not. A paper out of order between the latest paper of a run and the first punctual one of the next has no sign of
where it belongs. It is counted to the earlier run, so that every paper with a known moment belongs to exactly one date, and named
`doubtful`. There is not even a sign of the doubt where a run begins with a held paper that was submitted later than all that
is known of the runs before. In large categories both are rare, and witnesses make them rarer: `benchmarks/reconstruction.py`
measures how rare. If held papers stood first in their run instead, most would be counted a date too early, and named.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, groupby

from digest.core.announcements import Calendar
from digest.core.identifiers import age

Ask = Callable[[Sequence[str]], Mapping[str, datetime]]
"""Takes identifiers, and returns when the first version of each was submitted, as far as it can be had."""

_DAY = timedelta(days=1)
_ALWAYS, _NEVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_FREEZE_KNOWN = date(2001, 9, 25)
"""The first date of whose window the freezes at both ends are known."""
_BESIDE = 5
"""How many numbers on both sides of the paper below an edge are asked for: they show whether that paper was held."""
_OLD_DIGITS = 3
"""How many digits the number of an identifier of the old style has."""


@dataclass(frozen=True, slots=True)
class Span:
    """Which submissions an announcement holds, as moments in UTC, and where it lies in its month."""

    start: datetime
    """The freeze of the announcement before: submissions at or after this instant ..."""
    end: datetime
    """... and before this one, its own freeze."""
    opens: bool = False
    """Whether it is the first announcement of its month, so that its run begins with the month's first number."""
    closes: bool = False
    """Whether it is the last announcement of its month, so that its run ends with the month's last number."""


@dataclass(frozen=True, slots=True)
class Block:
    """The papers of a category that were announced for the first time on a date, by what can be known. All ascend."""

    ids: tuple[str, ...]
    """The identifiers in the block. Which of them are new and which cross-lists, the month's listing says."""
    held: tuple[str, ...] = ()
    """Those of `ids` that were submitted before the window."""
    doubtful: tuple[str, ...] = ()
    """Those next to an edge of which nothing tells on which side they belong; some are in `ids` and some are not."""
    later: tuple[str, ...] = ()
    """Papers submitted in the window, but held back and announced on a later date: not in `ids`."""


def month_of(day: date) -> str:
    """Return the month, as listings name it (``2020-04``), whose identifiers the announcement of *day* gave: that of its evening."""
    return f"{day - _DAY:%Y-%m}"


def span(calendar: Calendar, day: date) -> Span:
    """Return what the announcement of *day* holds by the rule; raise `ValueError` if the rule has none on it."""
    window, month = calendar.window(day), month_of(day)
    before, after = month_of(calendar.previous_date(day)), month_of(calendar.next_date(day))
    return Span(window.start, window.end, opens=before != month, closes=after != month)


def worth_asking(calendar: Calendar, day: date) -> tuple[datetime, datetime]:
    """Return between which moments the submissions are worth knowing: the windows of *day* and of the dates beside it."""
    return calendar.window(calendar.previous_date(day)).start, calendar.window(calendar.next_date(day)).end


def block(submitted: Mapping[str, datetime], ids: Iterable[str], span: Span) -> Block:
    """Return which of *ids* were announced with the announcement that holds *span*.

    *ids* are all identifiers of the category in the month; *submitted* are the moments that are known, of them and of
    witnesses (those of other months do not count). A paper without a known moment belongs to the block if it stands between
    two papers that do, and is doubtful beside an edge; where nothing is known of any paper after it, it is not in the block.
    """
    wanted = frozenset(ids)
    inside: list[str] = []
    doubtful: list[str] = []
    for run in _runs(wanted, submitted):
        for place in _places(run, submitted, span.start if span.opens else _ALWAYS, span.start if span.closes else _NEVER):
            if place.id not in wanted or place.reached >= span.end:
                continue
            within = place.reached >= span.start
            if within and (place.id in submitted or place.following < _NEVER):
                inside.append(place.id)
            if not (place.raises or place.following < span.start or (within and place.following < span.end)):
                doubtful.append(place.id)
    known = {name: submitted[name] for name in wanted & submitted.keys()}
    later = {name for name, moment in known.items() if span.start <= moment < span.end}.difference(inside)
    return Block(
        ids=_ascending(inside),
        held=_ascending(name for name in inside if name in known and known[name] < span.start),
        doubtful=_ascending(doubtful),
        later=_ascending(later),
    )


def settled(submitted: Mapping[str, datetime], ids: Collection[str], span: Span, ask: Ask, *, rounds: int = 6) -> Block:
    """Return the `block` after asking for the moments of witnesses, at most so many times, while they could change it.

    *ask* takes identifiers, at most a hundred, of which some may not exist, and returns the moments of those that do.
    """
    known, asked = dict(submitted), set[str]()
    while rounds and (names := witnesses(known, ids, span, asked=asked)):
        known |= ask(names)
        asked.update(names)
        rounds -= 1
    return block(known, ids, span)


def witnesses(
    submitted: Mapping[str, datetime], ids: Iterable[str], span: Span, *, asked: Collection[str] = (), limit: int = 100
) -> tuple[str, ...]:
    """Return the identifiers, at most *limit*, whose moments would tell most about the edges of the block; none if they stand.

    They are papers of any category with a number close to an edge, but none of *asked*, and some may not exist. If nothing is
    left to ask for, what is doubtful stays doubtful.
    """
    wanted = frozenset(ids)
    edges = [*([] if span.opens else [span.start]), *([] if span.closes else [span.end])]
    runs = list(_runs(wanted, submitted))
    found: dict[str, None] = {}
    for run in runs:
        for edge in edges:
            near = [name for name in _near(run, wanted, submitted, edge) if name not in submitted and name not in asked]
            found.update(dict.fromkeys(_thinned(near, max(1, limit // (len(runs) * len(edges))))))
    return tuple(found)[:limit]


def caveats(day: date, holidays_from: date, doubtful: Collection[str] = ()) -> tuple[str, ...]:
    """Return what cannot be known about a reconstructed date, each a sentence for the reader.

    From *holidays_from* on, all evenings without an announcement are known. *doubtful* is that of the block.
    """
    said = [
        "Papers that were replaced on this date are not listed: nothing tells any more which ones they were.",
        "Papers that were announced elsewhere on this date and cross-listed here on a later one are listed: nothing tells them apart.",
        "Older papers that were cross-listed on this date are not listed.",
        "Titles, abstracts and categories are those of today, not those that were announced.",
    ]
    if day < holidays_from:
        said.append(
            f"arXiv's holidays before {holidays_from.year} are not fully known: if arXiv announced nothing on this date, the papers "
            "shown here were announced on the next one."
        )
    if day < _FREEZE_KNOWN:
        said.append("The hour at which arXiv closed an announcement to submissions is not known before 24 September 2001.")
    if doubtful:
        names = ", ".join(_ascending(doubtful))
        said.append(f"Of papers that were held back it can be uncertain whether they belong to this date or to one beside it: {names}.")
    return tuple(said)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a paper stands among the moments of its run."""

    id: str
    raises: bool
    """Whether its own moment is the latest so far."""
    reached: datetime
    """The latest moment up to this paper."""
    following: datetime
    """The first moment after this paper that is later than all before."""


def _places(run: Sequence[str], submitted: Mapping[str, datetime], reached: datetime, following: datetime) -> Iterator[_Place]:
    """Yield the place of each paper, from the last to the first; *reached* holds before the run, and *following* after it."""
    moments = [submitted.get(name, _ALWAYS) for name in run]
    maxima = list(accumulate(moments, max))
    for name, moment, maximum in zip(reversed(run), reversed(moments), reversed(maxima), strict=True):
        raises = name in submitted and moment == maximum
        yield _Place(name, raises, max(reached, maximum), following)
        following = moment if raises else following


def _runs(wanted: Collection[str], submitted: Iterable[str]) -> Iterator[Sequence[str]]:
    """Yield the identifiers of each sequence of numbers, those of witnesses among them, ascending.

    Until March 2007 each archive had a sequence of its own; since then there is one.
    """
    months = {age(name)[0] for name in wanted}
    archives = {_archive(name) for name in wanted}
    every = [name for name in {*wanted, *submitted} if _archive(name) in archives and age(name)[0] in months]
    yield from (tuple(run) for _, run in groupby(sorted(every, key=_order), key=_archive))


def _near(run: Sequence[str], wanted: Collection[str], submitted: Mapping[str, datetime], edge: datetime) -> Iterator[str]:
    """Yield identifiers about the place where the moments of *run* pass *edge*, if that could change where a wanted one belongs."""
    above = next((place for place, name in enumerate(run) if name in submitted and submitted[name] >= edge), len(run))
    below = next((place for place in reversed(range(above)) if run[place] in submitted), -1)
    low = age(run[below])[1] if below >= 0 else 0
    high = age(run[above])[1] if above < len(run) else age(run[-1])[1] + 1
    between = any(name in wanted for name in run[below + 1 : above])
    first, last = (low + 1, high) if between else (low, low)
    if below >= 0 and run[below] in wanted:
        first, last = max(1, low - _BESIDE), max(last, min(low + 1 + _BESIDE, high))
    yield from (_numbered(run[0], number) for number in range(first, last))


def _thinned(names: Sequence[str], most: int) -> Sequence[str]:
    """Return at most *most* of *names*, evenly spread."""
    return names[:: -(-len(names) // most)] if names else ()


def _numbered(like: str, number: int) -> str:
    """Return the identifier with this number in the same sequence and month as *like*."""
    stem = like[:-_OLD_DIGITS] if "/" in like else like[: like.index(".") + 1]
    return f"{stem}{number:0{len(like) - len(stem)}}"


def _archive(name: str) -> str:
    """Return the archive whose sequence an identifier belongs to; an empty string for the one of all arXiv."""
    return name.partition("/")[0].partition(".")[0] if "/" in name else ""


def _order(name: str) -> tuple[str, tuple[int, int]]:
    return _archive(name), age(name)


def _ascending(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(names, key=_order))
