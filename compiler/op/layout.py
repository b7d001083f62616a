"""Blocked channels: (N, C, spatial...) to (N, ceil(C/block), spatial..., block) and back (the layout called NCHWc).

The channels of a block lie side by side, so that one vector register holds them at every pixel. A last block that C
does not fill is filled up with zeros; `channels` of the way back is C.
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
    missing = -channels % block
    if missing:
        x = np.concatenate([x, np.zeros((batch, missing, *spatial), x.dtype)], 1)
    return np.ascontiguousarray(np.moveaxis(x.reshape(batch, -1, block, *spatial), 2, -1))


def unblock_array(x: np.ndarray, channels: int | None = None) -> np.ndarray:
    """Numpy's version of ``layout.unblock``."""
    batch, chunks, *spatial, block = x.shape
    return np.ascontiguousarray(np.moveaxis(x, -1, 2)).reshape(batch, chunks * block, *spatial)[:, :channels]


def _block_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("layout.block", args, 1)
    channels = x.shape[1] if x.rank > 1 else 0
    if not isinstance(channels, int) or channels == 0:
        raise CompileError(f"layout.block of {x.shape}", expected="a known number of channels")
    return TensorType((x.shape[0], -(-channels // attrs.block), *x.shape[2:], attrs.block), x.dtype)


def _block_compute(T: Any, attrs: Attrs, x: Any) -> Any:
    _, channels, *_ = T.shape(x)
    exact = channels % attrs.block == 0

    def element(n: Any, c: Any, *rest: Any) -> Any:
        channel = c * attrs.block + rest[-1]
        value = x(n, channel, *rest[:-1])
        return value if exact else T.if_then_else(channel < channels, value, T.const(0, T.dtype(x)))

    return T.compute(T.result_shape(), element, "layout_block")


def _unblock_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("layout.unblock", args, 1)
    if x.rank < 3 or not isinstance(x.shape[1], int) or not isinstance(x.shape[-1], int):
        raise CompileError(f"layout.unblock of {x.shape}", expected="batch, chunks of channels, spatial axes, block")
    if not 0 <= x.shape[1] * x.shape[-1] - attrs.channels < x.shape[-1]:
        raise CompileError(f"layout.unblock of {x.shape} to {attrs.channels} channels", expected="as many as fill it")
    return TensorType((x.shape[0], attrs.channels, *x.shape[2:-1]), x.dtype)


def _unblock_compute(T: Any, attrs: Attrs, x: Any) -> Any:
    block = T.shape(x)[-1]

    def body(n: Any, c: Any, *rest: Any) -> Any:
        return x(n, T.floor_div(c, block), *rest, T.floor_mod(c, block))

    return T.compute(T.result_shape(), body, "layout_unblock")


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
        lambda attrs, x: unblock_array(x, attrs.channels),
        _unblock_compute,
        attributes={"channels": REQUIRED},
    )
)
