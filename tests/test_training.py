"""Teaching by lists: what is learnt from what, what is refused, and that a model in use is never harmed."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import cli, curating, resources, training
from digest.catalogue.daily import Label
from digest.catalogue.merge import Filed
from digest.classify import model
from digest.errors import PublishError, UsageError

FRUIT = ["apple orchard cider", "pear perry tart", "plum jam stone"]
TOOLS = ["hammer nail steel", "saw wood blade", "chisel edge mallet"]


def own_list(papers: int = 8) -> str:
    """Return an invented list of two topics with two subtopics each."""
    lines = ["# Things of 2031", ""]
    for topic, words in (("Fruit (\u6c34\u679c)", FRUIT), ("Tools", TOOLS)):
        lines.append(f"## {topic}")
        for number, word in enumerate(words[:2]):
            lines.append(f"### {word.split()[0].title()}s")
            for index in range(papers):
                identifier = f"31{number:02d}.{topic[0] == 'F':d}{index:04d}"
                lines.append(f"{index + 1}. {word.title()} and What It Gives Number {index}<br>")
                lines.append(f"Paper\uff1ahttps://arxiv.org/abs/{identifier}")
    return "\n".join(lines) + "\n"


def abstracts(folder: Path, text: str, share: float = 1.0) -> Path:
    """Write abstracts of a *share* of the papers of a list."""
    path = folder / "abstracts.jsonl"
    records = curating.read([write(folder, text)], [], print)["list"]
    kept = records[: round(len(records) * share)]
    path.write_text(
        "".join(
            json.dumps({"arxiv_id": one.arxiv_id, "title": one.title, "abstract": f"We study {one.title.lower()}."}) + "\n" for one in kept
        ),
        "utf-8",
    )
    return path


def write(folder: Path, text: str | bytes, name: str = "list.md") -> Path:
    """Write a list into *folder*."""
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


Train = Callable[..., tuple[int, str, Path]]


@pytest.fixture
def train(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Train:
    """Return a function that trains by the command line; it returns the exit status, what was said, and the model's folder."""

    def run(*arguments: str | Path) -> tuple[int, str, Path]:
        out = tmp_path / "made"
        status = cli.main(["train", *map(str, arguments), "--out", str(out), "--data", str(tmp_path / "data")])
        return status, "".join(capsys.readouterr()), out

    return run


def test_own_headings_become_the_topics(train: Train, tmp_path: Path) -> None:
    """A single list is enough: its headings are the topics, those below them the subtopics, the venue's name is neither."""
    path = write(tmp_path, own_list())
    status, said, out = train("--lists", path, "--abstracts", abstracts(tmp_path, own_list()))

    assert status == 0, said
    made = model.load(out)
    assert made.taxonomy is not None
    assert list(made.taxonomy.names().values()) == ["Fruit (\u6c34\u679c)", "Tools"]
    assert made.topics == ("fruit-\u6c34\u679c", "tools")
    assert {sub for topic, sub in made.subtopics if topic == "tools"} == {"hammers", "saws"}
    opinion = made.classify([("Hammer nail steel again", "We study hammers and steel nails.")])[0]
    assert (opinion.best.topic, opinion.best.subtopic) == ("tools", "hammers")


