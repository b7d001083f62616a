"""Transposed convolutions whose windows lie side by side -> pointwise convolutions, whose results are put in order.

Where the stride is the window, each pixel of the data alone makes a whole window of the result: that is a convolution
with a channel for each place in the window. So it runs on blocked channels, which transposed convolutions do not.
"""

from __future__ import annotations

from math import prod

import numpy as np

from ..relay.expr import Atom, Constant, Module, shape_of
from .base import Pass, PassContext
from .rewrite import Site, rewrite


def _run(module: Module, context: PassContext) -> Module:
    target = context.target
    if target is None or target.vector_bits == 0 or target.kernel_format == "c":
        return module
    return rewrite(module, {"nn.conv_transpose": [_pointwise]})


def _pointwise(site: Site) -> Atom | None:
    data, weights, *bias = site.args
    attrs = site.attrs
    if not isinstance(weights, Constant) or not all(isinstance(b, Constant) for b in bias):
        return None
    if weights.type.dtype != "float32" or attrs.groups != 1:
        return None
    channels, outputs, *window = weights.array.shape
    if tuple(window) != tuple(attrs.strides) or any(attrs.padding) or any(attrs.output_padding):
        return None
    if any(length > 1 and dilation > 1 for length, dilation in zip(window, attrs.dilations, strict=True)):
        return None
    spatial = len(window)
    packed = np.ascontiguousarray(np.moveaxis(weights.array, 0, -1)).reshape(-1, channels, *[1] * spatial)
    args: list[Atom] = [data, Constant(packed, f"{weights.name or 'constant'}.pointwise")]
    for b in bias:
        assert isinstance(b, Constant)
        args.append(Constant(np.repeat(b.array, prod(window)), f"{b.name or 'constant'}.repeated"))
    ones = (1,) * spatial
    pixels = site.emit("nn.conv", *args, strides=ones, padding=(0,) * (2 * spatial), dilations=ones)
    batch, _, *sizes = shape_of(data)
    windows = site.emit("reshape", pixels, shape=(batch, outputs, *window, *sizes))
    order = [axis for place in range(spatial) for axis in (2 + spatial + place, 2 + place)]
    return site.emit("reshape", site.emit("transpose", windows, axes=(0, 1, *order)), shape=site.tensor.shape)


upsampling = Pass("upsampling", 3, _run)
