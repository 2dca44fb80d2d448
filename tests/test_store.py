"""The store keeps what it is given, on SQLite and on PostgreSQL alike: whole, once, and in order."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.core.domain import Announcement, Check, Classification, Entry, Kind, ModelInfo, Paper, Provenance, Shelf, State
from digest.errors import DamagedError
from digest.ledger import Note
from digest.store import announcements, answers, days, editions, papers, runs
from digest.store import schema as tables
from digest.store.answers import Raw
from digest.store.database import Database
from tests.stores import DAY, NOW, announcement, keep, opinion, page, paper

_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=60)
_NAMES = _TEXTS.filter(lambda name: name and not any(letter in "\u2028\u2029\x85" for letter in name))
_MOMENTS = st.none() | st.datetimes(datetime(1991, 8, 1), datetime(2199, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - aware by strategy
_PAPERS = st.builds(
    Paper,
    st.from_regex(r"[0-9]{4}\.[0-9]{5}", fullmatch=True),
    _TEXTS,
    _TEXTS,
    st.lists(_NAMES, max_size=4).map(tuple),
    st.lists(st.sampled_from(("cs.CV", "cs.LG", "eess.IV", "hep-th")), unique=True, max_size=4).map(tuple),
    _TEXTS,
    _TEXTS,
    st.none() | st.integers(1, 99),
    _TEXTS,
    _TEXTS,
    _MOMENTS,
    _MOMENTS,
    st.booleans(),
)
_EVERY = settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def words(database: Database, word: str) -> list[str]:
    """Return the papers that the index of words finds."""
    with database.read() as connection:
        if database.sqlite:
            found = connection.exec_driver_sql(
                "SELECT arxiv_id FROM words JOIN searchable ON searchable.id = words.rowid WHERE words MATCH ? ORDER BY arxiv_id", (word,)
            )
        else:
            found = connection.execute(
                sa.text(
                    "SELECT arxiv_id FROM papers JOIN versions ON versions.id = papers.latest"
                    " WHERE words @@ plainto_tsquery('english', :word) ORDER BY arxiv_id"
                ),
                {"word": word},
            )
        return list(found.scalars())


def count(database: Database, table: sa.Table) -> int:
    """Return how many rows a table has."""
    with database.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


# -- papers -------------------------------------------------------------------------------------------------------------


@_EVERY
@given(said=st.lists(_PAPERS, max_size=6))
def test_papers_come_back_equal(database: Database, said: list[Paper]) -> None:
    """Whatever is said about papers is loaded as it was kept, in order, and saying it again adds nothing."""
    with database.write() as connection:
        keys = papers.keep(connection, said, NOW)
    before = count(database, tables.versions)
    with database.write() as connection:
        again = papers.keep(connection, said, NOW + timedelta(days=1))
    with database.read() as connection:
        found = papers.load(connection, keys, [one.pending for one in said])

    assert found == said
    assert again == keys
    assert count(database, tables.versions) == before


def test_many_papers(database: Database) -> None:
    """More papers than one statement takes are kept, each once, though some are named twice."""
    said = [paper(number) for number in range(1, 523)]
    with database.write() as connection:
        keys = papers.keep(connection, [*said, said[0]], NOW)
    with database.read() as connection:
        found = papers.load(connection, keys)

    assert found == [*said, said[0]]
    assert len(set(keys)) == len(said)


@pytest.mark.parametrize(
    ("newer", "is_latest"),
    [
        ({"version": 2, "title": "Walruses"}, True),
        ({"version": None, "title": "Walruses"}, True),
        ({"version": 0, "title": "Walruses"}, False),
        ({"version": 2, "title": "Walruses", "abstract": ""}, False),
    ],
    ids=["a newer version", "of unknown version", "an older version", "without its abstract"],
)
def test_the_latest_version_is_searched(database: Database, newer: dict[str, object], is_latest: bool) -> None:
    """A newer version takes the place of an older one in the index of words, unless it is known to be worse."""
    first = paper(1, title="Penguins")
    with database.write() as connection:
        old, new = papers.keep(connection, [first], NOW)[0], papers.keep(connection, [replace(first, **newer)], NOW)[0]  # type: ignore[arg-type]
    with database.read() as connection:
        latest = connection.execute(sa.select(tables.papers.c.latest)).scalar_one()

    assert latest == (new if is_latest else old)
    assert words(database, "walruses") == (["2611.00001"] if is_latest else [])
    assert words(database, "penguins") == ([] if is_latest else ["2611.00001"])


def test_what_was_said_before_can_become_the_latest_again(database: Database) -> None:
    """A title that is taken back is searched as it was, and no version is kept twice."""
    first, second = paper(1, title="Penguins", version=None), paper(1, title="Walruses", version=None)
    for one in (first, second, first):
        with database.write() as connection:
            papers.keep(connection, [one], NOW)

    assert words(database, "penguins") == ["2611.00001"]
    assert words(database, "walruses") == []
    assert count(database, tables.versions) == 2


def test_places_of_papers(database: Database) -> None:
    """The place in the newest edition is noted; an older one that is made later does not count."""
    with database.write() as connection:
        papers.keep(connection, [paper(1)], NOW)
        papers.place(connection, [("2611.00001", "3d", "slam", DAY)])
        papers.place(connection, [("2611.00001", "video", "", DAY - timedelta(days=1))])
        papers.place(connection, [])
    with database.read() as connection:
        row = connection.execute(sa.select(tables.papers)).one()

    assert (row.topic, row.subtopic, row.announced) == ("3d", "slam", DAY)


def test_opinions(database: Database) -> None:
    """What a model thinks is kept for each model apart, and a second opinion takes the place of the first."""
    with database.write() as connection:
        keys = papers.keep(connection, [paper(1), paper(2)], NOW)
        one, other = (papers.model_key(connection, ModelInfo(name, name * 64)) for name in "ab")
        papers.keep_opinions(connection, one, {keys[0]: opinion(), keys[1]: opinion("video", 1 / 3)})
        papers.keep_opinions(connection, other, {keys[0]: opinion("medical")})
        papers.keep_opinions(connection, one, {keys[0]: Classification((Shelf("video", "", 0.1),), unsure=True)})
    with database.read() as connection:
        assert papers.model_key(connection, ModelInfo("renamed", "a" * 64)) == one
        assert papers.opinions(connection, one, keys) == {
            keys[0]: Classification((Shelf("video", "", 0.1),), unsure=True),
            keys[1]: opinion("video", 1 / 3),
        }
        assert papers.opinions(connection, other, keys) == {keys[0]: opinion("medical")}


# -- announcements ------------------------------------------------------------------------------------------------------


def full() -> Announcement:
    """Return an announcement that says all that one can say."""
    return announcement(
        remarks=("arXiv was slow",),
        checks=(Check("feed", agrees=False, says="it lacks 2611.00001", besides=("2611.00009",)),),
        reconstructed=True,
        unknown=("late cross-lists",),
        entries=(Entry(paper(1, pending=True, abstract=""), Kind.NEW), Entry(paper(2), Kind.CROSS), Entry(paper(2), Kind.REPLACED)),
    )


@pytest.mark.parametrize("said", [full(), announcement(), announcement(count=0, reason="a holiday")], ids=["full", "plain", "none"])
def test_announcements_come_back_equal(database: Database, said: Announcement) -> None:
    """An announcement is loaded as it was kept."""
    with database.write() as connection:
        key, keys = announcements.keep(connection, said, NOW)
    with database.read() as connection:
        assert announcements.load(connection, key) == (said, keys)


def test_the_same_reading_is_kept_once(database: Database) -> None:
    """A date that is read again and says the same is one reading; a different one is kept beside it."""
    said = announcement()
    other = replace(said, entries=said.entries[:-1])
    later = NOW + timedelta(minutes=5)
    with database.write() as connection:
        first, _ = announcements.keep(connection, said, NOW)
        second, _ = announcements.keep(connection, replace(said, remarks=("read again",)), later)
        third, _ = announcements.keep(connection, other, later)
        fourth, _ = announcements.keep(connection, said, later)
    with database.read() as connection:
        again = connection.execute(sa.select(tables.announcements).where(tables.announcements.c.id == first)).one()

        assert announcements.load(connection, first)[0].remarks == ("read again",)
        assert announcements.dates(connection, "cs.CV", DAY, DAY) == [(DAY, fourth)]
    assert first == second
    assert len({first, third, fourth}) == 3
    assert (again.read, again.read_again) == (NOW, later)


def test_only_readings_in_a_row_confirm(database: Database) -> None:
    """Another reading between two equal ones makes them none; one with fewer papers than an earlier one is an old copy."""
    whole = announcement()
    part = replace(whole, entries=whole.entries[1:])
    with database.write() as connection:
        for minute, said in enumerate((whole, part, part)):
            announcements.keep(connection, said, NOW + timedelta(minutes=minute))
    with database.write() as connection:
        assert [announcements.confirmed(connection, said) for said in (part, whole)] == [None, None]
        announcements.keep(connection, whole, NOW + timedelta(minutes=9))
        assert announcements.confirmed(connection, whole) == NOW + timedelta(minutes=9)


def test_a_reading_with_the_same_members_confirms(database: Database) -> None:
    """Which papers were announced is confirmed by an earlier reading of the same ones, whatever else it says of them."""
    said = announcement()
    shuffled = replace(
        said, entries=tuple(replace(entry, paper=replace(entry.paper, comments="mended")) for entry in reversed(said.entries))
    )
    with database.write() as connection:
        assert announcements.confirmed(connection, said) is None
        announcements.keep(connection, said, NOW)
    with database.read() as connection:
        assert announcements.confirmed(connection, shuffled) == NOW
        assert announcements.confirmed(connection, replace(said, entries=said.entries[1:])) is None
        assert announcements.confirmed(connection, replace(said, date=DAY + timedelta(days=1))) is None
        assert announcements.confirmed(connection, replace(said, category="cs.LG")) is None


# -- editions -----------------------------------------------------------------------------------------------------------


def test_editions(database: Database) -> None:
    """An edition is prepared, then published; each has its number, its files and what changed."""
    said = announcement()
    with database.write() as connection:
        first = keep(connection, said)
        second = keep(connection, said, 2, published=False)
    with database.read() as connection:
        newest = editions.newest(connection, "cs.CV", DAY)
        waiting = editions.unpublished(connection, "cs.CV")

        assert newest == second
        assert [edition.key for edition in waiting] == [second.key]
        assert [edition.number for edition in editions.of_date(connection, "cs.CV", DAY)] == [1, 2]
        assert editions.load(connection, first.key).published
        assert editions.unpublished(connection, "cs.LG") == []
        assert editions.newest(connection, "cs.CV", DAY - timedelta(days=1)) is None
    assert second.changes == ("one paper more",)
    found = second.file("page")
    assert found is not None
    assert found.content == page(said, 2)
    assert second.file("feed") is None


def test_a_number_is_given_once(database: Database) -> None:
    """Two editions of a date with one number cannot be: the second one is not kept, and the first is as it was."""
    with database.write() as connection:
        keep(connection, announcement())
    with pytest.raises(Exception, match=r"(?i)unique"), database.write() as connection:
        keep(connection, announcement(count=3))

    assert count(database, tables.editions) == 1
    assert count(database, tables.announcements) == 1


def test_bytes_that_are_others_are_not_given_out(database: Database) -> None:
    """A file whose bytes in the database were changed is damage, and named."""
    with database.write() as connection:
        stored = keep(connection, announcement())
        connection.execute(sa.update(tables.files).where(tables.files.c.role == "page").values(content=b"x"))
    with database.read() as connection, pytest.raises(DamagedError, match=r"2026-11-20-cs\.CV\.md"):
        editions.load(connection, stored.key)


def test_which_editions_list_a_paper(database: Database) -> None:
    """The published editions of a paper are found, date by date, the oldest first."""
    before = DAY - timedelta(days=1)
    with database.write() as connection:
        keep(connection, announcement(before, first=3))
        keep(connection, announcement())
        last = keep(connection, announcement(), 2)
        keep(connection, announcement(DAY + timedelta(days=3)), published=False)
    with database.read() as connection:
        found = editions.path_of(connection, "2611.00003")

        assert [len(keys) for keys in found] == [1, 2]
        assert found[-1][-1] == last.key
        assert editions.path_of(connection, "2611.00003", "cs.LG") == []
        assert editions.earlier(connection, "cs.CV", DAY, before) == {"2611.00003", "2611.00004"}
        assert editions.earlier(connection, "cs.CV", before, before) == frozenset()


# -- the rest -----------------------------------------------------------------------------------------------------------


def test_notes_of_days(database: Database) -> None:
    """The note of a date comes back as it was, a newer one in its place, a range in order."""
    whole = Note(
        "cs.CV",
        DAY,
        State.PUBLISHED,
        "\u00e9t\u00e9",
        "try",
        "listing",
        reconstructed=True,
        entries=5,
        listed=3,
        pending=("2611.00001",),
        disagreements=("feed: it lacks 2611.00001",),
        late=("2611.00002", "2611.00001"),
        provisional=True,
        model="default",
        page="2026/x.md",
        at=NOW,
        attempts=2,
        asked_again_after=NOW,
    )
    with database.write() as connection:
        days.write(connection, Note("cs.CV", DAY, State.WAITING))
        days.write(connection, whole)
        days.write(connection, Note("cs.CV", date(2026, 11, 9), State.NONE))
        days.write(connection, Note("cs.LG", date(2026, 11, 8), State.NONE))
    with database.read() as connection:
        assert days.read(connection, "cs.CV", DAY) == whole
        assert [found.date.day for found in days.between(connection, "cs.CV", date(2026, 11, 8), DAY)] == [9, 20]
        assert days.read(connection, "cs.GR", DAY) is None


def test_answers(database: Database) -> None:
    """Where answers are kept is known by date and by fingerprint; a newer answer takes an older one's place."""
    first = Raw("https://arxiv.org/list/cs.CV/new", DAY, "a" * 64, 10, "here", "answers/2026-11-20/a.html", NOW)
    second = replace(first, sha256="b" * 64, fetched=NOW + timedelta(minutes=5))
    with database.write() as connection:
        answers.keep(connection, [first, replace(first, date=DAY - timedelta(days=1))])
        answers.keep(connection, [second])
    with database.read() as connection:
        assert answers.of_date(connection, DAY) == [second]
        assert answers.fetched(connection, ["b" * 64, "c" * 64]) == {"b" * 64: second.fetched}


