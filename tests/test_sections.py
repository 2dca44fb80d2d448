"""Headings mean topics: the rules, where curated lists are, and the definitions of the subtopics."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from digest import resources
from digest.catalogue import sections, sources, taxonomy
from digest.catalogue.sections import Sections
from digest.errors import SettingsError
from tests.reference import shared

ROOT = Path(__file__).resolve().parent.parent
TAXONOMY = taxonomy.parse("""
topic = [
  { slug = "detection", name = "Detection", subtopics = [{ slug = "boxes", name = "boxes", means = "Things in boxes." }] },
  { slug = "faces", name = "Faces", subtopics = [{ slug = "gaze", name = "gaze" }, { slug = "masks", name = "masks" }] },
  { slug = "video", name = "Video", subtopics = [{ slug = "flow", name = "flow" }] },
]
""")


def rules(text: str) -> Sections:
    """Return rules over a small taxonomy."""
    return sections.parse(text, TAXONOMY)


def said(found: Sections, *path: str) -> tuple[str, str | None] | None:
    """Return topic and subtopic of a path."""
    shelf = found.shelf(path)
    return None if shelf is None else (shelf.topic, shelf.subtopic)


SMALL = """
ignore = ["papers", "cvpr*"]

[same]
"三维" = "3d"

[[rule]]
words = ["=other", "其它", "face + body"]
topic = "none"

[[rule]]
words = ["editing"]
within = ["video"]
topic = "video"

[[rule]]
words = ["face", "人脸", "edit*"]
topic = "faces"
keeps = "topic"

[[rule]]
words = ["gaze"]
topic = "faces"
subtopic = "gaze"

[[rule]]
words = ["medical"]
topic = "faces"
subtopic = "masks"
keeps = "shelf"

[[rule]]
words = ["3d detection", "3D目标检测"]
topic = "detection"
subtopic = "boxes"

[[rule]]
words = ["video", "视频"]
topic = "video"
weak = true
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (["Face(人脸)"], ("faces", None)),
        (["FACES"], ("faces", None)),
        (["Surface"], None),
        (["ＦＡＣＥ"], ("faces", None)),
        (["三维目标检测"], ("detection", "boxes")),
        (["3D 目标检测"], ("detection", "boxes")),
        (["12. 3-D Detection"], None),
        (["12. 3D-Detection (CVPR2021, 2021 papers)"], ("detection", "boxes")),
        (["Edited pictures"], ("faces", None)),
        (["Face and body"], None),
        (["Other"], None),
        (["Other people"], None),
        (["Weather"], None),
        ([], None),
        ([""], None),
        (["Video", "3D detection"], ("detection", "boxes")),
        (["3D detection", "Other"], ("detection", "boxes")),
        (["Other", "3D detection"], ("detection", "boxes")),
        (["Face", "3D detection"], ("faces", None)),
        (["Face", "Gaze"], ("faces", "gaze")),
        (["Face", "Gaze", "3D detection"], ("faces", "gaze")),
        (["Medical", "Gaze"], ("faces", "masks")),
        (["3D detection", "Video"], ("detection", "boxes")),
        (["Other", "Video"], ("video", None)),
        (["Video", "Editing"], ("video", None)),
        (["Editing"], ("faces", None)),
        (["Face; gaze"], ("faces", None)),
        (["Face; video"], None),
        (["Face；weather"], None),
        (["Face;"], ("faces", None)),
    ],
)
def test_what_a_path_means(path: list[str], expected: tuple[str, str | None] | None) -> None:
    """The first rule that fits decides a heading, and the innermost heading that says something decides a path."""
    assert said(rules(SMALL), *path) == expected


def test_a_shelf_is_explained() -> None:
    """An answer names the rule and the heading that decided."""
    shelf = rules(SMALL).shelf(["Video", "Eye Gaze", "Other"])

    assert shelf is not None
    assert shelf.rule.words == ("gaze",)
    assert shelf.rule.number == 4
    assert shelf.heading == "Eye Gaze"


