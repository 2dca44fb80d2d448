"""Asking arXiv's query API: by identifiers and by windows, when it is well and when it is not."""

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.arxiv import listing
from digest.arxiv import lookup as subject
from digest.arxiv.answers import Answers
from digest.arxiv.client import Answer, Client
from digest.arxiv.exchange import Limits
from digest.arxiv.lookup import Found, Lookup
from digest.core.announcements import Calendar
from digest.core.domain import Entry, Kind
from digest.errors import (
    DigestError,
    ForbiddenError,
    IncompleteError,
    LayoutError,
    OutOfReachError,
    QueryError,
    SourceError,
    UnreachableError,
)
from tests import feeds, replayed, servers
from tests.feeds import Api, Question, Row
from tests.reference import recorded, shared

DAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
START, END = datetime(2026, 11, 18, 19, tzinfo=UTC), datetime(2026, 11, 19, 19, tzinfo=UTC)
NOWHERE = Answers(Path(os.devnull))
"""A store that keeps nothing."""
QUICK = Limits(connect=2, read=2, total=4, tries=2, back_off=0.01, patience=5)


@dataclass
class Desk:
    """A client of the API at a server, with what it says and how long it pauses."""

    server: servers.Arxiv
    api: Api
    folder: Path
    said: list[str]
    pauses: list[float]

    def lookup(self, size: int = 10) -> Lookup:
        """Return what one run of the program has; *size* is that of a page of a window."""
        client = Client(0, self.folder / "state", loopback=True, limits=QUICK, sleep=lambda _seconds: None)
        service = f"{self.server.url}/api/query"
        return Lookup(client.get, Answers(self.folder), service, self.said.append, sleep=self.pauses.append, size=size)

    def papers(self, ids: list[str], day: date = DAY) -> Found:
        """Ask by identifiers, in a run of its own."""
        return self.lookup().papers(ids, day, NOW)

    def window(
        self,
        category: str = "cs.CV",
        *,
        start: datetime = START,
        end: datetime = END,
        day: date = DAY,
        now: datetime = NOW,
        since: datetime = NOW - timedelta(hours=1),
        size: int = 10,
    ) -> Found:
        """Ask for a window, in a run of its own."""
        return self.lookup(size).window(category, start, end, day, now, since=since)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Run the API."""
    with servers.arxiv() as server:
        api = Api()
        server.other = api.answer
        yield Desk(server, api, tmp_path, [], [])


def ids(number: int) -> list[str]:
    """Return so many identifiers."""
    return [f"2611.{each:05}" for each in range(1, number + 1)]


def rows(number: int, start: datetime = START) -> list[Row]:
    """Return so many papers, one a minute."""
    return [Row(name, submitted=f"{start + timedelta(minutes=each):%Y-%m-%dT%H:%M:%SZ}") for each, name in enumerate(ids(number))]


Fault = Callable[[Api, Question], bytes | servers.Answer]


def answers(status: int, body: bytes = b"no", headers: dict[str, str] | None = None) -> Fault:
    """Return a fault that answers thus, whatever is asked."""
    return lambda _api, _question: (status, body, headers or {})


INTERNAL = feeds.error("The server encountered an internal error")
ONCE: dict[str, Fault] = {
    "empty": Api.empty,
    "nothing": Api.nothing,
    "short": Api.short,
    "cut": Api.cut,
    "HTML": answers(200, b"<!doctype html><html><title>arXiv is down</title></html>"),
    "a bomb": answers(200, b'<?xml version="1.0"?><!DOCTYPE feed [<!ENTITY a "aaaa">]><feed>&a;</feed>'),
    "406": answers(406),
    "429": answers(429, b"Rate exceeded.", {"Retry-After": "1"}),
    "500": answers(500, INTERNAL),
    "503": answers(503, b"busy", {"Retry-After": "Fri, 20 Nov 2026 06:00:01 GMT", "Date": "Fri, 20 Nov 2026 06:00:00 GMT"}),
}


# -- by identifiers --------------------------------------------------------------------------------------------------


def test_papers_are_asked_for_in_batches(desk: Desk) -> None:
    """A hundred at a time, each once, in the order of time; what comes holds what a listing page does not."""
    old = Row("math/0309136", submitted="2003-09-06T11:00:00Z", updated="2004-02-01T00:00:00Z", version="v2", doi="10.5555/invented")
    desk.api.rows = [*rows(250), old]
    found = desk.papers([*reversed(ids(250)), "2611.00001v3", "math.GT/0309136"])

    assert [len(question.ids) for question in desk.api.asked] == [100, 100, 51]
    assert list(found.papers) == ["math/0309136", *ids(250)]
    paper = found.papers["math/0309136"]
    assert (paper.version, paper.doi) == (2, "10.5555/invented")
    assert (paper.submitted, paper.updated) == (datetime(2003, 9, 6, 11, tzinfo=UTC), datetime(2004, 2, 1, tzinfo=UTC))
    assert [urlsplit(url).path for url in found.urls] == ["/api/query"] * 3
    assert (len(set(found.sha256)), found.error, desk.pauses) == (3, "", [])


def test_papers_are_asked_for_once_a_day(desk: Desk) -> None:
    """What came is kept under its day: the next run needs no request, another day asks anew."""
    desk.api.rows = rows(150)
    first = desk.papers(ids(150))

    assert desk.papers(list(reversed(ids(150)))) == first
    assert len(desk.api.asked) == 2
    desk.papers(ids(150), date(2026, 11, 23))
    assert len(desk.api.asked) == 4


def test_kept_answers_state_the_clock_of_the_run(desk: Desk) -> None:
    """A replay of a day leaves the same store behind, whenever it runs."""
    desk.api.rows = rows(1)
    url = desk.papers(ids(1)).urls[0]
    kept = Answers(desk.folder).find(url, DAY)

    assert kept is not None
    assert kept.fetched == NOW


def test_what_lacks_is_asked_for_by_the_next_run(desk: Desk) -> None:
    """A paper that arXiv's index does not know yet is no fault; later runs ask for it alone, beside one that is known."""
    desk.api.rows = [row for row in rows(30) if row.id not in ("2611.00007", "2611.00020")]
    first = desk.papers(ids(30))
    assert (len(first.papers), first.error, desk.pauses) == (28, "", [])

    again = desk.papers(ids(30))
    assert again.papers == first.papers
    assert (desk.api.asked[-1].ids, again.error, desk.pauses) == (("2611.00007", "2611.00020", "2611.00001"), "", [])
    assert desk.papers(ids(30)) == again

    desk.api.rows = [row for row in rows(30) if row.id != "2611.00007"]
    assert "2611.00020" in desk.papers(ids(30)).papers
    desk.api.rows = rows(30)
    whole = desk.papers(ids(30))
    assert (list(whole.papers), desk.api.asked[-1].ids) == (ids(30), ("2611.00007", "2611.00001"))

    asked = len(desk.api.asked)
    assert desk.papers(ids(30)) == whole
    assert len(desk.api.asked) == asked


