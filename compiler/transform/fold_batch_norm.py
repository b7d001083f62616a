"""What scales and shifts the channels of a convolution or dense layer -> its weights and bias.

That is a batch normalisation, or a sum or product with one constant a channel, right after a layer whose result nothing
else uses. A batch normalisation that is after something else becomes one product and one sum, and so is spared the
square root for every element.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..op.base import FLOATS
from ..relay.expr import Atom, Constant, Module
from ..relay.types import TensorType
from .base import Pass, PassContext
from .rewrite import Rules, Site, rewrite


@dataclass(frozen=True)
class _Layer:
    """An operator whose results are sums of products of its weights.

    Attributes
    ----------
    channel_axis : int
        Of the result's channels; negative: from the end.
    grouped : bool
        The weights are (input channels, output channels / groups, ...), not (output channels, ...).
    """

    channel_axis: int
    grouped: bool = False


_LAYERS = {"nn.conv": _Layer(1), "nn.conv_transpose": _Layer(1, grouped=True), "nn.dense": _Layer(-1)}


def _fold(site: Site, data: Atom, scale: np.ndarray | None, shift: np.ndarray | None) -> Atom | None:
    """The layer that computes ``data * scale + shift``; scale and shift have one element a channel."""
    layer = site.definition(data, *_LAYERS)
    if layer is None or site.uses(data) != 1 or layer.attrs.get("out_dtype") is not None:
        return None
    kind = _LAYERS[layer.op]
    x, weights, *rest = layer.args
    bias = rest[0] if rest else None
    if isinstance(bias, Constant):
        total = bias.array.astype(np.float64)
    elif bias is None:
        total = np.zeros(())
    else:
        return None
    if scale is not None:
        if not isinstance(weights, Constant) or is_integral(weights.array):
            return None
        weights = _scaled(weights, scale, kind, layer)
        total = total * scale
    if shift is not None:
        total = total + shift
    if bias is None and shift is None:
        return layer.emit(layer.op, x, weights, **layer.attrs)
    channels = layer.tensor.shape[kind.channel_axis]
    if not isinstance(channels, int):
        return None
    values = np.broadcast_to(total, (channels,)).astype(layer.tensor.numpy_dtype)
    name = bias.name if isinstance(bias, Constant) else ""
    return layer.emit(layer.op, x, weights, Constant(values, name), **layer.attrs)


def is_integral(array: np.ndarray) -> bool:
    """Are all elements integers? Then sums of products with integers are exact, and stay so only without a scale.

    See quantized_scales: the scale that it takes out of a quantised layer must not come back.
    """
    return bool(np.all(array == np.rint(array)))


def _scaled(weights: Constant, scale: np.ndarray, kind: _Layer, layer: Site) -> Constant:
    """Weights whose output channels are scaled."""
    array = weights.array.astype(np.float64)
    if kind.grouped:
        groups = layer.attrs.groups
        inputs, per_group, *window = array.shape
        factors = np.broadcast_to(scale, (groups * per_group,)).reshape(groups, 1, per_group, *(1 for _ in window))
        array = (array.reshape(groups, inputs // groups, per_group, *window) * factors).reshape(array.shape)
    else:
        array = array * scale.reshape(-1, *(1 for _ in array.shape[1:]))
    return Constant(array.astype(weights.array.dtype), weights.name)


def _per_channel(site: Site, value: Atom, result: TensorType, axis: int) -> np.ndarray | None:
    """A constant that has one element a channel, or one in all, when broadcast to the result."""
    if not isinstance(value, Constant) or value.array.size == 0:
        return None
    shape = (1,) * (result.rank - value.array.ndim) + value.array.shape
    if len(shape) != result.rank or any(d != 1 for i, d in enumerate(shape) if i != axis % result.rank):
        return None
    if value.array.size not in (1, result.shape[axis]):
        return None
    return value.array.reshape(-1).astype(np.float64)


def _affine(site: Site) -> Atom | None:
    """A sum, difference, product or quotient with a constant."""
    if not _is_float(site.tensor):
        return None
    left, right = site.args
    for data, constant in ((left, right), (right, left)):
        layer = site.definition(data, *_LAYERS)
        if layer is None or layer.type != site.type:
            continue
        value = _per_channel(site, constant, site.tensor, _LAYERS[layer.op].channel_axis)
        if value is None:
            continue
        if site.op == "add":
            return _fold(site, data, None, value)
        if site.op == "multiply":
            return _fold(site, data, value, None)
        if site.op == "subtract":
            return _fold(site, data, None, -value) if data is left else _fold(site, data, np.array([-1.0]), value)
        if site.op == "divide" and data is left and np.all(value != 0):
            return _fold(site, data, 1 / value, None)
    return None


def _negative(site: Site) -> Atom | None:
    return _fold(site, site.args[0], np.array([-1.0]), None) if _is_float(site.tensor) else None


def _is_float(type_: TensorType) -> bool:
    return type_.dtype in FLOATS


def _batch_norm(site: Site) -> Atom | None:
    x, *rest = site.args
    parameters = [p.array.astype(np.float64) for p in rest if isinstance(p, Constant)]
    if len(parameters) != len(rest):
        return None
    gamma, beta, mean, variance = parameters
    scale = gamma / np.sqrt(variance + site.attrs.epsilon)
    shift = beta - mean * scale
    layer = site.definition(x, *_LAYERS)
    if layer is not None and _LAYERS[layer.op].channel_axis % site.tensor.rank == 1:
        folded = _fold(site, x, scale, shift)
        if folded is not None:
            return folded
    if site.tensor.dtype not in ("float32", "float64"):
        return None  # 16-bit floats would be rounded between the product and the sum
    shape = (-1, *(1 for _ in site.tensor.shape[2:]))
    factor, addend = (Constant(v.reshape(shape).astype(site.tensor.numpy_dtype)) for v in (scale, shift))
    return site.emit("add", site.emit("multiply", x, factor), addend)


RULES: Rules = {
    "nn.batch_norm": [_batch_norm],
    "negative": [_negative],
    **{op: [_affine] for op in ("add", "subtract", "multiply", "divide")},
}


def _run(module: Module, context: PassContext) -> Module:
    return rewrite(module, RULES)


fold_batch_norm = Pass("fold_batch_norm", 2, _run)
