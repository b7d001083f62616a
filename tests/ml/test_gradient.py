"""Gradients, against differences of the function's own values."""

from __future__ import annotations

import numpy as np
import onnx.parser
import pytest

import onnxc
from onnxc.diagnostics import CompileError

HEAD = '<ir_version: 9, opset_import: ["" : 19, "ai.onnx.preview.training" : 1]>'

#: A scalar function of x [2, 3] and w [3, 2] through every operator that has a rule.
BODY = """
    a = MatMul(x, w)
    b = Sigmoid(a)
    c = Tanh(b)
    minus = Neg(c)
    d = Exp(minus)
    e = Relu(x)
    two = Constant<value = double {2.5}>()
    f = Pow(d, two)
    rows = ReduceMean<keepdims = 0>(e, ax)
    g = Div(f, d)
    column = Unsqueeze(rows, ax)
    h = Sub(g, column)
    i = Add(h, c)
    t = Transpose(i)
    s = Sin(t)
    k = Cos(s)
    l = Sqrt(k)
    m = Log(l)
    n = Reciprocal(d)
    o = Mul(m, n)
    q = Gemm(o, w2, bias)
    y = ReduceSum<keepdims = 0>(q)
"""

CONSTANTS = "<int64[1] ax = {1}, double[2, 2] w2 = {0.5, -1.0, 0.25, 2.0}, double[2] bias = {0.5, 1.5}>"


def build(outputs: str, body: str) -> onnx.ModelProto:
    text = f"{HEAD} g (double[2, 3] x, double[3, 2] w) => ({outputs}) {CONSTANTS} {{ {body} }}"
    return onnx.parser.parse_model(text)


X = np.array([[0.5, -0.25, 0.75], [1.0, 0.3, -0.6]])
W = np.array([[0.2, -0.5], [0.4, 0.1], [-0.3, 0.6]])
OPERATOR = "ai.onnx.preview.training.Gradient"
GRADIENT = f'dx, dw = {OPERATOR}<xs = ["x", "w"], y = "y">(x, w)'


def test_gradients_are_slopes() -> None:
    with (
        onnxc.compile(build("double y", BODY), jobs=1) as function,
        onnxc.compile(build("double[2, 3] dx, double[3, 2] dw", BODY + GRADIENT), jobs=1) as derivative,
    ):
        found = derivative(X, W)
        for name, place in (("dx", 0), ("dw", 1)):
            slopes = np.empty_like((X, W)[place])
            for index in np.ndindex(slopes.shape):
                values = []
                for step in (1e-6, -1e-6):
                    arguments = [X.copy(), W.copy()]
                    arguments[place][index] += step
                    values.append(function(*arguments)["y"])
                slopes[index] = (values[0] - values[1]) / 2e-6
            np.testing.assert_allclose(found[name], slopes, rtol=1e-5, atol=1e-7, err_msg=name)


def test_gradients_at_other_values_and_of_gradients() -> None:
    """The inputs say where: here x and w are exchanged for others. And y may be a gradient itself."""
    body = """
        s = Mul(x, x)
        y = Mul(s, x)
        double_x = Add(x, x)
        there = ai.onnx.preview.training.Gradient<xs = ["x"], y = "y">(double_x)
        first = ai.onnx.preview.training.Gradient<xs = ["x"], y = "y">(x)
        second = ai.onnx.preview.training.Gradient<xs = ["x"], y = "first">(x)
        none, by_w = ai.onnx.preview.training.Gradient<xs = ["x", "w"], y = "y">(x, w)
    """
    outputs = "double[2, 3] there, double[2, 3] first, double[2, 3] second, double[3, 2] by_w"
    with onnxc.compile(build(outputs, body), jobs=1) as model:
        found = model(X, W)
    np.testing.assert_allclose(found["there"], 12 * X**2)
    np.testing.assert_allclose(found["first"], 3 * X**2)
    np.testing.assert_allclose(found["second"], 6 * X)
    assert not found["by_w"].any()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (f'y = Erf(x) d = {OPERATOR}<xs = ["x"], y = "y">(x)', "through the Relay operator erf"),
        (f'd = {OPERATOR}<xs = ["x"], y = "z">(x)', "no tensor 'y'"),
    ],
)
def test_errors(body: str, message: str) -> None:
    with pytest.raises(CompileError, match=message):
        onnxc.compile(build("double[2, 3] d", body), jobs=1)
