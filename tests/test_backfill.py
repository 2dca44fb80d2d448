"""A range of dates is made, the oldest first, each asked for once; and what comes later is told."""

import dataclasses
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import termios
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from digest import resources
from digest.app import App
from digest.core.domain import Announcement, Check, Entry, Kind, Paper, Provenance, State
from digest.days import Work
from digest.errors import IncompleteError
from digest.ledger import Note
from digest.settings import Settings
from tests import pages, servers, weeks
from tests.pages import Fake
from tests.weeks import ANNOUNCED, FIRST, LAST, WITHOUT, Program, address

RANGE = ("--from", "2026-11-09", "--to", "2026-11-20")
ALL = [address(day) for day in sorted((*ANNOUNCED, *WITHOUT))]


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


def test_two_weeks(program: Program, arxiv: servers.Arxiv) -> None:
    """Each date is asked for once, the oldest first; weekends are not; every date gets its page and its line."""
    done = program("backfill", *RANGE)
    lines = done.out.splitlines()

    assert (done.status, arxiv.asked) == (0, ALL)
    assert [day for day in ANNOUNCED if not program.page(day).is_file()] == []
    assert not program.page(WITHOUT[0]).exists()
    assert [line[:10] for line in lines[:-1]] == [str(FIRST + timedelta(days=days)) for days in range(12)]
    assert lines[0] == "2026-11-09 published: 4 announced, 3 listed; from catchup"
    assert lines[5] == "2026-11-14 none: it is a weekend"
    assert "no updates" in lines[7]
    assert lines[-1] == "12 dates: 8 published, 4 none; 32 papers announced"
    assert "\x1b" not in done.out + done.err


def test_the_same_as_day_by_day(program: Program, tmp_path: Path) -> None:
    """A backfill leaves the same pages as a run for each of its dates."""
    program("backfill", *RANGE)
    whole = {name: content for name, content in program.files().items() if name.startswith("out")}
    shutil.rmtree(tmp_path / "out")
    for day in ANNOUNCED + WITHOUT:
        program("run", "--date", str(day))

    assert {name: content for name, content in program.files().items() if name.startswith("out")} == whole


def test_again(program: Program, arxiv: servers.Arxiv) -> None:
    """A second backfill of the same range asks nothing and leaves the same bytes."""
    program("backfill", *RANGE)
    before = program.files()
    again = program("backfill", *RANGE, "--json")

    assert (again.status, len(arxiv.asked)) == (0, len(ALL))
    assert program.files() == before
    assert {one["asked"] for one in again.json["dates"]} == {False}
    assert {one["settled"] for one in again.json["dates"]} == {True}


def test_arxiv_goes_away(program: Program, arxiv: servers.Arxiv) -> None:
    """After two dates in a row without an answer it stops with 69; run again, it goes on where it was, each page asked for once."""
    kept = {address(day): arxiv.pages[address(day)] for day in ANNOUNCED[3:]}
    for path in kept:
        arxiv.pages[path] = (503, b"busy", {"Retry-After": "7200"})
    stopped = program("backfill", *RANGE, "--json")
    assert stopped.status == 69
    assert stopped.err.splitlines()[-1].startswith("cvdigest: stopped, and the dates after that are left as they are: ")
    assert [stopped.states[day] for day in (11, 12, 13, 16)] == ["published", "waiting", "waiting", "waiting"]
    assert next(one for one in stopped.json["dates"] if one["date"] == "2026-11-16")["reason"] == "not asked for yet"

    arxiv.pages.update(kept)
    for note in (program.folder / "data").glob("not-before-*"):  # two hours later
        note.unlink()
    asked = len(arxiv.asked)
    done = program("backfill", *RANGE)
    assert (done.status, arxiv.asked[asked:]) == (0, ALL[3:])


@pytest.mark.slow
def test_one_silence_is_no_reason_to_stop(program: Program, arxiv: servers.Arxiv) -> None:
    """A single date that arXiv does not serve waits, and the others are made."""
    arxiv.pages[address(ANNOUNCED[1])] = (500, b"", {})
    done = program("backfill", *RANGE, "--json")

    assert (done.status, done.states[10], done.states[11], done.states[20]) == (75, "waiting", "published", "published")


