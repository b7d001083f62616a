"""Pixels that convolutions compute together although they don't divide the row."""

from __future__ import annotations

import pytest

from onnxc import targets
from onnxc.relay.expr import Call
from onnxc.transform.pipeline import PIPELINE, PassContext, run_pipeline
from tests.kernel.native import Graph


@pytest.mark.parametrize(
    ("target", "size", "channels", "groups", "tile"),
    [
        ("x86-64-v3", 7, 64, 1, 5),  # room for 6: neither 1 nor 7 does, and of 49 pixels one is computed twice
        ("x86-64-v3", 14, 64, 1, 6),  # 33 tiles instead of 49 by 2x2
        ("x86-64-v3", 14, 16, 1, 0),  # so few products that addresses would take longer
        ("x86-64-v3", 12, 64, 1, 0),  # 6 divide it
        ("x86-64-v3", 7, 64, 64, 0),  # depthwise: each pixel loads a vector
        ("x86-64-v3", 3, 64, 1, 5),
        ("x86-64-v2", 14, 64, 1, 0),  # without fused multiply-adds
        ("x86-64-v4", 7, 64, 1, 0),  # room for 28
    ],
)
def test_of_known_sizes(target: str, size: int, channels: int, groups: int, tile: int) -> None:
    graph = Graph()
    y = graph.conv(graph.input(1, channels, size, size), channels, 1, 1, groups=groups)
    passes = [step for step in PIPELINE if step.name != "planes"]  # alone, it may not be worth its blocks
    module = run_pipeline(graph.module([y]), PassContext(targets.find(target), 3), passes=passes)
    calls = [b.value for f in module.functions.values() for b in f.bindings]
    (conv,) = (c for c in calls if isinstance(c, Call) and c.op == "nn.conv_blocked")
    assert conv.attrs.pixel_tile == tile
