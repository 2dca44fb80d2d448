"""The model in use: two linear classifiers over TF-IDF, as plain arrays.

A model is a folder of data; nothing in it can run:

``manifest.json``
    What it is and what it was trained on; the sha256, size, shape and dtype of each other file; the calibration.
``vocabulary.txt``
    One n-gram a line, in the order of the columns, with the prefix of its field (`digest.classify.features.FIELDS`).
``idf.npy``
    float32, shape (n-grams,).
``weights.npy``
    int8, shape (n-grams, topics + subtopics): each column is to be multiplied by its scale.
``scales.npy`` and ``intercepts.npy``
    float32, shape (topics + subtopics,).

The files are checked against the manifest before NumPy sees them. Loading needs no scikit-learn, which would take longer
than the whole digest; that the scores are those of scikit-learn's own estimators is tested.

The score of a topic is its classifier's margin plus a share of its best subtopic's; a softmax whose two temperatures were
fitted on papers the classifiers had not seen makes probabilities of it (temperature scaling, Guo et al. 2017,
arXiv:1706.04599).
"""

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digest.catalogue.taxonomy import Taxonomy, build
from digest.classify.features import FIELDS, Field, texts
from digest.core.domain import Classification, ModelInfo, Shelf
from digest.errors import ModelError, SettingsError

FORMAT = 2
_MANIFEST = "manifest.json"
_ARRAYS = {"idf": "float32", "weights": "int8", "scales": "float32", "intercepts": "float32"}
_MAX_BYTES = 32 * 2**20
_MAX_MANIFEST = 2**24
_HEADER = 4096
_BATCH = 256
_SECOND_SHELF = 0.2
"""A topic other than the best one is named when it is at least this likely."""

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Calibration:
    """How margins become probabilities; fitted by cross-validation (see `digest.classify.train`)."""

    subtopic_share: float
    """How much of its best subtopic's margin is added to a topic's."""
    topic_scale: float
    subtopic_scale: float
    unsure_below: float
    """A best topic less likely than this is marked unsure."""
    reliability: tuple[tuple[float, float], ...] = ((0.0, 0.0), (1.0, 1.0))
    """How likely the best topic truly is, as a rising curve of points (by the softmax, by the papers held out)."""


