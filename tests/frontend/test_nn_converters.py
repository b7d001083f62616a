"""Operators of neural networks in all their forms: importer and interpreter against ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import onnxc
from onnxc import op as relay_op
from onnxc.diagnostics import CompileError
from onnxc.frontend.importer import import_model
from onnxc.relay.interpreter import Interpreter

onnxruntime = pytest.importorskip("onnxruntime")

Array = np.ndarray


def floats(*shape: int, scale: float = 1.0) -> Array:
    seed = sum((axis + 1) * size for axis, size in enumerate(shape))
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)


def node_model(
    operator: str,
    inputs: Sequence[Array | None],
    outputs: int = 1,
    *,
    opset: int = 17,
    constant: Sequence[int] = (),
    dims: dict[int, list[Any]] | None = None,
    **attributes: Any,
) -> onnx.ModelProto:
    """A model of one node.

    Parameters
    ----------
    constant
        Which inputs are initializers.
    dims
        Shapes of inputs with names for dimensions.
    """
    names = ["" if array is None else f"x{index}" for index, array in enumerate(inputs)]
    given = [(index, array) for index, array in enumerate(inputs) if array is not None]
    results = [f"y{index}" for index in range(outputs)]
    graph = helper.make_graph(
        [helper.make_node(operator, names, results, **attributes)],
        "node",
        [
            helper.make_tensor_value_info(
                f"x{index}", helper.np_dtype_to_tensor_dtype(array.dtype), (dims or {}).get(index, array.shape)
            )
            for index, array in given
            if index not in constant
        ],
        [helper.make_empty_tensor_value_info(name) for name in results],
        [numpy_helper.from_array(array, f"x{index}") for index, array in given if index in constant],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def interpret(model: onnx.ModelProto, feeds: dict[str, Array]) -> list[Array]:
    module = import_model(model)
    interpreter = Interpreter(module, lambda name, attrs, arrays: relay_op.get(name).reference(attrs, *arrays))
    return interpreter.run(*(feeds[param.name] for param in module.main.params))


def check(operator: str, inputs: Sequence[Array | None], outputs: int = 1, **options: Any) -> None:
    """The same as ONNX Runtime gives; also with constants for the inputs behind the first, if there are any."""
    optional = [index for index, array in enumerate(inputs) if index and array is not None and array.dtype.kind == "f"]
    for constant in ((), optional) if optional else ((),):
        model = node_model(operator, inputs, outputs, constant=constant, **options)
        feeds = {f"x{i}": a for i, a in enumerate(inputs) if a is not None and i not in constant}
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        for got, wanted in zip(interpret(model, feeds), session.run(None, feeds), strict=True):
            assert got.dtype == wanted.dtype
            np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)


def error_of(operator: str, inputs: Sequence[Array | None], **options: Any) -> str:
    with pytest.raises(CompileError) as caught:
        import_model(node_model(operator, inputs, **options))
    return str(caught.value)


SYMBOLIC = {0: ["N", 3, "H", "W"]}

#: ONNX Runtime 1.23, the last for Python 3.10, miscounts padding of AveragePool from opset 19 on.
MISCOUNTS_PADS = tuple(map(int, onnxruntime.__version__.split(".")[:2])) < (1, 24)

AUTO_PADS = ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")


@pytest.mark.parametrize("auto_pad", AUTO_PADS)
@pytest.mark.parametrize("size", [3, 4])
def test_convolution(auto_pad: str, size: int) -> None:
    inputs = [floats(2, 3, 9, 8), floats(4, 3, size, size), floats(4)]
    check("Conv", inputs, auto_pad=auto_pad, strides=[2, 3], dims=SYMBOLIC)
    check("Conv", [floats(2, 4, 9), floats(4, 2, size)], group=2, dilations=[2], pads=[1, 2])


@pytest.mark.parametrize("auto_pad", AUTO_PADS)
def test_transposed_convolution(auto_pad: str) -> None:
    inputs = [floats(2, 3, 5, 6), floats(3, 4, 3, 4), floats(4)]
    check("ConvTranspose", inputs, auto_pad=auto_pad, strides=[2, 3], opset=11)
    check("ConvTranspose", inputs, auto_pad=auto_pad, strides=[2, 3], output_shape=[10, 17], opset=11)
    check("ConvTranspose", [floats(2, 4, 5), floats(4, 2, 3)], group=2, dilations=[2], pads=[1, 2], strides=[2])


@pytest.mark.parametrize(
    ("operator", "opset"), [("MaxPool", 8), ("MaxPool", 12), ("AveragePool", 7), ("AveragePool", 19), ("LpPool", 18)]
)
@pytest.mark.parametrize("auto_pad", AUTO_PADS)
def test_pooling(operator: str, opset: int, auto_pad: str) -> None:
    options: dict[str, Any] = {"pads": [1, 0, 1, 1]} if auto_pad == "NOTSET" else {"auto_pad": auto_pad}
    for ceil_mode in (0, 1) if opset > 8 else (None,):
        rounding = {} if ceil_mode is None else {"ceil_mode": ceil_mode}
        options |= {"strides": [2, 3], "kernel_shape": [3, 2], "opset": opset, **rounding}
        check(operator, [floats(2, 3, 9, 8)], **options, dims=SYMBOLIC)
        if operator == "AveragePool" and not (opset >= 19 and MISCOUNTS_PADS):
            check(operator, [floats(2, 3, 9, 8)], **options, count_include_pad=int(auto_pad == "NOTSET"))
        if operator == "MaxPool":
            check(operator, [floats(2, 3, 9, 8)], 2, **options, storage_order=int(bool(ceil_mode)))


@pytest.mark.parametrize("operator", ["GlobalAveragePool", "GlobalMaxPool"])
def test_global_pooling(operator: str) -> None:
    check(operator, [floats(2, 3, 4, 5)], dims=SYMBOLIC)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_global_norm_pooling(p: int) -> None:
    check("GlobalLpPool", [floats(2, 3, 4, 5)], p=p)


def test_unpooling_knows_the_pooled_shape() -> None:
    nodes = [
        helper.make_node("MaxPool", ["x"], ["pooled", "indices"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("MaxUnpool", ["pooled", "indices", "shape"], ["y"], kernel_shape=[2, 2], strides=[2, 2]),
    ]
    x = floats(2, 3, 5, 7)
    value = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, x.shape)
    graph = helper.make_graph(nodes, "unpool", [value], [helper.make_empty_tensor_value_info("y")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (y,) = interpret(model, {"x": x})
    (wanted,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    np.testing.assert_array_equal(y, wanted)


@pytest.mark.parametrize("bias", [(5,), (1, 5), (3, 1), (3, 5), (1,), None])
def test_gemm(bias: tuple[int, ...] | None) -> None:
    addend = [] if bias is None else [floats(*bias)]
    check("Gemm", [floats(3, 4), floats(4, 5), *addend], alpha=0.5, beta=1.5)
    check("Gemm", [floats(4, 3), floats(5, 4), *addend], transA=1, transB=1)
    check("Gemm", [floats(3, 4), floats(5, 4), *addend], transB=1, dims={0: ["M", 4]})


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("bhqd,bhkd->bhqk", [(2, 3, 4, 6), (2, 3, 5, 6)]),
        ("bqhd,bkhd->bhqk", [(2, 4, 3, 6), (2, 5, 3, 6)]),
        ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 5)]),
        ("ii->i", [(3, 3)]),
        ("iji->j", [(3, 4, 3)]),
        ("i,j", [(3,), (4,)]),
        ("ij,ij->", [(3, 4), (3, 4)]),
        ("...ij,...jk->...ik", [(2, 1, 3, 4), (5, 4, 6)]),
        ("i...->...i", [(2, 3, 4)]),
        ("ijk,jil->kl", [(2, 3, 4), (3, 2, 5)]),
    ],
)
def test_einstein_sums(equation: str, shapes: list[tuple[int, ...]]) -> None:
    operands = [floats(*shape) for shape in shapes]
    model = node_model("Einsum", operands, equation=equation, constant=range(1, len(operands)))
    (got,) = interpret(model, {"x0": operands[0]})
    np.testing.assert_allclose(got, np.einsum(equation, *operands), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("equation", "shapes", "message"),
    [
        ("ij,jk->ik", [(2, 3), (4, 5)], "axes of 3 and 4 elements meet"),
        ("ij->k", [(2, 3)], "the result 'k' of the equation"),
        ("ij,j->i", [(2, 3)], "for 1 operands"),
        ("ijk->i", [(2, 3)], "the equation's term 'ijk' for an operand of rank 2"),
    ],
)
def test_wrong_einstein_sums(equation: str, shapes: list[tuple[int, ...]], message: str) -> None:
    assert message in error_of("Einsum", [floats(*shape) for shape in shapes], equation=equation)


@pytest.mark.parametrize("opset", [7, 9, 14, 15])
def test_batch_normalization(opset: int) -> None:
    x, parameters = floats(2, 4, 3), [floats(4), floats(4), floats(4), np.abs(floats(4))]
    check("BatchNormalization", [x, *parameters], opset=opset, epsilon=1e-2)
    if opset >= 14:
        check("BatchNormalization", [x, *parameters], 3, opset=opset, training_mode=1)


def test_batch_normalization_of_each_element() -> None:
    x, (scale, bias, mean) = floats(2, 4, 3), (floats(4, 3, scale=s) for s in (1.0, 2.0, 3.0))
    variance = np.abs(floats(4, 3))
    model = node_model("BatchNormalization", [x, scale, bias, mean, variance], opset=7, spatial=0)
    (got,) = interpret(model, {"x0": x, "x1": scale, "x2": bias, "x3": mean, "x4": variance})
    np.testing.assert_allclose(got, (x - mean) / np.sqrt(variance + 1e-5) * scale + bias, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_layer_normalization(axis: int) -> None:
    x = floats(2, 4, 5)
    check("LayerNormalization", [x, floats(*x.shape[axis:]), floats(*x.shape[axis:])], 3, axis=axis)
    check("LayerNormalization", [x, floats(*x.shape[axis:])], axis=axis)


def test_normalizations_by_instance_and_group() -> None:
    x = floats(2, 4, 3, 5)
    check("InstanceNormalization", [x, floats(4), floats(4)], dims={0: ["N", 4, "H", "W"]})
    check("GroupNormalization", [x, floats(2), floats(2)], num_groups=2, opset=18)
    check("GroupNormalization", [x, floats(4), floats(4)], num_groups=2, opset=21, dims={0: ["N", 4, "H", "W"]})
    assert "3 groups of 4 channels" in error_of("GroupNormalization", [x, floats(4), floats(4)], num_groups=3, opset=21)


@pytest.mark.parametrize("p", [1, 2])
def test_norms_of_zeros_are_no_divisors(p: int) -> None:
    check("LpNormalization", [floats(3, 4)], p=p)
    check("LpNormalization", [np.zeros((3, 4), np.float32)], p=p)


@pytest.mark.parametrize("operator", ["Softmax", "LogSoftmax", "Hardmax"])
@pytest.mark.parametrize("opset", [11, 13])
def test_softmax(operator: str, opset: int) -> None:
    for axis in (-2, 0, 1, 2):
        check(operator, [floats(2, 3, 4)], axis=axis, opset=opset, dims={0: ["N", "C", 4]})
    check(operator, [floats(2, 3, 4)], opset=opset)


GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
STEPS, BATCH, INPUT, HIDDEN = 5, 3, 4, 6


def recurrent_inputs(operator: str, directions: int, lengths: bool = True, states: bool = True) -> list[Array | None]:
    gates = GATES[operator] * HIDDEN
    state = floats(directions, BATCH, HIDDEN) if states else None
    inputs: list[Array | None] = [
        floats(STEPS, BATCH, INPUT),
        floats(directions, gates, INPUT, scale=0.4),
        floats(directions, gates, HIDDEN, scale=0.4),
        floats(directions, 2 * gates, scale=0.4),
        np.array([5, 2, 3], np.int32) if lengths else None,
        state,
    ]
    return [*inputs, state, floats(directions, 3 * HIDDEN, scale=0.4)] if operator == "LSTM" else inputs


@pytest.mark.parametrize("operator", GATES)
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_recurrence(operator: str, direction: str) -> None:
    directions = 2 if direction == "bidirectional" else 1
    options: dict[str, Any] = {"hidden_size": HIDDEN, "direction": direction, "opset": 14}
    outputs = 3 if operator == "LSTM" else 2
    check(operator, recurrent_inputs(operator, directions), outputs, **options, clip=0.3)
    dims = {0: ["T", "B", INPUT]}
    check(operator, recurrent_inputs(operator, directions, states=False, lengths=False), outputs, **options, dims=dims)
    if operator == "GRU":
        check(operator, recurrent_inputs(operator, directions), outputs, **options, linear_before_reset=1)
    if operator == "LSTM":
        check(operator, recurrent_inputs(operator, directions), outputs, **options, input_forget=1)


def test_activations_take_their_parameters_in_order() -> None:
    check(
        "LSTM",
        recurrent_inputs("LSTM", 1),
        3,
        hidden_size=HIDDEN,
        opset=14,
        activations=["HardSigmoid", "LeakyRelu", "ScaledTanh"],
        activation_alpha=[0.3, 0.4, 0.5],
        activation_beta=[0.6, 0.7],
    )


def test_wrong_recurrence() -> None:
    inputs = recurrent_inputs("GRU", 1)
    options: dict[str, Any] = {"hidden_size": HIDDEN, "opset": 14}
    assert "direction 'backward'" in error_of("GRU", inputs, **options, direction="backward")
    assert "recurrence weights of shape (1, 18, 6)" in error_of("GRU", inputs, **options, direction="bidirectional")
    assert "the activation 'Mish'" in error_of("GRU", inputs, **options, activations=["Sigmoid", "Mish"])
    assert "1 activations" in error_of("GRU", inputs, **options, activations=["Sigmoid"])
    assert "hidden_size 7" in error_of("GRU", inputs, hidden_size=7, opset=14)


def test_wrong_windows() -> None:
    x, weights = floats(1, 3, 8, 8), floats(4, 3, 3, 3)
    assert "kernel_shape (2, 2), but a kernel of shape (4, 3, 3, 3)" in error_of(
        "Conv", [x, weights], kernel_shape=[2, 2]
    )
    assert "auto_pad 'SAME'" in error_of("Conv", [x, weights], auto_pad="SAME")
    assert "pads (1, 1)" in error_of("Conv", [x, weights], pads=[1, 1])
    assert "a window of size (2,)" in error_of("MaxPool", [x], kernel_shape=[2])
    assert "the attribute 'kernel_shape' is missing" in error_of("AveragePool", [x])
    assert "batch, channels and one spatial axis or more" in error_of("GlobalMaxPool", [floats(2, 3)])


def test_same_padding_of_images_of_any_size() -> None:
    """What a window that strides pads depends on the image: no kernel before it can write that border."""
    model = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 17]>
        g (float[1, 3, H, W] x) => (float[1, C, A, B] y) {
            a = Conv(x, w)
            b = Relu(a)
            y = MaxPool <kernel_shape = [2, 2], strides = [2, 2], auto_pad = "SAME_UPPER"> (b)
        }"""
    )
    model.graph.initializer.append(numpy_helper.from_array(floats(16, 3, 3, 3), "w"))
    compiled = onnxc.compile(model, jobs=1)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for height, width in ((12, 13), (15, 20)):
        x = floats(1, 3, height, width)
        np.testing.assert_allclose(compiled(x)["y"], session.run(None, {"x": x})[0], rtol=1e-4, atol=1e-4)


def test_grid_of_one_place_with_aligned_corners_has_the_middle() -> None:
    """ONNX's function body divides by 0 there; PyTorch, whose operator it is, takes the middle."""
    model = onnx.parser.parse_model(
        """<ir_version: 9, opset_import: ["" : 20]> g (float[1, 2, 3] t) => (float[1, 1, 3, 2] y) {
            sizes = Constant<value_ints = [1, 1, 1, 3]>()
            y = AffineGrid<align_corners = 1>(t, sizes)
        }"""
    )
    theta = floats(1, 2, 3)
    places = np.array([[-1, 0, 1], [0, 0, 1], [1, 0, 1]], np.float32)
    (found,) = interpret(model, {"t": theta})
    np.testing.assert_allclose(found[0, 0], places @ theta[0].T, rtol=1e-6)
