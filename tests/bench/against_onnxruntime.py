"""Whole models: onnxc beside ONNX Runtime, interleaved in one process, with the same number of threads.

    python -m tests.bench.against_onnxruntime [--threads 1] [--seconds 4] [MODEL ...]

Prints, for each model, both medians, the ratio of the medians and that of the minima (below 1: onnxc is faster), and
the geometric mean. Believe ratios: absolute times depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable

import onnxruntime

import onnxc
from tests.models.catalogue import ModelCase, all_cases


def interleaved(first: Callable[[], object], second: Callable[[], object], seconds: float) -> tuple[list, list]:
    """Times of two functions, called in turn for so many seconds; at least 5 calls each."""
    first(), second()
    times: tuple[list[float], list[float]] = ([], [])
    end = time.perf_counter() + seconds
    while len(times[0]) < 5 or time.perf_counter() < end:
        for function, found in zip((first, second), times, strict=True):
            start = time.perf_counter()
            function()
            found.append(time.perf_counter() - start)
    return times


def measure(case: ModelCase, threads: int, seconds: float) -> float:
    """Print a model's row; its ratio."""
    model, feeds = case.load(), case.feeds()[-1]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    start = time.perf_counter()
    compiled = onnxc.compile(model, threads=threads)
    compile_time = time.perf_counter() - start
    theirs, ours = interleaved(lambda: session.run(None, feeds), lambda: compiled(feeds), seconds)
    ratio, least = statistics.median(ours) / statistics.median(theirs), min(ours) / min(theirs)
    times = f"{statistics.median(ours) * 1e3:10.3f} ms {statistics.median(theirs) * 1e3:10.3f} ms"
    print(f"{case.name:38} {times} {ratio:6.2f} {least:6.2f} {compile_time:7.1f} s", flush=True)
    return ratio


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Compare the speed of compiled models with ONNX Runtime's.")
    parser.add_argument("models", nargs="*", help="words in the models' names; all by default")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=4, help="for each model")
    arguments = parser.parse_args()
    cases = [c for c in all_cases() if c.required and c.path.exists()]
    cases = [c for c in cases if not arguments.models or any(word in c.name for word in arguments.models)]
    print(f"{'model':38} {'onnxc':>13} {'ONNX Runtime':>13} {'ratio':>6} {'least':>6} {'compiled':>9}")
    ratios = [measure(case, arguments.threads, arguments.seconds) for case in cases]
    print(f"geometric mean of the ratios: {math.exp(statistics.fmean(map(math.log, ratios))):.2f}")


if __name__ == "__main__":
    main()
