"""Weights that come from far are asked for ahead."""

from __future__ import annotations

from pathlib import Path

import pytest

from onnxc import targets
from onnxc.api import runs_here
from onnxc.kernel.compile import kernel_listing
from onnxc.kernel.knobs import Knobs
from onnxc.kernel.primitive import operators
from onnxc.relay.expr import Function, Module
from onnxc.transform.pipeline import PIPELINE, PassContext, run_pipeline
from tests.kernel.native import Graph, check, compile_module, link

V3 = targets.find("x86-64-v3")


def _module(channels: int) -> Module:
    graph = Graph()
    return graph.module([graph.conv(graph.input(1, channels, 4, 4), channels, 1, 1)])


def _convolution(channels: int, target: str) -> Function:
    passes = [step for step in PIPELINE if step.name != "planes"]  # alone, it may not be worth its blocks
    module = run_pipeline(_module(channels), PassContext(targets.find(target), 3), passes=passes)
    (found,) = (f for f in module.functions.values() if f.is_primitive and "nn.conv_blocked" in operators(f))
    return found


@pytest.mark.parametrize(
    ("channels", "target", "instruction"),
    [(256, "x86-64-v3", "prefetcht0"), (32, "x86-64-v3", None), (512, "aarch64", "prfm\tpldl1keep")],
)
def test_only_weights_that_do_not_stay_in_the_cache(channels: int, target: str, instruction: str | None) -> None:
    text = kernel_listing(_convolution(channels, target), "kernel", targets.find(target), "asm")
    assert (instruction in text) if instruction else ("prefetch" not in text)


@pytest.mark.parametrize("chosen", [{"conv.prefetch": 8192}, {"conv.prefetch": 2048, "conv.unroll": 4}])
def test_reading_ahead_of_the_end_does_no_harm(chosen: dict[str, int], tmp_path: Path) -> None:
    if not runs_here(V3):
        pytest.skip(f"this machine is no {V3.name}")
    kernels = compile_module(_module(64), V3, knobs=lambda: Knobs(chosen), without=("planes",))
    library = link(kernels, tmp_path)
    assert any(kernel.rule == "conv_blocked" for kernel in kernels)
    for kernel in kernels:
        check(library, kernel, {})