def test_a_witness_that_has_changed(desk: Desk) -> None:
    """A known paper that comes along as a witness changes nothing of what is known: not old, then new, then old again."""
    desk.api.rows = [row for row in rows(3) if row.id != "2611.00002"]
    first = desk.papers(ids(3))
    desk.api.rows = [replace(row, version="v2", title="Another") for row in rows(3) if row.id != "2611.00002"]

    assert [desk.papers(ids(3)).papers for _ in range(2)] == [first.papers] * 2
    assert [question.ids for question in desk.api.asked[1:]] == [("2611.00002", "2611.00001")] * 2


def test_an_identifier_that_spoils_a_batch(desk: Desk) -> None:
    """If arXiv takes one for none, the others come without it."""
    desk.api.rows = rows(5)
    desk.api.faults[0] = answers(400, feeds.error("incorrect id format for 2611.00003"))
    found = desk.papers(ids(5))

    assert desk.api.asked[1].ids == ("2611.00001", "2611.00002", "2611.00004", "2611.00005")
    assert (list(found.papers), found.error) == ([name for name in ids(5) if name != "2611.00003"], "")
    assert any("2611.00003" in line for line in desk.said)


def test_nothing_but_an_identifier_that_is_none(desk: Desk) -> None:
    """A batch of which nothing is left ends without a paper and without a fault."""
    desk.api.always = answers(400, feeds.error("incorrect id format for 2611.00001"))

    assert (desk.papers(ids(1)), len(desk.api.asked)) == (Found({}, unanswered=("2611.00001",)), 1)


def test_what_is_no_identifier(desk: Desk) -> None:
    """What cannot be an identifier gets into no address, and nothing to ask for is no request."""
    assert desk.papers(["", "CVPR2020", "2611.00001&start=5"]) == Found({})
    assert desk.api.asked == []


