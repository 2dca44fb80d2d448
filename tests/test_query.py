"""What a user types into a search becomes words and phrases."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.core.query import BEGIN, END, Query, Term, Where, marked, parse, snippet
from digest.errors import UsageError


def word(text: str, where: Where = Where.ANYWHERE) -> Term:
    """Return the term of words with blanks between them."""
    return Term(tuple(text.split()), where)


@pytest.mark.parametrize(
    ("text", "groups", "without"),
    [
        ("gaussian splatting", [[word("gaussian")], [word("splatting")]], []),
        ('"gaussian splatting" depth', [[word("gaussian splatting")], [word("depth")]], []),
        ("mesh -medical", [[word("mesh")]], [word("medical")]),
        ('mesh -"point cloud"', [[word("mesh")]], [word("point cloud")]),
        ("nerf OR splatting depth", [[word("nerf"), word("splatting")], [word("depth")]], []),
        ("a OR b OR c", [[word("a"), word("b"), word("c")]], []),
        ("title:mesh Author:ito", [[word("mesh", Where.TITLE)], [word("ito", Where.AUTHORS)]], []),
        ('author:"ada example"', [[word("ada example", Where.AUTHORS)]], []),
        ("mesh -abstract:face", [[word("mesh")]], [word("face", Where.ABSTRACT)]),
        ("segment*", [[Term(("segment",), begins=True)]], []),
        ("state-of-the-art", [[word("state of the art")]], []),
        ("or and not", [[word("or")], [word("and")], [word("not")]], []),
        ("OR mesh OR", [[word("mesh")]], []),
        ("mesh OR -face", [[word("mesh")]], [word("face")]),
        ("mesh OR * face", [[word("mesh"), word("face")]], []),
        ('mesh "', [[word("mesh")]], []),
        ('"mesh', [[word("mesh")]], []),
        ("venue:cvpr", [[word("venue cvpr")]], []),
        ("title: mesh", [[word("title")], [word("mesh")]], []),
        ("naïve cafe\u0301", [[word("naïve")], [word("café")]], []),
        ("$O(n^2)$", [[word("O n 2")]], []),
        ("a\0b\x1b[1m\ud800", [[word("a b 1m")]], []),
        ("'; DROP TABLE papers; --", [[word("DROP")], [word("TABLE")], [word("papers")]], []),
        ("NEAR(a b) a^2 {title}:c", [[word("NEAR a")], [word("b")], [word("a 2")], [word("title c")]], []),
    ],
)
def test_what_is_typed(text: str, groups: list[list[Term]], without: list[Term]) -> None:
    """Words, phrases, fields, either, not, beginnings; anything odd is words."""
    assert parse(text) == Query(tuple(tuple(group) for group in groups), tuple(without))


@pytest.mark.parametrize("text", ["", "  ", '""', "-", "* - ?", "-medical", "OR"])
def test_nothing_to_look_for(text: str) -> None:
    """A search without a word that is to be there is a slip of the user."""
    with pytest.raises(UsageError, match="no word to look for"):
        parse(text)


def test_too_much_to_look_for() -> None:
    """The number of terms is bounded, and the user is told."""
    with pytest.raises(UsageError, match="32"):
        parse("a " * 33)


def test_an_author_besides() -> None:
    """An author may be the only thing that is looked for."""
    assert parse("", "Ada M. Example") == Query(((word("Ada M Example", Where.AUTHORS),),))


@given(st.text())
def test_words_hold_letters_and_digits_only(text: str) -> None:
    """Whatever is typed: nothing that could be the syntax of a database is in a word, and sizes are bounded."""
    try:
        found = parse(text)
    except UsageError:
        return
    terms = [term for group in found.groups for term in group] + list(found.without)

    assert all(term.words and all(word and len(word) <= 100 for word in term.words) for term in terms)
    assert not {letter for term in terms for word in term.words for letter in word} & set(" \t\n\0\"'\\*:-+^(){}|&!<>,.;%_" + BEGIN + END)


@given(st.text(max_size=400), st.lists(st.integers(0, 400)), st.integers(8, 100))
def test_marks_stay_with_their_words(text: str, places: list[int], width: int) -> None:
    """Wherever a text is cut: the snippet is a part of it, not too long, and each mark shows what was marked or its part."""
    text = text.replace(BEGIN, "").replace(END, "")
    ordered = sorted({place for place in places if place <= len(text)})
    marks = tuple(zip(ordered[::2], ordered[1::2], strict=False))

    found = snippet(text, marks, width)

    assert found.text in text
    assert len(found.text) <= width
    assert (found.before or found.after) == (found.text != text)
    assert all(0 <= begin < end <= len(found.text) for begin, end in found.marks)
    assert all(any(found.text[begin:end] in text[one:two] for one, two in marks) for begin, end in found.marks)


def test_a_snippet_shows_what_was_found() -> None:
    """A word far down in a long abstract is in the snippet, with whole words around it."""
    text = "lorem ipsum " * 100 + "gaussian splatting " + "dolor sit " * 100
    begin = text.index("gaussian")

    found = snippet(text, ((begin, begin + 8),))

    assert [found.text[one:two] for one, two in found.marks] == ["gaussian"]
    assert set(found.text.split()) == {"lorem", "ipsum", "gaussian", "splatting", "dolor", "sit"}
    assert (found.before, found.after) == (True, True)


def test_marks_of_a_database_are_taken_out() -> None:
    """What the database put around the words is gone, and where it stood is known."""
    assert marked(f"a {BEGIN}mesh{END} of {BEGIN}faces{END}") == ("a mesh of faces", ((2, 6), (10, 15)))
    assert marked(f"{END}a{BEGIN}") == ("a", ())
