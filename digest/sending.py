"""What is queued handed over, by some workers, each with a connection of its own.

    recovered | resolved | claimed | composed | begun | handed over | recorded with the beginning of the next

A letter is begun on the disk before a byte of it leaves, and what the server said is on the disk before the next one is begun: so a
process that dies leaves one letter for each worker of which nobody knows whether it has arrived. Of those, the relay's log is asked;
where there is none they are sent again, under the same Message-ID, or held, as the settings say.

Workers are threads: a letter takes longer on the disk and on the wire than in Python, both of which let others go on; threads share
the pieces that letters are made of, and what they write goes to the disk together: so sixteen of them need less of the processor
for a letter than four. (Of 2,000 letters, two threads handed over twice as many a second as two processes did, which SQLite lets wait
for each other.) The program can be started more than once all the same.
"""

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from time import monotonic
from typing import Protocol, TypeVar

from digest import bounces
from digest.core.bouncing import HARD, SOFT
from digest.core.subscription import Handling
from digest.errors import DamagedError, DigestError, MailError, StoreError
from digest.handover import Outcome, Session
from digest.relaylog import RelayLog
from digest.store import outbox
from digest.store.database import Connection, Database
from digest.store.outbox import Claimed

_T = TypeVar("_T")
RESEND, HOLD = "resend", "hold"
MOST_REFUSALS, MOST_DEAD, MOST_PUT_OFF = 20, 100, 100
"""So many in a row, and nothing taken: then it is not the letters, the mailboxes or the hour that are to blame, but the server."""
MOST_RESENT = 2
"""So often a letter is sent again of which nobody knows whether it arrived; then it is held."""
GIVES_UP = timedelta(days=3)
"""A letter is tried for so long after its first try (RFC 5321, 4.5.4.1, has four to five days for mail that people wrote)."""
BETWEEN = 60.0
"""Seconds between two looks at what is uncertain."""
_SHORTEST, _LONGEST = timedelta(minutes=5), timedelta(hours=4)
_RELAY_WAIT = 2.0
"""Seconds that a relay may take to write what it has done."""
_CLAIM, _BATCH = 100, 25
"""How many letters a worker keeps others away from, and how many it has composed at once."""
_CLAIM_SECONDS = 30.0
_RENEW = 60.0
_GLANCE = 0.1
_GATHERS = 0.001
"""Seconds that a thread waits for others before it writes for few."""
_MOST_UNCERTAIN = 10_000
_MOST_NAMED = 20
_HOLDS_ON = 60.0
"""Seconds for which a record is tried again that the database does not take: what it says is known nowhere else."""
_HOLDS_ON_AT_END = 5.0
_BETWEEN_TRIES = 0.2
_SAID_OF_MAILBOX = re.compile(r"5\d\d 5\.1\.[12346]\b|5\d\d 5\.2\.1\b")
"""What is said of one mailbox, and of no other (RFC 3463)."""
_ABOUT_MAILBOX = re.compile(r"(?:tried for \d+ days: )?[45]\d\d [45]\.(?:1\.[12346]|2\.\d+)\b")
"""The same, also of one that takes nothing for now, or is full."""
_TRIED = f"tried for {GIVES_UP.days} days: "
_FULL = re.compile(r"5\d\d 5\.2\.2\b")
_NOT_OF_MAILBOX = re.compile(r"5\d\d 5\.[3457]\.")
"""What is said of the server, the network, the session or its rules, a quota say."""
_MOST_ON_ONE = 3
"""After so many refusals in a row another connection is tried: it may be that which is refused."""
_PATIENCE = 2.0
"""Seconds that a try to record takes where the database has failed before, or the program is told to end."""
_MOST_WAITS = 3
"""Times that it waits for what is uncertain to become ripe: by a clock that stands still it never does."""
_STEP = 0.5


class Ready(Protocol):
    """A letter that can be handed over."""

    @property
    def content(self) -> bytes:
        """Headers and body."""

    @property
    def sender(self) -> str:
        """Of the envelope."""

    @property
    def to(self) -> str:
        """The recipient of the envelope."""


