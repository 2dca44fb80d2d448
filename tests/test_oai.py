"""arXiv's OAI-PMH: what its records say, and that nothing but a whole harvest is one."""

import doctest
import json
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from digest import resources
from digest.arxiv import fields, listing, oai
from digest.arxiv.answers import Answers
from digest.arxiv.client import Answer, Client
from digest.arxiv.exchange import Limits
from digest.arxiv.harvest import Gathered, Harvester
from digest.core.domain import Kind, Paper
from digest.errors import (
    DigestError,
    ForbiddenError,
    IncompleteError,
    LayoutError,
    QueryError,
    SourceError,
    StaleError,
    UsageError,
)
from tests import oaipmh, servers
from tests.oaipmh import ARXIV, RAW, Row
from tests.reference import recorded, shared

FRIDAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
SETTLED = datetime(2026, 11, 20, 4, tzinfo=UTC)
ONE_TRY = Limits(connect=2, read=2, total=4, tries=1, back_off=0, patience=1)
PREFIXES = pytest.mark.parametrize("prefix", [RAW, ARXIV])


def one(row: Row, prefix: str = RAW) -> oai.Record:
    """Return what is read of one record."""
    (record,) = oai.parse(oaipmh.answer([row], prefix=prefix)).records
    return record


# -- records ---------------------------------------------------------------------------------------------------------------

FULL = Row(
    "2611.00001",
    title="A Title",
    abstract="An abstract.",
    categories="cs.RO cs.CV",
    comments="Accepted at an invented venue",
    journal_ref="Journal of Inventions 1 (2026) 2-3",
    doi="10.1000/one",
    versions=(("v1", "Wed, 18 Nov 2026 18:00:00 GMT", "D"), ("v2", "Thu, 19 Nov 2026 17:59:59 GMT", "")),
)


def test_a_record_of_the_raw_format() -> None:
    """Every field of a record arrives in its place, the moments of its versions too."""
    first, second = datetime(2026, 11, 18, 18, tzinfo=UTC), datetime(2026, 11, 19, 17, 59, 59, tzinfo=UTC)

    assert one(FULL) == oai.Record(
        Paper(
            "2611.00001", "A Title", "An abstract.", ("Ada Example", "Ben Example"), ("cs.RO", "cs.CV"), "Accepted at an invented venue",
            "Journal of Inventions 1 (2026) 2-3", 2, "10.1000/one", "http://example.org/licence/", first, second,
        ),
        FRIDAY,
        (first, second),
        withdrawn=False,
    )  # fmt: skip


def test_a_record_of_the_other_format() -> None:
    """The format arXiv says the same but for the versions, and neither of its two dates is taken for the first submission."""
    raw, record = one(FULL), one(FULL, ARXIV)

    assert record == oai.Record(replace(raw.paper, version=None, submitted=None, updated=None), FRIDAY, (), withdrawn=False)


@PREFIXES
@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("one\ntwo", "one two"),
        ("  one   two\n", "one two"),
        ("one\n  two", "one\ntwo"),
        ("a < b > c & d", "a < b > c & d"),
        ("a &lt; b &amp; c", "a &lt; b &amp; c"),
        ("<b>bold</b> <script>alert(1)</script>", "<b>bold</b> <script>alert(1)</script>"),
        ('Schr\\"odinger\'s $\\"o$', "Schrödinger's $\\\"o$"),
        ("cafe\u0301 \u65e5\u672c", "caf\u00e9 \u65e5\u672c"),
        ("hid\u200bden \u202eturned", "hidden turned"),
    ],
)
def test_texts_are_plain(prefix: str, written: str, read: str) -> None:
    """A text comes out as a listing page would give it: TeX's accents as letters, nothing unescaped twice."""
    paper = one(Row("2611.00001", title=written, abstract=written, comments=written), prefix).paper

    assert (paper.title, paper.abstract, paper.comments) == (read.replace("\n", " "), read, read.replace("\n", " "))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Ada Example", ("Ada Example",)),
        ("Ada Example, Ben Example and Cleo Example", ("Ada Example", "Ben Example", "Cleo Example")),
        ("Ada Example, Ben Example, and Cleo Example", ("Ada Example", "Ben Example", "Cleo Example")),
        ("Andy Sand, Rolandand Brand", ("Andy Sand", "Rolandand Brand")),
        ("J\\\"org M\\'{\\i}guez,\n  \\O. Test", ("Jörg Míguez", "Ø. Test")),
        ("Ada Example (Here, There and Elsewhere), Ben Example", ("Ada Example", "Ben Example")),
        ("A. One (1), B. Two (1 and 2) ((1) Here (Town), (2) There)", ("A. One", "B. Two")),
        ("The X Collaboration: A. One (1), B. Two ((1) Here)", ("The X Collaboration", "A. One", "B. Two")),
        ("Ada Example (Here, Ben Example", ("Ada Example (Here", "Ben Example")),
        ("Ada Example), Ben Example", ("Ada Example)", "Ben Example")),
        ("Ada Example,, Ben Example,", ("Ada Example", "Ben Example")),
        ("", ()),
    ],
)
def test_authors_in_one_string(written: str, read: tuple[str, ...]) -> None:
    """Names are parted where arXiv parts them, and what stands in parentheses is no name."""
    assert one(Row("2611.00001", authors=written)).paper.authors == read


def test_authors_apart() -> None:
    """The format arXiv gives the parts of a name; a collaboration has one part."""
    row = Row("2611.00001", people=(("Ada B.", "Example", "Jr."), ("", "The X Collaboration", ""), ('J\\"org', "Test", ""), ("", "", "")))

    assert one(row, ARXIV).paper.authors == ("Ada B. Example Jr.", "The X Collaboration", "Jörg Test")


def test_hostile_authors_take_no_time() -> None:
    """Parentheses are read once, however deeply they nest."""
    begun = time.monotonic()

    assert fields.names("(" * 200_000 + ")" * 200_000 + "Ada Example") == ("Ada Example",)
    assert time.monotonic() - begun < 2


def test_several_dois() -> None:
    """A paper may have several DOIs, which stay as arXiv writes them: with a space between two."""
    assert one(Row("2611.00001", doi="10.1000/one\n  10.1000/two")).paper.doi == "10.1000/one 10.1000/two"


def test_old_identifiers() -> None:
    """Identifiers from before 2007 hold a slash."""
    assert [one(Row(name)).paper.id for name in ("cs/0703101", "hep-lat/9107001", "0704.0001")] == [
        "cs/0703101",
        "hep-lat/9107001",
        "0704.0001",
    ]


