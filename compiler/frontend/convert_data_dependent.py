"""ONNX operators whose results are as large as their data say."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import op as relay_op
from ..diagnostics import located
from ..op.base import normalize_axis
from ..relay.dimension import Dimension, lower_bound, maximum
from ..relay.expr import Atom, Constant
from ..relay.types import TensorType
from .registry import Node, converter, number

Shape = tuple[Dimension, ...]


def counted(
    node: Node, op: str, args: Sequence[Atom], shapes: Sequence[Callable[[Dimension], Shape]], **attrs: Any
) -> list[Atom]:
    """Results of an operator that writes to the begin of its memory, and counts what it writes.

    Parameters
    ----------
    op : str
        Its last result is the count.
    args : sequence of atoms
    shapes : sequence of callables
        For each of the other results: its shape, given the count.
    """
    if all(isinstance(arg, Constant) for arg in args):
        found = relay_op.get(op)
        full = relay_op.complete_attrs(found, attrs)
        with located(node.location):
            found.relation(full, [arg.type for arg in args])
        *memories, count = found.reference(full, *(arg.array for arg in args if isinstance(arg, Constant)))
        known = [[int(d) for d in shape(int(count[0])) if isinstance(d, int)] for shape in shapes]
        pairs = zip(memories, known, strict=True)
        return [Constant(memory.reshape(-1)[: math.prod(shape)].reshape(shape)) for memory, shape in pairs]
    every = node.call(op, *args, **attrs)
    name = node.proto.output[0]
    number = node.builder.get_item(every, len(shapes), f"{name}_count", node.location)
    value = node.builder.read_dimensions(number, location=node.location)
    assert value is not None
    size = value.reshape(-1)[0]
    results: list[Atom] = []
    for index, shape in enumerate(shapes):
        if index < node.output_count and not node.has_output(index):
            results.append(node.constant(0))  # nobody wants it
            continue
        memory = node.builder.get_item(every, index, f"{name}_memory", node.location)
        named = node.proto.output[index] if index < node.output_count else name
        results.append(node.builder.call("prefix", memory, name=named, location=node.location, shape=shape(size)))
    return results


@converter("NonZero")
def convert_non_zero(node: Node) -> Any:
    rank = node.type(0).rank
    return counted(node, "nonzero", [node.input(0)], [lambda n: (rank, n)])


@converter("Compress")
def convert_compress(node: Node) -> Any:
    data, axis = node.input(0), node.attr("axis")
    if axis is None:
        data, axis = node.reshape(data, (node.type(0).size,)), 0
    shape = data.type.shape  # type: ignore[union-attr]
    axis = normalize_axis("Compress", axis, len(shape))
    kept: list[Callable[[Dimension], Shape]] = [lambda n: (*shape[:axis], n, *shape[axis + 1 :])]
    return counted(node, "compress", [data, node.input(1)], kept, axis=axis)


@converter("Range")
def convert_range(node: Node) -> Any:
    known = _known_range(node)
    if known is not None:
        return known
    start, limit, step = (node.input(i) for i in range(3))
    name = f"{node.proto.output[0]}_length"
    length = node.builder.call("range_length", start, limit, step, name=name, location=node.location)
    value = node.builder.read_dimensions(length, location=node.location)
    assert value is not None
    return node.call("range", start, step, count=value.reshape(-1)[0])


def _known_range(node: Node) -> Atom | None:
    """The progression where the compiler knows what it starts, ends and goes on with; None where only the run does."""
    dtype = node.type(0).dtype
    if "int" not in dtype:
        inputs = [node.input(i) for i in range(3)]
        if not all(isinstance(atom, Constant) for atom in inputs):
            return None
        first, last, by = (float(number(node.static_array(i))) for i in range(3))
        if by == 0:
            raise node.error("Range with the step 0", expected="another step")
        return node.call("arange", start=first, step=by, count=max(math.ceil((last - first) / by), 0), dtype=dtype)
    values = [node.builder.shape_value(node.input(i)) for i in range(3)]
    if any(value is None or value.size != 1 for value in values):
        return None
    start, limit, step = (value.reshape(-1)[0] for value in values if value is not None)
    if step == 0:
        raise node.error("Range with the step 0", expected="another step")
    if lower_bound(step) > 0:
        count = maximum((limit - start + step - 1) // step, 0)
    elif lower_bound(-step) > 0:
        count = maximum((start - limit - step - 1) // -step, 0)
    else:
        return None
    return node.call("arange", start=start, step=step, count=count, dtype=dtype)


@converter("Unique")
def convert_unique(node: Node) -> Any:
    data, axis = node.input(0), node.attr("axis")
    if axis is None:
        data, axis = node.reshape(data, (node.type(0).size,)), 0
    shape = data.type.shape  # type: ignore[union-attr]
    axis = normalize_axis("Unique", axis, len(shape))
    lists: list[Callable[[Dimension], Shape]] = [lambda n: (n,), lambda n: (shape[axis],), lambda n: (n,)]
    distinct: Callable[[Dimension], Shape] = lambda n: (*shape[:axis], n, *shape[axis + 1 :])  # noqa: E731
    order = bool(node.attr("sorted", 1))
    return counted(node, "unique", [data], [distinct, *lists], axis=axis, sorted=order)[: node.output_count]


@converter("NonMaxSuppression")
def convert_non_max_suppression(node: Node) -> Any:
    def scalar(index: int, dtype: str, default: float) -> Atom:
        atom = node.optional_input(index)
        if atom is None or (isinstance(atom.type, TensorType) and atom.type.size == 0):
            return node.constant([default], dtype)
        return node.reshape(atom, (1,))

    limits = [scalar(2, "int64", 0), scalar(3, "float32", 0), scalar(4, "float32", -np.inf)]
    inputs = [node.input(0), node.input(1), *limits]
    center = bool(node.attr("center_point_box", 0))
    return counted(node, "non_max_suppression", inputs, [lambda n: (n, 3)], center=center)
