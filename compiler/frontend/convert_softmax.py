"""ONNX Softmax, LogSoftmax and Hardmax."""

from __future__ import annotations

from ..op.base import normalize_axis
from ..relay.dimension import product
from ..relay.expr import Atom
from .registry import Node, converter

_OPERATORS = {"Softmax": "nn.softmax", "LogSoftmax": "nn.log_softmax", "Hardmax": "nn.hardmax"}


@converter(*_OPERATORS)
def convert_softmax(node: Node) -> Atom:
    """Along an axis; up to opset 12 over all axes from it on, taken as one."""
    x, shape, op = node.input(0), node.type(0).shape, _OPERATORS[node.proto.op_type]
    whole = node.opset < 13
    axis = normalize_axis(node.proto.op_type, node.attr("axis", 1 if whole else -1), len(shape))
    if not whole or axis == len(shape) - 1:
        return node.call(op, x, axis=axis)
    flat = node.reshape(x, (product(shape[:axis]), product(shape[axis:])))
    return node.reshape(node.call(op, flat, axis=1), shape)
