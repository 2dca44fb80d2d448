"""Archives of invented papers, in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from digest import resources
from digest.archive import Held
from digest.catalogue.taxonomy import Taxonomy
from digest.core.domain import Announcement, Classification, Entry, Kind, ModelInfo, Paper, Provenance, Shelf
from digest.core.edition import Edition, chosen, compose
from digest.core.site import Frame, Issue

TAXONOMY = resources.taxonomy()
SHELVES = TAXONOMY.shelves()
MODEL = ModelInfo("invented", "1" * 64)
NEWEST = date(2026, 11, 20)


@dataclass(frozen=True, slots=True)
class Archive(Held):
    """An archive that knows when some of its editions were made."""

    made: Mapping[date, datetime] = field(default_factory=dict)
    anew: Mapping[str, datetime] = field(default_factory=dict)
    """When papers were told anew."""

    def issues(self) -> tuple[Issue, ...]:
        """See `digest.archive.Archive`."""
        return tuple(Issue(one.date, one.number, "0" * 64, self.made.get(one.date)) for one in self._newest())

    def retold(self, day: date) -> Mapping[str, datetime]:
        """See `digest.archive.Archive`."""
        return {item.entry.paper.id: self.anew[item.entry.paper.id] for item in self.edition(day).items if item.entry.paper.id in self.anew}


def paper(number: int, **facts: object) -> Paper:
    """Return an invented paper; *facts* are what it says differently."""
    found = Paper(
        f"2611.{number:05}",
        f"Seeing Number {number} with $x_{number}<y$ & Co",
        f"We look at the number {number} from all sides, and a<b.\nIt looks back.",
        ("Ada Example", f"B. Écrivain-{number}"),
        ("cs.CV", "cs.LG"),
        comments="10 pages, accepted to CVPR 2026. Code: https://github.com/example/seeing",
    )
    return replace(found, **facts)  # type: ignore[arg-type]


def edition(
    day: date,
    papers: Sequence[Paper],
    *,
    kind: Kind = Kind.NEW,
    shelves: Sequence[tuple[str, str]] = SHELVES,
    number: int = 1,
    taxonomy: Taxonomy = TAXONOMY,
) -> Edition:
    """Return the edition of a date; its papers stand on *shelves* in turn, by their numbers."""
    announcement = Announcement("cs.CV", day, tuple(Entry(one, kind) for one in papers), Provenance("listing"))
    entries = chosen(announcement, frozenset(Kind))
    opinions = [Classification((Shelf(*shelves[int(entry.paper.id[-5:]) % len(shelves)], 0.8),), unsure=False) for entry in entries]
    return replace(compose(announcement, entries, opinions, taxonomy, model=MODEL), number=number)


def archive(*editions: Edition, made: Mapping[date, datetime] | None = None, anew: Mapping[str, datetime] | None = None) -> Archive:
    """Return the archive of these editions."""
    return Archive("cs.CV", TAXONOMY, editions, made or {}, anew or {})


def frame(url: str = "https://example.org/cv/", title: str = "Computer vision", *, sample: bool = False) -> Frame:
    """Return what is the same on all pages."""
    return Frame(title, "cs.CV", TAXONOMY, url=url, sample=sample)
