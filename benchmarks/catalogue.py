"""Write the facts of the project's first lists to ``models/catalogue/``: titles, identifiers, headings, topics and links.

    python benchmarks/catalogue.py

The lists are looked for in the folder that CVDIGEST_SHARED names, else in ``../shared`` beside the project. Left out are papers
that are only mentioned in running text, entries that link nowhere, and news about papers, whose headlines are no titles. The
same lists give the same bytes.
"""

import json
import os
import re
import sys
from pathlib import Path

from digest import resources
from digest.catalogue import lists, records
from digest.catalogue.records import Record
from digest.catalogue.sections import Sections
from digest.files import write_whole

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("CVDIGEST_SHARED") or ROOT.parent / "shared")
LISTS = {"cvpr-2020": "000", "cvpr-2020-snapshot": "001", "iccv-2019-notes": "004"}
"""What each list is called here, and how its file's name begins."""
_NEWS = re.compile(r"(?i)interpretation|to do list|^cvpr ?\d{4} ?\|")


def main() -> int:
    """Write one file for each list and return the exit status."""
    if not (SHARED / "seeds").is_dir():
        print("catalogue: skipped, because the lists are not there (CVDIGEST_SHARED names the folder they are in)")
        return 0
    rules = resources.sections()
    for name, beginning in LISTS.items():
        (path,) = (SHARED / "seeds").glob(f"{beginning}_*.txt")
        found = lists.read(records.decode(path.read_bytes(), source=path.name), source=path.name).records
        rows = [row(record, rules) for record in found if not record.cited and record.links and not is_news(record)]
        body = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in rows).encode()
        write_whole(ROOT / "models" / "catalogue" / f"{name}.jsonl", body)
        print(f"{name}: {len(rows)} papers, {sum(one['topic'] is not None for one in rows)} with a topic")
    return 0


def is_news(record: Record) -> bool:
    """Say whether an entry tells about a paper under a headline of its own."""
    return any(map(_NEWS.search, (*record.section, record.title)))


def row(record: Record, rules: Sections) -> dict[str, object]:
    """Return the facts of a paper."""
    shelf = rules.shelf(record.section)
    links: dict[str, list[str]] = {}
    for link in record.links:
        links.setdefault(link.kind, []).append(link.url)
    return {
        "title": record.title,
        "arxiv_id": record.arxiv_id or None,
        "section": list(record.section),
        "topic": shelf.topic if shelf else None,
        "subtopic": shelf.subtopic if shelf else None,
        "links": links,
    }


if __name__ == "__main__":
    sys.exit(main())
