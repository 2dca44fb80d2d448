"""Dates in, each of them sorted again by the present model out of what is stored; asks nobody.

    editions of the dates | papers without an opinion of this model | classified, kept | compared | numbered, published

It works in batches of dates. What a batch has kept is there when it is run again, so one that was broken off goes on where
it was.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from digest.core.announcements import Calendar, announcement_instant
from digest.core.domain import Announcement, Classification, Entry, Kind, State
from digest.core.edition import Edition, chosen
from digest.daily import Daily, Judge
from digest.editions import Editions, key_of, keys_of
from digest.errors import DigestError
from digest.ledger import UNSORTED, Note
from digest.store import announcements, days, editions, papers
from digest.store.database import Connection, Database
from digest.store.editions import Stored

_AT_ONCE = 4000
"""Papers of a batch; its last date may bring more."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A date that has a new edition."""

    date: date
    number: int
    changes: tuple[str, ...]
    listed: int
    page: str


@dataclass(slots=True)
class Result:
    """What became of all dates."""

    model: str
    dates: int = 0
    """With an announcement ..."""
    listed: int = 0
    """... and how many papers they list."""
    classified: int = 0
    """The papers of which this model's opinion was not known."""
    changed: list[Changed] = field(default_factory=list)
    without: list[date] = field(default_factory=list)
    """Dates on which arXiv announces, and of which nothing is stored."""


@dataclass(slots=True)
class _Work:
    """One date, on its way."""

    stored: Stored
    announcement: Announcement
    entries: tuple[Entry, ...]
    keys: list[int]
    """Of the entries' versions."""
    note: Note


