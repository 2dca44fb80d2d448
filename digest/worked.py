"""An announcement worked out where arXiv states it no longer, or does not answer.

    month   the month's listing gives the papers, the query API when they came in: the block of the date
    api     the query API's window of submission, for want of better
    oai     what OAI-PMH says was changed on the date

Each is marked as worked out, and says what cannot be known. The block of identifiers is exact but for papers that arXiv
held back (see `digest.core.reconstruction`); the window of submission leaves these out, and takes in others too early.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from digest.arxiv import listing, pages
from digest.arxiv.answers import Answers
from digest.arxiv.pages import Listing, Pages
from digest.core import reconstruction
from digest.core.announcements import Calendar, Window
from digest.core.domain import Announcement, Entry, Kind, Paper, Provenance
from digest.core.identifiers import age
from digest.errors import IncompleteError, NotYetError, OutOfReachError
from digest.services import Services
from digest.witnesses import OAI_IS_OUT, as_announced

_INDEXED = timedelta(days=3)
"""The query API lags behind the announcements, by hours or by days."""
_UNTOUCHED = timedelta(days=14)
"""Until then, not all records of a date can have been changed again."""
_SURE = timedelta(days=1)
"""After which a date without records has none."""
_SUBMITTED = "These are the papers that came in for this date. Some were held back and announced later; others, held back before, lack."
_INDEXED_AT_LAST = timedelta(days=30)
"""After so long, what the query API does not know is not there."""
_HIDDEN = 6
"""From this version on, arXiv announces no replacements."""
_LATE = "Cross-lists that were added to older papers on that date are not known, nor are replacements."


@dataclass(frozen=True, slots=True)
class Worked:
    """Works announcements out."""

    services: Services
    answers: Answers
    calendar: Calendar
    pages: Pages
    base: str
    say: Callable[[str], None]

    @staticmethod
    def listing(base: str, category: str, day: date) -> Listing:
        """Return the listing of the month in which *day* was announced."""
        return pages.monthly(base, category, reconstruction.month_of(day))

    def announcement(self, name: str, category: str, day: date, now: datetime) -> Announcement:
        """Return what was announced in *category* on *day*, by the service *name*: ``month``, ``api`` or ``oai``.

        Raises:
            SourceError: a service that is needed does not answer as it should.

        """
        if self.calendar.closure(day):
            return pages.nothing(category, day, Provenance("calendar"), self.calendar)
        window = self.calendar.window(day)
        work = {"month": self._month, "api": self._window, "oai": self._harvest}[name]
        return work(category, window, now)

    def _month(self, category: str, window: Window, now: datetime) -> Announcement:
        day = window.date
        wanted = self.listing(self.base, category, day)
        first = date.fromisoformat(f"{reconstruction.month_of(day)}-01")
        reading = self.pages.kept(category, wanted, first) or self.pages.read(category, wanted, first, now)
        listed = {entry.paper.id: entry.paper for entry in reading.entries}
        lookup = self.services.lookup(self.answers, self.say)
        start, end = reconstruction.worth_asking(self.calendar, day)
        found = lookup.window(category, start, end, day, now, since=end + _INDEXED)
        if not found.papers:  # silence proves nothing, and nothing can be worked out of it
            msg = f"the query API knows no paper of {category} submitted around {day}"
            raise IncompleteError(msg, advice="its index may be late or broken: try again later")

        silences: list[str] = []

        def moments(names: Sequence[str]) -> dict[str, datetime]:
            asked = lookup.papers(names, day, now)
            silences.append(asked.error)
            return {name: paper.submitted for name, paper in asked.papers.items() if paper.submitted}

        known = {name: paper.submitted for name, paper in found.papers.items() if paper.submitted}
        block = reconstruction.settled(known, listed, reconstruction.span(self.calendar, day), moments)
        self.say(f"{len(block.ids)} of the {len(listed)} papers of the month belong to {day}")
        if not block.ids:
            strange = [name for name, moment in known.items() if window.start <= moment < window.end and name not in listed]
            if strange and (now - end < _INDEXED_AT_LAST or not listed):
                msg = f"the list of the month has no papers of {day}, and the query API knows some: {_some(strange)}"
                raise IncompleteError(msg, advice="try again later")
            return self._none(category, day, reading.provenance)
        papers = [_joined(listed[name], found.papers.get(name), window.end) for name in block.ids]
        provenance = Provenance("month", (*reading.provenance.urls, *found.urls), (*reading.provenance.sha256, *found.sha256))
        unknown = reconstruction.caveats(day, self.calendar.complete_from, block.doubtful)
        if any(silences):
            unknown = (*unknown, "The query API did not answer when it was asked about the edges of this date, so they are less certain.")
        return self._made(category, day, papers, provenance, unknown)

    def _window(self, category: str, window: Window, now: datetime) -> Announcement:
        lookup = self.services.lookup(self.answers, self.say)
        found = lookup.window(category, window.start, window.end, window.date, now, since=window.end + _INDEXED)
        if not found.papers:
            msg = f"the query API knows no paper submitted for {window.date}, which says nothing about whether there were any"
            raise IncompleteError(msg, advice="its index may be late: try again later")
        papers = [_joined(paper, paper, window.end) for paper in found.papers.values()]
        unknown = (_SUBMITTED, _LATE)
        return self._made(category, window.date, papers, Provenance("api", found.urls, found.sha256), unknown)

    def _harvest(self, category: str, window: Window, now: datetime) -> Announcement:
        day = window.date
        out = window.announced + OAI_IS_OUT
        if now < out:
            msg = f"OAI-PMH does not have all records of {day} yet"
            raise NotYetError(msg, advice=f"try again after {out:%Y-%m-%d %H:%M} UTC")
        found = self.services.harvester(self.answers, self.say).records(category, day, now, since=out)
        provenance = Provenance("oai", found.urls, found.sha256)
        if not found.records and now < window.announced + _SURE:
            for url in found.urls:
                self.answers.forget(url, day)
            msg = f"OAI-PMH has no records of {day} so far"
            raise NotYetError(msg, advice="try again later")
        if not found.records and now > window.announced + _UNTOUCHED:
            msg = f"OAI-PMH has no records that were last changed on {day}, which says nothing about so old a date"
            raise OutOfReachError(msg, advice=pages.LEAVE_OUT)
        if not found.records:
            return self._none(category, day, provenance)
        moments = {record.paper.id: record.versions[0] for record in found.records if record.versions}
        # The records are those of one date, so its run is the last there is.
        span = reconstruction.Span(window.start, window.end, closes=True)
        block = set(reconstruction.block(moments, moments, span).ids)
        entries: list[Entry] = []
        others: list[str] = []
        for record in sorted(found.records, key=lambda record: age(record.paper.id)):
            paper = as_announced(record, window.end)
            own = listing.belongs(paper.primary, category)
            if paper.id in block:
                entries.append(Entry(paper, Kind.NEW if own else Kind.CROSS))
            elif (paper.version or 0) < _HIDDEN and any(window.start <= moment < window.end for moment in record.versions[1:]):
                entries.append(Entry(paper, Kind.REPLACED if own else Kind.REPLACED_CROSS))
            else:
                others.append(paper.id)
        unknown = ["Papers that were changed again since stand under a later date in OAI-PMH and are missing here."]
        if others:
            unknown.append(f"{len(others)} more papers were changed on that date, as late cross-lists or otherwise: {_some(others)}.")
        remarks = tuple(f"OAI-PMH's record of {name} could not be read: {what}" for name, what in found.faults)
        return Announcement(category, day, tuple(entries), provenance, remarks=remarks, reconstructed=True, unknown=tuple(unknown))

    def _made(self, category: str, day: date, papers: Sequence[Paper], provenance: Provenance, unknown: tuple[str, ...]) -> Announcement:
        entries = tuple(Entry(paper, Kind.NEW if listing.belongs(paper.primary, category) else Kind.CROSS) for paper in papers)
        return Announcement(category, day, entries, provenance, reconstructed=True, unknown=unknown)

    def _none(self, category: str, day: date, provenance: Provenance) -> Announcement:
        reason = f"{day:%A} {day} is a date without an announcement in {category}, as far as can be worked out"
        return Announcement(category, day, (), provenance, reason=reason, reconstructed=True)


def _joined(listed: Paper, known: Paper | None, end: datetime) -> Paper:
    """Return a paper of a listing with what the query API knows of it; without that its abstract is still to come."""
    if known is None:
        return replace(listed, pending=not listed.abstract)
    later = known.updated is not None and known.updated >= end
    return replace(
        known,
        categories=listed.categories or known.categories,
        version=1 if later else known.version,
        updated=known.submitted if later else known.updated,
    )


def _some(ids: Sequence[str], most: int = 20) -> str:
    return ", ".join(ids[:most]) + (f" and {len(ids) - most} more" if len(ids) > most else "")
