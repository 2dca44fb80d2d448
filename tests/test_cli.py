"""The program as a user meets it: a process, its files, what it says and its exit status."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from digest import __version__, cli, resources
from digest.settings import Settings
from tests import pages, servers
from tests.children import Nursery
from tests.pages import Fake
from tests.reference import ROOT, clean_environment, recorded, shared

FRIDAY = date(2026, 11, 20)
FAKES = (
    Fake("2611.00001", "Detecting Objects in Fog", "We detect objects with a detector of bounding boxes."),
    Fake("2611.00002", "Gaussian Splatting of Gardens", "A point cloud and a radiance field reconstruct the scene in 3D."),
    Fake("2611.00003", "A Robot Reads", kind="cross", categories=("cs.RO", "cs.CV"), comments="Accepted to CVPR 2026"),
    Fake("2610.00004", "Again", kind="replaced"),
    Fake("2610.00005", "Again, Elsewhere", kind="replaced-cross", categories=("cs.GR", "cs.CV")),
)
NOW = "2026-11-20T06:00Z"


@dataclass
class Result:
    """What a run left behind."""

    status: int
    out: str
    err: str


@dataclass
class Program:
    """The program in an empty folder, with an environment of its own."""

    folder: Path
    nursery: Nursery
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str | Path) -> Result:
        """Run it, forked from a process that has loaded it."""
        done = self.nursery.run(list(map(str, arguments)), {"CVDIGEST_SECOND_OPINION": "", **self.environment}, inside=self.folder)
        return Result(done.wait(), done.out, done.err)

    def anew(self, *arguments: str | Path) -> Result:
        """Run it in an interpreter of its own, which takes ten times as long."""
        done = subprocess.run(
            [sys.executable, "-m", "digest", *map(str, arguments)],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return Result(done.returncode, done.stdout, done.stderr)

    def tree(self) -> dict[str, bytes]:
        """Return every file below ``digests``."""
        out = self.folder / "digests"
        return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


@pytest.fixture
def arxiv() -> Iterator[servers.Arxiv]:
    """Play arXiv with one small announcement."""
    with servers.arxiv() as state:
        state.pages["/list/cs.CV/new"] = pages.new(FAKES, FRIDAY)
        state.pages["/catchup/cs.CV/2026-11-19?abs=True"] = pages.catchup((), date(2026, 11, 19), following=FRIDAY)
        yield state


@pytest.fixture
def program(tmp_path: Path, arxiv: servers.Arxiv, nursery: Nursery) -> Program:
    """Return the program, turned towards the server that plays arXiv."""
    home = tmp_path / "home"
    home.mkdir()
    return Program(
        tmp_path,
        nursery,
        clean_environment(
            home / "config", HOME=str(home), XDG_DATA_HOME=str(home / "data"), CVDIGEST_ARXIV_URL=arxiv.url, CVDIGEST_NOW=NOW
        ),
    )


def schema() -> dict[str, Any]:
    """Return the JSON Schema of an edition."""
    loaded: dict[str, Any] = json.loads((resources.folder("models") / "edition.schema.json").read_text("utf-8"))
    return loaded


def edition(text: str) -> dict[str, Any]:
    """Return an edition after it was found to be one."""
    loaded: dict[str, Any] = json.loads(text)
    jsonschema.validate(loaded, schema(), format_checker=jsonschema.FormatChecker())
    return loaded


def test_a_run(program: Program) -> None:
    """A run leaves the page, its JSON and the index, and says where."""
    done = program.anew("run")

    assert (done.status, sorted(program.tree())) == (0, ["2026/2026-11-20-cs.CV.json", "2026/2026-11-20-cs.CV.md", "README.md"])
    assert done.out.splitlines() == [
        "cs.CV 2026-11-20: 2 new, 1 cross-listed, 2 replaced; 3 listed",
        str(Path("digests") / "2026" / "2026-11-20-cs.CV.md"),
    ]
    assert "[Fri, 20 Nov 2026](2026/2026-11-20-cs.CV.md)" in program.tree()["README.md"].decode()
    assert "\x1b" not in done.out + done.err


@pytest.mark.slow
def test_the_same_bytes(program: Program, arxiv: servers.Arxiv) -> None:
    """A second run asks arXiv nothing and leaves the same bytes, whatever the hash seed and the time zone."""
    program.anew("run")
    first, asked = program.tree(), len(arxiv.asked)
    program.environment |= {"PYTHONHASHSEED": "7", "TZ": "Pacific/Apia", "LC_ALL": "C"}
    again = program.anew("run", "--date", "2026-11-20")

    assert (again.status, program.tree(), len(arxiv.asked)) == (0, first, asked)


def test_json(program: Program) -> None:
    """--json prints the edition and nothing else; it is the file beside the page, and fits the schema."""
    done = program("run", "--json")
    found = edition(done.out)

    assert done.out.encode() == program.tree()["2026/2026-11-20-cs.CV.json"]
    assert (found["date"], found["category"], found["state"]) == ("2026-11-20", "cs.CV", "published")
    assert found["counts"] == {"new": 2, "cross": 1, "replaced": 1, "replaced-cross": 1}
    assert [entry["number"] for entry in found["entries"]] == [1, 2, 3]
    assert {entry["id"] for entry in found["entries"]} == {"2611.00001", "2611.00002", "2611.00003"}
    robot = next(entry for entry in found["entries"] if entry["id"] == "2611.00003")
    assert (robot["kind"], robot["primary"], robot["venue"], robot["version"]) == ("cross", "cs.RO", "CVPR 2026", None)
    assert robot["topic"] == robot["topics"][0]["topic"]
    assert "asking" in done.err


def test_numbers_are_those_of_the_page(program: Program) -> None:
    """The JSON numbers its entries as the page does."""
    found = edition(program("run", "--json").out)
    page = program.tree()["2026/2026-11-20-cs.CV.md"].decode()

    for entry in found["entries"]:
        assert f"### {entry['number']}.{entry['title']}  [ :arrow_down: ](https://arxiv.org/pdf/{entry['id']}.pdf)" in page


@pytest.mark.slow
@pytest.mark.parametrize(("include", "expected"), [("new", 2), ("cross", 1), ("replaced", 2), ("new,cross,replaced", 5)])
def test_include(program: Program, include: str, expected: int) -> None:
    """--include chooses the kinds; replaced means both kinds of replacement."""
    assert len(edition(program("run", "--json", "--include", include).out)["entries"]) == expected


def test_classic(program: Program) -> None:
    """The classic page is one flat list: new submissions, then cross-lists, each by descending identifier."""
    program("run", "--layout", "classic")
    page = program.tree()["2026/2026-11-20-cs.CV.md"].decode()

    assert page.startswith("# ArXiv cs.CV --Fri, 20 Nov 2026\n### 1.")
    assert re.findall(r"^### (\d+)\..*/(\d+\.\d+)\.pdf\)\n>  \S", page, re.MULTILINE) == [
        ("1", "2611.00002"),
        ("2", "2611.00001"),
        ("3", "2611.00003"),
    ]


def test_a_date_without_announcement(program: Program) -> None:
    """It is done, says why, leaves its state and no page."""
    done = program("run", "--date", "2026-11-19")

    assert done.status == 0
    assert "without an announcement" in done.out
    assert list(program.tree()) == ["2026/2026-11-19-cs.CV.json"]
    assert edition(program.tree()["2026/2026-11-19-cs.CV.json"].decode())["state"] == "none"


def test_a_weekend(program: Program, arxiv: servers.Arxiv) -> None:
    """A Saturday is none without a question to arXiv, also as JSON."""
    program.environment["CVDIGEST_NOW"] = "2026-11-23T06:00Z"
    found = edition(program("run", "--date", "2026-11-21", "--json").out)

    assert (found["state"], found["entries"], arxiv.asked) == ("none", [], [])
    assert "weekend" in found["reason"] or "Saturday" in found["reason"]


def test_quiet(program: Program) -> None:
    """--quiet says nothing when all is well."""
    done = program("run", "--quiet")

    assert (done.status, done.out, done.err) == (0, "", "")


def test_without_a_model(program: Program, tmp_path: Path) -> None:
    """A digest comes out without a model: everything unclassified, with a warning."""
    done = program("run", "--json", "--model", tmp_path / "nowhere")
    found = edition(done.out)

    assert done.status == 0
    assert "warning: the model in" in done.err
    assert found["model"] is None
    assert {(entry["topic"], entry["probability"], entry["unsure"]) for entry in found["entries"]} == {(None, None, True)}
    assert "## Unclassified" in program.tree()["2026/2026-11-20-cs.CV.md"].decode()


@pytest.mark.slow
def test_a_model_for_another_catalogue(program: Program, tmp_path: Path) -> None:
    """A model that sorts into topics of another catalogue is not used, and no paper is lost."""
    shutil.copytree(resources.folder("models") / "default", tmp_path / "model")
    manifest = tmp_path / "model" / "manifest.json"
    manifest.write_text(manifest.read_text("utf-8").replace('"object-detection"', '"astrology"'), "utf-8")
    done = program("run", "--json", "--model", tmp_path / "model")

    assert len(edition(done.out)["entries"]) == 3
    assert "topics that the catalogue does not have (astrology)" in done.err


def test_nothing_to_list(program: Program, arxiv: servers.Arxiv) -> None:
    """An announcement without the kinds that were asked for gives a page that says so."""
    arxiv.pages["/list/cs.CV/new"] = pages.new(FAKES[:2], FRIDAY)
    found = edition(program("run", "--json", "--include", "replaced").out)
    page = program.tree()["2026/2026-11-20-cs.CV.md"].decode()

    assert (found["entries"], found["counts"]["new"], found["model"] is None) == ([], 2, False)
    assert "None of them is of a kind that this page lists." in page
    assert "## Contents" not in page


@pytest.mark.slow
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams(program: Program, closed: str) -> None:
    """Without standard output or standard error the files are made all the same."""
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m digest run {closed}"], cwd=program.folder, env=program.environment, check=False
    )

    assert (done.returncode, len(program.tree())) == (0, 3)


@pytest.mark.slow
def test_a_full_device(program: Program) -> None:
    """A standard output that cannot be written is one line, and the files are made."""
    command = f"{sys.executable} -m digest run >/dev/full"
    done = subprocess.run(["bash", "-c", command], cwd=program.folder, env=program.environment, capture_output=True, text=True, check=False)

    assert (done.returncode, len(program.tree())) == (1, 3)
    assert done.stderr.splitlines()[-1].startswith("cvdigest: standard output cannot be written: ")


@pytest.mark.slow
def test_another_encoding(program: Program, arxiv: servers.Arxiv) -> None:
    """JSON is UTF-8 whatever the locale."""
    arxiv.pages["/list/cs.CV/new"] = pages.new([Fake("2611.00001", "Straße", authors=("Łukasz Ünal",))], FRIDAY)
    program.environment |= {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-m", "digest", "run", "--json"]
    done = subprocess.run(command, cwd=program.folder, env=program.environment, capture_output=True, check=False)

    assert edition(done.stdout.decode())["entries"][0]["authors"] == ["Łukasz Ünal"]


def test_the_sample(program: Program) -> None:
    """The sample needs no arXiv, says what it is at its top, and stands apart from real editions."""
    program.environment["CVDIGEST_ARXIV_URL"] = "http://127.0.0.1:9"
    found = edition(program("run", "--sample", "--json").out)
    page = program.tree()["sample/2026/2026-01-06-cs.CV.md"].decode()

    assert found["sample"] is True
    assert len(found["entries"]) == 36
    assert "This is a sample." in "\n".join(page.splitlines()[:4])
    assert len({entry["topic"] for entry in found["entries"]}) >= 14


def check_failure(done: Result, status: int, said: str) -> None:
    """One line on standard error, nothing on standard output, no traceback."""
    assert (done.status, done.out) == (status, ""), done
    line = done.err.splitlines()[-1]
    assert line.startswith("cvdigest: ")
    assert re.search(said, line), line
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--date", "yesterday"), "is no date; write it as YYYY-MM-DD"),
        (("--date", "2026-02-30"), "is no date"),
        (("--date", "20261120"), "is no date"),
        (("--date", "٢٠٢٦-١١-٢٠"), "is no date"),
        (("--date", "2027-01-01"), "lies in the future"),
        (("--category", "../../etc"), "is no arXiv category"),
        (("--layout", "wide"), "is no layout"),
        (("--include", "old"), "cannot be included"),
        (("--source", "telepathy"), "is no source"),
        (("--source", "file:nowhere.html"), "nowhere.html cannot be read"),
        (("--pace", "-1"), "is no pace"),
        (("--pace", "nan"), "is no pace"),
        (("--arxiv-url", "ftp://x"), "is no base URL"),
        (("--now", "soon"), "--now"),
        (("--contact", "a\nb"), "cannot stand in a User-Agent"),
        (("--pace", "x"), "is no pace"),
        (("--include", ""), "cannot be included"),
        (("--now", "0001-01-01T00:00+14:00"), "no instant at which arXiv can be asked"),
        (("--now", "9999-12-31T23:59"), "no instant at which arXiv can be asked"),
        (("--sample", "--date", "2026-11-20"), "--sample has a date"),
    ],
)
def test_wrong_use(program: Program, arguments: Sequence[str], said: str) -> None:
    """What cannot be is said in one line, with status 2, before arXiv is asked."""
    check_failure(program("run", *arguments), 2, said)

    assert program.tree() == {}


@pytest.mark.parametrize(
    "url", ["http://ada:geheim@127.0.0.1:8700", "http://geheim@127.0.0.1", "http://:geheim@127.0.0.1", "ftp://a:geheim@x"]
)
def test_a_password_is_not_repeated(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An address with a name or a password in it is no base URL, and what is said of it does not hold the password."""
    assert cli.main(["run", "--arxiv-url", url]) == 2
    said = capsys.readouterr().err

    assert "is no base URL" in said
    assert "geheim" not in said


