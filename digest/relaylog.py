"""What a relay's log says about letters: a log of Postfix in, the Message-IDs that it has taken out.

    cleanup[7]: 4F1: message-id=<...>        the letter is coming in
    qmgr[9]: 4F1: from=<...>, size=..., ...  the relay has it: the same queue id, and the sender of the letter's envelope
    smtpd[5]: lost connection after DATA     the relay does not have what this process (4F1: client=...) was taking in

Only what was written since a letter was begun is read, each time from where an earlier reading began to be of use; a log that
was rotated meanwhile is read on under its new name. A log too long to be read whole tells nothing about what it does not show, nor does
one that begins after the letter was begun. Anybody can name a letter like one of ours, but not who it comes back to, which is signed.
"""

import gzip
import os
import re
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from digest.errors import MailError

_MOST = 2**30
"""Bytes that are read at once; a relay writes some 500 for a letter."""
_LONGEST = 2**14
_PIECE = 2**20
_CHECKPOINTS = 1000
_SLACK = 60.0
"""Seconds by which a letter may have been begun earlier than it is said to have been."""
_UNDECIDED = 600.0
"""Seconds after which a letter of which no end is written has not been taken."""
_STAMP = re.compile(r"(?P<iso>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d))|(?P<plain>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) ")
"""When a line was written: of the two forms that loggers have, the second one knows neither year nor zone."""
_ROTATED = re.compile(r"[.-]\d{1,14}(\.gz)?")
_LINE = re.compile(
    rb"/(?P<service>cleanup|qmgr|smtpd)\[(?P<process>\d+)\]: "
    rb"(?:(?P<queue>[0-9A-Za-z]{5,40}): (?P<what>message-id=|from=<|client=)(?P<rest>\S*)|(?P<lost>(?:lost connection|timeout) after DATA))"
)


_LOST = re.compile(rb"Suppressed \d+ messages|lost due to rate-limiting|messages? lost|imuxsock.*begin to drop")
"""What journald and rsyslog write in place of lines that they leave out because there are too many."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a log says about some letters: which were taken, and which were not; of all others it says nothing yet."""

    taken: frozenset[str]
    not_taken: frozenset[str]
    open: frozenset[str] = frozenset()
    """Those that were coming in, of which the end is to be written yet."""


@dataclass(frozen=True, slots=True)
class _Place:
    """How far a log was written at an instant."""

    at: float
    file: tuple[int, int]
    offset: int


@dataclass(slots=True)
class RelayLog:
    """The log of a Postfix that takes our letters, and the files that it was rotated to."""

    path: Path
    most: int = _MOST
    _places: list[_Place] = field(default_factory=list, init=False, repr=False)
    """The oldest first."""
    _reaches: float = field(default=float("inf"), init=False, repr=False)
    """Since when all that was written was read last."""

    def ask(self, begun: Mapping[str, datetime], now: datetime, senders: Mapping[str, str] | None = None) -> Said:
        """Say what the log knows about letters, by their Message-IDs, each with when it was begun to be handed over.

        *senders* are those of their envelopes, of which what stands before the ``@`` must be as it is: a relay may know a domain by
        another name. Of those without any sender will do.

        Raises:
            MailError: the log cannot be read.

        """
        if not begun:
            return Said(frozenset(), frozenset())
        since = min(begun.values()).timestamp() - _SLACK
        try:
            there = os.stat(self.path)  # noqa: PTH116 - one look for inode and size
            reading = _Reading({name.encode(): _local((senders or {}).get(name, "").encode()) for name in begun})
            whole = reading.follow(self._pieces(since))
        except (OSError, EOFError, zlib.error) as exc:
            why = getattr(exc, "strerror", None) or exc
            msg = f"the relay's log {self.path} cannot be read: {why}"
            raise MailError(msg, advice="see relay_log, and that this user may read it") from exc
        self._places = [*self._places[-_CHECKPOINTS:], _Place(time.time(), (there.st_dev, there.st_ino), there.st_size)]
        taken = frozenset(name.decode() for name in reading.taken)
        reaches = self._reaches
        open_ = {name.decode() for name in reading.undecided()}
        absent = {
            name for name, at in begun.items()
            if name not in taken and at.timestamp() >= reaches and (name not in open_ or (now - at).total_seconds() > _UNDECIDED)
        }  # fmt: skip
        absent = absent if whole else set()
        return Said(taken, frozenset(absent), frozenset(open_ - absent))

    def _pieces(self, since: float) -> Iterator[bytes]:
        """Yield what was written since, in order; an empty piece where something is left out."""
        begin = next((place for place in reversed(self._places) if place.at < since), None)
        left = self.most
        chosen: list[tuple[Path, int]] = []
        files, older = self._files(since)
        self._reaches = float("inf")
        for path, found in files:
            offset = begin.offset if begin and begin.file == (found.st_dev, found.st_ino) and begin.offset <= found.st_size else 0
            size = found.st_size - offset
            if size > left:
                yield b""
                break
            left -= size
            chosen.append((path, offset))
            if begin and begin.file == (found.st_dev, found.st_ino) and begin.offset <= found.st_size:
                self._reaches = begin.at
                break
        else:
            self._reaches = since if older else min((_first_moment(path) for path, _ in chosen[-1:]), default=float("inf"))
        for path, offset in reversed(chosen):
            yield from _read(path, offset, self.most)

    def _files(self, since: float) -> tuple[list[tuple[Path, os.stat_result]], bool]:
        """Return the log and those it was rotated to that were written since, the newest first, and whether there are older ones.

        With an older one nothing is missing between it and the others.
        """
        names = [
            self.path,
            *(path for path in self.path.parent.glob(f"{self.path.name}*") if _ROTATED.fullmatch(path.name, len(self.path.name))),
        ]
        found = sorted(((path, path.stat()) for path in names), key=lambda one: (one[0] == self.path, one[1].st_mtime), reverse=True)
        chosen = [one for one in found if one[0] == self.path or one[1].st_mtime >= since]
        return chosen, len(chosen) < len(found)


