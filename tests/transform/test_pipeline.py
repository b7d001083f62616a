"""The runner of the passes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from onnxc.diagnostics import CompileError
from onnxc.relay.expr import Module, Var
from onnxc.relay.types import TensorType
from onnxc.relay.verifier import VerificationError
from onnxc.transform.base import Pass, PassContext
from onnxc.transform.pipeline import PIPELINE, run_pipeline
from tests.transform.random_module import random_module


def test_prints_after_passes() -> None:
    printed: list[str] = []
    run_pipeline(random_module(1), PassContext(level=1), ["fuse"], printed.append)
    assert len(printed) == 1 and printed[0].startswith('# after fuse\nmodule "model"')
    printed.clear()
    run_pipeline(random_module(1), PassContext(level=1), ["all"], printed.append)
    assert len(printed) == sum(step.level <= 1 for step in PIPELINE)


def test_an_unknown_pass_is_an_error() -> None:
    with pytest.raises(CompileError, match="there is no pass 'fusion'") as caught:
        run_pipeline(random_module(1), PassContext(), ["fusion"])
    assert "fuse" in caught.value.expected


def test_a_broken_pass_is_named() -> None:
    def break_main(module: Module, context: PassContext) -> Module:
        return module.with_main(replace(module.main, result=Var("nowhere", TensorType((), "float32"))))

    with pytest.raises(VerificationError, match=r"after pass 'breaks'.*%nowhere"):
        run_pipeline(random_module(1), PassContext(), passes=[Pass("breaks", 0, break_main)])


def test_levels() -> None:
    ran: list[str] = []

    def note(name: str, level: int) -> Pass:
        def run(module: Module, context: PassContext) -> Module:
            ran.append(name)
            return module

        return Pass(name, level, run)

    run_pipeline(random_module(1), PassContext(level=1), passes=[note(f"p{level}", level) for level in range(4)])
    assert ran == ["p0", "p1"]
