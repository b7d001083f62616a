"""ai.onnx.preview.training: optimisers, each a step for any number of tensors, and gradients."""

from __future__ import annotations

from collections.abc import Callable

from ..relay.expr import Atom
from .gradient import gradients
from .registry import Node, converter

DOMAIN = "ai.onnx.preview.training"


class _Step:
    """Arithmetic on the tensors of one step, in their element type.

    Attributes
    ----------
    rate : Atom
        The learning rate.
    """

    def __init__(self, node: Node, dtype: str) -> None:
        self._node, self._dtype = node, dtype
        self.rate = node.cast(node.input(0), dtype)
        self.count = node.cast(node.input(1), dtype)

    def number(self, value: float) -> Atom:
        return self._node.constant(value, self._dtype)

    def call(self, op: str, *arguments: Atom | float) -> Atom:
        """A Relay operator on tensors and numbers."""
        atoms = [self.number(a) if isinstance(a, (int, float)) else a for a in arguments]
        return self._node.call(op, *atoms)

    def add(self, left: Atom, right: Atom | float) -> Atom:
        return left if right == 0 else self.call("add", left, right)

    def scale(self, tensor: Atom, factor: float) -> Atom:
        return tensor if factor == 1 else self.call("multiply", tensor, factor)

    def weighted(self, a: float, x: Atom, b: float, y: Atom) -> Atom:
        """a * x + b * y."""
        if a == 0:
            return self.scale(y, b)
        return self.add(self.scale(x, a), self.scale(y, b))

    def first_or_later(self, first: Atom | float, later: Atom | float) -> Atom:
        """One of two by whether this is the first step (number 0)."""
        return self.call("where", self.call("greater", self.count, 0), later, first)


#: ``rule(node, step, tensors) -> new tensors`` for one tensor with its gradient and its state.
_Rule = Callable[[Node, _Step, list[Atom]], list[Atom]]


def _each(node: Node, states: int, rule: _Rule) -> list[Atom]:
    """Apply a rule to each tensor. Inputs: rate, step, tensors, gradients, then each state of all tensors."""
    groups = states + 2
    count, rest = divmod(len(node.inputs) - 2, groups)
    if rest or count < 1:
        raise node.error(f"{len(node.inputs)} inputs", expected=f"2, and {groups} for each tensor")
    results = []
    for index in range(count):
        places = [2 + group * count + index for group in range(groups)]
        types = [node.type(place) for place in places]
        if any(t != types[0] for t in types):
            raise node.error(f"tensor {index} has the types {', '.join(map(str, types))}", expected="one type for all")
        step = _Step(node, types[0].dtype)
        results.append(rule(node, step, [node.input(place) for place in places]))
    return [result[part] for part in range(states + 1) for result in results]


@converter("Adagrad", domain=DOMAIN)
def convert_adagrad(node: Node) -> list[Atom]:
    return _each(node, 1, _adagrad)


def _adagrad(node: Node, step: _Step, tensors: list[Atom]) -> list[Atom]:
    x, gradient, squares = tensors
    rate = step.call("divide", step.rate, step.add(step.scale(step.count, node.attr("decay_factor", 0.0)), 1))
    gradient = step.weighted(node.attr("norm_coefficient", 0.0), x, 1, gradient)
    squares = step.add(squares, step.call("multiply", gradient, gradient))
    root = step.add(step.call("sqrt", squares), node.attr("epsilon", 1e-6))
    update = step.call("divide", step.call("multiply", rate, gradient), root)
    return [step.call("subtract", x, update), squares]


@converter("Adam", domain=DOMAIN)
def convert_adam(node: Node) -> list[Atom]:
    return _each(node, 2, _adam)


def _adam(node: Node, step: _Step, tensors: list[Atom]) -> list[Atom]:
    x, gradient, mean, squares = tensors
    alpha, beta = node.attr("alpha", 0.9), node.attr("beta", 0.999)
    gradient = step.weighted(node.attr("norm_coefficient", 0.0), x, 1, gradient)
    mean = step.weighted(alpha, mean, 1 - alpha, gradient)
    squares = step.weighted(beta, squares, 1 - beta, step.call("multiply", gradient, gradient))
    root = step.add(step.call("sqrt", squares), node.attr("epsilon", 1e-6))

    def remaining(base: float) -> Atom:
        return step.call("subtract", 1.0, step.call("power", step.number(base), step.count))

    corrected = step.call(
        "divide", step.call("multiply", step.rate, step.call("sqrt", remaining(beta))), remaining(alpha)
    )
    rate = step.first_or_later(step.rate, corrected)
    x = step.call("subtract", x, step.call("multiply", rate, step.call("divide", mean, root)))
    return [step.scale(x, 1 - node.attr("norm_coefficient_post", 0.0)), mean, squares]


@converter("Momentum", domain=DOMAIN)
def convert_momentum(node: Node) -> list[Atom]:
    return _each(node, 1, _momentum)


def _momentum(node: Node, step: _Step, tensors: list[Atom]) -> list[Atom]:
    """Standard momentum, or Nesterov's."""
    x, gradient, velocity = tensors
    alpha, mode = node.required_attr("alpha"), node.required_attr("mode")
    if mode not in ("standard", "nesterov"):
        raise node.error(f"mode is '{mode}'", expected="standard or nesterov")
    gradient = step.weighted(node.required_attr("norm_coefficient"), x, 1, gradient)
    beta = step.first_or_later(1.0, node.required_attr("beta"))
    velocity = step.add(step.scale(velocity, alpha), step.call("multiply", beta, gradient))
    update = velocity if mode == "standard" else step.weighted(alpha, velocity, 1, gradient)
    return [step.call("subtract", x, step.call("multiply", step.rate, update)), velocity]


@converter("Gradient", domain=DOMAIN)
def convert_gradient(node: Node) -> list[Atom]:
    """Gradients with respect to the tensors of `xs`, where these and those of `zs` have the inputs' values."""
    xs, zs, y = node.required_attr("xs"), node.attr("zs", ()), node.find(node.required_attr("y"))
    tensors = [node.find(name) for name in (*xs, *zs)]
    missing = [name for name, tensor in zip((*xs, *zs, "y"), (*tensors, y), strict=True) if tensor is None]
    if missing:
        raise node.error(f"the graph has no tensor '{missing[0]}'", expected="names of tensors in xs, zs and y")
    if len(tensors) != len(node.inputs):
        raise node.error(f"{len(node.inputs)} inputs for {len(tensors)} tensors of xs and zs", expected="one for each")
    known = [tensor for tensor in (*tensors, y) if tensor is not None]
    given = {tensor: node.input(index) for index, tensor in enumerate(known[:-1])}
    return gradients(node, known[-1], known[: len(xs)], given)
