"""Scan: of opset 8, by sample of a batch and with lengths of sequences; of later ones along any axis, either way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

import onnxc

FLOAT = TensorProto.FLOAT

Shapes = Mapping[str, Sequence[int | str]]

#: A state (3), and elements (3) and (2) -> the new state, and rows (3) and (2).
BODY = helper.make_graph(
    [
        helper.make_node("Add", ["state", "a"], ["sum"]),
        helper.make_node("Tanh", ["sum"], ["next"]),
        helper.make_node("Mul", ["next", "a"], ["row"]),
        helper.make_node("Neg", ["b"], ["other"]),
    ],
    "body",
    [helper.make_tensor_value_info(n, FLOAT, [s]) for n, s in (("state", 3), ("a", 3), ("b", 2))],
    [helper.make_tensor_value_info(n, FLOAT, [s]) for n, s in (("next", 3), ("row", 3), ("other", 2))],
)


def scan_model(
    opset: int, shapes: Shapes, ranks: Sequence[int], lengths: bool = False, **attributes: Any
) -> onnx.ModelProto:
    names = [*(["lengths"] if lengths else [""] if opset < 9 else []), *shapes]
    node = helper.make_node("Scan", names, ["final", "rows", "others"], body=BODY, num_scan_inputs=2, **attributes)
    inputs = [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in shapes.items()]
    if lengths:
        inputs.append(helper.make_tensor_value_info("lengths", TensorProto.INT64, ["batch"]))
    outputs = [
        helper.make_tensor_value_info(name, FLOAT, [None] * rank) for name, rank in zip(node.output, ranks, strict=True)
    ]
    graph = helper.make_graph([node], "scan", inputs, outputs)
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", opset)])


def random_feeds(shapes: Shapes, sizes: Mapping[str, int]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        name: rng.standard_normal([sizes[d] if isinstance(d, str) else d for d in shape]).astype(np.float32)
        for name, shape in shapes.items()
    }


def by_onnxruntime(model: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return [np.asarray(array) for array in session.run(None, feeds)]


@pytest.mark.parametrize("directions", [None, [0, 1], [1, 0]])
@pytest.mark.parametrize("lengths", [None, [4, 1, 2]])
@pytest.mark.parametrize("dims", [(3, 4), ("batch", "steps")])
def test_opset_8(directions: list[int] | None, lengths: list[int] | None, dims: tuple[Any, Any]) -> None:
    batch, steps = dims
    shapes: Shapes = {"s": (batch, 3), "x": (batch, steps, 3), "y": (batch, steps, 2)}
    attributes = {} if directions is None else {"directions": directions}
    model = scan_model(8, shapes, (2, 3, 3), lengths is not None, **attributes)
    feeds = random_feeds(shapes, {"batch": 3, "steps": 4})
    if lengths is not None:
        feeds["lengths"] = np.array(lengths, np.int64)
    with onnxc.compile(model, jobs=1) as compiled:
        for found, expected in zip(compiled(feeds).values(), by_onnxruntime(model, feeds), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        if lengths is not None:  # ONNX Runtime takes no sequence without elements
            feeds["lengths"] = np.array([4, 0, 2], np.int64)
            final, rows, others = compiled(feeds).values()
            np.testing.assert_array_equal(final[1], feeds["s"][1])
            assert not rows[1].any() and not others[1].any() and rows[2].any()


@pytest.mark.parametrize("steps", [5, 0])
@pytest.mark.parametrize("backward", [(0, 0), (1, 0), (0, 1)])
def test_axes_and_directions(steps: int, backward: tuple[int, int]) -> None:
    shapes: Shapes = {"s": (3,), "x": (3, "steps"), "y": ("steps", 2)}
    model = scan_model(
        21,
        shapes,
        (1, 2, 2),
        scan_input_axes=[-1, 0],
        scan_input_directions=list(backward),
        scan_output_axes=[1, 0],
        scan_output_directions=list(reversed(backward)),
    )
    feeds = random_feeds(shapes, {"steps": steps})
    state, rows, others = feeds["s"], np.zeros((3, steps), np.float32), np.zeros((steps, 2), np.float32)
    for step in range(steps):
        at, also = ((steps - 1 - step if way else step) for way in backward)
        state = np.tanh(state + feeds["x"][:, at])
        rows[:, also] = state * feeds["x"][:, at]
        others[at] = -feeds["y"][also]
    with onnxc.compile(model, jobs=1) as compiled:
        for found, expected in zip(compiled(feeds).values(), (state, rows, others), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        if steps:
            for found, expected in zip(compiled(feeds).values(), by_onnxruntime(model, feeds), strict=True):
                np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
