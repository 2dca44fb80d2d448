"""Untrusted text: made plain once on the way in, escaped once on the way out.

`plain` is what every field of a paper goes through when it is read; `escape_markdown` is the only door from such a text into
a Markdown page. Mathematics between dollar signs passes both untouched: it belongs to whoever renders the page.
"""

import re
import unicodedata
from functools import lru_cache

MATH = r"\$(?<!\\\$)(?:\$[^$]+\$\$|(?![\s$])[^$\\\n]*+(?:\\[^\n][^$\\\n]*+)*+(?<!\s)\$(?![\d$]))"
"""Inline TeX as Pandoc and GitHub delimit it: no space inside the dollar signs, no digit after them ("$5 and $6"), none escaped."""

_URL_REST = r"(?:[^\s<>\"'`\\^{|}\]]|\](?!\())+"
URL = rf"(?i:https?)://{_URL_REST}"
"""An http link in running text; `trim_url` takes off the punctuation of the sentence around it.

A link written in Markdown, ``[words](address)``, holds its address up to the bracket and not "words](address".
"""


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
# Vietnamese has two accents on one letter: Nguy\~{\^e}n
_LETTER = r"(?:\\[ij](?![A-Za-z])|[A-Za-z])"
_INNER = rf"(?:{_LETTER}|\\[\"'`^~=.](?:{_LETTER}|\{{{_LETTER}\}})|\\[uvHcdbkr]\{{{_LETTER}\}})"
_ACCENT = (
    # \"{o}, \"o, \'{\i} - but not the escaped apostrophe of "it\'s", which is no accent in any paper
    rf"\\[\"'`^~=.](?:\{{\s*{_INNER}\s*\}}|\\[ij](?![A-Za-z])|(?!(?:s|t|m|d|re|ve|ll)\b)[A-Za-z])"
    rf"|\\[uvHcdbkr](?:\s*\{{\s*{_INNER}\s*\}}|\s+[A-Za-z](?![A-Za-z]))"
    rf"|\\(?:{_LETTERS})(?![A-Za-z])(?:\{{\}}|\s+(?=[A-Za-z]))?"
)
_PERHAPS_ACCENT = re.compile(rf"\\(?:[\"'`^~=.]|[uvHcdbkr][\s{{]|(?:{_LETTERS})(?![A-Za-z]))")
_ACCENTS = re.compile(rf"(?P<math>{MATH})|\{{(?P<braced>{_ACCENT})\}}|(?P<bare>{_ACCENT})")


def tex_accents(text: str) -> str:
    r"""Return *text* with TeX's accents and letters outside of mathematics as Unicode: ``Schr\"odinger``, ``\o``."""
    return _ACCENTS.sub(_unaccent, text)


def _unaccent(match: re.Match[str]) -> str:
    if match["math"] or unicodedata.combining(match.string[match.end() : match.end() + 1] or " "):
        return match[0]  # a letter that has its accent already: what is made here is not worked on a second time
    return _letter(match["braced"] or match["bare"])


@lru_cache(maxsize=1024)
def _letter(macro: str) -> str:
    """Return the letter that one accent macro means, by pylatexenc's tables."""
    # Imported here because few pages need it: it would make every start slower.
    from pylatexenc.latex2text import LatexNodes2Text

    return unicodedata.normalize("NFC", LatexNodes2Text(keep_comments=True).latex_to_text(macro).strip())


def trim_url(url: str) -> str:
    """Return *url* without the punctuation that ends the sentence or the parenthesis it stands in."""
    # Counted once, so that a thousand brackets cost no more than their number.
    surplus = {closing: url.count(closing) - url.count(opening) for opening, closing in ("()", "[]")}
    end = len(url)
    while end:
        last = url[end - 1]
        if last in surplus and surplus[last] > 0:
            surplus[last] -= 1
        elif last not in ".,;:!?*_~\u2026\u2019\u201d\xbb\u3001\u3002\uff0c\uff1b":
            break
        end -= 1
    return url[:end]


# -- on the way out --------------------------------------------------------------------------------------------------

