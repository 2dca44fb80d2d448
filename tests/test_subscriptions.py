"""What people do about their letters: only the reader of an address decides, and nobody else learns whether it is known."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_network

import pytest
import sqlalchemy as sa

from digest.core.forms import Filled, chosen, filled, read
from digest.core.subscription import CONFIRM_WITHIN, Choice, Frequency, Handling, Purpose, Standing, Subscriber
from digest.core.tokens import TICKET, admits, ticket, token
from digest.recipients import address_hash, recipient
from digest.store import asked, outbox, subscribers
from digest.store.database import Database
from digest.store.schema import asked as asked_table
from digest.store.schema import deliveries, mailings, tokens
from digest.store.schema import subscribers as people
from digest.subscriptions import (
    MOST_A_CLIENT,
    MOST_OF_ALL,
    MOST_TAGGED,
    RESERVED,
    Subscriptions,
    adopt,
    forget_late,
    keep_links,
    new_nonce,
)
from tests.stores import lent

KEY = bytes(range(32))
NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ADDRESS = "Ada@example.org"
SPLATS = Choice(("3d/view-synthesis",), include=("splatting",))


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def shared(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Lend one database to all tests, which empty it."""
    with lent(request) as database:
        yield database


@pytest.fixture
def known(shared: Database) -> Subscriptions:
    """Give subscriptions of nobody."""
    with shared.write() as connection:
        for table in (tokens, deliveries, mailings, people, asked_table):
            connection.execute(sa.delete(table))
        connection.execute(sa.text("DELETE FROM strangers"))
    adopt(shared, KEY, NOW)
    return Subscriptions(shared, KEY)


def link(known: Subscriptions, purpose: Purpose = Purpose.CONFIRM, address: str = ADDRESS) -> str:
    """Return the token that a letter to an address holds, which is composed now."""
    person = found(known, address)
    return token(KEY, purpose, person.key, person.nonce)


def found(known: Subscriptions, address: str = ADDRESS) -> Subscriber:
    """Return who has an address."""
    with known.database.read() as connection:
        person = subscribers.by_canonical(connection, address.lower())
    assert person is not None
    return person


def asked_for(known: Subscriptions) -> Choice | None:
    """Return what the letter says that asks to confirm."""
    key = found(known).key
    with known.database.read() as connection:
        return subscribers.wanted(connection, key)


def letters(known: Subscriptions) -> list[str]:
    """Return to whom something is queued or was, that is not dropped."""
    with known.database.read() as connection:
        rows = connection.execute(sa.select(deliveries.c.recipient).where(deliveries.c.handling != "dropped").order_by(deliveries.c.id))
        return list(rows.scalars())


def subscribed(known: Subscriptions, now: datetime = NOW) -> Subscriber:
    """Let somebody subscribe and confirm."""
    assert known.ask(ADDRESS, SPLATS, now)
    person = known.confirm(link(known), now)
    assert person is not None
    return person


def rows(known: Subscriptions) -> dict[str, list[tuple[object, ...]]]:
    """Return all that is stored of people."""
    with known.database.read() as connection:
        tables = (people, tokens, deliveries, mailings, asked_table)
        return {table.name: sorted((tuple(row) for row in connection.execute(sa.select(table))), key=repr) for table in tables}


# -- subscribing ---------------------------------------------------------------------------------------------------------


def test_a_subscription(known: Subscriptions) -> None:
    """Somebody asks, gets one letter, confirms by its link, which is used then, and has links for all letters."""
    assert known.ask(f" {ADDRESS} ", SPLATS, NOW)
    before = found(known)
    assert (before.standing, before.address) == (Standing.PENDING, ADDRESS)
    assert letters(known) == [f"confirm/{before.key}/2026-11-20"]
    confirm = link(known)
    person = known.known(confirm, Purpose.CONFIRM, NOW)
    assert person is not None
    assert known.confirms(confirm, person) == SPLATS
    assert known.confirmed(confirm, NOW) is None

    after = known.confirm(confirm, NOW + HOUR)
    assert after == found(known)
    assert after is not None
    assert (after.standing, after.confirmed, after.choice) == (Standing.CONFIRMED, NOW + HOUR, SPLATS)
    assert known.confirm(confirm, NOW + HOUR) is None
    assert known.confirmed(confirm, NOW + HOUR) == after
    assert known.confirmed(confirm, NOW + CONFIRM_WITHIN) is known.confirmed("x", NOW) is None
    for purpose in (Purpose.MANAGE, Purpose.UNSUBSCRIBE):
        assert known.known(link(known, purpose), purpose, NOW + 9 * 365 * DAY) == after


