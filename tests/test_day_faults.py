"""What arXiv's answers can say that is not so: each fault leaves the date waiting or failed, or the digest whole and its lack named.

The numbers are those of the faults in the design: 23 to 30 and 32; those of a network are in `tests.test_faults`. Each is run
through `Source` with all of arXiv's services, and through the program where its status and its notes are what matters.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest import resources
from digest.core.domain import Announcement, Kind, State
from digest.core.edition import chosen, compose
from digest.errors import DigestError, IncompleteError, LayoutError, NotYetError, SourceError, StaleError
from digest.render.markdown import Renderer
from digest.settings import Settings
from tests import faults, feeds, oaipmh, pages, rss, servers, weeks
from tests.pages import Fake
from tests.reference import ROOT
from tests.weeks import Program

FRIDAY, THURSDAY, WEDNESDAY = date(2026, 11, 20), date(2026, 11, 19), date(2026, 11, 18)
SATURDAY, HOLIDAY = date(2026, 11, 21), date(2026, 9, 8)
EARLY = datetime(2026, 11, 20, 1, 20, tzinfo=UTC)
"""arXiv is publishing Friday's announcement."""
TYPES = ("new",) * 8 + ("cross",) * 2 + ("replaced",) * 2
NEW, CATCHUP, RECENT = "/list/cs.CV/new", f"/catchup/cs.CV/{FRIDAY}?abs=True", "/list/cs.CV/recent?skip=0&show=2000"
FEED = "/rss/cs.CV"
linux = pytest.mark.skipif(sys.platform != "linux", reason="the bound on memory is one of Linux")


def papers(day: date, count: int = len(TYPES)) -> tuple[Fake, ...]:
    """Return the papers of a date; most are new, the last two are replacements."""
    kinds = ("new",) * (count - 4) + TYPES[-4:]
    number = day.day * 100
    own = {"cross": ("cs.RO", "cs.CV")}
    return tuple(
        Fake(f"26{10 if kind == 'replaced' else 11}.{number + index:05}", f"Paper {index}", kind=kind, categories=own.get(kind, ("cs.CV",)))
        for index, kind in enumerate(kinds)
    )


FAKES, BEFORE = papers(FRIDAY), papers(THURSDAY)
EARLIER = frozenset(fake.id for fake in BEFORE if fake.kind == "new")


def moment(fake: Fake) -> datetime:
    """Return when a paper came in: within the window of the date that its number tells."""
    day = date(2026, 11, int(fake.id[5:]) // 100)
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC) - timedelta(days=1 if fake.kind != "replaced" else 30)


def row(fake: Fake) -> feeds.Row:
    """Return what the query API knows of a paper."""
    at = f"{moment(fake):%Y-%m-%dT%H:%M:%SZ}"
    return feeds.Row(fake.id, fake.title, categories=fake.categories, submitted=at, updated=at)


def record(fake: Fake, day: date = FRIDAY) -> oaipmh.Row:
    """Return what OAI-PMH has of a paper that was announced on *day*."""
    moments = [("v1", moment(fake)), *([("v2", moment(fake) + timedelta(days=29))] if fake.kind == "replaced" else [])]
    versions = [(name, f"{at:%a, %d %b %Y %H:%M:%S} GMT", "D") for name, at in moments]
    return oaipmh.Row(fake.id, fake.title, categories=" ".join(fake.categories), datestamp=str(day), versions=versions)


@dataclass
class Day:
    """What arXiv says of Friday: all services the same, unless a test says otherwise."""

    state: servers.Arxiv
    api: feeds.Api

    @property
    def url(self) -> str:
        """Where it is."""
        return self.state.url

    def names(self, fakes: Sequence[Fake]) -> None:
        """Let all services name *fakes* as those of Friday."""
        self.lists(fakes)
        self.state.pages[FEED] = rss.rss(fakes, FRIDAY)
        self.state.pages[oaipmh.first(str(FRIDAY))] = oaipmh.answer([record(fake) for fake in fakes]) if fakes else oaipmh.NONE
        self.api.rows = [row(fake) for fake in fakes]

    def lists(self, fakes: Sequence[Fake]) -> None:
        """Let the listing pages name *fakes* as those of Friday."""
        self.state.pages[NEW] = pages.new(fakes, FRIDAY)
        self.state.pages[CATCHUP] = pages.catchup(fakes, FRIDAY)
        self.state.pages[RECENT] = pages.recent({**({FRIDAY: fakes} if fakes else {}), THURSDAY: BEFORE})

    @property
    def asked(self) -> list[str]:
        """Which services were asked, in order, each name once for each time."""
        names = {
            "/list/cs.CV/new": "new",
            "/catchup": "catchup",
            "/list/cs.CV/recent": "recent",
            "/rss": "feed",
            "/oai": "oai",
            "/api": "api",
        }
        return [next(name for start, name in names.items() if path.startswith(start)) for path in self.state.asked]


