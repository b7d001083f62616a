"""Elements of less than a byte: from the interface's form, several in a byte, to the kernels' form, one in a byte.

The interface's form is that of ONNX's raw data and of DLPack: the first element in the lowest bits, and no gap but at
the end. Which form a value has does not stand in its type: parameters and results of ``main`` are packed, and nothing
else is. The pass `pack_interface` sees to it, and these two operators are the only ones that touch packed memory.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..relay.expr import Attrs
from ..relay.types import DTYPES, TensorType, Type
from .base import CSource, FusionKind, Op, check_dtype, register, tensors
from .c_source import PROLOGUE, dimension_text, parameters

#: Element types of less than a byte.
PACKED = tuple(name for name, (_, bits) in DTYPES.items() if bits < 8)


def _source(symbol: str, attrs: Attrs, x: TensorType, loop: str) -> CSource:
    names = parameters({"x": x}, {"y": x}, attrs)
    body = f"  int64_t count = {dimension_text(x.size)};\n{loop}"
    return CSource(f"{PROLOGUE}\nint32_t {symbol}({names}) {{\n{body}  return 0;\n}}\n")


def _unpack(symbol: str, attrs: Attrs, arguments: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    (x,) = arguments
    bits = DTYPES[x.dtype][1]
    mask, sign, each = (1 << bits) - 1, 1 << (bits - 1), 8 // bits
    value = f"((const uint8_t *)x)[i / {each}] >> i % {each} * {bits} & {mask}"
    element = f"(int8_t)((({value}) ^ {sign}) - {sign})" if x.dtype.startswith("int") else f"(uint8_t)({value})"
    return _source(symbol, attrs, x, f"  for (int64_t i = 0; i < count; ++i) y[i] = {element};\n")


def _pack(symbol: str, attrs: Attrs, arguments: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    (x,) = arguments
    bits = DTYPES[x.dtype][1]
    mask, each = (1 << bits) - 1, 8 // bits
    loop = f"""\
  for (int64_t i = 0; i < count; i += {each}) {{
    unsigned byte = 0;
    for (int64_t k = 0; k < {each} && i + k < count; ++k) byte |= ((unsigned)x[i + k] & {mask}u) << k * {bits};
    ((uint8_t *)y)[i / {each}] = (uint8_t)byte;
  }}
"""
    return _source(symbol, attrs, x, loop)


for _name, _write in (("unpack", _unpack), ("pack", _pack)):

    def _relation(attrs: Attrs, args: Sequence[Type], name: str = _name) -> Type:
        (x,) = tensors(name, args, 1)
        check_dtype(name, x.dtype, PACKED)
        return x

    def _reference(attrs: Attrs, x: np.ndarray) -> np.ndarray:
        return x  # numpy keeps an element in a byte

    register(Op(_name, FusionKind.OPAQUE, _relation, _reference, source=_write))
