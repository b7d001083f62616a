"""Convolution over spatial axes, grouped, dilated, strided (ONNX Conv).

Data is NC + spatial, the kernel O(I/groups) + spatial, an optional bias has O elements.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import product
from ..relay.expr import Attrs
from ..relay.run_time import may_equal
from ..relay.types import TensorType, Type
from .accumulate import check_bias, finish_sums, result_dtype, wide_dtype, widen
from .base import REQUIRED, FusionKind, Op, register, tensors
from .window import check_window, output_sizes, pad_array, pad_stage, views


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    data, kernel, *bias = tensors("nn.conv", args, (2, 3))
    dtype = result_dtype("nn.conv", (data, kernel), attrs.out_dtype)
    if data.rank < 3 or kernel.rank != data.rank:
        raise CompileError(
            f"nn.conv of data {data.shape} with a kernel {kernel.shape}", expected="equal ranks, 3 or more"
        )
    check_window("nn.conv", attrs, data.rank - 2)
    channels, groups = kernel.shape[0], attrs.groups
    if not may_equal(data.shape[1], kernel.shape[1] * groups) or (isinstance(channels, int) and channels % groups):
        raise CompileError(
            f"nn.conv: {data.shape[1]} input channels, kernel {kernel.shape}, {groups} groups",
            expected=f"{kernel.shape[1] * groups} input channels, and output channels divisible by groups",
        )
    check_bias("nn.conv", bias, channels, dtype)
    out = output_sizes("nn.conv", data.shape[2:], kernel.shape[2:], attrs)
    return TensorType((data.shape[0], channels, *out), dtype)


def _reference(attrs: Attrs, data: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    spatial = data.ndim - 2
    padded = widen(pad_array(data, attrs.padding[:spatial], attrs.padding[spatial:]), attrs.out_dtype)
    weights = widen(kernel, attrs.out_dtype)
    sizes = output_sizes("nn.conv", data.shape[2:], kernel.shape[2:], attrs)
    batch, out_channels, groups = data.shape[0], kernel.shape[0], attrs.groups
    padded = padded.reshape(batch, groups, -1, *padded.shape[2:])
    weights = weights.reshape(groups, out_channels // groups, *kernel.shape[1:])
    out = np.zeros((batch, groups, out_channels // groups, *sizes), padded.dtype)
    for place, view in views(padded, kernel.shape[2:], attrs, sizes):
        out += np.einsum("bgi...,goi->bgo...", view, weights[place])
    result = out.reshape(batch, out_channels, *sizes)
    if bias is not None:
        result = result + widen(bias).reshape(-1, *[1] * spatial)
    return result if attrs.out_dtype else result.astype(data.dtype)


def _compute(T: Any, attrs: Attrs, data: Any, kernel: Any, bias: Any = None) -> Any:
    spatial = len(T.shape(data)) - 2
    out_channels, group_channels, *windows = T.shape(kernel)
    groups = attrs.groups
    dtype = attrs.out_dtype or T.dtype(data)
    total = wide_dtype(dtype)
    before, after = attrs.padding[:spatial], attrs.padding[spatial:]
    padded = pad_stage(T, data, before, after, T.const(0, T.dtype(data)), "conv_pad")
    channel = T.reduce_axis(group_channels, "ic")
    offsets = [T.reduce_axis(w, f"k{axis}") for axis, w in enumerate(windows)]
    per_group = out_channels // groups

    def body(n: Any, o: Any, *position: Any) -> Any:
        source = channel if groups == 1 else T.floor_div(o, per_group) * group_channels + channel
        at = [p * s + k * d for p, s, k, d in zip(position, attrs.strides, offsets, attrs.dilations, strict=True)]
        value = T.cast(padded(n, source, *at), total) * T.cast(kernel(o, channel, *offsets), total)
        return T.sum(value, [channel, *offsets])

    return finish_sums(T, "conv", T.compute(T.result_shape(), body, "conv"), dtype, bias)


register(
    Op(
        "nn.conv",
        FusionKind.ANCHOR,
        _relation,
        _reference,
        _compute,
        attributes={"strides": REQUIRED, "padding": REQUIRED, "dilations": REQUIRED, "groups": 1, "out_dtype": None},
        multiply_adds=lambda attrs, args, results: results[0].size * product(args[1].shape[1:]),
    )
)
