"""PrimFunc -> scheduled PrimFunc: the first of the target's rules that applies."""

from __future__ import annotations

from typing import Any

from ..target import Target
from .lower import Lowered


def schedule(lowered: Lowered, target: Target) -> Any:
    """Apply the target's schedule rules in order.

    A rule is ``(Lowered, Target) -> PrimFunc or None`` (None: it does not apply). The last one always applies.
    """
    for rule in target.schedule_rules():
        func = rule(lowered, target)
        if func is not None:
            return func
    raise AssertionError(f"no schedule of target {target.name} applies")
