"""One letter in, handed over to a mail server: the only smtplib.

TLS is checked, and demanded of every server but one on this machine; a password never goes over the wire without it. All the
time that a server takes is bounded, also where it sends a byte at a time. What stands in a header is plain text: no value can
add a header, also not by way of encoded words, which some releases of Python unfold into new lines (CVE-2024-6923); and what
is sent is read once more before, to see that it holds the headers it should and no other.
"""

import email
import email.policy
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from digest import secrets
from digest.addresses import MailServer, mail_server, mailbox
from digest.errors import MailError

_LONGEST_SUBJECT = 200
_LARGEST_REPLY = 2**16
_POLICY = email.policy.SMTP.clone(max_line_length=998)
"""Lines of 78 letters are Python's default, and it takes long addresses in headers to pieces to get there."""
_HEADERS = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"]
_READY = 220
_AUTH_REFUSED = frozenset({530, 534, 535, 538})


@dataclass(frozen=True, slots=True)
class Letter:
    """What is to be sent, as text."""

    sender: str
    to: str
    """Each one mail address and nothing else."""
    subject: str
    text: str
    date: datetime
    name: str
    """What stands before the ``@`` of the Message-ID: a letter that is sent twice has it twice."""

    def __bytes__(self) -> bytes:
        """Return the letter as it goes over the wire.

        Raises:
            MailError: its headers would not be the ones that were meant.

        """
        try:
            sender, to = mailbox(self.sender), mailbox(self.to)
        except ValueError as exc:
            raise MailError(str(exc)) from exc
        message = EmailMessage(policy=_POLICY)
        message["From"] = Address("cvdigest", addr_spec=sender)
        message["To"] = to
        message["Subject"] = header(self.subject)
        message["Date"] = format_datetime(self.date)
        message["Message-ID"] = f"<{re.sub(r'[^A-Za-z0-9.-]', '-', self.name)[:100]}@{sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(
            "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in self.text), cte="quoted-printable"
        )
        content = message.as_bytes()
        found = email.message_from_bytes(content, policy=email.policy.compat32).keys()
        if sorted(found) != sorted(_HEADERS):
            msg = "a letter is not sent, because its headers are not the ones that were meant"
            raise MailError(msg, advice="please report this")
        return content


