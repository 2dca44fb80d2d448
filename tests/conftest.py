"""What all tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import children, servers, weeks
from tests.children import Nursery
from tests.stores import database, file, place, server, template
from tests.weeks import Program

__all__ = ["database", "file", "place", "server", "template"]


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Yield a place to start children at."""
    with children.nursery() as made:
        yield made


@pytest.fixture
def arxiv() -> Iterator[servers.Arxiv]:
    """Serve two weeks."""
    with servers.arxiv() as state:
        weeks.play(state)
        yield state


@pytest.fixture
def program(tmp_path: Path, arxiv: servers.Arxiv) -> Program:
    """Return the program in an empty folder, for those who start it in a process of its own."""
    return Program(tmp_path, arxiv.url, lambda: None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave tests on PostgreSQL to the slow part: a server takes its time."""
    for item in items:
        used = {"server", "other"} & set(getattr(item, "fixturenames", ()))
        if used or "postgresql" in getattr(getattr(item, "callspec", None), "params", {}).values():
            item.add_marker(pytest.mark.slow)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let golden pages be written anew, to be read and committed: ``pytest --update-golden``."""
    parser.addoption("--update-golden", action="store_true", help="write the pages under tests/golden/ anew instead of comparing with them")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden pages are to be written and not compared with."""
    return bool(request.config.getoption("--update-golden"))
