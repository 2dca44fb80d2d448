"""An announcement that is at hand: a page, a feed or a mailing that somebody kept, or the bundled sample.

bytes | gzip? | HTML, XML or text? | parse | whole? of this date? | Announcement
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from digest.arxiv import feed, listing, mailing, pages
from digest.arxiv.answers import fingerprint
from digest.arxiv.pages import Pages
from digest.core.domain import Announcement, Entry, Kind, Provenance
from digest.errors import DigestError, IncompleteError, LayoutError, NotYetError, SourceError, StaleError, UsageError

_MAX_FILE = 16 * 2**20
_SPACE = b"\xef\xbb\xbf \t\r\n"


@dataclass(frozen=True, slots=True)
class AtHand:
    """Reads what is at hand."""

    pages: Pages

    def from_file(self, category: str, day: date | None, path: Path) -> Announcement:
        """Return the announcement in the file at *path*, gzipped or not; several mailings may be in one.

        Raises:
            UsageError: it cannot be read.
            NotYetError: it is cut, or is of another date than *day*.
            SourceError: it is no announcement.

        """
        try:
            with path.expanduser().open("rb") as file:
                body = file.read(_MAX_FILE + 1)
        except (OSError, ValueError, RuntimeError) as exc:
            msg = f"{_printable(str(path))} cannot be read: {exc.strerror if isinstance(exc, OSError) else exc}"
            raise UsageError(msg) from exc
        return self.from_bytes(category, day, body, service="file", name=_printable(path.name))

    def from_bytes(self, category: str, day: date | None, body: bytes, *, service: str, name: str) -> Announcement:
        """Return the announcement in *body*, which is called *name*."""
        if body.startswith(b"\x1f\x8b"):
            body = _decompressed(body, name)
        if len(body) > _MAX_FILE:
            msg = f"{name} is larger than {_MAX_FILE // 2**20} MiB"
            raise SourceError(msg)
        start = body[:1000].lstrip(_SPACE).lower()
        provenance = Provenance(service, (name,), (fingerprint(body),))
        try:
            if start.startswith((b"<?xml", b"<rss", b"<feed", b"<rdf")) and b"<html" not in start:
                return self._feed(category, day, body, provenance)
            if not start or start.startswith(b"<"):
                return self._page(category, day, body, provenance)
            return self._mailing(category, day, body, provenance)
        except NotYetError as exc:
            exc.message = f"{name}: {exc.message}"
            exc.advice = exc.advice or "save the whole announcement"
            raise
        except DigestError as exc:
            exc.message = f"{name}: {exc.message}"
            raise

    def _page(self, category: str, day: date | None, body: bytes, provenance: Provenance) -> Announcement:
        page = self.pages.page_at_hand(category, body)
        if lack := "" if page.empty else listing.missing([page]):
            msg = f"it is not complete: {lack}"
            raise IncompleteError(msg, advice="save the whole announcement as one page")
        if page.date is None:
            msg = "it states no date of its own"
            raise LayoutError(msg, advice="save /list/<category>/new or /catchup/<category>/<date>?abs=True")
        _of(day, page.date)
        if page.total == 0:
            if not pages.passed(page, page.date) and not self.pages.calendar.closure(page.date):
                msg = f"arXiv has no updates for {page.date}, and has announced no later date yet"
                raise NotYetError(msg, advice="try again later")
            return pages.nothing(category, page.date, provenance, self.pages.calendar, page.next_date)
        entries = tuple(entry for section in page.sections for entry in section.entries)
        return Announcement(category, page.date, entries, provenance)

    def _feed(self, category: str, day: date | None, body: bytes, provenance: Provenance) -> Announcement:
        found = feed.read_as(body, category)
        _of(day, found.date)
        return self._made(category, found.date, found.entries, (f"{name}: {what}" for name, what in found.faults), provenance)

    def _mailing(self, category: str, day: date | None, body: bytes, provenance: Provenance) -> Announcement:
        found = mailing.parse(body, category=category, day=day)
        # The mails of a week have no abstracts.
        entries = tuple(replace(entry, paper=replace(entry.paper, pending=_lacks_abstract(entry))) for entry in found.entries)
        end = () if found.sealed else ("nothing shows that the file holds all of it",)
        return self._made(category, found.date, entries, (*found.faults, *end), provenance)

    def _made(self, category: str, day: date, entries: tuple[Entry, ...], faults: Iterable[str], provenance: Provenance) -> Announcement:
        if not entries:
            if self.pages.calendar.closure(day):
                return pages.nothing(category, day, provenance, self.pages.calendar)
            msg = f"it holds nothing of {category} for {day}"
            raise NotYetError(msg, advice="is it of another category?")
        remarks = tuple(f"{provenance.urls[0]}: {fault}" for fault in faults)
        return Announcement(category, day, entries, provenance, remarks=remarks)


def _printable(name: str) -> str:
    """Return a file's name as text that can be written anywhere; not every name is one."""
    return name.encode("utf-8", "replace").decode()


def _lacks_abstract(entry: Entry) -> bool:
    return entry.kind in (Kind.NEW, Kind.CROSS) and not entry.paper.abstract


def _of(day: date | None, stated: date) -> None:
    if day is not None and stated != day:
        msg = f"it is the announcement of {stated}, not of {day}"
        error = StaleError(msg)
        error.stated = stated
        raise error


def _decompressed(body: bytes, name: str) -> bytes:
    decoder = zlib.decompressobj(wbits=31)
    try:
        text = decoder.decompress(body, _MAX_FILE + 1)
    except zlib.error as exc:
        msg = f"{name} is no valid gzip file: {exc}"
        raise IncompleteError(msg) from exc
    if len(text) <= _MAX_FILE and not decoder.eof:
        msg = f"{name} is cut: its gzip stream has no end"
        raise IncompleteError(msg)
    return text
