"""Types of elementwise operators, reductions and quantisation: what fits, and the errors where something does not."""

from __future__ import annotations

import numpy as np
import pytest

from onnxc import op
from onnxc.op.shape_arithmetic import Undecided, equal, less, truncate_div
from onnxc.relay.dimension import Dim
from tests.op.relations import error_of, infer_tensor, tensor

N, M = Dim.symbol("N"), Dim.symbol("M")


@pytest.mark.parametrize(
    ("left", "right", "result"),
    [
        ((2, 3), (3,), (2, 3)),
        ((2, 1), (1, 3), (2, 3)),
        ((), (4, 5), (4, 5)),
        ((N, 3), (3,), (N, 3)),
        ((N, 3), (1, 3), (N, 3)),
        ((N,), (4,), (4,)),
        ((0, 3), (1, 3), (0, 3)),
    ],
)
def test_shapes_broadcast(left: tuple, right: tuple, result: tuple) -> None:
    assert infer_tensor("add", tensor(*left), tensor(*right)).shape == result
    assert infer_tensor("less", tensor(*left), tensor(*right)) == tensor(*result, dtype="bool")


def test_shapes_that_do_not_broadcast() -> None:
    assert "multiply: shapes (2, 3) and (4,) do not broadcast" in error_of("multiply", tensor(2, 3), tensor(4))


def test_arguments_of_different_element_types() -> None:
    message = error_of("add", tensor(2), tensor(2, dtype="int32"))
    assert "add: the arguments have the element types float32, int32" in message
    assert "Cast" in message


@pytest.mark.parametrize(
    ("name", "dtype", "arity"),
    [
        ("exp", "int32", 1),
        ("logical_not", "float32", 1),
        ("bitwise_and", "float32", 2),
        ("left_shift", "bool", 2),
        ("logical_or", "int8", 2),
        ("power", "uint8", 2),
        ("add", "bool", 2),
        ("equal", "string", 2),
    ],
)
def test_element_types_without_meaning(name: str, dtype: str, arity: int) -> None:
    message = error_of(name, *[tensor(2, dtype=dtype)] * arity)
    assert f"{name} of {dtype}" in message
    assert "expected: one of" in message


def test_number_of_arguments() -> None:
    assert "add got 1 arguments" in error_of("add", tensor(2))


def test_unknown_attribute() -> None:
    assert "nn.leaky_relu has no attribute 'beta'" in error_of("nn.leaky_relu", tensor(2), beta=1.0)


def test_where_needs_a_bool_condition() -> None:
    assert infer_tensor("where", tensor(2, 1, dtype="bool"), tensor(3), tensor()).shape == (2, 3)
    assert "the condition is Tensor[(2,), float32]" in error_of("where", tensor(2), tensor(2), tensor(2))


def test_casts_of_strings() -> None:
    assert infer_tensor("cast", tensor(2), dtype="int8").dtype == "int8"
    assert "cast of string to float32" in error_of("cast", tensor(2, dtype="string"), dtype="float32")


def test_reinterpreting_needs_equal_sizes() -> None:
    assert infer_tensor("reinterpret", tensor(2), dtype="int32").dtype == "int32"
    assert "the bits of float32 as int64" in error_of("reinterpret", tensor(2), dtype="int64")


def test_reduced_shapes() -> None:
    assert infer_tensor("sum", tensor(2, N, 4), axis=(0, 2)).shape == (N,)
    assert infer_tensor("max", tensor(2, N, 4), axis=(1,), keepdims=True).shape == (2, 1, 4)
    assert infer_tensor("argmax", tensor(2, N), axis=1) == tensor(2, dtype="int64")


@pytest.mark.parametrize("axes", [(2,), (1, 0), (0, 0), (-1,), ()])
def test_axes_that_are_not_the_tensors(axes: tuple[int, ...]) -> None:
    assert f"sum: the axes {axes} of a tensor of rank 2" in error_of("sum", tensor(2, 3), axis=axes)


def test_quantised_types() -> None:
    scale, point = tensor(3), tensor(3, dtype="int8")
    assert infer_tensor("qnn.quantize", tensor(2, 3), scale, point, dtype="int8", axis=1) == tensor(2, 3, dtype="int8")
    assert (
        infer_tensor("qnn.dequantize", tensor(2, 3, dtype="int8"), scale, point, dtype="float16", axis=1).dtype
        == "float16"
    )
    blocks = tensor(2, 2)
    assert infer_tensor("qnn.quantize", tensor(2, 3), blocks, dtype="uint8", axis=1, block_size=2).shape == (2, 3)


def test_scale_that_does_not_fit_the_axis() -> None:
    message = error_of("qnn.quantize", tensor(2, 3), tensor(2), dtype="uint8", axis=1)
    assert "scale of shape (2,) for data of shape (2, 3), axis 1" in message
    assert "(3,), or one element" in message


def test_zero_point_of_another_type() -> None:
    message = error_of("qnn.dequantize", tensor(2, dtype="int8"), tensor(), tensor(dtype="uint8"), dtype="float32")
    assert "a zero point of uint8 for int8" in message


def test_decisions_on_shape_values() -> None:
    assert less(-1, N) and not less(N, 0)
    assert equal(N * 2, N + N) and not equal(N, -1) and not equal(N + 1, N)
    assert truncate_div(-7, 2) == -3 and truncate_div(N * 4, 2) == N * 2
    for undecided in (lambda: less(N, M), lambda: less(0, N), lambda: equal(N, 4), lambda: truncate_div(N - 8, 3)):
        with pytest.raises(Undecided):
            undecided()


def test_shape_values_are_computed() -> None:
    shape = np.array([N, 3], dtype=object)
    product = op.get("multiply").reference({}, shape, np.array([2, 2], dtype=object))
    assert list(product) == [N * 2, 6]
    reference = op.get("where").reference
    kept = reference({}, op.get("equal").reference({}, shape, np.array([-1, 3], dtype=object)), product, shape)
    assert list(kept) == [N, 6]
