"""Matrix product with packed weights: a tile of rows times one panel of columns stays in registers."""

from __future__ import annotations

from typing import Any

from onnxc.kernel.lower import Lowered
from onnxc.kernel.tvm_api import s_tir
from onnxc.target import Target

from . import blocks as b


def schedule(lowered: Lowered, target: Target) -> Any | None:
    """Schedule a function around ``nn.dense_packed``; None for others."""
    if lowered.anchor is None or lowered.anchor.op != "nn.dense_packed":
        return None
    sch = s_tir.Schedule(lowered.func)
    b.inline_injective(sch)
    blocks = b.all_blocks(sch)
    if [b.name_of(sch, k) for k in blocks[:-1]] != ["dense_packed"]:
        return None  # several results, or an epilogue with stages of its own
    dense, writer = blocks
    loops = list(sch.get_loops(writer))
    if len(loops) < 2:
        return None
    block = int(sch.get(dense).iter_vars[3].dom.extent)
    tile = int(sch.get(dense).iter_vars[2].dom.extent)
    row = sch.fuse(*loops[:-1]) if len(loops) > 2 else loops[0]
    row_outer, row_inner = sch.split(row, [None, tile])
    column_outer, column_inner = sch.split(loops[-1], [None, block])
    # Columns outside: a panel of weights stays in the L2 cache for all rows.
    sch.reorder(column_outer, row_outer, row_inner, column_inner)
    sch.parallel(sch.fuse(column_outer, row_outer))
    at = sch.get_loops(writer)[0]
    sch.compute_at(dense, at, preserve_unit_loops=True)
    own = list(sch.get_loops(dense))[-5:]
    unit_tile, unit_panel, rows, lanes, depth = own
    sch.reorder(unit_tile, unit_panel, depth, rows, lanes)
    sch.unroll(rows)
    sch.vectorize(lanes)
    init = sch.decompose_reduction(dense, depth)
    init_rows, init_lanes = list(sch.get_loops(init))[-2:]
    sch.unroll(init_rows)
    sch.vectorize(init_lanes)
    return sch.mod["main"]
