"""ONNX poolings: windows that slide, and windows as large as the data."""

from __future__ import annotations

from typing import Any

from ..op.accumulate import wide_dtype
from ..relay.dimension import Dimension, product
from ..relay.expr import Atom, Call, Expr, TupleGetItem
from ..relay.types import TensorType
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


@converter("GlobalLpPool")
def convert_global_lp_pool(node: Node) -> Atom:
    """(sum of |x| ** p) ** (1 / p), in float32 for 16-bit floats."""
    power, dtype = _norm_power(node), node.type(0).dtype
    wide = wide_dtype(dtype)
    x = node.cast(node.input(0), wide)
    parts = node.call("multiply", x, x) if power == 2 else node.call("abs", x)
    if power not in (1, 2):
        parts = node.call("power", parts, node.constant(power, wide))
    norm = node.call("sum", parts, axis=_spatial_axes(node), keepdims=True)
    if power == 2:
        norm = node.call("sqrt", norm)
    elif power != 1:
        norm = node.call("power", norm, node.constant(1 / power, wide))
    return node.cast(norm, dtype)


@converter("MaxUnpool")
def convert_max_unpool(node: Node) -> Atom:
    """Zeros, with the data at its indices.

    The indices count in the tensor that was pooled. Where this model pooled it, its shape is known; else it is the one
    that follows from the attributes, and a greater output_shape adds zeros behind it (as ONNX's own test has it).
    """
    data = node.type(0)
    size = tuple(node.required_attr("kernel_shape"))
    window = window_attributes(node, data, size)
    rank = len(size)
    spatial = [
        (data.shape[2 + a] - 1) * window.strides[a] + size[a] - window.padding[a] - window.padding[rank + a]
        for a in range(rank)
    ]
    shape = _pooled_shape(node) or (*data.shape[:2], *spatial)
    zeros = node.call("full", shape=(product(shape),), value=0, dtype=data.dtype)
    indices, values = (node.reshape(node.input(index), (data.size,)) for index in (1, 0))
    result = node.reshape(node.call("scatter_elements", zeros, indices, values, axis=0), shape)
    wanted = node.shape_value(2) if node.has_input(2) else shape
    if wanted == shape:
        return result
    if len(wanted) != len(shape):
        raise node.error(f"output_shape {wanted}", expected=f"{len(shape)} dimensions")
    after = tuple(new - old for new, old in zip(wanted, shape, strict=True))
    return node.call("pad", result, before=(0,) * len(shape), after=after)


def _pooled_shape(node: Node) -> tuple[Dimension, ...] | None:
    """Shape of the tensor whose pooling gave the indices, where that stands in the same graph."""
    values: dict[Atom, Expr] = {binding.var: binding.value for binding in node.builder.bindings}
    item = values.get(node.input(1))
    call = values.get(item.tuple) if isinstance(item, TupleGetItem) else None
    if isinstance(call, Call) and call.op == "nn.max_pool_indices":
        pooled = call.args[0].type
        return pooled.shape if isinstance(pooled, TensorType) else None
    return None
