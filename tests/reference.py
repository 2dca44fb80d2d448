"""What tests lie on: the project's own folder, the environment of a child, and reference material that is not part of the project.

The latter are real pages and labelled papers, which some tests read.
"""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def clean_environment(folder: Path, **more: str) -> dict[str, str]:
    """Return the environment of a child: no setting of whoever runs the tests is in it, nor one in a file; *more* is added.

    *folder* is where the child would look for settings of its user. No site is made, which has tests of its own.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CVDIGEST_")}
    return {**kept, "PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(folder), "OPENBLAS_NUM_THREADS": "1", "CVDIGEST_NO_SITE": "yes", **more}


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
