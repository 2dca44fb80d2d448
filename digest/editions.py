"""Editions made, kept and published: each step can be repeated, and one that was broken off is finished by whoever comes next.

draft | the same as before? | numbered | kept as prepared | files, the index last | kept as published
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any

from digest import publish
from digest.core.changes import changes, same
from digest.core.domain import Announcement, Entry, Kind, State
from digest.core.edition import Edition, chosen
from digest.daily import Daily, Draft, Made
from digest.errors import DamagedError, DigestError, PublishError, StoreError
from digest.failpoints import reach
from digest.ledger import Note, storable
from digest.render import jsonfile
from digest.store import announcements, answers, days, editions, papers, runs
from digest.store.answers import Raw
from digest.store.database import Connection, Database
from digest.store.editions import Stored
from digest.store.locks import Held

Queue = Callable[[Connection, str, date, datetime], object]
"""Takes the category, the date and the present."""
_EARLIER = timedelta(days=14)
_LARGEST = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Editions:
    """The editions of one category, kept in a database and published below one folder."""

    database: Database
    daily: Daily
    category: str
    out: Path
    layout: str
    include: str
    """The kinds of papers that are listed, in alphabetical order with commas between them."""
    warn: Callable[[str], None]
    real: bool = True
    """Whether the instants are those of the machine's clock, and not of a replay."""
    held: Held = lambda: True
    """Says whether the turn is still ours."""
    queue: Queue | None = None
    """Queues what people are told of the first edition of a date, in the transaction that keeps it; None where nobody is told."""

    # -- making one ----------------------------------------------------------------------------------------------------

    def make(self, draft: Draft, now: datetime, raw: Sequence[Raw], note: Callable[[Made], Note]) -> Made:
        """Keep and publish what was drafted; where nothing is different from the edition before, that one stays.

        *raw* are the answers of arXiv that it was read from. *note* says what is to be known of the date then.

        Raises:
            StoreError: it cannot be kept; everything is as it was.
            PublishError: a file cannot be written; the edition is kept, and is published by the next run.

        """
        day = draft.edition.date
        with self.database.read() as connection:
            before = editions.newest(connection, self.category, day)
        edition, new = self.numbered(draft.edition, before)
        made = replace(self._made(edition, draft.announcement), new=new)
        first = new and self._is_first(edition, before)
        reach("prepare-begin")
        names = [entry.paper.id for entry in draft.announcement.entries]
        with self.database.write() as connection, papers.indexed(connection, names):
            registered = self._register(connection, draft, raw, now)
            stored = self.prepare(connection, edition, *registered, note(made), now) if new else before
            if first and self.queue is not None:
                self.queue(connection, self.category, day, now)
                reach("queued")
            # Only where arXiv was asked, which has said then that the clock is right: a moment that is wrong would stop all later runs.
            if self.real and raw:
                runs.happened(connection, now)
        reach("prepared")
        assert stored is not None  # noqa: S101 - what is not new was there before
        self.publish(stored if new else replace(stored, note=note(made)), now)
        return made

    def _is_first(self, edition: Edition, before: Stored | None) -> bool:
        """Say whether an edition is the first of its date that has papers.

        It is not where one lies below the folder that the database does not know: it was lost, or restored, and people were told.
        """
        return bool(edition.items) and (before is None or not before.note.listed) and self._newer(edition.date, before) is None

    def prepare(  # noqa: PLR0913, PLR0917 - an edition is made of this much
        self, connection: Connection, edition: Edition, announcement: int, model: int | None, note: Note, now: datetime
    ) -> Stored:
        """Keep an edition with its number, by the keys of its announcement and its model; it is to be published then."""
        reach("prepare-papers")
        stored = editions.prepare(
            connection,
            category=self.category,
            day=edition.date,
            number=edition.number,
            announcement=announcement,
            model=model,
            layout=edition.layout,
            include=self.include,
            changes=edition.changes,
            contents={role: (path.as_posix(), content) for role, (path, content) in self.daily.contents(edition).items()},
            note=note,
            made=now,
        )
        papers.place(connection, [(item.entry.paper.id, *(item.place or ("", "")), edition.date) for item in edition.items])
        if gone := editions.gone(connection, self.category, edition.date, {item.entry.paper.id for item in edition.items}):
            editions.move(connection, gone, self.category, edition.date)
        reach("prepare-edition")
        return stored

    @staticmethod
    def _register(connection: Connection, draft: Draft, raw: Sequence[Raw], now: datetime) -> tuple[int, int | None]:
        """Keep the announcement, the answers, and what the model thinks; return the keys of the announcement and the model."""
        answers.keep(connection, raw)
        key, versions = announcements.keep(connection, draft.announcement, now)
        model = None
        if draft.edition.model is not None and draft.opinions is not None:
            model = papers.model_key(connection, draft.edition.model)
            keys = keys_of(draft.announcement.entries, versions)
            opinions = zip(draft.entries, draft.opinions, strict=True)
            papers.keep_opinions(connection, model, {keys[key_of(entry)]: opinion for entry, opinion in opinions})
        return key, model

    def numbered(self, edition: Edition, before: Stored | None) -> tuple[Edition, bool]:
        """Return an edition with its number and what is different in it, and whether it is to be kept as a new one.

        Files that a lost or restored database does not know count too.
        """
        found = self._newer(edition.date, before)
        if before is not None and found is None:
            kept = replace(edition, number=before.number, changes=before.changes)
            if self._is(kept, before):
                return kept, False
        last = before.file("json") if before else None
        known = json.loads(last.content) if last else None
        if found is not None:
            with suppress(KeyError, TypeError, AttributeError):
                kept = replace(edition, number=int(found["edition"]), changes=tuple(map(str, found["changes"])))
                if same(found, jsonfile.edition_object(kept)):
                    return kept, True
            known = found
        if known is None:
            return edition, True
        number = int(known.get("edition", 1)) + 1
        try:
            told = changes(known, jsonfile.edition_object(edition))
        except (KeyError, TypeError, AttributeError):
            told = ()
        return replace(edition, number=number, changes=told or ("The page is written in another form",)), True

    def _is(self, edition: Edition, stored: Stored) -> bool:
        """Say whether the files of an edition are those that are kept. The page, which takes longest, is written last."""
        roles = {"json", "page"} if edition.state is State.PUBLISHED else {"json"}
        if {file.role for file in stored.files} != roles:
            return False
        text, page = stored.file("json"), stored.file("page")
        if text is None or json.loads(text.content) != jsonfile.edition_object(edition):
            return False
        return page is None or self.daily.page(edition) == page.content

    def _newer(self, day: date, stored: Stored | None) -> dict[str, Any] | None:
        """Return the edition below the folder as its JSON has it, if its number is higher than that of what is *stored*."""
        file = stored.file("json") if stored else None
        if file is not None and _holds(self.out / PurePosixPath(file.path), file.content):
            return None
        found = self._on_disk(day)
        return found if found is not None and (stored is None or found.get("edition", 1) > stored.number) else None

    def _on_disk(self, day: date) -> dict[str, Any] | None:
        path = publish.page_path(self.out, day, self.category).with_suffix(".json")
        try:
            with path.open("rb") as file:
                found = json.loads(file.read(_LARGEST))
        except (OSError, ValueError, RecursionError):
            return None
        ours = isinstance(found, dict) and (found.get("category"), found.get("date")) == (self.category, str(day))
        return found if ours and isinstance(found.get("edition", 1), int) else None

    # -- publishing ----------------------------------------------------------------------------------------------------

    def publish(self, stored: Stored, now: datetime) -> None:
        """Write the files of an edition below the folder, the index last, and note that it is published.

        Raises:
            PublishError: a file cannot be written.

        """
        self.publish_all([stored], now)

    def publish_all(self, some: Sequence[Stored], now: datetime) -> None:
        """Publish editions of several dates, with one index and one note of it.

        Raises:
            PublishError: a file cannot be written.
            StoreError: the turn was lost, perhaps to a run that has made newer ones; these stand.

        """
        with self.database.read() as connection:
            for stored in some:
                editions.foremost(connection, stored)
        if not self.held():
            msg = "the connection to the database was lost, and with it the turn"
            raise StoreError(msg, advice="the next run finishes what is kept")
        self._write(some)
        reach("publish-begin")
        try:
            with self.database.write() as connection:
                for stored in some:
                    editions.published(connection, stored, now)
                reach("publish-commit")
        except StoreError:
            self._put_back(some)
            raise
        reach("published")

    def _put_back(self, some: Sequence[Stored]) -> None:
        """Write the newest editions of dates again, where older ones were written over them."""
        with suppress(StoreError):
            with self.database.read() as connection:
                last = [editions.newest(connection, self.category, stored.date) for stored in some]
            self._write([new for new, old in zip(last, some, strict=True) if new is not None and new.number > old.number])

    def _write(self, some: Sequence[Stored]) -> None:
        """Write the files of editions below the folder, the index last."""
        paged = False
        for stored in some:
            page = publish.page_path(self.out, stored.date, self.category)
            for role in ("page", "json"):  # the JSON after the page: where it lies, the edition is whole
                file = stored.file(role)
                if file is not None:
                    publish.write([(self.out / PurePosixPath(file.path), file.content)], role)
                    paged = paged or role == "page"
                elif role == "page":
                    paged = publish.remove(page) or paged  # it was worked out, say, before arXiv said that there was nothing
        if paged:
            self.daily.index(self.out)

    def recover(self, now: datetime, failed: Callable[[date, DigestError], None] | None = None) -> list[Stored]:
        """Publish what was prepared and never published, because a run was broken off; return it.

        *failed* is told which one cannot be published and why, and the others are published all the same.

        Raises:
            PublishError, DamagedError: one cannot be published, and there is no *failed*.

        """
        with self.database.read() as connection:
            broken = editions.unpublished(connection, self.category, contents=False)
        recovered = []
        for head in broken:
            try:
                with self.database.read() as connection:
                    stored = editions.load(connection, head.key)
                self._finish(stored, now)
            except (PublishError, DamagedError) as exc:
                if failed is None:
                    raise
                failed(head.date, exc)
                continue
            recovered.append(stored)
        return recovered

    def _finish(self, stored: Stored, now: datetime) -> None:
        """Publish an edition that was broken off, unless a newer one lies in its place already."""
        if (found := self._newer(stored.date, stored)) is not None:
            if self._adopted(stored, found, now) is None:
                with self.database.write() as connection:  # what lies there stands, and the next edition gets a higher number
                    editions.published(connection, stored, now)
            return
        own = replace(stored, note=replace(stored.note, page=storable(str(self._page(stored)))))
        self.publish(own, now)
        where = "" if own.note.page == stored.note.page else f", below {self.out} and not where it was begun"
        self.warn(f"the digest of {stored.date} was broken off while it was written; it is finished now{where}")

    def mend(self, first: date, last: date, now: datetime) -> None:
        """See that the files of the dates from *first* to *last* that lie below the folder are those of the last editions.

        They are not where a file was changed, or where an edition was made for another folder. A date that has none here is
        left alone: whoever wants it makes it.
        """
        with self.database.read() as connection:
            kept = editions.digests(connection, self.category, first, last)
        for day, wanted in kept.items():
            page = publish.page_path(self.out, day, self.category)
            paths = {path.relative_to(self.out).as_posix(): path for path in (page, page.with_suffix(".json"))}
            found = {name: sha256 for name, path in paths.items() if (sha256 := _sha256(path))}
            if not found or found == wanted:
                continue
            with self.database.read() as connection:
                stored = editions.newest(connection, self.category, day)
                note = days.read(connection, self.category, day)
            if stored is not None:
                self._mended(stored, note or stored.note, now)

    def _mended(self, stored: Stored, note: Note, now: datetime) -> Stored | None:
        """Return the last edition of a date after its files were written again, if they are missing or others.

        One that lies below the folder with a higher number, and that a restored database does not know, is taken over; None
        if that cannot be.
        """
        if (found := self._newer(stored.date, stored)) is not None:
            return self._adopted(stored, found, now)
        paths = [(self.out / PurePosixPath(file.path), file.content) for file in stored.files]
        lacking = [path for path, content in paths if not _holds(path, content)]
        page = publish.page_path(self.out, stored.date, self.category)
        if lacking or (stored.file("page") is None and page.exists()):
            older = self._on_disk(stored.date)
            if older is not None and older.get("edition", 1) < stored.number:
                self.warn(f"edition {stored.number} of {stored.date} was not written below {self.out} yet; it is now")
            elif any(path.exists() for path in lacking):
                self.warn(f"the files of {stored.date} were changed, and are written again as they were made")
            self.publish(replace(stored, note=replace(note, page=str(self._page(stored)))), now)
        return stored

    def _adopted(self, stored: Stored, found: dict[str, Any], now: datetime) -> Stored | None:
        """Keep the edition that lies below the folder and is newer than what is *stored*; None if its files do not fit together.

        They fit if they are, to the byte, what is made of the JSON, and list what the announcement that is stored has.
        """
        try:
            edition = jsonfile.read(found, self.daily.taxonomy)
            files = self.daily.contents(edition)
        except (KeyError, TypeError, ValueError, AttributeError):
            return None
        if not all(_holds(self.out / path, content) for path, content in files.values()):
            return None
        with self.database.read() as connection:
            announcement, _ = announcements.load(connection, stored.announcement)
        listed = [key_of(item.entry) for item in edition.items]
        for include in (stored.include, self.include):
            entries = chosen(announcement, frozenset(Kind(word) for word in include.split(",") if word))
            if edition.state is announcement.state and sorted(map(key_of, entries)) == sorted(listed):
                break
        else:
            return None
        model = edition.model.name if edition.model else ""
        note = replace(stored.note, model=model, listed=len(listed), page=str(self.page(edition)) if "page" in files else "")
        with self.database.write() as connection:
            key = papers.model_key(connection, edition.model) if edition.model else None
            kept = replace(self, include=include).prepare(connection, edition, stored.announcement, key, note, now)
        self.publish(kept, now)
        self.warn(f"edition {edition.number} of {edition.date} lay below {self.out} and was not known; it is kept now")
        return kept

    # -- what there is -------------------------------------------------------------------------------------------------

    def existing(self, day: date, now: datetime) -> Made | None:
        """Return the last edition of a date as it is kept, with its files below the folder as they were.

        None if there is none, or if a newer one lies below the folder that is not known and cannot be taken over.
        """
        with self.database.read() as connection:
            stored = editions.newest(connection, self.category, day)
            if stored is None:
                return None
            announcement, _ = announcements.load(connection, stored.announcement)
            note = days.read(connection, self.category, day) or stored.note
        mended = self._mended(stored, note, now)
        if mended is None:
            return None
        stored = mended
        if (stored.layout, stored.include) != (self.layout, self.include):
            how = f"the layout {stored.layout}, of {stored.include or 'nothing'}"
            self.warn(f"edition {stored.number} of {day} was made in {how}; --again makes it as you ask for it now")
        document = stored.file("json")
        edition = jsonfile.read(json.loads(document.content if document else b"{}"), self.daily.taxonomy)
        return replace(self._made(edition, announcement, str((document and document.content.decode()) or "")), new=False)

    def document(self, day: date) -> dict[str, Any] | None:
        """Return the last edition of a date as its JSON file has it, out of the database or else from the folder."""
        with self.database.read() as connection:
            stored = editions.newest(connection, self.category, day)
        file = stored.file("json") if stored else None
        return json.loads(file.content) if file else self._on_disk(day)

    def announcement(self, day: date) -> Announcement | None:
        """Return what the last edition of a date was made of; None if there is none."""
        with self.database.read() as connection:
            stored = editions.newest(connection, self.category, day, contents=False)
            return announcements.load(connection, stored.announcement)[0] if stored else None

    def earlier(self, day: date) -> frozenset[str]:
        """Return the new papers of the last edition before *day*, by identifier; none if there is no recent one."""
        with self.database.read() as connection:
            found = editions.earlier(connection, self.category, day, day - _EARLIER)
        return found or publish.earlier(self.out, self.category, day)

    def page(self, edition: Edition) -> Path:
        """Return where the page of an edition lies."""
        return publish.page_path(self.out, edition.date, self.category)

    def _page(self, stored: Stored) -> Path | str:
        return publish.page_path(self.out, stored.date, self.category) if stored.file("page") else ""

    def _made(self, edition: Edition, announcement: Announcement, text: str = "") -> Made:
        page = self.page(edition) if edition.state is State.PUBLISHED else None
        return Made(edition, page, announcement, text or jsonfile.text(edition))


def keys_of(entries: Sequence[Entry], versions: Sequence[int]) -> dict[tuple[str, Kind], int]:
    """Return the key of each entry's version by identifier and kind: a paper may be announced in two ways, with two versions."""
    found: dict[tuple[str, Kind], int] = {}
    for entry, version in zip(entries, versions, strict=True):
        found.setdefault(key_of(entry), version)
    return found


def key_of(entry: Entry) -> tuple[str, Kind]:
    """Return by what an entry is known among those of its date."""
    return entry.paper.id, entry.kind


def _sha256(path: Path) -> str:
    """Return the sha256 of a file; nothing if there is none that can be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False
