"""The reference material that some tests read: real pages and labelled papers, which are not part of the project."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def shared() -> Path:
    """Return the folder of the reference material, or skip the test that asks for it."""
    folder = Path(os.environ.get("CVDIGEST_SHARED") or ROOT.parent / "shared")
    if not (folder / "arxiv").is_dir():
        pytest.skip(f"no reference material in {folder} (set CVDIGEST_SHARED)")
    return folder


def recorded(name: str) -> bytes:
    """Return one recorded answer of arXiv's own programs."""
    return (shared() / "arxiv" / "recorded" / name).read_bytes()
