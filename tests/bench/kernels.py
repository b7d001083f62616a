"""The kernels of a model: what each takes, and how near it is to what the machine could do.

    python -m tests.bench.kernels MODEL [--threads 1] [--runs 30] [--rounds 1] [--top 20] [--target host]

MODEL is an ONNX file, or words in the name of one in the catalogue. Prints the kernels, the slowest first: microseconds
(the median of the runs, in the model's own run, so with caches as they are there), share of the model, calls, GFLOP/s
and their share of the measured FMA peak, and GB/s of arguments and results. Multiply-adds are those that the kernel
does: of a Winograd convolution its own, which are those of the products of its tiles, and for each two additions or
multiplications of its transforms one (`transform_operations` in compiler/op/nn_conv_winograd.py counts them).

The last line says which share of the time goes to kernels that run at 90 % of the peak or more. `--rounds` takes the
best of several measurements of each kernel, where other work shares the machine: with `--runs 1 --rounds 250`, each
kernel's least time.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import onnx

import onnxc
from onnxc.cli.profile import KernelProfile, measure_kernels, profile_text
from tests.bench.cases import bench_cases
from tests.bench.machine import fma_peak, machine_name
from tests.models.catalogue import Feeds


def _load(name: str) -> tuple[str, onnx.ModelProto, Feeds]:
    path = Path(name)
    if path.suffix == ".onnx" and path.exists():
        from onnxc.artifact.random_arrays import random_arrays

        proto = onnx.load(path)
        with onnxc.compile(path, threads=1) as model:
            return path.stem, proto, random_arrays(model.inputs, dict.fromkeys(model.symbols, 1), 0)
    found = bench_cases([name])
    if not found:
        raise SystemExit(f"there is no model named {name}: neither a file, nor one of tests/models/catalogue.py")
    return found[0].name, found[0].case.load(), found[0].feeds()


#: A kernel is near the peak from this part of it on.
NEAR = 0.9


def share_near_peak(kernels: Sequence[KernelProfile], peak: float) -> float:
    """The part of the time that goes to kernels near the peak."""
    near = sum(kernel.microseconds for kernel in kernels if kernel.gigaflops >= NEAR * peak)
    return near / sum(kernel.microseconds for kernel in kernels)


def best_of(rounds: Sequence[Sequence[KernelProfile]]) -> list[KernelProfile]:
    """Each kernel with the least of its times, the slowest first."""
    best: dict[tuple[str, str], KernelProfile] = {}
    for kernel in (kernel for kernels in rounds for kernel in kernels):
        key = (kernel.kernel, kernel.types)
        if key not in best or kernel.microseconds < best[key].microseconds:
            best[key] = kernel
    return sorted(best.values(), key=lambda kernel: -kernel.microseconds)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Measure the kernels of a model.")
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=1, help="so many times; each kernel's best counts")
    parser.add_argument("--top", type=int, help="so many kernels at most")
    parser.add_argument("--target", default="host")
    options = parser.parse_args()
    name, proto, feeds = _load(options.model)
    peak = fma_peak(options.threads)
    with onnxc.compile(proto, options.target, threads=options.threads) as plain:
        times = []
        for _ in range(options.runs + 1):
            start = time.perf_counter()
            plain(feeds)
            times.append(time.perf_counter() - start)
    with onnxc.compile(proto, options.target, threads=options.threads, profile=True) as model:
        rounds = [measure_kernels(model, feeds, options.runs) for _ in range(options.rounds)]
    kernels = best_of(rounds)
    print(f"{name} on {machine_name()}, {options.threads} threads: FMA peak {peak:.1f} GFLOP/s")
    print(profile_text(kernels, peak, options.top))
    print(f"the model without timing: median {1e6 * statistics.median(times):.1f} us, least {1e6 * min(times):.1f} us")
    print(f"{share_near_peak(kernels, peak):.0%} of the time in kernels at {NEAR:.0%} of the peak or more")


if __name__ == "__main__":
    main()
