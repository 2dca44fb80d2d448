"""What is served: the database, and the site that is made from it; looked at once a second whether it has changed."""

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple, Protocol, TypeVar

from digest.catalogue.taxonomy import Taxonomy
from digest.core.site import Content, Results
from digest.errors import StoreError
from digest.store import editions, overview
from digest.store.database import Connection, Database
from digest.store.overview import Figures
from digest.web.caching import Cache

_T = TypeVar("_T")
EVERY = 1.0
"""Seconds between two looks."""


class Site(Protocol):
    """All files of a site, by path."""

    def contents(self, path: str) -> Content | None:
        """Return what stands at a path; None if nothing does."""


class Held(NamedTuple):
    """The site as of a look."""

    era: int
    """Another one for each change: what was made in another era is old."""
    site: Site
    stamp: str
    """See `digest.store.editions.stamp`."""


@dataclass(slots=True)
class Holdings:
    """The database of one category, and its site as of the last look."""

    database: Database
    category: str
    taxonomy: Taxonomy
    categories: Collection[str]
    """All of arXiv's."""
    open_site: Callable[[], Site]
    """Makes the site of what is there now."""
    results: Callable[[Results], str]
    """Writes the page of what a search found."""
    cache: Cache
    warn: Callable[[str], None] = lambda _line: None
    clock: Callable[[], float] = monotonic
    """Seconds."""
    _held: Held | None = None
    _looked: float = float("-inf")
    _figures: tuple[float, Figures] | None = None
    _looking: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _counting: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def now(self) -> Held:
        """Return the site; look first whether anything has changed, if that is due.

        Where the database does not answer, the site as it was goes on being served.

        Raises:
            StoreError: it has never answered.

        """
        held = self._held
        if held is not None and self.clock() - self._looked < EVERY:
            return held
        # Whoever has a site need not wait for another one's look.
        if not self._looking.acquire(blocking=held is None) and held is not None:
            return held
        try:
            held = self._held
            if held is None or self.clock() - self._looked >= EVERY:
                held = self._look(held)
            return held
        finally:
            self._looking.release()

    def ask(self, question: Callable[[Connection], _T]) -> _T:
        """Return what the database answers to *question*.

        Raises:
            StoreError: it does not answer.

        """
        try:
            with self.database.read() as connection:
                return question(connection)
        except StoreError:
            self.database.close()  # a backup may have been put in its place: it is opened anew
        with self.database.read() as connection:
            return question(connection)

    def figures(self) -> Figures:
        """Return how much there is; it is counted once a second at most.

        Raises:
            StoreError: the database does not answer.

        """
        with self._counting:
            if self._figures is None or self.clock() - self._figures[0] >= EVERY:
                self._figures = None
                self._figures = self.clock(), self.ask(lambda connection: overview.figures(connection, self.category))
            return self._figures[1]

    def _look(self, held: Held | None) -> Held:
        try:
            stamp = self.ask(lambda connection: editions.stamp(connection, self.category))
        except StoreError as problem:
            if held is None:
                raise
            self._looked = self.clock()
            self.warn(f"what was served last is served on: {problem}")
            return held
        if held is None or stamp != held.stamp:
            held = self._held = Held(held.era + 1 if held else 1, self.open_site(), stamp)
            self.cache.clear()
        self._looked = self.clock()
        return held
