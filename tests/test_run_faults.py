"""What a machine can do to the program: each fault ends in one clear line, leaves what was there, and is over with the next run.

The numbers are those of the faults in the design, 36 to 59. Those that are elsewhere: 33 to 36, 39 and 40 in `tests.test_scheduling`
and `tests.test_due`; 41 to 43, 47 and 48 in `tests.test_crashes`; 45 and 53 to 56 in `tests.test_store_faults` and
`tests.test_upkeep`; 46 in `tests.test_scheduling`. 44 is about letters to readers, which are not sent yet.
"""

import gc
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digest import app, resources
from digest.arxiv.client import Client
from digest.clock import Clock
from digest.errors import ClockError
from digest.polling import Poll, known
from digest.settings import Settings
from digest.store import runs
from tests import pages, rss, servers, weeks
from tests.children import Child, Nursery
from tests.clients import QUICK
from tests.reference import ROOT
from tests.servers import response, sends
from tests.weeks import LAST, Program, fakes
from tests.wholeness import look

pytestmark = pytest.mark.slow

EARLY = "2026-11-20T01:30Z"
"""arXiv is publishing Friday's announcement."""
EVENING = datetime(2026, 11, 20, 6, tzinfo=UTC)
LEAP = date(2028, 2, 29)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
linux = pytest.mark.skipif(sys.platform != "linux", reason="limits and mounts are those of Linux")


def run(nursery: Nursery, program: Program, *arguments: str, does: Mapping[str, Mapping[str, Any]] | None = None) -> Child:
    """Run the program in a process of its own, to its end."""
    return nursery.run(["run", *program.options("run"), *arguments], does=does)


def check_clean(failed: Child, *statuses: int) -> None:
    """Assert that a run ended with one of *statuses* or 0, and that an error is one line, the last one."""
    assert failed.wait() in (0, *statuses), failed.err
    assert "Traceback" not in failed.err
    if failed.wait():
        lines = failed.err.splitlines()
        assert [line for line in lines if line.startswith("cvdigest: ")] == lines[-1:]


def check_recovers(nursery: Nursery, program: Program, number: int = 1) -> None:
    """Assert that the next run makes what the last one could not."""
    done = run(nursery, program)
    assert done.wait() == 0, done.err
    assert look(program, LAST, number=number) == []


def renewed(program: Program, nursery: Nursery, arxiv: servers.Arxiv) -> dict[Path, bytes]:
    """Make a first edition while arXiv is publishing, so that the next run makes another one; return its files."""
    whole = arxiv.pages[weeks.address(LAST)]
    arxiv.pages[weeks.address(LAST)] = weeks.page(LAST, fakes(LAST)[:2])
    program.now = EARLY
    assert run(nursery, program).wait() == 0
    program.now = weeks.NOW
    arxiv.pages[weeks.address(LAST)] = whole
    page = program.page(LAST)
    return {path: path.read_bytes() for path in (page, page.with_suffix(".json"), program.folder / "out" / "README.md")}


def check_kept(before: dict[Path, bytes]) -> None:
    """Assert that each file is the one of the edition before, or a whole one of the new edition."""
    for path, content in before.items():
        found = path.read_bytes()
        if found != content:
            assert len(found) > len(content) / 2
            assert path.suffix != ".json" or json.loads(found)["edition"] == 2
            assert path.suffix != ".md" or found.endswith(b"\n")


# -- 37, 38: clocks and dates ---------------------------------------------------------------------------------------------


def machine(program: Program, now: datetime) -> app.App:
    """Return the program on a machine whose clock shows *now*."""
    settings = Settings(out=program.folder / "out", data=program.folder / "data", arxiv_url=program.url, second_opinion=False)
    return app.App(settings, now, lambda _line: None, lambda _line: None)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (EVENING - DAY, "shows 2026-11-19 06:00 UTC, but the last digest was made at 2026-11-20 06:00 UTC"),
        pytest.param(EVENING - timedelta(minutes=11), "shows 2026-11-20 05:49 UTC", marks=pytest.mark.slow),
        pytest.param(datetime(1970, 1, 1, 0, 2, tzinfo=UTC), "shows 1970-01-01 00:02 UTC", marks=pytest.mark.slow),
    ],
)
def test_37_a_clock_that_was_set_back(program: Program, arxiv: servers.Arxiv, now: datetime, said: str) -> None:
    """By a clock that is earlier than the last digest nothing is made, asked or noted; a few minutes are no matter."""
    with machine(program, EVENING) as before:
        before.run(None)
    files, asked = program.files(), list(arxiv.asked)
    with machine(program, now) as wrong, pytest.raises(ClockError, match=re.escape(said)):
        wrong.run(None)

    assert arxiv.asked == asked
    assert {path: content for path, content in program.files().items() if "cvdigest.db" not in path} == {
        path: content for path, content in files.items() if "cvdigest.db" not in path
    }
    with machine(program, EVENING - timedelta(minutes=9)) as right:
        assert right.run(None).edition.number == 1
        with right.database().read() as connection:
            assert [one.began for one in runs.last(connection, most=9)] == [EVENING - timedelta(minutes=9), EVENING]


