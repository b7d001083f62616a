"""Options and fixtures of all tests."""

from __future__ import annotations

import pytest
from hypothesis import settings

from tests.cli.command import Command

# Every run tries the same examples, and a slow machine fails none: searching is for programs (tests/random/search.py).
settings.register_profile("onnxc", derandomize=True, deadline=None, database=None)
settings.load_profile("onnxc")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-goldens", action="store_true", help="write what the compiler gives now into the golden text cases"
    )


@pytest.fixture
def update_goldens(request: pytest.FixtureRequest) -> bool:
    """Whether golden cases are to be rewritten instead of compared."""
    return bool(request.config.getoption("--update-goldens"))


@pytest.fixture
def onnxc(capsys: pytest.CaptureFixture[str]) -> Command:
    """The command line."""
    return Command(capsys)
