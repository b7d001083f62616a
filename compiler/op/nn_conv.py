"""Convolution over one to three spatial axes, grouped, dilated, strided (ONNX Conv).

Data is NC + spatial, the kernel O(I/groups) + spatial, an optional bias has O elements.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import REQUIRED, FusionKind, Op, register, same_dtype, tensors


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    types = tensors("nn.conv", args, (2, 3))
    dtype = same_dtype("nn.conv", types)
    data, kernel = types[0], types[1]
    spatial = data.rank - 2
    if spatial < 1 or kernel.rank != data.rank:
        raise CompileError(f"nn.conv of data {data.shape} with a kernel {kernel.shape}", expected="equal ranks, 3 or more")
    if len(attrs.strides) != spatial or len(attrs.dilations) != spatial or len(attrs.padding) != 2 * spatial:
        raise CompileError(
            f"nn.conv: strides {attrs.strides}, dilations {attrs.dilations}, padding {attrs.padding}",
            expected=f"{spatial} strides, {spatial} dilations, {2 * spatial} paddings",
        )
    channels, group = kernel.shape[0], attrs.groups
    if data.shape[1] != kernel.shape[1] * group or (isinstance(channels, int) and channels % group):
        raise CompileError(
            f"nn.conv: {data.shape[1]} input channels, kernel {kernel.shape}, {group} groups",
            expected=f"{kernel.shape[1] * group} input channels, and output channels divisible by groups",
        )
    if len(types) == 3 and types[2].shape != (channels,):
        raise CompileError(f"nn.conv: bias of shape {types[2].shape}", expected=f"({channels},)")
    out = []
    for axis in range(spatial):
        span = (kernel.shape[2 + axis] - 1) * attrs.dilations[axis] + 1
        padded = data.shape[2 + axis] + attrs.padding[axis] + attrs.padding[spatial + axis]
        size = (padded - span) // attrs.strides[axis] + 1
        if isinstance(size, int) and size < 1:
            raise CompileError(f"nn.conv: a window of {span} on {padded} padded elements", expected="a smaller window")
        out.append(size)
    return TensorType((data.shape[0], channels, *out), dtype)


def _reference(attrs: Attrs, data: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    spatial = data.ndim - 2
    pad = [(0, 0), (0, 0)] + [(attrs.padding[a], attrs.padding[a + spatial]) for a in range(spatial)]
    wide = np.float64 if data.dtype == np.float64 else np.float32
    padded = np.pad(data, pad).astype(wide)
    weights = kernel.astype(wide)
    sizes = [
        (padded.shape[2 + a] - (kernel.shape[2 + a] - 1) * attrs.dilations[a] - 1) // attrs.strides[a] + 1
        for a in range(spatial)
    ]
    batch, out_channels, group = data.shape[0], kernel.shape[0], attrs.groups
    out = np.zeros((batch, group, out_channels // group, *sizes), wide)
    padded = padded.reshape(batch, group, -1, *padded.shape[2:])
    weights = weights.reshape(group, out_channels // group, *kernel.shape[1:])
    for offset in itertools.product(*(range(k) for k in kernel.shape[2:])):
        window = tuple(
            slice(o * d, o * d + (n - 1) * s + 1, s)
            for o, d, n, s in zip(offset, attrs.dilations, sizes, attrs.strides, strict=True)
        )
        out += np.einsum("bgi...,goi->bgo...", padded[(slice(None),) * 3 + window], weights[(slice(None),) * 3 + offset])
    result = out.reshape(batch, out_channels, *sizes)
    if bias is not None:
        result = result + bias.astype(wide).reshape(-1, *[1] * spatial)
    return result.astype(data.dtype)


def _compute(T: Any, attrs: Attrs, data: Any, kernel: Any, bias: Any = None) -> Any:
    batch, channels, *size = T.shape(data)
    out_channels, group_channels, *window = T.shape(kernel)
    spatial, group = len(size), attrs.groups
    before, after = attrs.padding[:spatial], attrs.padding[spatial:]
    padded = data
    if any(attrs.padding):

        def pad(n: Any, c: Any, *position: Any) -> Any:
            inside = [
                condition
                for p, b, a, s in zip(position, before, after, size, strict=True)
                for condition in ([p >= b] if b else []) + ([p < s + b] if a else [])
            ]
            value = data(n, c, *(p - b for p, b in zip(position, before, strict=True)))
            return T.if_then_else(T.all(*inside), value, T.const(0, T.dtype(data)))

        shape = [s + b + a for s, b, a in zip(size, before, after, strict=True)]
        padded = T.compute((batch, channels, *shape), pad, "conv_pad")
    out = [
        T.floor_div(s + b + a - (w - 1) * d - 1, stride) + 1
        for s, b, a, w, d, stride in zip(size, before, after, window, attrs.dilations, attrs.strides, strict=True)
    ]
    channel = T.reduce_axis(group_channels, "ic")
    offsets = [T.reduce_axis(w, f"k{axis}") for axis, w in enumerate(window)]
    per_group = out_channels // group

    def body(n: Any, o: Any, *position: Any) -> Any:
        source = channel if group == 1 else T.floor_div(o, per_group) * group_channels + channel
        at = [
            p * s + k * d for p, s, k, d in zip(position, attrs.strides, offsets, attrs.dilations, strict=True)
        ]
        return T.sum(padded(n, source, *at) * kernel(o, channel, *offsets), [channel, *offsets])

    result = T.compute((batch, out_channels, *out), body, "conv")
    if bias is None:
        return result
    return T.compute((batch, out_channels, *out), lambda n, o, *p: result(n, o, *p) + bias(o), "conv_bias")


register(
    Op(
        "nn.conv",
        FusionKind.ANCHOR,
        _relation,
        _reference,
        _compute,
        attributes={"strides": REQUIRED, "padding": REQUIRED, "dilations": REQUIRED, "groups": 1},
    )
)
