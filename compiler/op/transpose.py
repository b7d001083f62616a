"""Permutation of axes (ONNX Transpose)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import REQUIRED, FusionKind, Op, register, tensors


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("transpose", args, 1)
    if sorted(attrs.axes) != list(range(x.rank)):
        raise CompileError(
            f"transpose of rank {x.rank} with axes {attrs.axes}", expected=f"a permutation of 0 to {x.rank - 1}"
        )
    return TensorType(tuple(x.shape[axis] for axis in attrs.axes), x.dtype)


def _reference(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x.transpose(attrs.axes))


def _compute(T: Any, attrs: Attrs, x: Any) -> Any:
    shape = T.shape(x)
    place = [attrs.axes.index(axis) for axis in range(len(shape))]
    return T.compute([shape[axis] for axis in attrs.axes], lambda *i: x(*(i[p] for p in place)), "transpose")


register(
    Op(
        "transpose",
        FusionKind.INJECTIVE,
        _relation,
        _reference,
        _compute,
        attributes={"axes": REQUIRED},
        shape_value=True,
    )
)