@pytest.fixture
def arxiv() -> Iterator[Day]:
    """Serve Friday."""
    with servers.arxiv() as state:
        day = Day(state, feeds.Api())
        state.other = lambda path: day.api.answer(path) if path.startswith("/api/") else (404, b"nothing", {})
        day.names(FAKES)
        yield day


@pytest.fixture
def program(tmp_path: Path, arxiv: Day, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Program:
    """Return the program, towards that server, with all services."""
    made = weeks.program(tmp_path, arxiv.url, capsys, monkeypatch)
    monkeypatch.delenv("CVDIGEST_SECOND_OPINION")
    return made


def ids(found: Announcement) -> list[str]:
    """Return the identifiers in an announcement, each as often as it stands there."""
    return sorted(entry.paper.id for entry in found.entries)


def check_whole(found: Announcement, fakes: Sequence[Fake] = FAKES) -> None:
    """Assert that *found* is Friday's whole announcement."""
    assert (found.date, found.state) == (FRIDAY, State.PUBLISHED)
    assert ids(found) == sorted(fake.id for fake in fakes)


def check_refused(arxiv: Day, folder: Path, error: type[DigestError], said: str, **asked: object) -> DigestError:
    """Assert that asking for Friday ends in *error*, and that nothing of what came is kept for an answer."""
    with pytest.raises(error, match=said) as caught:
        faults.day(arxiv.url, folder, FRIDAY, **asked)  # type: ignore[arg-type]
    assert type(caught.value) is error
    assert faults.kept(folder) == []
    return caught.value


def check_waits(program: Program, *, asked_for: str = str(FRIDAY)) -> None:
    """Assert that the program says by its status and by its notes that the date waits, and leaves no page."""
    done = program("run", "--date", asked_for)
    note = program.noted(date.fromisoformat(asked_for))

    assert (done.status, note["state"]) == (75, "waiting")
    assert note["reason"]
    assert list((program.folder / "out").rglob("*.*")) == []
    assert faults.kept(program.folder / "data") == []


def test_without_a_fault(arxiv: Day, tmp_path: Path) -> None:
    """Without a fault, all services agree, and each of them alone gives the day, so that the tests below speak of the faults alone."""
    found = faults.day(arxiv.url, tmp_path, FRIDAY, earlier=EARLIER)

    check_whole(found)
    assert [(check.service, check.agrees) for check in found.checks] == [("feed", True), ("oai", True)]
    assert found.remarks == ()
    for source in ("listing", "catchup", "feed", "oai"):
        check_whole(faults.day(arxiv.url, tmp_path / source, FRIDAY, source=source))
    new = [fake for fake in FAKES if fake.kind != "replaced"]
    check_whole(faults.day(arxiv.url, tmp_path / "api", FRIDAY, source="api"), new)


# -- 23, 24: nothing -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("day", "why"), [(SATURDAY, "Saturday or a Sunday"), (HOLIDAY, "holiday")])
def test_23_closed(arxiv: Day, tmp_path: Path, program: Program, day: date, why: str) -> None:
    """23, a weekend or a holiday: none, without a page, and nobody is asked; the empty feed, if it is asked, says the same."""
    noon = datetime(day.year, day.month, day.day, 16, tzinfo=UTC)
    arxiv.state.pages[FEED] = rss.rss((), day)
    found = faults.day(arxiv.url, tmp_path / "alone", day, now=noon)
    assert (found.state, found.entries, arxiv.asked) == (State.NONE, (), [])
    assert why in found.reason

    by_feed = faults.day(arxiv.url, tmp_path / "feed", day, now=noon, source="feed")
    assert (by_feed.state, by_feed.entries) == (State.NONE, ())
    assert faults.kept(tmp_path / "feed") == []

    program.now = f"{noon:%Y-%m-%dT%H:%MZ}"
    done = program("run", "--date", str(day))
    assert (done.status, program.noted(day)["state"]) == (0, "none")
    assert not program.page(day).exists()
    assert arxiv.asked == ["feed"]


def test_23_the_newest_on_a_weekend(arxiv: Day, tmp_path: Path) -> None:
    """23, on a Saturday the newest announcement is that of Friday, and the empty feed of the day does not contradict it."""
    arxiv.state.pages[FEED] = rss.rss((), SATURDAY)
    found = faults.day(arxiv.url, tmp_path, None, now=datetime(2026, 11, 21, 16, tzinfo=UTC))

    check_whole(found)
    assert all(check.agrees for check in found.checks)


@pytest.mark.parametrize("source", ["auto", "listing", "catchup", "feed", "oai", "api"])
def test_24_empty(arxiv: Day, tmp_path: Path, source: str) -> None:
    """24, nothing on a working day: whoever is asked, the date waits, and is asked for again until there is something."""
    arxiv.names(())
    error = IncompleteError if source == "api" else NotYetError
    check_refused(arxiv, tmp_path, error, "no updates|no entries|no records|knows no paper", source=source, earlier=EARLIER)
    if source == "auto":
        assert arxiv.asked == ["new", "catchup"]

    arxiv.names(FAKES)
    found = faults.day(arxiv.url, tmp_path, FRIDAY, source=source, earlier=EARLIER)
    assert set(ids(found)) >= {fake.id for fake in FAKES if fake.kind != "replaced"}


def test_24_no_records_and_no_pages(arxiv: Day, tmp_path: Path) -> None:
    """24, the pages cannot be reached, and OAI-PMH has nothing yet: that is no date without an announcement."""
    arxiv.names(())
    for path in (NEW, CATCHUP, RECENT):
        arxiv.state.pages[path] = (404, b"", {})
    for now in (EARLY, faults.EVENING):
        with pytest.raises(SourceError):
            faults.day(arxiv.url, tmp_path, FRIDAY, now=now)
        assert not [path for path in faults.kept(tmp_path) if path.suffix == ".html"]
    with pytest.raises(NotYetError, match="does not have all records of 2026-11-20 yet; try again after 2026-11-20 04:00 UTC"):
        faults.day(arxiv.url, tmp_path, FRIDAY, now=EARLY, source="oai")


def test_24_empty_by_the_program(arxiv: Day, program: Program) -> None:
    """24, by the program: status 75, waiting, no page; later it is published."""
    arxiv.names(())
    check_waits(program)

    arxiv.names(FAKES)
    assert program("run").status == 0
    assert program.page(FRIDAY).is_file()


def test_24_empty_at_first_sight(arxiv: Day, tmp_path: Path) -> None:
    """24, a newest page that was emptied too early: the catch-up page has the day, and the digest says where it is from."""
    arxiv.state.pages[NEW] = pages.new((), FRIDAY)
    found = faults.day(arxiv.url, tmp_path, FRIDAY)

    check_whole(found)
    assert found.provenance.service == "catchup"
    assert re.search(
        "the listing could not be used, so this is from the catch-up page .*no updates for 2026-11-20 so far", found.remarks[0]
    )


@pytest.mark.parametrize("body", [rss.rss((), FRIDAY), rss.rss((), THURSDAY), rss.rss(BEFORE, THURSDAY)], ids=["empty", "late", "old"])
def test_24_25_a_feed_that_is_late(arxiv: Day, tmp_path: Path, body: bytes) -> None:
    """24 and 25, a feed that has nothing yet, or that of yesterday: the digest is the listing's, and says what the feed had."""
    arxiv.state.pages[FEED] = body
    found = faults.day(arxiv.url, tmp_path, FRIDAY)

    check_whole(found)
    assert [(check.service, check.agrees) for check in found.checks] == [("feed", False), ("oai", True)]


# -- 25: yesterday's papers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["auto", "listing", "catchup", "feed"])
def test_25_repeated(arxiv: Day, tmp_path: Path, source: str) -> None:
    """25, yesterday's papers under today's date: waiting, the second source is consulted, and nothing is kept."""
    arxiv.lists(BEFORE)
    arxiv.state.pages[FEED] = rss.rss(BEFORE, FRIDAY)
    error = check_refused(arxiv, tmp_path, StaleError, "100% of the new papers on .* already", source=source, earlier=EARLIER)

    assert isinstance(error, StaleError)
    assert error.stated == FRIDAY
    assert arxiv.asked == {"auto": ["new", "catchup"], "listing": ["new"]}.get(source, [source])


def test_25_repeated_by_the_program(arxiv: Day, program: Program) -> None:
    """25, by the program, which knows its own edition of yesterday: status 75, waiting, and yesterday's page as it was."""
    arxiv.state.pages[f"/catchup/cs.CV/{THURSDAY}?abs=True"] = pages.catchup(BEFORE, THURSDAY, following=FRIDAY)
    assert program("run", "--date", str(THURSDAY)).status == 0
    before = program.page(THURSDAY).read_bytes()
    arxiv.lists(BEFORE)
    done = program("run", "--date", str(FRIDAY))

    assert (done.status, program.noted(FRIDAY)["state"]) == (75, "waiting")
    assert not program.page(FRIDAY).exists()
    assert program.page(THURSDAY).read_bytes() == before
    assert {path.parent.name for path in faults.kept(program.folder / "data")} == {str(THURSDAY)}


def test_25_repeated_by_the_listing_alone(arxiv: Day, tmp_path: Path) -> None:
    """25, only the newest page is that of yesterday: the catch-up page gives the day, and the digest says so."""
    arxiv.state.pages[NEW] = pages.new(BEFORE, FRIDAY)
    found = faults.day(arxiv.url, tmp_path, FRIDAY, earlier=EARLIER)

    check_whole(found)
    assert "could not be used" in found.remarks[0]
    assert len([path for path in faults.kept(tmp_path) if path.suffix == ".html"]) == 1


@pytest.mark.parametrize("source", ["auto", "feed"])
def test_25_repeated_and_no_edition_to_compare(arxiv: Day, tmp_path: Path, source: str) -> None:
    """25, on the very first day: there is no edition before, but the other services know when the papers came in."""
    arxiv.lists(BEFORE)
    arxiv.state.pages[FEED] = rss.rss(BEFORE, FRIDAY)
    arxiv.state.pages[oaipmh.first(str(FRIDAY))] = oaipmh.NONE
    arxiv.api.rows = [row(fake) for fake in BEFORE]
    with pytest.raises(StaleError, match="before that date's first submissions"):
        faults.day(arxiv.url, tmp_path, FRIDAY, source=source)
    urls = {json.loads(path.read_text("utf-8"))["url"].removeprefix(arxiv.url) for path in faults.kept(tmp_path) if path.suffix == ".json"}
    assert "api" in arxiv.asked
    assert not any(url.startswith(("/list", "/catchup")) for url in urls)
    assert FEED not in urls

    arxiv.names(FAKES)
    check_whole(faults.day(arxiv.url, tmp_path, FRIDAY, source=source))


# -- 26: a part of the day -----------------------------------------------------------------------------------------------


def test_26_a_part_first(arxiv: Day, program: Program) -> None:
    """26, 40 of 120 while arXiv publishes: a page with a remark; later the whole, the late papers named and noted."""
    full = papers(FRIDAY, 120)
    arxiv.names(full[:40])
    program.now = f"{EARLY:%Y-%m-%dT%H:%MZ}"
    first = program("run")
    note = program.noted(FRIDAY)
    assert (first.status, note["state"], note["provisional"], note["entries"]) == (0, "published", True, 40)
    assert "arXiv may still be publishing 2026-11-20; run again after 02:30 UTC to be sure" in first.err
    assert program.page(FRIDAY).is_file()

    arxiv.names(full)
    program.now = weeks.NOW
    second = program("run")
    note = program.noted(FRIDAY)
    late = sorted(fake.id for fake in full[40:] if fake.kind == "new")
    assert (second.status, note["state"], note["provisional"], note["entries"]) == (0, "published", False, 120)
    assert f"papers of 2026-11-20 came later: {late[0]}" in second.err
    assert set(note["late"]) >= set(late)
    assert not set(note["late"]) & {fake.id for fake in full[:40]}
    asked = len(arxiv.asked)
    assert program("run").status == 0
    assert len(arxiv.asked) == asked


def short(body: bytes) -> bytes:
    """Return a listing page that states more new papers than it shows."""
    return body.replace(b"showing 8 of 8 entries", b"showing 8 of 88 entries")


def test_26_counts_that_do_not_fit(arxiv: Day, tmp_path: Path) -> None:
    """26, fewer papers than the page states: the catch-up page is asked, and nothing of the short one is kept."""
    arxiv.state.pages[NEW] = short(pages.new(FAKES, FRIDAY))
    assert arxiv.state.pages[NEW] != pages.new(FAKES, FRIDAY)
    found = faults.day(arxiv.url, tmp_path, FRIDAY)

    check_whole(found)
    assert (found.provenance.service, len(found.remarks)) == ("catchup", 1)
    kept = [json.loads(path.read_text("utf-8"))["url"] for path in faults.kept(tmp_path) if path.suffix == ".json"]
    assert not any(url.endswith("/new") for url in kept)


def test_26_counts_that_fit_nowhere(arxiv: Day, program: Program, tmp_path: Path) -> None:
    """26, no page is whole, and no other service has the day yet: waiting."""
    arxiv.names(())
    arxiv.state.pages[NEW] = short(pages.new(FAKES, FRIDAY))
    arxiv.state.pages[CATCHUP] = short(pages.catchup(FAKES, FRIDAY))
    for path in (RECENT, oaipmh.first(str(FRIDAY))):
        arxiv.state.pages[path] = (404, b"", {})
    check_refused(arxiv, tmp_path / "alone", IncompleteError, "not complete: 8 of 88 new entries are there")
    assert list(dict.fromkeys(arxiv.asked))[:3] == ["new", "catchup", "recent"]
    check_waits(program)


# -- 27: twice -----------------------------------------------------------------------------------------------------------

TWICE = replace(FAKES[0], kind="replaced", id=FAKES[0].id)


def test_27_a_listing(arxiv: Day, tmp_path: Path) -> None:
    """27, a paper that is new and replaced on one date keeps both kinds; one that is new twice is a page that does not fit."""
    arxiv.lists([*FAKES, TWICE])
    found = faults.day(arxiv.url, tmp_path / "kinds", FRIDAY)
    assert [entry.kind for entry in found.entries if entry.paper.id == TWICE.id] == [Kind.NEW, Kind.REPLACED]
    assert len([entry for entry in chosen(found, frozenset(Kind)) if entry.paper.id == TWICE.id]) == 1

    arxiv.names(())
    arxiv.lists([*FAKES, FAKES[0]])
    check_refused(arxiv, tmp_path / "twice", IncompleteError, "1 stand there twice", source="listing")


def test_27_a_feed(arxiv: Day, tmp_path: Path) -> None:
    """27, a feed with the same entry twice and with v1 and v2 of one paper: one row for each kind, cross-lists and replacements kept."""
    items = [rss.Item(**{name: getattr(fake, name) for name in Fake.__dataclass_fields__}) for fake in FAKES]
    again = replace(items[0], kind="replaced", version=2)
    arxiv.state.pages[FEED] = rss.rss([*items, items[0], items[1], again, replace(items[9], version=2)], FRIDAY)
    found = faults.day(arxiv.url, tmp_path, FRIDAY, source="feed")

    assert ids(found) == sorted([*(fake.id for fake in FAKES), again.id])
    assert [(entry.kind, entry.paper.version) for entry in found.entries if entry.paper.id == again.id] == [
        (Kind.NEW, 1),
        (Kind.REPLACED, 2),
    ]
    assert {kind: found.count(kind) for kind in Kind} == {Kind.NEW: 8, Kind.CROSS: 2, Kind.REPLACED: 3, Kind.REPLACED_CROSS: 0}
    assert len([entry for entry in chosen(found, frozenset(Kind)) if entry.paper.id == again.id]) == 1


@pytest.mark.parametrize("source", ["api", "auto"])
def test_27_the_api(arxiv: Day, tmp_path: Path, source: str) -> None:
    """27, an answer of the query API with v1 and v2 of a paper, and with one twice: each once, whichever comes first."""
    new = [row(fake) for fake in FAKES if fake.kind != "replaced"]
    newer = replace(new[0], version="v2", updated="2026-11-19T13:00:00Z")
    for path in (FEED, oaipmh.first(str(FRIDAY))):
        arxiv.state.pages[path] = (404, b"", {})
    arxiv.api.always = lambda api, question: api.feed(question, [newer, *new, new[3]], len(new))
    found = faults.day(arxiv.url, tmp_path, FRIDAY, source=source)

    assert len(ids(found)) == len(set(ids(found)))
    assert next(entry.paper.version for entry in found.entries if entry.paper.id == newer.id) == 2


def test_27_oai(arxiv: Day, tmp_path: Path) -> None:
    """27, a record on two pages of a harvest counts once."""
    rows = [record(fake) for fake in FAKES]
    token = oaipmh.token(str(FRIDAY), 6)
    arxiv.state.pages[oaipmh.first(str(FRIDAY))] = oaipmh.answer(rows[:7], token=token)
    arxiv.state.pages[oaipmh.then(token)] = oaipmh.answer(rows[5:], token="")

    check_whole(faults.day(arxiv.url, tmp_path, FRIDAY, source="oai"))


# -- 28, 29: pages in any order, empty, and changing ---------------------------------------------------------------------


def edition(found: Announcement) -> str:
    """Return the page that is made of an announcement, but for the fingerprints of the answers, which differ."""
    found = replace(found, provenance=replace(found.provenance, sha256=("0" * 64,) * len(found.provenance.urls)))
    entries = chosen(found, frozenset(Kind))
    made = compose(found, entries, None, resources.taxonomy(), layout=Settings().layout, model=None, corrections={})
    return Renderer(resources.folder("templates")).page(made)


def in_order(arxiv: Day, folder: Path, source: str, fakes: Sequence[Fake]) -> str:
    """Return the page that is made when a service gives its rows in the order of *fakes*, in overlapping pages."""
    rows = [row(fake) for fake in fakes if fake.kind != "replaced"]
    arxiv.api.always = lambda api, question: api.feed(question, rows, len(rows))
    records, token = [record(fake) for fake in fakes], oaipmh.token(str(FRIDAY), 4)
    arxiv.state.pages[oaipmh.first(str(FRIDAY))] = oaipmh.answer(records[:6], token=token)
    arxiv.state.pages[oaipmh.then(token)] = oaipmh.answer(records[4:], token="")
    return edition(faults.day(arxiv.url, folder, FRIDAY, source=source))


@pytest.mark.slow
@pytest.mark.parametrize("source", ["api", "oai"])
def test_28_any_order(tmp_path: Path, source: str) -> None:
    """28, rows in any order, pages that overlap: the same bytes."""
    with servers.arxiv() as state:
        arxiv = Day(state, feeds.Api())
        state.other = arxiv.api.answer
        expected = in_order(arxiv, tmp_path / "expected", source, FAKES)
        count = iter(range(10**6))

        @settings(max_examples=10, deadline=None, derandomize=True)
        @given(st.permutations(FAKES))
        def same(fakes: list[Fake]) -> None:
            assert in_order(arxiv, tmp_path / str(next(count)), source, fakes) == expected

        same()
    assert all(fake.id in expected for fake in FAKES if fake.kind == "new")


MANY = [replace(FAKES[0], id=f"2611.{2000 + number:05}") for number in range(1100)]


def _slow(*later: object) -> list[object]:
    return [pytest.param(fault, marks=pytest.mark.slow) for fault in later]


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [feeds.Api.empty, feeds.Api.changed, *_slow(feeds.Api.nothing, feeds.Api.short, feeds.Api.cut, feeds.Api.overlapping)],
)
def test_29_a_page_in_the_middle(arxiv: Day, tmp_path: Path, fault: Callable[[feeds.Api, feeds.Question], bytes]) -> None:
    """29, a page in the middle that is empty, short or cut, or states another total: asked for again, and never the end."""
    at = f"{moment(FAKES[0]):%Y-%m-%dT%H:%M:%SZ}"
    arxiv.api.rows = [feeds.Row(fake.id, categories=("cs.CV",), submitted=at, updated=at) for fake in MANY]
    arxiv.api.faults = {1: fault}
    found = faults.day(arxiv.url, tmp_path, FRIDAY, source="api")

    check_whole(found, MANY)
    assert len(arxiv.api.asked) > 3


