"""What `status` says about dates, and `show` about papers."""

import json
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from digest import heartbeat
from digest.heartbeat import Heartbeat
from tests import servers, weeks
from tests.children import Nursery
from tests.pages import Fake
from tests.weeks import ANNOUNCED, LAST, Program, address

RANGE = ("--from", "2026-11-09", "--to", "2026-11-20")


@pytest.fixture
def arxiv() -> Iterator[servers.Arxiv]:
    """Play arXiv with two weeks."""
    with servers.arxiv() as state:
        weeks.play(state)
        yield state


@pytest.fixture
def program(tmp_path: Path, arxiv: servers.Arxiv, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Program:
    """Return the program, towards that server."""
    return weeks.program(tmp_path, arxiv.url, capsys, monkeypatch)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, nursery: Nursery) -> Program:
    """Return the program with the digests of the fortnight, which are made once; its server has gone."""
    made = Program(tmp_path_factory.mktemp("fortnight"), "", lambda: None)
    with servers.arxiv() as state:
        weeks.play(state)
        made.url = state.url
        assert nursery.run(["backfill", *made.options("backfill"), *RANGE], {"CVDIGEST_NO_SITE": "yes"}).wait() == 0
    return made


@pytest.fixture
def fortnight(program: Program, kept: Program) -> Program:
    """Return the program in a folder of its own with the digests of the fortnight."""
    shutil.copytree(kept.folder, program.folder, dirs_exist_ok=True)
    program.url = kept.url
    return program


# -- status ----------------------------------------------------------------------------------------------------------------


def test_before_anything_is_made(program: Program, arxiv: servers.Arxiv) -> None:
    """The last 14 days, newest last, by the schedule alone; nobody is asked and nothing is written."""
    done = program("status")

    assert (done.status, arxiv.asked, program.files()) == (0, [], {})
    assert len(done.out.splitlines()) == 14
    assert done.out.splitlines()[0] == "2026-11-07 none: it is a weekend"
    assert done.out.splitlines()[-1] == "2026-11-20 waiting: not asked for yet"


@pytest.mark.parametrize(
    ("now", "last"),
    [
        ("2026-11-20T00:59Z", "2026-11-19"),
        ("2026-11-20T01:00Z", "2026-11-20"),
        ("2026-11-21T12:00Z", "2026-11-21"),
        ("2026-11-23T01:00Z", "2026-11-23"),
    ],
)
def test_the_last_date(program: Program, now: str, last: str) -> None:
    """By default the last date is today, or the newest announcement if that is later."""
    program.now = now

    assert program("status").out.splitlines()[-1][:10] == last


@pytest.mark.slow
def test_each_state_and_why(program: Program, arxiv: servers.Arxiv) -> None:
    """Each date is in one of the four states, with its reason."""
    arxiv.pages[address(ANNOUNCED[0])] = b"<html><h1>Sorry</h1></html>"
    arxiv.pages[address(ANNOUNCED[1])] = (503, b"", {})
    program("backfill", *RANGE)
    done = program("status", "--from", "2026-11-09", "--to", "2026-11-24")
    lines = {line[:10]: line[11:] for line in done.out.splitlines()}

    assert done.status == 0
    assert lines["2026-11-09"].startswith("failed: ")
    assert "last tried 2026-11-20 06:00 UTC" in lines["2026-11-09"]
    assert lines["2026-11-10"].startswith("waiting: arXiv answered 503")
    assert lines["2026-11-11"] == "published: 4 announced, 3 listed; from catchup"
    assert lines["2026-11-14"] == "none: it is a weekend"
    assert lines["2026-11-16"].startswith("none: ")
    assert lines["2026-11-23"] == "waiting: arXiv announces it on 2026-11-23 at 01:00 UTC"
    assert lines["2026-11-24"] == "waiting: arXiv announces it on 2026-11-24 at 01:00 UTC"


def test_json(fortnight: Program) -> None:
    """--json tells the same as JSON."""
    told = fortnight("status", *RANGE, "--json").json

    assert told["totals"] == {"published": 8, "none": 4, "waiting": 0, "failed": 0, "entries": 32}
    assert [one["date"] for one in told["dates"]] == sorted(one["date"] for one in told["dates"])
    assert {one["settled"] for one in told["dates"]} == {True}


def test_what_is_to_be_known_of_a_published_date(program: Program) -> None:
    """Provisional, reconstructed, pending, late, disagreements: each is told."""
    program("run", "--date", "2026-11-13")
    facts: dict[str, Any] = {
        "provisional": True,
        "reconstructed": True,
        "pending": ["2611.00130"],
        "late": ["2611.00131", "2611.00132"],
        "disagreements": ["feed: it lacks 2611.00130\x1b[2J"],
    }
    program.note_down(date(2026, 11, 13), **facts)
    line = program("status", "--from", "2026-11-13", "--to", "2026-11-13").out

    for said in ("reconstructed", "provisional", "1 without abstract so far", "2 came later", "disagreement: feed: it lacks 2611.00130"):
        assert said in line
    assert "\x1b" not in line


