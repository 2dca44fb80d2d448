"""Corrections: the file that keeps them, the command, and the digest that follows them."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.catalogue.taxonomy import Taxonomy
from digest.core.domain import Entry, Kind
from digest.core.edition import Edition, chosen, compose
from digest.core.identifiers import identifier
from digest.correcting import Correcting
from digest.corrections import FILE, Correction, add, listed, remove
from digest.errors import PublishError, SettingsError
from digest.render import jsonfile
from digest.resources import taxonomy
from digest.store import corrections as stored
from digest.store.database import Database, address, in_memory
from tests.test_cli import Program, arxiv, check_failure, edition, program
from tests.test_markdown import DIVIDED, MODEL, OPINIONS, announced, page, paper

__all__ = ["arxiv", "program"]  # fixtures
DAY = date(2026, 11, 20)
PAPERS = st.sampled_from(["2611.00001", "2611.00002", "cs/0703101", "math.AG/0309136"])
SHELVES = st.sampled_from([(topic, sub) for topic, sub in taxonomy().shelves()] + [("3d", ""), ("other", "")])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2004.00614", "2004.00614"),
        ("2004.00614v3", "2004.00614"),
        (" arXiv:2004.00614v1 ", "2004.00614"),
        ("https://arxiv.org/abs/2004.00614", "2004.00614"),
        ("http://www.arxiv.org/pdf/2004.00614v2.pdf", "2004.00614"),
        ("0704.0001", "0704.0001"),
        ("cs/0703101v2", "cs/0703101"),
        ("hep-th/9901001", "hep-th/9901001"),
        ("math.ag/0309136", "math.AG/0309136"),
        ("2004.0614", None),
        ("0704.00001", None),
        ("2013.00614", None),
        ("2004.006144", None),
        ("2004,00614", None),
        ("２００４.00614", None),
        ("cs/07031", None),
        ("../../etc/passwd", None),
        ("", None),
        ("2004.00614v", None),
        ("2004.00614\n2004.00615", None),
    ],
)
def test_identifiers(text: str, expected: str | None) -> None:
    """An identifier is known in all the ways that people write it, and loses its version."""
    assert identifier(text) == expected


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(st.tuples(PAPERS, st.one_of(st.none(), SHELVES)), max_size=12))
def test_the_newest_wins(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, tuple[str, str] | None]]) -> None:
    """After any corrections and removals, the file says what a dictionary would, in the order of the last changes."""
    data = tmp_path_factory.mktemp("data")
    expected: dict[str, tuple[str, str]] = {}
    for name, shelf in steps:
        before = expected.pop(name, None)
        if shelf is None:
            assert remove(data, name) is (before is not None)
        else:
            add(data, Correction(name, *shelf, DAY))
            expected[name] = shelf

    assert [(one.id, (one.topic, one.subtopic)) for one in listed(data)] == list(expected.items())
    shutil.rmtree(data)


def test_what_was_written_by_hand_stays(tmp_path: Path) -> None:
    """Remarks and blank lines stay; spaces do for tabs, the date may be left out, the last line about a paper counts."""
    text = "\ufeff# mine\r\n\n2004.00614v2  3d\r\ncs/0703101\tface/gaze-eye\t2026-01-02\n# end\n2004.00614 ocr/ocr"
    (tmp_path / FILE).write_text(text, "utf-8")
    assert list(map(str, listed(tmp_path))) == ["cs/0703101\tface/gaze-eye\t2026-01-02", "2004.00614\tocr/ocr"]

    add(tmp_path, Correction("2004.00614", "video", "", DAY))
    assert (tmp_path / FILE).read_text("utf-8").splitlines() == [
        "# mine", "", "cs/0703101\tface/gaze-eye\t2026-01-02", "# end", "2004.00614\tvideo\t2026-11-20",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"2004.00614\t3d\n\nnonsense\n", r"corrections\.tsv:3: not a correction"),
        (b"2004.00614\t3d\tyesterday\n", r"corrections\.tsv:1: not a correction"),
        (b"2004.00614\t3D Vision\n", r"corrections\.tsv:1: not a correction"),
        (b"2004.0061\t3d\n", r"corrections\.tsv:1: not a correction"),
        (b"\xff\xfe\x00", r"corrections\.tsv cannot be read"),
        (b"#" * (16 * 2**20 + 1), r"corrections\.tsv is larger"),
    ],
)
def test_a_damaged_file_is_named_and_left_alone(tmp_path: Path, content: bytes, said: str) -> None:
    """Whatever is wrong with the file, it is named, and neither reading nor writing changes it."""
    (tmp_path / FILE).write_bytes(content)
    for act in (
        lambda: listed(tmp_path),
        lambda: add(tmp_path, Correction("2004.00614", "3d", "", DAY)),
        lambda: remove(tmp_path, "x"),
    ):
        with pytest.raises(SettingsError, match=said):
            act()

    assert (tmp_path / FILE).read_bytes() == content


def test_a_data_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A data folder that is a file is named."""
    (tmp_path / "data").write_text("in the way", "utf-8")

    with pytest.raises(PublishError, match="--data"):
        add(tmp_path / "data" / "below", Correction("2004.00614", "3d", "", DAY))


