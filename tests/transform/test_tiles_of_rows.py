"""Pixels that convolutions compute together although they don't divide the row."""

from __future__ import annotations

import pytest

from onnxc import targets
from onnxc.relay.expr import Call
from onnxc.transform.pipeline import PIPELINE, PassContext, run_pipeline
from tests.kernel.native import Graph


@pytest.mark.parametrize(
    ("target", "size", "groups", "tile"),
    [
        ("x86-64-v3", 7, 1, 4),  # room for 6: neither 1 nor 7 does
        ("x86-64-v3", 8, 1, 0),  # 2x2 divide it
        ("x86-64-v3", 14, 1, 0),
        ("x86-64-v3", 7, 32, 0),  # depthwise: each pixel loads a vector
        ("x86-64-v3", 3, 1, 0),  # by 4, a quarter would be for nothing
        ("x86-64-v4", 7, 1, 0),  # room for 28
    ],
)
def test_of_known_length(target: str, size: int, groups: int, tile: int) -> None:
    graph = Graph()
    y = graph.conv(graph.input(1, 32, size, size), 32, 1, 1, groups=groups)
    passes = [step for step in PIPELINE if step.name != "planes"]  # alone, it may not be worth its blocks
    module = run_pipeline(graph.module([y]), PassContext(targets.find(target), 3), passes=passes)
    calls = [b.value for f in module.functions.values() for b in f.bindings]
    (conv,) = (c for c in calls if isinstance(c, Call) and c.op == "nn.conv_blocked")
    assert conv.attrs.column_tile == tile
