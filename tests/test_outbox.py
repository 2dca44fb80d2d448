"""The outbox: nobody is lost, nobody is told twice, and who unsubscribes is told no more."""

import multiprocessing
import signal
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa

from digest.addresses import mail_server
from digest.core import weeks
from digest.core.announcements import Calendar, announcement_instant
from digest.core.subscription import Choice, Frequency, Handling, Standing, Subscriber
from digest.failpoints import OF_LETTERS, VARIABLE
from digest.handover import Session
from digest.sending import message_id
from digest.store import editions, outbox, schema, subscribers
from digest.store.database import Connection, Database
from digest.store.outbox import Claimed
from tests import servers, stores
from tests.children import Nursery
from tests.stores import DAY, NOW
from tests.weeks import LAST, Program
from tests.wholeness import look

CALENDAR = Calendar()
LATER = NOW + timedelta(days=2)
HOUR, DAYS = timedelta(hours=1), timedelta(days=1)
MINE, OTHERS = "elsewhere:1:one", "elsewhere:2:two"
"""Workers of another machine: whether they live, only time tells."""


def people(connection: Connection, count: int, frequency: Frequency = Frequency.DAILY, first: int = 0) -> list[Subscriber]:
    """Keep some who confirmed."""
    return [
        subscribers.add(
            connection, f"p{n}@example.org", f"p{n}@example.org", Choice(frequency=frequency), Standing.CONFIRMED, "n", NOW - 30 * DAYS
        )
        for n in range(first, first + count)
    ]


def queue(
    connection: Connection, day: date = DAY, now: datetime | None = None, hooks: Sequence[str] = (), *, published: bool = True
) -> int:
    """Keep an edition of a date, and queue what is told of it; return how many are told."""
    now = now or announcement_instant(day) + HOUR
    stores.keep(connection, stores.announcement(day, 2, day.toordinal() % 1000), published=published, now=now)
    return outbox.queue(connection, "cs.CV", day, now, calendar=CALENDAR, hooks=hooks)


def states(connection: Connection) -> dict[str, int]:
    """Return how many rows there are of each handling that there is."""
    return {handling.value: count for handling, count in outbox.counts(connection).items() if count}


def one(connection: Connection) -> Claimed:
    """Return a delivery that was claimed and begun."""
    people(connection, 1)
    queue(connection)
    (claimed,) = outbox.claim(connection, MINE, LATER, 10)
    assert outbox.begin(connection, claimed.key, MINE, LATER)
    return claimed


# -- queueing --------------------------------------------------------------------------------------------------------------


def test_a_date_is_queued_once(connection: Connection) -> None:
    """All who confirmed and want a letter a day have a row, and each web-hook; a second time nobody has."""
    people(connection, 3)
    people(connection, 1, Frequency.WEEKLY, 3)
    for number, standing in enumerate((Standing.PENDING, Standing.STOPPED, Standing.ENDED)):
        subscribers.add(connection, f"x{number}@example.org", f"x{number}@example.org", Choice(), standing, "n", NOW)
    wednesday = date(2026, 11, 18)

    assert queue(connection, wednesday, hooks=("lab", "chat")) == 5
    assert outbox.queue(connection, "cs.CV", wednesday, NOW, calendar=CALENDAR, hooks=("lab", "new")) == 0
    letters, told = (outbox.claim(connection, MINE, LATER, 100, hooks=hooks) for hooks in (False, True))
    assert sorted(one.recipient for one in told) == ["hook/chat", "hook/lab"]
    assert len(letters) == 3
    claimed = [*letters, *told]
    assert {(one.mailing.date, one.mailing.first, one.mailing.frequency) for one in claimed if one.mailing} == {
        (wednesday, wednesday, Frequency.DAILY)
    }
    assert {one.date for one in claimed} == {wednesday}


@pytest.mark.parametrize(("hours", "letters", "hooks"), [(-1, True, ()), (24 * 7 + 1, True, ("lab",)), (1, False, ())])
def test_who_is_not_told(connection: Connection, hours: int, letters: bool, hooks: Sequence[str]) -> None:
    """Nothing is queued of what is not announced, of what is old, and where nobody is to be told."""
    people(connection, 1)
    now = announcement_instant(DAY) + timedelta(hours=hours)

    assert outbox.queue(connection, "cs.CV", DAY, now, calendar=CALENDAR, letters=letters, hooks=hooks) == 0
    assert not connection.execute(sa.select(schema.mailings)).all()


def test_hooks_without_letters(connection: Connection) -> None:
    """Web-hooks are told where no list is set."""
    people(connection, 1)
    people(connection, 1, Frequency.WEEKLY, 1)

    assert outbox.queue(connection, "cs.CV", DAY, NOW, calendar=CALENDAR, letters=False, hooks=("lab",)) == 1


