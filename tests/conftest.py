"""Options and fixtures of all tests."""

from __future__ import annotations

import pytest

from tests.cli.command import Command


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
