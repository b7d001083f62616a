"""Elements whose indices on two axes are equal (ONNX Einsum of a repeated letter)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.run_time import may_equal
from ..relay.types import TensorType, Type
from .base import REQUIRED, FusionKind, Op, register, tensors


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("diagonal", args, 1)
    first, second = attrs.axes
    if not 0 <= first < second < x.rank:
        raise CompileError(f"diagonal of {x.shape} on the axes {attrs.axes}", expected="two axes, increasing")
    if not may_equal(x.shape[first], x.shape[second]):
        raise CompileError(f"diagonal of {x.shape} on the axes {attrs.axes}", expected="axes of one size")
    return TensorType((*x.shape[:second], *x.shape[second + 1 :]), x.dtype)


def _reference(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    first, second = attrs.axes
    return np.ascontiguousarray(np.moveaxis(np.diagonal(x, 0, first, second), -1, first))


def _compute(T: Any, attrs: Attrs, x: Any) -> Any:
    first, second = attrs.axes
    shape = T.shape(x)
    return T.compute(
        [*shape[:second], *shape[second + 1 :]], lambda *i: x(*i[:second], i[first], *i[second:]), "diagonal"
    )


register(Op("diagonal", FusionKind.INJECTIVE, _relation, _reference, _compute, attributes={"axes": REQUIRED}))
