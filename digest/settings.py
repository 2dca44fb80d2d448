"""What is asked for: the command line over the environment, the environment over a settings file, that over the defaults."""

import datetime as dt
import json
import os
import re
import tomllib
from collections.abc import Callable, Container, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from digest import addresses
from digest import secrets as hidden
from digest.core import query
from digest.core.domain import Kind
from digest.core.edition import LAYOUTS
from digest.core.site import OwnFeed
from digest.core.subscription import HOOK_FORMATS, MOST_SHELVES, Hook
from digest.errors import SettingsError, UsageError

FILE = "cvdigest.toml"
PREFIX = "CVDIGEST_"
ARXIV = "https://arxiv.org"
API_PACE = 3.0
"""Seconds between two requests to its other services, and the least between any (arXiv's terms of use for its APIs)."""
ARXIV_PACE = 15.0
"""Seconds between two pages, the ``Crawl-delay`` of arXiv's robots.txt."""
_CATEGORY = re.compile(r"[A-Za-z-]{2,12}(?:\.[A-Za-z-]{2,12})?")
_USUAL = "cs.CV"
_LONGEST_TITLE = 200
_LONGEST_PACE = 3600.0
_LONGEST_WAIT = 24 * 365.0
_LARGEST_SECRET = 4096
_FASTEST = 1e6
_LONGEST_NAME = 100
_FASTEST_RATE = 1e5
_MOST_WORKERS = 64
_INCLUDE = {"new": (Kind.NEW,), "cross": (Kind.CROSS,), "replaced": (Kind.REPLACED, Kind.REPLACED_CROSS)}
_MOST_CATEGORIES = 10
UNCERTAIN = ("resend", "hold")
SOURCES = ("auto", "listing", "catchup", "recent", "feed", "api", "oai", "month")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set, once read."""

    category: str = _USUAL
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
    speed: float = 0.0
    """How many times as fast as the machine's the clock runs from `now`, for replays of a schedule; 0 for one that stands still."""
    data: Path | None = None
    """Where arXiv's answers are kept; None for the user's data folder."""
    database: str = field(default="", repr=False)
    """Where what was announced and made is kept: a path, or a URL; empty for ``cvdigest.db`` in the data folder."""
    database_file: Path | None = None
    """The file that `database` was read from, if it was: its URL may hold a password."""
    keep_answers: int = 400
    """For how many days arXiv's raw answers are kept; 0 for ever."""
    model: Path | None = None
    """The folder of the model; None for the bundled one."""
    site: Path | None = None
    """The folder of the site; None for one below `out`: see `site_folder`."""
    no_site: bool = False
    """Make no site."""
    site_url: str = ""
    """The address that the site is served from, with a slash at its end; empty if it is not known."""
    site_title: str = ""
    """The title of the site; empty for one that names the category."""
    contact: str = ""
    """How arXiv can reach whoever runs this copy: an e-mail address or a web page, sent in the User-Agent."""
    log: str = "auto"
    """How progress is told: ``plain``, ``text`` or ``json``; ``auto`` for plain, or text where the program runs unattended."""
    webhook: str = field(default="", repr=False)
    """The address that is told what an operator should know; secret, like the next but one. See `secret`."""
    webhook_file: Path | None = None
    mail_server: str = field(default="", repr=False)
    """Where letters are handed over: ``smtps://user:password@host``."""
    mail_server_file: Path | None = None
    mail_from: str = ""
    """The sender of letters; "" for the operator."""
    operator: str = ""
    """The mail address of whoever runs this copy, for what an operator should know."""
    alert_after: float = 6.0
    """Hours that a date may wait before the operator is told."""
    feeds: tuple[OwnFeed, ...] = ()
    """Feeds of your own, beside those of the topics."""
    mail_list: str = ""
    """The domain of the letters to subscribers: of their identifiers and of the addresses that they come back to. Empty: there are none."""
    mail_name: str = ""
    """Who they are from, by name; empty for ``CATEGORY digest``: see `sender_name`."""
    mail_url: str = ""
    """The address of the forms, with a slash at its end; empty for that of the site: see `forms_url`."""
    mail_key: str = field(default="", repr=False)
    """The secret that links in letters are derived from; empty for one that is made in the data folder. See `secret`."""
    mail_key_file: Path | None = None
    dkim_selector: str = ""
    """Under which name the domain `mail_list` has the public key of DKIM; empty for letters without a signature."""
    dkim_key_file: Path | None = None
    """The file of the private key, as PEM."""
    send_rate: float = 0.0
    """Letters a second at most; 0 for as many as the mail server takes."""
    send_workers: int = 1
    """How many letters are handed over at once, each over a connection of its own."""
    uncertain: str = "resend"
    """What becomes of a letter of which nobody knows whether the mail server has it: one of `UNCERTAIN`."""
    relay_log: Path | None = None
    """The log of the mail server, if it is Postfix on this machine: there one can look what it has taken."""
    bounces: str = field(default="", repr=False)
    """Where letters come back to: a maildir, or ``imaps://user:password@host/folder``. See `secret`."""
    bounces_file: Path | None = None
    hooks: tuple[Hook, ...] = field(default=(), repr=False)
    """Web-hooks that are told each edition."""
    subscribe: bool = False
    """Whether `cvdigest serve` has the forms by which people subscribe."""
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
        return addresses.loopback(urlsplit(self.arxiv_url).hostname or "")

    @property
    def site_folder(self) -> Path:
        """Where the site is; that of the sample stands apart from real papers, whatever is set."""
        if self.sample:
            return self.out / "sample" / "site"
        return self.site or self.out / ("site" if self.category == _USUAL else f"site-{self.category}")

    @property
    def sender_name(self) -> str:
        """Who letters to subscribers are from, by name."""
        return self.mail_name or f"{self.category} digest"

    @property
    def forms_url(self) -> str:
        """The address of the forms, with a slash at its end; empty if it is not known."""
        return self.mail_url or self.site_url

    @property
    def pages_url(self) -> str:
        """The address of the site that letters lead to, with a slash at its end; empty if it is not known.

        What serves the forms serves the pages too.
        """
        return self.site_url or (self.mail_url if self.subscribe else "")

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


