"""Elementwise functions of one tensor: the result has the argument's shape."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .base import FLOATS, INTEGERS, NUMBERS, SIGNED_INTEGERS
from .elementwise import define
from .shape_arithmetic import absolute, equal, sign

SIGNED = FLOATS + SIGNED_INTEGERS

#: The error function of arrays, which numpy lacks.
erf = np.vectorize(math.erf, otypes=[np.float64])


def _libm(name: str) -> Callable[[Any, Any], Any]:
    return lambda T, x: T.math(name, x)


#: Functions of C's math library under the same name.
_LIBM: dict[str, Callable[..., Any]] = {
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "ceil": np.ceil,
    "floor": np.floor,
    "erf": erf,
}

for _name, _function in _LIBM.items():
    define(_name, _function, _libm(_name))

define("round", np.rint, _libm("nearbyint"))  # halves to even
define("reciprocal", np.reciprocal, lambda T, x: T.const(1, T.dtype(x)) / x)
define("sigmoid", lambda x: 1 / (1 + np.exp(-x)), lambda T, x: _sigmoid(T, x))
define("abs", np.abs, lambda T, x: T.math("abs", x), dtypes=NUMBERS, on_dims=absolute)
define("negative", np.negative, lambda T, x: -x, dtypes=SIGNED, on_dims=lambda x: -x)
define("sign", np.sign, lambda T, x: _sign(T, x), dtypes=NUMBERS, on_dims=sign)
define("bitwise_not", np.bitwise_not, lambda T, x: ~x, dtypes=INTEGERS)
define(
    "logical_not",
    np.logical_not,
    lambda T, x: logical_not(T, x),
    dtypes=("bool",),
    on_dims=lambda x: int(equal(x, 0)),
)
define("isnan", np.isnan, lambda T, x: T.math("isnan", x), result="bool")
define(
    "isinf",
    lambda x, negative, positive: (np.isneginf(x) & negative) | (np.isposinf(x) & positive),
    lambda T, x, negative, positive: _isinf(T, x, negative, positive),
    result="bool",
    attributes={"negative": True, "positive": True},
)


def _sigmoid(T: Any, x: Any) -> Any:
    one = T.const(1, T.dtype(x))
    return one / (one + T.math("exp", -x))


def logical_not(T: Any, x: Any) -> Any:
    """As a comparison of bytes: TVM turns the negation of x == y into an x != y that is false for NaN."""
    return T.cast(x, "int8") == T.const(0, "int8")


def _sign(T: Any, x: Any) -> Any:
    zero, one = T.const(0, T.dtype(x)), T.const(1, T.dtype(x))
    if T.dtype(x).startswith("uint"):
        return T.select(x == zero, zero, one)
    return T.select(x > zero, one, T.select(x < zero, -one, x))  # 0, -0 and NaN are their own sign


def _isinf(T: Any, x: Any, negative: bool, positive: bool) -> Any:
    largest = T.max_value(T.dtype(x))
    signs = ([x > largest] if positive else []) + ([x < -largest] if negative else [])
    return T.any(*signs) if signs else T.const(False, "bool")
