"""Feeds say what the archive says, in formats that are what their specifications ask for."""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import feedparser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from digest.core.domain import Kind, Paper
from digest.core.site import Frame, OwnFeed
from digest.core.text import plain
from digest.errors import SettingsError
from digest.feeding import Feeding, Shown, feeds, links
from digest.store.database import in_memory
from tests import archives, sites
from tests.archives import NEWEST, SHELVES, TAXONOMY
from tests.feedrules import ATOM, problems
from tests.test_markdown import HOSTILE

DAY = timedelta(days=1)
ANNOUNCED = datetime(2026, 11, 20, 1, tzinfo=UTC)
"""When what carries the newest date came out: 20:00 of the evening before, in Ithaca."""
FORMATS = (".atom.xml", ".rss.xml", ".json")
Body = Callable[[str], bytes]


def hostile() -> list[Paper]:
    """Return papers each text of which is hostile, as far as the way in lets it through."""
    return [
        archives.paper(100 + number, title=plain(text), abstract=plain(text, paragraphs=True), authors=(plain(text),), comments=plain(text))
        for number, text in enumerate(HOSTILE.values())
    ]


@pytest.fixture(scope="module")
def archive() -> archives.Archive:
    """Give three dates: new papers, hostile ones, and replacements of the first ones."""
    first = [archives.paper(number) for number in range(1, 9)]
    return archives.archive(
        archives.edition(NEWEST, [replace(first[0], title="Seeing Again"), replace(first[1])], kind=Kind.REPLACED),
        archives.edition(NEWEST - DAY, hostile()),
        archives.edition(NEWEST - 2 * DAY, first, number=2),
        made={NEWEST - 2 * DAY: datetime(2026, 11, 18, 9, 30, tzinfo=UTC)},
        anew={"2611.00003": datetime(2026, 11, 18, 9, 30, tzinfo=UTC)},
    )


@pytest.fixture(scope="module")
def body(archive: archives.Archive) -> Body:
    """Return the bytes of a feed by its path."""
    found = {path: content.body for path, content in feeds(archive, archives.frame(), OWN)}
    return found.__getitem__


OWN = (OwnFeed("again", "What was seen again", search="title:again OR number"), OwnFeed("lanes", "Lanes", topic="/".join(SHELVES[2])))


def items(text: bytes) -> list[dict[str, object]]:
    """Return the items of a JSON Feed."""
    found: list[dict[str, object]] = json.loads(text)["items"]
    return found


@pytest.mark.parametrize("url", ["https://example.org/cv/", ""])
def test_every_feed_is_valid(archive: archives.Archive, url: str) -> None:
    """All feeds that there are, in all formats and with hostile papers, keep to their specifications, with an address or without."""
    found = dict(feeds(archive, archives.frame(url), OWN))

    assert len(found) == 3 * len(links(TAXONOMY, OWN)) + bool(url)
    assert {path: problems(path, content.body) for path, content in found.items() if problems(path, content.body)} == {}


def test_every_paper_is_one_item(archive: archives.Archive, body: Body) -> None:
    """The feed of all papers has each once, as it was announced last: the newest date first, on it in the order of the page."""
    order = dict.fromkeys(item.entry.paper.id for one in sorted(archive.editions, key=lambda one: one.date)[::-1] for item in one.items)
    found = items(body("feeds/papers.json"))

    assert [str(item["external_url"]).rpartition("/")[2] for item in found] == list(order)
    assert [item["title"] for item in found[:2]].count("Seeing Again") == 1


def test_dates_are_those_of_the_announcement(body: Body) -> None:
    """An item has the date of its first announcement; it is updated when it is announced again, or told anew."""
    by_paper = {
        str(item["external_url"])[-1]: item for item in items(body("feeds/papers.json")) if "2611.0000" in str(item["external_url"])
    }
    days = items(body("feeds/digest.json"))

    assert by_paper["1"]["date_published"] == by_paper["3"]["date_published"] == "2026-11-18T01:00:00Z"
    assert by_paper["1"]["date_modified"] == "2026-11-20T01:00:00Z"
    assert by_paper["3"]["date_modified"] == "2026-11-18T09:30:00Z"
    assert by_paper["4"]["date_modified"] == "2026-11-18T01:00:00Z"
    assert [(item["date_published"], item["date_modified"]) for item in days] == [
        ("2026-11-20T01:00:00Z", "2026-11-20T01:00:00Z"),
        ("2026-11-19T01:00:00Z", "2026-11-19T01:00:00Z"),
        ("2026-11-18T01:00:00Z", "2026-11-18T09:30:00Z"),
    ]
    assert etree.fromstring(body("feeds/papers.atom.xml")).findtext(f"{ATOM}updated") == "2026-11-20T01:00:00Z"