def _site_url(value: str) -> str:
    if not value:
        return ""
    found = _url(value)
    if not found.isascii() or not found.isprintable() or set(found) & set(" <>\"'`{}|\\^"):
        msg = f"{value!r} is no address of a site (https://example.org/papers/, say)"
        raise ValueError(msg)
    return f"{found}/"


def _site_title(value: str) -> str:
    if not value.isprintable() or len(value) > _LONGEST_TITLE:
        msg = f"a title is one line of at most {_LONGEST_TITLE} letters"
        raise ValueError(msg)
    return value.strip()


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


def _speed(value: str | float) -> float:
    if isinstance(value, bool):
        msg = "a speed is a number"
        raise ValueError(msg)  # noqa: TRY004 - one kind of error for one kind of mistake
    try:
        times = float(value)
    except ValueError as exc:
        msg = f"{value!r} is no speed: how many times as fast"
        raise ValueError(msg) from exc
    if not 0 < times <= _FASTEST:
        msg = f"{value} is no speed: more than 0, at most {_FASTEST:.0f} times as fast"
        raise ValueError(msg)
    return times


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


def _database(value: str) -> str:
    if not value or "\0" in value:
        msg = "that is neither a path nor a URL"  # which may hold a password
        raise ValueError(msg)
    return addresses.database(value)


def _days(value: str | int) -> int:
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,6}", str(value)):
        msg = f"{value!r} is no number of days"
        raise ValueError(msg)
    return int(value)


def _contact(value: str) -> str:
    if not value.isascii() or not value.isprintable() or set(value) & set("()\\"):
        msg = f"{value!r} cannot stand in a User-Agent"
        raise ValueError(msg)
    return value


def _log(value: str) -> str:
    if value not in _LOGS:
        msg = f"{value!r} is no way to tell progress; there are {', '.join(_LOGS)}"
        raise ValueError(msg)
    return value


_LOGS = ("auto", "plain", "text", "json")


def _mail_name(value: str) -> str:
    if "=?" in value:
        msg = "=? begins an encoded word in a mail, and cannot stand in a name"
        raise ValueError(msg)
    if not value.isprintable() or len(value) > _LONGEST_NAME:
        msg = f"a name is one line of at most {_LONGEST_NAME} letters"
        raise ValueError(msg)
    return value.strip()


