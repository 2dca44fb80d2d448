r"""A formula in TeX in, the same in MathML out, as browsers show it without a script: the only latex2mathml.

    $x^2$  |  read by latex2mathml  |  each element and attribute looked up  |  <math><msup><mi>x</mi><mn>2</mn></msup></math>

What comes out holds nothing but elements and attributes of the tables below, and text. A formula that cannot be read, that
defines macros or that is larger than a formula in an abstract ever is comes out as None: it is shown as its TeX.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from html import escape
from xml.etree.ElementTree import Element

_MAX_LETTERS, _MAX_NESTING, _MAX_ELEMENTS, _MAX_DEPTH = 800, 16, 600, 60
_TOKENS = frozenset({"mi", "mn", "mo", "mtext"})
_CHILDREN = {
    "mrow": None, "mstyle": None, "mpadded": None, "mphantom": None, "msqrt": None, "mtable": None, "mtr": None, "mtd": None,
    "mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "mover": 2, "munder": 2, "msubsup": 3, "munderover": 3,
    "mspace": 0, "mi": 0, "mn": 0, "mo": 0, "mtext": 0,
}  # fmt: skip
"""The elements there may be, and how many children each has; None where any number is right."""
_INSIDE = {"mtable": "mtr", "mtr": "mtd"}
_LENGTH = r"[+-]?(?:[0-2]?(?:\.\d{1,4})?|3)(?:em|ex)|[+-]?0(?:px)?"
_TRUTH = "true|false"
_LENGTHS = {"width": _LENGTH, "height": _LENGTH, "depth": _LENGTH}
_ATTRIBUTES = {
    "mo": {
        **dict.fromkeys(("fence", "largeop", "movablelimits", "separator", "stretchy", "symmetric"), _TRUTH),
        **dict.fromkeys(("lspace", "rspace", "minsize", "maxsize"), _LENGTH),
        "form": "prefix|infix|postfix",
    },
    "mstyle": {"displaystyle": _TRUTH, "scriptlevel": "[0-3]"},
    "mspace": _LENGTHS,
    "mpadded": {**_LENGTHS, "lspace": _LENGTH, "voffset": _LENGTH},
    "mfrac": {"linethickness": _LENGTH},
    "mover": {"accent": _TRUTH},
    "munder": {"accentunder": _TRUTH},
    "munderover": {"accent": _TRUTH, "accentunder": _TRUTH},
}
"""The attributes that each element may have, and what each may say. One that is not here, as a colour or a link, is left out."""
_SPACES = {
    "negativethinmathspace": "-.17em",
    "negativemediummathspace": "-.22em",
    "negativethickmathspace": "-.28em",
    "thinmathspace": ".17em",
    "thickmathspace": ".28em",
}
_DEFINES = re.compile(
    r"\\(?:def|let|newcommand|renewcommand|providecommand|newenvironment|renewenvironment|unicode|verb|style|class)(?![A-Za-z])"
)
_PERCENT = re.compile(r"(?<!\\)%")
"""Would begin a comment; in a formula of one line it is meant to be seen."""
_NOT_EQUAL = re.compile(r"\\not\s*=")
_LETTERS = re.compile(r'<mi mathvariant="normal">[^<]</mi>(?:<m[in](?: mathvariant="normal")?>[^<]</m[in]>)+(?<!")')
_BETWEEN = re.compile("<[^>]*>")
_REFERENCE = re.compile(r"&#x([0-9A-Fa-f]{1,6});")
_VARIANTS = {
    "bold": ("MATHEMATICAL BOLD",),
    "italic": ("MATHEMATICAL ITALIC",),
    "bold-italic": ("MATHEMATICAL BOLD ITALIC",),
    "double-struck": ("MATHEMATICAL DOUBLE-STRUCK", "DOUBLE-STRUCK"),
    "script": ("MATHEMATICAL SCRIPT", "SCRIPT"),
    "bold-script": ("MATHEMATICAL BOLD SCRIPT",),
    "fraktur": ("MATHEMATICAL FRAKTUR", "BLACK-LETTER"),
    "bold-fraktur": ("MATHEMATICAL BOLD FRAKTUR",),
    "sans-serif": ("MATHEMATICAL SANS-SERIF",),
    "bold-sans-serif": ("MATHEMATICAL SANS-SERIF BOLD",),
    "sans-serif-italic": ("MATHEMATICAL SANS-SERIF ITALIC",),
    "sans-serif-bold-italic": ("MATHEMATICAL SANS-SERIF BOLD ITALIC",),
    "monospace": ("MATHEMATICAL MONOSPACE",),
}
"""How Unicode names the letters of each variant: browsers know no ``mathvariant`` but ``normal``, and need the letters themselves."""


class _UnreadableError(ValueError):
    """A formula that is to stay as its TeX."""


@lru_cache(maxsize=8192)
def mathml(formula: str) -> str | None:
    """Return a formula with the dollar signs around it as MathML for an HTML page; None if it is to stay as it is."""
    display = formula.startswith("$$")
    tex = _NOT_EQUAL.sub(r"\\neq ", _PERCENT.sub(r"\\%", formula.strip("$").strip()))
    if not tex or len(tex) > _MAX_LETTERS or _nesting(tex) > _MAX_NESTING or _DEFINES.search(tex):
        return None
    # Imported here because it reads a table of two thousand symbols, which most commands never need.
    from latex2mathml.converter import convert_to_element

    try:
        written = _Writer().row(convert_to_element(tex), 1)
    except (_UnreadableError, RecursionError):
        return None
    except Exception:  # noqa: BLE001 - the library meets malformed TeX with errors of any type
        return None
    return f'<math display="block">{written}</math>' if display else f"<math>{written}</math>"


def _nesting(tex: str) -> int:
    """Return how deep the groups of a formula are at most, whether or not they are ever closed."""
    depth = deepest = 0
    for letter in re.findall(r"\\left\b|\\right\b|\\begin\b|\\end\b|[{}]", tex.replace("\\{", "").replace("\\}", "")):
        if letter in ("}", "\\right", "\\end"):
            depth -= 1
        elif letter in ("{", "\\left", "\\begin"):
            depth += 1
            deepest = max(deepest, depth)
    return deepest


class _Writer:
    """Writes a tree that was read, element after element."""

    def __init__(self) -> None:
        self._written = 0

    def row(self, elements: Iterable[Element], depth: int) -> str:
        """Return elements that stand side by side; a row in a row is no more than its children, and upright letters are a word."""
        written = "".join(self._element(one, depth) for one in _flat(elements, depth))
        return _LETTERS.sub(lambda match: f"<mi>{_BETWEEN.sub('', match[0])}</mi>", written)

    def _element(self, element: Element, depth: int) -> str:
        self._written += 1
        tag = "mrow" if element.tag in _TOKENS and len(element) else element.tag  # \\mathbin{+} is a token around tokens
        if tag not in _CHILDREN or self._written > _MAX_ELEMENTS or depth > _MAX_DEPTH:
            raise _UnreadableError
        if tag in _TOKENS:
            return _token(tag, element)
        if (element.text or "").strip():
            raise _UnreadableError
        children, count = list(element), _CHILDREN[tag]
        if (count is not None and len(children) != count) or any(child.tag != _INSIDE.get(tag, child.tag) for child in children):
            raise _UnreadableError
        if count is None and tag not in _INSIDE:
            children = list(_flat(children, depth))
            if tag == "mrow" and len(children) == 1:
                return self._element(children[0], depth + 1)
            inner = self.row(children, depth + 1)
        else:
            inner = "".join(self._element(child, depth + 1) for child in children)
        return f"<{tag}{_attributes(tag, element)}>{inner}</{tag}>"


def _flat(elements: Iterable[Element], depth: int) -> Iterator[Element]:
    """Yield elements, and of a row among them its children."""
    if depth > _MAX_DEPTH:
        raise _UnreadableError
    for one in elements:
        if one.tag == "mrow" and not one.text:
            yield from _flat(one, depth + 1)
        else:
            yield one


def _token(tag: str, element: Element) -> str:
    text = _REFERENCE.sub(_letter, element.text or "")
    if "\\" in text or not all(letter.isprintable() or unicodedata.category(letter) == "Zs" for letter in text):
        raise _UnreadableError  # a macro that nobody knows, or a letter that cannot be seen
    if tag == "mi" and text == "~":
        return "<mo>\u223c</mo>"  # \\sim, which is an operator: a tilde in TeX is a space
    variant = element.get("mathvariant", "")
    if variant in _VARIANTS and not (variant == "italic" and tag == "mi" and len(text) == 1):
        text = "".join(_styled(letter, variant) for letter in text)
    upright = ' mathvariant="normal"' if variant == "normal" and tag == "mi" and len(text) == 1 else ""
    return f"<{tag}{upright}{_attributes(tag, element)}>{escape(text, quote=False)}</{tag}>"


def _letter(match: re.Match[str]) -> str:
    try:
        return chr(int(match[1], 16))
    except ValueError as exc:
        raise _UnreadableError from exc


@lru_cache(maxsize=1024)
def _styled(letter: str, variant: str) -> str:
    """Return a letter in bold, script or another variant, or itself if Unicode has no such letter."""
    name = unicodedata.name(letter, "")
    for words in ("LATIN ", "GREEK "):
        name = name.removeprefix(words)
    for prefix in _VARIANTS[variant]:
        try:
            return unicodedata.lookup(f"{prefix} {name.replace(' LETTER ', ' ')}")
        except KeyError:
            continue
    return letter


def _attributes(tag: str, element: Element) -> str:
    written, known = "", _ATTRIBUTES.get(tag, {})
    for name, value in element.attrib.items():
        if name not in known:
            continue
        said = _SPACES.get(value, value)
        if not re.fullmatch(known[name], said, re.ASCII):
            raise _UnreadableError  # a space of a thousand letters
        written += f' {name}="{said}"'
    return written