@pytest.mark.parametrize("fault", [feeds.Api.empty, *_slow(feeds.Api.short, feeds.Api.changed)])
def test_29_again_and_again(arxiv: Day, tmp_path: Path, fault: Callable[[feeds.Api, feeds.Question], bytes]) -> None:
    """29, the same for ever: waiting, after a few tries, and no part of a day."""
    at = f"{moment(FAKES[0]):%Y-%m-%dT%H:%M:%SZ}"
    arxiv.api.rows = [feeds.Row(fake.id, categories=("cs.CV",), submitted=at, updated=at) for fake in MANY]
    arxiv.api.always = lambda api, question: api.page(question) if question.start != 500 else fault(api, question)
    with pytest.raises(IncompleteError) as caught:
        faults.day(arxiv.url, tmp_path, FRIDAY, source="api")

    assert caught.value.exit_status == 75
    assert faults.kept(tmp_path) == []
    assert len(arxiv.api.asked) <= 10


# -- 30: documents that are weapons --------------------------------------------------------------------------------------

_LOL = (
    "<!DOCTYPE x [<!ENTITY a 'lol'>"
    + "".join(f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in zip("abcdefghi", "bcdefghij", strict=True))
    + "]>"
)
_QUADRATIC = f"<!DOCTYPE x [<!ENTITY a '{'a' * 100_000}'>]>"
WEAPONS: dict[str, tuple[str, str]] = {
    "laughs": (_LOL, "&j;"),
    "quadratic": (_QUADRATIC, "&a;" * 100_000),
    "xxe": ('<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>', "&a;"),
    "dtd": ('<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">', ""),
    "parameter": ('<!DOCTYPE x [<!ENTITY % a SYSTEM "file:///etc/passwd"> %a;]>', ""),
    "deep": ("", "<b>" * 300_000 + "</b>" * 300_000),
    "entries": ("", "<entry/><item/><record/>" * 400_000),
    "words": ("", "-" * 10**6),
    "lines": ("", "\n" * 10**7),
}
"""What stands before the root, and what in the first author of a document."""


