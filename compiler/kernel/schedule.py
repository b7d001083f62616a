"""PrimFunc -> scheduled PrimFunc: the first of the target's rules that applies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..target import Target
from .knobs import Knobs
from .lower import Lowered
from .tvm_api import s_tir, tirx, tvm

#: What TVM raises where it cannot take a step: it refuses it, or fails on symbolic sizes in its own arithmetic.
REFUSALS = (s_tir.ScheduleError, tvm.error.InternalError)


def schedule(lowered: Lowered, target: Target, knobs: Knobs | None = None) -> Any:
    """Apply the target's schedule rules in order.

    A rule is ``(Lowered, Target, Knobs) -> PrimFunc or None`` (None: it does not apply). One that TVM refuses, because
    it cannot prove a step of it right (symbolic sizes in unusual forms), does not apply either. With no rule left, the
    function runs as it was written: slow, but right.

    Parameters
    ----------
    knobs : Knobs, optional
        Takes the decisions of the rule that applied. If that is refused with the choices of a record, it gets its
        defaults.
    """
    knobs = Knobs() if knobs is None else knobs
    if any(0 in type_.shape for type_ in (*lowered.inputs, *lowered.outputs)):
        return _as_written(lowered)  # little to do, and TVM does not split or fuse loops without iterations
    for rule in target.schedule_rules():
        attempt = knobs.attempt()
        func = _apply(rule, lowered, target, attempt)
        if func is None and not attempt.by_default:
            attempt = knobs.attempt(defaults=True)
            func = _apply(rule, lowered, target, attempt)
        if func is not None:
            knobs.adopt(attempt)
            return func
    return _as_written(lowered)


def _apply(rule: Callable[..., Any], lowered: Lowered, target: Target, knobs: Knobs) -> Any | None:
    try:
        return rule(lowered, target, knobs)
    except REFUSALS:
        return None


def _as_written(lowered: Lowered) -> Any:
    """The function with its reductions initialised outside of their loops, which may have no iterations."""
    sch = s_tir.Schedule(lowered.func, enable_check=False)
    for block in sch.get_child_blocks(sch.get_sblock("root")):
        axes, loops = list(sch.get(block).iter_vars), list(sch.get_loops(block))
        if not loops:  # a scalar, which has an axis all the same
            continue
        loops = loops[len(loops) - len(axes) :]
        reduced = [s for s, a in zip(loops, axes, strict=True) if a.iter_type == tirx.IterVar.CommReduce]
        if reduced:
            sch.decompose_reduction(block, reduced[0])
    return sch.mod["main"]
