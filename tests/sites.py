"""Sites for tests: an archive in a database, and pages that are a line each, so that what stands on them is seen at once."""

import hashlib
import random
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from digest import resources
from digest.archive import Archive
from digest.core.announcements import Calendar
from digest.core.domain import Announcement, Classification, Entry, Kind, ModelInfo, Provenance, Shelf, State
from digest.core.edition import Edition, Item, chosen, compose
from digest.core.site import (
    AboutPage,
    CalendarPage,
    Content,
    DayPage,
    FeedLink,
    Frame,
    PaperPage,
    Reason,
    SearchPage,
    TopicPage,
)
from digest.ledger import Note
from digest.library import Library
from digest.publishing import Report, publish
from digest.render import jsonfile
from digest.site import Parts, Site
from digest.store import announcements, days, editions, papers
from digest.store.database import Database, address
from tests.archives import NEWEST
from tests.stores import paper

TAXONOMY = replace(resources.taxonomy(), topics=tuple(replace(one, subtopics=one.subtopics[:2]) for one in resources.taxonomy().topics[:2]))
FRAME = Frame("Papers", "cs.CV", TAXONOMY)
MODEL = ModelInfo("invented", "1" * 64)
KEY = "k"
MOST = frozenset({Kind.NEW, Kind.CROSS})
"""What an edition lists by default."""


class Plain:
    """Writes all that a page is given, and nothing else."""

    def day(self, frame: Frame, page: DayPage) -> str:
        """Write the page of a date."""
        papers_listed = [(item.entry.paper.id, item.entry.paper.title, item.place) for item in page.edition.items]
        return (
            f"day {page.edition.date} {page.edition.number} {page.previous} {page.following} {page.newest} {frame.days} {papers_listed}\n"
        )

    def paper(self, _frame: Frame, page: PaperPage) -> str:
        """Write the page of a paper."""
        reason = page.reason and page.reason.runner_up
        return f"paper {page.item} {page.edition.date} {page.listings} {reason} {page.bibtex} {page.markdown}\n"

    def topic(self, _frame: Frame, page: TopicPage) -> str:
        """Write the page of a topic."""
        listed = [(day, [item.entry.paper.id for item in items]) for day, items in page.days]
        return f"topic {page.topic.slug} {page.subtopic and page.subtopic.slug} {page.month} {page.months} {page.index} {listed}\n"

    def calendar(self, _frame: Frame, page: CalendarPage) -> str:
        """Write the calendar."""
        return "".join(f"{one.date} {one.state.value} {one.reason} {one.listed}\n" for one in page.standings)

    def search(self, _frame: Frame, page: SearchPage) -> str:
        """Write the search page."""
        return f"search {page.months}\n"

    def about(self, _frame: Frame, page: AboutPage) -> str:
        """Write how the site is made."""
        return f"about {page.model}\n"

    def feeds(self, _frame: Frame, links: Sequence[FeedLink]) -> str:
        """Write the list of feeds."""
        return f"feeds {links}\n"

    def not_found(self, _frame: Frame) -> str:
        """Write that there is nothing."""
        return "nothing\n"

    def asset(self, path: str) -> bytes:
        """Return the style sheet or a script."""
        return f"/* {path} */\n".encode()


class Because:
    """Gives each paper the same reason, if the model is the one that it knows."""

    def of(self, model: ModelInfo | None, some: Sequence[tuple[str, str]]) -> list[Reason | None]:
        """See `digest.site.Reasons`."""
        return [Reason((), Shelf("other", "", 0.1), ()) if model == MODEL else None for _ in some]


@dataclass
class Newest:
    """One feed, of the newest date."""

    archive: Archive
    frame: Frame

    def paths(self) -> Iterator[str]:
        """See `digest.site.Feeding`."""
        yield "feeds/digest.json"

    def content(self, path: str) -> Content | None:
        """See `digest.site.Feeding`."""
        return Content(f"{self.archive.issues()[:2]}\n".encode(), "application/json") if path == "feeds/digest.json" else None


PARTS = Parts(
    Plain(),
    Because(),
    lambda item, edition: (f"@{item.entry.paper.id}", f"[{edition.date}]"),
    lambda some: f"{[(str(day), item_ids(items)) for day, items in some]}\n".encode(),
    Newest,
    (FeedLink("All", "digest", "feeds/digest"),),
    AboutPage({}, "invented", "1" * 64),
)


