"""What all tests share."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let golden pages be written anew, to be read and committed: ``pytest --update-golden``."""
    parser.addoption("--update-golden", action="store_true", help="write the pages under tests/golden/ anew instead of comparing with them")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden pages are to be written and not compared with."""
    return bool(request.config.getoption("--update-golden"))