def test_a_week_ends_with_its_last_date(connection: Connection) -> None:
    """The letter of a week is queued with its last date, and begins with its Monday."""
    people(connection, 2, Frequency.WEEKLY)

    assert [queue(connection, date(2026, 11, day)) for day in (18, 19, 20, 23)] == [0, 0, 2, 0]
    claimed = outbox.claim(connection, MINE, LATER + 7 * DAYS, 10)
    assert {one.mailing and (one.mailing.first, one.mailing.date) for one in claimed} == {(date(2026, 11, 16), DAY)}


def test_a_week_without_its_last_date(connection: Connection) -> None:
    """If the last date never came, the first date after it brings the week; when it comes in the end, nobody is told again."""
    people(connection, 1, Frequency.WEEKLY)

    assert [queue(connection, date(2026, 11, day)) for day in (18, 19, 23)] == [0, 0, 1]
    assert len(outbox.claim(connection, MINE, LATER + 7 * DAYS, 10)) == 1
    assert queue(connection, DAY, announcement_instant(date(2026, 11, 23)) + DAYS) == 0


def test_a_new_list_does_not_tell_the_week_before(connection: Connection) -> None:
    """Who begins to send letters on a Monday tells of nothing that was before."""
    people(connection, 1, Frequency.WEEKLY)

    assert queue(connection, date(2026, 11, 23)) == 0


def test_what_a_day_has_told(connection: Connection) -> None:
    """For the letter of a week it is known which dates somebody was sent already; what was refused or dropped is none of them."""
    first, second = people(connection, 2)
    for day in (18, 19):
        queue(connection, date(2026, 11, day))
    for claimed in outbox.claim(connection, MINE, LATER, 10):
        outbox.begin(connection, claimed.key, MINE, LATER)
        refused = claimed.subscriber == second and claimed.date == date(2026, 11, 19)
        outbox.record(connection, claimed, Handling.REFUSED if refused else Handling.SENT, "", LATER)

    assert outbox.told(connection, "cs.CV", [first.key, second.key, 999], date(2026, 11, 16), DAY) == {
        first.key: {date(2026, 11, 18), date(2026, 11, 19)},
        second.key: {date(2026, 11, 18)},
    }


def test_a_confirmation_a_day(connection: Connection) -> None:
    """An address is asked once a day at most; a new letter takes the place of one that could not be delivered."""
    ada = subscribers.add(connection, "a@example.org", "a@example.org", Choice(), Standing.PENDING, "n", NOW)

    asked = [outbox.ask(connection, ada.key, NOW + timedelta(hours=hours)) for hours in (0, 1, 23, 24, 25)]

    assert asked == [True, False, False, True, False]
    (claimed,) = outbox.claim(connection, MINE, LATER, 10)
    assert (claimed.mailing, claimed.subscriber, claimed.date) == (None, ada, (NOW + DAYS).date())
    assert outbox.begin(connection, claimed.key, MINE, LATER)
    assert states(connection) == {"inflight": 1, "dropped": 1}


def test_restored(connection: Connection) -> None:
    """Of a backup nothing is sent that was open in it, and the week before is not told again."""
    people(connection, 1)
    people(connection, 1, Frequency.WEEKLY, 1)
    queue(connection, date(2026, 11, 19))

    assert outbox.restored(connection, NOW + 2 * DAYS) == 1
    assert queue(connection, date(2026, 11, 23)) == 1  # the daily one
    assert states(connection) == {"dropped": 1, "new": 1}


# -- claiming, beginning, recording ---------------------------------------------------------------------------------------------


def test_nothing_before_it_is_published(connection: Connection) -> None:
    """Rows lie still until the files of the edition are on the disk."""
    people(connection, 2)
    now = announcement_instant(DAY) + HOUR
    stored = stores.keep(connection, stores.announcement(), published=False)
    outbox.queue(connection, "cs.CV", DAY, now, calendar=CALENDAR)

    assert outbox.claim(connection, MINE, LATER, 10) == []
    editions.published(connection, stored, now)
    assert len(outbox.claim(connection, MINE, LATER, 10)) == 2


def test_a_week_waits_for_its_last_date(connection: Connection) -> None:
    """While its last edition is being written, a week is not told, though earlier dates are published."""
    people(connection, 1, Frequency.WEEKLY)
    queue(connection, date(2026, 11, 19))
    queue(connection, published=False)

    assert outbox.claim(connection, MINE, LATER, 10) == []


