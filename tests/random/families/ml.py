"""ai.onnx.ml: trees, linear models, features, labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import numpy_helper

from tests.random.graph import Builder, need
from tests.random.registry import generator
from tests.random.values import DOUBLE, FLOAT, INT32, INT64, STRING, Value

ML = "ai.onnx.ml"


def features(g: Builder, columns: int = 0, types: tuple[int, ...] = (FLOAT, FLOAT, DOUBLE, INT64, INT32)) -> Value:
    """Rows of a table."""
    found = [
        v
        for v in g.tensors()
        if v.element in types and v.rank == 2 and v.fixed(1) and v.shape[1] > 0 and columns in (0, v.shape[1])
    ]
    if found and g.choose((True, False)):
        return g.choose(found)  # type: ignore[no-any-return]
    return g.fresh(g.choose(types), [g.choose((1, "N", 40)), columns or g.choose((1, 3, 5))], style=0)


def _floats(g: Builder, count: int, low: float = -1.0, high: float = 1.0) -> list[float]:
    return [float(np.float32(v)) for v in g.random.uniform(low, high, count)]


def node(g: Builder, op: str, inputs: list[Any], outputs: int = 1, **attrs: Any) -> list[Value]:
    return g.node(op, inputs, outputs, domain=ML, **attrs)


@generator("ArrayFeatureExtractor", domain=ML)
def columns(g: Builder, op: str) -> object:
    x = g.pick((FLOAT, INT64, DOUBLE, INT32, STRING), (1, 3), lambda v: v.least(v.rank - 1) > 0)
    indices = np.array([g.choose(range(x.least(x.rank - 1))) for _ in range(g.choose((1, 2)))])
    return node(g, op, [x, g.given(indices)])


@generator("Binarizer", domain=ML)
def binary(g: Builder, op: str) -> object:
    return node(g, op, [g.pick((FLOAT, DOUBLE, INT64, INT32))], threshold=g.choose((None, 0.25)))


@generator("Scaler", domain=ML)
def scaler(g: Builder, op: str) -> object:
    x = features(g)
    count = x.shape[1]
    return node(g, op, [x], offset=_floats(g, count), scale=_floats(g, count, 0.5, 2))


@generator("Normalizer", domain=ML)
def normalizer(g: Builder, op: str) -> object:
    x = features(g)
    (x,) = g.node("Abs", [x])
    (x,) = g.node("Add", [x, np.array(1, x.dtype)])
    return node(g, op, [x], norm=g.choose(("MAX", "L1", "L2")))


@generator("Imputer", domain=ML)
def imputer(g: Builder, op: str) -> object:
    x = features(g, types=(FLOAT, INT64))
    if x.element == FLOAT:
        values = _floats(g, g.choose((1, x.shape[1])))
        return node(g, op, [x], imputed_value_floats=values, replaced_value_float=g.choose((0.0, 1.0)))
    values = [g.choose((7, 8)) for _ in range(g.choose((1, x.shape[1])))]
    return node(g, op, [x], imputed_value_int64s=values, replaced_value_int64=g.choose((0, 1)))


@generator("FeatureVectorizer", domain=ML)
def joined(g: Builder, op: str) -> object:
    x = features(g, types=(FLOAT,))
    others = [v for v in g.tensors() if v.element == FLOAT and v.rank == 2 and v.fixed(1)]
    others = [v for v in others if [s[0] for s in v.shapes] == [s[0] for s in x.shapes]]
    chosen = [x, *([g.choose(others)] if others else [])]
    return node(g, op, chosen, inputdimensions=[v.shape[1] for v in chosen])


@generator("LabelEncoder", domain=ML)
def labels(g: Builder, op: str) -> object:
    kind = g.choose(("string_int", "int_string", "int_float", "float_int", "string_string", "int_int"))
    given, wanted = kind.split("_")
    element = {"string": STRING, "int": INT64, "float": FLOAT}
    table: dict[str, list[Any]] = {
        "string": ["a", "the", "", "B"],
        "int": [0, 1, -2, 4],
        "float": [0.0, 1.0, -0.5, 2.0],
    }
    x = g.pick((element[given],))
    suffix = {"string": "strings", "int": "int64s", "float": "floats"}
    default = {"string": "none", "int": -9, "float": -0.25}
    attrs: dict[str, Any] = {f"keys_{suffix[given]}": table[given], f"values_{suffix[wanted]}": table[wanted][::-1]}
    attrs["default_" + suffix[wanted][:-1]] = g.choose((None, default[wanted]))
    need(g.shared.ml_opset >= 2)
    return node(g, op, [x], **attrs)


@generator("OneHotEncoder", domain=ML)
def one_hot(g: Builder, op: str) -> object:
    text = g.choose((True, False))
    x = g.pick((STRING,) if text else (INT64, INT32), (1, 2))
    categories: dict[str, Any] = {"cats_strings": ["a", "the", "B"]} if text else {"cats_int64s": [0, 1, 2, -1, 3, -2]}
    return node(g, op, [x], zeros=1, **categories)


@generator("CategoryMapper", domain=ML)
def categories(g: Builder, op: str) -> object:
    x = g.pick((g.choose((STRING, INT64)),))
    attrs: dict[str, Any] = {"cats_strings": ["a", "the", "B"], "cats_int64s": [0, 1, 2]}
    return node(g, op, [x], default_int64=g.choose((None, 5)), default_string=g.choose((None, "none")), **attrs)


@generator("LinearRegressor", domain=ML)
def linear(g: Builder, op: str) -> object:
    x = features(g)
    targets = g.choose((1, 3))
    return node(
        *(g, op, [x]),
        coefficients=_floats(g, targets * x.shape[1]),
        intercepts=_floats(g, targets) if g.choose((True, False)) else None,
        targets=targets,
        post_transform=g.choose((None, "NONE")),
    )


@generator("LinearClassifier", domain=ML)
def linear_classes(g: Builder, op: str) -> object:
    x = features(g)
    count = 3
    names: dict[str, Any] = (
        {"classlabels_strings": ["a", "b", "c"]} if g.choose((True, False)) else {"classlabels_ints": [5, 7, 2]}
    )
    post = g.choose((None, "NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO"))
    return node(
        *(g, op, [x], 2),
        coefficients=_floats(g, count * x.shape[1]),
        intercepts=_floats(g, count),
        post_transform=post,
        multi_class=g.choose((0, 1)),
        **names,
    )


@generator("SVMRegressor", domain=ML)
def vectors(g: Builder, op: str) -> object:
    x = features(g, types=(FLOAT,))
    kernel, count = g.choose(("LINEAR", "POLY", "RBF", "SIGMOID")), 3
    return node(
        *(g, op, [x]),
        kernel_type=kernel,
        kernel_params=[0.25, 0.5, 2.0],
        n_supports=count,
        support_vectors=_floats(g, count * x.shape[1]),
        coefficients=_floats(g, count),
        rho=_floats(g, 1),
    )


def trees(g: Builder, columns: int, modes: tuple[str, ...]) -> tuple[dict[str, Any], list[tuple[int, int]]]:
    """Attributes of random trees, and their leaves by tree and node."""
    attrs: dict[str, list[Any]] = {}
    leaves = []

    def row(tree: int, node: int, mode: str, feature: int = 0, value: float = 0.0, yes: int = 0, no: int = 0) -> None:
        fields = {"treeids": tree, "nodeids": node, "modes": mode, "featureids": feature, "values": value}
        fields |= {"truenodeids": yes, "falsenodeids": no, "missing_value_tracks_true": int(g.choose((0, 1)))}
        for name, entry in fields.items():
            attrs.setdefault(f"nodes_{name}", []).append(entry)

    for tree in range(g.choose((1, 2, 5))):
        depth = g.choose((0, 1, 3))
        inner = 2**depth - 1
        for number in range(2 * inner + 1):
            if number < inner:
                value = float(g.choose((-0.5, 0.0, 0.5, 1.0)))
                row(tree, number, g.choose(modes), g.choose(range(columns)), value, 2 * number + 1, 2 * number + 2)
            else:
                row(tree, number, "LEAF")
                leaves.append((tree, number))
    return attrs, leaves


@generator("TreeEnsembleRegressor", domain=ML)
def regression(g: Builder, op: str) -> object:
    x = features(g)
    need(g.shared.ml_opset < 5)
    attrs, leaves = trees(g, x.shape[1], ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GT", "BRANCH_EQ"))
    targets = g.choose((1, 2))
    return node(
        *(g, op, [x]),
        target_treeids=[tree for tree, _ in leaves],
        target_nodeids=[number for _, number in leaves],
        target_ids=[g.choose(range(targets)) for _ in leaves],
        target_weights=_floats(g, len(leaves)),
        n_targets=targets,
        aggregate_function=g.choose((None, "SUM", "AVERAGE")),
        base_values=g.choose((None, _floats(g, targets))),
        **attrs,
    )


@generator("TreeEnsembleClassifier", domain=ML)
def classification(g: Builder, op: str) -> object:
    x = features(g)
    need(g.shared.ml_opset < 5)
    attrs, leaves = trees(g, x.shape[1], ("BRANCH_LEQ", "BRANCH_GTE"))
    return node(
        *(g, op, [x], 2),
        # All classes have weights: of models where only one has, there are several readings.
        class_treeids=[tree for tree, _ in leaves for _ in range(3)],
        class_nodeids=[number for _, number in leaves for _ in range(3)],
        class_ids=[number for _ in leaves for number in range(3)],
        class_weights=_floats(g, 3 * len(leaves)),
        classlabels_int64s=[3, 1, 2],
        post_transform=g.choose((None, "NONE", "SOFTMAX", "LOGISTIC")),
        **attrs,
    )


@generator("TreeEnsemble", domain=ML)
def ensemble(g: Builder, op: str) -> object:
    x = features(g, types=(FLOAT, DOUBLE))
    need(g.shared.ml_opset >= 5)
    splits = numpy_helper.from_array(np.array([0.25, -0.5], x.dtype), "splits")
    weights = numpy_helper.from_array(g.random.uniform(-1, 1, 3).astype(x.dtype), "weights")
    modes = numpy_helper.from_array(np.array([g.choose((0, 1, 2, 3)) for _ in range(2)], np.uint8), "modes")
    return node(
        *(g, op, [x]),
        tree_roots=[0],
        n_targets=2,
        aggregate_function=g.choose((None, 0, 1)),
        nodes_splits=splits,
        nodes_featureids=[0, x.shape[1] - 1],
        nodes_modes=modes,
        nodes_truenodeids=[1, 0],
        nodes_falsenodeids=[2, 1],
        nodes_trueleafs=[0, 1],
        nodes_falseleafs=[1, 1],
        leaf_targetids=[0, 1, 0],
        leaf_weights=weights,
    )
