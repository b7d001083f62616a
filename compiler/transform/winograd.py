"""Compute convolutions by 3x3 windows with Winograd's minimal filtering where it is faster.

It multiplies less, but moves more: the data is transformed and stored once more, and the weights are 16 or 36 numbers
instead of 9. A model of the time decides; ``--no-winograd`` keeps the direct sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from .. import op as relay_op
from ..op.nn_conv_blocked import unpack_weights
from ..op.nn_conv_winograd import padding_of_tiles, transform_weights
from ..relay.dimension import Dimension
from ..relay.expr import Binding, Call, Constant, Function, Module
from ..relay.types import TensorType
from ..target import Target
from .base import Pass, PassContext, map_functions, map_subfunctions

#: Channels that the transform of the data works on at once, in a vector.
LEAST_BLOCK = 4
#: Tiles of a group: the products of 28 tiles with 16 channels take 64 KB.
MOST_TILES = 28


def _run(module: Module, context: PassContext) -> Module:
    target = context.target
    if target is None or target.vector_bits == 0 or not context.options.get("winograd.enabled", True):
        return module
    return map_functions(module, partial(_rewrite, target))


def _rewrite(target: Target, function: Function) -> Function:
    bindings = []
    for binding in function.bindings:
        value = map_subfunctions(binding.value, partial(_rewrite, target))
        if isinstance(value, Call) and value.op == "nn.conv_blocked":
            value = _convert(value, binding.var.type, target) or value
        bindings.append(Binding(binding.var, value))
    return replace(function, bindings=tuple(bindings))


def _convert(call: Call, result: Any, target: Target) -> Call | None:
    data, weights, *bias = call.args
    data_type, attrs = data.type, call.attrs
    if not isinstance(weights, Constant) or not isinstance(data_type, TensorType) or attrs.groups != 1:
        return None
    chunks, in_chunks, *window, in_block, out_block = weights.array.shape
    if in_block < LEAST_BLOCK or window != [3, 3] or {*attrs.strides, *attrs.dilations} != {1}:
        return None
    sizes = _numbers(result.shape[2:4])
    data_sizes = _numbers(data_type.shape[2:4])
    if sizes is None or data_sizes is None:
        return None
    batch = data_type.shape[0] if isinstance(data_type.shape[0], int) else 1
    in_channels, out_channels = in_chunks * in_block, chunks * out_block
    best = min((0, 2, 4), key=lambda m: _time(m, batch, sizes, in_channels, out_channels, target))
    if best == 0:
        return None
    transformed = transform_weights(unpack_weights(weights.array), best, in_block, out_block)
    full = relay_op.complete_attrs(
        relay_op.get("nn.conv_winograd"),
        {
            "tile": best,
            "group": _group(best, sizes, in_channels, out_block, target),
            "padding": padding_of_tiles(sizes, data_sizes, attrs.padding[:2], best),
            "sizes": sizes,
        },
    )
    packed = Constant(transformed, f"{weights.name}.winograd")
    return Call("nn.conv_winograd", (data, packed, *bias), full, call.location)


def _numbers(sizes: Sequence[Dimension]) -> tuple[int, ...] | None:
    numbers = tuple(s for s in sizes if isinstance(s, int))
    return numbers if len(numbers) == len(sizes) else None


def _group(tile: int, sizes: tuple[int, ...], in_channels: int, out_block: int, target: Target) -> tuple[int, int]:
    """Rows and columns of tiles to compute together.

    As many as fill the registers with sums; their data shall stay in the second cache. Of equal ones the larger (each
    group loads all weights), but what is between the transforms shall stay in the first one.
    """
    rows, columns = (-(-s // tile) for s in sizes)
    most = max(1, target.l2_bytes * 3 // 4 // ((tile + 2) ** 2 * in_channels * 4))
    registers = max(4, (target.vector_registers - 4) // max(1, out_block // target.lanes()))

    def rate(group: tuple[int, int]) -> tuple[bool, int, int]:
        count = group[0] * group[1]
        together = max(d for d in range(1, count + 1) if count % d == 0 and d <= registers)
        return count <= most, min(together, 8), count

    options = [(r, c) for r in _divisors(rows) for c in _divisors(columns) if r * c <= MOST_TILES]
    return max(options, key=rate)


def _divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


def _time(tile: int, batch: int, sizes: tuple[int, ...], in_channels: int, out_channels: int, target: Target) -> float:
    """Estimate, in vector operations. Tile 0: the direct sum.

    A vector multiply-add, addition or move counts 1; weights that are too large for the second cache count by the time
    in which they come from the third one or from memory.
    """
    lanes = target.lanes()
    height, width = sizes
    weights = in_channels * out_channels * (9 if tile == 0 else (tile + 2) ** 2)
    if tile == 0:
        products = batch * height * width * 9 * in_channels * out_channels / lanes
        return max(products, _transfer(weights, target))
    tiles = batch * -(-height // tile) * -(-width // tile)
    products = tiles * (tile + 2) ** 2 * in_channels * out_channels / lanes
    transforms = tiles * (in_channels * _INPUT[tile] + out_channels * _OUTPUT[tile]) / lanes
    return max(products, _transfer(weights, target)) + transforms


#: Operations and moves of the transforms of one tile and one channel.
_INPUT = {2: 100, 4: 320}
_OUTPUT = {2: 80, 4: 260}


def _transfer(weights: int, target: Target) -> float:
    """Vector operations that take as long as loading so many numbers."""
    return weights * 4 / _BYTES_PER_OPERATION if weights * 4 > target.l2_bytes else 0


#: Bytes that come from memory while a core does one vector operation: some 16 GB/s at 3.7 GHz.
_BYTES_PER_OPERATION = 4.5

winograd = Pass("winograd", 3, _run)
