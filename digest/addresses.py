"""Addresses in, checked: one mailbox, a web-hook, a mail server, a database. None of the errors quotes what may be a secret.

smtps://user:password@mail.example.org              TLS from the first byte (port 465)
smtp://user:password@mail.example.org               TLS by STARTTLS, which is demanded (port 587)
smtp://127.0.0.1:25                                 this machine: without TLS, and so without a password
imaps://user:password@mail.example.org/INBOX        a mailbox to be read
"""

import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

_LONGEST_MAILBOX, _LONGEST_LOCAL, _LONGEST = 254, 64, 2048
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_MAILBOX = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@({_LABEL}(?:\.{_LABEL})*)")
"""The dot-atom form of an addr-spec (RFC 5322, 3.4.1), with a name for its domain; quoted names nobody has."""
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_SHOWN = 80
_LONGEST_DOMAIN = 190
"""Letters, so that a message's identifier with two words before it fits on a line."""
_PORTS = {"smtps": 465, "smtp": 587}
_IMAP_PORTS = {"imaps": 993, "imap": 143}
_LARGEST_PORT = 65535
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+(?:%\w+)?\]|[^\[\]:\s]*)(?::(\d{0,5}))?")
_LOGIN = re.compile(r"/{0,2}[^/@:\\\s]+:(?!\\)[^@]+@")
_POSTGRES = "write postgresql://host/name, with the user before an @ and the host"
_ENCODE = "percent-encode what stands in its password: %2F for /, %40 for @, %23 for #, %3F for ?"


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where letters are handed over, and how."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    security: str = "starttls"
    """``tls`` from the first byte, ``starttls``, or ``none`` on loopback."""


@dataclass(frozen=True, slots=True)
class ImapServer:
    """Where a mailbox is read, and how."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    folder: str = "INBOX"
    tls: bool = True
    """From the first byte; False on loopback alone."""


def quoted(text: str) -> str:
    """Return the beginning of what somebody typed, to be told on one line to people who know no Python."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text[:_SHOWN])
    return f"'{' '.join(shown.split())}'{'...' if len(text) > _SHOWN else ''}"


def mailbox(text: str) -> str:
    """Return *text* if it is one mail address and nothing else.

    Raises:
        ValueError: it is none.

    """
    found = _MAILBOX.fullmatch(text)
    # A name that begins with a dash is taken for an option by some mail programs, and =? begins an encoded word.
    if not found or len(text) > _LONGEST_MAILBOX or len(found[1]) > _LONGEST_LOCAL or text.startswith("-") or "=?" in text:
        msg = f"{quoted(text)} is no mail address (you@example.org, say)"
        raise ValueError(msg)
    return text


def domain(text: str) -> str:
    """Return *text* in small letters if it is the name of a domain; those beyond ASCII are written with ``xn--``.

    Raises:
        ValueError: it is none.

    """
    if not text.isascii():
        msg = f"{text[:80]!r} has letters beyond ASCII: write it as xn--..., as it stands in the DNS"
        raise ValueError(msg)
    if not _DOMAIN.fullmatch(text) or len(text) > _LONGEST_DOMAIN or text.rpartition(".")[2].isdigit():
        msg = f"{text[:80]!r} is no name of a domain (digest.example.org, say)"
        raise ValueError(msg)
    return text.lower()


def database(text: str) -> str:
    """Return *text* if it is the path of a file, or the URL of a database of a kind that is known.

    What was meant for a URL and is none is refused: as a path, it would be a file whose name holds a password.

    Raises:
        ValueError: it is neither; the message leaves it out.

    """
    scheme, found, rest = text.partition("://")
    if not found:
        if text.lower().startswith("postgres") or re.search(r"passw(or)?d\s*=", text, re.IGNORECASE) or _LOGIN.match(text):
            msg = f"that is no URL of a database; {_POSTGRES}, and ./ before the name of a file that begins so"
            raise ValueError(msg)
        return text
    kind = scheme.partition("+")[0]
    if kind == "sqlite" and (not rest or rest.startswith("/")):
        return text
    if kind != "postgresql":
        msg = f"a database is a path, sqlite:///path, or a URL of PostgreSQL: {_POSTGRES}"
        raise ValueError(msg)
    _check_server(rest)
    return text


