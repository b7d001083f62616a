"""The schedule that always applies: inline, one parallel loop outside, a vectorisable loop inside."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
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
#: Neighbouring pixels that may be reduced together.
PIXELS = (1, 2, 4, 7, 8, 14)
#: Tasks that are enough for the threads.
TASKS = 32


def schedule(lowered: Lowered, target: Target, knobs: Knobs) -> Any:
    """Schedule any primitive function; returns the PrimFunc."""
    sch = b.new_schedule(lowered)
    b.inline_injective(sch)
    row_tile = ROW_TILE
    if any(b.is_reduction(sch, block) for block in b.all_blocks(sch)):
        row_tile = knobs.choose("generic.row_tile", (16, 32, 64, 128, 256), ROW_TILE)
    for block in b.all_blocks(sch):
        if not b.is_reduction(sch, block) and not b.feeding_reduction(sch, block):
            schedule_elementwise(sch, block)
    pixels = cache(lambda: int(knobs.choose("generic.pixels", PIXELS, 2)))  # a kernel may have several reductions
    for block in b.all_blocks(sch):
        if b.is_reduction(sch, block):
            schedule_reduction(sch, block, row_tile, pixels)
    return sch.mod["main"]


def schedule_elementwise(sch: Any, block: Any) -> None:
    """Fuse the axes that lie contiguous in every tensor into the inner loop (LLVM vectorises it, tail included)."""
    spatial, _ = b.split_loops(sch, block)
    if not spatial:
        return
    inner = max(1, min(b.contiguous_axes(sch, block), len(spatial)))
    inner = next(n for n in range(inner, 0, -1) if b.fusable(sch, spatial[len(spatial) - n :]))
    outer = spatial[: len(spatial) - inner]
    loop = sch.fuse(*spatial[len(spatial) - inner :])
    if outer:
        if b.extent(sch, loop) in BLOCKS and b.has_scalars(sch, block):
            sch.vectorize(loop)  # LLVM would rather vectorise the next loop, with gathers and scatters
        b.parallel(sch, outer[: _enough_tasks(sch, outer)])
        return
    length = b.extent(sch, loop)
    if length is None or length >= 2 * CHUNK:
        chunk, _ = sch.split(loop, [None, b.divisor(length, CHUNK)])
        sch.parallel(chunk)


def _enough_tasks(sch: Any, loops: list[Any]) -> int:
    """How many of the outer loops give enough tasks: fused with further ones, each iteration would divide indices."""
    tasks = 1
    for count, loop in enumerate(loops, 1):
        extent = b.extent(sch, loop)
        if extent is None:
            return max(count, len(loops) - 1)
        tasks *= extent
        if tasks >= TASKS:
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
