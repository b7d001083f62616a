"""A small decoder with a cache of keys and values, as exporters of language models write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

VOCABULARY, WIDTH, HEADS, LAYERS = 50, 32, 4, 2
DEPTH = WIDTH // HEADS

Feeds = dict[str, np.ndarray]


def decoder(attention: bool = False) -> onnx.ModelProto:
    """Logits of tokens behind those whose keys and values are in the cache, and the cache behind them.

    Inputs: ``input_ids`` (batch, sequence), ``attention_mask`` (batch, total), and for each layer ``past.N.key`` and
    ``past.N.value`` (batch, heads, past, depth), where total is past + sequence. At first past is 0.

    Parameters
    ----------
    attention : bool
        Attention as one operator, instead of products, a softmax and a mask from the lengths.
    """
    nodes: list[onnx.NodeProto] = []
    weights: dict[str, np.ndarray] = {}
    rng = np.random.default_rng(0)

    def weight(*shape: int) -> str:
        name = f"w{len(weights)}"
        weights[name] = (rng.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32)
        return name

    def constant(value: Any, dtype: type = np.int64) -> str:
        name = f"c{len(weights)}"
        weights[name] = np.array(value, dtype)
        return name

    def call(op: str, *inputs: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(op, inputs, [f"{op}_{len(nodes)}"], **attributes))
        return str(nodes[-1].output[0])

    def dim(of: str, axis: int) -> str:
        return call("Gather", call("Shape", of), constant(axis), axis=0)

    def heads(x: str) -> str:
        return call("Transpose", call("Reshape", x, constant([0, 0, HEADS, DEPTH])), perm=[0, 2, 1, 3])

    def norm(x: str) -> str:
        return call(
            "LayerNormalization", x, constant(np.ones(WIDTH), np.float32), constant(np.zeros(WIDTH), np.float32)
        )

    past_length = dim("past.0.key", 2)
    length = dim("input_ids", 1)
    total = call("Add", past_length, length)
    positions = call("Range", past_length, total, constant(1))
    # Which keys a query sees: those up to its own place, and of these the ones that the mask has.
    earlier = call(
        "LessOrEqual",
        call("Unsqueeze", call("Range", constant(0), total, constant(1)), constant([0])),
        call("Unsqueeze", positions, constant([1])),
    )
    wanted = call("Cast", call("Unsqueeze", "attention_mask", constant([1, 2])), to=TensorProto.BOOL)
    seen = call("And", earlier, wanted)
    bias = call("Where", seen, constant(0, np.float32), constant(-1e9, np.float32))
    x = call(
        "Add", call("Gather", weight(VOCABULARY, WIDTH), "input_ids"), call("Gather", weight(64, WIDTH), positions)
    )
    presents = []
    for layer in range(LAYERS):
        h = norm(x)
        query, key, value = (heads(call("MatMul", h, weight(WIDTH, WIDTH))) for _ in range(3))
        key = call("Concat", f"past.{layer}.key", key, axis=2)
        value = call("Concat", f"past.{layer}.value", value, axis=2)
        presents += [(f"present.{layer}.key", key), (f"present.{layer}.value", value)]
        if attention:
            mixed = call("Attention", query, key, value, bias)
        else:
            scores = call("MatMul", query, call("Transpose", key, perm=[0, 1, 3, 2]))
            scores = call("Add", call("Div", scores, constant(np.sqrt(DEPTH), np.float32)), bias)
            mixed = call("MatMul", call("Softmax", scores, axis=-1), value)
        mixed = call("Reshape", call("Transpose", mixed, perm=[0, 2, 1, 3]), constant([0, 0, WIDTH]))
        x = call("Add", x, call("MatMul", mixed, weight(WIDTH, WIDTH)))
        x = call("Add", x, call("MatMul", call("Gelu", call("MatMul", norm(x), weight(WIDTH, 64))), weight(64, WIDTH)))
    outputs = [("logits", call("MatMul", norm(x), weight(WIDTH, VOCABULARY))), *presents]
    nodes += [helper.make_node("Identity", [value], [name]) for name, value in outputs]
    inputs = [
        helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "sequence"]),
        helper.make_tensor_value_info("attention_mask", TensorProto.INT64, ["batch", "past + sequence"]),
    ]
    cache: Sequence[int | str] = ["batch", HEADS, "past", DEPTH]
    inputs += [
        helper.make_tensor_value_info(f"past.{layer}.{kind}", TensorProto.FLOAT, cache)
        for layer in range(LAYERS)
        for kind in ("key", "value")
    ]
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name, _ in outputs]
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "decoder", inputs, results, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=11)


def first_feeds(tokens: np.ndarray) -> Feeds:
    """What begins a text (batch, sequence): the cache is empty."""
    batch, length = tokens.shape
    empty = np.zeros((batch, HEADS, 0, DEPTH), np.float32)
    cache = {f"past.{layer}.{kind}": empty for layer in range(LAYERS) for kind in ("key", "value")}
    return {"input_ids": tokens, "attention_mask": np.ones((batch, length), np.int64), **cache}


def next_feeds(tokens: np.ndarray, results: Feeds) -> Feeds:
    """What goes on with a text, by the results of the run before."""
    batch, length = tokens.shape
    cache = {name.replace("present", "past"): array for name, array in results.items() if name != "logits"}
    total = cache["past.0.key"].shape[2] + length
    return {"input_ids": tokens, "attention_mask": np.ones((batch, total), np.int64), **cache}
