"""A tensor repeated as a whole along its axes (ONNX Tile)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import REQUIRED, FusionKind, Op, register, tensors


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("tile", args, 1)
    if len(attrs.repeats) != x.rank or any(isinstance(r, int) and r < 0 for r in attrs.repeats):
        raise CompileError(f"tile of {x.shape} by {attrs.repeats}", expected=f"{x.rank} repeats, none negative")
    return TensorType(tuple(d * r for d, r in zip(x.shape, attrs.repeats, strict=True)), x.dtype)


def _reference(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    return np.tile(x, attrs.repeats)


def _compute(T: Any, attrs: Attrs, x: Any) -> Any:
    shape = T.shape(x)
    repeats = [T.dim(r) for r in attrs.repeats]
    if 0 in shape:
        return T.compute(
            [d * r for d, r in zip(shape, repeats, strict=True)], lambda *i: T.const(0, T.dtype(x)), "tile"
        )

    def place(index: Any, dim: Any, repeat: Any) -> Any:
        if dim == 1 if isinstance(dim, int) else False:
            return 0
        return index if isinstance(repeat, int) and repeat == 1 else T.floor_mod(index, dim)

    return T.compute(
        [d * r for d, r in zip(shape, repeats, strict=True)],
        lambda *i: x(*map(place, i, shape, repeats)),
        "tile",
    )


register(
    Op(
        "tile",
        FusionKind.INJECTIVE,
        _relation,
        _reference,
        _compute,
        attributes={"repeats": REQUIRED},
        shape_value=True,
    )
)
