"""The page of an edition: its shape, its bytes, and that nothing an author writes changes either."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from digest import resources
from digest.catalogue.taxonomy import Subtopic, Taxonomy, Topic
from digest.core.domain import Announcement, Classification, Entry, Kind, ModelInfo, Paper, Provenance, Shelf
from digest.core.edition import Edition, chosen, compose
from digest.core.text import plain
from digest.render.markdown import Renderer, address, anchor, day
from digest.resources import folder
from tests.renderers import RENDERERS, Seen, see

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = Path(__file__).resolve().parent / "golden"
TAXONOMY = Taxonomy(
    (
        Topic("detection", "Object detection", "Detection", (Subtopic("2d", "2D & open_vocabulary"), Subtopic("lanes", "lanes"))),
        Topic("depth", "Depth, stereo / RGB-D (3D)", "Depth", (Subtopic("stereo", "stereo"),)),
        Topic("faces", "Faces & people", "Faces", (Subtopic("gaze", "gaze"),)),
        Topic("tracking", "Tracking", "Tracking", (Subtopic("tracking", "all of it"),)),
    )
)
DIVIDED = Taxonomy(tuple(replace(topic, by_subtopic=topic.slug == "detection") for topic in TAXONOMY.topics))
"""The same, with the first topic listed by subtopic."""
MODEL = ModelInfo("test-model", "0123456789abcdef" * 4)
BENIGN = "A plain sentence about a small network."
HOSTILE = {
    "heading": "# Heading or not",
    "setext": "===",
    "rule": "---",
    "rule of stars": "* * *",
    "list": "- item",
    "plus": "+ item",
    "star": "* item",
    "number": "1. item",
    "bracketed number": "2) item",
    "reference": "[x]: http://e.example/",
    "use of a reference": "[x] and [x][x] and ![x]",
    "fence": "```",
    "other fence": "~~~ python",
    "table": "|a|b|",
    "delimiters": "|---|---|",
    "comment": "<!-- no end",
    "quotation": "> quoted",
    "indented": "    indented",
    "script": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "end of everything": "</blockquote></p></h3><h1>Mine</h1>",
    "linebreaks": "a\\\\\nb  \nc",
    "link": "[click](javascript:alert(1)) ![beacon](http://e.example/x.png)",
    "autolink": "<javascript:alert(1)> <http://e.example/>",
    "entities": "&lt;script&gt; &#60;b&#62; &copy;",
    "code": "``code`` and `code",
    "template": "{{7*7}} {% x %} {# y #} ${z}",
    "mathematics": "$<script>x</script>$ and $[a](javascript:x)$ and $x<a b=c$,$d>e$",
    "backslashes": "\\[a\\](b) \\",
    "end of a link": "](javascript:alert(1)) [x",
    "html block": "<div>\n\n# Heading",
    "line feeds": "first\n# second\n- third\n===\n> fourth",
    "turned": "\u202egnp.exe\u2066 \u200b\u200b",
    "formula of a sheet": "=1+1",
    "empty": "",
}


def paper(number: int, title: str = "A Title", abstract: str = BENIGN, *, comments: str = "", primary: str = "cs.CV") -> Paper:
    """Return an invented paper."""
    return Paper(f"2611.{number:05}", title, abstract, ("Ada Example",), (primary,), comments=comments)


def announced(*entries: Entry, service: str = "listing") -> Announcement:
    """Return an announcement of invented papers."""
    provenance = Provenance(service, ("https://arxiv.org/list/cs.CV/new",), ("ab" * 32,))
    return Announcement("cs.CV", date(2026, 11, 20), entries, provenance)


def opinion(topic: str, subtopic: str, *more: Shelf, unsure: bool = False) -> Classification:
    """Return what a model may think of a paper."""
    return Classification((Shelf(topic, subtopic, 0.8125), *more), unsure)


OPINIONS = (
    opinion("tracking", "tracking"),
    opinion("detection", "lanes", Shelf("depth", "stereo", 0.25)),
    opinion("faces", "gaze", unsure=True),
    opinion("depth", "stereo"),
)


def edition(papers: Sequence[Paper], *, layout: str = "topics", model: bool = True, service: str = "listing") -> Edition:
    """Return the edition of some papers, every fourth of them a cross-list, with opinions in turn."""
    announcement = announced(
        *(Entry(item, Kind.CROSS if index % 4 == 3 else Kind.NEW) for index, item in enumerate(papers)), service=service
    )
    entries = chosen(announcement, frozenset(Kind))
    opinions = [OPINIONS[int(entry.paper.id[-2:]) % 4] for entry in entries] if model else None
    return compose(announcement, entries, opinions, TAXONOMY, layout=layout, model=MODEL if model else None)


def page(made: Edition) -> str:
    """Return the Markdown page of an edition."""
    return Renderer(folder("templates")).page(made)


def benign() -> list[Paper]:
    """Return as many harmless papers as there are hostile ones."""
    return [paper(number, f"Title {number}", f"{BENIGN} It is number {number}.") for number in range(1, len(HOSTILE) + 1)]


def hostile() -> list[Paper]:
    """Return papers whose title and abstract are hostile, read as a listing page is."""
    return [paper(number, plain(text), plain(text, paragraphs=True)) for number, text in enumerate(HOSTILE.values(), start=1)]


def typical() -> list[Paper]:
    """Return papers as they usually are."""
    return [
        paper(
            1,
            "Lanes in the Rain: A_Study of $\\mathcal{L}_{1}$ & Friends",
            "We reach 94.2% on 3 sets. Code: https://github.com/a/lanes_net.",
        ),
        paper(2, "Gaze, Slowly", "First paragraph.\nSecond, with $a<b$ and $x^*$.", comments="Accepted to ECCV 2026"),
        paper(3, "Depth from Puddles", comments="Project: https://puddles.github.io/ (CVPR 2026, oral)"),
        paper(4, "A Tracker Elsewhere", "It is ~14% faster than *others*.", primary="cs.RO"),
        paper(5, "Doors", "Video at https://youtu.be/abc_d and data at https://zenodo.org/records/1."),
    ]


PLACES = ("2d", "lanes", "depth", "lanes", "", "2d", "stranger")


def divided(papers: Sequence[Paper]) -> Edition:
    """Return an edition with a topic that is listed by subtopic: in it stand all subtopics, one unknown, and none."""
    announcement = announced(*(Entry(item, Kind.NEW) for item in papers))
    entries = chosen(announcement, frozenset(Kind))
    places = (PLACES[number % len(PLACES)] for number in range(len(entries)))
    opinions = [opinion("depth", "stereo") if place == "depth" else opinion("detection", place) for place in places]
    return compose(announcement, entries, opinions, DIVIDED, model=MODEL)


CHANGES = ("The papers are sorted by test-model instead of [x](y)", "1 paper has another topic: 2611.00001")
EDITIONS: Mapping[str, Callable[[], Edition]] = {
    "benign-topics": lambda: edition(typical()),
    "benign-classic": lambda: edition(typical(), layout="classic"),
    "benign-by-subtopic": lambda: divided([*typical(), paper(6, "Doors, Again"), paper(7, "A Last One")]),
    "benign-without-model": lambda: edition(typical(), model=False),
    "benign-second-edition": lambda: replace(edition(typical()), number=2, changes=CHANGES),
    "hostile-topics": lambda: edition(hostile()),
    "hostile-classic": lambda: edition(hostile(), layout="classic"),
}


@pytest.mark.parametrize("name", EDITIONS)
def test_the_page_is_the_golden_one(name: str, *, update_golden: bool) -> None:
    """Every letter of the pages is as it was read and agreed; ``--update-golden`` writes them anew."""
    path = GOLDEN / f"{name}.md"
    text = page(EDITIONS[name]())
    if update_golden:
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(text, "utf-8", newline="\n")

    assert text == path.read_text("utf-8")


def skeleton(seen: Seen) -> list[str]:
    """Return the elements of a page; links and line breaks, which are the authors' to give, left out."""
    return [tag for tag in seen.tags if tag not in {"a", "br"}]


