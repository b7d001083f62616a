"""Options and fixtures of all tests."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

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

    parser.addoption("--record-operators", metavar="FILE", help="add the operators that passing tests run to a file")


_CACHE = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Give the session a cache of its own, which is empty at its beginning and shared by all its processes.

    And record operators, if that is asked for.
    """
    path = config.getoption("--record-operators")
    if path:
        from tests.recording import Recorder

        config.pluginmanager.register(Recorder(Path(path)))
    if "ONNXC_CACHE_DIR" not in os.environ:  # else the user's, or that of the process that started this one
        os.environ["ONNXC_CACHE_DIR"] = config.stash[_CACHE] = tempfile.mkdtemp(prefix="onnxc-cache-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if _CACHE in config.stash:
        del os.environ["ONNXC_CACHE_DIR"]
        shutil.rmtree(config.stash[_CACHE], ignore_errors=True)


@pytest.fixture
def update_goldens(request: pytest.FixtureRequest) -> bool:
    """Whether golden cases are to be rewritten instead of compared."""
    return bool(request.config.getoption("--update-goldens"))


@pytest.fixture
def onnxc(capsys: pytest.CaptureFixture[str]) -> Command:
    """The command line."""
    return Command(capsys)
