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
from ..relay.dimension import Dimension, product
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
    """A spatial axis in a compute.

    With a stride, output p = q * stride + r gets the places (r + padding) % stride + j * stride of the dilated kernel
    alone: each phase r is a convolution with stride 1, and so a stage with q and r as axes of their own has inner loops
    over adjacent elements of all tensors.

    Attributes
    ----------
    steps, phases : expression, int
        Extents of q and r; one phase for the stride 1.
    reduce : reduce axis
        Over the places of a phase, j.
    before, after : expressions
        Padding of the data that makes every load legal.
    """

    def __init__(self, T: Any, attrs: Attrs, axis: int, size: Any, window: int, out: Any) -> None:
        self._T, self._window, self._dilation = T, window, attrs.dilations[axis]
        self._shift, self.phases = T.dim(attrs.padding[axis]), attrs.strides[axis]
        self._span = span(window, self._dilation)
        self.steps = T.floor_div(out + self.phases - 1, self.phases)
        places = window if self.phases == 1 else -(-self._span // self.phases)
        self.reduce = T.reduce_axis(places, f"k{axis}")
        reach = (places - 1) * (self._dilation if self.phases == 1 else 1)
        self.before = self._positive(reach - self._first(0))
        self.after = self._positive(self.steps - 1 + self._first(self.phases - 1) - (size - 1))

    def _first(self, phase: int) -> Any:
        """Input element that the first output of a phase gets at the first place."""
        return self._T.floor_div(self._shift + phase, self.phases)

    def _positive(self, value: Any) -> Any:
        value = int(value) if hasattr(value, "value") else value  # a TVM integer
        return max(value, 0) if isinstance(value, int) else self._T.maximum(value, 0)

    def _by_phase(self, phase: Any, value: Any) -> Any:
        """value(number of the phase), for a phase that is an index.

        TVM 0.27 simplifies sums of a quotient and of a shifted remainder of one fused loop wrongly, hence no formula.
        """
        choices = [value(number) for number in range(self.phases)]
        result = choices[-1]
        for number in reversed(range(self.phases - 1)):
            result = self._T.select(phase == number, choices[number], result)
        return result

    def at(self, step: Any, phase: Any) -> tuple[Any, Any, list[Any]]:
        """Index into the padded data, place in the kernel, and conditions for the two to count."""
        T, place = self._T, self.reduce
        if self.phases == 1:
            return step + self._shift + self.before - place * self._dilation, place, []
        aligned = isinstance(self._shift, int) and self._shift % self.phases == 0
        if aligned:
            first, start = self._first(0), phase
        else:
            first = self._by_phase(phase, self._first)
            start = self._by_phase(phase, lambda number: T.floor_mod(self._shift + number, self.phases))
        dilated = start + place * self.phases
        guards = [dilated < self._span] if self._span % self.phases else []
        if self._dilation > 1:
            guards.append(T.floor_mod(dilated, self._dilation) == 0)
        return step + first + self.before - place, T.floor_div(dilated, self._dilation), guards


def _compute(T: Any, attrs: Attrs, data: Any, kernel: Any, bias: Any = None) -> Any:
    batch, channels, *sizes = T.shape(data)
    _, group_out, *windows = T.shape(kernel)
    dtype = T.dtype(data)
    total = wide_dtype(dtype)
    groups, group_channels = attrs.groups, channels // attrs.groups
    shape = T.result_shape()
    axes = [_Axis(T, attrs, axis, *each) for axis, each in enumerate(zip(sizes, windows, shape[2:], strict=True))]
    zero = T.const(0, dtype)
    padded = pad_stage(T, data, [a.before for a in axes], [a.after for a in axes], zero, "conv_transpose_pad")
    channel = T.reduce_axis(group_channels, "ic")
    phased = [axis for axis in axes if axis.phases > 1]

    def body(n: Any, o: Any, *index: Any) -> Any:
        source = channel if groups == 1 else T.floor_div(o, group_out) * group_channels + channel
        target = o if groups == 1 else T.floor_mod(o, group_out)
        phases, steps = iter(index[: len(phased)]), index[len(phased) :]
        places = [axis.at(step, next(phases) if axis.phases > 1 else 0) for axis, step in zip(axes, steps, strict=True)]
        value = T.cast(padded(n, source, *(p[0] for p in places)), total)
        value = value * T.cast(kernel(source, target, *(p[1] for p in places)), total)
        guards = [guard for place in places for guard in place[2]]
        if guards:
            value = T.if_then_else(T.all(*guards), value, T.const(0, total))
        return T.sum(value, [channel, *(axis.reduce for axis in axes)])

    split = [batch, group_out * groups, *(axis.phases for axis in phased), *(axis.steps for axis in axes)]
    sums = T.compute(split, body, "conv_transpose")
    if not phased:
        return finish_sums(T, "conv_transpose", sums, dtype, bias)

    def interleave(n: Any, o: Any, *position: Any) -> Any:
        phases = [T.floor_mod(p, axis.phases) for p, axis in zip(position, axes, strict=True) if axis.phases > 1]
        steps = [T.floor_div(p, axis.phases) for p, axis in zip(position, axes, strict=True)]
        value = sums(n, o, *phases, *steps)
        return T.cast(value if bias is None else value + T.cast(bias(o), total), dtype)

    return T.compute(shape, interleave, "conv_transpose_interleave")


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
        multiply_adds=lambda attrs, args, results: args[0].size * product(args[1].shape[1:]),
    )
)
