"""Links and venues that authors name in comments and abstracts."""

import time
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.core.domain import Paper
from digest.core.links import links, venue


def found(comments: str, abstract: str = "") -> list[tuple[str, str]]:
    """Return kind and address of the links that the authors of a paper give, arXiv's own two aside."""
    paper = Paper("2611.00001", "A Title", abstract, (), ("cs.CV",), comments=comments)
    return [(link.kind, link.url) for link in links(paper)[2:]]


def test_arxivs_own_links_come_first() -> None:
    """Every paper leads to its page and its PDF, also one with an identifier of the old style."""
    paper = Paper("cs/0703101", "A Title", "See https://arxiv.org/abs/cs/0703101.", (), ("cs.CV",))

    assert [(link.kind, link.url) for link in links(paper)] == [
        ("arxiv", "https://arxiv.org/abs/cs/0703101"),
        ("pdf", "https://arxiv.org/pdf/cs/0703101"),
    ]


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://github.com/someone/net", "code"),
        ("https://www.github.com/someone/net", "code"),
        ("https://GitHub.com/someone/net", "code"),
        ("https://gitlab.com/someone/net", "code"),
        ("https://anonymous.4open.science/r/net-1234", "code"),
        ("https://someone.github.io/net/", "project"),
        ("https://someone.gitlab.io", "project"),
        ("https://sites.google.com/view/net", "project"),
        ("https://www.youtube.com/watch?v=abc_d", "video"),
        ("https://youtu.be/abc_d", "video"),
        ("https://vimeo.com/12", "video"),
        ("https://huggingface.co/someone/net", "code"),
        ("https://huggingface.co/datasets/someone/set", "data"),
        ("https://huggingface.co/spaces/someone/net", "project"),
        ("https://zenodo.org/records/12", "data"),
        ("https://www.kaggle.com/datasets/set", "data"),
        ("https://notgithub.com/someone/net", "other"),
        ("https://github.com.example.org/net", "other"),
        ("https://example.org/github.com", "other"),
    ],
)
def test_the_host_tells_the_kind(url: str, kind: str) -> None:
    """A link is known by the host that it leads to, and only by its whole name."""
    assert found(f"See {url}") == [(kind, url)]


@pytest.mark.parametrize(
    ("before", "kind"),
    [
        ("Code is at", "code"),
        ("Our implementation:", "code"),
        ("Project page:", "project"),
        ("See the website", "project"),
        ("Video:", "video"),
        ("A demo is shown at", "video"),
        ("The dataset is at", "data"),
        ("Our benchmark,", "data"),
        ("Code and data:", "data"),
        ("Data here, project page there:", "project"),
        ("See", "other"),
        ("Decoded at", "other"),
    ],
)
def test_else_the_nearest_word_tells_the_kind(before: str, kind: str) -> None:
    """Where the host says nothing, the last word before the link does."""
    assert found("", f"{before} https://example.org/net") == [(kind, "https://example.org/net")]


def test_a_word_speaks_for_the_next_link_only() -> None:
    """What stands before one link says nothing about the link after it."""
    assert found("Code: https://example.org/a and https://example.org/b, video https://example.org/c") == [
        ("code", "https://example.org/a"),
        ("other", "https://example.org/b"),
        ("video", "https://example.org/c"),
    ]


def test_each_address_stands_once() -> None:
    """A link of the comments is not said again by the abstract, with or without a slash at its end."""
    assert found(
        "Code: https://github.com/a/b, https://github.com/a/b/",
        "Our video is at https://github.com/a/b. Its page is https://github.com/a/c",
    ) == [("code", "https://github.com/a/b"), ("code", "https://github.com/a/c")]


@pytest.mark.parametrize(
    "written",
    [
        "{}.",
        "{},",
        "{};",
        "{}!",
        "({})",
        "({}).",
        "[{}]",
        "[page]({})",
        "<{}>",
        '"{}".',
        "\u201c{}\u201d",
        "**{}**",
        "`{}`",
        "{}...",
        "{}\u2026",
        "\\url{{{}}}",
    ],
)
def test_punctuation_around_a_link_is_no_part_of_it(written: str) -> None:
    """The sentence, brackets, quotation marks and Markdown around an address stay out of it."""
    assert found(written.format("https://example.org/a_(b)")) == [("other", "https://example.org/a_(b)")]


