"""Convolution by Winograd's minimal filtering: two phases, of which the second one holds all that is heavy.

First the data is transformed. Then, for some rows of tiles and one block of output channels, n*n matrix products of
(tiles x channels) with (channels x block) are computed with a register tile of tiles times the block, and transformed
back at once, while they lie in the first-level cache; what follows elementwise is done on them there.
"""

from __future__ import annotations

from typing import Any

from onnxc.kernel.knobs import Knobs
from onnxc.kernel.lower import Lowered
from onnxc.target import Target

from . import blocks as b
from .generic import schedule_elementwise
from .tiles import accumulators, divisors, usual_pixel_tile

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
    high, wide = _group(sch, blocks["winograd_product"], writer, tile)
    _transform_input(sch, blocks["winograd_input_rows"], blocks["winograd_input"], wide)

    batch, chunk, y, x, lane = sch.get_loops(writer)
    rows, row, i = sch.split(y, [None, high, tile])
    columns, column, j = sch.split(x, [None, wide, tile])
    sch.reorder(batch, rows, columns, chunk, row, column, i, j, lane)
    task = b.parallel(sch, [batch, rows, columns, chunk])
    sch.vectorize(lane)
    sch.unroll(j)
    for name in ("winograd_output", "winograd_output_rows"):
        sch.compute_at(blocks[name], column, preserve_unit_loops=True)
        *_, one, two, inner = sch.get_loops(blocks[name])
        sch.unroll(one)
        sch.unroll(two)
        sch.vectorize(inner)
    product = blocks["winograd_product"]
    sch.compute_at(product, task, preserve_unit_loops=True)
    _multiply(sch, product, target, knobs)
    return sch.mod["main"]


def _group(sch: Any, product: Any, writer: Any, tile: int) -> tuple[int, int]:
    """Rows and columns of tiles in a group."""
    groups = [int(axis.dom.extent) for axis in list(sch.get(product).iter_vars)[1:3]]
    sizes = [int(axis.dom.extent) for axis in list(sch.get(writer).iter_vars)[2:4]]
    high, wide = (-(-size // tile) // count for size, count in zip(sizes, groups, strict=True))
    return high, wide


def _transform_input(sch: Any, rows: Any, transformed: Any, wide: int) -> None:
    *groups, i, j, c, t, lane = sch.get_loops(transformed)
    r, x = sch.split(t, [None, wide])
    sch.reorder(*groups, c, r, x, i, j, lane)
    b.parallel(sch, [*groups, c, r])
    sch.unroll(i)
    sch.unroll(j)
    sch.vectorize(lane)
    sch.compute_at(rows, x, preserve_unit_loops=True)
    *_, i, j, lane = sch.get_loops(rows)
    sch.unroll(i)
    sch.unroll(j)
    sch.vectorize(lane)


def _multiply(sch: Any, product: Any, target: Target, knobs: Knobs) -> None:
    """A tile of pixels' tiles times a block of channels stays in registers."""
    *_, i, j, tiles, lane, chunk, channel = sch.get_loops(product)
    block = b.extent(sch, lane)
    assert block is not None
    count = b.extent(sch, tiles)
    most = max(1, accumulators(target) // max(1, block // target.lanes()))
    usual = usual_pixel_tile(1, count, most)[1]
    size = knobs.choose("winograd.tile", sorted({*(d for d in divisors(count) if d <= 2 * most), usual}), usual)
    outer, inner = sch.split(tiles, [None, size])
    sch.reorder(i, j, outer, chunk, channel, inner, lane)
    sch.unroll(inner)
    sch.vectorize(lane)
    sums = sch.cache_write(product, 0, "global")
    sch.reverse_compute_at(sums, outer, preserve_unit_loops=True)
    *_, inner, lane = sch.get_loops(sums)
    sch.unroll(inner)
    sch.vectorize(lane)
    init = sch.decompose_reduction(product, chunk)
    *_, inner, lane = sch.get_loops(init)
    sch.unroll(inner)
    sch.vectorize(lane)
