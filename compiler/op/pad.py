"""Elements added before and after each axis, or cut off (ONNX Pad).

Padding may be negative with the mode ``constant`` only; the importer slices first for the other modes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import REQUIRED, FusionKind, Op, check_index_source, register, same_dtype, tensors

MODES = ("constant", "reflect", "edge", "wrap")


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    types = tensors("pad", args, (1, 2))
    x = types[0]
    same_dtype("pad", types)
    if len(types) == 2 and types[1].size != 1:
        raise CompileError(f"pad with a value of shape {types[1].shape}", expected="a scalar")
    if attrs.mode not in MODES:
        raise CompileError(f"pad with the mode '{attrs.mode}'", expected=f"one of: {', '.join(MODES)}")
    if len(attrs.before) != x.rank or len(attrs.after) != x.rank:
        raise CompileError(f"pad of rank {x.rank} by {attrs.before} and {attrs.after}", expected=f"{x.rank} of each")
    shape = []
    for dim, before, after in zip(x.shape, attrs.before, attrs.after, strict=True):
        size = dim + before + after
        if isinstance(size, int) and size < 0:
            raise CompileError(f"pad of {dim} elements by {before} and {after}", expected="at least 0 in the result")
        if attrs.mode != "constant" and dim == 0 and size != 0:
            raise CompileError(f"pad with the mode '{attrs.mode}' of no elements", expected="the mode 'constant'")
        shape.append(size)
    result = TensorType(tuple(shape), x.dtype)
    if attrs.mode != "constant":
        check_index_source("pad", x.shape, result.size)
    return result


def _reference(attrs: Attrs, x: np.ndarray, value: np.ndarray | None = None) -> np.ndarray:
    if attrs.mode != "constant":
        picks = [
            _source_index(np, attrs.mode, np.arange(-before, dim + after), dim)
            for dim, before, after in zip(x.shape, attrs.before, attrs.after, strict=True)
        ]
        return x[np.ix_(*picks)] if picks else x.copy()
    shape = [dim + b + a for dim, b, a in zip(x.shape, attrs.before, attrs.after, strict=True)]
    result = np.full(shape, attrs.value if value is None else value.reshape(()), x.dtype)
    inner, outer = [], []
    for dim, size, before in zip(x.shape, shape, attrs.before, strict=True):
        inner.append(slice(max(-before, 0), max(min(dim, size - before), 0)))
        outer.append(slice(max(before, 0), max(before, 0) + max(inner[-1].stop - inner[-1].start, 0)))
    result[tuple(outer)] = x[tuple(inner)]
    return result


def _source_index(T: Any, mode: str, index: Any, dim: Any, once: bool = False) -> Any:
    """Where the element at `index` (0 is the first element that was there before) comes from, by T or by numpy.

    With `once`, index lies less than one dimension outside: no division is needed then.
    """
    floor_mod = np.mod if T is np else T.floor_mod
    if mode == "edge":
        return T.maximum(T.minimum(index, dim - 1), 0)
    if mode == "wrap":
        return (
            T.select(index < 0, index + dim, T.select(index >= dim, index - dim, index))
            if once
            else floor_mod(index, dim)
        )
    period = 2 * (dim - 1)
    if once:
        index = T.maximum(index, -index)
    else:  # reflections repeat with this period
        index = floor_mod(index, max(period, 1) if isinstance(period, int) else T.maximum(period, 1))
    return T.minimum(index, period - index)


def _compute(T: Any, attrs: Attrs, x: Any, value: Any = None) -> Any:
    dims = T.shape(x)
    before, after = ([T.dim(p) for p in side] for side in (attrs.before, attrs.after))
    shape = [b + d + a for b, d, a in zip(before, dims, after, strict=True)]
    dtype = T.argument_types[0].dtype
    padded = [any(not isinstance(p, int) or p != 0 for p in pair) for pair in zip(before, after, strict=True)]

    def outside() -> Any:
        return T.const(attrs.value, dtype) if value is None else value(*[0] * len(value.shape))

    def constant(*index: Any) -> Any:
        inside, position = [], []
        for i, dim, b, a, some in zip(index, dims, before, after, padded, strict=True):
            position.append(i - b if some else i)
            if not isinstance(b, int) or b > 0:
                inside.append(i >= b)
            if not isinstance(a, int) or a > 0:
                inside.append(i < dim + b)
        return T.if_then_else(T.all(*inside), x(*position), outside()) if inside else x(*position)

    def other(*index: Any) -> Any:
        position = []
        for i, dim, b, a, some in zip(index, dims, before, after, padded, strict=True):
            room = dim - 1 if attrs.mode == "reflect" else dim
            once = all(isinstance(v, int) for v in (dim, b, a)) and max(b, a) <= room
            position.append(_source_index(T, attrs.mode, i - b, dim, once) if some else i)
        return x(*position)

    if 0 in dims:
        return T.compute(shape, lambda *i: outside(), "pad")
    return T.compute(shape, constant if attrs.mode == "constant" else other, "pad")


register(
    Op(
        "pad",
        FusionKind.INJECTIVE,
        _relation,
        _reference,
        _compute,
        attributes={"before": REQUIRED, "after": REQUIRED, "mode": "constant", "value": 0},
        shape_value=True,
    )
)
