"""The machine that measures: what it is, and what it could do at most."""

from __future__ import annotations

import platform
from functools import cache

from onnxc import targets
from onnxc.artifact.toolchain import find_compiler
from onnxc.autotune.measure import measure_peak

#: Long enough for all programs of a measurement to run at the same time.
SECONDS = 0.3


@cache
def fma_peak(threads: int = 1) -> float:
    """10^9 floating-point operations a second in float32, measured on so many processors at the same time."""
    host = targets.host()
    return measure_peak(host, find_compiler(host), threads, SECONDS) / 1e9


def machine_name() -> str:
    """The processor, and what onnxc compiles for on it."""
    host = targets.host()
    name = host.description.removeprefix("this machine: ")
    return f"{name} ({host.name.removeprefix('host-')}), {platform.system()}"
