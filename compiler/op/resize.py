"""Sampling at evenly spaced places: nearest sample, linear and cubic interpolation (ONNX Resize, Upsample).

Where output index i of an axis lies in the input is a fraction (a*i + b) / c of integers or dimensions, which the
importer works out from scales, sizes and coordinate modes. Thus positions are exact, on every machine and for symbolic
dimensions too. An axis that stays as it is has (1, 0, 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import Dim, Dimension, product
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import (
    FLOATS,
    INTEGERS,
    REQUIRED,
    FusionKind,
    Op,
    check_dtype,
    check_index_source,
    normalize_axis,
    register,
    tensors,
)
from .gather import INDEX_TYPES
from .interpolation import cubic_weights, finish, finish_array, linear_weights, separable_sum, working_dtype

#: Output index i -> (a*i + b) / c.
Line = tuple[Dimension, Dimension, Dimension]

SAME: Line = (1, 0, 1)


def _check_lines(name: str, x: TensorType, shape: Sequence[Dimension], lines: Sequence[Line]) -> None:
    if not x.rank == len(shape) == len(lines):
        raise CompileError(f"{name} of {x.shape} to {shape} along {len(lines)} lines", expected="as many of each")
    for dim, size, line in zip(x.shape, shape, lines, strict=True):
        if isinstance(line[2], int) and line[2] <= 0:
            raise CompileError(f"{name} along the line {line}", expected="a positive denominator")
        if line == SAME and isinstance(dim, int) and isinstance(size, int) and size > dim:
            raise CompileError(f"{name} of {dim} elements to {size} with unchanged places", expected=f"at most {dim}")
    check_index_source(name, x.shape, product(shape))


def _numerator(T: Any, line: Line, size: Dimension, index: Any) -> tuple[Any, Any]:
    """a*i + b and c for an output index below `size`, in an integer type that holds them."""
    a, b, c = line
    if isinstance(a, int) and isinstance(b, int) and isinstance(c, int) and isinstance(size, int):
        dtype = "int32" if abs(a) * size + abs(b) + c < 2**31 else "int64"
    else:
        dtype = "int32" if all(isinstance(v, int) and abs(v) < 2**10 for v in (a, c)) else "int64"
    a, b, c = (T.cast(T.index(v), dtype) if isinstance(v, Dim) else T.const(v, dtype) for v in line)
    return a * T.cast(index, dtype) + b, c


def _clamp(T: Any, index: Any, dim: Any) -> Any:
    return T.maximum(T.minimum(index, dim - 1), 0)


def _outside(T: Any, attrs: Attrs, index: Sequence[Any], dims: Sequence[Any]) -> Any:
    """Does an output element lie outside the input on any axis of the crop?"""
    conditions = []
    for line, size, i, dim in zip(attrs.crop, attrs.shape, index, dims, strict=True):
        if line != SAME:
            numerator, c = _numerator(T, line, size, i)
            conditions += [numerator < 0, numerator > T.cast(T.index(dim - 1), T.dtype(c)) * c]
    return T.any(*conditions)


def _outside_array(attrs: Attrs, dims: Sequence[int]) -> np.ndarray:
    outside = np.zeros([1] * len(dims), bool)
    for axis, ((a, b, c), size, dim) in enumerate(zip(attrs.crop, attrs.shape, dims, strict=True)):
        numerator = a * np.arange(size, dtype=object) + b
        beyond = np.array((numerator < 0) | (numerator > (dim - 1) * c), bool)
        outside = outside | beyond.reshape(-1, *[1] * (len(dims) - axis - 1))
    return outside


def _nearest_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("resize_nearest", args, 1)
    _check_lines("resize_nearest", x, attrs.shape, attrs.lines)
    return TensorType(tuple(attrs.shape), x.dtype)


def _nearest_reference(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    picks = [
        np.clip((a * np.arange(size, dtype=object) + b) // c, 0, max(dim - 1, 0)).astype(np.int64)
        for (a, b, c), size, dim in zip(attrs.lines, attrs.shape, x.shape, strict=True)
    ]
    result = x[np.ix_(*picks)] if picks else x.copy()
    if attrs.crop is not None:
        result = np.where(_outside_array(attrs, x.shape), np.array(attrs.extrapolation, x.dtype), result)
    return result


def _nearest_compute(T: Any, attrs: Attrs, x: Any) -> Any:
    dims = T.shape(x)

    def element(*index: Any) -> Any:
        position = []
        for line, size, i, dim in zip(attrs.lines, attrs.shape, index, dims, strict=True):
            if line == SAME:
                position.append(i)
                continue
            numerator, c = _numerator(T, line, size, i)
            position.append(_clamp(T, T.cast(T.floor_div(numerator, c), "int32"), dim))
        value = x(*position)
        if attrs.crop is None:
            return value
        return T.select(_outside(T, attrs, index, dims), T.const(attrs.extrapolation, T.dtype(x)), value)

    return T.compute(attrs.shape, element, "resize_nearest")


register(
    Op(
        "resize_nearest",
        FusionKind.INJECTIVE,
        _nearest_relation,
        _nearest_reference,
        _nearest_compute,
        # lines: rounded down, they give the nearest element. crop: places before rounding, of which those outside
        # the input give `extrapolation`; None where there is no such thing.
        attributes={"shape": REQUIRED, "lines": REQUIRED, "crop": None, "extrapolation": 0.0},
    )
)


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("resize_interpolate", args, 1)
    check_dtype("resize_interpolate", x.dtype, (*FLOATS, *INTEGERS))
    _check_lines("resize_interpolate", x, attrs.shape, attrs.lines)
    if attrs.mode not in ("linear", "cubic"):
        raise CompileError(f"resize_interpolate with the mode '{attrs.mode}'", expected="linear or cubic")
    return TensorType(tuple(attrs.shape), x.dtype)


def _weights(attrs: Attrs, t: Any) -> tuple[int, list[Any]]:
    """Position of the first tap relative to the sample before t, and the weights of all."""
    return (0, linear_weights(t)) if attrs.mode == "linear" else (-1, cubic_weights(t, attrs.cubic_a))


def _reference(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    result = x.astype(np.float64)
    for axis, (line, size, dim) in enumerate(zip(attrs.lines, attrs.shape, x.shape, strict=True)):
        if line == SAME:
            continue
        a, b, c = line
        numerator = a * np.arange(size, dtype=object) + b
        base = (numerator // c).astype(np.int64)
        first, weights = _weights(attrs, ((numerator - base * c) / c).astype(np.float64))
        taps = [base + first + k for k in range(len(weights))]
        if attrs.exclude_outside:
            weights = [np.where((tap >= 0) & (tap < dim), w, 0.0) for tap, w in zip(taps, weights, strict=True)]
            total = np.sum(weights, axis=0)
            weights = [w / total for w in weights]
        shape = (-1, *[1] * (x.ndim - axis - 1))
        result = sum(
            np.take(result, np.clip(tap, 0, dim - 1), axis) * w.reshape(shape)
            for tap, w in zip(taps, weights, strict=True)
        )
    if attrs.crop is not None:
        result = np.where(_outside_array(attrs, x.shape), attrs.extrapolation, result)
    return finish_array(result, x.dtype)


def _compute(T: Any, attrs: Attrs, x: Any) -> Any:
    dims, dtype = T.shape(x), T.dtype(x)
    wide = working_dtype(dtype)

    def taps_of(axis: int, index: Any) -> list[tuple[Any, Any]]:
        line, dim = attrs.lines[axis], dims[axis]
        if line == SAME:
            return [(index, None)]
        numerator, c = _numerator(T, line, attrs.shape[axis], index)
        base = T.floor_div(numerator, c)
        part = T.cast(numerator - base * c, wide)
        t = part * T.const(1 / line[2], wide) if isinstance(line[2], int) else part / T.cast(c, wide)
        first, weights = _weights(attrs, t)
        positions = [T.cast(base, "int32") + (first + k) for k in range(len(weights))]
        if attrs.exclude_outside:
            zero = T.const(0, wide)
            weights = [T.select(T.all(p >= 0, p < dim), w, zero) for p, w in zip(positions, weights, strict=True)]
            total = weights[0]
            for weight in weights[1:]:
                total = total + weight
            weights = [w / total for w in weights]
        return [(_clamp(T, p, dim), w) for p, w in zip(positions, weights, strict=True)]

    def element(*index: Any) -> Any:
        taps = [taps_of(axis, i) for axis, i in enumerate(index)]
        value = separable_sum(len(index), taps.__getitem__, lambda *at: T.cast(x(*at), wide))
        if attrs.crop is not None:
            value = T.select(_outside(T, attrs, index, dims), T.const(attrs.extrapolation, wide), value)
        return finish(T, value, dtype)

    return T.compute(attrs.shape, element, "resize_interpolate")


register(
    Op(
        "resize_interpolate",
        FusionKind.ANCHOR,
        _relation,
        _reference,
        _compute,
        attributes={
            "shape": REQUIRED,
            "lines": REQUIRED,
            "mode": REQUIRED,
            "cubic_a": -0.75,
            "exclude_outside": False,
            "crop": None,
            "extrapolation": 0.0,
        },
    )
)


def _resample_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    x, starts, weights = tensors("resample", args, 3)
    check_dtype("resample", x.dtype, ("float32", "float64"))
    check_dtype("resample: starts", starts.dtype, INDEX_TYPES)
    axis = normalize_axis("resample", attrs.axis, x.rank)
    if weights.rank != 2 or starts.shape != weights.shape[:1] or weights.dtype != x.dtype:
        raise CompileError(
            f"resample of {x} with starts {starts} and weights {weights}",
            expected="for each element of the result a start and a row of weights of the data's type",
        )
    result = TensorType((*x.shape[:axis], weights.shape[0], *x.shape[axis + 1 :]), x.dtype)
    check_index_source("resample", [x.shape[axis]], result.size)
    return result


def _resample_reference(attrs: Attrs, x: np.ndarray, starts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    last = x.shape[attrs.axis] - 1
    trailing = [1] * (x.ndim - attrs.axis - 1)
    parts = [
        np.take(x, np.clip(starts + k, 0, last), attrs.axis) * weights[:, k].reshape(-1, *trailing)
        for k in range(weights.shape[1])
    ]
    return np.sum(parts, axis=0).astype(x.dtype)


def _resample_compute(T: Any, attrs: Attrs, x: Any, starts: Any, weights: Any) -> Any:
    dims, axis = T.shape(x), attrs.axis
    size, width = T.shape(weights)
    tap = T.reduce_axis(width, "tap")

    def element(*index: Any) -> Any:
        i = index[axis]
        place = _clamp(T, T.cast(starts(i), "int32") + tap, dims[axis])
        return T.sum(x(*index[:axis], place, *index[axis + 1 :]) * weights(i, tap), [tap])

    return T.compute([*dims[:axis], size, *dims[axis + 1 :]], element, "resample")


register(
    Op(
        "resample",  # weighted sums of neighbours along an axis, from tables: antialiased resizing
        FusionKind.REDUCTION,
        _resample_relation,
        _resample_reference,
        _resample_compute,
        attributes={"axis": REQUIRED},
    )
)
