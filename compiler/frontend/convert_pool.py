"""ONNX poolings: windows that slide, and windows as large as the data."""

from __future__ import annotations

from typing import Any

from ..relay.expr import Atom
from .registry import Node, converter
from .window import spatial_rank, window_attributes


def _attributes(node: Node) -> dict[str, Any]:
    """Attributes that the Relay poolings share."""
    spatial_rank(node)
    size = tuple(node.required_attr("kernel_shape"))
    window = window_attributes(node, node.type(0), size)
    return {
        "window": size,
        "strides": window.strides,
        "dilations": window.dilations,
        "padding": window.padding,
        # The sizes that auto_pad gives are the same rounded up or down.
        "ceil_mode": bool(node.attr("ceil_mode", 0)) and window.auto == "NOTSET",
    }


@converter("MaxPool")
def convert_max_pool(node: Node) -> Any:
    if not node.has_output(1):
        return node.call("nn.max_pool", node.input(0), **_attributes(node))
    column_major = bool(node.attr("storage_order", 0))
    both = node.call("nn.max_pool_indices", node.input(0), **_attributes(node), column_major=column_major)
    return [node.get_item(both, 0), node.get_item(both, 1)]


@converter("AveragePool")
def convert_average_pool(node: Node) -> Atom:
    include = bool(node.attr("count_include_pad", 0))
    return node.call("nn.average_pool", node.input(0), **_attributes(node), count_include_pad=include)


@converter("LpPool")
def convert_lp_pool(node: Node) -> Atom:
    return node.call("nn.lp_pool", node.input(0), **_attributes(node), p=_norm_power(node))


def _norm_power(node: Node) -> float:
    """The attribute p, which was a float in opset 1."""
    power = node.attr("p", 2)
    if power <= 0:
        raise node.error(f"p {power}", expected="a positive number")
    return int(power) if power == int(power) else power


def _spatial_axes(node: Node) -> tuple[int, ...]:
    return tuple(range(2, 2 + spatial_rank(node)))


@converter("GlobalAveragePool")
def convert_global_average_pool(node: Node) -> Atom:
    return node.call("mean", node.input(0), axis=_spatial_axes(node), keepdims=True)


@converter("GlobalMaxPool")
def convert_global_max_pool(node: Node) -> Atom:
    return node.call("max", node.input(0), axis=_spatial_axes(node), keepdims=True)
