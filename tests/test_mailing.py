"""arXiv's e-mail announcements: what they hold is read, and what is cut or foreign is refused."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from digest.arxiv import mailing
from digest.core.domain import Entry, Kind, Paper
from digest.errors import IncompleteError, LayoutError, NotYetError, SourceError, StaleError
from tests import mailings
from tests.mailings import Item
from tests.reference import recorded

DAY = date(2026, 11, 20)
ITEMS = (
    Item(
        "2611.00001",
        'Boats & \\"Ubungen with\n  a second line',
        "  A first paragraph over\ntwo lines.\n  A second one: https://example.org/x",
        'The Boat Collaboration: A. Example (1), Zo\\"e E. Two (1 and 2) and C.\n  Three, Jr. ((1) An Institute, (2) Another)',
        "cs.CV cs.LG",
        "12 pages,\n  3 figures",
        "Report-no: X-1\nJournal-ref: J. 1 (2026)\nDOI: 10.1/x\nLicense: http://creativecommons.org/licenses/by/4.0/\n",
        at=datetime(2026, 11, 19, 1, 2, 3, tzinfo=UTC),
    ),
    Item("2611.00002", categories="cs.LG cs.CV"),
    Item("2611.00003", categories="cs.LG stat.ML"),
    Item("2611.00004", categories="eess.IV cs.CV", cross=True),
    Item("2610.00005", categories="cs.CV", replaced=True),
    Item("cs/0703101", categories="cs.GR cs.CV", replaced=True),
    Item("2609.00006", categories="math.NA cs.CV", replaced=True, cross=True),
)
WHOLE = mailings.mailing(ITEMS)
FOOT = WHOLE.index(mailings.END.encode()) + len(mailings.END)


def kinds(entries: tuple[Entry, ...]) -> list[tuple[str, Kind]]:
    """Return what is listed, and how."""
    return [(entry.paper.id, entry.kind) for entry in entries]


def test_every_field_is_read() -> None:
    """A paper comes out of a mail as it comes out of a page, and with what only the mail tells."""
    read = mailing.parse(WHOLE)

    assert read.entries[0].paper == Paper(
        "2611.00001",
        "Boats & Übungen with a second line",
        "A first paragraph over two lines.\nA second one: https://example.org/x",
        ("The Boat Collaboration", "A. Example", "Zoë E. Two", "C. Three, Jr."),
        ("cs.CV", "cs.LG"),
        "12 pages, 3 figures",
        "J. 1 (2026)",
        doi="10.1/x",
        licence="http://creativecommons.org/licenses/by/4.0/",
        submitted=datetime(2026, 11, 19, 1, 2, 3, tzinfo=UTC),
    )
    assert (read.archive, read.category, read.date, read.dates) == ("cs", "", DAY, (DAY,))
    assert (read.start, read.end) == (mailings.START, mailings.FREEZE)
    assert (read.stated, read.faults, read.sealed) == ((3, 1), (), True)


def test_kinds_are_those_of_the_category() -> None:
    """What is new in the archive may be a cross-list for one of its categories, and what is in none of it is left out."""
    assert kinds(mailing.parse(WHOLE).entries) == [
        ("2611.00001", Kind.NEW),
        ("2611.00002", Kind.CROSS),
        ("2611.00004", Kind.CROSS),
        ("2610.00005", Kind.REPLACED),
        ("cs/0703101", Kind.REPLACED_CROSS),
        ("2609.00006", Kind.REPLACED_CROSS),
    ]


def test_a_whole_archive() -> None:
    """An archive is taken as its mail says."""
    read = mailing.parse(WHOLE, category="cs")

    assert Counter(entry.kind for entry in read.entries) == {Kind.NEW: 3, Kind.CROSS: 1, Kind.REPLACED: 2, Kind.REPLACED_CROSS: 1}


def test_moments() -> None:
    """Only the date of a new paper is that of its first version; a replacement tells when this version came in."""
    papers = {entry.paper.id: entry.paper for entry in mailing.parse(WHOLE).entries}
    at = ITEMS[1].at

    assert (papers["2611.00002"].submitted, papers["2611.00002"].updated) == (at, None)
    assert (papers["2611.00004"].submitted, papers["2611.00004"].updated) == (None, None)
    assert (papers["2610.00005"].submitted, papers["2610.00005"].updated) == (None, at)


def test_the_mail_of_a_category() -> None:
    """A mail of one category names it, and states no counts."""
    items = (Item("2611.00001"), Item("2611.00002", categories="cs.LG cs.CV", cross=True))
    read = mailing.parse(mailings.mailing(items, name="cs.CV", subjects=["Computer Vision and Pattern Recognition"]))

    assert (read.archive, read.category, read.subjects) == ("cs", "cs.CV", ("Computer Vision and Pattern Recognition",))
    assert (read.stated, kinds(read.entries)) == (None, [("2611.00001", Kind.NEW), ("2611.00002", Kind.CROSS)])


SUBJECTS = ("Artificial Intelligence", "Computer Vision and Pattern Recognition")


def test_the_mail_to_a_subscriber() -> None:
    """Of several categories that a subscriber has chosen, each is read as its own."""
    items = (Item("2611.00001"), Item("2611.00002", categories="cs.AI cs.CV"), Item("2611.00003", categories="cs.AI"))
    body = mailings.mailing(items, subject="cs daily Subj-class mailing 1 1", subjects=SUBJECTS)

    assert mailing.parse(body).subjects == SUBJECTS
    assert kinds(mailing.parse(body).entries) == [("2611.00001", Kind.NEW), ("2611.00002", Kind.CROSS)]


@pytest.mark.parametrize("category", ["cs.CV", "cs"])
def test_what_the_subscriber_has_not_chosen(category: str) -> None:
    """A category that was not chosen stands in the mail only by its papers that are in others too: that is but a part."""
    items = (Item("2611.00001", categories="cs.AI"), Item("2611.00002", categories="cs.CV cs.AI", cross=True))
    body = mailings.mailing(items, subject="cs daily Subj-class mailing 1 1", subjects=SUBJECTS[:1])

    with pytest.raises(LayoutError, match=f"nothing shows that the mail is that of {category} "):
        mailing.parse(body, category=category)


def test_a_day_without_papers() -> None:
    """A mail without a paper is a whole one."""
    assert mailing.parse(mailings.mailing(())).entries == ()


@pytest.mark.parametrize(
    ("sent", "start", "end", "day"),
    [
        ("2023-03-03T01:29:12", "2023-03-01T19:00", "2023-03-02T19:00", date(2023, 3, 3)),
        ("2023-06-09T00:44:20", "2023-06-07T18:00", "2023-06-08T18:00", date(2023, 6, 9)),
        ("2023-03-13T00:43:00", "2023-03-09T19:00", "2023-03-10T19:00", date(2023, 3, 13)),
        ("2023-06-09T05:10:00", "2023-06-07T18:00", "2023-06-08T18:00", date(2023, 6, 9)),
        ("1999-03-03T22:10:00", "1999-03-01T21:00", "1999-03-02T21:00", date(1999, 3, 4)),
    ],
    ids=["winter", "summer", "Sunday", "after midnight", "the last century"],
)
def test_dates(sent: str, start: str, end: str, day: date) -> None:
    """The date is that of the day after the evening in Ithaca on which the mail was made, at whatever hour it was sent."""
    first, last, at = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, end, sent))
    read = mailing.parse(mailings.mailing(ITEMS, sent=at, start=first, end=last))

    assert (read.date, read.start, read.end) == (day, first, last)
    assert mailing.parse(mailings.mailing(ITEMS, sent=at, start=first, end=last), day=day) == read


def test_another_date() -> None:
    """The announcement of another date is not taken for the one that was asked for."""
    with pytest.raises(StaleError) as caught:
        mailing.parse(WHOLE, day=date(2026, 11, 19))

    assert caught.value.stated == DAY


@pytest.mark.parametrize("encoding", ["7bit", "quoted-printable", "base64"])
@pytest.mark.parametrize("mailbox", [False, True])
def test_a_saved_message(encoding: str, mailbox: bool) -> None:
    """A mail that a program for mail has saved is read like its text."""
    items = (Item("2611.00001", abstract="  An abstract of caf\u00e9s.\nFrom here on = more.\n" + "x" * 200),)
    text = mailings.mailing(items)

    assert mailing.parse(mailings.message(text, encoding=encoding, mailbox=mailbox)) == mailing.parse(text)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: b"\n\n" + text,
        lambda text: text[: FOOT + 1],
        lambda text: b"From no-reply@example.org Fri Nov 20 01:29:12 2026\n" + text,
    ],
    ids=["CRLF", "byte order mark", "blank lines", "no foot", "mailbox"],
)
def test_wrappings_that_change_nothing(change: Callable[[bytes], bytes]) -> None:
    """Line ends, a mark at the start and a lost foot are nothing."""
    assert mailing.parse(change(WHOLE)) == mailing.parse(WHOLE)


def test_latin_1() -> None:
    """A mail in Latin-1 is read as such."""
    text = mailings.mailing([Item("2611.00001", title="Caf\u00e9s")]).decode()

    assert mailing.parse(text.encode("latin-1")).entries[0].paper.title == "Caf\u00e9s"


def test_texts_are_plain() -> None:
    """Nothing in a mail is taken for HTML, and no control character gets through."""
    item = Item("2611.00001", "<b>x</b> \u202e&amp; \x07y", "  A\u200b \x1b[31mred\x1b[0m one.")
    paper = mailing.parse(mailings.mailing([item])).entries[0].paper

    assert (paper.title, paper.abstract) == ("<b>x</b> &amp; y", "A [31mred[0m one.")


def test_lines_that_look_like_marks() -> None:
    """A rule or a TeX line break inside of an abstract ends no entry."""
    abstract = f"  A table:\n{mailings.RULE}\na & b \\\\\n\\\\\nc\n{mailings.RULE}\nEnd."
    read = mailing.parse(mailings.mailing([Item("2611.00001", abstract=abstract), Item("2611.00002")]))

    assert [entry.paper.id for entry in read.entries] == ["2611.00001", "2611.00002"]
    assert read.entries[0].paper.abstract.endswith(" End.")


def test_a_field_without_end() -> None:
    """A mail of many megabytes takes seconds, not hours."""
    item = Item("2611.00001", comments="x\n" + "  " + "\n  ".join("word" for _ in range(300_000)))
    started = time.process_time()
    paper = mailing.parse(mailings.mailing([item])).entries[0].paper

    assert len(paper.comments) > 1_000_000
    assert time.process_time() - started < 10


# -- whole or refused ------------------------------------------------------------------------------------------------


def test_every_cut_is_refused() -> None:
    """Wherever a mail ends before its end mark does, nothing comes out of it."""
    for length in range(FOOT):
        with pytest.raises((IncompleteError, LayoutError)):
            mailing.parse(WHOLE[:length])


def test_a_cut_mail_may_come_again() -> None:
    """A mail that is cut within its entries is a matter of trying again."""
    with pytest.raises(IncompleteError, match="before its end mark"):
        mailing.parse(WHOLE[: len(WHOLE) // 2])


@pytest.mark.parametrize("lost", ["2611.00003", "2611.00004"])
def test_an_entry_that_is_gone(lost: str) -> None:
    """What the subject of an archive's mail counts, new papers and cross-lists of all its categories, must be there."""
    item = next(item for item in ITEMS if item.id == lost).text().encode()

    with pytest.raises(IncompleteError, match="states 3 new papers and 1 cross-lists, and holds"):
        mailing.parse(WHOLE.replace(item, b""))


