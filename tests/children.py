"""The program in processes of its own, many of them: they are forked from one that has loaded everything, so that each is cheap.

    with children.nursery() as nursery:
        child = nursery.start(["run", "--out", ...], {"CVDIGEST_FAILPOINT": "prepared:kill"})
        assert child.wait() == -signal.SIGKILL

Run as a program, it is that process: it reads what to start from standard input, a line of JSON each, and writes which process
was started and which has ended with which status. It has one thread, so that a fork is whole.
"""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import machine
from tests.reference import ROOT, clean_environment

BOUND = 60.0
"""Seconds that a child may take before a test gives it up."""


@dataclass
class Child:
    """A process that was started."""

    pid: int
    folder: Path
    _ended: threading.Event = field(default_factory=threading.Event)
    _status: int = 0

    def wait(self, seconds: float = BOUND) -> int:
        """Return its exit status, as `subprocess` has it: the negative number of the signal that killed it."""
        if not self._ended.wait(seconds):
            self.signal(signal.SIGKILL)
            self._ended.wait(seconds)
            msg = f"the child did not end within {seconds} s; it said:\n{self.out}{self.err}"
            raise AssertionError(msg)
        return self._status

    def ended(self, seconds: float = 0.0) -> bool:
        """Say whether it has ended, or ends within so many seconds."""
        return self._ended.wait(seconds)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it has not ended."""
        if not self._ended.is_set():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    @property
    def out(self) -> str:
        """What it has written to standard output."""
        return self.folder.joinpath("out").read_text("utf-8", "replace")

    @property
    def err(self) -> str:
        """What it has written to standard error."""
        return self.folder.joinpath("err").read_text("utf-8", "replace")


class Nursery:
    """Where children are started."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        self._process, self._folder = process, folder
        self._children: dict[int, Child] = {}
        self._started: list[Child] = []
        self._there = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def start(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str] | None = None,
        *,
        does: Mapping[str, Mapping[str, Any]] | None = None,
        inside: Path | None = None,
        given: bytes = b"",
    ) -> Child:
        """Start the program with *arguments*, *inside* a folder or in one of its own, with what is *given* on standard input.

        What the machine *does* to it are functions of `tests.machine`, with their arguments; they are called in the child, before
        the program begins. The environment is added to the nursery's. What an interpreter settles when it starts, as the hash seed,
        cannot be changed any more: that takes a process that is not forked.
        """
        with self._there:
            folder = self._folder / str(len(self._started))
            folder.mkdir()
            folder.joinpath("in").write_bytes(given)
            count = len(self._started)
            what = {
                "arguments": list(arguments),
                "environment": dict(environment or {}),
                "folder": str(folder),
                "inside": str(inside or folder),
                "machine": {name: dict(how) for name, how in (does or {}).items()},
            }
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(what) + "\n")
            self._process.stdin.flush()
            assert self._there.wait_for(lambda: len(self._started) > count, BOUND), "no child was started"
            return self._started[count]

    def run(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str] | None = None,
        *,
        does: Mapping[str, Mapping[str, Any]] | None = None,
        inside: Path | None = None,
        given: bytes = b"",
    ) -> Child:
        """Start the program in the same way, and wait until it has ended."""
        child = self.start(arguments, environment, does=does, inside=inside, given=given)
        child.wait()
        return child

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            with self._there:
                if "folder" in said:
                    child = Child(said["pid"], Path(said["folder"]))
                    self._children[child.pid] = child
                    self._started.append(child)
                    self._there.notify_all()
                else:
                    child = self._children.pop(said["pid"])
                    child._status = said["status"]
                    child._ended.set()

    def close(self) -> None:
        """End all that still run."""
        with self._there:
            for child in self._children.values():
                child.signal(signal.SIGKILL)
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(BOUND)


@contextmanager
def nursery() -> Iterator[Nursery]:
    """Yield a place to start children at; no setting of whoever runs the tests reaches them."""
    with tempfile.TemporaryDirectory() as folder:
        environment = clean_environment(Path(folder), CVDIGEST_SECOND_OPINION="no")
        command = [sys.executable, "-m", "tests.children"]
        with subprocess.Popen(command, env=environment, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            made = Nursery(process, Path(folder))
            try:
                yield made
            finally:
                made.close()


# -- the process that they are forked from ---------------------------------------------------------------------------------


def main() -> None:
    """Start what is asked for until standard input ends."""
    # All that a run loads; a child then loads nothing.
    import digest.commands.backfill
    import digest.store.database
    from digest import app, cli, resources
    from digest.classify import model

    with suppress(ImportError):
        import psycopg  # noqa: F401 - so that no child has to load it
        import sqlalchemy.dialects.postgresql.psycopg  # noqa: F401 - so that no child has to load it

    resources.calendar(), resources.taxonomy(), resources.categories()
    model.load(resources.folder("models") / "default")
    del app, digest
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    rest = b""
    while True:
        ready, _, _ = select.select([0, reading], [], [])
        if reading in ready:
            os.read(reading, 4096)
            _reap()
        if 0 in ready:
            piece = os.read(0, 65536)
            if not piece:
                return
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                _fork(json.loads(line), cli.main)


def _fork(what: dict[str, Any], program: Callable[[Sequence[str]], int]) -> None:
    pid = os.fork()
    if pid:
        _tell(pid=pid, folder=what["folder"])
        return
    status = 70
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.chdir(what["folder"])
        for number, name in enumerate(("in", "out", "err")):
            opened = os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            os.dup2(opened, number)
            os.close(opened)
        os.chdir(what["inside"])
        os.environ.update(what["environment"])
        for name, arguments in what["machine"].items():
            getattr(machine, name)(**arguments)
        status = program(what["arguments"])
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except SystemExit as exc:
        status = exc.code if isinstance(exc.code, int) else 1
    except BaseException:  # noqa: BLE001 - whatever it is, this process ends here
        traceback.print_exc()
        with suppress(OSError):
            sys.stderr.flush()
    finally:
        os._exit(status)


def _reap() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        _tell(pid=pid, status=os.waitstatus_to_exitcode(status))


def _tell(**said: object) -> None:
    os.write(1, json.dumps(said).encode() + b"\n")


if __name__ == "__main__":
    main()
