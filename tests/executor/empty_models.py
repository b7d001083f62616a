"""Small models on tensors without elements: dimensions of inputs that are 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from onnx.reference import ReferenceEvaluator

from tests.executor.models import SmallModel


class EmptyModel(SmallModel):
    """Compared with the reference evaluator: ONNX Runtime refuses some of these."""

    def expected(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        model = self.proto()
        with np.errstate(all="ignore"):
            results = ReferenceEvaluator(model).run(None, dict(inputs))
        return {value.name: np.asarray(r) for value, r in zip(model.graph.output, results, strict=True)}

    __hash__ = SmallModel.__hash__


def _sizes(*names: str, full: Sequence[int]) -> list[dict[str, int]]:
    """All dimensions as they are in `full`, then each by itself 0, then all."""
    whole = dict(zip(names, full, strict=True))
    return [whole, *({**whole, name: 0} for name in names), dict.fromkeys(names, 0)]


EMPTY_MODELS = [
    EmptyModel(
        "empty_reductions",
        """(float[N, M, 4] x) => (float[M, 4] s, float[N, 4] p, float m, float[N, M, 4] soft, float[N, M, 4] norm,
            float[A, M, 4] joined, float[4, M, N] turned, float[B, M, 4] tail, float[C, M, 4] last, float[N, M, 4] sums)
        <float[1, 1, 4] w = {1.0, 2.0, 3.0, 4.0}, int64[1] zero = {0}, int64[1] one = {1}, int64[1] two = {2},
         int64[1] far = {1000}, int64[1] back = {-1}, int64[1] before = {-1000}, int64 first = {0}> {
            y = Mul(x, w)
            s = ReduceSum<keepdims = 0>(y, zero)
            p = ReduceProd<keepdims = 0>(y, one)
            m = ReduceSumSquare<keepdims = 0>(y)
            soft = Softmax<axis = 1>(y)
            norm = LayerNormalization(y, w)
            joined = Concat<axis = 0>(x, y)
            turned = Transpose(y)
            tail = Slice(y, one, far, zero)
            last0 = Slice(y, back, far, zero)
            last = Slice(last0, back, before, zero, back)
            sums = CumSum(y, first)
        }""",
        sizes=_sizes("N", "M", full=(3, 2)),
        opset=18,
    ),
    EmptyModel(
        "empty_products",
        """(float[B, M, K] a, float[B, K, N] b, float[M, K] c) => (float[B, M, N] y, float[M, 8] g, float[B, M, 8] h) {
            y0 = MatMul(a, b)
            y = Relu(y0)
            ct = Transpose(c)
            d = MatMul(c, ct)
            g0 = MatMul(d, c)
            axis = Constant<value_ints = [-1]>()
            sum = ReduceSum<keepdims = 1>(g0, axis)
            g = Gemm(sum, row, bias)
            total = ReduceSum<keepdims = 1>(a, axis)
            h0 = MatMul(total, row)
            h = Add(h0, bias)
        }""",
        weights={"row": (1, 8), "bias": (8,)},
        sizes=_sizes("B", "M", "K", "N", full=(2, 5, 33, 17)),
        opset=13,
    ),
    EmptyModel(
        "empty_batch",
        """(float[N, 3, 8, 8] x) => (float[N, 5] y, float[N, 4, 4, 4] pooled) {
            a = Conv<pads = [1, 1, 1, 1]>(x, w0, b0)
            b = Relu(a)
            pooled = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(b)
            c = Conv<group = 4>(pooled, w1)
            d = ReduceMean<axes = [2, 3], keepdims = 0>(c)
            y = Gemm<transB = 1>(d, w2)
        }""",
        weights={"w0": (4, 3, 3, 3), "b0": (4,), "w1": (4, 1, 3, 3), "w2": (5, 4)},
        sizes=_sizes("N", full=(2,)),
    ),
    EmptyModel(
        "empty_steps",
        """(float[T, N, 3] x) => (float[T, 1, N, 4] y, float[1, N, 4] h, float[1, N, 4] c, float[T, 1, N, 4] z) {
            y, h, c = LSTM<hidden_size = 4>(x, w, r)
            z, last = GRU<hidden_size = 4>(x, w3, r3)
        }""",
        weights={"w": (1, 16, 3), "r": (1, 16, 4), "w3": (1, 12, 3), "r3": (1, 12, 4)},
        sizes=[{"T": 3, "N": 2}, {"T": 3, "N": 0}],
    ),
    EmptyModel(
        "empty_moves",
        """(float[N, 3] x, float[1, 3] row, int64[K] places) => (float[K, 3] g, float[N, 3] e, float[A, 3] t,
            float[B, 7] p, float[N, 6] r, float[N, 2] v, int64[N, 2] i, float[C, 3] b, int64[2, F] found, float[N, 3] w)
        <int64[1] nothing = {0}, int64[2] repeats = {2, 1}, int64[4] pads = {1, 2, 0, 2}, float value = {0.5},
         float[2] scales = {1.0, 2.0}, int64[1] k = {2}> {
            zeros = Mul(places, nothing)
            pair = Concat<axis = 0>(row, row)
            g = Gather(pair, zeros)
            shape = Shape(x)
            e = Expand(row, shape)
            t = Tile(x, repeats)
            p = Pad(x, pads, value)
            r = Resize<mode = "nearest">(x, , scales)
            v, i = TopK(x, k)
            b = Concat<axis = 0>(row, x, row)
            found = NonZero(x)
            positive = Greater(x, value)
            w = Where(positive, x, row)
        }""",
        sizes=_sizes("N", "K", full=(4, 2)),
    ),
]
