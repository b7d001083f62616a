"""Reductions over rows: softmax, layer normalisation, and sums over the last axes.

All stages of a row run while it is in the cache, and its sums are kept in a vector of partial sums (a chain of scalar
additions would take four cycles an element; the compiler may not reorder it by itself).
"""

from __future__ import annotations

import math
from typing import Any

from onnxc.kernel.build import STACK_BYTES
from onnxc.kernel.knobs import Knobs
from onnxc.kernel.lower import Lowered
from onnxc.kernel.tvm_api import s_tir
from onnxc.target import Target

from . import blocks as b


def schedule(lowered: Lowered, target: Target, knobs: Knobs) -> Any | None:
    """Schedule a function whose reductions all run over the last axes of what they read; None for others."""
    sch = b.new_schedule(lowered)
    b.inline_injective(sch)
    blocks = b.all_blocks(sch)
    reductions = [k for k in blocks if b.is_reduction(sch, k)]
    writer = blocks[-1]
    if not reductions or not b.is_output(sch, writer) or sum(b.is_output(sch, k) for k in blocks) != 1:
        return None
    row_extents = [_row_extents(sch, k) for k in reductions]
    if any(r is None or r != row_extents[0] for r in row_extents):
        return None
    rows = row_extents[0]
    assert rows is not None
    if any(k not in reductions and _leading(sch, k, len(rows)) != rows for k in blocks):
        return None
    if any(k not in reductions and not _fits(sch, k, len(rows)) for k in blocks[:-1]):
        return None
    if b.is_reduction(sch, writer):
        writer = sch.cache_write(writer, 0, "global")
    for block in b.all_blocks(sch):
        if not sch.get_loops(block):  # a scalar; beside one without a loop TVM splits no reduction
            sch.add_unit_loop(block)
    lanes = target.lanes() * knobs.choose("rows.vectors", (1, 2, 4), 2)
    partials = [p for k in reductions if (p := _split_lanes(sch, k, lanes)) is not None]
    if rows:
        row = b.parallel(sch, list(sch.get_loops(writer))[: len(rows)])
        for block in reversed(b.all_blocks(sch)):
            if not block.same_as(writer) and b.name_of(sch, block) != b.name_of(sch, writer):
                sch.compute_at(block, row, preserve_unit_loops=True)
    names = [b.name_of(sch, p) for p in partials]
    for name in names:
        _vectorize(sch, sch.get_sblock(name))
    for block in reductions:
        b.decompose(sch, block)
    return sch.mod["main"]


def _row_extents(sch: Any, block: Any) -> list[str] | None:
    """Extents of the axes that are not reduced, less ones of size 1 in their place; None unless all else is last."""
    spatial, _ = b.split_loops(sch, block)
    extents = [_text(sch, s) for s in spatial]
    while extents and extents[-1] == "1":
        extents.pop()
    axes = list(sch.get(block).iter_vars)
    reduced = [a for a in axes if a.iter_type == b.tirx.IterVar.CommReduce]
    over = [a.var for a in reduced]
    for region in sch.get(block).reads:
        indices = [r.min for r in region.region]
        tail = indices[-len(over) :]
        in_order = len(tail) == len(over) and all(
            i.same_as(a.var) or _is_unit(a) for i, a in zip(tail, reduced, strict=True)
        )
        if b.used_axes(indices[: -len(over)] if in_order else indices, over):
            return None
    return extents


def _is_unit(axis: Any) -> bool:
    """One of size 1, whose index may have become 0."""
    return isinstance(axis.dom.extent, b.tirx.IntImm) and int(axis.dom.extent) == 1


def _fits(sch: Any, block: Any, rows: int) -> bool:
    """Is the row of an intermediate stage small enough for the stack of a thread?"""
    spatial, _ = b.split_loops(sch, block)
    extents = [b.extent(sch, loop) for loop in spatial[rows:]]
    return all(e is not None for e in extents) and math.prod(e or 0 for e in extents) * 4 <= STACK_BYTES // 2


def _leading(sch: Any, block: Any, count: int) -> list[str]:
    spatial, _ = b.split_loops(sch, block)
    return [_text(sch, s) for s in spatial[:count]]


def _text(sch: Any, loop: Any) -> str:
    return str(sch.get(loop).extent)


def _split_lanes(sch: Any, block: Any, lanes: int) -> Any | None:
    """Split a sum into partial sums, one for each lane of some vectors; the block of these, or None for short rows."""
    _, reduced = b.split_loops(sch, block)
    loop = sch.fuse(*reduced)
    length = b.extent(sch, loop)
    if length is None or length < 2 * lanes:
        return None
    while length % lanes and lanes > 4:
        lanes //= 2
    if length % lanes:
        return None
    _, inner = sch.split(loop, [None, lanes])
    axis = len(sch.get(block).writes[0].region)
    try:
        return sch.rfactor(inner, axis)
    except s_tir.ScheduleError:  # TVM knows no such reduction: it stays one chain
        return None


def _vectorize(sch: Any, partial: Any) -> None:
    stmt = sch.get(partial)
    lane = b.loop_of(sch, partial, list(stmt.writes[0].region)[-1].min)
    (over,) = (b.loop_of(sch, partial, a.var) for a in stmt.iter_vars if a.iter_type == b.tirx.IterVar.CommReduce)
    sch.reorder(over, lane)
    sch.vectorize(lane)
    init = sch.decompose_reduction(partial, over)
    sch.vectorize(list(sch.get_loops(init))[-1])
