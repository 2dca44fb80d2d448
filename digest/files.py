"""Files that are there whole or not at all."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write *content* to *path*: aside first, flushed to the disk, then renamed, so that no reader sees half of it.

    A file that has this content already is left alone.

    Raises:
        OSError: it cannot be written; what stood at *path* before still stands there.

    """
    with suppress(OSError):
        if path.read_bytes() == content:
            return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(aside).chmod(0o644)
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


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
        _flush_folder(path.parent)


def _flush_folder(path: Path) -> None:
    """Flush the names in a folder to the disk, where the system can."""
    if os.name == "posix":
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