def _mail_url(value: str) -> str:
    found = _site_url(value)
    parts = urlsplit(found)
    if parts.scheme == "http" and not addresses.loopback(parts.hostname or ""):
        msg = f"{value!r}: people confirm and unsubscribe over https:// (http:// is for this machine alone)"
        raise ValueError(msg)
    return found


def _mail_key(value: str) -> str:
    if not _KEY.fullmatch(value):
        msg = "a key is made of 32 to 512 letters and digits (openssl rand -hex 32 makes one)"  # and is not told
        raise ValueError(msg)
    return value


_KEY = re.compile(r"[A-Za-z0-9+/=_-]{32,512}")


def _dkim_selector(value: str) -> str:
    try:
        return addresses.domain(value)
    except ValueError:
        msg = f"{value[:80]!r} is no selector of DKIM: letters, digits and hyphens (digest2026, say)"
        raise ValueError(msg) from None


def _send_rate(value: str | float) -> float:
    try:
        rate = float("nan") if isinstance(value, bool) else float(value)
    except ValueError:
        rate = float("nan")
    if not 0 <= rate <= _FASTEST_RATE:
        msg = f"{value!r} is no rate: 0 to {_FASTEST_RATE:.0f} letters a second, 0 for no bound"
        raise ValueError(msg)
    return rate


def _workers(value: str | int) -> int:
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,3}", str(value)) or not 1 <= int(value) <= _MOST_WORKERS:
        msg = f"{value!r} is no number of workers: 1 to {_MOST_WORKERS}"
        raise ValueError(msg)
    return int(value)


def _uncertain(value: str) -> str:
    if value not in UNCERTAIN:
        msg = f"{value!r} is nothing to do about an uncertain letter; there are {' and '.join(UNCERTAIN)}"
        raise ValueError(msg)
    return value


def _bounces(value: str) -> str:
    if "://" in value:
        addresses.imap_server(value)
        return value
    if not value or "\0" in value:
        msg = "that is neither the path of a maildir nor an address that begins with imaps://"
        raise ValueError(msg)
    return str(Path(value).expanduser())


def _mail_server(value: str) -> str:
    addresses.mail_server(value)
    return value


def _hours(value: str | float) -> float:
    try:
        hours = float("nan") if isinstance(value, bool) else float(value)
    except ValueError:
        hours = float("nan")
    if not 0 < hours <= _LONGEST_WAIT:
        msg = f"{value!r} is no number of hours: more than 0, at most {_LONGEST_WAIT:.0f}"
        raise ValueError(msg)
    return hours


class _TableError(ValueError):
    """One of several tables, feeds say, is malformed: the one at `place`."""

    def __init__(self, place: int, message: str) -> None:
        super().__init__(message)
        self.place = place


_Named = TypeVar("_Named", OwnFeed, Hook)


