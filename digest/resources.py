"""Where `models/` and `templates/` lie, and what the core needs out of them.

In a wheel both folders stand inside the package, in a checkout beside it.
"""

import tomllib
from collections.abc import Collection
from pathlib import Path

from digest.catalogue import daily
from digest.catalogue.sections import Sections
from digest.catalogue.sections import parse as parse_sections
from digest.catalogue.sources import Source
from digest.catalogue.sources import parse as parse_sources
from digest.catalogue.taxonomy import Taxonomy
from digest.catalogue.taxonomy import parse as parse_taxonomy
from digest.core.announcements import Calendar
from digest.errors import UsageError

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """Return the data folder *name*: ``models`` or ``templates``."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def taxonomy() -> Taxonomy:
    """Return the topics of the catalogue."""
    path = folder("models") / "taxonomy.toml"
    return parse_taxonomy(path.read_text("utf-8"), source=str(path))


def sections() -> Sections:
    """Return the rules for the headings of curated lists."""
    path = folder("models") / "sections.toml"
    return parse_sections(path.read_text("utf-8"), taxonomy(), source=str(path))


def sources() -> tuple[Source, ...]:
    """Return where public curated lists are."""
    path = folder("models") / "sources.toml"
    return parse_sources(path.read_text("utf-8"), source=str(path))


def daily_reference(path: Path | None = None) -> tuple[daily.Label, ...]:
    """Return the daily papers that measure a model, out of the bundled file or that at *path*.

    Raises:
        UsageError: there is no such file, or it is malformed.

    """
    path = path or folder("models") / "daily" / "reference.tsv"
    try:
        text = path.read_bytes().decode()  # as it is: a reader that knows all kinds of line ends would miscount the lines
    except (OSError, UnicodeDecodeError) as exc:
        msg = f"the reference of daily papers {path} cannot be read: {exc.strerror if isinstance(exc, OSError) else exc}"
        raise UsageError(msg, advice="name another one with --reference") from exc
    return daily.reference(text, taxonomy().shelves(), source=str(path))


def daily_training(reserved: Collection[str]) -> tuple[daily.Label, ...]:
    """Return the daily papers that may train a model, none if there is no list of them; those *reserved* may not be there."""
    path = folder("models") / "daily" / "training.tsv"
    if not path.is_file():
        return ()
    return daily.training(path.read_bytes().decode(), taxonomy().shelves(), reserved, source=str(path))


def calendar() -> Calendar:
    """Return arXiv's schedule with the holidays that are known."""
    with (folder("models") / "holidays.toml").open("rb") as file:
        table = tomllib.load(file)
    return Calendar(frozenset(table["skipped"]), table["complete_from"])


def categories() -> frozenset[str]:
    """Return the codes of arXiv's archives and categories, as far as they are known here."""
    with (folder("models") / "categories.toml").open("rb") as file:
        table = tomllib.load(file)
    archives = table["archives"].items()
    return frozenset((*table["alone"], *table["archives"], *(f"{archive}.{subject}" for archive, own in archives for subject in own)))


def sample() -> bytes:
    """Return the bundled announcement of invented papers, a page in arXiv's format."""
    return (folder("models") / "sample" / "new.html").read_bytes()
