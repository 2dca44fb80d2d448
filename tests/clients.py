"""A client that waits on a clock of its own, for tests."""

from pathlib import Path

from digest.arxiv.client import Client
from digest.arxiv.exchange import Limits

QUICK = Limits(connect=2, read=1, total=3, tries=3, back_off=0.01, patience=5)


class Clock:
    """A clock that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def client(
    folder: Path,
    *,
    clock: Clock | None = None,
    pace: float = 0,
    limits: Limits = QUICK,
    contact: str = "",
    lane: str = "",
    loopback: bool = True,
) -> Client:
    """Return a client on a clock of its own."""
    clock = clock or Clock()
    return Client(pace, folder, contact, loopback=loopback, limits=limits, sleep=clock.sleep, clock=clock, lane=lane)