def test_a_refusal(program: Program, arxiv: servers.Arxiv) -> None:
    """After 403 nobody asks on."""
    arxiv.pages[address(ANNOUNCED[1])] = (403, b"", {})
    done = program("backfill", *RANGE)

    assert (done.status, arxiv.asked) == (69, ALL[:2])
    assert "refuses to serve us" in done.err


def test_a_date_that_fails(program: Program, arxiv: servers.Arxiv) -> None:
    """A page that is none fails its date, with the reason; the others are made, and the status is 1."""
    arxiv.pages[address(ANNOUNCED[2])] = b"<html><h1>Sorry</h1></html>"
    done = program("backfill", *RANGE)
    found = next(line for line in done.out.splitlines() if line.startswith("2026-11-11"))

    assert (done.status, [path for path in arxiv.asked if path in ALL]) == (1, ALL)
    assert found.startswith("2026-11-11 failed: ")
    assert "not a listing page" in found


def test_a_date_that_waits(program: Program, arxiv: servers.Arxiv) -> None:
    """A page that is cut waits; the next backfill asks for this date alone."""
    whole = arxiv.pages[address(LAST)]
    assert isinstance(whole, bytes)
    arxiv.pages[address(LAST)] = whole[:-400]
    first = program("backfill", *RANGE, "--json")
    arxiv.pages[address(LAST)] = whole
    second = program("backfill", *RANGE, "--json")

    assert (first.status, first.states[20]) == (75, "waiting")
    assert (second.status, second.states[20], second.json["dates"][-1]["attempts"]) == (0, "published", 2)
    assert [path for path in arxiv.asked if path in ALL] == [*ALL, address(LAST)]


def test_a_coming_date(program: Program, arxiv: servers.Arxiv) -> None:
    """A date that is not announced yet is not asked for, and the line says when it comes."""
    done = program("backfill", "--from", "2026-11-20", "--to", "2026-11-23")

    assert (done.status, arxiv.asked) == (75, [address(LAST)])
    assert "2026-11-23 waiting: arXiv announces it on 2026-11-23 at 01:00 UTC" in done.out


def test_the_newest_by_default(program: Program, arxiv: servers.Arxiv) -> None:
    """Without --to the range ends with the newest announcement."""
    done = program("backfill", "--from", "2026-11-18")

    assert (done.status, arxiv.asked) == (0, ALL[-3:])


@pytest.mark.slow
def test_a_page_that_was_removed(program: Program, arxiv: servers.Arxiv) -> None:
    """It is made again from what is kept, without asking arXiv."""
    program("backfill", *RANGE)
    content = program.page(ANNOUNCED[0]).read_bytes()
    program.page(ANNOUNCED[0]).unlink()
    done = program("backfill", *RANGE)

    assert (done.status, len(arxiv.asked), program.page(ANNOUNCED[0]).read_bytes()) == (0, len(ALL), content)


def test_an_interrupted_backfill(program: Program, arxiv: servers.Arxiv) -> None:
    """A page that cannot be written stops it with 1; what is made stays, and it goes on when it can."""
    (program.folder / "out" / "2026" / "2026-11-11-cs.CV.md").mkdir(parents=True)
    stopped = program("backfill", *RANGE)
    assert (stopped.status, arxiv.asked) == (1, ALL[:3])
    assert "cannot be written" in stopped.err
    assert program.page(ANNOUNCED[1]).is_file()

    program.page(ANNOUNCED[2]).rmdir()
    assert program("backfill", *RANGE).status == 0
    assert arxiv.asked == ALL


