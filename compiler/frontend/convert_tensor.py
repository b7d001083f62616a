"""ONNX operators that move elements: to another shape, order or place, repeated, joined, cut or padded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

from ..op.base import broadcast_shape, normalize_axis
from ..relay.dimension import Dimension, lower_bound, maximum, product
from ..relay.expr import Atom, Constant
from ..relay.run_time import collect_conditions, is_run_time
from ..relay.types import TensorType
from .registry import Node, converter, number
from .run_time_axes import RunTimeAxes, is_known


def axes_of(node: Node, index: int | None, rank: int, default: Sequence[int] | None = None) -> list[int]:
    """Axes counted from the front: from an input or from the attribute of older opsets; all, if no default is given."""
    if index is not None and node.has_input(index):
        axes: Any = [int(a) for a in node.static_array(index).reshape(-1)]
    else:
        axes = node.attr("axes")
    if axes is None:
        axes = range(rank) if default is None else default
    result = [normalize_axis(node.proto.op_type, axis, rank) for axis in axes]
    if len(set(result)) != len(result):
        raise node.error(f"axes {tuple(axes)}", expected="each axis once")
    return result


def reshape(node: Node, x: Atom, shape: Sequence[Dimension]) -> Atom:
    """x under another shape; x itself where that is its own."""
    assert isinstance(x.type, TensorType)
    return x if x.type.shape == tuple(shape) else node.call("reshape", x, shape=tuple(shape))


@converter("Reshape")
def convert_reshape(node: Node) -> Atom:
    x = node.type(0)
    wanted = tuple(node.attr("shape", ()) if node.opset < 5 else _reshape_target(node))
    target = list(wanted)
    if not node.attr("allowzero", 0):
        for axis, dim in enumerate(target):
            if dim == 0:
                if axis >= x.rank:
                    raise node.error(
                        f"0 on axis {axis} of the shape {tuple(target)}", expected=f"a tensor with it, not {x}"
                    )
                target[axis] = x.shape[axis]
    if target.count(-1) > 1:
        raise node.error(f"the shape {tuple(target)}", expected="at most one -1")
    if -1 in target:
        place = target.index(-1)
        others = product(target[:place] + target[place + 1 :])
        if others == 0:
            raise node.error(
                f"-1 in the shape {tuple(target)} of no elements", expected="dimensions without 0 beside it"
            )
        (target[place],) = node.builder.as_sizes([x.size // others], node.proto.output[0], node.location)
        if isinstance(x.size, int) and product(target) != x.size:
            raise node.error(f"{x.shape} reshaped to {wanted}", expected=f"a divisor of {x.size} beside -1")
    return reshape(node, node.input(0), target)


def _reshape_target(node: Node) -> Sequence[Dimension]:
    """What a Reshape asks for; where the run decides, it also gives 0 and -1 their meaning."""
    shape = node.input(1)
    value = node.builder.shape_value(shape)
    if value is None or any(is_run_time(d) and lower_bound(d) < 0 for d in value.flat):
        rule = "reshape_zero" if node.attr("allowzero", 0) else "reshape"
        read = node.builder.read_dimensions(shape, rule, node.type(0).shape, node.location)
        return node.shape_value(1) if read is None else tuple(read.reshape(-1))
    return tuple(value.reshape(-1))


@converter("Flatten")
def convert_flatten(node: Node) -> Atom:
    x, axis = node.type(0), node.attr("axis", 1)
    if not -x.rank <= axis <= x.rank:
        raise node.error(f"axis {axis} of a tensor of rank {x.rank}", expected=f"-{x.rank} to {x.rank}")
    axis = axis + x.rank if axis < 0 else axis
    return reshape(node, node.input(0), (product(x.shape[:axis]), product(x.shape[axis:])))


@converter("Squeeze")
def convert_squeeze(node: Node) -> Atom:
    x = node.type(0)
    if not node.has_input(1) and node.attr("axes") is None:
        # Which other dimension is 1 only the run knows. None may be: the rank would be another one.
        data = node.input(0)
        for dim in dict.fromkeys(d for d in x.shape if not isinstance(d, int) and lower_bound(d) <= 1):
            is_one = node.call("equal", node.dimension(dim), node.constant(1, "int64"))
            data = node.call("assume", data, is_one, value=False)
        node = replace(node, inputs=[data])
        axes = [axis for axis, dim in enumerate(x.shape) if dim == 1]
    elif node.has_input(1) and not is_known(node, 1):
        data = node.input(0)
        return node.call("checked_reshape", data, shape=RunTimeAxes.read(node, 1, x.rank).without(data, data))
    else:
        axes = axes_of(node, 1, x.rank)
    wrong = [axis for axis in axes if isinstance(x.shape[axis], int) and x.shape[axis] != 1]
    if wrong:
        raise node.error(f"axis {wrong[0]} of {x.shape} is {x.shape[wrong[0]]}", expected="1")
    shape = tuple(dim for axis, dim in enumerate(x.shape) if axis not in axes)
    if any(x.shape[axis] != 1 for axis in axes):  # only the run knows
        return node.call("checked_reshape", node.input(0), shape=shape)
    return reshape(node, node.input(0), shape)


@converter("Unsqueeze")
def convert_unsqueeze(node: Node) -> Atom:
    x = node.type(0)
    count = node.type(1).size if node.has_input(1) else len(node.attr("axes", ()))
    if not isinstance(count, int):
        raise node.error(
            "the number of axes is only known at run time, and the rank of the result with it",
            expected="an input of axes of static length",
        )
    if node.has_input(1) and not is_known(node, 1):
        axes = RunTimeAxes.read(node, 1, x.rank + count)
        return node.call("checked_reshape", node.input(0), shape=axes.inserted(node.input(0)))
    shape: list[Dimension] = list(x.shape)
    for axis in sorted(axes_of(node, 1, x.rank + count, ())):
        shape.insert(axis, 1)
    return reshape(node, node.input(0), shape)


@converter("Transpose")
def convert_transpose(node: Node) -> Atom:
    rank = node.type(0).rank
    axes = tuple(node.attr("perm", range(rank)[::-1]))
    return node.input(0) if axes == tuple(range(rank)) else node.call("transpose", node.input(0), axes=axes)


@converter("Concat")
def convert_concat(node: Node) -> Atom:
    if not node.inputs:
        raise node.error("Concat of nothing", expected="at least one input")
    axis = node.attr("axis", 1) if node.opset < 4 else node.required_attr("axis")
    axis = normalize_axis("Concat", axis, node.type(0).rank)
    xs = [node.input(i) for i in range(len(node.inputs))]
    return xs[0] if len(xs) == 1 else node.call("concatenate", *xs, axis=axis)


@converter("Split")
def convert_split(node: Node) -> Any:
    x = node.type(0)
    axis = normalize_axis("Split", node.attr("axis", 0), x.rank)
    sizes = _split_sizes(node, x.shape[axis])
    if len(sizes) != node.output_count:
        raise node.error(f"{len(sizes)} sizes for {node.output_count} outputs", expected="as many of each")
    return split_parts(node, axis, sizes)


def split_parts(node: Node, axis: int, sizes: tuple[Dimension, ...]) -> list[Atom]:
    """The parts of input 0, of these sizes along an axis."""
    if len(sizes) == 1:
        return [node.input(0)]
    if not sizes:
        return []
    if node.builder.shape_value(node.input(0)) is None:
        parts = node.call("split", node.input(0), sizes=sizes, axis=axis)
        return [node.get_item(parts, i) for i in range(len(sizes))]
    # Slices carry shape values on, tuples do not.
    return [
        _cut(node, axis, begin, begin + size) for begin, size in zip(accumulate(sizes, initial=0), sizes, strict=False)
    ]


def _split_sizes(node: Node, dim: Dimension) -> tuple[Dimension, ...]:
    if node.has_input(1):
        return node.shape_value(1)
    if (given := node.attr("split")) is not None:
        return tuple(given)
    count = node.attr("num_outputs", node.output_count) if node.opset >= 18 else node.output_count
    if node.opset < 18 and isinstance(dim, int) and dim % count:
        raise node.error(f"{dim} elements split into {count} equal parts", expected=f"a multiple of {count}")
    size = (dim + count - 1) // count if node.opset >= 18 else dim // count
    return (*[size] * (count - 1), dim - (count - 1) * size)


def _cut(node: Node, axis: int, begin: Dimension, end: Dimension) -> Atom:
    """The part of input 0 between two places on an axis."""
    shape = node.type(0).shape
    return node.call(
        "strided_slice",
        node.input(0),
        begin=(*[0] * axis, begin, *[0] * (len(shape) - axis - 1)),
        end=(*shape[:axis], end, *shape[axis + 1 :]),
        strides=(1,) * len(shape),
    )


@converter("Expand")
def convert_expand(node: Node) -> Atom:
    x, wanted = node.input(0), node.shape_value(1)
    with collect_conditions() as conditions:
        shape = broadcast_shape("Expand", node.type(0).shape, wanted)
    if conditions:
        x = node.call("checked_broadcast", x, to=wanted)
    return x if shape == node.type(0).shape else node.call("broadcast_to", x, shape=shape)


@converter("Tile")
def convert_tile(node: Node) -> Atom:
    rank = node.type(0).rank
    repeats = _repeats_of_axis(node, rank) if node.opset < 6 else node.shape_value(1)
    return node.input(0) if set(repeats) == {1} else node.call("tile", node.input(0), repeats=repeats)


def _repeats_of_axis(node: Node, rank: int) -> tuple[Dimension, ...]:
    """Repeats along each axis, by inputs for one: a number of copies and the axis, which are of the data's type."""

    def integer(index: int) -> Atom:
        atom = node.input(index)
        return node.constant(atom.array, "int64") if isinstance(atom, Constant) else node.cast(atom, "int64")

    if any(node.type(index).size != 1 for index in (1, 2)):
        raise node.error(f"tiles of {node.type(1)} along the axis in {node.type(2)}", expected="one number each")
    numbers = replace(node, inputs=[node.input(0), integer(1), integer(2)])
    if is_known(numbers, 2):
        (count,), (axis,) = numbers.shape_value(1), numbers.static_array(2).reshape(-1)
        place = normalize_axis("Tile", int(axis), rank)
        return (*[1] * place, count, *[1] * (rank - place - 1))
    tiles = node.reshape(numbers.input(1), (1, 1))
    repeats = RunTimeAxes.read(numbers, 2, rank).spread(tiles, 1)
    return tuple(node.builder.as_sizes(repeats, node.proto.output[0], node.location))


