"""PrimFunc -> scheduled PrimFunc: the first of the target's rules that applies."""

from __future__ import annotations

from typing import Any

from ..target import Target
from .lower import Lowered
from .tvm_api import s_tir


def schedule(lowered: Lowered, target: Target) -> Any:
    """Apply the target's schedule rules in order.

    A rule is ``(Lowered, Target) -> PrimFunc or None`` (None: it does not apply). One that TVM refuses, because it
    cannot prove a step of it right (symbolic sizes in unusual forms), does not apply either. With no rule left, the
    function runs as it was written: slow, but right.
    """
    for rule in target.schedule_rules():
        try:
            func = rule(lowered, target)
        except s_tir.ScheduleError:
            continue
        if func is not None:
            return func
    return lowered.func
