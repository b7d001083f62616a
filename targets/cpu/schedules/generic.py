"""The schedule that always applies: inline, one parallel loop outside, a vectorisable loop inside."""

from __future__ import annotations

from typing import Any

from onnxc.kernel.lower import Lowered
from onnxc.kernel.tvm_api import s_tir
from onnxc.target import Target

from . import blocks as b


def schedule(lowered: Lowered, target: Target) -> Any:
    """Schedule any primitive function; returns the PrimFunc."""
    sch = s_tir.Schedule(lowered.func)
    b.inline_injective(sch)
    for block in b.all_blocks(sch):
        if b.is_reduction(sch, block):
            schedule_reduction(sch, block)
        else:
            schedule_elementwise(sch, block)
    return sch.mod["main"]


def schedule_elementwise(sch: Any, block: Any) -> None:
    """Fuse the axes that lie contiguous in every tensor into the inner loop (LLVM vectorises it, tail included)."""
    spatial, _ = b.split_loops(sch, block)
    if not spatial:
        return
    inner = max(1, min(b.contiguous_axes(sch, block), len(spatial)))
    outer = spatial[: len(spatial) - inner]
    loop = sch.fuse(*spatial[len(spatial) - inner :])
    if outer:
        sch.parallel(sch.fuse(*outer))
        return
    length = b.extent(sch, loop)
    if length is None or length >= 4096:
        chunk, _ = sch.split(loop, [None, 1024])
        sch.parallel(chunk)


def schedule_reduction(sch: Any, block: Any) -> None:
    """Accumulate a row of results at a time where the last axis is contiguous, else one result in a register."""
    spatial, reduced = b.split_loops(sch, block)
    if not reduced:
        return
    if not spatial:
        sch.decompose_reduction(block, reduced[0])
        return
    last = spatial[-1]
    if len(spatial) > 1:
        sch.parallel(sch.fuse(*spatial[:-1]))
    if reads_contiguously(sch, block):
        sch.reorder(*reduced, last)
    sch.decompose_reduction(block, reduced[0])


def reads_contiguously(sch: Any, block: Any) -> bool:
    """Is the last spatial axis the last index of every tensor that depends on it?"""
    stmt = sch.get(block)
    spatial = [a.var for a in stmt.iter_vars if a.iter_type != b.tirx.IterVar.CommReduce]
    if not spatial:
        return False
    last = spatial[-1]
    found = False
    for region in stmt.reads:
        indices = [r.min for r in region.region]
        for position, index in enumerate(indices):
            if any(u.same_as(last) for u in b._used_axes([index], [last])):
                found = True
                if position != len(indices) - 1:
                    return False
    return found
