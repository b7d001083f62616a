"""ONNX's sequences of tensors and optional values.

What a sequence holds is known where it was put together in sight: then taking an element out, the length and the
concatenation are the tensors themselves, and nothing of the sequence is left in the program. The rest is done by
operators of the run: see op/sequence.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import onnx
import onnx.helper

from ..diagnostics import RunTimeRankError
from ..op.base import normalize_axis
from ..op.sequence import concat_type, place
from ..relay.dimension import Dim, Dimension
from ..relay.expr import Atom, Var
from ..relay.types import OpenTensorType, OptionalType, SequenceType, TensorType
from .convert_loop import Body, build_loop
from .convert_tensor import split_parts
from .registry import Node, converter, find_converter
from .sequences import construct, type_of_proto

#: A tensor is split into at most so many tensors by name; into more it is in a loop.
SPLIT_LIMIT = 256


# Ways to what is not known


def sequence_type(node: Node, index: int) -> SequenceType:
    """The type of an input that must be a sequence."""
    type_ = node.input(index).type
    if not isinstance(type_, SequenceType):
        raise node.error(f"input {index} is {type_}", expected="a sequence of tensors")
    return type_


def _take_out(node: Node, op: str, element: OpenTensorType, *args: Atom, **attrs: Any) -> Atom:
    """A call that gives a tensor whose open dimensions the run tells."""
    if element.shape is None:
        inputs = node.builder.value_inputs(args[0])
        names = ", ".join(f"'{name}'" for name in inputs)
        raise RunTimeRankError(
            f"{'nothing is' if not element.exists else 'not even the rank is'} known of the tensors in {args[0].type}",
            node.location,
            inputs=inputs,
            expected="tensors of one rank",
            remedy=f"give the type of the input {names} a shape" if names else "put tensors of one rank into it",
        )
    name = node.proto.output[0] if node.has_output(0) else node.location.node
    opened = [axis for axis, dim in enumerate(element.shape) if dim is None]
    defines = tuple(node.builder.new_symbol(f"{name}_d{axis}") for axis in opened)
    return node.call(op, *args, defines=defines, **attrs)


def _known_position(node: Node, index: int) -> int | None:
    """A position that is known when the model is compiled."""
    value = node.builder.shape_value(node.input(index))
    if value is None or value.size != 1 or isinstance(value.reshape(-1)[0], Dim):
        return None
    return int(value.reshape(-1)[0])


def _position(node: Node, index: int) -> Atom:
    type_ = node.type(index)
    if type_.size != 1 or type_.dtype not in ("int32", "int64"):
        raise node.error(f"a position of {type_}", expected="one int32 or int64")
    return node.cast(node.reshape(node.input(index), ()), "int64")


def _place(node: Node, index: int, count: int, last: int) -> int | None:
    """A known position, counted from the front; CompileError where there is no such place."""
    position = _known_position(node, index)
    try:
        return None if position is None else place(position, count, last)
    except ValueError as error:
        raise node.error(str(error), expected=f"from -{count} to {last}") from error


# Sequences


@converter("SequenceEmpty")
def convert_empty(node: Node) -> Atom:
    return construct(node, (), node.dtype_attr("dtype", "float32"))


@converter("SequenceConstruct")
def convert_construct(node: Node) -> Atom:
    types = [node.type(i) for i in range(len(node.inputs))]
    if not types or len({t.dtype for t in types}) != 1:
        raise node.error(f"a sequence of {', '.join(map(str, types)) or 'nothing'}", expected="tensors of one type")
    return construct(node, [node.input(i) for i in range(len(types))], types[0].dtype)


@converter("SequenceInsert")
def convert_insert(node: Node) -> Atom:
    sequence, dtype = node.input(0), sequence_type(node, 0).element.dtype
    if node.type(1).dtype != dtype:
        raise node.error(f"{node.type(1)} goes into a sequence of {dtype}", expected="the same element type")
    parts = node.builder.parts.get(sequence)
    if parts is not None:
        count = len(parts)
        at = _place(node, 2, count, count) if node.has_input(2) else count
        if at is not None:
            return construct(node, (*parts[:at], node.input(1), *parts[at:]), dtype)
    position = [_position(node, 2)] if node.has_input(2) else []
    return node.call("sequence.insert", sequence, node.input(1), *position)


@converter("SequenceErase")
def convert_erase(node: Node) -> Atom:
    sequence, type_ = node.input(0), sequence_type(node, 0)
    parts = node.builder.parts.get(sequence)
    if parts is not None:
        count = len(parts)
        if count == 0:
            raise node.error("the sequence is empty", expected="an element to erase")
        at = _place(node, 1, count, count - 1) if node.has_input(1) else count - 1
        if at is not None:
            return construct(node, (*parts[:at], *parts[at + 1 :]), type_.element.dtype)
    return node.call("sequence.erase", sequence, *([_position(node, 1)] if node.has_input(1) else []))


@converter("SequenceAt")
def convert_at(node: Node) -> Atom:
    sequence, type_ = node.input(0), sequence_type(node, 0)
    parts = node.builder.parts.get(sequence)
    if parts is not None:
        at = _place(node, 1, len(parts), len(parts) - 1)
        if at is not None:
            return parts[at]
    return _take_out(node, "sequence.at", type_.element, sequence, _position(node, 1))


@converter("SequenceLength")
def convert_length(node: Node) -> Atom:
    sequence_type(node, 0)
    parts = node.builder.parts.get(node.input(0))
    return node.call("sequence.length", node.input(0)) if parts is None else node.constant(len(parts), "int64")


@converter("ConcatFromSequence")
def convert_concat_from_sequence(node: Node) -> Atom:
    sequence, element = node.input(0), sequence_type(node, 0).element
    axis, new_axis = node.required_attr("axis"), bool(node.attr("new_axis", 0))
    parts = node.builder.parts.get(sequence)
    if parts is None:
        known = element if element.shape is None else concat_type(element, axis, new_axis)
        return _take_out(node, "sequence.concat", known, sequence, axis=axis, new_axis=new_axis)
    if not parts:
        raise node.error("the sequence is empty", expected="at least one tensor")
    first = parts[0].type
    assert isinstance(first, TensorType)
    axis = normalize_axis("ConcatFromSequence", axis, first.rank + new_axis)
    if new_axis:
        shapes = [part.type.shape for part in parts]  # type: ignore[union-attr]
        pairs = zip(parts, shapes, strict=True)
        parts = tuple(node.reshape(part, (*shape[:axis], 1, *shape[axis:])) for part, shape in pairs)
    return parts[0] if len(parts) == 1 else node.call("concatenate", *parts, axis=axis)


@converter("SplitToSequence")
def convert_split_to_sequence(node: Node) -> Atom:
    x = node.type(0)
    axis = normalize_axis("SplitToSequence", node.attr("axis", 0), x.rank)
    dim, keeps = x.shape[axis], bool(node.attr("keepdims", 1)) or node.has_input(1)
    sizes: tuple[Dimension, ...] | None = None
    size: Dimension = 1
    if node.has_input(1) and node.type(1).rank == 1:
        sizes = node.shape_value(1)
    else:
        if node.has_input(1):
            (size,) = node.shape_value(1)
        if size == 0:
            raise node.error("a split into pieces of 0", expected="at least 1")
        if isinstance(dim, int) and isinstance(size, int) and -(-dim // size) <= SPLIT_LIMIT:
            starts = range(0, dim, size)
            sizes = tuple(min(size, dim - start) for start in starts)
    if sizes is None:
        return _split_in_loop(node, axis, size, keeps)
    parts = split_parts(node, axis, sizes)
    if not keeps:
        rest = (*x.shape[:axis], *x.shape[axis + 1 :])
        parts = [node.reshape(part, rest) for part in parts]
    return construct(node, parts, x.dtype)


def _split_in_loop(node: Node, axis: int, size: Dimension, keeps: bool) -> Atom:
    """Pieces of one size, of which only the run knows how many there are."""
    x = node.type(0)
    dim = x.shape[axis]

    def iterate(inner: Node, index: Var, going_on: Atom, carried: list[Atom]) -> Body:
        if keeps:
            step = inner.dimension(size)
            start = inner.call("multiply", index, step)
            ends = (inner.reshape(start, (1,)), inner.reshape(inner.call("add", start, step), (1,)))
            proto = onnx.helper.make_node("Slice", ["x", "start", "end", "axis"], [f"{node.location.node}_piece"])
            cut = replace(inner, proto=proto, inputs=[node.input(0), *ends, node.constant([axis], "int64")], opset=13)
            convert = find_converter("", "Slice")
            assert convert is not None
            piece = convert(cut)
        else:
            piece = inner.call("take", node.input(0), index, axis=axis)
        return Body(going_on, [inner.call("sequence.insert", carried[0], piece)], [])

    count = (dim + size - 1) // size
    empty = construct(node, (), x.dtype)
    key = f"split {node.location.node} {tuple(node.proto.output)}"
    return build_loop(node, key, count, None, [empty], iterate, [node.proto.output[0]])[0]


@converter("SequenceMap")
def convert_map(node: Node) -> Any:
    """Once for each element of sequences that are known; otherwise the schema's body, which is a loop."""
    atoms = [node.input(i) for i in range(len(node.inputs))]
    parts = [node.builder.parts.get(a) if isinstance(a.type, SequenceType) else (a,) for a in atoms]
    sequence_type(node, 0)
    (first, *rest) = parts
    if first is None or any(part is None for part in rest):
        return NotImplemented
    body = node.graph_attr("body")
    if len(body.input) != len(atoms) or len(body.output) != node.output_count:
        raise node.error(f"a body of {len(body.input)} inputs", expected=f"{len(atoms)}, as the operator has")
    counts = [len(p) for p, a in zip(parts, atoms, strict=True) if p is not None and isinstance(a.type, SequenceType)]
    if len(set(counts)) != 1:
        raise node.error(f"sequences of {', '.join(map(str, counts))} elements", expected="equally many in each")
    if not first:
        return NotImplemented  # what type its results have only the body's types tell
    results = []
    for place_ in range(len(first)):
        given = {
            value.name: part[place_] if isinstance(atom.type, SequenceType) else atom
            for value, part, atom in zip(body.input, parts, atoms, strict=True)
            if part is not None
        }
        results.append(node.convert_graph(body, node.builder, given))
    return [construct(node, column, _dtype(node, column[0])) for column in zip(*results, strict=True)]


