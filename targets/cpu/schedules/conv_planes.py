"""Convolution on planes: a tile of output channels times some rows of some vectors stays in registers.

For each input channel and place in the window, the vectors of the data are loaded once for all channels of the tile,
and one weight of each channel is broadcast.
"""

from __future__ import annotations

from math import prod
from typing import Any

from onnxc.kernel.knobs import Knobs
from onnxc.kernel.loop_guards import VECTORS
from onnxc.kernel.lower import Lowered
from onnxc.kernel.tvm_api import tirx
from onnxc.target import Target

from . import blocks as b
from .generic import enough_tasks, schedule_elementwise

#: Places of the window that are straight code at most.
MOST_UNROLLED = 32


def schedule(lowered: Lowered, target: Target, knobs: Knobs) -> Any | None:
    """Schedule a function around ``nn.conv_planes``; None for others."""
    if lowered.anchor is None or lowered.anchor.op != "nn.conv_planes":
        return None
    attrs = lowered.anchor.attrs
    sch = b.new_schedule(lowered)
    b.inline_injective(sch, keep=("planes_phases",))
    blocks = {b.name_of(sch, k): k for k in b.all_blocks(sch)}
    for name, block in blocks.items():
        if name.endswith("_pad") or name == "planes_phases":
            schedule_elementwise(sch, block)
    sums = blocks["conv_planes"]
    (writer,) = sch.get_consumers(sums)
    axes = [a.dom.extent for a in sch.get(sums).iter_vars if a.iter_type != tirx.IterVar.CommReduce]
    batch, *rest = sch.get_loops(writer)
    spatial = len(attrs.sizes)
    count, *edges = (int(size) for size in axes[-1 - min(2, spatial) :])
    channels, places = rest[:-spatial], rest[-spatial:]
    channels[-1], o = sch.split(channels[-1], [None, count])
    tile = [o]
    for axis, size in zip(range(-len(edges), 0), edges, strict=True):
        places[axis], part = sch.split(places[axis], [None, size])
        tile.append(part)
    rows_first = _rows_first(sch, sums, channels[-1], target, knobs)
    tasks = [batch, *places, *channels] if rows_first else [batch, *channels, *places]
    sch.reorder(*tasks, *tile)
    shared = enough_tasks(sch, tasks)
    task = b.parallel(sch, tasks[:shared])
    sch.compute_at(sums, task if shared == len(tasks) else tasks[-1], preserve_unit_loops=True)
    sch.annotate(tile[-1], VECTORS, int(attrs.lanes))
    _accumulate(sch, sums, len(tile), int(attrs.lanes), knobs)
    return b.always(sch.mod["main"], ["conv_planes"])  # whole tiles are computed


def _rows_first(sch: Any, sums: Any, chunk: Any, target: Target, knobs: Knobs) -> bool:
    """Do tasks that follow each other share the data of a tile, rather than their weights?

    It is in the first cache then, as long as the weights stay in the second one.
    """
    if b.extent(sch, chunk) == 1:
        return True
    weights = prod(int(size) for size in sch.get(sums).reads[-1].source.shape) * 4
    usual = "rows" if weights <= target.l2_bytes // 2 else "channels"
    return knobs.choose("planes.outer", ("channels", "rows"), usual) == "rows"


def _unrolled(sch: Any, window: list[Any], knobs: Knobs) -> list[Any]:
    """The last axes of the window that become straight code."""
    sizes = [b.extent(sch, loop) or 1 for loop in window]
    options = [n for n in range(len(window) + 1) if prod(sizes[len(window) - n :]) <= MOST_UNROLLED]
    return window[len(window) - knobs.choose("planes.unroll", options, 0) :]


def _accumulate(sch: Any, sums: Any, tile: int, lanes: int, knobs: Knobs) -> None:
    """Order the loops of a tile of so many axes: reduction outside, then channels, rows and vectors (unrolled).

    A weight is broadcast for all vectors at once, so that it needs no register beyond them.
    """
    reductions = sum(axis.iter_type == tirx.IterVar.CommReduce for axis in sch.get(sums).iter_vars)
    loops = list(sch.get_loops(sums))
    reduced, (o, *rows, column) = loops[-reductions:], loops[-reductions - tile : -reductions]
    unrolled = _unrolled(sch, reduced[1:], knobs)
    if b.extent(sch, reduced[0]) != 1 and knobs.choose("planes.inner", ("window", "channels"), "window") == "channels":
        kept = reduced[1 : len(reduced) - len(unrolled)]
        reduced = [*kept, reduced[0], *unrolled]
    vector, lane = sch.split(column, [None, lanes])
    sch.reorder(*reduced, o, *rows, vector, lane)
    local = sch.cache_write(sums, 0, "global")
    sch.reverse_compute_at(local, loops[-reductions - tile - 1], preserve_unit_loops=True)
    *outer, stored = list(sch.get_loops(local))[-tile:]
    stored_vector, stored_lane = sch.split(stored, [None, lanes])
    for loop in (*unrolled, o, *rows, vector, *outer, stored_vector):
        sch.unroll(loop)
    sch.vectorize(lane)
    sch.vectorize(stored_lane)
    init = sch.decompose_reduction(sums, reduced[0])
    *outer, lane = list(sch.get_loops(init))[-tile - 1 :]
    for loop in outer:
        sch.unroll(loop)
    sch.vectorize(lane)