@pytest.mark.slow
def test_ctrl_c(program: Program, arxiv: servers.Arxiv) -> None:
    """An interrupt ends it with 130; what is done stays done, and the next backfill asks for the rest alone."""
    reached, free = threading.Event(), threading.Event()
    whole = arxiv.pages[address(ANNOUNCED[2])]

    def held() -> servers.Answer:
        reached.set()
        free.wait(30)
        return 404, b"", {}

    arxiv.pages[address(ANNOUNCED[2])] = held
    with subprocess.Popen(program.command("backfill", *RANGE), env=program.environment(), stderr=subprocess.PIPE, text=True) as process:
        assert reached.wait(30)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)[1]
    free.set()
    arxiv.pages[address(ANNOUNCED[2])] = whole

    assert (process.returncode, said.splitlines()[-1]) == (130, "cvdigest: interrupted; run it again to go on")
    assert (program.page(ANNOUNCED[1]).is_file(), program.noted(ANNOUNCED[2])) == (True, {})
    assert program("backfill", *RANGE).status == 0
    assert arxiv.asked == [*ALL[:3], *ALL[2:]]


# -- what is said ----------------------------------------------------------------------------------------------------------


def test_progress(program: Program) -> None:
    """Plain lines say how far it is; --quiet says nothing at all."""
    assert "· 10 of 10; 2026-11-20 published: 4 announced, 3 listed; from listing" in program("backfill", *RANGE).err.splitlines()
    quiet = program("backfill", *RANGE, "--quiet")

    assert (quiet.status, quiet.out, quiet.err) == (0, "", "")


@pytest.mark.slow
def test_on_a_terminal(program: Program) -> None:
    """A bar shows how far it is and how long it will take; the summary is a table that fits into the terminal."""
    said, shown = pty.openpty(), pty.openpty()
    for _, end in (said, shown):
        termios.tcsetwinsize(end, (24, 100))
    environment = {**program.environment(), "TERM": "xterm", "COLUMNS": "60"}
    with subprocess.Popen(program.command("backfill", *RANGE), env=environment, stdout=shown[1], stderr=said[1]) as process:
        texts = [b"", b""]
        open_ends = {said[0]: 0, shown[0]: 1}
        os.close(said[1])
        os.close(shown[1])
        while open_ends:
            for end in select.select(list(open_ends), [], [], 60)[0]:
                try:
                    piece = os.read(end, 65536)
                except OSError:  # the other side has closed it
                    piece = b""
                texts[open_ends[end]] += piece
                if not piece:
                    del open_ends[end]
                    os.close(end)
    bar, table = (text.decode() for text in texts)
    lines = table.splitlines()

    assert process.returncode == 0
    assert re.search(r"1/10 \[\d\d:\d\d<\d\d:\d\d", bar)
    assert "10/10" in bar
    assert "asking" not in bar.rpartition("\r")[2]
    assert lines[0].split() == ["Date", "State", "Papers", "About"]
    assert lines[1].startswith("Mon 2026-11-09  published       4  4 announced, 3 listed")
    assert max(map(len, lines)) == 60


def test_json(program: Program) -> None:
    """--json prints the summary and nothing else."""
    told = program("backfill", *RANGE, "--json").json

    assert (told["category"], told["from"], told["to"]) == ("cs.CV", "2026-11-09", "2026-11-20")
    assert told["totals"] == {"published": 8, "none": 4, "waiting": 0, "failed": 0, "entries": 32}
    assert told["dates"][0]["page"].endswith("2026-11-09-cs.CV.md")


def test_a_dry_run(program: Program, arxiv: servers.Arxiv) -> None:
    """It tells what it would ask, how often and how long that takes; it asks nobody and writes nothing."""
    done = program("backfill", *RANGE, "--dry-run", "--pace", "15")

    assert (done.status, arxiv.asked, program.files()) == (0, [], {})
    assert [line.rpartition(arxiv.url)[2] for line in done.out.splitlines() if "would ask" in line] == ALL
    assert done.out.splitlines()[-1] == "10 of 12 dates to make, 10 requests or more, at least 2 min at this pace"


