"""Products of matrices, Einsum, determinants."""

from __future__ import annotations

import math

import numpy as np

from tests.random.evaluation import FLOATS
from tests.random.graph import Builder, need
from tests.random.registry import generator
from tests.random.values import DOUBLE, FLOAT, INT8, INT32, INT64, UINT8, Value

_FLOATS = (FLOAT, FLOAT, FLOAT, FLOAT, DOUBLE, *FLOATS)


def _deep(v: Value) -> bool:
    """A matrix whose rows are of known length."""
    return v.fixed(v.rank - 1) and v.shape[-1] > 0 and v.largest > 0


def matrix(g: Builder, low: int = 2, high: int = 4, types: tuple[int, ...] = _FLOATS) -> Value:
    found = [v for v in g.tensors() if v.element in types and low <= v.rank <= high and _deep(v)]
    if found and g.choose((True, True, False)):
        return g.choose(found)  # type: ignore[no-any-return]
    sizes: list[int | str] = [
        g.choose((1, 3, "N")),
        g.choose((2, "H")),
        g.choose((1, 5, "L")),
        g.choose((1, 6, 24, 33)),
    ]
    return g.fresh(g.choose(types), sizes[4 - g.choose(range(low, high + 1)) :], style=0)


@generator("MatMul")
def product(g: Builder, op: str) -> object:
    kind = g.choose(("weights", "weights", "itself", "vector", "batch"))
    x = matrix(g, types=(*_FLOATS, INT32, INT64))
    depth, element = x.shape[-1], x.element
    if kind == "itself":
        order = [*range(x.rank - 2), x.rank - 1, x.rank - 2]
        (turned,) = g.node("Transpose", [x], perm=order)
        (y,) = g.node(op, [x, turned])
        if element not in FLOATS:
            return y
        (y,) = g.node("Mul", [y, np.array(0.125, y.dtype)])
        return g.node(op, [g.node("Softmax", [y], axis=-1)[0], x]) if g.choose((True, False)) else y
    if kind == "vector":
        weights = g.fresh(element, [depth], style=0)
        return g.node(op, [x, weights])
    batch = [x.shape[0] if x.fixed(0) and x.rank > 2 else 1] if kind == "batch" else []
    shape = (*batch, depth, g.choose((1, 5, 16, 33)))
    if element not in FLOATS or g.chance(3):
        return g.node(op, [x, g.fresh(element, list(shape), style=0)])
    scale = 1 / math.sqrt(depth)
    (y,) = g.node(op, [x, g.floats(*shape, low=-scale, high=scale, element=element)])
    if g.choose((True, False)):
        (y,) = g.node("Add", [y, g.floats(shape[-1], element=element)])
    return y


@generator("Gemm")
def gemm(g: Builder, op: str) -> object:
    x = matrix(g, 2, 2, (*_FLOATS, INT32, INT64))
    depth, units, turned, first = x.shape[-1], g.choose((1, 5, 16, 33)), g.choose((0, 1)), g.choose((0, 0, 1))
    shape = [units, depth] if turned else [depth, units]
    weights = g.fresh(x.element, list(shape), style=0)
    bias = [g.fresh(x.element, g.choose(([units], [1, units], [1], [], [1, 1])), style=0)] if g.chance(2) else []
    if first:
        (x,) = g.node("Transpose", [x], perm=[1, 0])
    factors = {"alpha": g.choose((None, 0.5)), "beta": g.choose((None, 2.0))} if x.element in FLOATS else {}
    return g.node(op, [x, weights, *bias], transA=first or None, transB=turned or None, **factors)


@generator("MatMulInteger")
def integers(g: Builder, op: str) -> object:
    kinds = (UINT8, INT8)
    x = matrix(g, 2, 3, kinds)
    depth, units = x.shape[-1], g.choose((1, 4, 9))
    weights = g.fresh(g.choose(kinds), [depth, units], style=g.choose((0, 1, 2)))
    points = []
    if g.choose((True, False)):
        points.append(np.array(3, x.dtype))
        if g.choose((True, False)):
            points.append(g.random.integers(0, 5, units).astype(weights.dtype))
    return g.node(op, [x, weights, *points])


@generator("ConvInteger")
def integer_window(g: Builder, op: str) -> object:
    x = g.fresh(UINT8, [g.choose((1, "N")), g.choose((1, 2)), g.choose((4, "H")), 5], style=1)
    weights = g.fresh(UINT8, [3, x.shape[1], 2, 2], style=1)
    points = [np.array(2, np.uint8)] if g.choose((True, False)) else []
    return g.node(op, [x, weights, *points], pads=g.choose((None, [1, 0, 0, 1])))


@generator("QLinearMatMul")
def quantized_product(g: Builder, op: str) -> object:
    x = matrix(g, 2, 3, (UINT8, INT8))
    kind, shape = x.dtype, (x.shape[-1], g.choose((1, 4, 9)))
    weights = g.constant(g.random.integers(0, 9, shape).astype(kind))
    point, scale = np.array(1, kind), np.array(0.25, np.float32)
    return g.node(op, [x, scale, point, weights, scale, point, np.array(0.4, np.float32), np.array(3, kind)])


@generator("QLinearConv")
def quantized_window(g: Builder, op: str) -> object:
    x = g.fresh(UINT8, [g.choose((1, "N")), 2, g.choose((4, "H")), 5], style=1)
    weights = g.constant(g.random.integers(0, 9, (3, 2, 2, 2)).astype(np.uint8))
    point, scale = np.array(1, np.uint8), np.array(0.25, np.float32)
    bias = [g.random.integers(-9, 9, 3).astype(np.int32)] if g.choose((True, False)) else []
    return g.node(op, [x, scale, point, weights, scale, point, np.array(0.7, np.float32), np.array(3, np.uint8), *bias])


@generator("Einsum")
def einsum(g: Builder, op: str) -> object:
    x = g.pick((FLOAT, FLOAT, DOUBLE, INT32, INT64), (1, 4), lambda v: v.largest > 0)
    letters = "abcd"[: x.rank]
    kind = g.choose(("turn", "sum", "diagonal", "outer", "product", "dots"))
    if kind in ("turn", "sum"):
        order = [letters[i] for i in g.permutation(x.rank)]
        kept = order if kind == "turn" else order[: g.choose(range(len(order)))]
        return g.node(op, [x], equation=f"{letters}->{''.join(kept)}")
    if kind == "diagonal":
        x = g.fresh(x.element, [3, 3, 2], style=0)
        return g.node(op, [x], equation=g.choose(("iij->ij", "iij->j", "iij -> ji")))
    if kind == "outer":
        y = g.fresh(x.element, [g.choose((2, 3))], style=0)
        return g.node(op, [x, y], equation=f"{letters},z->{letters}z")
    if kind == "dots":
        y = g.fresh(x.element, [1], style=0)
        need(x.rank >= 2)
        return g.node(op, [x, y], equation=g.choose(("...i,...->...i", "i...,j->...j", "...ij,z->...ji")))
    y = g.same(x)
    shared = letters[: g.choose(range(x.rank + 1))]
    return g.node(op, [x, y], equation=f"{letters},{letters}" + g.choose(("", f"->{shared}")))


@generator("Det")
def determinant(g: Builder, op: str) -> object:
    size = g.choose((1, 2, 3, 4))
    return g.node(op, [g.fresh(g.choose((FLOAT, DOUBLE)), [*g.choose(([], ["N"], [2, 3])), size, size], style=0)])
