"""Elementwise functions of two tensors of one element type, with ONNX's multidirectional broadcasting."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..relay.dimension import Dimension, maximum, minimum
from .base import FLOATS, INTEGERS, NUMBERS
from .elementwise import define
from .elementwise_unary import logical_not
from .shape_arithmetic import equal, floor_mod, less, power, truncate_div, truncate_mod

BITS = {dtype: int(dtype.lstrip("uint")) for dtype in INTEGERS}


def _is_float(T: Any, x: Any) -> bool:
    return T.dtype(x) in FLOATS


def _same(T: Any, x: Any, y: Any) -> Any:
    if T.dtype(x) == "bool":  # LLVM would be given a comparison of floats
        return T.cast(x, "int8") == T.cast(y, "int8")
    if _is_float(T, x):  # TVM takes x == x for true
        return T.all(T.logical_not(T.math("isnan", x)), x == y)
    return x == y


def _differ(T: Any, x: Any, y: Any) -> Any:
    return logical_not(T, _same(T, x, y))


def _divide_reference(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if x.dtype.kind not in "iu":
        return np.divide(x, y)
    quotient, remainder = np.floor_divide(x, y), np.remainder(x, y)
    return quotient + ((remainder != 0) & ((x < 0) != (y < 0)))  # rounded down -> toward zero


def _divide(T: Any, x: Any, y: Any) -> Any:
    if _is_float(T, x):
        return x / y
    return _guarded_division(T, T.truncate_div, x, y, lambda zero: zero - x)


def _guarded_division(
    T: Any, function: Callable[[Any, Any], Any], x: Any, y: Any, by_minus_one: Callable[[Any], Any]
) -> Any:
    """A division of integers that gives 0 for the divisor 0, and does not overflow for -1: processors trap on both."""
    dtype = T.dtype(x)
    zero, one = T.const(0, dtype), T.const(1, dtype)
    if dtype.startswith("uint"):
        return T.select(y == zero, zero, function(x, T.select(y == zero, one, y)))
    minus_one = T.const(-1, dtype)
    safe = T.select(T.any(y == zero, y == minus_one), one, y)
    return T.select(y == zero, zero, T.select(y == minus_one, by_minus_one(zero), function(x, safe)))


def _floor_mod(T: Any, x: Any, y: Any) -> Any:
    if not _is_float(T, x):
        return _guarded_division(T, T.floor_mod, x, y, lambda zero: zero)
    zero, minus_zero = T.const(0.0, T.dtype(x)), T.const(-0.0, T.dtype(x))
    rest = T.math("fmod", x, y)
    with_sign = T.select(_same(T, rest < zero, y < zero), rest, rest + y)
    return T.select(rest == zero, T.select(y < zero, minus_zero, zero), with_sign)


def _truncate_mod(T: Any, x: Any, y: Any) -> Any:
    if _is_float(T, x):
        return T.math("fmod", x, y)
    return _guarded_division(T, T.truncate_mod, x, y, lambda zero: zero)


def _power_reference(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if x.dtype.kind != "i":
        return np.power(x, y)
    positive = np.power(x, np.maximum(y, 0))
    return np.where(y < 0, np.where(x == 1, 1, np.where(x == -1, 1 - 2 * (y & 1), 0)), positive)


def _power(T: Any, x: Any, y: Any) -> Any:
    """Floats: libm. Integers: by squaring; a greater exponent than the type has bits overflows unless x is 0, 1, -1."""
    if _is_float(T, x):
        return T.math("pow", x, y)
    dtype = T.dtype(x)
    zero, one = T.const(0, dtype), T.const(1, dtype)
    odd = (y & one) == one
    bits = BITS[dtype]
    exponent = T.minimum(y, T.const(bits - 2, dtype) + (y & one))
    result, square = one, x
    for bit in range(int(math.log2(bits))):
        result = result * T.select((exponent & T.const(1 << bit, dtype)) == zero, one, square)
        square = square * square
    inverse = T.select(x == one, one, T.select(x == -one, T.select(odd, -one, one), zero))
    return T.select(y < zero, inverse, result)


def _extreme(pick: str) -> Callable[[Any, Any, Any], Any]:
    """Maximum or minimum; NaN where an argument is."""

    def scalar(T: Any, x: Any, y: Any) -> Any:
        if not _is_float(T, x):
            return T.maximum(x, y) if pick == "maximum" else T.minimum(x, y)
        better = y > x if pick == "maximum" else y < x
        return T.select(T.any(better, T.math("isnan", y)), y, x)

    return scalar


def _shift_reference(direction: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    def reference(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        inside = (y >= 0) & (y < x.dtype.itemsize * 8)
        amount = np.where(inside, y, 0).astype(x.dtype)
        if direction == "left":
            return np.where(inside, np.left_shift(x, amount), 0)
        return np.where(inside, np.right_shift(x, amount), np.where(x < 0, -1, 0).astype(x.dtype))

    return reference


def _shift(direction: str) -> Callable[[Any, Any, Any], Any]:
    """Shift; by less than 0 or more than the type has bits: what shifting all bits out leaves."""

    def scalar(T: Any, x: Any, y: Any) -> Any:
        dtype = T.dtype(x)
        zero = T.const(0, dtype)
        inside = T.less(y, T.const(BITS[dtype], dtype))
        if not dtype.startswith("uint"):
            inside = T.all(y >= zero, inside)
        amount = T.select(inside, y, zero)
        if direction == "right":
            left = zero if dtype.startswith("uint") else T.select(x < zero, T.const(-1, dtype), zero)
            return T.select(inside, x >> amount, left)
        unsigned = dtype if dtype.startswith("uint") else f"u{dtype}"  # C has no left shift of negative numbers
        return T.select(inside, T.cast(T.cast(x, unsigned) << T.cast(amount, unsigned), dtype), zero)

    return scalar


def _as_integer(decide: Callable[[Dimension, Dimension], bool]) -> Callable[[Dimension, Dimension], int]:
    """A predicate on shape values, where truth is the integer 1."""
    return lambda x, y: int(decide(x, y))


def _truth(x: Dimension) -> bool:
    return not equal(x, 0)


define("add", np.add, lambda T, x, y: x + y, arity=2, dtypes=NUMBERS, on_dims=lambda x, y: x + y)
define("subtract", np.subtract, lambda T, x, y: x - y, arity=2, dtypes=NUMBERS, on_dims=lambda x, y: x - y)
define("multiply", np.multiply, lambda T, x, y: x * y, arity=2, dtypes=NUMBERS, on_dims=lambda x, y: x * y)
define("divide", _divide_reference, _divide, arity=2, dtypes=NUMBERS, on_dims=truncate_div)
define("floor_mod", np.mod, _floor_mod, arity=2, dtypes=NUMBERS, on_dims=floor_mod)
define("truncate_mod", np.fmod, _truncate_mod, arity=2, dtypes=NUMBERS, on_dims=truncate_mod)
define("power", _power_reference, _power, arity=2, dtypes=(*FLOATS, "int32", "int64"), on_dims=power)
define("maximum", np.maximum, _extreme("maximum"), arity=2, dtypes=NUMBERS, on_dims=maximum)
define("minimum", np.minimum, _extreme("minimum"), arity=2, dtypes=NUMBERS, on_dims=minimum)
define(
    "nn.prelu",
    lambda x, slope: np.where(x < 0, slope * x, x),
    lambda T, x, slope: T.select(T.less(x, T.const(0, T.dtype(x))), slope * x, x),
    arity=2,
    dtypes=NUMBERS,
)

# (name, reference, scalar compute)
_BITWISE: list[tuple[str, Callable[..., Any], Callable[..., Any]]] = [
    ("bitwise_and", np.bitwise_and, lambda T, x, y: x & y),
    ("bitwise_or", np.bitwise_or, lambda T, x, y: x | y),
    ("bitwise_xor", np.bitwise_xor, lambda T, x, y: x ^ y),
    ("left_shift", _shift_reference("left"), _shift("left")),
    ("right_shift", _shift_reference("right"), _shift("right")),
]

for _name, _function, _scalar in _BITWISE:
    define(_name, _function, _scalar, arity=2, dtypes=INTEGERS)

# (name, reference, scalar compute, decision on shape values, element types)
_PREDICATES: list[tuple[str, Callable[..., Any], Callable[..., Any], Callable[..., bool], tuple[str, ...]]] = [
    ("logical_and", np.logical_and, lambda T, x, y: T.all(x, y), lambda x, y: _truth(x) and _truth(y), ("bool",)),
    ("logical_or", np.logical_or, lambda T, x, y: T.any(x, y), lambda x, y: _truth(x) or _truth(y), ("bool",)),
    ("logical_xor", np.logical_xor, lambda T, x, y: _differ(T, x, y), lambda x, y: _truth(x) != _truth(y), ("bool",)),
    ("not_equal", np.not_equal, lambda T, x, y: _differ(T, x, y), lambda x, y: not equal(x, y), (*NUMBERS, "bool")),
    ("equal", np.equal, _same, equal, (*NUMBERS, "bool")),
    ("less", np.less, lambda T, x, y: T.less(x, y), less, NUMBERS),
    ("less_equal", np.less_equal, lambda T, x, y: T.less_equal(x, y), lambda x, y: not less(y, x), NUMBERS),
    ("greater", np.greater, lambda T, x, y: T.less(y, x), lambda x, y: less(y, x), NUMBERS),
    ("greater_equal", np.greater_equal, lambda T, x, y: T.less_equal(y, x), lambda x, y: not less(x, y), NUMBERS),
]

for _name, _function, _scalar, _decide, _dtypes in _PREDICATES:
    define(_name, _function, _scalar, arity=2, dtypes=_dtypes, result="bool", on_dims=_as_integer(_decide))
