"""From sums of products of quantised numbers to quantised numbers, and sums of quantised numbers.

Results are rounded to the nearest integer, halves to the even one, and kept between `low` and `high`. These are the
bounds of the result's type, or narrower ones: a Relu is a lower bound at the zero point.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.types import DTYPES, TensorType, Type
from .base import (
    REQUIRED,
    FusionKind,
    Op,
    broadcast_at,
    broadcast_dims,
    broadcast_shape,
    check_dtype,
    register,
    tensors,
)
from .qnn_conv import BYTES
from .quantize import integer_range

#: Adding it to a float below 2**22 in magnitude leaves the nearest integer in the lowest bits, halves being even.
_ROUNDING = 12582912.0
_ROUNDING_BITS = 0x4B400000


def _round(T: Any, value: Any, low: int, high: int, zero_point: int, dtype: str) -> Any:
    """round(value) + zero_point between low and high.

    Clamped first, so that it is small enough for this way to round: it is one addition on all processors, and one more
    makes an integer of its bits. NaN cannot occur: the value is a product of an integer.
    """
    value = T.maximum(value, T.const(float(low - zero_point), "float32"))
    value = T.minimum(value, T.const(float(high - zero_point), "float32"))
    bits = T.reinterpret(value + T.const(_ROUNDING, "float32"), "int32")
    return T.cast(bits - T.const(_ROUNDING_BITS - zero_point, "int32"), dtype)


def _check_range(name: str, attrs: Attrs) -> None:
    check_dtype(f"{name}: result", attrs.dtype, BYTES)
    least, most = integer_range(attrs.dtype)
    if not least <= attrs.low <= attrs.high <= most or not least <= attrs.zero_point <= most:
        raise CompileError(
            f"{name}: {attrs.low} to {attrs.high}, zero point {attrs.zero_point}", expected=f"numbers of {attrs.dtype}"
        )


# Requantise: round(sums * multiplier) + zero point


def _requantize_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    sums, multiplier = tensors("qnn.requantize", args, 2)
    check_dtype("qnn.requantize", sums.dtype, ("int32",))
    check_dtype("qnn.requantize: multiplier", multiplier.dtype, ("float32",))
    _check_range("qnn.requantize", attrs)
    if broadcast_shape("qnn.requantize", sums.shape, multiplier.shape) != sums.shape:
        raise CompileError(f"qnn.requantize of {sums.shape} by {multiplier.shape}", expected=f"a result {sums.shape}")
    return TensorType(sums.shape, attrs.dtype)


def _finish(attrs: Attrs, value: np.ndarray) -> np.ndarray:
    bounded = np.clip(np.rint(value) + attrs.zero_point, attrs.low, attrs.high)
    return np.asarray(bounded).astype(DTYPES[attrs.dtype][0])


def _requantize_reference(attrs: Attrs, sums: np.ndarray, multiplier: np.ndarray) -> np.ndarray:
    return _finish(attrs, sums.astype(np.float32) * multiplier)


def _requantize_compute(T: Any, attrs: Attrs, sums: Any, multiplier: Any) -> Any:
    shape = T.shape(sums)

    def element(*index: Any) -> Any:
        value = T.cast(sums(*index), "float32") * broadcast_at(T, multiplier, index, shape)
        return _round(T, value, attrs.low, attrs.high, attrs.zero_point, attrs.dtype)

    return T.compute(shape, element, "requantize")


register(
    Op(
        "qnn.requantize",
        FusionKind.BROADCAST,
        _requantize_relation,
        _requantize_reference,
        _requantize_compute,
        attributes={"dtype": REQUIRED, "zero_point": REQUIRED, "low": REQUIRED, "high": REQUIRED},
    )
)


# Add: round(a * factor_a + b * factor_b + offset). The factors are quotients of scales, the offset takes in all zero
# points (as ONNX Runtime does it), so that none is subtracted before or added afterwards.


def _add_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    a, b = tensors("qnn.add", args, 2)
    for operand in (a, b):
        check_dtype("qnn.add", operand.dtype, BYTES)
    _check_range("qnn.add", attrs)
    return TensorType(broadcast_shape("qnn.add", a.shape, b.shape), attrs.dtype)


def _add_reference(attrs: Attrs, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    one, other = (x.astype(np.float32) * np.float32(f) for x, f in ((a, attrs.factor_a), (b, attrs.factor_b)))
    return _finish(attrs, one + other + np.float32(attrs.offset))


def _add_compute(T: Any, attrs: Attrs, a: Any, b: Any) -> Any:
    shape = broadcast_dims(T, (a, b))

    def element(*index: Any) -> Any:
        one, other = (
            T.cast(T.cast(broadcast_at(T, x, index, shape), "int32"), "float32") * T.const(factor, "float32")
            for x, factor in ((a, attrs.factor_a), (b, attrs.factor_b))
        )
        value = one + other + T.const(attrs.offset, "float32")
        return _round(T, value, attrs.low, attrs.high, 0, attrs.dtype)

    return T.compute(shape, element, "qnn_add")


register(
    Op(
        "qnn.add",
        FusionKind.BROADCAST,
        _add_relation,
        _add_reference,
        _add_compute,
        attributes={
            "factor_a": REQUIRED,
            "factor_b": REQUIRED,
            "offset": REQUIRED,
            "dtype": REQUIRED,
            "low": REQUIRED,
            "high": REQUIRED,
            "zero_point": 0,
        },
    )
)