def test_37_a_new_machine_in_1970(program: Program, arxiv: servers.Arxiv) -> None:
    """A machine without a battery, on its first start: its clock cannot be right."""
    with machine(program, datetime(1970, 1, 1, 0, 2, tzinfo=UTC)) as wrong, pytest.raises(ClockError, match="younger than that"):
        wrong.run(None)

    assert arxiv.asked == []


@pytest.mark.slow
def test_37_an_instant_of_ones_own(program: Program, nursery: Nursery) -> None:
    """With --now any instant may follow any other, and none of them counts for the machine's clock."""
    program.now = "2026-11-20T20:00Z"
    assert run(nursery, program).wait() == 0
    with machine(program, EVENING) as real:
        assert real.run(date(2026, 11, 18)).edition.number == 1
    program.now = "2026-11-19T06:00Z"
    assert run(nursery, program, "--date", "2026-11-17").wait() == 0


@pytest.mark.parametrize(
    ("ours", "headers", "said"),
    [
        (timedelta(minutes=59), (), ""),
        pytest.param(-timedelta(minutes=59), (), "", marks=pytest.mark.slow),
        (365 * DAY, (), "365 days, 0:00:00 ahead of arXiv's, which says 2026-11-20 06:00 UTC"),
        (-timedelta(minutes=61), (), "1:01:00 behind arXiv's"),
        pytest.param(-timedelta(minutes=61), ("Age: 7200",), "1:01:00 behind arXiv's", marks=pytest.mark.slow),
        (2 * HOUR, ("Age: 7200",), ""),
        pytest.param(365 * DAY, ("Age: 999999999999",), "365 days", marks=pytest.mark.slow),
        pytest.param(2 * HOUR, ("Age: -1",), "2:00:00 ahead", marks=pytest.mark.slow),
        pytest.param(365 * DAY, None, "", marks=pytest.mark.slow),
        (365 * DAY, ("Date: soon",), ""),
    ],
)
def test_37_a_clock_that_is_not_arxivs(tmp_path: Path, ours: timedelta, headers: tuple[str, ...] | None, said: str) -> None:
    """A clock that is an hour from the one that arXiv states is wrong; a copy out of a cache may be older."""
    dated = () if headers is None or "Date: soon" in headers else (f"Date: {format_datetime(EVENING, usegmt=True)}",)
    with servers.raw(sends(response(b"whole", headers=(*dated, *(headers or ()))))) as server:
        client = Client(0, tmp_path, loopback=True, limits=QUICK, clock=(EVENING + ours).timestamp, dated=True)
        if said:
            with pytest.raises(ClockError, match=re.escape(said)):
                client.get(server.url)
        else:
            assert client.get(server.url).body == b"whole"


MOMENTS = "Tue, 19 Jan 2038 03:14:08 +0000", "Thu, 01 Jan 1970 00:00:00 GMT", "Sat, 31 Dec 2016 23:59:60 GMT", "Mon, 30 Feb 2026 99:00:00"


@pytest.mark.slow
@pytest.mark.parametrize("moment", [MOMENTS[0], *(pytest.param(moment, marks=pytest.mark.slow) for moment in MOMENTS[1:])])
def test_38_items_of_any_time(program: Program, arxiv: servers.Arxiv, nursery: Nursery, moment: str) -> None:
    """The date of an edition is that of the announcement; a feed whose items say otherwise is not believed, and not another date."""
    feed = rss.rss(fakes(LAST), LAST).decode()
    items = feed.index("<item>")
    feed = feed[:items] + re.sub("<pubDate>.*?</pubDate>", f"<pubDate>{moment}</pubDate>", feed[items:])
    assert moment in feed
    arxiv.pages["/rss/cs.CV"] = feed.encode()
    alone = run(nursery, program, "--source", "feed")
    made = [path.name for path in (program.folder / "out").rglob("*.md") if path.name != "README.md"]
    done = run(nursery, program, "--second-opinion", "yes", "--json")

    assert (alone.wait(), made) in ((75, []), (0, [program.page(LAST).name])), alone.err
    assert done.wait() == 0, done.err
    found = json.loads(done.out)
    assert (found["date"], len(found["entries"])) == (str(LAST), 3)
    assert look(program, LAST, number=found["edition"]) == []


