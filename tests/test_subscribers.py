"""People who asked for letters, as the store keeps them."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from digest.core.announcements import Calendar
from digest.core.domain import Kind
from digest.core.subscription import Choice, Frequency, Handling, Purpose, Standing, Subscriber
from digest.errors import DigestError, StoreError
from digest.store import outbox, schema, subscribers
from digest.store.database import Connection
from digest.store.subscribers import Link
from tests.stores import DAY, NOW

CHOICE = Choice(
    shelves=("3d", "3d/slam"),
    include=("event camera",),
    exclude=("medical",),
    authors=("Ada Example",),
    kinds=frozenset({Kind.NEW, Kind.CROSS}),
    frequency=Frequency.WEEKLY,
    most=20,
    sure=True,
    language="de",
    zone="Europe/Berlin",
    hour=7,
)
DAYS = timedelta(days=1)


def somebody(connection: Connection, name: str = "ada", standing: Standing = Standing.CONFIRMED, choice: Choice = CHOICE) -> Subscriber:
    """Keep somebody."""
    return subscribers.add(connection, f"{name.title()}@example.org", f"{name}@example.org", choice, standing, "n1", NOW)


def test_what_is_kept_comes_back(connection: Connection) -> None:
    """Somebody is found by key and by canonical address, with all that was chosen."""
    ada = somebody(connection)

    assert (ada.address, ada.standing, ada.choice, ada.made, ada.confirmed) == ("Ada@example.org", Standing.CONFIRMED, CHOICE, NOW, NOW)
    assert subscribers.by_key(connection, ada.key) == ada
    assert subscribers.by_canonical(connection, "ada@example.org") == ada
    assert subscribers.by_canonical(connection, "Ada@example.org") is None
    assert "n1" not in repr(ada)


def test_an_address_is_kept_once(connection: Connection) -> None:
    """Nobody is added a second time."""
    somebody(connection)

    with pytest.raises(StoreError, match="already"):
        somebody(connection, standing=Standing.PENDING)


def test_lists_and_counts(connection: Connection) -> None:
    """They are listed a page at a time, in the order in which they came."""
    found = [somebody(connection, f"p{number}", Standing.PENDING if number % 2 else Standing.CONFIRMED) for number in range(5)]

    assert subscribers.listed(connection, most=2) == found[:2]
    assert subscribers.listed(connection, after=found[1].key) == found[2:]
    assert subscribers.listed(connection, Standing.PENDING) == found[1::2]
    assert subscribers.counts(connection) == {Standing.PENDING: 2, Standing.CONFIRMED: 3, Standing.STOPPED: 0, Standing.ENDED: 0}


def test_a_link_is_good_for_one_thing(connection: Connection) -> None:
    """A token is found by its hash, for its purpose, until it expires; the same for ever if it does not."""
    ada = somebody(connection, standing=Standing.PENDING)
    subscribers.keep_token(connection, Link("a" * 64, ada.key, Purpose.CONFIRM, NOW + DAYS))
    for _ in range(2):
        subscribers.keep_token(connection, Link("b" * 64, ada.key, Purpose.UNSUBSCRIBE))

    assert subscribers.by_token(connection, "a" * 64, Purpose.CONFIRM, NOW) == ada
    assert subscribers.by_token(connection, "a" * 64, Purpose.MANAGE, NOW) is None
    assert subscribers.by_token(connection, "a" * 64, Purpose.CONFIRM, NOW + DAYS) is None
    assert subscribers.by_token(connection, "b" * 64, Purpose.UNSUBSCRIBE, NOW + 1000 * DAYS) == ada
    assert subscribers.by_token(connection, "c" * 64, Purpose.CONFIRM, NOW) is None

    subscribers.drop_tokens(connection, NOW + DAYS)
    assert connection.execute(sa.select(schema.tokens.c.sha256)).scalars().all() == ["b" * 64]


def test_what_is_wanted_counts_with_the_confirmation(connection: Connection) -> None:
    """Whoever leaves somebody else's address changes nothing; who confirms gets what the link is for, which is used then."""
    ada = somebody(connection)
    other = Choice(zone="Asia/Tokyo", hour=9)
    subscribers.want(connection, ada.key, other)
    subscribers.keep_token(connection, Link("a" * 64, ada.key, Purpose.CONFIRM, None, other))
    subscribers.keep_token(connection, Link("b" * 64, ada.key, Purpose.UNSUBSCRIBE))
    subscribers.keep_token(connection, Link("c" * 64, ada.key, Purpose.MANAGE))

    assert subscribers.by_key(connection, ada.key) == ada
    assert subscribers.wanted(connection, ada.key) == subscribers.confirms(connection, "a" * 64) == other
    assert subscribers.by_used(connection, "a" * 64, NOW) is None

    found = subscribers.confirm(connection, ada.key, ada.nonce, NOW + DAYS, other)

    assert (found.choice, found.standing, found.confirmed) == (other, Standing.CONFIRMED, NOW)
    assert subscribers.wanted(connection, ada.key) is None
    assert subscribers.by_token(connection, "a" * 64, Purpose.CONFIRM, NOW) is None
    assert subscribers.by_used(connection, "a" * 64, NOW) == found
    assert subscribers.by_token(connection, "b" * 64, Purpose.UNSUBSCRIBE, NOW) == found
    assert subscribers.by_token(connection, "c" * 64, Purpose.MANAGE, NOW) == found


