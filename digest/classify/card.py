"""The accuracy card: how good a model was found to be, beside the goals, kept in the model's own folder.

``card.json`` holds the figures and ``CARD.md`` shows them. A card belongs to one model, named by the sha256 of its manifest:
for a model that was taught again it says nothing. What is not known stands there as not measured, and a goal that is missed
as missed.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from digest.classify import evaluation
from digest.classify.evaluation import Confusion, Judged, OfCurator, OfTopic, Share
from digest.core.domain import ModelInfo
from digest.errors import ModelError, PublishError
from digest.files import write_whole

FORMAT = 1
FIGURES, PAGE, VENUE = "card.json", "CARD.md", "held_out_venue.json"
_MAX_BYTES = 2**20
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of the card, and its goal if it has one."""

    key: str
    label: str
    goal: float | None = None
    at_least: bool = True


@dataclass(frozen=True, slots=True)
class Figure:
    """What was found. Only shares have an interval."""

    papers: int
    value: float
    interval: tuple[float, float] | None = None

    @classmethod
    def of(cls, share: Share) -> "Figure":
        """Return a share as a figure."""
        return cls(share.papers, round(share.value, _DIGITS), (round(share.interval[0], _DIGITS), round(share.interval[1], _DIGITS)))


_ABOVE, _ABOVE_ON_TEST = "curators_above", "curators_above_on_test"
_GROUPS = {
    "the fifth of the labelled papers that no training sees": (
        Measure("topic_accuracy", "topic right", 0.88),
        Measure("topic_macro_f1", "topic, macro F1", 0.87),
        Measure("shelf_accuracy", "topic and subtopic right"),
        Measure("subtopic_accuracy", "subtopic right where the topic is"),
        Measure("agreed_accuracy", "topic right where two or more curators agree", 0.94),
        Measure(_ABOVE, "curators with whom it agrees more often than the others do", 1.0),
        Measure(_ABOVE_ON_TEST, "the same, others counted on the same papers"),
        Measure("calibration_error", "expected calibration error", 0.03, at_least=False),
        Measure("surest_accuracy", "topic right on the 80 % that it is surest of"),
        Measure("unsure_share", "marked unsure"),
    ),
    "a venue that it was not taught: CVPR 2025": (
        Measure("venue_topic_accuracy", "topic right", 0.86),
        Measure("venue_topic_macro_f1", "topic, macro F1", 0.85),
    ),
    "daily papers of arXiv, labelled by reading": (
        Measure("daily_topic_accuracy", "topic right", 0.88),
        Measure("daily_accepted_accuracy", "topic right or accepted", 0.98),
        Measure("daily_shelf_accuracy", "topic and subtopic right", 0.78),
        Measure("daily_subtopic_accuracy", "subtopic right where the topic is"),
        Measure("daily_calibration_error", "expected calibration error", 0.03, at_least=False),
        Measure("daily_surest_accuracy", "topic right on the 80 % that it is surest of", 0.94),
        Measure("daily_unsure_share", "marked unsure"),
    ),
}
MEASURES = {measure.key: measure for group in _GROUPS.values() for measure in group}


@dataclass(frozen=True, slots=True)
class Card:
    """All that was found about one model."""

    model: ModelInfo
    sources: Mapping[str, str] = field(default_factory=dict)
    """What it was measured with: sha256 of the files, and the half of the daily papers."""
    figures: Mapping[str, Figure] = field(default_factory=dict)
    """By the keys of `MEASURES`; what is not here was not measured."""
    by_chance: Mapping[str, float] = field(default_factory=dict)
    """How large a calibration error is by chance alone; see `digest.classify.evaluation.calibration_by_chance`."""
    curators: tuple[OfCurator, ...] = ()
    topics: tuple[OfTopic, ...] = ()
    confusions: tuple[Confusion, ...] = ()
    unseen: bool = False
    """Whether the manifest proves that no paper of the figures was in training."""

    def reached(self, key: str) -> bool | None:
        """Say whether a goal is reached; there is no answer without a goal or without a figure."""
        measure, figure = MEASURES[key], self.figures.get(key)
        if measure.goal is None or figure is None:
            return None
        return figure.value >= measure.goal if measure.at_least else figure.value <= measure.goal

    def missed(self) -> list[Measure]:
        """Return the goals that were measured and missed."""
        return [measure for key, measure in MEASURES.items() if self.reached(key) is False]


# -- from judged papers ------------------------------------------------------------------------------------------------


def fifth_figures(judged: Sequence[Judged], curators: Sequence[OfCurator]) -> dict[str, Figure]:
    """Return the figures of labelled papers."""
    compared = [curator for curator in curators if curator.model_on_shared.papers]
    figures = _figures(judged) | {"agreed_accuracy": Figure.of(evaluation.agreed_accuracy(judged))}
    if compared:
        above = [curator.model_on_shared.value > curator.others_on_test.value for curator in compared]
        figures[_ABOVE] = Figure(len(compared), sum(curator.above for curator in compared) / len(compared))
        figures[_ABOVE_ON_TEST] = Figure(len(compared), sum(above) / len(compared))
    return figures


