"""Whether bytes are one whole, harmless XML document, before any other parser sees them.

arXiv's feeds, query API and OAI-PMH answer in XML. What is not well-formed, is not UTF-8, or brings a document type and so
perhaps entities that explode or that lie elsewhere, is refused here; so is what is in more pieces than any of them, nests
deeper, or has longer words, for parsers spend minutes on those, or hours. Nobody's best guess at a broken document becomes
part of a digest.
"""

import re
import string
from xml.parsers import expat

from digest.core.text import plain
from digest.errors import IncompleteError, LayoutError

_DEEPEST = 64
_MOST_PIECES = 500_000
"""Tags, references and lines. A harvest of 2500 records has some 150,000; feedparser takes up to 30 microseconds for each."""
_WORD = string.ascii_letters + string.digits + "-.+@_"
_LONG = 100
_LONG_WORD = re.compile(rf"(?<![{re.escape(_WORD)}])[{re.escape(_WORD)}]{{{_LONG},}}")
_MOST_STEPS = 100_000_000
"""feedparser looks for an address of e-mail from each letter of a word to its end: the square of its length in steps."""
_SPACE = b"\xef\xbb\xbf \t\r\n"
_END = re.compile(rb"</([A-Za-z:_-]{1,40})\s*>\Z")


def check(body: bytes, *roots: str) -> str:
    """Return the name of the root of *body*, one of *roots* as they are written (``rss``, ``rdf:RDF``).

    Raises:
        IncompleteError: the document ends before its root does.
        LayoutError: it is none, is not well-formed or not in UTF-8, brings a document type, or is beyond all measure.

    """
    start = body[:200].lstrip(_SPACE)
    if start and not start.startswith((b"<?xml", *(b"<" + root.encode() for root in roots))):
        msg = f"the answer is not a document of arXiv's (it begins with {plain(start[:60].decode('utf-8', 'replace'))!r})"
        raise LayoutError(msg, body=body)
    if sum(map(body.count, (b"<", b"&", b"\n", b"\r"))) > _MOST_PIECES:
        msg = f"the answer is in more than {_MOST_PIECES} pieces, which arXiv's never are"
        raise LayoutError(msg, body=body)
    measure = _Measure(body)
    # Whatever encoding the document itself names: arXiv writes UTF-8, and no parser must try another one.
    parser = expat.ParserCreate("utf-8")
    parser.StartDoctypeDeclHandler = measure.doctype
    parser.StartElementHandler = measure.opened
    parser.EndElementHandler = measure.closed
    parser.CharacterDataHandler = measure.told
    parser.buffer_text = True
    try:
        parser.Parse(body, True)  # noqa: FBT003 - takes no keywords
    except expat.ExpatError as exc:
        end = _END.search(body.rstrip()[-60:])
        if end is None or end[1].decode() not in roots:
            msg = f"the answer ends after {len(body)} bytes, before the document does"
            raise IncompleteError(msg, body=body) from exc
        msg = f"the answer is not well-formed ({exc})"
        raise LayoutError(msg, body=body) from exc
    if measure.root not in roots:
        msg = f"the answer is another document than expected (its root is {plain(measure.root)[:60]!r})"
        raise LayoutError(msg, body=body)
    return measure.root


class _Measure:
    """What is told about a document while it is read; refuses what has no measure."""

    def __init__(self, body: bytes) -> None:
        self.root = ""
        self._body = body
        self._ends = [0]
        """Of each open element, how long the word is with which its text ends so far: what stands between does not part it."""
        self._steps = 0

    def doctype(self, *_: object) -> None:
        msg = "the answer brings a document type, which arXiv's never do"
        raise LayoutError(msg, body=self._body)

    def opened(self, name: str, _attributes: object) -> None:
        self.root = self.root or name
        self._ends.append(0)
        if len(self._ends) > _DEEPEST + 1:
            msg = f"the answer nests its elements deeper than {_DEEPEST} times, which arXiv's never do"
            raise LayoutError(msg, body=self._body)

    def closed(self, _name: str) -> None:
        self._spend(self._ends.pop())

    def told(self, text: str) -> None:
        start = len(text) - len(text.lstrip(_WORD))
        self._ends[-1] += start
        if start == len(text):
            return
        self._spend(self._ends[-1])
        for word in _LONG_WORD.finditer(text, start):
            self._spend(word.end() - word.start())
        self._ends[-1] = len(text) - len(text.rstrip(_WORD))

    def _spend(self, length: int) -> None:
        if length >= _LONG:
            self._steps += length * length
        if self._steps > _MOST_STEPS:
            msg = "the answer has longer words than arXiv's ever have"
            raise LayoutError(msg, body=self._body)
