"""Sampling at places that a tensor gives (ONNX GridSample).

Data is NC + spatial. The grid is N + spatial + as many coordinates as the data has spatial axes, the last axis' first,
each from -1 (the beginning) to 1 (the end).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.run_time import may_equal
from ..relay.types import TensorType, Type
from .base import FLOATS, NUMBERS, FusionKind, Op, check_dtype, check_index_source, register, tensors
from .interpolation import cubic_weights, finish, finish_array, linear_weights, separable_sum, working_dtype

#: Keys' parameter, as PyTorch has it.
_CUBIC = -0.75


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    x, grid = tensors("grid_sample", args, 2)
    check_dtype("grid_sample", x.dtype, (*NUMBERS, "bool") if attrs.mode == "nearest" else NUMBERS)
    check_dtype("grid_sample: grid", grid.dtype, FLOATS)
    if attrs.mode not in ("nearest", "linear", "cubic") or attrs.padding not in ("zeros", "border", "reflection"):
        raise CompileError(
            f"grid_sample with the mode '{attrs.mode}' and the padding '{attrs.padding}'",
            expected="nearest, linear or cubic; zeros, border or reflection",
        )
    if x.rank < 3 or grid.rank != x.rank or grid.shape[-1] != x.rank - 2 or not may_equal(grid.shape[0], x.shape[0]):
        raise CompileError(
            f"grid_sample of {x.shape} at {grid.shape}",
            expected=f"a grid of rank {x.rank}, with {x.shape[0]} in front and {x.rank - 2} behind",
        )
    result = TensorType((*x.shape[:2], *grid.shape[1:-1]), x.dtype)
    check_index_source("grid_sample", x.shape[2:], result.size)
    return result


class _Numpy:
    """The few functions below for numpy, under the names that TensorExpressions has."""

    maximum, minimum, floor_mod = np.fmax, np.fmin, np.mod

    @staticmethod
    def math(name: str, value: Any) -> Any:
        return {"floor": np.floor, "nearbyint": np.rint}[name](value)

    @staticmethod
    def cast(value: Any, dtype: str) -> Any:
        return np.asarray(value).astype(dtype)

    @staticmethod
    def index(dim: int) -> int:
        return dim


def _place(T: Any, attrs: Attrs, value: Any, dim: Any, wide: str) -> Any:
    """Where a coordinate lies, in elements; as far inside, or not too far outside, as the padding demands.

    The order of arguments of maximum makes NaN a number: no index comes from it.
    """
    size = T.cast(T.index(dim), wide)
    place = (value + 1) / 2 * (size - 1) if attrs.align_corners else ((value + 1) * size - 1) / 2
    if attrs.mode == "nearest":
        place = T.math("nearbyint", place)
    # Border and cubic: PyTorch and ONNX Runtime move the taps inside, ONNX's reference the place; its text allows both.
    if attrs.padding == "zeros" or (attrs.padding, attrs.mode) == ("border", "cubic"):
        # Four elements outside are as good as many.
        return T.minimum(T.maximum(place, size * 0 - 4), size + 3)
    if attrs.padding == "reflection":
        low = size * 0 if attrs.align_corners else size * 0 - 0.5
        span = T.maximum((size - 1) if attrs.align_corners else size, size * 0 + 1e-6)
        distance = T.maximum(place - low, low - place)
        distance = distance - T.math("floor", distance / (2 * span)) * (2 * span)
        place = low + T.minimum(distance, 2 * span - distance)
        return T.minimum(T.maximum(place, low), low + span)
    return T.minimum(T.maximum(place, size * 0), size - 1)


def _element(T: Any, attrs: Attrs, index: Any, dim: Any) -> Any:
    """The element that stands for an index, which may lie outside; for zeros that is asked elsewhere."""
    if attrs.padding == "reflection":
        last = 2 * (dim - 1) if attrs.align_corners else 2 * dim - 1
        period = last if attrs.align_corners else last + 1
        index = T.floor_mod(index, T.maximum(period, 1) if not isinstance(period, int) else max(period, 1))
        index = T.minimum(index, last - index)
    return T.maximum(T.minimum(index, dim - 1), 0)


def _taps(T: Any, attrs: Attrs, place: Any) -> list[tuple[Any, Any]]:
    """Indices around a place, with their weights."""
    if attrs.mode == "nearest":
        return [(T.cast(T.math("nearbyint", place), "int32"), None)]
    base = T.math("floor", place)
    weights = linear_weights(place - base) if attrs.mode == "linear" else cubic_weights(place - base, _CUBIC)
    first = 0 if attrs.mode == "linear" else -1
    return [(T.cast(base, "int32") + (first + k), w) for k, w in enumerate(weights)]


def _reference(attrs: Attrs, x: np.ndarray, grid: np.ndarray) -> np.ndarray:
    wide = working_dtype(x.dtype.name)
    spatial = x.shape[2:]
    taps = []
    for axis, dim in enumerate(spatial):
        value = grid[..., len(spatial) - 1 - axis].astype(wide)
        taps.append(_taps(_Numpy, attrs, _place(_Numpy, attrs, value, dim, wide).astype(wide)))
    batch = np.arange(x.shape[0]).reshape(-1, *[1] * len(spatial))

    def load(*position: np.ndarray) -> np.ndarray:
        at = batch, *(_element(_Numpy, attrs, p, dim) for p, dim in zip(position, spatial, strict=True))
        value = np.moveaxis(x, 1, -1)[at]
        if attrs.padding == "zeros":
            inside = np.all([(p >= 0) & (p < dim) for p, dim in zip(position, spatial, strict=True)], axis=0)
            value = np.where(inside[..., None], value, np.zeros((), x.dtype))
        return value if attrs.mode == "nearest" else value.astype(wide)

    wider = [[(p, None if w is None else w[..., None]) for p, w in axis] for axis in taps]
    result = separable_sum(len(spatial), wider.__getitem__, load)
    result = result if attrs.mode == "nearest" else finish_array(result, x.dtype)
    return np.ascontiguousarray(np.moveaxis(result, -1, 1))


def _compute(T: Any, attrs: Attrs, x: Any, grid: Any) -> Any:
    batch, channels, *spatial = T.shape(x)
    dtype = T.dtype(x)
    wide = working_dtype(dtype)

    def element(n: Any, c: Any, *index: Any) -> Any:
        taps = []
        for axis, dim in enumerate(spatial):
            value = T.cast(grid(n, *index, len(spatial) - 1 - axis), wide)
            taps.append(_taps(T, attrs, _place(T, attrs, value, dim, wide)))

        def load(*position: Any) -> Any:
            at = [_element(T, attrs, p, dim) for p, dim in zip(position, spatial, strict=True)]
            value = x(n, c, *at)
            if attrs.padding == "zeros":
                inside = [c for p, dim in zip(position, spatial, strict=True) for c in (p >= 0, p < dim)]
                value = T.select(T.all(*inside), value, T.const(0, dtype))
            return value if attrs.mode == "nearest" else T.cast(value, wide)

        value = separable_sum(len(spatial), taps.__getitem__, load)
        return value if attrs.mode == "nearest" else finish(T, value, dtype)

    return T.compute([batch, channels, *T.shape(grid)[1:-1]], element, "grid_sample")


register(
    Op(
        "grid_sample",
        FusionKind.ANCHOR,
        _relation,
        _reference,
        _compute,
        attributes={"mode": "linear", "padding": "zeros", "align_corners": False},
    )
)