def test_two_categories_in_one_database(connection: Connection) -> None:
    """Each is told by its own program; letters that ask to confirm by any."""
    (person,) = people(connection, 1)
    now = announcement_instant(DAY) + HOUR
    for category, first in (("cs.CV", 1), ("cs.LG", 50)):
        stores.keep(connection, stores.announcement(DAY, 2, first, category=category))
        outbox.queue(connection, category, DAY, now, calendar=CALENDAR, hooks=["lab"])
    outbox.ask(connection, person.key, now)

    found = []
    asked = (("cs.LG", False), ("cs.LG", True), ("cs.LG", False), ("", False), ("math.CO", True), ("cs.CV", True))
    for category, hooks in asked:
        rows = outbox.claim(connection, MINE, LATER, 10, hooks=hooks, category=category or None)
        found.append(sorted(row.mailing.category if row.mailing else "" for row in rows))
    claimed = outbox.of_subscriber(connection, person.key)
    for row in claimed:
        assert outbox.begin(connection, row.key, MINE, LATER)

    assert found == [["", "cs.LG"], ["cs.LG"], [], ["cs.CV"], [], ["cs.CV"]]
    assert [message_id(row, "Digest.example.org").partition(".2026")[0] for row in claimed[:2]] == ["<cs.cv", "<cs.lg"]
    assert len(outbox.recover(connection, LATER + HOUR, category="cs.CV")) == 2
    assert [row.mailing.category for row in outbox.uncertain(connection, category="cs.CV") if row.mailing] == ["cs.CV"]
    assert len(outbox.recover(connection, LATER + HOUR)) == 1
    kept = [outbox.counts(connection, Handling.UNCERTAIN, Handling.SENT, category=one)[Handling.UNCERTAIN] for one in (None, "cs.LG", "x")]
    assert kept == [3, 2, 1]


def test_to_claim_some_reads_no_more_than_that(connection: Connection) -> None:
    """Among many that are due at the same moment; neither database sorts them, whatever it thinks how many there are."""
    people(connection, 30)
    queue(connection)
    plans: list[str] = []

    def look(_connection: object, cursor: Any, statement: str, parameters: Any, _context: object, _many: bool) -> None:
        if statement.startswith("SELECT deliveries.due"):
            how = "EXPLAIN " if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN "
            cursor.execute(how + statement, parameters)
            plans.append(str(cursor.fetchall()))

    sa.event.listen(connection, "before_cursor_execute", look)
    assert len(outbox.claim(connection, MINE, LATER, 5, category="cs.CV")) == 5
    sa.event.remove(connection, "before_cursor_execute", look)

    assert [("ix_deliveries_handling_due_id" in plan, "Sort" in plan, "TEMP B-TREE" in plan) for plan in plans] == [
        (True, False, False)
    ] * 2


def test_nothing_before_it_is_due(connection: Connection) -> None:
    """A row can be claimed from the hour on that was chosen, and it is known when that is."""
    people(connection, 1)
    queue(connection)
    due = weeks.due(DAY, "UTC", 6, NOW)

    assert outbox.next_due(connection) == due
    assert outbox.claim(connection, MINE, due - timedelta(seconds=1), 10) == []
    assert len(outbox.claim(connection, MINE, due, 10)) == 1
    assert outbox.next_due(connection) is None


def test_what_is_claimed_is_nobody_elses(connection: Connection) -> None:
    """Two workers never have the same row; what is given back is free."""
    people(connection, 5)
    queue(connection)
    first, second = (outbox.claim(connection, worker, LATER, 3) for worker in (MINE, OTHERS))

    assert (len(first), len(second)) == (3, 2)
    assert not {row.key for row in first} & {row.key for row in second}
    assert not outbox.begin(connection, first[0].key, OTHERS, LATER)
    outbox.give_back(connection, MINE)
    assert not outbox.begin(connection, first[0].key, MINE, LATER)
    assert {row.key for row in outbox.claim(connection, OTHERS, LATER, 10)} == {row.key for row in first}


def test_some_at_once(connection: Connection) -> None:
    """Of what several workers begin together, each row is begun that is its worker's and is wanted; so it is with what was sent."""
    *_, gone = people(connection, 6)
    queue(connection)
    mine, others = (outbox.claim(connection, worker, LATER, 3) for worker in (MINE, OTHERS))
    connection.execute(sa.update(schema.subscribers).where(schema.subscribers.c.id == gone.key).values(standing="ended"))
    asked = [(mine[0].key, MINE), (mine[1].key, OTHERS), (mine[2].key, MINE), *((row.key, OTHERS) for row in others)]
    wanted = {mine[0].key, mine[2].key, *(row.key for row in others if row.subscriber and row.subscriber.key != gone.key)}

    assert outbox.begin_some(connection, asked, LATER) == wanted
    assert outbox.begin_some(connection, asked, LATER) == set()
    assert states(connection) == {"inflight": 4, "new": 1, "dropped": 1}
    assert outbox.record_sent(connection, [(row, f"250 {row.key}") for row in (mine[0], others[0])], LATER) == 2
    assert outbox.record_sent(connection, [(row, "250 again") for row in (mine[0], mine[2])], LATER) == 1
    assert outbox.of_subscriber(connection, mine[0].subscriber.key if mine[0].subscriber else 0)[0].answer == f"250 {mine[0].key}"
    assert states(connection) == {"sent": 3, "inflight": 1, "new": 1, "dropped": 1}


