"""One triangle of the last two axes; the rest becomes zero (ONNX Trilu)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import maximum, minimum
from ..relay.expr import Attrs
from ..relay.types import Type
from .base import REQUIRED, FusionKind, Op, check_dtype, register, tensors

#: Far beyond the corners all diagonals mean the same.
_FAR = 2**30


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    types = tensors("trilu", args, (1, 2))
    x = types[0]
    if x.rank < 2:
        raise CompileError(f"trilu of {x.shape}", expected="a matrix, or a stack of them")
    if len(types) == 2:
        check_dtype("trilu: the diagonal", types[1].dtype, ("int64", "int32"))
        if types[1].size != 1:
            raise CompileError(f"trilu with a diagonal of shape {types[1].shape}", expected="a scalar")
    return x


def _reference(attrs: Attrs, x: np.ndarray, diagonal: np.ndarray | None = None) -> np.ndarray:
    k = attrs.diagonal if diagonal is None else int(diagonal.reshape(()))
    row, column = np.arange(x.shape[-2]).reshape(-1, 1), np.arange(x.shape[-1])
    kept = column - row >= k if attrs.upper else column - row <= k
    return np.where(kept, x, np.zeros((), x.dtype))


def _compute(T: Any, attrs: Attrs, x: Any, diagonal: Any = None) -> Any:
    k = T.dim(maximum(minimum(attrs.diagonal, _FAR), -_FAR))
    if diagonal is not None:
        value, bound = diagonal(*[0] * len(diagonal.shape)), T.const(_FAR, T.dtype(diagonal))
        k = T.cast(T.maximum(T.minimum(value, bound), -bound), "int32")
    zero = T.const(0, T.dtype(x))

    def element(*index: Any) -> Any:
        row, column = index[-2:]
        return T.select(column - row >= k if attrs.upper else column - row <= k, x(*index), zero)

    return T.compute(T.shape(x), element, "trilu")


register(
    Op(
        "trilu",
        FusionKind.INJECTIVE,
        _relation,
        _reference,
        _compute,
        attributes={"upper": REQUIRED, "diagonal": 0},
    )
)
