"""What untrusted text becomes on the way in and on the way out, under three Markdown renderers."""

import re
import time
import unicodedata
from urllib.parse import unquote

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from digest.core.text import escape_markdown, plain, tex_accents, trim_url
from tests.renderers import RENDERERS, see

ARROW = "https://arxiv.org/pdf/x.pdf"
PLACES = {
    "paragraph": ("{}", {"p"}),
    "blockquote": (">  {}", {"blockquote", "p"}),
    "heading": (f"### 1.{{}}  [ :arrow_down: ]({ARROW})", {"h3", "a"}),
}
"""Where a page has untrusted text, and the elements that belong there."""

MARKS = (
    *"*_`[]()<>~\\&#+-=|!.:;/\"'{}^%@,$ \n\t1ab\u00e9",
    *(
        "**",
        "__",
        "~~",
        "```",
        "~~~",
        "---",
        "===",
        "***",
        "- ",
        "1. ",
        "2) ",
        "# ",
        "## ",
        "> ",
        "    ",
        "  \n",
        "![",
        "](",
        "]: ",
        "[^1]",
    ),
    *("<!--", "-->", "<b>", "</b>", "<script>", "<img src=x>", "<?", "]]>", "<![CDATA[", "&lt;", "&#60;", "&copy", "&amp;", "&quot;"),
    *("<a href='x'>", "<mailto:a@b.cd>", "[x](javascript:a)", "[x]: y", "| a | b |", "|---|", ":--", "[ ]", "\\", "\\\\", "\\*", "\\`"),
    *(
        "www.",
        "www.x.org/a",
        "ftp://x.org/",
        "a@x.org",
        "mailto:",
        "xmpp:",
        "{{7*7}}",
        "{% x %}",
        "word",
        " word ",
        "snake_case",
        "_a",
        "a_",
    ),
    *(
        '\\"',
        "\\'",
        "\\o ",
        "\\'{e}",
        "{\\H{o}}",
        "\\c c",
        "\\t{ab}",
        "\\^\\i",
        "\u0301",
        "\u202e",
        "\u200b",
        "\x00",
        "\u2028",
        "\U000e0041",
    ),
)
MATHS = (
    *("$", "$$", "$x^*$", "$a<b$", "$a_{b}$", "$<a b=c$", "$d>e$", "$[a$", "$b]$", "$](x)$", "$`$", "$&lt;$", "$~a$", "$a~b$", "$\\{a\\}$"),
    *("$*a$", "$a*$", "$_$", "$a_$", "\\$", "$<b$", "$<!--$", "$-->$", "$!$", "$</b$", "$\\$", "$a\\\\$", "$'$", "$<a href='$"),
)
LINKS = (
    *(
        "http://",
        "https://",
        "https://x.org",
        "https://x.org/a_b",
        "http://x_y.org/_a",
        "https://x.org/~u",
        "http://x~y",
        "https://x.org/?a=1&lt;=",
    ),
    *("https://x.org/*a*", "https://x.org/[a](b)", "https://x.org/a)", "HTTP://x.org/a_", "https://x.org/$a$", "https://", "://", "http"),
)


def mixed(*fragments: str) -> st.SearchStrategy[str]:
    """Return texts in which *fragments* meet each other and anything else."""
    anything = st.text(st.characters(max_codepoint=0x2FF), max_size=3) | st.text(max_size=2)
    return st.lists(st.sampled_from(fragments) | anything, max_size=14).map("".join)


def usual(count: int) -> settings:
    """Return settings under which a property is tried on the same *count* examples each time."""
    return settings(max_examples=count, deadline=None, derandomize=True)


