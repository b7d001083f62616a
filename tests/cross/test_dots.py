"""Sums of products of bytes with ARM's instructions for them, at the ends of the ranges too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from onnxc import targets
from onnxc.artifact.package import package
from onnxc.driver import Options, compile_model
from onnxc.target import Target

from .qemu import compiler_for, run_library

_DOTPROD = targets.find("aarch64-dotprod")

#: The instruction that takes signed bytes only, and the one of unsigned with signed bytes.
_TARGETS = {
    "dotprod": _DOTPROD,
    "i8mm": replace(
        _DOTPROD,
        features=(*_DOTPROD.features, "+i8mm"),
        required_cpu_features=(*_DOTPROD.required_cpu_features, "i8mm"),
    ),
}


def _model(dense: np.ndarray, depthwise: np.ndarray) -> onnx.ModelProto:
    """ConvInteger, whose sums come out as they are; a padded one, and one for each channel alone."""
    channels = dense.shape[1]
    graph = helper.make_graph(
        [
            helper.make_node("ConvInteger", ["x", "dense", "z"], ["y"], pads=[1, 1, 1, 1]),
            helper.make_node("ConvInteger", ["x", "depthwise", "z"], ["d"], group=channels),
        ],
        "dots",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [1, channels, 6, 7])],
        [helper.make_tensor_value_info(name, TensorProto.INT32, None) for name in "yd"],
        [
            numpy_helper.from_array(dense, "dense"),
            numpy_helper.from_array(depthwise, "depthwise"),
            numpy_helper.from_array(np.array(3, np.uint8), "z"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 10)], ir_version=10)


@pytest.mark.parametrize("target", _TARGETS.values(), ids=_TARGETS)
@pytest.mark.parametrize("extreme", [False, True])
def test_sums_are_exact(target: Target, extreme: bool, tmp_path: Path) -> None:
    compiler_for(target)
    random = np.random.default_rng(0)
    if extreme:
        data = random.choice(np.array([0, 255], np.uint8), (1, 16, 6, 7))
        dense, depthwise = (
            random.choice(np.array([-128, 127], np.int8), shape) for shape in ((16, 16, 3, 3), (16, 1, 3, 3))
        )
    else:
        data = random.integers(0, 256, (1, 16, 6, 7)).astype(np.uint8)
        dense, depthwise = (
            random.integers(-128, 128, shape).astype(np.int8) for shape in ((16, 16, 3, 3), (16, 1, 3, 3))
        )
    model = _model(dense, depthwise)
    wanted = ReferenceEvaluator(model).run(None, {"x": data})
    artifact = package(compile_model(model, target, Options(), "dots"), "so", tmp_path / "artifact")
    (tmp_path / "run").mkdir()
    found = run_library(artifact.path, target, [data], tmp_path / "run")
    for result, expected in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(result, expected)