@pytest.mark.slow
@pytest.mark.parametrize("fault", [*ONCE.values(), answers(200, INTERNAL)], ids=[*ONCE, "an error"])
def test_a_batch_that_fails_once(desk: Desk, fault: Fault) -> None:
    """An answer that is no good is asked for again, and nothing lacks in the end."""
    desk.api.rows = rows(120)
    desk.api.faults[1] = fault
    found = desk.papers(ids(120))

    assert (list(found.papers), found.error, len(desk.api.asked)) == (ids(120), "", 3)
    assert desk.papers(ids(120)) == found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Api.empty, "states 100 results and gives 0"),
        (Api.nothing, "gives nothing"),
        (Api.short, "states 100 results and gives 99"),
        (Api.cut, "before the document does"),
        (answers(200, b"Rate exceeded."), "not a document of arXiv's"),
        (answers(200, INTERNAL), "internal error"),
        (answers(400, INTERNAL), "internal error"),
        (answers(400, b"<html>no</html>"), "not a document of arXiv's"),
        (answers(400, feeds.feed([])), "answered 400"),
        (answers(200, feeds.feed([Row("2611.09999")])), "gives nothing"),
        (answers(404), "answered 404"),
        (answers(406), "answered 406"),
        (answers(429, b"", {"Retry-After": "3000"}), "answered 429"),
        (answers(500, INTERNAL), "answered 500"),
        (answers(503), "answered 503"),
        (answers(302, b"", {"Location": "http://example.org/"}), "redirect"),
    ],
    ids=[
        "empty", "nothing", "short", "cut", "plain text", "an error", "an error of 400", "400", "400 with a feed", "another's papers",
        "404", "406", "429", "500", "503", "a redirect",
    ],
)  # fmt: skip
def test_a_service_that_stays_unwell(desk: Desk, fault: Fault, error: str) -> None:
    """What came so far is there and the reason is told; no error is raised, and the rest is left alone."""
    desk.api.rows = rows(400)
    desk.papers(ids(100))
    desk.api.always = fault
    asked = len(desk.api.asked)
    found = desk.papers(ids(400))

    assert list(found.papers) == ids(100)
    assert error in found.error
    assert len(desk.api.asked) - asked <= 3
    assert {question.ids[0] for question in desk.api.asked[asked:]} == {"2611.00101"}
    assert desk.pauses in ([], [10, 20])


def test_an_arxiv_that_cannot_be_reached(tmp_path: Path) -> None:
    """Nobody listens: no paper, and the reason."""
    with servers.arxiv() as server:
        url = server.url
    client = Client(0, tmp_path, loopback=True, limits=QUICK)
    found = Lookup(client.get, Answers(tmp_path), f"{url}/api/query").papers(ids(1), DAY, NOW)

    assert found.papers == {}
    assert "cannot be reached" in found.error


def test_an_arxiv_that_refuses(desk: Desk) -> None:
    """403 is the one thing that is raised: who asks on would be treated as an attacker."""
    desk.api.always = answers(403)
    with pytest.raises(ForbiddenError):
        desk.papers(ids(1))

    assert len(desk.api.asked) == 1


def test_batches_that_are_kept_need_no_service(desk: Desk) -> None:
    """A batch that cannot be completed does not hide those after it that are kept."""
    desk.api.rows = rows(250)[1:]
    assert len(desk.papers(ids(250)).papers) == 249
    desk.api.always = answers(404)
    found = desk.papers(ids(250))

    assert (len(found.papers), len(desk.api.asked)) == (249, 4)
    assert "answered 404" in found.error


@pytest.mark.parametrize("body", [b"", b"<html></html>", feeds.feed([]), feeds.feed([Row("2611.09999")])])
def test_a_kept_answer_that_says_nothing(desk: Desk, body: bytes) -> None:
    """What was kept and cannot be used, of another version of the program say, is asked for anew."""
    desk.api.rows = rows(3)
    url = desk.papers(ids(3)).urls[0]
    Answers(desk.folder).keep(Answer(url, 200, body, NOW), DAY)

    assert list(desk.papers(ids(3)).papers) == ids(3)


