"""What a letter says to one subscriber, put together of pieces that are the same for all.

    editions | every paper printed once | the papers that somebody chose, as bits | a join of bytes | headers, a signature

An edition is laid out when its first letter is composed: all papers in HTML and plain text, as they go over the wire. So a letter
costs no more than to choose and to join.
"""

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from email.utils import format_datetime
from functools import lru_cache
from itertools import accumulate, pairwise
from pathlib import Path
from typing import NamedTuple

from digest.archive import Archive
from digest.core.edition import Edition
from digest.core.selection import Sieve, limited
from digest.core.site import day_path
from digest.core.subscription import Choice, Frequency, Mailing, Purpose, Standing, Subscriber, names_of
from digest.core.tokens import token, verp
from digest.errors import MailError
from digest.render.letters import Around, Both, Contents, Entry, LetterPress, Look, instant, long_date, short_date
from digest.signing import Signer
from digest.wire import BOUNDARY, alternative, checked, headers, labelled, named, words

BUDGET = 90_000
"""Bytes that the HTML of a letter takes at most, encoded: Gmail cuts off what is beyond 102 kB, the link to unsubscribe among it."""
_ARXIV = "https://arxiv.org"
_KEPT = 16
"""Editions that are laid out at a time: two weeks' of working days, and some."""
_MOST_ENTRIES = 150
"""Of the contents; with more, they tell the days alone."""
_OWN = "en"
"""The language of letters."""
_PREHEADER, _NAMED, _LONGEST_NAME = 150, 3, 100
_SPARE = 20
"""Bytes by which a line of the same words can be longer, encoded, for a smaller number in it."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is the same in all letters of a list."""

    name: str
    """Who they are from, by name."""
    sender: str
    """The mail address in From."""
    domain: str
    """The list's: of its identifier, of those of letters, and of the addresses that letters come back to."""
    forms: str
    """The address of the forms, with a slash at its end."""
    site: str
    """The address of the site, with a slash at its end; empty if there is none."""
    key: bytes = field(repr=False)
    """The secret that links are derived from."""


@dataclass(frozen=True, slots=True)
class Composed:
    """A letter that can be handed over."""

    content: bytes
    sender: str
    """Of the envelope: where it comes back to."""
    to: str
    message_id: str


class _Group(NamedTuple):
    """Papers of a letter that stand under one heading, by their places in the edition."""

    name: str
    places: Sequence[int]


@dataclass(frozen=True, slots=True, eq=False)
class _Laid:
    """An edition, printed."""

    sha256: str
    sieve: Sieve
    full: Sequence[Both]
    brief: Sequence[Both]
    sections: Sequence[tuple[str, int]]
    """The name of each, and where it ends among the papers."""
    notices: tuple[str, ...]

    def groups(self, mask: int) -> list[_Group]:
        """Return the papers of a mask section by section, in the page's order."""
        places = _places(mask)
        found, begin = [], 0
        for name, last in self.sections:
            end = bisect_left(places, last, begin)
            if end > begin:
                found.append(_Group(name, places[begin:end]))
            begin = end
        return found


class _Day(NamedTuple):
    """What a letter tells of one date."""

    date: date
    laid: _Laid
    groups: Sequence[_Group]
    papers: int


class _Stack:
    """The pieces of one date, and how much room they take in the HTML."""

    def __init__(self, told: _Day, head: Both | None, headings: Sequence[Both]) -> None:
        self.head = head
        self.full, self.brief = list[Both](), list[Both]()
        self._headings: dict[int, Both] = {}
        for group, heading in zip(told.groups, headings, strict=True):
            self._headings[len(self.full)] = heading
            self.full += [told.laid.full[place] for place in group.places]
            self.brief += [told.laid.brief[place] for place in group.places]
        sizes = [len(one.html) for one in self.brief]
        more = [max(len(one.html) - size, 0) for one, size in zip(self.full, sizes, strict=True)]
        for place, heading in self._headings.items():
            sizes[place] += len(heading.html)
        self.titles, self.abstracts = list(accumulate(sizes)), list(accumulate(more))
        """Bytes of the first so many papers, and bytes more with their abstracts."""

    def pieces(self, listed: int, in_full: int) -> list[Both]:
        """Return so many papers, the first of them in full, with their headings."""
        chosen = [*self.full[:in_full], *self.brief[in_full:listed]]
        found = [self.head] if self.head else []
        for place, following in pairwise([*(place for place in self._headings if place < listed), listed]):
            found.append(self._headings[place])
            found += chosen[place:following]
        return found


