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
from .tiles import accumulators, pixel_tile, pixel_tiles

_ANCHORS = ("conv_blocked", "conv_depthwise", "conv_blocked_tiled", "conv_depthwise_tiled")


def schedule(lowered: Lowered, target: Target, knobs: Knobs) -> Any | None:
    """Schedule a function around ``qnn.conv_blocked``; None for others."""
    if lowered.anchor is None or lowered.anchor.op != "qnn.conv_blocked":
        return None
    sch = b.new_schedule(lowered)
    b.inline_injective(sch)
    anchors = [k for k in b.all_blocks(sch) if b.name_of(sch, k) in _ANCHORS]
    if len(anchors) != 1:
        return None
    (conv,) = anchors
    name = b.name_of(sch, conv)
    for block in b.all_blocks(sch):
        if b.name_of(sch, block).endswith("_pad"):
            _copy_rows(sch, block)
    if name.endswith("_tiled"):
        consumers = list(sch.get_consumers(conv))
        if len(consumers) != 1 or b.is_reduction(sch, consumers[0]):
            return None
        _schedule_tiled(sch, conv, consumers[0])
    else:
        writer = b.epilogue_of(sch, conv)
        if writer is None:
            writer = sch.cache_write(conv, 0, "global")
        _tile(sch, conv, writer, target, knobs, name == "conv_depthwise")
    return b.always(sch.mod["main"], [name])  # whole tiles are computed


def _copy_rows(sch: Any, padded: Any) -> None:
    """The padded copy: a row of pixels is a task, and one vector of channels is copied after the other."""
    *outer, _, lane = sch.get_loops(padded)
    b.parallel(sch, outer)
    sch.vectorize(lane)


def _schedule_tiled(sch: Any, conv: Any, writer: Any) -> None:
    """Rows of unknown length, which the compute has cut already: the last tile writes only what there is."""
    batch, chunk, *spatial, lane = sch.get_loops(writer)
    tile = int(list(sch.get(conv).iter_vars)[len(spatial) + 2].dom.extent)
    part, place = sch.split(spatial[-1], [None, tile])
    sch.reorder(batch, chunk, *spatial[:-1], part, place, lane)
    b.parallel(sch, [batch, chunk, *spatial[:-1]])
    sch.unroll(place)
    sch.vectorize(lane)
    sch.compute_at(conv, part, preserve_unit_loops=True)
    _accumulate(sch, conv, len(spatial) + 1)


def _tile(sch: Any, conv: Any, writer: Any, target: Target, knobs: Knobs, depthwise: bool) -> None:
    batch, chunk, *spatial, lane = sch.get_loops(writer)
    block = b.extent(sch, lane)
    assert block is not None
    vectors = max(1, block // target.lanes())
    together = _chunks_together(b.extent(sch, chunk), vectors, target, knobs, depthwise)
    most = max(1, accumulators(target) // (vectors * together))
    if depthwise:
        most = min(most, 16)
    sizes = [b.extent(sch, s) for s in spatial]
    height, width = sizes[-2] if len(sizes) > 1 else 1, sizes[-1]
    rows, columns = knobs.choose("conv.tile", pixel_tiles(height, width, most), pixel_tile(height, width, most))
    outer: list[Any] = list(spatial)
    inner: list[Any] = []
    for axis, tile in ((-1, columns), *(((-2, rows),) if len(sizes) > 1 else ())):
        if tile > 1:  # symbolic sizes stay whole
            outer[axis], part = sch.split(spatial[axis], [None, tile])
            inner.insert(0, part)
    if together > 1:
        chunk, part = sch.split(chunk, [None, together])
        inner.append(part)
    sch.reorder(batch, chunk, *outer, *inner, lane)
    b.parallel(sch, [batch, chunk, *outer[:-1]])
    for loop in inner:
        sch.unroll(loop)
    sch.vectorize(lane)
    sch.compute_at(conv, outer[-1], preserve_unit_loops=True)
    _accumulate(sch, conv, len(spatial))


def _chunks_together(chunks: int | None, vectors: int, target: Target, knobs: Knobs, depthwise: bool) -> int:
    """Blocks of output channels for which a word of a pixel is read once."""
    if depthwise or chunks is None:
        return 1
    options = [n for n in (1, 2, 4) if chunks % n == 0 and n * vectors * 2 <= accumulators(target)]
    return knobs.choose("conv.chunks", options, 2 if 2 in options and accumulators(target) >= 8 * vectors else 1)


def _accumulate(sch: Any, conv: Any, spatial: int) -> None:
    """Order the loops of the tile: reduction outside, then pixels and blocks (unrolled), then lanes (vectorised)."""
    axes = list(sch.get(conv).iter_vars)
    loops = list(sch.get_loops(conv))
    own = loops[len(loops) - len(axes) :]
    batch, chunk, *pixels = own[: 2 + spatial]
    lane, reduced = own[2 + spatial], own[3 + spatial :]
    sch.reorder(batch, *reduced, *pixels, chunk, lane)
    for loop in (*pixels, chunk):
        sch.unroll(loop)
    sch.vectorize(lane)
    init = sch.decompose_reduction(conv, reduced[0])
    init_loops = list(sch.get_loops(init))
    for loop in init_loops[len(init_loops) - spatial - 2 : -1]:
        sch.unroll(loop)
    sch.vectorize(init_loops[-1])
    if "depthwise" in b.name_of(sch, conv):
        for loop in reduced:
            sch.unroll(loop)