def test_a_digest_with_own_topics(train: Train, tmp_path: Path) -> None:
    """A digest made with such a model stands under the list's own headings."""
    status, said, out = train("--lists", write(tmp_path, own_list()))
    assert status == 0, said
    assert cli.main(["run", "--sample", "--model", str(out), "--out", str(tmp_path / "digests"), "--quiet"]) == 0
    page = next((tmp_path / "digests" / "sample").rglob("20*.md")).read_text("utf-8")
    headings = {line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")}
    assert headings <= {"Contents", "Fruit (\u6c34\u679c)", "Tools", "Unsure"}
    assert headings & {"Fruit (\u6c34\u679c)", "Tools", "Unsure"}


def test_missing_abstracts_are_named(train: Train, tmp_path: Path) -> None:
    """Where half of the abstracts are missing, the papers are learnt from by their titles, and a warning says so."""
    path = write(tmp_path, own_list())
    status, said, _ = train("--lists", path, "--abstracts", abstracts(tmp_path, own_list(), 0.5))

    assert status == 0
    assert "warning: 16 of the lists' 32 papers have no abstract" in said


def test_a_topic_with_few_papers_is_named(train: Train, tmp_path: Path) -> None:
    """Fewer than five papers teach hardly anything, and the topic is named."""
    text = (
        own_list()
        + "## Rare\n1. Vellum and Parchment Again<br>\n2. Vellum and Parchment Twice<br>\nPaper: https://arxiv.org/abs/3112.00002\n"
    )
    status, said, _ = train("--lists", write(tmp_path, text))

    assert status == 0, said
    assert "warning: rare: only" in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "no paper can be read"),
        ("Nothing but prose, and no paper at all.\n", "no paper can be read"),
        (
            "".join(f"{n}. The Apple Orchard Study Number {n}<br>\nPaper: https://arxiv.org/abs/3101.{n:05d}\n" for n in range(1, 9)),
            "no headings",
        ),
        (
            "".join(
                f"## Heading {chr(65 + n)}x\n1. An Apple Orchard Study Number {n}<br>\nPaper: https://arxiv.org/abs/3101.{n:05d}\n"
                for n in range(20)
            ),
            "no two headings have 5 papers",
        ),
        (b"# Fruit\n1. \xff\xfe broken <br>\n", "not UTF-8"),
    ],
    ids=["empty", "prose", "no headings", "all different", "not utf-8"],
)
def test_lists_that_teach_nothing(train: Train, tmp_path: Path, content: str | bytes, reason: str) -> None:
    """A list that nothing can be learnt from is refused with the reason, and the model that was there stays as it was."""
    status, said, out = train("--lists", write(tmp_path, own_list(), "good.md"))
    assert status == 0, said
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    status, said, out = train("--lists", write(tmp_path, content))

    assert status == 2, said
    assert reason in said
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in out.parent.iterdir() if path.name.startswith(".made")] == []


def test_a_huge_list_is_refused(train: Train, tmp_path: Path) -> None:
    """A list larger than any list of papers is refused before it is read."""
    path = tmp_path / "list.md"
    with path.open("wb") as file:
        file.truncate(100 * 2**20)

    status, said, out = train("--lists", path)

    assert (status, out.exists()) == (2, False)
    assert "larger than 20 MiB" in said


@pytest.mark.parametrize(
    "arguments", [(), ("--lists", "nowhere.md"), ("--lists", "x", "--terms", "mine"), ("--abstracts", "nowhere.jsonl")]
)
def test_wrong_use(train: Train, arguments: tuple[str, ...]) -> None:
    """What cannot be done is said, and nothing is written."""
    status, said, out = train(*arguments)

    assert (status, out.exists()) == (2, False)
    assert said.startswith("cvdigest:") or "\ncvdigest:" in said


def test_a_cut_corpus(train: Train, tmp_path: Path) -> None:
    """A gzip file that ends too soon is an error with its name."""
    path = tmp_path / "corpus.jsonl.gz"
    whole = gzip.compress(b"".join(json.dumps({"title": f"T {n}", "abstract": "a b c"}).encode() + b"\n" for n in range(500)))
    path.write_bytes(whole[:-20])

    status, said, out = train("--abstracts", path)

    assert (status, out.exists()) == (2, False)
    assert "corpus.jsonl.gz" in said


def lesson(tmp_path: Path, rows: list[dict[str, object]], **more: object) -> training.Lesson:
    """Return a lesson with a corpus of these rows."""
    path = tmp_path / "corpus.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return training.Lesson(resources.taxonomy().shelves(), [path], **more)  # type: ignore[arg-type]


