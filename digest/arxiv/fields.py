"""Fields of a paper as arXiv's machine interfaces write them, made what its listing pages say.

The query API, the feeds and OAI-PMH give an author's own line breaks and one string of names where a listing page gives
paragraphs and links. A model learns from one what it will see in the other, so all of them read these fields in here.
"""

import re

from digest.core.text import plain

_BREAK = re.compile(r"\n[ \t]+")
_PARENTHESIS = re.compile(r"([()])")
_BETWEEN = re.compile(r",(?:\s*and\s)?|\sand\s|:\s")


def abstract(text: str) -> str:
    """Return an abstract as on a listing page, where a line that begins with white space begins a paragraph."""
    # Every other line end is white space like any.
    parts = (part.replace("\n", " ") for part in _BREAK.split(text.strip()))
    return plain("\n".join(parts), paragraphs=True)


def names(text: str) -> tuple[str, ...]:
    """Return the authors in one string, in order, without what stands in parentheses.

    >>> names("The X Collaboration: A. One (1), B. Two (1 and 2) and C. Three ((1) CERN, Geneva (CH))")
    ('The X Collaboration', 'A. One', 'B. Two', 'C. Three')
    """
    opened: list[int] = []
    parts: list[str] = []
    for part in _PARENTHESIS.split(text):
        if part == ")" and opened:
            del parts[opened.pop() :]
            continue
        if part == "(":
            opened.append(len(parts))
        parts.append(part)
    return tuple(filter(None, map(plain, _BETWEEN.split("".join(parts)))))
