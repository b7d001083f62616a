"""Operators of com.microsoft that are those of ONNX under another name, or a few of them, against ONNX Runtime.

Where ONNX Runtime has no kernel for processors, against what its documentation says, in numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from onnx import helper

from tests.frontend.test_microsoft import ACTIVATIONS, MICROSOFT, bytes_of, check, number
from tests.frontend.test_nn_converters import floats, interpret

Array = np.ndarray


def evaluate(operator: str, inputs: Sequence[Array | None], outputs: int = 1, **attributes: Any) -> list[Array]:
    """A node's outputs by the interpreter."""
    names = ["" if array is None else f"x{index}" for index, array in enumerate(inputs)]
    given = {f"x{index}": array for index, array in enumerate(inputs) if array is not None}
    results = [f"y{index}" for index in range(outputs)]
    graph = helper.make_graph(
        [helper.make_node(operator, names, results, domain=MICROSOFT, **attributes)],
        "node",
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
            for name, array in given.items()
        ],
        [helper.make_empty_tensor_value_info(name) for name in results],
    )
    domains = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
    return list(interpret(helper.make_model(graph, opset_imports=domains, ir_version=8), given))


def close(found: Array, wanted: Array) -> None:
    assert found.shape == wanted.shape and found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_operators_that_onnx_took_over() -> None:
    check("GatherND", [floats(3, 4, 5), np.array([[0, 1], [2, 3]], np.int64)])
    check("GridSample", [floats(1, 2, 4, 5), floats(1, 3, 3, 2)], mode="bilinear", align_corners=1)
    check("Pad", [floats(2, 3), np.array([0, 1, 1, 2], np.int64), number(2.5)], mode="constant", constant=(1, 2))
    check("Trilu", [floats(4, 5), np.array(1, np.int64)], upper=0, constant=(1,))
    check("ExpandDims", [floats(4, 5), np.array(-1, np.int32)], constant=(1,))
    check("Range", [number(1), number(7), number(2)], constant=(0, 1, 2))
    check("Range", [number(1), number(4)])
    check("TransposeMatMul", [floats(5, 4), floats(6, 5)], transA=1, transB=1, alpha=0.5)


def test_unique() -> None:
    x = np.array([3, 1, 3, 2, 1, 3], np.float32)
    check("Unique", [x], (True, True, True), compiled=True)


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_distances(metric: str, dtype: str) -> None:
    left, right = floats(5, 7).astype(dtype), floats(3, 7).astype(dtype) + 1
    check("CDist", [left, right], metric=metric, compiled=dtype == "float32")


def test_inverses() -> None:
    x = floats(2, 3, 6, 6) + np.eye(6, dtype=np.float32)
    check("Inverse", [x], compiled=True, tolerance=1e-3)
    check("Inverse", [np.array([[0, 2], [4, 0]], np.float64)], compiled=True)


@pytest.mark.parametrize("shape", [(1, 1), (6, 4), (1, 3, 9), (5, 1)])
def test_path_of_least_cost(shape: tuple[int, ...]) -> None:
    check("DynamicTimeWarping", [floats(*shape)], compiled=len(shape) == 3)


@pytest.mark.parametrize("activation", ["", *ACTIVATIONS])
def test_fused_matmul_with_an_activation(activation: str) -> None:
    a, b, numbers = floats(3, 4), floats(5, 4), list(ACTIVATIONS.get(activation, {}).values())
    names = ("activation_alpha", "activation_beta")
    given = dict(zip(names, numbers, strict=False))
    (found,) = evaluate("FusedMatMulActivation", [a, b], transB=1, alpha=2.0, activation=activation, **given)
    x = 2 * (a @ b.T)
    alpha, beta = (*numbers, 0, 0)[:2]
    wanted = {
        "": x,
        "Relu": np.maximum(x, 0),
        "Tanh": np.tanh(x),
        "Sigmoid": 1 / (1 + np.exp(-x)),
        "LeakyRelu": np.where(x < 0, alpha * x, x),
        "Clip": np.clip(x, alpha, beta),
        "HardSigmoid": np.clip(alpha * x + beta, 0, 1),
    }
    close(found, wanted[activation].astype(np.float32))


def test_transposed_convolution_with_an_input_of_pads() -> None:
    x, w, pads = floats(1, 3, 5, 4), floats(3, 2, 3, 3), np.array([1, 0, 0, 1], np.int64)
    options: dict[str, Any] = {"strides": [2, 1], "output_padding": [1, 0]}
    check("ConvTransposeWithDynamicPads", [x, w, pads, floats(2)], constant=(2,), compiled=True, **options)


