"""Recurrent cells of any sizes and options."""

from __future__ import annotations

from typing import Any

import numpy as np

from onnxc.op.nn_recurrent import GATES, pack_weights
from onnxc.relay.expr import Atom, Constant
from tests.kernel.native import Graph

#: The usual activation functions of each cell.
ACTIVATIONS = {"nn.rnn": ("Tanh",), "nn.lstm": ("Sigmoid", "Tanh", "Tanh"), "nn.gru": ("Sigmoid", "Tanh")}


def cell(g: Graph, name: str, hidden: int, batch: Any, steps: Any, directions: int = 1, **attrs: Any) -> list[Atom]:
    """The results of a cell with all optional arguments that are named."""
    random, dtype = np.random.default_rng(hidden), attrs.pop("dtype", "float32")
    chosen = attrs.pop("activations", tuple((a, 0.0, 0.0) for a in ACTIVATIONS[name]) * directions)
    gates = [GATES[name]]
    if name == "nn.gru" and not attrs.get("linear_before_reset"):
        gates = [2, 1]
    weights = [
        Constant(pack_weights(random.uniform(-0.4, 0.4, (directions, n * hidden, hidden)).astype(dtype), n))
        for n in gates
    ]
    shapes: dict[str, tuple[Any, ...]] = {"peephole": (directions, 3 * hidden), "bias": (directions, hidden)}
    optional = attrs.get("optional", ())
    others: list[Atom] = [
        Constant(np.array([steps, 1, steps + 3, 0, 2][:batch], np.int32))
        if role == "lengths"
        else g.input(*shapes.get(role, (directions, batch, hidden)), dtype=dtype)
        for role in optional
    ]
    x = g.input(steps, batch, directions * GATES[name] * hidden, dtype=dtype)
    reversals = attrs.pop("reversals", (False, True)[:directions])
    result = g(name, x, *weights, *others, activations=chosen, reversals=reversals, **attrs)
    return [g.get_item(result, index) for index in range(3 if name == "nn.lstm" else 2)]
