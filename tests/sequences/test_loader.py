"""Sequences and optional values from Python: what is accepted, what is refused, and what comes back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import TensorProto, helper

import onnxc
import onnxc.backend
from onnxc.runtime_stub.errors import InputError, RunError


def parse(text: str) -> onnx.ModelProto:
    return onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 18]> model {text}')


def floats(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)


@pytest.fixture(scope="module")
def longer() -> Iterator[onnxc.Model]:
    text = "(seq(float[N, 2]) s, float[M, 2] t) => (seq(float[N, 2]) y) { y = SequenceInsert(s, t) }"
    with onnxc.compile(parse(text), jobs=1) as model:
        yield model


@pytest.fixture(scope="module")
def same() -> Iterator[onnxc.Model]:
    text = """(optional(float[2]) x, optional(seq(float[N])) s) => (optional(float[2]) y, optional(seq(float[N])) z) {
        y = Identity(x) z = Identity(s)
    }"""
    with onnxc.compile(parse(text), jobs=1) as model:
        yield model


def test_lists_and_tuples(longer: onnxc.Model) -> None:
    a, b, t = floats(3, 2), floats(0, 2), floats(1, 2) + 7
    for sequence in ([a, b], (a, b), [np.asfortranarray(a), b[::-1]]):
        for _ in range(2):
            y = longer(sequence, t)["y"]
            assert type(y) is list and [x.shape for x in y] == [(3, 2), (0, 2), (1, 2)]
            np.testing.assert_array_equal(y[0], a)
            np.testing.assert_array_equal(y[2], t)
    assert len(longer([], t)["y"]) == 1
    assert len(longer.run({"t": t, "s": [t] * 300})["y"]) == 301


def test_results_are_copies(longer: onnxc.Model) -> None:
    a, t = floats(3, 2), floats(1, 2)
    first = longer([a], t)["y"]
    longer([a + 1], t + 1)
    np.testing.assert_array_equal(first[0], a)
    np.testing.assert_array_equal(first[1], t)
    first[0][:] = 5
    np.testing.assert_array_equal(a, floats(3, 2))


def test_description(longer: onnxc.Model, same: onnxc.Model) -> None:
    assert str(longer.inputs[0]) == "s: sequence of float32 (?, 2)"
    assert str(longer.outputs[0]) == "y: sequence of float32 (?, 2)"
    assert str(same.inputs[0]) == "x: optional float32 (2,)"
    assert str(same.inputs[1]) == "s: optional sequence of float32 (?,)"
    assert longer.inputs[0].is_sequence and not longer.inputs[0].is_optional
    with onnxc.compile(parse("(seq(float[]) s) => (seq(float[]) y) { y = Identity(s) }"), jobs=1) as model:
        assert str(model.inputs[0]) == "s: sequence of float32 of any shape"
        shapes = [(), (2, 3), (0,)]
        assert [x.shape for x in model([floats(*shape) for shape in shapes])["y"]] == shapes
        with pytest.raises(InputError, match="found a tensor of the shape"):
            model([np.zeros((1,) * 9, np.float32)])


def test_optional_values(same: onnxc.Model) -> None:
    outputs = same(None, None)
    assert outputs == {"y": None, "z": None}
    outputs = same(floats(2), [floats(3), floats(0)])
    np.testing.assert_array_equal(outputs["y"], floats(2))
    assert [x.shape for x in outputs["z"]] == [(3,), (0,)]
    assert same(None, [])["z"] == []


@pytest.mark.parametrize(
    ("sequence", "message"),
    [
        (floats(3, 2), "found ndarray, expected a list of arrays$"),
        (None, "found NoneType, expected a list of arrays$"),
        ({"a": floats(3, 2)}, "found dict, expected a list"),
        ([floats(3, 2), floats(3, 2).astype(np.float64)], "found element type float64, expected float32"),
        ([floats(3)], r"found a tensor of the shape \(3,\) in it, expected \(\?, 2\)"),
        ([floats(3, 3)], r"found a tensor of the shape \(3, 3\) in it"),
        ([[1.0, 2.0]], "found list, expected a numpy array"),
        ([None], "found NoneType, expected a numpy array"),
    ],
)
def test_what_is_refused(longer: onnxc.Model, sequence: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"^model 'model', input 's': .*{message}"):
        longer(sequence, floats(1, 2))


def test_optional_values_that_are_refused(same: onnxc.Model) -> None:
    with pytest.raises(InputError, match="'x': found list, expected a numpy array"):
        same([floats(2)], None)
    with pytest.raises(InputError, match=r"'x': found a tensor of the shape \(3,\) in it, expected \(2,\)"):
        same(floats(3), None)
    with pytest.raises(InputError, match="'s': found ndarray, expected a list of arrays or None"):
        same(None, floats(3))


def test_no_array_for_a_sequence(longer: onnxc.Model) -> None:
    with pytest.raises(InputError, match="output 'y': only the run knows"):
        longer.run({"s": [], "t": floats(1, 2)}, {"y": floats(1, 2)})


def test_ranks_of_the_first_call() -> None:
    """ONNX's Backend interface finds ranks that types do not tell in what it is called with."""
    text = "(seq(float[]) s, int64 i) => (seq(float[]) z) { x = SequenceAt(s, i) y = Exp(x) z = SequenceConstruct(y) }"
    with pytest.raises(onnxc.CompileError, match=r"not even the rank is known.*(.|\n)*the input 's' a shape"):
        onnxc.compile(parse(text), jobs=1)
    prepared = onnxc.backend.prepare(parse(text), jobs=1)
    for shape in ((3,), (2, 2)):
        ((y,),) = prepared.run([[floats(*shape), floats(*shape)], np.array(1)])
        np.testing.assert_allclose(y, np.exp(floats(*shape)), rtol=1e-6)
    with pytest.raises(InputError, match=r"'s': found tensors of the ranks \[1, 2\], expected one rank"):
        prepared.run([[floats(3), floats(2, 2)], np.array(1)])
    with pytest.raises(RunError):
        prepared.run([[], np.array(1)])