@dataclass(frozen=True, slots=True)
class Reclassify:
    """Sorts dates of one category again."""

    editions: Editions
    calendar: Calendar
    now: datetime
    dry: bool = False
    """Whether it is only told what would be different."""

    @property
    def _daily(self) -> Daily:
        return self.editions.daily

    @property
    def _database(self) -> Database:
        return self.editions.database

    def go(self, first: date | None, last: date | None, step: Callable[[int, int], None], changed: Callable[[Changed], None]) -> Result:
        """Sort the stored dates from *first* to *last* again; None is the first or the last that there is.

        *step* is told after each batch how many dates are done, of how many; *changed* is told of each new edition.

        Raises:
            DigestError: no date is stored there, or the model cannot be used.
            StoreError, PublishError: as for `Editions.make`; what was kept so far stays.

        """
        category = self.editions.category
        with self._database.read() as connection:
            stored = [day for _, day in editions.dates(connection, category)]
        wanted = [day for day in stored if (first is None or day >= first) and (last is None or day <= last)]
        if not wanted:
            msg = f"the database holds no edition of {category}{' of these dates' if stored else ''}"
            raise DigestError(msg, advice="cvdigest run and cvdigest backfill make editions")
        judge = self._daily.judge()
        corrected = self._daily.corrected(judge.taxonomy or self._daily.taxonomy)
        result = Result(judge.info.name, without=self._without(first or wanted[0], last or wanted[-1], frozenset(wanted)))
        done = 0
        for batch, passed in self._batches(wanted):
            for one in self._sorted(batch, judge, corrected, result):
                result.changed.append(one)
                changed(one)
            done += passed
            step(done, len(wanted))
        return result

    def _without(self, first: date, last: date, stored: frozenset[date]) -> list[date]:
        """Return the dates on which arXiv has announced papers and of which no edition is stored."""
        span = (date.fromordinal(number) for number in range(first.toordinal(), last.toordinal() + 1))
        open_dates = (day for day in span if day not in stored and not self.calendar.closure(day))
        return [day for day in open_dates if announcement_instant(day) <= self.now]

    def _batches(self, wanted: Sequence[date]) -> Iterator[tuple[list[_Work], int]]:
        """Yield dates with what is stored of them, some thousand papers at a time, and how many dates were passed."""
        batch: list[_Work] = []
        passed, count = 0, 0
        for day in wanted:
            with self._database.read() as connection:
                one = self._stored(connection, day)
            passed += 1
            if one is not None:
                batch.append(one)
                count += len(one.entries)
            if count >= _AT_ONCE:
                yield batch, passed
                batch, passed, count = [], 0, 0
        if passed:
            yield batch, passed

    def _stored(self, connection: Connection, day: date) -> _Work | None:
        """Return what is stored of a date; None for one without an announcement."""
        stored = editions.newest(connection, self.editions.category, day)
        assert stored is not None  # noqa: S101 - the date was among those that have an edition
        announcement, versions = announcements.load(connection, stored.announcement)
        if announcement.state is State.NONE:
            return None
        note = days.read(connection, self.editions.category, day) or stored.note
        entries = chosen(announcement, _kinds(stored.include))
        keys = keys_of(announcement.entries, versions)
        return _Work(stored, announcement, entries, [keys[key_of(entry)] for entry in entries], note)

    def _sorted(self, batch: Sequence[_Work], judge: Judge, corrected: Mapping[str, tuple[str, str]], result: Result) -> list[Changed]:
        """Sort the dates of a batch, keep and publish those that are different now, and return them."""
        model, opinions, fresh = self._opinions(batch, judge)
        result.classified += fresh
        new: list[tuple[_Work, Edition, Editions]] = []
        lacking: list[Stored] = []
        for one in batch:
            result.dates += 1
            result.listed += len(one.entries)
            own = replace(self.editions, layout=one.stored.layout, include=one.stored.include)
            thought = [opinions[key] for key in one.keys]
            draft = self._daily.sort(
                one.announcement, _kinds(own.include), one.entries, judge, thought, corrected, layout=own.layout
            )  # fmt: skip
            edition, different = own.numbered(draft.edition, one.stored)
            if different:
                new.append((one, edition, own))
            elif not self.dry and not all((own.out / file.path).exists() for file in one.stored.files):
                page = str(own.page(edition)) if one.stored.file("page") else ""
                lacking.append(replace(one.stored, note=replace(one.note, page=page)))
        if new and not self.dry:
            self._keep(new, model)
        if lacking:
            self.editions.publish_all(lacking, self.now)
            self.editions.warn(
                f"the files of {len(lacking)} date{'s' * (len(lacking) > 1)} were not there; they are written as they were made"
            )
        return [
            Changed(one.stored.date, edition.number, edition.changes, len(edition.items), str(own.page(edition)))
            for one, edition, own in new
        ]

    def _opinions(self, batch: Sequence[_Work], judge: Judge) -> tuple[int | None, dict[int, Classification], int]:
        """Return the model's key, what it thinks of the papers of a batch by the keys of versions, and of how many that was not known."""
        texts = {key: (entry.paper.title, entry.paper.abstract) for one in batch for key, entry in zip(one.keys, one.entries, strict=True)}
        with self._database.read() as connection:
            model = papers.known_model(connection, judge.info)
            known = {} if model is None else papers.opinions(connection, model, list(texts))
        missing = [key for key in texts if key not in known]
        fresh = dict(zip(missing, judge.classify([texts[key] for key in missing]), strict=True)) if missing else {}
        if not self.dry:
            with self._database.write() as connection:
                model = papers.model_key(connection, judge.info)
                papers.keep_opinions(connection, model, fresh)
        return model, known | fresh, len(fresh)

    def _keep(self, new: Sequence[tuple[_Work, Edition, Editions]], model: int | None) -> None:
        prepared = []
        with self._database.write() as connection:
            for one, edition, own in new:
                note = replace(one.note, model=edition.model.name if edition.model else "")
                if note.model and note.reason == UNSORTED:
                    note = replace(note, reason="")
                prepared.append(own.prepare(connection, edition, one.stored.announcement, model, note, self.now))
        self.editions.publish_all(prepared, self.now)


def _kinds(include: str) -> frozenset[Kind]:
    return frozenset(Kind(word) for word in include.split(",") if word)
