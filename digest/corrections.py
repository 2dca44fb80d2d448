"""What the reader knows better than the model: corrected topics, kept in a file that people can read.

``corrections.tsv`` in the data folder has one line a paper: its identifier, the topic, or topic and subtopic with a slash
between them, and the date of the correction; tabs part them. The last line about a paper counts. Blank lines and lines
that begin with ``#`` are yours, and stay.

A file that cannot be understood is named with the line, and is never written over.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from filelock import FileLock, Timeout

from digest.core.identifiers import identifier
from digest.errors import PublishError, SettingsError
from digest.files import write_whole

FILE = "corrections.tsv"
_HEAD = "# Corrections to the model: paper, topic/subtopic, date. Kept by `cvdigest correct`; you may edit it."
_SHELF = re.compile(r"([a-z0-9-]+)(?:/([a-z0-9-]+))?")
_LARGEST = 16 * 2**20
_PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Correction:
    """One line of the file."""

    id: str
    topic: str
    subtopic: str
    """Empty where only the topic was corrected."""
    made: date | None = None
    """None where somebody wrote the line without a date."""

    @property
    def shelf(self) -> str:
        """The topic and the subtopic, as they are written on the command line."""
        return f"{self.topic}/{self.subtopic}" if self.subtopic else self.topic

    def __str__(self) -> str:
        """Return the line."""
        return "\t".join((self.id, self.shelf, *([str(self.made)] if self.made else [])))


def listed(data: Path) -> list[Correction]:
    """Return the corrections in force, the newest last.

    The catalogue may have changed since: a shelf that it does not have is for the caller to leave out.

    Raises:
        SettingsError: the file cannot be read or understood; the message names it and the line.

    """
    latest: dict[str, Correction] = {}
    for _, correction in _lines(data / FILE):
        if correction:
            latest.pop(correction.id, None)
            latest[correction.id] = correction
    return list(latest.values())


def add(data: Path, correction: Correction) -> None:
    """Keep a correction, in place of an older one of the same paper.

    Raises:
        SettingsError: the file there is cannot be understood.
        PublishError: it cannot be written.

    """
    _rewrite(data, lambda lines: [line for line, kept in lines if not kept or kept.id != correction.id] + [str(correction)])


def remove(data: Path, paper: str) -> bool:
    """Forget the correction of *paper*; return whether there was one.

    Raises:
        SettingsError, PublishError: as for `add`.

    """
    if all(kept.id != paper for kept in listed(data)):
        return False
    _rewrite(data, lambda lines: [line for line, kept in lines if not kept or kept.id != paper])
    return True


def _rewrite(data: Path, change: Callable[[list[tuple[str, Correction | None]]], list[str]]) -> None:
    path = data / FILE
    try:
        data.mkdir(parents=True, exist_ok=True)
        # Read and written under one lock, so that of two processes neither loses what the other wrote.
        with FileLock(data / f"{FILE}.lock", timeout=_PATIENCE):
            lines = change(list(_lines(path)) or [(_HEAD, None)])
            write_whole(path, "".join(f"{line}\n" for line in lines).encode())
    except Timeout as exc:
        msg = f"another process has kept {path} locked for {_PATIENCE:.0f} seconds"
        raise PublishError(msg, advice="try again") from exc
    except OSError as exc:
        msg = f"{path} cannot be written: {exc.strerror or exc}"
        raise PublishError(msg, advice="choose another data folder with --data") from exc


def _lines(path: Path) -> Iterator[tuple[str, Correction | None]]:
    """Yield each line, and the correction that it is; remarks and blank lines are none."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        text = content.decode("utf-8-sig")
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as exc:
        msg = f"{path} cannot be read: {exc}"
        raise SettingsError(msg, advice="mend it or move it away; it is left as it is") from exc
    if len(content) > _LARGEST:
        msg = f"{path} is larger than any list of corrections"
        raise SettingsError(msg, advice="mend it or move it away; it is left as it is")
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.removesuffix("\r")
        if line.strip() and not line.lstrip().startswith("#"):
            yield line, _correction(line, f"{path}:{number}")
        elif line or number <= text.count("\n"):
            yield line, None


def _correction(line: str, where: str) -> Correction:
    # Who edits by hand may have typed spaces for a tab; no part of a line has one inside.
    with suppress(ValueError):
        paper, shelf, *rest = line.split()
        made = date.fromisoformat(rest[0]) if rest else None
        name, place = identifier(paper), _SHELF.fullmatch(shelf)
        if name and place and len(rest) <= 1:
            return Correction(name, place[1], place[2] or "", made)
    msg = f"{where}: not a correction (paper, topic/subtopic, date)"
    raise SettingsError(msg, advice="mend it or move it away; it is left as it is")
