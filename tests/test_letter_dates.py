"""Which dates people are told: each once, whenever it was made, and whatever they switch to meanwhile."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
import sqlalchemy as sa

from digest.core.announcements import Calendar, announcement_instant
from digest.core.subscription import Choice, Frequency, Handling, Purpose, Standing, Subscriber
from digest.core.tokens import token
from digest.recipients import recipient
from digest.store import editions, outbox, schema, subscribers
from digest.store.database import Connection, Database, in_memory
from digest.subscribers import Register
from digest.subscriptions import Subscriptions
from tests import stores

KEY = bytes(32)
HOUR, DAYS = timedelta(hours=1), timedelta(days=1)
WORKER = "elsewhere:1:one"
CALENDAR = Calendar(frozenset({date(2026, 11, 26)}))
MONDAY = date(2026, 11, 9)


@dataclass
class Post:
    """A list, its readers, and what they were told."""

    database: Database
    now: datetime = datetime(2026, 11, 8, 12, tzinfo=UTC)
    made: set[date] = field(default_factory=set)
    waiting: list[editions.Stored] = field(default_factory=list)
    """Editions that are kept, and not published."""
    told: Counter[tuple[str, date]] = field(default_factory=Counter)

    def reader(self, name: str, frequency: Frequency = Frequency.WEEKLY) -> None:
        """Let somebody subscribe, or choose anew."""
        Register(self.database, KEY).add(recipient(f"{name}@example.org"), Choice(frequency=frequency), self.now, vouched=True)

    def person(self, name: str) -> Subscriber:
        """Return somebody."""
        with self.database.read() as connection:
            found = subscribers.by_canonical(connection, f"{name}@example.org")
        assert found is not None
        return found

    def switch(self, name: str, frequency: Frequency) -> None:
        """Let somebody choose how often letters come, by the link that is in each."""
        person = self.person(name)
        link = token(KEY, Purpose.MANAGE, person.key, person.nonce)
        assert Subscriptions(self.database, KEY).change(link, replace(person.choice, frequency=frequency), self.now)

    def make(self, *days: int, at: datetime | None = None) -> None:
        """Make and publish dates of November, each an hour after its announcement, or later *at* a moment."""
        for number in days:
            day = date(2026, 11, 1) + (number - 1) * DAYS
            self.now = max(self.now, at or announcement_instant(day) + HOUR)
            self.keep(day)
            self.publish()

    def keep(self, day: date) -> None:
        """Keep an edition, and queue what is told of it."""
        self.made.add(day)
        self.now += timedelta(minutes=1)
        with self.database.write() as connection:
            stored = stores.keep(connection, stores.announcement(day, 1, day.toordinal() % 1000), published=False, now=self.now)
            self.waiting.append(stored)
            outbox.queue(connection, "cs.CV", day, self.now, calendar=CALENDAR)

    def publish(self) -> None:
        """Publish what is kept."""
        with self.database.write() as connection:
            while self.waiting:
                editions.published(connection, self.waiting.pop(), self.now)

    def send(self, hours: int = 30) -> None:
        """Hand over all that is due some hours from now, one after another."""
        self.now += hours * HOUR
        with self.database.write() as connection:
            for row in outbox.claim(connection, WORKER, self.now, 1000):
                assert row.subscriber
                assert outbox.begin(connection, row.key, WORKER, self.now)
                self.told.update((row.subscriber.address.partition("@")[0], day) for day in self.dates(connection, row))
                assert outbox.record(connection, replace(row, worker=WORKER), Handling.SENT, "", self.now)

    @staticmethod
    def dates(connection: Connection, row: outbox.Claimed) -> list[date]:
        """Return what a letter tells."""
        assert row.subscriber
        if row.mailing is None:  # it asks to confirm
            return []
        if row.mailing.frequency is Frequency.DAILY:
            return [row.mailing.date]
        published = sa.select(schema.editions.c.date).where(schema.editions.c.state == editions.PUBLISHED)
        there = set(connection.execute(published).scalars())
        return [day for day in outbox.dates(connection, row.mailing, row.subscriber) if day in there]

    def days(self, name: str) -> list[int]:
        """Return the days of November that somebody was told, as often as they were, in order."""
        return sorted(day.day for (who, day), count in self.told.items() if who == name for _ in range(count))


@pytest.fixture
def post() -> Iterator[Post]:
    """Yield a list that nobody reads yet."""
    with closing(in_memory()) as database:
        yield Post(database)


def test_a_date_that_is_made_after_the_letter_of_its_week(post: Post) -> None:
    """The next weekly letter tells it: Wednesday, made on Saturday."""
    post.reader("ada")
    post.reader("ben", Frequency.DAILY)
    post.make(9, 10, 12, 13)
    post.send()
    assert post.days("ada") == [9, 10, 12, 13]

    post.make(11, at=datetime(2026, 11, 14, 12, tzinfo=UTC))
    post.make(16, 17, 18, 19, 20)
    post.send()

    assert post.days("ada") == post.days("ben") == [9, 10, 11, 12, 13, 16, 17, 18, 19, 20]


def test_a_last_date_that_is_made_after_the_week(post: Post) -> None:
    """A Friday that is made on Tuesday is told with the next week, for Monday has brought its own."""
    post.reader("ada")
    post.make(9, 10, 11, 12, 16)
    post.send()
    assert post.days("ada") == [9, 10, 11, 12]

    post.make(13, at=datetime(2026, 11, 17, 0, tzinfo=UTC))
    post.make(17, 18, 19, 20)
    post.send()

    assert post.days("ada") == [9, 10, 11, 12, 13, 16, 17, 18, 19, 20]


@pytest.mark.parametrize("how", ["link", "form", "operator"])
def test_a_letter_a_day_from_mid_week_on(post: Post, how: str) -> None:
    """Who switches from one a week to one a day is told the days before at once; and none twice, who switches to and fro."""
    post.reader("ada")
    post.make(9, 10)
    if how == "operator":
        post.reader("ada", Frequency.DAILY)
    elif how == "form":
        known = Subscriptions(post.database, KEY)
        assert known.ask("ada@example.org", Choice(), post.now)
        person = post.person("ada")
        assert known.confirm(token(KEY, Purpose.CONFIRM, person.key, person.nonce), post.now)
    else:
        post.switch("ada", Frequency.DAILY)
    post.send()
    assert post.days("ada") == [9, 10]

    post.switch("ada", Frequency.WEEKLY)
    post.make(11)
    post.switch("ada", Frequency.DAILY)
    post.switch("ada", Frequency.WEEKLY)
    post.make(12, 13)
    post.switch("ada", Frequency.DAILY)
    post.send()

    assert post.days("ada") == [9, 10, 11, 12, 13]


def test_what_was_before_the_confirmation(post: Post) -> None:
    """Is told to nobody, by neither letter."""
    post.make(9, 10)
    post.now += HOUR
    for name in ("ada", "ben"):
        post.reader(name)
    post.make(11)
    post.switch("ben", Frequency.DAILY)
    post.make(12, 13)
    post.send()

    assert post.days("ada") == post.days("ben") == [11, 12, 13]


def test_a_week_of_which_a_date_is_being_written(post: Post) -> None:
    """Its letter waits, though its last date is published."""
    post.reader("ada")
    post.make(9)
    post.now += DAYS
    post.keep(date(2026, 11, 10))
    (tuesday,) = post.waiting
    post.waiting.clear()
    post.make(11, 12, 13)
    post.send()
    assert post.days("ada") == []

    post.waiting.append(tuesday)
    post.publish()
    post.send()

    assert post.days("ada") == [9, 10, 11, 12, 13]


def test_a_week_that_may_have_been_told_before_a_backup_was_brought_back(post: Post) -> None:
    """Is told by no later letter either; the week that is open is told."""
    post.reader("ada")
    post.make(12)
    with post.database.write() as connection:
        outbox.restored(connection, datetime(2026, 11, 15, tzinfo=UTC))
    post.make(16, 17, 18, 19, 20)
    post.send()

    assert post.days("ada") == [16, 17, 18, 19, 20]


@dataclass
class History:
    """Some weeks of a list by chance, and a model of who is to be told what."""

    post: Post
    chance: Random
    owed: set[tuple[str, date]] = field(default_factory=set)
    confirmed: dict[str, bool] = field(default_factory=dict)

    def arrive(self) -> None:
        """Somebody comes."""
        name = f"r{len(self.confirmed)}"
        self.post.reader(name, self.chance.choice([*Frequency]))
        self.confirmed[name] = True

    def switch(self) -> None:
        """Somebody chooses how often letters come."""
        name = self.chance.choice([*self.confirmed])
        if self.confirmed[name]:
            self.post.switch(name, self.chance.choice([*Frequency]))

    def leave(self) -> None:
        """Somebody unsubscribes, who is told nothing of what they were not told before; or comes back."""
        name = self.chance.choice([*self.confirmed])
        person = self.post.person(name)
        if self.confirmed[name]:
            Register(self.post.database, KEY).remove(recipient(person.address), self.post.now)
            self.owed = {one for one in self.owed if one[0] != name or one in self.post.told}
        else:
            link = token(KEY, Purpose.MANAGE, person.key, person.nonce)
            forms = Subscriptions(self.post.database, KEY)
            _, told = forms.ask_again(link, self.post.now)
            if not told:  # asked within a day
                return
            person = self.post.person(name)
            back = forms.confirm(token(KEY, Purpose.CONFIRM, person.key, person.nonce), self.post.now)
            assert back
            assert back.standing is Standing.CONFIRMED
        self.confirmed[name] = not self.confirmed[name]

    def make(self, *, newest: bool = False) -> None:
        """Make a date that was announced in the last nine days, in whatever order; a week later it is told to nobody."""
        today = self.post.now.date()
        days = [day for back in range(10) if not CALENDAR.closure(day := today - back * DAYS) and day >= MONDAY]
        days = [day for day in days if day not in self.post.made and announcement_instant(day) <= self.post.now]
        if days:
            day = days[0] if newest or self.chance.random() < 0.6 else self.chance.choice(days)
            self.post.keep(day)
            if self.post.now - announcement_instant(day) <= timedelta(days=7):
                self.owed |= {(name, day) for name, there in self.confirmed.items() if there}

    def wait(self) -> None:
        """Let some hours go by."""
        self.post.now += self.chance.randrange(1, 30) * HOUR

    def send(self) -> None:
        """Hand over what is due now."""
        self.post.send(0)

    def go(self) -> None:
        """Let four weeks go by, and then two in which dates are made when they are announced, so that all is told."""
        for _ in range(4):
            self.arrive()
        acts = (self.arrive, self.leave, *(self.switch,) * 4, *(self.wait,) * 5, *(self.make,) * 6, *(self.post.publish, self.send) * 3)
        while self.post.now < datetime(2026, 12, 6, tzinfo=UTC):
            if len(self.confirmed) < 9 or self.chance.random() < 0.9:
                self.post.now += timedelta(minutes=1)
                self.chance.choice(acts)()
        while self.post.now < datetime(2026, 12, 19, tzinfo=UTC):
            self.make(newest=True)
            self.post.publish()
            self.post.send(12)
        self.post.send()


@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 42))])
def test_each_date_is_told_once(post: Post, seed: int) -> None:
    """In whatever order dates are made, and whenever people switch, come and go: by a daily or a weekly letter."""
    history = History(post, Random(seed))  # noqa: S311 - a history that can be repeated
    history.go()

    assert post.told == Counter(history.owed)
    assert len(history.owed) > 20
