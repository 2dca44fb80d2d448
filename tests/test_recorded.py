"""arXiv's own answers from end to end: each service against the catch-up page of the date, and every recorded file once.

The dates are eight of November 2026, and 2 April 2020. In the recording of 2026 no announcement carries the dates 16 and
19 November, although arXiv's table of holidays names neither, and its windows of submission change at 18:00 UTC, although
they should at 19:00 UTC in November. Both are parameters here: `Freeze` is a calendar with the recording's own rules.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from digest import errors, resources
from digest.arxiv import api, feed, listing, mailing, oai
from digest.arxiv.answers import Answers
from digest.arxiv.client import Client
from digest.arxiv.exchange import Limits
from digest.core.announcements import Calendar, Window
from digest.core.domain import Announcement, Check, Entry, Kind, Provenance, State
from digest.core.edition import chosen
from digest.errors import (
    DigestError,
    LayoutError,
    NotYetError,
    OutOfReachError,
    QueryError,
    SourceError,
    StaleError,
    UnreachableError,
    UsageError,
)
from digest.services import Services
from digest.source import Source
from tests import replayed, servers, weeks
from tests.reference import recorded, shared
from tests.replayed import Recording

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
DAYS = (9, 10, 11, 12, 13, 17, 18, 20)
WITHOUT = (16, 19)
ONE_TRY = Limits(connect=2, read=5, total=10, tries=1, back_off=0, patience=1)


class Freeze(Calendar):
    """A calendar whose windows change at 18:00 UTC, as the recording's do."""

    __slots__ = ()

    def window(self, day: date) -> Window:
        """Return the announcement of *day* with the recording's freezes."""
        found = Calendar.window(self, day)
        return replace(found, start=found.start.replace(hour=18), end=found.end.replace(hour=18))


AS_RECORDED = Freeze(frozenset({date(2026, 11, 15), date(2026, 11, 18)}))


def november(day: int) -> date:
    """Return a date of November 2026."""
    return date(2026, 11, day)


def source(url: str, folder: Path, *, calendar: Calendar | None = None, second_opinion: bool = False) -> Source:
    """Return what one run of the program asks, with all services behind one address."""
    client = Client(0, folder, loopback=True, limits=ONE_TRY)
    services = Services(client.get, url, url, url, back_off=0.001)
    known = resources.categories()
    calendar = calendar or resources.calendar()
    return Source(client.get, Answers(folder), calendar, url, categories=known, services=services, second_opinion=second_opinion)


@pytest.fixture(scope="module")
def arxiv() -> Iterator[servers.Arxiv]:
    """Play arXiv on 20 November 2026; a test that adds a page takes a server of its own."""
    with replayed.replay("nov2026") as state:
        yield state


@pytest.fixture(scope="module")
def truth(arxiv: servers.Arxiv, tmp_path_factory: pytest.TempPathFactory) -> Mapping[int, Announcement]:
    """Return what the catch-up page of each date says."""
    folder = tmp_path_factory.mktemp("truth")
    return {day: source(arxiv.url, folder).announcement("cs.CV", november(day), NOW, "catchup") for day in DAYS}


COUNTS = {
    9: (70, 1, 0, 0), 10: (254, 9, 0, 0), 11: (89, 5, 0, 0), 12: (85, 0, 0, 0),
    13: (101, 3, 0, 0), 17: (283, 18, 0, 0), 18: (116, 2, 0, 0), 20: (94, 10, 35, 1),
}  # fmt: skip
"""New papers, cross-lists, replacements and replaced cross-lists of each date."""
LINKED = {
    10: {"2606.15527"},
    12: {"2606.18582"},
    17: {"2606.21113", "2606.21115", "2606.22439"},
    18: {"2606.24178", "2606.24786"},
    20: {"2606.27128"},
}
"""Abstracts with an address without its scheme, or a bare DOI: arXiv's page makes a link of it, and the link has a scheme. All
other services give what was submitted."""
LATE = "2603.04592"
"""A cross-list of 10 November that was added months after its paper had come in: no window of submission has it."""
OFTEN = "2606.14072"
"""A paper in its sixth version: OAI-PMH has a record of the change, and arXiv announces no version after the fifth."""


def compared(found: Announcement, page: Announcement) -> tuple[set[str], set[str]]:
    """Return what of the *page* was not *found*, and what was found besides.

    What both have must be the same in kind, title, abstract and categories, but for the abstracts in `LINKED`, which must
    be the same without the schemes of their addresses; with neither can a paper stand twice.
    """
    ours, theirs = ({entry.paper.id: entry for entry in one.entries} for one in (found, page))
    assert (len(ours), len(theirs)) == (len(found.entries), len(page.entries))
    both = ours.keys() & theirs.keys()
    assert [name for name in both if said(ours[name]) != said(theirs[name])] == []
    differ = {name for name in both if ours[name].paper.abstract != theirs[name].paper.abstract}
    completed = found.provenance.service in ("catchup", "listing")
    assert differ == (set() if completed else LINKED.get(page.date.day, set()) & both)
    return theirs.keys() - ours.keys(), ours.keys() - theirs.keys()


