"""Recurrent cells over a sequence (the recurrent part of ONNX RNN, GRU and LSTM), in one direction.

Arguments: ``x``, the gates' share of the input and of the biases (steps, batch, gates * hidden); the recurrence
weights, packed (see `pack_weights`); and those of the optional arguments that ``attrs.optional`` names, in its order:
``initial_h``, ``initial_c`` (batch, hidden), ``peephole`` (3 * hidden), ``bias`` (hidden), ``lengths`` (batch).
Results: the hidden state after each step (steps, batch, hidden), the last one, and an LSTM's last cell state.

With ``lengths`` (int32) a row ends after so many steps: its later outputs are 0, and reversed it begins there.
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
from .nn_recurrent_source import TILE, kernel


def pack_weights(weights: np.ndarray) -> np.ndarray:
    """Recurrence weights (gates * hidden, hidden) as (tiles, hidden, TILE): the order in which the kernel reads them.

    Zeros fill the last tile.
    """
    gates, hidden = weights.shape
    padded = np.zeros((-(-gates // TILE) * TILE, hidden), weights.dtype)
    padded[:gates] = weights
    return np.ascontiguousarray(padded.reshape(-1, TILE, hidden).transpose(0, 2, 1))


def _product(state: np.ndarray, weights: np.ndarray, gates: int) -> np.ndarray:
    """state times packed weights."""
    flat = weights.transpose(1, 0, 2).reshape(weights.shape[1], -1)[:, :gates]
    return state @ flat


# One step of each cell: (attrs, arguments by name, gates' share of x, h, c) -> (h, c)


@dataclass(frozen=True)
class _Step:
    """What a step is evaluated with."""

    attrs: Attrs
    args: Mapping[str, np.ndarray]

    def activate(self, index: int, value: np.ndarray, clip: bool = True) -> np.ndarray:
        if clip and self.attrs.clip is not None:
            value = np.clip(value, -self.attrs.clip, self.attrs.clip).astype(value.dtype)
        return activation.reference(self.attrs.activations[index], value)

    def rnn(self, x: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.activate(0, x + _product(h, self.args["weights"], x.shape[1])), c

    def lstm(self, x: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        gates = x + _product(h, self.args["weights"], x.shape[1])
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
        gates = x[:, : 2 * hidden] + _product(h, self.args["weights"], 2 * hidden)
        update, reset = self.activate(0, gates[:, :hidden]), self.activate(0, gates[:, hidden:])
        if self.attrs.linear_before_reset:
            inner = reset * (_product(h, self.args["hidden_weights"], hidden) + self.args.get("bias", 0))
        else:
            inner = _product(reset * h, self.args["hidden_weights"], hidden)
        return (1 - update) * self.activate(1, x[:, 2 * hidden :] + inner) + update * h, c


def _evaluate(name: str, attrs: Attrs, args: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
    x, hidden = args["x"], args["weights"].shape[1]
    steps, batch, _ = x.shape
    step: Callable[..., tuple[np.ndarray, np.ndarray]] = getattr(_Step(attrs, args), name.removeprefix("nn."))
    h, c = (args.get(f"initial_{state}", np.zeros((batch, hidden), x.dtype)) for state in "hc")
    lengths = np.minimum(args["lengths"], steps) if "lengths" in args else np.full(batch, steps)
    y = np.zeros((steps, batch, hidden), x.dtype)
    for time in range(steps):
        (rows,) = np.nonzero(time < lengths)
        at = lengths[rows] - 1 - time if attrs.reverse else time
        new_h, new_c = step(x[at, rows], h[rows], c[rows])
        h, c = h.copy(), c.copy()
        h[rows], c[rows] = new_h, new_c
        y[at, rows] = new_h
    return (y, h, c) if name == "nn.lstm" else (y, h)


def _arguments(attrs: Attrs, weights: Sequence[str], args: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(("x", *weights, *attrs.optional), args, strict=True))


def _check(name: str, what: str, type_: TensorType, shape: Sequence[Dimension], dtype: str) -> None:
    if type_.dtype != dtype or not may_equal_shapes(type_.shape, shape):
        raise CompileError(f"{name}: {what} is {type_}", expected=str(TensorType(tuple(shape), dtype)))


def _define(
    name: str, gates: int, weights: Mapping[str, int], optional: Sequence[str], activations: int, **attributes: Any
) -> None:
    """Register a cell.

    Parameters
    ----------
    gates : int
        How many gates x has.
    weights : mapping
        Names of the weights' arguments, and for how many gates each is.
    optional : sequence of str
        The optional arguments that the cell may have.
    activations : int
        How many activation functions it has.
    """

    def relation(attrs: Attrs, args: Sequence[Type]) -> Type:
        if not set(attrs.optional) <= set(optional) or len(set(attrs.optional)) != len(attrs.optional):
            raise CompileError(f"{name}: optional arguments {attrs.optional}", expected=f"some of {tuple(optional)}")
        count = 1 + len(weights) + len(attrs.optional)
        types = _arguments(attrs, tuple(weights), tensors(name, args, count))
        if len(attrs.activations) != activations:
            raise CompileError(f"{name}: {len(attrs.activations)} activations", expected=str(activations))
        x, first = types["x"], types["weights"]
        check_dtype(name, x.dtype, ("float32", "float64"))
        if x.rank != 3 or first.rank != 3 or not first.is_static:
            raise CompileError(f"{name} of {x} with weights {first}", expected="steps, batch, gates; packed weights")
        steps, batch, hidden = x.shape[0], x.shape[1], first.shape[1]
        _check(name, "x", x, (steps, batch, gates * hidden), x.dtype)
        for role, part in weights.items():
            _check(name, role, types[role], (-(-part * hidden // TILE), hidden, TILE), x.dtype)
        shapes: dict[str, tuple[Dimension, ...]] = {"peephole": (3 * hidden,), "bias": (hidden,), "lengths": (batch,)}
        for role in attrs.optional:
            dtype = "int32" if role == "lengths" else x.dtype
            _check(name, role, types[role], shapes.get(role, (batch, hidden)), dtype)
        state = TensorType((batch, hidden), x.dtype)
        return TupleType((TensorType((steps, batch, hidden), x.dtype), *[state] * (2 if name == "nn.lstm" else 1)))

    def reference(attrs: Attrs, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        return _evaluate(name, attrs, _arguments(attrs, tuple(weights), arrays))

    def source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
        return kernel(name, symbol, attrs, _arguments(attrs, tuple(weights), args), results)

    common = {"activations": REQUIRED, "reverse": False, "clip": None, "optional": ()}
    register(
        Op(
            name,
            FusionKind.OPAQUE,
            relation,
            reference,
            source=source,
            attributes={**common, **attributes},
            multiply_adds=lambda attrs, args, results: results[0].size * gates * results[0].shape[2],
        )
    )


_define("nn.rnn", 1, {"weights": 1}, ("initial_h", "lengths"), 1)
_define("nn.lstm", 4, {"weights": 4}, ("initial_h", "initial_c", "peephole", "lengths"), 3, input_forget=False)
_define(
    "nn.gru",
    3,
    {"weights": 2, "hidden_weights": 1},  # update and reset gate; hidden gate
    ("initial_h", "bias", "lengths"),
    2,
    linear_before_reset=False,
)
