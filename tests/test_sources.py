"""All of arXiv's services together, played from one invented world: which says what, and what becomes of it if one fails."""

import functools
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from digest import resources
from digest.arxiv.answers import Answers
from digest.arxiv.client import Client
from digest.arxiv.exchange import Limits
from digest.core.domain import Announcement, Check, Kind, State
from digest.errors import (
    DigestError,
    ForbiddenError,
    IncompleteError,
    OutOfReachError,
    SourceError,
    StaleError,
)
from digest.services import Services
from digest.source import Source
from tests import feeds, mailings, oaipmh, rss, universe, weeks
from tests.rss import Item
from tests.universe import Kinds, Universe
from tests.weeks import Program
from tests.world import Rates, World, world

FRIDAY, THURSDAY, WEDNESDAY = date(2026, 11, 20), date(2026, 11, 19), date(2026, 11, 18)
FIVE = (date(2026, 11, 16), date(2026, 11, 17), WEDNESDAY, THURSDAY, FRIDAY)
NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
"""One o'clock in Ithaca: Friday's announcement is out for five hours, OAI-PMH has its records, the feed is that of Friday."""
LATER = datetime(2027, 3, 10, 12, tzinfo=UTC)
"""More than 90 days after everything."""
ONE_TRY = Limits(connect=2, read=2, total=4, tries=1, back_off=0, patience=1)
NEW, CROSS = Kind.NEW, Kind.CROSS
REPLACEMENTS = (Kind.REPLACED, Kind.REPLACED_CROSS)
EMPTY: frozenset[str] = frozenset()


@functools.cache
def four_months() -> World:
    """Return a world in which more papers than in arXiv are held back and cross-listed late."""
    rates = Rates(daily=45, held=0.06, late_cross=0.1)
    return world(6, date(2026, 8, 3), date(2026, 12, 4), calendar=resources.calendar(), rates=rates)


@pytest.fixture
def arxiv() -> Iterator[Universe]:
    """Play arXiv on the morning of 20 November 2026."""
    with universe.universe(four_months(), NOW) as served:
        yield served


