"""Elementwise choices: where, clip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import Dimension, maximum, minimum
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import NUMBERS, FusionKind, Op, broadcast_at, broadcast_dims, broadcast_shape, register, same_dtype, tensors
from .elementwise import define


def _where_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    condition, x, y = tensors("where", args, 3)
    if condition.dtype != "bool":
        raise CompileError(f"where: the condition is {condition}", expected="a tensor of bool")
    dtype = same_dtype("where", (x, y))
    return TensorType(broadcast_shape("where", condition.shape, x.shape, y.shape), dtype)


def _where_reference(attrs: Attrs, condition: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where(condition.astype(np.bool_), x, y)


def _where_compute(T: Any, attrs: Attrs, *args: Any) -> Any:
    shape = broadcast_dims(T, args)
    return T.compute(shape, lambda *i: T.select(*(broadcast_at(T, a, i, shape) for a in args)), "where")


register(
    Op("where", FusionKind.BROADCAST, _where_relation, _where_reference, _where_compute, shape_value=True),
)

Bound = float | int | None


def _clip_reference(x: np.ndarray, low: Bound, high: Bound) -> np.ndarray:
    if low is not None:
        x = np.maximum(x, np.asarray(low, x.dtype))
    return x if high is None else np.minimum(x, np.asarray(high, x.dtype))


def clip(T: Any, x: Any, low: Bound, high: Bound) -> Any:
    """Compute of one element. NaN stays: a maximum instruction does that too, and costs no more."""
    if low is not None:
        bound = T.const(low, T.dtype(x))
        x = T.select(T.less(x, bound), bound, x)
    if high is not None:
        bound = T.const(high, T.dtype(x))
        x = T.select(T.less(bound, x), bound, x)
    return x


def _clip_dims(x: Dimension, low: Bound, high: Bound) -> Dimension:
    x = x if low is None else maximum(x, int(low))
    return x if high is None else minimum(x, int(high))


# The greater of each element and `low`, then the smaller of that and `high`; None is no bound.
define(
    "clip",
    _clip_reference,
    clip,
    dtypes=NUMBERS,
    attributes={"low": None, "high": None},
    on_dims=_clip_dims,
)
