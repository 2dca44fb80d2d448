"""A real SMTP server on loopback, with TLS by a certificate of its own, that keeps what it gets; and one that misbehaves."""

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "digest", "p@ss:w/ör d".encode("ascii", "ignore").decode()


@dataclass
class Postbox:
    """What arrived."""

    port: int = 0
    letters: list[bytes] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    refuse: str = ""
    """What a recipient is answered, if it is to be refused."""
    refused: dict[str, str] = field(default_factory=dict)
    """What single recipients are answered that are to be refused."""
    quota: int = 10**9
    """So many letters are taken; what a recipient is answered after these is in `over`."""
    a_session: int = 10**9
    """So many recipients are taken over one connection; what others are answered is in `over`."""
    over: str = "550 5.4.5 daily limit exceeded"
    takes: Callable[[int], object] = lambda _count: None
    """Is told how many letters were taken, with each one, before that is said."""
    refuse_sender: str = ""
    """What a sender is answered, if it is to be refused."""
    refuse_letter: str = ""
    """What a letter is answered that has arrived, if it is to be refused."""

    async def handle_MAIL(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:
        if self.refuse_sender:
            return self.refuse_sender
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, _server: SMTP, session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:
        if said := self.refused.get(address, self.refuse):
            return said
        before = getattr(session, "taken", 0)
        if len(self.letters) >= self.quota or before >= self.a_session:
            return self.over
        vars(session)["taken"] = before + 1
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.original_content, bytes)
        if self.refuse_letter:
            return self.refuse_letter
        self.letters.append(envelope.original_content)
        self.senders.append(str(envelope.mail_from))
        self.recipients += envelope.rcpt_tos
        self.takes(len(self.letters))
        return "250 OK"


@cache
def authority() -> trustme.CA:
    """Return who vouches for the server."""
    return trustme.CA()


@cache
def trusting() -> ssl.SSLContext:
    """Return what a client needs to believe the server."""
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


def certified(host: str) -> ssl.SSLContext:
    """Return what a server at *host* shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(host).configure_cert(context)
    return context


@contextmanager
def postbox(security: str = "tls", *, host: str = "localhost", login: bool = True) -> Iterator[Postbox]:
    """Run a server; *security* is ``tls``, ``starttls`` or ``none``."""
    box = Postbox()

    def authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: LoginPassword) -> AuthResult:
        found = (data.login.decode(), data.password.decode())
        box.logins.append(found)
        return AuthResult(success=found == (USER, PASSWORD), handled=False)

    class Here(Controller):
        def factory(self) -> SMTP:
            starttls = certified(host) if security == "starttls" else None
            return SMTP(
                self.handler, hostname="postbox.example.org", tls_context=starttls, require_starttls=starttls is not None,
                authenticator=authenticate, auth_required=login and security == "starttls", auth_require_tls=security == "starttls",
            )  # fmt: skip

    with socket.create_server(("127.0.0.1", 0)) as free:
        box.port = free.getsockname()[1]
    controller = Here(box, hostname="127.0.0.1", port=box.port, ssl_context=certified(host) if security == "tls" else None)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


@contextmanager
def talker(script: Callable[[socket.socket], None]) -> Iterator[int]:
    """Run a server that hands each connection to *script*; give its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(5)
            script(connection)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


