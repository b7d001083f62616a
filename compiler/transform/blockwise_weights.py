"""Products with weights that are quantised in blocks keep them as they are: `qnn.dense_blockwise`.

A MatMul of floats with a DequantizeLinear of constants that has a `block_size` on the depth would else multiply with
floats, four or eight times the memory, which is what a product of few rows waits for. Runs before constants are folded.
"""

from __future__ import annotations

import numpy as np

from ..relay.expr import Atom, Constant, Module
from ..relay.types import TensorType
from .base import Pass, PassContext
from .rewrite import Rules, Site, rewrite

#: Bits of the types that weights may have, and what makes them unsigned.
_TYPES = {"uint4": (4, 0), "int4": (4, 8), "uint8": (8, 0), "int8": (8, 128), "uint2": (2, 0), "int2": (2, 2)}


def _matmul(site: Site) -> Atom | None:
    """matmul(x, dequantize(w, scales, zero points)) -> dense_blockwise(x, w, ...)."""
    data, weights = site.args[0].type, site.definition(site.args[1], "qnn.dequantize")
    if weights is None or not isinstance(data, TensorType):
        return None
    if site.attrs.transpose_a or site.attrs.out_dtype is not None:
        return None
    arrays = [a.array for a in weights.args if isinstance(a, Constant)]
    size, transposed = weights.attrs.block_size, site.attrs.transpose_b
    if not size or len(arrays) != len(weights.args) or arrays[0].ndim != 2 or data.rank < 2:
        return None
    if weights.attrs.axis != int(transposed) or weights.attrs.dtype != data.dtype or data.dtype != "float32":
        return None
    values, scales, *zero = (a if transposed else a.T for a in arrays)
    kind = values.dtype.name
    if kind not in _TYPES or scales.dtype != np.float32:
        return None
    bits, offset = _TYPES[kind]
    if size * bits % 8 or data.shape[-1] != values.shape[1]:
        return None
    points = zero[0].astype(np.float32) + offset if zero else np.full(scales.shape, offset, np.float32)
    codes = _pack((values.astype(np.int32) + offset).astype(np.uint8), bits, size)
    constants = [Constant(np.ascontiguousarray(a)) for a in (codes, scales, points.astype(np.float32))]
    return site.emit("qnn.dense_blockwise", site.args[0], *constants, bits=bits, block_size=size)


def _pack(codes: np.ndarray, bits: int, size: int) -> np.ndarray:
    """(N, K) to (N, blocks, bytes of a block), the first codes in the lowest bits, the last block filled up."""
    padded = np.pad(codes, ((0, 0), (0, -codes.shape[1] % size)))
    parts = padded.reshape(len(codes), -1, size * bits // 8, 8 // bits)
    return np.bitwise_or.reduce(parts << np.arange(0, 8, bits, dtype=np.uint8), axis=-1).astype(np.uint8)


_RULES: Rules = {"nn.matmul": [_matmul]}


def _run(module: Module, context: PassContext) -> Module:
    return rewrite(module, _RULES)


blockwise_weights = Pass("blockwise_weights", 2, _run)