def test_a_fault_is_named() -> None:
    """One block in thirty that is no entry does not cost the others."""
    items = [Item(f"2611.{number:05}") for number in range(30)]
    read = mailing.parse(mailings.mailing(items).replace(b"arXiv:2611.00007\n", b"arXiv:nonsense\n"))

    assert len(read.entries) == 29
    assert len(read.faults) == 1
    assert "nonsense" in read.faults[0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"arXiv:2611.00001\n", b"arXiv:nonsense\n"),
        (b"arXiv:2611.00002\n", b"arXiv:2611.00001\n"),
        (b"Title: ", b"Headline: "),
        (b"Categories: cs.LG cs.CV", b"Categories: <b>"),
        (b"abs/2611.00003", b"abs/2611.00009"),
        (b"replaced with revised version", b"Date:"),
        (b"2611.00004 (*cross-listing*)", b"2611.00004"),
        (b"\\\\ ( https://arxiv.org/abs/2611.00003 ,  12kb)\n", b""),
        (b"\\\\ ( https://arxiv.org/abs/2611.00003 ,  12kb)\n", b"\\\\ ( https://arxiv.org/abs/2611.00003 ,  12kb)\nmore\n"),
        (mailings.CROSSES.encode() + b"\n", mailings.REPLACEMENTS.encode() + b"\n"),
        (b"Subject: cs daily", b"Subject: Re: cs daily"),
        (b"Date: Fri, 20 Nov 26", b"Date: Fri, 27 Nov 26"),
        (b"Date: Fri, 20 Nov 26", b"Date: Fri, 32 Nov 26"),
        (b"Date: Fri, 20 Nov 26", b"Date: Sat, 21 Nov 26"),
        (b"received from", b"sent from"),
        (b"Thu 19 Nov 26 19:00:00 GMT\n", b"Tue 17 Nov 26 19:00:00 GMT\n"),
    ],
)
def test_what_is_no_announcement(old: bytes, new: bytes) -> None:
    """A mail of another shape is refused, and so is one with more than one fault in twenty entries."""
    assert old in WHOLE
    with pytest.raises(LayoutError):
        mailing.parse(WHOLE.replace(old, new, 1))


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", IncompleteError),
        (b" \n\n", IncompleteError),
        (b"Dear reader,\n\nbuy this.\n", LayoutError),
        (b"<!DOCTYPE html><html><body></body></html>", LayoutError),
        (b"\x00\xff\xfe" * 99, LayoutError),
        (b"MIME-Version: 1.0\nContent-Type: text/html\n\n<p>x</p>", LayoutError),
        (b"MIME-Version: 1.0\n" + b"Content-Type: multipart/mixed; boundary=x\n\n--x\n" * 3000, LayoutError),
        (b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n" + b"--x\n\n" * 3000, LayoutError),
        (mailings.message(WHOLE, encoding="base64", mailbox=True) * 2, LayoutError),
    ],
    ids=["empty", "blank", "another mail", "HTML", "binary", "no plain text", "parts in parts", "many parts", "two messages"],
)
def test_what_is_no_mail(body: bytes, error: type[SourceError]) -> None:
    """A foreign file is an error of its kind."""
    with pytest.raises(error):
        mailing.parse(body)