@pytest.mark.parametrize(
    ("url", "pace", "seconds"),
    [
        ("https://arxiv.org", 0.1, 3.0),
        ("https://arxiv.org", 20.0, 20.0),
        ("https://arxiv.org", None, 15.0),
        ("https://example.org", 0.0, 3.0),
        ("http://127.0.0.1:8700", 0.1, 0.1),
        ("http://localhost", 0.0, 0.0),
        ("http://[::1]:8700", None, 0.0),
        ("https://127.0.0.1.example.org", 0.1, 3.0),
    ],
)
def test_the_pace_in_force(url: str, pace: float | None, seconds: float) -> None:
    """Towards arXiv no pace is quicker than its terms of use allow; on loopback it is taken as it is."""
    assert Settings(arxiv_url=url, pace=pace).seconds_between == seconds


@pytest.mark.slow
def test_a_category_that_arxiv_does_not_know(program: Program, arxiv: servers.Arxiv) -> None:
    """arXiv's own answer decides which categories there are."""
    arxiv.pages["/list/cs.XX/new"] = (400, b"<html><h1>Invalid archive or category: cs.XX</h1></html>", {})

    check_failure(program("run", "--category", "cs.XX"), 2, "knows no category 'cs.XX'")
    check_failure(program("run", "--category", "cs.XX", "--date", "2026-11-18"), 2, "knows no category 'cs.XX'.*did you mean cs")
    check_failure(program("run", "--date", "2026-11-18"), 1, "arXiv answered 404")