def _dtype(node: Node, atom: Atom) -> str:
    if not isinstance(atom.type, TensorType):
        raise node.error(f"the body gives {atom.type}", expected="tensors")
    return atom.type.dtype


# Optional values


@converter("Optional")
def convert_optional(node: Node) -> Atom:
    if node.has_input(0):
        type_ = node.input(0).type
        if not isinstance(type_, (TensorType, SequenceType)):
            raise node.error(f"an optional of {type_}", expected="a tensor or a sequence")
        result = node.call("optional.some", node.input(0))
        node.builder.parts[result] = (node.input(0),)
        return result
    proto = node.required_attr("type")
    element = type_of_proto(onnx.helper.make_optional_type_proto(proto), lambda name: None)
    result = node.call("optional.none", type=str(element))
    node.builder.parts[result] = ()
    return result


@converter("OptionalHasElement")
def convert_has_element(node: Node) -> Atom:
    if not node.has_input(0):
        return node.constant(False)
    parts = node.builder.parts.get(node.input(0))
    if not isinstance(node.input(0).type, OptionalType):
        return node.constant(True)
    return node.call("optional.has", node.input(0)) if parts is None else node.constant(len(parts) == 1)


@converter("OptionalGetElement")
def convert_get_element(node: Node) -> Atom:
    value = node.input(0)
    if not isinstance(value.type, OptionalType):
        return value
    parts = node.builder.parts.get(value)
    if parts is not None:
        if not parts:
            raise node.error("the optional value is empty", expected="a value")
        return parts[0]
    element = value.type.element
    if isinstance(element, SequenceType):
        return node.call("optional.get", value)
    return _take_out(node, "optional.get", element, value)
