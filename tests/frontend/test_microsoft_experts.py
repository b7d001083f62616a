"""MoE and QMoE (com.microsoft) against ONNX Runtime, where that has a kernel for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.frontend.test_microsoft import check
from tests.frontend.test_microsoft_plain import close, evaluate
from tests.frontend.test_nn_converters import floats

TOKENS, WIDTH, EXPERTS, INNER = 5, 8, 4, 6

Array = np.ndarray


def _inputs(inner: int) -> list[Array | None]:
    x, scores = floats(TOKENS, WIDTH), floats(TOKENS, EXPERTS, scale=4.0)
    first = [floats(EXPERTS, inner, WIDTH), floats(EXPERTS, inner)]
    return [x, scores, *first, floats(EXPERTS, WIDTH, INNER), floats(EXPERTS, WIDTH)]


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu", "identity"])
@pytest.mark.parametrize("normalised", [0, 1])
def test_experts(activation: str, normalised: int) -> None:
    options: dict[str, Any] = {"k": 2, "activation_type": activation, "normalize_routing_weights": normalised}
    check("MoE", _inputs(INNER), compiled=activation == "silu", **options)
    x, scores, first, _, second, _ = _inputs(INNER)
    assert x is not None
    check("MoE", [x[None], scores, first, None, second], **{**options, "k": 1})


@pytest.mark.parametrize("limit", [None, 0.3])
def test_gated_experts(limit: float | None) -> None:
    options: dict[str, Any] = {"activation_type": "swiglu", "activation_alpha": 1.7, "activation_beta": 1.0, "k": 2}
    inputs = _inputs(2 * INNER)
    check("MoE", inputs, swiglu_fusion=1, swiglu_limit=limit, normalize_routing_weights=1, **options)
    # The same, with gates and values behind each other, or of two layers, which ONNX Runtime has for CUDA alone.
    x, scores, weights, bias, *second = inputs
    assert weights is not None and bias is not None
    more: dict[str, Any] = {} if limit is None else {"swiglu_limit": limit}
    (wanted,) = evaluate("MoE", inputs, swiglu_fusion=1, **options, **more)
    order = [*range(0, 2 * INNER, 2), *range(1, 2 * INNER, 2)]
    parted = [x, scores, weights[:, order].copy(), bias[:, order].copy(), *second]
    close(evaluate("MoE", parted, swiglu_fusion=2, **options, **more)[0], wanted)
    halves = [[a[:, k::2].copy() for a in (weights, bias)] for k in (0, 1)]
    close(evaluate("MoE", [x, scores, *halves[0], *second, *halves[1]], **options, **more)[0], wanted)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("block", [None, 16])
@pytest.mark.parametrize("zeros", [False, True])
def test_quantised_experts(bits: int, block: int | None, zeros: bool) -> None:
    random, width, inner = np.random.default_rng(bits), 32, 32
    inputs: list[Array | None] = [floats(TOKENS, width), floats(TOKENS, EXPERTS, scale=4.0)]
    points: list[Array | None] = []
    for rows, depth in ((2 * inner, width), (width, inner)):
        blocks = () if block is None else (depth // block,)
        inputs.append(random.integers(0, 256, (EXPERTS, rows, depth * bits // 8)).astype(np.uint8))
        inputs.append(random.uniform(0.01, 0.05, (EXPERTS, rows, *blocks)).astype(np.float32) * 2.0 ** (4 - bits))
        inputs.append(floats(EXPERTS, rows))
        shape = (rows, blocks[0] * bits // 8) if blocks else (rows * bits // 8,)
        points.append(random.integers(0, 256, (EXPERTS, *shape)).astype(np.uint8))
    if zeros:
        inputs += [None, None, None, *points]
    constant = tuple(k for k in range(2, len(inputs)) if inputs[k] is not None)
    options: dict[str, Any] = {"activation_type": "swiglu", "swiglu_fusion": 1, "k": 2, "expert_weight_bits": bits}
    # ONNX Runtime quantises the data of 8-bit experts in blocks, too.
    tolerance = 5e-2 if bits == 8 and block else 1e-4
    check("QMoE", inputs, constant=constant, block_size=block, tolerance=tolerance, compiled=zeros, **options)
