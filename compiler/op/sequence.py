"""Sequences of tensors and optional values (ONNX SequenceInsert, OptionalGetElement, ...), where only the run knows.

What is known when the model is compiled never gets here: see frontend/convert_sequence.py. To the references a sequence
is a list of arrays, and an optional value None or what it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.type_parser import parse_type
from ..relay.types import (
    OpenTensorType,
    OptionalType,
    SequenceType,
    TensorType,
    Type,
    join_open,
    open_type,
)
from .base import REQUIRED, FusionKind, Op, normalize_axis, register
from .dimensions import check_defines

#: No tensor in a sequence or an optional has more dimensions: ONNXC_MAX_RANK in onnxc_runtime.h.
MAX_RANK = 8


def _register(name: str, relation: Any, reference: Any, **attributes: Any) -> None:
    register(Op(name, FusionKind.OPAQUE, relation, reference, attributes=attributes, step=True))


def _count(name: str, args: Sequence[Type], low: int, high: int) -> None:
    if not low <= len(args) <= high:
        raise CompileError(f"{name} got {len(args)} arguments", expected=f"{low} to {high}")


def _sequence(name: str, type_: Type) -> SequenceType:
    if not isinstance(type_, SequenceType):
        raise CompileError(f"{name} of {type_}", expected="a sequence of tensors")
    return type_


def _tensor(name: str, type_: Type, dtype: str) -> OpenTensorType:
    """The type of a tensor that becomes part of a sequence or an optional value."""
    if not isinstance(type_, TensorType) or type_.rank > MAX_RANK:
        raise CompileError(f"{name} of {type_}", expected=f"a tensor of at most {MAX_RANK} dimensions")
    if type_.dtype != dtype:
        raise CompileError(f"{name} of {type_}", expected=f"a tensor of {dtype}, as the sequence has")
    return open_type(type_)


def _position(name: str, type_: Type) -> None:
    if not isinstance(type_, TensorType) or type_.dtype != "int64" or type_.size != 1:
        raise CompileError(f"{name} at {type_}", expected="one int64")


def _joined(left: OpenTensorType, right: OpenTensorType) -> OpenTensorType:
    joined = join_open(left, right)
    assert joined is not None
    return joined


# Sequences


def _construct_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    nothing = OpenTensorType(attrs.dtype, exists=False)
    return SequenceType(reduce(_joined, (_tensor("sequence.construct", a, attrs.dtype) for a in args), nothing))


_register("sequence.construct", _construct_relation, lambda attrs, *arrays: list(arrays), dtype=REQUIRED)


def _insert_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    _count("sequence.insert", args, 2, 3)
    element = _sequence("sequence.insert", args[0]).element
    for position in args[2:]:
        _position("sequence.insert", position)
    return SequenceType(_joined(element, _tensor("sequence.insert", args[1], element.dtype)))


def place(position: int, count: int, last: int) -> int:
    """A position counted from the front; ValueError where it is not between `-count` and `last`."""
    if not -count <= position <= last:
        raise ValueError(f"position {position} of a sequence of {count} elements")
    return position + count if position < 0 else position


def _insert_reference(attrs: Attrs, sequence: list, array: np.ndarray, position: np.ndarray | None = None) -> list:
    count = len(sequence)
    at = count if position is None else place(int(position.reshape(())), count, count)
    return [*sequence[:at], array, *sequence[at:]]


_register("sequence.insert", _insert_relation, _insert_reference)


def _erase_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    _count("sequence.erase", args, 1, 2)
    for position in args[1:]:
        _position("sequence.erase", position)
    return _sequence("sequence.erase", args[0])


def _erase_reference(attrs: Attrs, sequence: list, position: np.ndarray | None = None) -> list:
    count = len(sequence)
    at = place(-1 if position is None else int(position.reshape(())), count, count - 1)
    return [*sequence[:at], *sequence[at + 1 :]]


_register("sequence.erase", _erase_relation, _erase_reference)


def _length_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    _count("sequence.length", args, 1, 1)
    _sequence("sequence.length", args[0])
    return TensorType((), "int64")


_register("sequence.length", _length_relation, lambda attrs, sequence: np.array(len(sequence), np.int64))


def found_tensor(name: str, element: OpenTensorType, attrs: Attrs) -> TensorType:
    """The type of a tensor taken out: its open dimensions are the symbols that the call defines."""
    if element.shape is None:
        raise CompileError(f"{name} of {element}", expected="a known rank")
    check_defines(name, attrs, element.shape.count(None))
    symbols = iter(attrs.defines)
    return TensorType(tuple(next(symbols) if dim is None else dim for dim in element.shape), element.dtype)


def _at_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    _count("sequence.at", args, 2, 2)
    _position("sequence.at", args[1])
    return found_tensor("sequence.at", _sequence("sequence.at", args[0]).element, attrs)


def _at_reference(attrs: Attrs, sequence: list, position: np.ndarray) -> np.ndarray:
    array: np.ndarray = sequence[place(int(position.reshape(())), len(sequence), len(sequence) - 1)]
    return array


_register("sequence.at", _at_relation, _at_reference, defines=REQUIRED)


def concat_type(element: OpenTensorType, axis: int, new_axis: bool) -> OpenTensorType:
    """What is known of a sequence's tensors one after the other; CompileError where not even their rank is."""
    if element.shape is None:
        raise CompileError(f"sequence.concat of {element}", expected="a known rank")
    shape: list[int | None] = list(element.shape)
    if new_axis:
        shape.insert(normalize_axis("sequence.concat", axis, len(shape) + 1), None)
    else:
        shape[normalize_axis("sequence.concat", axis, len(shape))] = None
    return OpenTensorType(element.dtype, tuple(shape))


