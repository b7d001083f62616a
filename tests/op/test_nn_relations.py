"""Types of the operators of neural networks: shapes with symbolic dimensions, errors where something does not fit."""

from __future__ import annotations

from typing import Any

import pytest

from onnxc.relay.dimension import Dim
from onnxc.relay.types import tensor_fields
from tests.op.relations import error_of, infer, shape_of, tensor

N, H, W = Dim.symbol("N"), Dim.symbol("H"), Dim.symbol("W")

CONV = {"strides": (1, 1), "padding": (0, 0, 0, 0), "dilations": (1, 1)}
TRANSPOSE = {**CONV, "output_padding": (0, 0)}
POOL = {**CONV, "window": (3, 3)}
TANH = (("Tanh", 0.0, 0.0),)


# Convolution


def test_convolution_of_symbolic_sizes() -> None:
    attrs = {**CONV, "strides": (2, 1), "padding": (1, 0, 1, 0)}
    result = shape_of("nn.conv", tensor(N, 3, H, W), tensor(8, 3, 3, 3), tensor(8), **attrs)
    assert result == (N, 8, (H + 1) // 2, W - 2)


def test_convolution_sums_small_integers_in_wide_ones() -> None:
    data, kernel = tensor(1, 4, 5, 5, dtype="int8"), tensor(2, 4, 3, 3, dtype="uint8")
    assert infer("nn.conv", data, kernel, **CONV, out_dtype="int32") == tensor(1, 2, 3, 3, dtype="int32")
    assert "nn.conv: the arguments have the element types int8, uint8" in error_of("nn.conv", data, kernel, **CONV)
    message = error_of("nn.conv", tensor(1, 4, 5, 5), tensor(2, 4, 3, 3), **CONV, out_dtype="int32")
    assert "float32 and float32 summed in int32" in message


def test_convolution_with_the_wrong_channels() -> None:
    message = error_of("nn.conv", tensor(1, 4, 8, 8), tensor(6, 3, 3, 3), **CONV)
    assert "nn.conv: 4 input channels, kernel (6, 3, 3, 3), 1 groups" in message
    assert "expected: 3 input channels" in message
    message = error_of("nn.conv", tensor(1, 6, 8, 8), tensor(5, 3, 3, 3), **CONV, groups=2)
    assert "output channels divisible by groups" in message


def test_convolution_with_the_wrong_bias() -> None:
    message = error_of("nn.conv", tensor(1, 3, 8, 8), tensor(6, 3, 3, 3), tensor(5), **CONV)
    assert "nn.conv: bias Tensor[(5,), float32]" in message
    assert "expected: Tensor[(6,), float32]" in message


def test_convolution_of_the_wrong_rank() -> None:
    assert "with a kernel (6, 3, 3)" in error_of("nn.conv", tensor(1, 3, 8, 8), tensor(6, 3, 3), **CONV)
    assert "equal ranks, 3 or more" in error_of("nn.conv", tensor(1, 3), tensor(6, 3), **CONV)


@pytest.mark.parametrize(
    ("attribute", "value", "found", "expected"),
    [
        ("strides", (1,), "nn.conv: 1 strides (1,)", "2 for 2 spatial axes"),
        ("padding", (1, 1), "nn.conv: 2 padding (1, 1)", "4 for 2 spatial axes"),
        ("dilations", (1, 0), "nn.conv: dilations (1, 0)", "numbers from 1 on"),
        ("padding", (0, -1, 0, 0), "nn.conv: padding (0, -1, 0, 0)", "numbers from 0 on"),
    ],
)
def test_windows_with_wrong_attributes(attribute: str, value: tuple[int, ...], found: str, expected: str) -> None:
    message = error_of("nn.conv", tensor(1, 3, 8, 8), tensor(6, 3, 3, 3), **{**CONV, attribute: value})
    assert found in message
    assert f"expected: {expected}" in message


def test_windows_larger_than_the_data() -> None:
    message = error_of("nn.conv", tensor(1, 3, 8, 2), tensor(6, 3, 3, 3), **CONV)
    assert "nn.conv: a window of 3 on 2 padded elements (spatial axis 1)" in message
    message = error_of("nn.max_pool", tensor(1, 3, 8, 8), **{**POOL, "dilations": (4, 1)})
    assert "nn.max_pool: a window of 9 on 8 padded elements (spatial axis 0)" in message


# Transposed convolution


def test_transposed_convolution() -> None:
    attrs = {**TRANSPOSE, "strides": (2, 3), "padding": (1, 0, 1, 0), "output_padding": (1, 0)}
    result = shape_of("nn.conv_transpose", tensor(N, 4, H, 5), tensor(4, 3, 3, 3), **attrs, groups=2)
    assert result == (N, 6, 2 * H, 15)


def test_transposed_convolution_with_the_wrong_channels() -> None:
    message = error_of("nn.conv_transpose", tensor(1, 5, 4, 4), tensor(4, 3, 3, 3), **TRANSPOSE)
    assert "nn.conv_transpose: 5 input channels, kernel (4, 3, 3, 3)" in message
    message = error_of("nn.conv_transpose", tensor(1, 4, 4, 4), tensor(4, 3, 3, 3), **TRANSPOSE, groups=3)
    assert "4 input channels, divisible by groups" in message


def test_transposed_convolution_whose_padding_leaves_nothing() -> None:
    attrs = {**TRANSPOSE, "padding": (3, 0, 3, 0)}
    message = error_of("nn.conv_transpose", tensor(1, 4, 2, 2), tensor(4, 3, 3, 3), **attrs)
    assert "leaves the spatial shape" in message
    attrs = {**TRANSPOSE, "output_padding": (1,)}
    message = error_of("nn.conv_transpose", tensor(1, 4, 2, 2), tensor(4, 3, 3, 3), **attrs)
    assert "1 output_padding (1,)" in message


# Pooling


@pytest.mark.parametrize(
    ("size", "ceil_mode", "result"),
    [(7, False, 3), (8, False, 3), (8, True, 4), (H, False, (H + 1) // 2 - 1)],
)
def test_pooling_rounds_up_with_ceil_mode(size: int | Dim, ceil_mode: bool, result: int | Dim) -> None:
    attrs = {"window": (3,), "strides": (2,), "padding": (0, 0), "dilations": (1,), "ceil_mode": ceil_mode}
    assert shape_of("nn.max_pool", tensor(1, 1, size), **attrs)[2] == result


def test_no_window_starts_in_the_padding_behind() -> None:
    attrs = {"window": (1,), "strides": (2,), "padding": (0, 1), "dilations": (1,), "ceil_mode": True}
    assert shape_of("nn.max_pool", tensor(1, 1, 2), **attrs) == (1, 1, 1)


def test_pooling_with_indices() -> None:
    values, indices = tensor_fields(infer("nn.max_pool_indices", tensor(1, 2, 5, 5, dtype="uint8"), **POOL))
    assert values == tensor(1, 2, 3, 3, dtype="uint8")
    assert indices == tensor(1, 2, 3, 3, dtype="int64")


def test_pooling_of_the_wrong_types() -> None:
    assert "nn.average_pool of int32" in error_of("nn.average_pool", tensor(1, 2, 5, 5, dtype="int32"), **POOL)
    assert "nn.max_pool of data (1, 2, 5) with a window (3, 3)" in error_of("nn.max_pool", tensor(1, 2, 5), **POOL)


# Matrix products


@pytest.mark.parametrize(
    ("left", "right", "result"),
    [
        ((3, 4), (4, 5), (3, 5)),
        ((4,), (4, 5), (5,)),
        ((3, 4), (4,), (3,)),
        ((4,), (4,), ()),
        ((2, 1, 3, 4), (6, 4, 5), (2, 6, 3, 5)),
        ((N, H, 4), (4, 5), (N, H, 5)),
        ((N, H, W), (N, W, H), (N, H, H)),
    ],
)
def test_matmul(left: tuple[Any, ...], right: tuple[Any, ...], result: tuple[Any, ...]) -> None:
    assert shape_of("nn.matmul", tensor(*left), tensor(*right)) == result


def test_matmul_of_transposes() -> None:
    assert shape_of("nn.matmul", tensor(4, 3), tensor(5, 4), transpose_a=True, transpose_b=True) == (3, 5)


def test_matrices_that_do_not_meet() -> None:
    message = error_of("nn.matmul", tensor(2, 3), tensor(4, 5))
    assert "nn.matmul of (2, 3) and (4, 5): 3 columns meet 4 rows" in message
    assert "nn.dense of (2, 3) and (5, 4): 3 columns meet 4 rows" in error_of("nn.dense", tensor(2, 3), tensor(5, 4))
    assert "do not broadcast" in error_of("nn.matmul", tensor(2, 3, 4), tensor(3, 4, 5))
    assert "vectors, matrices" in error_of("nn.matmul", tensor(), tensor(4, 5))


def test_dense_with_the_wrong_parameters() -> None:
    assert "weights of rank 2" in error_of("nn.dense", tensor(2, 4), tensor(1, 5, 4))
    assert "nn.dense: bias Tensor[(4,), float32]" in error_of("nn.dense", tensor(2, 4), tensor(5, 4), tensor(4))
    assert "nn.dense of bool" in error_of("nn.dense", tensor(2, 4, dtype="bool"), tensor(5, 4, dtype="bool"))


# Normalisation and softmax


def test_batch_normalization_with_the_wrong_parameters() -> None:
    scale = tensor(4)
    message = error_of("nn.batch_norm", tensor(1, 4, 5), scale, tensor(3), scale, scale, epsilon=1e-5)
    assert "nn.batch_norm of (1, 4, 5): bias of shape (3,)" in message
    assert "expected: (4,)" in message
    assert "batch and channels" in error_of("nn.batch_norm", tensor(4), *[scale] * 4, epsilon=1e-5)


def test_layer_normalization_whose_scale_does_not_broadcast() -> None:
    message = error_of("nn.layer_norm", tensor(2, 3, 4), tensor(4), tensor(2, 2, 3, 4), axis=-1, epsilon=1e-5)
    assert "nn.layer_norm: bias of shape (2, 2, 3, 4)" in message
    assert "axis 3 of a tensor of rank 3" in error_of("nn.rms_norm", tensor(2, 3, 4), tensor(4), axis=3, epsilon=1e-5)


def test_softmax_of_the_wrong_types() -> None:
    assert "nn.softmax: axis 2 of a tensor of rank 2" in error_of("nn.softmax", tensor(2, 3), axis=2)
    assert "nn.hardmax of int32" in error_of("nn.hardmax", tensor(2, 3, dtype="int32"), axis=1)


def test_local_response_normalization_over_no_channels() -> None:
    assert "over 0 channels" in error_of("nn.lrn", tensor(1, 3, 4, 4), size=0)


# Recurrence


def test_recurrence() -> None:
    batch, hidden = N, 20
    gates = (("Sigmoid", 0.0, 0.0), ("Tanh", 0.0, 0.0), ("Tanh", 0.0, 0.0))
    state, lengths = tensor(2, batch, hidden), tensor(batch, dtype="int32")
    args = [tensor(H, batch, 8 * hidden), tensor(2, 2, hidden, 4, 16), state, lengths]
    attrs = {"activations": gates * 2, "reversals": (False, True), "optional": ("initial_c", "lengths")}
    assert tensor_fields(infer("nn.lstm", *args, **attrs)) == (tensor(H, 2, batch, hidden), state, state)


def test_recurrence_of_the_wrong_types() -> None:
    x, weights = tensor(7, 2, 8), tensor(1, 1, 8, 1, 16)
    assert len(tensor_fields(infer("nn.rnn", x, weights, activations=TANH))) == 2
    message = error_of("nn.rnn", x, tensor(1, 2, 8, 1, 16), activations=TANH)
    assert "nn.rnn: weights is Tensor[(1, 2, 8, 1, 16), float32]" in message
    assert "expected: Tensor[(1, 1, 8, 1, 16), float32]" in message
    message = error_of("nn.rnn", x, weights, tensor(1, 2, 9), activations=TANH, optional=("initial_h",))
    assert "nn.rnn: initial_h is Tensor[(1, 2, 9), float32]" in message
    message = error_of("nn.rnn", x, weights, tensor(1, 24), activations=TANH, optional=("peephole",))
    assert "nn.rnn: optional arguments ('peephole',)" in message
    assert "nn.rnn: reversals" in error_of("nn.rnn", x, weights, activations=TANH, reversals=(True, False))
    assert "nn.rnn: 2 activations" in error_of("nn.rnn", x, weights, activations=TANH * 2)
    assert "nn.rnn of float16" in error_of("nn.rnn", tensor(7, 2, 8, dtype="float16"), weights, activations=TANH)


def test_diagonals_need_equal_axes() -> None:
    assert shape_of("diagonal", tensor(3, 4, 3, 5), axes=(0, 2)) == (3, 4, 5)
    assert "axes of one size" in error_of("diagonal", tensor(3, 4), axes=(0, 1))
    assert "two axes, increasing" in error_of("diagonal", tensor(3, 3), axes=(1, 0))
