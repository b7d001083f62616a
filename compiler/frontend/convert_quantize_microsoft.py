"""Quantised operators of ONNX Runtime (com.microsoft): floats between dequantised inputs and the quantised result."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op.qnn_dense_blockwise import BITS, unpack_codes
from ..relay.expr import Atom
from ..relay.types import TensorType
from .convert_quantize import (
    convert_as,
    dequantized,
    dynamically_quantized,
    integer_product,
    per_row,
    quantized,
    scale_product,
)
from .registry import Node, converter

DOMAIN = "com.microsoft"

#: Quantised operator of one tensor -> the ONNX operator on floats, and the opset whose attributes it has.
_UNARY = {"QLinearSigmoid": ("Sigmoid", 13), "QLinearLeakyRelu": ("LeakyRelu", 13), "QLinearSoftmax": ("Softmax", 13)}


def _dequantized(node: Node, first: int) -> Atom:
    """The float of a tensor that is input `first`, whose scale and zero point follow it."""
    return dequantized(node, node.input(first), node.input(first + 1), node.optional_input(first + 2))


@converter(*_UNARY, domain=DOMAIN)
def convert_unary(node: Node) -> Any:
    operator, opset = _UNARY[node.proto.op_type]
    result = convert_as(node, operator, [_dequantized(node, 0)], node.attr("opset", opset))
    return quantized(node, result, node.input(3), _zero_point(node, 4))


@converter("QLinearAdd", "QLinearMul", domain=DOMAIN)
def convert_binary(node: Node) -> Any:
    operator = node.proto.op_type.removeprefix("QLinear")
    result = convert_as(node, operator, [_dequantized(node, 0), _dequantized(node, 3)])
    return quantized(node, result, node.input(6), _zero_point(node, 7))


@converter("QLinearWhere", domain=DOMAIN)
def convert_where(node: Node) -> Any:
    result = node.call("where", node.input(0), _dequantized(node, 1), _dequantized(node, 4))
    return quantized(node, result, node.input(7), node.optional_input(8))


@converter("QLinearConcat", domain=DOMAIN)
def convert_concat(node: Node) -> Any:
    parts = [_dequantized(node, first) for first in range(2, len(node.inputs), 3)]
    return quantized(node, convert_as(node, "Concat", parts), node.input(0), node.input(1))


@converter("QLinearAveragePool", "QLinearGlobalAveragePool", domain=DOMAIN)
def convert_pool(node: Node) -> Any:
    x = _dequantized(node, 0)
    rank, channels_last = node.type(0).rank, bool(node.attr("channels_last", 0))
    if channels_last:
        x = node.call("transpose", x, axes=(0, rank - 1, *range(1, rank - 1)))
    result = convert_as(node, node.proto.op_type.removeprefix("QLinear"), [x])
    if channels_last:
        result = node.call("transpose", result, axes=(0, *range(2, rank), 1))
    return quantized(node, result, node.input(3), _zero_point(node, 4))


@converter("QGemm", domain=DOMAIN)
def convert_gemm(node: Node) -> Any:
    """alpha * A' * B' + C; C counts multiples of alpha times the scales of A and B. Floats without a scale for Y."""
    a, a_scale, b, b_scale = (node.input(i) for i in (0, 1, 3, 4))
    columns = 0 if node.attr("transB", 0) else 1
    inputs = [
        dequantized(node, a, a_scale, node.optional_input(2)),
        dequantized(node, b, b_scale, node.optional_input(5), axis=columns),
    ]
    addend = node.optional_input(6)
    if addend is not None:
        unit = scale_product(
            node, scale_product(node, a_scale, b_scale), node.constant(node.attr("alpha", 1.0), "float32")
        )
        inputs.append(node.call("multiply", node.cast(addend, "float32"), unit))
    result = convert_as(node, "Gemm", inputs)
    y_scale = node.optional_input(7)
    return result if y_scale is None else quantized(node, result, y_scale, node.optional_input(8))


@converter("MatMulIntegerToFloat", domain=DOMAIN)
def convert_matmul_to_float(node: Node) -> Any:
    product = integer_product(node, node.input(0), node.input(1), node.optional_input(4), node.optional_input(5))
    return _scaled(node, product, node.input(2), node.input(3), node.optional_input(6))


@converter("DynamicQuantizeMatMul", domain=DOMAIN)
def convert_dynamic_matmul(node: Node) -> Any:
    a, a_scale, a_zero_point = dynamically_quantized(node, node.input(0))
    product = integer_product(node, a, node.input(1), a_zero_point, node.optional_input(3))
    return _scaled(node, product, a_scale, node.input(2), node.optional_input(4))


@converter("MatMulNBits", domain=DOMAIN)
def convert_matmul_nbits(node: Node) -> Any:
    """A times the transpose of B, whose rows are quantised in blocks; bits of B's elements follow one another."""
    bits, size = node.attr("bits", 4), node.required_attr("block_size")
    depth, columns = node.required_attr("K"), node.required_attr("N")
    if bits not in BITS:
        raise node.error(f"elements of {bits} bits", expected="2, 4 or 8")
    a, dtype, bias = node.input(0), node.type(0).dtype, node.optional_input(5)
    shape = (columns, -(-depth // size))
    if node.has_input(4) and not np.array_equal(node.static_array(4)[:depth], np.arange(depth) // size):
        product = node.call("nn.matmul", a, node.constant(_mixed_weights(node, shape, depth, bits), dtype))
        return product if bias is None else node.call("add", product, bias)
    scales = node.reshape(node.input(2), shape)
    arguments = [a, node.input(1), scales, _block_zero_points(node, shape, bits, dtype)]
    return node.call("qnn.dense_blockwise", *arguments, *([] if bias is None else [bias]), bits=bits, block_size=size)


def _mixed_weights(node: Node, shape: tuple[int, int], depth: int, bits: int) -> np.ndarray:
    """Weights whose elements belong to the blocks that g_idx says, in any order, as floats (depth, columns)."""
    rows, blocks = shape
    block = node.static_array(4)[:depth]
    codes = unpack_codes(node.static_array(1), bits).reshape(rows, -1)[:, :depth].astype(np.float32)
    zeros = np.full(shape, 1 << (bits - 1), np.float32)
    if node.has_input(3):
        given = node.static_array(3).reshape(rows, -1)
        zeros = (unpack_codes(given, bits)[:, :blocks] if node.type(3).dtype == "uint8" else given).astype(np.float32)
    scales = node.static_array(2).reshape(shape).astype(np.float32)
    return np.ascontiguousarray(((codes - zeros[:, block]) * scales[:, block]).T)


def _block_zero_points(node: Node, shape: tuple[int, int], bits: int, dtype: str) -> Atom:
    """Zero points as floats, one for each block: bits in bytes for each row, or floats; absent, half of the range."""
    rows, blocks = shape
    if node.optional_input(3) is None:
        return node.constant(np.full(shape, 1 << (bits - 1)), dtype)
    if node.type(3).dtype != "uint8":
        return node.reshape(node.input(3), shape)
    packed = node.static_array(3).reshape(rows, -1)
    return node.constant(unpack_codes(packed, bits)[:, :blocks], dtype)


def _scaled(node: Node, product: Atom, a_scale: Atom, b_scale: Atom, bias: Atom | None) -> Atom:
    assert isinstance(a_scale.type, TensorType)
    scale = scale_product(node, per_row(node, a_scale), b_scale)
    result = node.call("multiply", node.cast(product, a_scale.type.dtype), scale)
    return result if bias is None else node.call("add", result, bias)


def _zero_point(node: Node, index: int) -> Atom | None:
    """The result's zero point: absent, it is 0 of the first input's type."""
    given = node.optional_input(index)
    return node.constant(0, node.type(0).dtype) if given is None else given
