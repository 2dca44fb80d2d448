"""Letters that came back are counted once, for whom they were, and nobody else can have them counted."""

import re
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.bounces import Tally, count, take
from digest.core.bouncing import HARD, SOFT, returned, scored, too_many
from digest.core.subscription import Choice, Standing
from digest.core.tokens import verp
from digest.errors import MailError
from digest.posting import Returns
from digest.store import subscribers
from digest.store.database import Database, in_memory
from tests import returned as samples

KEY, LIST = bytes(range(32)), "digest.example.org"
NOW = datetime(2026, 11, 20, 7, tzinfo=UTC)
DAY = timedelta(days=1)


# -- what a message says ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", samples.STYLES)
def test_what_mail_servers_write(style: str) -> None:
    """Each in its own manner says to whom it came back, and whether for good."""
    write, points, status = samples.STYLES[style]
    to = verp(KEY, LIST, 12)
    found = returned(write(to))

    assert found is not None
    assert (found.points, found.status) == (points, status)
    assert to in found.addresses


@pytest.mark.parametrize("write", [samples.vacation, samples.receipt, samples.answer])
def test_what_is_no_letter_that_came_back(write: Callable[[str], bytes]) -> None:
    """Somebody is away, has read it, or answers."""
    assert returned(write(verp(KEY, LIST, 12))) is None


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded", "", "unknown"])
def test_a_letter_that_may_arrive_has_not_come_back(action: str) -> None:
    """A mail server says that it still tries, or that it has given it to another one."""
    assert returned(samples.postfix("a@example.org", action)) is None


@pytest.mark.parametrize(
    ("status", "points"),
    [
        ("5.1.1", HARD),
        ("5.7.1 (refused)", HARD),
        ("4.2.2", SOFT),
        ("5.2.2", SOFT),
        ("", HARD),
        ("hello", HARD),
        ("5.1.1111", HARD),
        ("5.22.2", HARD),
    ],
)
def test_how_much_it_counts(status: str, points: float) -> None:
    """A mailbox that is full, or a server that did not answer for days, may be better next week."""
    found = returned(samples.postfix("a@example.org", "Failed (really)", status))

    assert found is not None
    assert found.points == points


def test_the_worst_counts() -> None:
    """A notification may be about several addresses."""
    block = b"Final-Recipient: rfc822; b@example.net\nAction: failed\nStatus: 4.4.7\n\n"
    message = samples.postfix("a@example.org").replace(b"Final-Recipient:", block + b"Final-Recipient:", 1)
    found = returned(message)

    assert found is not None
    assert (found.points, found.status) == (HARD, "5.1.1")


def test_a_notification_that_came_back_is_about_something_else() -> None:
    """What counts is the notification itself, not one within what it brings back."""
    message = samples.postfix("a@example.org", "delayed").replace(samples.LETTER, samples.postfix("b@example.org"))

    assert returned(message) is None


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\n" * 1000,
        b"no message",
        b"Content-Type: multipart/report\n\n",
        b"A: b\n" * 100_000,
        b"Content-Type: multipart/report; boundary=x\n\n" + b"--x\nContent-Type: message/rfc822\n\n" * 20_000,
        b"Content-Type: multipart/report; boundary=x\n\n" + b"--x\n\n" * 200_000,
        b'Content-Type: multipart/report; boundary="' + b"x" * 1_000_000,
        b"To: " + b"a@" * 500_000,
        b"Content-Type: multipart/report; boundary=x\n\n--x\nContent-Type: message/delivery-status\n\n" + b"Action: failed\n\n" * 5000,
    ],
)
def test_hostile_messages(message: bytes) -> None:
    """Of a flood no more is read than what may be needed."""
    found = returned(message)

    assert found is None or found.addresses == ()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1500), st.binary(max_size=4)), max_size=4), st.integers(0, 2000))
def test_damaged_messages(changes: list[tuple[int, bytes]], end: int) -> None:
    """Whatever is broken in a notification, reading it breaks nothing."""
    message = samples.gmail("a@example.org")
    for place, other in changes:
        message = message[:place] + other + message[place + len(other) :]
    found = returned(message[:end])

    assert found is None or found.points in (HARD, SOFT)


