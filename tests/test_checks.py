"""What one service says, held against another; and what is filled in out of it."""

from dataclasses import replace
from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from digest.core import checks
from digest.core.domain import Announcement, Check, Entry, Kind, Paper, Provenance

DAY = date(2026, 11, 20)
MORNING = datetime(2026, 11, 18, 9, tzinfo=UTC)


def paper(name: str, **fields: object) -> Paper:
    """Return an invented paper."""
    return replace(Paper(name, f"Title {name}", "An abstract.", ("Ada Example",), ("cs.CV",)), **fields)  # type: ignore[arg-type]


def entry(name: str, kind: Kind = Kind.NEW, **fields: object) -> Entry:
    """Return one line of an announcement."""
    return Entry(paper(name, **fields), kind)


def announcement(*entries: Entry) -> Announcement:
    """Return an announcement of these."""
    return Announcement("cs.CV", DAY, entries, Provenance("listing"))


def test_two_services_that_agree() -> None:
    """The same papers of the same kinds in any order are an agreement."""
    ours = [entry("2611.00001"), entry("2611.00002", Kind.CROSS)]

    assert checks.membership(ours, ours[::-1], "feed") == Check(
        "feed", agrees=True, says="the feed lists the same 2 papers, of the same kinds"
    )


def test_two_services_that_do_not() -> None:
    """What lacks, what is there besides, and what is of another kind is named."""
    ours = [entry("2611.00001"), entry("2611.00002"), entry("2611.00003")]
    theirs = [entry("2611.00002", Kind.CROSS), entry("2611.00003"), entry("2611.00004")]
    check = checks.membership(ours, theirs, "feed")

    assert not check.agrees
    assert check.says == (
        "of 3 papers, the feed lacks 1 (2611.00001) and has 1 (2611.00004) besides and gives another kind for 1 (2611.00002)"
    )


def test_many_names_are_cut() -> None:
    """A sentence names a dozen papers and counts the rest."""
    check = checks.membership([entry(f"2611.{number:05}") for number in range(20)], [], "feed")

    assert "20 (2611.00000, " in check.says
    assert check.says.endswith("2611.00011 and 8 more)")


def test_new_and_replaced_on_one_day() -> None:
    """A paper that is announced in two ways counts as what it is first."""
    ours = [entry("2611.00001"), entry("2611.00001", Kind.REPLACED)]

    assert checks.membership(ours, [entry("2611.00001")], "feed").agrees


def test_a_service_that_knows_more() -> None:
    """A service that knows papers of other dates too agrees if it knows ours."""
    ours = [entry("2611.00001"), entry("2611.00002")]

    assert checks.known(ours, ["2611.00001", "2611.00002", "2611.00009"], "oai", "OAI-PMH").agrees
    assert checks.known(ours, ["2611.00001"], "api", "the query API").says == "of 2 papers, the query API does not know 1 (2611.00002)"


def test_the_newest_paper() -> None:
    """The newest new paper comes after that of the edition before; replacements and old identifiers say nothing."""
    ours = [entry("2611.00007"), entry("2611.00009", Kind.REPLACED)]
    after, before = checks.after_the_last(ours, ["2611.00006", "cs/0703101"]), checks.after_the_last(ours, ["2611.00008"])

    assert after is not None
    assert after.agrees
    assert before is not None
    assert not before.agrees
    assert checks.after_the_last(ours, []) is None
    assert checks.after_the_last([entry("2611.00009", Kind.CROSS)], ["2611.00006"]) is None


def test_an_edition_once_more() -> None:
    """How much of a day was new before is a share of its new papers."""
    ours = [entry("2611.00001"), entry("2611.00002"), entry("2611.00003", Kind.CROSS)]

    assert checks.repeated(ours, ["2611.00001", "2611.00003"]) == 0.5
    assert checks.repeated([], ["2611.00001"]) == 0.0


def test_only_what_lacks_is_filled_in() -> None:
    """Texts that are there stay; versions, licences and moments come in; a paper that was not announced does not."""
    ours = announcement(entry("2611.00001", comments="ours"), entry("2611.00002"))
    theirs = {
        "2611.00001": paper(
            "2611.00001", title="Another", abstract="Another.", comments="theirs", version=2, licence="x", submitted=MORNING
        ),
        "2611.00009": paper("2611.00009"),
    }
    first, second = checks.completed(ours, theirs).entries

    assert (first.paper.title, first.paper.abstract, first.paper.comments) == ("Title 2611.00001", "An abstract.", "ours")
    assert (first.paper.version, first.paper.licence, first.paper.submitted) == (2, "x", MORNING)
    assert second == ours.entries[1]


def test_an_abstract_that_was_to_come() -> None:
    """A pending abstract is filled in, unless what comes is empty too."""
    waiting = announcement(entry("2611.00001", abstract="", pending=True), entry("2611.00002", abstract="", pending=True))
    done = checks.completed(waiting, {"2611.00001": paper("2611.00001"), "2611.00002": paper("2611.00002", abstract="")})

    assert [(e.paper.abstract, e.paper.pending) for e in done.entries] == [("An abstract.", False), ("", True)]


def test_the_newest_submission() -> None:
    """Only new papers tell when a date's submissions ended."""
    ours = [
        entry("2611.00001", submitted=MORNING),
        entry("2611.00002", Kind.REPLACED, submitted=MORNING.replace(hour=20)),
        entry("2611.00003"),
    ]

    assert checks.newest_submission(ours) == MORNING
    assert checks.newest_submission([entry("2611.00001")]) is None


IDS = st.lists(st.integers(0, 30).map("2611.{:05}".format), max_size=12, unique=True)


@given(IDS, IDS)
def test_nothing_is_added_or_lost(ours: list[str], theirs: list[str]) -> None:
    """Whatever another service knows, the announcement holds the papers that it held, in their order."""
    before = announcement(*map(entry, ours))
    after = checks.completed(before, {name: paper(name, version=3) for name in theirs})

    assert [e.paper.id for e in after.entries] == ours
    assert checks.membership(before.entries, after.entries, "feed").agrees
    assert checks.membership(before.entries, [entry(name) for name in theirs], "feed").agrees == (set(ours) == set(theirs))
