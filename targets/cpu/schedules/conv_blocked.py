"""Convolution on blocked channels: a tile of pixels times one block of output channels stays in registers.

For each input channel and place in the window, a vector (or some) of weights is loaded and multiplied with a broadcast
element of each pixel. With t pixels and v vectors a block: t*v multiply-adds on t broadcasts and v loads.
"""

from __future__ import annotations

from math import prod
from typing import Any

from onnxc.kernel.knobs import Knobs
from onnxc.kernel.lower import Lowered
from onnxc.kernel.tvm_api import tirx
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
from .generic import schedule_elementwise
from .streams import prefetch
from .tiles import accumulators, pixel_tile, pixel_tiles, usual_pixel_tile

#: Pixels of a tile at most: more keep no more multipliers busy. On a Zen 4 core, with AVX-512, 56x56 pixels of 256 to
#: 64 channels reach 110 GFLOP/s by 28 and 114 by 14; 14x14 of 1024 to 256 reach 117 either way.
ENOUGH_PIXELS = 14
#: Sums that hide the latency of additions: 4 cycles, 2 additions a cycle. With one input channel a tile has no more:
#: LLVM unrolls the window's columns, and keeps what neighbours in a row have in common. That must have registers as
#: well. On a Zen 4 core 64 channels of 10x4 windows reach 85 GFLOP/s with 25 sums, where half of the data goes to the
#: stack; with 5 a whole model of keywords takes 1.6 of 52 microseconds less.
HIDING = 8


def schedule(lowered: Lowered, target: Target, knobs: Knobs) -> Any | None:
    """Schedule a function around ``nn.conv_blocked``; None for others."""
    if lowered.anchor is None or lowered.anchor.op != "nn.conv_blocked":
        return None
    sch = b.new_schedule(lowered)
    b.inline_injective(sch)
    for block in b.all_blocks(sch):
        if b.name_of(sch, block).endswith("_pad"):
            schedule_elementwise(sch, block)
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


def _tile(sch: Any, conv: Any, writer: Any, target: Target, knobs: Knobs) -> int:
    _, chunk, *spatial, lane = sch.get_loops(writer)
    block = b.extent(sch, lane)
    assert block is not None
    vectors = max(1, block // target.lanes())
    sizes = [b.extent(sch, s) for s in spatial]
    height, width = sizes[-2] if len(sizes) > 1 else 1, sizes[-1]
    most = max(1, min(accumulators(target) // vectors, ENOUGH_PIXELS))
    depthwise = is_depthwise(sch, conv)
    # Sums of depthwise windows are short: few of them in flight are better than any without a register.
    best_tile = pixel_tile if depthwise else usual_pixel_tile
    if depthwise:
        most, together = min(most, 8), 1  # each pixel needs a vector load, not a broadcast: larger tiles only spill
    else:
        if b.extent(sch, list(sch.get_loops(conv))[-1]) == 1:
            most, best_tile = min(most, HIDING), pixel_tile
        pixels = prod(best_tile(height, width, most))
        together = _chunks_together(b.extent(sch, chunk), pixels * vectors, knobs)
        most = max(1, most // together)
    usual = best_tile(height, width, most)
    tile = knobs.choose("conv.tile", sorted({*pixel_tiles(height, width, 2 * most), usual}), usual)
    rows_first = (_rows_stay if depthwise else _weights_stay)(sch, conv, target)
    return tile_pixels(sch, conv, writer, tile, together, choose_rows_first(knobs, rows_first))


def _weights_stay(sch: Any, conv: Any, target: Target) -> bool:
    """Do the weights stay in the cache from one row to the next? 128 KiB of them do on Zen 4."""
    weights = sch.get(conv).reads[-1].source
    return prod(int(size) for size in weights.shape) * 4 <= target.l2_bytes // 8


def _rows_stay(sch: Any, conv: Any, target: Target) -> bool:
    """Do the rows of all channels that a depthwise window sees stay in the first cache until the next row needs them?

    On a Zen 4 core windows of 3x3 on 112x112 pixels of 32 channels take 78 us channel by channel and 97 row by row, on
    14x14 of 576 19 and 25.
    """
    data, weights = (read.source for read in list(sch.get(conv).reads)[-2:])
    sizes = [*data.shape[1:-3], weights.shape[-4], *data.shape[-2:]]
    return all(isinstance(size, tirx.IntImm) for size in sizes) and prod(map(int, sizes)) * 4 <= target.l1_bytes


def _chunks_together(chunks: int | None, sums: int, knobs: Knobs) -> int:
    """Blocks of output channels for which an element of a pixel is broadcast once.

    Usually one, or so many that there are sums enough to hide the latency of additions.
    """
    options = [n for n in (1, 2, 4) if (chunks is None and n == 1) or (chunks is not None and chunks % n == 0)]
    return knobs.choose("conv.chunks", options, max(n for n in options if n == 1 or n * sums <= HIDING))