@pytest.mark.parametrize("layout", ["topics", "classic"])
@pytest.mark.parametrize("renderer", RENDERERS)
def test_a_hostile_page_has_the_skeleton_of_a_benign_one(renderer: str, layout: str) -> None:
    """Whatever the authors wrote, the page has the same headings, lists, quotations and emphasis, and no other elements."""
    bad = see(renderer, page(edition(hostile(), layout=layout)))
    good = see(renderer, page(edition(benign(), layout=layout)))

    assert skeleton(bad) == skeleton(good)
    assert [tag for tag, _ in bad.headings] == [tag for tag, _ in good.headings]
    assert bad.ids == good.ids
    assert bad.odd == []
    assert not set(bad.tags) & {"script", "img", "iframe", "table", "code", "pre", "del", "s"}
    assert [url for url, _ in bad.links if not url.startswith(("https://arxiv.org/", "http://e.example/", "#"))] == []
    bare = [url for url, _ in bad.links if not url.startswith("http://e.example/")]
    assert bare == [url for url, _ in good.links]


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("name", HOSTILE)
def test_titles_and_abstracts_are_seen_as_they_are(name: str, renderer: str) -> None:
    """A reader sees every letter of a hostile title and abstract, and a word instead of an empty one."""
    text = plain(HOSTILE[name])
    item = paper(1, text, plain(HOSTILE[name], paragraphs=True))
    seen = see(renderer, page(edition([item], layout="classic")))

    assert [tag for tag, _ in seen.headings] == ["h1", "h3"]
    assert seen.headings[1][1] == f"1.{text or '(no title)'} :arrow_down:"
    assert f":arrow_down: {text or '(no abstract)'} Model:" in seen.text


