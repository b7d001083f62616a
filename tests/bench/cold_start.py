"""Cold start: from the start of a process to the end of its first inference of mobilenetv2, and the process's end.

    python -m tests.bench.cold_start [--runs 40]

Through a small C program (cold_start.c), with the model linked in and opened as a shared library; beside ONNX Runtime
in a Python process, whose own start (with numpy) is given too. All on one thread, files in the system's cache.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import onnx

import onnxc
from tests.bench.cases import bench_cases
from tests.bench.machine import machine_name
from tests.compilers import COMPILER

SOURCE = Path(__file__).with_name("cold_start.c")

PYTHON = "import sys, numpy"
ONNXRUNTIME = """
import sys, numpy, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
x = (numpy.arange(3 * 224 * 224) % 255 / 255).astype("f").reshape(1, 3, 224, 224)
print(session.run(None, {session.get_inputs()[0].name: x})[0].reshape(-1)[0])
"""
OURS = """
import sys, numpy
from onnxc.runtime_stub.loader import load
x = (numpy.arange(3 * 224 * 224) % 255 / 255).astype("f").reshape(1, 3, 224, 224)
print(next(iter(load(sys.argv[1], threads=1)(x).values())).reshape(-1)[0])
"""


def prepare(folder: Path) -> dict[str, list[str]]:
    """What is measured: descriptions and commands."""
    model = bench_cases(["mobilenetv2"])[0].case.load()
    onnx.save(model, folder / "mobilenetv2.onnx")
    onnxc.compile(model, output=folder / "static", emit="a", name="mobilenetv2")
    library = onnxc.compile(model, output=folder / "shared", name="mobilenetv2")
    common = [*COMPILER, "-std=gnu11", "-O2", str(SOURCE), "-I", str(folder / "static")]
    linked, opening = folder / "linked", folder / "opening"
    archive = folder / "static" / "libmobilenetv2.a"
    subprocess.run([*common, str(archive), "-lm", "-lpthread", "-o", str(linked)], check=True)
    subprocess.run([*common, "-DLIBRARY", "-ldl", "-o", str(opening)], check=True)
    python = [sys.executable, "-c"]
    return {
        "C, linked in": [str(linked)],
        "C, shared library": [str(opening), str(library)],
        "Python, shared library": [*python, OURS, str(library)],
        "Python, ONNX Runtime": [*python, ONNXRUNTIME, str(folder / "mobilenetv2.onnx")],
        "Python alone, with numpy": [*python, PYTHON],
        "nothing (/bin/true)": ["/bin/true"],
    }


def times_of(commands: Sequence[Sequence[str]], runs: int) -> list[list[float]]:
    """Milliseconds of each command, run in turns."""
    times: list[list[float]] = [[] for _ in commands]
    for _ in range(runs):
        for command, found in zip(commands, times, strict=True):
            start = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            found.append(1e3 * (time.perf_counter() - start))
    return times


def main() -> None:
    """Print a line for each way to run the model."""
    parser = argparse.ArgumentParser(description="Measure a process that runs a model once.")
    parser.add_argument("--runs", type=int, default=40)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        commands = prepare(Path(folder))
        times_of(list(commands.values()), 2)
        times = times_of(list(commands.values()), options.runs)
    print(f"mobilenetv2 from nothing, on {machine_name()}\n{'milliseconds':<28}{'median':>9}{'least':>9}")
    for name, found in zip(commands, times, strict=True):
        print(f"{name:<28}{statistics.median(found):9.2f}{min(found):9.2f}")


if __name__ == "__main__":
    main()
