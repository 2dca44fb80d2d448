"""What is shipped: a wheel that is whole, and works from anywhere without the checkout."""

import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.reference import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT], check=True, capture_output=True, text=True
    )
    return next(folder.glob("cvdigest-*.whl"))


def test_what_is_in_the_wheel(wheel: Path) -> None:
    """The data stands inside the package, every file of it, and nothing stands outside."""
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}

    assert {top for top in tops if not top.endswith(".dist-info")} == {"digest"}
    for folder in ("models", "templates", "digest"):
        inside = f"digest/{folder}" if folder != "digest" else "digest"
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert f"{inside}/{path.relative_to(ROOT / folder).as_posix()}" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


@pytest.mark.slow
def test_the_wheel_works_alone(wheel: Path, tmp_path: Path) -> None:
    """Installed in an empty environment, it makes the sample digest from another folder."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", wheel], check=True, capture_output=True, text=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = subprocess.run(
        [tmp_path / "venv" / "bin" / "cvdigest", "run", "--sample", "--out", "pages"],
        cwd=elsewhere, env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    page = (elsewhere / "pages" / "sample" / "2026" / "2026-01-06-cs.CV.md").read_text("utf-8")
    assert len(re.findall(r"^### \d+\.", page, re.MULTILINE)) == 36
    assert "No model" not in page
