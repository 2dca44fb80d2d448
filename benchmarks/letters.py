"""How fast letters to subscribers are composed, beside the goal, and what a signature costs.

    python benchmarks/letters.py [--letters N]

A day as large as the largest recorded one is told to subscribers who all chose something else: some topics and subtopics, words,
authors, kinds. Each process composes its own share of the letters, as `cvdigest send --workers 2` does. Rates are letters a second of
wall time after the first letter, which prints the papers; on a busy machine they are lower, so that the time of the processor is told
besides. Exit status: 0 if every goal is reached, else 1.
"""

import os
import sys
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy is imported
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for the invented letters in `tests`

import argparse
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from speed import Line, composed, page

from digest import resources
from digest.classify import model
from digest.core.domain import Kind
from digest.core.edition import Edition
from digest.core.subscription import Subscriber, choice_of
from digest.signing import Signer, signer
from tests.letters import NOW, letters, mailing, subscriber

LETTERS, SIGNED = 4000, 100
GOAL = 500
"""Letters a second of one process: two do 1,000."""
PROCESSES = 2
_WORDS = ("gaussian splatting", "diffusion", "event camera", "medical", "transformer", "3D", "video", "robot", "segmentation", "benchmark")


@dataclass(frozen=True, slots=True)
class Took:
    """What a process did."""

    first: float
    """Seconds until its first letter."""
    wall: float
    busy: float
    """Seconds of the processor."""
    composed: int
    size: float
    """Bytes of a letter, in the mean."""
    megabytes: float
    """At its peak."""


def readers(count: int, seed: int) -> Iterator[Subscriber]:
    """Yield subscribers who chose at random."""
    chance = random.Random(seed)  # noqa: S311 - nobody is to be surprised
    shelves = ["/".join(one) for one in resources.taxonomy().shelves()] + list(resources.taxonomy().names())
    for key in range(1, count + 1):
        found = {
            "shelves": chance.sample(shelves, chance.choice((0, 1, 2, 3, 5, 8, 20))),
            "include": chance.sample(_WORDS, chance.choice((0, 0, 0, 1, 3))),
            "exclude": chance.sample(_WORDS, chance.choice((0, 0, 0, 1))),
            "authors": [f"Ada {chance.choice(_WORDS).title()}"] if chance.random() < 1 / 3 else [],
            "kinds": chance.choice((["new"], ["new", "cross"], ["new", "cross", "replaced"])),
            "most": chance.choice((0, 0, 0, 10, 50)),
            "language": chance.choice(("en", "en", "de", "ja")),
        }
        yield replace(subscriber(key, f"reader{key}@example.org"), choice=choice_of(found), nonce=f"nonce {key}")


def compose(edition: Edition, count: int, seed: int, signing: Signer | None = None) -> Took:
    """Compose the letters of so many subscribers."""
    told = list(readers(count, seed))
    composer = letters(edition, signer=signing)
    begin = time.perf_counter()
    composer.compose(mailing(edition.date), subscriber(kinds=frozenset(Kind)), NOW)
    first, busy, begin = time.perf_counter() - begin, time.process_time(), time.perf_counter()
    made = [len(found.content) for one in told if (found := composer.compose(mailing(edition.date), one, NOW))]
    wall, busy = time.perf_counter() - begin, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    return Took(first, wall, busy, len(made), sum(made) / len(made), peak)


def lines(count: int) -> Iterator[Line]:
    """Yield what is measured."""
    edition = composed(page(), model.load(resources.folder("models") / "default"), "topics")
    yield Line("papers of the day", len(edition.items), "papers")
    found = compose(edition, count, 1)
    yield Line("the first letter, for which all papers are printed", found.first, "s")
    yield Line("letters, one process", count / found.wall, "letters/s", GOAL)
    yield Line("... by the time of the processor", count / found.busy, "letters/s")
    yield Line("... size of a letter", found.size / 1000, "kB")
    yield Line("... with nothing in them for whoever chose, not composed", count - found.composed, "letters")
    with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:
        both = list(pool.map(compose, [edition] * PROCESSES, [count] * PROCESSES, range(PROCESSES)))
    yield Line(f"letters, {PROCESSES} processes", PROCESSES * count / max(one.wall for one in both), "letters/s", PROCESSES * GOAL)
    yield Line("... by the time of the processors", sum(count / one.busy for one in both), "letters/s")
    yield Line("... peak memory of one", max(one.megabytes for one in both), "MB")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "dkim.pem")
        path.touch(0o600)
        form = serialization.PrivateFormat.TraditionalOpenSSL
        key = rsa.generate_private_key(65537, 2048)
        path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
        found = compose(edition, SIGNED, 1, signer(path, "digest2026", "list.example.org"))
    yield Line("letters signed by DKIM with RSA of 2,048 bits, one process", SIGNED / found.wall, "letters/s")


def main() -> int:
    """Measure everything, print the table, return the exit status."""
    parser = argparse.ArgumentParser(description="Measures how fast letters are composed.")
    parser.add_argument("--letters", type=int, default=LETTERS, help=f"how many each process composes (default: {LETTERS})")
    options = parser.parse_args()
    print(f"{'measure':<58} {'figure':>9} {'':<12} {'goal':>10} {'ratio to goal':>13}  ok")
    missed = []
    for line in lines(options.letters):
        print(line, flush=True)
        missed += [] if line.ok else [line.measure]
    print(f"\n{len(missed)} goals missed: {', '.join(missed)}" if missed else "\nEvery goal is reached.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