def test_a_dry_run_afterwards(program: Program) -> None:
    """What is settled is not asked for."""
    program("backfill", "--from", "2026-11-09", "--to", "2026-11-13")
    before = program.files()
    told = program("backfill", *RANGE, "--dry-run", "--json").json

    assert [one["date"] for one in told["dates"] if one["asked"]] == ["2026-11-16", "2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20"]
    assert (told["requests"], program.files()) == (5, before)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--from", "2026-11-20", "--to", "2026-11-09"), "--from: 2026-11-20 is after 2026-11-09"),
        (("--from", "2026-11-23"), "--from: 2026-11-23 is after 2026-11-20, the newest date"),
        (("--from", "20261109"), "--from: '20261109' is no date"),
        (("--from", "2026-11-09", "--to", "soon"), "--to: 'soon' is no date"),
        (("--from", "2010-01-01"), "more than ten years"),
        (("--from", "1991-01-01", "--to", "1992-01-01"), "before arXiv's first announcement"),
        (("--from", "2026-11-20", "--source", "file:page.html"), "a file holds one date"),
    ],
)
def test_wrong_use(program: Program, arxiv: servers.Arxiv, arguments: tuple[str, ...], said: str) -> None:
    """A range that is none is said in one line, with status 2, before anybody is asked."""
    done = program("backfill", *arguments)

    assert (done.status, done.out, arxiv.asked) == (2, "", [])
    assert said in done.err


def test_a_category_that_arxiv_does_not_know(program: Program, arxiv: servers.Arxiv) -> None:
    """Wrong use ends it at once, and is noted of no date."""
    arxiv.other = lambda _path: (400, b"<html><h1>Invalid archive or category: cs.XX</h1></html>", {})
    done = program("backfill", *RANGE, "--category", "cs.XX")

    assert (done.status, len(arxiv.asked)) == (2, 1)
    assert not (program.folder / "data" / "days").exists()


# -- while arXiv publishes -------------------------------------------------------------------------------------------------


def test_late_papers(program: Program, arxiv: servers.Arxiv) -> None:
    """A page that was read too early is read again; what came later is named, and remembered by every run that follows."""
    early = weeks.fakes(LAST)
    arxiv.pages[address(LAST)] = weeks.page(LAST, early[:2])
    program.now = "2026-11-20T01:10Z"
    first = program("backfill", "--from", "2026-11-20", "--json")
    assert (first.status, first.json["dates"][0]["provisional"], first.states) == (75, True, {20: "published"})
    assert first.json["dates"][0]["asked_again_after"] == "2026-11-20T02:30:00+00:00"

    program.now = "2026-11-20T01:40Z"
    arxiv.pages[address(LAST)] = weeks.page(LAST, early[:3])
    assert "1 paper of 2026-11-20 came later: 2611.00202" in program("run").err

    program.now = weeks.NOW
    more = Fake("2611.00299", "Last of All")
    arxiv.pages[address(LAST)] = weeks.page(LAST, [*early, more])
    last = program("backfill", "--from", "2026-11-20", "--json")
    note = last.json["dates"][0]

    assert "2 papers of 2026-11-20 came later: 2611.00299, 2610.00200" in last.err
    assert (last.status, note["provisional"], note["late"], note["asked_again_after"]) == (
        0,
        False,
        ["2611.00202", "2611.00299", "2610.00200"],
        None,
    )
    assert "Last of All" in program.page(LAST).read_text("utf-8")


def test_papers_that_have_gone(program: Program, arxiv: servers.Arxiv) -> None:
    """A paper that is not announced any more is named."""
    program.now = "2026-11-20T01:10Z"
    program("run")
    arxiv.pages[address(LAST)] = weeks.page(LAST, weeks.fakes(LAST)[:2])
    program.now = weeks.NOW
    done = program("run")

    assert "1 paper of 2026-11-20 is not announced any more: 2611.00202" in done.err


def test_another_choice_of_kinds_is_no_late_paper(program: Program) -> None:
    """Papers of a kind that the page did not list before have not come later."""
    program("run", "--include", "new")
    done = program("run", "--include", "new,cross,replaced", "--again")

    assert "came later" not in done.err
    assert program.noted(LAST)["late"] == []


@pytest.mark.slow
def test_a_published_date_stays_so(program: Program, arxiv: servers.Arxiv) -> None:
    """When a page that is there cannot be renewed, the date is published all the same, and the reason is told."""
    program.now = "2026-11-20T01:10Z"
    program("run")
    arxiv.pages[address(LAST)] = (500, b"", {})
    done = program("backfill", "--from", "2026-11-20")

    assert done.status == 75
    assert done.out.startswith("2026-11-20 published: 4 announced, 3 listed; from listing; provisional")
    assert "the last attempt failed: arXiv answered 500" in done.out


