"""ONNX operators that sample images at computed places, or put images together."""

from __future__ import annotations

from typing import Any

from ..relay.dimension import Dimension
from ..relay.expr import Atom
from ..relay.types import TensorType
from .registry import Node, converter
from .run_time_axes import is_known
from .window import kernel_window, spatial_rank, window_attributes


@converter("GridSample")
def convert_grid_sample(node: Node) -> Atom:
    mode = node.attr("mode", "linear" if node.opset >= 20 else "bilinear")
    return node.call(
        "grid_sample",
        node.input(0),
        node.input(1),
        mode={"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode),
        padding=node.attr("padding_mode", "zeros"),
        align_corners=bool(node.attr("align_corners", 0)),
    )


@converter("Col2Im")
def convert_col2im(node: Node) -> Atom:
    image, block = node.shape_value(1), node.shape_value(2)
    axes = len(block)
    return node.call(
        "col2im",
        node.input(0),
        image=image,
        block=block,
        strides=tuple(node.attr("strides", (1,) * axes)),
        padding=tuple(node.attr("pads", (0,) * (2 * axes))),
        dilations=tuple(node.attr("dilations", (1,) * axes)),
    )


@converter("RoiAlign")
def convert_roi_align(node: Node) -> Atom:
    mode = node.attr("coordinate_transformation_mode", "half_pixel" if node.opset >= 16 else "output_half_pixel")
    return node.call(
        "roi_align",
        *map(node.input, range(3)),
        height=node.attr("output_height", 1),
        width=node.attr("output_width", 1),
        samples=node.attr("sampling_ratio", 0),
        scale=node.attr("spatial_scale", 1.0),
        half_pixel=mode == "half_pixel",
        mode=node.attr("mode", "avg"),
    )


@converter("MaxRoiPool")
def convert_max_roi_pool(node: Node) -> Atom:
    height, width = node.required_attr("pooled_shape")
    scale = node.attr("spatial_scale", 1.0)
    return node.call("roi_max_pool", node.input(0), node.input(1), height=height, width=width, scale=scale)


@converter("DeformConv")
def convert_deform_conv(node: Node) -> Atom:
    """The elements that the window reads, as a matrix, and one product for each group."""
    data, weights, groups = node.type(0), node.type(1), node.attr("group", 1)
    spatial_rank(node)
    kernel = kernel_window(node, weights)
    window = window_attributes(node, data, kernel)
    mask = node.optional_input(4)
    columns = node.call(
        "deformable_columns",
        node.input(0),
        node.input(2),
        *([mask] if mask is not None else []),
        kernel=kernel,
        strides=window.strides,
        padding=window.padding,
        dilations=window.dilations,
        groups=node.attr("offset_group", 1),
    )
    assert isinstance(columns.type, TensorType)
    batch, channels, taps, places = columns.type.shape
    outputs, per_group = weights.shape[:2]
    if channels != per_group * groups or outputs % groups != 0:
        raise node.error(
            f"{channels} channels, and weights of shape {weights.shape} in {groups} groups",
            expected="channels and outputs that the groups share equally",
        )
    columns = node.reshape(columns, (batch, groups, per_group * taps, places))
    matrix = node.reshape(node.input(1), (1, groups, outputs // groups, per_group * taps))
    result = node.call("nn.matmul", matrix, columns)
    result = node.reshape(result, (batch, outputs, *node.type(2).shape[2:]))
    if not node.has_input(3):
        return result
    return node.call("add", result, node.reshape(node.input(3), (outputs, *[1] * len(kernel))))


@converter("AffineGrid")
def convert_affine_grid(node: Node) -> Any:
    """Where the run decides how large the grid is; else the function's body does, and folds to constants.

    The body divides by 0 where the corners of one place are aligned: its place is the middle, as in PyTorch.
    """
    theta, dtype, rank = node.input(0), node.type(0).dtype, node.type(0).shape[1]
    sizes = node.shape_value(1)[2:]
    if is_known(node, 1) and not (node.attr("align_corners", 0) and 1 in sizes):
        return NotImplemented
    if not isinstance(rank, int) or rank not in (2, 3) or len(sizes) != rank:
        raise node.error(f"AffineGrid of {node.type(0)} to {len(sizes)} axes", expected="2 or 3, as theta has rows")
    batch = node.type(0).shape[0]
    one, two = node.constant(1, dtype), node.constant(2, dtype)
    total: Atom | None = None
    for axis, size in enumerate(sizes):  # the last axis is x, theta's first column
        number = node.call("take", node.input(1), node.constant(axis + 2, "int64"), axis=0)
        count = node.cast(number, dtype)
        if node.attr("align_corners", 0):
            gaps = node.call("subtract", count, one)
            step = node.call("divide", two, node.call("maximum", gaps, one))
            start: Atom = node.call("negative", node.call("minimum", gaps, one))  # one place: the middle
        else:
            step = node.call("divide", two, count)
            start = node.call("subtract", node.call("divide", one, count), one)
        places = node.cast(node.call("arange", start=0, step=1, count=size, dtype="int64"), dtype)
        places = node.call("add", node.call("multiply", places, step), start)
        places = node.reshape(places, (*(size if i == axis else 1 for i in range(rank)), 1))
        column = node.call("multiply", places, _column(node, theta, rank - 1 - axis, batch, rank))
        total = column if total is None else node.call("add", total, column)
    assert total is not None
    return node.call("add", total, _column(node, theta, rank, batch, rank))


def _column(node: Node, theta: Atom, index: int, batch: Dimension, rank: int) -> Atom:
    """A column of each matrix, as (batch, 1, ..., rows)."""
    column = node.call("take", theta, node.constant(index, "int64"), axis=2)
    return node.reshape(column, (batch, *[1] * rank, rank))
