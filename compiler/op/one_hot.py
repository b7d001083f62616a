"""One of two values, by whether an axis' position is the one that an index tensor names (ONNX OneHot)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import NUMBERS, REQUIRED, FusionKind, Op, check_dtype, normalize_axis, register, tensors


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    indices, values = tensors("one_hot", args, 2)
    check_dtype("one_hot: indices", indices.dtype, NUMBERS)
    if values.shape != (2,):
        raise CompileError(f"one_hot with values of shape {values.shape}", expected="(2,): the value for off, for on")
    axis = normalize_axis("one_hot", attrs.axis, indices.rank + 1)
    return TensorType((*indices.shape[:axis], attrs.depth, *indices.shape[axis:]), values.dtype)


def _reference(attrs: Attrs, indices: np.ndarray, values: np.ndarray) -> np.ndarray:
    axis = attrs.axis % (indices.ndim + 1)
    place = indices.astype(np.int64)
    place = np.expand_dims(np.where(place < 0, place + attrs.depth, place), axis)
    positions = np.arange(attrs.depth).reshape(-1, *[1] * (indices.ndim - axis))
    return np.where(place == positions, values[1], values[0])


def _compute(T: Any, attrs: Attrs, indices: Any, values: Any) -> Any:
    shape = T.shape(indices)
    axis, depth = attrs.axis % (len(shape) + 1), T.cast(T.index(attrs.depth), "int64")

    def element(*index: Any) -> Any:
        place = T.cast(indices(*index[:axis], *index[axis + 1 :]), "int64")
        place = T.select(place < T.const(0, "int64"), place + depth, place)
        return T.select(place == T.cast(index[axis], "int64"), values(1), values(0))

    return T.compute([*shape[:axis], attrs.depth, *shape[axis:]], element, "one_hot")


register(
    Op(
        "one_hot",
        FusionKind.INJECTIVE,
        _relation,
        _reference,
        _compute,
        attributes={"depth": REQUIRED, "axis": -1},
    )
)
