"""Models of ai.onnx.ml nodes, and what ONNX Runtime and the onnx package's evaluator say of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper
from onnx.reference import ReferenceEvaluator

import onnxc

#: A node: operator, inputs, outputs, attributes.
NodeText = tuple[str, Sequence[str], Sequence[str], dict[str, Any]]


def model_of(
    nodes: Sequence[NodeText], inputs: Mapping[str, np.ndarray], outputs: Mapping[str, Any], opset: int = 3
) -> onnx.ModelProto:
    """A model whose first dimension is a symbol; outputs are given with their element types."""
    made = [helper.make_node(op, i, o, domain="ai.onnx.ml", **attributes) for op, i, o, attributes in nodes]
    graph = helper.make_graph(
        made,
        "graph",
        [helper.make_tensor_value_info(n, element(a.dtype), ["N", *a.shape[1:]]) for n, a in inputs.items()],
        [helper.make_tensor_value_info(name, element(dtype), None) for name, dtype in outputs.items()],
    )
    versions = [helper.make_opsetid("", 19), helper.make_opsetid("ai.onnx.ml", opset)]
    return helper.make_model(graph, ir_version=9, opset_imports=versions)


def element(dtype: Any) -> int:
    """ONNX's number of an element type; `str` is strings."""
    if np.dtype(dtype).kind in "OU":
        return onnx.TensorProto.STRING
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def compiled(model: onnx.ModelProto, inputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    with onnxc.compile(model, jobs=1) as loaded:
        return loaded.run(dict(inputs))


def by_onnxruntime(model: onnx.ModelProto, inputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, dict(inputs)), strict=True))


def by_reference(model: onnx.ModelProto, inputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    names = [o.name for o in model.graph.output]
    return dict(zip(names, ReferenceEvaluator(model).run(None, dict(inputs)), strict=True))


def check(got: Mapping[str, Any], want: Mapping[str, Any], tolerance: float = 1e-5) -> None:
    """Each wanted output is there, with its type, shape and values."""
    for name, expected in want.items():
        found, expected = np.asarray(got[name]), np.asarray(expected)
        assert found.shape == expected.shape, (name, found.shape, expected.shape)
        if expected.dtype.kind in "OU":
            assert found.tolist() == expected.tolist(), name
            continue
        assert found.dtype == expected.dtype, (name, found.dtype, expected.dtype)
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance, err_msg=name)
