"""Pooling over spatial axes: maximum, maximum with its place, average, p-norm (ONNX MaxPool, AveragePool, LpPool).

Data is NC + spatial. With ``ceil_mode`` a last window may reach beyond the padding, see `output_sizes`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.types import DTYPES, TensorType, TupleType, Type
from .accumulate import wide_dtype, widen
from .base import REQUIRED, FusionKind, Op, register, tensors
from .window import check_window, output_sizes, pad_array, pad_stage, span, views

_FLOATS = ("float16", "bfloat16", "float32", "float64")
_ORDERED = (*_FLOATS, *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))


def _pooled(name: str, attrs: Attrs, args: Sequence[Type], dtypes: Sequence[str]) -> TensorType:
    (data,) = tensors(name, args, 1)
    if data.dtype not in dtypes:
        raise CompileError(f"{name} of {data.dtype}", expected=f"one of: {', '.join(dtypes)}")
    if data.rank < 3 or len(attrs.window) != data.rank - 2:
        raise CompileError(
            f"{name} of data {data.shape} with a window {attrs.window}",
            expected="batch, channels and as many spatial axes as the window has",
        )
    check_window(name, attrs, data.rank - 2)
    sizes = output_sizes(name, data.shape[2:], attrs.window, attrs, attrs.ceil_mode)
    return TensorType((*data.shape[:2], *sizes), data.dtype)


def _padded_views(name: str, attrs: Attrs, data: np.ndarray, fill: Any) -> Any:
    """Output sizes, and the views of the data, padded by `fill` as far as any window reaches."""
    spatial = data.ndim - 2
    sizes = output_sizes(name, data.shape[2:], attrs.window, attrs, attrs.ceil_mode)
    before, after = attrs.padding[:spatial], list(attrs.padding[spatial:])
    for axis, size in enumerate(sizes):
        reach = (size - 1) * attrs.strides[axis] + span(attrs.window[axis], attrs.dilations[axis])
        after[axis] = max(after[axis], reach - data.shape[2 + axis] - before[axis])
    return sizes, views(pad_array(data, before, after, fill), attrs.window, attrs, sizes)


@dataclass(frozen=True)
class _Axis:
    """A spatial axis of a pooling, in a compute."""

    size: Any
    window: int
    stride: int
    dilation: int
    before: Any
    after: Any

    def count(self, T: Any, position: Any, include_padding: bool) -> Any:
        """Places of the window at an output position that count for an average."""
        start = position * self.stride - self.before

        def places(bound: Any) -> Any:  # with start + place * dilation < bound
            return T.floor_div(bound - start + self.dilation - 1, self.dilation)

        if include_padding:
            return T.minimum(places(self.size + self.after), self.window)
        return T.minimum(places(self.size), self.window) - T.maximum(places(0), 0)


class _Windows:
    """The windows of a pooling in a compute.

    Attributes
    ----------
    padded : tensor
        The data, padded by `fill` as far as any window reaches.
    """

    def __init__(self, T: Any, attrs: Attrs, data: Any, fill: Any) -> None:
        _, _, *sizes = T.shape(data)
        spatial = len(sizes)
        padding = [T.dim(p) for p in attrs.padding]
        self._T, self._out = T, T.result_shape()
        self.axes = [
            _Axis(*each)
            for each in zip(
                sizes, attrs.window, attrs.strides, attrs.dilations, padding[:spatial], padding[spatial:], strict=True
            )
        ]
        behind = [a.after for a in self.axes]
        if attrs.ceil_mode:
            behind = [self._reach(a, out) for a, out in zip(self.axes, self._out[2:], strict=True)]
        self.padded = pad_stage(T, data, padding[:spatial], behind, fill, "pool_pad")

    def _reach(self, axis: _Axis, out: Any) -> Any:
        """Padding behind the data that the last window stays within."""
        last = (out - 1) * axis.stride + span(axis.window, axis.dilation)
        reach = last - axis.size - axis.before
        static = isinstance(reach, int) and isinstance(axis.after, int)
        return max(reach, axis.after) if static else self._T.maximum(reach, axis.after)

    def reduce(
        self, body: Callable[[Any, Sequence[Any], Sequence[Any], Sequence[Any]], Any], name: str = "pool"
    ) -> Any:
        """A stage: ``body(element, its place in the padded data, output index, reduce axes)`` for all windows."""
        offsets = [self._T.reduce_axis(a.window, f"k{number}") for number, a in enumerate(self.axes)]

        def element(n: Any, c: Any, *position: Any) -> Any:
            at = [i * a.stride + k * a.dilation for i, k, a in zip(position, offsets, self.axes, strict=True)]
            return body(self.padded(n, c, *at), at, (n, c, *position), offsets)

        return self._T.compute(self._out, element, name)


def _define(
    name: str,
    relation: Callable[[Attrs, Sequence[Type]], Type],
    reference: Callable[[Attrs, np.ndarray], Any],
    compute: Callable[[Any, Attrs, Any], Any],
    **attributes: Any,
) -> None:
    window = {"window": REQUIRED, "strides": REQUIRED, "padding": REQUIRED, "dilations": REQUIRED, "ceil_mode": False}
    # An anchor, not a reduction: a producer fused into overlapping windows would be computed again for each.
    register(Op(name, FusionKind.ANCHOR, relation, reference, compute, attributes={**window, **attributes}))


# Maximum


def _lowest(dtype: np.dtype) -> Any:
    return -np.inf if dtype.kind in "fV" else np.iinfo(dtype).min


def _max_pool_reference(attrs: Attrs, data: np.ndarray) -> np.ndarray:
    sizes, parts = _padded_views("nn.max_pool", attrs, data, _lowest(data.dtype))
    result = np.full((*data.shape[:2], *sizes), _lowest(data.dtype), data.dtype)
    for _, part in parts:
        result = np.maximum(result, part)
    return result


def _max_pool_compute(T: Any, attrs: Attrs, data: Any) -> Any:
    dtype = T.dtype(data)
    windows = _Windows(T, attrs, data, T.const(_lowest(DTYPES[dtype][0]), dtype))
    return windows.reduce(lambda value, at, index, offsets: _maximum(T, dtype)(value, offsets))


def _maximum(T: Any, dtype: str) -> Any:
    """A reducer. T.max_reduce begins with the lowest finite number, which is not the lowest."""
    lowest = T.const(_lowest(DTYPES[dtype][0]), dtype)
    return T.reducer(lambda left, right: T.maximum(left, right), lambda _: lowest, "maximum")


_define(
    "nn.max_pool",
    lambda attrs, args: _pooled("nn.max_pool", attrs, args, _ORDERED),
    _max_pool_reference,
    _max_pool_compute,
)


# Maximum with its place in the flattened tensor; column_major counts the first spatial axis fastest


def _indices_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    values = _pooled("nn.max_pool_indices", attrs, args, _ORDERED)
    return TupleType((values, TensorType(values.shape, "int64")))


def _indices_reference(attrs: Attrs, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    spatial = data.shape[2:]
    channel = np.arange(data.shape[0] * data.shape[1]).reshape(*data.shape[:2], *[1] * len(spatial))
    flat = np.arange(np.prod(spatial))
    inner = flat.reshape(spatial[::-1]).transpose() if attrs.column_major else flat.reshape(spatial)
    places = channel * inner.size + inner
    sizes, values = _padded_views("nn.max_pool_indices", attrs, data, _lowest(data.dtype))
    _, indices = _padded_views("nn.max_pool_indices", attrs, places, -1)
    best = np.full((*data.shape[:2], *sizes), _lowest(data.dtype), data.dtype)
    found: np.ndarray = np.full(best.shape, -1, np.int64)
    for (_, value), (_, index) in zip(values, indices, strict=True):
        better = (index >= 0) & ((found < 0) | (value > best))
        best, found = np.where(better, value, best), np.where(better, index, found)
    return best, found


def _indices_compute(T: Any, attrs: Attrs, data: Any) -> tuple[Any, Any]:
    """Find the maximum, then the first place in the window that has it: two plain reductions, which vectorise."""
    dtype = T.dtype(data)
    _, channels, *spatial = T.shape(data)
    before = [T.dim(b) for b in attrs.padding]
    windows = _Windows(T, attrs, data, T.const(_lowest(DTYPES[dtype][0]), dtype))
    best = windows.reduce(lambda value, at, index, offsets: _maximum(T, dtype)(value, offsets))
    nowhere = T.max_value("int32")

    def flat(index: Sequence[Any], extents: Sequence[Any]) -> Any:
        total = index[0]
        for i, extent in zip(index[1:], extents[1:], strict=True):
            total = total * extent + i
        return total

    def place(value: Any, at: Sequence[Any], index: Sequence[Any], offsets: Sequence[Any]) -> Any:
        position = [i - b for i, b in zip(at, before, strict=False)]
        inside = [condition for p, size in zip(position, spatial, strict=True) for condition in (p >= 0, p < size)]
        found = T.all(value == best(*index), *inside)
        return T.min_reduce(T.select(found, flat(position, spatial), nowhere), offsets)

    places = windows.reduce(place, "pool_place")

    def index(n: Any, c: Any, *position: Any) -> Any:
        size: Any = 1
        for extent in spatial:
            size = size * extent
        place = T.minimum(places(n, c, *position), size - 1)  # also where NaN equals nothing
        if attrs.column_major:
            coordinates = []
            for extent in reversed(spatial):
                coordinates.append(T.floor_mod(place, extent))
                place = T.floor_div(place, extent)
            place = flat(coordinates, spatial[::-1])
        channel = T.cast(n, "int64") * channels + c
        return channel * size + T.cast(place, "int64")

    return best, T.compute(T.result_shape(1), index, "pool_indices")


_define("nn.max_pool_indices", _indices_relation, _indices_reference, _indices_compute, column_major=False)


# Average


def _average_reference(attrs: Attrs, data: np.ndarray) -> np.ndarray:
    spatial, wide = data.shape[2:], widen(data)
    sizes, parts = _padded_views("nn.average_pool", attrs, wide, 0)
    total = np.zeros((*data.shape[:2], *sizes), wide.dtype)
    for _, part in parts:
        total = total + part
    count = np.ones((), wide.dtype)
    for axis, size in enumerate(spatial):
        start = np.arange(sizes[axis]) * attrs.strides[axis] - attrs.padding[axis]
        places = start[:, None] + np.arange(attrs.window[axis]) * attrs.dilations[axis]
        after = attrs.padding[len(spatial) + axis] if attrs.count_include_pad else 0
        inside = (places < size + after) & (attrs.count_include_pad | (places >= 0))
        count = np.multiply.outer(count, inside.sum(axis=1, dtype=wide.dtype))
    return (total / np.maximum(count, 1)).astype(data.dtype)


def _average_compute(T: Any, attrs: Attrs, data: Any) -> Any:
    dtype = T.dtype(data)
    wide = wide_dtype(dtype)
    windows = _Windows(T, attrs, data, T.const(0, dtype))
    total = windows.reduce(lambda value, at, index, offsets: T.sum(T.cast(value, wide), offsets))
    padded = any(not isinstance(p, int) or p for p in attrs.padding)
    whole = not attrs.ceil_mode and (attrs.count_include_pad or not padded)

    def body(n: Any, c: Any, *position: Any) -> Any:
        count: Any = 1
        for i, axis in zip(position, windows.axes, strict=True):
            count = count * (axis.window if whole else axis.count(T, i, attrs.count_include_pad))
        divisor = T.const(count, wide) if isinstance(count, int) else T.cast(T.maximum(count, 1), wide)
        return T.cast(total(n, c, *position) / divisor, dtype)

    return T.compute(T.result_shape(), body, "pool_average")


_define(
    "nn.average_pool",
    lambda attrs, args: _pooled("nn.average_pool", attrs, args, _FLOATS),
    _average_reference,
    _average_compute,
    count_include_pad=False,
)


# p-norm

#: Powers that are computed by multiplication.
_SMALL_POWERS = range(1, 5)


def _norm_reference(attrs: Attrs, data: np.ndarray) -> np.ndarray:
    wide = widen(data)
    sizes, parts = _padded_views("nn.lp_pool", attrs, wide, 0)
    total = np.zeros((*data.shape[:2], *sizes), wide.dtype)
    for _, part in parts:
        total = total + np.abs(part) ** wide.dtype.type(attrs.p)
    return (total ** wide.dtype.type(1 / attrs.p)).astype(data.dtype)


def _norm_compute(T: Any, attrs: Attrs, data: Any) -> Any:
    dtype = T.dtype(data)
    wide = wide_dtype(dtype)

    def power(value: Any) -> Any:
        size = T.math("abs", value)
        if attrs.p not in _SMALL_POWERS:
            return T.math("pow", size, T.const(float(attrs.p), wide))
        product = size
        for _ in range(attrs.p - 1):
            product = product * size
        return product

    def root(value: Any) -> Any:
        if attrs.p == 2:
            return T.math("sqrt", value)
        return value if attrs.p == 1 else T.math("pow", value, T.const(1 / attrs.p, wide))

    windows = _Windows(T, attrs, data, T.const(0, dtype))
    total = windows.reduce(lambda value, at, index, offsets: T.sum(power(T.cast(value, wide)), offsets))
    return T.compute(T.result_shape(), lambda *i: T.cast(root(total(*i)), dtype), "pool_norm")


_define(
    "nn.lp_pool",
    lambda attrs, args: _pooled("nn.lp_pool", attrs, args, _FLOATS),
    _norm_reference,
    _norm_compute,
    p=2,
)
