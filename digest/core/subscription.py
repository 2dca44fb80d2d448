"""Who is told what: people who asked for letters, what they chose, and what became of each letter.

An address is worth a letter when whoever reads it said so: `Standing.CONFIRMED` by following the link in the letter that asks, and
none before. What is chosen is kept as JSON, of which `choice_of` believes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any
from zoneinfo import available_timezones

from digest.core.domain import Kind
from digest.core.text import plain

MOST_SHELVES, MOST_WORDS, MOST_AUTHORS = 200, 50, 100
LONGEST_WORDS = 100
"""Letters of one word, phrase or name."""
MOST_PAPERS = 1000
LANGUAGES = ("en", "de", "es", "fr", "it", "ja", "ko", "pt", "zh")
"""In which dates can be written; all else in a letter is English, as the papers are."""
HOOK_FORMATS = ("json", "slack", "discord", "feishu", "telegram")
CONFIRM_WITHIN = timedelta(hours=72)
"""For so long after it was asked for a link that confirms is good."""
_HOURS = 24
_KINDS = {"new": (Kind.NEW,), "cross": (Kind.CROSS,), "replaced": (Kind.REPLACED, Kind.REPLACED_CROSS)}
"""What people call kinds, and which are meant."""


class Frequency(StrEnum):
    """How often somebody is written to."""

    DAILY = "daily"
    WEEKLY = "weekly"


class Standing(StrEnum):
    """Where somebody stands who left an address."""

    PENDING = "pending"
    """Asked to confirm, and has not; gets no other letter."""
    CONFIRMED = "confirmed"
    STOPPED = "stopped"
    """Letters came back too often; the person may confirm anew."""
    ENDED = "ended"
    """Has unsubscribed."""


class Purpose(StrEnum):
    """What a link in a letter is good for, and for nothing else."""

    CONFIRM = "confirm"
    MANAGE = "manage"
    UNSUBSCRIBE = "unsubscribe"


class Handling(StrEnum):
    """What has become of a letter."""

    NEW = "new"
    INFLIGHT = "inflight"
    """Somebody hands it over just now, or was killed while doing so."""
    SENT = "sent"
    """The server has said that it has it."""
    REFUSED = "refused"
    """The server will not have it, and never will."""
    DEFERRED = "deferred"
    """The server does not have it yet, and is asked again later."""
    UNCERTAIN = "uncertain"
    """The server may have it: nobody knows, because the connection or the process ended at the wrong instant."""
    DROPPED = "dropped"
    """It is not sent any more: the person has unsubscribed, or there is nothing in it for them."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody wants to be told.

    A paper is told if it is of one of the `kinds`, and stands under one of the `shelves` (or none is chosen), and one of the words to
    `include` is in its title or abstract (or there are none); or if one of the `authors` wrote it. It is not told if one of the words
    to `exclude` is in it, or if the model was unsure and only `sure` ones are wanted.
    """

    shelves: tuple[str, ...] = ()
    """Topics (``3d``) and subtopics (``3d/slam``); none for all."""
    include: tuple[str, ...] = ()
    """Words and phrases, as people type them."""
    exclude: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    """Names, followed whatever topic they write on."""
    kinds: frozenset[Kind] = frozenset({Kind.NEW})
    frequency: Frequency = Frequency.DAILY
    most: int = 0
    """How many papers a letter tells at most, the followed authors' and then the surest first; 0 for all."""
    sure: bool = False
    """Whether papers are left out of which the model was unsure."""
    language: str = "en"
    """In which dates are written: one of `LANGUAGES`."""
    zone: str = "UTC"
    """The time zone of `hour`, by its name in the IANA database."""
    hour: int = 6
    """The hour of the day, from 0 to 23, at which letters come, or up to twelve hours later if the digest comes later."""


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Somebody who left an address."""

    key: int
    address: str
    """As it was given, and as it is written to."""
    standing: Standing
    choice: Choice
    nonce: str = field(repr=False)
    """What links in letters to them are derived from, beside the secret key: a new one makes all older links void."""
    made: datetime
    confirmed: datetime | None = None
    ended: datetime | None = None
    score: float = 0.0
    """How often letters came back lately; see `digest.core.bouncing`."""
    scored: date | None = None
    """The date on which one came back, last."""
    damage: str = ""
    """Why what is kept of what they chose cannot be understood; `choice` says nothing then, and no letter goes by it."""


@dataclass(frozen=True, slots=True)
class Mailing:
    """What is told to many: an edition, or the editions of a week."""

    key: int
    category: str
    frequency: Frequency
    first: date
    """Of a week, the first date that belongs to it; else `date` itself."""
    date: date
    """Of the edition; of a week, of its last one."""


@dataclass(frozen=True, slots=True)
class Hook:
    """A web-hook that is told each edition: a chat, say."""

    name: str
    """Small letters, digits and hyphens: its deliveries are to ``hook/NAME``."""
    url: str = field(repr=False)
    """Whoever knows it can write there."""
    format: str = "json"
    """One of `HOOK_FORMATS`."""
    topics: tuple[str, ...] = ()
    """Topics and subtopics as in `Choice.shelves`; none for all."""


def kinds_named(names: Sequence[str]) -> frozenset[Kind]:
    """Return the kinds that are called so.

    Raises:
        ValueError: one is called otherwise.

    """
    unknown = [name for name in names if name not in _KINDS]
    if unknown or not names:
        msg = f"kinds are {', '.join(_KINDS)}; {unknown[0][:40]!r} is none" if unknown else f"choose one of {', '.join(_KINDS)} at least"
        raise ValueError(msg)
    return frozenset(kind for name in names for kind in _KINDS[name])


def names_of(kinds: frozenset[Kind]) -> tuple[str, ...]:
    """Return what people call some kinds."""
    return tuple(name for name, own in _KINDS.items() if kinds.intersection(own))


def choice_object(choice: Choice) -> dict[str, Any]:
    """Return a choice for a JSON document: all that is not the default."""
    given = {
        "shelves": list(choice.shelves),
        "include": list(choice.include),
        "exclude": list(choice.exclude),
        "authors": list(choice.authors),
        "kinds": list(names_of(choice.kinds)),
        "frequency": choice.frequency.value,
        "most": choice.most,
        "sure": choice.sure,
        "language": choice.language,
        "zone": choice.zone,
        "hour": choice.hour,
    }
    return {name: value for name, value in given.items() if value != _DEFAULTS[name]}


def choice_of(found: Mapping[str, Any], shelves: frozenset[str] | None = None) -> Choice:
    """Return the choice that a JSON document holds; *shelves* are those that there are, if that is to be looked at.

    Raises:
        ValueError: it is none; the message is for whoever chose.

    """
    if not isinstance(found, Mapping):  # what a person or a file says may be any JSON
        msg = "a choice is an object: a name and a value for each thing that is chosen"
        raise ValueError(msg)  # noqa: TRY004 - one kind of error for one kind of mistake
    if unknown := sorted(set(found) - set(_DEFAULTS)):
        msg = f"there is nothing called {unknown[0][:40]!r} to choose"
        raise ValueError(msg)
    wanted = {**_DEFAULTS, **found}
    chosen = _texts(wanted["shelves"], "topics", MOST_SHELVES)
    if shelves is not None and (strange := next((one for one in chosen if one not in shelves), None)):
        msg = f"there is no topic {strange!r}"
        raise ValueError(msg)
    if wanted["frequency"] not in [*Frequency]:
        msg = "letters come daily or weekly"
        raise ValueError(msg)
    if wanted["language"] not in LANGUAGES:
        msg = f"dates can be written in {', '.join(LANGUAGES)}"
        raise ValueError(msg)
    if wanted["sure"] is not True and wanted["sure"] is not False:
        msg = "only sure ones: yes or no"
        raise ValueError(msg)
    zone = _zones_by_small().get(wanted["zone"].lower()) if isinstance(wanted["zone"], str) else None
    if zone is None:
        msg = f"there is no time zone {str(wanted['zone'])[:40]!r} (Europe/Berlin, say)"
        raise ValueError(msg)
    return Choice(
        chosen,
        _worded(wanted["include"], "words", MOST_WORDS),
        _worded(wanted["exclude"], "words to leave out", MOST_WORDS),
        _worded(wanted["authors"], "authors", MOST_AUTHORS),
        kinds_named(_texts(wanted["kinds"], "kinds", len(_KINDS))),
        Frequency(wanted["frequency"]),
        _number(wanted["most"], "papers in a letter", MOST_PAPERS, ", where 0 means all"),
        wanted["sure"],
        wanted["language"],
        zone,
        _number(wanted["hour"], "the hour", _HOURS - 1),
    )


def kept_choice(found: Mapping[str, Any]) -> Choice:
    """Return the choice that a JSON document holds which was kept; a time zone that is not known here counts as UTC.

    It may have been known where it was chosen: one machine has newer names than another one.

    Raises:
        ValueError: it is none.

    """
    if isinstance(found, Mapping) and isinstance(zone := found.get("zone"), str) and zone not in zone_names():
        found = {**found, "zone": "UTC"}
    return choice_of(found)


@cache
def zone_names() -> frozenset[str]:
    """Return the time zones that can be chosen: those of the package tzdata, which are the same on each machine with the same release.

    What a system has besides (``right/UTC``, which counts leap seconds) is known nowhere else. Names without a place (``EST``,
    ``Factory``) mean something else on each machine, or never change to summer time.
    """
    try:
        names = resources.files("tzdata").joinpath("zones").read_text("utf-8").split()
    except (ModuleNotFoundError, OSError):  # some systems leave the package out, and have the data themselves
        names = [*available_timezones()]
    return frozenset(("UTC", *(name for name in names if "/" in name and not name.startswith(("posix/", "right/")))))


@cache
def _zones_by_small() -> Mapping[str, str]:
    """Return the names of time zones by how they are written in small letters, as people type them."""
    return {name.lower(): name for name in zone_names()}


def _texts(value: object, what: str, most: int) -> tuple[str, ...]:
    """Return some short texts, each once, cleaned of what nobody types."""
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        msg = f"{what}: not a list of texts"
        raise ValueError(msg)
    found = tuple(dict.fromkeys(filter(None, (plain(one).strip() for one in value))))
    if len(found) > most:
        msg = f"{what}: {len(found)} are too many; {most} are the most"
        raise ValueError(msg)
    if long := next((one for one in found if len(one) > LONGEST_WORDS), None):
        msg = f"{what}: {long[:40]!r}\u2026 is too long"
        raise ValueError(msg)
    return found


def _worded(value: object, what: str, most: int) -> tuple[str, ...]:
    """Return some short texts, each of which has something in it that can be looked for."""
    found = _texts(value, what, most)
    if empty := next((one for one in found if not any(map(str.isalnum, one))), None):
        msg = f"{what}: {empty!r} has neither a letter nor a digit"
        raise ValueError(msg)
    return found


def _number(value: object, what: str, most: int, more: str = "") -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        msg = f"{what}: a number from 0 to {most:,}{more}"
        raise ValueError(msg)
    return value


_DEFAULTS: Mapping[str, Any] = {
    "shelves": [], "include": [], "exclude": [], "authors": [], "kinds": ["new"], "frequency": "daily", "most": 0, "sure": False,
    "language": "en", "zone": "UTC", "hour": 6,
}  # fmt: skip
