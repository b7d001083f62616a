"""Local response normalisation over neighbouring channels (ONNX LRN)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .accumulate import wide_dtype, widen
from .base import FLOATS, REQUIRED, FusionKind, Op, check_dtype, register, tensors


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("nn.lrn", args, 1)
    check_dtype("nn.lrn", x.dtype, FLOATS)
    if x.rank < 2 or attrs.size < 1:
        raise CompileError(f"nn.lrn of {x} over {attrs.size} channels", expected="batch and channels, a size from 1 on")
    return TensorType(x.shape, x.dtype)


def _reference(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    wide = widen(x)
    before = (attrs.size - 1) // 2
    padding = [(0, 0), (before, attrs.size - 1 - before)] + [(0, 0)] * (x.ndim - 2)
    squares = np.pad(wide * wide, padding)
    total = sum(squares[:, k : k + x.shape[1]] for k in range(attrs.size))
    kind = wide.dtype.type
    return (wide / (kind(attrs.bias) + kind(attrs.alpha / attrs.size) * total) ** kind(attrs.beta)).astype(x.dtype)


def _compute(T: Any, attrs: Attrs, x: Any) -> Any:
    shape = T.shape(x)
    dtype = T.dtype(x)
    wide = wide_dtype(dtype)
    before = (attrs.size - 1) // 2
    neighbour = T.reduce_axis(attrs.size, "k")

    def squares(n: Any, c: Any, *position: Any) -> Any:
        channel = c + neighbour - before
        inside = T.all(channel >= 0, channel < shape[1])
        value = T.if_then_else(inside, T.cast(x(n, channel, *position), wide), T.const(0, wide))
        return T.sum(value * value, [neighbour])

    total = T.compute(shape, squares, "lrn_square_sum")

    def element(*index: Any) -> Any:
        base = T.const(attrs.bias, wide) + T.const(attrs.alpha / attrs.size, wide) * total(*index)
        return T.cast(T.cast(x(*index), wide) / T.math("pow", base, T.const(attrs.beta, wide)), dtype)

    return T.compute(shape, element, "lrn")


register(
    Op(
        "nn.lrn",
        FusionKind.ANCHOR,
        _relation,
        _reference,
        _compute,
        attributes={"size": REQUIRED, "alpha": 0.0001, "beta": 0.75, "bias": 1.0},
    )
)
