"""Random graphs, compiled for this machine, against ONNX Runtime; and those that were compiled wrongly once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx
import onnx.parser
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.random.check import check
from tests.random.graph import OPSET, GraphBuilder


@st.composite
def graphs(draw: st.DrawFn, size: int = 10) -> onnx.ModelProto:
    """Graphs of so many nodes."""

    def choose(options: Sequence[Any]) -> Any:
        return options[draw(st.integers(0, len(options) - 1))]

    builder = GraphBuilder(choose)
    builder.grow(size)
    return builder.model()


# Shrinking would compile for minutes: tests/random/search.py cuts what it finds down by itself.
@settings(max_examples=25, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(graphs())
def test_random_graph(model: onnx.ModelProto) -> None:
    for level in (3, 1):
        check(model, level)


#: What was found.
_CASES = {
    "one_channel_between_convolutions": """(float[N, 8, 1, 1] x) => (float[N, 16, 1, 1] y)
        <float[1, 8, 1, 1] w = {1, -1, 2, -2, 3, -3, 4, -4},
         float[16, 1, 1, 1] v = {1, 2, 3, 4, 5, 6, 7, 8, -1, -2, -3, -4, -5, -6, -7, -8}> {
            c = Conv(x, w)
            y = Conv(c, v)
        }""",
    "functions_of_zero": """(float[1, 1] x) => (float[1, 1] y) {
            axis = Constant<value_ints = [1]>()
            s = Sigmoid(x)
            m = ReduceMean(s, axis)
            z = Sub(s, m)
            e = Elu(z)
            y = Softplus(e)
        }""",
    "functions_of_functions": """(float[N, 24] x) => (float[N, 24] y) {
            g = Gelu(x)
            e = Elu(g)
            s = Softplus(e)
            y = Tanh(s)
        }""",
    "padded_pooling_of_unknown_height": """(float[N, 3, H, 9] x) => (float[N, 3, A, 5] y) {
            y = MaxPool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]>(x)
        }""",
    "depthwise_of_unknown_height": """(float[N, 8, H, 7] x) => (float[N, 8, A, 7] y)
        <float[8, 1, 1, 1] w = {1, 2, 3, 4, 5, 6, 7, 8}> {
            y = Conv<group = 8, pads = [1, 0, 1, 0]>(x, w)
        }""",
    "sum_of_everything": "(float[8000] x) => (float y) { y = ReduceSum<keepdims = 0>(x) }",
    "sums_of_rows_of_unknown_length": """(float[N, 3, H] x) => (float[3, H] y, float[N, H] z, int64[3, H] best) {
            first = Constant<value_ints = [0]>()
            second = Constant<value_ints = [1]>()
            y = ReduceMean<keepdims = 0>(x, first)
            z = ReduceSum<keepdims = 0>(x, second)
            best = ArgMax<axis = 0, keepdims = 0>(x)
        }""",
    "parts_of_what_a_window_leaves": """(float[2, 8, H, 7] x) => (float[1, 2, 1, A, 4] y, float[1, 2, 7, A, 4] z)
        <int64[5] shape = {1, 2, 8, -1, 4}, int64[2] sizes = {1, 7}> {
            p = MaxPool<dilations = [2, 1], kernel_shape = [2, 2], pads = [0, 1, 0, 0], strides = [1, 2]>(x)
            r = Reshape(p, shape)
            e = Exp(r)
            y, z = Split<axis = 2>(e, sizes)
        }""",
    "expanded_convolution": """(float[1, 1, 2, 2] x) => (float[3, 8, 2, 2] y)
        <float[8, 1, 1, 1] w = {1, 2, 3, 4, 5, 6, 7, 8}> {
            shape = Constant<value_ints = [3, 8, 2, 2]>()
            c = Conv(x, w)
            y = Expand(c, shape)
        }""",
}


@pytest.mark.parametrize("name", _CASES)
def test_found_before(name: str) -> None:
    text = _CASES[name]
    check(onnx.parser.parse_model(f'<ir_version: 9, opset_import: ["" : {OPSET}]> {name} {text}'), level=3)
