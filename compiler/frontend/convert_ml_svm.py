"""Support vector machines of ai.onnx.ml."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..relay.expr import Atom
from ..relay.types import TensorType
from .ml_scores import (
    best_labels,
    class_labels,
    feature_rows,
    pick_labels,
    post_transform,
    threshold_labels,
    transform_kind,
    two_scores,
)
from .registry import Node, converter

DOMAIN = "ai.onnx.ml"


class _Machine:
    """Coefficients and support vectors; without the latter the model is linear."""

    def __init__(self, node: Node, vectors: int) -> None:
        self._node, self.count = node, vectors
        self.coefficients = np.array(node.required_attr("coefficients"), np.float32)
        self.rho = np.array(node.attr("rho") or [0.0], np.float32)
        self._kernel = node.attr("kernel_type", "LINEAR") if vectors else "LINEAR"
        self._parameters = (*node.attr("kernel_params", ()), 0.0, 0.0, 0.0)[:3]
        entries = np.array(node.attr("support_vectors", ()), np.float32)
        if vectors and (not entries.size or entries.size % vectors):
            raise node.error(f"{entries.size} numbers for {vectors} support vectors", expected="as many for each")
        self._vectors = entries.reshape(vectors, -1) if vectors else entries

    def similarities(self, x: Atom) -> Atom:
        """The kernel of each row with each support vector."""
        node, (gamma, offset, degree) = self._node, self._parameters
        if self._kernel == "RBF":
            distance = node.call("ml.squared_distance", x, node.constant(np.ascontiguousarray(self._vectors.T)))
            return node.call("exp", node.call("multiply", distance, node.constant(-gamma, "float32")))
        product = node.call("nn.dense", x, node.constant(self._vectors))
        if self._kernel == "LINEAR":
            return product
        scaled = node.call("multiply", product, node.constant(gamma, "float32"))
        scaled = node.call("add", scaled, node.constant(offset, "float32"))
        if self._kernel == "SIGMOID":
            return node.call("tanh", scaled)
        if self._kernel != "POLY":
            raise node.error(f"kernel_type is '{self._kernel}'", expected="LINEAR, POLY, RBF or SIGMOID")
        if degree != int(degree) or not 0 <= degree <= 16:
            return node.call("power", scaled, node.constant(degree, "float32"))
        result = scaled
        for _ in range(int(degree) - 1):
            result = node.call("multiply", result, scaled)
        return result if degree else node.constant(1, "float32")


@converter("SVMRegressor", domain=DOMAIN)
def convert_svm_regressor(node: Node) -> Atom:
    machine = _Machine(node, node.attr("n_supports", 0))
    x = feature_rows(node, "float32")
    features = machine.similarities(x) if machine.count else x
    result = node.call("nn.dense", features, node.constant(machine.coefficients[None]), node.constant(machine.rho[:1]))
    if node.attr("one_class", 0):
        above = node.call("greater", result, node.constant(0, "float32"))
        return node.call("where", above, node.constant(1, "float32"), node.constant(-1, "float32"))
    return post_transform(node, result, transform_kind(node))


@converter("SVMClassifier", domain=DOMAIN)
def convert_svm_classifier(node: Node) -> Any:
    labels, kind = class_labels(node, "classlabels_ints"), transform_kind(node)
    sizes = node.attr("vectors_per_class", ())
    machine, classes = _Machine(node, sum(sizes)), len(labels)
    x = feature_rows(node, "float32")
    if not machine.count:
        return _linear(node, machine, x, labels, kind)
    if len(sizes) != classes or classes < 2:
        raise node.error(f"{len(sizes)} classes of support vectors, {classes} labels", expected="two or more of each")
    weights, ahead, against = _pairs(node, machine, sizes)
    if len(machine.rho) != len(weights):
        raise node.error(f"rho has {len(machine.rho)} numbers", expected=f"{len(weights)}, one per pair of classes")
    decisions = node.call("nn.dense", machine.similarities(x), node.constant(weights), node.constant(machine.rho))
    # A decision above 0 is a vote for the pair's first class, any other one for its second.
    won = node.cast(node.call("greater", decisions, node.constant(0, "float32")), "float32")
    votes = node.call("nn.dense", won, node.constant(ahead - against), node.constant(against.sum(axis=1)))
    label = pick_labels(node, node.call("argmax", votes, axis=1), labels)
    slopes, offsets = (np.array(node.attr(name, ()), np.float32) for name in ("prob_a", "prob_b"))
    if len(slopes):
        constants = (node.constant(slopes), node.constant(offsets))
        return [label, post_transform(node, node.call("ml.platt", decisions, *constants, classes=classes), kind)]
    if classes == 2:
        return [label, two_scores(node, decisions, kind, "negative" if kind == "NONE" else "complement")]
    return [label, post_transform(node, decisions, kind)]


def _pairs(node: Node, machine: _Machine, sizes: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each pair of classes the weights of all support vectors; and for each class, of which pairs it is the first,
    and of which the second."""
    classes, count = len(sizes), machine.count
    if machine.coefficients.size != (classes - 1) * count:
        raise node.error(f"{machine.coefficients.size} coefficients", expected=f"{(classes - 1) * count}")
    coefficients = machine.coefficients.reshape(classes - 1, count)
    ends = np.cumsum(sizes)
    places = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
    first, second = np.triu_indices(classes, 1)
    weights = np.zeros((len(first), count), np.float32)
    for pair, (i, j) in enumerate(zip(first, second, strict=True)):
        weights[pair, places[i]] = coefficients[j - 1, places[i]]
        weights[pair, places[j]] = coefficients[i, places[j]]
    numbers = np.arange(classes)[:, None]
    return weights, (first == numbers).astype(np.float32), (second == numbers).astype(np.float32)


def _linear(node: Node, machine: _Machine, x: Atom, labels: np.ndarray, kind: str) -> Any:
    classes = max(len(labels), 1)
    if machine.coefficients.size % classes:
        raise node.error(f"{machine.coefficients.size} coefficients", expected=f"as many for each of {classes} classes")
    rho = np.full(classes, machine.rho[0], np.float32)
    scores = node.call("nn.dense", x, node.constant(machine.coefficients.reshape(classes, -1)), node.constant(rho))
    assert isinstance(scores.type, TensorType)
    if classes == 1:
        return [threshold_labels(node, scores, 0.0, labels), post_transform(node, scores, kind)]
    return [best_labels(node, scores, labels), post_transform(node, scores, kind)]