def test_only_what_is_told_anew_gets_a_new_date(tmp_path: Path) -> None:
    """A later edition of a date gives its own date to papers that came in or say something else, and not to those that only moved on."""
    with closing(in_memory()) as database:
        press = sites.Press(database, tmp_path / "site")
        announced, came_in = "2026-11-09T01:00:00Z", "2026-11-10T08:00:00Z"
        press.add(date(2026, 11, 9), ["2611.00001", "2611.00002"])
        press.moment = datetime(2026, 11, 10, 7, 59, tzinfo=UTC)
        press.add(date(2026, 11, 9), ["2611.00001", "2611.00002", "2611.00003"], number=2)
        assert dates_modified(press) == {"2611.00001": announced, "2611.00002": announced, "2611.00003": came_in}
        press.add(date(2026, 11, 9), ["2611.00001", "2611.00003"], number=3)
        assert dates_modified(press) == {"2611.00001": announced, "2611.00003": came_in}
        press.add(date(2026, 11, 9), ["2611.00001", "2611.00002", "2611.00003"], number=4)
        assert dates_modified(press) == {"2611.00001": announced, "2611.00002": "2026-11-10T08:02:00Z", "2611.00003": came_in}
        press.add(date(2026, 11, 9), ["2611.00001"], title="Told otherwise", number=5)
        assert dates_modified(press) == {"2611.00001": "2026-11-10T08:03:00Z"}
        digest = Feeding(press.site().archive, sites.FRAME).content("feeds/digest.json")
        assert digest
        assert [item["date_modified"] for item in items(digest.body)] == ["2026-11-10T08:03:00Z"]


def dates_modified(press: sites.Press) -> dict[str, object]:
    """Return when each paper of the feed of all papers was changed."""
    found = Feeding(press.site().archive, sites.FRAME).content("feeds/papers.json")
    assert found
    return {str(item["url"]).rpartition("/")[2]: item["date_modified"] for item in items(found.body)}


def test_identifiers_never_change() -> None:
    """They are these, with any address and title of the site; those of invented papers of the sample are others."""
    one = archives.archive(archives.edition(NEWEST, [archives.paper(7)]))
    frames = [archives.frame(), archives.frame("", "Another title"), archives.frame("http://127.0.0.1:8000/")]
    told = {
        tuple(
            (json.loads(Feeding(one, frame).content(path).body)["items"][0]["id"])  # type: ignore[union-attr]
            for path in ("feeds/papers.json", "feeds/digest.json")
        )
        for frame in frames
    }
    feed = {etree.fromstring(dict(feeds(one, frame))["feeds/papers.atom.xml"].body).findtext(f"{ATOM}id") for frame in frames}
    sample = items(dict(feeds(one, archives.frame(sample=True)))["feeds/papers.json"].body)

    assert told == {("urn:uuid:e6435b21-dd7c-5740-8cd4-e40d60d4b162", "urn:uuid:cede5a84-e550-59a6-8cdb-815104011589")}
    assert feed == {"urn:uuid:fcb45a8d-edac-5bc4-acc8-085840279631"}
    assert sample[0]["id"] not in next(iter(told))


def test_formats_say_the_same(body: Body) -> None:
    """A feed library reads the same items out of Atom and RSS as stand in JSON: titles, texts, authors, dates."""
    atom, rss = (feedparser.parse(body(f"feeds/papers{form}"), sanitize_html=False, resolve_relative_uris=False) for form in FORMATS[:2])
    found = items(body("feeds/papers.json"))

    assert not atom.bozo
    assert not rss.bozo
    for ours, one, other in zip(found, atom.entries, rss.entries, strict=True):
        assert ours["id"] == one.id == other.id
        assert ours["title"] == one.title
        assert ours["content_html"] == one.content[0].value == other.summary
        assert [author["name"] for author in ours.get("authors", [])] == [author.get("name") for author in one.get("authors", [])]  # type: ignore[attr-defined]
        assert one.published_parsed == other.published_parsed


def test_a_paper_says_what_is_known(body: Body) -> None:
    """Full abstract by paragraphs, topic, comments, links; its page first, arXiv's beside it; categories and topics as tags."""
    item = next(item for item in items(body("feeds/papers.json")) if str(item["external_url"]).endswith("2611.00003"))

    assert item["url"] == "https://example.org/cv/papers/2611/2611.00003.html"
    assert item["external_url"] == "https://arxiv.org/abs/2611.00003"
    assert str(item["content_html"]).startswith("<p>We look at the number 3 from all sides, and a&lt;b.</p>\n<p>It looks back.</p>\n")
    assert '<a href="https://github.com/example/seeing">code</a>' in str(item["content_html"])
    assert "CVPR 2026" in str(item["content_html"])
    assert item["authors"] == [{"name": "Ada Example"}, {"name": "B. Écrivain-3"}]
    assert item["tags"][:2] == ["cs.CV", "cs.LG"]  # type: ignore[index]
    assert TAXONOMY.names()[SHELVES[3][0]] in item["tags"]  # type: ignore[operator]


