"""Whether bytes are one whole, harmless XML document, before any other parser sees them.

arXiv's feeds, query API and OAI-PMH answer in XML. What is not well-formed, is not UTF-8, or brings a document type and so
perhaps entities that explode or that lie elsewhere, is refused here; so is what is nested deeper than any of them nests, on
which parsers spend seconds. Nobody's best guess at a broken document becomes part of a digest.
"""

import re
from xml.parsers import expat

from digest.core.text import plain
from digest.errors import IncompleteError, LayoutError

_DEEPEST = 64
_SPACE = b"\xef\xbb\xbf \t\r\n"
_END = re.compile(rb"</([A-Za-z:_-]{1,40})\s*>\Z")


def check(body: bytes, *roots: str) -> str:
    """Return the name of the root of *body*, one of *roots* as they are written (``rss``, ``rdf:RDF``).

    Raises:
        IncompleteError: the document ends before its root does.
        LayoutError: it is none, is not well-formed or not in UTF-8, brings a document type, or nests too deeply.

    """
    start = body[:200].lstrip(_SPACE)
    if start and not start.startswith((b"<?xml", *(b"<" + root.encode() for root in roots))):
        msg = f"the answer is not a document of arXiv's (it begins with {plain(start[:60].decode('utf-8', 'replace'))!r})"
        raise LayoutError(msg, body=body)
    depth = 0
    root = ""

    def opened(name: str, _attributes: object) -> None:
        nonlocal depth, root
        root = root or name
        depth += 1
        if depth > _DEEPEST:
            msg = f"the answer nests its elements deeper than {_DEEPEST} times, which arXiv's never do"
            raise LayoutError(msg, body=body)

    def closed(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def refuse(*_: object) -> None:
        msg = "the answer brings a document type, which arXiv's never do"
        raise LayoutError(msg, body=body)

    # Whatever encoding the document itself names: arXiv writes UTF-8, and no parser must try another one.
    parser = expat.ParserCreate("utf-8")
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    try:
        parser.Parse(body, True)  # noqa: FBT003 - takes no keywords
    except expat.ExpatError as exc:
        end = _END.search(body.rstrip()[-60:])
        if end is None or end[1].decode() not in roots:
            msg = f"the answer ends after {len(body)} bytes, before the document does"
            raise IncompleteError(msg, body=body) from exc
        msg = f"the answer is not well-formed ({exc})"
        raise LayoutError(msg, body=body) from exc
    if root not in roots:
        msg = f"the answer is another document than expected (its root is {plain(root)[:60]!r})"
        raise LayoutError(msg, body=body)
    return root
