"""ONNX's Backend interface, as programs that are written against it use it."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator

import onnxc
import onnxc.backend


def model_of(operators: str) -> onnx.ModelProto:
    """A model from ONNX's text form."""
    return onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["": 20]> {operators}')


@pytest.fixture(scope="module")
def scaled() -> onnx.ModelProto:
    return model_of("model (float[N, 3] x, float[3] w) => (float[N, 3] y, float[N, 3] z) { y = Mul(x, w) z = Neg(y) }")


X = np.arange(6, dtype=np.float32).reshape(2, 3)
W = np.array([1, 2, 4], np.float32)


def test_prepare_and_run(scaled: onnx.ModelProto) -> None:
    prepared = onnxc.backend.prepare(scaled)
    for inputs in ([X, W], (X, W), {"w": W, "x": X}):
        outputs = prepared.run(inputs)
        assert isinstance(outputs, tuple)
        np.testing.assert_array_equal(outputs[0], X * W)
        np.testing.assert_array_equal(outputs["z"], -X * W)  # type: ignore[call-overload]


def test_run_model_takes_options(scaled: onnx.ModelProto) -> None:
    y, z = onnxc.backend.run_model(scaled, [X, W], level=0, of_another_backend=1)
    np.testing.assert_array_equal(y, -z)


def test_a_single_input_needs_no_list() -> None:
    (y,) = onnxc.backend.run_model(model_of("model (float[2, 3] x) => (float[2, 3] y) { y = Abs(x) }"), X)
    np.testing.assert_array_equal(y, X)


def test_inputs_must_be_as_many_as_the_model_has(scaled: onnx.ModelProto) -> None:
    with pytest.raises(onnxc.InputError, match="found 1 inputs, expected 2"):
        onnxc.backend.prepare(scaled).run([X])


def test_run_node() -> None:
    node = helper.make_node("Concat", ["a", "b"], ["c"], axis=0)
    (c,) = onnxc.backend.run_node(node, [X, -X])
    np.testing.assert_array_equal(c, np.concatenate([X, -X]))


def test_run_node_of_an_older_opset() -> None:
    node = helper.make_node("Squeeze", ["x"], ["y"], axes=[0])
    (y,) = onnxc.backend.run_node(node, X[None], opset_version=11)
    np.testing.assert_array_equal(y, X)


def test_inputs_decide_about_shapes_and_axes() -> None:
    body = "r = Reshape(x, shape) y = ReduceSum(r, axes)"
    text = f"model (float[2, 3] x, int64[2] shape, int64[1] axes) => (float[a, b] y) {{ {body} }}"
    prepared = onnxc.backend.prepare(model_of(text))
    for shape, axis in (((3, 2), 0), ((1, 6), 1), ((3, 2), 0)):
        (y,) = prepared.run([X, np.array(shape), np.array([axis])])
        np.testing.assert_array_equal(y, X.reshape(shape).sum(axis, keepdims=True))


#: A convolution whose padding must be known.
_PADDED = """<ir_version: 9, opset_import: ["" : 20, "com.microsoft" : 1]>
model (float[1, 1, 3, 4] x, float[1, 1, 1, 1] w, %s) => (float[a, b, c, d] y) {
    %s y = com.microsoft.ConvTransposeWithDynamicPads(x, w, pads)
}"""


def test_sizes_that_must_be_known_are_compiled_in() -> None:
    prepared = onnxc.backend.prepare(onnx.parser.parse_model(_PADDED % ("int64[4] pads", "")))
    x, w = np.arange(12, dtype=np.float32).reshape(1, 1, 3, 4), np.full((1, 1, 1, 1), 2, np.float32)
    (y,) = prepared.run([x, w, np.array([1, 0, 0, 2])])
    np.testing.assert_array_equal(y, 2 * x[:, :, 1:, :-2])
    with pytest.raises(onnxc.InputError, match="no array for input pads"):
        prepared.run({"x": x, "w": w})


def test_scales_that_only_the_compiler_can_take_exactly_are_compiled_in() -> None:
    """2.94 is no fraction that a run finds, and antialiasing takes tables of weights; other scales take neither."""
    x = np.arange(8, dtype=np.float32).reshape(1, 1, 2, 4)
    for attributes, scales in (('mode = "linear"', (1.5, 2.94)), ('mode = "linear", antialias = 1', (1, 0.6))):
        text = "model (float[1, 1, 2, 4] x, float[4] scales) => (float[a, b, c, d] y)"
        model = model_of(f"{text} {{ y = Resize<{attributes}>(x, , scales) }}")
        given = np.array([1, 1, *scales], np.float32)
        (y,) = onnxc.backend.run_model(model, [x, given])
        wanted: Any = ReferenceEvaluator(model).run(None, {"x": x, "scales": given})
        np.testing.assert_allclose(y, wanted[0], rtol=1e-5, atol=1e-5)


def test_integers_of_4_bits_have_their_own_types() -> None:
    dtype = helper.tensor_dtype_to_np_dtype(onnx.TensorProto.INT4)
    values = np.arange(-8, 8, dtype=np.int8).astype(dtype)
    text = "model (int4[16] x) => (int4[16] y) { z = Cast<to = 1>(x) y = Cast<to = 22>(z) }"
    (y,) = onnxc.backend.run_model(model_of(text), values)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y.astype(np.int8), values.astype(np.int8))


def test_the_compiler_names_the_inputs_that_must_be_known() -> None:
    text = _PADDED % ("int64[2] a, int64[2] b", "s = Concat<axis = 0>(a, b) pads = Add(s, s)")
    with pytest.raises(onnxc.CompileError, match=r"make the model's input 'a', 'b' an initializer"):
        onnxc.compile(onnx.parser.parse_model(text))


def test_shapes_do_not_decide_about_shapes() -> None:
    text = "model (float[2, 3] x, float[N, 2] s) => (y) { t = Shape(s) y = Expand(x, t) }"
    with pytest.raises(onnxc.CompileError) as raised:
        onnxc.compile(model_of(text))
    assert "only known at run time" not in str(raised.value)


@pytest.mark.parametrize(
    ("device", "supported"), [("CPU", True), ("CPU:0", True), ("CUDA", False), ("NPU", False), ("CPU:x", False)]
)
def test_devices(device: str, supported: bool) -> None:
    assert onnxc.backend.supports_device(device) is supported


def test_other_devices_are_refused(scaled: onnx.ModelProto) -> None:
    with pytest.raises(onnxc.CompileError, match="there is no device 'CUDA'"):
        onnxc.backend.prepare(scaled, "CUDA")


def test_broken_models_are_refused() -> None:
    model = model_of("model (float[2, 3] x) => (float[2, 3] y) { y = Abs(x) }")
    model.graph.node[0].input[0] = "missing"
    with pytest.raises(onnx.checker.ValidationError):
        onnxc.backend.prepare(model)
