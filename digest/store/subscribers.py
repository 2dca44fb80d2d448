"""Who is written to: addresses, what was chosen, and the links that were sent to them.

Each function works within the transaction of its connection.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from digest.core.subscription import Choice, Handling, Purpose, Standing, Subscriber, choice_object, kept_choice
from digest.errors import DigestError, StoreError
from digest.store.schema import deliveries, strangers, subscribers, tokens

_AT_ONCE = 500
"""How many people one statement names."""
_OPEN = (Handling.NEW, Handling.DEFERRED, Handling.UNCERTAIN)
"""What is not handed over, or not for certain, and is not being handed over just now."""

_ANEW = "let them choose anew, or bring a backup back with cvdigest db restore"


def _text(column: sa.Column[Any]) -> sa.ColumnElement[str]:
    """Return a column of JSON as it stands there, so that one row that is none spoils no other."""
    return sa.cast(column, sa.Text).label(column.name)


_COLUMNS = tuple(column if column is not subscribers.c.choice else _text(column) for column in subscribers.c)


def add(  # noqa: PLR0913, PLR0917 - somebody is made of this much
    connection: sa.Connection, address: str, canonical: str, choice: Choice, standing: Standing, nonce: str, now: datetime
) -> Subscriber:
    """Keep somebody new.

    Raises:
        StoreError: somebody has this canonical address already.

    """
    if connection.execute(sa.select(subscribers.c.id).where(subscribers.c.canonical == canonical)).first() is not None:
        msg = "there is a subscriber of this address already"
        raise StoreError(msg)
    values = {
        "address": address,
        "canonical": canonical,
        "standing": standing.value,
        "nonce": nonce,
        "made": now,
        "confirmed": now if standing is Standing.CONFIRMED else None,
        **_chosen(choice),
    }
    key = connection.execute(sa.insert(subscribers).values(values).returning(subscribers.c.id)).scalar_one()
    return _there(connection, key)


def add_many(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Keep many people who are new; return their keys in the same order.

    Each row has ``address``, ``canonical``, ``choice`` (a `Choice`), ``standing``, ``nonce`` and ``made``, and may have ``confirmed``
    and ``ended``.
    """
    if not rows:
        return []
    empty = {"confirmed": None, "ended": None}
    values = [{**empty, **row, "standing": row["standing"].value, **_chosen(row["choice"])} for row in rows]
    statement = sa.insert(subscribers).returning(subscribers.c.id, sort_by_parameter_order=True)
    return [int(key) for key in connection.execute(statement, values).scalars()]


def by_key(connection: sa.Connection, key: int) -> Subscriber | None:
    """Return somebody by key; None if there is nobody."""
    return _one(connection, subscribers.c.id == key)


def by_keys(connection: sa.Connection, keys: Collection[int]) -> dict[int, Subscriber]:
    """Return those of some keys that there are."""
    found: dict[int, Subscriber] = {}
    wanted = sorted(set(keys))
    for start in range(0, len(wanted), _AT_ONCE):
        rows = connection.execute(sa.select(*_COLUMNS).where(subscribers.c.id.in_(wanted[start : start + _AT_ONCE]))).mappings()
        found |= {row["id"]: subscriber(row) for row in rows}
    return found


def by_canonical(connection: sa.Connection, canonical: str) -> Subscriber | None:
    """Return who has a canonical address; None if nobody has."""
    return _one(connection, subscribers.c.canonical == canonical)


def by_token(connection: sa.Connection, sha256: str, purpose: Purpose, now: datetime) -> Subscriber | None:
    """Return whom a link is for, by the hash of its token; None if it is unknown, used, over, or good for something else."""
    mine = sa.select(tokens.c.subscriber).where(tokens.c.sha256 == sha256, tokens.c.purpose == purpose.value, tokens.c.used.is_(None))
    return _one(connection, subscribers.c.id == mine.where(_not_over(now)).scalar_subquery())


def by_used(connection: sa.Connection, sha256: str, now: datetime) -> Subscriber | None:
    """Return who has confirmed by the link with this hash, or by another one since it was sent, as long as it would be good."""
    mine = sa.select(tokens.c.subscriber).where(tokens.c.sha256 == sha256, tokens.c.used.is_not(None), _not_over(now))
    return _one(connection, subscribers.c.id == mine.scalar_subquery())


def listed(connection: sa.Connection, standing: Standing | None = None, after: int = 0, most: int = 1000) -> list[Subscriber]:
    """Return *most* of the people whose key is higher than *after*, in the order of keys; of one standing, if it is given."""
    chosen = sa.select(*_COLUMNS).where(subscribers.c.id > after).order_by(subscribers.c.id).limit(most)
    if standing is not None:
        chosen = chosen.where(subscribers.c.standing == standing.value)
    return [subscriber(row) for row in connection.execute(chosen).mappings()]


