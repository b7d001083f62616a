"""Sizes that only the run knows: read from tensors, computed from others, and tensors of such a size.

A model that computes a shape by its data (ONNX NonZero, Reshape to a computed shape) reads it with `read_dimensions`.
From there on it is a symbol like that of an input's dimension: see relay/run_time.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import Dim, evaluate, product, symbols
from ..relay.expr import Attrs
from ..relay.run_time import is_run_time_symbol, require
from ..relay.types import TensorType, Type
from .base import INTEGERS, REQUIRED, FusionKind, Op, check_dtype, register, tensors

INT32_MAX = 2**31 - 1

#: What numbers in a tensor mean: sizes; anything, cut to 32 bits; the shape that a reshape asks for, with 0 and -1 in
#: ONNX's meaning for a tensor whose dimensions the attribute `source` gives, or with -1 alone.
RULES = ("size", "number", "reshape", "reshape_zero")


def check_defines(name: str, attrs: Attrs, count: object) -> None:
    """Check that the attribute `defines` is so many run-time symbols."""
    for symbol in attrs.defines:
        if not isinstance(symbol, Dim) or not all(symbol == Dim.symbol(n) for n in symbols(symbol)):
            raise CompileError(f"{name} defines {symbol}", expected="symbols")
        if not all(map(is_run_time_symbol, symbols(symbol))):
            raise CompileError(f"{name} defines {symbol}", expected="names that end with an underscore")
    if count != len(attrs.defines):
        raise CompileError(f"{name} defines {attrs.defines} by {count} numbers", expected="as many of each")


def _read_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("read_dimensions", args, 1)
    check_dtype("read_dimensions", x.dtype, INTEGERS)
    if attrs.rule not in RULES:
        raise CompileError(f"read_dimensions by the rule '{attrs.rule}'", expected=f"one of: {', '.join(RULES)}")
    check_defines("read_dimensions", attrs, x.size)
    return TensorType((len(attrs.defines),), "int64")


def _read_reference(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    numbers = [int(n) for n in x.reshape(-1)]
    if attrs.rule == "number":
        return np.clip(numbers, -INT32_MAX, INT32_MAX).astype(np.int64)
    if attrs.rule == "size":
        if any(not 0 <= n <= INT32_MAX for n in numbers):
            raise ValueError(f"the run computes the sizes {numbers}")
        return np.array(numbers, np.int64)
    if attrs.rule == "reshape":
        numbers = [attrs.source[i] if n == 0 and i < len(attrs.source) else n for i, n in enumerate(numbers)]
    return np.array(np.empty(attrs.source, np.bool_).reshape(numbers).shape, np.int64)


register(
    Op(
        "read_dimensions",
        FusionKind.OPAQUE,
        _read_relation,
        _read_reference,
        attributes={"defines": REQUIRED, "rule": "size", "source": ()},
        step=True,
    )
)


def _compute_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    tensors("compute_dimensions", args, 0)
    check_defines("compute_dimensions", attrs, len(attrs["values"]))
    return TensorType((len(attrs["values"]),), "int64")


register(
    Op(
        "compute_dimensions",
        FusionKind.OPAQUE,
        _compute_relation,
        lambda attrs: np.array([evaluate(value, {}) for value in attrs["values"]], np.int64),
        attributes={"defines": REQUIRED, "values": REQUIRED},
        step=True,
    )
)


def _prefix_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("prefix", args, 1)
    result = TensorType(tuple(attrs.shape), x.dtype)
    if isinstance(x.size, int) and isinstance(result.size, int) and result.size > x.size:
        raise CompileError(f"the first {result.size} elements of {x.shape}", expected=f"at most {x.size}")
    require("at most", result.size, x.size)
    return result


def _prefix_reference(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    """The first elements of a tensor, as many as the shape has."""
    count = product(attrs.shape)
    assert isinstance(count, int)
    return x.reshape(-1)[:count].reshape(attrs.shape)


register(
    Op(
        "prefix",
        FusionKind.OPAQUE,
        _prefix_relation,
        _prefix_reference,
        attributes={"shape": REQUIRED},
        view=True,
        step=True,
    )
)