def test_two_at_once_lose_nothing(tmp_path: Path) -> None:
    """Processes that correct at the same time all find their corrections in the file."""
    code = (
        "import sys; from datetime import date; from pathlib import Path; from digest.corrections import Correction, add\n"
        "for n in range(15): add(Path(sys.argv[1]), Correction(f'2611.{int(sys.argv[2]):02}{n:03}', '3d', '', date(2026, 11, 20)))"
    )
    working = [subprocess.Popen([sys.executable, "-c", code, tmp_path, str(number)]) for number in range(3)]

    assert [process.wait(60) for process in working] == [0, 0, 0]
    assert len(listed(tmp_path)) == 45


# -- in the store -----------------------------------------------------------------------------------------------------------

EARLY, LATE = date(2026, 11, 1), date(2026, 11, 20)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Open an empty database."""
    opened = Database(address(str(tmp_path / "cvdigest.db"), tmp_path)).open()
    yield opened
    opened.close()


@dataclass
class Shared:
    """A database, and the files of the machines that share it."""

    database: Database

    def take_over(self, file: str, *lines: Correction) -> list[Correction]:
        """Let the store follow what a file says now; return what does not count."""
        with self.database.write() as connection:
            return stored.take_over(connection, file, lines)

    @property
    def in_force(self) -> dict[str, str]:
        """What counts."""
        with self.database.read() as connection:
            return {kept.id: kept.shelf for kept in stored.in_force(connection)}


def line(shelf: str, made: date | None = None, paper: str = "2611.00001") -> Correction:
    """Return a line of a file."""
    topic, _, subtopic = shelf.partition("/")
    return Correction(paper, topic, subtopic, made)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (line("3d", EARLY), line("ocr", LATE), "ocr"),
        (line("3d", LATE), line("ocr", EARLY), "3d"),
        (line("3d", LATE), line("ocr"), "3d"),
        (line("3d"), line("ocr", EARLY), "ocr"),
        (line("3d"), line("ocr"), "3d"),
        (line("3d", LATE), line("3d", LATE), "3d"),
    ],
)
def test_of_two_machines_the_newer_counts(database: Database, first: Correction, second: Correction, expected: str) -> None:
    """The newer date counts, whoever comes first; a line without a date takes nobody's place; and it stays so."""
    shared = Shared(database)
    shared.take_over("one", first)
    assert bool(shared.take_over("two", second)) is (expected != second.shelf)
    assert shared.in_force == {"2611.00001": expected}
    for _ in range(2):
        assert shared.take_over("one", first) == shared.take_over("two", second) == []
        assert shared.in_force == {"2611.00001": expected}


def test_what_is_gone_is_withdrawn_by_whose_it_was(database: Database) -> None:
    """A line that is deleted counts no more, and comes back with any date; what another machine said since stays."""
    shared = Shared(database)
    shared.take_over("one", line("3d", LATE), line("face", LATE, "2611.00002"))
    shared.take_over("two", line("ocr", LATE))
    shared.take_over("one")
    assert shared.in_force == {"2611.00001": "ocr"}

    shared.take_over("one", line("video", None, "2611.00002"))
    assert shared.in_force == {"2611.00001": "ocr", "2611.00002": "video"}


def test_what_was_removed_stays_removed(database: Database) -> None:
    """A machine whose file still has the line does not bring it back, but a newer correction does."""
    shared = Shared(database)
    shared.take_over("two", line("3d", EARLY))
    with database.write() as connection:
        assert stored.withdraw(connection, "one", "2611.00001", LATE)
        assert not stored.withdraw(connection, "one", "2611.00001", LATE)
    shared.take_over("two", line("3d", EARLY))
    assert shared.in_force == {}
    assert shared.take_over("two", line("ocr", EARLY)) == [line("ocr", EARLY)]

    shared.take_over("two", line("ocr", LATE))
    assert shared.in_force == {"2611.00001": "ocr"}


