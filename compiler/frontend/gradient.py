"""Derivatives of what was converted so far, backwards from a tensor to those it depends on (ONNX Gradient).

The gradient of a tensor of several elements is that of their sum. For each Relay operator that is differentiable a rule
gives what the gradient of its result adds to those of its arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..relay.dimension import Dimension
from ..relay.expr import Atom, Call, Var, tensor_type
from ..relay.types import TensorType
from .registry import Node

#: ``rule(node, call, arguments, result, gradient) -> gradient of each argument, or None``.
Rule = Callable[[Node, Call, Sequence[Atom], Atom, Atom], Sequence[Atom | None]]


def gradients(node: Node, y: Atom, xs: Sequence[Atom], given: Mapping[Atom, Atom]) -> list[Atom]:
    """Gradients of a tensor with respect to others.

    Parameters
    ----------
    node : Node
        To make calls with.
    y : Atom
        What is differentiated.
    xs : sequence of Atom
        By what; nothing before them is looked at.
    given : mapping
        Values to take in place of tensors.
    """
    steps = _steps(node, y, set(xs) | set(given))
    values: dict[Atom, Atom] = dict(given)
    for var, call in steps:
        arguments = [values.get(a, a) for a in call.args]
        changed = any(new is not old for new, old in zip(arguments, call.args, strict=True))
        values[var] = node.call(str(call.op), *arguments, **call.attrs) if changed else var
    found: dict[Atom, Atom] = {y: _full(node, tensor_type(values.get(y, y)), 1.0)}
    for var, call in reversed(steps):
        if var not in found:
            continue
        rule = _RULES.get(str(call.op))
        if rule is None:
            raise node.error(
                f"Gradient through the Relay operator {call.op} (node '{call.location.node}') is not supported",
                expected=f"one of: {', '.join(sorted(_RULES))}",
            )
        arguments = [values.get(a, a) for a in call.args]
        parts = rule(node, call, arguments, values[var], found[var])
        for argument, part in zip(call.args, parts, strict=True):
            if part is not None:
                found[argument] = node.call("add", found[argument], part) if argument in found else part
    return [found[x] if x in found else _full(node, tensor_type(values.get(x, x)), 0.0) for x in xs]


def _steps(node: Node, y: Atom, ends: set[Atom]) -> list[tuple[Var, Call]]:
    """The calls between the ends and a tensor, in order."""
    builder, bindings = node.builder, {}
    while builder is not None:
        bindings.update({b.var: b.value for b in builder.bindings})
        builder = builder.parent  # type: ignore[assignment]
    order: dict[Atom, None] = {}
    stack: list[tuple[Atom, bool]] = [(y, False)]
    while stack:
        atom, done = stack.pop()
        if done:
            order[atom] = None
            continue
        value = bindings.get(atom) if isinstance(atom, Var) else None
        if atom in order or atom in ends or not isinstance(value, Call):
            continue
        stack.append((atom, True))
        stack += [(a, False) for a in value.args]
    kept: list[tuple[Var, Call]] = []
    moved = set(ends)
    for atom in order:
        value = bindings[atom]
        assert isinstance(atom, Var) and isinstance(value, Call)
        if moved.intersection(value.args):
            moved.add(atom)
            kept.append((atom, value))
    return kept


def _full(node: Node, type_: TensorType, value: float) -> Atom:
    return node.call("full", shape=type_.shape, value=value, dtype=type_.dtype)


def _number(node: Node, like: Atom, value: float) -> Atom:
    return node.constant(value, tensor_type(like).dtype)


def _summed(node: Node, gradient: Atom, shape: Sequence[Dimension]) -> Atom:
    """The gradient of what was broadcast."""
    found = tensor_type(gradient).shape
    more = len(found) - len(shape)
    axes = [*range(more), *(more + i for i, d in enumerate(shape) if d == 1 and found[more + i] != 1)]
    if axes:
        gradient = node.call("sum", gradient, axis=tuple(axes), keepdims=True)
    return node.reshape(gradient, tuple(shape))


def _broadcasting(rule: Rule) -> Rule:
    def summed(node: Node, call: Call, args: Sequence[Atom], result: Atom, gradient: Atom) -> Sequence[Atom | None]:
        parts = rule(node, call, args, result, gradient)
        return [p if p is None else _summed(node, p, tensor_type(a).shape) for p, a in zip(parts, args, strict=True)]

    return summed


def _divide(node: Node, call: Call, args: Sequence[Atom], result: Atom, gradient: Atom) -> Sequence[Atom | None]:
    first = node.call("divide", gradient, args[1])
    return [first, node.call("negative", node.call("multiply", first, result))]


def _power(node: Node, call: Call, args: Sequence[Atom], result: Atom, gradient: Atom) -> Sequence[Atom | None]:
    """The exponent is taken as constant."""
    lower = node.call("power", args[0], node.call("subtract", args[1], _number(node, args[1], 1)))
    return [node.call("multiply", gradient, node.call("multiply", args[1], lower)), None]


def _elementwise(slope: Callable[[Node, Atom, Atom], Atom]) -> Rule:
    """A rule from the derivative of a function of one tensor, out of its argument and its result."""

    def rule(node: Node, call: Call, args: Sequence[Atom], result: Atom, gradient: Atom) -> Sequence[Atom | None]:
        return [node.call("multiply", gradient, slope(node, args[0], result))]

    return rule


def _one_less(node: Node, value: Atom) -> Atom:
    return node.call("subtract", _number(node, value, 1), value)


def _relu(node: Node, x: Atom, y: Atom) -> Atom:
    return node.cast(node.call("greater", x, _number(node, x, 0)), tensor_type(x).dtype)


def _reduction(node: Node, call: Call, args: Sequence[Atom], result: Atom, gradient: Atom) -> Sequence[Atom | None]:
    """Sums and means."""
    shape = tensor_type(args[0]).shape
    axes = {axis % len(shape) for axis in call.attrs.axis}
    kept = tuple(1 if axis in axes else dim for axis, dim in enumerate(shape))
    spread = node.call("broadcast_to", node.reshape(gradient, kept), shape=shape)
    if call.op == "sum":
        return [spread]
    ones = node.call("sum", _full(node, tensor_type(args[0]), 1.0), axis=tuple(axes), keepdims=True)
    return [node.call("divide", spread, ones)]


def _matmul(node: Node, call: Call, args: Sequence[Atom], result: Atom, gradient: Atom) -> Sequence[Atom | None]:
    a, b = args
    if tensor_type(a).rank != 2 or tensor_type(b).rank != 2 or call.attrs.transpose_a or call.attrs.transpose_b:
        raise node.error("Gradient through a product of other than two plain matrices", expected="matrices")
    left = node.call("nn.matmul", gradient, node.transpose(b, (1, 0)))
    return [left, node.call("nn.matmul", node.transpose(a, (1, 0)), gradient)]


def _dense(node: Node, call: Call, args: Sequence[Atom], result: Atom, gradient: Atom) -> Sequence[Atom | None]:
    x, weights, *bias = args
    if tensor_type(x).rank != 2:
        raise node.error("Gradient through a product of a stack of matrices", expected="a matrix")
    by_weights = node.call("nn.matmul", node.transpose(gradient, (1, 0)), x)
    parts: list[Atom | None] = [node.call("nn.matmul", gradient, weights), by_weights]
    return parts + [node.call("sum", gradient, axis=(0,)) for _ in bias]


_RULES: Mapping[str, Rule] = {
    "add": _broadcasting(lambda node, call, args, result, g: [g, g]),
    "subtract": _broadcasting(lambda node, call, args, result, g: [g, node.call("negative", g)]),
    "multiply": _broadcasting(
        lambda node, call, args, result, g: [node.call("multiply", g, args[1]), node.call("multiply", g, args[0])]
    ),
    "divide": _broadcasting(_divide),
    "power": _broadcasting(_power),
    "negative": lambda node, call, args, result, g: [node.call("negative", g)],
    "exp": _elementwise(lambda node, x, y: y),
    "log": _elementwise(lambda node, x, y: node.call("reciprocal", x)),
    "sqrt": _elementwise(lambda node, x, y: node.call("divide", _number(node, y, 0.5), y)),
    "reciprocal": _elementwise(lambda node, x, y: node.call("negative", node.call("multiply", y, y))),
    "tanh": _elementwise(lambda node, x, y: _one_less(node, node.call("multiply", y, y))),
    "sigmoid": _elementwise(lambda node, x, y: node.call("multiply", y, _one_less(node, y))),
    "sin": _elementwise(lambda node, x, y: node.call("cos", x)),
    "cos": _elementwise(lambda node, x, y: node.call("negative", node.call("sin", x))),
    "nn.relu": _elementwise(_relu),
    "cast": lambda node, call, args, result, g: [node.cast(g, tensor_type(args[0]).dtype)],
    "reshape": lambda node, call, args, result, g: [node.reshape(g, tensor_type(args[0]).shape)],
    "transpose": lambda node, call, args, result, g: [
        node.transpose(g, [call.attrs.axes.index(axis) for axis in range(len(call.attrs.axes))])
    ],
    "broadcast_to": lambda node, call, args, result, g: [_summed(node, g, tensor_type(args[0]).shape)],
    "sum": _reduction,
    "mean": _reduction,
    "nn.matmul": _matmul,
    "nn.dense": _dense,
}