def test_a_page_that_is_gone(program: Program) -> None:
    """A date whose page was removed, or that lies in another folder, waits."""
    program("run")
    program.page(LAST).unlink()
    last = program("status").out.splitlines()[-1]

    assert last.startswith("2026-11-20 waiting: ")
    assert "is not there" in last


def test_a_database_that_lost_a_date(program: Program) -> None:
    """The date is what its page says."""
    program("run")
    program.forget(LAST)
    done = program("status")

    assert done.out.splitlines()[-1] == "2026-11-20 published: 4 announced, 3 listed; from listing; made without a note"


def test_a_damaged_edition_that_is_not_kept(program: Program) -> None:
    """If its edition is damaged too, the date was not asked for."""
    program("run")
    program.forget(LAST)
    program.page(LAST).with_suffix(".json").write_text('{"state": []}', "utf-8")

    assert program("status").out.splitlines()[-1] == "2026-11-20 waiting: not asked for yet"


# -- show ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["2611.00091", "2611.00091v3", "arXiv:2611.00091", "https://arxiv.org/abs/2611.00091v1"])
def test_a_paper(fortnight: Program, name: str) -> None:
    """Everything that is known of a paper, however it is named."""
    told = fortnight("show", name, "--json").json
    edition = told["editions"][0]
    page = fortnight.page(ANNOUNCED[0])

    assert (told["id"], len(told["editions"]), told["correction"]) == ("2611.00091", 1, None)
    assert (edition["date"], edition["category"], edition["kind"], edition["title"]) == ("2026-11-09", "cs.CV", "new", "Gardens of Day 9")
    assert (edition["service"], edition["model"][:7], edition["corrected"]) == ("catchup", "default", False)
    assert edition["answers"] == [{"url": f"{fortnight.url}{address(ANNOUNCED[0])}", "fetched": "2026-11-20T06:00:00+00:00"}]
    assert edition["page"] == str(page)
    assert page.read_text("utf-8").splitlines()[edition["line"] - 1].startswith(f"### {edition['number']}.Gardens of Day 9")


def test_as_text(fortnight: Program) -> None:
    """The same as lines for a person."""
    out = fortnight("show", "2611.00092").out

    assert out.startswith(
        "2611.00092  A Robot Reads\n\n2026-11-09 cs.CV\n  announced   as cross; primary category cs.RO\n  source      catchup\n"
    )
    assert "by the model default" in out
    assert "2026-11-09-cs.CV.md, number " in out


@pytest.mark.slow
def test_several_editions(program: Program, arxiv: servers.Arxiv) -> None:
    """A paper that is announced twice is shown twice, the oldest first."""
    again = Fake("2611.00091", "Gardens, Revised", kind="replaced")
    arxiv.pages[address(LAST)] = weeks.page(LAST, [*weeks.fakes(LAST), again])
    program("backfill", *RANGE, "--include", "new,cross,replaced")
    editions = program("show", "2611.00091", "--json").json["editions"]

    assert [(edition["date"], edition["kind"]) for edition in editions] == [("2026-11-09", "new"), ("2026-11-20", "replaced")]
    assert program("show", "2611.00091").out.startswith("2611.00091  Gardens, Revised\n")


def test_what_may_be_known_besides(program: Program) -> None:
    """Version, submission and licence are told if the edition has them; so is whether it came late or lacks its abstract."""
    program("run")
    path = program.page(LAST).with_suffix(".json")
    edition = json.loads(path.read_text("utf-8"))
    entry = next(entry for entry in edition["entries"] if entry["id"] == "2611.00200")
    entry.update(version=2, submitted="2026-11-18T17:00:00Z", licence="https://licence.example.org/")
    path.write_text(json.dumps(edition), "utf-8")
    note = {**program.noted(LAST), "late": ["2611.00200"], "pending": ["2611.00200"]}
    program.forget(LAST)
    program.note_down(LAST, **note)
    out = program("show", "2611.00200").out

    for said in (
        "version 2",
        "submitted   2026-11-18",
        "licence     https://licence.example.org/",
        "it came after",
        "could not be had so far",
    ):
        assert said in out


def test_a_corrected_paper(program: Program) -> None:
    """A correction is told, before and after the page knows it."""
    program("run")
    data = ["--data", str(program.folder / "data")]
    from digest import cli

    cli.main(["correct", "2611.00200", "pose-action", *data])
    before = program("show", "2611.00200")
    program("run", "--again")
    after = program("show", "2611.00200", "--json").json

    assert "Corrected by you to pose-action" in before.out
    assert (after["editions"][0]["corrected"], after["correction"]["topic"]) == (True, "pose-action")