@pytest.mark.slow
@given(st.lists(st.dictionaries(PAPERS, st.tuples(SHELVES, st.sampled_from([None, EARLY, LATE])), max_size=3), min_size=1, max_size=6))
def test_with_one_machine_the_file_counts(states: list[dict[str, tuple[tuple[str, str], date | None]]]) -> None:
    """Whatever is written into the only file, with whatever dates, the store says what the file says."""
    database = in_memory()
    shared = Shared(database)
    for state in states:
        lines = [Correction(name, *shelf, made) for name, (shelf, made) in state.items()]
        assert shared.take_over("file", *lines) == []
        assert shared.in_force == {kept.id: kept.shelf for kept in lines}
        with database.read() as connection:
            assert stored.is_taken_over(connection, "file", lines)
    database.close()


def test_two_data_folders_share_a_database(database: Database, tmp_path: Path) -> None:
    """What was corrected with one data folder counts with another, is listed there, and can be removed there."""
    warned: list[str] = []
    one, two = (Correcting(database, tmp_path / name, warned.append) for name in ("one", "two"))
    one.add(line("ocr", LATE))
    two.add(line("3d", LATE, "2611.00002"))
    two.add(line("face", EARLY))
    assert [kept.shelf for kept in two.listed()] == ["3d", "ocr"]
    assert warned == ["the correction of 2611.00001 to face does not count: somebody else has made a newer one"]

    assert two.remove("2611.00001", LATE)
    assert one.in_force() == two.in_force() == {"2611.00002": ("3d", "")}
    assert one.remove("2611.00001", LATE)  # the line in its own file
    assert not one.remove("2611.00001", LATE)


# -- in an edition ----------------------------------------------------------------------------------------------------------


def corrected(shelf: dict[str, tuple[str, str]], names: Taxonomy = DIVIDED, *, model: bool = True, layout: str = "topics") -> Edition:
    """Return the edition of four papers with some corrections."""
    announcement = announced(*(Entry(paper(number), Kind.NEW) for number in range(1, 5)))
    entries = chosen(announcement, frozenset(Kind))
    opinions = [OPINIONS[int(entry.paper.id[-1]) % 4] for entry in entries] if model else None
    return compose(announcement, entries, opinions, names, layout=layout, model=MODEL if model else None, corrections=shelf)


def entry_of(made: Edition, name: str) -> dict[str, Any]:
    """Return the JSON of one paper."""
    entries: list[dict[str, Any]] = jsonfile.edition_object(made)["entries"]
    return next(entry for entry in entries if entry["id"] == name)


@pytest.mark.parametrize(
    ("number", "given", "place", "line"),
    [
        (1, ("faces", ""), ("faces", "gaze"), "*Faces & people › gaze* corrected from *Object detection › lanes* 0.81 ·"),
        (1, ("depth", ""), ("depth", "stereo"), "*Depth, stereo / RGB-D (3D) › stereo* corrected from *Object detection › lanes* 0.81 ·"),
        (1, ("detection", ""), ("detection", "lanes"), "*Object detection › lanes* corrected ·"),
        (
            1,
            ("detection", "2d"),
            ("detection", "2d"),
            "*Object detection › 2D & open_vocabulary* corrected from *Object detection › lanes* 0.81",
        ),
        (2, ("faces", "gaze"), ("faces", "gaze"), "*Faces & people › gaze* corrected ·"),
        (3, ("detection", ""), ("detection", None), "*Object detection* corrected from *Depth, stereo / RGB-D (3D) › stereo* 0.81"),
    ],
)
def test_a_corrected_paper_stands_where_it_belongs(number: int, given: tuple[str, str], place: tuple[str, str | None], line: str) -> None:
    """It is under its topic, sure and marked; what the model thinks stays beside it, and no other paper is touched."""
    name = f"2611.{number:05}"
    made, plain = corrected({name: given}), corrected({})
    entry = entry_of(made, name)
    section = next(section for section in made.sections if any(item.entry.paper.id == name for item in section.items))

    assert (section.slug, entry["topic"], entry["subtopic"]) == (place[0], place[0], place[1])
    assert (entry["corrected"], entry["unsure"], entry["probability"]) == (True, False, None)
    assert entry["topics"] == entry_of(plain, name)["topics"]
    assert f"\n{line}" in page(made)
    assert sorted(item.number for item in made.items) == [1, 2, 3, 4]
    for other in {f"2611.{index:05}" for index in range(1, 5)} - {name}:
        assert entry_of(made, other) | {"number": 0} == entry_of(plain, other) | {"number": 0}