def test_changing_and_ending(known: Subscriptions) -> None:
    """The links in letters do what they are for; an end can be said twice, and no link takes it back."""
    person = subscribed(known)
    manage, unsubscribe = link(known, Purpose.MANAGE), link(known, Purpose.UNSUBSCRIBE)
    weekly = replace(SPLATS, frequency=Frequency.WEEKLY, zone="Asia/Tokyo")

    changed = known.change(manage, weekly, NOW)
    assert changed == replace(person, choice=weekly) == found(known)
    assert known.end(unsubscribe, NOW + HOUR) == found(known)
    assert known.end(unsubscribe, NOW + 2 * HOUR) == found(known)
    assert (found(known).standing, found(known).ended) == (Standing.ENDED, NOW + HOUR)
    assert known.change(manage, SPLATS, NOW) == found(known)
    assert found(known).choice == weekly
    assert known.ask_again(manage, NOW + 2 * DAY)[1]
    assert found(known).standing is Standing.ENDED
    assert letters(known) == [f"confirm/{person.key}/2026-11-22"]
    again = known.confirm(link(known), NOW + 2 * DAY)
    assert again == replace(changed, confirmed=NOW + 2 * DAY, nonce=found(known).nonce) == found(known)
    assert known.end(link(known, Purpose.MANAGE), NOW + 3 * DAY, Purpose.MANAGE) == found(known)
    assert found(known).standing is Standing.ENDED


def test_who_ends_it_by_mistake_comes_back(known: Subscriptions) -> None:
    """One letter more goes to who has unsubscribed since the last one, but one a day: a stranger may type the address again and again."""
    person = subscribed(known)
    told = []
    for hours in (1, 2, 3):
        known.end(link(known, Purpose.UNSUBSCRIBE), NOW + hours * HOUR)
        told.append(known.ask_again(link(known, Purpose.MANAGE), NOW + hours * HOUR + HOUR / 2)[1])
        known.confirm(link(known), NOW + hours * HOUR + HOUR / 2)

    assert told == [True, False, False]
    assert found(known).standing is Standing.ENDED
    known.invite(recipient(ADDRESS), SPLATS, NOW + 5 * HOUR)
    assert letters(known) == [f"confirm/{person.key}/2026-11-20.3"]


@pytest.mark.parametrize("standing", [Standing.ENDED, Standing.STOPPED])
def test_no_link_brings_anybody_back(known: Subscriptions, standing: Standing) -> None:
    """Who manages by a link from before can have a letter sent that asks, once a day; who was erased gets none."""
    person = subscribed(known)
    manage = link(known, Purpose.MANAGE)
    with known.database.write() as connection:
        (subscribers.end if standing is Standing.ENDED else subscribers.stop)(connection, person.key, NOW)
    for hours in range(5):
        after, told = known.ask_again(manage, NOW + 2 * DAY + hours * HOUR)
        assert (after is not None, told) == (True, hours == 0)
    assert (found(known).standing, len(letters(known))) == (standing, 1)
    known.change(manage, Choice(), NOW + 2 * DAY)
    assert (found(known).standing, found(known).choice) == (standing, SPLATS)
    known.erase(ADDRESS, NOW + 2 * DAY)

    assert known.ask_again(manage, NOW + 9 * DAY) == (None, False)
    assert letters(known) == []


def test_who_never_confirmed_can_say_no(known: Subscriptions) -> None:
    """Links to unsubscribe work before the confirmation, and nobody gets letters by one that manages."""
    known.ask(ADDRESS, SPLATS, NOW)

    assert known.ask_again(link(known, Purpose.MANAGE), NOW) == (found(known), False)
    assert found(known).standing is Standing.PENDING
    known.end(link(known, Purpose.UNSUBSCRIBE), NOW)
    assert found(known).standing is Standing.ENDED
    assert letters(known) == []


