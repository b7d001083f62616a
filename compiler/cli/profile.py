"""What the kernels of a model took, as a table."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .shared import table

if TYPE_CHECKING:
    import numpy as np

    from ..runtime_stub.loader import Model, StepProfile

#: Characters of a kernel's name and of its operators and types that are shown.
_WIDTH = 60


@dataclass
class KernelProfile:
    """All steps of one kernel on tensors of the same shapes, in one run.

    Attributes
    ----------
    calls, multiply_adds, moved_bytes : float
        On average over the runs.
    microseconds : float
        The median of the runs: what else the machine does hits some of them.
    """

    kernel: str
    operators: str
    types: str
    nodes: list[str]
    calls: float
    microseconds: float
    multiply_adds: float
    moved_bytes: float

    @property
    def gigaflops(self) -> float:
        """10^9 floating-point operations a second; a multiply-add is two."""
        return 2e-3 * self.multiply_adds / self.microseconds if self.microseconds else 0.0

    @property
    def gigabytes(self) -> float:
        """10^9 bytes of arguments and results a second, each counted once."""
        return 1e-3 * self.moved_bytes / self.microseconds if self.microseconds else 0.0


def measure_kernels(model: Model, feeds: Mapping[str, np.ndarray], runs: int) -> list[KernelProfile]:
    """Run a model that was compiled for profiling; its kernels, the slowest first.

    Parameters
    ----------
    model : Model
    feeds : mapping of str to array
        Its inputs.
    runs : int
        How often. The first run, which warms caches up, comes before and does not count.
    """
    model(feeds)
    model.profile(reset=True)
    taken = []
    for _ in range(runs):
        model(feeds)
        taken.append(model.profile(reset=True))
    return by_kernel(taken)


def by_kernel(runs: Sequence[Sequence[StepProfile]]) -> list[KernelProfile]:
    """The kernels of a model from the profiles of single runs, the slowest first; those that never ran are left out."""
    groups: dict[tuple[str, str], list[int]] = {}
    for index, step in enumerate(runs[0]):
        groups.setdefault((step.kernel, step.types), []).append(index)
    kernels = []
    for (name, _), indices in groups.items():
        first = runs[0][indices[0]]
        steps = [[run[index] for index in indices] for run in runs]
        calls, work, moved = (
            statistics.fmean(sum(getattr(step, attribute) for step in run) for run in steps)
            for attribute in ("calls", "multiply_adds", "moved_bytes")
        )
        taken = statistics.median(sum(step.nanoseconds for step in run) for run in steps) / 1e3
        if calls:
            nodes = [runs[0][index].nodes for index in indices]
            kernels.append(KernelProfile(name, first.operators, first.types, nodes, calls, taken, work, moved))
    return sorted(kernels, key=lambda kernel: -kernel.microseconds)


def profile_text(kernels: Sequence[KernelProfile], peak: float = 0.0, top: int | None = None) -> str:
    """A table of kernels, and their sum.

    Parameters
    ----------
    kernels : sequence of KernelProfile
    peak : float
        The most 10^9 floating-point operations a second that the machine can do; 0: not known.
    top : int, optional
        How many kernels are shown; all without it. The sum is that of all.
    """
    total = sum(kernel.microseconds for kernel in kernels)
    head = ["us", "share", "calls", "GFLOP/s", *(["peak"] if peak else []), "GB/s", "kernel", "operators", "types"]
    rows = [head]
    for kernel in kernels[:top]:
        speed = f"{kernel.gigaflops:.1f}" if kernel.multiply_adds else "-"
        of_peak = f"{kernel.gigaflops / peak:.0%}" if peak and kernel.multiply_adds else "-"
        rows.append(
            [
                f"{kernel.microseconds:.2f}",
                f"{kernel.microseconds / total:.1%}",
                f"{kernel.calls:g}",
                speed,
                *([of_peak] if peak else []),
                f"{kernel.gigabytes:.1f}",
                _short(kernel.kernel),
                _short(kernel.operators),
                _short_types(kernel.types),
            ]
        )
    work = sum(kernel.multiply_adds for kernel in kernels)
    speed = f", {2e-3 * work / total:.1f} GFLOP/s" if work and total else ""
    share = f" ({2e-3 * work / total / peak:.0%} of the peak)" if speed and peak else ""
    return f"{table(rows, indent='')}\n{total:.2f} us in {len(kernels)} kernels{speed}{share}"


def _short(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."


def _short_types(text: str) -> str:
    """Shapes, with element types where they are not the usual one."""
    return re.sub(r"Tensor\[\((.*?),?\), (\w+)\]", _short_type, text)


def _short_type(match: re.Match[str]) -> str:
    shape, dtype = match.group(1).replace(", ", "x") or "scalar", match.group(2)
    return shape if dtype == "float32" else f"{shape}:{dtype}"
