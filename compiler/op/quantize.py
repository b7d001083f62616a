"""Conversion between numbers and their quantised form (ONNX QuantizeLinear, DequantizeLinear).

The scale, and the zero point that may follow it, have one element; or one for each index of `axis`; or the rank of the
data and one element for each block of `block_size` elements on `axis`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.run_time import may_equal_shapes
from ..relay.types import DTYPES, TensorType, Type
from .base import FLOATS, REQUIRED, FusionKind, Op, check_dtype, register, tensors
from .cast import SMALL_INTEGERS, integer_to, saturated_cast, to_float32
from .small_float import SMALL_FLOATS

QUANTIZED_INTEGERS = ("int8", "uint8", "int16", "uint16", *SMALL_INTEGERS)
QUANTIZED_FLOATS = tuple(name for name in SMALL_FLOATS if name != "float8_e8m0fnu")
SCALES = ("float16", "bfloat16", "float32", "float8_e8m0fnu")


def _check_parameters(name: str, attrs: Attrs, x: TensorType, parameters: Sequence[TensorType]) -> None:
    """Check the shapes of scale and zero point."""
    for what, parameter in zip(("scale", "zero point"), parameters, strict=False):
        if parameter.rank <= 1 and parameter.size == 1:
            continue
        if not 0 <= attrs.axis < x.rank:
            raise CompileError(f"{name}: axis {attrs.axis} of a tensor of rank {x.rank}", expected=f"0 to {x.rank - 1}")
        dim, axis = x.shape[attrs.axis], attrs.axis
        if attrs.block_size:
            blocks = (dim + attrs.block_size - 1) // attrs.block_size
            expected = (*x.shape[:axis], blocks, *x.shape[axis + 1 :])
        else:
            expected = (dim,)
        if not may_equal_shapes(parameter.shape, expected):
            raise CompileError(
                f"{name}: {what} of shape {parameter.shape} for data of shape {x.shape}, axis {axis}",
                expected=f"{expected}, or one element",
            )


def _spread(parameter: np.ndarray, x: np.ndarray, attrs: Attrs) -> np.ndarray:
    """Scale or zero point in a shape that broadcasts to the data's."""
    if parameter.size == 1 and parameter.ndim <= 1:
        return parameter.reshape(())
    if attrs.block_size:
        repeated = np.repeat(parameter, attrs.block_size, attrs.axis)
        return repeated.take(range(x.shape[attrs.axis]), attrs.axis)
    return parameter.reshape([-1 if axis == attrs.axis else 1 for axis in range(x.ndim)])


def _read(T: Any, parameter: Any, indices: Sequence[Any], attrs: Attrs) -> Any:
    """The element of scale or zero point that belongs to an element of the data."""
    dims = T.shape(parameter)
    if dims in ([], [1]):
        return parameter(*(0 for _ in dims))
    if attrs.block_size:
        return parameter(
            *(T.floor_div(i, attrs.block_size) if axis == attrs.axis else i for axis, i in enumerate(indices))
        )
    return parameter(indices[attrs.axis])


def integer_range(dtype: str) -> tuple[int, int]:
    """Least and greatest number of an integer type."""
    info = ml_dtypes.iinfo(DTYPES[dtype][0])
    return int(info.min), int(info.max)


# Quantise: round(x / scale) + zero point, saturated


def _quantize_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    x, *parameters = tensors("qnn.quantize", args, (2, 3))
    check_dtype("qnn.quantize", x.dtype, (*FLOATS, "int32"))
    check_dtype("qnn.quantize: scale", parameters[0].dtype, (*SCALES, "int32"))
    check_dtype("qnn.quantize: result", attrs.dtype, (*QUANTIZED_INTEGERS, *QUANTIZED_FLOATS))
    check_dtype("qnn.quantize: precision", attrs.precision, ("float32", "float64"))
    if len(parameters) == 2 and parameters[1].dtype != attrs.dtype:
        raise CompileError(
            f"qnn.quantize: a zero point of {parameters[1].dtype} for a result of {attrs.dtype}",
            expected="the same type",
        )
    _check_parameters("qnn.quantize", attrs, x, parameters)
    return TensorType(x.shape, attrs.dtype)