@pytest.mark.parametrize("purpose", Purpose)
def test_a_token_is_good_for_its_purpose_alone(known: Subscriptions, purpose: Purpose) -> None:
    """Swapped, malformed or somebody else's, it changes nothing."""
    known.ask(ADDRESS, SPLATS, NOW)
    wrong = [link(known, other) for other in Purpose if other is not purpose] + ["", "x", "a" * 32, "\ud800" * 32, link(known)[:-1]]
    before = rows(known)
    for text in wrong:
        match purpose:
            case Purpose.CONFIRM:
                assert known.confirm(text, NOW) is None
            case Purpose.MANAGE:
                assert known.change(text, Choice(), NOW) is known.ask_again(text, NOW)[0] is None
                assert known.end(text, NOW, Purpose.MANAGE) is None
            case Purpose.UNSUBSCRIBE:
                assert known.end(text, NOW) is None
        assert known.known(text, purpose, NOW) is None

    assert rows(known) == before


def test_a_link_that_confirms_is_good_once_and_for_a_while(known: Subscriptions) -> None:
    """After three days it is over; each letter has its own, and the one of the letter before is not good again."""
    known.ask(ADDRESS, SPLATS, NOW)
    first = link(known)
    assert known.known(first, Purpose.CONFIRM, NOW + CONFIRM_WITHIN - timedelta(seconds=1)) is not None
    assert known.confirm(first, NOW + CONFIRM_WITHIN) is None
    known.ask(ADDRESS, SPLATS, NOW + 2 * DAY)
    second = link(known)
    assert first != second
    assert known.confirm(second, NOW + 2 * DAY) is not None
    known.ask(ADDRESS, Choice(), NOW + 4 * DAY)

    assert known.confirm(first, NOW + 4 * DAY) is known.confirm(second, NOW + 4 * DAY) is None
    assert found(known).choice == SPLATS


def test_who_is_subscribed_already(known: Subscriptions) -> None:
    """The form changes nothing by itself; the letter's link does. The links in letters go on being good all the time."""
    person = subscribed(known)
    unsubscribe = link(known, Purpose.UNSUBSCRIBE)
    known.ask(ADDRESS.upper(), Choice(("video",)), NOW + 2 * DAY)

    assert found(known).choice == SPLATS
    assert link(known, Purpose.UNSUBSCRIBE) == unsubscribe
    after = known.confirm(link(known), NOW + 2 * DAY)
    assert after is not None
    assert (after.address, after.choice, after.confirmed) == (ADDRESS, Choice(("video",)), person.confirmed)
    assert known.end(unsubscribe, NOW + 3 * DAY) is not None


def test_who_had_ended_it(known: Subscriptions) -> None:
    """They confirm anew; old letters, which may have been forwarded since, end it as their button says, and change nothing else."""
    subscribed(known)
    old, manage = link(known, Purpose.UNSUBSCRIBE), link(known, Purpose.MANAGE)
    known.end(old, NOW)
    known.ask(ADDRESS, Choice(), NOW + 2 * DAY)
    assert found(known).standing is Standing.ENDED
    known.confirm(link(known), NOW + 2 * DAY)

    assert (found(known).standing, found(known).choice) == (Standing.CONFIRMED, Choice())
    assert known.change(manage, SPLATS, NOW + 3 * DAY) is None
    assert known.end(link(known, Purpose.UNSUBSCRIBE), NOW + 3 * DAY) is not None
    assert known.ask_again(link(known, Purpose.MANAGE), NOW + 4 * DAY)[1]
    assert known.confirm(link(known), NOW + 4 * DAY) is not None
    ended = known.end(old, NOW + 5 * DAY)
    assert ended is not None
    assert ended.standing is Standing.ENDED


def test_what_a_letter_says_is_confirmed(known: Subscriptions) -> None:
    """Whoever fills the form in again, with the same address, changes nothing of what the letter asks about that is there already."""
    known.ask(ADDRESS, SPLATS, NOW)
    confirm = link(known)
    known.ask(ADDRESS, Choice(("video",)), NOW + HOUR)
    assert link(known) == confirm
    known.ask(ADDRESS, Choice(("3d",)), NOW + 2 * DAY)
    assert asked_for(known) == Choice(("3d",))

    person = known.confirm(confirm, NOW + 2 * DAY)
    assert person is not None
    assert person.choice == SPLATS


