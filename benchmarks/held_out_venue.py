"""How good a model made like the bundled one is on a venue that it was not taught: CVPR 2025.

    python benchmarks/held_out_venue.py [--write]

The labelled corpus is looked for in the folder that CVDIGEST_SHARED names, else in ``../shared`` beside the project. A paper
belongs to the venue if ``venues`` holds ``CVPR2025``; measured are those with a topic, 1,677 papers, also those of the fifth.
The model is taught by `digest.training.teach` from the corpus without these papers, by the corpus's own labels, which are
votes of the same curators as the lists', and from the daily papers; that function leaves the fifth out besides. With
``--write`` the figures are kept beside the bundled model, where `cvdigest evaluate` finds them. Exit status: 0 if every goal
is reached (or the corpus is not there, which is said), else 1.
"""

import gzip
import json
import os
import sys
import tempfile
from pathlib import Path

from digest import measuring, resources, training
from digest.classify import card as cards
from digest.classify import model
from digest.classify.card import MEASURES, Card
from digest.classify.train import Recipe
from digest.files import write_whole

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("CVDIGEST_SHARED") or ROOT.parent / "shared")
VENUE = "CVPR2025"
PAPERS = 1677
"""How many papers the goals were set for."""


def main() -> int:
    """Teach, print the figures and return the exit status."""
    path = SHARED / "corpus" / "labelled.jsonl.gz"
    texts = SHARED / "corpus" / "unlabelled.jsonl.gz"
    if not path.is_file() or not texts.is_file():
        print("held-out venue: skipped, because the labelled corpus is not there (CVDIGEST_SHARED names the folder it is in)")
        return 0
    taxonomy = resources.taxonomy()
    rows = list(training.rows(path))
    held = [row for row in rows if VENUE in row["venues"] and row["topic"] in taxonomy.names()]
    titles = {training.checksum(row["title"]) for row in held}
    kept = [row for row in rows if VENUE not in row["venues"] and training.checksum(row["title"]) not in titles]
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus.jsonl.gz"
        with gzip.open(corpus, "wt", encoding="utf-8", compresslevel=1) as file:
            file.writelines(json.dumps(row) + "\n" for row in kept)
        reserved = frozenset(label.arxiv_id for label in resources.daily_reference())
        lesson = training.Lesson(
            taxonomy.shelves(),
            [corpus, texts],
            daily=resources.daily_training(reserved),
            reserved=reserved,
            recipe=Recipe(folds=0),  # probabilities are not measured here
        )
        about = training.teach(lesson, Path(folder) / "model", name=f"without-{VENUE}")
        judged = measuring.judge(model.load(Path(folder) / "model"), held)
    bundled = resources.folder("models") / "default"
    card = Card(model.load(bundled).info, figures=cards.venue_figures(judged))
    print(f"Taught {about['papers']:,} papers, none of {VENUE} and none of the fifth; measured on {len(held):,} of {VENUE}\n")
    for key, figure in card.figures.items():
        reached = "ok" if card.reached(key) else "MISSED"
        print(f"{MEASURES[key].label:<20} {figure.value:.4f}  goal {MEASURES[key].goal}  {reached}")
    if len(held) != PAPERS:
        print(f"FAULT: these are not the papers that the goal was set for: {len(held):,} instead of {PAPERS:,}")
    if "--write" in sys.argv[1:]:
        content = {"venue": VENUE, "taught": about["papers"], "model_sha256": card.model.sha256}
        figures = json.loads(cards.as_json(card))["figures"]
        write_whole(bundled / cards.VENUE, (json.dumps(content | {"figures": figures}, indent=1) + "\n").encode())
    return 1 if card.missed() or len(held) != PAPERS else 0


if __name__ == "__main__":
    sys.exit(main())