@dataclass(frozen=True, slots=True)
class Model:
    """A trained model. Columns of the arrays are the topics, then the subtopics, both in the catalogue's order."""

    info: ModelInfo
    topics: tuple[str, ...]
    subtopics: tuple[tuple[str, str], ...]
    """Topic and subtopic of each column after the topics'."""
    fields: tuple[Field, ...]
    """In the order of `digest.classify.features.FIELDS`."""
    idf: Floats
    weights: Floats
    """Shape (n-grams, topics + subtopics)."""
    intercepts: Floats
    calibration: Calibration
    taxonomy: Taxonomy | None = None
    """The model's own topics, if they are not the catalogue's."""

    def classify(self, papers: Iterable[tuple[str, str]]) -> list[Classification]:
        """Return what the model thinks of each (title, abstract), in order."""
        margins = self.margins(list(papers))
        of_topic, within = self.probabilities(margins)
        likeliest = [within[:, own].argmax(axis=1).tolist() if own else [] for own in self.children()]
        slugs = [[self.subtopics[column][1] for column in own] for own in self.children()]
        order = np.argsort(-of_topic, axis=1, kind="stable").tolist()
        return [
            self._judge(row, ranked, number, likeliest, slugs)
            for number, (row, ranked) in enumerate(zip(of_topic.tolist(), order, strict=True))
        ]

    def margins(self, papers: Sequence[tuple[str, str]]) -> Floats:
        """Return the margins of the linear classifiers, shape (papers, topics + subtopics)."""
        result = np.empty((len(papers), len(self.intercepts)), dtype=np.float32)
        for row, (_, margins) in enumerate(self.seen(papers)):
            result[row] = margins
        return result

    def seen(self, papers: Sequence[tuple[str, str]]) -> Iterator[tuple[list[tuple[NDArray[np.int64], Floats]], Floats]]:
        """Yield what the model sees of each paper, field by field (columns and their TF-IDF weights), and its margins."""
        for start in range(0, len(papers), _BATCH):
            batch = papers[start : start + _BATCH]
            fields = self.features(batch)
            for row in range(len(batch)):
                # One row after another: the result is the same to the bit however papers are batched.
                own = [(columns[places[row]], weights[places[row]]) for columns, weights, places in fields]
                columns, weights = zip(*own, strict=True)
                yield own, np.concatenate(weights) @ self.weights[np.concatenate(columns)] + self.intercepts

    def features(self, papers: Sequence[tuple[str, str]]) -> list[tuple[NDArray[np.int64], Floats, list[slice]]]:
        """Return of each field the columns that the (title, abstract) pairs have, their TF-IDF weights, and where each paper's stand."""
        by_field = zip(*(texts(*paper) for paper in papers), strict=True)
        return [
            self._weighed(*field.columns(own), len(papers), length)
            for field, own, (_, length) in zip(self.fields, by_field, FIELDS, strict=True)
        ]

    def _weighed(
        self, rows: NDArray[np.int64], grams: NDArray[np.int64], count: int, length: float
    ) -> tuple[NDArray[np.int64], Floats, list[slice]]:
        """Return the columns of one field, each once per paper, their TF-IDF weights, and where each paper's stand.

        Weights are sublinear in the count and smoothed, and those of one paper have the *length*.
        """
        width = len(self.idf)
        keys, counts = np.unique(rows * width + grams, return_counts=True)
        owners, columns = np.divmod(keys, width)
        weights = (1 + np.log(counts)).astype(np.float32) * self.idf[columns]
        bounds = np.searchsorted(owners, np.arange(count + 1)).tolist()
        places = [slice(*pair) for pair in pairwise(bounds)]
        for place in places:
            own = weights[place]
            weights[place] = own * np.float32(length / np.sqrt(own @ own)) if len(own) else own
        return columns, weights, places

    def probabilities(self, margins: Floats) -> tuple[Floats, Floats]:
        """Return the probability of each topic, and of each subtopic within its topic, for rows of *margins*."""
        count = len(self.topics)
        topics, subtopics = margins[:, :count], margins[:, count:]
        best = np.stack([subtopics[:, own].max(axis=1, initial=-1.0) for own in self.children()], axis=1)
        scores = topics + self.calibration.subtopic_share * best
        of_topic = reliable(softmax(scores * self.calibration.topic_scale), self.calibration.reliability)
        within = np.zeros_like(subtopics)
        for own in self.children():
            if own:
                within[:, own] = softmax(subtopics[:, own] * self.calibration.subtopic_scale)
        return of_topic, within

    def children(self) -> list[list[int]]:
        """Return the subtopics of each topic, as columns of an array of subtopics."""
        return [[column for column, (parent, _) in enumerate(self.subtopics) if parent == topic] for topic in self.topics]

    def _judge(
        self, probabilities: list[float], ranked: list[int], number: int, likeliest: list[list[int]], slugs: list[list[str]]
    ) -> Classification:
        """Return the shelves of paper *number*: the best topic, and every other one that is likely enough."""
        shelves: list[Shelf] = []
        for topic in ranked:
            probability = probabilities[topic]
            if shelves and probability < _SECOND_SHELF:
                break
            subtopic = slugs[topic][likeliest[topic][number]] if slugs[topic] else ""
            shelves.append(Shelf(self.topics[topic], subtopic, round(probability, 4)))
        return Classification(tuple(shelves), unsure=shelves[0].probability < self.calibration.unsure_below)


