"""How many multiply-adds operators say that they take, against numbers that follow from their definition."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench.work import multiply_adds
from tests.executor.models import SmallModel
from tests.models.catalogue import bundled_models

CASES: dict[str, tuple[str, dict[str, tuple[int, ...]], int]] = {
    # results x input channels of a group x window
    "convolution": ("(float[2, 4, 8, 8] x) => (float y) { y = Conv(x, w) }", {"w": (6, 4, 3, 3)}, 2 * 6 * 36 * 36),
    "groups": ("(float[1, 4, 8, 8] x) => (float y) { y = Conv<group = 2>(x, w) }", {"w": (6, 2, 3, 3)}, 6 * 36 * 18),
    # inputs x output channels of a group x window
    "transposed": ("(float[1, 4, 5, 5] x) => (float y) { y = ConvTranspose(x, w) }", {"w": (4, 3, 2, 2)}, 100 * 12),
    "dense": ("(float[N, 6] x) => (float y) { y = Gemm<transB = 1>(x, w) }", {"w": (5, 6)}, 3 * 6 * 5),
    "product": ("(float[2, N, 6] x, float[2, 6, 4] w) => (float y) { y = MatMul(x, w) }", {}, 2 * 3 * 6 * 4),
    "elementwise": ("(float[N, 6] x) => (float y) { y = Exp(x) }", {}, 0),
    # the branch with more
    "branches": (
        "(float[3, 3] x, bool c) => (float y) { y = If(c)<then_branch = a () => (p) { p = MatMul(x, x) },"
        " else_branch = b () => (q) { h = MatMul(x, x) q = MatMul(h, x) }> }",
        {},
        2 * 27,
    ),
    # gates: input and recurrence
    "lstm": (
        "(float[5, 2, 3] x) => (float y) { y = LSTM<hidden_size = 4>(x, w, r) }",
        {"w": (1, 16, 3), "r": (1, 16, 4)},
        5 * 2 * 16 * (3 + 4),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_multiply_adds(name: str) -> None:
    text, weights, expected = CASES[name]
    model = SmallModel(name, text, weights).proto()
    shapes = {
        value.name: [3 if dim.dim_param else dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in model.graph.input
    }
    assert multiply_adds(model, {key: np.zeros(shape, np.float32) for key, shape in shapes.items()}) == expected


def test_a_whole_model() -> None:
    """ResNet8 has 12.5 million, as the MLPerf Tiny benchmark says."""
    case = next(case for case in bundled_models() if case.name == "resnet8_cifar")
    assert multiply_adds(case.load(), case.feeds()[0]) == 12_501_632
