"""A harvest of arXiv's OAI-PMH, followed over all its pages and kept when it is whole.

    kept already? | ask | whole? of these dates? | the next page | each paper once | keep | Gathered

arXiv gives 2500 records at a time, and with each page but the last a token for the next one. A token embeds the date that
was reached, so a paper that changes meanwhile can stand on two pages or on none, and it dies at midnight, UTC. Nothing
short of the last page makes a harvest.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime

from digest.arxiv import oai
from digest.arxiv.answers import Answers, Fetch, Kept, fingerprint
from digest.arxiv.client import Answer
from digest.core.text import plain
from digest.errors import IncompleteError, LayoutError, SourceError, StaleError

_OK = 200
_MOST_PAGES = 200


@dataclass(frozen=True, slots=True)
class Gathered:
    """A whole harvest."""

    records: tuple[oai.Record, ...]
    """Each paper once, in arXiv's order."""
    urls: tuple[str, ...]
    """Of each page, in order ..."""
    sha256: tuple[str, ...]
    """... and the fingerprint of its body."""
    faults: tuple[tuple[str, str], ...] = ()
    """The identifier of each record that cannot be read, and why; at most 5 % of a page."""
    deleted: tuple[str, ...] = ()
    """The identifiers that arXiv marks as deleted."""


class _BrokenOffError(IncompleteError):
    """The harvest broke off in its middle, and must begin anew."""


@dataclass(slots=True)
class Harvester:
    """Gathers the records of dates."""

    fetch: Fetch
    answers: Answers
    service: str
    """The address up to and with ``/oai``."""
    say: Callable[[str], None] = lambda _line: None
    back_off: float = 10.0
    """Seconds before a page that is no good is asked for again; doubled from try to try."""
    sleep: Callable[[float], None] = time.sleep
    tries: int = 3
    """How often a page is asked for in all."""
    prefix: str = "arXivRaw"
    """The format to ask for."""

    def records(self, category: str, day: date, now: datetime, *, since: datetime, until: date | None = None) -> Gathered:
        """Return all records in *category* with a datestamp from *day* to *until* (None: of *day* alone).

        A harvest that was kept is taken if it was made at *since* or later.

        Raises:
            QueryError: arXiv says that it cannot answer this question, for example because *until* lies in the future.
            IncompleteError: a page is cut, again and again, or the pages have no end.
            StaleError: arXiv answers with records of other dates.
            LayoutError: an answer is no page of a harvest.
            UnreachableError: arXiv cannot be reached.
            SourceError: arXiv answers with another status than 200.

        """
        until = until or day
        url = oai.query(self.service, category, day, until, prefix=self.prefix)
        if gathered := self._kept(url, day, until, since):
            self.say(f"{day}: arXiv's records are kept from before")
            return gathered
        try:
            pages = self._follow(url, day, until, now)
        except (_BrokenOffError, oai.TokenError) as exc:
            # Once: the token has died at midnight, or what it had reached was changed under it.
            self.say(f"the harvest broke off ({exc.message}); beginning anew")
            pages = self._follow(url, day, until, now)
        for answer, _ in pages:
            self.answers.keep(answer, day)
        return _gathered([harvest for _, harvest in pages], [(answer.url, fingerprint(answer.body)) for answer, _ in pages])

    def _follow(self, url: str, day: date, until: date, now: datetime) -> list[tuple[Answer, oai.Harvest]]:
        """Return all pages, the first one under *url*."""
        pages: list[tuple[Answer, oai.Harvest]] = []
        tokens: set[str] = set()
        while len(pages) < _MOST_PAGES:
            answer, harvest = self._page(url, day, until, now, first=not pages)
            pages.append((answer, harvest))
            if not harvest.token:
                return pages
            if harvest.token in tokens:
                msg = f"arXiv gave the same resumption token twice, on page {len(pages)} of the harvest of {day}"
                raise self._refused(IncompleteError(msg), answer)
            tokens.add(harvest.token)
            url = oai.more(self.service, harvest.token)
        msg = f"the harvest of {day} has no end after {_MOST_PAGES} pages"
        raise IncompleteError(msg, advice="try again later")

    def _page(self, url: str, day: date, until: date, now: datetime, *, first: bool) -> tuple[Answer, oai.Harvest]:
        """Return one page, which is asked for again if it is no good."""
        for again in range(self.tries):
            self.say(f"asking {url}")
            try:
                # The run's own clock, so that a replay of a day leaves the same store behind.
                answer = replace(self.fetch(url), fetched=now)
            except SourceError as exc:  # the client has tried again where that can help
                raise self._refused(exc, Answer(url, 0, exc.body, now)) from exc
            try:
                return answer, _read(answer, day, until, first=first)
            except (IncompleteError, StaleError, LayoutError) as exc:
                error = self._refused(exc, answer)
                if isinstance(exc, _BrokenOffError) or again == self.tries - 1:
                    raise error from exc
                pause = self.back_off * 2**again
                self.say(f"{exc.message}; asking again in {pause:.3g} s")
                self.sleep(pause)
            except SourceError as exc:
                raise self._refused(exc, answer) from exc
        msg = "a page must be asked for at least once"
        raise ValueError(msg)

    def _refused(self, error: SourceError, answer: Answer) -> SourceError:
        """Keep an answer for study, and say in the error where it lies."""
        if not error.advice:
            later = isinstance(error, IncompleteError | StaleError)
            error.advice = "try again later" if later else "if arXiv has changed its OAI-PMH, this program must be updated"
        if answer.body and (path := self.answers.refuse(answer, error.message)):
            error.message += f"; the answer is kept as {path}"
        return error

    def _kept(self, url: str, day: date, until: date, since: datetime) -> Gathered | None:
        """Return a harvest out of the store, if all its pages are there, whole, and of one time not before *since*."""
        found: list[Kept] = []
        pages: list[oai.Harvest] = []
        try:
            while len(pages) < _MOST_PAGES:
                item = self.answers.find(url, day)
                # Pages of two times are of two harvests, the later of which was not kept whole.
                if item is None or item.fetched < since or (found and item.fetched != found[0].fetched):
                    return None
                found.append(item)
                pages.append(_read(Answer(item.url, _OK, item.body, item.fetched), day, until, first=len(found) == 1))
                if not pages[-1].token:
                    return _gathered(pages, [(item.url, item.sha256) for item in found])
                url = oai.more(self.service, pages[-1].token)
        except SourceError:
            return None
        return None