@settings(deadline=None, max_examples=40)
@given(st.permutations([*rows(6), Row("2611.00002", "Newer", version="v2"), Row("2611.00003", "The same version")]))
def test_any_order_gives_the_same_papers(order: list[Row]) -> None:
    """Rows may come in any order and more than once: the result is one, and of two versions it is the newer."""
    expected = {row.id: row.title for row in rows(6)} | {"2611.00002": "Newer", "2611.00003": "The same version"}

    def fetch(url: str) -> Answer:
        return Answer(url, 200, feeds.feed(order, total=6), NOW)

    lookup = Lookup(fetch, NOWHERE, "https://example.org/api/query")
    by_id = lookup.papers(ids(6), DAY, NOW)
    by_time = lookup.window("cs.CV", datetime(2026, 11, 18, tzinfo=UTC), END, DAY, NOW, since=NOW)

    assert {name: paper.title for name, paper in by_id.papers.items()} == expected
    assert list(by_id.papers) == ids(6)
    assert by_time.papers == by_id.papers
    assert list(by_time.papers) == sorted(ids(6), key=lambda name: (by_id.papers[name].submitted, name))


# -- by windows ------------------------------------------------------------------------------------------------------


def test_a_window_is_exact(desk: Desk) -> None:
    """Its first instant belongs to it and its last one does not, though arXiv itself counts in whole minutes."""
    edges = {
        "2611.00001": "2026-11-18T18:59:59Z",
        "2611.00006": "2026-11-18T19:00:00Z",
        "2611.00005": "2026-11-19T07:00:00Z",
        "2611.00004": "2026-11-19T07:00:00Z",
        "2611.00003": "2026-11-19T18:59:59Z",
        "2611.00002": "2026-11-19T19:00:00Z",
        "2611.00007": "2026-11-19T19:00:30Z",
    }
    desk.api.rows = [Row(name, submitted=moment) for name, moment in edges.items()]

    assert list(desk.window().papers) == ["2611.00006", "2611.00004", "2611.00005", "2611.00003"]
    half = START + timedelta(seconds=30), END + timedelta(seconds=30)
    assert list(desk.window(start=half[0], end=half[1]).papers) == ["2611.00004", "2611.00005", "2611.00003", "2611.00002"]


def test_a_window_of_several_categories(desk: Desk) -> None:
    """A paper of any of them is there, once."""
    categories = {
        "2611.00001": ("cs.CV",),
        "2611.00002": ("eess.IV", "cs.CV"),
        "2611.00003": ("cs.LG", "eess.IV"),
        "2611.00004": ("cs.LG",),
    }
    desk.api.rows = [replace(row, categories=categories[row.id]) for row in rows(4)]

    assert list(desk.window("cs.CV").papers) == ["2611.00001", "2611.00002"]
    assert list(desk.window("cs.CV+eess.IV").papers) == ids(3)


def test_a_window_of_several_pages(desk: Desk) -> None:
    """Pages are read up to what the first one states, and 500 results at once unless it is said otherwise."""
    desk.api.rows = rows(25)
    found = desk.window()

    assert list(found.papers) == ids(25)
    assert [(question.start, question.size) for question in desk.api.asked] == [(0, 10), (10, 10), (20, 10)]
    assert Lookup(lambda url: Answer(url, 404, b"", NOW), Answers(desk.folder), "").size == 500
    assert (len(found.urls), len(set(found.sha256)), found.error) == (3, 3, "")


def test_a_window_is_kept(desk: Desk) -> None:
    """A window is asked for again only if what is kept is too old, or is that of another day."""
    desk.api.rows = rows(15)
    first = desk.window()
    assert desk.window(now=NOW + timedelta(hours=9), since=NOW) == first
    assert len(desk.api.asked) == 2

    desk.window(now=NOW + timedelta(hours=9), since=NOW + timedelta(seconds=1))
    assert len(desk.api.asked) == 4
    desk.window(day=date(2026, 11, 23))
    assert len(desk.api.asked) == 6


def test_a_window_that_is_kept_in_part(desk: Desk) -> None:
    """A page that is damaged on disk makes the whole window be asked for: pages of two times do not fit together."""
    desk.api.rows = rows(15)
    first = desk.window()
    next(iter(desk.folder.glob("answers/*/*.xml"))).write_bytes(b"")

    assert desk.window() == first
    assert len(desk.api.asked) == 4