def softmax(scores: Floats) -> Floats:
    """Return the softmax of each row."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    result: Floats = powers / powers.sum(axis=1, keepdims=True)
    return result


def reliable(likely: Floats, curve: Sequence[tuple[float, float]]) -> Floats:
    """Return the rows of *likely*, each of which adds up to 1, with the best one's probability read off the *curve*.

    The others keep their proportions. Where the curve would take the best one below the second, the row is left alone.
    """
    best = likely.max(axis=1)
    # Below its first point the curve comes from nothing: nobody has seen papers that say so little.
    truly = np.interp(best, [0.0, *(stated for stated, _ in curve)], [0.0, *(share for _, share in curve)]).astype(np.float32)
    rest = np.maximum(1 - best, np.float32(1e-9))
    others = likely * ((1 - truly) / rest)[:, None]
    index = np.arange(len(likely)), likely.argmax(axis=1)
    others[index] = truly
    result: Floats = np.where((others.max(axis=1) > truly)[:, None], likely, others)
    return result


def save(  # noqa: PLR0913 - a model has this many parts
    folder: Path,
    *,
    name: str,
    vocabulary: Sequence[str],
    arrays: dict[str, NDArray[Any]],
    topics: Sequence[str],
    subtopics: Sequence[tuple[str, str]],
    stop_words: frozenset[str],
    calibration: Calibration,
    about: dict[str, Any],
    taxonomy: Sequence[dict[str, Any]] | None = None,
    listed: Mapping[str, dict[str, Any]] | None = None,
) -> None:
    """Write a model into *folder*: its files, and a manifest that fixes each byte of them.

    *about* says what it was trained on and with; it is kept in the manifest as it is. *taxonomy* is that of a model whose
    topics are not the catalogue's, in the shape that `digest.catalogue.taxonomy.build` takes. *listed* holds size and sha256
    of files that lie beside it and that loading does not read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    contents = {"vocabulary.txt": "\n".join(vocabulary).encode() + b"\n"}
    described: dict[str, dict[str, Any]] = {"vocabulary.txt": {}}
    for key, dtype in _ARRAYS.items():
        array = np.ascontiguousarray(arrays[key], dtype=dtype)
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        contents[f"{key}.npy"] = buffer.getvalue()
        described[f"{key}.npy"] = {"shape": list(array.shape), "dtype": dtype}
    for file, content in contents.items():
        described[file] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), **described[file]}
        (folder / file).write_bytes(content)
    described |= listed or {}
    manifest = {
        "format": FORMAT,
        "name": name,
        "fields": [list(field) for field in FIELDS],
        "files": described,
        "topics": list(topics),
        "subtopics": [list(pair) for pair in subtopics],
        "stop_words": sorted(stop_words),
        "calibration": {key: getattr(calibration, key) for key in Calibration.__slots__},
        "about": about,
        **({"taxonomy": list(taxonomy)} if taxonomy else {}),
    }
    # The manifest last: a folder without one is no model.
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", "utf-8")


def load(folder: Path) -> Model:
    """Read the model in *folder*.

    Raises:
        ModelError: there is none, or it is damaged, foreign, too large or not a model at all. Nothing in it is run.

    """
    try:
        return _load(folder)
    except (OSError, KeyError, TypeError, AttributeError, ValueError, OverflowError, MemoryError, RecursionError, SettingsError) as exc:
        msg = f"the model in {folder} cannot be used: {str(exc) or type(exc).__name__}"
        raise ModelError(msg) from exc


