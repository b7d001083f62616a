"""16-bit floats: every operator rounds its result, also in the middle of a kernel."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import onnxc

TYPES = {"bfloat16": (TensorProto.BFLOAT16, ml_dtypes.bfloat16), "float16": (TensorProto.FLOAT16, np.float16)}

GRAPH = """g (float[4, 64] x, float[64] a, float[64] b) => (float[4, 64] y, float[4, 64] z) {
    sum = Add(x, a)
    product = Mul(sum, b)
    difference = Sub(product, x)
    square = Mul(difference, difference)
    y = Sqrt(square)
    quotient = Div(sum, b)
    larger = Max(quotient, x)
    z = Sub(larger, product)
}"""


def half_model(number: int) -> onnx.ModelProto:
    graph = onnx.parser.parse_graph(GRAPH)
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.elem_type = number
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)


def inputs(dtype: Any) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    shapes = {"x": (4, 64), "a": (64,), "b": (64,)}
    return {n: (random.standard_normal(s) + 2 * (n == "b")).astype(dtype) for n, s in shapes.items()}


def expected(x: np.ndarray, a: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
    """Each operation in float32, rounded."""

    dtype = x.dtype

    def rounded(value: np.ndarray) -> np.ndarray:
        return value.astype(dtype).astype(np.float32)

    x, a, b = x.astype(np.float32), a.astype(np.float32), b.astype(np.float32)
    total = rounded(x + a)
    product = rounded(total * b)
    difference = rounded(product - x)
    y = np.sqrt(rounded(difference * difference))
    z = np.maximum(rounded(total / b), x) - product
    return {"y": y.astype(dtype), "z": z.astype(dtype)}


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("level", [0, 3])
def test_every_operator_rounds(name: str, level: int) -> None:
    number, dtype = TYPES[name]
    feeds = inputs(dtype)
    out = onnxc.compile(half_model(number), level=level, jobs=1).run(feeds)
    for output, want in expected(**feeds).items():
        assert out[output].dtype == want.dtype
        np.testing.assert_array_equal(out[output].view(np.uint16), want.view(np.uint16), output)


def test_nan_and_infinity_of_bfloat16() -> None:
    graph = onnx.parser.parse_graph(
        "g (float[6] x) => (bfloat16[6] y, float[6] z) { y = Cast<to = 16>(x) z = Cast<to = 1>(y) }"
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    x = np.array([np.nan, np.inf, -np.inf, 3.4e38, -0.0, 1.00390625], np.float32)
    out = onnxc.compile(model, jobs=1)(x)
    np.testing.assert_array_equal(out["z"], x.astype(ml_dtypes.bfloat16).astype(np.float32))
    assert out["y"].dtype == ml_dtypes.bfloat16
