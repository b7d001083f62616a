"""What importing sequences and optional values stands on: their types, and values that are known by their parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import onnx

from ..diagnostics import CompileError
from ..relay.expr import Atom
from ..relay.types import OpenTensorType, OptionalType, SequenceType, Type
from .registry import Node, element_type


def type_of_proto(proto: onnx.TypeProto, dim: Callable[[str], int | None]) -> SequenceType | OptionalType:
    """Relay's type of an ONNX sequence or optional.

    Parameters
    ----------
    dim : callable
        The value of a dimension's name; None where each tensor has its own.
    """
    if proto.HasField("optional_type"):
        element = proto.optional_type.elem_type
        return OptionalType(_open_tensor(element, dim) if element.HasField("tensor_type") else _sequence(element, dim))
    return _sequence(proto, dim)


def _sequence(proto: onnx.TypeProto, dim: Callable[[str], int | None]) -> SequenceType:
    if not proto.HasField("sequence_type"):
        raise CompileError(
            f"a value of the type {proto.WhichOneof('value') or 'nothing'}", expected="a tensor, or a sequence of them"
        )
    return SequenceType(_open_tensor(proto.sequence_type.elem_type, dim))


def _open_tensor(proto: onnx.TypeProto, dim: Callable[[str], int | None]) -> OpenTensorType:
    if not proto.HasField("tensor_type"):
        raise CompileError(
            f"a sequence or an optional of the type {proto.WhichOneof('value') or 'nothing'}", expected="tensors"
        )
    tensor = proto.tensor_type
    dtype = element_type(tensor.elem_type)
    if not tensor.HasField("shape"):
        return OpenTensorType(dtype)
    dims = (d.dim_value if d.HasField("dim_value") and d.dim_value >= 0 else dim(d.dim_param) for d in tensor.shape.dim)
    return OpenTensorType(dtype, tuple(dims))


def construct(node: Node, parts: Sequence[Atom], dtype: str) -> Atom:
    """A sequence whose elements are known."""
    sequence = node.call("sequence.construct", *parts, dtype=dtype)
    node.builder.parts[sequence] = tuple(parts)
    return sequence


def as_type(node: Node, atom: Atom, type_: Type) -> Atom:
    """A tensor or a sequence as the optional value that a type wants; others as they are."""
    if not isinstance(type_, OptionalType) or isinstance(atom.type, OptionalType):
        return atom
    result = node.call("optional.some", atom)
    node.builder.parts[result] = (atom,)
    return result


def failed(node: Node, type_: Type, fail: Callable[[tuple[int, ...], str], Atom]) -> Atom:
    """A sequence or optional value that takes what ends the run.

    Parameters
    ----------
    fail : callable
        ``(shape, dtype) -> tensor``
    """
    element = type_.element if isinstance(type_, OptionalType) else type_
    tensor = element.element if isinstance(element, SequenceType) else element
    assert isinstance(tensor, OpenTensorType)
    atom = fail(tuple(dim or 0 for dim in tensor.shape or ()), tensor.dtype)
    if isinstance(element, SequenceType):
        atom = node.call("sequence.construct", atom, dtype=tensor.dtype)
    return as_type(node, atom, type_)
