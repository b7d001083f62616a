"""Models that were compiled wrongly once, in ONNX's text form: what searches found, cut down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnx.parser

from tests.random.graph import RUNS, SYMBOLS
from tests.random.model import RandomModel
from tests.random.values import random_array


@dataclass(frozen=True, eq=False)
class Case:
    """A model that was found.

    Attributes
    ----------
    text : str
        Inputs, outputs, initializers and nodes of the graph: what follows its name.
    opset : int
    feeds : mapping of str to array or sequence
        Inputs whose values matter; the others are random. An array in a tuple is for one run each.
    """

    text: str
    opset: int = 20
    feeds: Mapping[str, Any] = field(default_factory=dict)

    def model(self) -> RandomModel:
        domains = f'"" : {self.opset}, "ai.onnx.ml" : 3'
        proto = onnx.parser.parse_model(f"<ir_version: 10, opset_import: [{domains}]> case {self.text}")
        random = np.random.default_rng(0)
        feeds: list[dict[str, Any]] = []
        for run in range(RUNS):
            feeds.append({})
            for value in proto.graph.input:
                given = self.feeds.get(value.name)
                if given is not None:
                    feeds[-1][value.name] = given[run] if isinstance(given, tuple) else given
                    continue
                tensor = value.type.tensor_type
                sizes = [SYMBOLS[d.dim_param][run] if d.dim_param else d.dim_value for d in tensor.shape.dim]
                feeds[-1][value.name] = random_array(random, tensor.elem_type, tuple(sizes))
        return RandomModel.of(proto, feeds)


def _floats(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


CASES = {
    "one_channel_between_convolutions": Case("""(float[N, 8, 1, 1] x) => (float[N, 16, 1, 1] y)
        <float[1, 8, 1, 1] w = {1, -1, 2, -2, 3, -3, 4, -4},
         float[16, 1, 1, 1] v = {1, 2, 3, 4, 5, 6, 7, 8, -1, -2, -3, -4, -5, -6, -7, -8}> {
            c = Conv(x, w)
            y = Conv(c, v)
        }"""),
    "functions_of_zero": Case("""(float[1, 1] x) => (float[1, 1] y) {
            axis = Constant<value_ints = [1]>()
            s = Sigmoid(x)
            m = ReduceMean(s, axis)
            z = Sub(s, m)
            e = Elu(z)
            y = Softplus(e)
        }"""),
    "functions_of_functions": Case("""(float[N, 24] x) => (float[N, 24] y) {
            g = Gelu(x)
            e = Elu(g)
            s = Softplus(e)
            y = Tanh(s)
        }"""),
    "padded_pooling_of_unknown_height": Case("""(float[N, 3, H, 9] x) => (float[N, 3, A, 5] y) {
            y = MaxPool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]>(x)
        }"""),
    "depthwise_of_unknown_height": Case("""(float[N, 8, H, 7] x) => (float[N, 8, A, 7] y)
        <float[8, 1, 1, 1] w = {1, 2, 3, 4, 5, 6, 7, 8}> {
            y = Conv<group = 8, pads = [1, 0, 1, 0]>(x, w)
        }"""),
    "sum_of_everything": Case("(float[8000] x) => (float y) { y = ReduceSum<keepdims = 0>(x) }"),
    "sums_of_rows_of_unknown_length": Case("""(float[N, 3, H] x) => (float[3, H] y, float[N, H] z, int64[3, H] best) {
            first = Constant<value_ints = [0]>()
            second = Constant<value_ints = [1]>()
            y = ReduceMean<keepdims = 0>(x, first)
            z = ReduceSum<keepdims = 0>(x, second)
            best = ArgMax<axis = 0, keepdims = 0>(x)
        }"""),
    "parts_of_what_a_window_leaves": Case("""(float[2, 8, H, 7] x) => (float[1, 2, 1, A, 4] y, float[1, 2, 7, A, 4] z)
        <int64[5] shape = {1, 2, 8, -1, 4}, int64[2] sizes = {1, 7}> {
            p = MaxPool<dilations = [2, 1], kernel_shape = [2, 2], pads = [0, 1, 0, 0], strides = [1, 2]>(x)
            r = Reshape(p, shape)
            e = Exp(r)
            y, z = Split<axis = 2>(e, sizes)
        }"""),
    "expanded_convolution": Case("""(float[1, 1, 2, 2] x) => (float[3, 8, 2, 2] y)
        <float[8, 1, 1, 1] w = {1, 2, 3, 4, 5, 6, 7, 8}> {
            shape = Constant<value_ints = [3, 8, 2, 2]>()
            c = Conv(x, w)
            y = Expand(c, shape)
        }"""),
    "places_of_windows_of_one_element": Case(
        """(float[2, 3, H, 7] x) => (float[2, 3, A, 7] y, int64[2, 3, A, 7] places) {
            y, places = MaxPool<kernel_shape = [1, 1], strides = [2, 1]>(x)
        }""",
        22,
    ),
    "sizes_of_32_bits": Case(
        """(float[N, H, 3, 8] x) => (float[N, H, 4, 4] y) <int32[2] sizes = {4, 4}> {
            y = CenterCropPad<axes = [-2, -1]>(x, sizes)
        }""",
        28,
    ),
    "places_in_a_cache_of_a_batch_with_another_name": Case(
        """(float[N, 2, 6, 3] cache, float[M, 2, 2, 3] update, int64[K] places) => (float[N, 2, 6, 3] y) {
            y = TensorScatter(cache, update, places)
        }""",
        24,
        {"update": (_floats(2, 2, 2, 3), _floats(3, 2, 2, 3)), "places": (np.array([0, 4]), np.array([1, 0, 3]))},
    ),
    "distinct_strings": Case(
        """(string[H] x) => (string[A] y, int64[A] first, int64[H] inverse, int64[A] counts, string[B] z) {
            y, first, inverse, counts = Unique(x)
            z = Unique<sorted = 0>(x)
        }""",
        25,
    ),
    "hyperbolic_functions_of_four": Case(
        "(float[1, 4] x, double[1, 4] z) => (float[1, 4] a, float[1, 4] b, double[1, 4] c, double[1, 4] d)"
        "{ a = Sinh(x) b = Cosh(x) c = Sinh(z) d = Cosh(z) }",
        22,
    ),
    "constants_without_elements_alone": Case(
        """(int64 x) => (seq(int64[A]) y) {
            s = SequenceConstruct(x)
            t, y = SequenceMap(s) <body = element (int64 a) => (int64 b, int64[C] c) { b = Identity(a) c = Shape(b) }>
        }""",
        25,
    ),
}