@pytest.mark.parametrize("again", [False, True])
def test_what_is_confirmed_is_not_what_was_changed_meanwhile(known: Subscriptions, *, again: bool) -> None:
    """A change by a link in a letter counts at once, and leaves alone what another letter asks about."""
    subscribed(known)
    known.ask(ADDRESS, Choice(("video",)), NOW + 2 * DAY)
    known.change(link(known, Purpose.MANAGE), Choice(hour=9), NOW + 2 * DAY)
    assert found(known).choice == Choice(hour=9)
    assert asked_for(known) == Choice(("video",))
    if again:
        known.end(link(known, Purpose.UNSUBSCRIBE), NOW + 2 * DAY)
        known.ask_again(link(known, Purpose.MANAGE), NOW + 2 * DAY)

    person = known.confirm(link(known), NOW + 2 * DAY)
    assert (None if again else Choice(("video",))) == (person and person.choice)
    assert found(known).choice == (Choice(hour=9) if again else Choice(("video",)))


def test_an_end_voids_what_asked_before(known: Subscriptions) -> None:
    """Neither a letter that is in hand nor a link that was sent brings anybody back who has unsubscribed since."""
    subscribed(known)
    known.ask(ADDRESS, SPLATS, NOW + 2 * DAY)
    confirm = link(known)
    with known.database.write() as connection:
        (row,) = outbox.claim(connection, "elsewhere:1:one", NOW + 2 * DAY, 10)
        assert outbox.begin(connection, row.key, "elsewhere:1:one", NOW + 2 * DAY)
    known.end(link(known, Purpose.UNSUBSCRIBE), NOW + 2 * DAY + HOUR)
    with known.database.write() as connection:
        assert outbox.record(connection, row, Handling.DEFERRED, "451 later", NOW + 2 * DAY + HOUR)
        assert outbox.claim(connection, "elsewhere:1:one", NOW + 3 * DAY, 10) == []

    assert known.confirm(confirm, NOW + 2 * DAY + HOUR) is None
    assert letters(known) == []
    known.ask(ADDRESS, SPLATS, NOW + 4 * DAY)
    with known.database.write() as connection:
        assert len(outbox.claim(connection, "elsewhere:1:one", NOW + 4 * DAY, 10)) == 1
    assert known.confirm(link(known), NOW + 4 * DAY) is not None


def test_another_key(known: Subscriptions) -> None:
    """Links that the former key made are void, those in new letters are good, and who is asked can still confirm what the letter says."""
    subscribed(known)
    known.ask("b@example.org", Choice(("video",)), NOW)
    assert not adopt(known.database, KEY, NOW)
    old = [(link(known, Purpose.UNSUBSCRIBE), Purpose.UNSUBSCRIBE), (link(known, address="b@example.org"), Purpose.CONFIRM)]
    other = bytes(reversed(KEY))
    try:
        assert adopt(known.database, other, NOW + HOUR)
        assert not adopt(known.database, other, NOW + HOUR)
        renewed = Subscriptions(known.database, other)
        assert [renewed.known(text, purpose, NOW + HOUR) for text, purpose in old] == [None, None]
        ada, ben = found(known), found(known, "b@example.org")
        for purpose in (Purpose.MANAGE, Purpose.UNSUBSCRIBE):
            assert renewed.known(token(other, purpose, ada.key, ada.nonce), purpose, NOW + HOUR) == ada
        assert renewed.confirm(token(other, Purpose.CONFIRM, ada.key, ada.nonce), NOW + HOUR) is None
        confirm = token(other, Purpose.CONFIRM, ben.key, ben.nonce)
        assert renewed.known(confirm, Purpose.CONFIRM, NOW + CONFIRM_WITHIN) is None
        after = renewed.confirm(confirm, NOW + HOUR)
        assert after is not None
        assert after.choice == Choice(("video",))
    finally:
        adopt(known.database, KEY, NOW)


