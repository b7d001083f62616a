"""ONNX Runtime's own operators (com.microsoft) with all their options, against ONNX Runtime on random inputs.

Each is interpreted; what differs in how it is computed is also compiled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import onnxc
from onnxc.diagnostics import CompileError
from tests.frontend.test_nn_converters import floats, interpret

onnxruntime = pytest.importorskip("onnxruntime")

Array = np.ndarray
MICROSOFT = "com.microsoft"


def check(
    operator: str,
    inputs: Sequence[Array | None],
    outputs: Sequence[bool] = (True,),
    *,
    constant: Sequence[int] = (),
    compiled: bool = False,
    tolerance: float = 1e-4,
    domain: str = MICROSOFT,
    **attributes: Any,
) -> None:
    """Compare a node. `outputs` says which outputs are asked for, `constant` which inputs are initializers."""
    names = ["" if array is None else f"x{index}" for index, array in enumerate(inputs)]
    results = [f"y{index}" if wanted else "" for index, wanted in enumerate(outputs)]
    given = {f"x{index}": array for index, array in enumerate(inputs) if array is not None}
    fixed = {f"x{index}" for index in constant}
    attributes = {name: value for name, value in attributes.items() if value is not None}
    graph = helper.make_graph(
        [helper.make_node(operator, names, results, domain=domain, **attributes)],
        "node",
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
            for name, array in given.items()
            if name not in fixed
        ],
        [helper.make_empty_tensor_value_info(name) for name in results if name],
        [numpy_helper.from_array(given[name], name) for name in sorted(fixed)],
    )
    domains = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
    model = helper.make_model(graph, opset_imports=domains, ir_version=8)
    feeds = {name: array for name, array in given.items() if name not in fixed}
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1  # threads of DynamicQuantizeLSTM quantise their rows each for themselves
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    wanted = session.run(None, feeds)
    compare(interpret(model, feeds), wanted, tolerance)
    if compiled:
        compare(list(onnxc.compile(model, jobs=1).run(feeds).values()), wanted, tolerance)


def compare(found: Sequence[Array], wanted: Sequence[Array], tolerance: float) -> None:
    assert len(found) == len(wanted)
    for got, want in zip(found, wanted, strict=True):
        assert got.dtype == want.dtype and got.shape == want.shape
        if want.dtype.kind in "iu":
            assert np.abs(got.astype(np.int64) - want.astype(np.int64)).max(initial=0) <= 1
        else:
            np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


# Products


@pytest.mark.parametrize("transposed", [(0, 0), (1, 0), (0, 1), (1, 1)])
@pytest.mark.parametrize("alpha", [1.0, 0.5])
def test_fused_matmul(transposed: tuple[int, int], alpha: float) -> None:
    a, b = floats(2, 3, 4, 5), floats(2, 3, 5, 6)
    a, b = (np.swapaxes(x, -1, -2).copy() if t else x for x, t in zip((a, b), transposed, strict=True))
    check("FusedMatMul", [a, b], transA=transposed[0], transB=transposed[1], alpha=alpha, compiled=alpha != 1)


def test_fused_matmul_of_batches() -> None:
    a, b = floats(4, 3, 5), floats(3, 5, 6)
    check("FusedMatMul", [a, b], transBatchA=1)
    check("FusedMatMul", [floats(3, 4, 5), floats(5, 3, 6)], transBatchB=1)
    check("FusedMatMul", [floats(4, 3, 5), floats(6, 3, 5)], transBatchA=1, transBatchB=1, transB=1)


ACTIVATIONS: dict[str, Mapping[str, Any]] = {
    "Relu": {},
    "Tanh": {},
    "Sigmoid": {},
    "LeakyRelu": {"alpha": 0.3},
    "Clip": {"minimum": -0.5, "maximum": 0.25},
    "HardSigmoid": {"alpha": 0.3, "beta": 0.4},
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_fused_activations(activation: str) -> None:
    numbers = list(ACTIVATIONS[activation].values())
    x, w, z = floats(1, 3, 6, 5), floats(4, 3, 3, 3), floats(1, 4, 6, 5)
    options: dict[str, Any] = {"activation": activation, "activation_params": numbers or None, "pads": [1] * 4}
    check("FusedConv", [x, w, floats(4)], constant=(1, 2), compiled=True, **options)
    if activation == "Relu":
        check("FusedConv", [x, w, floats(4), z], constant=(1, 2), **options)
    if activation == "Clip":  # of products ONNX Runtime fuses other activations only
        return
    given = dict(zip(("activation_alpha", "activation_beta"), numbers, strict=False))
    check("FusedGemm", [floats(3, 4), floats(4, 5), floats(5)], activation=activation, alpha=0.5, **given)


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_nhwc_max_pool(dtype: str) -> None:
    x = np.random.default_rng(0).integers(0, 100, (1, 7, 6, 3)).astype(dtype)
    check("NhwcMaxPool", [x], kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1], compiled=True)
    check("NhwcMaxPool", [x], kernel_shape=[2, 2], ceil_mode=1, dilations=[2, 1])


@pytest.mark.parametrize("operator", ["Gelu", "FastGelu", "BiasGelu", "QuickGelu"])
def test_gelu(operator: str) -> None:
    x = floats(3, 8, scale=2.0)
    if operator in ("FastGelu", "BiasGelu"):
        check(operator, [x, floats(8)], compiled=True)
    if operator != "BiasGelu":
        check(operator, [x], compiled=True)
    if operator == "QuickGelu":
        check(operator, [x], alpha=1.1)


# Normalisations


@pytest.mark.parametrize("axis", [-1, 1])
def test_simplified_layer_normalization(axis: int) -> None:
    x = floats(2, 3, 8)
    scale = floats(*x.shape[axis:])
    check("SimplifiedLayerNormalization", [x, scale], domain="", axis=axis, epsilon=1e-3, compiled=True)
    if axis == -1:
        check("SimplifiedLayerNormalization", [x, scale], (True, True), domain="", axis=axis)


@pytest.mark.parametrize("simplified", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("summed", [False, True])
def test_skip_layer_normalization(simplified: bool, bias: bool, summed: bool) -> None:
    x, skip, gamma, beta = floats(2, 3, 8), floats(2, 3, 8) + 1, floats(8), floats(8) * 2
    more = [floats(8) + 0.5] if bias else []
    inputs = [x, skip, gamma, *([] if simplified else [beta]), *more]
    name = "SkipSimplifiedLayerNormalization" if simplified else "SkipLayerNormalization"
    check(name, inputs, (True, False, False, True) if summed else (True,), epsilon=1e-5, compiled=summed)
    if not simplified:
        check(name, [x, skip[:1], gamma, None, *more], epsilon=1e-5)


@pytest.mark.parametrize("segments", [False, True])
@pytest.mark.parametrize("mask", [False, True])
def test_embed_layer_normalization(segments: bool, mask: bool) -> None:
    random = np.random.default_rng(0)
    ids = random.integers(0, 9, (2, 5)).astype(np.int32)
    kinds = random.integers(0, 2, (2, 5)).astype(np.int32)
    tables = [floats(9, 8), floats(7, 8), floats(2, 8)]
    flags = (np.arange(5) < np.array([[3], [5]])).astype(np.int32)
    inputs = [ids, kinds if segments else None, *tables[:2], tables[2] if segments else None, floats(8), floats(8)]
    inputs += [flags if mask else None]
    check("EmbedLayerNormalization", inputs, (True, True, True), epsilon=1e-6, compiled=mask)
    places = np.array([[4, 3, 2, 1, 0], [0, 0, 6, 1, 5]], np.int32)
    check("EmbedLayerNormalization", [*inputs, places], (True, True))


# Attention


def _padding(shape: str, batch: int, sequence: int, keys: int) -> Array:
    lengths = np.arange(keys, keys - batch, -1)
    if shape == "lengths":
        return lengths.astype(np.int32)
    if shape == "bounds":
        return np.concatenate([lengths, np.arange(batch)]).astype(np.int32)
    flags = (np.arange(keys) < lengths[:, None]).astype(np.int32)
    if shape == "keys":
        return flags
    each = np.broadcast_to(flags[:, None], (batch, sequence, keys)).copy()
    each[0, 0, 0] = 0
    return each if shape == "queries" else each[:, None]


@pytest.mark.parametrize("mask", [None, "lengths", "bounds", "keys", "queries"])
@pytest.mark.parametrize("unidirectional", [0, 1])
def test_attention(mask: str | None, unidirectional: int) -> None:
    x, w, bias = floats(2, 4, 6), floats(6, 24), floats(24)
    padding = None if mask is None else _padding(mask, 2, 4, 4)
    options: dict[str, Any] = {"num_heads": 2, "unidirectional": unidirectional, "constant": (1, 2)}
    check("Attention", [x, w, bias, padding], compiled=mask == "keys", **options)
    if mask == "queries":
        check("Attention", [x, w, bias, padding], mask_filter_value=-50.0, scale=0.3, **options)


def test_attention_with_past() -> None:
    x, w, bias, past = floats(2, 4, 6), floats(6, 24), floats(24), floats(2, 2, 2, 3, 4)
    both = (True, True)
    for padding in (None, _padding("keys", 2, 4, 7)):
        check("Attention", [x, w, bias, padding, past], both, num_heads=2, unidirectional=1, constant=(1, 2))
    check("Attention", [x, w, bias, None, past], both, num_heads=2, compiled=True)
    check("Attention", [x, w, bias, None, None, floats(1, 2, 4, 4)], num_heads=2)


def test_attention_with_sizes() -> None:
    x, w, bias = floats(2, 4, 6), floats(6, 8 + 8 + 12), floats(28)
    check("Attention", [x, w, bias], num_heads=2, qkv_hidden_sizes=[8, 8, 12], constant=(1, 2))


@pytest.mark.parametrize("mask", [None, "lengths", "keys", "queries"])
@pytest.mark.parametrize("biased", [False, True])
def test_multi_head_attention(mask: str | None, biased: bool) -> None:
    q, k, v = floats(2, 4, 6), floats(2, 5, 6), floats(2, 5, 8)
    bias = floats(6 + 6 + 8) if biased else None
    padding = None if mask is None else _padding(mask, 2, 4, 5)
    check("MultiHeadAttention", [q, k, v, bias, padding], num_heads=2, compiled=mask == "keys")


def test_multi_head_attention_with_past() -> None:
    q, k, v = floats(2, 4, 6), floats(2, 4, 6), floats(2, 4, 6) + 1
    past = [floats(2, 2, 3, 3), floats(2, 2, 3, 3) + 1]
    every = (True, True, True)
    for causal in (0, 1):
        inputs = [q, k, v, None, None, floats(1, 2, 4, 7), *past]
        check("MultiHeadAttention", inputs, every, num_heads=2, unidirectional=causal, scale=0.7, compiled=True)


def test_multi_head_attention_of_heads() -> None:
    q, k, v = floats(2, 4, 6), floats(2, 2, 5, 3), floats(2, 2, 5, 3) + 1
    check("MultiHeadAttention", [q, k, v], num_heads=2)
    check("MultiHeadAttention", [q, k, v, floats(18)], num_heads=2)


@pytest.mark.parametrize("interleaved", [0, 1])
def test_rotary_embedding(interleaved: int) -> None:
    angles = floats(10, 4)
    tables = [np.cos(angles), np.sin(angles)]
    start, places = np.array([3], np.int64), np.array([[0, 2, 4], [9, 1, 1]], np.int64)
    for where in (start, places):
        check("RotaryEmbedding", [floats(2, 3, 24), where, *tables], interleaved=interleaved, compiled=True)
        check("RotaryEmbedding", [floats(2, 5, 3, 8), where, *tables], interleaved=interleaved)
    part = [t[:, :2].copy() for t in tables]
    options: dict[str, Any] = {"interleaved": interleaved, "num_heads": 3, "rotary_embedding_dim": 4}
    check("RotaryEmbedding", [floats(2, 3, 24), places, *part], **options)


def _grouped(sequence: int, past: int, room: int) -> list[Array | None]:
    # ONNX Runtime takes one sample only where there is a past, and several new tokens.
    batch, heads, shared, size = 1 if past and sequence > 1 else 2, 4, 2, 16
    total = np.array(past + sequence, np.int32)
    lengths = np.full(batch, past + sequence - 1, np.int32)
    cache = [floats(batch, shared, room, size), floats(batch, shared, room, size) + 1]
    q, k, v = (floats(batch, sequence, n * size) + i for i, n in enumerate((heads, shared, shared)))
    return [q, k, v, *cache, lengths, total]


EVERY = (True, True, True)


@pytest.mark.parametrize("options", [{}, {"local_window_size": 3}, {"softcap": 2.0}, {"smooth_softmax": 1}])
@pytest.mark.parametrize(("sequence", "past"), [(1, 5), (4, 0), (3, 4)])
def test_group_query_attention(options: dict[str, Any], sequence: int, past: int) -> None:
    inputs = _grouped(sequence, past, past)
    check("GroupQueryAttention", inputs, EVERY, num_heads=4, kv_num_heads=2, constant=(6,), **options)


@pytest.mark.parametrize("interleaved", [0, 1])
def test_group_query_attention_rotated(interleaved: int) -> None:
    angles = floats(12, 8)
    tables = [np.cos(angles), np.sin(angles)]
    options: dict[str, Any] = {
        "num_heads": 4,
        "kv_num_heads": 2,
        "do_rotary": 1,
        "rotary_interleaved": interleaved,
        "constant": (6,),
    }
    for sequence, past in ((1, 5), (4, 0)):
        check("GroupQueryAttention", [*_grouped(sequence, past, past), *tables], EVERY, compiled=True, **options)


def test_group_query_attention_packed() -> None:
    q, k, v, *rest = _grouped(1, 5, 5)
    packed = np.concatenate([q, k, v], axis=2)  # type: ignore[list-item]
    check("GroupQueryAttention", [packed, None, None, *rest], EVERY, num_heads=4, kv_num_heads=2, constant=(6,))


def test_group_query_attention_with_a_bias_and_a_sink() -> None:
    inputs = _grouped(1, 5, 5)
    bias, sink = floats(1, 4, 1, 6), floats(4)
    options: dict[str, Any] = {"num_heads": 4, "kv_num_heads": 2, "constant": (6,)}
    check("GroupQueryAttention", [*inputs, None, None, None, bias], EVERY, **options)
    check("GroupQueryAttention", [*inputs, None, None, None, None, sink], EVERY, **options)


# Quantised


def bytes_of(*shape: int, dtype: str = "uint8") -> Array:
    low = 0 if dtype == "uint8" else -100
    return np.random.default_rng(sum(shape)).integers(low, low + 200, shape).astype(dtype)


def number(value: float, dtype: str = "float32") -> Array:
    return np.array(value, dtype)


@pytest.mark.parametrize("causal", [0, 1])
@pytest.mark.parametrize("columns", [False, True])
def test_quantised_attention(causal: int, columns: bool) -> None:
    x, w, bias = bytes_of(2, 4, 6), bytes_of(6, 24, dtype="int8"), floats(24)
    scale = np.linspace(0.01, 0.02, 24).astype(np.float32) if columns else number(0.02)
    zero = np.zeros(24, np.int8) if columns else number(0, "int8")
    inputs = [x, w, bias, number(0.03), scale, None, number(120, "uint8"), zero]
    check("QAttention", inputs, num_heads=2, unidirectional=causal, constant=(1, 2, 4, 7), compiled=columns)
    past = floats(2, 2, 2, 3, 4)
    both = (True, True)
    check("QAttention", [*inputs, past], both, num_heads=2, unidirectional=causal, constant=(1, 2, 4, 7))


@pytest.mark.parametrize("operator", ["QLinearAdd", "QLinearMul"])
@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_quantised_arithmetic(operator: str, dtype: str) -> None:
    zero = 10 if dtype == "int8" else 128
    a, b = bytes_of(2, 3, 4, dtype=dtype), bytes_of(3, 1, dtype=dtype)
    parameters = [number(0.02), number(zero, dtype)]
    inputs = [a, *parameters, b, number(0.03), number(zero - 5, dtype), number(0.04), number(zero + 3, dtype)]
    check(operator, inputs, constant=(1, 2, 4, 5, 6, 7), compiled=True)


@pytest.mark.parametrize("operator", ["QLinearSigmoid", "QLinearLeakyRelu"])
@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_quantised_activation(operator: str, dtype: str) -> None:
    zero = 0 if dtype == "int8" else 120
    inputs = [bytes_of(3, 50, dtype=dtype), number(0.05), number(zero, dtype), number(1 / 200), number(zero, dtype)]
    alpha = 0.2 if operator == "QLinearLeakyRelu" else None
    check(operator, inputs, constant=(1, 2, 3, 4), alpha=alpha, compiled=True)


def test_quantised_concatenation() -> None:
    parts = [[bytes_of(2, n, 3), number(0.01 * n), number(100 + n, "uint8")] for n in (1, 2, 4)]
    inputs = [number(0.03), number(110, "uint8"), *(x for part in parts for x in part)]
    constant = [i for i in range(len(inputs)) if i < 2 or i % 3 != 2]
    check("QLinearConcat", inputs, axis=1, constant=constant, compiled=True)


@pytest.mark.parametrize("channels_last", [0, 1])
def test_quantised_pooling(channels_last: int) -> None:
    inputs = [bytes_of(1, 4, 5, 6), number(0.02), number(100, "uint8"), number(0.01), number(90, "uint8")]
    check("QLinearGlobalAveragePool", inputs, constant=(1, 2, 3, 4), channels_last=channels_last, compiled=True)


@pytest.mark.parametrize("transposed", [(0, 0), (0, 1), (1, 0)])
def test_quantised_gemm(transposed: tuple[int, int]) -> None:
    a, b = bytes_of(3, 4), bytes_of(4, 5, dtype="int8")
    a, b = (x.T.copy() if t else x for x, t in zip((a, b), transposed, strict=True))
    addend = np.arange(-2, 3, dtype=np.int32) * 100
    inputs = [a, number(0.02), number(120, "uint8"), b, number(0.03), number(3, "int8"), addend]
    options: dict[str, Any] = {"transA": transposed[0], "transB": transposed[1], "constant": (1, 2, 3, 4, 5, 6)}
    check("QGemm", [*inputs, number(0.1), number(110, "uint8")], **options, compiled=True)
    check("QGemm", inputs, **options)


@pytest.mark.parametrize("biased", [False, True])
def test_integer_products(biased: bool) -> None:
    b, scale = bytes_of(6, 5, dtype="int8"), np.linspace(0.01, 0.02, 5).astype(np.float32)
    bias = [floats(5)] if biased else []
    zeros = np.zeros(5, np.int8)
    inputs = [bytes_of(2, 4, 6), b, number(0.03), scale, number(120, "uint8"), zeros, *bias]
    check("MatMulIntegerToFloat", inputs, constant=(1, 3, 5), compiled=True)
    check("DynamicQuantizeMatMul", [floats(2, 4, 6), b, scale, zeros, *bias], constant=(1, 2, 3), compiled=True)


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_quantised_lstm(direction: str, dtype: str) -> None:
    directions = 2 if direction == "bidirectional" else 1
    x, columns = floats(5, 2, 8), dtype == "int8"
    w, r = (bytes_of(directions, n, 16, dtype=dtype) for n in (8, 4))
    shape = (directions, 16) if columns else (directions,)
    scales = [np.linspace(low, 2 * low, directions * (16 if columns else 1), dtype=np.float32) for low in (3e-3, 5e-3)]
    zeros = [np.full(shape, 0 if columns else value, dtype) for value in (100, 90)]
    parameters = [array.reshape(shape) for pair in zip(scales, zeros, strict=True) for array in pair]
    options: dict[str, Any] = {"hidden_size": 4, "direction": direction, "constant": (1, 2, 3, 8, 9, 10, 11)}
    compiled = direction == "bidirectional"
    inputs = [x, w, r, floats(directions, 32), None, None, None, None, *parameters]
    check("DynamicQuantizeLSTM", inputs, EVERY, tolerance=1e-5, compiled=compiled, **options)
    states = [floats(directions, 2, 4), floats(directions, 2, 4) / 2]
    inputs = [x, w, r, floats(directions, 32), None, *states, floats(directions, 12), *parameters]
    check("DynamicQuantizeLSTM", inputs, EVERY, tolerance=1e-5, compiled=compiled, clip=0.8, **options)


def test_quantised_lstm_of_long_sequences() -> None:
    """No step may round another way than ONNX Runtime does: from there on results would differ."""
    x, w, r = floats(60, 3, 16), bytes_of(1, 16, 128, dtype="int8"), bytes_of(1, 32, 128, dtype="int8")
    scales, zeros = np.full(1, 0.002, np.float32), np.zeros(1, np.int8)
    inputs = [x, w, r, floats(1, 256), None, None, None, None, scales, zeros, scales, zeros]
    options: dict[str, Any] = {"hidden_size": 32, "constant": (1, 2, 3, 8, 9, 10, 11)}
    check("DynamicQuantizeLSTM", inputs, EVERY, tolerance=1e-5, compiled=True, **options)


def test_quantised_lstm_of_sequences_that_end() -> None:
    x, w, r = floats(5, 3, 8), bytes_of(1, 8, 16, dtype="int8"), bytes_of(1, 4, 16, dtype="int8")
    scales, zeros, lengths = np.full(1, 0.003, np.float32), np.zeros(1, np.int8), np.array([5, 2, 3], np.int32)
    for direction in ("forward", "reverse"):
        inputs = [x, w, r, floats(1, 32), lengths, None, None, None, scales, zeros, scales, zeros]
        options: dict[str, Any] = {"hidden_size": 4, "direction": direction, "constant": (1, 2, 3, 8, 9, 10, 11)}
        check("DynamicQuantizeLSTM", inputs, EVERY, tolerance=1e-5, compiled=True, **options)


def test_options_that_are_refused() -> None:
    node = helper.make_node("Attention", ["x", "w", "b"], ["y"], domain=MICROSOFT, num_heads=2, do_rotary=1)
    shapes = {"x": [2, 4, 6], "w": [6, 24], "b": [24]}
    inputs = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, s) for n, s in shapes.items()]
    graph = helper.make_graph([node], "node", inputs, [helper.make_empty_tensor_value_info("y")])
    domains = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
    with pytest.raises(CompileError, match="do_rotary is 1"):
        interpret(helper.make_model(graph, opset_imports=domains, ir_version=8), {})
