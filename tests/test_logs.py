"""Logs: one line for each event, whatever is in it; and a log that cannot be written stops nobody."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest import cli, logs
from digest.commands.console import Console
from digest.logs import Log
from digest.secrets import mask
from tests.reference import clean_environment

MOMENT = datetime(2026, 11, 20, 3, 0, 5, 900_000, tzinfo=UTC)
_PAIR = re.compile(r'([a-z]+)=("(?:[^"\\]|\\.)*"|[^ "]*)(?: |$)')


def log(form: str, lines: list[str], **facts: object) -> Log:
    """Return a log that writes to a list."""
    return Log(form, mask, lambda: MOMENT, facts, lines.append)


def test_lines_of_text() -> None:
    """A line has a time in UTC, a level, what is said, and the facts."""
    lines: list[str] = []
    told = log("text", lines, command="schedule").bind(category="cs.CV", date=date(2026, 11, 20), attempt=2, nothing=None)
    told.say("asking arXiv")
    told.warn('a "quoted" line')
    told.error("failed")

    assert lines == [
        'time=2026-11-20T03:00:05Z level=info event="asking arXiv" command=schedule category=cs.CV date=2026-11-20 attempt=2',
        r'time=2026-11-20T03:00:05Z level=warning event="a \"quoted\" line" command=schedule category=cs.CV date=2026-11-20 attempt=2',
        "time=2026-11-20T03:00:05Z level=error event=failed command=schedule category=cs.CV date=2026-11-20 attempt=2",
    ]


def test_lines_of_json() -> None:
    """The same as an object a line, in ASCII; numbers stay numbers."""
    lines: list[str] = []
    log("json", lines, pid=7, share=float("nan")).say("café")

    assert lines[0].isascii()
    assert json.loads(lines[0]) == {"time": "2026-11-20T03:00:05Z", "level": "info", "event": "café", "pid": 7, "share": "nan"}


@given(said=st.text(max_size=60), fact=st.text(max_size=30))
@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("form", logs.FORMS)
def test_nothing_forges_a_line(form: str, said: str, fact: str) -> None:
    """Whatever is said, it is one line of printable letters that holds the fields that it should and no other."""
    lines: list[str] = []
    log(form, lines, category=fact).say(said)

    assert len(lines) == 1
    assert lines[0].isprintable()
    if form == "json":
        assert list(json.loads(lines[0])) == ["time", "level", "event", "category"]
    else:
        assert [name for name, _ in _PAIR.findall(lines[0])] == ["time", "level", "event", "category"]


def test_secrets_are_hidden_in_facts_too() -> None:
    """A fact is masked as what is said is."""
    lines: list[str] = []
    log("text", lines, database="postgresql://u:pa55@h/db").say("at smtps://me:pa55@h")

    assert "pa55" not in lines[0]


def test_a_long_line_is_cut() -> None:
    """The address of a question for a hundred papers does not fill the log."""
    lines: list[str] = []
    log("json", lines).say("x" * 100_000)

    assert len(lines[0]) < 1000


def test_a_bound_console_adds_its_facts(capsys: pytest.CaptureFixture[str]) -> None:
    """What is bound stands in the lines of that console alone; a plain console says the same as ever."""
    console = Console(quiet=False)
    console.bind(category="cs.CV").warn("plain")
    console.structured("json", command="schedule")
    console.bind(category="cs.CV").warn("bound")
    console.warn("free")
    plain, bound, free = capsys.readouterr().err.splitlines()

    assert plain == "warning: plain"
    assert json.loads(bound).items() >= {"event": "bound", "command": "schedule", "category": "cs.CV", "pid": os.getpid()}.items()
    assert "category" not in json.loads(free)


def test_a_quiet_console_logs_warnings_only(capsys: pytest.CaptureFixture[str]) -> None:
    """Quiet means the same for a log."""
    console = Console(quiet=True)
    console.structured("text")
    console.say("progress")
    console.warn("trouble")

    assert ["level=warning" in line for line in capsys.readouterr().err.splitlines()] == [True]


def test_a_traceback_is_masked_and_plain(capsys: pytest.CaptureFixture[str]) -> None:
    """What --debug shows holds no secret, and nothing that steers the terminal."""
    console = Console(quiet=False)
    console.keep("a secret value")
    try:
        int("a%20secret%20value \t at smtps://me:pa55@h", 10)
    except ValueError as exc:
        exc.add_note("\x1b[2J")
        console.traceback()
    told = capsys.readouterr().err

    assert told.startswith("Traceback (most recent call last):\n")
    assert "with base 10: '*** " in told
    assert "\x1b" not in told
    assert "pa55" not in told


@pytest.mark.parametrize("form", ["plain", "json"])
def test_no_error_quotes_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], form: str) -> None:
    """What the settings name as secret is hidden in the last line of a run, and in the traceback above it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CVDIGEST_WEBHOOK", "https://example.org/hooks/s3cretpath")
    status = cli.main(["run", "--source", "file:/nowhere/s3cretpath", "--date", "2026-11-20", "--data", "data", "--debug", "--log", form])
    told = capsys.readouterr()

    assert status != 0
    assert "Traceback" in told.err
    assert "***" in told.err
    assert "s3cretpath" not in told.out + told.err
    if form == "json":
        assert {json.loads(line)["command"] for line in told.err.splitlines()} == {"run"}


@pytest.mark.slow
def test_a_log_on_a_full_disk_stops_nothing(tmp_path: Path) -> None:
    """The digest is made, and the status says so, though nothing of the log can be written (fault 51)."""
    done = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -m digest run --sample --out pages --log json 2>/dev/full"],
        cwd=tmp_path, env=clean_environment(tmp_path, HOME=str(tmp_path)), capture_output=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 0
    assert (tmp_path / "pages" / "sample" / "2026" / "2026-01-06-cs.CV.md").is_file()


@pytest.mark.parametrize("form", ["plain", "text"])
@pytest.mark.parametrize("state", ["full", "closed", "none"])
def test_a_standard_error_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, form: str, state: str) -> None:
    """A full disk, a closed file, none at all: whoever speaks does not fail."""
    stream = None if state == "none" else Path("/dev/full").open("w", encoding="utf-8")  # noqa: SIM115 - closed below
    if stream is not None and state == "closed":
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    console = Console(quiet=False)
    if form == "text":
        console.structured(form)
    console.say("progress")
    console.error("the end")
    monkeypatch.undo()
    if stream is not None:
        stream.close()  # and nothing is left in it that would fail now


@pytest.mark.parametrize(("arguments", "logged"), [((), True), (("--log", "plain"), False)])
def test_a_schedule_writes_a_log_where_nobody_reads_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], *, logged: bool
) -> None:
    """Without a terminal its lines are structured; with ``--log plain`` they are not."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("CVDIGEST_")]:
        monkeypatch.delenv(name)
    cli.main(["schedule", "--once", "--arxiv-url", "http://127.0.0.1:9", "--now", "2026-11-20T12:00Z", "--data", "data", *arguments])
    told = capsys.readouterr().err

    assert bool(re.search(r'^time=\S+Z level=warning event=".*command=schedule host=\S+ pid=\d+$', told, re.MULTILINE)) is logged
    assert bool(re.search(r"^warning: ", told, re.MULTILINE)) is not logged
