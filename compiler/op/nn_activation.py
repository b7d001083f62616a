"""Activation functions with parameters."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .base import NUMBERS, REQUIRED
from .elementwise import define
from .elementwise_select import clip
from .elementwise_unary import erf


def _relu(T: Any, x: Any) -> Any:
    zero = T.const(0, T.dtype(x))
    return T.select(T.less(x, zero), zero, x)  # keeps NaN, and is one instruction (the maximum) all the same


def _leaky_relu(T: Any, x: Any, alpha: float) -> Any:
    return T.select(x < T.const(0, T.dtype(x)), x * T.const(alpha, T.dtype(x)), x)


def _elu_reference(x: np.ndarray, alpha: float, gamma: float, beta: float) -> np.ndarray:
    return np.where(x > 0, gamma * x, gamma * alpha * (np.exp(beta * np.minimum(x, 0)) - 1))


def _elu(T: Any, x: Any, alpha: float, gamma: float, beta: float) -> Any:
    dtype = T.dtype(x)
    one = T.const(1, dtype)
    positive = x if gamma == 1 else x * T.const(gamma, dtype)
    exponent = x if beta == 1 else x * T.const(beta, dtype)
    negative = T.const(alpha * gamma, dtype) * (T.math("exp", exponent) - one)
    return T.select(x > T.const(0, dtype), positive, negative)


def _hard_sigmoid_reference(x: np.ndarray, alpha: float, beta: float) -> np.ndarray:
    return np.clip(alpha * x + beta, 0, 1)


def _hard_sigmoid(T: Any, x: Any, alpha: float, beta: float) -> Any:
    dtype = T.dtype(x)
    return clip(T, x * T.const(alpha, dtype) + T.const(beta, dtype), 0, 1)


def _softplus_reference(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _softplus(T: Any, x: Any) -> Any:
    """log(1 + exp(x)), written so that the exponential neither overflows nor drowns in the 1."""
    return T.maximum(x, T.const(0, T.dtype(x))) + T.math("log1p", T.math("exp", -T.math("abs", x)))


def _gelu_reference(x: np.ndarray, approximate: str) -> np.ndarray:
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))


def _gelu(T: Any, x: Any, approximate: str) -> Any:
    def const(value: float) -> Any:
        return T.const(value, T.dtype(x))

    if approximate == "tanh":
        inner = x * (const(math.sqrt(2 / math.pi)) + const(0.044715 * math.sqrt(2 / math.pi)) * x * x)
        curve = T.math("tanh", inner)
    else:
        curve = T.math("erf", x * const(math.sqrt(0.5)))
    return const(0.5) * x * (const(1) + curve)


define("nn.relu", lambda x: np.where(x < 0, 0, x), _relu, dtypes=NUMBERS)
define(
    "nn.leaky_relu",
    lambda x, alpha: np.where(x < 0, alpha * x, x),
    _leaky_relu,
    attributes={"alpha": 0.01},
)
# gamma * (x, or alpha * (exp(beta * x) - 1) for negative x): ONNX's Elu, Selu and Celu
define("nn.elu", _elu_reference, _elu, attributes={"alpha": 1.0, "gamma": 1.0, "beta": 1.0})
define("nn.hard_sigmoid", _hard_sigmoid_reference, _hard_sigmoid, attributes={"alpha": 0.2, "beta": 0.5})
define(
    "nn.hard_swish",
    lambda x: x * _hard_sigmoid_reference(x, 1 / 6, 0.5),
    lambda T, x: x * _hard_sigmoid(T, x, 1 / 6, 0.5),
)
define("nn.softplus", _softplus_reference, _softplus)
define("nn.gelu", _gelu_reference, _gelu, attributes={"approximate": REQUIRED})
