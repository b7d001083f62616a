"""What a call of a compiled model costs beside the model itself: the loader's overhead, on this machine.

The model doubles six numbers, so nearly all of the time is the way from Python to C and back. Usage::

    python -m tests.bench.loader_overhead [--calls 20000] [--repeats 15]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from onnxc.runtime_stub.loader import load
from tests.runtime.native import compile_model


def microseconds(call: Callable[[], object], calls: int, repeats: int) -> tuple[float, float]:
    """The least and the median time of one call, over repeats of many calls: others' load only ever adds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(calls):
            call()
        times.append((time.perf_counter() - start) / calls * 1e6)
    return min(times), statistics.median(times)


def main() -> None:
    """Print a line per way to call."""
    parser = argparse.ArgumentParser(description="Measure the overhead of calling a compiled model from Python.")
    parser.add_argument("--calls", type=int, default=20000, help="calls per measurement")
    parser.add_argument("--repeats", type=int, default=15, help="measurements per way to call")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        static = load(compile_model("doubling", Path(folder, "static.so")), threads=1)
        dynamic = load(compile_model("rows", Path(folder, "dynamic.so")), threads=1)
        x = np.ones((2, 3), np.float32)
        result = {"y": np.empty((2, 3), np.float32)}
        left, right = np.ones((1, 4), np.float32), np.ones((1, 2), np.float32)
        widths = [np.ones((1, width), np.float32) for width in range(2, 1002)]
        turn = iter(range(10**9))
        ways: dict[str, Callable[[], object]] = {
            "one input, model(x)": lambda: static(x),
            "one input, model({'x': x})": lambda: static({"x": x}),
            "one input, transposed, so copied": lambda: static(x[::-1]),
            "one input, output given": lambda: static.run({"x": x}, result),
            "two inputs, three outputs, dynamic": lambda: dynamic(left, right),
            "the same, with a new shape each time": lambda: dynamic(left, widths[next(turn) % 1000]),
            "for comparison: numpy's 2 * x": lambda: 2 * x,
        }
        print(f"{'microseconds per call':<40}{'least':>8}{'median':>8}")
        for name, call in ways.items():
            least, median = microseconds(call, options.calls, options.repeats)
            print(f"{name:<40}{least:8.2f}{median:8.2f}")


if __name__ == "__main__":
    main()