@pytest.mark.parametrize("fault", ONCE.values(), ids=ONCE)
@pytest.mark.parametrize("number", [0, 1])
def test_a_page_that_fails_once(desk: Desk, fault: Fault, number: int) -> None:
    """An answer that is no good, the first or a later one, is asked for again; an empty page is never the end."""
    desk.api.rows = rows(15)
    desk.api.faults[number] = fault
    found = desk.window()

    assert (list(found.papers), found.error) == (ids(15), "")
    assert [question.start for question in desk.api.asked] == [[0, 0, 10], [0, 10, 10]][number]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Api.empty, IncompleteError),
        (Api.short, IncompleteError),
        (Api.cut, IncompleteError),
        (answers(200, b"Rate exceeded."), LayoutError),
        (answers(400, b"<html>no</html>"), LayoutError),
        (answers(200, INTERNAL), QueryError),
        (answers(400, feeds.error("Invalid query string: '(cat:cs.CV'")), QueryError),
        (answers(403), ForbiddenError),
        (answers(404), SourceError),
        (answers(406), UnreachableError),
        (answers(429, b"", {"Retry-After": "3000"}), UnreachableError),
        (answers(500, INTERNAL), SourceError),
        (answers(503), UnreachableError),
    ],
    ids=["empty", "short", "cut", "plain text", "400", "an error", "an error of 400", "403", "404", "406", "429", "500", "503"],
)
@pytest.mark.parametrize("well", [0, 1])
def test_a_page_that_stays_bad(desk: Desk, fault: Fault, error: type[DigestError], well: int) -> None:
    """After a few tries that is an error of its kind, and nothing of the window is kept."""
    desk.api.rows = rows(15)
    desk.api.faults = dict.fromkeys(range(well, 20), fault)
    with pytest.raises(error):
        desk.window()

    assert len(desk.api.asked) <= 3 + well
    assert desk.pauses in ([], [10, 20])
    assert list(desk.folder.glob("answers/*/*")) == []


def test_arxivs_own_reason(desk: Desk) -> None:
    """A query that arXiv does not understand is not asked twice, and its reason is passed on."""
    desk.api.always = answers(400, feeds.error("Invalid query string"))
    with pytest.raises(QueryError, match="Invalid query string"):
        desk.window()

    assert (len(desk.api.asked), desk.pauses) == (1, [])


def test_what_cannot_be_used_is_handed_over(desk: Desk) -> None:
    """The error holds what arXiv answered, so that it can be kept for study."""
    desk.api.rows = rows(2)
    desk.api.always = Api.short
    with pytest.raises(IncompleteError) as caught:
        desk.window()

    assert caught.value.body == desk.api.short(desk.api.asked[0])


def test_an_empty_page_in_the_middle_that_denies_everything(desk: Desk) -> None:
    """An empty page is not the end either if it states that there are no results at all."""
    desk.api.rows = rows(15)
    desk.api.faults = dict.fromkeys(range(1, 20), Api.nothing)
    with pytest.raises(IncompleteError, match="from number 10 on"):
        desk.window()

    assert [question.start for question in desk.api.asked] == [0, 10, 10, 10]


@pytest.mark.parametrize("fault", [Api.changed, Api.overlapping], ids=["total", "overlap"])
def test_an_index_that_changes_between_pages(desk: Desk, fault: Fault) -> None:
    """If the pages do not fit together the window is begun anew once; if they do not fit again, it is incomplete."""
    desk.api.rows = rows(15)
    desk.api.faults = {1: fault}
    assert list(desk.window().papers) == ids(15)
    assert [question.start for question in desk.api.asked] == [0, 10, 0, 10]

    desk.api.faults = {5: fault, 7: fault}
    with pytest.raises(IncompleteError, match="results"):
        desk.window(day=date(2026, 11, 23))
    assert len(desk.api.asked) == 8


def test_an_index_that_loses_everything_between_pages(desk: Desk) -> None:
    """A window that had papers a moment ago is not one without papers."""
    desk.api.rows = rows(15)
    desk.api.faults = {1: Api.changed, **dict.fromkeys(range(2, 20), Api.nothing)}
    with pytest.raises(IncompleteError, match="stated 15 results first and 14 later"):
        desk.window()


def test_pages_that_hold_rows_of_their_neighbours(desk: Desk) -> None:
    """Rows that come twice count once, and nothing lacks."""
    desk.api.rows = rows(25)
    desk.api.always = Api.overhanging

    assert list(desk.window().papers) == ids(25)


