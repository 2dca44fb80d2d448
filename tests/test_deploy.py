"""What is in `deploy/` says nothing that the program does not know: each command, option and variable in it exists."""

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from digest.settings import PREFIX, Settings
from tests.reference import ROOT
from tests.test_docs import commands, options

FOLDER = ROOT / "deploy"
FILES = ("cvdigest.service", "cvdigest-due.service", "cvdigest-serve.service", "cvdigest.timer", "Containerfile", "github-actions.yml")
_NOT_YET = {("run", "--due")}
"""What the clock brings."""
_DIRECTIVES = frozenset({"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"})


def text(name: str) -> str:
    """Return a file without its comments."""
    return "\n".join(line for line in (FOLDER / name).read_text("utf-8").splitlines() if not line.lstrip().startswith("#"))


def unit(name: str) -> configparser.ConfigParser:
    """Return a unit of systemd; its keys may stand twice."""
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # keys keep their capitals
    parser.read_string((FOLDER / name).read_text("utf-8"))
    return parser


def called(content: str) -> list[list[str]]:
    """Return the words of each call of the program in a file."""
    found = re.findall(r"(?:^|[\s/=])cvdigest ((?:run|schedule|serve|doctor|status|backfill)\b[^\n|&;`]*)", content)
    arrays = re.findall(r'\["cvdigest", ([^\]]*)\]', content)
    return [shlex.split(words) for words in found] + [re.findall(r'"([^"]*)"', words) for words in arrays]


def test_nothing_else_is_there() -> None:
    """Each file of the folder is tested here, and named in the README."""
    readme = (ROOT / "README.md").read_text("utf-8")

    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(FILES)
    assert [name for name in FILES if f"](deploy/{name})" not in readme] == []


@pytest.mark.parametrize("name", FILES)
def test_each_command_exists(name: str) -> None:
    """The program knows each command and each option that a file calls it with."""
    known = commands()
    for command, *words in called(text(name)):
        wanted = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert command in known
        assert {option for option in wanted if (command, option) not in _NOT_YET} <= set(options(known[command]))


def test_calls_are_found() -> None:
    """The test above reads what is there."""
    assert called(text("cvdigest.service")) == [["schedule"]]
    assert called(text("cvdigest-due.service")) == [["run", "--due"]]
    assert called(text("cvdigest-serve.service")) == [["serve", "--port", "8080"]]
    assert called(text("Containerfile")) == [["doctor", "--offline", "--quiet"]]
    assert called(text("github-actions.yml")) == [["run", "--due"]]


@pytest.mark.parametrize("name", FILES)
def test_each_variable_exists(name: str) -> None:
    """Each variable is that of a setting."""
    variables = {f"{PREFIX}{field.upper()}" for field in Settings.__slots__}

    assert set(re.findall(rf"{PREFIX}[A-Z_]*[A-Z]", (FOLDER / name).read_text("utf-8"))) <= variables


@pytest.mark.parametrize("name", ["cvdigest.service", "cvdigest-due.service", "cvdigest-serve.service"])
def test_a_service_is_closed_in(name: str) -> None:
    """It runs as nobody in particular, writes its state and nothing else, and is given the time that it needs to end."""
    service = dict(unit(name)["Service"])

    assert [service[name] for name in ("DynamicUser", "NoNewPrivileges")] == ["yes", "yes"]
    assert [service[name] for name in ("ProtectSystem", "StateDirectory", "CapabilityBoundingSet")] == ["strict", "cvdigest", ""]
    assert int(service["TimeoutStopSec"]) >= 15
    assert "%S/cvdigest/" in service["Environment"]


def test_what_is_no_failure() -> None:
    """That something has to wait is none for systemd, and none for GitHub."""
    assert {"75", "69"} <= set(unit("cvdigest-due.service")["Service"]["SuccessExitStatus"].split())
    assert "0 | 75) ;;" in text("github-actions.yml")
    assert unit("cvdigest.service")["Service"]["Restart"] == "on-failure"


def test_the_timer_starts_the_service_that_ends() -> None:
    """By spans, so that no change of the clocks leaves one out."""
    timer = unit("cvdigest.timer")["Timer"]

    assert timer["Unit"] == "cvdigest-due.service"
    assert "OnCalendar" not in timer


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("names", [("cvdigest.service",), ("cvdigest-serve.service",), ("cvdigest.timer", "cvdigest-due.service")])
def test_systemd_understands_the_units(tmp_path: Path, names: tuple[str, ...]) -> None:
    """systemd finds no fault with them."""
    for name in names:  # the program is not installed where the units look for it
        (tmp_path / name).write_text((FOLDER / name).read_text("utf-8").replace("/opt/cvdigest/bin/cvdigest", "/bin/true"), "utf-8")
    done = subprocess.run(["systemd-analyze", "verify", *names], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    assert [line for line in (done.stdout + done.stderr).splitlines() if "cvdigest" in line] == []
    assert done.returncode == 0, done.stderr


def test_the_container() -> None:
    """The program is built in a first stage, and runs as a user without rights, with a volume and a check of its health."""
    words = [line.split() for line in re.sub(r"\\\n", " ", text("Containerfile")).splitlines() if line.strip()]
    by_name = {directive: rest for directive, *rest in words}

    assert {directive for directive, *_ in words} == _DIRECTIVES
    assert [rest for directive, *rest in words if directive == "FROM"] == [["python:3.12-slim", "AS", "build"], ["python:3.12-slim"]]
    assert int(by_name["USER"][0]) > 0
    assert by_name["STOPSIGNAL"] == ["SIGTERM"]
    copied = {source for directive, *rest in words if directive == "COPY" and not rest[0].startswith("--") for source in rest[:-1]}
    assert [source for source in sorted(copied) if not (ROOT / source).exists()] == []


def test_the_workflow() -> None:
    """Rights are the least, one run at a time, off the hour, each action at a version, and the state is kept whatever happens."""
    content = text("github-actions.yml")
    minutes = re.findall(r'- cron: "(\d+) ', content)

    assert re.search(r"^permissions:\n  contents: write\n\n", content, re.MULTILINE)
    assert re.search(r"^concurrency:\n  group: cvdigest\n  cancel-in-progress: false$", content, re.MULTILINE)
    assert minutes
    assert "0" not in minutes
    assert all(re.fullmatch(r"actions/[a-z/-]+@v\d+", action) for action in re.findall(r"uses: (\S+)", content))
    assert re.search(r"if: always\(\)\n +uses: actions/cache/save@v\d+\n", content)
    assert "\t" not in content
    assert all((len(line) - len(line.lstrip())) % 2 == 0 for line in content.splitlines())
    # What comes from outside never stands in a script, where a shell would read it.
    assert "${{" not in "".join(re.findall(r"run: \|\n((?: {10}.*\n)+)", content))
