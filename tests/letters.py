"""Letters of invented papers, for those who look into them."""

import email
import email.policy
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from email.message import EmailMessage
from html.parser import HTMLParser

from digest import resources
from digest.archive import Held
from digest.core.domain import Announcement, Classification, Entry, Kind, ModelInfo, Paper, Provenance, Shelf
from digest.core.edition import Edition, chosen, compose
from digest.core.subscription import Choice, Frequency, Mailing, Standing, Subscriber
from digest.letters import Composed, Letters, Terms
from digest.signing import Signer

DAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
KEY = bytes(range(32))
TERMS = Terms("cs.CV digest", "digest@example.org", "list.example.org", "https://digest.example.org/", "https://example.org/papers/", KEY)
HEADERS = [
    "From", "To", "Subject", "Date", "Message-ID", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Precedence",
    "Auto-Submitted", "MIME-Version", "Content-Type",
]  # fmt: skip
CONFIRMING = [
    "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
]  # fmt: skip
TOPICS = (("3d", "slam-localization"), ("segmentation", "video-segmentation"), ("generation", "image-generation"), ("other", ""))
"""Where the papers of an edition stand, one after the other."""


def paper(number: int, **facts: object) -> Paper:
    """Return an invented paper; *facts* are what it says differently."""
    found = Paper(
        f"2611.{number:05}",
        f"Seeing Number {number} from All Sides",
        f"We look at the number {number}, as $x_{number}$ and as it is. Code is at https://github.com/example/n-{number}.\nIt looks back.",
        ("Ada Example", f"B. Écrivain-{number}"),
        ("cs.CV", "cs.LG"),
        "10 pages, accepted to CVPR 2027" if number % 2 else "",
    )
    return replace(found, **facts)  # type: ignore[arg-type]


def edition(papers: Sequence[Paper], day: date = DAY, kinds: Mapping[int, Kind] | None = None, **facts: object) -> Edition:
    """Return an edition of some papers, by turns in each of the topics; *kinds* of those at some places, if they are not new."""
    entries = tuple(Entry(one, (kinds or {}).get(place, Kind.NEW)) for place, one in enumerate(papers))
    said = Announcement("cs.CV", day, entries, Provenance("listing", ("https://arxiv.org/list/cs.CV/new",), ("0" * 64,)))
    listed = chosen(said, frozenset(Kind))
    opinions = [Classification((Shelf(*TOPICS[place % len(TOPICS)], 0.75),), unsure=place % 7 == 6) for place in range(len(listed))]
    made = compose(said, listed, opinions, resources.taxonomy(), model=ModelInfo("invented", "1" * 64))
    return replace(made, **facts)  # type: ignore[arg-type]


def letters(*editions: Edition, terms: Terms = TERMS, signer: Signer | None = None) -> Letters:
    """Return what composes letters of some editions."""
    return Letters(Held("cs.CV", resources.taxonomy(), editions), terms, resources.folder("templates"), signer)


def subscriber(key: int = 12, address: str = "me@example.org", **choice: object) -> Subscriber:
    """Return somebody who chose so."""
    wanted = {"kinds": frozenset(Kind), **choice}
    return Subscriber(key, address, Standing.CONFIRMED, Choice(**wanted), "a nonce", NOW, NOW)  # type: ignore[arg-type]


def mailing(day: date = DAY, frequency: Frequency = Frequency.DAILY) -> Mailing:
    """Return what is told of a date, or of the week that ends with it."""
    return Mailing(1, "cs.CV", frequency, day, day)


def daily(*papers: Paper, terms: Terms = TERMS, **choice: object) -> Composed:
    """Return the letter that tells somebody some papers."""
    made = letters(edition(papers), terms=terms).compose(mailing(), subscriber(12, "me@example.org", **choice), NOW)
    assert made is not None
    return made


def read(content: bytes) -> EmailMessage:
    """Return a letter as a mail program reads it."""
    found = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def text_of(content: bytes) -> str:
    """Return the plain text of a letter."""
    part = read(content).get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def html_of(content: bytes) -> str:
    """Return the HTML of a letter."""
    part = read(content).get_body(("html",))
    assert part is not None
    return str(part.get_content())


def html_on_the_wire(content: bytes) -> bytes:
    """Return the HTML of a letter, encoded."""
    part = content.split(b"\r\n--=_cvdigest")[2]
    return part.partition(b"\r\n\r\n")[2]


class Elements(HTMLParser):
    """The elements of a document with their attributes, in their order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._silent = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._silent = tag in ("style", "title")

    def handle_endtag(self, tag: str) -> None:
        self.found.append((f"/{tag}", {}))
        self._silent = False

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.text += data

    def handle_comment(self, data: str) -> None:
        self.found.append((f"comment {data}", {}))


_HOSTILE = (
    "=?UTF-8?Q?=0A?=Bcc: x@example.net",
    "=?UTF-8?B?DQpCY2M6IHg=?=",
    "=?utf-8?q?=0d=0aX:_y?=",
    "\r\nBcc: x@example.net\r\n\r\nbody",
    "\n.\r\n",
    "\u2028Bcc: x@example.net",
    "\u2029",
    "\x85",
    "\x0b\x0c\x1c",
    "\x00",
    "--=_cvdigest--",
    "\r\n--=_cvdigest\r\nContent-Type: text/html\r\n\r\n",
    "<script>alert(1)</script>",
    "</title></style><img src=x onerror=alert(1)>",
    "<!--",
    "-->",
    "]]>",
    "</td></tr></table>",
    "<a href=javascript:alert(1)>x</a>",
    "&lt;b&gt;",
    "&#0;",
    "\u202etxt.exe",
    "\u200b\ufeff",
    "\U0001f600",
    "e\u0301\u0316",
    "\ud800",
    "%%papers%%",
    "%%unsubscribe%%",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "$\\$",
    "$x<y$",
    "$$\\int$$",
    "\\textbf{bold}",
    "深度学习的视觉",
    "نموذج",
    "=3D=\r\n",
    "=20",
    "From here",
    ">From",
    " .",
    "\t",
    "x" * 120,
    "https://example.net/?a=1&b=<x>",
    'say "so"',
    "O'Neil",
    "@example.net, me@example.org",
    "(comment)",
    "a\\",
    "100%",
    "Ada",
)


def hostile(count: int, seed: int = 7) -> list[str]:
    """Return so many titles that want to be more than a title; some have 300 letters and more."""
    chance = random.Random(seed)  # noqa: S311 - nobody is to be surprised
    return ["".join(chance.choices((*_HOSTILE, " ", "word "), k=chance.choice((1, 2, 3, 5, 8, 30)))) for _ in range(count)]