@pytest.fixture
def program(tmp_path: Path, arxiv: Universe, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Program:
    """Return the program, towards that arXiv, with all of its services."""
    made = weeks.program(tmp_path, arxiv.url, capsys, monkeypatch)
    monkeypatch.delenv("CVDIGEST_SECOND_OPINION")
    return made


def fresh(arxiv: Universe, folder: Path, *, second: bool = False, earlier: frozenset[str] = EMPTY) -> Source:
    """Return a fresh source, as one run of the program has; by default it asks the listing alone."""
    client = Client(0, folder, loopback=True, limits=ONE_TRY)
    services = Services(client.get, arxiv.url, arxiv.url, arxiv.url, back_off=0.001)
    return Source(
        client.get,
        Answers(folder),
        resources.calendar(),
        arxiv.url,
        categories=resources.categories(),
        services=services,
        earlier=lambda _category, _day: earlier,
        second_opinion=second,
    )


def ask(
    arxiv: Universe,
    folder: Path,
    day: date | None,
    source: str = "auto",
    category: str = "cs.CV",
    *,
    second: bool = False,
    earlier: frozenset[str] = EMPTY,
) -> Announcement:
    """Ask a fresh source."""
    return fresh(arxiv, folder, second=second, earlier=earlier).announcement(category, day, arxiv.now, source)


def kinds(announcement: Announcement) -> Kinds:
    """Return what an announcement says, each paper once."""
    found = {entry.paper.id: entry.kind for entry in announcement.entries}
    assert len(found) == len(announcement.entries)
    return found


def texts(announcement: Announcement) -> dict[str, tuple[str, str]]:
    """Return titles and abstracts."""
    return {entry.paper.id: (entry.paper.title, entry.paper.abstract) for entry in announcement.entries}


def only(said: Kinds, *wanted: Kind) -> Kinds:
    """Return the papers of some kinds."""
    return {name: kind for name, kind in said.items() if kind in wanted}


# -- what each source knows ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["listing", "catchup", "feed"])
def test_sources_that_know_everything(arxiv: Universe, tmp_path: Path, source: str) -> None:
    """The listing, the catch-up page and the feed of today give each paper of the date in its kind, in the words of the author."""
    seen: set[Kind] = set()
    for day in FIVE:
        arxiv.now = arxiv.world.windows[day].announced + timedelta(hours=5)
        found = ask(arxiv, tmp_path / str(day), day, source)

        assert kinds(found) == arxiv.truth("cs.CV", day)
        seen |= set(kinds(found).values())
        assert texts(found) == {name: universe.text(name) for name in kinds(found)}
        assert (found.provenance.service, found.reconstructed) == (source, False)
    assert seen == set(Kind)


@pytest.mark.parametrize("source", ["catchup", "recent"])
def test_earlier_dates(arxiv: Universe, tmp_path: Path, source: str) -> None:
    """Both reach back over the last five dates; the list of these has no replacements, and its abstracts are the query API's."""
    for day in FIVE:
        found, truth = ask(arxiv, tmp_path, day, source), arxiv.truth("cs.CV", day)

        assert kinds(found) == (truth if source == "catchup" else only(truth, NEW, CROSS))
        assert texts(found) == {name: universe.text(name) for name in kinds(found)}
        assert not [entry for entry in found.entries if entry.paper.pending]
        assert bool(found.unknown) == (source == "recent")
    assert arxiv.asked.count("recent") == (source == "recent")


def test_what_oai_knows(arxiv: Universe, tmp_path: Path) -> None:
    """On its day OAI-PMH has the whole announcement; a cross-list that came late is told from what else was changed by no record."""
    late: set[str] = set()
    for day in FIVE:
        arxiv.now = arxiv.world.windows[day].announced + timedelta(hours=5)
        found, truth = ask(arxiv, tmp_path / str(day), day, "oai"), arxiv.truth("cs.CV", day)
        lists = {name for name in truth if arxiv.world.works[name].late_cross == day}
        lists -= {name for name in lists if arxiv.world.works[name].replaced == day or arxiv.world.works[name].announced == day}

        assert kinds(found) == {name: kind for name, kind in truth.items() if name not in lists}
        assert {name for name in lists if name in found.unknown[-1]} == lists
        assert found.reconstructed
        late |= lists
    assert late


def test_what_oai_forgets(arxiv: Universe, tmp_path: Path) -> None:
    """Four dates later, papers that were changed since stand under another date in OAI-PMH."""
    found, truth = ask(arxiv, tmp_path, FIVE[0], "oai"), arxiv.truth("cs.CV", FIVE[0])
    touched = {name for name in truth if arxiv.touched(arxiv.world.works[name]) > FIVE[0]}

    assert kinds(found).items() <= truth.items()
    assert touched
    assert not touched & kinds(found).keys()
    assert "missing here" in found.unknown[0]


def test_what_the_api_knows(arxiv: Universe, tmp_path: Path) -> None:
    """By their moments of submission, papers that arXiv held back are on the date on which they came in, and not on their own."""
    arxiv.now = datetime(2026, 12, 4, 12, tzinfo=UTC)
    lacking, extra = set(), set()
    for day in (date(2026, 11, 3), date(2026, 11, 10), *FIVE):
        found, truth = kinds(ask(arxiv, tmp_path, day, "api")), arxiv.truth("cs.CV", day)
        window, works = arxiv.world.windows[day], arxiv.world.works
        held = {name for name, kind in only(truth, NEW, CROSS).items() if works[name].submitted < window.start}

        assert found.keys() == {
            name
            for name, moment in arxiv.world.submitted("cs.CV", window.start, window.end).items()
            if arxiv.is_out(works[name].announced) and "cs.CV" in arxiv.categories(name)
        }
        assert only(truth, NEW, CROSS).keys() - found.keys() == held
        assert {name: found[name] for name in found.keys() & truth.keys()} == {name: truth[name] for name in found.keys() & truth.keys()}
        lacking |= held
        extra |= found.keys() - truth.keys()
    assert lacking
    assert extra


def test_what_the_month_knows(arxiv: Universe, tmp_path: Path) -> None:
    """The block of numbers has the papers that were held back too; it lacks replacements and late cross-lists to older papers."""
    for day in FIVE:
        found, truth = ask(arxiv, tmp_path, day, "month"), arxiv.truth("cs.CV", day)

        run = {work.id: work.kind("cs.CV") for work in arxiv.world.run("cs.CV", day) if "cs.CV" in arxiv.categories(work.id)}
        assert kinds(found) == run
        late = {name for name in truth if arxiv.world.works[name].late_cross == day}
        assert only(truth, NEW, CROSS).keys() - late <= run.keys()
        assert found.reconstructed
    assert arxiv.asked.count("month") == len(FIVE)  # the list of a month that is not over is asked for again


@pytest.mark.parametrize(
    ("source", "day", "error"),
    [
        ("listing", WEDNESDAY, OutOfReachError),
        ("recent", date(2026, 11, 13), OutOfReachError),
        ("feed", THURSDAY, OutOfReachError),
        ("catchup", date(2026, 8, 18), OutOfReachError),
    ],
)
def test_what_a_named_source_does_not_reach(arxiv: Universe, tmp_path: Path, source: str, day: date, error: type[DigestError]) -> None:
    """A source that is named, and does not know the date, is not replaced by another one."""
    with pytest.raises(error):
        ask(arxiv, tmp_path, day, source)

    assert arxiv.asked == [source]


def test_pages_everywhere(arxiv: Universe, tmp_path: Path) -> None:
    """What comes in many small pages is the same, whatever the service."""
    whole = {source: kinds(ask(arxiv, tmp_path / source, FRIDAY, source)) for source in ("listing", "catchup", "recent", "month", "oai")}
    arxiv.most, arxiv.harvested = 7, 5

    for source, expected in whole.items():
        if source != "month":  # a month of 400 papers would be 60 pages
            arxiv.state.asked.clear()
            assert kinds(ask(arxiv, tmp_path / f"{source} again", FRIDAY, source)) == expected
            assert arxiv.asked.count(source) > 1
    arxiv.most = 50
    arxiv.state.asked.clear()
    assert kinds(ask(arxiv, tmp_path / "month again", FRIDAY, "month")) == whole["month"]
    assert arxiv.asked.count("month") > 2


# -- the right one for a date --------------------------------------------------------------------------------------------


def test_by_age(arxiv: Universe, tmp_path: Path) -> None:
    """The newest date is asked of /new, the others of the last 90 days of /catchup, older ones are worked out."""
    arxiv.now = datetime(2026, 12, 4, 6, tzinfo=UTC)
    for day, service in (
        (None, "listing"),
        (date(2026, 12, 4), "listing"),
        (date(2026, 12, 3), "catchup"),
        (date(2026, 9, 8), "calendar"),  # the day after Labor Day
        (date(2026, 9, 7), "catchup"),
        (date(2026, 9, 4), "month"),
        (date(2026, 8, 13), "month"),
    ):
        arxiv.state.asked.clear()
        found = ask(arxiv, tmp_path / f"{day}", day)

        assert found.provenance.service == service
        assert found.reconstructed == (service == "month")
        assert arxiv.asked[:1] == ([service] if service != "calendar" else [])
        if service in ("listing", "catchup"):
            assert kinds(found) == arxiv.truth("cs.CV", found.date)


OLDER = (
    date(2026, 9, 9),  # after a holiday
    date(2026, 9, 1),  # announced on the last evening of August
    date(2026, 10, 30),
    date(2026, 11, 2),  # the first one after the end of daylight saving time, and announced on the first of the month
    date(2026, 11, 3),  # its window holds the hour that came twice
    date(2026, 11, 30),  # after Thanksgiving, which takes away the 27th
)


@pytest.mark.parametrize("day", OLDER, ids=str)
def test_older_dates(arxiv: Universe, tmp_path: Path, day: date) -> None:
    """A date that no service states any more is worked out from the month's numbers, those that were held back too."""
    arxiv.now = LATER
    found = ask(arxiv, tmp_path, day, second=True)

    assert kinds(found) == {work.id: work.kind("cs.CV") for work in arxiv.world.run("cs.CV", day)}
    assert texts(found) == {name: universe.text(name) for name in kinds(found)}
    assert {entry.paper.submitted for entry in found.entries} == {arxiv.world.works[name].submitted for name in kinds(found)}
    assert not {"replacements", "cross-listed"} - set(re.findall(r"[\w-]+", " ".join(found.unknown).replace("replaced", "replacements")))
    assert set(arxiv.asked) == {"month", "api"}
    assert {entry.paper.version for entry in found.entries} == {1}


def test_a_paper_in_doubt(arxiv: Universe, tmp_path: Path) -> None:
    """A held paper between two announcements is counted to the earlier one, and named on both dates."""
    arxiv.now = LATER
    one, other = date(2026, 11, 10), date(2026, 11, 11)
    before, after = ask(arxiv, tmp_path, one), ask(arxiv, tmp_path, other)
    run = {day: {work.id for work in arxiv.world.run("cs.CV", day)} for day in (one, other)}
    doubtful = kinds(before).keys() - run[one]

    assert len(doubtful) == 1
    assert kinds(before).keys() == run[one] | doubtful
    assert kinds(after).keys() == run[other] - doubtful
    assert all(name in found.unknown[-1] for name in doubtful for found in (before, after))


@pytest.mark.slow
def test_every_older_date(arxiv: Universe, tmp_path: Path) -> None:
    """Over four months, what is worked out is what was announced, but for papers that are named as doubtful."""
    arxiv.now = LATER
    for day in [day for day in arxiv.dates if date(2026, 8, 6) <= day <= date(2026, 11, 30)]:
        found, run = ask(arxiv, tmp_path / str(day), day), {work.id for work in arxiv.world.run("cs.CV", day)}

        assert [name for name in kinds(found).keys() ^ run if name not in found.unknown[-1]] == []


def test_some_of_them_were_held() -> None:
    """On these older dates there are papers that came in before their window: they show that the rule is more than a window."""
    made = four_months()
    held = [work for day in OLDER for work in made.run("cs.CV", day) if work.submitted < made.windows[day].start]

    assert len(held) >= 3


def test_an_older_date_on_the_page(program: Program, arxiv: Universe) -> None:
    """The page and its JSON say that the date is reconstructed, and what cannot be known; a second run asks nothing."""
    arxiv.now, program.now, day = LATER, "2027-03-10T12:00Z", OLDER[3]
    done = program("run", "--date", str(day))
    page, edition = program.page(day).read_text("utf-8"), edition_of(program, day)

    assert done.status == 0
    assert "**This date is reconstructed.**" in page
    assert (edition["reconstructed"], edition["source"]["service"]) == (True, "month")
    assert {check["agrees"] for check in edition["checks"]} <= {True}
    assert len(edition["unknown"]) >= 4
    assert all(sentence.partition(" ")[0] in page for sentence in edition["unknown"])
    assert {entry["id"] for entry in edition["entries"]} == {work.id for work in arxiv.world.run("cs.CV", day)}
    asks_nothing(program, arxiv, "--date", str(day))


def edition_of(program: Program, day: date, category: str = "cs.CV") -> Any:
    """Return the JSON of an edition."""
    path = program.page(day)
    return json.loads(path.with_name(f"{day}-{category}.json").read_text("utf-8"))


def asks_nothing(program: Program, arxiv: Universe, *arguments: str) -> None:
    """Run the program once more: nobody is asked, and every page is as it was."""
    asked, before = len(arxiv.asked), pages_of(program)
    assert program("run", *arguments).status == 0
    assert arxiv.asked[asked:] == []
    assert pages_of(program) == before


def pages_of(program: Program) -> dict[str, bytes]:
    """Return what was published."""
    return {name: body for name, body in program.files().items() if name.startswith("out")}


# -- one after another fails ---------------------------------------------------------------------------------------------

FAULTS: dict[str, universe.Fault] = {
    "busy": universe.status(503, b"busy"),
    "missing": universe.status(404, b"nothing here"),
    "cut": universe.cut,
    "short": universe.short,
    "garbage": universe.garbage,
}
NAMES = {"catchup": "catch-up page", "recent": "last five dates", "feed": "feed", "oai": "OAI-PMH", "api": "query API", "month": "month"}
CHAINS = {
    FRIDAY: ("listing", "catchup", "recent", "feed"),
    THURSDAY: ("catchup", "recent", "month", "oai", "api"),
    date(2026, 9, 4): ("catchup", "month", "api"),
}


def cases() -> list[Any]:
    """Return each date with each fault; in the quick part of the suite, each fault once or twice."""
    found = []
    for day in CHAINS:
        for fault in FAULTS:
            quick = fault in {FRIDAY: ("busy", "short", "garbage"), THURSDAY: ("busy", "cut")}.get(day, ("missing", "busy"))
            found.append(pytest.param(day, fault, id=f"{day} {fault}", marks=() if quick else pytest.mark.slow))
    return found


@pytest.mark.parametrize(("day", "fault"), cases())
def test_the_next_one_answers(arxiv: Universe, tmp_path: Path, day: date, fault: str) -> None:
    """Services are switched off one after another, and the next one answers; when none is left, the error is the first one's."""
    chain = CHAINS[day]
    first: DigestError | None = None
    for number, name in enumerate(chain):
        left = list(chain[number:])
        if left:
            found = ask(arxiv, tmp_path / name, day)
            assert found.provenance.service == left[0]
            assert kinds(found).keys() & arxiv.truth("cs.CV", day).keys()
            if number:
                assert NAMES[left[0]] in found.remarks[0]
                assert "could not be used" in found.remarks[0]
            else:
                assert found.remarks == ()
        arxiv.faults[name] = FAULTS[fault]
        if first is None:
            with pytest.raises(SourceError) as caught:
                ask(arxiv, tmp_path / "first", day, name)
            first = caught.value
    with pytest.raises(SourceError) as caught:
        ask(arxiv, tmp_path / "none", day)
    assert first is not None
    assert type(caught.value) is type(first)
    assert without_path(caught.value.message) == without_path(first.message)
    assert not list((tmp_path / "none").glob(f"answers/{day}/*"))


def without_path(message: str) -> str:
    """Return what an error says, without where the answer is kept."""
    return message.partition("; the ")[0]


def old_copy(arxiv: Universe, *paths: str) -> None:
    """Let arXiv answer with what it said a day earlier."""
    earlier = arxiv.at(arxiv.now - timedelta(days=1))
    arxiv.state.pages.update({path: earlier.answer(path) for path in paths})


def test_an_old_copy_of_one_page(arxiv: Universe, tmp_path: Path) -> None:
    """When /new is still that of Thursday, Friday is asked of the catch-up page, and a remark says so."""
    old_copy(arxiv, "/list/cs.CV/new")
    found = ask(arxiv, tmp_path, FRIDAY)

    assert (kinds(found), found.provenance.service) == (arxiv.truth("cs.CV", FRIDAY), "catchup")
    assert "shows the announcement of 2026-11-19, not that of 2026-11-20" in found.remarks[0]


def test_old_copies(program: Program, arxiv: Universe) -> None:
    """When both know of no Friday, it waits, and nobody else is asked; a run without a date makes Thursday's digest and says so."""
    old_copy(arxiv, "/list/cs.CV/new", f"/catchup/cs.CV/{FRIDAY}?abs=True")
    waiting = program("run", "--date", str(FRIDAY))
    assert (waiting.status, arxiv.asked) == (75, ["listing", "catchup"])
    assert "shows the announcement of 2026-11-19" in waiting.err

    newest = program("run")
    assert newest.status == 0
    assert "a newer announcement, that of 2026-11-20, is due by now" in newest.err
    assert program.page(THURSDAY).is_file()
    assert program.noted(FRIDAY)["state"] == "waiting"
    arxiv.state.pages.clear()
    assert program("run").status == 0
    assert program.page(FRIDAY).is_file()


def test_old_second_opinions(arxiv: Universe, tmp_path: Path) -> None:
    """An old feed is told from today's, and old records are not heard; neither changes the papers."""
    alone = ask(arxiv, tmp_path / "alone", FRIDAY)
    yesterday = len(arxiv.truth("cs.CV", THURSDAY))
    arxiv.state.pages["/rss/cs.CV"] = arxiv.at(NOW - timedelta(days=1)).answer("/rss/cs.CV")
    records = f"/oai?verb=ListRecords&metadataPrefix=arXivRaw&set=cs:cs:CV&from={THURSDAY}&until={THURSDAY}"
    arxiv.state.pages[records.replace(str(THURSDAY), str(FRIDAY))] = arxiv.answer(records)
    found = ask(arxiv, tmp_path / "heard", FRIDAY, second=True)

    assert (kinds(found), texts(found)) == (kinds(alone), texts(alone))
    assert checks(found)["feed"].says == f"the feed has {yesterday} papers of 2026-11-19"
    assert "oai" not in checks(found)
    assert checks(found)["api"].agrees


@pytest.mark.parametrize(
    ("names", "fault"),
    [*((("feed", "oai", "api"), fault) for fault in ("forbidden", *FAULTS)), *(((name,), "cut") for name in ("feed", "oai", "api"))],
    ids=lambda value: value if isinstance(value, str) else "+".join(value),
)
def test_a_second_opinion_that_fails(arxiv: Universe, tmp_path: Path, names: tuple[str, ...], fault: str) -> None:
    """What only enriches never fails a run, and never changes which papers there are and what they say."""
    alone = ask(arxiv, tmp_path / "alone", FRIDAY)
    if "api" in names:
        arxiv.edits["oai"] = universe.lacking(*list(kinds(alone))[:3])  # so that there is something to ask the query API for
    arxiv.faults = dict.fromkeys(names, FAULTS.get(fault, universe.status(403)))
    found = ask(arxiv, tmp_path / "heard", FRIDAY, second=True)

    assert set(names) <= set(arxiv.asked) or fault == "forbidden"
    assert (kinds(found), texts(found)) == (kinds(alone), texts(alone))
    assert not {check.service for check in found.checks} & set(names)


@pytest.mark.parametrize("day", CHAINS, ids=str)
def test_refused(arxiv: Universe, tmp_path: Path, day: date) -> None:
    """After 403 nobody else is asked, and nobody is asked by the next run."""
    arxiv.faults[CHAINS[day][0]] = universe.status(403)
    for _ in range(2):
        with pytest.raises(ForbiddenError):
            ask(arxiv, tmp_path, day, second=True)

    assert arxiv.asked == [CHAINS[day][0]]


def test_refused_to_a_second_opinion(arxiv: Universe, tmp_path: Path) -> None:
    """When a service that only enriches refuses, the others are not asked, and the digest is made."""
    arxiv.faults["feed"] = universe.status(403)
    found = ask(arxiv, tmp_path, FRIDAY, second=True)

    assert (kinds(found), found.checks) == (arxiv.truth("cs.CV", FRIDAY), ())
    assert arxiv.asked == ["listing", "feed"]


# -- what one says about another -----------------------------------------------------------------------------------------


def checks(found: Announcement) -> dict[str, Check]:
    """Return the checks by their services."""
    assert len({check.service for check in found.checks}) == len(found.checks)
    return {check.service: check for check in found.checks}


def some(arxiv: Universe, kind: Kind = NEW) -> str:
    """Return a paper of Friday."""
    return next(name for name, other in arxiv.truth("cs.CV", FRIDAY).items() if other is kind)


def stranger(arxiv: Universe) -> str:
    """Return a paper that is not of Friday's cs.CV."""
    return next(work.id for work in arxiv.world.run("cs.LG", FRIDAY) if "cs.CV" not in work.categories)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("service", "edit", "agrees", "says"),
    [
        ("feed", lambda _: lambda same: same, True, "the feed lists the same {count} papers, of the same kinds"),
        ("feed", lambda arxiv: universe.lacking(some(arxiv)), False, "of {count} papers, the feed lacks 1 ({some})"),
        ("feed", lambda arxiv: universe.besides(stranger(arxiv)), False, "of {count} papers, the feed has 1 ({stranger}) besides"),
        ("feed", lambda arxiv: universe.besides(some(arxiv), CROSS), False, "the feed gives another kind for 1 ({some})"),
        ("oai", lambda arxiv: universe.besides(stranger(arxiv)), True, "OAI-PMH knows all {count} papers"),
    ],
    ids=["same", "feed lacks", "feed besides", "feed kind", "oai superset"],
)
def test_cross_checks(
    program: Program, arxiv: Universe, service: str, edit: Callable[[Universe], universe.Edit], says: str, *, agrees: bool
) -> None:
    """What another service says stands in the page and in its JSON; the listing alone decides which papers there are."""
    arxiv.edits[service] = edit(arxiv)
    truth = arxiv.truth("cs.CV", FRIDAY)
    wanted = says.format(count=len(truth), some=some(arxiv), stranger=stranger(arxiv))

    assert program("run").status == 0
    edition, page = edition_of(program, FRIDAY), program.page(FRIDAY).read_text("utf-8")
    said = next(check for check in edition["checks"] if check["service"] == service)
    assert said["agrees"] == agrees
    assert wanted in said["says"]
    assert said["says"].replace("(", "\\(").replace(")", "\\)") in page or said["says"] in page
    assert page.count("**Disagreement**") == (not agrees)
    assert {entry["id"] for entry in edition["entries"]} == only(truth, NEW, CROSS).keys()


