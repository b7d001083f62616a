"""Questions about the blocks of a schedule, and the steps that every CPU schedule takes."""

from __future__ import annotations

from typing import Any

from onnxc.kernel.tvm_api import structural_walk, tirx

#: Functions so expensive that computing them again for every consumer does not pay.
_EXPENSIVE = ("exp", "tanh", "erf", "log", "pow", "sin", "cos", "tan", "sigmoid", "asin", "acos", "atan", "sinh", "cosh")


def all_blocks(sch: Any) -> list[Any]:
    """Every block below the root, in order of the program."""
    return list(sch.get_child_blocks(sch.get_sblock("root")))


def name_of(sch: Any, block: Any) -> str:
    return str(sch.get(block).name_hint)


def is_reduction(sch: Any, block: Any) -> bool:
    return any(axis.iter_type == tirx.IterVar.CommReduce for axis in sch.get(block).iter_vars)


def is_output(sch: Any, block: Any) -> bool:
    return not sch.get_consumers(block)


def is_expensive(sch: Any, block: Any) -> bool:
    """Does the block call a transcendental function?"""
    found = []

    def look(call: Any) -> None:
        name = str(getattr(call.op, "name", "")).removeprefix("tirx.")
        if name in _EXPENSIVE or name == "call_pure_extern":
            found.append(name)

    structural_walk(sch.get(block).body, (tirx.Call, look))
    return bool(found)


def split_loops(sch: Any, block: Any) -> tuple[list[Any], list[Any]]:
    """The block's loops: spatial ones, reduction ones. Only before they are transformed."""
    loops = list(sch.get_loops(block))
    axes = list(sch.get(block).iter_vars)
    loops = loops[len(loops) - len(axes) :]
    spatial = [l for l, a in zip(loops, axes, strict=True) if a.iter_type != tirx.IterVar.CommReduce]
    reduced = [l for l, a in zip(loops, axes, strict=True) if a.iter_type == tirx.IterVar.CommReduce]
    return spatial, reduced


def inline_injective(sch: Any) -> None:
    """Inline what is not worth a buffer.

    Kept are outputs, reductions, padded copies of an input (``*_pad``: their consumer reads each element many times, and
    a guarded load does not vectorise), and expensive functions that are read more than once.
    """
    for block in all_blocks(sch):
        if is_reduction(sch, block) or is_output(sch, block) or name_of(sch, block).endswith("_pad"):
            continue
        consumers = sch.get_consumers(block)
        read_often = len(consumers) > 1 or any(is_reduction(sch, c) for c in consumers)
        if read_often and is_expensive(sch, block):
            continue
        sch.compute_inline(block)


def extent(sch: Any, loop: Any) -> int | None:
    """Number of iterations; None where it is only known at run time."""
    value = sch.get(loop).extent
    return int(value) if isinstance(value, tirx.IntImm) else None


def contiguous_axes(sch: Any, block: Any) -> int:
    """How many trailing spatial axes of an elementwise block can be one loop without index arithmetic.

    That is so while every tensor that the block reads has, at its end, either just these axes or a scalar.
    """
    stmt = sch.get(block)
    axes = [a.var for a in stmt.iter_vars]
    count = len(axes)
    for region in [*stmt.reads, *stmt.writes]:
        indices = [r.min for r in region.region]
        extents = list(region.source.shape)
        run = 0
        for index, size, axis, iteration in zip(
            reversed(indices), reversed(extents), reversed(axes), reversed(list(stmt.iter_vars)), strict=False
        ):
            if not (isinstance(index, tirx.Var) and index.same_as(axis)) or not _same(size, iteration.dom.extent):
                break
            run += 1
        used = _used_axes(indices, axes)
        if run == 0 and not used:
            continue  # a scalar, or nothing that depends on the axes
        if run == 0 and axes and not any(axes[-1].same_as(u) for u in used):
            # Broadcast over the last axes: they may be fused as far as the tensor does not depend on them.
            run = 0
            for axis in reversed(axes):
                if any(axis.same_as(u) for u in used):
                    break
                run += 1
        count = min(count, max(run, 1))
    return count


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, tirx.IntImm) and isinstance(right, tirx.IntImm):
        return int(left) == int(right)
    return bool(left.same_as(right))


def _used_axes(indices: list[Any], axes: list[Any]) -> list[Any]:
    used: list[Any] = []
    for index in indices:
        structural_walk(index, (tirx.Var, lambda v: used.append(v) if any(v.same_as(a) for a in axes) else None))
    return used
