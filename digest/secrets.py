"""Text in, the same text without its secrets out: for whatever reaches a log, a terminal or a message.

Hidden are what stands before the ``@`` of an address (of other addresses than those of web pages the user's name stays),
passwords and tokens in a query, what follows the host of a web-hook, and the values that were named, however they are quoted.
"""

import json
import re
from collections.abc import Iterable
from urllib.parse import unquote, unquote_plus, urlsplit

MASK = "***"
_FEWEST = 4
"""Letters of a value that is looked for anywhere; to hide a shorter one would hide half of every text."""
_FEWEST_ALONE = 8
"""Letters of a part of a web-hook's path that is hidden also where it stands alone."""
_FEWEST_WHOLE = 12
"""The same of the whole path, which may be made of words."""
_MOST = 4096
"""Letters of a value; a longer one is no secret that anybody set."""
_HOOKS = frozenset({"hook", "hooks", "webhook", "webhooks"})
_PORT = re.compile(r"\d{0,5}")
# Repeats have bounds, so that no text takes long.
_QUOTED_URL = re.compile(r"(%3a%2f%2f)(?:(?!%2f|%3f|%23|://)\S){0,400}%40", re.IGNORECASE)
# OAI-PMH's resumption tokens are no secrets, and needed to understand what went wrong.
_NAMED = re.compile(
    r"(?<![\w-])((?!resumptiontoken)[\w-]{0,30}(?:password|passwd|pwd|token|secret|api[_-]?key|signature)=)(?:'[^']{0,400}')?[^\s&;,]{0,4096}",
    re.IGNORECASE,
)
_HEADER = re.compile(r"(authorization['\"]?\s{0,4}[:=]\s{0,4}).{1,4096}", re.IGNORECASE)


def mask(text: str, values: Iterable[str] = ()) -> str:
    """Return *text* with `MASK` in place of each secret in it; *values* are hidden wherever they stand."""
    pattern = _pattern(values)
    if pattern is not None:
        text = pattern.sub(MASK, text)
    if "://" in text:
        text = "".join(_addresses(word) for word in re.split(r"(\s+)", text))
    text = _QUOTED_URL.sub(rf"\1{MASK}%40", text)
    text = _NAMED.sub(rf"\1{MASK}", text)
    return _HEADER.sub(rf"\1{MASK}", text)


def of_webhook(url: str) -> tuple[str, ...]:
    """Return what of a web-hook's address is to be hidden: all of it, what follows its host, and those parts of that which are no words."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return (url,)
    path = parts.path.strip("/")
    whole = f"{path}?{parts.query}" if parts.query else path
    if not whole or whole in _HOOKS:
        return of_login(url)
    pieces = re.split(r"[/?&=#]", f"{path}/{parts.query}/{parts.fragment}")
    alone = (piece for piece in pieces if len(piece) >= _FEWEST_ALONE and re.search(r"[0-9A-Z]", piece))
    long = (value for value in (whole, path) if len(value) >= _FEWEST_WHOLE)
    return (*of_login(url), url, *long, *alone)


def of_login(url: str) -> tuple[str, ...]:
    """Return the password of an address, if it has one: as it stands there, and as it is."""
    try:
        password = urlsplit(url).password
    except ValueError:
        return (url,)
    return (password, unquote(password)) if password else ()


def of_database(url: str) -> tuple[str, ...]:
    """Return the passwords of a database's address: the one before the ``@``, and those in the query; a path has none."""
    if "://" not in url:
        return ()
    # SQLAlchemy takes all up to the @ for the password, also a slash that nobody has quoted.
    before = re.search(r"://[^:/@]*:([^@]*)@", url)
    told = [before[1], unquote(before[1])] if before else []
    for pair in re.split(r"[?&]", url)[1:]:
        name, _, value = pair.partition("=")
        if "password" in unquote(name).lower():
            told += [value, unquote(value), unquote_plus(value)]
    return tuple(dict.fromkeys((*of_login(url), *filter(None, told))))


def _pattern(values: Iterable[str]) -> re.Pattern[str] | None:
    """Return what finds each of *values*, the longest first; None if there is none."""
    wanted = sorted(
        {value for value in values if _FEWEST <= len(value) <= _MOST and value.strip("*")}, key=lambda value: (-len(value), value)
    )
    return re.compile("|".join("".join(map(_letter, value)) for value in wanted)) if wanted else None


def _letter(letter: str) -> str:
    """Return what finds a letter as it is, percent-encoded, or escaped as Python and JSON escape it."""
    octets = letter.encode("utf-8", "surrogatepass")
    forms = [re.escape(shown) for shown in (letter, *(show(letter)[1:-1] for show in (repr, ascii, json.dumps)))]
    forms.append("".join(f"%(?i:{octet:02x})" for octet in octets))
    if letter == " ":
        forms.append(r"\+")
    if letter in "\"'/":
        forms.append(re.escape(f"\\{letter}"))
    return f"(?:{'|'.join(dict.fromkeys(reversed(forms)))})"


def _addresses(word: str) -> str:
    """Return a word without the secrets of the addresses in it."""
    scheme, *rest = word.split("://")
    told = [scheme]
    for piece in rest:
        told.append(_address(piece, web=re.search(r"https?$", scheme, re.IGNORECASE) is not None))
        scheme = piece
    return "://".join(told)


def _address(text: str, *, web: bool) -> str:
    """Return what follows the ``://`` of an address without its secrets."""
    head = re.match(r"[^/?#]*", text)
    authority = head[0] if head else ""
    cut = -1
    if "@" in authority:
        cut = authority.rindex("@")
    elif ":" in authority and "@" in text and not _PORT.fullmatch(authority.partition(":")[2]):
        cut = text.rindex("@")  # a password that holds a slash as it is
    if cut >= 0:
        user, colon, _ = text[:cut].partition(":")
        return f"{user}:{MASK}{text[cut:]}" if colon and user and not web else f"{MASK}{text[cut:]}"
    path = text[len(authority) :]
    if web and path.strip("/") and (authority.lower().startswith("hooks.") or _HOOKS & set(re.split(r"[/?]", path.lower()))):
        end = re.search(r"[\"'<>)\],;]*$", path)
        return f"{authority}/{MASK}{end[0] if end else ''}"
    return text
