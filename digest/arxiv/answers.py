"""arXiv's answers, kept on disk as they came.

A whole answer is kept by its address and the date that it states, so that arXiv is asked for a complete date at most once
and the date can be made again, byte for byte, without asking at all. What cannot be used (cut, stale, of an unknown
layout) is kept apart for study and never read again by the program.

    answers/2026-11-20/5f0c….html   the body      answers/2026-11-20/5f0c….json   address, time, sha256
    refused/20261120T013012-5f0c….html            with its .json, which says why
"""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from digest.arxiv.client import Answer
from digest.files import write_whole

_REFUSED_KEPT = 60


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer out of the store."""

    url: str
    body: bytes
    sha256: str
    fetched: datetime


def fingerprint(body: bytes) -> str:
    """Return the sha256 of a decoded body, as text."""
    return hashlib.sha256(body).hexdigest()


@dataclass(frozen=True, slots=True)
class Answers:
    """The store, in a folder of its own."""

    folder: Path

    def find(self, url: str, day: date) -> Kept | None:
        """Return the whole answer to *url* that states *day*, if there is one and it is as it was written."""
        path = self._path(url, day)
        try:
            about = json.loads(path.with_suffix(".json").read_text("utf-8"))
            body = path.read_bytes()
            kept = Kept(about["url"], body, about["sha256"], datetime.fromisoformat(about["fetched"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return kept if kept.url == url and kept.sha256 == fingerprint(body) else None

    def keep(self, answer: Answer, day: date) -> None:
        """Keep a whole answer that states *day*. A disk that is full costs a second request, not the digest."""
        path = self._path(answer.url, day)
        with suppress(OSError):
            write_whole(path, answer.body)
            # The description last: an answer without one is none.
            write_whole(path.with_suffix(".json"), _about(answer, "") + b"\n")

    def refuse(self, answer: Answer, why: str) -> Path | None:
        """Keep an answer that cannot be used, for study; return where it lies, None if it cannot be written."""
        name = f"{answer.fetched:%Y%m%dT%H%M%S}-{_key(answer.url)}-{fingerprint(answer.body)[:8]}.html"
        path = self.folder / "refused" / name
        try:
            write_whole(path, answer.body)
            write_whole(path.with_suffix(".json"), _about(answer, why) + b"\n")
            old = sorted((self.folder / "refused").glob("*.html"))[:-_REFUSED_KEPT]
        except OSError:
            return None
        for file in old:
            file.unlink(missing_ok=True)
            file.with_suffix(".json").unlink(missing_ok=True)
        return path

    def _path(self, url: str, day: date) -> Path:
        return self.folder / "answers" / day.isoformat() / f"{_key(url)}.html"


def _key(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:16]


def _about(answer: Answer, why: str) -> bytes:
    facts = {
        "url": answer.url,
        "status": answer.status,
        "fetched": answer.fetched.isoformat(),
        "sha256": fingerprint(answer.body),
        **({"refused": why} if why else {}),
    }
    return json.dumps(facts, indent=1).encode()


Fetch = Callable[[str], Answer]
"""What asks arXiv: `digest.arxiv.client.Client.get`, or a stand-in."""