def test_an_empty_abstract() -> None:
    """An abstract may be empty or missing, as it is for some papers."""
    without = oaipmh.answer([Row("2611.00001", abstract="")]).replace(b"<abstract></abstract>", b"")

    assert [record.paper.abstract for record in oai.parse(without).records] == [""]
    assert one(Row("2611.00001", abstract="")).paper.abstract == ""


def test_versions_that_are_left_out() -> None:
    """The number of the last version counts and not how many are listed; a first one that is not listed has no moment."""
    listed = one(Row("2611.00001", versions=(("v1", "Wed, 18 Nov 2026 18:00:00 GMT", "D"), ("v6", "Thu, 19 Nov 2026 18:00:00 GMT", "D"))))
    late = one(Row("2611.00001", versions=(("v3", "Thu, 19 Nov 2026 18:00:00 GMT", "D"),)))

    assert (listed.paper.version, len(listed.versions), listed.paper.submitted) == (6, 2, datetime(2026, 11, 18, 18, tzinfo=UTC))
    assert (late.paper.version, late.paper.submitted, late.paper.updated) == (3, None, datetime(2026, 11, 19, 18, tzinfo=UTC))


@pytest.mark.parametrize(
    ("types", "comments", "withdrawn"),
    [
        ("D", "", False),
        ("I", "", True),
        ("DI", "an error in Eq. 3", True),
        ("ID", "12 pages", False),
        ("D", "This paper has been withdrawn by the author due to an error in Eq. 3", True),
        ("D", "This submission has been withdrawn by arXiv administrators because of a dispute", True),
        ("D", "This article was temporarily withdrawn", True),
        ("D", "Withdrawn", True),
        ("D", "Withdrawn by the authors", True),
        ("D", "This paper was withdrawn from an invented conference", False),
        ("D", "An earlier version was withdrawn by the authors", False),
        ("D", "Not withdrawn", False),
    ],
)
def test_withdrawn(types: str, comments: str, withdrawn: bool) -> None:
    """A paper is withdrawn if its newest version has no source any more, or its comments say so in arXiv's words."""
    versions = [(f"v{number}", f"{number + 10} Nov 2026 18:00:00 GMT", kind) for number, kind in enumerate(types, 1)]
    row = Row("2611.00001", comments=comments, versions=[(number, f"Wed, {moment}", kind) for number, moment, kind in versions])

    assert one(row).withdrawn is withdrawn


def test_withdrawn_in_the_other_format() -> None:
    """The format arXiv has only the comments to tell."""
    assert one(Row("2611.00001", comments="This paper has been withdrawn by the author"), ARXIV).withdrawn
    assert not one(Row("2611.00001", versions=(("v1", "Wed, 18 Nov 2026 18:00:00 GMT", "I"),)), ARXIV).withdrawn


def test_new_elements() -> None:
    """What arXiv may add some day is passed over."""
    extra = "<colour>green</colour><title>Another Title</title>"

    assert one(Row("2611.00001", title="A Title", extra=extra)) == one(Row("2611.00001", title="A Title"))


def test_deleted_records() -> None:
    """A record that is marked as deleted is told by its identifier, and is no paper."""
    harvest = oai.parse(oaipmh.answer([Row("2611.00001"), Row("2611.00002", deleted=True)]))

    assert ([record.paper.id for record in harvest.records], harvest.deleted, harvest.faults) == (["2611.00001"], ("2611.00002",), ())


GOOD = tuple(Row(f"2611.1{number:04}") for number in range(19))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (Row("2611.00001", title=" "), "no title"),
        (Row("2611.00001", categories=""), "no categories"),
        (Row("2611.00001", datestamp="20 November"), "its datestamp is '20 November'"),
        (Row("2611.00001", datestamp="2026-02-31"), "its datestamp is '2026-02-31'"),
        (Row("2611.00001", inner="2611.00002"), "those of '2611.00002'"),
        (Row("2611.00001", versions=()), "no versions"),
        (Row("2611.00001", versions=(("v1", "yesterday", "D"),)), "'yesterday' as its time"),
        (Row("2611.00001", versions=(("v1", "Wed, 31 Feb 2026 18:00:00 GMT", "D"),)), "as its time"),
        (Row("2611.00001", versions=(("v1", "Wed, 18 Nov 2026 18:00:60 GMT", "D"),)), "as its time"),
        (Row("2611.00001", versions=(("v1", "Wed, 18 Nov 2026 18:00:00 EST", "D"),)), "as its time"),
        (Row("2611.00001", versions=(("v2", "Wed, 18 Nov 2026 18:00:00 GMT", "D"),) * 2), "not in order"),
        (Row("2611.00001", versions=(("two", "Wed, 18 Nov 2026 18:00:00 GMT", "D"),)), "not in order"),
    ],
)
def test_faults(row: Row, said: str) -> None:
    """A record that cannot be read is told by its identifier, and the others are there: one bad one of twenty is borne."""
    harvest = oai.parse(oaipmh.answer([*GOOD[:9], row, *GOOD[9:]]))

    assert [record.paper.id for record in harvest.records] == [good.id for good in GOOD]
    assert [name for name, _ in harvest.faults] == ["2611.00001"]
    assert said in harvest.faults[0][1]


@pytest.mark.parametrize("name", ["", "2611.0001", "2611.00001v2", "../etc", "arXiv:2611.00001"])
def test_a_record_without_an_identifier(name: str) -> None:
    """What is no identifier is a fault, and is called by what it is or by its place."""
    harvest = oai.parse(oaipmh.answer([*GOOD, Row(name)]))

    assert harvest.faults == ((name or "record 20", "it has no identifier"),)


def test_too_many_faults() -> None:
    """More than 5 % of bad records are a change of layout."""
    bad = Row("2611.00001", title="")
    assert len(oai.parse(oaipmh.answer([*GOOD, *GOOD, bad, bad])).faults) == 2

    with pytest.raises(LayoutError, match=r"3 of 41 records .*2611\.00001: it has no title"):
        oai.parse(oaipmh.answer([*GOOD, *GOOD, bad, bad, bad]))


def test_another_format() -> None:
    """Records in a format that is not read are told from bad ones."""
    body = oaipmh.answer(GOOD).replace(b"http://arxiv.org/OAI/arXivRaw/", b"http://arxiv.org/OAI/arXivOld/")

    with pytest.raises(LayoutError, match="another format than arXiv and arXivRaw"):
        oai.parse(body)


