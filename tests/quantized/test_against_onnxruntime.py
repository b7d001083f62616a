"""Random quantised models against ONNX Runtime: results within one step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

import onnxc


@dataclass
class Network:
    """Collects the nodes and constants of a model in QDQ form."""

    seed: int
    activations: str = "uint8"

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, array: Any, dtype: Any = None) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array, dtype), name))
        return name

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def quantized(self, x: str, scale: float, zero_point: int | None = None) -> str:
        """Quantised and dequantised again; a random zero point where none is given."""
        low, high = (0, 256) if self.activations == "uint8" else (-128, 128)
        point = int(self.random.integers(low, high)) if zero_point is None else zero_point
        parameters = self.constant(scale, np.float32), self.constant(point, self.activations)
        return self.node("DequantizeLinear", self.node("QuantizeLinear", x, *parameters), *parameters)

    def weights(self, *shape: int, per_channel: bool = False, dtype: str = "int8", extreme: bool = False) -> Any:
        """Dequantised weights, and their scales."""
        low = 0 if dtype == "uint8" else -128
        values = self.random.integers(low, low + 256, shape)
        if extreme:
            values = np.where(self.random.random(shape) < 0.5, low, low + 255)
        scale = self.random.uniform(0.005, 0.02, shape[0] if per_channel else ()).astype(np.float32)
        zero = np.full(scale.shape, 128 if dtype == "uint8" else 0, dtype)
        name = self.node(
            "DequantizeLinear", self.constant(values, dtype), self.constant(scale), self.constant(zero), axis=0
        )
        return name, scale

    def bias(self, channels: int, scale: np.ndarray) -> str:
        values = self.random.integers(-3000, 3000, channels)
        spread = np.broadcast_to(scale, (channels,)) if scale.ndim else scale
        return self.node("DequantizeLinear", self.constant(values, np.int32), self.constant(spread, np.float32), axis=0)

    def conv(self, x: str, scale: float, channels: int, *shape: int, options: Any = None, **attributes: Any) -> str:
        weights, of_weights = self.weights(channels, *shape, **(options or {}))
        return self.node("Conv", x, weights, self.bias(channels, np.float32(scale) * of_weights), **attributes)

    def model(self, output: str, shape: tuple[int, ...]) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "quantized",
            [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, ["n", "c", "h", "w"][: len(shape)])],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.checker.check_model(model)
        return model


def check(model: onnx.ModelProto, shape: tuple[int, ...], step: float, seed: int = 0, target: str = "host") -> None:
    """Compare on a random input; the result is quantised in steps of that size."""
    x = np.random.default_rng(seed).uniform(-3, 3, shape).astype(np.float32)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (wanted,) = session.run(None, {"x": x})
    compiled = onnxc.compile(model, target=target)
    (got,) = compiled({"x": x}).values()
    steps = np.abs(got - wanted) / step
    assert steps.max() < 1.01, f"{steps.max():.2f} steps"
    # Not everything may hide at the ends of the range.
    assert len(np.unique(np.round(wanted / step))) > 8


@pytest.mark.parametrize("activations", ["uint8", "int8"])
@pytest.mark.parametrize("options", [{}, {"per_channel": True}, {"dtype": "uint8"}, {"extreme": True}], ids=str)
def test_convolutions(activations: str, options: dict[str, Any]) -> None:
    """A chain of plain, strided, dilated, grouped and depthwise convolutions with asymmetric zero points."""
    net = Network(len(options), activations)
    steps = [0.03, 0.5, 1.5, 2.0, 3.0]
    x = net.quantized("x", steps[0])
    x = net.conv(x, steps[0], 16, 3, 3, 3, options=options, pads=[1, 1, 1, 1])
    x = net.quantized(net.node("Relu", x), steps[1])
    x = net.conv(x, steps[1], 32, 8, 3, 3, options=options, group=2, pads=[1, 0, 1, 1], strides=[2, 1])
    x = net.quantized(x, steps[2])
    x = net.conv(x, steps[2], 32, 1, 3, 3, options=options, group=32, pads=[1, 1, 1, 1])
    x = net.quantized(x, steps[3])
    x = net.conv(x, steps[3], 24, 32, 2, 3, options=options, dilations=[1, 2])
    x = net.quantized(x, steps[4] * 4, 128 if activations == "uint8" else 0)
    check(net.model(x, (2, 3, 12, 9)), (2, 3, 12, 9), steps[4] * 4)


@pytest.mark.parametrize("activations", ["uint8", "int8"])
def test_residual_pooling_and_concatenation(activations: str) -> None:
    net = Network(7, activations)
    x = net.quantized("x", 0.03)
    a = net.quantized(net.conv(x, 0.03, 16, 3, 3, 3, pads=[1, 1, 1, 1]), 0.2)
    b = net.quantized(net.conv(a, 0.2, 16, 16, 1, 1), 0.6)
    total = net.quantized(net.node("Relu", net.node("Add", a, b)), 0.7)
    pooled = net.quantized(net.node("MaxPool", total, kernel_shape=[2, 2], strides=[2, 2]), 0.7)
    average = net.quantized(net.node("AveragePool", total, kernel_shape=[2, 2], strides=[2, 2]), 0.5)
    both = net.quantized(net.node("Concat", pooled, average, axis=1), 0.8)
    last = net.quantized(net.conv(both, 0.8, 20, 32, 1, 1, options={"per_channel": True}), 2.0, 12)
    check(net.model(last, (1, 3, 10, 14)), (1, 3, 10, 14), 2.0)


@pytest.mark.parametrize("target", ["x86-64-v2", "x86-64-v3"])
def test_other_processors(target: str) -> None:
    net = Network(3)
    x = net.quantized("x", 0.03)
    x = net.quantized(
        net.node("Clip", net.conv(x, 0.03, 16, 3, 3, 3), net.constant(0.0, "f"), net.constant(6.0, "f")), 0.03
    )
    x = net.quantized(net.conv(x, 0.03, 16, 1, 5, 5, group=16, strides=[2, 2], pads=[2, 2, 2, 2]), 0.1)
    check(net.model(x, (1, 3, 16, 11)), (1, 3, 16, 11), 0.1, target=target)


@pytest.mark.parametrize("activations", ["uint8", "int8"])
@pytest.mark.parametrize("shape", [(1, 30), (2, 5, 32)], ids=str)
def test_matrix_products(activations: str, shape: tuple[int, ...]) -> None:
    """MatMul with scales by column, and Gemm with a bias."""
    net = Network(11, activations)
    x = net.quantized("x", 0.03)
    scale = net.random.uniform(0.005, 0.02, 20).astype(np.float32)
    values = net.random.integers(-128, 128, (shape[-1], 20))
    parameters = [net.constant(values, np.int8), net.constant(scale), net.constant(np.zeros(20, np.int8))]
    weights = net.node("DequantizeLinear", *parameters, axis=1)
    x = net.quantized(net.node("MatMul", x, weights), 0.15)
    if len(shape) == 2:
        weights, of_weights = net.weights(9, 20, per_channel=True)
        bias = net.bias(9, np.float32(0.15) * of_weights)
        x = net.quantized(net.node("Gemm", x, weights, bias, transB=1), 0.5)
    check(net.model(x, shape), shape, 0.5 if len(shape) == 2 else 0.15)


@pytest.mark.parametrize("zero", [None, 0, 7])
def test_matmul_integer(zero: int | None) -> None:
    """Dynamically quantised data with constant weights, the sums of which are exact."""
    random = np.random.default_rng(5)
    weights = numpy_helper.from_array(random.integers(-100, 120, (17, 33)).astype(np.int8), "w")
    points = [numpy_helper.from_array(np.array(zero or 0, np.int8), "wz")]
    inputs = ["q", "w", "z", *(["wz"] if zero is not None else [])]
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        helper.make_node("MatMulInteger", inputs, ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "dynamic",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, (4, 17))],
        [helper.make_tensor_value_info("y", onnx.TensorProto.INT32, (4, 33))],
        [weights, *(points if zero is not None else [])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    x = random.uniform(-2, 3, (4, 17)).astype(np.float32)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (got,) = onnxc.compile(model)({"x": x}).values()
    np.testing.assert_array_equal(got, session.run(None, {"x": x})[0])