def _concat_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    _count("sequence.concat", args, 1, 1)
    element = _sequence("sequence.concat", args[0]).element
    return found_tensor("sequence.concat", concat_type(element, attrs.axis, attrs.new_axis), attrs)


def _concat_reference(attrs: Attrs, sequence: list) -> np.ndarray:
    return (np.stack if attrs.new_axis else np.concatenate)(sequence, attrs.axis)


_register(
    "sequence.concat",
    _concat_relation,
    _concat_reference,
    axis=REQUIRED,
    new_axis=REQUIRED,
    defines=REQUIRED,
)


# Optional values


def _some_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    _count("optional.some", args, 1, 1)
    (x,) = args
    if isinstance(x, SequenceType):
        return OptionalType(x)
    dtype = x.dtype if isinstance(x, TensorType) else ""
    return OptionalType(_tensor("optional.some", x, dtype))


_register("optional.some", _some_relation, lambda attrs, x: x)


def _none_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    _count("optional.none", args, 0, 0)
    type_ = parse_type(attrs.type)
    if not isinstance(type_, OptionalType):
        raise CompileError(f"optional.none of the type {type_}", expected="an optional type")
    return type_


_register("optional.none", _none_relation, lambda attrs: None, type=REQUIRED)


def _optional(name: str, args: Sequence[Type]) -> OptionalType:
    _count(name, args, 1, 1)
    if not isinstance(args[0], OptionalType):
        raise CompileError(f"{name} of {args[0]}", expected="an optional value")
    return args[0]


def _has_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    _optional("optional.has", args)
    return TensorType((), "bool")


_register("optional.has", _has_relation, lambda attrs, x: np.array(x is not None))


def _get_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    element = _optional("optional.get", args).element
    return element if isinstance(element, SequenceType) else found_tensor("optional.get", element, attrs)


def _get_reference(attrs: Attrs, x: Any) -> Any:
    if x is None:
        raise ValueError("there is no value")
    return x


_register("optional.get", _get_relation, _get_reference, defines=())