def test_when_arxiv_answered() -> None:
    """An answer says when it was given."""
    assert oai.parse(oaipmh.answer(GOOD)).responded == datetime(2026, 11, 20, 6, tzinfo=UTC)
    assert oai.parse(oaipmh.NONE).responded == datetime(2026, 11, 20, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "token"),
    [
        ("<resumptionToken/>", ""),
        ("<resumptionToken></resumptionToken>", ""),
        ("<resumptionToken>\n\n    </resumptionToken>", ""),
        (
            "<resumptionToken expirationDate='2026-11-21T00:00:00Z'>\n  verb%3DListRecords%26skip%3D40\n</resumptionToken>",
            "verb%3DListRecords%26skip%3D40",
        ),
        ("<resumptionToken>a&amp;b=%25</resumptionToken>", "a&b=%25"),
    ],
)
def test_tokens(written: str, token: str) -> None:
    """A token is what stands in its element; white space is none."""
    body = oaipmh.answer(GOOD, token="").replace(b"<resumptionToken/>", written.encode())

    assert oai.parse(body).token == token


# -- questions ---------------------------------------------------------------------------------------------------------------


def test_the_question() -> None:
    """A category and dates are asked for in one address, in the format that has the versions."""
    assert oai.query("https://example.org/oai", "eess.IV", date(2026, 11, 17), FRIDAY) == (
        "https://example.org/oai?verb=ListRecords&metadataPrefix=arXivRaw&set=eess:eess:IV&from=2026-11-17&until=2026-11-20"
    )
    assert "&metadataPrefix=arXiv&" in oai.query("https://example.org/oai", "cs.CV", FRIDAY, FRIDAY, prefix="arXiv")


def test_a_token_is_encoded_again() -> None:
    """A token is a percent-encoded text itself, so that its percent signs are encoded."""
    assert oai.more("https://example.org/oai", "skip%3D40&x=y z") == (
        "https://example.org/oai?verb=ListRecords&resumptionToken=skip%253D40%26x%3Dy%20z"
    )


@pytest.mark.parametrize(
    ("category", "name"),
    [
        ("cs.CV", "cs:cs:CV"),
        ("eess.IV", "eess:eess:IV"),
        ("math.AG", "math:math:AG"),
        ("q-bio.NC", "q-bio:q-bio:NC"),
        ("physics.optics", "physics:physics:optics"),
        ("physics.flu-dyn", "physics:physics:flu-dyn"),
        ("cond-mat.str-el", "physics:cond-mat:str-el"),
        ("hep-lat", "physics:hep-lat"),
        ("quant-ph", "physics:quant-ph"),
        ("cs", "cs"),
        ("physics", "physics:physics"),
    ],
)
def test_sets(category: str, name: str) -> None:
    """A category is a set within its archive, within its group."""
    assert oai.set_of(category) == name


@pytest.mark.parametrize("category", ["", "cs.CV&verb=Identify", "cs:cs:CV", "cs.CV+cs.LG", "CS.CV", "cs.", "../x"])
def test_what_is_no_category(category: str) -> None:
    """What is no category cannot get into an address."""
    with pytest.raises(UsageError, match="is no category"):
        oai.set_of(category)


# -- what is no answer -------------------------------------------------------------------------------------------------------


def test_no_records_match() -> None:
    """A range without records is an answer: nothing."""
    assert oai.parse(oaipmh.NONE) == oai.Harvest((), "", (), (), datetime(2026, 11, 20, 6, tzinfo=UTC), none=True)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("badVerb", QueryError), ("badArgument", QueryError), ("cannotDisseminateFormat", QueryError), ("idDoesNotExist", QueryError),
        ("noSetHierarchy", QueryError), ("badResumptionToken", oai.TokenError), ("aNewOne", QueryError), ("", LayoutError),
    ],
)  # fmt: skip
def test_errors(code: str, error: type[SourceError]) -> None:
    """An error comes with its code and arXiv's own reason, and one about a token can be told from the others."""
    with pytest.raises(error, match=rf"answered {code}: an invented <reason>") as caught:
        oai.parse(oaipmh.error(code, "an invented <reason>"))

    assert type(caught.value) is error
    assert caught.value.body


def test_an_error_beside_another_thing() -> None:
    """Of two errors the graver one counts, and an error beside records is no answer."""
    both = oaipmh.NONE.replace(b"</OAI-PMH>", b"<error code='badArgument'>Reason: the set</error></OAI-PMH>")
    with pytest.raises(QueryError, match="badArgument: the set"):
        oai.parse(both)

    records = oaipmh.answer(GOOD).replace(b"</OAI-PMH>", b"<error code='noRecordsMatch'/></OAI-PMH>")
    with pytest.raises(LayoutError, match="and lists some"):
        oai.parse(records)


NEXT = "a%3Db"
WHOLE = oaipmh.answer([Row("2611.00001"), Row("2611.00002", authors="Jörg Test")], token=NEXT)
BOMB = b"<!DOCTYPE OAI-PMH [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;&b;&b;&b;'>]>"
OUTSIDE = b"<!DOCTYPE OAI-PMH [<!ENTITY a SYSTEM 'file:///etc/hostname'>]>"
PARAMETER = b"<!DOCTYPE OAI-PMH [<!ENTITY % a SYSTEM 'http://example.org/x.dtd'> %a;]>"
GONE = b'<record><header status="deleted"><identifier>oai:arXiv.org:2611.00003</identifier></header></record>'
DTD = b"<!DOCTYPE OAI-PMH SYSTEM 'http://example.org/x.dtd'>"


