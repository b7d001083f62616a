"""ONNX comparisons, logic and operations on bits."""

from __future__ import annotations

from typing import Any

from ..op.small_float import SMALL_FLOATS
from .convert_math import broadcast_inputs
from .registry import Node, converter
from .strings import broadcast_strings

_UNARY = {"Not": "logical_not", "BitwiseNot": "bitwise_not"}

_BINARY = {
    "And": "logical_and",
    "BitwiseAnd": "bitwise_and",
    "BitwiseOr": "bitwise_or",
    "BitwiseXor": "bitwise_xor",
    "Equal": "equal",
    "Greater": "greater",
    "GreaterOrEqual": "greater_equal",
    "Less": "less",
    "LessOrEqual": "less_equal",
    "Or": "logical_or",
    "Xor": "logical_xor",
}


@converter(*_UNARY)
def convert_unary(node: Node) -> Any:
    return node.call(_UNARY[node.proto.op_type], node.input(0))


@converter(*_BINARY)
def convert_binary(node: Node) -> Any:
    if node.type(0).dtype == "string" and node.proto.op_type == "Equal":
        return node.call("string.equal", *broadcast_strings(node, *broadcast_inputs(node)))
    return node.call(_BINARY[node.proto.op_type], *broadcast_inputs(node))


@converter("IsInf")
def convert_isinf(node: Node) -> Any:
    negative, positive = (bool(node.attr(f"detect_{sign}", 1)) for sign in ("negative", "positive"))
    return node.call("isinf", _wide(node), negative=negative, positive=positive)


@converter("IsNaN")
def convert_isnan(node: Node) -> Any:
    return node.call("isnan", _wide(node))


def _wide(node: Node) -> Any:
    """The data; floats of a byte, which have no arithmetic, as float32."""
    return node.cast(node.input(0), "float32") if node.type(0).dtype in SMALL_FLOATS else node.input(0)


@converter("BitShift")
def convert_bitshift(node: Node) -> Any:
    direction = node.required_attr("direction")
    if direction not in ("LEFT", "RIGHT"):
        raise node.error(f"the attribute 'direction' is '{direction}'", expected="LEFT or RIGHT")
    return node.call(f"{direction.lower()}_shift", node.input(0), node.input(1))


@converter("Where")
def convert_where(node: Node) -> Any:
    return node.call("where", node.input(0), node.input(1), node.input(2))
