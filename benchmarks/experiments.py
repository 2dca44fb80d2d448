"""What each choice about the model gives, side by side: the script behind models/EXPERIMENTS.md.

    python benchmarks/experiments.py [NAME ...]

Every experiment teaches a model from the labelled corpus and the daily papers, without calibration, and measures it on papers
that are left out of all of them: the half of the daily reference that is for choosing, and a fifth of the corpus that is not
the fifth of the reports (titles whose sha1 leaves 1 when divided by five). Nothing is chosen on what is reported. All of them
take about half an hour on two cores; names choose some. The reference material is looked for in the folder that
CVDIGEST_SHARED names, else in ``../shared`` beside the project; where it is absent that is said, and the status is 0.
"""

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from digest import measuring, resources, training
from digest.catalogue.daily import CHOOSE, Label
from digest.classify import evaluation, model, train
from digest.classify.train import Labelled, Recipe

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("CVDIGEST_SHARED") or ROOT.parent / "shared")
QUICK = Recipe(folds=0)
"""Without calibration, which does not change what is best."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """What is learnt from, and how."""

    curated: bool = True
    daily: int | None = None
    """How many daily papers, evenly out of all years; None for all."""
    weight: float = training.DAILY_WEIGHT
    accepted: bool = True
    """Whether a paper is spared as a counter-example for shelves that some reader accepts."""
    recipe: Recipe = QUICK

    def papers(self, curated: Sequence[Labelled], daily: Sequence[Labelled]) -> list[Labelled]:
        """Return what is learnt from."""
        count = len(daily) if self.daily is None else self.daily
        some = [replace(daily[number * len(daily) // count], weight=self.weight) for number in range(count)]
        papers = [*curated, *some] if self.curated else some
        return papers if self.accepted else [replace(paper, accepted=frozenset()) for paper in papers]


EXPERIMENTS = {
    **{f"daily-{count}": Experiment(daily=count) for count in (0, 1000, 2000, 4000, 8000, 16000)},
    "all": Experiment(),
    "daily-alone": Experiment(curated=False),
    **{f"weight-{weight:g}": Experiment(weight=weight) for weight in (0.5, 1.0, 4.0)},
    "all-n-grams": Experiment(recipe=replace(QUICK, most_grams=10**7)),
    "20000-n-grams": Experiment(recipe=replace(QUICK, most_grams=20_000)),
    "cost-0.1": Experiment(recipe=replace(QUICK, cost=0.1)),
    "cost-0.4": Experiment(recipe=replace(QUICK, cost=0.4)),
    "balance-0.4": Experiment(recipe=replace(QUICK, balance=0.4)),
    "balance-1": Experiment(recipe=replace(QUICK, balance=1.0)),
    "no-subtopic-share": Experiment(recipe=replace(QUICK, subtopic_share=0.0)),
    "subtopic-share-0.6": Experiment(recipe=replace(QUICK, subtopic_share=0.6)),
    "no-accepted": Experiment(accepted=False),
}


def main() -> int:
    """Print a line per experiment and return the exit status."""
    corpus, texts = SHARED / "corpus" / "labelled.jsonl.gz", SHARED / "corpus" / "unlabelled.jsonl.gz"
    if not corpus.is_file() or not texts.is_file():
        print("experiments: skipped, because the corpus is not there (CVDIGEST_SHARED names the folder it is in)")
        return 0
    if unknown := set(sys.argv[1:]) - set(EXPERIMENTS):
        print(f"no such experiment: {', '.join(sorted(unknown))}; there are {', '.join(EXPERIMENTS)}")
        return 2
    rows = [row for row in training.rows(corpus) if row["topic"]]
    held = [row for row in rows if set(row["votes"]) - {"official"} and int(training.checksum(row["title"]), 16) % 5 == 1]
    away = {row["title"] for row in held}
    curated = [of_corpus(row) for row in rows if not training.is_test(row) and row["title"] not in away]
    labels = resources.daily_reference()
    reserved = frozenset(label.arxiv_id for label in labels)
    further = resources.daily_training(reserved)
    known = measuring.texts(texts, {label.arxiv_id for label in (*labels, *further)})
    daily = [of_label(label, known[label.arxiv_id]) for label in further if label.arxiv_id in known]
    chosen = measuring.dailies(texts, [label for label in labels if label.half == CHOOSE], known)
    print(f"{len(curated):,} curated and {len(daily):,} daily papers to learn from; measured on {len(held):,} and {len(chosen.papers)}\n")
    print(f"{'experiment':<20} {'papers':>7} {'seconds':>7}  {'curated':>7} {'agreed':>7}  {'primary':>7} {'accepted':>8} {'subtopic':>8}")
    for name in sys.argv[1:] or EXPERIMENTS:
        report(name, EXPERIMENTS[name].papers(curated, daily), EXPERIMENTS[name].recipe, held, chosen)
    return 0


def report(name: str, papers: list[Labelled], recipe: Recipe, held: Sequence[dict[str, Any]], chosen: measuring.Dailies) -> None:
    """Teach, measure, and print one line."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        train.teach(papers, resources.taxonomy().shelves(), recipe=recipe).save(Path(folder) / name, name=name, about={})
        taught = model.load(Path(folder) / name)
    seconds = time.perf_counter() - start
    judged = measuring.judge(taught, held)
    daily = measuring.judge_dailies(taught, chosen)
    figures = (
        evaluation.topic_accuracy(judged).value,
        evaluation.agreed_accuracy(judged).value,
        evaluation.topic_accuracy(daily).value,
        evaluation.accepted_accuracy(daily).value,
        evaluation.shelf_accuracy(daily).value,
    )
    print("{:<20} {:>7,} {:>7.0f}  {:>7.4f} {:>7.4f}  {:>7.4f} {:>8.4f} {:>8.4f}".format(name, len(papers), seconds, *figures), flush=True)


def of_corpus(row: dict[str, Any]) -> Labelled:
    """Return what the corpus says of a paper."""
    others = frozenset((topic, None) for votes in row["votes"].values() for topic in votes if topic != row["topic"])
    return Labelled(row["title"], row["abstract"], row["topic"], row["subtopic"], others)


def of_label(label: Label, text: tuple[str, str]) -> Labelled:
    """Return what readers say of a daily paper."""
    return Labelled(*text, *label.shelf, frozenset(label.accepted), training.DAILY_WEIGHT, daily=True)


if __name__ == "__main__":
    sys.exit(main())
