"""Places of what is not zero (ONNX NonZero), and what a condition keeps (ONNX Compress).

Both give memory for as much as there can be, which begins with what there is, and how much that is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import product
from ..relay.expr import Attrs
from ..relay.types import TensorType, TupleType, Type
from .base import NUMBERS, REQUIRED, CSource, FusionKind, Op, check_dtype, normalize_axis, register, tensors
from .c_source import PROLOGUE, Scalar, dimension_text, parameters, storage_type

COUNT = TensorType((1,), "int64")


def padded(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """An array's elements at the begin of a larger one."""
    result = np.zeros(shape, array.dtype)
    result.reshape(-1)[: array.size] = array.reshape(-1)
    return result


def _nonzero_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("nonzero", args, 1)
    check_dtype("nonzero", x.dtype, (*NUMBERS, "bool", "complex64", "complex128", "string"))
    return TupleType((TensorType((x.rank, x.size), "int64"), COUNT))


def _nonzero_reference(attrs: Attrs, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    places = np.array(np.nonzero(x) if x.ndim else np.empty((0, np.count_nonzero(x))), np.int64)
    return padded(places, (x.ndim, x.size)), np.array([np.count_nonzero(x)], np.int64)


#: For elements that are no numbers of C: text is not empty, the bits of a complex64 are more than signs.
_NOT_ZERO = {
    "string": "(x[i].size > 0)",
    "complex64": "((x[i] & UINT64_C(0x7fffffff7fffffff)) != 0)",
    "complex128": "(x[i] != 0)",
}

_NONZERO = """\
{prologue}{helpers}int32_t {symbol}({parameters}) {{
  const int32_t sizes[] = {{{sizes}1}};
  const int64_t size = {size};
  int64_t found = 0, place = 0;
  for (int64_t i = 0; i < size; ++i) found += {nonzero};
  for (int64_t i = 0; i < size; ++i) {{
    int64_t rest = i;
    if (!({nonzero})) continue;
    for (int axis = {rank} - 1; axis >= 0; --axis) {{
      places[axis * found + place] = rest % sizes[axis];
      rest /= sizes[axis];
    }}
    ++place;
  }}
  count[0] = found;
  return 0;
}}
"""


def _nonzero_source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    (x,) = args
    helpers = "" if x.dtype in _NOT_ZERO else Scalar(x.dtype, symbol).helpers
    nonzero = _NOT_ZERO.get(x.dtype) or f"{Scalar(x.dtype, symbol).load('x[i]')} != 0"
    return CSource(
        _NONZERO.format(
            prologue=PROLOGUE,
            helpers=helpers,
            symbol=symbol,
            parameters=parameters({"x": x}, {"places": results[0], "count": results[1]}, attrs),
            sizes="".join(f"{dimension_text(d)}, " for d in x.shape),
            size=dimension_text(x.size),
            rank=x.rank,
            nonzero=nonzero,
        )
    )


register(Op("nonzero", FusionKind.OPAQUE, _nonzero_relation, _nonzero_reference, source=_nonzero_source))


def _compress_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    x, condition = tensors("compress", args, 2)
    normalize_axis("compress", attrs.axis, x.rank)
    if condition.rank != 1 or condition.dtype != "bool" or x.rank == 0:
        raise CompileError(f"compress of {x} by {condition}", expected="a list of bool")
    return TupleType((x, COUNT))


def _compress_reference(attrs: Attrs, x: np.ndarray, condition: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    kept = np.flatnonzero(condition[: x.shape[attrs.axis]])
    return padded(np.take(x, kept, attrs.axis), x.shape), np.array([len(kept)], np.int64)


_COMPRESS = """\
{prologue}int32_t {symbol}({parameters}) {{
  const int64_t outer = {outer}, length = {length}, inner = {inner};
  const int64_t last = length < {conditions} ? length : {conditions};
  int64_t kept = 0;
  for (int64_t i = 0; i < last; ++i) kept += condition[i] != 0;
  for (int64_t o = 0; o < outer && inner > 0; ++o)
    for (int64_t i = 0; i < last; ++i) {{
      if (!condition[i]) continue;
      memcpy(y, x + (o * length + i) * inner, (size_t)inner * sizeof(*y));
      y += inner;
    }}
  count[0] = kept;
  return 0;
}}
"""


def _compress_source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    x, condition = args
    axis = attrs.axis % x.rank
    storage_type(x.dtype)
    return CSource(
        _COMPRESS.format(
            prologue=PROLOGUE,
            symbol=symbol,
            parameters=parameters({"x": x, "condition": condition}, {"y": results[0], "count": results[1]}, attrs),
            outer=dimension_text(product(x.shape[:axis])),
            length=dimension_text(x.shape[axis]),
            inner=dimension_text(product(x.shape[axis + 1 :])),
            conditions=dimension_text(condition.shape[0]),
        )
    )


register(
    Op(
        "compress",
        FusionKind.OPAQUE,
        _compress_relation,
        _compress_reference,
        source=_compress_source,
        attributes={"axis": REQUIRED},
    )
)
