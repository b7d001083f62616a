"""How far Winograd's filtering is from the exact sums: the bounds that the README states."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from onnxc import targets
from onnxc.api import runs_here
from onnxc.op.layout import block_array, unblock_array
from onnxc.op.nn_conv_winograd import transform_weights
from onnxc.relay.expr import Constant
from tests.kernel.native import Graph, compile_module, link, run

#: Of the largest result, for normally distributed data and weights.
BOUNDS = {2: 2e-6, 4: 3e-5}


@pytest.mark.parametrize("tile", [2, 4])
def test_errors_of_float32_stay_within_the_stated_bounds(tile: int, tmp_path: Path) -> None:
    target = targets.find("x86-64-v3")
    if not runs_here(target):
        pytest.skip(f"this machine is no {target.name}")
    channels, size = 256, 8
    random = np.random.default_rng(0)
    data = random.standard_normal((1, channels, size + 2, size + 2)).astype(np.float32)
    weights = random.standard_normal((16, channels, 3, 3)).astype(np.float32)
    graph = Graph()
    x = graph.input(*block_array(data, 16).shape)
    packed = Constant(transform_weights(weights, tile, 16, 16))
    tiles = size // tile
    y = graph("nn.conv_winograd", x, packed, tile=tile, group=(1, tiles), padding=(0,) * 4, sizes=(size, size))
    (kernel,) = compile_module(graph.module([y]), target)
    assert kernel.rule == "conv_winograd"
    (got,) = run(link([kernel], tmp_path), kernel, [block_array(data, 16), packed.array], {})
    windows = np.lib.stride_tricks.sliding_window_view(data[0].astype(np.float64), (3, 3), (1, 2))
    exact = np.einsum("cyxij,ocij->oyx", windows, weights.astype(np.float64))
    error = np.max(np.abs(unblock_array(got)[0] - exact)) / np.max(np.abs(exact))
    assert 1e-9 < error < BOUNDS[tile]