def weapon(name: str, body: bytes) -> bytes:
    """Return a document of arXiv's made a weapon."""
    before, inside = (text.encode() for text in WEAPONS[name])
    head, rest = re.split(rb"(?<=\?>)", body, maxsplit=1)
    place = next(mark for mark in (b"<dc:creator>", b"<name>", b"<authors>") if mark in rest)
    return head + before + rest.replace(place, place + inside, 1)


@pytest.mark.slow
@linux
def test_30_weapons(tmp_path: Path) -> None:
    """30, entities that explode or lie elsewhere, document types, deep nesting, a million entries, words and lines without end.

    As the source, each is refused at once; as a second opinion it is not heard, and the digest is that of the listing. All in
    one process, whose memory is bounded.
    """
    documents = {
        FEED: rss.rss(FAKES, FRIDAY),
        "/api/query": feeds.feed([row(fake) for fake in FAKES]),
        "/oai": oaipmh.answer([record(fake) for fake in FAKES]),
    }

    def answer(path: str) -> bytes | servers.Answer:
        _, name, rest = path.split("/", 2)
        rest = "/" + rest
        if rest == NEW:
            return pages.new(FAKES, FRIDAY)
        body = next((body for start, body in documents.items() if rest.startswith(start)), None)
        return (404, b"nothing", {}) if body is None else weapon(name, body)

    with servers.arxiv() as state:
        state.other = answer
        command = [sys.executable, "-m", "tests.faults", state.url, str(tmp_path), *WEAPONS]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert len(results) == 4 * len(WEAPONS)
    for name, found in results.items():
        weapon_name, source = name.split()
        if source == "auto":
            assert (found["error"], found["entries"]) == ("", len(FAKES)), name
        else:
            assert (found["error"], found["entries"]) == ("LayoutError", 0), name
            assert faults.kept(tmp_path / weapon_name / source) == []
        assert found["seconds"] <= 20, name
        assert found["peak"] <= faults.MEMORY, name