def test_what_was_put_off_is_not_behind_all_others(connection: Connection) -> None:
    """A server that puts everybody off once would take nothing before it was asked for everybody; nor does a person at a form wait."""
    people(connection, 12)
    queue(connection)
    first = outbox.claim(connection, MINE, LATER, 6)
    outbox.begin_some(connection, [(row.key, MINE) for row in first], LATER)
    for row in first:
        outbox.record(connection, row, Handling.DEFERRED, "450 4.7.1 later", LATER, LATER + HOUR)
    asking = subscribers.add(connection, "new@example.org", "new@example.org", Choice(), Standing.PENDING, "n", LATER)
    outbox.ask(connection, asking.key, LATER)

    again = outbox.claim(connection, OTHERS, LATER + HOUR, 6)
    assert [row.handling.value for row in again] == ["new", "new", "new", "deferred", "deferred", "deferred"]
    assert again[0].subscriber
    assert again[0].subscriber.key == asking.key
    assert len(outbox.claim(connection, MINE, LATER + HOUR, 100)) == 7


def test_a_refusal_that_was_held_does_not_reach_a_later_try(connection: Connection) -> None:
    """Whoever has begun the letter once more says what becomes of it."""
    row = one(connection)
    outbox.record(connection, row, Handling.NEW, "550 go away", LATER, LATER + HOUR)
    (later,) = outbox.claim(connection, MINE, LATER + HOUR, 1)
    outbox.begin(connection, later.key, MINE, LATER + HOUR)

    assert not outbox.refuse(connection, row, "550 go away", LATER + HOUR)
    outbox.record(connection, later, Handling.NEW, "550 go away", LATER + HOUR, LATER + 2 * HOUR)
    assert not outbox.refuse(connection, row, "550 go away", LATER + HOUR)
    assert outbox.refuse(connection, later, "550 go away", LATER + HOUR)
    assert states(connection) == {"refused": 1}


@pytest.mark.parametrize("leaves", [subscribers.end, subscribers.stop])
def test_unsubscribing_wins(connection: Connection, leaves: object) -> None:
    """What is queued, claimed, deferred or uncertain is not begun any more; only what is being handed over goes its way."""
    assert callable(leaves)
    (ada,) = people(connection, 1)
    for day in (16, 17, 18, 19, 20):
        queue(connection, date(2026, 11, day))
    rows = outbox.claim(connection, MINE, LATER, 4)
    for row in rows[:3]:
        assert outbox.begin(connection, row.key, MINE, LATER)
    outbox.record(connection, rows[0], Handling.DEFERRED, "451 later", LATER)
    outbox.record(connection, rows[1], Handling.UNCERTAIN, "gone", LATER)

    leaves(connection, ada.key, LATER)

    assert states(connection) == {"dropped": 4, "inflight": 1}
    assert not outbox.begin(connection, rows[3].key, MINE, LATER)
    assert outbox.record(connection, rows[2], Handling.DEFERRED, "451 later", LATER, LATER + HOUR)
    assert states(connection) == {"dropped": 5}
    assert outbox.claim(connection, MINE, LATER + 9 * DAYS, 10) == []


def test_queued_while_they_unsubscribed(connection: Connection) -> None:
    """What came between is claimed by nobody, and cleared away."""
    (ada,) = people(connection, 1)
    queue(connection)
    connection.execute(sa.update(schema.subscribers).where(schema.subscribers.c.id == ada.key).values(standing="ended"))

    assert outbox.claim(connection, MINE, LATER, 10) == []
    assert outbox.recover(connection, LATER) == []
    assert states(connection) == {"dropped": 1}


def test_deferred(connection: Connection) -> None:
    """What the server does not take yet is tried again when it is due; it is known how often and since when."""
    row = one(connection)

    assert outbox.record(connection, row, Handling.DEFERRED, "451 greylisted\udcff", LATER, LATER + HOUR)
    assert outbox.claim(connection, OTHERS, LATER, 10) == []
    (again,) = outbox.claim(connection, OTHERS, LATER + HOUR, 10)
    assert (again.key, again.handling, again.tries, again.first, again.answer) == (
        row.key, Handling.DEFERRED, 1, LATER, "451 greylisted\\udcff",
    )  # fmt: skip
    assert outbox.begin(connection, again.key, OTHERS, LATER + HOUR)
    assert outbox.of_subscriber(connection, again.subscriber.key if again.subscriber else 0)[0].first == LATER


@pytest.mark.parametrize("final", [Handling.SENT, Handling.REFUSED, Handling.DROPPED])
def test_what_is_final(connection: Connection, final: Handling) -> None:
    """What was sent, refused or dropped is never tried again; but what the server has taken after all counts."""
    row = one(connection)
    assert outbox.record(connection, row, final, "550 no", LATER)

    for later in (Handling.NEW, Handling.DEFERRED, Handling.UNCERTAIN, Handling.REFUSED, Handling.DROPPED, Handling.INFLIGHT):
        assert not outbox.record(connection, row, later, "", LATER)
    assert outbox.claim(connection, MINE, LATER + 9 * DAYS, 10) == []
    assert outbox.record(connection, row, Handling.SENT, "250 late", LATER) == (final is not Handling.SENT)