@pytest.mark.parametrize(
    "parameter",
    [
        b"boundary*=undefined'en'q",
        b"boundary*=idna'en'%C3%A4..%ff",
        b"boundary*=us\0ascii'en'x",
        b"boundary*" + b"9" * 5000 + b"=x; boundary*0=q",
        b"boundary*\xc2\xb2=x",
    ],
)
def test_what_the_library_cannot_read(database: Database, maildir: Path, parameter: bytes) -> None:
    """It is no letter that came back, and marked, so that what lies behind it counts."""
    message = b"Return-Path: <>\nTo: x\nContent-Type: multipart/report; " + parameter + b"\n\n--x\n\nx\n--x--\n"
    (maildir / "new" / "1.poison").write_bytes(message)
    (maildir / "new" / "2.good").write_bytes(samples.postfix(verp(KEY, LIST, 1)))

    assert returned(message) is None
    assert take(database, KEY, str(maildir), NOW) == Tally(2, 1, 0)
    assert list((maildir / "new").iterdir()) == []


# -- how often is too often ---------------------------------------------------------------------------------------------


def after(*events: tuple[int, float]) -> float:
    """Return the score after letters came back on some days."""
    score, last = 0.0, None
    for number, points in events:
        day = date(2026, 11, 1) + timedelta(days=number)
        score = scored(score, last, points, day)
        last = max(last or day, day)
    return score


def test_scores() -> None:
    """They are those of Mailman."""
    assert after((0, HARD)) == 1
    assert after((0, SOFT), (1, SOFT), (2, HARD)) == 2
    assert after((0, SOFT), (0, HARD), (0, HARD)) == 0.5  # one a day
    assert after((3, HARD), (2, HARD)) == 1  # nor one that is late
    assert after((0, HARD), (7, HARD)) == 2
    assert after((0, HARD), (8, HARD)) == 1  # forgotten
    assert not too_many(after(*((day, HARD) for day in range(5))))
    assert too_many(after(*((day, HARD) for day in range(6))))
    assert not too_many(after(*((day, SOFT) for day in range(10))))
    assert too_many(after(*((day, SOFT) for day in range(11))))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.sampled_from((SOFT, HARD))), max_size=40))
def test_nobody_is_stopped_within_five_days(events: list[tuple[int, float]]) -> None:
    """However many letters come back on a day, it takes six days; and a week without any forgives all."""
    days = sorted(events)
    score = after(*days)

    assert 0 <= score <= len({day for day, _ in days})
    assert too_many(score) <= (len({day for day, _ in days}) > 5)
    assert after(*days, (90, SOFT)) == SOFT


# -- a mailbox ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def database() -> Iterator[Database]:
    """Give a database with two people who confirmed, and one who has not."""
    made = in_memory()
    with made.write() as connection:
        for number, standing in enumerate((Standing.CONFIRMED, Standing.CONFIRMED, Standing.PENDING), 1):
            address = f"reader{number}@example.net"
            subscribers.add(connection, address, address, Choice(), standing, f"nonce{number}", NOW - 30 * DAY)
    yield made
    made.close()


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    """Make an empty maildir."""
    for name in ("cur", "new", "tmp"):
        (tmp_path / "bounces" / name).mkdir(parents=True)
    return tmp_path / "bounces"


def score(database: Database, key: int) -> tuple[float, Standing]:
    """Return how somebody stands."""
    with database.read() as connection:
        found = subscribers.by_key(connection, key)
    assert found is not None
    return found.score, found.standing


def test_a_letter_that_came_back_counts_once(database: Database, maildir: Path) -> None:
    """It is marked as seen; and should it lie there again, it is known."""
    message = samples.postfix(verp(KEY, LIST, 1))
    (maildir / "new" / "1.host").write_bytes(message)
    (maildir / "cur" / "2.host:2,F").write_bytes(samples.vacation(verp(KEY, LIST, 2)))
    (maildir / "cur" / "3.host:2,S").write_bytes(samples.gmail(verp(KEY, LIST, 2)))
    (maildir / "tmp" / "4.host").write_bytes(samples.gmail(verp(KEY, LIST, 2)))

    assert take(database, KEY, str(maildir), NOW) == Tally(2, 1, 0)
    assert sorted(path.name for path in (maildir / "cur").iterdir()) == ["1.host:2,S", "2.host:2,FS", "3.host:2,S"]
    assert take(database, KEY, str(maildir), NOW) == Tally(0, 0, 0)
    (maildir / "new" / "5.host").write_bytes(message)
    assert take(database, KEY, str(maildir), NOW + DAY) == Tally(1, 0, 0)
    assert score(database, 1) == (1.0, Standing.CONFIRMED)
    assert score(database, 2) == (0.0, Standing.CONFIRMED)


