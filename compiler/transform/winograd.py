"""Compute convolutions by 3x3 windows with Winograd's minimal filtering where it is faster.

It multiplies less, but moves more: the data is transformed and stored once more, and the weights are 16 or 36 numbers
instead of 9. A model of the time decides; ``--no-winograd`` keeps the direct sums.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

from .. import op as relay_op
from ..op.nn_conv_blocked import unpack_weights
from ..op.nn_conv_winograd import (
    MOST_BYTES,
    filled_up,
    padding_of_tiles,
    possible_together,
    product_bytes,
    transform_weights,
    whole_groups,
)
from ..relay.dimension import Dimension, evaluate, is_static, symbols
from ..relay.expr import Call, Constant, Module, Var, tensor_type
from ..relay.types import TensorType
from ..target import SUMS, Target
from .base import Pass, PassContext, map_functions, replace_calls
from .pixel_tiles import TYPICAL_LENGTH

#: Channels that the transform of the data works on at once, in a vector.
LEAST_BLOCK = 4


def _run(module: Module, context: PassContext) -> Module:
    target = context.target
    if target is None or target.vector_bits == 0 or not context.options.get("winograd.enabled", True):
        return module
    return map_functions(module, lambda function: replace_calls(function, "nn.conv_blocked", partial(_convert, target)))


def _convert(target: Target, call: Call, var: Var) -> Call | None:
    data, weights, *bias = call.args
    data_type, result, attrs = data.type, tensor_type(var), call.attrs
    if not isinstance(weights, Constant) or not isinstance(data_type, TensorType) or attrs.groups != 1:
        return None
    chunks, in_chunks, *window, in_block, out_block = weights.array.shape
    if in_block < LEAST_BLOCK or window != [3, 3] or {*attrs.strides, *attrs.dilations} != {1}:
        return None
    sizes, data_sizes = result.shape[2:4], data_type.shape[2:4]
    batch = data_type.shape[0] if isinstance(data_type.shape[0], int) else 1
    in_channels, out_channels = in_chunks * in_block, chunks * out_block
    typical = tuple(evaluate(size, dict.fromkeys(symbols(size), TYPICAL_LENGTH)) for size in sizes)
    best = min((0, 2, 4), key=lambda m: vector_operations(m, batch, typical, in_channels, out_channels, target))
    if best == 0:
        return None
    if is_static(sizes):
        cut = _divide(best, typical, in_channels, out_channels, out_block, target)
    else:
        cut = _divide_unknown(best, sizes, in_channels, out_channels, out_block, target)
    transformed = transform_weights(unpack_weights(weights.array), best, in_block, out_block)
    full = relay_op.complete_attrs(
        relay_op.get("nn.conv_winograd"),
        {
            "tile": best,
            "group": cut.group,
            "together": cut.together,
            "fused": cut.fused,
            "padding": padding_of_tiles(sizes, data_sizes, attrs.padding[:2], best),
            "sizes": sizes,
        },
    )
    packed = Constant(transformed, f"{weights.name}.winograd")
    return Call("nn.conv_winograd", (data, packed, *bias), full, call.location)


@dataclass(frozen=True)
class _Division:
    """How a convolution is cut: tiles of a group, how many of them in registers, and where its data is transformed."""

    group: tuple[int, int]
    together: int
    fused: bool

    @property
    def count(self) -> int:
        return self.group[0] * self.group[1]


#: Tiles of a row or a column of an image, where their number is not known.
_TYPICAL_TILES = 10


def _divide_unknown(
    tile: int, sizes: tuple[Dimension, ...], in_channels: int, out_channels: int, out_block: int, target: Target
) -> _Division:
    """Groups for images of unknown height or width: tiles beyond the ends are computed in vain, so that there are few.

    They all are in registers at once; twice as many rows where all weights together, which each group reads, don't stay
    in the second cache.
    """
    vectors = max(1, out_block // target.lanes())
    registers = max(1, target.accumulators // vectors)

    def filled(size: Dimension, part: int) -> float:
        """Tiles that are computed for each that is needed; half a group is beyond the end of an unknown size."""
        if isinstance(size, int):
            return filled_up(-(-size // tile), part) / -(-size // tile)
        return 1 + (part - 1) / 2 / _TYPICAL_TILES

    def time(group: tuple[int, int]) -> float:
        count = group[0] * group[1]
        each = (1 + 1 / count) / min(1, count * vectors / SUMS)
        return each * filled(sizes[0], group[0]) * filled(sizes[1], group[1])

    every = [(r, c) for r in range(1, registers + 1) for c in range(1, registers // r + 1)]
    rows, columns = min(every, key=lambda group: (time(group), -group[1]))
    together = rows * columns
    weights = (tile + 2) ** 2 * in_channels * out_channels * 4
    if weights > target.l2_bytes and product_bytes(tile, 2 * together, together, out_block) <= MOST_BYTES:
        rows *= 2
    return _Division((rows, columns), together, False)


#: More tiles in registers must gain more than this: fewer leave more of the first cache to the weights.
_WORTH = 1.03


def _divide(
    tile: int, sizes: tuple[int, ...], in_channels: int, out_channels: int, out_block: int, target: Target
) -> _Division:
    """What is probably fastest."""
    points, chunks = (tile + 2) ** 2, -(-out_channels // out_block)
    vectors = max(1, out_block // target.lanes())
    weights = points * in_channels * out_channels * 4
    whole = points * in_channels * 4 * math.prod(-(-s // tile) for s in sizes)

    def groups(cut: _Division) -> int:
        return math.prod(-(-s // tile) // part for s, part in zip(sizes, cut.group, strict=True))

    def data(cut: _Division) -> int:
        """Bytes of the transformed data of a group."""
        return points * filled_up(cut.count, cut.together) * in_channels * 4

    def is_possible(cut: _Division) -> bool:
        if product_bytes(tile, cut.count, cut.together, out_block) > MOST_BYTES:
            return False
        # In one phase the groups alone are the tasks, and each takes all weights, which shall stay in the second cache.
        small = data(cut) <= MOST_BYTES and data(cut) + weights <= target.l2_bytes
        return not cut.fused or (small and groups(cut) >= ENOUGH_TASKS)

    def time(cut: _Division) -> float:
        """Estimate, in products of one pair of channels at one point, of which vectors do several.

        The group's data is read once for each block of channels of the result, from the second cache if it fits there;
        the weights once for each group. What is transformed before is written and read, if it is much. Products that do
        not stay in the first cache until they are transformed back are written and read once more.
        """
        # Sums of too few tiles wait for each other; but those of the next products, which wait for nothing, begin as
        # soon as the processor sees them: where there are few channels.
        instructions = in_channels * (cut.together + 1) * vectors
        busy = min(1.0, cut.together * vectors * (1 + _WINDOW / instructions) / SUMS)
        parts = filled_up(cut.count, cut.together) // cut.together
        starting = chunks * _STARTING * target.lanes()
        loads = 1 + _LOADS / (cut.together * vectors) if vectors > 1 else 1.0
        work = points * parts * (in_channels * out_channels * cut.together * loads / busy + starting)
        moved = chunks * data(cut) if data(cut) > target.l2_bytes * 3 // 4 else 0
        if groups(cut) > 1 and weights + data(cut) > target.l2_bytes:
            moved += weights
        before = 2 * whole if not cut.fused and whole > target.l2_bytes * 3 // 4 else 0
        products = product_bytes(tile, cut.count, cut.together, out_block)
        spilled = 2 * chunks * products if products > target.l1_bytes else 0
        again = weights if groups(cut) > 1 and weights > target.l1_bytes else 0
        each = max(work, moved / _BYTES_PER_PRODUCT_FROM_L3) + moved / _BYTES_PER_PRODUCT_FROM_L3 / 4
        each += (spilled + again * _HIDDEN) / _BYTES_PER_PRODUCT_FROM_L2
        return groups(cut) * each + before / _BYTES_PER_PRODUCT_FROM_L3

    registers = max(1, target.accumulators // vectors)
    cuts = [
        _Division(group, together, fused)
        for group in whole_groups(sizes, tile)
        for together in possible_together(group[0] * group[1])
        if together <= registers
        for fused in (False, True)
    ]
    times = {cut: time(cut) for cut in cuts if is_possible(cut)}
    best = min(times, key=lambda cut: (times[cut], -cut.count, -cut.group[1]))
    close = [
        cut
        for cut, taken in times.items()
        if (cut.group, cut.fused) == (best.group, best.fused) and taken <= _WORTH * times[best]
    ]
    return min(close, key=lambda cut: cut.together)


#: Tasks that are enough for the threads.
ENOUGH_TASKS = 8
#: Vector operations that beginning and ending a matrix product cost.
_STARTING = 16
#: Multiply-adds that wait for loads of weights, for each channel, where a block is several vectors: with AVX2 56x56
#: pixels of 64 channels take 1,094 us by 2 tiles and 906 by 6 or 5, 28x28 of 128 862 by 3 and 812 by 6 (Zen 4).
_LOADS = 2.0
#: Instructions that a processor looks ahead.
_WINDOW = 256
#: Bytes that go to the second cache and come back while a core does one multiplication: on Zen 4 images of 32x32 with
#: 16 channels take 24 us in groups of 32 tiles, whose products are 72 KiB, and 16 in groups of 4; those of 16x16 with
#: 32 channels 19 and 15.
_BYTES_PER_PRODUCT_FROM_L2 = 0.67
#: The part of the time of reading weights from the second cache that is not hidden behind multiplications.
_HIDDEN = 0.15
#: Bytes that come from the last cache while a core does one multiplication: some 30 GB/s at 59 of them in a ns.
_BYTES_PER_PRODUCT_FROM_L3 = 0.5


def vector_operations(
    tile: int, batch: int, sizes: tuple[int, ...], in_channels: int, out_channels: int, target: Target
) -> float:
    """Estimate of the time of a 3x3 convolution, in vector operations. Tile 0: the direct sum.

    A vector multiply-add, addition or move counts 1; weights that are too large for the second cache count by the time
    in which they come from memory.
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
    return weights * 4 / (_BYTES_PER_PRODUCT * target.lanes()) if weights * 4 > target.l2_bytes else 0


#: Bytes that come from memory while a core does one multiplication: some 16 GB/s at 59 of them in a ns, be it one
#: vector of 512 bits a cycle or two of 256.
_BYTES_PER_PRODUCT = 0.28

winograd = Pass("winograd", 3, _run)
