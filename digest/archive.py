"""What there is to be published again: all editions, as they were made.

`Archive` is what sites and feeds are made from; they never look into the database themselves.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Protocol

from digest.catalogue.taxonomy import Taxonomy
from digest.core.edition import Edition
from digest.core.site import Issue, Listing, Standing
from digest.render import jsonfile


class Archive(Protocol):
    """All editions of one category."""

    @property
    def category(self) -> str:
        """The category."""

    @property
    def taxonomy(self) -> Taxonomy:
        """The topics."""

    def issues(self) -> tuple[Issue, ...]:
        """Return the newest published edition of each date that has a page, the newest date first."""

    def edition(self, day: date) -> Edition:
        """Return the newest published edition of a date.

        Raises:
            KeyError: there is none.

        """

    def contents(self, days: Collection[date]) -> Mapping[date, tuple[str, ...]]:
        """Return the papers (identifiers, ascending) that the newest published edition of each of some dates lists."""

    def standings(self) -> tuple[Standing, ...]:
        """Return what is known of each date from the first that is known to the last, the newest first."""

    def listings(self, names: Collection[str]) -> Mapping[str, tuple[Listing, ...]]:
        """Return which editions list each of some papers (identifiers), the newest first; who is listed nowhere is left out."""

    def retold(self, day: date) -> Mapping[str, datetime]:
        """Return when a later edition of a date last told something else of each paper; who stayed as it was is left out."""


@dataclass(frozen=True, slots=True)
class Held:
    """An archive of editions that are in memory: that of the sample."""

    category: str
    taxonomy: Taxonomy
    editions: Sequence[Edition]
    """At most one of each date, in any order."""

    def issues(self) -> tuple[Issue, ...]:
        """See `Archive`."""
        found = [Issue(one.date, one.number, sha256(jsonfile.text(one).encode()).hexdigest()) for one in self._newest() if not one.reason]
        return tuple(found)

    def edition(self, day: date) -> Edition:
        """See `Archive`."""
        for one in self.editions:
            if one.date == day:
                return one
        raise KeyError(day)

    def contents(self, days: Collection[date]) -> Mapping[date, tuple[str, ...]]:
        """See `Archive`."""
        return {one.date: tuple(sorted(item.entry.paper.id for item in one.items)) for one in self.editions if one.date in days}

    def standings(self) -> tuple[Standing, ...]:
        """See `Archive`."""
        return tuple(Standing(one.date, one.state, one.reason, len(one.items)) for one in self._newest())

    def listings(self, names: Collection[str]) -> Mapping[str, tuple[Listing, ...]]:
        """See `Archive`."""
        found: dict[str, tuple[Listing, ...]] = {}
        for one in self._newest():
            for item in one.items:
                name = item.entry.paper.id
                if name in names:
                    found[name] = (*found.get(name, ()), Listing(one.date, item.entry.kind))
        return found

    def retold(self, day: date) -> Mapping[str, datetime]:  # noqa: ARG002 - it has no later editions
        """See `Archive`."""
        return {}

    def _newest(self) -> list[Edition]:
        return sorted(self.editions, key=lambda one: one.date, reverse=True)
