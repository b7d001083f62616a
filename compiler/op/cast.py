"""Conversions of element types: by value, and of the bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.types import DTYPES, TensorType, Type
from .base import REQUIRED, FusionKind, Op, register, tensors
from .shape_arithmetic import equal
from .small_float import SMALL_FLOATS

#: Integers of less than a byte, which lie one in a byte: their sizes in bits.
SMALL_INTEGERS = {"int4": 4, "uint4": 4, "int2": 2, "uint2": 2}


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("cast", args, 1)
    for dtype in (x.dtype, attrs.dtype):
        if dtype == "string" and x.dtype != attrs.dtype:
            raise CompileError(
                f"cast of {x.dtype} to {attrs.dtype}",
                expected="numbers or bool",
                remedy="convert strings before or after the model",
            )
    return TensorType(x.shape, attrs.dtype)


def to_float8_e8m0(x: np.ndarray, saturate: bool, rounding: str) -> np.ndarray:
    """Powers of two, from 2**-127 to 2**127; rounding is ``up``, ``down`` or ``nearest``."""
    x = np.asarray(x, np.float64)
    fraction, exponent = np.frexp(np.where(np.isfinite(x), np.abs(x), 1))  # fraction in [0.5, 1)
    above = {"up": fraction > 0.5, "down": np.zeros_like(x, bool), "nearest": fraction >= 0.75}[rounding]
    exponent = np.where(x == 0, -1000, np.where(np.isinf(x), 1000, exponent - 1 + above))
    bits = np.clip(exponent, -127, 127) + 127
    nan = np.isnan(x) if saturate else np.isnan(x) | (np.abs(exponent) > 127)
    return np.where(nan, 255, bits).astype(np.uint8).view(ml_dtypes.float8_e8m0fnu)


def saturated_cast(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Floats to a small float type; what is out of range becomes its greatest or smallest number."""
    info = ml_dtypes.finfo(dtype)
    return np.clip(x.astype(np.float32), float(info.min), float(info.max)).astype(dtype)


def _reference(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    target = DTYPES[attrs.dtype][0]
    if x.dtype == object:  # a shape value
        return np.frompyfunc(lambda d: int(not equal(d, 0)), 1, 1)(x) if attrs.dtype == "bool" else x
    if attrs.dtype == "float8_e8m0fnu":
        return to_float8_e8m0(x, attrs.saturate, attrs.rounding)
    if attrs.dtype in SMALL_FLOATS and attrs.saturate:
        return saturated_cast(x, target)
    if attrs.dtype in SMALL_INTEGERS and x.dtype.kind == "f":
        return x.astype(np.int32).astype(target)
    return x.astype(target)


def to_float32(T: Any, value: Any, dtype: str) -> Any:
    """An element as float32, whatever its type."""
    return T.decode(value, dtype) if dtype in SMALL_FLOATS else T.cast(value, "float32")


def integer_to(T: Any, value: Any, dtype: str) -> Any:
    """An int32 value as an element of another type; one of less than a byte keeps its low bits, in a byte."""
    if dtype not in SMALL_INTEGERS:
        return T.cast(value, dtype)
    bits = SMALL_INTEGERS[dtype]
    if dtype.startswith("uint"):
        return T.cast(value & T.const((1 << bits) - 1, "int32"), "uint8")
    shift = 32 - bits
    high = T.cast(T.cast(value, "uint32") << T.const(shift, "uint32"), "int32")
    return T.cast(high >> T.const(shift, "int32"), "int8")


def _compute(T: Any, attrs: Attrs, x: Any) -> Any:
    (source,) = (t.dtype for t in T.argument_types)

    def element(*indices: Any) -> Any:
        value = x(*indices)
        if source in SMALL_FLOATS:
            if source == attrs.dtype:
                return value
            value = T.decode(value, source)
        if attrs.dtype in SMALL_FLOATS:
            return T.encode(value, attrs.dtype, attrs.saturate, attrs.rounding)
        if attrs.dtype in SMALL_INTEGERS:
            return integer_to(T, T.cast(value, "int32"), attrs.dtype)
        return T.cast(value, attrs.dtype)

    return T.compute(T.shape(x), element, "cast")


register(
    Op(
        "cast",
        FusionKind.ELEMENTWISE,
        _relation,
        _reference,
        _compute,
        # saturate, rounding: for small floats only
        attributes={"dtype": REQUIRED, "saturate": True, "rounding": "up"},
        shape_value=True,
    )
)


def _reinterpret_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("reinterpret", args, 1)
    if "string" in (x.dtype, attrs.dtype) or DTYPES[x.dtype][1] != DTYPES[attrs.dtype][1]:
        raise CompileError(f"the bits of {x.dtype} as {attrs.dtype}", expected="two element types of one size")
    return TensorType(x.shape, attrs.dtype)


def _reinterpret_compute(T: Any, attrs: Attrs, x: Any) -> Any:
    def element(*indices: Any) -> Any:
        if attrs.dtype in SMALL_INTEGERS:
            return integer_to(T, T.cast(x(*indices), "int32"), attrs.dtype)
        if T.dtype(x) == "bool":  # a byte that is 0 or 1
            return T.reinterpret(T.cast(x(*indices), "uint8"), attrs.dtype)
        if attrs.dtype == "bool":
            return T.cast(x(*indices), attrs.dtype)
        return T.reinterpret(x(*indices), attrs.dtype)

    return T.compute(T.shape(x), element, "reinterpret")


register(
    Op(
        "reinterpret",
        FusionKind.ELEMENTWISE,
        _reinterpret_relation,
        lambda attrs, x: np.ascontiguousarray(x).reshape(x.shape).view(DTYPES[attrs.dtype][0]),
        _reinterpret_compute,
        attributes={"dtype": REQUIRED},
    )
)
