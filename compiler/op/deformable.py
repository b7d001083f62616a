"""The elements that a deformable convolution multiplies with its weights: read at places that a tensor moves.

Data is (N, C, D1, ..., Dn), offsets are (N, G * K * n, O1, ..., On) for G groups of channels and a window of K places:
how far a place is moved on each axis. The mask (N, G * K, O1, ...) is a factor for each place. The result is
(N, C, K, O1 * ... * On); between elements it is interpolated linearly, and outside of the data there are zeros.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import product
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .accumulate import wide_dtype, widen
from .base import FLOATS, REQUIRED, FusionKind, Op, check_dtype, register, same_dtype, tensors

_NAME = "deformable_columns"


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    x, offset, *mask = tensors(_NAME, args, (2, 3))
    check_dtype(_NAME, same_dtype(_NAME, [x, offset, *mask]), FLOATS)
    rank, window = x.rank - 2, math.prod(attrs.kernel)
    if rank < 1 or len(attrs.kernel) != rank:
        raise CompileError(f"{_NAME} of {x.shape} with a window of {attrs.kernel}", expected="a size for each axis")
    spatial = []
    for axis in range(rank):
        padded = x.shape[2 + axis] + attrs.padding[axis] + attrs.padding[rank + axis]
        covered = (attrs.kernel[axis] - 1) * attrs.dilations[axis] + 1
        spatial.append((padded - covered) // attrs.strides[axis] + 1)
    for what, type_, channels in (
        ("offsets", offset, attrs.groups * window * rank),
        *(("a mask", m, attrs.groups * window) for m in mask),
    ):
        expected = (x.shape[0], channels, *spatial)
        if type_.shape != expected:
            raise CompileError(f"{_NAME}: {what} of shape {type_.shape}", expected=f"{expected}")
    channels = x.shape[1]
    if isinstance(channels, int) and channels % attrs.groups:
        raise CompileError(f"{_NAME}: {channels} channels in {attrs.groups} groups", expected="groups of one size")
    return TensorType((x.shape[0], channels, window, product(spatial)), x.dtype)


def _reference(attrs: Attrs, x: np.ndarray, offset: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    batch, channels, *size = x.shape
    rank, groups, out = len(size), attrs.groups, offset.shape[2:]
    window = math.prod(attrs.kernel)
    wide = widen(x)
    moved = widen(offset).reshape(batch, groups, window, rank, *out)
    planes = wide.reshape(batch, groups, channels // groups, -1)
    places = []
    for axis in range(rank):
        inside = np.indices(attrs.kernel)[axis].reshape(window, *[1] * rank) * attrs.dilations[axis]
        first = np.indices(out)[axis] * attrs.strides[axis] - attrs.padding[axis]
        places.append(moved[:, :, :, axis] + (first + inside).astype(wide.dtype))
    result = np.zeros((batch, groups, channels // groups, window, *out), wide.dtype)
    for corner in itertools.product((0, 1), repeat=rank):
        weight, flat, valid = np.ones_like(places[0]), np.zeros(places[0].shape, np.int64), True
        for place, step, dim in zip(places, corner, size, strict=True):
            low = np.floor(np.clip(place, -2, dim + 1))
            part = place - low
            index = low.astype(np.int64) + step
            weight = weight * (part if step else 1 - part)
            valid = valid & (index >= 0) & (index < dim)
            flat = flat * dim + np.clip(index, 0, dim - 1)
        for n, g in itertools.product(range(batch), range(groups)):
            result[n, g] += np.where(valid[n, g], planes[n, g][:, flat[n, g]] * weight[n, g], 0)  # type: ignore[index]
    if mask is not None:
        result = result * widen(mask).reshape(batch, groups, 1, window, *out)
    return result.reshape(batch, channels, window, -1).astype(x.dtype)


def _compute(T: Any, attrs: Attrs, x: Any, offset: Any, mask: Any = None) -> Any:
    dtype = T.dtype(x)
    wide, dims, out = wide_dtype(dtype), T.shape(x)[2:], T.shape(offset)[2:]
    rank, window = len(dims), math.prod(attrs.kernel)
    channels = T.shape(x)[1]
    per_group = channels // attrs.groups if isinstance(channels, int) else T.floor_div(channels, attrs.groups)

    def element(n: Any, c: Any, k: Any, flat: Any) -> Any:
        group = T.floor_div(c, per_group)
        at = _unravel(T, flat, out)
        inside = _unravel(T, k, attrs.kernel)
        lows, parts = [], []
        for axis in range(rank):
            moved = T.cast(offset(n, (group * window + k) * rank + axis, *at), wide)
            start = at[axis] * attrs.strides[axis] - attrs.padding[axis] + inside[axis] * attrs.dilations[axis]
            place = T.cast(start, wide) + moved
            # Bounded before it becomes an integer: far outside there are zeros all the same. (NaN is outside, too.)
            least, most = T.const(-2, wide), T.cast(T.index(dims[axis]) + 1, wide)
            place = T.select(place > least, T.select(place < most, place, most), least)
            low = T.math("floor", place)
            lows.append(T.cast(low, "int32"))
            parts.append(place - low)
        total = None
        for corner in itertools.product((0, 1), repeat=rank):
            index = [low + step for low, step in zip(lows, corner, strict=True)]
            valid = T.all(*(T.all(i >= 0, i < T.index(d)) for i, d in zip(index, dims, strict=True)))
            value = T.if_then_else(valid, T.cast(x(n, c, *index), wide), T.const(0, wide))
            for part, step in zip(parts, corner, strict=True):
                value = value * (part if step else T.const(1, wide) - part)
            total = value if total is None else total + value
        if mask is not None:
            total = total * T.cast(mask(n, group * window + k, *at), wide)
        return T.cast(total, dtype)

    return T.compute(T.result_shape(), element, _NAME)


def _unravel(T: Any, flat: Any, shape: Sequence[Any]) -> list[Any]:
    """The index on each axis of an element of a dense tensor."""
    result: list[Any] = []
    for axis, dim in reversed(list(enumerate(shape))):
        result.insert(0, flat if axis == 0 else T.floor_mod(flat, T.index(dim)))
        flat = T.floor_div(flat, T.index(dim))
    return result


register(
    Op(
        _NAME,
        FusionKind.OPAQUE,
        _relation,
        _reference,
        _compute,
        attributes={
            "kernel": REQUIRED,
            "strides": REQUIRED,
            "padding": REQUIRED,
            "dilations": REQUIRED,
            "groups": 1,
        },
    )
)
