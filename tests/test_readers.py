"""Readers that nobody here wrote take the feeds: every item once, nothing again, no second download of what is the same."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from digest import resources
from digest.archive import Archive
from digest.cli import main
from digest.core.domain import Kind
from digest.core.site import OPML
from digest.feeding import feeds
from digest.library import Library
from digest.store.database import Database, address
from tests import archives, readers, replayed
from tests.archives import NEWEST
from tests.feedrules import problems
from tests.readers import READERS, Reader, Shelf, static

pytestmark = pytest.mark.slow

DAY, NOW = timedelta(days=1), datetime(2026, 11, 20, 3, tzinfo=UTC)
FORMATS = {"newsboat": (".atom.xml", ".rss.xml"), "rss2email": (".atom.xml", ".rss.xml"), "reader": (".atom.xml", ".rss.xml", ".json")}
CASES = [(name, form) for name, forms in FORMATS.items() for form in forms]


def bodies(archive: Archive, url: str = "https://example.org/", title: str = "Papers") -> Mapping[str, bytes]:
    """Return the bytes of all feeds by their paths."""
    return {path: content.body for path, content in feeds(archive, archives.frame(url, title)) if path != OPML}


def settled(name: str, reader: Reader, shelf: Shelf) -> None:
    """Ask twice more: nothing is new, and what has not changed is not sent again to who says what it has."""
    again, last = (reader.fetch() for _ in range(2))
    statuses = shelf.statuses()
    assert again.news == last.news == 0
    assert last.shown in {0, again.shown}
    # newsboat knows the ETag only from its second visit on: at the first one it has no row yet to keep it in.
    assert statuses[-1] == 304
    assert name == "newsboat" or statuses[-2] == 304


@pytest.mark.parametrize(("name", "form"), CASES)
def test_every_item_once_and_a_change_is_no_new_item(tmp_path: Path, name: str, form: str) -> None:
    """A second edition with another title and one paper more brings one new item; all others stay the ones that they were."""
    papers = [archives.paper(number) for number in range(1, 31)]
    first = archives.archive(archives.edition(NEWEST, papers[:29]), archives.edition(NEWEST - DAY, [archives.paper(100)]))
    changed = [replace(papers[0], title="Another Title", abstract="Another abstract."), *papers[1:]]
    second = archives.archive(
        archives.edition(NEWEST, changed, number=2), first.editions[1], made={NEWEST: datetime(2026, 11, 20, 9, tzinfo=UTC)}
    )
    with static() as shelf:
        shelf.put(bodies(first), NOW)
        reader = READERS[name](tmp_path, f"{shelf.url}/feeds/papers{form}")
        found = reader.fetch()
        assert (found.shown, found.news, len(found.titles)) == (30, 30, 30)
        assert sorted(found.titles.values()) == sorted(paper.title for paper in (*papers[:29], archives.paper(100)))
        shelf.statuses()
        settled(name, reader, shelf)

        shelf.put(bodies(second), NOW + DAY)
        changed_now = reader.fetch()
        assert changed_now.news == 1
        assert papers[29].title in changed_now.titles.values()
        if name == "reader":
            assert "Another Title" in changed_now.titles.values()
        assert changed_now.shown in {1, 31}


@pytest.mark.parametrize(("name", "form"), CASES)
def test_a_site_that_moves_keeps_its_items(tmp_path: Path, name: str, form: str) -> None:
    """With another address and another title of the site, no reader shows an item again."""
    archive = archives.archive(archives.edition(NEWEST, [archives.paper(number) for number in range(1, 9)]))
    with static() as shelf:
        shelf.put(bodies(archive), NOW)
        reader = READERS[name](tmp_path, f"{shelf.url}/feeds/papers{form}")
        assert reader.fetch().news == 8
        shelf.put(bodies(archive, "https://elsewhere.example/", "Moved"), NOW + DAY)
        assert reader.fetch().news == 0


@pytest.mark.parametrize("form", [".atom.xml", ".rss.xml"])
def test_sfeed_sees_every_item(tmp_path: Path, form: str) -> None:
    """So does a reader that works by lines: identifiers and titles, none twice."""
    papers = [archives.paper(number) for number in range(1, 31)]
    body = bodies(archives.archive(archives.edition(NEWEST, papers, kind=Kind.NEW)))[f"feeds/papers{form}"]

    found = readers.sfeed(tmp_path, body)

    assert len(dict(found)) == len(found) == 30
    assert {title for _, title in found} == {paper.title for paper in papers}


@pytest.fixture(scope="module")
def eight_days(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    """Give the feeds of the eight days that were recorded."""
    folder = tmp_path_factory.mktemp("replay")
    with replayed.replay("nov2026") as arxiv:
        options = ["--arxiv-url", arxiv.url, "--pace", "0", "--now", "2026-11-20T06:00Z", "--no-site", "--quiet"]
        places = ["--out", str(folder / "out"), "--data", str(folder / "data")]
        assert main(["backfill", "--from", "2026-11-09", "--to", "2026-11-20", *options, *places]) == 0
    database = Database(address("", folder / "data")).open()
    found = bodies(Library(database, "cs.CV", resources.taxonomy(), resources.calendar()))
    database.close()
    return found


@pytest.mark.parametrize(("name", "form"), CASES)
def test_eight_days(tmp_path: Path, eight_days: Mapping[str, bytes], name: str, form: str) -> None:
    """Real papers, more than a thousand of them: each is one item, and none comes again."""
    wanted = len(json.loads(eight_days["feeds/papers.json"])["items"])
    with static() as shelf:
        shelf.put(eight_days, NOW)
        reader = READERS[name](tmp_path, f"{shelf.url}/feeds/papers{form}")
        found = reader.fetch()
        assert found.shown == found.news == len(found.titles) == wanted > 1000
        shelf.statuses()
        settled(name, reader, shelf)


@pytest.mark.parametrize(("name", "form"), CASES)
def test_one_item_a_day(tmp_path: Path, eight_days: Mapping[str, bytes], name: str, form: str) -> None:
    """The feed of the digest has an item for each of the eight days."""
    with static() as shelf:
        shelf.put(eight_days, NOW)
        reader = READERS[name](tmp_path, f"{shelf.url}/feeds/digest{form}")
        assert reader.fetch().news == 8
        shelf.statuses()
        settled(name, reader, shelf)


def test_feeds_of_eight_days_are_valid(eight_days: Mapping[str, bytes]) -> None:
    """All feeds of the recorded days keep to their specifications."""
    assert {path: problems(path, body) for path, body in eight_days.items() if problems(path, body)} == {}