def test_without_an_address_arxiv_is_linked() -> None:
    """Where nobody knows where the site is, items lead to arXiv, and no feed says where it stands."""
    one = archives.archive(archives.edition(NEWEST, [archives.paper(7)]))
    found = {path: content.body for path, content in feeds(one, archives.frame(""))}

    assert items(found["feeds/papers.json"])[0]["url"] == "https://arxiv.org/abs/2611.00007"
    assert items(found["feeds/digest.json"])[0]["url"] == "https://arxiv.org/catchup/cs.CV/2026-11-20"
    assert [path for path, text in found.items() if b'rel="self"' in text or b"feed_url" in text] == []
    assert "feeds.opml" not in found


def test_topics_part_the_papers(archive: archives.Archive, body: Body) -> None:
    """Each paper stands in the feed of its topic and in that of its subtopic, and in no other one."""
    whole = {str(item["id"]) for item in items(body("feeds/papers.json"))}
    by_topic = [str(item["id"]) for topic in TAXONOMY.topics for item in items(body(f"feeds/topics/{topic.slug}.json"))]
    by_shelf = {shelf: [str(item["id"]) for item in items(body(f"feeds/topics/{'/'.join(shelf)}.json"))] for shelf in SHELVES}

    assert sorted(by_topic) == sorted(whole)
    assert sorted(name for some in by_shelf.values() for name in some) == sorted(whole)
    assert [one.place for one in archive.editions[2].items if one.entry.paper.id == "2611.00003"] == [SHELVES[3]]
    assert any(name.endswith(str(item["id"])) for item in items(body("feeds/papers.json")) for name in by_shelf[SHELVES[3]])


def test_feeds_of_ones_own(body: Body) -> None:
    """A search, an author and a topic each restrict what is listed, in the order of the feed of all papers."""
    again = items(body("feeds/own/again.json"))
    lanes = items(body("feeds/own/lanes.json"))

    assert [str(item["external_url"])[-2:] for item in again if "2611.0000" in str(item["external_url"])] == [
        "02",
        "01",
        "08",
        "07",
        "06",
        "05",
        "04",
        "03",
    ]
    assert [item["id"] for item in lanes] == [item["id"] for item in items(body(f"feeds/topics/{'/'.join(SHELVES[2])}.json"))]


def test_a_topic_that_there_is_not(archive: archives.Archive) -> None:
    """A feed of one's own for an unknown topic is a mistake in the settings."""
    with pytest.raises(SettingsError, match="stars: there is no topic 'astronomy'"):
        Feeding(archive, archives.frame(), (OwnFeed("stars", "Stars", topic="astronomy"),))


def test_thirty_days() -> None:
    """What is 30 days older than the newest date has left the feeds; what is 29 days older has not."""
    days = [NEWEST, NEWEST - 29 * DAY, NEWEST - 30 * DAY]
    found = archives.archive(*(archives.edition(day, [archives.paper(number)]) for number, day in enumerate(days)))

    feed = dict(feeds(found, archives.frame()))["feeds/papers.json"]

    assert [str(item["url"])[-7:-5] for item in items(feed.body)] == ["00", "01"]


def test_an_archive_with_nothing() -> None:
    """Before the first digest all feeds are there, valid and empty."""
    found = dict(feeds(archives.archive(), archives.frame()))

    assert [path for path, content in found.items() if problems(path, content.body)] == []
    assert items(found["feeds/papers.json"].body) == []


def test_a_feed_changes_only_with_its_items(archive: archives.Archive) -> None:
    """A new date leaves the feeds of topics without a new paper as they are, byte for byte; so does another run."""
    new = archives.edition(NEWEST + DAY, [archives.paper(500)])
    more = archives.archive(new, *archive.editions, made=archive.made, anew=archive.anew)
    place = "/".join(SHELVES[500 % len(SHELVES)])
    before, after = (dict(feeds(one, archives.frame(), OWN)) for one in (archive, more))

    changed = {path.partition(".")[0] for path in before if before[path] != after[path]}

    assert changed == {
        "feeds/digest",
        "feeds/papers",
        f"feeds/topics/{place.partition('/')[0]}",
        f"feeds/topics/{place}",
        "feeds/own/again",
    }
    assert dict(feeds(archive, archives.frame(), OWN)) == before