@pytest.mark.parametrize(("name", "category"), [("astro-ph", "cs.CV"), ("cs.LG", "cs.CV"), ("cs.CV", "cs")])
def test_the_mail_of_others(name: str, category: str) -> None:
    """The mail of another archive, or of one category for a whole archive, would be but a part."""
    with pytest.raises(LayoutError, match=f"that of {name}, not of {category}"):
        mailing.parse(mailings.mailing([Item("2611.00001")], name=name), category=category)


# -- the file of a week ----------------------------------------------------------------------------------------------

WEEK = {DAY: [Item("2611.00004"), Item("2611.00003", categories="cs.LG cs.CV")], date(2026, 11, 18): [Item("2611.00001")]}


def test_the_file_of_a_week() -> None:
    """One date is read out of it, the newest unless another one is asked for."""
    body = mailings.week(WEEK)
    newest, oldest = mailing.parse(body), mailing.parse(body, day=date(2026, 11, 18))

    assert newest.dates == oldest.dates == (DAY, date(2026, 11, 18))
    assert (newest.date, kinds(newest.entries)) == (DAY, [("2611.00004", Kind.NEW), ("2611.00003", Kind.CROSS)])
    assert (oldest.date, kinds(oldest.entries)) == (date(2026, 11, 18), [("2611.00001", Kind.NEW)])
    assert {entry.paper.abstract for entry in newest.entries} == {""}


