"""The site as a user meets it: after each run, by `cvdigest publish`, and not at all."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from digest import building, publishing
from digest.core.site import INDEX, day_path, paper_path
from digest.settings import Settings
from tests import archives, servers, weeks
from tests.reference import clean_environment
from tests.sites import tree
from tests.test_again import small_model
from tests.weeks import LAST, Program

TUESDAY = date(2026, 11, 17)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a model that loads in no time."""
    return small_model(tmp_path_factory.mktemp("model"), "plain", 0.0)


@pytest.fixture
def program(tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    """Return the program, towards a server that plays two weeks, as it makes sites."""
    with servers.arxiv() as state:
        weeks.play(state)
        found = weeks.program(tmp_path, state.url, capsys, monkeypatch)
        monkeypatch.delenv("CVDIGEST_NO_SITE")
        monkeypatch.setenv("CVDIGEST_MODEL", str(model))
        yield found


def publish(program: Program, *arguments: str) -> weeks.Result:
    """Bring the site up to date by the command."""
    return Program(program.folder, program.url, program.captured)("publish", *arguments)


def test_each_run_brings_the_site_up_to_date(program: Program) -> None:
    """What a run makes stands on the site at its end, and `publish` finds nothing to do then; without its files it puts them back."""
    assert program("run").status == 0
    site = program.folder / "out" / "site"
    assert f"{LAST:%-d} November {LAST.year}" in (site / INDEX).read_text("utf-8")
    assert (site / paper_path("2611.00200")).is_file()

    again = publish(program, "--json")
    assert (again.status, again.json["written"], again.json["removed"]) == (0, 0, 0)
    before = tree(site)
    (site / day_path(LAST)).unlink()
    (site / paper_path("2611.00200")).unlink()
    assert publish(program).out.startswith("2 files written, ")
    assert tree(site) == before


def test_many_dates_are_one_site(program: Program) -> None:
    """Several dates are brought to the site at once, with those that have no announcement in the calendar."""
    assert program("backfill", "--from", "2026-11-17", "--to", "2026-11-19", "--site", str(program.folder / "www")).status == 0
    found = tree(program.folder / "www")

    assert day_path(TUESDAY) in found
    assert day_path(date(2026, 11, 19)) not in found
    assert "no updates" in found["calendar.html"].decode()
    assert not (program.folder / "out" / "site").exists()


def test_no_site_is_made_where_none_is_wanted(program: Program) -> None:
    """With --no-site there is none, and to publish is a contradiction."""
    assert program("run", "--no-site").status == 0
    assert not (program.folder / "out" / "site").exists()

    assert publish(program, "--no-site").status == 2


def test_a_site_that_cannot_be_written_costs_no_digest(program: Program) -> None:
    """A run warns and succeeds; `publish` fails; and when there is room again, all is there."""
    (program.folder / "out").mkdir()
    (program.folder / "out" / "site").write_text("mine")
    made = program("run")

    assert made.status == 0
    assert "warning: the site is not up to date" in made.err
    assert program.page(LAST).is_file()
    assert publish(program).status == 1
    (program.folder / "out" / "site").unlink()
    assert publish(program).status == 0
    assert (program.folder / "out" / "site" / publishing.MANIFEST).is_file()


def test_without_an_edition_nothing_is_published(program: Program) -> None:
    """To publish a category that nobody has made says so, and makes neither a site nor a database."""
    found = publish(program, "--category", "cs.RO")

    assert found.status == 1
    assert "no edition of cs.RO is stored; cvdigest run makes one" in found.err
    assert not (program.folder / "data" / "cvdigest.db").exists()
    assert not list((program.folder / "out").glob("site*"))


def test_a_page_of_a_paper_does_not_depend_on_its_number(tmp_path: Path) -> None:
    """Where another paper of its date comes or goes, the number of a paper is another one, and its page the same byte for byte."""
    edition = archives.edition(LAST, [archives.paper(1), archives.paper(2)])
    archive = archives.archive(edition)
    item = replace(edition.items[0], number=77)
    moved = archives.archive(replace(edition, sections=(replace(edition.sections[0], items=(item,)),)))
    settings, path = Settings(), paper_path(item.entry.paper.id)
    found = [building.site(settings, tmp_path, one).contents(path) for one in (archive, moved)]

    assert found[0] is not None
    assert found[0] == found[1]


@pytest.mark.slow
def test_another_address_is_told(program: Program) -> None:
    """An address that was given once is gone with the next command without it, which says so, and what to do."""
    assert program("run", "--site-url", "https://example.org/papers/").status == 0
    assert (program.folder / "out" / "site" / "feeds.opml").exists()

    found = publish(program)
    assert "the site was made for https://example.org/papers/, and is now made for no address" in found.err
    assert "put site-url into the settings file" in found.err
    (program.folder / "out" / "site" / day_path(LAST)).write_text("changed")
    again = publish(program)
    assert not again.err
    assert again.out.startswith("nothing to write: the site is up to date, ")
    assert publish(program, "--all").out.startswith("1 file written, ")


@pytest.mark.slow
def test_the_same_edition_gives_the_same_site_everywhere(tmp_path: Path) -> None:
    """Neither the time zone, nor the locale, nor the hash seed changes a byte."""
    found = []
    for number, (zone, locale, seed) in enumerate((("Asia/Kathmandu", "C", "1"), ("America/New_York", "tr_TR.UTF-8", "77"))):
        out = tmp_path / str(number)
        environment = clean_environment(tmp_path, TZ=zone, LC_ALL=locale, PYTHONHASHSEED=seed, CVDIGEST_NO_SITE="no")
        command = [sys.executable, "-m", "digest", "run", "--sample", "--quiet", "--out", str(out), "--data", str(tmp_path / "data")]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert not done.stderr
        found.append(tree(out / "sample" / "site"))

    assert found[0].keys() == found[1].keys()
    assert [path for path in found[0] if found[0][path] != found[1][path]] == []
    assert len([path for path in found[0] if path.startswith("papers/")]) == 36