# -- on the way in ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("  two\twords \r\n here ", "two words here"),
        ("a\u00a0b\u2003c\u2028d\u2029e\x0bf\x0cg\x85h", "a b c d e f g h"),
        ("nul\x00 bell\x07 escape\x1b delete\x7f c1\x9f", "nul bell escape delete c1"),
        ("ab\u202ecd\u202c\u2066ef\u2069\u200f\u061c", "abcdef"),
        ("zero\u200bwidth\u2060joined\ufeff soft\u00adhyphen", "zerowidthjoined softhyphen"),
        ("tag\U000e0001\U000e0068\U000e0069\U000e007fs", "tags"),
        ("lone\ud800surrogate\udfff", "lonesurrogate"),
        ("\ufffe\uffff\ufff9\ufffb", ""),
        ("\u200b \u200b", ""),
        ("e\u0301 A\u030a", "\u00e9 \u00c5"),
        ("\u212b \ufb01", "\u00c5 \ufb01"),
        ("", ""),
    ],
)
def test_plain_takes_out_what_hides_or_turns_text(given_text: str, expected: str) -> None:
    """Controls, bidirectional marks, zero-width letters, tags and surrogates are gone; spaces are single; NFC."""
    assert plain(given_text) == expected


def test_plain_keeps_joiners_that_scripts_need() -> None:
    """The joiners of Persian words and of emoji are no hidden text."""
    assert plain("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \U0001f468\u200d\U0001f52c") == (
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \U0001f468\u200d\U0001f52c"
    )


def test_plain_keeps_paragraphs_when_asked() -> None:
    """Line feeds part paragraphs, and empty paragraphs are none."""
    assert plain("one\n\n  two \u200b\n\u200b\nthree", paragraphs=True) == "one\ntwo\nthree"

    assert plain("one\ntwo") == "one two"


@pytest.mark.slow
@given(mixed(*MARKS, *MATHS, *LINKS))
@usual(600)
def test_plain_is_clean_and_done_at_once(text: str) -> None:
    """What is plain is NFC, has no invisible letter and no two spaces, and stays as it is when made plain again."""
    once = plain(text)

    assert plain(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert "  " not in once
    assert once == once.strip()
    assert not {unicodedata.category(letter) for letter in once} & {"Cc", "Cs", "Zl", "Zp"}
    assert not re.search("[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]", once)


@pytest.mark.parametrize(
    ("tex", "expected"),
    [
        (r"Schr\"odinger", "Schr\u00f6dinger"),
        (r"Schr\"{o}dinger", "Schr\u00f6dinger"),
        (r"Schr{\"o}dinger", "Schr\u00f6dinger"),
        (r"Erd\H{o}s", "Erd\u0151s"),
        (r"Erd\H os", r"Erd\H os"),
        (r"Mart\'{\i}nez", "Mart\u00ednez"),
        (r"Mart\'\i nez", "Mart\u00ed nez"),
        (r"na\"{\i}ve", "na\u00efve"),
        (r"caf{\'e}", "caf\u00e9"),
        (r"\'Ecole", "\u00c9cole"),
        (r"\o", "\u00f8"),
        (r"K{\o}benhavn", "K\u00f8benhavn"),
        (r"S\o ren", "S\u00f8ren"),
        (r"Gau\ss{}", "Gau\u00df"),
        (r"\L{}ukasz", "\u0141ukasz"),
        (r"Fran\c{c}ois", "Fran\u00e7ois"),
        (r"Fran\c cois", r"Fran\c cois"),
        (r"\v{S}koda", "\u0160koda"),
        (r"\AA ngstr\"om", "\u00c5ngstr\u00f6m"),
        (r"\~nandu, \^{e}, \`a, \=o, \.z", "\u00f1andu, \u00ea, \u00e0, \u014d, \u017c"),
        (r"Nguy\~{\^e}n, Nguy\~{\^{e}}n", "Nguy\u1ec5n, Nguy\u1ec5n"),
        (r"\'{\u{a}}", "\u1eaf"),
        (r"it\'s, we\'re, don\'t", r"it\'s, we\'re, don\'t"),
        (r"$\'{e}$ and $x\o$", r"$\'{e}$ and $x\o$"),
        (r"\textit{X}, \emph{Y}, \theta, \beta, \url{z}", r"\textit{X}, \emph{Y}, \theta, \beta, \url{z}"),
        ("nothing to do", "nothing to do"),
    ],
)
def test_tex_accents_become_letters(tex: str, expected: str) -> None:
    """Accents and letters of TeX are Unicode; other macros, an escaped apostrophe and mathematics stay."""
    assert tex_accents(tex) == expected
    assert plain(tex) == expected


def test_an_accent_is_not_made_out_of_another_ones_result() -> None:
    """Stacked accents that no letter has stay in part as they are, also when the text is made plain again."""
    once = plain(r"\"\'x")

    assert once == '\\"x\u0301'
    assert plain(once) == once


# -- addresses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("https://x.org/a.", "https://x.org/a"),
        ("https://x.org/a...", "https://x.org/a"),
        ("https://x.org/a),", "https://x.org/a"),
        ("https://x.org/a_(b)", "https://x.org/a_(b)"),
        ("https://x.org/a_(b)).", "https://x.org/a_(b)"),
        ("https://x.org/a]", "https://x.org/a"),
        ("https://x.org/?q[]=1", "https://x.org/?q[]=1"),
        ("https://x.org/a!?", "https://x.org/a"),
        ("https://x.org/a**", "https://x.org/a"),
        ("https://x.org/a\u201d.", "https://x.org/a"),
        ("https://x.org/\u3002", "https://x.org/"),
        ("https://x.org/", "https://x.org/"),
        ("...", ""),
        ("", ""),
    ],
)
def test_trim_url_leaves_the_sentence_behind(written: str, expected: str) -> None:
    """Punctuation and brackets that belong to the sentence are no part of the address."""
    assert trim_url(written) == expected


