"""Conversions between element types, and reading bits as another type."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto

from tests.random.evaluation import FLOATS, INTEGERS, dtype_of
from tests.random.graph import Builder, need
from tests.random.registry import generator
from tests.random.values import BOOL, FLOAT, NUMBERS, SMALL_FLOATS, SMALL_INTEGERS, STRING, Value

_SMALL = (*SMALL_FLOATS, *SMALL_INTEGERS)


@generator("Cast", "CastLike")
def cast(g: Builder, op: str) -> object:
    x = g.pick((*NUMBERS, BOOL, STRING, *_SMALL) if g.chance(2) else NUMBERS)
    if x.element == STRING:
        x = g.input([np.array(g.random.integers(-9, 10, run.shape).astype(str), object) for run in x.runs])
    targets = [t for t in (*NUMBERS, BOOL, *_SMALL) if t != x.element]
    if x.element in INTEGERS or x.element == BOOL:
        targets.append(STRING)
    to = g.choose(targets)
    if x.element == STRING:
        need(to in NUMBERS and to not in INTEGERS[4:])
    x = g.bounded(x, to)
    if x.element in _SMALL or to in _SMALL:
        need(x.element not in INTEGERS or to not in SMALL_FLOATS or max(map(abs, x.range())) < 200)
    attrs: dict[str, Any] = (
        {"saturate": g.choose((0, 1))} if to in SMALL_FLOATS[:4] and g.chance(3) and g.opset >= 19 else {}
    )
    if op == "Cast":
        return g.node(op, [x], to=to, **attrs)
    return g.node(op, [x, g.fresh(to, [1])], **attrs)


@generator("BitCast")
def bits(g: Builder, op: str) -> object:
    x = g.pick(INTEGERS)
    same = {1: (2, 3), 2: (4, 5), 4: (6, 12), 8: (7, 13)}[x.dtype.itemsize]
    return g.node(op, [x], to=g.choose([t for t in same if t != x.element]))


@generator("QuantizeLinear")
def quantize(g: Builder, op: str) -> object:
    x = g.pick((FLOAT, *FLOATS) if g.opset >= 19 else (FLOAT,), rank=(1, 4))
    return quantized(g, x)


def quantized(g: Builder, x: Value) -> list[Value]:
    """A tensor quantised along one axis, in blocks, or as a whole, and dequantised again at times."""
    q8 = (TensorProto.UINT8, TensorProto.INT8)
    to = g.choose((*q8, *q8, TensorProto.UINT16, TensorProto.INT16, *SMALL_FLOATS, *SMALL_INTEGERS))
    shape, attrs = quantization(g, x)
    scale = g.constant(np.asarray(g.random.uniform(0.05, 0.3, shape)).astype(x.dtype))
    point = None
    if to in SMALL_FLOATS:
        point = g.constant(np.zeros(shape, dtype_of(to)))
    else:
        kind = dtype_of(to)
        low = 0 if kind.kind == "u" or to in (TensorProto.UINT4, TensorProto.UINT2) else -1
        point = g.constant(np.asarray(g.random.integers(low, 2, shape)).astype(kind))
        if to == TensorProto.UINT8 and g.chance(3):
            point = None
    results = g.node("QuantizeLinear", [x, scale, point], **attrs)
    if g.choose((True, False)):
        g.node("DequantizeLinear", [results[0], scale, point], **attrs)
    return results


def quantization(g: Builder, x: Value) -> tuple[tuple[int, ...], dict[str, Any]]:
    """The shape of scales, and attributes."""
    kind = g.choose(("whole", "axis", "blocks"))
    axes = [axis for axis in range(x.rank) if x.fixed(axis) and x.shape[axis]]
    if kind == "axis" and axes:
        axis = g.choose(axes)
        return (x.shape[axis],), {"axis": g.signed(axis, x.rank)}
    if kind == "blocks" and g.opset >= 21 and len(axes) == x.rank:
        axis = g.choose(axes)
        size = g.choose([b for b in (1, 2, 3, 4) if b <= x.shape[axis]])
        shape = [-(-d // size) if i == axis else d for i, d in enumerate(x.shape)]
        return tuple(shape), {"axis": g.signed(axis, x.rank), "block_size": size}
    return (), {}


@generator("DequantizeLinear")
def dequantize(g: Builder, op: str) -> object:
    types = (TensorProto.UINT8, TensorProto.INT8, TensorProto.INT32, TensorProto.INT16, *_SMALL)
    x = g.pick(types, rank=(1, 4))
    shape, attrs = quantization(g, x)
    scale = g.constant(np.asarray(g.random.uniform(0.05, 0.3, shape)).astype(np.float32))
    point = None
    if x.element not in (TensorProto.INT32, *SMALL_FLOATS) and g.choose((True, False)):
        point = g.constant(np.ones(shape).astype(x.dtype))
    need(max(map(abs, x.range())) < 1e5)
    return g.node(op, [x, scale, point], **attrs)


@generator("DynamicQuantizeLinear")
def dynamic(g: Builder, op: str) -> object:
    x = g.pick((FLOAT,), rank=(1, 4), where=lambda v: all(run.any() for run in v.runs))
    return g.node(op, [x], 3)