# -- 32: what arXiv may change -------------------------------------------------------------------------------------------

FULL = papers(FRIDAY, 40)


def changed(body: bytes, name: str, old: str, new: str, entry: str) -> bytes:
    """Return a document with something else in the entry of the paper called *name*."""
    start = body.rindex(f"<{entry}>".encode(), 0, body.index(name.encode()))
    end = body.index(f"</{entry}>".encode(), start)
    assert re.search(old.encode(), body[start:end], re.DOTALL)
    return body[:start] + re.sub(old.encode(), new.encode(), body[start:end], count=1, flags=re.DOTALL) + body[end:]


FEED_CHANGES = [
    ("<title>.*?</title>", "", "it has no title"),
    ("<dc:creator>.*?</dc:creator>", "", "it has no creator"),
    ("<category>.*?</category>", "", "it has no category"),
    ("<description>.*?</description>", "", "it has no description"),
    ("announce_type>new<", "announce_type>withdrawn<", "its announce_type is unknown: 'withdrawn'"),
    ("<arxiv:announce_type>.*?</arxiv:announce_type>", "", "it has no announce_type"),
]


@pytest.mark.parametrize(("old", "new", "said"), FEED_CHANGES, ids=[said for _, _, said in FEED_CHANGES])
def test_32_a_feed(arxiv: Day, tmp_path: Path, old: str, new: str, said: str) -> None:
    """32, an entry that lacks something, or of a new kind: named by its identifier, the rest published; of three, nothing is."""
    names = [fake.id for fake in FULL[:3]]
    body = changed(rss.rss(FULL, FRIDAY), names[0], old, new, "item")
    arxiv.state.pages[FEED] = body
    found = faults.day(arxiv.url, tmp_path / "one", FRIDAY, source="feed")
    assert ids(found) == sorted(fake.id for fake in FULL[1:])
    assert any(f"the feed's entry of {names[0]} could not be read: {said}" in remark for remark in found.remarks)

    for name in names[1:]:
        body = changed(body, name, old, new, "item")
    arxiv.state.pages[FEED] = body
    error = check_refused(arxiv, tmp_path / "three", LayoutError, f"3 of the feed's 40 entries cannot be read .{names[0]}: ", source="feed")
    assert error.exit_status == 1