class Letters:
    """Composes the letters of one list; may be asked by several threads.

    Raises:
        MailError: the terms are no good for letters, or a package that they need is not there.

    """

    def __init__(self, archive: Archive, terms: Terms, templates: Path, signer: Signer | None = None) -> None:
        taxonomy = archive.taxonomy
        if not terms.forms or not terms.domain:
            msg = "letters need a domain of the list, and an address where people can unsubscribe"
            raise MailError(msg, advice="set mail_list, and mail_url or site_url")
        self._archive, self._terms, self._signer = archive, terms, signer
        look = Look(terms.name, archive.category, taxonomy.names(), taxonomy.subtopic_names(), terms.site)
        self._press = LetterPress(templates, look)
        self._from = named(terms.name, terms.sender)
        self._label = _safe(archive.category)
        self._laid: dict[tuple[date, bool], _Laid] = {}
        self._laying = threading.Lock()
        self._described = lru_cache(maxsize=4096)(self._describe)
        self._there: frozenset[date] = frozenset()
        """The dates that had an edition when that was looked for last."""

    def renew(self) -> None:
        """Forget the editions that are not the newest ones of their dates any more: to be called now and then."""
        newest = {issue.date: issue.sha256 for issue in self._archive.issues()}
        self._there = frozenset(newest)
        with self._laying:
            self._laid = {key: laid for key, laid in self._laid.items() if newest.get(key[0]) == laid.sha256}

    def there(self, days: Sequence[date]) -> list[date]:
        """Return those of some dates that have an edition; one that had none lately is looked for again, for it may have come since."""
        if not self._there.issuperset(days):
            self._there = frozenset(issue.date for issue in self._archive.issues())
        return [day for day in days if day in self._there]

    def compose(self, mailing: Mailing, subscriber: Subscriber, now: datetime, days: Sequence[date] = ()) -> Composed | None:
        """Return the letter that tells *subscriber* a mailing; None if there is nothing in it for them.

        A weekly letter tells the *days* that are given: those that no daily letter told. It is the same for the same editions,
        whenever it is composed, but for its ``Date``, which is *now*, and its signature.

        Raises:
            KeyError: a day has no edition.
            MailError: the letter cannot be made safely.

        """
        choice = subscriber.choice
        weekly = mailing.frequency is Frequency.WEEKLY
        told = self._chosen(sorted(days or (mailing.date,)), choice, weekly=weekly)
        total = sum(day.papers for day in told)
        if not total:
            return None
        count = f"{total:,} paper{'s' if total != 1 else ''}"
        written = short_date(mailing.date, choice.language)
        subject = f"{mailing.category}, {'week to ' if weekly else ''}{written}: {count}"
        unsubscribe = self._link(Purpose.UNSUBSCRIBE, subscriber)
        about = Around(
            subject,
            self._preheader(told),
            "Week to " if weekly else "",
            long_date(mailing.date, choice.language),
            _other(choice.language),
            count,
            self._web(mailing),
            f"You get this letter ({self._terms.name}, {'weekly' if weekly else 'daily'}) because you asked for it at {subscriber.address}:"
            f" {self._described(choice)}.",
            self._link(Purpose.MANAGE, subscriber),
            unsubscribe,
            self._contents(told, choice.language, weekly=weekly),
            tuple(dict.fromkeys(notice for day in told for notice in day.laid.notices)),
        )
        body = self._body(told, about, weekly=weekly)
        name = f"{self._label}.{mailing.date}.{mailing.frequency.value}.s{subscriber.key}"
        fields = [
            *self._opening(subject, subscriber, now, name),
            ("List-Id", labelled(self._terms.name, f"{self._label}.{self._terms.domain.lower()}")),
            ("List-Unsubscribe", f"<{unsubscribe}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
            ("Precedence", "bulk"),
            ("Auto-Submitted", "auto-generated"),
            ("MIME-Version", "1.0"),
            ("Content-Type", f'multipart/alternative; boundary="{BOUNDARY.decode()}"'),
        ]
        return self._composed([headers(fields), *body], subscriber, name)

    def confirmation(self, subscriber: Subscriber, choice: Choice, now: datetime, until: datetime, asked: str = "") -> Composed:
        """Return the letter that asks whether a *choice* was made by whoever reads it; its link is good *until* then.

        Who is subscribed already is told so, and how else to change what they get.
        Its Message-ID holds *asked*, by default today, so that it is the same at each try.

        It quotes nothing that was typed: who types in other people's addresses shall not write to them by it.

        Raises:
            MailError: the letter cannot be made safely.

        """
        name = f"confirm.s{subscriber.key}.{asked or now.date()}"
        link = self._link(Purpose.CONFIRM, subscriber)
        chosen = [f"{what}: {how}" for what, how in self._choices(choice)]
        there = subscriber.standing is Standing.CONFIRMED
        manage = self._link(Purpose.MANAGE, subscriber) if there else ""
        text = self._press.confirmation(subscriber.address, link, chosen, instant(until, choice.language, choice.zone), manage)
        fields = [
            *self._opening(f"{'You are subscribed already' if there else 'Please confirm'}: {self._terms.name}", subscriber, now, name),
            ("Auto-Submitted", "auto-generated"),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "quoted-printable"),
        ]
        return self._composed([headers(fields), *text], subscriber, name)

    # -- around -----------------------------------------------------------------------------------------------------

    def _opening(self, subject: str, subscriber: Subscriber, now: datetime, name: str) -> list[tuple[str, str]]:
        return [
            ("From", self._from),
            ("To", checked(subscriber.address)),
            ("Subject", words(subject)),
            ("Date", format_datetime(now)),
            ("Message-ID", f"<{name}@{self._terms.domain.lower()}>"),
        ]

    def _composed(self, pieces: Sequence[bytes], subscriber: Subscriber, name: str) -> Composed:
        content = b"".join(pieces)
        if self._signer:
            content = self._signer.sign(content)
        sender = verp(self._terms.key, self._terms.domain, subscriber.key)
        return Composed(content, sender, subscriber.address, f"<{name}@{self._terms.domain.lower()}>")

    def _link(self, purpose: Purpose, subscriber: Subscriber) -> str:
        return f"{self._terms.forms}{purpose.value}/{token(self._terms.key, purpose, subscriber.key, subscriber.nonce)}"

    def _web(self, mailing: Mailing) -> str:
        """Return where the papers of a mailing are, on the site or else at arXiv."""
        if mailing.frequency is not Frequency.WEEKLY:
            return self._day_web(mailing.date)
        return self._terms.site or f"{_ARXIV}/list/{self._archive.category.partition('+')[0]}/recent"

    def _day_web(self, day: date) -> str:
        return self._day_page(day) or f"{_ARXIV}/catchup/{self._archive.category.partition('+')[0]}/{day}"

    def _preheader(self, told: Sequence[_Day]) -> str:
        """Return the first titles."""
        firsts = [day.laid.sieve.items[place] for day in told for group in day.groups for place in group.places[:_NAMED]][:_NAMED]
        text = " \u00b7 ".join(map(self._press.title, firsts))
        return text if len(text) <= _PREHEADER else f"{text[: _PREHEADER - 1]}\u2026"

    def _day_page(self, day: date) -> str:
        """Return the address of a date's page; empty without a site."""
        return f"{self._terms.site}{day_path(day)}" if self._terms.site else ""

    def _contents(self, told: Sequence[_Day], language: str, *, weekly: bool) -> list[Contents]:
        if not weekly:
            return [Contents([Entry(group.name, len(group.places)) for group in day.groups[:_MOST_ENTRIES]]) for day in told]
        if sum(len(day.groups) for day in told) > _MOST_ENTRIES:
            return [Contents([Entry(short_date(day.date, language), day.papers, self._day_page(day.date)) for day in told])]
        return [
            Contents(
                [Entry(group.name, len(group.places)) for group in day.groups], short_date(day.date, language), self._day_page(day.date)
            )
            for day in told
        ]

    def _choices(self, choice: Choice) -> Iterator[tuple[str, str]]:
        """Yield what was chosen, without a word that was typed."""
        names = [self._press.shelf(*one.partition("/")[::2]) for one in choice.shelves]
        yield "Topics", _listed(names, 12, "topics") if names else "all"
        yield "Papers", ", ".join(names_of(choice.kinds)) + (", only those that the model is sure of" if choice.sure else "")
        for texts, what in (
            (choice.include, "Words to be in them"),
            (choice.exclude, "Words not to be in them"),
            (choice.authors, "Authors"),
        ):
            if texts:
                yield what, str(len(texts))
        if choice.most:
            yield "At most", f"{choice.most} paper{'s' if choice.most != 1 else ''} in a letter"
        yield "Comes", f"{choice.frequency.value}, at {choice.hour:02}:00 or up to 12 hours later ({choice.zone})"

    def _describe(self, choice: Choice) -> str:
        """Return in a few words what was chosen."""
        names = [self._press.shelf(*one.partition("/")[::2]) for one in choice.shelves]
        parts = [_listed(names, _NAMED, "topics") if names else "all topics"]
        parts += [
            f"{len(texts)} {what if len(texts) == 1 else what.replace(' ', 's ', 1)}"
            for texts, what in ((choice.include, "word to find"), (choice.exclude, "word to avoid"), (choice.authors, "author you follow"))
            if texts
        ]
        return "; ".join(parts)

    # -- its papers -------------------------------------------------------------------------------------------------

    def _chosen(self, days: Sequence[date], choice: Choice, *, weekly: bool) -> list[_Day]:
        """Return what there is for somebody on each of some dates, the first date first; no paper twice."""
        laid = [self._lay(day, weekly=weekly) for day in days]
        found, before = [], set[str]()
        for one in laid:
            mask = one.sieve.mask(choice)
            if before:
                mask &= ~one.sieve.of(before)
            if len(laid) > 1:
                before.update(one.sieve.items[place].entry.paper.id for place in _places(mask))
            found.append((one.sieve, mask))
        masks = limited(found, choice)
        return [_Day(day, one, one.groups(mask), mask.bit_count()) for day, one, mask in zip(days, laid, masks, strict=True) if mask]

    def _body(self, told: Sequence[_Day], about: Around, *, weekly: bool) -> list[bytes]:
        """Return both parts. In the HTML, as much is told as there is room for; the plain text tells the same."""
        before, after = self._press.frame(about)
        stacks = [_Stack(day, *self._headings(day, about.language, weekly=weekly)) for day in told]
        room = BUDGET - sum(map(len, before)) - sum(map(len, after)) - sum(len(one.head.html) for one in stacks if one.head)
        spare = room - sum(one.titles[-1] for one in stacks)
        listed, in_full = [day.papers for day in told], [0 for _ in told]
        if spare >= 0:
            # Abstracts have what room the titles leave, and none where titles are left out.
            rooms = _shared(spare, [one.abstracts[-1] for one in stacks])
            in_full = [bisect_right(one.abstracts, own) for one, own in zip(stacks, rooms, strict=True)]
        else:
            room -= sum(len(self._press.more(day.papers, self._day_web(day.date)).html) + _SPARE for day in told)
            rooms = _shared(room, [one.titles[-1] for one in stacks])
            listed = [bisect_right(one.titles, own) for one, own in zip(stacks, rooms, strict=True)]
        pieces: list[Both] = []
        for day, stack, count, long in zip(told, stacks, listed, in_full, strict=True):
            pieces += stack.pieces(count, long)
            if count < day.papers:
                pieces.append(self._press.more(day.papers - count, self._day_web(day.date)))
        head, foot = self._press.around(about)
        text = [head, *[piece.text for piece in pieces], foot]
        return alternative(text, [*before, *[piece.html for piece in pieces], *after])

    def _headings(self, day: _Day, language: str, *, weekly: bool) -> tuple[Both | None, list[Both]]:
        """Return the heading of a date, if there are several, and those of its sections."""
        headings = [self._press.heading(group.name, len(group.places), weekly=weekly) for group in day.groups]
        if not weekly:
            return None, headings
        return self._press.date(long_date(day.date, language or _OWN), day.papers, self._day_page(day.date), language), headings

    def _lay(self, day: date, *, weekly: bool) -> _Laid:
        """Return the newest edition of a date, laid out for daily or weekly letters: once, however many threads ask for it."""
        key = day, weekly
        if (kept := self._laid.get(key)) is not None:
            return kept
        with self._laying:
            if key not in self._laid:
                made = self._printed(day, weekly=weekly)
                while len(self._laid) >= _KEPT:
                    del self._laid[next(iter(self._laid))]
                self._laid[key] = made
            return self._laid[key]

    def _printed(self, day: date, *, weekly: bool) -> _Laid:
        sha256 = next((issue.sha256 for issue in self._archive.issues() if issue.date == day), "")
        edition = self._archive.edition(day)
        printed = [self._press.paper(item, section.slug, weekly=weekly) for section in edition.sections for item in section.items]
        ends = accumulate(len(section.items) for section in edition.sections)
        sections = [(section.name[:_LONGEST_NAME], end) for section, end in zip(edition.sections, ends, strict=True)]
        full, brief = [one.full for one in printed], [one.brief for one in printed]
        return _Laid(sha256, Sieve(edition), full, brief, sections, _notices(edition))


