"""Small graphs of operators that have few or no cases in the onnx package."""

from __future__ import annotations

import itertools

import numpy as np

from onnxc.relay.dimension import Dim
from onnxc.relay.expr import Atom, Constant
from tests.kernel.cases import Case
from tests.kernel.native import Graph


def _random(g: Graph) -> list[Atom]:
    keys = ((7, 0), (0xFFFFFFFF, 1))
    made = [
        g("random", shape=(5, 13), dtype=dtype, distribution=kind, first=first, second=second, key=key)
        for (kind, first, second), dtype, key in itertools.product(
            (("uniform", -1.5, 3.0), ("normal", 2.0, 0.5)), ("float32", "float64", "float16", "bfloat16"), keys
        )
    ]
    return [*made, g("multinomial", g.input("N", 7), count=9, dtype="int64", key=(1, 0))]


def _regions(g: Graph) -> list[Atom]:
    rois = np.array(
        [[0, 0, 0, 6, 4], [1, 2.5, 1.5, 3.4, 9], [0, -3, -2, 20, 20], [1, 5, 4, 2, 1], [9, 30, 30, 40, 40]], np.float32
    )
    x = g.input(2, 3, 5, 7)
    return [g("roi_max_pool", x, Constant(rois), height=2, width=3, scale=s) for s in (1.0, 0.5)]


def _deformable(g: Graph) -> list[Atom]:
    x, attrs = g.input("N", 4, 6, 5), {"kernel": (3, 2), "padding": (1, 0, 1, 1), "dilations": (1, 2)}
    offset, mask = g.input("N", 24, 3, 4), g.input("N", 12, 3, 4)
    line, moved = g.input(1, 2, 9, dtype="float16"), g.input(1, 3, 7, dtype="float16")
    return [
        g("deformable_columns", x, offset, mask, strides=(2, 1), groups=2, **attrs),
        g("deformable_columns", line, moved, kernel=(3,), strides=(1,), padding=(0, 0), dilations=(1,)),
    ]


def _scattered(g: Graph) -> list[Atom]:
    cache, places = g.input(3, 4, "N", 2), np.array([0, 2, 1])
    updates = [g.input(3, 4, size, 2) for size in (2, 3)]
    # Places and sizes fit into the smallest N that is tried.
    return [
        g("tensor_scatter", cache, updates[0], Constant(places), axis=2),
        g("tensor_scatter", cache, updates[1], Constant(places + 2), axis=2, circular=True),
        g("tensor_scatter", cache, updates[1], axis=2),
    ]


def _transforms(g: Graph) -> list[Atom]:
    size, transform = Dim.symbol("N"), "fourier_transform"
    x = g.input(2, "N", 3, 2)
    return [
        g(transform, x, length=size),
        g(transform, x, length=size, inverse=True),
        g(transform, x, length=71),
        g(transform, g.input("N", 5, 1, 1, dtype="float64"), length=12, onesided=True),
        g(transform, g.input(1, "N", 1, 1, dtype="float16"), length=size, onesided=True),
        g(transform, g.input(1, 4, "N", 2), length=size, inverse=True, onesided=True),
    ]


def _pools_of_blocks(g: Graph) -> list[Atom]:
    """Rows of 28, 14 and 7 blocks of channels, with what follows."""
    x = g.conv(g.input(2, 3, 28, 28), 16, 1, 1)
    pooled = [
        g.pool("nn.max_pool", x, 3, 3, padding=1),
        g("nn.relu", g.pool("nn.average_pool", x, 3, 3, strides=2, padding=1)),
        g.pool("nn.max_pool", x, 4, 4, strides=4),
    ]
    return pooled


OPERATOR_CASES = [
    Case("pools_of_blocks", _pools_of_blocks, ("conv_blocked",), without=("planes",)),
    Case("random", _random, (), {"N": (1, 4)}),
    Case("regions", _regions),
    Case("deformable", _deformable, (), {"N": (1, 2)}),
    Case("tensor_scatter", _scattered, (), {"N": (4, 7)}),
    Case(
        "determinant",
        lambda g: [
            g("determinant", g.input("N", 5, 5)),
            g("determinant", g.input(3, "N", "N", dtype="float64")),
            g("determinant", Constant(np.array([[0, 1], [2, 3]], np.float16))),
            g("determinant", g.input(2, 1, 1, dtype="bfloat16")),
        ],
        (),
        {"N": (1, 4)},
    ),
    Case("fourier_transform", _transforms, (), {"N": (1, 2, 9, 67, 134)}),
    Case(
        "sliding_window",
        lambda g: [
            g("sliding_window", g.input(2, "N", 3), axis=1, size=4, stride=3, count=(Dim.symbol("N") - 1) // 3),
            g("negative", g("sliding_window", g.input(2, 8, dtype="float16"), axis=1, size=8, stride=1, count=1)),
        ],
        (),
        {"N": (4, 9, 37)},
    ),
]
