"""The schedule that always applies: inline, one parallel loop outside, a vectorisable loop inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any

from onnxc.kernel.knobs import Knobs
from onnxc.kernel.lower import Lowered
from onnxc.target import Target

from . import blocks as b

#: Results that a reduction accumulates at a time: 64 floats are 4 to 16 vector registers.
ROW_TILE = 64
#: Elements of an elementwise task: enough work to wake a thread for.
CHUNK = 4096
#: Lengths of inner loops that are vectors as they are: the blocks of channels.
BLOCKS = (4, 8, 16)
#: Elements of vectors that a tuner tries.
VECTORS = (4, 8, 16, 32)
#: Neighbouring pixels that may be reduced together.
PIXELS = (1, 2, 4, 7, 8, 14)


def schedule(lowered: Lowered, target: Target, knobs: Knobs) -> Any:
    """Schedule any primitive function; returns the PrimFunc."""
    sch = b.new_schedule(lowered)
    b.inline_injective(sch)
    row_tile = ROW_TILE
    if any(b.is_reduction(sch, block) for block in b.all_blocks(sch)):
        row_tile = knobs.choose("generic.row_tile", (16, 32, 64, 128, 256), ROW_TILE)
    plain = [k for k in b.all_blocks(sch) if not b.is_reduction(sch, k) and not b.feeding_reduction(sch, k)]
    way = _choose_way(sch, plain, knobs)
    for block in plain:
        schedule_elementwise(sch, block, way)
    pixels = cache(lambda: int(knobs.choose("generic.pixels", PIXELS, 2)))  # a kernel may have several reductions
    for block in b.all_blocks(sch):
        if b.is_reduction(sch, block):
            schedule_reduction(sch, block, row_tile, pixels)
    return sch.mod["main"]


@dataclass(frozen=True)
class Way:
    """How elementwise blocks are computed.

    Attributes
    ----------
    axes : int
        So many axes are one loop at most, if they are contiguous; 0: all.
    vector : int
        The inner loop goes by vectors of so many elements, where they divide it. 1: LLVM vectorises it, with what is
        left at its end; 0: the same, but blocks of channels are vectors as they are.
    unroll : int
        So many of these vectors are straight code.
    """

    axes: int = 0
    vector: int = 0
    unroll: int = 1


def _choose_way(sch: Any, blocks: Sequence[Any], knobs: Knobs) -> Way:
    """One way for all elementwise blocks of a kernel."""
    spatial = [b.split_loops(sch, block)[0] for block in blocks]
    most = [_inner_axes(sch, block, loops) for block, loops in zip(blocks, spatial, strict=True) if loops]
    if not most:
        return Way()
    axes = knobs.choose("elementwise.axes", range(1, max(most) + 1), max(most))
    lengths = set()
    for block, loops in zip(blocks, spatial, strict=True):
        inner = min(axes, _inner_axes(sch, block, loops)) if loops and b.has_scalars(sch, block) else 0
        extents = [b.extent(sch, loop) for loop in loops[len(loops) - inner :]]
        lengths.add(0 if None in extents or not inner else prod(e or 1 for e in extents))
    widths = [n for n in VECTORS if any(length and length % n == 0 for length in lengths)]
    vector = knobs.choose("elementwise.vector", [0, *([1] if lengths & {*BLOCKS} else []), *widths], 0)
    parts = (
        [u for u in (1, 2, 4) if any(length and length % (u * vector) == 0 for length in lengths)] if vector > 1 else []
    )
    return Way(axes, vector, knobs.choose("elementwise.unroll", parts, 1) if parts else 1)


def _inner_axes(sch: Any, block: Any, spatial: Sequence[Any]) -> int:
    """How many axes can be one loop."""
    inner = max(1, min(b.contiguous_axes(sch, block), len(spatial)))
    return next(n for n in range(inner, 0, -1) if b.fusable(sch, spatial[len(spatial) - n :]))


def schedule_elementwise(sch: Any, block: Any, way: Way = Way()) -> None:
    """Fuse the axes that lie contiguous in every tensor into the inner loop (LLVM vectorises it, tail included)."""
    spatial, _ = b.split_loops(sch, block)
    if not spatial:
        return
    inner = _inner_axes(sch, block, spatial)
    if way.axes and way.axes < inner:
        inner = next(n for n in range(way.axes, 0, -1) if b.fusable(sch, spatial[len(spatial) - n :]))
    outer = spatial[: len(spatial) - inner]
    loop = sch.fuse(*spatial[len(spatial) - inner :])
    if outer:
        _vectorize(sch, block, loop, way, usual=b.extent(sch, loop) in BLOCKS)
        b.parallel(sch, outer[: enough_tasks(sch, outer)])
        return
    length = b.extent(sch, loop)
    if length is None or length >= 2 * CHUNK:
        chunk, loop = sch.split(loop, [None, b.divisor(length, CHUNK)])
        sch.parallel(chunk)
    _vectorize(sch, block, loop, way)


def _vectorize(sch: Any, block: Any, loop: Any, way: Way, usual: bool = False) -> None:
    """Make vectors of a loop, or a part of it; `usual`: it is one, unless somebody says otherwise."""
    length = b.extent(sch, loop)
    if length is None or way.vector == 1 or not b.has_scalars(sch, block):
        return
    if way.vector == 0:
        if usual:
            sch.vectorize(loop)  # LLVM would rather vectorise the next loop, with gathers and scatters
        return
    if length % way.vector:
        return
    unroll = way.unroll if length % (way.vector * way.unroll) == 0 else 1
    _, part, lane = sch.split(loop, [None, unroll, way.vector])
    sch.unroll(part)
    sch.vectorize(lane)


def enough_tasks(sch: Any, loops: list[Any]) -> int:
    """How many of the outer loops give enough tasks: fused with further ones, each iteration would divide indices."""
    tasks = 1
    for count, loop in enumerate(loops, 1):
        extent = b.extent(sch, loop)
        if extent is None:
            return max(count, len(loops) - 1)
        tasks *= extent
        if tasks >= b.TASKS:
            return count
    return len(loops)


def schedule_reduction(sch: Any, block: Any, row_tile: int, pixels: Callable[[], int]) -> None:
    """Accumulate a row of results at a time where the last axis is contiguous in memory, else one result.

    The sums live in a local array, and what follows elementwise is done on it at once.
    """
    contiguous = b.reads_contiguously(sch, block)
    spatial, _ = b.split_loops(sch, block)
    if not spatial:
        b.decompose(sch, block)
        return
    writer = b.epilogue_of(sch, block)
    if contiguous and b.extent(sch, spatial[-1]) is None:
        _accumulate_in_place(sch, block, row_tile)
        if writer is not None:
            schedule_elementwise(sch, writer)
        return
    if writer is None:  # several readers, or another reduction: the sums need a buffer of their own anyway
        writer = sch.cache_write(block, 0, "global")
    outer, together = list(sch.get_loops(writer)), 1
    if contiguous:
        last = outer.pop()
        length = b.extent(sch, last)
        assert length is not None
        if length > row_tile:
            tile, _ = sch.split(last, [None, b.divisor(length, row_tile)])
            outer.append(tile)
        elif length in BLOCKS and outer:
            together = _pixels(sch, outer, pixels)
    if outer:
        sch.compute_at(block, b.parallel(sch, outer), preserve_unit_loops=False)
    spatial, reduced = b.inner_loops(sch, block)
    if together > 1 and len(spatial) > 1:
        sch.reorder(*spatial[:-2], *reduced, *spatial[-2:])
        sch.unroll(spatial[-2])
    elif contiguous and spatial:
        sch.reorder(*spatial[:-1], *reduced, spatial[-1])
    b.decompose(sch, block)


def _pixels(sch: Any, outer: list[Any], most: Callable[[], int]) -> int:
    """How many neighbours accumulate their blocks of channels together; they leave the outer loops.

    Windows of a pooling overlap, and one block alone is a single vector that waits for each of its elements: on a Zen 4
    core a pooling of 64 channels of 112x112 pixels by 3x3 takes 53 us with two, 57 with four, 98 with one.
    """
    length = b.extent(sch, outer[-1])
    possible = [n for n in PIXELS if length is not None and length % n == 0]
    together = max((n for n in possible if n <= most()), default=1) if len(possible) > 1 else 1
    if together > 1:
        outer[-1], _ = sch.split(outer[-1], [None, together])
    return together


def _accumulate_in_place(sch: Any, block: Any, row_tile: int) -> None:
    """Accumulate parts of a row in the result itself: TVM finds no bound on local sums of a row of symbolic length."""
    spatial, reduced = b.split_loops(sch, block)
    tile, part = sch.split(spatial[-1], [None, row_tile])
    sch.reorder(*spatial[:-1], tile, *reduced, part)
    b.parallel(sch, [*spatial[:-1], tile])
    sch.decompose_reduction(block, reduced[0])