def test_the_end_of_a_week_is_not_marked() -> None:
    """Nothing shows that the last date of the file is whole, and the reader is told."""
    body = mailings.week(WEEK)

    assert mailing.parse(body).sealed
    assert not mailing.parse(body, day=date(2026, 11, 18)).sealed


def test_a_date_that_the_week_does_not_hold() -> None:
    """A date between those of the file is not in it."""
    with pytest.raises(StaleError) as caught:
        mailing.parse(mailings.week(WEEK), day=date(2026, 11, 19))

    assert caught.value.stated == DAY


def test_a_cut_week() -> None:
    """A cut within an entry is noticed, and one after an entry leaves a date that is not said to be whole."""
    body = mailings.week(WEEK)
    for length in range(1, len(body.rstrip())):
        try:
            read = mailing.parse(body[:length])
        except SourceError:
            continue
        whole = mailing.parse(body)
        assert read.entries == whole.entries[: len(read.entries)]
        assert read.entries == whole.entries or not read.sealed


def test_a_week_out_of_order() -> None:
    """A file whose dates do not go backwards is none of arXiv's."""
    with pytest.raises(LayoutError, match="not in order"):
        mailing.parse(mailings.week(dict(reversed(WEEK.items()))))


def test_the_week_of_another_archive() -> None:
    """A file that does not say whose it is gives itself away by its papers."""
    with pytest.raises(LayoutError, match="not that of math"):
        mailing.parse(mailings.week(WEEK), category="math.AG")


