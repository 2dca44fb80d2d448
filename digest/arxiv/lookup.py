"""arXiv's query API, asked with patience: papers by their identifiers, and what was submitted in a span of time.

The API is known to give an empty page where there are results, a page with fewer rows than it promises, and another total
from one page to the next; its index lags behind the announcements. So every answer is held against what it states, and
one that does not fit is asked for again. What fits is kept, so that arXiv is not asked twice for the same day.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from digest.arxiv import api
from digest.arxiv.answers import Answers, Fetch, fingerprint
from digest.arxiv.client import Answer
from digest.core.domain import Paper
from digest.core.identifiers import age
from digest.errors import ForbiddenError, IncompleteError, LayoutError, OutOfReachError, QueryError, SourceError

BATCH = 100
"""How many papers are asked for at once by their identifiers."""
MOST = 10_000
"""How many results of one question arXiv's index gives at all."""
_OK, _BAD_REQUEST = 200, 400
_LATER = "try again later"


class NothingError(IncompleteError):
    """The answer is whole and holds none of what was asked for: the service is unwell, or arXiv knows none of it."""


class _UnsteadyError(IncompleteError):
    """The pages of one window do not fit together: the index changed between them."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a window, found whole."""

    answer: Answer
    results: api.Results


@dataclass(frozen=True, slots=True)
class Api:
    """The query API, and how to wait for it."""

    fetch: Fetch
    service: str
    """Its address, up to ``/api/query``."""
    say: Callable[[str], None] = lambda _line: None
    back_off: float = 10.0
    """Seconds before a question is put again because its answer was no good; then twice as long."""
    sleep: Callable[[float], None] = time.sleep
    tries: int = 3

    def batch(self, ids: Sequence[str], drop: Callable[[list[str]], None], witness: str = "") -> tuple[Answer | None, dict[str, Paper]]:
        """Return an answer for *ids* and the papers in it; one that is no good is asked for again.

        Identifiers that arXiv takes for none spoil the whole batch: they are handed to *drop*, and the others are asked for
        without them. If none is left, there is no answer. A *witness*, one of *ids*, is a paper that arXiv is known to
        have: an answer without it proves nothing about the others.

        Raises:
            NothingError: arXiv gives none of them, again and again, or not even the witness.
            IncompleteError, LayoutError, QueryError: the answers are no good, again and again.
            SourceError: arXiv cannot be reached, or its answer is a failure.

        """
        left = list(ids)
        faults = 0
        while left:
            answer = self.fetch(api.query(self.service, left))
            try:
                return answer, _whole(results(answer), left, witness)
            except QueryError as exc:
                named = [name for name in left if name in exc.message.split() and name != witness]
                if named:
                    drop(named)
                    left = [name for name in left if name not in named]
                    continue
                fault: SourceError = exc
            except (IncompleteError, LayoutError) as exc:
                fault = exc
            faults += 1
            self._wait(fault, faults, answer)
        return None, {}

    def page(self, url: str, skip: int, size: int) -> Page:
        """Return a page of a window, *size* results after the first *skip*; one that is no good is asked for again.

        Raises:
            NothingError: arXiv knows of no paper in the window, it says again and again.
            IncompleteError, LayoutError: the answers are no good, again and again.
            QueryError: arXiv says why it cannot answer.
            SourceError: arXiv cannot be reached, or its answer is a failure.

        """
        faults = 0
        while True:
            self.say(f"asking {url}")
            answer = self.fetch(url)
            try:
                return Page(answer, _checked(results(answer), skip, size))
            except (IncompleteError, LayoutError) as exc:
                faults += 1
                self._wait(exc, faults, answer)

    def _wait(self, fault: SourceError, faults: int, answer: Answer) -> None:
        """Wait after *fault*, the *faults*-th one, until it is time to ask again; raise it if it was one too many."""
        if faults >= self.tries:
            fault.body = fault.body or answer.body
            raise fault
        pause = self.back_off * 2 ** (faults - 1)
        self.say(f"{fault.message}; asking again in {pause:.3g} s")
        self.sleep(pause)


@dataclass(frozen=True, slots=True)
class Found:
    """What arXiv's query API knows, and the answers that say so."""

    papers: dict[str, Paper]
    """By their identifiers; what arXiv does not know, or not yet, is not in here."""
    urls: tuple[str, ...] = ()
    sha256: tuple[str, ...] = ()
    """Of the decoded body of each answer, in the order of `urls`."""
    error: str = ""
    """Why this may not be all, or not exact, without a final full stop; empty if nothing went wrong."""
    unanswered: tuple[str, ...] = ()
    """Papers that were asked for, and of which no answer tells, now or from before, whether arXiv knows them."""


def results(answer: Answer) -> api.Results:
    """Read an answer of the query API, whatever its status.

    Raises:
        QueryError: arXiv says why it cannot answer.
        IncompleteError: the answer is cut.
        LayoutError: it is no feed of the query API.
        SourceError: its status is that of a failure.

    """
    if answer.status in (_OK, _BAD_REQUEST):
        found = api.parse(answer.body)
        if answer.status == _OK:
            return found
    msg = f"arXiv's API answered {answer.status} for {answer.url[:200]}"
    raise SourceError(msg, body=answer.body)


