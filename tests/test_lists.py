"""Curated lists, as their curators write them: every paper is read, or the line that could not be is named."""

import difflib
import gzip
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest import resources
from digest.catalogue import lists, markup, records
from digest.catalogue.records import Reading, Record, title_key
from digest.errors import ListError
from tests.reference import ROOT, shared

_ID = re.compile(r"(?i)arxiv\.org/(?:abs|pdf|html)/(\d{4}\.\d{4,5})(?!\d)")


def only(text: str, *, source: str = "", venue: str = "") -> Record:
    """Return the one record of a list in which everything can be read."""
    reading = lists.read(text, source=source, venue=venue)
    assert reading.unread == ()
    assert len(reading.records) == 1, [record.title for record in reading.records]
    return reading.records[0]


def urls(record: Record) -> dict[str, str]:
    """Return the links of a record by what they are for."""
    return {link.kind: link.url for link in record.links}


@pytest.mark.parametrize(
    "text",
    [
        "- [A Title of Some Words](https://arxiv.org/abs/2611.00001) | [code](https://github.com/example/a)\n",
        "1. [A Title of Some Words](https://arxiv.org/pdf/2611.00001v2.pdf)\n[code](https://github.com/example/a)\n",
        "**A Title of Some Words**\n\n- Paper: https://arxiv.org/abs/2611.00001\n- Code: https://github.com/example/a\n",
        "**A Title of Some Words**\n\n- Paper：https://arxiv.org/abs/2611.00001\n- 代码: https://github.com/example/a\n",
        "**A Title of Some Words**\n\n- Pape：https://arxiv.org/abs/2611.00001\n- Codes：https://github.com/example/a\n",
        "1. A Title of Some Words<br>[paper](https://arxiv.org/abs/2611.00001) | [code](https://github.com/example/a)<br><br>\n",
        "【1】A Title of Some Words<br>论文地址：https://arxiv.org/abs/2611.00001<br>代码：https://github.com/example/a<br>\n",
        "* A Title of Some Words [[paper](https://arxiv.org/abs/2611.00001)] [[code](https://github.com/example/a)]\n",
        "- [A Title of\n  Some Words](https://arxiv.org/abs/2611.00001) [code](https://github.com/example/a)\n",
        "- [A Title of Some Words](\nhttps://arxiv.org/abs/2611.00001)\n[code](https://github.com/example/a)\n",
        '<a href="https://arxiv.org/abs/2611.00001">A Title of Some Words</a> <a href="https://github.com/example/a">code</a>\n',
        ("# A List\n### 1.A Title of Some Words  [ :arrow_down: ](https://arxiv.org/pdf/2611.00001.pdf) [code](https://github.com/example/a)\n"
        ">  What it is about.\n"),
        ("| Title | Paper | Code |\n|---|---|---|\n"
        "| A Title of Some Words | [pdf](https://arxiv.org/abs/2611.00001) | [link](https://github.com/example/a) |\n"),
        ('<table><tr><td>A Title of Some Words</td><td><a href="https://arxiv.org/abs/2611.00001">paper</a></td>'
        '<td><a href="https://github.com/example/a">code</a></td></tr></table>\n'),
    ],
    ids=["item", "numbered", "bold", "full-width", "misspelt", "breaks", "chinese", "brackets", "broken title", "broken address", "html",
         "heading", "table", "html table"],
)  # fmt: skip
def test_a_paper_is_read_in_every_format(text: str) -> None:
    """However it is written, the title, the identifier without its version and the links are the same."""
    record = only(text)

    assert (record.title, record.arxiv_id) == ("A Title of Some Words", "2611.00001")
    assert urls(record)["paper"].removesuffix(".pdf").removesuffix("v2").endswith("2611.00001")
    assert urls(record)["code"] == "https://github.com/example/a"


def test_sections_are_the_headings_around_a_paper() -> None:
    """English and Chinese headings with anchors, numbers and signs; the title of the document is none of them."""
    text = (
        "# Papers of a Year\n\n- [Detection](#Detection)\n\n"
        '<a name="Detection"></a>\n\n## :dog: 1. 目标检测(Object Detection)\n\n'
        "### 3D\n\n- [A Title of Some Words](https://arxiv.org/abs/2611.00001)\n\n"
        '<a name="GAN"/>\n\n## GAN\n\n- [Another Title of Words](https://arxiv.org/abs/2611.00002)\n'
    )
    reading = lists.read(text)

    assert [(record.arxiv_id, len(record.section)) for record in reading.records] == [("2611.00001", 2), ("2611.00002", 1)]
    assert "目标检测" in reading.records[0].section[0]
    assert reading.records[0].section[1] == "3D"
    assert reading.records[1].section == ("GAN",)
    assert [record.line for record in reading.records] == [11, 17]