def rows(count: int = 40) -> list[dict[str, object]]:
    """Return unlabelled papers, half about trackers and half about texts."""
    words = ("tracking objects through frames", "recognising text in scenes")
    return [
        {"arxiv_id": f"3101.{n:05d}", "title": f"{words[n % 2]} {n}", "abstract": f"a study of {words[n % 2]}, the {n}th"}
        for n in range(count)
    ]


def filed(count: int = 40) -> list[Filed]:
    """Return where a curator puts the papers of `rows`."""
    shelves = (("tracking", "tracking"), ("ocr", "ocr"))
    return [Filed("somebody", f"Another title {n}", f"3101.{n:05d}", *shelves[n % 2]) for n in range(count)]


def test_reserved_papers_are_never_learnt(tmp_path: Path) -> None:
    """A paper that measures the model is not learnt from, whoever files it, under whatever identifier."""
    twice: list[dict[str, object]] = [
        *rows(),
        {"arxiv_id": "3102.00001", "title": "Tracking objects through frames 0!", "abstract": "the same paper again"},
        {
            "arxiv_id": "3102.00002",
            "title": "The same under another title",
            "abstract": "A study of tracking objects through frames: the 0th.",
        },
    ]
    labels = [Label(f"3102.0000{number}", ("ocr", "ocr"), ()) for number in (1, 2)] + [Label("3101.00000", ("ocr", "ocr"), ())]
    about = training.teach(
        lesson(
            tmp_path, twice, filed=filed(), daily=labels, reserved=frozenset({"3101.00000", "3101.00003"}),
            corrections={"3101.00003": ("ocr", "ocr")},
        ),
        tmp_path / "model",
        name="toy",
    )  # fmt: skip

    assert about["papers"] == 38
    for title in ("tracking objects through frames 0", "recognising text in scenes 3", "the same under another title"):
        assert training.checksum(title)[:8] not in about["checksums"]


def test_a_correction_outweighs_the_lists(tmp_path: Path) -> None:
    """What the user corrected is learnt as corrected."""
    about = training.teach(
        lesson(tmp_path, rows(), filed=filed(), corrections={"3101.00000": ("ocr", "ocr")}), tmp_path / "model", name="toy"
    )

    assert about["from"] == {"corrections": 1, "lists": 39}


def test_a_labelled_corpus_fills_what_lists_leave_out(tmp_path: Path) -> None:
    """Papers that no list files are learnt by the corpus' own label, but for the fifth that measures."""
    labelled = [{**row, "topic": "tracking", "subtopic": "tracking", "votes": {"somebody": ["tracking"]}} for row in rows()]
    measuring = sum(training.is_test(row) for row in labelled)
    about = training.teach(lesson(tmp_path, labelled, filed=filed(20)), tmp_path / "model", name="toy")

    assert 0 < measuring < 20
    assert sum(about["from"].values()) == 40 - measuring
    assert set(about["from"]) == {"lists", "corpus"}


def test_nothing_but_one_topic(tmp_path: Path) -> None:
    """Where there is nothing to tell apart there is no model."""
    with pytest.raises(UsageError, match="fewer than two topics"):
        training.teach(lesson(tmp_path, rows(), filed=filed()[::2]), tmp_path / "model", name="toy")
    assert not (tmp_path / "model").exists()


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    """A folder that holds no model is never taken for one: what is in it may be all that somebody has."""
    folder = tmp_path / "thesis"
    (folder / "chapters").mkdir(parents=True)
    (folder / "chapters" / "one.txt").write_text("mine", "utf-8")

    with pytest.raises(UsageError, match="other things in it than a model"):
        training.teach(lesson(tmp_path, rows(), filed=filed()), folder, name="toy")
    assert (folder / "chapters" / "one.txt").read_text("utf-8") == "mine"


