"""ONNX normalisations."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op.base import FLOATS, check_dtype, normalize_axis
from ..relay.dimension import Dimension, product
from ..relay.expr import Atom, dtype_of, shape_of
from ..relay.types import DTYPES
from .registry import Node, converter


@converter("BatchNormalization")
def convert_batch_normalization(node: Node) -> Any:
    """By given statistics. In training mode (an attribute from opset 14 on) by the batch's own, which it also gives."""
    x, shape = node.input(0), node.type(0).shape
    parameters = [node.input(index) for index in range(1, 5)]
    flat: tuple[Dimension, ...] = shape if len(shape) > 1 else (*shape, 1)
    if node.opset < 9 and not node.attr("spatial", 1):  # a scale for each element
        flat = (shape[0], product(shape[1:]))
    x = node.reshape(x, flat)
    parameters = [node.reshape(p, (flat[1],)) if len(shape_of(p)) != 1 else p for p in parameters]
    epsilon = node.attr("epsilon", 1e-5)
    if node.opset >= 14:
        training = bool(node.attr("training_mode", 0))
    else:
        training = any(map(node.has_output, range(1, 5))) and not node.attr("is_test", 0)
    if not training:
        return node.reshape(node.call("nn.batch_norm", x, *parameters, epsilon=epsilon), shape)
    mean, variance = _moments(node, x, tuple(axis for axis in range(len(flat)) if axis != 1), keepdims=False)
    scale, bias, *running = parameters
    y = node.call("nn.batch_norm", x, scale, bias, mean, variance, epsilon=epsilon)
    momentum = node.attr("momentum", 0.9)
    current = [node.cast(c, dtype_of(r)) for c, r in zip((mean, variance), running, strict=True)]
    updated = [
        node.call("add", _scaled(node, old, momentum), _scaled(node, new, 1 - momentum))
        for old, new in zip(running, current, strict=True)
    ]
    return [node.reshape(y, shape), *updated, *current]


def _scaled(node: Node, x: Atom, factor: float) -> Atom:
    return node.call("multiply", x, node.constant(factor, dtype_of(x)))


def _moments(node: Node, x: Atom, axes: tuple[int, ...], keepdims: bool) -> tuple[Atom, Atom]:
    """Mean and variance over axes, in float32 for 16-bit floats."""
    if dtype_of(x) in ("float16", "bfloat16"):
        x = node.cast(x, "float32")
    mean = node.call("mean", x, axis=axes, keepdims=True)
    deviation = node.call("subtract", x, mean)
    variance = node.call("mean", node.call("multiply", deviation, deviation), axis=axes, keepdims=keepdims)
    return (mean if keepdims else node.reshape(mean, shape_of(variance))), variance


@converter("LayerNormalization")
def convert_layer_normalization(node: Node) -> Any:
    x, rank = node.input(0), node.type(0).rank
    axis = normalize_axis("LayerNormalization", node.attr("axis", -1), rank)
    epsilon = node.attr("epsilon", 1e-5)
    parameters = [p for p in (node.input(1), node.optional_input(2)) if p is not None]
    results: list[Atom | None] = [node.call("nn.layer_norm", x, *parameters, axis=axis, epsilon=epsilon), None, None]
    if node.has_output(1) or node.has_output(2):
        stash = node.dtype_attr("stash_type", "float32")
        mean, variance = _moments(node, node.cast(x, stash), tuple(range(axis, rank)), keepdims=True)
        shifted = node.call("add", variance, node.constant(epsilon, dtype_of(variance)))
        inverse = node.call("reciprocal", node.call("sqrt", shifted))
        results[1:] = [node.cast(mean, stash), node.cast(inverse, stash)]
    return results