@given(st.text("ab.,;:)(][*_/~", max_size=20))
@usual(200)
def test_trim_url_only_takes_from_the_end(url: str) -> None:
    """What is left is the beginning of what was given, and trimming it again takes nothing more."""
    trimmed = trim_url(url)

    assert url.startswith(trimmed)
    assert trim_url(trimmed) == trimmed


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/some_one/some_repo",
        "https://people.example.org/~someone/",
        "https://example.org/_static/a_b.html",
        "https://example.org/watch?v=a_b-c&t=10s&list=x",
        "https://en.example.org/wiki/Net_(vision)",
        "https://example.org/a#b_c,d;e=f:g@h!i$j+k%20l",
        "http://example.org:8080/a.b.c/",
        "https://user_name.github.io/My_Page",
    ],
)
@pytest.mark.parametrize("sentence", ["Code: {}.", "{}", "See ({}), and *more* of it.", "_See_ {}, or {{that}}."])
def test_a_usual_address_stands_once_and_unchanged(url: str, sentence: str) -> None:
    """A bare address is neither escaped nor doubled, and GitHub makes a link of exactly it."""
    text = sentence.format(url)
    escaped = escape_markdown(plain(text), line_start=True)

    assert escaped.count(url) == 1
    assert escaped.count("://") == 1
    for name in RENDERERS:
        seen = see(name, escaped)
        assert seen.text == text
        assert [link for link in seen.links if link != (url, url)] == []
    assert [address for address, _ in see("cmarkgfm", escaped).links] == [url]


@pytest.mark.parametrize(
    ("written", "escaped"),
    [
        ("https://x.org/*a*b", "https://x.org/%2Aa%2Ab"),
        ("https://x.org/a__/b", "https://x.org/a%5F%5F/b"),
        ("https://x.org/a~~b~~c", "https://x.org/a%7E%7Eb%7E%7Ec"),
        ("https://x.org/?a=1&lt;=2", "https://x.org/?a=1&lt%3B=2"),
        ("https://x.org/?q[0]=1", "https://x.org/?q%5B0%5D=1"),
    ],
)
def test_an_odd_address_is_encoded_and_leads_to_the_same_place(written: str, escaped: str) -> None:
    """What would act as Markdown within an address is percent-encoded, which names the same thing."""
    assert escape_markdown(written) == escaped
    assert unquote(escaped.replace("\\", "")) == written


@pytest.mark.parametrize(
    "text",
    [
        "<https://x.org/a>",
        "**https://x.org/a**",
        "[x](https://x.org/a)",
        "https://x.org/a`b`",
        "https://x.org/a<b>",
        "https://x.org/a\\*b",
        '"https://x.org/a".',
        "$<https://x.org/a>$",
    ],
)
def test_an_address_ends_where_the_markup_around_it_begins(text: str) -> None:
    """What is escaped right behind an address is no part of the link that GitHub makes, and every letter is seen."""
    escaped = escape_markdown(text, line_start=True)

    assert {see(name, escaped).text for name in RENDERERS} == {text}
    assert escaped.count("https://x.org/a") == 1
    assert {address.removesuffix(")") for address, _ in see("cmarkgfm", escaped).links} == {"https://x.org/a"}


