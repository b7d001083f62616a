"""Tensors made from attributes alone: one value, a progression, a diagonal (ONNX ConstantOfShape, Range, EyeLike)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..relay.dimension import Dim
from ..relay.expr import Attrs
from ..relay.types import DTYPES, TensorType, Type
from .base import INTEGERS, NUMBERS, REQUIRED, FusionKind, Op, check_dtype, register, tensors


def _array(values: Any, dtype: str) -> np.ndarray:
    """An array of an element type, or of objects where the values hold dimensions."""
    values = np.asarray(values)
    return values if values.dtype == object and dtype != "string" else values.astype(DTYPES[dtype][0])


def _value(T: Any, value: Any, dtype: str) -> Any:
    """A number or a dimension as an expression."""
    return T.cast(T.dim(value), dtype) if isinstance(value, Dim) else T.const(value, dtype)


def _full_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    tensors("full", args, 0)
    if isinstance(attrs.value, Dim):
        check_dtype("full: a dimension as an element", attrs.dtype, INTEGERS)
    return TensorType(tuple(attrs.shape), attrs.dtype)


def _full_reference(attrs: Attrs) -> np.ndarray:
    element = np.empty((), object)
    element[()] = attrs.value
    if not isinstance(attrs.value, Dim):
        element = element.astype(DTYPES[attrs.dtype][0])
    return np.broadcast_to(element, attrs.shape).copy()


def _full_compute(T: Any, attrs: Attrs) -> Any:
    return T.compute(attrs.shape, lambda *i: _value(T, attrs.value, attrs.dtype), "full")


register(
    Op(
        "full",
        FusionKind.BROADCAST,
        _full_relation,
        _full_reference,
        _full_compute,
        attributes={"shape": REQUIRED, "value": REQUIRED, "dtype": REQUIRED},
        shape_value=True,
    )
)


def _arange_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    tensors("arange", args, 0)
    check_dtype("arange", attrs.dtype, NUMBERS)
    return TensorType((attrs.count,), attrs.dtype)


def _arange_reference(attrs: Attrs) -> np.ndarray:
    return _array(attrs.start + np.arange(attrs.count) * attrs.step, attrs.dtype)


def _arange_compute(T: Any, attrs: Attrs) -> Any:
    start, step = (_value(T, v, attrs.dtype) for v in (attrs.start, attrs.step))
    return T.compute((attrs.count,), lambda i: start + T.cast(i, attrs.dtype) * step, "arange")


register(
    Op(
        "arange",
        FusionKind.BROADCAST,
        _arange_relation,
        _arange_reference,
        _arange_compute,
        attributes={"start": 0, "step": 1, "count": REQUIRED, "dtype": REQUIRED},
        shape_value=True,
    )
)


def _eye_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    tensors("eye", args, 0)
    return TensorType((attrs.rows, attrs.columns), attrs.dtype)


def _eye_reference(attrs: Attrs) -> np.ndarray:
    return np.eye(attrs.rows, attrs.columns, attrs.diagonal).astype(DTYPES[attrs.dtype][0])


def _eye_compute(T: Any, attrs: Attrs) -> Any:
    one, zero = (T.const(v, attrs.dtype) for v in (1, 0))
    diagonal = T.dim(attrs.diagonal)
    return T.compute((attrs.rows, attrs.columns), lambda i, j: T.select(i + diagonal == j, one, zero), "eye")


register(
    Op(
        "eye",
        FusionKind.BROADCAST,
        _eye_relation,
        _eye_reference,
        _eye_compute,
        attributes={"rows": REQUIRED, "columns": REQUIRED, "diagonal": 0, "dtype": REQUIRED},
    )
)
