"""How fast letters to 100,000 subscribers are queued, claimed, begun and recorded.

    python benchmarks/outbox.py [--people N] [--database URL]

The store is a file of SQLite in a folder of its own, or the empty database of PostgreSQL at the URL. The people are invented: one in
five wants one letter a week, the others one a day, at 24 hours in 40 time zones. Exit status: 0 if every goal is reached, else 1.
"""

import os
import sys
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy is imported
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for the invented papers in `tests`

import argparse
import random
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import available_timezones

import sqlalchemy as sa
from speed import Line

from digest.core.announcements import Calendar
from digest.core.subscription import Choice, Frequency, Handling, Standing, choice_object
from digest.store import outbox, schema, subscribers
from digest.store.database import Database, address
from digest.store.outbox import Claimed
from tests import stores

PEOPLE, SENT = 100_000, 5_000
DAY, NOW = date(2026, 11, 20), datetime(2026, 11, 20, 1, 30, tzinfo=UTC)  # a Friday, which ends its week
LATER = NOW + timedelta(days=2)


def people(database: Database, count: int) -> None:
    """Keep subscribers who confirmed."""
    chance = random.Random(5)  # noqa: S311 - nobody is to be kept from guessing it
    zones = chance.sample(sorted(zone for zone in available_timezones() if "/" in zone), 40)
    shelves = ("3d", "video", "medical", "generation", "robotics", "3d/slam", "generation/editing")
    rows = []
    for number in range(count):
        choice = Choice(
            shelves=tuple(chance.sample(shelves, chance.randint(0, 3))),
            frequency=Frequency.WEEKLY if number % 5 == 0 else Frequency.DAILY,
            zone=chance.choice(zones),
            hour=chance.randrange(24),
        )
        name = f"reader-{number}@example.org"
        rows.append({
            "address": name, "canonical": name, "standing": Standing.CONFIRMED.value, "choice": choice_object(choice), "nonce": "n",
            "frequency": choice.frequency.value, "zone": choice.zone, "hour": choice.hour, "made": NOW, "confirmed": NOW,
        })  # fmt: skip
    with database.write() as connection:
        for start in range(0, count, 10_000):
            connection.execute(sa.insert(schema.subscribers), rows[start : start + 10_000])


def measured(database: Database, count: int) -> Iterator[Line]:
    """Measure each step."""
    people(database, count)
    with database.write() as connection:
        stores.keep(connection, stores.announcement(DAY, 200))
    began = time.perf_counter()
    with database.write() as connection:
        queued = outbox.queue(connection, "cs.CV", DAY, NOW, calendar=Calendar())
    yield Line(f"{queued:,} letters queued", time.perf_counter() - began, "s", 10.0, at_least=False)

    worker, rows = outbox.worker(), list[Claimed]()
    began = time.perf_counter()
    while len(rows) < min(SENT, queued):
        with database.write(turns=False) as connection:
            rows += outbox.claim(connection, worker, LATER, 500)
    yield Line("claimed, 500 at once", len(rows) / (time.perf_counter() - began), "letters/s", 1000.0)

    for together, some in ((1, rows[: len(rows) // 5]), (8, rows[len(rows) // 5 :])):
        began = time.perf_counter()
        before: list[Claimed] = []
        for start in range(0, len(some) + together, together):
            after = some[start : start + together]
            with database.write(turns=False) as connection:
                for row in before:
                    outbox.record(connection, row, Handling.SENT, "250 2.0.0 Ok: queued as 4XyZ", LATER)
                for row in after:
                    outbox.begin(connection, row.key, worker, LATER)
            before = after
        yield Line(f"recorded, with the next begun, {together} a transaction", len(some) / (time.perf_counter() - began), "letters/s")

    began = time.perf_counter()
    with database.write(turns=False) as connection:
        outbox.recover(connection, LATER)
    yield Line("looked for what dead workers left", 1000 * (time.perf_counter() - began), "ms")
    began = time.perf_counter()
    with database.write() as connection:
        for key in range(1, 201):
            subscribers.end(connection, key, LATER)
    yield Line("somebody unsubscribes", 1000 * (time.perf_counter() - began) / 200, "ms")


def main() -> int:
    """Measure, print the table, return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=PEOPLE, metavar="N", help="how many subscribers")
    parser.add_argument("--database", default="", metavar="URL", help="an empty database of PostgreSQL")
    options = parser.parse_args()
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        database = Database(address(options.database, Path(folder))).open()
        try:
            for line in measured(database, options.people):
                print(line, flush=True)
                lines.append(line)
        finally:
            database.close()
    missed = [line.measure for line in lines if not line.ok]
    print(f"\n{len(missed)} goals missed: {', '.join(missed)}" if missed else "\nEvery goal is reached.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
