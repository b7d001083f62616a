"""Every n-th element between two positions, on each axis (ONNX Slice)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import Dim, Dimension, lower_bound, maximum
from ..relay.expr import Attrs
from ..relay.run_time import require
from ..relay.types import TensorType, Type
from .base import REQUIRED, FusionKind, Op, register, tensors


def slice_length(begin: Dimension, end: Dimension, stride: Dimension) -> Dimension:
    """Number of positions begin, begin + stride, ... before end (after it for a negative stride)."""
    if not isinstance(stride, int):
        return maximum(-((begin - end) // stride), 0)
    span = end - begin if stride > 0 else begin - end
    return maximum((span + abs(stride) - 1) // abs(stride), 0)


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("strided_slice", args, 1)
    if not len(attrs.begin) == len(attrs.end) == len(attrs.strides) == x.rank:
        raise CompileError(
            f"strided_slice of rank {x.rank}: begin {attrs.begin}, end {attrs.end}, strides {attrs.strides}",
            expected=f"{x.rank} of each",
        )
    shape = []
    for dim, begin, end, stride in zip(x.shape, attrs.begin, attrs.end, attrs.strides, strict=True):
        if isinstance(stride, Dim):
            require("differ", stride, 0)
            shape.append(slice_length(begin, end, stride))
            continue
        if stride == 0:
            raise CompileError("strided_slice with the stride 0", expected="another stride")
        low, high = (begin, end) if stride > 0 else (end + 1, begin + 1)
        whole = abs(stride) == 1 and high - low == dim  # no dimension is negative, which H - 2 by itself could be
        length = dim if whole else slice_length(begin, end, stride)
        if length != 0 and all(isinstance(d, int) for d in (low, high, dim)) and not 0 <= low <= high <= dim:
            raise CompileError(f"strided_slice {begin}:{end}:{stride} of {dim} elements", expected="positions inside")
        if lower_bound(low) < 0:  # the last element of a tensor that may have none
            require("at most", 0, low, length)
        shape.append(length)
    return TensorType(tuple(shape), x.dtype)


def _reference(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    picks = []
    for begin, end, stride in zip(attrs.begin, attrs.end, attrs.strides, strict=True):
        length = slice_length(begin, end, stride)
        picks.append(begin + stride * np.arange(length))  # type: ignore[arg-type]
    return x[np.ix_(*picks)] if picks else x.copy()


def _compute(T: Any, attrs: Attrs, x: Any) -> Any:
    begin, strides = [T.dim(b) for b in attrs.begin], [T.dim(s) for s in attrs.strides]
    return T.compute(
        T.result_shape(),
        lambda *i: x(*(b + p * s for b, p, s in zip(begin, i, strides, strict=True))),
        "strided_slice",
    )


register(
    Op(
        "strided_slice",
        FusionKind.INJECTIVE,
        _relation,
        _reference,
        _compute,
        attributes={"begin": REQUIRED, "end": REQUIRED, "strides": REQUIRED},
        shape_value=True,
    )
)
