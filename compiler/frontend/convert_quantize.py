"""ONNX quantisation: between floats and quantised numbers, and products of quantised numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnx

from ..op.base import FLOATS, normalize_axis
from ..op.small_float import SMALL_FLOATS
from ..relay.expr import Atom, Constant, dtype_of, tensor_type
from .registry import Node, converter, find_converter
from .window import kernel_window, spatial_rank, window_attributes


@converter("QuantizeLinear")
@converter("QuantizeLinear", domain="com.microsoft")
def convert_quantize_linear(node: Node) -> Any:
    scale, zero_point = node.input(1), node.optional_input(2)
    return quantized(
        node,
        node.input(0),
        scale,
        zero_point,
        dtype=node.dtype_attr("output_dtype", tensor_type(zero_point).dtype if zero_point is not None else "uint8"),
        precision=_precision(node.dtype_attr("precision", tensor_type(scale).dtype)),
        axis=_quantized_axis(node),
        block_size=node.attr("block_size", 0),
        saturate=bool(node.attr("saturate", 1)),
    )


@converter("DequantizeLinear")
@converter("DequantizeLinear", domain="com.microsoft")
def convert_dequantize_linear(node: Node) -> Any:
    scale = node.input(1)
    dtype = tensor_type(scale).dtype
    return dequantized(
        node,
        node.input(0),
        scale,
        node.optional_input(2),
        dtype=node.dtype_attr("output_dtype", dtype if dtype in FLOATS else "float32"),
        axis=_quantized_axis(node),
        block_size=node.attr("block_size", 0),
    )


@converter("DynamicQuantizeLinear")
def convert_dynamic_quantize_linear(node: Node) -> Any:
    return list(dynamically_quantized(node, node.input(0)))


@converter("QLinearConv")
def convert_qlinear_conv(node: Node) -> Any:
    """A convolution of floats between dequantised inputs and the quantised result."""
    x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point = (node.input(i) for i in range(8))
    inputs = [dequantized(node, x, x_scale, x_zero_point), dequantized(node, w, w_scale, w_zero_point, axis=0)]
    bias = node.optional_input(8)
    if bias is not None:
        inputs.append(dequantized(node, bias, scale_product(node, x_scale, w_scale)))
    return quantized(node, convert_as(node, "Conv", inputs), y_scale, y_zero_point)


@converter("ConvInteger")
def convert_conv_integer(node: Node) -> Any:
    spatial_rank(node)
    w_zero_point = node.optional_input(3)
    if w_zero_point is not None and tensor_type(w_zero_point).rank == 1 and tensor_type(w_zero_point).size != 1:
        w_zero_point = node.reshape(w_zero_point, (*tensor_type(w_zero_point).shape, *[1] * (node.type(1).rank - 1)))
    window = window_attributes(node, node.type(0), kernel_window(node, node.type(1)))
    return node.call(
        "nn.conv",
        _centred(node, node.input(0), node.optional_input(2)),
        _centred(node, node.input(1), w_zero_point),
        strides=window.strides,
        dilations=window.dilations,
        padding=window.padding,
        groups=node.attr("group", 1),
        out_dtype="int32",
    )


@converter("MatMulInteger")
def convert_matmul_integer(node: Node) -> Any:
    return integer_product(node, node.input(0), node.input(1), node.optional_input(2), node.optional_input(3))


@converter("QLinearMatMul")
def convert_qlinear_matmul(node: Node) -> Any:
    """The exact product of integers, scaled, and quantised again."""
    a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point = (node.input(i) for i in range(8))
    if {dtype_of(a), dtype_of(b)} & set(SMALL_FLOATS):
        product = convert_as(node, "MatMul", [_as_float(node, a, a_zero_point), _as_float(node, b, b_zero_point)])
    else:
        product = integer_product(node, a, b, a_zero_point, b_zero_point)
    scale = scale_product(node, per_row(node, node.cast(a_scale, "float32")), node.cast(b_scale, "float32"))
    real = node.call("multiply", node.cast(product, "float32"), scale)
    rows = max(tensor_type(product).rank - 2, 0)
    return quantized(node, real, node.cast(y_scale, "float32"), y_zero_point, axis=rows)


def _as_float(node: Node, x: Atom, zero_point: Atom) -> Atom:
    """Elements as float32, less their zero point."""
    shift = per_row(node, zero_point) if x is node.input(0) else zero_point
    return node.call("subtract", node.cast(x, "float32"), node.cast(shift, "float32"))


def quantized(
    node: Node, x: Atom, scale: Atom, zero_point: Atom | None = None, dtype: str | None = None, **attrs: Any
) -> Atom:
    """A call of `qnn.quantize`; the result's type is that of the zero point, or else uint8."""
    if dtype is None:
        dtype = "uint8" if zero_point is None else tensor_type(zero_point).dtype
    attrs.setdefault("precision", _precision(tensor_type(scale).dtype))
    return node.call("qnn.quantize", *_present(x, scale, zero_point), dtype=dtype, **attrs)


