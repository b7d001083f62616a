"""Random ONNX graphs that are valid by construction, and whose values stay small.

All decisions go through one function, ``choose(options) -> one of them``: hypothesis gives one, a random number
generator another. A dimension is its value in the first run, and whether it is open (a symbol, or computed from one).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Choose = Callable[[Sequence[Any]], Any]

OPSET = 20

#: Values of the symbols in the first run.
SYMBOLS = {"N": 2, "H": 6}


@dataclass(frozen=True)
class Size:
    """A dimension."""

    value: int
    open: bool = False


@dataclass(frozen=True)
class Value:
    """A tensor of floats."""

    name: str
    shape: tuple[Size, ...]

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(d.value for d in self.shape)


class Inapplicable(Exception):
    """The operator does not take such a tensor."""


@dataclass
class GraphBuilder:
    """Adds operators one by one."""

    choose: Choose
    values: list[Value] = field(default_factory=list)
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    inputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def model(self) -> onnx.ModelProto:
        """The graph with the last value, and some others, as outputs."""
        outputs = [self.values[-1]]
        for _ in range(self.choose((0, 0, 1, 2))):
            outputs.append(self.choose(self.values[len(self.inputs) :]))
        graph = helper.make_graph(
            self.nodes,
            "random",
            self.inputs,
            [helper.make_tensor_value_info(v.name, TensorProto.FLOAT, None) for v in dict.fromkeys(outputs)],
            self.constants,
        )
        opsets = [helper.make_opsetid("", OPSET)]
        return onnx.shape_inference.infer_shapes(helper.make_model(graph, opset_imports=opsets, ir_version=9))

    def grow(self, count: int) -> None:
        """Add inputs, and so many operators on random values."""
        self._inputs()
        while len(self.nodes) < count:
            x = self.choose(self.values[-3:]) if self.choose((True, True, False)) else self.choose(self.values)
            operator = self.choose(_ON_IMAGES if x.rank == 4 and self.choose((True, False)) else _OPERATORS)
            try:
                self.values += operator(self, x)
            except Inapplicable:
                self.values += unary(self, x)

    def _inputs(self) -> None:
        batch = self.choose((Size(1), Size(2), Size(2, True)))
        channels = Size(self.choose((1, 3, 4, 8, 13, 16)))
        height = self.choose((Size(1), Size(5), Size(8), Size(6, True)))
        shapes = [
            (batch, channels, height, Size(self.choose((1, 4, 7)))),
            (batch, Size(self.choose((1, 5, 16))), Size(self.choose((8, 12)))),
            (batch, Size(self.choose((1, 6, 24, 100)))),
        ]
        for index in range(self.choose((1, 2))):
            shape = self.choose(shapes)
            self._input(f"input{index}", shape, ["N" if s is batch else "H" for s in shape])

    def _input(self, name: str, shape: Sequence[Size], symbols: Sequence[str]) -> None:
        dims = [symbol if size.open else size.value for size, symbol in zip(shape, symbols, strict=True)]
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, dims))
        self.values.append(Value(name, tuple(shape)))

    def node(self, op: str, inputs: Sequence[Value | str], *shapes: Sequence[Size], **attrs: Any) -> list[Value]:
        """Add an operator; its results, one for each shape."""
        names = [f"v{len(self.nodes)}" + (f"_{i}" if i else "") for i in range(len(shapes))]
        arguments = [i if isinstance(i, str) else i.name for i in inputs]
        self.nodes.append(helper.make_node(op, arguments, names, name=f"{op}_{len(self.nodes)}", **attrs))
        return [Value(n, tuple(s)) for n, s in zip(names, shapes, strict=True)]

    def constant(self, array: np.ndarray) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def floats(self, *shape: int, low: float = -1.0, high: float = 1.0) -> str:
        return self.constant(self.random.uniform(low, high, shape).astype(np.float32))

    def integers(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def axis(self, x: Value, known: bool = False) -> int:
        """An axis, with `known` one whose size is."""
        axes = [i for i, d in enumerate(x.shape) if not (known and d.open)]
        if not axes:
            raise Inapplicable
        return int(self.choose(axes))


def _need(condition: bool) -> None:
    if not condition:
        raise Inapplicable


# Elementwise


def unary(g: GraphBuilder, x: Value) -> list[Value]:
    op = g.choose(("Relu", "Sigmoid", "Tanh", "Neg", "Abs", "Erf", "Softplus", "LeakyRelu", "HardSwish", "Elu", "Gelu"))
    return g.node(op, [x], x.shape)


def bounded(g: GraphBuilder, x: Value) -> list[Value]:
    """Functions that grow, or are not defined everywhere, of something that is bounded."""
    inner, outer = g.choose(
        (("Tanh", "Exp"), ("Abs", "Sqrt"), ("Sigmoid", "Log"), ("Sigmoid", "Reciprocal"), ("Tanh", "Sin"))
    )
    (small,) = g.node(inner, [x], x.shape)
    if outer in ("Log", "Reciprocal"):
        (small,) = g.node("Add", [small, g.constant(np.array(0.5, np.float32))], x.shape)
    return g.node(outer, [small], x.shape)


def binary(g: GraphBuilder, x: Value) -> list[Value]:
    op = g.choose(("Add", "Sub", "Mul", "Max", "Min", "Add"))
    same = [v for v in g.values if v.shape == x.shape and v != x]
    if same and g.choose((True, True, False)):
        other: Value | str = g.choose(same)
    else:
        rank = g.choose(range(x.rank + 1))
        tail = x.shape[x.rank - rank :]
        other = g.floats(*(1 if d.open or g.choose((True, False)) else d.value for d in tail))
    return g.node(op, [x, other] if g.choose((True, False)) else [other, x], x.shape)


def divide(g: GraphBuilder, x: Value) -> list[Value]:
    return g.node("Div", [x, g.floats(low=0.5, high=2)], x.shape)


def spread(g: GraphBuilder, x: Value) -> list[Value]:
    """A tensor with another one that is broadcast over an axis of it."""
    axis = g.axis(x)
    shape = [Size(1) if i == axis else d for i, d in enumerate(x.shape)]
    (mean,) = g.node("ReduceMean", [x, g.integers(axis)], shape)
    return g.node(g.choose(("Sub", "Mul")), [x, mean], x.shape)


def condition(g: GraphBuilder, x: Value) -> list[Value]:
    (test,) = g.node(g.choose(("Greater", "LessOrEqual")), [x, g.constant(np.array(0.123, np.float32))], x.shape)
    return g.node("Where", [test, x, g.floats()], x.shape)


def casts(g: GraphBuilder, x: Value) -> list[Value]:
    kind = g.choose((TensorProto.DOUBLE, TensorProto.INT32, TensorProto.BOOL, TensorProto.FLOAT16))
    if kind == TensorProto.INT32:
        (x,) = g.node("Mul", [x, g.constant(np.array(3, np.float32))], x.shape)
    (y,) = g.node("Cast", [x], x.shape, to=kind)
    return g.node("Cast", [y], x.shape, to=TensorProto.FLOAT)


def quantized(g: GraphBuilder, x: Value) -> list[Value]:
    unsigned = g.choose((True, False))
    scale = g.constant(np.array(g.choose((0.03125, 0.0625)), np.float32))
    point = g.constant(np.array(128 if unsigned else g.choose((0, -3)), np.uint8 if unsigned else np.int8))
    (q,) = g.node("QuantizeLinear", [x, scale, point], x.shape)
    return g.node("DequantizeLinear", [q, scale, point], x.shape)


# Windows


def _window(g: GraphBuilder, x: Value, largest: int = 3) -> tuple[list[Size], dict[str, Any]]:
    """Sizes of the result and attributes of a window over the spatial axes."""
    _need(x.rank in (3, 4))
    spatial = x.shape[2:]
    windows = [g.choose([k for k in range(1, largest + 1) if k <= d.value]) for d in spatial]
    strides = [g.choose((1, 1, 2)) for _ in spatial]
    dilations = [g.choose((1, 1, 2)) if (k - 1) * 2 < d.value else 1 for k, d in zip(windows, spatial, strict=True)]
    # Padding stays below the window, as pooling demands it.
    begin, end = ([g.choose(range(min(k, 2))) for k in windows] for _ in range(2))
    result = [
        Size((d.value + b + e - (k - 1) * f - 1) // s + 1, d.open)
        for d, k, s, f, b, e in zip(spatial, windows, strides, dilations, begin, end, strict=True)
    ]
    attrs = {"kernel_shape": windows, "strides": strides, "dilations": dilations, "pads": [*begin, *end]}
    return result, attrs


def convolution(g: GraphBuilder, x: Value) -> list[Value]:
    sizes, attrs = _window(g, x)
    _need(not x.shape[1].open)
    channels = x.shape[1].value
    groups = g.choose((1, 1, 1, channels, *([2] if channels % 2 == 0 else [])))
    out = groups * g.choose((1, 2)) if groups > 1 else g.choose((1, 4, 6, 8, 16, 17))
    scale = 1 / math.sqrt(channels // groups * math.prod(attrs["kernel_shape"]))
    weights = g.floats(out, channels // groups, *attrs["kernel_shape"], low=-scale, high=scale)
    bias = [g.floats(out)] if g.choose((True, False)) else []
    return g.node("Conv", [x, weights, *bias], [x.shape[0], Size(out), *sizes], group=groups, **attrs)


def pooling(g: GraphBuilder, x: Value) -> list[Value]:
    sizes, attrs = _window(g, x)
    op = g.choose(("MaxPool", "AveragePool"))
    if op == "AveragePool":
        attrs["count_include_pad"] = g.choose((0, 1))
    return g.node(op, [x], [*x.shape[:2], *sizes], **attrs)


def global_pooling(g: GraphBuilder, x: Value) -> list[Value]:
    _need(x.rank in (3, 4))
    op = g.choose(("GlobalAveragePool", "GlobalMaxPool"))
    return g.node(op, [x], [*x.shape[:2], *(Size(1) for _ in x.shape[2:])])


def batch_norm(g: GraphBuilder, x: Value) -> list[Value]:
    _need(x.rank >= 2 and not x.shape[1].open)
    parameters = [g.floats(x.shape[1].value, low=0.5, high=1.5) for _ in range(4)]
    return g.node("BatchNormalization", [x, *parameters], x.shape)


# Matrix products


def dense(g: GraphBuilder, x: Value) -> list[Value]:
    _need(x.rank >= 2 and not x.shape[-1].open)
    depth, units = x.shape[-1].value, g.choose((1, 5, 16, 33))
    scale = 1 / math.sqrt(depth)
    shape = [*x.shape[:-1], Size(units)]
    if x.rank == 2 and g.choose((True, False)):
        bias = [g.floats(units)] if g.choose((True, False)) else []
        weights = g.floats(units, depth, low=-scale, high=scale)
        return g.node("Gemm", [x, weights, *bias], shape, transB=1, alpha=g.choose((1.0, 0.5)))
    return g.node("MatMul", [x, g.floats(depth, units, low=-scale, high=scale)], shape)


def product(g: GraphBuilder, x: Value) -> list[Value]:
    """A tensor with its transpose, as attention has it."""
    _need(x.rank >= 2)
    order = [*range(x.rank - 2), x.rank - 1, x.rank - 2]
    (turned,) = g.node("Transpose", [x], [x.shape[i] for i in order], perm=order)
    (scores,) = g.node("MatMul", [x, turned], [*x.shape[:-1], x.shape[-2]])
    (scaled,) = g.node("Mul", [scores, g.constant(np.array(0.125, np.float32))], scores.shape)
    if g.choose((True, False)):
        return [scaled]
    (weights,) = g.node("Softmax", [scaled], scaled.shape, axis=-1)
    return g.node("MatMul", [weights, x], x.shape)


# Reductions


def reduction(g: GraphBuilder, x: Value) -> list[Value]:
    _need(x.rank >= 1)
    op = g.choose(
        ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp")
    )
    axes = sorted({g.axis(x) for _ in range(g.choose((1, 1, 2)))})
    keep = g.choose((0, 1))
    shape = [Size(1) if i in axes else d for i, d in enumerate(x.shape) if keep or i not in axes]
    return g.node(op, [x, g.integers(*axes)], shape, keepdims=keep)


def softmax(g: GraphBuilder, x: Value) -> list[Value]:
    _need(x.rank >= 1)
    return g.node(g.choose(("Softmax", "LogSoftmax")), [x], x.shape, axis=g.axis(x))


def layer_norm(g: GraphBuilder, x: Value) -> list[Value]:
    _need(x.rank >= 2 and not x.shape[-1].open)
    parameters = [g.floats(x.shape[-1].value) for _ in range(2)]
    return g.node("LayerNormalization", [x, *parameters], x.shape, epsilon=0.1)


# Moves


def transpose(g: GraphBuilder, x: Value) -> list[Value]:
    _need(x.rank >= 1)
    left = list(range(x.rank))
    order = []
    while left:
        order.append(g.choose(left))
        left.remove(order[-1])
    return g.node("Transpose", [x], [x.shape[i] for i in order], perm=order)


def reshape(g: GraphBuilder, x: Value) -> list[Value]:
    """Join two axes that lie side by side, split one, or add one."""
    shape = list(x.shape)
    kind = g.choose(("join", "split", "add"))
    if kind == "join":
        _need(x.rank >= 2)
        at = g.choose(range(x.rank - 1))
        left, right = shape[at : at + 2]
        shape[at : at + 2] = [Size(left.value * right.value, left.open or right.open)]
    elif kind == "split":
        at = g.axis(x, known=True)
        factors = [f for f in (2, 3, 4) if shape[at].value % f == 0]
        _need(bool(factors) and x.rank < 5)
        factor = g.choose(factors)
        shape[at : at + 1] = [Size(shape[at].value // factor), Size(factor)]
    else:
        _need(x.rank < 5)
        shape.insert(g.choose(range(x.rank + 1)), Size(1))
    _need(sum(d.open for d in shape) <= 1)
    return g.node("Reshape", [x, g.integers(*(-1 if d.open else d.value for d in shape))], shape)


def concat(g: GraphBuilder, x: Value) -> list[Value]:
    axis = g.axis(x)
    rest = [d for i, d in enumerate(x.shape) if i != axis]
    others = [v for v in g.values if v.rank == x.rank and [d for i, d in enumerate(v.shape) if i != axis] == rest]
    chosen = [x, *(g.choose(others) for _ in range(g.choose((1, 2))))]
    size = Size(sum(v.shape[axis].value for v in chosen), any(v.shape[axis].open for v in chosen))
    _need(size.value <= 64)
    shape = [size if i == axis else d for i, d in enumerate(x.shape)]
    return g.node("Concat", chosen, shape, axis=axis)


def split(g: GraphBuilder, x: Value) -> list[Value]:
    axis = g.axis(x, known=True)
    size = x.shape[axis].value
    _need(size >= 2)
    first = g.choose(range(1, size))
    shapes = [[Size(s) if i == axis else d for i, d in enumerate(x.shape)] for s in (first, size - first)]
    return g.node("Split", [x, g.integers(first, size - first)], *shapes, axis=axis)


def slices(g: GraphBuilder, x: Value) -> list[Value]:
    axis = g.axis(x, known=True)
    size = x.shape[axis].value
    cut: slice = g.choose((slice(0, None), slice(1, None), slice(0, -1), slice(0, None, 2), slice(None, None, -1)))
    indices: range = range(size)[cut]
    _need(len(indices) > 0)
    begin, step = indices[0], indices.step
    end = indices[-1] + (1 if step > 0 else -1)
    shape = [Size(len(indices)) if i == axis else d for i, d in enumerate(x.shape)]
    bounds = (begin, end if end >= 0 else -size - 1, axis, step)
    return g.node("Slice", [x, *(g.integers(b) for b in bounds)], shape)


def pad(g: GraphBuilder, x: Value) -> list[Value]:
    mode = g.choose(("constant", "edge", "reflect"))
    amounts = [[g.choose((0, 0, 1)) if d.value > 1 else 0 for d in x.shape] for _ in range(2)]
    shape = [Size(d.value + b + a, d.open) for d, b, a in zip(x.shape, *amounts, strict=True)]
    return g.node("Pad", [x, g.integers(*amounts[0], *amounts[1])], shape, mode=mode)


def repeat(g: GraphBuilder, x: Value) -> list[Value]:
    axis = g.axis(x, known=True)
    size = x.shape[axis].value
    _need(size <= 20)
    shape = [Size(2 * size) if i == axis else d for i, d in enumerate(x.shape)]
    return g.node("Tile", [x, g.integers(*(2 if i == axis else 1 for i in range(x.rank)))], shape)


def gather(g: GraphBuilder, x: Value) -> list[Value]:
    axis = g.axis(x, known=True)
    size = x.shape[axis].value
    indices = np.array([g.choose(range(-size, size)) for _ in range(3)], np.int64)
    shape = [Size(3) if i == axis else d for i, d in enumerate(x.shape)]
    return g.node("Gather", [x, g.constant(indices)], shape, axis=axis)


def expand(g: GraphBuilder, x: Value) -> list[Value]:
    _need(x.rank < 5 and all(not d.open for d in x.shape))
    return g.node("Expand", [x, g.integers(2, *x.sizes)], [Size(2), *x.shape])


def flatten(g: GraphBuilder, x: Value) -> list[Value]:
    _need(x.rank >= 2)
    axis = g.choose(range(1, x.rank))
    shape = [
        Size(math.prod(d.value for d in part), any(d.open for d in part)) for part in (x.shape[:axis], x.shape[axis:])
    ]
    return g.node("Flatten", [x], shape, axis=axis)


def image_blocks(g: GraphBuilder, x: Value) -> list[Value]:
    _need(x.rank == 4 and not x.shape[1].open and x.shape[1].value % 4 == 0)
    batch, channels, *spatial = x.shape
    shape = [batch, Size(channels.value // 4), *(Size(d.value * 2, d.open) for d in spatial)]
    return g.node("DepthToSpace", [x], shape, blocksize=2, mode=g.choose(("DCR", "CRD")))


def resize(g: GraphBuilder, x: Value) -> list[Value]:
    _need(x.rank == 4)
    shape = [*x.shape[:2], *(Size(d.value * 2, d.open) for d in x.shape[2:])]
    scales = g.constant(np.array([1, 1, 2, 2], np.float32))
    mode = g.choose(("nearest", "linear"))
    rounding = {"nearest_mode": "floor"} if mode == "nearest" else {}
    return g.node("Resize", [x, "", scales], shape, mode=mode, coordinate_transformation_mode="asymmetric", **rounding)


def transposed_convolution(g: GraphBuilder, x: Value) -> list[Value]:
    _need(x.rank == 4 and not x.shape[1].open)
    channels, out = x.shape[1].value, g.choose((1, 3, 8))
    kernel, stride, pad = g.choose(((2, 2, 0), (3, 1, 1), (3, 2, 1)))
    scale = 1 / math.sqrt(channels * kernel * kernel)
    weights = g.floats(channels, out, kernel, kernel, low=-scale, high=scale)
    spatial = [Size((d.value - 1) * stride + kernel - 2 * pad, d.open) for d in x.shape[2:]]
    attrs = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [pad] * 4}
    return g.node("ConvTranspose", [x, weights], [x.shape[0], Size(out), *spatial], **attrs)


def instance_norm(g: GraphBuilder, x: Value) -> list[Value]:
    _need(x.rank in (3, 4) and not x.shape[1].open)
    parameters = [g.floats(x.shape[1].value) for _ in range(2)]
    return g.node("InstanceNormalization", [x, *parameters], x.shape, epsilon=0.1)


def running_sum(g: GraphBuilder, x: Value) -> list[Value]:
    _need(x.rank >= 1)
    axis = g.constant(np.array(g.axis(x), np.int64))
    return g.node("CumSum", [x, axis], x.shape, exclusive=g.choose((0, 1)), reverse=g.choose((0, 1)))


def place(g: GraphBuilder, x: Value) -> list[Value]:
    _need(x.rank >= 1)
    axis = g.axis(x)
    shape = [Size(1) if i == axis else d for i, d in enumerate(x.shape)]
    (index,) = g.node(g.choose(("ArgMax", "ArgMin")), [x], shape, axis=axis)
    return g.node("Cast", [index], shape, to=TensorProto.FLOAT)


Operator = Callable[[GraphBuilder, Value], list[Value]]

#: Often, those that make kernels of their own, and what joins them.
_OPERATORS: tuple[Operator, ...] = (
    *(2 * (unary, binary, dense, convolution)),
    *(bounded, divide, spread, condition, casts, quantized, running_sum, place),
    *(pooling, global_pooling, batch_norm, product, reduction, softmax, layer_norm),
    *(transpose, reshape, concat, split, slices, pad, repeat, gather, expand, flatten),
)

_ON_IMAGES: tuple[Operator, ...] = (
    *(6 * (convolution,)),
    *(3 * (unary, binary)),
    *(bounded, pooling, global_pooling, batch_norm, spread, concat, reduction, quantized),
    *(resize, transposed_convolution, instance_norm, image_blocks),
)
