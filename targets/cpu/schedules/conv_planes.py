"""Convolution on planes: a tile of output channels times some vectors of a row stays in registers.

For each input channel and place in the window, the vectors of the data are loaded once for all channels of the tile,
and one weight of each channel is broadcast.
"""

from __future__ import annotations

from math import prod
from typing import Any

from onnxc.kernel.knobs import Knobs
from onnxc.kernel.lower import Lowered
from onnxc.kernel.tvm_api import tirx
from onnxc.target import Target

from . import blocks as b
from .generic import schedule_elementwise

#: Places of the window that are straight code at most.
MOST_UNROLLED = 32


def schedule(lowered: Lowered, target: Target, knobs: Knobs) -> Any | None:
    """Schedule a function around ``nn.conv_planes``; None for others."""
    if lowered.anchor is None or lowered.anchor.op != "nn.conv_planes":
        return None
    sch = b.new_schedule(lowered)
    b.inline_injective(sch, keep=("planes_phases",))
    blocks = {b.name_of(sch, k): k for k in b.all_blocks(sch)}
    for name, block in blocks.items():
        if name.endswith("_pad") or name == "planes_phases":
            schedule_elementwise(sch, block)
    sums = blocks["conv_planes"]
    (writer,) = sch.get_consumers(sums)
    *_, count, columns = (a.dom.extent for a in sch.get(sums).iter_vars if a.iter_type != tirx.IterVar.CommReduce)

    batch, channel, *outer, x = sch.get_loops(writer)
    chunk, o = sch.split(channel, [None, int(count)])
    part, column = sch.split(x, [None, int(columns)])
    # A task is a row of some channels. What follows it takes the same weights, or the same rows.
    rows_first = b.extent(sch, chunk) != 1 and knobs.choose("planes.outer", ("channels", "rows"), "channels") == "rows"
    tasks = [batch, *outer, chunk] if rows_first else [batch, chunk, *outer]
    sch.reorder(*tasks, part, o, column)
    b.parallel(sch, tasks)
    sch.compute_at(sums, part, preserve_unit_loops=True)
    _accumulate(sch, sums, target, knobs)
    return b.always(sch.mod["main"], ["conv_planes"])  # whole parts are computed


def _reductions(sch: Any, block: Any) -> int:
    return sum(axis.iter_type == tirx.IterVar.CommReduce for axis in sch.get(block).iter_vars)


def _unrolled(sch: Any, window: list[Any], knobs: Knobs) -> list[Any]:
    """The last axes of the window that become straight code."""
    sizes = [b.extent(sch, loop) or 1 for loop in window]
    options = [n for n in range(len(window) + 1) if prod(sizes[len(window) - n :]) <= MOST_UNROLLED]
    return window[len(window) - knobs.choose("planes.unroll", options, 0) :]


def _accumulate(sch: Any, sums: Any, target: Target, knobs: Knobs) -> None:
    reductions = _reductions(sch, sums)
    loops = list(sch.get_loops(sums))
    reduced, (o, column) = loops[-reductions:], loops[-reductions - 2 : -reductions]
    unrolled = _unrolled(sch, reduced[1:], knobs)
    if b.extent(sch, reduced[0]) != 1 and knobs.choose("planes.inner", ("window", "channels"), "window") == "channels":
        kept = reduced[1 : len(reduced) - len(unrolled)]
        reduced = [*kept, reduced[0], *unrolled]
    vector, lane = sch.split(column, [None, target.lanes()])
    sch.reorder(*reduced, o, vector, lane)
    local = sch.cache_write(sums, 0, "global")
    sch.reverse_compute_at(local, loops[-reductions - 3], preserve_unit_loops=True)
    *_, stored_o, stored = sch.get_loops(local)
    stored_vector, stored_lane = sch.split(stored, [None, target.lanes()])
    for loop in (*unrolled, o, vector, stored_o, stored_vector):
        sch.unroll(loop)
    sch.vectorize(lane)
    sch.vectorize(stored_lane)
    init = sch.decompose_reduction(sums, reduced[0])
    *_, o, vector, lane = sch.get_loops(init)
    sch.unroll(o)
    sch.unroll(vector)
    sch.vectorize(lane)