Compose = Callable[[Claimed, datetime], Ready | None]
"""Returns the letter of a row; None if there is nothing in it for its reader."""


@dataclass(slots=True)
class Report:
    """What a round of sending led to."""

    counts: dict[Handling, int] = field(default_factory=lambda: dict.fromkeys(Handling, 0))
    """How many letters came to be handled so; those that are new again among them."""
    resolved: dict[Handling, int] = field(default_factory=lambda: dict.fromkeys(Handling, 0))
    """What became of letters that were uncertain."""
    answers: dict[Handling, str] = field(default_factory=dict)
    """What was said last of a letter that came to be handled so."""
    uncertain: int = 0
    """How many are uncertain at the end."""
    put_off: bool = False
    """Whether it ended because the server put letters off."""
    trouble: str = ""
    """Why it ended before all was handed over."""
    seconds: float = 0.0

    @property
    def line(self) -> str:
        """The report in one line."""
        named = [
            (Handling.SENT, "sent"),
            (Handling.REFUSED, "refused"),
            (Handling.DEFERRED, "deferred"),
            (Handling.NEW, "back in the queue"),
        ]
        named += [(Handling.DROPPED, "not wanted")]
        parts = [f"{self.counts[one]:,} {what}{self._why(one)}" for one, what in named if self.counts[one] or one is Handling.SENT]
        parts += [f"{self.uncertain:,} uncertain"] if self.uncertain else []
        rate = self.counts[Handling.SENT] / self.seconds if self.seconds > 1 else 0.0
        return f"{', '.join(parts)}; {self.seconds:.1f} s{f', {rate:,.0f} a second' if rate else ''}"

    def _why(self, handling: Handling) -> str:
        answer = self.answers.get(handling, "") if handling in (Handling.DEFERRED, Handling.NEW) else ""
        return f" ({answer})" if answer else ""


def message_id(row: Claimed, domain: str) -> str:
    """Return the Message-ID of a row's letter, the same at each try."""
    key = row.subscriber.key if row.subscriber else 0
    if row.mailing is None:
        return f"<confirm.s{key}.{row.asked}@{domain.lower()}>"
    category = row.mailing.category.lower().replace("+", "-")
    return f"<{category}.{row.date}.{row.mailing.frequency.value}.s{key}@{domain.lower()}>"


def wait_after(tries: int) -> timedelta:
    """Return how long a letter waits that was begun *tries* times before."""
    return min(_SHORTEST * float(2 ** min(tries, 10)), _LONGEST)


@dataclass(frozen=True, slots=True)
class _Done:
    """What became of a row."""

    row: Claimed
    handling: Handling
    answer: str
    due: datetime | None = None


@dataclass(slots=True)
class _Step:
    """What a worker wants to have written before it goes on."""

    done: Sequence[_Done]
    begin: tuple[int, str] | None
    """The row to begin, and the worker who claimed it."""
    begun: bool = False
    error: BaseException | None = None
    written: bool = False


class _Blame(Enum):
    """What may be to blame that a letter is not taken."""

    SERVER = "server"
    MAILBOX = "mailbox"
    HOUR = "hour"

    @property
    def most(self) -> int:
        """How many in a row are too many."""
        return {_Blame.SERVER: MOST_REFUSALS, _Blame.MAILBOX: MOST_DEAD, _Blame.HOUR: MOST_PUT_OFF}[self]


