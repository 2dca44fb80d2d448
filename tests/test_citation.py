"""A paper as BibTeX, read by pybtex, and as Markdown."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pybtex.database import BibliographyData, parse_string

from digest.core.citation import bibtex
from digest.core.domain import Announcement, Classification, Entry, Kind, Paper, Provenance, Shelf
from digest.core.edition import compose
from digest.render.markdown import Renderer
from digest.resources import folder, taxonomy

DAY = date(2026, 11, 20)
PAPER = Paper(
    "2611.01234", "The Gaussian Café: $O(n^2)$ at 50% of A_B & C", "Text.", ("Ada B. Example", "Jo Doe", "Lee van den Berg"),
    ("cs.CV", "eess.IV"), doi="10.1000/x_(1)", submitted=datetime(2026, 10, 31, 23, tzinfo=UTC),
)  # fmt: skip
HOSTILE = (
    "}} @misc{x, title={y}}", "{", "}", "\\", "$", "$}$", "${$", "$\\input{/etc/passwd}$", "$a$ % b", '"', "@string{x=1}", "#",
    "\\}", "$\\}$",
    "a and b", "and", "others", ", Jr", "\x00\ud800\u202e", "$x^^41$", "~^_&", "\n\n", "$\\write18{x}$", "🏳️‍🌈", "<script>alert(1)</script>",
    "$$", "\\$1$", "$%$", "0", "{}", "{{", "--", "\u2028",
)  # fmt: skip
TEXTS = st.lists(st.sampled_from((*HOSTILE, "Doe", "gaussian", " ")), max_size=6).map("".join) | st.text(max_size=20)


KNOWN = ("alpha", "frac", "mathbf", "sqrt", "to", "text", "left", "right", "hat", "Rightarrow", "operatorname", "infty", "log", "quad")
ACTING = (
    "href", "url", "InputIfFileExists", "IfFileExists", "AtBeginDocument", "AtEndDocument", "futurelet", "chardef", "global", "hsize",
    "halign", "hbox", "font", "input", "include", "write", "openin", "openout", "read", "immediate", "special", "catcode", "csname",
    "endcsname", "def", "edef", "gdef", "xdef", "let", "newcommand", "renewcommand", "directlua", "latelua", "scantokens", "expandafter",
    "everymath", "uppercase", "lowercase", "begin", "end", "loop", "repeat", "message", "errmessage", "batchmode", "jobname", "output",
    "shipout", "insert", "vadjust", "mathchardef", "countdef", "advance", "setbox", "kern", "hskip", "hspace", "vspace", "raise", "lower",
    "rule", "hrule", "vrule", "includegraphics", "pdffiledump", "pdfobj", "usepackage", "RequirePackage", "ShellEscape", "verb", "footnote",
    "label", "cite", "color", "textcolor", "char", "mathchar", "delimiter", "the", "number", "string", "meaning", "noexpand", "unexpanded",
    "ifx", "iftrue", "else", "fi", "relax", "par", "bye", "stop", "qzx", "makeatletter", "write@", "mathbfx", "L",
)  # fmt: skip
"""Control words of TeX and LaTeX that act on files, on programs or on what follows, and some that nobody knows."""
ESCAPES = {"textbackslash", "textbraceleft", "textbraceright", "textasciitilde", "textasciicircum", *"#$%&_"}
FORMULAS = st.lists(
    st.sampled_from([f"\\{word}" for word in (*KNOWN, *ACTING)])
    | st.sampled_from(
        ("{", "}", "\\{", "\\}", "\\", "\\\\", "^^5c", "^^M", "^", "_", "%", "#", "&", "~", "x", "1", " ", "\\,", "\\%", "[", "]", "@", "=")
    ),
    max_size=6,
).map(lambda parts: f"${''.join(parts)}$")


def title(text: str) -> str:
    """Return the title field of the entry of a paper with this title, without its braces."""
    found = re.search(r"^  title = \{\{(.*)\}\},$", bibtex(replace(PAPER, title=text), DAY), re.MULTILINE)
    assert found
    return found[1]


def paired(text: str) -> bool:
    """Say whether each brace of a text has the one that belongs to it."""
    left = re.sub(r"[^{}]", "", text)
    while "{}" in left:
        left = left.replace("{}", "")
    return not left


def parsed(text: str) -> BibliographyData:
    """Return what a parser that we did not write makes of an entry."""
    return parse_string(text, "bibtex")


def test_an_entry() -> None:
    """What people cite is there, in the fields where bibliographies look for it."""
    assert bibtex(PAPER, DAY) == (
        "@misc{example2026gaussian,\n"
        "  title = {{The Gaussian Café: $O(n^2)$ at 50\\% of A\\_B \\& C}},\n"
        "  author = {Example, Ada B. and Doe, Jo and Lee van den Berg},\n"
        "  year = {2026},\n"
        "  eprint = {2611.01234},\n"
        "  archivePrefix = {arXiv},\n"
        "  primaryClass = {cs.CV},\n"
        "  doi = {10.1000/x_(1)},\n"
        "  url = {https://arxiv.org/abs/2611.01234},\n"
        "}\n"
    )
    entry = parsed(bibtex(PAPER, DAY)).entries["example2026gaussian"]
    assert (entry.type, entry.fields["eprint"]) == ("misc", "2611.01234")
    assert [" ".join(one.last_names) for one in entry.persons["author"]] == ["Example", "Doe", "Berg"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Jane Doe", "Doe, Jane"),
        ("J. K. Doe", "Doe, J. K."),
        ("Jean-Luc O'Neil", "O'Neil, Jean-Luc"),
        ("Madonna", "Madonna"),
        ("Juan Pérez Gómez", "Juan Pérez Gómez"),
        ("Jane Doe Jr.", "Jane Doe Jr."),
        ("ABC Collaboration", "{ABC Collaboration}"),
        ("Doe, Jane", "{Doe, Jane}"),
        ("Salt and Pepper", "{Salt and Pepper}"),
        ("bell hooks", "bell hooks"),
        ("李 明", "李 明"),
    ],
)
def test_names(name: str, expected: str) -> None:
    """A last name comes first only where it is sure which it is; no name falls into two."""
    assert f"  author = {{{expected}}},\n" in bibtex(replace(PAPER, authors=(name,)), DAY)


def test_keys_and_years() -> None:
    """The key needs a name, a year and a word, and makes do without; old papers say their year by their number."""
    for change, key in (
        ({"authors": ("Łukasz Żółć-Ø Jr.",)}, "zolco2026gaussian"),
        ({"authors": ()}, "2026gaussian"),
        ({"title": "On the $x$"}, "example2026261101234"),
        ({"title": ""}, "example2026261101234"),
        ({"id": "cs/9912001", "submitted": None}, "example1999gaussian"),
        ({"id": "1406.0001", "submitted": None}, "example2014gaussian"),
        ({"id": "x}", "submitted": None}, "example2026gaussian"),
    ):
        assert bibtex(replace(PAPER, **change), DAY).startswith(f"@misc{{{key},\n"), change


def test_very_many_authors() -> None:
    """BibTeX has a word for the rest."""
    text = bibtex(replace(PAPER, authors=("Jane Doe",) * 10_000), DAY)
    assert len(text) < 3_000
    assert text.count("Doe, Jane and ") == 100
    assert " and others},\n" in text


@settings(max_examples=40, deadline=None)
@given(TEXTS, st.lists(TEXTS, max_size=3), TEXTS, TEXTS, TEXTS)
def test_hostile_texts(title: str, authors: list[str], doi: str, category: str, name: str) -> None:
    """Whatever a paper says makes one entry of the same fields, which a parser reads; nothing of it is run by TeX."""
    text = bibtex(Paper(name, title, "", tuple(authors), (category,), doi=doi), DAY)
    found = parsed(text)
    assert len(found.entries) == 1
    entry = found.entries[next(iter(found.entries))]
    assert {field.lower() for field in entry.fields} <= {"title", "year", "eprint", "archiveprefix", "primaryclass", "doi", "url"}
    assert set(entry.persons) <= {"author"}
    assert not re.search(r"\\(input|write)|\^\^", text)
    text.encode()


def test_one_paper_as_markdown() -> None:
    """Title, authors, facts and abstract, each once and each as text."""
    paper = replace(PAPER, title="# [x](y) <b>Bold</b>", abstract="One.\nTwo <i>.", comments="Accepted at ECCV 2026")
    entries = (Entry(paper, Kind.CROSS),)
    opinions = [Classification((Shelf("3d", "depth-stereo", 0.75),), unsure=False)]
    edition = compose(Announcement("cs.CV", DAY, entries, Provenance("listing")), entries, opinions, taxonomy())
    text = Renderer(folder("templates")).paper(edition.items[0], edition)

    assert Renderer(folder("templates")).paper(replace(edition.items[0], number=77), edition) == text
    assert "[# \\[x\\](y) &lt;b&gt;Bold&lt;/b&gt;](https://arxiv.org/abs/2611.01234)" in text
    for part in (
        "Ada B. Example, Jo Doe, Lee van den Berg",
        "depth and stereo",
        "cross-listed",
        "**ECCV 2026**",
        "One. <br>Two &lt;i&gt;.",
    ):
        assert text.count(part) == 1, part


@pytest.mark.parametrize(
    "formula",
    [
        "$O(n^2)$", "$\\mathcal{L}_{\\text{max}}$", "$\\frac{1}{2}\\sqrt[3]{x}$", "$\\left\\{ a \\mid b \\right\\}$",
        "$SE(3) \\to \\mathbb{R}^n$",
        "$\\Rightarrow$", "$5\\%$", "$\\hat{y}\\approx\\operatorname{arg\\,max}_\\theta \\log p$", "$\\times$", "$$E=mc^2$$",
        "$^{3}$D", "$\\rm CO_2$",
    ],
)  # fmt: skip
def test_mathematics_stays(formula: str) -> None:
    """What formulas in titles are made of is kept as it is."""
    assert title(f"On {formula} and so") == f"On {formula} and so"


@pytest.mark.parametrize(
    "formula",
    [
        r"$\href{run:/bin/sh}{x}$", r"$\InputIfFileExists{/etc/passwd}{}{}$", r"$\AtBeginDocument{x}$", r"$\futurelet\a\b$",
        r"$\chardef\a=1$",
        r"$\global\hsize=0pt$", r"$\halign{a}$", r"$\hbox{\font\a=x}$", r"$\url{x}$", "$x^^5cinput{y}$", "$^^5c^^69$", r"$a\\b$", "$a & b$",
        r"$\{a}$", r"${\}$", r"$$a\$$", r"$\(a$", r"$\mathbf{\write18{x}}$", r"$\alphax$", "$#1$", "$a % b$", r"$\é$",
        *(f"$\\{word}{{x}}$" for word in ACTING),
    ],
)  # fmt: skip
def test_a_formula_that_acts_is_text(formula: str) -> None:
    """A formula with anything that is not known to be mathematics is shown as it was typed, and not run."""
    found = title(formula)
    assert set(re.findall(r"\\([A-Za-z]+|.)", found)) <= ESCAPES, found
    assert "^^" not in found


@settings(max_examples=150, deadline=None)
@given(st.lists(FORMULAS | st.sampled_from(("a", " ", "$")), max_size=3).map("".join))
def test_no_title_acts(text: str) -> None:
    """Whatever formulas are made of, only known mathematics is left of them, and no brace is left over for what follows."""
    found = title(text)
    controls = re.findall(r"\\([A-Za-z]+|.)", found)
    symbols = [one for one in controls if not one.isalpha()]
    rest = re.sub(r"\\(?:[A-Za-z]+|.)", "", found)

    assert {one for one in controls if one.isalpha()} <= {*KNOWN, *ESCAPES}
    assert set(symbols) <= {*",{}", *"#$%&_"}
    assert not set(rest) & set("\\%#&")
    assert "^^" not in rest
    assert rest.count("$") % 2 == 0
    assert paired(found)
    assert paired(rest)
