"""What is told to whom, and what became of it: letters and web-hooks, each exactly once as far as anybody can know.

    queued with the edition | claimed by a worker | begun | handed over | recorded

    new, deferred -> inflight -> sent | refused | deferred | uncertain | dropped | new    uncertain -> new | sent | refused | dropped

Rows are queued in the transaction that keeps an edition, and can be claimed once it is published. A worker *claims* some of them,
which only keeps others away, *begins* each by itself, which is on the disk before a byte of it leaves, and *records* what the server
said. A worker that dies leaves what it claimed, which is free again, and what it had begun, of which nobody knows what became.

Each function works within the transaction of its connection. Those of senders need no turn: see `Database.write`.
"""

import hashlib
import os
import secrets
import threading
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from digest.core import weeks
from digest.core.announcements import Calendar
from digest.core.subscription import Frequency, Handling, Mailing, Standing, Subscriber
from digest.files import host
from digest.ledger import storable
from digest.store import runs
from digest.store.editions import PREPARED, PUBLISHED
from digest.store.schema import deliveries, editions, mailings, subscribers
from digest.store.subscribers import by_keys

LEASE = timedelta(minutes=40)
"""A worker of another machine that was not heard of for so long is dead.

It says nothing while it hands over a letter, which takes up to 14 minutes (`digest.handover.Session`), and it renews what it claimed
after that; the clocks of two machines may differ by some minutes too. To be too late here costs time; to be too early, a letter twice.
"""
ASK_AGAIN = timedelta(days=1)
"""An address is asked to confirm once in so long."""
KEPT = timedelta(days=400)
"""What became of a letter is kept for so long: a year and some, though nothing but people asks for more than some weeks."""
_FARTHEST = weeks.LATEST + weeks.REACH + weeks.LATEST
"""A weekly letter tells no date that is longer before its own: one is made late, then told late, by a letter that is made late."""
_AHEAD = timedelta(days=30)
"""By so much a letter that asks to confirm is due earlier than it is made."""
_LONGEST = 500
_AT_ONCE = 500
_CLAIMABLE = (Handling.NEW.value, Handling.DEFERRED.value)
_TAKEN = deliveries.c.worker != sa.literal_column("''")  # in these words, so that the index is used
_NOT_CONFIRMED = tuple(one.value for one in Standing if one is not Standing.CONFIRMED)
_TOLD = tuple(one.value for one in (Handling.NEW, Handling.INFLIGHT, Handling.SENT, Handling.DEFERRED, Handling.UNCERTAIN))
_FINAL = (Handling.SENT.value, Handling.REFUSED.value, Handling.DROPPED.value)
_FROM = {
    Handling.NEW: (Handling.INFLIGHT, Handling.UNCERTAIN),  # refused as all others were, which says nothing about it
    Handling.DEFERRED: (Handling.INFLIGHT,),
    Handling.UNCERTAIN: (Handling.INFLIGHT,),
    Handling.REFUSED: (Handling.NEW, Handling.INFLIGHT, Handling.UNCERTAIN),
    Handling.DROPPED: (Handling.INFLIGHT, Handling.UNCERTAIN),
    Handling.SENT: tuple(one for one in Handling if one is not Handling.SENT),  # the server's word counts, whatever was thought meanwhile
}
"""Out of which handling one can come into another."""
_RESTORED = "mailings before"
_NO_CONTAINER = "4026531836"
"""What Linux calls the processes of the machine itself (PROC_PID_INIT_INO)."""
_working: set[str] = set()
"""The workers of this process that have not ended."""
_registering = threading.Lock()


@dataclass(frozen=True, slots=True)
class Claimed:
    """Something that is to be told, or of which it is unknown whether it was."""

    key: int
    recipient: str
    """``subscriber/12``, ``hook/lab``, or ``confirm/12/2026-11-20`` for a letter that asks to confirm; ``confirm/12/2026-11-20.2`` for
    the second one of a day."""
    mailing: Mailing | None
    """None for a letter that asks to confirm."""
    subscriber: Subscriber | None
    """None for a web-hook."""
    handling: Handling
    tries: int
    """How often it was begun before."""
    first: datetime | None
    """When it was begun first."""
    since: datetime | None
    """When it was claimed, or came to be handled so."""
    answer: str = ""
    """What the server said last."""
    worker: str = ""
    """Who has claimed it, or has it in flight; empty for nobody."""
    doubts: int = 0
    """How often it came to be uncertain."""

    @property
    def date(self) -> date:
        """The date that it tells; of a letter that asks to confirm, when it was asked for."""
        return self.mailing.date if self.mailing else date.fromisoformat(self.asked.partition(".")[0])

    @property
    def asked(self) -> str:
        """What tells letters to one person apart that ask to confirm, the same at each try: ``2026-11-20``, ``2026-11-20.2``."""
        return self.recipient.rpartition("/")[2]