def test_a_heading_is_looked_at_once() -> None:
    """The same heading in another path gives what that path says, out of what is known of it."""
    found = rules(SMALL)

    assert said(found, "Editing") == ("faces", None)
    assert said(found, "Video", "Editing") == ("video", None)
    assert len(found._known) == 2


RULE = '[[rule]]\nwords = ["face"]\ntopic = "faces"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[rule]\n", "not TOML"),
        ("", "holds no rules"),
        ("rule = []", "holds no rules"),
        ('rule = ["face"]', "holds no rules"),
        ('[[rule]]\ntopic = "faces"', "rule 1: words is not a list of strings"),
        ('[[rule]]\nwords = "face"\ntopic = "faces"', "words is not a list of strings"),
        ('[[rule]]\nwords = []\ntopic = "faces"', "rule 1 has no words"),
        ('[[rule]]\nwords = ["*"]\ntopic = "faces"', "a word without a letter: '*'"),
        ('[[rule]]\nwords = ["face + "]\ntopic = "faces"', "a word without a letter: 'face + '"),
        ('[[rule]]\nwords = ["face"]', "rule 1 (face) names the topic None"),
        ('[[rule]]\nwords = ["face"]\ntopic = ["faces"]', "names the topic ['faces']"),
        ('[[rule]]\nwords = ["face"]\ntopic = "visages"', "names the topic 'visages', which the taxonomy does not have"),
        (RULE + 'subtopic = "flow"', "names the subtopic 'flow', which the topic 'faces' does not have"),
        (RULE + 'keeps = "all"', "keeps 'all', which is none of nothing, topic, shelf"),
        (RULE + 'weak = "yes"', "true or false, not 'yes'"),
        (RULE + 'within = "video"', "within is not a list of strings"),
        (RULE + 'word = "gaze"', "a key that is not known: word"),
        (RULE + RULE, "rule 2 repeats 'face' of rule 1"),
        (RULE + '[[rule]]\nwords = ["ＦＡＣＥ"]\ntopic = "video"', "rule 2 repeats 'ＦＡＣＥ' of rule 1"),
        ('[[rule]]\nwords = ["a + b", "b+a"]\ntopic = "faces"', "rule 1 repeats 'b+a' of rule 1"),
        ('ignore = ["face"]\n' + RULE, "'face' holds a word that is ignored"),
        ("same = 1\n" + RULE, "same is not a table of strings"),
        ("ignore = [1]\n" + RULE, "ignore is not a list of strings"),
    ],
)
def test_bad_rules_are_named(text: str, message: str) -> None:
    """What is wrong with a file of rules is said, with the number of the rule."""
    with pytest.raises(SettingsError, match=re.escape(message)) as caught:
        sections.parse(text, TAXONOMY, source="mine.toml")

    assert str(caught.value).startswith("mine.toml")


def test_the_same_word_may_stand_under_two_conditions() -> None:
    """A word may mean one thing in general and another below some heading."""
    found = rules('[[rule]]\nwords = ["face"]\nwithin = ["video"]\ntopic = "video"\n' + RULE)

    assert said(found, "Video", "Face") == ("video", None)
    assert said(found, "Face") == ("faces", None)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (["Object Detection(目标检测)", "3D目标检测"], ("3d", "3d-detection")),
        (["Object Detection(目标检测)", "Small objects"], ("object-detection", "detection")),
        (["Medical Image(医学影像)", "Segmentation"], ("other", "medical-imaging")),
        (["Face(人脸)", "人脸超分辨率"], ("face", "face-recognition")),
        (["Few/Zero-Shot Learning/Domain Generalization/Adaptation(小/零样本/域泛化/域适应)", "DA"], ("other", "domain-adaptation")),
        (["Few/Zero-Shot Learning/Domain Generalization/Adaptation(小/零样本/域泛化/域适应)"], None),
        (["Recognition (Detection, Categorization); Video Analysis and Understanding; Vision + Language"], None),
        (["Unknown(未分类)"], None),
        (["Oral"], None),
        (["待分类"], None),
        (["待分类", "Gaussian Splatting"], ("3d", "view-synthesis")),
    ],
)
def test_the_bundled_rules(path: list[str], expected: tuple[str, str | None] | None) -> None:
    """The rules that are shipped read headings as a curator means them."""
    assert said(resources.sections(), *path) == expected


