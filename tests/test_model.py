"""The model: what it says, that it is what scikit-learn trained, and that nothing damaged or foreign is ever used."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from digest import app, resources, training
from digest.classify import model, train
from digest.classify.features import FIELDS, Field, full_text, ngrams, stem
from digest.classify.features import texts as field_texts
from digest.classify.model import Model
from digest.errors import ModelError, UsageError
from digest.settings import Settings
from tests.reference import shared

SHELVES = (("fruit", "apple"), ("fruit", "pear"), ("tool", "hammer"), ("tool", "saw"), ("tool", "never"))
CALIBRATION = {"subtopic_share": 1, "topic_scale": 1, "subtopic_scale": 1, "unsure_below": 0, "reliability": [[0.0, 0.0], [1.0, 1.0]]}
WORDS = {
    "apple": "red crisp apple orchard cider apple pie",
    "pear": "green soft pear orchard perry pear tart",
    "hammer": "heavy steel hammer nails driving hammer head",
    "saw": "sharp steel saw wood cutting saw blade",
}


def corpus() -> list[train.Labelled]:
    """Return forty invented papers about fruit and tools."""
    return [
        train.Labelled(
            f"About the {subtopic} number{number}", f"The {WORDS[subtopic]} is here, and so is number{number} of it.", topic, subtopic
        )
        for number in range(10)
        for topic, subtopic in SHELVES
        if subtopic in WORDS
    ]


def write(folder: Path) -> Model:
    """Train on the invented papers, write the model to *folder* and load it."""
    train.teach(corpus(), SHELVES).save(folder, name="toy", about={})
    return model.load(folder)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Model]:
    """Return a small model and its folder."""
    folder = tmp_path_factory.mktemp("toy")
    return folder, write(folder)


@pytest.fixture(scope="module")
def bundled() -> Model:
    """Return the model that comes with the program."""
    return model.load(resources.folder("models") / "default")


def test_what_was_taught_is_known(toy: tuple[Path, Model]) -> None:
    """Papers like those of the training go where those went; shelves without a paper are not there."""
    judged = toy[1].classify([("A crisp apple", "cider from the orchard"), ("A steel saw", "cutting wood with a sharp blade")])

    assert [(opinion.best.topic, opinion.best.subtopic) for opinion in judged] == [("fruit", "apple"), ("tool", "saw")]
    assert ("tool", "never") not in toy[1].subtopics


def test_nothing_at_all(toy: tuple[Path, Model]) -> None:
    """No papers give no opinions, and an empty paper gives one all the same."""
    assert toy[1].classify([]) == []
    assert toy[1].classify([("", "")])[0].best.topic in ("fruit", "tool")


def test_the_same_corpus_gives_the_same_bytes(toy: tuple[Path, Model], tmp_path: Path) -> None:
    """Training is deterministic, to the byte."""
    write(tmp_path)

    assert {path.name: path.read_bytes() for path in toy[0].iterdir()} == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


TEXTS = st.lists(
    st.sampled_from([*" ".join(WORDS.values()).split(), "the", "x", "a_b", "Äpfel", "3d", "-", "über-groß", "\n", "apple,pear"]),
    max_size=30,
).map(" ".join)


@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_features_are_those_of_scikit_learn(texts: list[str]) -> None:
    """The fast look-up finds exactly the n-grams of the slow one, as often, and weighs them as scikit-learn does."""
    stops = frozenset({"the", "and", "is"})
    papers = [full_text(paper.title, paper.abstract) for paper in corpus()] + ["Äpfel über groß 3d a_b"] * 2
    vectorizer = TfidfVectorizer(analyzer=lambda text: ngrams(text, stops), sublinear_tf=True, min_df=2, dtype=np.float32)
    vectorizer.fit(papers)
    vocabulary = {gram: int(column) for gram, column in vectorizer.vocabulary_.items()}
    rows, columns = Field.build(vocabulary, stops).columns(texts)

    for number, text in enumerate(texts):
        expected = sorted(vocabulary[gram] for gram in ngrams(text, stops) if gram in vocabulary)
        assert sorted(columns[rows == number].tolist()) == expected


@given(TEXTS)
def test_a_stem_is_its_own_stem(text: str) -> None:
    """A word that was stemmed is not stemmed further, so a look-up by word and one by stem agree."""
    for word in text.lower().split():
        assert stem(stem(word)) == stem(word)


@pytest.mark.parametrize(
    ("word", "expected"),
    [("images", "image"), ("bodies", "body"), ("loss", "loss"), ("bus", "bus"), ("analysis", "analysis"), ("gas", "gas"), ("ties", "tie")],
)
def test_a_plural_is_one_word_with_its_singular(word: str, expected: str) -> None:
    """English plurals lose their ending, and words that only look like one keep it."""
    assert stem(word) == expected


def test_margins_are_those_of_scikit_learn(toy: tuple[Path, Model]) -> None:
    """TF-IDF and margins of the loaded model are what scikit-learn computes from the same parts."""
    stops = train.teach(corpus(), SHELVES).stop_words
    papers = [(paper.title, paper.abstract) for paper in corpus()[:7]]
    asked = zip(*(field_texts(*paper) for paper in papers), strict=True)
    fitted = zip(*(field_texts(paper.title, paper.abstract) for paper in corpus()), strict=True)
    blocks = []
    for (_, length), least, own, known in zip(FIELDS, (3, 2, 3), asked, fitted, strict=True):
        vectorizer = TfidfVectorizer(analyzer=lambda text: ngrams(text, stops), sublinear_tf=True, min_df=least, dtype=np.float32)
        blocks.append(vectorizer.fit(known).transform(own).toarray() * length)
    expected = np.hstack(blocks) @ toy[1].weights + toy[1].intercepts

    np.testing.assert_allclose(toy[1].margins(papers), expected, rtol=1e-4, atol=1e-5)


def test_batches_do_not_matter(bundled: Model) -> None:
    """A paper gets the same opinion, to the bit, alone and among others."""
    papers = [(f"Detecting objects {number}", "A detector of bounding boxes in images " * (number % 5)) for number in range(300)]

    assert bundled.classify(papers) == [opinion for paper in papers for opinion in bundled.classify([paper])]


def test_probabilities_are_probabilities(bundled: Model) -> None:
    """The topics of a paper share one, and so do the subtopics within each topic."""
    of_topic, within = bundled.probabilities(bundled.margins([("Gaussian splatting", "novel views"), ("", "")]))

    np.testing.assert_allclose(of_topic.sum(axis=1), 1, rtol=1e-5)
    for own in bundled.children():
        np.testing.assert_allclose(within[:, own].sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("title", "topic", "subtopic"),
    [
        ("Multi-object tracking with association by detection", "tracking", "tracking"),
        ("Gaussian splatting for novel view synthesis", "3d", "view-synthesis"),
        ("Single image super-resolution", "super-resolution", "super-resolution"),
        ("Scene text recognition in the wild", "ocr", "ocr"),
        ("Deepfake detection by frequency cues", "face", "deepfake-forensics"),
        ("Medical image segmentation of organs in CT", "other", "medical-imaging"),
    ],
)
def test_the_bundled_model_knows_the_field(bundled: Model, title: str, topic: str, subtopic: str) -> None:
    """A title that says it all goes where everybody would put it."""
    best = bundled.classify([(title, f"We study {title.lower()}.")])[0].best

    assert (best.topic, best.subtopic) == (topic, subtopic)


def test_the_bundled_model_covers_the_catalogue(bundled: Model) -> None:
    """It knows all 18 topics and the 86 subtopics that have examples."""
    assert list(bundled.topics) == list(resources.taxonomy().names())
    assert set(resources.taxonomy().shelves()) - set(bundled.subtopics) == {("3d", "3d-generation")}


def test_its_size() -> None:
    """The model is data of a bounded size, and nothing in it can run."""
    files = list((resources.folder("models") / "default").iterdir())

    assert {path.suffix for path in files} <= {".npy", ".json", ".txt", ".tsv", ".md"}
    assert sum(path.stat().st_size for path in files) < 8 * 2**20


Damage = Callable[[Path], object]


def edited(**changes: Any) -> Damage:
    """Return a damage that changes the manifest."""

    def damage(folder: Path) -> None:
        path = folder / "manifest.json"
        path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")

    return damage


def replaced(name: str, content: bytes, **described: Any) -> Damage:
    """Return a damage that puts another file in a file's place, and a manifest that vouches for it."""

    def damage(folder: Path) -> None:
        (folder / name).write_bytes(content)
        path = folder / "manifest.json"
        manifest = json.loads(path.read_text("utf-8"))
        manifest["files"][name] |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} | described
        path.write_text(json.dumps(manifest), "utf-8")

    return damage


