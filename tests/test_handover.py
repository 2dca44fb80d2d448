"""Many letters over one connection: what became of each, also where the server misbehaves (faults 60 to 66)."""

import socket
import time
from urllib.parse import quote

import pytest

from digest.addresses import mail_server
from digest.core.subscription import Handling
from digest.errors import MailError
from digest.handover import Outcome, Session, wired
from digest.smtp import Step
from tests import postbox
from tests.postbox import PASSWORD, USER

LOGIN = f"{USER}:{quote(PASSWORD, safe='')}@"


def letter(number: int = 1, body: bytes = b"Words.\r\n") -> bytes:
    """Return a letter."""
    return b"Message-ID: <s%d@example.org>\r\nSubject: x\r\n\r\n" % number + body


def session(port: int, url: str = "smtp://127.0.0.1:PORT", *, read: float = 4, total: float = 6, final: float = 4) -> Session:
    """Return a client for the server at a port."""
    return Session(mail_server(url.replace("PORT", str(port))), postbox.trusting(), read, total, final)


def hand_over(there: Session, number: int = 1, body: bytes = b"Words.\r\n", to: str = "you@example.org") -> Outcome:
    """Hand a letter over."""
    return there.hand_over(f"bounce+{number}@example.org", to, letter(number, body))


@pytest.mark.parametrize(
    ("security", "url"),
    [
        ("tls", f"smtps://{LOGIN}localhost:PORT"),
        ("starttls", f"smtp://{LOGIN}localhost:PORT?starttls=required"),
        ("none", "smtp://127.0.0.1:PORT"),
    ],
)
def test_many_letters_go_over_one_connection(security: str, url: str) -> None:
    """They arrive as they are, each from and to the addresses that were meant; who logs in does it once."""
    bodies = [b".\r\n..\r\n", b"x.\r\n" * 10_000 + b".leading\r\n", b"no end of line"]
    with postbox.postbox(security, login=security != "none") as box, session(box.port, url) as there:
        outcomes = [hand_over(there, number, body, f"r{number}@example.org") for number, body in enumerate(bodies)]

    assert [(one.handling, one.fatal, one.again) for one in outcomes] == [(Handling.SENT, False, False)] * 3
    assert box.letters == [letter(0, bodies[0]), letter(1, bodies[1]), letter(2, bodies[2] + b"\r\n")]
    assert box.senders == [f"bounce+{number}@example.org" for number in range(3)]
    assert box.recipients == [f"r{number}@example.org" for number in range(3)]
    assert len(box.logins) == (security != "none")


def test_a_letter_on_the_wire_cannot_end_early() -> None:
    """No line of it is a dot alone, whatever ends its lines."""
    for content in (b".\r\n.\r\n", b"a\n.\nb", b"a\r.\rb", b"a\r\n.\rb\n.", b"", b"."):
        found = wired(content)
        assert found.endswith(b"\r\n")
        assert b".\r\n" not in {line + b"\r\n" for line in found.split(b"\r\n")}
        assert found.count(b"\r") == found.count(b"\n") == found.count(b"\r\n")


# -- refused, and taken all the same later ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "said", "handling", "fatal", "step"),
    [
        ("refuse", "450 4.2.0 greylisted", Handling.DEFERRED, False, Step.RECIPIENT),
        ("refuse", "550 5.1.1 no such user", Handling.REFUSED, False, Step.RECIPIENT),
        ("refuse_sender", "452 4.3.1 full", Handling.DEFERRED, True, Step.SENDER),
        ("refuse_sender", "550 5.7.1 not you", Handling.REFUSED, True, Step.SENDER),
        ("refuse_letter", "451 4.7.1 later", Handling.DEFERRED, False, Step.LETTER),
        ("refuse_letter", "554 5.7.1 no", Handling.REFUSED, False, Step.LETTER),
    ],
)
def test_what_a_server_refuses(where: str, said: str, handling: Handling, *, fatal: bool, step: Step) -> None:
    """A refusal is for good or for now, of one letter or of all; the connection serves for the next letter (faults 61 to 63)."""
    with postbox.postbox("none", login=False) as box, session(box.port) as there:
        setattr(box, where, said)
        assert hand_over(there) == Outcome(handling, said, fatal)
        assert there.step is step
        setattr(box, where, "")
        assert hand_over(there, 2).handling is Handling.SENT

    assert len(box.letters) == 1