def known(connection: sa.Connection, canonicals: Collection[str]) -> dict[str, tuple[int, Standing]]:
    """Return key and standing of who has one of some canonical addresses."""
    found: dict[str, tuple[int, Standing]] = {}
    wanted_ = sorted(set(canonicals))
    columns = subscribers.c.canonical, subscribers.c.id, subscribers.c.standing
    for start in range(0, len(wanted_), _AT_ONCE):
        rows = connection.execute(sa.select(*columns).where(subscribers.c.canonical.in_(wanted_[start : start + _AT_ONCE])))
        found |= {canonical: (key, Standing(standing)) for canonical, key, standing in rows}
    return found


def counts(connection: sa.Connection) -> dict[Standing, int]:
    """Return how many people there are of each standing."""
    rows = connection.execute(sa.select(subscribers.c.standing, sa.func.count()).group_by(subscribers.c.standing))
    found = {Standing(standing): int(count) for standing, count in rows}
    return {standing: found.get(standing, 0) for standing in Standing}


@dataclass(frozen=True, slots=True)
class Departures:
    """Who is not to be written to any more, whatever a backup says."""

    left: Mapping[str, tuple[Standing, datetime]]
    """By canonical address: who has unsubscribed, or was stopped, and when."""
    erased: frozenset[str]
    """Hashes of addresses."""


def departures(connection: sa.Connection) -> Departures:
    """Return who has left."""
    gone = Standing.ENDED.value, Standing.STOPPED.value
    columns = subscribers.c.canonical, subscribers.c.standing, subscribers.c.ended, subscribers.c.made
    rows = connection.execute(sa.select(*columns).where(subscribers.c.standing.in_(gone)))
    left = {canonical: (Standing(standing), ended or made) for canonical, standing, ended, made in rows}
    return Departures(left, frozenset(connection.execute(sa.select(strangers.c.hash)).scalars()))


def depart(connection: sa.Connection, gone: Departures, hash_of: Callable[[str], str], now: datetime) -> int:
    """Let who has left elsewhere have left here, unless they confirmed since; return how many of those were here."""
    count = 0
    for address_hash in sorted(gone.erased):
        estrange(connection, address_hash, now)
    for canonical, key in connection.execute(sa.select(subscribers.c.canonical, subscribers.c.id)).all():
        if (address_hash := hash_of(canonical)) in gone.erased:
            erase(connection, key, address_hash, now)
            count += 1
    for canonical, (key, _) in known(connection, gone.left).items():
        standing, moment = gone.left[canonical]
        person = _there(connection, key)
        if person.standing in (Standing.PENDING, Standing.CONFIRMED) and (person.confirmed or person.made) <= moment:
            (end if standing is Standing.ENDED else stop)(connection, key, moment)
            count += 1
    return count


# -- links -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Link:
    """A link that is sent to somebody, as it is kept."""

    sha256: str
    """Of its token, in hexadecimal digits."""
    subscriber: int
    purpose: Purpose
    expires: datetime | None = None
    """None for never."""
    choice: Choice | None = None
    """What it confirms; None for what was chosen before."""


def keep_token(connection: sa.Connection, link: Link) -> None:
    """Keep a link, in place of the same one if it is kept already."""
    connection.execute(sa.delete(tokens).where(tokens.c.sha256 == link.sha256))
    keep_tokens(connection, [link])


def keep_tokens(connection: sa.Connection, links: Sequence[Link]) -> None:
    """Keep many links of people who have none."""
    rows = [
        {
            "sha256": link.sha256, "subscriber": link.subscriber, "purpose": link.purpose.value, "expires": link.expires,
            "choice": choice_object(link.choice) if link.choice else None,
        }
        for link in links
    ]  # fmt: skip
    if rows:
        connection.execute(sa.insert(tokens), rows)


def confirms(connection: sa.Connection, sha256: str) -> Choice | None:
    """Return what the link with this hash confirms; None for what was chosen before.

    Raises:
        DigestError: what is kept of it cannot be understood.

    """
    found = connection.execute(sa.select(_text(tokens.c.choice)).where(tokens.c.sha256 == sha256)).scalar()
    return _choice_if_any(found)


