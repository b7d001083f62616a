"""Elementwise functions of one tensor: the result has the argument's shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import FusionKind, Op, register, tensors

FLOATS = ("float16", "bfloat16", "float32", "float64")
SIGNED = (*FLOATS, "int8", "int16", "int32", "int64")
NUMBERS = (*SIGNED, "uint8", "uint16", "uint32", "uint64")


def _define(
    name: str,
    reference: Callable[[np.ndarray], np.ndarray],
    scalar: Callable[[Any, Any], Any],
    dtypes: Sequence[str] = FLOATS,
    result: str | None = None,
    shape_value: bool = False,
) -> None:
    """Register an operator: numpy reference, scalar compute ``(T, x)``, element types, type of the result."""

    def relation(attrs: Attrs, args: Sequence[Type]) -> Type:
        (x,) = tensors(name, args, 1)
        if x.dtype not in dtypes:
            raise CompileError(f"{name} of {x.dtype}", expected=f"one of: {', '.join(dtypes)}")
        return TensorType(x.shape, result or x.dtype)

    def evaluate(attrs: Attrs, x: np.ndarray) -> np.ndarray:
        value = np.asarray(reference(x))
        return value if x.dtype == object else value.astype(np.bool_ if result == "bool" else x.dtype)

    def compute(T: Any, attrs: Attrs, x: Any) -> Any:
        return T.compute(T.shape(x), lambda *i: scalar(T, x(*i)), name.replace(".", "_"))

    register(Op(name, FusionKind.ELEMENTWISE, relation, evaluate, compute, shape_value=shape_value))


def _libm(name: str) -> Callable[[Any, Any], Any]:
    return lambda T, x: T.math(name, x)


def _wide(function: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """Evaluate 16-bit floats in float32, as the kernels do."""
    return lambda x: function(x.astype(np.float32) if x.dtype.itemsize == 2 and x.dtype.kind != "i" else x)


_define("exp", _wide(np.exp), _libm("exp"))
_define("sqrt", _wide(np.sqrt), _libm("sqrt"))
_define("tanh", _wide(np.tanh), _libm("tanh"))
_define("sigmoid", _wide(lambda x: 1 / (1 + np.exp(-x))), lambda T, x: T.const(1, T.dtype(x)) / (T.const(1, T.dtype(x)) + T.math("exp", -x)))
_define("negative", np.negative, lambda T, x: T.const(0, T.dtype(x)) - x, NUMBERS, shape_value=True)
_define("nn.relu", lambda x: np.maximum(x, 0), lambda T, x: T.maximum(x, T.const(0, T.dtype(x))), NUMBERS)
