"""ONNX activation functions.

Mish, Softsign, Swish and ThresholdedRelu are left to their function bodies, whose parts fuse into one kernel.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op.base import FLOATS
from ..op.small_float import SMALL_FLOATS
from ..relay.expr import Atom, Constant
from .convert_random import uniform
from .registry import Node, converter

#: ONNX operator -> Relay operator, and the attributes that they share, with ONNX's defaults.
_ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "Relu": ("nn.relu", {}),
    "Sigmoid": ("sigmoid", {}),
    "Tanh": ("tanh", {}),
    "Softplus": ("nn.softplus", {}),
    "HardSwish": ("nn.hard_swish", {}),
    "LeakyRelu": ("nn.leaky_relu", {"alpha": 0.01}),
    "Elu": ("nn.elu", {"alpha": 1.0}),
    "Selu": ("nn.elu", {"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875}),
    "HardSigmoid": ("nn.hard_sigmoid", {"alpha": 0.2, "beta": 0.5}),
    "Gelu": ("nn.gelu", {"approximate": "none"}),
}


@converter(*_ACTIVATIONS)
def convert_activation(node: Node) -> Any:
    op, defaults = _ACTIVATIONS[node.proto.op_type]
    return node.call(op, node.input(0), **{name: node.attr(name, default) for name, default in defaults.items()})


@converter("Celu")
def convert_celu(node: Node) -> Any:
    alpha = node.attr("alpha", 1.0)
    if alpha == 0:
        raise node.error("the attribute 'alpha' is 0", expected="another number, since the operator divides by it")
    return node.call("nn.elu", node.input(0), alpha=alpha, beta=1 / alpha)


@converter("PRelu")
def convert_prelu(node: Node) -> Any:
    slope, rank = node.input(1), node.type(0).rank
    if node.opset < 7 and node.type(1).rank == 1 and node.type(1).size != 1:  # one slope for each channel
        slope = node.reshape(slope, (*node.type(1).shape, *[1] * (rank - 2)))
    return node.call("nn.prelu", node.input(0), slope)


@converter("Gelu", "FastGelu", "BiasGelu", domain="com.microsoft")
def convert_microsoft_gelu(node: Node) -> Any:
    x = node.input(0)
    if node.has_input(1):
        x = node.call("add", x, node.input(1))
    return node.call("nn.gelu", x, approximate="tanh" if node.proto.op_type == "FastGelu" else "none")


@converter("QuickGelu", domain="com.microsoft")
def convert_quick_gelu(node: Node) -> Any:
    x = node.input(0)
    alpha = node.constant(node.attr("alpha", 1.702), node.type(0).dtype)
    return node.call("multiply", x, node.call("sigmoid", node.call("multiply", x, alpha)))


@converter("Clip")
def convert_clip(node: Node) -> Any:
    """Bounds are attributes up to opset 6, inputs from 11 on; constant ones become attributes of `clip`."""
    x = node.input(0)
    if node.opset < 11:
        # 3.4e38 is ONNX's default, and the same as no bound.
        limits = {"low": node.attr("min"), "high": node.attr("max")}
        largest = float(np.finfo(np.float32).max)
        return _clip(node, x, {k: None if v is None or abs(v) >= largest else v for k, v in limits.items()})
    bounds: dict[str, Any] = {}
    for name, index in (("low", 1), ("high", 2)):
        bound = node.optional_input(index)
        if bound is None:
            continue
        if isinstance(bound, Constant) and bound.array.size == 1 and not np.isnan(bound.array.astype(np.float64)).any():
            value = bound.array.reshape(())
            bounds[name] = int(value) if value.dtype.kind in "iu" else float(value)
            continue
        x = _clip(node, x, bounds)
        bounds = {}
        x = node.call("maximum" if name == "low" else "minimum", x, bound)
    return _clip(node, x, bounds)


def _clip(node: Node, x: Any, bounds: dict[str, Any]) -> Any:
    given = {name: value for name, value in bounds.items() if value is not None}
    return node.call("clip", x, **given) if given else x


@converter("Dropout")
def convert_dropout(node: Node) -> Any:
    """Inference: the data itself, and a mask of True. Before opset 7, `is_test` may be 0 in models for inference.

    In training mode a share of the elements becomes 0, drawn as `op.philox` says, and the others greater for it.
    """
    training = node.optional_input(2) if node.opset >= 12 else None
    if training is not None and (not isinstance(training, Constant) or training.array.any()):
        return _dropped(node, training)
    if not node.has_output(1):
        return node.input(0)
    # Up to opset 9 the mask has the data's element type.
    dtype = "bool" if node.opset >= 10 else node.type(0).dtype
    return [node.input(0), node.call("full", shape=node.type(0).shape, value=1, dtype=dtype)]


def _dropped(node: Node, training: Atom) -> Any:
    """The elements that are kept, times 1 / (1 - ratio); all, unchanged, where the run says that it is no training."""
    x, dtype = node.input(0), node.type(0).dtype
    share = node.reshape(node.input(1), ()) if node.has_input(1) else node.constant(0.5, "float32")
    ratio = node.cast(share, "float64" if dtype == "float64" else "float32")
    one, zero = (node.constant(value, ratio.type.dtype) for value in (1, 0))  # type: ignore[union-attr]
    if not isinstance(training, Constant):
        ratio = node.call("where", node.reshape(training, ()), ratio, zero)
    kept = node.call("less_equal", node.cast(ratio, "float32"), uniform(node, node.type(0).shape, "float32"))
    rest = node.call("subtract", one, ratio)
    factor = node.call("where", node.call("greater", rest, zero), node.call("divide", one, rest), zero)
    wide = "float32" if dtype in SMALL_FLOATS else dtype  # which have no arithmetic
    scaled = node.call("multiply", node.cast(x, wide), node.cast(factor, wide))
    result = node.cast(node.call("where", kept, scaled, node.constant(0, wide)), dtype)
    return [result, kept][: 1 + node.has_output(1)]


@converter("Shrink")
def convert_shrink(node: Node) -> Any:
    """Nearer to 0 by a bias, and 0 next to it. On integers the sum is one of floats, whose fraction is cut off."""
    x, dtype = node.input(0), node.type(0).dtype
    wide = dtype if dtype in FLOATS else "float64" if dtype.endswith(("32", "64")) else "float32"
    value = node.cast(x, wide)
    bias, limit = (node.constant(node.attr(name, default), wide) for name, default in (("bias", 0.0), ("lambd", 0.5)))
    above = node.call("greater", value, limit)
    inner = node.call("where", above, node.call("subtract", value, bias), node.constant(0, wide))
    below = node.call("less", value, node.call("negative", limit))
    return node.cast(node.call("where", below, node.call("add", value, bias), inner), dtype)
