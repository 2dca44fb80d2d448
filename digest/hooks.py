"""Web-hooks told of editions, by the same outbox as letters.

    recovered | resolved | claimed | begun | told | recorded

One edition is one message, begun on the disk before it leaves and recorded when it is answered; so what is said here of letters holds
for web-hooks too (see `digest.sending`), but that nobody can be asked what became of one.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from time import monotonic, sleep

from digest import webhook
from digest.archive import Archive
from digest.core.hooks import Message, message
from digest.core.site import day_path
from digest.core.subscription import Handling, Hook
from digest.errors import DamagedError, DigestError, StoreError
from digest.sending import GIVES_UP, MOST_RESENT, RESEND, wait_after
from digest.store import outbox
from digest.store.database import Database
from digest.store.outbox import Claimed
from digest.webhook import Told

_PREFIX = "hook/"
_ARXIV = "https://arxiv.org"
_CODES = {"feishu": ("code", frozenset({11232, 99991400}))}
"""Where an answer says whether it was taken, and what it says if there was too much of late."""
_MOST_UNCERTAIN = 10_000
_GLANCE = 0.1
_PATIENCE, _PAUSE = 60.0, 0.5
"""Seconds for which a database that fails is asked again, and between two tries."""
_FAREWELL = 2.0
"""Seconds that a web-hook may take to answer once all is to end; what it had been told is uncertain then."""


@contextmanager
def beside(hooks: "Hooks | None") -> Iterator[Counter[Handling]]:
    """Tell web-hooks in a thread of its own while something else is done, so that one that hangs holds nothing up.

    Yield how many rows came to be handled how, which is known at the end. Once `Hooks.ends` is set, that is waited for no longer.

    Raises:
        StoreError: the database cannot be used.

    """
    found = Counter[Handling]()
    errors: list[BaseException] = []

    def run() -> None:
        try:
            if hooks is not None:
                found.update(hooks.run())
        except BaseException as exc:  # noqa: BLE001 - the thread that waits raises it
            errors.append(exc)

    thread = threading.Thread(target=run, name="web-hooks", daemon=True)
    thread.start()
    try:
        yield found
    finally:
        while thread.is_alive() and hooks is not None and not hooks.ends.is_set():
            thread.join(_GLANCE)
        thread.join(_FAREWELL)
    if errors:
        raise errors[0]


@dataclass(frozen=True, slots=True)
class Hooks:
    """Tells web-hooks what is due."""

    database: Database
    archive: Archive
    hooks: Sequence[Hook]
    """Those that are set."""
    now: Callable[[], datetime]
    warn: Callable[[str], None]
    site: str = ""
    """The address of the site, with a slash at its end; empty if there is none."""
    policy: str = RESEND
    ends: threading.Event = field(default_factory=threading.Event)
    """Is set when nothing more is to be begun."""
    tell: Callable[..., Told] = webhook.tell
    category: str | None = None
    """Whose editions are told; None for those of all."""
    patience: float = _PATIENCE
    """Seconds for which an answer is kept in mind that the database does not take."""

    def run(self) -> Counter[Handling]:
        """Tell all that is due; return how many rows came to be handled how.

        Raises:
            StoreError: the database cannot be used.

        """
        found = Counter[Handling]()
        self._resolve()
        worker = outbox.worker()
        try:
            while not self.ends.is_set() and (row := self._claim(worker)):
                found[self._hand_over(row, worker)] += 1
        finally:
            try:
                with self.database.write() as connection:
                    outbox.give_back(connection, worker)
            finally:
                outbox.ended(worker)
        return found

    def page(self, day: date) -> str:
        """Return where an edition can be read: on the site, or what arXiv itself shows of the date."""
        return f"{self.site}{day_path(day)}" if self.site else f"{_ARXIV}/catchup/{self.archive.category.partition('+')[0]}/{day}"

    def _resolve(self) -> None:
        """Free what dead processes held, and decide about what may have arrived."""
        now = self.now()
        with self.database.write() as connection:
            lost = outbox.recover(connection, now, hooks=True, category=self.category)
            for row in outbox.uncertain(connection, _MOST_UNCERTAIN, category=self.category):
                fresh = row.doubts <= MOST_RESENT and now - (row.first or now) <= GIVES_UP
                if row.subscriber is None and self.policy == RESEND and fresh:
                    outbox.record(connection, row, Handling.NEW, row.answer, now, now if row.tries <= 1 else now + wait_after(row.tries))
        for row in lost:
            self._doubted(row, row.doubts, row.answer)

    def _doubted(self, row: Claimed, doubts: int, answer: str) -> None:
        """Tell of what may have been told, and of what comes next; it came to be uncertain *doubts* times."""
        held = f"it is held until you decide: cvdigest send --resolve '{row.recipient}/{row.date}' sent, or again"
        then = "it is told again" if self.policy == RESEND and doubts <= MOST_RESENT else held
        self.warn(f"{row.recipient} may have been told of {row.date}: {answer}; {then}")

    def _claim(self, worker: str) -> Claimed | None:
        with self.database.write() as connection:
            return next(iter(outbox.claim(connection, worker, self.now(), 1, hooks=True, category=self.category)), None)

    def _hand_over(self, row: Claimed, worker: str) -> Handling:
        """Tell one web-hook; return what became of it."""
        hook = next((one for one in self.hooks if f"{_PREFIX}{one.name}" == row.recipient), None)
        found = self._message(hook, row) if hook else Told(Handling.DROPPED, "there is no such web-hook any more")
        with self.database.write() as connection:
            if not outbox.begin(connection, row.key, worker, self.now()):
                return Handling.DROPPED
        if hook is not None and not isinstance(found, Told):
            code, later = _CODES.get(hook.format, ("", frozenset[int]()))
            found = self.tell(hook.url, found, code=code, later=later)
        assert isinstance(found, Told)  # noqa: S101 - without a web-hook there is no message
        return self._record(row, found)

    def _message(self, hook: Hook, row: Claimed) -> Message | Told:
        """Return what a web-hook is told, or what becomes of the row without that."""
        try:
            found = message(hook, self.archive.edition(row.date), self.page(row.date))
        except (DigestError, LookupError) as exc:
            if isinstance(exc, StoreError) and not isinstance(exc, DamagedError):
                raise
            return Told(Handling.DEFERRED, f"the message cannot be made: {exc}")
        return found or Told(Handling.DROPPED, "there is nothing in it")

    def _record(self, row: Claimed, told: Told) -> Handling:
        now = self.now()
        due = now + max(wait_after(row.tries), timedelta(seconds=told.wait))
        handling, answer = told.handling, told.answer
        if handling is Handling.DEFERRED and due - (row.first or now) > GIVES_UP:
            handling, answer = Handling.REFUSED, f"tried for {GIVES_UP.days} days: {answer}"
        if handling is Handling.REFUSED:
            self.warn(f"{row.recipient} is not told any more of {row.date}: {answer}")
        if handling is Handling.UNCERTAIN:
            self._doubted(row, row.doubts + 1, answer)
        self._keep(row, handling, answer, now, due if handling is Handling.DEFERRED else None)
        return handling

    def _keep(self, row: Claimed, handling: Handling, answer: str, now: datetime, due: datetime | None) -> None:
        """Record what became of a row, for which a database that fails is asked again for a while: else it would be told twice.

        Raises:
            StoreError: it failed for too long.

        """
        begun = monotonic()
        while True:
            try:
                with self.database.write() as connection:
                    outbox.record(connection, row, handling, answer, now, due)
            except StoreError:
                if monotonic() - begun >= (min(self.patience, _FAREWELL) if self.ends.is_set() else self.patience):
                    raise
                self.database.engine.dispose()  # what is left of a connection that broke is not used again
                sleep(_PAUSE)
            else:
                return
