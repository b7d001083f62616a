"""Softmax, its logarithm, and hardmax (1 at the first maximum, 0 elsewhere) along an axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .accumulate import wide_dtype, widen
from .base import FLOATS, REQUIRED, FusionKind, Op, check_dtype, normalize_axis, register, tensors
from .reduce import reduction


def _softmax_reference(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    exponential = np.exp(_rounded(widen(x) - widen(x).max(axis=attrs.axis, keepdims=True, initial=-np.inf), x))
    exponential = _rounded(exponential, x)
    return (exponential / _rounded(exponential.sum(axis=attrs.axis, keepdims=True), x)).astype(x.dtype)


def _rounded(values: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Intermediate values as they are where each of the operators that ONNX defines Softmax by rounds its result."""
    return values.astype(x.dtype).astype(values.dtype)


def _log_softmax_reference(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    wide = widen(x)
    shifted = wide - wide.max(axis=attrs.axis, keepdims=True, initial=-np.inf)
    return (shifted - np.log(np.exp(shifted).sum(axis=attrs.axis, keepdims=True))).astype(x.dtype)


def _hardmax_reference(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    result = np.zeros(x.shape, x.dtype)
    if x.size:
        np.put_along_axis(result, widen(x).argmax(axis=attrs.axis, keepdims=True), 1, attrs.axis)
    return result


class _Rows:
    """The vectors along an axis in a compute: reductions over them, and their elements."""

    def __init__(self, T: Any, attrs: Attrs, x: Any, name: str) -> None:
        self.T, self.x, self.name = T, x, name
        self.axis = attrs.axis % len(T.shape(x))
        self.dtype = T.dtype(x)
        self.wide = wide_dtype(self.dtype)

    def reduce(self, suffix: str, body: Callable[[Callable[..., Any], list[Any]], Any]) -> Any:
        """A stage with 1 in place of the axis; see `reduction`."""
        return reduction(self.T, self.x, (self.axis,), True, body, f"{self.name}_{suffix}")

    def maximum(self) -> Any:
        # From the least number, not from -inf: that is the maximum for which TVM knows partial results. A row of -inf
        # alone gives NaN either way.
        return self.reduce("max", lambda read, k: self.T.max_reduce(read(self.x), k))

    def shifted(self, value: Any, maximum: Any) -> Any:
        """How far an element is below the maximum."""
        return self.T.cast(value, self.wide) - self.T.cast(maximum, self.wide)

    def of(self, reduced: Any, index: Sequence[Any]) -> Any:
        """The element of a reduced tensor that belongs to an index."""
        return reduced(*index[: self.axis], 0, *index[self.axis + 1 :])

    def stage(self, element: Callable[..., Any], suffix: str = "") -> Any:
        """A stage of the shape of the data."""
        return self.T.compute(self.T.shape(self.x), element, self.name + suffix)


def _softmax_compute(T: Any, attrs: Attrs, x: Any) -> Any:
    rows = _Rows(T, attrs, x, "softmax")

    def rounded(value: Any) -> Any:
        return T.cast(T.cast(value, rows.dtype), rows.wide)

    best = rows.maximum()
    powers = rows.stage(lambda *i: rounded(T.math("exp", rounded(rows.shifted(x(*i), rows.of(best, i))))), "_exp")
    total = rows.reduce("sum", lambda read, k: T.sum(read(powers), k))
    if rows.wide != rows.dtype:
        return rows.stage(lambda *i: T.cast(powers(*i) / rounded(rows.of(total, i)), rows.dtype))
    one = T.const(1, rows.wide)
    # The quotient does not depend on the place in the row: one division each.
    return rows.stage(lambda *i: T.cast(powers(*i) * (one / rows.of(total, i)), rows.dtype))


def _log_softmax_compute(T: Any, attrs: Attrs, x: Any) -> Any:
    rows = _Rows(T, attrs, x, "log_softmax")
    best = rows.maximum()
    total = rows.reduce("sum", lambda read, k: T.sum(T.math("exp", rows.shifted(read(x), read(best))), k))

    def element(*index: Any) -> Any:
        value = rows.shifted(x(*index), rows.of(best, index)) - T.math("log", rows.of(total, index))
        return T.cast(value, rows.dtype)

    return rows.stage(element)


def _hardmax_compute(T: Any, attrs: Attrs, x: Any) -> Any:
    rows = _Rows(T, attrs, x, "hardmax")
    best = rows.maximum()
    outside = T.max_value("int32")
    place = rows.reduce("place", lambda read, k: T.min_reduce(T.select(read(x) == read(best), k[0].var, outside), k))
    one, zero = T.const(1, rows.dtype), T.const(0, rows.dtype)
    return rows.stage(lambda *i: T.select(i[rows.axis] == rows.of(place, i), one, zero))


def _define(name: str, reference: Callable[..., np.ndarray], compute: Callable[..., Any]) -> None:
    def relation(attrs: Attrs, args: Sequence[Type]) -> Type:
        (x,) = tensors(name, args, 1)
        check_dtype(name, x.dtype, FLOATS)
        normalize_axis(name, attrs.axis, x.rank)
        return TensorType(x.shape, x.dtype)

    register(Op(name, FusionKind.ANCHOR, relation, reference, compute, attributes={"axis": REQUIRED}))


_define("nn.softmax", _softmax_reference, _softmax_compute)
_define("nn.log_softmax", _log_softmax_reference, _log_softmax_compute)
_define("nn.hardmax", _hardmax_reference, _hardmax_compute)
