"""What is said in, lines out: a line for each event, for programs that read along. The only structlog.

    time=2026-11-20T03:00:05Z level=info event="asking arXiv for the newest announcement" command=run host=desk pid=4711
    {"time": "2026-11-20T03:00:05Z", "level": "info", "event": "asking arXiv ...", "command": "run", "host": "desk", "pid": 4711}

An event is one line, whatever is in it, and nothing in it can steer a terminal. A log that cannot be written stops nobody.
"""

import json
import math
import os
import sys
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

FORMS = ("text", "json")
LONGEST = 700
"""Letters of a line: the address of a question for a hundred papers is longer than anybody reads."""
_FIRST = ["time", "level", "event"]


def put(line: str) -> None:
    """Write a line to standard error, if there is one that can be written; whoever speaks is not to fail for it.

    It is written past Python's buffers, so that nothing is left in them over which the end of the program would stumble,
    and in one piece, so that lines of several threads do not mix.
    """
    stream = sys.stderr
    if stream is None:
        return
    with suppress(OSError, ValueError):
        try:
            number = stream.fileno()
        except (OSError, ValueError, AttributeError):
            stream.write(f"{line}\n")
            stream.flush()
            return
        left = memoryview(f"{line}\n".encode(stream.encoding or "utf-8", "backslashreplace"))
        while left:
            left = left[os.write(number, left) :]


def plain(text: str, *, longest: int = LONGEST) -> str:
    """Return *text* as one line of at most *longest* letters in which nothing steers a terminal."""
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text if len(text) <= longest else f"{text[:longest]}..."


@dataclass(frozen=True, slots=True)
class Log:
    """Says what happens, in one of `FORMS`."""

    form: str
    mask: Callable[[str], str]
    """Hides what is secret in a text."""
    clock: Callable[[], datetime]
    facts: Mapping[str, object] = field(default_factory=dict)
    """What stands in each line besides: a command, a category, a date."""
    put: Callable[[str], None] = put
    _logger: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Build the logger, for this object alone: nothing of structlog is set for the whole process."""
        # Imported here because most commands write no log.
        import structlog

        render = _json if self.form == "json" else structlog.processors.LogfmtRenderer(key_order=_FIRST, bool_as_flag=False)
        logger = structlog.wrap_logger(
            _Sink(self.put),
            processors=[structlog.processors.add_log_level, self._finished, render],
            wrapper_class=structlog.BoundLogger,
            context_class=dict,
            cache_logger_on_first_use=False,
        )
        object.__setattr__(self, "_logger", logger.bind(**self.facts))

    def say(self, line: str, **facts: object) -> None:
        """Tell how it goes; *facts* stand in the line besides."""
        self._logger.info(line, **facts)

    def warn(self, line: str, **facts: object) -> None:
        """Tell what the operator should know."""
        self._logger.warning(line, **facts)

    def error(self, line: str) -> None:
        """Tell why it ended."""
        self._logger.error(line)

    def bind(self, **facts: object) -> "Log":
        """Return a log whose lines hold *facts* too."""
        return Log(self.form, self.mask, self.clock, {**self.facts, **facts}, self.put)

    def _finished(self, _logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Return the whole of a line: its time, and every text in it made plain."""
        moment = self.clock().astimezone(UTC)
        told = {name: self._value(value) for name, value in event.items() if value is not None}
        return {"time": f"{moment:%Y-%m-%dT%H:%M:%SZ}", "level": told.pop("level"), "event": told.pop("event"), **told}

    def _value(self, value: object) -> object:
        # A number stays one in JSON; everything else is text.
        if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
            return value
        return plain(self.mask(str(value)))


@dataclass(frozen=True, slots=True)
class _Sink:
    """Where structlog hands its lines."""

    put: Callable[[str], None]

    def msg(self, line: str) -> None:
        self.put(line)

    info = warning = error = msg


def _json(_logger: object, _name: str, event: MutableMapping[str, Any]) -> str:
    """Return a line of JSON: in ASCII, for the terminal's own encoding is none of JSON's business."""
    return json.dumps(event)
