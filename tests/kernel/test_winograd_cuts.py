"""Winograd's filtering, however it is cut: groups of tiles, tiles in registers, one phase or two."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from onnxc import targets
from onnxc.api import runs_here
from onnxc.op.nn_conv_winograd import padding_of_tiles, transform_operations, transform_weights
from onnxc.relay.expr import Constant
from tests.kernel.native import Graph, check, compile_module, link


@pytest.mark.parametrize("tile", [2, 4])
@pytest.mark.parametrize(
    ("group", "together", "fused"),
    [
        ((1, 1), 1, False),
        ((3, 5), 5, False),
        ((3, 5), 4, False),  # one of 16 tiles fills up
        ((3, 5), 14, True),  # 13 of 28
        ((1, 5), 3, True),
        ((3, 1), 3, True),
    ],
)
def test_all_cuts_compute_the_same(
    tile: int, group: tuple[int, int], together: int, fused: bool, tmp_path: Path
) -> None:
    target = targets.find("x86-64-v3")
    if not runs_here(target):
        pytest.skip(f"this machine is no {target.name}")
    sizes = (3 * tile, 5 * tile - 1)
    graph = Graph()
    weights = np.random.default_rng(0).standard_normal((32, 32, 3, 3)).astype(np.float32)
    packed = Constant(transform_weights(weights, tile, 16, 16))
    padding = padding_of_tiles(sizes, sizes, (1, 1), tile)
    x = graph.input("N", 2, *sizes, 16)
    y = graph("nn.conv_winograd", x, packed, tile=tile, group=group, together=together, fused=fused, padding=padding,
              sizes=sizes)  # fmt: skip
    kernels = compile_module(graph.module([graph("nn.relu", y)]), target)
    library = link(kernels, tmp_path)
    for kernel in kernels:
        check(library, kernel, {"N": 2}, 1e-4)
    (winograd,) = (k for k in kernels if k.rule == "conv_winograd")
    assert len(winograd.kernel.phases) == (1 if fused else 2)


def test_the_arithmetic_of_the_transforms_is_counted() -> None:
    assert transform_operations(2) == (8 * 4, (4 + 2) * 4)
    assert transform_operations(4) == (12 * 19, (6 + 4) * 13)


def test_multiply_adds_are_those_of_products_and_half_the_operations_of_transforms() -> None:
    graph = Graph()
    x = graph.input(1, 2, 8, 12, 16)
    weights = graph.weights(3, 6, 6, 2, 16, 16)
    y = graph("nn.conv_winograd", x, weights, tile=4, padding=(1, 1, 1, 1), sizes=(8, 12))
    kernels = compile_module(graph.module([y]), targets.find("x86-64-v3"))
    (kernel,) = (k for k in kernels if k.rule == "conv_winograd")
    assert kernel.kernel.multiply_adds == 6 * (36 * 32 * 48 + (228 * 32 + 130 * 48) // 2)
