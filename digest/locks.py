"""Who leads: of several daemons with the same work to do, the one that holds a lock of the operating system's kernel.

Such a lock ends with the process that holds it, however it ends; no stale one can stay behind.
"""

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from digest.errors import PublishError


@dataclass(slots=True)
class FileLeadership:
    """Leadership by a lock on a file; `acquire` and `release` may be called by different threads."""

    path: Path
    _lock: FileLock = field(init=False, repr=False)
    _file: tuple[int, int] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self._lock = FileLock(self.path, thread_local=False)

    def acquire(self) -> bool:
        """Lead, if nobody else does; say whether we lead. Never waits.

        Raises:
            PublishError: the file cannot be written.

        """
        if self._file is not None:
            return self.held()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            return False
        except OSError as exc:
            msg = f"{self.path} cannot be locked: {exc.strerror or exc}"
            raise PublishError(msg, advice="choose another data folder with --data") from exc
        self._file = self._identity()
        return self.held()

    def held(self) -> bool:
        """Say whether we still lead. Who loses the file itself may have a rival on another file of its name."""
        if self._file is None or self._identity() != self._file:
            self.release()
            return False
        return True

    def release(self) -> None:
        """Let another one lead."""
        self._file = None
        with suppress(OSError):
            self._lock.release(force=True)

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self.path)  # noqa: PTH116 - nothing else of the path is wanted
        except OSError:
            return None
        return found.st_dev, found.st_ino
