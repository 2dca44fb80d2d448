"""What judges say that nobody here wrote, of the site and the Markdown of the sample and of eight recorded days."""

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from digest.publish import page_path
from tests import judges, replayed
from tests.children import Nursery
from tests.reference import ROOT

pytestmark = pytest.mark.slow

RULES = ROOT / ".markdownlint.jsonc"
"""The rules that are off have their reasons in it."""
REMARKS = (
    # A file has no origin, so the checker takes 'self' in a page's policy for another one; the browser does what the policy says.
    "blocked by “style-src” directive",
    "blocked by “script-src” directive",
)
"""What the HTML checker may remark upon that is no error, each with a reason."""
DAYS = tuple(date(2026, 11, day) for day in (9, 10, 11, 12, 13, 17, 18, 20))
SIZES = {"desktop": (1280, 900), "phone": (360, 740)}


@dataclass(frozen=True)
class Made:
    """What the program has made."""

    site: Path
    markdown: tuple[Path, ...]


@pytest.fixture(scope="module", params=["the sample", "eight days"])
def made(request: pytest.FixtureRequest, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Make digests and their site, by the command line."""
    folder = tmp_path_factory.mktemp("made")
    out = folder / "digests"
    own = [f"--out={out}", f"--data={folder / 'data'}", "--quiet"]
    if request.param == "the sample":
        child = nursery.run(["run", "--sample", *own], {"CVDIGEST_NO_SITE": "no"})
        site, count = out / "sample" / "site", 2
    else:
        with replayed.replay("nov2026") as arxiv:
            asked = [f"--from={DAYS[0]}", f"--to={DAYS[-1]}", f"--arxiv-url={arxiv.url}", "--now=2026-11-20T06:00Z", "--pace=0"]
            child = nursery.start(["backfill", *asked, *own], {"CVDIGEST_NO_SITE": "no"})
            child.wait(300)
        site, count = out / "site", len(DAYS) + 1
        assert all(page_path(out, day, "cs.CV").exists() for day in DAYS)
    assert child.wait() == 0, child.err
    markdown = tuple(out.rglob("*.md"))
    assert len(markdown) == count
    return Made(site, markdown)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start a browser."""
    with judges.browser() as started:
        yield started


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_said: object) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder over HTTP, as any static host does; yield its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def kinds(site: Path) -> dict[str, str]:
    """Return one page of each kind: the day with the fewest papers, and of the others the first."""

    def first(pattern: str) -> str:
        return str(min(site.glob(pattern), key=lambda path: (path.stat().st_size if "days" in pattern else 0, path)).relative_to(site))

    return {
        **{path.stem: path.name for path in site.glob("*.html")},
        "day": first("days/*.html"),
        "paper": first("papers/*/*.html"),
        "topic": first("topics/3d/index.html"),
        "subtopic": first("topics/3d/*/index.html"),
    }


def test_html(made: Made) -> None:
    """The Nu HTML checker finds no error in any page, and nothing else but what has a reason."""
    found = judges.vnu([*made.site.rglob("*.html"), *made.site.rglob("*.css"), *made.site.rglob("*.svg")])

    assert [str(one) for one in found if one.kind == "error"] == []
    assert [str(one) for one in found if not any(remark in one.message for remark in REMARKS)] == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessible(made: Made, browser: Browser, scheme: str, size: str) -> None:
    """axe-core finds nothing in a page of each kind, in both themes, on a desk and on a phone."""
    width, height = SIZES[size]
    pages = kinds(made.site)
    found = []
    with (
        served(made.site) as url,
        browser.new_context(viewport={"width": width, "height": height}, color_scheme="dark" if scheme == "dark" else "light") as context,
    ):
        page = context.new_page()
        for path in pages.values():
            answer = page.goto(f"{url}/{path}")
            assert answer is not None
            assert answer.ok, path
            found += judges.axe(page)

    assert {"index", "calendar", "search", "about", "feeds", "404"} <= pages.keys()
    assert list(map(str, found)) == []


def test_markdown(made: Made) -> None:
    """Markdownlint finds nothing in the pages of a digest and in their index."""
    assert list(map(str, judges.markdownlint(made.markdown, RULES))) == []


