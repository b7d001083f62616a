"""Scalar C: no buffers but the results where that is possible, sums in registers.

Memory is what a microcontroller has least of: padded copies are not made (the loads are guarded instead), and a
reduction is summed up where its only reader stands.
"""

from __future__ import annotations

from typing import Any

from onnxc.kernel.knobs import Knobs
from onnxc.kernel.lower import Lowered
from onnxc.target import Target

from ...cpu.schedules import blocks as b


def schedule(lowered: Lowered, target: Target, knobs: Knobs) -> Any:
    """Schedule any primitive function; returns the PrimFunc."""
    sch = b.new_schedule(lowered)
    b.inline_injective(sch, keep_padded=False)
    for block in b.all_blocks(sch):
        if b.is_reduction(sch, block):
            _sum_in_register(sch, block)
    return sch.mod["main"]


def _sum_in_register(sch: Any, block: Any) -> None:
    if not b.split_loops(sch, block)[0]:
        b.decompose(sch, block)
        return
    writer = b.epilogue_of(sch, block)
    if writer is None:
        writer = sch.cache_write(block, 0, "global")
    sch.compute_at(block, sch.get_loops(writer)[-1], preserve_unit_loops=False)
    b.decompose(sch, block)
