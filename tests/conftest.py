"""Fixtures of all tests."""

from __future__ import annotations

import pytest

from tests.cli.command import Command


@pytest.fixture
def onnxc(capsys: pytest.CaptureFixture[str]) -> Command:
    """The command line."""
    return Command(capsys)
