"""Distinct elements, or distinct slices along an axis (ONNX Unique).

Also where each is first, which one each element is, and how often each is there. NaN equals itself, and comes last.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..relay.dimension import product
from ..relay.expr import Attrs
from ..relay.types import TensorType, TupleType, Type
from .base import NUMBERS, REQUIRED, CSource, FusionKind, Op, check_dtype, normalize_axis, register, tensors
from .c_source import PROLOGUE, Scalar, dimension_text, parameters
from .nonzero import COUNT, padded
from .string_compare import COMPARE


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("unique", args, 1)
    check_dtype("unique", x.dtype, (*NUMBERS, "bool", "string"))
    length = TensorType((x.shape[normalize_axis("unique", attrs.axis, x.rank)],), "int64")
    return TupleType((x, length, length, length, COUNT))


def _reference(attrs: Attrs, x: np.ndarray) -> tuple[np.ndarray, ...]:
    key = x.astype(np.float32) if x.dtype.kind == "V" else x
    _, first, inverse, counts = np.unique(key, True, True, True, axis=attrs.axis)
    inverse = inverse.reshape(-1)
    if not attrs.sorted:
        order = np.argsort(first)
        first, inverse, counts = first[order], np.argsort(order)[inverse], counts[order]
    length = (x.shape[attrs.axis],)
    listed = (padded(np.asarray(a, np.int64), length) for a in (first, inverse, counts))
    return (padded(np.take(x, first, attrs.axis), x.shape), *listed, np.array([len(first)], np.int64))


#: Sorts the numbers of the slices by a heap, those of equal slices by their places, and numbers the groups.
_TEXT = """\
{prologue}{helpers}/* -1, 0 or 1: slice a before, equal to, behind slice b. */
static int {symbol}_order(const {storage} *x, int32_t a, int32_t b, int32_t outer, int64_t length, int32_t inner) {{
  for (int32_t o = 0; o < outer; ++o)
    for (int32_t i = 0; i < inner; ++i) {{
      const {type} left = {left}, right = {right};
      if ({less_left}) return -1;
      if ({less_right}) return 1;
    }}
  return 0;
}}

int32_t {symbol}({parameters}) {{
  const int32_t outer = {outer}, length = {length}, inner = {inner};
  int32_t *order = (int32_t *)(void *)workspace, *group = order + length;
  int32_t found = 0;
  for (int32_t i = 0; i < length; ++i) order[i] = i;
  for (int32_t end = length, start = length / 2; end > 1;) {{ /* heap sort */
    int32_t at, value;
    if (start > 0) {{
      at = --start;
      value = order[at];
    }} else {{
      value = order[--end];
      order[end] = order[0];
      at = 0;
    }}
    for (;;) {{
      int32_t child = 2 * at + 1;
      if (child >= end) break;
      if (child + 1 < end) {{
        const int c = {symbol}_order(x, order[child], order[child + 1], outer, length, inner);
        if (c < 0 || (c == 0 && order[child] < order[child + 1])) ++child;
      }}
      const int c = {symbol}_order(x, value, order[child], outer, length, inner);
      if (c > 0 || (c == 0 && value > order[child])) break;
      order[at] = order[child];
      at = child;
    }}
    order[at] = value;
  }}
  for (int32_t i = 0; i < length; ++i) {{
    if (i == 0 || {symbol}_order(x, order[i - 1], order[i], outer, length, inner) != 0) {{
      first[found] = order[i];
      number[found] = 0;
      ++found;
    }}
    group[order[i]] = found - 1;
    ++number[found - 1];
  }}
{unsorted}  for (int32_t i = 0; i < length; ++i) inverse[i] = group[i];
  for (int32_t o = 0; o < outer; ++o)
    for (int32_t k = 0; k < found; ++k)
      for (int32_t i = 0; i < inner; ++i)
        y[((int64_t)o * found + k) * inner + i] = x[((int64_t)o * length + first[k]) * inner + i];
  count[0] = found;
  return 0;
}}
"""

#: In the order in which they are first: `order` takes the new number of each group.
_UNSORTED = """\
  int32_t seen = 0;
  for (int32_t i = 0; i < length; ++i)
    if (first[group[i]] == i) order[group[i]] = seen++;
  for (int32_t i = 0; i < length; ++i) group[i] = order[group[i]];
  for (int32_t k = 0; k < found; ++k) number[k] = 0;
  for (int32_t i = length - 1; i >= 0; --i) {
    first[group[i]] = i;
    ++number[group[i]];
  }
"""


def _source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    (x,) = args
    axis = attrs.axis % x.rank
    scalar = Scalar(x.dtype, symbol)
    floating = scalar.arithmetic in ("float", "double")
    less = "{0} < {1} || ({1} != {1} && {0} == {0})" if floating else "{0} < {1}"
    helpers = scalar.helpers
    if x.dtype == "string":
        helpers, less = COMPARE.format(symbol=symbol), f"{symbol}_compare({{0}}, {{1}}) < 0"
    outputs = dict(zip(("y", "first", "inverse", "number", "count"), results, strict=True))
    return CSource(
        _TEXT.format(
            prologue=PROLOGUE,
            helpers=helpers,
            symbol=symbol,
            storage=scalar.storage,
            type=scalar.arithmetic,
            left=scalar.load("x[((int64_t)o * length + a) * inner + i]"),
            right=scalar.load("x[((int64_t)o * length + b) * inner + i]"),
            less_left=less.format("left", "right"),
            less_right=less.format("right", "left"),
            parameters=parameters({"x": x}, outputs, attrs, "workspace"),
            outer=dimension_text(product(x.shape[:axis])),
            length=dimension_text(x.shape[axis]),
            inner=dimension_text(product(x.shape[axis + 1 :])),
            unsorted="" if attrs.sorted else _UNSORTED,
        ),
        8 * x.shape[axis] + 8,
    )


register(
    Op(
        "unique",
        FusionKind.OPAQUE,
        _relation,
        _reference,
        source=_source,
        attributes={"axis": REQUIRED, "sorted": True},
    )
)
