"""Sequences and optional values through the compiler and the loader, beside the onnx package's evaluator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import onnxc
from onnxc import op
from onnxc.frontend.importer import import_model
from onnxc.relay.interpreter import Interpreter
from onnxc.relay.parser import parse_module
from onnxc.relay.printer import print_module
from onnxc.runtime_stub.errors import RunError
from onnxc.transform.pipeline import PassContext, run_pipeline
from tests.sequences.models import HOSTILE, MODELS, ValueModel


def assert_same(found: Any, expected: Any) -> None:
    """Equal structure, types and shapes; values up to rounding."""
    if isinstance(expected, list):
        assert isinstance(found, list) and len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif expected is None:
        assert found is None
    else:
        expected = np.asarray(expected)
        assert found.shape == expected.shape
        if expected.dtype.kind in "OUT":
            assert found.tolist() == expected.tolist()
        else:
            assert found.dtype == expected.dtype
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("level", [0, 3])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_compiled(model: ValueModel, level: int) -> None:
    with onnxc.compile(model.proto(), level=level, jobs=1) as compiled:
        for _ in range(2):  # what a run has left in the heap is no matter to the next
            for feed in model.feeds:
                for name, expected in model.expected(feed).items():
                    assert_same(compiled.run(feed)[name], expected)


def reference(name: str, attrs: Any, arrays: Any) -> Any:
    return op.get(name).reference(attrs, *arrays)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_interpreted(model: ValueModel) -> None:
    """As it is imported, as it prints and parses, and after all passes."""
    imported = import_model(model.proto())
    text = print_module(imported)
    parsed = parse_module(text)
    assert print_module(parsed) == text
    for module in (imported, parsed, run_pipeline(imported, PassContext(None, 3))):
        for feed in model.feeds:
            results = Interpreter(module, reference).run(*feed.values())
            for found, expected in zip(results, model.expected(feed).values(), strict=True):
                assert_same(found, expected)


@pytest.mark.parametrize("model", HOSTILE, ids=lambda model: model.name)
def test_hostile_values(model: ValueModel) -> None:
    with onnxc.compile(model.proto(), jobs=1) as compiled:
        for feed, status in zip(model.feeds, model.statuses, strict=True):
            with pytest.raises(RunError, match=rf"\(status {status}\)"):
                compiled.run(feed)