def test_uncertain(connection: Connection) -> None:
    """It is listed until it is decided: new again once, however many decide so, or sent."""
    row = one(connection)
    outbox.record(connection, row, Handling.UNCERTAIN, "the connection broke", LATER)
    (found,) = outbox.uncertain(connection)
    assert (found.key, found.since, found.answer) == (row.key, LATER, "the connection broke")

    assert outbox.claim(connection, MINE, LATER + DAYS, 10) == []
    assert outbox.record(connection, row, Handling.NEW, "not taken", LATER)
    (again,) = outbox.claim(connection, OTHERS, LATER, 10)
    assert outbox.begin(connection, again.key, OTHERS, LATER)
    assert not outbox.record(connection, row, Handling.NEW, "not taken", LATER)
    assert outbox.uncertain(connection) == []


def test_what_became_of_letters_is_kept_for_a_year(connection: Connection) -> None:
    """Then what is final is forgotten, some at a time, and what is open is not; a clock that is wrong makes nothing old."""
    (first, *_) = people(connection, 4)
    queue(connection)
    outbox.ask(connection, first.key, NOW)
    for row in outbox.claim(connection, MINE, LATER, 4):
        assert outbox.begin(connection, row.key, MINE, LATER)
        outbox.record(connection, row, Handling.SENT, "250", LATER)
    much_later = LATER + outbox.KEPT
    assert states(connection) == {"sent": 4, "new": 1}
    assert outbox.old(connection, much_later, 10) == []

    day = DAY + timedelta(days=403)
    queue(connection, day, announcement_instant(day) + HOUR)
    assert outbox.old(connection, LATER, 10) == []
    keys = outbox.old(connection, much_later + 2 * DAYS, 3)
    outbox.forget(connection, keys)
    outbox.forget(connection, outbox.old(connection, much_later + 2 * DAYS, 3))

    assert len(keys) == 3
    assert states(connection) == {"new": 1 + 4}


# -- workers that die -----------------------------------------------------------------------------------------------------------


def test_a_worker_of_another_machine(connection: Connection) -> None:
    """It is dead if it was not heard of for 40 minutes, so that one that waits for an answer is not; who says so keeps what is claimed."""
    people(connection, 2)
    queue(connection)
    row, rest = outbox.claim(connection, OTHERS, LATER, 10)
    outbox.begin(connection, row.key, OTHERS, LATER)

    assert outbox.recover(connection, LATER + timedelta(minutes=39)) == []
    outbox.renew(connection, OTHERS, LATER + timedelta(minutes=39))
    assert outbox.recover(connection, LATER + timedelta(minutes=78)) == []
    assert [found.key for found in outbox.recover(connection, LATER + timedelta(minutes=79))] == [row.key]
    assert states(connection) == {"uncertain": 1, "new": 1}
    assert [found.key for found in outbox.claim(connection, MINE, LATER + HOUR, 10)] == [rest.key]


def test_a_worker_of_this_machine() -> None:
    """It lives while its process does, however long nobody heard of it; a later process with its number is another one."""
    ours = outbox.worker()
    with subprocess.Popen(
        [sys.executable, "-c", "from digest.store import outbox; print(outbox.worker())"], stdout=subprocess.PIPE, text=True
    ) as child:
        theirs = child.communicate(timeout=60)[0].strip()
    place, number, start, _ = ours.split(":")

    assert outbox.lives(ours, None, NOW)
    assert outbox.worker() != ours
    assert theirs.startswith(f"{place}:")
    assert not outbox.lives(theirs, NOW, NOW)
    assert not outbox.lives(f"{place}:{number}:{start}0:x", NOW, NOW) or not start
    assert [outbox.lives(f"else{ours}", since, NOW) for since in (None, NOW - HOUR, NOW)] == [False, False, True]


def test_the_lease_is_longer_than_a_letter_takes() -> None:
    """Else another machine would send again what one still waits for the answer to."""
    times = Session(mail_server("smtp://127.0.0.1:25"), ssl.create_default_context())
    assert timedelta(seconds=times.read + times.total + times.final) * 2 < outbox.LEASE


def test_a_worker_of_another_machine_that_is_called_the_same() -> None:
    """Only time tells whether it lives, whatever runs here under the number of its process."""
    place, rest = outbox.worker().split(":", 1)
    name, told, *space = place.split("/")
    assert len(told) == 12
    theirs = f"{'/'.join((name, '0' * 12, *space))}:{rest}"

    assert [outbox.lives(theirs, since, NOW) for since in (NOW - HOUR, NOW - HOUR / 2)] == [False, True]


def test_a_worker_that_has_ended_in_a_process_that_goes_on(connection: Connection) -> None:
    """It is dead from then on, and no other worker of the process is."""
    people(connection, 2)
    queue(connection)
    gone, other = outbox.worker(), outbox.worker()
    for name in (gone, other):
        (row,) = outbox.claim(connection, name, LATER, 1)
        assert outbox.begin(connection, row.key, name, LATER)

    outbox.ended(gone)

    assert [row.worker for row in outbox.recover(connection, LATER)] == [""]
    assert [outbox.lives(name, LATER, LATER) for name in (gone, other)] == [False, True]
    assert states(connection) == {"uncertain": 1, "inflight": 1}
    outbox.ended(other)


