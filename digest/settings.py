"""What is asked for: the command line over the environment, the environment over a settings file, that over the defaults."""

import datetime as dt
import re
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from digest.core.domain import Kind
from digest.core.edition import LAYOUTS
from digest.errors import SettingsError, UsageError

FILE = "cvdigest.toml"
PREFIX = "CVDIGEST_"
ARXIV = "https://arxiv.org"
API_PACE = 3.0
"""Seconds between two requests to its other services, and the least between any (arXiv's terms of use for its APIs)."""
ARXIV_PACE = 15.0
"""Seconds between two pages, the ``Crawl-delay`` of arXiv's robots.txt."""
_CATEGORY = re.compile(r"[A-Za-z-]{2,12}(?:\.[A-Za-z-]{2,12})?")
_LOOPBACK = re.compile(r"localhost|127(?:\.\d+){3}|::1")
_LONGEST_PACE = 3600.0
_INCLUDE = {"new": (Kind.NEW,), "cross": (Kind.CROSS,), "replaced": (Kind.REPLACED, Kind.REPLACED_CROSS)}
_MOST_CATEGORIES = 10
SOURCES = ("auto", "listing", "catchup", "recent", "feed", "api", "oai", "month")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set, once read."""

    category: str = "cs.CV"
    """One category, or several joined with ``+`` for one digest."""
    layout: str = "topics"
    include: frozenset[Kind] = frozenset({Kind.NEW, Kind.CROSS})
    out: Path = Path("digests")
    source: str = "auto"
    """One of `SOURCES`, or ``file:PATH``."""
    second_opinion: bool = True
    """Whether arXiv's other services are asked what they say about an announcement, and what else they know."""
    arxiv_url: str = ARXIV
    pace: float | None = None
    """Least seconds between two requests; None for arXiv's own, or none at all on loopback: see `seconds_between`."""
    now: dt.datetime | None = None
    """The instant to take for now; None for the clock of the machine."""
    data: Path | None = None
    """Where arXiv's answers are kept; None for the user's data folder."""
    model: Path | None = None
    """The folder of the model; None for the bundled one."""
    contact: str = ""
    """How arXiv can reach whoever runs this copy: an e-mail address or a web page, sent in the User-Agent."""
    date: dt.date | None = None
    """The date that arXiv prints; None for the newest."""
    sample: bool = False
    """Make the digest of the bundled, invented announcement."""
    json: bool = False
    """Print the edition as JSON."""
    quiet: bool = False
    """Say nothing but warnings and errors."""
    debug: bool = False
    """Show the traceback of an error."""

    @property
    def loopback(self) -> bool:
        """Whether arXiv is played by this machine."""
        return bool(_LOOPBACK.fullmatch(urlsplit(self.arxiv_url).hostname or ""))

    @property
    def seconds_between(self) -> float:
        """The pace in force."""
        if self.pace is not None:
            return self.pace if self.loopback else max(self.pace, API_PACE)
        return 0.0 if self.loopback else ARXIV_PACE


# -- reading one value: each of these takes what the user wrote and raises ValueError with what is wrong ----------------


def _categories(value: str | list[str]) -> str:
    words = value if isinstance(value, list) else re.split(r"[,+]", value)
    if len(words) > _MOST_CATEGORIES:
        msg = f"{len(words)} categories are too many for one digest; {_MOST_CATEGORIES} are the most"
        raise ValueError(msg)
    return "+".join(dict.fromkeys(_category(str(word).strip()) for word in words))


def _category(value: str) -> str:
    if not _CATEGORY.fullmatch(value):
        msg = f"{value!r} is no arXiv category (cs.CV, math.AG, hep-th, ...)"
        raise ValueError(msg)
    archive, dot, subject = value.partition(".")
    # arXiv writes two-letter subjects in capitals (cs.CV) and longer ones as they are (physics.optics).
    return archive.lower() + dot + (subject.upper() if len(subject) == len("CV") else subject.lower())


def _layout(value: str) -> str:
    if value not in LAYOUTS:
        msg = f"{value!r} is no layout; there are {' and '.join(LAYOUTS)}"
        raise ValueError(msg)
    return value


def _include(value: str | list[str]) -> frozenset[Kind]:
    words = value if isinstance(value, list) else value.split(",")
    kinds: set[Kind] = set()
    for word in words:
        if str(word).strip() not in _INCLUDE:
            msg = f"{str(word).strip()!r} cannot be included; new, cross and replaced can"
            raise ValueError(msg)
        kinds.update(_INCLUDE[str(word).strip()])
    if not kinds:
        msg = "nothing is included; new, cross and replaced can be"
        raise ValueError(msg)
    return frozenset(kinds)


def _source(value: str) -> str:
    if value not in SOURCES and not (value.startswith("file:") and value != "file:" and "\0" not in value):
        msg = f"{value!r} is no source; there are {', '.join(SOURCES)} and file:PATH"
        raise ValueError(msg)
    return value


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        shown = f"{parts.scheme}://...@{parts.hostname}" if "@" in parts.netloc else value
        msg = f"{shown!r} is no base URL (http://127.0.0.1:8700, say)"
        raise ValueError(msg)
    parts.port  # noqa: B018 - raises ValueError for a port that is none
    return value.rstrip("/")


def _pace(value: str | float) -> float:
    if isinstance(value, bool):
        msg = "a pace is a number of seconds"
        raise ValueError(msg)  # noqa: TRY004 - one kind of error for one kind of mistake
    try:
        seconds = float(value)
    except ValueError as exc:
        msg = f"{value!r} is no pace: a number of seconds"
        raise ValueError(msg) from exc
    if not 0 <= seconds <= _LONGEST_PACE:
        msg = f"{value} is no pace: 0 to {_LONGEST_PACE:.0f} seconds"
        raise ValueError(msg)
    return seconds