def _read(answer: Answer, day: date, until: date, *, first: bool) -> oai.Harvest:
    """Read a page, and refuse one that belongs to another harvest."""
    if answer.status != _OK:
        said = plain(answer.body[:160].decode("utf-8", "replace"))
        msg = f"arXiv answered {answer.status} to {answer.url}" + (f": {said}" if said else "")
        raise SourceError(msg, body=answer.body)
    harvest = oai.parse(answer.body)
    if harvest.none and not first:
        msg = "after a page with a token, arXiv says that no records match"
        raise _BrokenOffError(msg, body=answer.body)
    strangers = [record for record in harvest.records if not day <= record.datestamp <= until]
    if strangers:
        asked = f"{day}" if day == until else f"{day} to {until}"
        msg = f"arXiv gave {len(strangers)} records that are not of {asked}, such as {strangers[0].paper.id} of {strangers[0].datestamp}"
        stale = StaleError(msg, body=answer.body)
        stale.stated = strangers[0].datestamp
        raise stale
    return harvest


def _gathered(pages: list[oai.Harvest], sources: list[tuple[str, str]]) -> Gathered:
    """Put pages together, each paper once: of two records the newer one, in the place of that one."""
    records: dict[str, oai.Record] = {}
    for record in (record for page in pages for record in page.records):
        before = records.get(record.paper.id)
        if before and before.datestamp > record.datestamp:
            continue
        if before and before.datestamp < record.datestamp:
            del records[record.paper.id]
        records[record.paper.id] = record
    return Gathered(
        tuple(records.values()),
        tuple(url for url, _ in sources),
        tuple(sha256 for _, sha256 in sources),
        tuple(dict.fromkeys(fault for page in pages for fault in page.faults if fault[0] not in records)),
        tuple(dict.fromkeys(name for page in pages for name in page.deleted if name not in records)),
    )