def test_empty_arrays_in_the_backend_interface() -> None:
    prepared = onnxc.backend.prepare(parse("(float[n, 2] x) => (float[n, 2] y) { y = Exp(x) }"), jobs=1)
    for count in (3, 0):
        (y,) = prepared.run([floats(count, 2)])
        np.testing.assert_allclose(y, np.exp(floats(count, 2)), rtol=1e-6)


def test_elements_of_less_than_a_byte_have_one_each() -> None:
    tensor = helper.make_tensor_type_proto(TensorProto.INT4, [None])
    sequence = helper.make_sequence_type_proto(tensor)
    values = [helper.make_value_info(name, sequence) for name in ("x", "z")]

    def model(node: onnx.NodeProto, result: onnx.TypeProto) -> onnx.ModelProto:
        inputs = [*values, helper.make_tensor_value_info("c", TensorProto.BOOL, [])]
        graph = helper.make_graph([node], "g", inputs, [helper.make_value_info("y", result)])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)

    branches = [
        helper.make_graph(
            [helper.make_node("Identity", [name], [f"{name}_"])],
            name,
            [],
            [helper.make_value_info(f"{name}_", sequence)],
        )
        for name in ("x", "z")
    ]
    choice = helper.make_node("If", ["c"], ["y"], then_branch=branches[0], else_branch=branches[1])
    array = np.array([1, -8, 7]).astype(ml_dtypes.int4)
    with onnxc.compile(model(choice, sequence), jobs=1, level=1) as compiled:
        assert [x.tolist() for x in compiled([array, array[:1]], [], np.array(True))["y"]] == [[1, -8, 7], [1]]
        assert [x.tolist() for x in compiled([], [array[1:]], np.array(False))["y"]] == [[-8, 7]]
    with onnxc.compile(model(helper.make_node("ConcatFromSequence", ["x"], ["y"], axis=0), tensor), jobs=1) as compiled:
        assert compiled([array, array[1:]], [], np.array(True))["y"].tolist() == [1, -8, 7, -8, 7]