TURNS, ACCENT = "verb%3D\u202ex", "verb%3D\u00e9"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (WHOLE[: len(WHOLE) // 2], IncompleteError),
        (WHOLE[:-3], IncompleteError),
        (WHOLE.partition(b"    <ListRecords>")[0], IncompleteError),
        (b"", IncompleteError),
        (b"Rate exceeded.", LayoutError),
        (b"<!doctype html><html><title>arXiv is down</title></html>", LayoutError),
        (b'<?xml version="1.0"?><rss version="2.0"><channel><title>x</title></channel></rss>', SourceError),
        (WHOLE.replace(b'http://www.openarchives.org/OAI/2.0/"', b'http://example.org/"'), LayoutError),
        (WHOLE.replace(b"ListRecords>", b"Identify>"), LayoutError),
        (WHOLE.replace(b"record>", b"recording>"), LayoutError),
        (WHOLE.replace(b"2026-11-20T06:00:00Z", b"just now"), LayoutError),
        (WHOLE.replace(b"2026-11-20T06:00:00Z", b"2026-11-31T06:00:00Z"), LayoutError),
        (WHOLE.replace(b"a%3Db", b"a" * 5000), LayoutError),
        (WHOLE.replace(b"<record>", b"<record><unclosed>", 1), LayoutError),
        (WHOLE.replace(b"invented abstract", b"\xff abstract"), LayoutError),
        (WHOLE.replace(b"invented abstract", b"\x00 abstract"), LayoutError),
        (WHOLE.replace(b"invented abstract", b"x" * 11_000_000, 1), LayoutError),
        (WHOLE.decode().encode("latin-1"), LayoutError),
        (WHOLE.decode().encode("utf-16"), LayoutError),
        (WHOLE.replace(b"<OAI-PMH", BOMB + b"<OAI-PMH", 1).replace(b"An Invented Title", b"&c;"), LayoutError),
        (WHOLE.replace(b"<OAI-PMH", OUTSIDE + b"<OAI-PMH", 1).replace(b"An Invented Title", b"&a;"), LayoutError),
        (WHOLE.replace(b"<OAI-PMH", PARAMETER + b"<OAI-PMH", 1), LayoutError),
        (WHOLE.replace(b"<OAI-PMH", DTD + b"<OAI-PMH", 1), LayoutError),
        (WHOLE.replace(b"An Invented Title", b"&undefined;"), LayoutError),
        (WHOLE.replace(b"An Invented Title", b"<b>" * 100_000 + b"</b>" * 100_000, 1), LayoutError),
        (WHOLE.replace(b"<record>", GONE * 20_000 + b"<record>", 1), LayoutError),
        (oaipmh.answer([Row("2611.00001")], token=TURNS), LayoutError),
        (oaipmh.answer([Row("2611.00001")], token=ACCENT), LayoutError),
    ],
    ids=[
        "half", "last tag", "head only", "empty", "plain text", "HTML", "RSS", "strangers", "another verb", "no records", "no time",
        "no such day", "a long token", "tags", "not UTF-8", "NUL", "an endless text", "Latin-1", "UTF-16", "entities that explode",
        "an entity from outside", "a parameter entity", "a document type from outside", "an entity that is none", "nested deeply",
        "records without end", "a token that turns text around", "a token with an accent",
    ],
)  # fmt: skip
def test_what_is_no_answer(body: bytes, error: type[SourceError]) -> None:
    """What is cut, or is none of OAI-PMH, is an error of its kind, soon, and never half an answer."""
    begun = time.monotonic()

    with pytest.raises(error):
        oai.parse(body)
    assert time.monotonic() - begun < 5


def test_every_cut_is_noticed() -> None:
    """Wherever an answer ends too early, no record comes out of it."""
    for end in range(0, len(WHOLE), 3):
        with pytest.raises(IncompleteError if end >= len("<?xml") else SourceError):
            oai.parse(WHOLE[:end])


@pytest.mark.parametrize("declared", ["UTF-8", "iso-8859-1", "UTF-16", "x-nothing"])
def test_another_encoding_is_claimed(declared: str) -> None:
    """arXiv writes UTF-8, whatever a document claims to be; a byte order mark is no harm."""
    body = WHOLE.replace(b'encoding="UTF-8"', f'encoding="{declared}"'.encode())

    for answer in (body, b"\xef\xbb\xbf" + body):
        assert [record.paper.authors[0] for record in oai.parse(answer).records] == ["Ada Example", "Jörg Test"]


def test_nothing_is_included() -> None:
    """A text that asks for a file gets none."""
    asks = b'An Invented <xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="/etc/hostname" parse="text"/>Title'
    body = WHOLE.replace(b"An Invented Title", asks)

    assert {record.paper.title for record in oai.parse(body).records} == {"An Invented Title"}


def test_comments_and_instructions() -> None:
    """What XML lets stand between the elements and in a text is passed over."""
    body = WHOLE.replace(b"An Invented Title", b"An Inv<!-- x -->ented<?x y?> Title").replace(b"<metadata>", b"<metadata><!-- x --><?x y?>")

    assert oai.parse(body) == oai.parse(WHOLE)


def test_changed_bytes() -> None:
    """Whatever a byte or a piece is changed into, what comes is a harvest or an error of ours."""
    chance = random.Random(4)  # noqa: S311 - no secret
    alphabet = b"<>&;/=\"' \n\x00\xff\xc3av1%[!-?]"
    outcomes: set[type] = set()
    for _ in range(1500):
        body = bytearray(WHOLE)
        for _ in range(chance.randint(1, 4)):
            place, length = chance.randrange(len(body)), chance.choice((0, 1, 1, 1, 8, 60))
            body[place : place + length] = bytes(chance.choices(alphabet, k=chance.choice((0, 1, 1, 2))))
        try:
            outcomes.add(type(oai.parse(bytes(body))))
        except DigestError as error:
            outcomes.add(type(error))

    assert {oai.Harvest, LayoutError} <= outcomes


def test_examples_in_the_documentation() -> None:
    """What the documentation shows is true."""
    for module in (oai, fields):
        results = doctest.testmod(module)
        assert results.attempted > 0
        assert results.failed == 0


# -- harvests ----------------------------------------------------------------------------------------------------------------

ROWS = tuple(Row(f"2611.{number:05}", f"Paper {number}") for number in range(100))
IDS = [row.id for row in ROWS]


@pytest.fixture
def arxiv() -> Iterator[servers.Arxiv]:
    """Run a server that plays arXiv."""
    with servers.arxiv() as state:
        yield state


def harvester(url: str, folder: Path, slept: list[float] | None = None) -> Harvester:
    """Return a fresh harvester, as one run of the program has it; what it would sleep goes into *slept*."""
    client = Client(0, folder, loopback=True, limits=ONE_TRY)
    return Harvester(client.get, Answers(folder), f"{url}/oai", sleep=([] if slept is None else slept).append)


def gather(url: str, folder: Path, slept: list[float] | None = None, *, now: datetime = NOW, since: datetime = SETTLED) -> Gathered:
    """Gather Friday's records of cs.CV."""
    return harvester(url, folder, slept).records("cs.CV", FRIDAY, now, since=since)