@pytest.mark.parametrize("operator", ["NhwcConv", "NhwcFusedConv"])
def test_convolutions_of_images_with_channels_last(operator: str) -> None:
    x, w, bias = floats(1, 6, 5, 3), floats(4, 3, 3, 3), floats(4)
    more: dict[str, Any] = {"pads": [1] * 4, "strides": [2, 1]}
    first = evaluate("FusedConv", [x.transpose(0, 3, 1, 2).copy(), w, bias], **more)[0]
    (found,) = evaluate(operator, [x, w, bias], **more)
    close(found, first.transpose(0, 2, 3, 1))
    if operator == "NhwcFusedConv":
        z = floats(*found.shape) + 1
        (found,) = evaluate(operator, [x, w, bias, z], activation="Relu", **more)
        close(found, np.maximum(first.transpose(0, 2, 3, 1) + z, 0))


@pytest.mark.parametrize("channels_last", [0, 1])
@pytest.mark.parametrize("columns", [False, True])
def test_quantised_convolution(channels_last: int, columns: bool) -> None:
    x, w = bytes_of(1, 6, 5, 3), bytes_of(4, 3, 3, 3, dtype="int8")
    x = x if channels_last else x.transpose(0, 3, 1, 2).copy()
    scale = np.linspace(0.01, 0.03, 4).astype(np.float32) if columns else number(0.02)
    zero = np.zeros(4, np.int8) if columns else number(0, "int8")
    inputs = [x, number(0.03), number(120, "uint8"), w, scale, zero, number(0.2), number(110, "uint8")]
    inputs.append(np.arange(-2, 2, dtype=np.int32) * 500)
    constant = (1, 2, 3, 4, 5, 6, 7, 8)
    check("QLinearConv", inputs, constant=constant, channels_last=channels_last, pads=[1] * 4, compiled=True)


def test_quantised_reductions() -> None:
    x = bytes_of(3, 4, 5, dtype="int8")
    (found,) = evaluate("ReduceSumInteger", [x], axes=[1], keepdims=0)
    close(found, x.sum(1, dtype=np.int32))
    (found,) = evaluate("ReduceSumInteger", [bytes_of(3, 4)], axes=[0, 1])
    close(found, bytes_of(3, 4).sum((0, 1), dtype=np.uint32, keepdims=True))
    (found,) = evaluate(
        "QLinearReduceMean", [x, number(0.5), number(3, "int8"), number(0.25), number(-7, "int8")], axes=[-1]
    )
    mean = (x.astype(np.float32) - 3).mean(-1, keepdims=True) * 0.5
    np.testing.assert_array_equal(found, np.clip(np.rint(mean / 0.25) - 7, -128, 127).astype(np.int8))


@pytest.mark.parametrize("channels_last", [0, 1])
def test_quantised_average_pooling(channels_last: int) -> None:
    x = bytes_of(1, 6, 5, 3)
    x = x if channels_last else x.transpose(0, 3, 1, 2).copy()
    inputs = [x, number(0.02), number(100, "uint8"), number(0.01), number(90, "uint8")]
    options: dict[str, Any] = {"kernel_shape": [3, 2], "strides": [2, 1], "constant": (1, 2, 3, 4)}
    check("QLinearAveragePool", inputs, channels_last=channels_last, compiled=True, **options)
    check("QLinearAveragePool", inputs, channels_last=channels_last, pads=[1, 0, 1, 1], count_include_pad=1, **options)


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
@pytest.mark.parametrize("axis", [-1, 1])
def test_quantised_softmax(dtype: str, axis: int) -> None:
    zero = 0 if dtype == "uint8" else -128
    inputs = [bytes_of(2, 3, 8, dtype=dtype), number(0.05), number(4, dtype), number(1 / 256), number(zero, dtype)]
    check("QLinearSoftmax", inputs, axis=axis, opset=13, constant=(1, 2, 3, 4), compiled=True)


def test_quantised_choice() -> None:
    condition = np.arange(12).reshape(3, 4) % 3 == 0
    x, y = bytes_of(3, 4), bytes_of(3, 4)[::-1].copy()
    inputs = [condition, x, number(0.02), number(100, "uint8"), y, number(0.03), number(90, "uint8")]
    inputs += [number(0.04), number(120, "uint8")]
    check("QLinearWhere", inputs, constant=(2, 3, 5, 6, 7, 8), compiled=True)


@pytest.mark.parametrize("dtype", ["int16", "uint16", "int8"])
def test_quantisation(dtype: str) -> None:
    x, scale, zero = floats(3, 4) * 5, number(0.01), number(7, dtype)
    check("QuantizeLinear", [x, scale, zero], constant=(1, 2), compiled=True)
    codes = np.arange(12).reshape(3, 4).astype(dtype)
    check("DequantizeLinear", [codes, scale, zero], constant=(1, 2), compiled=True)
    scales, zeros = np.linspace(0.1, 0.3, 3).astype(np.float32), np.arange(3).astype(dtype)
    check("DequantizeLinear", [codes, scales, zeros], axis=0, constant=(1, 2))
    check("QuantizeLinear", [x, scales, zeros], axis=0, constant=(1, 2))


