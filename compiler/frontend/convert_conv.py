"""ONNX Conv and ConvTranspose."""

from __future__ import annotations

from collections.abc import Sequence

from ..relay.dimension import Dimension
from ..relay.expr import Atom
from .registry import Node, converter
from .window import Window, kernel_window, spatial_rank, split_padding, window_attributes


@converter("Conv")
def convert_conv(node: Node) -> Atom:
    spatial_rank(node)
    window = window_attributes(node, node.type(0), kernel_window(node, node.type(1)))
    return node.call(
        "nn.conv",
        *_operands(node),
        strides=window.strides,
        dilations=window.dilations,
        padding=window.padding,
        groups=node.attr("group", 1),
    )


@converter("ConvTranspose")
def convert_conv_transpose(node: Node) -> Atom:
    spatial = spatial_rank(node)
    data = node.type(0)
    size = kernel_window(node, node.type(1))
    output_padding = tuple(node.attr("output_padding") or (0,) * spatial)
    if len(output_padding) != spatial:
        raise node.error(f"output_padding {output_padding}", expected=f"{spatial} numbers")
    # SAME_* has another meaning here, which `_transposed_padding` knows.
    window = window_attributes(node, data, size)
    padding, extra = _transposed_padding(node, window, data.shape[2:], size, output_padding)
    return node.call(
        "nn.conv_transpose",
        *_operands(node),
        strides=window.strides,
        dilations=window.dilations,
        padding=padding,
        output_padding=extra,
        groups=node.attr("group", 1),
    )


def _operands(node: Node) -> list[Atom]:
    bias = node.optional_input(2)
    return [node.input(0), node.input(1), *([bias] if bias is not None else [])]


def _transposed_padding(
    node: Node, window: Window, sizes: Sequence[Dimension], kernel: Sequence[int], output_padding: Sequence[int]
) -> tuple[tuple[Dimension, ...], tuple[Dimension, ...]]:
    """Padding and output padding of a transposed convolution whose output shape is asked for."""
    wanted: Sequence[Dimension] | None = node.attr("output_shape")
    spatial = len(sizes)
    if wanted:
        wanted = wanted[-spatial:]  # some exporters also give batch and channels
    elif window.auto in ("SAME_UPPER", "SAME_LOWER"):
        wanted = [size * stride for size, stride in zip(sizes, window.strides, strict=True)]
    else:
        return window.padding, tuple(output_padding)
    totals: list[Dimension] = []
    extra: list[Dimension] = []
    for axis, target in enumerate(wanted):
        span = (kernel[axis] - 1) * window.dilations[axis] + 1
        surplus = (sizes[axis] - 1) * window.strides[axis] + span + output_padding[axis] - target
        missing = isinstance(surplus, int) and surplus < 0
        totals.append(0 if missing else surplus)
        extra.append(output_padding[axis] - surplus if missing else output_padding[axis])
    return split_padding(totals, window.auto), tuple(extra)
