"""Recurrent networks, attention, and what goes with it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.random.graph import Builder
from tests.random.registry import generator
from tests.random.values import FLOAT


@generator("RNN", "GRU", "LSTM")
def recurrent(g: Builder, op: str) -> object:
    gates = {"RNN": 1, "GRU": 3, "LSTM": 4}[op]
    units, depth, layout = g.choose((1, 4, 5)), g.choose((1, 3, 8)), g.choose((None, None, 0))
    direction = g.choose((None, "forward", "reverse", "bidirectional"))
    ways = 2 if direction == "bidirectional" else 1
    x = g.fresh(FLOAT, [g.choose((1, 3, "H")), g.choose((1, "N")), depth], style=0)
    weights = [g.floats(ways, gates * units, n, low=-0.5, high=0.5) for n in (depth, units)]
    bias = g.floats(ways, 2 * gates * units) if g.choose((True, False)) else None
    lengths = None
    if g.chance(4):
        lengths = g.input([g.random.integers(1, s[0] + 1, s[1]).astype(np.int32) for s in x.shapes])
    starts = []
    if g.choose((True, False)):
        arrays = [g.random.standard_normal((ways, s[1], units)).astype(np.float32) for s in x.shapes]
        starts.append(g.input(arrays))
        if op == "LSTM":
            starts.append(g.input(arrays[:]))
            if g.choose((True, False)):
                starts.append(g.floats(ways, 3 * units))
    attrs: dict[str, Any] = {
        "hidden_size": units,
        "direction": direction,
        "layout": layout,
        "clip": g.choose((None, None, 0.8)),
    }
    if op == "GRU":
        attrs["linear_before_reset"] = g.choose((None, 0, 1))
    if g.chance(3):
        attrs["activations"] = {"RNN": ["Relu"], "GRU": ["Sigmoid", "Relu"], "LSTM": ["Sigmoid", "Tanh", "Relu"]}[
            op
        ] * ways
    outputs = g.choose(([True], [True, True], [False, True]))
    if op == "LSTM" and g.choose((True, False)):
        outputs = [*outputs, True] if len(outputs) == 2 else [True, False, True]
    return g.node(op, [x, *weights, bias, lengths, *starts], outputs, **attrs)


@generator("Attention")
def attention(g: Builder, op: str) -> object:
    heads = g.choose((2, 4))
    shared = g.choose((heads, heads, 2))
    size, queries, keys = g.choose((4, 8)), g.choose((1, 3, "H")), g.choose((4, "L"))
    batch = g.choose((1, "N"))
    flat = g.choose((True, False))
    attrs: dict[str, Any] = {
        "is_causal": g.choose((None, 0, 1)),
        "scale": g.choose((None, 0.3)),
        "softcap": g.choose((None, 2.0)),
    }
    if flat:
        shapes = [[batch, queries, heads * size], [batch, keys, shared * size], [batch, keys, shared * size]]
        attrs |= {"q_num_heads": heads, "kv_num_heads": shared}
    else:
        shapes = [[batch, heads, queries, size], [batch, shared, keys, size], [batch, shared, keys, size]]
    arguments = [g.fresh(FLOAT, shape, style=0) for shape in shapes]
    rows, columns = ([s[1 if flat else 2] for s in argument.shapes] for argument in arguments[:2])
    if g.choose((True, False)):
        if g.choose((True, False)):
            masks = [g.random.standard_normal((r, c)).astype(np.float32) for r, c in zip(rows, columns, strict=True)]
        else:
            masks = [g.random.integers(0, 2, (r, c)).astype(bool) for r, c in zip(rows, columns, strict=True)]
            for mask in masks:
                mask[:, 0] = True  # a row of which nothing is left is not defined
        arguments.append(g.input(masks))
    return g.node(op, arguments, **attrs)


@generator("RotaryEmbedding")
def rotary(g: Builder, op: str) -> object:
    heads, size = 2, g.choose((4, 8))
    part = g.choose((None, 2)) if size == 8 else None
    half = (part * 2 if part else size) // 2
    flat = g.choose((True, False))
    x = g.fresh(FLOAT, ["N", "H", heads * size] if flat else ["N", heads, "H", size], style=0)
    length = max(s[1 if flat else 2] for s in x.shapes)
    caches = [g.floats(length + 2, half) for _ in range(2)]
    ids = g.input([g.random.integers(0, length, (s[0], s[1 if flat else 2])) for s in x.shapes])
    attrs: dict[str, Any] = {"interleaved": g.choose((None, 0, 1)), "num_heads": heads if flat or part else None}
    return g.node(op, [x, *caches, ids], rotary_embedding_dim=part * 2 if part else None, **attrs)


@generator("LinearAttention")
def linear_attention(g: Builder, op: str) -> object:
    heads, size = 2, 4
    rule = g.choose(("linear", "gated", "delta", "gated_delta"))
    x = [g.fresh(FLOAT, ["N", "H", heads * size], style=0) for _ in range(3)]
    decay = g.node("Neg", [g.node("Abs", [g.fresh(FLOAT, ["N", "H", heads], style=0)])[0]])[0]
    beta = g.node("Sigmoid", [g.fresh(FLOAT, ["N", "H", heads], style=0)])[0]
    more = [None, decay if "gated" in rule else None, beta if "delta" in rule else None]
    return g.node(op, [*x, *more], 2, update_rule=rule, q_num_heads=heads, kv_num_heads=heads)


@generator("CausalConvWithState")
def causal(g: Builder, op: str) -> object:
    channels, taps = 3, g.choose((2, 4))
    x = g.fresh(FLOAT, ["N", channels, g.choose((5, "H"))], style=0)
    weights = g.floats(channels, 1, taps)
    bias = g.floats(channels) if g.choose((True, False)) else None
    return g.node(op, [x, weights, bias], 2, activation=g.choose((None, "silu")))


@generator("SwiGLU")
def gated(g: Builder, op: str) -> object:
    x = g.pick((FLOAT,))
    return g.node(op, [x, g.same(x)], alpha=g.choose((None, 0.5)))
