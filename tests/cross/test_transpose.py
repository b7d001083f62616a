"""Permutations of axes and softmax along the first one with the vectors of 64-bit and of 32-bit ARM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from onnxc import targets
from onnxc.artifact.package import package
from onnxc.driver import Options, compile_model

from .qemu import compiler_for, run_library

#: Element type, shape, permutation: squares with and without a rest, neighbours apart and together, rows.
_MOVES = (
    (TensorProto.FLOAT, (19, 33), (1, 0)),
    (TensorProto.FLOAT, (3, 5, 21), (2, 1, 0)),
    (TensorProto.FLOAT, (37, 3), (1, 0)),
    (TensorProto.FLOAT, (3, 37), (1, 0)),
    (TensorProto.FLOAT, (4, 6, 7), (1, 0, 2)),
    (TensorProto.UINT8, (18, 35), (1, 0)),
    (TensorProto.INT16, (9, 24), (1, 0)),
    (TensorProto.INT64, (7, 6), (1, 0)),
    (TensorProto.BOOL, (17, 16), (1, 0)),
)


def _model() -> onnx.ModelProto:
    nodes, inputs, outputs = [], [], []
    for number, (dtype, shape, perm) in enumerate(_MOVES):
        nodes.append(helper.make_node("Transpose", [f"x{number}"], [f"y{number}"], perm=perm))
        inputs.append(helper.make_tensor_value_info(f"x{number}", dtype, shape))
        outputs.append(helper.make_tensor_value_info(f"y{number}", dtype, None))
    nodes.append(helper.make_node("Softmax", ["x0"], ["s"], axis=0))
    outputs.append(helper.make_tensor_value_info("s", TensorProto.FLOAT, None))
    graph = helper.make_graph(nodes, "moves", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


@pytest.mark.parametrize("name", ["aarch64", "arm"])
def test_moves_and_sums(name: str, tmp_path: Path) -> None:
    target = targets.find(name)
    compiler_for(target)
    random = np.random.default_rng(0)
    data = [
        random.integers(0, 2 if kind == TensorProto.BOOL else 100, shape).astype(helper.tensor_dtype_to_np_dtype(kind))
        for kind, shape, _ in _MOVES
    ]
    model = _model()
    feeds = {f"x{number}": array for number, array in enumerate(data)}
    wanted: list[Any] = list(ReferenceEvaluator(model).run(None, feeds))
    artifact = package(compile_model(model, target, Options(), "moves"), "so", tmp_path / "artifact")
    (tmp_path / "run").mkdir()
    found = run_library(artifact.path, target, data, tmp_path / "run")
    for result, expected in zip(found[:-1], wanted[:-1], strict=True):
        np.testing.assert_array_equal(result, expected)
    np.testing.assert_allclose(found[-1], wanted[-1], rtol=1e-5, atol=1e-30)
