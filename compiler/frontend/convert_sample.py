"""ONNX operators that sample images at computed places, or put images together."""

from __future__ import annotations

from ..relay.expr import Atom
from .registry import Node, converter


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