def test_only_signed_envelopes_count(database: Database, maildir: Path) -> None:
    """Whoever has not got the letter cannot know its address; and what says that it is for two is for none."""
    signed = verp(KEY, LIST, 1)
    forged = [
        verp(bytes(32), LIST, 1),
        signed.replace("+1.", "+2."),
        "bounce+1@digest.example.org",
        "reader1@example.net",
        f"{signed}>, <{verp(KEY, LIST, 2)}",
        signed.replace(LIST, "example.org"),
    ]
    for number, address in enumerate(forged):
        (maildir / "new" / f"{number}.host").write_bytes(samples.postfix(address).replace(b"Delivered-To: ", b"X: "))
    (maildir / "new" / "in-its-text.host").write_bytes(samples.postfix("a@example.org").replace(b"User unknown", signed.encode()))

    assert take(database, KEY, str(maildir), NOW) == Tally(len(forged) + 1, 0, 0)
    assert score(database, 1) == score(database, 2) == (0.0, Standing.CONFIRMED)


def test_somebody_is_stopped(database: Database, maildir: Path) -> None:
    """A flood on one day counts once; after six days no more letters go out, and nothing counts any more."""
    for day in range(7):
        for number in range(3):
            (maildir / "new" / f"{day}.{number}").write_bytes(samples.postfix(verp(KEY, LIST, 1)) + f"{day} {number}".encode())
        found = take(database, KEY, str(maildir), NOW + day * DAY)
        assert found.stopped == (day == 5)

    assert score(database, 1) == (6.0, Standing.STOPPED)
    assert score(database, 2) == (0.0, Standing.CONFIRMED)


def test_who_has_not_confirmed_has_no_score(database: Database) -> None:
    """Nor has somebody who is not there any more."""
    with database.write() as connection:
        assert not count(connection, 3, HARD, NOW)
        assert not count(connection, 4, HARD, NOW)

    assert score(database, 3) == (0.0, Standing.PENDING)


def test_what_is_no_message_is_left_alone(database: Database, maildir: Path) -> None:
    """A link out of the maildir is not followed."""
    secret = maildir.parent / "secret"
    secret.write_bytes(samples.postfix(verp(KEY, LIST, 1)))
    (maildir / "new" / "link").symlink_to(secret)
    (maildir / "new" / "folder").mkdir()
    (maildir / "new" / ".hidden").write_bytes(secret.read_bytes())

    assert take(database, KEY, str(maildir), NOW) == Tally()


def test_no_maildir(database: Database, tmp_path: Path) -> None:
    """One line says what is wrong."""
    with pytest.raises(MailError, match="maildir"):
        take(database, KEY, str(tmp_path / "nowhere"), NOW)


# -- once an hour -------------------------------------------------------------------------------------------------------


def test_a_program_that_goes_on_looks_once_an_hour(database: Database, maildir: Path) -> None:
    """Whatever the clock of the machine was set to meanwhile."""
    said: list[str] = []
    since = [5.0]
    returns = Returns(database, KEY, str(maildir), said.append, said.append, lambda: since[0])
    looks = []
    for number, (passed, now) in enumerate([(0, NOW + 365 * DAY), (3599, NOW), (1, NOW), (60, NOW + 9 * DAY)]):
        since[0] += passed
        (maildir / "new" / f"{number}.host").write_bytes(samples.vacation("a@example.org"))
        returns.round(now)
        looks.append(len(said))

    assert looks == [1, 1, 2, 2]


@pytest.mark.parametrize("place", ["nowhere", "no\0where", "imap://reader:secret@127.0.0.1:1/Back"])
def test_letters_are_sent_though_none_can_be_counted(database: Database, place: str) -> None:
    """Whatever goes wrong is told, without what may be a password, and nothing is raised."""
    said: list[str] = []
    Returns(database, KEY, place, said.append, said.append).round(NOW)

    assert [line.endswith("letters that came back are not counted") for line in said] == [True]
    assert "secret" not in said[0]


