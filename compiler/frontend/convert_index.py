"""ONNX operators that pick elements by positions, or put some there."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from ..op.base import normalize_axis
from ..op.slice import slice_length
from ..relay.dimension import Dimension, lower_bound, maximum, minimum
from ..relay.expr import Atom
from ..relay.run_time import is_run_time
from .convert_tensor import axes_of, reshape
from .registry import Node, converter, number
from .run_time_axes import RunTimeAxes, is_known

#: No tensor has more elements: positions in kernels have 32 bits.
_MOST_ELEMENTS = 2**31 - 1

#: Slice's way of saying "to the end": exporters write INT32_MAX, INT64_MAX or something near.
_ENDLESS = _MOST_ELEMENTS


@converter("Slice")
def convert_slice(node: Node) -> Atom:
    x = node.type(0)
    if node.opset < 10:
        starts, ends = tuple(node.required_attr("starts")), tuple(node.required_attr("ends"))
        axes = axes_of(node, 3, x.rank, range(len(starts)))
        steps: tuple[Dimension, ...] = (1,) * len(starts)
    else:
        if node.has_input(3) and not is_known(node, 3):
            return _along_run_time_axes(node)
        starts, ends = node.shape_value(1, signed=True), node.shape_value(2, signed=True)
        axes = axes_of(node, 3, x.rank, range(len(starts)))
        steps = node.shape_value(4, signed=True) if node.has_input(4) else (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise node.error(
            f"{len(starts)} starts, {len(ends)} ends, {len(axes)} axes, {len(steps)} steps", expected="as many of each"
        )
    return _sliced(node, axes, starts, ends, steps)


def _along_run_time_axes(node: Node) -> Atom:
    """A slice along axes that only the run knows: along all of them, where others are kept whole."""
    rank = node.type(0).rank
    axes = RunTimeAxes.read(node, 3, rank)
    wrong = [index for index in (1, 2, 4) if node.has_input(index) and node.type(index).size != axes.count]
    if wrong:
        raise node.error(f"{node.type(wrong[0]).size} numbers for {axes.count} axes", expected="one for each axis")
    starts, ends = axes.spread(node.input(1), 0), axes.spread(node.input(2), _ENDLESS)
    steps = axes.spread(node.input(4), 1) if node.has_input(4) else [1] * rank
    return _sliced(node, range(rank), starts, ends, steps)


def _sliced(
    node: Node,
    axes: Sequence[int],
    starts: Sequence[Dimension],
    ends: Sequence[Dimension],
    steps: Sequence[Dimension],
) -> Atom:
    x = node.type(0)
    begin: list[Dimension] = [0] * x.rank
    end = list(x.shape)
    strides: list[Dimension] = [1] * x.rank
    for axis, first, last, step in zip(axes, starts, ends, steps, strict=True):
        if step == 0:
            raise node.error("the step 0", expected="another step")
        dim = x.shape[axis]
        longest = _greatest_length(x.shape, axis)
        if isinstance(step, int):  # a longer one takes one element as well; the kernel adds it to a length, in 32 bits
            stride = longest if isinstance(dim, int) else min(longest, 1 << 30)
            step = max(min(step, stride), -stride)
        first, last = _within(first, longest), _within(last, longest)
        strides[axis] = step
        if any(map(is_run_time, (first, last, dim))) or not isinstance(step, int):
            begin[axis], end[axis] = _run_time_positions(node, first, last, step, dim)
            continue
        # ONNX clamps a start that lies before the axis to its first element, also for negative steps.
        begin[axis] = _position(first, dim, 0, dim if step > 0 else maximum(dim - 1, 0))
        if step < 0:  # where the axis has no element: before it
            begin[axis] = minimum(begin[axis], dim - 1)
        end[axis] = _position(last, dim, *((0, dim) if step > 0 else (-1, dim - 1)))
        if dim == 0 or lower_bound(begin[axis] - end[axis] if step > 0 else end[axis] - begin[axis]) >= 0:
            end[axis] = begin[axis]
    if begin == [0] * x.rank and end == list(x.shape) and strides == [1] * x.rank:
        return node.input(0)
    return node.call("strided_slice", node.input(0), begin=tuple(begin), end=tuple(end), strides=tuple(strides))


def _greatest_length(shape: Sequence[Dimension], axis: int) -> int:
    """How long an axis of a tensor can be at most; at least 1."""
    dim = shape[axis]
    if isinstance(dim, int):
        return max(dim, 1)
    others = prod(d for d in shape if isinstance(d, int) and d > 0)
    return max(_MOST_ELEMENTS // others, 1)


def _within(position: Dimension, longest: int) -> Dimension:
    """A start or an end; `_ENDLESS` or its negative where it lies outside of any axis of that length."""
    if isinstance(position, int) and abs(position) > longest:
        return _ENDLESS if position > 0 else -_ENDLESS
    return position


def _position(value: Dimension, dim: Dimension, low: Dimension, high: Dimension) -> Dimension:
    """A start or an end between low and high; a negative one counts from the end.

    The sign of one that is computed from inputs' dimensions may not be known: it is taken as not negative then.
    """
    if isinstance(value, int) and abs(value) == _ENDLESS:
        return high if value > 0 else low
    if (isinstance(value, int) and value < 0) or (not isinstance(value, int) and lower_bound(-value) > 0):
        value = value + dim
    return maximum(minimum(value, high), low)


def _run_time_positions(
    node: Node, first: Dimension, last: Dimension, step: Dimension, dim: Dimension
) -> tuple[Dimension, Dimension]:
    """Begin and end of a slice that the run decides, in small steps: each has a name, so that no expression grows."""

    def named(value: Dimension) -> Dimension:
        (size,) = node.builder.as_sizes([value], node.proto.output[0], node.location, always=True)
        return size

    def is_negative(value: Dimension) -> Dimension:
        if isinstance(value, int):
            return int(value < 0)
        return named(minimum(maximum(-value, 0), 1)) if is_run_time(value) and lower_bound(value) < 0 else 0

    # Going backward, positions begin at -1, where nothing is before the end: all are one more here.
    backward = is_negative(step)

    def position(value: Dimension, low: Dimension) -> Dimension:
        if isinstance(value, int) and abs(value) == _ENDLESS:
            return dim if value > 0 else low
        return named(maximum(minimum(value + dim * is_negative(value) + backward, dim), low))

    begin, end = position(first, named(minimum(backward, dim))), position(last, 0)
    length = named(slice_length(begin, end, step))
    return begin - backward, begin - backward + length * step


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
        # A slice needs no index at run time. What only the run knows it checks: whether there is a last element.
        if lower_bound(place) >= -1 and lower_bound(dim - 1 - place) >= 0:
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
    if known is None and not is_known(node, 1):
        known = node.builder.read_dimensions(node.cast(node.input(1), "int64"), location=node.location)
    depth: Any = int(number(node.static_array(1))) if known is None else known.reshape(-1)[0]
    return node.call("one_hot", node.input(0), node.input(2), depth=depth, axis=node.attr("axis", -1))


@converter("TensorScatter")
def convert_tensor_scatter(node: Node) -> Atom:
    axis = normalize_axis("TensorScatter", node.attr("axis", -2), node.type(0).rank)
    mode = node.attr("mode", "linear")
    if mode not in ("linear", "circular"):
        raise node.error(f"mode '{mode}'", expected="linear or circular")
    inputs = [node.input(index) for index in range(3) if node.has_input(index)]
    return node.call("tensor_scatter", *inputs, axis=axis, circular=mode == "circular")
