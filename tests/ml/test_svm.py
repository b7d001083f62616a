"""Support vector machines against ONNX Runtime: all kernels, votes, and probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from onnxc import op
from onnxc.relay.expr import Attrs
from tests.ml.graphs import NodeText, by_onnxruntime, by_reference, check, compiled, model_of

RANDOM = np.random.default_rng(3)
FEATURES = 3
X = RANDOM.standard_normal((9, FEATURES)).astype(np.float32)
KERNELS = ("LINEAR", "POLY", "RBF", "SIGMOID")


def numbers(*shape: int) -> list[float]:
    return RANDOM.standard_normal(shape).astype(np.float32).reshape(-1).tolist()


def run(nodes: list[NodeText], expected: Any = by_onnxruntime) -> None:
    types = {o: np.int64 if o.startswith("label") else np.float32 for _, _, outputs, _ in nodes for o in outputs}
    model = model_of(nodes, {"x": X}, types, opset=1)
    check(compiled(model, {"x": X}), expected(model, {"x": X}), 1e-4)


def test_regressors() -> None:
    vectors = 70  # more than two vectors of any processor
    common = {"rho": [0.1], "kernel_params": [0.4, 0.3, 2.0], "n_supports": vectors}
    data = {"coefficients": numbers(vectors), "support_vectors": numbers(vectors, FEATURES)}
    kinds = [(kernel, one) for kernel in KERNELS for one in (0, 1)]
    run(
        [
            ("SVMRegressor", ["x"], [f"{kernel}_{one}"], {**common, **data, "kernel_type": kernel, "one_class": one})
            for kernel, one in kinds
        ]
    )


def machine(classes: int, probabilities: bool, **more: Any) -> dict[str, Any]:
    sizes = [3, 2, 4, 1][:classes]
    vectors, pairs = sum(sizes), classes * (classes - 1) // 2
    attributes = {
        "coefficients": numbers(classes - 1, vectors),
        "support_vectors": numbers(vectors, FEATURES),
        "vectors_per_class": sizes,
        "rho": numbers(pairs),
        "kernel_params": [0.4, 0.3, 3.0],
        "kernel_type": "RBF",
        "classlabels_ints": [5, 7, 9, 11][:classes],
    }
    if probabilities:
        attributes |= {"prob_a": [-abs(a) for a in numbers(pairs)], "prob_b": numbers(pairs)}
    return {**attributes, **more}


def test_classifiers() -> None:
    cases = [
        (2, False, "NONE"),
        (2, False, "LOGISTIC"),
        (2, False, "SOFTMAX"),
        (2, True, "NONE"),
        (4, False, "NONE"),
        (4, False, "SOFTMAX"),
        (4, True, "NONE"),
        (3, True, "LOGISTIC"),
    ]
    run(
        [
            ("SVMClassifier", ["x"], [f"label{i}", f"score{i}"], machine(c, p, post_transform=t))
            for i, (c, p, t) in enumerate(cases)
        ]
    )


def test_linear_classifiers_agree_with_the_reference() -> None:
    """Models without support vectors, which ONNX Runtime refuses without parameters of a kernel."""
    cases = [(2, "SOFTMAX"), (3, "LOGISTIC")]
    run(
        [
            (
                "SVMClassifier",
                ["x"],
                [f"label{i}", f"score{i}"],
                {
                    "coefficients": numbers(c, FEATURES),
                    "rho": [0.25] * c,
                    "classlabels_ints": [5, 7, 9][:c],
                    "post_transform": t,
                },
            )
            for i, (c, t) in enumerate(cases)
        ],
        by_reference,
    )


def test_platts_probabilities_have_the_meaning_of_the_kernel() -> None:
    decisions = RANDOM.standard_normal((5, 6)).astype(np.float32)
    slopes, offsets = np.full(6, -1.5, np.float32), np.full(6, 0.25, np.float32)
    found = op.get("ml.platt").reference(Attrs(classes=4), decisions, slopes, offsets)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)
    assert (np.argmax(found, axis=1) == np.argmax(_wins(decisions), axis=1)).mean() >= 0.6


def _wins(decisions: np.ndarray) -> np.ndarray:
    first, second = np.triu_indices(4, 1)
    sure = 1 / (1 + np.exp(-1.5 * decisions))
    return np.stack([(sure * (first == c) + (1 - sure) * (second == c)).sum(axis=1) for c in range(4)], axis=1)