def test_one_bad_recipient() -> None:
    """The others get their letters (fault 62)."""
    with postbox.postbox("none", login=False) as box, session(box.port) as there:
        box.refused["bad@example.org"] = "550 5.1.1 no such \x1b[2Juser"
        outcomes = [hand_over(there, number, to=to) for number, to in enumerate(["a@example.org", "bad@example.org", "b@example.org"])]

    assert [one.handling for one in outcomes] == [Handling.SENT, Handling.REFUSED, Handling.SENT]
    assert outcomes[1].answer.isprintable()
    assert box.recipients == ["a@example.org", "b@example.org"]


# -- not reached -----------------------------------------------------------------------------------------------------------


def test_nobody_there() -> None:
    """A server that is down has not taken the letter, nor would it take any (fault 60)."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    there = session(port)

    outcome = hand_over(there)

    assert (outcome.handling, outcome.fatal, outcome.again) == (Handling.DEFERRED, True, True)
    assert "cannot be reached" in outcome.answer
    assert there.step is Step.CONNECTION


@pytest.mark.parametrize(("fault", "said"), [("banner", "silent for 0.2 s"), ("421", "421 4.3.2 not now")])
def test_a_server_that_hangs_or_is_busy(fault: str, said: str) -> None:
    """It has not taken the letter, and may later (fault 60)."""
    with postbox.relay(fault, times=1) as box, session(box.port, read=0.2) as there:
        outcome = hand_over(there)
        assert hand_over(there).handling is Handling.SENT

    assert (outcome.handling, outcome.fatal, outcome.again) == (Handling.DEFERRED, True, True)
    assert said in outcome.answer


def test_a_name_that_does_not_exist() -> None:
    """Which step failed is known: the name was not found."""
    there = Session(mail_server("smtps://nobody.invalid"), read=2, total=4)

    with pytest.raises(MailError, match="cannot be reached"):
        there.open()

    assert there.step is Step.NAME


def test_a_server_that_ends_a_connection_after_some_letters_is_called_again() -> None:
    """The letter in hand goes over the next connection, at once."""
    with postbox.relay() as box, session(box.port) as there:
        assert hand_over(there, 1).handling is Handling.SENT
        box.fault, box.times = "idle", 1
        assert hand_over(there, 2).handling is Handling.SENT

    assert box.identifiers() == ["<s1@example.org>", "<s2@example.org>"]
    assert box.connections == 2


@pytest.mark.parametrize("strict", [True, False])
def test_a_server_that_is_told_all_at_once(*, strict: bool) -> None:
    """Of several commands in one piece, the first that is refused counts; no letter goes to nobody."""
    with postbox.relay() as box, session(box.port) as there:
        box.pipelining, box.refuses, box.strict = True, "r2@example.org", strict
        outcomes = [hand_over(there, number, to=f"r{number}@example.org") for number in (1, 2, 3)]

    assert [one.handling for one in outcomes] == [Handling.SENT, Handling.REFUSED, Handling.SENT]
    assert (outcomes[1].answer, outcomes[1].fatal, outcomes[1].again) == ("550 5.1.1 nobody", False, not strict)
    assert box.identifiers() == ["<s1@example.org>", "<s3@example.org>"]
    assert box.connections == (1 if strict else 2)


@pytest.mark.parametrize("fault", ["idle", "before", "after"])
def test_a_server_that_is_told_all_at_once_and_drops_the_connection(fault: str) -> None:
    """As with one that is told one thing after the other, only what ends after the final dot is uncertain."""
    with postbox.relay() as box, session(box.port) as there:
        box.pipelining = True
        assert hand_over(there, 1).handling is Handling.SENT
        box.fault, box.times = fault, 1
        assert hand_over(there, 2).handling is (Handling.SENT if fault == "idle" else Handling.UNCERTAIN)
        assert hand_over(there, 3).handling is Handling.SENT

    assert box.connections == 2


# -- dropped ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "handling"),
    [
        ("mid", Handling.DEFERRED),
        ("before", Handling.UNCERTAIN),
        ("after", Handling.UNCERTAIN),
        ("hangs", Handling.UNCERTAIN),
        ("nonsense", Handling.UNCERTAIN),
    ],
)
def test_a_connection_that_ends(fault: str, handling: Handling) -> None:
    """Before the final dot the letter has not been taken; after it nobody can know (faults 64 and 65)."""
    with postbox.relay(fault, times=1) as box, session(box.port, final=0.3) as there:
        outcome = hand_over(there, body=b"x\r\n" * 2_000_000 if fault == "mid" else b"x\r\n")
        taken = len(box.letters)
        assert hand_over(there, 2).handling is Handling.SENT

    assert (outcome.handling, outcome.fatal, outcome.again) == (handling, False, True)
    assert box.dots == (1 if fault == "mid" else 2)
    assert taken == (fault in {"after", "hangs", "nonsense"})


def test_a_body_that_is_refused_while_it_is_sent() -> None:
    """The dot is not sent, so the letter cannot have been taken; what the server said is told."""
    with postbox.relay("early", times=1) as box, session(box.port) as there:
        outcome = hand_over(there, body=b"x\r\n" * 2_000_000)

    assert outcome.handling in {Handling.REFUSED, Handling.DEFERRED}  # the answer may be lost with the connection
    assert outcome.again
    assert (box.dots, box.letters) == (0, [])


def _drip(connection: socket.socket) -> None:
    connection.sendall(b"220 hello\r\n")
    connection.recv(1000)
    connection.settimeout(0.02)
    while True:
        connection.sendall(b"2")
        try:
            if not connection.recv(1):
                return
        except TimeoutError:
            continue


def test_a_byte_at_a_time_holds_nobody_up() -> None:
    """All the time that a server takes is bounded."""
    started = time.monotonic()
    with postbox.talker(_drip) as port, session(port, read=5, total=0.4) as there:
        assert "took longer" in hand_over(there).answer

    assert time.monotonic() - started < 4


# -- not safely ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("security", "host", "url", "step", "said"),
    [
        ("none", "localhost", f"smtp://{LOGIN}localhost:PORT?starttls=required", Step.TLS, "offers no TLS"),
        ("starttls", "other.example.org", f"smtp://{LOGIN}localhost:PORT?starttls=required", Step.TLS, "cannot be reached safely"),
        ("tls", "other.example.org", f"smtps://{LOGIN}localhost:PORT", Step.TLS, "cannot be reached safely"),
        ("tls", "localhost", f"smtps://{USER}:wrongpa55@localhost:PORT", Step.LOGIN, "does not let us in: 535"),
    ],
)
def test_nothing_is_sent_that_is_not_safe(security: str, host: str, url: str, step: Step, said: str) -> None:
    """Without TLS, with another one's certificate, or not let in: no letter, no password, and no word of it (fault 66)."""
    with postbox.postbox(security, host=host) as box, session(box.port, url) as there:
        outcome = hand_over(there)

    assert (outcome.handling, outcome.fatal, outcome.again) == (Handling.DEFERRED, True, True)
    assert said in outcome.answer
    assert there.step is step
    assert box.letters == []
    assert [login for login in box.logins if login[1] == PASSWORD] == []
    assert "wrongpa55" not in outcome.answer
    assert PASSWORD not in outcome.answer
