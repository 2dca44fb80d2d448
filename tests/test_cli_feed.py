"""``cvdigest feed`` on the command line, and feeds in the settings."""

import json
from pathlib import Path

import pytest

from digest.cli import main
from digest.core.query import parse
from digest.core.site import OwnFeed
from digest.errors import SettingsError
from digest.settings import read
from digest.store.database import Database, address
from digest.store.search import search
from tests.feedrules import problems
from tests.sites import two_dates


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Path:
    """Give a data folder with two dates of invented papers."""
    return two_dates(tmp_path_factory.mktemp("data"), template)


def printed(sample: Path, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """Return what the command prints."""
    capsys.readouterr()
    assert main(["feed", "--data", str(sample), *options]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(("form", "ending"), [("atom", ".atom.xml"), ("rss", ".rss.xml"), ("json", ".json")])
def test_a_feed_is_printed(sample: Path, capsys: pytest.CaptureFixture[str], form: str, ending: str) -> None:
    """In each format it is valid, and it is nothing else."""
    out = printed(sample, capsys, "--search", "image OR images", "--format", form)

    assert problems(f"query{ending}", out.encode()) == []
    assert "image" in out.lower()


@pytest.mark.parametrize(
    "asked", ["image", "number -segmentation", "title:detect* OR depth", '"neural network"', "author:ecrivain detecting"]
)
def test_it_agrees_with_the_search(sample: Path, capsys: pytest.CaptureFixture[str], asked: str) -> None:
    """A feed lists what ``cvdigest search`` finds."""
    found = json.loads(printed(sample, capsys, "--search", asked, "--format", "json"))["items"]
    database = Database(address("", sample)).open()
    with database.read() as connection:
        wanted = {hit.paper.id for hit in search(connection, parse(asked), most=1000).papers}
    database.close()

    assert {item["url"].rpartition("/")[2] for item in found} == wanted


def test_a_topic_may_be_shortened(sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The beginning of a slug will do, and a title may be given."""
    out = printed(sample, capsys, "--topic", "object-d", "--title", "Boxes & more", "--format", "json")

    assert json.loads(out)["title"] == "Boxes & more"
    assert all("Object detection" in item["tags"] for item in json.loads(out)["items"])


def test_a_file_is_written_if_it_is_different(sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second time it is left alone, so that its time stays."""
    file = tmp_path / "feeds" / "own.xml"
    assert printed(sample, capsys, "--author", "ada", "--search", "images", "--output", str(file)) == ""
    first = file.stat()
    printed(sample, capsys, "--author", "ada", "--search", "images", "--output", str(file))

    assert problems("own.atom.xml", file.read_bytes()) == []
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == (first.st_mtime_ns, first.st_ino)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "nothing is asked for"),
        (["--search=-medical"], "no word to look for"),
        (["--author", "!!"], "no name of an author"),
        (["--topic", "astronomy"], "there is no topic"),
        (["--search", "a\nb"], "search is to be a line of text"),
        (["--search", "  "], "nothing is asked for"),
        (["--search", "a", "--output", ""], "--output names no file"),
    ],
)
def test_slips(sample: Path, capsys: pytest.CaptureFixture[str], options: list[str], told: str) -> None:
    """What cannot be asked for ends with status 2 and a line that says so."""
    assert main(["feed", "--data", str(sample), *options]) == 2
    assert told in capsys.readouterr().err


def test_a_file_that_cannot_be_written(sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder is no file: one line, status 1."""
    assert main(["feed", "--data", str(sample), "--search", "image", "--output", str(tmp_path)]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_without_a_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before the first digest the feed is empty, and the user is told why."""
    assert main(["feed", "--data", str(tmp_path), "--search", "image"]) == 0
    out, err = capsys.readouterr()
    assert problems("own.atom.xml", out.encode()) == []
    assert "there is no database yet" in err


TWO = """category = "cs.CV"

[[feeds]]
name = "event-cameras"
title = "Event cameras"
search = '"event camera" -medical'

[[feeds]]
name = "ada"
author = "Ada Example"
topic = "3d/view-synthesis"
"""


def test_without_an_edition(sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A category of which nothing is stored gives an empty feed, and the user is told."""
    assert main(["feed", "--data", str(sample), "--search", "image", "--category", "cs.LG"]) == 0
    out, err = capsys.readouterr()
    assert problems("own.atom.xml", out.encode()) == []
    assert "no edition of cs.LG is stored, so the feed is empty" in err


def test_feeds_in_a_file(tmp_path: Path) -> None:
    """Each table is a feed; without a title it is called by its name."""
    (tmp_path / "cvdigest.toml").write_text(TWO, "utf-8")

    assert read({}, {}, (tmp_path / "cvdigest.toml",)).feeds == (
        OwnFeed("event-cameras", "Event cameras", '"event camera" -medical'),
        OwnFeed("ada", "ada", author="Ada Example", topic="3d/view-synthesis"),
    )


def test_feeds_in_the_environment() -> None:
    """The same as JSON, in place of those of a file."""
    feeds = read({}, {"CVDIGEST_FEEDS": '[{"name": "ada", "author": "Ada Example"}]'}, ()).feeds

    assert feeds == (OwnFeed("ada", "ada", author="Ada Example"),)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('name = "ada"', 'name = "Ada"', "8: feeds: 'Ada' is no name of a feed"),
        ('name = "ada"', 'name = "event-cameras"', "8: feeds: there are two of the name 'event-cameras'"),
        ('name = "ada"', f'name = "{"a" * 65}"', "8: feeds: '"),
        ('name = "ada"\n', "", "8: feeds: '' is no name of a feed"),
        ('author = "Ada Example"', "author = 7", "8: feeds: author is to be a line of text"),
        ('author = "Ada Example"', 'writer = "Ada Example"', "8: feeds: a feed has no 'writer'"),
        ('topic = "3d/view-synthesis"', 'topic = "3D Vision"', "8: feeds: '3D Vision' is no topic"),
        ('author = "Ada Example"\ntopic = "3d/view-synthesis"\n', "", "8: feeds: ada asks for nothing"),
        ("search = '\"event camera\" -medical'", "search = '-medical'", "3: feeds: there is no word to look for"),
        ('title = "Event cameras"', 'title = "Event\\u0007cameras"', "3: feeds: title is to be a line of text"),
    ],
)
def test_slips_in_a_file(tmp_path: Path, old: str, new: str, told: str) -> None:
    """A mistake is named with the file and the line of its table."""
    assert old in TWO
    path = tmp_path / "cvdigest.toml"
    path.write_text(TWO.replace(old, new), "utf-8")

    with pytest.raises(SettingsError) as caught:
        read({}, {}, (path,))

    assert str(caught.value).startswith(f"{path}:{told}")


@pytest.mark.parametrize("text", ["{", "{}", '["a"]', "[" * 100_000, '[{"name": "a"}]', '[{"name": "a", "search": ["b"]}]'])
def test_slips_in_the_environment(text: str) -> None:
    """So is one in the variable."""
    with pytest.raises(SettingsError, match=r"^CVDIGEST_FEEDS: "):
        read({}, {"CVDIGEST_FEEDS": text}, ())