def test_rows_are_begun_again_where_nobody_knows_whether_they_were(connection: Connection) -> None:
    """What its worker has in flight counts as begun, once; what another one has does not."""
    people(connection, 3)
    queue(connection)
    first, second, _ = outbox.claim(connection, MINE, LATER, 3)
    assert outbox.begin_some(connection, [(first.key, MINE)], LATER) == {first.key}
    asked = [(first.key, MINE), (second.key, MINE), (second.key, OTHERS)]

    assert outbox.begin_some(connection, [(first.key, OTHERS)], LATER, again=True) == set()
    assert outbox.begin_some(connection, asked, LATER, again=True) == {first.key, second.key}
    assert outbox.begin_some(connection, asked, LATER) == set()
    assert connection.execute(sa.select(schema.deliveries.c.tries).order_by(schema.deliveries.c.id)).scalars().all() == [1, 1, 0]


# -- a random history, against a model in memory ----------------------------------------------------------------------------------


@dataclass
class Server:
    """A mail server: it knows what it has taken, and may be asked."""

    taken: Counter[int] = field(default_factory=Counter)


@dataclass
class History:
    """What happens to a list within two weeks, by chance, and what is known to have to come of it."""

    connection: Connection
    chance: Random
    now: datetime = datetime(2026, 11, 9, 0, 30, tzinfo=UTC)
    server: Server = field(default_factory=Server)
    told: dict[tuple[int, date, Frequency], str] = field(default_factory=dict)
    """What each is to be told, and what became of it: open, sent, refused or dropped."""
    queued: set[tuple[date, Frequency]] = field(default_factory=set)
    published: set[date] = field(default_factory=set)
    unpublished: list[tuple[date, editions.Stored]] = field(default_factory=list)
    standings: dict[int, Standing] = field(default_factory=dict)
    frequencies: dict[int, Frequency] = field(default_factory=dict)
    workers: dict[str, list[Claimed]] = field(default_factory=dict)
    born: int = 0

    # -- people

    def sign_up(self) -> None:
        """Somebody new leaves an address, and is asked to confirm."""
        number = len(self.standings)
        frequency = self.chance.choice([*Frequency])
        choice = Choice(
            frequency=frequency, zone=self.chance.choice(("UTC", "Asia/Tokyo", "America/Los_Angeles")), hour=self.chance.randrange(24)
        )
        found = subscribers.add(
            self.connection, f"h{number}@example.org", f"h{number}@example.org", choice, Standing.PENDING, "n", self.now
        )
        self.standings[found.key], self.frequencies[found.key] = Standing.PENDING, frequency
        assert outbox.ask(self.connection, found.key, self.now)

    def confirm(self) -> None:
        """Somebody confirms, perhaps one who had ended."""
        if key := self.anybody():
            subscribers.confirm(self.connection, key, "n", self.now)
            self.standings[key] = Standing.CONFIRMED

    def end(self) -> None:
        """Somebody unsubscribes: what is not begun is not for them any more."""
        if key := self.anybody():
            subscribers.end(self.connection, key, self.now)
            self.standings[key] = Standing.ENDED
            for mine, state in self.told.items():
                if mine[0] == key and state == "open":
                    self.told[mine] = "dropped"

    def anybody(self) -> int | None:
        """Return anybody's key."""
        return self.chance.choice([*self.standings]) if self.standings else None

    # -- editions

    def announce(self) -> None:
        """Make a date, or leave it out; it is published later."""
        days = {day for day, _ in self.queued}
        day = CALENDAR.next_date(max(days)) if days else date(2026, 11, 9)
        if self.chance.random() < 0.2:
            day = CALENDAR.next_date(day)
        if len(days) > 8:
            return
        self.now = max(self.now, announcement_instant(day) + HOUR)
        stored = stores.keep(self.connection, stores.announcement(day, 1, day.toordinal() % 1000), published=False, now=self.now)
        for _ in range(self.chance.choice((1, 2))):  # twice is once
            outbox.queue(self.connection, "cs.CV", day, self.now, calendar=CALENDAR)
        self.unpublished.append((day, stored))
        last = weeks.monday(day) - 3 * DAYS
        if any(monday == weeks.monday(last) for monday in map(weeks.monday, days)) and (last, Frequency.WEEKLY) not in self.queued:
            self.expect(last, Frequency.WEEKLY)
        self.expect(day, Frequency.DAILY)
        if day.weekday() == 4:
            self.expect(day, Frequency.WEEKLY)

    def expect(self, day: date, frequency: Frequency) -> None:
        """All who are confirmed now are to be told."""
        self.queued.add((day, frequency))
        for key, standing in self.standings.items():
            if standing is Standing.CONFIRMED and self.frequencies[key] is frequency:
                self.told[key, day, frequency] = "open"

    def publish(self) -> None:
        """Publish what was prepared."""
        while self.unpublished:
            day, stored = self.unpublished.pop()
            editions.published(self.connection, stored, self.now)
            self.published.add(day)

    # -- sending

    def claim(self, most: int = 4) -> None:
        """Let a worker, perhaps a new one, take some."""
        if len(self.workers) < 3:
            self.born += 1
            self.workers[f"elsewhere:{self.born}:x"] = []
        worker = self.chance.choice([*self.workers])
        held = {row.key for rows in self.workers.values() for row in rows}
        for row in outbox.claim(self.connection, worker, self.now, most):
            assert row.key not in held
            self.workers[worker].append(row)

    def hand_over(self, *, well: bool = False) -> None:
        """Let a worker hand one over, which ends in any way, or *well*."""
        busy = [worker for worker, rows in self.workers.items() if rows]
        if not busy:
            return
        worker = self.chance.choice(busy)
        row = self.workers[worker].pop(0)
        if not outbox.begin(self.connection, row.key, worker, self.now):
            assert row.mailing is None or self.state(row) != "open"
            return
        if row.mailing is not None:
            assert self.state(row) == "open"
            assert row.mailing.frequency is Frequency.WEEKLY or row.mailing.date in self.published
        ends = ("dies", "deferred", "refused", "uncertain", "taken, dies", "taken, uncertain", *("taken, sent",) * 12)
        self.ended(row, worker, "taken, sent" if well else self.chance.choice(ends))

    def ended(self, row: Claimed, worker: str, how: str) -> None:
        """Keep how it ended, as far as the worker lives to do so."""
        if how.startswith("taken"):
            self.server.taken[row.key] += 1
            self.become(row, "sent")
        if how == "refused":
            self.become(row, "refused")
        last = how.rpartition(" ")[2]
        if last == "dies":
            self.die(worker)
        else:
            assert outbox.record(self.connection, row, Handling(last), how, self.now, self.now + HOUR)

    def state(self, row: Claimed) -> str:
        """Return what became of a letter so far."""
        mailing, person = row.mailing, row.subscriber
        assert mailing is not None
        assert person is not None
        return self.told[person.key, mailing.date, mailing.frequency]

    def become(self, row: Claimed, state: str) -> None:
        """Note what became of a letter."""
        if row.mailing is not None and row.subscriber is not None:
            self.told[row.subscriber.key, row.mailing.date, row.mailing.frequency] = state

    def die(self, worker: str | None = None) -> None:
        """Kill a worker."""
        if worker or self.workers:
            del self.workers[worker or self.chance.choice([*self.workers])]

    def recover(self) -> None:
        """Let time go by: the living say so, the dead are found, and the server is asked what it has."""
        self.now += self.chance.randrange(1, 6) * HOUR
        for worker in self.workers:
            outbox.renew(self.connection, worker, self.now)
        outbox.recover(self.connection, self.now)
        for row in outbox.uncertain(self.connection):
            has = bool(self.server.taken[row.key])
            outbox.record(self.connection, row, Handling.SENT if has else Handling.NEW, "asked", self.now)

    def go(self, steps: int) -> None:
        """Let so much happen, and then all end well."""
        for _ in range(15):
            self.sign_up()
            self.confirm()
        acts = (self.sign_up, self.end, self.announce, self.publish, self.recover, self.die, *(self.confirm, self.claim) * 4)
        for _ in range(steps):
            self.chance.choice((*acts, *(self.hand_over,) * 8))()
            assert all(count == 1 for count in self.server.taken.values()), "something was handed over twice"
        self.publish()
        for _ in range(12):  # a day and more
            self.recover()
            for _ in range(4):
                self.claim(100)
            while any(self.workers.values()):
                self.hand_over(well=True)

    def sent(self) -> Counter[tuple[int, date, Frequency]]:
        """Return what the server has of each mailing."""
        rows = self.connection.execute(
            sa.select(schema.deliveries.c.id, schema.deliveries.c.subscriber, schema.mailings.c.date, schema.mailings.c.frequency).join(
                schema.mailings, schema.mailings.c.id == schema.deliveries.c.mailing
            )
        )
        return Counter(
            {(row.subscriber, row.date, Frequency(row.frequency)): self.server.taken[row.id] for row in rows if self.server.taken[row.id]}
        )