@dataclasses.dataclass(frozen=True)
class Tried:
    """What becomes of announcements that no page of arXiv gives."""

    program: Program
    said: list[str]

    def __call__(self, announcement: Announcement, hour: int = 6) -> Note:
        """Make it, and return what is known of its date then."""
        out, data = self.program.folder / "out", self.program.folder / "data"
        now = datetime(2026, 11, 20, hour, tzinfo=UTC)
        settings = Settings(out=out, data=data, model=out)
        with App(settings, now, lambda _line: None, self.said.append) as app:
            days, daily = app.days(), app._daily()
            work = Work(
                lambda *, opinions: announcement,  # noqa: ARG005 - it has none
                lambda found: daily.draft(found, layout=settings.layout, include=settings.include),
                list,
                app._editions(daily),
                lambda _line: None,
            )
            days.run(announcement.date, now, work, again=True)
            return days.known(announcement.date, now)


@pytest.fixture
def tried(program: Program) -> Tried:
    """Return the program without a model."""
    return Tried(program, [])


def announced(*names: str, **more: Any) -> Announcement:
    """Return an announcement of papers by their identifiers."""
    entries = tuple(Entry(Paper(name, "A Title", "Text.", ("Ada Example",), ("cs.CV",)), Kind.NEW) for name in names)
    return Announcement("cs.CV", ANNOUNCED[0], entries, Provenance("catchup"), **more)


def test_what_is_worked_out_does_not_replace_a_stated_none(tried: Tried) -> None:
    """Where arXiv stated that there is no announcement, a reconstruction changes nothing."""
    tried(announced(reason="arXiv announced no updates"))
    with pytest.raises(IncompleteError, match="there is none, is kept"):
        tried(announced("2611.00001", reconstructed=True))

    assert tried.program.noted(ANNOUNCED[0])["state"] == "none"


def test_what_other_services_say(tried: Tried) -> None:
    """A disagreement is noted, an agreement is not; so is what was reconstructed."""
    checks = (Check("feed", agrees=False, says="it lacks 2611.00001"), Check("api", agrees=True, says="it has all"))
    note = tried(announced("2611.00001", checks=checks, reconstructed=True))

    assert (note.disagreements, note.reconstructed) == (("feed: it lacks 2611.00001",), True)


def test_a_paper_without_its_abstract(tried: Tried, program: Program, arxiv: servers.Arxiv) -> None:
    """A date with such a paper is asked for again until the abstract is there."""
    whole = announced("2611.00001", "2611.00002")
    first = whole.entries[0]
    lacking = dataclasses.replace(first, paper=dataclasses.replace(first.paper, pending=True))
    note = tried(dataclasses.replace(whole, entries=(lacking, whole.entries[1])))
    assert (note.state, note.pending) == (State.PUBLISHED, ("2611.00001",))

    done = program("backfill", "--from", "2026-11-09", "--to", "2026-11-09", "--json")
    assert (done.status, done.json["dates"][0]["pending"], arxiv.asked) == (0, [], [address(ANNOUNCED[0])])


def test_what_a_reconstruction_did_not_find(tried: Tried) -> None:
    """A paper that the reconstruction lacked did not come later: arXiv had announced it; but it is named."""
    tried(announced("2611.00001", reconstructed=True))
    note = tried(announced("2611.00001", "2611.00002"))

    assert (note.late, note.reconstructed) == ((), False)
    assert "1 paper of 2026-11-09 was not known before: 2611.00002" in tried.said


def test_many_late_papers(tried: Tried) -> None:
    """A warning names ten of them; the note keeps them all."""
    tried(announced("2611.00001"))
    note = tried(announced(*(f"2611.{number:05}" for number in range(1, 14))))

    assert len(note.late) == 12
    assert [line.count("2611.") for line in tried.said if "12 papers of 2026-11-09 came later" in line] == [10]