def _instant(value: str | dt.datetime) -> dt.datetime:
    try:
        moment = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(value)
    except ValueError as exc:
        msg = f"{value!r} is no instant (2026-11-20T03:00Z, say)"
        raise ValueError(msg) from exc
    if not 1991 < moment.year < 2200:  # noqa: PLR2004 - arXiv is not older, and no schedule reaches further
        msg = f"{value} is no instant at which arXiv can be asked"
        raise ValueError(msg)
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)


def _date(value: str | dt.date) -> dt.date:
    if isinstance(value, dt.datetime):
        msg = f"{value} is more than a date"
        raise ValueError(msg)  # noqa: TRY004 - one kind of error for one kind of mistake
    if isinstance(value, dt.date):
        return value
    # Python would also read 20261120 and 2026-W47-5, as dates that nobody meant.
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        with suppress(ValueError):
            return dt.date.fromisoformat(value)
    msg = f"{value!r} is no date; write it as YYYY-MM-DD: 2026-11-20"
    raise ValueError(msg)


def day(option: str, value: str) -> dt.date:
    """Return the date that *option* was given.

    Raises:
        UsageError: it is none.

    """
    try:
        return _date(value)
    except ValueError as exc:
        msg = f"--{option}: {exc}"
        raise UsageError(msg) from exc


def _flag(value: str | bool) -> bool:
    if isinstance(value, bool):
        return value
    if value.lower() not in _FLAGS:
        msg = f"{value!r} is neither true nor false"
        raise ValueError(msg)
    return _FLAGS[value.lower()]


_FLAGS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def _path(value: str) -> Path:
    if not value or "\0" in value:
        msg = f"{value!r} is no path"
        raise ValueError(msg)
    return Path(value).expanduser()


def _contact(value: str) -> str:
    if not value.isascii() or not value.isprintable() or set(value) & set("()\\"):
        msg = f"{value!r} cannot stand in a User-Agent"
        raise ValueError(msg)
    return value


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "category": _categories,
    "layout": _layout,
    "include": _include,
    "out": _path,
    "source": _source,
    "second_opinion": _flag,
    "arxiv_url": _url,
    "pace": _pace,
    "now": _instant,
    "data": _path,
    "model": _path,
    "contact": _contact,
    "date": _date,
    "sample": _flag,
    "json": _flag,
    "quiet": _flag,
    "debug": _flag,
}
assert set(_READERS) == {field.name for field in fields(Settings)}  # noqa: S101 - a slip of ours, not of a user's
_NOT_TEXT = {
    "pace": (int, float),
    "include": (list,),
    "category": (list,),
    "now": (dt.datetime,),
    "date": (dt.date,),
    **dict.fromkeys(("second_opinion", "sample", "json", "quiet", "debug"), (bool,)),
}


def read(options: Mapping[str, Any], environment: Mapping[str, str], files: tuple[Path, ...]) -> Settings:
    """Return the settings.

    *options* come from the command line, by field; None means not given. The first of *files* that is there is read.

    Raises:
        UsageError: an option is malformed.
        SettingsError: the file or a variable is; the message names the file and the line, or the variable.

    """
    found = Settings()
    path = next((path for path in files if path.is_file()), None)
    if path is not None:
        found = _from_file(found, path)
    for name in _READERS:
        if value := environment.get(PREFIX + name.upper()):
            try:
                found = replace(found, **{name: _READERS[name](value)})
            except (ValueError, TypeError) as exc:
                msg = f"{PREFIX}{name.upper()}: {exc}"
                raise SettingsError(msg) from exc
    for name, value in options.items():
        if value is not None:
            try:
                found = replace(found, **{name: _READERS[name](value)})
            except (ValueError, TypeError) as exc:
                msg = f"--{name.replace('_', '-')}: {exc}"
                raise UsageError(msg) from exc
    return found


def _from_file(found: Settings, path: Path) -> Settings:
    try:
        text = path.read_text("utf-8-sig")
        table = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as exc:
        msg = f"{path}:1: cannot be read: {exc}"
        raise SettingsError(msg) from exc
    except tomllib.TOMLDecodeError as exc:
        line = re.search(r"at line (\d+)", str(exc))
        msg = f"{path}:{line[1] if line else text.count(chr(10)) + 1}: {exc}"
        raise SettingsError(msg) from exc
    for key, value in table.items():
        name = key.replace("-", "_")
        where = f"{path}:{_line(text, key)}"
        if name not in _READERS:
            msg = f"{where}: there is no setting {key!r}; there are {', '.join(_READERS)}"
            raise SettingsError(msg)
        if not isinstance(value, (str, *_NOT_TEXT.get(name, ()))):
            msg = f"{where}: {key} cannot be {value!r}"
            raise SettingsError(msg)
        try:
            found = replace(found, **{name: _READERS[name](value)})
        except (ValueError, TypeError) as exc:
            msg = f"{where}: {key}: {exc}"
            raise SettingsError(msg) from exc
    return found


def _line(text: str, key: str) -> int:
    """Return the line on which a key of the top level is set; TOML's reader does not tell."""
    pattern = re.compile(rf"\s*\[*\s*[\"']?{re.escape(key)}[\"']?\s*[=.\]]")
    return next((number for number, line in enumerate(text.splitlines(), 1) if pattern.match(line)), 1)
