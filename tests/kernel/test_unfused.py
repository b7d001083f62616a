"""Indices that TVM's FlattenBuffer gets wrong in fused loops: see targets/cpu/schedules/unfused.py."""

from __future__ import annotations

import numpy as np
import onnx.numpy_helper
from onnx import TensorProto, helper

import onnxc


def test_shifted_channels_in_space_to_depth() -> None:
    """A slice that starts at an odd place, and then a permutation that takes remainders of its index."""
    nodes = [
        helper.make_node("DepthToSpace", ["x"], ["d"], blocksize=2, mode="DCR"),
        helper.make_node("Slice", ["d", "starts", "ends", "axes"], ["y"]),
    ]
    constants = {"starts": [1, 1], "ends": [7, 7], "axes": [2, 3]}
    graph = helper.make_graph(
        nodes,
        "shifted",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [3, 8, 4, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [3, 2, 6, 6])],
        [onnx.numpy_helper.from_array(np.array(v, np.int64), n) for n, v in constants.items()],
    )
    model = onnxc.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]))
    x = np.random.default_rng(0).standard_normal((3, 8, 4, 4)).astype(np.float32)
    whole = x.reshape(3, 2, 2, 2, 4, 4).transpose(0, 3, 4, 1, 5, 2).reshape(3, 2, 8, 8)
    np.testing.assert_array_equal(model(x)["y"], whole[:, :, 1:7, 1:7])


def test_rotated_index() -> None:
    """``y[n, a, b] = x[a, (b + 1) % 2]``, the case in which the mistake was found, as a primitive function."""
    from onnxc import targets
    from onnxc.kernel.knobs import Knobs
    from onnxc.kernel.lower import Lowered
    from onnxc.kernel.tvm_api import te
    from onnxc.targets.cpu.schedules import unfused

    x = te.placeholder((4, 2), "float32", name="x")
    y = te.compute((3, 4, 10), lambda n, a, b: x[a, (b + 1) % 2], name="y")
    lowered = Lowered(te.create_prim_func([x, y]), {}, None, (), ())
    func = unfused.schedule(lowered, targets.find("host"), Knobs())
    assert func is not None, "the rule must apply"
    plain = te.compute((3, 4, 10), lambda n, a, b: x[a, b % 2], name="y")
    other = Lowered(te.create_prim_func([x, plain]), {}, None, (), ())
    assert unfused.schedule(other, targets.find("host"), Knobs()) is None
