"""Tensors one after the other along an axis (ONNX Concat)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.run_time import may_equal
from ..relay.types import TensorType, Type
from .base import REQUIRED, FusionKind, Op, normalize_axis, outermost, register, same_dtype, tensors


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    types = tensors("concatenate", args, (1, len(args)))
    dtype = same_dtype("concatenate", types)
    axis = normalize_axis("concatenate", attrs.axis, types[0].rank)
    shape = list(types[0].shape)
    for other in types[1:]:
        if other.rank != len(shape):
            raise CompileError(f"concatenate of ranks {len(shape)} and {other.rank}", expected="equal ranks")
        for place, (old, new) in enumerate(zip(shape, other.shape, strict=True)):
            if place == axis or may_equal(old, new):
                continue
            raise CompileError(
                f"concatenate of {types[0].shape} and {other.shape} along axis {axis}",
                expected="equal dimensions except on that axis",
            )
    for other in types[1:]:
        shape[axis] = shape[axis] + other.shape[axis]
    return TensorType(tuple(shape), dtype)


def _reference(attrs: Attrs, *arrays: np.ndarray) -> np.ndarray:
    return np.concatenate(arrays, attrs.axis)


def _compute(T: Any, attrs: Attrs, *xs: Any) -> Any:
    shape = T.shape(xs[0])
    axis = attrs.axis % len(shape)
    offsets = list(accumulate((T.shape(x)[axis] for x in xs), initial=0))

    def element(*index: Any) -> Any:
        value = None
        for x, begin, end in reversed(list(zip(xs, offsets, offsets[1:], strict=False))):
            own = x(*index[:axis], index[axis] - begin, *index[axis + 1 :])
            value = own if value is None else T.if_then_else(index[axis] < end, own, value)
        return value

    return T.compute([*shape[:axis], offsets[-1], *shape[axis + 1 :]], element, "concatenate")


register(
    Op(
        "concatenate",
        FusionKind.INJECTIVE,
        _relation,
        _reference,
        _compute,
        attributes={"axis": REQUIRED},
        shape_value=True,
        contiguous=outermost,
    )
)