def test_38_the_29th_of_february(program: Program, arxiv: servers.Arxiv, nursery: Nursery) -> None:
    """A leap day has its edition, and the index has it between its neighbours."""
    days = [LEAP - DAY, LEAP, LEAP + DAY]
    for day in days:
        arxiv.pages["/list/cs.CV/new"] = pages.new(fakes(day), day)
        program.now = f"{day}T06:00Z"
        assert run(nursery, program).wait() == 0
        assert look(program, day) == []

    index = (program.folder / "out" / "README.md").read_text("utf-8")
    assert re.findall(r"\(2028/(\S+)-cs\.CV\.md\)", index) == [str(day) for day in reversed(days)]


# -- 49 to 52: disks and outputs ------------------------------------------------------------------------------------------


@contextmanager
def disk(folder: Path, size: str) -> Iterator[None]:
    """Put a small disk in the place of *folder*; where the machine does not allow that, the test is skipped."""
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@linux
@pytest.mark.slow
@pytest.mark.parametrize("size", ["64k", "128k", "192k", "256k", "384k", "512k", "768k", "1m", "2m"])
def test_49_a_small_disk(tmp_path: Path, arxiv: servers.Arxiv, nursery: Nursery, size: str) -> None:
    """On a disk of any size a first run makes all of it, or says in one line what cannot be written; with room it goes on."""
    with disk(tmp_path / "disk", size):
        program = Program(tmp_path / "disk", arxiv.url, lambda: None)
        failed = run(nursery, program)
        check_clean(failed, 1)
        subprocess.run(["mount", "-o", "remount,size=8m", tmp_path / "disk"], check=True)
        check_recovers(nursery, program)


@linux
@pytest.mark.slow
@pytest.mark.parametrize("free", [0, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256])
def test_49_a_disk_that_is_full(tmp_path: Path, arxiv: servers.Arxiv, nursery: Nursery, free: int) -> None:
    """With so many kB left, the old edition stays whole, or the new one is; with room again, the new one is made."""
    with disk(tmp_path / "disk", "8m"):
        program = Program(tmp_path / "disk", arxiv.url, lambda: None)
        before = renewed(program, nursery, arxiv)
        filler = tmp_path / "disk" / "filler"
        left = os.statvfs(tmp_path / "disk")
        filler.write_bytes(bytes(max(left.f_bavail * left.f_bsize - free * 1024, 0)))
        check_clean(run(nursery, program), 1)
        check_kept(before)
        filler.unlink()
        check_recovers(nursery, program, 2)


@linux
@pytest.mark.slow
@pytest.mark.parametrize("size", [4096, 8192, 16384, 65536, 98304, 131072, 262144])
def test_50_a_limit_on_the_size_of_files(program: Program, arxiv: servers.Arxiv, nursery: Nursery, size: int) -> None:
    """Under ``ulimit -f`` the same holds."""
    before = renewed(program, nursery, arxiv)
    check_clean(run(nursery, program, does={"limit": {"name": "FSIZE", "value": size}}), 1)
    check_kept(before)
    check_recovers(nursery, program, 2)


def failing(nursery: Nursery, program: Program, number: int, error: str, told: Path) -> bool:
    """Run with the call *number* failing; say whether there was such a call."""
    failed = run(nursery, program, does={"fail": {"number": number, "error": error, "told": str(told)}})
    check_clean(failed, 1)
    return told.exists()


@pytest.mark.slow
@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_50_every_call_fails_once(tmp_path: Path, arxiv: servers.Arxiv, nursery: Nursery, error: str) -> None:
    """The first call that changes a file fails, then the second, and so on, until a run is through without any: nothing is lost."""
    base = Program(tmp_path / "base", arxiv.url, lambda: None)
    renewed(base, nursery, arxiv)
    for number in range(1, 200):
        program = Program(tmp_path / str(number), arxiv.url, lambda: None)
        shutil.copytree(base.folder, program.folder)
        page = program.page(LAST)
        before = {path: path.read_bytes() for path in (page, page.with_suffix(".json"), program.folder / "out" / "README.md")}
        more = failing(nursery, program, number, error, tmp_path / f"told-{number}")
        check_kept(before)
        check_recovers(nursery, program, 2)
        shutil.rmtree(program.folder)
        if not more:
            break
    assert 12 < number < 199


