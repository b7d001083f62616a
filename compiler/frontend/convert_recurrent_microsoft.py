"""DynamicQuantizeLSTM of ONNX Runtime (com.microsoft): products of integers, of data that the run quantises."""

from __future__ import annotations

from typing import Any

from ..op.nn_recurrent_activation import ACTIVATIONS, Chosen, choose
from ..relay.dimension import Dimension
from ..relay.expr import Atom, dtype_of, shape_of
from .attention import part
from .convert_quantize import dynamically_quantized, integer_product, scale_product
from .registry import Node, converter

_DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}


@converter("DynamicQuantizeLSTM", domain="com.microsoft")
def convert_dynamic_quantize_lstm(node: Node) -> Any:
    """The inputs of all steps are quantised together, and multiplied at once; states in each step (op/qnn_lstm.py)."""
    direction = node.attr("direction", "forward")
    if direction not in _DIRECTIONS:
        raise node.error(f"direction '{direction}'", expected=f"one of: {', '.join(_DIRECTIONS)}")
    reversals = _DIRECTIONS[direction]
    for index, rows in ((1, node.type(0).shape[-1]), (2, node.attr("hidden_size", node.type(2).shape[1]))):
        shape = node.type(index).shape
        if len(shape) != 3 or shape[0] != len(reversals) or shape[1] != rows or shape[2] != 4 * node.type(2).shape[1]:
            raise node.error(
                f"input {index} is {node.type(index)}", expected="(directions, size of the input, 4 * hidden_size)"
            )
    data = dynamically_quantized(node, node.input(0))
    found = [_run(node, data, direction, reverse) for direction, reverse in enumerate(reversals)]
    y, *states = (list(parts) for parts in zip(*found, strict=True))
    return [_joined(node, y, 1), *(_joined(node, state, 0) for state in states)]


def _run(node: Node, data: tuple[Atom, Atom, Atom], direction: int, reverse: bool) -> list[Atom]:
    codes, data_scale, data_zero = data
    hidden = node.type(2).shape[1]
    assert isinstance(hidden, int)
    weights, scale, zero = _quantised_weights(node, 1, direction)
    product = integer_product(node, codes, weights, data_zero, zero)
    gates = node.call("multiply", node.cast(product, "float32"), scale_product(node, data_scale, scale))
    if node.has_input(3):
        bias = _direction(node, node.input(3), direction)
        both = [part(node, bias, 0, begin, begin + 4 * hidden) for begin in (0, 4 * hidden)]
        gates = node.call("add", gates, node.call("add", *both))
    optional = {
        name: _direction(node, node.input(index), direction)
        for name, index in (("initial_h", 5), ("initial_c", 6), ("peephole", 7))
        if node.has_input(index)
    }
    if node.has_input(4):
        optional["lengths"] = node.cast(node.input(4), "int32")
    results = node.call(
        "qnn.lstm",
        gates,
        *_quantised_weights(node, 2, direction),
        *optional.values(),
        optional=tuple(optional),
        activations=_activations(node, direction),
        reverse=reverse,
        clip=node.attr("clip"),
        input_forget=bool(node.attr("input_forget", 0)),
    )
    return [node.get_item(results, index) for index in range(3)]


def _quantised_weights(node: Node, index: int, direction: int) -> tuple[Atom, Atom, Atom]:
    """A direction's weights in input 1 or 2, (rows, 4 * hidden), their scale and zero point, (1,) or (4 * hidden,)."""
    place = 6 + 2 * index
    weights, scale = _direction(node, node.input(index), direction), _parameter(node, node.input(place), direction)
    if node.has_input(place + 1):
        return weights, scale, _parameter(node, node.input(place + 1), direction)
    return weights, scale, node.constant([0], dtype_of(weights))


def _parameter(node: Node, x: Atom, direction: int) -> Atom:
    """A direction's numbers: one, or one for each column."""
    found = _direction(node, x, direction)
    return found if len(shape_of(found)) else node.reshape(found, (1,))


def _direction(node: Node, x: Atom, direction: int) -> Atom:
    """The part of a tensor that belongs to a direction, without the axis of directions."""
    return node.reshape(part(node, x, 0, direction, direction + 1), shape_of(x)[1:])


def _activations(node: Node, direction: int) -> tuple[Chosen, ...]:
    """A direction's activations; alphas and betas go to those that have such a parameter, in their order."""
    directions = len(_DIRECTIONS[node.attr("direction", "forward")])
    names = node.attr("activations") or ("Sigmoid", "Tanh", "Tanh") * directions
    if len(names) != 3 * directions:
        raise node.error(f"{len(names)} activations", expected=str(3 * directions))
    known = {name.lower(): function for name, function in ACTIVATIONS.items()}
    given = {"alpha": list(node.attr("activation_alpha", ())), "beta": list(node.attr("activation_beta", ()))}
    chosen = []
    for name in names:
        function = known.get(name.lower())
        picked = {
            kind: numbers.pop(0) if numbers and function is not None and getattr(function, kind) is not None else None
            for kind, numbers in given.items()
        }
        chosen.append(choose(name, picked["alpha"], picked["beta"]))
    return tuple(chosen[3 * direction : 3 * direction + 3])


def _joined(node: Node, parts: list[Atom], axis: int) -> Atom:
    """The directions' tensors along a new axis."""

    def wider(x: Atom) -> Atom:
        shape: tuple[Dimension, ...] = shape_of(x)
        return node.reshape(x, (*shape[:axis], 1, *shape[axis:]))

    return wider(parts[0]) if len(parts) == 1 else node.call("concatenate", *map(wider, parts), axis=axis)
