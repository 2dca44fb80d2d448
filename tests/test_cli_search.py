"""``cvdigest search`` on the command line."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from digest.cli import main
from digest.commands.search import _lines
from digest.core.domain import Paper
from digest.core.query import Snippet
from digest.store import papers
from digest.store.database import Database, address
from digest.store.search import Hit

PAPER = Paper("2611.00001", "Gaussian Splatting", "We splat gaussians.", ("Ada Example", "B", "C", "D", "E"), ("cs.CV",))
OTHER = Paper("2511.00002", "Splatting \x1b[31mred", "Gaussian noise.", ("Grace Other",), ("cs.GR",))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a data folder whose database has two papers."""
    folder = tmp_path_factory.mktemp("data")
    database = Database(address("", folder)).open()
    with database.write() as connection:
        papers.keep(connection, [PAPER, OTHER], datetime(2026, 11, 20, tzinfo=UTC))
        places = [(PAPER.id, "3d", "view-synthesis", date(2026, 11, 20)), (OTHER.id, "face", "", date(2025, 11, 20))]
        papers.place(connection, places)
    database.close()
    return folder


def test_the_example(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A topic and a first date restrict what is printed: number, title, authors, date, topic, address, snippet."""
    status = main(["search", "gaussian splatting", "--topic", "3d", "--from", "2026-01-01", "--data", str(data)])

    out, err = capsys.readouterr()
    assert status == 0
    assert out.splitlines() == [
        "  1  Gaussian Splatting",
        "     Ada Example, B, C, D and 1 more; 2026-11-20; 3d/view-synthesis",
        "     https://arxiv.org/abs/2611.00001",
        "     We splat gaussians.",
    ]
    assert "1 of 1 paper" in err


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["splatting", "--topic", "fac"], [OTHER.id]),
        (["splatting", "--to", "2025-12-31"], [OTHER.id]),
        (["splatting", "--category", "cs.gr"], [OTHER.id]),
        (["--author", "ada example"], [PAPER.id]),
        (["splatting", "--order", "date", "--most", "1"], [PAPER.id]),
        (["zebra"], []),
    ],
)
def test_as_json(data: Path, capsys: pytest.CaptureFixture[str], options: list[str], expected: list[str]) -> None:
    """Each option restricts what is found; nothing found is an empty list, and no failure."""
    assert main(["search", *options, "--json", "--data", str(data)]) == 0

    assert [paper["id"] for paper in json.loads(capsys.readouterr().out)["papers"]] == expected


def test_nothing_steers_a_terminal(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What an author wrote is text, also where the words that were found stand in bold type."""
    assert main(["search", "noise", "--data", str(data)]) == 0
    assert "\x1b" not in capsys.readouterr().out

    hit = Hit(OTHER, None, "", "", Snippet("a \x1b[2J mesh", ((7, 11),), before=True, after=False))
    lines = _lines(1, hit, bold=True)

    assert lines[-1] == "     ... a  [2J \x1b[1mmesh\x1b[0m"
    assert "\x1b" not in "".join(lines[:-1])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "no word to look for"),
        (["mesh", "--topic", "3dd"], "did you mean 3d"),
        (["mesh", "--topic", "o"], "several topics begin with 'o'; write one of object-detection, "),
        (["mesh", "--topic", "3d/gait"], "person-reid/gait"),
        (["mesh", "--from", "2026-02-30"], "--from"),
        (["mesh", "--from", "2026-02-02", "--to", "2026-02-01"], "is after"),
        (["mesh", "--most", "0"], "--most"),
        (["mesh", "--category", "cs.CV,cs.LG"], "more than one category"),
    ],
)
def test_slips(data: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str) -> None:
    """A slip is named, and the status is 2."""
    assert main(["search", *options, "--data", str(data)]) == 2
    assert said in capsys.readouterr().err


def test_no_database_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who only asks makes no file, is told so, and finds nothing."""
    assert main(["search", "mesh", "--data", str(tmp_path)]) == 0

    out, err = capsys.readouterr()
    assert out == "no paper is found\n"
    assert "there is no database" in err
    assert list(tmp_path.iterdir()) == []
