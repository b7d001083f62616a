"""ONNX reductions, positions of extremes, and cumulative sums and products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..op.base import FLOATS, normalize_axis
from ..relay.expr import Atom
from ..relay.types import DTYPES, TensorType
from .registry import Node, converter

#: First opset in which the axes are an input.
_AXES_INPUT = {"ReduceSum": 13}
_AXES_INPUT_DEFAULT = 18

#: ONNX operator -> Relay reduction, where nothing happens before or after it.
_PLAIN = {"ReduceMax": "max", "ReduceMean": "mean", "ReduceMin": "min", "ReduceProd": "product", "ReduceSum": "sum"}


class _Axes:
    """Which axes a node reduces, and whether they stay with size 1."""

    def __init__(self, node: Node) -> None:
        self._node = node
        rank = node.type(0).rank
        if node.opset >= _AXES_INPUT.get(node.proto.op_type, _AXES_INPUT_DEFAULT):
            given = [int(a) for a in node.static_array(1).reshape(-1)] if node.has_input(1) else []
        else:
            given = list(node.attr("axes", ()))
        self.axes = tuple(sorted({normalize_axis(node.proto.op_type, axis, rank) for axis in given}))
        if not given and not node.attr("noop_with_empty_axes", 0):
            self.axes = tuple(range(rank))
        self.keepdims = bool(node.attr("keepdims", 1))

    def reduce(self, op: str, x: Atom, keepdims: bool | None = None) -> Atom:
        """The reduction of a tensor; itself where there are no axes."""
        if not self.axes:
            return x
        return self._node.call(op, x, axis=self.axes, keepdims=self.keepdims if keepdims is None else keepdims)


@converter(*_PLAIN)
def convert_plain(node: Node) -> Any:
    return _Axes(node).reduce(_PLAIN[node.proto.op_type], node.input(0))


@converter("ReduceL1")
def convert_l1(node: Node) -> Any:
    return _Axes(node).reduce("sum", node.call("abs", node.input(0)))


@converter("ReduceSumSquare")
def convert_sum_square(node: Node) -> Any:
    x = node.input(0)
    return _Axes(node).reduce("sum", node.call("multiply", x, x))


@converter("ReduceL2", "ReduceLogSum", "ReduceLogSumExp")
def convert_composite(node: Node) -> Any:
    """Integers, which ONNX allows in older opsets, are reduced as floats."""
    dtype = node.type(0).dtype
    wide = dtype if dtype in FLOATS else "float64" if dtype in ("int64", "uint64") else "float32"
    return node.cast(_COMPOSITE[node.proto.op_type](node, _Axes(node), node.cast(node.input(0), wide)), dtype)


def _l2(node: Node, axes: _Axes, x: Atom) -> Atom:
    return node.call("sqrt", axes.reduce("sum", node.call("multiply", x, x)))


def _log_sum(node: Node, axes: _Axes, x: Atom) -> Atom:
    return node.call("log", axes.reduce("sum", x))


def _log_sum_exp(node: Node, axes: _Axes, x: Atom) -> Atom:
    """m + log(sum(exp(x - m))), m being the maximum, so that nothing overflows.

    An infinite m would give inf - inf; the nearest finite number gives the right infinities in the end.
    """
    if not axes.axes:
        return node.call("log", node.call("exp", x))
    assert isinstance(x.type, TensorType)
    largest = float(np.finfo(np.float32).max) if x.type.dtype == "bfloat16" else None
    largest = largest or float(np.finfo(DTYPES[x.type.dtype][0]).max)
    greatest = node.call("clip", axes.reduce("max", x, keepdims=True), low=-largest, high=largest)
    total = axes.reduce("sum", node.call("exp", node.call("subtract", x, greatest)), keepdims=True)
    result = node.call("add", node.call("log", total), greatest)
    if axes.keepdims:
        return result
    shape = tuple(d for axis, d in enumerate(x.type.shape) if axis not in axes.axes)
    return node.reshape(result, shape)


_COMPOSITE: dict[str, Callable[[Node, _Axes, Atom], Atom]] = {
    "ReduceL2": _l2,
    "ReduceLogSum": _log_sum,
    "ReduceLogSumExp": _log_sum_exp,
}


@converter("ArgMax", "ArgMin")
def convert_arg(node: Node) -> Any:
    return node.call(
        node.proto.op_type.lower(),
        node.input(0),
        axis=normalize_axis(node.proto.op_type, node.attr("axis", 0), node.type(0).rank),
        keepdims=bool(node.attr("keepdims", 1)),
        last=bool(node.attr("select_last_index", 0)),
    )


@converter("CumSum", "CumProd")
def convert_cumulative(node: Node) -> Any:
    axis = node.static_array(1)
    if axis.size != 1:
        raise node.error(f"input 1, the axis, has {axis.size} elements", expected="one")
    return node.call(
        "cumulative_sum" if node.proto.op_type == "CumSum" else "cumulative_product",
        node.input(0),
        axis=normalize_axis(node.proto.op_type, int(axis.reshape(())), node.type(0).rank),
        exclusive=bool(node.attr("exclusive", 0)),
        reverse=bool(node.attr("reverse", 0)),
    )