def test_a_swap_that_was_cut_short_is_mended(tmp_path: Path) -> None:
    """If the program was killed between the two renames, the old model comes back before anything else is done."""
    folder = tmp_path / "model"
    training.teach(lesson(tmp_path, rows(), filed=filed()), folder, name="toy")
    folder.rename(tmp_path / ".model.old")

    assert training.ready(folder) == folder.resolve()
    assert model.load(folder).info.name == "toy"


def test_a_link_to_a_model_stays_a_link(tmp_path: Path) -> None:
    """Where the folder is a link, the model that it leads to is replaced."""
    training.teach(lesson(tmp_path, rows(), filed=filed()), tmp_path / "real", name="one")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    training.teach(lesson(tmp_path, rows(), filed=filed()), tmp_path / "link", name="two")

    assert (tmp_path / "link").is_symlink()
    assert model.load(tmp_path / "real").info.name == "two"


def test_a_paper_without_words_is_unsure(tmp_path: Path) -> None:
    """Nothing is known of a paper that says nothing, however well the papers held out were told apart."""
    training.teach(lesson(tmp_path, rows(), filed=filed()), tmp_path / "model", name="toy")
    known, unknown = model.load(tmp_path / "model").classify([("Recognising text in scenes", "a study of text"), ("", "")])

    assert unknown.unsure
    assert unknown.best.probability < known.best.probability


@pytest.mark.parametrize(
    "row",
    [
        {"title": "A", "abstract": "B", "topic": ["ocr"]},
        {"title": "A", "abstract": "B", "arxiv_id": ["3101.00001"]},
        {"title": "A", "abstract": "B", "votes": {"somebody": 5}},
        {"title": "A", "abstract": "B", "votes": {"somebody": [5]}},
        {"title": None, "abstract": "B"},
    ],
)
def test_rows_of_other_types(tmp_path: Path, row: dict[str, object]) -> None:
    """A field of another type than it must have is an error with its line."""
    with pytest.raises(UsageError, match=r"corpus\.jsonl:1"):
        training.teach(lesson(tmp_path, [row]), tmp_path / "model", name="toy")


def test_blank_abstracts_are_named(tmp_path: Path) -> None:
    """Abstracts that are null or empty are as good as missing, and a warning says how many are."""
    warned: list[str] = []
    half = [{**row, "abstract": (None, "")[number % 4 // 2] if number % 2 else row["abstract"]} for number, row in enumerate(rows())]
    training.teach(lesson(tmp_path, half, filed=filed()), tmp_path / "model", name="toy", warn=warned.append)

    assert any("20 of 40 papers are learnt from by their titles alone" in line for line in warned)


def test_what_else_lies_in_the_folder_stays(tmp_path: Path) -> None:
    """Notes beside a model are taken over; the model's own files are new."""
    folder = tmp_path / "model"
    training.teach(lesson(tmp_path, rows(), filed=filed()), folder, name="toy")
    (folder / "notes").mkdir()
    (folder / "notes" / "mine.txt").write_text("mine", "utf-8")
    training.teach(lesson(tmp_path, rows(), filed=filed()), folder, name="toy")

    assert (folder / "notes" / "mine.txt").read_text("utf-8") == "mine"
    assert model.load(folder).info.name == "toy"


def test_a_failure_in_the_middle_changes_nothing(tmp_path: Path) -> None:
    """If writing fails half-way, the old folder is as it was and no other is left."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "manifest.json").write_text("old", "utf-8")

    def fail() -> None:
        with training.replacing(folder) as fresh:
            (fresh / "manifest.json").write_text("new", "utf-8")
            raise OSError(28, "No space left on device")

    with pytest.raises(PublishError, match="No space left"):
        fail()
    assert (folder / "manifest.json").read_text("utf-8") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@given(st.text(max_size=60))
def test_slugs(heading: str) -> None:
    """A heading's slug is its own slug, is never empty, and has nothing in it that an address or a file name would not take."""
    made = curating.slug(heading)

    assert made
    assert curating.slug(made) == made
    assert not set(made) & set('/\\.:*?"<>| \n\t#%&')
