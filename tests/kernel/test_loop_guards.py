"""Elementwise loops over so many elements as only the run knows: they are vectorised, and end where they should."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from onnxc import targets
from onnxc.api import runs_here
from onnxc.kernel.compile import kernel_listing
from onnxc.relay.expr import Atom
from onnxc.transform.pipeline import PIPELINE, PassContext, run_pipeline
from tests.kernel.cases import scalar
from tests.kernel.native import Graph, compile_module, link, run


def _quantized(g: Graph) -> Atom:
    x = g.input("N", 96)
    return g("qnn.quantize", x, scalar(0.25), g.input(dtype="uint8"), dtype="uint8")  # type: ignore[no-any-return]


def test_the_loop_is_vectorised() -> None:
    g = Graph()
    target = targets.find("x86-64-v3")
    module = run_pipeline(g.module([_quantized(g)]), PassContext(target, 3), passes=PIPELINE)
    (function,) = (f for f in module.functions.values() if f.is_primitive)
    assert "@llvm.nearbyint.v8f32" in kernel_listing(function, "kernel", target, "llvm")


def test_nothing_is_written_behind_the_end(tmp_path: Path) -> None:
    """Margins around the buffers are checked by `run`; 4,096 elements are a task."""
    g = Graph()
    target = targets.find("host")
    assert runs_here(target)
    (compiled,) = compile_module(g.module([_quantized(g)]), target)
    library = link([compiled], tmp_path)
    for count in (1, 42, 43, 128, 129):
        x = np.random.default_rng(0).normal(0, 20, (count, 96)).astype(np.float32)
        (got,) = run(library, compiled, [x, np.array(7, np.uint8)], {"N": count})
        np.testing.assert_array_equal(got, np.clip(np.rint(x / np.float32(0.25)) + 7, 0, 255).astype(np.uint8))
