"""The documentation tells the truth: what a user or a contributor can meet stands in it."""

import argparse
import dataclasses
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from digest.cli import _parser
from digest.errors import DigestError
from digest.render.markdown import anchor
from digest.settings import FILE, PREFIX, Settings
from tests.test_architecture import FLOORS

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
LARGEST_PICTURE = 300_000
_LINK = re.compile(r"\]\(([^()\s]+)\)|(?:src|href)=\"([^\"]+)\"")
_CODE_BLOCK = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_FLOOR = re.compile(r"^ +(\d+(?:\.\d+)?) +(digest[\w.]*)", re.MULTILINE)


def text(name: str) -> str:
    """Return a file of the project as text."""
    return (ROOT / name).read_text("utf-8")


def section(document: str, heading: str) -> str:
    """Return what stands under a heading of the README, up to the next heading of the same level or a higher one."""
    level = heading.partition(" ")[0]
    _, found, rest = document.partition(f"\n{heading}\n")
    assert found, f"there is no heading {heading!r}"
    return re.split(rf"^#{{1,{len(level)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def commands(parser: argparse.ArgumentParser | None = None, above: str = "") -> dict[str, argparse.ArgumentParser]:
    """Return the parser of every subcommand; of a group of them those that are in it, named "group command"."""
    found: dict[str, argparse.ArgumentParser] = {}
    for action in (parser or _parser())._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                found |= commands(below, f"{above}{name} ") or {above + name: below}
    return found


def options(parser: argparse.ArgumentParser) -> list[str]:
    """Return every long option of a parser but ``--help``."""
    return [word for action in parser._actions for word in action.option_strings if word.startswith("--") and word != "--help"]


def own_options(name: str) -> list[str]:
    """Return the options that a subcommand's section must describe: settings are described once, with ``run``."""
    described = {f"--{field.name.replace('_', '-')}" for field in dataclasses.fields(Settings)} & set(options(commands()["run"]))
    settings = described if name != "run" else set()
    described_elsewhere = settings if "--category" in options(commands()[name]) else set()
    return [option for option in options(commands()[name]) if option not in described_elsewhere]


def statuses(error: type[DigestError] = DigestError) -> set[int]:
    """Return every exit status of the tree of errors, and 0."""
    return {0, error.exit_status}.union(*(statuses(leaf) for leaf in error.__subclasses__()))


def links(name: str) -> Iterator[str]:
    """Yield the target of every link and picture in a document, code left out."""
    for match in _LINK.finditer(_CODE_BLOCK.sub("", text(name))):
        yield match[1] or match[2]


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_and_option_is_described(name: str) -> None:
    """Each subcommand has a section in the README, with a row for each of its options."""
    described = section(text("README.md"), f"### cvdigest {name}")

    assert [option for option in own_options(name) if not re.search(rf"^\| `{option}[` ]", described, re.MULTILINE)] == []


@pytest.mark.parametrize("name", sorted(commands()))
def test_no_row_describes_an_option_that_is_gone(name: str) -> None:
    """Each option in the tables of a subcommand's section is one of its parser's."""
    described = section(text("README.md"), f"### cvdigest {name}")

    assert set(re.findall(r"^\| `(--[a-z-]+)", described, re.MULTILINE)) == set(own_options(name))


def test_options_of_the_program_itself_are_described() -> None:
    """What can be asked without a subcommand stands in the README too."""
    assert [option for option in options(_parser()) if f"{option}`" not in text("README.md")] == []


def test_every_setting_is_described() -> None:
    """The README names exactly the variables there are, and the settings file."""
    variables = {PREFIX + field.name.upper() for field in dataclasses.fields(Settings)}

    assert set(re.findall(rf"\b{PREFIX}[A-Z_]*[A-Z]\b", text("README.md"))) == variables
    assert f"`{FILE}`" in section(text("README.md"), "## Settings")


def test_every_exit_status_is_described() -> None:
    """The table of exit statuses has a row for each, and no other."""
    rows = re.findall(r"^\| (\d+) \|", section(text("README.md"), "## Exit status"), re.MULTILINE)

    assert sorted(map(int, rows)) == sorted(statuses())


def test_the_drawing_of_the_house_is_true() -> None:
    """CONTRIBUTING draws every module on the floor that the architecture test gives it."""
    drawn = {name: float(floor) for floor, name in _FLOOR.findall(section(text("CONTRIBUTING.md"), "## The house"))}

    assert drawn == FLOORS


def test_the_quick_start_can_be_typed() -> None:
    """The README's quick start holds its two commands, and the Makefile knows both."""
    block = _CODE_BLOCK.search(section(text("README.md"), "## Quick start"))

    assert block is not None
    assert block[0].splitlines()[1:-1] == ["make digest", "make test"]
    assert {"digest", "test"} <= set(re.findall(r"^([a-z]+):", text("Makefile"), re.MULTILINE))


def test_topics_in_examples_exist() -> None:
    """Every topic that the README's examples choose is one of the catalogue, as it is written there."""
    topics = tomllib.loads(text("models/taxonomy.toml"))["topic"]
    there = {topic["slug"] for topic in topics} | {f"{topic['slug']}/{one['slug']}" for topic in topics for one in topic["subtopics"]}
    blocks = "\n".join(_CODE_BLOCK.findall(text("README.md")))
    chosen = re.findall(r"--topic ([\w/-]+)", blocks)
    chosen += [slug for line in re.findall(r"^topics = \[(.*)\]", blocks, re.MULTILINE) for slug in re.findall(r'"([^"]+)"', line)]
    chosen += [slug.strip() for line in re.findall(r"^[\w.]+@[\w.]+,([^,\n]+),", blocks, re.MULTILINE) for slug in line.split(";")]

    assert len(chosen) > 5
    assert set(chosen) <= there


def test_targets_that_are_described_exist() -> None:
    """Each ``make`` command in CONTRIBUTING is a target of the Makefile."""
    described = set(re.findall(r"`make ([a-z]+)`", text("CONTRIBUTING.md")))

    assert described
    assert described <= set(re.findall(r"^([a-z]+):", text("Makefile"), re.MULTILINE))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    """A link inside the project leads to a file that exists, one inside the document to a heading of it."""
    headings = {anchor(heading) for heading in _HEADING.findall(_CODE_BLOCK.sub("", text(name)))}
    inside = [target for target in links(name) if "://" not in target]

    assert [target for target in inside if target.startswith("#") and target[1:] not in headings] == []
    assert [target for target in inside if not target.startswith("#") and not (ROOT / target.partition("#")[0]).exists()] == []


def test_the_picture_is_small() -> None:
    """The picture of a digest is a PNG, and no burden on who reads the README."""
    picture = (ROOT / "docs" / "digest.png").read_bytes()

    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(picture) <= LARGEST_PICTURE
