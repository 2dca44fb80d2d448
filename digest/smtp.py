"""A connection to a mail server, within bounds of time and size: the only smtplib.

    name resolution | connection | TLS | log-in | sender | recipient | letter

TLS is checked, and demanded of every server but one on this machine; a password never goes over the wire without it.
"""

import base64
import re
import select
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from typing import Any

from digest import secrets
from digest.addresses import MailServer
from digest.errors import MailError

UNTOLD = (smtplib.SMTPException, OSError)
"""What says that a server cannot be asked any more."""
_LARGEST_REPLY = 2**16
_PIECE = 2**16
_READY = 220
_AUTH_REFUSED = frozenset({530, 534, 535, 538})
_NO_TLS = "no TLS"
_LATE = "took longer than"
_ENDLESS = "an answer without an end"


class LateError(TimeoutError):
    """All the time that a server may take has passed."""


class Step(StrEnum):
    """How far a session has come."""

    NAME = "name resolution"
    CONNECTION = "connection"
    TLS = "TLS"
    LOGIN = "log-in"
    SENDER = "sender"
    RECIPIENT = "recipient"
    LETTER = "letter"


class Wire(smtplib.SMTP):
    """A session of SMTP that can be ended from outside, and bears no silence longer than *read* seconds."""

    def __init__(self, place: MailServer, read: float, context: ssl.SSLContext) -> None:
        # smtplib would ask the network for this machine's whole name.
        name = socket.gethostname()
        super().__init__(local_hostname=name if re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", name) else "[127.0.0.1]", timeout=read)
        self.place = place
        self.read = read
        self.step = Step.NAME
        self.deadline = float("inf")
        """When an answer is no longer waited for, by the monotonic clock."""
        self._host = place.host  # what STARTTLS holds the certificate against
        self._context = context

    def begin(self) -> None:
        """Connect, agree on TLS, and log in, as the address of the server says.

        Raises:
            smtplib.SMTPException, OSError: one of these failed; `step` says which.

        """
        place = self.place
        code, said = self.connect(place.host, place.port)
        if code != _READY:
            raise smtplib.SMTPConnectError(code, said)
        self.ehlo_or_helo_if_needed()
        if place.security == "starttls":
            self.step = Step.TLS
            if not self.has_extn("starttls"):
                raise smtplib.SMTPNotSupportedError(_NO_TLS)
            self.starttls(context=self._context)
            self.ehlo_or_helo_if_needed()
        if place.password:
            self.step = Step.LOGIN
            self.login(place.user, place.password)
        self.step = Step.SENDER

    def within(self, seconds: float, work: Callable[[], object]) -> None:
        """Do some work in a thread of its own, and give the session up when its time is over: a name may be looked up for ever.

        Raises:
            LateError: it took longer.
            BaseException: whatever the work raised.

        """
        errors: list[BaseException] = []

        def run() -> None:
            try:
                work()
            except BaseException as exc:  # noqa: BLE001 - every error is carried over to the thread that waits
                errors.append(exc)

        thread = threading.Thread(target=run, name="mail", daemon=True)
        thread.start()
        thread.join(seconds)
        if thread.is_alive():
            self.give_up()
            msg = f"{_LATE} {seconds:.3g} s"
            raise LateError(msg)
        if errors:
            raise errors[0]

    def give_up(self) -> None:
        """End the session, whatever another thread is doing with it."""
        self.deadline = -float("inf")  # a name that is found too late is not asked
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)

    def patience(self) -> float:
        """Return for how many seconds the socket may be silent now.

        Raises:
            LateError: for none.

        """
        left = self.deadline - time.monotonic()
        if left <= 0:
            msg = f"{_LATE} it may"
            raise LateError(msg)
        return min(left, self.read)

    def bear(self, sock: socket.socket) -> None:
        """Let the socket be silent for as long as it may be now.

        Raises:
            LateError: that is not at all.

        """
        seconds = self.patience()
        if sock.gettimeout() != seconds:  # to set it lets other threads go on first
            sock.settimeout(seconds)

    def getreply(self) -> tuple[int, bytes]:
        """Return an answer: its code, -1 for nonsense, and its text."""
        if self.sock is not None:
            if self.file is None:
                self.file = _Reply(self)
            self.file.left = _LARGEST_REPLY
        return super().getreply()

    def send(self, s: Any) -> None:  # noqa: ANN401 - text or bytes, as smtplib has it
        """Send a piece, by and by, until the deadline.

        Raises:
            smtplib.SMTPServerDisconnected: it cannot be sent.

        """
        whole = memoryview(s.encode(self.command_encoding) if isinstance(s, str) else s)
        for begin in range(0, len(whole), _PIECE):  # over TLS each has a time-out of its own
            try:
                if self.sock is not None:
                    self.bear(self.sock)
            except LateError as exc:
                self.close()
                raise smtplib.SMTPServerDisconnected(str(exc)) from None
            super().send(whole[begin : begin + _PIECE])

    def tell(self, *commands: str) -> None:
        """Send some commands in one piece.

        Raises:
            smtplib.SMTPServerDisconnected: they cannot be sent.
            ValueError: one of them is more than a line.

        """
        if any(set("\r\n").intersection(one) for one in commands):
            msg = "a command is one line"
            raise ValueError(msg)
        self.send("".join(f"{one}\r\n" for one in commands))

    def heard(self) -> bool:
        """Say, without waiting, whether the server has said something or dropped the connection; an answer can be read then."""
        if self.sock is None:
            return True
        if self.file is None:
            self.file = _Reply(self)
        return bool(self.file.glance())

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        self.step = Step.NAME
        addresses = [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        self.step = Step.CONNECTION
        plain = _connected(addresses, port, min(timeout, self.patience()))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.place.security != "tls":
            return plain
        self.step = Step.TLS
        self.sock = plain  # so that it can be given up while TLS is being agreed on
        try:
            return self._context.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise


def _connected(addresses: list[str], port: int, timeout: float) -> socket.socket:
    """Return a socket to the first address that answers."""
    for address in addresses[:-1]:
        with suppress(OSError):
            return socket.create_connection((address, port), timeout)
    return socket.create_connection((addresses[-1], port), timeout)


class _Reply:
    """What a server answers, up to a bound: smtplib would read an answer of endless lines for ever."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._held = bytearray()
        self.left = _LARGEST_REPLY

    def readline(self, size: int) -> bytes:
        """Return a line, or what there is of it at the end.

        Raises:
            OSError: it has *size* bytes or more, or the answer is too long.

        """
        while True:
            end = self._held.find(b"\n", 0, size) + 1
            if not end and len(self._held) >= size:
                raise OSError(_ENDLESS)
            if not end:
                sock = self._wire.sock
                if sock is None:
                    return b""
                self._wire.bear(sock)
                piece = sock.recv(_PIECE)
                self._held += piece
                if piece:
                    continue
                end = len(self._held)
            line = bytes(self._held[:end])
            del self._held[:end]
            self.left -= len(line)
            if self.left < 0:
                raise OSError(_ENDLESS)
            return line

    def glance(self) -> bool:
        """Say whether there is something to be read, or the end, without waiting."""
        sock = self._wire.sock
        if self._held or sock is None:
            return True
        there = select.poll()
        there.register(sock, select.POLLIN)
        if not there.poll(0) and not (isinstance(sock, ssl.SSLSocket) and sock.pending()):
            return False
        sock.settimeout(0)
        try:
            piece = sock.recv(_PIECE)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True
        self._held += piece
        return True

    def close(self) -> None:
        """Let go of what was read."""
        self._held.clear()


def explained(error: BaseException, place: MailServer, read: float) -> MailError:
    """Return the error of ours that one of smtplib's, of TLS or of the network means."""
    who = f"the mail server {place.host}:{place.port}"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return MailError(f"{who} takes no letters for the operator: {said(place, *next(iter(error.recipients.values())))}")
    if isinstance(error, smtplib.SMTPResponseException):
        words = said(place, error.smtp_code, error.smtp_error)
        if isinstance(error, smtplib.SMTPConnectError | smtplib.SMTPHeloError):
            return MailError(f"{who} does not talk to us: {words}", advice="try again later")
        if error.smtp_code in _AUTH_REFUSED:
            return MailError(f"{who} does not let us in: {words}", advice="see the user's name and the password")
        return MailError(f"{who} does not take the letter: {words}", advice="try again later")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        if str(error) == _NO_TLS:
            return MailError(f"{who} offers no TLS, so nothing is sent", advice="use smtps://, or another server")
        return MailError(f"{who} knows no way to log in that is known here", advice="if it needs none, leave the password out")
    if isinstance(error, UnicodeError):
        return MailError(f"{who} cannot be told a password with letters beyond ASCII", advice="choose another password")
    return _unreached(error, who, read)


def _unreached(error: BaseException, who: str, read: float) -> MailError:
    """Return the error of ours for one that has nothing to do with letters."""
    if isinstance(error, ssl.SSLError):
        reason = getattr(error, "verify_message", "") or error.reason or "TLS failed"
        return MailError(f"{who} cannot be reached safely: {reason}", advice="is the connection being tampered with?")
    # smtplib makes a dropped connection out of these.
    if _ENDLESS in str(error):
        return MailError(f"{who} gave {_ENDLESS}", advice="try again later")
    if _LATE in str(error):
        return MailError(f"{who} {_LATE}{str(error).partition(_LATE)[2]}", advice="try again later")
    if isinstance(error, TimeoutError) or "timed out" in str(error):
        return MailError(f"{who} was silent for {read:.3g} s", advice="try again later")
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return MailError(f"{who} dropped the connection", advice="try again later")
    if isinstance(error, OSError):
        # Where nobody listens on another machine, its packets are dropped as a rule; here they never are.
        advice = "does a mail server listen there?" if isinstance(error, ConnectionRefusedError) else "is this machine online?"
        return MailError(f"{who} cannot be reached: {error.strerror or type(error).__name__}", advice=advice)
    return MailError(f"{who} could not be told: {type(error).__name__}")


def said(place: MailServer, code: int, text: bytes | str) -> str:
    """Return what a server answered, as one short line without secrets."""
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in words).split())
    return f"{code} {secrets.mask(line, _hidden(place))[:200]}".strip()


def _hidden(place: MailServer) -> tuple[str, ...]:
    """Return the password as it is, and as it goes over the wire: a server may quote what it was told."""
    if not place.password:
        return ()
    told = (place.password, f"\0{place.user}\0{place.password}", place.user)
    return (place.password, *(base64.b64encode(one.encode()).decode() for one in told))
