"""Squared Euclidean distances between rows and points (the kernel RBF of ONNX SVMClassifier and SVMRegressor).

Differences are squared: |x|^2 + |p|^2 - 2xp would be a matrix product, but loses all digits of small distances between
large vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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

/* {height} rows, and {vectors} vectors of points: their sums are in registers. */
static inline void {symbol}_tile(const {real} *const *rows, const {real} *points, {real} *const *results,
    int32_t features, int32_t count) {{
  {symbol}_vector sums[{height} * {vectors}] = {{{{0}}}};
  for (int32_t k = 0; k < features; ++k) {{
    {symbol}_vector d;
{steps}\
    points += count;
  }}
  for (int32_t r = 0; r < {height}; ++r)
    for (int32_t v = 0; v < {vectors}; ++v)
      *({symbol}_vector *)(void *)(results[r] + v * LANES) = sums[{vectors} * r + v];
}}
#endif

int32_t {symbol}({parameters}, int32_t begin, int32_t end) {{
  const int32_t rows = {rows}, features = {features}, count = {count};
  for (int32_t row = {height} * begin; row < {height} * end && row < rows; row += {height}) {{
    const {real} *from[{height}];
    {real} *to[{height}];
    for (int32_t r = 0; r < {height}; ++r) {{ /* the last row again where there are fewer */
      const int32_t place = row + r < rows ? row + r : rows - 1;
      from[r] = x + (int64_t)place * features;
      to[r] = distances + (int64_t)place * count;
    }}
    int32_t s = 0;
#if defined(__GNUC__)
    for (; s + {vectors} * LANES <= count; s += {vectors} * LANES) {{
      {real} *const at[{height}] = {{{places}}};
      {symbol}_tile(from, points + s, at, features, count);
    }}
#endif
    for (; s < count; ++s)
      for (int32_t r = 0; r < {height} && row + r < rows; ++r) {{
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


def _steps(symbol: str, height: int, vectors: int) -> str:
    """C that adds a feature's squares to the sums."""
    lines = [
        f"const {symbol}_vector p{v} = *(const {symbol}_vector *)(const void *)(points + {v} * LANES);"
        for v in range(vectors)
    ]
    for r in range(height):
        for v in range(vectors):
            lines += [f"d = rows[{r}][k] - p{v};", f"sums[{vectors * r + v}] += d * d;"]
    return "".join(f"    {line}\n" for line in lines)


def _source(
    symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType], knobs: Any
) -> CSource:
    x, points = args
    rows = x.shape[0]
    # The last rows of a tile are computed in vain: with one row alone, a tile of one takes a third of the time.
    height = knobs.choose("distance.rows", (1, 2, 4, 8), 4 if not isinstance(rows, int) or rows > 2 else max(1, rows))
    vectors = knobs.choose("distance.vectors", (1, 2, 4), 2)
    text = _TEXT.format(
        prologue=PROLOGUE,
        symbol=symbol,
        real="float" if x.dtype == "float32" else "double",
        height=height,
        vectors=vectors,
        places=", ".join(f"to[{r}] + s" for r in range(height)),
        steps=_steps(symbol, height, vectors),
        parameters=parameters({"x": x, "points": points}, {"distances": results[0]}, attrs),
        rows=dimension_text(rows),
        features=dimension_text(x.shape[1]),
        count=dimension_text(points.shape[1]),
    )
    return CSource(text, tasks=(rows + (height - 1)) // height)


def _arithmetic(attrs: Attrs, args: Sequence[TensorType]) -> Dimension:
    return args[0].shape[0] * args[1].size


register(
    Op(
        "ml.squared_distance",
        FusionKind.OPAQUE,
        _relation,
        _reference,
        source=_source,
        has_knobs=True,
        arithmetic=_arithmetic,
    )
)