@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 30))])
def test_nobody_is_lost_and_nobody_told_twice(connection: Connection, seed: int) -> None:
    """Whatever happens in whatever order, each is told once who is to be told, and nobody else."""
    history = History(connection, Random(seed))  # noqa: S311 - a history that can be repeated
    history.go(250)

    assert {mine: 1 for mine, state in history.told.items() if state == "sent"} == history.sent()
    assert "open" not in history.told.values()
    assert set(states(connection)) <= {"sent", "refused", "dropped"}
    assert sum(state == "sent" for state in history.told.values()) > 10


# -- real processes ---------------------------------------------------------------------------------------------------------------


def work(url: str) -> tuple[list[int], int]:
    """Claim, begin and record until nothing is left, in a process of its own; return what was begun, and how many claims there were."""
    database = Database(sa.make_url(url))
    name, done, claims = outbox.worker(), list[int](), 0
    while True:
        with database.write(turns=False) as connection:
            claimed = outbox.claim(connection, name, LATER, 20)
        claims += 1
        if not claimed:
            break
        for row in claimed:
            with database.write(turns=False) as connection:
                if outbox.begin(connection, row.key, name, LATER):
                    done.append(row.key)
                    outbox.record(connection, row, Handling.SENT, "250", LATER)
    database.close()
    return done, claims


