"""Operators that move more than they compute, at awkward lengths, beside ONNX Runtime.

    python -m tests.bench.memory_bound [--threads 1] [--seconds 0.1] [WORD ...]

Softmax, normalisations, reductions over each axis, transposes, and elementwise functions. Words choose cases whose
names contain one of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np

from tests.bench.single import Single, compare, node

LENGTHS = (1, 7, 31, 33, 63, 65, 1000, 1001, 50257)

#: Elements of a case, about.
ELEMENTS = 1 << 17


def _random(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def _rows(length: int) -> int:
    return max(1, min(2048, ELEMENTS // length))


def cases() -> Iterator[Single]:
    for length in LENGTHS:
        rows = _rows(length)
        x: dict[str, np.ndarray] = {"x": _random(rows, length)}
        none: dict[str, np.ndarray] = {}
        scale = {"s": _random(length), "b": _random(length)}
        yield Single(f"softmax {rows}x{length}", [node("Softmax", "x", axis=-1)], x, none)
        yield Single(f"softmax axis 0 {rows}x{length}", [node("Softmax", "x", axis=0)], x, none)
        yield Single(f"logsoftmax {rows}x{length}", [node("LogSoftmax", "x", axis=-1)], x, none)
        yield Single(f"layernorm {rows}x{length}", [node("LayerNormalization", "x s b", axis=-1)], x, scale)
        yield Single(
            f"rmsnorm {rows}x{length}", [node("SimplifiedLayerNormalization", "x s", axis=-1)], x, {"s": scale["s"]}
        )
        for operator in ("ReduceSum", "ReduceMax", "ReduceMean", "ArgMax", "ReduceL2"):
            for axis in (0, 1):
                if operator == "ArgMax":
                    yield Single(f"{operator} axis {axis} {rows}x{length}", [node(operator, "x", axis=axis)], x, none)
                else:
                    axes = {"a": np.array([axis], np.int64)}
                    yield Single(f"{operator} axis {axis} {rows}x{length}", [node(operator, "x a")], x, axes)
        if length > 1:
            yield Single(f"transpose {rows}x{length}", [node("Transpose", "x", perm=[1, 0])], x, none)
            y = {"x": _random(8, max(1, rows // 8), length)}
            shape = "x".join(map(str, y["x"].shape))
            yield Single(f"reduce middle {shape}", [node("ReduceSum", "x a")], y, {"a": np.array([1], np.int64)})
            yield Single(f"transpose 021 {shape}", [node("Transpose", "x", perm=[0, 2, 1])], y, none)
            yield Single(f"transpose 102 {shape}", [node("Transpose", "x", perm=[1, 0, 2])], y, none)
            yield Single(f"transpose 210 {shape}", [node("Transpose", "x", perm=[2, 1, 0])], y, none)
        for operator in ("Exp", "Erf", "Tanh", "Sigmoid", "Gelu", "Sqrt", "Log", "Softplus"):
            yield Single(f"{operator} {rows}x{length}", [node(operator, "x")], x, none)
        chain = [node("Mul", "x s", "m"), node("Add", "m b", "n"), node("Tanh", "n", "t"), node("Mul", "t x")]
        yield Single(f"chain {rows}x{length}", chain, x, scale)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Measure operators that move more than they compute.")
    parser.add_argument("words", nargs="*")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.1)
    options = parser.parse_args()
    chosen = [c for c in cases() if not options.words or any(word in c.name for word in options.words)]
    compare(chosen, options.threads, options.seconds)


if __name__ == "__main__":
    main()
