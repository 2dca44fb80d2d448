"""The accuracy card: measured, kept beside its model, shown; and that what the project states about itself is that card."""

import gzip
import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from digest import app, cli, measuring, resources, training
from digest.classify import card as cards
from digest.classify import evaluation, model
from digest.classify.card import MEASURES, Card, Figure
from digest.classify.evaluation import Confusion, Judged, OfCurator, OfTopic, Share
from digest.core.domain import Classification, ModelInfo
from digest.core.domain import Shelf as Place
from digest.errors import ModelError, PublishError, UsageError
from tests.reference import ROOT, shared

WORDS = {
    ("segmentation", "segmentation"): "segmentation masks of pixels and scribbles",
    ("tracking", "multi-object-tracking"): "tracking of trajectories with a motion filter",
    ("face", "face-recognition"): "faces of persons and their wrinkles",
    ("ocr", "ocr"): "reading of letters in documents and receipts",
}
NAMES = {"tracking": "Tracking", "ocr": "Text recognition"}
MARKS = re.compile(r"(?<=<!-- card -->\n\n).*?(?=\n<!-- /card -->)", re.DOTALL)


def shelves() -> list[tuple[str, str]]:
    """Return four shelves of the catalogue that the invented papers are about."""
    known = resources.taxonomy().shelves()
    return [next(shelf for shelf in known if shelf[0] == topic) for topic, _ in WORDS]


def rows(count: int = 200) -> list[dict[str, Any]]:
    """Return invented labelled papers: two curators file them alike, and a venue files them under a name of its own."""
    return [
        {
            "title": f"Number {number} about {words.split()[0]}",
            "abstract": f"{words}, once more and for number {number}.",
            "topic": shelf[0],
            "subtopic": shelf[1],
            "votes": {"somebody": [shelf[0]], "another": [shelf[0]], "official": ["other"]},
        }
        for number in range(count)
        for shelf, words in [list(zip(shelves(), WORDS.values(), strict=True))[number % 4]]
    ]


def write(path: Path, lines: list[dict[str, Any]]) -> Path:
    """Write JSON lines, gzipped."""
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("".join(json.dumps(line) + "\n" for line in lines))
    return path


