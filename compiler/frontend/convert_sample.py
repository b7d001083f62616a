"""ONNX operators that sample images at computed places, or put images together."""

from __future__ import annotations

from ..relay.expr import Atom
from ..relay.types import TensorType
from .registry import Node, converter
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
    image, block = node.shape_value(1), tuple(int(k) for k in node.static_array(2).reshape(-1))
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
