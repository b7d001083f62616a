"""Random modules: small graphs of all kinds of operators, with branches, inner results and a symbolic batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from onnxc import op as relay_op
from onnxc.diagnostics import NOWHERE, CompileError
from onnxc.relay.builder import FunctionBuilder
from onnxc.relay.dimension import Dim
from onnxc.relay.expr import Atom, Constant, Module, shape_of
from onnxc.relay.types import TensorType

_UNARY = ("sigmoid", "tanh", "nn.relu", "negative", "abs", "nn.gelu")
_BINARY = ("add", "subtract", "multiply", "maximum", "divide")


class _Generator:
    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.batch: int | Dim = Dim.symbol("N") if seed % 2 else 2

    def module(self) -> Module:
        builder = FunctionBuilder(relay_op.infer_call, lambda name: None)
        values: list[Atom] = [
            builder.param("image", TensorType((self.batch, 2, 4, 6), "float32")),
            builder.param("rows", TensorType((self.batch, 3, 4), "float32")),
        ]
        condition = builder.param("condition", TensorType((), "bool"))
        self.grow(builder, values, condition, int(self.random.integers(4, 24)), nested=0)
        results = [values[int(i)] for i in self.random.integers(2, len(values), 2)] + [values[-1]]
        return Module({"main": builder.function(builder.tuple(results, "out"), outputs=("a", "b", "c"))})

    def grow(self, builder: FunctionBuilder, values: list[Atom], condition: Atom, count: int, nested: int) -> None:
        """Add values that are computed from earlier ones."""
        steps: list[Callable[..., list[Atom]]] = [
            *(4 * [self.unary]),
            *(6 * [self.binary]),
            *(self.transpose, self.reshape, self.slice, self.concatenate, self.pad, self.split),
            *(self.reduce, self.softmax, self.dense, self.convolution, self.matmul, self.cast, self.power),
        ]
        while count:
            count -= 1
            if nested < 2 and self.random.random() < 0.08:
                values.append(self.branch(builder, values, condition, nested))
                continue
            step = steps[int(self.random.integers(len(steps)))]
            try:
                values.extend(step(builder, self.pick(values)))
            except CompileError:  # the operator does not take this shape: another time
                count += int(self.random.random() < 0.9)

    def pick(self, values: list[Atom]) -> list[Atom]:
        """Values in random order, late ones first more often."""
        weight = np.arange(1, len(values) + 1) ** 2.0
        order = self.random.choice(len(values), len(values), replace=False, p=weight / weight.sum())
        return [values[int(i)] for i in order]

    def branch(self, builder: FunctionBuilder, values: list[Atom], condition: Atom, nested: int) -> Atom:
        functions = []
        wanted = self.pick(values)[0]
        for _ in range(2):
            child = builder.child()
            inside = list(values)
            self.grow(child, inside, condition, int(self.random.integers(0, 5)), nested + 1)
            same = [v for v in inside if v.type == wanted.type]
            functions.append(child.function(same[-1]))
        chosen = Constant(np.array(True)) if self.random.random() < 0.3 else condition
        then, other = functions
        return builder.if_(chosen, then, other, wanted.type, "branch", NOWHERE)

    # Each takes candidates for arguments, and may raise CompileError.

    def unary(self, b: FunctionBuilder, values: list[Atom]) -> list[Atom]:
        op = _UNARY[int(self.random.integers(len(_UNARY)))]
        attrs: dict[str, Any] = {"approximate": "none"} if op == "nn.gelu" else {}
        return [b.call(op, values[0], **attrs)]

    def binary(self, b: FunctionBuilder, values: list[Atom]) -> list[Atom]:
        x = values[0]
        shape = shape_of(x)
        op = _BINARY[int(self.random.integers(len(_BINARY)))]
        same = [v for v in values if v.type == x.type]
        kind = int(self.random.integers(4))
        if kind == 0 and len(same) > 1 and op != "divide":
            return [b.call(op, x, same[1])]
        if kind == 1:
            return [b.call(op, x, Constant(np.array(self.random.choice([0.5, 1.0, 2.0, 3.0]), np.float32)))]
        rank = int(self.random.integers(0, len(shape)))
        dims = [d if isinstance(d, int) and self.random.random() < 0.7 else 1 for d in shape[len(shape) - rank :]]
        values_ = self.random.uniform(0.5, 2, dims).astype(np.float32)
        return [b.call(op, *((x, Constant(values_)) if kind == 2 or op == "divide" else (Constant(values_), x)))]

    def cast(self, b: FunctionBuilder, values: list[Atom]) -> list[Atom]:
        return [b.call("cast", b.call("cast", values[0], dtype="float64"), dtype="float32")]

    def power(self, b: FunctionBuilder, values: list[Atom]) -> list[Atom]:
        bounded = b.call("tanh", values[0])
        return [b.call("power", bounded, Constant(np.array(2.0, np.float32)))]

    def transpose(self, b: FunctionBuilder, values: list[Atom]) -> list[Atom]:
        rank = len(shape_of(values[0]))
        return [b.call("transpose", values[0], axes=tuple(int(a) for a in self.random.permutation(rank)))]

    def reshape(self, b: FunctionBuilder, values: list[Atom]) -> list[Atom]:
        dims = list(shape_of(values[0]))
        if len(dims) > 1 and self.random.random() < 0.6:
            axis = int(self.random.integers(len(dims) - 1))
            dims[axis : axis + 2] = [dims[axis] * dims[axis + 1]]
        else:
            dims.insert(int(self.random.integers(len(dims) + 1)), 1)
        return [b.call("reshape", values[0], shape=tuple(dims))]

    def slice(self, b: FunctionBuilder, values: list[Atom]) -> list[Atom]:
        begin, end, strides = [], [], []
        for dim in shape_of(values[0]):
            whole = not isinstance(dim, int) or dim < 2 or self.random.random() < 0.5
            begin.append(0 if whole else 1)
            end.append(dim)
            strides.append(1 if whole else int(self.random.integers(1, 3)))
        return [b.call("strided_slice", values[0], begin=tuple(begin), end=tuple(end), strides=tuple(strides))]

    def concatenate(self, b: FunctionBuilder, values: list[Atom]) -> list[Atom]:
        x = values[0]
        same = [v for v in values if v.type == x.type][: int(self.random.integers(1, 4))]
        return [b.call("concatenate", *same, axis=int(self.random.integers(max(1, len(shape_of(x))))))]

    def pad(self, b: FunctionBuilder, values: list[Atom]) -> list[Atom]:
        rank = len(shape_of(values[0]))
        amounts = self.random.integers(0, 2, (2, rank))
        before, after = (tuple(int(a) for a in side) for side in amounts)
        return [b.call("pad", values[0], before=before, after=after, value=0.0)]

    def split(self, b: FunctionBuilder, values: list[Atom]) -> list[Atom]:
        shape = shape_of(values[0])
        axes = [a for a, d in enumerate(shape) if isinstance(d, int) and d > 1]
        if not axes:
            raise CompileError("nothing to split")
        axis = axes[int(self.random.integers(len(axes)))]
        size = shape[axis]
        assert isinstance(size, int)
        parts = b.call("split", values[0], sizes=(1, size - 1), axis=axis)
        return [b.get_item(parts, 0), b.get_item(parts, 1)]

    def reduce(self, b: FunctionBuilder, values: list[Atom]) -> list[Atom]:
        rank = len(shape_of(values[0]))
        if rank == 0:
            raise CompileError("a scalar")
        op = ("sum", "mean", "max")[int(self.random.integers(3))]
        axis = int(self.random.integers(rank))
        return [b.call(op, values[0], axis=(axis,), keepdims=bool(self.random.random() < 0.7))]

    def softmax(self, b: FunctionBuilder, values: list[Atom]) -> list[Atom]:
        x = values[0]
        axis = (max(len(shape_of(x)) - 1, 0),)
        shifted = b.call("subtract", x, b.call("max", x, axis=axis, keepdims=True))
        powers = b.call("exp", shifted)
        return [b.call("divide", powers, b.call("sum", powers, axis=axis, keepdims=True))]

    def dense(self, b: FunctionBuilder, values: list[Atom]) -> list[Atom]:
        inner = shape_of(values[0])[-1] if shape_of(values[0]) else 0
        if not isinstance(inner, int) or inner == 0:
            raise CompileError("no static inner dimension")
        weights = self.random.uniform(-0.5, 0.5, (4, inner)).astype(np.float32)
        return [b.call("nn.dense", values[0], Constant(weights))]

    def convolution(self, b: FunctionBuilder, values: list[Atom]) -> list[Atom]:
        shape = shape_of(values[0])
        channels = shape[1] if len(shape) > 1 else 0
        if len(shape) not in (3, 4) or not isinstance(channels, int) or channels == 0:
            raise CompileError("no image")
        spatial = len(shape) - 2
        weights = self.random.uniform(-0.5, 0.5, (channels, channels, *[1] * spatial)).astype(np.float32)
        attrs: dict[str, Any] = {"strides": (1,) * spatial, "padding": (0,) * 2 * spatial, "dilations": (1,) * spatial}
        result = b.call("nn.conv", values[0], Constant(weights), **attrs)
        if self.random.random() < 0.5:
            return [result]
        statistics = [Constant(self.random.uniform(0.5, 1, channels).astype(np.float32)) for _ in range(4)]
        return [b.call("nn.batch_norm", result, *statistics, epsilon=1e-5)]

    def matmul(self, b: FunctionBuilder, values: list[Atom]) -> list[Atom]:
        x = values[0]
        rank = len(shape_of(x))
        if rank < 2:
            raise CompileError("no matrix")
        swapped = b.call("transpose", x, axes=(*range(rank - 2), rank - 1, rank - 2))
        return [b.call("tanh", b.call("nn.matmul", x, swapped))]


def random_module(seed: int) -> Module:
    """A module that depends on the seed alone."""
    return _Generator(seed).module()
