"""Files of an edition on disk: the page and its JSON whole or not at all, the index last."""

import json
import re
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from digest.core.domain import Kind
from digest.errors import PublishError
from digest.failpoints import reach
from digest.files import write_whole

_EARLIER_DAYS = 14
_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})-([A-Za-z.+-]+)\.md")


def page_path(out: Path, day: date, category: str) -> Path:
    """Return where the page of a date lies below *out*: ``2026/2026-11-20-cs.CV.md``."""
    return out / f"{day:%Y}" / f"{day}-{category}.md"


def write(files: Sequence[tuple[Path, bytes]], role: str) -> None:
    """Write files, one after another, each whole; *role* is what they are: ``page``, ``json`` or ``index``.

    Raises:
        PublishError: one cannot be written; those before it are, and each still is whole.

    """
    for path, content in files:
        try:
            write_whole(path, content, point=f"write-{role}-before-rename")
            reach(f"written-{role}")
        except OSError as exc:
            msg = f"{path} cannot be written: {exc.strerror or exc}"
            raise PublishError(msg, advice="choose another folder with --out") from exc


def remove(path: Path) -> bool:
    """Take a page away; say whether there was one.

    Raises:
        PublishError: it cannot be removed.

    """
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as exc:
        msg = f"{path} cannot be removed: {exc.strerror or exc}"
        raise PublishError(msg) from exc
    return True


def editions(out: Path) -> list[tuple[date, str, Path]]:
    """Return the date, the category and the path (below *out*) of every edition there is, the newest first."""
    found = []
    try:
        for path in out.glob("[0-9][0-9][0-9][0-9]/*.md"):
            if match := _NAME.fullmatch(path.name):
                try:
                    found.append((date.fromisoformat(match[1]), match[2], path.relative_to(out)))
                except ValueError:
                    continue
    except OSError as exc:
        msg = f"{out} cannot be read: {exc.strerror or exc}"
        raise PublishError(msg) from exc
    return sorted(found, key=lambda item: (-item[0].toordinal(), item[1]))


def earlier(out: Path, category: str, day: date) -> frozenset[str]:
    """Return the new papers of the last edition of *category* before *day*, by identifier; none if there is no recent one.

    A file that cannot be read says nothing.
    """
    for number in range(1, _EARLIER_DAYS + 1):
        path = page_path(out, day - timedelta(days=number), category).with_suffix(".json")
        try:
            edition = json.loads(path.read_text("utf-8"))
            # What was worked out may be wrong, and must not speak against what arXiv states.
            stated = [] if edition["reconstructed"] else edition["entries"]
            found = frozenset(str(entry["id"]) for entry in stated if entry["kind"] == Kind.NEW)
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError):
            return frozenset()
        if found:
            return found
    return frozenset()
