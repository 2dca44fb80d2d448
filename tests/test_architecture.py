"""Every import goes at least one floor down, the core does no input or output, one library lives in one place."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

FLOORS: dict[str, float] = {
    "digest": 0,
    "digest.errors": 0,
    "digest.core": 0,
    "digest.arxiv": 0,
    "digest.catalogue": 0,
    "digest.classify": 0,
    "digest.commands": 0,
    "digest.render": 0,
    "digest.store": 0,
    "digest.store.migrations": 0,
    "digest.store.migrations.versions": 0,
    "digest.web": 0,
    "digest.addresses": 1,
    "digest.secrets": 1,
    "digest.recipients": 1.1,
    "digest.core.domain": 1,
    "digest.core.announcements": 1.1,
    "digest.core.text": 1.1,
    "digest.core.identifiers": 1.1,
    "digest.core.links": 1.2,
    "digest.core.reconstruction": 1.2,
    "digest.core.due": 1.2,
    "digest.core.weeks": 1.2,
    "digest.core.checks": 1.2,
    "digest.core.query": 1.1,
    "digest.core.matching": 1.2,
    "digest.arxiv.document": 1.9,
    "digest.arxiv.fields": 1.9,
    "digest.arxiv.message": 1.9,
    "digest.catalogue.taxonomy": 2,
    "digest.catalogue.sources": 2,
    "digest.catalogue.sections": 2.1,
    "digest.catalogue.words": 2,
    "digest.catalogue.markup": 2,
    "digest.catalogue.records": 2,
    "digest.catalogue.entries": 2.1,
    "digest.catalogue.tables": 2.1,
    "digest.catalogue.merge": 2.1,
    "digest.catalogue.lists": 2.2,
    "digest.arxiv.listing": 2,
    "digest.arxiv.mailing": 2.1,
    "digest.catalogue.daily": 2.1,
    "digest.classify.evaluation": 2.1,
    "digest.arxiv.api": 2,
    "digest.arxiv.oai": 2,
    "digest.arxiv.feed": 2.1,
    "digest.core.changes": 1.2,
    "digest.core.edition": 2.1,
    "digest.core.site": 2.2,
    "digest.core.subscription": 2.2,
    "digest.core.roster": 2.3,
    "digest.core.hooks": 2.3,
    "digest.core.selection": 2.3,
    "digest.core.bouncing": 2.2,
    "digest.core.tokens": 2.3,
    "digest.core.forms": 2.3,
    "digest.core.citation": 2.2,
    "digest.core.words": 2.2,
    "digest.failpoints": 3,
    "digest.files": 3.1,
    "digest.keys": 3.2,
    "digest.logs": 3,
    "digest.clock": 3,
    "digest.resources": 3,
    "digest.settings": 3,
    "digest.arxiv.exchange": 4,
    "digest.arxiv.client": 4.1,
    "digest.arxiv.answers": 4.2,
    "digest.arxiv.harvest": 4.3,
    "digest.arxiv.lookup": 4.3,
    "digest.classify.card": 4,
    "digest.classify.features": 4,
    "digest.classify.model": 4.1,
    "digest.classify.train": 4.2,
    "digest.classify.explain": 4.2,
    "digest.classify.neighbours": 4.1,
    "digest.render.markdown": 4,
    "digest.render.jsonfile": 4,
    "digest.render.mathml": 4,
    "digest.render.html": 4.1,
    "digest.render.feeds": 4.1,
    "digest.render.forms": 4.2,
    "digest.publish": 4,
    "digest.corrections": 4,
    "digest.paperlines": 4,
    "digest.smtp": 4,
    "digest.mail": 4.1,
    "digest.handover": 4.1,
    "digest.relaylog": 4,
    "digest.wire": 4.15,
    "digest.signing": 4,
    "digest.render.letters": 4.2,
    "digest.letters": 5.3,
    "digest.subscribers": 5.25,
    "digest.hooks": 5.55,
    "digest.webhook": 4.1,
    "digest.alerts": 4.2,
    "digest.alarms": 4.3,
    "digest.arxiv.pages": 4.3,
    "digest.services": 4.4,
    "digest.athand": 5,
    "digest.witnesses": 5,
    "digest.worked": 5.1,
    "digest.source": 5.2,
    "digest.daily": 5.3,
    "digest.sending": 5.5,
    "digest.editions": 5.35,
    "digest.ledger": 4,
    "digest.store.schema": 4,
    "digest.store.migrations.env": 4.1,
    "digest.store.migrations.versions.v0001": 4.1,
    "digest.store.migrations.versions.v0002": 4.1,
    "digest.store.migrations.versions.v0003": 4.1,
    "digest.store.database": 4.1,
    "digest.store.papers": 4.1,
    "digest.store.announcements": 4.2,
    "digest.store.editions": 4.2,
    "digest.store.search": 4.2,
    "digest.store.days": 4.1,
    "digest.store.locks": 4.2,
    "digest.store.answers": 4.1,
    "digest.store.bounces": 4.1,
    "digest.store.runs": 4.1,
    "digest.store.corrections": 4.2,
    "digest.store.alerts": 4.3,
    "digest.store.subscribers": 4.2,
    "digest.store.outbox": 4.3,
    "digest.store.overview": 4.3,
    "digest.store.asked": 4.1,
    "digest.render.found": 4.3,
    "digest.heartbeat": 4,
    "digest.store.backups": 4.4,
    "digest.store.upkeep": 4.3,
    "digest.bounces": 5,
    "digest.archive": 5,
    "digest.feeding": 5.2,
    "digest.correcting": 5,
    "digest.standing": 5,
    "digest.training": 5,
    "digest.curating": 5,
    "digest.shelving": 5,
    "digest.explaining": 5,
    "digest.reasons": 5.1,
    "digest.measuring": 5.1,
    "digest.fetching": 5,
    "digest.tracing": 5,
    "digest.library": 5.05,
    "digest.subscriptions": 5.2,
    "digest.site": 5.38,
    "digest.publishing": 5.39,
    "digest.days": 5.4,
    "digest.backfill": 5.5,
    "digest.reclassify": 5.45,
    "digest.doctor": 5.5,
    "digest.polling": 5.5,
    "digest.building": 5.9,
    "digest.posting": 5.95,
    "digest.app": 6,
    "digest.scheduling": 7,
    "digest.commands.console": 7,
    "digest.commands.dates": 7,
    "digest.commands.shelves": 7,
    "digest.commands.backfill": 7.1,
    "digest.commands.reclassify": 7.1,
    "digest.commands.publish": 7.1,
    "digest.commands.doctor": 7.1,
    "digest.commands.schedule": 7.1,
    "digest.commands.send": 7.1,
    "digest.commands.status": 7.1,
    "digest.commands.show": 7.1,
    "digest.commands.search": 7.1,
    "digest.commands.serve": 7.1,
    "digest.commands.feed": 7.1,
    "digest.commands.classify": 7.1,
    "digest.commands.correct": 7.1,
    "digest.commands.explain": 7.1,
    "digest.commands.lists": 7.1,
    "digest.commands.evaluate": 7.1,
    "digest.commands.train": 7.1,
    "digest.commands.db": 7.1,
    "digest.commands.mail": 7.1,
    "digest.commands.subscribers": 7.1,
    "digest.web.asking": 7,
    "digest.web.caching": 7,
    "digest.web.description": 7,
    "digest.web.metrics": 7.01,
    "digest.web.holdings": 7.01,
    "digest.web.answers": 7.01,
    "digest.web.subscribing": 7.015,
    "digest.web.application": 7.02,
    "digest.web.server": 7.03,
    "digest.cli": 7.2,
    "digest.__main__": 8,
}
"""A room with several files has steps between its floor and the next: a file may use those on a lower step."""

IO = {
    "os",
    "io",
    "pathlib",
    "socket",
    "ssl",
    "http",
    "urllib.request",
    "requests",
    "urllib3",
    "imaplib",
    "smtplib",
    "sqlite3",
    "subprocess",
    "tempfile",
    "shutil",
}
HOMES = {
    "sklearn": {"digest.classify.train"},
    "numpy": {
        "digest.classify.features",
        "digest.classify.model",
        "digest.classify.train",
        "digest.classify.explain",
        "digest.classify.neighbours",
    },
    "scipy": {"digest.classify.train"},
    "jinja2": {"digest.render.markdown", "digest.render.html", "digest.render.feeds", "digest.render.letters"},
    "markupsafe": {"digest.render.html", "digest.render.feeds", "digest.render.letters"},
    "css_inline": {"digest.render.letters"},
    "babel": {"digest.render.letters"},
    "dkim": {"digest.signing"},
    "latex2mathml": {"digest.render.mathml"},
    "requests": {"digest.arxiv.client", "digest.arxiv.exchange", "digest.webhook"},
    "imaplib": {"digest.bounces"},
    "smtplib": {"digest.smtp"},
    "structlog": {"digest.logs"},
    "urllib3": {"digest.arxiv.client", "digest.arxiv.exchange"},
    "tenacity": {"digest.arxiv.client", "digest.store.database"},
    "filelock": {"digest.arxiv.client", "digest.corrections", "digest.store.database", "digest.store.locks"},
    "sqlalchemy": {
        "digest.store.schema",
        "digest.store.database",
        "digest.store.papers",
        "digest.store.announcements",
        "digest.store.search",
        "digest.store.editions",
        "digest.store.days",
        "digest.store.answers",
        "digest.store.bounces",
        "digest.bounces",
        "digest.store.runs",
        "digest.store.corrections",
        "digest.store.alerts",
        "digest.store.outbox",
        "digest.store.overview",
        "digest.store.asked",
        "digest.store.locks",
        "digest.store.backups",
        "digest.store.subscribers",
        "digest.store.upkeep",
        "digest.store.migrations.versions.v0001",
        "digest.store.migrations.versions.v0003",
    },
    "sqlite3": {"digest.store.database", "digest.store.search", "digest.store.backups", "digest.store.upkeep"},
    "alembic": {
        "digest.store.database",
        "digest.store.migrations.env",
        "digest.store.migrations.versions.v0001",
        "digest.store.migrations.versions.v0002",
        "digest.store.migrations.versions.v0003",
    },
    "apscheduler": {"digest.scheduling"},
    "flask": {"digest.web.answers", "digest.web.application", "digest.web.subscribing"},
    "werkzeug": {"digest.web.application"},
    "prometheus_client": {"digest.web.metrics"},
    "waitress": {"digest.web.server"},
    "selectolax": {"digest.arxiv.listing"},
    "feedparser": {"digest.arxiv.api"},
    "lxml": {"digest.arxiv.oai"},
    "tqdm": {"digest.commands.backfill"},
    "email_validator": {"digest.recipients"},
    "pylatexenc": {"digest.core.text"},
    "platformdirs": {"digest.app"},
    "pickle": set(),
    "joblib": set(),
    "marshal": set(),
    "shelve": set(),
}


@cache
def modules() -> dict[str, Path]:
    """Return every file of the package by its module name."""
    found = {}
    for path in sorted((ROOT / "digest").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(tree: ast.Module) -> Iterator[str]:
    """Yield the full name of everything that a file imports, wherever in the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno} imports relatively"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in modules() else str(node.module)


