"""Documents of arXiv's, damaged in every way that comes to mind: for parsers that must answer or refuse, and never crash.

    bytes flipped, lost, doubled, put in | lines swapped | numbers changed | elements lost, renamed, moved | two spliced | cut

Each is made by a generator whose seed is its number, so that a failure is made again by that.
"""

import random
import re
from collections.abc import Sequence

_LETTERS = ("\u202e", "\u200b", "\u2028", "\ufeff", "\u0663", "\u00b2", "e\u0301", "\U0001f600")
_BYTES = (
    b"\x00", b"\x07", b"\x0b", b"\x0c", b"\x1b[31m", b"\x7f", b"\xc2\x85", b"\xc2\x9b", b"\r", b"\n", b"\n\n", b"\t", b"\xff", b"\xc3",
    b"\xed\xa0\x80", b"<", b">", b"&", b'"', b"'", b"<b>", b"</div>", b"</dd>", b"<dt>", b"<dl>", b"</dl>", b"</html>", b"<!--", b"-->",
    b"<script>x</script>", b"<![CDATA[", b"]]>", b"<?x y?>", b"<!DOCTYPE x [<!ENTITY a 'b'>]>", b"&amp;", b"&#0;", b"&#x1b;", b"&#xd800;",
    b"&#1114112;", b"&#8238;", b"&a;", b"&lt;", b"&nbsp;", b"%00", b"\\", b"\\\\\n", b"\\\\ (", b"\\'{e}", b"$", b"=\n", b"=00", b"(",
    b")", b"(" * 12,
    b"-" * 78 + b"\n", b"%%%---" * 13 + b"\n", b"%-" * 39 + b"\n", b"arXiv:", b"Date: ", b"Title: ", b"From x\n",
    b"Content-Type: multipart/mixed; boundary=x\n", b"Content-Transfer-Encoding: base64\n", b"Content-Type: message/rfc822\n\n",
)  # fmt: skip
_PUT_IN = (*_BYTES, *(letter.encode() for letter in _LETTERS))
_NUMBER = re.compile(rb"\d+")
_NUMBERS = (b"0", b"-1", b"1", b"00", b"31", b"32", b"60", b"99", b"1990", b"9999", b"10000", b"99999999999999999999999", b"1e9", b"")


_PARTS = re.compile(rb"<[^>]*>|[^<]+")
_ELEMENT = re.compile(rb"<([\w:]+)[^<>]*>[^<]*</\1>")
_NAMES = (b"title", b"id", b"link", b"author", b"category", b"updated", b"published", b"source", b"image", b"dc:date", b"x:y")
_TEXTS = (
    b"", b"\x00", b"\xff", b"&amp;", b"&#0;", b"&#x85;", b"&none;", b"<![CDATA[x<y]]>", b"<!-- c -->", b"<?pi x?>", b"9" * 400,
    b"(arXiv:", b"((((", b"a@example.org", b"&lt;a href=&quot;x&quot;&gt;this https URL&lt;/a&gt;", "\u202e\u0661".encode(),
    b"0000-00-00T00:00:00-99:99", b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:30:00-05:00", b"Mon, 01 Jan 0001 00:00:00 +2359",
)  # fmt: skip


def _place(chance: random.Random, body: bytes, longest: int = 200) -> tuple[int, int]:
    start = chance.randrange(len(body) + 1)
    return start, min(len(body), start + chance.randint(1, chance.choice((1, 8, longest))))


def _flip(chance: random.Random, body: bytes, _other: bytes) -> bytes:
    start, _ = _place(chance, body)
    return body[:start] + bytes(byte ^ (1 << chance.randrange(8)) for byte in body[start : start + 1]) + body[start + 1 :]


def _delete(chance: random.Random, body: bytes, _other: bytes) -> bytes:
    start, end = _place(chance, body)
    return body[:start] + body[end:]


def _double(chance: random.Random, body: bytes, _other: bytes) -> bytes:
    start, end = _place(chance, body, 1000)
    return body[:end] + body[start:end] * chance.choice((1, 1, 9)) + body[end:]


def _insert(chance: random.Random, body: bytes, _other: bytes) -> bytes:
    start, _ = _place(chance, body)
    return body[:start] + chance.choice((*_PUT_IN, chance.randbytes(4))) * chance.choice((1, 1, 1, 30)) + body[start:]


def _swap(chance: random.Random, body: bytes, _other: bytes) -> bytes:
    lines = body.split(b"\n")
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


def _cut(chance: random.Random, body: bytes, _other: bytes) -> bytes:
    return body[: chance.randrange(len(body) + 1)]


def _count(chance: random.Random, body: bytes, _other: bytes) -> bytes:
    numbers = list(_NUMBER.finditer(body))
    if not numbers:
        return body
    chosen = chance.choice(numbers)
    return body[: chosen.start()] + chance.choice((*_NUMBERS, str(chance.randrange(3000)).encode())) + body[chosen.end() :]


def _splice(chance: random.Random, body: bytes, other: bytes) -> bytes:
    start, _ = _place(chance, body)
    begin, end = _place(chance, other, 3000)
    return body[:start] + chance.choice((other[begin:], other[begin:end], other[begin:end] + body[start:]))


def _part(chance: random.Random, body: bytes, _other: bytes) -> bytes:
    """Lose, double or move a tag or a text, put something into a text or in its place."""
    parts = _PARTS.findall(body) or [b"<"]
    here, there = chance.randrange(len(parts)), chance.randrange(len(parts))
    match chance.randrange(5):
        case 0:
            del parts[here]
        case 1:
            parts.insert(here, parts[there])
        case 2:
            parts[here], parts[there] = parts[there], parts[here]
        case 3:
            parts[here] += chance.choice(_TEXTS)
        case _ if not parts[here].startswith(b"<"):
            parts[here] = chance.choice(_TEXTS)
    return b"".join(parts)


def _element(chance: random.Random, body: bytes, _other: bytes) -> bytes:
    """Lose, double, rename or wrap an element."""
    elements = list(_ELEMENT.finditer(body))
    if not elements:
        return body
    found, name = chance.choice(elements), chance.choice(_NAMES)
    other = (b"", found[0] * 2, found[0].replace(found[1], name), b"<" + name + b">" + found[0] + b"</" + name + b">")
    return body[: found.start()] + chance.choice(other) + body[found.end() :]


_WAYS = (
    _flip, _flip, _delete, _delete, _double, _insert, _insert, _insert, _insert, _swap, _cut, _count, _count, _count, _splice,
    _part, _part, _part, _element, _element, _element,
)  # fmt: skip


def mutated(documents: Sequence[bytes], number: int) -> bytes:
    """Return document *number* of those that are made out of *documents*."""
    chance = random.Random(number)  # noqa: S311 - nobody is to be kept from guessing it
    body = chance.choice(documents)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        body = chance.choice(_WAYS)(chance, body, chance.choice(documents))
    return body
