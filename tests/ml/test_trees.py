"""Decision trees against ONNX Runtime: all modes, aggregates and transforms, few rows and many."""

from __future__ import annotations

import platform
from typing import Any

import numpy as np
import pytest
from onnx import numpy_helper

import onnxc
from onnxc.diagnostics import CompileError
from tests.ml.graphs import NodeText, by_onnxruntime, by_reference, check, compiled, model_of
from tests.ml.random_trees import halves, random_trees

FEATURES = 7
SIZES = (1, 5, 32, 100)


def agree(nodes: list[NodeText], outputs: dict[str, Any], rows: tuple[int, ...] = SIZES, dtype: Any = "f4") -> None:
    """One artifact agrees with ONNX Runtime for different numbers of rows."""
    model = model_of(nodes, {"x": halves(1, FEATURES).astype(dtype)}, outputs, opset=3)
    with onnxc.compile(model, jobs=1) as loaded:
        for count in rows:
            inputs = {"x": halves(count, FEATURES).astype(dtype)}
            check(loaded.run(inputs), by_onnxruntime(model, inputs))


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the targets are for x86-64")
@pytest.mark.parametrize("target", ["x86-64-v2", "x86-64-v3"])
def test_other_vectors(target: str) -> None:
    """Blocks of rows are done by the vectors that the target has."""
    trees = random_trees("target", trees=5, leaves=32, features=FEATURES, targets=1)
    model = model_of([regressor("y", **trees, n_targets=1)], {"x": halves(1, FEATURES)}, {"y": "f4"})
    inputs = {"x": halves(70, FEATURES)}
    with onnxc.compile(model, target=target, jobs=1) as loaded:
        check(loaded.run(inputs), by_onnxruntime(model, inputs))


def regressor(name: str, **attributes: Any) -> NodeText:
    return ("TreeEnsembleRegressor", ["x"], [name], attributes)


def classifier(name: str, **attributes: Any) -> NodeText:
    return ("TreeEnsembleClassifier", ["x"], [f"label_{name}", f"score_{name}"], attributes)


@pytest.mark.parametrize("leaves", [1, 2, 9, 40])
def test_every_mode(leaves: int) -> None:
    """Trees of few leaves are done by bits, those of many are walked."""
    trees = random_trees("target", trees=11, leaves=leaves, features=FEATURES, targets=1)
    agree([regressor("y", **trees, n_targets=1)], {"y": "f4"})


def test_aggregates_and_transforms() -> None:
    several = random_trees("target", trees=9, leaves=6, features=FEATURES, targets=3, pairs=3)
    base = [0.5, -0.25, 1.0]
    nodes = [
        regressor(f"{a}_{t}", **several, n_targets=3, base_values=base, aggregate_function=a, post_transform=t)
        for a, t in (("SUM", "LOGISTIC"), ("AVERAGE", "SOFTMAX"), ("MIN", "NONE"), ("MAX", "SOFTMAX_ZERO"))
    ]
    alone = random_trees("target", trees=10, leaves=5, features=FEATURES, targets=1)
    nodes += [regressor(f"one_{a}", **alone, n_targets=1, aggregate_function=a) for a in ("AVERAGE", "MIN", "MAX")]
    agree(nodes, {name: "f4" for _, _, (name,), _ in nodes})


def test_classifiers() -> None:
    """Many classes with a leaf for each or for all; two of which one has weights; one."""
    five = random_trees("class", trees=12, leaves=6, features=FEATURES, targets=5, pairs=5)
    lone = random_trees("class", trees=12, leaves=20, features=FEATURES, targets=1)
    positive = {**lone, "class_weights": np.abs(lone["class_weights"]).tolist()}
    second = {**lone, "class_ids": [1] * len(lone["class_ids"])}
    nodes = [
        classifier("five", **five, classlabels_int64s=[3, 1, 4, 15, 9], post_transform="SOFTMAX"),
        classifier("two", **lone, classlabels_int64s=[3, 1], post_transform="LOGISTIC"),
        classifier("raw", **lone, classlabels_int64s=[0, 1], base_values=[0.25]),
        classifier("sure", **positive, classlabels_int64s=[3, 1]),
        classifier("second", **second, classlabels_int64s=[3, 1], post_transform="LOGISTIC"),
        classifier("one", **lone, classlabels_int64s=[7]),
    ]
    types = {o: "i8" if o.startswith("label") else "f4" for _, _, outputs, _ in nodes for o in outputs}
    agree(nodes, types)


