"""ONNX activations and elementwise functions of one tensor."""

from __future__ import annotations

from typing import Any

from .registry import Node, converter

#: ONNX operators that are one Relay operator on one tensor.
_DIRECT = {
    "Exp": "exp",
    "Neg": "negative",
    "Relu": "nn.relu",
    "Sigmoid": "sigmoid",
    "Sqrt": "sqrt",
    "Tanh": "tanh",
}


@converter(*_DIRECT)
def convert_direct(node: Node) -> Any:
    return node.call(_DIRECT[node.proto.op_type], node.input(0))
