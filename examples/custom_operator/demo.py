"""Makes a model of custom operators, compiles it with the library that knows them, and runs it."""

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper

import onnxc

HERE = Path(__file__).parent


def make_model():
    """swish(2 x) and the leaky sums of it, for any number of rows."""
    nodes = [
        helper.make_node("Add", ["x", "x"], ["twice"]),
        helper.make_node("Swish", ["twice"], ["h"], domain="example.org", beta=1.5),
        helper.make_node("LeakyIntegrator", ["h"], ["states", "last"], domain="example.org", decay=0.75),
    ]
    graph = helper.make_graph(
        nodes,
        "custom",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 16])],
        [
            helper.make_tensor_value_info("states", TensorProto.FLOAT, ["N", 16]),
            helper.make_tensor_value_info("last", TensorProto.FLOAT, ["N"]),
        ],
    )
    domains = [helper.make_opsetid("", 17), helper.make_opsetid("example.org", 1)]
    return helper.make_model(graph, opset_imports=domains, ir_version=8)


if __name__ == "__main__":
    model = onnxc.compile(make_model(), op_libraries=[HERE / "my_ops.py"])
    outputs = model(np.linspace(-1, 1, 48, dtype=np.float32).reshape(3, 16))
    print(outputs["last"])
