"""Matrix product that brings its right side into panels first: numpy's matmul, cut as the kernels like it.

The panels are written once and read by every tile of rows; copying K*N elements is little beside M*K*N
multiply-adds, and makes transposed operands, odd sizes and long rows all the same to the inner loop.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..relay.expr import Attrs
from .base import REQUIRED, FusionKind, Op, broadcast_at, broadcast_extents, get, register
from .nn_matmul import matmul_multiply_adds


def _plain(attrs: Attrs) -> Attrs:
    return Attrs(transpose_a=attrs.transpose_a, transpose_b=attrs.transpose_b, out_dtype=None)


def _reference(attrs: Attrs, a: np.ndarray, b: np.ndarray) -> Any:
    return get("nn.matmul").reference(_plain(attrs), a, b)


def _compute(T: Any, attrs: Attrs, a: Any, b: Any) -> Any:
    left, right = T.shape(a), T.shape(b)
    batch = broadcast_extents(T, [left[:-2], right[:-2]])
    rows, depth = reversed(left[-2:]) if attrs.transpose_a else left[-2:]
    columns = right[-2 if attrs.transpose_b else -1]
    block = attrs.block
    panels = T.floor_div(columns + (block - 1), block)
    zero = T.const(0, T.dtype(b))
    exact_columns = isinstance(columns, int) and columns % block == 0

    def pack(*index: Any) -> Any:
        *stack, panel, k, lane = index
        column = panel * block + lane
        value = b(*stack, column, k) if attrs.transpose_b else b(*stack, k, column)
        return value if exact_columns else T.if_then_else(column < columns, value, zero)

    packed = T.compute((*right[:-2], panels, depth, block), pack, "matmul_pack")
    inner = T.reduce_axis(depth, "k")

    def product(*index: Any) -> Any:
        stack, (row, panel, lane) = index[: len(batch)], index[len(batch) :]
        here = (inner, row) if attrs.transpose_a else (row, inner)
        x = broadcast_at(T, a, (*stack, *here), (*batch, *left[-2:]))
        y = broadcast_at(T, packed, (*stack, panel, inner, lane), (*batch, panels, depth, block))
        return T.sum(x * y, [inner])

    result = T.compute((*batch, rows, panels, block), product, "matmul_tiled")

    def unpack(*index: Any) -> Any:
        *stack, row, column = index
        return result(*stack, row, T.floor_div(column, block), T.floor_mod(column, block))

    return T.compute((*batch, rows, columns), unpack, "matmul_unpack")


register(
    Op(
        "nn.matmul_tiled",
        FusionKind.ANCHOR,
        lambda attrs, args: get("nn.matmul").relation(_plain(attrs), args),
        _reference,
        _compute,
        attributes={"transpose_a": False, "transpose_b": False, "row_tile": REQUIRED, "block": REQUIRED},
        multiply_adds=matmul_multiply_adds,
    )
)
