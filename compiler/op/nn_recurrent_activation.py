"""Activation functions of recurrent cells: their numpy references and their C code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..diagnostics import CompileError


@dataclass(frozen=True)
class Activation:
    """A function of one number, with two parameters that it may use.

    Attributes
    ----------
    reference : callable
        ``(array, alpha, beta) -> array``
    expression : str
        C, of ``x``, ``alpha`` and ``beta``; ``@`` stands for the kernel's symbol.
    alpha, beta : float or None
        Defaults; None where the function has no such parameter.
    """

    reference: Callable[[np.ndarray, Any, Any], np.ndarray]
    expression: str
    alpha: float | None = None
    beta: float | None = None


ACTIVATIONS = {
    "Relu": Activation(lambda x, a, b: np.maximum(x, 0), "x > 0 ? x : 0"),
    "Tanh": Activation(lambda x, a, b: np.tanh(x), "@_tanh(x)"),
    "Sigmoid": Activation(lambda x, a, b: 1 / (1 + np.exp(-x)), "1 / (1 + @_exp(-x))"),
    "Affine": Activation(lambda x, a, b: a * x + b, "alpha * x + beta", 1.0, 0.0),
    "LeakyRelu": Activation(lambda x, a, b: np.where(x >= 0, x, a * x), "x >= 0 ? x : alpha * x", 0.01),
    "ThresholdedRelu": Activation(lambda x, a, b: np.where(x >= a, x, 0), "x >= alpha ? x : 0", 1.0),
    "ScaledTanh": Activation(lambda x, a, b: a * np.tanh(b * x), "alpha * @_tanh(beta * x)", 1.0, 1.0),
    "HardSigmoid": Activation(
        lambda x, a, b: np.clip(a * x + b, 0, 1),
        "alpha * x + beta < 0 ? 0 : alpha * x + beta > 1 ? 1 : alpha * x + beta",
        0.2,
        0.5,
    ),
    "Elu": Activation(lambda x, a, b: np.where(x >= 0, x, a * np.expm1(x)), "x >= 0 ? x : alpha * (@_exp(x) - 1)", 1.0),
    "Softsign": Activation(lambda x, a, b: x / (1 + np.abs(x)), "x / (1 + (x < 0 ? -x : x))"),
    "Softplus": Activation(
        lambda x, a, b: np.logaddexp(x, 0), "(x > 0 ? x : 0) + (@_real)log1p(@_exp(x > 0 ? -x : x))"
    ),
}

#: An activation in a Relay attribute: name, alpha, beta.
Chosen = tuple[str, float, float]


def choose(name: str, alpha: float | None, beta: float | None) -> Chosen:
    """The activation of a name, in any case of letters, with its defaults filled in."""
    for known, activation in ACTIVATIONS.items():
        if known.lower() == name.lower():
            pick = [
                (default or 0.0) if given is None else given
                for given, default in ((alpha, activation.alpha), (beta, activation.beta))
            ]
            return known, pick[0], pick[1]
    raise CompileError(f"the activation '{name}'", expected=f"one of: {', '.join(ACTIVATIONS)}")


def reference(chosen: Chosen, x: np.ndarray) -> np.ndarray:
    """The activation of an array, in the array's element type."""
    name, alpha, beta = chosen
    return ACTIVATIONS[name].reference(x, x.dtype.type(alpha), x.dtype.type(beta)).astype(x.dtype)


def source(chosen: tuple[Chosen, ...]) -> str:
    """C functions ``@_activation0``, ... of the activations."""
    text = ""
    for index, (name, alpha, beta) in enumerate(chosen):
        activation = ACTIVATIONS[name]
        text += f"static inline @_real @_activation{index}(@_real x) {{\n"
        for parameter, value, default in (("alpha", alpha, activation.alpha), ("beta", beta, activation.beta)):
            if default is not None:
                text += f"  const @_real {parameter} = (@_real){value!r};\n"
        text += f"  return {activation.expression};\n}}\n\n"
    return text


#: exp is within 1 ULP, tanh within 2 for float: both without branches, so that loops over them vectorise. exp saturates
#: at 1e-38 and 1e38, which no activation can tell from 0 and infinity. tanh(x) is e / (e + 2) with e = exp(2x) - 1,
#: whose parts are added so that none cancels another.
_FLOAT_FUNCTIONS = """\
/* exp(x) = power * (1 + rest) */
static inline float @_parts(float x, float *restrict rest_) {
  const float whole = (x * 1.44269504f + 12582912.0f) - 12582912.0f; /* rounds to an integer */
  const float rest = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
  const uint32_t bits = (uint32_t)((int32_t)whole + 127) << 23;
  float power, sum = 1.38131424e-3f;
  memcpy(&power, &bits, sizeof power);
  sum = sum * rest + 8.36941879e-3f;
  sum = sum * rest + 4.16684560e-2f;
  sum = sum * rest + 1.66665152e-1f;
  sum = sum * rest + 4.99999940e-1f;
  *rest_ = sum * (rest * rest) + rest;
  return power;
}

static inline float @_exp(float x) {
  const float high = x < 88.02f ? x : 88.02f, bounded = high > -87.33f ? high : -87.33f;
  float rest;
  const float power = @_parts(bounded, &rest), result = power * rest + power;
  return x == x ? result : x;
}

static inline float @_tanh(float x) {
  const float high = x < 10.0f ? x : 10.0f, bounded = high > -10.0f ? high : -10.0f;
  float rest;
  const float power = @_parts(bounded + bounded, &rest), less = power * rest + (power - 1.0f);
  const float result = less / (less + 2.0f);
  return x == x ? result : x;
}

"""

_DOUBLE_FUNCTIONS = """\
static inline double @_exp(double x) { return exp(x); }

static inline double @_tanh(double x) { return tanh(x); }

"""

FUNCTIONS = {"float32": _FLOAT_FUNCTIONS, "float64": _DOUBLE_FUNCTIONS}