def said(entry: Entry) -> tuple[str, str, str, tuple[str, ...]]:
    """Return what each service says of a paper, in a form in which all say the same."""
    paper = entry.paper
    return entry.kind, paper.title, re.sub(r"https://doi\.org/|http://", "", paper.abstract), paper.categories


def replacements(page: Announcement) -> set[str]:
    """Return the papers that were replaced."""
    return {entry.paper.id for entry in page.entries if entry.kind in (Kind.REPLACED, Kind.REPLACED_CROSS)}


def on(days: Sequence[int], quick: Sequence[int]) -> pytest.MarkDecorator:
    """Return a mark that runs a test on all *days*; the *quick* ones are enough to see most mistakes."""
    return pytest.mark.parametrize("day", [day if day in quick else pytest.param(day, marks=pytest.mark.slow) for day in days])


# -- each service against the page of the date -----------------------------------------------------------------------


def test_the_catchup_pages(truth: Mapping[int, Announcement]) -> None:
    """The page of each date gives as many papers of each kind as were announced, each once."""
    assert {day: tuple(page.count(kind) for kind in Kind) for day, page in truth.items()} == COUNTS
    assert all(len({entry.paper.id for entry in page.entries}) == len(page.entries) for page in truth.values())
    assert {page.state for page in truth.values()} == {State.PUBLISHED}


@pytest.mark.parametrize("name", ["listing", "feed"])
def test_the_newest(arxiv: servers.Arxiv, truth: Mapping[int, Announcement], tmp_path: Path, name: str) -> None:
    """The newest page and the feed give all of 20 November, replacements too; the feed knows the versions besides."""
    found = source(arxiv.url, tmp_path).announcement("cs.CV", november(20), NOW, name)

    assert compared(found, truth[20]) == (set(), set())
    assert (found.reconstructed, found.unknown, found.remarks) == (False, (), ())
    assert {entry.paper.version is None for entry in found.entries} == {name == "listing"}


@on((12, 13, 17, 18, 20), quick=(12, 20))
def test_the_last_five_dates(arxiv: servers.Arxiv, truth: Mapping[int, Announcement], tmp_path: Path, day: int) -> None:
    """The list of the last five dates, with its abstracts from the query API, lacks the replacements and says so."""
    found = source(arxiv.url, tmp_path).announcement("cs.CV", november(day), NOW, "recent")

    assert compared(found, truth[day]) == (replacements(truth[day]), set())
    assert [entry.paper.id for entry in found.entries if entry.paper.pending or not entry.paper.submitted] == []
    assert len(found.unknown) == 1
    assert "names no replacements" in found.unknown[0]


@pytest.mark.parametrize("day", [9, 11])
def test_before_the_last_five_dates(arxiv: servers.Arxiv, tmp_path: Path, day: int) -> None:
    """A date that is not in the list any more is out of its reach."""
    with pytest.raises(OutOfReachError, match="goes back to 2026-11-12"):
        source(arxiv.url, tmp_path).announcement("cs.CV", november(day), NOW, "recent")