def test_the_rules_are_few() -> None:
    """A few hundred rules, not a copy of the headings."""
    assert len(resources.sections().rules) < 300


@pytest.mark.slow
def test_the_rules_agree_with_a_reader() -> None:
    """On the known headings, 97 % of the papers come under the reader's topic, and the rest is accounted for."""
    shared()
    done = subprocess.run([sys.executable, "benchmarks/sections.py"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "goal: 97% of the papers under the reader's topic: reached" in done.stdout


def test_where_the_bundled_lists_are() -> None:
    """Every list has an address over HTTPS, and a curator."""
    found = resources.sources()

    assert len(found) > 50
    assert {one.curator for one in found} >= {"52CV", "amusi", "DWCTOD"}
    assert all(one.url.startswith("https://") for one in found)
    assert sources.Format.CSV in {one.format for one in found}


SOURCE = '[[source]]\nname = "a"\ncurator = "b"\nvenue = "CVPR"\nyear = 2021\nurl = "https://example.org/a.md"\n'


def test_a_source_is_read() -> None:
    """A source has a format, Markdown where it is not said."""
    assert sources.parse(SOURCE) == (sources.Source("a", "b", "CVPR", 2021, "https://example.org/a.md", sources.Format.MARKDOWN),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[source]", "not TOML"),
        ("", "holds no sources"),
        ("source = [1]", "source 1 is not a table"),
        (SOURCE.replace('curator = "b"', 'curator = " "'), "source 1 has no curator"),
        (SOURCE.replace("2021", "true"), "source 1 (a) has no year: True"),
        (SOURCE.replace("2021", "21"), "has no year: 21"),
        (SOURCE + 'format = "html"', "has the format 'html', which is none of markdown, csv"),
        (SOURCE + 'format = ["csv"]', "has the format ['csv']"),
        (SOURCE + 'colour = "red"', "a key that is not known: colour"),
        (SOURCE + SOURCE, "has the name a twice"),
        (SOURCE + SOURCE.replace('"a"', '"c"'), "has the address https://example.org/a.md twice"),
        *(
            (SOURCE.replace("https://example.org/a.md", url), "does not lead anywhere over HTTPS")
            for url in (
                "http://example.org",
                "file:///etc/passwd",
                "https:///a.md",
                "https://me@example.org/",
                "https://[",
                "https://example.org/a b",
            )
        ),
    ],
)
def test_bad_sources_are_named(text: str, message: str) -> None:
    """What is wrong with a file of sources is said."""
    with pytest.raises(SettingsError, match=re.escape(message)) as caught:
        sources.parse(text, source="mine.toml")

    assert str(caught.value).startswith("mine.toml")


def test_every_subtopic_is_defined() -> None:
    """Whoever labels papers finds in words what belongs to a subtopic; other taxonomies may leave it out."""
    assert [sub.slug for topic in resources.taxonomy().topics for sub in topic.subtopics if not sub.means.endswith(".")] == []
    assert [sub.means for topic in TAXONOMY.topics for sub in topic.subtopics] == ["Things in boxes.", "", "", ""]


def test_the_page_on_labelling_names_what_there_is() -> None:
    """Every subtopic that the page on labelling names is one of the catalogue's."""
    named = set(re.findall(r"`([a-z0-9-]+)`", (ROOT / "models" / "LABELLING.md").read_text("utf-8")))

    assert named - {"means"} <= {sub.slug for topic in resources.taxonomy().topics for sub in topic.subtopics}