def dequantized(
    node: Node, x: Atom, scale: Atom, zero_point: Atom | None = None, dtype: str | None = None, **attrs: Any
) -> Atom:
    """A call of `qnn.dequantize`; the result has the scale's type."""
    return node.call("qnn.dequantize", *_present(x, scale, zero_point), dtype=dtype or dtype_of(scale), **attrs)


def dynamically_quantized(node: Node, x: Atom) -> tuple[Atom, Atom, Atom]:
    """The tensor in uint8, its scale and its zero point, which follow from its range; that includes 0."""
    zero = node.constant(0, "float32")
    flat = node.reshape(x, (tensor_type(x).size,))  # one long axis is read in whole vectors, whatever the axes' sizes
    low, high = (node.call(op, flat, axis=(0,), keepdims=False) for op in ("min", "max"))
    low, high = node.call("minimum", low, zero), node.call("maximum", high, zero)
    step = node.call("divide", node.call("subtract", high, low), node.constant(255, "float32"))
    scale = node.call("where", node.call("equal", step, zero), node.constant(1, "float32"), step)
    point = node.call("clip", node.call("subtract", zero, node.call("divide", low, scale)), low=0.0, high=255.0)
    zero_point = node.call("cast", node.call("round", point), dtype="uint8")
    return quantized(node, x, scale, zero_point), scale, zero_point


def integer_product(node: Node, a: Atom, b: Atom, a_zero_point: Atom | None, b_zero_point: Atom | None) -> Atom:
    """The matrix product of two tensors of 8-bit integers less their zero points, in int32."""
    if a_zero_point is not None:
        a_zero_point = per_row(node, a_zero_point)
    return node.call("nn.matmul", _centred(node, a, a_zero_point), _centred(node, b, b_zero_point), out_dtype="int32")


def per_row(node: Node, parameter: Atom) -> Atom:
    """A scale or zero point with one element for each row of a matrix, as a column."""
    type_ = tensor_type(parameter)
    return node.reshape(parameter, (*type_.shape, 1)) if type_.rank == 1 and type_.size != 1 else parameter


def scale_product(node: Node, left: Atom, right: Atom) -> Atom:
    """The product of two scales; of constants a constant."""
    if isinstance(left, Constant) and isinstance(right, Constant):
        return Constant(np.asarray(left.array * right.array, left.array.dtype))
    return node.call("multiply", left, right)


def convert_as(node: Node, operator: str, inputs: Sequence[Atom | None], opset: int = 13) -> Atom:
    """What the converter of another ONNX operator, with the attributes of this node, makes of other inputs."""
    proto = onnx.NodeProto()
    proto.CopyFrom(node.proto)
    proto.op_type, proto.domain = operator, ""
    proto.input[:] = [f"input {index}" for index in range(len(inputs))]
    convert = find_converter("", operator)
    assert convert is not None, operator
    return convert(replace(node, proto=proto, inputs=list(inputs), opset=opset))


def _centred(node: Node, x: Atom, zero_point: Atom | None) -> Atom:
    """Integers less their zero point, in int32; themselves where that is 0."""
    type_ = tensor_type(x)
    if type_.dtype not in ("int8", "uint8"):
        raise node.error(f"an input of {type_.dtype}", expected="int8 or uint8")
    if zero_point is None or (isinstance(zero_point, Constant) and not zero_point.array.any()):
        return x
    return node.call("subtract", node.cast(x, "int32"), node.cast(zero_point, "int32"))


def _quantized_axis(node: Node) -> int:
    """The axis of a scale with more than one element."""
    rank = node.type(0).rank
    if rank < 2 or (node.type(1).rank <= 1 and node.type(1).size == 1):
        return 0
    return normalize_axis(node.proto.op_type, node.attr("axis", 1), rank)


def _precision(dtype: str) -> str:
    """The type in which Relay divides where ONNX would in another: 16-bit floats are not rounded to in between."""
    return "float64" if dtype in ("float64", "int32") else "float32"


def _present(*atoms: Atom | None) -> list[Atom]:
    return [atom for atom in atoms if atom is not None]