def _tables(value: str | list[Any], what: str, most: int, one: Callable[[object], _Named]) -> tuple[_Named, ...]:
    """Return what a list of tables holds, each with a name of its own; *one* reads a table, *what* is what they are called."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as exc:
            msg = f"that is no JSON: {exc}"
            raise ValueError(msg) from exc
        if not isinstance(value, list):
            msg = f"that is no list of {what}"
            raise ValueError(msg)  # noqa: TRY004 - one kind of error for one kind of mistake
    if len(value) > most:
        msg = f"{len(value)} {what} are too many; {most} are the most"
        raise ValueError(msg)
    found: dict[str, _Named] = {}
    for place, table in enumerate(value):
        try:
            read = one(table)
            if read.name in found:
                msg = f"there are two of the name {read.name!r}"
                raise ValueError(msg)  # noqa: TRY301 - one door for all mistakes in a table
        except UsageError as exc:
            raise _TableError(place, exc.message) from exc
        except ValueError as exc:
            raise _TableError(place, str(exc)) from exc
        found[read.name] = read
    return tuple(found.values())


def _feeds(value: str | list[Any]) -> tuple[OwnFeed, ...]:
    return _tables(value, "feeds", _MOST_FEEDS, own_feed)


def _hooks(value: str | list[Any]) -> tuple[Hook, ...]:
    return _tables(value, "web-hooks", _MOST_HOOKS, _hook)


def _hook(table: object) -> Hook:
    """Return a web-hook out of a table with ``name`` and ``url``, and ``format`` and ``topics`` as far as they are wanted.

    Raises:
        ValueError: it is malformed; the message leaves the address out.

    """
    if not isinstance(table, dict):
        msg = "a web-hook is a table with a name and a url"
        raise ValueError(msg)  # noqa: TRY004 - one kind of error for one kind of mistake
    if strange := next((key for key in table if key not in _HOOK_KEYS), None):
        msg = f"a web-hook has no {strange[:40]!r}; it has {', '.join(_HOOK_KEYS)}"
        raise ValueError(msg)
    name, url, form, topics = table.get("name", ""), table.get("url", ""), table.get("format", "json"), table.get("topics", [])
    if not isinstance(name, str) or not _FEED_NAME.fullmatch(name):
        msg = "the name of a web-hook is made of small letters, digits and hyphens, at most 64"
        raise ValueError(msg)
    if form not in HOOK_FORMATS:
        msg = f"{name}: formats are {', '.join(HOOK_FORMATS)}"
        raise ValueError(msg)
    if not isinstance(topics, list) or len(topics) > MOST_SHELVES:
        msg = f"{name}: topics are a list, of at most {MOST_SHELVES}"
        raise ValueError(msg)
    if strange := next((one for one in topics if not isinstance(one, str) or not _FEED_TOPIC.fullmatch(one)), None):
        msg = f"{name}: {str(strange)[:40]!r} is no topic: TOPIC or TOPIC/SUBTOPIC, by their slugs"
        raise ValueError(msg)
    if not url:
        msg = f"{name}: url is missing"
        raise ValueError(msg)
    if form == "telegram" and isinstance(url, str) and "chat_id=" not in url.partition("?")[2]:
        msg = f"{name}: the url of a bot ends with /sendMessage?chat_id= and the number of the chat"
        raise ValueError(msg)
    try:
        return Hook(name, addresses.webhook(url if isinstance(url, str) else ""), form, tuple(dict.fromkeys(topics)))
    except ValueError as exc:
        msg = f"{name}: {exc}"
        raise ValueError(msg) from exc


_HOOK_KEYS = ("name", "url", "format", "topics")
_MOST_HOOKS = 50


def own_feed(table: object) -> OwnFeed:
    """Return a feed out of a table with ``name``, and ``title``, ``search``, ``author`` and ``topic`` as far as they are wanted.

    Raises:
        ValueError, UsageError: it is malformed; the message says what is wrong.

    """
    if not isinstance(table, dict):
        msg = f"{table!r} is no feed: a table with a name"
        raise ValueError(msg)  # noqa: TRY004 - one kind of error for one kind of mistake
    for key, one in table.items():
        if key not in _FEED_KEYS:
            msg = f"a feed has no {key!r}; it has {', '.join(_FEED_KEYS)}"
            raise ValueError(msg)
        if not isinstance(one, str) or not one.isprintable() or len(one) > _LONGEST_FEED_TEXT:
            msg = f"{key} is to be a line of text, of at most {_LONGEST_FEED_TEXT} letters"
            raise ValueError(msg)
    name, title, search, author, topic = (table.get(key, "").strip() for key in _FEED_KEYS)
    if not _FEED_NAME.fullmatch(name):
        msg = f"{name!r} is no name of a feed: small letters, digits and hyphens, at most 64"
        raise ValueError(msg)
    if not (search or author or topic):
        msg = f"{name} asks for nothing: it needs a search, an author or a topic"
        raise ValueError(msg)
    if topic and not _FEED_TOPIC.fullmatch(topic):
        msg = f"{topic!r} is no topic: TOPIC or TOPIC/SUBTOPIC, by their slugs"
        raise ValueError(msg)
    if author and not any(map(str.isalnum, author)):
        msg = f"{author!r} is no name of an author"
        raise ValueError(msg)
    if search or author:
        query.parse(search, author)
    return OwnFeed(name, title or name, search, author, topic)


_FEED_KEYS = ("name", "title", "search", "author", "topic")
_FEED_NAME = re.compile(r"[a-z0-9-]{1,64}")
_FEED_TOPIC = re.compile(r"[a-z0-9-]+(?:/[a-z0-9-]+)?")
_LONGEST_FEED_TEXT = 500
_MOST_FEEDS = 200


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
    "speed": _speed,
    "data": _path,
    "database": _database,
    "database_file": _path,
    "keep_answers": _days,
    "model": _path,
    "site": _path,
    "no_site": _flag,
    "site_url": _site_url,
    "site_title": _site_title,
    "contact": _contact,
    "log": _log,
    "webhook": addresses.webhook,
    "webhook_file": _path,
    "mail_server": _mail_server,
    "mail_server_file": _path,
    "mail_from": addresses.mailbox,
    "operator": addresses.mailbox,
    "alert_after": _hours,
    "feeds": _feeds,
    "mail_list": addresses.domain,
    "mail_name": _mail_name,
    "mail_url": _mail_url,
    "mail_key": _mail_key,
    "mail_key_file": _path,
    "dkim_selector": _dkim_selector,
    "dkim_key_file": _path,
    "send_rate": _send_rate,
    "send_workers": _workers,
    "uncertain": _uncertain,
    "relay_log": _path,
    "bounces": _bounces,
    "bounces_file": _path,
    "hooks": _hooks,
    "subscribe": _flag,
    "date": _date,
    "sample": _flag,
    "json": _flag,
    "quiet": _flag,
    "debug": _flag,
}
assert set(_READERS) == {field.name for field in fields(Settings)}  # noqa: S101 - a slip of ours, not of a user's
_SECRET: Mapping[str, Callable[[str], object]] = {
    "webhook": addresses.webhook, "mail_server": addresses.mail_server, "database": _database, "mail_key": _mail_key, "bounces": _bounces,
}  # fmt: skip
"""What may be read from a file of its own, and is quoted by no message."""
_UNSAID = {*_SECRET, "hooks"}
_NOT_TEXT = {
    "alert_after": (int, float),
    "pace": (int, float),
    "speed": (int, float),
    "keep_answers": (int,),
    "include": (list,),
    "category": (list,),
    "feeds": (list,),
    "hooks": (list,),
    "send_rate": (int, float),
    "send_workers": (int,),
    "now": (dt.datetime,),
    "date": (dt.date,),
    **dict.fromkeys(("second_opinion", "no_site", "subscribe", "sample", "json", "quiet", "debug"), (bool,)),
}


def read(options: Mapping[str, Any], environment: Mapping[str, str], files: tuple[Path, ...], without: Container[str] = ()) -> Settings:
    """Return the settings.

    *options* come from the command line, by field; None means not given. The first of *files* that is there is read.
    The variables and the keys of the file in *without* are passed over.

    Raises:
        UsageError: an option is malformed.
        SettingsError: the file or a variable is; the message names the file and the line, or the variable.

    """
    found = Settings()
    path = next((path for path in files if path.is_file()), None)
    if path is not None:
        found = _from_file(found, path, without)
    for name in _READERS:
        variable = PREFIX + name.upper()
        if variable not in without and (value := environment.get(variable)):
            try:
                found = replace(found, **{name: _READERS[name](value)})
            except (ValueError, TypeError) as exc:
                msg = f"{variable}: {exc}"
                raise _about(variable, msg) from exc
    for name, value in options.items():
        if value is not None:
            try:
                found = replace(found, **{name: _READERS[name](value)})
            except (ValueError, TypeError) as exc:
                msg = f"--{name.replace('_', '-')}: {exc}"
                raise UsageError(msg) from exc
    if found.database_file is None:
        return found
    if options.get("database") is not None:  # what is typed counts
        return replace(found, database_file=None)
    return replace(found, database=secret(found, "database", environment))


def _about(culprit: str, message: str) -> SettingsError:
    error = SettingsError(message)
    error.culprit = culprit
    return error


def _from_file(found: Settings, path: Path, without: Container[str]) -> Settings:
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
        if key in without:
            continue
        name = key.replace("-", "_")
        where = f"{path}:{_line(text, key)}"
        if name not in _READERS:
            near = get_close_matches(name, _READERS, n=1)
            meant = f"did you mean {near[0].replace('_', '-')}?" if near else f"there are {', '.join(_READERS)}"
            msg = f"{where}: there is no setting {key!r}; {meant}"
            raise _about(key, msg)
        if not isinstance(value, (str, *_NOT_TEXT.get(name, ()))):
            msg = f"{where}: {key} cannot be " + (f"a {type(value).__name__}" if name in _UNSAID else f"{value!r}")
            raise _about(key, msg)
        try:
            found = replace(found, **{name: _READERS[name](value)})
        except (ValueError, TypeError) as exc:
            if isinstance(exc, _TableError):
                where = f"{path}:{_line(text, key, exc.place)}"
            msg = f"{where}: {key}: {exc}"
            raise _about(key, msg) from exc
    return found


def _line(text: str, key: str, place: int = 0) -> int:
    """Return the line on which a key of the top level is set; of several tables, that at *place*. TOML's reader does not tell."""
    pattern = re.compile(rf"\s*\[*\s*[\"']?{re.escape(key)}[\"']?\s*[=.\]]")
    found = [number for number, line in enumerate(text.splitlines(), 1) if pattern.match(line)] or [1]
    return found[min(place, len(found) - 1)]