# -- queueing ----------------------------------------------------------------------------------------------------------------


def queue(  # noqa: PLR0913 - what, when, to whom
    connection: sa.Connection,
    category: str,
    day: date,
    now: datetime,
    *,
    calendar: Calendar,
    letters: bool = True,
    hooks: Collection[str] = (),
) -> int:
    """Queue what is told of the first edition of *day*, once; return how many are told it.

    With *letters*, that is all who confirmed: who wants a letter a day, and with the last date of a week who wants one a week. A
    week whose last date never came is told with the first date after it, and a date that was made after the letter of its week by the
    next one. *hooks* are the names of web-hooks. Nobody is told what is no news any more.
    """
    if not (letters or hooks) or not weeks.is_news(day, now):
        return 0
    count = 0
    if letters:
        _pass_over(connection, category, calendar, now)
        missing = weeks.last_date(calendar, weeks.monday(day) - timedelta(days=7))
        if missing is not None and _is_missing(connection, category, missing, now):
            count += _week(connection, category, missing, now)
    mailing = _mailing(connection, category, day, Frequency.DAILY, day, now)
    if mailing is not None:
        count += _letters(connection, mailing, Frequency.DAILY, day, now) if letters else 0
        rows = [{"mailing": mailing, "recipient": f"hook/{name}", "handling": Handling.NEW.value, "due": now} for name in hooks]
        if rows:
            connection.execute(sa.insert(deliveries), rows)
        count += len(rows)
    if letters and weeks.ends_week(calendar, day):
        count += _week(connection, category, day, now)
    return count


def catch_up(connection: sa.Connection, before: Subscriber, now: datetime) -> None:
    """Queue, for somebody who had chosen a letter a week *before*, and chose one a day now, what the next weekly letter would have told.

    Nothing, for somebody of whom that is not so.
    """
    after = by_keys(connection, [before.key]).get(before.key)
    if after is None or before.standing is not Standing.CONFIRMED or after.standing is not Standing.CONFIRMED:
        return
    if (before.choice.frequency, after.choice.frequency) != (Frequency.WEEKLY, Frequency.DAILY):
        return
    lately = sa.select(mailings.c.category).where(mailings.c.date >= now.date() - _FARTHEST).distinct()
    for category in connection.execute(lately).scalars().all():
        there = _queued(connection, category, now.date() - _FARTHEST)
        of = {one.key: one for one in weeks.untold(there, date.max, now) if before.confirmed is None or one.queued >= before.confirmed}
        mine = deliveries.c.mailing.in_(of), deliveries.c.recipient == f"subscriber/{before.key}"
        has = set(connection.execute(sa.select(deliveries.c.mailing).where(*mine)).scalars())
        rows = [
            {
                "mailing": key,
                "recipient": f"subscriber/{before.key}",
                "subscriber": before.key,
                "handling": Handling.NEW.value,
                "due": weeks.due(one.date, after.choice.zone, after.choice.hour, now),
            }
            for key, one in of.items()
            if key not in has
        ]
        if rows:
            connection.execute(sa.insert(deliveries), rows)


def _queued(connection: sa.Connection, category: str, first: date) -> list[weeks.Queued]:
    """Return what was queued of the dates from *first* on, in that order."""
    columns = mailings.c.id, mailings.c.date, mailings.c.frequency, mailings.c.queued
    chosen = sa.select(*columns).where(mailings.c.category == category, mailings.c.date >= first).order_by(mailings.c.id)
    rows = connection.execute(chosen)
    return [weeks.Queued(key, day, frequency == Frequency.WEEKLY.value, queued) for key, day, frequency, queued in rows]


def _pass_over(connection: sa.Connection, category: str, calendar: Calendar, now: datetime) -> None:
    """Take the weeks for told whose letters may have been queued in what was lost when a backup was brought back."""
    fact = runs.fact(connection, _RESTORED)
    if fact is None:
        return
    before = date.fromisoformat(fact)
    left = weeks.untold(_queued(connection, category, now.date() - _FARTHEST), before, now)
    lasts = [weeks.last_date(calendar, one.date) or one.date for one in left if one.queued.date() <= before]
    if lost := [last for last in lasts if last < before]:
        _mailing(connection, category, max(lost), Frequency.WEEKLY, weeks.monday(max(lost)), now)


def _is_missing(connection: sa.Connection, category: str, last: date, now: datetime) -> bool:
    """Say whether a week that ended with *last* was told by the day, and not as a whole."""
    start, until = weeks.monday(last), weeks.monday(last) + timedelta(days=6)
    within = mailings.c.category == category, mailings.c.date.between(start, until)
    found = set(connection.execute(sa.select(mailings.c.frequency).where(*within)).scalars())
    return found == {Frequency.DAILY.value} and weeks.is_news(last, now)