@converter("Pad")
def convert_pad(node: Node) -> Atom:
    x, mode = node.type(0), node.attr("mode", "constant")
    pads: Sequence[Dimension]
    if node.has_input(3) and not is_known(node, 3):
        pads, axes = _spread_pads(node, x.rank), list(range(x.rank))
    else:
        pads = node.shape_value(1, signed=True) if node.opset >= 11 else node.attr("pads", node.attr("paddings", ()))
        axes = axes_of(node, 3, x.rank)
    if len(pads) != 2 * len(axes):
        raise node.error(f"{len(pads)} paddings for {len(axes)} axes", expected="two for each axis")
    before: list[Dimension] = [0] * x.rank
    after: list[Dimension] = [0] * x.rank
    for place, axis in enumerate(axes):
        before[axis], after[axis] = pads[place], pads[len(axes) + place]
        if is_run_time(before[axis]) or is_run_time(after[axis]):
            size = x.shape[axis] + before[axis]
            (whole,) = node.builder.as_sizes([size + after[axis]], node.proto.output[0], node.location)
            after[axis] = whole - size
    data = node.input(0)
    if not any(p != 0 for p in before + after):
        return data
    if mode != "constant":
        data, before, after = _crop(node, before, after)
        return node.call("pad", data, before=tuple(before), after=tuple(after), mode=mode)
    attrs = {"before": tuple(before), "after": tuple(after), "mode": mode}
    filler = node.optional_input(2)
    if filler is not None and not isinstance(filler, Constant):
        return node.call("pad", data, filler, **attrs)
    value = node.attr("value", 0) if filler is None else number(filler.array)
    return node.call("pad", data, **attrs, value=bool(value) if x.dtype == "bool" else value)


