"""Many of us at once on one data folder: runs and daemons, of which some are killed. For tests and for `benchmarks/crashes.py`."""

import signal
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from random import Random

from digest import heartbeat
from digest.core.domain import State
from digest.store import days
from tests import servers
from tests.children import Child, Nursery
from tests.servers import eventually
from tests.weeks import LAST, Program
from tests.wholeness import DOUBLED, LOST, OTHER, look

SOON = 10.0
"""Seconds within which another daemon leads."""
FIRST, STANDBY = "no other daemon does this work; leading now", "another daemon does this work already; standing by"


@dataclass
class Round:
    """What came of one round."""

    wrong: list[tuple[str, str]] = field(default_factory=list)
    """Kind and words."""
    taken_over: float | None = None
    """Seconds after the leader's death until another daemon led; None where nobody was killed."""

    def see(self, good: object, kind: str, text: str) -> None:
        """Note what is not *good*."""
        if not good:
            self.wrong.append((kind, text))


def crowd(  # noqa: PLR0917 - who comes, and what happens
    nursery: Nursery, program: Program, arxiv: servers.Arxiv, random: Random, daemons: int, runs: int, *, kill: bool = False
) -> Round:
    """Start *daemons* and *runs* at once; with *kill*, kill the leader at an instant that nobody chose; end the others.

    There is to be one edition, and each page asked for once, or twice if who had asked for it was killed.
    """
    found, asked = Round(), len(arxiv.asked)
    options = program.options("run")
    waiting = [nursery.start(["schedule", *options]) for _ in range(daemons)]
    hurrying = [nursery.start(["run", *options]) for _ in range(runs)]
    killed: list[Child] = []
    if kill:
        killed = _kill_leader(program, waiting, found, random.uniform(0, 0.4))
    for child in hurrying:
        found.see(child.wait() == 0, OTHER, f"a run ended with {child.wait()}: {child.err}")
    living = [child for child in waiting if child not in killed]
    if living or hurrying:
        found.see(eventually(lambda: _made(program), 30), LOST, f"no edition is made: {''.join(child.err for child in living)}")
    # Who is told to end before it could look has nothing to say, and who looks after the leader was told to end leads rightly.
    found.see(eventually(lambda: all(map(_has_looked, living)), 30), OTHER, "a daemon does not look who leads")
    for child in living:
        child.signal(signal.SIGTERM)
    for child in living:
        found.see(child.wait() == 0, OTHER, f"a daemon ended with {child.wait()}: {child.err}")
        found.see(child.err.count("leading now") <= 1, DOUBLED, child.err)
    first = [child for child in waiting if FIRST in child.err]
    found.see(len(first) <= 1 or kill, DOUBLED, f"{len(first)} daemons led at once")
    found.see(len(arxiv.asked) - asked <= 1 + len(killed), DOUBLED, f"asked for {arxiv.asked[asked:]}")
    # One more run: what a daemon was writing when it was killed is swept by the next one that works.
    last = nursery.run(["run", *options])
    found.see(last.wait() == 0, OTHER, f"the last run ended with {last.wait()}: {last.err}")
    found.wrong += look(program, LAST)
    return found


def _has_looked(child: Child) -> bool:
    return FIRST in child.err or STANDBY in child.err


def _made(program: Program) -> bool:
    database = program.database()
    if database.path is not None and not database.path.exists():
        return False
    with closing(database), database.read() as connection:
        note = days.read(connection, "cs.CV", LAST)
    return note is not None and note.state is State.PUBLISHED


def _kill_leader(program: Program, waiting: list[Child], found: Round, after: float) -> list[Child]:
    """Kill the daemon that leads, so many seconds after it began to; see that another one leads soon."""

    def leader() -> int:
        beat = heartbeat.read(program.folder / "data", "cs.CV")
        return beat.pid if beat is not None and beat.role == heartbeat.LEADER else 0

    found.see(eventually(lambda: leader() != 0, 30), LOST, "nobody leads")
    threading.Event().wait(after)
    first = leader()
    killed = [child for child in waiting if child.pid == first]
    for child in killed:
        child.signal(signal.SIGKILL)
        child.wait()
    died = time.monotonic()
    if killed and len(waiting) > 1:
        found.see(eventually(lambda: leader() != first, SOON), LOST, f"nobody leads {SOON} s after the leader's death")
        found.taken_over = time.monotonic() - died
    return killed
