"""Untrusted text: made plain once on the way in, escaped once on the way out.

`plain` is what every field of a paper goes through when it is read; `escape_markdown` is the only door from such a text into
a Markdown page. Mathematics between dollar signs passes both untouched: it belongs to whoever renders the page.
"""

import re
import unicodedata
from functools import lru_cache

MATH = r"\$\$[^$]+\$\$|\$(?![\s$])(?:[^$\\\n]|\\[^\n])*?(?<!\s)\$(?![\d$])"
"""Inline TeX as Pandoc and GitHub delimit it: no space inside the dollar signs, no digit after them ("$5 and $6")."""

URL = r"https?://[^\s<>\"'`\\^{|}]+"
"""An http link in running text; `trim_url` takes off the punctuation of the sentence around it."""


# -- on the way in ---------------------------------------------------------------------------------------------------

# Controls except line feed and tab, soft hyphens and zero-width marks that hide text, the bidirectional embeddings,
# overrides and isolates that turn it around, tag characters, surrogates and the two non-characters XML forbids.
_INVISIBLE = (
    "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
    "\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f"
)
_REMOVED = re.compile(f"[{_INVISIBLE}]")


def plain(text: str, *, paragraphs: bool = False) -> str:
    r"""Return *text* as one clean line: no control characters, single spaces, TeX accents as Unicode, NFC.

    With *paragraphs*, line feeds are kept (one between two paragraphs); without, they are spaces like any other.
    """
    if paragraphs and "\n" in text:
        return "\n".join(filter(None, map(_line, text.split("\n"))))
    return _line(text)


def _line(text: str) -> str:
    text = text.strip()
    if not text.isprintable() or "  " in text:  # nothing in `_REMOVED` is printable, and no white space but the space
        text = " ".join(_REMOVED.sub("", " ".join(text.split())).split())
    if not text.isascii() and not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
    return tex_accents(text) if "\\" in text and _PERHAPS_ACCENT.search(text) else text


_LETTERS = "ss|ae|AE|oe|OE|aa|AA|o|O|l|L|i|j|dh|DH|th|TH|ng|NG|dj|DJ"
_ACCENT = (
    # \"{o}, \"o, \'{\i} - but not the escaped apostrophe of "it\'s", which is no accent in any paper
    r"\\[\"'`^~=.](?:\{\s*(?:\\[ij]|[A-Za-z])\s*\}|\\[ij](?![A-Za-z])|(?!(?:s|t|m|d|re|ve|ll)\b)[A-Za-z])"
    r"|\\[uvHtcdbkr](?:\s*\{\s*(?:\\[ij]|[A-Za-z]{1,2})\s*\}|\s+[A-Za-z](?![A-Za-z]))"
    rf"|\\(?:{_LETTERS})(?![A-Za-z])(?:\{{\}}|\s+(?=[A-Za-z]))?"
)
_PERHAPS_ACCENT = re.compile(rf"\\(?:[\"'`^~=.]|[uvHtcdbkr][\s{{]|(?:{_LETTERS})(?![A-Za-z]))")
_ACCENTS = re.compile(rf"(?P<math>{MATH})|\{{(?P<braced>{_ACCENT})\}}|(?P<bare>{_ACCENT})")


def tex_accents(text: str) -> str:
    r"""Return *text* with TeX's accents and letters outside of mathematics as Unicode: ``Schr\"odinger``, ``\o``."""
    return _ACCENTS.sub(lambda found: found["math"] or _letter(found["braced"] or found["bare"]), text)


@lru_cache(maxsize=1024)
def _letter(macro: str) -> str:
    """Return the letter that one accent macro means, by pylatexenc's tables."""
    # Imported here because few pages need it: it would make every start slower.
    from pylatexenc.latex2text import LatexNodes2Text

    return unicodedata.normalize("NFC", LatexNodes2Text(keep_comments=True).latex_to_text(macro).strip())


def trim_url(url: str) -> str:
    """Return *url* without the punctuation that ends the sentence or the parenthesis it stands in."""
    while url:
        last = url[-1]
        unbalanced = (last == ")" and url.count(")") > url.count("(")) or (last == "]" and url.count("]") > url.count("["))
        if last in ".,;:!?*_~" or unbalanced:
            url = url[:-1]
        else:
            break
    return url


# -- on the way out --------------------------------------------------------------------------------------------------

# Escaped is what a CommonMark or GitHub renderer would act on, and only where it would: a page should read well as text.
_SPECIAL = re.compile(
    rf"(?P<math>{MATH})|(?P<url>{URL})"
    r"|(?P<tag>[<>])"
    r"|(?P<entity>&(?=\#?\w+;))"
    r"|(?P<mark>[*`\[\]]|\\(?=[!-/:-@\[-`{-~]|$)|(?<![^\W_])_|_(?![^\W_])|(?<=\S)~|~(?=~))"
)
_NEEDS_CARE = re.compile(r"[*_`\[\]<>~\\&]")
_BLOCK_START = re.compile(r"(?P<mark>#{1,6}(?=\s|$)|[-+](?=\s|$)|=+\s*$|-[-\s]+$)|(?P<number>\d{1,9})(?P<dot>[.)])(?=\s|$)")
# Mathematics stays as it is, unless a renderer without mathematics would make a tag, a link, code or an entity of it.
_UNSAFE_MATH = re.compile(r"<[!?]|<[A-Za-z/][^$]*[>\"']|<[A-Za-z][\w-]*\s[^$]*=|`|\]\s*[(\[:]|&#?\w+;|://|\n")
_UNSAFE_URL = re.compile(r"[*_~\[\]&]")


def escape_markdown(text: str, *, line_start: bool = False) -> str:
    r"""Return *text* so that a Markdown renderer shows exactly it, and nothing else comes of it.

    ``$...$`` and bare URLs stay as they are. With *line_start* the text opens a paragraph, so that what would begin a
    heading, a list or a rule there is escaped too. Line feeds are not expected in here: see `plain`.
    """
    if _NEEDS_CARE.search(text):
        text = _SPECIAL.sub(_escape, text)
    if line_start and (start := _BLOCK_START.match(text)):
        digits = start.end("number") if start["number"] else 0
        text = f"{text[:digits]}\\{text[digits:]}"
    return text


def _escape(match: re.Match[str]) -> str:
    found = match.group()
    match match.lastgroup:
        case "tag":
            return "&lt;" if found == "<" else "&gt;"
        case "entity":
            return "&amp;"
        case "mark":
            return "\\" + found
        case "url":
            return _bare_url(found) if _UNSAFE_URL.search(found) else found
        case _ if _UNSAFE_MATH.search(found):
            return f"\\${_SPECIAL.sub(_escape, found[1:-1])}\\$"
        case _:
            return found


def _bare_url(found: str) -> str:
    """Return a URL that stays one word for every renderer; what would act as Markdown in it is percent-encoded.

    An underscore or a tilde inside a word does nothing, and is in too many addresses to be made ugly. RFC 3986 lets a
    reader decode the others without changing what the address names.
    """
    url = trim_url(found)
    return _ACTS_IN_URL.sub(_encode, url) + _SPECIAL.sub(_escape, found[len(url) :])


_ACTS_IN_URL = re.compile(r"[*\[\]]|(?<![^\W_])_|_(?![^\W_])|~(?=~)|(?<=~)~|&(?=\#?\w+;)")


def _encode(match: re.Match[str]) -> str:
    return "&amp;" if match[0] == "&" else f"%{ord(match[0]):02X}"
