"""Letters: safe headers, TLS or nothing, and no server that holds us up. Read on the wire, by a real SMTP server on loopback."""

import base64
import email
import email.policy
import re
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from digest.addresses import mail_server, mailbox, webhook
from digest.errors import MailError
from digest.mail import Letter, Server
from digest.smtp import said
from tests import postbox
from tests.postbox import PASSWORD, USER

NAMES = {"from", "to", "subject", "date", "message-id", "auto-submitted", "mime-version", "content-type", "content-transfer-encoding"}
LOGIN = f"{USER}:{quote(PASSWORD, safe='')}@"


def letter(subject: str = "A Subject", text: str = "Words.\n") -> Letter:
    """Return a letter."""
    return Letter("digest@example.org", "you@example.org", subject, text, datetime(2026, 11, 20, 3, tzinfo=UTC), "date-failed-cs.CV")


def server(box: postbox.Postbox, url: str) -> Server:
    """Return a client of ours for the server at *url*, with ``PORT`` for its port."""
    return Server.from_url(url.replace("PORT", str(box.port)), read=2, total=4, context=postbox.trusting())


def parsed(content: bytes) -> EmailMessage:
    """Return a letter as a mail program reads it."""
    return email.message_from_bytes(content, policy=email.policy.default)


# -- the headers -----------------------------------------------------------------------------------------------------------

HOSTILE = (
    "A survey =?UTF-8?Q?=0A?=Bcc: injected@example.com",
    "=?utf-8?b?DQpCY2M6IGluamVjdGVkQGV4YW1wbGUuY29tDQoNCg==?= text",
    "A title\r\nBcc: injected@example.com",
    "A title\nBcc: injected@example.com\n\nbody",
    "=?=?utf-8?q?=0ABcc:x?=?=",
    "é =?UTF-8?Q?=0D=0A?=Bcc: injected@example.com",
    "\u2028Bcc: x\x85Bcc: y\x0bBcc: z",
    "\ud800 unpaired",
    "x" * 5000,
)


@given(
    subject=st.one_of(
        st.text(max_size=80),
        st.lists(st.sampled_from(["=?", "?=", "utf-8?q?", "=0A", "\n", "Bcc: x@y.z", " ", "é"]), max_size=14).map("".join),
    )
)
@settings(max_examples=80, deadline=None)
@example(HOSTILE[0])
@example(HOSTILE[1])
@example(HOSTILE[2])
@example(HOSTILE[3])
@example(HOSTILE[4])
@example(HOSTILE[5])
@example(HOSTILE[6])
@example(HOSTILE[7])
@example(HOSTILE[8])
def test_no_subject_adds_a_header(subject: str) -> None:
    """Whatever a title holds, the letter has its own headers and no other, each once and each on one line (trap T3)."""
    content = bytes(letter(subject))
    head, _, body = content.partition(b"\r\n\r\n")

    assert body == b"Words.\r\n"
    assert sorted(line.partition(b":")[0].decode().lower() for line in head.split(b"\r\n") if not line.startswith(b" ")) == sorted(NAMES)
    assert {name.lower() for name in parsed(content)} == NAMES
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", content)
    assert max(map(len, content.split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (b"Subject: ", b"Subject: A survey\r\nBcc: injected@example.com\r\n "),
        (b"Subject: ", b"Subject: A survey\r\n\r\n"),
        (b"To: ", b"To: injected@example.com\r\nTo: "),
        (b"Date: ", b"X-Date: "),
    ],
)
def test_a_letter_is_read_again_before_it_is_sent(monkeypatch: pytest.MonkeyPatch, right: bytes, wrong: bytes) -> None:
    """Where Python writes other headers than were meant, as some releases do (CVE-2024-6923, played here), no letter is sent."""
    written = EmailMessage.as_bytes

    def unfolded(message: EmailMessage) -> bytes:
        content = written(message)
        assert right in content
        return content.replace(right, wrong, 1)

    monkeypatch.setattr(EmailMessage, "as_bytes", unfolded)
    with pytest.raises(MailError, match="its headers are not the ones that were meant"):
        bytes(letter("A survey"))


@pytest.mark.parametrize("subject", ["Detecting Objects in Fog", "Größe und Übermaß", "点云 of 100 % = ?", "a = ? b"])
def test_a_subject_is_read_as_it_was_written(subject: str) -> None:
    """Letters beyond ASCII arrive."""
    assert parsed(bytes(letter(subject)))["Subject"] == subject