@pytest.mark.parametrize("number", [1, 2])
@linux
def test_51_an_output_that_takes_nothing(program: Program, nursery: Nursery, number: int) -> None:
    """Where standard output or standard error leads to a full disk, the edition is made all the same."""
    done = run(nursery, program, does={"output": {"number": number, "path": "/dev/full"}})

    assert done.wait() == (1 if number == 1 else 0), done.err
    assert number == 2 or "the files are made all the same" in done.err
    assert look(program, LAST) == []


@pytest.mark.slow
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_51_no_output(program: Program, closed: str) -> None:
    """The same where there is none, and nothing that is meant for it gets into a file."""
    line = ["sh", "-c", f'exec "$@" {closed}', "sh", *program.command("run")]
    environment = {**program.environment(), "CVDIGEST_SECOND_OPINION": "no"}
    done = subprocess.run(line, cwd=program.folder, env=environment, capture_output=True, check=False)

    assert done.returncode == 0, done.stderr
    assert look(program, LAST) == []


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nothing be written in *folder*; where the machine does not allow to set that up, the test is skipped."""
    if os.geteuid():
        folder.chmod(0o555)
        try:
            yield
        finally:
            folder.chmod(0o755)
        return
    mounted = subprocess.run(["mount", "--bind", folder, folder], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"nothing can be mounted here, and root may write anything: {mounted.stderr.strip()}")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@linux
@pytest.mark.parametrize("name", ["out", pytest.param("data", marks=pytest.mark.slow)])
def test_52_read_only(program: Program, arxiv: servers.Arxiv, nursery: Nursery, name: str) -> None:
    """A folder that cannot be written is named; the old edition stays, and the new one is made once it can be."""
    before = renewed(program, nursery, arxiv)
    with read_only(program.folder / name):
        failed = run(nursery, program)
        assert failed.wait() == 1
        check_clean(failed, 1)
        assert str(program.folder / name) in failed.err.splitlines()[-1]
        assert {path: path.read_bytes() for path in before} == before
    check_recovers(nursery, program, 2)


# -- 57: a backup ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_57_yesterdays_backup(program: Program, arxiv: servers.Arxiv, nursery: Nursery) -> None:
    """After the database of yesterday was brought back, today's edition on disk is known again; other content gets the next number."""
    backup, database = program.folder / "backup.db", program.folder / "data" / "cvdigest.db"
    assert run(nursery, program, "--date", "2026-11-18").wait() == 0
    shutil.copy(database, backup)
    renewed(program, nursery, arxiv)
    assert run(nursery, program).wait() == 0
    made = {path: content for path, content in program.files().items() if path.startswith("out")}
    assert json.loads(made["out/2026/2026-11-20-cs.CV.json"])["edition"] == 2
    asked = len(arxiv.asked)
    shutil.copy(backup, database)
    again = run(nursery, program)

    assert again.wait() == 0, again.err
    assert {path: content for path, content in program.files().items() if path.startswith("out")} == made
    assert len(arxiv.asked) == asked
    shutil.copy(backup, database)
    other = run(nursery, program, "--include", "new", "--json")
    assert other.wait() == 0, other.err
    assert json.loads(other.out)["edition"] == 3
    assert json.loads(program.page(LAST).with_suffix(".json").read_bytes())["edition"] == 3
    assert len(arxiv.asked) == asked


# -- 58: models -----------------------------------------------------------------------------------------------------------


def flipped(folder: Path) -> None:
    """Damage one byte."""
    content = bytearray((folder / "weights.npy").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "weights.npy").write_bytes(content)


def foreign(folder: Path) -> None:
    """Put another program's model there."""
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "config.json").write_text('{"architectures": ["Model"]}', "utf-8")


def array(folder: Path, name: str, values: Any) -> None:
    """Put an array in the place of another one, with a manifest that vouches for it."""
    file = io.BytesIO()
    np.save(file, values, allow_pickle=True)
    (folder / name).write_bytes(file.getvalue())
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    described = {"bytes": len(file.getvalue()), "sha256": hashlib.sha256(file.getvalue()).hexdigest(), "shape": list(values.shape)}
    manifest["files"][name] |= described
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")


