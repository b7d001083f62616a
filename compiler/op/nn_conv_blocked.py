"""Convolution on blocked channels, with packed weights.

Data is (N, I/ib, spatial..., ib), see `layout`. Weights are (O/ob, (I/groups)/ib, window..., ib, ob): what the inner
loops read lies in the order in which they read it. A depthwise convolution (one channel a group) has the weights
(C/b, 1, window..., 1, b) and works on each lane by itself. The optional bias is (O/ob, ob).

`pixel_tile` says that so many pixels are computed together although they need not divide the image: neighbours in a
row, or where all sizes are known, in the order of rows, from one into the next. The result does not depend on it. 0:
the schedule cuts rows itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import product
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import REQUIRED, FusionKind, Op, get, register, same_dtype, tensors
from .layout import block_array, unblock_array
from .window import check_window, output_sizes, pad_stage

#: Pixels that a tuner tries to compute together.
MOST_PIXELS = 14


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


class PixelTiles:
    """How the compute of a convolution cuts its pixels into tiles: by `pixel_tile`, or what a tuning record says.

    The last tile computes the last pixel again and again instead of branching; nobody reads those results.

    Parameters
    ----------
    T : TensorExpressions
    attrs : Attrs
        With ``pixel_tile``.
    sizes : sequence
        Spatial sizes of the result. If all are known, the schedule may also cut the image itself.

    Attributes
    ----------
    size : int
        Pixels of a tile; 0: nothing is cut.
    axes : list
        Sizes of what is computed: `sizes`, with tiles and places in a tile for those that are cut.
    """

    def __init__(self, T: Any, attrs: Attrs, sizes: Sequence[Any]) -> None:
        self._T, self._sizes = T, list(sizes)
        self._whole = all(isinstance(size, int) for size in sizes)
        pixels = prod(sizes) if self._whole else sizes[-1]
        known = isinstance(pixels, int)
        most = min(pixels, MOST_PIXELS) if known else MOST_PIXELS
        options = {attrs.pixel_tile, *range(2, most + 1), *([0] if known else [1])}
        self.size: int = T.knobs.choose("conv.pixels", sorted(options), attrs.pixel_tile)
        self._pixels = pixels
        tiles = [T.floor_div(pixels + (self.size - 1), self.size), self.size] if self.size else []
        self.axes = self._sizes if not tiles else tiles if self._whole else [*self._sizes[:-1], *tiles]

    def pixel(self, place: Sequence[Any]) -> list[Any]:
        """What `axes` say -> position in the result."""
        if not self.size:
            return list(place)
        *outer, tile, within = place
        number = self._T.minimum(tile * self.size + within, self._pixels - 1)
        return self._position(number) if self._whole else [*outer, number]

    def place(self, position: Sequence[Any]) -> list[Any]:
        """Position in the result -> what `axes` say."""
        if not self.size:
            return list(position)
        *outer, number = position
        if self._whole:
            outer, number = [], self._number(position)
        return [*outer, self._T.floor_div(number, self.size), self._T.floor_mod(number, self.size)]

    def _number(self, position: Sequence[Any]) -> Any:
        number = position[0]
        for size, index in zip(self._sizes[1:], position[1:], strict=True):
            number = number * size + index
        return number

    def _position(self, number: Any) -> list[Any]:
        position = []
        for size in reversed(self._sizes[1:]):
            position.append(self._T.floor_mod(number, size))
            number = self._T.floor_div(number, size)
        return [number, *reversed(position)]


def _compute(T: Any, attrs: Attrs, data: Any, weights: Any, bias: Any = None) -> Any:
    _, _, *sizes, _ = T.shape(data)
    chunks, in_chunks, *window, in_block, _ = T.shape(weights)
    spatial = len(sizes)
    before, after = attrs.padding[:spatial], attrs.padding[spatial:]
    # Spatial axes are 2 on, here too; the block behind them has no padding.
    padded = pad_stage(T, data, (*before, 0), (*after, 0), T.const(0, T.dtype(data)), "conv_pad")
    offsets = [T.reduce_axis(w, f"k{axis}") for axis, w in enumerate(window)]
    shape = T.result_shape()
    tiles = PixelTiles(T, attrs, shape[2:-1])
    computed = [*shape[:2], *tiles.axes, shape[-1]]

    def at(position: Sequence[Any]) -> list[Any]:
        return [p * s + k * d for p, s, k, d in zip(position, attrs.strides, offsets, attrs.dilations, strict=True)]

    if _is_depthwise(attrs, T.shape(weights)):

        def depthwise(n: Any, c: Any, *rest: Any) -> Any:
            *position, lane = rest
            return T.sum(padded(n, c, *at(tiles.pixel(position)), lane) * weights(c, 0, *offsets, 0, lane), offsets)

        result = T.compute(computed, depthwise, "conv_depthwise_tiled" if tiles.size else "conv_depthwise")
    else:
        chunk, channel = T.reduce_axis(in_chunks, "icc"), T.reduce_axis(in_block, "ic")
        per_group = chunks // attrs.groups

        def dense(n: Any, c: Any, *rest: Any) -> Any:
            *position, lane = rest
            source = chunk if attrs.groups == 1 else T.floor_div(c, per_group) * in_chunks + chunk
            value = padded(n, source, *at(tiles.pixel(position)), channel) * weights(c, chunk, *offsets, channel, lane)
            return T.sum(value, [chunk, *offsets, channel])

        result = T.compute(computed, dense, "conv_blocked_tiled" if tiles.size else "conv_blocked")

    def at_pixel(n: Any, c: Any, *rest: Any) -> Any:
        *position, lane = rest
        return result(n, c, *tiles.place(position), lane)

    if bias is not None:
        return T.compute(shape, lambda n, c, *rest: at_pixel(n, c, *rest) + bias(c, rest[-1]), "conv_bias")
    return T.compute(shape, at_pixel, "conv_untile") if tiles.size else result


register(
    Op(
        "nn.conv_blocked",
        FusionKind.ANCHOR,
        _relation,
        _reference,
        _compute,
        attributes={"strides": REQUIRED, "padding": REQUIRED, "dilations": REQUIRED, "groups": 1, "pixel_tile": 0},
        multiply_adds=lambda attrs, args, results: results[0].size * product(args[1].shape[1:-1]),
    )
)