# Escaped is what a CommonMark or GitHub renderer would act on, and only where it would: a page should read well as text.
# Every alternative begins with a plain letter, so that `re` leaps from one such letter to the next; what must stand before
# it is looked at after it.
_ENTITY = r"&(?=\#?\w+;)"
_SHY = r"(?:[^\s*_`\[\]<>~\\&$FHfh]|[FHfh](?!(?i:tp|ttps?)://)|_(?<=[^\W_]_)(?=[^\W_])|&(?!\#?\w+;))*+"
_ACTIVE = (
    rf"h(?i:ttps?)://{_URL_REST}|H(?i:ttps?)://{_URL_REST}"
    rf"|w(?<![^\W_]w)(?i:ww\.){_SHY}|W(?<![^\W_]W)(?i:ww\.){_SHY}|f(?i:tp://)|F(?i:tp://)"
    rf"|<|>|{_ENTITY}|\*|`|\[|\]|\\(?=[!-/:-@\[-`{{-~]|$)|_(?<![^\W_]_)|_(?![^\W_])|~(?<=\S~)|~(?=~)"
)
_SPECIAL = re.compile(rf"{MATH}|{_ACTIVE}")
_SPECIAL_IN_UNSAFE_MATH = re.compile(rf"\$|{_ACTIVE}")
_NEEDS_CARE = re.compile(r"[*_`\[\]<>~\\&]")
_BLOCK_START = re.compile(r"(?P<mark>#{1,6}(?=\s|$)|[-+](?=\s|$)|=+\s*$|-[-\s]+$)|(?P<number>\d{1,9})(?P<dot>[.)])(?=\s|$)")
# Mathematics stays as it is, unless a renderer without mathematics would make a tag, a link, code or an entity of it.
_UNSAFE_MATH = re.compile(r"<[!?]|`|\]\s?[(\[:]|&#?\w+;|://|\n")
_TAG = re.compile(r"<[A-Za-z/]")
_TAG_WITH_SPACE = re.compile(r"<[A-Za-z][\w-]*\s")
_UNSAFE_URL = re.compile(r"[*_~\[\]&]")


def escape_markdown(text: str, *, line_start: bool = False) -> str:
    r"""Return *text* so that a Markdown renderer shows exactly it, and nothing else comes of it.

    ``$...$`` and bare URLs stay as they are. With *line_start* the text opens a paragraph, so that what would begin a
    heading, a list, a rule or, being indented, code there is taken care of too. Line feeds are not expected in here: see
    `plain`.
    """
    if line_start:
        text = text.lstrip()
    if _NEEDS_CARE.search(text) or "tp://" in text.lower():
        text = _SPECIAL.sub(_escape, text)
    if line_start and (start := _BLOCK_START.match(text)):
        digits = start.end("number") if start["number"] else 0
        text = f"{text[:digits]}\\{text[digits:]}"
    return text


def _escape(match: re.Match[str]) -> str:
    found = match[0]
    match found[0]:
        case "<":
            return "&lt;"
        case ">":
            return "&gt;"
        case "&":
            return "&amp;"
        case "h" | "H":
            return _url(found, match.string[match.end() : match.end() + 1])
        case "w" | "W":
            return _shy(found, match.string[match.end() : match.end() + 1])
        case "f" | "F":
            return found.replace(":", "\\:")  # GitHub would make a link of it, and no scheme but http is to be one
        case "$" if len(found) > 1:
            return f"{_SPECIAL_IN_UNSAFE_MATH.sub(_escape_in_math, found[:-1])}\\$" if _acts(found) else found
        case _:
            return "\\" + found


def _escape_in_math(match: re.Match[str]) -> str:
    return _url(match[0], "$") if match[0][0] in "hH" else _escape(match)


def _acts(math: str) -> bool:
    """Return whether a renderer without mathematics would act on *math*; ``$a<b$`` is no tag, ``$a<b>$`` is one."""
    if _UNSAFE_MATH.search(math):
        return True
    if not (tag := _TAG.search(math)):
        return False
    # A tag may end in a later formula, but only from within the value of an attribute: "$x<a b=c$,$d>e$".
    spaced = _TAG_WITH_SPACE.search(math, tag.start())
    return ">" in math[tag.end() :] or (spaced is not None and "=" in math[spaced.end() :])


def _shy(found: str, following: str) -> str:
    """Return "www.host/path" so that GitHub does not take what is escaped after it for a part of the address."""
    if not following or following.isspace():
        return found
    return f"{found[:3]}\\{found[3:]}"


def _url(found: str, following: str) -> str:
    """Return a URL that stays one word for every renderer; what would act as Markdown in it is percent-encoded.

    GitHub takes all that follows up to the next space for a part of the address, so where an escaped letter *following*
    is near, the address gets the angle brackets that part it from the rest for every renderer.

    An underscore or a tilde inside or before a word ends no emphasis, and is in too many addresses to be made ugly. RFC
    3986 lets a reader decode the others without changing what the address names.
    """
    if (not following or following.isspace()) and not _UNSAFE_URL.search(found):
        return found
    url = trim_url(found)
    rest = "".join(letter if letter not in "*_~[]" else f"\\{letter}" for letter in found[len(url) :])
    url = _ACTS_IN_URL.sub(_encode, url)
    if ("\\" in rest or (following and following in "<>`\\$")) and not url.endswith("://"):
        url = f"<{url}>"
    return url + rest


_ACTS_IN_URL = re.compile(r"[*\[\]]|_(?![^\W_]|\()|(?<!/)~|~(?!\w)|&\#?[A-Za-z0-9]+;")


def _encode(match: re.Match[str]) -> str:
    found = match[0]  # of an entity, its end: an ampersand parts the fields of a query and has to stay
    return f"{found[:-1]}%{ord(found[-1]):02X}"
