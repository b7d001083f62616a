"""Fixtures of the runtime's tests: small models written in C."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from onnxc.runtime_stub.loader import Model, load
from tests.runtime.native import compile_model
from tests.runtime.rows_model import Library


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``library(name, *flags)``: path of a model library, compiled once."""
    folder = tmp_path_factory.mktemp("models")

    @cache
    def build(name: str, *flags: str) -> Path:
        return compile_model(name, folder / f"{name}{len(list(folder.iterdir()))}.so", *flags)

    return build


@pytest.fixture
def doubling(library: Library) -> Model:
    return load(library("doubling"), threads=1)


@pytest.fixture(params=[1, 3], ids=["1 thread", "3 threads"])
def rows(library: Library, request: pytest.FixtureRequest) -> Iterator[Model]:
    with load(library("rows"), threads=request.param) as model:
        yield model