OAI_CHANGES = [("<title>.*?</title>", "no title"), ("<version .*</version>", "no versions"), ("<metadata>.*</metadata>", "another format")]


@pytest.mark.parametrize(("old", "said"), OAI_CHANGES, ids=[said for _, said in OAI_CHANGES])
def test_32_oai(arxiv: Day, tmp_path: Path, old: str, said: str) -> None:
    """32, a record that lacks something: named, the rest published; of three in forty, nothing is."""
    names = [fake.id for fake in FULL[:3]]
    body = changed(oaipmh.answer([record(fake) for fake in FULL]), names[0], old, "", "record")
    arxiv.state.pages[oaipmh.first(str(FRIDAY))] = body
    found = faults.day(arxiv.url, tmp_path / "one", FRIDAY, source="oai")
    assert set(ids(found)) == {fake.id for fake in FULL[1:]}
    assert [remark for remark in found.remarks if names[0] in remark and said in remark]

    for name in names[1:]:
        body = changed(body, name, old, "", "record")
    arxiv.state.pages[oaipmh.first(str(FRIDAY))] = body
    check_refused(arxiv, tmp_path / "three", LayoutError, f"3 of 40 records cannot be read .{names[0]}: ", source="oai")


def test_32_new_elements(arxiv: Day, tmp_path: Path) -> None:
    """32, elements that nobody knows yet are no fault, in any service."""
    strange = b"<x:strange xmlns:x='http://example.org/'>a <x:b/> c</x:strange>"
    arxiv.state.pages[FEED] = rss.rss(FAKES, FRIDAY).replace(b"<title>", strange + b"<title>")
    arxiv.state.pages[oaipmh.first(str(FRIDAY))] = oaipmh.answer([replace(record(fake), extra=strange.decode()) for fake in FAKES])
    arxiv.state.pages[NEW] = pages.new(FAKES, FRIDAY).replace(
        b"<div class='list-subjects'>", b"<div class='list-x'>y</div><div class='list-subjects'>"
    )
    found = faults.day(arxiv.url, tmp_path, FRIDAY)

    check_whole(found)
    assert [(check.service, check.agrees) for check in found.checks] == [("feed", True), ("oai", True)]