def problems(name: str, path: Path) -> list[str]:
    """Return what is wrong with the imports of one file."""
    found = []
    if name not in FLOORS:
        return [f"{name} has no floor"]
    tree = ast.parse(path.read_text("utf-8"), path)
    for imported in imports(tree):
        if imported.split(".")[0] == "digest":
            if imported not in FLOORS:
                found.append(f"{name} imports {imported}, which has no floor")
            elif FLOORS[imported] >= FLOORS[name] and imported != "digest":
                found.append(f"{name} (floor {FLOORS[name]}) imports {imported} (floor {FLOORS[imported]})")
            continue
        if FLOORS[name] < 3 and (imported in IO or imported.split(".")[0] in IO):
            found.append(f"{name} (floor {FLOORS[name]}) imports {imported}, which does input or output")
        home = HOMES.get(imported.split(".")[0])
        if home is not None and name not in home:
            found.append(f"{name} imports {imported}, which lives in {', '.join(sorted(home)) or 'no file of ours'}")
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    if forbidden := calls & ({"open", "print", "input"} if FLOORS[name] < 3 else set()) | calls & {"eval", "exec", "compile", "__import__"}:
        found.append(f"{name} calls {', '.join(sorted(forbidden))}")
    return found


def test_every_import_goes_down() -> None:
    """The house stands: no file breaks a rule, and no rule speaks of a file that is not there."""
    assert [problem for name, path in modules().items() for problem in problems(name, path)] == []

    assert set(FLOORS) == set(modules())


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("digest.core.text", "import sqlite3", "input or output"),
        ("digest.core.text", "from digest.core import links", "imports digest.core.links"),
        ("digest.source", "from digest.cli import main", "imports digest.cli"),
        ("digest.source", "def late():\n    import digest.daily", "imports digest.daily"),
        ("digest.core.text", "open('x')", "calls open"),
        ("digest.cli", "eval('1')", "calls eval"),
        ("digest.source", "import requests", "lives in digest.arxiv.client, digest.arxiv.exchange, digest.webhook"),
        ("digest.source", "import pickle", "lives in no file of ours"),
        ("digest.attic", "", "has no floor"),
    ],
)
def test_the_rules_can_fail(tmp_path: Path, name: str, source: str, expected: str) -> None:
    """Each rule finds the breach that it is for."""
    path = tmp_path / "module.py"
    path.write_text(source, "utf-8")

    assert expected in "; ".join(problems(name, path))


def test_data_folders_hold_no_python() -> None:
    """`models/` and `templates/` are data: nothing in them is imported or run."""
    assert [path for folder in ("models", "templates") for path in (ROOT / folder).rglob("*.py")] == []


def test_python_is_recent_enough() -> None:
    """The suite runs on what the project promises to support."""
    assert sys.version_info >= (3, 11)
