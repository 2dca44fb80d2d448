"""Which service answers for which date, and that nothing but a whole answer of that date makes a digest."""

import gzip
import json
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from digest import resources
from digest.arxiv import listing
from digest.arxiv.answers import Answers
from digest.arxiv.client import Client
from digest.arxiv.exchange import Limits
from digest.core.domain import Announcement, State
from digest.errors import (
    DigestError,
    IncompleteError,
    LayoutError,
    NotYetError,
    OutOfReachError,
    SourceError,
    StaleError,
    UnreachableError,
    UsageError,
)
from digest.source import Source
from tests import pages, rss, servers
from tests.pages import Fake
from tests.reference import recorded

FRIDAY, THURSDAY, WEDNESDAY = date(2026, 11, 20), date(2026, 11, 19), date(2026, 11, 18)
EVENING = datetime(2026, 11, 20, 6, tzinfo=UTC)
"""Friday's announcement has been out for five hours."""
FAKES = tuple(
    Fake(f"2611.{number:05}", f"Paper {number}", kind=kind, categories=("cs.RO", "cs.CV") if kind == "cross" else ("cs.CV",))
    for number, kind in enumerate(("new",) * 60 + ("cross",) * 20 + ("replaced",) * 13)
)
OLDER = tuple(Fake(f"2611.1{number:04}") for number in range(7))
ONE_TRY = Limits(connect=2, read=2, total=4, tries=1, back_off=0, patience=1)


@pytest.fixture
def arxiv() -> Iterator[servers.Arxiv]:
    """Serve Friday on /new and on /catchup, Wednesday on /catchup, and nothing for Thursday."""
    with servers.arxiv() as state:
        state.pages["/list/cs.CV/new"] = pages.new(FAKES, FRIDAY)
        state.pages["/catchup/cs.CV/2026-11-20?abs=True"] = pages.catchup(FAKES, FRIDAY)
        state.pages["/catchup/cs.CV/2026-11-19?abs=True"] = pages.catchup((), THURSDAY, following=FRIDAY)
        state.pages["/catchup/cs.CV/2026-11-18?abs=True"] = pages.catchup(OLDER, WEDNESDAY, following=FRIDAY)
        yield state


def ask(
    url: str, folder: Path, day: date | None, *, now: datetime = EVENING, source: str = "auto", category: str = "cs.CV"
) -> Announcement:
    """Ask a fresh source, as one run of the program does."""
    client = Client(0, folder, loopback=True, limits=ONE_TRY)
    return Source(client.get, Answers(folder), resources.calendar(), url).announcement(category, day, now, source)


def ids(announcement: Announcement) -> set[str]:
    """Return the identifiers in an announcement."""
    return {entry.paper.id for entry in announcement.entries}