def test_what_unfolds_is_a_section() -> None:
    """The summary of something to unfold is the heading of what is inside."""
    text = (
        "## Video\n\n<details>\n<summary>Tracking</summary>\n\n- [A Title of Some Words](https://arxiv.org/abs/2611.00001)\n\n</details>\n\n"
        "- [Another Title of Words](https://arxiv.org/abs/2611.00002)\n"
    )

    assert [record.section for record in lists.read(text).records] == [("Video", "Tracking"), ("Video",)]


def test_ratings_and_remarks() -> None:
    """A curator's mark and note are kept apart from the title."""
    record = only("- [9/10][quite neat] [A Title of Some Words](https://arxiv.org/abs/2611.00001)\n")

    assert (record.rating, record.remark, record.title) == ("9/10", "quite neat", "A Title of Some Words")


def test_titles_without_links() -> None:
    """A list of titles alone is a list of papers, and a sentence is none."""
    text = (
        "## Detection\n\n- Learning to Detect Objects in Heavy Fog\n- Segmenting Gardens with Few Labels\n\nThis list is renewed daily.\n"
    )

    assert [(record.title, record.arxiv_id, record.links) for record in lists.read(text).records] == [
        ("Learning to Detect Objects in Heavy Fog", "", ()),
        ("Segmenting Gardens with Few Labels", "", ()),
    ]


def test_duplicates_are_one_within_a_section() -> None:
    """The same paper twice in a section is one record with all its links, and in two sections it is two."""
    line = "- [A Title of Some Words](https://arxiv.org/abs/2611.00001)"
    text = f"## A\n\n{line}\n{line} [code](https://github.com/example/a)\n\n## B\n\n{line}\n"

    found = lists.read(text).records
    assert [(record.section, len(record.links)) for record in found] == [(("A",), 2), (("B",), 1)]


def test_venues_and_orals() -> None:
    """The venue that a line names wins over that of the list; "Oral" is no part of the title."""
    text = (
        "- [A Title of Some Words](https://arxiv.org/abs/2611.00001) (CVPR 2026 Oral)\n"
        "- [Another Title of Words](https://arxiv.org/abs/2611.00002)\n"
    )
    first, second = lists.read(text, venue="ICCV 2025").records

    assert (first.title, first.oral, "CVPR" in first.venue) == ("A Title of Some Words", True, True)
    assert (second.oral, second.venue) == (False, "ICCV 2025")


def test_csv() -> None:
    """In CSV the first row names the columns, and a cell may hold a comma and a line feed."""
    text = 'title,session,url\n"A Title, of\nSome Words",Detection,https://arxiv.org/abs/2611.00001\nAnother Title of Words,Video,\n'
    found = lists.read(text, source="list.csv").records

    assert [(record.title, record.section, record.arxiv_id) for record in found] == [
        ("A Title, of Some Words", ("Detection",), "2611.00001"),
        ("Another Title of Words", ("Video",), ""),
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\n\n[paper](https://arxiv.org/abs/2611.00001)\n", 3),
        ("```\nhttps://arxiv.org/abs/2611.00001\n```\n", 2),
        ("<!-- \n[A Title of Some Words](https://arxiv.org/abs/2611.00001) -->\n", 2),
        (f"\n{'x' * markup.LONGEST} https://arxiv.org/abs/2611.00001\n", 2),
        ("- A Title of Some Words\n- Paper: ttps://arxiv.org/abs/2611.00001\n", 2),
        ("| Title | Paper |\n|---|---|\n| | [pdf](https://arxiv.org/abs/2611.00001) |\n", 3),
        (
            ("**A Title of Some Words**\n- Paper: https://arxiv.org/abs/2611.00009\n- x\n\n"
            "[paper](https://arxiv.org/abs/2611.00001)\n"), 5,
        ),
    ],
    ids=["no title", "code", "comment", "long line", "broken address", "row without a title", "second paper"],
)  # fmt: skip
def test_what_cannot_be_read_is_named(text: str, line: int) -> None:
    """An identifier in no record is reported with its line and a reason."""
    reading = lists.read(text)

    assert "2611.00001" not in {record.arxiv_id for record in reading.records}
    assert [(entry.line, entry.arxiv_ids) for entry in reading.unread if "2611.00001" in entry.arxiv_ids] == [(line, ("2611.00001",))]
    assert all(entry.reason and len(entry.text) <= 200 for entry in reading.unread)


