"""Convolution on planes (N, C, H, W), a part of a row at a time: for few output channels, which would fill no block.

Vectors lie along the rows: a vector of the data is multiplied with one weight for each output channel. The weights are
(O/ot, C, window..., ot): ot output channels are summed at once, for `columns` neighbours of a row, which are some
vectors of `lanes` elements; a tuning record may say otherwise, and the result depends on neither. The optional bias is
(O,).

The last columns of a row may be computed from what lies behind it, and are dropped: `padding` covers that too, so that
nothing is read out of bounds. `sizes` are the spatial sizes of the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import Dimension
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import REQUIRED, FusionKind, Op, get, register, same_dtype, tensors
from .window import pad_array, pad_stage, span

#: Sums, in vectors, that a tuner tries to compute together.
MOST_SUMS = 32


def pack_weights(weights: np.ndarray, together: int) -> np.ndarray:
    """(O, C, window...) to (O/ot, C, window..., ot)."""
    split = weights.reshape(-1, together, *weights.shape[1:])
    return np.ascontiguousarray(np.moveaxis(split, 1, -1))


def padding_of_columns(
    padding: Sequence[int],
    columns: int,
    sizes: Sequence[Dimension],
    data: Sequence[Dimension],
    attrs: Attrs,
    width: int,
) -> tuple[int, ...]:
    """Padding with which whole parts of rows can be read.

    Parameters
    ----------
    padding : sequence of int
        That of the convolution.
    columns : int
        Results of a part.
    sizes, data : sequence
        Spatial sizes of the result and of the data.
    attrs : Attrs
        The convolution's strides and dilations.
    width : int
        Columns of the window.
    """
    *others, after = padding
    length, elements, stride = sizes[-1], data[-1], attrs.strides[-1]
    reach = span(width, attrs.dilations[-1])
    if isinstance(length, int) and isinstance(elements, int) and isinstance(reach, int):
        last = (-(-length // columns) * columns - 1) * stride + reach
        return (*others, max(after, last - elements - padding[len(padding) // 2 - 1]))
    return (*others, after + (columns - 1) * stride)


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    types = tensors("nn.conv_planes", args, (2, 3))
    dtype = same_dtype("nn.conv_planes", types)
    data, weights = types[0], types[1]
    if data.rank < 3 or weights.rank != data.rank + 1 or weights.shape[1] != data.shape[1]:
        raise CompileError(f"nn.conv_planes of data {data.shape} with weights {weights.shape}")
    channels = weights.shape[0] * weights.shape[-1]
    if len(types) == 3 and types[2].shape != (channels,):
        raise CompileError(f"nn.conv_planes: bias {types[2].shape}", expected=f"({channels},)")
    if attrs.columns % attrs.lanes:
        raise CompileError(f"nn.conv_planes: {attrs.columns} columns", expected=f"vectors of {attrs.lanes}")
    if len(attrs.sizes) != data.rank - 2 or len(attrs.padding) != 2 * (data.rank - 2):
        raise CompileError(f"nn.conv_planes: sizes {attrs.sizes}, padding {attrs.padding} of rank {data.rank}")
    return TensorType((data.shape[0], channels, *attrs.sizes), dtype)


def _reference(attrs: Attrs, data: np.ndarray, weights: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    spatial = len(attrs.sizes)
    plain = np.moveaxis(weights, -1, 1).reshape(-1, *weights.shape[1:-1])
    padded = pad_array(data, attrs.padding[:spatial], attrs.padding[spatial:])
    conv = get("nn.conv")
    full = {"strides": attrs.strides, "padding": (0,) * 2 * spatial, "dilations": attrs.dilations}
    defaults = {**conv.attributes, **full}
    result = conv.reference(Attrs(defaults), padded, plain, *([] if bias is None else [bias]))
    inside = tuple(slice(0, size) for size in attrs.sizes)
    whole = (slice(None), slice(None), *inside)
    return np.ascontiguousarray(result[whole])


def _choose_tile(T: Any, attrs: Attrs, channels: int, together: int) -> tuple[int, int]:
    """Output channels and columns of a row that are computed together."""
    lanes = attrs.lanes
    most = max(MOST_SUMS, together * attrs.columns // lanes)
    divisors = [n for n in range(1, min(channels, most) + 1) if channels % n == 0]
    count: int = T.knobs.choose("planes.channels", divisors, together)
    usual = min(attrs.columns // lanes, most // count)
    length = attrs.sizes[-1]
    whole = -(-length // lanes) if isinstance(length, int) else most  # more would compute nothing but what is dropped
    vectors = range(1, max(usual, min(whole, most // count)) + 1)
    columns: int = T.knobs.choose("planes.columns", [v * lanes for v in vectors], usual * lanes)
    return count, columns


def _padding_of_tile(T: Any, attrs: Attrs, columns: int, elements: Any, width: int) -> tuple[int, ...]:
    """Padding behind the data with which parts of so many columns can be read."""
    spatial = len(attrs.sizes)
    *others, after = attrs.padding[spatial:]
    length, stride = attrs.sizes[-1], attrs.strides[-1]
    if isinstance(length, int) and isinstance(elements, int):
        before = attrs.padding[spatial - 1]
        last = (-(-length // columns) * columns - 1) * stride + span(width, attrs.dilations[-1])
        return (*others, max(0, last - elements - before))
    return (*others, after + max(0, columns - attrs.columns) * stride)


def _compute(T: Any, attrs: Attrs, data: Any, weights: Any, bias: Any = None) -> Any:
    spatial = len(attrs.sizes)
    chunks, in_channels, *window, together = T.shape(weights)
    count, columns = _choose_tile(T, attrs, chunks * together, together)
    after = _padding_of_tile(T, attrs, columns, T.shape(data)[-1], window[-1])
    padded = pad_stage(T, data, attrs.padding[:spatial], after, T.const(0, T.dtype(data)), "conv_pad")
    batch, _, *outer, length = T.result_shape()
    stride, dilation = attrs.strides[-1], attrs.dilations[-1]
    parts = T.floor_div(length + (columns - 1), columns)
    if stride > 1:  # columns of one remainder side by side, so that neighbours of the result lie together
        *front, width = T.shape(padded)
        shape = (*front, stride, T.floor_div(width + (stride - 1), stride))

        def split(*index: Any) -> Any:
            *lead, phase, q = index
            return padded(*lead, T.minimum(q * stride + phase, width - 1))

        phases = T.compute(shape, split, "planes_phases")
    channel = T.reduce_axis(in_channels, "ic")
    offsets = [T.reduce_axis(w, f"k{axis}") for axis, w in enumerate(window)]

    def rows(n: Any, k: Any, *rest: Any) -> Any:
        *position, part, o, column = rest
        at = [p * s + q * d for p, s, q, d in zip(position, attrs.strides, offsets, attrs.dilations, strict=False)]
        x, shift = part * columns + column, offsets[-1] * dilation
        if stride == 1:
            value = padded(n, channel, *at, x + shift)
        else:
            value = phases(n, channel, *at, T.floor_mod(shift, stride), x + T.floor_div(shift, stride))
        o = k * count + o
        chunk, place = T.floor_div(o, together), T.floor_mod(o, together)
        return T.sum(value * weights(chunk, channel, *offsets, place), [channel, *offsets])

    sums = T.compute((batch, chunks * together // count, *outer, parts, count, columns), rows, "conv_planes")

    def result(n: Any, k: Any, *position: Any) -> Any:
        *lead, x = position
        place = (T.floor_div(x, columns), T.floor_mod(k, count), T.floor_mod(x, columns))
        value = sums(n, T.floor_div(k, count), *lead, *place)
        return value if bias is None else value + bias(k)

    return T.compute(T.result_shape(), result, "planes_result")


register(
    Op(
        "nn.conv_planes",
        FusionKind.ANCHOR,
        _relation,
        _reference,
        _compute,
        attributes={
            "strides": REQUIRED,
            "padding": REQUIRED,
            "dilations": REQUIRED,
            "columns": REQUIRED,
            "lanes": REQUIRED,
            "sizes": REQUIRED,
        },
    )
)
