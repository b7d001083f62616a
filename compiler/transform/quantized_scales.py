"""Move the scales of dequantised operands behind convolutions, so that these add up integers.

A convolution of (q - z) s with (p - y) t is s t times one of q - z with p - y. Those are integers: as floats they are
exact as long as the sums stay below 2**24, and so is the sum in any order. The result is then that of an integer kernel
to the last rounding: mobilenetv2 in int8 agrees with ONNX Runtime bit by bit, where with scaled operands it was up to 6
steps off. Runs before constants are folded, since afterwards nothing is left of the weights' dequantisation.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from ..relay.expr import Atom, Constant, Module
from .base import Pass, PassContext
from .rewrite import Rules, Site, rewrite


def _constants(site: Site) -> list[np.ndarray] | None:
    """Scale and zero point (0 where there is none) of a dequantisation by constants."""
    scale, *zero = site.args[1:]
    if not isinstance(scale, Constant) or not all(isinstance(z, Constant) for z in zero):
        return None
    if site.attrs.block_size or site.attrs.dtype != "float32":
        return None
    points = [z.array.astype(np.float32) for z in zero if isinstance(z, Constant)]
    return [scale.array, points[0] if points else np.zeros((), np.float32)]


def _conv(site: Site) -> Atom | None:
    """conv(dequantize(q), dequantize(p)[, dequantize(b)]) -> conv(q - z, p - y[, b]) * (s t)."""
    data, weights = (site.definition(a, "qnn.dequantize") for a in site.args[:2])
    if data is None or weights is None or not isinstance(weights.args[0], Constant):
        return None
    of_data, of_weights = _constants(data), _constants(weights)
    if of_data is None or of_weights is None or of_data[0].size != 1 or of_data[1].size != 1:
        return None
    kernel = weights.args[0].array
    channels = kernel.shape[0]
    if any(c.size != 1 and weights.attrs.axis != 0 for c in of_weights):
        return None
    by_channel = (-1, *[1] * (kernel.ndim - 1))
    scale = (of_data[0].reshape(-1) * of_weights[0].reshape(-1)).astype(np.float32)
    bias = _bias_in_units(site, scale)
    if len(site.args) == 3 and bias is None:
        return None
    integers = kernel.astype(np.float32) - of_weights[1].reshape(by_channel)
    centred = site.emit("cast", data.args[0], dtype="float32")
    if of_data[1].any():
        centred = site.emit("subtract", centred, Constant(of_data[1].reshape(())))
    args = [centred, Constant(integers, weights.args[0].name), *([bias] if bias is not None else [])]
    sums = site.emit("nn.conv", *args, **site.attrs)
    spread = np.broadcast_to(scale, (channels,)).reshape(by_channel[:1] + by_channel[2:])
    return site.emit("multiply", sums, Constant(np.ascontiguousarray(spread)))


def _bias_in_units(site: Site, scale: np.ndarray) -> Constant | None:
    """The bias in units of the sums; None where it is not known, or quantised in other units."""
    if len(site.args) < 3:
        return None
    given = site.args[2]
    if isinstance(given, Constant):
        return Constant((given.array.astype(np.float64) / scale).astype(np.float32), given.name)
    bias = site.definition(given, "qnn.dequantize")
    if bias is None or not isinstance(bias.args[0], Constant):
        return None
    found = _constants(bias)
    # The quantiser has computed the product of the scales itself, perhaps with another rounding.
    if found is None or found[1].any() or not np.allclose(found[0].reshape(-1), scale, rtol=1e-5, atol=0):
        return None
    return Constant(bias.args[0].array.astype(np.float32), bias.args[0].name)


def _quantize(site: Site) -> Atom | None:
    """quantize(x * c, s) -> quantize(x * (c / s), 1): one rounding, as integer kernels do it."""
    scale = site.args[1]
    product = site.definition(site.args[0], "multiply")
    if product is None or site.uses(site.args[0]) != 1 or site.attrs.precision != "float32":
        return None
    if not isinstance(scale, Constant) or scale.array.size != 1 or scale.array.reshape(-1)[0] == 1:
        return None
    factor = product.args[1]
    if not isinstance(factor, Constant) or site.definition(product.args[0], "nn.conv") is None:
        return None
    merged = Constant((factor.array / scale.array.reshape(())).astype(np.float32))
    one = Constant(np.ones(scale.array.shape, np.float32))
    return site.emit("qnn.quantize", site.emit("multiply", product.args[0], merged), one, *site.args[2:], **site.attrs)


_RULES: Rules = {"nn.conv": [_conv], "qnn.quantize": [_quantize]}


def _run(rules: Rules, module: Module, context: PassContext) -> Module:
    return rewrite(module, rules)


quantized_scales = Pass("quantized_scales", 2, partial(_run, _RULES))