def _spread_pads(node: Node, rank: int) -> list[Dimension]:
    """Paddings of all axes from those of axes that only the run knows."""
    axes = RunTimeAxes.read(node, 3, rank)
    if node.type(1).size != 2 * axes.count:
        raise node.error(f"{node.type(1).size} paddings for {axes.count} axes", expected="two for each axis")
    parts = []
    for begin in (0, axes.count):
        attrs = {"begin": (begin,), "end": (begin + axes.count,), "strides": (1,)}
        parts.append(axes.spread(node.call("strided_slice", node.input(1), **attrs), 0))
    return parts[0] + parts[1]


def _crop(node: Node, before: list[Dimension], after: list[Dimension]) -> tuple[Atom, list[Dimension], list[Dimension]]:
    """Cut off what negative paddings say; the remaining paddings are not negative."""
    shape = node.type(0).shape
    begin = tuple(maximum(-b, 0) for b in before)
    end = tuple(d - maximum(-a, 0) for d, a in zip(shape, after, strict=True))
    if begin == (0,) * len(shape) and end == shape:
        return node.input(0), before, after
    data = node.call("strided_slice", node.input(0), begin=begin, end=end, strides=(1,) * len(shape))
    return data, [maximum(b, 0) for b in before], [maximum(a, 0) for a in after]


