"""What a machine does to a program: calls that fail, limits, outputs that take nothing. Called in a child, before the program begins."""

import errno
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, Self


def limit(name: str, value: int) -> None:
    """Set a limit of this process: ``FSIZE``, ``NOFILE``, ``AS`` or ``NPROC``."""
    number: int = getattr(resource, f"RLIMIT_{name}")
    resource.setrlimit(number, (value, value))


def output(number: int, path: str = "") -> None:
    """Let a standard output lead to *path*; close it where there is none."""
    if not path:
        os.close(number)
        return
    opened = os.open(path, os.O_WRONLY)
    os.dup2(opened, number)
    os.close(opened)


def fail(number: int, error: str, told: str) -> None:
    """Let the call *number*, counted from 1, of all that change files fail with *error* (``ENOSPC``); the file *told* says that it did.

    It is the operating system that is played here. Of a write that fails, half was written.
    """
    code = getattr(errno, error)
    counted = 0

    def fails() -> bool:
        nonlocal counted
        counted += 1
        return counted == number

    def refuse(path: object = None) -> NoReturn:
        handle = opened(told, os.O_WRONLY | os.O_CREAT)
        os.close(handle)
        raise OSError(code, os.strerror(code), path)

    opened, fdopen = os.open, os.fdopen

    def instead(name: str) -> None:
        real = getattr(os, name)

        def call(*arguments: Any, **named: Any) -> Any:
            if fails():
                refuse(arguments[0] if name != "fsync" else None)
            return real(*arguments, **named)

        setattr(os, name, call)

    def open_(path: Any, flags: int, *arguments: Any, **named: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and fails():
            refuse(path)
        return opened(path, flags, *arguments, **named)

    def fdopen_(handle: int, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        file = fdopen(handle, mode, *arguments, **named)
        return _Failing(file, fails, refuse) if "w" in mode else file

    for name in ("replace", "fsync", "mkdir"):
        instead(name)
    vars(os).update(open=open_, fdopen=fdopen_)


class _Failing:
    """A file whose writes may fail."""

    def __init__(self, file: Any, fails: Callable[[], bool], refuse: Callable[[], NoReturn]) -> None:
        self._file, self._fails, self._refuse = file, fails, refuse

    def __enter__(self) -> Self:
        self._file.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._file.__exit__(*error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, content: bytes) -> int:
        """Write, or write half of it and fail."""
        if self._fails():
            self._file.write(content[: len(content) // 2])
            self._file.flush()
            self._refuse()
        written: int = self._file.write(content)
        return written


def become(user: int) -> None:
    """Go on as another user, for whom limits hold that do not for root."""
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)


def room(more: int) -> None:
    """Let this process have only so many bytes of memory more than it has now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    limit("AS", pages * resource.getpagesize() + more)