def header(text: str) -> str:
    """Return *text* as the value of a header: one line, and nothing in it is an encoded word."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:_LONGEST_SUBJECT]
    return re.sub(r"=(?=\?)", "= ", line)


@dataclass(frozen=True, slots=True)
class Server:
    """Takes letters, one at a time."""

    place: MailServer
    read: float = 10.0
    """Seconds of silence that are borne."""
    total: float = 30.0
    """Seconds that a letter may take from beginning to end."""
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context, repr=False)

    @classmethod
    def from_url(cls, url: str, *, read: float = 10.0, total: float = 30.0, context: ssl.SSLContext | None = None) -> "Server":
        """Return the server at *url*, in the forms of `digest.addresses`.

        Raises:
            MailError: it is no such address, or asks for what is not safe.

        """
        try:
            return cls(mail_server(url), read, total, context or ssl.create_default_context())
        except ValueError as exc:
            raise MailError(str(exc)) from None  # the error before it may hold the address

    def send(self, letter: Letter) -> None:
        """Hand a letter over.

        Raises:
            MailError: the server did not take it, or did not say that it did.

        """
        content = bytes(letter)
        self._within(lambda session: session.sendmail(letter.sender, [letter.to], content), "the letter may have arrived all the same")

    def check(self) -> None:
        """Connect, see that TLS holds, log in, and leave without a letter.

        Raises:
            MailError: one of these failed.

        """
        self._within(lambda session: session.noop(), "try again later")

    def _within(self, work: Callable[[smtplib.SMTP], object], late: str) -> None:
        """Run a session in a thread of its own, which is given up when its time is over; *late* is what the reader should know then."""
        session = _Session(self.place.host, self.read, self.context if self.place.security == "tls" else None)
        errors: list[BaseException] = []

        def run() -> None:
            try:
                self._session(session, work)
            except BaseException as exc:  # noqa: BLE001 - every error is carried over to the thread that waits
                errors.append(exc)

        thread = threading.Thread(target=run, name="mail", daemon=True)
        thread.start()
        thread.join(self.total)
        if thread.is_alive():
            session.give_up()
            msg = f"{self._who} took longer than {self.total:.3g} s"
            raise MailError(msg, advice=late)
        if errors:
            raise self._translated(errors[0]) from None  # what smtplib raises may quote what was sent to log in

    def _session(self, session: smtplib.SMTP, work: Callable[[smtplib.SMTP], object]) -> None:
        place = self.place
        try:
            code, said = session.connect(place.host, place.port)
            if code != _READY:
                raise smtplib.SMTPConnectError(code, said)
            session.ehlo()
            if place.security == "starttls":
                if not session.has_extn("starttls"):
                    raise smtplib.SMTPNotSupportedError(_NO_TLS)
                session.starttls(context=self.context)
                session.ehlo()
            if place.password:
                session.login(place.user, place.password)
            work(session)
            with suppress(smtplib.SMTPException, OSError):  # whatever it says to our farewell, it has the letter
                session.quit()
        finally:
            session.close()

    @property
    def _who(self) -> str:
        return f"the mail server {self.place.host}:{self.place.port}"

    def _translated(self, error: BaseException) -> MailError:
        """Return the error of ours that one of smtplib's, of TLS or of the network means."""
        who = self._who
        if isinstance(error, smtplib.SMTPRecipientsRefused):
            return MailError(f"{who} takes no letters for the operator: {self._said(*next(iter(error.recipients.values())))}")
        if isinstance(error, smtplib.SMTPResponseException):
            said = self._said(error.smtp_code, error.smtp_error)
            if error.smtp_code in _AUTH_REFUSED:
                return MailError(f"{who} does not let us in: {said}", advice="see the user's name and the password")
            return MailError(f"{who} does not take the letter: {said}", advice="try again later")
        if isinstance(error, smtplib.SMTPNotSupportedError):
            if str(error) == _NO_TLS:
                return MailError(f"{who} offers no TLS, so nothing is sent", advice="use smtps://, or another server")
            return MailError(f"{who} knows no way to log in that is known here", advice="if it needs none, leave the password out")
        if isinstance(error, UnicodeError):
            return MailError(f"{who} cannot be told a password with letters beyond ASCII", advice="choose another password")
        return self._unreached(error)

    def _unreached(self, error: BaseException) -> MailError:
        """Return the error of ours for one that has nothing to do with letters."""
        who = self._who
        if isinstance(error, ssl.SSLError):
            reason = getattr(error, "verify_message", "") or error.reason or "TLS failed"
            return MailError(f"{who} cannot be reached safely: {reason}", advice="is the connection being tampered with?")
        # smtplib makes a dropped connection out of a silence.
        if isinstance(error, TimeoutError) or "timed out" in str(error):
            return MailError(f"{who} was silent for {self.read:.3g} s", advice="try again later")
        if isinstance(error, smtplib.SMTPServerDisconnected):
            return MailError(f"{who} dropped the connection", advice="try again later")
        if isinstance(error, OSError):
            return MailError(f"{who} cannot be reached: {error.strerror or type(error).__name__}", advice="is this machine online?")
        return MailError(f"{who} could not be told: {type(error).__name__}")

    def _said(self, code: int, text: bytes | str) -> str:
        """Return what a server answered, as one short line without secrets."""
        words = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        line = " ".join("".join(letter if letter.isprintable() else " " for letter in words).split())
        return f"{code} {secrets.mask(line, (self.place.password,))[:200]}".strip()


_NO_TLS = "no TLS"


class _Reply:
    """What a server answers, up to a bound: smtplib would read an answer of endless lines for ever."""

    def __init__(self, file: Any) -> None:  # noqa: ANN401 - the file of a socket
        self._file = file
        self._left = _LARGEST_REPLY

    def readline(self, size: int) -> bytes:
        line: bytes = self._file.readline(size)
        self._left -= len(line)
        if self._left < 0:
            msg = "an answer without an end"
            raise OSError(msg)
        return line

    def close(self) -> None:
        self._file.close()


class _Session(smtplib.SMTP):
    """A session that can be ended from outside; with a *context*, TLS begins with the first byte."""

    def __init__(self, host: str, read: float, context: ssl.SSLContext | None) -> None:
        # smtplib would ask the network for this machine's whole name.
        name = socket.gethostname()
        super().__init__(local_hostname=name if re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", name) else "[127.0.0.1]", timeout=read)
        self._host = host  # what STARTTLS holds the certificate against
        self._context = context

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = _Reply(self.sock.makefile("rb"))
        return super().getreply()

    def give_up(self) -> None:
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain = socket.create_connection((host, port), timeout)
        if self._context is None:
            return plain
        self.sock = plain  # so that it can be given up while TLS is being agreed on
        try:
            return self._context.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise
