"""What the pages do in a real browser: filters, search, keys, themes, read marks, copies; and all of it is read without scripts."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from digest.core.domain import Kind, Paper
from tests import browsing
from tests.browsing import BASE, Reader, shelved

pytestmark = pytest.mark.slow
DAY = date(2026, 11, 20)
LONG = "We look at depth from one image, and at how sure one can be of it. " * 12


def paper(
    number: int, title: str, abstract: str = LONG, authors: tuple[str, ...] = ("Ada Example", "José Pérez"), month: str = "2611"
) -> Paper:
    """Return an invented paper."""
    return Paper(f"{month}.{number:05}", title, abstract, authors, ("cs.CV",))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a site of a few dates in six months."""
    root = tmp_path_factory.mktemp("web")
    today = [
        shelved(paper(8, "Gaussian Splatting of Cafés", "We splat. Code: https://github.com/example/splat and so on.")),
        shelved(paper(7, "Depth of a Pond")),
        shelved(
            Paper(
                "2611.00006",
                "Naïve Stereo",
                "Two eyes, $O(n^2)$ ideas.\nAnd a second paragraph.",
                ("Ludwig Größe",),
                ("cs.CV",),
                comments="Accepted at ECCV 2026",
            )
        ),
        shelved(paper(5, "Finding Owls", "Owls are found at night.", ("Li Wei",)), Kind.NEW, "object-detection", "detection"),
        shelved(paper(4, "Old Owls", "Once more."), Kind.CROSS, "object-detection", "detection"),
    ]
    before = [shelved(paper(1, "State of the Art of Ponds", "Ponds, an image of them."))]
    older = [
        browsing.edition(
            date(2026, month, 15),
            [shelved(paper(1, f"A Pond in Month {month}", "Quiet zebrafish." if month == 6 else "", month=f"26{month:02}"))],
        )
        for month in range(6, 11)
    ]
    browsing.build(root / BASE, [browsing.edition(DAY, today), browsing.edition(date(2026, 11, 19), before), *older])
    with browsing.served(root) as address:
        yield address + BASE


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give one browser for all tests."""
    with browsing.launched() as browser:
        yield browser


@pytest.fixture
def reader(browser: Browser, home: str) -> Iterator[Reader]:
    """Lend the browser to somebody who was never here."""
    with browsing.reading(browser, home) as reader:
        yield reader


SHOWN = "article.paper:visible .title"


def test_filters(reader: Reader) -> None:
    """Each filter leaves what fits, says how many, and is kept in the address, so that the view can be sent to somebody."""
    page = reader.page()
    titles, count = page.locator(SHOWN), page.locator("#filter-count")
    expect(count).to_have_text("5 papers")
    page.fill("#filter-text", "CAFES splat")
    expect(titles).to_have_text(["Gaussian Splatting of Cafés"])
    expect(count).to_have_text("1 of 5 papers")
    expect(page.locator("section.topic:visible h2 .count")).to_have_text(["1"])
    page.fill("#filter-text", "")
    page.select_option("#filter-topic", "object-detection")
    page.select_option("#filter-kind", "cross")
    expect(titles).to_have_text(["Old Owls"])

    other = reader.page(page.url.removeprefix(reader.home))
    expect(other.locator(SHOWN)).to_have_text(["Old Owls"])
    expect(other.locator("#filter-topic")).to_have_value("object-detection")
    page.select_option("#filter-topic", "")
    page.select_option("#filter-kind", "")
    assert "#" not in page.url
    page.check("#filter-code")
    expect(titles).to_have_text(["Gaussian Splatting of Cafés"])
    page.evaluate("location.hash = '#p2611.00004'")
    expect(count).to_have_text("5 papers")
    expect(page.locator("#p2611\\.00004")).to_be_in_viewport()
    page.evaluate("location.hash = '#filter?topic=nothing%00&kind=<b>&q=%zz'")
    expect(count).to_have_text("0 of 5 papers")
    expect(page.locator("#nothing")).to_be_visible()
    page.click("#nothing button")
    expect(count).to_have_text("5 papers")
    expect(page.locator("#nothing")).to_be_hidden()
    assert "#" not in page.url


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ('"gaussian  splatting"', ["Gaussian Splatting of Cafés"]),
        ('"splatting gaussian"', []),
        ("\u201cfinding owls\u201d", ["Finding Owls"]),
        ("owl -once", ["Finding Owls"]),
        ('owl -"old owls', ["Finding Owls"]),
        ("-depth -", ["Finding Owls", "Old Owls", "Gaussian Splatting of Cafés", "Naïve Stereo"]),
        ("perez -depth once", ["Old Owls"]),
        ("ECCV", ["Naïve Stereo"]),
        ("2611.00007", ["Depth of a Pond"]),
    ],
)
def test_what_the_filter_understands(reader: Reader, typed: str, expected: list[str]) -> None:
    """Words and phrases that are to be there or not, in title, authors, venue and abstract; and the number of a paper."""
    page = reader.page()
    page.fill("#filter-text", typed)
    expect(page.locator(SHOWN)).to_have_text(expected)


def test_a_section_is_read_at_once(reader: Reader) -> None:
    """A button, or a key, marks what is shown of a section, and takes it back; it is nowhere without papers."""
    page = reader.page()
    buttons = page.locator("section.topic .all-read")
    expect(page.locator(".all-read")).to_have_count(2)
    page.fill("#filter-text", "old")
    page.get_by_role("button", name="Mark all read: Object detection").click()
    expect(page.locator(".paper.read .title")).to_have_text(["Old Owls"])
    page.fill("#filter-text", "")
    expect(buttons).to_have_text(["Mark all read", "Mark all read"])
    buttons.first.click()
    expect(buttons).to_have_text(["Mark all unread", "Mark all read"])
    expect(page.locator(".paper.read .title")).to_have_text(["Finding Owls", "Old Owls"])
    for key in ("j", "j", "j", "Shift+M"):
        page.keyboard.press(key)
    expect(page.locator(".paper.read")).to_have_count(5)
    page.keyboard.press("Shift+M")
    expect(page.locator(".paper.read .title")).to_have_text(["Finding Owls", "Old Owls"])
    topic = reader.page("topics/object-detection/index.html")
    expect(topic.locator(".all-read")).to_have_text(["Mark all unread"])
    expect(reader.page("calendar.html").locator(".all-read")).to_have_count(0)


def test_read_marks(reader: Reader) -> None:
    """They outlive the page, hold on all pages, and can be taken back; other tabs hear of them."""
    page, second = reader.page(), reader.page("days/2026-11-20.html")
    owls = page.locator("#p2611\\.00005")
    owls.locator("button.read").click()
    expect(owls).to_have_class("paper read")
    expect(second.locator("#p2611\\.00005")).to_have_class("paper read")
    second.check("#filter-unread")
    expect(second.locator("#filter-count")).to_have_text("4 of 5 papers")
    page.locator("#p2611\\.00004 button.read").click()
    expect(second.locator("#filter-count")).to_have_text("3 of 5 papers")
    page.locator("#p2611\\.00004 button.read").click()
    expect(second.locator("#filter-count")).to_have_text("4 of 5 papers")
    page.check("#filter-unread")
    expect(page.locator("#filter-count")).to_have_text("4 of 5 papers")
    page.reload()
    expect(page.locator("#p2611\\.00005")).to_have_class("paper read")
    expect(page.locator("#filter-count")).to_have_text("4 of 5 papers")
    single = reader.page("papers/2611/2611.00005.html")
    single.locator("button.read").click()
    assert json.loads(single.evaluate("localStorage.getItem('cvdigest:read')")) == []


@pytest.mark.parametrize("script", [
    "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no'); } })",
    "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }",
    "Storage.prototype.getItem = () => '{\"not\": [what'",
])  # fmt: skip
def test_a_browser_that_keeps_nothing(reader: Reader, script: str) -> None:
    """All works as far as it can while the page is open."""
    reader.context.add_init_script(script)
    page = reader.page()
    page.locator("#p2611\\.00005 button.read").click()
    page.locator("#theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.fill("#filter-text", "owls")
    expect(page.locator("#filter-count")).to_have_text("2 of 5 papers")


def test_keys(reader: Reader) -> None:
    """A morning's digest is read without a mouse, and who types types."""
    page = reader.page("#filter?topic=3d")
    current = page.locator(".paper.current")
    page.keyboard.press("j")
    expect(current.locator(".title")).to_have_text("Gaussian Splatting of Cafés")
    expect(current.locator("a.title")).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(current).to_have_attribute("data-id", "2611.00007")
    folded = current.locator(".abstract").bounding_box()
    page.keyboard.press("o")
    expect(current).to_have_class("paper current open")
    whole = current.locator(".abstract").bounding_box()
    assert folded is not None
    assert whole is not None
    assert whole["height"] > 1.2 * folded["height"]
    page.keyboard.press("Enter")
    expect(current).to_have_class("paper current")
    page.keyboard.press("m")
    expect(current).to_have_class("paper current read")
    page.keyboard.press("Control+m")
    expect(current).to_have_class("paper current read")

    page.keyboard.press("/")
    expect(page.locator("#filter-text")).to_be_focused()
    page.keyboard.type("jojk")
    expect(page.locator("#filter-text")).to_have_value("jojk")
    page.keyboard.press("Escape")
    expect(page.locator("#filter-text")).to_have_value("")
    expect(page.locator("#filter-count")).to_have_text("3 of 5 papers")
    page.keyboard.press("Escape")
    expect(page.locator("#filter-text")).not_to_be_focused()
    page.keyboard.press("/")
    page.keyboard.type("pond")
    page.keyboard.press("Enter")
    expect(page.locator(".paper.current a.title")).to_be_focused()

    page.keyboard.press("?")
    expect(page.locator("dialog#help")).to_be_visible()
    expect(page.locator("dialog#help dd").nth(2)).to_have_text("open or close its abstract")
    page.keyboard.press("Escape")
    expect(page.locator("dialog#help")).to_be_hidden()
    page.keyboard.press("p")
    page.wait_for_url("**/papers/2611/2611.00007.html")
    expect(page.locator("h1")).to_have_text("Depth of a Pond")
    page.keyboard.press("/")
    page.wait_for_url("**/search.html#q")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("dialog#help kbd")).to_have_text(["/", "?", "Esc"])