def npy(header: str, data: bytes = b"") -> bytes:
    """Return an array file with a header of one's own."""
    text = header.encode().ljust(118 - 1) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


@pytest.mark.parametrize(
    "damage",
    [
        shutil.rmtree,
        lambda folder: (folder / "manifest.json").unlink(),
        lambda folder: (folder / "weights.npy").unlink(),
        lambda folder: (folder / "manifest.json").write_bytes(b"\x80\x04\x95"),
        lambda folder: (folder / "manifest.json").write_text("[" * 100_000, "utf-8"),
        lambda folder: (folder / "manifest.json").write_text("[]", "utf-8"),
        lambda folder: (folder / "weights.npy").write_bytes((folder / "weights.npy").read_bytes()[:-1]),
        lambda folder: (folder / "idf.npy").write_bytes((folder / "idf.npy").read_bytes()[:-1] + b"\x00"),
        lambda folder: (folder / "vocabulary.txt").write_text("other\n", "utf-8"),
        edited(format=1),
        edited(fields=[["", 1.0]]),
        edited(calibration={**CALIBRATION, "reliability": [[0.0, 0.5], [1.0, 0.4]]}),
        edited(calibration={**CALIBRATION, "reliability": [[0.0, 0.5], [1.0, 1.4]]}),
        edited(calibration={**CALIBRATION, "reliability": []}),
        edited(taxonomy=[{"slug": "fruit"}]),
        edited(topics=["fruit"]),
        edited(topics=[]),
        edited(subtopics=[["nothing", "apple"]] * 4),
        edited(calibration={**CALIBRATION, "topic_scale": float("nan")}),
        edited(calibration={}),
        edited(files={}),
        replaced("weights.npy", npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", b"cos\nsystem\n(S'true'\ntR.")),
        replaced("weights.npy", npy("{'descr': '|i1', 'fortran_order': False, 'shape': (99999999, 99999), }"), shape=[99999999, 99999]),
        replaced("weights.npy", npy("{'descr': '|i1', 'fortran_order': False, 'shape': (2, 2), }", b"1234"), shape=[2, 2]),
        replaced("idf.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", np.float32("nan").tobytes()), shape=[1]),
        replaced("idf.npy", b"PK\x03\x04"),
        replaced("idf.npy", npy("__import__('os').system('true')")),
    ],
    ids=range(27),
)
def test_a_damaged_model_is_refused(toy: tuple[Path, Model], tmp_path: Path, damage: Damage) -> None:
    """Whatever is wrong with a model, it is one error of ours, and nothing of it is used."""
    folder = tmp_path / "model"
    shutil.copytree(toy[0], folder)
    damage(folder)

    with pytest.raises(ModelError, match="cannot be used"):
        model.load(folder)


# -- training ----------------------------------------------------------------------------------------------------------------


def row(number: int, **changes: Any) -> dict[str, Any]:
    """Return one labelled paper as the corpus has it."""
    topic, subtopic = SHELVES[number % 4]
    return {
        "title": f"About the {subtopic} {number}",
        "abstract": f"{WORDS[subtopic]} {number}",
        "topic": topic,
        "subtopic": subtopic,
        "votes": {"official": [topic]},
    } | changes


def test_train_leaves_the_test_papers_out(tmp_path: Path) -> None:
    """No paper that measures the model is ever in its training."""
    rows = [row(number, votes={"somebody": ["fruit"]}) for number in range(200)]
    path = tmp_path / "corpus.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    tests = [item for item in training.rows(path) if training.is_test(item)]
    about = training.teach(training.Lesson(SHELVES, [path]), tmp_path / "model", name="toy")

    assert 20 < len(tests) < 60
    assert about["papers"] == 200 - len(tests)


def test_what_a_test_paper_is() -> None:
    """A topic, a vote besides the official one, and a title by whose sha1 one in five is chosen."""
    chosen = [
        item for item in (row(number, votes={"official": ["fruit"], "a": ["fruit"]}) for number in range(50)) if training.is_test(item)
    ]

    assert chosen
    assert training.is_test(chosen[0] | {"title": chosen[0]["title"].upper() + " !?"})
    assert not training.is_test(chosen[0] | {"topic": None})
    assert not training.is_test(chosen[0] | {"votes": {"official": ["fruit"]}})


@pytest.mark.parametrize("text", ["not json", "{}", '{"title": 1, "abstract": "", "votes": {}}', "[]", ""])
def test_a_corpus_that_is_none(tmp_path: Path, text: str) -> None:
    """A corpus that cannot be read is an error with the file's name, and no model is written."""
    path = tmp_path / "corpus.jsonl"
    path.write_text(text, "utf-8")

    with pytest.raises(UsageError, match=r"corpus\.jsonl"):
        training.teach(training.Lesson(SHELVES, [path]), tmp_path / "model", name="toy")
    assert not (tmp_path / "model").exists()


@pytest.mark.slow
def test_the_bundled_model_can_be_made_again(tmp_path: Path) -> None:
    """The corpus gives the bundled weights, and nothing else: the same accuracy, and with the same libraries the same bytes."""
    folder = resources.folder("models") / "default"
    kept = json.loads((folder / "manifest.json").read_text("utf-8"))
    corpus = shared() / "corpus"
    texts = [corpus / "labelled.jsonl.gz", corpus / "unlabelled.jsonl.gz"]
    settings = Settings(data=tmp_path / "data")
    said: list[str] = []
    what = app.Lessons([shared() / "lists"], texts)
    about: dict[str, Any] = app.train(settings, what, tmp_path / "model", name=kept["name"], say=said.append, warn=said.append)

    assert about["checksums"] == kept["about"]["checksums"]
    if (about["scikit-learn"], about["numpy"]) == (kept["about"]["scikit-learn"], kept["about"]["numpy"]):
        assert (tmp_path / "model" / "vocabulary.txt").read_bytes() == (folder / "vocabulary.txt").read_bytes()
        # Other processors add in another order, so the last bit of a weight may differ between machines.
        ours, theirs = np.load(tmp_path / "model" / "weights.npy").astype(int), np.load(folder / "weights.npy").astype(int)
        assert np.abs(ours - theirs).max() <= 1