def open_confirmations(connection: sa.Connection, now: datetime) -> dict[int, tuple[datetime | None, Choice | None]]:
    """Return of whom it is awaited that they confirm: until when the link in the last letter is good, and what it confirms.

    Who would confirm what cannot be understood is left out.
    """
    mine = tokens.c.purpose == Purpose.CONFIRM.value, tokens.c.used.is_(None), _not_over(now)
    columns = tokens.c.subscriber, tokens.c.expires, _text(tokens.c.choice)
    rows = connection.execute(sa.select(*columns).where(*mine).order_by(tokens.c.expires))
    found: dict[int, tuple[datetime | None, Choice | None]] = {}
    for key, expires, choice in rows:
        with suppress(DigestError):
            found[key] = expires, _choice_if_any(choice)
    return found


def void_all(connection: sa.Connection) -> None:
    """Let no link be good any more."""
    connection.execute(sa.delete(tokens))


def _not_over(now: datetime) -> sa.ColumnElement[bool]:
    return sa.or_(tokens.c.expires.is_(None), tokens.c.expires > now)


def renew(connection: sa.Connection, key: int, nonce: str) -> None:
    """Let the links in letters to somebody be derived from another nonce from now on; those that were sent go on being good."""
    _update(connection, key, nonce=nonce)


def links(connection: sa.Connection, key: int) -> list[tuple[Purpose, datetime | None, datetime | None]]:
    """Return what the links are good for that were sent to somebody, until when, and when they were used."""
    columns = tokens.c.purpose, tokens.c.expires, tokens.c.used
    rows = connection.execute(sa.select(*columns).where(tokens.c.subscriber == key).order_by(tokens.c.purpose, tokens.c.expires))
    return [(Purpose(purpose), expires, used) for purpose, expires, used in rows]


def drop_tokens(connection: sa.Connection, now: datetime) -> None:
    """Throw away what has expired."""
    connection.execute(sa.delete(tokens).where(tokens.c.expires <= now))


def chosen(person: Subscriber) -> Choice:
    """Return what somebody chose.

    Raises:
        DigestError: what is kept of it cannot be understood.

    """
    if person.damage:
        raise DigestError(person.damage, advice=_ANEW)
    return person.choice


# -- what becomes of somebody ------------------------------------------------------------------------------------------------


def choose(connection: sa.Connection, key: int, choice: Choice) -> None:
    """Let somebody have another choice from now on."""
    _update(connection, key, **_chosen(choice))


def want(connection: sa.Connection, key: int, choice: Choice) -> None:
    """Keep what the letter says that asks somebody to confirm."""
    _update(connection, key, wanted=choice_object(choice))


def wanted(connection: sa.Connection, key: int) -> Choice | None:
    """Return what the last letter says that asked somebody to confirm; None if nothing is to be confirmed but what is there.

    Raises:
        DigestError: what is kept of it cannot be understood.

    """
    found = connection.execute(sa.select(_text(subscribers.c.wanted)).where(subscribers.c.id == key)).scalar()
    return _choice_if_any(found)


def confirm(connection: sa.Connection, key: int, nonce: str, now: datetime, choice: Choice | None = None) -> Subscriber:
    """Note that somebody has confirmed a *choice*, or what was chosen before. Who had confirmed before has done so ever since.

    The links that ask to confirm are used then, and with another *nonce* those that manage are void. Those that unsubscribe go on
    being good: somebody may press the button in an old letter.

    Raises:
        StoreError: there is nobody of this key.

    """
    before = _there(connection, key)
    since = before.confirmed if before.standing is Standing.CONFIRMED else now
    _update(
        connection, key, standing=Standing.CONFIRMED.value, nonce=nonce, wanted=None, confirmed=since, ended=None, score=0.0, scored=None,
        **({} if choice is None else _chosen(choice)),
    )  # fmt: skip
    mine = tokens.c.subscriber == key
    asking = mine, tokens.c.purpose == Purpose.CONFIRM.value, tokens.c.used.is_(None)
    connection.execute(sa.update(tokens).where(*asking).values(used=now))
    if nonce != before.nonce:
        connection.execute(sa.delete(tokens).where(mine, tokens.c.purpose == Purpose.MANAGE.value))
    return _there(connection, key)


def end(connection: sa.Connection, key: int, now: datetime) -> None:
    """Note that somebody has unsubscribed; no letter goes out that is not being handed over this very moment.

    What was sent before and asks to confirm is void: only what is asked for from now on takes it back.
    """
    _update(connection, key, standing=Standing.ENDED.value, ended=now, wanted=None)
    _drop(connection, key, "unsubscribed", now)


def stop(connection: sa.Connection, key: int, now: datetime) -> None:
    """Write to somebody no more whose letters come back, unless they confirm anew."""
    _update(connection, key, standing=Standing.STOPPED.value, ended=now, wanted=None)
    _drop(connection, key, "stopped, because letters came back", now)


def score(connection: sa.Connection, key: int, points: float, day: date) -> None:
    """Keep how often letters came back lately, as it is after one came back on *day*."""
    _update(connection, key, score=points, scored=day)