def daily_figures(judged: Sequence[Judged]) -> dict[str, Figure]:
    """Return the figures of daily papers."""
    figures = _figures(judged) | {"accepted_accuracy": Figure.of(evaluation.accepted_accuracy(judged))}
    return {name: figure for key, figure in figures.items() if (name := f"daily_{key}") in MEASURES}


def venue_figures(judged: Sequence[Judged]) -> dict[str, Figure]:
    """Return the figures of the papers of a venue that a model of the same making was not taught."""
    figures = _figures(judged)
    return {name: figure for key, figure in figures.items() if (name := f"venue_{key}") in MEASURES}


def _figures(judged: Sequence[Judged]) -> dict[str, Figure]:
    return {
        "topic_accuracy": Figure.of(evaluation.topic_accuracy(judged)),
        "topic_macro_f1": Figure(len(judged), round(evaluation.macro_f1(judged), _DIGITS)),
        "shelf_accuracy": Figure.of(evaluation.shelf_accuracy(judged)),
        "subtopic_accuracy": Figure.of(evaluation.subtopic_accuracy(judged)),
        "calibration_error": Figure(len(judged), round(evaluation.calibration_error(judged), _DIGITS)),
        "surest_accuracy": Figure.of(evaluation.surest(judged)),
        "unsure_share": Figure.of(evaluation.unsure(judged)),
    }


# -- on disk -----------------------------------------------------------------------------------------------------------