def test_an_api_that_lacks_a_paper(arxiv: Universe, tmp_path: Path) -> None:
    """A paper that neither OAI-PMH nor the query API knows stays, and both say so."""
    lost = some(arxiv)
    arxiv.edits = {"oai": universe.lacking(lost, some(arxiv, CROSS)), "api": universe.lacking(lost)}
    found = ask(arxiv, tmp_path, FRIDAY, second=True)

    assert kinds(found) == arxiv.truth("cs.CV", FRIDAY)
    assert f"the query API does not know 1 ({lost})" in checks(found)["api"].says
    assert [entry.paper.id for entry in found.entries if entry.paper.submitted is None] == [lost]


def test_the_words_of_the_listing(arxiv: Universe, tmp_path: Path) -> None:
    """Titles and abstracts of the listing are never replaced by those of another service; versions and moments are filled in."""
    arxiv.tongues = {"feed", "oai", "api"}
    found = ask(arxiv, tmp_path, FRIDAY, second=True)

    assert texts(found) == {name: universe.text(name) for name in kinds(found)}
    assert arxiv.asked == ["listing", "feed", "oai"]
    for entry in found.entries:
        moments = arxiv.versions(entry.paper.id)
        assert (entry.paper.version, entry.paper.submitted, entry.paper.updated) == (len(moments), moments[0], moments[-1])
        assert entry.paper.licence