@pytest.mark.parametrize("text", ["", "\n\n", "Just a sentence without anything.\n", "# \n", "<table>", "[", "](", "<!--", "---\n"])
def test_nothing_to_read(text: str) -> None:
    """A list without a paper is no error."""
    assert lists.read(text, source="empty") == Reading("empty", (), ())


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"# List\n\n- \xff\n", "the list is not UTF-8: byte 10 (line 3) is 0xff; save it as UTF-8"),
        (b"\xef\xbb\xbfab\xff", "the list is not UTF-8: byte 5 (line 1) is 0xff; save it as UTF-8"),
        (b"PK\x03\x04\0\0", "the list is no text: byte 4 (line 1) is 0x00"),
        ("中".encode("gb18030"), "the list is not UTF-8: byte 0 (line 1) is 0xd6; save it as UTF-8"),
    ],
)
def test_bytes_that_are_no_text(body: bytes, said: str) -> None:
    """The first wrong byte is named with its place."""
    with pytest.raises(ListError) as caught:
        records.decode(body)

    assert str(caught.value) == said


def test_a_list_that_is_too_large_is_refused() -> None:
    """A hundred megabytes are no curated list."""
    with pytest.raises(ListError, match=r"the list is larger than 20 MiB"):
        records.decode(b"a" * (records.LARGEST + 1))


def test_marks_of_the_encoding_are_known() -> None:
    """A byte-order mark is no part of the text."""
    assert records.decode("- a".encode("utf-8-sig")) == "- a"
    assert records.decode("- a".encode("utf-16")) == "- a"


# -- any text --------------------------------------------------------------------------------------------------------

_BITS = st.sampled_from(
    [
        "\n", "\n\n", "# ", "## ", "- ", "1. ", "  - ", "> ", "| ", "|---|---|\n", "**", "[", "]", "(", ")", "](", "<br>",
        "<a href='", "'>", "</a>", "<table>", "<tr>", "<td>", "</td>", "<details>", "<summary>", "</summary>", "</details>",
        "```\n", "<!--", "-->", "Paper: ", "代码：", "【1】", "（", "）", "[9/10]", "A Title of Some Words", "目标检测",
        "https://arxiv.org/abs/2611.00001", "http://arxiv.org/pdf/2611.00002v3.pdf", "[paper](https://arxiv.org/abs/2611.00003)",
        "arXiv:2611.00004", "&amp", "\t", "\u3000", "\r", "#", "://", "---\n", "===\n", '"', ",",
    ]
)  # fmt: skip
_TEXTS = st.lists(st.one_of(_BITS, st.text(max_size=8)), max_size=60).map("".join)


@settings(max_examples=300, deadline=None)
@given(_TEXTS, st.sampled_from(["list.md", "list.csv"]))
def test_any_text_is_read_and_no_identifier_is_lost(text: str, source: str) -> None:
    """Whatever the text, every identifier in it is in a record or is reported."""
    reading = lists.read(text, source=source)
    named = {record.arxiv_id for record in reading.records} | {ident for entry in reading.unread for ident in entry.arxiv_ids}

    assert set(_ID.findall(text)) <= named
    last = text.count("\n") + text.count("\r") + len(text.splitlines()) + 1
    assert all(1 <= line <= last for line in [record.line for record in reading.records] + [entry.line for entry in reading.unread])
    assert all(record.title for record in reading.records)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_text_or_none(body: bytes) -> None:
    """Bytes are decoded, or refused with an error of ours."""
    try:
        text = records.decode(body)
    except ListError:
        return
    lists.read(text)


_SHAPES = [
    "[", "[a](", "((", "（中", "**a", "<a ", '<a href="', "|a", "1.", "*", " ", "http://a.b/", "<td>", "])", "`", "<!--",
    "&amp;", "<li>", "arxiv.org/abs/2004.00001 ", "Word ", "![](a)", "[![a](b)](c) ", ":a", "A B中(",
]  # fmt: skip


@pytest.mark.parametrize("shape", _SHAPES)
def test_the_work_grows_with_the_text(shape: str) -> None:
    """Ten times the text is at most a little more than ten times the work, counted in calls and not in seconds."""
    small, large = (_work(size, shape) for size in (4_000, 40_000))

    assert large < 15 * small + 2_000


