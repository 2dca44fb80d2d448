"""Bodies kept ready to be sent: bytes in, the same with their ETag and their gzip out; bounded, and thrown away when all is new."""

import gzip
import hashlib
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

_ENTRY = 500
"""Bytes that a body takes beside what it holds and its key: itself, its ETag, its place. Measured, and rounded up."""
_SMALL = 512
"""Bytes that are not worth to be compressed."""
_LEVEL = 6
_PACKED = ("text/", "application/json", "application/feed+json", "application/problem+json", "application/xml", "image/svg+xml")
_PACKED_SUFFIXES = ("+xml", "+json", "javascript")


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent for one path."""

    content: bytes
    media_type: str
    tag: str
    """For the ETag: the beginning of the sha256 of its bytes."""
    packed: bytes | None
    """The same by gzip; None if it is not smaller then."""
    status: int = 200

    @property
    def size(self) -> int:
        """How much memory it takes, in bytes."""
        return _ENTRY + len(self.content) + len(self.packed or b"")


def prepared(content: bytes, media_type: str, status: int = 200) -> Body:
    """Return *content* ready to be sent. The same bytes give the same bytes, also by gzip."""
    packed = None
    if len(content) >= _SMALL and (media_type.startswith(_PACKED) or media_type.partition(";")[0].endswith(_PACKED_SUFFIXES)):
        packed = gzip.compress(content, _LEVEL, mtime=0)
        if len(packed) >= len(content):
            packed = None
    return Body(content, media_type, hashlib.sha256(content).hexdigest()[:32], packed, status)


@dataclass(slots=True)
class Cache:
    """Bodies by what they were asked for, the least lately used ones thrown away first."""

    most: int
    """Bytes."""
    hits: int = 0
    misses: int = 0
    size: int = 0
    _kept: OrderedDict[Hashable, Body] = field(default_factory=OrderedDict, repr=False)
    _turns: dict[Hashable, threading.Lock] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def get(self, key: Hashable, make: Callable[[], Body | None]) -> Body | None:
        """Return the body that is kept for *key*; else what *make* returns, and keep it. Of many that ask at once, one makes it.

        That there is nothing (None) is not kept: whoever asks for what is not there is not to fill the memory.
        """
        with self._lock:
            if (found := self._found(key)) is not None:
                return found
            turn = self._turns.setdefault(key, threading.Lock())
        with turn:
            with self._lock:
                if (found := self._found(key)) is not None:
                    return found
                self.misses += 1
            try:
                made = make()
                if made is not None:
                    self._keep(key, made)
            finally:
                with self._lock:
                    self._turns.pop(key, None)
        return made

    def clear(self) -> None:
        """Throw everything away."""
        with self._lock:
            self._kept.clear()
            self.size = 0

    def _found(self, key: Hashable) -> Body | None:
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            self.hits += 1
        return found

    def _keep(self, key: Hashable, body: Body) -> None:
        with self._lock:
            if body.size > self.most // 4:
                return
            old = self._kept.pop(key, None)
            self.size += body.size - old.size if old else body.size + _weight(key)
            self._kept[key] = body
            while self.size > self.most:
                lost, gone = self._kept.popitem(last=False)
                self.size -= gone.size + _weight(lost)


def _weight(key: Hashable) -> int:
    """Return how much memory a key takes, in bytes: a search's holds what was typed."""
    return sys.getsizeof(key) + (sum(map(_weight, key)) if isinstance(key, tuple) else 0)
