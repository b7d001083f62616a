"""ONNX operators that pick elements by positions, or put some there."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op.base import normalize_axis
from ..relay.dimension import Dimension, lower_bound, maximum, minimum
from ..relay.expr import Atom, Constant
from .convert_tensor import axes_of, reshape
from .registry import Node, converter, number

#: Slice's way of saying "to the end": exporters write INT32_MAX, INT64_MAX or something near.
_ENDLESS = 2**31 - 1


@converter("Slice")
def convert_slice(node: Node) -> Atom:
    x = node.type(0)
    if node.opset < 10:
        starts, ends = tuple(node.required_attr("starts")), tuple(node.required_attr("ends"))
        axes = axes_of(node, 3, x.rank, range(len(starts)))
        steps: tuple[Dimension, ...] = (1,) * len(starts)
    else:
        starts, ends = node.shape_value(1), node.shape_value(2)
        axes = axes_of(node, 3, x.rank, range(len(starts)))
        steps = node.shape_value(4) if node.has_input(4) else (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise node.error(
            f"{len(starts)} starts, {len(ends)} ends, {len(axes)} axes, {len(steps)} steps", expected="as many of each"
        )
    begin: list[Dimension] = [0] * x.rank
    end, strides = list(x.shape), [1] * x.rank
    for axis, first, last, step in zip(axes, starts, ends, steps, strict=True):
        if not isinstance(step, int) or step == 0:
            raise node.error(f"the step {step}", expected="an integer other than 0, known by now")
        dim = x.shape[axis]
        low, high = (0, dim) if step > 0 else (-1, dim - 1)
        begin[axis] = _position(first, dim, low, high)
        end[axis] = _position(last, dim, low, high)
        strides[axis] = step
        if lower_bound(begin[axis] - end[axis] if step > 0 else end[axis] - begin[axis]) >= 0:
            end[axis] = begin[axis]
    if begin == [0] * x.rank and end == list(x.shape) and strides == [1] * x.rank:
        return node.input(0)
    return node.call("strided_slice", node.input(0), begin=tuple(begin), end=tuple(end), strides=tuple(strides))


def _position(value: Dimension, dim: Dimension, low: Dimension, high: Dimension) -> Dimension:
    """A start or an end between low and high; a negative one counts from the end.

    The sign of one that is computed from dimensions may not be known: it is taken as not negative then.
    """
    if isinstance(value, int) and abs(value) >= _ENDLESS:
        return high if value > 0 else low
    if (isinstance(value, int) and value < 0) or (not isinstance(value, int) and lower_bound(-value) > 0):
        value = value + dim
    return maximum(minimum(value, high), low)


@converter("Gather")
def convert_gather(node: Node) -> Atom:
    x, indices = node.type(0), node.type(1)
    axis = normalize_axis("Gather", node.attr("axis", 0), x.rank)
    dim = x.shape[axis]
    known = node.builder.shape_value(node.input(1))
    if known is not None and isinstance(dim, int):
        wrong = [i for i in known.reshape(-1) if isinstance(i, int) and not -dim <= i < dim]
        if wrong:
            raise node.error(f"index {wrong[0]} on axis {axis} of {x.shape}", expected=f"{-dim} to {dim - 1}")
    if known is not None and known.size == 1 and isinstance(first := known.reshape(-1)[0], int):
        place = first + dim if first < 0 else first
        if lower_bound(place) >= 0 and lower_bound(dim - 1 - place) >= 0:  # a slice needs no index at run time
            begin: list[Dimension] = [0] * x.rank
            end = list(x.shape)
            begin[axis], end[axis] = place, place + 1
            cut = node.call("strided_slice", node.input(0), begin=tuple(begin), end=tuple(end), strides=(1,) * x.rank)
            return reshape(node, cut, (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))
    return node.call("take", node.input(0), node.input(1), axis=axis)


@converter("GatherElements")
def convert_gather_elements(node: Node) -> Atom:
    return node.call("gather_elements", node.input(0), node.input(1), axis=node.attr("axis", 0))


@converter("GatherND")
def convert_gather_nd(node: Node) -> Atom:
    return node.call("gather_nd", node.input(0), node.input(1), batch_dims=node.attr("batch_dims", 0))


@converter("ScatterElements", "Scatter")
def convert_scatter_elements(node: Node) -> Atom:
    axis, reduction = node.attr("axis", 0), node.attr("reduction", "none")
    return node.call("scatter_elements", *map(node.input, range(3)), axis=axis, reduction=reduction)


@converter("ScatterND")
def convert_scatter_nd(node: Node) -> Atom:
    return node.call("scatter_nd", *map(node.input, range(3)), reduction=node.attr("reduction", "none"))


@converter("OneHot")
def convert_one_hot(node: Node) -> Atom:
    known = node.builder.shape_value(node.input(1))
    depth: Any = int(number(node.static_array(1))) if known is None else known.reshape(-1)[0]
    return node.call("one_hot", node.input(0), node.input(2), depth=depth, axis=node.attr("axis", -1))


def _data_dependent(node: Node, index: int) -> np.ndarray:
    """A constant that decides on the result's shape."""
    atom = node.input(index)
    known = node.builder.shape_value(atom)
    if not isinstance(atom, Constant) and (known is None or not all(isinstance(v, int) for v in known.flat)):
        raise node.error(
            f"the result's shape depends on what input {index} ('{node.proto.input[index]}') holds at run time",
            expected="a constant",
            remedy="cut the model before this node, and do the rest in the application",
        )
    return node.static_array(index)


