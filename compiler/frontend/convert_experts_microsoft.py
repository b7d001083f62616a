"""Mixtures of experts of ONNX Runtime (com.microsoft): MoE, and QMoE with weights that are quantised in blocks.

All experts compute all tokens, and what was not chosen for a token has no weight in the sum: which are chosen is only
known in the run. With k of n experts that is n / k times the arithmetic that is needed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..op.qnn_dense_blockwise import BITS, unpack_codes
from ..relay.dimension import Dimension, product
from ..relay.expr import Atom, dtype_of, shape_of
from .attention import part
from .registry import Node, converter

DOMAIN = "com.microsoft"


@converter("MoE", domain=DOMAIN)
def convert_moe(node: Node) -> Atom:
    x = _tokens(node)
    chosen = _Experts(node, softmax_first=True).shares(node.input(1), None)

    def layer(tokens: Atom, weights: int, bias: int) -> Atom:
        """(tokens, elements) or (experts, tokens, elements) times the weights of each expert."""
        matrices = node.transpose(node.input(weights), (0, 2, 1))
        if len(shape_of(tokens)) == 2:
            tokens = node.reshape(tokens, (1, *shape_of(tokens)))
        result = node.call("nn.matmul", tokens, matrices)
        if not node.has_input(bias):
            return result
        experts, width = shape_of(node.input(bias))
        return node.call("add", result, node.reshape(node.input(bias), (experts, 1, width)))

    third = layer(x, 6, 7) if node.has_input(6) else None
    results = layer(_activated(node, layer(x, 2, 3), third), 4, 5)
    count, experts = shape_of(chosen)
    columns = node.reshape(node.transpose(chosen, (1, 0)), (experts, count, 1))
    total = node.call("sum", node.call("multiply", results, columns), axis=(0,), keepdims=False)
    return node.reshape(total, node.type(0).shape)


@converter("QMoE", domain=DOMAIN)
def convert_quantised_moe(node: Node) -> Atom:
    if node.attr("quant_type", "int") != "int":
        raise node.error(f"quant_type '{node.attr('quant_type')}'", expected="int")
    x, bits = _tokens(node), node.attr("expert_weight_bits", 4)
    chosen = _Experts(node, softmax_first=False).shares(node.input(1), node.optional_input(14))
    layers = [
        _Layer.read(node, place, 2 + 3 * place, node.attr(f"fc{place + 1}_expert_weight_bits", bits))
        for place in range(3)
        if node.has_input(2 + 3 * place)
    ]
    total: Atom | None = None
    experts = shape_of(chosen)[1]
    assert isinstance(experts, int)
    for expert in range(experts):
        third = layers[2].call(x, expert) if len(layers) > 2 else None
        result = layers[1].call(_activated(node, layers[0].call(x, expert), third), expert)
        result = node.call("multiply", result, part(node, chosen, 1, expert, expert + 1))
        total = result if total is None else node.call("add", total, result)
    assert total is not None
    return node.reshape(total, node.type(0).shape)


def _tokens(node: Node) -> Atom:
    *lead, width = node.type(0).shape
    return node.reshape(node.input(0), (product(lead), width))


@dataclass(frozen=True)
class _Experts:
    """How experts are chosen.

    Attributes
    ----------
    softmax_first : bool
        Shares are those among all experts, and among the chosen ones only where the node says so; else always.
    """

    node: Node
    softmax_first: bool

    def shares(self, scores: Atom, given: Atom | None) -> Atom:
        """(tokens, experts): the share of each expert, 0 of those that are not chosen.

        Parameters
        ----------
        scores : Atom
            (tokens, experts).
        given : Atom, optional
            The same, of shares to take in place of those that follow from the scores.
        """
        node = self.node
        if node.attr("use_sparse_mixer", 0):
            raise node.error("use_sparse_mixer is 1", expected="0")
        normalised = bool(node.attr("normalize_routing_weights", 0))
        if self.softmax_first:
            scores = node.call("nn.softmax", scores, axis=1)
        both = node.call("topk", scores, k=node.attr("k", 1), axis=1)
        values, places = (node.builder.get_item(both, index, "", node.location) for index in (0, 1))
        found: Atom = values
        if given is not None:
            found = node.call("gather_elements", given, places, axis=1)
        elif not self.softmax_first:
            found, normalised = node.call("nn.softmax", values, axis=1), False
        if normalised:
            found = node.call("divide", found, node.call("sum", found, axis=(1,), keepdims=True))
        empty = node.call("full", shape=shape_of(scores), value=0.0, dtype=dtype_of(scores))
        return node.call("scatter_elements", empty, places, found, axis=1)


def _activated(node: Node, x: Atom, third: Atom | None) -> Atom:
    """The function of the first layer's results, and of the third's where there is one."""
    name, fusion = node.attr("activation_type", "relu"), node.attr("swiglu_fusion", 0)
    if name == "swiglu":
        if third is None:
            x, third = _halves(node, x, fusion)
        return _swiglu(node, x, third)
    if name == "silu":
        result = node.call("multiply", x, node.call("sigmoid", x))
    elif name == "gelu":  # ONNX Runtime's kernels take the approximation
        result = node.call("nn.gelu", x, approximate="tanh")
    elif name in ("relu", "identity"):
        result = node.call("nn.relu", x) if name == "relu" else x
    else:
        raise node.error(f"the activation_type '{name}'", expected="relu, gelu, silu, swiglu or identity")
    return result if third is None else node.call("multiply", result, third)


def _halves(node: Node, x: Atom, fusion: int) -> tuple[Atom, Atom]:
    """Gate and value: one beside the other for each element, or one behind the other."""
    *lead, width = shape_of(x)
    if fusion not in (1, 2):
        raise node.error(f"swiglu_fusion is {fusion} without a third layer", expected="1 or 2")
    if fusion == 2:
        return part(node, x, -1, 0, width // 2), part(node, x, -1, width // 2, width)
    pairs = node.reshape(x, (*lead, width // 2, 2))
    first, second = (node.reshape(part(node, pairs, -1, k, k + 1), (*lead, width // 2)) for k in (0, 1))
    return first, second


def _swiglu(node: Node, gate: Atom, value: Atom) -> Atom:
    """gate * sigmoid(alpha gate) * (value + beta), of bounded numbers."""
    limit, dtype = node.attr("swiglu_limit"), dtype_of(gate)
    if node.attr("swiglu_limit_after_activation", 0):
        raise node.error("swiglu_limit_after_activation is 1", expected="0")
    if limit is not None:
        gate = node.call("clip", gate, low=-math.inf, high=limit)
        value = node.call("clip", value, low=-limit, high=limit)
    scaled = node.call("multiply", gate, node.constant(node.attr("activation_alpha", 1.0), dtype))
    result = node.call("multiply", gate, node.call("sigmoid", scaled))
    return node.call(
        "multiply", result, node.call("add", value, node.constant(node.attr("activation_beta", 0.0), dtype))
    )


@dataclass(frozen=True)
class _Layer:
    """A layer of all experts: codes (experts, rows, bytes), scales and zero points (experts, rows, blocks)."""

    node: Node
    codes: np.ndarray
    scales: np.ndarray
    zeros: np.ndarray
    bias: Atom | None
    bits: int

    @staticmethod
    def read(node: Node, place: int, first: int, bits: int) -> _Layer:
        if bits not in BITS:
            raise node.error(f"elements of {bits} bits", expected="2, 4 or 8")
        codes, scales = node.static_array(first), node.static_array(first + 1)
        scales = scales.reshape(*scales.shape[:2], -1)
        zeros = np.full(scales.shape, 1 << (bits - 1), np.float32)
        if node.has_input(11 + place):
            packed = node.static_array(11 + place)
            flat = unpack_codes(packed, bits)
            zeros = flat[..., : scales.shape[2]] if packed.ndim == 3 else flat[:, : scales.shape[1], None]
        return _Layer(node, codes, scales, zeros.astype(np.float32), node.optional_input(first + 2), bits)

    def call(self, x: Atom, expert: int) -> Atom:
        node, dtype = self.node, dtype_of(x)
        rows, blocks = self.scales.shape[1:]
        codes = self.codes[expert].reshape(rows, blocks, -1)
        depth: Dimension = codes.shape[2] * 8 // self.bits
        arguments = [
            node.constant(codes, "uint8"),
            *(node.constant(a[expert], dtype) for a in (self.scales, self.zeros)),
        ]
        if self.bias is not None:
            arguments.append(node.reshape(part(node, self.bias, 0, expert, expert + 1), (rows,)))  # type: ignore[arg-type]
        return node.call("qnn.dense_blockwise", x, *arguments, bits=self.bits, block_size=depth)