@dataclass
class Press:
    """Puts invented editions into a database, and a site made of them into a folder."""

    database: Database
    root: Path
    moment: datetime = datetime(2026, 11, 1, tzinfo=UTC)

    def add(self, day: date, names: Mapping[str, Kind] | Sequence[str], *, title: str = "", number: int = 1, place: int = 0) -> None:
        """Keep and publish an edition that lists papers, or says that there is nothing if it has none."""
        kinds = names if isinstance(names, Mapping) else dict.fromkeys(names, Kind.NEW)
        entries = tuple(Entry(replace(paper(1), id=name, title=f"{title} {name}"), kind) for name, kind in kinds.items())
        reason = "" if entries else "there were no updates"
        self.keep(Announcement("cs.CV", day, entries, Provenance("listing"), reason), number=number, place=place)

    def keep(
        self, said: Announcement, *, include: frozenset[Kind] = MOST, number: int = 1, place: int = 0, published: bool = True
    ) -> Edition:
        """Keep an edition of what was said and return it; it is the last one of its date, also if it is never *published*."""
        self.moment += timedelta(minutes=1)
        listed = chosen(said, include)
        opinions = [_opinion(entry.paper.id, place) for entry in listed]
        made = compose(said, listed, opinions, TAXONOMY, model=MODEL if said.entries else None)
        edition = replace(made, number=number)
        category = said.category
        note = Note(category, said.date, said.state, said.reason, entries=len(said.entries), listed=len(edition.items), at=self.moment)
        name = f"{said.date:%Y}/{said.date}-{category}"
        contents = {"json": (f"{name}.json", jsonfile.text(edition).encode())}
        if said.state is State.PUBLISHED:
            contents["page"] = (f"{name}.md", b"# a page\n")
        with self.database.write() as connection:
            key, _ = announcements.keep(connection, said, self.moment)
            stored = editions.prepare(
                connection, category=category, day=said.date, number=number, announcement=key,
                model=papers.model_key(connection, MODEL), layout="topics", include=",".join(sorted(include)), changes=(),
                contents=contents, note=note, made=self.moment,
            )  # fmt: skip
            if published:
                editions.published(connection, stored, self.moment)
        return edition

    def fail(self, day: date, reason: str) -> None:
        """Note that a date could not be made."""
        with self.database.write() as connection:
            days.write(connection, Note("cs.CV", day, State.FAILED, reason, at=self.moment))

    def site(self) -> Site:
        """Return the site as it is to be now."""
        return site(self.database)

    def publish(self, key: str = KEY, *, again: bool = False) -> Report:
        """Bring the folder up to date."""
        return publish(self.site(), self.root, key, again=again)

    def files(self) -> dict[str, bytes]:
        """Return all files of the folder."""
        return tree(self.root)

    def afresh(self, root: Path) -> dict[str, bytes]:
        """Return all files of a site that is made from scratch."""
        publish(self.site(), root, KEY)
        return tree(root)


def site(database: Database) -> Site:
    """Return the site of a database."""
    return Site(Library(database, "cs.CV", TAXONOMY, Calendar()), FRAME, PARTS)


def site_at(path: str) -> Site:
    """Return the site of a database in a file, for another process."""
    return site(Database(address(path, Path())))


def tree(root: Path) -> dict[str, bytes]:
    """Return all files of a folder."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def item_ids(items: Sequence[Item]) -> list[str]:
    """Return the identifiers of items."""
    return [item.entry.paper.id for item in items]


def _opinion(name: str, place: int) -> Classification:
    """Return what the model could think of a paper: the same each time, but for another *place*."""
    chance = random.Random(hashlib.sha256(f"{name} {place}".encode()).digest())  # noqa: S311 - invented opinions
    topic = chance.choice(TAXONOMY.topics)
    return Classification((Shelf(topic.slug, chance.choice(topic.subtopics).slug, 0.75),), unsure=False)


def two_dates(folder: Path, template: Path) -> Path:
    """Fill a data folder with two dates of invented papers, the newest and the one before; return it."""
    shutil.copy(template, folder / "cvdigest.db")
    database = Database(address("", folder)).open()
    press = Press(database, folder)
    press.add(NEWEST - timedelta(days=1), [f"2611.0{number:04}" for number in range(1, 9)], title="Segmenting images of depth")
    press.add(NEWEST, [f"2611.0{number:04}" for number in range(9, 12)], title="Detectors and neural networks in 3D")
    database.close()
    return folder