def test_templates_do_not_run_what_authors_write() -> None:
    """Braces of a template language are text like any other."""
    text = page(edition([paper(1, "{{7*7}}", "{% include 'x' %} {{ edition }} {# gone? #}")]))

    assert r"### 1.{{7\*7}}  [ :arrow_down: ]" in text
    assert ">  {% include 'x' %} {{ edition }} {# gone? #}\n" in text


@pytest.mark.parametrize("renderer", RENDERERS)
def test_the_foot_of_a_second_edition(renderer: str) -> None:
    """It says which edition it is and what has changed, as text, between the source and the thanks."""
    seen = see(renderer, page(EDITIONS["benign-second-edition"]()))

    assert "This is edition 2 of this date. The papers are sorted by test-model instead of [x](y). 1 paper has another topic" in seen.text
    assert seen.text.index("Source: ") < seen.text.index("This is edition 2") < seen.text.index("Thank you to arXiv")
    assert skeleton(seen) == skeleton(see(renderer, page(edition(typical()))))


@pytest.mark.parametrize("papers", [typical(), hostile()], ids=["typical", "hostile"])
@pytest.mark.parametrize("renderer", RENDERERS)
def test_the_contents_lead_to_the_sections(papers: list[Paper], renderer: str) -> None:
    """Every line of the contents leads to an anchor that is there once, and its counts add up to the papers listed."""
    made = edition(papers)
    text = page(made)
    seen = see(renderer, text)
    led = [(url.removeprefix("#"), name) for url, name in seen.links if url.startswith("#")]
    counts = [int(count) for count in re.findall(r"^- \[.*\]\(#.*\) \((\d+)\)$", text, re.MULTILINE)]

    assert seen.ids == [target for target, _ in led]
    assert len(set(seen.ids)) == len(seen.ids)
    assert [name for _, name in led] == [section.name for section in made.sections]
    assert counts == [len(section.items) for section in made.sections]
    assert sum(counts) == len(papers)
    assert f" {len(papers)} " in text[: text.index("## Contents")]


@pytest.mark.parametrize("model", [True, False])
@pytest.mark.parametrize("layout", ["topics", "classic"])
def test_numbers_run_through_and_every_paper_stands_once(layout: str, *, model: bool) -> None:
    """Entries are numbered from 1 on in the order of the page, and each identifier has one of the numbers."""
    papers = [*typical(), *(paper(number) for number in range(6, 60))]
    text = page(edition(papers, layout=layout, model=model))
    found = re.findall(r"^### (\d+)\..*\]\(https://arxiv\.org/pdf/(.*)\.pdf\)$", text, re.MULTILINE)

    assert [int(number) for number, _ in found] == list(range(1, len(papers) + 1))
    assert sorted(identifier for _, identifier in found) == sorted(item.id for item in papers)


def test_a_paper_that_is_announced_twice_stands_once() -> None:
    """A paper that is new and replaced on one day is listed as new."""
    announcement = announced(Entry(paper(1), Kind.REPLACED), Entry(paper(1), Kind.NEW), Entry(paper(2), Kind.REPLACED))
    made = compose(announcement, chosen(announcement, frozenset(Kind)), None, TAXONOMY)

    assert [(item.number, item.entry.paper.id, item.entry.kind) for item in made.items] == [
        (1, "2611.00001", "new"),
        (2, "2611.00002", "replaced"),
    ]


