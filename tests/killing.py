"""Senders in processes of their own that are killed while they hand letters over, and what they leave behind.

Run as a program, it is the process that they are forked from, which has one thread: it reads what to start from standard input, a
line of JSON each, and writes the number of the process that was started.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, Protocol

from digest.store.database import Database, address
from tests import postbox, sendings
from tests.reference import ROOT, clean_environment

PROCESSES, WORKERS = 4, 2
"""Eight connections at once."""
_PATIENCE = 120.0
_STEPS = 60
"""Lines that a relay reads at most between two kills: some six letters."""
_NAMED = "named"


@dataclass(frozen=True)
class Found:
    """What some kills left behind."""

    kills: int
    letters: int
    lost: int
    twice: int
    """Letters that arrived more often than once, counted each time."""
    unnamed: int
    """Of those, the ones that were not said to be uncertain."""
    named: int
    counts: dict[str, int]
    seconds: float


class _Herd:
    """Processes that send."""

    def __init__(self, process: "subprocess.Popen[str]", config: dict[str, Any]) -> None:
        self._process, self._config = process, config
        self.pids: list[int] = []

    def start(self, later: float = 0.0) -> None:
        """Start another one, whose clock is *later* by so many seconds."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({**self._config, "later": later}) + "\n")
        self._process.stdin.flush()
        self.pids.append(int(self._process.stdout.readline()))

    def living(self) -> list[int]:
        """Return those that have not ended."""
        self.pids = [pid for pid in self.pids if _lives(pid)]
        return self.pids

    def end(self) -> None:
        """Wait until all have ended."""
        until = time.monotonic() + _PATIENCE
        while self.living():
            assert time.monotonic() < until, "a sender does not end"
            time.sleep(0.005)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def _herd(config: dict[str, Any], folder: Path) -> Iterator[_Herd]:
    environment = clean_environment(folder)
    command = [sys.executable, "-m", "tests.killing"]
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        herd = _Herd(process, config)
        try:
            yield herd
        finally:
            for pid in herd.living():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            assert process.stdin
            process.stdin.close()


class Box(Protocol):
    """A relay."""

    port: int
    log: Path | None

    def moves(self, lines: int, seconds: float) -> bool:
        """Wait until it has read so many lines more; say whether it has within so many seconds."""

    def identifiers(self) -> list[str]:
        """Return the Message-IDs of what it has taken."""


@contextmanager
def _invented(folder: Path) -> Iterator[Box]:
    log = folder / "mail.log"
    log.touch()
    with postbox.relay(log=log) as box:
        yield box


def kill(
    folder: Path, kills: int, chosen: Random, *, asked: bool, relay: Callable[[Path], AbstractContextManager[Box]] = _invented
) -> Found:
    """Kill senders at instants that nobody chose, until so many were killed and all letters are handed over; return what is left.

    If the relay can be *asked*, they read its log.
    """
    letters = kills * 20 + 200
    database = Database(address(str(folder / "cvdigest.db"), folder)).open()
    begun = time.monotonic()
    try:
        here = sendings.world(database, letters)
        with relay(folder) as box:
            config = {"folder": str(folder), "port": box.port, "log": str(box.log) if asked else "", "began": time.time()}
            with _herd(config, folder) as herd:
                killed = _cull(herd, box, kills, chosen)
                herd.end()
                for hour in range(1, 10):
                    herd.start(3600.0 * hour)
                    herd.end()
                    if here.counts() == {"sent": letters}:
                        break
            arrived = Counter(box.identifiers())
        counts = here.counts()
        with database.read() as connection:
            expected = {f"<cs.cv.2026-11-20.daily.s{key}@{sendings.DOMAIN}>" for key in sendings.keys(connection)}
    finally:
        database.close()
    named = Counter((folder / _NAMED).read_text().split()) if (folder / _NAMED).exists() else Counter[str]()
    twice = arrived - Counter(expected)
    return Found(
        killed,
        letters,
        len(expected - set(arrived)),
        twice.total(),
        (twice - named).total(),
        named.total(),
        counts,
        time.monotonic() - begun,
    )


def _cull(herd: _Herd, box: Box, kills: int, chosen: Random) -> int:
    """Kill one after the other, and start a new one for each, as long as there are letters; return how many were killed."""
    killed = 0
    until = time.monotonic() + _PATIENCE
    while killed < kills:
        while len(herd.living()) < PROCESSES:
            herd.start()
        if not box.moves(chosen.randrange(1, _STEPS), 20):
            break
        living = herd.living()
        if living:
            with suppress(ProcessLookupError):  # it has ended since
                os.kill(chosen.choice(living), signal.SIGKILL)
                killed += 1
            until = time.monotonic() + _PATIENCE
        assert time.monotonic() < until, "nothing is sent"
    return killed


# -- the process that they are forked from ---------------------------------------------------------------------------------


def main() -> None:
    """Start what is asked for until standard input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            try:
                _send(json.loads(line))
            finally:
                os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _send(config: dict[str, Any]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    folder = Path(config["folder"])
    began, later = config["began"], config["later"]

    def named(line: str) -> None:
        if "may have arrived" in line:
            with (folder / _NAMED).open("a") as file:
                file.write(line.split()[1].rstrip(":") + "\n")

    world = sendings.World(Database(address(str(folder / "cvdigest.db"), folder)).open())
    log = Path(config["log"]) if config["log"] else None
    sending = world.sending(
        config["port"],
        log=log,
        workers=WORKERS,
        warn=named,
        say=lambda _line: None,
        now=lambda: sendings.NOW + timedelta(seconds=later + time.time() - began),
    )
    sending.run()


if __name__ == "__main__":
    main()