# -- arXiv's own mails -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "category", "day", "counts"),
    [
        ("astro-ph_listings_new", "astro-ph", date(2023, 3, 3), (53, 4, 29, 11)),
        ("astro-ph_listings_new.CO", "astro-ph.CO", date(2023, 3, 3), (5, 2, 5, 11)),
        ("math_listings_new.AG", "math.AG", date(2023, 6, 9), (0, 1, 0, 1)),
        ("q-fin_listings_new", "q-fin", date(2023, 3, 17), (13, 0, 3, 0)),
        ("q-fin_listings_new.GN", "q-fin.GN", date(2023, 3, 16), (1, 0, 4, 1)),
        ("q-fin_listings_new.PR", "q-fin.PR", date(2023, 3, 13), (1, 1, 1, 1)),
        ("astro-ph_listings_pastweek", "astro-ph", date(2023, 3, 3), (53, 4, 0, 0)),
        ("math_listings_pastweek.AG", "math.AG", date(2023, 3, 3), (1, 0, 0, 0)),
    ],
)
def test_recorded_mails(name: str, category: str, day: date, counts: tuple[int, ...]) -> None:
    """Every recorded mail is read to its end, without a fault."""
    read = mailing.parse(recorded(f"mailings/email_{name}.txt"), category=category)

    assert (read.date, read.faults) == (day, ())
    assert tuple(sum(entry.kind is kind for entry in read.entries) for kind in Kind) == counts