def test_unreachable(program: Program) -> None:
    """An arXiv that is not there ends with 69."""
    check_failure(program("run", "--arxiv-url", "http://127.0.0.1:9"), 69, "cannot be reached")


@pytest.mark.slow
def test_busy(program: Program, arxiv: servers.Arxiv) -> None:
    """An arXiv that stays busy is asked a few times and ends with 69."""
    arxiv.pages["/list/cs.CV/new"] = (503, b"busy", {})

    check_failure(program("run"), 69, "answered 503 for .*the page is kept as .*refused")
    assert arxiv.asked.count("/list/cs.CV/new") == 4


def test_forbidden(program: Program, arxiv: servers.Arxiv) -> None:
    """A refusal ends with 69."""
    arxiv.pages["/list/cs.CV/new"] = (403, b"", {})

    check_failure(program("run"), 69, "refuses to serve us")


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (pages.new(FAKES, FRIDAY)[:-400], 75, r"the page is kept as .*refused"),
        (pages.new(FAKES, FRIDAY).replace(b"2 of 2", b"2 of 3"), 75, r"2 of 3 new entries are there; the page is kept as .*refused"),
        (b"<html><body><h1>Sorry</h1></body></html>", 1, "not a listing page"),
    ],
)
def test_pages_that_cannot_be_used(program: Program, arxiv: servers.Arxiv, body: bytes, status: int, said: str) -> None:
    """A page that cannot be used is kept and named, and no digest is made of it."""
    arxiv.pages["/list/cs.CV/new"] = body

    check_failure(program("run"), status, said)
    assert program.tree() == {}


