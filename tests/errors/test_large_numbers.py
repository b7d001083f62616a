"""Numbers in models that go beyond 32 bits: clamped where they mean the same, else an error that says where."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

import onnxc
from onnxc import targets
from onnxc.diagnostics import CompileError
from onnxc.driver import Options, compile_model
from tests.errors.models import model_of, node

ROWS, COLUMNS = 7, 5000


def _model(operator: str, shape: list[Any], *constants: Any, **attributes: Any) -> onnx.ModelProto:
    names = [f"c{index}" for index in range(len(constants))]
    tensors = [numpy_helper.from_array(np.asarray(c), name) for c, name in zip(constants, names, strict=True)]
    nodes = [node(operator, " ".join(["x", *names]), **attributes)]
    return model_of(nodes, {"x": (TensorProto.FLOAT, shape)}, initializers=tensors)


@pytest.mark.parametrize("shape", [["N", COLUMNS], [ROWS, "N"], ["N", "M"]])
@pytest.mark.parametrize(
    ("positions", "rows"),
    [
        ((0, 10**9, 1), slice(None)),
        ((2, 2**40, 1), slice(2, None)),
        ((-(10**9), 3, 1), slice(3)),
        ((10**9, 2**63 - 1, 1), slice(0, 0)),
        ((1, -(2**63), 10**9), slice(0, 0)),
        ((1, 2**63 - 1, 10**9), slice(1, 2)),
        ((1, 2**63 - 1, 2**63 - 1), slice(1, 2)),
        ((10**9, -(10**9), -1), slice(None, None, -1)),
        ((10**9, -(2**63), -3), slice(None, None, -3)),
        ((-1, -(2**63), -(2**63)), slice(-1, None)),
        ((-(10**9), -(2**63), -1), slice(0, 1)),  # numpy gives nothing, but ONNX clamps to the first element
    ],
)
def test_slice(positions: tuple[int, int, int], rows: slice, shape: list[Any]) -> None:
    start, end, step = (np.array([position]) for position in positions)
    model = onnxc.compile(_model("Slice", shape, start, end, np.array([0]), step), threads=1)
    x = np.arange(ROWS * COLUMNS, dtype=np.float32).reshape(ROWS, COLUMNS)
    np.testing.assert_array_equal(model(x)["y"], x[rows])


@pytest.mark.parametrize("start", [-(10**9), 2])
def test_slice_of_run_time_size(start: int) -> None:
    """Positions along an axis whose size the run decides."""
    nodes = [node("NonZero", "x", "found"), node("Slice", "found start end axis step", "y")]
    numbers = {"start": start, "end": -(2**63), "axis": 1, "step": -1}
    tensors = [numpy_helper.from_array(np.array([value]), name) for name, value in numbers.items()]
    model = onnxc.compile(model_of(nodes, {"x": (1, ["N"])}, {"y": TensorProto.INT64}, tensors), threads=1)
    places = np.flatnonzero([1, 0, 1, 1, 0, 1])[None]
    expected = places[:, max(start, 0) :: -1]
    np.testing.assert_array_equal(model(np.array([1, 0, 1, 1, 0, 1], np.float32))["y"], expected)


@pytest.mark.parametrize(("diagonal", "kept"), [(-(2**63), 1), (2**63 - 1, 0)])
def test_trilu(diagonal: int, kept: int) -> None:
    model = onnxc.compile(_model("Trilu", ["N", 4], np.array(diagonal)), threads=1)
    np.testing.assert_array_equal(model(np.ones((3, 4), np.float32))["y"], np.full((3, 4), kept, np.float32))


@pytest.mark.parametrize(
    "model",
    [
        _model("Reshape", ["N", 4], np.array([-5, -1])),
        _model("Reshape", ["N", 4], np.array([0, 2**31])),
        _model("TopK", [3, "N"], np.array([-(2**40)])),
        _model("Tile", [3, "N"], np.array([2**40, 1])),
        _model("Pad", ["N", 4], np.array([0, 2**63 - 1, 0, 0])),
        _model("Pad", ["N", 4000], np.array([10**9, 0, 0, 0])),
        _model("Expand", ["N", 4000], np.array([10**9, 1, 1])),
        _model("Conv", [1, 1, "N", 8], np.ones((1, 1, 2, 2), np.float32), dilations=[10**9, 1]),
        _model("LRN", [1, 8, "N", 8], size=10**9),
        _model("MaxPool", [1, 1, 64, 8], kernel_shape=[10**9, 1], pads=[10**9 - 1, 0, 0, 0]),
        _model("MaxPool", ["N", 1, "M", 8], kernel_shape=[10**9, 1], pads=[10**9 - 1, 0, 0, 0]),
        _model("AveragePool", [1, 1, 64, 8], kernel_shape=[10**9, 1], pads=[10**9 - 1, 0, 0, 0]),
        _model("Conv", [1, 1, 64, 8], np.ones((1, 1, 2, 2), np.float32), pads=[10**9, 1, 1, 1]),
    ],
    ids=lambda model: model.graph.node[0].op_type,
)
def test_refused(model: onnx.ModelProto) -> None:
    operator = model.graph.node[0].op_type
    if operator == "TopK":
        model.graph.node[0].output.append("places")
    with pytest.raises(CompileError, match=f"node 'the_node', operator {operator}") as caught:
        compile_model(model, targets.find("x86-64-v3"), Options())
    assert "expected: " in str(caught.value)


@pytest.mark.parametrize("shape", [[4, -1], [1000, -1], [10**9, -1], [0, 4, -1]])
def test_reshape_that_does_not_divide(shape: list[int]) -> None:
    """What is left over is neither lost nor written behind the result: the run says that the shape does not fit."""
    model = onnxc.compile(_model("Reshape", ["N", "M"], np.array(shape)), threads=1)
    with pytest.raises(onnxc.RunError, match="a tensor's shape"):
        model(np.ones((5, 3), np.float32))
