"""Convolutions and pooling, of one to three spatial dimensions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.random.evaluation import FLOATS
from tests.random.families.reductions import channelled
from tests.random.graph import Builder, need
from tests.random.registry import generator
from tests.random.values import DOUBLE, FLOAT, INT8, UINT8, Value

#: Float16 most of all: others are for the reference evaluator rather than for compilers.
_FLOATS = (FLOAT, FLOAT, FLOAT, FLOAT, DOUBLE, *FLOATS)


def image(g: Builder, types: tuple[int, ...] = _FLOATS, channels: tuple[int, ...] = (1, 3, 4, 8, 13, 16)) -> Value:
    """What a window slides over: a tensor that is there, or a new one."""
    if g.choose((True, True, False)):
        found = [
            v
            for v in g.tensors()
            if v.element in types and 3 <= v.rank <= 5 and v.fixed(1) and 0 < v.largest <= 1500 and min(v.shapes[1]) > 0
        ]
        if found:
            return g.choose(found)  # type: ignore[no-any-return]
    batch = g.choose((1, 2, "N"))
    spatial = g.choose((["H"], [8], ["H", 5], [5, 7], [8, 8], [1, 1], ["H", "L"], [3, 4, 5]))
    return g.fresh(g.choose(types), [batch, g.choose(channels), *spatial], style=0)


def window(g: Builder, x: Value, largest: int = 3) -> dict[str, Any]:
    """Attributes of a window over the spatial axes."""
    sizes = [x.least(a) for a in range(2, x.rank)]
    kernel = [g.choose([k for k in range(1, largest + 1) if k <= d]) for d in sizes]
    strides = [g.choose((1, 1, 2)) for _ in sizes]
    dilations = [g.choose((1, 1, 2)) if (k - 1) * 2 < d else 1 for k, d in zip(kernel, sizes, strict=True)]
    attrs: dict[str, Any] = {"kernel_shape": kernel}
    if set(strides) != {1} or g.choose((True, False)):
        attrs["strides"] = strides
    if set(dilations) != {1}:
        attrs["dilations"] = dilations
    way = g.choose(("pads", "pads", "none", "SAME_UPPER", "SAME_LOWER", "VALID"))
    if way == "pads":
        attrs["pads"] = [g.choose(range(min(k, 2))) for _ in range(2) for k in kernel]
    elif way != "none":
        attrs["auto_pad"] = way
    return attrs


@generator("Conv")
def convolution(g: Builder, op: str) -> object:
    x = image(g)
    attrs = window(g, x)
    channels = x.shape[1]
    groups = g.choose((1, 1, 1, channels, *([2] if channels % 2 == 0 else [])))
    out = groups * g.choose((1, 2)) if groups > 1 else g.choose((1, 4, 6, 8, 16, 17))
    scale = 1 / math.sqrt(channels // groups * math.prod(attrs["kernel_shape"]))
    shape = (out, channels // groups, *attrs["kernel_shape"])
    if g.chance(8):
        weights = g.fresh(x.element, list(shape), style=0)
        need(weights.largest < 600)
    else:
        weights = g.floats(*shape, low=-scale, high=scale, element=x.element)
    bias = [g.floats(out, element=x.element)] if g.choose((True, False)) else []
    (y,) = g.node(op, [x, weights, *bias], group=groups if groups > 1 else None, **attrs)
    if g.choose((True, False)):
        return g.node(g.choose(("Relu", "Sigmoid", "HardSwish", "LeakyRelu")), [y])
    return y


@generator("ConvTranspose")
def transposed(g: Builder, op: str) -> object:
    x = image(g)
    channels, spatial = x.shape[1], x.rank - 2
    groups = g.choose((1, 1, *([2] if channels % 2 == 0 else [])))
    out = g.choose((1, 3, 8))
    kernel, strides = [g.choose((1, 2, 3)) for _ in range(spatial)], [g.choose((1, 1, 2)) for _ in range(spatial)]
    scale = 1 / math.sqrt(channels * math.prod(kernel))
    weights = g.floats(channels, out, *kernel, low=-scale, high=scale, element=x.element)
    bias = [g.floats(out * groups, element=x.element)] if g.choose((True, False)) else []
    attrs: dict[str, Any] = {"kernel_shape": kernel, "strides": strides, "group": groups}
    kind = g.choose(("none", "pads", "more", "SAME_UPPER", "SAME_LOWER", "VALID", "dilated"))
    if kind == "pads":
        attrs["pads"] = [g.choose(range(k)) if x.least(2 + i % spatial) > 2 else 0 for i, k in enumerate(kernel * 2)]
    elif kind == "more":
        attrs["output_padding"] = [s - 1 for s in strides]
    elif kind == "dilated":
        attrs["dilations"] = [g.choose((1, 2)) for _ in kernel]
    elif kind != "none":
        attrs["auto_pad"] = kind
    return g.node(op, [x, weights, *bias], **attrs)


@generator("MaxPool")
def max_pool(g: Builder, op: str) -> object:
    x = image(g, (*_FLOATS, INT8, UINT8))
    attrs = window(g, x)
    attrs["ceil_mode"] = g.choose((None, 0, 1))
    if g.chance(4):
        return g.node(op, [x], 2, **attrs)
    return g.node(op, [x], **attrs)


@generator("AveragePool")
def average_pool(g: Builder, op: str) -> object:
    x = image(g)
    attrs = window(g, x)
    if g.opset < 19 or "auto_pad" in attrs:  # for SAME the evaluator does not count dilations
        attrs.pop("dilations", None)
    attrs["count_include_pad"] = g.choose((None, 0, 1))
    attrs["ceil_mode"] = g.choose((None, 0, 1))
    return g.node(op, [x], **attrs)


@generator("LpPool")
def norm_pool(g: Builder, op: str) -> object:
    x = image(g)
    attrs = window(g, x)
    if g.opset < 18 or "auto_pad" in attrs:
        attrs.pop("dilations", None)
    if g.opset >= 18:  # 1 is not among them: the evaluator counts what is beyond the data then
        attrs["ceil_mode"] = g.choose((None, 0, 0))
    return g.node(op, [x], p=g.choose((None, 1, 2, 3)), **attrs)


@generator("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def everywhere(g: Builder, op: str) -> object:
    attrs: dict[str, Any] = {"p": g.choose((None, 1, 3))} if op == "GlobalLpPool" else {}
    return g.node(op, [channelled(g, types=_FLOATS)], **attrs)


@generator("MaxUnpool")
def unpool(g: Builder, op: str) -> object:
    x = g.fresh(FLOAT, [g.choose((1, "N")), 3, 6, g.choose((4, 8))], style=0)
    y, places = g.node("MaxPool", [x], 2, kernel_shape=[2, 2], strides=[2, 2])
    return g.node(op, [y, places], kernel_shape=[2, 2], strides=[2, 2])


@generator("DeformConv")
def deformable(g: Builder, op: str) -> object:
    batch, kernel = g.choose((1, "N")), [g.choose((1, 2)), 2]
    x = g.fresh(FLOAT, [batch, 2, 5, 4], style=0)
    weights = g.floats(3, 2, *kernel, element=x.element)
    taps, size = math.prod(kernel), [5 - kernel[0] + 1, 4 - kernel[1] + 1]
    offsets = g.fresh(x.element, [batch, 2 * taps, *size], style=0)
    bias = g.floats(3, element=x.element) if g.choose((True, False)) else None
    mask = g.fresh(x.element, [batch, taps, *size], style=0) if g.choose((True, False)) else None
    return g.node(op, [x, weights, offsets, bias, mask], kernel_shape=kernel)


@generator("Col2Im")
def columns(g: Builder, op: str) -> object:
    block = [g.choose((1, 2)), g.choose((2, 3))]
    shape = np.array([5, 6])
    strides, pads = [1, g.choose((1, 2))], [0, g.choose((0, 1)), 0, g.choose((0, 1))]
    count = math.prod(
        (s + pads[i] + pads[i + 2] - b) // t + 1 for i, (s, b, t) in enumerate(zip([5, 6], block, strides, strict=True))
    )
    x = g.fresh(g.choose((FLOAT, FLOAT, DOUBLE)), [g.choose((1, "N")), 3 * math.prod(block), count], style=0)
    return g.node(op, [x, shape, np.array(block)], strides=strides, pads=pads)
