"""Convolution of 8-bit integers on blocked channels, with packed weights.

Data is uint8 in (N, I/ib, spatial..., ib), see `layout`. Weights are int8 in fours, as instructions for dot products of
bytes take them: (O/ob, (I/groups)/ib, window..., ib/4, ob, 4) has four input channels side by side for each lane. A
`depthwise` convolution has (C/b, window less its last axis..., columns/4, b, 4), that is, four columns of the window,
which is made wider by columns of zeros where that is needed. Sums of products and the optional bias (O/ob, ob) are
int32. `pixel_tile` is that of `nn.conv_blocked`, `zero_point` that of `qnn.conv`. `data_offset`, 0 or 128, is taken
off the data: less 128 its bytes are signed, as some instructions want them. A bias makes up for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import product
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import REQUIRED, FusionKind, Op, check_dtype, get, register, tensors
from .layout import block_array, unblock_array
from .nn_conv_blocked import PixelTiles
from .window import check_window, output_sizes, pad_stage

#: Input channels of one dot product.
QUAD = 4

#: The sign bits of four bytes as an int32. Flipped, an unsigned byte is the signed one that is less by 128.
SIGNS = -0x7F7F7F80


def pack_quads(weights: np.ndarray, in_block: int, out_block: int) -> np.ndarray:
    """(O, I/groups, window...) to (ceil(O/ob), ceil((I/groups)/ib), window..., ib/4, ob, 4), filled up with zeros."""
    out_channels, in_channels, *window = weights.shape
    padded = np.zeros(
        (out_channels + -out_channels % out_block, in_channels + -in_channels % in_block, *window), weights.dtype
    )
    padded[:out_channels, :in_channels] = weights
    split = padded.reshape(-1, out_block, padded.shape[1] // in_block, in_block // QUAD, QUAD, *window)
    return np.ascontiguousarray(np.moveaxis(split, (3, 1, 4), (-3, -2, -1)))


def unpack_quads(packed: np.ndarray) -> np.ndarray:
    """The inverse of `pack_quads`."""
    split = np.moveaxis(packed, (-3, -2, -1), (3, 1, 4))
    chunks, out_block, in_chunks, quads, _, *window = split.shape
    return np.ascontiguousarray(split).reshape(chunks * out_block, in_chunks * quads * QUAD, *window)


def pack_depthwise(weights: np.ndarray, block: int) -> np.ndarray:
    """(C, 1, window...) to (C/b, window less its last axis..., ceil(columns/4), b, 4), filled up with zeros."""
    channels, _, *window, columns = weights.shape
    padded = np.zeros((channels, *window, columns + -columns % QUAD), weights.dtype)
    padded[..., :columns] = weights[:, 0]
    split = padded.reshape(channels // block, block, *window, -1, QUAD)
    return np.ascontiguousarray(np.moveaxis(split, 1, -2))


def _unpack_depthwise(packed: np.ndarray) -> np.ndarray:
    split = np.moveaxis(packed, -2, 1)
    chunks, block, *window, quads, _ = split.shape
    return np.ascontiguousarray(split).reshape(chunks * block, 1, *window, quads * QUAD)


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    name = "qnn.conv_blocked"
    data, weights, *bias = tensors(name, args, (2, 3))
    check_dtype(f"{name}: data", data.dtype, ("uint8",))
    spatial = data.rank - 3
    if spatial < 1 or weights.rank != data.rank + (0 if attrs.depthwise else 2) or weights.shape[-1] != QUAD:
        raise CompileError(f"{name} of data {data.shape} with weights {weights.shape}")
    check_dtype(f"{name}: weights", weights.dtype, ("int8",))
    check_window(name, attrs, spatial)
    chunks, *window, quads, block, _ = weights.shape
    if attrs.depthwise:
        window, wanted = [*window, quads * QUAD], (chunks, block)
    else:
        in_chunks, *window = window
        wanted = (in_chunks * attrs.groups, quads * QUAD)
    if (data.shape[1], data.shape[-1]) != wanted:
        raise CompileError(
            f"{name}: data {data.shape}, weights {weights.shape}, {attrs.groups} groups",
            expected=f"{wanted[0]} chunks of {wanted[1]} channels",
        )
    if bias and (bias[0].shape != (chunks, block) or bias[0].dtype != "int32"):
        raise CompileError(f"{name}: bias {bias[0]}", expected=f"Tensor[({chunks}, {block}), int32]")
    out = output_sizes(name, data.shape[2:-1], window, attrs)
    return TensorType((data.shape[0], chunks, *out, block), "int32")


def _reference(attrs: Attrs, data: np.ndarray, weights: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    full = Attrs({k: v for k, v in attrs.items() if k not in ("pixel_tile", "depthwise", "data_offset")})
    plain = (_unpack_depthwise if attrs.depthwise else unpack_quads)(weights)
    rest = [] if bias is None else [bias.reshape(-1)]
    values = unblock_array(data)
    if attrs.data_offset:
        values = (values ^ np.uint8(128)).view(np.int8)
        full = Attrs({**full, "zero_point": full.zero_point - 128})
    return block_array(get("qnn.conv").reference(full, values, plain, *rest), weights.shape[-2])


def _compute(T: Any, attrs: Attrs, data: Any, weights: Any, bias: Any = None) -> Any:
    _, _, *sizes, _ = T.shape(data)
    chunks, *window, quads, _, _ = T.shape(weights)
    in_chunks = 1 if attrs.depthwise else window.pop(0)
    spatial = len(sizes)
    before, after = attrs.padding[:spatial], attrs.padding[spatial:]
    padded = pad_stage(T, data, (*before, 0), (*after, 0), T.const(attrs.zero_point, "uint8"), "conv_pad")
    quad = T.reduce_axis(quads, "quad")
    offsets = [T.reduce_axis(w, f"k{axis}") for axis, w in enumerate(window)]
    shape = T.result_shape()
    tiles = PixelTiles(T, attrs, shape[2:-1])
    computed = [*shape[:2], *tiles.axes, shape[-1]]

    def at(rest: Sequence[Any]) -> list[Any]:
        """Where the window of a result begins; `rest` are its axes behind the chunk, less the lane."""
        return [p * s for p, s in zip(tiles.pixel(rest), attrs.strides, strict=True)]

    def within(start: Sequence[Any], place: Sequence[Any]) -> list[Any]:
        return [s + k * d for s, k, d in zip(start, place, attrs.dilations, strict=True)]

    def dot(left: Any, right: Any) -> Any:
        if attrs.data_offset == 0:
            return T.dot_bytes(left, right)
        return T.dot_signed_bytes(left ^ T.const(SIGNS, "int32"), right)

    if attrs.depthwise:

        def lanes(n: Any, c: Any, *rest: Any) -> Any:
            start, lane = at(rest[:-1]), rest[-1]
            taps = ([*offsets, quad * QUAD + i] for i in range(QUAD))
            left = T.word(*(padded(n, c, *within(start, tap), lane) for tap in taps))
            right = T.word(*(weights(c, *offsets, quad, lane, i) for i in range(QUAD)))
            return T.sum(dot(left, right), [*offsets, quad])

        sums = T.compute(computed, lanes, "conv_depthwise_tiled" if tiles.size else "conv_depthwise")
    else:
        chunk = T.reduce_axis(in_chunks, "icc")
        per_group = chunks // attrs.groups

        def channels(n: Any, c: Any, *rest: Any) -> Any:
            source = chunk if attrs.groups == 1 else T.floor_div(c, per_group) * in_chunks + chunk
            place = within(at(rest[:-1]), offsets)
            left = T.word(*(padded(n, source, *place, quad * QUAD + i) for i in range(QUAD)))
            right = T.word(*(weights(c, chunk, *offsets, quad, rest[-1], i) for i in range(QUAD)))
            return T.sum(dot(left, right), [chunk, *offsets, quad])

        sums = T.compute(computed, channels, "conv_blocked_tiled" if tiles.size else "conv_blocked")
    if bias is None and not tiles.size:
        return sums

    def element(n: Any, c: Any, *rest: Any) -> Any:
        *position, lane = rest
        value = sums(n, c, *tiles.place(position), lane)
        return value if bias is None else value + bias(c, lane)

    return T.compute(shape, element, "conv_bias")


register(
    Op(
        "qnn.conv_blocked",
        FusionKind.ANCHOR,
        _relation,
        _reference,
        _compute,
        attributes={
            "strides": REQUIRED,
            "padding": REQUIRED,
            "dilations": REQUIRED,
            "groups": 1,
            "zero_point": 0,
            "pixel_tile": 0,
            "data_offset": 0,
            "depthwise": False,
        },
        multiply_adds=lambda attrs, args, results: results[0].size * product(args[1].shape[1:-2]) * QUAD,
    )
)