def test_unsubscribing_wins_over_what_is_queued(known: Subscriptions) -> None:
    """No letter goes out after the click, not even one that asks to confirm."""
    person = subscribed(known)
    known.ask(ADDRESS, SPLATS, NOW + 2 * DAY)
    with known.database.write() as connection:
        mailing = connection.execute(
            sa.insert(mailings)
            .values(category="cs.CV", date=date(2026, 11, 20), frequency="daily", first=date(2026, 11, 20), queued=NOW)
            .returning(mailings.c.id)
        ).scalar_one()
        row = {"mailing": mailing, "recipient": f"subscriber/{person.key}", "subscriber": person.key, "handling": "new", "due": NOW}
        connection.execute(sa.insert(deliveries).values(row))
    known.end(link(known, Purpose.UNSUBSCRIBE), NOW)

    assert letters(known) == []


@pytest.mark.parametrize(
    "text", ["", "x", "a@b", "a@example.org, b@example.org", "a@example.org\r\nBcc: b@example.org", "Ada <a@example.org>"]
)
def test_what_is_no_address(known: Subscriptions, text: str) -> None:
    """It is refused with a sentence, and nothing is written."""
    with pytest.raises(ValueError, match="address"):
        known.ask(text, SPLATS, NOW, "192.0.2.1")

    assert not any(rows(known).values())


# -- how often -----------------------------------------------------------------------------------------------------------


def test_one_victim(known: Subscriptions) -> None:
    """Whoever asks however often for one address, it gets one letter a day, and costs no more after a while."""
    for number in range(60):
        assert known.ask("Victim@example.org" if number % 2 else "victim@EXAMPLE.org", SPLATS, NOW + number * timedelta(minutes=1))
    assert len(letters(known)) == 1
    assert known.ask("victim@example.org", SPLATS, NOW + DAY + HOUR)

    assert [one.rpartition("/")[2] for one in letters(known)] == ["2026-11-21"]  # the one that had not left yet is dropped


def test_one_victim_by_many_tags(known: Subscriptions) -> None:
    """All tags of a mailbox share a few letters a day, and at Gmail all dots; the reader's own address is not shut out by them."""
    for number in range(10):
        assert known.ask(f"victim+{number}@example.org", SPLATS, NOW)
        assert known.ask(f"{'victim'[: number % 5 + 1]}.{'victim'[number % 5 + 1 :]}@gmail.com", SPLATS, NOW)
    before = len(letters(known))
    assert before == 2 * MOST_TAGGED
    assert known.ask("victim@example.org", SPLATS, NOW)

    assert len(letters(known)) == before + 1
    with known.database.read() as connection:
        told = [one.address for one in subscribers.listed(connection)]
    assert len([one for one in told if one.endswith("@example.org")]) == MOST_TAGGED + 1
    assert known.ask("victim+new@example.org", SPLATS, NOW + DAY)
    assert len(letters(known)) == before + 2


def test_some_that_ask_without_end(known: Subscriptions) -> None:
    """They leave room for others, and whoever runs this copy asks whom they like."""
    assert known.ask("a@example.org", SPLATS, NOW, "192.0.2.1")
    with known.database.write() as connection:
        connection.execute(sa.update(asked_table).where(asked_table.c.bucket == "all").values(count=MOST_OF_ALL - RESERVED))
    assert not known.ask("b@example.org", SPLATS, NOW, "192.0.2.1")
    assert known.ask("b@example.org", SPLATS, NOW, "192.0.2.2")
    with known.database.write() as connection:
        connection.execute(sa.update(asked_table).where(asked_table.c.bucket == "all").values(count=MOST_OF_ALL))
    before = rows(known)["asked"]
    assert not known.ask("c@example.org", SPLATS, NOW, "192.0.2.3")
    assert known.invite(recipient("c@example.org"), SPLATS, NOW)
    assert rows(known)["asked"] == before


@pytest.mark.parametrize(("bits", "more"), [(64, 1), (56, 2), (48, 4)])
def test_networks(known: Subscriptions, bits: int, more: int) -> None:
    """Who has many networks of IPv6 is one client still."""
    network = ip_network(("2001:db8::", bits))
    assert known.ask("a@example.org", SPLATS, NOW, str(network[1]))
    with known.database.write() as connection:
        connection.execute(sa.update(asked_table).where(asked_table.c.bucket != "all").values(count=more * MOST_A_CLIENT))
        connection.execute(sa.update(asked_table).where(asked_table.c.bucket == "all").values(count=1))
    assert not known.ask("b@example.org", SPLATS, NOW, str(network[-1]))
    assert known.ask("b@example.org", SPLATS, NOW, "2001:db8:1::1")


