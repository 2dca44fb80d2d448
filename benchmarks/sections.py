"""How well the rules for headings agree with a reader who looked at every heading of the known lists.

    python benchmarks/sections.py [--write]

The headings are looked for in the folder that CVDIGEST_SHARED names, else in ``../shared`` beside the project. They fall into
two halves by the sha1 of their folded path: the rules were begun on the even half. Where rules and reader disagree on the
topic, `section_differences.md` says why; ``--write`` renews its rows, keeps the reasons and leaves a question mark where one
is missing. Exit status: 0 if the goal is reached and the table is complete and up to date (or the headings are not there,
which is said), else 1.
"""

import argparse
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from digest import resources
from digest.catalogue.sections import Sections

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("CVDIGEST_SHARED") or ROOT.parent / "shared")
TABLE = ROOT / "benchmarks" / "section_differences.md"
GOAL = 0.97
UNSAID = "?"
_ROW = re.compile(r"^\| (.+?) \| \d+ \| \S+ \| \S+ \| (\S+) \|$", re.MULTILINE)
_REASON = re.compile(r"^- `(\S+)`: ", re.MULTILINE)
_COLUMNS = "| Heading | Papers | The reader's | The rules' | Why |\n|---|---:|---|---|---|\n"


@dataclass(frozen=True, slots=True)
class Judged:
    """A section: what the reader says, and what the rules do."""

    path: str
    papers: int
    topic: str | None
    subtopic: str | None
    ruled_topic: str | None
    ruled_subtopic: str | None

    @property
    def even(self) -> bool:
        """Say in which half the section is."""
        return int(hashlib.sha1(self.path.encode(), usedforsecurity=False).hexdigest(), 16) % 2 == 0

    @property
    def agreed(self) -> bool:
        """Say whether both give the same topic."""
        return self.topic == self.ruled_topic

    def row(self, reason: str) -> str:
        """Return the section as a row of the table."""
        theirs, ours = (
            f"{topic or 'none'}/{sub or '-'}" for topic, sub in ((self.topic, self.subtopic), (self.ruled_topic, self.ruled_subtopic))
        )
        return f"| {_cell(self.path)} | {self.papers} | {theirs} | {ours} | {reason} |\n"


def main() -> int:
    """Print the figures and return the exit status."""
    parser = argparse.ArgumentParser(description="Measure the rules for headings.")
    parser.add_argument("--write", action="store_true", help="renew the rows of section_differences.md")
    write = parser.parse_args().write
    path = SHARED / "lists" / "section_map.jsonl"
    if not path.is_file():
        print("sections: skipped, because the headings are not there (CVDIGEST_SHARED names the folder they are in)")
        return 0
    rules = resources.sections()
    judged = list(judge(rules, path))
    print(f"{len(rules.rules)} rules with {sum(len(rule.words) for rule in rules.rules)} words; {len(judged)} distinct sections")
    for name, part in (
        ("all", judged),
        ("even half", [one for one in judged if one.even]),
        ("odd half", [one for one in judged if not one.even]),
    ):
        print(f"{name}: " + figures(part))
    agreement = share(judged)
    print(f"goal: {GOAL:.0%} of the papers under the reader's topic: {'reached' if agreement >= GOAL else 'MISSED'}")
    wrong = differences(judged, write=write)
    for line in wrong:
        print(line)
    return int(agreement < GOAL or bool(wrong))


def judge(rules: Sections, path: Path) -> Iterator[Judged]:
    """Yield every distinct section of the map, without case, with the rules' answer."""
    papers: dict[str, int] = {}
    first: dict[str, dict[str, str | None]] = {}
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        folded = row["section"].lower()
        papers[folded] = papers.get(folded, 0) + row["papers"]
        first.setdefault(folded, row)
    for folded, row in first.items():
        shelf = rules.shelf(folded.split(" > "))
        ruled = (shelf.topic, shelf.subtopic) if shelf else (None, None)
        yield Judged(folded, papers[folded], row["topic"], row["subtopic"], *ruled)


def share(part: Iterable[Judged]) -> float:
    """Return how many of the papers to which the reader gave a topic stand under the same topic by the rules."""
    of_topic = [one for one in part if one.topic is not None]
    return sum(one.papers for one in of_topic if one.agreed) / sum(one.papers for one in of_topic)


def figures(part: list[Judged]) -> str:
    """Return the figures of all sections or of half of them as one line."""
    of_subtopic = [one for one in part if one.subtopic is not None]
    same = sum(one.papers for one in of_subtopic if one.agreed and one.subtopic == one.ruled_subtopic)
    silent = [one for one in part if one.topic is None]
    return (
        f"topic {share(part):.2%} of {sum(one.papers for one in part if one.topic is not None)} papers, "
        f"subtopic {same / sum(one.papers for one in of_subtopic):.2%} of {sum(one.papers for one in of_subtopic)}; "
        f"none where the reader gives none {sum(one.papers for one in silent if one.agreed) / sum(one.papers for one in silent):.2%} "
        f"of {sum(one.papers for one in silent)}"
    )


def differences(judged: list[Judged], *, write: bool) -> list[str]:
    """Return what is wrong with the table of differences, which *write* renews first."""
    text = TABLE.read_text("utf-8")
    head, _, _ = text.partition(_COLUMNS)
    reasons = dict(_ROW.findall(text.partition(_COLUMNS)[2]))
    apart = sorted((one for one in judged if one.topic is not None and not one.agreed), key=lambda one: (-one.papers, one.path))
    new = head + _COLUMNS + "".join(one.row(reasons.get(_cell(one.path), UNSAID)) for one in apart)
    if write:
        TABLE.write_text(new, "utf-8")
        text = new
    known = set(_REASON.findall(head))
    wrong = [f"{TABLE.name}: {one.path} has no reason" for one in apart if reasons.get(_cell(one.path)) not in known]
    if text != new:
        wrong.append(f"{TABLE.name} is not up to date: python benchmarks/sections.py --write")
    return wrong


def _cell(path: str) -> str:
    """Return a path of headings as the text of a cell."""
    return " ".join(path.replace("\\", "\\\\").replace("|", "\\|").split())


if __name__ == "__main__":
    sys.exit(main())