def _whole(found: api.Results, ids: Sequence[str], witness: str = "") -> dict[str, Paper]:
    """Return the papers of *ids* in an answer that gives all that it promises."""
    if found.rows < min(found.total, len(ids)):
        msg = f"arXiv's API states {found.total} results and gives {found.rows}"
        raise IncompleteError(msg, advice=_LATER)
    wanted = set(ids)
    papers = {name: paper for name, paper in _newest(found.papers).items() if name in wanted}
    if not papers or (witness and witness not in papers):
        msg = "arXiv's API gives nothing" if not papers else f"arXiv's API does not give {witness}, which it gave before"
        raise NothingError(msg, advice=_LATER)
    return papers


def _newest(papers: Iterable[Paper]) -> dict[str, Paper]:
    """Return each paper once, the newest version of it, whatever the order in which they come."""
    return {paper.id: paper for paper in sorted(papers, key=lambda paper: (paper.version or 0, str(paper)))}


@dataclass(slots=True)
class _Lot:
    """A batch of papers: what is known of them, and what is to be asked."""

    left: list[str]
    papers: dict[str, Paper] = field(default_factory=dict)
    answers: list[tuple[str, str]] = field(default_factory=list)
    """The address and the sha256 of each."""

    def question(self) -> tuple[list[str], str]:
        """Return what to ask for, and the witness in it: a paper of this batch that has come, the same one in every run."""
        witness = min(self.papers, key=_place, default="")
        return [*self.left, *filter(None, [witness])], witness

    def take(self, url: str, body: bytes, papers: dict[str, Paper]) -> bool:
        """Take what an answer brings; say whether that is anything."""
        before = len(self.left)
        self.papers |= {name: papers[name] for name in self.left if name in papers}
        self.left = [name for name in self.left if name not in papers]
        self.answers.append((url, fingerprint(body)))
        return len(self.left) < before


@dataclass(frozen=True, slots=True)
class Lookup:
    """Asks the query API, or the answers that it gave before."""

    fetch: Fetch
    answers: Answers
    service: str
    say: Callable[[str], None] = lambda _line: None
    back_off: float = 10.0
    sleep: Callable[[float], None] = time.sleep
    tries: int = 3
    """All but the answers as in `Api`."""
    size: int = 500
    """How many results of a window are asked for at once."""

    def papers(self, ids: Sequence[str], day: date, now: datetime) -> Found:
        """Return what arXiv knows of *ids*. What goes wrong is told in `Found.error`: then the rest of them was not asked for.

        Answers are kept under *day* as fetched at *now*. A later call for the same identifiers and day asks only for what
        lacked.

        Raises:
            ForbiddenError: arXiv refuses us.

        """
        wanted = sorted({bare for text in ids if (bare := api.identifier(text))}, key=_place)
        lots = [_Lot(wanted[start : start + BATCH]) for start in range(0, len(wanted), BATCH)]
        for lot in lots:
            self._recall(lot, day)
        error = ""
        for lot in lots:
            try:
                self._complete(lot, day, now)
            except ForbiddenError:
                raise
            except SourceError as exc:
                error = exc.message
                break
        papers = {name: lot.papers[name] for lot in lots for name in sorted(lot.papers, key=_place)}
        told = [pair for lot in lots for pair in lot.answers]
        unanswered = tuple(name for lot in lots if not lot.papers for name in lot.left)
        return Found(papers, tuple(url for url, _ in told), tuple(sha256 for _, sha256 in told), error, unanswered)

    def _recall(self, lot: _Lot, day: date) -> None:
        """Take what the answers of earlier runs say: the first for the whole batch, each other one for what lacked before it."""
        while lot.left:
            names, witness = lot.question()
            kept = self.answers.find(api.query(self.service, names), day)
            try:
                papers = _whole(api.parse(kept.body), names, witness) if kept else {}
            except SourceError:  # it was readable once; another version of this program may read more strictly
                return
            if not kept or not lot.take(kept.url, kept.body, papers):
                return

    def _complete(self, lot: _Lot, day: date, now: datetime) -> None:
        """Ask for what lacks in a batch."""
        if not lot.left:
            return
        names, witness = lot.question()
        self.say(f"asking arXiv's API for {len(lot.left)} papers")
        answer, papers = self._api().batch(names, self._unknown, witness)
        # An answer that brings nothing new is not kept, so that the same question is put again by the next run.
        if answer and lot.take(answer.url, answer.body, papers):
            self.answers.keep(replace(answer, fetched=now), day)

    def _unknown(self, names: list[str]) -> None:
        self.say(f"arXiv's API takes {', '.join(names)} for no identifier")

    def _api(self) -> Api:
        return Api(self.fetch, self.service, self.say, self.back_off, self.sleep, self.tries)

    # -- windows -------------------------------------------------------------------------------------------------------

    def window(  # noqa: PLR0913 - a span of time, and the three moments that say what is kept
        self, category: str, start: datetime, end: datetime, day: date, now: datetime, *, since: datetime
    ) -> Found:
        """Return all papers of *category* whose first version came in at or after *start* and before *end*, oldest first.

        The answers are kept under *day* as fetched at *now*, and taken from there if they were fetched at *since* or later.
        That arXiv knows of no paper is told in `Found.error` and not kept, because a late index says the same.

        Raises:
            OutOfReachError: there are more papers than arXiv gives for one question.
            IncompleteError: pages are empty, short, cut or do not fit together, again and again.
            LayoutError: an answer is no feed of the API, again and again.
            QueryError: arXiv says why it cannot answer.
            SourceError: arXiv cannot be reached, or its answer is a failure.

        """

        def address(skip: int) -> str:
            return api.window(self.service, category, start, end, skip=skip, size=self.size)

        def kept(skip: int) -> Page:
            found = self.answers.find(address(skip), day)
            if found is None or found.fetched < since:
                msg = "the page is not kept, or too old"
                raise IncompleteError(msg)
            answer = Answer(found.url, _OK, found.body, found.fetched)
            return Page(answer, _checked(api.parse(found.body), skip, self.size))

        def asked(skip: int) -> Page:
            return self._api().page(address(skip), skip, self.size)

        try:
            pages = _together(kept, self.size)
        except SourceError:
            try:
                pages = self._steady(asked)
            except NothingError as exc:
                return Found({}, error=f"{exc.message}, which is indistinguishable from an index that is late")
            for page in pages:
                self.answers.keep(replace(page.answer, fetched=now), day)
        return _cut(pages, start, end)

    def _steady(self, asked: Callable[[int], Page]) -> list[Page]:
        """Return all pages; if they do not fit together, begin anew, once."""
        try:
            return _together(asked, self.size)
        except _UnsteadyError as exc:
            self.say(f"{exc.message}; beginning anew in {self.back_off:.3g} s")
            self.sleep(self.back_off)
            try:
                return _together(asked, self.size)
            except NothingError as nothing:  # there was something a moment ago: that is no window without papers
                raise exc from nothing


