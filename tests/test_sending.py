"""Queued letters handed over: each once, whatever the server and the process do (faults 60 to 67)."""

import os
import shutil
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa

from digest import sending
from digest.addresses import mail_server
from digest.core.subscription import Handling, Standing
from digest.errors import DamagedError, MailError, StoreError
from digest.handover import Session
from digest.relaylog import RelayLog
from digest.sending import HOLD, wait_after
from digest.store import outbox, schema, subscribers
from digest.store.database import Database, address
from digest.store.outbox import Claimed
from tests import killing, postbox, stores
from tests.sendings import NOW, Plain, World, compose, identify, world


@pytest.fixture(scope="module")
def queued(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a database with letters for 30 people once."""
    path = tmp_path_factory.mktemp("queued") / "cvdigest.db"
    shutil.copy(template, path)
    database = Database(address(str(path), path.parent))
    world(database, 30)
    database.close()
    return path


@pytest.fixture
def few(queued: Path, tmp_path: Path) -> Iterator[World]:
    """Yield a sender with letters for 30 people."""
    shutil.copy(queued, tmp_path / "cvdigest.db")
    database = Database(address(str(tmp_path / "cvdigest.db"), tmp_path), patience=5)
    yield World(database)
    database.close()


def to_key(row: Claimed) -> int:
    """Return whom a row is for."""
    assert row.subscriber
    return row.subscriber.key


@contextmanager
def gone(path: Path, seconds: float) -> Iterator[None]:
    """Let a database be out of reach for a while, or to the end of the block if that comes first."""
    aside, back = path.with_suffix(".aside"), threading.Lock()

    def bring_back() -> None:
        with back:
            if aside.exists():
                aside.rename(path)

    path.rename(aside)
    over = threading.Timer(seconds, bring_back)
    over.start()
    try:
        yield
    finally:
        over.cancel()
        over.join()
        bring_back()


# -- all goes well ---------------------------------------------------------------------------------------------------------


def test_all_that_is_due_is_handed_over_once(few: World) -> None:
    """By several workers, each over one connection, to a server that others wrote."""
    with postbox.postbox("none", login=False) as box:
        report = few.sending(box.port, workers=3).run()
        again = few.sending(box.port, workers=3).run()

    assert sorted(box.recipients) == sorted(f"r{number}@example.org" for number in range(30))
    assert {box.senders[place].split("@")[0][7:] for place in range(30)} == {str(number) for number in range(1, 31)}
    assert (report.counts[Handling.SENT], report.trouble, few.counts()) == (30, "", {"sent": 30})
    assert report.line.startswith("30 sent")
    assert again.counts[Handling.SENT] == 0


def test_on_either_database(database: Database) -> None:
    """Two programs at once, each with several workers, hand each letter over once."""
    here = world(database, 60)
    with postbox.relay() as box:
        others = [threading.Thread(target=here.sending(box.port, workers=2).run) for _ in range(2)]
        for one in others:
            one.start()
        for one in others:
            one.join(60)

    assert here.counts() == {"sent": 60}
    assert len(box.identifiers()) == len(set(box.identifiers())) == 60


def test_a_letter_is_sent_when_it_is_due(few: World) -> None:
    """Not before."""
    few.now = NOW - timedelta(days=1)
    with postbox.relay() as box:
        assert few.sending(box.port).run().counts[Handling.SENT] == 0
        few.now = NOW
        assert few.sending(box.port).run().counts[Handling.SENT] == 30


def test_what_says_nothing_is_not_sent(few: World) -> None:
    """Who has nothing in a letter gets none; a letter that cannot be made is tried again later."""

    def choosy(row: Claimed, now: datetime) -> Plain | None:
        if to_key(row) == 2:
            return None
        if to_key(row) == 3:
            msg = "no such template"
            raise MailError(msg)
        return compose(row, now)

    with postbox.relay() as box:
        few.sending(box.port, compose=choosy).run()

    assert few.counts() == {"sent": 28, "dropped": 1, "deferred": 1}
    assert "no such template" in few.rows([3])[0].answer


def test_unsubscribing_wins(few: World) -> None:
    """Who unsubscribes while letters are on their way gets none that is not in hand at that moment."""

    def leave(row: Claimed, now: datetime) -> Plain | None:
        if to_key(row) == 10:  # claimed and composed with all others
            with few.database.write() as connection:
                subscribers.end(connection, 1, NOW)
                subscribers.end(connection, 20, NOW)
        return compose(row, now)

    with postbox.relay() as box:
        few.sending(box.port, compose=leave).run()

    assert few.counts() == {"sent": 28, "dropped": 2}
    assert not {"r0@example.org", "r19@example.org"} & set(box.recipients)


def test_no_more_letters_a_second_than_are_wanted(few: World) -> None:
    """The bound holds for all workers together."""
    with postbox.relay() as box:
        report = few.sending(box.port, workers=3, rate=100.0).run()

    assert report.counts[Handling.SENT] == 30
    assert report.seconds >= 29 / 100


def test_it_ends_after_the_letter_in_hand(few: World) -> None:
    """What is claimed and not begun is free at once; nothing is uncertain."""
    ends = threading.Event()

    def last(row: Claimed, now: datetime) -> Plain | None:
        if to_key(row) == 26:  # of the second batch
            ends.set()
        return compose(row, now)

    with postbox.relay() as box:
        few.sending(box.port, compose=last, ends=ends).run()
        assert few.counts() == {"new": 5, "sent": 25}
        assert few.sending(box.port).run().counts[Handling.SENT] == 5


def test_web_hooks_are_left_to_others(few: World) -> None:
    """They wait for nothing that a mail server does, and are told by `digest.hooks`."""
    with few.database.write() as connection:
        stores.keep(connection, stores.announcement(stores.DAY - timedelta(days=1)))
        from digest import resources

        outbox.queue(connection, "cs.CV", stores.DAY - timedelta(days=1), NOW, calendar=resources.calendar(), letters=False, hooks=["lab"])
    with postbox.relay() as box:
        assert few.sending(box.port).run().counts[Handling.SENT] == 30

    assert few.counts() == {"new": 1, "sent": 30}


# -- faults of the server --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["down", "banner", "421"])
def test_a_server_that_is_not_there(few: World, fault: str) -> None:
    """All letters stay as they are, free for the next time, and it is told why (fault 60)."""
    if fault == "down":
        with socket.create_server(("127.0.0.1", 0)) as gone:
            port = gone.getsockname()[1]
        report = few.sending(port, workers=2).run()
    else:
        with postbox.relay(fault) as box:
            report = few.sending(box.port, workers=2, read=0.2).run()

    assert few.counts() == {"new": 30}
    assert "the mail server 127.0.0.1" in report.trouble
    with postbox.relay() as box:
        assert few.sending(box.port).run().counts[Handling.SENT] == 30


def test_greylisting(few: World) -> None:
    """A letter that is not taken yet waits longer and longer, and is given up after three days (fault 61)."""
    with postbox.postbox("none", login=False) as box:
        box.refused["r4@example.org"] = "450 4.2.0 greylisted"
        few.sending(box.port).run()
        assert few.counts() == {"sent": 29, "deferred": 1}
        tries = 1
        while few.counts() != {"sent": 29, "refused": 1}:
            with few.database.read() as connection:
                due = outbox.next_due(connection)
            assert due
            if tries == 1:
                few.now = due - timedelta(seconds=1)
                assert few.sending(box.port).run().counts[Handling.DEFERRED] == 0
            few.now = due
            few.sending(box.port).run()
            tries += 1

    assert timedelta(days=2.5) < few.now - NOW <= timedelta(days=3)
    assert 20 < tries < 30
    assert [line for line in few.said if "tried for 3 days: 450 4.2.0 greylisted" in line]
    assert wait_after(0) == timedelta(minutes=5)
    assert wait_after(100) == timedelta(hours=4)


def test_greylisting_that_ends(few: World) -> None:
    """It is sent with the next try, with the same Message-ID (fault 61)."""
    with postbox.postbox("none", login=False) as box:
        box.refuse_letter = "451 4.7.1 come again"
        few.sending(box.port).run()
        assert few.counts() == {"deferred": 30}
        box.refuse_letter, few.now = "", NOW + timedelta(minutes=5)
        few.sending(box.port).run()

    assert few.counts() == {"sent": 30}
    assert {postbox.identifier(letter) for letter in box.letters} == {
        f"<cs.cv.2026-11-20.daily.s{key}@digest.example.org>" for key in range(1, 31)
    }


@pytest.mark.parametrize(("said", "dead"), [("550 5.1.1 no such user", ["r0", "r29"]), ("550 go away", ["r0", "r7"])])
def test_one_recipient_that_is_refused(few: World, said: str, dead: list[str]) -> None:
    """That letter is refused for good, and told of; all others are sent (fault 62)."""
    with postbox.postbox("none", login=False) as box:
        box.refused.update({f"{name}@example.org": said for name in dead})
        report = few.sending(box.port).run()

    assert few.counts() == {"sent": 28, "refused": 2}
    assert (report.counts[Handling.REFUSED], report.counts[Handling.NEW], report.trouble) == (2, 0, "")
    assert [line.split()[0] for line in few.said if "is not sent any more" in line] == [f"{name}@example.org" for name in dead]


def test_a_refusal_after_which_nothing_is_taken_may_be_the_servers(few: World) -> None:
    """It is tried again, which is no trouble by itself, and is for good once something is taken after it."""
    with postbox.postbox("none", login=False) as box:
        box.refused["r29@example.org"] = "550 go away"
        assert not few.sending(box.port).run().trouble
        assert few.counts() == {"sent": 29, "new": 1}
        few.now += timedelta(minutes=5)
        assert not few.sending(box.port).run().trouble
        assert few.counts() == {"sent": 29, "new": 1}
        few.now += timedelta(days=1)
        with few.database.write() as connection:
            connection.execute(sa.insert(schema.deliveries), [another(1, 1, few.now)])
        few.sending(box.port).run()

    assert few.counts() == {"sent": 30, "refused": 1}


@pytest.mark.parametrize("workers", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_a_quota_burns_no_letters(few: World, workers: int) -> None:
    """What is beyond it is sent another day, and counts against nobody."""
    with postbox.postbox("none", login=False) as box:
        box.quota = 20
        few.sending(box.port, workers=workers).run()
        assert few.counts() == {"sent": 20, "new": 10}
        few.now += timedelta(minutes=5)
        report = few.sending(box.port, workers=workers).run()
        assert report.trouble == "no letter was taken: 550 5.4.5 daily limit exceeded"
        box.quota = 100
        few.now += timedelta(days=1)
        few.sending(box.port, workers=workers).run()

    assert few.counts() == {"sent": 30}
    with few.database.read() as connection:
        assert {one.score for one in subscribers.listed(connection)} == {0.0}


@pytest.mark.parametrize("workers", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_a_bound_of_one_connection_burns_no_letters(few: World, workers: int) -> None:
    """Another one is opened, and what was refused is sent over that."""
    with postbox.postbox("none", login=False) as box:
        box.a_session, box.over = 4, "503 5.5.1 too many in this session"
        for _ in range(10):
            few.sending(box.port, workers=workers).run()
            few.now += timedelta(hours=4)

    assert few.counts() == {"sent": 30}
    with few.database.read() as connection:
        assert {one.score for one in subscribers.listed(connection)} == {0.0}


def test_several_dead_mailboxes_and_nothing_taken_may_be_the_servers(file: Database) -> None:
    """A relay that knows nobody any more would cost a short list its letters, and its readers a point."""
    here = world(file, 5)
    with postbox.postbox("none", login=False) as box:
        box.refuse = "550 5.1.1 no such user"
        here.sending(box.port).run()
        assert here.counts() == {"new": 5}
        box.refuse, box.refused["r2@example.org"] = "", "550 5.1.1 no such user"
        here.now += timedelta(minutes=5)
        here.sending(box.port).run()

    assert here.counts() == {"sent": 4, "refused": 1}


def test_a_letter_that_a_damaged_database_cannot_give_does_not_stop_others(few: World) -> None:
    """It is tried again, as it may be mended."""

    def damaged(row: Claimed, now: datetime) -> Plain:
        if to_key(row) == 7:
            msg = "the edition cannot be read"
            raise DamagedError(msg)
        return compose(row, now)

    with postbox.postbox("none", login=False) as box:
        few.sending(box.port, compose=damaged).run()

    assert few.counts() == {"sent": 29, "deferred": 1}


@pytest.mark.slow
def test_a_clock_that_stands_still(few: World, tmp_path: Path) -> None:
    """What is uncertain does not become ripe by it, and a round ends all the same."""
    log = tmp_path / "mail.log"
    with postbox.relay("after", times=1, log=log) as box:
        few.sending(box.port, log=log).run()
        report = few.sending(box.port, log=log).run()

    assert (report.uncertain, few.counts()) == (1, {"sent": 29, "uncertain": 1})


@pytest.mark.parametrize(
    ("said", "most", "how"),
    [("550 5.1.1 no such user", sending.MOST_DEAD, "refused"), ("451 4.3.0 later", sending.MOST_PUT_OFF, "put off")],
)
def test_too_many_in_a_row_end_a_round(file: Database, said: str, most: int, how: str) -> None:
    """A server that knows nobody any more, or puts everybody off, is broken: nothing is lost, and it is left alone (fault 63)."""
    here = world(file, most + 50)
    with postbox.postbox("none", login=False) as box:
        box.refuse = said
        report = here.sending(box.port).run()
        assert report.trouble == f"the mail server {how} {most} letters in a row and took none: {said}"
        assert not set(here.counts()) & {"sent", "refused"}
        box.refuse = ""
        here.now += timedelta(minutes=5)
        here.sending(box.port).run()

    assert here.counts() == {"sent": most + 50}


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("refuse_sender", "550 5.7.1 no"),
        ("refuse_sender", "452 4.3.1 full"),
        ("refuse_letter", "554 5.7.1 spam"),
        ("refuse", "550 relaying denied"),
    ],
)
def test_a_server_that_refuses_everybody(few: World, where: str, said: str) -> None:
    """After some refusals in a row nothing more is sent, and no letter is lost by it (fault 63)."""
    with postbox.postbox("none", login=False) as box:
        setattr(box, where, said)
        report = few.sending(box.port, workers=2).run()
        assert few.counts() == {"new": 30}
        assert f"refused {sending.MOST_REFUSALS} letters in a row and took none: {said}" in report.trouble
        setattr(box, where, "")
        few.now += timedelta(minutes=5)
        few.sending(box.port).run()

    assert few.counts() == {"sent": 30}


@pytest.mark.parametrize(("where", "said"), [("refuse", "550 relaying denied"), ("refuse_letter", "554 5.7.1 spam")])
def test_a_short_list_is_not_lost_to_a_server_that_refuses_everybody(file: Database, where: str, said: str) -> None:
    """Where nothing is taken, nobody knows whether letters or server are to blame: they are kept, and refused when some are taken."""
    here = world(file, 3)
    with postbox.postbox("none", login=False) as box:
        setattr(box, where, said)
        report = here.sending(box.port).run()
        assert (here.counts(), report.trouble) == ({"new": 3}, f"no letter was taken: {said}")
        assert f"3 back in the queue ({said})" in report.line
        setattr(box, where, "")
        box.refused["r1@example.org"] = "550 go away"
        here.now += timedelta(minutes=5)
        assert not here.sending(box.port).run().trouble

    assert here.counts() == {"sent": 2, "refused": 1}


def another(key: int, days: int, now: datetime) -> dict[str, object]:
    """Return the row of a letter of another day."""
    return {"mailing": 1, "recipient": f"subscriber/{key}/{days}", "subscriber": key, "handling": "new", "due": now}


def test_who_refuses_too_often_is_written_to_no_more(file: Database) -> None:
    """A refusal counts as a letter that came back, once a day; a server that takes nothing for days counts against nobody (fault 62)."""
    here = world(file, 2)

    def send(days: int, *keys: int) -> None:
        here.now = NOW + timedelta(days=days)
        with here.database.write() as connection:
            connection.execute(sa.insert(schema.deliveries), [another(key, days, here.now) for key in keys])
        here.sending(box.port).run()

    with postbox.postbox("none", login=False) as box:
        box.refused["r0@example.org"] = "550 5.1.1 no such user"
        for days in range(8):
            send(days, 1, 2)
        box.refuse = "450 4.3.2 not now"
        for days in (8, 12):
            send(days, 2)

    with here.database.read() as connection:
        found = [subscribers.by_key(connection, key) for key in (1, 2)]
    assert [(one.score, one.standing) for one in found if one] == [(6.0, Standing.STOPPED), (0.0, Standing.CONFIRMED)]
    told = [line for line in here.said if "is written to no more" in line]
    assert told == ["r0@example.org is written to no more: letters to it were refused too often"]


def test_a_server_that_always_refuses_is_given_up(file: Database) -> None:
    """After three days letters that nobody takes are refused."""
    here = world(file, 2)
    with postbox.postbox("none", login=False) as box:
        box.refuse = "550 relaying denied"
        for days in (0, 3):
            here.now = NOW + timedelta(days=days)
            report = here.sending(box.port).run()

    assert here.counts() == {"refused": 2}
    assert (report.counts[Handling.REFUSED], report.counts[Handling.NEW]) == (2, 0)
    assert len([line for line in here.said if "is not sent any more: tried for 3 days" in line]) == 2


@pytest.mark.parametrize(
    ("said", "trouble"),
    [("451 4.7.1 come again", "no letter was taken: 451 4.7.1 come again"), ("450 4.2.0 greylisted", ""), ("550 5.1.1 no such user", "")],
)
def test_nothing_taken_is_trouble_unless_mailboxes_are_to_blame(file: Database, said: str, trouble: str) -> None:
    """A server that puts everybody off is told of, with its answer; one that knows no such mailbox works."""
    here = world(file, 2)
    with postbox.postbox("none", login=False) as box:
        box.refuse = said
        report = here.sending(box.port).run()

    assert report.trouble == trouble


def test_many_dead_mailboxes_in_a_row_do_not_stop_the_others(file: Database) -> None:
    """What is said of one mailbox says nothing about the next (faults 62 and 63)."""
    here = world(file, 50)
    with postbox.postbox("none", login=False) as box:
        box.refused.update({f"r{number}@example.org": "550 5.1.1 no such user" for number in range(40)})
        report = here.sending(box.port).run()

    assert (here.counts(), report.trouble) == ({"sent": 10, "refused": 40}, "")


def test_a_server_that_lets_fewer_in_than_there_are_workers(few: World) -> None:
    """Those that it lets in do all of the work."""
    taken: list[int] = []
    with postbox.postbox("none", login=False) as box, socket.create_server(("127.0.0.1", 0)) as gone:
        closed = gone.getsockname()[1]
        gone.close()

        def session() -> Session:
            taken.append(box.port if not taken else closed)
            return Session(mail_server(f"smtp://127.0.0.1:{taken[-1]}"), postbox.trusting(), 4, 6, 4)

        report = few.sending(box.port, workers=4, session=session).run()

    assert (few.counts(), report.trouble) == ({"sent": 30}, "")


@pytest.mark.parametrize("workers", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_an_answer_is_recorded_though_the_database_fails_for_a_moment(few: World, tmp_path: Path, workers: int) -> None:
    """What the server has taken is known nowhere else, and would be sent twice."""
    with postbox.postbox("none", login=False) as box, ExitStack() as stack:
        box.takes = lambda count: count == 5 and stack.enter_context(gone(tmp_path / "cvdigest.db", 0.5))
        report = few.sending(box.port, workers=workers).run()

    assert (few.counts(), report.trouble) == ({"sent": 30}, "")
    assert len(box.letters) == len({postbox.identifier(letter) for letter in box.letters}) == 30


def test_what_could_not_be_recorded_does_not_hang(few: World, tmp_path: Path) -> None:
    """After a database that fails for long, the next round of the same program takes what it had begun for uncertain."""
    with postbox.postbox("none", login=False) as box:
        with ExitStack() as stack:
            box.takes = lambda count: count == 5 and stack.enter_context(gone(tmp_path / "cvdigest.db", 60))
            with pytest.raises(StoreError, match="was removed while it was in use"):
                few.sending(box.port, holds_on=0.2).run()
        assert few.counts() == {"sent": 4, "inflight": 1, "new": 25}
        few.sending(box.port).run()

    assert few.counts() == {"sent": 30}
    assert [line for line in few.said if "s5@" in line and "may have arrived" in line]


def test_a_connection_that_is_dropped_in_the_body(few: World) -> None:
    """That letter has not been taken, and is sent later; the others at once (fault 64)."""
    with postbox.relay("mid", times=1) as box:
        few.sending(box.port, compose=_long).run()
        assert few.counts() == {"sent": 29, "deferred": 1}
        few.now += timedelta(minutes=5)
        few.sending(box.port).run()

    assert few.counts() == {"sent": 30}
    assert Counter(box.identifiers()).most_common(1)[0][1] == 1


def _long(row: Claimed, now: datetime) -> Plain:
    letter = compose(row, now)
    return Plain(letter.content + b"x\r\n" * 2_000_000 * (to_key(row) == 1), letter.sender, letter.to)


@pytest.mark.parametrize("fault", ["before", "after", "hangs"])
@pytest.mark.parametrize("how", ["log", "resend", "hold"])
def test_a_connection_that_is_dropped_after_the_final_dot(few: World, tmp_path: Path, fault: str, how: str) -> None:
    """The relay's log tells whether the letter arrived; without one it is sent again under the same name, or held (fault 65)."""
    log = tmp_path / "mail.log"
    policy = HOLD if how == "hold" else "resend"
    asked = log if how == "log" else None
    with postbox.relay(fault, times=1, log=log) as box:
        few.sending(box.port, log=asked, policy=policy, final=0.2).run()
        with few.database.read() as connection:
            (one,) = outbox.uncertain(connection)
        assert few.counts() == {"sent": 29, "uncertain": 1}
        few.now += timedelta(seconds=3)
        report = few.sending(box.port, log=asked, policy=policy).run()

    taken = Counter(box.identifiers())
    assert len(taken) == 30 - (fault == "before" and how == "hold")
    assert sum(taken.values()) - len(taken) == (fault != "before" and how == "resend")
    assert few.counts() == ({"sent": 29, "uncertain": 1} if how == "hold" else {"sent": 30})
    assert report.uncertain == (how == "hold")
    if how != "hold":
        assert [line for line in few.said if identify(one) in line]
    if how == "resend" and fault != "before":
        assert taken[identify(one)] == 2


def test_what_stays_uncertain_is_not_sent_for_ever(file: Database) -> None:
    """It is sent again twice; then it is held, told of by name, and counted."""
    here = world(file, 1)
    with postbox.relay("after") as box:
        for hours in range(0, 24, 4):
            here.now = NOW + timedelta(hours=hours)
            report = here.sending(box.port).run()

    assert len(box.identifiers()) == 1 + sending.MOST_RESENT
    assert (here.counts(), report.uncertain) == ({"uncertain": 1}, 1)
    told = [line for line in here.said if "may have arrived" in line]
    assert all(line.startswith(f"r0@example.org {box.identifiers()[0]} ") for line in told)
    assert [line.rpartition("; ")[2].split(":")[0] for line in told] == [*["it is sent again"] * 2, "it is held until you decide"]


def test_what_is_uncertain_for_long_is_not_sent_again(file: Database) -> None:
    """After three days nobody waits for it; it is told of once."""
    here = world(file, 1)
    with postbox.relay("after", times=1) as box:
        here.sending(box.port).run()
        here.now += timedelta(days=3, seconds=1)
        later = here.sending(box.port)
        later.run()
        later.run()

    assert (len(box.letters), here.counts()) == (1, {"uncertain": 1})
    assert [line for line in here.said if "until you decide" in line] == here.said[-1:]


def test_a_log_that_cannot_be_read_resolves_nothing(few: World, tmp_path: Path) -> None:
    """Rather than to send something twice, it is told that the log is not there."""
    with postbox.relay("after", times=1) as box:
        few.sending(box.port, log=tmp_path / "none").run()
        few.now += timedelta(seconds=3)
        few.sending(box.port, log=tmp_path / "none").run()

    assert few.counts() == {"sent": 29, "uncertain": 1}
    assert [line for line in few.said if "what is uncertain stays so" in line]


# -- the relay's log -------------------------------------------------------------------------------------------------------

LOG = """\
2020-01-01T00:00:00+00:00 relay postfix/master[1]: daemon started
Nov 20 06:00:00 relay postfix/smtpd[5]: AAAAA1: client=localhost[127.0.0.1]
Nov 20 06:00:00 relay postfix/cleanup[7]: AAAAA1: message-id=<{0}1@x>
Nov 20 06:00:00 relay postfix/qmgr[9]: AAAAA1: from=<a@x>, size=1, nrcpt=1 (queue active)
Nov 20 06:00:01 relay postfix/smtpd[5]: AAAAA2: client=localhost[127.0.0.1]
Nov 20 06:00:01 relay postfix/cleanup[7]: AAAAA2: message-id=<{0}2@x>
Nov 20 06:00:01 relay postfix/smtpd[5]: lost connection after DATA (99 bytes) from localhost[127.0.0.1]
Nov 20 06:00:02 relay postfix/smtpd[6]: AAAAA3: client=localhost[127.0.0.1]
Nov 20 06:00:02 relay postfix/cleanup[7]: AAAAA3: message-id=<{0}3@x>
Nov 20 06:00:03 relay other[1]: qmgr AAAAA3: from=<a@x>
Nov 20 06:00:04 relay postfix/cleanup[7]: AAAAA4: message-id=<someone@else>
Nov 20 06:00:04 relay postfix/qmgr[9]: AAAAA4: from=<a@x>, size=1, nrcpt=1 (queue active)
"""


def asked(log: RelayLog, *names: str, now: datetime | None = None) -> tuple[set[str], set[str]]:
    """Return which letters were taken and which were not."""
    moment = now or datetime.now().astimezone()
    said = log.ask({f"<{name}@x>": moment - timedelta(seconds=5) for name in names}, moment)
    return {name[1:-3] for name in said.taken}, {name[1:-3] for name in said.not_taken}


def test_what_a_log_says(tmp_path: Path) -> None:
    """Taken is what the queue manager has; what is still coming in is neither taken nor not, for some minutes."""
    path = tmp_path / "mail.log"
    path.write_text(LOG.format("a"))
    log = RelayLog(path)

    assert asked(log, "a1", "a2", "a3", "a4") == ({"a1"}, {"a2", "a4"})
    late = datetime.now().astimezone() + timedelta(minutes=11)
    assert log.ask({"<a3@x>": late - timedelta(minutes=11)}, late).not_taken == {"<a3@x>"}


def test_a_log_that_grows_and_is_rotated(tmp_path: Path) -> None:
    """Only what is new is read; a file that was rotated, or packed, is read as well."""
    import gzip

    path = tmp_path / "mail.log"
    path.write_text(LOG.format("a"))
    log = RelayLog(path)
    assert asked(log, "a1") == ({"a1"}, set())
    with path.open("a") as file:
        file.write(LOG.format("b"))
    assert asked(log, "b1", "b2") == ({"b1"}, {"b2"})
    path.rename(tmp_path / "mail.log.1")
    path.write_text(LOG.format("c"))
    assert asked(log, "a1", "b1", "c1") == ({"a1", "b1", "c1"}, set())
    (tmp_path / "mail.log.2.gz").write_bytes(gzip.compress((tmp_path / "mail.log.1").read_bytes()))
    (tmp_path / "mail.log.1").unlink()
    assert asked(RelayLog(path), "b1", "b2") == ({"b1"}, {"b2"})
    assert asked(RelayLog(path, most=100), "b1", "b2") == (set(), set())


@pytest.mark.parametrize(
    ("first", "absent"),
    [
        ("{earlier:%Y-%m-%dT%H:%M:%S%z} relay postfix/master[1]: started", {"a1"}),
        ("{later:%Y-%m-%dT%H:%M:%S%z} relay postfix/master[1]: started", set()),
        ("{earlier:%b %d %H:%M:%S} relay postfix/master[1]: started", {"a1"}),
        ("{later:%b %d %H:%M:%S} relay postfix/master[1]: started", set()),
        ("what is no line of a log", set()),
        ("", set()),
    ],
)
def test_a_log_that_begins_after_the_letter_proves_nothing(tmp_path: Path, first: str, absent: set[str]) -> None:
    """Only one that was written before a letter was begun can show that the relay does not have it."""
    path = tmp_path / "mail.log"
    now = datetime.now().astimezone()
    path.write_text(first.format(earlier=now - timedelta(hours=1), later=now) + "\n" * bool(first))

    assert asked(RelayLog(path), "a1", now=now) == (set(), absent)


def test_an_older_log_reaches_back(tmp_path: Path) -> None:
    """Between a log that was rotated before the letter was begun and the one that is written now there is nothing."""
    now = datetime.now().astimezone()
    path, older = tmp_path / "mail.log", tmp_path / "mail.log.1"
    path.write_text(f"{now:%b %d %H:%M:%S} relay postfix/master[1]: started\n")
    older.write_text(LOG.format("b"))
    os.utime(older, (now.timestamp() - 3600, now.timestamp() - 3600))

    assert asked(RelayLog(path), "a1", now=now) == (set(), {"a1"})


@pytest.mark.parametrize("policy", [HOLD, "resend"])
def test_what_a_log_does_not_have_is_held_if_that_is_wanted(file: Database, tmp_path: Path, policy: str) -> None:
    """Who wants what is uncertain to be held is told that the log does not have it, and decides."""
    here, log = world(file, 1), tmp_path / "mail.log"
    with postbox.relay("before", times=1, log=log) as box:
        here.sending(box.port, log=log, policy=policy).run()
        here.now += timedelta(seconds=3)
        here.sending(box.port, log=log, policy=policy).run()

    assert here.counts() == ({"uncertain": 1} if policy == HOLD else {"sent": 1})
    assert bool([line for line in here.said if "until you decide" in line]) == (policy == HOLD)


def test_a_log_that_is_not_there(tmp_path: Path) -> None:
    """It is told, and what to look at."""
    with pytest.raises(MailError, match="relay_log"):
        asked(RelayLog(tmp_path / "none"), "a1")


# -- kill -9 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_killed_at_any_instant_where_the_relay_can_be_asked(tmp_path: Path) -> None:
    """Of eight workers that are killed again and again, no letter is lost and none arrives twice (fault 67)."""
    found = killing.kill(tmp_path, 50, Random(65), asked=True)  # noqa: S311 - instants are no secrets

    assert (found.kills, found.lost, found.twice) == (50, 0, 0)
    assert found.counts == {"sent": found.letters}
    assert found.named  # some were in hand


@pytest.mark.slow
def test_killed_at_any_instant_where_nobody_can_be_asked(tmp_path: Path) -> None:
    """None is lost; what arrives twice has the same name, was said to be uncertain, and is no more than one for each connection."""
    found = killing.kill(tmp_path, 50, Random(66), asked=False)  # noqa: S311 - instants are no secrets

    assert (found.kills, found.lost, found.unnamed) == (50, 0, 0)
    assert found.twice <= found.named <= found.kills * killing.WORKERS
    assert found.counts == {"sent": found.letters}