class _Streak:
    """Letters in a row that were not taken, over all workers: until one is, nobody knows whether the letters are to blame.

    A refusal is for good once a letter is taken that was begun after it, because one that was begun before says nothing about a quota,
    and over the same connection, because another one says nothing about a bound of that one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turn = 0
        self._counts = Counter[_Blame]()
        self._held: list[tuple[int, object, _Blame, _Done]] = []
        self._any = False
        """Whether any letter was taken."""

    def begins(self) -> int:
        """Return the number of a letter that is begun now."""
        with self._lock:
            self._turn += 1
            return self._turn

    def untaken(self, blame: _Blame, done: _Done | None, place: object) -> bool:
        """Count a letter that was not taken over the connection *place*; say whether there are too many.

        *done* is its refusal, if it may come to be for good.
        """
        with self._lock:
            self._counts[blame] += 1
            if done is not None:
                self._held.append((self._turn, place, blame, done))
            return self._counts[blame] >= blame.most

    def taken(self, turn: int, place: object) -> list[_Done]:
        """Count a letter that was taken over the connection *place*; return the refusals before it was begun, which are for good."""
        with self._lock:
            self._any = True
            self._counts.clear()
            final = [one for one in self._held if one[0] < turn and (one[2] is _Blame.MAILBOX or one[1] is place)]
            self._held = [one for one in self._held if one not in final]
            return [one[3] for one in final]

    def rest(self) -> list[_Done]:
        """Return at the end what was said of single mailboxes, unless it was said of too many in a row, or of all of several."""
        with self._lock:
            held, self._held = [done for _, _, blame, done in self._held if blame is _Blame.MAILBOX], []
            many = any(count >= blame.most for blame, count in self._counts.items())
            return [] if many or (len(held) > 1 and not self._any) else held


class _Pace:
    """A bound on the letters of all workers a second."""

    def __init__(self, rate: float) -> None:
        self._between = 1 / rate if rate else 0.0
        self._lock = threading.Lock()
        self._next = 0.0

    def seconds(self) -> float:
        """Take the next turn; return how long to wait for it."""
        if not self._between:
            return 0.0
        with self._lock:
            now = monotonic()
            turn = max(self._next, now)
            self._next = turn + self._between
            return turn - now


@dataclass(slots=True)
class Sending:
    """Hands over what is due."""

    database: Database
    session: Callable[[], Session]
    compose: Compose
    now: Callable[[], datetime]
    say: Callable[[str], None]
    warn: Callable[[str], None]
    identify: Callable[[Claimed], str]
    """Returns the Message-ID of a row's letter."""
    workers: int = 1
    rate: float = 0.0
    policy: str = RESEND
    log: RelayLog | None = None
    ends: threading.Event = field(default_factory=threading.Event)
    """Is set when nothing more is to be begun."""
    category: str | None = None
    """Whose letters are handed over; None for those of all."""
    envelope: Callable[[Claimed], str] | None = None
    """Returns the envelope sender of a row's letter, by which a relay's log knows it from letters that others named the same."""
    holds_on: float = _HOLDS_ON
    """Seconds for which a record is tried again that the database does not take."""
    _moved: threading.Condition = field(init=False, repr=False)
    """For threads that wait until something is written."""
    _gathers: threading.Condition = field(init=False, repr=False)
    """Of the same lock: for the thread that is to write next, until others have come."""
    _writing: bool = field(default=False, init=False, repr=False)
    """Whether a thread writes: SQLite makes those who try at once wait for each other in longer and longer steps."""
    _steps: list[_Step] = field(default_factory=list, init=False, repr=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False, repr=False)
    streak: _Streak = field(default_factory=_Streak, init=False, repr=False)
    pace: _Pace = field(default_factory=lambda: _Pace(0), init=False, repr=False)
    _report: Report = field(default_factory=Report, init=False, repr=False)
    _named: int = field(default=0, init=False, repr=False)
    _held: set[int] = field(default_factory=set, init=False, repr=False)
    """The letters that are held because they are too old to be sent again, or a log does not decide, and were told of."""
    _untaken: list[_Done] = field(default_factory=list, init=False, repr=False)
    """The first and the last letter that was not taken, but for what was said of one mailbox."""
    _mailboxes: bool = field(default=False, init=False, repr=False)
    """Whether something was said of one mailbox: the server works, then."""
    _unopened: str = field(default="", init=False, repr=False)
    """Why a worker could not get a connection."""
    _against: dict[int, tuple[Claimed, float]] = field(default_factory=dict, init=False, repr=False)
    """What letters that were refused count against subscribers, by their keys."""
    _failing: float | None = field(default=None, init=False, repr=False)
    """Since when the database has taken no record."""

    def __post_init__(self) -> None:
        """Let both conditions have one lock."""
        lock = threading.Lock()
        self._moved, self._gathers = threading.Condition(lock), threading.Condition(lock)

    def run(self) -> Report:
        """Hand over all that is due, until it is done, `ends` is set, or the server takes nothing; return what became of it.

        Raises:
            StoreError: the database cannot be used.

        """
        begun = monotonic()
        self._report, self.streak, self.pace = Report(), _Streak(), _Pace(self.rate)
        self._stop.clear()
        self._named, self._untaken, self._mailboxes, self._unopened, self._failing = 0, [], False, "", None
        try:
            waits = self.resolve()
            for _ in range(_MOST_WAITS):
                if self.over():
                    break
                self._round()
                if self.over() or not waits or self.ends.wait(waits):
                    break
                waits = self.resolve()
        finally:
            for done in self.streak.rest():
                self.write([done])
            self._count_against()
        with self.database.read() as connection:
            uncertain = outbox.counts(connection, Handling.UNCERTAIN, category=self.category, hooks=False)
            self._report.uncertain = uncertain[Handling.UNCERTAIN]
            due = outbox.next_due(connection, category=self.category, hooks=False) if self._unopened else None
        if due is not None and due <= self.now():  # a server that lets fewer in than there are workers is no trouble
            self.trouble(self._unopened, all_of_them=False)
        self._report.seconds = monotonic() - begun
        self._judge_all()
        return self._report

    def _judge_all(self) -> None:
        """Note as trouble that nothing was taken, unless mailboxes were to blame or it was never answered.

        A single letter that is tried again says nothing about the server: others may have been taken before it.
        """
        counts, untaken = self._report.counts, self._untaken
        several = len({one.row.key for one in untaken}) > 1 or any(not one.row.tries for one in untaken)
        if several and not (self._mailboxes or counts[Handling.SENT] or counts[Handling.UNCERTAIN]):
            self.trouble(f"no letter was taken: {untaken[-1].answer}", all_of_them=False)

    def whom(self, row: Claimed) -> str:
        """Return the address and the Message-ID of a row's letter, for whoever looks after them."""
        return f"{row.subscriber.address if row.subscriber else row.recipient} {self.identify(row)}"

    def over(self) -> bool:
        """Say whether nothing more is to be begun."""
        return self.ends.is_set() or self._stop.is_set()

    def _round(self) -> None:
        """Let workers hand over what is due, and look now and then at what is uncertain."""
        errors: list[BaseException] = []

        def work() -> None:
            try:
                _Worker(self).run()
            except BaseException as exc:  # noqa: BLE001 - the thread that waits raises it
                errors.append(exc)
                self._stop.set()

        threads = [threading.Thread(target=work, name=f"sender-{number}", daemon=True) for number in range(self.workers)]
        for thread in threads:
            thread.start()
        looked = monotonic()
        while alive := [thread for thread in threads if thread.is_alive()]:
            alive[0].join(_GLANCE)
            if monotonic() - looked >= BETWEEN:
                looked = monotonic()
                with suppress(StoreError):
                    self.resolve()
        if errors:
            raise errors[0]

    # -- what is uncertain ---------------------------------------------------------------------------------------------

    def resolve(self) -> float:
        """Free what dead senders held, and decide what becomes of letters that may have arrived.

        Return in how many seconds some can be decided of which it is too early now; 0 if there are none.

        Raises:
            StoreError: the database cannot be used.

        """
        now = self.now()
        for row in self.insist(lambda connection: outbox.recover(connection, now, category=self.category)):
            self._doubted(row, row.doubts, row.answer)
        with self.database.read() as connection:
            rows = [row for row in outbox.uncertain(connection, _MOST_UNCERTAIN, category=self.category) if row.subscriber]
        if not rows:
            return 0.0
        if self.log is not None:
            return self._ask(self.log, rows, now)
        if self.policy == RESEND:
            fresh = [row for row in rows if row.doubts <= MOST_RESENT and now - (row.first or now) <= GIVES_UP]
            self._decide(
                [(row, Handling.NEW, row.answer, now if row.tries <= 1 else now + wait_after(row.tries - 2)) for row in fresh], now
            )
            for row in rows:
                if row.doubts <= MOST_RESENT and row not in fresh and row.key not in self._held:
                    self._held.add(row.key)
                    self.warn(f"{self.whom(row)} may have arrived {GIVES_UP.days} days ago or earlier; {self._held_text(row)}")
        return 0.0

    def _doubted(self, row: Claimed, doubts: int, answer: str) -> None:
        """Tell of a letter that may have arrived, and of what comes next; it came to be uncertain *doubts* times."""
        if self.log is not None:
            then = "the relay's log is asked"
        elif self.policy == RESEND and doubts <= MOST_RESENT:
            then = "it is sent again"
        else:
            then = self._held_text(row)
        self.warn(f"{self.whom(row)} may have arrived: {answer}; {then}")

    def _held_text(self, row: Claimed) -> str:
        return f"it is held until you decide: cvdigest send --resolve '{self.identify(row)}' sent, or again"

    def _ask(self, log: RelayLog, rows: Sequence[Claimed], now: datetime) -> float:
        """Decide by the relay's log; return in how many seconds it can be asked of the others."""
        ages = {row.key: (now - (row.since or now)).total_seconds() for row in rows}
        early = [age for age in ages.values() if 0 <= age < _RELAY_WAIT]  # below 0 the clock was set back, and age means nothing
        ripe = {self.identify(row): row for row in rows if not 0 <= ages[row.key] < _RELAY_WAIT}
        senders = {name: self.envelope(row) for name, row in ripe.items()} if self.envelope else {}
        try:
            said = log.ask({name: row.first or now for name, row in ripe.items()}, now, senders)
        except MailError as exc:
            self.warn(f"what is uncertain stays so: {exc}")
            return 0.0
        # Who wants letters to be held decides by himself also where the log shows none.
        absent = sorted(said.not_taken) if self.policy == RESEND else []
        self._decide(
            [
                *((ripe[name], Handling.SENT, "the relay's log has it", None) for name in sorted(said.taken)),
                *((ripe[name], Handling.NEW, "the relay's log does not have it", now) for name in absent),
            ],
            now,
        )
        for name in sorted(ripe.keys() - said.taken - set(absent)):
            if (row := ripe[name]).key not in self._held and (name in said.not_taken or name not in said.open):
                self._held.add(row.key)
                self.warn(f"{self.whom(row)} is not in the relay's log, or that begins too late; {self._held_text(row)}")
        return max((_RELAY_WAIT - age for age in early), default=0.0)

    def _decide(self, decided: Sequence[tuple[Claimed, Handling, str, datetime | None]], now: datetime) -> None:
        with self.writing() as connection:
            for row, handling, answer, due in decided:
                if outbox.record(connection, row, handling, answer, now, due):
                    self._report.resolved[handling] += 1
        for row, handling, _answer, _due in decided:
            self.say(f"{self.whom(row)}: {'it had arrived' if handling is Handling.SENT else 'sent again'}")

    # -- for workers ---------------------------------------------------------------------------------------------------

    def unopened(self, text: str) -> None:
        """Note why a worker has no connection."""
        self._unopened = text

    def trouble(self, text: str, *, all_of_them: bool) -> None:
        """Note why a worker ends, and with *all_of_them* all others too."""
        self._report.trouble = self._report.trouble or text
        if all_of_them:
            self._stop.set()

    def rest(self, seconds: float) -> None:
        """Wait, unless it is over."""
        until = monotonic() + seconds
        while not self.over() and (left := until - monotonic()) > 0:
            self.ends.wait(min(left, _STEP))

    def insist(self, work: Callable[[Connection], _T]) -> _T:
        """Do some work in a transaction for a sender, again and again for a while if the database fails; it must bear to be done twice.

        Raises:
            StoreError: it fails for too long.

        """
        while True:
            try:
                with self.writing() as connection:
                    done = work(connection)
            except StoreError:
                if not self._waits_for_database():
                    raise
            else:
                self._failing = None
                return done

    def _waits_for_database(self) -> bool:
        """Wait for a moment after the database has failed; say whether to try again."""
        self._failing = self._failing or monotonic()
        bound = min(self.holds_on, _HOLDS_ON_AT_END) if self.ends.is_set() else self.holds_on
        left = self._failing + bound - monotonic()
        if left > 0:
            threading.Event().wait(min(_BETWEEN_TRIES, left))
        return left > 0

    def _patience(self) -> float | None:
        """Return for how long to wait for a database that another program holds; None for as long as usual."""
        return min(_PATIENCE, self.database.patience) if self._failing is not None or self.ends.is_set() else None

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yield a connection in a transaction for a sender.

        Raises:
            StoreError: the database cannot be written.

        """
        with self._moved:
            self._moved.wait_for(lambda: not self._writing)
            self._writing = True
        try:
            with self.database.write(turns=False, patience=self._patience()) as connection:
                yield connection
        finally:
            self._written()

    def _written(self) -> None:
        with self._moved:
            self._writing = False
            self._moved.notify_all()

    def write(self, done: Sequence[_Done], begin: tuple[int, str] | None = None) -> bool:
        """Record what became of some rows, and begin another one, in one transaction; return whether it may be begun.

        Who comes while another one writes waits, and then writes for all who wait: the disk is asked once. Nobody writes for less than
        half of the workers before others had a moment to come: what a transaction costs is shared.

        Raises:
            StoreError: the database cannot be written.

        """
        own, enough = _Step(done, begin), (self.workers + 1) // 2
        with self._moved:
            self._steps.append(own)
            if len(self._steps) >= enough:
                self._gathers.notify()
            self._moved.wait_for(lambda: own.written or not self._writing)
            if not own.written:
                self._writing = True
                self._gathers.wait_for(lambda: len(self._steps) >= enough, _GATHERS)
                steps, self._steps = self._steps, []
        if not own.written:
            try:
                self._write_all(steps)
            finally:
                self._written()
        if own.error is not None:
            raise own.error
        return own.begun

    def _count_against(self) -> None:
        """Count letters that were refused as some that came back: who refuses too many is written to no more."""
        against, self._against = self._against, {}
        for key, (row, points) in against.items():
            try:
                with self.database.write() as connection:
                    stopped = bounces.count(connection, key, points, self.now())
            except StoreError as exc:
                self.warn(f"that {self.whom(row)} was refused is not counted against the address: {exc}")
                continue
            if stopped and row.subscriber is not None:
                self.warn(f"{row.subscriber.address} is written to no more: letters to it were refused too often")

    def _write_all(self, steps: Sequence[_Step]) -> None:
        """Write what some workers want to have written, again and again if the database does not take it."""
        again = False
        while True:
            try:
                self._write_once(steps, again=again)
            except StoreError as exc:
                # Whether it was kept is not known: to write it once more does no harm.
                again = True
                if self._waits_for_database():
                    continue
                self._fail(steps, exc)
            except BaseException as exc:  # noqa: BLE001 - whoever waits raises it
                self._fail(steps, exc)
            else:
                self._failing = None
            return

    @staticmethod
    def _fail(steps: Sequence[_Step], error: BaseException) -> None:
        for step in steps:
            step.error, step.written = error, True

    def _write_once(self, steps: Sequence[_Step], *, again: bool) -> None:
        now = self.now()
        done = [one for step in steps for one in step.done]
        refused: list[_Done] = []
        taken = [(one.row, one.answer) for one in done if one.handling is Handling.SENT]
        with self.database.write(turns=False, patience=self._patience()) as connection:
            sent = outbox.record_sent(connection, taken, now)
            counted = Counter({Handling.SENT: len(taken) if again else sent})
            for one in done:
                if one.handling is not Handling.SENT and (_record(connection, one, now) or again):
                    counted[one.handling] += 1
                    refused += [one] if one.handling is Handling.REFUSED else []
            wanted = [step.begin for step in steps if step.begin]
            begun = outbox.begin_some(connection, wanted, now, again=again) if wanted else set[int]()
        counted[Handling.DROPPED] += len(wanted) - len(begun)
        for one in refused:
            counted[Handling.NEW] -= one.due is not None
            self._named += 1
            if self._named <= _MOST_NAMED:
                self.warn(f"{self.whom(one.row)} is not sent any more: {one.answer}")
            if one.row.subscriber is not None and one.row.mailing is not None and (points := _points(one.answer)):
                self._against[one.row.subscriber.key] = one.row, points
        for one in done:
            self._report.answers[one.handling] = one.answer
            if one.handling in (Handling.NEW, Handling.DEFERRED, Handling.REFUSED):
                of_mailbox = _ABOUT_MAILBOX.match(one.answer) is not None
                self._mailboxes = self._mailboxes or of_mailbox
                self._untaken = self._untaken if of_mailbox else [*self._untaken[:1], one]
        for handling, count in counted.items():
            self._report.counts[handling] += count
        for step in steps:
            step.begun, step.written = step.begin is not None and step.begin[0] in begun, True

    def judge(self, row: Claimed, outcome: Outcome, turn: int, place: object) -> list[_Done]:
        """Return what is to be recorded of an outcome over the connection *place*, and end the work if nobody's letters are taken."""
        if outcome.handling is Handling.SENT:
            return [_Done(row, Handling.SENT, outcome.answer), *self.streak.taken(turn, place)]
        if outcome.handling is Handling.UNCERTAIN:
            self._doubted(row, row.doubts + 1, outcome.answer)
            return [_Done(row, Handling.UNCERTAIN, outcome.answer)]
        now = self.now()
        due = now + wait_after(row.tries)
        late = due - (row.first or now) > GIVES_UP
        blame = _blame(outcome)
        final = blame in {_Blame.SERVER, _Blame.MAILBOX} and not (outcome.fatal or late)
        held = _Done(row, Handling.REFUSED, outcome.answer, due) if final else None
        if blame is not None and self.streak.untaken(blame, held, place):
            self._report.put_off = blame is _Blame.HOUR
            done = "put off" if blame is _Blame.HOUR else "refused"
            text = f"the mail server {done} {blame.most} letters in a row and took none: {outcome.answer}"
            self.trouble(text, all_of_them=True)
        if late:
            return [_Done(row, Handling.REFUSED, f"{_TRIED}{outcome.answer}")]
        return [_Done(row, Handling.NEW if outcome.fatal or final else Handling.DEFERRED, outcome.answer, due)]


