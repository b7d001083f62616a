"""Types of operators that move, pick and resize: what fits, and the errors where something does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnxc import op
from onnxc.diagnostics import CompileError
from onnxc.frontend.importer import import_model
from onnxc.relay.dimension import Dim, Dimension, maximum, minimum
from onnxc.relay.expr import Call, Constant, Module
from onnxc.relay.run_time import Condition, collect_conditions
from onnxc.relay.types import TensorType, tensor_fields
from tests.op.relations import error_of, infer, shape_of, tensor

N, M = Dim.symbol("N"), Dim.symbol("M")


I64 = "int64"


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ((2, 6), (3, 4)),
        ((N, 12), (N, 3, 4)),
        ((N, M, 4), (N * M, 2, 2)),
        ((N, 6), (N // 2, 12)),
        ((1, 3, N, M), (1, 3, N // 2, 2, M // 2, 2)),
    ],
)
def test_reshape_keeps_elements(source: tuple, target: tuple) -> None:
    assert shape_of("reshape", tensor(*source), shape=target) == target


def test_reshape_errors() -> None:
    assert "expected: 12 elements, not 10" in error_of("reshape", tensor(3, 4), shape=(2, 5))


def test_the_run_checks_whether_a_reshape_keeps_elements() -> None:
    """Exporters write 'the first 10^9 rows' where they mean all of them."""
    with collect_conditions() as conditions:
        assert shape_of("reshape", tensor(minimum(N, 1000)), shape=(N, 1)) == (N, 1)
    assert conditions == [Condition("equal", minimum(N, 1000), N)]


def test_transpose_errors() -> None:
    assert "a permutation of 0 to 2" in error_of("transpose", tensor(2, 3, 4), axes=(0, 1, 1))


def test_concatenate() -> None:
    assert shape_of("concatenate", tensor(N, 2), tensor(N, M), tensor(N, 1), axis=1) == (N, M + 3)
    assert "equal dimensions except on that axis" in error_of("concatenate", tensor(2, 3), tensor(4, 5), axis=1)
    assert shape_of("concatenate", tensor(N, 3), tensor(M, 5), axis=1) == (N, 8)  # the run checks that N is M
    assert "ranks 2 and 1" in error_of("concatenate", tensor(2, 3), tensor(3), axis=0)


def test_split() -> None:
    result = infer("split", tensor(N, 6), sizes=(2, 4), axis=1)
    assert [t.shape for t in tensor_fields(result)] == [(N, 2), (N, 4)]
    assert "sizes that sum up to 6" in error_of("split", tensor(N, 6), sizes=(2, 3), axis=1)
    assert "no negative size" in error_of("split", tensor(6), sizes=(-2, 8), axis=0)


def test_strided_slice() -> None:
    assert shape_of("strided_slice", tensor(9, N), begin=(8, 1), end=(-1, N), strides=(-2, 1)) == (5, maximum(N - 1, 0))
    assert "positions inside" in error_of("strided_slice", tensor(9), begin=(2,), end=(12,), strides=(1,))
    assert "the stride 0" in error_of("strided_slice", tensor(9), begin=(2,), end=(5,), strides=(0,))


def test_gather_errors() -> None:
    x, floats = tensor(4, 5), tensor(2)
    assert "take: indices of float32" in error_of("take", x, floats, axis=0)
    assert "axis 2 of a tensor of rank 2" in error_of("take", x, tensor(2, dtype=I64), axis=2)
    assert "without elements" in error_of("take", tensor(0, 5), tensor(2, dtype=I64), axis=0)
    assert "no greater dimension except on axis 1" in error_of("gather_elements", x, tensor(5, 1, dtype=I64), axis=1)
    assert "known by now" in error_of("gather_nd", x, tensor(2, N, dtype=I64))


def test_scatter_errors() -> None:
    x, indices = tensor(4, 5), tensor(2, 5, dtype=I64)
    assert "indices and updates of one shape" in error_of("scatter_elements", x, indices, tensor(2, 4))
    assert "with the reduction 'median'" in error_of("scatter_elements", x, indices, tensor(2, 5), reduction="median")
    assert "element types float32, int32" in error_of("scatter_elements", x, indices, tensor(2, 5, dtype="int32"))
    assert "expected: (2, 5)" in error_of("scatter_nd", x, tensor(2, 1, dtype=I64), tensor(2, 4))


def test_broadcast_to_errors() -> None:
    assert shape_of("broadcast_to", tensor(N, 1), shape=(2, N, 3)) == (2, N, 3)
    for shape in ((2, 4), (1, 3)):
        assert "a shape that it broadcasts to" in error_of("broadcast_to", tensor(2, 3), shape=shape)


def test_pad_errors() -> None:
    assert shape_of("pad", tensor(N, 3), before=(1, -1), after=(N, 0)) == (2 * N + 1, 2)
    assert "at least 0 in the result" in error_of("pad", tensor(3), before=(-4,), after=(0,))
    assert "the mode 'constant'" in error_of("pad", tensor(0), before=(1,), after=(0,), mode="edge")
    assert "a scalar" in error_of("pad", tensor(3), tensor(2), before=(1,), after=(0,))


def test_topk_errors() -> None:
    assert "0 to all elements" in error_of("topk", tensor(3, 4), k=5)
    assert "topk of bool" in error_of("topk", tensor(3, dtype="bool"), k=1)


def test_other_errors() -> None:
    assert "none negative" in error_of("tile", tensor(3), repeats=(-1,))
    assert "a matrix" in error_of("trilu", tensor(3), upper=True)
    assert "(2,): the value for off, for on" in error_of("one_hot", tensor(3, dtype=I64), tensor(3), depth=4)
    assert "a length for each index of the batch axis" in error_of(
        "reverse_sequence", tensor(3, 4), tensor(4, dtype=I64), batch_axis=0, time_axis=1
    )
    assert "with 3 in front" not in error_of("grid_sample", tensor(2, 3, 4, 5), tensor(1, 2, 2, 2))
    assert "a positive denominator" in error_of("resize_nearest", tensor(4), shape=(8,), lines=((1, 0, 0),))
    assert "at most 4" in error_of("resize_nearest", tensor(4), shape=(8,), lines=((1, 0, 1),))
    assert "16 blocks" in error_of(
        "col2im", tensor(1, 12, 12), image=(5, 6), block=(2, 2), strides=(1, 2), padding=(0, 1, 0, 1), dilations=(1, 1)
    )
    assert "without elements" in error_of(
        "roi_align", tensor(1, 3, 0, 4), tensor(2, 4), tensor(2, dtype=I64), height=1, width=1
    )


@pytest.mark.parametrize("name", ["take", "gather_elements", "scatter_elements"])
def test_indices_out_of_range_go_to_the_nearest(name: str) -> None:
    x, indices = np.arange(4, dtype=np.float32), np.array([-9, -1, 0, 9])
    attrs = op.complete_attrs(op.get(name), {"axis": 0})
    if name == "scatter_elements":
        result = op.get(name).reference(attrs, x, indices, np.array([10, 11, 12, 13], np.float32))
        assert result.tolist() == [12, 1, 2, 13]
    else:
        assert op.get(name).reference(attrs, x, indices).tolist() == [0, 3, 0, 3]


# The importer: what shape arithmetic becomes, and what it refuses.


def model(
    nodes: Sequence[onnx.NodeProto], inputs: dict[str, Sequence[int | str]], opset: int = 21, **constants: np.ndarray
) -> Module:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_empty_tensor_value_info("y")],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return import_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)]))


def result_shape(module: Module) -> tuple[Dimension, ...]:
    type_ = module.main.result.type
    assert isinstance(type_, TensorType)
    return type_.shape


def import_error(*args: object, **kwargs: object) -> str:
    with pytest.raises(CompileError) as caught:
        model(*args, **kwargs)  # type: ignore[arg-type]
    return str(caught.value)


def node(operator: str, *inputs: str, output: str = "y", **attrs: Any) -> onnx.NodeProto:
    return helper.make_node(operator, inputs, [output], **attrs)


def integers(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def test_heads_are_split_by_shape_arithmetic() -> None:
    nodes = [
        node("Shape", "x", output="shape"),
        node("Gather", "shape", "zero", output="batch"),
        node("Gather", "shape", "one", output="length"),
        node("Concat", "batch", "length", "heads", output="target", axis=0),
        node("Reshape", "x", "target"),
    ]
    constants = {"zero": integers(0), "one": integers(1), "heads": integers(12, -1)}
    module = model(nodes, {"x": ["N", "M", 768]}, 21, **constants)
    assert result_shape(module) == (N, M, 12, 64)


@pytest.mark.parametrize(
    ("start", "end", "step", "length"),
    [
        (0, 2**63 - 1, 1, N),
        (1, 2**31 - 1, 1, maximum(N - 1, 0)),
        (-1, 2**63 - 1, 1, minimum(N, 1)),
        (0, -2, 1, maximum(N - 2, 0)),
        (0, 5, 1, minimum(N, 5)),
        (-1, -(2**63), -1, N),
        (0, 2**63 - 1, 2, (N + 1) // 2),
    ],
)
def test_slices_of_symbolic_dimensions(start: int, end: int, step: int, length: Dimension) -> None:
    constants = {"starts": integers(start), "ends": integers(end), "axes": integers(0), "steps": integers(step)}
    module = model([node("Slice", "x", "starts", "ends", "axes", "steps")], {"x": ["N", 3]}, 21, **constants)
    assert result_shape(module) == (length, 3)


def test_reshape_to_what_does_not_divide() -> None:
    message = import_error([node("Reshape", "x", "shape")], {"x": [3, 4]}, shape=integers(5, -1))
    assert "node 'y', operator Reshape: (3, 4) reshaped to (5, -1)" in message
    assert "a divisor of 12" in message


def test_squeeze_of_unknown_dimensions() -> None:
    # The run checks that N is another number; and that it is 1, where axes say so.
    assert result_shape(model([node("Squeeze", "x")], {"x": ["N", 1]})) == (N,)
    assert result_shape(model([node("Squeeze", "x", "axes")], {"x": ["N", 3]}, axes=integers(0))) == (3,)
    assert "axis 1 of (N, 3) is 3" in import_error([node("Squeeze", "x", "axes")], {"x": ["N", 3]}, axes=integers(1))


def test_gather_out_of_range() -> None:
    message = import_error([node("Gather", "x", "index")], {"x": [3, 4]}, index=integers(1, 3))
    assert "index 3 on axis 0 of (3, 4)" in message
    assert "expected: -3 to 2" in message


def test_results_whose_shape_depends_on_data() -> None:
    module = model([node("NonZero", "x")], {"x": [3, 4]})
    assert result_shape(module) == (2, Dim.symbol("y_count_"))
    constant = model([node("NonZero", "x")], {}, x=integers(0, 3, 0, 5))
    assert isinstance(constant.main.result, Constant) and constant.main.result.array.tolist() == [[1, 3]]


def test_resize_needs_scales_or_sizes() -> None:
    assert "scales and sizes are given, or neither" in import_error([node("Resize", "x")], {"x": [1, 1, 4, 4]})


def test_nearest_resize_by_an_integer_divides_indices() -> None:
    resize = node("Resize", "x", "", "scales", mode="nearest", coordinate_transformation_mode="half_pixel")
    module = model([resize], {"x": [1, 3, "N", "M"]}, scales=np.array([1, 1, 2, 2], np.float32))
    (binding,) = module.main.bindings
    assert isinstance(binding.value, Call)
    assert binding.value.attrs.lines == ((1, 0, 1), (1, 0, 1), (1, 0, 2), (1, 0, 2))
    assert result_shape(module) == (1, 3, 2 * N, 2 * M)


def branch(name: str, operator: str, *inputs: str, **attrs: object) -> onnx.GraphProto:
    return helper.make_graph(
        [node(operator, *inputs, output=name, **attrs)], name, [], [helper.make_empty_tensor_value_info(name)]
    )


def test_if_with_a_known_condition_is_the_branch_taken() -> None:
    nodes = [
        node("Shape", "x", output="shape", start=1),
        node("Equal", "shape", "three", output="condition"),
        node("If", "condition", then_branch=branch("a", "Relu", "x"), else_branch=branch("b", "Flatten", "x", axis=0)),
    ]
    module = model(nodes, {"x": ["N", 3]}, three=integers(3))
    assert module.main.bindings[-1].value.op == "nn.relu"  # type: ignore[union-attr]


def test_if_whose_branches_differ() -> None:
    nodes = [
        node("ReduceMax", "x", output="greatest", keepdims=0),
        node("Cast", "greatest", output="condition", to=TensorProto.BOOL),
        node("If", "condition", then_branch=branch("a", "Relu", "x"), else_branch=branch("b", "Flatten", "x", axis=0)),
    ]
    type_ = model(nodes, {"x": ["N", 3]}).main.result.type
    assert str(type_) == "Tensor[(y_d0_, y_d1_), float32]"
    nodes[-1] = node("If", "condition", then_branch=branch("a", "Relu", "x"), else_branch=branch("b", "Size", "x"))
    message = import_error(nodes, {"x": ["N", 3]})
    assert "output 0 is Tensor[(N, 3), float32] in the then branch, Tensor[(), int64] in the else branch" in message
    # What follows fits one of two ranks: the run checks that it takes that branch.
    flat = helper.make_graph(
        [node("Reshape", "x", "all", output="c")], "c", [], [helper.make_empty_tensor_value_info("c")]
    )
    nodes[-1] = node("If", "condition", output="either", then_branch=flat, else_branch=branch("d", "Relu", "x"))
    module = model([*nodes, node("Transpose", "either", perm=[1, 0])], {"x": ["N", 3]}, all=integers(-1))
    calls = [b.value for b in module.main.bindings if isinstance(b.value, Call) and b.value.op == "assume"]
    assert [call.attrs["value"] for call in calls] == [False]


def test_tensors_without_elements_are_constants() -> None:
    module = model([node("Shape", "x", start=2, end=1)], {"x": [3, 4]})
    assert isinstance(module.main.result, Constant)