def _load(folder: Path) -> Model:
    raw = _read(folder / _MANIFEST, _MAX_MANIFEST)
    manifest = json.loads(raw)
    if manifest["format"] != FORMAT:
        msg = f"its format is {manifest['format']!r}, not {FORMAT}"
        raise ValueError(msg)
    files = {name: _checked(folder / name, manifest["files"][name]) for name in ("vocabulary.txt", *(f"{key}.npy" for key in _ARRAYS))}
    arrays = {key: _array(files[f"{key}.npy"], manifest["files"][f"{key}.npy"]["shape"], dtype) for key, dtype in _ARRAYS.items()}
    grams = files["vocabulary.txt"].decode().splitlines()
    if manifest["fields"] != [list(field) for field in FIELDS]:
        msg = "it reads other fields of a paper than this program"
        raise ValueError(msg)
    topics = tuple(map(str, manifest["topics"]))
    subtopics = tuple((str(topic), str(sub)) for topic, sub in manifest["subtopics"])
    outputs = len(topics) + len(subtopics)
    wanted = {"idf": (len(grams),), "weights": (len(grams), outputs), "scales": (outputs,), "intercepts": (outputs,)}
    if not topics or any(arrays[key].shape != shape for key, shape in wanted.items()) or not {pair[0] for pair in subtopics} <= set(topics):
        msg = "its files do not fit each other"
        raise ValueError(msg)
    vocabularies: dict[str, dict[str, int]] = {prefix: {} for prefix, _ in FIELDS}
    for column, gram in enumerate(grams):
        prefix, colon, rest = gram.partition(":")
        vocabularies[prefix + colon if colon else ""][rest or gram] = column
    stops = frozenset(map(str, manifest["stop_words"]))
    calibration = _calibration(manifest["calibration"])
    return Model(
        ModelInfo(str(manifest["name"]), hashlib.sha256(raw).hexdigest()),
        topics,
        subtopics,
        tuple(Field.build(vocabulary, stops) for vocabulary in vocabularies.values()),
        arrays["idf"],
        arrays["weights"].astype(np.float32) * arrays["scales"],
        arrays["intercepts"],
        calibration,
        build(manifest["taxonomy"], source=_MANIFEST) if "taxonomy" in manifest else None,
    )


def _calibration(table: dict[str, Any]) -> Calibration:
    """Return the calibration of a manifest, if it is one that can be used."""
    numbers = {key: float(table[key]) for key in ("subtopic_share", "topic_scale", "subtopic_scale", "unsure_below")}
    curve = tuple((float(stated), float(truly)) for stated, truly in table["reliability"])
    if not np.isfinite([*numbers.values(), *(number for point in curve for number in point)]).all():
        msg = "its calibration is not finite"
        raise ValueError(msg)
    if not curve or any(not 0 <= number <= 1 for point in curve for number in point) or any(map(_falls, pairwise(curve))):
        msg = "its reliability is no rising curve between 0 and 1"
        raise ValueError(msg)
    return Calibration(**numbers, reliability=curve)


def _falls(points: tuple[tuple[float, float], tuple[float, float]]) -> bool:
    (stated, truly), (next_stated, next_truly) = points
    return next_stated < stated or next_truly < truly


def _read(path: Path, limit: int) -> bytes:
    if not path.is_file():
        msg = f"{path.name} is not there, or no file"
        raise ValueError(msg)
    with path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        msg = f"{path.name} is larger than {limit} bytes"
        raise ValueError(msg)
    return content


def _checked(path: Path, entry: dict[str, Any]) -> bytes:
    """Return the content of *path* if its size and its sha256 are those of the manifest's *entry*."""
    content = _read(path, _MAX_BYTES)
    if len(content) != entry["bytes"] or hashlib.sha256(content).hexdigest() != entry["sha256"]:
        msg = f"{path.name} is not the file that the manifest names"
        raise ValueError(msg)
    return content


def _array(content: bytes, shape: list[int], dtype: str) -> NDArray[Any]:
    """Return the array in *content*, after its header has been found to claim no more than there is."""
    buffer = io.BytesIO(content)
    version = np.lib.format.read_magic(buffer)
    if version != (1, 0):
        msg = f"an array of version {version}"
        raise ValueError(msg)
    claimed, fortran, kind = np.lib.format.read_array_header_1_0(buffer, max_header_size=_HEADER)
    size = int(np.prod(claimed, dtype=np.int64)) * kind.itemsize
    if kind.hasobject or kind.name != dtype or fortran or list(claimed) != shape or size != len(content) - buffer.tell():
        msg = f"an array of {kind} {claimed} where {dtype} {tuple(shape)} was announced"
        raise ValueError(msg)
    array = np.frombuffer(content, dtype=kind, offset=buffer.tell()).reshape(claimed)
    if kind.kind == "f" and not np.isfinite(array).all():
        msg = "an array that is not finite"
        raise ValueError(msg)
    return array