def _check_server(rest: str) -> None:
    """See that what follows ``postgresql://`` names one user, one password and one server."""
    authority = re.split(r"[/?]", rest, maxsplit=1)[0]
    after = rest[len(authority) :]
    login, at, place = authority.rpartition("@")
    port = _HOST.fullmatch(place)
    if "#" in rest or "@" in login or (not at and ":" in place and "@" in after) or (at and "@" in after.partition("?")[0]):
        msg = f"the database's URL cannot be understood; {_ENCODE}"
        raise ValueError(msg)
    if port is None or int(port[1] or 0) > _LARGEST_PORT:
        msg = "the database's URL names no host and port that can be; write postgresql://host:5432/name"
        raise ValueError(msg)


def webhook(text: str) -> str:
    """Return *text* if it is an address that can be told something: over HTTPS, or over HTTP on this machine.

    Raises:
        ValueError: it is none; the message leaves it out, for whoever knows the address may use it.

    """
    parts = _parts(text, "the web-hook")
    if parts.scheme not in ("https", "http") or parts.username is not None:
        msg = "the web-hook is no address that begins with https:// and holds no name to log in with"
        raise ValueError(msg)
    if parts.scheme == "http" and not loopback(parts.hostname or ""):
        msg = "the web-hook is told over http:// on this machine only; elsewhere its address begins with https://"
        raise ValueError(msg)
    return text


def mail_server(text: str) -> MailServer:
    """Return the mail server that *text* is the address of.

    Raises:
        ValueError: it is none, or a password would go over the wire in the clear; the message leaves it out.

    """
    parts = _parts(text, "the mail server", " such as smtps://user:password@mail.example.org")
    if parts.scheme not in _PORTS or parts.path.strip("/") or parts.fragment:
        msg = "the mail server is no address such as smtps://user:password@mail.example.org:465"
        raise ValueError(msg)
    wishes = parse_qs(parts.query, keep_blank_values=True)
    if wishes not in ({}, {"starttls": ["required"]}) or (wishes and parts.scheme == "smtps"):
        msg = "the address of the mail server can end with ?starttls=required after smtp://, and with nothing else"
        raise ValueError(msg)
    host = parts.hostname or ""
    security = "tls" if parts.scheme == "smtps" else "none" if loopback(host) and not wishes else "starttls"
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if bool(user) != bool(password):
        msg = "the address of the mail server holds a user's name without a password, or a password without a name"
        raise ValueError(msg)
    if password and security == "none":
        msg = "no password is sent without TLS; add ?starttls=required to the address of the mail server, or use smtps://"
        raise ValueError(msg)
    if not (user + password).isprintable():
        msg = "the user's name or the password of the mail server holds control characters"
        raise ValueError(msg)
    return MailServer(host, parts.port or _PORTS[parts.scheme], user, password, security)


def imap_server(text: str) -> ImapServer:
    """Return the mailbox that *text* is the address of: ``imaps://user:password@host/folder``.

    Raises:
        ValueError: it is none, or a password would go over the wire in the clear; the message leaves it out.

    """
    parts = _parts(text, "the mailbox", " such as imaps://user:password@mail.example.org/INBOX")
    host, folder = parts.hostname or "", unquote(parts.path.strip("/")) or "INBOX"
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if parts.scheme not in _IMAP_PORTS or parts.query or parts.fragment or not user or not password:
        msg = "the mailbox is no address such as imaps://user:password@mail.example.org/INBOX"
        raise ValueError(msg)
    if parts.scheme == "imap" and not loopback(host):
        msg = "a mailbox is read over imap:// on this machine only; elsewhere its address begins with imaps://"
        raise ValueError(msg)
    if not (user + password + folder).isprintable() or not (user + password + folder).isascii() or set(folder) & set('"\\'):
        msg = "the user's name, the password or the folder of the mailbox holds letters that cannot be sent"
        raise ValueError(msg)
    return ImapServer(host, parts.port or _IMAP_PORTS[parts.scheme], user, password, folder, parts.scheme == "imaps")


def loopback(host: str) -> bool:
    """Say whether *host* is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _parts(text: str, what: str, example: str = "") -> SplitResult:
    """Return the parts of an address that can be used at all."""
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - raises ValueError for a port that is none
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        named = False
    if not named or not text.isascii() or not text.isprintable() or " " in text or "\\" in text or len(text) > _LONGEST:
        msg = f"{what} is no address{example}"
        raise ValueError(msg) from None
    return parts