def test_corrections_without_a_model_and_without_sections() -> None:
    """A correction holds without a model too; in the flat layout nothing moves."""
    made = corrected({"2611.00001": ("tracking", "")}, model=False)
    assert [section.slug for section in made.sections] == ["tracking", "unclassified"]
    assert entry_of(made, "2611.00001")["topics"] == []

    flat = corrected({"2611.00001": ("tracking", "")}, layout="classic")
    assert [item.entry.paper.id for item in flat.items] == [item.entry.paper.id for item in corrected({}, layout="classic").items]


# -- as a user meets it -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_correction_is_in_the_next_digest(program: Program) -> None:
    """Corrected, made again, removed: the page and its JSON follow, and the end is as the beginning."""
    program("run", "--data", "data")
    before = program.tree()
    assert program("correct", "2611.00001v2", "person-reid/gait", "--data", "data").status == 0
    assert program("correct", "--list", "--data", "data").out == "2611.00001\tperson-reid/gait\t2026-11-20\n"

    found = edition(program("run", "--again", "--data", "data", "--json").out)
    assert (found["edition"], found["changes"]) == (2, ["1 paper has another topic: 2611.00001"])
    entry = next(entry for entry in found["entries"] if entry["id"] == "2611.00001")
    assert (entry["topic"], entry["subtopic"], entry["corrected"], entry["unsure"]) == ("person-reid", "gait", True, False)
    assert re.search(r"› gait\* corrected from \*", program.tree()["2026/2026-11-20-cs.CV.md"].decode())

    assert program("correct", "--remove", "2611.00001", "--data", "data").status == 0
    program("run", "--again", "--data", "data")
    third = edition(program.tree()["2026/2026-11-20-cs.CV.json"].decode())
    assert third == edition(before["2026/2026-11-20-cs.CV.json"].decode()) | {"edition": 3, "changes": found["changes"]}


@pytest.mark.slow
def test_a_damaged_file_does_not_stop_a_digest(program: Program) -> None:
    """The digest is made without corrections, and the warning names the file; so it is for a shelf that is no more."""
    (program.folder / "data").mkdir()
    (program.folder / "data" / FILE).write_text("2611.00001\n", "utf-8")
    done = program("run", "--data", "data", "--json")
    assert not any(entry["corrected"] for entry in edition(done.out)["entries"])
    assert re.search(r"warning: .*corrections\.tsv:1: not a correction.*those that were taken over before count", done.err)

    (program.folder / "data" / FILE).write_text("2611.00001 gone/with-the-wind\n2611.00002 ocr\n", "utf-8")
    done = program("run", "--again", "--data", "data", "--json")
    assert [entry["id"] for entry in edition(done.out)["entries"] if entry["corrected"]] == ["2611.00002"]
    assert "no such place for 2611.00001 (gone/with-the-wind)" in done.err

    (program.folder / "data" / FILE).write_text("nonsense\n", "utf-8")
    done = program("run", "--again", "--data", "data", "--json")
    assert [entry["id"] for entry in edition(done.out)["entries"] if entry["corrected"]] == ["2611.00002"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("2004.00614", "pose-acton"), "there is no topic 'pose-acton'; did you mean pose-action"),
        (("2004.00614", "human-pose"), "there is no topic 'human-pose'; did you mean pose-action/human-pose"),
        (("2004.00614", "pose-action/human-pos"), "pose-action has no subtopic 'human-pos'; did you mean pose-action/human-pose"),
        (("2004.00614", "face/gait"), "face has no subtopic 'gait'; did you mean person-reid/gait"),
        (("2004.00614", "xyzzy"), "there is no topic 'xyzzy'; there are object-detection, face"),
        (("2004.00614", "face/"), "face has no subtopic ''; it has face-recognition"),
        (("2004.0614", "face"), "'2004.0614' is no arXiv identifier"),
        (("--remove", "x"), "'x' is no arXiv identifier"),
        (("2004.00614",), "takes a paper and its topic"),
        ((), "takes a paper and its topic"),
        (("--list", "--remove", "2004.00614"), "takes a paper and its topic"),
    ],
)
def test_wrong_corrections(program: Program, arguments: tuple[str, ...], said: str) -> None:
    """A slip is answered with what was probably meant, and nothing is kept."""
    check_failure(program("correct", *arguments, "--data", "data"), 2, said)

    assert not (program.folder / "data").exists()


def test_removing_what_is_not_there(program: Program) -> None:
    """It is a warning, and makes no file."""
    done = program("correct", "--remove", "2004.00614", "--data", "data")

    assert (done.status, done.out) == (0, "")
    assert "there is no correction of 2004.00614" in done.err
    assert json.dumps(sorted(path.name for path in program.folder.glob("data"))) == "[]"