def as_json(card: Card) -> str:
    """Return the card for programs."""
    figures = {
        key: {
            "papers": figure.papers,
            "value": figure.value,
            "interval": list(figure.interval) if figure.interval else None,
            "goal": MEASURES[key].goal,
            "reached": card.reached(key),
        }
        for key, figure in card.figures.items()
    }
    content = {
        "format": FORMAT,
        "model": {"name": card.model.name, "sha256": card.model.sha256},
        "unseen": card.unseen,
        "sources": dict(card.sources),
        "figures": figures,
        "by_chance": dict(card.by_chance),
        "curators": [asdict(curator) for curator in card.curators],
        "topics": [asdict(topic) for topic in card.topics],
        "confusions": [asdict(confusion) for confusion in card.confusions],
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def parse(text: str) -> Card:
    """Read what `as_json` wrote.

    Raises:
        ValueError, KeyError, TypeError: it is no card.

    """
    content = json.loads(text)
    if content["format"] != FORMAT:
        msg = f"its format is {content['format']!r}, not {FORMAT}"
        raise ValueError(msg)
    return Card(
        ModelInfo(str(content["model"]["name"]), str(content["model"]["sha256"])),
        {str(key): str(value) for key, value in content["sources"].items()},
        figures(content["figures"]),
        {str(key): float(value) for key, value in content["by_chance"].items()},
        tuple(_curator(item) for item in content["curators"]),
        tuple(OfTopic(**item) for item in content["topics"]),
        tuple(Confusion(**item) for item in content["confusions"]),
        content["unseen"] is True,
    )


def figures(content: Mapping[str, Any]) -> dict[str, Figure]:
    """Read figures by their keys; those that this version does not know are left out."""
    found = {}
    for key, item in content.items():
        if key in MEASURES:
            bounds = item["interval"]
            found[key] = Figure(int(item["papers"]), float(item["value"]), (float(bounds[0]), float(bounds[1])) if bounds else None)
    return found


def _curator(item: Mapping[str, Any]) -> OfCurator:
    shares = {key: Share(**item[key]) for key in ("others", "others_on_test", "model_on_shared", "model")}
    return OfCurator(str(item["name"]), **shares)


def read(folder: Path, model: ModelInfo) -> Card:
    """Return the card in the *folder* of the *model*.

    Raises:
        ModelError: there is none, it cannot be read, or it is another model's.

    """
    advice = "measure it with: cvdigest evaluate --corpus FILE --daily FILE --write"
    try:
        with (folder / FIGURES).open("rb") as file:
            found = parse(file.read(_MAX_BYTES).decode())
    except FileNotFoundError as exc:
        msg = f"the model {model.name} in {folder} has no accuracy card"
        raise ModelError(msg, advice=advice) from exc
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as exc:
        msg = f"the accuracy card {folder / FIGURES} cannot be read: {exc or type(exc).__name__}"
        raise ModelError(msg, advice=advice) from exc
    if found.model != model:
        theirs, ours = (f"{info.name} ({info.sha256[:12]})" for info in (found.model, model))
        msg = f"the accuracy card in {folder} was measured for the model {theirs}, not for {ours}"
        raise ModelError(msg, advice=advice)
    return found


def write(folder: Path, card: Card, page: str) -> None:
    """Write the card into the model's *folder*, for programs and as a *page*.

    Raises:
        PublishError: it cannot be written.

    """
    try:
        write_whole(folder / PAGE, page.encode())
        write_whole(folder / FIGURES, as_json(card).encode())
    except OSError as exc:
        msg = f"the accuracy card cannot be written to {folder}: {exc.strerror or exc}"
        raise PublishError(msg) from exc


# -- as Markdown -------------------------------------------------------------------------------------------------------


def table(card: Card) -> str:
    """Return the figures beside the goals, as a table in Markdown."""
    lines = ["| | Papers | Figure | 95 % interval | Goal | |", "|---|--:|--:|:-:|--:|---|"]
    for name, measures in _GROUPS.items():
        lines.append(f"| **On {name}** | | | | | |")
        lines.extend(_row(card, measure) for measure in measures)
    return "\n".join(lines) + "\n"


def _row(card: Card, measure: Measure) -> str:
    figure = card.figures.get(measure.key)
    of_curators = measure.key in (_ABOVE, _ABOVE_ON_TEST)
    goal = "" if measure.goal is None else "all" if of_curators else f"{'≥' if measure.at_least else '≤'} {measure.goal:.2f}"
    if figure is None:
        return f"| {measure.label} | | | | {goal} | not measured |"
    verdict = {None: "", True: "reached", False: "**missed**"}[card.reached(measure.key)]
    if of_curators:
        return f"| {measure.label} | | {round(figure.value * figure.papers)} of {figure.papers} | | {goal} | {verdict} |"
    interval = f"{figure.interval[0]:.3f} to {figure.interval[1]:.3f}" if figure.interval else ""
    return f"| {measure.label} | {figure.papers:,} | {figure.value:.4f} | {interval} | {goal} | {verdict} |"


def markdown(card: Card, names: Mapping[str, str]) -> str:
    """Return the whole card as a page; *names* are those of the topics by their slugs."""
    parts = [f"# How accurate the model {card.model.name} is\n", f"The sha256 of its manifest is `{card.model.sha256}`.\n"]
    if card.figures:
        parts.append(
            "Its manifest proves that no paper of these figures was in training.\n"
            if card.unseen
            else "**It is not proved that no paper of these figures was in training.**\n"
        )
    parts.append(table(card))
    if half := card.sources.get("half"):
        parts.append(f"The daily papers are those of the half `{half}`.\n")
    parts.extend(
        f"{'On the daily papers' if key.startswith('daily') else 'On the labelled papers'}, a calibration error of about {value:.3f} is"
        " to be expected by chance, even if every probability were true.\n"
        for key, value in card.by_chance.items()
    )
    if card.curators:
        parts.append(_curators(card.curators))
    if card.topics:
        rows = "\n".join(
            f"| {names.get(topic.topic, topic.topic)} | {topic.papers:,} | {topic.precision:.3f} | {topic.recall:.3f} | {topic.f1:.3f} |"
            for topic in card.topics
        )
        parts.append(f"## Topic by topic\n\n| | Papers | Precision | Recall | F1 |\n|---|--:|--:|--:|--:|\n{rows}\n")
    if card.confusions:
        rows = "\n".join(
            f"| {names.get(pair.topic, pair.topic)} | {names.get(pair.named, pair.named)} | {pair.papers} |" for pair in card.confusions
        )
        parts.append(f"## What it mistakes most often\n\n| Belongs to | Is put under | Papers |\n|---|---|--:|\n{rows}\n")
    return "\n".join(parts)


def _curators(curators: Sequence[OfCurator]) -> str:
    rows = "\n".join(
        f"| {curator.name} | {_share(curator.others)} | {_share(curator.model_on_shared)} | {_share(curator.others_on_test)}"
        f" | {_share(curator.model)} |"
        for curator in curators
    )
    return (
        "## Beside the curators\n\n"
        f"How often others file a paper as this curator does, for each with {evaluation.MIN_SHARED} papers or more that another one"
        " files too; in brackets the number of papers. `official` is a venue's own session names, which are coarse.\n\n"
        "| Curator | Other curators, on all shared papers | The model, on shared papers it has not seen | Other curators, on those"
        " | The model, on all it has not seen |\n|---|--:|--:|--:|--:|\n"
        f"{rows}\n\n"
        "The goal compares the first two columns. The third is the stricter comparison: papers on which curators tie have no"
        " topic, so they are among all papers, but not among those that measure the model.\n"
    )


def _share(share: Share) -> str:
    return f"{share.value:.3f} ({share.papers:,})" if share.papers else "none"