def test_a_date_without_an_announcement_stays_so(program: Program, arxiv: servers.Arxiv) -> None:
    """A later attempt that fails does not take arXiv's word away."""
    program("run", "--date", str(WITHOUT[0]))
    shutil.rmtree(program.folder / "data" / "answers")
    arxiv.pages[address(WITHOUT[0])] = (404, b"", {})
    failed = program("run", "--again", "--date", str(WITHOUT[0]))
    note = program.noted(WITHOUT[0])

    assert (failed.status, note["state"], note["attempts"]) == (1, "none", 2)
    assert "no updates" in note["reason"]


RECONSTRUCTED = Note("cs.CV", FIRST, State.PUBLISHED, service="oai", reconstructed=True, attempts=1)


@pytest.mark.parametrize(
    ("note", "days", "source", "settled"),
    [
        (RECONSTRUCTED, 10, "auto", False),
        (RECONSTRUCTED, 89, "auto", False),
        (RECONSTRUCTED, 91, "auto", False),  # in Ithaca it is the ninetieth day
        (RECONSTRUCTED, 92, "auto", True),
        (RECONSTRUCTED, 10, "oai", True),
        (dataclasses.replace(RECONSTRUCTED, state=State.NONE), 10, "auto", False),
        (dataclasses.replace(RECONSTRUCTED, state=State.NONE), 92, "auto", True),
        (dataclasses.replace(RECONSTRUCTED, service="feed", reconstructed=False), 10, "auto", False),
        (dataclasses.replace(RECONSTRUCTED, service="catchup+recent", reconstructed=False), 10, "auto", False),
        (dataclasses.replace(RECONSTRUCTED, service="catchup", reconstructed=False), 10, "auto", True),
        (dataclasses.replace(RECONSTRUCTED, service="catchup", reconstructed=False, state=State.NONE), 10, "auto", True),
        (dataclasses.replace(RECONSTRUCTED, reason="no"), 91, "auto", False),
    ],
)
def test_what_is_settled(tmp_path: Path, note: Note, days: int, source: str, *, settled: bool) -> None:
    """What was worked out is not settled while arXiv states it somewhere, unless its service was named."""
    now = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC) + timedelta(days=days)
    app = App(Settings(out=tmp_path, data=tmp_path, source=source), now, lambda _line: None, lambda _line: None)

    assert app.days().settled(note, now) == settled


# -- what is kept ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_pages_from_before_there_was_a_database(program: Program, arxiv: servers.Arxiv) -> None:
    """They are noted without asking arXiv again."""
    program("backfill", *RANGE)
    (program.folder / "data" / "cvdigest.db").unlink()
    done = program("backfill", *RANGE, "--json")

    assert (done.status, len(arxiv.asked)) == (0, len(ALL))
    assert {one["attempts"] for one in done.json["dates"] if one["state"] == "published"} == {1}


def test_a_page_from_before_there_were_notes_that_cannot_be_renewed(program: Program, arxiv: servers.Arxiv) -> None:
    """It is published, and stays to be asked for."""
    program("run")
    shutil.rmtree(program.folder / "data")
    arxiv.pages[address(LAST)] = (404, b"", {})
    failed = program("run")
    known = program("status", "--from", str(LAST), "--json").json["dates"][0]

    assert (failed.status, known["state"], known["settled"], known["attempts"]) == (1, "published", False, 1)


def test_a_database_that_cannot_be_made(program: Program) -> None:
    """It is an error that names it, before anybody is asked."""
    (program.folder / "data").write_text("in the way", "utf-8")
    done = program("run")

    assert (done.status, program.page(LAST).exists()) == (1, False)
    assert "cannot be opened" in done.err
    assert "--database" in done.err


def test_what_is_no_outcome_of_a_date(program: Program, tmp_path: Path) -> None:
    """The sample, and a file that cannot be used, say nothing about a date."""
    (tmp_path / "page.html").write_bytes(weeks.page(LAST)[:-400])
    statuses = [program("run", "--sample").status, program("run", "--source", f"file:{tmp_path / 'page.html'}").status]

    assert statuses == [0, 75]
    assert not (program.folder / "data" / "days").exists()


