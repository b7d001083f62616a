"""Transposed convolution: the gradient of a convolution by its data (ONNX ConvTranspose).

Data is NC + spatial, the kernel C(O/groups) + spatial, an optional bias has O elements. Input element x adds to the
outputs x * stride + k * dilation - padding, for every place k in the kernel; `output_padding` elements more at the end
of each axis are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import Dimension
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .accumulate import check_bias, finish_sums, wide_dtype, widen
from .base import REQUIRED, FusionKind, Op, register, same_dtype, tensors
from .window import check_window, pad_stage, span, views


def _output_sizes(attrs: Attrs, sizes: Sequence[Any], windows: Sequence[Any]) -> list[Any]:
    spatial = len(sizes)
    return [
        (sizes[axis] - 1) * attrs.strides[axis]
        + span(windows[axis], attrs.dilations[axis])
        + (attrs.output_padding[axis] - attrs.padding[axis] - attrs.padding[spatial + axis])
        for axis in range(spatial)
    ]


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    name = "nn.conv_transpose"
    types = tensors(name, args, (2, 3))
    dtype = same_dtype(name, types)
    data, kernel, *bias = types
    if data.rank < 3 or kernel.rank != data.rank:
        raise CompileError(
            f"{name} of data {data.shape} with a kernel {kernel.shape}", expected="equal ranks, 3 or more"
        )
    check_window(name, attrs, data.rank - 2)
    if len(attrs.output_padding) != data.rank - 2:
        raise CompileError(
            f"{name}: {len(attrs.output_padding)} output_padding {attrs.output_padding}",
            expected=f"{data.rank - 2} for {data.rank - 2} spatial axes",
        )
    channels = data.shape[1]
    if kernel.shape[0] != channels or (isinstance(channels, int) and channels % attrs.groups):
        raise CompileError(
            f"{name}: {channels} input channels, kernel {kernel.shape}, {attrs.groups} groups",
            expected=f"{kernel.shape[0]} input channels, divisible by groups",
        )
    out_channels = kernel.shape[1] * attrs.groups
    check_bias(name, bias, out_channels, dtype)
    out: list[Dimension] = _output_sizes(attrs, data.shape[2:], kernel.shape[2:])
    if any(isinstance(size, int) and size < 1 for size in out):
        raise CompileError(f"{name}: padding {attrs.padding} leaves the spatial shape {out}", expected="less padding")
    return TensorType((data.shape[0], out_channels, *out), dtype)


def _reference(attrs: Attrs, data: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    spatial, groups = data.ndim - 2, attrs.groups
    batch, channels, *sizes = data.shape
    sources = widen(data).reshape(batch, groups, channels // groups, *sizes)
    weights = widen(kernel).reshape(groups, channels // groups, *kernel.shape[1:])
    full = [
        size + before + after
        for size, before, after in zip(
            _output_sizes(attrs, sizes, kernel.shape[2:]), attrs.padding[:spatial], attrs.padding[spatial:], strict=True
        )
    ]
    out = np.zeros((batch, groups, kernel.shape[1], *full), sources.dtype)
    for place, view in views(out, kernel.shape[2:], attrs, sizes):
        view += np.einsum("bgi...,gio->bgo...", sources, weights[place])
    kept = [slice(b, n - a) for n, b, a in zip(full, attrs.padding[:spatial], attrs.padding[spatial:], strict=True)]
    crop: tuple[Any, ...] = (..., *kept)
    result = out.reshape(batch, -1, *full)[crop]
    if bias is not None:
        result = result + widen(bias).reshape(-1, *[1] * spatial)
    return result.astype(data.dtype)


class _Axis:
    """Where the places of the kernel lie on one spatial axis, seen from an output element.

    Attributes
    ----------
    reduce : reduce axis
        Over the places that can add to an output element.
    before, after
        Padding of the data that makes every load legal.
    """

    def __init__(self, T: Any, attrs: Attrs, axis: int, size: Any, window: int, out: Any) -> None:
        self._T, self._window = T, window
        self._stride, self._dilation = attrs.strides[axis], attrs.dilations[axis]
        self._shift = T.dim(attrs.padding[axis])
        # With dilation 1 only every stride-th place meets an input element: the reduction walks over those alone.
        self._phased = self._stride > 1 and self._dilation == 1
        places = -(-window // self._stride) if self._phased else window
        self.reduce = T.reduce_axis(places, f"k{axis}")
        first = T.floor_div(self._shift - (0 if self._phased else (window - 1) * self._dilation), self._stride)
        if self._phased:
            first = first - (places - 1)
        last = T.floor_div(out - 1 + self._shift, self._stride)
        self.before, self.after = self._positive(-first), self._positive(last - (size - 1))

    def _positive(self, value: Any) -> Any:
        value = int(value) if hasattr(value, "value") else value  # a TVM integer
        return max(value, 0) if isinstance(value, int) else self._T.maximum(value, 0)

    def at(self, position: Any) -> tuple[Any, Any, list[Any]]:
        """Index into the padded data, place in the kernel, and conditions for the two to count."""
        T, shifted = self._T, position + self._shift
        if self._phased:
            place = T.floor_mod(shifted, self._stride) + self.reduce * self._stride
            guards = [place < self._window] if self._window % self._stride else []
            return T.floor_div(shifted, self._stride) - self.reduce + self.before, place, guards
        reach = shifted - self.reduce * self._dilation
        if self._stride == 1:
            return reach + self.before, self.reduce, []
        # Both divisions of a number that is not negative.
        reach = reach + self.before * self._stride
        return T.floor_div(reach, self._stride), self.reduce, [T.floor_mod(reach, self._stride) == 0]


def _compute(T: Any, attrs: Attrs, data: Any, kernel: Any, bias: Any = None) -> Any:
    _, channels, *sizes = T.shape(data)
    _, group_out, *windows = T.shape(kernel)
    dtype = T.dtype(data)
    total = wide_dtype(dtype)
    groups, group_channels = attrs.groups, channels // attrs.groups
    shape = T.result_shape()
    out = shape[2:]
    axes = [_Axis(T, attrs, axis, *each) for axis, each in enumerate(zip(sizes, windows, out, strict=True))]
    zero = T.const(0, dtype)
    padded = pad_stage(T, data, [a.before for a in axes], [a.after for a in axes], zero, "conv_transpose_pad")
    channel = T.reduce_axis(group_channels, "ic")

    def body(n: Any, o: Any, *position: Any) -> Any:
        source = channel if groups == 1 else T.floor_div(o, group_out) * group_channels + channel
        target = o if groups == 1 else T.floor_mod(o, group_out)
        at, places, guards = zip(*(axis.at(p) for axis, p in zip(axes, position, strict=True)), strict=True)
        value = T.cast(padded(n, source, *at), total) * T.cast(kernel(source, target, *places), total)
        conditions = [condition for guard in guards for condition in guard]
        if conditions:
            value = T.if_then_else(T.all(*conditions), value, T.const(0, total))
        return T.sum(value, [channel, *(axis.reduce for axis in axes)])

    return finish_sums(T, "conv_transpose", T.compute(shape, body, "conv_transpose"), dtype, bias)


register(
    Op(
        "nn.conv_transpose",
        FusionKind.ANCHOR,
        _relation,
        _reference,
        _compute,
        attributes={
            "strides": REQUIRED,
            "padding": REQUIRED,
            "dilations": REQUIRED,
            "output_padding": REQUIRED,
            "groups": 1,
        },
    )
)
