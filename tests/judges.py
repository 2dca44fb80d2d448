"""Judges of what the program makes that nobody here wrote: the Nu HTML checker, axe-core in a real browser, markdownlint.

They are npm packages, looked for in ``node_modules`` of the folder that the variable CVDIGEST_JUDGES names, then in that of the
project's folder; a command on the path will do where a package has one. A test whose judge is not there is skipped, with the reason.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.reference import ROOT

VARIABLE = "CVDIGEST_JUDGES"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BOUND = 600.0
"""Seconds that a judge may take for all files of one call."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a judge finds wrong."""

    where: str
    """The name of a file, or the address of a page."""
    line: int
    """0 where the judge does not say."""
    kind: str
    """``error``, ``warning`` or ``info`` of the HTML checker, the impact by axe-core, the rule of markdownlint."""
    message: str

    def __str__(self) -> str:
        """Return one line for whoever mends it."""
        return f"{self.where}:{self.line}: {self.kind}: {self.message}"


# -- the judges --------------------------------------------------------------------------------------------------------------


def vnu(paths: Sequence[Path]) -> list[Finding]:
    """Return what the Nu HTML checker says of files of HTML, CSS and SVG, all in one call: errors, warnings and remarks.

    A file is what its name's ending says.
    """
    # What language a page is in, it would guess by statistics, and takes a list of names and titles for Malay.
    options = ["--format", "json", "--also-check-css", "--also-check-svg", "--no-langdetect", "--stdout"]
    said = _run([*_html_checker(), *options, *_absolute(paths)])
    return [
        Finding(
            message.get("url", "").removeprefix("file:"),
            message.get("lastLine", 0),
            message.get("subType", message["type"]) if message["type"] == "info" else "error",
            f"{message['message']} {message.get('extract', '')!r}",
        )
        for message in _read(said.stdout, said)["messages"]
    ]


def axe(page: Page) -> list[Finding]:
    """Return what axe-core finds wrong with a page as the browser shows it now, by all of its rules and best practices."""
    # Evaluated, and not added as a script element, which the page's own policy would refuse.
    page.evaluate(_axe())
    report = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert report["passes"], "axe-core looked at nothing"
    return [
        Finding(page.url, 0, found["impact"] or "minor", f"{found['id']}: {found['help']}: {_elements(found['nodes'])}")
        for found in report["violations"]
    ]


def markdownlint(paths: Sequence[Path], config: Path) -> list[Finding]:
    """Return what markdownlint says of Markdown files, all in one call, by the rules that the file *config* leaves on."""
    said = _run([*_markdown_checker(), "--json", "--config", str(config), "--", *_absolute(paths)])
    if not said.returncode:
        return []
    return [
        Finding(
            found["fileName"],
            found["lineNumber"],
            "/".join(found["ruleNames"]),
            f"{found['ruleDescription']} [{found['errorDetail'] or ''}] {found['errorContext'] or ''}",
        )
        for found in _read(said.stderr, said)
    ]


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a browser without a window, or skip the test that asks for it."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"no browser on the path (looked for {', '.join(BROWSERS)}; Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        # It has no sandbox where it runs as root, and little shared memory in a container.
        arguments = ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        started = playwright.chromium.launch(executable_path=path, args=arguments, timeout=60_000)
        try:
            yield started
        finally:
            started.close()


# -- where they are ------------------------------------------------------------------------------------------------------------


def _html_checker() -> list[str]:
    if command := shutil.which("vnu"):
        return [command]
    jar = _found("vnu-jar/build/dist/vnu.jar")
    java = shutil.which("java")
    if jar and java:
        return [java, "-Xss2m", "-Xmx768m", "-jar", str(jar)]
    return pytest.skip(_lacking("vnu-jar", "" if java else "java"))


def _axe() -> str:
    path = _found("axe-core/axe.min.js")
    if not path:
        pytest.skip(_lacking("axe-core"))
    return path.read_text("utf-8")


def _markdown_checker() -> list[str]:
    script = _found("markdownlint-cli/markdownlint.js")
    node = shutil.which("node")
    if script and node:
        return [node, str(script)]
    if command := shutil.which("markdownlint"):
        return [command]
    return pytest.skip(_lacking("markdownlint-cli", "" if node else "node"))


def _folders() -> list[Path]:
    named = os.environ.get(VARIABLE)
    return [folder / "node_modules" for folder in ([Path(named)] if named else []) + [ROOT]]


def _found(path: str) -> Path | None:
    return next((folder / path for folder in _folders() if (folder / path).is_file()), None)


def _lacking(package: str, command: str = "") -> str:
    lacking = f"the command {command!r}" if command else f"the npm package {package} in {' or '.join(map(str, _folders()))}"
    return f"no judge: {lacking} is not there (set {VARIABLE})"


def _run(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=BOUND, check=False)


def _read(text: str, said: "subprocess.CompletedProcess[str]") -> Any:
    """Return the report of a judge; one that fails itself has not judged."""
    try:
        return json.loads(text)
    except ValueError:
        msg = f"the judge failed with status {said.returncode}: {(said.stderr + said.stdout)[:2000]}"
        raise AssertionError(msg) from None


def _absolute(paths: Sequence[Path]) -> list[str]:
    assert paths, "nothing to judge"
    return [str(path.resolve(strict=True)) for path in paths]


def _elements(nodes: Sequence[dict[str, Any]]) -> str:
    return "; ".join(f"{node['target']} {node['html'][:200]}" for node in nodes[:5]) + (f" and {len(nodes) - 5} more" if nodes[5:] else "")