def test_keys_where_there_is_no_abstract(reader: Reader) -> None:
    """On the page of a topic, the help says what holds there, and that is what the keys do."""
    page = reader.page("topics/3d/index.html")
    page.keyboard.press("j")
    page.keyboard.press("?")
    expect(page.locator("dialog#help dd").nth(2)).to_have_text("open its page")
    page.keyboard.press("Escape")
    page.keyboard.press("o")
    page.wait_for_url("**/papers/2611/2611.00008.html")


def test_the_next_unread_paper(reader: Reader) -> None:
    """Who sees unread papers only goes on from the paper that has just been marked, forwards and back."""
    page = reader.page("#filter?unread=1")
    current = page.locator(".paper.current .title")
    for keys, title in (
        ("jj", "Old Owls"),
        ("mj", "Gaussian Splatting of Cafés"),
        ("mk", "Finding Owls"),
        ("jj", "Naïve Stereo"),
        ("mjk", "Depth of a Pond"),
    ):
        for key in keys:
            page.keyboard.press(key)
        expect(current).to_have_text(title)


def test_quick_keys(reader: Reader) -> None:
    """The paper that one has come to is in sight at once, however quickly one went."""
    page = reader.page()
    page.set_viewport_size({"width": 1280, "height": 400})
    seen = page.evaluate("""() => {
        for (let times = 0; times < 4; times++) document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "j", bubbles: true }));
        const box = document.querySelector(".paper.current").getBoundingClientRect();
        return box.top > -1 && box.bottom < innerHeight + 1;
    }""")
    assert seen


