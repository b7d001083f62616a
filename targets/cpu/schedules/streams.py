"""Weights that come from the last cache or from memory: asked for before they are needed."""

from __future__ import annotations

from typing import Any

from onnxc.kernel.knobs import Knobs
from onnxc.kernel.lower import Lowered
from onnxc.kernel.prefetch import PREFETCH
from onnxc.relay.types import TensorType
from onnxc.target import Target

#: Bytes ahead: at the speed of 16 multiply-adds for each vector that is some 270 ns, more than memory takes to answer.
AHEAD = 4096


def prefetch(sch: Any, loop: Any, lowered: Lowered, target: Target, knobs: Knobs, name: str) -> None:
    """Let a loop over the weights, the anchor's second argument, ask for them ahead.

    Parameters
    ----------
    sch, loop
        The innermost loop that is not unrolled; its body reads weights in vectors.
    name : str
        The knob. By default, small weights are not asked for: an instruction for each vector costs a percent where
        they come from the second cache anyway.
    """
    ahead = choose_ahead(knobs, name, AHEAD if weights_are_large(lowered, target) else 0)
    if ahead and target.kernel_format == "object":
        sch.annotate(loop, PREFETCH, ahead)


def choose_ahead(knobs: Knobs, name: str, usual: int) -> int:
    """Bytes ahead; 0: nothing is asked for."""
    return knobs.choose(name, (0, AHEAD // 2, AHEAD, 2 * AHEAD), usual)


def weights_are_large(lowered: Lowered, target: Target) -> bool:
    """Does the anchor's second argument not stay in the second cache?"""
    assert lowered.anchor is not None
    weights = lowered.anchor.args[1].type
    size = weights.byte_size if isinstance(weights, TensorType) else 0
    return isinstance(size, int) and 2 * size >= target.l2_bytes