@pytest.mark.parametrize("prefix", ["::ffff:", "64:ff9b::"])
def test_clients_of_ipv4_in_ipv6(known: Subscriptions, prefix: str) -> None:
    """What a socket for both, or a translator, writes as IPv6 is told apart as IPv4 is."""
    assert known.ask("a@example.org", SPLATS, NOW, f"{prefix}192.0.2.1")
    with known.database.write() as connection:
        connection.execute(sa.update(asked_table).where(asked_table.c.bucket != "all").values(count=MOST_A_CLIENT))

    assert not known.ask("b@example.org", SPLATS, NOW, f"{prefix}192.0.2.1")
    assert not known.ask("b@example.org", SPLATS, NOW, "192.0.2.1")
    assert known.ask("b@example.org", SPLATS, NOW, f"{prefix}192.0.2.2")


def test_several_at_once(file: Database) -> None:
    """Who asks at the same instant as others is counted after them, and refused if they were the last."""
    known = Subscriptions(file, KEY)
    assert known.ask("a@example.org", SPLATS, NOW, "192.0.2.1")
    with ThreadPoolExecutor(4) as threads:
        with file.write() as connection:  # all have looked, and wait to write
            connection.execute(sa.update(asked_table).where(asked_table.c.bucket != "all").values(count=MOST_A_CLIENT - 1))
            asking = [threads.submit(known.ask, f"b{number}@example.org", SPLATS, NOW, "192.0.2.1") for number in range(4)]
            assert not wait(asking, timeout=0.3).done
        taken = [one.result() for one in asking]

    assert sorted(taken) == [False, False, False, True]


def test_addresses_of_the_list_itself(known: Subscriptions) -> None:
    """Nobody asks for letters there, for what comes back would come back for ever."""
    own = Subscriptions(known.database, KEY, "Digest.example.org")
    with pytest.raises(ValueError, match=r"^no letters go to Bounce\+1\.x@digest\.example\.org: .* of this list itself"):
        own.ask("Bounce+1.x@DIGEST.example.org", SPLATS, NOW)

    assert own.ask("bounce@example.org", SPLATS, NOW)


def test_one_client(known: Subscriptions) -> None:
    """A client that asks for many addresses is refused for the rest of the day, whichever address of its network it has."""
    assert known.ask("a@example.org", SPLATS, NOW, "2001:db8::1")
    with known.database.write() as connection:
        connection.execute(sa.update(asked_table).where(asked_table.c.bucket != "all").values(count=MOST_A_CLIENT - 1))
    assert known.ask("b@example.org", SPLATS, NOW, "2001:db8::2")
    before = rows(known)
    assert not known.ask("other@example.org", SPLATS, NOW, "2001:db8::ffff%eth0")
    assert rows(known) == before
    assert known.ask("other@example.org", SPLATS, NOW, "2001:db8:0:1::1")
    assert known.ask("third@example.org", SPLATS, NOW, "192.0.2.1")
    assert known.ask("fourth@example.org", SPLATS, NOW + DAY, "2001:db8::1")


def test_all_together(known: Subscriptions) -> None:
    """So many are let in an hour, whoever they are; what is over leaves nothing behind."""
    with known.database.write() as connection:
        asked.count(connection, "all", asked.hour(NOW))
        connection.execute(sa.update(asked_table).values(count=MOST_OF_ALL - 1))
    assert known.ask(ADDRESS, SPLATS, NOW, "192.0.2.1")
    assert not known.ask("b@example.org", SPLATS, NOW, "192.0.2.2")
    assert known.ask("c@example.org", SPLATS, NOW + HOUR, "192.0.2.2")
    assert known.ask("d@example.org", SPLATS, NOW + 4 * DAY, "192.0.2.2")

    assert {window for _, window, _ in rows(known)["asked"]} == {"2026-11-24", "2026-11-24T09"}
    with known.database.read() as connection:
        assert [one.address for one in subscribers.listed(connection)] == ["d@example.org"]


