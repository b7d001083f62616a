"""The machine that measures: what it is, and what it could do at most."""

from __future__ import annotations

import platform
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from onnxc import targets
from tests.compilers import COMPILER

SOURCE = Path(__file__).with_name("fma_peak.c")


@cache
def fma_peak(threads: int = 1, seconds: float = 0.3) -> float:
    """10^9 floating-point operations a second in float32, measured on so many threads at the same time."""
    flags = ["-O3", "-ffp-contract=fast", "-pthread"]
    if platform.machine() in ("x86_64", "AMD64"):
        flags += ["-march=native", "-mprefer-vector-width=512"]
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "fma_peak"
        subprocess.run([*COMPILER, *flags, str(SOURCE), "-o", str(program)], check=True)
        command = [str(program), str(threads), str(seconds)]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def machine_name() -> str:
    """The processor, and what onnxc compiles for on it."""
    host = targets.host()
    name = host.description.removeprefix("this machine: ")
    return f"{name} ({host.name.removeprefix('host-')}), {platform.system()}"