def test_the_classic_page_is_flat() -> None:
    """One heading, then entries of a heading and a quotation each, new submissions first, each by descending identifier."""
    text = page(edition(typical(), layout="classic"))
    body, _, foot = text.partition("\n---\n")
    head, _, rest = body.partition("\n")
    found = re.findall(r"### (\d+)\.(.+)  \[ :arrow_down: \]\(https://arxiv\.org/pdf/(\d{4}\.\d{5})\.pdf\)\n>  (.+)\n", rest)

    assert head == "# ArXiv cs.CV --Fri, 20 Nov 2026"
    assert [identifier[-1] for _, _, identifier, _ in found] == ["5", "3", "2", "1", "4"]
    assert re.sub(r"### .+\n>  .+\n", "", rest).strip() == ""
    assert found[2][3] == "First paragraph. <br>Second, with $a<b$ and $x^*$."
    assert "Thank you to arXiv for use of its open access interoperability." in foot


def test_sections_follow_the_catalogue_and_the_unsure_are_last() -> None:
    """Topics stand in the catalogue's order, empty ones are left out, and what the model is unsure of comes at the end."""
    text = page(edition(typical()))

    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [
        "Contents",
        "Object detection",
        "Depth, stereo / RGB-D (3D)",
        "Tracking",
        "Unsure",
    ]


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("count", [1, 7, 40])
def test_a_topic_can_be_listed_by_subtopic(count: int, renderer: str) -> None:
    """Its parts follow the catalogue, what has no known subtopic is last, and the numbers run through in reading order."""
    made = divided([paper(number) for number in range(1, count + 1)])
    section = made.sections[0]
    text = page(made)
    seen = see(renderer, text)
    led = [(url.removeprefix("#"), name) for url, name in seen.links if url.startswith("#")]
    names = ["2D & open_vocabulary", "Lanes", "No subtopic", "stranger"][: 4 if count > 1 else 1]

    assert [part.name for part in section.parts] == names
    assert tuple(item for part in section.parts for item in part.items) == section.items
    assert [item.number for item in made.items] == list(range(1, count + 1))
    assert re.findall(r"^### (\d+)\.", text, re.MULTILINE) == [str(number) for number in range(1, count + 1)]
    assert [name for tag, name in seen.headings if tag == "h3" and not re.match(r"\d+\.", name)] == names
    assert seen.ids == [target for target, _ in led]
    assert len(set(seen.ids)) == len(seen.ids)
    assert [name for _, name in led][: len(names) + 1] == ["Object detection", *names]
    assert re.findall(r"^  - .* \((\d+)\)$", text, re.MULTILINE) == [str(len(part.items)) for part in section.parts]


def test_the_catalogues_anchors_are_unique() -> None:
    """A page with a paper on every shelf of the catalogue has no anchor twice, and a paper of each kind in its place."""
    taxonomy = resources.taxonomy()
    shelves = taxonomy.shelves()
    announcement = announced(*(Entry(paper(number), Kind.NEW) for number in range(1, len(shelves) + 1)))
    opinions = [opinion(*shelf) for shelf in shelves]
    made = compose(announcement, chosen(announcement, frozenset(Kind)), opinions, taxonomy, model=MODEL)
    ids = see("commonmark", page(made)).ids
    other = next(topic for topic in taxonomy.topics if topic.slug == "other")

    assert len(set(ids)) == len(ids) == len(taxonomy.topics) + len(other.subtopics)
    assert [section.slug for section in made.sections if section.parts] == ["other"]
    assert [part.slug for part in made.sections[-1].parts] == [sub.slug for sub in other.subtopics]


def test_without_a_model_everything_is_unclassified() -> None:
    """There is one section for all papers, and the foot says why."""
    text = page(edition(typical(), model=False))

    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Contents", "Unclassified"]
    assert "No model was there" in text
    assert "0.81" not in text


def test_the_facts_of_an_entry_are_those_it_has() -> None:
    """Shelves with their probabilities, kind, foreign primary category, venue and links stand in one line; nothing is empty."""
    text = page(edition(typical()))

    assert (
        "\n*Object detection \u203a lanes* 0.81 \u00b7 *Depth, stereo / RGB-D (3D) \u203a stereo* 0.25 \u00b7 [arXiv](https://arxiv.org/abs/2611.00005)"
        in text
    )
    assert "0.81 \u00b7 cross-listed \u00b7 cs.RO \u00b7 [arXiv]" in text
    assert "\u00b7 **ECCV 2026** \u00b7 [arXiv]" in text
    assert "[code](https://github.com/a/lanes_net)" in text
    assert "[project](https://puddles.github.io/)" in text
    assert "[video](https://youtu.be/abc_d) \u00b7 [data](https://zenodo.org/records/1)" in text


