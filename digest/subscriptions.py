"""What people do about their letters: ask for them, confirm that, choose otherwise, end it. Nobody but the reader of an address does.

    ask                        an address that anybody may have typed: a letter a day asks its reader to confirm, and one more after an end
    confirm, change, end       by the token of a link that was sent to that address; ask_again by one too, after an end
    invite, erase, export      by whoever runs this copy, or for the person

Who asks learns nothing: what is done for an address that is known, unknown or erased takes the same answer. How often it may be
done is bounded for each client, for each address, and for all together.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from digest.core.subscription import CONFIRM_WITHIN, Choice, Purpose, Standing, Subscriber, choice_object
from digest.core.tokens import digest_of, fingerprint, shape, token
from digest.recipients import Recipient, address_hash, mailbox_of, recipient
from digest.store import asked, outbox, runs, subscribers
from digest.store.database import Connection, Database
from digest.store.subscribers import Link

MOST_A_CLIENT, MOST_TAGGED, MOST_OF_ALL = 100, 3, 1000
"""How often a client may ask a day, how many letters go a day to addresses of one mailbox beside its own, and how often all ask an hour."""
MOST_AFTER_END = 1
"""How many letters more go a day to an address whose reader has unsubscribed since the last one."""
RESERVED = 500
"""So many of all in an hour are for clients that have not asked yet that day: a few that ask without end do not shut out the others."""
_END_PATIENCE = 20.0
"""Seconds that an end waits for a database that another program holds: a mail program that is told to try again later does not."""
_PIECE, _PIECES = 5000, 20
"""Rows that are forgotten at once, and how often one after the other."""
_ALL = "all"
_KEY = "key of links"
_NONCE_BYTES, _ONCE_BYTES = 16, 8
_TRANSLATED = IPv6Network("64:ff9b::/96")
"""Addresses of IPv4 as a translator writes them (RFC 6052)."""
_NETWORKS = {64: 1, 56: 2, 48: 4}
"""Bits of an IPv6 address that tell clients from others, and how much more they may ask: providers give away networks of these sizes."""


def new_nonce() -> str:
    """Return a nonce for somebody new."""
    return secrets.token_hex(_NONCE_BYTES)


def links_of(key: bytes, subscriber: int, nonce: str) -> list[Link]:
    """Return the links that stand in each letter to somebody."""
    return [
        Link(digest_of(token(key, purpose, subscriber, nonce)), subscriber, purpose) for purpose in (Purpose.MANAGE, Purpose.UNSUBSCRIBE)
    ]


def keep_links(connection: Connection, key: bytes, person: Subscriber) -> None:
    """See that the links are known that stand in each letter to somebody: without this, nobody could unsubscribe by them."""
    for link in links_of(key, person.key, person.nonce):
        subscribers.keep_token(connection, link)


def adopt(database: Database, key: bytes, now: datetime) -> bool:
    """See that links are known by the key that letters are written with; say whether it is another one than before.

    If it is, all links that were sent are void, as whoever knows the former key could make them, and those in new letters are good.

    Raises:
        StoreError: the database cannot be written.

    """
    own = fingerprint(key)
    with database.read() as connection:
        if runs.fact(connection, _KEY) == own:
            return False
    with database.write() as connection:
        before = runs.fact(connection, _KEY)
        if before == own:  # another process has done it meanwhile
            return False
        runs.note_fact(connection, _KEY, own)
        awaited = subscribers.open_confirmations(connection, now)
        subscribers.void_all(connection)
        after = 0
        while page := subscribers.listed(connection, after=after):
            links = [link for person in page for link in links_of(key, person.key, person.nonce)]
            for person in page:
                if person.key in awaited:
                    sha256 = digest_of(token(key, Purpose.CONFIRM, person.key, person.nonce))
                    links.append(Link(sha256, person.key, Purpose.CONFIRM, *awaited[person.key]))
            subscribers.keep_tokens(connection, links)
            after = page[-1].key
        return before is not None


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """The subscriptions that a database keeps."""

    database: Database
    key: bytes = field(repr=False)
    """The secret that links are derived from."""
    domain: str = ""
    """Of the list: nobody is asked there, as letters that come back would come back for ever."""

    # -- by whoever types an address ----------------------------------------------------------------------------------

    def ask(self, address: str, choice: Choice, now: datetime, client: str = "") -> bool:
        """Ask the reader of an address to confirm that letters are wanted; return False if too much was asked for lately.

        *client* is the network address of who asks; "" is not bounded by itself. That an address is asked only once a day, and once
        more after an end, or never, is not to be seen here.

        Raises:
            ValueError: that is no address, or one of the list itself; the message is for whoever typed it.
            StoreError: the database cannot be written.

        """
        found = recipient(address)
        if self.domain and found.canonical.endswith(f"@{self.domain.lower()}"):
            msg = f"no letters go to {found.address}: it is an address of this list itself"
            raise ValueError(msg)
        day, hour = asked.day(now), asked.hour(now)
        own = {self._bucket("client", name): most for name, most in _clients(client)}
        with self.database.read() as connection:  # who asks too much is not worth a write
            if _too_often(connection, own, day, hour):
                return False
        with self.database.write() as connection:
            if _too_often(connection, own, day, hour):  # others may have asked meanwhile
                return False
            if asked.count(connection, _ALL, hour) == 1:
                _sweep(connection, now)
            for bucket in own:
                asked.count(connection, bucket, day)
            tagged = self._bucket("mailbox", mailbox_of(found.canonical)) if mailbox_of(found.canonical) != found.canonical else ""
            if not tagged or asked.times(connection, tagged, day) < MOST_TAGGED:
                told = self._sign_up(connection, found, choice, now)
                if tagged and told:
                    asked.count(connection, tagged, day)
        return True

    def invite(self, who: Recipient, choice: Choice, now: datetime) -> bool:
        """Ask somebody to confirm, as whoever runs this copy does: however often; return False if they were erased.

        The letter takes the place of one that waits.

        Raises:
            StoreError: the database cannot be written.

        """
        with self.database.write() as connection:
            return self._sign_up(connection, who, choice, now, always=True)

    def _sign_up(self, connection: Connection, who: Recipient, choice: Choice, now: datetime, *, always: bool = False) -> bool:
        """Ask somebody to confirm; say whether a letter goes to them."""
        address, canonical = who.address, who.canonical
        if subscribers.is_stranger(connection, address_hash(canonical)):
            return False
        person = subscribers.by_canonical(connection, canonical)
        if person is None:
            person = subscribers.add(connection, address, canonical, choice, Standing.PENDING, new_nonce(), now)
        told = outbox.ask(connection, person.key, now, always=always)
        after_end, day = self._bucket("end", canonical), asked.day(now)
        if not told and asked.times(connection, after_end, day) < MOST_AFTER_END:
            told = outbox.ask(connection, person.key, now, ended=True)
            if told:
                asked.count(connection, after_end, day)
        if told:
            # What is confirmed is what that letter says, whatever is asked for later that day, and by whomever.
            subscribers.want(connection, person.key, choice)
            nonce = f"{person.nonce.partition('.')[0]}.{secrets.token_hex(_ONCE_BYTES)}"
            subscribers.renew(connection, person.key, nonce)
            sha256 = digest_of(token(self.key, Purpose.CONFIRM, person.key, nonce))
            subscribers.keep_token(connection, Link(sha256, person.key, Purpose.CONFIRM, now + CONFIRM_WITHIN, choice))
        keep_links(connection, self.key, person)  # also where they are there, so that it takes about as long
        return told

    def _bucket(self, what: str, who: str) -> str:
        return hmac.digest(self.key, f"asked/{what}/{who}".encode(), "sha256").hex()[:32]

    # -- by who has a link --------------------------------------------------------------------------------------------

    def known(self, text: str, purpose: Purpose, now: datetime) -> Subscriber | None:
        """Return whom a token is for; None if it is malformed, unknown, over, used, or for another purpose."""
        with self.database.read() as connection:
            return _found(connection, text, purpose, now)

    def confirms(self, text: str, person: Subscriber) -> Choice:
        """Return what somebody gets who confirms by a link.

        Raises:
            DigestError: what is kept of it cannot be understood.

        """
        with self.database.read() as connection:
            return subscribers.confirms(connection, digest_of(text)) or subscribers.chosen(person)

    def confirmed(self, text: str, now: datetime) -> Subscriber | None:
        """Return who gets letters since they confirmed by a link, which is looked at once more; None if there is nobody."""
        if not shape(text):
            return None
        with self.database.read() as connection:
            found = subscribers.by_used(connection, digest_of(text), now)
        return found if found is not None and found.standing is Standing.CONFIRMED else None

    def confirm(self, text: str, now: datetime) -> Subscriber | None:
        """Confirm, by the link in a letter that asked for it, which is used then; None if it is not good."""
        with self.database.write() as connection:
            person = _found(connection, text, Purpose.CONFIRM, now)
            if person is None:
                return None
            # Who has an old letter, which may have gone through other hands since, can end it, and change nothing else.
            nonce = new_nonce() if person.standing in (Standing.ENDED, Standing.STOPPED) else person.nonce
            choice = subscribers.confirms(connection, digest_of(text))
            before, person = person, subscribers.confirm(connection, person.key, nonce, now, choice)
            outbox.catch_up(connection, before, now)
            keep_links(connection, self.key, person)
            return person

    def change(self, text: str, choice: Choice, now: datetime) -> Subscriber | None:
        """Choose otherwise, by a link that manages; None if it is not good. Who gets no letters goes on getting none."""
        with self.database.write() as connection:
            person = _found(connection, text, Purpose.MANAGE, now)
            if person is not None and person.standing is Standing.CONFIRMED:
                subscribers.choose(connection, person.key, choice)
                outbox.catch_up(connection, person, now)
                return subscribers.by_key(connection, person.key)
            return person

    def ask_again(self, text: str, now: datetime) -> tuple[Subscriber | None, bool]:
        """Ask somebody to confirm anew after an end, by a link that manages; return who it is, and whether a letter goes to them.

        Nobody if the link is not good. The link alone brings nobody back: it stands in letters that may have been forwarded since.
        """
        with self.database.write() as connection:
            person = _found(connection, text, Purpose.MANAGE, now)
            if person is None or person.standing not in (Standing.ENDED, Standing.STOPPED):
                return person, False
            return person, self._sign_up(connection, recipient(person.address), person.choice, now)

    def end(self, text: str, now: datetime, purpose: Purpose = Purpose.UNSUBSCRIBE) -> Subscriber | None:
        """Unsubscribe, by the link in any letter; None if it is not good. To end it once more is no mistake."""
        with self.database.write(patience=_END_PATIENCE) as connection:
            person = _found(connection, text, purpose, now)
            if person is not None and person.standing is not Standing.ENDED:
                subscribers.end(connection, person.key, now)
                return subscribers.by_key(connection, person.key)
            return person

    # -- by whoever runs this copy ------------------------------------------------------------------------------------

    def erase(self, address: str, now: datetime) -> bool:
        """Remove all that is known of who has an address, and never write to it again; return whether anything was known.

        Raises:
            ValueError: that is no address.

        """
        found = recipient(address)
        with self.database.write() as connection:
            person = subscribers.by_canonical(connection, found.canonical)
            if person is None:
                subscribers.estrange(connection, address_hash(found.canonical), now)
                return False
            subscribers.erase(connection, person.key, address_hash(found.canonical), now)
            return True

    def export(self, address: str) -> dict[str, Any] | None:
        """Return all that is stored of who has an address, for a JSON document; None if nothing is.

        Raises:
            ValueError: that is no address.

        """
        found = recipient(address)
        with self.database.read() as connection:
            person = subscribers.by_canonical(connection, found.canonical)
            if person is None:
                erased = subscribers.is_stranger(connection, address_hash(found.canonical))
                return {"address": found.address, "erased": True} if erased else None
            wanted = subscribers.wanted(connection, person.key)
            return {
                "address": person.address,
                "standing": person.standing.value,
                "choice": person.damage or choice_object(person.choice),
                "wanted": choice_object(wanted) if wanted else None,
                "made": _moment(person.made),
                "asked": _moment(subscribers.asked(connection, person.key)),
                "confirmed": _moment(person.confirmed),
                "ended": _moment(person.ended),
                "bounce_score": person.score,
                "bounced": str(person.scored) if person.scored else None,
                "links": [
                    {"purpose": purpose.value, "until": _moment(until), "used": _moment(used)}
                    for purpose, until, used in subscribers.links(connection, person.key)
                ],
                "letters": [
                    {
                        "of": f"{row.mailing.category} {row.mailing.date} {row.mailing.frequency.value}" if row.mailing else row.recipient,
                        "handling": row.handling.value,
                        "tries": row.tries,
                        "first": _moment(row.first),
                        "since": _moment(row.since),
                        "answer": row.answer,
                    }
                    for row in outbox.of_subscriber(connection, person.key)
                ],
            }


def _found(connection: Connection, text: str, purpose: Purpose, now: datetime) -> Subscriber | None:
    return subscribers.by_token(connection, digest_of(text), purpose, now) if shape(text) else None


def forget_late(database: Database, now: datetime) -> None:
    """Throw away what is kept of people for some time only: see `_sweep`, and what became of their letters long ago.

    Where nobody asks any more, nothing else would do it.

    Raises:
        StoreError: the database cannot be written.

    """
    with database.read() as connection:
        is_late = subscribers.is_late(connection, now - CONFIRM_WITHIN)
    if is_late:
        with database.write() as connection:
            _sweep(connection, now)
    for _ in range(_PIECES):  # others write in between
        with database.read() as connection:
            keys = outbox.old(connection, now, _PIECE)
        if not keys:
            break
        with database.write() as connection:
            outbox.forget(connection, keys)


def _sweep(connection: Connection, now: datetime) -> None:
    """Throw away what is counted no more, links that are over, and people who never confirmed."""
    asked.sweep(connection, now)
    subscribers.drop_tokens(connection, now)
    subscribers.forget(connection, now - CONFIRM_WITHIN)


def _too_often(connection: Connection, own: Mapping[str, int], day: str, hour: str) -> bool:
    """Say whether a client has asked too often, by what is counted of it and how often each may be; or all together have."""
    times = {bucket: asked.times(connection, bucket, day) for bucket in own}
    reserved = RESERVED if any(times.values()) else 0
    return asked.times(connection, _ALL, hour) >= MOST_OF_ALL - reserved or any(times[bucket] >= most for bucket, most in own.items())


def _clients(address: str) -> list[tuple[str, int]]:
    """Return what tells a client from others, and how often each may ask: of an IPv6 address the networks that it is in."""
    if not address:
        return []
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return [(address, MOST_A_CLIENT)]
    if isinstance(found := _itself(found), IPv4Address):
        return [(str(found), MOST_A_CLIENT)]
    return [(str(ip_network((found, bits), strict=False)), MOST_A_CLIENT * more) for bits, more in _NETWORKS.items()]


def _itself(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 address stands for, on a socket that takes both, or behind a translator; else itself."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _TRANSLATED:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _moment(value: datetime | None) -> str | None:
    return f"{value:%Y-%m-%dT%H:%M:%SZ}" if value else None
