"""Linear models of ai.onnx.ml."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..relay.expr import Atom
from ..relay.types import TensorType
from .ml_scores import (
    best_labels,
    class_labels,
    feature_rows,
    post_transform,
    threshold_labels,
    transform_kind,
    two_scores,
)
from .registry import Node, converter


def _scores(node: Node, count: int) -> Atom:
    """Rows times coefficients, plus intercepts, in float32."""
    x = feature_rows(node, "float32")
    coefficients = np.array(node.required_attr("coefficients"), np.float32)
    if count < 1 or coefficients.size % count:
        raise node.error(f"{coefficients.size} coefficients for {count} scores", expected="as many for each score")
    intercepts = np.array(node.attr("intercepts") or [0.0] * count, np.float32)
    if intercepts.size != count:
        raise node.error(f"{intercepts.size} intercepts for {count} scores", expected="one for each score")
    return node.call("nn.dense", x, node.constant(coefficients.reshape(count, -1)), node.constant(intercepts))


@converter("LinearRegressor", domain="ai.onnx.ml")
def convert_linear_regressor(node: Node) -> Atom:
    return post_transform(node, _scores(node, node.attr("targets", 1)), transform_kind(node))


@converter("LinearClassifier", domain="ai.onnx.ml")
def convert_linear_classifier(node: Node) -> Any:
    labels, kind = class_labels(node, "classlabels_ints"), transform_kind(node)
    features = node.type(0).shape[-1]
    given = len(node.attr("intercepts", ()))
    if not given and not isinstance(features, int):
        raise node.error("the number of features is not known", expected="intercepts, or a known number")
    count = given or len(node.required_attr("coefficients")) // max(int(str(features)), 1)
    scores = _scores(node, count)
    assert isinstance(scores.type, TensorType)
    if count > 1:
        if len(labels) != count:
            raise node.error(f"{len(labels)} labels for {count} scores", expected="a label for each score")
        return [best_labels(node, scores, labels), post_transform(node, scores, kind)]
    best = threshold_labels(node, scores, 0.0, labels)
    if len(labels) != 2:
        return [best, post_transform(node, scores, kind)]
    return [best, two_scores(node, scores, kind, "complement")]
