"""What is known of dates: notes what became of each attempt, and says in which state each date is.

    asked for | announced? compared with the page from before | made | noted

A date that nobody has asked for has a state too: arXiv's schedule gives it.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from digest import publish
from digest.core.announcements import FIRST_DATE, ITHACA, Calendar, announcement_instant
from digest.core.domain import Announcement, State
from digest.daily import Made
from digest.errors import DigestError, IncompleteError, NotYetError, PublishError, UnreachableError, UsageError
from digest.ledger import Ledger, Note
from digest.source import REACH
from digest.witnesses import JOIN

_IN_PART = frozenset({"recent", "feed"})
"""Services that do not state it all: one has no replacements, the other may lack an entry that cannot be read."""
_DOUBTED = timedelta(days=2)
_LARGEST = 64 * 2**20
_TOLD = 10
"""How many identifiers a warning names."""


@dataclass(frozen=True, slots=True)
class _Before:
    """What an edition holds that is about to be written over."""

    ids: dict[str, None] = field(default_factory=dict)
    kinds: frozenset[str] = frozenset()
    """The kinds that it would list if there were any: of others it cannot be said what is new."""
    stated: bool = True
    """Whether a service of arXiv stated it, so that it was not worked out."""


@dataclass(frozen=True, slots=True)
class Days:
    """The dates of one category, and the pages below one folder."""

    category: str
    out: Path
    ledger: Ledger
    calendar: Calendar
    warn: Callable[[str], None]
    named: bool = False
    """Whether the service to ask was named, so that no other one can be hoped for."""

    # -- one attempt ---------------------------------------------------------------------------------------------------

    def run(
        self, day: date | None, now: datetime, ask: Callable[[], Announcement], make: Callable[[Announcement], Made], *, own: bool = False
    ) -> Made:
        """Ask for *day* (None: the newest), make it, and note what became of it.

        With *own*, what is asked is no service but a file of the user's: one that cannot be used says nothing about a date.

        Raises:
            DigestError: whatever *ask* and *make* raise.

        """
        try:
            announcement = ask()
        except UsageError:
            raise
        except DigestError as exc:
            if not own:
                self._note_failure(day or self.calendar.newest(now), now, exc)
            raise
        before = self._before(announcement.date)
        try:
            self._not_worse(announcement, before)
            made = make(announcement)
        except DigestError as exc:
            self._note_failure(announcement.date, now, exc)
            raise
        self._note_success(made, now, before)
        return made

    def _not_worse(self, announcement: Announcement, before: _Before | None) -> None:
        """See that a page that arXiv stated is not written over by one that was worked out, unless that was asked for."""
        if announcement.reconstructed and before is not None and before.stated and not self.named:
            msg = f"{announcement.date} could only be worked out now, so the page from before, which arXiv stated, is kept"
            raise IncompleteError(msg, advice="try again later")

    def _note_success(self, made: Made, now: datetime, before: _Before | None) -> None:
        announcement, edition = made.announcement, made.edition
        day = announcement.date
        previous = self.ledger.read(self.category, day)
        settled = None if self.calendar.closure(day) else self.calendar.window(day).settled
        # While another service has more papers, the page may not have been all there yet.
        doubted = any(check.besides for check in announcement.checks) and now - announcement_instant(day) < _DOUBTED
        early = settled is not None and now < settled
        provisional = announcement.state is State.PUBLISHED and (early or doubted)
        late = self._compared(announcement, before, previous)
        self._write(
            Note(
                self.category,
                day,
                announcement.state,
                announcement.reason,
                service=announcement.provenance.service,
                reconstructed=announcement.reconstructed,
                entries=len(announcement.entries),
                listed=len(edition.items),
                pending=tuple(dict.fromkeys(entry.paper.id for entry in announcement.entries if entry.paper.pending)),
                disagreements=tuple(f"{check.service}: {check.says}" for check in announcement.checks if not check.agrees),
                late=tuple(dict.fromkeys((*(previous.late if previous else ()), *late))),
                provisional=provisional,
                model=edition.model.name if edition.model else "",
                page=str(made.path) if made.path else "",
                at=now,
                attempts=_attempts(previous),
                asked_again_after=settled if early and provisional else None,
            )
        )

    def _note_failure(self, day: date, now: datetime, error: DigestError) -> None:
        previous = self.ledger.read(self.category, day) or self._of_edition(day)
        coming = not self.calendar.closure(day) and announcement_instant(day) > now
        note = Note(self.category, day, State.WAITING if isinstance(error, NotYetError | UnreachableError) else State.FAILED)
        if previous and previous.state is State.NONE and not previous.reconstructed:
            note = replace(previous, at=now, attempts=_attempts(previous))  # arXiv's word from before is final
        else:
            if previous and previous.state is State.PUBLISHED and self._page(day).is_file():
                note = previous  # the page is still there: an attempt to renew it that fails takes nothing away
            elif previous:
                note = replace(note, late=previous.late)
            after = announcement_instant(day) if coming else note.asked_again_after
            attempts = _attempts(previous)
            note = replace(note, reason=error.message, advice=error.advice, at=now, attempts=attempts, asked_again_after=after)
        self._write(note)

    def _write(self, note: Note) -> None:
        try:
            self.ledger.write(note)
        except PublishError as exc:  # a digest without a note is better than none
            self.warn(f"the state of {note.date} is not noted: {exc}")

    # -- papers that come later ----------------------------------------------------------------------------------------

    def _compared(self, announcement: Announcement, before: _Before | None, previous: Note | None) -> list[str]:
        """Return the papers that the edition from before lacked, and say so; say also which ones have gone."""
        if before is None:
            return []
        now = {entry.paper.id for entry in announcement.entries}
        comes = (entry.paper.id for entry in announcement.entries if entry.kind.value in before.kinds)
        more = list(dict.fromkeys(paper for paper in comes if paper not in before.ids))
        gone = [paper for paper in before.ids if paper not in now]
        guessed = announcement.reconstructed or (previous is not None and previous.reconstructed)
        if more:
            said = f"{'was' if len(more) == 1 else 'were'} not known before" if guessed else "came later"
            self.warn(f"{_papers(more)} of {announcement.date} {said}: {_some(more)}")
        if gone:
            self.warn(f"{_papers(gone)} of {announcement.date} {'is' if len(gone) == 1 else 'are'} not announced any more: {_some(gone)}")
        # What a reconstruction did not find did not come later: arXiv had announced it all the while.
        return [] if guessed else more

    def _before(self, day: date) -> _Before | None:
        """Return what the edition of a date holds so far; None if there is none that can be read."""
        try:
            edition = _edition(self._page(day).with_suffix(".json"))
            if edition["state"] != State.PUBLISHED.value:
                return None
            entries = {str(entry["id"]): str(entry["kind"]) for entry in edition["entries"]}
            kinds = {str(kind) for kind, count in edition["counts"].items() if not count or kind in entries.values()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        return _Before(dict.fromkeys(entries), frozenset(kinds), stated=not edition.get("reconstructed"))

    # -- what is known -------------------------------------------------------------------------------------------------

    def known(self, day: date, now: datetime) -> Note:
        """Return what is known of *day*: its note, or else what its edition or arXiv's schedule says.

        A published date whose page is not below the folder (any more) waits.
        """
        return self._known(day, now, self.ledger.read(self.category, day))

    def all_known(self, first: date, last: date, now: datetime) -> list[Note]:
        """Return what is known of every date from *first* to *last*, both included, the oldest first."""
        notes = {note.date: note for note in self.ledger.between(self.category, first, last)}
        return [self._known(day, now, notes.get(day)) for day in dates(first, last)]

    def settled(self, note: Note, now: datetime) -> bool:
        """Say whether nothing is left to be asked about a date.

        What was worked out, or read from a list that does not state it all, is asked for again as long as arXiv still states
        it somewhere.
        """
        if note.state is State.PUBLISHED:
            settled = note.attempts > 0 and not (note.provisional or note.pending or note.reason)
        else:
            settled = note.state is State.NONE
        partly = note.reconstructed or not _IN_PART.isdisjoint(note.service.split(JOIN))
        reached = now.astimezone(ITHACA).date() - note.date <= REACH
        return settled and (self.named or not (partly and reached))

    def _known(self, day: date, now: datetime, note: Note | None) -> Note:
        page = self._page(day)
        if note is not None:
            if note.state is State.PUBLISHED and not page.is_file():
                return replace(note, state=State.WAITING, reason=f"{page} is not there", advice="", provisional=False)
            return note
        if (found := self._of_edition(day)) is not None:
            return found
        if closure := self.calendar.closure(day):
            why = "it is a weekend" if closure == "weekend" else "arXiv had a holiday the evening before"
            return Note(self.category, day, State.NONE, why, service="calendar")
        if day < FIRST_DATE:
            return Note(self.category, day, State.NONE, "it is before arXiv's first announcement", service="calendar")
        announced = announcement_instant(day)
        if announced > now:
            reason = f"arXiv announces it on {announced:%Y-%m-%d at %H:%M} UTC"
            return Note(self.category, day, State.WAITING, reason, asked_again_after=announced)
        return Note(self.category, day, State.WAITING, "not asked for yet")

    def _of_edition(self, day: date) -> Note | None:
        """Return what an edition tells that was made without a note, or whose note is damaged."""
        page = self._page(day)
        try:
            edition = _edition(page.with_suffix(".json"))
            state = State(edition["state"])
            if (edition["category"], edition["date"]) != (self.category, str(day)) or (state is State.PUBLISHED and not page.is_file()):
                return None
            return Note(
                self.category,
                day,
                state,
                str(edition.get("reason", "")),
                service=str(edition["source"]["service"]),
                reconstructed=bool(edition.get("reconstructed")),
                entries=sum(edition["counts"].values()),
                listed=len(edition["entries"]),
                model=str(edition["model"]["name"]) if edition["model"] else "",
                page=str(page) if state is State.PUBLISHED else "",
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    def _page(self, day: date) -> Path:
        return publish.page_path(self.out, day, self.category)


def dates(first: date, last: date) -> list[date]:
    """Return the dates from *first* to *last*, both included."""
    return [first + timedelta(days=days) for days in range((last - first).days + 1)]


def _edition(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        edition: dict[str, Any] = json.loads(file.read(_LARGEST))
    return edition


def _attempts(previous: Note | None) -> int:
    return 1 + (previous.attempts if previous else 0)


def _papers(ids: Sequence[str]) -> str:
    return "1 paper" if len(ids) == 1 else f"{len(ids)} papers"


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:_TOLD]) + (", ..." if len(ids) > _TOLD else "")