def test_coming_back(connection: Connection) -> None:
    """Who ended and confirms again begins anew, with links of their own; those in old letters still end it, and change nothing."""
    ada = somebody(connection)
    subscribers.score(connection, ada.key, 4.5, DAY)
    for sha256, purpose in (("a" * 64, Purpose.CONFIRM), ("b" * 64, Purpose.UNSUBSCRIBE), ("c" * 64, Purpose.MANAGE)):
        subscribers.keep_token(connection, Link(sha256, ada.key, purpose))
    subscribers.end(connection, ada.key, NOW + DAYS)
    ended = subscribers.by_key(connection, ada.key)
    assert ended is not None
    assert (ended.standing, ended.ended, ended.score, ended.scored) == (Standing.ENDED, NOW + DAYS, 4.5, DAY)
    assert subscribers.by_token(connection, "a" * 64, Purpose.CONFIRM, NOW) is None

    found = subscribers.confirm(connection, ada.key, "n2", NOW + 2 * DAYS)

    assert (found.standing, found.confirmed, found.ended, found.score, found.scored) == (Standing.CONFIRMED, NOW + 2 * DAYS, None, 0, None)
    assert subscribers.by_token(connection, "b" * 64, Purpose.UNSUBSCRIBE, NOW) == found
    assert subscribers.by_token(connection, "c" * 64, Purpose.MANAGE, NOW) is None
    with pytest.raises(StoreError, match="no such subscriber"):
        subscribers.confirm(connection, ada.key + 1, "n2", NOW)


def test_another_choice(connection: Connection) -> None:
    """What is chosen anew counts at once, for the hour of the letters as well."""
    ada = somebody(connection)
    subscribers.choose(connection, ada.key, Choice(hour=22))
    row = connection.execute(sa.select(schema.subscribers.c.frequency, schema.subscribers.c.zone, schema.subscribers.c.hour)).one()

    assert subscribers.by_keys(connection, [ada.key])[ada.key].choice == Choice(hour=22)
    assert tuple(row) == ("daily", "UTC", 22)


@pytest.mark.parametrize("what", [subscribers.end, subscribers.stop])
def test_who_leaves_gets_nothing_more(connection: Connection, what: object) -> None:
    """What is not begun is dropped; what was sent is still known."""
    assert callable(what)
    ada = somebody(connection, choice=Choice())
    calendar = Calendar()
    outbox.queue(connection, "cs.CV", DAY, NOW, calendar=calendar)
    what(connection, ada.key, NOW)

    assert [row.handling for row in outbox.of_subscriber(connection, ada.key)] == [Handling.DROPPED]


def test_erased(connection: Connection) -> None:
    """Nothing is left of who is erased but a hash, and nobody else gets the key."""
    ada = somebody(connection, choice=Choice())
    outbox.queue(connection, "cs.CV", DAY, NOW, calendar=Calendar())
    subscribers.keep_token(connection, Link("b" * 64, ada.key, Purpose.UNSUBSCRIBE))

    subscribers.erase(connection, ada.key, "f" * 64, NOW)
    subscribers.estrange(connection, "f" * 64, NOW)

    assert subscribers.by_key(connection, ada.key) is None
    assert outbox.of_subscriber(connection, ada.key) == []
    assert not connection.execute(sa.select(schema.tokens)).all()
    assert subscribers.is_stranger(connection, "f" * 64)
    assert not subscribers.is_stranger(connection, "e" * 64)
    assert somebody(connection, "bob").key > ada.key


@pytest.mark.parametrize("choice", ['{"hour": "noon"}', "null", "[]", '"UTC"', '{"zone": null}'])
def test_a_damaged_choice(connection: Connection, choice: str) -> None:
    """What cannot be understood is told of its person, and of nobody else; no default is taken for it, and it can be chosen anew."""
    ada, ben = somebody(connection), somebody(connection, "ben")
    subscribers.keep_token(connection, Link("a" * 64, ada.key, Purpose.CONFIRM, NOW + DAYS))
    connection.execute(sa.text("UPDATE subscribers SET choice = :choice WHERE id = :key"), {"choice": choice, "key": ada.key})
    connection.execute(sa.text("UPDATE tokens SET choice = :choice"), {"choice": choice})

    damaged, whole = subscribers.listed(connection)
    assert ("no choice" in damaged.damage, whole) == (True, ben)
    assert subscribers.by_keys(connection, [ada.key, ben.key]) == {ada.key: damaged, ben.key: ben}
    with pytest.raises(DigestError, match="no choice"):
        subscribers.chosen(damaged)
    assert set(subscribers.open_confirmations(connection, NOW)) == ({ada.key} if choice == "null" else set())
    subscribers.end(connection, ada.key, NOW)
    assert subscribers.confirm(connection, ada.key, "n2", NOW).damage == damaged.damage
    subscribers.choose(connection, ada.key, CHOICE)
    assert subscribers.listed(connection)[0].choice == CHOICE
    subscribers.erase(connection, ada.key, "f" * 64, NOW)
    assert subscribers.listed(connection) == [ben]


def test_a_zone_of_another_machine(connection: Connection) -> None:
    """Where it is not known it counts as UTC; all else that was chosen stays."""
    ada = somebody(connection)
    damage = {"zone": "Mars/Olympus", "hour": 7}
    connection.execute(sa.update(schema.subscribers).values(choice=damage, wanted=damage, zone="Mars/Olympus", hour=7, frequency="daily"))

    found = subscribers.listed(connection)[0]
    assert (found.choice, found.damage) == (Choice(hour=7), "")
    assert subscribers.wanted(connection, ada.key) == Choice(hour=7)
    outbox.queue(connection, "cs.CV", DAY, NOW, calendar=Calendar())
    (row,) = outbox.of_subscriber(connection, ada.key)
    assert row.subscriber == found