def test_themes(reader: Reader) -> None:
    """The reader's choice is kept, and without one the system's holds."""
    page = reader.page()
    page.emulate_media(color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.click("#theme")
    light = page.evaluate(ground)
    assert dark != light
    page.goto(f"{reader.home}calendar.html")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    assert page.evaluate(ground) == light
    page.click("#theme")
    assert page.evaluate(ground) == dark
    page.click("#theme")
    page.emulate_media(color_scheme="light")
    assert page.evaluate(ground) == light
    assert page.evaluate("localStorage.getItem('cvdigest:theme')") is None


def test_nothing_flashes(reader: Reader) -> None:
    """The reader's theme holds before the page is shown, even if the script of the page never comes."""
    page = reader.page()
    page.click("#theme")
    page.route("**/assets/site.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    assert page.locator("html.js").count() == 1


def test_abstracts(reader: Reader) -> None:
    """One opens by a click, all by the button, and a printer gets them all."""
    page = reader.page()
    pond, naive = page.locator("#p2611\\.00007"), page.locator("#p2611\\.00006 .abstract")
    pond.locator(".abstract").click()
    expect(pond).to_have_class("paper open")
    expect(naive.nth(1)).to_be_hidden()
    page.click("#abstracts")
    expect(naive.nth(1)).to_be_visible()
    page.click("#abstracts")
    expect(pond).to_have_class("paper")
    page.emulate_media(media="print")
    expect(naive.nth(1)).to_be_visible()
    expect(page.locator("#filters")).to_be_hidden()


def test_paper(reader: Reader) -> None:
    """On paper each entry has its number, which a link would not tell, and one that was read is as black as the others."""
    page = reader.page()
    page.locator("#p2611\\.00007 button.read").click()
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    printed = "(id) => getComputedStyle(document.getElementById(id), '::before').content"
    assert page.evaluate(printed, "p2611.00007") == '"arXiv:2611.00007"'
    looks = "(id) => { const own = getComputedStyle(document.querySelector(`[id='${id}'] .title`)); return [own.color, own.fontWeight]; }"
    assert page.evaluate(looks, "p2611.00007") == page.evaluate(looks, "p2611.00006") == ["rgb(0, 0, 0)", "600"]
    for place in (".all-read", ".tools", ".links", "header.site nav"):
        expect(page.locator(place).first).to_be_hidden()


def test_copies(reader: Reader) -> None:
    """The day's page copies what the paper's page has."""
    page = reader.page()
    pasted = "navigator.clipboard.readText()"
    page.locator("#p2611\\.00006 button.copy-bibtex").click()
    expect(page.locator("#p2611\\.00006 button.copy-bibtex")).to_have_text("Copied")
    assert page.evaluate(pasted).startswith("@misc{grosse2026naive,\n")
    page.locator("#p2611\\.00006 button.copy-markdown").click()
    expect(page.locator("#p2611\\.00006 button.copy-markdown")).to_have_text("Copied")
    assert page.evaluate(pasted).startswith("**[Naïve Stereo](https://arxiv.org/abs/2611.00006)**")
    single = reader.page("papers/2611/2611.00006.html")
    single.locator("button.copy-bibtex").click()
    expect(single.locator("button.copy-bibtex")).to_have_text("Copied")
    assert single.evaluate(pasted) == single.locator("#bibtex").text_content()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("cafe", ["Gaussian Splatting of Cafés"]),
        ("splat GAUSSIANS", ["Gaussian Splatting of Cafés"]),
        ("groß* eyes", ["Naïve Stereo"]),
        ("perez owl", ["Old Owls"]),
        ('title:"of a pond"', ["Depth of a Pond"]),
        ('"depth image" -"two eyes"', ["Depth of a Pond"]),
        ('abstract:"once more" -author:"li wei"', ["Old Owls"]),
        ('author:"li wei"', ["Finding Owls"]),
        ('author:"wei li"', []),
        ("\u201cstate of the art\u201d", ["State of the Art of Ponds"]),
        ("2611.00005", ["Finding Owls"]),
        ("https://arxiv.org/abs/2610.00001v2", ["A Pond in Month 10"]),
        ("arXiv:2611.00005 OR cafe", ["Finding Owls", "Gaussian Splatting of Cafés"]),
        ('"art of pond" the', ["State of the Art of Ponds"]),
        ("owl -once", ["Finding Owls"]),
        ("title:ponds image", ["Depth of a Pond", "State of the Art of Ponds"]),
        ("author:wei OR cafes", ["Finding Owls", "Gaussian Splatting of Cafés"]),
        ("state-of-the-art", ["State of the Art of Ponds"]),
        ("<img src=x onerror=alert(1)>", []),
    ],
)
def test_search(reader: Reader, query: str, expected: list[str]) -> None:
    """All words, phrases, beginnings, fields and exclusions, without regard to case, accents and plurals; the newest first."""
    page = reader.page("search.html")
    page.fill("#q", query)
    page.press("#q", "Enter")
    expect(page.locator("#search-state")).to_contain_text("found")
    while page.locator("#older").is_visible():
        page.click("#older")
        expect(page.locator("#search-state")).to_contain_text("found")
    expect(page.locator("#results .title")).to_have_text(expected)


