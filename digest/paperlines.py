"""Papers as JSON lines: bytes of a file in, one bounded line after another out; and what a line must be to be a paper.

A line is an object with the texts ``title`` and ``abstract``; what else it has is the user's. Whoever wrote the file may
have made any mistake, and each is said with the name of the file and the number of the line.
"""

import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from digest.errors import UsageError

LONGEST = 4 * 2**20
"""Bytes of a line. The longest abstracts have some thousands; more than this is another kind of file."""
_GZIP = b"\x1f"
_BOM = b"\xef\xbb\xbf"


class LineError(ValueError):
    """A line is no paper; the text says why, without name and number."""


def opened(path: Path | None) -> io.BufferedReader:
    """Open a file of papers; None is standard input.

    Raises:
        UsageError: it cannot be opened.

    """
    if path is None:
        return open(sys.stdin.fileno(), "rb", closefd=False)
    try:
        return path.open("rb")
    except (OSError, ValueError) as exc:
        msg = f"{path} cannot be read: {getattr(exc, 'strerror', None) or exc}"
        raise UsageError(msg) from exc


def raw_lines(stream: io.BufferedReader) -> Iterator[bytes]:
    """Yield the lines of *stream*, gzipped or not, each with its line feed.

    Raises:
        LineError: the next line cannot be read, or is longer than any paper.

    """
    source = stream
    try:
        # A gzipped file begins with a byte that no text has; a pipe may hold no more than that one byte yet.
        if stream.peek(1)[:1] == _GZIP:
            source = io.BufferedReader(gzip.GzipFile(fileobj=stream))
        while line := source.readline(LONGEST + 1):
            if len(line) > LONGEST:
                msg = f"longer than {LONGEST} bytes"
                raise LineError(msg)
            yield line
    except (OSError, EOFError, zlib.error) as exc:
        msg = f"cannot be read on: {getattr(exc, 'strerror', None) or exc}"
        raise LineError(msg) from exc


def text_of(line: bytes) -> str:
    """Return a line as text, without the byte order mark that some editors put in front; empty for a blank one.

    Raises:
        LineError: it is not UTF-8.

    """
    try:
        return line.removeprefix(_BOM).decode().strip(" \t\r\n")
    except UnicodeDecodeError as exc:
        msg = f"not UTF-8 (byte {exc.start + 1})"
        raise LineError(msg) from exc


def paper(text: str) -> dict[str, Any]:
    """Return the paper in *text*: an object whose title is a text, and whose abstract is one or null.

    Raises:
        LineError: it is something else.

    """
    try:
        row = _DECODER.decode(text)
    except LineError:
        raise
    except json.JSONDecodeError as exc:
        msg = f"not JSON ({exc.msg}, character {exc.pos + 1})"
        raise LineError(msg) from exc
    except (ValueError, RecursionError) as exc:
        msg = f"JSON that cannot be read ({exc})"
        raise LineError(msg) from exc
    if not isinstance(row, dict):
        msg = "not an object"
        raise LineError(msg)
    for name, allowed in (("title", str), ("abstract", str | None)):
        if name not in row:
            msg = f"there is no {name}"
            raise LineError(msg)
        if not isinstance(row[name], allowed):
            msg = f"the {name} is not a text"
            raise LineError(msg)
    return row


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        msg = f"the field {twice[:40]!r} stands twice"
        raise LineError(msg)
    return found


def _no_constant(name: str) -> NoReturn:
    msg = f"not JSON ({name} is no number of JSON's)"
    raise LineError(msg)


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
