"""What a curated list says about papers: the nouns that a reader of lists hands out, and its way in, bytes to text."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

from digest.core.links import Link
from digest.errors import ListError

LARGEST = 20 * 2**20
"""So many bytes a list may have; the largest that is known has 0.7 million."""
_ID = r"(?:[a-z]+(?:-[a-z]+)?(?:\.[A-Za-z]{2})?/\d{7}|\d{4}\.\d{4,5})(?!\d)"
_ARXIV = re.compile(
    rf"(?i:arxiv\.org/[a-z]{{2,8}}/+\s?|arxiv\s?[:\uff1a]\s?|10\.48550/arxiv\.|huggingface\.co/papers/|alphaxiv\.org/abs/)(?P<id>{_ID})"
)
_NOT_ALPHANUMERIC = re.compile(r"[^a-z0-9]")


@dataclass(frozen=True, slots=True)
class Record:
    """A paper as one list names it."""

    title: str
    arxiv_id: str
    """Without its version; empty if the list does not give it."""
    links: tuple[Link, ...]
    """Each of the kind paper, code, project, video or other."""
    section: tuple[str, ...]
    """The headings that the paper stands under, the outermost first; the document's own title is none of them."""
    venue: str
    oral: bool
    rating: str
    """The curator's mark as it is written, such as "9/10"."""
    remark: str
    """The curator's note beside the mark."""
    source: str
    """The name of the list."""
    line: int
    cited: bool = False
    """The paper is mentioned in running text and not an entry of its own."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A line that looks like a paper and could not be read."""

    line: int
    reason: str
    text: str
    """The beginning of the line."""
    arxiv_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """All that was read in a list, and what was not."""

    source: str
    records: tuple[Record, ...]
    unread: tuple[Unread, ...]


def arxiv_ids(text: str) -> Iterator[str]:
    """Yield every arXiv id that *text* names, in an address or after "arXiv:", without its version."""
    return (ident for ident, _ in placed_ids(text))


def placed_ids(text: str) -> Iterator[tuple[str, int]]:
    """Yield every arXiv id that *text* names with the place where the naming begins."""
    for match in _ARXIV.finditer(text):
        yield match["id"], match.start()


def title_key(title: str) -> str:
    """Return what two ways of writing one title have in common: its letters a to z and its digits."""
    return _NOT_ALPHANUMERIC.sub("", title.lower())


def decode(body: bytes, *, source: str = "the list") -> str:
    """Return the text of a list; *source* is the name that an error gives it.

    Raises:
        ListError: they are more than `LARGEST`, or no text in UTF-8 (nor UTF-16 with its mark); then the message names the
            first wrong one.

    """
    if len(body) > LARGEST:
        msg = f"{source} is larger than {LARGEST / 2**20:.0f} MiB, and no list"
        raise ListError(msg)
    utf16 = body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if not utf16 and (place := body.find(b"\0")) >= 0:
        msg = f"{source} is no text: byte {place} (line {_line(body, place)}) is 0x00"
        raise ListError(msg)
    try:
        return body.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as exc:
        # The codec that steps over a mark counts from behind it.
        place = exc.start + (len(codecs.BOM_UTF8) if body.startswith(codecs.BOM_UTF8) else 0)
        coding = "UTF-16" if utf16 else "UTF-8"
        msg = f"{source} is not {coding}: byte {place} (line {_line(body, place)}) is 0x{body[place]:02x}"
        raise ListError(msg, advice="save it as UTF-8") from exc


def _line(body: bytes, place: int) -> int:
    return body.count(b"\n", 0, place) + 1
