"""Attention operators of ONNX and of ONNX Runtime reach the one kernel for attention, and compute what that does.

Sequences and caches have lengths that only the run knows: a prompt and single words go through one artifact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

import onnxc
from onnxc import targets
from onnxc.driver import Options, optimize
from onnxc.relay.expr import Call, Module

onnxruntime = pytest.importorskip("onnxruntime")

MICROSOFT = "com.microsoft"
#: Heads of queries; elements of a head (of which ONNX Runtime wants a multiple of 16).
HEADS, SIZE = 4, 32


def _operators(module: Module) -> list[str]:
    calls = [b.value for f in module.functions.values() for b in f.bindings if isinstance(b.value, Call)]
    return [c.op for c in calls if isinstance(c.op, str)]


def _node(
    operator: str, shapes: Mapping[str, Sequence[int | str]], outputs: int, domain: str, opset: int, **attributes: Any
) -> onnx.ModelProto:
    """A model of one operator on inputs of these shapes; a name with an underscore in front is left out."""
    types = {"mask": onnx.TensorProto.INT32, "lengths": onnx.TensorProto.INT32, "total": onnx.TensorProto.INT32}
    given = {name: shape for name, shape in shapes.items() if not name.startswith("_")}
    names = ["" if name.startswith("_") else name for name in shapes]
    results = [f"y{n}" for n in range(outputs)]
    graph = helper.make_graph(
        [helper.make_node(operator, names, results, domain=domain, **attributes)],
        "attention",
        [helper.make_tensor_value_info(n, types.get(n, onnx.TensorProto.FLOAT), s) for n, s in given.items()],
        [helper.make_empty_tensor_value_info(name) for name in results],
    )
    domains = [helper.make_opsetid("", opset), helper.make_opsetid(MICROSOFT, 1)]
    return helper.make_model(graph, opset_imports=domains, ir_version=10)


def _cache(shared: int) -> dict[str, Sequence[int | str]]:
    return {"past_key": (1, shared, "P", SIZE), "past_value": (1, shared, "P", SIZE)}


_WIDTH = HEADS * SIZE
#: Inputs whose keys and values are shared by two heads each; those of GroupQueryAttention.
_SHARED = {"query": (1, "S", _WIDTH), "key": (1, "S", 2 * SIZE), "value": (1, "S", 2 * SIZE)}
_GROUPED = {**_SHARED, **_cache(2), "lengths": (1,), "total": ()}
_CASES = {
    "GroupQueryAttention": _node(
        "GroupQueryAttention",
        {
            **_GROUPED,
            "cosines": (64, SIZE // 2),
            "sines": (64, SIZE // 2),
        },
        3,
        MICROSOFT,
        17,
        num_heads=HEADS,
        kv_num_heads=2,
        do_rotary=1,
    ),
    "GroupQueryAttention, bounded, with a sink": _node(
        "GroupQueryAttention",
        {
            **_GROUPED,
            **{f"_{n}": () for n in range(4)},
            "sink": (HEADS,),
        },
        3,
        MICROSOFT,
        17,
        num_heads=HEADS,
        kv_num_heads=2,
        softcap=1.5,
        local_window_size=8,
    ),
    "GroupQueryAttention, smooth": _node(
        "GroupQueryAttention",
        {
            **_GROUPED,
        },
        3,
        MICROSOFT,
        17,
        num_heads=HEADS,
        kv_num_heads=2,
        smooth_softmax=1,
    ),
    "MultiHeadAttention": _node(
        "MultiHeadAttention",
        {
            **{name: (1, "S", _WIDTH) for name in ("query", "key", "value")},
            "bias": (3 * _WIDTH,),
            "_mask": (),
            "_position": (),
            **_cache(HEADS),
        },
        3,
        MICROSOFT,
        17,
        num_heads=HEADS,
        unidirectional=1,
    ),
    "Attention of com.microsoft": _node(
        "Attention",
        {
            "x": (1, "S", 32),
            "weights": (32, 3 * _WIDTH),
            "bias": (3 * _WIDTH,),
            "mask": (1, "T"),
            "past": (2, 1, HEADS, "P", SIZE),
        },
        2,
        MICROSOFT,
        17,
        num_heads=HEADS,
        unidirectional=1,
    ),
    "Attention": _node(
        "Attention",
        {
            **_SHARED,
            "_mask": (),
            **_cache(2),
        },
        3,
        "",
        23,
        q_num_heads=HEADS,
        kv_num_heads=2,
        is_causal=1,
    ),
    "Attention, bounded": _node(
        "Attention",
        {name: (1, "S", _WIDTH) for name in ("query", "key", "value")},
        1,
        "",
        23,
        q_num_heads=HEADS,
        kv_num_heads=HEADS,
        softcap=1.5,
    ),
    "a stack of matrices": onnx.parser.parse_model(
        f"""<ir_version: 10, opset_import: ["" : 17]>
        g (float[{HEADS}, S, {SIZE}] q, float[{HEADS}, T, {SIZE}] k, float[{HEADS}, T, {SIZE}] v,
            float[{HEADS}, S, T] bias) => (float[{HEADS}, S, {SIZE}] y) {{
            kt = Transpose<perm = [0, 2, 1]>(k)
            products = MatMul(q, kt)
            scale = Constant<value_float = 0.2>()
            scores = Mul(products, scale)
            biased = Add(scores, bias)
            weights = Softmax<axis = -1>(biased)
            y = MatMul(weights, v)
        }}"""
    ),
}


def _feeds(model: onnx.ModelProto, sizes: Mapping[str, int]) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    feeds = {}
    for value in model.graph.input:
        shape = [sizes.get(d.dim_param, d.dim_value) for d in value.type.tensor_type.shape.dim]
        feeds[value.name] = random.standard_normal(shape).astype(np.float32)
    fixed = {
        "mask": np.ones((1, sizes["T"]), np.int32),
        "lengths": np.array([sizes["T"] - 1], np.int32),
        "total": np.array(sizes["T"], np.int32),
    }
    return {**feeds, **{name: array for name, array in fixed.items() if name in feeds}}


@pytest.mark.parametrize("name", _CASES)
def test_one_kernel_does_it(name: str) -> None:
    operators = _operators(optimize(_CASES[name], targets.find("x86-64-v3"), Options()))
    assert "nn.attention" in operators
    assert "nn.softmax" not in operators


@pytest.mark.parametrize("name", _CASES)
def test_it_agrees_with_onnx_runtime(name: str) -> None:
    model = _CASES[name]
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    with onnxc.compile(model) as compiled:
        for sequence, past in ((1, 1), (1, 37), (3, 5), (19, 2)):
            feeds = _feeds(model, {"S": sequence, "P": past, "T": sequence + past})
            for got, want in zip(compiled(feeds).values(), session.run(None, feeds), strict=True):
                np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5, err_msg=f"{sequence} behind {past}")
