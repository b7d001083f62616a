"""A tensor cut into several along an axis (ONNX Split)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.run_time import may_equal
from ..relay.types import TensorType, TupleType, Type
from .base import REQUIRED, FusionKind, Op, normalize_axis, outermost, register, tensors


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("split", args, 1)
    axis = normalize_axis("split", attrs.axis, x.rank)
    if not may_equal(sum(attrs.sizes), x.shape[axis]):
        raise CompileError(
            f"split of {x.shape} along axis {axis} into {attrs.sizes}", expected=f"sizes that sum up to {x.shape[axis]}"
        )
    if any(isinstance(size, int) and size < 0 for size in attrs.sizes):
        raise CompileError(f"split into {attrs.sizes}", expected="no negative size")
    return TupleType(tuple(TensorType((*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype) for size in attrs.sizes))


def _reference(attrs: Attrs, x: np.ndarray) -> tuple[np.ndarray, ...]:
    ends = list(accumulate(attrs.sizes))
    return tuple(np.ascontiguousarray(part) for part in np.split(x, ends[:-1], attrs.axis))


def _compute(T: Any, attrs: Attrs, x: Any) -> Any:
    shape = T.shape(x)
    axis = attrs.axis % len(shape)

    def part(size: Any, offset: Any) -> Any:
        return T.compute(
            [*shape[:axis], size, *shape[axis + 1 :]],
            lambda *i: x(*i[:axis], i[axis] + offset, *i[axis + 1 :]),
            "split",
        )

    begins = accumulate(attrs.sizes, initial=0)
    return tuple(part(size, T.dim(begin)) for size, begin in zip(attrs.sizes, begins, strict=False))


register(
    Op(
        "split",
        FusionKind.INJECTIVE,
        _relation,
        _reference,
        _compute,
        attributes={"sizes": REQUIRED, "axis": REQUIRED},
        contiguous=outermost,
    )
)
