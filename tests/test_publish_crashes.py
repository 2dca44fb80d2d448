"""Ended by force at any instant, a site needs nothing but to be published again, and no page of it is ever half there.

What is killed is a real process, with the one that helps it or alone. Meanwhile somebody reads all files over and over.
"""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest

from digest import publishing
from digest.core.domain import Kind
from digest.core.site import INDEX
from digest.files import is_part
from digest.store.database import Database, address
from tests.servers import eventually
from tests.sites import Press, tree
from tests.test_classify import helpers
from tests.weeks import Program

KILLS = 25
DAYS = [date(2026, 10, 1) + timedelta(number) for number in range(40) if (date(2026, 10, 1) + timedelta(number)).weekday() < 5][:24]
EACH = 42
"""Papers of a date: more in all than one process makes alone."""


class Visitor:
    """Reads all files of a site over and over, as those do who visit it, and remembers which of them were not whole."""

    def __init__(self, root: Path) -> None:
        self.root, self.read, self.broken = root, 0, list[str]()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._visit, daemon=True)

    def _visit(self) -> None:
        while not self._ends.wait(0.1):  # they leave the machine to others now and then
            for folder, _, names in os.walk(self.root):
                for name in names:
                    path = Path(folder, name)
                    if not is_part(name) and not whole(path):
                        self.broken.append(str(path))
                    self.read += 1

    @contextmanager
    def visiting(self) -> Iterator[None]:
        """Read meanwhile."""
        self._thread.start()
        try:
            yield
        finally:
            self._ends.set()
            self._thread.join()


def whole(path: Path) -> bool:
    """Say whether a file is whole, as far as its end tells; one that is gone is."""
    try:
        body = path.read_bytes()
    except FileNotFoundError:
        return True
    if path.suffix == ".json":
        try:
            json.loads(body)
        except ValueError:
            return False
    ends = {".html": b"</html>\n", ".xml": b">\n", ".opml": b"</opml>\n"}
    return bool(body or path.name == ".nojekyll") and body.endswith(ends.get(path.suffix, b""))


@pytest.fixture
def published(tmp_path: Path) -> Program:
    """Return the program with two dozen dates in its database."""
    program = Program(tmp_path, "", lambda: None)
    database = Database(address("", tmp_path / "data")).open()
    press = Press(database, tmp_path)
    for number, day in enumerate(DAYS):
        names = {f"2610.{number * EACH + one:05}": Kind.NEW for one in range(1, EACH + 1)}
        press.add(day, names | ({f"2610.{number * EACH:05}": Kind.CROSS} if number else {}))
    database.close()
    return program


def start(program: Program, *arguments: str) -> "subprocess.Popen[bytes]":
    """Begin to publish, in a group of processes of its own."""
    environment = program.environment() | {"CVDIGEST_NO_SITE": "no"}
    command = program.command("publish", "--quiet", *arguments)
    return subprocess.Popen(command, env=environment, cwd=program.folder, stderr=subprocess.PIPE, start_new_session=True)


def finished(process: "subprocess.Popen[bytes]") -> None:
    """Wait for its end, which is a good one."""
    err = process.communicate(timeout=120)[1]
    assert (process.returncode, err) == (0, b"")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc")
def test_killed_at_any_instant(published: Program) -> None:
    """After 25 builds that were killed, each with a title of its own so that it writes every page, one more makes all as if new."""
    assert len(DAYS) * EACH > publishing._ALONE
    site = published.folder / "out" / "site"
    began = time.monotonic()
    finished(start(published))
    length = time.monotonic() - began
    random = Random(30)  # noqa: S311 - instants are no secrets
    helped = within = 0
    visitor = Visitor(site)
    with visitor.visiting():
        for number in range(KILLS):
            before = site.stat().st_mtime_ns
            process = start(published, "--site-title", f"Title {number}")
            if number % 5 == 0:  # the one that helps is there, and perhaps at work
                assert eventually(lambda process=process: bool(helpers(process.pid)), 60)  # type: ignore[misc]
                threading.Event().wait(random.uniform(0, length / 3))
            elif number % 5 == 1:
                threading.Event().wait(random.uniform(0, length / 2))
            else:  # it has begun to write, for all files that are being written stand in that folder
                assert eventually(lambda before=before: site.stat().st_mtime_ns != before, 60)  # type: ignore[misc]
                threading.Event().wait(random.uniform(0, length / 2))
            others = helpers(process.pid)
            if number % 10 == 5:
                process.kill()  # alone: who helps it sees that, and ends
            else:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=60)
            helped += bool(others) and process.returncode != 0
            within += process.returncode != 0 and any(f"Title {number}".encode() in path.read_bytes() for path in site.rglob("*.html"))
            assert eventually(lambda others=others: not any(map(running, others)), 60)  # type: ignore[misc]
    finished(start(published))
    fresh = published.folder / "fresh"
    finished(start(published, "--site", str(fresh)))
    found, expected = tree(site), tree(fresh)

    assert visitor.broken == []
    assert found.keys() == expected.keys()
    assert [path for path in found if found[path] != expected[path]] == []
    assert not [path for path in found if is_part(Path(path).name)]
    assert b"Title" not in found[INDEX]
    assert helped >= KILLS // 8, f"{helped} of {KILLS} kills met a process that helped"
    assert within >= KILLS // 5, f"{within} of {KILLS} kills met a build that had begun to write"
    assert visitor.read > len(found)


def running(number: int) -> bool:
    """Say whether a process has not ended; one that nobody has asked for its status has."""
    try:
        return Path(f"/proc/{number}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
