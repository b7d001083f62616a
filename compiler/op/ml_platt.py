"""Probabilities of classes out of the decisions between each two of them (ONNX SVMClassifier, as libsvm does it).

Platt's sigmoid gives a probability for each pair; then those of the classes are found that fit all pairs best (Wu, Lin
and Weng, JMLR 2004, second approach), by iterations until nothing changes any more.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import REQUIRED, CSource, FusionKind, Op, check_dtype, register, tensors
from .c_source import PROLOGUE, dimension_text, parameters


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    decisions, slopes, offsets = tensors("ml.platt", args, 3)
    pairs = attrs.classes * (attrs.classes - 1) // 2
    check_dtype("ml.platt", decisions.dtype, ("float32",))
    if decisions.shape[1:] != (pairs,) or slopes.shape != (pairs,) or offsets.shape != (pairs,):
        raise CompileError(
            f"ml.platt of {decisions.shape}, {slopes.shape} and {offsets.shape}", expected=f"{pairs} each"
        )
    return TensorType((decisions.shape[0], attrs.classes), decisions.dtype)


def _reference(attrs: Attrs, decisions: np.ndarray, slopes: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    count = attrs.classes
    first, second = np.triu_indices(count, 1)
    result = np.empty((len(decisions), count), np.float32)
    for row, values in enumerate(decisions.astype(np.float64)):
        pair = np.clip(1 - 1 / (1 + np.exp(-(values * slopes + offsets))), 1e-7, 1 - 1e-7)
        r = np.zeros((count, count))
        r[first, second], r[second, first] = pair, 1 - pair
        q = -r.T * r
        np.fill_diagonal(q, np.square(r).sum(axis=0))
        p = np.full(count, 1 / count)
        for _ in range(max(100, count)):
            product = q @ p
            total = p @ product
            if np.abs(product - total).max() < 0.005 / count:
                break
            for t in range(count):
                change = (total - product[t]) / q[t, t]
                p[t] += change
                total = (total + change * (change * q[t, t] + 2 * product[t])) / (1 + change) ** 2
                product = (product + change * q[t]) / (1 + change)
                p /= 1 + change
        result[row] = p
    return result


_TEXT = """\
{prologue}
int32_t {symbol}({parameters}) {{
  enum {{ COUNT = {classes} }};
  const int32_t rows = {rows};
  float *const q = (float *)(void *)workspace, *const product = q + COUNT * COUNT;
  for (int32_t row = 0; row < rows; ++row, decisions += {pairs}, probabilities += COUNT) {{
    float *const p = probabilities;
    int32_t pair = 0;
    for (int32_t i = 0; i < COUNT; ++i) q[i * COUNT + i] = 0;
    for (int32_t i = 0; i < COUNT; ++i)
      for (int32_t j = i + 1; j < COUNT; ++j, ++pair) {{
        float r = 1 / (1 + expf(decisions[pair] * slopes[pair] + offsets[pair]));
        r = r < 1e-7f ? 1e-7f : r > 1 - 1e-7f ? 1 - 1e-7f : r;
        q[i * COUNT + i] += (1 - r) * (1 - r);
        q[j * COUNT + j] += r * r;
        q[i * COUNT + j] = q[j * COUNT + i] = -r * (1 - r);
      }}
    for (int32_t i = 0; i < COUNT; ++i) p[i] = 1.0f / COUNT;
    for (int32_t round = 0; round < (COUNT > 100 ? COUNT : 100); ++round) {{
      float total = 0, error = 0;
      for (int32_t i = 0; i < COUNT; ++i) {{
        product[i] = 0;
        for (int32_t j = 0; j < COUNT; ++j) product[i] += q[i * COUNT + j] * p[j];
        total += p[i] * product[i];
      }}
      for (int32_t i = 0; i < COUNT; ++i) error = fmaxf(error, fabsf(product[i] - total));
      if (error < 0.005f / COUNT) break;
      for (int32_t i = 0; i < COUNT; ++i) {{
        const float change = (total - product[i]) / q[i * COUNT + i], scale = 1 / (1 + change);
        p[i] += change;
        total = (total + change * (change * q[i * COUNT + i] + 2 * product[i])) * scale * scale;
        for (int32_t j = 0; j < COUNT; ++j) {{
          product[j] = (product[j] + change * q[i * COUNT + j]) * scale;
          p[j] *= scale;
        }}
      }}
    }}
  }}
  return 0;
}}
"""


def _source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    decisions, slopes, offsets = args
    count = attrs.classes
    names = {"decisions": decisions, "slopes": slopes, "offsets": offsets}
    text = _TEXT.format(
        prologue=PROLOGUE,
        symbol=symbol,
        parameters=parameters(names, {"probabilities": results[0]}, attrs, "workspace"),
        rows=dimension_text(decisions.shape[0]),
        classes=count,
        pairs=count * (count - 1) // 2,
    )
    return CSource(text, 4 * count * (count + 1))


register(Op("ml.platt", FusionKind.OPAQUE, _relation, _reference, source=_source, attributes={"classes": REQUIRED}))
