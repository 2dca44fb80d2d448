"""A site in a folder: what is written, what is left alone, and what becomes of a build that was broken off."""

import json
import os
import random
import re
import resource
import shutil
import signal
from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest

from digest import publishing
from digest.core.announcements import Calendar
from digest.core.domain import Kind
from digest.core.site import INDEX, day_path, paper_path, topic_path
from digest.errors import PublishError
from digest.failpoints import OF_SITE, VARIABLE
from digest.library import Library
from digest.publishing import MANIFEST, publish
from digest.store import backups
from digest.store.database import Database
from tests.sites import KEY, TAXONOMY, Press, site, site_at, tree
from tests.stores import KINDS, lent

MONDAY, TUESDAY, THURSDAY = date(2026, 11, 9), date(2026, 11, 10), date(2026, 11, 12)
OCTOBER, DECEMBER = date(2026, 10, 30), date(2026, 12, 1)

NOWHERE = (
    "", "days/2026-11-10.html", "days/2026-13-10.html", "papers/2611/2611.00009.html", "papers/2611.00001.html", "search/2026-01.json",
    "topics/nothing/index.html", "topics/3d/2026-01.html", "../site.json", "papers/2611/../2611/2611.00001.html",
)  # fmt: skip


@pytest.fixture(params=KINDS)
def stored(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Lend an empty database."""
    with lent(request) as found:
        yield found


@pytest.fixture
def press(stored: Database, tmp_path: Path) -> Press:
    """Return what makes editions and sites."""
    return Press(stored, tmp_path / "site")


def times(root: Path) -> dict[str, int]:
    """Return when each file was written, in nanoseconds."""
    return {path.relative_to(root).as_posix(): path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}


def written_since(root: Path, before: dict[str, int]) -> set[str]:
    """Return the files that are new or were written again."""
    return {name for name, when in times(root).items() if before.get(name) != when}


# -- what there is -------------------------------------------------------------------------------------------------------


def test_every_page_and_feed_is_there(press: Press) -> None:
    """A date has its page, each of its papers has one, each topic has that of the month and one that never moves."""
    press.add(MONDAY, ["2611.00001", "cs/0703101"])
    report = press.publish()
    shelves = [(topic.slug, sub) for topic in TAXONOMY.topics for sub in ("", *(one.slug for one in topic.subtopics))]

    assert set(press.files()) == {
        INDEX, "404.html", "about.html", "calendar.html", "feeds.html", "search.html", "robots.txt",
        "assets/site.css", "assets/theme.js", "assets/site.js", "assets/search.js",
        "_headers", ".nojekyll", "feeds/digest.json", "search/2026-11.json", MANIFEST, day_path(MONDAY), paper_path("2611.00001"),
        "papers/cs/0703101.html", *(topic_path(*shelf, month) for shelf in shelves for month in ("", "2026-11")),
    }  # fmt: skip
    assert report.written == len(press.files()) - 1
    assert b"day 2026-11-09 1 None None True" in press.files()[INDEX]


def test_a_path_gives_what_the_folder_has(press: Press) -> None:
    """Whoever asks for a single page gets the bytes that are published; there is nothing at any other path."""
    press.add(OCTOBER, ["2610.00001"])
    press.add(MONDAY, {"2611.00001": Kind.NEW, "2610.00001": Kind.CROSS, "2611.00009": Kind.REPLACED})
    press.publish()
    found = press.files()
    single = press.site()
    for path in found.keys() - {MANIFEST, "search.html"}:
        content = single.contents(path)
        assert content is not None, path
        assert content.body == found[path], path

    for path in NOWHERE:
        assert single.contents(path) is None, path


def test_without_editions_there_is_a_site(press: Press) -> None:
    """As long as nothing was made, the first page is the calendar."""
    press.publish()

    assert press.files()[INDEX] == press.files()["calendar.html"]
    assert press.site().contents(topic_path(TAXONOMY.topics[0].slug)) is not None


def test_a_date_without_announcement_is_in_the_calendar_alone(press: Press) -> None:
    """It has its state and its reason there, and no page; a date in between that nobody asked for has one too."""
    press.add(MONDAY, ["2611.00001"])
    press.add(THURSDAY, [])
    press.fail(TUESDAY, "a secret folder cannot be written")
    press.publish()
    lines = press.files()["calendar.html"].decode().splitlines()

    assert lines == [
        "2026-11-12 none there were no updates 0",
        "2026-11-11 waiting not made so far 0",
        "2026-11-10 failed could not be made so far 0",
        "2026-11-09 published  1",
    ]
    assert day_path(THURSDAY) not in press.files()


# -- what is written again -----------------------------------------------------------------------------------------------


def test_nothing_is_written_twice(press: Press) -> None:
    """A second time nothing is written, and no time stamp moves; with all pages made again neither."""
    press.add(MONDAY, ["2611.00001", "2611.00002"])
    press.publish()
    before = times(press.root)

    assert press.publish().written == 0
    assert times(press.root) == before
    again = press.publish(again=True)
    assert (again.written, again.removed) == (0, 0)
    assert times(press.root).keys() == before.keys()
    assert written_since(press.root, before) <= {MANIFEST}


def test_what_is_lost_comes_back(press: Press, tmp_path: Path) -> None:
    """Any file that is not there any more, or is a link now, is made again, and no other one is written."""
    press.add(OCTOBER, ["2610.00001"])
    press.add(MONDAY, {"2611.00001": Kind.NEW, "cs/0703101": Kind.NEW, "2610.00001": Kind.CROSS})
    press.publish()
    good, before = press.files(), times(press.root)
    for path in {path.partition("/")[0]: path for path in good if path != MANIFEST}.values():
        (press.root / path).unlink()
        assert press.publish().written == 1, path
        assert written_since(press.root, before) <= {path}
        before = times(press.root)
    for folder in ("papers", "topics", "feeds"):
        shutil.rmtree(press.root / folder)
    (press.root / "about.html").rename(tmp_path / "elsewhere.html")
    (press.root / "about.html").symlink_to(tmp_path / "elsewhere.html")
    press.publish()

    assert press.files() == good
    assert not (press.root / "about.html").is_symlink()


def test_a_new_day_writes_what_is_different_and_no_more(press: Press) -> None:
    """A new date changes its own pages, the page before it, its topics in its month, and those in front."""
    press.add(OCTOBER, ["2610.00001", "2610.00002"])
    press.add(MONDAY, ["2611.00001", "2611.00002"])
    press.publish()
    before = times(press.root)
    press.add(TUESDAY, {"2611.00003": Kind.NEW, "2610.00002": Kind.CROSS})
    press.publish()
    written = written_since(press.root, before)
    topics = {path for path in written if path.startswith("topics/")}

    assert written - topics == {
        day_path(TUESDAY), day_path(MONDAY), paper_path("2611.00003"), paper_path("2610.00002"), "search/2026-11.json", "search.html",
        "feeds/digest.json", "calendar.html", INDEX, MANIFEST,
    }  # fmt: skip
    assert topics
    assert all(path.endswith(("/2026-11.html", "/index.html")) for path in topics)
    places = {item.place for item in press.site().archive.edition(TUESDAY).items}
    shelves = {place[:size] for place in places if place for size in (1, 2)}
    assert {tuple(path.split("/")[1:-1]) for path in topics} == shelves


def test_a_paper_that_is_dropped_loses_its_page(press: Press) -> None:
    """A paper that no edition lists any more has no page; one that an older edition lists has what that says."""
    press.add(OCTOBER, ["2610.00001"])
    press.add(MONDAY, {"2611.00001": Kind.NEW, "2611.00002": Kind.NEW, "2610.00001": Kind.CROSS})
    press.publish()
    press.add(MONDAY, ["2611.00001"], number=2)
    report = press.publish()

    assert paper_path("2611.00002") not in press.files()
    assert b"2026-10-30" in press.files()[paper_path("2610.00001")]
    assert report.removed == 1


def test_a_folder_without_a_file_of_it_stays_no_longer(press: Press) -> None:
    """A date that the archive lost takes its page, its papers and its month with it."""
    press.add(MONDAY, ["2611.00001"])
    press.publish()
    with press.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM editions")
        connection.exec_driver_sql("DELETE FROM days")
    press.publish()

    assert not [path for path in press.files() if "2611" in path or "2026" in path]
    assert not (press.root / "papers").exists()


def test_other_templates_change_every_page(press: Press) -> None:
    """Where pages are made with something else, all are made again, and those of topics that are no more are removed."""
    press.add(MONDAY, ["2611.00001"])
    press.publish()
    (press.root / day_path(MONDAY)).write_text("as another release made it\n")
    told = json.loads((press.root / MANIFEST).read_text())
    told["files"].append("topics/gone/index.html")
    (press.root / MANIFEST).write_text(json.dumps(told))
    for name in ("index", "2026-11"):
        (press.root / "topics/gone").mkdir(exist_ok=True)
        (press.root / f"topics/gone/{name}.html").write_text("gone\n")
    report = press.publish("another key")

    assert (report.written, report.removed) == (1, 2)
    assert not (press.root / "topics/gone").exists()


DAYS = [date(2026, month, day) for month, some in ((9, (29, 30)), (10, (1, 2, 30)), (11, (2, 3))) for day in some]


@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 40))])
def test_what_grew_is_what_is_made_from_scratch(seed: int, press: Press, tmp_path: Path) -> None:
    """After any sequence of new dates, editions that drop and move papers, and dates without papers, the bytes are the same."""
    chance = random.Random(seed)  # noqa: S311 - an example
    numbers = dict.fromkeys(DAYS, 0)
    for _ in range(chance.randint(2, 7)):
        for _ in range(chance.randint(1, 3)):
            day = chance.choice(DAYS)
            numbers[day] += 1
            names = [f"2610.{number:05}" for number in chance.sample(range(1, 15), chance.randint(0, 5))]
            kinds = {name: chance.choice([Kind.NEW, Kind.CROSS, Kind.REPLACED]) for name in names}
            press.add(day, kinds, title=chance.choice(["Seeing", "Knowing"]), number=numbers[day], place=chance.randint(0, 1))
        press.publish()
        if chance.random() < 0.5:
            press.publish()
    grown, scratch = press.files(), press.afresh(tmp_path / "scratch")

    assert grown.keys() == scratch.keys()
    assert [path for path in grown if grown[path] != scratch[path]] == []


# -- what is broken off --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", OF_SITE)
def test_a_build_that_was_broken_off_is_completed(press: Press, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, point: str) -> None:
    """Wherever it fails, the next one makes what a build from scratch makes, even if other editions have come meanwhile."""
    press.add(OCTOBER, ["2610.00001"])
    press.add(MONDAY, ["2611.00001", "2611.00002"])
    press.publish()
    press.add(TUESDAY, ["2611.00003", "2611.00004"])
    press.add(DECEMBER, ["2612.00001"])
    press.add(OCTOBER, ["2610.00002"], number=2)
    monkeypatch.setenv(VARIABLE, f"{point}:raise")
    with pytest.raises(PublishError, match="lets"):
        press.publish()
    monkeypatch.delenv(VARIABLE)
    press.add(TUESDAY, ["2611.00003"], number=2)
    press.publish()

    assert press.files() == press.afresh(tmp_path / "scratch")


def test_the_first_page_is_whole_all_the_while(press: Press, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until all that it leads to is there, the first page is the one from before."""
    press.add(MONDAY, ["2611.00001"])
    press.publish()
    before = press.files()[INDEX]
    press.add(TUESDAY, ["2611.00003"])
    monkeypatch.setenv(VARIABLE, "site-index:raise")
    with pytest.raises(PublishError):
        press.publish()

    assert press.files()[INDEX] == before
    assert day_path(TUESDAY) in press.files()


def test_a_manifest_that_cannot_be_read_costs_time_alone(press: Press) -> None:
    """A manifest that was damaged, or that names files elsewhere, is no reason to fail, and nothing elsewhere is touched."""
    press.add(MONDAY, ["2611.00001"])
    press.publish()
    good = press.files()
    precious = press.root.parent / "precious.html"
    precious.write_text("mine")
    told = json.loads(good[MANIFEST])
    mine = dict.fromkeys((".git/HEAD", "papers/.git/HEAD", "thesis.tex"), b"mine")
    for path, content in mine.items():
        (press.root / path).parent.mkdir(exist_ok=True)
        (press.root / path).write_bytes(content)
    good |= mine
    for bad in (
        b"", b"{", b"[]", b'{"format": 1}', good[MANIFEST][:-20],
        json.dumps(told | {"files": ["../precious.html"]}).encode(),
        json.dumps(told | {"files": [str(precious)]}).encode(),
        json.dumps(told | {"files": [1]}).encode(),
        json.dumps(told | {"files": [".git/HEAD"]}).encode(),
        json.dumps(told | {"files": ["papers/.git/HEAD"]}).encode(),
        json.dumps(told | {"files": ["thesis.tex"]}).encode(),
        json.dumps(told | {"category": None}).encode(),
        json.dumps({name: value for name, value in told.items() if name != "category"}).encode(),
        json.dumps({name: value for name, value in told.items() if name != "key"}).encode(),
        json.dumps(told | {"dates": {"2026-11-06": ["", "../../precious"]}}).encode(),
    ):  # fmt: skip
        (press.root / MANIFEST).write_bytes(bad)
        press.publish()
        assert press.files() == good

    assert precious.read_text() == "mine"


# -- what is not ours ----------------------------------------------------------------------------------------------------


def test_files_of_others_stay(press: Press) -> None:
    """What somebody has put beside the pages is neither changed nor removed."""
    press.add(MONDAY, ["2611.00001"])
    press.publish()
    others = {"CNAME": b"example.org\n", "papers/mine.txt": b"mine\n", "papers/2611/notes.html": b"mine\n"}
    for path, content in others.items():
        (press.root / path).write_bytes(content)
    press.add(MONDAY, ["2611.00002"], number=2)
    press.publish()
    press.publish(again=True)

    assert {path: press.files()[path] for path in others} == others


@pytest.mark.parametrize("name", [INDEX, "thesis.tex", "papers/mine.html", ".profile"])
@pytest.mark.parametrize("linked", [False, True])
def test_a_folder_of_others_is_not_taken_over(press: Press, tmp_path: Path, name: str, *, linked: bool) -> None:
    """A folder that holds anything that this program has not made is refused as it is, also where a link leads to it."""
    folder = tmp_path / "mine" if linked else press.root
    (folder / name).parent.mkdir(parents=True)
    (folder / name).write_text("mine")
    if linked:
        press.root.symlink_to(folder)
    with pytest.raises(PublishError, match=rf"has not made: {name.partition('/')[0]}; empty it, choose another folder"):
        press.publish()

    assert tree(folder) == {name: b"mine"}


def test_a_site_of_another_kind_is_not_written_over(press: Press) -> None:
    """The manifest of another program, or of another category, is refused."""
    press.root.mkdir()
    (press.root / MANIFEST).write_text('{"title": "mine"}')
    with pytest.raises(PublishError, match=r"has not made: site\.json"):
        press.publish()

    (press.root / MANIFEST).unlink()
    press.publish()
    told = json.loads((press.root / MANIFEST).read_text())
    (press.root / MANIFEST).write_text(json.dumps(told | {"category": "cs.LG"}))
    with pytest.raises(PublishError, match=r"site of cs\.LG"):
        press.publish()


def test_a_folder_that_waits_for_a_site_is_filled(press: Press, tmp_path: Path) -> None:
    """An empty folder, one that a link leads to, a repository and what a killed process left half-written are no hindrance."""
    folder = tmp_path / "volume"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git/config").write_text("mine")
    (folder / ".site.json.0123abcd-1.0f.part").write_text("{")
    press.root.symlink_to(folder)
    press.add(MONDAY, ["2611.00001"])
    press.publish()

    assert (folder / day_path(MONDAY)).is_file()
    assert (folder / ".git/config").read_text() == "mine"


def test_what_stands_in_the_way_is_named(press: Press) -> None:
    """A folder where a page belongs, and a file where a folder does, are named; as soon as they are gone, all is mended."""
    press.add(MONDAY, ["2611.00001"])
    press.publish()
    good = press.files()
    for path in (INDEX, day_path(MONDAY), paper_path("2611.00001"), "feeds/digest.json", topic_path(TAXONOMY.topics[0].slug), MANIFEST):
        (press.root / path).unlink()
        (press.root / path).mkdir()
        for again in (False, True):
            with pytest.raises(
                PublishError, match=f"{re.escape(path)} is a folder, and a file belongs there; remove it, and publish again"
            ):
                press.publish("another key" if path == MANIFEST else KEY, again=again)
        (press.root / path).rmdir()
        if path == MANIFEST:
            (press.root / path).write_bytes(good[MANIFEST])
        press.publish()
        assert press.files() == good, path
    shutil.rmtree(press.root / "papers")
    (press.root / "papers").write_text("mine")
    with pytest.raises(PublishError, match="papers is no folder, and pages belong into it; remove it"):
        press.publish()


def test_links_are_not_followed(press: Press, tmp_path: Path) -> None:
    """A link in place of a page is replaced; one in place of a folder is refused. What they lead to stays as it is."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "page.html").write_text("mine")
    press.root.mkdir()
    press.publish()
    press.add(MONDAY, ["2611.00001"])
    (press.root / "about.html").unlink()
    (press.root / "about.html").symlink_to(elsewhere / "page.html")
    (press.root / "papers").symlink_to(elsewhere)
    with pytest.raises(PublishError, match="symbolic link"):
        press.publish()
    (press.root / "papers").unlink()
    press.publish(again=True)

    assert tree(elsewhere) == {"page.html": b"mine"}
    assert not (press.root / "about.html").is_symlink()
    (press.root / "papers/2611").rename(elsewhere / "2611")
    (press.root / "papers/2611").symlink_to(elsewhere / "2611")
    press.add(MONDAY, ["2611.00002"], number=2)
    with pytest.raises(PublishError, match="symbolic link"):
        press.publish()
    assert (elsewhere / "2611/2611.00001.html").exists()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a user whom a folder can refuse")
def test_a_folder_that_cannot_be_written_is_an_error(press: Press) -> None:
    """Who may not write there is told so."""
    press.root.mkdir(mode=0o500)
    with pytest.raises(PublishError, match="cannot be written"):
        press.publish()


def test_a_file_in_place_of_the_folder_is_an_error(press: Press) -> None:
    """A file where the site is to be is left alone."""
    press.root.write_text("mine")
    with pytest.raises(PublishError, match="cannot be written"):
        press.publish()

    assert press.root.read_text() == "mine"


def test_a_full_disk_is_named(press: Press) -> None:
    """The file that cannot be written is named, and what was there before goes on being served; the next one goes on."""
    press.add(MONDAY, ["2611.00001"])
    press.publish()
    before = press.files()
    press.add(TUESDAY, [f"2611.0{number:04}" for number in range(2, 60)])
    allowed = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before[MANIFEST]) + 2500, allowed[1]))
    try:
        with pytest.raises(PublishError, match=r"\w+\.\w+ cannot be written: File too large; make room for it"):
            press.publish()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, allowed)
    assert press.files()[INDEX] == before[INDEX]

    press.publish()
    assert day_path(TUESDAY) in press.files()


# -- what was kept in memory -----------------------------------------------------------------------------------------------


def test_a_backup_that_is_put_back_takes_its_editions_along(file: Database, tmp_path: Path) -> None:
    """The database gives the numbers of rows again: nothing that was read before is shown for what has the same number now."""
    press = Press(file, tmp_path / "site")
    press.add(MONDAY, ["2611.00001"])
    kept = backups.make(file, tmp_path / "kept.db").path
    library = Library(file, "cs.CV", TAXONOMY, Calendar())
    press.add(MONDAY, ["2611.00001"], number=2, title="What is thrown away")
    assert [item.entry.paper.title for item in library.edition(MONDAY).items] == ["What is thrown away 2611.00001"]
    assert list(library.retold(MONDAY)) == ["2611.00001"]

    backups.restore(file, tmp_path, kept, press.moment)
    press.moment += timedelta(hours=1)
    press.add(MONDAY, ["2611.00001", "2611.00002"], number=2, title="What is kept")
    assert [item.entry.paper.id for item in library.edition(MONDAY).items] == ["2611.00002", "2611.00001"]
    assert set(library.retold(MONDAY).values()) == {press.moment}


# -- two processes ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_processes_make_what_one_makes(file: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large site is the same, and so is the number of its files."""
    press = Press(file, tmp_path / "site")
    for number, day in enumerate(DAYS):
        press.add(day, [f"2610.{number * 100 + one:05}" for one in range(1, 20)])
    alone = press.publish()
    monkeypatch.setattr(publishing, "_ALONE", 10)
    shared = publish(site(file), tmp_path / "shared", KEY, helper=partial(site_at, str(file.path)))

    assert tree(tmp_path / "shared") == press.files()
    assert shared == alone


@pytest.mark.slow
def test_a_helper_that_fails_is_an_error(file: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong in the other process is told, and the next build completes it."""
    press = Press(file, tmp_path / "site")
    for number, day in enumerate(DAYS):
        press.add(day, [f"2610.{number * 100 + one:05}" for one in range(1, 20)])
    press.publish()
    elsewhere = tmp_path / "papers"
    (press.root / "papers").rename(elsewhere)
    (press.root / "papers").symlink_to(elsewhere)
    monkeypatch.setattr(publishing, "_ALONE", 10)
    with pytest.raises(PublishError, match="symbolic link"):
        publish(site(file), press.root, "another key", helper=partial(site_at, str(file.path)))