def test_the_version_as_announced(arxiv: Universe, tmp_path: Path) -> None:
    """A week later there are second versions of papers that were announced as first ones: they are first ones here."""
    arxiv.now = datetime(2026, 11, 26, 12, tzinfo=UTC)
    found = ask(arxiv, tmp_path, FRIDAY, second=True)
    changed = [entry for entry in found.entries if entry.kind in (NEW, CROSS) and len(arxiv.versions(entry.paper.id)) > 1]

    assert changed
    assert {entry.paper.version for entry in changed} == {1}
    assert all(entry.paper.updated == entry.paper.submitted for entry in changed)
    assert kinds(found) == arxiv.truth("cs.CV", FRIDAY)
    assert {entry.paper.version for entry in found.entries if entry.kind in REPLACEMENTS} <= {2, None}


# -- stale ---------------------------------------------------------------------------------------------------------------


def old_list(arxiv: Universe, *services: str) -> None:
    """Let services show Thursday's list under Friday's date."""
    yesterday, today = arxiv.truth("cs.CV", THURSDAY), arxiv.truth("cs.CV", FRIDAY)
    for name in services:
        arxiv.edits[name] = lambda said: yesterday if said == today else said


def test_an_old_list_under_a_new_date(program: Program, arxiv: Universe) -> None:
    """With Thursday's edition at hand, its papers under Friday's date leave Friday waiting; mended, the next run makes it."""
    assert program("run", "--date", str(THURSDAY)).status == 0
    old_list(arxiv, "listing", "catchup")
    done = program("run")

    assert done.status == 75
    assert "were new in the last edition before 2026-11-20 already" in done.err
    assert program.noted(FRIDAY)["state"] == "waiting"
    assert not program.page(FRIDAY).exists()
    assert not list((program.folder / "data" / "answers").glob(f"{FRIDAY}/*"))

    arxiv.edits.clear()
    assert program("run").status == 0
    assert edition_of(program, FRIDAY)["counts"]["new"] == len(only(arxiv.truth("cs.CV", FRIDAY), NEW))


def test_an_old_list_of_one_page(program: Program, arxiv: Universe) -> None:
    """When only /new is old, the catch-up page makes the digest."""
    assert program("run", "--date", str(THURSDAY)).status == 0
    old_list(arxiv, "listing")

    assert program("run").status == 0
    assert edition_of(program, FRIDAY)["source"]["service"] == "catchup"


def test_an_old_list_without_an_edition(program: Program, arxiv: Universe) -> None:
    """Without an earlier edition the moments of submission tell; what was read is not taken for an answer later."""
    old_list(arxiv, "listing", "catchup")
    for _ in range(2):
        done = program("run")
        assert done.status == 75
        assert "before that date's first submissions" in done.err
        assert not program.page(FRIDAY).exists()
    assert program.noted(FRIDAY)["state"] == "waiting"

    arxiv.edits.clear()
    assert program("run").status == 0
    assert {entry["id"] for entry in edition_of(program, FRIDAY)["entries"]} == only(arxiv.truth("cs.CV", FRIDAY), NEW, CROSS).keys()


# -- abstracts that come later -------------------------------------------------------------------------------------------

PLACEHOLDER = "The abstract could not be had yet"


def questions(arxiv: Universe) -> list[set[str]]:
    """Return which papers the query API was asked for."""
    return [set(feeds.asked(path)) for path in arxiv.state.asked if "id_list" in path]