def forms_address(found: Settings) -> str:
    """Return the address of the forms, to be told to people; empty if it is not known.

    Raises:
        SettingsError: it is that of the site, which can be read by all, and what people do on forms would be readable too.

    """
    try:
        return _mail_url(found.forms_url) if found.forms_url else ""
    except ValueError as exc:
        raise SettingsError(str(exc), advice="set mail_url, or an address of the site that begins with https://") from exc


# -- secrets: given as they are, or in a file that only their owner can read -------------------------------------------


def secret(found: Settings, name: str, environment: Mapping[str, str]) -> str:
    """Return one of the settings in `_SECRET`, ``mail_key`` say, out of its file if that is set; "" if neither is.

    Raises:
        SettingsError: both are set, or the file cannot be read, or others than its owner can read it, or what is in it is
            malformed.

    """
    value: str = getattr(found, name)
    path: Path | None = getattr(found, f"{name}_file")
    if path is None:
        return value
    if value:
        msg = f"{name} and {name}_file are both set"
        raise SettingsError(msg, advice="leave one of them out")
    return _out_of_file(name, path, environment)


def secrets(found: Settings, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return what of the settings is never to be said; files that cannot be used hold nothing."""
    told: list[str] = [*hidden.of_database(found.database)]
    for hook in found.hooks:
        told += hidden.of_webhook(hook.url)
    whole: Callable[[str], tuple[str, ...]] = lambda key: (key,) if key else ()  # noqa: E731 - a key is hidden as it is
    parts_of = {"webhook": hidden.of_webhook, "mail_server": hidden.of_login, "bounces": hidden.of_login, "mail_key": whole}
    for name, parts in parts_of.items():
        told += parts(getattr(found, name))
        path = getattr(found, f"{name}_file")
        with suppress(SettingsError):
            told += parts(_out_of_file(name, path, environment)) if path else ()
    names = {hook.name for hook in found.hooks}  # by which it is told of them
    return tuple(value for value in dict.fromkeys(told) if value not in names)


def _out_of_file(name: str, path: Path, environment: Mapping[str, str]) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(_LARGEST_SECRET).decode().strip()
    except (OSError, UnicodeDecodeError) as exc:
        msg = f"{name}_file: {path} cannot be read: {exc.strerror if isinstance(exc, OSError) else 'it is no text'}"
        raise SettingsError(msg) from None  # an error of decoding would quote the secret in a traceback
    # systemd hands credentials over in a folder that only the service can enter; their own mode says nothing.
    handed = environment.get("CREDENTIALS_DIRECTORY")
    if os.name == "posix" and mode & 0o077 and not (handed and path.is_relative_to(handed)):
        msg = f"{name}_file: others than its owner can read or change {path}"
        raise SettingsError(msg, advice=f"chmod 600 {path}")
    try:
        _SECRET[name](text)
    except ValueError as exc:
        msg = f"{name}_file: {path}: {exc}"
        raise SettingsError(msg) from None
    return text
