"""Blocked channels: (N, C, spatial...) to (N, C/block, spatial..., block) and back (the layout called NCHWc).

The channels of a block lie side by side, so that one vector register holds them at every pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import REQUIRED, FusionKind, Op, register, tensors


def block_array(x: np.ndarray, block: int) -> np.ndarray:
    """Numpy's version of ``layout.block``."""
    batch, channels, *spatial = x.shape
    return np.ascontiguousarray(np.moveaxis(x.reshape(batch, channels // block, block, *spatial), 2, -1))


def unblock_array(x: np.ndarray) -> np.ndarray:
    """Numpy's version of ``layout.unblock``."""
    batch, chunks, *spatial, block = x.shape
    return np.ascontiguousarray(np.moveaxis(x, -1, 2)).reshape(batch, chunks * block, *spatial)


def _block_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("layout.block", args, 1)
    channels = x.shape[1] if x.rank > 1 else 0
    if not isinstance(channels, int) or channels == 0 or channels % attrs.block:
        raise CompileError(f"layout.block of {x.shape}", expected=f"a multiple of {attrs.block} channels")
    return TensorType((x.shape[0], channels // attrs.block, *x.shape[2:], attrs.block), x.dtype)


def _block_compute(T: Any, attrs: Attrs, x: Any) -> Any:
    batch, channels, *spatial = T.shape(x)
    shape = (batch, channels // attrs.block, *spatial, attrs.block)
    return T.compute(shape, lambda n, c, *rest: x(n, c * attrs.block + rest[-1], *rest[:-1]), "layout_block")


def _unblock_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("layout.unblock", args, 1)
    if x.rank < 3:
        raise CompileError(f"layout.unblock of {x.shape}", expected="batch, chunks of channels, spatial axes, block")
    return TensorType((x.shape[0], x.shape[1] * x.shape[-1], *x.shape[2:-1]), x.dtype)


def _unblock_compute(T: Any, attrs: Attrs, x: Any) -> Any:
    batch, chunks, *spatial, block = T.shape(x)

    def body(n: Any, c: Any, *rest: Any) -> Any:
        return x(n, T.floor_div(c, block), *rest, T.floor_mod(c, block))

    return T.compute((batch, chunks * block, *spatial), body, "layout_unblock")


register(
    Op(
        "layout.block",
        FusionKind.INJECTIVE,
        _block_relation,
        lambda attrs, x: block_array(x, attrs.block),
        _block_compute,
        attributes={"block": REQUIRED},
    )
)
register(
    Op(
        "layout.unblock",
        FusionKind.INJECTIVE,
        _unblock_relation,
        lambda attrs, x: unblock_array(x),
        _unblock_compute,
    )
)
