"""What a client asks for: the query of an address in, checked parameters out. Everything has its bounds."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Literal
from urllib.parse import parse_qsl

from digest.catalogue.taxonomy import Taxonomy
from digest.core.query import Query, parse
from digest.errors import UsageError

LONGEST = 6000
"""Bytes of the whole query of an address; a letter beyond ASCII takes up to twelve."""
TOO_LONG = f"the query is longer than {LONGEST} bytes"
WORDS, AUTHOR = 200, 100
"""Letters of what is looked for, and of a name."""
MOST_WORDS = 30
MOST, FARTHEST = 100, 10_000
"""Papers of one answer, and how many may be passed over."""
MOST_EDITIONS = 1000
PAGE, PAGES = 20, 500
"""Papers on a page of results, and how many pages there are at most."""
FIRST_YEAR, LAST_YEAR = 1991, 2199
_DATE = re.compile(r"(?:199[1-9]|2[01][0-9]{2})-[0-9]{2}-[0-9]{2}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,6}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_RUN = re.compile(r'[^\s"]+')
_LONGEST_VALUE = 40
_MOST_PARAMETERS = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked for, and which part of what is found is wanted."""

    text: str = ""
    author: str = ""
    topic: str = ""
    subtopic: str = ""
    first: date | None = None
    last: date | None = None
    category: str = ""
    order: Literal["relevance", "date"] = "relevance"
    most: int = PAGE
    start: int = 0

    @property
    def backwards(self) -> bool:
        """Whether the last date is before the first one, so that nothing is found."""
        return self.first is not None and self.last is not None and self.first > self.last

    @property
    def anything(self) -> bool:
        """Whether words are looked for, and not only the newest papers."""
        return bool(self.text or self.author)

    def query(self) -> Query | None:
        """Return what the words ask for; None if there is no word in them, so that nothing is found."""
        if self.author and not any(map(str.isalnum, self.author)):
            return None
        try:
            return parse(self.text, self.author)
        except UsageError:  # there are not too many: see `asked`
            return None


def parameters(query: bytes, known: Collection[str], *, strict: bool) -> dict[str, str]:
    """Return the parameters of an address by name. Unless *strict*, those that are not *known*, and empty ones, are passed over.

    Raises:
        UsageError: it is too long or no text, or one is given twice, is not known, or holds a control character.

    """
    if len(query) > LONGEST:
        raise UsageError(TOO_LONG)
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=_MOST_PARAMETERS
        )  # fmt: skip
    except UnicodeError as problem:
        msg = "the query is no percent-encoded UTF-8"
        raise UsageError(msg) from problem
    except ValueError as problem:
        msg = f"there are more than {_MOST_PARAMETERS} parameters"
        raise UsageError(msg) from problem
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            if strict:
                there = f"there are {', '.join(sorted(known))}" if known else "this address has none"
                msg = f"there is no parameter {name[:_LONGEST_VALUE]!r}; {there}"
                raise UsageError(msg)
            continue
        if name in found:
            msg = f"{name} is given twice"
            raise UsageError(msg)
        if _CONTROL.search(value):
            msg = f"{name}: there is a control character"
            raise UsageError(msg)
        if value or strict:
            found[name] = value
    return found


def asked(given: dict[str, str], taxonomy: Taxonomy, categories: Collection[str]) -> Asked:
    """Return what the parameters of a search ask for.

    Raises:
        UsageError: one of them is none; the message names it.

    """
    topic, _, subtopic = given.get("topic", "").partition("/")
    if "topic" in given:
        _check_topic(given["topic"], taxonomy)
    first, last = span(given)
    category = given.get("category", "")
    if "category" in given and category not in categories:
        msg = f"category: arXiv has no category {category[:_LONGEST_VALUE]!r}"
        raise UsageError(msg)
    order = given.get("order", "relevance")
    if order not in ("relevance", "date"):
        msg = "order: relevance or date"
        raise UsageError(msg)
    most = number(given, "limit", PAGE, 1, MOST)
    start = number(given, "offset", 0, 0, FARTHEST) if "page" not in given else PAGE * (number(given, "page", 1, 1, PAGES) - 1)
    text, author = _text(given, "q", WORDS), _text(given, "author", AUTHOR)
    if len(_RUN.findall(text)) > MOST_WORDS:
        msg = f"q: {MOST_WORDS} words are the most"
        raise UsageError(msg)
    return Asked(text, author, topic, subtopic, first, last, category, "date" if order == "date" else "relevance", most, start)


def span(given: dict[str, str]) -> tuple[date | None, date | None]:
    """Return the first and the last date that is asked for; that one is after the other is no mistake, and nothing is found.

    Raises:
        UsageError: one is no date.

    """
    first, last = (day(name, given[name]) if name in given else None for name in ("from", "to"))
    return first, last


def day(name: str, value: str) -> date:
    """Return a date of the years in which arXiv can have announced anything.

    Raises:
        UsageError: it is none.

    """
    try:
        if _DATE.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    msg = f"{name}: {value[:_LONGEST_VALUE]!r} is no date; write it as YYYY-MM-DD, from {FIRST_YEAR} to {LAST_YEAR}"
    raise UsageError(msg)


def number(given: dict[str, str], name: str, default: int, least: int, most: int) -> int:
    """Return a parameter that is a whole number.

    Raises:
        UsageError: it is none, or out of bounds.

    """
    value = given.get(name)
    if value is None:
        return default
    if not _NUMBER.fullmatch(value) or not least <= int(value) <= most:
        msg = f"{name}: {value[:_LONGEST_VALUE]!r} is no number from {least} to {most:,}"
        raise UsageError(msg)
    return int(value)


def _text(given: dict[str, str], name: str, longest: int) -> str:
    value = given.get(name, "").strip()
    if len(given.get(name, "")) > longest:
        msg = f"{name}: {longest} letters are the most"
        raise UsageError(msg)
    return value


def _check_topic(value: str, taxonomy: Taxonomy) -> None:
    """See that a topic, or a topic and a subtopic of it, is there.

    Raises:
        UsageError: it is not.

    """
    topic, slash, subtopic = value.partition("/")
    if topic not in taxonomy.names() or (slash and (topic, subtopic) not in taxonomy.subtopic_names()):
        msg = f"topic: there is no {value[:_LONGEST_VALUE]!r}; write it as 3d, or 3d/view-synthesis"
        raise UsageError(msg)