@converter("Compress")
def convert_compress(node: Node) -> Atom:
    x, axis = node.type(0), node.attr("axis")
    kept = np.flatnonzero(_data_dependent(node, 1)).astype(np.int64)
    if axis is None:
        return node.call("take", reshape(node, node.input(0), (x.size,)), Constant(kept), axis=0)
    return node.call("take", node.input(0), Constant(kept), axis=normalize_axis("Compress", axis, x.rank))


@converter("NonZero")
def convert_non_zero(node: Node) -> Atom:
    array = _data_dependent(node, 0)
    # numpy knows no rank 0 here: ONNX gives no rows then, and a column where the scalar is not zero.
    found = np.nonzero(array) if array.ndim else np.empty((0, int(np.count_nonzero(array))))
    return Constant(np.array(found, np.int64).reshape(array.ndim, -1 if array.ndim else int(np.count_nonzero(array))))


@converter("Unique")
def convert_unique(node: Node) -> Any:
    array, axis = _data_dependent(node, 0), node.attr("axis")
    values, first, inverse, counts = np.unique(array, True, True, True, axis=axis)
    if not node.attr("sorted", 1):
        order = np.argsort(first)
        values = np.take(values, order, 0 if axis is None else axis)
        first, inverse, counts = first[order], np.argsort(order)[inverse.reshape(-1)], counts[order]
    return [Constant(values), *(Constant(a.reshape(-1).astype(np.int64)) for a in (first, inverse, counts))]


@converter("NonMaxSuppression")
def convert_non_max_suppression(node: Node) -> Any:
    _data_dependent(node, 1)
    raise node.error("NonMaxSuppression is not supported", remedy="cut the model before this node")


@converter("TensorScatter")
def convert_tensor_scatter(node: Node) -> Atom:
    axis = normalize_axis("TensorScatter", node.attr("axis", -2), node.type(0).rank)
    mode = node.attr("mode", "linear")
    if mode not in ("linear", "circular"):
        raise node.error(f"mode '{mode}'", expected="linear or circular")
    inputs = [node.input(index) for index in range(3) if node.has_input(index)]
    return node.call("tensor_scatter", *inputs, axis=axis, circular=mode == "circular")