def _blame(outcome: Outcome) -> _Blame | None:
    """Return what may be to blame for a letter that was not taken; None if that is its mailbox alone, which may take it another day."""
    if outcome.handling is Handling.REFUSED and not outcome.fatal and _SAID_OF_MAILBOX.match(outcome.answer):
        return _Blame.MAILBOX
    if outcome.fatal or outcome.handling is Handling.REFUSED:
        return _Blame.SERVER
    return None if _ABOUT_MAILBOX.match(outcome.answer) else _Blame.HOUR


def _record(connection: Connection, done: _Done, now: datetime) -> bool:
    """Record what became of a row; a refusal that was held only if the row lies as it was put back."""
    if done.handling is Handling.REFUSED and done.due is not None:
        return outbox.refuse(connection, done.row, done.answer, now)
    return outbox.record(connection, done.row, done.handling, done.answer, now, done.due)


def _points(answer: str) -> float:
    """Return how much a refusal counts against a mailbox: nothing if another one would have been refused as well."""
    if answer.startswith(_TRIED):
        return SOFT if _ABOUT_MAILBOX.match(answer) else 0.0
    if _NOT_OF_MAILBOX.match(answer):
        return 0.0
    return SOFT if _FULL.match(answer) else HARD


class _Worker:
    """Hands over one letter after the other."""

    def __init__(self, sending: Sending) -> None:
        self._all = sending
        self._name = outbox.worker()
        self._done: list[_Done] = []
        """What is not recorded yet."""
        self._place = object()
        """Stands for the connection."""
        self._refused = 0
        """How many letters in a row were refused over it."""

    def run(self) -> None:
        """Work until there is nothing due, or it is over."""
        try:
            with self._all.session() as session:
                while not self._over() and (rows := self._claim()):
                    for begin in range(0, len(rows), _BATCH):
                        self._batch(session, rows[begin : begin + _BATCH])
        except MailError as exc:
            self._all.unopened(str(exc))
        finally:
            try:
                self._record()
                with suppress(StoreError), self._all.writing() as connection:
                    outbox.give_back(connection, self._name)
            finally:
                outbox.ended(self._name)

    def _claim(self) -> list[Claimed]:
        rate = self._all.rate
        most = min(_CLAIM, max(int(rate * _CLAIM_SECONDS / self._all.workers), 1)) if rate else _CLAIM
        category = self._all.category
        return self._all.insist(lambda connection: outbox.claim(connection, self._name, self._all.now(), most, category=category))

    def _batch(self, session: Session, rows: Sequence[Claimed]) -> None:
        """Compose some letters, so that nothing stands between the answer to one and its record, and hand them over."""
        if self._over():
            return
        composed = [(row, self._compose(row)) for row in rows]
        renewed = monotonic()
        for row, letter in composed:
            if monotonic() - renewed > _RENEW:
                renewed = monotonic()
                self._all.insist(lambda connection: outbox.renew(connection, self._name, self._all.now()))
            if self._refused >= _MOST_ON_ONE:
                session.close()
            if not (isinstance(letter, Outcome) or session.is_open):
                self._record()
                session.open()
                self._place, self._refused = object(), 0
            if seconds := self._all.pace.seconds():
                self._record()
                self._all.rest(seconds)
            if self._over():
                break
            if not self._begin(row):
                continue
            self._done += self._hand_over(session, row, letter)
        self._record()

    def _hand_over(self, session: Session, row: Claimed, letter: Ready | Outcome) -> list[_Done]:
        """Hand one letter over, if there is one; return what is to be recorded."""
        if isinstance(letter, Outcome):
            due = self._all.now() + wait_after(row.tries) if letter.handling is Handling.DEFERRED else None
            return [_Done(row, letter.handling, letter.answer, due)]
        turn = self._all.streak.begins()
        outcome = session.hand_over(letter.sender, letter.to, letter.content)
        self._refused = self._refused + 1 if _blame(outcome) is _Blame.SERVER and outcome.handling is Handling.REFUSED else 0
        return self._all.judge(row, outcome, turn, self._place)

    def _compose(self, row: Claimed) -> Ready | Outcome:
        """Return a letter, or what becomes of the row without one."""
        try:
            letter = self._all.compose(row, self._all.now())
        except (DigestError, LookupError, ValueError) as exc:
            if isinstance(exc, StoreError) and not isinstance(exc, DamagedError):
                raise
            return Outcome(Handling.DEFERRED, f"the letter cannot be made: {exc}")
        return letter or Outcome(Handling.DROPPED, "there is nothing in it")

    def _begin(self, row: Claimed) -> bool:
        begun = self._all.write(self._done, (row.key, self._name))
        self._done = []
        return begun

    def _record(self) -> None:
        if self._done:
            self._all.write(self._done)
            self._done = []

    def _over(self) -> bool:
        return self._all.over()