def ids(gathered: Gathered) -> list[str]:
    """Return the identifiers in a harvest."""
    return [record.paper.id for record in gathered.records]


def refused(folder: Path) -> list[str]:
    """Return why each answer that is kept for study was refused."""
    return [json.loads(path.read_bytes())["refused"] for path in sorted((folder / "refused").glob("*.json"))]


@pytest.mark.parametrize("size", [1000, 100, 99, 40])
def test_all_pages(arxiv: servers.Arxiv, tmp_path: Path, size: int) -> None:
    """A harvest is followed to its end, in arXiv's order, with tokens encoded as arXiv wants them on the wire."""
    paths = oaipmh.serve(arxiv, ROWS, size=size)
    gathered = gather(arxiv.url, tmp_path)

    assert ids(gathered) == IDS
    assert arxiv.asked == paths == [url.removeprefix(arxiv.url) for url in gathered.urls]
    assert len(set(gathered.sha256)) == len(paths)
    assert refused(tmp_path) == []


def test_several_dates(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """A harvest may be of a range of dates."""
    rows = [replace(ROWS[0], datestamp="2026-11-17"), replace(ROWS[1], datestamp="2026-11-18")]
    arxiv.pages[oaipmh.first("2026-11-17", "2026-11-18")] = oaipmh.answer(rows)
    found = harvester(arxiv.url, tmp_path).records("cs.CV", date(2026, 11, 17), NOW, since=SETTLED, until=date(2026, 11, 18))

    assert [record.datestamp.day for record in found.records] == [17, 18]


def test_a_harvest_is_asked_for_once(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """A harvest that was whole is kept, and is asked for again only if it is older than it may be."""
    paths = oaipmh.serve(arxiv, ROWS)
    first = gather(arxiv.url, tmp_path)

    assert gather(arxiv.url, tmp_path) == first
    assert gather(arxiv.url, tmp_path, now=datetime(2027, 6, 1, tzinfo=UTC), since=NOW) == first
    assert arxiv.asked == paths
    assert gather(arxiv.url, tmp_path, since=datetime(2026, 11, 20, 6, 0, 1, tzinfo=UTC)) == first
    assert arxiv.asked == paths * 2


def test_the_store(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """The pages are kept under their date as XML, with the time of the run."""
    oaipmh.serve(arxiv, ROWS)
    gather(arxiv.url, tmp_path)
    kept = sorted((tmp_path / "answers" / "2026-11-20").iterdir())

    assert [path.suffix for path in kept] == [".json", ".xml"] * 3
    assert {json.loads(path.read_bytes())["fetched"] for path in kept if path.suffix == ".json"} == {NOW.isoformat()}


def test_a_kept_harvest_that_lacks_a_page(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """If a page is gone or was changed, or is that of another time, all are asked for again."""
    paths = oaipmh.serve(arxiv, ROWS)
    gather(arxiv.url, tmp_path)
    folder = tmp_path / "answers" / "2026-11-20"
    for number in range(3):
        body = sorted(folder.glob("*.xml"))[number]
        about = body.with_suffix(".json")
        body.unlink()
        assert ids(gather(arxiv.url, tmp_path)) == IDS
        body.write_bytes(body.read_bytes().replace(b"Paper", b"Taper"))
        assert ids(gather(arxiv.url, tmp_path)) == IDS
        about.write_bytes(about.read_bytes().replace(b"T06:00:00", b"T06:30:00"))
        assert ids(gather(arxiv.url, tmp_path)) == IDS

    assert arxiv.asked == paths * 10


def test_nothing_is_kept_of_half_a_harvest(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """If the last page cannot be had, the harvest is none, and the next run begins with the first page."""
    paths = oaipmh.serve(arxiv, ROWS)
    whole = arxiv.pages[paths[2]]
    arxiv.pages[paths[2]] = (404, b"not here", {})
    with pytest.raises(SourceError, match=r"arXiv answered 404 to .*: not here"):
        gather(arxiv.url, tmp_path)
    assert not (tmp_path / "answers").exists()
    assert len(refused(tmp_path)) == 1

    arxiv.pages[paths[2]] = whole
    assert ids(gather(arxiv.url, tmp_path)) == IDS
    assert arxiv.asked == paths * 2


def test_no_records(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """A date without records is a harvest without records, and is kept like any other."""
    arxiv.pages[oaipmh.first("2026-11-20")] = oaipmh.NONE

    for _ in range(2):
        assert gather(arxiv.url, tmp_path).records == ()
    assert len(arxiv.asked) == 1


def in_turn(*answers: bytes | servers.Answer) -> Iterator[servers.Answer]:
    """Yield one answer after another, and the last one from then on."""
    for answer in answers:
        yield answer if isinstance(answer, tuple) else (200, answer, {})
    while True:
        yield answers[-1] if isinstance(answers[-1], tuple) else (200, answers[-1], {})


@pytest.mark.parametrize("page", [0, 1, 2])
@pytest.mark.parametrize("bad", ["cut", "HTML", "strangers"])
def test_a_page_that_is_no_good_at_first(arxiv: servers.Arxiv, tmp_path: Path, page: int, bad: str) -> None:
    """A page that is cut, is none, or is of another date is asked for again after a pause, which doubles."""
    paths = oaipmh.serve(arxiv, ROWS)
    whole = arxiv.pages[paths[page]]
    assert isinstance(whole, bytes)
    broken = {
        "cut": whole[:-700],
        "HTML": b"<!doctype html><title>soon</title></html>",
        "strangers": oaipmh.answer([replace(ROWS[0], datestamp="2026-11-18")]),
    }
    turns = in_turn(broken[bad], broken[bad], whole)
    arxiv.pages[paths[page]] = lambda: next(turns)
    slept: list[float] = []

    assert ids(gather(arxiv.url, tmp_path, slept)) == IDS
    assert slept == [10, 20]
    assert len(arxiv.asked) == 5
    assert len(refused(tmp_path)) == 1


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (WHOLE[:-100], IncompleteError),
        (b"<!doctype html><title>soon</title></html>", LayoutError),
        (oaipmh.answer([replace(ROWS[0], datestamp="2026-11-18")]), StaleError),
        (oaipmh.answer([replace(row, title="") for row in ROWS[:2]]), LayoutError),
    ],
    ids=["cut", "HTML", "strangers", "faults"],
)
def test_a_page_that_is_never_any_good(arxiv: servers.Arxiv, tmp_path: Path, bad: bytes, error: type[SourceError]) -> None:
    """After three tries there is no harvest; the bytes are kept as XML, and the error says where."""
    paths = oaipmh.serve(arxiv, ROWS)
    arxiv.pages[paths[1]] = bad
    slept: list[float] = []
    with pytest.raises(error) as caught:
        gather(arxiv.url, tmp_path, slept)

    (kept,) = (tmp_path / "refused").glob("*.xml")
    assert kept.read_bytes() == bad
    assert str(caught.value).count(str(kept)) == 1
    assert caught.value.advice
    assert arxiv.asked == [paths[0], *[paths[1]] * 3]
    assert slept == [10, 20]
    assert not (tmp_path / "answers").exists()


def test_every_cut_of_a_page(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """Wherever a page ends too early, there is no harvest."""
    paths = oaipmh.serve(arxiv, ROWS[:4], size=2)
    whole = arxiv.pages[paths[1]]
    assert isinstance(whole, bytes)
    for end in range(0, len(whole), 97):
        arxiv.pages[paths[1]] = whole[:end]
        with pytest.raises(IncompleteError):
            gather(arxiv.url, tmp_path)
    arxiv.pages[paths[1]] = whole

    assert ids(gather(arxiv.url, tmp_path)) == IDS[:4]


def test_a_token_that_has_died(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """A harvest whose token arXiv does not know any more begins anew."""
    paths = oaipmh.serve(arxiv, ROWS)
    whole = arxiv.pages[paths[1]]
    assert isinstance(whole, bytes)
    turns = in_turn(oaipmh.error("badResumptionToken", "expired"), whole)
    arxiv.pages[paths[1]] = lambda: next(turns)

    assert ids(gather(arxiv.url, tmp_path)) == IDS
    assert arxiv.asked == [*paths[:2], *paths]


@pytest.mark.parametrize(
    ("body", "error"),
    [(oaipmh.error("badResumptionToken", "expired"), oai.TokenError), (oaipmh.NONE, IncompleteError)],
    ids=["the token", "nothing"],
)
def test_a_harvest_that_breaks_off_again(arxiv: servers.Arxiv, tmp_path: Path, body: bytes, error: type[SourceError]) -> None:
    """A harvest begins anew once, and not for ever; that nothing follows a token is no end of one."""
    paths = oaipmh.serve(arxiv, ROWS)
    arxiv.pages[paths[1]] = body
    slept: list[float] = []
    with pytest.raises(error):
        gather(arxiv.url, tmp_path, slept)

    assert (arxiv.asked, slept) == (paths[:2] * 2, [])


def test_data_that_was_changed_meanwhile(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """If nothing follows a token because its records were changed, the harvest that begins anew has its own end."""
    paths = oaipmh.serve(arxiv, ROWS)
    first = arxiv.pages[paths[0]]
    assert isinstance(first, bytes)
    turns = in_turn(first, oaipmh.answer(ROWS[:40]))
    arxiv.pages[paths[0]] = lambda: next(turns)
    arxiv.pages[paths[1]] = oaipmh.NONE

    assert ids(gather(arxiv.url, tmp_path)) == IDS[:40]


def test_data_that_shift(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """A paper that stands on two pages counts once, as its newest record says, in the place of that one."""
    old, new = "2026-11-19", "2026-11-20"
    token, last = oaipmh.token(old, 3), oaipmh.token(new, 1)
    one = [replace(ROWS[0], datestamp=old), replace(ROWS[1], datestamp=old), replace(ROWS[2], datestamp=old)]
    two = [
        replace(ROWS[1], datestamp=old, title="Again"),
        replace(ROWS[3], datestamp=new),
        replace(ROWS[0], datestamp=new, title="Changed"),
    ]
    three = [replace(ROWS[0], datestamp=old, title="Stale"), replace(ROWS[4], datestamp=new)]
    arxiv.pages[oaipmh.first(old, new)] = oaipmh.answer(one, token=token)
    arxiv.pages[oaipmh.then(token)] = oaipmh.answer(two, token=last)
    arxiv.pages[oaipmh.then(last)] = oaipmh.answer(three, token="")
    found = harvester(arxiv.url, tmp_path).records("cs.CV", date(2026, 11, 19), NOW, since=SETTLED, until=FRIDAY)

    assert [(record.paper.id, record.paper.title) for record in found.records] == [
        (IDS[1], "Again"), (IDS[2], "Paper 2"), (IDS[3], "Paper 3"), (IDS[0], "Changed"), (IDS[4], "Paper 4"),
    ]  # fmt: skip


@pytest.mark.parametrize("back", [0, 1, 2])
def test_a_token_that_repeats(arxiv: servers.Arxiv, tmp_path: Path, back: int) -> None:
    """A harvest that leads in a circle is no harvest."""
    paths = oaipmh.serve(arxiv, ROWS, size=25)
    arxiv.pages[paths[3]] = oaipmh.answer(ROWS[75:], token=oaipmh.token("2026-11-20", 25 * (back + 1)))
    with pytest.raises(IncompleteError, match="the same resumption token twice"):
        gather(arxiv.url, tmp_path)

    assert arxiv.asked == paths
    assert len(refused(tmp_path)) == 1


@pytest.mark.slow
def test_a_harvest_without_end(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """A harvest of more than 200 pages is given up."""
    arxiv.other = lambda _path: oaipmh.answer(ROWS[:1], token=f"page{len(arxiv.asked)}")
    with pytest.raises(IncompleteError, match="no end after 200 pages"):
        gather(arxiv.url, tmp_path)

    assert len(arxiv.asked) == 200


def test_a_question_that_arxiv_refuses(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """What arXiv says that it cannot answer is not asked again, and its answer is kept for study."""
    arxiv.other = lambda _path: oaipmh.error("badArgument", "until date too late")
    with pytest.raises(QueryError, match="badArgument: until date too late"):
        gather(arxiv.url, tmp_path)

    assert len(arxiv.asked) == 1
    assert "until date too late" in refused(tmp_path)[0]


@pytest.mark.parametrize(("status", "error"), [(400, SourceError), (404, SourceError), (403, ForbiddenError), (503, SourceError)])
def test_another_status(arxiv: servers.Arxiv, tmp_path: Path, status: int, error: type[SourceError]) -> None:
    """Another status than 200 is an error that names it, and is left to the client to try again."""
    arxiv.other = lambda _path: (status, WHOLE, {})
    slept: list[float] = []
    with pytest.raises(error, match=str(status)):
        gather(arxiv.url, tmp_path, slept)

    assert (len(arxiv.asked), slept) == (1, [])


def test_faults_and_deleted_records_are_gathered(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """What cannot be read and what is deleted is told of all pages, but for a paper that stands elsewhere."""
    rows = list(ROWS)
    rows[3], rows[50] = replace(rows[3], title=""), replace(rows[50], deleted=True)
    rows[60], rows[99] = replace(rows[0], title=""), replace(rows[1], deleted=True)
    oaipmh.serve(arxiv, rows)
    gathered = gather(arxiv.url, tmp_path)

    assert ([name for name, _ in gathered.faults], gathered.deleted) == ([IDS[3]], (IDS[50],))
    assert set(ids(gathered)) == set(IDS) - {IDS[number] for number in (3, 50, 60, 99)}


def test_what_is_said(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """Each request is told, and that none is needed."""
    oaipmh.serve(arxiv, ROWS)
    said: list[str] = []
    for _ in range(2):
        patient = harvester(arxiv.url, tmp_path)
        patient.say = said.append
        patient.records("cs.CV", FRIDAY, NOW, since=SETTLED)

    assert [line.partition(" ")[0] for line in said[:3]] == ["asking"] * 3
    assert said[3:] == ["2026-11-20: arXiv's records are kept from before"]


@pytest.mark.parametrize(
    ("url", "suffix"),
    [
        ("https://arxiv.org/list/cs.CV/new", ".html"),
        ("https://arxiv.org/catchup/cs.CV/2026-11-20?abs=True", ".html"),
        ("https://arxiv.org/list/cs.CV/new?next=/oai", ".html"),
        ("https://oaipmh.arxiv.org/oai?verb=Identify", ".xml"),
        ("https://export.arxiv.org/api/query?id_list=2611.00001", ".xml"),
        ("https://rss.arxiv.org/rss/cs.CV", ".xml"),
        ("https://rss.arxiv.org/atom/cs.CV+cs.LG", ".xml"),
    ],
)
def test_names_in_the_store(tmp_path: Path, url: str, suffix: str) -> None:
    """Pages are kept as HTML and all else as XML, and both are found again."""
    answers = Answers(tmp_path)
    answer = Answer(url, 200, b"body", NOW)
    answers.keep(answer, FRIDAY)
    path = answers.refuse(answer, "why")
    found = answers.find(url, FRIDAY)

    assert found is not None
    assert (found.body, [file.suffix for file in (tmp_path / "answers").rglob("*.*ml")], path and path.suffix) == (
        b"body",
        [suffix],
        suffix,
    )


def test_the_oldest_refused_answers_go(tmp_path: Path) -> None:
    """Sixty refused answers are kept, of whichever service."""
    answers = Answers(tmp_path)
    for number in range(70):
        url = "https://example.org/oai" if number % 2 else "https://example.org/list/cs.CV/new"
        answers.refuse(Answer(url, 200, b"%d" % number, NOW.replace(minute=number // 60, second=number % 60)), "why")
    bodies = {path.read_bytes() for path in (tmp_path / "refused").iterdir() if path.suffix != ".json"}

    assert bodies == {b"%d" % number for number in range(10, 70)}
    assert len(list((tmp_path / "refused").glob("*.json"))) == 60


# -- on arXiv's own answers --------------------------------------------------------------------------------------------------


def paths(dataset: str) -> dict[str, str]:
    """Return the files of OAI-PMH's recorded answers by the path and query that they answer."""
    manifest = json.loads((shared() / "arxiv" / "recorded" / "manifest.json").read_bytes())
    rows = [row for row in _rows(manifest) if row["service"] == "oai" and row["file"].startswith(f"{dataset}/")]
    return {row["url_path"]: row["file"] for row in rows}


def _rows(manifest: object) -> Iterator[dict[str, str]]:
    if isinstance(manifest, dict) and "url_path" in manifest:
        yield manifest
    elif isinstance(manifest, dict | list):
        for below in manifest.values() if isinstance(manifest, dict) else manifest:
            yield from _rows(below)


def of_day(day: int, prefix: str = RAW) -> oai.Harvest:
    """Return the recorded records of a day of November 2026."""
    return oai.parse(recorded(paths("nov2026")[oaipmh.first(f"2026-11-{day}", prefix=prefix)]))


LISTED = "ListRecords&metadataPrefix"
READ = {
    "GetRecord&metadataPrefix=arXiv&identifier=oai:arXiv.org:2606.26122": 1,
    "GetRecord&metadataPrefix=arXivRaw&identifier=oai:arXiv.org:2606.26122": 1,
    f"{LISTED}=arXiv&set=cs:cs:CV&from=2026-11-14&until=2026-11-15": 0,
    **{
        f"{LISTED}={prefix}&set=cs:cs:CV&from=2026-11-{day}&until=2026-11-{day}": count
        for prefix in (RAW, ARXIV)
        for day, count in ((16, 0), (17, 301), (18, 118), (19, 0), (20, 141))
    },
}
"""What is asked, and how many records come."""
REFUSED = {
    "Foo": "badVerb: Invalid verb",
    "ListRecords": "badArgument: metadataPrefix required",
    "GetRecord&metadataPrefix=arXiv&identifier=2606.26122": "idDoesNotExist: All identifiers start",
    "GetRecord&metadataPrefix=arXiv&identifier=oai:arXiv.org:9901.99999": "idDoesNotExist: Nothing found",
    f"{LISTED}=arXiv&from=2001-01-01": "badArgument: start date too early",
    f"{LISTED}=arXiv&from=2026-11-20T00:00:00Z": "badArgument: from date format",
    f"{LISTED}=arXiv&set=cs:CV": "badArgument: Set does not exist",
    f"{LISTED}=arXiv&set=cs:cs:CV&from=2026-11-21&until=2026-11-21": "badArgument: until date too late",
    f"{LISTED}=arXiv&until=2030-01-01": "badArgument: until date too late",
    f"{LISTED}=foo": "cannotDisseminateFormat: Did not recognize",
    "ListRecords&resumptionToken=foo": "badResumptionToken: Token decoding failed",
    "ListRecords&resumptionToken=foo&metadataPrefix=arXiv": "badArgument: No other",
}
"""What is asked, and what arXiv says to it."""
OTHER = {
    "Identify", "ListMetadataFormats", "ListSets", "ListIdentifiers&metadataPrefix=arXiv&set=cs:cs:CV&from=2026-11-20&until=2026-11-20",
    f"{LISTED}=oai_dc&set=cs:cs:CV&from=2026-11-20&until=2026-11-20", f"{LISTED}=arXivOld&set=cs:cs:CV&from=2026-11-20&until=2026-11-20",
    "GetRecord&metadataPrefix=oai_dc&identifier=oai:arXiv.org:2606.26122",
}  # fmt: skip
"""What is no list of records, or in a format that is not read."""


def test_every_recorded_answer() -> None:
    """Each of the recorded answers is read, or refused with what arXiv says in it; 16 and 19 November have no records."""
    files = {path.removeprefix("/oai?verb="): file for path, file in paths("nov2026").items()}
    assert set(files) == {*READ, *REFUSED, *OTHER}

    for asked, count in READ.items():
        harvest = oai.parse(recorded(files[asked]))
        found = (len(harvest.records), harvest.none, harvest.faults, harvest.deleted, harvest.token)
        assert found == (count, not count, (), (), ""), asked
    for asked, said in REFUSED.items():
        with pytest.raises(QueryError, match=f"answered {said}"):
            oai.parse(recorded(files[asked]))
    for asked in OTHER:
        with pytest.raises(LayoutError, match=r"no list of up to|another format"):
            oai.parse(recorded(files[asked]))


def test_every_category_has_its_set() -> None:
    """The set of each category, and of each archive, is one that arXiv lists."""
    body = recorded(paths("nov2026")["/oai?verb=ListSets"]).decode()
    listed = {part.partition("<")[0] for part in body.split("<setSpec>")[1:]}
    categories = resources.categories()

    assert len(categories) > 150
    assert {oai.set_of(category) for category in categories} - listed == set()
    assert {oai.set_of(category.partition(".")[0]) for category in categories} - listed == set()


@pytest.mark.parametrize("day", [17, 18, 20])
def test_both_formats_say_the_same(day: int) -> None:
    """Both formats give the same papers in the same order with the same texts; only the raw one knows the versions."""
    raw, other = of_day(day), of_day(day, ARXIV)
    bare = [replace(record.paper, version=None, submitted=None, updated=None) for record in raw.records]

    assert [record.paper for record in other.records] == bare
    assert {record.datestamp for record in (*raw.records, *other.records)} == {date(2026, 11, day)}
    assert all(record.paper.submitted == record.versions[0] and record.paper.updated == record.versions[-1] for record in raw.records)
    assert [record.paper.id for record in raw.records if record.withdrawn] == (["2606.14351"] if day == 20 else [])
    assert [record.paper.id for record in other.records if record.withdrawn] == (["2606.14351"] if day == 20 else [])


LINKED = {17: {"2606.21113", "2606.21115", "2606.22439"}, 18: {"2606.24178", "2606.24786"}, 20: {"2606.27128"}}
"""Abstracts with an address without its scheme, which arXiv's page makes a link with one: the record has what was submitted."""


@PREFIXES
@pytest.mark.parametrize("day", [17, 18, 20])
def test_records_and_the_page_of_their_date(day: int, prefix: str) -> None:
    """The records of a date are the papers of its page, text by text; what is on one side only is named here.

    OAI-PMH cannot tell which kind an entry is. A paper in its sixth version or a later one has a record and is not
    announced, so the page decides. 17 and 18 November are equal.
    """
    page = listing.parse(recorded(f"nov2026/html_catchup_cs.CV_2026-11-{day}_abs=True{'_page=1' if day == 20 else ''}.html"))
    announced = {entry.paper.id: entry.paper for section in page.sections for entry in section.entries}
    records = {record.paper.id: record.paper for record in of_day(day, prefix).records}

    assert set(records) - set(announced) == ({"2606.14072"} if day == 20 else set())
    assert set(announced) - set(records) == set()
    both = [(paper, records[name]) for name, paper in announced.items()]
    for field in ("title", "authors", "categories", "comments", "journal_ref"):
        assert [(ours.id, field) for ours, theirs in both if getattr(ours, field) != getattr(theirs, field)] == []
    assert {ours.id for ours, theirs in both if ours.abstract != theirs.abstract} == LINKED[day]
    assert [ours.id for ours, theirs in both if _without_schemes(ours.abstract) != _without_schemes(theirs.abstract)] == []


def _without_schemes(text: str) -> str:
    return text.replace("https://doi.org/", "").replace("http://", "")


def test_what_versions_tell() -> None:
    """On 20 November the replaced papers have several versions and the new ones have one; what is hidden is in its sixth."""
    page = listing.parse(recorded("nov2026/html_catchup_cs.CV_2026-11-20_abs=True_page=1.html"))
    kinds = {entry.paper.id: entry.kind for section in page.sections for entry in section.entries}
    versions = {record.paper.id: record.paper.version or 0 for record in of_day(20).records}

    assert {versions[name] for name, kind in kinds.items() if kind is Kind.NEW} == {1}
    assert min(versions[name] for name, kind in kinds.items() if kind in (Kind.REPLACED, Kind.REPLACED_CROSS)) > 1
    assert versions["2606.14072"] == 6


def test_the_recorded_pages(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """The harvest over eleven pages is followed to its end: each paper once, and as the two dates say in one page each."""
    for path, file in paths("oai-paged").items():
        arxiv.pages[path] = recorded(file)
    asker = harvester(arxiv.url, tmp_path)
    asker.prefix = ARXIV
    gathered = asker.records("cs.CV", date(2026, 11, 17), NOW, since=SETTLED, until=date(2026, 11, 18))

    assert len(gathered.urls) == len(set(arxiv.asked)) == 11
    assert gathered.records == of_day(17, ARXIV).records + of_day(18, ARXIV).records
    assert len({record.paper.id for record in gathered.records}) == len(gathered.records) == 419
    pages = [oai.parse(recorded(file)) for path, file in paths("oai-paged").items() if "%0A" not in path]
    assert sorted(len(page.records) for page in pages) == [19, *[40] * 10]
    assert [page.token for page in pages].count("") == 1


def test_an_empty_token_that_is_asked_for() -> None:
    """What arXiv answers to white space for a token is an error, and would be told as one."""
    (file,) = (file for path, file in paths("oai-paged").items() if "%0A" in path)

    with pytest.raises(oai.TokenError, match="badResumptionToken"):
        oai.parse(recorded(file))