def _quantize_reference(
    attrs: Attrs, x: np.ndarray, scale: np.ndarray, zero_point: np.ndarray | None = None
) -> np.ndarray:
    precision, target = DTYPES[attrs.precision][0], DTYPES[attrs.dtype][0]
    quotient = x.astype(precision) / _spread(scale, x, attrs).astype(precision)
    if attrs.dtype in QUANTIZED_FLOATS:
        return saturated_cast(quotient, target) if attrs.saturate else quotient.astype(target)
    value = np.rint(quotient).astype(np.float64)
    if zero_point is not None:
        value = value + _spread(zero_point, x, attrs).astype(np.float64)
    low, high = integer_range(attrs.dtype)
    # NaN becomes the least number, as it does in the kernel
    return np.fmin(np.fmax(value, low), high).astype(np.int32).astype(target)


def _quantize_compute(T: Any, attrs: Attrs, x: Any, scale: Any, zero_point: Any = None) -> Any:
    precision, scale_dtype = attrs.precision, T.argument_types[1].dtype

    def element(*indices: Any) -> Any:
        step = _read(T, scale, indices, attrs)
        if scale_dtype in SMALL_FLOATS:
            step = to_float32(T, step, scale_dtype)
        quotient = T.cast(x(*indices), precision) / T.cast(step, precision)
        if attrs.dtype in QUANTIZED_FLOATS:
            return T.encode(quotient, attrs.dtype, attrs.saturate)
        value = T.math("nearbyint", quotient)
        if zero_point is not None:
            value = value + T.cast(_read(T, zero_point, indices, attrs), precision)
        low, high = (T.const(bound, precision) for bound in integer_range(attrs.dtype))
        integer = T.cast(T.minimum(T.maximum(value, low), high), "int32")
        return integer_to(T, integer, attrs.dtype)

    return T.compute(T.shape(x), element, "quantize")


register(
    Op(
        "qnn.quantize",
        FusionKind.BROADCAST,
        _quantize_relation,
        _quantize_reference,
        _quantize_compute,
        # dtype: of the result; precision: the type in which it divides; saturate: for small floats only
        attributes={"dtype": REQUIRED, "axis": 0, "block_size": 0, "precision": "float32", "saturate": True},
    )
)


# Dequantise: (x - zero point) * scale


def _dequantize_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    x, *parameters = tensors("qnn.dequantize", args, (2, 3))
    check_dtype("qnn.dequantize", x.dtype, (*QUANTIZED_INTEGERS, "int32", *QUANTIZED_FLOATS))
    check_dtype("qnn.dequantize: scale", parameters[0].dtype, SCALES)
    check_dtype("qnn.dequantize: result", attrs.dtype, FLOATS)
    if len(parameters) == 2 and parameters[1].dtype != x.dtype:
        raise CompileError(
            f"qnn.dequantize: a zero point of {parameters[1].dtype} for {x.dtype}", expected="the same type"
        )
    _check_parameters("qnn.dequantize", attrs, x, parameters)
    return TensorType(x.shape, attrs.dtype)


def _dequantize_reference(
    attrs: Attrs, x: np.ndarray, scale: np.ndarray, zero_point: np.ndarray | None = None
) -> np.ndarray:
    difference = x.astype(np.float32)
    if zero_point is not None:
        difference = difference - _spread(zero_point, x, attrs).astype(np.float32)
    return (difference * _spread(scale, x, attrs).astype(np.float32)).astype(DTYPES[attrs.dtype][0])


def _dequantize_compute(T: Any, attrs: Attrs, x: Any, scale: Any, zero_point: Any = None) -> Any:
    dtype, scale_dtype = T.argument_types[0].dtype, T.argument_types[1].dtype
    # Differences of integers are exact in int32.
    of_floats = dtype in SMALL_FLOATS

    def element(*indices: Any) -> Any:
        value = to_float32(T, x(*indices), dtype) if of_floats else T.cast(x(*indices), "int32")
        if zero_point is not None:
            origin = _read(T, zero_point, indices, attrs)
            value = value - (to_float32(T, origin, dtype) if of_floats else T.cast(origin, "int32"))
        product = T.cast(value, "float32") * to_float32(T, _read(T, scale, indices, attrs), scale_dtype)
        return T.cast(product, attrs.dtype)

    return T.compute(T.shape(x), element, "dequantize")


register(
    Op(
        "qnn.dequantize",
        FusionKind.BROADCAST,
        _dequantize_relation,
        _dequantize_reference,
        _dequantize_compute,
        # dtype: of the result
        attributes={"dtype": REQUIRED, "axis": 0, "block_size": 0},
    )
)
