"""What arXiv's other services say about an announcement that is there already.

    feed (of today) | OAI-PMH (of the last days) | query API (for what still lacks) | checks and fields

They check and complete. None of them adds a paper or takes one away, and none that fails is a reason to fail: what it would
have said is missing then, and no more.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from digest.arxiv import feed
from digest.arxiv.answers import Answers
from digest.arxiv.client import Answer
from digest.arxiv.feed import Feed
from digest.arxiv.oai import Record
from digest.core import checks
from digest.core.announcements import ITHACA, Calendar, announcement_instant
from digest.core.domain import Announcement, Check, Kind, Paper
from digest.errors import ClockError, DigestError, ForbiddenError, SourceError
from digest.services import Services

JOIN = "+"
"""Between the categories of a digest of several, as arXiv's feeds write it."""
_UNTOUCHED = timedelta(days=7)
"""For so long OAI-PMH's datestamps are worth asking for: they say when a record was changed last."""
_WITH_REPLACEMENTS = frozenset({"listing", "catchup", "oai", "file"})
"""The services that tell which papers were replaced."""
OAI_IS_OUT = timedelta(hours=3)
"""After the announcement, the records are there (about 22:30 in Ithaca)."""


@dataclass(slots=True)
class Witnesses:
    """Hears them."""

    services: Services
    answers: Answers
    calendar: Calendar
    say: Callable[[str], None]

    def heard(self, announcement: Announcement, now: datetime, *, ask: bool, complete: bool) -> Announcement:
        """Return *announcement* with what the others say and know.

        With *ask* they are asked; without it, only what they have said before counts, so that nothing is asked twice. With
        *complete*, abstracts lack, and the query API is asked for these in any case.
        """
        found = announcement
        said: list[Check] = []
        service = announcement.provenance.service
        refused = ""
        for name, hear in (("feed", self._feed), ("oai", self._oai), ("api", self._api)):
            if name == service or (name == "api" and service in ("month", "api") and not complete):
                continue
            asked = not refused and (ask or (complete and name == "api"))
            try:
                found, check = hear(found, now, ask=asked)
            except ClockError:
                raise
            except ForbiddenError as exc:
                refused = f"{exc}; the digest is made without what it would have told"
            except DigestError as exc:
                self.say(f"{_NAMES[name]} could not be heard ({exc.message}); the digest is made without it")
            else:
                said.extend([check] if check else [])
        remarks = (*announcement.remarks, refused) if refused else announcement.remarks
        return replace(found, checks=(*announcement.checks, *said), remarks=remarks)

    def plan(self, label: str, day: date, now: datetime) -> tuple[tuple[str, str], ...]:
        """Return which of them would be asked about *day*, with the first address of each."""
        planned = [("feed", self.services.feed_url(label))] if now.astimezone(ITHACA).date() == day else []
        out = announcement_instant(day) + OAI_IS_OUT
        if out <= now <= out + _UNTOUCHED:
            planned.extend(("oai", self.services.address("oai", category, day, self.calendar)) for category in label.split(JOIN))
        else:
            planned.append(("api", self.services.papers_url))
        return tuple(planned)

    def _feed(self, announcement: Announcement, now: datetime, *, ask: bool) -> tuple[Announcement, Check | None]:
        """Hear today's feed: who is in it, and versions and licences."""
        day, label = announcement.date, announcement.category
        kept = self.answers.find(self.services.feed_url(label), day)
        if kept is not None:
            found = feed.read_as(kept.body, label)
        elif ask and now.astimezone(ITHACA).date() == day:
            found, answer = self.services.feed(label, self.answers, now, self.say)
            # Also one of another date: it is a disagreement, and stays one when the page is made again.
            self.answers.keep(answer, day)
        else:
            return announcement, None
        if found.date != day or not found.entries:
            return announcement, Check("feed", agrees=False, says=f"the feed has {_papers(len(found.entries))} of {found.date}")
        there = {entry.paper.id: entry.paper for entry in found.entries}
        return checks.completed(announcement, there), self._compared(announcement, found)

    @staticmethod
    def _compared(announcement: Announcement, found: Feed) -> Check | None:
        """Hold the papers of an announcement against a feed, as far as both can know them."""
        if found.full:  # there may be more than a feed holds
            return None
        ours, theirs = announcement.entries, found.entries
        if not _WITH_REPLACEMENTS.issuperset(announcement.provenance.service.split(JOIN)):
            ours, theirs = (tuple(entry for entry in some if entry.kind in (Kind.NEW, Kind.CROSS)) for some in (ours, theirs))
        # How a paper stands in a feed of several categories depends on all of them.
        return checks.membership(ours, theirs, "feed", kinds=JOIN not in announcement.category)

    def _oai(self, announcement: Announcement, now: datetime, *, ask: bool) -> tuple[Announcement, Check | None]:
        """Hear OAI-PMH: moments, versions and licences of everything that changed on the date."""
        day = announcement.date
        out = announcement_instant(day) + OAI_IS_OUT
        if not out <= now:
            return announcement, None
        ask = ask and now - out <= _UNTOUCHED
        harvester = self.services.harvester(self.answers, self.say)
        if not ask:
            harvester = replace(harvester, fetch=_nobody, say=lambda _line: None, tries=1)
        records: list[Record] = []
        try:
            for category in announcement.category.split(JOIN):
                records.extend(harvester.records(category, day, now, since=out).records)
        except SourceError:
            if ask:
                raise
            return announcement, None
        papers = {record.paper.id: as_announced(record, self._end(day)) for record in records}
        # A paper that was changed since stands under a later date, so one that lacks speaks against nothing.
        check = checks.known(announcement.entries, papers, "oai", "OAI-PMH")
        return checks.completed(announcement, papers), check if papers and check.agrees else None

    def _api(self, announcement: Announcement, now: datetime, *, ask: bool) -> tuple[Announcement, Check | None]:
        """Hear the query API, for papers of which something lacks."""
        lacking = [entry.paper.id for entry in announcement.entries if entry.paper.pending or entry.paper.submitted is None]
        if not lacking:
            return announcement, None
        lookup = self.services.lookup(self.answers, self.say)
        if not ask:
            lookup = replace(lookup, fetch=_nobody, say=lambda _line: None, tries=1)
        found = lookup.papers(list(dict.fromkeys(lacking)), announcement.date, now)
        if found.error and ask:
            self.say(f"{_NAMES['api']} could not be heard ({found.error}); the digest is made without it")
        end = self._end(announcement.date)
        new = {entry.paper.id for entry in announcement.entries if entry.kind in (Kind.NEW, Kind.CROSS)}
        papers = {name: _of_the_time(paper, end, new=name in new) for name, paper in found.papers.items()}
        check = None
        # What is told must not depend on whether it was asked for now or kept from before.
        if found.papers and not found.unanswered:
            there = {*papers, *(entry.paper.id for entry in announcement.entries if entry.paper.id not in set(lacking))}
            check = checks.known(announcement.entries, there, "api", "the query API")
        return checks.completed(announcement, papers), check

    def _end(self, day: date) -> datetime:
        """Return the instant after which nothing that came in was announced on *day*."""
        return announcement_instant(day) if self.calendar.closure(day) else self.calendar.window(day).end


_NAMES = {"feed": "the feed", "oai": "OAI-PMH", "api": "the query API"}


def as_announced(record: Record, end: datetime) -> Paper:
    """Return the paper of a record with the version that was the last one before *end*."""
    paper = record.paper
    if not record.versions:
        return replace(paper, version=None, updated=None)
    there = sum(moment < end for moment in record.versions) or 1
    updated = record.versions[there - 1]
    if there == len(record.versions):
        return replace(paper, updated=updated)
    # The list of versions may have gaps, and then their numbers are not known.
    return replace(paper, version=there if len(record.versions) == paper.version else None, updated=updated)


def _of_the_time(paper: Paper, end: datetime, *, new: bool) -> Paper:
    """Return a paper without the version that came after the announcement: the query API knows the present one alone."""
    if paper.updated is None or paper.updated < end:
        return paper
    return replace(paper, version=1 if new else None, updated=paper.submitted if new else None)


def _nobody(url: str) -> Answer:
    """Answer nothing: what is not kept is not asked for."""
    msg = f"{url[:80]} is not asked again"
    raise SourceError(msg)


def _papers(count: int) -> str:
    return "no papers" if not count else f"{count} papers"
