"""Sums of overlapping blocks into an image (ONNX Col2Im): what a convolution's input gradient does with its columns.

Data is (N, C * block elements, number of blocks), the result NC + image.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import product
from ..relay.expr import Attrs
from ..relay.run_time import may_equal
from ..relay.types import TensorType, Type
from .accumulate import finish_sums, wide_dtype, widen
from .base import NUMBERS, REQUIRED, FusionKind, Op, check_dtype, register, tensors


def _counts(attrs: Attrs) -> list[Any]:
    """Number of blocks on each axis of the image."""
    axes = len(attrs.block)
    return [
        (image + before + after - dilation * (block - 1) - 1) // stride + 1
        for image, before, after, dilation, block, stride in zip(
            attrs.image,
            attrs.padding[:axes],
            attrs.padding[axes:],
            attrs.dilations,
            attrs.block,
            attrs.strides,
            strict=True,
        )
    ]


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("col2im", args, 1)
    check_dtype("col2im", x.dtype, NUMBERS)
    axes = len(attrs.block)
    lengths = [len(attrs.image), len(attrs.strides), len(attrs.dilations), len(attrs.padding) // 2]
    if x.rank != 3 or lengths != [axes] * 4:
        raise CompileError(
            f"col2im of {x.shape} with {axes} axes in the block, {lengths} of image, strides, dilations, padding pairs",
            expected="(N, C * block, number of blocks), and equally many of each",
        )
    size = product(attrs.block)
    channels = x.shape[1] // size if size != 0 else 0
    if not may_equal(x.shape[2], product(_counts(attrs))) or not may_equal(x.shape[1], channels * size):
        raise CompileError(
            f"col2im of {x.shape} by blocks {attrs.block} into {attrs.image}",
            expected=f"a multiple of {size}, and {product(_counts(attrs))} blocks",
        )
    return TensorType((x.shape[0], channels, *attrs.image), x.dtype)


def _reference(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    axes, counts = len(attrs.block), _counts(attrs)
    data = widen(x).reshape(x.shape[0], -1, *attrs.block, *counts)
    padded = [i + b + a for i, b, a in zip(attrs.image, attrs.padding[:axes], attrs.padding[axes:], strict=True)]
    result = np.zeros((*data.shape[:2], *padded), data.dtype)
    for offset in itertools.product(*map(range, attrs.block)):
        window: Any = (
            ...,
            *(
                slice(o * d, o * d + (n - 1) * s + 1, s)
                for o, d, n, s in zip(offset, attrs.dilations, counts, attrs.strides, strict=True)
            ),
        )
        block: Any = (slice(None), slice(None), *offset)
        result[window] += data[block]
    inside: Any = (..., *(slice(b, b + i) for b, i in zip(attrs.padding[:axes], attrs.image, strict=True)))
    return result[inside].astype(x.dtype)


def _compute(T: Any, attrs: Attrs, x: Any) -> Any:
    dtype, block = T.dtype(x), [T.dim(extent) for extent in attrs.block]
    total = wide_dtype(dtype)
    counts = [T.dim(n) for n in _counts(attrs)]
    offsets = [T.reduce_axis(extent, f"k{axis}") for axis, extent in enumerate(block)]

    def element(n: Any, c: Any, *position: Any) -> Any:
        row, column, inside = c, 0, []
        for axis, (p, k) in enumerate(zip(position, offsets, strict=True)):
            stride = attrs.strides[axis]
            start = p + attrs.padding[axis] - k * attrs.dilations[axis]
            place = T.floor_div(start, stride)
            inside += [start >= 0, place < counts[axis]]
            if stride != 1:
                inside.append(T.floor_mod(start, stride) == 0)
            row, column = row * block[axis] + k, column * counts[axis] + place
        value = T.if_then_else(T.all(*inside), T.cast(x(n, row, column), total), T.const(0, total))
        return T.sum(value, offsets)

    return finish_sums(T, "col2im", T.compute(T.result_shape(), element, "col2im"), dtype)


register(
    Op(
        "col2im",
        FusionKind.REDUCTION,
        _relation,
        _reference,
        _compute,
        attributes={
            "image": REQUIRED,
            "block": REQUIRED,
            "strides": REQUIRED,
            "padding": REQUIRED,
            "dilations": REQUIRED,
        },
    )
)
