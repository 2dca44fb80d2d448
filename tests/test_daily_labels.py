"""Daily papers with their shelves: what is read, what is refused, and who is never in them."""

import re

import pytest

from digest import resources
from digest.catalogue import daily
from digest.catalogue.daily import CHOOSE, REPORT, Label
from digest.errors import SettingsError
from tests.reference import shared

SHELVES = (("fruit", "apple"), ("fruit", "pear"), ("tool", "saw"))
HEADER = "arxiv_id\thalf\tshelf\taccepted\n"
TRAINING = "arxiv_id\tshelf\taccepted\n"


def test_the_half_follows_from_the_identifier() -> None:
    """The sha1 of 2611.00001 ends in an odd digit, that of 2611.00002 in an even one."""
    assert [daily.half_of(f"2611.0000{number}") for number in (1, 2, 3, 4)] == [REPORT, CHOOSE, REPORT, CHOOSE]


def test_a_reference_is_read() -> None:
    """Shelves become pairs, and what is accepted may be empty."""
    text = f"{HEADER}2611.00001\treport\tfruit/apple\tfruit/pear tool/saw\n2611.00002\tchoose\ttool/saw\t\n"

    assert daily.reference(text, SHELVES) == (
        Label("2611.00001", ("fruit", "apple"), (("fruit", "pear"), ("tool", "saw"))),
        Label("2611.00002", ("tool", "saw"), ()),
    )
    assert daily.reference(text.replace("\n", "\r\n"), SHELVES) == daily.reference(text, SHELVES)


def test_papers_to_train_with_are_read() -> None:
    """They have no half; identifiers of before 2007 are identifiers too."""
    text = f"{TRAINING}2611.00001\tfruit/apple\ttool/saw\ncs/0112017\ttool/saw\t\n"

    assert [label.arxiv_id for label in daily.training(text, SHELVES)] == ["2611.00001", "cs/0112017"]
    assert daily.training(TRAINING, SHELVES) == ()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("2611.00001\treport\tfruit/plum\t", "'fruit/plum' is no shelf"),
        ("2611.00001\treport\tfruit\t", "'fruit' is no shelf"),
        ("2611.00001\treport\tfruit/apple\ttool/axe", "'tool/axe' is no shelf"),
        ("2611.00001\treport\tfruit/apple\tfruit/apple", "stands twice"),
        ("2611.00001\tchoose\tfruit/apple\t", "in the half 'report', not 'choose'"),
        ("2611.00001v2\treport\tfruit/apple\t", "no arXiv identifier"),
        ("2613.00001\treport\tfruit/apple\t", "no arXiv identifier"),
        ("apple\treport\tfruit/apple\t", "no arXiv identifier"),
        ("2611.00001\treport\tfruit/apple", "3 fields instead of 4"),
        ("", "1 fields instead of 4"),
        ("2611.00002\tchoose\ttool/saw\t", "stands in line 2 already"),
    ],
)
def test_a_malformed_line_is_named(line: str, said: str) -> None:
    """The error names the file, the line and what is wrong with it."""
    text = f"{HEADER}2611.00002\tchoose\ttool/saw\t\n{line}\n"

    with pytest.raises(SettingsError, match=rf"^some\.tsv:3: .*{re.escape(said)}"):
        daily.reference(text, SHELVES, source="some.tsv")


@pytest.mark.parametrize("text", ["", "arxiv_id shelf accepted\n", TRAINING])
def test_a_wrong_header(text: str) -> None:
    """A file of another kind is refused at its first line."""
    with pytest.raises(SettingsError, match=r"^reference\.tsv:1: the header must be"):
        daily.reference(text, SHELVES)


def test_no_paper_measures_and_trains() -> None:
    """A paper of the reference is refused among those that may train."""
    with pytest.raises(SettingsError, match=r"training\.tsv:2: 2611\.00001 is in the reference"):
        daily.training(f"{TRAINING}2611.00001\tfruit/apple\t\n", SHELVES, {"2611.00001"})


def bundled() -> set[str]:
    """Return every identifier in the bundled files, which must be well-formed, or skip where there are none."""
    if not (resources.folder("models") / "daily" / "reference.tsv").is_file():
        pytest.skip("no reference of daily papers in models/daily")
    reference = {label.arxiv_id for label in resources.daily_reference()}
    return reference | {label.arxiv_id for label in resources.daily_training(reference)}


def test_the_bundled_files_can_be_read() -> None:
    """Both halves have papers."""
    assert bundled()
    assert {label.half for label in resources.daily_reference()} == set(daily.HALVES)


def test_the_day_that_the_project_started_from_is_kept_out() -> None:
    """No paper of the page of 2 April 2020 measures or trains: its digest is the acceptance test of the whole."""
    page = next((shared() / "seeds").glob("002*"))
    there = set(re.findall(r"\b\d{4}\.\d{4,5}\b", page.read_text("utf-8")))

    assert len(there) > 50
    assert bundled() & there == set()
