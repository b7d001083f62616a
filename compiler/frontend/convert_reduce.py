"""ONNX reductions, positions of extremes, and cumulative sums and products."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..op.base import FLOATS, normalize_axis
from ..relay.expr import Atom
from ..relay.types import DTYPES, TensorType
from .registry import Node, converter
from .run_time_axes import RunTimeAxes, is_known

#: First opset in which the axes are an input.
_AXES_INPUT = {"ReduceSum": 13}
_AXES_INPUT_DEFAULT = 18

#: ONNX operator -> Relay reduction, where nothing happens before or after it.
_PLAIN = {"ReduceMax": "max", "ReduceMean": "mean", "ReduceMin": "min", "ReduceProd": "product", "ReduceSum": "sum"}


@dataclass(frozen=True)
class _Axes:
    """Which axes a node reduces, and whether they stay with size 1."""

    _node: Node
    axes: tuple[int, ...]
    keepdims: bool

    def reduce(self, op: str, x: Atom, keepdims: bool | None = None) -> Atom:
        """The reduction of a tensor; itself where there are no axes."""
        if not self.axes:
            return x
        return self._node.call(op, x, axis=self.axes, keepdims=self.keepdims if keepdims is None else keepdims)


def _reduced(node: Node, reduction: Callable[[Node, _Axes, Atom], Atom]) -> Atom:
    """What a node makes of its input by a reduction along its axes."""
    x, keepdims = node.input(0), bool(node.attr("keepdims", 1))
    rank = node.type(0).rank
    has_input = node.opset >= _AXES_INPUT.get(node.proto.op_type, _AXES_INPUT_DEFAULT)
    if has_input and node.has_input(1) and not is_known(node, 1) and node.type(1).size != 0:
        # Each axis becomes two, one of which is of size 1: the second of each is reduced.
        axes = RunTimeAxes.read(node, 1, rank)
        split = node.call("checked_reshape", x, shape=axes.groups(x))
        result = reduction(node, _Axes(node, tuple(range(1, 2 * rank, 2)), False), split)
        return result if keepdims else node.call("checked_reshape", result, shape=axes.without(x, result))
    if has_input:
        given = [int(a) for a in node.static_array(1).reshape(-1)] if node.has_input(1) else []
    else:
        given = list(node.attr("axes", ()))
    known = tuple(sorted({normalize_axis(node.proto.op_type, axis, rank) for axis in given}))
    if not given and not node.attr("noop_with_empty_axes", 0):
        known = tuple(range(rank))
    return reduction(node, _Axes(node, known, keepdims), x)


@converter(*_PLAIN)
def convert_plain(node: Node) -> Any:
    return _reduced(node, lambda node, axes, x: axes.reduce(_PLAIN[node.proto.op_type], x))


@converter("ReduceL1")
def convert_l1(node: Node) -> Any:
    return _reduced(node, lambda node, axes, x: axes.reduce("sum", node.call("abs", x)))


@converter("ReduceSumSquare")
def convert_sum_square(node: Node) -> Any:
    return _reduced(node, lambda node, axes, x: axes.reduce("sum", node.call("multiply", x, x)))


@converter("ReduceL2", "ReduceLogSum", "ReduceLogSumExp")
def convert_composite(node: Node) -> Any:
    """Integers, which ONNX allows in older opsets, are reduced as floats."""
    dtype = node.type(0).dtype
    wide = dtype if dtype in FLOATS else "float64" if dtype in ("int64", "uint64") else "float32"
    reduction = _COMPOSITE[node.proto.op_type]
    return _reduced(node, lambda node, axes, x: node.cast(reduction(node, axes, node.cast(x, wide)), dtype))


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
    x, rank, size = node.input(0), node.type(0).rank, node.type(1).size
    if size != 1:
        raise node.error(f"input 1, the axis, has {size} elements", expected="one")
    op = "cumulative_sum" if node.proto.op_type == "CumSum" else "cumulative_product"
    attrs = {name: bool(node.attr(name, 0)) for name in ("exclusive", "reverse")}
    if is_known(node, 1):
        axis = normalize_axis(node.proto.op_type, int(node.static_array(1).reshape(())), rank)
        return node.call(op, x, axis=axis, **attrs)
    flat = node.call("checked_reshape", x, shape=RunTimeAxes.read(node, 1, rank).around(x))
    return node.call("checked_reshape", node.call(op, flat, axis=1, **attrs), shape=node.type(0).shape)
