"""Operators of ONNX Runtime (com.microsoft) that are ONNX's under another name, or a few of them one after another."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op.base import normalize_axis
from ..relay.dimension import product
from ..relay.expr import Atom, dtype_of, shape_of
from .attention import part
from .convert_data_dependent import counted
from .convert_fused_microsoft import activated, convert_fused_matmul, embedded
from .convert_quantize import convert_as, dequantized, quantized
from .registry import Node, converter

DOMAIN = "com.microsoft"

#: Operators that ONNX took over -> the opset whose inputs and attributes they have.
_TAKEN_OVER = {"GatherND": 13, "GridSample": 16, "Pad": 13, "Range": 11, "Trilu": 14}


@converter(*_TAKEN_OVER, domain=DOMAIN)
def convert_taken_over(node: Node) -> Any:
    inputs = [node.optional_input(index) for index in range(len(node.inputs))]
    if node.proto.op_type == "Range" and not node.has_input(2):
        inputs = [*inputs[:2], node.constant(1, node.type(0).dtype)]
    return convert_as(node, node.proto.op_type, inputs, _TAKEN_OVER[node.proto.op_type])


@converter("Unique", domain=DOMAIN)
def convert_unique(node: Node) -> Any:
    """Distinct elements in the order in which they are met, where each element is among them, how many there are."""
    inner = node.with_attributes(sorted=0)
    names = [*inner.proto.output]
    inner.proto.output[:] = [names[0], "", *names[1:]]
    every: Any = convert_as(inner, "Unique", [node.input(0)], 11)
    return [every[0], *every[2:]]


@converter("ExpandDims", domain=DOMAIN)
def convert_expand_dims(node: Node) -> Any:
    return convert_as(node, "Unsqueeze", [node.input(0), node.reshape(node.input(1), (1,))])


@converter("TransposeMatMul", domain=DOMAIN)
def convert_transpose_matmul(node: Node) -> Any:
    return convert_fused_matmul(node)


@converter("FusedMatMulActivation", domain=DOMAIN)
def convert_fused_matmul_activation(node: Node) -> Any:
    names = ("activation_alpha", "activation_beta", "activation_gamma")
    return activated(node, convert_fused_matmul(node), [node.attr(n) for n in names if node.attr(n) is not None])


@converter("CDist", domain=DOMAIN)
def convert_cdist(node: Node) -> Atom:
    """Distances of the rows of one matrix from those of another."""
    metric = node.attr("metric", "sqeuclidean")
    if metric not in ("euclidean", "sqeuclidean"):
        raise node.error(f"the metric '{metric}'", expected="euclidean or sqeuclidean")
    (rows, width), (others, _) = node.type(0).shape, node.type(1).shape
    left, right = node.reshape(node.input(0), (rows, 1, width)), node.reshape(node.input(1), (1, others, width))
    difference = node.call("subtract", left, right)
    squares = node.call("sum", node.call("multiply", difference, difference), axis=(2,), keepdims=False)
    return squares if metric == "sqeuclidean" else node.call("sqrt", squares)


@converter("Inverse", domain=DOMAIN)
def convert_inverse(node: Node) -> Atom:
    return node.call("inverse", node.input(0))


@converter("DynamicTimeWarping", domain=DOMAIN)
def convert_dynamic_time_warping(node: Node) -> Any:
    """The path of least cost through a matrix, which may stand in a batch of one."""
    matrix = node.reshape(node.input(0), node.type(0).shape[-2:])
    return counted(node, "dynamic_time_warping", [matrix], [lambda n: (2, n)])


# Convolutions


@converter("ConvTransposeWithDynamicPads", domain=DOMAIN)
def convert_conv_transpose(node: Node) -> Any:
    """Pads are an input."""
    inputs = [node.input(0), node.input(1), *([node.input(3)] if node.has_input(3) else [])]
    if not node.has_input(2) or node.attr("auto_pad", "NOTSET") != "NOTSET":
        return convert_as(node, "ConvTranspose", inputs)
    pads = [int(pad) for pad in node.static_array(2).reshape(-1)]
    return convert_as(node.with_attributes(pads=pads), "ConvTranspose", inputs)


def _channels_first(node: Node, x: Atom) -> Atom:
    rank = len(shape_of(x))
    return node.transpose(x, (0, rank - 1, *range(1, rank - 1)))


def _channels_last(node: Node, x: Atom) -> Atom:
    return node.transpose(x, (0, *range(2, len(shape_of(x))), 1))


@converter("NhwcConv", "NhwcFusedConv", domain=DOMAIN)
def convert_nhwc_conv(node: Node) -> Any:
    """A convolution of images whose channels are their last axis; weights are as in Conv."""
    inputs = [_channels_first(node, node.input(0)), *(node.input(k) for k in (1, 2) if node.has_input(k))]
    result = _channels_last(node, convert_as(node, "Conv", inputs))
    if node.has_input(3):
        result = node.call("add", result, node.input(3))
    return activated(node, result, node.attr("activation_params", ()))


@converter("QLinearConv", domain=DOMAIN)
def convert_qlinear_conv(node: Node) -> Any:
    inputs = [node.optional_input(index) for index in range(len(node.inputs))]
    if not node.attr("channels_last", 0):
        return convert_as(node, "QLinearConv", inputs)
    return _channels_last(node, convert_as(node, "QLinearConv", [_channels_first(node, node.input(0)), *inputs[1:]]))


# Quantised tensors


@converter("ReduceSumInteger", "QLinearReduceMean", domain=DOMAIN)
def convert_reduction(node: Node) -> Any:
    rank = node.type(0).rank
    axes = tuple(sorted(normalize_axis(node.proto.op_type, a, rank) for a in node.attr("axes") or range(rank)))
    attrs: dict[str, Any] = {"axis": axes, "keepdims": bool(node.attr("keepdims", 1))}
    if node.proto.op_type == "ReduceSumInteger":
        return node.call("sum", node.cast(node.input(0), _SUMS[node.type(0).dtype]), **attrs)
    real = dequantized(node, node.input(0), node.input(1), node.optional_input(2))
    zero = node.input(4) if node.has_input(4) else node.constant(0, node.type(0).dtype)
    return quantized(node, node.call("mean", real, **attrs), node.input(3), zero)


#: Integers -> what ReduceSumInteger gives for them.
_SUMS = {"int8": "int32", "uint8": "uint32"}


@converter("QEmbedLayerNormalization", domain=DOMAIN)
def convert_quantised_embedding(node: Node) -> Any:
    """EmbedLayerNormalization of quantised tables and parameters."""
    tables: list[Atom | None] = []
    for place, index in enumerate((2, 3, 4, 5, 6)):
        given = node.optional_input(index)
        scale, zero = node.optional_input(8 + place), node.optional_input(13 + place)
        if given is None or scale is None:
            tables.append(None)
        else:
            tables.append(dequantized(node, given, scale, zero))
    inputs = [node.input(0), node.optional_input(1), *tables, node.optional_input(7), None]
    return embedded(node, inputs)[: max(1, node.output_count)]


@converter("GatherBlockQuantized", domain=DOMAIN)
def convert_gather_block_quantized(node: Node) -> Atom:
    """Rows of a table that is quantised in blocks; elements of less than a byte follow one another on the last axis."""
    rank, block = node.type(0).rank, node.attr("block_size", 128)
    across = normalize_axis(node.proto.op_type, node.attr("gather_axis", 0), rank)
    along = normalize_axis(node.proto.op_type, node.attr("quantize_axis", 1), rank)
    if across == along:
        raise node.error("gather_axis and quantize_axis are the same", expected="two axes")
    packed, bits = node.type(0).dtype == "uint8", node.attr("bits", 4)
    index = node.input(1)
    codes, scales, zero = (
        None if x is None else node.call("take", x, index, axis=across)
        for x in (node.input(0), node.input(2), node.optional_input(3))
    )
    assert codes is not None and scales is not None
    if packed:
        count = shape_of(scales)[-1]
        codes = _unpacked(node, codes, bits)
        if zero is None:
            zero = node.constant(1 << (bits - 1), "uint8")
        else:
            zero = _unpacked(node, zero, bits)
            zero = part(node, zero, -1, 0, count)
    axis = along if along < across else along + node.type(1).rank - 1
    spread = zero is not None and shape_of(zero) != () and shape_of(zero) != shape_of(scales)
    if spread:
        raise node.error(f"zero points of shape {shape_of(zero)}", expected=str(shape_of(scales)))  # type: ignore[arg-type]
    if zero is not None and shape_of(zero) == ():
        zero = node.call("broadcast_to", zero, shape=shape_of(scales))
    return dequantized(node, codes, scales, zero, axis=axis, block_size=block)


def _unpacked(node: Node, x: Atom, bits: int) -> Atom:
    """Bytes as their elements of so many bits, the lowest first, on the last axis."""
    if bits == 8:
        return x
    each, shape = 8 // bits, shape_of(x)
    shifts = node.constant(np.arange(each) * bits, "uint8")
    parts = node.call("right_shift", node.reshape(x, (*shape, 1)), shifts)
    parts = node.call("bitwise_and", parts, node.constant((1 << bits) - 1, "uint8"))
    return node.reshape(parts, (*shape[:-1], shape[-1] * each))


#: The numbers that 4 bits stand for in MatMulBnb4: normal quantiles, or floats of 3 bits (QLoRA, Dettmers et al. 2023).
_NF4 = (
    *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453),
    *(-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0),
    *(0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224),
    *(0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
)
_FP4_SIZES = (0.0, 0.005208333333, 0.66666667, 1.0, 0.33333333, 0.5, 0.16666667, 0.25)
_FP4 = (*_FP4_SIZES, *(-size for size in _FP4_SIZES))


@converter("MatMulBnb4", domain=DOMAIN)
def convert_matmul_bnb4(node: Node) -> Any:
    """A times the transpose of B: elements are 4 bits, the first in the upper ones, times a number of their block."""
    rows, depth, block = (node.required_attr(name) for name in ("N", "K", "block_size"))
    if not node.attr("transB", 1):
        raise node.error("transB is 0", expected="1")
    table = np.array(_NF4 if node.required_attr("quant_type") else _FP4, np.float32)
    codes, largest = node.static_array(1).reshape(-1), node.static_array(2).reshape(-1)
    numbers = table[np.stack([codes >> 4, codes & 15], 1).reshape(-1)[: rows * depth]]
    weights = numbers * np.repeat(largest.astype(np.float32), block)[: rows * depth]
    matrix = node.constant(np.ascontiguousarray(weights.reshape(rows, depth).T), node.type(0).dtype)
    return node.call("nn.matmul", node.input(0), matrix)


# What ONNX Runtime's optimiser writes for diffusion models


@converter("BiasAdd", domain=DOMAIN)
def convert_bias_add(node: Node) -> Atom:
    return node.call("add", node.call("add", node.input(0), node.input(1)), node.input(2))


@converter("BiasSplitGelu", domain=DOMAIN)
def convert_bias_split_gelu(node: Node) -> Atom:
    """One half of the elements times the Gelu of the other."""
    total = node.call("add", node.input(0), node.input(1))
    width = shape_of(total)[-1]
    left, right = part(node, total, -1, 0, width // 2), part(node, total, -1, width // 2, width)
    return node.call("multiply", left, node.call("nn.gelu", right, approximate="none"))


@converter("GroupNorm", "SkipGroupNorm", domain=DOMAIN)
def convert_group_norm(node: Node) -> Any:
    """Group normalisation and SiLU, of an image, or of its sum with another and a bias, which the second output is."""
    x, last = node.input(0), bool(node.attr("channels_last", 1))
    if node.proto.op_type == "SkipGroupNorm":
        skip = node.input(3)
        if len(shape_of(skip)) == 2:
            batch, channels = shape_of(skip)
            skip = node.reshape(skip, (batch, 1, 1, channels) if last else (batch, channels, 1, 1))
        x = node.call("add", x, skip)
        if node.has_input(4):
            bias = node.input(4)
            x = node.call("add", x, bias if last else node.reshape(bias, (*shape_of(bias), 1, 1)))
    images = _channels_first(node, x) if last else x
    shape, dtype, groups = shape_of(images), dtype_of(images), node.required_attr("groups")
    gamma, beta = (node.cast(node.input(k), dtype) for k in (1, 2))
    inner = node.with_attributes(num_groups=groups, epsilon=node.attr("epsilon", 1e-5))
    normal = convert_as(inner, "GroupNormalization", [images, gamma, beta], 21)
    if node.required_attr("activation"):
        normal = node.call("multiply", normal, node.call("sigmoid", normal))
    assert shape_of(normal) == shape
    return [_channels_last(node, normal) if last else normal, x][: max(1, node.output_count)]


@converter("BiasSoftmax", domain=DOMAIN)
def convert_bias_softmax(node: Node) -> Atom:
    """The softmax of a sum, over all axes from one on; the bias is broadcast before that, or on the first axes."""
    shape, bias = node.type(0).shape, node.input(1)
    axis = normalize_axis("BiasSoftmax", node.attr("axis", 1), len(shape))
    missing = len(shape) - len(shape_of(bias))
    if missing:
        bias = node.reshape(bias, (*(1,) * missing, *shape_of(bias)))
    total = node.call("add", node.input(0), bias)
    flat = node.reshape(total, (*shape[:axis], product(shape[axis:])))
    return node.reshape(node.call("nn.softmax", flat, axis=axis), shape)
