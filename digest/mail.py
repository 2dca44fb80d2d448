"""One letter in, handed over to a mail server.

TLS is checked, and demanded of every server but one on this machine; a password never goes over the wire without it. All the
time that a server takes is bounded, also where it sends a byte at a time. What stands in a header is plain text: no value can
add a header, also not by way of encoded words, which some releases of Python unfold into new lines (CVE-2024-6923); and what
is sent is read once more before, to see that it holds the headers it should and no other.
"""

import email
import email.policy
import re
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from digest.addresses import MailServer, mail_server, mailbox
from digest.errors import MailError
from digest.smtp import UNTOLD, LateError, Wire, explained

_LONGEST_SUBJECT = 200
_POLICY = email.policy.SMTP.clone(max_line_length=998)
"""Lines of 78 letters are Python's default, and it takes long addresses in headers to pieces to get there."""
_HEADERS = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"]


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

    def _within(self, work: Callable[[Wire], object], late: str) -> None:
        """Run a session within bounds; *late* is what the reader should know if it took too long."""
        wire = Wire(self.place, self.read, self.context)

        def session() -> None:
            try:
                wire.begin()
                work(wire)
                with suppress(*UNTOLD):  # whatever it says to our farewell, it has the letter
                    wire.quit()
            finally:
                wire.close()

        try:
            wire.within(self.total, session)
        except LateError as exc:
            raise MailError(explained(exc, self.place, self.read).message, advice=late) from None
        except Exception as exc:  # noqa: BLE001 - what it means is said in our words
            raise explained(exc, self.place, self.read) from None  # what smtplib raises may quote what was sent to log in
