"""What all tests share."""

import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests import children, servers, weeks
from tests.children import Nursery
from tests.stores import connection, database, file, kept, place, server, template
from tests.weeks import Program

__all__ = ["connection", "database", "file", "kept", "place", "server", "template"]

# An example takes as long as the machine lets it; a slow one is no fault of what is tested.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> Iterator[None]:
    """Let Ctrl-C have its usual effect on every child, also where the tests run under ``nohup``, which has it ignored."""
    before = signal.getsignal(signal.SIGINT)
    if before == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


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
