"""Operators that ONNX Runtime's optimiser and exporters fuse out of others (com.microsoft)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..op.base import normalize_axis
from ..relay.expr import Atom, dtype_of, shape_of
from .attention import part
from .convert_quantize import convert_as
from .einsum import matrix_product
from .registry import Node, converter

DOMAIN = "com.microsoft"


@converter("FusedMatMul", domain=DOMAIN)
def convert_fused_matmul(node: Node) -> Atom:
    """alpha * A' * B'. With transBatch the first axis of the stack becomes the rows' before the product."""
    operands, transposed = [], []
    for index, name in ((0, "A"), (1, "B")):
        operand, rank = node.input(index), node.type(index).rank
        if node.attr(f"transBatch{name}", 0) and rank > 2:
            operand = node.transpose(operand, (*range(1, rank - 1), 0, rank - 1))
        operands.append(operand)
        transposed.append(bool(node.attr(f"trans{name}", 0)) and rank > 1)
    result = matrix_product(node, operands[0], operands[1], transposed[0], transposed[1])
    alpha = node.attr("alpha", 1.0)
    return result if alpha == 1 else node.call("multiply", result, node.constant(alpha, dtype_of(result)))


def activated(node: Node, x: Atom, parameters: Sequence[float]) -> Atom:
    """The function that a fused operator names."""
    name = node.attr("activation") or ""
    given = dict(enumerate(parameters))
    known: dict[str, Callable[[], Atom]] = {
        "": lambda: x,
        "Relu": lambda: node.call("nn.relu", x),
        "Tanh": lambda: node.call("tanh", x),
        "Sigmoid": lambda: node.call("sigmoid", x),
        "LeakyRelu": lambda: node.call("nn.leaky_relu", x, alpha=given.get(0, 0.01)),
        "Clip": lambda: node.call("clip", x, low=given.get(0, -np.inf), high=given.get(1, np.inf)),
        "HardSigmoid": lambda: node.call("nn.hard_sigmoid", x, alpha=given.get(0, 0.2), beta=given.get(1, 0.5)),
    }
    if name not in known:
        raise node.error(f"the activation '{name}'", expected=f"one of: {', '.join(filter(None, known))}")
    return known[name]()


@converter("FusedConv", domain=DOMAIN)
def convert_fused_conv(node: Node) -> Any:
    """A convolution, a sum with a fourth input, an activation."""
    inputs = [node.input(index) for index in range(3) if node.has_input(index)]
    result = convert_as(node, "Conv", inputs)
    if node.has_input(3):
        result = node.call("add", result, node.input(3))
    return activated(node, result, node.attr("activation_params", ()))


@converter("FusedGemm", domain=DOMAIN)
def convert_fused_gemm(node: Node) -> Any:
    result = convert_as(node, "Gemm", [node.input(index) for index in range(3) if node.has_input(index)])
    names = ("activation_alpha", "activation_beta", "activation_gamma")
    given = [node.attr(name) for name in names if node.attr(name) is not None]
    return activated(node, result, given)


@converter("NhwcMaxPool", domain=DOMAIN)
def convert_nhwc_max_pool(node: Node) -> Any:
    rank = node.type(0).rank
    x = node.transpose(node.input(0), (0, rank - 1, *range(1, rank - 1)))
    pooled = convert_as(node, "MaxPool", [x])
    return node.transpose(pooled[0] if isinstance(pooled, list) else pooled, (0, *range(2, rank), 1))


@converter("SimplifiedLayerNormalization")
@converter("SimplifiedLayerNormalization", domain=DOMAIN)
def convert_simplified_layer_normalization(node: Node) -> Any:
    """Division by the root of the mean of squares. ONNX Runtime has it under the name of ONNX's own domain."""
    x, rank = node.input(0), node.type(0).rank
    axis = normalize_axis(node.proto.op_type, node.attr("axis", -1), rank)
    epsilon = node.attr("epsilon", 1e-5)
    scale = node.cast(node.input(1), dtype_of(x))
    result = node.cast(node.call("nn.rms_norm", x, scale, axis=axis, epsilon=epsilon), node.type(1).dtype)
    if not node.has_output(1):
        return result
    return [result, _inverse_root(node, x, tuple(range(axis, rank)), epsilon)]


def _inverse_root(node: Node, x: Atom, axes: tuple[int, ...], epsilon: float) -> Atom:
    """1 / sqrt(mean of squares + epsilon), in float32."""
    wide = node.cast(x, "float32")
    mean = node.call("mean", node.call("multiply", wide, wide), axis=axes, keepdims=True)
    return node.call("reciprocal", node.call("sqrt", node.call("add", mean, node.constant(epsilon, "float32"))))


@converter("SkipLayerNormalization", "SkipSimplifiedLayerNormalization", domain=DOMAIN)
def convert_skip_layer_normalization(node: Node) -> Any:
    """The normalised sum of two tensors and a bias; the sum is the fourth output."""
    simplified = "Simplified" in node.proto.op_type
    bias = node.optional_input(3 if simplified else 4)
    total = node.call("add", node.input(0), node.input(1))
    if bias is not None:
        total = node.call("add", total, bias)
    if node.has_output(1) or node.has_output(2):
        raise node.error("the mean or the variance is asked for", expected="the first and the fourth output")
    epsilon, axis = node.attr("epsilon", 1e-12), len(shape_of(total)) - 1
    parameters = [node.input(2)]
    if not simplified and node.has_input(3):
        parameters.append(node.input(3))
    name = "nn.rms_norm" if simplified else "nn.layer_norm"
    return [node.call(name, total, *parameters, axis=axis, epsilon=epsilon), None, None, total][
        : max(1, node.output_count)
    ]


@converter("EmbedLayerNormalization", domain=DOMAIN)
def convert_embed_layer_normalization(node: Node) -> Any:
    return embedded(node, [node.optional_input(index) for index in range(9)])[: max(1, node.output_count)]


def embedded(node: Node, inputs: Sequence[Atom | None]) -> list[Atom]:
    """The normalised sum of the embeddings of words, positions and segments; how many words the mask has; the sum.

    Parameters
    ----------
    inputs : sequence of Atom or None
        Numbers of words and of segments; the tables of words, positions and segments; scale and bias of the
        normalisation; the mask; numbers of positions.
    """
    words, segments, word_table, table, segment_table, scale, bias, mask, places = inputs
    if words is None or word_table is None or table is None or scale is None or bias is None:
        raise node.error("an input is missing", expected="words, two tables, scale and bias")
    batch, sequence = shape_of(words)
    total = node.call("take", word_table, words, axis=0)
    table = node.call("take", table, places, axis=0) if places is not None else part(node, table, 0, 0, sequence)
    total = node.call("add", total, table)
    if segments is not None and segment_table is not None:
        total = node.call("add", total, node.call("take", segment_table, segments, axis=0))
    normalised = node.call("nn.layer_norm", total, scale, bias, axis=2, epsilon=node.attr("epsilon", 1e-12))
    if mask is not None:
        count = node.call("sum", node.cast(mask, "int32"), axis=(1,), keepdims=False)
    else:
        count = node.call("full", shape=(batch,), value=0, dtype="int32")
    return [normalised, count, total]
