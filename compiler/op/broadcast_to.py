"""A tensor repeated along the dimensions where it is 1 or missing (ONNX Expand)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.run_time import require
from ..relay.types import TensorType, Type
from .base import REQUIRED, FusionKind, Op, broadcast_at, register, tensors


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("broadcast_to", args, 1)
    result = TensorType(tuple(attrs.shape), x.dtype)
    pairs = list(zip(x.shape, result.shape[max(0, result.rank - x.rank) :], strict=False))
    if x.rank > result.rank or any(d not in (1, r) and isinstance(d, int) and isinstance(r, int) for d, r in pairs):
        raise CompileError(f"broadcast_to of {x.shape} to {result.shape}", expected="a shape that it broadcasts to")
    for dim, wanted in pairs:
        if dim not in (1, wanted):  # the run finds out
            require("broadcast", dim, wanted)
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
