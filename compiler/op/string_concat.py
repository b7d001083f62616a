"""Strings that are made out of others: two one after the other (ONNX StringConcat)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import product
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import CSource, FusionKind, Op, check_dtype, register, same_dtype, tensors
from .c_source import PROLOGUE, dimension_text, parameters


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    x, y = tensors("string.concat", args, 2)
    check_dtype("string.concat", same_dtype("string.concat", [x, y]), ("string",))
    if x.shape != y.shape:
        raise CompileError(f"string.concat of {x.shape} and {y.shape}", expected="the same shape")
    return x


def _reference(attrs: Attrs, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    result = np.empty(x.size, object)
    result[:] = [a + b for a, b in zip(x.reshape(-1), y.reshape(-1), strict=True)]
    return result.reshape(x.shape)


_TEXT = """\
{prologue}
int32_t {symbol}({parameters}) {{
  for (int32_t i = 0; i < {size}; ++i) {{
    const int64_t first = x[i].size, second = y[i].size;
    char *const place = onnxc_text_take(text, first + second);
    if (place == NULL) return ONNXC_ERROR_MEMORY;
    if (first > 0) memcpy(place, x[i].data, (size_t)first);
    if (second > 0) memcpy(place + first, y[i].data, (size_t)second);
    result[i].data = place;
    result[i].size = first + second;
  }}
  return 0;
}}
"""


def _source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    x, y = args
    return CSource(
        _TEXT.format(
            prologue=PROLOGUE,
            symbol=symbol,
            parameters=parameters({"x": x, "y": y}, {"result": results[0]}, attrs, makes_text=True),
            size=dimension_text(product(x.shape)),
        )
    )


register(Op("string.concat", FusionKind.OPAQUE, _relation, _reference, source=_source, makes_text=True))
