"""Some of a tensor's dimensions, as a tensor (ONNX Shape). The builder knows this operator by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import FusionKind, Op, register, tensors


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("shape_of", args, 1)
    return TensorType((len(x.shape[attrs.start : attrs.end]),), "int64")


def _reference(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    return np.array(x.shape[attrs.start : attrs.end], np.int64)


def _compute(T: Any, attrs: Attrs, x: Any) -> Any:
    dims = [T.cast(T.index(d), "int64") for d in T.shape(x)[attrs.start : attrs.end]]

    def element(i: Any) -> Any:
        value = dims[-1]
        for place, dim in reversed(list(enumerate(dims[:-1]))):
            value = T.select(i == place, dim, value)
        return value

    return T.compute((len(dims),), element if dims else lambda i: T.const(0, "int64"), "shape_of")


register(Op("shape_of", FusionKind.INJECTIVE, _relation, _reference, _compute, attributes={"start": 0, "end": None}))