def test_recorded_windows() -> None:
    """A mail states the window of its submissions, and the date agrees with the rule."""
    read = mailing.parse(recorded("mailings/email_q-fin_listings_new.PR.txt"), category="q-fin.PR")

    assert read.start == datetime(2023, 3, 9, 19, tzinfo=UTC)
    assert read.end == datetime(2023, 3, 10, 19, tzinfo=UTC)


def test_the_mail_of_the_archive_and_that_of_the_category() -> None:
    """For one category they hold the same papers in the same ways; the whole of it stands in the mail of the archive."""
    archive = mailing.parse(recorded("mailings/email_astro-ph_listings_new.txt"), category="astro-ph.CO")
    own = mailing.parse(recorded("mailings/email_astro-ph_listings_new.CO.txt"), category="astro-ph.CO")

    assert sorted(kinds(archive.entries)) == sorted(kinds(own.entries))
    assert (archive.start, archive.end, archive.date) == (own.start, own.end, own.date)
    texts = [
        {entry.paper.id: (entry.paper.title, entry.paper.abstract, entry.paper.authors) for entry in read.entries}
        for read in (archive, own)
    ]
    assert texts[0] == texts[1]


def test_the_recorded_week_and_the_recorded_mail() -> None:
    """The newest date of the week holds what the mail of that date announces as new and as cross-lists."""
    week = mailing.parse(recorded("mailings/email_astro-ph_listings_pastweek.txt"), category="astro-ph")
    mail = mailing.parse(recorded("mailings/email_astro-ph_listings_new.txt"), category="astro-ph")
    announced = [entry for entry in mail.entries if entry.kind in (Kind.NEW, Kind.CROSS)]

    assert len(week.entries) == 57
    assert sorted(kinds(week.entries)) == sorted(kinds(tuple(announced)))
    assert {(entry.paper.id, entry.paper.title) for entry in week.entries} == {(e.paper.id, e.paper.title) for e in announced}


def test_the_dates_of_the_recorded_week() -> None:
    """Five dates stand in the file, each with as many entries as there are."""
    body = recorded("mailings/email_astro-ph_listings_pastweek.txt")
    dates = mailing.parse(body, category="astro-ph").dates

    assert [len(mailing.parse(body, category="astro-ph", day=day).entries) for day in dates] == [57, 71, 58, 78, 56]


def test_a_recorded_mail_that_is_cut() -> None:
    """A real mail that ends too early is refused, at whatever line it ends."""
    lines = recorded("mailings/email_q-fin_listings_new.GN.txt").splitlines(keepends=True)
    end = next(index for index, line in enumerate(lines) if line.startswith(b"%%%---"))

    for length in range(end):
        with pytest.raises((NotYetError, LayoutError)):
            mailing.parse(b"".join(lines[:length]), category="q-fin.GN")


@pytest.mark.parametrize(
    "head",
    [
        b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=" + b"; " * 100_000,
        b"MIME-Version: 1.0\n" + b"X-Received: by one\n" * 10_000 + b"Content-Type: text/plain",
    ],
    ids=["a long one", "many"],
)
def test_headers_without_measure(head: bytes) -> None:
    """Headers longer than those of any mail are refused before the library takes them apart."""
    with pytest.raises(LayoutError, match="headers of the message are longer than 64 KiB"):
        mailing.parse(head + b"\n\n" + mailings.mailing([Item("2611.00001")]))


def test_lines_without_measure() -> None:
    """A mail of more lines than a hundred weeks have is refused before anybody goes through them."""
    with pytest.raises(LayoutError, match="more than 500000 lines"):
        mailing.parse(mailings.mailing([Item("2611.00001", comments="\n" * 500_000)]))


def test_a_line_of_clocks() -> None:
    """A line that might begin another message, in a hundred thousand ways, is looked at once: the square of it would be hours."""
    body = b"From a b 00:00\nFrom a " + b"00:00 " * 100_000 + b"\n-\n" + mailings.mailing([Item("2611.00001")])

    with pytest.raises(SourceError):
        mailing.parse(body)