# -- on the way out --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        r"\textit{Net} and \emph{this}",
        "snake_case and a_b_c, ~14% faster, A & B, R&D",
        "We reach 94.2% (+1.3) on 3 datasets - the best - at 2x speed!",
        "Net-1: a (very) good, \"quoted\" 'net' | another; {set} #1 @ 5^2 = 25",
        "It costs $5 and $6, or US$ 7",
        "See https://x.org/a_b?c=d&e=f (or www.x.org/a_b?c=d&e=f).",
        "2026 was a year. 1.5 is a number",
        "-1 is negative, +1 is positive, #tag and =x",
        "Gr\u00f6\u00dfe \u2013 na\u00efve \u4e2d\u6587",
        "",
    ],
)
def test_usual_prose_stays_as_it_is(text: str) -> None:
    """Nothing is escaped that no renderer would act on: the page reads well as text."""
    assert escape_markdown(text, line_start=True) == text


@pytest.mark.parametrize(
    "text", ["www.x.org/*a*", "www.x.org/a`b`", "www.x.org/<b>", "www.ftp://x.org/*", "ftp://x.org/_a_", "FTP://x.org/a"]
)
def test_github_links_neither_escapes_nor_other_schemes(text: str) -> None:
    """GitHub takes a bare "www.host" and "ftp://" for links, escaping and all: where that would show, there is no link."""
    seen = see("cmarkgfm", escape_markdown(text, line_start=True))

    assert seen.text == text
    assert seen.links == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# A", r"\# A"),
        ("####### A", "####### A"),
        ("- A", r"\- A"),
        ("+ A", r"\+ A"),
        ("* A", r"\* A"),
        ("1. A", r"1\. A"),
        ("1) A", r"1\) A"),
        ("1234567890. A", "1234567890. A"),
        ("---", r"\---"),
        ("===", r"\==="),
        ("> A", "&gt; A"),
        ("```", r"\`\`\`"),
        ("~~~", r"\~\~\~"),
        ("    A", "A"),
        ("[a]: b", r"\[a\]: b"),
    ],
)
def test_what_opens_a_block_is_escaped_where_a_paragraph_begins(text: str, expected: str) -> None:
    """At the start of a paragraph a heading, a list, a rule, a quotation or code is only text."""
    assert escape_markdown(text, line_start=True) == expected
    assert escape_markdown(f"A {text.strip()}", line_start=False).startswith("A ")


@pytest.mark.slow
@given(mixed(*MARKS))
@usual(500)
def test_text_comes_back_exactly(text: str) -> None:
    """Without mathematics and links a reader sees the same letters, and the page has no element that it did not have."""
    clean = plain(text.replace("$", ""))
    assume(not re.search("https?://", clean, re.IGNORECASE))
    escaped = escape_markdown(clean, line_start=True)

    for place, elements in PLACES.values():
        expected = " ".join(place.replace(f"]({ARROW})", "").replace("[ :", " :").strip("#> ").format(clean).split())
        for name in RENDERERS:
            seen = see(name, place.format(escaped))
            # GitHub links a bare "www.host" and a bare e-mail address; both read as they did.
            bare = [url for url, _ in seen.links if name == "cmarkgfm" and re.match("http://www|mailto:|xmpp:", url, re.IGNORECASE)]

            assert seen.text == expected
            assert set(seen.tags) - {"a"} <= elements
            assert len(seen.links) == seen.tags.count("a") == len(bare) + ("a" in elements)
            assert seen.odd == []


