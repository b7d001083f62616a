"""Fixtures of the runtime's tests: small models written in C."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.runtime.native import compile_model


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``library(name, *flags)``: path of a model library, compiled once."""
    folder = tmp_path_factory.mktemp("models")

    @cache
    def build(name: str, *flags: str) -> Path:
        return compile_model(name, folder / f"{name}{len(list(folder.iterdir()))}.so", *flags)

    return build
