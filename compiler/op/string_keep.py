"""The strings of a list that a mask keeps; where it keeps none, one empty string (ONNX StringNormalizer).

The result has memory for as many as there can be, and begins with those that are there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import maximum
from ..relay.expr import Attrs
from ..relay.types import TensorType, TupleType, Type
from .base import CSource, FusionKind, Op, check_dtype, register, tensors
from .c_source import PROLOGUE, dimension_text, parameters


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    x, mask = tensors("string.keep", args, 2)
    check_dtype("string.keep", x.dtype, ("string",))
    check_dtype("string.keep", mask.dtype, ("bool",))
    if x.rank != 1 or x.shape != mask.shape:
        raise CompileError(f"string.keep of {x.shape} by {mask.shape}", expected="two lists of one length")
    return TupleType((TensorType((maximum(x.shape[0], 1),), "string"), TensorType((1,), "int64")))


def _reference(attrs: Attrs, x: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    kept = [text for text, keep in zip(x, mask, strict=True) if keep] or [""]
    result = np.full(max(len(x), 1), "", object)
    result[: len(kept)] = kept
    return result, np.array([len(kept)], np.int64)


_TEXT = """\
{prologue}
int32_t {symbol}({parameters}) {{
  int64_t kept = 0;
  for (int32_t i = 0; i < {size}; ++i)
    if (mask[i]) result[kept++] = x[i];
  if (kept == 0) {{
    result[kept].data = "";
    result[kept++].size = 0;
  }}
  count[0] = kept;
  return 0;
}}
"""


def _source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    x, mask = args
    return CSource(
        _TEXT.format(
            prologue=PROLOGUE,
            symbol=symbol,
            parameters=parameters({"x": x, "mask": mask}, {"result": results[0], "count": results[1]}, attrs),
            size=dimension_text(x.shape[0]),
        )
    )


register(Op("string.keep", FusionKind.OPAQUE, _relation, _reference, source=_source))