def test_who_never_confirmed_is_forgotten(known: Subscriptions) -> None:
    """Also where nobody asks any more; nothing is written if there is nobody."""
    subscribed(known)
    known.ask("b@example.org", SPLATS, NOW)
    before = rows(known)
    forget_late(known.database, NOW + CONFIRM_WITHIN)
    assert rows(known) == before
    forget_late(known.database, NOW + CONFIRM_WITHIN + HOUR)

    with known.database.read() as connection:
        assert [one.address for one in subscribers.listed(connection)] == [ADDRESS]


def test_who_confirmed_is_not_swept_away(known: Subscriptions) -> None:
    """Only who never did is forgotten."""
    subscribed(known)
    known.ask("b@example.org", SPLATS, NOW + 5 * DAY)
    known.ask("c@example.org", SPLATS, NOW + 9 * DAY)

    with known.database.read() as connection:
        assert [one.address for one in subscribers.listed(connection)] == [ADDRESS, "c@example.org"]


# -- erasing and exporting -----------------------------------------------------------------------------------------------


def test_who_is_erased_is_never_written_to(known: Subscriptions) -> None:
    """All that is left is a hash; whoever asks again gets the same answer, and no letter comes of it."""
    person = subscribed(known)
    links = [link(known, purpose) for purpose in Purpose]
    assert known.erase(ADDRESS, NOW)
    assert not known.erase(ADDRESS, NOW)
    assert not known.erase("nobody@example.org", NOW)
    assert known.ask(ADDRESS, SPLATS, NOW + DAY) == known.ask("new@example.org", SPLATS, NOW + DAY)

    assert all(known.known(one, purpose, NOW) is None for one, purpose in zip(links, Purpose, strict=True))
    assert letters(known) == [f"confirm/{found(known, 'new@example.org').key}/2026-11-21"]
    text = repr(rows(known))
    assert "ada@" not in text.lower()
    assert person.nonce not in text
    assert known.export(ADDRESS) == {"address": "Ada@example.org", "erased": True}
    assert known.export("strange@example.org") is None
    with known.database.read() as connection:
        assert subscribers.is_stranger(connection, address_hash("ada@example.org"))


def test_what_a_person_is_given(known: Subscriptions) -> None:
    """All that is stored of them, but for what would let its reader act for them."""
    person = subscribed(known)
    known.ask(ADDRESS, Choice(("video",)), NOW + 2 * DAY)
    given = known.export("ADA@example.org")

    assert given is not None
    assert (given["address"], given["standing"], given["choice"]) == (
        ADDRESS, "confirmed", {"shelves": ["3d/view-synthesis"], "include": ["splatting"]},
    )  # fmt: skip
    assert given["wanted"] == {"shelves": ["video"]}
    assert (given["made"], given["asked"], given["ended"]) == ("2026-11-20T09:30:00Z", "2026-11-22T09:30:00Z", None)
    assert [(one["purpose"], one["used"]) for one in given["links"]] == [
        ("confirm", "2026-11-20T09:30:00Z"), ("confirm", None), ("manage", None), ("unsubscribe", None),
    ]  # fmt: skip
    assert [(one["of"], one["handling"]) for one in given["letters"]] == [
        (f"confirm/{person.key}/2026-11-20", "dropped"), (f"confirm/{person.key}/2026-11-22", "new"),
    ]  # fmt: skip
    assert person.nonce.partition(".")[0] not in repr(given)


def test_who_was_added_otherwise_can_unsubscribe(known: Subscriptions) -> None:
    """Whoever adds somebody keeps their links beside."""
    with known.database.write() as connection:
        person = subscribers.add(connection, "b@example.org", "b@example.org", Choice(), Standing.CONFIRMED, new_nonce(), NOW)
        keep_links(connection, KEY, person)

    assert known.end(token(KEY, Purpose.UNSUBSCRIBE, person.key, person.nonce), NOW) is not None


def test_the_row_of_a_letter_that_asks(known: Subscriptions) -> None:
    """Senders get it, with the person whose nonce its link is derived from."""
    known.ask(ADDRESS, SPLATS, NOW)
    with known.database.write() as connection:
        (row,) = outbox.claim(connection, outbox.worker(), NOW, 10)

    assert row.subscriber is not None
    assert (row.mailing, row.handling, row.date) == (None, Handling.NEW, NOW.date())
    assert known.confirm(token(KEY, Purpose.CONFIRM, row.subscriber.key, row.subscriber.nonce), NOW) is not None


