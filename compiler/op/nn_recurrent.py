"""Recurrent cells over a sequence (the recurrent part of ONNX RNN, GRU and LSTM), in one or two directions.

Arguments: ``x``, the gates' share of the input and of the biases (steps, batch, directions * gates * hidden); the
recurrence weights, packed (see `pack_weights`; a GRU's hidden gate has its own unless it is linear before the reset);
and those of the optional arguments that ``attrs.optional`` names, in its order: ``initial_h``, ``initial_c``
(directions, batch, hidden), ``peephole`` (directions, 3 * hidden), ``bias`` (directions, hidden), ``lengths`` (batch).
Results: the hidden state after each step (steps, directions, batch, hidden), the last one (directions, batch, hidden),
and an LSTM's last cell state.

``attrs.reversals`` says of each direction whether it goes backwards. With ``lengths`` (int32) a row ends after so many
steps: its later outputs are 0, and reversed it begins there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import Dimension
from ..relay.expr import Attrs
from ..relay.run_time import may_equal_shapes
from ..relay.types import TensorType, TupleType, Type
from . import nn_recurrent_activation as activation
from .base import REQUIRED, CSource, FusionKind, Op, check_dtype, register, tensors
from .nn_recurrent_product import TILE
from .nn_recurrent_source import kernel

#: How many gates x has.
GATES = {"nn.rnn": 1, "nn.lstm": 4, "nn.gru": 3}


def pack_weights(weights: np.ndarray, gates: int) -> np.ndarray:
    """Recurrence weights (directions, gates * hidden, hidden) as (directions, tiles, hidden, gates, TILE).

    That is the order in which the kernel reads them: a tile is `TILE` hidden units with all their gates. Zeros fill the
    last tile.
    """
    directions, _, hidden = weights.shape
    missing = -hidden % TILE
    apart = weights.reshape(directions, gates, hidden, hidden)
    padded = np.pad(apart, ((0, 0), (0, 0), (0, missing), (0, 0)))
    tiles = padded.reshape(directions, gates, -1, TILE, hidden)
    return np.ascontiguousarray(tiles.transpose(0, 2, 4, 1, 3))


def _product(state: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """state times the packed weights of a direction."""
    tiles, hidden, gates, _ = weights.shape
    flat = weights.transpose(1, 2, 0, 3).reshape(hidden, gates, tiles * TILE)[:, :, :hidden]
    return state @ flat.reshape(hidden, gates * hidden)


# One step of each cell: (attrs, arguments by name, gates' share of x, h, c) -> (h, c)


@dataclass(frozen=True)
class _Step:
    """What a step of a direction is evaluated with."""

    attrs: Attrs
    activations: tuple[activation.Chosen, ...]
    args: Mapping[str, np.ndarray]

    def activate(self, index: int, value: np.ndarray, clip: bool = True) -> np.ndarray:
        if clip and self.attrs.clip is not None:
            value = np.clip(value, -self.attrs.clip, self.attrs.clip).astype(value.dtype)
        return activation.reference(self.activations[index], value)

    def rnn(self, x: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.activate(0, x + _product(h, self.args["weights"])), c

    def lstm(self, x: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        gates = x + _product(h, self.args["weights"])
        input_, output, forget, fresh = np.split(gates, 4, axis=1)
        none = np.zeros(3 * h.shape[1], x.dtype)
        input_weight, output_weight, forget_weight = np.split(self.args.get("peephole", none), 3)
        keep = self.activate(0, input_ + input_weight * c)
        kept = 1 - keep if self.attrs.input_forget else self.activate(0, forget + forget_weight * c)
        cell = kept * c + keep * self.activate(1, fresh)
        # ONNX Runtime doesn't clip the cell; ONNX's text, that what activations take is clipped, may be read otherwise.
        hidden = self.activate(0, output + output_weight * cell) * self.activate(2, cell, clip=False)
        return hidden, cell

    def gru(self, x: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        hidden = h.shape[1]
        sums = _product(h, self.args["weights"])
        gates = x[:, : 2 * hidden] + sums[:, : 2 * hidden]
        update, reset = self.activate(0, gates[:, :hidden]), self.activate(0, gates[:, hidden:])
        if self.attrs.linear_before_reset:
            inner = reset * (sums[:, 2 * hidden :] + self.args.get("bias", 0))
        else:
            inner = _product(reset * h, self.args["hidden_weights"])
        return (1 - update) * self.activate(1, x[:, 2 * hidden :] + inner) + update * h, c


#: Arguments without a part for each direction.
_SHARED = ("x", "lengths")


def _evaluate(name: str, attrs: Attrs, args: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
    directions = len(attrs.reversals)
    count = len(attrs.activations) // directions
    results = []
    for direction, part in enumerate(np.split(args["x"], directions, axis=2)):
        own = {role: array if role in _SHARED else array[direction] for role, array in args.items()}
        activations = attrs.activations[direction * count : (direction + 1) * count]
        step = _Step(attrs, activations, {**own, "x": part})
        results.append(_evaluate_direction(name, step, attrs.reversals[direction]))
    y, h, c = zip(*results, strict=True)
    states = (np.stack(h), np.stack(c)) if name == "nn.lstm" else (np.stack(h),)
    return (np.stack(y, axis=1), *states)


def _evaluate_direction(name: str, cell: _Step, reverse: bool) -> tuple[np.ndarray, ...]:
    args = cell.args
    x, hidden = args["x"], args["weights"].shape[1]
    steps, batch, _ = x.shape
    step: Callable[..., tuple[np.ndarray, np.ndarray]] = getattr(cell, name.removeprefix("nn."))
    h, c = (args.get(f"initial_{state}", np.zeros((batch, hidden), x.dtype)) for state in "hc")
    lengths = np.minimum(args["lengths"], steps) if "lengths" in args else np.full(batch, steps)
    y = np.zeros((steps, batch, hidden), x.dtype)
    for time in range(steps):
        (rows,) = np.nonzero(time < lengths)
        at = lengths[rows] - 1 - time if reverse else time
        new_h, new_c = step(x[at, rows], h[rows], c[rows])
        h, c = h.copy(), c.copy()
        h[rows], c[rows] = new_h, new_c
        y[at, rows] = new_h
    return y, h, c


def _arguments(attrs: Attrs, weights: Sequence[str], args: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(("x", *weights, *attrs.optional), args, strict=True))


def _check(name: str, what: str, type_: TensorType, shape: Sequence[Dimension], dtype: str) -> None:
    if type_.dtype != dtype or not may_equal_shapes(type_.shape, shape):
        raise CompileError(f"{name}: {what} is {type_}", expected=str(TensorType(tuple(shape), dtype)))


def _weights(name: str, attrs: Attrs) -> dict[str, int]:
    """The arguments with weights, and for how many gates each is."""
    if name == "nn.gru" and not attrs.linear_before_reset:
        return {"weights": 2, "hidden_weights": 1}  # update and reset gate; hidden gate
    return {"weights": GATES[name]}


def _define(name: str, optional: Sequence[str], activations: int, **attributes: Any) -> None:
    """Register a cell.

    Parameters
    ----------
    optional : sequence of str
        The optional arguments that the cell may have.
    activations : int
        How many activation functions it has in each direction.
    """
    gates = GATES[name]

    def relation(attrs: Attrs, args: Sequence[Type]) -> Type:
        if not set(attrs.optional) <= set(optional) or len(set(attrs.optional)) != len(attrs.optional):
            raise CompileError(f"{name}: optional arguments {attrs.optional}", expected=f"some of {tuple(optional)}")
        if attrs.reversals not in ((False,), (True,), (False, True)):
            raise CompileError(f"{name}: reversals {attrs.reversals}", expected="(0), (1) or (0, 1)")
        weights, directions = _weights(name, attrs), len(attrs.reversals)
        count = 1 + len(weights) + len(attrs.optional)
        types = _arguments(attrs, tuple(weights), tensors(name, args, count))
        if len(attrs.activations) != activations * directions:
            raise CompileError(f"{name}: {len(attrs.activations)} activations", expected=str(activations * directions))
        x, first = types["x"], types["weights"]
        check_dtype(name, x.dtype, ("float32", "float64"))
        if x.rank != 3 or first.rank != 5 or not first.is_static:
            raise CompileError(f"{name} of {x} with weights {first}", expected="steps, batch, gates; packed weights")
        steps, batch, hidden = x.shape[0], x.shape[1], first.shape[2]
        _check(name, "x", x, (steps, batch, directions * gates * hidden), x.dtype)
        for role, part in weights.items():
            _check(name, role, types[role], (directions, -(-hidden // TILE), hidden, part, TILE), x.dtype)
        state = (directions, batch, hidden)
        shapes: dict[str, tuple[Dimension, ...]] = {
            "peephole": (directions, 3 * hidden),
            "bias": (directions, hidden),
            "lengths": (batch,),
        }
        for role in attrs.optional:
            dtype = "int32" if role == "lengths" else x.dtype
            _check(name, role, types[role], shapes.get(role, state), dtype)
        last = [TensorType(state, x.dtype)] * (2 if name == "nn.lstm" else 1)
        return TupleType((TensorType((steps, *state), x.dtype), *last))

    def reference(attrs: Attrs, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        return _evaluate(name, attrs, _arguments(attrs, tuple(_weights(name, attrs)), arrays))

    def source(
        symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType], knobs: Any
    ) -> CSource:
        return kernel(name, symbol, attrs, _arguments(attrs, tuple(_weights(name, attrs)), args), results, knobs)

    common = {"activations": REQUIRED, "reversals": (False,), "clip": None, "optional": ()}
    register(
        Op(
            name,
            FusionKind.OPAQUE,
            relation,
            reference,
            source=source,
            has_knobs=True,
            attributes={**common, **attributes},
            multiply_adds=lambda attrs, args, results: results[0].size * gates * results[0].shape[3],
        )
    )


_define("nn.rnn", ("initial_h", "lengths"), 1)
_define("nn.lstm", ("initial_h", "initial_c", "peephole", "lengths"), 3, input_forget=False)
_define("nn.gru", ("initial_h", "bias", "lengths"), 2, linear_before_reset=False)
