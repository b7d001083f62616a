"""Convolutions whose groups fill no blocks of channels -> ones that do: some groups as one, or each group by itself.

Blocks of channels (see block_layout.py) must not cross groups. Where they would, a convolution in groups was computed
without blocks, up to 24 times slower than ONNX Runtime. Several groups become one by weights that are zero where an
output does not see an input; or every group becomes a convolution of its own, whose channels are filled up. That with
less arithmetic is taken, if it is not too much more than before.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from ..relay.expr import Atom, Constant, Module
from ..relay.types import TensorType
from ..target import Target
from .base import Pass, PassContext
from .channel_blocks import FEW_CHANNELS, blocks_for_any
from .rewrite import Site, rewrite

#: So many times the arithmetic is still faster than without blocks.
MOST_WORK = 8.0
#: Each convolution of its own costs a slice and its part of a concatenation: as much as so much of the arithmetic.
APART = 0.1
#: Groups that become convolutions of their own at most.
MOST_APART = 16


def _run(module: Module, context: PassContext) -> Module:
    target = context.target
    if target is None or target.vector_bits == 0 or target.kernel_format == "c":
        return module
    return rewrite(module, {"nn.conv": [partial(_regroup, target)]})


def _regroup(target: Target, site: Site) -> Atom | None:
    data, weights, *bias = site.args
    groups = site.attrs.groups
    if groups == 1 or not isinstance(weights, Constant) or not all(isinstance(b, Constant) for b in bias):
        return None
    if weights.type.dtype != "float32" or site.attrs.out_dtype is not None:
        return None
    out_channels, inputs, *_ = weights.array.shape
    outputs = out_channels // groups
    if inputs == outputs == 1 or _work(target, inputs, outputs, groups, 1) == 1:
        return None
    together, apart = _choices(target, inputs, outputs, groups)
    if min(together[1], apart) > MOST_WORK:
        return None
    if apart < together[1]:
        return _separate(site, data, weights, bias)
    return _merge(site, data, weights, bias, together[0])


def regrouped_work(target: Target, inputs: int, outputs: int, groups: int) -> float:
    """How many times the arithmetic it takes on blocks, with so many channels of a group; infinite off them."""
    if _work(target, inputs, outputs, groups, 1) == 1:
        return 1.0
    together, apart = _choices(target, inputs, outputs, groups)
    best = min(together[1], apart)
    return best if best <= MOST_WORK else float("inf")


def _choices(target: Target, inputs: int, outputs: int, groups: int) -> tuple[tuple[int, float], float]:
    """How many groups become one at best, and how many times the arithmetic that takes; and each by itself."""
    merged = {m: _work(target, inputs, outputs, groups, m) for m in range(2, groups + 1) if groups % m == 0}
    together = min(merged, key=lambda m: merged[m], default=0)
    apart = (1 + APART * groups) * _filled(target, inputs, outputs) if groups <= MOST_APART else float("inf")
    return (together, merged.get(together, float("inf"))), apart


def _work(target: Target, inputs: int, outputs: int, groups: int, merged: int) -> float:
    """How many times the arithmetic it takes to compute so many groups as one; infinite where blocks cross groups."""
    if merged == groups:
        return merged * _filled(target, inputs * groups, outputs * groups)
    in_block, out_block = (blocks_for_any(size * groups, target)[0] for size in (inputs, outputs))
    if in_block is None or out_block is None or inputs * merged % in_block or outputs * merged % out_block:
        return float("inf")
    return merged


def _filled(target: Target, inputs: int, outputs: int) -> float:
    """How many times the arithmetic a convolution of one group takes, when its channels fill up blocks and vectors."""
    out_block = blocks_for_any(outputs, target)[1]
    in_block = 1 if inputs <= FEW_CHANNELS else blocks_for_any(inputs, target)[1]
    wide = max(out_block, target.lanes())
    return (-(-outputs // out_block) * wide / outputs) * (-(-inputs // in_block) * in_block / inputs)


def _attrs(site: Site, groups: int) -> dict[str, object]:
    return {**site.attrs, "groups": groups}


def _merge(site: Site, data: Atom, weights: Constant, bias: list[Atom], together: int) -> Atom:
    groups = site.attrs.groups // together
    array = weights.array
    outputs, inputs, window = array.shape[0] // site.attrs.groups, array.shape[1], array.shape[2:]
    apart = array.reshape(groups, together, outputs, inputs, *window)
    wide = np.zeros((groups, together, outputs, together, inputs, *window), array.dtype)
    for member in range(together):
        wide[:, member, :, member] = apart[:, member]
    merged = Constant(wide.reshape(array.shape[0], together * inputs, *window), weights.name)
    return site.emit("nn.conv", data, merged, *bias, **_attrs(site, groups))


def _separate(site: Site, data: Atom, weights: Constant, bias: list[Atom]) -> Atom:
    groups = site.attrs.groups
    assert isinstance(data.type, TensorType)
    shape = data.type.shape
    outputs, inputs = weights.array.shape[0] // groups, weights.array.shape[1]
    results = []
    for group in range(groups):
        begin, end = [0] * len(shape), list(shape)
        begin[1], end[1] = group * inputs, (group + 1) * inputs
        ones = (1,) * len(shape)
        part = site.emit("strided_slice", data, begin=tuple(begin), end=tuple(end), strides=ones)
        own = slice(group * outputs, (group + 1) * outputs)
        rest = [Constant(b.array[own], b.name) for b in bias if isinstance(b, Constant)]
        results.append(site.emit("nn.conv", part, Constant(weights.array[own], weights.name), *rest, **_attrs(site, 1)))
    return site.emit("concatenate", *results, axis=1)


regroup = Pass("regroup", 3, _run)
