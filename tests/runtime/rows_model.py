"""Inputs and results of the small models written in C that tests of the loader call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from onnxc.runtime_stub.loader import Model

#: The fixture `library`.
Library = Callable[..., Path]

#: An input of the model doubling.
X = np.arange(6, dtype=np.float32).reshape(2, 3)


def rows_inputs(n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(n * 1000 + m)
    return generator.random((n, 4), np.float32), generator.random((n, m), np.float32)


def check_rows(left: np.ndarray, right: np.ndarray, outputs: dict[str, np.ndarray]) -> None:
    assert list(outputs) == ["sum", "tail", "count"]
    np.testing.assert_allclose(outputs["sum"], left + right.sum(1, keepdims=True), rtol=1e-5)
    np.testing.assert_array_equal(outputs["tail"], right[:, 2:])
    assert outputs["count"].shape == () and outputs["count"] == right.size


def contexts(model: Model) -> list[Any]:
    assert model._library is not None
    return model._library.contexts
