"""What the steps of a model took that was compiled for profiling."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from . import abi
from .abi import ffi


@dataclass(frozen=True)
class StepProfile:
    """A call of a kernel in the model, or a copy; sums over all runs.

    Attributes
    ----------
    kernel : str
        Its name in C; ``memcpy`` for a copy.
    nodes : str
        Names of the ONNX nodes that it computes, comma-separated.
    operators : str
        Names of Relay's operators that it consists of, comma-separated.
    types : str
        Of its arguments and results.
    calls, nanoseconds : int
    multiply_adds : int
        Multiplications with an addition in convolutions, matrix products and their like.
    moved_bytes : int
        Of arguments and results.
    """

    kernel: str
    nodes: str
    operators: str
    types: str
    calls: int
    nanoseconds: int
    multiply_adds: int
    moved_bytes: int


_TEXTS = ("kernel", "nodes", "operators", "types")
_NUMBERS = ("calls", "nanoseconds", "multiply_adds", "moved_bytes")


def new_counts(model: Any, now: Any) -> tuple[Any, Any]:
    """Room for the counts of a run at a time, and the structure that a context points to; NULL without steps.

    Parameters
    ----------
    model : cffi pointer to onnxc_model
    now : cffi function
        The clock.
    """
    if model.num_steps == 0:
        return None, ffi.NULL
    counts = ffi.new("onnxc_step_counts[]", model.num_steps)
    return counts, ffi.new("onnxc_profile *", {"now": now, "steps": counts})


def read_counts(model: Any, counts: Iterable[Any], reset: bool) -> tuple[StepProfile, ...]:
    """The steps of a model with the sums of several counts."""
    found = list(counts)
    sums = []
    for index in range(model.num_steps):
        kernel, nodes, operators, types = (abi.text(getattr(model.steps[index], name)) for name in _TEXTS)
        numbers = [sum(getattr(counts[index], name) for counts in found) for name in _NUMBERS]
        sums.append(StepProfile(kernel, nodes, operators, types, *numbers))
    if reset:
        for count in found:
            ffi.memmove(count, bytes(ffi.sizeof(count)), ffi.sizeof(count))
    return tuple(sums)
