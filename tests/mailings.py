"""arXiv's e-mail announcements in their real format, made from invented papers."""

import base64
import quopri
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

RULE = "-" * 78
CROSSES, REPLACEMENTS, END = "%-" * 39, "%%--" * 19 + "%%", "%%%---" * 13
SENT = datetime(2026, 11, 20, 1, 29, 12, tzinfo=UTC)
START, FREEZE = datetime(2026, 11, 18, 19, tzinfo=UTC), datetime(2026, 11, 19, 19, tzinfo=UTC)
_AT = "%a, %-d %b %Y %H:%M:%S GMT"


@dataclass(frozen=True)
class Item:
    """An invented paper. Texts stand as they are in the mail: further lines of a field are indented by two spaces."""

    id: str
    title: str = "An Invented Title"
    abstract: str = "  An invented abstract, which goes\non in a second line."
    authors: str = "Ada Example, Ben Example"
    categories: str = "cs.CV"
    comments: str = ""
    more: str = ""
    """Other fields, each in a line of its own that ends in a line feed."""
    cross: bool = False
    replaced: bool = False
    at: datetime = datetime(2026, 11, 19, 12, 0, 1, tzinfo=UTC)

    def text(self, *, week: bool = False) -> str:
        """Return the item with the rule before it."""
        mark = " (*cross-listing*)" if self.cross else ""
        when = f"{'replaced with revised version' if self.replaced else 'Date:'} {self.at.strftime(_AT)}   (12kb,D)"
        comments = f"Comments: {self.comments}\n" if self.comments else ""
        head = f"{RULE}\n\\\\\narXiv:{self.id}{mark}\n{'From: Ada Example  <ada@example.org>' + chr(10) if week else ''}{when}\n\n"
        fields = f"Title: {self.title}\nAuthors: {self.authors}\nCategories: {self.categories}\n{comments}{self.more}"
        abstract = "" if self.replaced else f"\\\\\n{self.abstract}\n"
        return head + fields + ("\\\\\n" if week else f"{abstract}\\\\ ( https://arxiv.org/abs/{self.id} ,  12kb)\n")


def _moment(moment: datetime) -> str:
    return f"{moment:%a} {moment.day:>2} {moment:%b %y %H:%M:%S} GMT"


def mailing(
    items: Sequence[Item],
    *,
    name: str = "cs",
    subject: str | None = None,
    subjects: Sequence[str] = (),
    sent: datetime = SENT,
    start: datetime = START,
    end: datetime = FREEZE,
) -> bytes:
    """Return the daily mail of the archive or category *name*."""
    new = [item for item in items if not item.cross and not item.replaced]
    crosses = [item for item in items if item.cross and not item.replaced]
    replaced = [item for item in items if item.replaced]
    if subject is None:
        counts = f"{len(new)} new + {len(crosses) or ''} crosses received"
        subject = f"{name} daily {'Subj-class mailing' if '.' in name else counts}"
    space = " " if subjects else ""
    names = "".join(f"{one}\n" for one in ([" Submissions to:", *subjects] if subjects else []))
    head = (
        f"Date: {sent:%a}, {sent.day:>2} {sent:%b %y %H:%M:%S} GMT\nSubject: {subject}\n\n{RULE}\n{RULE}\n"
        f"Send any comments regarding submissions directly to submitter.\n{RULE}\nArchives at http://arxiv.org/\n"
        f"To unsubscribe, e-mail To: {name}@arXiv.org, Subject: cancel\n{RULE}\n{names}"
        f"{space}received from  {_moment(start)}  to  {_moment(end)}\n{RULE}\n"
    )
    sections = ["".join(item.text() for item in section) for section in (new, crosses, replaced)]
    foot = f"For subscribe options, see the manual\n{RULE[1:]}\nFor help, see http://arxiv.org/help/\n"
    return f"{head}{sections[0]}{CROSSES}\n{sections[1]}{REPLACEMENTS}\n{sections[2]}{END}\n{foot}".encode()


def week(days: Mapping[date, Sequence[Item]]) -> bytes:
    """Return the file of the past week, which has neither headers nor an end mark nor abstracts."""
    parts = (
        f"{RULE}\n\\\\\n/* {day:%a}, {day.day} {day:%b %Y} */\n\\\\\n" + "".join(item.text(week=True) for item in items)
        for day, items in days.items()
    )
    return "".join(parts).encode()


def message(text: bytes, *, encoding: str, mailbox: bool = False) -> bytes:
    """Return a mail as a program for mail saves it, its text *encoding*: ``7bit``, ``quoted-printable`` or ``base64``."""
    head, _, rest = text.partition(b"\n\n")
    coded = {"quoted-printable": quopri.encodestring, "base64": base64.encodebytes}.get(encoding, bytes)(rest)
    wrapped = (
        (b"From no-reply@example.org Fri Nov 20 01:29:12 2026\n" if mailbox else b"")
        + b"Received: from one.example.org\n\tby two.example.org; Fri, 20 Nov 2026 01:30:00 +0000\n"
        + head
        + b"\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: "
        + encoding.encode()
        + b"\n\n"
    )
    return wrapped + (coded.replace(b"\nFrom ", b"\n>From ") if mailbox else coded)
