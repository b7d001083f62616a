"""Squared Euclidean distances between rows and points (the kernel RBF of ONNX SVMClassifier and SVMRegressor).

Differences are squared: |x|^2 + |p|^2 - 2xp would be a matrix product, but loses all digits of small distances between
large vectors.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import Dimension
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import CSource, FusionKind, Op, check_dtype, register, same_dtype, tensors
from .c_source import PROLOGUE, dimension_text, parameters


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    """Points are columns, so that neighbours in memory are neighbours in the result."""
    x, points = tensors("ml.squared_distance", args, 2)
    dtype = same_dtype("ml.squared_distance", [x, points])
    check_dtype("ml.squared_distance", dtype, ("float32", "float64"))
    known = isinstance(x.shape[-1], int) and isinstance(points.shape[0], int)
    if x.rank != 2 or points.rank != 2 or (known and x.shape[1] != points.shape[0]):
        raise CompileError(f"ml.squared_distance of {x.shape} and {points.shape}", expected="rows, and columns as long")
    return TensorType((x.shape[0], points.shape[1]), dtype)


def _reference(attrs: Attrs, x: np.ndarray, points: np.ndarray) -> np.ndarray:
    return np.stack([np.square(row[:, None] - points).sum(axis=0) for row in x]).astype(x.dtype)


_TEXT = """\
{prologue}
#if defined(__GNUC__)
#if defined(__AVX512F__)
#define BYTES 64
#elif defined(__AVX__)
#define BYTES 32
#else
#define BYTES 16
#endif
#define LANES (BYTES / (int32_t)sizeof({real}))
typedef {real} {symbol}_vector __attribute__((vector_size(BYTES), aligned(sizeof({real}))));

/* Four rows, and two vectors of points: eight sums in registers. */
static inline void {symbol}_tile(const {real} *const *rows, const {real} *points, {real} *const *results,
    int32_t features, int32_t count) {{
  {symbol}_vector sums[8] = {{{{0}}}};
  for (int32_t k = 0; k < features; ++k) {{
    const {symbol}_vector p = *(const {symbol}_vector *)(const void *)points;
    const {symbol}_vector q = *(const {symbol}_vector *)(const void *)(points + LANES);
    {symbol}_vector d;
{steps}\
    points += count;
  }}
  for (int32_t r = 0; r < 4; ++r) {{
    *({symbol}_vector *)(void *)results[r] = sums[2 * r];
    *({symbol}_vector *)(void *)(results[r] + LANES) = sums[2 * r + 1];
  }}
}}
#endif

int32_t {symbol}({parameters}, int32_t begin, int32_t end) {{
  const int32_t rows = {rows}, features = {features}, count = {count};
  for (int32_t row = 4 * begin; row < 4 * end && row < rows; row += 4) {{
    const {real} *from[4];
    {real} *to[4];
    for (int32_t r = 0; r < 4; ++r) {{ /* the last row again where there are fewer than four */
      const int32_t place = row + r < rows ? row + r : rows - 1;
      from[r] = x + (int64_t)place * features;
      to[r] = distances + (int64_t)place * count;
    }}
    int32_t s = 0;
#if defined(__GNUC__)
    for (; s + 2 * LANES <= count; s += 2 * LANES) {{
      {real} *const at[4] = {{to[0] + s, to[1] + s, to[2] + s, to[3] + s}};
      {symbol}_tile(from, points + s, at, features, count);
    }}
#endif
    for (; s < count; ++s)
      for (int32_t r = 0; r < 4 && row + r < rows; ++r) {{
        {real} sum = 0;
        for (int32_t k = 0; k < features; ++k) {{
          const {real} d = from[r][k] - points[(int64_t)k * count + s];
          sum += d * d;
        }}
        to[r][s] = sum;
      }}
  }}
  return 0;
}}
"""

_STEP = """\
    d = rows[{row}][k] - p;
    sums[{first}] += d * d;
    d = rows[{row}][k] - q;
    sums[{second}] += d * d;
"""


def _source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    x, points = args
    text = _TEXT.format(
        prologue=PROLOGUE,
        symbol=symbol,
        real="float" if x.dtype == "float32" else "double",
        steps="".join(_STEP.format(row=r, first=2 * r, second=2 * r + 1) for r in range(4)),
        parameters=parameters({"x": x, "points": points}, {"distances": results[0]}, attrs),
        rows=dimension_text(x.shape[0]),
        features=dimension_text(x.shape[1]),
        count=dimension_text(points.shape[1]),
    )
    return CSource(text, tasks=(x.shape[0] + 3) // 4)


def _arithmetic(attrs: Attrs, args: Sequence[TensorType]) -> Dimension:
    return args[0].shape[0] * args[1].size


register(
    Op(
        "ml.squared_distance",
        FusionKind.OPAQUE,
        _relation,
        _reference,
        source=_source,
        arithmetic=_arithmetic,
    )
)
