"""Models that break ONNX's rules, or use what is not supported: the error names the place, and what was found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnxc import targets
from onnxc.diagnostics import CompileError
from onnxc.driver import Options, compile_model
from onnxc.frontend.importer import import_model
from tests.errors.models import model_of, node

FLOAT, INT64, BOOL, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL, TensorProto.STRING


def _tensor(name: str, value: Any) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(value), name)


def _short_initializer() -> onnx.TensorProto:
    return TensorProto(name="w", dims=[2, 3], data_type=FLOAT, raw_data=bytes(20))


def _with_functions(*functions: onnx.FunctionProto, nodes: list[onnx.NodeProto]) -> onnx.ModelProto:
    model = model_of(nodes)
    model.functions.extend(functions)
    model.opset_import.append(helper.make_opsetid("mine", 1))
    return model


def _function(name: str, nodes: list[onnx.NodeProto]) -> onnx.FunctionProto:
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)]
    return helper.make_function("mine", name, ["a"], ["b"], nodes, opsets)


def _renamed_attribute_type(model: onnx.ModelProto) -> onnx.ModelProto:
    model.graph.node[0].attribute[0].CopyFrom(helper.make_attribute("axis", [1, 2]))
    return model


#: Name -> model, and what the error must say.
MODELS: dict[str, tuple[Callable[[], onnx.ModelProto], list[str]]] = {
    "cycle": (
        lambda: model_of([node("Add", "x b", "a", "first"), node("Relu", "a", "b", "second"), node("Relu", "b")]),
        ["model 'broken'", "cycle", "operator Relu", "node 'second'"],
    ),
    "node_of_itself": (lambda: model_of([node("Add", "x y")]), ["cycle", "node 'the_node'"]),
    "missing_input": (
        lambda: model_of([node("Add", "x nowhere")]),
        ["node 'the_node'", "operator Add", "tensor 'nowhere'", "nothing computes this input"],
    ),
    "missing_output": (lambda: model_of([node("Relu", "x", "z")]), ["tensor 'y'", "nothing computes this output"]),
    "required_input_left_out": (lambda: model_of([node("Add", "x")]), ["node 'the_node'", "input 1 is missing"]),
    "duplicate_output": (
        lambda: model_of([node("Relu", "x"), node("Neg", "x", name="other")]),
        ["node 'other'", "operator Neg", "two nodes"],
    ),
    "output_named_like_input": (lambda: model_of([node("Relu", "x", "x"), node("Relu", "x")]), ["tensor 'x'"]),
    "duplicate_input": (lambda: _twice("input"), ["two inputs", "tensor 'x'"]),
    "duplicate_initializer": (lambda: _twice("initializer"), ["two initializers", "tensor 'w'"]),
    "no_outputs": (lambda: model_of([node("Relu", "x")], outputs={}), ["no outputs"]),
    "type_mismatch": (
        lambda: model_of([node("Add", "x n")], {"x": (FLOAT, [2, 3]), "n": (INT64, [2, 3])}),
        ["node 'the_node'", "operator Add", "float32", "int64", "remedy: "],
    ),
    "wrong_output_type": (lambda: model_of([node("Shape", "x")]), ["tensor 'y'", "int64", "float32"]),
    "bool_arithmetic": (lambda: model_of([node("Add", "x x")], {"x": (BOOL, [2])}, {"y": BOOL}), ["bool"]),
    "unknown_operator": (
        lambda: model_of([node("Frobnicate", "x")]),
        ["1 operator is not supported", "Frobnicate", "opset 17", "'the_node'", "remedy: "],
    ),
    "unknown_operators_and_domain": (
        lambda: model_of([node("Frobnicate", "x", "a"), node("Munge", "a", "b"), _custom("com.example", "b")]),
        ["3 operators are not supported", "Frobnicate", "Munge", "com.example:Custom"],
    ),
    "unknown_operator_in_a_function": (
        lambda: _with_functions(_function("F", [node("Frobnicate", "a", "b")]), nodes=[_custom("mine", "x", "F")]),
        ["Frobnicate"],
    ),
    "function_calls_itself": (
        lambda: _with_functions(
            _function("F", [_custom("mine", "a", "G", "b")]),
            _function("G", [_custom("mine", "a", "F", "b")]),
            nodes=[_custom("mine", "x", "F")],
        ),
        ["calls itself", "'F' calls 'G'"],
    ),
    "matmul_of_wrong_shapes": (
        lambda: model_of([node("MatMul", "x x")]),
        ["node 'the_node'", "operator MatMul", "3", "2"],
    ),
    "broadcast_of_wrong_shapes": (
        lambda: model_of([node("Add", "x z")], {"x": (FLOAT, [2, 3]), "z": (FLOAT, [2, 4])}),
        ["do not broadcast", "(2, 3)", "(2, 4)"],
    ),
    "impossible_reshape": (
        lambda: model_of([node("Reshape", "x s")], initializers=[_tensor("s", [7, -1])]),
        ["operator Reshape", "7"],
    ),
    "two_unknowns_in_reshape": (
        lambda: model_of([node("Reshape", "x s")], initializers=[_tensor("s", [-1, -1])]),
        ["operator Reshape"],
    ),
    "kernel_larger_than_image": (
        lambda: model_of(
            [node("Conv", "x w")], {"x": (FLOAT, [1, 1, 2, 2])}, initializers=[_tensor("w", np.ones((1, 1, 9, 9), "f"))]
        ),
        ["operator Conv"],
    ),
    "axis_out_of_range": (lambda: model_of([node("Softmax", "x", axis=5)]), ["operator Softmax", "axis 5", "rank 2"]),
    "permutation_of_wrong_rank": (
        lambda: model_of([node("Transpose", "x", perm=[0, 1, 2])]),
        ["operator Transpose", "node 'the_node'"],
    ),
    "attribute_of_wrong_type": (
        lambda: _renamed_attribute_type(model_of([node("Softmax", "x", axis=1)])),
        ["node 'the_node'", "operator Softmax", "axis"],
    ),
    "attribute_missing": (lambda: model_of([node("Concat", "x x")]), ["operator Concat", "axis"]),
    "initializer_too_short": (
        lambda: model_of([node("Add", "x w")], initializers=[_short_initializer()]),
        ["tensor 'w'", "initializer is broken", "(2, 3)"],
    ),
    "initializer_of_unknown_type": (
        lambda: model_of([node("Add", "x w")], initializers=[TensorProto(name="w", dims=[1], data_type=77)]),
        ["tensor 'w'", "initializer is broken"],
    ),
    "negative_initializer_dimension": (
        lambda: model_of([node("Add", "x w")], initializers=[TensorProto(name="w", dims=[-3], data_type=FLOAT)]),
        ["tensor 'w'"],
    ),
    "input_of_unknown_type": (
        lambda: model_of([node("Relu", "x")], {"x": (99, [2])}),
        ["tensor 'x'", "element type number 99"],
    ),
    "input_without_shape": (
        lambda: model_of([node("Relu", "x")], {"x": (FLOAT, None)}),  # type: ignore[dict-item]
        ["tensor 'x'", "no shape", "remedy: "],
    ),
    "run_time_rank": (
        lambda: model_of([node("Unsqueeze", "x s")], {"x": (FLOAT, [2, 3]), "s": (INT64, ["K"])}),
        ["operator Unsqueeze", "the number of axes is only known at run time", "static length"],
    ),
    "run_time_shape": (
        lambda: model_of([node("Reshape", "x s")], {"x": (FLOAT, [4, 3]), "s": (INT64, ["K"])}),
        ["operator Reshape", "only known at run time", "'s'", "remedy: "],
    ),
}


def _custom(domain: str, input_: str, operator: str = "Custom", output: str = "y") -> onnx.NodeProto:
    return helper.make_node(operator, [input_], [output], "custom", domain=domain)


def _twice(what: str) -> onnx.ModelProto:
    model = model_of([node("Add", "x w")], initializers=[_tensor("w", np.ones((2, 3), np.float32))])
    if what == "input":
        model.graph.input.append(model.graph.input[0])
    else:
        model.graph.initializer.append(model.graph.initializer[0])
    return model


@pytest.mark.parametrize("name", MODELS)
def test_model(name: str) -> None:
    make, fragments = MODELS[name]
    with pytest.raises(CompileError) as caught:
        import_model(make().SerializeToString(), name="broken")
    text = str(caught.value)
    assert "model 'broken'" in text
    for fragment in fragments:
        assert fragment in text, text


def test_errors_inside_branches_name_the_inner_node() -> None:
    inner = helper.make_graph([node("Add", "x nowhere", "z", "inner")], "branch", [], [_value("z")])
    choice = helper.make_node("If", ["k"], ["y"], "choice", then_branch=inner, else_branch=inner)
    with pytest.raises(CompileError, match=r"node 'inner'.*tensor 'nowhere'"):
        import_model(model_of([choice], {"x": (FLOAT, [2, 3]), "k": (BOOL, [])}))


def _value(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, FLOAT, [2, 3])


@pytest.mark.parametrize(
    ("model", "found"),
    [
        (model_of([node("Relu", "x")], {"x": (FLOAT, [1 << 20, 1 << 20])}), "1099511627776 elements"),
        (
            model_of([node("Tile", "x n")], {"x": (FLOAT, [1, 1])}, initializers=[_tensor("n", [1 << 20] * 2)]),
            "1099511627776 elements",
        ),
    ],
    ids=["large_input", "large_result"],
)
def test_tensors_that_no_machine_can_hold(model: onnx.ModelProto, found: str) -> None:
    with pytest.raises(CompileError, match=found) as caught:
        compile_model(model, targets.find("x86-64-v3"), Options())
    assert "model 'broken'" in str(caught.value)
    assert "tensor '" in str(caught.value)


def test_devices_without_a_system_have_no_memory_for_sizes_that_the_run_decides() -> None:
    nodes = [node("NonZero", "x", "a"), node("CumSum", "a axis", "b"), node("Neg", "b", "y")]
    model = model_of(nodes, {"x": (FLOAT, ["N"])}, {"y": INT64}, initializers=[_tensor("axis", np.int64(1))])
    with pytest.raises(CompileError, match="sizes that only the run knows"):
        compile_model(model, targets.find("cortex-m4"), Options())


def test_devices_without_a_system_have_no_memory_for_strings_that_runs_make() -> None:
    model = model_of([node("StringConcat", "x x", "y")], {"x": (STRING, [2])}, {"y": STRING}, opset=20)
    with pytest.raises(CompileError, match="its runs make strings") as caught:
        compile_model(model, targets.find("cortex-m4"), Options())
    assert "no system to take memory from" in str(caught.value)
