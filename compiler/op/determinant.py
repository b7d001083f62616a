"""Determinants of matrices, by Gaussian elimination with partial pivoting."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .accumulate import widen
from .base import CSource, FusionKind, Op, register
from .square_matrix import matrix_source, square_matrices

_TEXT = """\
{prologue}{helpers}int32_t {symbol}({parameters}) {{
  const int64_t count = {count}, n = {n};
  double *m = (double *)workspace;
  for (int64_t item = 0; item < count; ++item, x += n * n) {{
    double result = 1;
    for (int64_t i = 0; i < n * n; ++i) m[i] = (double){load};
    for (int64_t k = 0; k < n; ++k) {{
      int64_t pivot = k;
      for (int64_t i = k + 1; i < n; ++i)
        if (fabs(m[i * n + k]) > fabs(m[pivot * n + k])) pivot = i;
      if (pivot != k) {{
        result = -result;
        for (int64_t j = k; j < n; ++j) {{
          const double other = m[k * n + j];
          m[k * n + j] = m[pivot * n + j];
          m[pivot * n + j] = other;
        }}
      }}
      result *= m[k * n + k];
      if (m[k * n + k] == 0) break;
      for (int64_t i = k + 1; i < n; ++i) {{
        const double factor = m[i * n + k] / m[k * n + k];
        for (int64_t j = k + 1; j < n; ++j) m[i * n + j] -= factor * m[k * n + j];
      }}
    }}
    y[item] = {store};
  }}
  return 0;
}}
"""


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    x = square_matrices("determinant", args)
    return TensorType(x.shape[:-2], x.dtype)


def _reference(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.det(widen(x).astype(np.float64))).astype(x.dtype)


def _source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    text = matrix_source(_TEXT, symbol, attrs, args, results, "x[i]", "result")
    return CSource(text, 8 * args[0].shape[-1] * args[0].shape[-1])


register(Op("determinant", FusionKind.OPAQUE, _relation, _reference, source=_source))