def test_the_newest(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """Without a date, the date is the one that the newest page states."""
    found = ask(arxiv.url, tmp_path, None)

    assert (found.date, found.state, ids(found)) == (FRIDAY, State.PUBLISHED, {fake.id for fake in FAKES})
    assert arxiv.asked == ["/list/cs.CV/new"]
    assert found.remarks == ()


def test_an_older_date(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """A date before the newest is asked of the catch-up service."""
    assert ids(ask(arxiv.url, tmp_path, WEDNESDAY)) == {fake.id for fake in OLDER}
    assert arxiv.asked == ["/catchup/cs.CV/2026-11-18?abs=True"]


def test_a_date_is_asked_for_once(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """A complete date is never asked for again: not by a second run, not when it is no longer the newest."""
    first = [ask(arxiv.url, tmp_path, None), ask(arxiv.url, tmp_path, WEDNESDAY), ask(arxiv.url, tmp_path, THURSDAY)]
    asked = len(arxiv.asked)
    second = [ask(arxiv.url, tmp_path, None), ask(arxiv.url, tmp_path, WEDNESDAY), ask(arxiv.url, tmp_path, THURSDAY)]

    assert first == second
    assert ask(arxiv.url, tmp_path, FRIDAY, now=datetime(2027, 6, 1, tzinfo=UTC)) == first[0]
    assert asked == len(arxiv.asked) == 3


def test_a_kept_answer_that_was_changed(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """An answer whose bytes are no longer those that came is asked for again."""
    ask(arxiv.url, tmp_path, WEDNESDAY)
    kept = next((tmp_path / "answers").rglob("*.html"))
    kept.write_bytes(kept.read_bytes().replace(b"2611.10000", b"2611.66666"))

    assert "2611.10000" in ids(ask(arxiv.url, tmp_path, WEDNESDAY))
    assert len(arxiv.asked) == 2


def test_a_kept_answer_of_an_unknown_moment(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """A kept answer whose moment has lost its time zone is taken for none, and asked for again."""
    first = ask(arxiv.url, tmp_path, WEDNESDAY)
    (about,) = tmp_path.glob("answers/2026-11-18/*.json")
    facts = json.loads(about.read_text("utf-8"))
    about.write_text(json.dumps({**facts, "fetched": datetime.fromisoformat(facts["fetched"]).replace(tzinfo=None).isoformat()}), "utf-8")

    assert ask(arxiv.url, tmp_path, WEDNESDAY) == first
    assert len(arxiv.asked) == 2
    assert json.loads(about.read_text("utf-8")) == facts


def test_a_holiday_that_was_none(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """Where /new states a date that the table of holidays closes, the second category is asked for it like the first."""
    holiday = date(2026, 9, 8)
    others = (Fake("2609.00001", categories=("eess.IV",)), Fake("2609.00002", categories=("eess.IV", "cs.CV")))
    arxiv.pages["/list/cs.CV/new"] = pages.new(FAKES, holiday)
    arxiv.pages["/list/eess.IV/new"] = pages.new(others, holiday, category="eess.IV")
    now = datetime(2026, 9, 8, 6, tzinfo=UTC)
    found = ask(arxiv.url, tmp_path, None, now=now, category="cs.CV+eess.IV")

    assert resources.calendar().closure(holiday)
    assert (found.date, ids(found)) == (holiday, {fake.id for fake in (*FAKES, *others)})
    assert arxiv.asked == ["/list/cs.CV/new", "/list/eess.IV/new"]


def test_a_page_from_while_arxiv_publishes(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """A page read in the hour and a half of publishing makes a digest with a remark, and is read again later."""
    early = datetime(2026, 11, 20, 1, 20, tzinfo=UTC)
    arxiv.pages["/list/cs.CV/new"] = pages.new(FAKES[:50], FRIDAY)
    first = ask(arxiv.url, tmp_path, None, now=early)
    arxiv.pages["/list/cs.CV/new"] = pages.new(FAKES, FRIDAY)

    assert "02:30 UTC" in first.remarks[0]
    assert len(ask(arxiv.url, tmp_path, None).entries) == len(FAKES)


@pytest.mark.parametrize("show", [25, 50, 10])
def test_pages_are_followed(tmp_path: Path, show: int) -> None:
    """A day that arXiv gives in pages is whole, in both services."""
    with servers.arxiv() as arxiv:
        for skip in range(0, len(FAKES), show):
            address = "/list/cs.CV/new" + (f"?skip={skip}&show={show}" if skip else "")
            arxiv.pages[address] = pages.new(FAKES, FRIDAY, skip=skip, show=show)
            address = "/catchup/cs.CV/2026-11-20?abs=True" + (f"&page={skip // show + 1}" if skip else "")
            arxiv.pages[address] = pages.catchup(FAKES, FRIDAY, page=skip // show + 1, show=show)
        for source in ("listing", "catchup"):
            found = ask(arxiv.url, tmp_path, FRIDAY, source=source)
            assert ids(found) == {fake.id for fake in FAKES}
            assert len(found.entries) == len(FAKES)
        asked = len(arxiv.asked)

        assert ids(ask(arxiv.url, tmp_path, FRIDAY)) == {fake.id for fake in FAKES}
        assert len(arxiv.asked) == asked


def test_pages_that_change_while_they_are_read(tmp_path: Path) -> None:
    """When the second page belongs to another announcement, there is no digest."""
    with servers.arxiv() as arxiv:
        arxiv.pages["/list/cs.CV/new"] = pages.new(FAKES, FRIDAY, show=50)
        arxiv.pages["/list/cs.CV/new?skip=50&show=50"] = pages.new(FAKES, date(2026, 11, 23), skip=50, show=50)

        with pytest.raises(IncompleteError, match="changed while they were read"):
            ask(arxiv.url, tmp_path, None)


def test_pages_that_end_too_early(tmp_path: Path) -> None:
    """When a page is empty before the entries are all there, there is no digest."""
    with servers.arxiv() as arxiv:
        arxiv.pages["/list/cs.CV/new"] = pages.new(FAKES, FRIDAY, show=50)
        arxiv.pages["/list/cs.CV/new?skip=50&show=50"] = pages.new(FAKES, FRIDAY, skip=500, show=50)

        with pytest.raises(IncompleteError, match="end before their 93 entries do"):
            ask(arxiv.url, tmp_path, None)


def test_no_announcement(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """A date that arXiv has passed without an announcement is none, and says which one comes next."""
    found = ask(arxiv.url, tmp_path, THURSDAY)

    assert (found.state, found.entries) == (State.NONE, ())
    assert "the next announcement is that of 2026-11-20" in found.reason


@pytest.mark.parametrize(("day", "why"), [(date(2026, 11, 15), "Saturday or a Sunday"), (date(2026, 9, 8), "holiday")])
def test_closed_dates_need_no_question(arxiv: servers.Arxiv, tmp_path: Path, day: date, why: str) -> None:
    """A weekend and a known holiday are told without asking arXiv; a named service is asked all the same."""
    found = ask(arxiv.url, tmp_path, day)

    assert (found.state, arxiv.asked) == (State.NONE, [])
    assert why in found.reason
    with pytest.raises(SourceError):
        ask(arxiv.url, tmp_path, day, source="catchup")
    assert len(arxiv.asked) == 1


def test_no_updates_and_nothing_later(tmp_path: Path) -> None:
    """No updates on a date after which arXiv names none is not final."""
    with servers.arxiv() as arxiv:
        arxiv.pages["/catchup/cs.CV/2026-11-19?abs=True"] = pages.catchup((), THURSDAY)

        with pytest.raises(NotYetError, match="no later date yet"):
            ask(arxiv.url, tmp_path, THURSDAY)


def test_an_empty_newest_page(tmp_path: Path) -> None:
    """An empty page of the newest announcement is a reason to wait, not a day without papers."""
    with servers.arxiv() as arxiv:
        arxiv.pages["/list/cs.CV/new"] = pages.new((), FRIDAY)

        with pytest.raises(NotYetError, match="no updates for 2026-11-20 so far"):
            ask(arxiv.url, tmp_path, None)


@pytest.mark.parametrize(
    ("day", "error", "said"),
    [
        (date(2026, 11, 23), NotYetError, "not announced yet; arXiv announces it on 2026-11-23 at 01:00 UTC"),
        (date(2026, 11, 24), UsageError, "lies in the future"),
        (date(2099, 1, 1), UsageError, "lies in the future"),
        (date(2026, 11, 21), UsageError, "lies in the future"),  # a Saturday, but not yet
        (date(1991, 8, 13), UsageError, "before arXiv"),
        (date(2026, 8, 19), OutOfReachError, "more than 90 days"),
    ],
)
def test_dates_that_cannot_be(arxiv: servers.Arxiv, tmp_path: Path, day: date, error: type[DigestError], said: str) -> None:
    """A date that cannot be had is said without asking arXiv."""
    with pytest.raises(error, match=said):
        ask(arxiv.url, tmp_path, day)

    assert arxiv.asked == []


def test_a_stale_page(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """A page of another date makes no digest of the date that was asked for; it is kept for study, and named."""
    with pytest.raises(StaleError, match="shows the announcement of 2026-11-20, not that of 2026-11-23") as caught:
        ask(arxiv.url, tmp_path, date(2026, 11, 23), now=datetime(2026, 11, 23, 5, tzinfo=UTC))

    assert caught.value.exit_status == 75
    assert any(str(path) in str(caught.value) for path in (tmp_path / "refused").glob("*.html"))


def test_a_newest_page_that_is_ahead(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """When arXiv's newest page is already past the date, the date is asked of the catch-up service."""
    found = ask(arxiv.url, tmp_path, THURSDAY, now=datetime(2026, 11, 19, 12, tzinfo=UTC))

    assert (found.state, found.provenance.service) == (State.NONE, "catchup")


def test_a_newer_announcement_is_due(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """Without a date, the stated one is made, with a remark that a newer one is due."""
    found = ask(arxiv.url, tmp_path, None, now=datetime(2026, 11, 23, 5, tzinfo=UTC))

    assert found.date == FRIDAY
    assert found.remarks == ("a newer announcement, that of 2026-11-23, is due by now; arXiv still shows 2026-11-20",)


@pytest.mark.parametrize(
    ("body", "error", "said"),
    [
        (pages.new(FAKES, FRIDAY).replace(b"showing 60 of 60", b"showing 60 of 61"), IncompleteError, "60 of 61 new entries"),
        (pages.new(FAKES, FRIDAY).replace(b"Total of 93", b"Total of 92"), IncompleteError, "states 92 entries in all, its sections 93"),
        (pages.new(FAKES, FRIDAY)[:-300], IncompleteError, "before the page does"),
        (b"<html><body><h1>Down for maintenance</h1></body></html>", LayoutError, "Down for maintenance"),
        (pages.new(FAKES, FRIDAY).replace(b"Friday, 20", b"Someday, the 20th"), LayoutError, "states no date"),
        (pages.new((), FRIDAY, category="cs.CV").replace(b"<h3>", b"<h4>"), LayoutError, "states no date"),
        (
            pages.new(FAKES, FRIDAY).replace(b"<dl", b"<ul").replace(b"Total of 93", b"Total of 0"),
            LayoutError,
            "does not say that there are none",
        ),
        (pages.new(FAKES, FRIDAY).replace(b"Total of 93", b"Many"), LayoutError, "does not state how many entries there are"),
        (pages.new(FAKES, FRIDAY).replace(b" (showing 60 of 60 entries)", b""), LayoutError, "does not state how many entries it shows"),
        (pages.new([Fake("2611.00001", categories=("cs.LG",))], FRIDAY, category="cs.LG"), LayoutError, "that of cs.LG, not of cs.CV"),
    ],
)
def test_pages_that_are_refused(tmp_path: Path, body: bytes, error: type[SourceError], said: str) -> None:
    """A page that does not fit itself is kept for study and named, and never read again."""
    with servers.arxiv() as arxiv:
        arxiv.pages["/list/cs.CV/new"] = body
        for _ in range(2):
            with pytest.raises(error, match=said) as caught:
                ask(arxiv.url, tmp_path, None, source="listing")
            assert str(next((tmp_path / "refused").glob("*.html"))) in str(caught.value)

        assert len(arxiv.asked) == 2
        assert not list((tmp_path).glob("answers/*/*"))


@pytest.mark.parametrize(
    ("headline", "error"),
    [
        ("Invalid archive or category: cs.XX", UsageError),
        ("Invalid subject. Subject must be an archive, category or &#39;grp_physics&#39;", UsageError),
        ("Invalid date: 2026-11-20. Can&#39;t request date later than today", NotYetError),
        ("Invalid date: 2026-11-20. Catchup only allowed for past 90 days", OutOfReachError),
        ("Something else", SourceError),
    ],
)
def test_what_arxiv_refuses(tmp_path: Path, headline: str, error: type[DigestError]) -> None:
    """arXiv's own words for a wrong question decide what kind of mistake it was."""
    with servers.arxiv() as arxiv:
        arxiv.pages["/list/cs.XX/new"] = (400, f"<html><body><h1>{headline}</h1></body></html>".encode(), {})

        with pytest.raises(error) as caught:
            ask(arxiv.url, tmp_path, None, category="cs.XX")
    assert type(caught.value) is error


def test_an_answer_of_another_status_is_kept(tmp_path: Path) -> None:
    """What arXiv answers instead of a page is kept for study, and the error says where and what to do."""
    with servers.arxiv() as arxiv:
        arxiv.pages["/list/cs.CV/new"] = (410, b"", {})
        with pytest.raises(SourceError, match="arXiv answered 410") as caught:
            ask(arxiv.url, tmp_path, None, source="listing")

    assert str(next((tmp_path / "refused").glob("*.html"))) in str(caught.value)
    assert caught.value.advice


def test_a_busy_answer_is_kept(tmp_path: Path) -> None:
    """So is the text with which arXiv says that it is busy."""
    with servers.arxiv() as arxiv:
        arxiv.pages["/list/cs.CV/new"] = (503, b"replica lag", {})
        with pytest.raises(UnreachableError, match="the page is kept"):
            ask(arxiv.url, tmp_path, None, source="listing")

    assert next((tmp_path / "refused").glob("*.html")).read_bytes() == b"replica lag"


def test_a_next_day_that_is_no_date(tmp_path: Path) -> None:
    """A link to a day that does not exist names no next date."""
    with servers.arxiv() as arxiv:
        body = pages.catchup((), THURSDAY, following=FRIDAY).replace(b"/2026-11-20?", b"/2026-13-45?")
        arxiv.pages["/catchup/cs.CV/2026-11-19?abs=True"] = body

        with pytest.raises(NotYetError, match="no later date yet"):
            ask(arxiv.url, tmp_path, THURSDAY)


# -- file:PATH -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [pages.new(FAKES, FRIDAY), gzip.compress(pages.catchup(FAKES, FRIDAY))], ids=["new", "gzipped catchup"])
def test_a_page_out_of_a_file(tmp_path: Path, content: bytes) -> None:
    """A page that somebody kept gives its announcement, whatever the date's age."""
    path = tmp_path / "page.html"
    path.write_bytes(content)

    found = ask("http://127.0.0.1:9", tmp_path, None, source=f"file:{path}", now=datetime(2036, 1, 1, tzinfo=UTC))
    assert (found.date, ids(found)) == (FRIDAY, {fake.id for fake in FAKES})


@pytest.mark.parametrize(
    ("content", "day", "error"),
    [
        (pages.new(FAKES, FRIDAY), THURSDAY, StaleError),
        (pages.new((), FRIDAY), None, NotYetError),
        (pages.new(FAKES, FRIDAY, show=25), None, IncompleteError),
        (pages.new(FAKES, FRIDAY)[:-300], None, IncompleteError),
        (gzip.compress(pages.new(FAKES, FRIDAY))[:-9], None, IncompleteError),
        (b"\x1f\x8bnonsense", None, IncompleteError),
        (b"hello", None, LayoutError),
        (pages.catchup(FAKES, FRIDAY).replace(b"<p class='mathjax'>", b"<p>"), None, LayoutError),
        (b"", None, IncompleteError),
        (b"<html>" + bytes(17 * 2**20), None, SourceError),
        (None, None, UsageError),
    ],
)
def test_files_that_are_no_announcement(tmp_path: Path, content: bytes | None, day: date | None, error: type[DigestError]) -> None:
    """A file of another date, a part of a day, a cut file, another kind of file and none at all are told apart."""
    path = tmp_path / "page.html"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error, match=r"page\.html|no updates for 2026-11-20"):
        ask("http://127.0.0.1:9", tmp_path, day, source=f"file:{path}")


@pytest.mark.parametrize("name", ["~nobody-of-that-name/page.html", "~nobody/page.html", "page\0.html", "."])
def test_files_that_cannot_be_named(tmp_path: Path, name: str) -> None:
    """A home of nobody, a NUL and a folder are names of no file."""
    with pytest.raises(UsageError, match="cannot be read"):
        ask("http://127.0.0.1:9", tmp_path, None, source=f"file:{name}")


def test_a_file_whose_name_is_no_text(tmp_path: Path) -> None:
    """A name that is not UTF-8 is named as far as it is one, whether its file can be used or not."""
    path = tmp_path / os.fsdecode(b"page\xff.html")
    with pytest.raises(UsageError) as caught:
        ask("http://127.0.0.1:9", tmp_path, None, source=f"file:{path}")
    assert str(caught.value).encode()

    try:
        path.write_bytes(pages.new(FAKES, FRIDAY))
    except OSError:
        pytest.skip("this file system takes no such name")
    found = ask("http://127.0.0.1:9", tmp_path, None, source=f"file:{path}")
    assert (found.date, ids(found)) == (FRIDAY, {fake.id for fake in FAKES})
    assert found.provenance.urls == ("page?.html",)


@pytest.mark.parametrize(("category", "expected"), [("cs.CL", 2), ("cs.CV", 0)])
def test_the_feed_of_a_category_out_of_a_file(tmp_path: Path, category: str, expected: int) -> None:
    """A feed that somebody kept is that of its category, and of no other."""
    path = tmp_path / "feed.xml"
    path.write_bytes(
        rss.rss([Fake("2611.00001", categories=("cs.CL",)), Fake("2611.00002", categories=("cs.CL", "cs.CV"))], FRIDAY, codes=["cs.CL"])
    )
    if expected:
        assert len(ask("http://127.0.0.1:9", tmp_path, None, source=f"file:{path}", category=category).entries) == expected
        return
    with pytest.raises(LayoutError, match=r"feed\.xml: the feed is that of cs\.CL, not of cs\.CV"):
        ask("http://127.0.0.1:9", tmp_path, None, source=f"file:{path}", category=category)


# -- cut at every byte ---------------------------------------------------------------------------------------------------

SMALL = tuple(Fake(f"2611.0000{number}", kind=kind) for number, kind in enumerate(("new", "new", "replaced")))
CUT = (
    servers.response(pages.new(SMALL, FRIDAY), length=False),
    servers.response(gzip.compress(pages.new(SMALL, FRIDAY), mtime=0), length=False, headers=("Content-Encoding: gzip",)),
    servers.response(pages.new(SMALL, FRIDAY)),
)


def cut_everywhere(folder: Path, content: bytes, offsets: range, expected: set[str]) -> int:
    """Serve *content* cut at each of *offsets*; return how often the whole announcement came of it.

    Anything else must be an error of ours that leaves nothing behind to be taken for an answer.
    """
    here, whole = 0, 0
    # Where it is cut is not counted by connections: one that a busy machine breaks off would shift all that follow.
    with servers.raw(lambda connection: connection.sendall(content[:here])) as server:
        for offset in offsets:
            here, fresh = offset, folder / str(offset)
            try:
                found = ask(server.url, fresh, None, source="listing")
            except SourceError:
                assert not list(fresh.glob("answers/*/*")), offset
            else:
                assert ids(found) == expected, offset
                assert len(found.entries) == len(expected), offset
                whole += 1
    return whole


@pytest.mark.slow
@pytest.mark.parametrize("content", CUT, ids=["plain", "gzip", "with length"])
def test_a_response_cut_here_and_there(tmp_path: Path, content: bytes) -> None:
    """Wherever a response is cut, there is the whole announcement or none: here at steps of 23 bytes and near the end."""
    expected = {fake.id for fake in SMALL}

    cut_everywhere(tmp_path / "steps", content, range(0, len(content), 23), expected)
    assert cut_everywhere(tmp_path / "end", content, range(len(content) - 40, len(content) + 1), expected) >= 1


@pytest.mark.slow
@pytest.mark.parametrize("content", CUT, ids=["plain", "gzip", "with length"])
def test_a_response_cut_at_every_byte(tmp_path: Path, content: bytes) -> None:
    """Wherever a response is cut, there is the whole announcement or none: at every single byte of it."""
    assert len(content) < 40_000
    whole = cut_everywhere(tmp_path, content, range(len(content) + 1), {fake.id for fake in SMALL})

    # Without a length, the white space after the closing tag may go missing; nothing else may.
    assert 1 <= whole <= 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["html_list_list_cs.CV_new.html", "html_catchup_cs.CV_2026-11-17_abs=True.html"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_recorded_page_cut(tmp_path: Path, name: str, *, packed: bool) -> None:
    """The same for real pages, at some hundred places."""
    body = recorded(f"nov2026/{name}")
    page = listing.parse(body)
    assert page.date is not None
    expected = {entry.paper.id for section in page.sections for entry in section.entries}
    content = servers.response(
        gzip.compress(body, mtime=0) if packed else body, length=False, headers=("Content-Encoding: gzip",) if packed else ()
    )

    cut_everywhere(tmp_path / "steps", content, range(0, len(content), len(content) // 300), expected)
    assert cut_everywhere(tmp_path / "end", content, range(len(content) - 20, len(content) + 1), expected) >= 1