def test_not_announced_yet(program: Program) -> None:
    """The next announcement is a reason to come back later."""
    check_failure(program("run", "--date", "2026-11-23"), 75, "arXiv announces it on 2026-11-23 at 01:00 UTC")


def test_an_output_folder_that_is_a_file(program: Program) -> None:
    """An output folder that cannot be written ends with 1 and names itself."""
    (program.folder / "digests").write_text("in the way", "utf-8")

    check_failure(program("run"), 1, "cannot be written.*--out")
    assert (program.folder / "digests").read_text("utf-8") == "in the way"


def test_a_data_folder_that_is_a_file(program: Program) -> None:
    """A data folder that cannot be written ends with 1 and names itself."""
    (program.folder / "data").write_text("in the way", "utf-8")

    check_failure(program("run", "--data", "data"), 1, "data/cvdigest.db cannot be opened.*--data")


def test_settings_in_a_file(program: Program) -> None:
    """A settings file says the same as options; the environment wins over it, the command line over both."""
    (program.folder / "cvdigest.toml").write_text('layout = "classic"\ninclude = ["replaced"]\nout = "from-file"\n', "utf-8")
    program.environment["CVDIGEST_INCLUDE"] = "new"
    found = edition(program("run", "--json", "--out", "digests").out)

    assert (found["layout"], {entry["kind"] for entry in found["entries"]}) == ("classic", {"new"})
    assert not (program.folder / "from-file").exists()


