"""The archive in the database: all editions of a category that were published, for sites and feeds."""

import json
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise

from digest.catalogue.taxonomy import Taxonomy
from digest.core import changes
from digest.core.announcements import Calendar
from digest.core.domain import Kind, State
from digest.core.edition import Edition
from digest.core.site import Issue, Listing, Standing
from digest.errors import DamagedError
from digest.ledger import UNSORTED, Note
from digest.render import jsonfile
from digest.store import days, editions
from digest.store.database import Database

_KEPT = 40
"""Editions in memory: more than a month has, and than feeds hold."""
_WAITS, _FAILED, _LOST = "not made so far", "could not be made so far", "made once, and not in the database"


@dataclass(frozen=True, slots=True)
class Library:
    """An `digest.archive.Archive` of one category; may be asked by several threads."""

    database: Database
    category: str
    taxonomy: Taxonomy
    calendar: Calendar
    """Says why there is nothing on a date that nobody has asked for."""
    _editions: dict[tuple[int, str], Edition] = field(default_factory=dict, repr=False)
    """By their keys, which the database may give again after a backup was put in its place, and by what they say."""
    _retold: dict[tuple[int, str, datetime], Mapping[str, datetime]] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def stamp(self) -> str:
        """Return a text that is another one as soon as there is something else to be read here.

        Raises:
            StoreError: the database cannot be read; as for all that follows.

        """
        with self.database.read() as connection:
            return editions.stamp(connection, self.category)

    def issues(self) -> tuple[Issue, ...]:
        """See `digest.archive.Archive`."""
        with self.database.read() as connection:
            return tuple(Issue(one.date, one.number, one.sha256, one.made) for one in editions.issues(connection, self.category))

    def edition(self, day: date) -> Edition:
        """See `digest.archive.Archive`.

        Raises:
            KeyError: there is none.
            DamagedError: it is not what was kept.

        """
        with self.database.read() as connection:
            newest = editions.issues(connection, self.category, day)
            if not newest:
                raise KeyError(day)
            key = newest[0].key, newest[0].sha256
            kept = self._editions.get(key)
            if kept is not None:
                return kept
            content = editions.document(connection, newest[0].key)
        try:
            found = jsonfile.read(json.loads(content), self.taxonomy)
        except (ValueError, KeyError, TypeError) as exc:
            raise _damaged(day) from exc
        with self._lock:
            self._editions[key] = found
            while len(self._editions) > _KEPT:
                del self._editions[next(iter(self._editions))]
        return found

    def contents(self, days: Collection[date]) -> Mapping[date, tuple[str, ...]]:
        """See `digest.archive.Archive`."""
        with self.database.read() as connection:
            found = editions.contents(connection, self.category, days)
        return {day: tuple(sorted(names)) for day, names in found.items()}

    def standings(self) -> tuple[Standing, ...]:
        """See `digest.archive.Archive`."""
        with self.database.read() as connection:
            notes = {note.date: note for note in days.between(connection, self.category, date.min, date.max)}
        issued = {issue.date for issue in self.issues()}
        known = [*notes, *issued]
        span = range(max(known).toordinal(), min(known).toordinal() - 1, -1) if known else ()
        return tuple(self._standing(day, notes.get(day), issued) for day in map(date.fromordinal, span))

    def listings(self, names: Collection[str]) -> Mapping[str, tuple[Listing, ...]]:
        """See `digest.archive.Archive`."""
        with self.database.read() as connection:
            found = editions.listings(connection, self.category, names)
        return {name: tuple(Listing(day, Kind(kind)) for day, kind in some) for name, some in found.items()}

    def retold(self, day: date) -> Mapping[str, datetime]:
        """See `digest.archive.Archive`."""
        with self.database.read() as connection:
            newest = editions.issues(connection, self.category, day)
            if not newest:
                return {}
            key = newest[0].key, newest[0].sha256, newest[0].made
            kept = self._retold.get(key)
            if kept is not None:
                return kept
            told = editions.documents(connection, self.category, day)
        found: dict[str, datetime] = {}
        try:
            documents = [json.loads(content) for _, content in told]
            for (made, _), (before, after) in zip(told[1:], pairwise(documents), strict=True):
                found |= dict.fromkeys(changes.retold(before, after), made)
        except (ValueError, KeyError, TypeError) as exc:
            raise _damaged(day) from exc
        with self._lock:
            self._retold[key] = found
            while len(self._retold) > _KEPT:
                del self._retold[next(iter(self._retold))]
        return found

    def _standing(self, day: date, note: Note | None, issued: Collection[date]) -> Standing:
        """Return what is told of a date. Why one could not be made is the operator's business: it may name folders and machines."""
        if day in issued:
            listed = note.listed if note and note.state is State.PUBLISHED else len(self.edition(day).items)
            return Standing(day, State.PUBLISHED, UNSORTED if note and note.reason == UNSORTED else "", listed)
        if note is not None and note.state is State.NONE:
            return Standing(day, State.NONE, note.reason, 0)
        if note is not None:
            reason = {State.PUBLISHED: _LOST, State.FAILED: _FAILED}.get(note.state, _WAITS)
            return Standing(day, State.FAILED if note.state is State.FAILED else State.WAITING, reason, 0)
        closure = self.calendar.closure(day)
        if closure:
            return Standing(day, State.NONE, "it is a weekend" if closure == "weekend" else "arXiv had a holiday the evening before", 0)
        return Standing(day, State.WAITING, _WAITS, 0)


def _damaged(day: date) -> DamagedError:
    return DamagedError(f"what the database holds of {day} is no edition", advice="cvdigest db restore brings a backup back")