def test_a_text_is_read_as_it_was_written() -> None:
    """So do they in the text, and lines that begin with a dot, and long ones."""
    text = ".\n..\nGröße = 3\nFrom here\n" + "x" * 3000 + "\n"
    content = bytes(letter(text=text))

    assert content.isascii()
    assert parsed(content).get_content().replace("\r\n", "\n") == text


@pytest.mark.parametrize(
    "address",
    ["you@example.org\r\nBcc: x@example.org", "a@x, b@y", "<a@x>", "", "a b@x", "-a@x", "a@x@y", "é@x", "a" * 65 + "@x", '"a b"@x', "a@-x"],
)
def test_an_address_is_one_mailbox(address: str) -> None:
    """An address that is more or less than one addr-spec is refused, in the settings and in a letter."""
    with pytest.raises(ValueError, match="no mail address"):
        mailbox(address)
    with pytest.raises(MailError, match="no mail address"):
        bytes(Letter("digest@example.org", address, "s", "t", datetime(2026, 11, 20, tzinfo=UTC), "n"))


# -- addresses of servers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "security", "port"),
    [
        ("smtps://u:p@mail.example.org", "tls", 465),
        ("smtp://u:p@mail.example.org", "starttls", 587),
        ("smtp://u:p@mail.example.org:2525?starttls=required", "starttls", 2525),
        ("smtp://127.0.0.1:25", "none", 25),
        ("smtp://u:p@localhost?starttls=required", "starttls", 587),
        ("smtp://[::1]:25", "none", 25),
    ],
)
def test_how_a_server_is_reached(url: str, security: str, port: int) -> None:
    """Everything but this machine is reached by TLS."""
    found = mail_server(url)

    assert (found.security, found.port) == (security, port)
    assert "password" not in repr(found)


@pytest.mark.parametrize(
    "url",
    [
        "http://u:hunter22@mail.example.org",
        "mail.example.org",
        "smtp://u:hunter22@127.0.0.1",
        "smtp://u:hunter22@mail.example.org?starttls=no",
        "smtps://u:hunter22@mail.example.org?starttls=required",
        "smtps://u:hunter22@mail.example.org/hunter22",
        "smtps://:hunter22@mail.example.org",
        "smtps://u:hunter22@",
        "smtps://u:hunter22@h:99999",
        "smtps://u:hunter22@h\r\nx",
        "smtps://u:hunter22%0d%0a@h",
    ],
)
def test_an_address_of_a_server_that_is_refused(url: str) -> None:
    """What is no address, or would send a password in the clear, is refused without being quoted."""
    with pytest.raises(ValueError, match=r"mail server|TLS") as caught:
        mail_server(url)

    assert "hunter22" not in str(caught.value)
    assert "://" in url or "smtps://user:password@mail.example.org" in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://example.org/secret22", "ftp://h/secret22", "https://u:secret22@h/", "https:///secret22", "https://h/a secret22", "x"]
)
def test_a_web_hook_that_is_refused(url: str) -> None:
    """A web-hook is told over TLS, or on this machine; what is refused is not quoted."""
    with pytest.raises(ValueError, match="web-hook") as caught:
        webhook(url)

    assert "secret22" not in str(caught.value)


# -- the wire --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("security", "scheme"), [("tls", "smtps"), ("starttls", "smtp")])
def test_a_letter_is_handed_over_by_tls(security: str, scheme: str) -> None:
    """It arrives as it was made, after a login, from and to the addresses that were meant."""
    sent = letter(HOSTILE[0], "Words.\n.\nMore.\n")
    with postbox.postbox(security) as box:
        there = server(box, f"{scheme}://{LOGIN}localhost:PORT{'?starttls=required' if scheme == 'smtp' else ''}")
        there.check()
        assert box.letters == []
        there.send(sent)

    assert box.letters == [bytes(sent)]
    assert (box.senders, box.recipients) == (["digest@example.org"], ["you@example.org"])
    assert set(box.logins) == {(USER, PASSWORD)}


def test_a_letter_on_this_machine_needs_no_tls() -> None:
    """A relay on loopback takes letters as they are."""
    with postbox.postbox("none", login=False) as box:
        server(box, "smtp://127.0.0.1:PORT").send(letter())

    assert len(box.letters) == 1


def test_without_tls_nothing_is_sent() -> None:
    """Where STARTTLS was taken out on the way, neither the password nor the letter goes out (fault 66)."""
    with postbox.postbox("none") as box, pytest.raises(MailError, match="offers no TLS"):
        server(box, f"smtp://{LOGIN}localhost:PORT?starttls=required").send(letter())

    assert (box.letters, box.logins) == ([], [])