@pytest.mark.slow
def test_what_is_said_can_be_set(program: Program) -> None:
    """A date, JSON and silence can be set in a file and by variables too; an option of the command line wins."""
    (program.folder / "cvdigest.toml").write_text("json = true\nquiet = true\ndate = 2026-11-19\n", "utf-8")
    done = program("run")
    assert (edition(done.out)["date"], done.err) == ("2026-11-19", "")

    program.environment |= {"CVDIGEST_JSON": "no", "CVDIGEST_QUIET": "false"}
    assert program("run", "--date", "2026-11-20").out.startswith("cs.CV 2026-11-20: ")


def test_settings_in_the_users_folder(program: Program) -> None:
    """Without a file in the working directory, that of the user's configuration folder counts."""
    folder = Path(program.environment["XDG_CONFIG_HOME"]) / "cvdigest"
    folder.mkdir(parents=True)
    (folder / "cvdigest.toml").write_text('include = "cross"\n', "utf-8")

    assert [entry["kind"] for entry in edition(program("run", "--json").out)["entries"]] == ["cross"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('category = "cs.CV"\nlayout = \n', r"cvdigest\.toml:2: "),
        ('category = "cs.CV"\n\ncolour = "blue"\n', r"cvdigest\.toml:3: there is no setting 'colour'"),
        ('mail-sever = "x"\n', r"cvdigest\.toml:1: there is no setting 'mail-sever'; did you mean mail-server\?"),
        ("# pace\npace = true\n", r"cvdigest\.toml:2: pace"),
        ('# out\n\n\n"pace" = "fast"\n', r"cvdigest\.toml:4: pace"),
        ("[run]\npace = 3\n", r"cvdigest\.toml:1: there is no setting 'run'"),
        ("quiet = 1\n", r"cvdigest\.toml:1: quiet cannot be 1"),
        ('json = "perhaps"\n', r"cvdigest\.toml:1: json: 'perhaps' is neither true nor false"),
        ("date = 2026-11-20T01:00:00Z\n", r"cvdigest\.toml:1: date"),
        ("include = []\n", r"cvdigest\.toml:1: include: nothing is included"),
        ('# where\nout = "a\\u0000b"\n', r"cvdigest\.toml:2: out"),
        ('source = "file:\\u0000"\n', r"cvdigest\.toml:1: source"),
        ('category = "cs.CV"\ncategory = "cs.LG"\n', r"cvdigest\.toml:2: "),
        ("category = 'a\x00b'\n", r"cvdigest\.toml:1: "),
    ],
)
def test_malformed_settings(program: Program, text: str, said: str) -> None:
    """A malformed settings file is named with its line."""
    (program.folder / "cvdigest.toml").write_text(text, "utf-8")

    check_failure(program("run"), 2, said)


def test_settings_that_are_no_text(program: Program) -> None:
    """A settings file in another encoding is an error with its name."""
    (program.folder / "cvdigest.toml").write_bytes(b"\xff\xfe\x00")

    check_failure(program("run"), 2, r"cvdigest\.toml:1: cannot be read")


def test_a_malformed_variable(program: Program) -> None:
    """A malformed variable is named."""
    program.environment["CVDIGEST_PACE"] = "slow"

    check_failure(program("run"), 2, "CVDIGEST_PACE")


