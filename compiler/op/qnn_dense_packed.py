"""Matrix product of bytes with packed constant weights: (M, K) times (N/block, K/4, block, 4) gives (M, N) in int32.

As `nn.dense_packed`, with data of uint8, and weights of int8 that lie in fours, as instructions for dot products of
bytes take them. Where 4 does not divide K, the last column of the data is repeated, and the weights there are zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import REQUIRED, FusionKind, Op, check_dtype, register, tensors
from .nn_dense_packed import packed_product
from .qnn_conv_blocked import QUAD


def pack_quad_panels(weights: np.ndarray, block: int) -> np.ndarray:
    """(N, K) to (ceil(N/block), ceil(K/4), block, 4), filled up with zeros."""
    columns, depth = weights.shape
    padded = np.zeros((columns + -columns % block, depth + -depth % QUAD), weights.dtype)
    padded[:columns, :depth] = weights
    return np.ascontiguousarray(padded.reshape(-1, block, padded.shape[1] // QUAD, QUAD).transpose(0, 2, 1, 3))


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    name = "qnn.dense_packed"
    x, weights, *bias = tensors(name, args, (2, 3))
    check_dtype(f"{name}: data", x.dtype, ("uint8",))
    check_dtype(f"{name}: weights", weights.dtype, ("int8",))
    if x.rank != 2 or weights.rank != 4 or weights.shape[3] != QUAD or -(-x.shape[1] // QUAD) != weights.shape[1]:
        raise CompileError(f"{name} of {x.shape} with {weights.shape}", expected="equal depths")
    panels, _, block, _ = weights.shape
    if -(-attrs.units // block) != panels:
        raise CompileError(f"{name}: {attrs.units} units in {panels} panels of {block}")
    if bias and (bias[0].shape != (attrs.units,) or bias[0].dtype != "int32"):
        raise CompileError(f"{name}: bias {bias[0]}", expected=f"Tensor[({attrs.units},), int32]")
    return TensorType((x.shape[0], attrs.units), "int32")


def _reference(attrs: Attrs, x: np.ndarray, weights: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    panels, quads, block, _ = weights.shape
    full = weights.transpose(0, 2, 1, 3).reshape(panels * block, quads * QUAD)[: attrs.units]
    data = np.pad(x, ((0, 0), (0, -x.shape[1] % QUAD)), mode="edge")
    result = data.astype(np.int32) @ full.T.astype(np.int32)
    return result if bias is None else result + bias


def _compute(T: Any, attrs: Attrs, x: Any, weights: Any, bias: Any = None) -> Any:
    depth = T.shape(x)[1]
    quad = T.reduce_axis(T.shape(weights)[1], "k")

    def term(row: Any, panel: Any, lane: Any) -> Any:
        places = [quad * QUAD + i for i in range(QUAD)]
        if depth % QUAD:
            places = [T.minimum(place, depth - 1) for place in places]
        left = T.word(*(x(row, place) for place in places))
        return T.dot_bytes(left, T.word(*(weights(panel, quad, lane, i) for i in range(QUAD))))

    return packed_product(T, attrs, x, weights, bias, term, quad)


register(
    Op(
        "qnn.dense_packed",
        FusionKind.ANCHOR,
        _relation,
        _reference,
        _compute,
        attributes={"units": REQUIRED, "row_tile": 1},
    )
)