@settings(deadline=None, max_examples=40)
@given(st.permutations(rows(25)))
def test_pages_in_any_order(order: list[Row]) -> None:
    """However the rows are dealt to the pages, and in whatever order they stand there, the result is the same."""

    def fetch(url: str) -> Answer:
        question = Question.of(url)
        page = order[question.start : question.start + question.size]
        return Answer(url, 200, feeds.feed(page, total=len(order), start=question.start, size=question.size), NOW)

    found = Lookup(fetch, NOWHERE, "https://example.org/api/query", size=10).window("cs.CV", START, END, DAY, NOW, since=NOW)

    assert list(found.papers) == ids(25)


def test_a_window_without_papers(desk: Desk) -> None:
    """That there is nothing is asked again, then told with a doubt, and not kept."""
    found = desk.window()

    assert (found.papers, len(desk.api.asked), desk.pauses) == ({}, 3, [10, 20])
    assert "indistinguishable from an index that is late" in found.error
    desk.api.rows = rows(2)
    assert list(desk.window().papers) == ids(2)


def test_a_window_with_too_many_papers(desk: Desk) -> None:
    """More than arXiv gives for one question is out of reach, and known after the first page."""
    desk.api.rows = rows(10)
    desk.api.always = lambda api, question: api.feed(question, api.found(question), 10_001)
    with pytest.raises(OutOfReachError, match="10001 papers"):
        desk.window()

    assert len(desk.api.asked) == 1


def test_a_window_with_a_broken_record(desk: Desk) -> None:
    """A record without a title is a row and no paper: it does not make the window incomplete."""
    desk.api.rows = [replace(row, title=" ") if row.id == "2611.00003" else row for row in rows(5)]

    assert list(desk.window().papers) == [name for name in ids(5) if name != "2611.00003"]


def test_a_window_with_a_paper_of_no_moment(desk: Desk) -> None:
    """A paper whose moment cannot be read is not lost: it comes last and is named."""
    broken = Row("2611.00000", submitted="soon")
    desk.api.always = lambda api, question: api.feed(question, [broken, *rows(2)], 3)
    found = desk.window()

    assert list(found.papers) == ["2611.00001", "2611.00002", "2611.00000"]
    assert "2611.00000" in found.error


# -- arXiv's own answers ---------------------------------------------------------------------------------------------

MANIFEST = "manifest.json"


@pytest.fixture
def real(desk: Desk) -> Desk:
    """Serve the recorded entries, as a replay does."""
    lines = map(json.loads, recorded("nov2026/api_entries.jsonl").splitlines())
    desk.api.rows = [replayed.Row(line["id"].rpartition("v")[0], line["published"], line["xml"]) for line in lines]
    return desk


def announced(day: int) -> dict[str, Entry]:
    """Return what the recorded catch-up page of a day in November 2026 lists, by identifier."""
    url = f"/catchup/cs.CV/2026-11-{day:02}?abs=True"
    file = next(answer["file"] for answer in json.loads(recorded(MANIFEST))["nov2026"] if answer["url_path"] == url)
    page = listing.parse(recorded(file))
    assert listing.missing([page]) == ""
    return {entry.paper.id: entry for section in page.sections for entry in section.entries}


DAYS = (9, 10, 11, 12, 13, 17, 18, 20)
DIFFERENCES = {
    10: {"2606.15527": "abstract"},
    12: {"2606.18484": "comments", "2606.18582": "abstract"},
    17: {"2606.21113": "abstract", "2606.21115": "abstract", "2606.22439": "abstract"},
    18: {"2606.24178": "abstract", "2606.24786": "abstract"},
    20: {"2606.27128": "abstract"},
}
"""Where the page says something else than the API. The page completes addresses: ``example.org/page`` becomes a link with
``http://``, and a bare DOI one with ``https://doi.org/``."""
COMPLETED = re.compile(r"https://doi\.org/|http://")


@pytest.mark.slow
@pytest.mark.parametrize("day", DAYS)
def test_recorded_papers_are_those_of_the_announcement(real: Desk, day: int) -> None:
    """By identifiers, the API gives what the page of the date gives, but for the differences that are named."""
    listed = announced(day)
    found = real.papers(list(listed))
    fields = ("title", "abstract", "categories", "comments", "authors", "journal_ref")
    pairs = [(name, found.papers[name], entry.paper) for name, entry in listed.items()]

    assert (set(found.papers), found.error) == (set(listed), "")
    different = {name: field for name, ours, theirs in pairs for field in fields if getattr(ours, field) != getattr(theirs, field)}
    assert different == DIFFERENCES.get(day, {})
    for name, field in different.items():
        ours, theirs = getattr(found.papers[name], field), getattr(listed[name].paper, field)
        assert COMPLETED.sub("", ours) == COMPLETED.sub("", theirs)
    assert all(paper.submitted and paper.updated and paper.version for paper in found.papers.values())


