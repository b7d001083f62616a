"""Matrix product with packed weights of 2, 4 or 8 bits: `qnn.dense_blockwise` as the kernels like it.

The weights' rows (the units) lie in panels of `block` lanes. Words of 32 bits hold 32 / bits codes that follow each
other along the depth, the first one lowest: (panels, K / codes in a word, block, 4 bytes). A weight is
code * scale + offset, with a scale and an offset (less the zero point times the scale) for each block:
(panels, blocks, lanes).

The codes become floats in registers: a shift, a mask, a conversion, and a multiply-add for the scale, which all rows of
a tile share.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import REQUIRED, FusionKind, Op, check_dtype, register, tensors
from .nn_dense_packed import pack_panels, packed_product
from .qnn_conv_blocked import QUAD
from .qnn_dense_blockwise import unpack_codes


def pack_codes(codes: np.ndarray, bits: int, block: int) -> np.ndarray:
    """(N, blocks, bytes of a block) to (panels, words, lanes, 4)."""
    words = codes.reshape(len(codes), -1, QUAD)
    padded = np.zeros((len(codes) + -len(codes) % block, *words.shape[1:]), np.uint8)
    padded[: len(codes)] = words
    return np.ascontiguousarray(padded.reshape(-1, block, *words.shape[1:]).transpose(0, 2, 1, 3))


def pack_scales(scales: np.ndarray, zero_points: np.ndarray, block: int) -> tuple[np.ndarray, np.ndarray]:
    """Scales and offsets of (N, blocks) by panels."""
    return pack_panels(scales, block), pack_panels(-zero_points * scales, block)


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    name = "qnn.dense_blockwise_packed"
    x, words, scales, offsets, *bias = tensors(name, args, (4, 5))
    for what, type_ in (("data", x), ("scales", scales), ("offsets", offsets)):
        check_dtype(f"{name}: {what}", type_.dtype, ("float32",))
    check_dtype(f"{name}: words", words.dtype, ("uint8",))
    panels, count, block, *_ = words.shape if words.rank == 4 else (0, 0, 1)
    depth = x.shape[-1]
    blocks = scales.shape[1] if scales.rank == 3 else 0
    if x.rank != 2 or depth != count * (32 // attrs.bits) or not isinstance(blocks, int) or not isinstance(depth, int):
        raise CompileError(f"{name} of {x.shape} with {words.shape}", expected="equal depths")
    if scales.shape != (panels, blocks, block) or offsets.shape != scales.shape or blocks == 0 or depth % blocks:
        raise CompileError(f"{name}: scales {scales.shape}, offsets {offsets.shape}", expected="one for each block")
    if -(-attrs.units // block) != panels:
        raise CompileError(f"{name}: {attrs.units} units in {panels} panels of {block}")
    if bias and (bias[0].shape != (attrs.units,) or bias[0].dtype != "float32"):
        raise CompileError(f"{name}: bias {bias[0]}", expected=f"Tensor[({attrs.units},), float32]")
    return TensorType((x.shape[0], attrs.units), "float32")


def _reference(
    attrs: Attrs,
    x: np.ndarray,
    words: np.ndarray,
    scales: np.ndarray,
    offsets: np.ndarray,
    bias: np.ndarray | None = None,
) -> np.ndarray:
    panels, _, block, _ = words.shape
    codes = unpack_codes(words, attrs.bits).astype(np.float32)  # (panels, words, lanes, codes of a word)
    by_depth = codes.transpose(0, 2, 1, 3).reshape(panels, block, -1)
    per_block = by_depth.shape[2] // scales.shape[1]
    spread = [np.repeat(p.transpose(0, 2, 1), per_block, 2) for p in (scales, offsets)]
    weights = (by_depth * spread[0] + spread[1]).reshape(panels * block, -1)[: attrs.units]
    result = (x.astype(np.float64) @ weights.T.astype(np.float64)).astype(np.float32)
    return result if bias is None else result + bias


def _compute(T: Any, attrs: Attrs, x: Any, words: Any, scales: Any, offsets: Any, bias: Any = None) -> Any:
    depth = T.shape(x)[1]
    in_word, per_block = 32 // attrs.bits, depth // T.shape(scales)[1]
    k = T.reduce_axis(depth, "k")

    def term(row: Any, panel: Any, lane: Any) -> Any:
        word = T.word(*(words(panel, T.floor_div(k, in_word), lane, i) for i in range(QUAD)))
        code = (word >> (T.floor_mod(k, in_word) * attrs.bits)) & T.const((1 << attrs.bits) - 1, "int32")
        at = (panel, T.floor_div(k, per_block), lane)
        return x(row, k) * (T.cast(code, "float32") * scales(*at) + offsets(*at))

    return packed_product(T, attrs, x, words, bias, term, k)


register(
    Op(
        "qnn.dense_blockwise_packed",
        FusionKind.ANCHOR,
        _relation,
        _reference,
        _compute,
        # depth_step: as many codes as a loop's iteration works on (it has no influence on the result)
        attributes={"units": REQUIRED, "bits": REQUIRED, "row_tile": 1, "depth_step": 1},
    )
)