@pytest.mark.parametrize(
    ("query", "remark"),
    [
        ('"once more"', "A phrase is looked for word by word in abstracts."),
        ('owl -abstract:"found at night"', "A phrase is looked for word by word in abstracts."),
        ('title:"of a pond"', ""),
        ('author:"li wei" "owls"', ""),
        ("ow*", "A beginning needs 3 letters: \u201cow\u201d was taken for a word."),
        ("owl*", ""),
    ],
)
def test_what_a_search_cannot_do_is_said(reader: Reader, query: str, remark: str) -> None:
    """Where a phrase or a beginning is not looked for as it was typed, the number of papers found does not stand alone."""
    page = reader.page("search.html")
    page.fill("#q", query)
    state = page.locator("#search-state")
    expect(state).to_contain_text("found")
    assert (state.text_content() or "").partition(". ")[2] == remark


def test_on_a_disk(browser: Browser, tmp_path: Path) -> None:
    """A site that is read without a server says what needs one, and shows no button that would not work."""
    browsing.build(tmp_path, [browsing.edition(DAY, [shelved(paper(5, "Finding Owls"))])])
    with browsing.reading(browser, f"{tmp_path.as_uri()}/") as reader:
        page = reader.page("index.html")
        page.locator("button.read").click()
        expect(page.locator(".paper")).to_have_class("paper read")
        expect(page.locator(".paper .tools button")).to_have_text(["Read"])
        page.fill("#filter-text", "owls -owls")
        expect(page.locator("#nothing")).to_be_visible()
        page.goto(reader.home + "search.html?q=owl")
        expect(page.locator("#search-state")).to_contain_text("The search needs a web server")
        expect(page.locator("#search")).to_be_hidden()
        page.goto(reader.home + "papers/2611/2611.00005.html")
        page.locator("button.copy-bibtex").click()
        expect(page.locator("button.copy-bibtex")).to_have_text("Copied")


