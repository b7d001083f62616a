"""Runs the command line in this process, which already has what it imports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from onnxc.cli import main

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits" / "digits_cnn_trained.onnx"


@dataclass(frozen=True)
class Result:
    """What a command gave: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


class Command:
    """The command line; call it with arguments.

    Parameters
    ----------
    capture : pytest.CaptureFixture
    """

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *arguments: object) -> Result:
        """Run a command, whatever its exit code."""
        self._capture.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = self._capture.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return Result(code, captured.out, captured.err)

    def succeed(self, *arguments: object) -> str:
        """Run a command that must succeed; its standard output."""
        result = self(*arguments)
        assert result.code == 0, result.err
        return result.out

    def fail(self, *arguments: object) -> str:
        """Run a command that must report an error of the user's; the error."""
        result = self(*arguments)
        assert result.code == 1, (result.code, result.out, result.err)
        assert result.err.startswith("error: ")
        return result.err.removeprefix("error: ")
