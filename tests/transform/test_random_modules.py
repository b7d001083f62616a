"""Random modules mean the same after all passes of every level, and after printing and parsing."""

from __future__ import annotations

import pytest

from onnxc.relay.expr import Call, all_bindings
from onnxc.relay.parser import parse_module
from onnxc.relay.printer import module_text
from onnxc.transform.base import PassContext
from onnxc.transform.fuse import MAX_OPERATORS, MAX_PARAMETERS
from onnxc.transform.pipeline import run_pipeline
from tests.golden import assert_same_values, evaluate_module, random_inputs
from tests.transform.random_module import random_module


@pytest.mark.parametrize("seed", range(30))
def test_passes_keep_the_meaning(seed: int) -> None:
    before = random_module(seed)
    inputs = [random_inputs(before, {}, s) for s in range(2)]
    wanted = [evaluate_module(before, arrays) for arrays in inputs]
    for level in range(4):
        after = run_pipeline(before, PassContext(level=level))
        text = module_text(after)
        read = parse_module(text.text, text.data)
        assert module_text(read).text == text.text
        for arrays, values in zip(inputs, wanted, strict=True):
            assert_same_values(values, evaluate_module(read, arrays), 1e-4)


@pytest.mark.parametrize("seed", range(10))
def test_everything_is_in_a_kernel(seed: int) -> None:
    module = run_pipeline(random_module(seed), PassContext(level=2))
    for function in module.functions.values():
        calls = [b.value for b in all_bindings(function) if isinstance(b.value, Call)]
        if function.is_primitive:
            assert len(calls) <= MAX_OPERATORS and len(function.params) <= MAX_PARAMETERS
        else:
            plain = {c.op for c in calls if isinstance(c.op, str)}
            assert plain <= {"reshape", "split", "concatenate"}
