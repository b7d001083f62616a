"""ONNX RNN, GRU and LSTM: the inputs of all steps and directions as one matrix product, then the recurrence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..op.accumulate import wide_dtype
from ..op.nn_recurrent import pack_weights
from ..op.nn_recurrent_activation import ACTIVATIONS, Chosen, choose
from ..op.nn_recurrent_product import TILE
from ..relay.dimension import Dimension
from ..relay.expr import Atom, Constant
from ..relay.types import TensorType
from .einsum import matrix_product
from .registry import Node, converter


@dataclass(frozen=True)
class _Operator:
    """An ONNX operator: its number of gates and its default activations."""

    gates: int
    activations: tuple[str, ...]


_OPERATORS = {
    "RNN": _Operator(1, ("Tanh",)),
    "GRU": _Operator(3, ("Sigmoid", "Tanh")),
    "LSTM": _Operator(4, ("Sigmoid", "Tanh", "Tanh")),
}

_DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}


@converter(*_OPERATORS)
def convert_recurrent(node: Node) -> Any:
    layer = _Layer(node)
    y, *states = layer.run()
    if layer.batch_first:
        # (steps, directions, batch, hidden) -> (batch, steps, directions, hidden), and likewise the states
        y, states = node.transpose(y, (2, 0, 1, 3)), [node.transpose(state, (1, 0, 2)) for state in states]
    return [node.cast(output, layer.dtype) for output in (y, *states)]


class _Layer:
    """The inputs and attributes of a node."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.kind = node.proto.op_type
        self.operator = _OPERATORS[self.kind]
        self.dtype = node.type(0).dtype
        direction = node.attr("direction", "forward")
        if direction not in _DIRECTIONS:
            raise node.error(f"direction '{direction}'", expected=f"one of: {', '.join(_DIRECTIONS)}")
        self.reversals = _DIRECTIONS[direction]
        self.batch_first = bool(node.attr("layout", 0))
        for index in (0, 1, 2):
            if node.type(index).rank != 3:
                raise node.error(f"input {index} is {node.type(index)}", expected="a tensor of rank 3")
        self.hidden = self._hidden_size()
        self.activations = self._activations()
        x = self._wide(0)
        assert x is not None
        self.x = node.transpose(x, (1, 0, 2)) if self.batch_first else x

    def _hidden_size(self) -> int:
        node, (directions, rows, columns) = self.node, self.node.type(2).shape
        wanted = (len(self.reversals), self.operator.gates * columns)
        if not isinstance(columns, int) or (directions, rows) != wanted:
            raise node.error(
                f"recurrence weights of shape {node.type(2).shape}",
                expected=f"({wanted[0]}, {self.operator.gates} * hidden_size, hidden_size)",
            )
        if node.attr("hidden_size", columns) != columns:
            raise node.error(f"hidden_size {node.attr('hidden_size')}", expected=f"{columns}, as the weights have it")
        return columns

    def _activations(self) -> tuple[Chosen, ...]:
        """Activations of all directions; alphas and betas go to those that have such a parameter, in their order."""
        count, directions = len(self.operator.activations), len(self.reversals)
        names = self.node.attr("activations") or self.operator.activations * directions
        if len(names) != count * directions:
            raise self.node.error(f"{len(names)} activations", expected=str(count * directions))
        known = {name.lower(): activation for name, activation in ACTIVATIONS.items()}
        alphas, betas = list(self.node.attr("activation_alpha", ())), list(self.node.attr("activation_beta", ()))
        chosen = []
        for name in names:
            activation = known.get(name.lower())
            takes_alpha = activation is not None and activation.alpha is not None
            takes_beta = activation is not None and activation.beta is not None
            alpha = alphas.pop(0) if alphas and takes_alpha else None
            beta = betas.pop(0) if betas and takes_beta else None
            chosen.append(choose(name, alpha, beta))
        return tuple(chosen)

    def _wide(self, index: int) -> Atom | None:
        """An optional input; 16-bit floats in float32, as the recurrence has no kernel for them."""
        atom = self.node.optional_input(index)
        return None if atom is None else self._cast(atom, wide_dtype(self.dtype))

    def _cast(self, atom: Atom, dtype: str) -> Atom:
        if isinstance(atom, Constant):
            return self.node.constant(atom.array, dtype)
        return self.node.cast(atom, dtype)

    def _slice(self, atom: Atom, axis: int, begin: int, end: int) -> Atom:
        assert isinstance(atom.type, TensorType)
        if isinstance(atom, Constant):
            return Constant(np.take(atom.array, range(begin, end), axis))
        first: list[Dimension] = [0] * atom.type.rank
        last = list(atom.type.shape)
        first[axis], last[axis] = begin, end
        ones = (1,) * atom.type.rank
        return self.node.call("strided_slice", atom, begin=tuple(first), end=tuple(last), strides=ones)

    def _packed(self, weights: Atom, gates: int) -> Atom:
        """Recurrence weights in the order in which the kernel reads them: see `pack_weights`."""
        if isinstance(weights, Constant):
            return Constant(pack_weights(weights.array, gates))
        directions, hidden, missing = len(self.reversals), self.hidden, -self.hidden % TILE
        weights = self.node.reshape(weights, (directions, gates, hidden, hidden))
        if missing:
            weights = self.node.call("pad", weights, before=(0, 0, 0, 0), after=(0, 0, missing, 0))
        tiles = self.node.reshape(weights, (directions, gates, (hidden + missing) // TILE, TILE, hidden))
        return self.node.transpose(tiles, (0, 2, 4, 1, 3))

    def _bias(self) -> tuple[Atom | None, Atom | None]:
        """What is added to the gates of all directions before the recurrence, (directions * gates * hidden); and what
        to the recurrent part of a GRU's hidden gate, (directions, hidden)."""
        both = self._wide(3)
        if both is None:
            return None, None
        hidden = self.hidden
        count = self.operator.gates * hidden
        of_input, of_state = self._slice(both, 1, 0, count), self._slice(both, 1, count, 2 * count)
        if not self.node.attr("linear_before_reset", 0):
            return self._flat(self._add(of_input, of_state)), None
        early = self._add(self._slice(of_input, 1, 0, 2 * hidden), self._slice(of_state, 1, 0, 2 * hidden))
        late = self._slice(of_input, 1, 2 * hidden, count)
        return self._flat(self._concatenate([early, late], 1)), self._slice(of_state, 1, 2 * hidden, count)

    def _flat(self, bias: Atom) -> Atom:
        return self.node.reshape(bias, (len(self.reversals) * self.operator.gates * self.hidden,))

    def _add(self, left: Atom, right: Atom) -> Atom:
        if isinstance(left, Constant) and isinstance(right, Constant):
            return Constant(left.array + right.array)
        return self.node.call("add", left, right)

    def _concatenate(self, parts: Sequence[Atom], axis: int) -> Atom:
        arrays = [part.array for part in parts if isinstance(part, Constant)]
        if len(arrays) == len(parts):
            return Constant(np.concatenate(arrays, axis))
        return self.node.call("concatenate", *parts, axis=axis)

    def run(self) -> list[Atom]:
        """Outputs after each step and last states."""
        node, hidden = self.node, self.hidden
        weights, recurrent = self._wide(1), self._wide(2)
        assert weights is not None and recurrent is not None and isinstance(weights.type, TensorType)
        bias, late_bias = self._bias()
        directions, rows, columns = weights.type.shape
        matrix = node.reshape(weights, (directions * rows, columns))
        gates = (
            matrix_product(node, self.x, matrix, transpose_b=True)
            if bias is None
            else node.call("nn.dense", self.x, matrix, bias)
        )
        attrs: dict[str, Any] = {
            "activations": self.activations,
            "reversals": self.reversals,
            "clip": node.attr("clip"),
        }
        packed = [(recurrent, self.operator.gates)]
        if self.kind == "GRU":
            attrs["linear_before_reset"] = bool(node.attr("linear_before_reset", 0))
            if not attrs["linear_before_reset"]:
                packed = [
                    (self._slice(recurrent, 1, 0, 2 * hidden), 2),
                    (self._slice(recurrent, 1, 2 * hidden, 3 * hidden), 1),
                ]
        elif self.kind == "LSTM":
            attrs["input_forget"] = bool(node.attr("input_forget", 0))
        optional = self._optional(late_bias)
        results = node.call(
            f"nn.{self.kind.lower()}",
            gates,
            *(self._packed(part, count) for part, count in packed),
            *optional.values(),
            optional=tuple(optional),
            **attrs,
        )
        return [node.get_item(results, index) for index in range(3 if self.kind == "LSTM" else 2)]

    def _optional(self, late_bias: Atom | None) -> dict[str, Atom]:
        """The optional arguments that are there, by their Relay names."""
        found: dict[str, Atom] = {}
        for name, index in (("initial_h", 5), ("initial_c", 6)):
            state = self._wide(index) if name == "initial_h" or self.kind == "LSTM" else None
            if state is not None:
                found[name] = self.node.transpose(state, (1, 0, 2)) if self.batch_first else state
        peephole = self._wide(7) if self.kind == "LSTM" else None
        if peephole is not None:
            found["peephole"] = peephole
        if late_bias is not None:
            found["bias"] = late_bias
        lengths = self.node.optional_input(4)
        if lengths is not None:
            found["lengths"] = self._cast(lengths, "int32")
        return found