@pytest.mark.parametrize(("primary", "line"), [("", "[arXiv](h"), ("- x", "\\- x \u00b7 [arXiv](h"), ("# x", "\\# x \u00b7 [arXiv](h")])
def test_odd_categories_are_text(primary: str, line: str) -> None:
    """A paper without a primary category has no empty fact, and an odd one begins no list."""
    text = page(edition([paper(1, primary=primary)], model=False))

    assert f"\n{line}" in text


@pytest.mark.parametrize("renderer", RENDERERS)
def test_nothing_ends_the_address_of_a_link(renderer: str) -> None:
    """Brackets, quotation marks, entities and odd identifiers stay within the address that they stand in."""
    item = paper(1, abstract="Code: https://x.org/a_(b)?c=1&lt;=2&d=[e] or so.")
    odd = Paper('1](javascript:x) "<b>', "A Title", BENIGN, (), ("cs.CV",))
    made = edition([item], model=False)
    text = page(made)
    seen = see(renderer, text)

    assert [url for url, name in seen.links if name == "code"] == ["https://x.org/a_%28b%29?c=1&lt;=2&d=%5Be%5D"]
    assert address(odd.id) == "1%5D%28javascript:x%29%20%22%3Cb%3E"
    assert see(renderer, f"[x](https://x.org/{address(odd.id)})").tags == ["p", "a"]


@pytest.mark.parametrize(
    ("heading", "expected"),
    [("Object detection", "object-detection"), ("Faces & people", "faces--people"), ("RGB-D (3D)", "rgb-d-3d"), ("a_b", "a_b"), ("", "")],
)
def test_anchors_are_githubs(heading: str, expected: str) -> None:
    """An anchor is what GitHub makes of the heading."""
    assert anchor(heading) == expected


def test_days_are_english() -> None:
    """Dates are written as arXiv writes them."""
    assert day(date(2020, 4, 2)) == "Thu, 2 Apr 2020"


def test_a_sample_says_so_at_its_top() -> None:
    """A page of invented papers cannot be taken for an announcement, in either layout."""
    for layout in ("topics", "classic"):
        text = page(edition(typical(), layout=layout, service="sample"))
        assert "**This is a sample.**" in text[: text.index("### 1.")]
        assert "This is a sample" not in page(edition(typical(), layout=layout))


def test_an_edition_without_papers_is_a_page() -> None:
    """No papers make a page without entries, and nothing breaks."""
    for layout in ("topics", "classic"):
        text = page(edition([], layout=layout))
        assert text.startswith("# ArXiv cs.CV --Fri, 20 Nov 2026\n")
        assert "###" not in text


def test_the_index_lists_editions() -> None:
    """Every edition is a link to its page, whatever its folder is called."""
    text = Renderer(folder("templates")).index(
        [(date(2026, 11, 20), "cs.CV", Path("2026/2026-11-20-cs.CV.md")), (date(2026, 11, 19), "cs.LG", Path("a (b)/x.md"))]
    )

    assert see("commonmark", text).links == [
        ("2026/2026-11-20-cs.CV.md", "Fri, 20 Nov 2026"),
        ("a%20%28b%29/x.md", "Thu, 19 Nov 2026"),
    ]


@pytest.mark.slow
def test_the_same_input_gives_the_same_bytes_anywhere() -> None:
    """Neither the hash seed, nor the time zone, nor the locale leaves a trace on a page."""
    program = (
        "import sys; from tests.test_markdown import EDITIONS, page; "
        "sys.stdout.buffer.write(''.join(page(make()) for make in EDITIONS.values()).encode())"
    )
    surroundings = (
        {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C"},
        {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8"},
        {"PYTHONHASHSEED": "4242", "TZ": "America/New_York", "LC_ALL": "de_DE.UTF-8", "LANG": "tr_TR.UTF-8"},
    )
    results = {
        subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **extra}, capture_output=True, check=True
        ).stdout
        for extra in surroundings
    }

    assert results == {"".join(page(make()) for make in EDITIONS.values()).encode()}
