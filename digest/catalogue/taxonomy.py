"""The topics of the catalogue and their subtopics: text in, a `Taxonomy` out."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from digest.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Subtopic:
    """A part of a topic."""

    slug: str
    name: str
    means: str = ""
    """Which papers belong here, for whoever labels them."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A section of the catalogue."""

    slug: str
    name: str
    heading: str
    """What the catalogue that the project started from calls it."""
    subtopics: tuple[Subtopic, ...]
    by_subtopic: bool = False
    """Whether a page lists its papers subtopic by subtopic, because they have little else in common."""


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """All topics, in the catalogue's order."""

    topics: tuple[Topic, ...]

    def names(self) -> Mapping[str, str]:
        """Return the name of every topic by slug."""
        return {topic.slug: topic.name for topic in self.topics}

    def subtopic_names(self) -> Mapping[tuple[str, str], str]:
        """Return the name of every subtopic by the slugs of its topic and of itself."""
        return {(topic.slug, sub.slug): sub.name for topic in self.topics for sub in topic.subtopics}

    def shelves(self) -> tuple[tuple[str, str], ...]:
        """Return the slugs of every topic and subtopic, in the catalogue's order."""
        return tuple(self.subtopic_names())


def parse(text: str, *, source: str = "taxonomy.toml") -> Taxonomy:
    """Read a taxonomy written in TOML; *source* is the name that errors give it.

    Raises:
        SettingsError: the text is malformed, or a slug stands twice.

    """
    try:
        table = tomllib.loads(text)
        items = table["topic"]
    except (tomllib.TOMLDecodeError, KeyError) as exc:
        msg = f"{source} is not a taxonomy: {exc}"
        raise SettingsError(msg) from exc
    return build(items, source=source)


def build(items: Sequence[Mapping[str, Any]], *, source: str) -> Taxonomy:
    """Return the taxonomy of these topics, each a table with ``slug``, ``name`` and ``subtopics``; *source* names it in errors.

    Raises:
        SettingsError: an item lacks something or has it in the wrong type, or a slug stands twice.

    """
    try:
        topics = tuple(
            Topic(
                item["slug"],
                item["name"],
                item.get("heading", item["name"]),
                tuple(Subtopic(sub["slug"], sub["name"], sub.get("means", "")) for sub in item["subtopics"]),
                by_subtopic=item.get("by_subtopic", False) is True,
            )
            for item in items
        )
    except (KeyError, TypeError, AttributeError) as exc:
        msg = f"{source} is not a taxonomy: {exc}"
        raise SettingsError(msg) from exc
    taxonomy = Taxonomy(topics)
    if len(taxonomy.names()) != len(topics) or len(taxonomy.shelves()) != sum(len(topic.subtopics) for topic in topics):
        msg = f"{source} names a topic or a subtopic twice"
        raise SettingsError(msg)
    return taxonomy