@pytest.mark.parametrize(("source", "day"), [("recent", FRIDAY), ("month", date(2026, 9, 3))])
def test_abstracts_that_lack(program: Program, arxiv: Universe, source: str, day: date) -> None:
    """A paper without an abstract stays, with a placeholder; the next run completes it, and asks for nothing else."""
    if source == "month":
        arxiv.now, program.now = LATER, "2027-03-10T12:00Z"
    run = {work.id for work in arxiv.world.run("cs.CV", day)}
    names = sorted(run if source == "month" else only(arxiv.truth("cs.CV", day), NEW, CROSS))
    lost = set(names[2:4])
    arxiv.edits = dict.fromkeys(("feed", "oai", "api"), universe.lacking(*lost))
    assert program("run", "--date", str(day), "--source", source).status == 0
    edition, page = edition_of(program, day), program.page(day).read_text("utf-8")
    assert {entry["id"] for entry in edition["entries"] if entry["pending"]} == lost
    assert page.count(PLACEHOLDER) == len(lost)
    assert set(program.noted(day)["pending"]) == lost

    arxiv.edits.clear()
    arxiv.state.asked.clear()
    assert program("run", "--date", str(day), "--source", source).status == 0
    edition, page = edition_of(program, day), program.page(day).read_text("utf-8")
    assert [entry["id"] for entry in edition["entries"] if entry["pending"]] == []
    assert PLACEHOLDER not in page
    assert {entry["id"]: entry["abstract"] for entry in edition["entries"]} == {name: universe.text(name)[1] for name in names}
    assert set(arxiv.asked) == {"api"}
    assert [len(asked - lost) <= 1 for asked in questions(arxiv)] == [True]  # one paper that is known comes along as a witness
    asks_nothing(program, arxiv, "--date", str(day), "--source", source)


def test_no_abstract_at_all(arxiv: Universe, tmp_path: Path) -> None:
    """With the query API down, the list of the last five dates makes a digest all of whose papers are pending."""
    arxiv.faults["api"] = universe.status(503)
    found = ask(arxiv, tmp_path, FRIDAY, "recent")

    assert kinds(found) == only(arxiv.truth("cs.CV", FRIDAY), NEW, CROSS)
    assert {entry.paper.pending for entry in found.entries} == {True}
    assert {title for title, _ in texts(found).values()} == {universe.text(name)[0] for name in kinds(found)}
    arxiv.faults.clear()
    assert not [entry for entry in ask(arxiv, tmp_path, FRIDAY, "recent").entries if entry.paper.pending]


# -- several categories --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["cs.CV+eess.IV", "eess.IV+cs.CV"])
def test_several_categories(program: Program, arxiv: Universe, label: str) -> None:
    """Each paper comes once, in the kind in which the first category lists it that does."""
    first, second = label.split("+")
    said = {**arxiv.truth(second, FRIDAY), **arxiv.truth(first, FRIDAY)}
    both = arxiv.truth(first, FRIDAY).keys() & arxiv.truth(second, FRIDAY).keys()
    assert both

    assert program("run", "--category", label.replace("+", ","), "--include", "new,cross,replaced").status == 0
    edition = edition_of(program, FRIDAY, label)
    assert {entry["id"]: entry["kind"] for entry in edition["entries"]} == {name: kind.value for name, kind in said.items()}
    assert len(edition["entries"]) == len(said) == sum(edition["counts"].values())
    assert (edition["category"], edition["source"]["service"], len(edition["source"]["urls"])) == (label, "listing", 2)
    assert {check["service"]: check["agrees"] for check in edition["checks"]} == {"feed": True, "oai": True}
    assert [path.name for path in sorted((program.folder / "out" / "2026").iterdir())] == [
        f"{FRIDAY}-{label}.json",
        f"{FRIDAY}-{label}.md",
    ]
    assert arxiv.asked == ["listing", "listing", "feed", "oai", "oai"]
    asks_nothing(program, arxiv, "--category", label.replace("+", ","), "--include", "new,cross,replaced")


def test_a_category_without_an_announcement(arxiv: Universe, tmp_path: Path) -> None:
    """A category that has none on the date leaves the other one's; when both have none, the date has none."""
    arxiv.without = {("eess.IV", THURSDAY)}
    found = ask(arxiv, tmp_path, THURSDAY, category="cs.CV+eess.IV")
    assert kinds(found) == arxiv.truth("cs.CV", THURSDAY)
    assert any("without an announcement in eess.IV" in remark for remark in found.remarks)

    arxiv.without |= {("cs.CV", THURSDAY)}
    none = ask(arxiv, tmp_path / "both", THURSDAY, category="cs.CV+eess.IV")
    assert (none.state, none.category, none.entries) == (State.NONE, "cs.CV+eess.IV", ())


def test_a_category_that_fails(program: Program, arxiv: Universe) -> None:
    """When one of them cannot be had, there is no digest of half of them; the other one is not asked for again."""
    path = "/list/eess.IV/new"
    arxiv.state.pages[path] = universe.cut(arxiv.answer(path))
    for name in ("catchup", "recent", "feed", "oai", "api"):
        arxiv.faults[name] = universe.status(404)
    done = program("run", "--category", "cs.CV,eess.IV")
    assert done.status == 75
    assert not (program.folder / "out" / "2026").exists()

    arxiv.faults.clear()
    arxiv.state.asked.clear()
    del arxiv.state.pages[path]
    assert program("run", "--category", "cs.CV,eess.IV").status == 0
    assert arxiv.state.asked[0] == path
    assert "/list/cs.CV/new" not in arxiv.state.asked


# -- what is better stays ------------------------------------------------------------------------------------------------


def test_a_stated_page_is_not_written_over(program: Program, arxiv: Universe) -> None:
    """A page that arXiv stated stays where the date can only be worked out later; a failed attempt is noted."""
    arxiv.faults = {"catchup": universe.status(404)}
    assert program("run", "--date", str(THURSDAY)).status == 0
    page = program.page(THURSDAY).read_bytes()
    arxiv.now, program.now = datetime(2026, 12, 4, 12, tzinfo=UTC), "2026-12-04T12:00Z"
    done = program("run", "--date", str(THURSDAY))

    assert (done.status, program.page(THURSDAY).read_bytes()) == (75, page)
    assert "the page from before, which arXiv stated, is kept" in done.err
    note = program.noted(THURSDAY)
    assert (note["state"], note["service"]) == ("published", "recent")
    assert "could only be worked out" in note["reason"]


def test_a_page_of_what_turns_out_to_be_nothing(program: Program, arxiv: Universe) -> None:
    """Where arXiv says later that a date had no announcement, the page that was worked out goes, and the index with it."""
    arxiv.faults = dict.fromkeys(("catchup", "recent"), universe.status(404))
    assert program("run", "--date", str(THURSDAY)).status == 0
    index = program.folder / "out" / "README.md"
    assert program.page(THURSDAY).exists()
    assert str(THURSDAY) in index.read_text("utf-8")
    arxiv.faults.clear()
    arxiv.without = {("cs.CV", THURSDAY)}

    assert program("run", "--date", str(THURSDAY)).status == 0
    assert edition_of(program, THURSDAY)["state"] == "none"
    assert not program.page(THURSDAY).exists()
    assert str(THURSDAY) not in index.read_text("utf-8")


def test_nothing_in_several_categories(arxiv: Universe, tmp_path: Path) -> None:
    """Where one of several categories is worked out to have nothing, that is told of all of them."""
    arxiv.without = {("cs.CV", THURSDAY), ("eess.IV", THURSDAY)}
    arxiv.faults = {"catchup": lambda answer: answer if b"results for Computer" in answer[1] else universe.status(404)(answer)}
    found = ask(arxiv, tmp_path, THURSDAY, category="cs.CV+eess.IV")

    assert (found.state, found.provenance.service, found.reconstructed) == (State.NONE, "catchup+recent", True)
    assert any("could not be used" in line for line in found.remarks)


