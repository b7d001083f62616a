"""Small models that tests break."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

#: A model with a convolution, a matrix product, shapes as data, a branch and quantisation.
_TEXT = """
<ir_version: 8, opset_import: ["" : 17]>
small (float[N,3,8,8] x, float[1] s, bool[1] k)
    => (float[N,4] y, int64[2] size, float[N,4,2] c, float[N,4] q, float[N,4] i)
{
  h = Conv<pads=[1,1,1,1]>(x, w, b)
  r = Relu(h)
  p = MaxPool<kernel_shape=[2,2],strides=[2,2]>(r)
  f = Reshape(p, shape)
  y0 = Gemm<transB=1>(f, g)
  y = Softmax(y0)
  size = Shape(y)
  ax = Constant<value=int64[1] {2}>()
  z = Unsqueeze(y0, ax)
  z2 = Mul(z, s)
  c = Concat<axis=2>(z, z2)
  dq = QuantizeLinear(y0, scale)
  q = DequantizeLinear(dq, scale)
  i = If(k) <then_branch = t () => (float[N,4] a) { a = Add(y0, y) },
             else_branch = e () => (float[N,4] a2) { a2 = Sub(y0, y) }>
}
"""


def small_model() -> onnx.ModelProto:
    """A valid model of many kinds of things, in two kilobytes."""
    model = onnx.parser.parse_model(_TEXT)
    generator = np.random.default_rng(0)
    weights = {"w": (4, 3, 3, 3), "b": (4,), "g": (4, 64)}
    arrays: dict[str, Any] = {n: generator.standard_normal(s).astype(np.float32) for n, s in weights.items()}
    arrays |= {"shape": np.array([0, -1]), "scale": np.array(0.1, np.float32)}
    model.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in arrays.items())
    return model


def model_of(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, tuple[int, list[Any]]] | None = None,
    outputs: dict[str, int] | None = None,
    initializers: list[onnx.TensorProto] | None = None,
    opset: int = 17,
) -> onnx.ModelProto:
    """A model of a few nodes; by default it takes x, float32 (2, 3), and gives y."""
    inputs = {"x": (TensorProto.FLOAT, [2, 3])} if inputs is None else inputs
    outputs = {"y": TensorProto.FLOAT} if outputs is None else outputs
    graph = helper.make_graph(
        nodes,
        "broken",
        [helper.make_tensor_value_info(name, *type_) for name, type_ in inputs.items()],
        [helper.make_tensor_value_info(name, type_, None) for name, type_ in outputs.items()],
        initializers or [],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def node(operator: str, inputs: str, outputs: str = "y", name: str = "the_node", **attributes: Any) -> onnx.NodeProto:
    """A node; names of inputs and outputs are separated by blanks."""
    return helper.make_node(operator, inputs.split(), outputs.split(), name, **attributes)
