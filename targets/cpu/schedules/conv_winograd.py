"""Convolution by Winograd's minimal filtering: two phases, or one, in which all that is heavy is done at once.

First the data is transformed. Then, for some rows of tiles and one block of output channels, n*n matrix products of
(tiles x channels) with (channels x block) are computed with a register tile of tiles times the block, and transformed
back at once, while they lie in the first-level cache; what follows elementwise is done on them there. Where a group's
transformed data is small, its transform is part of the same phase.
"""

from __future__ import annotations

from math import prod
from typing import Any

from onnxc.kernel.knobs import Knobs
from onnxc.kernel.lower import Lowered
from onnxc.kernel.tvm_api import tirx
from onnxc.op.nn_conv_winograd import MOST_BYTES
from onnxc.relay.dimension import is_static
from onnxc.target import Target

from . import blocks as b
from .generic import schedule_elementwise
from .streams import prefetch

_STAGES = ("winograd_input_rows", "winograd_input", "winograd_output_rows", "winograd_output")


def schedule(lowered: Lowered, target: Target, knobs: Knobs) -> Any | None:
    """Schedule a function around ``nn.conv_winograd``; None for others."""
    if lowered.anchor is None or lowered.anchor.op != "nn.conv_winograd":
        return None
    tile = int(lowered.anchor.attrs.tile)
    sch = b.new_schedule(lowered)
    b.inline_injective(sch, keep=_STAGES)
    blocks = {b.name_of(sch, k): k for k in b.all_blocks(sch)}
    for name, block in blocks.items():
        if name.endswith("_pad"):
            schedule_elementwise(sch, block)
    (writer,) = sch.get_consumers(blocks["winograd_output"])
    product, inputs = blocks["winograd_product"], blocks["winograd_input"]
    attrs = lowered.anchor.attrs
    high, wide = _group(sch, product, writer, tile) if is_static(attrs.sizes) else attrs.group
    fused = knobs.choose("winograd.fused", *_fused(sch, inputs, bool(lowered.anchor.attrs.fused)))

    batch, chunk, y, x, lane = sch.get_loops(writer)
    rows, row, i = sch.split(y, [None, high, tile])
    columns, column, j = sch.split(x, [None, wide, tile])
    sch.reorder(batch, rows, columns, chunk, row, column, i, j, lane)
    task = b.parallel(sch, [batch, rows, columns] if fused else [batch, rows, columns, chunk])
    sch.vectorize(lane)
    sch.unroll(j)
    for name in ("winograd_output", "winograd_output_rows"):
        sch.compute_at(blocks[name], column, preserve_unit_loops=True)
        *_, one, two, inner = sch.get_loops(blocks[name])
        sch.unroll(one)
        sch.unroll(two)
        sch.vectorize(inner)
    sch.compute_at(product, chunk if fused else task, preserve_unit_loops=True)
    if fused:
        sch.compute_at(inputs, task, preserve_unit_loops=True)
    _transform_input(sch, blocks["winograd_input_rows"], inputs, bool(fused))
    _multiply(sch, product, lowered, target, knobs)
    return b.always(sch.mod["main"], ("winograd_input", "winograd_product", "winograd_output"))  # whole groups


def _group(sch: Any, product: Any, writer: Any, tile: int) -> tuple[int, int]:
    """Rows and columns of tiles in a group."""
    groups = _extents(sch, product)[1:3]
    sizes = _extents(sch, writer)[2:4]
    high, wide = (-(-size // tile) // count for size, count in zip(sizes, groups, strict=True))
    return high, wide


def _extents(sch: Any, block: Any) -> list[int]:
    """Of the block's axes; 0 where it is not known."""
    extents = [axis.dom.extent for axis in sch.get(block).iter_vars]
    return [int(extent) if isinstance(extent, (int, tirx.IntImm)) else 0 for extent in extents]


def _fused(sch: Any, inputs: Any, usual: bool) -> tuple[tuple[int, ...], int]:
    """Is a group's data transformed where it is multiplied, for all channels of the result? Options and default.

    Its transformed data then lies on the stack, at the same place for each group, instead of going through the caches
    once more; but the groups alone are the tasks.
    """
    size = 4 * prod(_extents(sch, inputs)[3:])
    return ((0, 1), int(usual)) if size <= MOST_BYTES else ((0,), 0)


def _transform_input(sch: Any, rows: Any, transformed: Any, fused: bool) -> None:
    *groups, i, j, c, part, place, lane = sch.get_loops(transformed)
    sch.reorder(c, part, place, i, j, lane)
    if not fused:
        b.parallel(sch, [*groups, c, part])
    sch.unroll(i)
    sch.unroll(j)
    sch.vectorize(lane)
    sch.compute_at(rows, place, preserve_unit_loops=True)
    *_, i, j, lane = sch.get_loops(rows)
    sch.unroll(i)
    sch.unroll(j)
    sch.vectorize(lane)


def _multiply(sch: Any, product: Any, lowered: Lowered, target: Target, knobs: Knobs) -> None:
    """A part of the group's tiles times a block of channels stays in registers."""
    *_, i, j, part, place, lane, chunk, channel = sch.get_loops(product)
    sch.reorder(i, j, part, chunk, channel, place, lane)
    sch.unroll(place)
    sch.vectorize(lane)
    prefetch(sch, channel, lowered, target, knobs, "winograd.prefetch")
    sums = sch.cache_write(product, 0, "global")
    sch.reverse_compute_at(sums, part, preserve_unit_loops=True)
    *_, place, lane = sch.get_loops(sums)
    sch.unroll(place)
    sch.vectorize(lane)
    init = sch.decompose_reduction(product, chunk)
    *_, place, lane = sch.get_loops(init)
    sch.unroll(place)
    sch.vectorize(lane)
