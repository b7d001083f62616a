"""Random models of sequences, compiled and interpreted, beside the onnx package's evaluator."""

from __future__ import annotations

import pytest

import onnxc
from onnxc.frontend.importer import import_model
from onnxc.relay.interpreter import Interpreter
from tests.sequences.random_programs import Programs
from tests.sequences.test_sequences import assert_same, reference


@pytest.mark.parametrize("seed", range(12))
def test_random_program(seed: int) -> None:
    model = Programs(seed).model(f"program_{seed}")
    interpreter = Interpreter(import_model(model.proto()), reference)
    with onnxc.compile(model.proto(), level=3 * (seed % 2), jobs=1) as compiled:
        for feed in (*model.feeds, *model.feeds):
            expected = model.expected(feed)
            results = compiled.run(feed)
            for interpreted, (name, value) in zip(interpreter.run(*feed.values()), expected.items(), strict=True):
                assert_same(interpreted, value)
                assert_same(results[name], value)