def test_our_own_markdown() -> None:
    """Markdownlint finds nothing in what the project says of itself."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "models").rglob("*.md")]

    assert list(map(str, judges.markdownlint(pages, RULES))) == []


# -- a judge that finds nothing anywhere is none -----------------------------------------------------------------------------

GOOD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>A page</title><link rel="stylesheet" href="page.css">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'self'"></head>
<body><main><h1>A page</h1><p>Some words.</p></main></body></html>
"""
STYLE = "body { color: #222; background: #fff }\n"
FAINT = "@media (prefers-color-scheme: dark) { body { color: #333; background: #111 } }\n"


def test_the_html_checker_finds_it(tmp_path: Path) -> None:
    """It says nothing of a good page, and names the file with what is wrong."""
    files = {
        "good.html": GOOD,
        "alt.html": GOOD.replace("</p>", '<img src="a.png"></p>'),
        "old.html": GOOD.replace("Some words", "<font>Some words</font>"),
        "section.html": GOOD.replace("</main>", "<section><p>x</p></section></main>"),
        "good.css": STYLE,
        "bad.css": STYLE.replace("#222", "blu"),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    found = {
        (Path(one.where).name, one.kind, part)
        for one in judges.vnu([tmp_path / name for name in files])
        for part in ("“alt” attribute", "“font” element is obsolete", "Section lacks heading", "“color”", "")
        if part in one.message and not any(remark in one.message for remark in REMARKS)
    }

    assert {row for row in found if row[2]} == {
        ("alt.html", "error", "“alt” attribute"),
        ("old.html", "error", "“font” element is obsolete"),
        ("section.html", "warning", "Section lacks heading"),
        ("bad.css", "error", "“color”"),
    }
    assert {name for name, _, _ in found} == {"alt.html", "old.html", "section.html", "bad.css"}


def test_the_browser_finds_it(tmp_path: Path, browser: Browser) -> None:
    """It says nothing of a good page under a strict policy, and finds a picture without a text, and what is faint in the dark only."""
    (tmp_path / "page.html").write_text(GOOD, "utf-8")
    (tmp_path / "alt.html").write_text(GOOD.replace("</p>", '<img src="a.png"></p>'), "utf-8")
    (tmp_path / "page.css").write_text(STYLE + FAINT, "utf-8")
    found = {}
    with served(tmp_path) as url:
        for scheme in ("light", "dark"):
            with browser.new_context(color_scheme="dark" if scheme == "dark" else "light") as context:
                page = context.new_page()
                for name in ("page", "alt"):
                    page.goto(f"{url}/{name}.html")
                    found[scheme, name] = {one.message.partition(":")[0] for one in judges.axe(page)}

    assert found == {
        ("light", "page"): set(),
        ("light", "alt"): {"image-alt"},
        ("dark", "page"): {"color-contrast"},
        ("dark", "alt"): {"color-contrast", "image-alt"},
    }


def test_markdownlint_finds_it(tmp_path: Path) -> None:
    """It says nothing of a good page, and names the line of what is wrong by a rule that is on."""
    page = tmp_path / "page.md"
    page.write_text("# A page\n\n## A part\n\n- one\n- two\n", "utf-8")
    assert judges.markdownlint([page], RULES) == []

    page.write_text("# A page\n\n#### A part\n\n- one\n* two\n", "utf-8")
    found = judges.markdownlint([page], RULES)
    assert {(one.line, one.kind.partition("/")[0]) for one in found} >= {(3, "MD001"), (6, "MD004")}


def test_what_is_not_there_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the judges a test is skipped and says what is lacking; a file that is not there is an error."""
    with pytest.raises(FileNotFoundError):
        judges.markdownlint([tmp_path / "nowhere.md"], RULES)

    monkeypatch.setattr(judges, "ROOT", tmp_path)
    monkeypatch.setenv(judges.VARIABLE, str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    page = tmp_path / "page.md"
    page.write_text("# A page\n", "utf-8")
    with pytest.raises(pytest.skip.Exception, match=r"command 'node'.*CVDIGEST_JUDGES"):
        judges.markdownlint([page], RULES)
    with pytest.raises(pytest.skip.Exception, match="command 'java'"):
        judges.vnu([page])
    with pytest.raises(pytest.skip.Exception, match="no browser on the path"), judges.browser():
        pass