@pytest.mark.slow
def test_eight_processes(database: Database) -> None:
    """However many claim at once, each row is begun by one of them, and none is left."""
    with database.write() as connection:
        people(connection, 1000)
        assert queue(connection) == 1000
    url = database.url.render_as_string(hide_password=False)
    with multiprocessing.get_context("spawn").Pool(8) as pool:
        found = pool.map(work, [url] * 8, chunksize=1)

    begun = [key for keys, _ in found for key in keys]
    assert len(begun) == len(set(begun)) == 1000
    with database.read() as connection:
        assert states(connection) == {"sent": 1000}


# -- with the edition or not at all --------------------------------------------------------------------------------------------------


def prepared(program: Program) -> None:
    """Keep five who want a letter a day, and two who want one a week."""
    database = program.database().open()
    with database.write() as connection:
        people(connection, 5)
        people(connection, 2, Frequency.WEEKLY, 5)
    database.close()


LIST = {"CVDIGEST_MAIL_LIST": "digest.example.org", "CVDIGEST_HOOKS": '[{"name": "lab", "url": "https://hooks.example.org/x"}]'}


def rows(program: Program) -> tuple[list[tuple[str, int]], int]:
    """Return the mailings with how many are told each, and how much of it can be claimed."""
    database = program.database()
    try:
        with database.write() as connection:
            found = [
                (str(row[0]), int(row[1]))
                for row in connection.execute(
                    sa.select(schema.mailings.c.frequency, sa.func.count(schema.deliveries.c.id))
                    .outerjoin(schema.deliveries, schema.deliveries.c.mailing == schema.mailings.c.id)
                    .group_by(schema.mailings.c.id)
                    .order_by(schema.mailings.c.frequency)
                )
            ]
            claimed = sum(len(outbox.claim(connection, MINE, LATER, 100, hooks=hooks)) for hooks in (False, True))
            outbox.give_back(connection, MINE)
    finally:
        database.close()
    return found, claimed


BEFORE, AFTER = ("prepare-begin", "prepare-papers", "prepare-edition", *OF_LETTERS), (
    "prepared", "written-page", "written-json", "written-index", "publish-begin", "publish-commit",
)  # fmt: skip
WHOLE = [("daily", 6), ("weekly", 2)]


@pytest.mark.parametrize("point", [pytest.param(point, marks=() if point == "queued" else pytest.mark.slow) for point in (*BEFORE, *AFTER)])
def test_killed_while_it_is_queued(program: Program, nursery: Nursery, point: str) -> None:
    """Killed at any step, a run leaves no mailing or a whole one, of which nothing can be claimed; the next run queues nobody twice."""
    prepared(program)
    command = ["run", *program.options("run")]

    assert nursery.run(command, {**LIST, VARIABLE: f"{point}:kill"}).wait() == -signal.SIGKILL
    assert rows(program) == (([], 0) if point in BEFORE else (WHOLE, 0))

    done = nursery.run(command, LIST)
    assert done.wait() == 0, done.err
    assert look(program, LAST) == []
    assert rows(program) == (WHOLE, 8)


@pytest.mark.slow
def test_an_edition_that_is_made_again_tells_nobody(program: Program, nursery: Nursery, arxiv: servers.Arxiv) -> None:
    """Nor does one in another layout, one that a lost database does not know, one of long ago, or one that is caught up with."""
    prepared(program)
    command = ["run", *program.options("run")]
    for arguments in ((), ("--again", "--layout", "classic"), ("--date", "2026-11-10")):
        assert nursery.run([*command, *arguments], LIST).wait() == 0
        assert rows(program) == (WHOLE, 8)
    caught_up = ["backfill", *program.options("backfill"), "--from", "2026-11-17", "--to", "2026-11-18"]
    assert nursery.run(caught_up, LIST).wait() == 0
    assert rows(program) == (WHOLE, 8)

    program.forget(LAST)
    assert nursery.run(command, LIST).wait() == 0
    assert rows(program) == (WHOLE, 8)

    database = program.database()
    with database.write() as connection:
        connection.execute(sa.delete(schema.mailings))
    database.close()
    program.forget(LAST)
    assert nursery.run(command, LIST).wait() == 0
    assert rows(program) == ([], 0)
    assert arxiv.asked


@pytest.mark.slow
def test_nobody_is_told_where_no_list_is_set(program: Program, nursery: Nursery) -> None:
    """Without a domain of the list there is no mailing, and with web-hooks alone there is one for them."""
    prepared(program)
    command = ["run", *program.options("run")]

    assert nursery.run(command).wait() == 0
    assert rows(program) == ([], 0)
    hooks = {"CVDIGEST_HOOKS": LIST["CVDIGEST_HOOKS"]}
    assert nursery.run([*command, "--date", "2026-11-18"], hooks).wait() == 0
    assert rows(program) == ([("daily", 1)], 1)