def test_32_by_the_program(arxiv: Day, program: Program) -> None:
    """32, by the program: a page whose entries lack their titles fails the date with status 1, and the note says why."""
    for path, body in ((NEW, pages.new(FAKES, FRIDAY)), (CATCHUP, pages.catchup(FAKES, FRIDAY))):
        arxiv.state.pages[path] = body.replace(b"list-title mathjax", b"list-headline")
    done = program("run", "--date", str(FRIDAY), "--source", "listing")
    note = program.noted(FRIDAY)

    assert (done.status, note["state"]) == (1, "failed")
    assert "has no title or no subjects" in note["reason"]
    assert faults.kept(program.folder / "data") == []
    assert not program.page(FRIDAY).exists()


def test_32_a_second_opinion_that_cannot_be_read(arxiv: Day, tmp_path: Path) -> None:
    """32, all other services have changed: the digest is made from the listing alone."""
    arxiv.state.pages[FEED] = rss.rss(FAKES, FRIDAY).replace(b"announce_type>", b"type>")
    arxiv.state.pages[oaipmh.first(str(FRIDAY))] = oaipmh.answer([record(fake) for fake in FAKES]).replace(b"arXivRaw", b"arXivNew")
    arxiv.api.always = lambda api, question: api.page(question).replace(b"totalResults", b"results")  # type: ignore[union-attr]
    found = faults.day(arxiv.url, tmp_path, FRIDAY)

    check_whole(found)
    assert (found.provenance.service, found.checks) == ("listing", ())
    with pytest.raises(SourceError):
        faults.day(arxiv.url, tmp_path / "feed", FRIDAY, source="feed")


# -- small categories ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 4])
def test_25_a_few_papers_that_were_held_back(arxiv: Day, tmp_path: Path, count: int) -> None:
    """25, a day whose few new papers all came in a day early, because moderators held them back, is no old list."""
    held = BEFORE[:count]
    arxiv.names(held)
    found = faults.day(arxiv.url, tmp_path, FRIDAY)

    check_whole(found, held)
    assert {entry.paper.submitted for entry in found.entries} == {moment(fake) for fake in held}
    assert all(check.agrees for check in found.checks)