def test_a_note_that_was_lost(program: Program, arxiv: Universe) -> None:
    """Without its note, an edition still tells that it was worked out."""
    arxiv.faults = dict.fromkeys(("catchup", "recent"), universe.status(404))
    assert program("run", "--date", str(THURSDAY)).status == 0
    program.forget(THURSDAY)

    assert [one["reconstructed"] for one in program("status", "--from", str(THURSDAY), "--to", str(THURSDAY), "--json").json["dates"]] == [
        True
    ]


def test_a_feed_of_another_date_that_was_kept(arxiv: Universe, tmp_path: Path) -> None:
    """A feed that a witness kept although it was of another date does not stand in the way of the right one."""
    path = "/rss/cs.CV"
    old_copy(arxiv, path)
    ask(arxiv, tmp_path, FRIDAY, second=True)
    del arxiv.state.pages[path]

    assert ask(arxiv, tmp_path, FRIDAY, "feed").provenance.service == "feed"


# -- what would be asked -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("when", "day"), [(NOW, FRIDAY), (NOW, THURSDAY), (LATER, OLDER[3])], ids=["newest", "catch-up", "month"])
def test_a_plan_comes_true(arxiv: Universe, tmp_path: Path, when: datetime, day: date) -> None:
    """What a dry run tells are the addresses that are then asked first, and asked alone where nothing lacks."""
    arxiv.now = when
    planned = [url.removeprefix(arxiv.url) for _, url in fresh(arxiv, tmp_path, second=True).plan("cs.CV", day, when)]
    assert arxiv.asked == []
    ask(arxiv, tmp_path, day, second=True)

    assert len(planned) >= 2
    assert arxiv.state.asked[: len(planned)] == planned


# -- again ---------------------------------------------------------------------------------------------------------------


SLOW = [pytest.param(source, marks=pytest.mark.slow) for source in ("listing", "catchup", "api")]


@pytest.mark.slow
@pytest.mark.parametrize("source", ["auto", "recent", "feed", "oai", "month", *SLOW])
def test_a_second_run(program: Program, arxiv: Universe, source: str) -> None:
    """A date is asked for once, whatever the source: a second run asks nothing and leaves the same bytes."""
    # What the query API's index may still lack is asked for again.
    later = source in ("month", "api")
    arxiv.now, program.now = LATER if later else NOW, "2027-03-10T12:00Z" if later else weeks.NOW
    assert program("run", "--date", str(FRIDAY), "--source", source).status == 0
    asks_nothing(program, arxiv, "--date", str(FRIDAY), "--source", source)


def test_a_feed_of_yesterday(arxiv: Universe, tmp_path: Path) -> None:
    """The feed of a date that was asked for on that date is read again later, when arXiv shows another one."""
    first = ask(arxiv, tmp_path, FRIDAY, "feed")
    arxiv.now += timedelta(days=3)

    assert ask(arxiv, tmp_path, FRIDAY, "feed") == first
    assert arxiv.asked == ["feed"]


def test_the_listing_alone(program: Program, arxiv: Universe) -> None:
    """With ``--second-opinion no`` nobody but the listing is asked."""
    assert program("run", "--second-opinion", "no").status == 0

    assert arxiv.asked == ["listing"]
    assert edition_of(program, FRIDAY)["checks"] == []


@pytest.mark.slow
def test_a_backfill_over_the_edge(program: Program, arxiv: Universe) -> None:
    """A backfill of two categories from the older dates to those of the last 90 days: what was made stays, and is not asked again."""
    first, last = "2026-08-17", "2026-08-28"
    done = program("backfill", "--category", "cs.CV,eess.IV", "--from", first, "--to", last, "--json")
    days = [day for day in arxiv.dates if first <= str(day) <= last]
    services = {day: edition_of(program, day, "cs.CV+eess.IV")["source"]["service"] for day in days}
    assert done.status == 0
    assert [services[day] for day in days] == ["month" if day < date(2026, 8, 22) else "catchup" for day in days]
    for day in days:
        said = {**arxiv.truth("eess.IV", day), **arxiv.truth("cs.CV", day)}
        run = {work.id for code in ("cs.CV", "eess.IV") for work in arxiv.world.run(code, day) if code in arxiv.categories(work.id)}
        ids = {entry["id"] for entry in edition_of(program, day, "cs.CV+eess.IV")["entries"]}
        assert ids == (run if services[day] == "month" else only(said, NEW, CROSS).keys())

    asked, before = len(arxiv.asked), program.files()
    assert program("backfill", "--category", "cs.CV,eess.IV", "--from", first, "--to", last).status == 0
    assert (arxiv.asked[asked:], program.files()) == ([], before)


# -- what is not settled yet ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_newest_is_never_worked_out(program: Program, arxiv: Universe) -> None:
    """The pages state no Friday yet, though OAI-PMH and the query API know its submissions: Friday waits, and they are not asked."""
    old_copy(arxiv, "/list/cs.CV/new", "/list/cs.CV/recent?skip=0&show=2000")
    arxiv.now, program.now = datetime(2026, 11, 20, 4, 30, tzinfo=UTC), "2026-11-20T04:30Z"  # still Thursday in Ithaca: no feed of Friday
    arxiv.faults["catchup"] = universe.status(503)
    done = program("run", "--date", str(FRIDAY))

    assert (done.status, program.noted(FRIDAY)["state"]) == (75, "waiting")
    assert not program.page(FRIDAY).exists()
    assert set(arxiv.asked) == {"listing", "catchup", "recent"}


def backfilled(program: Program, day: date, *arguments: str) -> tuple[int, Any]:
    """Backfill one date; return the status, and what is known of the date then."""
    done = program("backfill", "--from", str(day), "--to", str(day), "--json", *arguments)
    return done.status, done.json["dates"][0]


@pytest.mark.slow
def test_no_records_while_the_pages_are_down(program: Program, arxiv: Universe) -> None:
    """A working day that only OAI-PMH speaks of, and has nothing of, is asked for again, and published once arXiv is well."""
    arxiv.edits["oai"] = lambda _: {}
    arxiv.faults = {"catchup": universe.status(500), **dict.fromkeys(("recent", "month", "api"), universe.status(404))}
    status, note = backfilled(program, WEDNESDAY)
    assert (status, note["state"], note["reconstructed"], note["settled"]) == (75, "none", True, False)

    arxiv.edits.clear()
    arxiv.faults.clear()
    status, note = backfilled(program, WEDNESDAY)
    assert (status, note["state"], note["service"], note["settled"]) == (0, "published", "catchup", True)
    assert program.page(WEDNESDAY).is_file()


@pytest.mark.parametrize("age", [timedelta(days=15), timedelta(days=100)], ids=["weeks", "months"])
def test_silence_about_an_older_date(arxiv: Universe, tmp_path: Path, age: timedelta) -> None:
    """That OAI-PMH and the query API know nothing of an older date says nothing about it, however old it is."""
    day = date(2026, 9, 4)
    arxiv.now = arxiv.world.windows[day].announced + age
    arxiv.edits = {"oai": lambda _: {}, "api": lambda _: {}}
    with pytest.raises(OutOfReachError, match="says nothing about so old a date"):
        ask(arxiv, tmp_path, day, "oai")
    with pytest.raises(IncompleteError, match="says nothing about whether there were any"):
        ask(arxiv, tmp_path, day, "api")


