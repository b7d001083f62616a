"""What the classifiers and regressors of ai.onnx.ml share: rows of features, labels, and post-transforms of scores.

The specification leaves open what becomes of a classifier's only score, and of labels. Here it is what ONNX Runtime
does, which exporters write their models against; where that leaves numbers undefined, it is what ONNX's reference does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..relay.dimension import product
from ..relay.expr import Atom
from ..relay.types import TensorType
from .registry import Node

POST_TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")


def feature_rows(node: Node, dtype: str | None = None) -> Atom:
    """The first input as a matrix of rows of floats; one row of features may come as a vector.

    Floats of 64 bits stay, all other numbers become float32, unless an element type is named.
    """
    x = node.type(0)
    if x.rank == 0:
        raise node.error(f"input 0 is {x}", expected="rows of features")
    shape = (1, *x.shape) if x.rank == 1 else (x.shape[0], product(x.shape[1:]))
    kind = dtype or ("float64" if x.dtype == "float64" else "float32")
    return node.cast(node.reshape(node.input(0), shape), kind)


def class_labels(node: Node, integers: str) -> np.ndarray:
    """The classifier's labels; the attribute for integers has two names."""
    strings, numbers = node.attr("classlabels_strings", ()), node.attr(integers, ())
    if bool(strings) == bool(numbers):
        raise node.error(f"{len(strings)} labels are strings and {len(numbers)} integers", expected="one kind")
    return np.array(strings, object) if strings else np.array(numbers, np.int64)


def binary_labels(labels: np.ndarray) -> np.ndarray:
    """Labels for a score that is not, or is, above its threshold; with one label, or none, they are 0 and 1."""
    if len(labels) == 2:
        return labels
    return np.array(["0", "1"], object) if labels.dtype == object else np.array([0, 1], np.int64)


def pick_labels(node: Node, positions: Atom, labels: np.ndarray) -> Atom:
    """The label of each row, by its position."""
    if labels.dtype == np.int64 and np.array_equal(labels, np.arange(len(labels))):
        return node.cast(positions, "int64")
    return node.call("take", node.constant(labels, "string" if labels.dtype == object else "int64"), positions, axis=0)


def best_labels(node: Node, scores: Atom, labels: np.ndarray) -> Atom:
    """The label of each row's greatest score."""
    return pick_labels(node, node.call("argmax", scores, axis=1), labels)


def threshold_labels(node: Node, score: Atom, threshold: float, labels: np.ndarray) -> Atom:
    """Of two labels the second where the row's only score is above a threshold."""
    assert isinstance(score.type, TensorType)
    above = node.call("greater", score, node.constant(threshold, score.type.dtype))
    positions = node.cast(node.reshape(above, (score.type.shape[0],)), "int64")
    return pick_labels(node, positions, binary_labels(labels))


def transform_kind(node: Node) -> str:
    """The attribute `post_transform`, checked."""
    kind = node.attr("post_transform", "NONE")
    if kind not in POST_TRANSFORMS:
        raise node.error(f"post_transform is '{kind}'", expected=f"one of: {', '.join(POST_TRANSFORMS)}")
    return str(kind)


def post_transform(node: Node, scores: Atom, kind: str) -> Atom:
    """Scores of several classes or targets after their transform; a score alone knows PROBIT only."""
    assert isinstance(scores.type, TensorType)
    if kind == "PROBIT":
        return _probit(node, scores)
    if kind == "NONE" or scores.type.shape[-1] == 1:
        return scores
    if kind == "LOGISTIC":
        return node.call("sigmoid", scores)
    return node.call("nn.softmax", scores, axis=1) if kind == "SOFTMAX" else _softmax_zero(node, scores)


def two_scores(node: Node, score: Atom, kind: str, opposite: str) -> Atom:
    """Scores of both classes, transformed, out of that of the second one.

    Parameters
    ----------
    opposite : str
        What the first one has without a transform: ``complement``, 1 - score, or ``negative``, -score.
    """
    assert isinstance(score.type, TensorType)
    if kind in ("LOGISTIC", "PROBIT"):
        both = node.call("concatenate", node.call("negative", score), score, axis=1)
        return post_transform(node, both, kind)
    one = node.constant(1, score.type.dtype)
    first = node.call("subtract", one, score) if opposite == "complement" else node.call("negative", score)
    return node.call("concatenate", first, score, axis=1)


def _probit(node: Node, scores: Atom) -> Atom:
    """The normal distribution's quantile, by Winitzki's approximation of the inverse error function."""
    assert isinstance(scores.type, TensorType)
    dtype = scores.type.dtype

    def number(value: float) -> Any:
        return node.constant(value, dtype)

    x = node.call("subtract", node.call("multiply", scores, number(2)), number(1))
    inside = node.call("subtract", number(1), node.call("multiply", x, x))
    log = node.call("log", inside)
    half = node.call("add", node.call("multiply", log, number(0.5)), number(2 / (np.pi * 0.147)))
    square = node.call("subtract", node.call("multiply", half, half), node.call("multiply", log, number(1 / 0.147)))
    root = node.call("sqrt", node.call("subtract", node.call("sqrt", square), half))
    sign = node.call("where", node.call("less", x, number(0)), number(-1.41421356), number(1.41421356))
    zero = node.call("equal", inside, number(0))
    return node.call("where", zero, number(0), node.call("multiply", sign, root))


def _softmax_zero(node: Node, scores: Atom) -> Atom:
    """Softmax in which scores of 0 stay 0."""
    assert isinstance(scores.type, TensorType)
    dtype = scores.type.dtype
    most = node.call("max", scores, axis=(1,), keepdims=True)
    power = node.call("exp", node.call("subtract", scores, most))
    tiny = node.call("multiply", scores, node.call("exp", node.call("negative", most)))
    large = node.call("greater", node.call("abs", scores), node.constant(1e-7, dtype))
    terms = node.call("where", large, power, tiny)
    total = node.call("sum", terms, axis=(1,), keepdims=True)
    nothing = node.call("equal", total, node.constant(0, dtype))
    return node.call("where", nothing, node.constant(0.5, dtype), node.call("divide", terms, total))
