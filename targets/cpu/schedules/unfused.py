"""Functions that index by a remainder of a shifted index: no loops are fused, since TVM would compute wrong indices.

``FlattenBuffer`` of TVM 0.27 turns ``a * 2 + (b + 1) % 2``, where ``a`` and ``b`` are quotient and remainder of one
fused loop, into a quotient of the loop's index plus one, as if a carry of ``b`` went over into ``a``. With a loop for
each axis there is nothing to carry. tests/kernel/test_unfused.py has such a case.
"""

from __future__ import annotations

from typing import Any

from onnxc.kernel.knobs import Knobs
from onnxc.kernel.lower import Lowered
from onnxc.kernel.tvm_api import structural_walk, tirx
from onnxc.target import Target

from . import blocks as b


def schedule(lowered: Lowered, target: Target, knobs: Knobs) -> Any | None:
    """Schedule a function with such an index; None for others."""
    sch = b.new_schedule(lowered)
    b.inline_injective(sch)
    if not any(_has_shifted_remainder(sch, block) for block in b.all_blocks(sch)):
        return None
    for block in b.all_blocks(sch):
        spatial, reduced = b.split_loops(sch, block)
        if spatial:
            sch.parallel(spatial[0])
        if reduced:
            sch.decompose_reduction(block, reduced[0])
    return sch.mod["main"]


def _has_shifted_remainder(sch: Any, block: Any) -> bool:
    found: list[Any] = []

    def look(remainder: Any) -> None:
        parts: list[Any] = []
        structural_walk(remainder.a, ((tirx.Add, parts.append), (tirx.Sub, parts.append)))
        found.extend(p for p in parts if isinstance(p.b, tirx.IntImm) or isinstance(p.a, tirx.IntImm))

    structural_walk(sch.get(block).body, (tirx.FloorMod, look))
    return bool(found)