def test_an_empty_month(arxiv: Universe, tmp_path: Path) -> None:
    """The list of a month that is empty is not kept and proves nothing, whether the query API is silent or knows papers of the date."""
    arxiv.now, day = LATER, date(2026, 9, 4)
    arxiv.edits = {"month": lambda _: {}, "api": lambda _: {}}
    for _ in range(2):
        with pytest.raises(IncompleteError, match=r"knows no paper of cs\.CV submitted around 2026-09-04"):
            ask(arxiv, tmp_path, day, "month")
    assert arxiv.asked.count("month") == 2

    del arxiv.edits["api"]
    with pytest.raises(IncompleteError, match="the list of the month has no papers of 2026-09-04, and the query API knows some"):
        ask(arxiv, tmp_path, day, "month")


FALLBACKS = {"recent": ("catchup",), "oai": ("catchup", "recent", "month")}


@pytest.mark.parametrize("service", FALLBACKS)
def test_a_fallback_is_made_again(program: Program, arxiv: Universe, service: str) -> None:
    """A date that was made from what does not state it all is asked for by the next backfill, and then it is settled."""
    arxiv.faults = dict.fromkeys(FALLBACKS[service], universe.status(404))
    status, note = backfilled(program, THURSDAY)
    assert (status, note["state"], note["service"], note["settled"]) == (75, "published", service, False)
    assert edition_of(program, THURSDAY)["counts"]["new"] == len(only(arxiv.truth("cs.CV", THURSDAY), NEW))

    arxiv.faults.clear()
    status, note = backfilled(program, THURSDAY)
    assert (status, note["service"], note["settled"]) == (0, "catchup", True)
    assert sum(edition_of(program, THURSDAY)["counts"].values()) == len(arxiv.truth("cs.CV", THURSDAY))


def test_a_source_that_was_named_is_settled(program: Program, arxiv: Universe) -> None:
    """Who names a service wants no other one: what it said is not asked for again."""
    for _ in range(2):
        status, note = backfilled(program, THURSDAY, "--source", "api")
        assert (status, note["service"], note["reconstructed"], note["settled"]) == (0, "api", True, True)
    assert arxiv.asked == ["api", "oai"]


def test_a_listing_that_is_short(program: Program, arxiv: Universe) -> None:
    """A page that fits together and lacks a paper of the feed is published, with the lack named, and read again by the next run."""
    late = some(arxiv)
    arxiv.edits["listing"] = universe.lacking(late)
    done = program("run", "--quiet")
    note = program.noted(FRIDAY)
    assert (done.status, note["state"], note["provisional"]) == (0, "published", True)
    assert f"the feed has 1 ({late}) besides" in done.err
    assert "the feed has more papers of 2026-11-20; run again later to be sure" in done.err
    assert "**Disagreement**" in program.page(FRIDAY).read_text("utf-8")
    assert [check["agrees"] for check in edition_of(program, FRIDAY)["checks"] if check["service"] == "feed"] == [False]

    arxiv.edits.clear()
    asked = len(arxiv.asked)
    again = program("run")
    note = program.noted(FRIDAY)
    assert arxiv.asked[asked:] == ["listing", "feed"]
    assert f"1 paper of 2026-11-20 came later: {late}" in again.err
    assert (note["provisional"], note["late"], note["disagreements"]) == (False, [late], [])
    assert late in {entry["id"] for entry in edition_of(program, FRIDAY)["entries"]}
    asks_nothing(program, arxiv)


def test_yesterdays_papers_on_the_list_of_five_dates(arxiv: Universe, tmp_path: Path) -> None:
    """Yesterday's papers under today's date are refused there too, and the list is not kept."""
    yesterday, today = (only(arxiv.truth("cs.CV", day), NEW, CROSS) for day in (THURSDAY, FRIDAY))
    arxiv.edits["recent"] = lambda said: yesterday if said == today else {} if said == yesterday else said
    with pytest.raises(StaleError, match="were new in the last edition before 2026-11-20 already"):
        ask(arxiv, tmp_path, FRIDAY, "recent", earlier=frozenset(only(yesterday, NEW)))
    assert not list(tmp_path.glob("answers/*/*"))

    arxiv.edits.clear()
    assert kinds(ask(arxiv, tmp_path, FRIDAY, "recent", earlier=frozenset(only(yesterday, NEW)))) == today


def test_an_old_list_of_five_dates(arxiv: Universe, tmp_path: Path) -> None:
    """A list that goes up to yesterday is stale, and the next run asks for it again."""
    old_copy(arxiv, "/list/cs.CV/recent?skip=0&show=2000")
    with pytest.raises(StaleError, match="goes up to 2026-11-19, and 2026-11-20 is not there yet"):
        ask(arxiv, tmp_path, FRIDAY, "recent")

    arxiv.state.pages.clear()
    assert kinds(ask(arxiv, tmp_path, FRIDAY, "recent")) == only(arxiv.truth("cs.CV", FRIDAY), NEW, CROSS)
    assert arxiv.asked == ["recent", "recent", "api"]


# -- feeds of others -----------------------------------------------------------------------------------------------------


def test_the_feed_of_another_category(program: Program, arxiv: Universe) -> None:
    """The feed of another category is no announcement of this one, whoever asked for it, and no witness."""
    items = arxiv.fakes(arxiv.truth("cs.LG", FRIDAY), "feed")
    arxiv.state.pages["/rss/cs.CV"] = rss.rss(items, FRIDAY, codes=["cs.LG"])
    failed = program("run", "--source", "feed")
    assert (failed.status, "the feed is that of cs.LG, not of cs.CV" in failed.err) == (1, True)

    assert program("run").status == 0
    assert [check["service"] for check in edition_of(program, FRIDAY)["checks"]] == ["oai"]


@pytest.mark.parametrize("codes", [("cs",), ("cs.CL", "cs.CV")], ids="+".join)
def test_a_feed_of_more_than_one_category(arxiv: Universe, tmp_path: Path, codes: tuple[str, ...]) -> None:
    """Such a feed gives the papers of the category alone, and in the kinds that they have there, now and when it is kept."""
    truth, archive = arxiv.truth("cs.CV", FRIDAY), {"cs.CL", "cs.CV", "cs.LG", "cs.RO"}
    inside = archive if codes == ("cs",) else set(codes)
    new = {NEW: NEW, CROSS: NEW, Kind.REPLACED: Kind.REPLACED, Kind.REPLACED_CROSS: Kind.REPLACED}
    said = {name: kind for code in sorted(inside) for name, kind in arxiv.truth(code, FRIDAY).items()}
    said = {name: new[kind] if arxiv.categories(name)[0] in inside else kind for name, kind in said.items()}
    # A paper that was cross-listed from here to another category on that date is not new here.
    said = {name: kind for name, kind in said.items() if name in truth or "cs.CV" not in arxiv.categories(name)}
    assert len(said) > len(truth)
    assert {name: said[name] for name in truth} != truth
    arxiv.state.pages["/rss/cs.CV"] = rss.rss(arxiv.fakes(said, "feed", FRIDAY), FRIDAY, codes=codes)

    found = ask(arxiv, tmp_path, FRIDAY, "feed")
    assert kinds(found) == truth
    assert ask(arxiv, tmp_path, FRIDAY, "feed") == found
    assert arxiv.asked == ["feed"]
    heard = [ask(arxiv, tmp_path / "heard", FRIDAY, second=True) for _ in range(2)]
    assert [checks(one)["feed"].agrees for one in heard] == [True, True]