def test_letters_are_sent_though_the_store_cannot_count(database: Database, maildir: Path) -> None:
    """Those that came back are counted the next time."""
    (maildir / "new" / "1.host").write_bytes(samples.postfix(verp(KEY, LIST, 1)))
    said: list[str] = []
    with database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE bounces RENAME TO gone")
    Returns(database, KEY, str(maildir), said.append, said.append).round(NOW)
    with database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE gone RENAME TO bounces")
    Returns(database, KEY, str(maildir), said.append, said.append).round(NOW)

    assert [line.partition(":")[0] for line in said[1:]] == ["messages read"]
    assert score(database, 1) == (1.0, Standing.CONFIRMED)


# -- IMAP ---------------------------------------------------------------------------------------------------------------


class Imap(socketserver.StreamRequestHandler):
    """As much of RFC 3501 as a reader of a mailbox uses."""

    def handle(self) -> None:
        box: Box = self.server.box  # type: ignore[attr-defined]
        self.wfile.write(b"* OK ready\r\n")
        for line in self.rfile:
            tag, command, rest = (*line.decode().strip().split(" ", 2), "")[:3]
            words = f"{command} {rest}".upper()
            box.said.append(words)
            status = "OK"
            if command == "CAPABILITY":
                self.wfile.write(b"* CAPABILITY IMAP4rev1\r\n")
            elif command == "LOGIN":
                status = "OK" if rest == 'reader "pass word"' else "NO"
            elif command == "SELECT":
                status = "OK" if rest == '"Back here"' else "NO"
                self.wfile.write(f"* {len(box.messages)} EXISTS\r\n".encode())
            elif words.startswith("UID SEARCH"):
                numbers = " ".join(str(number) for number in box.messages if number not in box.seen)
                self.wfile.write(f"* SEARCH {numbers}\r\n".encode())
            elif words.startswith("UID FETCH"):
                number = int(rest.split()[1])
                size = int(re.findall(r"<0\.(\d+)>", rest)[0])
                body = box.messages[number][:size]
                self.wfile.write(f"* 1 FETCH (UID {number} BODY[]<0> {{{len(body)}}}\r\n".encode() + body + b")\r\n")
            elif words.startswith("UID STORE"):
                box.seen.add(int(rest.split()[1]))
            elif command == "LOGOUT":
                self.wfile.write(b"* BYE\r\n")
            self.wfile.write(f"{tag} {status} done\r\n".encode())


class Box:
    """A mailbox of a server on loopback."""

    def __init__(self, *messages: bytes) -> None:
        self.messages = dict(enumerate(messages, 7))
        self.seen: set[int] = set()
        self.said: list[str] = []


@contextmanager
def serving(box: Box) -> Iterator[str]:
    """Serve a mailbox; yield host and port."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Imap) as server:
        server.daemon_threads = True
        server.box = box  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_mailbox_by_imap(database: Database) -> None:
    """Messages are marked after they are counted, and read once."""
    box = Box(samples.exchange(verp(KEY, LIST, 1)), samples.vacation(verp(KEY, LIST, 1)), b"Subject: large\r\n\r\n" + b"x" * 1_000_000)
    with serving(box) as host:
        url = f"imap://reader:pass%20word@{host}/Back%20here"
        assert take(database, KEY, url, NOW) == Tally(3, 1, 0)
        assert take(database, KEY, url, NOW) == Tally(0, 0, 0)

    assert box.seen == {7, 8, 9}
    assert score(database, 1) == (0.5, Standing.CONFIRMED)
    assert not [line for line in box.said if "FETCH" in line and "BODY.PEEK" not in line]


@pytest.mark.parametrize("login", ["reader:wrong@{}/Back%20here", "reader:pass%20word@{}/Elsewhere"])
def test_a_mailbox_that_cannot_be_opened(database: Database, login: str) -> None:
    """The message says which; the password is not in it."""
    with serving(Box()) as host, pytest.raises(MailError, match=r"the mailbox at 127\.0\.0\.1") as caught:
        take(database, KEY, f"imap://{login.format(host)}", NOW)

    assert "wrong" not in str(caught.value)
    assert "pass" not in str(caught.value)
    assert caught.value.__suppress_context__
