"""Sequences of maps as outputs: lists of dicts in Python, a matrix and its keys in C."""

from __future__ import annotations

import numpy as np

import onnxc
from tests.ml.graphs import NodeText, by_onnxruntime, model_of

X = np.array([[0.5, 0.25, 1], [2, 3, 4]], np.float32)


def test_zip_map_gives_dicts() -> None:
    nodes: list[NodeText] = [
        ("ZipMap", ["x"], ["numbers"], {"classlabels_int64s": [7, -1, 3]}),
        ("ZipMap", ["x"], ["words"], {"classlabels_strings": ["a", "é", ""]}),
        ("Scaler", ["x"], ["plain"], {"scale": [1.0], "offset": [0.0]}),
    ]
    model = model_of(nodes, {"x": X}, {"numbers": np.float32, "words": np.float32, "plain": np.float32}, opset=1)
    for output, key in zip(model.graph.output, (7, 8), strict=False):
        output.type.Clear()
        output.type.sequence_type.elem_type.map_type.key_type = key
        output.type.sequence_type.elem_type.map_type.value_type.tensor_type.elem_type = 1
    expected = by_onnxruntime(model, {"x": X})
    with onnxc.compile(model, jobs=1) as loaded:
        found = loaded(X)
        assert found["numbers"] == expected["numbers"] == [{7: 0.5, -1: 0.25, 3: 1}, {7: 2, -1: 3, 3: 4}]
        assert found["words"] == expected["words"] == [{"a": 0.5, "é": 0.25, "": 1}, {"a": 2, "é": 3, "": 4}]
        assert loaded.outputs[1].keys == ("a", "é", "") and loaded.outputs[2].keys == ()
        array = np.empty_like(X)
        assert loaded.run({"x": X}, {"words": array})["words"] is array
        np.testing.assert_array_equal(array, X)