# -- tickets and forms ---------------------------------------------------------------------------------------------------


def test_tickets() -> None:
    """A form's ticket is good for its page, under its key, and for two hours."""
    made = ticket(KEY, "subscribe", NOW)

    assert admits(KEY, made, "subscribe", NOW)
    assert admits(KEY, made, "subscribe", NOW + TICKET)
    wrong = [
        (KEY, made, "subscribe", NOW + TICKET + timedelta(seconds=1)), (KEY, made, "subscribe", NOW - timedelta(seconds=1)),
        (KEY, made, "manage/x", NOW), (bytes(32), made, "subscribe", NOW), (KEY, "", "subscribe", NOW), (KEY, made[:-1], "subscribe", NOW),
        (KEY, f"{int(NOW.timestamp()) + 1}{made[10:]}", "subscribe", NOW + DAY), (KEY, f"{made}\n", "subscribe", NOW),
        (KEY, "\u0661" * 10 + made[10:], "subscribe", NOW),
    ]  # fmt: skip
    assert not any(admits(*one) for one in wrong)


SHELVES = ("3d", "3d/slam", "3d/view-synthesis", "video", "video/tracking")


@pytest.mark.parametrize(
    "choice",
    [
        Choice(),
        Choice(("3d/slam", "video"), ("a b", "c"), ("d",), ("Doe, Jane", "José"), frequency=Frequency.WEEKLY, most=7, sure=True,
               language="ja", zone="Asia/Tokyo", hour=23),
    ],
)  # fmt: skip
def test_a_form_makes_the_choice_that_it_shows(choice: Choice) -> None:
    """What was chosen is filled in, and what is filled in is chosen."""
    assert chosen(filled(choice), SHELVES) == choice


def test_what_a_form_leaves_to_its_reader() -> None:
    """Commas, empty lines and a topic with its own subtopics are understood."""
    form = read({
        "shelf": ["video", "3d/view-synthesis", "video/tracking"], "include": ["a, b c\r\n\r\n,a"], "authors": ["Doe, Jane; Li Wei\n"],
        "kind": ["cross", "new"], "frequency": ["daily"], "most": [""], "language": ["en"], "zone": [" Europe/Berlin "], "hour": ["0"],
    })  # fmt: skip
    choice = chosen(form, SHELVES)

    assert (choice.shelves, choice.include, choice.authors) == (("3d/view-synthesis", "video"), ("a", "b c"), ("Doe, Jane", "Li Wei"))
    assert (choice.most, choice.hour, choice.zone) == (0, 0, "Europe/Berlin")


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (Filled(shelves=frozenset({"4d"})), "no topic '4d'"), (Filled(kinds=frozenset()), "kind"),
        (Filled(kinds=frozenset({"x"})), "Kinds"),
        (Filled(frequency=""), "daily or weekly"), (Filled(most="-1"), "Papers"), (Filled(most="1001"), "Papers"),
        (Filled(language="xx"), "Dates"), (Filled(zone="Mars"), "zone"), (Filled(zone=""), "zone"), (Filled(hour="24"), "hour"),
        (Filled(zone="EST"), "zone"),
        (Filled(hour="\u0661"), "hour"), (Filled(include="!"), "letter"), (Filled(authors="a" * 101), "too long"),
        (Filled(exclude="\n".join(map(str, range(51)))), "too many"),
    ],
)  # fmt: skip
def test_what_cannot_be_chosen(form: Filled, said: str) -> None:
    """A form that makes no choice is told why, in a sentence."""
    with pytest.raises(ValueError, match=rf"{said}.*\.$") as told:
        chosen(form, SHELVES)

    assert str(told.value)[0].isupper()


def test_a_form_is_read_within_bounds() -> None:
    """However much is sent, little is kept of it."""
    form = read({name: ["x" * 100_000] * 300 for name in ("address", "shelf", "include", "exclude", "authors", "kind", "zone", "nothing")})

    assert len(repr(form)) < 30_000
