"""Sums of products of bytes at the ends of their ranges, where instructions for 16-bit sums would saturate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from onnxc import targets
from onnxc.api import runs_here
from onnxc.relay.expr import Call, Constant, Module
from onnxc.relay.types import TensorType
from onnxc.target import Target
from tests.golden import evaluate_module
from tests.kernel.native import Graph, compile_module, link, run

#: Words of so many lanes: 1 (scalar code), 4, 8, 16.
_TARGETS = ("cortex-m4", "x86-64-v2", "x86-64-v3", "x86-64-v4", "host")


def _target(name: str) -> Target:
    found = targets.find(name)
    if found.kernel_format != "c" and not runs_here(found):
        pytest.skip(f"this machine is no {found.name}")
    return found


def _sizes(type_: TensorType) -> list[int]:
    return [d for d in type_.shape if isinstance(d, int)]


@pytest.mark.parametrize("name", _TARGETS)
@pytest.mark.parametrize(("byte", "weight"), [(255, -128), (255, 127), (128, -128), (0, -128)])
def test_sums_are_exact_at_the_ends_of_the_ranges(name: str, byte: int, weight: int, tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input(1, 64, 3, 3, dtype="uint8")
    plain = {"strides": (1, 1), "dilations": (1, 1), "padding": (0, 0, 0, 0), "zero_point": 0}
    dense = Constant(np.full((32, 64, 3, 3), weight, np.int8))
    lanes = Constant(np.full((64, 1, 3, 3), weight, np.int8))
    results = [graph("qnn.conv", x, dense, **plain, groups=1), graph("qnn.conv", x, lanes, **plain, groups=64)]
    kernels = compile_module(graph.module(results), _target(name))
    library = link(kernels, tmp_path)
    found = set()
    for compiled in kernels:
        last = compiled.function.bindings[-1].value
        if not isinstance(last, Call) or last.op not in ("qnn.conv", "qnn.conv_blocked"):
            continue  # from and to the blocked layout
        data, weights, *_ = compiled.kernel.inputs
        # The column of zeros behind a depthwise window of three stays zero.
        values = np.full(_sizes(weights), weight, np.int8)
        if weights.rank == 5:
            values[..., 3] = 0
        arrays: list[np.ndarray] = [np.full(_sizes(data), byte, np.uint8), values]
        (result,) = run(library, compiled, arrays, {})
        found |= set(np.unique(result).tolist())
    assert found == {byte * weight * 9, byte * weight * 9 * 64}


@pytest.mark.parametrize("features", [(), ("avx512vnni",), ("avxvnni",)])
def test_words_of_any_bytes(features: tuple[str, ...], tmp_path: Path) -> None:
    """With and without the instructions of which this machine may have only some."""
    host = _target("host")
    if not set(features) <= set(host.required_cpu_features):
        pytest.skip(f"this machine lacks {features}")
    known = ("avx512vnni", "avxvnni")
    rest = tuple(f for f in host.required_cpu_features if f not in known)
    target = replace(
        host,
        required_cpu_features=(*rest, *features),
        features=(*host.features, *(f"-{f}" for f in known if f not in features)),
    )
    graph = Graph()
    x = graph.input(1, 16, 4, 5, dtype="uint8")
    weights = graph.weights(16, 16, 2, 2, dtype="int8")
    plain = {"strides": (1, 1), "dilations": (1, 1), "padding": (1, 0, 0, 1), "groups": 1, "zero_point": 200}
    kernels = compile_module(graph.module([graph("qnn.conv", x, weights, **plain)]), target)
    library = link(kernels, tmp_path)
    for compiled in kernels:
        if any(t.dtype not in ("int8", "uint8") for t in compiled.kernel.inputs):
            continue  # from and to the blocked layout
        random = np.random.default_rng(0)
        bytes_ = [random.integers(0, 256, _sizes(t)).astype(np.uint8) for t in compiled.kernel.inputs]
        arrays = [b.view(t.numpy_dtype) for b, t in zip(bytes_, compiled.kernel.inputs, strict=True)]
        wanted = evaluate_module(Module({"main": compiled.function}), arrays)
        np.testing.assert_array_equal(run(library, compiled, arrays, {})[0], wanted[0])