def test_version_and_help() -> None:
    """--version names the version; --help answers without loading what is heavy."""
    probe = (
        "import sys; from digest.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'sklearn', 'numpy', 'scipy', 'requests', 'jinja2', 'selectolax'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--version"])
    assert stopped.value.code == 0
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)


def test_a_run_does_not_load_scikit_learn(program: Program) -> None:
    """A digest is made without loading what only training needs."""
    probe = "import sys; from digest.cli import main\nassert main(['run', '--sample', '--quiet']) == 0\nassert 'sklearn' not in sys.modules"
    done = subprocess.run(
        [sys.executable, "-c", probe], cwd=program.folder, env=program.environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_reader_that_goes_away(program: Program) -> None:
    """A pipe that is closed early is no error worth a traceback."""
    command = f"{sys.executable} -m digest run --json | head -c 10"
    done = subprocess.run(["bash", "-c", command], cwd=program.folder, env=program.environment, capture_output=True, text=True, check=False)

    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_letters_in_errors_do_not_steer_the_terminal(program: Program, arxiv: servers.Arxiv) -> None:
    """What arXiv's page says goes into an error as text."""
    arxiv.pages["/list/cs.CV/new"] = b"<html><h1>\x1b[2J\x07Sorry</h1></html>"
    done = program("run")

    assert (done.status, "\x1b" in done.err, "\x07" in done.err) == (1, False, False)


# -- on recorded answers ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("day", "count"),
    [(9, 71), (10, 263), (11, 94), (12, 85), (13, 104), (17, 301), (18, 118), (20, 104), (16, 0), (19, 0)],
)
def test_recorded_days(program: Program, arxiv: servers.Arxiv, day: int, count: int) -> None:
    """Each recorded day gives as many entries as arXiv states, every id once; two of them have no announcement."""
    name = {
        10: "catchup_catchup_cs.CV_2026-11-10_abs=True",
        16: "catchup_edge_catchup_cs.CV_2026-11-16_abs=True",
        20: "list_list_cs.CV_new",
    }.get(day, f"catchup_cs.CV_2026-11-{day:02}_abs=True")
    address = "/list/cs.CV/new" if day == 20 else f"/catchup/cs.CV/2026-11-{day:02}?abs=True"
    arxiv.pages[address] = recorded(f"nov2026/html_{name}.html")
    found = edition(program("run", "--date", f"2026-11-{day:02}", "--json").out)

    assert found["state"] == ("published" if count else "none")
    assert len({entry["id"] for entry in found["entries"]}) == len(found["entries"]) == count
    assert found["counts"]["new"] + found["counts"]["cross"] == count


def test_the_seed_page(program: Program, arxiv: servers.Arxiv) -> None:
    """The classic page of 2 April 2020 is the page that the project started from: numbers, titles, links, abstracts."""
    arxiv.pages["/catchup/cs.CV/2020-04-02?abs=True"] = recorded("seed-2020-04-02/html_seed_catchup_cs.CV_2020-04-02_abs=True.html")
    done = program("run", "--date", "2020-04-02", "--source", "catchup", "--layout", "classic")
    seed = next((shared() / "seeds").glob("002_*")).read_text("utf-8")
    ours = program.tree()["2020/2020-04-02-cs.CV.md"].decode()

    assert done.status == 0
    assert ours.splitlines()[0] == seed.splitlines()[0]
    assert [entry[:3] for entry in entries(ours)] == [entry[:3] for entry in entries(seed)]
    assert len(entries(ours)) == 64
    for mine, theirs in zip(entries(ours), entries(seed), strict=True):
        assert reduced(mine[3]) == reduced(theirs[3])
        for url in re.findall(r'<a [^>]*href="([^"]+)"', theirs[3]):
            assert mine[3].count(url) == 1


def entries(page: str) -> list[tuple[str, ...]]:
    """Return number, title, PDF link and abstract of every entry of a classic page."""
    found = re.findall(r"^### (\d+)\.(.*?)  \[ :arrow_down: \]\((.*?)\)\n>  (.*)$", page, re.MULTILINE)
    return [tuple(entry) for entry in found]


def reduced(abstract: str) -> str:
    """Return an abstract as plain text: anchors as their targets, no tags, no entities, no escapes, single spaces."""
    text = re.sub(r'<a [^>]*href="([^"]*)"[^>]*>this https? URL</a>', r"\1", abstract)
    text = re.sub(r"<[^>]*>", "", text).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return " ".join(re.sub(r"\\(?=[!-/:-@\[-`{-~])", "", text).split())
