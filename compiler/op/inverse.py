"""Inverses of matrices, by Gauss and Jordan's elimination with partial pivoting."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .accumulate import widen
from .base import CSource, FusionKind, Op, register
from .square_matrix import matrix_source, square_matrices

#: Rows are (matrix, unit matrix) at first, and (unit matrix, inverse) in the end.
_TEXT = """\
{prologue}{helpers}int32_t {symbol}({parameters}) {{
  const int64_t count = {count}, n = {n}, width = 2 * n;
  double *m = (double *)(void *)workspace;
  for (int64_t item = 0; item < count; ++item, x += n * n, y += n * n) {{
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < n; ++j) {{
        m[i * width + j] = (double){load};
        m[i * width + n + j] = i == j;
      }}
    for (int64_t k = 0; k < n; ++k) {{
      int64_t pivot = k;
      for (int64_t i = k + 1; i < n; ++i)
        if (fabs(m[i * width + k]) > fabs(m[pivot * width + k])) pivot = i;
      const double scale = 1 / m[pivot * width + k];
      for (int64_t j = 0; j < width; ++j) {{
        const double other = m[k * width + j];
        m[k * width + j] = m[pivot * width + j] * scale;
        if (pivot != k) m[pivot * width + j] = other;
      }}
      for (int64_t i = 0; i < n; ++i) {{
        const double factor = m[i * width + k];
        for (int64_t j = 0; j < width && i != k; ++j) m[i * width + j] -= factor * m[k * width + j];
      }}
    }}
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < n; ++j) y[i * n + j] = {store};
  }}
  return 0;
}}
"""


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    return square_matrices("inverse", args)


def _reference(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    return np.linalg.inv(widen(x).astype(np.float64)).astype(x.dtype)


def _source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    text = matrix_source(_TEXT, symbol, attrs, args, results, "x[i * n + j]", "m[i * width + n + j]")
    return CSource(text, 16 * args[0].shape[-1] * args[0].shape[-1])


register(Op("inverse", FusionKind.OPAQUE, _relation, _reference, source=_source))
