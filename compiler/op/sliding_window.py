"""Overlapping pieces of a tensor along an axis (frames of a signal)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import REQUIRED, FusionKind, Op, normalize_axis, register, tensors


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("sliding_window", args, 1)
    axis = normalize_axis("sliding_window", attrs.axis, x.rank)
    length = x.shape[axis]
    if attrs.size < 1 or attrs.stride < 1 or (isinstance(length, int) and length < attrs.size):
        raise CompileError(
            f"windows of {attrs.size} elements, every {attrs.stride}, out of {length}",
            expected="a size and a stride of at least 1, and no more elements than there are",
        )
    count = (length - attrs.size) // attrs.stride + 1
    return TensorType((*x.shape[:axis], count, attrs.size, *x.shape[axis + 1 :]), x.dtype)


def _reference(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    axis = attrs.axis % x.ndim
    count = (x.shape[axis] - attrs.size) // attrs.stride + 1
    places = np.arange(count)[:, None] * attrs.stride + np.arange(attrs.size)
    return np.take(x, places, axis)


def _compute(T: Any, attrs: Attrs, x: Any) -> Any:
    axis = attrs.axis % len(T.shape(x))

    def element(*index: Any) -> Any:
        return x(*index[:axis], index[axis] * attrs.stride + index[axis + 1], *index[axis + 2 :])

    return T.compute(T.result_shape(), element, "sliding_window")


register(
    Op(
        "sliding_window",
        FusionKind.INJECTIVE,
        _relation,
        _reference,
        _compute,
        attributes={"axis": REQUIRED, "size": REQUIRED, "stride": REQUIRED},
    )
)