def _blocks(node: Node) -> tuple[int, tuple[Dimension, ...]]:
    block, shape = node.required_attr("blocksize"), node.type(0).shape
    if len(shape) != 4 or block < 1:
        raise node.error(
            f"{node.proto.op_type} of {shape} by blocks of {block}", expected="(N, C, H, W), and blocks >= 1"
        )
    return block, shape


@converter("DepthToSpace")
def convert_depth_to_space(node: Node) -> Atom:
    block, (batch, channels, height, width) = _blocks(node)
    if isinstance(channels, int) and channels % block**2:
        raise node.error(f"{channels} channels by blocks of {block}", expected=f"a multiple of {block**2}")
    depth = channels // block**2
    split: tuple[Dimension, ...]
    if node.attr("mode", "DCR") == "DCR":
        split, axes = (batch, block, block, depth, height, width), (0, 3, 4, 1, 5, 2)
    else:
        split, axes = (batch, depth, block, block, height, width), (0, 1, 4, 2, 5, 3)
    moved = node.call("transpose", reshape(node, node.input(0), split), axes=axes)
    return reshape(node, moved, (batch, depth, height * block, width * block))


@converter("SpaceToDepth")
def convert_space_to_depth(node: Node) -> Atom:
    block, (batch, channels, height, width) = _blocks(node)
    if any(isinstance(side, int) and side % block for side in (height, width)):
        raise node.error(f"{height} by {width} elements in blocks of {block}", expected=f"multiples of {block}")
    split = (batch, channels, height // block, block, width // block, block)
    axes = (0, 3, 5, 1, 2, 4) if node.attr("mode", "DCR") == "DCR" else (0, 1, 3, 5, 2, 4)
    moved = node.call("transpose", reshape(node, node.input(0), split), axes=axes)
    return reshape(node, moved, (batch, channels * block**2, height // block, width // block))


@converter("Trilu")
def convert_trilu(node: Node) -> Atom:
    upper = bool(node.attr("upper", 1))
    diagonal = node.optional_input(1)
    if diagonal is None:
        return node.call("trilu", node.input(0), upper=upper)
    known = node.builder.shape_value(diagonal)
    if known is None:
        return node.call("trilu", node.input(0), diagonal, upper=upper)
    return node.call("trilu", node.input(0), upper=upper, diagonal=known.reshape(-1)[0])


@converter("ReverseSequence")
def convert_reverse_sequence(node: Node) -> Atom:
    batch, time = node.attr("batch_axis", 1), node.attr("time_axis", 0)
    return node.call("reverse_sequence", node.input(0), node.input(1), batch_axis=batch, time_axis=time)


@converter("CenterCropPad")
def convert_center_crop_pad(node: Node) -> Any:
    """By the schema's function, which takes the shape for one of int64."""
    if node.type(1).dtype != "int64":
        node.inputs = [node.input(0), node.cast(node.input(1), "int64")]
    return NotImplemented