def test_items_shown_before_are_what_would_be_made_now(archive: archives.Archive) -> None:
    """A new date, a new edition of an old one, a paper told anew, another address or title: no item of before is shown then."""
    shown, told = Shown(), datetime(2026, 11, 19, 12, tzinfo=UTC)
    new = archives.edition(NEWEST + DAY, [archives.paper(500), archives.paper(3, title="Seen Anew")], number=2)
    elsewhere = archives.edition(NEWEST - 2 * DAY, [archives.paper(number) for number in range(2, 9)], number=3, shelves=SHELVES[5:9])
    more = replace(archive, editions=(new, *archive.editions))
    anew = replace(more, anew={**more.anew, "2611.00004": told})
    moved = replace(anew, editions=(new, *archive.editions[:2], elsewhere))
    base, other = archives.frame(), archives.frame("https://example.com/")
    steps = [(archive, base), (archive, base), (more, base), (anew, base), (moved, base), (moved, other), (moved, base), (archive, base)]

    for one, frame in steps:
        feeding = Feeding(one, frame, OWN, shown)
        assert {path: feeding.content(path) for path in feeding.paths()} == dict(feeds(one, frame, OWN))

    before = shown.of(base)
    Feeding(archive, base, OWN, shown).content("feeds/papers.json")
    assert all(shown.of(base)[name][1] is item for name, (_, item) in before.items())
    assert shown.of(other) == {}


def test_bounds() -> None:
    """Ten thousand authors and five million letters become an item of a sane length, which says that it was cut."""
    names = tuple(f"Author {number}" for number in range(10_000))
    huge = archives.paper(1, title="t" * 5_000_000, abstract="a" * 5_000_000, authors=names, comments="c" * 5_000_000)
    found = dict(feeds(archives.archive(archives.edition(NEWEST, [huge])), archives.frame()))
    item = items(found["feeds/papers.json"].body)[0]

    assert item["authors"][-1] == {"name": "and 9,500 others"}  # type: ignore[index]
    assert str(item["title"]).endswith("\u2026")
    assert all(len(content.body) < 200_000 for content in found.values())


_ANY = st.text(st.characters(codec=None), max_size=40) | st.sampled_from(
    [
        "]]>",
        "<![CDATA[",
        "&amp;lt;",
        "\x00\x1b",
        "\ud800",
        "\ufffe\uffff",
        "\u2028",
        "<script>x</script>",
        "{{7*7}}",
        "\u202e",
        "\r\n",
        "\"'",
    ],
)


@settings(max_examples=25, deadline=None)
@given(title=_ANY, abstract=_ANY, author=_ANY, comments=_ANY)
def test_nothing_breaks_a_feed(title: str, abstract: str, author: str, comments: str) -> None:
    """Whatever stands in a paper, also what no way in would let through: feeds are well-formed and valid, and the text is text."""
    bad = Paper("2611.00001", title, abstract, (author, "Ada Example"), ("cs.CV", "cs.LG"), comments=comments)
    small = Frame("A title", "cs.CV", SMALL, url="https://example.org/")
    one = archives.archive(archives.edition(NEWEST, [bad, archives.paper(2)], taxonomy=SMALL, shelves=SMALL.shelves()))
    feeding = Feeding(one, small)
    paths = [f"feeds/{name}{form}" for name in ("papers", "digest") for form in FORMATS]
    found = {path: content.body for path in paths if (content := feeding.content(path))}

    assert {path: problems(path, text) for path, text in found.items() if problems(path, text)} == {}
    root = etree.fromstring(found["feeds/papers.atom.xml"])
    skeleton = [[child.tag for child in entry if child.tag != f"{ATOM}author"] for entry in root.iter(f"{ATOM}entry")]
    assert skeleton[0] == skeleton[1]
    shown = etree.fromstring(f"<div>{root.findall(f'{ATOM}entry')[1].findtext(f'{ATOM}content')}</div>".encode())
    assert {child.tag for child in shown.iter()} == {"div", "p", "a"}


SMALL = replace(TAXONOMY, topics=TAXONOMY.topics[:1])


def test_where_feeds_are() -> None:
    """The list of feeds names each, in the group of its topic."""
    found = {link.path: link for link in links(TAXONOMY, OWN)}

    assert [found[path].group for path in ("feeds/digest", "feeds/papers", "feeds/topics/3d", "feeds/own/again")] == [
        "digest",
        "papers",
        "3d",
        "own",
    ]
    assert {link.path for link in found.values()} == set(found)
    assert date(2026, 11, 20) == NEWEST
    assert ANNOUNCED.isoformat() == "2026-11-20T01:00:00+00:00"