@pytest.mark.parametrize("dtype", ["f8", "i8", "i4"])
def test_other_inputs(dtype: str) -> None:
    trees = random_trees("class", trees=9, leaves=8, features=FEATURES, targets=3, modes=("BRANCH_LEQ", "BRANCH_GT"))
    nodes = [classifier("y", **trees, classlabels_int64s=[5, 1, 2], base_values=[0.5, 1.0, 0.0])]
    types = {"label_y": "i8", "score_y": "f4"}
    model = model_of(nodes, {"x": np.zeros((1, FEATURES), dtype)}, types, opset=1)
    inputs = {"x": np.nan_to_num(halves(40, FEATURES), posinf=9, neginf=-9).astype(dtype)}
    check(compiled(model, inputs), by_onnxruntime(model, inputs))


def test_thresholds_of_64_bits() -> None:
    trees = random_trees("target", trees=3, leaves=8, features=FEATURES, targets=1)
    for name in ("nodes_values", "target_weights"):
        array = np.array(trees.pop(name), np.float64)
        trees[f"{name}_as_tensor"] = numpy_helper.from_array(array, name)
    agree([regressor("y", **trees, n_targets=1)], {"y": "f4"}, dtype="f8")


def test_a_set_is_asked_for_with_nan_too() -> None:
    """Nodes of TreeEnsemble that ask for members of a set, with NaN to the true branch, and a tree of one leaf."""
    attributes = {
        "nodes_splits": numpy_helper.from_array(np.array([0, 0.5, 0], np.float32)),
        "nodes_featureids": [0, 1, 0],
        "nodes_modes": numpy_helper.from_array(np.array([6, 0, 0], np.uint8)),
        "nodes_truenodeids": [0, 1, 2],
        "nodes_falsenodeids": [1, 2, 2],
        "nodes_trueleafs": [1, 1, 1],
        "nodes_falseleafs": [0, 1, 1],
        "nodes_missing_value_tracks_true": [1, 0, 0],
        "leaf_targetids": [0, 1, 0, 1],
        "leaf_weights": numpy_helper.from_array(np.array([1, 2, 4, 8], np.float32)),
        "membership_values": numpy_helper.from_array(np.array([1.5, -1, 2.5, np.nan], np.float32)),
        "tree_roots": [0, 2],
        "n_targets": 2,
    }
    inputs = {"x": halves(50, 2)}
    model = model_of([("TreeEnsemble", ["x"], ["y"], attributes)], inputs, {"y": "f4"}, opset=5)
    check(compiled(model, inputs), by_reference(model, inputs))


def test_broken_trees_are_explained() -> None:
    trees = random_trees("target", trees=1, leaves=4, features=FEATURES, targets=1)

    def error(**changed: Any) -> str:
        node = regressor("y", **{**trees, **changed}, n_targets=1)
        with pytest.raises(CompileError) as caught:
            onnxc.compile(model_of([node], {"x": halves(1, FEATURES)}, {"y": "f4"}), jobs=1)
        return str(caught.value)

    assert "above itself" in error(nodes_truenodeids=[0] * 7)
    assert "has no node 99" in error(nodes_truenodeids=[99] * 7)
    assert "nodes_values has 1 entries" in error(nodes_values=[0.0])
    assert "target 1 of 1" in error(target_ids=[1] * 4)
    assert "the mode 'BRANCH_BENT'" in error(nodes_modes=["BENT"] * 7)
    assert "ask for feature 9" in error(nodes_featureids=[9] * 7)
