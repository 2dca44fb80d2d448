"""Subscribers as who runs this copy deals with them: added, imported, exported, ended, erased.

Somebody is written to who confirmed. The operator may vouch for that, who has it in writing say; else a letter asks. Whoever has
unsubscribed is asked again at most, and whoever was erased is not even asked.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from time import monotonic, sleep

from digest.core.roster import Person, Refused
from digest.core.subscription import CONFIRM_WITHIN, Choice, Purpose, Standing, Subscriber
from digest.core.tokens import digest_of, token
from digest.recipients import Recipient, address_hash
from digest.store import outbox, subscribers
from digest.store.database import Connection, Database
from digest.store.subscribers import Link
from digest.subscriptions import Subscriptions, keep_links, links_of, new_nonce

_AT_ONCE = 500
_PAGE = 1000
_TURN, _REST = 0.3, 0.15
"""Seconds that an import writes at a time, about, and for which it lets others write: SQLite looks only every tenth of a second whether it
may."""
_ERASED = "was erased, and is never written to again"
_VOID = {
    Standing.ENDED: "has unsubscribed",
    Standing.STOPPED: "is written to no more, because letters came back",
}


class Became(StrEnum):
    """What became of somebody."""

    CONFIRMED = "confirmed"
    """Gets letters from now on, or got them before, with the new choice."""
    ASKED = "asked"
    """Is sent a letter that asks to confirm."""
    KNOWN = "known"
    """Was there, and stays as they are."""
    ENDED = "ended"
    """Is kept as somebody who is not to be written to."""
    REFUSED = "refused"


@dataclass(slots=True)
class Imported:
    """What a file led to."""

    counts: Counter[Became] = field(default_factory=Counter)
    refused: list[Refused] = field(default_factory=list)


class _DryError(Exception):
    """Takes back what was only tried."""


@dataclass(frozen=True, slots=True)
class Register:
    """The subscribers of a database."""

    database: Database
    key: bytes = field(repr=False)
    """The secret that links are derived from."""

    def add(self, who: Recipient, choice: Choice, now: datetime, *, vouched: bool = False) -> tuple[Became, str]:
        """Add somebody, or let somebody choose anew who is there; return what became of them, and why if they are refused.

        Without *vouched*, they are asked to confirm, however often, and until then nothing changes.
        """
        if vouched:
            with self.database.write() as connection:
                return self._vouch(connection, who, choice, now)
        asked = Subscriptions(self.database, self.key).invite(who, choice, now)
        return (Became.ASKED, "") if asked else (Became.REFUSED, _ERASED)

    def _vouch(self, connection: Connection, who: Recipient, choice: Choice, now: datetime) -> tuple[Became, str]:
        person = subscribers.by_canonical(connection, who.canonical)
        if subscribers.is_stranger(connection, address_hash(who.canonical)):
            return Became.REFUSED, _ERASED
        if person is None:
            person = subscribers.add(connection, who.address, who.canonical, choice, Standing.CONFIRMED, new_nonce(), now)
        elif person.standing in _VOID:
            return Became.REFUSED, f"{_VOID[person.standing]}; without --confirmed, a letter asks"
        elif person.standing is Standing.PENDING:
            person = subscribers.confirm(connection, person.key, person.nonce, now, choice)
        else:
            subscribers.choose(connection, person.key, choice)
            outbox.catch_up(connection, person, now)
        keep_links(connection, self.key, person)
        return Became.CONFIRMED, ""

    def remove(self, who: Recipient, now: datetime) -> bool:
        """Unsubscribe somebody; say whether there is anybody of this address."""
        with self.database.write() as connection:
            found = subscribers.by_canonical(connection, who.canonical)
            if found is not None and found.standing is not Standing.ENDED:
                subscribers.end(connection, found.key, now)
            return found is not None

    def listed(self, standing: Standing | None = None) -> Iterator[Subscriber]:
        """Yield everybody, or everybody of one standing, in the order in which they came."""
        after = 0
        while True:
            with self.database.read() as connection:
                page = subscribers.listed(connection, standing, after, _PAGE)
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1].key

    # -- many ----------------------------------------------------------------------------------------------------------

    def take(self, found: Iterable[Person | Refused], now: datetime, *, vouched: bool = False, dry: bool = False) -> Imported:
        """Add the people of a file, some at a time, so that nobody waits long who unsubscribes meanwhile; return what became of them.

        What breaks off can be done again: who was added then is there already.

        Who is there already stays as they are, but for those whom the file says to have unsubscribed. With *vouched*, those are
        confirmed of whom the file does not say otherwise; all others are asked. With *dry*, nothing is kept.
        """
        report = Imported()
        people = list[Person]()
        for one in found:  # before the transaction, which keeps others waiting
            people.append(one) if isinstance(one, Person) else report.refused.append(one)
        done = 0
        while done < len(people):
            if done:
                sleep(_REST)
            with suppress(_DryError), self.database.write() as connection:
                begun = monotonic()
                while done < len(people) and monotonic() - begun < _TURN:
                    self._take(connection, people[done : done + _AT_ONCE], report, now, vouched=vouched)
                    done += _AT_ONCE
                if dry:
                    raise _DryError
        report.refused.sort(key=lambda one: one.line)
        report.counts[Became.REFUSED] = len(report.refused)
        return report

    def _take(self, connection: Connection, people: list[Person], report: Imported, now: datetime, *, vouched: bool) -> None:
        known = subscribers.known(connection, [one.recipient.canonical for one in people])
        hashes = {one.recipient.canonical: address_hash(one.recipient.canonical) for one in people}
        erased = subscribers.strangers_among(connection, hashes.values())
        new = list[tuple[Person, Standing]]()
        for one in people:
            standing = _meant(one, vouched=vouched)
            there = known.get(one.recipient.canonical)
            if hashes[one.recipient.canonical] in erased:
                report.refused.append(Refused(one.line, f"{one.recipient.address} {_ERASED}"))
            elif there is None:
                new.append((one, standing))
            elif standing is Standing.ENDED and there[1] is not Standing.ENDED:
                subscribers.end(connection, there[0], now)
                report.counts[Became.ENDED] += 1
            elif there[1] in _VOID and standing not in _VOID:
                report.refused.append(Refused(one.line, f"{one.recipient.address} {_VOID[there[1]]}"))
            else:
                report.counts[Became.KNOWN] += 1
        self._add(connection, new, now)
        for _, standing in new:
            report.counts[_BECAME[standing]] += 1

    def _add(self, connection: Connection, new: list[tuple[Person, Standing]], now: datetime) -> None:
        nonces = [new_nonce() for _ in new]
        rows = [
            {
                "address": one.recipient.address,
                "canonical": one.recipient.canonical,
                "choice": one.choice,
                "standing": standing,
                "nonce": nonce,
                "made": one.made or now,
                "confirmed": _confirmed(one, standing, now),
                "ended": (one.ended or now) if standing in _VOID else None,
            }
            for nonce, (one, standing) in zip(nonces, new, strict=True)
        ]
        keys = subscribers.add_many(connection, rows)
        links = list[Link]()
        for key, nonce, (_, standing) in zip(keys, nonces, new, strict=True):
            links += self._links(key, nonce, standing, now)
        subscribers.keep_tokens(connection, links)
        outbox.ask_many(connection, [key for key, (_, standing) in zip(keys, new, strict=True) if standing is Standing.PENDING], now)

    def _links(self, key: int, nonce: str, standing: Standing, now: datetime) -> Iterator[Link]:
        """Yield the links that letters to somebody hold, as the store keeps them."""
        yield from links_of(self.key, key, nonce)
        if standing is Standing.PENDING:
            yield Link(digest_of(token(self.key, Purpose.CONFIRM, key, nonce)), key, Purpose.CONFIRM, now + CONFIRM_WITHIN)


_BECAME = {
    Standing.CONFIRMED: Became.CONFIRMED,
    Standing.PENDING: Became.ASKED,
    Standing.ENDED: Became.ENDED,
    Standing.STOPPED: Became.ENDED,
}


def _confirmed(one: Person, standing: Standing, now: datetime) -> datetime | None:
    """Return when somebody confirmed: who is asked has not, whatever was so where the file comes from."""
    if standing is Standing.PENDING:
        return None
    return one.confirmed or (now if standing is Standing.CONFIRMED else None)


def _meant(one: Person, *, vouched: bool) -> Standing:
    """Return what somebody is to be who is new."""
    if one.standing in _VOID:
        return one.standing
    return Standing.CONFIRMED if vouched and one.standing in (None, Standing.CONFIRMED) else Standing.PENDING
