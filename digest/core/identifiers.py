"""arXiv's identifiers, as people write them."""

import re

_NEW = r"\d{2}(?:0[1-9]|1[0-2])\.\d{4,5}"
_OLD = r"[a-z]+(?:-[a-z]+)?(?:\.[A-Z]{2})?/\d{2}(?:0[1-9]|1[0-2])\d{3}"
_LONG, _LONG_SINCE = len("2004.00622"), "1501"
"""Since 2015 there are five digits after the dot, and before there were four: a digit that was left out can be seen."""
_OLD_STYLE_DIGITS = 7
_WRITTEN = re.compile(
    rf"(?:arxiv:|https?://(?:[a-z]+\.)?arxiv\.org/(?:abs|pdf|html)/)?({_NEW}|{_OLD})(?:v\d+)?(?:\.pdf)?", re.ASCII | re.IGNORECASE
)


def identifier(text: str) -> str | None:
    """Return the identifier in *text*, without its version; None if it is none.

    ``2004.00622v2``, ``cs/0703101``, ``arXiv:2004.00622`` and the address of a paper are all understood.
    """
    found = _WRITTEN.fullmatch(text.strip())
    if not found:
        return None
    archive, slash, number = found[1].rpartition("/")
    if not slash and (len(number) == _LONG) != (number[:4] >= _LONG_SINCE):
        return None
    name, dot, subject = archive.partition(".")
    return f"{name.lower()}{dot}{subject.upper()}{slash}{number}"


def age(identifier: str) -> tuple[int, int]:
    """Return (month, number) of an identifier without version, in the order of time: ``9912`` of the old style is before ``0704``."""
    _, slash, rest = identifier.rpartition("/")
    if slash and len(rest) == _OLD_STYLE_DIGITS:
        year, month, number = int(rest[:2]), int(rest[2:4]), int(rest[4:])
        return (1900 + year if year > 90 else 2000 + year) * 100 + month, number  # noqa: PLR2004 - arXiv began in 1991
    month_part, _, number_part = identifier.partition(".")
    return 200000 + int(month_part), int(number_part)