def _checked(found: api.Results, skip: int, size: int) -> api.Results:
    """Return a page that gives as many rows as it promises."""
    if skip == 0 and found.total == 0:
        msg = "arXiv's API knows of no paper in this window"
        raise NothingError(msg, advice=_LATER)
    # An empty page is a fault whatever total it states: nobody asks for one behind the end.
    promised = max(1, min(size, found.total - skip))
    if found.rows < promised:
        msg = f"arXiv's API gives {found.rows} of {promised} results from number {skip} on"
        raise IncompleteError(msg, advice=_LATER)
    return found


def _together(page: Callable[[int], Page], size: int) -> list[Page]:
    """Return all pages of *size* rows of a window, which together hold as many different papers as the first one states."""
    pages = [page(0)]
    total = pages[0].results.total
    if total > MOST:
        msg = f"the window holds {total} papers, and arXiv's API gives no more than {MOST}"
        raise OutOfReachError(msg, advice="ask for a shorter one")
    for skip in range(size, total, size):
        pages.append(page(skip))
        if (other := pages[-1].results.total) != total:
            msg = f"arXiv's API stated {total} results first and {other} later"
            raise _UnsteadyError(msg, advice=_LATER)
    untitled = sum(page.results.rows - len(page.results.papers) for page in pages)
    different = len({paper.id for paper in _papers(pages)})
    if different + untitled < total:
        msg = f"arXiv's API states {total} results and gives {different + untitled} different ones"
        raise _UnsteadyError(msg, advice=_LATER)
    return pages


def _cut(pages: Sequence[Page], start: datetime, end: datetime) -> Found:
    """Return the papers that were submitted at or after *start* and before *end*, in this order."""
    papers = _newest(_papers(pages)).values()
    timed = [(paper.submitted, _place(paper.id), paper) for paper in papers if paper.submitted and start <= paper.submitted < end]
    timed.sort(key=lambda row: row[:2])
    untimed = sorted((paper for paper in papers if paper.submitted is None), key=lambda paper: _place(paper.id))
    # arXiv says that they belong here, to the minute: better one too many, and named, than one that is lost.
    error = f"arXiv's API does not say when {', '.join(paper.id for paper in untimed)} came in" if untimed else ""
    answers = [page.answer for page in pages]
    return Found(
        {paper.id: paper for paper in [*(row[2] for row in timed), *untimed]},
        tuple(answer.url for answer in answers),
        tuple(fingerprint(answer.body) for answer in answers),
        error,
    )


def _papers(pages: Sequence[Page]) -> Iterator[Paper]:
    for page in pages:
        yield from page.results.papers


def _place(name: str) -> tuple[tuple[int, int], str]:
    """Return the place of an identifier in the order of time; two old ones of different archives may share their number."""
    return age(name), name
