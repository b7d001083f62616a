"""Convolution of bytes on blocked channels: a tile of pixels times some blocks of output channels stays in registers.

For each four input channels and place in the window, a vector of weights (16 output channels of four bytes) is loaded
for each block, and multiplied with a broadcast word of each pixel.
"""

from __future__ import annotations

from typing import Any

from onnxc.kernel.knobs import Knobs
from onnxc.kernel.lower import Lowered
from onnxc.target import Target

from . import blocks as b
from .conv_tiles import (
    accumulate,
    choose_rows_first,
    choose_steps,
    choose_window,
    find_convolution,
    is_cut,
    is_depthwise,
    join_cut_axes,
    tile_as_cut,
    tile_pixels,
)
from .streams import prefetch
from .tiles import accumulators, pixel_tile, pixel_tiles


def schedule(lowered: Lowered, target: Target, knobs: Knobs) -> Any | None:
    """Schedule a function around ``qnn.conv_blocked``; None for others."""
    if lowered.anchor is None or lowered.anchor.op != "qnn.conv_blocked":
        return None
    sch = b.new_schedule(lowered)
    b.inline_injective(sch)
    for block in b.all_blocks(sch):
        if b.name_of(sch, block).endswith("_pad"):
            _copy_rows(sch, block)
    found = find_convolution(sch)
    if found is None:
        return None
    sch, conv, writer = join_cut_axes(sch, *found)
    name = b.name_of(sch, conv)
    spatial = tile_as_cut(sch, conv, writer) if is_cut(sch, conv) else _tile(sch, conv, writer, target, knobs)
    loop = accumulate(sch, conv, spatial, choose_steps(sch, conv, knobs), choose_window(sch, conv, knobs))
    if not is_depthwise(sch, conv):
        prefetch(sch, loop, lowered, target, knobs, "conv.prefetch")
    return b.always(sch.mod["main"], [name])  # whole tiles are computed


def _copy_rows(sch: Any, padded: Any) -> None:
    """The padded copy: a row of pixels is a task, and one vector of channels is copied after the other."""
    *outer, _, lane = sch.get_loops(padded)
    b.parallel(sch, outer)
    sch.vectorize(lane)


def _tile(sch: Any, conv: Any, writer: Any, target: Target, knobs: Knobs) -> int:
    _, chunk, *spatial, lane = sch.get_loops(writer)
    block = b.extent(sch, lane)
    assert block is not None
    vectors = max(1, block // target.lanes())
    depthwise = is_depthwise(sch, conv)
    together = _chunks_together(b.extent(sch, chunk), vectors, target, knobs, depthwise)
    most = max(1, accumulators(target) // (vectors * together))
    if depthwise:
        most = min(most, 16)
    sizes = [b.extent(sch, s) for s in spatial]
    height, width = sizes[-2] if len(sizes) > 1 else 1, sizes[-1]
    tile = knobs.choose("conv.tile", pixel_tiles(height, width, 2 * most), pixel_tile(height, width, most))
    return tile_pixels(sch, conv, writer, tile, together, choose_rows_first(knobs))


def _chunks_together(chunks: int | None, vectors: int, target: Target, knobs: Knobs, depthwise: bool) -> int:
    """Blocks of output channels for which a word of a pixel is read once."""
    if depthwise or chunks is None:
        return 1
    options = [n for n in (1, 2, 4) if chunks % n == 0 and n * vectors * 2 <= accumulators(target)]
    return knobs.choose("conv.chunks", options, 2 if 2 in options and accumulators(target) >= 8 * vectors else 1)
