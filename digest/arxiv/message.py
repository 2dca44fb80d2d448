"""A saved message in, its headers and its plain text out, whatever it was wrapped in.

An announcement by e-mail may lie on disk as plain text, as a message with headers (.eml), or in a mailbox (mbox); its text may
be quoted-printable or base64. Of a message, only the first part of plain text is read.
"""

import email
import re
from collections.abc import Sequence

from digest.core.text import plain
from digest.errors import LayoutError

_MIME = re.compile(rb"^(?:MIME-Version|Content-Type|Content-Transfer-Encoding):", re.IGNORECASE | re.MULTILINE)
_HEADER = re.compile(r"(?P<name>[A-Za-z][A-Za-z-]{0,40}):\s*(?P<value>.*)", re.ASCII)
# Its parts give nothing back, for a line of many clocks would be gone through once for each two of them.
_FURTHER = re.compile(rb"\nFrom \S++ (?=.*?\d\d:\d\d).*+\n[A-Za-z-]++:[ \t]")
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
_PART = re.compile(rb"\n--[^-\n]")
_MOST_PARTS, _MOST_BOUNDARIES = 32, 1000
_HEAD = 64 * 1024


def unwrapped(body: bytes) -> tuple[dict[str, str], str]:
    """Return the headers of a message by their names in lower case, none of plain text, and the text.

    Raises:
        LayoutError: there are several messages in it, or no plain text.

    """
    body = body.removeprefix(b"\xef\xbb\xbf").lstrip()
    body = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if body.startswith(b"From "):
        body = body.partition(b"\n")[2]
        if _FURTHER.search(body):
            msg = "there are several messages in this mailbox"
            raise LayoutError(msg, advice="save one of them to a file of its own")
        body = _QUOTED.sub(rb"\1", body)
    found: dict[str, str] = {}
    head, end, _ = body[:_HEAD].partition(b"\n\n")
    if _MIME.search(head) and _HEADER.match(_decoded(head)):
        if not end:  # the library takes time with the square of their length
            msg = f"the headers of the message are longer than {_HEAD // 1024} KiB"
            raise LayoutError(msg)
        found, body = _parted(body)
    return found, _decoded(body).replace("\r\n", "\n").replace("\r", "\n")


def headers(lines: Sequence[str]) -> tuple[dict[str, str], int]:
    """Return the headers that stand at the top of the text itself, by their names in lower case, and where they end."""
    found: dict[str, str] = {}
    for index, line in enumerate(lines):
        if header := _HEADER.fullmatch(line):
            found.setdefault(header["name"].lower(), plain(header["value"]))
        elif not (found and line[:1] in (" ", "\t")):  # a header that is too long goes on in an indented line
            return found, index
    return found, len(lines)


def _parted(body: bytes) -> tuple[dict[str, str], bytes]:
    """Return the headers and the first plain text of a MIME message."""
    # The library goes down a step for each part within a part, and takes its time for each of them.
    if body.lower().count(b"content-type:") > _MOST_PARTS or len(_PART.findall(body)) > _MOST_BOUNDARIES:
        msg = "the message has more parts than a mail of arXiv's"
        raise LayoutError(msg)
    message = email.message_from_bytes(body)
    found = {name.lower(): plain(str(value)) for name, value in reversed(message.items())}
    for part in message.walk():
        if part.get_content_type() == "text/plain" and not part.is_multipart():
            payload = part.get_payload(decode=True)
            return found, payload if isinstance(payload, bytes) else b""
    msg = "the message has no part of plain text"
    raise LayoutError(msg)


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("latin-1")
