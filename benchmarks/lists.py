"""How much of the known lists is read, and whether their sections are found with the topics that a reader gave them.

    python benchmarks/lists.py

The lists are looked for in the folder that CVDIGEST_SHARED names, else in ``../shared`` beside the project. Which arXiv identifiers
a list names is found by an expression of this script's own. Exit status: 0 if the goals are reached (or the lists are not
there, which is said), else 1.
"""

import json
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from digest import resources
from digest.catalogue import lists, records
from digest.catalogue.records import Record
from digest.catalogue.sections import Sections

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("CVDIGEST_SHARED") or ROOT.parent / "shared")
READ_GOAL = 0.99
TOPIC_GOAL = 0.97
_ID = re.compile(r"(?i)arxiv\.org/(?:abs|pdf|html)/(\d{4}\.\d{4,5})(?!\d)")


def main() -> int:
    """Print the figures and return the exit status."""
    if not (SHARED / "lists").is_dir():
        print("lists: skipped, because the lists are not there (CVDIGEST_SHARED names the folder they are in)")
        return 0
    known = section_map(SHARED / "lists" / "section_map.jsonl")
    named = got = 0
    found: list[Record] = []
    print(f"{'list':<44} {'ids':>5} {'read':>5} {'unread':>6} {'records':>7}")
    paths = [*(SHARED / "seeds").glob("*.txt"), *(SHARED / "lists").glob("*.md"), *(SHARED / "lists").glob("*.csv")]
    for path in sorted(paths):
        text = records.decode(path.read_bytes(), source=path.name)
        reading = lists.read(text, source=path.name)
        ids = set(_ID.findall(text))
        read = len(ids & {record.arxiv_id for record in reading.records})
        print(f"{path.name[:44]:<44} {len(ids):>5} {read:>5} {len(ids) - read:>6} {len(reading.records):>7}")
        named += len(ids)
        got += read
        if path.parent.name == "lists":
            found += reading.records
    print(f"read: {got / named:.4%} of {named} identifiers; goal {READ_GOAL:.0%}: {verdict(got / named, READ_GOAL)}")
    topics = topic_share(found, known, resources.sections())
    print(f"goal {TOPIC_GOAL:.0%} of them under the reader's topic: {verdict(topics, TOPIC_GOAL)}")
    return int(got / named < READ_GOAL or topics < TOPIC_GOAL)


def section_map(path: Path) -> dict[str, str | None]:
    """Return the reader's topic of each section, without case."""
    rows = map(json.loads, path.read_text("utf-8").splitlines())
    return {folded(row["section"].split(" > ")): row["topic"] for row in reversed(list(rows))}


def folded(path: Iterable[str]) -> str:
    """Return a path of headings as it is compared."""
    return " > ".join(" ".join(heading.split()) for heading in path).casefold()


def topic_share(found: Iterable[Record], known: dict[str, str | None], rules: Sections) -> float:
    """Print how many papers stand in sections that the reader knows; return how many of them the rules put under the same topic."""
    judged = [record for record in found if record.section]
    met = [record for record in judged if folded(record.section) in known]
    print(f"sections: {len(met) / len(judged):.2%} of {len(judged)} records stand under a heading that the reader has looked at")
    of_topic = [(known[folded(record.section)], rules.shelf(record.section)) for record in met if known[folded(record.section)]]
    share = sum(shelf is not None and shelf.topic == topic for topic, shelf in of_topic) / len(of_topic)
    print(f"topic: {share:.2%} of {len(of_topic)} records to whose section the reader gave one")
    return share


def verdict(share: float, goal: float) -> str:
    """Return whether a goal is reached."""
    return "reached" if share >= goal else "MISSED"


if __name__ == "__main__":
    sys.exit(main())