@pytest.mark.parametrize("mask", [False, True])
def test_quantised_embedding(mask: bool) -> None:
    random = np.random.default_rng(0)
    ids, kinds = (random.integers(0, n, (2, 5)).astype(np.int32) for n in (9, 2))
    tables = [bytes_of(*shape) for shape in ((9, 8), (7, 8), (2, 8), (8,), (8,))]
    scales = [number(0.01 * (k + 1)) for k in range(5)]
    zeros = [number(100 + k, "uint8") for k in range(5)]
    flags = (np.arange(5) < np.array([[3], [5]])).astype(np.int32) if mask else None
    inputs = [ids, kinds, *tables, flags, *scales, *zeros]
    check("QEmbedLayerNormalization", inputs, (True, True), epsilon=1e-6, constant=tuple(range(8, 18)))


@pytest.mark.parametrize("zero_points", [False, True])
@pytest.mark.parametrize("bits", [4, 8])
def test_gather_of_blocks_of_bytes(bits: int, zero_points: bool) -> None:
    random, rows, columns, block = np.random.default_rng(bits), 6, 64, 16
    codes = random.integers(0, 256, (rows, columns * bits // 8)).astype(np.uint8)
    scales = random.standard_normal((rows, columns // block)).astype(np.float32)
    zeros = random.integers(0, 256, (rows, columns // block * bits // 8)).astype(np.uint8) if zero_points else None
    index = np.array([[0, 5], [2, 2]], np.int64)
    constant = (0, 2, 3) if zero_points else (0, 2)
    inputs = [codes, index, scales, *([zeros] if zero_points else [])]
    options: dict[str, Any] = {"bits": bits, "block_size": block, "gather_axis": 0, "quantize_axis": 1}
    check("GatherBlockQuantized", inputs, constant=constant, compiled=True, **options)


@pytest.mark.parametrize("quant_type", [0, 1])
def test_products_with_bitsandbytes_weights(quant_type: int) -> None:
    rows, depth, block = 6, 32, 16
    random = np.random.default_rng(0)
    codes = random.integers(0, 256, rows * depth // 2).astype(np.uint8)
    largest = random.uniform(0.5, 2, rows * depth // block).astype(np.float32)
    options: dict[str, Any] = {"N": rows, "K": depth, "block_size": block, "quant_type": quant_type}
    check("MatMulBnb4", [floats(2, 3, depth), codes, largest], constant=(1, 2), **options)


def test_grouped_normalisation() -> None:
    x, gamma, beta, skip, bias = floats(2, 3, 4, 6), floats(6), floats(6), floats(2, 6), floats(6) + 1
    total = x + skip[:, None, None] + bias
    for operator, inputs, source in (
        ("GroupNorm", [x, gamma, beta], x),
        ("SkipGroupNorm", [x, gamma, beta, skip, bias], total),
    ):
        found = evaluate(operator, inputs, 1 + (operator == "SkipGroupNorm"), groups=3, activation=1, epsilon=1e-4)
        split = source.reshape(2, 12, 3, 2)
        mean, variance = split.mean((1, 3), keepdims=True), split.var((1, 3), keepdims=True)
        normal = ((split - mean) / np.sqrt(variance + 1e-4)).reshape(source.shape) * gamma + beta
        close(found[0], normal / (1 + np.exp(-normal)))
    close(found[1], total)
    first = evaluate(
        "GroupNorm", [x.transpose(0, 3, 1, 2).copy(), gamma, beta], channels_last=0, groups=2, activation=0
    )
    last = evaluate("GroupNorm", [x, gamma, beta], groups=2, activation=0)
    close(first[0], last[0].transpose(0, 3, 1, 2))


def test_biased_operators() -> None:
    x, bias, skip = floats(2, 3, 8), floats(8), floats(2, 3, 8) + 1
    close(evaluate("BiasAdd", [x, bias, skip])[0], x + bias + skip)
    (gate,) = evaluate("Gelu", [(x + bias)[..., 4:].copy()])
    close(evaluate("BiasSplitGelu", [x, bias])[0], (x + bias)[..., :4] * gate)
    total = x + bias
    weights = np.exp(total) / np.exp(total).sum(-1, keepdims=True)
    close(evaluate("BiasSoftmax", [x, bias], axis=2, is_inner_broadcast=0)[0], weights)
    flat = np.exp(total).reshape(2, -1)
    wanted = (flat / flat.sum(-1, keepdims=True)).reshape(x.shape)
    close(evaluate("BiasSoftmax", [x, bias], axis=1, is_inner_broadcast=0)[0], wanted)
