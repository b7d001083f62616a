"""Weights of neighbouring samples, shared by resizing and grid sampling; arithmetic for numpy and TE alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .base import INTEGERS


def linear_weights(t: Any) -> list[Any]:
    """Weights of the samples at 0 and 1 for a place t between them."""
    return [1 - t, t]


def cubic_weights(t: Any, a: float) -> list[Any]:
    """Weights of the samples at -1, 0, 1 and 2 for a place t between 0 and 1 (Keys 1981, equation 4)."""

    def near(x: Any) -> Any:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: Any) -> Any:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


def separable_sum(count: int, taps: Callable[[int], list[tuple[Any, Any]]], load: Callable[..., Any]) -> Any:
    """The sum over all combinations of one tap (position, weight; None for 1) on each of so many axes."""

    def over(axis: int, position: tuple[Any, ...]) -> Any:
        if axis == count:
            return load(*position)
        total = None
        for index, weight in taps(axis):
            value = over(axis + 1, (*position, index))
            value = value if weight is None else value * weight
            total = value if total is None else total + value
        return total

    return over(0, ())


def working_dtype(dtype: str) -> str:
    """The element type in which samples are weighted: it holds them exactly."""
    return "float64" if dtype in ("float64", "int32", "uint32", "int64", "uint64") else "float32"


def finish(T: Any, value: Any, dtype: str) -> Any:
    """A weighted sum as an element of the result: integers are rounded to nearest and saturate."""
    if dtype not in INTEGERS:
        return T.cast(value, dtype)
    wide = T.dtype(value)
    low, high = integer_limits(dtype, wide)
    return T.cast(T.maximum(T.minimum(T.math("nearbyint", value), T.const(high, wide)), T.const(low, wide)), dtype)


def finish_array(value: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """`finish`, for numpy."""
    if dtype.kind in "iu":
        return np.clip(np.rint(value), *integer_limits(dtype.name, value.dtype.name)).astype(dtype)
    return value.astype(dtype)


def integer_limits(dtype: str, wide: str) -> tuple[float, float]:
    """Least and greatest integer of a type that the floating-point type has too."""
    info = np.iinfo(dtype)
    high = np.array(info.max, wide)
    if int(high) > info.max:
        high = np.nextafter(high, np.array(0, wide))
    return float(info.min), float(high)
