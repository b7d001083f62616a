"""Matrix products: numpy's matmul (ONNX MatMul), and the product with a weight matrix (dense)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import Dimension
from ..relay.expr import Attrs
from ..relay.run_time import require
from ..relay.types import TensorType, Type
from .accumulate import check_bias, finish_sums, result_dtype, wide_dtype, widen
from .base import (
    NUMBERS,
    FusionKind,
    Op,
    broadcast_at,
    broadcast_shape,
    check_dtype,
    register,
    tensors,
)


def _check_contracted(name: str, left: Dimension, right: Dimension, types: Sequence[TensorType]) -> None:
    """Check that the dimensions to be summed over may be equal; an unknown one can still turn out so."""
    if isinstance(left, int) and isinstance(right, int) and left != right:
        raise CompileError(
            f"{name} of {types[0].shape} and {types[1].shape}: {left} columns meet {right} rows",
            expected="equal inner dimensions",
        )
    if left != right:
        require("equal", left, right)


# matmul: a[..., M, K] b[..., K, N]; vectors are a row on the left, a column on the right


def _matmul_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    name = "nn.matmul"
    a, b = types = tensors(name, args, 2)
    dtype = result_dtype(name, types, attrs.out_dtype)
    check_dtype(name, dtype, NUMBERS)
    for type_, transposed in ((a, attrs.transpose_a), (b, attrs.transpose_b)):
        if type_.rank < (2 if transposed else 1):
            raise CompileError(f"{name} of {a.shape} and {b.shape}", expected="vectors, matrices or stacks of matrices")
    columns = a.shape[-2 if attrs.transpose_a else -1]
    rows = b.shape[-1 if attrs.transpose_b or b.rank == 1 else -2]
    _check_contracted(name, columns, rows, types)
    result = list(broadcast_shape(name, a.shape[:-2], b.shape[:-2]))
    if a.rank > 1:
        result.append(a.shape[-1 if attrs.transpose_a else -2])
    if b.rank > 1:
        result.append(b.shape[-2 if attrs.transpose_b else -1])
    return TensorType(tuple(result), dtype)


def _matmul_reference(attrs: Attrs, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    left, right = widen(a, attrs.out_dtype), widen(b, attrs.out_dtype)
    if attrs.transpose_a:
        left = np.swapaxes(left, -1, -2)
    if attrs.transpose_b:
        right = np.swapaxes(right, -1, -2)
    result = np.asarray(np.matmul(left, right))
    return result if attrs.out_dtype else result.astype(a.dtype)


def _matmul_compute(T: Any, attrs: Attrs, a: Any, b: Any) -> Any:
    left, right = T.shape(a), T.shape(b)
    dtype = attrs.out_dtype or T.dtype(a)
    total = wide_dtype(dtype)
    inner = T.reduce_axis(left[-2 if attrs.transpose_a else -1], "k")
    shape, rows = T.result_shape(), int(len(left) > 1)
    batch = shape[: len(shape) - rows - int(len(right) > 1)]

    def body(*index: Any) -> Any:
        stack, matrix = index[: len(batch)], index[len(batch) :]
        row, column = matrix[:rows], matrix[rows:]
        here = (inner, *row) if attrs.transpose_a else (*row, inner)
        there = (*column, inner) if attrs.transpose_b else (inner, *column)
        # The axes of the matrices take their own extents, only the stacks broadcast.
        x = broadcast_at(T, a, (*stack, *here), (*batch, *left[-2:]))
        y = broadcast_at(T, b, (*stack, *there), (*batch, *right[-2:]))
        return T.sum(T.cast(x, total) * T.cast(y, total), inner)

    return finish_sums(T, "matmul", T.compute(shape, body, "matmul"), dtype)


def matmul_multiply_adds(attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> Dimension:
    """As many for each element of the product as a row of the left side has."""
    return results[0].size * args[0].shape[-2 if attrs.transpose_a else -1]


register(
    Op(
        "nn.matmul",
        FusionKind.ANCHOR,
        _matmul_relation,
        _matmul_reference,
        _matmul_compute,
        attributes={"transpose_a": False, "transpose_b": False, "out_dtype": None},
        multiply_adds=matmul_multiply_adds,
    )
)


# dense: x[..., K] w[N, K] + bias[N]


def _dense_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    name = "nn.dense"
    x, weights, *bias = tensors(name, args, (2, 3))
    dtype = result_dtype(name, (x, weights), attrs.out_dtype)
    check_dtype(name, dtype, NUMBERS)
    if x.rank < 1 or weights.rank != 2:
        raise CompileError(f"{name} of {x.shape} with weights {weights.shape}", expected="weights of rank 2")
    _check_contracted(name, x.shape[-1], weights.shape[1], (x, weights))
    check_bias(name, bias, weights.shape[0], dtype)
    return TensorType((*x.shape[:-1], weights.shape[0]), dtype)


def _dense_reference(attrs: Attrs, x: np.ndarray, weights: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    result = np.matmul(widen(x, attrs.out_dtype), widen(weights, attrs.out_dtype).T)
    if bias is not None:
        result = result + widen(bias)
    return result if attrs.out_dtype else result.astype(x.dtype)


def _dense_compute(T: Any, attrs: Attrs, x: Any, weights: Any, bias: Any = None) -> Any:
    dtype = attrs.out_dtype or T.dtype(x)
    total = wide_dtype(dtype)
    inner = T.reduce_axis(T.shape(x)[-1], "k")

    def body(*index: Any) -> Any:
        value = T.cast(x(*index[:-1], inner), total) * T.cast(weights(index[-1], inner), total)
        return T.sum(value, inner)

    return finish_sums(T, "dense", T.compute(T.result_shape(), body, "dense"), dtype, bias, axis=-1)


register(
    Op(
        "nn.dense",
        FusionKind.ANCHOR,
        _dense_relation,
        _dense_reference,
        _dense_compute,
        attributes={"out_dtype": None},
        multiply_adds=lambda attrs, args, results: results[0].size * args[0].shape[-1],
    )
)
