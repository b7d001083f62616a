"""Matrix product with weights of 2, 4 or 8 bits that have a scale for each block of a row (ONNX Runtime's MatMulNBits).

x[..., K] times the transpose of (codes - zero points) * scales, plus a bias of N elements. The codes of row n, block b
lie in `codes[n, b]`, the first ones in the lowest bits; the last block is filled up. Scales and zero points are
(N, blocks), in the type of x.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .accumulate import check_bias, finish_sums, wide_dtype, widen
from .base import REQUIRED, FusionKind, Op, check_dtype, register, same_dtype, tensors

FLOAT_DATA = ("float16", "bfloat16", "float32")
BITS = (2, 4, 8)


def unpack_codes(codes: np.ndarray, bits: int) -> np.ndarray:
    """One code in each byte of (..., elements of a block)."""
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    parts = (codes[..., None] >> shifts) & np.uint8((1 << bits) - 1)
    return parts.reshape(*codes.shape[:-1], -1)


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    name = "qnn.dense_blockwise"
    x, codes, scales, zero_points, *bias = tensors(name, args, (4, 5))
    dtype = same_dtype(name, (x, scales, zero_points))
    check_dtype(name, dtype, FLOAT_DATA)
    check_dtype(f"{name}: codes", codes.dtype, ("uint8",))
    if attrs.bits not in BITS or attrs.block_size * attrs.bits % 8:
        raise CompileError(f"{name}: blocks of {attrs.block_size} elements of {attrs.bits} bits", expected="2, 4 or 8")
    if x.rank < 1 or not isinstance(x.shape[-1], int) or codes.rank != 3:
        raise CompileError(
            f"{name} of {x.shape} with codes {codes.shape}", expected="a known depth, and a matrix of blocks"
        )
    rows, depth = codes.shape[0], x.shape[-1]
    blocks = -(-depth // attrs.block_size)
    expected = (rows, blocks, attrs.block_size * attrs.bits // 8)
    if codes.shape != expected or any(p.shape != (rows, blocks) for p in (scales, zero_points)):
        raise CompileError(
            f"{name}: codes {codes.shape}, scales {scales.shape}, zero points {zero_points.shape}",
            expected=f"codes {expected}, and one scale and zero point for each block",
        )
    check_bias(name, bias, rows, dtype)
    return TensorType((*x.shape[:-1], rows), dtype)


def _reference(
    attrs: Attrs,
    x: np.ndarray,
    codes: np.ndarray,
    scales: np.ndarray,
    zero_points: np.ndarray,
    bias: np.ndarray | None = None,
) -> np.ndarray:
    values = unpack_codes(codes, attrs.bits).astype(np.float32) - widen(zero_points)[..., None]
    weights = (values * widen(scales)[..., None]).reshape(len(codes), -1)[:, : x.shape[-1]]
    result = np.matmul(widen(x), weights.T)
    return (result if bias is None else result + widen(bias)).astype(x.dtype)


def _compute(T: Any, attrs: Attrs, x: Any, codes: Any, scales: Any, zero_points: Any, bias: Any = None) -> Any:
    total = wide_dtype(T.dtype(x))
    in_byte = 8 // attrs.bits
    k = T.reduce_axis(T.shape(x)[-1], "k")
    block, place = T.floor_div(k, attrs.block_size), T.floor_mod(k, attrs.block_size)

    def body(*index: Any) -> Any:
        byte = T.cast(codes(index[-1], block, T.floor_div(place, in_byte)), "int32")
        code = (byte >> (T.floor_mod(place, in_byte) * attrs.bits)) & T.const((1 << attrs.bits) - 1, "int32")
        value = T.cast(code, total) - T.cast(zero_points(index[-1], block), total)
        return T.sum(T.cast(x(*index[:-1], k), total) * (value * T.cast(scales(index[-1], block), total)), k)

    return finish_sums(T, "dense", T.compute(T.result_shape(), body, "dense"), T.dtype(x), bias, axis=-1)


register(
    Op(
        "qnn.dense_blockwise",
        FusionKind.ANCHOR,
        _relation,
        _reference,
        _compute,
        attributes={"bits": REQUIRED, "block_size": REQUIRED},
    )
)
