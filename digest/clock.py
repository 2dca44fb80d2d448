"""What time it is: the machine's clock, an instant that stands still, or one from which time runs faster, for replays."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock."""

    start: datetime | None = None
    """The instant that it shows first; None for the clock of the machine."""
    speed: float = 0.0
    """How many times as fast as the machine's it runs from *start*; 0 for one that stands still."""
    monotonic: Callable[[], float] = time.monotonic
    _began: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Begin to run."""
        object.__setattr__(self, "_began", self.monotonic())

    def now(self) -> datetime:
        """Return the instant that it shows, in UTC."""
        if self.start is None:
            return datetime.now(UTC)
        if not self.speed:
            return self.start
        try:
            return self.start + timedelta(seconds=(self.monotonic() - self._began) * self.speed)
        except OverflowError:  # there is nothing after the year 9999
            return datetime.max.replace(tzinfo=UTC)

    def seconds_until(self, moment: datetime) -> float:
        """Return after how many real seconds it shows *moment*: 0 if it did already, infinity if it never will."""
        left = (moment - self.now()).total_seconds()
        if left <= 0:
            return 0.0
        if self.start is None:
            return left
        return left / self.speed if self.speed else math.inf
