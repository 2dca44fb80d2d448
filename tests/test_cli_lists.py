"""``cvdigest lists show`` as a user meets it."""

import json
from pathlib import Path

import pytest

from digest import cli
from tests import servers

LIST = """# Papers of a Year

## 目标检测(Object Detection)

- [9/10][neat] [A Title of Some Words](https://arxiv.org/abs/2611.00001) (CVPR 2026 Oral) [code](https://github.com/example/a)
- [Another Title of Words](https://arxiv.org/abs/2611.00002)

```
https://arxiv.org/abs/2611.00003
```
"""


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder of its own, at a terminal of 100 columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("CVDIGEST_DATA", str(tmp_path / "data"))
    Path("list.md").write_text(LIST, "utf-8")


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """A row a paper, cut to fit, then what could not be read and how much it is."""
    assert cli.main(["lists", "show", "list.md"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert lines[0].split() == ["arXiv", "Title", "Section", "Shelf", "Venue", "Oral", "Mark", "Links"]
    assert lines[1].startswith("2611.00001  A Title")
    assert {"oral", "9/10", "paper", "code"} <= set(lines[1].split())
    assert "object-" in lines[1]
    assert lines[3].startswith("line 9: it stands in a comment, in code")
    assert lines[4] == "2 papers, 1 lines that look like papers and could not be read"
    assert all(len(line) <= 100 for line in lines[:4])


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """One document with everything."""
    assert cli.main(["lists", "show", "list.md", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert [record["arxiv_id"] for record in told["records"]] == ["2611.00001", "2611.00002"]
    first = told["records"][0]
    assert (first["rating"], first["remark"], first["oral"], first["line"]) == ("9/10", "neat", True, 5)
    assert first["topic"] == "object-detection"
    assert {link["kind"] for link in first["links"]} == {"paper", "code"}
    assert [(entry["line"], entry["arxiv_ids"]) for entry in told["unread"]] == [(9, ["2611.00003"])]


@pytest.mark.parametrize("width", ["1", "30", "60", "200"])
def test_any_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: str) -> None:
    """A narrow terminal is no reason to fail."""
    monkeypatch.setenv("COLUMNS", width)

    assert cli.main(["lists", "show", "list.md"]) == 0
    assert "2611.00002" in capsys.readouterr().out


def test_nothing_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Controls in a list are not written."""
    Path("list.md").write_text("- [A Title \x1b[31m of \x9b Words &#27;[2J](https://arxiv.org/abs/2611.00001)\n", "utf-8")

    assert cli.main(["lists", "show", "list.md"]) == 0
    assert not {"\x1b", "\x9b"} & set(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"\xff\xfe\xff", "is not UTF-16"),
        (b"- \xe9\n", "byte 2 (line 1) is 0xe9"),
        (b"\0", "is no text"),
        (b"a" * (20 * 2**20 + 1), "20 MiB"),
    ],
)
def test_files_that_are_no_list(capsys: pytest.CaptureFixture[str], body: bytes, said: str) -> None:
    """Each is refused with status 2 and the reason."""
    Path("list.md").write_bytes(body)

    assert cli.main(["lists", "show", "list.md"]) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert told.out == ""


@pytest.mark.parametrize(
    "place", ["missing.md", ".", "http://example.org/list.md", "ftp://example.org/list.md", "https://me@example.org/a"]
)
def test_places_that_are_none(capsys: pytest.CaptureFixture[str], place: str) -> None:
    """No such file, a folder, and addresses that are not asked."""
    assert cli.main(["lists", "show", place]) == 2
    assert capsys.readouterr().err.startswith("cvdigest: ")


def test_an_empty_list(capsys: pytest.CaptureFixture[str]) -> None:
    """A file without papers says so."""
    Path("list.md").write_text("", "utf-8")

    assert cli.main(["lists", "show", "list.md"]) == 0
    assert capsys.readouterr().out == "0 papers, 0 lines that look like papers and could not be read\n"


@pytest.mark.slow
def test_a_list_behind_an_address(capsys: pytest.CaptureFixture[str]) -> None:
    """It is fetched and shown; a page that shows a list is refused, and so is what is not there."""
    with servers.arxiv() as server:
        server.pages["/list.csv?raw=1"] = b"title,url\nA Title of Some Words,https://arxiv.org/abs/2611.00001\n"
        server.pages["/page"] = (200, b"<html>", {"Content-Type": "text/html"})

        assert cli.main(["lists", "show", f"{server.url}/list.csv?raw=1", "--quiet"]) == 0
        assert "2611.00001" in capsys.readouterr().out
        assert cli.main(["lists", "show", f"{server.url}/page", "--quiet"]) == 1
        assert "something else than a list" in capsys.readouterr().err
        assert cli.main(["lists", "show", f"{server.url}/none", "--quiet"]) == 1


@pytest.mark.parametrize("arguments", [["lists"], ["lists", "show"], ["lists", "hide"]])
def test_wrong_use(arguments: list[str]) -> None:
    """A command or a list is missing."""
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
