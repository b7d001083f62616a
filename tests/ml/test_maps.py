"""Maps: dicts in Python; in C their keys and values, or, as outputs, a matrix whose rows they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import onnxc
from onnxc.runtime_stub.errors import InputError
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


def map_model(operator: str, key: int, element: int, result: int, **attributes: Any) -> onnx.ModelProto:
    value = helper.make_value_info("x", helper.make_map_type_proto(key, helper.make_tensor_type_proto(element, [])))
    node = helper.make_node(operator, ["x"], ["y"], domain="ai.onnx.ml", **attributes)
    graph = helper.make_graph([node], "g", [value], [helper.make_tensor_value_info("y", result, None)])
    versions = [helper.make_opsetid("", 19), helper.make_opsetid("ai.onnx.ml", 1)]
    return helper.make_model(graph, ir_version=9, opset_imports=versions)


FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING

#: Operator, types of key, value and result, attributes, the map, and the row.
MAPS = [
    (
        "DictVectorizer",
        STRING,
        FLOAT,
        FLOAT,
        {"string_vocabulary": ["a", "c", "b", "z"]},
        {"c": 8.0, "a": 4.0},
        [4, 8, 0, 0],
    ),
    ("DictVectorizer", INT64, STRING, STRING, {"int64_vocabulary": [5, 1]}, {1: "one", 7: "none"}, ["", "one"]),
    ("CastMap", INT64, FLOAT, FLOAT, {}, {7: 0.5, -1: 2.5}, [2.5, 0.5]),
    (
        "CastMap",
        INT64,
        FLOAT,
        INT64,
        {"cast_to": "TO_INT64", "map_form": "SPARSE", "max_map": 4},
        {3: 9.0, 1: 2.0},
        [0, 2, 0, 9],
    ),
    ("CastMap", INT64, STRING, FLOAT, {}, {2: "2.5", 1: "-1e3"}, [-1000, 2.5]),
    ("CastMap", INT64, FLOAT, STRING, {"cast_to": "TO_STRING"}, {2: 2.5}, ["2.5"]),
]


@pytest.mark.parametrize("case", MAPS, ids=[f"{c[0]}{i}" for i, c in enumerate(MAPS)])
def test_maps_as_inputs(case: Any) -> None:
    operator, key, element, result, attributes, entries, expected = case
    with onnxc.compile(map_model(operator, key, element, result, **attributes), jobs=1) as model:
        assert model({"x": entries})["y"].tolist() == model(x=entries)["y"].tolist() == [expected]
        assert [tensor.name for tensor in model.inputs] == ["x.keys", "x.values"]
        # An empty map gives zeros (or empty strings), or as many values as it has: none.
        nothing = model(x={})["y"]
        assert (
            nothing.shape == (1, 0)
            if attributes.get("map_form", "DENSE") == "DENSE" and operator == "CastMap"
            else not any(nothing[0])
        )
        with pytest.raises(InputError, match="expected a dict"):
            model(x=[1])


def test_a_map_that_goes_through_is_refused() -> None:
    value = helper.make_map_type_proto(STRING, helper.make_tensor_type_proto(FLOAT, []))
    node = helper.make_node("Identity", ["x"], ["y"])
    ends = [helper.make_value_info(name, value) for name in ("x", "y")]
    graph = helper.make_graph([node], "g", ends[:1], ends[1:])
    with pytest.raises(onnxc.CompileError, match="the output is the map that is an input"):
        onnxc.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)]))
