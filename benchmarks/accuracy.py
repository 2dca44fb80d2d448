"""How often the bundled model is right on papers that it has never seen.

    python benchmarks/accuracy.py

The labelled corpus and the daily papers are looked for in the folder that CVDIGEST_SHARED names, else in ``../shared``
beside the project. The labelled papers are the fifth that `digest.training.is_test` leaves out of every training, the daily
ones the half of the reference by which no choice was made. Exit status: 0 if every goal is reached (or the corpus is not
there, which is said), 1 if one is not, or if the model may have been taught a paper that measures it.
"""

import os
import sys
from pathlib import Path

from digest import app, resources
from digest.classify.card import MEASURES

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("CVDIGEST_SHARED") or ROOT.parent / "shared")
PAPERS = {"topic_accuracy": 3854, "agreed_accuracy": 841}
"""How many papers the goals were set for."""


def main() -> int:
    """Print the figures and return the exit status."""
    corpus, daily = SHARED / "corpus" / "labelled.jsonl.gz", SHARED / "corpus" / "unlabelled.jsonl.gz"
    if not corpus.is_file():
        print("accuracy: skipped, because the labelled corpus is not there (CVDIGEST_SHARED names the folder it is in)")
        return 0
    reference = resources.folder("models") / "daily" / "reference.tsv"
    if not (daily.is_file() and reference.is_file()):
        print("daily papers: skipped, because they or their reference (models/daily/reference.tsv) are not there")
    found = daily if daily.is_file() and reference.is_file() else None
    faults: list[str] = []
    card, page = app.evaluate(None, app.Measurement(corpus, found, None, "report"), faults.append, write=False)
    print(page)
    for key, count in PAPERS.items():
        if card.figures[key].papers != count:
            faults.append(f"these are not the papers that the goal was set for: {card.figures[key].papers:,} instead of {count:,}")
    for fault in faults:
        print(f"FAULT: {fault}")
    if card.unseen:
        print("No paper of these figures was in training: the manifest's checksums are those of other papers.")
    missed = card.missed()
    for measure in missed:
        figure = card.figures[measure.key].value
        daily_or_not = "daily papers, " if measure.key.startswith("daily") else ""
        print(f"MISSED: {daily_or_not}{measure.label}: {figure:.4f}, {figure / (measure.goal or 1):.3f} of the goal {measure.goal}")
    goals = sum(card.reached(key) is not None for key in MEASURES)
    print(f"{goals - len(missed)} of {goals} goals that were measured are reached.")
    return 1 if missed or faults else 0


if __name__ == "__main__":
    sys.exit(main())