def _week(connection: sa.Connection, category: str, last: date, now: datetime) -> int:
    told_of = weeks.untold(_queued(connection, category, last - _FARTHEST), last, now)
    mailing = _mailing(connection, category, last, Frequency.WEEKLY, min(told_of[0].date, weeks.monday(last)), now) if told_of else None
    return 0 if mailing is None else _letters(connection, mailing, Frequency.WEEKLY, last, now)


def _mailing(  # noqa: PLR0913, PLR0917 - a mailing is made of this much
    connection: sa.Connection, category: str, day: date, frequency: Frequency, first: date, now: datetime
) -> int | None:
    """Return the key of a new mailing; None if there is one already."""
    same = mailings.c.category == category, mailings.c.date == day, mailings.c.frequency == frequency.value
    if connection.execute(sa.select(mailings.c.id).where(*same)).first() is not None:
        return None
    values = {"category": category, "date": day, "frequency": frequency.value, "first": first, "queued": now}
    return int(connection.execute(sa.insert(mailings).values(values).returning(mailings.c.id)).scalar_one())


def _letters(connection: sa.Connection, mailing: int, frequency: Frequency, day: date, now: datetime) -> int:
    """Queue a mailing for all who want it: one statement for all who want it at the same hour of the same zone."""
    wanting = subscribers.c.standing == Standing.CONFIRMED.value, subscribers.c.frequency == frequency.value
    hours = sa.select(subscribers.c.zone, subscribers.c.hour).where(*wanting).distinct()
    moment = sa.bindparam("moment", type_=deliveries.c.due.type)
    rows = sa.select(
        sa.literal(mailing),
        sa.literal("subscriber/") + sa.cast(subscribers.c.id, sa.Text),
        subscribers.c.id,
        sa.literal(Handling.NEW.value),
        moment,
    ).where(*wanting, subscribers.c.zone == sa.bindparam("at_zone"), subscribers.c.hour == sa.bindparam("at_hour"))
    names = ("mailing", "recipient", "subscriber", "handling", "due")
    queued = sa.insert(deliveries).from_select(names, rows.order_by(subscribers.c.id))
    count = 0
    for zone, hour in sorted(tuple(row) for row in connection.execute(hours)):
        given = {"moment": weeks.due(day, zone, hour, now), "at_zone": zone, "at_hour": hour}
        count += connection.execute(queued, given, execution_options={"preserve_rowcount": True}).rowcount
    return count


def ask(connection: sa.Connection, subscriber: int, now: datetime, *, ended: bool = False, always: bool = False) -> bool:
    """Queue a letter that asks somebody to confirm, unless one was queued within a day; say whether it was.

    With *ended*, one before they unsubscribed does not count; with *always*, none does.
    """
    may = [subscribers.c.asked.is_(None), subscribers.c.asked <= now - ASK_AGAIN]
    may += [sa.and_(subscribers.c.standing == Standing.ENDED.value, subscribers.c.ended > subscribers.c.asked)] if ended else []
    may += [sa.true()] if always else []
    asked = sa.update(subscribers).where(subscribers.c.id == subscriber, sa.or_(*may)).values(asked=now)
    if not connection.execute(asked).rowcount:
        return False
    # One that could not be delivered for a day is not worth more than the new one.
    mine = deliveries.c.subscriber == subscriber, deliveries.c.mailing.is_(None)
    older = (*mine, deliveries.c.handling.in_((*_CLAIMABLE, Handling.UNCERTAIN.value)))
    values = {"handling": Handling.DROPPED.value, "worker": "", "since": now, "answer": "asked anew"}
    connection.execute(sa.update(deliveries).where(*older).values(values))
    row = _asking(subscriber, now)
    same = deliveries.c.recipient.startswith(row["recipient"], autoescape=True)
    before = connection.execute(sa.select(sa.func.count()).select_from(deliveries).where(*mine, same)).scalar()
    if before:
        row["recipient"] = f"{row['recipient']}.{before + 1}"
    connection.execute(sa.insert(deliveries), [row])
    return True


def ask_many(connection: sa.Connection, keys: Sequence[int], now: datetime) -> None:
    """Queue letters that ask many new people to confirm, who were not asked before."""
    if keys:
        connection.execute(sa.update(subscribers).where(subscribers.c.id.in_(keys)).values(asked=now))
        connection.execute(sa.insert(deliveries), [_asking(key, now) for key in keys])


