"""Answers of arXiv's OAI-PMH, as it writes them in 2026, about invented papers."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from tests.servers import Arxiv

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/" \n'
    '         xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"\n'
    '         xsi:schemaLocation="http://www.openarchives.org/OAI/2.0/ http://www.openarchives.org/OAI/2.0/OAI-PMH.xsd">\n'
    "    <responseDate>2026-11-20T06:00:00Z</responseDate>\n"
    '                <request verb="ListRecords">http://example.org/oai</request>\n\n\n'
)
RAW, ARXIV = "arXivRaw", "arXiv"


@dataclass(frozen=True)
class Row:
    """An invented paper. Texts are as an author would submit them."""

    id: str
    title: str = "An Invented Title"
    abstract: str = "An invented abstract."
    authors: str = "Ada Example, Ben Example"
    """As arXivRaw writes them."""
    people: Sequence[tuple[str, str, str]] = (("Ada", "Example", ""), ("Ben", "Example", ""))
    """As arXiv writes them: forenames, keyname, suffix."""
    categories: str = "cs.CV cs.LG"
    comments: str = ""
    journal_ref: str = ""
    doi: str = ""
    licence: str = "http://example.org/licence/"
    datestamp: str = "2026-11-20"
    versions: Sequence[tuple[str, str, str]] = (("v1", "Wed, 18 Nov 2026 18:00:00 GMT", "D"),)
    """The number of each version, when it came in, and the type of its source."""
    deleted: bool = False
    inner: str = ""
    """The identifier in the metadata, if that is another one."""
    extra: str = ""
    """Elements that arXiv may add some day."""

    def xml(self, prefix: str = RAW) -> str:
        """Return the record."""
        sets = "".join(f"            <setSpec>{name}</setSpec>\n" for name in ("cs:cs:CV", "cs:cs:LG"))
        status = ' status="deleted"' if self.deleted else ""
        head = (
            f"                    <record>\n                <header{status}>\n        <identifier>oai:arXiv.org:{self.id}</identifier>\n"
            f"        <datestamp>{self.datestamp}</datestamp>\n{sets}    </header>\n\n"
        )
        if self.deleted:
            return f"{head}        </record>\n\n"
        dates = "".join(
            f"            <version version={quoteattr(number)}>\n"
            f"                <date>{moment}</date>\n                <size>337kb</size>\n"
            f"                    <source_type>{kind}</source_type>\n            </version>\n"
            for number, moment, kind in self.versions
        )
        people = "".join(
            "                <author>\n"
            + "".join(
                f"                    <{name}>{escape(text)}</{name}>\n"
                for name, text in (("keyname", keyname), ("forenames", forenames), ("suffix", suffix))
                if text
            )
            + "                </author>\n"
            for forenames, keyname, suffix in self.people
        )
        if prefix == RAW:
            begin = f"        <submitter>Sub Mitter</submitter>\n{dates}"
            names = f"        <authors>{escape(self.authors)}</authors>\n"
        else:
            begin = "        <created>2026-11-18</created>\n            <updated>2026-11-20</updated>\n"
            names = f"        <authors>\n{people}        </authors>\n"
        optional = "".join(
            f"            <{name}>{escape(text)}</{name}>\n"
            for name, text in (("comments", self.comments), ("journal-ref", self.journal_ref), ("doi", self.doi), ("license", self.licence))
            if text
        )
        return (
            f'{head}            <metadata>\n                        <{prefix} xmlns="http://arxiv.org/OAI/{prefix}/">\n'
            f"        <id>{self.inner or self.id}</id>\n{begin}        <title>{escape(self.title)}</title>\n{names}"
            f"        <categories>{self.categories}</categories>\n{optional}{self.extra}"
            f"            <abstract>{escape(self.abstract)}</abstract>\n    </{prefix}>\n\n            </metadata>\n        </record>\n\n"
        )


def answer(rows: Sequence[Row], *, token: str | None = None, prefix: str = RAW) -> bytes:
    """Return a page of a harvest; the last one of several has an empty *token*, the only one has none."""
    end = ""
    if token is not None:
        end = (
            f"                    <resumptionToken expirationDate='2026-11-21T00:00:00Z'>{escape(token)}</resumptionToken>\n\n"
            if token
            else "                    <resumptionToken/>\n\n"
        )
    return f"{HEAD}    <ListRecords>\n{''.join(row.xml(prefix) for row in rows)}{end}    </ListRecords>\n</OAI-PMH>".encode()


def error(code: str, reason: str) -> bytes:
    """Return the answer that is an error."""
    return f"{HEAD}    <error code='{code}'>A sentence about this code. Reason: {escape(reason)}</error>\n</OAI-PMH>".encode()


NONE = (
    f"{HEAD}    <error code='noRecordsMatch'>The combination of the values of the from, until, set and metadataPrefix arguments"
    " results in an empty list.</error>\n</OAI-PMH>"
).encode()


def first(day: str, until: str = "", *, prefix: str = RAW) -> str:
    """Return the path and query, as they must stand on the wire, of a harvest's first page."""
    return f"/oai?verb=ListRecords&metadataPrefix={prefix}&set=cs:cs:CV&from={day}&until={until or day}"


def token(day: str, skip: int, *, prefix: str = RAW) -> str:
    """Return a resumption token of the form that arXiv's have: a query, percent-encoded."""
    return quote(f"verb=ListRecords&metadataPrefix={prefix}&from={day}&until={day}&set=cs%3Acs%3ACV&skip={skip}", safe="")


def then(token: str) -> str:
    """Return the path and query, as they must stand on the wire, of the page after a token."""
    return f"/oai?verb=ListRecords&resumptionToken={token.replace('%', '%25')}"


def serve(arxiv: Arxiv, rows: Sequence[Row], *, day: str = "2026-11-20", size: int = 40) -> list[str]:
    """Give *rows* in pages of *size*, and the error of arXiv for every other address; return the paths of the pages."""
    arxiv.other = lambda path: error("badResumptionToken", f"Token decoding failed or format is invalid ({path}).")
    paths = []
    for skip in range(0, len(rows), size):
        path = then(token(day, skip)) if skip else first(day)
        following = token(day, skip + size) if skip + size < len(rows) else ("" if skip else None)
        arxiv.pages[path] = answer(rows[skip : skip + size], token=following)
        paths.append(path)
    return paths
