"""Convolution on planes: a tile of output channels times some vectors of a row stays in registers.

For each input channel and place in the window, the vectors of the data are loaded once for all channels of the tile,
and one weight of each channel is broadcast.
"""

from __future__ import annotations

from typing import Any

from onnxc.kernel.knobs import Knobs
from onnxc.kernel.lower import Lowered
from onnxc.kernel.tvm_api import tirx
from onnxc.target import Target

from . import blocks as b
from .generic import schedule_elementwise


def schedule(lowered: Lowered, target: Target, knobs: Knobs) -> Any | None:
    """Schedule a function around ``nn.conv_planes``; None for others."""
    if lowered.anchor is None or lowered.anchor.op != "nn.conv_planes":
        return None
    columns = int(lowered.anchor.attrs.columns)
    sch = b.new_schedule(lowered)
    b.inline_injective(sch, keep=("planes_phases",))
    blocks = {b.name_of(sch, k): k for k in b.all_blocks(sch)}
    for name, block in blocks.items():
        if name.endswith("_pad") or name == "planes_phases":
            schedule_elementwise(sch, block)
    sums = blocks["conv_planes"]
    (writer,) = sch.get_consumers(sums)
    together = int(list(sch.get(sums).iter_vars)[-2 - _reductions(sch, sums)].dom.extent)

    batch, channel, *outer, x = sch.get_loops(writer)
    chunk, o = sch.split(channel, [None, together])
    part, column = sch.split(x, [None, columns])
    sch.reorder(batch, chunk, *outer, part, o, column)
    b.parallel(sch, [batch, chunk, *outer])
    sch.compute_at(sums, part, preserve_unit_loops=True)
    _accumulate(sch, sums, target)
    return b.always(sch.mod["main"], ["conv_planes"])  # whole parts are computed


def _reductions(sch: Any, block: Any) -> int:
    return sum(axis.iter_type == tirx.IterVar.CommReduce for axis in sch.get(block).iter_vars)


def _accumulate(sch: Any, sums: Any, target: Target) -> None:
    reductions = _reductions(sch, sums)
    loops = list(sch.get_loops(sums))
    reduced, (o, column) = loops[-reductions:], loops[-reductions - 2 : -reductions]
    vector, lane = sch.split(column, [None, target.lanes()])
    sch.reorder(*reduced, o, vector, lane)
    local = sch.cache_write(sums, 0, "global")
    sch.reverse_compute_at(local, loops[-reductions - 3], preserve_unit_loops=True)
    *_, stored_o, stored = sch.get_loops(local)
    stored_vector, stored_lane = sch.split(stored, [None, target.lanes()])
    for loop in (o, vector, stored_o, stored_vector):
        sch.unroll(loop)
    sch.vectorize(lane)
    sch.vectorize(stored_lane)
    init = sch.decompose_reduction(sums, reduced[0])
    *_, o, vector, lane = sch.get_loops(init)
    sch.unroll(o)
    sch.unroll(vector)
    sch.vectorize(lane)