def _asking(subscriber: int, now: datetime) -> dict[str, Any]:
    """Return the row of a letter that asks to confirm: somebody waits for it at a form, so that it is due before all others."""
    recipient = f"confirm/{subscriber}/{now.date()}"
    return {"recipient": recipient, "subscriber": subscriber, "handling": Handling.NEW.value, "due": now - _AHEAD}


def restored(connection: sa.Connection, now: datetime) -> int:
    """Drop all that is open in a backup that is brought back, for it may have been sent since; return how many that are.

    Nor is anything queued later that may have been queued then.
    """
    left = deliveries.c.handling.in_((*_CLAIMABLE, Handling.INFLIGHT.value, Handling.UNCERTAIN.value))
    values = {"handling": Handling.DROPPED.value, "worker": "", "since": now, "answer": "restored from a backup: perhaps sent since"}
    if connection.execute(sa.select(mailings.c.id).limit(1)).first() is not None:
        runs.note_fact(connection, _RESTORED, now.date().isoformat())
    return connection.execute(sa.update(deliveries).where(left).values(values)).rowcount


# -- handing over ------------------------------------------------------------------------------------------------------------


def claim(  # noqa: PLR0913 - who, when, what
    connection: sa.Connection, worker: str, now: datetime, most: int, *, hooks: bool = False, category: str | None = None
) -> list[Claimed]:
    """Take at most *most* of what is due, those that are due the longest first, so that no other worker takes it; return it.

    Half of it, where there is so much, is what was put off before: a server that puts everybody off once would otherwise be asked for
    all others before it is asked again for any.
    Only what is published is told, and only to who is confirmed at this moment. With *hooks*, it is what web-hooks are told, else letters:
    where the mail server takes nothing, web-hooks need not wait. Of several categories in one database it is those of *category*, and
    the letters that ask to confirm.
    """
    given = {"now": now, "most": most, "of": category}
    if connection.dialect.name == "postgresql" and not hooks:
        connection.execute(_planned("off"))
    found = [
        (*row, one == Handling.DEFERRED.value)
        for one in _CLAIMABLE
        for row in connection.execute(_due(one, hooks=hooks, every=category is None), given)
    ]
    if connection.dialect.name == "postgresql" and not hooks:
        connection.execute(_planned("on"))
    ahead = [one for one in found if one[2]][: most // 2]
    taken = [key for _, key, _ in sorted(ahead + sorted(set(found) - set(ahead))[: most - len(ahead)])]
    for start in range(0, len(taken), _AT_ONCE):
        some = deliveries.c.id.in_(taken[start : start + _AT_ONCE])
        connection.execute(sa.update(deliveries).where(some).values(worker=worker, since=now))
    return _claimed(connection, taken)


def begin(connection: sa.Connection, key: int, worker: str, now: datetime) -> bool:
    """Note that what a worker claimed is handed over now; False if it must not be, because it is not wanted or not his any more."""
    return bool(begin_some(connection, [(key, worker)], now))


def begin_some(connection: sa.Connection, claimed: Sequence[tuple[int, str]], now: datetime, *, again: bool = False) -> set[int]:
    """Note that some rows, each with the worker who claimed it, are handed over now; return those that may be.

    With *again*, that is done anew because nobody knows whether it was kept: what these workers have in flight was begun then.
    """
    begun, dropped = _beginning()
    found = set[int]()
    if again:
        same = sa.tuple_(deliveries.c.id, deliveries.c.worker).in_(claimed), _is(Handling.INFLIGHT.value)
        keys = deliveries.c.id.in_([key for key, _ in claimed])  # for the index
        found = set(connection.execute(sa.select(deliveries.c.id).where(keys, *same)).scalars())
    if left := [one for one in claimed if one[0] not in found]:
        found |= set(connection.execute(begun, {"rows": [key for key, _ in left], "claimed": left, "now": now}).scalars())
    if again:  # what was written first may be kept only now that somebody waited for it
        found |= set(connection.execute(sa.select(deliveries.c.id).where(keys, *same)).scalars())
    if left := [one for one in claimed if one[0] not in found]:
        connection.execute(dropped, {"rows": [key for key, _ in left], "claimed": left, "now": now})
    return found


def record(  # noqa: PLR0913, PLR0917 - what was said of what, and when it is to be tried again
    connection: sa.Connection, row: Claimed, handling: Handling, answer: str, now: datetime, due: datetime | None = None
) -> bool:
    """Keep what became of what its worker began, or of what was uncertain; say whether that counts.

    *due* is when it may be tried again, if it is deferred, or new again. It does not count if somebody else has decided meanwhile, or
    has begun it since; but that the server has taken it counts in any case. What is to be tried again is dropped if nobody wants it
    any more.
    """
    kept, dropped = _recording(handling)
    given = _said(row, answer, now)
    if handling in _CLAIMABLE:
        given["then"] = due or now
        if not connection.execute(kept, given).rowcount:
            return bool(connection.execute(dropped, given).rowcount)
        return True
    return bool(connection.execute(kept, given).rowcount)


def refuse(connection: sa.Connection, row: Claimed, answer: str, now: datetime) -> bool:
    """Refuse for good what was put back as new after its worker tried it, unless it was begun or decided since; say whether it counts."""
    given = {**_said(row, answer, now), "tried": row.tries + 1}
    return bool(connection.execute(_refusing(), given).rowcount)


def record_sent(connection: sa.Connection, taken: Sequence[tuple[Claimed, str]], now: datetime) -> int:
    """Keep that the server has taken some letters, each with what it said; return how many count, as `record` has it."""
    if not taken:
        return 0
    kept, _ = _recording(Handling.SENT)
    return connection.execute(kept, [_said(row, answer, now) for row, answer in taken]).rowcount


def _said(row: Claimed, answer: str, now: datetime) -> dict[str, object]:
    return {"row": row.key, "by": row.worker, "now": now, "said": storable(answer)[:_LONGEST]}


def renew(connection: sa.Connection, worker: str, now: datetime) -> None:
    """Say that a worker lives, who has claimed more than can be told within `LEASE`."""
    mine = deliveries.c.worker == worker, _TAKEN, deliveries.c.handling.in_(_CLAIMABLE)
    connection.execute(sa.update(deliveries).where(*mine).values(since=now))


def give_back(connection: sa.Connection, worker: str) -> None:
    """Let others have what a worker claimed and has not begun."""
    mine = deliveries.c.worker == worker, _TAKEN, deliveries.c.handling.in_(_CLAIMABLE)
    connection.execute(sa.update(deliveries).where(*mine).values(worker="", since=None))


def recover(connection: sa.Connection, now: datetime, *, hooks: bool = False, category: str | None = None) -> list[Claimed]:
    """Free what dead workers claimed; return the letters that they had begun, or what *hooks* were told, which is uncertain now.

    Each is returned once, so that it is left to who tells people of it. What nobody wants any more, because it was queued while they
    unsubscribed, is dropped.
    """
    own = _kind(hooks=hooks), _of(category)
    held = sa.select(deliveries.c.worker, sa.func.max(deliveries.c.since)).where(_TAKEN).group_by(deliveries.c.worker)
    found: list[int] = []
    for worker, since in connection.execute(held).all():
        if lives(worker, since, now):
            continue
        give_back(connection, worker)
        begun = deliveries.c.worker == worker, _TAKEN, deliveries.c.handling == Handling.INFLIGHT.value
        values: dict[str, Any] = {"handling": Handling.UNCERTAIN.value, "worker": "", "since": now, "doubts": deliveries.c.doubts + 1}
        values["answer"] = "its sender ended while it was handed over"
        found += connection.execute(sa.update(deliveries).where(*begun, *own).values(values).returning(deliveries.c.id)).scalars()
    gone = sa.select(subscribers.c.id).where(subscribers.c.standing.in_(_NOT_CONFIRMED))
    left = deliveries.c.mailing.is_not(None), deliveries.c.handling.in_(_CLAIMABLE), deliveries.c.worker == ""
    connection.execute(sa.update(deliveries).where(*left, deliveries.c.subscriber.in_(gone)).values(_dropped(now)))
    return _claimed(connection, found)


def uncertain(connection: sa.Connection, most: int = 1000, *, category: str | None = None) -> list[Claimed]:
    """Return what the server may have or not, of one category or of all, those first of which that is unknown the longest."""
    chosen = sa.select(deliveries.c.id).where(deliveries.c.handling == Handling.UNCERTAIN.value, _of(category))
    return _claimed(connection, connection.execute(chosen.order_by(deliveries.c.since, deliveries.c.id).limit(most)).scalars().all())


# -- what there is -----------------------------------------------------------------------------------------------------------


def told(connection: sa.Connection, category: str, keys: Iterable[int], first: date, last: date) -> dict[int, frozenset[date]]:
    """Return of which dates from *first* to *last* some subscribers were sent a letter a day, or are to be; those without are left out."""
    found: dict[int, set[date]] = {}
    wanted = sorted(set(keys))
    for start in range(0, len(wanted), _AT_ONCE):
        chosen = (
            sa.select(deliveries.c.subscriber, mailings.c.date)
            .join(mailings, mailings.c.id == deliveries.c.mailing)
            .where(
                mailings.c.category == category,
                mailings.c.frequency == Frequency.DAILY.value,
                mailings.c.date.between(first, last),
                deliveries.c.handling.in_(_TOLD),
                deliveries.c.subscriber.in_(wanted[start : start + _AT_ONCE]),
            )
        )
        for key, day in connection.execute(chosen):
            found.setdefault(key, set()).add(day)
    return {key: frozenset(days) for key, days in found.items()}


def dates(connection: sa.Connection, mailing: Mailing, person: Subscriber) -> list[date]:
    """Return the dates that a weekly mailing tells somebody: those made since they confirmed that no other letter tells."""
    *there, letter = [one for one in _queued(connection, mailing.category, mailing.first) if one.key <= mailing.key]
    wanted = weeks.untold(there, mailing.date, letter.queued)
    days = [one.date for one in wanted if person.confirmed is None or one.queued >= person.confirmed]
    said = told(connection, mailing.category, [person.key], mailing.first, mailing.date).get(person.key, frozenset())
    return [day for day in days if day not in said]


def counts(connection: sa.Connection, *some: Handling, category: str | None = None, hooks: bool = True) -> dict[Handling, int]:
    """Return how many rows are handled in which way; in *some* ways, to be quick: those that are sent are all that ever were.

    Without *hooks*, what web-hooks are told does not count.
    """
    chosen = sa.select(deliveries.c.handling, sa.func.count()).where(_of(category)).group_by(deliveries.c.handling)
    chosen = chosen if hooks else chosen.where(deliveries.c.subscriber.is_not(None))
    rows = connection.execute(chosen.where(_is(*some)) if some else chosen)
    found = {Handling(handling): int(count) for handling, count in rows}
    return {handling: found.get(handling, 0) for handling in Handling}


def of_subscriber(connection: sa.Connection, key: int) -> list[Claimed]:
    """Return all that was queued for somebody, the oldest first."""
    chosen = sa.select(deliveries.c.id).where(deliveries.c.subscriber == key).order_by(deliveries.c.id)
    return _claimed(connection, connection.execute(chosen).scalars().all())


def next_due(connection: sa.Connection, *, category: str | None = None, hooks: bool = True) -> datetime | None:
    """Return when the next row is due that nobody has claimed, of one category or of all; None if there is none.

    Without *hooks*, what web-hooks are told does not count.
    """
    waiting = [deliveries.c.handling.in_(_CLAIMABLE), deliveries.c.worker == "", _of(category)]
    waiting += [] if hooks else [deliveries.c.subscriber.is_not(None)]
    return connection.execute(sa.select(deliveries.c.due).where(*waiting).order_by(deliveries.c.due).limit(1)).scalar()


def old(connection: sa.Connection, now: datetime, most: int) -> list[int]:
    """Return the keys of at most *most* rows of which nothing is to come any more, and which are older than `KEPT`.

    That is also as old as that before whatever was queued last: where the clock is wrong, nothing is old because of it.
    """
    newest: datetime | None = connection.execute(sa.select(sa.func.max(mailings.c.queued))).scalar()
    if newest is None:
        return []
    before = min(now, newest) - KEPT
    final = deliveries.c.handling.in_(_FINAL)
    told_long_ago = deliveries.c.mailing.in_(sa.select(mailings.c.id).where(mailings.c.queued < before))
    asked_long_ago = deliveries.c.mailing.is_(None), deliveries.c.since < before
    found: list[int] = []
    for chosen in ((told_long_ago,), asked_long_ago):
        found += connection.execute(sa.select(deliveries.c.id).where(final, *chosen).limit(most - len(found))).scalars()
    return found


def forget(connection: sa.Connection, keys: Sequence[int]) -> None:
    """Remove some rows."""
    for start in range(0, len(keys), _AT_ONCE):
        connection.execute(sa.delete(deliveries).where(deliveries.c.id.in_(keys[start : start + _AT_ONCE])))


# -- workers -----------------------------------------------------------------------------------------------------------------


@cache
def _place() -> str:
    """Return where numbers of processes mean something: this machine, and on Linux the container within it.

    Machines and containers may have the same name. A machine is told by what it was given when it was set up, which it keeps when it
    is started again; that of a container may come with its image, so that there it is the start of the machine that tells.
    """
    space, told = "", ""
    with suppress(OSError):
        space = Path("/proc/self/ns/pid").readlink().name.removeprefix("pid:").strip("[]")
    if space == _NO_CONTAINER:
        with suppress(OSError):
            told = Path("/etc/machine-id").read_text("ascii", "replace").strip()
    if not told:
        told = _boot()
    name = "".join(letter if letter.isalnum() or letter in ".-_" else "-" for letter in host()) or "-"
    return "/".join(filter(None, (name, hashlib.sha256(told.encode()).hexdigest()[:12] if told else "", space)))


def _boot() -> str:
    """Return what tells this start of the machine from others; empty where nothing does."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    return ""


def _start(process: int) -> str:
    """Return what tells a process from a later one with the same number; empty if it is gone, or nothing tells it."""
    with suppress(OSError, IndexError):
        # The name of the program comes before it, in brackets, and may hold brackets and blanks.
        facts = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()
        if facts[0] in {b"Z", b"X"}:  # it has ended, and its parent has not looked
            return "ended"
        return f"{_boot()[:8]}{facts[19].decode()}"
    return ""


def worker() -> str:
    """Return a name for a worker in this process, by which it can be told later whether it lives: host:pid:start-token.

    It lives until `ended` is called, or its process has ended.
    """
    name = f"{_place()}:{os.getpid()}:{_start(os.getpid())}:{secrets.token_hex(4)}"
    with _registering:
        _working.add(name)
    return name


def ended(name: str) -> None:
    """Say that a worker of this process has ended: what it still had in flight is uncertain with the next `recover`."""
    with _registering:
        _working.discard(name)


def lives(name: str, since: datetime | None, now: datetime) -> bool:
    """Say whether a worker may live still that was heard of *since*.

    One of this machine does if its process does, and one of this process if it has not ended.
    """
    place, _, rest = name.partition(":")
    number, _, start = rest.partition(":")
    if place != _place() or not number.isdecimal():
        return since is not None and now - since < LEASE
    start = start.partition(":")[0]
    if int(number) == os.getpid() and start == _start(os.getpid()):
        with _registering:
            return name in _working
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return start in ("", _start(int(number)))


# -- statements --------------------------------------------------------------------------------------------------------------


@cache
def _due(handling: str, *, hooks: bool, every: bool) -> sa.Select[Any]:
    """Select the letters, or what *hooks* are told, that are due of one handling, of one category or of *every* one.

    That is in the order of the index, and whether it can be told is asked of one row after the other: of two handlings at once, or
    with the tables joined, all of many thousands would be sorted to take a hundred.
    """
    return (
        sa.select(deliveries.c.due, deliveries.c.id)
        .where(
            deliveries.c.handling == handling,
            deliveries.c.due <= sa.bindparam("now", type_=deliveries.c.due.type),
            deliveries.c.worker == "",
            _kind(hooks=hooks),
            sa.or_(deliveries.c.mailing.is_(None), _published(every=every)),
            _still_wanted(),
        )
        .order_by(deliveries.c.due, deliveries.c.id)
        .limit(sa.bindparam("most", type_=sa.Integer))
        .with_for_update(of=deliveries, skip_locked=True)  # which SQLite neither knows nor needs
    )


@cache
def _planned(sorting: str) -> sa.Select[Any]:
    """Tell PostgreSQL whether to sort, in this transaction.

    As long as its statistics are of the time before the letters of a day were queued, it takes them for a few, and sorts all of them.
    """
    return sa.select(*(sa.func.set_config(name, sorting, sa.true()) for name in ("enable_sort", "enable_bitmapscan", "enable_seqscan")))


def _kind(*, hooks: bool) -> sa.ColumnElement[bool]:
    """Return what holds for what web-hooks are told, or for letters."""
    return deliveries.c.subscriber.is_(None) if hooks else deliveries.c.subscriber.is_not(None)


def _of(category: str | None) -> sa.ColumnElement[bool]:
    """Return what holds for a delivery of a category, or of any; one that asks to confirm is of each."""
    if category is None:
        return sa.true()
    return sa.or_(deliveries.c.mailing.is_(None), sa.exists().where(mailings.c.id == deliveries.c.mailing, mailings.c.category == category))


def _published(*, every: bool) -> sa.ColumnElement[bool]:
    """Return what holds for a delivery of one category, or of *every* one, of which something is published, and no date just written."""
    own = mailings.c.id == deliveries.c.mailing, sa.true() if every else mailings.c.category == sa.bindparam("of", type_=sa.Text)
    ours = editions.c.category == mailings.c.category, editions.c.date.between(mailings.c.first, mailings.c.date)
    before = editions.alias()
    same = before.c.category == editions.c.category, before.c.date == editions.c.date
    ready = sa.exists().where(*ours, editions.c.state == PUBLISHED)
    first = ~sa.exists().where(*same, before.c.state == PUBLISHED)
    return sa.exists().where(*own, ready, ~sa.exists().where(*ours, editions.c.state == PREPARED, first))


def _wanted() -> sa.ColumnElement[bool]:
    """Return what holds for a delivery that is wanted: to a web-hook, to somebody who is confirmed, or asking for it since any end."""
    asking = deliveries.c.mailing.is_(None), sa.or_(subscribers.c.ended.is_(None), subscribers.c.asked > subscribers.c.ended)
    told = deliveries.c.mailing.is_not(None), subscribers.c.standing == Standing.CONFIRMED.value
    return sa.or_(deliveries.c.subscriber.is_(None), sa.and_(*asking), sa.and_(*told))


def _is(*handlings: str) -> sa.ColumnElement[bool]:
    """Return what holds for a delivery that is handled in one of some ways; in these words, which need not be bound each time."""
    return deliveries.c.handling.in_([sa.literal_column(f"'{Handling(one).value}'") for one in handlings])


def _still_wanted() -> sa.ColumnElement[bool]:
    return sa.or_(deliveries.c.subscriber.is_(None), sa.exists().where(subscribers.c.id == deliveries.c.subscriber, _wanted()))


def _dropped(now: datetime | sa.BindParameter[datetime]) -> dict[str, object]:
    return {"handling": Handling.DROPPED.value, "worker": "", "since": now, "answer": "not wanted any more"}


# What is done for each letter is put together once: to do so takes longer than to run it.


@cache
def _beginning() -> tuple[sa.Update, sa.Update]:
    """Return what begins rows that are claimed, and what drops them if they are not wanted any more."""
    now = sa.bindparam("now", type_=deliveries.c.since.type)
    rows = deliveries.c.id.in_(sa.bindparam("rows", expanding=True))  # for the index
    claimed = sa.tuple_(deliveries.c.id, deliveries.c.worker).in_(sa.bindparam("claimed", expanding=True))
    own = sa.update(deliveries).where(rows, claimed, _is(*_CLAIMABLE))
    first = sa.func.coalesce(deliveries.c.first, now)
    values = {"handling": Handling.INFLIGHT.value, "since": now, "tries": deliveries.c.tries + 1, "first": first}
    return own.where(_still_wanted()).values(values).returning(deliveries.c.id), own.values(_dropped(now))


@cache
def _refusing() -> sa.Update:
    """Return what refuses rows that nobody has begun since."""
    same = deliveries.c.id == sa.bindparam("row"), _is(Handling.NEW.value), deliveries.c.tries == sa.bindparam("tried", type_=sa.Integer)
    now = sa.bindparam("now", type_=deliveries.c.since.type)
    values: dict[str, Any] = {"handling": Handling.REFUSED.value, "worker": "", "since": now, "answer": sa.bindparam("said")}
    return sa.update(deliveries).where(*same).values(values)


@cache
def _recording(handling: Handling) -> tuple[sa.Update, sa.Update]:
    """Return what records how a row is handled, and what drops it instead if it is not wanted any more."""
    now = sa.bindparam("now", type_=deliveries.c.since.type)
    before = _is(*_FROM.get(handling, ()))
    ours = sa.update(deliveries).where(deliveries.c.id == sa.bindparam("row"), before)
    if handling is not Handling.SENT:
        # A worker that was taken for dead says nothing about what another one has in flight by now.
        ours = ours.where(sa.or_(deliveries.c.handling != Handling.INFLIGHT.value, deliveries.c.worker == sa.bindparam("by")))
    values: dict[str, Any] = {"handling": handling.value, "worker": "", "since": now, "answer": sa.bindparam("said")}
    if handling is Handling.UNCERTAIN:
        values["doubts"] = deliveries.c.doubts + 1
    if handling in _CLAIMABLE:
        values["due"] = sa.bindparam("then", type_=deliveries.c.due.type)
        return ours.where(_still_wanted()).values(values), ours.values(_dropped(now))
    return ours.values(values), ours.values(_dropped(now))


def _claimed(connection: sa.Connection, keys: Iterable[int]) -> list[Claimed]:
    wanted = list(keys)
    found: list[sa.RowMapping] = []
    for start in range(0, len(wanted), _AT_ONCE):
        chosen = sa.select(deliveries).where(deliveries.c.id.in_(wanted[start : start + _AT_ONCE]))
        found += connection.execute(chosen).mappings()
    people = by_keys(connection, {row["subscriber"] for row in found if row["subscriber"] is not None})
    told_of = {row["mailing"] for row in found if row["mailing"] is not None}
    rows = connection.execute(sa.select(mailings).where(mailings.c.id.in_(told_of))).mappings()
    kept = {row["id"]: Mailing(row["id"], row["category"], Frequency(row["frequency"]), row["first"], row["date"]) for row in rows}
    order = {key: place for place, key in enumerate(wanted)}
    return [
        Claimed(
            row["id"], row["recipient"], kept.get(row["mailing"]), people.get(row["subscriber"]), Handling(row["handling"]), row["tries"],
            row["first"], row["since"], row["answer"], row["worker"], row["doubts"],
        )
        for row in sorted(found, key=lambda row: order[row["id"]])
    ]  # fmt: skip
