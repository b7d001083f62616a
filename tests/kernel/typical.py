"""Small kernels that ask for all knobs there are: those of each schedule rule, and of each operator written in C."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from onnxc.relay.expr import Atom, Constant
from tests.kernel.attention_cases import attend
from tests.kernel.cases import scalar
from tests.kernel.integer_cases import bytes_conv
from tests.kernel.native import Graph
from tests.kernel.recurrent_cases import ACTIVATIONS, cell


def _conv_blocked(g: Graph) -> list[Atom]:
    """Blocks of channels, windows of each channel, rows of a length that only the run knows."""
    x = g.conv(g.input(1, 8, 4, 6), 32, 1, 1)
    rows = g.conv(g.input(1, 3, 5, "N"), 32, 3, 3, padding=1, strides=2)
    return [g.conv(x, 32, 3, 3, groups=32, padding=1), rows]


def _conv_integer(g: Graph) -> list[Atom]:
    return [
        bytes_conv(g, g.input(1, 32, 3, 4, dtype="uint8"), 32, 1, 1),
        bytes_conv(g, g.input(1, 16, 4, 5, dtype="uint8"), 16, 3, 3, groups=16, padding=1),
    ]


def _generic(g: Graph) -> list[Atom]:
    """Rows that vectors fill, contiguous axes, blocks of channels, poolings."""
    pooled = g.pool("nn.max_pool", g.conv(g.input(1, 3, 8, 8), 16, 1, 1), 3, 3, padding=1)
    return [
        g("nn.gelu", g("add", g.input(3, 4, 64), g.input(4, 64)), approximate="none"),
        pooled,
    ]


def _winograd(g: Graph) -> list[Atom]:
    x = g.conv(g.input(1, 3, 8, 8), 32, 1, 1)
    return [g("nn.relu", g.conv(x, 32, 3, 3, padding=1))]


def _matmul(g: Graph) -> list[Atom]:
    return [g("nn.relu", g("nn.dense", g.input(5, 32), g.weights(24, 32)))]


def _attention(g: Graph) -> list[Atom]:
    return [attend(g, g.input(1, 2, 9, 16), g.input(1, 2, 40, 16), g.input(1, 2, 40, 16))]


def _quantized_cell(g: Graph) -> list[Atom]:
    """Twelve hidden units: more than eight, and no multiple of it."""
    weights = g.weights(12, 48, dtype="int8")
    zero = Constant(np.array([3], np.int8))
    x = g.input(3, 2, 48)
    functions = tuple((name, 0.0, 0.0) for name in ACTIVATIONS["nn.lstm"])
    result = g("qnn.lstm", x, weights, Constant(np.array([0.01], np.float32)), zero, activations=functions)
    return [g.get_item(result, index) for index in range(3)]


def _distance(g: Graph) -> list[Atom]:
    return [g("ml.squared_distance", g.input(9, 5), g.input(5, 67))]


#: By rule, or by operator.
TYPICAL: dict[str, Callable[[Graph], list[Any]]] = {
    "attention": _attention,
    "columns": lambda g: [g("nn.softmax", g.input(7, 100), axis=0)],
    "conv_blocked": _conv_blocked,
    "conv_integer": _conv_integer,
    "conv_planes": lambda g: [
        g("nn.relu", g.conv(g.input(1, 2, 5, 70), 6, 2, 3, padding=1)),
        g.conv(g.input(1, 2, 3, "N"), 12, 1, 3),
    ],
    "conv_winograd": _winograd,
    "generic": _generic,
    "matmul": _matmul,
    "rows": lambda g: [g("nn.softmax", g("multiply", g.input(3, 37), scalar(0.5)), axis=1)],
    "transpose": lambda g: [g("transpose", g.input(19, 35), axes=(1, 0))],
    "ml.squared_distance": _distance,
    "nn.gru": lambda g: cell(g, "nn.gru", 20, 3, 4),
    "nn.lstm": lambda g: cell(g, "nn.lstm", 20, 3, 4),
    "nn.rnn": lambda g: cell(g, "nn.rnn", 20, 3, 4),
    "qnn.lstm": _quantized_cell,
}
