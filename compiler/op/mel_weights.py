"""Mel filters whose numbers only the run knows (ONNX MelWeightMatrix).

Triangles, equally spaced in mel, over the numbers of a one-sided spectrum of `length` elements.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import REQUIRED, CSource, FusionKind, Op, register, tensors
from .c_source import PROLOGUE, WRONG_VALUE, dimension_text, parameters


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    for x in tensors("mel_weights", args, 3):
        if x.size != 1 or x.dtype != "float64":
            raise CompileError(f"mel_weights of {x}", expected="sampling rate, lower and upper frequency as float64")
    return TensorType((attrs.length // 2 + 1, attrs.bins), "float64")


def mel_weights(bins: int, length: int, rate: float, low: float, high: float) -> np.ndarray:
    """The matrix, (length // 2 + 1, bins); frequencies in hertz."""

    def to_mel(hertz: float) -> float:
        return 2595 * math.log10(1 + hertz / 700)

    mel = np.arange(bins + 2) * ((to_mel(high) - to_mel(low)) / (bins + 2)) + to_mel(low)
    corners = ((length + 1) * (700 * (10 ** (mel / 2595) - 1)) // rate).astype(np.int64)
    spectrum = length // 2 + 1
    corners = np.clip(corners, 0, spectrum - 1)
    result = np.zeros((spectrum, bins))
    place = np.arange(spectrum)
    for index in range(bins):
        left, centre, right = (int(c) for c in corners[index : index + 3])
        if left == centre:
            result[centre, index] = 1
        else:
            rising = (place >= left) & (place <= centre)
            result[rising, index] = (place[rising] - left) / (centre - left)
        if right > centre:
            falling = (place >= centre) & (place < right)
            result[falling, index] = (right - place[falling]) / (right - centre)
    return result


def _reference(attrs: Attrs, rate: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return mel_weights(attrs.bins, attrs.length, *(float(v.reshape(())) for v in (rate, low, high)))


_TEXT = """\
{prologue}/* The element at which a triangle begins, ends or has its middle. */
static int32_t {symbol}_corner(int32_t index, int32_t bins, int32_t length, double rate, double low, double high) {{
  const double first = 2595 * log10(1 + low / 700), last = 2595 * log10(1 + high / 700);
  const double mel = index * ((last - first) / (bins + 2)) + first;
  const double place = floor((length + 1.0) * (700 * (pow(10, mel / 2595) - 1)) / rate);
  return place >= length / 2 ? length / 2 : place > 0 ? (int32_t)place : 0;
}}

int32_t {symbol}({parameters}) {{
  const int32_t length = {length}, bins = {bins}, spectrum = length / 2 + 1;
  if (length < 1 || bins < 1 || !(rate[0] > 0)) return {wrong};
  memset(out, 0, (size_t)spectrum * (size_t)bins * sizeof *out);
  for (int32_t index = 0; index < bins; ++index) {{
    int32_t corners[3];
    for (int32_t k = 0; k < 3; ++k)
      corners[k] = {symbol}_corner(index + k, bins, length, rate[0], low[0], high[0]);
    const int32_t left = corners[0], centre = corners[1], right = corners[2];
    if (left == centre) out[(int64_t)centre * bins + index] = 1;
    for (int32_t at = left; at <= centre && left != centre; ++at)
      out[(int64_t)at * bins + index] = (double)(at - left) / (centre - left);
    for (int32_t at = centre; at < right; ++at)
      out[(int64_t)at * bins + index] = (double)(right - at) / (right - centre);
  }}
  return 0;
}}
"""


def _source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    names = dict(zip(("rate", "low", "high"), args, strict=True))
    text = _TEXT.format(
        prologue=PROLOGUE,
        symbol=symbol,
        parameters=parameters(names, {"out": results[0]}, attrs),
        length=dimension_text(attrs.length),
        bins=dimension_text(attrs.bins),
        wrong=WRONG_VALUE,
    )
    return CSource(text)


register(
    Op(
        "mel_weights",
        FusionKind.OPAQUE,
        _relation,
        _reference,
        source=_source,
        attributes={"bins": REQUIRED, "length": REQUIRED},
    )
)
