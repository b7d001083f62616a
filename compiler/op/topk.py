"""The k greatest or smallest elements along an axis, in order, with their indices (ONNX TopK).

Of equal elements the one with the lower index comes first. NaN counts as greater than everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import product
from ..relay.expr import Attrs
from ..relay.types import TensorType, TupleType, Type
from .base import NUMBERS, REQUIRED, CSource, FusionKind, Op, check_dtype, normalize_axis, register, tensors
from .c_source import PROLOGUE, WRONG_VALUE, Scalar, dimension_text, parameters


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("topk", args, 1)
    check_dtype("topk", x.dtype, NUMBERS)
    axis = normalize_axis("topk", attrs.axis, x.rank)
    length = x.shape[axis] if x.rank else 0
    if not x.rank or (isinstance(attrs.k, int) and isinstance(length, int) and not 0 <= attrs.k <= length):
        raise CompileError(f"topk with k = {attrs.k} of {x.shape} along axis {axis}", expected="0 to all elements")
    shape = (*x.shape[:axis], attrs.k, *x.shape[axis + 1 :])
    return TupleType((TensorType(shape, x.dtype), TensorType(shape, "int64")))


def _reference(attrs: Attrs, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    key = x.astype(np.float32) if x.dtype.itemsize == 2 and x.dtype.kind in "fV" else x
    if attrs.largest:  # a stable descending order: reverse, sort stably, reverse
        order = np.flip(
            x.shape[attrs.axis] - 1 - np.argsort(np.flip(key, attrs.axis), attrs.axis, kind="stable"), attrs.axis
        )
    else:
        order = np.argsort(key, attrs.axis, kind="stable")
    indices = np.take(order, np.arange(attrs.k), attrs.axis).astype(np.int64)
    return np.take_along_axis(x, indices, attrs.axis), indices


#: The k best so far form a heap in the outputs, its worst element on top; in the end the heap is sorted in place.
_TEXT = """\
{prologue}{helpers}/* Does element a at index i come before element b at index j? */
static int {symbol}_before({type} a, int64_t i, {type} b, int64_t j) {{
  if ({better}) return 1;
  if ({worse}) return 0;
  return i < j;
}}

/* Let the element that belongs at the top of the heap sink to its place. */
static void {symbol}_sink({storage} *values, int64_t *indices, int32_t count, int64_t step, {storage} value,
    int64_t index) {{
  int32_t at = 0;
  for (;;) {{
    int32_t child = 2 * at + 1;
    if (child >= count) break;
    if (child + 1 < count && {symbol}_before({left}, indices[child * step], {right}, indices[(child + 1) * step]))
      ++child;
    if (!{symbol}_before({own}, index, {child}, indices[child * step])) break;
    values[at * step] = values[child * step];
    indices[at * step] = indices[child * step];
    at = child;
  }}
  values[at * step] = value;
  indices[at * step] = index;
}}

int32_t {symbol}({parameters}) {{
  const int32_t outer = {outer}, length = {length}, inner = {inner}, k = {k};
  if (k < 0 || k > length) return {wrong};
  if (k == 0) return 0;
  for (int32_t o = 0; o < outer; ++o)
    for (int32_t i = 0; i < inner; ++i) {{
      const {storage} *source = data + (int64_t)o * length * inner + i;
      {storage} *best = values + (int64_t)o * k * inner + i;
      int64_t *places = indices + (int64_t)o * k * inner + i;
      int32_t count = 0;
      for (; count < k; ++count) {{ /* rise from the end of the heap */
        int32_t at = count;
        while (at > 0) {{
          int32_t parent = (at - 1) / 2;
          if (!{symbol}_before({parent}, places[(int64_t)parent * inner], {fresh}, count)) break;
          best[(int64_t)at * inner] = best[(int64_t)parent * inner];
          places[(int64_t)at * inner] = places[(int64_t)parent * inner];
          at = parent;
        }}
        best[(int64_t)at * inner] = source[(int64_t)count * inner];
        places[(int64_t)at * inner] = count;
      }}
      for (int32_t n = k; n < length; ++n)
        if ({symbol}_before({next}, n, {top}, places[0]))
          {symbol}_sink(best, places, k, inner, source[(int64_t)n * inner], n);
      for (int32_t last = k - 1; last > 0; --last) {{
        {storage} value = best[(int64_t)last * inner];
        int64_t index = places[(int64_t)last * inner];
        best[(int64_t)last * inner] = best[0];
        places[(int64_t)last * inner] = places[0];
        {symbol}_sink(best, places, last, inner, value, index);
      }}
    }}
  return 0;
}}
"""


def _source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    (x,) = args
    axis = attrs.axis % x.rank
    scalar = Scalar(x.dtype, symbol)
    # Only NaN differs from itself; for integers a compiler drops the comparison.
    greater, less = "a > b || (a != a && b == b)", "a < b || (b != b && a == a)"
    if scalar.arithmetic not in ("float", "double"):
        greater, less = "a > b", "a < b"
    loads: dict[str, Any] = {
        "left": "values[child * step]",
        "right": "values[(child + 1) * step]",
        "child": "values[child * step]",
        "own": "value",
        "parent": "best[(int64_t)parent * inner]",
        "fresh": "source[(int64_t)count * inner]",
        "next": "source[(int64_t)n * inner]",
        "top": "best[0]",
    }
    return CSource(
        _TEXT.format(
            prologue=PROLOGUE,
            helpers=scalar.helpers,
            symbol=symbol,
            wrong=WRONG_VALUE,
            type=scalar.arithmetic,
            storage=scalar.storage,
            better=greater if attrs.largest else less,
            worse=less if attrs.largest else greater,
            parameters=parameters({"data": x}, {"values": results[0], "indices": results[1]}, attrs),
            outer=dimension_text(product(x.shape[:axis])),
            length=dimension_text(x.shape[axis]),
            inner=dimension_text(product(x.shape[axis + 1 :])),
            k=dimension_text(attrs.k),
            **{name: scalar.load(text) for name, text in loads.items()},
        )
    )


register(
    Op(
        "topk",
        FusionKind.OPAQUE,
        _relation,
        _reference,
        source=_source,
        attributes={"k": REQUIRED, "axis": -1, "largest": True},
    )
)
