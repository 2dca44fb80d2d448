"""The reference material that some tests read: real pages and labelled papers, which are not part of the project."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def _folder() -> Path:
    return Path(os.environ.get("CVDIGEST_SHARED") or ROOT.parent / "shared")


def at_hand() -> bool:
    """Say whether there is reference material, for a test that can do without."""
    return (_folder() / "arxiv").is_dir()


def shared() -> Path:
    """Return the folder of the reference material, or skip the test that asks for it."""
    if not at_hand():
        pytest.skip(f"no reference material in {_folder()} (set CVDIGEST_SHARED)")
    return _folder()


def recorded(name: str) -> bytes:
    """Return one recorded answer of arXiv's own programs."""
    return (shared() / "arxiv" / "recorded" / name).read_bytes()