def _shared(room: int, wanted: Sequence[int]) -> list[int]:
    """Return how much of a room each gets: as much as it wants, or else as much as each other that does not get all that it wants."""
    found, left = [0] * len(wanted), max(room, 0)
    for number, place in enumerate(sorted(range(len(wanted)), key=wanted.__getitem__)):
        found[place] = min(wanted[place], left // (len(wanted) - number))
        left -= found[place]
    return found


def _other(language: str) -> str:
    """Return a language if it is not that of letters."""
    return "" if language == _OWN else language


def _notices(edition: Edition) -> tuple[str, ...]:
    found = []
    if edition.sample:
        found.append("This is a sample. Its papers are invented, and arXiv has announced none of them.")
    if edition.reconstructed:
        found.append(f"What arXiv announced on {edition.date} is not stated any more, so the papers were worked out.")
    return tuple(found)


def _places(mask: int) -> list[int]:
    """Return the places of the bits of a mask, ascending."""
    return [place for place, bit in enumerate(f"{mask:b}"[::-1]) if bit == "1"]


def _listed(names: Sequence[str], most: int, what: str) -> str:
    """Return some names, and how many more there are."""
    if len(names) > most:
        return f"{'; '.join(names[:most])}; {len(names) - most} more {what}"
    return "; ".join(names)


def _safe(category: str) -> str:
    """Return a category for an identifier: ``cs.cv``."""
    return category.lower().replace("+", "-")
