"""Matrix product with packed constant weights: (M, K) times (N/block, K, block) gives (M, N).

The weights' columns lie in panels of `block`, as the inner loop reads them; the last panel is filled up with zeros.
The optional bias has N elements. `row_tile` rows are computed together (it has no influence on the result; a tuning
record may say otherwise).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import REQUIRED, FusionKind, Op, register, same_dtype, tensors


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


def packed_product(T: Any, attrs: Attrs, x: Any, weights: Any, bias: Any, term: Callable[..., Any], depth: Any) -> Any:
    """The product by panels.

    Parameters
    ----------
    term : callable
        ``(row, panel, lane) -> one term of the sum over depth``
    depth : reduce axis
    """
    rows, panels, block = T.shape(x)[0], T.shape(weights)[0], T.shape(weights)[2]
    product = T.compute((rows, panels, block), lambda *at: T.sum(term(*at), [depth]), "dense_packed")

    def unpack(row: Any, unit: Any) -> Any:
        value = product(row, T.floor_div(unit, block), T.floor_mod(unit, block))
        return value if bias is None else value + bias(unit)

    return T.compute((rows, attrs.units), unpack, "dense_unpack")


def _compute(T: Any, attrs: Attrs, x: Any, weights: Any, bias: Any = None) -> Any:
    k = T.reduce_axis(T.shape(x)[1], "k")
    return packed_product(T, attrs, x, weights, bias, lambda row, panel, lane: x(row, k) * weights(panel, k, lane), k)


register(
    Op(
        "nn.dense_packed",
        FusionKind.ANCHOR,
        _relation,
        _reference,
        _compute,
        attributes={"units": REQUIRED, "row_tile": 1},
        multiply_adds=lambda attrs, args, results: results[0].size * args[0].shape[1],
    )
)