@pytest.mark.slow
def test_a_feed_that_is_full(arxiv: Universe, tmp_path: Path) -> None:
    """Of a feed with as many entries as it can have there may be more: it makes no announcement, and is no witness."""
    items = [Item(f"2611.{number:05}") for number in range(1, 2001)]
    arxiv.state.pages["/rss/cs.CV"] = rss.rss(items, FRIDAY)
    with pytest.raises(IncompleteError, match="holds 2000 entries, which is the most that a feed has"):
        ask(arxiv, tmp_path, FRIDAY, "feed")

    assert checks(ask(arxiv, tmp_path, FRIDAY, second=True)).keys() == {"oai"}


def test_a_feed_that_arxiv_does_not_have(program: Program, arxiv: Universe) -> None:
    """That arXiv refuses the feed is no mistake on the command line: what the first service said is told."""
    arxiv.faults = dict.fromkeys(("listing", "catchup", "recent"), universe.status(404, b"gone"))
    arxiv.faults["feed"] = universe.status(400, rss.error("Invalid archive or category: cs.CV"))
    done = program("run", "--date", str(FRIDAY))

    assert arxiv.asked == ["listing", "catchup", "recent", "feed"]
    assert (done.status, "arXiv answered 404" in done.err.splitlines()[-1]) == (1, True)
    assert program.noted(FRIDAY)["state"] == "failed"


# -- names of categories -------------------------------------------------------------------------------------------------

ALIASES = [("math.MP", "math-ph"), ("math-ph", "math-ph"), ("cs.SY", "eess.SY"), ("cs.SY", "cs.SY")]
OTHERS = {"math-ph": "math.MP", "eess.SY": "cs.SY", "cs.SY": "eess.SY"}


@pytest.mark.parametrize(("category", "primary"), ALIASES)
def test_two_names_of_one_category(arxiv: Universe, tmp_path: Path, category: str, primary: str) -> None:
    """A paper of math.MP is printed as one of math-ph: where it is worked out it is new, and no cross-list."""
    own, cross = (primary, OTHERS[primary]), ("cs.LG", *sorted((primary, OTHERS[primary])))
    at, moment = "2026-11-19T12:00:00Z", "Thu, 19 Nov 2026 12:00:00 GMT"
    rows = [feeds.Row(f"2611.0000{n}", categories=codes, submitted=at, updated=at) for n, codes in enumerate((own, cross), 1)]
    records = [oaipmh.Row(one.id, categories=" ".join(one.categories), versions=[("v1", moment, "D")]) for one in rows]
    arxiv.state.other = lambda path: oaipmh.answer(records) if path.startswith("/oai") else feeds.Api(rows).answer(path)

    for source in ("api", "oai"):
        found = ask(arxiv, tmp_path / source, FRIDAY, source, category)
        assert kinds(found) == {"2611.00001": NEW, "2611.00002": CROSS}


def test_a_whole_archive_worked_out(arxiv: Universe, tmp_path: Path) -> None:
    """Of an archive its categories are asked for, and the papers of all of them are its own."""
    at = "2026-11-19T12:00:00Z"
    row = feeds.Row("2611.00001", categories=("cs.CV",), submitted=at, updated=at)
    arxiv.state.other = lambda _: feeds.feed([row])
    found = ask(arxiv, tmp_path, FRIDAY, "api", "cs")

    assert kinds(found) == {"2611.00001": NEW}
    (path,) = arxiv.state.asked
    assert "cat:cs.*" in unquote(path)


# -- what is told --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["recent", "month", "api"])
def test_replacements_that_are_not_known(program: Program, arxiv: Universe, source: str) -> None:
    """Where a service knows of no replacements the page does not say that there were none, nor that the feed has too many."""
    assert only(arxiv.truth("cs.CV", FRIDAY), *REPLACEMENTS)
    assert program("run", "--date", str(FRIDAY), "--source", source).status == 0
    page, edition = program.page(FRIDAY).read_text("utf-8"), edition_of(program, FRIDAY)

    assert "which ones were replaced is not known" in page
    assert not re.search(r"\b0 (?:new |cross-listed )?replaced", page)
    said = [check["says"] for check in edition["checks"] if check["service"] == "feed"]
    assert len(said) == 1
    assert not set(re.findall(r"\d{4}\.\d{5}", said[0])) & only(arxiv.truth("cs.CV", FRIDAY), *REPLACEMENTS).keys()


def test_replacements_that_records_know(arxiv: Universe, tmp_path: Path) -> None:
    """OAI-PMH knows replacements, and the feed has the same ones."""
    found = ask(arxiv, tmp_path, FRIDAY, "oai", second=True)
    replaced = only(kinds(found), *REPLACEMENTS)

    said = checks(found)["feed"].says
    assert replaced
    assert f" {len(found.entries)} papers" in said
    assert not set(re.findall(r"\d{4}\.\d{5}", said)) & replaced.keys()


def test_a_page_that_nobody_was_held_against(program: Program, arxiv: Universe) -> None:
    """It says so; one that was compared does not."""
    alone = "No other service of arXiv was held against it."
    assert program("run", "--second-opinion", "no").status == 0
    assert alone in program.page(FRIDAY).read_text("utf-8")

    assert program("run", "--date", str(THURSDAY)).status == 0
    assert "catchup" in arxiv.asked
    assert alone not in program.page(THURSDAY).read_text("utf-8")


def test_a_refusal_is_told(program: Program, arxiv: Universe) -> None:
    """That a second opinion was refused is a warning, which --quiet does not hide; the digest is made."""
    arxiv.faults["feed"] = universe.status(403)
    done = program("run", "--quiet")

    assert (done.status, program.page(FRIDAY).is_file()) == (0, True)
    assert "403" in done.err
    assert "the digest is made without what it would have told" in done.err


def test_versions_that_are_not_announced(arxiv: Universe, tmp_path: Path) -> None:
    """arXiv announces a replacement up to the fifth version; a seventh one in OAI-PMH is no part of the announcement."""
    first, last = "Mon, 02 Nov 2026 12:00:00 GMT", "Thu, 19 Nov 2026 12:00:00 GMT"
    rows = [
        oaipmh.Row(f"2610.0000{number}", versions=[(f"v{one}", first if one < number else last, "D") for one in range(1, number + 1)])
        for number in (2, 5, 7)
    ]
    arxiv.state.other = lambda _: oaipmh.answer(rows)
    found = ask(arxiv, tmp_path, FRIDAY, "oai")

    assert kinds(found) == {"2610.00002": Kind.REPLACED, "2610.00005": Kind.REPLACED}
    assert "2610.00007" in found.unknown[-1]


@pytest.mark.slow
def test_the_mails_of_a_week(program: Program, arxiv: Universe) -> None:
    """They have no abstracts: these are the query API's, or still to come while it does not answer."""
    truth = only(arxiv.truth("cs.CV", FRIDAY), NEW)
    items = [mailings.Item(name, universe.text(name)[0], categories=" ".join(arxiv.categories(name))) for name in truth]
    path = program.folder / "week.txt"
    path.write_bytes(mailings.week({FRIDAY: items}))
    arxiv.faults["api"] = universe.status(503)
    assert program("run", "--source", f"file:{path}").status == 0
    assert [entry["pending"] for entry in edition_of(program, FRIDAY)["entries"]] == [True] * len(truth)
    assert program.page(FRIDAY).read_text("utf-8").count(PLACEHOLDER) == len(truth)

    arxiv.faults.clear()
    assert program("run", "--source", f"file:{path}").status == 0
    entries = edition_of(program, FRIDAY)["entries"]
    assert {entry["id"]: (entry["abstract"], entry["pending"]) for entry in entries} == {n: (universe.text(n)[1], False) for n in truth}
    assert PLACEHOLDER not in program.page(FRIDAY).read_text("utf-8")
    assert set(arxiv.asked) == {"api"}