def test_runs(database: Database) -> None:
    """Runs come the newest first, one that was killed has no end; the latest event never goes back."""
    facts = {"command": "run", "host": "here", "pid": 7, "program": "0.1"}
    with database.write() as connection:
        first = runs.begin(connection, category="cs.CV", began=NOW, **facts)
        second = runs.begin(connection, category="cs.CV", began=NOW + timedelta(hours=1), date=DAY, **facts)
        runs.end(connection, first, ended=NOW + timedelta(minutes=1), status=0, edition=1, message="made")
        assert runs.latest(connection) is None
        for minutes in (0, 5, 3):
            runs.happened(connection, NOW + timedelta(minutes=minutes))
    with database.read() as connection:
        last = runs.last(connection, "cs.CV", 5)

        assert [run.key for run in last] == [second, first]
        assert [run.ended for run in last] == [None, NOW + timedelta(minutes=1)]
        assert runs.last(connection, "cs.LG") == []
        assert runs.latest(connection) == NOW + timedelta(minutes=5)


def test_all_or_nothing(database: Database) -> None:
    """A transaction that fails leaves nothing of what it did."""

    def broken_off() -> None:
        with database.write() as connection:
            keep(connection, announcement())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken_off()

    for table in tables.metadata.sorted_tables:
        assert count(database, table) == (1 if table is tables.revision else 0)
    assert words(database, "seeing") == []


def test_a_provenance_without_addresses(database: Database, tmp_path: Path) -> None:
    """What a file on this machine gave has no address, and is kept all the same."""
    said = announcement(provenance=Provenance("file", (str(tmp_path / "a.html"),), ()))
    with database.write() as connection:
        key, _ = announcements.keep(connection, said, NOW)
    with database.read() as connection:
        assert announcements.load(connection, key)[0].provenance == said.provenance


def test_two_looks_of_one_reader(database: Database) -> None:
    """What others write meanwhile is not seen by who reads already."""
    other = Database(database.url)
    try:
        with database.read() as connection:
            before = runs.counts(connection)
            with other.write() as writing:
                keep(writing, announcement())
            assert runs.counts(connection) == before
        with database.read() as connection:
            assert runs.counts(connection) != before
    finally:
        other.close()