def test_answers_and_pages_that_are_gone(program: Program) -> None:
    """What is not kept any more is said; when an answer came in stays known."""
    program("run")
    shutil.rmtree(program.folder / "data" / "answers")
    program.page(LAST).unlink()
    out = program("show", "2611.00200").out

    assert "fetched     2026-11-20T06:00:00+00:00" in out
    assert "(the page is not there)" in out
    program.forget(LAST)
    (program.folder / "data" / "cvdigest.db").unlink()
    program.page(LAST).write_text("", "utf-8")
    assert "the answer is not kept" in program("show", "2611.00200").out


def test_without_a_model(program: Program) -> None:
    """A paper that no model has seen says so."""
    program("run", "--model", str(program.folder / "nowhere"))

    assert "classified  not at all" in program("show", "2611.00200").out


def test_an_unknown_paper(fortnight: Program) -> None:
    """It says where it looked, with status 1."""
    done = fortnight("show", "2611.99999")
    none = fortnight("show", "2611.99999", "--category", "cs.LG")

    assert (done.status, done.out) == (1, "")
    assert f"no edition below {fortnight.folder / 'out'} lists 2611.99999 (10 looked at, 2026-11-09 to 2026-11-20)" in done.err
    assert "no edition of cs.LG below" in none.err


@pytest.mark.parametrize("name", ["paper", "2611.1", "../../etc"])
def test_what_is_no_identifier(program: Program, name: str) -> None:
    """It is wrong use."""
    done = program("show", name)

    assert (done.status, "is no arXiv identifier" in done.err) == (2, True)


def test_the_sample(program: Program) -> None:
    """Papers of the sample are found, and said to be invented."""
    program("run", "--sample")
    edition = next((program.folder / "out" / "sample").rglob("*.json"))
    name = json.loads(edition.read_text("utf-8"))["entries"][0]["id"]

    assert "whose papers are invented" in program("show", name).out


def test_a_damaged_edition(fortnight: Program) -> None:
    """An edition that cannot be used is named and passed over."""
    path = fortnight.page(LAST).with_suffix(".json")
    path.write_text('"2611.00091" {', "utf-8")
    fortnight.forget(LAST)
    done = fortnight("show", "2611.00091")

    assert (done.status, f"{path} is passed over" in done.err) == (0, True)


@pytest.mark.slow
def test_a_year_of_editions(program: Program) -> None:
    """A paper among two hundred and fifty days of a hundred papers is found in less than two seconds of work."""
    program("run")
    text = program.page(LAST).with_suffix(".json").read_text("utf-8")
    edition = json.loads(text)
    entry = {**edition["entries"][0], "abstract": "word " * 300}
    folder = program.folder / "out" / "2025"
    folder.mkdir()
    for number in range(250):
        day = date.fromordinal(date(2025, 1, 1).toordinal() + number)
        entries = [{**entry, "id": f"25{number // 25 + 1:02}.{number % 25 * 100 + index:05}"} for index in range(100)]
        (folder / f"{day}-cs.CV.json").write_text(json.dumps({**edition, "date": str(day), "entries": entries}), "utf-8")
        (folder / f"{day}-cs.CV.md").write_text("### 1.A Title\n", "utf-8")
    began = time.process_time()
    done = program("show", "2505.01234", "--json")

    assert time.process_time() - began < 2
    assert done.json["editions"][0]["date"] == "2025-04-23"


@pytest.mark.parametrize(
    ("role", "seconds", "expected"),
    [
        ("leader", 20, "leads, last look 2026-11-20 05:50 UTC, next look 2026-11-20 07:00 UTC, open: 2026-11-20"),
        ("standby", 20, "stands by, last look 2026-11-20 05:50 UTC"),
        ("leader", 300, "silent since 2026-11-20 05:55 UTC"),
        ("stopped", 300, "ended 2026-11-20 05:55 UTC"),
    ],
)
def test_the_daemon(program: Program, role: str, seconds: int, expected: str) -> None:
    """What the daemon is about is told first, from its sign of life; that of another category is left out."""
    now = datetime(2026, 11, 20, 6, tzinfo=UTC)
    looks: dict[str, Any] = {"last_run": now - timedelta(minutes=10), "next_poll": now + timedelta(hours=1) if role == "leader" else None}
    waits = ((LAST, "still publishing"),) if role == "leader" else ()
    (program.folder / "data").mkdir()
    beat = Heartbeat("cs.CV", role, now - timedelta(seconds=seconds), **looks, open=waits, pid=77, host="there")
    heartbeat.write(program.folder / "data", beat)

    assert program("status").out.splitlines()[0].startswith(f"daemon: process 77 on there, {expected}")
    assert program("status", "--json").json["daemon"]["alive"] == (seconds == 20)
    assert program("status", "--json", "--category", "cs.RO").json["daemon"] is None
