"""Every pass against golden text; what goes in and what comes out is also interpreted on random inputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from onnxc import targets
from onnxc.diagnostics import CompileError
from onnxc.relay.expr import Module
from onnxc.relay.printer import print_module
from onnxc.transform.base import Pass, PassContext
from onnxc.transform.pipeline import PIPELINE, run_pipeline
from tests.golden import Golden, assert_same_values, evaluate_module, goldens, random_inputs

_PASSES = {step.name: step for step in PIPELINE}


def _passes(golden: Golden) -> list[Pass]:
    return [_PASSES[name] for name in golden.settings["pass"].split(", ")]


@pytest.mark.parametrize("path", goldens(Path(__file__).parent / "cases"))
def test_golden(path: Path, update_goldens: bool) -> None:
    golden = Golden.read(path)
    before = golden.module()
    dims = {n: int(v) for n, _, v in (d.partition("=") for d in golden.settings.get("dims", "").split())}
    results: list[Module] = []

    def run() -> str:
        target = targets.find(golden.settings["target"]) if "target" in golden.settings else None
        context = PassContext(target, level=int(golden.settings.get("level", "3" if target else "2")))
        results.append(run_pipeline(before, context, passes=_passes(golden)))
        return print_module(results[0])

    golden.check(run, CompileError, update_goldens)
    for after in results:
        for seed in range(2):
            arrays = random_inputs(before, dims, seed)
            assert_same_values(evaluate_module(before, arrays), evaluate_module(after, arrays))
