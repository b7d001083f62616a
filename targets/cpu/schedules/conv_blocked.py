"""Convolution on blocked channels: a tile of pixels times one block of output channels stays in registers.

For each input channel and place in the window, a vector (or some) of weights is loaded and multiplied with a broadcast
element of each pixel. With t pixels and v vectors a block: t*v multiply-adds on t broadcasts and v loads.
"""

from __future__ import annotations

from math import prod
from typing import Any

from onnxc.kernel.knobs import Knobs
from onnxc.kernel.lower import Lowered
from onnxc.target import Target

from . import blocks as b
from .generic import schedule_elementwise
from .tiles import accumulators, pixel_tile, pixel_tiles, usual_pixel_tile

#: Sums that hide the latency of additions: 4 cycles, 2 additions a cycle.
HIDING = 8


def schedule(lowered: Lowered, target: Target, knobs: Knobs) -> Any | None:
    """Schedule a function around ``nn.conv_blocked``; None for others."""
    if lowered.anchor is None or lowered.anchor.op != "nn.conv_blocked":
        return None
    sch = b.new_schedule(lowered)
    b.inline_injective(sch)
    names = ("conv_blocked", "conv_depthwise", "conv_blocked_tiled", "conv_depthwise_tiled")
    anchors = [k for k in b.all_blocks(sch) if b.name_of(sch, k) in names]
    if len(anchors) != 1:
        return None
    (conv,) = anchors
    name = b.name_of(sch, conv)
    for block in b.all_blocks(sch):
        if b.name_of(sch, block).endswith("_pad"):
            schedule_elementwise(sch, block)
    if name.endswith("_tiled"):
        consumers = list(sch.get_consumers(conv))
        if len(consumers) != 1 or b.is_reduction(sch, consumers[0]):
            return None
        _schedule_tiled(sch, conv, consumers[0], "depthwise" in name, knobs)
    else:
        writer = b.epilogue_of(sch, conv)
        if writer is None:
            writer = sch.cache_write(conv, 0, "global")
        _tile(sch, conv, writer, target, name == "conv_depthwise", knobs)
    return b.always(sch.mod["main"], [name])  # whole tiles are computed


def _schedule_tiled(sch: Any, conv: Any, writer: Any, depthwise: bool, knobs: Knobs) -> None:
    """Rows of unknown length, which the compute has cut already: the last tile writes only what there is."""
    batch, chunk, *spatial, lane = sch.get_loops(writer)
    tile = int(list(sch.get(conv).iter_vars)[len(spatial) + 2].dom.extent)
    part, place = sch.split(spatial[-1], [None, tile])
    sch.reorder(batch, chunk, *spatial[:-1], part, place, lane)
    b.parallel(sch, [batch, chunk, *spatial[:-1]])
    sch.unroll(place)
    sch.vectorize(lane)
    sch.compute_at(conv, part, preserve_unit_loops=True)
    _accumulate(sch, conv, len(spatial) + 1, len(spatial), depthwise, knobs)


def _tile(sch: Any, conv: Any, writer: Any, target: Target, depthwise: bool, knobs: Knobs) -> None:
    batch, chunk, *spatial, lane = sch.get_loops(writer)
    block = b.extent(sch, lane)
    assert block is not None
    vectors = max(1, block // target.lanes())
    sizes = [b.extent(sch, s) for s in spatial]
    height, width = sizes[-2] if len(sizes) > 1 else 1, sizes[-1]
    most = max(1, accumulators(target) // vectors)
    if depthwise:
        most, together = min(most, 8), 1  # each pixel needs a vector load, not a broadcast: larger tiles only spill
    else:
        pixels = prod(usual_pixel_tile(height, width, most))
        together = _chunks_together(b.extent(sch, chunk), pixels * vectors, knobs)
        most = max(1, most // together)
    # Sums of depthwise windows are short: few of them in flight are better than any without a register.
    usual = (pixel_tile if depthwise else usual_pixel_tile)(height, width, most)
    rows, columns = knobs.choose("conv.tile", sorted({*pixel_tiles(height, width, 2 * most), usual}), usual)
    outer: list[Any] = list(spatial)
    inner: list[Any] = []
    for axis, tile in ((-1, columns), *(((-2, rows),) if len(sizes) > 1 else ())):
        if tile > 1:  # symbolic sizes stay whole
            outer[axis], part = sch.split(spatial[axis], [None, tile])
            inner.insert(0, part)
    if together > 1:
        chunk, part = sch.split(chunk, [None, together])
        inner.append(part)
    # A task is a row of tiles, so that small images give enough of them; neighbours share their weights, or their data.
    tasks = [batch, chunk, *outer[:-1]]
    if knobs.choose("conv.outer", ("channels", "rows"), "channels") == "rows":
        tasks = [batch, *outer[:-1], chunk]
    sch.reorder(*tasks, outer[-1], *inner, lane)
    b.parallel(sch, tasks)
    for loop in inner:
        sch.unroll(loop)
    sch.vectorize(lane)
    sch.compute_at(conv, outer[-1], preserve_unit_loops=True)
    _accumulate(sch, conv, len(spatial), len(spatial), depthwise, knobs)


def _chunks_together(chunks: int | None, sums: int, knobs: Knobs) -> int:
    """Blocks of output channels for which an element of a pixel is broadcast once.

    Usually one, or so many that there are sums enough to hide the latency of additions.
    """
    options = [n for n in (1, 2, 4) if (chunks is None and n == 1) or (chunks is not None and chunks % n == 0)]
    return knobs.choose("conv.chunks", options, max(n for n in options if n == 1 or n * sums <= HIDING))


def _accumulate(sch: Any, conv: Any, spatial: int, windows: int, depthwise: bool, knobs: Knobs) -> None:
    """Order the loops of the tile: reduction outside, then pixels and blocks (unrolled), then lanes (vectorised).

    The block has so many spatial axes, and a reduction over so many axes of a window (and over channels).
    """
    reductions = windows if depthwise else windows + 2
    loops = list(sch.get_loops(conv))
    own = loops[len(loops) - (reductions + spatial + 3) :]
    units, pixels, lane = own[:2], own[2 : 2 + spatial], own[2 + spatial]
    reduced = own[3 + spatial :]
    if not depthwise:
        channels = b.extent(sch, reduced[-1])
        steps = [u for u in (1, 2, 4, 8) if channels is not None and channels % u == 0] or [1]
        unroll = knobs.choose("conv.unroll", steps, 1)
        if unroll > 1:
            reduced[-1:] = sch.split(reduced[-1], [None, unroll])
            sch.unroll(reduced[-1])
    sch.reorder(units[0], *reduced, *pixels, units[1], lane)
    for loop in (*pixels, units[1]):
        sch.unroll(loop)
    sch.vectorize(lane)
    init = sch.decompose_reduction(conv, reduced[0])
    init_loops = list(sch.get_loops(init))
    for loop in init_loops[len(init_loops) - spatial - 2 : -1]:
        sch.unroll(loop)
    sch.vectorize(init_loops[-1])
    if depthwise:
        for loop in reduced:
            sch.unroll(loop)
