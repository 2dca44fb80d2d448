"""What a letter is on the wire: headers and parts in, bytes out. Every line ends in CRLF.

Parts are quoted-printable, and made of pieces that were encoded before, each of which ends its line: so what is told to many is
encoded once, and a letter is a join. Headers are written here and not by Python's generator, which takes long addresses in them to
pieces (cpython#85725) and unfolds encoded words into new lines in some releases (CVE-2024-6923); and they are read once more after
that, to see that they are the ones that were meant and no other.
"""

import base64
import email.policy
import re
from binascii import b2a_qp
from collections.abc import Iterable, Sequence
from email.parser import BytesHeaderParser

from digest.addresses import mailbox
from digest.errors import MailError
from digest.mail import header

EOL = b"\r\n"
LONGEST_LINE = 998
"""Letters of a line of a message (RFC 5322, 2.1.1)."""
BOUNDARY = b"=_cvdigest"
"""What parts the parts. No line of quoted-printable text holds its first two letters (RFC 2045, 6.7)."""
_SOFT = b"=\r\n"
_FULL = 75
"""Letters of a line before the ``=`` that says that it goes on."""
_LAST_BLANK = re.compile(rb"([^\n]{74})(=(?:20|09)\r\n)")
"""What `b2a_qp` makes of a blank that ends a full line: one letter too long."""
_CHUNK = 39
"""Bytes of an encoded word before they are encoded, so that it fits beside ``Subject: ``, the longest name before one."""
_LONGEST_ENCODED = 76
"""Letters of a line of a header with an encoded word in it (RFC 2047, 2)."""
_ENCODED = re.compile(r"=\?[^? ]+\?[bq]\?[^? ]*\?=", re.IGNORECASE)
_FROM = re.compile(rb"^From ([^\r\n]*)", re.MULTILINE)
"""What begins a message where letters are kept in one file, so that programs write ``>From``, which no signature survives."""
_HEADERS = BytesHeaderParser(policy=email.policy.compat32)


def hard(text: str) -> bytes:
    """Return *text* encoded, as lines that end; a line feed ends one."""
    if not text.endswith("\n"):
        text += "\n"
    # Its first line end tells `b2a_qp` how lines are to be broken.
    found = _LAST_BLANK.sub(rb"\1=\r\n\2", b2a_qp(text.replace("\n", "\r\n").encode("utf-8", "replace"), istext=True))
    return _FROM.sub(_escaped_from, found) if b"From " in found else found


def _escaped_from(line: re.Match[bytes]) -> bytes:
    """Return a line that begins with ``From `` as one that does not; if it was nearly full, as two."""
    return b"=46" + (b"" if len(line[0]) < _FULL else _SOFT) + line[0][1:]


def soft(text: str) -> bytes:
    """Return *text* encoded, and its last line so that what follows belongs to it still."""
    if not text or text.endswith("\n"):
        return hard(text) if text else b""
    found = hard(text)[: -len(EOL)]
    if len(found) - found.rfind(b"\n") - 1 > _FULL:
        last = 3 if found[-3:-2] == b"=" else 1  # a letter as itself, or as an escape, which stays whole
        found = found[:-last] + _SOFT + found[-last:]
    return found + _SOFT


def part(media_type: str, pieces: Iterable[bytes]) -> list[bytes]:
    """Return the pieces of one part, those of its head before them."""
    head = f"Content-Type: {media_type}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    return [b"--", BOUNDARY, EOL, head.encode(), *pieces, EOL]


def alternative(text: Iterable[bytes], html: Iterable[bytes]) -> list[bytes]:
    """Return the pieces of a body that is told in two ways, the better one last (RFC 2046, 5.1.4)."""
    return [*part("text/plain", text), *part("text/html", html), b"--", BOUNDARY, b"--", EOL]


def words(text: str) -> str:
    """Return *text* as the value of a header: one line, in encoded words if it is not in ASCII."""
    line = header(text)
    if line.isascii():
        return line
    chunks, chunk = [], b""
    for letter in line:
        code = letter.encode("utf-8", "replace")
        if len(chunk) + len(code) > _CHUNK:
            chunks.append(chunk)
            chunk = b""
        chunk += code
    return "\r\n ".join(f"=?utf-8?b?{base64.b64encode(one).decode()}?=" for one in (*chunks, chunk))


def named(name: str, address: str) -> str:
    """Return a mailbox with the name of whoever it is, as the value of a header.

    Raises:
        MailError: the address is none.

    """
    return labelled(name, checked(address))


def labelled(name: str, what: str) -> str:
    """Return something between angle brackets with a name before it, as the value of a header."""
    line = words(name)
    if not line:
        return f"<{what}>"
    if line.startswith("=?"):
        return f"{line}\r\n <{what}>"
    quoted = line.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{what}>'


def checked(address: str) -> str:
    """Return *address* if it is one mailbox, in ASCII.

    Raises:
        MailError: it is none.

    """
    try:
        return mailbox(address)
    except ValueError as exc:
        raise MailError(str(exc)) from exc


def headers(fields: Sequence[tuple[str, str]]) -> bytes:
    """Return headers, in their order, and the empty line that ends them.

    Raises:
        MailError: others would be read out of it than these.

    """
    block = "".join([f"{name}: {value}\r\n" for name, value in fields])
    written = block.encode("ascii", "replace")
    meant = [name for name, _ in fields]
    if not block.isascii() or _HEADERS.parsebytes(written + EOL).keys() != meant or _broken(block, len(fields)):
        msg = "a letter is not sent, because its headers are not the ones that were meant"
        raise MailError(msg, advice="please report this")
    return written + EOL


def _broken(block: str, fields: int) -> bool:
    """Say whether a line is too long, is empty, or begins what is no header and goes on with none."""
    lines = block.split("\r\n")[:-1]
    if not all(0 < len(line) <= LONGEST_LINE and line.isprintable() for line in lines):
        return True
    if any(len(line) > _LONGEST_ENCODED and _ENCODED.search(line) for line in lines):
        return True
    return sum(not line.startswith(" ") for line in lines) != fields
