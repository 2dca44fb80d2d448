"""Letters that came back: bytes of a message in, what it says out; and how often is too often.

Believed is a delivery status notification alone (RFC 3464), or what Exim writes in its place. Not that it is true: anybody can write one,
so that whose letter it was must be found by a signed address (`digest.core.tokens.verp_of`), which only that reader has seen.
Answers of people and of machines on their behalf (RFC 3834) are none, nor are receipts (RFC 8098) and complaints (RFC 5965).

Scores are those of GNU Mailman: 1 for a letter that is refused for good, a half for one that might have been taken another day, one a
day at most, all forgotten if none comes back for a week, and too many above 5.
"""

import email
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from email.message import Message
from email.policy import compat32

HARD, SOFT = 1.0, 0.5
TOO_MANY = 5.0
STALE = timedelta(days=7)
LARGEST = 256 * 1024
"""Bytes of a message that are read; what the mail server says stands at its beginning, before what came back."""
_HEAD = 64 * 1024
_MOST_PARTS, _MOST_BOUNDARIES, _MOST_REPORTS = 50, 2000, 100
_PART = re.compile(rb"\n--[^-\n]")
_NOBODY = re.compile(r"\s*(?:<(?:mailer-daemon(?:@[a-z0-9.-]{1,253})?)?>)?\s*", re.IGNORECASE)
_TO = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "to")
_MOST_TO = 20
_ADDRESS = re.compile(r"[^\s<>,;:\"()]{1,256}@[A-Za-z0-9.-]{1,253}")
_STATUS = re.compile(r"\s*([245])\.(\d{1,3})\.(\d{1,3})(?!\d)")
_FULL = ("2", "2")
"""A mailbox that is full (RFC 3463, X.2.2): people empty it."""


@dataclass(frozen=True, slots=True)
class Returned:
    """What a mail server says that sends a letter back."""

    addresses: tuple[str, ...]
    """To which it came back, as its headers have them; any of these may be invented."""
    points: float
    """How much it counts: `HARD` or `SOFT`."""
    status: str
    """As RFC 3463 has it, ``5.1.1`` say; empty if it is not told."""


def returned(message: bytes) -> Returned | None:
    """Return what a message says about a letter that came back for good; None if it says anything else, or cannot be read.

    A letter that is only late has not come back. Nothing that is in a message makes this fail.
    """
    try:
        return _returned(message)
    except Exception:  # noqa: BLE001 - the library raises LookupError, UnicodeError, ValueError and others for what strangers write
        return None


def _returned(message: bytes) -> Returned | None:
    message = message[:LARGEST].replace(b"\r\n", b"\n").lstrip(b"\n")
    # The library takes time with the square of the length of headers, and with the number of parts within parts.
    head, end, _ = message[:_HEAD].partition(b"\n\n")
    if not end or message.lower().count(b"content-type:") > _MOST_PARTS or len(_PART.findall(message)) > _MOST_BOUNDARIES:
        return None
    headers = email.message_from_bytes(head, policy=compat32)
    if not _NOBODY.fullmatch(str(headers.get("return-path", ""))):  # a mail server that sends a letter back wants no answer
        return None
    found = _worst(_reports(email.message_from_bytes(message, policy=compat32)))
    if found is None and headers.get("x-failed-recipients") and headers.get_content_type() == "text/plain":
        found = HARD, ""
    return Returned(_to(headers), *found) if found else None


def _to(headers: Message) -> tuple[str, ...]:
    values = [str(value)[:1000] for name in _TO for value in headers.get_all(name, [])[:_MOST_TO]]
    return tuple(dict.fromkeys(address for value in values for address in _ADDRESS.findall(value)[:_MOST_TO]))


def _reports(message: Message) -> Iterator[Message]:
    """Yield the fields of each recipient of a delivery status notification."""
    if message.get_content_type() != "multipart/report" or not message.is_multipart():
        return
    for part in message.get_payload():
        # In a letter that came back there may be another notification, which is about something else.
        if isinstance(part, Message) and part.get_content_type() in ("message/delivery-status", "message/global-delivery-status"):
            fields = part.get_payload()
            yield from (one for one in (fields if isinstance(fields, list) else [])[:_MOST_REPORTS] if isinstance(one, Message))
            return


def _worst(reports: Iterator[Message]) -> tuple[float, str] | None:
    found = None
    for fields in reports:
        if str(fields.get("action", "")).split("(")[0].strip().lower() != "failed":
            continue
        status = _STATUS.match(str(fields.get("status", "")))
        soft = status is not None and (status[1] == "4" or status.groups()[1:] == _FULL)
        one = SOFT if soft else HARD, ".".join(status.groups()) if status else ""
        found = max(found or one, one)
    return found


def scored(score: float, last: date | None, points: float, day: date) -> float:
    """Return the score of somebody whose letter came back on *day*; *score* is that of *last*, the last such day, if there was one."""
    if last is not None and day <= last:
        return score
    if last is None or day - last > STALE:
        return points
    return score + points


def too_many(score: float) -> bool:
    """Say whether letters came back so often that no more are sent."""
    return score > TOO_MANY
