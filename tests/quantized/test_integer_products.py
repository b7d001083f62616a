"""ConvInteger and MatMulInteger with zero points that are constant, per channel, or known at run time: exact sums."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import onnxc
from onnxc import targets
from onnxc.driver import Options, optimize
from onnxc.relay.printer import print_module

TYPES = {"uint8": TensorProto.UINT8, "int8": TensorProto.INT8}


def _bytes(generator: np.random.Generator, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    limits = np.iinfo(dtype)
    return generator.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def _model(
    operator: str, data: str, shape: list[Any], weights: np.ndarray, point: np.ndarray, fixed: int | None, **attrs: Any
) -> onnx.ModelProto:
    inputs = [helper.make_tensor_value_info("q", TYPES[data], shape)]
    constants = [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(point, "y")]
    if fixed is None:
        inputs.append(helper.make_tensor_value_info("z", TYPES[data], []))
    else:
        constants.append(numpy_helper.from_array(np.array(fixed, data), "z"))
    nodes = [helper.make_node(operator, ["q", "w", "z", "y"], ["sums"], **attrs)]
    output = helper.make_tensor_value_info("sums", TensorProto.INT32, None)
    graph = helper.make_graph(nodes, "integers", inputs, [output], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _expected(operator: str, x: np.ndarray, w: np.ndarray, **attrs: Any) -> np.ndarray:
    """The product of numbers less their zero points, in float64, where these sums are exact."""
    nodes = [helper.make_node(operator, ["x", "w"], ["y"], **attrs)]
    infos = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, None) for name in "xwy"]
    model = helper.make_model(helper.make_graph(nodes, "exact", infos[:2], infos[2:]), ir_version=8)
    (result,) = ReferenceEvaluator(model).run(None, {"x": x.astype(np.float64), "w": w.astype(np.float64)})
    return np.asarray(result)


def _multiplies_bytes(model: onnx.ModelProto) -> bool:
    """Is there no product of wider integers, but of the sums over channels with a window of ones?"""
    text = print_module(optimize(model, targets.find("x86-64-v3"), Options()))
    products = [line for line in text.splitlines() if " nn.conv(" in line or " nn.matmul(" in line]
    return ("qnn." in text or "nn.dense_packed" in text) and len(products) <= 1


CHANNELS = [90, 128, 255, 0, 7, 131, 128, 90]


@pytest.mark.parametrize(
    ("dtype", "point", "data", "fixed"),
    [
        ("int8", 5, "uint8", None),
        ("uint8", 128, "int8", None),
        ("uint8", 101, "uint8", None),
        ("uint8", CHANNELS, "int8", None),
        ("uint8", CHANNELS, "int8", 77),
        ("uint8", 101, "uint8", 0),
    ],
)
def test_matmul(dtype: str, point: Any, data: str, fixed: int | None) -> None:
    generator = np.random.default_rng(1)
    weights, points = _bytes(generator, dtype, (20, 8)), np.array(point, dtype)
    model = _model("MatMulInteger", data, ["N", 3, 20], weights, points, fixed)
    x = _bytes(generator, data, (2, 3, 20))
    zero = np.array(33 if fixed is None else fixed, data)
    feeds = {"q": x, **({"z": zero} if fixed is None else {})}
    centred = x.astype(np.int64) - int(zero)
    expected = _expected("MatMul", centred, weights.astype(np.int64) - points.astype(np.int64))
    np.testing.assert_array_equal(onnxc.compile(model, threads=1)(feeds)["sums"], expected)
    assert _multiplies_bytes(model)


UNEVEN = {"pads": [2, 0, 1, 1], "strides": [1, 2], "dilations": [2, 1]}


@pytest.mark.parametrize(
    ("window", "groups", "attrs", "dtype", "point", "data", "fixed"),
    [
        ((1, 1), 1, {}, "uint8", 101, "uint8", None),
        ((1, 1), 1, {"strides": [2, 2]}, "uint8", CHANNELS, "uint8", None),
        ((3, 3), 1, {"pads": [1, 1, 1, 1]}, "int8", 0, "uint8", None),
        ((3, 2), 1, UNEVEN, "int8", 0, "int8", None),
        ((3, 2), 1, UNEVEN, "uint8", CHANNELS, "int8", None),
        ((3, 2), 1, UNEVEN, "uint8", CHANNELS, "int8", -77),
        ((3, 2), 1, UNEVEN, "int8", 0, "uint8", 77),
        ((3, 3), 8, {"pads": [1, 1, 1, 1], "group": 8}, "int8", 0, "uint8", None),
    ],
)
def test_conv(
    window: tuple[int, int], groups: int, attrs: dict[str, Any], dtype: str, point: Any, data: str, fixed: int | None
) -> None:
    generator = np.random.default_rng(2)
    weights, points = _bytes(generator, dtype, (8, 8 // groups, *window)), np.array(point, dtype)
    model = _model("ConvInteger", data, [1, 8, 9, "W"], weights, points, fixed, kernel_shape=window, **attrs)
    x = _bytes(generator, data, (1, 8, 9, 11))
    zero = np.array(33 if fixed is None else fixed, data)
    feeds = {"q": x, **({"z": zero} if fixed is None else {})}
    centred = weights.astype(np.int64) - points.astype(np.int64).reshape(-1, 1, 1, 1)
    expected = _expected("Conv", x.astype(np.int64) - int(zero), centred, kernel_shape=window, **attrs)
    np.testing.assert_array_equal(onnxc.compile(model, threads=1)(feeds)["sums"], expected)
    assert _multiplies_bytes(model)
