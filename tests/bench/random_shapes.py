"""A hunt for slow kernels: convolutions and matrix products of random sizes, beside ONNX Runtime.

    python -m tests.bench.random_shapes [--seed 0] [--count 20] [--threads 1] [--seconds 0.1] [KIND ...]

Kinds: ``conv`` (odd numbers of channels, windows of 1 to 7, strides, dilations), ``groups``, ``line`` (one axis),
``volume`` (three), ``gemm`` (1 to 64 rows), ``batched``, and ``int8-conv``, ``int8-gemm``. Prints each case, and at the
end those that are slower than ONNX Runtime, the worst first.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.bench.single import Single, compare, node

#: Multiply-adds of a case: some 20 microseconds to 2 milliseconds.
LEAST, MOST = 1 << 19, 1 << 26


def _floats(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def _bytes(dtype: str, *shape: int) -> np.ndarray:
    low = 0 if dtype == "uint8" else -100
    return np.random.default_rng(0).integers(low, low + 200, shape).astype(dtype)


def _conv(choose: random.Random, axes: int, grouped: bool = False, quantised: bool = False) -> Single | None:
    window = [choose.choice((1, 3, 3, 5, 7) if axes < 3 else (1, 3))] * axes
    strides, dilations = [choose.choice((1, 1, 1, 2))] * axes, [choose.choice((1, 1, 1, 2))] * axes
    size = [choose.choice({1: (100, 333, 1000, 4000), 2: (7, 13, 14, 28, 35, 56, 97), 3: (6, 9, 16, 20)}[axes])] * axes
    groups = choose.choice((2, 3, 4, 8)) if grouped else 1
    channels, results = (groups * choose.choice((1, 3, 5, 8, 12, 17, 24, 31, 48, 65, 100)) for _ in range(2))
    reach = [(w - 1) * d for w, d in zip(window, dilations, strict=True)]
    pads = [r // 2 for r in reach] * 2
    out = [(s + 2 * (r // 2) - r - 1) // t + 1 for s, r, t in zip(size, reach, strides, strict=True)]
    work = int(np.prod(out)) * results * (channels // groups) * int(np.prod(window))
    if min(out) < 1 or not LEAST <= work <= MOST:
        return None
    name = f"{'int8 ' if quantised else ''}conv {channels}->{results} g{groups} of {'x'.join(map(str, size))}"
    name += f", window {window[0]}, stride {strides[0]}, dilation {dilations[0]}"
    attributes: dict[str, Any] = {"pads": pads, "strides": strides, "dilations": dilations, "group": groups}
    if not quantised:
        weights = {"w": _floats(results, channels // groups, *window), "b": _floats(results)}
        return Single(name, [node("Conv", "x w b", **attributes)], {"x": _floats(1, channels, *size)}, weights)
    weights = {
        "w": _bytes("int8", results, channels // groups, *window),
        **_scales("xs", "ws", "ys"),
        "xz": np.array(120, np.uint8),
        "wz": np.array(0, np.int8),
        "yz": np.array(128, np.uint8),
    }
    inputs = {"x": _bytes("uint8", 1, channels, *size)}
    return Single(name, [node("QLinearConv", "x xs xz w ws wz ys yz", **attributes)], inputs, weights)


def _scales(*names: str) -> dict[str, np.ndarray]:
    return {name: np.array(0.02 + 0.5 * (name == "ys"), np.float32) for name in names}


def _gemm(choose: random.Random, batched: bool = False, quantised: bool = False) -> Single | None:
    rows = choose.randint(1, 64)
    depth, columns = (choose.choice((17, 33, 65, 100, 127, 129, 255, 300, 513, 768, 1001)) for _ in range(2))
    batch = choose.choice((2, 3, 5, 12)) if batched else 1
    if not LEAST // 8 <= batch * rows * depth * columns <= MOST:
        return None
    name = f"{'int8 ' if quantised else ''}gemm {f'{batch} times ' if batched else ''}{rows}x{depth}x{columns}"
    if quantised:
        weights = {
            "w": _bytes("int8", depth, columns),
            **_scales("xs", "ws", "ys"),
            "xz": np.array(120, np.uint8),
            "wz": np.array(0, np.int8),
            "yz": np.array(128, np.uint8),
        }
        inputs = {"x": _bytes("uint8", rows, depth)}
        return Single(name, [node("QLinearMatMul", "x xs xz w ws wz ys yz")], inputs, weights)
    if batched:
        inputs = {"x": _floats(batch, rows, depth), "w": _floats(batch, depth, columns)}
        return Single(name, [node("MatMul", "x w")], inputs, {})
    weights = {"w": _floats(depth, columns), "b": _floats(columns)}
    return Single(name, [node("Gemm", "x w b")], {"x": _floats(rows, depth)}, weights)


KINDS: dict[str, Callable[[random.Random], Single | None]] = {
    "conv": lambda choose: _conv(choose, 2),
    "groups": lambda choose: _conv(choose, 2, grouped=True),
    "line": lambda choose: _conv(choose, 1),
    "volume": lambda choose: _conv(choose, 3),
    "gemm": _gemm,
    "batched": lambda choose: _gemm(choose, batched=True),
    "int8-conv": lambda choose: _conv(choose, 2, quantised=True),
    "int8-gemm": lambda choose: _gemm(choose, quantised=True),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Hunt for slow kernels.")
    parser.add_argument("kinds", nargs="*", choices=[[], *KINDS])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=20, help="cases of each kind")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.1)
    options = parser.parse_args()
    cases = []
    for kind in options.kinds or KINDS:
        choose, found = random.Random(f"{options.seed} {kind}"), 0
        while found < options.count:
            case = KINDS[kind](choose)
            if case is not None:
                cases.append(case)
                found += 1
    compare(cases, options.threads, options.seconds)


if __name__ == "__main__":
    main()