def test_search_over_the_months(reader: Reader) -> None:
    """Older months are fetched when they are wanted, the address holds the query, and an older query says nothing any more."""
    page = reader.page("search.html")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rsplit("/", 1)[-1]) if "/search/" in request.url else None)
    page.locator("#q").press_sequentially("pond", delay=5)
    expect(page.locator("#search-state")).to_have_text("4 papers were found since 2026-09.")
    assert asked == ["2026-11.json", "2026-10.json", "2026-09.json"]
    page.click("#older")
    expect(page.locator("#search-state")).to_have_text("7 papers were found.")
    expect(page.locator("#older")).to_be_hidden()
    assert len(asked) == len(set(asked)) == 6
    days = page.locator("#results .facts a").all_text_contents()
    assert days == sorted(days, reverse=True)
    assert page.url.endswith("search.html?q=pond")

    page.locator("#q").fill("owl")
    page.press("#q", "Enter")
    page.select_option("select[name=topic]", "object-detection")
    expect(page.locator("#results .title")).to_have_text(["Finding Owls", "Old Owls"])
    page.locator("#results .title").first.click()
    expect(page.locator("h1")).to_have_text("Finding Owls")
    page.go_back()
    expect(page.locator("#q")).to_have_value("owl")
    expect(page.locator("#results .title")).to_have_text(["Finding Owls", "Old Owls"])


def test_a_month_that_cannot_be_had(browser: Browser, home: str) -> None:
    """It is said, and can be tried again."""
    with browsing.reading(browser, home) as reader:
        page = reader.page("search.html")
        page.route("**/search/2026-11.json", lambda route: route.fulfill(status=200, body="{"))
        page.fill("#q", "zebrafish")
        expect(page.locator("#search-state")).to_have_text("The words of 2026-11 could not be loaded.")
        page.unroute("**/search/2026-11.json")
        page.click("#older")
        expect(page.locator("#search-state")).to_have_text("No paper was found since 2026-09.")
        page.click("#older")
        expect(page.locator("#results .title")).to_have_text(["A Pond in Month 6"])


def test_without_scripts(browser: Browser, home: str) -> None:
    """Everything is there to be read, nothing that would not work is shown."""
    with browsing.reading(browser, home, scripts=False) as reader:
        page = reader.page()
        for place in ("#filters", "#theme", ".tools"):
            assert page.locator(place).first.is_hidden(), place
        assert page.locator(SHOWN).count() == 5
        assert page.locator("#p2611\\.00006 .abstract").nth(1).is_visible()
        page.locator("#p2611\\.00006 a.title").click()
        assert page.locator("h1").text_content() == "Naïve Stereo"
        assert page.goto(f"{home}search.html")
        assert page.locator("noscript").count() == 1


@pytest.mark.parametrize("width", [320, 375, 1280])
def test_nothing_is_wider_than_the_window(browser: Browser, home: str, width: int) -> None:
    """No page scrolls sideways, on a small phone neither; and none complains of anything."""
    with browsing.reading(browser, home, width=width) as reader:
        for path in (
            "", "days/2026-11-19.html", "papers/2611/2611.00006.html", "topics/3d/index.html", "topics/3d/depth-stereo/2026-11.html",
            "calendar.html", "search.html?q=pond", "about.html", "feeds.html",
        ):  # fmt: skip
            page = reader.page(path)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
            page.close()


@pytest.mark.parametrize(("name", "most"), [("site.js", 20_000), ("search.js", 13_000), ("theme.js", 500)])
def test_a_script_is_small(name: str, most: int) -> None:
    """It loads in no time, and holds to what makes it harmless."""
    script = (Path(__file__).parent.parent / "templates" / "assets" / name).read_text("utf-8")
    assert len(script.encode()) < most
    assert '"use strict";' in script
    for word in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "new Function", "http://", "https://", "onclick"):
        assert word not in script
