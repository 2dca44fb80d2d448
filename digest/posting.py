"""What hands letters over, put together from the settings."""

import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic

from digest import bounces, sending
from digest.addresses import mail_server
from digest.core.subscription import CONFIRM_WITHIN, Frequency, Handling
from digest.core.tokens import verp
from digest.errors import DigestError, SettingsError, StoreError
from digest.handover import Session
from digest.letters import Composed, Letters
from digest.relaylog import RelayLog
from digest.sending import Report, Sending
from digest.settings import Settings, secret
from digest.store import outbox, subscribers
from digest.store.database import Database
from digest.store.outbox import Claimed
from digest.store.subscribers import chosen

_LONGEST_REST = 60
"""Rounds."""
_PUT_OFF_REST = 5
"""The same after a server that puts letters off, and says by that when to come again."""
_BETWEEN = 3600.0
"""Seconds between two looks at letters that came back."""


@dataclass(frozen=True, slots=True)
class Composer:
    """Makes the letter of a row, with what the database knows."""

    database: Database
    letters: Letters

    def __call__(self, row: Claimed, now: datetime) -> Composed | None:
        """Return the letter of a row; None if there is nothing in it for its reader.

        Raises:
            DigestError, KeyError: it cannot be made.

        """
        mailing, reader = row.mailing, row.subscriber
        assert reader is not None  # noqa: S101 - a web-hook gets no letter
        if mailing is None:
            with self.database.read() as connection:
                choice = subscribers.wanted(connection, reader.key) or chosen(reader)
                until = (subscribers.asked(connection, reader.key) or now) + CONFIRM_WITHIN
            return self.letters.confirmation(reader, choice, now, until, row.asked)
        chosen(reader)  # or no letter
        if mailing.frequency is Frequency.DAILY:
            return self.letters.compose(mailing, reader, now)
        with self.database.read() as connection:
            wanted = outbox.dates(connection, mailing, reader)
        days = self.letters.there(wanted)
        return self.letters.compose(mailing, reader, now, days) if days else None


def session(settings: Settings, environment: Mapping[str, str], context: ssl.SSLContext | None = None) -> Callable[[], Session]:
    """Return what makes a session with the mail server of the settings; who vouches for it is in *context*, else the system's.

    Raises:
        SettingsError: there is none, or its address cannot be used.

    """
    url = secret(settings, "mail_server", environment)
    if not url:
        msg = "no mail server is set"
        raise SettingsError(msg, advice="set mail_server: smtps://user:password@mail.example.org")
    try:
        place = mail_server(url)
    except ValueError as exc:
        raise SettingsError(str(exc)) from None  # the error before it may hold the address
    trusted = context or ssl.create_default_context()
    return lambda: Session(place, trusted)


def sender(  # noqa: PLR0913, PLR0917 - what letters are made of, and whom all is told
    settings: Settings,
    environment: Mapping[str, str],
    database: Database,
    letters: Letters,
    now: Callable[[], datetime],
    say: Callable[[str], None],
    warn: Callable[[str], None],
    ends: threading.Event,
    key: bytes,
) -> Sending:
    """Return what hands over all that is due of the settings' category; *key* is the secret that envelopes are signed with.

    Raises:
        SettingsError: there is no mail server, or its address cannot be used.

    """
    return Sending(
        database,
        session(settings, environment),
        Composer(database, letters),
        now,
        say,
        warn,
        lambda row: sending.message_id(row, settings.mail_list),
        settings.send_workers,
        settings.send_rate,
        settings.uncertain,
        RelayLog(settings.relay_log) if settings.relay_log else None,
        ends,
        settings.category,
        lambda row: verp(key, settings.mail_list, row.subscriber.key if row.subscriber else 0),
    )


@dataclass(slots=True)
class Courier:
    """Sends again and again, for a program that goes on; after a failure it lets the server be for longer and longer."""

    sending: Sending
    letters: Letters
    say: Callable[[str], None]
    warn: Callable[[str], None]
    failures: int = 0
    """How many rounds in a row ended in trouble."""
    _rests: int = 0
    """How many rounds are left out."""

    def round(self) -> Report | None:
        """Hand over what is due; None in a round that is left out.

        Raises:
            StoreError: the database cannot be used.

        """
        if self._rests:
            self._rests -= 1
            return None
        self.letters.renew()
        try:
            report = self.sending.run()
        except StoreError:
            self.failures += 1
            raise
        if any(report.counts.values()):
            self.say(f"letters: {report.line}")
        # One that takes so many in a minute and no more works.
        self.failures = self.failures + 1 if report.trouble and not report.counts[Handling.SENT] else 0
        self._rests = min(2**self.failures, _LONGEST_REST if not report.put_off else _PUT_OFF_REST) - 1 if self.failures else 0
        if report.trouble:
            self.warn(f"{report.trouble}; letters stay in the queue, and are tried again in {self._rests + 1} minutes")
        return report


@dataclass(slots=True)
class Returns:
    """Counts the letters that came back, once an hour, for a program that goes on. Nothing that goes wrong here is raised."""

    database: Database
    key: bytes
    """The secret that envelopes are signed with."""
    place: str
    """A maildir, or the address of a mailbox."""
    say: Callable[[str], None]
    warn: Callable[[str], None]
    clock: Callable[[], float] = monotonic
    """Seconds, that go on whatever the clock of the machine is set to."""
    _next: float = field(default=0.0, init=False)

    def round(self, now: datetime) -> None:
        """Count what came back, if it is time to; a mailbox that cannot be read is told of, and looked at again in an hour."""
        if self._next and self.clock() < self._next:
            return
        self._next = self.clock() + _BETWEEN
        try:
            found = bounces.take(self.database, self.key, self.place, now)
        except Exception as exc:  # noqa: BLE001 - letters are sent all the same
            what = exc if isinstance(exc, DigestError) else type(exc).__name__  # which may quote a password
            self.warn(f"{what}; letters that came back are not counted")
            return
        if found.read:
            self.say(found.line)
