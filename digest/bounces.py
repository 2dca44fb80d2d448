"""Letters that came back, read from where the mail server puts them: a maildir, or a mailbox by IMAP.

    maildir, IMAP | messages not marked as seen | what each says | whose letter it was | scored, and perhaps stopped | marked as seen

What counts is in the store before a message is marked, and a message is counted once, by its SHA-256: so that to be killed in between
does no harm. Nothing is deleted.
"""

import hashlib
import imaplib
import re
import ssl
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from digest.addresses import ImapServer, imap_server
from digest.core import bouncing
from digest.core.bouncing import LARGEST, Returned, returned
from digest.core.subscription import Standing
from digest.core.tokens import verp_of
from digest.errors import MailError
from digest.store import bounces, subscribers
from digest.store.database import Database

_MOST = 10_000
"""Messages that are read at a time; the others are read the next time."""
_PATIENCE = 30.0
"""Seconds for each answer of a mailbox."""
_KEPT = timedelta(days=90)
"""For so long a message is known again, should it come to be unseen."""
_UID = re.compile(rb"\d{1,10}")


@dataclass(frozen=True, slots=True)
class Tally:
    """What was found in a mailbox."""

    read: int = 0
    counted: int = 0
    """Of these, letters that came back to a subscriber."""
    stopped: int = 0
    """Subscribers who are written to no more."""

    @property
    def line(self) -> str:
        """What was found, in one line."""
        stopped = f", subscribers stopped: {self.stopped:,}" if self.stopped else ""
        return f"messages read: {self.read:,}, letters that came back: {self.counted:,}{stopped}"


class Mailbox(Protocol):
    """Messages that came in."""

    def unseen(self) -> Iterator[tuple[str, bytes]]:
        """Yield each message that is not marked: what it is called here, and its first bytes."""
        ...

    def mark(self, name: str) -> None:
        """Mark a message as seen."""
        ...


def take(database: Database, key: bytes, place: str, now: datetime) -> Tally:
    """Count what came back to *place*, the setting ``bounces``; *key* is that of the links, by which envelopes are signed.

    Raises:
        MailError: the mailbox cannot be read.
        StoreError: the database cannot be written.

    """
    read = counted = stopped = 0
    with _opened(place) as box:
        for name, message in box.unseen():
            report = returned(message)
            read += 1
            if report is not None and (subscriber := _whose(report, key)) is not None:
                with database.write() as connection:
                    if bounces.note(connection, hashlib.sha256(message).hexdigest(), now):
                        counted += 1
                        stopped += count(connection, subscriber, report.points, now)
            box.mark(name)
    if read:
        with database.write() as connection:
            bounces.forget(connection, now - _KEPT)
    return Tally(read, counted, stopped)


def count(connection: sa.Connection, subscriber: int, points: float, now: datetime) -> bool:
    """Count that a letter to a subscriber came back or was refused; say whether that was once too often, so that they get no more."""
    found = subscribers.by_key(connection, subscriber)
    if found is None or found.standing is not Standing.CONFIRMED:
        return False
    score = bouncing.scored(found.score, found.scored, points, now.date())
    if found.scored is None or now.date() > found.scored:
        subscribers.score(connection, subscriber, score, now.date())
    if not bouncing.too_many(score):
        return False
    subscribers.stop(connection, subscriber, now)
    return True


def _whose(report: Returned, key: bytes) -> int | None:
    """Return whose letter it was; None if no address is signed, or several are by which it is not to be told."""
    found = {subscriber for address in report.addresses if (subscriber := verp_of(key, address)) is not None}
    return found.pop() if len(found) == 1 else None


@contextmanager
def _opened(place: str) -> Iterator[Mailbox]:
    """Open a mailbox; whatever goes wrong with it is told without what may be a password."""
    if "://" not in place:
        try:
            yield _Maildir(Path(place))
        except OSError as exc:
            msg = f"bounces: {exc.filename or place} cannot be read: {exc.strerror}"
            raise MailError(msg, advice="name a maildir, a folder that holds cur, new and tmp") from exc
        return
    server = imap_server(place)
    try:
        with _connected(server) as session:
            yield _Imap(session)
    except (OSError, imaplib.IMAP4.error) as exc:
        why = exc.strerror if isinstance(exc, OSError) and exc.strerror else type(exc).__name__
        msg = f"bounces: the mailbox at {server.host} cannot be read: {why}"
        raise MailError(msg) from None  # the session's error may quote what was sent


# -- a maildir ----------------------------------------------------------------------------------------------------------


class _Maildir:
    """A folder with a file for each message (https://cr.yp.to/proto/maildir.html)."""

    def __init__(self, folder: Path) -> None:
        self._new, self._cur = folder / "new", folder / "cur"

    def unseen(self) -> Iterator[tuple[str, bytes]]:
        found = [*self._new.iterdir(), *(path for path in self._cur.iterdir() if "S" not in path.name.partition(":2,")[2])]
        for path in sorted(path for path in found if not path.name.startswith("."))[:_MOST]:
            with suppress(FileNotFoundError):  # another reader has marked it
                if not stat.S_ISREG(path.lstat().st_mode):
                    continue
                with path.open("rb") as file:
                    message = file.read(LARGEST)
                yield str(path), message

    def mark(self, name: str) -> None:
        unique, _, flags = Path(name).name.partition(":2,")
        with suppress(FileNotFoundError):
            Path(name).rename(self._cur / f"{unique}:2,{''.join(sorted({*flags, 'S'}))}")


# -- a mailbox by IMAP --------------------------------------------------------------------------------------------------


@contextmanager
def _connected(server: ImapServer) -> Iterator[imaplib.IMAP4]:
    if server.tls:
        context = ssl.create_default_context()
        session: imaplib.IMAP4 = imaplib.IMAP4_SSL(server.host, server.port, ssl_context=context, timeout=_PATIENCE)
    else:
        session = imaplib.IMAP4(server.host, server.port, timeout=_PATIENCE)
    try:
        session.login(server.user, server.password)
        status, _ = session.select(f'"{server.folder}"')
        if status != "OK":
            msg = "there is no such folder"
            raise OSError(0, msg)
        yield session
    finally:
        with suppress(OSError, imaplib.IMAP4.error):
            session.logout()


class _Imap:
    """A folder of a mailbox (RFC 3501)."""

    def __init__(self, session: imaplib.IMAP4) -> None:
        self._session = session

    def unseen(self) -> Iterator[tuple[str, bytes]]:
        _, found = self._session.uid("search", "UNSEEN")
        numbers = [number.decode() for line in found if isinstance(line, bytes) for number in _UID.findall(line)]
        for number in numbers[:_MOST]:
            # Without PEEK the server would mark it at once, before it is counted.
            _, parts = self._session.uid("fetch", number, f"(BODY.PEEK[]<0.{LARGEST}>)")
            if message := next((part[1] for part in parts if isinstance(part, tuple)), b""):
                yield number, message[:LARGEST]

    def mark(self, name: str) -> None:
        self._session.uid("store", name, "+FLAGS.SILENT", r"(\Seen)")