def _work(size: int, shape: str) -> int:
    """Return how many calls of functions it takes to read *size* letters of a shape, half in short lines, half in one."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event.endswith("call")

    text = (shape * 20 + "\n") * (size // 40 // len(shape)) + "- " + shape * (size // 2 // len(shape))
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        lists.read(text)
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.slow
def test_a_large_list_is_read_within_bounds() -> None:
    """The largest list that is let in is read in a process of less than 1.5 GiB; one long line takes no time at all."""
    script = (
        "import resource, sys\n"
        "from digest.catalogue import lists, records\n"
        "line = '- [A Title of {} Words](https://arxiv.org/abs/{:04}.{:05}) [code](https://github.com/example/a)\\n'\n"
        "text, number = [], 0\n"
        "while len(text) * 100 < records.LARGEST - 2**20:\n"
        "    text.append(line.format(number, 1000 + number // 90000, number % 90000))\n"
        "    number += 1\n"
        "assert len(lists.read(records.decode(''.join(text).encode())).records) == number\n"
        "assert lists.read('[' * records.LARGEST).records == ()\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=300)

    assert int(done.stdout) * (1 if sys.platform == "darwin" else 1024) < 1.5 * 2**30


# -- the real ones ---------------------------------------------------------------------------------------------------


def real(folder: str, *patterns: str) -> Iterator[tuple[Path, str, Reading]]:
    """Yield lists of the reference material; the third seed is a table of studies and no list."""
    for path in sorted(path for pattern in patterns for path in (shared() / folder).glob(pattern) if not path.name.startswith("003")):
        text = records.decode(path.read_bytes(), source=path.name)
        yield path, text, lists.read(text, source=path.name)


@pytest.fixture(scope="module")
def readings() -> list[tuple[Path, str, Reading]]:
    """Return the real lists, each read once."""
    return [*real("seeds", "*.txt"), *real("lists", "*.md", "*.csv")]


def share_read(readings: Iterable[tuple[Path, str, Reading]]) -> float:
    """Return how many of the identifiers are read, after a look at each list."""
    named = got = 0
    for path, text, reading in readings:
        ids = set(_ID.findall(text))
        read = {record.arxiv_id for record in reading.records}
        assert ids <= read | {ident for entry in reading.unread for ident in entry.arxiv_ids}, path.name
        assert len(ids & read) >= 0.97 * len(ids), path.name
        named += len(ids)
        got += len(ids & read)
    return got / named


def test_the_seeds_are_read() -> None:
    """Of the identifiers in the lists that the project was made from at least 99 % are read."""
    assert share_read(real("seeds", "*.txt")) >= 0.99


@pytest.mark.slow
def test_the_real_lists_are_read(readings: list[tuple[Path, str, Reading]]) -> None:
    """Of the identifiers in the real lists at least 99 % are read, of each list 97 %, and the others are reported."""
    assert len(readings) > 50
    assert share_read(readings) >= 0.99


@pytest.mark.slow
def test_the_titles_of_the_real_lists_are_titles(readings: list[tuple[Path, str, Reading]]) -> None:
    """Titles hold no markup and no addresses, and where the corpus knows the identifier they are those of the corpus."""
    with gzip.open(shared() / "corpus" / "labelled.jsonl.gz", "rt", encoding="utf-8") as lines:
        known = {row["arxiv_id"]: title_key(row["title"]) for row in map(json.loads, lines) if row.get("arxiv_id")}
    found = [record for _, _, reading in readings for record in reading.records]
    joined = [(title_key(record.title), known[record.arxiv_id]) for record in found if record.arxiv_id in known]
    same = [ours == theirs for ours, theirs in joined]
    like = [ours == theirs or difflib.SequenceMatcher(None, ours, theirs).ratio() > 0.6 for ours, theirs in joined]

    odd = [record.title for record in found if "://" in record.title or "](" in record.title or not 4 <= len(record.title) <= 300]
    assert len(odd) <= 0.002 * len(found)
    assert len(joined) > 15_000
    assert sum(same) >= 0.95 * len(joined)  # measured: 0.965; authors rename their papers
    assert sum(like) >= 0.985 * len(joined)  # measured: 0.99; some lists link another paper than they name


# -- the bundled facts -----------------------------------------------------------------------------------------------

_FACTS = {"title", "arxiv_id", "section", "topic", "subtopic", "links"}


@pytest.mark.parametrize("name", ["cvpr-2020", "cvpr-2020-snapshot", "iccv-2019-notes"])
def test_the_bundled_lists_hold_facts_only(name: str) -> None:
    """Each line has these fields and no other, a title of a title's length, a topic that there is, and links."""
    rows = [json.loads(line) for line in (ROOT / "models" / "catalogue" / f"{name}.jsonl").read_text("utf-8").splitlines()]
    topics, shelves = resources.taxonomy().names(), resources.taxonomy().shelves()

    assert len(rows) >= 40
    for row in rows:
        assert set(row) == _FACTS
        assert 3 <= len(row["title"]) <= 250
        assert row["arxiv_id"] is None or re.fullmatch(r"\d{4}\.\d{4,5}", row["arxiv_id"])
        assert all(len(heading) <= 120 for heading in row["section"])
        assert row["topic"] is None or row["topic"] in topics
        assert row["subtopic"] is None or (row["topic"], row["subtopic"]) in shelves
        assert set(row["links"]) <= {"paper", "code", "project", "video", "other"}
        assert all(" " not in url for found in row["links"].values() for url in found)
