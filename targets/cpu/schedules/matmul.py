"""Matrix products on panels: a tile of rows times one panel of columns stays in registers."""

from __future__ import annotations

from typing import Any

from onnxc.kernel.knobs import Knobs
from onnxc.kernel.lower import Lowered
from onnxc.kernel.tvm_api import s_tir
from onnxc.target import Target

from . import blocks as b
from .generic import schedule_elementwise

_STAGES = {"nn.dense_packed": "dense_packed", "nn.matmul_tiled": "matmul_tiled"}


def schedule(lowered: Lowered, target: Target, knobs: Knobs) -> Any | None:
    """Schedule a function around ``nn.dense_packed`` or ``nn.matmul_tiled``; None for others."""
    if lowered.anchor is None or lowered.anchor.op not in _STAGES:
        return None
    stage = _STAGES[str(lowered.anchor.op)]
    # The rows of a tile that lie behind the last row are computed but not read. The checks cannot know that, and would
    # refuse to compute the tile where it is read.
    sch = s_tir.Schedule(lowered.func, enable_check=False)
    b.inline_injective(sch, keep=("matmul_pack",))
    blocks = {b.name_of(sch, k): k for k in b.all_blocks(sch)}
    writer = next(reversed(blocks.values()))
    rest = set(blocks) - {stage, "matmul_pack", b.name_of(sch, writer)}
    if rest or stage not in blocks or b.name_of(sch, writer) == stage:
        return None  # several results, or an epilogue with stages of its own
    if "matmul_pack" in blocks:
        schedule_elementwise(sch, blocks["matmul_pack"])
    _tile(sch, blocks[stage], writer, knobs)
    return b.always(sch.mod["main"], [stage])  # whole tiles are computed


def _tile(sch: Any, product: Any, writer: Any, knobs: Knobs) -> None:
    *stack, row, column = sch.get_loops(writer)
    tile, block = (int(axis.dom.extent) for axis in list(sch.get(product).iter_vars)[-3:-1])
    row_outer, row_inner = sch.split(row, [None, tile])
    column_outer, column_inner = sch.split(column, [None, block])
    # Columns outside: a panel stays in the L2 cache for all rows.
    outer = [column_outer, row_outer]
    if knobs.choose("matmul.outer", ("columns", "rows"), "columns") == "rows":
        outer.reverse()
    sch.reorder(*stack, *outer, row_inner, column_inner)
    task = b.parallel(sch, [*stack, *outer])
    sch.compute_at(product, task, preserve_unit_loops=True)
    *_, rows, lanes, depth = sch.get_loops(product)
    length = b.extent(sch, depth)
    steps = [u for u in (1, 2, 4, 8) if length is not None and length % u == 0 and u < length] or [1]
    unroll = knobs.choose("matmul.unroll", steps, 1)
    if unroll > 1:
        depth, step = sch.split(depth, [None, unroll])
        sch.reorder(depth, step, rows, lanes)
        sch.unroll(step)
    else:
        sch.reorder(depth, rows, lanes)
    sch.unroll(rows)
    sch.vectorize(lanes)
    init = sch.decompose_reduction(product, depth)
    init_rows, init_lanes = list(sch.get_loops(init))[-2:]
    sch.unroll(init_rows)
    sch.vectorize(init_lanes)
