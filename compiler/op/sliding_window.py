"""Overlapping pieces of a tensor along an axis (frames of a signal): `count` of `size` elements, every `stride`."""

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
    length, size, stride = x.shape[axis], attrs.size, attrs.stride
    few = any(isinstance(number, int) and number < 1 for number in (size, stride))
    if few or (isinstance(length, int) and isinstance(size, int) and length < size):
        raise CompileError(
            f"windows of {size} elements, every {stride}, out of {length}",
            expected="a size and a stride of at least 1, and no more elements than there are",
        )
    return TensorType((*x.shape[:axis], attrs["count"], size, *x.shape[axis + 1 :]), x.dtype)


def _reference(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    places = np.arange(attrs["count"])[:, None] * attrs.stride + np.arange(attrs.size)
    return np.take(x, places, attrs.axis % x.ndim)


def _compute(T: Any, attrs: Attrs, x: Any) -> Any:
    axis, stride = attrs.axis % len(T.shape(x)), T.dim(attrs.stride)

    def element(*index: Any) -> Any:
        return x(*index[:axis], index[axis] * stride + index[axis + 1], *index[axis + 2 :])

    return T.compute(T.result_shape(), element, "sliding_window")


register(
    Op(
        "sliding_window",
        FusionKind.INJECTIVE,
        _relation,
        _reference,
        _compute,
        attributes={"axis": REQUIRED, "size": REQUIRED, "stride": REQUIRED, "count": REQUIRED},
    )
)
