"""The same elements in the same order under another shape (ONNX Reshape, Flatten, Squeeze, Unsqueeze)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import product
from ..relay.expr import Attrs
from ..relay.run_time import may_equal
from ..relay.types import TensorType, Type
from .base import REQUIRED, FusionKind, Op, register, tensors


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("reshape", args, 1)
    result = TensorType(tuple(attrs.shape), x.dtype)
    # Where they are equal for some sizes only, the run checks it: N // 4 * 4 is N where 4 divides it, and exporters
    # write "the first 10^9" where they mean all.
    if not may_equal(x.size, result.size):
        raise CompileError(f"reshape of {x.shape} to {result.shape}", expected=f"{x.size} elements, not {result.size}")
    return result


def _reference(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    return x.reshape(attrs.shape)


def _runs(T: Any, source: Sequence[Any], target: Sequence[Any]) -> list[tuple[int, int, int, int]]:
    """Split two shapes into shortest runs of equally many elements: (source start, end, target start, end).

    Only indices of the same run depend on each other, which keeps them simple: (N, 12, 64) to (N, 768) leaves N alone.
    """
    runs = []
    i = j = 0
    while i < len(source) or j < len(target):
        ends = [(m, n) for m in range(i, len(source) + 1) for n in range(j, len(target) + 1) if m + n > i + j]
        for m, n in sorted(ends, key=lambda end: (sum(end), abs(end[0] - i - end[1] + j))):
            whole = m == len(source) and n == len(target)
            if whole or T.equal(product(source[i:m]), product(target[j:n])):
                runs.append((i, m, j, n))
                i, j = m, n
                break
    return runs


def _compute(T: Any, attrs: Attrs, x: Any) -> Any:
    source, target = T.shape(x), [T.dim(d) for d in attrs.shape]
    if 0 in source or 0 in target:
        return T.compute(target, lambda *i: T.const(0, T.dtype(x)), "reshape")
    runs = _runs(T, source, target)

    def element(*index: Any) -> Any:
        position: list[Any] = []
        for start, end, first, last in runs:
            flat: Any = 0
            for axis in range(first, last):
                flat = flat * target[axis] + index[axis]
            for axis in range(start, end):
                inner = product(source[axis + 1 : end])
                part = T.floor_div(flat, inner) if axis + 1 < end else flat
                position.append(T.floor_mod(part, source[axis]) if axis > start else part)
        return x(*position)

    return T.compute(target, element, "reshape")


register(
    Op(
        "reshape",
        FusionKind.INJECTIVE,
        _relation,
        _reference,
        _compute,
        attributes={"shape": REQUIRED},
        shape_value=True,
        view=True,
    )
)
