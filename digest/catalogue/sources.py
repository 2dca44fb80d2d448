"""Where public curated lists are: text in, `Source` records out."""

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from digest.errors import SettingsError

_KEYS = {"name", "curator", "venue", "year", "url", "format"}
_YEARS = range(1983, 2100)
"""From the first CVPR on."""


class Format(StrEnum):
    """How a list is written."""

    MARKDOWN = "markdown"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Source:
    """A list in which a curator sorts papers by topic."""

    name: str
    curator: str
    venue: str
    year: int
    url: str
    format: Format


def parse(text: str, *, source: str = "sources.toml") -> tuple[Source, ...]:
    """Read sources written in TOML, in their order; *source* is the name that errors give the text.

    Raises:
        SettingsError: the text is malformed, a name or an address stands twice, or an address is not one of HTTPS.

    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        msg = f"{source} is not TOML: {exc}"
        raise SettingsError(msg) from exc
    items = table.get("source")
    if not isinstance(items, list) or not items:
        msg = f"{source} holds no sources"
        raise SettingsError(msg)
    found = tuple(_source(item, f"{source}: source {number}") for number, item in enumerate(items, 1))
    for what, values in (("name", [one.name for one in found]), ("address", [one.url for one in found])):
        if twice := next((value for value in values if values.count(value) > 1), None):
            msg = f"{source} has the {what} {twice} twice"
            raise SettingsError(msg)
    return found


def _source(item: object, where: str) -> Source:
    """Return one source, checked."""
    if not isinstance(item, dict):
        msg = f"{where} is not a table"
        raise SettingsError(msg)
    name, curator, venue, url = (_text(item, key, where) for key in ("name", "curator", "venue", "url"))
    where = f"{where} ({name})"
    if unknown := set(item) - _KEYS:
        msg = f"{where} has a key that is not known: {min(unknown)}"
        raise SettingsError(msg)
    year = item.get("year")
    if type(year) is not int or year not in _YEARS:
        msg = f"{where} has no year: {year!r}"
        raise SettingsError(msg)
    if (written := item.get("format", Format.MARKDOWN)) not in tuple(Format):
        msg = f"{where} has the format {written!r}, which is none of {', '.join(Format)}"
        raise SettingsError(msg)
    if not _leads_somewhere(url):
        msg = f"{where} has the address {url!r}, which does not lead anywhere over HTTPS"
        raise SettingsError(msg)
    return Source(name, curator, venue, year, url, Format(str(written)))


def _text(item: dict[str, object], key: str, where: str) -> str:
    """Return a string that is not empty."""
    value = item.get(key)
    if not isinstance(value, str) or not value.strip():
        msg = f"{where} has no {key}"
        raise SettingsError(msg)
    return value


def _leads_somewhere(url: str) -> bool:
    """Say whether an address begins with https:// and a host, and holds neither a name to log in with nor a blank."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and parts.username is None and not any(map(str.isspace, url))