def test_a_file_that_is_published(program: Program, tmp_path: Path) -> None:
    """The page of a file is noted as any other."""
    (tmp_path / "page.html").write_bytes(weeks.page(ANNOUNCED[0]))
    program("run", "--source", f"file:{tmp_path / 'page.html'}")
    note = program.noted(ANNOUNCED[0])

    assert (note["state"], note["service"], note["entries"]) == ("published", "file", 4)


def test_the_newest_that_fails(program: Program, arxiv: servers.Arxiv) -> None:
    """Without a date, what fails is noted of the date that is due."""
    arxiv.pages[address(LAST)] = b"<html><h1>Sorry</h1></html>"
    program("run")

    assert program.noted(LAST)["state"] == "failed"


def test_the_model_is_read_once(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """For many dates the model is loaded once: a folder that is removed meanwhile does no harm."""
    shutil.copytree(resources.folder("models") / "default", tmp_path / "model")
    settings = Settings(out=tmp_path / "out", data=tmp_path / "data", model=tmp_path / "model", arxiv_url=arxiv.url)
    app = App(settings, datetime(2026, 11, 20, 6, tzinfo=UTC), lambda _line: None, lambda _line: None)
    app.run(ANNOUNCED[0])
    shutil.rmtree(tmp_path / "model")
    made = dataclasses.replace(app, now=datetime(2026, 11, 20, 7, tzinfo=UTC)).run(ANNOUNCED[1])

    assert made.edition.model is not None


def test_the_newest_paper_is_an_older_one(program: Program, arxiv: servers.Arxiv) -> None:
    """That no paper is newer than the last edition's is told by every run, whether the page comes from arXiv or is kept."""
    arxiv.pages[address(ANNOUNCED[6])] = weeks.page(ANNOUNCED[6], [*weeks.fakes(ANNOUNCED[6]), Fake("2611.09999")])
    assert program("run", "--date", str(ANNOUNCED[6])).status == 0
    told = "the newest paper, 2611.00201, does not come after that of the last edition, 2611.09999"
    first, files = program("run"), {name: body for name, body in program.files().items() if name.startswith("out")}
    assert (first.status, told in first.err) == (0, True)
    assert f"**Disagreement**: {told}" in program.page(LAST).read_text("utf-8")

    asked = len(arxiv.asked)
    again = program("run", "--again")
    assert (again.status, told in again.err, len(arxiv.asked)) == (0, True, asked)
    assert {name: body for name, body in program.files().items() if name.startswith("out")} == files


def test_two_runs_at_once(arxiv: servers.Arxiv, tmp_path: Path) -> None:
    """The second of two runs of one category waits for the first, and asks nothing again."""
    began, waits = threading.Event(), threading.Event()

    def page() -> servers.Answer:
        began.set()
        waits.wait(5)
        return 200, weeks.page(LAST), {}

    arxiv.pages[address(LAST)] = page
    now = datetime(2026, 11, 20, 6, tzinfo=UTC)

    def say(line: str) -> None:
        if "another run of this category is at work" in line:
            waits.set()

    settings = Settings(out=tmp_path / "out", data=tmp_path / "data", model=tmp_path, arxiv_url=arxiv.url, second_opinion=False)
    first = threading.Thread(target=lambda: App(settings, now, lambda _line: None, lambda _line: None).run(LAST))
    first.start()
    assert began.wait(5)
    made = App(settings, now, say, lambda _line: None).run(LAST)
    first.join()

    assert waits.is_set()
    assert len(made.announcement.entries) == len(weeks.fakes(LAST))
    assert arxiv.asked == [address(LAST)]


def test_another_category(program: Program, arxiv: servers.Arxiv) -> None:
    """Each category has notes of its own."""
    day = date(2026, 11, 20)
    arxiv.pages["/list/cs.RO/new"] = pages.new([Fake("2611.00001", categories=("cs.RO",))], day, category="cs.RO")
    program("backfill", "--from", "2026-11-20")
    program("backfill", "--from", "2026-11-20", "--category", "cs.RO")

    assert arxiv.asked == [address(LAST), "/list/cs.RO/new"]
    assert [program.noted(day, category)["entries"] for category in ("cs.CV", "cs.RO")] == [4, 1]
