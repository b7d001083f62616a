"""What converters of operators on strings share."""

from __future__ import annotations

from ..op.base import broadcast_shape
from ..relay.expr import Atom
from ..relay.types import TensorType
from .registry import Node


def broadcast_strings(node: Node, *tensors: Atom) -> list[Atom]:
    """Tensors of one shape: the kernels of strings, which are C, do not broadcast."""
    shapes = [t.type.shape for t in tensors if isinstance(t.type, TensorType)]
    shape = broadcast_shape(node.proto.op_type, *shapes)
    return [
        tensor if old == shape else node.call("broadcast_to", tensor, shape=shape)
        for tensor, old in zip(tensors, shapes, strict=True)
    ]
