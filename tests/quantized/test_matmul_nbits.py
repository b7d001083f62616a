"""MatMulNBits (com.microsoft) against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

import onnxc
from onnxc.op.qnn_dense_blockwise import unpack_codes


def _pack(codes: np.ndarray, bits: int) -> np.ndarray:
    """Codes one behind the other on the last axis, the first ones in the lowest bits; the last byte filled up."""
    in_byte = 8 // bits
    padded = np.pad(codes, [(0, 0)] * (codes.ndim - 1) + [(0, -codes.shape[-1] % in_byte)])
    parts = padded.reshape(*codes.shape[:-1], -1, in_byte).astype(np.uint8)
    return np.bitwise_or.reduce(parts << np.arange(0, 8, bits, dtype=np.uint8), axis=-1)


def _model(
    shape: tuple[int | str, ...], columns: int, bits: int, size: int, zero_points: str, bias: bool
) -> onnx.ModelProto:
    random = np.random.default_rng(3)
    depth = shape[-1]
    assert isinstance(depth, int)
    blocks = -(-depth // size)
    codes = random.integers(0, 1 << bits, (columns, blocks, size))
    constants = {
        "b": _pack(codes, bits),
        "scales": random.uniform(0.01, 0.1, (columns * blocks,)).astype(np.float32),
    }
    inputs = ["x", "b", "scales"]
    if zero_points:
        points = random.integers(0, 1 << bits, (columns, blocks))
        constants["zero_points"] = (
            _pack(points, bits) if zero_points == "packed" else points.astype(np.float32) + np.float32(0.25)
        )
    if bias:
        constants["bias"] = random.standard_normal(columns).astype(np.float32)
    inputs += ["zero_points" if zero_points else "", "", "bias"] if bias else ["zero_points"] if zero_points else []
    node = helper.make_node(
        "MatMulNBits", inputs, ["y"], domain="com.microsoft", K=depth, N=columns, bits=bits, block_size=size
    )
    graph = helper.make_graph(
        [node],
        "nbits",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [*shape[:-1], columns])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def _check(model: onnx.ModelProto, shapes: list[tuple[int, ...]], target: str = "host") -> None:
    options = onnxruntime.SessionOptions()
    # Optimised, it quantises the data of such products to 8 bits, even where nobody asked for that.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    compiled = onnxc.compile(model, target=target)
    for shape in shapes:
        x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
        (got,) = compiled({"x": x}).values()
        (wanted,) = session.run(None, {"x": x})
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize(
    ("bits", "zero_points"),  # ONNX Runtime has no floats as zero points of 8 bits
    [(bits, points) for bits in (2, 4, 8) for points in ("", "packed", "floats") if (bits, points) != (8, "floats")],
)
def test_one_row(bits: int, zero_points: str) -> None:
    _check(_model((1, 128), 72, bits, 32, zero_points, bias=False), [(1, 128)])


@pytest.mark.parametrize(("depth", "size"), [(256, 16), (256, 128), (90, 32)])
def test_rows_of_unknown_number(depth: int, size: int) -> None:
    """Several rows share the weights; a last block that is not full is computed without packing."""
    model = _model(("N", "M", depth), 40, 4, size, "packed", bias=True)
    _check(model, [(1, 1, depth), (2, 9, depth)])


@pytest.mark.parametrize("target", ["x86-64-v2", "x86-64-v3"])
def test_other_processors(target: str) -> None:
    _check(_model((3, 64), 24, 4, 16, "packed", bias=True), [(3, 64)], target)


def test_dequantized_in_blocks() -> None:
    """The same with the standard's operators: weights of 4 bits with scales for blocks of the depth."""
    random = np.random.default_rng(4)
    values = random.integers(-8, 8, (96, 24))
    constants = [
        helper.make_tensor("w", onnx.TensorProto.INT4, values.shape, values.reshape(-1)),
        numpy_helper.from_array(random.uniform(0.01, 0.1, (3, 24)).astype(np.float32), "s"),
        helper.make_tensor("z", onnx.TensorProto.INT4, (3, 24), random.integers(-8, 8, 72)),
    ]
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["d"], axis=0, block_size=32),
        helper.make_node("MatMul", ["x", "d"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "blocks",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ("N", 96))],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ("N", 24))],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    _check(model, [(1, 96), (7, 96)])


def _shuffled(bits: int, zero_points: str) -> tuple[onnx.ModelProto, np.ndarray]:
    """A model whose g_idx, which is given too, says to which block each element belongs: GPTQ's act-order."""
    model = _model((3, 64), 5, bits, 16, zero_points, True)
    order = np.random.default_rng(0).permutation(np.arange(64) // 16).astype(np.int32)
    model.graph.initializer.append(numpy_helper.from_array(order, "order"))
    model.graph.node[0].input[4] = "order"
    return model, order


@pytest.mark.parametrize("zero_points", ["", "floats"])
def test_blocks_in_any_order(zero_points: str) -> None:
    _check(_shuffled(4, zero_points)[0], [(3, 64)])


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_blocks_in_any_order_with_zero_points(bits: int) -> None:
    """ONNX Runtime 1.32 leaves zero points of 4 bits out where there is a g_idx, and does not read 2 bits right."""
    model, order = _shuffled(bits, "packed")
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    codes = unpack_codes(arrays["b"], bits).reshape(5, 64).astype(np.float32)
    points = unpack_codes(arrays["zero_points"].reshape(5, -1), bits)[:, :4].astype(np.float32)
    weights = (codes - points[:, order]) * arrays["scales"].reshape(5, 4)[:, order]
    x = np.random.default_rng(0).standard_normal((3, 64)).astype(np.float32)
    np.testing.assert_allclose(onnxc.compile(model)(x)["y"], x @ weights.T + arrays["bias"], rtol=1e-4, atol=1e-4)
