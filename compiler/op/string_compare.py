"""Comparison of strings, byte by byte (ONNX Equal)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import product
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import CSource, FusionKind, Op, check_dtype, register, same_dtype, tensors
from .c_source import PROLOGUE, dimension_text, parameters

#: Orders strings by their bytes: that is the order of their characters, too.
COMPARE = """\
static inline int {symbol}_compare(onnxc_string a, onnxc_string b) {{
  const int64_t size = a.size < b.size ? a.size : b.size;
  const int order = size > 0 ? memcmp(a.data, b.data, (size_t)size) : 0;
  return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}}

"""


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    x, y = tensors("string.equal", args, 2)
    check_dtype("string.equal", same_dtype("string.equal", [x, y]), ("string",))
    if x.shape != y.shape:
        raise CompileError(f"string.equal of {x.shape} and {y.shape}", expected="the same shape")
    return TensorType(x.shape, "bool")


def _reference(attrs: Attrs, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray(x == y, np.bool_).reshape(x.shape)


_TEXT = """\
int32_t {symbol}({parameters}) {{
  for (int32_t i = 0; i < {size}; ++i) result[i] = {symbol}_compare(x[i], y[i]) == 0;
  return 0;
}}
"""


def _source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    text = PROLOGUE + COMPARE + _TEXT
    return CSource(
        text.format(
            symbol=symbol,
            parameters=parameters({"x": args[0], "y": args[1]}, {"result": results[0]}, attrs),
            size=dimension_text(product(args[0].shape)),
        )
    )


register(Op("string.equal", FusionKind.OPAQUE, _relation, _reference, source=_source))