def test_none_among_the_last_five_dates(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """A date that the list passes over had no announcement."""
    for day in WITHOUT:
        found = source(arxiv.url, tmp_path).announcement("cs.CV", november(day), NOW, "recent")
        assert (found.state, found.entries) == (State.NONE, ())


@pytest.mark.parametrize("day", [17, 18, 20])
def test_records_of_a_date(arxiv: servers.Arxiv, truth: Mapping[int, Announcement], tmp_path: Path, day: int) -> None:
    """OAI-PMH gives the papers of a date and their kinds; a sixth version is among its records, and as on the page it is not told."""
    found = source(arxiv.url, tmp_path, calendar=AS_RECORDED).announcement("cs.CV", november(day), NOW, "oai")

    assert compared(found, truth[day]) == (set(), set())
    assert (OFTEN in found.unknown[-1]) == (day == 20)
    assert found.reconstructed
    assert all(entry.paper.version and entry.paper.submitted for entry in found.entries)
    versions = {kind: {entry.paper.version or 0 for entry in found.entries if entry.kind is kind} for kind in Kind}
    assert versions[Kind.NEW] | versions[Kind.CROSS] == {1}
    assert min(versions[Kind.REPLACED], default=2) > 1


def test_records_of_no_date(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """Of a date without an announcement OAI-PMH has no records."""
    for day in WITHOUT:
        found = source(arxiv.url, tmp_path).announcement("cs.CV", november(day), NOW, "oai")
        assert (found.state, found.reconstructed) == (State.NONE, True)


@on(DAYS, quick=(9, 10, 20))
def test_windows_of_submission(arxiv: servers.Arxiv, truth: Mapping[int, Announcement], tmp_path: Path, day: int) -> None:
    """The query API's window gives a date without its replacements and its late cross-list; 17 November's spans the deferred day."""
    found = source(arxiv.url, tmp_path, calendar=AS_RECORDED).announcement("cs.CV", november(day), NOW, "api")

    assert compared(found, truth[day]) == (replacements(truth[day]) | ({LATE} if day == 10 else set()), set())
    assert found.reconstructed
    assert "came in for this date" in found.unknown[0]
    assert "nor are replacements" in found.unknown[1]


def test_no_window_of_a_date_without_announcement(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """Who knows that there was no announcement asks for no window."""
    for day in WITHOUT:
        found = source(arxiv.url, tmp_path, calendar=AS_RECORDED).announcement("cs.CV", november(day), NOW, "api")
        assert (found.state, found.provenance.service) == (State.NONE, "calendar")


MONTH = "/list/cs.CV/2026-11?skip=0&show=2000"


@pytest.mark.slow
@on(DAYS, quick=(10, 20))
def test_a_date_worked_out(truth: Mapping[int, Announcement], tmp_path: Path, day: int) -> None:
    """Out of the month's list, every paper that was first announced on a date comes out, and no other.

    Missing are the replacements, and the late cross-list, whose identifier is not of this month. The recorded papers have
    the identifiers of June, so their list is served as that of November.
    """
    june = recorded("nov2026/html_list_cs.CV_2026-06_skip=0_show=2000.html")
    with replayed.replay("nov2026") as own:
        own.pages[MONTH] = re.sub(rb"(<h2>Authors and titles for )June( 2026)", rb"\1November\2", june)
        found = source(own.url, tmp_path, calendar=AS_RECORDED).announcement("cs.CV", november(day), NOW, "month")

    assert compared(found, truth[day]) == (replacements(truth[day]) | ({LATE} if day == 10 else set()), set())
    assert found.reconstructed
    assert all(entry.paper.version == 1 and entry.paper.submitted and entry.paper.abstract for entry in found.entries)
    assert not [line for line in found.unknown if "uncertain" in line]


# -- the whole way, with second opinions ------------------------------------------------------------------------------

AGREE = {
    20: (
        Check("feed", agrees=True, says="the feed lists the same 140 papers, of the same kinds"),
        Check("oai", agrees=True, says="OAI-PMH knows all 140 papers"),
    ),
    **{day: (Check("oai", agrees=True, says=f"OAI-PMH knows all {sum(COUNTS[day])} papers"),) for day in (17, 18)},
    **{day: (Check("api", agrees=True, says=f"the query API knows all {sum(COUNTS[day])} papers"),) for day in (9, 10, 11, 12, 13)},
}
"""Who says what: the feed of today, the records of the last days, and the query API where something still lacks."""


@on(DAYS, quick=(9, 10, 17, 20))
def test_a_run(arxiv: servers.Arxiv, truth: Mapping[int, Announcement], tmp_path: Path, day: int) -> None:
    """Without a service being named, each date is what its page says; the others agree, and tell version and time of every paper."""
    found = source(arxiv.url, tmp_path, second_opinion=True).announcement("cs.CV", november(day), NOW)
    window = AS_RECORDED.window(november(day))

    assert compared(found, truth[day]) == (set(), set())
    assert (found.checks, found.remarks, found.unknown, found.reconstructed) == (AGREE[day], (), (), False)
    for entry in found.entries:
        paper = entry.paper
        assert paper.version is not None
        assert paper.submitted is not None
        assert paper.submitted < window.end
        if entry.kind in (Kind.REPLACED, Kind.REPLACED_CROSS):
            assert paper.version > 1
        elif paper.id != LATE:
            assert paper.version == 1, "it is the version that was announced, whatever came later"
            assert window.start <= paper.submitted


@pytest.mark.parametrize("day", WITHOUT)
def test_a_run_for_no_announcement(arxiv: servers.Arxiv, tmp_path: Path, day: int) -> None:
    """16 and 19 November are dates without an announcement, as the page says; arXiv's calendar does not know it."""
    found = source(arxiv.url, tmp_path, second_opinion=True).announcement("cs.CV", november(day), NOW)

    assert (found.state, found.provenance.service, found.entries) == (State.NONE, "catchup", ())
    assert f"the next announcement is that of 2026-11-{day + 1}" in found.reason


def test_two_categories(arxiv: servers.Arxiv, truth: Mapping[int, Announcement], tmp_path: Path) -> None:
    """Two recorded pages make one digest: each paper once, as the category lists it that was named first."""
    one, other = truth[20], source(arxiv.url, tmp_path / "other").announcement("cs.LG", november(20), NOW, "listing")
    first, second = ({entry.paper.id: entry.kind for entry in page.entries} for page in (one, other))

    for label, kinds in (("cs.CV+cs.LG", second | first), ("cs.LG+cs.CV", first | second)):
        found = source(arxiv.url, tmp_path / label).announcement(label, november(20), NOW, "listing")
        assert {entry.paper.id: entry.kind for entry in found.entries} == kinds
        assert len(found.entries) == len(kinds)
    assert first.keys() & second.keys()
    assert {name for name in first.keys() & second.keys() if first[name] is not second[name]}


# -- 2 April 2020 ----------------------------------------------------------------------------------------------------

SEED_DAY = date(2020, 4, 2)
SEED_NOON = datetime(2020, 4, 2, 16, tzinfo=UTC)
SEED = "seed-2020-04-02"


def seeded() -> list[str]:
    """Return the identifiers of the page that the project started from, in its order."""
    return re.findall(r"arxiv\.org/pdf/([\d.]+)\.pdf", next((shared() / "seeds").glob("002_*")).read_text("utf-8"))


def listed(announcement: Announcement) -> list[str]:
    """Return the identifiers of a digest in its order."""
    return [entry.paper.id for entry in chosen(announcement, frozenset((Kind.NEW, Kind.CROSS)))]


@pytest.mark.parametrize("name", ["listing", "catchup", "recent", "feed", "auto"])
def test_the_seed_day(tmp_path: Path, name: str) -> None:
    """Whichever service 2 April 2020 was asked of on that day, it is the seed's 64 papers in the seed's order."""
    with replayed.replay(SEED) as arxiv:
        found = source(arxiv.url, tmp_path).announcement("cs.CV", SEED_DAY, SEED_NOON, name)

    assert (len(listed(found)), listed(found)) == (64, seeded())


SEED_FILES = (
    "html_seed_list_cs.CV_new.html",
    "html_seed_catchup_cs.CV_2020-04-02_abs=True.html",
    "html_catchup_cs.CV_2020-04-02_abs=True_page=1.html",
    "feed_seed_rss_cs.CV.xml",
    "feed_seed_atom_cs.CV.xml",
)


@pytest.mark.parametrize("name", SEED_FILES)
def test_the_seed_day_from_files(tmp_path: Path, name: str) -> None:
    """So it is out of each file that states a whole announcement."""
    path = shared() / "arxiv" / "recorded" / SEED / name
    found = source("http://127.0.0.1:9", tmp_path).announcement("cs.CV", SEED_DAY, NOW, f"file:{path}")

    assert (found.date, len(listed(found)), listed(found)) == (SEED_DAY, 64, seeded())


@pytest.mark.parametrize("name", ["html_list_cs.CV_2020-04_skip=0_show=2000.html", "html_list_cs.CV_recent_skip=0_show=2000.html"])
def test_lists_of_more_than_a_date(tmp_path: Path, name: str) -> None:
    """The lists of the month and of the last days hold the same, but a file of them is no announcement of one date."""
    page = listing.parse(recorded(f"{SEED}/{name}"))
    held = tuple(entry for section in page.sections for entry in section.entries)

    assert listed(Announcement("cs.CV", SEED_DAY, held, Provenance("file", (name,)))) == seeded()
    with pytest.raises(LayoutError):
        source("http://127.0.0.1:9", tmp_path).announcement("cs.CV", SEED_DAY, NOW, f"file:{shared() / 'arxiv' / 'recorded' / SEED / name}")


# -- the feed by the clock -------------------------------------------------------------------------------------------

CLOCK = {
    "feed_clock_rss_cs.CV.xml": (21, "none", 0),  # a Saturday
    "076_feed_clock_rss_cs.CV.xml": (22, "none", 0),  # a Sunday
    "078_feed_clock_rss_cs.CV.xml": (16, "waiting", 75),  # a Monday without an announcement, which nobody told
    "080_feed_clock_rss_cs.CV.xml": (19, "waiting", 75),  # a minute before midnight in Ithaca
    "082_feed_clock_rss_cs.CV.xml": (20, "published", 0),  # a minute after it
}
"""The feed, the date that it is of, the state of that date, and the exit status of the run."""


def clock(name: str) -> Recording:
    """Return a recording by its file name."""
    return next(one for one in replayed.manifest()["feed-clock"] if one.file.endswith(f"/{name}"))


@pytest.mark.parametrize("name", CLOCK, ids=["Saturday", "Sunday", "deferred", "before midnight", "after midnight"])
def test_the_feed_by_the_clock(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """What a run makes of the feed at each hour is in its exit status, and in the state of the date afterwards."""
    day, state, status = CLOCK[name]
    shown = clock(name)
    with servers.arxiv() as arxiv:
        arxiv.pages["/rss/cs.CV"] = shown.answer
        program = weeks.program(tmp_path, arxiv.url, capsys, monkeypatch)
        program.now = datetime.fromisoformat(shown.clock).astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")
        done = program("run", "--source", "feed", "--date", str(november(day)))
        known = program("status", "--from", str(november(day)), "--to", str(november(day)), "--json").states

    assert arxiv.asked == ["/rss/cs.CV"]
    assert (done.status, known) == (status, {day: state})
    assert program.page(november(day)).is_file() == (state == "published")


def test_a_holiday_that_is_known(tmp_path: Path) -> None:
    """Where the calendar knows of the holiday, a feed without entries is no announcement; else one waits for it."""
    shown = clock("078_feed_clock_rss_cs.CV.xml")
    now = datetime.fromisoformat(shown.clock)
    with servers.arxiv() as arxiv:
        arxiv.pages["/rss/cs.CV"] = shown.answer
        found = source(arxiv.url, tmp_path, calendar=AS_RECORDED).announcement("cs.CV", november(16), now, "feed")
        with pytest.raises(NotYetError, match="no entries for 2026-11-16 so far"):
            source(arxiv.url, tmp_path).announcement("cs.CV", november(16), now, "feed")

    assert (found.state, found.entries) == (State.NONE, ())


def test_the_newest_date_before_midnight(tmp_path: Path) -> None:
    """Before midnight in Ithaca the newest page has 20 November and the feed has the day before: that date is too early for it."""
    shown = clock("080_feed_clock_rss_cs.CV.xml")
    now = datetime.fromisoformat(shown.clock)
    with replayed.replay("nov2026") as arxiv:
        arxiv.pages["/rss/cs.CV"] = shown.answer
        with pytest.raises(StaleError, match="the feed is that of 2026-11-19") as caught:
            source(arxiv.url, tmp_path).announcement("cs.CV", november(20), now, "feed")
        found = source(arxiv.url, tmp_path, second_opinion=True).announcement("cs.CV", november(20), now)

    assert caught.value.exit_status == 75
    assert (found.provenance.service, len(found.entries), len(found.checks)) == ("listing", 140, 1)
    assert all(check.agrees and check.service != "feed" for check in found.checks)


# -- mailings --------------------------------------------------------------------------------------------------------

MAILS = {
    "astro-ph_listings_new": (date(2023, 3, 3), (53, 4, 29, 11)),
    "astro-ph_listings_new.CO": (date(2023, 3, 3), (5, 2, 5, 11)),
    "astro-ph_listings_pastweek": (date(2023, 3, 3), (53, 4, 0, 0)),
    "math_listings_new.AG": (date(2023, 6, 9), (0, 1, 0, 1)),
    "math_listings_pastweek.AG": (date(2023, 3, 3), (1, 0, 0, 0)),
    "q-fin_listings_new": (date(2023, 3, 17), (13, 0, 3, 0)),
    "q-fin_listings_new.GN": (date(2023, 3, 16), (1, 0, 4, 1)),
    "q-fin_listings_new.PR": (date(2023, 3, 13), (1, 1, 1, 1)),
}
"""The date of each mailing, the newest one of a week, and how many papers of each kind it has."""


def subscribed(name: str) -> str:
    """Return the category, or the archive, that a recorded mailing is of."""
    archive, _, rest = name.partition("_listings_")
    return f"{archive}{rest[rest.index('.') :] if '.' in rest else ''}"


@pytest.mark.slow
@pytest.mark.parametrize("name", MAILS)
def test_a_mailing(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A saved mailing makes the digest of its date, with every paper that it announces; nobody is asked."""
    day, counts = MAILS[name]
    path = shared() / "arxiv" / "recorded" / "mailings" / f"email_{name}.txt"
    own = ("--category", subscribed(name))
    program = weeks.program(tmp_path, "http://127.0.0.1:9", capsys, monkeypatch)
    done = program("run", "--source", f"file:{path}", *own, "--include", "new,cross,replaced", "--json")
    known = program("status", *own, "--from", str(day), "--to", str(day), "--json")

    assert done.status == 0, done.err
    assert (done.json["date"], done.json["state"]) == (str(day), "published")
    assert tuple(done.json["counts"].values()) == counts
    assert len(done.json["entries"]) == len({entry["id"] for entry in done.json["entries"]}) == sum(counts)
    assert known.states == {day.day: "published"}


# -- every recorded answer -------------------------------------------------------------------------------------------

Error = type[DigestError]
READ: dict[str, int] = {
    "nov2026/html_list_list_cs.CV_new.html": 140,
    "nov2026/html_list_list_cs.CV_new_skip=90_show=25.html": 25,
    "nov2026/html_list_list_cs.CV_pastweek_show=2000.html": 712,
    "nov2026/html_list_list_cs.CV_recent.html": 50,
    "nov2026/html_list_list_cs.CV_recent_skip=0_show=250.html": 250,
    "nov2026/html_list_list_cs.CV_recent_skip=104_show=50.html": 50,
    "nov2026/html_list_cs.CV_recent_skip=0_show=2000.html": 712,
    "nov2026/html_list_list_cs_new_show=50.html": 50,
    "nov2026/html_list_list_cs.LG_new.html": 17,
    "nov2026/html_list_list_cs.CV_current.html": 0,
    "nov2026/html_list_list_cs.CV_2026.html": 50,
    "nov2026/html_list_list_cs.CV_2026-06.html": 50,
    "nov2026/html_list_list_cs.CV_2026-06_skip=50_show=100.html": 100,
    "nov2026/html_list_cs.CV_2026-06_skip=0_show=2000.html": 1139,
    "nov2026/html_list_cs.CV_2026-11_skip=0_show=2000.html": 0,
    "nov2026/html_catchup_catchup_cs.CV_2026-11-20_abs=True_page=2.html": 0,
    "nov2026/html_catchup_edge_catchup_cs.CV_2026-11-1[56]*.html": 0,
    "nov2026/html_catchup_catchup_cs_2026-11-18_abs=False.html": 118,
    **{f"nov2026/html_catchup_*cs.CV_2026-11-{day:02}_abs=True*.html": sum(COUNTS[day]) for day in DAYS},
    "nov2026/html_catchup_catchup_cs.CV_2026-11-20.html": 140,
    "nov2026/html_catchup_cs.CV_2026-11-19_abs=True.html": 0,
    "nov2026/feed_rss_*.xml": 140,
    "nov2026/feed_atom_*.xml": 140,
    "nov2026/feed_edge_rss_cs.SY.xml": 0,
    "nov2026/oai_*_verb=GetRecord_metadataPrefix=arXiv*_identifier=oai_arXiv.org_2606.26122.xml": 1,
    "nov2026/oai_*_verb=ListRecords_metadataPrefix=arXiv_*from=2026-11-14_until=*.xml": 0,
    **{f"nov2026/oai_oai_verb=ListRecords_metadataPrefix=arXiv{raw}_set=cs[:_]cs[:_]CV_from=2026-11-{day}_until*.xml": count
       for raw in ("", "Raw") for day, count in ((16, 0), (17, 301), (18, 118), (19, 0), (20, 141))},
    "nov2026/api_api_query_id_list=2606.26122_2606.26165v1.xml": 2,
    "nov2026/api_api_query_search_query=all_zzzznotaword_max_results=5.xml": 0,
    "nov2026/api_api_query_search_query=cat_cs.CV_AND_submittedDate_5B202611181900_TO_2026111918.xml": 101,
    "nov2026/api_api_query_search_query=cat_cs.CV_AND_submittedDate_5B20261118_TO_20261119_5D_st.xml": 4,
    "nov2026/api_api_query_search_query=cat_cs.CV_sortBy=submittedDate_sortOrder=descending_star.xml": 100,
    "nov2026/api_api_query_search_query=cat_cs.CV_start=5000_max_results=10.xml": 0,
    "nov2026/api_error_api_query_id_list=9999.99999.xml": 0,
    "seed-2020-04-02/html_seed_list_cs.CV_2020-04.html": 50,
    "seed-2020-04-02/*": 64,
    "feed-clock/08[23]_feed_clock_*.xml": 140,
    "feed-clock/*": 0,
    "oai-paged/125_oai_paged_*.xml": 19,
    "oai-paged/1[12][0-9]_oai_paged_*.xml": 40,
    "oai-paged/oai_paged_*_metadataPrefix=arXiv_*.xml": 40,
    "oai-paged/oai_paged_*_resumptionToken=verb_*.xml": 40,
    **{f"mailings/email_{name}.txt": sum(counts) for name, (_, counts) in MAILS.items()},
    "production-api/real_export_api_id_0000.0000_*": 0,
    "production-api/real_export_api_id_0808.05394_1707.08567_*": 1,
    "production-api/real_export_api_id_0808.05394_s0_*": 0,
    "production-api/real_export_api_id_[1-9]*": 1,
    "production-api/real_export_api_id_astro-ph_*": 1,
    "production-api/real_export_api_id_quant-ph_*": 1,
    "production-api/real_export_api_q_testing_*_m100_*": 100,
    "production-api/real_export_api_q_testing_*_m15_*": 15,
    "production-api/real_export_api_q_testing_*_m10_*": 10,
}  # fmt: skip
"""How many papers each recorded answer holds that can be read; the first line that fits a file counts."""

REFUSED: dict[str, tuple[Error, Error | int, str]] = {
    "nov2026/html_error_list_cs.XX_new.html": (LayoutError, UsageError, "Invalid archive or category: cs.XX"),
    "nov2026/html_catchup_edge_catchup_xx_2026-11-20.html": (LayoutError, UsageError, "Invalid subject"),
    "nov2026/html_catchup_edge_catchup_cs.CV_2026-08-01.html": (LayoutError, OutOfReachError, "only allowed for past 90 days"),
    "nov2026/html_catchup_edge_catchup_cs.CV_2026-11-30.html": (LayoutError, NotYetError, "Can't request date later than today"),
    "nov2026/html_catchup_edge_catchup_cs.CV_2026-1-1.html": (LayoutError, SourceError, "answered 400.*: Invalid date format"),
    "nov2026/html_catchup_edge_catchup_cs.CV_2026-11-20_abs=1.html": (LayoutError, SourceError, "answered 400.*: Invalid abs value"),
    "nov2026/html_catchup_edge_catchup_cs.CV_2026-11-20_foo=1.html": (LayoutError, SourceError, "answered 400.*are: 'page', and 'abs'"),
    "nov2026/html_catchup_edge_catchup_subject=*.html": (LayoutError, 140, ""),  # sent on to the page of the date
    "nov2026/html_catchup_catchup.html": (LayoutError, LayoutError, "not a listing page"),
    "nov2026/html_error_list_cs.CV_2606.html": (LayoutError, SourceError, "answered 404"),
    "nov2026/html_error_list_cs.CV_2027-01.html": (LayoutError, SourceError, "answered 404"),
    "nov2026/html_error_list_cs.CV_*26*.html": (LayoutError, LayoutError, "the list of 2026"),  # sent on to a month or a year
    "nov2026/html_error_list_cs.CV_new_show=10.html": (LayoutError, SourceError, "answered 400.*: Invalid show value"),
    "nov2026/html_error_list_cs.CV_foo.html": (LayoutError, SourceError, "answered 400"),
    "nov2026/html_error_list.html": (LayoutError, SourceError, "answered 400"),
    "nov2026/html_error_robots.txt.html": (LayoutError, LayoutError, "not an HTML page"),
    "nov2026/html_abs_abs_2606.26122*.html": (LayoutError, LayoutError, "not a listing page"),
    "nov2026/html_abs_abs_*.html": (LayoutError, SourceError, "answered 404.*identifier"),
    "nov2026/feed_edge_.xml": (LayoutError, LayoutError, "not a document of arXiv's"),
    "nov2026/feed_edge_rss.xml": (LayoutError, LayoutError, "not a document of arXiv's"),
    "nov2026/feed_edge_feed_status.xml": (LayoutError, LayoutError, "not a document of arXiv's"),
    "nov2026/feed_edge_*.xml": (QueryError, QueryError, "answered with an error"),
    "nov2026/oai_error_oai_verb=ListRecords_resumptionToken=foo.xml": (QueryError, QueryError, "badResumptionToken"),
    "nov2026/oai_error_*.xml": (QueryError, QueryError, r"answered (bad|cannot|idDoes)\w+: "),
    "nov2026/oai_*_metadataPrefix=oai_dc_*.xml": (LayoutError, LayoutError, "another format"),
    "nov2026/oai_*_metadataPrefix=arXivOld_*.xml": (LayoutError, LayoutError, "another format"),
    "nov2026/oai_oai_verb=*.xml": (LayoutError, LayoutError, "no list of up to"),
    "oai-paged/*": (QueryError, QueryError, "badResumptionToken"),
    "nov2026/api_error_api_query_search_query=cat_cs.CV_max_results=30001.xml": (QueryError, UnreachableError, "answered 500"),
    "nov2026/api_error_api_query_search_query=cat_cs.CV_max_results=0.xml": (QueryError, UnreachableError, "answered 500"),
    "nov2026/api_error_api_query_search_query=cat_cs.CV_start=10000_*.xml": (QueryError, UnreachableError, "answered 500"),
    "nov2026/api_error_api_query_search_query=cat_cs.CV_AND_*.xml": (QueryError, UnreachableError, "answered 500"),
    "nov2026/api_error_api_query*.xml": (QueryError, QueryError, "answered with an error: "),
    "production-api/real_export_api_id_abc_*": (QueryError, QueryError, "incorrect id format for abc"),
}
"""What the others are refused with: by their parser, and by the source where they stand instead of the answer, with what is said.

A number says that the answer leads to one that can be used after all, with so many papers.
"""


def expected(file: str) -> str:
    """Return the first line of the tables that fits a file; an empty text if none does."""
    return next((pattern for pattern in (*READ, *REFUSED) if fnmatchcase(file, pattern)), "")


@cache
def everything() -> tuple[Recording, ...]:
    """Return all recorded answers."""
    return tuple(answer for dataset in replayed.manifest().values() for answer in dataset)


def of(answer: Recording) -> str:
    """Return the category that an answer was asked for."""
    if answer.service == "mail":
        return subscribed(answer.file.partition("email_")[2].removesuffix(".txt"))
    found = re.match(r"/(?:list|catchup|rss|atom)/([^/?]+)", answer.path)
    return found[1] if found else "cs.CV"


def papers(answer: Recording) -> int:
    """Return how many papers the parser of its service reads out of an answer; a fault in one of them is a mistake here."""
    body, category = answer.body, of(answer)
    match answer.service:
        case "html":
            return listing.parse(body, category=category).rows
        case "api":
            found = api.parse(body)
            assert len(found.papers) == found.rows
            return found.rows
        case "oai":
            harvest = oai.parse(body)
            assert (harvest.faults, harvest.deleted) == ((), ())
            return len(harvest.records)
        case _:
            read = feed.parse(body, category=category) if answer.service == "feed" else mailing.parse(body, category=category)
            assert read.faults == ()
            return len(read.entries)


def leaf(error: DigestError) -> Error:
    """Return the class of the project's tree that an error is of; adapters have finer ones for themselves."""
    return next(one for one in type(error).__mro__ if one.__module__ == errors.__name__)


def outcome(ask: Callable[..., int], *arguments: object) -> tuple[Error | int, str]:
    """Return how many papers there are, or which error it is and what it says; any other exception is a mistake."""
    try:
        return ask(*arguments), ""
    except DigestError as exc:
        return leaf(exc), str(exc)


def test_each_file_has_its_expectation() -> None:
    """Every recorded file is named by the tables, and every line of them names one: what is new or gone is noticed."""
    folder = shared() / "arxiv" / "recorded"
    files = {str(path.relative_to(folder)) for path in folder.glob("*/*")} - {"nov2026/api_entries.jsonl"}

    assert {answer.file for answer in everything()} == files
    assert len(files) == len(everything()) == 177
    assert {file for file in files if not expected(file)} == set()
    assert {*READ, *REFUSED} - {expected(file) for file in files} == set()


@pytest.mark.parametrize("service", ["html", "feed", "oai", "api", "mail"])
def test_every_recorded_answer(service: str) -> None:
    """The parser of its service reads an answer, all of it, or refuses it with the right error."""
    answers = [answer for answer in everything() if answer.service == service]
    right = {answer.file: READ[name] if (name := expected(answer.file)) in READ else REFUSED[name][0] for answer in answers}

    assert answers
    assert {answer.file: outcome(papers, answer)[0] for answer in answers} == right


def refused(service: str) -> list[Recording]:
    """Return the answers of a service that its parser refuses."""
    return [answer for answer in everything() if answer.service == service and expected(answer.file) in REFUSED]


def announced(asked: Source, name: str) -> int:
    """Return how many papers a source has for 20 November."""
    return len(asked.announcement("cs.CV", november(20), NOW, name).entries)


@pytest.mark.parametrize("service", ["html", "feed", "oai", "api"])
def test_every_recorded_error(tmp_path: Path, service: str) -> None:
    """Where it stands instead of the answer, with its status, it is the right error for the date, and says what arXiv says."""
    name = "listing" if service == "html" else service
    answers = refused(service)
    assert answers
    with replayed.replay("nov2026") as arxiv:
        for number, answer in enumerate(answers):
            asked = source(arxiv.url, tmp_path / str(number))
            ((_, url),) = asked.plan("cs.CV", november(20), NOW, name)
            arxiv.pages = {url.removeprefix(arxiv.url): answer.answer}
            found, says = outcome(announced, asked, name)
            _, right, words = REFUSED[expected(answer.file)]
            assert found == right, f"{answer.file}: {says}"
            assert re.search(words, says), f"{answer.file}: {says}"


def test_no_recorded_error_loses_the_day(tmp_path: Path) -> None:
    """Whatever answers instead of the newest page, 20 November is made of the catch-up page, and the reason is told.

    But for an unknown category: then the question is wrong, and no other service is asked.
    """
    outcomes: Counter[str] = Counter()
    with replayed.replay("nov2026") as arxiv:
        for number, answer in enumerate(refused("html")):
            arxiv.pages = {"/list/cs.CV/new": answer.answer}
            asked = source(arxiv.url, tmp_path / str(number))
            if REFUSED[expected(answer.file)][1] is UsageError:
                with pytest.raises(UsageError):
                    asked.announcement("cs.CV", november(20), NOW)
                outcomes["refused"] += 1
                continue
            found = asked.announcement("cs.CV", november(20), NOW)
            assert len(found.entries) == 140, answer.file
            outcomes[found.provenance.service] += 1
            told = ["the listing could not be used" in remark for remark in found.remarks]
            assert told == [True] * (found.provenance.service == "catchup"), answer.file

    assert outcomes == {"catchup": 19, "listing": 1, "refused": 2}


# -- the server itself -----------------------------------------------------------------------------------------------

QUESTIONS = (
    "/api/query?id_list=2606.26165v1,2606.26122,9999.99999&max_results=5",
    "/api/query?search_query=cat:cs.CV+AND+submittedDate:[202611181800+TO+202611191759]&start=50&max_results=20",
    "/api/query?search_query=cat:cs.CV+AND+submittedDate:[202611181800+TO+202611191759]&sortBy=submittedDate&sortOrder=ascending",
    "/list/cs.CV/recent?show=2000&skip=0",
    "/catchup/cs.CV/2026-11-20?page=1&abs=True",
    "/list/cs.CV/1999-12",
)


@pytest.mark.parametrize("dataset", ["nov2026", SEED, "oai-paged"])
def test_the_server_answers_as_the_replay_does(dataset: str) -> None:
    """What plays arXiv in these tests gives the same answers as the program that comes with the recordings."""
    specification = spec_from_file_location("replay", shared() / "arxiv" / "replay.py")
    assert specification is not None
    assert specification.loader is not None
    module: Any = module_from_spec(specification)
    specification.loader.exec_module(module)
    theirs, ours = module.Replay([dataset]), replayed.Replay(dataset)

    assert {path: one.file for path, one in ours.answers.items()} == {path: one["file"] for path, one in theirs.answers.items()}
    assert ours.rows.keys() == theirs.entries.keys()
    for path in QUESTIONS:
        known = theirs.answers.get(module.key(path))
        status, body, _ = ours.answer(path)
        if known or "/api/query" not in path or not theirs.entries:
            assert status == (known["status"] if known else 404), path
            assert not known or body == recorded(known["file"]), path
        else:
            assert (status, api.parse(body)) == (200, api.parse(theirs.api(dict(parse_qsl(urlsplit(path).query))))), path