DAILY = {"2611.00001": 0, "2611.00003": 1, "2611.00002": 2}


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a corpus, a model of it, daily papers and their reference."""
    folder = tmp_path_factory.mktemp("evaluate")
    corpus = write(folder / "corpus.jsonl.gz", rows())
    training.teach(training.Lesson(resources.taxonomy().shelves(), [corpus]), folder / "model", name="toy")
    words = list(WORDS.values())
    write(
        folder / "daily.jsonl.gz",
        [
            {"arxiv_id": None, "title": "", "abstract": ""},
            *({"arxiv_id": key, "title": f"Daily {key}", "abstract": words[number]} for key, number in DAILY.items()),
        ],
    )
    lines = [f"{key}\t{'choose' if key.endswith('2') else 'report'}\t{'/'.join(shelves()[number])}\t\n" for key, number in DAILY.items()]
    (folder / "reference.tsv").write_text("arxiv_id\thalf\tshelf\taccepted\n" + "".join(lines), "utf-8")
    return folder


@pytest.fixture
def evaluate(taught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Return the command, for a copy of the model and in an empty folder."""
    shutil.copytree(taught / "model", tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CVDIGEST_MODEL", str(tmp_path / "model"))
    return lambda *arguments: cli.main(["evaluate", *map(str, arguments)])


# -- the command -------------------------------------------------------------------------------------------------------


def test_measured_kept_and_shown(taught: Path, evaluate: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """What is measured with --write is what is shown afterwards without any option, as a page and as JSON."""
    status = evaluate(
        "--corpus", taught / "corpus.jsonl.gz", "--daily", taught / "daily.jsonl.gz", "--reference", taught / "reference.tsv", "--write"
    )
    measured = capsys.readouterr()
    assert status == 0
    assert measured.err == ""
    assert (tmp_path / "model" / "CARD.md").read_text("utf-8") == measured.out

    assert evaluate() == 0
    assert capsys.readouterr().out == measured.out
    assert evaluate("--json") == 0
    shown = capsys.readouterr().out
    assert (tmp_path / "model" / "card.json").read_text("utf-8") == shown

    found = json.loads(shown)
    assert found["unseen"] is True
    assert found["figures"]["daily_topic_accuracy"]["papers"] == 2
    assert found["figures"]["topic_accuracy"]["value"] == 1
    assert found["model"]["sha256"] == hashlib.sha256((tmp_path / "model" / "manifest.json").read_bytes()).hexdigest()
    assert "| topic right | | | | ≥ 0.86 | not measured |" in measured.out


def test_the_other_half(taught: Path, evaluate: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """Choices are made by a half of their own, and no card can be made of it."""
    daily = ("--daily", taught / "daily.jsonl.gz", "--reference", taught / "reference.tsv", "--half", "choose")

    assert evaluate(*daily, "--json") == 0
    assert json.loads(capsys.readouterr().out)["figures"]["daily_topic_accuracy"]["papers"] == 1
    assert evaluate(*daily, "--write") == 2
    assert "leave --half or --write out" in capsys.readouterr().err


def test_a_model_without_a_card(evaluate: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """It is said how to make one."""
    assert evaluate() == 1
    assert "has no accuracy card; measure it with: cvdigest evaluate" in capsys.readouterr().err


def test_the_card_of_another_model(taught: Path, evaluate: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The card of a model that was taught again since is not shown for the new one."""
    assert evaluate("--corpus", taught / "corpus.jsonl.gz", "--write") == 0
    path = tmp_path / "model" / "manifest.json"
    path.write_text(path.read_text("utf-8").replace('"name": "toy"', '"name": "new"'), "utf-8")
    capsys.readouterr()

    assert evaluate() == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert re.search(r"was measured for the model toy \([0-9a-f]{12}\), not for new \([0-9a-f]{12}\)", said.err)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--corpus", "nowhere.jsonl.gz"], "there is no file nowhere.jsonl.gz"),
        (["--corpus", "cut.jsonl.gz"], "cut.jsonl.gz"),
        (["--corpus", "damaged.jsonl.gz"], "damaged.jsonl.gz"),
        (["--corpus", "no-gzip.jsonl.gz"], "no-gzip.jsonl.gz"),
        (["--corpus", "foreign.jsonl.gz"], "holds no paper that may measure"),
        (["--corpus", "votes.jsonl.gz"], "votes.jsonl.gz:2: title and abstract must be texts"),
        (["--daily", "nowhere.jsonl.gz", "--reference", "reference.tsv"], "there is no file"),
        (["--daily", "damaged.jsonl.gz", "--reference", "reference.tsv"], "damaged.jsonl.gz"),
        (["--daily", "foreign.jsonl.gz", "--reference", "reference.tsv"], "foreign.jsonl.gz:1: not a paper"),
        (["--daily", "others.jsonl", "--reference", "reference.tsv"], "others.jsonl holds none of the 2 labelled"),
        (["--daily", "others.jsonl", "--reference", "none.tsv"], "none.tsv cannot be read"),
        (["--daily", "others.jsonl", "--reference", "reference.tsv", "--half", "third"], "'third' is no half"),
        (["--write"], "name the papers with --corpus"),
        (["--half", "choose"], "name the papers with --corpus"),
    ],
)
def test_bad_input(  # noqa: PLR0917 - pytest passes them by name
    taught: Path, evaluate: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str], said: str
) -> None:
    """What cannot be measured with is one clear line and status 2, and no card is written."""
    good = (taught / "corpus.jsonl.gz").read_bytes()
    middle = len(good) // 2
    (tmp_path / "cut.jsonl.gz").write_bytes(good[:middle])
    (tmp_path / "damaged.jsonl.gz").write_bytes(
        good[:middle] + bytes(255 - byte for byte in good[middle : middle + 99]) + good[middle + 99 :]
    )
    (tmp_path / "no-gzip.jsonl.gz").write_text("{}\n", "utf-8")
    write(tmp_path / "foreign.jsonl.gz", [row | {"topic": "cooking"} for row in rows()])
    write(
        tmp_path / "votes.jsonl.gz", [row | {"votes": {"x": "tracking" if number else ["tracking"]}} for number, row in enumerate(rows())]
    )
    (tmp_path / "others.jsonl").write_text('{"arxiv_id": "2601.00001", "title": "A", "abstract": "B"}\n', "utf-8")
    shutil.copy(taught / "reference.tsv", tmp_path)

    assert evaluate(*arguments) == 2
    errors = capsys.readouterr().err
    assert said in errors
    assert errors.startswith("cvdigest:")
    assert errors.count("\n") == 1
    assert not (tmp_path / "model" / "card.json").exists()


def test_labelled_papers_that_are_not_there(taught: Path, evaluate: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """A daily paper without a text is left out, and it is said how many are."""
    path = write(taught / "fewer.jsonl.gz", [{"arxiv_id": "2611.00001", "title": "A", "abstract": WORDS["ocr", "ocr"]}])

    assert evaluate("--daily", path, "--reference", taught / "reference.tsv", "--json") == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["figures"]["daily_topic_accuracy"]["papers"] == 1
    assert "lacks 1 of the 2 labelled daily papers" in said.err
    assert "without the labelled corpus" not in said.err  # the manifest's checksums prove it


# -- the proof that nothing was seen -----------------------------------------------------------------------------------


def faults(about: dict[str, Any], further: tuple[str, ...] = (), daily: tuple[str, ...] = ()) -> list[str]:
    """Return the faults for the invented labelled papers and daily papers with these titles."""
    every = [row | {"topic": row["topic"]} for row in rows()]
    known = measuring.Corpus(Path("corpus"), every, [row for row in every if training.is_test(row)])
    found = measuring.Dailies(Path("daily"), [], [(title, "") for title in daily], 0)
    return measuring.unseen_faults(about, known, found, [topic for topic, _ in WORDS], ((), further))


def titles_sha256(*further: str) -> str:
    """Return what a manifest says that was taught the invented papers and *further* titles."""
    kept = [row["title"] for row in rows() if not training.is_test(row)]
    return hashlib.sha256("\n".join(sorted([*kept, *further])).encode()).hexdigest()


@pytest.mark.slow
def test_all_titles_together_prove_it() -> None:
    """The manifest's one checksum is that of the papers that may train, with or without daily ones."""
    assert faults({"titles_sha256": titles_sha256()}, daily=("New",)) == []
    assert faults({"titles_sha256": titles_sha256("Daily")}, further=("Daily",), daily=("New",)) == []
    assert "other papers" in faults({"titles_sha256": titles_sha256("Daily")})[0]
    assert "other papers" in faults({})[0]


@pytest.mark.slow
def test_a_title_in_both_is_found_however_it_is_written() -> None:
    """A daily paper under the title of one that was taught has been seen."""
    assert "taught 1 of the papers" in faults({"titles_sha256": titles_sha256("Daily one")}, ("Daily one",), ("DAILY: one",))[0]


@pytest.mark.slow
def test_a_list_of_checksums_proves_it() -> None:
    """Whole or shortened, the checksums of what was taught must have none of what measures."""
    test = next(row["title"] for row in rows() if training.is_test(row))
    taught_ones = [training.checksum(row["title"]) for row in rows() if not training.is_test(row)]

    assert faults({"checksums": taught_ones}, daily=("New",)) == []
    assert faults({"checksums": [key[:16] for key in taught_ones]}, daily=("New",)) == []
    assert "for example 'New'" in faults({"checksums": [*taught_ones, training.checksum("new")]}, daily=("New",))[0]
    assert repr(test) in faults({"checksums": [training.checksum(test)[:16]]})[0]


# -- the card itself ---------------------------------------------------------------------------------------------------

INFO = ModelInfo("toy", "0" * 64)
FULL = Card(
    INFO,
    {"corpus": "1" * 64, "half": "report"},
    {
        "topic_accuracy": Figure(200, 0.88, (0.83, 0.92)),
        "calibration_error": Figure(200, 0.031),
        "curators_above": Figure(4, 0.75),
        "daily_accepted_accuracy": Figure(50, 0.99, (0.9, 1.0)),
    },
    {"calibration_error": 0.02, "daily_calibration_error": 0.05},
    (OfCurator("somebody", Share(80.5, 100), Share(9, 10), Share(10, 10), Share(15, 20)),),
    (OfTopic("tracking", 4, 5, 3),),
    (Confusion("tracking", "ocr", 1),),
    unseen=True,
)


def test_a_card_comes_back_as_it_was() -> None:
    """JSON loses nothing."""
    assert cards.parse(cards.as_json(FULL)) == FULL


def test_goals() -> None:
    """A goal is reached, missed or not measured, and each is shown as what it is."""
    page = cards.markdown(FULL, NAMES)

    assert (FULL.reached("topic_accuracy"), FULL.reached("calibration_error"), FULL.reached("topic_macro_f1")) == (True, False, None)
    assert [measure.key for measure in FULL.missed()] == ["curators_above", "calibration_error"]
    assert "| topic right | 200 | 0.8800 | 0.830 to 0.920 | ≥ 0.88 | reached |" in page
    assert "| expected calibration error | 200 | 0.0310 |  | ≤ 0.03 | **missed** |" in page
    assert "| | 3 of 4 | | all | **missed** |" in page
    assert "| topic, macro F1 | | | | ≥ 0.87 | not measured |" in page
    assert "| Tracking | Text recognition | 1 |" in page
    assert "| Tracking | 4 | 0.600 | 0.750 | 0.667 |" in page
    assert "| somebody | 0.805 (100) | 1.000 (10) | 0.900 (10) | 0.750 (20) |" in page


def test_what_is_not_proved_is_said() -> None:
    """The page of a model that may have seen its test papers says so in bold."""
    assert "**It is not proved" in cards.markdown(replace(FULL, unseen=False), NAMES)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', cards.as_json(FULL).replace('"papers"', '"pages"'), "[" * 100_000])
def test_a_damaged_card(tmp_path: Path, text: str) -> None:
    """Whatever is wrong with it, it is one error of ours."""
    (tmp_path / "card.json").write_text(text, "utf-8")

    with pytest.raises(ModelError, match="cannot be read"):
        cards.read(tmp_path, INFO)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """It is one error of ours too."""
    (tmp_path / "file").write_text("", "utf-8")

    with pytest.raises(PublishError, match="cannot be written"):
        cards.write(tmp_path / "file", FULL, "")


def test_the_figures_of_the_held_out_venue_are_taken_over(taught: Path, tmp_path: Path) -> None:
    """They count only beside the model for which they were measured."""
    folder = tmp_path / "model"
    shutil.copytree(taught / "model", folder)
    judge = model.load(folder)
    opinion = Classification((Place("ocr", "ocr", 0.9),), unsure=False)
    found = cards.venue_figures([Judged("ocr", "ocr", opinion), Judged("tracking", "", opinion)])
    kept = json.loads(cards.as_json(Card(judge.info, figures=found)))["figures"]

    assert measuring.held_out(folder, judge) == {}
    (folder / "held_out_venue.json").write_text(json.dumps({"model_sha256": judge.info.sha256, "figures": kept}), "utf-8")
    assert measuring.held_out(folder, judge) == found
    assert found["venue_topic_accuracy"].value == 0.5
    (folder / "held_out_venue.json").write_text(json.dumps({"model_sha256": "0" * 64, "figures": kept}), "utf-8")
    assert measuring.held_out(folder, judge) == {}


# -- what the project says about itself --------------------------------------------------------------------------------


def bundled() -> tuple[Path, Card]:
    """Return the folder of the bundled model and the card in it."""
    folder = resources.folder("models") / "default"
    return folder, cards.parse((folder / "card.json").read_text("utf-8"))


def test_the_card_is_that_of_the_bundled_model() -> None:
    """The sha256 of the manifest is the card's, and no test paper was in training."""
    folder, card = bundled()

    assert card.model.sha256 == hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    assert card.model == model.load(folder).info
    assert card.unseen
    assert app.card(None)[0] == card


def test_the_page_of_the_card_says_what_the_figures_say() -> None:
    """CARD.md is made of card.json, and of nothing else."""
    folder, card = bundled()

    assert (folder / "CARD.md").read_text("utf-8") == cards.markdown(card, resources.taxonomy().names())


def test_the_readme_says_what_the_figures_say(update_golden: bool) -> None:
    """The README's table is made of card.json; with --update-golden it is written anew."""
    path = ROOT / "README.md"
    text, (_, card) = path.read_text("utf-8"), bundled()
    assert len(MARKS.findall(text)) == 1
    if update_golden:
        path.write_text(MARKS.sub(lambda _: cards.table(card), text), "utf-8")
        text = path.read_text("utf-8")

    assert MARKS.findall(text) == [cards.table(card)]


def test_every_figure_has_a_line() -> None:
    """No figure is measured that the card does not show, and keys are not used twice."""
    figures = cards.fifth_figures([], []) | cards.venue_figures([]) | cards.daily_figures([])

    assert set(figures) | {"curators_above", "curators_above_on_test"} == set(MEASURES)


@pytest.mark.slow
def test_the_bundled_card_can_be_measured_again() -> None:
    """The labelled papers give the figures of the card."""
    folder, card = bundled()
    names = resources.taxonomy().names()
    known = measuring.corpus(shared() / "corpus" / "labelled.jsonl.gz", names)
    judged = measuring.judge(model.load(folder), known.test)
    again = cards.fifth_figures(judged, evaluation.curators(known.votes(), judged))

    # On another processor the last bit of a sum may differ, and with it one paper.
    assert {key: figure.value for key, figure in again.items()} == pytest.approx({key: card.figures[key].value for key in again}, abs=2e-3)


def test_bad_halves_are_usage_errors() -> None:
    """A half without papers cannot measure."""
    with pytest.raises(UsageError, match="has none in the half 'report'"):
        measuring.of_half([], "report")