def _local(sender: bytes) -> bytes:
    """Return what stands before the ``@`` of an address."""
    return sender.rpartition(b"@")[0].lower()


def _first_moment(path: Path) -> float:
    """Return when the first line of a log was written, in seconds since 1970; infinity if it does not say."""
    piece = next(_read(path, 0, _LONGEST), b"")
    found = _STAMP.match(piece[:100].decode("ascii", "replace"))
    if not found:
        return float("inf")
    try:
        if found["iso"]:
            return datetime.fromisoformat(found["iso"]).timestamp()
        now = datetime.now().astimezone()
        said = datetime.strptime(f"{now.year} {found['plain']}", "%Y %b %d %H:%M:%S").astimezone()
        if said > now + timedelta(days=2):  # of last year
            said = said.replace(year=now.year - 1)
        return said.timestamp()
    except (ValueError, OverflowError):
        return float("inf")


def _read(path: Path, offset: int, most: int) -> Iterator[bytes]:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        file.seek(offset)
        while most > 0 and (piece := file.read(_PIECE)):
            most -= len(piece)
            yield piece
        if most <= 0:
            yield b""


class _Reading:
    """What is known of some letters while lines are read."""

    def __init__(self, wanted: Mapping[bytes, bytes]) -> None:
        self._wanted = wanted
        """Message-IDs, each with who sends the letter; empty for anybody."""
        self.taken: set[bytes] = set()
        self._incoming: dict[bytes, bytes] = {}
        """Queue ids of letters that came in, with their Message-IDs."""
        self._client: dict[bytes, bytes] = {}
        """The queue id that each process of smtpd deals with."""

    def undecided(self) -> set[bytes]:
        """Return those that came in, and of which no end is known."""
        return set(self._incoming.values()) - self.taken

    def follow(self, pieces: Iterable[bytes]) -> bool:
        """Read lines; say whether none was left out."""
        whole, rest = True, b""
        for piece in pieces:
            if not piece:
                whole, rest = False, b""
                continue
            *lines, rest = (rest + piece).split(b"\n")
            rest = rest[:_LONGEST]
            for line in lines:
                self._line(line[:_LONGEST])
                whole = whole and not _LOST.search(line, 0, _LONGEST)
        return whole

    def _line(self, line: bytes) -> None:
        found = _LINE.search(line)
        if not found:
            return
        process, queue, what = found["process"], found["queue"], found["what"]
        if what == b"message-id=":
            if found["rest"] in self._wanted:
                self._incoming[queue] = found["rest"]
        elif what == b"from=<":
            if (name := self._incoming.pop(queue, None)) and self._wanted[name] in (b"", _local(found["rest"].partition(b">")[0])):
                self.taken.add(name)
        elif what == b"client=":
            self._client[process] = queue
            self._incoming.pop(queue, None)  # the number of a letter that is gone is given again
        elif found["lost"]:
            self._incoming.pop(self._client.get(process, b""), None)