@pytest.mark.parametrize(("security", "scheme"), [("tls", "smtps"), ("starttls", "smtp")])
def test_a_certificate_of_somebody_else_is_refused(security: str, scheme: str) -> None:
    """The certificate must be for the host that was meant."""
    with postbox.postbox(security, host="other.example.org") as box, pytest.raises(MailError, match="cannot be reached safely"):
        server(box, f"{scheme}://{LOGIN}localhost:PORT{'?starttls=required' if scheme == 'smtp' else ''}").send(letter())

    assert (box.letters, box.logins) == ([], [])


def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    """By default, who vouches is who the system trusts."""
    with postbox.postbox() as box, pytest.raises(MailError, match="cannot be reached safely"):
        Server.from_url(f"smtps://{LOGIN}localhost:{box.port}", read=2, total=4).send(letter())


def test_a_login_that_is_refused_quotes_no_password() -> None:
    """The error says what to look at, and neither it nor what is below it holds the password."""
    with postbox.postbox() as box, pytest.raises(MailError, match="does not let us in: 535") as caught:
        server(box, f"smtps://{USER}:wrongpa55@localhost:PORT").send(letter())

    assert "wrongpa55" not in f"{caught.value}{caught.value.__cause__}"
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("quoted", ["\0digest\0s3cret-word", "s3cret-word", "digest"])
def test_a_server_that_quotes_the_login_gives_nothing_away(quoted: str) -> None:
    """What goes over the wire is the password in another form, which anybody can read."""
    place = mail_server("smtps://digest:s3cret-word@mail.example.org")
    code = base64.b64encode(quoted.encode()).decode()

    assert said(place, 502, f"5.5.2 not known: AUTH PLAIN {code}".encode()) == "502 5.5.2 not known: AUTH PLAIN ***"


def test_a_recipient_that_is_refused() -> None:
    """The server's reason is told, as plain text."""
    with postbox.postbox() as box:
        box.refuse = "550 no such \x1b[2Jmailbox"
        with pytest.raises(MailError, match=r"no letters for the operator: 550 no such +\[2Jmailbox"):
            server(box, f"smtps://{LOGIN}localhost:PORT").send(letter())


def test_nobody_there() -> None:
    """A server that is not there is said to be that."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(MailError, match="cannot be reached"):
        Server.from_url(f"smtp://127.0.0.1:{port}").check()


def _drip(connection: socket.socket) -> None:
    connection.settimeout(0.02)
    while True:
        connection.sendall(b"2")
        try:
            if not connection.recv(1):
                return
        except TimeoutError:
            continue


def _endless(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"220-hello\r\n" * 1000)


def _silent(connection: socket.socket) -> None:
    connection.recv(1)


def _aloof(connection: socket.socket) -> None:
    connection.sendall(b"220 hello\r\n")
    while connection.recv(100):
        connection.sendall(b"550 5.7.1 not you\r\n")


def _drops(connection: socket.socket) -> None:
    connection.sendall(b"220 hello\r\n")


@pytest.mark.parametrize(
    ("script", "bounds", "said"),
    [
        (_drip, (5, 0.5), "took longer"),
        (_silent, (0.3, 5), "was silent"),
        (_endless, (5, 9), "gave an answer without an end"),
        (lambda connection: connection.sendall(b"220 " + b"a" * 10_000 + b"\r\n"), (5, 9), "gave an answer without an end"),
        (lambda connection: connection.sendall(b"421 4.3.2 not now\r\n"), (5, 9), "does not talk to us: 421 4.3.2 not now"),
        (_aloof, (5, 9), "does not talk to us: 550 5.7.1 not you"),
        (_drops, (5, 9), "dropped the connection"),
        (lambda connection: connection.sendall(b"554 go away\r\n"), (5, 9), "554 go away"),
        (lambda connection: connection.sendall(b"\xff\xfe\x00 nonsense\r\n"), (5, 9), "does not talk to us: -1 nonsense"),
    ],
)
def test_a_server_that_misbehaves_holds_nobody_up(script: Callable[[socket.socket], None], bounds: tuple[float, float], said: str) -> None:
    """A byte at a time, lines without end, silence, nonsense: an error within the bound, in few words (fault 60)."""
    read, total = bounds
    started = time.monotonic()
    with postbox.talker(script) as port, pytest.raises(MailError, match=said):
        Server.from_url(f"smtp://127.0.0.1:{port}", read=read, total=total).check()

    assert time.monotonic() - started < 8
