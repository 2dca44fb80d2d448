"""Teach the model from the corpus of labelled papers, and say which papers it must never see.

The corpus is a file of JSON lines, gzipped or not: ``title``, ``abstract``, ``topic``, ``subtopic`` and ``votes`` (which
curator files it where).
"""

import gzip
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from digest.classify import train
from digest.errors import UsageError

_NOT_ALPHANUMERIC = re.compile(r"[^a-z0-9]")


def is_test(row: dict[str, Any]) -> bool:
    """Say whether a labelled paper is one of the fifth that measures the model and never trains it.

    It has a topic, a curator's vote besides a venue's own session names (``official``), and a title whose sha1, letters
    and digits only and in lower case, is divisible by five.
    """
    if not row["topic"] or not set(row["votes"]) - {"official"}:
        return False
    title = _NOT_ALPHANUMERIC.sub("", row["title"].lower())
    return int(hashlib.sha1(title.encode(), usedforsecurity=False).hexdigest(), 16) % 5 == 0


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the labelled papers of a corpus.

    Raises:
        UsageError: the file cannot be read, or a line of it is no labelled paper; the message names the line.

    """
    number = 0
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                row = json.loads(line)
                if not all(isinstance(row[key], str) for key in ("title", "abstract")) or not isinstance(row["votes"], dict):
                    msg = f"{path}:{number}: title and abstract must be texts, votes an object"
                    raise UsageError(msg)
                row["topic"], row["subtopic"] = row.get("topic"), row.get("subtopic")
                yield row
    except (OSError, EOFError, ValueError, KeyError, TypeError) as exc:
        msg = f"{path}:{number}: not a labelled paper ({exc or type(exc).__name__})"
        raise UsageError(msg) from exc


def teach(path: Path, shelves: Sequence[tuple[str, str]], folder: Path, *, name: str) -> dict[str, Any]:
    """Train on the rows of the corpus at *path* that are not `is_test`, and write the model into *folder*.

    Returns what the manifest says it was trained on.
    """
    known = {topic for topic, _ in shelves}
    kept = [row for row in rows(path) if row["topic"] in known and not is_test(row)]
    if not kept:
        msg = f"{path} holds no paper that may be trained on"
        raise UsageError(msg)
    taught = train.teach([train.Labelled(row["title"], row["abstract"], row["topic"], row["subtopic"]) for row in kept], shelves)
    titles = "\n".join(sorted(row["title"] for row in kept))
    about = {
        "corpus": {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()},
        "titles_sha256": hashlib.sha256(titles.encode()).hexdigest(),
        "left_out": "titles whose sha1 is divisible by 5 and that a curator's vote files (digest.training.is_test)",
    }
    taught.save(folder, name=name, about=about)
    return taught.facts | about
