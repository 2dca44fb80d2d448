"""Whether letters are lost or sent twice, and how many a second are handed over.

    python benchmarks/sending.py --kills 10000 --letters 20000 --seed 7

Senders are killed at instants that nobody chose while they hand letters over to a server on loopback, once where its log can be
asked and once where it cannot; then many letters are handed over to aiosmtpd, and to a Postfix of our own if it is installed: it
listens on loopback alone, throws away what it takes, and can send nothing anywhere. Postfix has to be started by root. Exit status:
0 if every goal is reached, else 1.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for the invented letters in `tests`

import grp
import os
import pwd
import re
import resource
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from random import Random

from speed import Line

from digest import posting
from digest.settings import Settings
from digest.store.database import Database, address
from digest.store.outbox import Claimed
from tests import killing, sendings
from tests.sendings import Plain, World

RATE, GROWTH = 500.0, 20.0
"""Goals: letters a second, and MB that a process grows by after its first letters."""
WARM = 1000
POSTFIX = 10
"""One in so many kills while letters go to Postfix, which takes longer."""
BODY = b"".join(b"%04d Words, and words, and words: some seventy letters of them in each line.\r\n" % number for number in range(260))
"""As long as a usual letter."""
_SINK = """
import socket, sys
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
controller = Controller(Sink(), hostname="127.0.0.1", port=port)
controller.start()
print(port, flush=True)
sys.stdin.read()
"""


def main() -> int:
    """Measure everything, print the table, return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=100, help="0 for none")
    parser.add_argument("--letters", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    options = parser.parse_args()
    print(f"seed {options.seed}\n{'measure':<58} {'figure':>9} {'':<12} {'goal':>10} {'ratio to goal':>13}  ok")
    missed = []
    for line in lines(options.kills, options.letters, options.workers, Random(options.seed)):  # noqa: S311 - instants are no secrets
        print(line, flush=True)
        missed += [] if line.ok else [line.measure]
    return 1 if missed else 0


@dataclass(slots=True)
class Relay:
    """A Postfix of our own, by its log."""

    port: int
    log: Path | None

    def moves(self, lines: int, seconds: float) -> bool:
        """Wait until it has written a few lines more."""
        assert self.log  # noqa: S101 - it has one
        until, wanted = time.monotonic() + seconds, self.log.stat().st_size + lines * 20
        while self.log.stat().st_size < wanted:
            if time.monotonic() > until:
                return False
            time.sleep(0.001)
        return True

    def identifiers(self) -> list[str]:
        """Return the Message-IDs of what it has taken."""
        assert self.log  # noqa: S101 - it has one
        names: dict[str, str] = {}
        found = []
        for line in self.log.read_text("utf-8", "replace").splitlines():
            if match := re.search(r"/cleanup\[\d+\]: (\w+): message-id=(\S+)", line):
                names[match[1]] = match[2]
            elif (match := re.search(r"/qmgr\[\d+\]: (\w+): from=<.*queue active", line)) and match[1] in names:
                found.append(names.pop(match[1]))
        return found


def lines(kills: int, letters: int, workers: int, chosen: Random) -> Iterator[Line]:
    """Yield a line for each thing that is measured."""
    for asked in (True, False) if kills else ():
        with tempfile.TemporaryDirectory() as folder:
            found = killing.kill(Path(folder), kills, chosen, asked=asked)
        where = "log asked" if asked else "nobody asked"
        yield Line(f"{where}: letters lost by {found.kills} kills", found.lost, "", 0, at_least=False)
        yield Line(f"{where}: letters delivered twice", found.twice, "", 0 if asked else found.kills * killing.WORKERS, at_least=False)
        yield Line(f"{where}: delivered twice, not named uncertain", found.unnamed, "", 0, at_least=False)
    with aiosmtpd() as port:
        yield from rates("aiosmtpd", port, letters, workers)
    if shutil.which("postfix") and not os.getuid():
        if kills:
            with tempfile.TemporaryDirectory() as folder:
                found = killing.kill(Path(folder), kills // POSTFIX, chosen, asked=True, relay=postfix)
            yield Line(f"Postfix: letters lost by {found.kills} kills", found.lost, "", 0, at_least=False)
            yield Line("Postfix: letters delivered twice", found.twice, "", 0, at_least=False)
        with tempfile.TemporaryDirectory() as folder, postfix(Path(folder)) as relay:
            yield from rates("Postfix", relay.port, letters, workers)
            yield Line("Postfix: letters that it has not taken", letters - len(set(relay.identifiers())), "", 0, at_least=False)


def rates(who: str, port: int, letters: int, workers: int) -> Iterator[Line]:
    """Hand letters over; yield how many a second, and by how much the process grew."""

    def compose(row: Claimed, now: datetime) -> Plain:
        letter = sendings.compose(row, now)
        return Plain(letter.content + BODY, letter.sender, letter.to)

    with tempfile.TemporaryDirectory() as folder:
        database = Database(address(str(Path(folder) / "cvdigest.db"), Path(folder))).open()
        here = sendings.world(database, letters)
        ends = threading.Event()
        early: list[int] = []

        def warm(row: Claimed, now: datetime) -> Plain:
            if row.key == WARM:
                early.append(_resident())
            return compose(row, now)

        session = posting.session(Settings(mail_server=f"smtp://127.0.0.1:{port}"), {})
        begun, spent = time.monotonic(), time.process_time()
        report = World(database, here.now).sending(port, workers=workers, compose=warm, ends=ends, session=session).run()
        seconds, spent = time.monotonic() - begun, time.process_time() - spent
        grown = (_resident() - early[0]) / 2**20
        database.close()
    sent = report.counts[sendings.SENT]
    yield Line(f"{who}: letters that were not sent", letters - sent, "", 0, at_least=False)
    yield Line(f"{who}: {letters:,} letters of {len(BODY) // 1000} kB, {workers} workers", sent / seconds, "a second", RATE)
    yield Line(f"{who}: of our own time for a letter", spent / sent * 1000, "ms", 1000 / RATE, at_least=False)
    yield Line(f"{who}: growth after the first {WARM:,}", grown, "MB", GROWTH, at_least=False)


def _resident() -> int:
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * resource.getpagesize()


@contextmanager
def aiosmtpd() -> Iterator[int]:
    """Run a server in a process of its own that throws away what it takes; yield its port."""
    with subprocess.Popen([sys.executable, "-c", _SINK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin  # noqa: S101 - they are pipes
        assert process.stdout  # noqa: S101 - they are pipes
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()


MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = relay.example.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
default_transport = discard:
relay_transport = discard:
local_transport = discard:
virtual_transport = discard:
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
local_recipient_maps =
smtpd_tls_security_level = none
alias_maps =
alias_database =
"""
MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 discard
defer unix - - n - 0 discard
trace unix - - n - 0 discard
discard unix - - n - - discard
error unix - - n - - error
retry unix - - n - - error
proxymap unix - - n - - proxymap
showq unix n - n - - showq
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""
"""There is no smtp(8) in it: nothing can leave."""


def _wait_for(port: int) -> None:
    """Wait until a server greets whoever calls."""
    until = time.monotonic() + 30
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 10) as one:
                if one.recv(100):
                    return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


@contextmanager
def postfix(_folder: Path) -> Iterator[Relay]:
    """Run a Postfix of our own, which delivers nothing."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        config, log = folder / "etc", folder / "mail.log"
        for one in (config, folder / "spool", folder / "data"):
            one.mkdir()
        os.chown(folder / "data", pwd.getpwnam("postfix").pw_uid, grp.getgrnam("postdrop").gr_gid)
        (config / "main.cf").write_text(MAIN.format(folder=folder))
        (config / "master.cf").write_text(MASTER.format(port=port))
        # Letters are begun at an invented hour: a log that begins later would prove nothing about those that it does not show.
        log.write_text("2020-01-01T00:00:00+00:00 relay postfix/master[1]: daemon started\n")
        command = ["postfix", "-c", str(config)]
        subprocess.run([*command, "start"], check=True, timeout=60, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_for(port)
            yield Relay(port, log)
        finally:
            subprocess.run([*command, "stop"], check=False, timeout=60, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
