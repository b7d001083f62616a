"""Matrix product with packed constant weights: (M, K) times (N/block, K, block) gives (M, N).

The weights' columns lie in panels of `block`, as the inner loop reads them; the last panel is filled up with zeros.
The optional bias has N elements. `row_tile` rows are computed together (it has no influence on the result; a tuning
record may say otherwise).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import REQUIRED, FusionKind, Op, register, same_dtype, tensors

#: Rows of a tile that a tuner tries: each takes a vector register at least, and no target has more than 32.
MOST_ROWS = 16


def pack_panels(weights: np.ndarray, block: int) -> np.ndarray:
    """(N, K) to (ceil(N/block), K, block), filled up with zeros."""
    columns, depth = weights.shape
    panels = -(-columns // block)
    padded = np.zeros((panels * block, depth), weights.dtype)
    padded[:columns] = weights
    return np.ascontiguousarray(padded.reshape(panels, block, depth).transpose(0, 2, 1))


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    types = tensors("nn.dense_packed", args, (2, 3))
    dtype = same_dtype("nn.dense_packed", types)
    x, weights = types[0], types[1]
    if x.rank != 2 or weights.rank != 3 or x.shape[1] != weights.shape[1]:
        raise CompileError(f"nn.dense_packed of {x.shape} with {weights.shape}", expected="equal depths")
    panels, _, block = weights.shape
    if -(-attrs.units // block) != panels:
        raise CompileError(f"nn.dense_packed: {attrs.units} units in {panels} panels of {block}")
    if len(types) == 3 and types[2].shape != (attrs.units,):
        raise CompileError(f"nn.dense_packed: bias {types[2].shape}", expected=f"({attrs.units},)")
    return TensorType((x.shape[0], attrs.units), dtype)


def _reference(attrs: Attrs, x: np.ndarray, weights: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    full = weights.transpose(0, 2, 1).reshape(-1, weights.shape[1])[: attrs.units]
    result = (x.astype(np.float64) @ full.T.astype(np.float64)).astype(x.dtype)
    return result if bias is None else result + bias


def choose_row_tile(T: Any, rows: Any, default: int) -> int:
    """How many of a matrix's rows are computed together."""
    most = rows if isinstance(rows, int) else MOST_ROWS
    options = {default, *range(1, min(most, MOST_ROWS) + 1)}
    chosen: int = T.knobs.choose("matmul.rows", sorted(options), default)
    return chosen


def _compute(T: Any, attrs: Attrs, x: Any, weights: Any, bias: Any = None) -> Any:
    rows, depth = T.shape(x)
    panels, _, block = T.shape(weights)
    tile = choose_row_tile(T, rows, attrs.row_tile)
    tiles = T.floor_div(rows + (tile - 1), tile)
    exact = isinstance(rows, int) and rows % tile == 0
    k = T.reduce_axis(depth, "k")

    def body(t: Any, panel: Any, r: Any, lane: Any) -> Any:
        row = t * tile + r
        # The last tile computes its last row again and again instead of branching; nobody reads those results.
        return T.sum(x(row if exact else T.minimum(row, rows - 1), k) * weights(panel, k, lane), [k])

    product = T.compute((tiles, panels, tile, block), body, "dense_packed")

    def unpack(row: Any, unit: Any) -> Any:
        at = (T.floor_div(row, tile), T.floor_div(unit, block), T.floor_mod(row, tile), T.floor_mod(unit, block))
        return product(*at) if bias is None else product(*at) + bias(unit)

    return T.compute((rows, attrs.units), unpack, "dense_unpack")


register(
    Op(
        "nn.dense_packed",
        FusionKind.ANCHOR,
        _relation,
        _reference,
        _compute,
        attributes={"units": REQUIRED, "row_tile": 1},
    )
)