def erase(connection: sa.Connection, key: int, address_hash: str, now: datetime) -> None:
    """Remove all that is known of somebody, and keep only a hash by which no letter is ever written to them again."""
    connection.execute(sa.delete(subscribers).where(subscribers.c.id == key))  # and with it links and deliveries
    estrange(connection, address_hash, now)


def estrange(connection: sa.Connection, address_hash: str, now: datetime) -> None:
    """See that nobody of the address with this hash is ever written to."""
    if not is_stranger(connection, address_hash):
        connection.execute(sa.insert(strangers).values(hash=address_hash, made=now))


def strangers_among(connection: sa.Connection, hashes: Collection[str]) -> set[str]:
    """Return which of some hashes are kept of somebody who is never to be written to."""
    found: set[str] = set()
    wanted_ = sorted(set(hashes))
    for start in range(0, len(wanted_), _AT_ONCE):
        rows = connection.execute(sa.select(strangers.c.hash).where(strangers.c.hash.in_(wanted_[start : start + _AT_ONCE])))
        found.update(rows.scalars())
    return found


def is_stranger(connection: sa.Connection, address_hash: str) -> bool:
    """Say whether nobody of the address with this hash is ever to be written to."""
    return connection.execute(sa.select(strangers.c.hash).where(strangers.c.hash == address_hash)).first() is not None


def forget(connection: sa.Connection, before: datetime) -> int:
    """Remove all who were asked to confirm before that instant, and have not; return how many they are."""
    return connection.execute(sa.delete(subscribers).where(_late(before))).rowcount


def is_late(connection: sa.Connection, before: datetime) -> bool:
    """Say whether there is anybody whom `forget` would remove."""
    return connection.execute(sa.select(subscribers.c.id).where(_late(before)).limit(1)).first() is not None


def _late(before: datetime) -> sa.ColumnElement[bool]:
    since = sa.func.coalesce(subscribers.c.asked, subscribers.c.made)
    return sa.and_(subscribers.c.standing == Standing.PENDING.value, since < sa.literal(before, subscribers.c.made.type))


def asked(connection: sa.Connection, key: int) -> datetime | None:
    """Return when somebody was asked to confirm, last."""
    found: datetime | None = connection.execute(sa.select(subscribers.c.asked).where(subscribers.c.id == key)).scalar()
    return found


def _drop(connection: sa.Connection, key: int, why: str, now: datetime) -> None:
    mine = deliveries.c.subscriber == key, deliveries.c.handling.in_(_OPEN)
    connection.execute(sa.update(deliveries).where(*mine).values(handling=Handling.DROPPED.value, worker="", since=now, answer=why))
    connection.execute(sa.delete(tokens).where(tokens.c.subscriber == key, tokens.c.purpose == Purpose.CONFIRM.value))


def _update(connection: sa.Connection, key: int, **values: Any) -> None:  # noqa: ANN401 - columns are of many types
    connection.execute(sa.update(subscribers).where(subscribers.c.id == key).values(values))


def _chosen(choice: Choice) -> dict[str, object]:
    return {"choice": choice_object(choice), "frequency": choice.frequency.value, "zone": choice.zone, "hour": choice.hour}


def _choice(text: str) -> Choice:
    # No error of the store: what is damaged of one person keeps nobody else from their letters.
    try:
        return kept_choice(json.loads(text))
    except (ValueError, TypeError, RecursionError) as problem:
        msg = f"what the database holds of a subscriber is no choice ({problem})"
        raise DigestError(msg, advice=_ANEW) from problem


def _choice_if_any(text: str | None) -> Choice | None:
    return None if text is None or text == "null" else _choice(text)


def subscriber(row: sa.RowMapping) -> Subscriber:
    """Return who stands in a row of the table; if what is chosen there cannot be understood, `Subscriber.damage` says why."""
    try:
        choice, damage = _choice(row["choice"]), ""
    except DigestError as problem:
        choice, damage = Choice(), problem.message
    return Subscriber(
        row["id"], row["address"], Standing(row["standing"]), choice, row["nonce"], row["made"], row["confirmed"], row["ended"],
        row["score"], row["scored"], damage,
    )  # fmt: skip


def _one(connection: sa.Connection, which: sa.ColumnElement[bool]) -> Subscriber | None:
    row = connection.execute(sa.select(*_COLUMNS).where(which)).mappings().first()
    return None if row is None else subscriber(row)


def _there(connection: sa.Connection, key: int) -> Subscriber:
    found = _one(connection, subscribers.c.id == key)
    if found is None:
        msg = "there is no such subscriber"
        raise StoreError(msg)
    return found
