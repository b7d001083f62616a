"""Sliding windows over spatial axes (2 on, behind batch and channels): what convolution and pooling share.

Padding is one number for each axis before its first element, then one for each axis behind its last.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import Dimension, minimum
from ..relay.expr import Attrs


def check_window(name: str, attrs: Attrs, spatial: int) -> None:
    """Check the lengths and signs of strides, dilations and padding."""
    wanted = {"strides": spatial, "dilations": spatial, "padding": 2 * spatial}
    for attribute, length in wanted.items():
        if len(attrs[attribute]) != length:
            raise CompileError(
                f"{name}: {len(attrs[attribute])} {attribute} {attrs[attribute]}",
                expected=f"{length} for {spatial} spatial axes",
            )
        least = 0 if attribute == "padding" else 1
        if any(isinstance(value, int) and value < least for value in attrs[attribute]):
            raise CompileError(f"{name}: {attribute} {attrs[attribute]}", expected=f"numbers from {least} on")


def span(window: Dimension, dilation: int) -> Dimension:
    """Elements from the first to the last of a dilated window."""
    return (window - 1) * dilation + 1


def output_sizes(
    name: str, sizes: Sequence[Dimension], windows: Sequence[Dimension], attrs: Attrs, ceil_mode: bool = False
) -> tuple[Dimension, ...]:
    """Number of windows on each spatial axis.

    With `ceil_mode` a last window may reach beyond the padding, if it starts before the padding behind the data.
    """
    result = []
    spatial = len(sizes)
    for axis, (size, window, stride, dilation) in enumerate(
        zip(sizes, windows, attrs.strides, attrs.dilations, strict=True)
    ):
        before, after = attrs.padding[axis], attrs.padding[spatial + axis]
        width, padded = span(window, dilation), size + before + after
        steps = padded - width
        count = (steps + stride - 1 if ceil_mode else steps) // stride + 1
        if ceil_mode:
            count = minimum(count, (size + before - 1) // stride + 1)
        if isinstance(steps, int) and (steps < 0 if not ceil_mode else count < 1):
            raise CompileError(
                f"{name}: a window of {width} on {padded} padded elements (spatial axis {axis})",
                expected="a window that fits into the padded data",
            )
        result.append(count)
    return tuple(result)


def views(
    padded: np.ndarray, windows: Sequence[int], attrs: Attrs, sizes: Sequence[Any]
) -> Iterator[tuple[tuple[Any, ...], np.ndarray]]:
    """For each place in a window: its index into a kernel, and the elements of `padded` there, for all windows."""
    for offset in itertools.product(*(range(w) for w in windows)):
        elements = [
            slice(o * d, o * d + (n - 1) * s + 1, s)
            for o, d, n, s in zip(offset, attrs.dilations, sizes, attrs.strides, strict=True)
        ]
        inside: tuple[Any, ...] = (..., *elements)
        yield (..., *offset), padded[inside]


def pad_array(data: np.ndarray, before: Sequence[int], after: Sequence[int], value: Any = 0) -> np.ndarray:
    """Pad the spatial axes."""
    return np.pad(data, [(0, 0), (0, 0), *zip(before, after, strict=True)], constant_values=value)


def pad_stage(T: Any, data: Any, before: Sequence[Any], after: Sequence[Any], value: Any, name: str) -> Any:
    """The data with `value` around its spatial axes; the data itself where there is nothing to pad.

    Paddings are integers, dimensions or TVM expressions.
    """
    if not any(_nonzero(p) for p in (*before, *after)):
        return data
    batch, channels, *sizes = T.shape(data)
    low, high = [T.dim(b) for b in before], [T.dim(a) for a in after]

    def body(n: Any, c: Any, *position: Any) -> Any:
        inside = [
            condition
            for p, b, a, size in zip(position, low, high, sizes, strict=True)
            for condition in ([p >= b] if _nonzero(b) else []) + ([p < size + b] if _nonzero(a) else [])
        ]
        return T.if_then_else(T.all(*inside), data(n, c, *(p - b for p, b in zip(position, low, strict=True))), value)

    shape = [size + b + a for size, b, a in zip(sizes, low, high, strict=True)]
    return T.compute((batch, channels, *shape), body, name)


def _nonzero(padding: Any) -> bool:
    """Whether a padding may be other than 0."""
    return not isinstance(padding, int) or padding != 0
