"""Convolution on planes (N, C, H, W), some rows and columns at a time: where blocks of channels are not worth it.

Vectors lie along the rows: a vector of the data is multiplied with one weight for each output channel. A tile is `rows`
rows of `columns` results for ot output channels. The weights are (G ceil(O/ot), C, window..., ot) for G groups of O
output channels from C input channels, filled up with zeros. With G > 1 the result is (N, G, O, H, W): where O is no
multiple of ot, TVM finds group and channel of a tile only so. The optional bias is (O,), or (G, O). The columns are
some vectors of `lanes` elements. A tuning record may say other channels and columns; the result depends on neither.

The last columns of a row, and the last rows, may be computed from what lies behind, and are dropped: `padding` covers
that too, so that nothing is read out of bounds. `sizes` are the spatial sizes of the result, `channels` is O.
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
#: Rows that it tries.
ROWS = (1, 2, 3, 4, 6, 8)


def pack_weights(weights: np.ndarray, together: int, groups: int = 1) -> np.ndarray:
    """(G O, C, window...) to (G ceil(O/ot), C, window..., ot), filled up with zeros."""
    split = weights.reshape(groups, -1, *weights.shape[1:])
    missing = -split.shape[1] % together
    filled = np.pad(split, [(0, 0), (0, missing), *[(0, 0)] * (split.ndim - 2)])
    return np.ascontiguousarray(np.moveaxis(filled.reshape(-1, together, *weights.shape[1:]), 1, -1))


def padding_of_tiles(
    padding: Sequence[int],
    tile: Sequence[int],
    sizes: Sequence[Dimension],
    data: Sequence[Dimension],
    attrs: Attrs,
    window: Sequence[int],
) -> tuple[int, ...]:
    """Padding with which whole tiles can be read.

    Parameters
    ----------
    padding : sequence of int
        That of the convolution.
    tile : sequence of int
        Results of a tile, for the last axes.
    sizes, data : sequence
        Spatial sizes of the result and of the data.
    attrs : Attrs
        The convolution's strides and dilations.
    window : sequence of int
        Sizes of the window.
    """
    spatial, result = len(sizes), list(padding)
    for axis, part in zip(range(spatial - len(tile), spatial), tile, strict=True):
        length, elements, stride = sizes[axis], data[axis], attrs.strides[axis]
        if isinstance(length, int) and isinstance(elements, int):
            last = _end_of_tiles(length, part, stride, window[axis], attrs.dilations[axis])
            result[spatial + axis] = max(padding[spatial + axis], last - elements - padding[axis])
        else:
            result[spatial + axis] += (part - 1) * stride
    return tuple(result)


def _end_of_tiles(length: int, part: int, stride: int, window: int, dilation: int) -> int:
    """Elements from the first to the last one that whole tiles of so many results read."""
    reach = span(window, dilation)
    assert isinstance(reach, int)
    return (-(-length // part) * part - 1) * stride + reach


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    types = tensors("nn.conv_planes", args, (2, 3))
    dtype = same_dtype("nn.conv_planes", types)
    data, weights = types[0], types[1]
    if data.rank < 3 or weights.rank != data.rank + 1 or weights.shape[1] * attrs.groups != data.shape[1]:
        raise CompileError(f"nn.conv_planes of data {data.shape} with weights {weights.shape}, {attrs.groups} groups")
    chunks, *_, together = weights.shape
    if chunks != attrs.groups * -(-attrs.channels // together):
        raise CompileError(f"nn.conv_planes: weights {weights.shape} for {attrs.channels} channels of a group")
    channels = (attrs.groups, attrs.channels) if attrs.groups > 1 else (attrs.channels,)
    if len(types) == 3 and types[2].shape != channels:
        raise CompileError(f"nn.conv_planes: bias {types[2].shape}", expected=f"{channels}")
    if attrs.columns % attrs.lanes:
        raise CompileError(f"nn.conv_planes: {attrs.columns} columns", expected=f"vectors of {attrs.lanes}")
    spatial = data.rank - 2
    if len(attrs.sizes) != spatial or len(attrs.padding) != 2 * spatial or (attrs.rows > 1 and spatial == 1):
        raise CompileError(f"nn.conv_planes: sizes {attrs.sizes}, padding {attrs.padding} of rank {data.rank}")
    return TensorType((data.shape[0], *channels, *attrs.sizes), dtype)


def _reference(attrs: Attrs, data: np.ndarray, weights: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    spatial, groups = len(attrs.sizes), attrs.groups
    plain = np.moveaxis(weights, -1, 1).reshape(groups, -1, *weights.shape[1:-1])[:, : attrs.channels]
    padded = pad_array(data, attrs.padding[:spatial], attrs.padding[spatial:])
    conv = get("nn.conv")
    full = {"strides": attrs.strides, "padding": (0,) * 2 * spatial, "dilations": attrs.dilations}
    every = Attrs({**conv.attributes, **full, "groups": groups})
    weights = plain.reshape(-1, *weights.shape[1:-1])
    result = conv.reference(every, padded, weights, *([] if bias is None else [bias.reshape(-1)]))
    inside = tuple(slice(0, size) for size in attrs.sizes)
    whole = (slice(None), slice(None), *inside)
    channels = (groups, attrs.channels) if groups > 1 else (attrs.channels,)
    return np.ascontiguousarray(result[whole].reshape(len(data), *channels, *attrs.sizes))


def _choose_tile(T: Any, attrs: Attrs, channels: int, together: int) -> tuple[int, ...]:
    """Output channels, rows (where there are any) and columns of a row that are computed together.

    Parameters
    ----------
    channels : int
        Those of a group, filled up.
    """
    lanes = attrs.lanes
    most = max(MOST_SUMS, together * attrs.rows * attrs.columns // lanes)
    # Parts of what was packed together, or several of them: TVM fails on places in other ones where sizes are symbolic.
    possible = [n for n in range(1, min(channels, most) + 1) if channels % n == 0]
    divisors = [n for n in possible if together % n == 0 or n % together == 0]
    count: int = T.knobs.choose("planes.channels", divisors, together)
    height, length = attrs.sizes[-2:] if len(attrs.sizes) > 1 else (1, attrs.sizes[0])
    rows = 1
    if len(attrs.sizes) > 1:
        usual = min(attrs.rows, most // count)
        heights = [n for n in ROWS if n <= most // count and (not isinstance(height, int) or n <= height)]
        rows = T.knobs.choose("planes.rows", sorted({*heights, usual}), usual)
    usual = min(attrs.columns // lanes, most // (count * rows))
    whole = -(-length // lanes) if isinstance(length, int) else most  # more would compute nothing but what is dropped
    vectors = range(1, max(usual, min(whole, most // (count * rows))) + 1)
    columns: int = T.knobs.choose("planes.columns", [v * lanes for v in vectors], usual * lanes)
    return (count, rows, columns) if len(attrs.sizes) > 1 else (count, columns)


def _padding_of_chosen(attrs: Attrs, tile: Sequence[int], data: Sequence[Any], window: Sequence[int]) -> list[Any]:
    """Padding behind the data with which whole tiles of another size can be read."""
    spatial = len(attrs.sizes)
    result = list(attrs.padding[spatial:])
    usual = (attrs.rows, attrs.columns)[-len(tile) :]
    for axis, part, before in zip(range(-len(tile), 0), tile, usual, strict=True):
        length, elements, stride = attrs.sizes[axis], data[axis], attrs.strides[axis]
        if isinstance(length, int) and isinstance(elements, int):
            last = _end_of_tiles(length, part, stride, window[axis], attrs.dilations[axis])
            result[axis] = max(0, last - elements - attrs.padding[spatial + axis])
        else:
            result[axis] = result[axis] + max(0, part - before) * stride
    return result


def _compute(T: Any, attrs: Attrs, data: Any, weights: Any, bias: Any = None) -> Any:
    spatial = len(attrs.sizes)
    chunks, in_channels, *window, together = T.shape(weights)
    filled = chunks // attrs.groups * together
    count, *tile = _choose_tile(T, attrs, filled, together)
    after = _padding_of_chosen(attrs, tile, T.shape(data), window)
    padded = pad_stage(T, data, attrs.padding[:spatial], after, T.const(0, T.dtype(data)), "conv_pad")
    result_shape, grouped = T.result_shape(), attrs.groups > 1
    batch, sizes = result_shape[0], result_shape[-spatial:]
    untiled, stride, dilation = spatial - len(tile), attrs.strides[-1], attrs.dilations[-1]
    parts = [T.floor_div(size + (part - 1), part) for size, part in zip(sizes[untiled:], tile, strict=True)]
    own_chunks = filled // count
    if stride > 1:  # columns of one remainder side by side, so that neighbours of the result lie together
        *front, width = T.shape(padded)
        shape = (*front, stride, T.floor_div(width + (stride - 1), stride))

        def split(*index: Any) -> Any:
            *lead, phase, q = index
            return padded(*lead, T.minimum(q * stride + phase, width - 1))

        phases = T.compute(shape, split, "planes_phases")
    channel = T.reduce_axis(in_channels, "ic")
    offsets = [T.reduce_axis(w, f"k{axis}") for axis, w in enumerate(window)]

    def tiles(n: Any, k: Any, *rest: Any) -> Any:
        lead, part, (o, *place) = rest[:untiled], rest[untiled:spatial], rest[spatial:]
        position = [*lead, *(p * size + q for p, size, q in zip(part, tile, place, strict=True))]
        at = [p * s + q * d for p, s, q, d in zip(position, attrs.strides, offsets, attrs.dilations, strict=True)]
        x, shift = position[-1], offsets[-1] * dilation
        source = T.floor_div(k, own_chunks) * in_channels + channel if grouped else channel
        if stride == 1:
            value = padded(n, source, *at)
        else:
            value = phases(n, source, *at[:-1], T.floor_mod(shift, stride), x + T.floor_div(shift, stride))
        o = k * count + o
        weight = weights(T.floor_div(o, together), channel, *offsets, T.floor_mod(o, together))
        return T.sum(value * weight, [channel, *offsets])

    shape = (batch, attrs.groups * own_chunks, *sizes[:untiled], *parts, count, *tile)
    sums = T.compute(shape, tiles, "conv_planes")

    def result(n: Any, *rest: Any) -> Any:
        *channels, k = rest[:-spatial]
        position = rest[-spatial:]
        chunk = T.floor_div(k, count) + (channels[0] * own_chunks if grouped else 0)
        last = list(zip(position[untiled:], tile, strict=True))
        place = [T.floor_mod(k, count), *(T.floor_mod(p, size) for p, size in last)]
        value = sums(n, chunk, *position[:untiled], *(T.floor_div(p, size) for p, size in last), *place)
        return value if bias is None else value + bias(*channels, k)

    return T.compute(result_shape, result, "planes_result")


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
            "groups": 1,
            "rows": 1,
            "columns": REQUIRED,
            "lanes": REQUIRED,
            "sizes": REQUIRED,
            "channels": REQUIRED,
        },
    )
)