LATE = {10: {"2603.04592"}}
"""Cross-lists that were added after their paper had been announced: their first submission lies months back."""
FREEZE = timedelta(hours=-1)
"""The recording's windows change at 18:00 UTC, and the rule's at 19:00 UTC in November."""
DEFERRED = Calendar(frozenset({date(2026, 11, 15)}))
"""There was no announcement with the date 16 November."""


@pytest.mark.slow
@pytest.mark.parametrize("day", DAYS)
def test_recorded_windows_give_the_announcement(real: Desk, day: int) -> None:
    """What was submitted in a date's window is what was announced as new and as cross-lists, but for the late ones.

    A window knows of no replacements: 20 November has 36, all of papers that other windows hold. Papers that arXiv held
    back would be in the window of their submission and not in that of their announcement; the recording has none.
    """
    listed = announced(day)
    window = DEFERRED.window(date(2026, 11, day))
    found = real.window(start=window.start + FREEZE, end=window.end + FREEZE, size=500)
    stated = {kind: {name for name, entry in listed.items() if entry.kind is kind} for kind in Kind}
    primary = {name for name, paper in found.papers.items() if paper.primary == "cs.CV"}

    assert (found.error, primary) == ("", stated[Kind.NEW])
    assert stated[Kind.CROSS] - set(found.papers) == LATE.get(day, set())
    assert set(found.papers) - primary == stated[Kind.CROSS] - LATE.get(day, set())
    replaced = stated[Kind.REPLACED] | stated[Kind.REPLACED_CROSS]
    assert (len(replaced), replaced & set(found.papers)) == (36 if day == 20 else 0, set())


def test_a_recorded_window_without_its_deferred_day(real: Desk) -> None:
    """If nobody knew that 16 November was deferred, the window of the 17th would lack the papers of a weekend."""
    listed = announced(17)
    window = Calendar().window(date(2026, 11, 17))
    found = real.window(start=window.start + FREEZE, end=window.end + FREEZE, size=500)

    assert set(found.papers) < set(listed)


REASONS = {
    "": "must be specified",
    "search_query=cat:cs.CV&max_results=-1": "max_results must be non-negative",
    "search_query=cat:cs.CV&max_results=x": "max_results must be an integer",
    "search_query=cat:cs.CV&start=-1": "start must be non-negative",
    "search_query=cat:cs.CV&sortBy=foo": "sortBy must be in",
    "search_query=(cat:cs.CV": "Invalid query string",
    "id_list=foo": "incorrect id format for foo",
    "search_query=&id_list=abc&sortBy=relevance&sortOrder=descending&start=0&max_results=100": "incorrect id format for abc",
}
"""What arXiv says about a question that it does not answer."""


def test_every_recorded_answer(desk: Desk) -> None:
    """Through the client, each recorded answer of the API gives papers or the right error."""
    manifest = json.loads((shared() / "arxiv" / "recorded" / MANIFEST).read_text("utf-8"))
    told = [answer for name in ("nov2026", "production-api") for answer in manifest[name] if "/api/query" in answer["url_path"]]
    client = Client(0, desk.folder, loopback=True, limits=replace(QUICK, tries=1))
    outcomes: Counter[str] = Counter()
    for answer in told:
        parts = urlsplit(answer["url_path"])
        path = f"{parts.path}?{parts.query}".rstrip("?")
        desk.server.pages[path] = (answer["status"], recorded(answer["file"]), {})
        if answer["status"] != 200:
            with pytest.raises(QueryError if answer["status"] == 400 else UnreachableError, match=REASONS.get(parts.query, "answered 500")):
                subject.results(client.get(desk.server.url + path))
            outcomes[f"error {answer['status']}"] += 1
            continue
        found = subject.results(client.get(desk.server.url + path))
        assert len(found.papers) == found.rows <= min(found.asked, max(0, found.total - found.start)), path
        assert all(paper.submitted and paper.updated and paper.submitted <= paper.updated for paper in found.papers), path
        outcomes["papers" if found.rows else "nothing"] += 1

    assert len(told) == 38
    assert outcomes == {"papers": 21, "nothing": 5, "error 400": 8, "error 500": 4}
