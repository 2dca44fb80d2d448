"""Files that are there whole or not at all."""

import hashlib
import os
import platform
import re
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from digest.failpoints import reach

_PART = re.compile(r"\..+\.(?P<host>[0-9a-f]{8})-(?P<pid>\d+)\.[a-z0-9_]+\.part(?:-journal|-wal|-shm)?")
"""Names of files that are being written; SQLite puts some beside its own."""
_STARTED = time.time()
_FORGOTTEN = 86400.0
"""Seconds after which a file that another machine was writing is left over."""


def write_whole(path: Path, content: bytes, *, point: str = "", private: bool = False) -> None:
    """Write *content* to *path*: aside first, flushed to the disk, then renamed, so that no reader sees half of it.

    A file that has this content already is left alone. *point* is a failpoint, reached before it is renamed. If *private*, its owner
    alone can read it, from the first byte on, also where a file stood there that others could read.

    Raises:
        OSError: it cannot be written; what stood at *path* before still stands there.

    """
    with suppress(OSError):
        if path.read_bytes() == content:
            if private:
                keep_private(path)
            return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = new_aside(str(path.parent), path.name)
    aside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            if private and os.name == "posix":
                os.fchmod(handle, 0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if point:
            reach(point)
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def new_aside(folder: str, name: str) -> tuple[int, str]:
    """Open a new file in *folder* for what will be called *name*, which `sweep` removes if this process is killed.

    Return its handle and its path. Who may read it is for the umask to say.

    Raises:
        OSError: it cannot be made.

    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    while True:
        aside = f"{folder}{os.sep}.{name}.{_mark()}-{os.getpid()}.{secrets.token_hex(4)}.part"
        with suppress(FileExistsError):
            return os.open(aside, flags, 0o666), aside


def sweep(folder: Path, *, deep: bool = True, but: Path | None = None) -> list[Path]:
    """Remove what processes that were killed left half-written in *folder* and, if *deep*, its folders; return what was removed.

    What a living process of this machine or any of another one may be writing is left alone, for a day. The folder *but*, which
    may hold a great many files, is not looked through.
    """
    found = []
    for path in _parts(folder, but) if deep else folder.glob(".*.part*"):
        match = _PART.fullmatch(path.name)
        with suppress(OSError):
            # A number of a process is given again in time, so that one that lives says nothing about an old file.
            if match is None or (_young(path) and (match["host"] != _mark() or _writes(int(match["pid"]), path))):
                continue
            path.unlink()
            found.append(path)
    return found


def is_part(name: str) -> bool:
    """Say whether a name is that of a file that is being written, or was when its process was killed."""
    return bool(_PART.fullmatch(name))


def _parts(folder: Path, but: Path | None) -> Iterator[Path]:
    """Yield what may be half-written in a folder and its folders."""
    for place, folders, names in os.walk(folder):
        if but is not None:
            folders[:] = [name for name in folders if Path(place, name) != but]
        yield from (Path(place, name) for name in names if name.startswith(".") and ".part" in name)


def host() -> str:
    """Return the name of this machine, by which it knows later what it did itself."""
    return platform.node()


@cache
def _mark() -> str:
    return hashlib.sha256(host().encode()).hexdigest()[:8]


def _writes(pid: int, path: Path) -> bool:
    """Say whether a process of this machine may write *path* still."""
    if pid == os.getpid():  # or one before it that had the same number, as in a container that was started again
        return path.stat().st_mtime >= _STARTED - 1
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _young(path: Path) -> bool:
    return time.time() - path.stat().st_mtime < _FORGOTTEN


def keep_private(path: Path) -> None:
    """Let nobody but its owner read or write a file, if it is there and ours; what the owner may not do stays so.

    Raises:
        OSError: that cannot be done.

    """
    with suppress(FileNotFoundError, PermissionError):
        mode = stat.S_IMODE(path.stat().st_mode)
        if os.name == "posix" and mode & 0o077:
            path.chmod(mode & 0o600)


def append(path: Path, content: bytes) -> None:
    """Add *content* to the end of the file at *path*, flushed to the disk.

    Raises:
        OSError: it cannot be written; the file is as it was before, unless the power fails too.

    """
    path.parent.mkdir(parents=True, exist_ok=True)
    there = path.exists()
    # Unbuffered, so that nothing is left over that would be written after the file was cut back.
    with path.open("ab", buffering=0) as file:
        before = file.seek(0, os.SEEK_END)
        try:
            left = memoryview(content)
            while left:
                left = left[file.write(left) :]
            os.fsync(file.fileno())
        except BaseException:
            with suppress(OSError):
                file.truncate(before)
            raise
    if not there:
        flush_folder(path.parent)


def flush_folder(path: Path) -> None:
    """Flush the names in a folder to the disk, where the system can."""
    if os.name == "posix":
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
