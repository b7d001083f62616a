"""Artifacts that several tests look at."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from onnxc.cli import main
from tests.cli.command import DIGITS
from tests.errors.models import small_model


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits model's folder, compiled for this machine."""
    folder = tmp_path_factory.mktemp("digits") / "build"
    assert main(["compile", str(DIGITS), "-o", str(folder), "-q"]) == 0
    return folder


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of a model with inputs of several types and an open dimension N; the model is beside it."""
    folder = tmp_path_factory.mktemp("small")
    onnx.save(small_model(), folder / "small.onnx")
    assert main(["compile", str(folder / "small.onnx"), "-o", str(folder / "small.so"), "-q"]) == 0
    return folder / "small.so"
