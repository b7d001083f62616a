"""Small graphs of awkward shapes, each with the schedule rules that must apply on processors with vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from onnxc.relay.dimension import Dim
from onnxc.relay.expr import Atom, Constant
from onnxc.relay.types import TensorType
from tests.kernel.native import Graph

N, M = Dim.symbol("N"), Dim.symbol("M")


@dataclass(frozen=True)
class Case:
    """A graph.

    Attributes
    ----------
    build : callable
        ``Graph -> results``
    rules : tuple of str
        Rules of its kernels in order of the program, but for the generic one and the one that moves axes.
    sizes : mapping
        Values to try for each symbol, in all combinations.
    without : tuple of str
        Passes that are left out, since what they do depends on the target.
    """

    name: str
    build: Callable[[Graph], Sequence[Atom]]
    rules: tuple[str, ...] = ()
    sizes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    without: tuple[str, ...] = ()


def scalar(value: float, dtype: str = "float32") -> Constant:
    return Constant(np.array(value, dtype))


def _dim(x: Atom, axis: int) -> int:
    assert isinstance(x.type, TensorType)
    dim = x.type.shape[axis]
    assert isinstance(dim, int)
    return dim


# Matrix products


def _dense(g: Graph, x: Atom, units: int, bias: bool = True) -> Any:
    return g("nn.dense", x, g.weights(units, _dim(x, -1)), *([g.weights(units)] if bias else []))


_PRODUCT = ("matmul",)
PRODUCTS = [
    Case(
        "dense",
        lambda g: [_dense(g, g.input(rows, 17), units) for rows in (1, 2, 7, 37) for units in (1, 5, 37)],
        _PRODUCT * 12,
    ),
    Case(
        "dense_ranks",
        lambda g: [
            _dense(g, g.input(13), 7),
            _dense(g, g.input(2, 3, 13), 17, bias=False),
            _dense(g, g.input("N", 3, 13), 17),
            _dense(g, g.input("N", 1), 5),
        ],
        _PRODUCT * 4,
        {"N": (1, 2, 13)},
    ),
    Case(
        "dense_epilogue",
        lambda g: [
            g("nn.gelu", _dense(g, g.input("N", 16), 24), approximate="none"),
            g("add", _dense(g, g.input(5, 16), 24), g.input(5, 24)),
        ],
        _PRODUCT * 2,
        {"N": (1, 9)},
    ),
    Case(
        "matmul",
        lambda g: [
            g("nn.matmul", g.input(7, 13), g.input(13, 5)),
            g("nn.matmul", g.input(2, 3, 7, 13), g.input(3, 13, 17)),
            g("nn.matmul", g.input(13, 7), g.input(17, 13), transpose_a=True, transpose_b=True),
            g("nn.matmul", g.input(2, 1, 3, 1), g.input(4, 1, 33)),
        ],
        _PRODUCT * 4,
    ),
    Case(
        "matmul_symbolic",
        lambda g: [
            g("nn.matmul", g.input("N", 4, "M", 8), g.input("N", 4, "M", 8), transpose_b=True),
            g("nn.matmul", g.input("N", 1, "M", "K"), g.input(4, "K", "M")),
        ],
        _PRODUCT * 2,
        {"N": (1, 2), "M": (1, 7, 17), "K": (1, 16)},
    ),
    Case(
        "narrow_tiles",
        lambda g: [
            _dense(g, g.input("M", 5), 70),
            g("nn.relu", g("nn.matmul", g.input("M", 5), g.input(5, "N"))),
            g("nn.matmul", g.input(29, 5), g.input(5, 70)),
        ],
        _PRODUCT * 3,
        {"M": (0, 1, 2, 3, 4, 8, 11, 14, 15, 30), "N": (1, 8, 16, 17, 33, 70)},
    ),
    Case(
        "vectors",
        lambda g: [
            g("nn.matmul", g.input(1, 13), g.input(13, 17)),
            g("nn.matmul", g.input(13), g.input(13, 17)),
            g("nn.matmul", g.input(1, "M"), g.input(17, "M"), transpose_b=True),
            g("nn.matmul", g.input(13), g.input(13)),
            g("nn.matmul", g.input(2, 7, 64), g.input(64)),
        ],
        ("columns", "columns", "rows", "rows", "rows"),
        {"M": (1, 7, 130)},
    ),
    Case(
        "other_types",
        lambda g: [
            g("nn.matmul", g.input(3, 5, dtype="int8"), g.input(5, 7, dtype="int8"), out_dtype="int32"),
            g("nn.matmul", g.input("N", 5, dtype="float64"), g.input(5, 7, dtype="float64")),
        ],
        ("columns", "columns"),
        {"N": (1, 3)},
    ),
]


# Reductions


def _layer_norm(g: Graph, x: Atom, axis: int) -> Any:
    assert isinstance(x.type, TensorType)
    shape = [_dim(x, i) for i in range(axis, x.type.rank)]
    return g("nn.layer_norm", x, g.weights(*shape), g.weights(*shape), axis=axis, epsilon=1e-5)


def _variance(g: Graph, x: Atom, axis: tuple[int, ...]) -> Any:
    deviation = g("subtract", x, g("mean", x, axis=axis, keepdims=True))
    return g("mean", g("multiply", deviation, deviation), axis=axis, keepdims=True)


def _sums(g: Graph, op: str, shape: Sequence[int | str], dtype: str, axes: Sequence[tuple[int, ...]]) -> list[Atom]:
    return [g(op, g.input(*shape, dtype=dtype), axis=a, keepdims=i % 2 == 0) for i, a in enumerate(axes)]


_ROWS = ("rows",)
_COLUMNS = ("columns",)
_AXES = ((0,), (1,), (2,), (0, 1, 2), (0, 2), (1, 2))
REDUCTIONS = [
    Case(
        "softmax_rows",
        lambda g: [
            *(g("nn.softmax", g.input(*s), axis=-1) for s in ((7,), (3, 13), (3, 64), (2, 3, 5, 1), (2, 1024))),
            g("nn.softmax", g.input("N", 37), axis=1),
            g("nn.log_softmax", g.input("N", 48), axis=1),
            g("nn.hardmax", g.input("N", 7), axis=1),
        ],
        _ROWS * 8,
        {"N": (1, 5)},
    ),
    Case(
        "softmax_long",
        lambda g: [
            g("nn.softmax", g.input(2, 30_001), axis=1),  # longer than the stack
            g("nn.softmax", g.input("N", "M"), axis=1),
            g("nn.layer_norm", g.input("N", "M"), g.input("M"), axis=1, epsilon=1e-5),
            g("sum", g.input("M", dtype="int64"), axis=(0,), keepdims=False),
        ],
        ("rows",) * 4,
        {"N": (1, 5), "M": (1, 7, 16, 31, 64, 95, 130)},
    ),
    Case(
        "softmax_axes",
        lambda g: (
            [g("nn.softmax", g.input(3, 13, 5, 7), axis=a) for a in (0, 1, 2)]
            + [g("nn.log_softmax", g.input(3, 13, "M"), axis=1)]
        ),
        _COLUMNS * 4,
        {"M": (1, 66)},
    ),
    Case(
        "layer_norm",
        lambda g: [
            *(_layer_norm(g, g.input(3, n), 1) for n in (1, 7, 64, 2500)),
            _layer_norm(g, g.input("N", 3, 96), 2),
            _layer_norm(g, g.input(2, 3, 4, 5), 2),
            g("nn.rms_norm", g.input("N", 96), g.weights(96), axis=1, epsilon=1e-6),
            g("nn.layer_norm", g.input("N", "M"), g.input("M"), g.input("M"), axis=1, epsilon=1e-5),
        ],
        _ROWS * 8,
        {"N": (1, 5), "M": (1, 7, 130)},
    ),
    Case("sums", lambda g: _sums(g, "sum", (3, 5, 37), "float32", _AXES), (*_COLUMNS * 2, *_ROWS * 3)),
    Case(
        "sums_in_lanes",
        lambda g: [*_sums(g, "mean", (3, 4, 64), "float32", _AXES), *_sums(g, "max", (3, 4, 64), "float32", _AXES)],
        (*_COLUMNS * 2, *_ROWS * 3) * 2,
    ),
    Case(
        "to_a_scalar",
        lambda g: [g(op, g.input(7000), axis=(0,), keepdims=k) for op in ("sum", "max") for k in (True, False)],
        _ROWS * 4,
    ),
    Case(
        "columns",
        lambda g: [
            g("sum", g.input(5000, 3), axis=(0,), keepdims=False),
            g("mean", g.input(5, 101), axis=(0,), keepdims=True),
        ],
        _COLUMNS * 2,
    ),
    Case(
        "sums_symbolic",
        lambda g: [
            *_sums(g, "mean", ("N", 5, "M"), "float32", _AXES),
            *_sums(g, "max", ("N", 5, "M"), "float32", _AXES),
        ],
        (*_COLUMNS * 2, *_ROWS * 3) * 2,
        {"N": (1, 3), "M": (1, 17, 130)},
    ),
    Case(
        "sums_of_integers",
        lambda g: [
            y
            for d, op in (("int64", "sum"), ("int32", "product"), ("uint8", "max"), ("int8", "min"))
            for y in _sums(g, op, (3, 5, 33), d, _AXES[:4])
        ],
        (*_COLUMNS * 2, *_ROWS * 2) * 4,
    ),
    Case(
        "arguments",
        lambda g: [
            g(op, g.input("N", 5, "M"), axis=a, keepdims=True, last=False)
            for op in ("argmax", "argmin")
            for a in (0, 1, 2)
        ],
        (*_COLUMNS * 2, *_ROWS) * 2,
        {"N": (1, 3), "M": (1, 17, 130)},
    ),
    Case(
        "variance",
        lambda g: [_variance(g, g.input("N", 5, 6, 7), a) for a in ((3,), (2, 3), (0, 2, 3))],
        _ROWS * 4,
        {"N": (1, 3)},
    ),
    Case(
        "before_and_after",
        lambda g: [
            g("sum", g("exp", g.input(5, 37)), axis=(1,), keepdims=False),
            g("sum", g("multiply", g.input(5, 37), g.input(37)), axis=(1,), keepdims=False),
            g("sqrt", g("sum", g("abs", g.input("N", 37)), axis=(1,), keepdims=True)),
            g("max", g("transpose", g.input(5, 7, 3), axes=(2, 0, 1)), axis=(2,), keepdims=False),
        ],
        _ROWS * 3,
        {"N": (1, 3)},
    ),
]


# Everything else


def in_place(g: Graph) -> list[Atom]:
    """Kernels that may all overwrite an argument: each has one that a kernel in C, which nothing joins, has made."""

    def made(*shape: int | str) -> Any:
        return g("cumulative_sum", g.input(*shape), axis=0)

    weights = g.weights(16, 16)
    return [
        g("multiply", made("N", 37), g.input(37)),
        g("subtract", g.input("N", 37), made("N", 37)),
        g("cast", made("N", 37), dtype="int32"),
        g("add", g("nn.softmax", g.input("N", 37), axis=1), made("N", 37)),
        g("add", g("nn.dense", g.input("N", 16), weights), made("N", 16)),
    ]


def _guarded(g: Graph) -> list[Atom]:
    """Functions that are computed where a condition on the index holds."""
    x, image = g.input("N", 3, 9), g.input("N", 4, 6, 6)
    return [
        g("pad", g("sigmoid", x), before=(0, 0, 1), after=(0, 0, 2), value=0.0),
        g("concatenate", g("exp", g("tanh", x)), x, g("nn.softplus", x), axis=1),
        g.conv(g("nn.gelu", image, approximate="none"), 8, 3, 3, padding=1),
        g("where", g("greater", x, scalar(0)), g("log", x), g("exp", x)),
    ]


def _nested(g: Graph, x: Atom) -> Any:
    return g("tanh", g("nn.softplus", g("nn.elu", g("nn.gelu", x, approximate="none"))))


def _pools(g: Graph, op: str) -> list[Atom]:
    shapes = ((5, 3, 1, 0, 1), (13, 3, 2, 1, 1), (7, 2, 1, 0, 3), (1, 1, 1, 0, 1))
    return [g.pool(op, g.input(2, 3, w), k, strides=s, padding=p, dilations=d) for w, k, s, p, d in shapes]


MOVES = [
    Case(
        "broadcasting",
        lambda g: [
            g("add", g.input(2, 3, 5, 7), g.input(3, 1, 1)),
            g("multiply", g.input(2, 1, 5, 1), g.input(3, 1, 7)),
            g("subtract", g.input("N", 3, "M"), g.input(3, 1)),
            g("add", g.input("N", 1), g.input("M")),
            g("add", g.input("N", "M"), g.input("K", "M")),
            g("maximum", g.input(7), g.input(1)),
            g("add", g.input(), g.input()),
        ],
        (),
        {"N": (1, 3), "M": (1, 130), "K": (1,)},
    ),
    Case(
        "large",
        lambda g: [g("exp", g.input(5000)), g("abs", g.input(3, 4099)), g("nn.relu", g.input("N", "M"))],
        (),
        {"N": (1, 3), "M": (1, 5000)},
    ),
    Case(
        "moves",
        lambda g: [
            g("transpose", g.input(2, 3, 5, 7), axes=(0, 2, 3, 1)),
            g("transpose", g.input("N", 5, "M"), axes=(2, 0, 1)),
            g("strided_slice", g.input("N", 9, "M"), begin=(0, 1, 0), end=(N, 9, M), strides=(1, 3, 1)),
            g("concatenate", g.input("N", 2, 5), g.input("N", 3, 5), axis=1),
            g("concatenate", g.input("N", 2, "M"), g.input("N", 2, 3), axis=2),
            g("pad", g.input("N", 3, "M"), before=(0, 1, 2), after=(0, 0, 3), value=1.5),
            g("tile", g.input(2, 3), repeats=(2, 3)),
            g("take", g.input(5, "M"), Constant(np.array([[0, 4], [2, 2]])), axis=0),
        ],
        (),
        {"N": (1, 3), "M": (1, 7)},
    ),
    Case("split", lambda g: [g("split", g.input("N", 7, 3), sizes=(1, 4, 2), axis=1)], (), {"N": (1, 3)}),
    Case(
        "types",
        lambda g: [
            g("where", g("greater", g.input("N", 7), g.input(7)), g.input("N", 7), scalar(0)),
            g("cast", g.input("N", 7, dtype="int32"), dtype="float32"),
            g("cast", g.input(33, dtype="float64"), dtype="float32"),
            g("divide", g.input(3, 7, dtype="int64"), scalar(3, "int64")),
            g("logical_not", g.input(3, 7, dtype="bool")),
            g("add", g.input("N", dtype="int8"), g.input("N", dtype="int8")),
            g("floor_mod", g.input(40, dtype="int32"), scalar(7, "int32")),
            g("qnn.quantize", g.input(3, 37), scalar(0.05), scalar(10, "uint8"), axis=1, dtype="uint8"),
            g("qnn.dequantize", g.input(3, 37, dtype="int8"), scalar(0.05), axis=1, dtype="float32"),
        ],
        (),
        {"N": (1, 37)},
    ),
    # TVM by itself takes minutes for these.
    Case(
        "nested_functions",
        lambda g: [_nested(g, g.input("N", 24)), _nested(g, _dense(g, g.input("N", 8), 24))],
        _PRODUCT,
        {"N": (1, 9)},
    ),
    Case("guarded_functions", _guarded, ("conv_blocked",), {"N": (1, 3)}, ("planes",)),
    Case("pools", lambda g: [*_pools(g, "nn.max_pool"), *_pools(g, "nn.average_pool")], ("rows", "rows")),
    Case(
        "pools_symbolic",
        lambda g: [
            g.pool("nn.max_pool", g.input(1, 3, 5, 6, 7), 2, 2, 3, strides=(1, 2, 1)),
            g.pool("nn.max_pool", g.input("N", 3, "M", 9), 3, 3, strides=2, padding=1),
            g.pool("nn.average_pool", g.input("N", 3, "M", "M"), 3, 3, strides=2, padding=1),
            g.pool("nn.max_pool", g.conv(g.input("N", 3, "M", 9), 16, 3, 3, padding=1), 3, 3, strides=2, padding=1),
        ],
        ("conv_blocked",),
        {"N": (1, 2), "M": (1, 7, 130)},
    ),
    Case("in_place", in_place, ("rows", "matmul"), {"N": (1, 3, 9)}),
]

CASES = [*PRODUCTS, *REDUCTIONS, *MOVES]