@dataclass
class Relay:
    """A server that a test steers down to the byte, and that writes what it does into a log of Postfix's form.

    Where nothing is to go wrong it takes letters as Postfix does. What goes wrong it does `times` times.
    """

    fault: str = ""
    """``banner`` (hangs before it), ``421``, ``mid`` (drops in the body), ``early`` (answers in the body), ``before`` and ``after``
    (drops after the final dot, without and with having taken the letter),
    ``hangs`` (has taken it, and says nothing), ``nonsense``, ``idle`` (421 at a sender)."""
    times: int = 10**9
    log: Path | None = None
    pipelining: bool = False
    """Whether it says that it takes several commands at once."""
    refuses: str = ""
    """A recipient who is refused."""
    strict: bool = True
    """Whether it takes no letter without a recipient."""
    letters: list[bytes] = field(default_factory=list)
    """Those that were taken."""
    recipients: list[str] = field(default_factory=list)
    """Those that it was asked to take letters for."""
    dots: int = 0
    """How many letters came up to their end."""
    connections: int = 0
    hung: threading.Event = field(default_factory=threading.Event)
    """Is set when it hangs, or has dropped a connection."""
    port: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _count: int = 0
    _lines: int = 0
    _moved: threading.Condition = field(default_factory=threading.Condition, repr=False)

    def moves(self, lines: int, seconds: float) -> bool:
        """Wait until it has read so many lines more; say whether it has within so many seconds."""
        with self._moved:
            wanted = self._lines + lines
            return self._moved.wait_for(lambda: self._lines >= wanted, seconds)

    def takes(self, name: str, seconds: float) -> bool:
        """Wait until it has taken the letter of a Message-ID; say whether it has within so many seconds."""
        with self._moved:
            return self._moved.wait_for(lambda: name in self.identifiers(), seconds)

    def _read(self, file: Any) -> bytes:
        line: bytes = file.readline()
        with self._moved:
            self._lines += 1
            self._moved.notify_all()
        return line

    def identifiers(self) -> list[str]:
        """Return the Message-IDs of what was taken."""
        return [identifier(letter) for letter in self.letters]

    def _goes_wrong(self, *faults: str) -> bool:
        with self._lock:
            if self.fault not in faults or not self.times:
                return False
            self.times -= 1
            return True

    def _write(self, service: str, process: int, text: str) -> None:
        if self.log is not None:
            with self._lock, self.log.open("a") as file:
                file.write(f"{time.strftime('%b %d %H:%M:%S')} relay postfix/{service}[{process}]: {text}\n")

    def serve(self, connection: socket.socket) -> None:
        """Take what one client sends."""
        with self._lock:
            self.connections += 1
            process = 1000 + self.connections
        if self._goes_wrong("banner"):
            self.hung.set()
            connection.recv(1)
            return
        if self._goes_wrong("421"):
            connection.sendall(b"421 4.3.2 not now\r\n")
            return
        connection.sendall(b"220 relay.example.org ESMTP\r\n")
        file = connection.makefile("rb")
        refused, sender = False, ""
        while line := self._read(file):
            command = line[:4].upper()
            if command == b"MAIL" and self._goes_wrong("idle"):
                connection.sendall(b"421 4.4.2 idle for too long\r\n")
                return
            if command == b"DATA" and refused and self.strict:
                connection.sendall(b"554 5.5.1 no valid recipients\r\n")
            elif command == b"DATA":
                if not self._data(connection, file, process, sender):
                    return
            elif command == b"QUIT":
                connection.sendall(b"221 bye\r\n")
                return
            else:
                named = line.decode().partition("<")[2].partition(">")[0]
                sender = named if command == b"MAIL" else sender
                if command == b"RCPT":
                    recipient = named
                    with self._lock:
                        self.recipients.append(recipient)
                    refused = recipient == self.refuses
                said = b"250-relay.example.org\r\n250 PIPELINING" if command == b"EHLO" and self.pipelining else b"250 relay.example.org"
                connection.sendall((b"550 5.1.1 nobody" if command == b"RCPT" and refused else said) + b"\r\n")

    def _data(self, connection: socket.socket, file: Any, process: int, sender: str) -> bool:
        with self._lock:
            self._count += 1
            queue = f"{self._count:08X}"
        self._write("smtpd", process, f"{queue}: client=localhost[127.0.0.1]")
        connection.sendall(b"354 go on\r\n")
        lines: list[bytes] = []
        drops, early = self._goes_wrong("mid"), self._goes_wrong("early")
        while (line := self._read(file)) and line != b".\r\n":
            if not lines and (drops or early):
                if early:
                    connection.sendall(b"552 5.3.4 too large\r\n")
                self.hung.set()
                return False
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
            if line.lower().startswith(b"message-id:"):
                self._write("cleanup", process + 5000, f"{queue}: message-id={line.split(b':', 1)[1].strip().decode()}")
        if not line:
            self._write("smtpd", process, "lost connection after DATA (0 bytes) from localhost[127.0.0.1]")
            return False
        with self._lock:
            self.dots += 1
        if self._goes_wrong("before"):
            self._write("smtpd", process, "lost connection after DATA (0 bytes) from localhost[127.0.0.1]")
            return False
        with self._lock:
            self.letters.append(b"".join(lines))
        with self._moved:
            self._moved.notify_all()
        self._write("qmgr", 999, f"{queue}: from=<{sender}>, size=1, nrcpt=1 (queue active)")
        if self._goes_wrong("hangs"):
            self.hung.set()
            connection.recv(1)
            return False
        if self._goes_wrong("after"):
            return False
        connection.sendall(b"\xff nonsense\r\n" if self._goes_wrong("nonsense") else b"250 2.0.0 Ok: queued\r\n")
        return True


def identifier(letter: bytes) -> str:
    """Return the Message-ID of a letter."""
    found = re.search(rb"^Message-ID: (\S+)", letter, re.IGNORECASE | re.MULTILINE)
    assert found
    return found[1].decode()


@contextmanager
def relay(fault: str = "", times: int = 10**9, log: Path | None = None) -> Iterator[Relay]:
    """Run a server that a test steers."""
    box = Relay(fault, times, log)
    if log is not None and not (log.exists() and log.stat().st_size):
        log.write_text("2020-01-01T00:00:00+00:00 relay postfix/master[1]: daemon started\n")  # it begins before all letters
    with talker(box.serve) as port:
        box.port = port
        yield box
