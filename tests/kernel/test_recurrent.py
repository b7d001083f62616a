"""Kernels of recurrent cells: each version of their products, on awkward numbers of rows and hidden units."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from onnxc import targets
from onnxc.op.nn_recurrent import GATES
from tests.kernel.cases import M, N
from tests.kernel.native import Graph, check, compile_module, link
from tests.kernel.recurrent_cases import cell

#: Flags of a C compiler for each version of the products, and what the processor needs for it.
_VERSIONS = {
    "plain C": ((), ""),
    "SSE": ((), ""),
    "AVX": (("-mavx2", "-mfma"), "avx2"),
    "AVX-512": (("-mavx512f", "-mfma"), "avx512f"),
}
if targets.host().family != "x86":
    _VERSIONS = {"plain C": ((), ""), "vectors": ((), "")}
_RUN_HERE = [name for name, (_, need) in _VERSIONS.items() if not need or need in targets.host().required_cpu_features]


@pytest.mark.parametrize("version", _RUN_HERE)
@pytest.mark.parametrize("name", GATES)
def test_products(name: str, version: str, tmp_path: Path) -> None:
    """All numbers of rows, with tiles that are full and that are not."""
    g = Graph()
    results = [
        result
        for hidden, batch, dtype in [
            *((5, batch, "float32") for batch in (1, 3, 7, 9)),
            *((32, batch, "float32") for batch in (1, 16)),
            (19, 6, "float64"),
        ]
        for result in cell(g, name, hidden, batch, 3, dtype=dtype)
    ]
    kernels = compile_module(g.module(results), targets.find("x86-64-v2"))
    if version == "plain C":
        without = [k.kernel.source.replace("defined(__GNUC__)", "0") for k in kernels]
        assert all(text != k.kernel.source for text, k in zip(without, kernels, strict=True))
        kernels = [replace(k, kernel=replace(k.kernel, source=s)) for k, s in zip(kernels, without, strict=True)]
    library = link(kernels, tmp_path, _VERSIONS[version][0])
    for kernel in kernels:
        assert kernel.rule == "source"
        check(library, kernel, {})


@pytest.mark.parametrize("directions", [1, 2])
def test_options(directions: int, tmp_path: Path) -> None:
    """Rows that end early, states that are given, weights of the cell, other functions in each direction."""
    g, clip = Graph(), {"clip": 0.7}
    mixed = (("HardSigmoid", 0.3, 0.4), ("Softsign", 0.0, 0.0), ("Tanh", 0.0, 0.0)) * directions
    if directions == 2:
        mixed = (*mixed[:3], ("Sigmoid", 0.0, 0.0), ("Relu", 0.0, 0.0), ("Elu", 0.5, 0.0))
    every = ("initial_h", "initial_c", "peephole", "lengths")
    states = ("initial_h", "lengths")
    cells: list[tuple[str, dict[str, Any]]] = [
        ("nn.lstm", {"optional": every, **clip}),
        ("nn.lstm", {"optional": ("lengths",), "input_forget": True, "activations": mixed}),
        ("nn.gru", {"optional": states, **clip}),
        ("nn.gru", {"optional": ("lengths",)}),
        ("nn.gru", {"optional": (*states, "bias"), "linear_before_reset": True}),
        ("nn.gru", {"optional": ("lengths",), "linear_before_reset": True}),
        ("nn.rnn", {"optional": states}),
    ]
    if directions == 1:
        cells += [(name, {**attrs, "reversals": (True,)}) for name, attrs in cells]
    results = [r for name, attrs in cells for r in cell(g, name, 21, 5, 4, directions, **attrs)]
    kernels = compile_module(g.module(results), targets.find("x86-64-v3"))
    library = link(kernels, tmp_path)
    for kernel in kernels:
        check(library, kernel, {})


def test_open_dimensions(tmp_path: Path) -> None:
    g = Graph()
    results = [r for name in GATES for r in cell(g, name, 20, N, M, 2)]
    kernels = compile_module(g.module(results), targets.find("x86-64-v3"))
    library = link(kernels, tmp_path)
    for kernel in kernels:
        for batch, steps in ((1, 1), (3, 2), (14, 3)):
            check(library, kernel, {"N": batch, "M": steps})