@pytest.mark.parametrize(
    "text",
    [
        "https://",
        "https://...",
        "http://[",
        "http://[::1]/a",
        "https://localhost/a",
        "https://a..org/b",
        "https://.org/b",
        "https://example.org:port/",
        "https://example.org:99999/",
        "https://github.com@example.org/a",
        "https://github.com:a@example.org/a",
        "javascript://example.org/%0aalert(1)",
        "ftp://example.org/a",
        "data:text/html,hello",
        "file:///etc/hosts",
        "www.example.org",
        "//example.org",
    ],
)
def test_what_is_no_address_is_no_link(text: str) -> None:
    """Broken hosts, hosts that hide behind another one's name, and schemes other than http and https are left out."""
    assert found(f"Code: {text} here") == []


@given(
    st.lists(
        st.sampled_from(
            ["http", "https", "javascript", "data", "ftp", ":", "//", "/", "x.org", "@", "[", "]", "(", ")", " ", ".", "#", "?", "%"]
        )
        | st.text(max_size=3),
        max_size=15,
    ).map("".join)
)
@settings(max_examples=400, deadline=None, derandomize=True)
def test_every_link_is_http(text: str) -> None:
    """Whatever the authors wrote: a link has a host and the scheme http or https, stands there, and stands there once."""
    addresses = [url for _, url in found(text, text)]

    assert len(addresses) == len(set(addresses))
    for url in addresses:
        assert urlsplit(url).scheme in {"http", "https"}
        assert "." in (urlsplit(url).hostname or "")
        assert url in text


@pytest.mark.parametrize(
    ("comments", "expected"),
    [
        ("Accepted to ECCV 2026", "ECCV 2026"),
        ("12 pages, 3 figures. Accepted at CVPR 2026.", "CVPR 2026"),
        ("accepted by NeurIPS, 2026", "NeurIPS 2026"),
        ("CVPR 2026 (oral)", "CVPR 2026"),
        ("ICML 2026 Spotlight", "ICML 2026"),
        ("To appear at BMVC 2026", "BMVC 2026"),
        ("Camera-ready, ECCV2026", "ECCV 2026"),
        ("Accepted at CVPR'26", "CVPR 2026"),
        ("Poster at ICCV \u201925", "ICCV 2025"),
        ("Accepted to ECCV 26", "ECCV 2026"),
        ("Accepted to ECCV", "ECCV"),
        ("Accepted at the CVPR 2026 Workshop on Small Things", "CVPR 2026 Workshop"),
        ("Accepted to the Workshop on Small Things at NeurIPS 2026", "NeurIPS 2026 Workshop"),
        ("Accepted at CVPRW 2026", "CVPRW 2026 Workshop"),
        ("Accepted to WWW 2026", "WWW 2026"),
        ("To appear in the European Conference on Computer Vision (ECCV) 2026", "ECCV 2026"),
        ("Accepted to the IEEE/CVF Conference on Computer Vision and Pattern Recognition 2026", "CVPR 2026"),
        ("Accepted at the 2026 European Conference on Computer Vision", "ECCV 2026"),
        ("Accepted for publication in International Journal of Computer Vision", "IJCV"),
        ("Published in IEEE Robotics and Automation Letters", "RA-L"),
        ("Accepted by IEEE TPAMI", "TPAMI"),
        ("Accepted to SMC 2026", "SMC 2026"),
        ("Accepted to ECCV 2026; code: https://example.org/CVPR2025", "ECCV 2026"),
        ("Under review at TMLR. Earlier form accepted at 3DV 2026", "3DV 2026"),
        ("Submitted to ECCV 2026", ""),
        ("Submitted to ECCV 2026, not yet accepted", ""),
        ("under review at ICLR 2027", ""),
        ("Under double-blind review, CVPR 2026 oral hoped for", ""),
        ("ECCV 2026 submission", ""),
        ("ECCV 2026 submission, highlight", ""),
        ("Rejected from CVPR 2026 with an oral", ""),
        ("ECCV 2026", ""),
        ("10 pages, 4 figures", ""),
        ("Accepted", ""),
        ("Code will be published in https://example.org/CVPR2026", ""),
        ("We show how a poster is read", ""),
        ("", ""),
    ],
)
def test_a_venue_is_one_that_accepted_the_paper(comments: str, expected: str) -> None:
    """The venue is named where the comments say that the paper is accepted there, and nowhere else."""
    assert venue(comments) == expected


@pytest.mark.parametrize("unit", ["A", "Ab", "CVPR ", "accepted ", "((((", "https://x.org "])
def test_long_comments_take_no_long_time(unit: str) -> None:
    """No comments keep the program busy."""
    text = "Accepted " + unit * (100_000 // len(unit))
    began = time.process_time()
    venue(text)
    found(text)

    assert time.process_time() - began < 3