class Trap:
    """What makes a folder when somebody unpickles it."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, ("sprung",)


def pickled(folder: Path) -> None:
    """Put a pickle there that runs what it likes."""
    array(folder, "weights.npy", np.array([Trap()], dtype=object))


def huge(folder: Path) -> None:
    """Claim a terabyte."""
    array(folder, "weights.npy", np.zeros((2, 2), np.int8))
    content = (folder / "weights.npy").read_bytes()
    claimed = content.replace(b"(2, 2), }" + b" " * 10, b"(999999, 999999), }"[:19])
    assert claimed != content
    (folder / "weights.npy").write_bytes(claimed)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    manifest["files"]["weights.npy"] |= {"sha256": hashlib.sha256(claimed).hexdigest(), "shape": [999999, 999999]}
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")


def shape(folder: Path) -> None:
    """Have an array of another shape."""
    array(folder, "scales.npy", np.ones(3, np.float32))


def nan(folder: Path) -> None:
    """Have a number that is none."""
    values = np.load(folder / "intercepts.npy")
    values[0] = np.nan
    array(folder, "intercepts.npy", values)


@pytest.mark.slow
@pytest.mark.parametrize("damage", [flipped, foreign, pickled, huge, shape, nan])
def test_58_a_model_that_cannot_be_used(program: Program, nursery: Nursery, damage: Any) -> None:
    """The digest goes out, unclassified and with a warning; nothing of the model is run. What is refused: `tests.test_model`."""
    folder = program.folder / "model"
    shutil.copytree(resources.folder("models") / "default", folder)
    damage(folder)
    done = run(nursery, program, "--model", str(folder), "--json", does={"room": {"more": 256 * 2**20}})

    assert done.wait() == 0, done.err
    assert "warning: the model in" in done.err
    assert "every paper is unclassified" in done.err
    made = json.loads(done.out)
    assert (made["model"], len(made["entries"])) == (None, 3)
    assert not list(program.folder.rglob("sprung"))
    assert not (done.folder / "sprung").exists()
    assert look(program, LAST) == []


# -- 59: limits -----------------------------------------------------------------------------------------------------------


@linux
@pytest.mark.slow
@pytest.mark.parametrize("more", [0, 2**18, 2**20, 2**22, 2**23, 2**24, 2**25, 2**26])
def test_59_too_little_memory(program: Program, nursery: Nursery, more: int) -> None:
    """With too little memory a run fails in one line, or does with what there is: without the model, which the next one makes good."""
    failed = run(nursery, program, does={"room": {"more": more}})
    check_clean(failed, 1, 69)
    check_recovers(nursery, program, 2 if "every paper is unclassified" in failed.err else 1)


@linux
@pytest.mark.slow
@pytest.mark.parametrize("files", [3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16])
def test_59_too_few_files(program: Program, nursery: Nursery, files: int) -> None:
    """With too few files at a time the same holds."""
    failed = run(nursery, program, does={"limit": {"name": "NOFILE", "value": files}})
    check_clean(failed, 1, 69)
    check_recovers(nursery, program)


@linux
@pytest.mark.slow
def test_59_no_more_threads(arxiv: servers.Arxiv, nursery: Nursery) -> None:
    """Where no thread can be started nobody can be asked."""
    user = 65534
    if os.geteuid():
        pytest.skip("only root can become a user without any other process")
    if not ROOT.stat().st_mode & 1:
        pytest.skip("another user cannot read the program")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        program = Program(Path(folder), arxiv.url, lambda: None)
        line = ["run", *program.options("run")]
        own: dict[str, dict[str, Any]] = {"become": {"user": user}, "limit": {"name": "NPROC", "value": 1}}
        failed = nursery.run(line, {"XDG_CONFIG_HOME": folder}, does=own)
        assert failed.wait() == 69
        assert "cannot be asked: can't start new thread" in failed.err
        check_clean(failed, 1, 69)
        check_recovers(nursery, program)


# -- running for years ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_daemon_does_not_grow(program: Program) -> None:
    """Look after look, with an edition made now and then, memory stays what it was. `benchmarks/crashes.py` looks 1,000 times."""
    settings = Settings(out=program.folder / "out", data=program.folder / "data", arxiv_url=program.url, second_opinion=False, now=EVENING)
    with app.App(settings, EVENING, lambda _line: None, lambda _line: None) as ours:
        days = ours.days()
        poll = Poll(lambda at: known(days, at), ours.run, days.calendar, Clock(EVENING), lambda _line: None, lambda _kind, _text: None)

        def looks(times: int) -> int:
            for number in range(times):
                poll.go()
                ours.run(LAST, again=number % 4 == 0)
            gc.collect()
            return tracemalloc.get_traced_memory()[0]

        looks(10)
        tracemalloc.start()
        try:
            found = [looks(20) for _ in range(4)]
        finally:
            tracemalloc.stop()

    # What grows, grows each time; a table of Python's own that is made larger does so once.
    assert min(after - before for before, after in pairwise(found)) < 20 * 2000, found
