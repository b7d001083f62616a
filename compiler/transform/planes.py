"""Convolutions with few output channels -> vectors along the rows of planes (nn.conv_planes).

Blocks of channels would stay half empty: of 12 channels in blocks of 4 a processor with vectors of 16 wastes three
quarters. Rows of pixels fill vectors of any length.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from .. import op as relay_op
from ..op.nn_conv_planes import pack_weights, padding_of_columns
from ..relay.dimension import Dimension
from ..relay.expr import Call, Constant, Module, Var
from ..relay.types import TensorType
from ..target import Target
from .base import Pass, PassContext, map_functions, replace_calls

#: Output channels up to which vectors along rows are better than blocks, if these are not filled.
MOST_CHANNELS = 12
#: Of so many channels the blocks are filled: planes only pay where the window is so large (in numbers for a result).
FILLED, LARGE_WINDOW = 8, 256
#: Strides along rows cost a copy of the data; it pays for so few channels.
MOST_STRIDED_CHANNELS = 4
#: Shortest rows.
LEAST_COLUMNS = 24
#: What is taken for the length of rows that is not known.
TYPICAL_COLUMNS = 64


def _run(module: Module, context: PassContext) -> Module:
    target = context.target
    if target is None or target.vector_bits == 0 or target.kernel_format == "c":
        return module
    return map_functions(module, lambda function: replace_calls(function, "nn.conv", partial(_convert, target)))


def _convert(target: Target, call: Call, var: Var) -> Call | None:
    data, weights, *bias = call.args
    attrs, result = call.attrs, var.type
    if not isinstance(weights, Constant) or not isinstance(data.type, TensorType) or not isinstance(result, TensorType):
        return None
    if weights.type.dtype != "float32" or attrs.out_dtype is not None or attrs.groups != 1:
        return None
    if not all(isinstance(b, Constant) for b in bias) or not planes_pay(weights.array, attrs.strides, result.shape[-1]):
        return None
    channels = weights.array.shape[0]
    together, columns = _tile(channels, result.shape[-1], target)
    sizes = result.shape[2:]
    padding = padding_of_columns(attrs.padding, columns, sizes, data.type.shape[2:], attrs, weights.array.shape[-1])
    full = relay_op.complete_attrs(
        relay_op.get("nn.conv_planes"),
        {
            "strides": attrs.strides,
            "padding": padding,
            "dilations": attrs.dilations,
            "columns": columns,
            "lanes": target.lanes(),
            "sizes": sizes,
        },
    )
    packed = Constant(pack_weights(weights.array, together), f"{weights.name or 'constant'}.planes")
    return Call("nn.conv_planes", (data, packed, *bias), full, call.location)


def planes_pay(weights: np.ndarray, strides: Sequence[int], length: Dimension) -> bool:
    """Are vectors along rows better than blocks for a convolution with such weights and rows of such a length?"""
    channels = weights.shape[0]
    if channels > MOST_CHANNELS or (isinstance(length, int) and length < LEAST_COLUMNS):
        return False
    if strides[-1] > 1 and channels > MOST_STRIDED_CHANNELS:
        return False
    return channels % FILLED != 0 or weights[0].size >= LARGE_WINDOW


def _tile(channels: int, length: Dimension, target: Target) -> tuple[int, int]:
    """Output channels and columns that are computed together: most work for each load, least beyond a row's end."""
    sums, lanes = max(4, target.vector_registers - 8), target.lanes()
    width = length if isinstance(length, int) else TYPICAL_COLUMNS

    def rate(tile: tuple[int, int]) -> tuple[float, int]:
        together, vectors = tile
        used = width / (-(-width // (vectors * lanes)) * vectors * lanes)
        # Enough independent sums hide the latency of multiply-adds; then loads count: a broadcast is one, a vector that
        # crosses lines of the cache about three.
        busy = min(1.0, together * vectors / 8)
        return used * busy * together * vectors / (together + 3 * vectors), together * vectors

    tiles = [
        (together, vectors)
        for together in range(1, channels + 1)
        if channels % together == 0
        for vectors in range(1, sums // together + 1)
    ]
    together, vectors = max(tiles, key=rate)
    return together, vectors * lanes


planes = Pass("planes", 3, _run)
