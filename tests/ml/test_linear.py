"""Linear classifiers and regressors against ONNX Runtime, all post-transforms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.ml.graphs import NodeText, by_onnxruntime, by_reference, check, compiled, model_of

X = np.random.default_rng(2).standard_normal((5, 3)).astype(np.float32)
COEFFICIENTS = [0.3, 0.2, 0.5, -0.3, 0.25, 0.1, 0.7, -0.6, 0.4]
TRANSFORMS = ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"]


def nodes_of(transform: str) -> list[NodeText]:
    post: dict[str, Any] = {"post_transform": transform}
    three = {"coefficients": COEFFICIENTS, "intercepts": [0.1, 0.0, -0.2]}
    one = {"coefficients": COEFFICIENTS[:3], "intercepts": [0.1]}
    end = transform.lower()
    return [
        ("LinearRegressor", ["x"], [f"r3_{end}"], {**three, **post, "targets": 3}),
        ("LinearRegressor", ["x"], [f"r1_{end}"], {**one, **post, "targets": 1}),
        ("LinearClassifier", ["x"], [f"l3_{end}", f"s3_{end}"], {**three, **post, "classlabels_ints": [4, 7, 2]}),
        ("LinearClassifier", ["x"], [f"l2_{end}", f"s2_{end}"], {**one, **post, "classlabels_ints": [4, 7]}),
    ]


def types_of(nodes: list[NodeText]) -> dict[str, Any]:
    return {o: np.int64 if o.startswith("l") else np.float32 for _, _, outputs, _ in nodes for o in outputs}


def test_linear_models_agree_with_onnxruntime() -> None:
    nodes = [node for transform in TRANSFORMS for node in nodes_of(transform)]
    model = model_of(nodes, {"x": X}, types_of(nodes), opset=1)
    check(compiled(model, {"x": X}), by_onnxruntime(model, {"x": X}))


@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.int32])
def test_linear_models_of_other_numbers(dtype: Any) -> None:
    nodes = nodes_of("NONE")[2:]
    x = (X * 3).astype(dtype)
    model = model_of(nodes, {"x": x}, types_of(nodes), opset=1)
    check(compiled(model, {"x": x}), by_onnxruntime(model, {"x": x}))


def test_probit_is_the_references() -> None:
    """Of what is no probability, it is NaN."""
    x = np.abs(X) / 4
    attributes = {"coefficients": [1.0, 0, 0, 0, 1, 0], "intercepts": [0.0, 0.0], "post_transform": "PROBIT"}
    node = ("LinearClassifier", ["x"], ["label", "score"], {**attributes, "classlabels_ints": [0, 1]})
    model = model_of([node], {"x": x}, {"label": np.int64, "score": np.float32}, opset=1)
    check({"score": compiled(model, {"x": x})["score"]}, {"score": by_reference(model, {"x": x})["score"]}, 1e-4)