@converter("RMSNormalization")
def convert_rms_normalization(node: Node) -> Atom:
    """The result has the scale's element type, which may differ from the data's."""
    x, scale = node.input(0), node.input(1)
    axis = normalize_axis("RMSNormalization", node.attr("axis", -1), node.type(0).rank)
    scaled = node.call(
        "nn.rms_norm", x, node.cast(scale, node.type(0).dtype), axis=axis, epsilon=node.attr("epsilon", 1e-5)
    )
    return node.cast(scaled, node.type(1).dtype)


@converter("InstanceNormalization")
def convert_instance_normalization(node: Node) -> Atom:
    """A layer normalisation over the spatial axes, whose scale and bias broadcast over them."""
    shape = node.type(0).shape
    if len(shape) < 3:
        raise node.error(f"input 0 is {node.type(0)}", expected="batch, channels and one spatial axis or more")
    ones = (1,) * (len(shape) - 2)
    parameters = [node.reshape(node.input(index), (*node.type(index).shape, *ones)) for index in (1, 2)]
    return node.call("nn.layer_norm", node.input(0), *parameters, axis=2, epsilon=node.attr("epsilon", 1e-5))


@converter("GroupNormalization")
def convert_group_normalization(node: Node) -> Atom:
    """Scale and bias are given for each group up to opset 20, for each channel from 21 on."""
    shape, groups = node.type(0).shape, node.required_attr("num_groups")
    channels = shape[1] if len(shape) > 1 else 0
    if groups < 1 or channels % groups != 0:
        raise node.error(f"{groups} groups of {channels} channels", expected="groups of one size")
    ones = (1,) * (len(shape) - 2)
    each = (groups, channels // groups if node.opset >= 21 else 1, *ones)
    parameters = [node.reshape(node.input(index), each) for index in (1, 2)]
    split = node.reshape(node.input(0), (shape[0], groups, channels // groups, *shape[2:]))
    scaled = node.call("nn.layer_norm", split, *parameters, axis=2, epsilon=node.attr("epsilon", 1e-5))
    return node.reshape(scaled, shape)


@converter("MeanVarianceNormalization")
def convert_mean_variance_normalization(node: Node) -> Atom:
    """The schema's function has constants of float32, which fit no other type."""
    x, rank = node.input(0), node.type(0).rank
    axes = node.attr("axes", (0, 2, 3))
    known = tuple(sorted({normalize_axis("MeanVarianceNormalization", axis, rank) for axis in axes}))
    mean, variance = _moments(node, x, known, keepdims=True)
    deviation = node.call("subtract", node.cast(x, dtype_of(mean)), mean)
    divisor = node.call("add", node.call("sqrt", variance), node.constant(1e-9, dtype_of(mean)))
    return node.cast(node.call("divide", deviation, divisor), dtype_of(x))


@converter("LpNormalization")
def convert_lp_normalization(node: Node) -> Atom:
    x, dtype = node.input(0), node.type(0).dtype
    axis = normalize_axis("LpNormalization", node.attr("axis", -1), node.type(0).rank)
    power = node.attr("p", 2)
    if power not in (1, 2):
        raise node.error(f"p {power}", expected="1 or 2")
    check_dtype("LpNormalization", dtype, FLOATS)
    wide = node.cast(x, "float32") if dtype in ("float16", "bfloat16") else x
    parts = node.call("abs", wide) if power == 1 else node.call("multiply", wide, wide)
    norm = node.call("sum", parts, axis=(axis,), keepdims=True)
    if power == 2:
        norm = node.call("sqrt", norm)
    # Where the norm is 0 the data is 0 too, and so shall the result be.
    least = np.finfo(DTYPES[dtype_of(wide)][0]).tiny
    norm = node.call("maximum", norm, node.constant(least, dtype_of(wide)))
    return node.cast(node.call("divide", wide, norm), dtype)


@converter("LRN")
def convert_lrn(node: Node) -> Atom:
    return node.call(
        "nn.lrn",
        node.input(0),
        size=node.required_attr("size"),
        alpha=node.attr("alpha", 0.0001),
        beta=node.attr("beta", 0.75),
        bias=node.attr("bias", 1.0),
    )
