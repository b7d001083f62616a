"""The value that belongs to each element in a table of keys (ONNX LabelEncoder, CategoryMapper, OneHotEncoder)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import product
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import CSource, FusionKind, Op, register, same_dtype, tensors
from .c_source import PROLOGUE, Scalar, dimension_text, parameters
from .string_compare import COMPARE


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    x, keys, values, default = tensors("ml.lookup", args, 4)
    same_dtype("ml.lookup", [x, keys])
    dtype = same_dtype("ml.lookup", [values, default])
    if keys.rank != 1 or keys.shape != values.shape or default.size != 1:
        raise CompileError(
            f"ml.lookup with keys {keys.shape}, values {values.shape} and default {default.shape}",
            expected="as many values as keys, and one default",
        )
    return TensorType(x.shape, dtype)


def sort_key(value: object) -> tuple[bool, object]:
    """Orders keys as the kernel does: NaN comes last, strings by their UTF-8 bytes."""
    if isinstance(value, str):
        return False, value.encode("utf-8", "surrogateescape")
    return value != value, value


def _reference(attrs: Attrs, x: np.ndarray, keys: np.ndarray, values: np.ndarray, default: np.ndarray) -> np.ndarray:
    table = {sort_key(k)[1] if k == k else "nan": v for k, v in zip(keys.tolist(), values.reshape(-1), strict=True)}
    other = default.reshape(-1)[0]
    flat = [table.get(sort_key(e)[1] if e == e else "nan") for e in x.reshape(-1).tolist()]
    if attrs.strict and any(v is None for v in flat):
        raise CompileError("ml.lookup of a value that is not among the keys", expected="one of the keys")
    result = np.empty(len(flat), values.dtype)
    result[:] = [other if v is None else v for v in flat]
    return result.reshape(x.shape)


#: Keys are sorted: a binary search for the first that is not less.
_TEXT = """\
{prologue}{helpers}static inline int {symbol}_less({type} a, {type} b) {{ return {less}; }}

int32_t {symbol}({parameters}) {{
  const int32_t count = {count}, size = {size};
  for (int32_t i = 0; i < size; ++i) {{
    const {type} value = {load};
    int32_t low = 0, high = count;
    while (low < high) {{
      const int32_t middle = low + (high - low) / 2;
      if ({symbol}_less({middle}, value)) low = middle + 1;
      else high = middle;
    }}
    if (low < count && !{symbol}_less(value, {low}))
      result[i] = values[low];
    else
      {otherwise};
  }}
  return 0;
}}
"""


def _source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    x, keys, values, default = args
    scalar = Scalar(x.dtype, symbol)
    names = {"x": x, "keys": keys, "values": values, "other": default}
    is_string, less = x.dtype == "string", "a < b"
    if scalar.arithmetic in ("float", "double"):
        less = "a < b || (b != b && a == a)"
    elif is_string:
        less = f"{symbol}_compare(a, b) < 0"
    return CSource(
        _TEXT.format(
            prologue=PROLOGUE + (COMPARE.format(symbol=symbol) if is_string else ""),
            helpers=scalar.helpers,
            symbol=symbol,
            type=scalar.arithmetic,
            less=less,
            parameters=parameters(names, {"result": results[0]}, attrs),
            count=dimension_text(keys.size),
            size=dimension_text(product(x.shape)),
            load=scalar.load("x[i]"),
            middle=scalar.load("keys[middle]"),
            low=scalar.load("keys[low]"),
            otherwise="return (void)other, 9 /* ONNXC_ERROR_KERNEL */" if attrs.strict else "result[i] = other[0]",
        )
    )


register(
    Op("ml.lookup", FusionKind.OPAQUE, _relation, _reference, source=_source, attributes={"strict": False}),
)
