"""``cvdigest classify`` as a user meets it: lines in, the same lines out, and what happens to lines that are no papers."""

import gzip
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.classify.model import load
from digest.core.domain import Classification, Shelf
from digest.paperlines import LONGEST, raw_lines
from digest.resources import folder
from digest.shelving import Chunk, Done, chunks, shelve, shelved
from tests.children import Nursery
from tests.test_cli import Program, arxiv, program

__all__ = ["arxiv", "program"]  # fixtures
MODEL = folder("models") / "default"
ADDED = ["topic", "subtopic", "probability", "topics", "unsure"]
GOOD = b'{"id": "2611.00001", "title": "Gaits", "abstract": "We walk."}\n'
WORDS = ("gait", "pose", "depth", "fog", "lane", "stereo", "splatting", "saliency", "hashing", "caption", "blur", "prompt")


class Stub:
    """A model that says what it has seen."""

    def classify(self, papers: Iterable[tuple[str, str]]) -> list[Classification]:
        return [
            Classification((Shelf("3d", "", len(title) % 2), Shelf("face", "gaze-eye", 0.25)), unsure=not abstract)
            for title, abstract in papers
        ]


def invented(count: int, words: int = 150) -> Iterator[bytes]:
    """Yield lines with invented papers, each another one."""
    for number in range(count):
        text = " ".join(f"{WORDS[(number * step + step) % len(WORDS)]} {'of' if step % 3 else 'with'}" for step in range(words // 2))
        yield json.dumps({"id": f"2611.{number:05}", "title": f"A {WORDS[number % 12]} number {number}", "abstract": text}).encode() + b"\n"


@dataclass(frozen=True)
class Ended:
    """What the command has written, and its exit status."""

    status: int
    out: bytes
    err: str


def classify(nursery: Nursery, content: bytes, *arguments: str | Path) -> Ended:
    """Run the command on standard input."""
    child = nursery.run(["classify", *map(str, arguments)], given=content)
    return Ended(child.wait(), child.folder.joinpath("out").read_bytes(), child.err)


def rows(output: bytes) -> list[dict[str, Any]]:
    """Return JSON lines as objects."""
    return [json.loads(line) for line in output.splitlines()]


def stub(content: bytes) -> Done:
    """Return what comes of some lines with a model that needs no loading."""
    return shelved(Stub(), Chunk(1, content))


# -- the same lines in the same order ---------------------------------------------------------------------------------------


def test_lines_in_lines_out(nursery: Nursery) -> None:
    """Each line comes back with the model's opinion at its end, and with nothing else changed; nothing else is printed."""
    content = (
        b'{"title":"Detecting Objects in Fog","n": 1.10, "abstract":"A detector of bounding boxes.", "x": [1e400, "\\ud800 \xc3\xa9"]}\n'
        b'\n  {"id": "cs/0703101", "title": "Gait", "abstract": null, "nested": {"topic": 1}}  \r\n'
        b'{"topic": "mine", "title": "", "abstract": "", "unsure": 7, "id": 5}'
    )
    done = classify(nursery, content)
    lines = done.out.splitlines()
    found = rows(done.out)
    expected = load(MODEL).classify([("Detecting Objects in Fog", "A detector of bounding boxes."), ("Gait", ""), ("", "")])

    assert done.status == 0
    assert lines[0].startswith(content[: content.index(b"]}") + 1] + b', "topic": "')
    assert lines[1].startswith(b'{"id": "cs/0703101", "title": "Gait", "abstract": null, "nested": {"topic": 1}, "topic": "')
    assert list(found[2]) == ["title", "abstract", "id", *ADDED]
    for row, opinion in zip(found, expected, strict=True):
        assert [row[name] for name in ADDED[:3]] == [opinion.best.topic, opinion.best.subtopic, opinion.best.probability]
        assert row["topics"] == [{"topic": s.topic, "subtopic": s.subtopic, "probability": s.probability} for s in opinion.shelves]
        assert row["unsure"] is opinion.unsure
    assert done.err.splitlines() == [
        "warning: standard input:3: the abstract is null, so the title alone decides",
        "· 3 papers classified",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2", "3"])
def test_any_number_of_processes_gives_the_same_bytes(nursery: Nursery, tmp_path: Path, jobs: str) -> None:
    """The order is that of the input, and the bytes are those of one process, for a file, a gzipped one and a pipe."""
    content = b"".join(invented(4000, words=20))
    (tmp_path / "papers.gz").write_bytes(gzip.compress(content))
    done = classify(nursery, b"", tmp_path / "papers.gz", "--jobs", jobs, "--quiet")
    found = rows(done.out)

    assert (done.status, done.err) == (0, "")
    assert [row["id"] for row in found] == [f"2611.{number:05}" for number in range(4000)]
    written: list[bytes] = []
    assert shelve(io.BytesIO(content), MODEL, 1, name="x", write=written.append, warn=print) == 4000
    assert done.out == b"".join(written)


@pytest.mark.slow
@given(
    st.lists(
        st.dictionaries(
            st.one_of(st.text(max_size=5), st.sampled_from(ADDED)),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
                max_leaves=5,
            ),
            max_size=4,
        ),
        max_size=8,
    ),
    st.booleans(),
    st.sampled_from(["\n", "\r\n", "\n\n", " \n\t\n"]),
)
def test_other_fields_are_kept(others: list[dict[str, Any]], ascii_only: bool, end: str) -> None:
    """Whatever else a line holds is there afterwards, and a second time changes nothing."""
    wanted = [row | {"title": "T", "abstract": "A"} for row in others]
    content = "".join(json.dumps(row, ensure_ascii=ascii_only) + end for row in wanted).encode()
    done = stub(content)
    found = rows_of(done.content)

    assert (done.fault, done.papers, len(found)) == ("", len(wanted), len(wanted))
    for row, before in zip(found, wanted, strict=True):
        assert {name: row[name] for name in row if name not in ADDED} == {name: before[name] for name in before if name not in ADDED}
        assert list(row)[-5:] == ADDED
    assert rows_of(stub(done.content).content) == found


def rows_of(content: bytes) -> list[dict[str, Any]]:
    """Return JSON lines as objects, where texts may hold any letter that is no line feed."""
    return [json.loads(line) for line in content.split(b"\n") if line]


@given(st.lists(st.binary(max_size=400).map(lambda line: line.replace(b"\n", b"") + b"\n"), max_size=900))
def test_chunks_lose_nothing(lines: list[bytes]) -> None:
    """The chunks put together are the input, and each knows the number of its first line."""
    made = list(chunks(lines))

    assert b"".join(chunk.content for chunk in made) == b"".join(lines)
    for before, after in pairwise(made):
        assert after.first == before.first + before.content.count(b"\n")


# -- lines that are no papers -----------------------------------------------------------------------------------------------

BAD = {
    "no JSON": (b"title, abstract", r"not JSON \(Expecting value, character 1\)"),
    "cut": (GOOD[:-10], "not JSON"),
    "two objects": (GOOD.strip() * 2, "not JSON"),
    "a list": (b'["title"]', "not an object"),
    "a number": (b"7", "not an object"),
    "no title": (b'{"abstract": ""}', "there is no title"),
    "no abstract": (b'{"title": ""}', "there is no abstract"),
    "null for a title": (b'{"title": null, "abstract": ""}', "the title is not a text"),
    "number for a title": (b'{"title": 1, "abstract": ""}', "the title is not a text"),
    "list for an abstract": (b'{"title": "", "abstract": []}', "the abstract is not a text"),
    "latin-1": ('{"title": "é", "abstract": ""}'.encode("latin-1"), r"not UTF-8 \(byte 12\)"),
    "utf-16": ('{"title": "é"}'.encode("utf-16"), "not UTF-8"),
    "NaN": (b'{"title": "", "abstract": "", "x": NaN}', "NaN is no number"),
    "infinite": (b'{"title": "", "abstract": "", "x": -Infinity}', "-Infinity is no number"),
    "twice": (b'{"title": "a", "abstract": "", "title": "b"}', "the field 'title' stands twice"),
    "twice inside": (b'{"title": "a", "abstract": "", "x": [{"y": 1, "y": 1}]}', "the field 'y' stands twice"),
    "deep": (b'{"title": "", "abstract": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "JSON that cannot be read"),
    "many digits": (b'{"title": "", "abstract": "", "x": ' + b"9" * 5000 + b"}", "JSON that cannot be read"),
    "control": (b'{"title": "a\tb", "abstract": ""}', "not JSON"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_line_that_is_no_paper(name: str) -> None:
    """It is told with its number, and the lines before it are done."""
    line, said = BAD[name]
    done = shelved(Stub(), Chunk(11, GOOD + b"\n" + GOOD + line + b"\n" + GOOD))

    assert (done.papers, len(done.content.splitlines())) == (2, 2)
    assert re.match(rf"14: .*{said}", done.fault), done.fault


def test_marks_and_ends_that_editors_leave() -> None:
    """A byte order mark, carriage returns, blank lines and a missing last line feed are no mistakes."""
    done = stub(b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n") + b"\r\n \t\r\n\xef\xbb\xbf\n" + b"\xef\xbb\xbf" + GOOD.strip())

    assert (done.fault, done.papers, done.content.count(b"\n")) == ("", 2, 2)
    assert b"\xef" not in done.content


@pytest.mark.slow
@pytest.mark.parametrize("count", [0, 3, 3000])
def test_the_first_bad_line_ends_it(nursery: Nursery, tmp_path: Path, count: int) -> None:
    """In a short input and in a shared one, all lines before the bad one are written, in order, and the status is 2."""
    path = tmp_path / "papers.jsonl"
    path.write_bytes(b"".join(invented(count, words=10)) + b"oops\n" + b"".join(invented(2000, words=10)) + b"worse\n")
    done = classify(nursery, b"", path, "--jobs", "2")

    assert done.status == 2
    assert [row["id"] for row in rows(done.out)] == [f"2611.{number:05}" for number in range(count)]
    assert done.err == (f"cvdigest: {path}:{count + 1}: not JSON (Expecting value, character 1); the lines before it are done\n")


@pytest.mark.parametrize(
    ("content", "written", "said"),
    [
        (gzip.compress(GOOD * 500)[:-30], None, "cannot be read on"),
        (gzip.compress(GOOD) + b"trailing", None, ":1: cannot be read on: Not a gzipped file"),
        (GOOD * 3 + b'{"title": "' + b"x" * LONGEST, 3, f":4: longer than {LONGEST} bytes"),
        (b"\x1f\x8b\x08 no", 0, ":1: cannot be read on"),
    ],
    ids=["cut", "trailing", "long", "no gzip"],
)
def test_an_input_that_cannot_be_read_on(nursery: Nursery, content: bytes, written: int | None, said: str) -> None:
    """The place is told, and what could be read before it is done."""
    done = classify(nursery, content)

    assert (done.status, done.err.count("\n")) == (2, 1)
    assert said in done.err
    assert written in (None, len(rows(done.out)))


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("nowhere.jsonl",), 2, "nowhere.jsonl cannot be read: No such file"),
        ((".",), 2, "cannot be read: Is a directory"),
        (("--jobs", "0"), 2, "--jobs: '0' is no number of processes"),
        (("--jobs", "many"), 2, "--jobs: 'many'"),
        (("--jobs", "1000"), 2, "--jobs: '1000'"),
        (("--model", "nowhere"), 1, "the model in nowhere cannot be used"),
    ],
)
def test_wrong_use(program: Program, arguments: Sequence[str], status: int, said: str) -> None:
    """What cannot be is one line, and nothing is printed."""
    done = program("classify", *arguments)

    assert (done.status, done.out) == (status, "")
    assert said in done.err
    assert done.err.startswith("cvdigest: ")
    assert done.err.count("\n") == 1


def test_an_empty_input(nursery: Nursery) -> None:
    """Nothing in, nothing out."""
    done = classify(nursery, b"")

    assert (done.status, done.out, done.err) == (0, b"", "· 0 papers classified\n")


def test_many_null_abstracts_are_two_warnings(nursery: Nursery) -> None:
    """The first is named, the rest are counted."""
    done = classify(nursery, b'{"title": "A Title", "abstract": null}\n' * 1000, "--quiet")

    assert (done.status, len(rows(done.out))) == (0, 1000)
    assert done.err.splitlines() == [
        "warning: standard input:1: the abstract is null, so the title alone decides",
        "warning: standard input: the abstract is null in 1000 lines",
    ]


# -- ends that nobody asked for ---------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_reader_that_goes_away(tmp_path: Path, jobs: str) -> None:
    """A pipe that is closed early ends the work without a word."""
    path = tmp_path / "papers.jsonl"
    path.write_bytes(b"".join(invented(20000, words=40)))
    command = f"{sys.executable} -m digest classify {path} --jobs {jobs} | head -n 2100 | tail -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)

    assert (done.stderr, json.loads(done.stdout)["id"]) == ("", "2611.02099")


@pytest.mark.slow
def test_a_full_device(tmp_path: Path) -> None:
    """A standard output that cannot be written is one line."""
    path = tmp_path / "papers.jsonl"
    path.write_bytes(GOOD)
    command = f"{sys.executable} -m digest classify {path} >/dev/full"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("cvdigest: standard output cannot be written: ")


def helpers(process: int) -> list[int]:
    """Return the processes that were started by *process* to help it."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text("utf-8").rpartition(")")[2].split()[1])
            if parent == process and b"spawn_main" in (path.parent / "cmdline").read_bytes():
                found.append(int(path.parent.name))
        except (OSError, ValueError):
            continue
    return found


def under_way() -> tuple[subprocess.Popen[bytes], list[int]]:
    """Start a long work that waits for more lines, with its helpers."""
    command = [sys.executable, "-m", "digest", "classify", "--jobs", "2"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, bufsize=0, start_new_session=True
    )
    assert process.stdin is not None
    for line in invented(256 * 10, words=6):
        process.stdin.write(line)
    until = time.monotonic() + 60
    while len(found := helpers(process.pid)) < 2:
        assert time.monotonic() < until
        time.sleep(0.05)
    return process, found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc")
def test_ctrl_c() -> None:
    """Ctrl-C reaches every process of the group, and ends all of them with one line."""
    process, found = under_way()
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)

    assert (process.returncode, err.decode()) == (130, "cvdigest: interrupted; run it again to go on\n")
    assert not [number for number in found if Path(f"/proc/{number}").exists()]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc")
def test_a_helper_that_dies() -> None:
    """A process that is killed, as one is when memory is short, ends the work with one line that says what to do."""
    process, found = under_way()
    os.kill(found[0], signal.SIGKILL)
    _, err = process.communicate(b"".join(invented(3000, words=6)), timeout=60)

    assert process.returncode == 1
    assert re.fullmatch(r"cvdigest: a process that helped has ended too early \(exit status -9\); .*--jobs 1\n", err.decode())
    assert not [number for number in found if Path(f"/proc/{number}").exists()]


MEASURE = """
import os, subprocess, sys
process = subprocess.Popen([sys.executable, "-m", "digest", "classify", "--quiet", *sys.argv[1:]], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
print(process.returncode, usage.ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_memory_is_flat(tmp_path: Path, jobs: str) -> None:
    """Ten times the lines take no more memory."""
    peaks = []
    for count in (4000, 40000):
        path = tmp_path / "papers.jsonl"
        with path.open("wb") as file:
            file.writelines(invented(count))
        # A process inherits the peak memory of the one that started it, so a small one must start what is measured.
        done = subprocess.run([sys.executable, "-c", MEASURE, path, "--jobs", jobs], capture_output=True, text=True, check=True)
        status, peak = map(int, done.stdout.split())
        assert status == 0
        peaks.append(peak * (1 if sys.platform == "darwin" else 1024))

    assert peaks[1] < peaks[0] + 16 * 2**20
    assert peaks[1] < 256 * 2**20


def test_raw_lines_of_what_is_nothing() -> None:
    """An empty stream has no lines."""
    assert list(raw_lines(io.BufferedReader(io.BytesIO(b"")))) == []
