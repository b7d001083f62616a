"""A tensor repeated along the dimensions where it is 1 or missing (ONNX Expand)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import REQUIRED, FusionKind, Op, broadcast_at, broadcast_shape, register, tensors


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("broadcast_to", args, 1)
    result = TensorType(tuple(attrs.shape), x.dtype)
    if broadcast_shape("broadcast_to", x.shape, result.shape) != result.shape:
        raise CompileError(f"broadcast_to of {x.shape} to {result.shape}", expected="a shape that it broadcasts to")
    return result


def _reference(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    return np.broadcast_to(x, attrs.shape).copy()


def _compute(T: Any, attrs: Attrs, x: Any) -> Any:
    shape = [T.dim(d) for d in attrs.shape]
    return T.compute(shape, lambda *i: broadcast_at(T, x, i, shape), "broadcast_to")


register(
    Op(
        "broadcast_to",
        FusionKind.BROADCAST,
        _relation,
        _reference,
        _compute,
        attributes={"shape": REQUIRED},
        shape_value=True,
    )
)
