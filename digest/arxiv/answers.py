"""arXiv's answers, kept on disk as they came.

A whole answer is kept by its address and the date that it states, so that arXiv is asked for a complete date at most once
and the date can be made again, byte for byte, without asking at all. What cannot be used (cut, stale, of an unknown
layout) is kept apart for study and never read again by the program.

    answers/2026-11-20/5f0c….html   the body      answers/2026-11-20/5f0c….json   address, time, sha256
    refused/20261120T013012-5f0c….html            with its .json, which says why

The body of an answer that is no page, but a feed or a document of the query API or of OAI-PMH, is named ``.xml``.
"""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from urllib.parse import urlsplit

from digest.arxiv.client import Answer
from digest.failpoints import reach
from digest.files import host, write_whole
from digest.store.answers import Raw

_REFUSED_KEPT = 60
_XML = ("/oai", "/api/", "/rss", "/atom")
"""What the address of each service that answers in XML holds."""


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
    kept: list[Raw] = field(default_factory=list, compare=False)
    """What was kept since this store was opened."""

    def find(self, url: str, day: date) -> Kept | None:
        """Return the whole answer to *url* that states *day*, if there is one and it is as it was written."""
        path = self._path(url, day)
        try:
            about = json.loads(path.with_suffix(".json").read_text("utf-8"))
            body = path.read_bytes()
            kept = Kept(about["url"], body, about["sha256"], datetime.fromisoformat(about["fetched"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        whole = kept.url == url and kept.sha256 == fingerprint(body) and kept.fetched.tzinfo is not None
        return kept if whole else None

    def fetched(self, day: date) -> dict[str, datetime]:
        """Return when each answer that states *day* came in, by its sha256."""
        found = {}
        for path in sorted((self.folder / "answers" / day.isoformat()).glob("*.json")):
            with suppress(OSError, ValueError, KeyError, TypeError):
                about = json.loads(path.read_text("utf-8"))
                found[str(about["sha256"])] = datetime.fromisoformat(about["fetched"])
        return found

    def keep(self, answer: Answer, day: date) -> None:
        """Keep a whole answer that states *day*. A disk that is full costs a second request, not the digest."""
        path = self._path(answer.url, day)
        with suppress(OSError):
            write_whole(path, answer.body)
            # The description last: an answer without one is none.
            write_whole(path.with_suffix(".json"), _about(answer, "") + b"\n")
            name = path.relative_to(self.folder).as_posix()
            self.kept.append(Raw(answer.url, day, fingerprint(answer.body), len(answer.body), host(), name, answer.fetched))
            reach("answer-kept")

    def forget(self, url: str, day: date) -> None:
        """Take the answer to *url* that states *day* out of the store."""
        path = self._path(url, day)
        with suppress(OSError):
            path.with_suffix(".json").unlink(missing_ok=True)  # an answer without its description is none
            path.unlink(missing_ok=True)

    def refuse(self, answer: Answer, why: str) -> Path | None:
        """Keep an answer that cannot be used, for study; return where it lies, None if it cannot be written."""
        name = f"{answer.fetched:%Y%m%dT%H%M%S}-{_key(answer.url)}-{fingerprint(answer.body)[:8]}{_suffix(answer.url)}"
        path = self.folder / "refused" / name
        try:
            write_whole(path, answer.body)
            write_whole(path.with_suffix(".json"), _about(answer, why) + b"\n")
            bodies = (file for file in (self.folder / "refused").iterdir() if file.suffix in (".html", ".xml"))
            old = sorted(bodies)[:-_REFUSED_KEPT]
        except OSError:
            return None
        for file in old:
            file.unlink(missing_ok=True)
            file.with_suffix(".json").unlink(missing_ok=True)
        return path

    def _path(self, url: str, day: date) -> Path:
        return self.folder / "answers" / day.isoformat() / f"{_key(url)}{_suffix(url)}"


def _key(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:16]


def _suffix(url: str) -> str:
    return ".xml" if any(service in urlsplit(url).path for service in _XML) else ".html"


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
