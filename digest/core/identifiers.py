"""arXiv's identifiers, as people write them."""

import re

_NEW = r"\d{2}(?:0[1-9]|1[0-2])\.\d{4,5}"
_OLD = r"[a-z]+(?:-[a-z]+)?(?:\.[A-Z]{2})?/\d{2}(?:0[1-9]|1[0-2])\d{3}"
_LONG, _LONG_SINCE = len("2004.00622"), "1501"
"""Since 2015 there are five digits after the dot, and before there were four: a digit that was left out can be seen."""
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