@given(mixed(*MARKS, *MATHS, *LINKS))
@usual(600)
def test_nothing_comes_of_any_text(text: str) -> None:
    """With mathematics and addresses too there is no HTML, image, heading, list, table, code or link but to a bare address.

    Emphasis (and, by GitHub's single tilde, deletion) may come of mathematics where a renderer knows none: ``$x^*$``.
    """
    clean = plain(text)
    escaped = escape_markdown(clean, line_start=True)

    for place, elements in PLACES.values():
        for name in RENDERERS:
            seen = see(name, place.format(escaped))

            assert set(seen.tags) <= elements | {"em", "strong"} | {"a", "del" if name == "cmarkgfm" else "s"}
            assert set(seen.tags) & {"del", "s"} == set() or "~" in clean
            assert seen.odd == []
            for url, _ in seen.links:
                if url == ARROW and "a" in elements:
                    continue
                assert re.match("https?://|mailto:|xmpp:", url, re.IGNORECASE)
                host = re.match(r"\w+://([\w.-]*)", url)
                assert host is None or host[1] in clean or "xn--" in host[1]


@pytest.mark.parametrize(
    "math",
    [
        r"$\mathcal{L}_{a}$",
        "$a<b$",
        "$x<y'$",
        "$x^*$",
        r"$\{a\}$",
        "$$E=mc^2$$",
        r"$\alpha_i \in \mathbb{R}^{H \times W}$",
        "$[0, 1]$",
        "$a~b$",
        r"$5\%$",
        r"$a \& b$",
        "$10^{-3}$",
        "$|x|$",
        "$i<j=k$",
    ],
)
def test_mathematics_stays_to_the_byte(math: str) -> None:
    """Usual mathematics is left to whoever renders the page, amid text that has to be escaped."""
    escaped = escape_markdown(plain(f"*Let* {math} be <it>"), line_start=True)
    tokens = MarkdownIt("commonmark").use(dollarmath_plugin, allow_space=False, allow_digits=False, double_inline=True).parse(escaped)
    inline = [token for token in tokens[1].children or [] if token.type.startswith("math")]

    assert escaped == f"\\*Let\\* {math} be &lt;it&gt;"
    assert [token.content for token in inline] == [math.strip("$")]


@pytest.mark.parametrize("text", ["$5 and $6", "$ 5$ *", "from $5 to $10", r"\$5\$ each", "5$", "$", "$$"])
def test_an_amount_of_money_is_no_mathematics(text: str) -> None:
    """Dollar signs as Pandoc reads them: what is no mathematics is escaped like any text."""
    escaped = escape_markdown(f"{text} <b>")

    assert escaped.endswith("&lt;b&gt;")
    assert {see(name, escaped).text for name in RENDERERS} == {f"{text} <b>"}


@pytest.mark.parametrize(
    "math",
    [
        "$<script>alert(1)</script>$",
        "$<img src=x onerror=y>$",
        "$<img src=x$,$ >y$",
        "$x<a b=c$,$d>e$",
        "$[a](javascript:x)$",
        "$![a](https://x.org/a.png)$",
        "$`x`$",
        "$<!-- a -->$",
        "$<?php ?>$",
        "$&lt;b&gt;$",
        "$<https://x.org>$",
        "$<a@x.org>$",
        "$$<b>$$",
        "$[a]: b$",
        "*a ~b $~<b>$",
    ],
)
def test_hostile_mathematics_is_text(math: str) -> None:
    """What a renderer without mathematics would act on is escaped, dollar signs and all."""
    escaped = escape_markdown(math, line_start=True)

    for name in RENDERERS:
        seen = see(name, escaped)
        assert seen.text == math
        assert set(seen.tags) <= {"p", "a"}
        assert [url for url, _ in seen.links if not url.startswith(("https://x.org", "mailto:a@x.org"))] == []
        assert seen.odd == []


@pytest.mark.parametrize(
    "unit",
    [
        "www.",
        "$a\\$",
        "$<a ",
        "<a",
        "&a",
        "[x](",
        "\\'",
        "\\'{",
        "\\u ",
        "\\o  ",
        "http://",
        "http://a.b/)",
        "_",
        "$$",
        "$a",
        "&#",
        "~",
        "] ",
    ],
)
def test_time_grows_with_the_text(unit: str) -> None:
    """No text of a few hundred thousand letters keeps the program busy: nothing is looked at again and again."""
    text = unit * (200_000 // len(unit)) + "*"
    began = time.process_time()
    escape_markdown(plain(text), line_start=True)

    assert time.process_time() - began < 3
