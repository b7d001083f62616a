"""Convolution on blocked channels, with packed weights.

Data is (N, I/ib, spatial..., ib), see `layout`. Weights are (O/ob, (I/groups)/ib, window..., ib, ob): what the inner
loops read lies in the order in which they read it. A depthwise convolution (one channel a group) has the weights
(C/b, 1, window..., 1, b) and works on each lane by itself. The optional bias is (O/ob, ob).

`column_tile` says that so many pixels of a row are computed together even where the row's length is not known; the
result does not depend on it. 0: the schedule cuts rows itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import product
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import REQUIRED, FusionKind, Op, get, register, same_dtype, tensors
from .layout import block_array, unblock_array
from .window import check_window, output_sizes, pad_stage

#: Pixels of a row that a tuner tries to compute together.
MOST_COLUMNS = 14


def pack_weights(weights: np.ndarray, in_block: int, out_block: int) -> np.ndarray:
    """(O, I/groups, window...) to (ceil(O/ob), ceil((I/groups)/ib), window..., ib, ob), filled up with zeros."""
    out_channels, in_channels, *window = weights.shape
    padded = np.zeros((out_channels + -out_channels % out_block, in_channels + -in_channels % in_block, *window), "f")
    padded[:out_channels, :in_channels] = weights
    split = padded.reshape(-1, out_block, padded.shape[1] // in_block, in_block, *window)
    return np.ascontiguousarray(np.moveaxis(split, (3, 1), (-2, -1)))


def unpack_weights(packed: np.ndarray) -> np.ndarray:
    """The inverse of `pack_weights`."""
    split = np.moveaxis(packed, (-2, -1), (3, 1))
    chunks, out_block, in_chunks, in_block, *window = split.shape
    return np.ascontiguousarray(split).reshape(chunks * out_block, in_chunks * in_block, *window)


def _is_depthwise(attrs: Attrs, weights: Sequence[Any]) -> bool:
    return bool(attrs.groups == weights[0] * weights[-1] and attrs.groups > 1)


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    types = tensors("nn.conv_blocked", args, (2, 3))
    dtype = same_dtype("nn.conv_blocked", types)
    data, weights = types[0], types[1]
    spatial = data.rank - 3
    if spatial < 1 or weights.rank != data.rank + 1:
        raise CompileError(f"nn.conv_blocked of data {data.shape} with weights {weights.shape}")
    check_window("nn.conv_blocked", attrs, spatial)
    chunks, in_chunks, *_, in_block, out_block = weights.shape
    wanted = (chunks, out_block) if _is_depthwise(attrs, weights.shape) else (in_chunks * attrs.groups, in_block)
    if (data.shape[1], data.shape[-1]) != wanted:
        raise CompileError(
            f"nn.conv_blocked: data {data.shape}, weights {weights.shape}, {attrs.groups} groups",
            expected=f"{wanted[0]} chunks of {wanted[1]} channels",
        )
    if len(types) == 3 and types[2].shape != (chunks, out_block):
        raise CompileError(f"nn.conv_blocked: bias {types[2].shape}", expected=f"({chunks}, {out_block})")
    out = output_sizes("nn.conv_blocked", data.shape[2:-1], weights.shape[2:-2], attrs)
    return TensorType((data.shape[0], chunks, *out, out_block), dtype)


def _reference(attrs: Attrs, data: np.ndarray, weights: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    rest = [] if bias is None else [bias.reshape(-1)]
    full = Attrs({**attrs, "out_dtype": None})
    result = get("nn.conv").reference(full, unblock_array(data), unpack_weights(weights), *rest)
    return block_array(result, weights.shape[-1])


def choose_columns(T: Any, attrs: Attrs, columns: Any) -> int:
    """`column_tile`, or what a tuning record says. Rows of known length may stay whole: the schedule cuts them."""
    static = isinstance(columns, int)
    most = min(columns, MOST_COLUMNS) if static else MOST_COLUMNS
    options = {attrs.column_tile, *range(2, most + 1), *([0] if static else [1])}
    chosen: int = T.knobs.choose("conv.columns", sorted(options), attrs.column_tile)
    return chosen


def _compute(T: Any, attrs: Attrs, data: Any, weights: Any, bias: Any = None) -> Any:
    _, _, *sizes, _ = T.shape(data)
    chunks, in_chunks, *window, in_block, _ = T.shape(weights)
    spatial = len(sizes)
    before, after = attrs.padding[:spatial], attrs.padding[spatial:]
    # Spatial axes are 2 on, here too; the block behind them has no padding.
    padded = pad_stage(T, data, (*before, 0), (*after, 0), T.const(0, T.dtype(data)), "conv_pad")
    offsets = [T.reduce_axis(w, f"k{axis}") for axis, w in enumerate(window)]
    shape = T.result_shape()
    columns = shape[-2]
    tile = choose_columns(T, attrs, columns)
    computed = [*shape[:-2], T.floor_div(columns + (tile - 1), tile), tile, shape[-1]] if tile else shape

    def pixel(rest: Sequence[Any]) -> list[Any]:
        if not tile:
            return list(rest)
        *outer, part, place = rest
        # The last tile computes the last pixel again and again instead of branching; nobody reads those results.
        return [*outer, T.minimum(part * tile + place, columns - 1)]

    def at(position: Sequence[Any]) -> list[Any]:
        return [p * s + k * d for p, s, k, d in zip(position, attrs.strides, offsets, attrs.dilations, strict=True)]

    if _is_depthwise(attrs, T.shape(weights)):

        def depthwise(n: Any, c: Any, *rest: Any) -> Any:
            *position, lane = rest
            return T.sum(padded(n, c, *at(pixel(position)), lane) * weights(c, 0, *offsets, 0, lane), offsets)

        result = T.compute(computed, depthwise, "conv_depthwise_tiled" if tile else "conv_depthwise")
    else:
        chunk, channel = T.reduce_axis(in_chunks, "icc"), T.reduce_axis(in_block, "ic")
        per_group = chunks // attrs.groups

        def dense(n: Any, c: Any, *rest: Any) -> Any:
            *position, lane = rest
            source = chunk if attrs.groups == 1 else T.floor_div(c, per_group) * in_chunks + chunk
            value = padded(n, source, *at(pixel(position)), channel) * weights(c, chunk, *offsets, channel, lane)
            return T.sum(value, [chunk, *offsets, channel])

        result = T.compute(computed, dense, "conv_blocked_tiled" if tile else "conv_blocked")

    def place(rest: Sequence[Any]) -> list[Any]:
        *outer, column, lane = rest
        return [*outer, T.floor_div(column, tile), T.floor_mod(column, tile), lane] if tile else list(rest)

    if bias is not None:
        return T.compute(shape, lambda n, c, *rest: result(n, c, *place(rest)) + bias(c, rest[-1]), "conv_bias")
    return T.compute(shape, lambda n, c, *rest: result(n, c, *place(rest)), "conv_untile") if tile else result


register(
    Op(
        "nn.conv_blocked",
        FusionKind.ANCHOR,
        _relation,
        _reference,
        _compute,
        attributes={"strides": REQUIRED, "padding": REQUIRED, "dilations": REQUIRED, "groups": 1, "column_tile": 0},
        multiply_adds=lambda attrs, args, results: results[0].size * product(args[1].shape[1:-1]),
    )
)
