"""ai.onnx.ml's operators on features, whole models of them at once."""

from __future__ import annotations

import numpy as np
import pytest

from onnxc.runtime_stub.errors import RunError
from tests.ml.graphs import NodeText, by_onnxruntime, by_reference, check, compiled, model_of

RANDOM = np.random.default_rng(1)
X: np.ndarray = RANDOM.standard_normal((4, 3)).astype(np.float32)
X[1] = 0
X[2, 1] = np.nan
WHOLE: np.ndarray = RANDOM.integers(-3, 4, (4, 3))


def test_features_agree_with_onnxruntime() -> None:
    nodes: list[NodeText] = [
        ("Scaler", ["x"], ["scaled"], {"offset": [0.5, 1.0, -2.0], "scale": [2.0, 0.25, 3.0]}),
        ("Scaler", ["i"], ["scaled_whole"], {"offset": [0.5], "scale": [2.0]}),
        ("Binarizer", ["clean"], ["above"], {"threshold": 0.25}),
        ("Imputer", ["x"], ["filled"], {"imputed_value_floats": [7.0], "replaced_value_float": float("nan")}),
        ("Imputer", ["x"], ["each"], {"imputed_value_floats": [7.0, 8.0, 9.0], "replaced_value_float": 0.0}),
        ("Imputer", ["i"], ["integers"], {"imputed_value_int64s": [11, 12, 13], "replaced_value_int64": 2}),
        ("Imputer", ["x"], ["clean"], {"imputed_value_floats": [0.5], "replaced_value_float": float("nan")}),
        ("Normalizer", ["clean"], ["longest"], {"norm": "MAX"}),
        ("Normalizer", ["clean"], ["manhattan"], {"norm": "L1"}),
        ("Normalizer", ["clean"], ["euclid"], {"norm": "L2"}),
        ("Normalizer", ["i"], ["of_integers"], {"norm": "L2"}),
        ("FeatureVectorizer", ["i", "i"], ["side"], {"inputdimensions": [3, 3]}),
        ("OneHotEncoder", ["i"], ["hot"], {"cats_int64s": [2, -1, 0]}),
    ]
    inputs: dict[str, np.ndarray] = {"x": X, "i": WHOLE}
    outputs = {name: np.int64 if name == "integers" else np.float32 for _, _, (name,), _ in nodes}
    model = model_of(nodes, inputs, outputs)
    check(compiled(model, inputs), by_onnxruntime(model, inputs))


def test_features_agree_with_the_reference() -> None:
    """Longer and shorter rows than said, and several columns at once."""
    columns = np.array([2, 0, 0], np.int64)
    nodes: list[NodeText] = [
        ("FeatureVectorizer", ["x", "x"], ["cut"], {"inputdimensions": [2, 5]}),
        ("ArrayFeatureExtractor", ["x", "columns"], ["columns_of"], {}),
        ("LabelEncoder", ["i"], ["floats"], {"keys_int64s": [1, -2, 3], "values_floats": [0.5, 1.5, 2.5]}),
        ("LabelEncoder", ["x"], ["codes"], {"keys_floats": [0.0, 0.5], "values_int64s": [4, 5], "default_int64": 9}),
    ]
    inputs: dict[str, np.ndarray] = {"x": X, "i": WHOLE, "columns": columns}
    outputs = {"cut": np.float32, "columns_of": np.float32, "floats": np.float32, "codes": np.int64}
    model = model_of(nodes, inputs, outputs)
    del model.graph.input[2].type.tensor_type.shape.dim[:]
    model.graph.input[2].type.tensor_type.shape.dim.add().dim_value = 3
    check(compiled(model, inputs), by_reference(model, inputs))


def test_label_encoder_finds_nan() -> None:
    attributes = {"keys_floats": [float("nan"), 0.0], "values_int64s": [1, 2], "default_int64": 0}
    model = model_of([("LabelEncoder", ["x"], ["y"], attributes)], {"x": X}, {"y": np.int64}, opset=4)
    assert compiled(model, {"x": X})["y"].tolist() == [[0, 0, 0], [2, 2, 2], [0, 1, 0], [0, 0, 0]]


def test_unknown_category_without_zeros_ends_the_run() -> None:
    model = model_of([("OneHotEncoder", ["i"], ["y"], {"cats_int64s": [2, 1], "zeros": 0})], {"i": WHOLE}, {"y": "f4"})
    known = np.array([[1, 2, 2]])
    assert compiled(model, {"i": known})["y"].tolist() == [[[0, 1], [1, 0], [1, 0]]]
    with pytest.raises(RunError, match="kernel"):
        compiled(model, {"i": WHOLE})
